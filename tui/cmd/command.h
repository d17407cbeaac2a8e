/* The rows of commands.def. */
#ifndef WEIR_CMD_COMMAND_H
#define WEIR_CMD_COMMAND_H

#include "tui/cmd/screen.h"

enum effect { LOOKS, CHANGES, DESTROYS };
struct command {
    const char *name, *keys;
    uint32_t views;                 /* VIEW_BITs */
    enum effect effect;
    enum verb verb;
    bool (*function)(struct screen *s, const struct command *c, const char *arg);
    const char *hint, *help;
};
extern const struct command commands[];
extern const size_t n_commands;

const struct command *command_named(const char *name, size_t n);     /* NULL: none */
const struct command *command_of_key(const struct screen *s, const char *key);
bool command_can(struct screen *s, const struct command *c);         /* can act now (hints are dimmed by it) */
/* The one place that refuses what --read-only forbids. */
bool command_run(struct screen *s, const struct command *c, const char *arg);
void key_spelled(const char *name, char out[24]);                    /* "enter" -> "Enter", "ctrl-s" -> "^S" */
size_t command_complete(void *screen, const char *line, struct candidate *out, size_t max);
void command_help(struct screen *s);                                 /* fills the page */
/* For views, which know commands by name only: the first key as a person spells it, or ":name". */
void command_label(const struct ui *u, const char *name, char out[24]);
int command_hints(struct screen *s, struct frame_hint *out, int max);
bool leaving_is_asked(const struct screen *s);                       /* the dialog is the question of cmd_exit */

bool cmd_verb(struct screen *s, const struct command *c, const char *arg);
bool cmd_tail(struct screen *s, const struct command *c, const char *arg);
bool cmd_produce(struct screen *s, const struct command *c, const char *arg);
bool cmd_new(struct screen *s, const struct command *c, const char *arg);
bool cmd_editor(struct screen *s, const struct command *c, const char *arg);
bool cmd_filter(struct screen *s, const struct command *c, const char *arg);
bool cmd_sort(struct screen *s, const struct command *c, const char *arg);
bool cmd_columns(struct screen *s, const struct command *c, const char *arg);
bool cmd_mark(struct screen *s, const struct command *c, const char *arg);
bool cmd_reverse(struct screen *s, const struct command *c, const char *arg);
bool cmd_exact(struct screen *s, const struct command *c, const char *arg);
bool cmd_internal(struct screen *s, const struct command *c, const char *arg);
bool cmd_next(struct screen *s, const struct command *c, const char *arg);
bool cmd_tab(struct screen *s, const struct command *c, const char *arg);
bool cmd_back(struct screen *s, const struct command *c, const char *arg);
bool cmd_refresh(struct screen *s, const struct command *c, const char *arg);
bool cmd_retry(struct screen *s, const struct command *c, const char *arg);
bool cmd_connect(struct screen *s, const struct command *c, const char *arg);
bool cmd_hello(struct screen *s, const struct command *c, const char *arg);
bool cmd_theme(struct screen *s, const struct command *c, const char *arg);
bool cmd_prompt(struct screen *s, const struct command *c, const char *arg);
bool cmd_help(struct screen *s, const struct command *c, const char *arg);
bool cmd_redraw(struct screen *s, const struct command *c, const char *arg);
bool cmd_suspend(struct screen *s, const struct command *c, const char *arg);
bool cmd_quit(struct screen *s, const struct command *c, const char *arg);
bool cmd_exit(struct screen *s, const struct command *c, const char *arg);

#endif
