/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the migration tests share: two programs, the guest that writes to 99 MiB without end (see
 * payload-x86_64.S, payload-s390x.S) and looks at both. All waits have deadlines, and a final state that is not the
 * wanted one is a failure at once.
 */
#pragma once
#include "libqtest.h"

#define V3      "pc-q35-10.0"
#define V4      "pc-q35-ferry-1.0"
#define S390_V3 "s390-ccw-virtio-10.0"
#define S390_V4 "s390-ccw-virtio-ferry-1.0"
#define SLOW    3000000 /* bytes a second */

#define DEADLINE   (QTEST_TIMEOUT_S * G_USEC_PER_SEC)
#define OK(q, ...) json_object_put(qtest_qmp_ok(q, __VA_ARGS__))

typedef struct {
    char *dir;
    QTest *src, *dst;
    bool sector; /* the guest is a disk's boot sector, and firmware starts it */
} Pair;

char *in_dir(Pair *p, const char *name);
/* query-migrate. */
json_object *query(QTest *q);
const char *member(json_object *o, const char *name);
int64_t ram_number(QTest *q, const char *name);
/* Polls until the status is @wanted; another final one than that is a failure at once. */
void wait_status(QTest *q, const char *wanted);
void wait_sent(QTest *q, int64_t bytes);
void wait_run_state(QTest *q, const char *wanted);
void wait_serial(Pair *p, const char *name, char wanted);
/* The name of the disk's file in the directory of a pair with a boot sector. */
#define SECTOR_FILE "bootsect"
/* A program with the guest; @serial is a file in the directory of @p. */
QTest *start(Pair *p, const char *machine, const char *serial, const char *more);
bool is_running(QTest *q);
/* The guest writes: a byte in the middle of its memory changes. */
void assert_alive(QTest *q);
/* One writer in one order: equal bytes, with at most one drop by one. The VM is stopped. */
void assert_consistent(QTest *q);
/* The guest runs on the destination, with its memory whole; it is stopped there. */
void check_moved(Pair *p, const char *dst_serial);
/* More than the guest dirties in a second, and time enough: the next round is the last. */
void let_it_converge(QTest *q);
void hold_it(QTest *q);
void set_cap(QTest *q, const char *name);
void open_dir(Pair *p);
void open_pair(Pair *p, const char *src_machine, const char *src_more, const char *dst_machine,
               const char *dst_more);
void open_equal(Pair *p, const char *machine);
void close_pair(Pair *p);
/* exit-on-error false, so that a failed destination can still be asked why. */
void incoming(QTest *q, const char *uri);
void migrate(QTest *q, const char *uri);
/* Both sides begin; the URI is the caller's. */
char *connect_unix(Pair *p);
/* error-desc of query-migrate has these words. */
void assert_cause(QTest *q, const char *words);

bool is_s390x(const char *machine);
bool is_version_3(const char *machine);
/* Cases /<arch>/migration/<name> on the machine types of stream version 4, and .../version-3/<name> on those of
 * version 3. @fn gets the machine. */
typedef struct {
    const char *name;
    GTestDataFunc fn;
    enum {
        ONE_VERSION,
        BOTH_VERSIONS,
        BOTH_ON_X86, /* on s390x version 4: what they differ in has nothing to do with the guest */
    } versions;
    bool seldom; /* on s390x only with FERRY_MIGRATION_ALL set */
} MigrationTest;
void add_tests(const MigrationTest *tests, size_t n);
/* One architecture's. */
void add_tests_of(bool s390x, const MigrationTest *tests, size_t n);
