/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programmable attribute map: each of 13 areas in c0000-fffff shows RAM or what PCI space has there
 * (firmware ROM, option ROMs). Both host bridges have it, at different registers. Private to
 * hw/i386.
 */
#pragma once
#include "hw/core/device.h"

#define PAM_AREAS     13
#define PAM_REGISTERS 7

typedef struct {
    MemoryRegion ram[PAM_AREAS], pci[PAM_AREAS];
} Pam;

/* Reset state: everything is PCI. @ram and @pci are borrowed. */
void pam_init(Pam *pam, Device *owner, MemoryRegion *ram, MemoryRegion *pci);
void pam_clear(Pam *pam);
/* What the registers PAM0-6 say. */
void pam_update(Pam *pam, const uint8_t regs[PAM_REGISTERS]);
