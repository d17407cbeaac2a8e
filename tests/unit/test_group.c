/* Groups: members, rebalances, static members; spoken to by frames in the simulated world. */
#include "tests/sim/group_world.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- the rebalance ---- */

static void one_member(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *c = sim_client_new(&w, "me");
    struct slice id = new_id(c, "g");
    assert_int_equal(slice_cmp(slice_of(id.p, 3), SLICE("me-")), 0);
    assert_int_equal(id.n, 3 + 36);
    struct join_group_resp r = call_join(c, (struct join){.group = "g", .member = id});
    assert_int_equal(r.error_code, KAFKA_NONE);
    assert_int_equal(r.generation_id, 1);
    assert_true(slice_eq(r.leader, id));
    assert_int_equal(r.members.n, 1);
    assert_true(slice_is(r.members.v[0].metadata, "m"));
    assert_state(c, "g", "CompletingRebalance", 1);
    send_sync(c, "g", 1, id, &id, 1);
    struct sync_group_resp s = take_sync(c);
    assert_true(slice_is(s.assignment, "A"));
    assert_true(slice_is(s.protocol_name, "range"));
    assert_state(c, "g", "Stable", 1);
    assert_int_equal(beat(c, "g", 1, id), KAFKA_NONE);
    assert_int_equal(beat(c, "g", 2, id), KAFKA_ILLEGAL_GENERATION);
    assert_int_equal(leave(c, "g", id), KAFKA_NONE);
    assert_state(c, "g", "Empty", 0);
    assert_int_equal(beat(c, "g", 1, id), KAFKA_UNKNOWN_MEMBER_ID);
    group_world_fini(&w);
}

static void three_members(void **state) {
    (void)state;
    struct group_world w;
    struct join_group_resp r, other;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b"), *c = sim_client_new(&w, "c");
    struct sim_client *admin = sim_client_new(&w, "admin");
    struct slice ia = stable_one(a, "g"), ib, ic;
    ib = new_id(b, "g");
    assert_state(admin, "g", "Stable", 1); /* an id alone changes nothing */
    send_join(b, (struct join){.group = "g", .member = ib});
    group_world_settle(&w);
    assert_false(take_join(b, &r));
    assert_state(admin, "g", "PreparingRebalance", 2);
    assert_int_equal(beat(a, "g", 1, ia), KAFKA_REBALANCE_IN_PROGRESS);
    r = call_join(a, (struct join){.group = "g", .member = ia});
    assert_true(take_join(b, &other));
    assert_int_equal(r.members.n, 2);
    assert_int_equal(other.members.n, 0);
    assert_true(slice_eq(other.leader, ia));
    /* The follower's SyncGroup waits for the leader's. */
    struct sync_group_resp s;
    send_sync(b, "g", 2, ib, NULL, 0);
    group_world_settle(&w);
    assert_false(sim_take(b, API_SYNC_GROUP, 5, &s));
    struct slice both[] = {ia, ib};
    send_sync(a, "g", 2, ia, both, 2);
    assert_true(slice_is(take_sync(a).assignment, "A"));
    assert_true(slice_is(take_sync(b).assignment, "B"));
    /* A third one; b keeps its session but does not join in time: it is out. */
    ic = new_id(c, "g");
    send_join(c, (struct join){.group = "g", .member = ic});
    send_join(a, (struct join){.group = "g", .member = ia});
    for (int i = 0; i < 3; i++) {
        group_world_advance(&w, REBALANCE_MS / 4);
        assert_int_equal(beat(b, "g", 2, ib), KAFKA_REBALANCE_IN_PROGRESS);
        assert_false(take_join(c, &r));
    }
    group_world_advance(&w, REBALANCE_MS / 4);
    assert_true(take_join(c, &r));
    assert_true(take_join(a, &other));
    assert_int_equal(r.generation_id, 3);
    assert_int_equal(other.members.n, 2);
    assert_int_equal(beat(b, "g", 2, ib), KAFKA_UNKNOWN_MEMBER_ID);
    group_world_fini(&w);
}

static void leader_leaves(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    struct slice ia = stable_one(a, "g"), ib = stable_two(a, b, "g", ia);
    assert_int_equal(leave(a, "g", ia), KAFKA_NONE);
    assert_int_equal(beat(b, "g", 2, ib), KAFKA_REBALANCE_IN_PROGRESS);
    struct join_group_resp r = call_join(b, (struct join){.group = "g", .member = ib});
    assert_int_equal(r.generation_id, 3);
    assert_true(slice_eq(r.leader, ib));
    assert_int_equal(r.members.n, 1);
    group_world_fini(&w);
}

