/* Changing the configs of a topic or a broker: the part that AlterConfigs and
 * IncrementalAlterConfigs share. */
#ifndef WEIR_BROKER_CONFIGS_ALTER_H
#define WEIR_BROKER_CONFIGS_ALTER_H

#include "core/broker/internal.h"

enum { OP_SET, OP_DELETE, OP_APPEND, OP_SUBTRACT };
struct config_op { struct slice name, value; int8_t op; };

struct config_change {
    int8_t resource_type;
    struct slice resource_name;
    const struct config_op *ops;
    int32_t n_ops;
    bool replace;                     /* AlterConfigs: what is not named goes back to its default */
    /* the outcome */
    int16_t error;
    struct slice message;             /* null: none */
};
/* All of a request's changes: each is whole or not at all.  The answer's rows, as many; *ticket: when all
 * are durable. */
struct alter_configs_resp_resource *configs_alter(struct broker *b, struct request *rq, struct config_change *v,
                                                  int32_t n, bool validate_only, uint64_t *ticket);

#endif
