/* Schema pass 2: only STRUCT and the message rows matter; they are defined by the includer. */
#define END(S)
#define FIELD(...)
#define STRING(...)
#define BYTES(...)
#define RECORDS(...)
#define LIST(...)
#define ARRAY(...)
#define OBJECT(...)
#define NOBJECT(...)
#include "core/proto/pass_tagged.h"
