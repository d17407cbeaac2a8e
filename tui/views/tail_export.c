/* Writing the records at hand as lines of JSON, a portion at a time: a ring of
 * 32 MiB must not hold the keyboard up. */
#include "tui/views/tail_view.h"

#include "core/client/json_out.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define PORTION_BYTES ((size_t)1024 * 1024)

bool tail_view_exporting(const struct tail_view *me) { return me->export.file != NULL; }

/* A topic's name comes from the cluster: in a file's name only harmless characters of it are left. */
static void name_default(char *out, size_t size, const char *topic) {
    size_t n = 0;
    for (; *topic && n < 200 && n < size - 1; topic++) {
        char c = *topic;
        bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '-' ||
                     (c == '.' && n > 0);
        out[n++] = plain ? c : '_';
    }
    snprintf(out + n, size - n, "-%lld.jsonl", (long long)time(NULL));
}

void tail_view_export(struct tail_view *me, struct ui *u, const char *path) {
    struct tail_export *x = &me->export;
    if (x->file || !me->tail || me->stats.last == 0)
        return;
    *x = (struct tail_export){.next = me->stats.first, .last = me->stats.last};
    if (*path)
        snprintf(x->name, sizeof x->name, "%s", path);
    else
        name_default(x->name, sizeof x->name, me->topic);
    x->file = fopen(x->name, "wxe");
    if (!x->file)
        ui_say(u, ROLE_bad, "cannot make the file %s: %s", x->name,
               errno == EEXIST ? "it is there already" : strerror(errno));
    else
        tail_view_export_step(me, u);
}

void tail_view_export_stop(struct tail_view *me, struct ui *u, const char *why) {
    struct tail_export *x = &me->export;
    if (!x->file)
        return;
    bool whole = !ferror(x->file);
    whole = fclose(x->file) == 0 && whole;
    x->file = NULL;
    if (!whole)
        ui_say(u, ROLE_bad, "%" PRIu64 " records, then %s could not be written: %s", x->n, x->name, strerror(errno));
    else if (why)
        ui_say(u, ROLE_warn, "%" PRIu64 " records written to %s, then %s", x->n, x->name, why);
    else if (x->lost)
        ui_say(u, ROLE_warn, "%" PRIu64 " records written to %s; %" PRIu64 " left the memory before it was their turn",
               x->n, x->name, x->lost);
    else
        ui_say(u, ROLE_good, "%" PRIu64 " record%s written to %s", x->n, x->n == 1 ? "" : "s", x->name);
}

void tail_view_export_step(struct tail_view *me, struct ui *u) {
    struct tail_export *x = &me->export;
    struct buf line = {0};
    struct tail_row row;
    size_t bytes = 0;
    while (x->next <= x->last && bytes < PORTION_BYTES && !ferror(x->file)) {
        if (!tail_whole(me->tail, x->next, &row)) { /* the ring moved on */
            struct tail_stats now;
            tail_get_stats(me->tail, &now);
            uint64_t to = now.first <= x->last ? now.first : x->last + 1;
            x->lost += to - x->next;
            x->next = to > x->next ? to : x->next + 1;
            continue;
        }
        buf_clear(&line);
        json_put_record(&line, slice_cstr(me->topic), &row, false);
        x->n += fwrite(line.p, 1, line.n, x->file) == line.n;
        bytes += line.n;
        x->next++;
    }
    buf_fini(&line);
    if (x->next > x->last || ferror(x->file))
        tail_view_export_stop(me, u, NULL);
}
