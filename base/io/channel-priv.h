/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kinds of channel share. */
#pragma once
#include "base/io/channel.h"

typedef struct {
    /* One transfer of 1..len bytes; 0: end (read only); -1 + error. Blocks as channel.h says. */
    ssize_t (*read)(Channel *c, void *buf, size_t len, GError **error);
    ssize_t (*write)(Channel *c, const void *buf, size_t len, GError **error);
    bool (*finish)(Channel *c, GError **error); /* may be NULL */
    void (*shutdown)(Channel *c);
    bool (*stop_reading)(Channel *c); /* false: cannot; may be NULL */
    bool (*hurry)(Channel *c);        /* ends the waiting; false: cannot; may be NULL */
    bool (*seek)(Channel *c, uint64_t offset, GError **error); /* may be NULL */
    void (*free)(Channel *c);
} ChannelOps;

struct Channel {
    const ChannelOps *ops;
    int refs;
    char *name;
    unsigned features;
    int timeout_ms;
    int cancelled;                      /* atomic */
    int64_t hurry_until_us;             /* atomic; of g_get_monotonic_time(), 0: no hurry */
    uint64_t bytes_read, bytes_written; /* atomic, relaxed */
};

void channel_init(Channel *c, const ChannelOps *ops, const char *name, unsigned features);
bool channel_is_cancelled(const Channel *c);
bool channel_cancelled_error(const Channel *c, GError **error);
