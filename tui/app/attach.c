/* `weir`: finds or starts the broker, runs the console on it, leaves.
 * Main thread. */
#include "tui/app/app.h"

int app_console(const struct cli_options *o) {
    (void)o;
    cli_complain("this build has no console yet; weir --help lists the commands");
    return EXIT_FAILED;
}
