/* Fuzz entry of core/proto.  Built with --enable-fuzzers it is a libFuzzer
 * program; built plainly it replays the files named (without any: the corpus).
 *
 * Input: a selector byte, then what it selects:
 *   even: message index (byte), version (byte), body
 *   odd:  codec (byte), a record batch or compressed bytes */
#include "core/proto/batch.h"
#include "core/proto/proto.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_CAP (8u << 20)
#define OUT_CAP (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void fuzz_message(const uint8_t *p, size_t n) {
    const struct proto_message *m = &proto_messages[p[0] % proto_messages_n];
    int version = m->min + p[1] % (m->max - m->min + 1);
    struct arena a;
    arena_init(&a, ARENA_CAP);
    void *body = arena_zalloc(&a, m->body->size);
    size_t used = 0;
    if (proto_decode(m, version, slice_of(p + 2, n - 2), &a, body, &used) == OK) {
        struct proto_out out = {0};
        struct buf first = {0}, second = {0};
        weir_assert(used <= n - 2);
        proto_encode(m, version, body, &out);
        proto_flatten(&out, &first);
        proto_print(m, version, body, &second, 500);
        buf_clear(&second);
        /* What was encoded is canonical: it decodes and encodes to itself. */
        enum err e = proto_decode(m, version, buf_slice(&first), &a, body, &used);
        weir_assert((e == OK && used == first.n) || e == ERR_LIMIT);
        if (e == OK) {
            proto_out_clear(&out);
            proto_encode(m, version, body, &out);
            proto_flatten(&out, &second);
            weir_assert(slice_eq(buf_slice(&first), buf_slice(&second)));
        }
        proto_out_fini(&out);
        buf_fini(&first);
        buf_fini(&second);
    }
    arena_fini(&a);
}

static void fuzz_records(const struct batch *b, struct slice records) {
    struct record_iter it = {.batch = b, .rest = records};
    struct record r;
    while (record_next(&it, &r) == OK) {
        struct record_header h;
        for (int32_t i = 0; i < r.n_headers; i++)
            weir_assert(record_header_next(&r.headers, &h) == OK);
    }
}

static void fuzz_batch(const uint8_t *p, size_t n) {
    struct buf out = {0};
    struct batch b;
    size_t used;
    int32_t id;
    struct proto_request_header h;
    struct slice in = slice_of(p + 1, n - 1);
    if (codec_decompress((enum batch_codec)(p[0] % 8), in, OUT_CAP, &out) == OK)
        weir_assert(out.n <= OUT_CAP);
    else
        weir_assert(out.n == 0);
    buf_clear(&out);
    if (batch_parse(in, &b) == OK) {
        batch_crc_ok(&b);
        if (codec_decompress(batch_codec(&b), b.records, OUT_CAP, &out) == OK)
            fuzz_records(&b, buf_slice(&out));
    }
    b = (struct batch){.count = p[0]};
    fuzz_records(&b, in);
    if (proto_decode_request_header(in, &h, &used) == OK)
        weir_assert(used <= in.n);
    if (proto_decode_response_header(p[0], 12, in, &id, &used) == OK)
        weir_assert(used <= in.n);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    if (n < 3)
        return 0;
    if (p[0] % 2 == 0)
        fuzz_message(p + 1, n - 1);
    else
        fuzz_batch(p + 1, n - 1);
    return 0;
}

#ifndef WEIR_LIBFUZZER
static int replay(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return 1;
    }
    struct buf b = {0};
    for (size_t got = 1; got > 0; b.n += got)
        got = fread(buf_reserve(&b, 4096), 1, 4096, f);
    fclose(f);
    struct slice exact = mem_dup(buf_slice(&b));
    LLVMFuzzerTestOneInput(exact.p, exact.n);
    free((void *)(uintptr_t)exact.p);
    buf_fini(&b);
    return 0;
}

int main(int argc, char **argv) {
    int bad = 0;
    for (int i = 1; i < argc; i++)
        bad |= replay(argv[i]);
    if (argc > 1)
        return bad;
    const char *srcdir = getenv("srcdir");
    char pattern[4096];
    glob_t files;
    snprintf(pattern, sizeof pattern, "%s/tests/fuzz/corpus/*", srcdir != NULL ? srcdir : ".");
    if (glob(pattern, 0, NULL, &files) != 0)
        return 1;
    for (size_t i = 0; i < files.gl_pathc; i++)
        bad |= replay(files.gl_pathv[i]);
    printf("%zu inputs\n", files.gl_pathc);
    globfree(&files);
    return bad;
}
#endif
