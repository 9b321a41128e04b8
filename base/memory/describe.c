/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text of "info mtree": the region trees as they hang together, or the flat views that come
 * out of them.
 */
#include <inttypes.h>
#include "base/memory/memory-priv.h"

static const char *kind_name(const MemoryRegion *mr)
{
    switch (mr->kind) {
    case REGION_RAM: return mr->readonly ? "rom" : "ram";
    case REGION_ROM: return "rom";
    case REGION_ROMD: return "romd";
    default: return "i/o";
    }
}

static uint64_t last_of(uint64_t base, const MemoryRegion *mr)
{
    Wide size = region_wide_size(mr);

    return size ? (uint64_t)((Wide)base + size - 1) : base;
}

static void describe_region(GString *out, const MemoryRegion *mr, uint64_t base, unsigned level,
                            GPtrArray *aliases)
{
    const char *off = mr->enabled ? "" : " [disabled]";

    g_string_append_printf(out, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, ", (int)level * 2, "",
                           base, last_of(base, mr), mr->priority);
    if (mr->kind == REGION_ALIAS) {
        g_string_append_printf(out, "%s): alias %s @%s %016" PRIx64 "-%016" PRIx64 "%s\n",
                               mr->readonly ? "rom" : kind_name(mr->alias), mr->name,
                               mr->alias->name, mr->alias_offset, last_of(mr->alias_offset, mr),
                               off);
        if (!g_ptr_array_find(aliases, mr->alias, NULL)) {
            g_ptr_array_add(aliases, mr->alias);
        }
    } else {
        g_string_append_printf(out, "%s): %s%s\n", kind_name(mr), mr->name, off);
    }
    for (guint i = 0; level < MEMORY_MAX_DEPTH && mr->subregions && i < mr->subregions->len; i++) {
        const MemoryRegion *sub = g_ptr_array_index(mr->subregions, i);

        describe_region(out, sub, base + sub->addr, level + 1, aliases);
    }
}

static void describe_flat(GString *out, const AddressSpace *as)
{
    FlatView *view = atomic_load(&((AddressSpace *)as)->view);

    for (guint i = 0; i < view->n; i++) {
        const FlatRange *r = &view->ranges[i];

        g_string_append_printf(out, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", r->start,
                               r->last, r->region->priority,
                               r->ram && r->readonly ? "rom" : kind_name(r->region),
                               r->region->name);
        if (r->offset) {
            g_string_append_printf(out, " @%016" PRIx64, r->offset);
        }
        g_string_append_c(out, '\n');
    }
    if (!view->n) {
        g_string_append(out, "  No rendered FlatView\n");
    }
}

static void describe_flat_views(GString *out, MemoryRoot *root)
{
    g_autoptr(GPtrArray) done = g_ptr_array_new();
    unsigned n = 0;

    for (guint i = 0; i < root->spaces->len; i++) {
        AddressSpace *as = g_ptr_array_index(root->spaces, i);

        if (g_ptr_array_find(done, as->root, NULL)) {
            continue;
        }
        g_ptr_array_add(done, as->root);
        g_string_append_printf(out, "FlatView #%u\n", n++);
        for (guint j = i; j < root->spaces->len; j++) {
            AddressSpace *other = g_ptr_array_index(root->spaces, j);

            if (other->root == as->root) {
                g_string_append_printf(out, " AS \"%s\", root: %s\n", other->name,
                                       other->root ? other->root->name : "(none)");
            }
        }
        g_string_append_printf(out, " Root memory region: %s\n",
                               as->root ? as->root->name : "(none)");
        describe_flat(out, as);
        g_string_append_c(out, '\n');
    }
}

char *memory_describe(Vm *vm, bool flat)
{
    MemoryRoot *root = vm->memory;
    GString *out = g_string_new(NULL);
    g_autoptr(GPtrArray) aliases = g_ptr_array_new(), done = g_ptr_array_new();

    if (flat) {
        describe_flat_views(out, root);
        return g_string_free(out, FALSE);
    }
    for (guint i = 0; i < root->spaces->len; i++) {
        AddressSpace *as = g_ptr_array_index(root->spaces, i);

        if (!as->root || g_ptr_array_find(done, as->root, NULL)) {
            continue;
        }
        g_ptr_array_add(done, as->root);
        for (guint j = i; j < root->spaces->len; j++) {
            AddressSpace *other = g_ptr_array_index(root->spaces, j);

            if (other->root == as->root) {
                g_string_append_printf(out, "address-space: %s\n", other->name);
            }
        }
        describe_region(out, as->root, 0, 1, aliases);
        g_string_append_c(out, '\n');
    }
    for (guint i = 0; i < aliases->len; i++) {
        const MemoryRegion *mr = g_ptr_array_index(aliases, i);

        g_string_append_printf(out, "memory-region: %s\n", mr->name);
        describe_region(out, mr, mr->addr, 1, aliases);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}
