/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel that breaks at a chosen byte: what tests put under a migration to prove that nothing
 * is lost wherever the world fails.
 */
#include <string.h>
#include "base/util/size.h"
#include "channel-priv.h"

typedef struct {
    Channel c;
    Channel *inner;
    ChannelFault fault;
    uint64_t pos[2]; /* bytes passed: read, write */
    bool cut;
} FaultChannel;

/* The byte at which the fault sits in the direction, UINT64_MAX if in the other one. */
static uint64_t fault_byte(const FaultChannel *f, bool is_write)
{
    if (f->fault.on_write != is_write) {
        return UINT64_MAX;
    }
    return f->fault.kind == CHANNEL_FAULT_FLIP ? f->fault.at / 8 : f->fault.at;
}

static ssize_t injected(const FaultChannel *f, GError **error)
{
    g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_INJECTED,
                "%s: injected failure at byte %" G_GUINT64_FORMAT, f->c.name, f->fault.at);
    return -1;
}

/* Called when the next byte is the faulty one. Returns 1: go on, 0: end, -1: error. */
static int strike(FaultChannel *f, GError **error)
{
    switch (f->fault.kind) {
    case CHANNEL_FAULT_FAIL: return (int)injected(f, error);
    case CHANNEL_FAULT_CUT:
        f->cut = true;
        channel_shutdown(f->inner);
        return 0;
    case CHANNEL_FAULT_DELAY: g_usleep((gulong)f->fault.delay_ms * 1000); return 1;
    default: return 1;
    }
}

static ssize_t fault_read(Channel *c, void *buf, size_t len, GError **error)
{
    FaultChannel *f = (FaultChannel *)c;
    uint64_t at = fault_byte(f, false);
    if (f->cut) {
        return 0;
    }
    if (f->pos[0] < at && at - f->pos[0] < len) {
        len = at - f->pos[0]; /* stop right before it */
    } else if (f->pos[0] == at) {
        int go = strike(f, error);
        if (go <= 0) {
            return go;
        }
        len = 1;
    }
    ssize_t n = channel_read(f->inner, buf, len, error);
    if (n == 1 && f->pos[0] == at && f->fault.kind == CHANNEL_FAULT_FLIP) {
        *(uint8_t *)buf ^= (uint8_t)(1 << f->fault.at % 8);
    }
    if (n > 0 && f->fault.kind == CHANNEL_FAULT_TRUNCATE && f->pos[0] >= at) {
        return 0;
    }
    f->pos[0] += n > 0 ? (uint64_t)n : 0;
    return n;
}

static ssize_t fault_write(Channel *c, const void *buf, size_t len, GError **error)
{
    FaultChannel *f = (FaultChannel *)c;
    uint64_t at = fault_byte(f, true);
    uint8_t flipped;
    if (f->cut) {
        return injected(f, error);
    }
    if (f->fault.kind == CHANNEL_FAULT_TRUNCATE && f->pos[1] >= at) {
        return (ssize_t)len;
    }
    if (f->pos[1] < at && at - f->pos[1] < len) {
        len = at - f->pos[1];
    } else if (f->pos[1] == at) {
        int go = strike(f, error);
        if (go <= 0) {
            return go < 0 ? go : injected(f, error);
        }
        len = 1;
        if (f->fault.kind == CHANNEL_FAULT_FLIP) {
            flipped = *(const uint8_t *)buf ^ (uint8_t)(1 << f->fault.at % 8);
            buf = &flipped;
        }
    }
    if (!channel_write_all(f->inner, buf, len, error)) {
        return -1;
    }
    f->pos[1] += len;
    return (ssize_t)len;
}

static bool fault_finish(Channel *c, GError **error)
{
    return channel_finish(((FaultChannel *)c)->inner, error);
}

static void fault_shutdown(Channel *c)
{
    channel_shutdown(((FaultChannel *)c)->inner);
}

static void fault_free(Channel *c)
{
    channel_unref(((FaultChannel *)c)->inner);
}

static const ChannelOps fault_ops = {
    .read = fault_read,
    .write = fault_write,
    .finish = fault_finish,
    .shutdown = fault_shutdown,
    .free = fault_free,
};

Channel *channel_new_fault(Channel *inner, const ChannelFault *fault)
{
    FaultChannel *f = g_new0(FaultChannel, 1);
    channel_init(&f->c, &fault_ops, inner->name, inner->features & ~(unsigned)CHANNEL_CAN_SEEK);
    f->inner = inner;
    f->fault = *fault;
    return &f->c;
}

bool channel_fault_parse(const char *text, ChannelFault *fault, GError **error)
{
    static const char *const kinds[] = { "cut", "flip", "fail", "delay", "truncate", NULL };
    g_auto(GStrv) parts = g_strsplit(text, ":", -1);
    guint n = g_strv_length(parts);
    int kind = -1;
    for (int i = 0; n && kinds[i]; i++) {
        kind = strcmp(parts[0], kinds[i]) ? kind : i;
    }
    bool delay = kind == CHANNEL_FAULT_DELAY;
    if (kind < 0 || n != (delay ? 4u : 3u) ||
        (strcmp(parts[1], "read") && strcmp(parts[1], "write"))) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS,
                    "'%s' is not of the form KIND:read|write:BYTE[:MS]", text);
        return false;
    }
    uint64_t ms = 0;
    *fault = (ChannelFault){ .kind = (ChannelFaultKind)kind, .on_write = *parts[1] == 'w' };
    if (!uint_parse("byte", parts[2], 0, UINT64_MAX - 1, &fault->at, error) ||
        (delay && !uint_parse("delay", parts[3], 0, 60000, &ms, error))) {
        return false;
    }
    fault->delay_ms = (unsigned)ms;
    return true;
}
