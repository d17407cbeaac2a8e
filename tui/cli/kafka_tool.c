/* Lines for Kafka's own tools; see kafka_tool.h. */
#include "tui/cli/kafka_tool.h"

#include "tui/cli/output.h"

void tool_word(struct tool *t, const char *word) {
    if (t->text.n > 0)
        buf_puts(&t->text, " ");
    text_shell_word(&t->text, slice_cstr(word));
}

void tool_option(struct tool *t, const char *option, const char *value) {
    tool_word(t, option);
    tool_word(t, value);
}

void tool_begin(struct tool *t, const struct cli_options *o, const char *program) {
    memset(t, 0, sizeof *t);
    tool_word(t, program);
    tool_option(t, "--bootstrap-server", o->broker != NULL ? o->broker : "127.0.0.1:" PLACE_USUAL_PORT);
}

void tool_print(struct tool *t) {
    struct buf safe = {0};
    cli_sanitize(&safe, buf_slice(&t->text), SIZE_MAX);
    buf_puts(&safe, "\n");
    out_put(buf_slice(&safe));
    buf_fini(&safe);
    buf_fini(&t->text);
}
