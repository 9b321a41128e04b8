/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server for GDB's remote protocol (GDB manual, appendix E "GDB Remote Serial Protocol").
 *
 * One debugger at a time, over a character device. Each vCPU is a thread, numbered from 1. The VM
 * stops (run state paused) when a debugger comes, and with run state debug at a breakpoint.
 * Main loop thread, VM lock held.
 */
#pragma once
#include "backend/chardev/chardev.h"
#include "base/core/vm.h"
#include "exec/engine.h"

#define FERRY_GDB_ERROR (ferry_gdb_error_quark())
GQuark ferry_gdb_error_quark(void);
typedef enum {
    FERRY_GDB_ERROR_TARGET, /* no CPU, or a guest without a register table */
} FerryGdbError;

typedef struct GdbServer GdbServer;

typedef struct {
    Vm *vm;
    ExecEngine *engine; /* borrowed; outlives the server */
    /* Run a command of the human monitor ("monitor ..." in GDB); returns its text, which the
     * caller frees. NULL: GDB is told that there is none. */
    char *(*monitor)(void *opaque, const char *line);
    void *opaque;
} GdbHost;

/* Takes the chardev. NULL + error: it is in use, or the guest has no CPU to look at. */
GdbServer *gdb_server_new(const GdbHost *host, Chardev *chardev, GError **error);
/* A debugger that is connected is told that the program ended. */
void gdb_server_free(GdbServer *server);
