/* See fake_broker.h.  Blocking reads behind one poll loop; frames are small. */
#include "tests/unit/fake_broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 16

struct peer {
    int fd;
    struct buf in;
    struct buf held;
};

static struct sockaddr_in loopback(uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static int listener(uint16_t *port) {
    struct sockaddr_in a = loopback(0);
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    weir_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 16) == 0);
    weir_assert(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

uint16_t fake_free_port(void) {
    uint16_t port;
    close(listener(&port));
    return port;
}

static void send_all(int fd, const uint8_t *p, size_t n) {
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return;
        p += k;
        n -= (size_t)k;
    }
}

/* ---- answers ---- */

static void versions_answer(struct fake *f, struct api_versions_resp *r, struct arena *a) {
    static const int16_t keys[][3] = {
        {API_METADATA, 0, 12},       {API_LIST_OFFSETS, 1, 7},  {API_LIST_GROUPS, 0, 4},
        {API_DESCRIBE_GROUPS, 0, 5}, {API_OFFSET_FETCH, 1, 8},  {API_DESCRIBE_CONFIGS, 1, 4},
        {API_API_VERSIONS, 0, 3},    {API_CREATE_TOPICS, 2, 7}, {API_FETCH, 4, 12},
        {API_PRODUCE, 3, 9},         {API_INIT_PRODUCER_ID, 0, 4}};
    size_t n = sizeof keys / sizeof *keys - (f->log == NULL ? 2 : 0);
    r->api_keys.v = arena_zalloc(a, n * sizeof *r->api_keys.v);
    r->api_keys.n = (int32_t)n;
    for (size_t i = 0; i < n; i++) {
        r->api_keys.v[i].api_key = keys[i][0];
        r->api_keys.v[i].min_version = keys[i][1];
        r->api_keys.v[i].max_version = f->old && keys[i][0] != API_LIST_OFFSETS ? keys[i][1] + 1 : keys[i][2];
    }
}

static void topic_answer(struct fake *f, struct metadata_resp_topic *t, const char *name, struct arena *a) {
    proto_init(PROTO_STRUCT(metadata_resp_topic), t);
    t->name = slice_cstr(name);
    t->topic_id.b[0] = (uint8_t)name[0];
    t->partitions.n = FAKE_PARTS;
    t->partitions.v = arena_zalloc(a, FAKE_PARTS * sizeof *t->partitions.v);
    for (int32_t i = 0; i < FAKE_PARTS; i++) {
        struct metadata_resp_partition *p = &t->partitions.v[i];
        proto_init(PROTO_STRUCT(metadata_resp_partition), p);
        p->partition_index = FAKE_PARTS - 1 - i; /* out of order, as brokers do */
        p->leader_id = f->leader;
        int32_t *nodes = arena_zalloc(a, 2 * sizeof *nodes);
        nodes[0] = 1;
        nodes[1] = 2;
        p->replica_nodes.n = 2;
        p->replica_nodes.v = nodes;
        p->isr_nodes.n = 1;
        p->isr_nodes.v = nodes;
    }
}

static void metadata_answer(struct fake *f, const struct metadata_req *q, struct metadata_resp *r, struct arena *a,
                            int version) {
    if (version >= 4 && q->allow_auto_topic_creation)
        f->auto_create_seen = true;
    r->brokers.v = arena_zalloc(a, 2 * sizeof *r->brokers.v);
    r->brokers.n = f->other != NULL ? 2 : 1;
    if (f->other != NULL)
        r->brokers.v[1] = (struct metadata_resp_broker){
            .node_id = f->other->node, .host = SLICE("127.0.0.1"), .port = f->other->port};
    r->brokers.v[0] = (struct metadata_resp_broker){.node_id = f->node,
                                                    .host = slice_cstr(f->advertised_host),
                                                    .port = f->advertised_port != 0 ? f->advertised_port : f->port};
    r->cluster_id = SLICE("fake-cluster");
    r->controller_id = 1;
    r->topics.v = arena_zalloc(a, 2 * sizeof *r->topics.v);
    r->topics.n = f->second_topic ? 2 : 1;
    topic_answer(f, &r->topics.v[0], "alpha", a);
    topic_answer(f, &r->topics.v[1], "beta", a);
    if (q->topics.n == 0 && q->topics.v != NULL)
        r->topics.n = 0;
    if (q->topics.n == 1 && slice_is(q->topics.v[0].name, "gamma") && f->makes_after > 0) {
        r->topics.n = 1;
        r->topics.v[0].name = q->topics.v[0].name;
        r->topics.v[0].error_code = --f->makes_after == 0 ? 0 : 3;
        r->topics.v[0].partitions.n = f->makes_after == 0 ? FAKE_PARTS : 0;
        f->makes_after += f->makes_after == 0;
    } else if (q->topics.n == 1) {
        r->topics.n = 1;
        if (!slice_is(q->topics.v[0].name, "alpha")) {
            r->topics.v[0].name = q->topics.v[0].name;
            r->topics.v[0].error_code = 3;
            r->topics.v[0].partitions.n = 0;
        }
    }
}

