/* The log of what changed in the cluster, as it was seen: brokers gone and back,
 * the controller and leaders moved, topics made and deleted, groups in another
 * state.  Each is one sanitised sentence, an EVENT_CHANGE with the wall clock and
 * a level: LOG_ERROR something is missing, LOG_WARN somebody else does it now or a
 * thing went away, LOG_INFO the rest.
 * Thread: any, through the event queue. */
#include "core/client/internal.h"

#include "core/base/text.h"

char *change_name(struct slice s, char out[128]) { return text_safe(s, out, 128); }

char *change_after(int64_t began_us, char out[64]) {
    int64_t ms = began_us > 0 ? (wire_now_us() - began_us) / 1000 : -1;
    out[0] = '\0';
    if (ms >= 60000)
        snprintf(out, 64, ", after %lld min %lld s without", (long long)(ms / 60000), (long long)(ms / 1000 % 60));
    else if (ms >= 10000)
        snprintf(out, 64, ", after %lld s without", (long long)(ms / 1000));
    else if (ms >= 0)
        snprintf(out, 64, ", after %.1f s without", (double)ms / 1000);
    return out;
}

void change_say(struct client *c, enum log_level level, const char *format, ...) {
    char raw[1024], text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    text_safe(slice_cstr(raw), text, sizeof text);
    struct client_event *ev = client_event_new(EVENT_CHANGE);
    ev->text = mem_strdup(text);
    ev->ok = true;
    ev->log_level = (int)level;
    client_push_event(c, ev);
}
