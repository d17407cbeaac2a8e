/* The table of commands and what is made from it: key map, hints, help, completion. */
#include "tui/cmd/keymap.h"

#include <ctype.h>
#include <stddef.h>
#include <strings.h>
#include <stdio.h>

#define ALL      UINT32_MAX
#define TOPICS   VIEW_BIT(topics)
#define TAIL     VIEW_BIT(tail)
#define PRODUCE  VIEW_BIT(produce)
#define LISTS    (ALL & ~(PRODUCE | VIEW_BIT(cluster)))
#define TABLES   (ALL & ~(PRODUCE | TAIL))
#define FILTERS  (ALL & ~PRODUCE)
#define NOT_TAIL (ALL & ~TAIL)
#define CONFIGS  VIEW_BIT(topic)
#define OWN      (TOPICS | VIEW_BIT(topic))
#define TAILABLE (OWN | PRODUCE | VIEW_BIT(group))
#define WRITABLE (OWN | TAIL)
#define GROUPAL  (VIEW_BIT(groups) | VIEW_BIT(group))
#define MARKS    (TOPICS | VIEW_BIT(groups) | VIEW_BIT(changes) | VIEW_BIT(log))
#define THINGS   (TOPICS | VIEW_BIT(topic) | GROUPAL)

const struct command commands[] = {
#define COMMAND(name, keys, views, effect, verb, function, hint, help) \
    {#name, keys, views, effect, verb, function, hint, help},
#include "tui/cmd/commands.def"
#undef COMMAND
};
const size_t n_commands = sizeof commands / sizeof *commands;

const struct command *command_named(const char *name, size_t n) {
    const struct command *found = NULL;
    for (size_t i = 0; i < n_commands; i++) {
        if (strncmp(commands[i].name, name, n) != 0)
            continue;
        if (commands[i].name[n] == '\0')
            return &commands[i];
        if (found) /* a beginning that two commands have */
            return NULL;
        found = &commands[i];
    }
    return found;
}

const struct command *command_of_key(const struct screen *s, const char *key) {
    for (size_t i = 0; i < n_commands; i++)
        if (commands[i].views & (1u << ui_view(&s->ui)->id) && keymap_has(keymap_keys(s->keymap, &commands[i]), key))
            return &commands[i];
    return NULL;
}

bool command_can(struct screen *s, const struct command *c) {
    if (c->effect != LOOKS && s->ui.read_only)
        return false;
    return c->verb == VERB_NONE || ui_can(&s->ui, c->verb);
}

bool command_run(struct screen *s, const struct command *c, const char *arg) {
    if (c->effect != LOOKS && s->ui.read_only) {
        ui_say(&s->ui, ROLE_warn, "%s is refused: weir was started with --read-only", c->name);
        return false;
    }
    s->ui.dirty = true;
    return c->function(s, c, arg);
}

void key_spelled(const char *name, char out[24]) {
    static const struct { const char *name, *spelled; } special[] = {
        {"enter", "Enter"}, {"esc", "Esc"}, {"space", "Space"}, {"tab", "Tab"}, {"shift-tab", "S-Tab"}, {"up", "↑"},
        {"down", "↓"}, {"left", "←"}, {"right", "→"}, {"pgup", "PgUp"}, {"pgdn", "PgDn"}, {"home", "Home"},
        {"end", "End"}, {"backspace", "BS"}, {"delete", "Del"},
    };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (strcmp(special[i].name, name) == 0) {
            snprintf(out, 24, "%s", special[i].spelled);
            return;
        }
    if (strncmp(name, "ctrl-", 5) == 0)
        snprintf(out, 24, "^%c", toupper((unsigned char)name[5]));
    else if (name[0] == 'f' && isdigit((unsigned char)name[1]))
        snprintf(out, 24, "F%.4s", name + 1);
    else
        snprintf(out, 24, "%.20s", name);
}

/* What a form takes for itself while it is typed into: letters, and the keys that move in it. */
static bool key_is_typed(const char *name) {
    return strncmp(name, "ctrl-", 5) != 0 && !(name[0] == 'f' && isdigit((unsigned char)name[1]));
}

/* The first key that means the command now. */
static bool first_key(const struct screen *s, const struct command *c, bool typing, char out[24]) {
    const char *keys = keymap_keys(s->keymap, c);
    char name[16];
    do {
        if (!keymap_next(&keys, name))
            return false;
    } while (typing && key_is_typed(name));
    key_spelled(name, out);
    return true;
}

/* Those of the view; none where it has no key of its own. */
static const struct own_key *own_keys(const struct screen *s, bool *typing) {
    static const struct own_key none = {NULL, NULL};
    const struct view *v = ui_view(&s->ui);
    *typing = false;
    return v->ops->own_keys ? v->ops->own_keys(v, typing) : &none;
}

static bool key_is_own(const struct own_key *own, const char *spelled) {
    char key[24];
    for (; own->key; own++) {
        key_spelled(own->key, key);
        if (strcmp(key, spelled) == 0)
            return true;
    }
    return false;
}

void command_label(const struct ui *u, const char *name, char out[24]) {
    const struct screen *s = (const struct screen *)(const void *)((const char *)u - offsetof(struct screen, ui));
    const struct command *c = command_named(name, strlen(name));
    if (!c || !first_key(s, c, false, out))
        snprintf(out, 24, ":%.20s", name);
}

int command_hints(struct screen *s, struct frame_hint *out, int max) {
    bool typing;
    const struct own_key *own = own_keys(s, &typing);
    int n = 0;
    for (size_t i = 0; i < n_commands && n < max; i++) {
        const struct command *c = &commands[i];
        for (const struct own_key *k = own; c->verb == VERB_NEXT && k->key && n < max; k++) { /* where Tab stands */
            out[n] = (struct frame_hint){.label = k->label};
            key_spelled(k->key, out[n++].key);
        }
        if (n == max || !c->hint || !(c->views & (1u << ui_view(&s->ui)->id)) ||
            !first_key(s, c, typing, out[n].key) || key_is_own(own, out[n].key))
            continue;
        out[n].label = c->hint;
        out[n].off = !command_can(s, c);
        out[n].bad = c->effect == DESTROYS;
        out[n].right = c->function == cmd_help;
        n++;
    }
    return n;
}

static void help_key(struct screen *s, const char *keys) {
    /* Widths are counted in characters: the arrows are three bytes each. */
    int shown = 0;
    for (const char *p = keys; *p; p++)
        shown += (*p & 0xc0) != 0x80;
    block_line(&s->page, 29);
    block_printf(&s->page, ROLE_hint_key, "  %s%*s", keys, shown < 14 ? 14 - shown : 1, "");
}

static void help_row(struct screen *s, const struct command *c) {
    const char *list = keymap_keys(s->keymap, c);
    char keys[96] = "", key[24], name[16];
    while (keymap_next(&list, name)) {
        key_spelled(name, key);
        size_t at = strlen(keys);
        snprintf(keys + at, sizeof keys - at, "%s%s", at ? "  " : "", key);
    }
    help_key(s, keys);
    block_printf(&s->page, c->effect == DESTROYS ? ROLE_bad : ROLE_bright, ":%-12s", c->name);
    block_own(&s->page, command_can(s, c) ? ROLE_text : ROLE_dim, c->help);
}

void command_help(struct screen *s) {
    uint32_t here = 1u << ui_view(&s->ui)->id;
    bool typing;
    char key[24];
    screen_page(s, "Keys");
    block_line(&s->page, 0);
    block_printf(&s->page, ROLE_header, "HERE, IN %s", view_title(ui_view(&s->ui)->id));
    for (const struct own_key *k = own_keys(s, &typing); k->key; k++) {
        key_spelled(k->key, key);
        help_key(s, key);
        block_printf(&s->page, ROLE_text, "%13s%s", "", k->label);
    }
    for (size_t i = 0; i < n_commands; i++)
        if (commands[i].views & here && commands[i].views != ALL)
            help_row(s, &commands[i]);
    block_line(&s->page, 0);
    block_line(&s->page, 0);
    block_own(&s->page, ROLE_header, "EVERYWHERE");
    for (size_t i = 0; i < n_commands; i++)
        if (commands[i].views == ALL)
            help_row(s, &commands[i]);
    block_line(&s->page, 0);
    block_line(&s->page, 0);
    block_own(&s->page, ROLE_header, "WHAT THE CELLS SAY");
    static const struct { const char *glyph; enum role role; const char *text; } legend[] = {
        {"…", ROLE_pending, "asked, not here yet"}, {"?", ROLE_failed, "asked and failed"},
        {"–", ROLE_zero, "does not apply, or this cluster cannot give it"},
        {"!", ROLE_bad, "hurts"}, {"~", ROLE_warn, "will soon hurt"},
        {"▾", ROLE_bad, "lost: the log begins after the commit"},
        {"▴", ROLE_warn, "ahead: the commit is beyond the end"},
        {"≤", ROLE_text, "at most: compacted, or transaction markers"},
    };
    for (size_t i = 0; i < sizeof legend / sizeof *legend; i++) {
        block_line(&s->page, 0);
        block_printf(&s->page, legend[i].role, "  %s ", legend[i].glyph);
        block_printf(&s->page, ROLE_text, "%12s%s", "", legend[i].text);
    }
}

/* ---- completion ---- */

struct theme_words { struct candidate *out; size_t n, max; const char *begin; };

static void add_theme(void *ctx, const char *name) {
    struct theme_words *w = ctx;
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->out[i].word, name) == 0)
            return;
    if (w->n == w->max || strncmp(name, w->begin, strlen(w->begin)) != 0)
        return;
    w->out[w->n] = (struct candidate){0};
    snprintf(w->out[w->n++].word, sizeof w->out->word, "%s", name);
}

