/* The dialogs that change a cluster: each shows the command of Kafka's own tools
 * that does the same; what cannot be undone wants the name typed. */
#include "tui/views/view.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct ui *dialog_ui(struct dialog *d) { return d->ctx; }

static void put_tool(struct dialog *d, struct buf *out, const char *tool) {
    struct ui *u = dialog_ui(d);
    buf_printf(out, "%s --bootstrap-server ", tool);
    text_shell_word(out, u->snap->address.n ? u->snap->address : slice_cstr(u->address));
}

static void put_option(struct buf *out, const char *option, struct slice value) {
    buf_printf(out, " %s ", option);
    text_shell_word(out, value);
}

/* NAME=VALUE, or the name alone, as one word: both may come from the cluster. */
static void put_config(struct buf *out, const char *option, const char *name, const char *value) {
    struct buf pair = {0};
    buf_puts(&pair, name);
    if (value)
        buf_printf(&pair, "=%s", value);
    put_option(out, option, buf_slice(&pair));
    buf_fini(&pair);
}

static struct dialog *begin(struct ui *u, const char *title, struct slice subject) {
    struct dialog *d = &u->dialog;
    dialog_open(d, title, subject);
    d->ctx = u;
    u->dirty = true;
    return d;
}

static bool number_in(struct dialog *d, int field, int64_t if_empty, int64_t min, int64_t *out) {
    const char *text = form_text(&d->form, field);
    char *end;
    *out = if_empty;
    if (!*text)
        return true;
    *out = strtoll(text, &end, 10);
    if (*end == '\0' && *out >= min)
        return true;
    snprintf(d->wrong, sizeof d->wrong, "%s is a number from %" PRId64, d->form.fields[field].label, min);
    d->form.focus = field;
    return false;
}

static char *subject_name(const struct dialog *d) { return mem_strndup(d->subject); }

static bool act(struct dialog *d, struct client_action *a, const char *doing) {
    struct ui *u = dialog_ui(d);
    char *name = a->name ? NULL : subject_name(d);
    char shown[120];
    if (name)
        a->name = name;
    client_act(u->client, a);
    ui_say(u, ROLE_text, "%s %s …", doing, text_safe(slice_cstr(a->name), shown, sizeof shown));
    free(name);
    return true;
}

/* ---- new topic ---- */

enum { N_NAME, N_PARTITIONS, N_REPLICATION, N_CONFIGS };
#define CONFIGS_MAX 16

/* "a=b, c=d,e" in place: two, the second with a list.  How many; -1: *wrong is no NAME=VALUE, or one too many. */
static int configs_parse(char *text, struct client_property *out, const char **wrong) {
    char between = '\0';
    int n = 0;
    for (char *from = text, *p; *(p = from + strspn(from, ", ")); ) {
        char *end = p + strcspn(p, ", "), *equal = memchr(p, '=', (size_t)(end - p));
        bool goes_on = !equal && n > 0 && p == from && between == ',';
        between = *end;
        *end = '\0';
        from = between ? end + 1 : end;
        if (goes_on) {
            p[-1] = ',';
            continue;
        }
        if (!equal || n == CONFIGS_MAX) {
            *wrong = p;
            return -1;
        }
        *equal = '\0';
        out[n++] = (struct client_property){p, equal + 1};
    }
    return n;
}

static void new_topic_equivalent(struct dialog *d, struct buf *out) {
    struct client_property configs[CONFIGS_MAX];
    const char *wrong;
    char *text = mem_strdup(form_text(&d->form, N_CONFIGS));
    int n = configs_parse(text, configs, &wrong);
    put_tool(d, out, "kafka-topics.sh");
    put_option(out, "--create --topic", slice_cstr(form_text(&d->form, N_NAME)));
    if (*form_text(&d->form, N_PARTITIONS))
        put_option(out, "--partitions", slice_cstr(form_text(&d->form, N_PARTITIONS)));
    if (*form_text(&d->form, N_REPLICATION))
        put_option(out, "--replication-factor", slice_cstr(form_text(&d->form, N_REPLICATION)));
    for (int i = 0; i < n; i++)
        put_config(out, "--config", configs[i].name, configs[i].value);
    free(text);
}

