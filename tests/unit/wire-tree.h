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
/* Sets the mark of every subsection that has one, as if all had come. */
void wire_mark_all(const Record *record, void *saved);
