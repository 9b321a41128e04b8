/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI and PCI Express: devices, buses, bridges, host bridges.
 *
 * A PCI device type's ops is a PciDeviceOps; write its DeviceOps with PCI_DEVICE_BASE. The core
 * keeps the configuration space with per-bit masks (`wmask` writable, `w1cmask` write-one-clears,
 * `cmask` must be equal in a migration), maps BARs as the guest programs them, and gives every
 * device an address space for DMA that is empty while Bus Master is off.
 * VM lock held for everything here; pci_dma_* may be called from any thread.
 */
#pragma once
#include "hw/core/device.h"
#include "hw/pci/regs.h"

typedef struct PciDevice PciDevice;
typedef struct PciBus PciBus;
typedef struct PciHost PciHost;

#define TYPE_PCI_DEVICE "pci-device"
#define TYPE_PCI_BUS    "PCI"
#define TYPE_PCIE_BUS   "PCIE"
#define TYPE_PCI_HOST   "pci-host-bridge"

#define PCI_VENDOR_INTEL  0x8086
#define PCI_VENDOR_REDHAT 0x1b36
#define PCI_VENDOR_VIRTIO 0x1af4

typedef struct {
    DeviceOps dev; /* first; use PCI_DEVICE_BASE in it */
    uint16_t vendor_id, device_id, class_id;
    uint16_t subsystem_vendor_id, subsystem_id; /* 0: 1af4:1100 */
    uint8_t revision, prog_if;
    uint8_t interrupt_pin; /* 1..4 = INTA..INTD, 0 none (may also be written in realize) */
    bool is_bridge;
    bool express;        /* 4 KiB of configuration space on any bus */
    bool may_be_express; /* 4 KiB when plugged below a PCIe port (virtio); see pci_device_express */
    const char *romfile; /* default option ROM; silently absent when the file is not there */
    /* Called with identification and masks set up; the device adds capabilities and BARs. */
    bool (*realize)(PciDevice *dev, GError **error);
    void (*unrealize)(PciDevice *dev);
    void (*reset)(PciDevice *dev, ResetKind kind);
    /* NULL: pci_config_default_read / _write. An override calls the default and then acts. */
    uint32_t (*config_read)(PciDevice *dev, uint32_t addr, unsigned len);
    void (*config_write)(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len);
} PciDeviceOps;

bool pci_device_realize(Device *dev, GError **error);
void pci_device_unrealize(Device *dev);
void pci_device_reset(Device *dev, ResetKind kind);
bool pci_device_unplug_request(Device *dev, GError **error);
#define PCI_DEVICE_BASE                                                                  \
    .bus_type = "PCI", .realize = pci_device_realize, .unrealize = pci_device_unrealize, \
    .reset = pci_device_reset, .unplug_request = pci_device_unplug_request

typedef struct {
    MemoryRegion *mr;    /* NULL: not there */
    uint64_t size, addr; /* addr: where it is mapped, PCI_BAR_UNMAPPED if nowhere */
    uint8_t flags;       /* PCI_BAR_* */
    MemoryRegion *space; /* the container it is mapped in */
} PciBar;
#define PCI_BAR_UNMAPPED UINT64_MAX

typedef struct {
    uint64_t address;
    uint32_t data;
} MsiMessage;

struct PciDevice {
    Device dev; /* first */
    /* properties */
    int32_t devfn; /* -1 until plugged */
    char *romfile;
    int32_t rombar; /* 0: no ROM BAR */
    uint32_t romsize;
    bool multifunction;
    /* configuration space; config_size bytes each */
    uint32_t config_size;
    uint8_t *config, *wmask, *w1cmask, *cmask, *used;
    uint8_t *fresh; /* config as it was realized: what a reset brings back */
    PciBar bars[PCI_NUM_BARS];
    uint8_t irq_state; /* bit n: level of INT A+n as the device drives it */
    bool has_rom;
    MemoryRegion rom;
    MemoryRegion dma_root, dma_window;
    AddressSpace *dma_as;
    /* offsets of capabilities, 0: none */
    uint8_t pm_cap, msi_cap, msix_cap, exp_cap;
    uint16_t aer_cap, next_ext_cap;
    /* MSI-X */
    unsigned msix_entries;
    uint8_t *msix_table, *msix_pba;
    MemoryRegion msix_table_mr, msix_pba_mr, msix_bar_mr;
    bool msix_function_masked, msix_own_bar;
};
#define PCI_DEVICE(obj_) ((PciDevice *)(obj_))
static inline const PciDeviceOps *pci_device_ops(const PciDevice *dev)
{
    return object_ops(&dev->dev.obj);
}
static inline PciBus *pci_device_bus(const PciDevice *dev)
{
    return (PciBus *)dev->dev.bus;
}
/* Has 4 KiB configuration space here (see PciDeviceOps.express, may_be_express). */
bool pci_device_express(const PciDevice *dev);
uint16_t pci_device_bdf(const PciDevice *dev); /* bus << 8 | devfn, as the guest numbered it */
/* How its transactions are signed on the root bus: a bridge to a conventional bus signs for those behind it. */
uint16_t pci_requester_id(const PciDevice *dev);

