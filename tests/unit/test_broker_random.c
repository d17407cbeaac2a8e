/* Every API and version with random bodies that are well formed and half
 * sensible: names that exist, small numbers, good and damaged batches.  Whatever
 * is asked, there is an answer that fits the schema, a closed connection, or a
 * wait; and the broker still works afterwards. */
#include "tests/sim/broker_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/broker_fixture.h"
#include "tests/unit/proto_fill.h"

#define ROUNDS 60

struct seasoning {
    struct random r;
    struct arena arena;
    struct uuid topic;
    struct buf batch;
};

static struct slice some_name(struct seasoning *s) {
    static const char *const names[] = {
        "t", "u", "group", "retention.ms", "cleanup.policy", "1", "", "compact", "1000", "range",
        "consumer", "__consumer_offsets", "a b", "member", "message.max.bytes",
    };
    return slice_cstr(names[random_below(&s->r, sizeof names / sizeof *names)]);
}

static struct slice some_records(struct seasoning *s, int64_t ms) {
    make_batch(&s->batch, 1 + (int32_t)random_below(&s->r, 3), ms);
    if (random_below(&s->r, 3) == 0) {
        s->batch.p[random_below(&s->r, s->batch.n)] ^= (uint8_t)(1 + random_below(&s->r, 255));
        if (s->batch.n >= BATCH_HEADER_BYTES && random_below(&s->r, 2) == 0)
            batch_seal(s->batch.p, s->batch.n);
    }
    return arena_dup(&s->arena, buf_slice(&s->batch));
}

static void season(struct seasoning *s, const struct proto_struct *t, uint8_t *body, int64_t ms);

static void season_one(struct seasoning *s, const struct proto_field *f, uint8_t *at, int64_t ms) {
    if (f->type == PT_STRUCT) {
        season(s, f->sub, at, ms);
        return;
    }
    if (random_below(&s->r, 4) == 0)
        return;
    switch (f->type) {
    case PT_STRING: *(struct slice *)(void *)at = some_name(s); break;
    case PT_RECORDS: *(struct slice *)(void *)at = some_records(s, ms); break;
    case PT_UUID: *(struct uuid *)(void *)at = s->topic; break;
    case PT_I8: *(int8_t *)(void *)at = (int8_t)(random_below(&s->r, 6) - 1); break;
    case PT_I16: *(int16_t *)(void *)at = (int16_t)((int)random_below(&s->r, 4) - 1); break;
    case PT_I32: {
        size_t limit = random_below(&s->r, 2) == 0 ? 4 : 20000;
        *(int32_t *)(void *)at = (int32_t)random_below(&s->r, limit) - 1;
        break;
    }
    case PT_I64: *(int64_t *)(void *)at = (int64_t)random_below(&s->r, 12) - 6; break;
    default: break;
    }
}

static void season(struct seasoning *s, const struct proto_struct *t, uint8_t *body, int64_t ms) {
    for (size_t i = 0; i < t->n_fields; i++) {
        const struct proto_field *f = &t->fields[i];
        if (f->shape == PS_POINTER) {
            uint8_t *p = *(uint8_t **)(void *)(body + f->offset);
            if (p != NULL)
                season(s, f->sub, p, ms);
        } else if (f->shape == PS_ARRAY) {
            struct { int32_t n; uint8_t *v; } *a = (void *)(body + f->offset);
            size_t size = f->type == PT_STRUCT ? f->sub->size : f->type == PT_STRING ? sizeof(struct slice)
                          : f->type == PT_I32 ? 4 : f->type == PT_I16 ? 2 : f->type == PT_I8 ? 1 : 0;
            for (int32_t k = 0; k < a->n && size != 0; k++)
                season_one(s, f, a->v + (size_t)k * size, ms);
        } else {
            season_one(s, f, body + f->offset, ms);
        }
    }
}

static void take_all(struct bworld *w, struct client *c, int16_t key, int16_t version, int32_t first) {
    bworld_settle(w);
    while (c->n_answers > 0)
        client_answer(c, key, version, first++);
}

static void ask_randomly(struct fixture *f, struct seasoning *s, const struct api *api, int16_t version) {
    struct client c;
    client_init(&c, &f->w);
    for (int i = 0; i < 3; i++) {
        uint8_t *body = arena_alloc(&s->arena, api->request->body->size);
        proto_init(api->request->body, body);
        proto_fill(&s->r, &s->arena, api->request->body, version, body);
        season(s, api->request->body, body, now_ms(f));
        if (api->key == API_PRODUCE && ((struct produce_req *)(void *)body)->acks == 0)
            ((struct produce_req *)(void *)body)->acks = 1; /* else ids and answers do not go together */
        int32_t id = c.next_id;
        if (client_send(&c, api->key, version, body) != OK || c.hung_up)
            break;
        take_all(&f->w, &c, api->key, version, id);
        if (broker_conn_unfinished(c.conn) != 0) { /* it waits: for members, for data */
            bworld_advance(&f->w, INT64_C(60) * 1000 * 1000);
            if (c.n_answers == 0)
                break;
            take_all(&f->w, &c, api->key, version, id);
        }
    }
    client_fini(&c);
    arena_reset(&s->arena);
}

static void test_random_bodies(void **state) {
    struct fixture *f = *state;
    const char *seed = getenv("WEIR_SEED");
    struct seasoning s = {.r = {seed == NULL ? 20251125 : strtoull(seed, NULL, 10)}};
    struct buf b = {0};
    arena_init(&s.arena, SIZE_MAX / 2);
    for (int round = 0; round < ROUNDS; round++) {
        client_create_topic(&f->w, &f->c, "t", 3, NULL, NULL); /* it may be deleted now and then */
        s.topic = topic_find(f->w.broker, SLICE("t"))->id;
        for (size_t i = 0; i < apis_n; i++)
            for (int16_t v = apis[i].served_min; v <= apis[i].served_max; v++)
                if (random_below(&s.r, 4) == 0)
                    ask_randomly(f, &s, &apis[i], v);
    }
    assert_int_equal(client_create_topic(&f->w, &f->c, "after-all", 1, "max.message.bytes", "100000"), 0);
    make_batch(&b, 1, now_ms(f));
    assert_int_equal(client_produce(&f->w, &f->c, "after-all", 0, buf_slice(&b))->error_code, 0);
    client_fini(&f->c);
    bworld_crash(&f->w, 5);
    assert_int_equal(bworld_open(&f->w), OK);
    client_init(&f->c, &f->w);
    assert_int_equal(client_produce(&f->w, &f->c, "after-all", 0, buf_slice(&b))->base_offset, 1);
    buf_fini(&b);
    buf_fini(&s.batch);
    arena_fini(&s.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_random_bodies, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
