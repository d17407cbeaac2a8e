/* The Kafka wire codec: schema as data, one interpreter.
 *
 * core/proto/schema/NAME.def describes one API as rows.  The same file is
 * included several times with different macros: here it makes the C structs
 * (`struct fetch_req`, `struct fetch_resp_partition`, ...), in proto_tables.c the
 * field tables and the message table.  schema/all.def lists the files.
 *
 * Rows (S = the struct the row belongs to, since/until = versions, VMAX = open end,
 * ns = first version in which null is allowed, NN = never, tag = tagged field number):
 *   STRUCT(S) ... END(S)                                struct S { ... }; inner structs first
 *   FIELD  (S, type, name, since, until, default)       boolean i8 i16 u16 i32 u32 i64 f64 uuid
 *   STRING (S, name, since, until, ns)                  struct slice; null: p == NULL
 *   BYTES  (S, name, since, until, ns)                  struct slice
 *   RECORDS(S, name, since, until, ns)                  struct slice; sent by reference
 *   LIST   (S, type, name, since, until, ns)            scalars, string (slices) or bytes
 *   ARRAY  (S, sub, name, since, until, ns)             structs
 *   OBJECT (S, sub, name, since, until)                 struct by value
 *   NOBJECT(S, sub, name, since, until, ns)             struct by pointer, NULL = null (1-byte marker)
 *   TFIELD TSTRING TBYTES TRECORDS TLIST TARRAY TOBJECT TNOBJECT   the same with a last argument: tag
 *   REQUEST(S, key, min, max, first_flexible)  RESPONSE(...)  DATA(S, min, max, first_flexible)
 * Lists and arrays are `struct { int32_t n; T *v; } name`, n == -1 for null.
 *
 * The default of a string or bytes is null where it may be null from its first
 * version on, else empty; lists, arrays and records default to empty.
 * A field absent from a version takes its default when decoded and is left out
 * when encoded.  Tagged fields equal to their default are left out.
 * Thread: all functions are pure; tables are constant. */
#ifndef WEIR_PROTO_PROTO_H
#define WEIR_PROTO_PROTO_H

#include "core/base/mem.h"

#define VMAX 32767
#define NN 32767      /* never null */
#define NOFLEX 32767  /* no flexible version */

/* Pass 1: C structs. */
typedef struct slice proto_string;
typedef struct slice proto_bytes;
typedef bool proto_boolean; /* "bool" is a macro and would be expanded before it is pasted */
typedef int8_t proto_i8;
typedef int16_t proto_i16;
typedef uint16_t proto_u16;
typedef int32_t proto_i32;
typedef uint32_t proto_u32;
typedef int64_t proto_i64;
typedef double proto_f64;
typedef struct uuid proto_uuid;
#include "core/proto/pass_structs.h"
#include "core/proto/schema/all.def"
#include "core/proto/pass_end.h"

enum proto_type {
    PT_BOOL, PT_I8, PT_I16, PT_U16, PT_I32, PT_U32, PT_I64, PT_F64, PT_UUID,
    PT_STRING, PT_BYTES, PT_RECORDS, PT_STRUCT,
};
enum proto_shape { PS_ONE, PS_ARRAY, PS_POINTER };

