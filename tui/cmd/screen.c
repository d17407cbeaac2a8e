/* Where a key goes: dialog, columns, prompt, page, typing view, key map - in this order. */
#include "tui/cmd/command.h"

#include <stddef.h>
#include <stdio.h>

#define SMALLEST_W 40
#define SMALLEST_H 10

static bool run_from_view(struct ui *u, const char *line) {
    return screen_run((struct screen *)(void *)((char *)u - offsetof(struct screen, ui)), line);
}

void screen_init(struct screen *s, struct client *client, const char *address, const struct screen_hooks *hooks) {
    *s = (struct screen){0};
    if (hooks)
        s->hooks = *hooks;
    ui_init(&s->ui, client, address);
    s->ui.run = run_from_view;
    s->ui.key_label = command_label;
}

void screen_fini(struct screen *s) {
    ui_fini(&s->ui);
    prompt_fini(&s->prompt);
    block_fini(&s->page);
}

void screen_page(struct screen *s, const char *title) {
    block_clear(&s->page);
    s->page.words = true;
    snprintf(s->page_title, sizeof s->page_title, "%s", title);
    s->page_open = true;
    s->page_top = 0;
    s->ui.dirty = true;
}

bool screen_run(struct screen *s, const char *line) {
    line += strspn(line, " ");
    size_t n = strcspn(line, " ");
    if (n == 0)
        return true;
    const struct command *c = command_named(line, n);
    if (!c) {
        ui_say(&s->ui, ROLE_bad, "no command is called %.*s; ? shows them", (int)n, line);
        return false;
    }
    const char *arg = line + n + strspn(line + n, " ");
    char copy[512];
    snprintf(copy, sizeof copy, "%s", arg);
    for (size_t end = strlen(copy); end > 0 && copy[end - 1] == ' '; end--)
        copy[end - 1] = '\0';
    if (!(c->views & (1u << ui_view(&s->ui)->id)) && c->function == cmd_verb) {
        ui_say(&s->ui, ROLE_bad, "%s does not apply here", c->name);
        return false;
    }
    bool done = command_run(s, c, copy);
    if (!done && !s->ui.message[0])
        ui_say(&s->ui, ROLE_warn, "%s has nothing to act on here now", c->name);
    return done;
}

static void filter_typed(struct screen *s, enum prompt_result result) {
    struct table *t = ui_table(&s->ui);
    const char *text = result == PROMPT_CANCELLED ? s->typed_filter : edit_cstr(&s->prompt.edit);
    if (t)
        table_set_filter(t, text);
    else if (result == PROMPT_DONE)
        ui_verb(&s->ui, VERB_FILTER, text);
    else if (result == PROMPT_CHANGED)
        ui_verb(&s->ui, VERB_FILTERING, text);
    ui_refilter(&s->ui);
}

static void prompt_keyed(struct screen *s, const struct key *k) {
    enum prompt_result result = prompt_key(&s->prompt, k);
    s->ui.dirty = true;
    if (s->prompt.kind == '/') {
        if (result != PROMPT_TAKEN)
            filter_typed(s, result);
    } else if (result == PROMPT_DONE) {
        char line[1024];
        snprintf(line, sizeof line, "%s", edit_cstr(&s->prompt.edit));
        screen_run(s, line);
    }
}

static void page_keyed(struct screen *s, const struct key *k) {
    static const struct { const char *key; int by; } moves[] = {
        {"j", 1}, {"down", 1}, {"k", -1}, {"up", -1}, {"pgdn", 20}, {"space", 20}, {"pgup", -20}, {"g", -100000},
        {"home", -100000}, {"G", 100000}, {"end", 100000},
    };
    s->ui.dirty = true;
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (key_is(k, moves[i].key)) {
            s->page_top += moves[i].by;
            return;
        }
    s->page_open = false;
}

static void columns_keyed(struct screen *s, const struct key *k) {
    struct table *t = ui_table(&s->ui);
    s->ui.dirty = true;
    if (!t)
        s->columns.open = false;
    else if (columns_key(&s->columns, t, k) == COLUMNS_KEPT)
        ui_remember_columns(&s->ui, t);
}

/* What cannot be seen must not be acted on.  The way out works: a question before it is shown in place of the
 * dialog, and the same key once more takes the dialog's first answer. */
