/* Where a tail begins and which partitions it reads: commands, and the form that
 * asks for both. */
#include "tui/views/tail_view.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define LAST_N 200

enum { F_FROM, F_VALUE, F_ONLY };
static const char *const from_words[] = {"last", "beginning", "end", "offset", "time", NULL};
static const enum tail_from from_kinds[] = {TAIL_LAST_N, TAIL_BEGINNING, TAIL_END, TAIL_OFFSET, TAIL_TIME};

void tail_view_from_default(struct tail_view *me) {
    me->start = (struct tail_start){.from = TAIL_LAST_N, .value = LAST_N};
    snprintf(me->start.text, sizeof me->start.text, "last %d", LAST_N);
}

void tail_view_from_offset(struct tail_view *me, int64_t offset) {
    me->start = (struct tail_start){.from = TAIL_OFFSET, .value = offset};
    snprintf(me->start.text, sizeof me->start.text, "offset %" PRId64, offset);
}

/* "last 10", "time 10m ago" and the like.  NULL, or what it should have been. */
static const char *from_parse(struct tail_start *out, const char *arg, int64_t now_ms) {
    char word[16] = "";
    int64_t n = -1;
    int got = sscanf(arg, "%15s %" SCNd64, word, &n);
    if (got >= 1 && strcmp(word, "beginning") == 0)
        out->from = TAIL_BEGINNING;
    else if (got >= 1 && strcmp(word, "end") == 0)
        out->from = TAIL_END;
    else if (got >= 1 && strcmp(word, "offset") == 0 && (got < 2 || n < 0))
        return "an offset is a number from 0";
    else if (got == 2 && strcmp(word, "offset") == 0)
        out->from = TAIL_OFFSET;
    else if (got >= 1 && strcmp(word, "last") == 0 && (got < 2 || n <= 0))
        return "last N: a number of records of each partition, from 1";
    else if (got == 2 && strcmp(word, "last") == 0)
        out->from = TAIL_LAST_N;
    else if (strncmp(arg, "time ", 5) == 0) {
        char text[64];
        int64_t ms;
        size_t len = strlen(arg + 5);
        snprintf(text, sizeof text, "%.63s", arg + 5);
        if (len > 4 && len < sizeof text && strcmp(text + len - 4, " ago") == 0)
            text[len - 4] = '\0';
        if (text_time(text, now_ms, &ms))
            n = ms;
        else if (got < 2 || strspn(arg + 5, "0123456789") != len)
            return "a time is 10m ago, 2024-05-31T12:00:00 (with Z: UTC), or milliseconds";
        out->from = TAIL_TIME;
    } else
        return "from beginning, end, offset N, last N, or time 2024-05-31T12:00:00 (or 10m ago, or milliseconds)";
    out->value = n;
    snprintf(out->text, sizeof out->text, "%.60s", arg);
    return NULL;
}

/* "0,3,7" or "all".  False: it is neither. */
static bool only_parse(struct tail_view *me, const char *arg) {
    int32_t chosen[TAIL_PARTITIONS];
    size_t n = 0;
    for (const char *p = arg; *arg && strcmp(arg, "all") != 0;) {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p || v < 0 || v > INT32_MAX || n == TAIL_PARTITIONS || (*end && *end != ','))
            return false;
        chosen[n++] = (int32_t)v;
        if (!*end)
            break;
        p = end + 1 + strspn(end + 1, " ");
    }
    if (n > 0)
        memcpy(me->partitions, chosen, n * sizeof *chosen);
    me->n_partitions = n;
    return true;
}

bool tail_view_set_only(struct tail_view *me, struct ui *u, const char *arg) {
    if (*arg && only_parse(me, arg))
        tail_view_start(me, u);
    else
        ui_say(u, ROLE_bad, "only N,N,... (up to %d partitions), or only all", TAIL_PARTITIONS);
    return true;
}

/* ---- the form ---- */

static bool from_submit(struct dialog *d, void *ctx) {
    struct ui *u = ctx;
    struct tail_view *me = (struct tail_view *)u->stack[VIEW_tail][0];
    int kind = d->form.fields[F_FROM].choice;
    bool bare = from_kinds[kind] == TAIL_BEGINNING || from_kinds[kind] == TAIL_END;
    char text[128];
    snprintf(text, sizeof text, "%s%s%.100s", from_words[kind], bare ? "" : " ",
             bare ? "" : form_text(&d->form, F_VALUE));
    struct tail_start start;
    const char *wrong = from_parse(&start, text, u->wall_ms);
    d->form.focus = F_VALUE;
    if (!wrong && !only_parse(me, form_text(&d->form, F_ONLY))) {
        wrong = "partitions are numbers with commas between them, 64 at most, or all";
        d->form.focus = F_ONLY;
    }
    if (wrong) {
        snprintf(d->wrong, sizeof d->wrong, "%s", wrong);
        return false;
    }
    me->start = start;
    tail_view_start(me, u);
    return true;
}

/* What the tail that is open began with, where it began that way. */
static struct slice from_value(const struct ui *u, enum tail_from from) {
    const struct tail_view *me = (const struct tail_view *)u->stack[VIEW_tail][0];
    const char *value = me->start.from == from ? strchr(me->start.text, ' ') : NULL;
    return slice_cstr(value ? value + 1 : "");
}

/* The second field means what the first one says. */
static void from_fill(struct dialog *d) {
    static const char *const labels[] = {"Records", "", "", "Offset", "Since"};
    static const char *const hints[] = {"of each partition", "", "", "of each partition", "10m ago, 2024-05-31T12:00"};
    struct field *field = &d->form.fields[F_VALUE];
    int kind = d->form.fields[F_FROM].choice;
    if (kind != d->number) /* 200 records are no offset and no time */
        edit_set(&field->edit, from_value(d->ctx, from_kinds[kind]));
    d->number = kind;
    field->off = from_kinds[kind] == TAIL_BEGINNING || from_kinds[kind] == TAIL_END;
    field->label = labels[kind];
    field->hint = hints[kind];
}

static void from_ask(struct tail_view *me, struct ui *u) {
    struct dialog *d = &u->dialog;
    struct buf text = {0};
    dialog_open(d, "Read from", slice_cstr(me->topic));
    struct field *field = form_add(&d->form, FIELD_CHOICE, "From", NULL);
    field->choices = from_words;
    for (int i = 0; from_words[i]; i++)
        if (from_kinds[i] == me->start.from)
            field->choice = i;
    form_add(&d->form, FIELD_TEXT, "", NULL)->width = 36;
    form_add(&d->form, FIELD_TEXT, "Partitions", "all, or 0,3,7")->width = 36;
    edit_set(&d->form.fields[F_VALUE].edit, from_value(u, me->start.from));
    d->number = field->choice;
    for (size_t i = 0; i < me->n_partitions; i++)
        buf_printf(&text, "%s%" PRId32, i ? "," : "", me->partitions[i]);
    edit_set(&d->form.fields[F_ONLY].edit, buf_slice(&text));
    buf_fini(&text);
    d->fill = from_fill;
    d->submit = from_submit;
    d->ctx = u;
    from_fill(d);
}

bool tail_view_set_from(struct tail_view *me, struct ui *u, const char *arg) {
    if (!*arg && me->topic[0]) {
        from_ask(me, u);
        return true;
    }
    struct tail_start start;
    const char *wrong = from_parse(&start, arg, u->wall_ms);
    if (wrong)
        return ui_say(u, ROLE_bad, "%s", wrong), true;
    me->start = start;
    tail_view_start(me, u);
    return true;
}