struct proto_struct;
struct proto_field {
    const char *name;                 /* the protocol's, in snake_case */
    const struct proto_struct *sub;   /* for PT_STRUCT */
    int64_t def;
    uint16_t offset;
    int16_t since, until;
    int16_t null_since;               /* NN: never */
    int16_t tag;                      /* -1: not tagged */
    uint8_t type, shape;
};
struct proto_struct {
    const char *name;
    const struct proto_field *fields;
    _Atomic uint16_t *min_size;       /* per version, plain and flexible; 0: not yet computed */
    uint16_t n_fields;
    uint16_t size;                    /* sizeof the C struct */
};
enum proto_kind { PK_REQUEST, PK_RESPONSE, PK_DATA };
struct proto_message {
    const struct proto_struct *body;
    int16_t key;                      /* -1 for data */
    int16_t min, max;                 /* what the schema describes */
    int16_t flexible;                 /* first flexible version */
    uint8_t kind;
};
extern const struct proto_message proto_messages[];
extern const size_t proto_messages_n;
const struct proto_message *proto_find(enum proto_kind kind, int16_t key);  /* NULL: unknown */
/* The schema's own: PROTO_STRUCT(fetch_resp) is its table, PROTO_MESSAGE(fetch_req) its message. */
#define PROTO_STRUCT(name) (&proto_struct_##name)
#define PROTO_MESSAGE(name) (&proto_message_##name)
#define STRUCT(S) extern const struct proto_struct proto_struct_##S;
#define REQUEST(S, ...) extern const struct proto_message proto_message_##S;
#define RESPONSE(S, ...) extern const struct proto_message proto_message_##S;
#define DATA(S, ...) extern const struct proto_message proto_message_##S;
#include "core/proto/pass_declare.h"
#include "core/proto/schema/all.def"
#include "core/proto/pass_end.h"

/* Sets every field of *body to its default (null where null is the default). */
void proto_init(const struct proto_struct *s, void *body);

/* Decodes bytes into *body (the struct of m).  Strings and records are slices of
 * `in`; arrays come from the arena.  An array count is checked against the bytes
 * left divided by the element's smallest wire size before anything is allocated;
 * negative lengths other than null are refused, -2 and below read as null for
 * arrays as Kafka does; unknown tags are skipped; bytes after the body are left.
 * ERR_CORRUPT: the bytes do not fit the schema.  ERR_LIMIT: the arena's cap.
 * ERR_UNSUPPORTED: a version outside the schema.  After an error *body is all
 * defaults. */
enum err proto_decode(const struct proto_message *m, int version, struct slice in, struct arena *a,
                      void *body, size_t *used) WEIR_MUST_CHECK;

/* Output: bytes in `head`, and slices (records) that are sent from where they
 * are: the bytes of refs[i] belong before head.p[refs[i].at]. */
struct proto_ref {
    size_t at;
    struct slice bytes;
};
struct proto_out {
    struct buf head;
    struct proto_ref *refs;
    size_t n_refs, cap_refs;
    size_t ref_bytes;
};
void proto_out_fini(struct proto_out *o);
void proto_out_clear(struct proto_out *o);
static inline size_t proto_out_size(const struct proto_out *o) { return o->head.n + o->ref_bytes; }
/* Appends the body.  RECORDS of 1 KiB and more become refs (their bytes must
 * outlive the output), smaller ones are copied.  Cannot fail: a null where the
 * version forbids it is a bug (assert). */
void proto_encode(const struct proto_message *m, int version, const void *body, struct proto_out *out);
/* Everything in one run of bytes, refs included. */
void proto_flatten(const struct proto_out *o, struct buf *out);

/* Request header 1 or 2, response header 0 or 1 by key and version; ApiVersions
 * answers with header 0 always (KIP-511). */
struct proto_request_header {
    int16_t key, version;
    int32_t correlation_id;
    struct slice client_id;           /* null allowed */
};
enum err proto_decode_request_header(struct slice frame, struct proto_request_header *h, size_t *used) WEIR_MUST_CHECK;
void proto_encode_request_header(const struct proto_request_header *h, struct buf *out);
void proto_encode_response_header(int16_t key, int16_t version, int32_t correlation_id, struct buf *out);
enum err proto_decode_response_header(int16_t key, int16_t version, struct slice frame, int32_t *correlation_id,
                                      size_t *used) WEIR_MUST_CHECK;

/* Unsigned varints, at most 5 bytes.  get returns the bytes eaten, 0 when cut, too
 * long or above 32 bits; set needs room for 5 and returns the bytes written. */
size_t proto_uvarint_get(const uint8_t *p, size_t n, uint32_t *v);
size_t proto_uvarint_set(uint8_t *p, uint32_t v);

/* One line of text, for the protocol log and for tests; sanitised, cut at max_bytes. */
void proto_print(const struct proto_message *m, int version, const void *body, struct buf *out, size_t max_bytes);

#endif
