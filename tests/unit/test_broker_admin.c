/* The broker's topics, offsets and configs, spoken to as an admin client does, on a
 * simulated disk and clock. */
#include "tests/sim/broker_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/broker_fixture.h"

static struct metadata_resp *metadata_of(struct fixture *f, const char *name, bool create) {
    struct metadata_req_topic t = {.name = slice_cstr(name)};
    struct metadata_req req;
    proto_init(PROTO_STRUCT(metadata_req), &req);
    req.topics.n = 1;
    req.topics.v = &t;
    req.allow_auto_topic_creation = create;
    return ASK(&f->w, &f->c, METADATA, 12, &req, metadata_resp);
}

static void test_metadata(void **state) {
    struct fixture *f = *state;
    struct metadata_resp *r = metadata_of(f, "t", false);
    assert_int_equal(r->topics.v[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(r->controller_id, 1);
    assert_true(slice_is(r->cluster_id, broker_cluster_id(f->w.broker)));
    r = metadata_of(f, "t", true);
    assert_int_equal(r->topics.v[0].error_code, 0);
    assert_int_equal(r->topics.v[0].partitions.n, 1);
    assert_false(uuid_is_zero(&r->topics.v[0].topic_id));
    assert_int_equal(metadata_of(f, "a b", true)->topics.v[0].error_code, KAFKA_INVALID_TOPIC_EXCEPTION);
    r = metadata_of(f, "\xff\xfe", true);
    assert_true(slice_is(r->topics.v[0].name, "\xef\xbf\xbd\xef\xbf\xbd"));
    struct metadata_req all;
    proto_init(PROTO_STRUCT(metadata_req), &all);
    all.topics.n = -1;
    assert_int_equal(ASK(&f->w, &f->c, METADATA, 12, &all, metadata_resp)->topics.n, 1);
    all.topics.n = 0;
    assert_int_equal(ASK(&f->w, &f->c, METADATA, 12, &all, metadata_resp)->topics.n, 0);
    assert_int_equal(ASK(&f->w, &f->c, METADATA, 0, &all, metadata_resp)->topics.n, 1);
}

static void test_create_topics(void **state) {
    struct fixture *f = *state;
    static const struct { const char *name; int32_t n; const char *config, *value; int16_t error;
    } rows[] = {
        {"good.name", 2, NULL, NULL, 0},
        {"good.name", 2, NULL, NULL, KAFKA_TOPIC_ALREADY_EXISTS},
        {"good_name", 1, NULL, NULL, KAFKA_INVALID_TOPIC_EXCEPTION},
        {"", 1, NULL, NULL, KAFKA_INVALID_TOPIC_EXCEPTION},
        {"..", 1, NULL, NULL, KAFKA_INVALID_TOPIC_EXCEPTION},
        {"a/b", 1, NULL, NULL, KAFKA_INVALID_TOPIC_EXCEPTION},
        {"zero", 0, NULL, NULL, KAFKA_INVALID_PARTITIONS},
        {"minus", -1, NULL, NULL, 0},
        {"many", 10001, NULL, NULL, KAFKA_POLICY_VIOLATION},
        {"c1", 1, "retention.ms", "abc", KAFKA_INVALID_CONFIG},
        {"c2", 1, "retention.ms", "-2", KAFKA_INVALID_CONFIG},
        {"c3", 1, "no.such", "1", KAFKA_INVALID_CONFIG},
        {"c4", 1, "cleanup.policy", "bogus", KAFKA_INVALID_CONFIG},
        {"c5", 1, "cleanup.policy", "compact,delete", 0},
        {"c6", 1, "compression.gzip.level", "0", KAFKA_INVALID_CONFIG},
        {"c7", 1, "retention.ms", NULL, KAFKA_INVALID_CONFIG},
        {"__consumer_offsets", 1, NULL, NULL, KAFKA_TOPIC_ALREADY_EXISTS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int16_t error = client_create_topic(&f->w, &f->c, rows[i].name, rows[i].n, rows[i].config, rows[i].value);
        if (error != rows[i].error)
            fail_msg("%s: %d", rows[i].name, error);
    }
}

static void test_survives_restart(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    struct init_producer_id_req init;
    char cluster[UUID_TEXT_SIZE];
    proto_init(PROTO_STRUCT(init_producer_id_req), &init);
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 3, "max.message.bytes", "90"), 0);
    assert_int_equal(client_create_topic(&f->w, &f->c, "u", 1, NULL, NULL), 0);
    make_batch(&b, 2, now_ms(f));
    client_produce(&f->w, &f->c, "u", 0, buf_slice(&b));
    struct uuid id = metadata_of(f, "t", false)->topics.v[0].topic_id;
    int64_t producer = ASK(&f->w, &f->c, INIT_PRODUCER_ID, 4, &init, init_producer_id_resp)->producer_id;
    snprintf(cluster, sizeof cluster, "%s", broker_cluster_id(f->w.broker));
    for (int round = 0; round < 2; round++) {
        client_fini(&f->c);
        if (round == 0)
            bworld_crash(&f->w, 99);
        else
            bworld_close(&f->w);
        assert_int_equal(bworld_open(&f->w), OK);
        client_init(&f->c, &f->w);
        struct metadata_resp *r = metadata_of(f, "t", false);
        assert_int_equal(r->topics.v[0].partitions.n, 3);
        assert_true(uuid_eq(&r->topics.v[0].topic_id, &id));
        assert_string_equal(cluster, broker_cluster_id(f->w.broker));
        assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_MESSAGE_TOO_LARGE);
        assert_int_equal(client_produce(&f->w, &f->c, "u", 0, buf_slice(&b))->base_offset, 2 * (round + 1));
        int64_t next = ASK(&f->w, &f->c, INIT_PRODUCER_ID, 4, &init, init_producer_id_resp)->producer_id;
        assert_true(next > producer);
        producer = next;
    }
    buf_fini(&b);
}

