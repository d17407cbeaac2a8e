#include "tui/term/quiet.h"

#include "core/base/text.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#define KEPT_MAX 65536

static int quiet_real = -1, quiet_kept = -1;
static char quiet_restore[256];
static struct termios quiet_modes;
static int quiet_have_modes;

/* The alarm: the terminal takes nothing (signals.c).  The others that end a program without asking. */
static const int crash_signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2};
static char crash_stack[16384]; /* the main thread's own may be what overflowed */

/* Only calls that a signal handler may make. */
static void crashed(int number) {
    char block[1024];
    ssize_t n;
    tcflush(STDOUT_FILENO, TCOFLUSH); /* half a frame; and the rest must not wait for it */
    if (write(STDOUT_FILENO, quiet_restore, strlen(quiet_restore)) < 0) {
        /* nothing left to try */
    }
    if (quiet_have_modes)
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet_modes);
    if (quiet_kept >= 0 && lseek(quiet_kept, 0, SEEK_SET) == 0)
        while ((n = read(quiet_kept, block, sizeof block)) > 0) {
            for (ssize_t i = 0; i < n; i++)
                if ((block[i] < 0x20 || block[i] > 0x7e) && block[i] != '\n')
                    block[i] = '?';
            if (write(quiet_real, block, (size_t)n) < 0)
                break;
        }
    signal(number, SIG_DFL);
    raise(number);
}

void quiet_begin(void) {
    quiet_have_modes = tcgetattr(STDIN_FILENO, &quiet_modes) == 0;
    quiet_kept = memfd_create("stderr", MFD_CLOEXEC);
    quiet_real = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (quiet_kept >= 0 && quiet_real >= 0 && isatty(STDERR_FILENO))
        dup2(quiet_kept, STDERR_FILENO);
}

void quiet_on_crash(const char *sequences) {
    snprintf(quiet_restore, sizeof quiet_restore, "%s", sequences);
    sigaltstack(&(stack_t){.ss_sp = crash_stack, .ss_size = sizeof crash_stack}, NULL);
    for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++) {
        struct sigaction action = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};
        sigaction(crash_signals[i], &action, NULL);
    }
}

void quiet_end(void) {
    static uint8_t kept[KEPT_MAX];
    struct buf shown = {0};
    for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++)
        signal(crash_signals[i], SIG_DFL);
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    if (quiet_real < 0)
        return;
    dup2(quiet_real, STDERR_FILENO);
    close(quiet_real);
    quiet_real = -1;
    if (quiet_kept < 0)
        return;
    ssize_t n = pread(quiet_kept, kept, sizeof kept, 0);
    for (ssize_t from = 0, i = 0; i < n; i++)
        if (kept[i] == '\n' || i + 1 == n) {
            text_sanitize(&shown, slice_of(kept + from, (size_t)(i - from + (kept[i] != '\n'))), 4096);
            buf_puts(&shown, "\n");
            from = i + 1;
        }
    if (shown.n)
        fwrite(shown.p, 1, shown.n, stderr);
    buf_fini(&shown);
    close(quiet_kept);
    quiet_kept = -1;
}
