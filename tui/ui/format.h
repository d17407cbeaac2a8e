/* Numbers, sizes, rates, ages and times for people: short, units last.  `exact`
 * (the = key) writes every digit.  Pure; out has FORMAT_SIZE bytes. */
#ifndef WEIR_UI_FORMAT_H
#define WEIR_UI_FORMAT_H

#include <stdbool.h>
#include <stdint.h>


#define FORMAT_SIZE 40

char *fmt_group(char *out, int64_t v);                              /* 1,204,551 */
char *fmt_count(char *out, int64_t v, int max_w, bool exact);       /* the same, or 1.2M where it is too long */
char *fmt_bytes(char *out, int64_t v, bool exact);                  /* 14.1 GiB; 15,139,759,390 B */
char *fmt_rate(char *out, double v, bool exact);                    /* 312.0  2.1k  61.2k  1.2M */
char *fmt_age(char *out, int64_t us);                               /* 0.4 s  12 s  3 min  2 h  7 d */
char *fmt_took(char *out, int64_t us);                              /* 85 us  1.2 ms  3.4 s */
char *fmt_time(char *out, int64_t wall_ms, bool with_date);         /* 14:26:19.355, local */
char *fmt_day(char *out, int64_t wall_ms);                          /* 2024-05-31 */
/* A duration of a config: 7 d, 1 h, 500 ms; exact only (no rounding): else milliseconds. */
char *fmt_ms_config(char *out, int64_t ms);

#endif
