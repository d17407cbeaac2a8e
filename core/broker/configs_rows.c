/* The tables of configs.def and their lookup.  Constant. */
#include "core/broker/internal.h"

static const struct config_row topic_rows[] = {
#define TOPIC(name_, type_, def_, broker_, rule_, acts_, doc_) \
    {.name = name_, .type = CONFIG_##type_, .def = def_, .broker = broker_, .rule = rule_, .acts = acts_, .doc = doc_},
#include "core/broker/configs.def"
};
static const struct config_row broker_rows[] = {
#define BROKER(name_, type_, def_, rule_, update_, acts_, doc_) \
    {.name = name_, .type = CONFIG_##type_, .def = def_, .rule = rule_, .update = UPDATE_##update_, .acts = acts_, \
     .doc = doc_},
#define INERT(name_, type_, def_) \
    {.name = name_, .type = CONFIG_##type_, .def = def_, .rule = "", \
     .doc = "One of Kafka's; nothing in weir depends on it, so it cannot be changed while it runs."},
#include "core/broker/configs.def"
};
static const struct config_row group_rows[] = {
#define GROUP(name_, type_, def_, rule_, doc_) \
    {.name = name_, .type = CONFIG_##type_, .def = def_, .broker = "group." name_, .rule = rule_, .doc = doc_},
#include "core/broker/configs.def"
};
static const struct config_row metrics_rows[] = {
#define METRICS(name_, type_, def_, rule_, doc_) \
    {.name = name_, .type = CONFIG_##type_, .def = def_, .rule = rule_, .doc = doc_},
#include "core/broker/configs.def"
};

#define TABLE(rows) {rows, sizeof(rows) / sizeof *(rows)}
static const struct { const struct config_row *rows; size_t n; } tables[] = {
    [SCOPE_TOPIC] = TABLE(topic_rows),
    [SCOPE_BROKER] = TABLE(broker_rows),
    [SCOPE_GROUP] = TABLE(group_rows),
    [SCOPE_METRICS] = TABLE(metrics_rows),
};

const struct config_row *config_rows(enum config_scope scope, size_t *n) {
    *n = tables[scope].n;
    return tables[scope].rows;
}

const struct config_row *config_row_find(enum config_scope scope, struct slice name) {
    size_t high = tables[scope].n, low = 0;
    const struct config_row *rows = tables[scope].rows;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = slice_cmp(name, slice_cstr(rows[middle].name));
        if (c == 0)
            return &rows[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
