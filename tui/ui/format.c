#include "tui/ui/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

char *fmt_group(char *out, int64_t v) {
    char digits[24];
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    int n = snprintf(digits, sizeof digits, "%" PRIu64, u), at = 0;
    if (v < 0)
        out[at++] = '-';
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static char *fmt_short(char *out, double v) {
    static const char units[] = "kMGTPE";
    int unit = -1;
    double a = v < 0 ? -v : v;
    while (a >= 999.95 && unit < 5) {
        a /= 1000;
        unit++;
    }
    if (unit < 0)
        snprintf(out, FORMAT_SIZE, "%.1f", v);
    else
        snprintf(out, FORMAT_SIZE, "%s%.1f%c", v < 0 ? "-" : "", a, units[unit]);
    return out;
}

char *fmt_count(char *out, int64_t v, int max_w, bool exact) {
    fmt_group(out, v);
    return exact || (int)strlen(out) <= max_w ? out : fmt_short(out, (double)v);
}

char *fmt_bytes(char *out, int64_t v, bool exact) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (exact || v < 1024) {
        fmt_group(out, v);
        size_t n = strlen(out);
        snprintf(out + n, FORMAT_SIZE - n, " B");
        return out;
    }
    double a = (double)v;
    int unit = 0;
    while (a >= 1023.95 && unit < 6) {
        a /= 1024;
        unit++;
    }
    snprintf(out, FORMAT_SIZE, "%.1f %s", a, units[unit]);
    return out;
}

char *fmt_rate(char *out, double v, bool exact) {
    if (exact && v >= 1000)
        return fmt_group(out, (int64_t)(v + 0.5));
    if (v > -0.05 && v < 0.05) {
        snprintf(out, FORMAT_SIZE, "0");
        return out;
    }
    return fmt_short(out, v);
}

char *fmt_age(char *out, int64_t us) {
    double s = (double)us / 1e6;
    if (s < 0)
        s = 0;
    if (s < 9.95)
        snprintf(out, FORMAT_SIZE, "%.1f s", s);
    else if (s < 120)
        snprintf(out, FORMAT_SIZE, "%.0f s", s);
    else if (s < 7200)
        snprintf(out, FORMAT_SIZE, "%.0f min", s / 60);
    else if (s < 172800)
        snprintf(out, FORMAT_SIZE, "%.0f h", s / 3600);
    else
        snprintf(out, FORMAT_SIZE, "%.0f d", s / 86400);
    return out;
}

char *fmt_took(char *out, int64_t us) {
    if (us < 1000)
        snprintf(out, FORMAT_SIZE, "%d us", (int)(us < 0 ? 0 : us));
    else if (us < 1000000)
        snprintf(out, FORMAT_SIZE, "%.1f ms", (double)us / 1e3);
    else
        snprintf(out, FORMAT_SIZE, "%.1f s", (double)us / 1e6);
    return out;
}

char *fmt_time(char *out, int64_t wall_ms, bool with_date) {
    time_t s = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0 ? 1 : 0));
    struct tm tm;
    if (!localtime_r(&s, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099) {
        snprintf(out, FORMAT_SIZE, "%" PRId64, wall_ms);
        return out;
    }
    size_t n = strftime(out, FORMAT_SIZE, with_date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
    snprintf(out + n, FORMAT_SIZE - n, ".%03d", (int)(wall_ms - (int64_t)s * 1000));
    return out;
}

char *fmt_day(char *out, int64_t wall_ms) {
    fmt_time(out, wall_ms, true);
    if (strlen(out) > 10)
        out[10] = '\0';
    return out;
}

char *fmt_ms_config(char *out, int64_t ms) {
    static const struct { int64_t ms; const char *unit; } units[] = {
        {86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (ms > 0 && ms % units[i].ms == 0) {
            snprintf(out, FORMAT_SIZE, "%" PRId64 " %s", ms / units[i].ms, units[i].unit);
            return out;
        }
    snprintf(out, FORMAT_SIZE, "%" PRId64 " ms", ms);
    return out;
}
