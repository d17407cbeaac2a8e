/* Where a pass does not care about tags, a tagged row is the plain row.  No include guard: part of each pass. */
#define TFIELD(S, type, name, since, until, def, tag) FIELD(S, type, name, since, until, def)
#define TSTRING(S, name, since, until, ns, tag) STRING(S, name, since, until, ns)
#define TBYTES(S, name, since, until, ns, tag) BYTES(S, name, since, until, ns)
#define TRECORDS(S, name, since, until, ns, tag) RECORDS(S, name, since, until, ns)
#define TLIST(S, type, name, since, until, ns, tag) LIST(S, type, name, since, until, ns)
#define TARRAY(S, sub, name, since, until, ns, tag) ARRAY(S, sub, name, since, until, ns)
#define TOBJECT(S, sub, name, since, until, tag) OBJECT(S, sub, name, since, until)
#define TNOBJECT(S, sub, name, since, until, ns, tag) NOBJECT(S, sub, name, since, until, ns)
