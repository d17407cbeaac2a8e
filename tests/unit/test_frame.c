/* The frame reader: any cut of a stream gives the same frames; memory follows
 * what came, not what was announced. */
#include "core/io/frame.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* after those four */
#include <cmocka.h>

#define SCRATCH 4096

struct sink {
    struct buf all;          /* every frame with its size again */
    size_t frames;
    size_t stop_every;       /* 0: never */
};

static enum frame_next take(void *ctx, uint8_t *frame, size_t n) {
    struct sink *s = ctx;
    buf_put_be32(&s->all, (uint32_t)n);
    buf_put(&s->all, frame, n);
    s->frames++;
    memset(frame, 0xee, n); /* the handler may write there */
    return s->stop_every != 0 && s->frames % s->stop_every == 0 ? FRAME_STOP : FRAME_GO_ON;
}

/* Receives n bytes from p into the room, as readv would. */
static void receive(struct frame_reader *r, struct frame_pool *pool, const uint8_t *p, size_t n, size_t *took) {
    struct iovec iov[2];
    int k = frame_reader_room(r, pool, iov);
    size_t done = 0;
    for (int i = 0; i < k && done < n; i++) {
        size_t piece = iov[i].iov_len < n - done ? iov[i].iov_len : n - done;
        memcpy(iov[i].iov_base, p + done, piece);
        done += piece;
    }
    *took = done;
}

static void add_frame(struct buf *out, size_t n, struct random *rnd) {
    buf_put_be32(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        buf_put_u8(out, (uint8_t)random_next(rnd));
}

static void any_cut_gives_the_same_frames(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct random rnd = {seed};
        struct buf stream = {0};
        size_t frames = 1 + random_next(&rnd) % 20;
        for (size_t i = 0; i < frames; i++)
            add_frame(&stream, random_next(&rnd) % 5 == 0 ? random_next(&rnd) % 60000 : random_next(&rnd) % 300, &rnd);
        struct frame_pool pool;
        struct frame_reader r = {0};
        struct sink got = {.stop_every = seed % 3 == 0 ? 1 + random_next(&rnd) % 4 : 0};
        uint8_t bad[4];
        frame_pool_init(&pool, SCRATCH);
        size_t most = 1 + random_next(&rnd) % (seed % 2 == 0 ? 9000 : 7);
        for (size_t at = 0; at < stream.n;) {
            size_t n = 1 + random_next(&rnd) % most, took;
            n = n < stream.n - at ? n : stream.n - at;
            receive(&r, &pool, stream.p + at, n, &took);
            at += took;
            size_t before = got.frames;
            assert_int_equal(frame_reader_received(&r, &pool, took, 1 << 20, take, &got, bad), OK);
            while (got.stop_every != 0 && got.frames > before) {
                before = got.frames;
                assert_int_equal(frame_reader_resume(&r, &pool, 1 << 20, take, &got, bad), OK);
            }
        }
        assert_int_equal(got.frames, frames);
        assert_int_equal(got.all.n, stream.n);
        assert_memory_equal(got.all.p, stream.p, stream.n);
        assert_null(r.p); /* nothing is held between frames */
        frame_reader_fini(&r, &pool);
        frame_pool_fini(&pool);
        buf_fini(&stream);
        buf_fini(&got.all);
    }
}

static void announced_sizes_cost_nothing(void **state) {
    (void)state;
    struct frame_pool pool;
    struct frame_reader r = {0};
    struct sink got = {0};
    uint8_t bad[4], head[5] = {0x06, 0x40, 0x00, 0x00, 1}; /* 100 MiB are announced */
    size_t took, came = 0;
    frame_pool_init(&pool, SCRATCH);
    receive(&r, &pool, head, sizeof head, &took);
    assert_int_equal(frame_reader_received(&r, &pool, took, FRAME_SIZE_MAX, take, &got, bad), OK);
    assert_true(r.cap <= 4096);
    uint8_t junk[1000] = {0};
    for (came = took; came < 300000; came += took) {
        receive(&r, &pool, junk, sizeof junk, &took);
        assert_int_equal(frame_reader_received(&r, &pool, took, FRAME_SIZE_MAX, take, &got, bad), OK);
        assert_true(r.cap <= 4096 || r.cap <= 2 * (came + took));
    }
    assert_int_equal(got.frames, 0);
    frame_reader_fini(&r, &pool);
    frame_pool_fini(&pool);
}

static void bad_sizes_are_refused(void **state) {
    (void)state;
    static const uint8_t streams[][4] = {{0xff, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0}, {0x06, 0x40, 0, 1}};
    for (size_t i = 0; i < 3; i++)
        for (size_t piece = 1; piece <= 4; piece++) {
            struct frame_pool pool;
            struct frame_reader r = {0};
            struct sink got = {0};
            uint8_t bad[4] = {0};
            enum err e = OK;
            frame_pool_init(&pool, SCRATCH);
            for (size_t at = 0, took; at < 4 && e == OK; at += took) {
                receive(&r, &pool, streams[i] + at, piece < 4 - at ? piece : 4 - at, &took);
                e = frame_reader_received(&r, &pool, took, FRAME_SIZE_MAX, take, &got, bad);
            }
            assert_int_equal(e, ERR_TOO_LARGE);
            assert_memory_equal(bad, streams[i], 4);
            frame_reader_fini(&r, &pool);
            frame_pool_fini(&pool);
        }
}

static void strangers_are_known(void **state) {
    (void)state;
    assert_string_equal(frame_guess((const uint8_t[]){0x16, 3, 1, 2}), "TLS");
    assert_string_equal(frame_guess((const uint8_t *)"GET "), "HTTP");
    assert_null(frame_guess((const uint8_t[]){0, 0, 0, 20}));
}

static void spare_buffers_are_few(void **state) {
    (void)state;
    struct frame_pool pool;
    struct frame_reader r[8] = {{0}};
    struct random rnd = {7};
    struct buf stream = {0};
    struct sink got = {0};
    uint8_t bad[4];
    add_frame(&stream, 200000, &rnd);
    frame_pool_init(&pool, SCRATCH);
    for (size_t at = 0; at < stream.n; at += SCRATCH)
        for (size_t i = 0; i < 8; i++) {
            size_t n = stream.n - at < SCRATCH ? stream.n - at : SCRATCH;
            for (size_t done = 0, took; done < n; done += took) {
                receive(&r[i], &pool, stream.p + at + done, n - done, &took);
                assert_int_equal(frame_reader_received(&r[i], &pool, took, 1 << 20, take, &got, bad), OK);
            }
        }
    assert_int_equal(got.frames, 8);
    assert_true(pool.n_spares > 0 && pool.n_spares <= FRAME_SPARES);
    frame_pool_trim(&pool);
    assert_int_equal(pool.n_spares, 0);
    frame_pool_fini(&pool);
    buf_fini(&stream);
    buf_fini(&got.all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_frames), cmocka_unit_test(announced_sizes_cost_nothing),
        cmocka_unit_test(bad_sizes_are_refused), cmocka_unit_test(strangers_are_known),
        cmocka_unit_test(spare_buffers_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
