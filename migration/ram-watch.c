/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See ram-watch.h. A block matters when it is migratable, was, or becomes so. */
#include <inttypes.h>
#include <stdarg.h>
#include "base/util/trace.h"
#include "ram-watch.h"

TRACE_POINT(migration_block_changed);

static RamWatch *from_notifier(RamBlockNotifier *n)
{
    return (RamWatch *)((char *)n - offsetof(RamWatch, notifier));
}

G_GNUC_PRINTF(2, 3) static void disturb(RamBlockNotifier *n, const char *format, ...)
{
    RamWatch *w = from_notifier(n);
    va_list ap;
    if (!w->on || w->expected || ram_watch_disturbed(w)) {
        return;
    }
    va_start(ap, format);
    char *why = g_strdup_vprintf(format, ap);
    va_end(ap);
    trace(migration_block_changed, "%s", why);
    g_mutex_lock(&w->mutex);
    w->disturbed = why;
    g_mutex_unlock(&w->mutex);
    w->fn(w->opaque);
}

static void on_added(RamBlockNotifier *n, RamBlock *block)
{
    if (ram_block_migratable(block)) {
        disturb(n, "RAM block '%s' added during precopy: absent before, 0x%" PRIx64 " bytes now",
                ram_block_idstr(block), ram_block_used_length(block));
    }
}

static void on_removed(RamBlockNotifier *n, RamBlock *block)
{
    if (ram_block_migratable(block)) {
        disturb(n, "RAM block '%s' removed during precopy: 0x%" PRIx64 " bytes before, absent now",
                ram_block_idstr(block), ram_block_used_length(block));
    }
}

static void on_resized(RamBlockNotifier *n, RamBlock *block, uint64_t old_used, uint64_t new_used)
{
    if (ram_block_migratable(block)) {
        disturb(n,
                "RAM block '%s' resized during precopy: 0x%" PRIx64 " bytes before, 0x%" PRIx64
                " now",
                ram_block_idstr(block), old_used, new_used);
    }
}

static void on_migratable(RamBlockNotifier *n, RamBlock *block, bool migratable)
{
    disturb(n, "RAM block '%s' became %s during precopy: %s before, %s now", ram_block_idstr(block),
            migratable ? "migratable" : "unmigratable", migratable ? "unmigratable" : "migratable",
            migratable ? "migratable" : "unmigratable");
}

static void on_idstr(RamBlockNotifier *n, RamBlock *block, const char *old_idstr)
{
    if (ram_block_migratable(block)) {
        disturb(n, "RAM block '%s' renamed during precopy: '%s' before, '%s' now", old_idstr,
                old_idstr, ram_block_idstr(block));
    }
}

void ram_watch_start(RamWatch *w, Vm *vm, void (*fn)(void *opaque), void *opaque)
{
    *w = (RamWatch){ .vm = vm,
                     .notifier = { .added = on_added,
                                   .removed = on_removed,
                                   .resized = on_resized,
                                   .migratable_changed = on_migratable,
                                   .idstr_changed = on_idstr },
                     .fn = fn,
                     .opaque = opaque };
    g_mutex_init(&w->mutex);
    ram_block_notifier_add(vm, &w->notifier);
    w->on = true; /* `added` has been called for what exists: not news */
}

void ram_watch_stop(RamWatch *w)
{
    if (w->on) {
        w->on = false;
        ram_block_notifier_remove(w->vm, &w->notifier);
    }
}

void ram_watch_clear(RamWatch *w)
{
    ram_watch_stop(w);
    if (w->vm) {
        g_mutex_clear(&w->mutex);
        g_clear_pointer(&w->disturbed, g_free);
        w->vm = NULL;
    }
}

void ram_watch_expect(RamWatch *w, bool begin)
{
    w->expected += begin ? 1 : -1;
}

const char *ram_watch_disturbed(RamWatch *w)
{
    g_mutex_lock(&w->mutex);
    const char *why = w->disturbed;
    g_mutex_unlock(&w->mutex);
    return why;
}
