/* What the user does to a cluster, by our own codec.
 *
 * An action is one or more parts (DeleteRecords, ListOffsets: one per leader), each a request
 * to one broker over a connection of its own, because a broker works off one
 * connection in order and creating a topic may take seconds.
 *
 *   client_act --command--> action_run --part--> waiting --connection up--> sent
 *   last answer --> one EVENT_ACTION with the id, the sentence, the error code
 *
 * KRaft brokers forward to the controller; with ZooKeeper (no DescribeQuorum) the
 * controller of Metadata is asked.  Group actions go to the coordinator, found by
 * FindCoordinator when no broker lists the group.  Thread: the client's. */
#include "core/client/internal.h"

#include "core/base/text.h"

#include <stdlib.h>

#define TIMEOUT_MS 9000
#define TRY_AGAIN_US 200000
#define TRY_FOR_US 10000000

struct action_offset {
    char *topic;
    int32_t partition;
    int64_t offset;
};
struct action {
    uint64_t id;
    enum client_action_kind kind;
    char *name;
    int32_t partitions, replication;
    struct client_property *configs;
    size_t n_configs;
    struct action_offset *offsets;
    size_t n_offsets;
    bool validate_only;
    int64_t started_us;
    struct client_event *event; /* filled as answers come */
    size_t parts_left;
    bool failed;
    struct action *next; /* deferred until a broker can be asked */
};
struct action_part {
    struct action_part *next;
    struct client *client;
    struct action *action;
    struct rbroker *broker;
    struct conn *conn;
    bool finding;       /* asks for the coordinator first */
    struct timer timer; /* until it tries again */
};

/* ---- life ---- */

uint64_t client_act(struct client *c, const struct client_action *in) {
    struct action *a = mem_zalloc(sizeof *a);
    a->id = atomic_fetch_add(&c->next_id, 1) + 1;
    a->kind = in->kind;
    a->name = mem_strdup(in->name != NULL ? in->name : "");
    a->partitions = in->partitions;
    a->replication = in->replication;
    a->validate_only = in->validate_only;
    a->n_configs = in->n_configs;
    a->configs = mem_zalloc(in->n_configs * sizeof *a->configs);
    for (size_t i = 0; i < in->n_configs; i++) {
        a->configs[i].name = mem_strdup(in->configs[i].name);
        a->configs[i].value = in->configs[i].value != NULL ? mem_strdup(in->configs[i].value) : NULL;
    }
    a->n_offsets = in->n_offsets;
    a->offsets = mem_zalloc(in->n_offsets * sizeof *a->offsets);
    for (size_t i = 0; i < in->n_offsets; i++)
        a->offsets[i] =
            (struct action_offset){mem_strdup(in->offsets[i].topic != NULL ? in->offsets[i].topic : a->name),
                                   in->offsets[i].partition, in->offsets[i].offset};
    uint64_t id = a->id;
    client_hand_action(c, a);
    return id;
}

void action_free(struct action *a) {
    for (size_t i = 0; i < a->n_configs; i++) {
        free((void *)(uintptr_t)a->configs[i].name);
        free((void *)(uintptr_t)a->configs[i].value);
    }
    for (size_t i = 0; i < a->n_offsets; i++)
        free(a->offsets[i].topic);
    free(a->configs);
    free(a->offsets);
    free(a->name);
    client_event_free(a->event);
    free(a);
}

static const char *action_what(const struct action *a) {
    switch (a->kind) {
    case ACTION_CREATE_TOPIC: return "create topic";
    case ACTION_DELETE_TOPIC: return "delete topic";
    case ACTION_ADD_PARTITIONS: return "add partitions to topic";
    case ACTION_ALTER_CONFIG: return "change the configs of topic";
    case ACTION_DELETE_RECORDS: return "delete records of topic";
    case ACTION_DELETE_GROUP: return "delete group";
    case ACTION_RESET_OFFSETS: return "reset the offsets of group";
    case ACTION_DESCRIBE_CONFIGS: return "read the configs of topic";
    case ACTION_OFFSETS_AT_TIME: return "find the offsets by time for";
    }
    return "act on";
}

