/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -numa: what users say of nodes, checked as a whole once everything is known.
 *
 * Invariants after numa_finish: nodes 0 to nodes-1 are all given; their memory sums to the machine's;
 * every possible CPU has a node; distances are complete (local 10, remote 20 unless given).
 */
#include "hw/core/numa.h"
#include <string.h>
#include "base/memory/backend.h"
#include "base/util/size.h"

#define NO_NODE        0xff
#define LOCAL_DISTANCE 10
#define DISTANCE       20

static bool refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static bool refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error) {
        *error = g_error_new_valist(FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, format, args);
    }
    va_end(args);
    return false;
}

/* ---- reading values ---- */
static const char *text_of(GVariant *values, const char *key)
{
    const char *text = NULL;

    g_variant_lookup(values, key, "&s", &text);
    return text;
}

/* @*out stays when the key is absent. */
static bool number(GVariant *values, const char *key, unsigned max, unsigned *out, GError **error)
{
    const char *text = text_of(values, key);
    char *end = NULL;
    guint64 n = text ? g_ascii_strtoull(text, &end, 10) : 0;

    if (!text) {
        return true;
    }
    if (!g_ascii_isdigit(*text) || *end || n > max) {
        return refuse(error, "%s=%s is not a number up to %u", key, text, max);
    }
    *out = n;
    return true;
}

static bool only(GVariant *values, const char *const *known, GError **error)
{
    GVariantIter it;
    const char *key;

    g_variant_iter_init(&it, values);
    while (g_variant_iter_next(&it, "{&sv}", &key, NULL)) {
        if (!g_strv_contains(known, key)) {
            return refuse(error, "invalid parameter '%s'", key);
        }
    }
    return true;
}

/* ---- one option ---- */
/* "cpus=0-3": indexes of possible CPUs. */
static bool take_cpus(MachineNuma *n, unsigned node, const char *range, GError **error)
{
    char *end = NULL;
    guint64 first = g_ascii_strtoull(range, &end, 10), last = first;

    if (g_ascii_isdigit(*range) && *end == '-' && g_ascii_isdigit(end[1])) {
        last = g_ascii_strtoull(end + 1, &end, 10);
    }
    if (!g_ascii_isdigit(*range) || *end || last < first || last >= n->cpus) {
        return refuse(error, "cpus=%s is not a range of CPUs (0 to %u)", range, n->cpus - 1);
    }
    for (guint64 i = first; i <= last; i++) {
        if (n->cpu_node[i] != NO_NODE && n->cpu_node[i] != node) {
            return refuse(error, "CPU %u is in node %u already", (unsigned)i, n->cpu_node[i]);
        }
        n->cpu_node[i] = node;
    }
    n->cpus_given = true;
    return true;
}

static bool add_node(Machine *m, GVariant *values, GError **error)
{
    static const char *const known[] = { "type", "nodeid", "cpus", "mem", "memdev", NULL };
    MachineNuma *n = m->numa;
    const char *cpus = text_of(values, "cpus"), *memdev = text_of(values, "memdev");
    unsigned id = n->nodes;

    if (!only(values, known, error) || !number(values, "nodeid", NUMA_MAX_NODES - 1, &id, error)) {
        return false;
    }
    if (id >= NUMA_MAX_NODES || n->given[id]) {
        return refuse(error,
                      id < NUMA_MAX_NODES ? "Duplicate NUMA nodeid: %u" : "node %u is too many",
                      id);
    }
    if (text_of(values, "mem")) {
        return refuse(error, "Parameter -numa node,mem is not supported by this machine type: "
                             "Use -numa node,memdev instead");
    }
    if (memdev) {
        n->mem_bytes[id] = memory_backend_size(device_vm(&m->dev), memdev);
        if (!n->mem_bytes[id]) {
            return refuse(error, "there is no memory backend '%s'", memdev);
        }
        n->memdev[id] = g_strdup(memdev);
    }
    n->given[id] = true;
    n->nodes = MAX(n->nodes, id + 1);
    return !cpus || take_cpus(n, id, cpus, error);
}

static bool given_node(MachineNuma *n, const char *key, unsigned id, GError **error)
{
    return id < NUMA_MAX_NODES && n->given[id]
               ? true
               : refuse(error, "%s=%u: there is no such NUMA node", key, id);
}

/* By socket, die, core and thread: each CPU that has all the ids given. */
static bool add_cpu(Machine *m, GVariant *values, GError **error)
{
    static const char *const known[] = { "type",      "node-id", "socket-id", "die-id",
                                         "module-id", "core-id", "thread-id", NULL };
    static const char *const keys[] = { "thread-id", "core-id", "module-id", "die-id",
                                        "socket-id" };
    const CpuTopology *t = &m->smp;
    const unsigned counts[] = { MAX(t->threads, 1u), MAX(t->cores, 1u), MAX(t->modules, 1u),
                                MAX(t->dies, 1u), MAX(t->sockets, 1u) };
    unsigned node = NUMA_MAX_NODES, ids[5], found = 0;

    if (!only(values, known, error) ||
        !number(values, "node-id", NUMA_MAX_NODES - 1, &node, error) ||
        !given_node(m->numa, "node-id", node, error)) {
        return false;
    }
    for (int k = 0; k < 5; k++) {
        ids[k] = UINT_MAX;
        if (!number(values, keys[k], counts[k] - 1, &ids[k], error)) {
            return false;
        }
    }
    for (unsigned i = 0; i < m->numa->cpus; i++) {
        unsigned rest = i;
        bool match = true;

        for (int k = 0; k < 5; k++) {
            match &= ids[k] == UINT_MAX || ids[k] == rest % counts[k];
            rest /= counts[k];
        }
        if (match) {
            m->numa->cpu_node[i] = node;
            found++;
        }
    }
    m->numa->cpus_given = true;
    return found || refuse(error, "no CPU is there");
}