static void offsets_answer(struct fake *f, const struct list_offsets_req *q, struct list_offsets_resp *r,
                           struct arena *a) {
    r->topics.n = q->topics.n;
    r->topics.v = arena_zalloc(a, (size_t)q->topics.n * sizeof *r->topics.v);
    for (int32_t i = 0; i < q->topics.n; i++) {
        struct list_offsets_resp_topic *t = &r->topics.v[i];
        t->name = q->topics.v[i].name;
        t->partitions.n = q->topics.v[i].partitions.n;
        t->partitions.v = arena_zalloc(a, (size_t)t->partitions.n * sizeof *t->partitions.v);
        for (int32_t k = 0; k < t->partitions.n; k++) {
            proto_init(PROTO_STRUCT(list_offsets_resp_partition), &t->partitions.v[k]);
            t->partitions.v[k].partition_index = q->topics.v[i].partitions.v[k].partition_index;
            t->partitions.v[k].offset = q->topics.v[i].partitions.v[k].timestamp == -1 ? f->end : f->start;
        }
    }
}

static void groups_answer(struct list_groups_resp *r, struct arena *a) {
    r->groups.v = arena_zalloc(a, sizeof *r->groups.v);
    r->groups.n = 1;
    r->groups.v[0] = (struct list_groups_resp_listed_group){
        .group_id = SLICE("crew"), .protocol_type = SLICE("consumer"), .group_state = SLICE("Stable")};
}

static void describe_answer(struct describe_groups_resp *r, struct arena *a) {
    static const uint8_t assignment[] = {0, 0, 0, 0, 0, 1, 0, 5, 'a',  'l',  'p',  'h', 'a',
                                         0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff};
    r->groups.v = arena_zalloc(a, sizeof *r->groups.v);
    r->groups.n = 1;
    struct describe_groups_resp_described_group *g = r->groups.v;
    proto_init(PROTO_STRUCT(describe_groups_resp_described_group), g);
    g->group_id = SLICE("crew");
    g->group_state = SLICE("Stable");
    g->protocol_type = SLICE("consumer");
    g->protocol_data = SLICE("range");
    g->members.v = arena_zalloc(a, sizeof *g->members.v);
    g->members.n = 1;
    g->members.v[0] = (struct describe_groups_resp_described_group_member){.member_id = SLICE("m-1"),
                                                                           .client_id = SLICE("rower"),
                                                                           .client_host = SLICE("/127.0.0.1"),
                                                                           .member_metadata = SLICE(""),
                                                                           .member_assignment =
                                                                               slice_of(assignment, sizeof assignment)};
}

