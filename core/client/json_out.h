/* JSON that weir writes: members that lose no byte, and a record on a line.  Thread: any. */
#ifndef WEIR_CLIENT_JSON_OUT_H
#define WEIR_CLIENT_JSON_OUT_H

#include "core/client/client.h"

/* "NAMEMORE": with a comma before it unless it is the first behind a bracket. */
void json_put_name(struct buf *to, const char *name, const char *more);
/* "NAME": text, null for null; where the bytes are no UTF-8 null and "NAME_base64".  ascii: every other character as
 * \uXXXX. */
void json_put_member(struct buf *to, const char *name, struct slice s, bool ascii);
/* One object and the line's end: what `weir tail -o json` prints and the console exports. */
void json_put_record(struct buf *to, struct slice topic, const struct tail_row *row, bool ascii);
void json_put_headers(struct buf *to, const struct tail_row *row, bool ascii);
/* Kafka's name of what the timestamp is. */
static inline const char *json_time_type(const struct tail_row *row) {
    return row->append_time ? "log_append_time" : "create_time";
}

#endif
