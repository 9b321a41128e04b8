/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI and PCI Express configuration-space numbers (PCI Local Bus 3.0, PCI Express Base 5.0). */
#pragma once

enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION_ID = 0x08,
    PCI_CLASS_PROG = 0x09,
    PCI_CLASS_DEVICE = 0x0a,
    PCI_CACHE_LINE_SIZE = 0x0c,
    PCI_LATENCY_TIMER = 0x0d,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BASE_ADDRESS_0 = 0x10,
    PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
    PCI_SUBSYSTEM_ID = 0x2e,
    PCI_ROM_ADDRESS = 0x30,
    PCI_CAPABILITY_LIST = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
    /* type 1 header */
    PCI_PRIMARY_BUS = 0x18,
    PCI_SECONDARY_BUS = 0x19,
    PCI_SUBORDINATE_BUS = 0x1a,
    PCI_SEC_LATENCY_TIMER = 0x1b,
    PCI_IO_BASE = 0x1c,
    PCI_IO_LIMIT = 0x1d,
    PCI_SEC_STATUS = 0x1e,
    PCI_MEMORY_BASE = 0x20,
    PCI_MEMORY_LIMIT = 0x22,
    PCI_PREF_MEMORY_BASE = 0x24,
    PCI_PREF_MEMORY_LIMIT = 0x26,
    PCI_PREF_BASE_UPPER32 = 0x28,
    PCI_PREF_LIMIT_UPPER32 = 0x2c,
    PCI_IO_BASE_UPPER16 = 0x30,
    PCI_IO_LIMIT_UPPER16 = 0x32,
    PCI_ROM_ADDRESS1 = 0x38,
    PCI_BRIDGE_CONTROL = 0x3e,
};

#define PCI_COMMAND_IO           0x0001
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_PARITY       0x0040
#define PCI_COMMAND_SERR         0x0100
#define PCI_COMMAND_INTX_DISABLE 0x0400
#define PCI_STATUS_INTERRUPT     0x0008
#define PCI_STATUS_CAP_LIST      0x0010
#define PCI_HEADER_TYPE_BRIDGE   0x01
#define PCI_HEADER_MULTIFUNCTION 0x80
#define PCI_BRIDGE_CTL_SERR      0x0002
#define PCI_BRIDGE_CTL_BUS_RESET 0x0040

/* base address register bits */
#define PCI_BAR_IO       0x01
#define PCI_BAR_MEM32    0x00
#define PCI_BAR_MEM64    0x04
#define PCI_BAR_PREFETCH 0x08
#define PCI_ROM_ENABLE   0x01

/* capabilities */
enum {
    PCI_CAP_ID_PM = 0x01,
    PCI_CAP_ID_SLOTID = 0x04,
    PCI_CAP_ID_MSI = 0x05,
    PCI_CAP_ID_VNDR = 0x09,
    PCI_CAP_ID_SHPC = 0x0c,
    PCI_CAP_ID_SSVID = 0x0d,
    PCI_CAP_ID_EXP = 0x10,
    PCI_CAP_ID_MSIX = 0x11,
    PCI_CAP_ID_SATA = 0x12,
};
enum {
    PCI_EXT_CAP_ID_ERR = 0x0001,
    PCI_EXT_CAP_ID_DSN = 0x0003,
    PCI_EXT_CAP_ID_ACS = 0x000d,
    PCI_EXT_CAP_ID_ARI = 0x000e,
    PCI_EXT_CAP_ID_ATS = 0x000f,
};
#define PCI_CONFIG_SIZE     256
#define PCIE_CONFIG_SIZE    4096
#define PCI_CONFIG_HEADER   0x40
#define PCI_NUM_BARS        7
#define PCI_ROM_SLOT        6
#define PCI_DEVFN_MAX       256
#define PCI_SLOT(devfn)     (((devfn) >> 3) & 0x1f)
#define PCI_FUNC(devfn)     ((devfn)&7)
#define PCI_DEVFN(slot, fn) ((((slot)&0x1f) << 3) | ((fn)&7))
#define PCI_INTX_PINS       4

/* PCI Express capability: offsets in it, port types */
enum {
    PCI_EXP_FLAGS = 0x02,
    PCI_EXP_DEVCAP = 0x04,
    PCI_EXP_DEVCTL = 0x08,
    PCI_EXP_DEVSTA = 0x0a,
    PCI_EXP_LNKCAP = 0x0c,
    PCI_EXP_LNKCTL = 0x10,
    PCI_EXP_LNKSTA = 0x12,
    PCI_EXP_SLTCAP = 0x14,
    PCI_EXP_SLTCTL = 0x18,
    PCI_EXP_SLTSTA = 0x1a,
    PCI_EXP_RTCTL = 0x1c,
    PCI_EXP_RTCAP = 0x1e,
    PCI_EXP_RTSTA = 0x20,
    PCI_EXP_DEVCAP2 = 0x24,
    PCI_EXP_DEVCTL2 = 0x28,
    PCI_EXP_LNKCAP2 = 0x2c,
    PCI_EXP_LNKCTL2 = 0x30,
    PCI_EXP_LNKSTA2 = 0x32,
    PCI_EXP_CAP_SIZE = 0x3c,
};
enum {
    PCI_EXP_TYPE_ENDPOINT = 0,
    PCI_EXP_TYPE_LEG_ENDPOINT = 1,
    PCI_EXP_TYPE_ROOT_PORT = 4,
    PCI_EXP_TYPE_UPSTREAM = 5,
    PCI_EXP_TYPE_DOWNSTREAM = 6,
    PCI_EXP_TYPE_PCI_BRIDGE = 7,
    PCI_EXP_TYPE_RC_ENDPOINT = 9,
};
#define PCI_EXP_DEVCTL_FLR 0x8000 /* function level reset */
/* slot control and status */
#define PCI_EXP_SLT_ABP       0x0001 /* attention button pressed */
#define PCI_EXP_SLT_PDC       0x0008 /* presence detect changed */
#define PCI_EXP_SLT_CC        0x0010 /* command completed */
#define PCI_EXP_SLTCTL_HPIE   0x0020
#define PCI_EXP_SLTCTL_PIC    0x0300
#define PCI_EXP_SLTCTL_PCC    0x0400
#define PCI_EXP_SLTCTL_EIC    0x0800
#define PCI_EXP_SLTCTL_DLLSCE 0x1000
#define PCI_EXP_SLTSTA_PDS    0x0040
#define PCI_EXP_SLT_DLLSC     0x0100

/* classes (base << 8 | sub) */
enum {
    PCI_CLASS_NOT_DEFINED = 0x0000,
    PCI_CLASS_STORAGE_SCSI = 0x0100,
    PCI_CLASS_STORAGE_SATA = 0x0106,
    PCI_CLASS_STORAGE_NVME = 0x0108,
    PCI_CLASS_STORAGE_OTHER = 0x0180,
    PCI_CLASS_NETWORK_ETHERNET = 0x0200,
    PCI_CLASS_DISPLAY_VGA = 0x0300,
    PCI_CLASS_DISPLAY_OTHER = 0x0380,
    PCI_CLASS_BRIDGE_HOST = 0x0600,
    PCI_CLASS_BRIDGE_ISA = 0x0601,
    PCI_CLASS_BRIDGE_PCI = 0x0604,
    PCI_CLASS_COMMUNICATION_OTHER = 0x0780,
    PCI_CLASS_SERIAL_USB = 0x0c03,
    PCI_CLASS_SERIAL_SMBUS = 0x0c05,
    PCI_CLASS_OTHERS = 0x00ff,
};
