#include "tui/ui/prompt.h"

#include <stdio.h>
#include <stdlib.h>

static void prompt_refresh(struct prompt *p) {
    p->chosen = -1;
    p->n_found = 0;
    if (!p->complete)
        return;
    if (!p->found)
        p->found = mem_alloc(PROMPT_CANDIDATES * sizeof *p->found);
    p->n_found = p->complete(p->ctx, edit_cstr(&p->edit), p->found, PROMPT_CANDIDATES);
}

void prompt_open(struct prompt *p, char kind, const char *text, complete_fn *complete, void *ctx) {
    p->open = true;
    p->kind = kind;
    p->complete = complete;
    p->ctx = ctx;
    edit_set(&p->edit, slice_cstr(text));
    p->at_history = p->n_history[kind == '/'];
    prompt_refresh(p);
}

void prompt_fini(struct prompt *p) {
    edit_fini(&p->edit);
    free(p->found);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < p->n_history[k]; i++)
            free(p->history[k][i]);
}

static void history_add(struct prompt *p) {
    int k = p->kind == '/';
    const char *line = edit_cstr(&p->edit);
    int n = p->n_history[k];
    if (!*line || (n > 0 && strcmp(p->history[k][n - 1], line) == 0))
        return;
    if (n == PROMPT_HISTORY) {
        free(p->history[k][0]);
        memmove(&p->history[k][0], &p->history[k][1], (PROMPT_HISTORY - 1) * sizeof p->history[k][0]);
        n = --p->n_history[k];
    }
    p->history[k][n] = mem_strdup(line);
    p->n_history[k]++;
}

static void history_move(struct prompt *p, int step) {
    int k = p->kind == '/', to = p->at_history + step;
    if (to < 0 || to > p->n_history[k])
        return;
    p->at_history = to;
    edit_set(&p->edit, slice_cstr(to == p->n_history[k] ? "" : p->history[k][to]));
    prompt_refresh(p);
}

static size_t last_word(const char *line) {
    const char *blank = strrchr(line, ' ');
    return blank ? (size_t)(blank - line) + 1 : 0;
}

/* Tab: what all candidates have in common, then one after the other. */
static void prompt_complete(struct prompt *p, int step) {
    if (p->n_found == 0)
        return;
    const char *line = edit_cstr(&p->edit);
    size_t at = last_word(line), typed = strlen(line) - at;
    size_t common = strlen(p->found[0].word);
    for (size_t i = 1; i < p->n_found; i++) {
        size_t n = 0;
        while (n < common && p->found[i].word[n] == p->found[0].word[n])
            n++;
        common = n;
    }
    struct buf next = {0};
    buf_put(&next, line, at);
    if (p->chosen < 0 && (common > typed || p->n_found == 1)) {
        buf_put(&next, p->found[0].word, common);
        if (p->n_found == 1 && !p->found[0].more)
            buf_puts(&next, " ");
        edit_set(&p->edit, buf_slice(&next));
        prompt_refresh(p);
    } else {
        int n = (int)p->n_found;
        p->chosen = p->chosen < 0 ? (step > 0 ? 0 : n - 1) : (p->chosen + step + n) % n;
        buf_puts(&next, p->found[p->chosen].word);
        edit_set(&p->edit, buf_slice(&next));
    }
    buf_fini(&next);
}

enum prompt_result prompt_key(struct prompt *p, const struct key *k) {
    if (key_is(k, "esc") || key_is(k, "ctrl-c") || key_is(k, "ctrl-g") ||
        (key_is(k, "backspace") && p->edit.text.n == 0)) {
        p->open = false;
        return PROMPT_CANCELLED;
    }
    if (key_is(k, "enter")) {
        history_add(p);
        p->open = false;
        return PROMPT_DONE;
    }
    if (key_is(k, "tab") || key_is(k, "shift-tab")) {
        prompt_complete(p, key_is(k, "tab") ? 1 : -1);
        return PROMPT_CHANGED;
    }
    if (key_is(k, "up") || key_is(k, "down") || key_is(k, "ctrl-p") || key_is(k, "ctrl-n")) {
        history_move(p, key_is(k, "up") || key_is(k, "ctrl-p") ? -1 : 1);
        return PROMPT_CHANGED;
    }
    if (!edit_key(&p->edit, k))
        return PROMPT_TAKEN;
    prompt_refresh(p);
    return PROMPT_CHANGED;
}

static void paint_candidates(const struct prompt *p, struct canvas *c, int y, int highest) {
    int room = y - highest, n = (int)p->n_found;
    int shown = n < room ? n : room;
    if (shown > 12)
        shown = 12;
    int first = p->chosen >= shown ? p->chosen - shown + 1 : 0;
    int word_w = 12;
    for (int i = 0; i < shown; i++) {
        int w = canvas_foreign_width(c, slice_cstr(p->found[first + i].word), 60);
        word_w = w > word_w ? w : word_w;
    }
    if (word_w > c->w / 2)
        word_w = c->w / 2;
    for (int i = 0; i < shown; i++) {
        const struct candidate *f = &p->found[first + i];
        int row = y - shown + i;
        canvas_fill(c, row, 0, c->w, ROLE_text, ' ');
        for (int x = 0; x < c->w; x++)
            canvas_cell(c, row, x)->style = 0;
        canvas_put_middle(c, row, 2, word_w, ROLE_accent, slice_cstr(f->word));
        canvas_put(c, row, word_w + 4, c->w - word_w - 4, ROLE_dim, f->help);
        if (first + i == p->chosen)
            canvas_style(c, row, 0, c->w, STYLE_SELECTED);
    }
    char more[32];
    snprintf(more, sizeof more, "  … %d more ", n - first - shown);
    int w = canvas_width(c, more);
    if (shown > 0 && n > first + shown && w < c->w)
        canvas_put(c, y - 1, c->w - w, w, ROLE_dim, more);
}

void prompt_paint(struct prompt *p, struct canvas *c, int y, int highest) {
    char kind[2] = {p->kind, 0};
    canvas_fill(c, y, 0, c->w, ROLE_text, ' ');
    canvas_put(c, y, 0, 1, ROLE_accent, kind);
    edit_paint(&p->edit, c, (struct rect){y, 2, 1, c->w - 2}, ROLE_bright, true);
    if (p->kind == ':')
        paint_candidates(p, c, y, highest);
}
