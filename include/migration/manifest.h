/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a machine sends in a migration, and takes: RAM blocks, sections with their versions, CPU
 * features. The two manifests of a migration are compared before any RAM is sent; the same comparison
 * works on manifests from files. What depends on the state at the switchover is checked then.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Vm Vm;

typedef struct {
    char *name;
    uint64_t length, max_length; /* bytes; the latter: of the receiver, if it is resizeable */
    bool resizeable;
} ManifestBlock;

/* Of a section, or of a record inside it: no name comes twice in one section. */
typedef struct {
    char *name;
    uint32_t version, min_version; /* the latter: of the receiver */
    bool sent; /* this machine may send it: no compat property keeps it from that */
    bool
        idle; /* ... but would not now: the state does not need it; false also where that was not asked */
    char
        *refused; /* why it cannot be honoured here, and is refused; NULL: it can, or is left out */
} ManifestSubsection;

typedef struct {
    char *name;
    uint32_t instance, version, min_version; /* the last: of the receiver */
    GArray *subsections;                     /* ManifestSubsection */
} ManifestSection;

typedef struct {
    char *machine; /* NULL: compared already */
    uint32_t page_size;
    bool ram_checksum;   /* sent; wanted */
    GArray *blocks;      /* ManifestBlock */
    GArray *sections;    /* ManifestSection */
    GPtrArray *features; /* char *: of the guest's CPUs */
} Manifest;

Manifest *manifest_new(void);
void manifest_free(Manifest *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)
/* Strings are copied. */
void manifest_add_block(Manifest *m, const char *name, uint64_t length, uint64_t max_length,
                        bool resizeable);
ManifestSection *manifest_add_section(Manifest *m, const char *name, uint32_t instance,
                                      uint32_t version, uint32_t min_version);
/* @sub is copied; to a section of that name, what both say is joined. */
void manifest_add_subsection(ManifestSection *section, const ManifestSubsection *sub);
void manifest_add_feature(Manifest *m, const char *name);
/* This machine's. VM lock held. */
Manifest *manifest_of(Vm *vm);
/* Everything of @theirs that a machine with @ours could not take, in words ("there": the sender); strings,
   owned by the caller. Empty: all fits. */
GPtrArray *manifest_problems(const Manifest *theirs, const Manifest *ours);
