/* Rows, order, filter and selection of a table; table_paint.c shows it. */
#include "tui/ui/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

void table_init(struct table *t, const struct column *columns, int n_columns) {
    weir_assert(n_columns <= TABLE_COLUMNS_MAX);
    *t = (struct table){.columns = columns, .n_columns = n_columns};
}

void table_fini(struct table *t) {
    table_unmark_all(t);
    free(t->rows);
    t->rows = NULL;
    t->n = t->cap = 0;
}

/* ---- cells ---- */

static void cell_from_value(const struct column *col, const struct value *v, const struct look_env *env,
                            struct out_cell *out) {
    out->state = v->state;
    out->at_us = v->at_us;
    out->sort = (double)v->v;
    if (v->state != VALUE_KNOWN || env->only_order)
        return;
    out->role = v->v == 0 ? ROLE_zero : ROLE_number;
    if (col->form == FORM_BYTES)
        fmt_bytes(out->text, v->v, env->exact);
    else if (col->form == FORM_AGE)
        fmt_age(out->text, env->now_us - v->at_us);
    else
        fmt_count(out->text, v->v, col->width, env->exact);
}

void column_cell(const struct column *col, const void *row, const struct look_env *env, struct out_cell *out) {
    const uint8_t *p = (const uint8_t *)row + col->offset;
    *out = (struct out_cell){.state = VALUE_KNOWN, .role = ROLE_text};
    switch (col->from) {
    case FROM_GET:
        col->get(row, env, out);
        break;
    case FROM_VALUE:
        cell_from_value(col, (const struct value *)(const void *)p, env, out);
        break;
    case FROM_RATE: {
        const struct rate *rate = (const struct rate *)(const void *)p;
        out->state = rate->state;
        out->sort = rate->v;
        if (rate->state == VALUE_KNOWN && !env->only_order)
            out->role = fmt_rate(out->text, rate->v, env->exact)[0] == '0' && !out->text[1] ? ROLE_zero : ROLE_number;
        break;
    }
    case FROM_SLICE:
        out->foreign = *(const struct slice *)(const void *)p;
        out->state = out->foreign.p ? VALUE_KNOWN : VALUE_NONE;
        out->is_text = true;
        break;
    case FROM_I32: {
        int32_t v = *(const int32_t *)(const void *)p;
        out->sort = v;
        out->role = v == 0 ? ROLE_zero : ROLE_number;
        if (!env->only_order)
            fmt_count(out->text, v, col->width, env->exact);
        break;
    }
    case FROM_HISTORY:
        out->history = *(const struct history *const *)(const void *)p;
        out->state = out->history ? VALUE_KNOWN : VALUE_WANTED;
        out->role = ROLE_spark;
        out->sort = out->history && out->history->n ? (double)out->history->v[out->history->n - 1] : 0;
        break;
    }
}

/* ---- filter ---- */

static const uint8_t *find_word(struct slice text, const char *word, size_t n, bool exact) {
    for (size_t i = 0; i + n <= text.n; i++) {
        size_t k = 0;
        while (k < n && (exact ? text.p[i + k] == (uint8_t)word[k]
                               : tolower(text.p[i + k]) == tolower((unsigned char)word[k])))
            k++;
        if (k == n)
            return text.p + i;
    }
    return NULL;
}

bool filter_match(const char *filter, struct slice text, size_t *at, size_t *n) {
    *at = *n = 0;
    for (const char *p = filter; *p;) {
        size_t len = strcspn(p, " ");
        bool not = *p == '!' && len > 1;
        const char *word = p + (not ? 1 : 0);
        size_t word_n = len - (not ? 1 : 0);
        bool exact = false;
        for (size_t i = 0; i < word_n; i++)
            exact = exact || isupper((unsigned char)word[i]);
        const uint8_t *found = word_n ? find_word(text, word, word_n, exact) : NULL;
        if (word_n && (found != NULL) == not)
            return false;
        if (found && *n == 0) {
            *at = (size_t)(found - text.p);
            *n = word_n;
        }
        p += len;
        p += strspn(p, " ");
    }
    return true;
}

void table_set_filter(struct table *t, const char *filter) {
    size_t n = strlen(filter);
    n = n < sizeof t->filter ? n : sizeof t->filter - 1;
    memcpy(t->filter, filter, n);
    t->filter[n] = '\0';
}

/* ---- order ---- */

struct sort_key {
    uint32_t row;
    bool last;              /* no value: at the end whatever the direction */
    double number;
    struct slice text;
};
struct sort_order { bool text, descending; };

static int sort_compare(const void *a, const void *b, void *ctx) {
    const struct sort_key *x = a, *y = b;
    const struct sort_order *order = ctx;
    int cmp;
    if (x->last != y->last)
        return x->last ? 1 : -1;
    if (x->last)
        cmp = 0;
    else if (order->text)
        cmp = slice_cmp(x->text, y->text);
    else
        cmp = x->number < y->number ? -1 : x->number > y->number;
    if (cmp != 0)
        return order->descending ? -cmp : cmp;
    return x->row < y->row ? -1 : x->row > y->row; /* stable */
}

