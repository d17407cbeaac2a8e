/* The log of what changed in the cluster, as it was seen: brokers gone and back,
 * the controller and leaders moved, topics made and deleted, groups in another
 * state.  Each is one sanitised sentence, an EVENT_CHANGE with the wall clock.
 * Thread: any, through the event queue. */
#include "core/client/internal.h"

#include "core/base/text.h"

char *change_name(struct slice s, char out[128]) { return text_safe(s, out, 128); }

void change_say(struct client *c, const char *format, ...) {
    char raw[1024], text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    text_safe(slice_cstr(raw), text, sizeof text);
    struct client_event *ev = client_event_new(EVENT_CHANGE);
    ev->text = mem_strdup(text);
    ev->ok = true;
    client_push_event(c, ev);
}
