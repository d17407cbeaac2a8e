/* The simulated disk: see env_sim.h for its rules.
 *
 * Every file has its bytes twice, as readers see them and as the platter has
 * them; every directory its names twice.  Changes of names wait in one list, in
 * order, until their directory is synced; a crash keeps or loses each of them. */
#include "tests/sim/sim_disk.h"

#include <stdlib.h>

/* ---- nodes ---- */

static void names_clear(struct sim_disk *d, struct sim_name **table, bool live);

static struct sim_node *node_new(struct sim_disk *d, bool is_dir) {
    struct sim_node *n = mem_zalloc(sizeof *n);
    n->is_dir = is_dir;
    n->id = ++d->node_id;
    n->next = d->nodes;
    if (n->next != NULL)
        n->next->prev = n;
    d->nodes = n;
    return n;
}

static void node_unref(struct sim_disk *d, struct sim_node *n) {
    weir_assert(n->refs > 0);
    if (--n->refs > 0)
        return;
    names_clear(d, &n->names, true);
    names_clear(d, &n->durable_names, false);
    if (n->prev != NULL)
        n->prev->next = n->next;
    else
        d->nodes = n->next;
    if (n->next != NULL)
        n->next->prev = n->prev;
    free(n->bytes);
    free(n->durable);
    free(n->written);
    free(n->landed);
    free(n);
}

void sim_node_hold(struct sim_disk *d, struct sim_node *node) {
    node->refs++;
    if (node->live++ == 0)
        d->used += node->size;
}

void sim_node_release(struct sim_disk *d, struct sim_node *node) {
    weir_assert(node->live > 0);
    if (--node->live == 0)
        d->used -= node->size;
    node_unref(d, node);
}

/* ---- names ---- */

static void name_remove(struct sim_disk *d, struct sim_name **table, const char *name, bool live) {
    struct sim_name *e;
    HASH_FIND_STR(*table, name, e);
    if (e == NULL)
        return;
    HASH_DEL(*table, e);
    if (live)
        sim_node_release(d, e->node);
    else
        node_unref(d, e->node);
    free(e->name);
    free(e);
}

static void name_set(struct sim_disk *d, struct sim_name **table, const char *name, struct sim_node *node, bool live) {
    if (live)
        sim_node_hold(d, node);
    else
        node->refs++;
    name_remove(d, table, name, live);
    struct sim_name *e = mem_zalloc(sizeof *e);
    e->name = mem_strdup(name);
    e->node = node;
    HASH_ADD_KEYPTR(hh, *table, e->name, strlen(e->name), e);
}

static void names_clear(struct sim_disk *d, struct sim_name **table, bool live) {
    struct sim_name *e, *tmp;
    HASH_ITER(hh, *table, e, tmp)
        name_remove(d, table, e->name, live);
}

static struct sim_node *name_find(struct sim_node *dir, const char *name, size_t n) {
    struct sim_name *e;
    HASH_FIND(hh, dir->names, name, n, e);
    return e == NULL ? NULL : e->node;
}

struct sim_node *sim_disk_find(struct sim_disk *d, const char *path, struct sim_node **parent, const char **leaf) {
    struct sim_node *at = d->root;
    if (parent != NULL)
        *parent = NULL;
    if (*path == '\0' || strcmp(path, ".") == 0)
        return at;
    for (;;) {
        size_t n = strcspn(path, "/");
        if (at == NULL || !at->is_dir)
            return NULL;
        if (path[n] == '\0') {
            if (parent != NULL)
                *parent = at;
            if (leaf != NULL)
                *leaf = path;
            return name_find(at, path, n);
        }
        at = name_find(at, path, n);
        path += n + 1;
    }
}

