/* TLS by OpenSSL over two memory BIOs; see tls.h.
 *
 * OpenSSL's error queue belongs to the thread: it is emptied before each call and
 * read after one that failed.  Nothing of OpenSSL ever asks at the terminal: the
 * password callback answers with the setting or with nothing. */
#include "core/io/tls.h"

#include "core/base/text.h"
#include "core/io/openssl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HOST_SIZE 256
#define PEER_SIZE 300
#define NAMES_SHOWN 4

struct tls_context {
    SSL_CTX *ctx;
    bool any_certificate, any_name, has_certificate;
};

struct tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    struct tls_context *context;
    enum tls_state state;
    bool fed;         /* anything came yet */
    X509 *leaf, *bad; /* whose verification failed: the broker's, and the one at fault */
    char host[HOST_SIZE], peer[PEER_SIZE];
};

/* ---- errors ---- */

/* The newest reason in OpenSSL's queue, in its words; empties the queue. */
static const char *library_reason(char out[160]) {
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
    if (text == NULL && ERR_SYSTEM_ERROR(code))
        text = strerror(ERR_GET_REASON(code));
    text_safe(slice_cstr(text != NULL ? text : "no reason given"), out, 160);
    ERR_clear_error();
    return out;
}

static enum err tls_fail(struct tls *t, enum err err) {
    t->state = TLS_FAILED;
    ERR_clear_error();
    return err;
}

/* ---- context ---- */

static int give_password(char *out, int room, int writing, void *ctx) {
    (void)writing;
    const char *password = ctx;
    size_t n = password != NULL ? strlen(password) : 0;
    if (n == 0 || n > (size_t)room)
        return 0;
    memcpy(out, password, n);
    return (int)n;
}

static enum err unreadable(const char *what, const char *path, const char *property, struct error *e) {
    char safe[256], why[160];
    unsigned long code = ERR_peek_error();
    int system = ERR_SYSTEM_ERROR(code) ? ERR_GET_REASON(code) : 0;
    text_safe(slice_cstr(path), safe, sizeof safe);
    if (system != 0) {
        ERR_clear_error();
        return error_set(e, ERR_INVALID, "cannot read %s %s (%s): %s", what, safe, property, strerror(system));
    }
    return error_set(e, ERR_INVALID, "%s %s (%s) is no PEM file that can be used: %s", what, safe, property,
                     library_reason(why));
}

static enum err load_authorities(SSL_CTX *ctx, const char *location, struct error *e) {
    struct stat st;
    if (location == NULL) {
        if (SSL_CTX_set_default_verify_paths(ctx) == 1)
            return OK;
        return error_set(e, ERR_INVALID,
                         "this system's certificate authorities cannot be read · name a file by -X ssl.ca.location=");
    }
    if (stat(location, &st) != 0) {
        char safe[256];
        return error_set(e, ERR_INVALID, "cannot read the authorities in %s (ssl.ca.location): %s",
                         text_safe(slice_cstr(location), safe, sizeof safe), strerror(errno));
    }
    int ok = S_ISDIR(st.st_mode) ? SSL_CTX_load_verify_dir(ctx, location) : SSL_CTX_load_verify_file(ctx, location);
    return ok == 1 ? OK : unreadable("the file of authorities", location, "ssl.ca.location", e);
}

static enum err foreign_key(const char *path, struct error *e) {
    char safe[256];
    ERR_clear_error();
    return error_set(e, ERR_INVALID, "the private key %s (ssl.key.location) is not the one of ssl.certificate.location",
                     text_safe(slice_cstr(path), safe, sizeof safe));
}

