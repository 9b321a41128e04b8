/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One record of one section of a machine at a time, in one version of the stream: its saved form, its bytes as a tree, and
 * ways to have bytes read as the loader reads them. For tests that go over every record.
 */
#pragma once
#include "machine-vm.h"
#include "wire-tree.h"

typedef struct {
    const MachineRow *row;
    MachineVm *machine;
    Section *section;
    const Record *record; /* the section's, or of its parts in front of the end */
    StreamFormat format;
    void *mine;  /* as the device is */
    void *saved; /* the same, with every subsection marked as there */
    WireNode *tree;
    gsize loads;       /* refused or not */
    bool as_machine;   /* ask it what it can honour, and not only the records */
    unsigned left_out; /* subsections, in the last load */
} Case;

/* As the stream's reader does, with a footer behind the content (and in version 3 the end mark behind that). */
bool case_load_as(Case *c, const Record *record, uint32_t version, const uint8_t *content, size_t n,
                  void *saved, GError **error);
bool case_load(Case *c, const uint8_t *content, size_t n, void *saved, GError **error);
/* The same without the stream around it, for the many. */
bool case_decode(Case *c, const uint8_t *content, size_t n, void *saved, GError **error);
/* Initialises @w. */
void case_encode(const Case *c, const void *saved, ByteWriter *w);
void case_write_tree(const Case *c, const WireNode *tree, ByteWriter *w);
/* Where we are, and @what; the caller frees it. */
GString *case_say(const Case *c, const char *what);
/* @once: a record that several devices or machines share is looked at only where it comes first; with @anew, in
   each architecture, whose devices may do other things with it. */
void case_each(gconstpointer row, GHashTable *once, bool anew, void (*fn)(Case *c));

#define FAIL(c, what, ...)                               \
    do {                                                 \
        GString *words_ = case_say(c, what);             \
        g_string_append_printf(words_, " " __VA_ARGS__); \
        g_error("%s", words_->str);                      \
    } while (0)
