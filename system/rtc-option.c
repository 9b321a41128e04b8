/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -rtc: where the guest's wall clock starts and what it runs on. It becomes global properties of the
 * real-time clock device (of s390x: its TOD clock, which always runs on the virtual clock).
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "system/keyval.h"
#include "system-priv.h"

static bool bad(GError **error, const char *key, const char *value, const char *expected)
{
    g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                "-rtc: invalid value '%s' for '%s', expected %s", value, key, expected);
    return false;
}

/* "2006-06-17T16:01:21" or "2006-06-17", UTC. */
static bool parse_date(const char *text, int64_t *out)
{
    struct tm tm = { 0 };
    int end = 0, full = 0;
    int n = sscanf(text, "%4d-%2d-%2d%nT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &end,
                   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &full);

    if ((n != 3 || text[end]) && (n != 6 || text[full])) {
        return false;
    }
    if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
        tm.tm_sec > 59) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *out = timegm(&tm);
    return true;
}

static bool apply_base(Vm *vm, const char *base, GError **error)
{
    int64_t start;

    if (!strcmp(base, "utc")) {
        return true;
    }
    if (!strcmp(base, "localtime")) {
        time_t now = time(NULL);
        struct tm tm;

        localtime_r(&now, &tm);
        start = timegm(&tm);
    } else if (!parse_date(base, &start)) {
        return bad(error, "base", base, "utc, localtime or a date such as 2006-06-17T16:01:21");
    }
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, start);

    return machine_add_global(vm, "mc146818rtc", "x-base", text, error) &&
           machine_add_global(vm, "s390-tod-qemu", "x-base", text, error);
}

bool options_apply_rtc(System *sys, GError **error)
{
    static const char *const known[] = { "base", "clock", "driftfix", NULL };
    Vm *vm = sys->vm;

    if (!sys->cmd->rtc) {
        return true;
    }
    GVariant *parsed = keyval_parse(sys->cmd->rtc, NULL, error);
    g_autoptr(GVariant) props = parsed ? g_variant_ref_sink(parsed) : NULL;

    if (!props || !keyval_only(props, known, error)) {
        g_prefix_error(error, "-rtc: ");
        return false;
    }
    const char *base = keyval_str(props, "base"), *clock = keyval_str(props, "clock");
    const char *driftfix = keyval_str(props, "driftfix");

    if (clock && strcmp(clock, "host") && strcmp(clock, "rt") && strcmp(clock, "vm")) {
        return bad(error, "clock", clock, "host, rt or vm");
    }
    if (driftfix && strcmp(driftfix, "none") && strcmp(driftfix, "slew")) {
        return bad(error, "driftfix", driftfix, "none or slew");
    }
    return (!base || apply_base(vm, base, error)) &&
           (!clock || machine_add_global(vm, "mc146818rtc", "x-clock", clock, error)) &&
           (!driftfix || strcmp(driftfix, "slew") ||
            machine_add_global(vm, "mc146818rtc", "lost_tick_policy", "slew", error));
}
