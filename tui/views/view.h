/* Views and what they share.
 *
 * A view paints the canvas from the newest snapshot and acts by the client; it
 * never blocks.  Tabs keep a small stack of views each: Enter opens one on top,
 * Esc closes it.  Everything here belongs to the UI thread. */
#ifndef WEIR_VIEWS_VIEW_H
#define WEIR_VIEWS_VIEW_H

#include "core/client/client.h"
#include "tui/ui/dialog.h"
#include "tui/ui/frame.h"
#include "tui/ui/table.h"

enum view_id {
#define VIEW(id, digit, title, ops) VIEW_##id,
#include "tui/views/views.def"
#undef VIEW
    VIEW_N
};
#define VIEW_BIT(id) (1u << VIEW_##id)
#define VIEW_TABS 7

/* What a key or a command asks of a view; rows of tui/cmd/commands.def name them. */
enum verb {
    VERB_NONE, VERB_OPEN, VERB_PAUSE, VERB_FOLLOW, VERB_WRAP, VERB_DECODE, VERB_TAIL, VERB_PRODUCE, VERB_NEW, VERB_EDIT,
    VERB_DELETE, VERB_PARTITIONS, VERB_TRUNCATE, VERB_RESET, VERB_COPY, VERB_EXPORT, VERB_RESEND, VERB_NEXT,
    VERB_PREVIOUS, VERB_SEND, VERB_FROM, VERB_ONLY, VERB_FILTER, VERB_FOLD, VERB_UNFOLD,
    VERB_COPY_RECORD, VERB_REFRESH, VERB_CLOSE,         /* CLOSE: what is open inside the view */
    VERB_FILTERING,                                     /* the filter is being typed, not yet meant */
    VERB_UP, VERB_DOWN, VERB_PAGE_UP, VERB_PAGE_DOWN, VERB_HOME, VERB_END, VERB_LEFT, VERB_RIGHT,
};

/* A key that a view takes before the key map, for the hints and the page of keys. */
struct own_key { const char *key, *label; };

struct ui;
struct view {
    const struct view_ops *ops;
    enum view_id id;
    struct slice arg;           /* heap copy: topic or group */
};
struct view_ops {
    size_t size;                /* of the struct that begins with struct view */
    bool background;            /* ticks while it is not on the screen too */
    void (*open)(struct view *v, struct ui *u);
    void (*close)(struct view *v, struct ui *u);
    void (*data)(struct view *v, struct ui *u);         /* a new snapshot, filter or sort */
    void (*paint)(struct view *v, struct ui *u, struct canvas *c, struct rect r);
    bool (*key)(struct view *v, struct ui *u, const struct key *k);     /* typing views: before the key map */
    /* Which keys those are now, up to one without a name; typing: every letter is one, too. */
    const struct own_key *(*own_keys)(const struct view *v, bool *typing);
    bool (*verb)(struct view *v, struct ui *u, enum verb verb, const char *arg); /* false: not here, not now */
    bool (*can)(struct view *v, struct ui *u, enum verb verb);          /* NULL: all */
    bool (*event)(struct view *v, struct ui *u, const struct client_event *e);   /* true: it was ours */
    void (*connected)(struct view *v, struct ui *u);    /* it is another cluster from now on */
    void (*interest)(struct view *v, struct ui *u, struct client_interest *i);
    struct table *(*table)(struct view *v);             /* the list that moves, sorts and filters; NULL none */
    /* Called when the client has woken us and when `tick_us` has passed; true: paint. */
    bool (*tick)(struct view *v, struct ui *u);
    int64_t (*tick_us)(struct view *v, struct ui *u);   /* NULL or INT64_MAX: only when woken */
    bool (*busy)(struct view *v, struct ui *u, char *why, size_t size);  /* leaving weir now would lose something */
    const char *(*filter)(struct view *v);              /* without a table: the filter that is on */
    /* The text that $EDITOR may change, and its return. */
    struct slice (*text)(struct view *v);
    void (*edited)(struct view *v, struct ui *u, struct slice text);
};

#define NOTES_MAX 2000
struct note {                   /* a line of the log or of the changes */
    int64_t wall_ms;
    uint64_t serial;
    int level;
    char *text;
};
struct notes {                  /* the newest NOTES_MAX */
    struct note *v;
    size_t n;
    uint64_t serial;
};

/* Where a time lies in the log of each partition of a group: asked of the cluster once per text typed. */
struct time_search {
    uint64_t id;                /* of the action */
    char text[40];              /* asked for; "" never */
    int64_t ms;
    bool here;
    char why[200];              /* it failed */
    struct client_place *places;
    size_t n_places;
};

/* What is remembered between runs: "sort" and "columns" by the table's name, "console" "theme"; see memory.c. */
struct memory {
    struct remembered { char *what, *name, *text; } *v;
    size_t n;
};

/* Several things that are deleted by one question; see sweep.c. */
enum sweep_state { SWEEP_WAITS, SWEEP_ASKED, SWEEP_DONE, SWEEP_FAILED };
struct sweep {
    enum client_action_kind kind;
    struct sweep_item { char *name, *text; uint64_t id; enum sweep_state state; } *v;
    size_t n, asked, done, failed;
    bool going, stopped;
};

/* What the tabs say of a list: counted once a snapshot, since a list may have tens of thousands of rows. */
struct tally { int n, internal, bad, soon; };