static const char *action_done_what(const struct action *a) {
    switch (a->kind) {
    case ACTION_CREATE_TOPIC: return a->validate_only ? "could create topic" : "created topic";
    case ACTION_DELETE_TOPIC: return "deleted topic";
    case ACTION_ADD_PARTITIONS: return a->validate_only ? "could add partitions to topic" : "added partitions to topic";
    case ACTION_ALTER_CONFIG:
        return a->validate_only ? "could change the configs of topic" : "changed the configs of topic";
    case ACTION_DELETE_RECORDS: return "deleted records of topic";
    case ACTION_DELETE_GROUP: return "deleted group";
    case ACTION_RESET_OFFSETS: return "reset the offsets of group";
    case ACTION_DESCRIBE_CONFIGS: return "read the configs of topic";
    case ACTION_OFFSETS_AT_TIME: return "found the offsets by time for";
    }
    return "did";
}

/* Keeps the first failure. */
static void action_fail(struct action *a, int16_t error, const char *format, ...) WEIR_PRINTF(3, 4);
static void action_fail(struct action *a, int16_t error, const char *format, ...) {
    if (a->failed)
        return;
    char raw[900], text[1200], name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    struct buf line = {0};
    buf_printf(&line, "cannot %s %s: %s", action_what(a), change_name(slice_cstr(a->name), name),
               text_safe(slice_cstr(raw), text, sizeof text));
    buf_put_u8(&line, 0);
    free(a->event->text);
    a->event->text = (char *)line.p;
    a->event->error = error;
    a->failed = true;
}

/* A code of an answer, with the broker's own words where it has some. */
static void action_error(struct action *a, int16_t error, struct slice message) {
    if (error == 0)
        return;
    if (a->kind == ACTION_RESET_OFFSETS && (error == KAFKA_UNKNOWN_MEMBER_ID || error == KAFKA_ILLEGAL_GENERATION))
        action_fail(a, error, "%s: it has members at work · stop them first", kafka_error_name(error));
    else if (message.n > 0)
        action_fail(a, error, "%s: %.*s", kafka_error_name(error), (int)(message.n < 600 ? message.n : 600),
                    (const char *)message.p);
    else
        action_fail(a, error, "%s: %s", kafka_error_name(error), kafka_error_text(error));
}

static bool action_only_reads(const struct action *a) {
    return a->kind == ACTION_DESCRIBE_CONFIGS || a->kind == ACTION_OFFSETS_AT_TIME || a->validate_only;
}

static void action_finish(struct client *c, struct action *a) {
    struct client_event *ev = a->event;
    char name[128];
    a->event = NULL;
    ev->ok = !a->failed;
    ev->took_us = wire_now_us() - a->started_us;
    client_places_sort(ev->places, ev->n_places);
    if (ev->ok && ev->text == NULL) {
        struct buf line = {0};
        buf_printf(&line, "%s %s", action_done_what(a), change_name(slice_cstr(a->name), name));
        buf_put_u8(&line, 0);
        ev->text = (char *)line.p;
    }
    bool mutated = ev->ok && !action_only_reads(a);
    client_push_event(c, ev);
    action_free(a);
    if (mutated && !c->config.once && !c->reader.closing && c->reader.link == LINK_UP)
        reader_refresh(&c->reader);
}

static void part_done(struct action_part *p) {
    struct action *a = p->action;
    struct client *c = p->client;
    free(p);
    if (--a->parts_left == 0)
        action_finish(c, a);
}

/* ---- requests ---- */

static void on_part(void *ctx, const struct conn_answer *a);

static void part_send(struct action_part *p, const struct proto_message *m, const void *body, int max, int min) {
    int version = conn_version(p->conn, m->key, max);
    if (version < min) {
        action_fail(p->action, KAFKA_UNSUPPORTED_VERSION, "broker %d is too old for it", p->broker->node.id);
        part_done(p);
        return;
    }
    conn_send(p->conn, m, version, body, on_part, p);
}

