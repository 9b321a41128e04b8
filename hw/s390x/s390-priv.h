/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The s390-ccw-virtio machine object and the parts that it is built of. Private to hw/s390x. */
#pragma once
#include "hw/core/loader.h"
#include "hw/core/machine.h"
#include "hw/s390x/board.h"
#include "target/s390x/s390x.h"

typedef struct Flic Flic;

/* ---- flic.c: the floating interrupts ---- */
#define TYPE_FLIC "s390-flic-qemu"
/* Its migrated state takes its place in the order of sections. */
void flic_register(Flic *flic);
void flic_reset(Flic *flic);
/* An I/O interruption of a subchannel. VM lock held for all of these. */
void flic_inject_io(Flic *flic, uint32_t id, uint32_t parm, uint32_t word);
/* The interruption of that subchannel is not wanted any more (TSCH took its status). */
void flic_clear_io(Flic *flic, uint32_t id);
/* An adapter interruption on an interruption subclass. */
void flic_inject_adapter(Flic *flic, uint8_t isc);
/* The same, unless its subclass is in single mode and has had one since. */
void flic_inject_suppressible(Flic *flic, uint8_t isc);
void flic_set_suppression(Flic *flic, uint8_t isc, bool single);
void flic_inject_service(Flic *flic, uint32_t params);
void flic_inject_channel_report(Flic *flic);
bool flic_io_pending(const Flic *flic, uint8_t isc_mask);
bool flic_io_take(Flic *flic, uint8_t isc_mask, uint32_t *id, uint32_t *parm, uint32_t *word);
bool flic_service_pending(const Flic *flic);
uint32_t flic_service_take(Flic *flic);
bool flic_mcheck_pending(const Flic *flic);
bool flic_mcheck_take(Flic *flic);

/* ---- sclp.c: service calls and events ---- */
typedef struct Sclp Sclp;
Sclp *sclp_new(Vm *vm, Flic *flic, Device *owner);
void sclp_free(Sclp *sclp);
void sclp_reset(Sclp *sclp);
/* A CPU has come: the guest is told if it wants to know. */
void sclp_cpus_changed(Sclp *sclp);
int sclp_service_call(Sclp *sclp, Machine *m, bool problem, uint32_t command, uint64_t sccb);

/* How much a reset resets; the partial ones are DIAGNOSE 308's. */
typedef enum S390BoardReset {
    S390_BOARD_RESET_ALL,
    S390_BOARD_RESET_CPUS,       /* initial reset of the calling CPU, CPU reset of the others */
    S390_BOARD_RESET_CLEAR_CPUS, /* clear reset of all CPUs */
} S390BoardReset;

struct S390Board {
    Vm *vm;
    Machine *machine;              /* borrowed */
    Flic *flic;                    /* borrowed from the tree */
    Sclp *sclp;                    /* owned */
    struct Css *css;               /* owned */
    struct S390Watchdog *watchdog; /* borrowed from the tree; NULL: none */
    struct ZpciHost *pci;          /* borrowed from the tree */
    uint64_t tod_base;
    uint8_t *keys; /* owned: one a 4 KiB block; see keys.c */
    uint64_t n_keys;
    bool keys_recorded;        /* atomic: references and changes are */
    S390BoardReset reset_kind; /* of the reset under way; cleared when it is done */
    uint16_t reset_cpu;        /* ... the CPU that asked for it and goes on afterwards */
    bool yields;               /* property: has DIAGNOSE 44 and 9C */
    bool access_registers;     /* property: has the access-register mode */
};

/* ---- keys.c: storage keys, by absolute address; any thread ---- */
/* Access control and fetch protection (the other bits by s390_key_get); NULL: no storage. */
uint8_t *s390_key_at(S390Board *b, uint64_t absolute);
bool s390_keys_recorded(const S390Board *b);
/* Start recording references and changes. VM lock; TLBs must be flushed afterwards. */
void s390_keys_record(S390Board *b);
/* All keys zero, nothing recorded. VM lock, vCPUs stopped. */
void s390_keys_forget(S390Board *b);
void s390_key_referred(S390Board *b, uint64_t absolute);
bool s390_key_get(S390Board *b, uint64_t absolute, uint8_t *out);
void s390_key_set(S390Board *b, uint64_t absolute, uint8_t value);

