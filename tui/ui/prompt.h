/* The line at the bottom that takes text: `:` commands, `/` filters, questions. */
#ifndef WEIR_UI_PROMPT_H
#define WEIR_UI_PROMPT_H

#include "tui/ui/edit.h"

#define PROMPT_HISTORY 32
#define PROMPT_CANDIDATES 64
struct candidate {
    char word[300];         /* replaces the last word of the line */
    char help[100];
    bool foreign;
    bool more;              /* no blank after it: a list goes on */
};
/* Fills out with what can follow; returns how many. */
typedef size_t complete_fn(void *ctx, const char *line, struct candidate *out, size_t max);
struct prompt {
    bool open;
    char kind;              /* ':' or '/' */
    struct edit edit;
    complete_fn *complete;
    void *ctx;
    struct candidate *found;
    size_t n_found;
    int chosen;             /* -1: none */
    char *history[2][PROMPT_HISTORY];   /* by kind, newest last */
    int n_history[2], at_history;
};
enum prompt_result { PROMPT_TAKEN, PROMPT_CHANGED, PROMPT_DONE, PROMPT_CANCELLED };
void prompt_open(struct prompt *p, char kind, const char *text, complete_fn *complete, void *ctx);
void prompt_fini(struct prompt *p);
enum prompt_result prompt_key(struct prompt *p, const struct key *k);
/* On row y, candidates above it. */
void prompt_paint(struct prompt *p, struct canvas *c, int y, int highest);

#endif
