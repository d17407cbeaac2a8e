/* Schema pass 1: rows become members.  Deliberately without an include guard. */
#define STRUCT(S) struct S {
#define END(S) };
#define FIELD(S, type, name, since, until, def) proto_##type name;
#define STRING(S, name, since, until, ns) struct slice name;
#define BYTES(S, name, since, until, ns) struct slice name;
#define RECORDS(S, name, since, until, ns) struct slice name;
#define LIST(S, type, name, since, until, ns) struct { int32_t n; proto_##type *v; } name;
#define ARRAY(S, sub, name, since, until, ns) struct { int32_t n; struct sub *v; } name;
#define OBJECT(S, sub, name, since, until) struct sub name;
#define NOBJECT(S, sub, name, since, until, ns) struct sub *name;
#define REQUEST(S, ...)
#define RESPONSE(S, ...)
#define DATA(S, ...)
#include "core/proto/pass_tagged.h"
