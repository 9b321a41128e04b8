/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programmable attribute map (Intel 440FX datasheet 3.2.18, 3 Series MCH datasheet 5.1.18): area 0
 * is f0000-fffff, then twelve of 16 KiB from c0000 on, two to a register.
 *
 * RE without WE shows RAM that cannot be written. WE without RE (reads from ROM, writes to RAM)
 * is treated as PCI: firmware copies through the ROM's address below 4 GiB.
 */
#include "pam.h"

#define PAM_READ  1
#define PAM_WRITE 2

void pam_init(Pam *pam, Device *owner, MemoryRegion *ram, MemoryRegion *pci)
{
    Vm *vm = device_vm(owner);
    MemoryRegion *system = memory_system_region(vm);

    for (int i = 0; i < PAM_AREAS; i++) {
        uint32_t base = i ? 0xc0000 + (i - 1) * 0x4000 : 0xf0000;
        uint32_t size = i ? 0x4000 : 0x10000;

        memory_region_init_alias(&pam->ram[i], vm, &owner->obj, "pam-ram", ram, base, size);
        memory_region_set_enabled(&pam->ram[i], false);
        memory_region_add_overlap(system, base, &pam->ram[i], 1);
        memory_region_init_alias(&pam->pci[i], vm, &owner->obj, "pam-pci", pci, base, size);
        memory_region_add_overlap(system, base, &pam->pci[i], 1);
    }
}

void pam_clear(Pam *pam)
{
    for (int i = 0; i < PAM_AREAS; i++) {
        memory_region_clear(&pam->ram[i]);
        memory_region_clear(&pam->pci[i]);
    }
}

void pam_update(Pam *pam, const uint8_t regs[PAM_REGISTERS])
{
    memory_transaction_begin(pam->ram[0].vm);
    for (int i = 0; i < PAM_AREAS; i++) {
        uint8_t reg = regs[(i + 1) / 2];
        uint8_t attr = i & 1 ? reg : reg >> 4;

        memory_region_set_enabled(&pam->ram[i], attr & PAM_READ);
        memory_region_set_readonly(&pam->ram[i], !(attr & PAM_WRITE));
        memory_region_set_enabled(&pam->pci[i], !(attr & PAM_READ));
    }
    memory_transaction_commit(pam->ram[0].vm);
}
