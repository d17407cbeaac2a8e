/* Signals become bytes in a pipe; nothing else happens in a handler.  But for one thing: who is told to end while a
 * write waits for a terminal that takes nothing would never come to it, so the alarm does (quiet.c). */
#include "tui/term/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static int signal_pipe[2] = {-1, -1};
static atomic_int signal_bits;
static const struct { int number, bit; } signal_map[] = {
    {SIGWINCH, TERM_RESIZED}, {SIGTSTP, TERM_STOP}, {SIGCONT, TERM_CONTINUED},
    {SIGTERM, TERM_END}, {SIGHUP, TERM_END}, {SIGINT, TERM_END},
};
#define STALLED_S 5
#define SIGNAL_N (sizeof signal_map / sizeof *signal_map)
static struct sigaction signal_before[SIGNAL_N];

static void signal_arrived(int number) {
    int saved = errno, bit = 0;
    for (size_t i = 0; i < SIGNAL_N; i++)
        if (signal_map[i].number == number)
            bit = signal_map[i].bit;
    atomic_fetch_or(&signal_bits, bit);
    if (bit == TERM_END)
        alarm(STALLED_S);
    if (write(signal_pipe[1], "", 1) < 0) {
        /* full: the loop will wake anyway */
    }
    errno = saved;
}

enum err signals_open(struct error *e) {
    if (pipe(signal_pipe) != 0)
        return error_set(e, ERR_LIMIT, "no pipe to be had for signals");
    for (int i = 0; i < 2; i++) {
        fcntl(signal_pipe[i], F_SETFD, FD_CLOEXEC);
        fcntl(signal_pipe[i], F_SETFL, O_NONBLOCK);
    }
    for (size_t i = 0; i < SIGNAL_N; i++) {
        struct sigaction action = {.sa_handler = signal_arrived, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(signal_map[i].number, &action, &signal_before[i]);
    }
    return OK;
}

void signals_close(void) {
    alarm(0);
    for (size_t i = 0; i < SIGNAL_N; i++)
        sigaction(signal_map[i].number, &signal_before[i], NULL);
    for (int i = 0; i < 2; i++) {
        if (signal_pipe[i] >= 0)
            close(signal_pipe[i]);
        signal_pipe[i] = -1;
    }
}

int term_signal_fd(void) { return signal_pipe[0]; }

int term_signals(void) {
    char drain[64];
    while (read(signal_pipe[0], drain, sizeof drain) > 0) {
    }
    return atomic_exchange(&signal_bits, 0);
}

void signals_stop_self(void) {
    struct sigaction plain = {.sa_handler = SIG_DFL}, ours;
    sigset_t stop, before;
    sigemptyset(&plain.sa_mask);
    sigaction(SIGTSTP, &plain, &ours);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, &before);
    kill(0, SIGTSTP);
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGTSTP, &ours, NULL);
}
