/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream as items: one item is a section, a command, the configuration, the end mark or the
 * description. In version 4 an item travels in frames that are verified before anything is parsed
 * from them; in version 3 it is bare bytes.
 *
 *   frame = u32 head, u32 crc, payload
 *   head:  bit 31 the last frame of its item, bit 30 the payload is not in the checksum (RAM only, and
 *          only when neither side has ram-checksum on), bit 29 the writer gives up and the payload is
 *          its reason (up to 4096 bytes), bits 0..28 payload bytes (1 .. 1 MiB)
 *   crc:   CRC-32C over u64 sequence number (from 0), head, payload
 *
 * One thread uses a stream. Errors carry FERRY_IO_ERROR (the channel) or FERRY_MIGRATION_ERROR.
 */
#pragma once
#include "base/io/channel.h"
#include "base/util/bytes.h"
#include "migration/vmstate/codec.h"

#define STREAM_MAGIC     0x5145564du /* "QEVM" */
#define STREAM_FRAME_MAX (1u << 20)
/* What one section other than RAM may hold at most. */
#define STREAM_ITEM_MAX (64u << 20)
/* A frame is sent at once: for so long its next byte may be missing once it has begun. */
#define STREAM_FRAME_TIMEOUT_MS 30000

typedef struct {
    Channel *channel; /* borrowed */
    StreamFormat format;
    GByteArray *buf;
    uint64_t sequence;
    bool unchecked; /* the frames of the current item leave their payload out of the checksum */
    bool torn;      /* a frame went out in part: nothing behind it can be understood */
    uint64_t bytes; /* given to the channel so far */
} StreamOut;

void stream_out_init(StreamOut *s, Channel *channel, StreamFormat format);
void stream_out_clear(StreamOut *s);
bool stream_out_header(StreamOut *s, GError **error);
/* Appends to the current item. */
bool stream_out_bytes(StreamOut *s, const void *data, size_t n, GError **error);
bool stream_out_u8(StreamOut *s, uint8_t v, GError **error);
bool stream_out_u32(StreamOut *s, uint32_t v, GError **error);
bool stream_out_u64(StreamOut *s, uint64_t v, GError **error);
/* Ends the item. @flush: hand everything to the channel now. */
bool stream_out_end(StreamOut *s, bool flush, GError **error);
/* Version 4: gives up, also in the middle of an item, and says why. False: the reader cannot be told. */
bool stream_out_abort(StreamOut *s, const char *why);

typedef struct {
    Channel *channel; /* borrowed */
    StreamFormat format;
    uint32_t version; /* as the header says, also one that we do not speak; 0 before */
    GByteArray *buf;  /* unread bytes start at pos */
    size_t pos;
    uint64_t sequence;
    bool last_frame;                       /* version 4: the item's last frame is in buf */
    bool may_be_unchecked;                 /* frames with bit 30 are taken */
    bool unchecked;                        /* those of the current item are */
    unsigned item_frames;                  /* read of the current item */
    int frame_timeout_ms, idle_timeout_ms; /* inside a frame; between two, -1: for ever */
    uint64_t bytes;                        /* taken from the channel */
    uint64_t consumed;                     /* parsed */
    char after[64];                        /* the item that ended last; "": none */
} StreamIn;

void stream_in_init(StreamIn *s, Channel *channel);
void stream_in_clear(StreamIn *s);
/* Magic and version; sets the format. */
bool stream_in_header(StreamIn *s, GError **error);
/* Makes at least @n bytes of the current item readable at stream_in_data(). */
bool stream_in_need(StreamIn *s, size_t n, GError **error);
static inline const uint8_t *stream_in_data(const StreamIn *s)
{
    return s->buf->data + s->pos;
}
static inline size_t stream_in_available(const StreamIn *s)
{
    return s->buf->len - s->pos;
}
void stream_in_consume(StreamIn *s, size_t n);
bool stream_in_u8(StreamIn *s, uint8_t *v, GError **error);
bool stream_in_u32(StreamIn *s, uint32_t *v, GError **error);
bool stream_in_u64(StreamIn *s, uint64_t *v, GError **error);
bool stream_in_bytes(StreamIn *s, void *out, size_t n, GError **error);
/* A string with one length byte; no NUL inside. */
bool stream_in_str8(StreamIn *s, char out[256], GError **error);
/* Version 4: the item must be read to its end. */
bool stream_in_end(StreamIn *s, const char *what, GError **error);
/* Decodes a record from the current item; in version 3 reads on until it is complete. */
bool stream_in_record(StreamIn *s, const Record *record, uint32_t version, void *saved,
                      const void *mine, const RecordHost *host, GError **error);