static void small_keyed(struct screen *s, const struct key *k) {
    const struct command *c = command_of_key(s, k->name);
    struct key answer;
    if (!c || !(c->function == cmd_exit || c->function == cmd_suspend || c->function == cmd_redraw))
        return;
    bool asked = leaving_is_asked(s);
    s->ui.dirty = true;
    if (c->function == cmd_exit && s->ui.dialog.open && key_of(&answer, asked ? "enter" : "esc"))
        dialog_key(&s->ui.dialog, &answer);
    if (c->function != cmd_exit || !asked)
        command_run(s, c, "");
}

void screen_key(struct screen *s, const struct key *k) {
    struct view *v = ui_view(&s->ui);
    struct key end;
    if (s->too_small) {
        small_keyed(s, k);
        return;
    }
    bool to_view = !s->ui.dialog.open && !s->prompt.open && !s->page_open && !s->columns.open;
    /* Not bound to anything: it was Esc and a key in one breath. */
    if (strncmp(k->name, "alt-", 4) == 0 && !(to_view && command_of_key(s, k->name))) {
        struct key esc, second;
        if (key_of(&esc, "esc") && key_of(&second, k->name + 4)) {
            screen_key(s, &esc);
            screen_key(s, &second);
        }
        return;
    }
    /* To the end of the line, as shells have it; in the produce form it is the editor's. */
    if (key_is(k, "ctrl-e") && (s->ui.dialog.open || s->prompt.open) && key_of(&end, "end"))
        k = &end;
    if (s->ui.message[0]) {
        s->ui.message[0] = '\0';
        s->ui.dirty = true;
    }
    if (s->ui.dialog.open) {
        dialog_key(&s->ui.dialog, k);
        s->ui.dirty = true;
    } else if (s->columns.open) {
        columns_keyed(s, k);
    } else if (s->prompt.open) {
        prompt_keyed(s, k);
    } else if (s->page_open) {
        page_keyed(s, k);
    } else if (!v->ops->key || !v->ops->key(v, &s->ui, k)) {
        const struct command *c = command_of_key(s, k->name);
        if (c)
            command_run(s, c, "");
    }
}

static void paint_page(struct screen *s, struct canvas *c) {
    int w = c->w - 2 < 100 ? c->w - 2 : 100, rows = block_rows(&s->page, c, w - 4, true);
    int h = rows + 2 < c->h - 3 ? rows + 2 : c->h - 3;
    if (h < 3)
        return;
    struct rect in = frame_panel(c, (struct rect){2 + (c->h - 3 - h) / 3, (c->w - w) / 2, h, w}, s->page_title,
                                 rows > h - 2 ? "j k scroll · Esc close" : "Esc close");
    if (s->page_top > rows - in.h)
        s->page_top = rows - in.h;
    if (s->page_top < 0)
        s->page_top = 0;
    block_paint(&s->page, c, in, s->page_top, 0, true);
}

/* Below this a dialog would not show the field that is typed into. */
static void paint_too_small(struct screen *s, struct canvas *c) {
    struct block b = {.words = true};
    struct rect r = {0, 0, c->h, c->w};
    bool asked = leaving_is_asked(s);
    char key[24];
    canvas_clear(c);
    block_printf(&b, ROLE_warn, "too small: weir needs %dx%d, this is %dx%d", SMALLEST_W, SMALLEST_H, c->w, c->h);
    block_line(&b, 0);
    block_printf(&b, ROLE_text, asked ? "%s again leaves weir" : "%s leaves weir", ui_key(&s->ui, "exit", key));
    int used = block_paint(&b, c, r, 0, 0, true);
    if (asked && used < c->h)
        block_paint(&s->ui.dialog.text, c, (struct rect){used, 0, c->h - used, c->w}, 0, 0, true);
    block_fini(&b);
}

static void paint_all(struct screen *s, struct canvas *c) {
    struct frame_hint hints[32];
    ui_paint(&s->ui, c);
    struct table *t = ui_table(&s->ui);
    bool arranges = s->columns.open && t && !s->ui.dialog.open;
    int n = arranges ? columns_hints(hints, 32) : command_hints(s, hints, 32);
    frame_hints(c, c->h - 1, hints, n);
    if (arranges)
        columns_paint(&s->columns, t, c, (struct rect){2, 0, c->h - 3, c->w});
    if (s->page_open)
        paint_page(s, c);
    if (s->ui.dialog.open)
        dialog_paint(&s->ui.dialog, c);
    if (s->prompt.open)
        prompt_paint(&s->prompt, c, c->h - 1, 2);
}

void screen_paint(struct screen *s, struct canvas *c) {
    s->too_small = c->w < SMALLEST_W || c->h < SMALLEST_H;
    if (s->too_small)
        paint_too_small(s, c);
    else
        paint_all(s, c);
    s->ui.dirty = false;
}
