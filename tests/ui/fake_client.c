#include "tests/ui/fake_client.h"

#include <stdio.h>
#include <stdlib.h>

struct tail { struct client *client; };

void fake_client_init(struct client *c) { *c = (struct client){.produce_room = SIZE_MAX, .acks = -1}; }

void fake_client_row(struct client *c, int32_t partition, int64_t offset, struct slice key, struct slice value) {
    struct tail_row *row = &c->rows[c->n_rows++];
    *row = (struct tail_row){
        .serial = c->n_rows,
        .partition = partition,
        .offset = offset,
        .timestamp_ms = 1717165579355 + (int64_t)c->n_rows,
        .key = key,
        .value = value,
        .key_bytes = key.n,
        .value_bytes = value.n,
    };
    c->stats.first = 1;
    c->stats.last = c->stats.matched = c->stats.scanned = c->n_rows;
}

int client_fd(const struct client *c) { return c ? -1 : -1; }
struct snapshot *client_poll(struct client *c) { return c ? NULL : NULL; }
struct client_event *client_next_event(struct client *c) { return c ? NULL : NULL; }
void client_event_free(struct client_event *ev) { free(ev); }
size_t client_produce_pending(const struct client *c) { return c->pending; }
void client_produce_defaults(const struct client *c, struct produce_message *m) {
    m->acks = c->acks;
    m->codec = c->codec;
}

void client_refresh(struct client *c) { c->n_refreshes++; }

void client_set_interest(struct client *c, const struct client_interest *i) {
    c->n_interests++;
    c->interest_topics = i->n_topics;
    c->interest_groups = i->n_groups;
}

void client_reconnect(struct client *c, const char *bootstrap_or_null) {
    c->n_reconnects++;
    snprintf(c->reconnected, sizeof c->reconnected, "%s", bootstrap_or_null ? bootstrap_or_null : "");
}

uint64_t client_act(struct client *c, const struct client_action *a) {
    if (a->kind == ACTION_DESCRIBE_CONFIGS)
        return ++c->last_id;
    struct fake_action *to = &c->actions[c->n_actions++];
    *to = (struct fake_action){.kind = a->kind, .partitions = a->partitions, .n_configs = a->n_configs,
                               .n_offsets = a->n_offsets};
    snprintf(to->name, sizeof to->name, "%s", a->name);
    if (a->n_offsets)
        to->first_offset = a->offsets[0].offset;
    return ++c->last_id;
}

uint64_t client_produce(struct client *c, const struct produce_message *m) {
    if (c->produce_room == 0)
        return 0;
    c->produce_room--;
    if (c->n_produced < 32) {
        snprintf(c->produced[c->n_produced].topic, 300, "%s", m->topic);
        snprintf(c->produced[c->n_produced].key, 64, "%.*s", (int)m->key.n, m->key.p ? (const char *)m->key.p : "");
        snprintf(c->produced[c->n_produced].value, 256, "%.*s", (int)m->value.n,
                 m->value.p ? (const char *)m->value.p : "");
        c->produced[c->n_produced].n_headers = m->n_headers;
        c->produced[c->n_produced].acks = m->acks;
        c->produced[c->n_produced].codec = m->codec;
        c->produced[c->n_produced].null_value = m->value.p == NULL;
        c->produced[c->n_produced].value_n = m->value.n;
        c->produced[c->n_produced].null_key = m->key.p == NULL;
        char *text = c->produced[c->n_produced].headers;
        size_t room = sizeof c->produced[0].headers, at = 0;
        text[0] = '\0';
        for (int32_t i = 0; i < m->n_headers && at < room; i++) {
            struct record_header h = m->headers[i];
            at += (size_t)snprintf(text + at, room - at, "%.*s%s%.*s;", (int)h.key.n, (const char *)h.key.p,
                                   h.value.p ? "=" : "", (int)h.value.n, h.value.p ? (const char *)h.value.p : "");
        }
    }
    c->n_produced++;
    return ++c->last_id;
}

enum err tail_open(struct client *c, const struct tail_spec *spec, struct tail **out, struct error *e) {
    if (spec->filter && strcmp(spec->filter, "/(/") == 0)
        return error_set(e, ERR_INVALID, "the filter is no regular expression");
    c->spec = *spec;
    snprintf(c->spec_topic, sizeof c->spec_topic, "%s", spec->topic);
    snprintf(c->spec_filter, sizeof c->spec_filter, "%s", spec->filter ? spec->filter : "");
    snprintf(c->spec_cluster, sizeof c->spec_cluster, "%s", c->reconnected);
    c->spec_partition = spec->n_partitions ? spec->partitions[0] : -1;
    *out = mem_zalloc(sizeof **out);
    (*out)->client = c;
    c->tails_open++;
    return OK;
}

void tail_close(struct tail *t) {
    t->client->tails_open--;
    free(t);
}

void tail_get_stats(struct tail *t, struct tail_stats *out) { *out = t->client->stats; }

void tail_keep(struct tail *t, uint64_t serial) { t->client->kept = serial; }

bool tail_whole(struct tail *t, uint64_t serial, struct tail_row *row) {
    return serial >= t->client->stats.first && tail_rows(t, serial, row, 1) == 1 && row->serial == serial;
}

size_t tail_rows(struct tail *t, uint64_t from, struct tail_row *rows, size_t n) {
    size_t got = 0;
    if (from < t->client->stats.first)
        from = t->client->stats.first;
    for (uint64_t s = from; s >= 1 && s <= t->client->stats.last && s <= t->client->n_rows && got < n; s++)
        rows[got++] = t->client->rows[s - 1];
    return got;
}
