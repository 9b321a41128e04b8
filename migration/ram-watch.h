/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches the RAM blocks that a migration is about, on either side: a block that comes, goes, changes its
 * length, its name, or whether it travels at all, makes the list that both sides agreed on untrue.
 * The first such change is kept in words, with the value before and the value now; the session ends
 * with them. The migration's own changes are announced by ram_watch_expect().
 */
#pragma once
#include "base/memory/ram.h"

typedef struct {
    Vm *vm;
    RamBlockNotifier notifier;
    bool on;
    unsigned expected; /* > 0: the migration itself changes a block */
    GMutex mutex;
    char *disturbed;          /* mutex; set once */
    void (*fn)(void *opaque); /* called once, at the first change; VM lock held */
    void *opaque;
} RamWatch;

/* All of these but ram_watch_disturbed: VM lock held. */
void ram_watch_start(RamWatch *w, Vm *vm, void (*fn)(void *opaque), void *opaque);
/* What comes from now on is no concern of the session. Harmless when it was never started. */
void ram_watch_stop(RamWatch *w);
void ram_watch_clear(RamWatch *w);
void ram_watch_expect(RamWatch *w, bool begin);
/* What changed, or NULL. Any thread; lives until ram_watch_clear. */
const char *ram_watch_disturbed(RamWatch *w);
