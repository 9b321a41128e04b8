/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of every type of every room: the one place where the program's parts are enumerated. */
#include "base/core/secret.h"
#include "backend/net/net.h"
#include "base/memory/backend.h"
#include "hw/block/fdc.h"
#include "hw/block/pflash.h"
#include "hw/block/virtio-blk.h"
#include "hw/ccw/css.h"
#include "hw/char/i8042.h"
#include "hw/char/sclp-console.h"
#include "hw/char/serial.h"
#include "hw/char/virtio-serial.h"
#include "hw/char/vmmouse.h"
#include "hw/core/types.h"
#include "hw/display/vga.h"
#include "hw/i386/apic.h"
#include "hw/i386/cpu-device.h"
#include "hw/i2c/smbus.h"
#include "hw/i386/pc.h"
#include "hw/ide/ide.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/isa.h"
#include "hw/mem/pc-dimm.h"
#include "hw/misc/edu.h"
#include "hw/misc/fw-cfg.h"
#include "hw/misc/isa-misc.h"
#include "hw/misc/migration-testdev.h"
#include "hw/misc/pci-testdev.h"
#include "hw/misc/pvpanic.h"
#include "hw/misc/virtio-misc.h"
#include "hw/misc/vmgenid.h"
#include "hw/net/e1000.h"
#include "hw/nvme/nvme.h"
#include "hw/net/virtio-net.h"
#include "hw/pci/generic-host.h"
#include "hw/pci/pci.h"
#include "hw/s390x/board.h"
#include "hw/scsi/scsi.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818rtc.h"
#include "hw/usb/usb.h"
#include "hw/virtio/virtio-ccw.h"
#include "hw/virtio/virtio-mmio.h"
#include "hw/virtio/virtio-pci.h"
#include "hw/virtio/virtio.h"
#include "hw/watchdog/i6300esb.h"
#include "system-priv.h"

static const TypeInfo accel_types[] = {
    { .name = "accel", .parent = "object", .abstract = true },
    { .name = "tcg-accel", .parent = "accel", .description = "translating engine" },
    { .name = "qtest-accel", .parent = "accel", .description = "no CPU runs; devices are tested" },
};

typedef struct {
    const TypeInfo *types;
    const size_t *n;
} TypeList;

static const TypeList lists[] = {
    { secret_types, &secret_types_n },
    { net_types, &net_types_count },
    { memory_backend_types, &memory_backend_types_n },
    { fdc_types, &fdc_types_count },
    { floppy_types, &floppy_types_count },
    { pflash_types, &pflash_types_count },
    { virtio_blk_types, &virtio_blk_types_count },
    { serial_types, &serial_types_n },
    { ps2_types, &ps2_types_n },
    { i8042_types, &i8042_types_n },
    { i8257_types, &i8257_types_n },
    { migration_testdev_types, &migration_testdev_types_n },
    { isa_debug_types, &isa_debug_types_n },
    { virtio_serial_types, &virtio_serial_types_count },
    { vga_types, &vga_types_count },
    { edu_types, &edu_types_n },
    { pci_testdev_types, &pci_testdev_types_n },
    { pvpanic_types, &pvpanic_types_n },
    { vmgenid_types, &vmgenid_types_n },
    { i6300esb_types, &i6300esb_types_n },
    { hw_core_device_types, &hw_core_device_types_n },
    { hw_core_bus_types, &hw_core_bus_types_n },
    { loader_device_types, &loader_device_types_n },
    { hw_core_machine_types, &hw_core_machine_types_n },
    { apic_types, &apic_types_count },
    { x86_cpu_types, &x86_cpu_types_count },
    { pc_machine_types, &pc_machine_types_count },
    { i440fx_machine_types, &i440fx_machine_types_count },
    { i440fx_types, &i440fx_types_count },
    { piix_types, &piix_types_count },
    { piix4_pm_types, &piix4_pm_types_count },
    { q35_machine_types, &q35_machine_types_count },
    { q35_host_types, &q35_host_types_count },
    { microvm_types, &microvm_types_count },
    { acpi_ged_types, &acpi_ged_types_count },
    { pci_generic_types, &pci_generic_types_count },
    { vmport_types, &vmport_types_count },
    { vmmouse_types, &vmmouse_types_count },
    { vtd_types, &vtd_types_count },
    { ich9_types, &ich9_types_count },
    { smbus_types, &smbus_types_count },
    { ich9_smb_types, &ich9_smb_types_count },
    { ide_types, &ide_types_count },
    { ide_bus_types, &ide_bus_types_count },
    { ahci_types, &ahci_types_count },
    { piix_ide_types, &piix_ide_types_count },
    { scsi_bus_types, &scsi_bus_types_count },
    { scsi_types, &scsi_types_count },
    { virtio_scsi_types, &virtio_scsi_types_count },
    { i8259_types, &i8259_types_n },
    { ioapic_types, &ioapic_types_n },
    { isa_types, &isa_types_n },
    { fw_cfg_types, &fw_cfg_types_count },
    { virtio_rng_types, &virtio_rng_types_count },
    { virtio_balloon_types, &virtio_balloon_types_count },
    { e1000_types, &e1000_types_count },
    { e1000e_types, &e1000e_types_count },
    { nvme_types, &nvme_types_count },
    { nvme_ns_types, &nvme_ns_types_count },
    { virtio_net_types, &virtio_net_types_count },
    { pci_types, &pci_types_count },
    { pci_bridge_types, &pci_bridge_types_count },
    { pci_port_types, &pci_port_types_count },
    { ccw_types, &ccw_types_count },
    { s390_cpu_types, &s390_cpu_types_count },
    { s390_machine_types, &s390_machine_types_count },
    { s390_flic_types, &s390_flic_types_count },
    { s390_pci_types, &s390_pci_types_count },
    { s390_watchdog_types, &s390_watchdog_types_count },
    { sclp_console_types, &sclp_console_types_count },
    { sclp_line_console_types, &sclp_line_console_types_count },
    { pc_dimm_types, &pc_dimm_types_count },
    { hpet_types, &hpet_types_n },
    { i8254_types, &i8254_types_n },
    { mc146818rtc_types, &mc146818rtc_types_n },
    { usb_bus_types, &usb_bus_types_count },
    { usb_storage_types, &usb_storage_types_count },
    { usb_hid_types, &usb_hid_types_count },
    { xhci_types, &xhci_types_count },
    { virtio_pci_types, &virtio_pci_types_count },
    { virtio_ccw_types, &virtio_ccw_types_count },
    { virtio_mmio_types, &virtio_mmio_types_count },
    { virtio_types, &virtio_types_count },
};

TypeRegistry *system_types_new(void)
{
    TypeRegistry *reg = type_registry_new();
    type_registry_add(reg, accel_types, G_N_ELEMENTS(accel_types));
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        type_registry_add(reg, lists[i].types, *lists[i].n);
    }
    type_registry_seal(reg);
    return reg;
}