static enum err load_key(SSL_CTX *ctx, const struct tls_settings *s, struct error *e) {
    if (SSL_CTX_use_PrivateKey_file(ctx, s->key, SSL_FILETYPE_PEM) == 1)
        return OK;
    char safe[256];
    unsigned long code = ERR_peek_error();
    bool cipher = ERR_GET_LIB(code) == ERR_LIB_PEM || ERR_GET_LIB(code) == ERR_LIB_PROV ||
                  ERR_GET_LIB(code) == ERR_LIB_EVP || ERR_GET_LIB(code) == ERR_LIB_PKCS12;
    int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_X509)
        return foreign_key(s->key, e);
    if (!cipher || reason == PEM_R_NO_START_LINE)
        return unreadable("the private key", s->key, "ssl.key.location", e);
    text_safe(slice_cstr(s->key), safe, sizeof safe);
    ERR_clear_error();
    if (s->key_password == NULL)
        return error_set(e, ERR_AUTH,
                         "the private key %s (ssl.key.location) needs its password · ssl.key.password=", safe);
    return error_set(e, ERR_AUTH, "the private key %s (ssl.key.location) does not open with ssl.key.password", safe);
}

static enum err load_identity(SSL_CTX *ctx, const struct tls_settings *s, struct error *e) {
    if (s->certificate == NULL && s->key == NULL)
        return OK;
    if (s->certificate == NULL || s->key == NULL)
        return error_set(e, ERR_INVALID, "%s is given without %s · a client's certificate needs both",
                         s->key == NULL ? "ssl.certificate.location" : "ssl.key.location",
                         s->key == NULL ? "ssl.key.location" : "ssl.certificate.location");
    if (SSL_CTX_use_certificate_chain_file(ctx, s->certificate) != 1)
        return unreadable("the certificate", s->certificate, "ssl.certificate.location", e);
    enum err err = load_key(ctx, s, e);
    if (err != OK)
        return err;
    return SSL_CTX_check_private_key(ctx) == 1 ? OK : foreign_key(s->key, e);
}

/* Keeps what the sentence will be about: OpenSSL forgets certificates that it refuses. */
static int on_verify(int ok, X509_STORE_CTX *store) {
    struct tls *t = SSL_get_app_data(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    X509 *leaf = X509_STORE_CTX_get0_cert(store), *bad = X509_STORE_CTX_get_current_cert(store);
    if (ok || t->leaf != NULL || leaf == NULL)
        return ok;
    t->leaf = X509_up_ref(leaf) == 1 ? leaf : NULL;
    bad = bad != NULL ? bad : leaf;
    t->bad = X509_up_ref(bad) == 1 ? bad : NULL;
    return ok;
}

enum err tls_context_new(struct tls_context **out, const struct tls_settings *s, struct error *e) {
    char why[160];
    enum err err = openssl_load(e);
    if (err != OK)
        return err;
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        return error_set(e, ERR_UNSUPPORTED, "this machine's OpenSSL cannot be used: %s", library_reason(why));
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ctx, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, s->key_password);
    SSL_CTX_set_verify(ctx, s->any_certificate ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, on_verify);
    err = s->any_certificate ? OK : load_authorities(ctx, s->ca_location, e);
    if (err == OK)
        err = load_identity(ctx, s, e);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
    if (err != OK) {
        SSL_CTX_free(ctx);
        return err;
    }
    struct tls_context *c = mem_zalloc(sizeof *c);
    *c = (struct tls_context){.ctx = ctx,
                              .any_certificate = s->any_certificate,
                              .any_name = s->any_name,
                              .has_certificate = s->certificate != NULL};
    *out = c;
    return OK;
}

void tls_context_free(struct tls_context *c) {
    if (c == NULL)
        return;
    SSL_CTX_free(c->ctx);
    free(c);
}

/* ---- one connection ---- */

/* Whom the certificate must be for; a name also goes into the hello (SNI), an address may not. */
static bool expect_host(struct tls *t) {
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(t->host);
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    bool check = !t->context->any_certificate && !t->context->any_name, ok = true;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (address != NULL) {
        ASN1_OCTET_STRING_free(address);
        ok = !check || X509_VERIFY_PARAM_set1_ip_asc(param, t->host) == 1;
    } else {
        ok = SSL_set_tlsext_host_name(t->ssl, t->host) == 1 &&
             (!check || X509_VERIFY_PARAM_set1_host(param, t->host, 0) == 1);
    }
    ERR_clear_error();
    return ok;
}