static void sessions_end(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    struct slice ia = stable_one(a, "g"), ib = stable_two(a, b, "g", ia);
    group_world_advance(&w, SESSION_MS - 1000);
    assert_int_equal(beat(b, "g", 2, ib), KAFKA_NONE);
    group_world_advance(&w, 2000); /* a has said nothing */
    assert_int_equal(beat(b, "g", 2, ib), KAFKA_REBALANCE_IN_PROGRESS);
    assert_int_equal(call_join(b, (struct join){.group = "g", .member = ib}).generation_id, 3);
    assert_int_equal(beat(a, "g", 2, ia), KAFKA_UNKNOWN_MEMBER_ID);
    group_world_advance(&w, SESSION_MS + 1000);
    assert_state(b, "g", "Empty", 0);
    group_world_fini(&w);
}

/* A member that never asks for its assignment holds the others up for a rebalance timeout only. */
static void sync_never_comes(void **state) {
    (void)state;
    struct group_world w;
    struct join_group_resp r;
    struct sync_group_resp s;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    struct slice ia = stable_one(a, "g"), ib = new_id(b, "g");
    send_join(b, (struct join){.group = "g", .member = ib});
    send_join(a, (struct join){.group = "g", .member = ia});
    group_world_settle(&w);
    assert_true(take_join(a, &r) && take_join(b, &r));
    send_sync(b, "g", 2, ib, NULL, 0);
    for (int i = 0; i < 5; i++) {
        group_world_advance(&w, REBALANCE_MS / 5);
        if (i < 4)
            assert_int_equal(beat(a, "g", 2, ia), KAFKA_NONE); /* alive, and the leader, but it does not sync */
    }
    assert_true(sim_take(b, API_SYNC_GROUP, 5, &s));
    assert_int_equal(s.error_code, KAFKA_REBALANCE_IN_PROGRESS);
    assert_int_equal(call_join(b, (struct join){.group = "g", .member = ib}).generation_id, 3);
    group_world_fini(&w);
}

static void connections_drop(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b"), *admin = sim_client_new(&w, "x");
    struct slice ia = stable_one(a, "g"), ib = new_id(b, "g");
    send_join(b, (struct join){.group = "g", .member = ib});
    group_world_settle(&w);
    sim_client_close(b); /* parked: the member stays, its session runs */
    group_world_settle(&w);
    assert_state(admin, "g", "PreparingRebalance", 2);
    group_world_advance(&w, SESSION_MS / 2);
    assert_int_equal(beat(a, "g", 1, ia), KAFKA_REBALANCE_IN_PROGRESS);
    group_world_advance(&w, SESSION_MS / 2 + 1000);
    assert_int_equal(beat(a, "g", 1, ia), KAFKA_REBALANCE_IN_PROGRESS);
    assert_state(admin, "g", "PreparingRebalance", 1);
    struct join_group_resp r = call_join(a, (struct join){.group = "g", .member = ia});
    assert_int_equal(r.members.n, 1);
    /* The leader's parked SyncGroup is not there to abandon; a follower's is. */
    b = sim_client_new(&w, "b");
    ib = new_id(b, "g");
    send_join(b, (struct join){.group = "g", .member = ib});
    r = call_join(a, (struct join){.group = "g", .member = ia});
    assert_int_equal(r.members.n, 2);
    assert_true(take_join(b, &r));
    send_sync(b, "g", r.generation_id, ib, NULL, 0);
    group_world_settle(&w);
    sim_client_close(b);
    send_sync(a, "g", r.generation_id, ia, &ia, 1);
    assert_int_equal(take_sync(a).error_code, KAFKA_NONE);
    assert_state(admin, "g", "Stable", 2);
    group_world_fini(&w);
}

