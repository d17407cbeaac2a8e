/* While the screen is up nothing else may write on the terminal: what libraries
 * print to stderr is kept in memory and told when the screen is gone.  A crash
 * gives the terminal back first. */
#ifndef WEIR_TERM_QUIET_H
#define WEIR_TERM_QUIET_H

void quiet_begin(void);
void quiet_end(void);       /* restores stderr and prints what was kept, sanitised */
/* What the terminal needs to be itself again, for the crash handler: written as it is. */
void quiet_on_crash(const char *sequences);

#endif