static bool add_distance(Machine *m, GVariant *values, GError **error)
{
    static const char *const known[] = { "type", "src", "dst", "val", NULL };
    MachineNuma *n = m->numa;
    unsigned src = NUMA_MAX_NODES, dst = NUMA_MAX_NODES, value = 0;

    if (!only(values, known, error) || !number(values, "src", NUMA_MAX_NODES - 1, &src, error) ||
        !number(values, "dst", NUMA_MAX_NODES - 1, &dst, error) ||
        !number(values, "val", 255, &value, error) || !given_node(n, "src", src, error) ||
        !given_node(n, "dst", dst, error)) {
        return false;
    }
    if (value < LOCAL_DISTANCE || (src == dst) != (value == LOCAL_DISTANCE)) {
        return refuse(error,
                      "distance %u from node %u to %u: a node is %d from itself and further "
                      "from others",
                      value, src, dst, LOCAL_DISTANCE);
    }
    n->distance[src][dst] = value;
    n->has_distances = true;
    return true;
}

static void start(Machine *m)
{
    if (!m->numa) {
        m->numa = g_new0(MachineNuma, 1);
        m->numa->cpus = MAX(m->smp.max_cpus, 1u);
        m->numa->cpu_node = g_malloc(m->numa->cpus);
        memset(m->numa->cpu_node, NO_NODE, m->numa->cpus);
    }
}

bool numa_add(Machine *m, GVariant *values, GError **error)
{
    const char *type = text_of(values, "type");

    start(m);
    if (!g_strcmp0(type, "node")) {
        return add_node(m, values, error);
    }
    if (!g_strcmp0(type, "cpu")) {
        return add_cpu(m, values, error);
    }
    if (!g_strcmp0(type, "dist")) {
        return add_distance(m, values, error);
    }
    return refuse(error, "'%s' is not available (node, cpu and dist are)", type ? type : "");
}

/* ---- all together ---- */
bool numa_has_memory(const MachineNuma *n)
{
    for (unsigned i = 0; i < n->nodes; i++) {
        if (n->memdev[i]) {
            return true;
        }
    }
    return false;
}

static void place_cpus(Machine *m)
{
    MachineNuma *n = m->numa;
    unsigned per_socket = MAX(n->cpus / MAX(m->smp.sockets, 1u), 1u);

    for (unsigned i = 0; i < n->cpus; i++) {
        if (n->cpu_node[i] == NO_NODE) {
            n->cpu_node[i] = n->cpus_given ? 0 : i / per_socket % n->nodes;
        }
    }
}

/* What is given one way holds the other way too. */
static bool complete_distances(MachineNuma *n, GError **error)
{
    for (unsigned a = 0; a < n->nodes; a++) {
        for (unsigned b = 0; b < n->nodes; b++) {
            if (a == b) {
                n->distance[a][b] = LOCAL_DISTANCE;
            } else if (!n->distance[a][b] && n->distance[b][a]) {
                n->distance[a][b] = n->distance[b][a];
            } else if (!n->distance[a][b] && n->has_distances) {
                return refuse(error,
                              "The distance between node %u and %u is missing, at least one "
                              "distance value between each nodes should be provided.",
                              a, b);
            } else if (!n->distance[a][b]) {
                n->distance[a][b] = DISTANCE;
            }
        }
    }
    return true;
}

bool numa_finish(Machine *m, GError **error)
{
    MachineNuma *n;
    uint64_t total = 0;

    if (!m->numa && !m->ram_slots) {
        return true;
    }
    start(m); /* memory that can be plugged in needs a node, so that its place is known early */
    n = m->numa;
    if (!n->nodes) {
        n->nodes = 1;
        n->given[0] = true;
        n->mem_bytes[0] = m->ram_bytes;
    }
    for (unsigned i = 0; i < n->nodes; i++) {
        if (!n->given[i]) {
            return refuse(error, "numa: Node ID missing: %u", i);
        }
        total += n->mem_bytes[i];
    }
    if (total != m->ram_bytes) {
        return refuse(error,
                      "total memory for NUMA nodes (0x%" G_GINT64_MODIFIER
                      "x) should equal RAM size (0x%" G_GINT64_MODIFIER "x)",
                      total, m->ram_bytes);
    }
    if (numa_has_memory(n) && m->memory_backend && *m->memory_backend) {
        return refuse(error, "-machine memory-backend and -numa memdev properties are mutually "
                             "exclusive");
    }
    place_cpus(m);
    return complete_distances(n, error);
}

bool numa_make_ram(Machine *m, GError **error)
{
    Vm *vm = device_vm(&m->dev);
    MachineNuma *n = m->numa;
    uint64_t at = 0;

    memory_region_init(m->ram, vm, &m->dev.obj, "ram", m->ram_bytes);
    for (unsigned i = 0; i < n->nodes; i++) {
        RamBlock *block;

        if (!n->memdev[i]) {
            continue;
        }
        block = memory_backend_claim(vm, n->memdev[i], 0, error);
        if (!block) {
            return false;
        }
        n->parts[i] = g_new0(MemoryRegion, 1);
        memory_region_init_ram_block(n->parts[i], vm, &m->dev.obj, n->memdev[i], block, false);
        memory_region_add(m->ram, at, n->parts[i]);
        at += n->mem_bytes[i];
    }
    return true;
}

void numa_free(MachineNuma *n)
{
    for (unsigned i = 0; i < NUMA_MAX_NODES; i++) {
        if (n->parts[i]) {
            memory_region_clear(n->parts[i]);
            g_free(n->parts[i]);
        }
        g_free(n->memdev[i]);
    }
    g_free(n->cpu_node);
    g_free(n);
}
