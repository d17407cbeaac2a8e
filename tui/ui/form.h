/* A form: labelled fields that Tab walks.  Used by dialogs and by the produce view. */
#ifndef WEIR_UI_FORM_H
#define WEIR_UI_FORM_H

#include "tui/ui/edit.h"

enum field_kind { FIELD_TEXT, FIELD_LINES, FIELD_CHOICE };
struct field {
    const char *label, *hint;       /* the hint stands behind an empty field */
    enum field_kind kind;
    const char *const *choices;     /* NULL-terminated */
    int choice;
    int width, rows;                /* shown; 0: what is free, 1 */
    bool same_row;                  /* beside the field before it */
    bool off;                       /* cannot act now: dimmed, skipped */
    struct edit edit;
};
#define FORM_FIELDS 16
struct form {
    struct field fields[FORM_FIELDS];
    int n, focus;
    int label_w;
};
struct field *form_add(struct form *f, enum field_kind kind, const char *label, const char *hint);
void form_fini(struct form *f);
enum form_result { FORM_NO, FORM_TAKEN, FORM_SUBMIT };      /* NO: the key is not ours */
enum form_result form_key(struct form *f, const struct key *k);
void form_walk(struct form *f, int step);                   /* to the next field that can act, or to the one before */
/* Returns the rows used. */
int form_paint(struct form *f, struct canvas *c, struct rect r, bool focus);
int form_rows(const struct form *f);
const char *form_text(struct form *f, int i);               /* a choice: its word */

#endif