static bool new_topic_submit(struct dialog *d, void *ctx) {
    struct client_property configs[CONFIGS_MAX];
    struct client_action a;
    int64_t partitions, replication;
    (void)ctx;
    if (!*form_text(&d->form, N_NAME)) {
        snprintf(d->wrong, sizeof d->wrong, "the topic wants a name");
        d->form.focus = N_NAME;
        return false;
    }
    if (!number_in(d, N_PARTITIONS, -1, 1, &partitions) || !number_in(d, N_REPLICATION, -1, 1, &replication))
        return false;
    char *name = mem_strdup(form_text(&d->form, N_NAME)), *text = mem_strdup(form_text(&d->form, N_CONFIGS));
    const char *wrong;
    int n = configs_parse(text, configs, &wrong);
    if (n < 0) {
        snprintf(d->wrong, sizeof d->wrong, "Configs: %.80s is not one of up to %d NAME=VALUE", wrong, CONFIGS_MAX);
        d->form.focus = N_CONFIGS;
    } else {
        a = (struct client_action){.kind = ACTION_CREATE_TOPIC, .name = name, .partitions = (int32_t)partitions,
                                   .replication = (int32_t)replication, .configs = configs, .n_configs = (size_t)n};
        act(d, &a, "creating");
    }
    free(name);
    free(text);
    return n >= 0;
}

void dialog_new_topic(struct ui *u, struct slice name) {
    struct dialog *d = begin(u, "New topic", SLICE_NULL);
    edit_set(&form_add(&d->form, FIELD_TEXT, "Name", NULL)->edit, name);
    form_add(&d->form, FIELD_TEXT, "Partitions", "the broker's default")->width = 24;
    form_add(&d->form, FIELD_TEXT, "Replication", "the broker's default")->width = 24;
    form_add(&d->form, FIELD_TEXT, "Configs", "retention.ms=86400000, cleanup.policy=delete");
    d->equivalent = new_topic_equivalent;
    d->submit = new_topic_submit;
}

/* ---- delete topic ---- */

static void delete_topic_equivalent(struct dialog *d, struct buf *out) {
    put_tool(d, out, "kafka-topics.sh");
    put_option(out, "--delete --topic", d->subject);
}

static bool delete_topic_submit(struct dialog *d, void *ctx) {
    (void)ctx;
    return act(d, &(struct client_action){.kind = ACTION_DELETE_TOPIC}, "deleting");
}

void dialog_delete_topic(struct ui *u, struct slice name) {
    struct dialog *d = begin(u, "Delete topic", name);
    const struct model_topic *t = snapshot_topic(u->snap, name);
    char number[FORMAT_SIZE], size[FORMAT_SIZE];
    block_line(&d->text, 0);
    block_own(&d->text, ROLE_text, "Deletes ");
    block_foreign(&d->text, ROLE_bright, name);
    block_own(&d->text, ROLE_text, " with all its records, for everyone. This cannot be undone.");
    if (t && t->messages.state == VALUE_KNOWN) {
        block_line(&d->text, 0);
        block_printf(&d->text, ROLE_dim, "%s message%s%s%s in %d partition%s", fmt_group(number, t->messages.v),
                     t->messages.v == 1 ? "" : "s", t->bytes.state == VALUE_KNOWN ? ", " : "",
                     t->bytes.state == VALUE_KNOWN ? fmt_bytes(size, t->bytes.v, false) : "", t->n_partitions,
                     t->n_partitions == 1 ? "" : "s");
        if (t->groups.state == VALUE_KNOWN && t->groups.v > 0)
            block_printf(&d->text, ROLE_warn, " · read by %s group%s", fmt_group(number, t->groups.v),
                         t->groups.v == 1 ? "" : "s");
    }
    dialog_require(d, "Type its name", name);
    d->equivalent = delete_topic_equivalent;
    d->submit = delete_topic_submit;
}

/* ---- add partitions ---- */

static void partitions_equivalent(struct dialog *d, struct buf *out) {
    put_tool(d, out, "kafka-topics.sh");
    put_option(out, "--alter --topic", d->subject);
    put_option(out, "--partitions", slice_cstr(form_text(&d->form, 0)));
}