#define UI_DEPTH 4
#define UI_WANTED 64            /* names a view may ask to be read first */
struct ui {
    struct client *client;
    struct snapshot *snap;      /* never NULL after ui_init: an empty one until the first arrives */
    struct tally topics, groups;
    struct look_env env;
    int64_t wall_ms;
    const char *address;
    bool ascii, read_only, internal;
    bool dirty, quit;
    bool hurry;                         /* a receipt is waited for: the client is looked at without a pause */

    struct view *stack[VIEW_TABS][UI_DEPTH];
    int depth[VIEW_TABS], tab, came_from;
    struct dialog dialog;
    struct time_search by_time;         /* of the dialog that resets offsets */
    struct sweep sweep;
    struct memory memory;
    char message[512];
    enum role message_role;
    bool message_of_link;               /* true until the cluster has answered or failed */
    struct notes log, changes;

    struct slice want_topics[UI_WANTED], want_groups[UI_WANTED];    /* filled for client_set_interest */
    uint64_t wanted;                    /* hash of what was asked last */
    struct buf copied;                  /* to go to the clipboard */
    bool copy, editor;                  /* the app acts on them after the key */
    bool (*run)(struct ui *u, const char *command_line);     /* by tui/cmd, as the next */
    void (*key_label)(const struct ui *u, const char *command, char out[24]);
};

void ui_init(struct ui *u, struct client *client, const char *address);
void ui_fini(struct ui *u);
void ui_set_snapshot(struct ui *u, struct snapshot *s);      /* takes the reference */
void ui_event(struct ui *u, const struct client_event *e);
void ui_connected(struct ui *u, const char *address);        /* the client was told to go to another cluster */
struct view *ui_view(const struct ui *u);                    /* the one on top */
struct table *ui_table(const struct ui *u);                  /* of the view on top, NULL none */
void ui_refilter(struct ui *u);                              /* filter, sort or options changed */
void ui_tab(struct ui *u, int tab);
void ui_open(struct ui *u, enum view_id id, struct slice arg);   /* on top of the current tab */
bool ui_back(struct ui *u);                                  /* false: nothing to go back to */
bool ui_verb(struct ui *u, enum verb verb, const char *arg);
bool ui_can(struct ui *u, enum verb verb);
void ui_say(struct ui *u, enum role role, const char *format, ...) WEIR_PRINTF(3, 4);   /* sanitised when painted */
void ui_copy(struct ui *u, struct slice text);
void ui_copy_marked(struct ui *u, const struct table *t);
/* The first key of a command as a person spells it; unbound: ":command". */
const char *ui_key(const struct ui *u, const char *command, char out[24]);
/* "no topic matches · Esc shows all" in the middle of an empty list. */
void ui_paint_no_link(struct ui *u, struct canvas *c, struct rect r);     /* nothing was ever read, and why */
void ui_paint_no_match(const struct ui *u, struct canvas *c, struct rect r, const char *what);
void ui_interest(struct ui *u);
void ui_tick(struct ui *u);                                  /* the client woke us, or ui_tick_us has passed */
int64_t ui_tick_us(struct ui *u);                            /* INT64_MAX: nothing to wait for */
void ui_paint(struct ui *u, struct canvas *c);               /* all but hints, prompt, dialog */
const char *view_title(enum view_id id);
void notes_add(struct notes *n, int64_t wall_ms, int level, const char *text);

/* The topic a view is about or has selected, null none. */
struct slice ui_topic(struct ui *u);
void ui_tail_topic(struct ui *u, struct slice topic, int32_t partition, int64_t offset);    /* -1: all, from the end */
void ui_produce_topic(struct ui *u, struct slice topic);
/* Fills the produce form with a record. */
void ui_produce_record(struct ui *u, struct slice topic, const struct tail_row *row);
/* Dialogs shared by the views of topics and groups. */
void dialog_new_topic(struct ui *u, struct slice name);
void dialog_delete_topic(struct ui *u, struct slice name);
void dialog_add_partitions(struct ui *u, const struct model_topic *t);
void dialog_set_config(struct ui *u, struct slice topic, const char *name, const char *value, struct slice doc);
void dialog_delete_records(struct ui *u, const struct model_topic *t);
void dialog_delete_group(struct ui *u, struct slice id);
void dialog_reset_group(struct ui *u, const struct model_group *g);
void dialog_delete_marked(struct ui *u, const struct table *t, enum client_action_kind kind);
bool dialog_event(struct ui *u, const struct client_event *e);      /* true: a dialog had asked for it */
bool sweep_event(struct ui *u, const struct client_event *e);
void sweep_fini(struct sweep *b);
void time_search_fini(struct time_search *s);

void memory_put(struct memory *m, const char *what, const char *name, const char *text);    /* NULL: forget */
const char *memory_get(const struct memory *m, const char *what, const char *name);         /* NULL: nothing */
/* An error: what could be read counts. */
enum err memory_read(struct memory *m, const char *path, struct error *e) WEIR_MUST_CHECK;
enum err memory_write(const struct memory *m, const char *path, struct error *e) WEIR_MUST_CHECK;
void memory_fini(struct memory *m);
/* Names a table that was just made and gives it the order and columns it had. */
void ui_recall(struct ui *u, struct table *t, const char *name);
void ui_recall_tabs(struct ui *u);                                  /* after the memory was read */
void ui_remember_sort(struct ui *u, const struct table *t);
void ui_remember_columns(struct ui *u, const struct table *t);

#define VIEW(id, digit, title, ops) extern const struct view_ops ops;
#include "tui/views/views.def"
#undef VIEW

#endif