static void send_create(struct action_part *p) {
    const struct action *a = p->action;
    struct create_topics_req q;
    struct create_topics_req_creatable_topic t;
    proto_init(PROTO_STRUCT(create_topics_req), &q);
    proto_init(PROTO_STRUCT(create_topics_req_creatable_topic), &t);
    bool old = conn_version(p->conn, API_CREATE_TOPICS, 7) < 4; /* KIP-464: -1 is the broker's default */
    t.name = slice_cstr(a->name);
    t.num_partitions = a->partitions <= 0 ? old ? 1 : -1 : a->partitions;
    t.replication_factor = (int16_t)(a->replication <= 0 ? old ? 1 : -1 : a->replication);
    struct create_topics_req_creatable_topic_config *configs = mem_alloc(a->n_configs * sizeof *configs);
    for (size_t i = 0; i < a->n_configs; i++)
        configs[i] = (struct create_topics_req_creatable_topic_config){
            slice_cstr(a->configs[i].name), a->configs[i].value != NULL ? slice_cstr(a->configs[i].value) : SLICE_NULL};
    t.configs.n = (int32_t)a->n_configs;
    t.configs.v = configs;
    t.assignments.n = 0;
    q.topics.n = 1;
    q.topics.v = &t;
    q.timeout_ms = TIMEOUT_MS;
    q.validate_only = a->validate_only;
    part_send(p, PROTO_MESSAGE(create_topics_req), &q, 7, 2);
    free(configs);
}

static void send_delete_topic(struct action_part *p) {
    struct delete_topics_req q;
    struct delete_topics_req_topic_state t;
    proto_init(PROTO_STRUCT(delete_topics_req), &q);
    proto_init(PROTO_STRUCT(delete_topics_req_topic_state), &t);
    proto_string name = slice_cstr(p->action->name);
    t.name = name;
    q.topics.n = q.topic_names.n = 1;
    q.topics.v = &t;
    q.topic_names.v = &name;
    q.timeout_ms = TIMEOUT_MS;
    part_send(p, PROTO_MESSAGE(delete_topics_req), &q, 6, 1);
}

static void send_add_partitions(struct action_part *p) {
    struct create_partitions_req q;
    struct create_partitions_req_topic t;
    proto_init(PROTO_STRUCT(create_partitions_req), &q);
    proto_init(PROTO_STRUCT(create_partitions_req_topic), &t);
    t.name = slice_cstr(p->action->name);
    t.count = p->action->partitions;
    t.assignments.n = -1;
    q.topics.n = 1;
    q.topics.v = &t;
    q.timeout_ms = TIMEOUT_MS;
    q.validate_only = p->action->validate_only;
    part_send(p, PROTO_MESSAGE(create_partitions_req), &q, 3, 0);
}

static void send_alter_config(struct action_part *p) {
    const struct action *a = p->action;
    struct incremental_alter_configs_req q;
    struct incremental_alter_configs_req_resource t = {.resource_type = 2, .resource_name = slice_cstr(a->name)};
    proto_init(PROTO_STRUCT(incremental_alter_configs_req), &q);
    struct incremental_alter_configs_req_alterable_config *v = mem_alloc(a->n_configs * sizeof *v);
    for (size_t i = 0; i < a->n_configs; i++)
        v[i] = (struct incremental_alter_configs_req_alterable_config){
            .name = slice_cstr(a->configs[i].name),
            .config_operation = a->configs[i].value == NULL ? 1 : 0,
            .value = a->configs[i].value != NULL ? slice_cstr(a->configs[i].value) : SLICE_NULL};
    t.configs.n = (int32_t)a->n_configs;
    t.configs.v = v;
    q.resources.n = 1;
    q.resources.v = &t;
    q.validate_only = a->validate_only;
    part_send(p, PROTO_MESSAGE(incremental_alter_configs_req), &q, 1, 0);
    free(v);
}

