/* Groups: committed offsets, what a restart keeps, keeping the topic small, forgetting; in the simulated world. */
#include "tests/sim/group_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- offsets ---- */

static void commits(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *c = sim_client_new(&w, "c");
    assert_int_equal(fetched(c, "g", "t", 0), -1);
    commit(c, "g", "t", 0, 5);
    assert_int_equal(fetched(c, "g", "t", 0), 5);
    assert_int_equal(fetched(c, "g", "t", 1), -1);
    commit(c, "g", "t", 0, 3); /* back is allowed */
    assert_int_equal(fetched(c, "g", "t", 0), 3);
    assert_int_equal(commit_as(c, "g", NOBODY, "nosuch", 0, 1), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(commit_as(c, "g", NOBODY, "t", 4, 1), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    struct as stranger = {.generation = 7, .member = SLICE("m")};
    assert_int_equal(commit_as(c, "none", stranger, "t", 0, 1), KAFKA_GROUP_ID_NOT_FOUND);
    assert_int_equal(commit_as(c, "g", stranger, "t", 0, 1), KAFKA_UNKNOWN_MEMBER_ID);
    struct slice id = stable_one(c, "g");
    assert_int_equal(commit_as(c, "g", NOBODY, "t", 0, 9), KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(commit_as(c, "g", (struct as){2, id, NULL}, "t", 0, 9), KAFKA_ILLEGAL_GENERATION);
    assert_int_equal(commit_as(c, "g", (struct as){1, id, NULL}, "t", 0, 9), KAFKA_NONE);
    assert_int_equal(fetched(c, "g", "t", 0), 9);
    group_world_fini(&w);
}

/* Nobody sees a commit that a crash could take back. */
static void seen_only_when_durable(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *c = sim_client_new(&w, "c"), *d = sim_client_new(&w, "d");
    int16_t error;
    int64_t offset;
    commit(c, "g", "t", 0, 5);
    send_commit(c, "g", NOBODY, "t", 0, 6, "");
    send_fetch(d, "g", "t", 0);
    assert_false(take_commit(c, &error) || take_fetch(d, &error, &offset));
    group_world_settle(&w);
    assert_true(take_commit(c, &error) && take_fetch(d, &error, &offset));
    assert_int_equal(offset, 6);
    send_commit(c, "g", NOBODY, "t", 0, 7, "");
    send_fetch(d, "g", "t", 0);
    assert_false(take_fetch(d, &error, &offset));
    group_world_restart(&w, true);
    c = sim_client_new(&w, "c");
    assert_int_equal(fetched(c, "g", "t", 0), 6);
    /* The end of a group likewise. */
    assert_int_equal(delete_group(c, "g"), KAFKA_NONE);
    assert_int_equal(fetched(c, "g", "t", 0), -1);
    group_world_restart(&w, true);
    c = sim_client_new(&w, "c");
    assert_int_equal(fetched(c, "g", "t", 0), -1);
    group_world_fini(&w);
}

static void disk_fails(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *c = sim_client_new(&w, "c");
    struct slice id = stable_one(c, "g");
    assert_int_equal(commit_as(c, "g", (struct as){1, id, NULL}, "t", 0, 5), KAFKA_NONE);
    env_sim_fail(w.sim, ENV_SIM_SYNC, 1, UINT64_MAX, ERR_IO);
    assert_int_equal(commit_as(c, "g", (struct as){1, id, NULL}, "t", 0, 6), KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(commit_as(c, "g", (struct as){1, id, NULL}, "t", 0, 7), KAFKA_COORDINATOR_NOT_AVAILABLE);
    int16_t error;
    int64_t offset;
    send_fetch(c, "g", "t", 0);
    group_world_settle(&w);
    assert_true(take_fetch(c, &error, &offset));
    assert_int_equal(error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(beat(c, "g", 1, id), KAFKA_NONE);
    env_sim_heal(w.sim);
    group_world_fini(&w);
}

static void restart_keeps_the_group(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    for (int crash = 0; crash < 2; crash++) {
        const char *g = crash ? "g1" : "g0";
        struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
        struct slice ia = stable_one(a, g), ib = stable_two(a, b, g, ia);
        assert_int_equal(commit_as(a, g, (struct as){2, ia, NULL}, "t", 1, 77), KAFKA_NONE);
        group_world_restart(&w, crash == 1);
        a = sim_client_new(&w, "a");
        assert_int_equal(beat(a, g, 2, ia), KAFKA_NONE);
        assert_int_equal(beat(a, g, 2, ib), KAFKA_NONE);
        assert_int_equal(fetched(a, g, "t", 1), 77);
        assert_int_equal(commit_as(a, g, (struct as){2, ib, NULL}, "t", 2, 78), KAFKA_NONE);
        struct describe_groups_resp_described_group d = describe(a, g);
        assert_true(slice_is(d.group_state, "Stable"));
        assert_true(slice_is(d.protocol_data, "range"));
        assert_int_equal(d.members.n, 2);
        send_sync(a, g, 2, ib, NULL, 0);
        assert_true(slice_is(take_sync(a).assignment, "B"));
        /* Who does not come back goes by its session, as always. */
        group_world_advance(&w, SESSION_MS / 2);
        assert_int_equal(beat(a, g, 2, ia), KAFKA_NONE);
        group_world_advance(&w, SESSION_MS / 2 + 2000);
        assert_int_equal(beat(a, g, 2, ia), KAFKA_REBALANCE_IN_PROGRESS);
        struct join_group_resp r = call_join(a, (struct join){.group = g, .member = ia});
        assert_int_equal(r.generation_id, 3);
        assert_int_equal(r.members.n, 1);
        sim_client_close(a);
    }
    group_world_fini(&w);
}

/* What outside tools read: the partition by Java's hash, the records in Kafka's form. */
static void record_formats(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *c = sim_client_new(&w, "c");
    int16_t error;
    send_commit(c, "test", NOBODY, "t", 2, 41, "meta");
    group_world_settle(&w);
    assert_true(take_commit(c, &error));
    /* "test".hashCode() is 3556498; abs % 50 is 48. */
    struct partition *p = partition_find(w.b, SLICE("__consumer_offsets"), 48);
    assert_non_null(p);
    assert_int_equal(store_log_hw(p->log), 1);
    struct buf bytes = {0};
    assert_int_equal(store_read(p->log, 0, 1, 1 << 20, true, &bytes), OK);
    struct batch b;
    assert_int_equal(batch_parse(buf_slice(&bytes), &b), OK);
    struct record_iter it = {.batch = &b, .rest = b.records};
    struct record r;
    assert_int_equal(record_next(&it, &r), OK);
    const uint8_t key[] = {0, 1, 0, 4, 't', 'e', 's', 't', 0, 1, 't', 0, 0, 0, 2};
    const uint8_t value[] = {0, 3, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 3, 0, 4, 'm', 'e', 't', 'a'};
    assert_int_equal(r.key.n, sizeof key);
    assert_memory_equal(r.key.p, key, sizeof key);
    assert_int_equal(r.value.n, sizeof value + 8); /* the time of the commit */
    assert_memory_equal(r.value.p, value, sizeof value);
    buf_fini(&bytes);
    static const struct { const char *id; int32_t hash; } known[] = {{"", 0}, {"hello", 99162322}, {"\xc3\xa9", 233},
                                                                     {"\xf0\x9f\x98\x80", 1772899}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(group_home(w.b->groups, slice_cstr(known[i].id)), known[i].hash % 50);
    group_world_fini(&w);
}

/* ---- the topic stays small, and complete ---- */

static uint64_t offsets_bytes(struct group_world *w, int64_t *start) {
    struct topic *t = topic_find(w->b, SLICE("__consumer_offsets"));
    uint64_t bytes = 0;
    *start = 0;
    for (int32_t i = 0; i < t->n_partitions; i++) {
        bytes += store_log_bytes(t->partitions[i]->log);
        *start += store_log_start(t->partitions[i]->log);
    }
    return bytes;
}

static void compaction(void **state) {
    (void)state;
    struct group_world w;
    char meta[3001];
    int64_t start, last[4] = {0};
    world(&w, (const struct broker_setting[]){{"offsets.topic.num.partitions", "1"}, {NULL, NULL}});
    struct sim_client *c = sim_client_new(&w, "c"), *a = sim_client_new(&w, "a");
    struct slice id = stable_one(a, "members");
    memset(meta, 'x', 3000);
    meta[3000] = '\0';
    for (int i = 0; i < 300; i++) { /* keys that stay as they are */
        int16_t error;
        struct slice g = text(&w, "quiet-%d", i);
        send_commit(c, (const char *)g.p, NOBODY, "t", 0, i, "");
        group_world_settle(&w);
        assert_true(take_commit(c, &error));
    }
    for (int i = 0; i < 3000; i++) { /* 9 MB of news about four keys */
        int16_t error;
        send_commit(c, "busy", NOBODY, "t", i % 4, i, meta);
        last[i % 4] = i;
        group_world_settle(&w);
        assert_true(take_commit(c, &error));
        assert_int_equal(error, KAFKA_NONE);
        group_world_advance(&w, 10);
        if (i % 100 == 0)
            assert_int_equal(beat(a, "members", 1, id), KAFKA_NONE);
    }
    assert_true(offsets_bytes(&w, &start) < 3 << 20);
    assert_true(start > 2000);
    for (int crash = 0; crash < 2; crash++) {
        group_world_restart(&w, crash == 1);
        c = sim_client_new(&w, "c");
        assert_int_equal(beat(c, "members", 1, id), KAFKA_NONE);
        for (int i = 0; i < 300; i++)
            assert_int_equal(fetched(c, (const char *)text(&w, "quiet-%d", i).p, "t", 0), i);
        for (int i = 0; i < 4; i++)
            assert_int_equal(fetched(c, "busy", "t", i), last[i]);
        assert_int_equal(groups_count(w.b), 302);
    }
    group_world_fini(&w);
}

/* ---- forgetting ---- */

static void topic_deleted(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *c = sim_client_new(&w, "c");
    make_topic(c, "u", 1);
    commit(c, "g", "t", 0, 5);
    commit(c, "g", "u", 0, 6);
    delete_topic(c, "u");
    assert_int_equal(fetched(c, "g", "u", 0), -1);
    make_topic(c, "u", 1);
    assert_int_equal(fetched(c, "g", "u", 0), -1);
    group_world_restart(&w, true);
    c = sim_client_new(&w, "c");
    assert_int_equal(fetched(c, "g", "u", 0), -1);
    assert_int_equal(fetched(c, "g", "t", 0), 5);
    group_world_fini(&w);
}

static void offsets_topic_deleted(void **state) {
    (void)state;
    struct group_world w;
    struct join_group_resp r;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    stable_one(a, "g");
    send_join(b, (struct join){.group = "g", .member = new_id(b, "g")});
    struct topic *t = topic_find(w.b, SLICE("__consumer_offsets"));
    uint64_t ticket;
    assert_int_equal(topic_delete(w.b, t, &ticket), OK);
    group_world_settle(&w);
    assert_true(take_join(b, &r));
    assert_int_equal(r.error_code, KAFKA_NOT_COORDINATOR);
    assert_state(a, "g", "Dead", 0);
    stable_one(a, "g"); /* and everything can begin anew */
    group_world_restart(&w, true);
    a = sim_client_new(&w, "a");
    assert_state(a, "g", "Stable", 1);
    group_world_fini(&w);
}

static void retention(void **state) {
    (void)state;
    struct group_world w;
    world(&w, (const struct broker_setting[]){{"offsets.retention.minutes", "60"}, {NULL, NULL}});
    struct sim_client *a = sim_client_new(&w, "a"), *c = sim_client_new(&w, "c");
    struct slice id = stable_one(a, "with");
    assert_int_equal(commit_as(a, "with", (struct as){1, id, NULL}, "t", 0, 5), KAFKA_NONE);
    commit(c, "simple", "t", 0, 6);
    for (int i = 0; i < 75 * 60 / 5; i++) {
        group_world_advance(&w, 5000);
        assert_int_equal(beat(a, "with", 1, id), KAFKA_NONE);
    }
    assert_int_equal(fetched(c, "simple", "t", 0), -1); /* an hour after its commit */
    assert_state(c, "simple", "Dead", 0);
    assert_int_equal(fetched(c, "with", "t", 0), 5); /* its members live */
    assert_int_equal(leave(a, "with", id), KAFKA_NONE);
    group_world_advance(&w, 55 * 60000);
    assert_int_equal(fetched(c, "with", "t", 0), 5);
    group_world_advance(&w, 20 * 60000); /* an hour after it became empty */
    assert_int_equal(fetched(c, "with", "t", 0), -1);
    assert_state(c, "with", "Dead", 0);
    group_world_restart(&w, true);
    assert_int_equal(groups_count(w.b), 0);
    group_world_fini(&w);
}

static void deletions(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a");
    struct slice id = stable_one(a, "g");
    assert_int_equal(delete_group(a, "g"), KAFKA_NON_EMPTY_GROUP);
    assert_int_equal(delete_group(a, "none"), KAFKA_GROUP_ID_NOT_FOUND);
    assert_int_equal(leave(a, "g", id), KAFKA_NONE);
    commit(a, "g", "t", 0, 1);
    commit(a, "g", "t", 1, 2);
    struct offset_delete_req q;
    struct offset_delete_resp r;
    struct offset_delete_req_partition p = {.partition_index = 0};
    struct offset_delete_req_topic t = {.name = SLICE("t"), .partitions = {1, &p}};
    proto_init(PROTO_STRUCT(offset_delete_req), &q);
    q.group_id = SLICE("g");
    q.topics.n = 1;
    q.topics.v = &t;
    sim_call(a, API_OFFSET_DELETE, 0, &q, &r);
    assert_int_equal(r.topics.v[0].partitions.v[0].error_code, KAFKA_NONE);
    group_world_restart(&w, true);
    a = sim_client_new(&w, "a");
    assert_int_equal(fetched(a, "g", "t", 0), -1);
    assert_int_equal(fetched(a, "g", "t", 1), 2);
    assert_int_equal(delete_group(a, "g"), KAFKA_NONE);
    group_world_restart(&w, true);
    a = sim_client_new(&w, "a");
    assert_state(a, "g", "Dead", 0);
    assert_int_equal(groups_count(w.b), 0);
    group_world_fini(&w);
}

/* ---- chance ---- */

/* Random commits, readers and crashes: what was answered or seen never goes back. */
static void never_back(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct group_world w;
        struct random random = {seed};
        int64_t floor[4] = {-1, -1, -1, -1}, next = 0;
        group_world_init(&w, seed, NULL);
        struct sim_client *c = sim_client_new(&w, "c"), *d = sim_client_new(&w, "d");
        make_topic(c, "t", 4);
        for (int step = 0; step < 200; step++) {
            int32_t p = (int32_t)(random_next(&random) % 4);
            int16_t error;
            int64_t seen;
            switch (random_next(&random) % 8) {
            case 0:
                group_world_restart(&w, true);
                c = sim_client_new(&w, "c");
                d = sim_client_new(&w, "d");
                break;
            case 1: case 2: case 3: /* not waited for: a crash may come first */
                send_commit(c, "g", NOBODY, "t", p, next++, "");
                break;
            case 4: case 5:
                group_world_settle(&w);
                while (take_commit(c, &error))
                    assert_int_equal(error, KAFKA_NONE);
                send_commit(c, "g", NOBODY, "t", p, next, "");
                group_world_settle(&w);
                assert_true(take_commit(c, &error));
                floor[p] = next++;
                break;
            default:
                send_fetch(d, "g", "t", p);
                group_world_settle(&w);
                assert_true(take_fetch(d, &error, &seen));
                assert_true(seen >= floor[p]);
                floor[p] = seen;
            }
        }
        group_world_fini(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commits),
        cmocka_unit_test(seen_only_when_durable),
        cmocka_unit_test(disk_fails),
        cmocka_unit_test(restart_keeps_the_group),
        cmocka_unit_test(record_formats),
        cmocka_unit_test(compaction),
        cmocka_unit_test(topic_deleted),
        cmocka_unit_test(offsets_topic_deleted),
        cmocka_unit_test(retention),
        cmocka_unit_test(deletions),
        cmocka_unit_test(never_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