static void test_create_then_delete_then_create(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    make_batch(&b, 2, now_ms(f));
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    struct uuid id = metadata_of(f, "t", false)->topics.v[0].topic_id;
    client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
    delete_topic(f, &f->c, "t");
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    assert_false(uuid_eq(&metadata_of(f, "t", false)->topics.v[0].topic_id, &id));
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->base_offset, 0);
    buf_fini(&b);
}

static void test_offsets(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    int64_t t = now_ms(f) - 100000;
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    static const int64_t times[] = {0, 2000, 1000};
    for (size_t i = 0; i < 3; i++) {
        make_batch(&b, 2, t + times[i]);
        client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
    }
    static const struct { int16_t version; int64_t ts; bool absolute; int64_t offset; int16_t error;
    } rows[] = {
        {9, -1, true, 6, 0},
        {9, -2, true, 0, 0},
        {9, -3, true, 3, 0},
        {9, -4, true, 0, 0},
        {9, -5, true, -1, 0},
        {9, -6, true, -1, KAFKA_UNSUPPORTED_VERSION},
        {6, -3, true, -1, KAFKA_UNSUPPORTED_VERSION},
        {11, -6, true, -1, 0},
        {9, 0, false, 0, 0},
        {9, 2, false, 2, 0},
        {9, 1000, false, 2, 0},
        {9, 2002, false, -1, 0},
        {1, -1, true, 6, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct list_offsets_resp_partition p =
            list_offset(f, rows[i].version, rows[i].absolute ? rows[i].ts : t + rows[i].ts);
        if (p.offset != rows[i].offset || p.error_code != rows[i].error)
            fail_msg("row %zu: offset %lld, error %d", i, (long long)p.offset, p.error_code);
    }
    struct delete_records_req_partition up_to = {0, 3};
    struct delete_records_req_topic topic = {SLICE("t"), {1, &up_to}};
    struct delete_records_req req = {{1, &topic}, 1000};
    struct delete_records_resp *r = ASK(&f->w, &f->c, DELETE_RECORDS, 2, &req, delete_records_resp);
    assert_int_equal(r->topics.v[0].partitions.v[0].low_watermark, 3);
    assert_int_equal(list_offset(f, 9, -2).offset, 3);
    assert_int_equal(list_offset(f, 9, t).offset, 3); /* inside a batch whose first record is deleted */
    up_to.offset = 7;
    r = ASK(&f->w, &f->c, DELETE_RECORDS, 2, &req, delete_records_resp);
    assert_int_equal(r->topics.v[0].partitions.v[0].error_code, KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(fetch_all(f, "t", 0)->error_code, KAFKA_OFFSET_OUT_OF_RANGE);
    buf_fini(&b);
}

static struct describe_configs_resp_resource describe(struct fixture *f, int8_t type, const char *resource,
                                                      const char *key) {
    struct slice keys[] = {slice_cstr(key)};
    struct describe_configs_req_resource in = {type, slice_cstr(resource), {1, keys}};
    struct describe_configs_req req = {.resources = {1, &in}, .include_synonyms = true};
    struct describe_configs_resp *r = ASK(&f->w, &f->c, DESCRIBE_CONFIGS, 4, &req, describe_configs_resp);
    assert_int_equal(r->results.v[0].error_code, 0);
    assert_int_equal(r->results.v[0].configs.n, 1);
    return r->results.v[0].configs.v[0];
}

static int16_t alter(struct fixture *f, int8_t type, const char *resource, int8_t op, const char *key,
                     const char *value) {
    struct incremental_alter_configs_req_alterable_config entry = {slice_cstr(key), op, slice_cstr(value)};
    struct incremental_alter_configs_req_resource in = {type, slice_cstr(resource), {1, &entry}};
    struct incremental_alter_configs_req req = {{1, &in}, false};
    return ASK(&f->w, &f->c, INCREMENTAL_ALTER_CONFIGS, 1, &req, incremental_alter_configs_resp)
        ->responses.v[0]
        .error_code;
}

static void test_configs(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    struct describe_configs_resp_resource c = describe(f, 2, "t", "retention.ms");
    assert_true(slice_is(c.value, "604800000"));
    assert_int_equal(c.config_source, SOURCE_DEFAULT);
    assert_int_equal(c.config_type, CONFIG_LONG);
    c = describe(f, 2, "t", "segment.bytes");
    assert_int_equal(c.synonyms.n, 1);
    assert_true(slice_is(c.synonyms.v[0].name, "log.segment.bytes"));

    assert_int_equal(alter(f, 2, "t", 0, "retention.ms", "1000"), 0);
    c = describe(f, 2, "t", "retention.ms");
    assert_true(slice_is(c.value, "1000"));
    assert_int_equal(c.config_source, SOURCE_TOPIC);
    assert_int_equal(alter(f, 2, "t", 0, "retention.ms", "abc"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(f, 2, "t", 1, "retention.ms", NULL), 0);
    assert_int_equal(describe(f, 2, "t", "retention.ms").config_source, SOURCE_DEFAULT);
    assert_int_equal(alter(f, 2, "t", 2, "cleanup.policy", "compact"), 0);
    assert_int_equal(alter(f, 2, "t", 2, "cleanup.policy", "compact"), 0);
    assert_true(slice_is(describe(f, 2, "t", "cleanup.policy").value, "delete,compact"));
    assert_int_equal(alter(f, 2, "t", 3, "cleanup.policy", "delete,compact"), 0);
    assert_true(slice_is(describe(f, 2, "t", "cleanup.policy").value, ""));
    assert_int_equal(alter(f, 2, "t", 2, "retention.ms", "1"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(f, 2, "nosuch", 0, "retention.ms", "1"), KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(alter(f, 99, "x", 0, "a", "1"), KAFKA_INVALID_REQUEST);

    /* A broker's dynamic value reaches topics without an override, at once and after a restart. */
    assert_int_equal(alter(f, 4, "1", 0, "node.id", "2"), KAFKA_INVALID_REQUEST);
    assert_int_equal(alter(f, 4, "9", 0, "message.max.bytes", "2"), KAFKA_INVALID_REQUEST);
    assert_int_equal(alter(f, 4, "", 0, "message.max.bytes", "90"), 0);
    assert_int_equal(describe(f, 4, "", "message.max.bytes").config_source, SOURCE_DEFAULT_BROKER);
    make_batch(&b, 3, now_ms(f));
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_MESSAGE_TOO_LARGE);
    client_fini(&f->c);
    bworld_close(&f->w);
    assert_int_equal(bworld_open(&f->w), OK);
    client_init(&f->c, &f->w);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_MESSAGE_TOO_LARGE);
    c = describe(f, 2, "t", "max.message.bytes");
    assert_int_equal(c.config_source, SOURCE_DEFAULT_BROKER);
    assert_true(slice_is(c.value, "90"));
    assert_int_equal(alter(f, 4, "", 1, "message.max.bytes", NULL), 0);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, 0);
    buf_fini(&b);
}

static void test_configs_of_groups_and_metrics(void **state) {
    struct fixture *f = *state;
    struct describe_configs_resp_resource c = describe(f, RESOURCE_GROUP, "g", "consumer.session.timeout.ms");
    assert_true(slice_is(c.value, "45000"));
    assert_int_equal(c.config_source, SOURCE_DEFAULT);
    assert_int_equal(alter(f, RESOURCE_GROUP, "g", 0, "consumer.session.timeout.ms", "1"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(f, RESOURCE_GROUP, "g", 0, "no.such", "1"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(f, RESOURCE_GROUP, "g", 0, "consumer.session.timeout.ms", "50000"), 0);
    assert_int_equal(alter(f, RESOURCE_METRICS, "m", 0, "metrics", "org.apache"), 0);
    assert_int_equal(alter(f, RESOURCE_METRICS, "m", 2, "metrics", "x"), 0);
    assert_int_equal(alter(f, RESOURCE_METRICS, "m", 0, "interval.ms", "5"), KAFKA_INVALID_CONFIG);
    client_fini(&f->c);
    bworld_close(&f->w);
    assert_int_equal(bworld_open(&f->w), OK);
    client_init(&f->c, &f->w);
    c = describe(f, RESOURCE_GROUP, "g", "consumer.session.timeout.ms");
    assert_true(slice_is(c.value, "50000"));
    assert_int_equal(c.config_source, SOURCE_GROUP);
    assert_true(slice_is(describe(f, RESOURCE_METRICS, "m", "metrics").value, "org.apache,x"));

    struct list_config_resources_req list;
    proto_init(PROTO_STRUCT(list_config_resources_req), &list);
    struct list_config_resources_resp *r =
        ASK(&f->w, &f->c, LIST_CONFIG_RESOURCES, 0, &list, list_config_resources_resp);
    assert_int_equal(r->config_resources.n, 1);
    assert_true(slice_is(r->config_resources.v[0].resource_name, "m"));
    r = ASK(&f->w, &f->c, LIST_CONFIG_RESOURCES, 1, &list, list_config_resources_resp);
    assert_int_equal(r->config_resources.n, 4); /* the broker, its logger, m, g */
    assert_int_equal(alter(f, RESOURCE_METRICS, "m", 1, "metrics", NULL), 0);
    r = ASK(&f->w, &f->c, LIST_CONFIG_RESOURCES, 0, &list, list_config_resources_resp);
    assert_int_equal(r->config_resources.n, 0);

    assert_true(slice_is(describe(f, RESOURCE_LOGGER, "1", "root").value, "INFO"));
    assert_int_equal(alter(f, RESOURCE_LOGGER, "1", 0, "root", "WARN"), 0);
    assert_true(slice_is(describe(f, RESOURCE_LOGGER, "1", "root").value, "WARN"));
    assert_int_equal(alter(f, RESOURCE_LOGGER, "1", 0, "root", "LOUD"), KAFKA_INVALID_CONFIG);
    assert_int_equal(alter(f, RESOURCE_LOGGER, "1", 0, "root", "INFO"), 0);
}

static void test_settings(void **state) {
    (void)state;
    struct error e;
    assert_int_equal(broker_check_setting("num.partitions", "3", &e), OK);
    assert_int_equal(broker_check_setting("num.partitions", "0", &e), ERR_INVALID);
    assert_int_equal(broker_check_setting("no.such", "0", &e), ERR_NOT_FOUND);
    assert_int_equal(broker_check_setting("log.dirs", "/tmp", &e), ERR_INVALID);
    struct broker_setting v[] = {{"num.partitions", "3"}, {"log.retention.minutes", "2"}, {"node.id", "7"}};
    struct fixture f = {0};
    bworld_init(&f.w, 5);
    f.w.settings.settings = v;
    f.w.settings.n_settings = 3;
    assert_int_equal(bworld_open(&f.w), OK);
    client_init(&f.c, &f.w);
    assert_int_equal(metadata_of(&f, "t", true)->topics.v[0].partitions.n, 3);
    assert_int_equal(metadata_of(&f, "t", true)->brokers.v[0].node_id, 7);
    struct describe_configs_resp_resource c = describe(&f, 2, "t", "retention.ms");
    assert_true(slice_is(c.value, "120000"));
    assert_int_equal(c.config_source, SOURCE_STATIC);
    client_fini(&f.c);
    bworld_fini(&f.w);
}

static void test_describe_topic_partitions(void **state) {
    struct fixture *f = *state;
    assert_int_equal(client_create_topic(&f->w, &f->c, "b", 2, NULL, NULL), 0);
    assert_int_equal(client_create_topic(&f->w, &f->c, "a", 2, NULL, NULL), 0);
    struct describe_topic_partitions_req_cursor cursor = {SLICE("a"), 1};
    struct describe_topic_partitions_req req;
    proto_init(PROTO_STRUCT(describe_topic_partitions_req), &req);
    req.response_partition_limit = 1;
    struct describe_topic_partitions_resp *r =
        ASK(&f->w, &f->c, DESCRIBE_TOPIC_PARTITIONS, 0, &req, describe_topic_partitions_resp);
    assert_true(slice_is(r->topics.v[0].name, "a"));
    assert_int_equal(r->next_cursor->partition_index, 1);
    req.cursor = &cursor;
    r = ASK(&f->w, &f->c, DESCRIBE_TOPIC_PARTITIONS, 0, &req, describe_topic_partitions_resp);
    assert_int_equal(r->topics.v[0].partitions.v[0].partition_index, 1);
    assert_true(slice_is(r->next_cursor->topic_name, "b"));
    assert_int_equal(r->next_cursor->partition_index, 0);
    cursor = (struct describe_topic_partitions_req_cursor){SLICE("b"), 1};
    r = ASK(&f->w, &f->c, DESCRIBE_TOPIC_PARTITIONS, 0, &req, describe_topic_partitions_resp);
    assert_int_equal(r->topics.n, 1);
    assert_null(r->next_cursor);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_metadata),
        T(test_create_topics),
        T(test_survives_restart),
        T(test_create_then_delete_then_create),
        T(test_offsets),
        T(test_configs),
        T(test_configs_of_groups_and_metrics),
        cmocka_unit_test(test_settings),
        T(test_describe_topic_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