static bool partitions_submit(struct dialog *d, void *ctx) {
    int64_t n;
    (void)ctx;
    if (!number_in(d, 0, 0, d->number + 1, &n) || n == 0)
        return false;
    return act(d, &(struct client_action){.kind = ACTION_ADD_PARTITIONS, .partitions = (int32_t)n},
               "adding partitions to");
}

void dialog_add_partitions(struct ui *u, const struct model_topic *t) {
    struct dialog *d = begin(u, "Add partitions", t->name);
    d->number = t->n_partitions;
    block_line(&d->text, 0);
    block_foreign(&d->text, ROLE_bright, t->name);
    block_printf(&d->text, ROLE_text,
                 " has %" PRId32 ". Keys will be spread anew; partitions cannot be taken away again.", t->n_partitions);
    form_add(&d->form, FIELD_TEXT, "Partitions then", NULL)->width = 12;
    d->equivalent = partitions_equivalent;
    d->submit = partitions_submit;
}

/* ---- config ---- */

static void config_equivalent(struct dialog *d, struct buf *out) {
    bool back = d->form.fields[2].choice == 1;
    put_tool(d, out, "kafka-configs.sh");
    put_option(out, "--alter --entity-type topics --entity-name", d->subject);
    put_config(out, back ? "--delete-config" : "--add-config", form_text(&d->form, 0),
               back ? NULL : form_text(&d->form, 1));
}

static bool config_submit(struct dialog *d, void *ctx) {
    char *name = mem_strdup(form_text(&d->form, 0)), *value = mem_strdup(form_text(&d->form, 1));
    struct client_property p = {name, d->form.fields[2].choice == 1 ? NULL : value};
    bool done = *name != '\0';
    (void)ctx;
    if (done)
        act(d, &(struct client_action){.kind = ACTION_ALTER_CONFIG, .configs = &p, .n_configs = 1}, "configuring");
    else
        snprintf(d->wrong, sizeof d->wrong, "which config?");
    free(name);
    free(value);
    return done;
}

void dialog_set_config(struct ui *u, struct slice topic, const char *name, const char *value, struct slice doc) {
    static const char *const choices[] = {"set", "back to default", NULL};
    struct dialog *d = begin(u, "Change a config", topic);
    if (doc.n)
        block_foreign(&d->text, ROLE_dim, doc);
    edit_set(&form_add(&d->form, FIELD_TEXT, "Name", NULL)->edit, slice_cstr(name));
    edit_set(&form_add(&d->form, FIELD_TEXT, "Value", NULL)->edit, slice_cstr(value));
    form_add(&d->form, FIELD_CHOICE, "Do", NULL)->choices = choices;
    d->form.focus = *name ? 1 : 0;
    d->equivalent = config_equivalent;
    d->submit = config_submit;
}

/* ---- delete records ---- */

static void truncate_equivalent(struct dialog *d, struct buf *out) {
    put_tool(d, out, "kafka-delete-records.sh");
    buf_puts(out, " --offset-json-file FILE   # every partition to its end");
}

static bool truncate_submit(struct dialog *d, void *ctx) {
    const struct model_topic *t = snapshot_topic(((struct ui *)ctx)->snap, d->subject);
    if (!t) {
        snprintf(d->wrong, sizeof d->wrong, "the topic is gone");
        return false;
    }
    char *name = subject_name(d);
    struct client_offset *offsets = mem_zalloc((size_t)(t->n_partitions + 1) * sizeof *offsets);
    size_t n = 0;
    for (int32_t i = 0; i < t->n_partitions; i++)
        if (t->partitions[i].end.state == VALUE_KNOWN)
            offsets[n++] = (struct client_offset){name, t->partitions[i].index, t->partitions[i].end.v};
    act(d, &(struct client_action){.kind = ACTION_DELETE_RECORDS, .offsets = offsets, .n_offsets = n}, "emptying");
    free(offsets);
    free(name);
    return true;
}