/* ---- configuration space ---- */
uint8_t pci_get8(const PciDevice *dev, uint32_t addr);
uint16_t pci_get16(const PciDevice *dev, uint32_t addr);
uint32_t pci_get32(const PciDevice *dev, uint32_t addr);
uint64_t pci_get64(const PciDevice *dev, uint32_t addr);
void pci_set8(PciDevice *dev, uint32_t addr, uint8_t value);
void pci_set16(PciDevice *dev, uint32_t addr, uint16_t value);
void pci_set32(PciDevice *dev, uint32_t addr, uint32_t value);
/* The same for the write mask. */
void pci_wmask8(PciDevice *dev, uint32_t addr, uint8_t mask);
void pci_wmask16(PciDevice *dev, uint32_t addr, uint16_t mask);
void pci_wmask32(PciDevice *dev, uint32_t addr, uint32_t mask);
void pci_w1cmask16(PciDevice *dev, uint32_t addr, uint16_t mask);
void pci_w1cmask32(PciDevice *dev, uint32_t addr, uint32_t mask);
uint32_t pci_config_default_read(PciDevice *dev, uint32_t addr, unsigned len);
void pci_config_default_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len);
/* As the guest does it: through the device's own callbacks, bounds checked. */
uint32_t pci_config_read(PciDevice *dev, uint32_t addr, unsigned len);
void pci_config_write(PciDevice *dev, uint32_t addr, uint32_t value, unsigned len);

/* A capability of @size bytes (header included) at @offset, or at a free place when 0. Returns its
   offset; 0 + error when it does not fit. Contents are zero and read-only. */
uint8_t pci_add_capability(PciDevice *dev, uint8_t id, uint8_t offset, uint8_t size,
                           GError **error);
uint8_t pci_find_capability(const PciDevice *dev, uint8_t id);
/* Extended capability of an express device at @offset (>= 0x100; 0: after the last). */
uint16_t pcie_add_ext_capability(PciDevice *dev, uint16_t id, uint8_t version, uint16_t offset,
                                 uint16_t size);
bool pci_pm_init(PciDevice *dev, uint8_t offset, GError **error);
/* @type: PCI_EXP_TYPE_*; an endpoint on a root bus becomes a root-complex endpoint. */
bool pcie_cap_init(PciDevice *dev, uint8_t offset, uint8_t type, uint8_t port, GError **error);
/* An endpoint that resets itself when it is told to: what it says more than pcie_cap_init(), and, after each write of
   its configuration space, the reset. */
void pcie_cap_with_flr(PciDevice *dev);
void pcie_flr_written(PciDevice *dev, uint32_t addr, unsigned len);
void pcie_aer_init(PciDevice *dev, uint16_t offset);
void pcie_ari_init(PciDevice *dev, uint16_t offset, uint16_t next_fn);

/* ---- BARs: @mr's size must be a power of two; borrowed, stays the device's ---- */
void pci_register_bar(PciDevice *dev, int bar, uint8_t flags, MemoryRegion *mr);
uint64_t pci_bar_address(const PciDevice *dev, int bar); /* PCI_BAR_UNMAPPED when off */

/* ---- interrupts ---- */
/* Level of the device's own INTx pin (Interrupt Pin register); goes up through bridges. */
void pci_set_irq(PciDevice *dev, int level);
/* With a signalled MSI/MSI-X message the device writes it itself. */
void pci_send_msi(PciDevice *dev, MsiMessage msg);

bool msi_init(PciDevice *dev, uint8_t offset, unsigned vectors, bool addr64, bool vector_mask,
              GError **error);
bool msi_enabled(const PciDevice *dev);
unsigned msi_vectors(const PciDevice *dev); /* that the guest allocated */
void msi_notify(PciDevice *dev, unsigned vector);

/* MSI-X table and PBA inside BARs of the device's own. @table and @pba are containers or the BAR
   region itself: subregions are added at the given offsets. */
