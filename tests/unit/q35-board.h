/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The q35 chipset without CPUs, for unit tests: board_new_with() and port, configuration and
   memory accesses. */
#pragma once
#include <string.h>
#include "base/core/vm.h"
#include "base/util/endian.h"
#include "base/util/units.h"
#include "hw/core/types.h"
#include "hw/i386/q35-priv.h"
#include "hw/isa/isa.h"

/* ---- the board ---- */
typedef struct {
    Vm *vm;
    MemoryRegion ram, low, smram_view, as_smm_root, as_smm_low;
    AddressSpace *smm;
    int smis, smis_everyone;
    PcHost *host;
    Ich9Lpc *lpc;
    FwCfg *fw_cfg;
    Irq pins[PC_GSI_COUNT];
    int level[PC_GSI_COUNT];
} Board;

static inline void gsi(void *opaque, int n, int level)
{
    ((Board *)opaque)->level[n] = level;
}

static inline Device *make(Board *b, const char *type, Bus *bus, const char *addr)
{
    g_autoptr(GError) error = NULL;
    Device *dev = device_new(b->vm, type, &error);

    g_assert_no_error(error);
    if (addr) {
        g_assert_true(object_set_str(&dev->obj, "addr", addr, &error));
    }
    if (!strcmp(type, "q35-pcihost")) {
        ((PcHost *)dev)->ram = &b->ram;
        ((PcHost *)dev)->ram_below_4g = 32 * MiB;
        ((PcHost *)dev)->smram_view = &b->smram_view;
    }
    device_realize(dev, bus, NULL, &error);
    g_assert_no_error(error);
    object_unref(&dev->obj);
    return dev;
}

static inline void count_smi(void *opaque, bool everyone)
{
    ((Board *)opaque)->smis++;
    ((Board *)opaque)->smis_everyone += everyone;
}

/* What a CPU sees in SMM: the view above everything else. */
static inline void make_smm_space(Board *b)
{
    memory_region_init(&b->smram_view, b->vm, NULL, "smram", SMRAM_VIEW_SIZE);
    memory_region_init(&b->as_smm_root, b->vm, NULL, "smm", UINT64_MAX);
    memory_region_init_alias(&b->as_smm_low, b->vm, NULL, "all", memory_system_region(b->vm), 0,
                             UINT64_MAX);
    memory_region_add_overlap(&b->as_smm_root, 0, &b->as_smm_low, 0);
    memory_region_add_overlap(&b->as_smm_root, 0, &b->smram_view, 1);
    b->smm = address_space_new(b->vm, &b->as_smm_root, "smm");
}

static inline Board *board_new_with(const TypeInfo *extra)
{
    Board *b = g_new0(Board, 1);
    TypeRegistry *reg = type_registry_new();
    Irq *pins[PC_GSI_COUNT];

    type_registry_add(reg, hw_core_device_types, hw_core_device_types_n);
    type_registry_add(reg, hw_core_bus_types, hw_core_bus_types_n);
    type_registry_add(reg, hw_core_machine_types, hw_core_machine_types_n);
    type_registry_add(reg, pci_types, pci_types_count);
    type_registry_add(reg, pci_port_types, pci_port_types_count);
    type_registry_add(reg, q35_host_types, q35_host_types_count);
    type_registry_add(reg, ich9_types, ich9_types_count);
    type_registry_add(reg, fw_cfg_types, fw_cfg_types_count);
    if (extra) {
        type_registry_add(reg, extra, 1);
    }
    type_registry_seal(reg);
    b->vm = vm_new(reg);
    vm_lock(b->vm);
    clock_virtual_take_manual(b->vm);
    g_assert_true(memory_setup(b->vm, NULL));
    g_assert_true(memory_region_init_ram(&b->ram, b->vm, NULL, "pc.ram", 32 * MiB, NULL));
    memory_region_init_alias(&b->low, b->vm, NULL, "low", &b->ram, 0, 32 * MiB);
    memory_region_add(memory_system_region(b->vm), 0, &b->low);
    make_smm_space(b);
    b->fw_cfg = (FwCfg *)make(b, TYPE_FW_CFG_IO, bus_root(b->vm), NULL);
    b->host = (PcHost *)make(b, "q35-pcihost", bus_root(b->vm), NULL);
    b->lpc = (Ich9Lpc *)make(b, "ICH9-LPC", &b->host->host.bus->bus, "1f.0");
    for (int i = 0; i < PC_GSI_COUNT; i++) {
        irq_init(&b->pins[i], gsi, b, i);
        pins[i] = &b->pins[i];
    }
    ich9_lpc_connect(b->lpc, b->host->host.bus, pins);
    b->lpc->pm.raise_smi = count_smi;
    b->lpc->pm.smi_opaque = b;
    b->lpc->pm.smm_enabled = true;
    bus_reset(bus_root(b->vm), RESET_COLD);
    return b;
}

static inline void board_free(Board *b)
{
    vm_unlock(b->vm);
    /* The process ends with the test; taking a board apart is test-core's. */
}

static inline void outl(Board *b, uint16_t port, uint64_t v, unsigned size)
{
    address_space_st(address_space_io(b->vm), port, v, size, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE,
                     NULL);
}
static inline uint64_t inl(Board *b, uint16_t port, unsigned size)
{
    return address_space_ld(address_space_io(b->vm), port, size, DEVICE_LITTLE_ENDIAN,
                            MEM_ATTRS_NONE, NULL);
}
static inline void cfg_write(Board *b, unsigned bus, unsigned devfn, unsigned reg, uint32_t v,
                             unsigned n)
{
    outl(b, 0xcf8, 0x80000000u | bus << 16 | devfn << 8 | (reg & ~3u), 4);
    outl(b, 0xcfc + (reg & 3), v, n);
}
static inline uint32_t cfg_read(Board *b, unsigned bus, unsigned devfn, unsigned reg, unsigned n)
{
    outl(b, 0xcf8, 0x80000000u | bus << 16 | devfn << 8 | (reg & ~3u), 4);
    return inl(b, 0xcfc + (reg & 3), n);
}
static inline uint32_t mem_read(Board *b, uint64_t addr)
{
    return phys_ld32_le(address_space_memory(b->vm), addr);
}
