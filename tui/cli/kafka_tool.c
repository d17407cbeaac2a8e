/* Lines for Kafka's own tools; see kafka_tool.h. */
#include "tui/cli/kafka_tool.h"

#include "tui/cli/output.h"

void tool_word(struct tool *t, const char *word) {
    bool plain = *word != '\0';
    for (const char *c = word; *c != '\0'; c++)
        plain = plain && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+:,/=@", *c) != NULL;
    if (t->text.n > 0)
        buf_puts(&t->text, " ");
    if (plain) {
        buf_puts(&t->text, word);
        return;
    }
    buf_puts(&t->text, "'");
    for (const char *c = word; *c != '\0'; c++)
        if (*c == '\'')
            buf_puts(&t->text, "'\\''");
        else
            buf_put(&t->text, c, 1);
    buf_puts(&t->text, "'");
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
