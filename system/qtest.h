/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device test protocol (-qtest): lines of text in, one reply line each, and "IRQ raise N" /
 * "IRQ lower N" lines when an intercepted pin changes. VM lock held, main loop.
 */
#pragma once
#include "base/core/vm.h"

typedef struct QtestSession QtestSession;
typedef struct QtestServer QtestServer;

/* The protocol alone: @send gets whole lines. */
QtestSession *qtest_session_new(Vm *vm, void (*send)(void *opaque, const char *text, size_t len),
                                void *opaque);
/* Gives intercepted pins back. */
void qtest_session_free(QtestSession *s);
/* Bytes from the client, in any pieces. A line over 64 MiB fails and is dropped. */
void qtest_session_feed(QtestSession *s, const char *data, size_t len);

/* A session on a chardev: @spec as -qtest takes it ("unix:PATH", "stdio", "chardev:ID"); @log a
   file that gets a copy of all lines, NULL or "none": no log. */
QtestServer *qtest_server_new(Vm *vm, const char *spec, const char *log, GError **error);
void qtest_server_free(QtestServer *server);