/* Partitions 0 and 1 are committed, 2 never was. */
static void commits_answer(struct fake *f, struct offset_fetch_resp *r, struct arena *a, int version) {
    if (version >= 8) {
        r->groups.v = arena_zalloc(a, sizeof *r->groups.v);
        r->groups.n = 1;
        struct offset_fetch_resp_group *g = r->groups.v;
        g->group_id = SLICE("crew");
        g->topics.n = 1;
        g->topics.v = arena_zalloc(a, sizeof *g->topics.v);
        g->topics.v[0].name = SLICE("alpha");
        g->topics.v[0].partitions.n = 2;
        g->topics.v[0].partitions.v = arena_zalloc(a, 2 * sizeof *g->topics.v[0].partitions.v);
        for (int32_t i = 0; i < 2; i++) {
            proto_init(PROTO_STRUCT(offset_fetch_resp_partition), &g->topics.v[0].partitions.v[i]);
            g->topics.v[0].partitions.v[i].partition_index = i;
            g->topics.v[0].partitions.v[i].committed_offset = f->committed;
        }
        return;
    }
    r->topics.v = arena_zalloc(a, sizeof *r->topics.v);
    r->topics.n = 1;
    r->topics.v[0].name = SLICE("alpha");
    r->topics.v[0].partitions.n = 2;
    r->topics.v[0].partitions.v = arena_zalloc(a, 2 * sizeof *r->topics.v[0].partitions.v);
    for (int32_t i = 0; i < 2; i++) {
        proto_init(PROTO_STRUCT(offset_fetch_resp_partition), &r->topics.v[0].partitions.v[i]);
        r->topics.v[0].partitions.v[i].partition_index = i;
        r->topics.v[0].partitions.v[i].committed_offset = f->committed;
    }
}

static void configs_answer(struct fake *f, const struct describe_configs_req *q, struct describe_configs_resp *r,
                           struct arena *a) {
    r->results.n = q->resources.n;
    r->results.v = arena_zalloc(a, (size_t)q->resources.n * sizeof *r->results.v);
    for (int32_t i = 0; i < q->resources.n; i++) {
        r->results.v[i].resource_type = 2;
        r->results.v[i].resource_name = q->resources.v[i].resource_name;
        r->results.v[i].configs.n = 1;
        r->results.v[i].configs.v = arena_zalloc(a, sizeof *r->results.v[i].configs.v);
        r->results.v[i].configs.v[0].name = SLICE("cleanup.policy");
        r->results.v[i].configs.v[0].value = f->compacted ? SLICE("compact") : SLICE("delete");
        r->results.v[i].configs.v[0].config_source = 5;
    }
}

static void create_answer(const struct create_topics_req *q, struct create_topics_resp *r, struct arena *a) {
    r->topics.v = arena_zalloc(a, sizeof *r->topics.v);
    r->topics.n = 1;
    proto_init(PROTO_STRUCT(create_topics_resp_creatable_topic), r->topics.v);
    r->topics.v[0].name = q->topics.n > 0 ? q->topics.v[0].name : SLICE("");
    if (slice_is(r->topics.v[0].name, "taken")) {
        r->topics.v[0].error_code = 36;
        r->topics.v[0].error_message = SLICE("Topic 'taken' \x1b[2Jalready exists.");
    }
}

/* The batch that holds the offset; as real ones do, it may begin before it. */
static struct slice fetch_batch(struct fake *f, int64_t offset, int32_t partition, struct arena *a) {
    struct batch_builder b = {0};
    struct buf out = {0};
    int64_t base = offset / 10 * 10 < f->start ? f->start : offset / 10 * 10;
    struct record_header header = {SLICE("at"), SLICE("head-er")};
    batch_start(&b, base, 1700000000000);
    for (int64_t i = base; i < base + 10 && i < f->end; i++) {
        char value[32];
        int n = snprintf(value, sizeof value, "value-%d-%lld", partition, (long long)i);
        batch_add(&b, i - base, 1700000000000 + i, i % 2 == 0 ? SLICE("even") : SLICE_NULL, slice_of(value, (size_t)n),
                  &header, i % 10 == 7);
    }
    weir_assert(batch_finish(&b, (enum batch_codec)f->codec, &out) == OK);
    if (f->rotten)
        out.p[out.n - 1] ^= 1;
    struct slice bytes = arena_dup(a, buf_slice(&out));
    buf_fini(&out);
    batch_builder_fini(&b);
    return bytes;
}

