/* Loading OpenSSL; see openssl.h. */
#include "core/io/openssl.h"

#include "config.h"

#define ROW LAZY_NAME
static const char names[] =
#include "core/io/openssl.def"
;
#undef ROW
struct openssl_functions openssl;
static struct lazy_library library = LAZY_LIBRARY(SSL_SONAME, names, openssl);

enum err openssl_load(struct error *e) { return lazy_load(&library, e); }