void dialog_delete_records(struct ui *u, const struct model_topic *t) {
    struct dialog *d = begin(u, "Delete records", t->name);
    char number[FORMAT_SIZE];
    block_line(&d->text, 0);
    block_own(&d->text, ROLE_text, "Deletes all records of ");
    block_foreign(&d->text, ROLE_bright, t->name);
    if (t->messages.state == VALUE_KNOWN)
        block_printf(&d->text, ROLE_text, ", %s messages", fmt_group(number, t->messages.v));
    block_own(&d->text, ROLE_text, ", up to the ends seen now. This cannot be undone.");
    dialog_require(d, "Type its name", t->name);
    d->equivalent = truncate_equivalent;
    d->submit = truncate_submit;
}

/* ---- groups ---- */

static void delete_group_equivalent(struct dialog *d, struct buf *out) {
    put_tool(d, out, "kafka-consumer-groups.sh");
    put_option(out, "--delete --group", d->subject);
}

static bool delete_group_submit(struct dialog *d, void *ctx) {
    (void)ctx;
    return act(d, &(struct client_action){.kind = ACTION_DELETE_GROUP}, "deleting");
}

void dialog_delete_group(struct ui *u, struct slice id) {
    struct dialog *d = begin(u, "Delete group", id);
    block_line(&d->text, 0);
    block_own(&d->text, ROLE_text, "Deletes the group ");
    block_foreign(&d->text, ROLE_bright, id);
    block_own(&d->text, ROLE_text, " and all its offsets. It must have no members. This cannot be undone.");
    dialog_require(d, "Type its name", id);
    d->equivalent = delete_group_equivalent;
    d->submit = delete_group_submit;
}

enum { R_TO, R_VALUE, R_TOPIC };
enum { TO_EARLIEST, TO_LATEST, TO_OFFSET, TO_SHIFT, TO_TIME };
static const char *const reset_choices[] = {"earliest", "latest", "offset", "shift", "time", NULL};

void time_search_fini(struct time_search *s) {
    for (size_t i = 0; i < s->n_places; i++)
        free(s->places[i].topic);
    free(s->places);
    *s = (struct time_search){0};
}

/* Asks for the time that stands in the form, once per text; false: it is no time, or not here yet. */
static bool time_find(struct dialog *d, const struct model_group *g) {
    struct ui *u = dialog_ui(d);
    struct time_search *s = &u->by_time;
    const char *text = form_text(&d->form, R_VALUE);
    int64_t ms;
    if (strcmp(s->text, text) == 0 && *text)
        return s->here;
    time_search_fini(s);
    if (!text_time(text, u->wall_ms, &ms) || strlen(text) >= sizeof s->text)
        return false;
    snprintf(s->text, sizeof s->text, "%s", text);
    s->ms = ms;
    struct client_offset *v = mem_zalloc((size_t)(g->rows.n + 1) * sizeof *v);
    struct client_action a = {.kind = ACTION_OFFSETS_AT_TIME, .offsets = v};
    for (int32_t i = 0; i < g->rows.n; i++)
        if (g->rows.v[i].end >= 0)
            v[a.n_offsets++] =
                (struct client_offset){mem_strndup(g->rows.v[i].topic), g->rows.v[i].partition, ms};
    char *name = subject_name(d);
    a.name = name;
    s->id = a.n_offsets > 0 ? client_act(u->client, &a) : 0;
    for (size_t i = 0; i < a.n_offsets; i++)
        free((void *)(uintptr_t)v[i].topic);
    free(v);
    free(name);
    return false;
}

bool dialog_event(struct ui *u, const struct client_event *e) {
    struct time_search *s = &u->by_time;
    if (e->kind != EVENT_ACTION || s->id == 0 || e->id != s->id)
        return false;
    s->here = e->ok;
    if (!e->ok)
        snprintf(s->why, sizeof s->why, "%s", e->text ? e->text : "the offsets of that time could not be read");
    s->places = mem_zalloc((e->n_places + 1) * sizeof *s->places);
    for (size_t i = 0; i < e->n_places; i++)
        s->places[s->n_places++] = (struct client_place){mem_strdup(e->places[i].topic), e->places[i].partition,
                                                         e->places[i].offset};
    return true;
}