static size_t complete_topics(struct screen *s, const char *begin, struct candidate *out, size_t max) {
    const struct snapshot *snap = s->ui.snap;
    size_t n = 0, len = strlen(begin);
    for (int32_t i = 0; i < snap->topics.n && n < max; i++) {
        const struct model_topic *t = &snap->topics.v[i];
        if (t->name.n < len || memcmp(t->name.p, begin, len) != 0 || t->name.n >= sizeof out->word ||
            (t->internal && !s->ui.internal) || memchr(t->name.p, '\0', t->name.n))
            continue;
        out[n] = (struct candidate){.foreign = true};
        memcpy(out[n].word, t->name.p, t->name.n);
        snprintf(out[n].help, sizeof out[n].help, "%d partition%s", t->n_partitions, t->n_partitions == 1 ? "" : "s");
        n++;
    }
    return n;
}

static size_t complete_words(const char *const *words, const char *begin, struct candidate *out, size_t max) {
    size_t n = 0;
    for (; *words && n < max; words++)
        if (strncmp(*words, begin, strlen(begin)) == 0) {
            out[n] = (struct candidate){0};
            snprintf(out[n++].word, sizeof out->word, "%s", *words);
        }
    return n;
}

static size_t complete_columns(struct screen *s, const char *begin, struct candidate *out, size_t max) {
    struct table *t = ui_table(&s->ui);
    size_t n = 0;
    for (int i = 0; t && i < t->n_columns && n < max; i++)
        if (strncasecmp(t->columns[i].title, begin, strlen(begin)) == 0) {
            out[n] = (struct candidate){0};
            snprintf(out[n++].word, sizeof out->word, "%s", t->columns[i].title);
        }
    return n;
}

