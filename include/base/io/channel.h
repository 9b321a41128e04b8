/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels: what a migration stream goes through. A byte pipe with two ends over a socket, a file,
 * a pair of pipes to a command, or memory; and a wrapper that injects faults.
 *
 * Calls block, but never for longer than the channel's deadline, and channel_shutdown() from any
 * other thread makes them return at once. One thread reads and one writes at a time.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/io/socket-address.h"

typedef struct Channel Channel;

typedef enum {
    CHANNEL_CAN_READ = 1 << 0,
    CHANNEL_CAN_WRITE = 1 << 1,
    CHANNEL_CAN_SEEK = 1 << 2,
    CHANNEL_TWO_WAY = CHANNEL_CAN_READ | CHANNEL_CAN_WRITE,
} ChannelFeatures;

/* A descriptor of any kind; ownership passes. @what names it in errors ("tcp:host:4444"). */
Channel *channel_new_fd(int fd, const char *what);
/* Connects within @timeout_ms (-1: no limit), unless @cancel_fd (-1: none) becomes readable. */
Channel *channel_connect(const SocketAddress *addr, int timeout_ms, int cancel_fd, GError **error);
/* A file from byte @offset on; for writing it is created, and truncated when @offset is 0. */
Channel *channel_open_file(const char *path, bool for_write, uint64_t offset, GError **error);
/* /bin/sh -c @command, its input and output being the channel. */
Channel *channel_exec(const char *command, GError **error);
/* Memory: reads give @data (copied), writes append; see channel_buffer_written. */
Channel *channel_new_buffer(const void *data, size_t len);
GBytes *channel_buffer_written(Channel *c);

Channel *channel_ref(Channel *c);
/* Closes at the last reference. */
void channel_unref(Channel *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Channel, channel_unref)

unsigned channel_features(const Channel *c);
const char *channel_name(const Channel *c);
/* Milliseconds that one call may wait without any progress; -1: for ever (the default). */
void channel_set_timeout(Channel *c, int timeout_ms);
uint64_t channel_bytes_read(const Channel *c);
uint64_t channel_bytes_written(const Channel *c);

/* Up to @len bytes; 0 at the end; -1 + error. */
ssize_t channel_read(Channel *c, void *buf, size_t len, GError **error);
/* Exactly @len bytes, or an error: FERRY_IO_ERROR_EOF tells how many came. */
bool channel_read_all(Channel *c, void *buf, size_t len, GError **error);
bool channel_write_all(Channel *c, const void *buf, size_t len, GError **error);
/* Waits until written bytes have left this process's buffers; for exec: the command's end, whose
   failure is an error. Files are fsynced. */
bool channel_finish(Channel *c, GError **error);
/* Ends both directions; blocked and later calls fail with FERRY_IO_ERROR_CANCELLED. Any thread. */
void channel_shutdown(Channel *c);
/* Reads end now, as if the peer had closed; what was written still arrives, and more can be written, where
   the two directions are apart (sockets). Elsewhere it is channel_shutdown(). Any thread. */
void channel_stop_reading(Channel *c);
/* From now on no read waits, and in @ms no write: a call that would, also one that does now, fails; what
   can be had at once still passes. Channels that cannot tell (all but sockets) are shut down. Any thread. */
void channel_hurry(Channel *c, int ms);
/* Seekable channels: absolute position of the next read or write. */
bool channel_seek(Channel *c, uint64_t offset, GError **error);
/* Is the other end a process that can answer? */
bool channel_is_socket(const Channel *c);
/* The descriptor, for watching readability in the main loop; -1 when there is none. */
int channel_read_fd(const Channel *c);

/* ---- faults, for tests ---- */
typedef enum {
    CHANNEL_FAULT_CUT,      /* from byte N on nothing passes: both sides see the end */
    CHANNEL_FAULT_FLIP,     /* bit (N mod 8) of byte N/8 is flipped */
    CHANNEL_FAULT_FAIL,     /* the call that reaches byte N fails with INJECTED */
    CHANNEL_FAULT_DELAY,    /* byte N waits for `delay_ms` */
    CHANNEL_FAULT_TRUNCATE, /* bytes from N on are swallowed in silence */
} ChannelFaultKind;
typedef struct {
    ChannelFaultKind kind;
    bool on_write; /* else on read */
    uint64_t at;   /* N */
    unsigned delay_ms;
} ChannelFault;
/* Wraps @inner (its reference passes). */
Channel *channel_new_fault(Channel *inner, const ChannelFault *fault);
/* "cut:write:1000", "flip:read:81", "delay:read:10:500": for command lines of tests. */
bool channel_fault_parse(const char *text, ChannelFault *fault, GError **error);