static void send_describe_configs(struct action_part *p) {
    struct describe_configs_req q;
    struct describe_configs_req_resource t = {.resource_type = 2, .resource_name = slice_cstr(p->action->name)};
    proto_init(PROTO_STRUCT(describe_configs_req), &q);
    t.configuration_keys.n = -1;
    q.resources.n = 1;
    q.resources.v = &t;
    q.include_documentation = true;
    part_send(p, PROTO_MESSAGE(describe_configs_req), &q, 4, 1);
}

/* The offsets of an action that one request carries.  Neighbours of one topic are a run and share an entry;
 * the rows of a group come sorted. */
struct cargo {
    const struct action_offset **v;
    size_t n, n_runs;
    struct run {
        struct slice topic;
        size_t first, n;
    } *runs;
};

static void cargo_add(struct cargo *c, const struct action_offset *o) {
    struct run *last = c->n_runs > 0 ? &c->runs[c->n_runs - 1] : NULL;
    if (last == NULL || !slice_is(last->topic, o->topic)) {
        last = &c->runs[c->n_runs++];
        *last = (struct run){.topic = slice_cstr(o->topic), .first = c->n};
    }
    c->v[c->n++] = o;
    last->n++;
}

/* What this part's broker leads, or all. */
static struct cargo cargo_load(const struct action_part *p, bool led) {
    const struct action *a = p->action;
    struct cargo c = {.v = mem_alloc(a->n_offsets * sizeof *c.v), .runs = mem_alloc(a->n_offsets * sizeof *c.runs)};
    for (size_t i = 0; i < a->n_offsets; i++) {
        struct rtopic *topic = led ? topics_find(&p->client->reader, slice_cstr(a->offsets[i].topic)) : NULL;
        struct rpart *part = topic != NULL ? topic_part(topic, a->offsets[i].partition) : NULL;
        if (!led || (part != NULL && part->leader == p->broker->node.id))
            cargo_add(&c, &a->offsets[i]);
    }
    return c;
}

static void cargo_fini(struct cargo *c) {
    free(c->v);
    free(c->runs);
}

static void send_delete_records(struct action_part *p) {
    struct delete_records_req q;
    proto_init(PROTO_STRUCT(delete_records_req), &q);
    struct cargo c = cargo_load(p, true);
    struct delete_records_req_topic *topics = mem_zalloc(c.n_runs * sizeof *topics);
    struct delete_records_req_partition *v = mem_alloc(c.n * sizeof *v);
    for (size_t i = 0; i < c.n; i++)
        v[i] = (struct delete_records_req_partition){c.v[i]->partition, c.v[i]->offset};
    for (size_t i = 0; i < c.n_runs; i++)
        topics[i] = (struct delete_records_req_topic){
            .name = c.runs[i].topic, .partitions = {(int32_t)c.runs[i].n, &v[c.runs[i].first]}};
    q.topics.n = (int32_t)c.n_runs;
    q.topics.v = topics;
    q.timeout_ms = TIMEOUT_MS;
    part_send(p, PROTO_MESSAGE(delete_records_req), &q, 2, 0);
    free(topics);
    free(v);
    cargo_fini(&c);
}

static void send_at_time(struct action_part *p) {
    struct list_offsets_req q;
    proto_init(PROTO_STRUCT(list_offsets_req), &q);
    struct cargo c = cargo_load(p, true);
    struct list_offsets_req_topic *topics = mem_zalloc(c.n_runs * sizeof *topics);
    struct list_offsets_req_partition *v = mem_alloc(c.n * sizeof *v);
    for (size_t i = 0; i < c.n; i++)
        v[i] = (struct list_offsets_req_partition){
            .partition_index = c.v[i]->partition, .current_leader_epoch = -1, .timestamp = c.v[i]->offset};
    for (size_t i = 0; i < c.n_runs; i++)
        topics[i] = (struct list_offsets_req_topic){
            .name = c.runs[i].topic, .partitions = {(int32_t)c.runs[i].n, &v[c.runs[i].first]}};
    q.replica_id = -1;
    q.topics.n = (int32_t)c.n_runs;
    q.topics.v = topics;
    q.timeout_ms = TIMEOUT_MS;
    part_send(p, PROTO_MESSAGE(list_offsets_req), &q, 10, 1);
    free(topics);
    free(v);
    cargo_fini(&c);
}