/* Certificates know no zone of an address (fe80::1%eth0) and no final dot of a name. */
static void copy_host(char out[HOST_SIZE], const char *host) {
    snprintf(out, HOST_SIZE, "%s", host);
    if (strchr(out, ':') != NULL)
        out[strcspn(out, "%")] = '\0';
    size_t n = strlen(out);
    if (n > 1 && out[n - 1] == '.')
        out[n - 1] = '\0';
}

enum err tls_new(struct tls **out, struct tls_context *c, const char *host, const char *peer, struct error *e) {
    struct tls *t = mem_zalloc(sizeof *t);
    t->context = c;
    copy_host(t->host, host);
    snprintf(t->peer, sizeof t->peer, "%s", peer);
    ERR_clear_error();
    t->ssl = SSL_new(c->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (t->ssl == NULL || t->in == NULL || t->out == NULL)
        weir_oom(sizeof *t);
    BIO_set_mem_eof_return(t->in, -1); /* empty means: not yet */
    BIO_set_mem_eof_return(t->out, -1);
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_connect_state(t->ssl);
    SSL_set_app_data(t->ssl, t);
    if (!expect_host(t)) {
        tls_free(t);
        return error_set(e, ERR_INVALID, "%s cannot be asked for by TLS: not a host's name", peer);
    }
    *out = t;
    return OK;
}

void tls_free(struct tls *t) {
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    X509_free(t->leaf);
    X509_free(t->bad);
    free(t);
}

enum tls_state tls_state(const struct tls *t) { return t->state; }

const char *tls_version(const struct tls *t) { return t->state == TLS_OPEN ? SSL_get_version(t->ssl) : NULL; }

void tls_feed(struct tls *t, const void *p, size_t n) {
    t->fed = t->fed || n > 0;
    while (n > 0) {
        int part = n > INT_MAX ? INT_MAX : (int)n;
        if (BIO_write(t->in, p, part) != part)
            weir_oom(n);
        p = (const uint8_t *)p + part;
        n -= (size_t)part;
    }
}

void tls_take(struct tls *t, struct buf *out) {
    char *p;
    long n = BIO_get_mem_data(t->out, &p);
    if (n <= 0)
        return;
    buf_put(out, p, (size_t)n);
    (void)BIO_reset(t->out);
}

/* ---- why it failed ---- */

static void put_name(struct buf *out, int *n, const uint8_t *p, size_t size, const char *separator) {
    if (++*n > NAMES_SHOWN)
        return;
    buf_puts(out, *n > 1 ? separator : "");
    text_sanitize(out, slice_of(p, size), 80);
}

/* The hosts that a certificate is for, at most NAMES_SHOWN of them. */
static void certificate_names(X509 *x, struct buf *out) {
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int shown = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type == GEN_DNS) {
            put_name(out, &shown, ASN1_STRING_get0_data(g->d.dNSName), (size_t)ASN1_STRING_length(g->d.dNSName), ", ");
        } else if (g->type == GEN_IPADD) {
            const uint8_t *a = ASN1_STRING_get0_data(g->d.iPAddress);
            char text[48];
            if (ASN1_STRING_length(g->d.iPAddress) == 4)
                snprintf(text, sizeof text, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
            else if (ASN1_STRING_length(g->d.iPAddress) == 16)
                for (size_t k = 0; k < 8; k++)
                    snprintf(text + 5 * k, sizeof text - 5 * k, "%02x%02x%s", a[2 * k], a[2 * k + 1], k < 7 ? ":" : "");
            else
                continue;
            put_name(out, &shown, (const uint8_t *)text, strlen(text), ", ");
        }
    }
    GENERAL_NAMES_free(names);
    char common[128];
    if (shown == 0 && X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common, sizeof common) > 0)
        put_name(out, &shown, (const uint8_t *)common, strlen(common), "");
    if (shown == 0)
        buf_puts(out, "no host");
    if (shown > NAMES_SHOWN)
        buf_printf(out, " and %d more", shown - NAMES_SHOWN);
}