static void table_sort(struct table *t, const struct look_env *env) {
    const struct column *col = t->sort >= 0 ? &t->columns[t->sort] : NULL;
    if (t->n < 2 || (!col && !t->trouble))
        return;
    struct sort_key *keys = mem_alloc((size_t)t->n * sizeof *keys);
    struct sort_order order = {.descending = t->descending};
    struct look_env bare = *env;
    bare.only_order = true;
    for (int i = 0; i < t->n; i++) {
        const void *row = t->base + t->rows[i] * t->stride;
        keys[i] = (struct sort_key){.row = t->rows[i]};
        if (!col) {
            keys[i].number = -(double)t->trouble(row);
            continue;
        }
        struct out_cell cell;
        column_cell(col, row, &bare, &cell);
        keys[i].last = cell.state != VALUE_KNOWN;
        keys[i].number = cell.sort;
        keys[i].text = cell.foreign;
        order.text = order.text || cell.is_text;
    }
    qsort_r(keys, (size_t)t->n, sizeof *keys, sort_compare, &order);
    for (int i = 0; i < t->n; i++)
        t->rows[i] = keys[i].row;
    free(keys);
}

/* The next one that is on the screen, in the order that it has there. */
static int sort_next(const struct table *t) {
    int place = -1;
    for (int i = 0; i < t->n_columns && t->sort >= 0; i++)
        if (table_column_at(t, i) == t->sort)
            place = i;
    while (++place < t->n_columns)
        if (table_column_shown(t, table_column_at(t, place)))
            return table_column_at(t, place);
    return t->trouble ? -1 : 0;
}

bool table_sort_by(struct table *t, const char *name) {
    int to = sort_next(t);
    if (name) {
        to = table_column_named(t, name, strlen(name));
        if (to < 0 && !(t->trouble && strncasecmp("trouble", name, strlen(name)) == 0))
            return false;
    }
    t->sort = to;
    t->descending = to >= 0 && t->columns[to].right;
    return true;
}

/* ---- rows and selection ---- */

static void table_keep_key(struct table *t) {
    const void *row = table_selected(t);
    struct slice key = row ? t->key(row) : SLICE_NULL;
    t->selected_n = key.n < TABLE_KEY_MAX ? key.n : TABLE_KEY_MAX;
    if (t->selected_n)
        memcpy(t->selected_key, key.p, t->selected_n);
}

static void table_clamp(struct table *t) {
    int h = t->height > 0 ? t->height : 1;
    if (t->selected >= t->n)
        t->selected = t->n - 1;
    if (t->selected < 0)
        t->selected = 0;
    if (t->top > t->selected)
        t->top = t->selected;
    if (t->top < t->selected - h + 1)
        t->top = t->selected - h + 1;
    if (t->top > t->n - h)
        t->top = t->n - h;
    if (t->top < 0)
        t->top = 0;
}

bool table_select_key(struct table *t, struct slice key) {
    for (int i = 0; i < t->n; i++) {
        struct slice k = t->key(table_row(t, i));
        size_t n = k.n < TABLE_KEY_MAX ? k.n : TABLE_KEY_MAX;
        if (n == key.n && (n == 0 || memcmp(k.p, key.p, n) == 0)) {
            t->selected = i;
            table_keep_key(t);
            return true;
        }
    }
    return false;
}

static int slice_columns(struct slice s) {
    int w = 0;
    for (size_t i = 0; i < s.n; i++)
        w += s.p[i] < 0x20 || s.p[i] == 0x7f ? 4 : (s.p[i] & 0xc0) != 0x80;
    return w;
}

void table_set_rows(struct table *t, const void *base, size_t n, size_t stride, const struct look_env *env) {
    int height_on_screen = t->selected - t->top;
    t->base = base;
    t->n_base = n;
    t->stride = stride;
    t->measured = false;
    if ((size_t)t->cap < n) {
        t->cap = (int)n;
        t->rows = mem_realloc(t->rows, n * sizeof *t->rows);
    }
    t->n = 0;
    t->longest = 0;
    for (size_t i = 0; i < n; i++) {
        const void *row = t->base + i * stride;
        struct out_cell cell;
        size_t at, len;
        if (t->shown && !t->shown(row, t->filter_ctx))
            continue;
        column_cell(&t->columns[0], row, env, &cell);
        if (cell.foreign.p) {
            int w = slice_columns(cell.foreign);
            t->longest = w > t->longest ? w : t->longest;
        }
        if (t->filter[0] && !filter_match(t->filter, t->words ? t->words(row) : t->key(row), &at, &len))
            continue;
        t->rows[t->n++] = (uint32_t)i;
    }
    table_sort(t, env);
    table_marks_follow(t);
    uint8_t key[TABLE_KEY_MAX];
    size_t key_n = t->selected_n;
    memcpy(key, t->selected_key, key_n);
    if (key_n && table_select_key(t, slice_of(key, key_n)))
        t->top = t->selected - height_on_screen;
    table_clamp(t);
    /* A row that is filtered away for a moment keeps the selection for when it comes back. */
    if (!key_n && t->selected > 0)
        table_keep_key(t);
}

const void *table_row(const struct table *t, int i) {
    return i >= 0 && i < t->n ? t->base + t->rows[i] * t->stride : NULL;
}

const void *table_selected(const struct table *t) { return table_row(t, t->selected); }

void table_move(struct table *t, enum table_move move) {
    int page = t->height > 1 ? t->height - 1 : 1;
    switch (move) {
    case MOVE_UP: t->selected--; break;
    case MOVE_DOWN: t->selected++; break;
    case MOVE_PAGE_UP: t->selected -= page; t->top -= page; break;
    case MOVE_PAGE_DOWN: t->selected += page; t->top += page; break;
    case MOVE_HOME: t->selected = 0; break;
    case MOVE_END: t->selected = t->n - 1; break;
    case MOVE_LEFT: t->scroll -= t->scroll > 0; return;
    case MOVE_RIGHT: t->scroll += t->more_right && t->scroll < t->n_columns - 2; return;
    }
    table_clamp(t);
    table_keep_key(t);
}
