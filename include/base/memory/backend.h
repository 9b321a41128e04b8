/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory backends: -object memory-backend-{ram,file,memfd}. A backend owns its RAM block; a machine
 * or a memory device claims it, once.
 */
#pragma once
#include "base/memory/region.h"

typedef struct MemoryBackend MemoryBackend;

/* The block of the backend with that id, now in use by the caller. Fails when there is no such
   backend, it is in use, or (@size != 0) its size differs; the text names both sizes. */
RamBlock *memory_backend_claim(Vm *vm, const char *id, uint64_t size, GError **error);
/* Gives it back (device unplugged). */
void memory_backend_release(Vm *vm, const char *id);
/* Bytes; 0 if there is no such backend. */
uint64_t memory_backend_size(Vm *vm, const char *id);

/* Calls @fn for each backend that is complete. */
void memory_backend_foreach(Vm *vm, void (*fn)(MemoryBackend *backend, void *opaque), void *opaque);
RamBlock *memory_backend_block(MemoryBackend *backend);
bool memory_backend_in_use(const MemoryBackend *backend);
/* For query-memdev. Strings and the node list are borrowed. */
typedef struct {
    const char *id; /* NULL: none */
    uint64_t size_bytes;
    bool merge, dump, prealloc, share, reserve;
    const char *policy;
    uint16_t host_nodes[128];
    unsigned host_node_count;
} MemoryBackendView;
void memory_backend_view(MemoryBackend *backend, MemoryBackendView *view);

extern const TypeInfo memory_backend_types[];
extern const size_t memory_backend_types_n;