static void fetch_answer(struct fake *f, const struct fetch_req *q, struct fetch_resp *r, struct arena *a) {
    bool empty = true;
    r->responses.n = 1;
    r->responses.v = arena_zalloc(a, sizeof *r->responses.v);
    r->responses.v[0].topic = q->topics.v[0].topic;
    int32_t n = q->topics.v[0].partitions.n;
    r->responses.v[0].partitions.n = n;
    r->responses.v[0].partitions.v = arena_zalloc(a, (size_t)n * sizeof *r->responses.v[0].partitions.v);
    for (int32_t i = 0; i < n; i++) {
        const struct fetch_req_partition *from = &q->topics.v[0].partitions.v[i];
        struct fetch_resp_partition *to = &r->responses.v[0].partitions.v[i];
        proto_init(PROTO_STRUCT(fetch_resp_partition), to);
        to->partition_index = from->partition;
        to->high_watermark = f->end;
        to->log_start_offset = f->start;
        if (from->fetch_offset < f->start || from->fetch_offset > f->end)
            to->error_code = 1;
        else if (from->fetch_offset < f->end)
            to->records = fetch_batch(f, from->fetch_offset, from->partition, a);
        empty = empty && to->records.n == 0;
    }
    if (empty)
        poll(NULL, 0, 2); /* the long poll */
}

/* False: the connection is over. */
static bool answer(struct fake *f, struct peer *peer, const struct proto_request_header *h, struct slice body) {
    union {
        struct api_versions_req versions;
        struct metadata_req metadata;
        struct list_offsets_req offsets;
        struct list_groups_req groups;
        struct describe_groups_req describe;
        struct offset_fetch_req commits;
        struct describe_configs_req configs;
        struct create_topics_req create;
        struct fetch_req fetch;
        struct produce_req produce;
        struct init_producer_id_req id;
    } q;
    union {
        struct api_versions_resp versions;
        struct metadata_resp metadata;
        struct list_offsets_resp offsets;
        struct list_groups_resp groups;
        struct describe_groups_resp describe;
        struct offset_fetch_resp commits;
        struct describe_configs_resp configs;
        struct create_topics_resp create;
        struct fetch_resp fetch;
        struct produce_resp produce;
        struct init_producer_id_resp id;
    } r;
    enum fake_then then = FAKE_ANSWER;
    int16_t version = h->version;
    bool refuse = h->key == API_API_VERSIONS && f->old && version > 0;
    struct arena a;
    size_t used;
    arena_init(&a, 16 << 20);
    if (refuse)
        version = 0;
    const struct proto_message *req = proto_find(PK_REQUEST, h->key), *resp = proto_find(PK_RESPONSE, h->key);
    weir_assert(proto_decode(req, h->version, body, &a, &q, &used) == OK);
    proto_init(resp->body, &r);
    switch (h->key) {
    case API_API_VERSIONS:
        versions_answer(f, &r.versions, &a);
        r.versions.error_code = refuse ? 35 : 0;
        break;
    case API_METADATA: metadata_answer(f, &q.metadata, &r.metadata, &a, version); break;
    case API_LIST_OFFSETS: offsets_answer(f, &q.offsets, &r.offsets, &a); break;
    case API_LIST_GROUPS: groups_answer(&r.groups, &a); break;
    case API_DESCRIBE_GROUPS: describe_answer(&r.describe, &a); break;
    case API_OFFSET_FETCH: commits_answer(f, &r.commits, &a, version); break;
    case API_DESCRIBE_CONFIGS: configs_answer(f, &q.configs, &r.configs, &a); break;
    case API_FETCH: fetch_answer(f, &q.fetch, &r.fetch, &a); break;
    case API_PRODUCE: then = fake_log_take(f->log, &q.produce, f->leader == f->node, &r.produce, &a); break;
    case API_INIT_PRODUCER_ID: fake_log_id(f->log, &r.id); break;
    case API_CREATE_TOPICS: create_answer(&q.create, &r.create, &a); break;
    default: weir_assert(false && "a request the fake did not offer");
    }
    struct proto_out out = {0};
    struct buf frame = {0};
    proto_encode_response_header(h->key, version, h->correlation_id + (f->mood == FAKE_WRONG_ID && h->key != 18),
                                 &out.head);
    proto_encode(resp, version, &r, &out);
    size_t size = proto_out_size(&out);
    if (f->mood == FAKE_LIES && h->key == API_METADATA)
        memset(out.head.p + 8, 0x7f, size > 16 ? 8 : 0);
    buf_put_be32(&frame, (uint32_t)size);
    proto_flatten(&out, &frame);
    bool hold = f->hold_offsets && h->key == API_LIST_OFFSETS;
    if (hold || peer->held.n > 0)
        buf_put(&peer->held, frame.p, frame.n); /* answers keep their order */
    else if (then == FAKE_ANSWER)
        send_all(peer->fd, frame.p, frame.n);
    buf_fini(&frame);
    proto_out_fini(&out);
    arena_fini(&a);
    return then != FAKE_CUT;
}

