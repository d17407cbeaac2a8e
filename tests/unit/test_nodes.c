/* The table of brokers that the reader, the tail and the producer share: which
 * addresses count, what becomes of a seed, and how long failed seeds wait.  No
 * connection needs to come up for it. */
#include "core/client/nodes.h"
#include "core/proto/apis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct big_node { struct node node; int64_t mine[4]; };
struct stage {
    uv_loop_t loop;
    struct wire wire;
    struct nodes nodes;
};

static void begin(struct stage *s, const char *bootstrap) {
    struct error e;
    assert_int_equal(uv_loop_init(&s->loop), 0);
    wire_init(&s->wire, &s->loop);
    nodes_init(&s->nodes, &s->wire, s, sizeof(struct big_node));
    assert_int_equal(nodes_set_seeds(&s->nodes, bootstrap, &e), OK);
}

static void end(struct stage *s) {
    nodes_fini(&s->nodes);
    wire_fini(&s->wire);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

static struct metadata_resp_broker broker(int32_t id, struct slice host, int32_t port) {
    return (struct metadata_resp_broker){.node_id = id, .host = host, .port = port};
}

static void test_addresses(void **state) {
    (void)state;
    static char longest[ADDR_HOST_SIZE - 1], too_long[ADDR_HOST_SIZE];
    memset(longest, 'a', sizeof longest);
    memset(too_long, 'a', sizeof too_long);
    const struct { struct slice host; int32_t port; bool counts; } rows[] = {
        {SLICE("10.0.0.1"), 9092, true},
        {SLICE("x"), 1, true},
        {SLICE("x"), 65535, true},
        {slice_of(longest, sizeof longest), 9092, true},
        {slice_of(too_long, sizeof too_long), 9092, false},
        {slice_of("good\0bad", 8), 9092, false},
        {SLICE(""), 9092, false},
        {SLICE_NULL, 9092, false},
        {SLICE("x"), 0, false},
        {SLICE("x"), -1, false},
        {SLICE("x"), 65536, false},
        {SLICE("x"), 65536 + 9092, false},
    };
    struct stage s;
    begin(&s, "127.0.0.1:1");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct metadata_resp_broker m = broker((int32_t)i, rows[i].host, rows[i].port);
        struct node *node = nodes_get(&s.nodes, m.node_id);
        assert_int_equal(node_advertise(node, &m), rows[i].counts);
        assert_int_equal(node->host[0] != '\0', rows[i].counts);
        assert_false(node_advertise(node, &m)); /* the same again */
        if (!rows[i].counts)
            assert_false(node_open(&s.nodes, node));
    }
    end(&s);
}

/* Another address, or none that counts: the connection to the one before is gone. */
static void test_moved(void **state) {
    (void)state;
    struct stage s;
    begin(&s, "127.0.0.1:1");
    struct node *node = nodes_get(&s.nodes, 7);
    struct metadata_resp_broker m = broker(7, SLICE("127.0.0.1"), 1);
    static const int32_t ports[] = {1, 2, 0, 3};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        m.port = ports[i];
        assert_true(node_advertise(node, &m));
        assert_null(node->conn);
        assert_int_equal(node_open(&s.nodes, node), ports[i] != 0);
        assert_int_equal(node->conn != NULL, ports[i] != 0);
    }
    end(&s);
}

static void test_order(void **state) {
    (void)state;
    struct stage s;
    begin(&s, "127.0.0.1:1");
    static const int32_t ids[] = {5, -3, 9, 0, INT32_MAX, 7, INT32_MIN};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_null(nodes_find(&s.nodes, ids[i]));
        struct node *node = nodes_get(&s.nodes, ids[i]);
        assert_ptr_equal(nodes_get(&s.nodes, ids[i]), node);
        assert_ptr_equal(nodes_find(&s.nodes, ids[i]), node);
        assert_ptr_equal(node->owner, &s);
    }
    assert_int_equal(s.nodes.n, sizeof ids / sizeof *ids);
    for (size_t i = 1; i < s.nodes.n; i++)
        assert_true(s.nodes.v[i - 1]->id < s.nodes.v[i]->id);
    for (int32_t id = 100; s.nodes.n < NODES_MAX; id++)
        assert_non_null(nodes_get(&s.nodes, id));
    assert_null(nodes_get(&s.nodes, 99));
    assert_non_null(nodes_get(&s.nodes, 9));
    end(&s);
}

