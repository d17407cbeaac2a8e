#include "tui/ui/form.h"

struct field *form_add(struct form *f, enum field_kind kind, const char *label, const char *hint) {
    weir_assert(f->n < FORM_FIELDS);
    struct field *field = &f->fields[f->n++];
    *field = (struct field){.kind = kind, .label = label, .hint = hint, .rows = 1};
    field->edit.multiline = kind == FIELD_LINES;
    return field;
}

void form_fini(struct form *f) {
    for (int i = 0; i < f->n; i++)
        edit_fini(&f->fields[i].edit);
    f->n = 0;
}

const char *form_text(struct form *f, int i) {
    struct field *field = &f->fields[i];
    return field->kind == FIELD_CHOICE ? field->choices[field->choice] : edit_cstr(&field->edit);
}

void form_walk(struct form *f, int step) {
    for (int i = 0; i < f->n; i++) {
        f->focus = (f->focus + step + f->n) % f->n;
        if (!f->fields[f->focus].off)
            return;
    }
}

static bool choice_key(struct field *field, const struct key *k) {
    int n = 0;
    while (field->choices[n])
        n++;
    if (key_is(k, "left"))
        field->choice = (field->choice + n - 1) % n;
    else if (key_is(k, "right") || key_is(k, "space"))
        field->choice = (field->choice + 1) % n;
    else if (k->cp) { /* a first letter chooses */
        for (int i = 1; i <= n; i++)
            if ((uint32_t)field->choices[(field->choice + i) % n][0] == k->cp) {
                field->choice = (field->choice + i) % n;
                return true;
            }
        return true;
    } else
        return false;
    return true;
}

enum form_result form_key(struct form *f, const struct key *k) {
    struct field *field = &f->fields[f->focus];
    if (key_is(k, "tab") || key_is(k, "shift-tab")) {
        form_walk(f, key_is(k, "tab") ? 1 : -1);
        return FORM_TAKEN;
    }
    if (field->kind == FIELD_CHOICE ? choice_key(field, k) : edit_key(&field->edit, k))
        return FORM_TAKEN;
    if (key_is(k, "enter"))
        return FORM_SUBMIT;
    if (key_is(k, "up") || key_is(k, "down")) {
        form_walk(f, key_is(k, "down") ? 1 : -1);
        return FORM_TAKEN;
    }
    return FORM_NO;
}

static void paint_choice(const struct field *field, struct canvas *c, int y, int x, int w, bool focus) {
    for (int i = 0, at = 0; field->choices[i] && at < w; i++) {
        bool is = i == field->choice;
        int from = at;
        at += canvas_put(c, y, x + at, w - at, is ? (focus ? ROLE_tab_current : ROLE_input) : ROLE_dim, " ");
        at += canvas_put(c, y, x + at, w - at, is ? (focus ? ROLE_tab_current : ROLE_input) : ROLE_dim,
                         field->choices[i]);
        at += canvas_put(c, y, x + at, w - at, is ? (focus ? ROLE_tab_current : ROLE_input) : ROLE_dim, " ");
        if (is && !focus && c->ascii)
            canvas_put_cp(c, y, x + from, ROLE_input, '[');
        if (is && !focus && c->ascii)
            canvas_put_cp(c, y, x + at - 1, ROLE_input, ']');
    }
}

int form_rows(const struct form *f) {
    int rows = 0;
    for (int i = 0; i < f->n; i++)
        rows += f->fields[i].same_row ? 0 : f->fields[i].rows;
    return rows;
}

int form_paint(struct form *f, struct canvas *c, struct rect r, bool focus) {
    int y = r.y - 1, x = 0, last_rows = 1;
    for (int i = 0; i < f->n; i++)
        if (!f->fields[i].same_row && canvas_width(c, f->fields[i].label) > f->label_w)
            f->label_w = canvas_width(c, f->fields[i].label);
    for (int i = 0; i < f->n; i++) {
        struct field *field = &f->fields[i];
        bool has = focus && i == f->focus;
        int label_w = canvas_width(c, field->label);
        if (!field->same_row) {
            y += i == 0 ? 1 : last_rows;
            last_rows = field->rows;
            x = r.x + f->label_w - label_w;
        } else {
            x += 2;
        }
        if (y >= r.y + r.h)
            break;
        canvas_put(c, y, x, r.x + r.w - x, field->off ? ROLE_hint_off : has ? ROLE_accent : ROLE_dim, field->label);
        x += label_w + 1;
        int w = r.x + r.w - x;
        if (field->width && field->width < w)
            w = field->width;
        if (w <= 0)
            continue;
        int rows = y + field->rows > r.y + r.h ? r.y + r.h - y : field->rows;
        if (field->kind == FIELD_CHOICE) {
            paint_choice(field, c, y, x, w, has);
        } else {
            edit_paint(&field->edit, c, (struct rect){y, x, rows, w}, field->off ? ROLE_hint_off : ROLE_input, has);
            if (field->edit.text.n == 0 && field->hint)
                canvas_put(c, y, x + (has ? 1 : 0), w - 1, ROLE_placeholder, field->hint);
        }
        x += w;
    }
    return y - r.y + last_rows;
}