/* ---- connections ---- */

/* False: the connection is over. */
static bool take_frames(struct fake *f, struct peer *p) {
    while (p->in.n >= 4) {
        size_t n = be32_get(p->in.p), used;
        if (p->in.n - 4 < n)
            break;
        struct proto_request_header h;
        struct slice frame = slice_of(p->in.p + 4, n);
        weir_assert(proto_decode_request_header(frame, &h, &used) == OK);
        atomic_fetch_add(&f->seen[h.key], 1);
        static const char noise[] = "\x00\x00\x00\x08\xff\xfe\xfd\xfc\x01\x02\x03\x04";
        static const char web[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
        switch (atomic_load(&f->mood)) {
        case FAKE_MUTE: break;
        case FAKE_GARBAGE: send_all(p->fd, (const uint8_t *)noise, sizeof noise - 1); break;
        case FAKE_HTTP: send_all(p->fd, (const uint8_t *)web, sizeof web - 1); break;
        case FAKE_SHUT: return false;
        case FAKE_CLOSING:
            if (h.key != API_API_VERSIONS)
                return false;
            answer(f, p, &h, slice_of(frame.p + used, frame.n - used));
            break;
        default:
            if (!answer(f, p, &h, slice_of(frame.p + used, frame.n - used)))
                return false;
            break;
        }
        buf_consume(&p->in, n + 4);
    }
    return true;
}

static void peer_close(struct peer *p) {
    close(p->fd);
    buf_fini(&p->in);
    buf_fini(&p->held);
    *p = (struct peer){.fd = -1};
}

static void *fake_main(void *arg) {
    struct fake *f = arg;
    struct peer peers[PEERS_MAX];
    for (size_t i = 0; i < PEERS_MAX; i++)
        peers[i] = (struct peer){.fd = -1};
    for (;;) {
        struct pollfd v[PEERS_MAX + 2] = {{f->wake[0], POLLIN, 0}, {f->fd, POLLIN, 0}};
        for (size_t i = 0; i < PEERS_MAX; i++)
            v[i + 2] = (struct pollfd){peers[i].fd, POLLIN, 0};
        poll(v, PEERS_MAX + 2, 5);
        if (v[0].revents != 0)
            break;
        for (size_t i = 0; i < PEERS_MAX; i++) {
            struct peer *p = &peers[i];
            if (p->fd >= 0 && !f->hold_offsets && p->held.n > 0) {
                send_all(p->fd, p->held.p, p->held.n);
                buf_clear(&p->held);
            }
            if (p->fd < 0 || v[i + 2].revents == 0)
                continue;
            ssize_t n = recv(p->fd, buf_reserve(&p->in, 65536), 65536, 0);
            if (n > 0)
                p->in.n += (size_t)n;
            if (n <= 0 || !take_frames(f, p))
                peer_close(p);
        }
        int fd = v[1].revents != 0 ? accept(f->fd, NULL, NULL) : -1;
        for (size_t i = 0; fd >= 0 && i < PEERS_MAX; i++)
            if (peers[i].fd < 0) {
                peers[i].fd = fd;
                fd = -1;
            }
        if (fd >= 0)
            close(fd);
    }
    for (size_t i = 0; i < PEERS_MAX; i++)
        if (peers[i].fd >= 0)
            peer_close(&peers[i]);
    return NULL;
}

void fake_start(struct fake *f) {
    if (f->advertised_host == NULL)
        f->advertised_host = "127.0.0.1";
    if (f->leader == 0)
        f->leader = 1;
    if (f->node == 0)
        f->node = 1;
    f->fd = listener(&f->port);
    weir_assert(pipe(f->wake) == 0);
    weir_assert(pthread_create(&f->thread, NULL, fake_main, f) == 0);
}

void fake_stop(struct fake *f) {
    weir_assert(write(f->wake[1], "x", 1) == 1);
    pthread_join(f->thread, NULL);
    close(f->fd);
    close(f->wake[0]);
    close(f->wake[1]);
}
