/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Human monitor commands: a table of names, help and functions. The commands themselves are the
 * composition root's; the monitor splits lines and prints.
 */
#pragma once
#include <glib.h>

typedef struct Vm Vm;
struct Monitors;
struct Monitor;

typedef struct {
    Vm *vm;
    struct Monitors *monitors;
    struct Monitor *monitor; /* may be NULL */
    int cpu_index;           /* the current CPU of "cpu N" or of the request */
    const char *line;        /* everything after the command name */
    int argc;                /* words after the command name */
    char **argv;
    GString *out;
} HmpCall;

typedef struct {
    const char *name;   /* "cont|c": alternatives; "info status": two words */
    const char *params; /* shown by help */
    const char *help;
    void (*run)(HmpCall *call);
} HmpCommand;

void hmp_printf(HmpCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);
void hmp_puts(HmpCall *call, const char *text);
/* "Error: message"; the error is freed. */
void hmp_error(HmpCall *call, GError *error);
