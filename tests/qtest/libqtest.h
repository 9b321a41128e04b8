/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Driving the real program from a test: starts it with -accel qtest and its qtest and QMP sockets in
 * a private directory, and ends it again, by its process id, whatever happens.
 *
 * Every function asserts on failure: a test that cannot talk to the program is a failed test. Waits
 * have deadlines (QTEST_TIMEOUT_S), never fixed sleeps.
 */
#pragma once
#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define QTEST_TIMEOUT_S 120

typedef struct QTest QTest;

/* @guest "x86_64", ...; @args as on the command line, separated by blanks. The program is
   $FERRY_BIN, or $FERRY_BINARY_DIR/ferry-system-@guest. It runs no guest (-accel qtest) unless @args
   has an -accel of its own. */
QTest *qtest_start(const char *guest, const char *args, ...) G_GNUC_PRINTF(2, 3);
/* Quits through QMP, waits, and asserts that it ended well. */
void qtest_end(QTest *q);
/* Waits for the program to end by itself; returns its exit status. */
int qtest_wait_exit(QTest *q);
/* kill -9, and then as qtest_end. */
void qtest_kill(QTest *q);
/* Runs the program with these arguments to its end; *err is what it said on stderr. */
int qtest_run_once(const char *guest, const char *args, char **err);
int qtest_pid(QTest *q);

/* One command, one reply: what follows "OK " (owned by the caller). */
char *qtest_cmd(QTest *q, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The whole reply line, also a FAIL. */
char *qtest_cmd_raw(QTest *q, const char *format, ...) G_GNUC_PRINTF(2, 3);

uint8_t qtest_inb(QTest *q, uint16_t port);
uint16_t qtest_inw(QTest *q, uint16_t port);
uint32_t qtest_inl(QTest *q, uint16_t port);
void qtest_outb(QTest *q, uint16_t port, uint8_t value);
void qtest_outw(QTest *q, uint16_t port, uint16_t value);
void qtest_outl(QTest *q, uint16_t port, uint32_t value);
uint8_t qtest_readb(QTest *q, uint64_t addr);
uint16_t qtest_readw(QTest *q, uint64_t addr);
uint32_t qtest_readl(QTest *q, uint64_t addr);
uint64_t qtest_readq(QTest *q, uint64_t addr);
void qtest_writeb(QTest *q, uint64_t addr, uint8_t value);
void qtest_writew(QTest *q, uint64_t addr, uint16_t value);
void qtest_writel(QTest *q, uint64_t addr, uint32_t value);
void qtest_writeq(QTest *q, uint64_t addr, uint64_t value);
void qtest_memread(QTest *q, uint64_t addr, void *data, size_t len);
void qtest_memwrite(QTest *q, uint64_t addr, const void *data, size_t len);
void qtest_memset(QTest *q, uint64_t addr, uint8_t byte, size_t len);

/* Both return the new time in ns. */
int64_t qtest_clock_step(QTest *q, int64_t ns);
int64_t qtest_clock_step_next(QTest *q);

/* @name NULL: the unnamed pins. */
void qtest_intercept_in(QTest *q, const char *path, const char *name);
void qtest_intercept_out(QTest *q, const char *path, const char *name);
/* The last level of the intercepted pin @n (0-63). */
bool qtest_irq(QTest *q, int n);
/* How often it rose. */
unsigned qtest_irq_rises(QTest *q, int n);
void qtest_set_irq_in(QTest *q, const char *path, const char *name, int n, int level);

/* Only when the program has QMP (started with qtest_start unless @args said -no-qmp first). */
/* Sends a command, returns the whole response object (owned); events seen meanwhile are kept. */
json_object *qtest_qmp(QTest *q, const char *json_format, ...) G_GNUC_PRINTF(2, 3);
/* As above; asserts success and returns what "return" held (owned). */
json_object *qtest_qmp_ok(QTest *q, const char *json_format, ...) G_GNUC_PRINTF(2, 3);
/* As above with the whole command as it is; @fd goes along with it and stays the caller's. */
json_object *qtest_qmp_fd(QTest *q, int fd, const char *text);
/* The next event of that name (owned), within the deadline. */
json_object *qtest_event(QTest *q, const char *name);
