/* Frames of real clients and of a real broker, as they were on the wire (paths of
 * the recording machine aside): each is decoded and encoded again, byte for byte.
 *
 * tests/golden/CLIENT-API.hex: "client api version request|response", hex lines, an
 * empty line.  Direction "data": a struct of __consumer_offsets behind its version. */
#include "core/proto/apis.h"
#include "core/proto/batch.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARENA_CAP (4u << 20)

static unsigned codecs_seen;

struct frame {
    char client[64], name[64], direction[16];
    int version;
    struct buf bytes;
};

static bool hex_line(struct buf *out, const char *line) {
    unsigned v;
    size_t n = 0;
    for (; sscanf(line + n, "%2x", &v) == 1; n += 2)
        buf_put_u8(out, (uint8_t)v);
    return n > 0;
}

static bool frame_read(FILE *f, struct frame *fr) {
    char line[512];
    do {
        if (fgets(line, sizeof line, f) == NULL)
            return false;
    } while (sscanf(line, "%63s %63s %d %15s", fr->client, fr->name, &fr->version, fr->direction) != 4);
    buf_clear(&fr->bytes);
    while (fgets(line, sizeof line, f) != NULL && hex_line(&fr->bytes, line))
        continue;
    return true;
}

static const struct proto_message *find_message(const struct frame *fr) {
    char name[80];
    bool data = strcmp(fr->direction, "data") == 0;
    snprintf(name, sizeof name, "%s%s", fr->name,
             data ? "" : strcmp(fr->direction, "request") == 0 ? "_req" : "_resp");
    for (size_t i = 0; i < proto_messages_n; i++)
        if (strcmp(proto_messages[i].body->name, name) == 0)
            return &proto_messages[i];
    fail_msg("no message %s", name);
    return NULL;
}

static void body_again(const struct proto_message *m, int version, struct slice in, struct arena *a, void *body,
                       struct buf *out) {
    size_t used = 0;
    assert_int_equal(proto_decode(m, version, in, a, body, &used), OK);
    assert_int_equal(used, in.n);
    struct proto_out o = {0};
    proto_encode(m, version, body, &o);
    proto_flatten(&o, out);
    proto_out_fini(&o);
}

/* What consumers tell each other: an i16 version, then the struct. */
static void embedded_again(const struct proto_message *m, struct slice in, struct arena *a) {
    if (in.n < 2)
        return;
    int version = be16_get(in.p);
    void *body = arena_zalloc(a, m->body->size);
    struct buf out = {0};
    body_again(m, version, slice_of(in.p + 2, in.n - 2), a, body, &out);
    assert_int_equal(out.n, in.n - 2);
    assert_memory_equal(out.p, in.p + 2, out.n);
    buf_fini(&out);
}

/* Batches of real producers, every codec: whole ones must hold what they promise. */
static void batches_read(struct slice in) {
    struct batch b;
    while (batch_parse(in, &b) == OK) {
        struct buf records = {0};
        struct record r;
        assert_int_equal(b.magic, 2);
        assert_true(batch_crc_ok(&b));
        assert_int_equal(codec_decompress(batch_codec(&b), b.records, ARENA_CAP, &records), OK);
        struct record_iter it = {.batch = &b, .rest = buf_slice(&records)};
        enum err e;
        while ((e = record_next(&it, &r)) == OK)
            continue;
        assert_int_equal(e, ERR_NOT_FOUND);
        assert_int_equal(it.index, b.count);
        codecs_seen |= 1u << batch_codec(&b);
        buf_fini(&records);
        in = slice_of(in.p + b.bytes.n, in.n - b.bytes.n);
    }
}

static void produced(const struct produce_req *p) {
    for (int32_t i = 0; i < p->topic_data.n; i++)
        for (int32_t j = 0; j < p->topic_data.v[i].partition_data.n; j++)
            batches_read(p->topic_data.v[i].partition_data.v[j].records);
}

static void fetched(const struct fetch_resp *f) {
    for (int32_t i = 0; i < f->responses.n; i++)
        for (int32_t j = 0; j < f->responses.v[i].partitions.n; j++)
            batches_read(f->responses.v[i].partitions.v[j].records);
}

static void embedded(const struct proto_message *m, const void *body, struct arena *a) {
    if (m->body == PROTO_STRUCT(join_group_req)) {
        const struct join_group_req *j = body;
        for (int32_t i = 0; i < j->protocols.n; i++)
            embedded_again(PROTO_MESSAGE(consumer_subscription), j->protocols.v[i].metadata, a);
    } else if (m->body == PROTO_STRUCT(sync_group_resp)) {
        embedded_again(PROTO_MESSAGE(consumer_assignment), ((const struct sync_group_resp *)body)->assignment, a);
    } else if (m->body == PROTO_STRUCT(produce_req)) {
        produced(body);
    } else if (m->body == PROTO_STRUCT(fetch_resp)) {
        fetched(body);
    }
}

static void frame_again(const struct frame *fr) {
    const struct proto_message *m = find_message(fr);
    struct slice bytes = mem_dup(buf_slice(&fr->bytes)); /* exact, for the sanitizer */
    struct buf out = {0};
    struct proto_request_header h;
    size_t header = 0;
    int32_t correlation_id;
    int16_t version = (int16_t)fr->version;
    if (m->kind == PK_REQUEST) {
        assert_int_equal(proto_decode_request_header(bytes, &h, &header), OK);
        assert_int_equal(h.key, m->key);
        assert_int_equal(h.version, version);
        proto_encode_request_header(&h, &out);
    } else if (m->kind == PK_RESPONSE) {
        assert_int_equal(proto_decode_response_header(m->key, version, bytes, &correlation_id, &header), OK);
        proto_encode_response_header(m->key, version, correlation_id, &out);
    }
    struct arena a;
    arena_init(&a, ARENA_CAP);
    void *body = arena_zalloc(&a, m->body->size);
    body_again(m, version, slice_of(bytes.p + header, bytes.n - header), &a, body, &out);
    embedded(m, body, &a);
    struct buf line = {0};
    proto_print(m, version, body, &line, 1 << 16);
    if (out.n != bytes.n || memcmp(out.p, bytes.p, out.n) != 0)
        fail_msg("%s %s %d %s is not the same again: %.*s", fr->client, fr->name, fr->version, fr->direction,
                 (int)line.n, (const char *)line.p);
    buf_fini(&line);
    buf_fini(&out);
    arena_fini(&a);
    free((void *)(uintptr_t)bytes.p);
}

static void test_frames(void **state) {
    (void)state;
    const char *srcdir = getenv("srcdir");
    char pattern[4096];
    glob_t files;
    size_t n = 0;
    snprintf(pattern, sizeof pattern, "%s/tests/golden/*.hex", srcdir != NULL ? srcdir : ".");
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        FILE *f = fopen(files.gl_pathv[i], "r");
        assert_non_null(f);
        struct frame fr = {.version = 0};
        for (; frame_read(f, &fr); n++)
            frame_again(&fr);
        buf_fini(&fr.bytes);
        fclose(f);
    }
    globfree(&files);
    assert_true(n >= 250);
    assert_int_equal(codecs_seen, (1u << CODEC_N) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
