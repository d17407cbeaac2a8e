/* librdkafka's security settings for our own transport; see security.h. */
#include "core/client/security.h"

#include "core/base/text.h"
#include "core/client/client.h"

#include <stdlib.h>
#include <strings.h>

void security_wipe(char *secret) {
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
}

static void keep(char **slot, const char *value) {
    security_wipe(*slot);
    free(*slot);
    *slot = value != NULL && value[0] != '\0' ? mem_strdup(value) : NULL;
}

void security_fini(struct security *s) {
    keep(&s->tls_settings.ca_location, NULL);
    keep(&s->tls_settings.certificate, NULL);
    keep(&s->tls_settings.key, NULL);
    keep(&s->tls_settings.key_password, NULL);
    keep(&s->login.user, NULL);
    keep(&s->login.password, NULL);
}

static enum err no_value(const struct client_property *p, const char *values, struct error *e) {
    char safe[128];
    return error_set(e, ERR_INVALID, "%s: %s is none of %s", p->name,
                     text_safe(slice_cstr(p->value), safe, sizeof safe), values);
}

static enum err take_protocol(struct security *s, const struct client_property *p, struct error *e) {
    static const char *const names[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(p->value, names[i]) == 0) {
            s->tls = (i & 1) != 0;
            s->sasl = (i & 2) != 0;
            return OK;
        }
    return no_value(p, "plaintext, ssl, sasl_plaintext, sasl_ssl", e);
}

static enum err take_bool(const struct client_property *p, bool *out, struct error *e) {
    static const char *const yes[] = {"true", "t", "1"}, *const no[] = {"false", "f", "0"};
    for (size_t i = 0; i < 3; i++) {
        if (strcasecmp(p->value, yes[i]) == 0 || strcasecmp(p->value, no[i]) == 0) {
            *out = strcasecmp(p->value, yes[i]) == 0;
            return OK;
        }
    }
    return no_value(p, "true, false", e);
}

static enum err take_name_check(struct security *s, const struct client_property *p, struct error *e) {
    bool https = strcasecmp(p->value, "https") == 0;
    if (!https && strcasecmp(p->value, "none") != 0 && p->value[0] != '\0')
        return no_value(p, "https, none", e);
    s->tls_settings.any_name = !https;
    return OK;
}

/* What only librdkafka can do, and what would be weaker without it. */
static bool only_librdkafka(const char *name) { return strncmp(name, "ssl.", 4) == 0; }

static enum err take_one(struct security *s, const struct client_property *p, const char **mechanism,
                         const char **foreign, struct error *e) {
    bool verify = true;
    struct {
        const char *name;
        char **slot;
    } texts[] = {
        {"sasl.username", &s->login.user},
        {"sasl.password", &s->login.password},
        {"ssl.ca.location", &s->tls_settings.ca_location},
        {"ssl.certificate.location", &s->tls_settings.certificate},
        {"ssl.key.location", &s->tls_settings.key},
        {"ssl.key.password", &s->tls_settings.key_password},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(p->name, texts[i].name) == 0) {
            keep(texts[i].slot, p->value);
            return OK;
        }
    if (strcmp(p->name, "security.protocol") == 0)
        return take_protocol(s, p, e);
    if (strcmp(p->name, "ssl.endpoint.identification.algorithm") == 0)
        return take_name_check(s, p, e);
    if (strcmp(p->name, "enable.ssl.certificate.verification") == 0) {
        enum err err = take_bool(p, &verify, e);
        s->tls_settings.any_certificate = err == OK && !verify;
        return err;
    }
    if (strcmp(p->name, "sasl.mechanism") == 0 || strcmp(p->name, "sasl.mechanisms") == 0)
        *mechanism = p->value;
    else if (only_librdkafka(p->name) && p->value[0] != '\0')
        *foreign = p->name;
    return OK;
}

static enum err take_login(struct security *s, const char *mechanism, struct error *e) {
    char safe[64];
    s->login.mechanism = sasl_mechanism_find(mechanism);
    if (s->login.mechanism == SASL_NONE) {
        error_set(&s->refused, ERR_UNSUPPORTED,
                  "weir logs in by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, not by %s%s · only what librdkafka does "
                  "works here; else -X sasl.mechanism=",
                  text_safe(slice_cstr(mechanism), safe, sizeof safe),
                  strcmp(mechanism, "GSSAPI") == 0 ? " (which is what no sasl.mechanism means)" : "");
        return OK;
    }
    if (s->login.user == NULL || s->login.password == NULL)
        return error_set(e, ERR_INVALID, "%s is not given · a login by %s needs -X sasl.username= and sasl.password=",
                         s->login.user == NULL ? "sasl.username" : "sasl.password",
                         sasl_mechanism_name(s->login.mechanism));
    return OK;
}

enum err security_init(struct security *s, const struct client_property *properties, size_t n, struct error *e) {
    const char *mechanism = "GSSAPI", *foreign = NULL; /* librdkafka's default */
    enum err err = OK;
    *s = (struct security){0};
    for (size_t i = 0; err == OK && i < n; i++)
        err = take_one(s, &properties[i], &mechanism, &foreign, e);
    if (err == OK && s->sasl)
        err = take_login(s, mechanism, e);
    if (err == OK && s->tls && foreign != NULL && s->refused.code == OK)
        error_set(&s->refused, ERR_UNSUPPORTED,
                  "%s is for librdkafka alone: weir's own connections do not know it and will not do without it",
                  foreign);
    if (s->tls_settings.ca_location != NULL && strcmp(s->tls_settings.ca_location, "probe") == 0)
        keep(&s->tls_settings.ca_location, NULL); /* librdkafka's word for "find the system's" */
    if (err != OK)
        security_fini(s);
    return err;
}
