#include "tui/ui/dialog.h"

#include "core/base/text.h"
#include "tui/ui/frame.h"

#include <stdio.h>
#include <stdlib.h>

void dialog_open(struct dialog *d, const char *title, struct slice subject) {
    dialog_close(d);
    d->open = true;
    d->text.words = true;
    snprintf(d->title, sizeof d->title, "%s", title);
    d->subject = mem_dup(subject);
}

void dialog_require(struct dialog *d, const char *label, struct slice name) {
    form_add(&d->form, FIELD_TEXT, label, NULL);
    text_safe(name, d->required, sizeof d->required);
    d->destructive = true;
}

void dialog_close(struct dialog *d) {
    block_fini(&d->text);
    form_fini(&d->form);
    free((void *)(uintptr_t)d->subject.p);
    *d = (struct dialog){0};
}

static void dialog_submit(struct dialog *d) {
    if (d->required[0] && strcmp(form_text(&d->form, d->form.n - 1), d->required) != 0) {
        snprintf(d->wrong, sizeof d->wrong, "type this to go on: %.100s", d->required);
        d->form.focus = d->form.n - 1;
        return;
    }
    d->wrong[0] = '\0';
    if (d->submit(d, d->ctx))
        dialog_close(d);
}

static bool dialog_scroll(struct dialog *d, const struct key *k) {
    bool list = d->form.n == 0;
    int page = d->text_h > 1 ? d->text_h - 1 : 1, top = d->top;
    if (key_is(k, "pgdn") || (list && key_is(k, "space")))
        top += page;
    else if (key_is(k, "pgup"))
        top -= page;
    else if (list && (key_is(k, "down") || key_is(k, "j")))
        top++;
    else if (list && (key_is(k, "up") || key_is(k, "k")))
        top--;
    else
        return false;
    top = top > d->text_rows - d->text_h ? d->text_rows - d->text_h : top;
    d->top = top < 0 ? 0 : top;
    return true;
}

void dialog_key(struct dialog *d, const struct key *k) {
    if (key_is(k, "esc") || key_is(k, "ctrl-c") || (d->form.n == 0 && key_is(k, "q"))) {
        if (d->leave)
            d->leave(d, d->ctx);
        dialog_close(d);
        return;
    }
    if (d->text_rows > d->text_h && dialog_scroll(d, k))
        return;
    if (d->form.n == 0) {
        if (key_is(k, "enter"))
            dialog_submit(d);
        return;
    }
    enum form_result result = form_key(&d->form, k);
    if (result == FORM_SUBMIT)
        dialog_submit(d);
    else if (result == FORM_TAKEN)
        d->wrong[0] = '\0';
    if (d->open && d->fill)
        d->fill(d);
}

static void dialog_command(struct dialog *d, struct block *out) {
    struct buf command = {0};
    d->equivalent(d, &command);
    for (size_t from = 0, i = 0; i <= command.n; i++)
        if (i == command.n || command.p[i] == '\n') {
            block_line(out, 0);
            block_foreign(out, ROLE_dim, i > from ? slice_of(command.p + from, i - from) : SLICE_NULL);
            from = i + 1;
        }
    buf_fini(&command);
}

/* A block with a blank row behind it; returns the row after both. */
static int dialog_block(const struct block *b, struct canvas *c, struct rect in, int y, int h, int top) {
    int end = in.y + in.h;
    if (h > 0 && y < end)
        block_paint(b, c, (struct rect){y, in.x, h < end - y ? h : end - y, in.w}, top, 0, true);
    return y + h + (h > 0);
}

void dialog_paint(struct dialog *d, struct canvas *c) {
    struct block foot = {.words = true}, preview = {.words = true};
    int w = c->w - 4 < 92 ? c->w - 4 : 92, most = c->h - 2;
    if (d->fill)
        d->fill(d);
    if (d->equivalent)
        dialog_command(d, &foot);
    int text_h = block_rows(&d->text, c, w - 4, true), foot_h = block_rows(&foot, c, w - 4, true);
    int others = 3 + (text_h ? 1 : 0) + form_rows(&d->form) + foot_h;
    if (d->preview) {
        int rows = most - others - text_h - 1;
        d->preview(d, c, &preview, w - 4, rows > 3 ? rows : 3);
    }
    int preview_h = block_rows(&preview, c, w - 4, true);
    others += preview_h ? preview_h + 1 : 0;
    d->text_rows = text_h;
    int room = most - others;
    d->text_h = text_h = text_h <= room ? text_h : room > 3 ? room : text_h < 3 ? text_h : 3;
    d->top = d->top > d->text_rows - text_h ? d->text_rows - text_h : d->top;
    int h = others + text_h < most ? others + text_h : most;
    struct rect r = {(c->h - h) / 2, (c->w - w) / 2, h, w};
    char keys[96];
    snprintf(keys, sizeof keys, "%s%s", d->text_rows > text_h ? "PgDn more · " : "",
             d->foot ? d->foot : d->destructive ? "Enter do it · Esc leave it" : "Enter go · Esc leave");
    struct rect in = frame_panel(c, r, d->title, keys);
    c->cursor_y = c->cursor_x = -1;
    int end = in.y + in.h, y = dialog_block(&d->text, c, in, in.y, text_h, d->top);
    if (d->form.n && y < end)
        y += form_paint(&d->form, c, (struct rect){y, in.x, end - y, in.w}, true);
    if (y < end && d->wrong[0])
        canvas_put_foreign(c, y, in.x, in.w, ROLE_bad, slice_cstr(d->wrong));
    y = dialog_block(&preview, c, in, y + 1, preview_h, 0);
    dialog_block(&foot, c, in, y, foot_h, 0);
    block_fini(&preview);
    block_fini(&foot);
}
