/* weir cluster: brokers, controller, versions.  Main thread. */
#include "tui/cli/output.h"
#include "tui/cli/session.h"

static bool brokers_are_here(struct session *s, void *ctx) {
    (void)ctx;
    if (s->snapshot == NULL || s->snapshot->topics_state == VALUE_WANTED || s->snapshot->brokers.n == 0)
        return false;
    for (int32_t i = 0; i < s->snapshot->brokers.n; i++) {
        const struct model_broker *b = &s->snapshot->brokers.v[i];
        if (b->answered.state == VALUE_WANTED || b->bytes.state == VALUE_WANTED)
            return false;
    }
    return s->snapshot->controller_true || (s->snapshot->settled && s->snapshot->interest > 0);
}

static const struct out_column cluster_columns[] = {
    {"cluster_id", "CLUSTER", false}, {"version", "VERSION", false}, {"controller_id", "CONTROLLER", true},
    {"controller_from_quorum", NULL, false}, {"brokers", "BROKERS", true}, {"topics", "TOPICS", true},
    {"address", "ADDRESS", false}, {"durability", "DURABILITY", false}, {"data_dir", "DATA", false},
};
static const struct out_column broker_columns[] = {
    {"node_id", "NODE", true}, {"host", "HOST", false}, {"port", "PORT", true}, {"rack", NULL, false},
    {"is_controller", "CONTROLLER", false}, {"is_voter", NULL, false}, {"leads", "LEADS", true},
    {"groups", "GROUPS", true}, {"size_bytes", "BYTES", true}, {"round_trip_us", "ANSWERS IN US", true},
    {"error", "ERROR", false},
};

static void print_cluster(struct session *s, struct out *out) {
    const struct snapshot *p = s->snapshot;
    out_section(out, "cluster", OUT_COLUMNS(cluster_columns));
    out_text(out, p->cluster_id);
    out_text(out, p->version);
    out_known(out, p->controller >= 0, p->controller);
    out_bool(out, p->controller_true && p->controller_epoch >= 0); /* ZooKeeper has no epoch here */
    out_number(out, p->brokers.n);
    out_number(out, p->topics.n);
    out_text(out, p->address);
    out_text(out, p->durability.n > 0 ? p->durability : SLICE_NULL);
    out_text(out, p->data_dir);
    out_section(out, "brokers", OUT_COLUMNS(broker_columns));
    for (int32_t i = 0; i < p->brokers.n; i++) {
        const struct model_broker *b = &p->brokers.v[i];
        out_number(out, b->id);
        out_text(out, b->host.n > 0 ? b->host : SLICE_NULL);
        if (b->host.n > 0)
            out_number(out, b->port);
        else
            out_null(out);
        out_text(out, b->rack);
        out_bool(out, b->id == p->controller);
        out_bool(out, b->voter);
        out_value(out, &b->leads);
        out_value(out, &b->groups);
        out_value(out, &b->bytes);
        out_value(out, &b->answered);
        out_text(out, b->why);
    }
}

int cluster_run(const struct cli_options *o) {
    struct session s;
    struct out out;
    int code = EXIT_FAILED;
    if (!session_open(&s, o))
        return code;
    struct client_interest interest = {.sizes = true, .quorum = true};
    client_set_interest(s.client, &interest);
    if (session_wait(&s, brokers_are_here, NULL, "cluster")) {
        out_begin(&out, o);
        print_cluster(&s, &out);
        code = out_end(&out);
        if (session_complain_brokers(&s))
            code = EXIT_FAILED;
    }
    session_close(&s);
    return code;
}

int stop_run(const struct cli_options *o) {
    struct place place;
    struct error e;
    if (o->broker != NULL) {
        cli_complain("stop ends weir's own broker; %s is somebody else's", o->broker);
        return EXIT_WRONG_USAGE;
    }
    enum err r = place_attach(&place, o, &e);
    int code = EXIT_OK;
    if (r == ERR_NOT_FOUND) {
        cli_complain("no broker is running in %s", place.data_dir);
        code = EXIT_FAILED;
    } else if (r != OK) {
        cli_complain("%s", e.text);
        code = EXIT_FAILED;
    } else {
        place_stop(&place);
        place_leave(&place);
    }
    place_fini(&place);
    return code;
}