static void send_delete_group(struct action_part *p) {
    struct delete_groups_req q;
    proto_string name = slice_cstr(p->action->name);
    proto_init(PROTO_STRUCT(delete_groups_req), &q);
    q.groups_names.n = 1;
    q.groups_names.v = &name;
    part_send(p, PROTO_MESSAGE(delete_groups_req), &q, 2, 0);
}

/* A commit outside any generation, as a group without members allows. */
static void send_reset(struct action_part *p) {
    struct offset_commit_req q;
    proto_init(PROTO_STRUCT(offset_commit_req), &q);
    struct cargo c = cargo_load(p, false);
    struct offset_commit_req_topic *topics = mem_zalloc(c.n_runs * sizeof *topics);
    struct offset_commit_req_partition *v = mem_alloc(c.n * sizeof *v);
    for (size_t i = 0; i < c.n; i++)
        v[i] = (struct offset_commit_req_partition){.partition_index = c.v[i]->partition,
                                                    .committed_offset = c.v[i]->offset,
                                                    .committed_leader_epoch = -1,
                                                    .committed_metadata = SLICE("")};
    for (size_t i = 0; i < c.n_runs; i++)
        topics[i] = (struct offset_commit_req_topic){
            .name = c.runs[i].topic, .partitions = {(int32_t)c.runs[i].n, &v[c.runs[i].first]}};
    q.group_id = slice_cstr(p->action->name);
    q.member_id = SLICE("");
    q.generation_id_or_member_epoch = -1;
    q.topics.n = (int32_t)c.n_runs;
    q.topics.v = topics;
    part_send(p, PROTO_MESSAGE(offset_commit_req), &q, 9, 2);
    free(topics);
    free(v);
    cargo_fini(&c);
}

static void send_find(struct action_part *p) {
    struct find_coordinator_req q;
    proto_string name = slice_cstr(p->action->name);
    proto_init(PROTO_STRUCT(find_coordinator_req), &q);
    q.key = name;
    q.key_type = 0;
    q.coordinator_keys.n = 1;
    q.coordinator_keys.v = &name;
    part_send(p, PROTO_MESSAGE(find_coordinator_req), &q, 5, 0);
}

static void part_go(struct action_part *p) {
    if (p->finding) {
        send_find(p);
        return;
    }
    switch (p->action->kind) {
    case ACTION_CREATE_TOPIC: send_create(p); break;
    case ACTION_DELETE_TOPIC: send_delete_topic(p); break;
    case ACTION_ADD_PARTITIONS: send_add_partitions(p); break;
    case ACTION_ALTER_CONFIG: send_alter_config(p); break;
    case ACTION_DELETE_RECORDS: send_delete_records(p); break;
    case ACTION_DELETE_GROUP: send_delete_group(p); break;
    case ACTION_RESET_OFFSETS: send_reset(p); break;
    case ACTION_DESCRIBE_CONFIGS: send_describe_configs(p); break;
    case ACTION_OFFSETS_AT_TIME: send_at_time(p); break;
    }
}

/* ---- connections ---- */

static void part_start(struct action_part *p) {
    struct rbroker *b = p->broker;
    if (b->act == NULL)
        b->act = conn_new(p->client->reader.wire, b->node.host, b->node.port, b);
    p->conn = b->act;
    if (conn_is_up(b->act)) {
        part_go(p);
        return;
    }
    p->next = p->client->waiting;
    p->client->waiting = p;
    if (b->act->state == CONN_DOWN)
        conn_hurry(b->act);
    conn_open(b->act);
}

static struct action_part *waiting_take(struct client *c, struct conn *conn) {
    for (struct action_part **at = &c->waiting; *at != NULL; at = &(*at)->next)
        if ((*at)->conn == conn) {
            struct action_part *p = *at;
            *at = p->next;
            return p;
        }
    return NULL;
}