#define S390_IPLB_BYTES 4096

/* What the next IPL is from. */
typedef struct S390Ipl {
    uint64_t start_addr, bios_start_addr;
    uint8_t block[S390_IPLB_BYTES];
    bool valid;
    uint8_t cssid, ssid;
    uint16_t devno;
} S390Ipl;

/* The registers of a PCI host without devices: only kept. */
#define S390_PCI_IRQS 64
typedef struct S390PciHost {
    uint32_t config_reg;
    int32_t nirq, irq_count[S390_PCI_IRQS];
} S390PciHost;

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
    bool direct_boot; /* of -kernel, without firmware */
    uint64_t entry, firmware_at;
    uint8_t *boot_blocks; /* owned: an IPL parameter block each, in order */
    unsigned n_boot;
    Device *tod; /* borrowed from the tree */
    S390Ipl ipl;
    S390PciHost pci;
    uint64_t loaded_tod;
} S390Machine;

extern const S390BoardOps s390_board_ops;
/* ---- state.c: sections of the board, in the order of the stream ---- */
void s390_register_storage(S390Machine *m);
void s390_register_ipl(S390Machine *m);
void s390_register_tod(S390Machine *m);
/* ---- ipl.c ---- */
bool s390_ipl_prepare(S390Machine *m, GError **error);
/* ---- firmware.c ---- */
bool s390_firmware_load(S390Machine *m, GError **error);
/* ---- boot-device.c: what the firmware is told ---- */
bool s390_boot_devices_find(S390Machine *m, GError **error);
void s390_boot_params_write(S390Machine *m);
bool s390_boot_block_valid(const uint8_t *block); /* S390_IPLB_BYTES from a guest */
unsigned s390_boot_block_length(const uint8_t *block);
bool s390_loadparm_parse(const char *text, uint8_t out[8], GError **error);
void s390_loadparm_get(const S390Machine *m, uint8_t out[8]);
/* ---- diag-ipl.c ---- */
int s390_diag_ipl(S390Board *b, S390Cpu *cpu, unsigned r1, unsigned r3);
/* ---- zpci.c, zpci-insn.c: PCI functions; VM lock held but for the instructions ---- */
bool s390_pci_build(S390Board *b, GError **error);
int s390_pci(S390Board *b, S390Cpu *cpu, unsigned op, unsigned r1, unsigned r2, uint64_t addr,
             unsigned mmu);
/* May these be DMA addresses and the anchor of their tables? */
bool s390_pci_tables_valid(uint64_t base, uint64_t limit, uint64_t anchor);
/* Takes the oldest event into the area of STORE EVENT INFORMATION: its content code (CSS_CONTENT_*), 0: there is none. */
unsigned s390_pci_event_take(S390Board *b, uint8_t *answer, bool *more);
typedef enum {
    S390_PCI_DONE,
    S390_PCI_SAME, /* was so before */
    S390_PCI_UNKNOWN,
} S390PciConfigure;
S390PciConfigure s390_pci_configure(S390Board *b, uint32_t fid, bool on);
/* ---- diag288.c ---- */
typedef struct S390Watchdog S390Watchdog;
int s390_diag_watchdog(S390Board *b, const S390Cpu *cpu, unsigned r1);
/* The board of a VM; NULL: its machine is of another kind. */
S390Board *s390_board(Vm *vm);
/* ---- cpu-device.c ---- */
S390Cpu *s390_cpu_device_cpu(Device *dev);
unsigned s390_cpu_device_core_id(Device *dev);
bool s390_cpu_device_same_features(Device *dev, Device *other);
/* Its socket, book and drawer. */
void s390_cpu_device_set_topology(Device *dev, const CpuTopology *t);
/* ---- cpus.c ---- */
bool s390_cpus_build(S390Machine *m, GError **error);
/* NULL: none is plugged in there. */
S390Cpu *s390_cpu_at(const Machine *m, unsigned core_id);
unsigned s390_cpus_present(const Machine *m);
bool s390_cpu_pre_plug(Machine *m, Device *dev, GError **error);
void s390_cpu_plugged(Machine *m, Device *dev);
bool s390_cpu_unplug_request(Machine *m, Device *dev, GError **error);
void s390_cpu_unplugged(Machine *m, Device *dev);
