/* Compression: there and back, limits that hold whatever the input claims, and
 * damage. */
#include "core/proto/batch.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <snappy-c.h>

/* Half text, half noise, so that every codec both wins and loses. */
static struct buf sample(size_t n) {
    struct random r = {n};
    struct buf b = {0};
    while (b.n < n) {
        if (random_below(&r, 2) == 0)
            buf_puts(&b, "the quick brown fox jumps over the lazy dog ");
        else
            buf_put_be64(&b, random_next(&r));
    }
    b.n = n;
    return b;
}

static void test_round_trip(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 5000, 32768, 32769, 1000000};
    static const int levels[] = {INT32_MIN, 1, 9, -1, 22};
    for (int codec = CODEC_NONE; codec < CODEC_N; codec++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct buf in = sample(sizes[i]), packed = {0}, out = {0};
            int level = levels[i % 5];
            buf_puts(&packed, "pre");
            buf_puts(&out, "fix");
            assert_int_equal(codec_compress((enum batch_codec)codec, level, buf_slice(&in), &packed), OK);
            struct slice exact = mem_dup(slice_of(packed.p + 3, packed.n - 3));
            assert_int_equal(codec_decompress((enum batch_codec)codec, exact, sizes[i], &out), OK);
            assert_int_equal(out.n, in.n + 3);
            assert_memory_equal(out.p, "fix", 3);
            if (in.n > 0)
                assert_memory_equal(out.p + 3, in.p, in.n);
            if (sizes[i] > 0) { /* one byte less than it needs */
                out.n = 3;
                assert_int_equal(codec_decompress((enum batch_codec)codec, exact, sizes[i] - 1, &out), ERR_TOO_LARGE);
                assert_int_equal(out.n, 3);
            }
            free((void *)(uintptr_t)exact.p);
            buf_fini(&in);
            buf_fini(&packed);
            buf_fini(&out);
        }
    }
}

/* A bomb: 64 MiB of zeroes must not take more than the limit and some room. */
static void test_bomb(void **state) {
    (void)state;
    struct buf zeroes = {0};
    memset(buf_reserve(&zeroes, 64u << 20), 0, 64u << 20);
    zeroes.n = 64u << 20;
    for (int codec = CODEC_GZIP; codec < CODEC_N; codec++) {
        struct buf packed = {0}, out = {0};
        assert_int_equal(codec_compress((enum batch_codec)codec, INT32_MIN, buf_slice(&zeroes), &packed), OK);
        assert_int_equal(codec_decompress((enum batch_codec)codec, buf_slice(&packed), 1u << 20, &out), ERR_TOO_LARGE);
        assert_int_equal(out.n, 0);
        assert_true(out.cap < (8u << 20) + 2 * packed.n);
        buf_fini(&packed);
        buf_fini(&out);
    }
    buf_fini(&zeroes);
}

struct sunk {
    struct buf all;
    size_t largest, pieces;
    enum err say;                   /* at the third piece */
};

static enum err sink(void *ctx, struct slice part) {
    struct sunk *s = ctx;
    buf_put(&s->all, part.p, part.n);
    s->largest = part.n > s->largest ? part.n : s->largest;
    return ++s->pieces == 3 ? s->say : OK;
}

/* In pieces the same bytes come, at most a piece at once, and no more than may come. */
static void test_pieces(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 65536, 1000000}, piece_bytes = 40000;
    for (int codec = CODEC_GZIP; codec < CODEC_N; codec++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct buf in = sample(sizes[i]), packed = {0}, piece = {0};
            assert_int_equal(codec_compress((enum batch_codec)codec, INT32_MIN, buf_slice(&in), &packed), OK);
            if (codec == CODEC_GZIP || codec == CODEC_ZSTD) /* a second frame is read on into */
                assert_int_equal(codec_compress((enum batch_codec)codec, 1, SLICE(""), &packed), OK);
            struct slice exact = mem_dup(buf_slice(&packed));
            for (int limit = 0; limit < 3; limit++) {
                struct sunk s = {.say = limit == 2 ? ERR_CLOSED : OK};
                size_t most = limit == 1 && sizes[i] > 0 ? sizes[i] - 1 : sizes[i];
                enum err e =
                    codec_decompress_stream((enum batch_codec)codec, exact, most, piece_bytes, &piece, sink, &s);
                assert_int_equal(e, most < sizes[i] ? ERR_TOO_LARGE : s.pieces == 3 ? s.say : OK);
                assert_true(s.largest <= piece_bytes && s.all.n <= most);
                if (e == OK)
                    assert_true(slice_eq(buf_slice(&s.all), buf_slice(&in)));
                buf_fini(&s.all);
            }
            free((void *)(uintptr_t)exact.p);
            buf_fini(&in);
            buf_fini(&packed);
            buf_fini(&piece);
        }
}

