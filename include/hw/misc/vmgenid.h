/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "vmgenid": a number in guest memory that changes when the guest goes on from a copy of itself
 * ("Virtual Machine Generation ID", Microsoft 2012). Plugs into a board that has firmware tables.
 */
#pragma once
#include "hw/misc/fw-cfg.h"

#define TYPE_VMGENID        "vmgenid"
#define VMGENID_FILE        "etc/vmgenid_guid"
#define VMGENID_ADDR_FILE   "etc/vmgenid_addr"
#define VMGENID_FILE_BYTES  4096
#define VMGENID_GUID_OFFSET 40 /* behind what a table's header would be: scanners pass by */

/* The board: what to do when the number has changed under a running guest (its notification). */
void vmgenid_connect(Device *dev, void (*changed)(void *opaque), void *opaque);
/* The page with the number for firmware to place, and the file where it says where. */
bool vmgenid_publish(Device *dev, FwCfg *fw_cfg, GError **error);
GBytes *vmgenid_page(Device *dev);
/* Without firmware: the page was placed at @page. */
void vmgenid_placed(Device *dev, uint64_t page);
Device *vmgenid_find(Vm *vm);    /* NULL: none */
char *vmgenid_guid(Device *dev); /* as text; caller frees */

extern const TypeInfo vmgenid_types[];
extern const size_t vmgenid_types_n;
