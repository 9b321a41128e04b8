/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded reading and writing of a byte buffer. An access past the end reads as zero (or writes
 * nothing) and sets a sticky failure, so that a codec runs straight through and asks once at the
 * end. Nothing here blocks, and nothing knows where the bytes came from.
 *
 * Invariants: pos <= size; after a failure pos never moves again.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ByteReader {
    const uint8_t *data; /* borrowed from the caller of byte_reader_init() */
    size_t size;
    size_t pos;
    size_t failed_at; /* position of the first failure */
    const char *why;  /* NULL while all is well; a static string otherwise */
    size_t wanted;    /* bytes asked for by the access that overran; 0 for other failures */
} ByteReader;

void byte_reader_init(ByteReader *r, const void *data, size_t size);

static inline size_t byte_reader_pos(const ByteReader *r)
{
    return r->pos;
}

/* Bytes not yet read; 0 after a failure. */
static inline size_t byte_reader_left(const ByteReader *r)
{
    return r->why ? 0 : r->size - r->pos;
}

static inline bool byte_reader_ok(const ByteReader *r)
{
    return !r->why;
}

/* Record that the content is wrong; @why is a static lower-case fragment. The first one stays. */
void byte_reader_fail(ByteReader *r, const char *why);

/* Integers; 0 past the end. */
uint8_t byte_reader_u8(ByteReader *r);
uint16_t byte_reader_be16(ByteReader *r);
uint32_t byte_reader_be32(ByteReader *r);
uint64_t byte_reader_be64(ByteReader *r);
uint16_t byte_reader_le16(ByteReader *r);
uint32_t byte_reader_le32(ByteReader *r);
uint64_t byte_reader_le64(ByteReader *r);

/* Copy @n bytes to @out, which is zeroed when there are not as many. */
bool byte_reader_copy(ByteReader *r, void *out, size_t n);

/* The next @n bytes in place, valid as long as the buffer; NULL when there are not as many. */
const uint8_t *byte_reader_borrow(ByteReader *r, size_t n);

bool byte_reader_skip(ByteReader *r, size_t n);

/* A reader of just the next @n bytes, which this one skips. Empty and failed if not as many. */
bool byte_reader_sub(ByteReader *r, size_t n, ByteReader *sub);

/*
 * A string that a length of one byte (two, four, big endian) comes before. A NUL inside fails.
 * Returns a new string, or NULL after a failure.
 */
char *byte_reader_str8(ByteReader *r);
char *byte_reader_str_be16(ByteReader *r);
char *byte_reader_str_be32(ByteReader *r);

/*
 * False, with "@what: ..." as the error, if any access failed. byte_reader_finish() also takes
 * bytes that nobody read for an error.
 */
bool byte_reader_check(const ByteReader *r, const char *what, GError **error);
bool byte_reader_finish(const ByteReader *r, const char *what, GError **error);

/*
 * The writer grows its own buffer up to @limit, or fills a fixed one. What does not fit is not
 * written at all, and the failure is sticky.
 */
typedef struct ByteWriter {
    uint8_t *data; /* owned, or borrowed if fixed */
    size_t len;
    size_t capacity;
    size_t limit;
    bool fixed;
    bool overrun;
} ByteWriter;

/* Growable without a limit (other than memory). */
void byte_writer_init(ByteWriter *w);
void byte_writer_init_limited(ByteWriter *w, size_t limit);
void byte_writer_init_fixed(ByteWriter *w, void *buffer, size_t size);

/* Frees what the writer owns; the writer may be initialised again. */
void byte_writer_clear(ByteWriter *w);

/* Forget the content (and a failure), keep the memory. */
void byte_writer_reset(ByteWriter *w);

static inline size_t byte_writer_len(const ByteWriter *w)
{
    return w->len;
}

static inline bool byte_writer_ok(const ByteWriter *w)
{
    return !w->overrun;
}

void byte_writer_u8(ByteWriter *w, uint8_t v);
void byte_writer_be16(ByteWriter *w, uint16_t v);
void byte_writer_be32(ByteWriter *w, uint32_t v);
void byte_writer_be64(ByteWriter *w, uint64_t v);
void byte_writer_le16(ByteWriter *w, uint16_t v);
void byte_writer_le32(ByteWriter *w, uint32_t v);
void byte_writer_le64(ByteWriter *w, uint64_t v);
void byte_writer_bytes(ByteWriter *w, const void *data, size_t n);
void byte_writer_zero(ByteWriter *w, size_t n);

/* @n more bytes to be filled in place, uninitialised; NULL if they do not fit. Valid until the
 * next write. */
uint8_t *byte_writer_reserve(ByteWriter *w, size_t n);

/* A string with its length before it; a string too long for its count is an overrun. */
void byte_writer_str8(ByteWriter *w, const char *s);
void byte_writer_str_be16(ByteWriter *w, const char *s);
void byte_writer_str_be32(ByteWriter *w, const char *s);

/* Overwrite four bytes written before, at @pos; the caller wrote them. */
void byte_writer_patch_be32(ByteWriter *w, size_t pos, uint32_t v);

/* The content as GBytes; the writer is empty afterwards. NULL after a failure. */
GBytes *byte_writer_steal_bytes(ByteWriter *w);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ByteWriter, byte_writer_clear)