void action_on_up(struct client *c, struct conn *conn) {
    for (struct action_part *p; (p = waiting_take(c, conn)) != NULL;)
        part_go(p);
}

void action_on_down(struct client *c, struct conn *conn) {
    for (struct action_part *p; (p = waiting_take(c, conn)) != NULL;) {
        action_fail(p->action, KAFKA_NETWORK_EXCEPTION, "%s", conn->why);
        part_done(p);
    }
}

/* ---- answers ---- */

static void take_configs(struct action *a, const struct describe_configs_resp *m) {
    if (m->results.n < 1)
        return;
    const struct describe_configs_resp_result *res = &m->results.v[0];
    action_error(a, res->error_code, res->error_message);
    if (res->error_code != 0 || res->configs.n <= 0)
        return;
    a->event->configs = mem_zalloc((size_t)res->configs.n * sizeof *a->event->configs);
    for (int32_t i = 0; i < res->configs.n; i++) {
        const struct describe_configs_resp_resource *from = &res->configs.v[i];
        struct client_config_row *to = &a->event->configs[a->event->n_configs++];
        to->name = mem_dup(from->name);
        to->value = mem_dup(from->value);
        to->doc = mem_dup(from->documentation);
        to->read_only = from->read_only;
        to->sensitive = from->is_sensitive;
        to->source = from->config_source;
        to->is_default = from->config_source == 5;
    }
}

static void take_places(struct action *a, const struct list_offsets_resp *m) {
    struct client_event *ev = a->event;
    for (int32_t i = 0; i < m->topics.n; i++)
        for (int32_t k = 0; k < m->topics.v[i].partitions.n; k++) {
            const struct list_offsets_resp_partition *from = &m->topics.v[i].partitions.v[k];
            action_error(a, from->error_code, SLICE_NULL);
            if (from->error_code != 0 || ev->n_places >= a->n_offsets)
                continue;
            if (ev->places == NULL)
                ev->places = mem_zalloc(a->n_offsets * sizeof *ev->places);
            ev->places[ev->n_places++] = (struct client_place){mem_strndup(m->topics.v[i].name),
                                                               from->partition_index, from->offset};
        }
}

static struct rbroker *any_broker(struct reader *r);