static void change_add(struct sim_disk *d, struct sim_node *dir, const char *name, struct sim_node *node,
                       struct sim_node *to_dir, const char *to) {
    struct sim_change *c = mem_zalloc(sizeof *c);
    c->seq = ++d->change_seq;
    c->dir = dir;
    dir->refs++;
    c->name = mem_strdup(name);
    c->node = node;
    if (node != NULL)
        node->refs++;
    c->to_dir = to_dir;
    if (to_dir != NULL) {
        to_dir->refs++;
        c->to = mem_strdup(to);
    }
    *d->changes_end = c;
    d->changes_end = &c->next;
}

static void change_free(struct sim_disk *d, struct sim_change *c) {
    node_unref(d, c->dir);
    if (c->to_dir != NULL)
        node_unref(d, c->to_dir);
    if (c->node != NULL)
        node_unref(d, c->node);
    free(c->name);
    free(c->to);
    free(c);
}

static void change_apply(struct sim_disk *d, const struct sim_change *c) {
    if (c->to_dir != NULL) {
        struct sim_name *e;
        HASH_FIND_STR(c->dir->durable_names, c->name, e);
        if (e != NULL && e->node == c->node)
            name_remove(d, &c->dir->durable_names, c->name, false);
        else /* an earlier rename of it was lost: one file never has two names */
            for (e = c->dir->durable_names; e != NULL; e = e->hh.next)
                if (e->node == c->node)
                    return;
        name_set(d, &c->to_dir->durable_names, c->to, c->node, false);
    } else if (c->node != NULL) {
        name_set(d, &c->dir->durable_names, c->name, c->node, false);
    } else {
        name_remove(d, &c->dir->durable_names, c->name, false);
    }
}

struct sim_node *sim_disk_make(struct sim_disk *d, struct sim_node *parent, const char *leaf, bool is_dir) {
    struct sim_node *n = node_new(d, is_dir);
    name_set(d, &parent->names, leaf, n, true);
    change_add(d, parent, leaf, n, NULL, NULL);
    return n;
}

void sim_disk_unlink(struct sim_disk *d, struct sim_node *parent, const char *leaf) {
    change_add(d, parent, leaf, NULL, NULL, NULL);
    name_remove(d, &parent->names, leaf, true);
}

void sim_disk_rename(struct sim_disk *d, struct sim_node *from, const char *name, struct sim_node *to,
                     const char *new_name) {
    struct sim_node *n = name_find(from, name, strlen(name));
    if (from == to && strcmp(name, new_name) == 0)
        return;
    change_add(d, from, name, n, to, new_name);
    name_set(d, &to->names, new_name, n, true);
    name_remove(d, &from->names, name, true);
}

static void changes_land(struct sim_disk *d, struct sim_node *dir, uint64_t up_to) {
    struct sim_change **at = &d->changes;
    while (*at != NULL) {
        struct sim_change *c = *at;
        if (c->seq <= up_to) {
            c->dir_synced = c->dir_synced || c->dir == dir;
            c->to_synced = c->to_synced || c->to_dir == NULL || c->to_dir == dir;
        }
        if (!c->dir_synced || !c->to_synced) {
            at = &c->next;
            continue;
        }
        change_apply(d, c);
        *at = c->next;
        change_free(d, c);
    }
    d->changes_end = at;
}

/* ---- bytes ---- */

static size_t sectors_of(uint64_t bytes) {
    return (size_t)((bytes + SECTOR_BYTES - 1) / SECTOR_BYTES);
}

static void node_room(struct sim_node *n, uint64_t size) {
    if (size <= n->capacity)
        return;
    uint64_t want = n->capacity == 0 ? 4096 : n->capacity;
    while (want < size)
        want *= 2;
    n->bytes = mem_realloc(n->bytes, (size_t)want);
    n->durable = mem_realloc(n->durable, (size_t)want);
    n->written = mem_realloc(n->written, sectors_of(want) * sizeof *n->written);
    n->landed = mem_realloc(n->landed, sectors_of(want) * sizeof *n->landed);
    memset(n->bytes + n->capacity, 0, (size_t)(want - n->capacity));
    memset(n->durable + n->capacity, 0, (size_t)(want - n->capacity));
    size_t had = sectors_of(n->capacity);
    memset(n->written + had, 0, (sectors_of(want) - had) * sizeof *n->written);
    memset(n->landed + had, 0, (sectors_of(want) - had) * sizeof *n->landed);
    n->capacity = want;
}