/* The last title of a list; what stands before it is kept. */
static size_t complete_column_list(struct screen *s, const char *begin, struct candidate *out, size_t max) {
    const char *comma = strrchr(begin, ',');
    size_t before = comma ? (size_t)(comma + 1 - begin) : 0;
    size_t n = complete_columns(s, begin + before, out, max);
    for (size_t i = 0; i < n; i++) {
        char title[64];
        snprintf(title, sizeof title, "%.60s", out[i].word);
        for (char *p = title; (p = strchr(p, ' ')) != NULL;)
            *p = '-';
        snprintf(out[i].word, sizeof out->word, "%.*s%s", (int)(before < 200 ? before : 200), begin, title);
        out[i].more = true;
    }
    if (n < max && !comma && strncmp("default", begin, strlen(begin)) == 0)
        out[n++] = (struct candidate){.word = "default"};
    return n;
}

size_t command_complete(void *screen, const char *line, struct candidate *out, size_t max) {
    static const char *const from_words[] = {"beginning", "end", "last", "offset", "time", NULL};
    struct screen *s = screen;
    const char *blank = strchr(line, ' ');
    size_t n = 0;
    if (blank) {
        const struct command *c = command_named(line, (size_t)(blank - line));
        const char *begin = strrchr(line, ' ') + 1;
        if (c && c->function == cmd_columns)
            return complete_column_list(s, begin, out, max);
        if (!c || begin != blank + 1)
            return 0;
        if (c->function == cmd_theme && s->hooks.each_theme) {
            struct theme_words w = {out, 0, max, begin};
            s->hooks.each_theme(add_theme, &w);
            return w.n;
        }
        if (c->function == cmd_tail || c->function == cmd_produce)
            return complete_topics(s, begin, out, max);
        if (c->verb == VERB_FROM)
            return complete_words(from_words, begin, out, max);
        return c->function == cmd_sort ? complete_columns(s, begin, out, max) : 0;
    }
    for (size_t i = 0; i < n_commands && n < max; i++) {
        const struct command *c = &commands[i];
        if (strncmp(c->name, line, strlen(line)) != 0 || (c->verb >= VERB_UP && c->verb <= VERB_RIGHT) ||
            c->function == cmd_prompt || !(c->views & (1u << ui_view(&s->ui)->id)))
            continue;
        out[n] = (struct candidate){0};
        snprintf(out[n].word, sizeof out->word, "%s", c->name);
        snprintf(out[n].help, sizeof out->help, "%.99s", c->help);
        n++;
    }
    return n;
}
