/* `weir serve`: the broker in the foreground, from options to exit code.
 *
 * Order of the start, so that a refusal leaves everything untouched:
 *   options -> owner of the directory? foreign directory? -> bind -> make and lock the
 *   directory -> recover -> listen -> lock file, address file and the line on stdout
 * Order of the end (SIGTERM, SIGINT, or the control socket's stop):
 *   stop listening and reading -> what was appended becomes durable and is answered
 *   (at most 5 s) -> connections closed -> checkpoint -> lock emptied
 * A second signal kills; the next start then recovers.
 *
 * Thread: the main thread. */
#ifndef WEIR_NET_SERVE_H
#define WEIR_NET_SERVE_H

#include "core/broker/broker.h"

enum serve_exit {
    SERVE_OK = 0,
    SERVE_FAILED = 1,        /* the disk, the store, the system */
    SERVE_USAGE = 2,         /* options or the configuration file */
    SERVE_LOCKED = 3,        /* another weir owns the data directory */
    SERVE_PORT_TAKEN = 4,
    SERVE_FOREIGN = 5,       /* the data directory is not weir's */
};

struct serve_options {
    const char *data_dir;            /* NULL: $XDG_DATA_HOME/weir, else ~/.local/share/weir */
    bool ephemeral;                  /* a private directory under $TMPDIR, removed at the end */
    const char *listen;              /* NULL: 127.0.0.1:9092 */
    const char *advertise;           /* NULL: the listener's, for a wildcard the address a client came to */
    bool insecure_listen;
    const char *durability;          /* NULL or "fsync", "os" */
    const char *address_file;        /* NULL: none */
    bool attended;                   /* started by a console: ends by itself when nobody is left */
    bool remove_data;                /* data_dir is a private directory: removed at the end */
    int ready_fd;                    /* the address goes there as a line, then it is closed; 0: none */
    bool strict_replication;         /* a replication factor above 1 is refused, not taken as 1 */
    const struct broker_setting *settings;
    size_t n_settings;
    const char *version;
};
/* Returns the exit code; complaints go to stderr. */
int serve_main(const struct serve_options *o);

/* false: there is no home to put it in. */
bool serve_default_data_dir(char *out, size_t out_size);
/* The running broker of a data directory.  OK with address "": it is still starting.
 * ERR_NOT_FOUND: nobody. */
#define SERVE_ADDRESS_SIZE 300
enum err serve_find_owner(const char *data_dir, long *pid, char address[SERVE_ADDRESS_SIZE]) WEIR_MUST_CHECK;

#endif
