/* The broker as a whole: start and end, the store's events, time.
 *
 *   broker_new -> store_open(broker_store_events) -> broker_start -> connections ... -> broker_free
 *
 * Owns everything in struct broker; does not own the env and the store.
 * Thread: the one that owns the env. */
#include "core/base/log.h"
#include "core/broker/fetch_session.h"

#include <stdlib.h>
#include <string.h>

#define US_PER_MS 1000

/* ---- the store's events ---- */

static void on_durable(void *ctx, uint64_t durable, enum err result) {
    request_on_durable(ctx, durable, result);
}

static void on_advanced(void *ctx, struct store_log *log) {
    struct partition *p = store_log_user(log);
    if (p != NULL)
        fetch_partition_advanced(ctx, p);
}

static void on_readable(void *ctx, struct store_log *log) {
    struct partition *p = store_log_user(log);
    ((struct broker *)ctx)->readable = true;
    if (p != NULL)
        fetch_partition_readable(ctx, p);
}

void broker_store_events(struct broker *b, struct store_events *out) {
    *out = (struct store_events){
        .durable = on_durable, .advanced = on_advanced, .readable = on_readable, .ctx = b};
}

/* ---- start and end ---- */

static char *dup_or_null(const char *s) {
    return s == NULL ? NULL : mem_strdup(s);
}

enum err broker_new(struct broker **out, struct env *env, const struct broker_settings *settings, struct error *e) {
    for (size_t i = 0; i < settings->n_settings; i++) {
        enum err r = broker_check_setting(settings->settings[i].name, settings->settings[i].value, e);
        if (r != OK)
            return r;
    }
    struct broker *b = mem_zalloc(sizeof *b);
    b->env = env;
    env->random(env, &b->hash_seed, sizeof b->hash_seed);
    b->settings = *settings;
    b->settings.version = dup_or_null(settings->version);
    b->settings.data_dir = dup_or_null(settings->data_dir);
    struct broker_setting *copy = mem_zalloc((settings->n_settings + 1) * sizeof *copy);
    for (size_t i = 0; i < settings->n_settings; i++) {
        copy[i].name = mem_strdup(settings->settings[i].name);
        copy[i].value = mem_strdup(settings->settings[i].value);
        if (strcmp(copy[i].name, "node.id") == 0 || strcmp(copy[i].name, "broker.id") == 0)
            b->settings.node_id = (int32_t)strtol(copy[i].value, NULL, 10); /* checked above */
    }
    b->settings.settings = copy;
    *out = b;
    return OK;
}

static enum err load_cluster_id(struct broker *b, struct error *e) {
    struct slice key = SLICE("id"), id = store_get(b->store, MAP_CLUSTER, key);
    if (id.p != NULL && id.n == UUID_TEXT_SIZE - 1) {
        memcpy(b->cluster_id, id.p, id.n);
        return OK;
    }
    struct uuid u;
    b->env->random(b->env, u.b, sizeof u.b);
    uuid_text(&u, b->cluster_id);
    uint64_t ticket;
    enum err r = store_put(b->store, MAP_CLUSTER, key, slice_cstr(b->cluster_id), &ticket);
    return r == OK ? OK : error_set(e, r, "cannot write the cluster id: %s", err_name(r));
}

static void retain_log(void *ctx, struct store_log *log) {
    store_log_retain(log, *(const int64_t *)ctx);
}

static void on_retention(struct timer *t, void *ctx) {
    struct broker *b = ctx;
    int64_t now_ms = broker_now_ms(b);
    store_log_each(b->store, retain_log, &now_ms);
    timers_set(&b->timers, t, broker_now_us(b) + config_int(b, "log.retention.check.interval.ms") * US_PER_MS);
}

enum err broker_start(struct broker *b, struct store *store, struct error *e) {
    b->store = store;
    enum err r = configs_new(b, e);
    if (r == OK)
        r = load_cluster_id(b, e);
    if (r == OK)
        r = topics_load(b, e);
    if (r == OK)
        r = groups_new(b, e);
    if (r != OK)
        return r;
    b->retention_timer.fire = on_retention;
    timers_set(&b->timers, &b->retention_timer,
               broker_now_us(b) + config_int(b, "log.retention.check.interval.ms") * US_PER_MS);
    return OK;
}

void broker_free(struct broker *b) {
    if (b == NULL)
        return;
    weir_assert(b->conns == NULL);
    while (b->durable_first != NULL) { /* dead ones: their connections are gone */
        struct request *rq = b->durable_first;
        b->durable_first = rq->next_durable;
        rq->state = REQUEST_ANSWERED;
        request_free(b, rq);
    }
    fetch_sessions_free(b);
    if (b->groups != NULL)
        groups_free(b);
    topics_free(b);
    configs_free(b);
    while (b->spare != NULL) {
        struct request *rq = b->spare;
        b->spare = rq->next;
        arena_fini(&rq->arena);
        free(rq);
    }
    timers_fini(&b->timers);
    buf_fini(&b->scratch);
    buf_fini(&b->recompressed);
    for (size_t i = 0; i < b->settings.n_settings; i++) {
        free((void *)(uintptr_t)b->settings.settings[i].name);
        free((void *)(uintptr_t)b->settings.settings[i].value);
    }
    free((void *)(uintptr_t)b->settings.settings);
    free((void *)(uintptr_t)b->settings.version);
    free((void *)(uintptr_t)b->settings.data_dir);
    free(b);
}

/* ---- time ---- */

void broker_tick_end(struct broker *b) {
    store_flush(b->store);
    request_run_retries(b);
    fetch_run_woken(b);
}

int64_t broker_tick(struct broker *b) {
    int64_t now_us = broker_now_us(b);
    timers_run(&b->timers, now_us, b);
    int64_t next = store_tick(b->store, now_us), mine = timers_next(&b->timers);
    return mine < next ? mine : next;
}

void broker_get_stats(const struct broker *b, struct broker_stats *out) {
    *out = b->stats;
    out->topics = b->n_topics;
    out->partitions = b->n_partitions;
    out->groups = b->groups == NULL ? 0 : groups_count(b);
}

const char *broker_cluster_id(const struct broker *b) {
    return b->cluster_id;
}
