/* Schema passes 2 to 4: rows become field tables, struct tables and messages.
 *
 * Constant but for one thing: each struct keeps a small cache of its smallest
 * wire size per version, plain and flexible (see proto_min_size), filled on
 * first use by relaxed atomic stores of a value that every thread computes alike. */
#include "core/proto/proto_wire.h"

#define TYPE_boolean PT_BOOL
#define TYPE_i8 PT_I8
#define TYPE_i16 PT_I16
#define TYPE_u16 PT_U16
#define TYPE_i32 PT_I32
#define TYPE_u32 PT_U32
#define TYPE_i64 PT_I64
#define TYPE_f64 PT_F64
#define TYPE_uuid PT_UUID
#define TYPE_string PT_STRING
#define TYPE_bytes PT_BYTES

/* Pass 2: the fields of each struct. */
#define ROW(S, type, shape, sub, name, since, until, ns, def, tag) \
    {#name, sub, def, offsetof(struct S, name), since, until, ns, tag, type, shape},
#define STRUCT(S) static const struct proto_field fields_##S[] = {
#define END(S) };
#define FIELD(S, type, name, since, until, def) ROW(S, TYPE_##type, PS_ONE, NULL, name, since, until, NN, def, -1)
#define STRING(S, name, since, until, ns) ROW(S, PT_STRING, PS_ONE, NULL, name, since, until, ns, 0, -1)
#define BYTES(S, name, since, until, ns) ROW(S, PT_BYTES, PS_ONE, NULL, name, since, until, ns, 0, -1)
#define RECORDS(S, name, since, until, ns) ROW(S, PT_RECORDS, PS_ONE, NULL, name, since, until, ns, 0, -1)
#define LIST(S, type, name, since, until, ns) ROW(S, TYPE_##type, PS_ARRAY, NULL, name, since, until, ns, 0, -1)
#define ARRAY(S, sub, name, since, until, ns) \
    ROW(S, PT_STRUCT, PS_ARRAY, PROTO_STRUCT(sub), name, since, until, ns, 0, -1)
#define OBJECT(S, sub, name, since, until) ROW(S, PT_STRUCT, PS_ONE, PROTO_STRUCT(sub), name, since, until, NN, 0, -1)
#define NOBJECT(S, sub, name, since, until, ns) \
    ROW(S, PT_STRUCT, PS_POINTER, PROTO_STRUCT(sub), name, since, until, ns, 0, -1)
#define TFIELD(S, type, name, since, until, def, tag) \
    ROW(S, TYPE_##type, PS_ONE, NULL, name, since, until, NN, def, tag)
#define TSTRING(S, name, since, until, ns, tag) ROW(S, PT_STRING, PS_ONE, NULL, name, since, until, ns, 0, tag)
#define TBYTES(S, name, since, until, ns, tag) ROW(S, PT_BYTES, PS_ONE, NULL, name, since, until, ns, 0, tag)
#define TRECORDS(S, name, since, until, ns, tag) ROW(S, PT_RECORDS, PS_ONE, NULL, name, since, until, ns, 0, tag)
#define TLIST(S, type, name, since, until, ns, tag) ROW(S, TYPE_##type, PS_ARRAY, NULL, name, since, until, ns, 0, tag)
#define TARRAY(S, sub, name, since, until, ns, tag) \
    ROW(S, PT_STRUCT, PS_ARRAY, PROTO_STRUCT(sub), name, since, until, ns, 0, tag)
#define TOBJECT(S, sub, name, since, until, tag) \
    ROW(S, PT_STRUCT, PS_ONE, PROTO_STRUCT(sub), name, since, until, NN, 0, tag)
#define TNOBJECT(S, sub, name, since, until, ns, tag) \
    ROW(S, PT_STRUCT, PS_POINTER, PROTO_STRUCT(sub), name, since, until, ns, 0, tag)
#define REQUEST(S, ...)
#define RESPONSE(S, ...)
#define DATA(S, ...)
#include "core/proto/schema/all.def"
#include "core/proto/pass_end.h"

/* Pass 3: structs and messages. */
#define STRUCT(S) \
    static _Atomic uint16_t min_size_##S[2 * PROTO_VERSIONS]; \
    const struct proto_struct proto_struct_##S = {#S, fields_##S, min_size_##S, \
        sizeof fields_##S / sizeof *fields_##S, sizeof(struct S)};
#define REQUEST(S, key, min, max, flexible) \
    const struct proto_message proto_message_##S = {PROTO_STRUCT(S), key, min, max, flexible, PK_REQUEST};
#define RESPONSE(S, key, min, max, flexible) \
    const struct proto_message proto_message_##S = {PROTO_STRUCT(S), key, min, max, flexible, PK_RESPONSE};
#define DATA(S, min, max, flexible) \
    const struct proto_message proto_message_##S = {PROTO_STRUCT(S), -1, min, max, flexible, PK_DATA};
#include "core/proto/pass_declare.h"
#include "core/proto/schema/all.def"
#include "core/proto/pass_end.h"

/* Pass 4: all messages in the order of the schema files. */
const struct proto_message proto_messages[] = {
#define STRUCT(S)
#define REQUEST(S, key, min, max, flexible) {PROTO_STRUCT(S), key, min, max, flexible, PK_REQUEST},
#define RESPONSE(S, key, min, max, flexible) {PROTO_STRUCT(S), key, min, max, flexible, PK_RESPONSE},
#define DATA(S, min, max, flexible) {PROTO_STRUCT(S), -1, min, max, flexible, PK_DATA},
#include "core/proto/pass_declare.h"
#include "core/proto/schema/all.def"
#include "core/proto/pass_end.h"
};
const size_t proto_messages_n = sizeof proto_messages / sizeof *proto_messages;

/* Pass 5 and 6: by key. */
static const struct proto_message *const requests[] = {
#define STRUCT(S)
#define REQUEST(S, key, ...) [key] = PROTO_MESSAGE(S),
#define RESPONSE(S, ...)
#define DATA(S, ...)
#include "core/proto/pass_declare.h"
#include "core/proto/schema/all.def"
#include "core/proto/pass_end.h"
};
static const struct proto_message *const responses[] = {
#define STRUCT(S)
#define REQUEST(S, ...)
#define RESPONSE(S, key, ...) [key] = PROTO_MESSAGE(S),
#define DATA(S, ...)
#include "core/proto/pass_declare.h"
#include "core/proto/schema/all.def"
#include "core/proto/pass_end.h"
};

const struct proto_message *proto_find(enum proto_kind kind, int16_t key) {
    size_t at = (uint16_t)key;
    if (kind == PK_REQUEST)
        return at < sizeof requests / sizeof *requests ? requests[at] : NULL;
    if (kind == PK_RESPONSE)
        return at < sizeof responses / sizeof *responses ? responses[at] : NULL;
    return NULL;
}
