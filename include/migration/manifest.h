/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a machine sends in a migration, and takes: RAM blocks, sections with their versions, CPU
 * features. The two manifests of a migration are compared before any RAM is sent; the same comparison
 * works on manifests from files. It does not cover what depends on the state at the switchover.
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

typedef struct {
    char *name;
    uint32_t instance, version, min_version; /* the last: of the receiver */
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
void manifest_add_section(Manifest *m, const char *name, uint32_t instance, uint32_t version,
                          uint32_t min_version);
void manifest_add_feature(Manifest *m, const char *name);
/* This machine's. VM lock held. */
Manifest *manifest_of(Vm *vm);
/* Everything of @theirs that a machine with @ours could not take, in words ("there": the sender); strings,
   owned by the caller. Empty: all fits. */
GPtrArray *manifest_problems(const Manifest *theirs, const Manifest *ours);
