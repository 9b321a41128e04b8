/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two programs and a relay between them that breaks their migration at a chosen byte of either
 * direction, and what must hold after any attempt: never two that run, a source that runs on unless
 * it may have handed the guest over, and a cause on both sides. The machines execute nothing and
 * have 4 MiB, so that an attempt takes milliseconds.
 */
#pragma once
#include "libqtest.h"

#define V3       "pc-q35-10.0"
#define V4       "pc-q35-ferry-1.0"
#define S390_V3  "s390-ccw-virtio-10.0"
#define S390_V4  "s390-ccw-virtio-ferry-1.0"
#define DEADLINE (QTEST_TIMEOUT_S * G_USEC_PER_SEC)
#define FOREVER  INT64_MAX

#define OK(q, ...) json_object_put(qtest_qmp_ok(q, __VA_ARGS__))

enum {
    TO_DST,
    TO_SRC
};

/* Changes the payload of one version 4 frame on its way to the destination; true: it is other now. */
typedef bool (*FrameEdit)(GByteArray *payload, unsigned number, const void *opaque);

/* What happens to each direction, by bytes passed; RELAY_CLEAN: nothing. */
typedef struct {
    int64_t cut[2];     /* then the connection is closed */
    int64_t swallow[2]; /* then all is read and nothing passed on */
    int64_t hold[2];    /* then nothing is read until relay_release() */
    int64_t late[2];    /* the next byte comes late */
    int64_t flip[2];    /* this bit; -1: none */
    int64_t version;    /* written over the header's version; 0: not */
    FrameEdit edit;
    const void *edit_opaque;
    GByteArray *keep[2]; /* what passed; NULL: do not */
    /* private */
    char *to;
    int listener;
    GThread *thread;
    int64_t passed[2];
    int64_t last_word_us; /* when the last byte went to the source, or the connection was cut */
    GByteArray *frames;   /* not yet whole */
    unsigned number;
    uint64_t sequence;
    GMutex mutex;
    GCond cond;
    bool held, released, over;
} Relay;
#define RELAY_CLEAN                                                           \
    {                                                                         \
        .cut = { FOREVER, FOREVER }, .swallow = { FOREVER, FOREVER },         \
        .hold = { FOREVER, FOREVER }, .late = { FOREVER, FOREVER }, .flip = { \
            -1,                                                               \
            -1                                                                \
        }                                                                     \
    }

void relay_start(Relay *r, const char *at);
/* Waits until it holds; false: it was over before, as where a side did not hear the other in time. Then lets it go on. */
bool relay_wait_held(Relay *r);
void relay_release(Relay *r);
void relay_end(Relay *r);

typedef struct {
    const char *machine, *more_src, *more_dst;
    char *owned[2]; /* options, if the pair shall free them */
    char *dir;
    QTest *src, *dst;
    char src_status[32], dst_status[32], *src_desc, *dst_desc;
    int64_t
        resumed_us; /* from the last word to the source, or the cut, until it ran again; -1: it did not */
} BrokenPair;

/* The guest's architecture, and whether the machine type speaks version 3 of the stream. */
const char *arch_of(const char *machine);
bool is_v3(const char *machine);
/* The case /<arch>/migration/<name>, of version 3 /<arch>/migration/version-3/<name>. */
void pair_add_test(const char *machine, const char *name, GTestDataFunc fn, gconstpointer data);

/* @more: options of both, @more_dst: of the destination alone; NULL: none. */
void pair_open(BrokenPair *p, const char *machine, const char *more_src, const char *more_dst);
/* The same in two steps, for options that name files in its directory. */
void pair_prepare(BrokenPair *p, const char *machine);
void pair_start(BrokenPair *p);
void pair_close(BrokenPair *p);
void new_destination(BrokenPair *p);
void new_source(BrokenPair *p);
void set_cap(QTest *q, const char *name);
void set_cap_to(QTest *q, const char *name, bool on);
void set_param(QTest *q, const char *name, int64_t value);
const char *member(json_object *o, const char *name);
bool is_running(QTest *q);
/* Of query-migrate: nothing comes after it by itself. */
bool is_final(const char *status);
/* Polls; any other final state than @wanted is a failure at once. */
void wait_for_status(QTest *q, const char *wanted);
void wait_final(QTest *q, char status[32], char **desc);
/* Both sides begin, through @r. */
void begin(BrokenPair *p, Relay *r);
/* Both sides end, and the relay; then what must hold after any attempt. */
void conclude(BrokenPair *p, Relay *r);
void attempt(BrokenPair *p, Relay *r);
/* After an attempt: a source that runs, and a destination that waits. */
void recover(BrokenPair *p);

/* An undisturbed migration: its bytes each way, and how many to the destination come before those that
   may start the guest: GO, or in version 3 the end mark. */
typedef struct {
    int64_t to_dst, to_src, safe;
    GArray *edges[2]; /* int64_t: where a message begins or ends; version 4 */
} Lengths;
Lengths measure(BrokenPair *p);
void lengths_clear(Lengths *l);
