/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NUMA topology of a machine (-numa): nodes with their memory backends, which node each possible CPU
 * is in, distances. Boards turn it into what their guests read. VM lock held.
 */
#pragma once
#include "hw/core/machine.h"

#define NUMA_MAX_NODES 128

struct MachineNuma {
    unsigned nodes;
    bool given[NUMA_MAX_NODES];
    char *memdev[NUMA_MAX_NODES]; /* owned; NULL: no memory */
    uint64_t mem_bytes[NUMA_MAX_NODES];
    uint8_t distance[NUMA_MAX_NODES][NUMA_MAX_NODES]; /* 0: not given */
    bool has_distances, cpus_given;
    unsigned cpus;
    uint8_t *cpu_node;                   /* owned, cpus of them; 0xff: not given */
    MemoryRegion *parts[NUMA_MAX_NODES]; /* owned: views of the backends in the machine's RAM */
};

/* One -numa, its values as strings. The topology of -smp is known. */
bool numa_add(Machine *m, GVariant *values, GError **error);
/* All are given: checks them against each other and against -m, fills in what is left. */
bool numa_finish(Machine *m, GError **error);
/* RAM made of the nodes' backends; numa_finish has run. False + error. */
bool numa_make_ram(Machine *m, GError **error);
void numa_free(MachineNuma *numa);
/* Some node has a backend of its own. */
bool numa_has_memory(const MachineNuma *numa);