static void issuer_name(X509 *x, char *out, size_t size) {
    char raw[128];
    X509_NAME *issuer = X509_get_issuer_name(x);
    if (X509_NAME_get_text_by_NID(issuer, NID_commonName, raw, sizeof raw) <= 0 &&
        X509_NAME_get_text_by_NID(issuer, NID_organizationName, raw, sizeof raw) <= 0)
        snprintf(raw, sizeof raw, "an authority without a name");
    text_safe(slice_cstr(raw), out, size);
}

static void asn1_date(const ASN1_TIME *at, char *out, size_t size) {
    struct tm tm;
    if (at == NULL || ASN1_TIME_to_tm(at, &tm) != 1 || strftime(out, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        snprintf(out, size, "an unknown time");
}

static enum err refuse_certificate(struct tls *t, long verdict, struct error *e) {
    char text[160] = "issuer unknown";
    struct buf names = {0};
    switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        if (t->leaf != NULL)
            certificate_names(t->leaf, &names);
        buf_put_u8(&names, 0);
        error_set(e, ERR_AUTH,
                  "%s shows a certificate for %.200s, not for %s · use a name that it is for, or "
                  "-X ssl.endpoint.identification.algorithm=none",
                  t->peer, (const char *)names.p, t->host);
        buf_fini(&names);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        asn1_date(t->bad == NULL                           ? NULL
                  : verdict == X509_V_ERR_CERT_HAS_EXPIRED ? X509_get0_notAfter(t->bad)
                                                           : X509_get0_notBefore(t->bad),
                  text, sizeof text);
        error_set(e, ERR_AUTH,
                  "%s shows a certificate that %s %s · it needs a new one, or this machine's clock is wrong", t->peer,
                  verdict == X509_V_ERR_CERT_HAS_EXPIRED ? "expired at" : "is not valid before", text);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        if (t->bad != NULL)
            issuer_name(t->bad, text, sizeof text);
        error_set(e, ERR_AUTH,
                  "%s shows a certificate of an authority that is not trusted here (%s) · name its file by "
                  "-X ssl.ca.location=",
                  t->peer, text);
        break;
    default:
        text_safe(slice_cstr(X509_verify_cert_error_string(verdict)), text, sizeof text);
        error_set(e, ERR_AUTH, "%s shows a certificate that does not hold: %s", t->peer, text);
    }
    return ERR_AUTH;
}

/* An alert is the broker's word on why it stops. */
static enum err refuse_alert(struct tls *t, int alert, struct error *e) {
    bool own = t->context->has_certificate;
    char text[160];
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE: /* how TLS 1.2 says "certificate required" */
    case SSL_AD_NO_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_BAD_CERTIFICATE:
        if (!own)
            return error_set(e, ERR_AUTH,
                             "%s broke off: %s · -X ssl.certificate.location= and ssl.key.location=", t->peer,
                             alert == SSL_AD_HANDSHAKE_FAILURE
                                 ? "it wants a client's certificate, or no cipher or version that we have"
                                 : "it wants a client's certificate");
        break;
    case SSL_AD_PROTOCOL_VERSION:
        return error_set(e, ERR_UNSUPPORTED, "%s speaks no TLS of version 1.2 or newer", t->peer);
    default: break;
    }
    text_safe(slice_cstr(SSL_alert_desc_string_long(alert)), text, sizeof text);
    if (own && (alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_BAD_CERTIFICATE || alert == SSL_AD_CERTIFICATE_UNKNOWN ||
                alert == SSL_AD_CERTIFICATE_EXPIRED || alert == SSL_AD_CERTIFICATE_REVOKED ||
                alert == SSL_AD_UNSUPPORTED_CERTIFICATE || alert == SSL_AD_HANDSHAKE_FAILURE))
        return error_set(e, ERR_AUTH, "%s does not accept our certificate (ssl.certificate.location): %s", t->peer,
                         text);
    return error_set(e, ERR_NET, "%s broke off the TLS connection: %s", t->peer, text);
}