/* Cut anywhere, or damaged, it ends as the whole does. */
static void test_bad_pieces(void **state) {
    (void)state;
    struct random r = {9};
    struct buf in = sample(3000), piece = {0};
    for (int codec = CODEC_GZIP; codec < CODEC_N; codec++) {
        struct buf packed = {0};
        assert_int_equal(codec_compress((enum batch_codec)codec, INT32_MIN, buf_slice(&in), &packed), OK);
        for (int round = 0; round < 3000; round++) {
            struct buf out = {0};
            struct sunk s = {.say = OK};
            struct slice copy = mem_dup(slice_of(packed.p, round % 2 ? packed.n : random_below(&r, packed.n)));
            if (round % 2)
                ((uint8_t *)(uintptr_t)copy.p)[random_below(&r, copy.n)] ^= (uint8_t)(1 + random_below(&r, 255));
            enum err e = codec_decompress((enum batch_codec)codec, copy, 10000, &out);
            enum err f = codec_decompress_stream((enum batch_codec)codec, copy, 10000, 10000, &piece, sink, &s);
            assert_true((e == OK) == (f == OK));
            assert_true(f == OK || f == ERR_CORRUPT || f == ERR_TOO_LARGE);
            if (e == OK)
                assert_true(slice_eq(buf_slice(&out), buf_slice(&s.all)));
            assert_true(s.all.n <= 10000);
            free((void *)(uintptr_t)copy.p);
            buf_fini(&out);
            buf_fini(&s.all);
        }
        buf_fini(&packed);
    }
    buf_fini(&in);
    buf_fini(&piece);
}

/* What cannot come in pieces: a bare block of snappy; a window of zstd that is larger than Kafka takes. */
static void test_too_large_a_piece(void **state) {
    (void)state;
    struct buf in = sample(5000), piece = {0};
    struct sunk s = {.say = OK};
    size_t n = snappy_max_compressed_length(in.n);
    char *bare = mem_alloc(n);
    assert_int_equal(snappy_compress((const char *)in.p, in.n, bare, &n), SNAPPY_OK);
    struct slice block = slice_of(bare, n);
    assert_int_equal(codec_decompress_stream(CODEC_SNAPPY, block, 10000, 4999, &piece, sink, &s), ERR_TOO_LARGE);
    assert_int_equal(codec_decompress_stream(CODEC_SNAPPY, block, 10000, 5000, &piece, sink, &s), OK);
    /* magic, no flags, window 2^28, an empty last block */
    assert_int_equal(codec_decompress_stream(CODEC_ZSTD, SLICE("\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00"), 10000, 5000,
                                             &piece, sink, &s), ERR_TOO_LARGE);
    assert_int_equal(codec_decompress_stream(CODEC_ZSTD, SLICE("\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00"), 10000, 5000,
                                             &piece, sink, &s), OK);
    free(bare);
    buf_fini(&s.all);
    buf_fini(&in);
    buf_fini(&piece);
}

