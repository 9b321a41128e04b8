/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much the guest writes: the meter, limits for vCPUs, and one measurement at a time. */
#pragma once
#include "migration/migration.h"

typedef struct DirtyMeter DirtyMeter;

/* All under the VM lock. */
DirtyMeter *dirty_meter_new(Migration *m);
void dirty_meter_free(DirtyMeter *d);
/* The meter runs while it has users; its pages count from the first one on. */
void dirty_meter_use(DirtyMeter *d);
void dirty_meter_release(DirtyMeter *d);
/* Pages found dirty so far: each once a reading, and once a period where there are limits. */
uint64_t dirty_meter_read(DirtyMeter *d);
/* @cpu -1: all. 0 MB: no limit. */
bool dirty_limit_set(DirtyMeter *d, int cpu, uint64_t mb, GError **error);
bool dirty_limit_any(const DirtyMeter *d);

typedef struct DirtyRate DirtyRate;
DirtyRate *dirty_rate_new(Migration *m);
/* Waits for a measurement to end. */
void dirty_rate_free(DirtyRate *r);
