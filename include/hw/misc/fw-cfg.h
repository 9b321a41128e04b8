/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware configuration device: numbered items and named files that firmware and guests read.
 *
 * Items are added before the machine starts. Files get keys from 0x20 in the order of their names.
 * VM lock held.
 */
#pragma once
#include "hw/core/device.h"

typedef struct FwCfg FwCfg;

#define TYPE_FW_CFG    "fw_cfg"    /* abstract */
#define TYPE_FW_CFG_IO "fw_cfg_io" /* ports 0x510.. */
#define FW_CFG_IO_BASE 0x510

/* Keys of items without a name. */
enum {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_MACHINE_ID = 0x06,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_KERNEL_CMDLINE = 0x09,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_ARCH_LOCAL = 0x8000,
    FW_CFG_ACPI_TABLES = 0x8000,
    FW_CFG_SMBIOS_ENTRIES = 0x8001,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_HPET = 0x8004,
};

/* Replaces what was there. @bytes: a reference is taken. */
void fw_cfg_set(FwCfg *s, uint16_t key, GBytes *bytes);
void fw_cfg_set_u16(FwCfg *s, uint16_t key, uint16_t value); /* little-endian */
void fw_cfg_set_u32(FwCfg *s, uint16_t key, uint32_t value);
void fw_cfg_set_u64(FwCfg *s, uint16_t key, uint64_t value);
void fw_cfg_set_string(FwCfg *s, uint16_t key, const char *value); /* with its NUL */

/* A file; a name that is in use or too long (55 bytes) is an error. */
bool fw_cfg_add_file(FwCfg *s, const char *name, GBytes *bytes, GError **error);
/* The contents live in @block: @len bytes, 0: its used length; @selected (may be NULL) is called
   when a guest selects the file, before it reads. */
bool fw_cfg_add_block_file(FwCfg *s, const char *name, RamBlock *block, uint32_t len,
                           void (*selected)(void *opaque), void *opaque, GError **error);
/* A file the guest writes (by DMA) into @buffer, borrowed; @written (may be NULL) is called after. */
bool fw_cfg_add_writable_file(FwCfg *s, const char *name, uint8_t *buffer, uint32_t len,
                              void (*written)(void *opaque), void *opaque, GError **error);
/* The contents are @buffer, borrowed, as it is when it is read; @selected as above. */
bool fw_cfg_add_buffer_file(FwCfg *s, const char *name, const uint8_t *buffer, uint32_t len,
                            void (*selected)(void *opaque), void *opaque, GError **error);
/* Replaces the contents of a file that exists, or adds it. */
void fw_cfg_set_file(FwCfg *s, const char *name, GBytes *bytes);
bool fw_cfg_has_file(FwCfg *s, const char *name);
/* Contents of a file as the guest sees it; NULL if absent. */
GBytes *fw_cfg_get_file(FwCfg *s, const char *name);

/* The three ACPI files' blocks, whose sizes travel in the subsection fw_cfg/acpi_mr. */
void fw_cfg_set_acpi_blocks(FwCfg *s, RamBlock *tables, RamBlock *linker, RamBlock *rsdp);

extern const TypeInfo fw_cfg_types[];
extern const size_t fw_cfg_types_count;