static void same_member_twice(void **state) {
    (void)state;
    struct group_world w;
    struct join_group_resp r;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b"), *b2 = sim_client_new(&w, "b");
    struct slice ia = stable_one(a, "g"), ib = new_id(b, "g");
    send_join(b, (struct join){.group = "g", .member = ib});
    send_join(b2, (struct join){.group = "g", .member = ib}); /* its client gave up waiting and asks anew */
    group_world_settle(&w);
    assert_true(take_join(b, &r));
    assert_int_equal(r.error_code, KAFKA_REBALANCE_IN_PROGRESS);
    r = call_join(a, (struct join){.group = "g", .member = ia});
    assert_int_equal(r.members.n, 2);
    assert_true(take_join(b2, &r));
    assert_int_equal(r.error_code, KAFKA_NONE);
    group_world_fini(&w);
}

static void joins_again(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    struct slice ia = stable_one(a, "g"), ib = stable_two(a, b, "g", ia);
    struct join_group_resp r = call_join(b, (struct join){.group = "g", .member = ib});
    assert_int_equal(r.generation_id, 2); /* unchanged follower: no rebalance */
    struct join_group_resp news;
    send_join(b, (struct join){.group = "g", .member = ib, .metadata = "other topics"});
    group_world_settle(&w);
    assert_false(take_join(b, &news));
    r = call_join(a, (struct join){.group = "g", .member = ia});
    assert_true(take_join(b, &news));
    assert_int_equal(news.generation_id, 3);
    /* Lost answer, CompletingRebalance: the same generation again, the leader with its members. */
    r = call_join(a, (struct join){.group = "g", .member = ia});
    assert_int_equal(r.generation_id, 3);
    assert_int_equal(r.members.n, 2);
    group_world_fini(&w);
}

static void ids_expire(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    new_id(a, "h");
    assert_state(b, "h", "Empty", 0);
    group_world_advance(&w, SESSION_MS + 1000);
    assert_state(b, "h", "Dead", 0);
    /* A rebalance waits for ids that were handed out, and no longer than they live. */
    struct slice ia = stable_one(a, "g");
    new_id(b, "g");
    struct join_group_resp r;
    send_join(a, (struct join){.group = "g", .member = ia});
    group_world_settle(&w);
    assert_false(take_join(a, &r));
    group_world_advance(&w, SESSION_MS + 1000);
    assert_true(take_join(a, &r));
    assert_int_equal(r.members.n, 1);
    group_world_fini(&w);
}

static void initial_delay(void **state) {
    (void)state;
    struct group_world w;
    struct join_group_resp r, q;
    world(&w, (const struct broker_setting[]){{"group.initial.rebalance.delay.ms", "3000"}, {NULL, NULL}});
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    send_join(a, (struct join){.group = "g", .version = 3});
    group_world_advance(&w, 2000);
    send_join(b, (struct join){.group = "g", .version = 3});
    group_world_advance(&w, 2000); /* somebody came: another delay */
    assert_false(sim_take(a, API_JOIN_GROUP, 3, &r));
    group_world_advance(&w, 2500);
    assert_true(sim_take(a, API_JOIN_GROUP, 3, &r) && sim_take(b, API_JOIN_GROUP, 3, &q));
    assert_int_equal(r.generation_id, 1);
    assert_int_equal(r.members.n + q.members.n, 2);
    group_world_fini(&w);
}

static void limits(void **state) {
    (void)state;
    struct group_world w;
    world(&w, (const struct broker_setting[]){{"group.max.size", "1"}, {NULL, NULL}});
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    stable_one(a, "g");
    assert_int_equal(call_join(b, (struct join){.group = "g", .version = 3}).error_code, KAFKA_GROUP_MAX_SIZE_REACHED);
    assert_int_equal(call_join(b, (struct join){.group = "g"}).error_code, KAFKA_GROUP_MAX_SIZE_REACHED);
    for (int i = 0; i < GROUP_PENDING_MAX; i++)
        new_id(b, "ids");
    assert_int_equal(call_join(b, (struct join){.group = "ids"}).error_code, KAFKA_GROUP_MAX_SIZE_REACHED);
    group_world_fini(&w);
}

/* ---- static members ---- */