bool msix_init(PciDevice *dev, unsigned vectors, MemoryRegion *table, uint8_t table_bar,
               uint32_t table_offset, MemoryRegion *pba, uint8_t pba_bar, uint32_t pba_offset,
               uint8_t cap_offset, GError **error);
/* A BAR that holds only table (at 0) and PBA (second half); 4 KiB when that is enough. */
bool msix_init_own_bar(PciDevice *dev, unsigned vectors, uint8_t bar, GError **error);
bool msix_enabled(const PciDevice *dev);
bool msix_vector_masked(const PciDevice *dev, unsigned vector);
MsiMessage msix_message(const PciDevice *dev, unsigned vector);
void msix_notify(PciDevice *dev, unsigned vector); /* sends, or sets pending while masked */
void msix_reset(PciDevice *dev);
/* Saved form: table is 16 bytes a vector, pending one bit a vector rounded up to bytes. */
static inline uint32_t msix_table_bytes(const PciDevice *dev)
{
    return dev->msix_entries * 16;
}
static inline uint32_t msix_pba_bytes(const PciDevice *dev)
{
    return (dev->msix_entries + 7) / 8;
}
void msix_save(const PciDevice *dev, uint8_t *table, uint8_t *pba);
void msix_load(PciDevice *dev, const uint8_t *table, const uint8_t *pba);

/* ---- DMA ---- */
static inline AddressSpace *pci_dma_space(PciDevice *dev)
{
    return dev->dma_as;
}
static inline MemAttrs pci_dma_attrs(const PciDevice *dev)
{
    return (MemAttrs){ .requester_id = pci_requester_id(dev) };
}
static inline MemResult pci_dma_read(PciDevice *dev, GuestPhys addr, void *buf, uint64_t len)
{
    return address_space_read(dev->dma_as, addr, pci_dma_attrs(dev), buf, len);
}
static inline MemResult pci_dma_write(PciDevice *dev, GuestPhys addr, const void *buf, uint64_t len)
{
    return address_space_write(dev->dma_as, addr, pci_dma_attrs(dev), buf, len);
}

/* ---- buses ---- */
typedef int (*PciMapIrq)(PciDevice *dev, int pin); /* pin 0..3 -> input of the bus's parent */

struct PciBus {
    Bus bus; /* first */
    PciDevice *devices[PCI_DEVFN_MAX];
    MemoryRegion *mem, *io; /* where BARs are mapped; borrowed */
    MemoryRegion *dma;      /* what bus masters see; NULL: as the parent's */
    PciDevice *bridge;      /* the bridge above; NULL for a root bus */
    PciHost *host;          /* of a root bus */
    PciMapIrq map_irq;
    void (*set_irq)(void *opaque, int n, int level); /* root buses */
    void *irq_opaque;
    int n_irqs;
    int32_t irq_count[32];   /* how many devices hold each input */
    uint32_t slots_reserved; /* bit n: automatic assignment skips slot n */
    bool express;
    bool single_slot; /* below a PCIe port: slot 0 only */
};
#define PCI_BUS(obj_) ((PciBus *)(obj_))
/* What an endpoint on @bus says that it is: on an Express root bus it is integrated into the root complex. */
static inline uint8_t pcie_endpoint_type(const PciBus *bus)
{
    return bus->express && !bus->bridge ? PCI_EXP_TYPE_RC_ENDPOINT : PCI_EXP_TYPE_ENDPOINT;
}

/* A root bus of @host's device. n_irqs at most 32. */
PciBus *pci_root_bus_new(PciHost *host, const char *type, const char *name, MemoryRegion *mem,
                         MemoryRegion *io);
void pci_bus_set_irqs(PciBus *bus, void (*set_irq)(void *opaque, int n, int level),
                      PciMapIrq map_irq, void *opaque, int n_irqs);
int pci_swizzle_map_irq(PciDevice *dev, int pin); /* (slot + pin) % 4 */
int pci_bus_number(const PciBus *bus);
/* The device at @bus_number/@devfn below the root bus @root, as numbered by the guest; or NULL. */
PciDevice *pci_find_device(PciBus *root, int bus_number, int devfn);
/* Calls @fn for every device of the bus, by devfn; then, when @recurse, those below bridges. */
void pci_bus_foreach(PciBus *bus, bool recurse, void (*fn)(PciDevice *dev, void *opaque),
                     void *opaque);