static void node_touch(struct sim_disk *d, struct sim_node *n, uint64_t from, uint64_t to) {
    weir_assert(++d->write_seq < SECTOR_LOST);
    for (uint64_t s = from / SECTOR_BYTES; s < sectors_of(to); s++)
        n->written[s] = d->write_seq;
}

bool sim_disk_resize(struct sim_disk *d, struct sim_node *n, uint64_t size) {
    if (size > n->size) {
        if (d->used + (size - n->size) > d->total)
            return false;
        node_room(n, size);
        node_touch(d, n, n->size, size);
    } else if (size < n->size) {
        memset(n->bytes + size, 0, (size_t)(n->size - size));
        node_touch(d, n, size, n->size);
    }
    if (n->live > 0)
        d->used = d->used - n->size + size;
    n->size = size;
    return true;
}

bool sim_disk_write(struct sim_disk *d, struct sim_node *node, uint64_t offset, const uint8_t *p, size_t n) {
    if (n == 0)
        return true;
    if (offset + n > node->size && !sim_disk_resize(d, node, offset + n))
        return false;
    memcpy(node->bytes + offset, p, n);
    node_touch(d, node, offset, offset + n);
    return true;
}

/* ---- syncs ---- */

void sim_capture_take(struct sim_disk *d, struct sim_node *node, struct sim_capture *c) {
    memset(c, 0, sizeof *c);
    c->node = node;
    node->refs++;
    c->change_seq = d->change_seq;
    c->number = ++d->write_seq;
    c->size = node->size;
    if (node->is_dir)
        return;
    size_t all = sectors_of(node->capacity);
    for (size_t i = 0; i < all; i++)
        c->n += node->written[i] != 0 && node->written[i] != SECTOR_LOST;
    if (c->n == 0)
        return;
    c->sectors = mem_alloc(c->n * sizeof *c->sectors);
    c->written = mem_alloc(c->n * sizeof *c->written);
    c->bytes = mem_alloc(c->n * SECTOR_BYTES);
    size_t at = 0;
    for (size_t i = 0; i < all; i++)
        if (node->written[i] != 0 && node->written[i] != SECTOR_LOST) {
            c->sectors[at] = (uint32_t)i;
            c->written[at] = node->written[i];
            memcpy(c->bytes + at++ * SECTOR_BYTES, node->bytes + i * SECTOR_BYTES, SECTOR_BYTES);
        }
}

void sim_capture_land(struct sim_disk *d, struct sim_capture *c, struct random *failed) {
    struct sim_node *n = c->node;
    if (n->is_dir) {
        if (failed == NULL)
            changes_land(d, n, c->change_seq);
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        size_t s = c->sectors[i];
        /* A later sync may have ended before this one: older bytes never land on newer. */
        bool newer = c->written[i] > n->landed[s];
        if (newer && (failed == NULL || random_next(failed) % 2 == 0)) {
            memcpy(n->durable + s * SECTOR_BYTES, c->bytes + i * SECTOR_BYTES, SECTOR_BYTES);
            n->landed[s] = c->written[i];
        }
        if (n->written[s] == c->written[i])
            n->written[s] = failed == NULL ? 0 : SECTOR_LOST;
    }
    if (failed == NULL && c->number > n->size_landed) {
        n->durable_size = c->size;
        n->size_landed = c->number;
    }
}

void sim_capture_free(struct sim_disk *d, struct sim_capture *c) {
    free(c->sectors);
    free(c->written);
    free(c->bytes);
    node_unref(d, c->node);
}

/* ---- crash ---- */

enum { KEEP, LOSE, ZERO, HALF_NEW, NEW_HALF, FATES };

