/* Cuts a byte stream into frames: four bytes of size, then that many bytes.
 *
 * A reader holds memory only while a frame is incomplete: whole frames are
 * handed out straight from the receiver's scratch buffer, which all connections
 * of a thread share.  The memory of an incomplete frame grows with the bytes
 * that came, never to the size that was announced.
 *
 *   empty --part of a frame came--> partial --rest came--> empty
 *     '----- size field out of bounds, either state -----> bad
 *
 * Use: frame_reader_room() says where to receive, frame_reader_received() hands
 * out what became whole.  Bytes are the handler's to change while it runs.
 * Thread: one; no system calls. */
#ifndef WEIR_IO_FRAME_H
#define WEIR_IO_FRAME_H

#include "core/base/mem.h"

#include <sys/uio.h>

#define FRAME_SIZE_MAX (100 * 1024 * 1024)

/* Shared by the readers of one thread: the scratch, and a few buffers kept
 * between large frames so that a steady stream of them faults no fresh pages. */
#define FRAME_SPARES 4
#define FRAME_SPARE_MAX (2 * 1024 * 1024)
struct frame_pool {
    uint8_t *scratch;
    size_t scratch_size;
    struct {
        uint8_t *p;
        size_t cap;
    } spare[FRAME_SPARES];
    size_t n_spares;
    size_t held;          /* bytes of all incomplete frames */
};
void frame_pool_init(struct frame_pool *pool, size_t scratch_size);
/* Frees the spare buffers (nothing large came for a while). */
void frame_pool_trim(struct frame_pool *pool);
void frame_pool_fini(struct frame_pool *pool);

struct frame_reader {
    uint8_t *p;         /* the incomplete frame with its size field; NULL: nothing */
    uint32_t n, cap;
};
/* FRAME_STOP: hand out no more for now; the rest is kept until frame_reader_resume. */
enum frame_next { FRAME_GO_ON, FRAME_STOP };
typedef enum frame_next frame_fn(void *ctx, uint8_t *frame, size_t n);

void frame_reader_fini(struct frame_reader *r, struct frame_pool *pool);
/* Fills iov (two places) and returns how many are used. */
int frame_reader_room(struct frame_reader *r, struct frame_pool *pool, struct iovec iov[2]);
/* n bytes came into that room.  ERR_TOO_LARGE: a size field below 0 or above size_max;
 * `bad` then holds the first bytes of that frame for frame_guess. */
enum err frame_reader_received(struct frame_reader *r, struct frame_pool *pool, size_t n, size_t size_max,
                               frame_fn *each, void *ctx, uint8_t bad[4]) WEIR_MUST_CHECK;
/* Hands out what FRAME_STOP left behind. */
enum err frame_reader_resume(struct frame_reader *r, struct frame_pool *pool, size_t size_max, frame_fn *each,
                             void *ctx, uint8_t bad[4]) WEIR_MUST_CHECK;

/* What a stream is that begins with these bytes and is no frame: "TLS", "HTTP" or NULL. */
const char *frame_guess(const uint8_t first[4]);

#endif
