/* What is remembered between runs: the theme, and of tables their order and their
 * columns by the table's name.  The file is a small one of libconfig; what it holds
 * of tables that this program does not know is kept for the one that does, and
 * what it says of columns that are not there is passed over.  UI thread. */
#include "tui/views/view.h"

#include "core/config/pairs.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMORY_MAX 64
#define MEMORY_NAME_MAX 48
#define MEMORY_TEXT_MAX 512

static struct remembered *find(const struct memory *m, const char *what, const char *name) {
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->v[i].what, what) == 0 && strcmp(m->v[i].name, name) == 0)
            return &m->v[i];
    return NULL;
}

static void forget(struct remembered *r) {
    free(r->what);
    free(r->name);
    free(r->text);
}

void memory_put(struct memory *m, const char *what, const char *name, const char *text) {
    struct remembered *r = find(m, what, name);
    if (r && !text) {
        forget(r);
        *r = m->v[--m->n];
        return;
    }
    if (!text || strlen(name) > MEMORY_NAME_MAX || strlen(text) > MEMORY_TEXT_MAX || (!r && m->n == MEMORY_MAX))
        return;
    if (!m->v)
        m->v = mem_alloc(MEMORY_MAX * sizeof *m->v);
    if (r)
        forget(r);
    else
        r = &m->v[m->n++];
    *r = (struct remembered){mem_strdup(what), mem_strdup(name), mem_strdup(text)};
}

const char *memory_get(const struct memory *m, const char *what, const char *name) {
    const struct remembered *r = find(m, what, name);
    return r ? r->text : NULL;
}

/* ---- the file ---- */

static void take_pair(void *ctx, const char *group, const char *name, const char *value) {
    static const char *const groups[] = {"console", "sort", "columns"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strcmp(group, groups[i]) == 0)
            memory_put(ctx, group, name, value);
}

enum err memory_read(struct memory *m, const char *path, struct error *e) {
    return pairs_read_file(path, take_pair, m, e);
}

enum err memory_write(const struct memory *m, const char *path, struct error *e) {
    struct pair pairs[MEMORY_MAX];
    for (size_t i = 0; i < m->n; i++)
        pairs[i] = (struct pair){m->v[i].what, m->v[i].name, m->v[i].text};
    return pairs_write_file(path, pairs, m->n, e);
}

void memory_fini(struct memory *m) {
    for (size_t i = 0; i < m->n; i++)
        forget(&m->v[i]);
    free(m->v);
    *m = (struct memory){0};
}

/* "COLUMN" or "COLUMN reversed". */
static void recall_sort(struct table *t, const char *text) {
    static const char reversed[] = " reversed";
    size_t n = strlen(text), tail = sizeof reversed - 1;
    bool is_reversed = n > tail && strcmp(text + n - tail, reversed) == 0;
    char *name = mem_strdup(text);
    if (is_reversed)
        name[n - tail] = '\0';
    if (*name && table_sort_by(t, name) && is_reversed)
        t->descending = !t->descending;
    free(name);
}

void ui_recall(struct ui *u, struct table *t, const char *name) {
    const char *sort = memory_get(&u->memory, "sort", name), *columns = memory_get(&u->memory, "columns", name);
    char unknown[48];
    t->name = name;
    if (sort)
        recall_sort(t, sort);
    if (columns)
        table_columns_set(t, columns, false, unknown);
}

void ui_recall_tabs(struct ui *u) {
    for (int i = 0; i < VIEW_TABS; i++) {
        struct view *v = u->stack[i][0];
        struct table *t = v->ops->table ? v->ops->table(v) : NULL;
        if (t && t->name)
            ui_recall(u, t, t->name);
    }
}

void ui_remember_sort(struct ui *u, const struct table *t) {
    char text[80];
    bool natural = t->sort >= 0 && t->columns[t->sort].right;
    if (!t->name)
        return;
    snprintf(text, sizeof text, "%s%s", t->sort < 0 ? "trouble" : t->columns[t->sort].title,
             t->descending != natural ? " reversed" : "");
    memory_put(&u->memory, "sort", t->name, text);
}

void ui_remember_columns(struct ui *u, const struct table *t) {
    char text[MEMORY_TEXT_MAX];
    if (!t->name)
        return;
    table_columns_text(t, text, sizeof text);
    memory_put(&u->memory, "columns", t->name, t->arranged.own ? text : NULL);
}
