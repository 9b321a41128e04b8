/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "ram" section: all migratable RAM blocks, in rounds while the guest runs and once more when
 * it has stopped. Record layout: docs/spec/migration-stream.md, "RAM".
 */
#pragma once
#include "base/memory/ram.h"
#include "migration/migration.h"
#include "stream.h"

typedef struct RamSave RamSave;

/* Lists the blocks, turns dirty logging on and watches the block list. VM lock held. */
RamSave *ram_save_new(Vm *vm, const MigrationParams *params, bool xbzrle, GError **error);
/* VM lock held. */
void ram_save_free(RamSave *ram);
/* The block list. Migration thread, no lock, as all below. */
bool ram_save_setup(RamSave *ram, StreamOut *out, GError **error);
/* Moves the dirty bits of all blocks into the round's bitmaps; returns how many pages that adds to
   those still to be sent. */
uint64_t ram_save_sync(RamSave *ram);
/* Bytes still to be sent, as of the last sync. */
uint64_t ram_save_pending(const RamSave *ram);
/* Sends pages until @budget bytes are out or none is left; *@done. */
bool ram_save_pages(RamSave *ram, StreamOut *out, uint64_t budget, bool *done, GError **error);
/* A block was added, removed, resized ... since the start: what, else NULL. Any thread; the text
   lives as long as @ram. */
const char *ram_save_disturbed(RamSave *ram);
/* @fn is called once, with the VM lock, when the list of blocks first changes; before any sending. */
void ram_save_on_disturbed(RamSave *ram, void (*fn)(void *opaque), void *opaque);
/* The destination has it all: what changes from now on is no error. VM lock held. */
void ram_save_settled(RamSave *ram);

typedef struct {
    uint64_t total_bytes, normal_pages, zero_pages, sync_count, dirty_pages_last_sync;
    uint64_t dirty_rate; /* pages a second between the last two syncs */
} RamSaveStats;
void ram_save_stats(RamSave *ram, RamSaveStats *out);

typedef MigrationXbzrle RamXbzrleStats;
/* False: pages travel whole. */
bool ram_save_xbzrle(RamSave *ram, RamXbzrleStats *out);

/* ---- incoming ---- */
typedef struct RamLoad RamLoad;
RamLoad *ram_load_new(Vm *vm);
/* VM lock held, unless it never watched. */
void ram_load_free(RamLoad *ram);
/* From here on a block that changes is an error, and @fn is called once with the VM lock; until
   ram_load_settled. VM lock held. */
void ram_load_watch(RamLoad *ram, void (*fn)(void *opaque), void *opaque);
void ram_load_settled(RamLoad *ram);
/* What changed, or NULL; as for ram_save_disturbed. */
const char *ram_load_disturbed(RamLoad *ram);
/* One body (START, PART or END) up to its end flag. Destination thread. */
bool ram_load_body(RamLoad *ram, StreamIn *in, uint32_t version, GError **error);
/* Every block that the source must send was listed. */
bool ram_load_complete(RamLoad *ram, GError **error);