/* No record that late: the end, as Kafka's own tool does. */
static int64_t time_target(const struct time_search *s, const struct model_lag *row) {
    const struct client_place *p =
        s->here ? client_place_find(s->places, s->n_places, row->topic, row->partition) : NULL;
    return !p ? -1 : p->offset < 0 ? row->end : p->offset;
}

static int64_t reset_target(const struct dialog *d, const struct model_lag *row, int to, int64_t value) {
    int64_t at = -1;
    if (row->start < 0 || row->end < 0)
        return -1;
    switch (to) {
    case TO_EARLIEST: at = row->start; break;
    case TO_LATEST: at = row->end; break;
    case TO_OFFSET: at = value; break;
    case TO_SHIFT:
        if (row->committed < 0)
            return -1;
        at = row->committed + value;
        break;
    default:
        at = time_target(&((struct ui *)d->ctx)->by_time, row);
        if (at < 0)
            return -1;
    }
    return at < row->start ? row->start : at > row->end ? row->end : at;
}

static bool reset_takes(struct dialog *d, const struct model_lag *row) {
    const char *topic = form_text(&d->form, R_TOPIC);
    return !*topic || slice_is(row->topic, topic);
}

/* As Kafka's tools read a time, in UTC. */
static const char *time_word(int64_t ms, char out[FORMAT_SIZE]) {
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    size_t n = strftime(out, FORMAT_SIZE, "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
    snprintf(out + n, FORMAT_SIZE - n, ".%03dZ", (int)(ms % 1000 < 0 ? 0 : ms % 1000));
    return out;
}

/* ---- what a reset would commit, as a table ---- */

struct preview_row { struct slice topic; char partition[FORMAT_SIZE], from[FORMAT_SIZE], to[FORMAT_SIZE],
    after[FORMAT_SIZE]; bool stays; };
#define PREVIEW_MAX 64

static void preview_cell(struct block *b, enum role role, int w, const char *text) {
    block_printf(b, ROLE_text, "%*s", w - (int)strlen(text), "");
    block_own(b, role, text);
}

/* A name in exactly w columns, cut in the middle. */
static void preview_name(struct block *b, const struct canvas *c, struct slice name, int w) {
    int shown = canvas_foreign_width(c, name, 1000);
    if (shown > w && w > 4) {
        size_t head = canvas_foreign_fit(c, name, (w - 1) / 2), tail = head;
        int head_w = canvas_foreign_width(c, slice_of(name.p, head), w);
        while (tail < name.n && ((name.p[tail] & 0xc0) == 0x80 ||
                                 canvas_foreign_width(c, slice_of(name.p + tail, name.n - tail), w) > w - 1 - head_w))
            tail++;
        block_foreign(b, ROLE_bright, slice_of(name.p, head));
        block_own(b, ROLE_dim, "…");
        block_foreign(b, ROLE_bright, slice_of(name.p + tail, name.n - tail));
        shown = head_w + 1 + canvas_foreign_width(c, slice_of(name.p + tail, name.n - tail), w);
    } else {
        block_foreign(b, ROLE_bright, name);
    }
    block_printf(b, ROLE_text, "%*s", shown < w ? w - shown : 0, "");
}

static void preview_fill(struct preview_row *p, const struct model_lag *row, int64_t at) {
    *p = (struct preview_row){.topic = row->topic, .stays = at < 0};
    snprintf(p->partition, sizeof p->partition, "%" PRId32, row->partition);
    if (row->committed < 0)
        snprintf(p->from, sizeof p->from, "none");
    else
        fmt_group(p->from, row->committed);
    if (at < 0) {
        snprintf(p->to, sizeof p->to, "stays");
        snprintf(p->after, sizeof p->after, "-");
        return;
    }
    fmt_group(p->to, at);
    fmt_group(p->after, row->end - at);
}

static void preview_table(struct block *b, const struct canvas *c, const struct preview_row *rows, int n, int w) {
    static const char *const titles[4] = {"P", "FROM", "TO", "LAG THEN"};
    int widths[4], name_w = 5, used = 0;
    for (int k = 0; k < 4; k++) {
        widths[k] = (int)strlen(titles[k]);
        for (int i = 0; i < n; i++) {
            const char *const cells[4] = {rows[i].partition, rows[i].from, rows[i].to, rows[i].after};
            widths[k] = (int)strlen(cells[k]) > widths[k] ? (int)strlen(cells[k]) : widths[k];
        }
        used += widths[k] + 2;
    }
    for (int i = 0; i < n; i++) {
        int wide = canvas_foreign_width(c, rows[i].topic, 1000);
        name_w = wide > name_w ? wide : name_w;
    }
    name_w = name_w < w - used ? name_w : w - used > 5 ? w - used : 5;
    block_line(b, 0);
    block_printf(b, ROLE_header, "%-*s", name_w, "TOPIC");
    for (int k = 0; k < 4; k++)
        preview_cell(b, ROLE_header, widths[k] + 2, titles[k]);
    for (int i = 0; i < n; i++) {
        bool again = i > 0 && slice_eq(rows[i].topic, rows[i - 1].topic);
        enum role role = rows[i].stays ? ROLE_zero : ROLE_number;
        block_line(b, 0);
        preview_name(b, c, again ? SLICE("") : rows[i].topic, name_w);
        preview_cell(b, ROLE_number, widths[0] + 2, rows[i].partition);
        preview_cell(b, ROLE_dim, widths[1] + 2, rows[i].from);
        preview_cell(b, role, widths[2] + 2, rows[i].to);
        preview_cell(b, strcmp(rows[i].after, "0") == 0 ? ROLE_zero : role, widths[3] + 2, rows[i].after);
    }
}

static void reset_preview(struct dialog *d, const struct canvas *c, struct block *out, int w, int rows) {
    const struct model_group *g = snapshot_group(dialog_ui(d)->snap, d->subject);
    const struct time_search *s = &dialog_ui(d)->by_time;
    int to = d->form.fields[R_TO].choice, n = 0, all = 0;
    int64_t value = strtoll(form_text(&d->form, R_VALUE), NULL, 10);
    struct preview_row shown[PREVIEW_MAX];
    if (to == TO_TIME && g && !time_find(d, g)) {
        block_line(out, 0);
        block_own(out, s->why[0] ? ROLE_bad : ROLE_dim, s->why[0] ? s->why : *form_text(&d->form, R_VALUE)
                      ? "no offsets of that time yet" : "each partition's first record from a time on");
        return;
    }
    for (int32_t i = 0; g && i < g->rows.n; i++)
        all += reset_takes(d, &g->rows.v[i]);
    int most = all <= rows - 1 ? all : rows - 2;
    for (int32_t i = 0; g && i < g->rows.n && n < most && n < PREVIEW_MAX; i++)
        if (reset_takes(d, &g->rows.v[i]))
            preview_fill(&shown[n++], &g->rows.v[i], reset_target(d, &g->rows.v[i], to, value));
    if (all == 0) {
        block_line(out, 0);
        block_own(out, ROLE_warn, "the group has no offsets on such a topic");
        return;
    }
    preview_table(out, c, shown, n, w);
    if (all > n) {
        block_line(out, 0);
        block_printf(out, ROLE_dim, "and %d partition%s more", all - n, all - n == 1 ? "" : "s");
    }
}

/* Members may come and go while the question stands. */
static void reset_text(struct dialog *d) {
    const struct model_group *g = snapshot_group(dialog_ui(d)->snap, d->subject);
    int64_t members = g && g->n_members.state == VALUE_KNOWN ? g->n_members.v : 0;
    char number[FORMAT_SIZE];
    block_clear(&d->text);
    block_line(&d->text, 0);
    block_own(&d->text, ROLE_text, "Sets what ");
    block_foreign(&d->text, ROLE_bright, d->subject);
    block_own(&d->text, ROLE_text, " will read next. It must have no members while this is done");
    if (members > 0)
        block_printf(&d->text, ROLE_warn, "; it has %s now: stop %s first.", fmt_group(number, members),
                     members == 1 ? "it" : "them");
    else
        block_own(&d->text, ROLE_text, ".");
}

/* What Where means depends on To; earliest and latest want nothing. */
static void reset_fill(struct dialog *d) {
    static const char *const hints[] = {"", "", "an offset", "1000 or -1000", "2026-01-31T12:00 or 10m"};
    struct field *where = &d->form.fields[R_VALUE];
    int to = d->form.fields[R_TO].choice;
    reset_text(d);
    where->off = to < TO_OFFSET;
    where->hint = hints[to];
    if (where->off)
        edit_set(&where->edit, SLICE(""));
}

/* The time that was asked for.  What is no time stays as it was typed: a command never says more than was meant. */
static const char *reset_time(const struct ui *u, const char *text, char out[FORMAT_SIZE]) {
    int64_t ms = u->by_time.ms;
    bool known = *text && strcmp(u->by_time.text, text) == 0;
    return known || text_time(text, u->wall_ms, &ms) ? time_word(ms, out) : text;
}

static void reset_equivalent(struct dialog *d, struct buf *out) {
    int to = d->form.fields[R_TO].choice;
    const char *text = form_text(&d->form, R_VALUE);
    char time[FORMAT_SIZE];
    put_tool(d, out, "kafka-consumer-groups.sh");
    put_option(out, "--reset-offsets --execute --group", d->subject);
    if (*form_text(&d->form, R_TOPIC))
        put_option(out, "--topic", slice_cstr(form_text(&d->form, R_TOPIC)));
    else
        buf_puts(out, " --all-topics");
    if (to < TO_OFFSET)
        buf_printf(out, " --to-%s", reset_choices[to]);
    else if (to == TO_TIME)
        put_option(out, "--to-datetime", slice_cstr(reset_time(dialog_ui(d), text, time)));
    else
        put_option(out, to == TO_OFFSET ? "--to-offset" : "--shift-by", slice_cstr(text));
}

static bool reset_submit(struct dialog *d, void *ctx) {
    const struct model_group *g = snapshot_group(((struct ui *)ctx)->snap, d->subject);
    int to = d->form.fields[R_TO].choice;
    char *end;
    const char *text = form_text(&d->form, R_VALUE);
    int64_t value = strtoll(text, &end, 10);
    bool number = to == TO_OFFSET || to == TO_SHIFT;
    if ((number && (!*text || *end)) || (to == TO_TIME && g && !time_find(d, g))) {
        snprintf(d->wrong, sizeof d->wrong, "%s wants a %s", reset_choices[to],
                 number ? "number" : "time whose offsets are known: 2026-01-31T12:00 or 10m");
        d->form.focus = R_VALUE;
        return false;
    }
    if (!g) {
        snprintf(d->wrong, sizeof d->wrong, "the group is gone");
        return false;
    }
    struct client_offset *offsets = mem_zalloc((size_t)(g->rows.n + 1) * sizeof *offsets);
    size_t n = 0;
    for (int32_t i = 0; i < g->rows.n; i++) {
        int64_t at = reset_target(d, &g->rows.v[i], to, value);
        if (at >= 0 && reset_takes(d, &g->rows.v[i]))
            offsets[n++] = (struct client_offset){mem_strndup(g->rows.v[i].topic), g->rows.v[i].partition, at};
    }
    if (n > 0)
        act(d, &(struct client_action){.kind = ACTION_RESET_OFFSETS, .offsets = offsets, .n_offsets = n}, "resetting");
    else
        snprintf(d->wrong, sizeof d->wrong, "no partition of the group matches");
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)offsets[i].topic);
    free(offsets);
    return n > 0;
}

void dialog_reset_group(struct ui *u, const struct model_group *g) {
    struct dialog *d = begin(u, "Reset offsets", g->id);
    time_search_fini(&u->by_time);
    form_add(&d->form, FIELD_CHOICE, "To", NULL)->choices = reset_choices;
    form_add(&d->form, FIELD_TEXT, "Where", NULL)->width = 30;
    form_add(&d->form, FIELD_TEXT, "Topic", "all of its topics");
    dialog_require(d, "Type its name", g->id);
    d->fill = reset_fill;
    d->preview = reset_preview;
    d->equivalent = reset_equivalent;
    d->submit = reset_submit;
    reset_fill(d);
}
