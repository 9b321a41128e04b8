/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting a Linux kernel without firmware. Private to hw/i386. */
#pragma once
#include "hw/core/loader.h"

typedef struct {
    uint64_t base, len;
    uint32_t type; /* 1 RAM, 2 reserved, 3 ACPI data */
} E820Entry;

typedef struct {
    const char *kernel, *initrd, *cmdline; /* initrd, cmdline may be NULL */
    uint64_t low_ram_top;                  /* bytes usable below 4 GiB (tables lie above) */
    const E820Entry *e820;
    unsigned n_e820;
    uint64_t rsdp; /* 0: none */
} LinuxBootConfig;

/* The registers of the first CPU; everything else is as after reset. */
typedef enum {
    X86_BOOT_FIRMWARE,
    X86_BOOT_FLAT32,
    X86_BOOT_LONG64
} X86BootMode;
typedef struct {
    X86BootMode mode;
    uint64_t entry;
    uint64_t rsi, rbx; /* boot_params (bzImage), start info (PVH) */
    uint64_t rsp;
    uint64_t cr3;      /* LONG64: identity map of the first 4 GiB */
    uint64_t gdt_base; /* 10: code, 18: data */
    uint16_t gdt_limit;
} X86BootState;

/* Checks the files and puts everything into @roms. Errors name the file and the limit. */
bool linux_boot_load(const LinuxBootConfig *config, RomStore *roms, X86BootState *out,
                     GError **error);
