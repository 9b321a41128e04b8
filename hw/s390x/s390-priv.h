/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The s390-ccw-virtio machine object and the parts that it is built of. Private to hw/s390x. */
#pragma once
#include "hw/core/loader.h"
#include "hw/core/machine.h"
#include "hw/s390x/board.h"
#include "target/s390x/s390x.h"

typedef struct Flic Flic;

/* ---- flic.c: the floating interrupts ---- */
Flic *flic_new(Vm *vm);
void flic_free(Flic *flic);
void flic_reset(Flic *flic);
/* An I/O interruption of a subchannel. VM lock held for all of these. */
void flic_inject_io(Flic *flic, uint32_t id, uint32_t parm, uint32_t word);
/* The interruption of that subchannel is not wanted any more (TSCH took its status). */
void flic_clear_io(Flic *flic, uint32_t id);
/* An adapter interruption on an interruption subclass. */
void flic_inject_adapter(Flic *flic, uint8_t isc);
void flic_inject_service(Flic *flic, uint32_t params);
void flic_inject_channel_report(Flic *flic);
bool flic_io_pending(const Flic *flic, uint8_t isc_mask);
bool flic_io_take(Flic *flic, uint8_t isc_mask, uint32_t *id, uint32_t *parm, uint32_t *word);
bool flic_service_pending(const Flic *flic);
uint32_t flic_service_take(Flic *flic);
bool flic_mcheck_take(Flic *flic);

/* ---- sclp.c: service calls and events ---- */
typedef struct Sclp Sclp;
Sclp *sclp_new(Vm *vm, Flic *flic, Device *owner);
void sclp_free(Sclp *sclp);
void sclp_reset(Sclp *sclp);
int sclp_service_call(Sclp *sclp, Machine *m, bool problem, uint32_t command, uint64_t sccb);

struct S390Board {
    Vm *vm;
    Machine *machine; /* borrowed */
    Flic *flic;       /* owned */
    Sclp *sclp;       /* owned */
    struct Css *css;  /* owned */
    uint64_t tod_base;
    uint8_t *keys; /* owned: one a 4 KiB block */
    uint64_t n_keys;
    bool diag_reset; /* a reset asked for by DIAGNOSE 308 is under way */
};

typedef struct S390Machine {
    Machine machine; /* first */
    /* properties */
    bool aes_key_wrap, dea_key_wrap;
    char *loadparm;
    /* parts */
    S390Board board;
    MemoryRegion ram_alias;
    bool has_ram;
    RomStore *roms;
    bool direct_boot;
    uint64_t entry;
} S390Machine;

extern const S390BoardOps s390_board_ops;
/* ---- ipl.c ---- */
bool s390_ipl_prepare(S390Machine *m, GError **error);
/* ---- cpu-device.c ---- */
bool s390_cpus_build(S390Machine *m, GError **error);
S390Cpu *s390_cpu_device_cpu(Device *dev);