static void test_seed_becomes_a_node(void **state) {
    (void)state;
    struct stage s;
    begin(&s, "127.0.0.1:1,127.0.0.1:2");
    nodes_open_seed(&s.nodes);
    struct conn *seed = s.nodes.seed;
    struct metadata_resp_broker m = broker(1, SLICE("127.0.0.1"), 2);
    struct node *other = nodes_get(&s.nodes, 1), *same = nodes_get(&s.nodes, 2);
    node_advertise(other, &m);
    node_open(&s.nodes, other);
    assert_ptr_not_equal(other->conn, seed);
    m.port = 1;
    node_advertise(same, &m);
    node_open(&s.nodes, same);
    assert_ptr_equal(same->conn, seed);
    assert_ptr_equal(seed->user, same);
    assert_null(s.nodes.seed);
    assert_int_equal(seed->patience_us, CONN_CONNECT_US); /* a seed among others has less */
    end(&s);
}

/* The seed fails after its own wait has grown to this. */
static bool fails(struct nodes *ns, int64_t wait_us) {
    ns->seed->backoff_us = wait_us;
    return nodes_seed_failed(ns);
}

/* The next seed at once; a round of them waits as long as its most patient one; the next begins from there. */
static void test_seeds_in_turn(void **state) {
    (void)state;
    struct stage s;
    begin(&s, "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3");
    nodes_open_seed(&s.nodes);
    assert_true(s.nodes.seed->patience_us < CONN_CONNECT_US);
    assert_false(fails(&s.nodes, 1000));
    assert_int_equal(s.nodes.seed->port, 2);
    assert_int_not_equal(s.nodes.seed->state, CONN_IDLE); /* it is tried */
    assert_false(fails(&s.nodes, 30000000));              /* it refused the login */
    assert_int_equal(s.nodes.seed->port, 3);
    assert_true(fails(&s.nodes, 1000));
    assert_int_equal(s.nodes.seed->port, 1);
    assert_int_equal(s.nodes.seed->state, CONN_DOWN);
    assert_int_equal(s.nodes.seed->backoff_us, 30000000);
    assert_true(s.nodes.seed->retry_at_us > wire_now_us() + 20000000);
    assert_int_equal(s.nodes.seed->patience_us, CONN_CONNECT_US);
    nodes_open_seed(&s.nodes);
    assert_int_equal(s.nodes.seed->state, CONN_DOWN); /* not before then */
    nodes_hurry(&s.nodes);
    nodes_open_seed(&s.nodes);
    assert_true(s.nodes.seed->retry_at_us < wire_now_us() + 20000000);
    for (int round = 0; round < 2; round++) {
        int64_t before_us = s.nodes.round_us;
        assert_false(fails(&s.nodes, before_us + 1000));
        if (conn_is_busy(s.nodes.seed)) /* else it has failed already */
            assert_int_equal(s.nodes.seed->backoff_us, before_us);
        assert_false(fails(&s.nodes, before_us + 1000));
        assert_true(fails(&s.nodes, before_us + 1000));
        assert_int_equal(s.nodes.round_us, (round + 1) * 1000); /* once a round, not once a seed */
    }
    nodes_answered(&s.nodes);
    assert_false(fails(&s.nodes, 1000));
    nodes_drop_seed(&s.nodes);
    assert_null(s.nodes.seed);
    end(&s);
}

static void test_one_seed(void **state) {
    (void)state;
    struct stage s;
    begin(&s, "127.0.0.1:1");
    nodes_open_seed(&s.nodes);
    struct conn *seed = s.nodes.seed;
    assert_true(nodes_seed_failed(&s.nodes));
    assert_ptr_equal(s.nodes.seed, seed); /* it waits by itself */
    end(&s);
}

static void test_bootstrap(void **state) {
    (void)state;
    struct stage s;
    struct error e;
    begin(&s, "a,b:1,,:2");
    assert_int_equal(s.nodes.n_seeds, 3);
    assert_int_equal(s.nodes.seeds[0].port, 9092);
    assert_string_equal(s.nodes.seeds[2].host, "localhost");
    static const char *const wrong[] = {"", ",", "a:0", "a:x", "a,b:70000"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_not_equal(nodes_set_seeds(&s.nodes, wrong[i], &e), OK);
    assert_int_equal(s.nodes.n_seeds, 3); /* what was there stays */
    end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),  cmocka_unit_test(test_moved),    cmocka_unit_test(test_order),
        cmocka_unit_test(test_seed_becomes_a_node), cmocka_unit_test(test_seeds_in_turn),
        cmocka_unit_test(test_one_seed),   cmocka_unit_test(test_bootstrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