static enum err explain(struct tls *t, struct error *e) {
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    long verdict = SSL_get_verify_result(t->ssl);
    char why[160];
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK)
        return refuse_certificate(t, verdict, e);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255)
        return refuse_alert(t, reason - SSL_AD_REASON_OFFSET, e);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
                                             reason == SSL_R_PACKET_LENGTH_TOO_LONG))
        return error_set(e, ERR_CORRUPT,
                         "%s does not speak TLS on this port · is it the right one, or is security.protocol to be "
                         "without ssl?",
                         t->peer);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_UNSUPPORTED_PROTOCOL)
        return error_set(e, ERR_UNSUPPORTED, "%s speaks no TLS of version 1.2 or newer", t->peer);
    return error_set(e, ERR_CORRUPT, "the TLS connection to %s failed: %s", t->peer, library_reason(why));
}

/* ---- handshake, reading, writing ---- */

enum err tls_handshake(struct tls *t, struct error *e) {
    if (t->state == TLS_OPEN)
        return OK;
    if (t->state != TLS_HANDSHAKE)
        return error_set(e, ERR_CLOSED, "the TLS connection to %s has ended", t->peer);
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    if (r == 1) {
        t->state = TLS_OPEN;
        return OK;
    }
    int error = SSL_get_error(t->ssl, r);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return ERR_AGAIN;
    if (error == SSL_ERROR_ZERO_RETURN)
        return tls_fail(t, error_set(e, ERR_NET, "%s ended the TLS handshake", t->peer));
    return tls_fail(t, explain(t, e));
}

enum err tls_read(struct tls *t, void *p, size_t room, size_t *n, struct error *e) {
    *n = 0;
    if (t->state == TLS_CLOSED)
        return ERR_CLOSED;
    if (t->state != TLS_OPEN)
        return error_set(e, ERR_CLOSED, "the TLS connection to %s is not open", t->peer);
    if (room == 0)
        return OK;
    ERR_clear_error();
    int r = SSL_read_ex(t->ssl, p, room, n);
    if (r == 1)
        return OK;
    switch (SSL_get_error(t->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return ERR_AGAIN;
    case SSL_ERROR_ZERO_RETURN: t->state = TLS_CLOSED; return ERR_CLOSED;
    default: return tls_fail(t, explain(t, e));
    }
}

enum err tls_write(struct tls *t, const void *p, size_t n, struct error *e) {
    size_t written;
    weir_assert(t->state == TLS_OPEN);
    if (n == 0)
        return OK;
    ERR_clear_error();
    /* A memory BIO takes everything, so there is no partial write. */
    if (SSL_write_ex(t->ssl, p, n, &written) == 1)
        return OK;
    return tls_fail(t, explain(t, e));
}

void tls_cut(struct tls *t, const char *cause, struct error *e) {
    if (t->state == TLS_HANDSHAKE && !t->fed)
        error_set(e, ERR_NET,
                  "%s did not answer the TLS handshake: %s · does it speak TLS on this port? "
                  "If not, security.protocol is to be without ssl",
                  t->peer, cause);
    else if (t->state == TLS_HANDSHAKE)
        error_set(e, ERR_NET, "%s broke off in the middle of the TLS handshake: %s", t->peer, cause);
    else
        error_set(e, ERR_NET, "lost %s: %s", t->peer, cause);
    t->state = t->state == TLS_CLOSED ? TLS_CLOSED : TLS_FAILED;
}