static void on_again(struct timer *timer, void *ctx) {
    (void)ctx;
    struct action_part *p = (struct action_part *)(void *)((char *)timer - offsetof(struct action_part, timer));
    struct rbroker *b = any_broker(&p->client->reader);
    for (struct action_part **at = &p->client->waiting; *at != NULL; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    if (b != NULL) {
        p->broker = b;
        p->finding = true;
        part_start(p);
        return;
    }
    action_fail(p->action, KAFKA_COORDINATOR_NOT_AVAILABLE, "no broker can be reached");
    part_done(p);
}

/* A coordinator that is being made, loads or has moved: worth asking for again. */
static bool part_again(struct action_part *p, int16_t error) {
    struct action *a = p->action;
    bool passing = error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS || error == KAFKA_COORDINATOR_NOT_AVAILABLE ||
                   error == KAFKA_NOT_COORDINATOR;
    if (!passing || a->parts_left != 1 || wire_now_us() - a->started_us > TRY_FOR_US)
        return false;
    free(a->event->text);
    a->event->text = NULL;
    a->event->error = 0;
    a->failed = false;
    p->conn = NULL;
    p->next = p->client->waiting;
    p->client->waiting = p;
    p->timer.fire = on_again;
    timers_set(&p->client->wire.timers, &p->timer, wire_now_us() + TRY_AGAIN_US);
    return true;
}

static void take_find(struct action_part *p, const struct find_coordinator_resp *m) {
    int16_t error = m->coordinators.n > 0 ? m->coordinators.v[0].error_code : m->error_code;
    int32_t id = m->coordinators.n > 0 ? m->coordinators.v[0].node_id : m->node_id;
    struct rbroker *b = error == 0 ? reader_broker(&p->client->reader, id) : NULL;
    if (part_again(p, error))
        return;
    if (error != 0)
        action_error(p->action, error, SLICE_NULL);
    else if (b == NULL)
        action_fail(p->action, KAFKA_COORDINATOR_NOT_AVAILABLE, "its coordinator, broker %d, is not known", id);
    if (b == NULL) {
        part_done(p);
        return;
    }
    p->finding = false;
    p->broker = b;
    part_start(p);
}

/* One decoder per kind of answer; false: malformed. */
static bool take_answer(struct action *a, const struct conn_answer *an, struct arena *arena) {
    union {
        struct create_topics_resp create;
        struct delete_topics_resp delete;
        struct create_partitions_resp partitions;
        struct incremental_alter_configs_resp alter;
        struct delete_records_resp records;
        struct delete_groups_resp group;
        struct offset_commit_resp commit;
        struct describe_configs_resp configs;
        struct list_offsets_resp places;
    } m;
    if (conn_decode(an, arena, &m) != OK)
        return false;
    switch (a->kind) {
    case ACTION_CREATE_TOPIC:
        for (int32_t i = 0; i < m.create.topics.n; i++)
            action_error(a, m.create.topics.v[i].error_code, m.create.topics.v[i].error_message);
        break;
    case ACTION_DELETE_TOPIC:
        for (int32_t i = 0; i < m.delete.responses.n; i++)
            action_error(a, m.delete.responses.v[i].error_code, m.delete.responses.v[i].error_message);
        break;
    case ACTION_ADD_PARTITIONS:
        for (int32_t i = 0; i < m.partitions.results.n; i++)
            action_error(a, m.partitions.results.v[i].error_code, m.partitions.results.v[i].error_message);
        break;
    case ACTION_ALTER_CONFIG:
        for (int32_t i = 0; i < m.alter.responses.n; i++)
            action_error(a, m.alter.responses.v[i].error_code, m.alter.responses.v[i].error_message);
        break;
    case ACTION_DELETE_RECORDS:
        for (int32_t i = 0; i < m.records.topics.n; i++)
            for (int32_t k = 0; k < m.records.topics.v[i].partitions.n; k++)
                action_error(a, m.records.topics.v[i].partitions.v[k].error_code, SLICE_NULL);
        break;
    case ACTION_DELETE_GROUP:
        for (int32_t i = 0; i < m.group.results.n; i++)
            action_error(a, m.group.results.v[i].error_code, SLICE_NULL);
        break;
    case ACTION_RESET_OFFSETS:
        for (int32_t i = 0; i < m.commit.topics.n; i++)
            for (int32_t k = 0; k < m.commit.topics.v[i].partitions.n; k++)
                action_error(a, m.commit.topics.v[i].partitions.v[k].error_code, SLICE_NULL);
        break;
    case ACTION_DESCRIBE_CONFIGS: take_configs(a, &m.configs); break;
    case ACTION_OFFSETS_AT_TIME: take_places(a, &m.places); break;
    }
    return true;
}

static void on_part(void *ctx, const struct conn_answer *a) {
    struct action_part *p = ctx;
    struct arena arena;
    if (a->err != OK) {
        action_fail(p->action, KAFKA_NETWORK_EXCEPTION, "%s%s", a->why,
                    action_only_reads(p->action) ? "" : " · it may have happened all the same");
        part_done(p);
        return;
    }
    arena_init(&arena, 0);
    if (p->finding) {
        struct find_coordinator_resp m;
        if (conn_decode(a, &arena, &m) == OK) {
            take_find(p, &m);
            arena_fini(&arena);
            return;
        }
        action_fail(p->action, KAFKA_UNKNOWN_SERVER_ERROR, "the broker's answer is malformed");
    } else if (!take_answer(p->action, a, &arena)) {
        action_fail(p->action, KAFKA_UNKNOWN_SERVER_ERROR, "the broker's answer is malformed");
    }
    arena_fini(&arena);
    if (p->action->failed && part_again(p, p->action->event->error))
        return;
    part_done(p);
}

/* ---- where it goes ---- */

static struct rbroker *any_broker(struct reader *r) {
    struct rbroker *controller = reader_broker(r, r->controller);
    struct rbroker *best = NULL;
    for (size_t i = 0; i < r->nodes.n; i++)
        if (reader_broker_ready(r, reader_broker_at(r, i)))
            best = reader_broker_at(r, i);
    bool zookeeper = best != NULL && conn_version(best->node.conn, API_DESCRIBE_QUORUM, 2) < 0;
    if (zookeeper && controller != NULL && !controller->gone)
        return controller;
    return best;
}

static void action_add(struct client *c, struct action *a, struct rbroker *b, bool finding) {
    struct action_part *p = mem_zalloc(sizeof *p);
    *p = (struct action_part){.client = c, .action = a, .broker = b, .finding = finding};
    part_start(p);
}

/* One part for every leader of the partitions named. */
static void leaders_run(struct client *c, struct action *a) {
    struct reader *r = &c->reader;
    struct rbroker *leaders[64];
    size_t n = 0;
    for (size_t i = 0; i < a->n_offsets; i++) {
        struct rtopic *t = topics_find(r, slice_cstr(a->offsets[i].topic));
        if (t == NULL) {
            char name[128];
            action_fail(a, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "no topic %s",
                        change_name(slice_cstr(a->offsets[i].topic), name));
            break;
        }
        struct rpart *p = topic_part(t, a->offsets[i].partition);
        struct rbroker *b = p != NULL ? reader_broker(r, p->leader) : NULL;
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || leaders[k] == b;
        if (b == NULL)
            action_fail(a, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "partition %d has no leader", a->offsets[i].partition);
        else if (!known && n < sizeof leaders / sizeof *leaders)
            leaders[n++] = b;
        else if (!known)
            action_fail(a, KAFKA_INVALID_REQUEST, "it is spread over too many brokers for one go");
    }
    if (n == 0)
        action_fail(a, KAFKA_INVALID_REQUEST, "no partition was named");
    if (a->failed) {
        action_finish(c, a);
        return;
    }
    a->parts_left = n;
    for (size_t i = 0; i < n; i++)
        action_add(c, a, leaders[i], false); /* the last of them may finish the action */
}

void action_run(struct client *c, struct action *a) {
    struct reader *r = &c->reader;
    if (a->event == NULL) {
        a->event = client_event_new(EVENT_ACTION);
        a->event->id = a->id;
        a->started_us = wire_now_us();
    }
    a->next = NULL;
    struct rbroker *b = any_broker(r);
    if (b == NULL && r->link != LINK_DOWN) {
        struct action **last = &c->deferred;
        while (*last != NULL)
            last = &(*last)->next;
        *last = a;
        return;
    }
    if (b == NULL) {
        action_fail(a, KAFKA_BROKER_NOT_AVAILABLE, "no broker can be reached%s%s", r->why[0] != '\0' ? ": " : "",
                    r->why);
        action_finish(c, a);
        return;
    }
    a->parts_left = 1;
    switch (a->kind) {
    case ACTION_DELETE_RECORDS:
    case ACTION_OFFSETS_AT_TIME: leaders_run(c, a); return;
    case ACTION_DELETE_GROUP:
    case ACTION_RESET_OFFSETS: {
        struct rgroup *g = NULL;
        HASH_FIND(hh, r->groups, a->name, strlen(a->name), g);
        bool known = g != NULL && g->coordinator != NULL && !g->coordinator->gone;
        action_add(c, a, known ? g->coordinator : b, !known);
        return;
    }
    default: action_add(c, a, b, false); return;
    }
}

void actions_again(struct client *c) {
    struct action *a = c->deferred;
    c->deferred = NULL;
    while (a != NULL) {
        struct action *next = a->next;
        action_run(c, a);
        a = next;
    }
}

void actions_free(struct client *c) {
    while (c->deferred != NULL) {
        struct action *next = c->deferred->next;
        action_free(c->deferred);
        c->deferred = next;
    }
    while (c->waiting != NULL) {
        struct action_part *p = c->waiting;
        c->waiting = p->next;
        timers_cancel(&c->wire.timers, &p->timer);
        part_done(p);
    }
}
