/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ASCII console and the line-mode console of s390x machines, and the bus of the event facility that it plugs into. The
 * facility (hw/s390x) owns the bus and moves the bytes; the console is the host's side of it.
 * VM lock held for everything.
 */
#pragma once
#include "hw/core/device.h"

#define TYPE_SCLP_EVENT_BUS      "s390-sclp-events-bus"
#define TYPE_SCLP_EVENT_FACILITY "s390-sclp-event-facility" /* has the bus */

#define TYPE_SCLP_LINE_CONSOLE "sclplmconsole"

typedef struct SclpConsole SclpConsole;
typedef struct SclpLineConsole SclpLineConsole;

typedef struct SclpEventBus {
    Bus bus;               /* first */
    SclpConsole *console;  /* borrowed; NULL without one */
    SclpLineConsole *line; /* likewise */
    /* Input has come. */
    void (*input)(void *opaque);
    void *opaque;
} SclpEventBus;

/* Bytes typed and not yet read. */
unsigned sclp_console_pending(const SclpConsole *c);
/* Takes up to @n of them. */
unsigned sclp_console_read(SclpConsole *c, uint8_t *buf, unsigned n);
void sclp_console_write(SclpConsole *c, const uint8_t *buf, unsigned n);
void sclp_console_drop_input(SclpConsole *c);

/* Line mode: is a whole line there; take it without its end; what the guest says. */
bool sclp_line_pending(const SclpLineConsole *c);
unsigned sclp_line_read(SclpLineConsole *c, uint8_t *buf, unsigned n);
void sclp_line_write(SclpLineConsole *c, const char *text, unsigned n);
void sclp_line_drop_input(SclpLineConsole *c);

extern const TypeInfo sclp_console_types[], sclp_line_console_types[];
extern const size_t sclp_console_types_count, sclp_line_console_types_count;
