/* A question in the middle of the screen: what will happen, a form, the command
 * of Kafka's own tools that would do the same, and for what cannot be undone a
 * name to be typed. */
#ifndef WEIR_UI_DIALOG_H
#define WEIR_UI_DIALOG_H

#include "tui/ui/block.h"
#include "tui/ui/form.h"

struct dialog {
    bool open;
    char title[96];
    struct block text;
    struct form form;
    char required[300];     /* must stand in the last field before Enter acts; "" nothing */
    char wrong[160];        /* why Enter did not act */
    const char *foot;       /* what Enter and Esc do; NULL: as of any question */
    int top, text_h, text_rows;     /* text that is longer than the screen scrolls; the last two by the last paint */
    bool destructive;
    struct slice subject;   /* heap copy: what it is about */
    int64_t number;         /* the opener's */
    /* Appends what would happen, in lines, and the equivalent command; NULL: none. */
    void (*equivalent)(struct dialog *d, struct buf *out);
    /* What would happen, in at most `rows` rows of w columns between form and command; NULL: nothing to show. */
    void (*preview)(struct dialog *d, const struct canvas *c, struct block *out, int w, int rows);
    /* After each key and before each paint: text and fields that depend on others; NULL: none do. */
    void (*fill)(struct dialog *d);
    /* True closes the dialog; else `wrong` says why not. */
    bool (*submit)(struct dialog *d, void *ctx);
    void (*leave)(struct dialog *d, void *ctx);     /* before Esc closes it; NULL: nothing to do */
    void *ctx;
};
void dialog_open(struct dialog *d, const char *title, struct slice subject);     /* then fill the form */
void dialog_require(struct dialog *d, const char *label, struct slice name);      /* adds the field for a typed name */
void dialog_close(struct dialog *d);
void dialog_key(struct dialog *d, const struct key *k);
void dialog_paint(struct dialog *d, struct canvas *c);

#endif