/* The secondary bus of a bridge, NULL for other devices. */
PciBus *pci_bridge_bus(PciDevice *dev);
/* The first root bus of the VM, NULL without PCI. */
PciBus *pci_root_bus(Vm *vm);
/* Runs again the level of every input of a root bus (after routing changed or a load). */
void pci_bus_refresh_irqs(PciBus *bus);

/* ---- hotplug through the platform's firmware tables ---- */
typedef struct {
    /* A device came, cold or while the VM runs; it is asked to go. False: not on this bus. */
    bool (*plugged)(void *opaque, PciDevice *dev);
    bool (*unplug_request)(void *opaque, PciDevice *dev);
    void (*bus_gone)(void *opaque, PciBus *bus); /* with the bridge above it */
} PciHotplugOps;
/* The host bridge above a bus. */
PciHost *pci_bus_host(PciBus *bus);

/* ---- IOMMU ---- */
typedef struct {
    /* The region (2^64 bytes) that @dev's DMA goes through from now on, and no longer. */
    MemoryRegion *(*attach)(void *opaque, PciDevice *dev);
    void (*detach)(void *opaque, PciDevice *dev);
} PciIommuOps;
/* Puts an IOMMU in front of every function below @host, those that are there included; NULL: none. */
void pci_host_set_iommu(PciHost *host, const PciIommuOps *ops, void *opaque);
bool pci_has_iommu(const PciDevice *dev);

/* ---- host bridges ---- */
/* Type I mechanism (cf8/cfc) and ECAM. A board's host bridge type embeds this and has
   TYPE_PCI_HOST as its parent. */
struct PciHost {
    Device dev; /* first */
    PciBus *bus;
    uint32_t config_reg; /* last value written to cf8 */
    MemoryRegion conf_mr, data_mr, ecam_mr;
    uint64_t ecam_base, ecam_size;
    bool ecam_mapped;
    Section *host_section, *bus_section;
    /* Hotplug through the platform; NULL: ports use their own slot registers. */
    const PciHotplugOps *hotplug;
    void *hotplug_opaque;
    const PciIommuOps *iommu; /* NULL: DMA sees memory as it is */
    void *iommu_opaque;
    /* Byte accesses to port cf9, which lies in the middle of the address register; may be NULL. */
    uint8_t (*cf9_read)(void *opaque);
    void (*cf9_write)(void *opaque, uint8_t value);
    void *cf9_opaque;
};
void pci_host_init_ports(PciHost *host); /* makes conf_mr and data_mr; the board maps them */
void pci_host_map_ecam(PciHost *host, bool enable, uint64_t base, uint64_t size);
uint32_t pci_data_read(PciBus *root, uint32_t addr, unsigned len); /* addr: bus devfn reg */
void pci_data_write(PciBus *root, uint32_t addr, uint32_t value, unsigned len);
/* Registers the sections "PCIHost" and "PCIBUS". */
void pci_host_register_sections(PciHost *host);
void pci_host_unregister_sections(PciHost *host);

/* Firmware's work for a boot without firmware: numbers buses, sizes and assigns BARs and bridge
   windows, writes interrupt lines, enables decoding. */
typedef struct {
    uint64_t io_base, io_limit;               /* inclusive limits */
    uint64_t mem_base, mem_limit;             /* 32-bit window */
    uint64_t mem64_base, mem64_limit;         /* 0,0: no window above 4 GiB */
    int (*irq_line)(void *opaque, int input); /* root bus input -> value of Interrupt Line */
    void *opaque;
} PciAssignWindows;
bool pci_assign_resources(PciBus *root, const PciAssignWindows *windows, GError **error);

/* ---- migrated state of the PCIDevice part ---- */
typedef struct {
    int32_t version_id;
    bool express; /* not on the wire: chooses the length of config */
    uint8_t config[PCIE_CONFIG_SIZE];
    uint8_t irq_state[16]; /* 4 big-endian 32-bit levels */
} PciDeviceSaved;
extern const Record pci_device_record;
#define F_PCI_DEVICE(T, m, ...) F_STRUCT(T, m, pci_device_record, ##__VA_ARGS__)
void pci_device_save(PciDevice *dev, PciDeviceSaved *saved);
/* Refuses a configuration that differs in read-only bits. */
bool pci_device_check(PciDevice *dev, const PciDeviceSaved *saved, GError **error);
void pci_device_install(PciDevice *dev, const PciDeviceSaved *saved);

/* Types of this room: base types; bridges to conventional buses; root ports. */
extern const TypeInfo pci_types[], pci_bridge_types[], pci_port_types[];
extern const size_t pci_types_count, pci_bridge_types_count, pci_port_types_count;