static void test_truncation(void **state) {
    (void)state;
    struct buf in = sample(3000), out = {0};
    for (int codec = CODEC_GZIP; codec < CODEC_N; codec++) {
        struct buf packed = {0};
        assert_int_equal(codec_compress((enum batch_codec)codec, INT32_MIN, buf_slice(&in), &packed), OK);
        for (size_t n = 0; n < packed.n; n++) {
            struct slice cut = mem_dup(slice_of(packed.p != NULL ? packed.p : (const uint8_t *)"", n));
            enum err e = codec_decompress((enum batch_codec)codec, cut, 1u << 20, &out);
            /* an xerial header without blocks is an empty whole */
            assert_true(e == ERR_CORRUPT || (codec == CODEC_SNAPPY && n == 16 && e == OK));
            assert_int_equal(out.n, 0);
            free((void *)(uintptr_t)cut.p);
        }
        buf_fini(&packed);
    }
    buf_fini(&in);
    buf_fini(&out);
}

static void test_damage(void **state) {
    (void)state;
    struct random r = {8};
    struct buf in = sample(2000);
    for (int codec = CODEC_GZIP; codec < CODEC_N; codec++) {
        struct buf packed = {0};
        assert_int_equal(codec_compress((enum batch_codec)codec, INT32_MIN, buf_slice(&in), &packed), OK);
        for (int round = 0; round < 1500; round++) {
            struct buf out = {0};
            struct slice copy = mem_dup(buf_slice(&packed));
            ((uint8_t *)(uintptr_t)copy.p)[random_below(&r, copy.n)] ^= (uint8_t)(1 + random_below(&r, 255));
            enum err e = codec_decompress((enum batch_codec)codec, copy, 10000, &out);
            assert_true(e == OK || e == ERR_CORRUPT || e == ERR_TOO_LARGE);
            assert_true(out.n <= 10000);
            free((void *)(uintptr_t)copy.p);
            buf_fini(&out);
        }
        buf_fini(&packed);
    }
    buf_fini(&in);
}

static void test_snappy_forms(void **state) {
    (void)state;
    struct buf in = sample(5000), out = {0};
    size_t n = snappy_max_compressed_length(in.n);
    char *bare = mem_alloc(n);
    assert_int_equal(snappy_compress((const char *)in.p, in.n, bare, &n), SNAPPY_OK);
    assert_int_equal(codec_decompress(CODEC_SNAPPY, slice_of(bare, n), 5000, &out), OK);
    assert_int_equal(out.n, in.n);
    assert_memory_equal(out.p, in.p, in.n);
    free(bare);
    /* 2 GiB claimed by six bytes */
    struct buf none = {0};
    assert_int_equal(codec_decompress(CODEC_SNAPPY, SLICE("\xff\xff\xff\xff\x07\0"), SIZE_MAX, &none), ERR_CORRUPT);
    assert_int_equal(none.cap, 0);
    buf_fini(&in);
    buf_fini(&out);
}

/* Two members, then bytes that are none: as Java's GZIPInputStream reads it. */
static void test_gzip_members(void **state) {
    (void)state;
    struct buf packed = {0}, out = {0};
    assert_int_equal(codec_compress(CODEC_GZIP, 9, SLICE("one "), &packed), OK);
    assert_int_equal(codec_compress(CODEC_GZIP, 1, SLICE("two"), &packed), OK);
    buf_puts(&packed, "junk");
    assert_int_equal(codec_decompress(CODEC_GZIP, buf_slice(&packed), 100, &out), OK);
    assert_true(slice_is(buf_slice(&out), "one two"));
    buf_fini(&packed);
    buf_fini(&out);
}

static void test_names(void **state) {
    (void)state;
    struct buf out = {0};
    assert_string_equal(codec_name(CODEC_ZSTD), "zstd");
    assert_string_equal(codec_name((enum batch_codec)7), "unknown");
    for (int codec = CODEC_N; codec < 8; codec++) {
        assert_int_equal(codec_decompress((enum batch_codec)codec, SLICE("x"), 10, &out), ERR_UNSUPPORTED);
        assert_int_equal(codec_compress((enum batch_codec)codec, 1, SLICE("x"), &out), ERR_UNSUPPORTED);
    }
    assert_int_equal(out.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_bomb), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_snappy_forms), cmocka_unit_test(test_gzip_members),
        cmocka_unit_test(test_names), cmocka_unit_test(test_pieces), cmocka_unit_test(test_bad_pieces),
        cmocka_unit_test(test_too_large_a_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
