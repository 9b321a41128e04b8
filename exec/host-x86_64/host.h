/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86-64 host backend as the rest of exec/ sees it. On other hosts host_available() is false
 * and nothing else is called.
 */
#ifndef EXEC_HOST_H
#define EXEC_HOST_H

#include "exec/engine.h"
#include "exec/opt/opt.h"

typedef struct Tb Tb;
typedef struct TbLink TbLink;
typedef struct HostFrame HostFrame;
typedef struct HostCode HostCode; /* of an engine: code memory, common code, pins */
typedef struct HostGen HostGen;   /* of a vCPU: the generator */
typedef struct HostTb HostTb;     /* of a translation */

/* AVX2, BMI2, FMA and the like are there. */
bool host_available(void);

/* bytes: bound on code. NULL: no memory that can be executed (error set). */
HostCode *host_code_new(size_t bytes, const CpuTargetOps *ops, const SlotMap *overlaps,
                        GError **error);
void host_code_free(HostCode *c);
void host_code_stats(const HostCode *c, ExecStats *s);

HostGen *host_gen_new(CpuState *cpu);
void host_gen_free(HostGen *g);

/* A number for the flags and base of a key, 0: none left. */
uint32_t host_mode(HostCode *c, const TbKey *key);
/* No number is for these flags, but some are for *old, the same without some bits of `soft`: those are for
 * the flags now. False: nothing was changed. */
bool host_mode_gained(HostCode *c, uint32_t flags, uint32_t soft, uint32_t *old);
/* Where a region without native code pretends to begin: back to the loop. */
const void *host_no_code(const HostCode *c);

/* A zeroed Tb with room for its links behind it in the memory of records; NULL: no room. */
Tb *host_tb_place(HostGen *g, unsigned n_links);
/* Native code of a lowered region into tb; false: too large, or no room. */
bool host_compile(HostGen *g, Tb *tb, IrBuilder *b);
/* tb is being freed: its native half, and its place where it has been placed. */
void host_tb_free(HostCode *c, Tb *tb);

/* Run from tb, which is native, until something wants the loop. */
void host_run(CpuState *cpu, Tb *tb);

/* The direct exit l, if of native code, goes to dst from now on; NULL: back to the loop. tb_lock held. */
void host_link(ExecEngine *e, TbLink *l, const Tb *dst);

/* While native code runs or has called C: the region at the last recorded call. */
Tb *host_current(CpuState *cpu);
/* Apply the snapshot of that call. */
void host_apply_snapshot(CpuState *cpu);

#endif
