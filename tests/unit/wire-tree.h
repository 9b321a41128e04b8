/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record's bytes as a tree of what they mean, so that tests can take subsections out, move, rename
 * and cut them in place, and write the result. It is built by its own walk over the record, with every
 * subsection in it, whatever needed() says.
 */
#pragma once
#include "migration/vmstate/codec.h"

typedef struct WireNode WireNode;

/* A run of plain bytes, or an embedded record. */
typedef struct {
    GByteArray *bytes;
    WireNode *node;
} WirePart;

struct WireNode {
    const Record *record;
    WireNode *parent; /* NULL: the section's record */
    char *name;       /* written before it, where it is a subsection */
    uint32_t version;
    GArray *parts;   /* WirePart */
    GPtrArray *subs; /* WireNode, owned */
};

WireNode *wire_tree_new(const Record *record, const void *saved, StreamFormat format);
void wire_tree_free(WireNode *node);
void wire_tree_write(const WireNode *node, StreamFormat format, ByteWriter *w);
/* All records that have subsections, the outer before the inner; WireNode, borrowed. */
GPtrArray *wire_tree_parents(WireNode *root);
/* Records embedded in the fields of @node (WireNode, borrowed). */
GPtrArray *wire_tree_children(const WireNode *node);
/* Marks in @at, of one byte for each of the stream's, those where an embedded record or a subsection has just ended. */
void wire_tree_mark_ends(const WireNode *root, StreamFormat format, uint8_t *at);
/* Where in the stream the subsection @sub lies, from its 05 on: *start, and *end behind it. */
void wire_tree_find(const WireNode *root, StreamFormat format, const WireNode *sub, size_t *start,
                    size_t *end);
/* Does a subsection begin at byte @pos? */
bool wire_tree_begins(const WireNode *root, StreamFormat format, size_t pos);
/* Sets the mark of every subsection that has one, as if all had come. */
void wire_mark_all(const Record *record, void *saved);
/* Each subsection has a predicate, and a mark where (and only where) its name is a historical exception. */
void wire_check_marks(const Record *record);
/* A copy of the record without one subsection, as an older build has it; @arena frees it. */
const Record *wire_record_without(const Record *r, const Record *lost, GPtrArray *arena);
/* Is each byte as it was sent, or as it was before: of those that nobody looks at? */
bool wire_reads_as(const ByteWriter *again, const ByteWriter *plain, const uint8_t *sent);