static void sector_crash(struct sim_node *n, size_t s, int fate) {
    uint8_t *old = n->durable + s * SECTOR_BYTES;
    const uint8_t *now = n->bytes + s * SECTOR_BYTES;
    switch (fate) {
    case KEEP:
        memcpy(old, now, SECTOR_BYTES);
        break;
    case ZERO: /* the block was allocated but its data never arrived; only past the durable end */
        if (s * SECTOR_BYTES >= n->durable_size)
            memset(old, 0, SECTOR_BYTES);
        break;
    case HALF_NEW:
        memcpy(old, now, SECTOR_BYTES / 2);
        break;
    case NEW_HALF:
        memcpy(old + SECTOR_BYTES / 2, now + SECTOR_BYTES / 2, SECTOR_BYTES / 2);
        break;
    default:
        break;
    }
}

/* mood 0: all is lost; 1: all is kept; otherwise each by itself. */
static int fate_of(struct random *r, int mood) {
    return mood == 0 ? LOSE : mood == 1 ? KEEP : (int)random_below(r, FATES);
}

static void node_crash(struct sim_disk *d, struct sim_node *n, struct random *r, int mood) {
    if (n->is_dir) {
        names_clear(d, &n->names, true);
        return;
    }
    for (size_t s = 0; s < sectors_of(n->capacity); s++)
        if (n->written[s] != 0) {
            sector_crash(n, s, fate_of(r, mood));
            n->written[s] = 0;
        }
    uint64_t size = n->durable_size;
    if (n->size != size) {
        uint64_t low = n->size < size ? n->size : size, high = n->size < size ? size : n->size;
        int fate = fate_of(r, mood);
        size = fate == KEEP ? n->size : fate == LOSE ? size : low + random_next(r) % (high - low + 1);
    }
    if (n->live > 0)
        d->used = d->used - n->size + size;
    n->size = n->durable_size = size;
    if (n->capacity > size)
        memset(n->durable + size, 0, (size_t)(n->capacity - size));
    if (n->capacity > 0)
        memcpy(n->bytes, n->durable, (size_t)n->capacity);
    n->cold = true;
}

static int node_by_id(const void *a, const void *b) {
    const struct sim_node *x = *(struct sim_node *const *)a, *y = *(struct sim_node *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

void sim_disk_crash(struct sim_disk *d, struct random *r) {
    int mood = (int)random_below(r, 5);
    struct sim_change *c = d->changes;
    d->changes = NULL;
    d->changes_end = &d->changes;
    while (c != NULL) {
        struct sim_change *next = c->next;
        if (mood == 1 || (mood > 1 && random_next(r) % 2 == 0))
            change_apply(d, c);
        change_free(d, c);
        c = next;
    }
    size_t n = 0, at = 0;
    for (struct sim_node *k = d->nodes; k != NULL; k = k->next)
        n++;
    struct sim_node **all = mem_alloc(n * sizeof *all);
    for (struct sim_node *k = d->nodes; k != NULL; k = k->next) {
        all[at++] = k;
        k->refs++;
    }
    qsort(all, n, sizeof *all, node_by_id);
    for (size_t i = 0; i < n; i++)
        node_crash(d, all[i], r, mood);
    for (size_t i = 0; i < n; i++) {
        struct sim_name *e, *tmp;
        HASH_ITER(hh, all[i]->durable_names, e, tmp)
            name_set(d, &all[i]->names, e->name, e->node, true);
    }
    for (size_t i = 0; i < n; i++)
        node_unref(d, all[i]);
    free(all);
}

/* ---- the whole ---- */

struct sim_disk *sim_disk_new(uint64_t total) {
    struct sim_disk *d = mem_zalloc(sizeof *d);
    d->total = total;
    d->changes_end = &d->changes;
    d->root = node_new(d, true);
    sim_node_hold(d, d->root);
    return d;
}

void sim_disk_free(struct sim_disk *d) {
    while (d->changes != NULL) {
        struct sim_change *c = d->changes;
        d->changes = c->next;
        change_free(d, c);
    }
    sim_node_release(d, d->root);
    weir_assert(d->nodes == NULL);
    free(d);
}