static void static_members(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    struct join_group_resp r = call_join(a, (struct join){.group = "g", .instance = "i"});
    struct slice old = r.member_id;
    send_sync(a, "g", 1, old, &old, 1);
    assert_true(slice_is(take_sync(a).assignment, "A"));
    r = call_join(b, (struct join){.group = "g", .instance = "i"});
    assert_int_equal(r.generation_id, 1);
    assert_true(r.skip_assignment);
    assert_int_equal(r.members.n, 1);
    assert_true(slice_eq(r.leader, r.member_id));
    struct slice now = r.member_id;
    assert_false(slice_eq(old, now));
    assert_int_equal(beat_as(a, "g", 1, old, "i"), KAFKA_FENCED_INSTANCE_ID);
    assert_int_equal(commit_as(a, "g", (struct as){1, old, "i"}, "t", 0, 5), KAFKA_FENCED_INSTANCE_ID);
    assert_int_equal(beat_as(b, "g", 1, now, "i"), KAFKA_NONE);
    send_sync(b, "g", 1, now, NULL, 0);
    assert_true(slice_is(take_sync(b).assignment, "A")); /* its former self's */
    /* A client that does not know skip_assignment must not take itself for the leader. */
    r = call_join(a, (struct join){.group = "g", .instance = "i", .version = 5});
    assert_true(slice_eq(r.leader, now));
    assert_false(slice_eq(r.member_id, now));
    group_world_restart(&w, true);
    a = sim_client_new(&w, "a");
    assert_int_equal(beat_as(a, "g", 1, r.member_id, "i"), KAFKA_NONE); /* the exchange was kept */
    assert_int_equal(beat_as(a, "g", 1, now, "i"), KAFKA_FENCED_INSTANCE_ID);
    group_world_fini(&w);
}

/* The parked JoinGroup of a former self is told so. */
static void static_fenced_while_parked(void **state) {
    (void)state;
    struct group_world w;
    struct join_group_resp r;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b"), *c = sim_client_new(&w, "c");
    struct slice ia = stable_one(a, "g");
    send_join(b, (struct join){.group = "g", .instance = "i"});
    group_world_settle(&w);
    assert_false(take_join(b, &r));
    send_join(c, (struct join){.group = "g", .instance = "i"});
    group_world_settle(&w);
    assert_true(take_join(b, &r));
    assert_int_equal(r.error_code, KAFKA_FENCED_INSTANCE_ID);
    assert_int_equal(call_join(a, (struct join){.group = "g", .member = ia}).members.n, 2);
    assert_true(take_join(c, &r));
    assert_int_equal(r.error_code, KAFKA_NONE);
    group_world_fini(&w);
}

/* A static member that is away stays through a rebalance, until its session ends. */
static void static_member_away(void **state) {
    (void)state;
    struct group_world w;
    world(&w, NULL);
    struct sim_client *a = sim_client_new(&w, "a"), *b = sim_client_new(&w, "b");
    struct join_group_resp r = call_join(a, (struct join){.group = "g", .instance = "i", .rebalance_ms = 3000});
    send_sync(a, "g", 1, r.member_id, &r.member_id, 1);
    take_sync(a);
    sim_client_close(a);
    struct slice ib = new_id(b, "g");
    send_join(b, (struct join){.group = "g", .member = ib, .rebalance_ms = 3000});
    group_world_advance(&w, 3500);
    assert_true(take_join(b, &r));
    assert_int_equal(r.members.n, 2);
    assert_true(slice_eq(r.leader, ib));
    group_world_fini(&w);
}

/* ---- chance ---- */

/* What the coordinator counts is what there is. */
static void check_books(struct group_world *w) {
    struct groups *gs = w->b->groups;
    size_t parked = 0;
    for (struct group *g = gs->by_id; g != NULL; g = g->by_id.next) {
        size_t members = 0, awaiting = 0, pending_sync = 0, statics = 0;
        bool leader = g->members == NULL && g->leader == NULL;
        for (struct member *m = g->members; m != NULL; m = m->by_id.next) {
            members++;
            awaiting += m->awaiting_join;
            pending_sync += m->pending_sync;
            statics += m->instance_id.p != NULL;
            parked += m->join != NULL;
            parked += m->sync != NULL;
            leader = leader || m == g->leader;
            assert_true(m->join == NULL || (m->awaiting_join && g->state == GROUP_PREPARING));
            assert_true(m->sync == NULL || g->state == GROUP_COMPLETING);
            assert_true(m->session.slot != 0 || m->join != NULL || m->sync != NULL); /* nobody lives for ever */
        }
        assert_true(leader);
        assert_int_equal(g->n_members, members);
        assert_int_equal(g->n_awaiting_join, awaiting);
        assert_int_equal(g->n_pending_sync, pending_sync);
        assert_int_equal(HASH_CNT(by_instance, g->statics), statics);
        assert_int_equal(HASH_CNT(hh, g->pending), g->n_pending);
        assert_int_equal(g->state == GROUP_EMPTY, members == 0 && g->state != GROUP_PREPARING);
        if (g->state == GROUP_PREPARING)
            assert_true(g->join_timer.slot != 0);
        if (g->state == GROUP_COMPLETING)
            assert_true(g->sync_timer.slot != 0);
    }
    assert_int_equal(w->b->stats.parked, parked);
}

enum { CROWD = 12 };
struct crowd_member {
    struct sim_client *c;
    struct slice id;
    int32_t generation;
    int waits;                       /* for the answer of this API; 0: none */
    const char *group, *instance;
};

static void crowd_take(struct crowd_member *m) {
    struct join_group_resp j;
    struct sync_group_resp s;
    if (m->waits == API_JOIN_GROUP && take_join(m->c, &j)) {
        m->waits = 0;
        m->generation = j.generation_id;
        m->id = j.error_code == KAFKA_NONE || j.error_code == KAFKA_MEMBER_ID_REQUIRED ? j.member_id : SLICE("");
    } else if (m->waits == API_SYNC_GROUP && sim_take(m->c, API_SYNC_GROUP, 5, &s)) {
        m->waits = 0;
    }
}

static void crowd_act(struct group_world *w, struct crowd_member *m, struct random *random) {
    static const char *const metadata[] = {"m", "n"};
    size_t what = random_below(random, 16);
    if (m->waits != 0 && what > 1)
        return;
    if (what <= 1) { /* its connection drops; it may have forgotten its id too */
        sim_client_close(m->c);
        m->c = sim_client_new(w, "crowd");
        m->waits = 0;
        if (what == 0)
            m->id = SLICE("");
    } else if (what < 8) {
        send_join(m->c, (struct join){.group = m->group, .member = m->id, .instance = m->instance,
                                      .metadata = metadata[random_below(random, 8) == 0]});
        m->waits = API_JOIN_GROUP;
    } else if (what < 12) {
        send_sync(m->c, m->group, m->generation, m->id, &m->id, 1);
        m->waits = API_SYNC_GROUP;
    } else if (what == 12) {
        leave(m->c, m->group, m->id);
    } else if (what == 13) {
        group_world_advance(w, (int64_t)random_below(random, REBALANCE_MS));
    } else {
        beat_as(m->c, m->group, m->generation, m->id, m->instance);
    }
}

static void crowd(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct group_world w;
        struct random random = {seed};
        struct crowd_member v[CROWD];
        group_world_init(&w, seed, (const struct broker_setting[]){{"group.max.size", "5"}, {NULL, NULL}});
        for (int i = 0; i < CROWD; i++)
            v[i] = (struct crowd_member){sim_client_new(&w, "crowd"), SLICE(""), 0, 0, i % 3 == 0 ? "g" : "h",
                                         i % 4 == 0 ? i % 8 == 0 ? "one" : "two" : NULL};
        for (int step = 0; step < 500; step++) {
            crowd_act(&w, &v[random_below(&random, CROWD)], &random);
            group_world_settle(&w);
            for (int i = 0; i < CROWD; i++)
                crowd_take(&v[i]);
            check_books(&w);
            if (step % 100 == 99) {
                group_world_restart(&w, random_below(&random, 2) == 0);
                for (int i = 0; i < CROWD; i++) {
                    v[i].c = sim_client_new(&w, "crowd");
                    v[i].waits = 0;
                }
            }
        }
        /* Nobody says anything any more: it all ends. */
        group_world_advance(&w, GROUP_NEW_MEMBER_TIMEOUT_MS + 4 * REBALANCE_MS);
        for (struct group *g = w.b->groups->by_id; g != NULL; g = g->by_id.next)
            assert_int_equal(g->state, GROUP_EMPTY);
        group_world_fini(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_member),
        cmocka_unit_test(three_members),
        cmocka_unit_test(leader_leaves),
        cmocka_unit_test(sessions_end),
        cmocka_unit_test(sync_never_comes),
        cmocka_unit_test(connections_drop),
        cmocka_unit_test(same_member_twice),
        cmocka_unit_test(joins_again),
        cmocka_unit_test(ids_expire),
        cmocka_unit_test(initial_delay),
        cmocka_unit_test(limits),
        cmocka_unit_test(static_members),
        cmocka_unit_test(static_fenced_while_parked),
        cmocka_unit_test(static_member_away),
        cmocka_unit_test(crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
