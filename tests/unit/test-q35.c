/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The q35 chipset without CPUs: configuration space, BARs, MSI-X, address assignment, ACPI fixed
 * registers, fw_cfg, ACPI tables, and kernels that cannot be started.
 */
#include <glib/gstdio.h>
#include <unistd.h>
#include <string.h>
#include "base/core/vm.h"
#include "base/util/endian.h"
#include "base/util/units.h"
#include "hw/core/types.h"
#include "hw/i386/acpi-tables.h"
#include "hw/i386/linux-boot.h"
#include "hw/i386/q35-priv.h"
#include "hw/isa/isa.h"
#include "migration/vmstate/codec.h"
#include "migration/vmstate/registry.h"
#include "q35-board.h"

/* ---- a device to test with: 4 KiB of memory, 32 ports, MSI-X ---- */
typedef struct {
    PciDevice pci;
    MemoryRegion mem, io;
    uint32_t reg;
} TestDev;

static uint64_t test_read(void *opaque, uint64_t addr, unsigned size)
{
    return ((TestDev *)opaque)->reg + addr;
}
static void test_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    ((TestDev *)opaque)->reg = value;
}
static const RegionOps test_ops = { .read = test_read, .write = test_write };

static bool test_realize(PciDevice *dev, GError **error)
{
    TestDev *t = (TestDev *)dev;
    Vm *vm = device_vm(&dev->dev);

    memory_region_init_io(&t->mem, vm, NULL, &test_ops, t, "mem", 16384);
    memory_region_init_io(&t->io, vm, NULL, &test_ops, t, "io", 32);
    pci_register_bar(dev, 0, PCI_BAR_IO, &t->io);
    pci_register_bar(dev, 4, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &t->mem);
    return msix_init_own_bar(dev, 3, 1, error);
}
static void test_unrealize(PciDevice *dev)
{
    memory_region_clear(&((TestDev *)dev)->mem);
    memory_region_clear(&((TestDev *)dev)->io);
}
static const PciDeviceOps test_dev_ops = {
    .dev = { PCI_DEVICE_BASE, .user_creatable = true },
    .vendor_id = 0x1234,
    .device_id = 0x5678,
    .class_id = PCI_CLASS_OTHERS,
    .interrupt_pin = 1,
    .realize = test_realize,
    .unrealize = test_unrealize,
};
static const TypeInfo test_types[] = {
    { .name = "test-pci",
      .parent = TYPE_PCI_DEVICE,
      .instance_size = sizeof(TestDev),
      .ops = &test_dev_ops },
};

static Board *board_new(void)
{
    return board_new_with(test_types);
}

static void test_ports_find_devices_and_absent_ones_read_ones(void)
{
    Board *b = board_new();

    g_assert_cmphex(cfg_read(b, 0, 0, 0, 4), ==, 0x29c08086);
    g_assert_cmphex(cfg_read(b, 0, 0xf8, 0, 4), ==, 0x29188086);
    g_assert_cmphex(cfg_read(b, 0, 0x08, 0, 4), ==, 0xffffffff);
    g_assert_cmphex(cfg_read(b, 3, 0, 0, 2), ==, 0xffff);
    outl(b, 0xcf8, 0, 4);
    g_assert_cmphex(inl(b, 0xcfc, 4), ==, 0xffffffff);
    board_free(b);
}

static void test_ecam_shows_the_same_device_where_pciexbar_says(void)
{
    Board *b = board_new();

    cfg_write(b, 0, 0, 0x60, 0xb0000001, 4);
    g_assert_cmphex(mem_read(b, 0xb0000000), ==, 0x29c08086);
    g_assert_cmphex(mem_read(b, 0xb00f8000), ==, 0x29188086);
    cfg_write(b, 0, 0, 0x60, 0x80000003, 4); /* moved, 128 MiB */
    g_assert_cmphex(mem_read(b, 0x800f8000), ==, 0x29188086);
    board_free(b);
}

static void test_bars_are_sized_and_mapped_as_command_says(void)
{
    Board *b = board_new();
    TestDev *t = (TestDev *)make(b, "test-pci", &b->host->host.bus->bus, NULL);

    g_assert_cmpint(t->pci.devfn, ==, 0x08);
    cfg_write(b, 0, 0x08, 0x10, 0xffffffff, 4);
    g_assert_cmphex(cfg_read(b, 0, 0x08, 0x10, 4), ==, 0xffffffe1);
    cfg_write(b, 0, 0x08, 0x20, 0xffffffff, 4);
    cfg_write(b, 0, 0x08, 0x24, 0xffffffff, 4);
    g_assert_cmphex(cfg_read(b, 0, 0x08, 0x20, 4), ==, 0xffffc00c);
    g_assert_cmphex(cfg_read(b, 0, 0x08, 0x24, 4), ==, 0xffffffff);
    cfg_write(b, 0, 0x08, 0x04, 7, 2);
    g_assert_true(pci_bar_address(&t->pci, 4) == PCI_BAR_UNMAPPED);
    cfg_write(b, 0, 0x08, 0x20, 0x40000000, 4);
    cfg_write(b, 0, 0x08, 0x24, 0x8, 4);
    t->reg = 0x1000;
    g_assert_cmphex(mem_read(b, 0x840000010), ==, 0x1010);
    cfg_write(b, 0, 0x08, 0x10, 0xc000, 4);
    g_assert_cmphex(inl(b, 0xc004, 4), ==, 0x1004);
    cfg_write(b, 0, 0x08, 0x04, 0, 2);
    g_assert_true(pci_bar_address(&t->pci, 0) == PCI_BAR_UNMAPPED);
    g_assert_true(pci_bar_address(&t->pci, 4) == PCI_BAR_UNMAPPED);
    board_free(b);
}

static void test_dma_follows_bus_master(void)
{
    Board *b = board_new();
    TestDev *t = (TestDev *)make(b, "test-pci", &b->host->host.bus->bus, NULL);
    uint32_t v = 0x11223344, r = 0;

    g_assert_cmpint(pci_dma_write(&t->pci, 0x1000, &v, 4), !=, MEM_OK);
    cfg_write(b, 0, 0x08, 0x04, 4, 2);
    g_assert_cmpint(pci_dma_write(&t->pci, 0x1000, &v, 4), ==, MEM_OK);
    g_assert_cmpint(pci_dma_read(&t->pci, 0x1000, &r, 4), ==, MEM_OK);
    g_assert_cmphex(r, ==, v);
    board_free(b);
}

static void test_msix_waits_while_masked_and_fires_when_unmasked(void)
{
    Board *b = board_new();
    TestDev *t = (TestDev *)make(b, "test-pci", &b->host->host.bus->bus, NULL);
    AddressSpace *as = address_space_memory(b->vm);

    cfg_write(b, 0, 0x08, 0x14, 0xc0000000, 4);
    cfg_write(b, 0, 0x08, 0x04, 6, 2);
    phys_st32_le(as, 0xc0000010, 0x2000); /* messages are writes: RAM will do */
    phys_st32_le(as, 0xc0000018, 0xabcd);
    g_assert_cmphex(phys_ld32_le(as, 0xc000001c), ==, 1);
    msix_notify(&t->pci, 1);
    g_assert_cmphex(phys_ld32_le(as, 0xc0000800), ==, 0); /* not even enabled */
    cfg_write(b, 0, 0x08, t->pci.msix_cap + 2, 0x8000, 2);
    msix_notify(&t->pci, 1);
    g_assert_cmphex(phys_ld32_le(as, 0xc0000800), ==, 2);
    g_assert_cmphex(phys_ld32_le(as, 0x2000), ==, 0);
    phys_st32_le(as, 0xc000001c, 0);
    g_assert_cmphex(phys_ld32_le(as, 0x2000), ==, 0xabcd);
    g_assert_cmphex(phys_ld32_le(as, 0xc0000800), ==, 0);
    board_free(b);
}

static void test_intx_reaches_its_gsi_until_disabled(void)
{
    Board *b = board_new();
    TestDev *t = (TestDev *)make(b, "test-pci", &b->host->host.bus->bus, NULL);

    pci_set_irq(&t->pci, 1); /* slot 1 INTA: PIRQ F */
    g_assert_cmpint(b->level[21], ==, 1);
    g_assert_cmphex(cfg_read(b, 0, 0x08, 6, 2) & 8, ==, 8);
    cfg_write(b, 0, 0x08, 4, 0x400, 2);
    g_assert_cmpint(b->level[21], ==, 0);
    cfg_write(b, 0, 0x08, 4, 0, 2);
    g_assert_cmpint(b->level[21], ==, 1);
    cfg_write(b, 0, 0xf8, 0x69, 10, 1); /* and the 8259 line that PIRQF names */
    g_assert_cmpint(b->level[10], ==, 1);
    pci_set_irq(&t->pci, 0);
    g_assert_cmpint(b->level[21], ==, 0);
    g_assert_cmpint(b->level[10], ==, 0);
    board_free(b);
}

static int fixed_line(void *opaque, int input)
{
    return 10;
}

static void test_assignment_numbers_buses_and_reaches_behind_a_port(void)
{
    Board *b = board_new();
    Device *port = make(b, "pcie-root-port", &b->host->host.bus->bus, "2");
    PciBus *sec = pci_bridge_bus(PCI_DEVICE(port));
    TestDev *t = (TestDev *)make(b, "test-pci", &sec->bus, NULL);
    TestDev *u = (TestDev *)make(b, "test-pci", &b->host->host.bus->bus, "3");
    g_autoptr(GError) error = NULL;
    PciAssignWindows w = { 0xc000,      0xffff,      0xc0000000, 0xfebfffff,
                           0x100000000, 0x1ffffffff, fixed_line, NULL };

    g_assert_true(pci_assign_resources(b->host->host.bus, &w, &error));
    g_assert_no_error(error);
    g_assert_cmphex(cfg_read(b, 1, 0, 0, 4), ==, 0x56781234);
    g_assert_cmphex(cfg_read(b, 1, 0, 0x3c, 1), ==, 10);
    g_assert_cmphex(pci_bar_address(&t->pci, 4), !=, PCI_BAR_UNMAPPED);
    g_assert_cmphex(pci_bar_address(&u->pci, 4), >=, 0x100000000);
    t->reg = 0x77;
    u->reg = 0x88;
    g_assert_cmphex(mem_read(b, pci_bar_address(&t->pci, 4)), ==, 0x77);
    g_assert_cmphex(mem_read(b, pci_bar_address(&u->pci, 4)), ==, 0x88);
    g_assert_cmphex(inl(b, pci_bar_address(&t->pci, 0), 4), ==, 0x77);
    w.io_limit = 0xc00f; /* too small for 32 ports */
    g_assert_false(pci_assign_resources(b->host->host.bus, &w, &error));
    g_assert_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE);
    board_free(b);
}

static void test_slots_are_unique_and_functions_need_multifunction(void)
{
    Board *b = board_new();
    g_autoptr(GError) error = NULL;
    Device *dev;

    make(b, "test-pci", &b->host->host.bus->bus, "5");
    dev = device_new(b->vm, "test-pci", NULL);
    object_set_str(&dev->obj, "addr", "5", NULL);
    g_assert_false(device_realize(dev, &b->host->host.bus->bus, NULL, &error));
    g_assert_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY);
    g_clear_error(&error);
    object_unref(&dev->obj);
    dev = device_new(b->vm, "test-pci", NULL);
    object_set_str(&dev->obj, "addr", "5.1", NULL);
    g_assert_false(device_realize(dev, &b->host->host.bus->bus, NULL, &error));
    g_assert_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG);
    object_unref(&dev->obj);
    board_free(b);
}

static void test_saved_configuration_must_agree_in_fixed_bits(void)
{
    Board *b = board_new();
    TestDev *t = (TestDev *)make(b, "test-pci", &b->host->host.bus->bus, NULL);
    g_autofree PciDeviceSaved *s = g_new0(PciDeviceSaved, 1);
    g_autoptr(GError) error = NULL;

    cfg_write(b, 0, 0x08, 0x10, 0xd000, 4);
    cfg_write(b, 0, 0x08, 0x04, 1, 2);
    pci_device_save(&t->pci, s);
    bus_reset(bus_root(b->vm), RESET_COLD);
    g_assert_true(pci_bar_address(&t->pci, 0) == PCI_BAR_UNMAPPED);
    g_assert_true(pci_device_check(&t->pci, s, &error));
    pci_device_install(&t->pci, s);
    g_assert_cmphex(pci_bar_address(&t->pci, 0), ==, 0xd000);
    s->config[2] ^= 1; /* another device id */
    g_assert_false(pci_device_check(&t->pci, s, &error));
    g_assert_nonnull(strstr(error->message, "0x2"));
    board_free(b);
}

/* ---- power management ---- */
static void open_pm(Board *b)
{
    ich9_lpc_open_for_direct_boot(b->lpc);
}

static void test_pm_timer_counts_and_raises_sci_when_enabled(void)
{
    Board *b = board_new();
    uint32_t t0;

    open_pm(b);
    t0 = inl(b, 0x608, 4);
    clock_virtual_advance(b->vm, clock_now_ns(b->vm, CLOCK_KIND_VIRTUAL) + NS_PER_SEC);
    g_assert_cmpuint(inl(b, 0x608, 4) - t0, ==, 3579545);
    outl(b, 0xb2, 2, 1); /* ACPI on */
    g_assert_cmphex(inl(b, 0x604, 2) & 1, ==, 1);
    outl(b, 0x600, 0x01, 2);
    outl(b, 0x602, 0x01, 2);
    g_assert_cmpint(b->level[9], ==, 0);
    clock_virtual_advance(b->vm, clock_now_ns(b->vm, CLOCK_KIND_VIRTUAL) + 3 * NS_PER_SEC);
    g_assert_cmpint(b->level[9], ==, 1);
    g_assert_cmphex(inl(b, 0x600, 2) & 1, ==, 1);
    outl(b, 0x600, 0x01, 2);
    g_assert_cmpint(b->level[9], ==, 0);
    board_free(b);
}

static void test_power_button_is_an_event_for_an_acpi_guest(void)
{
    Board *b = board_new();

    open_pm(b);
    outl(b, 0xb2, 2, 1);
    outl(b, 0x602, 0x100, 2);
    notifier_call(&b->vm->powerdown_list, NULL);
    g_assert_cmphex(inl(b, 0x600, 2), ==, 0x100);
    g_assert_cmpint(b->level[9], ==, 1);
    board_free(b);
}

/* ---- records ---- */
static void round_trip(Board *b, const char *idstr, size_t wire_bytes)
{
    Section *s = section_find(b->vm, idstr, 0);
    g_autoptr(GError) error = NULL;
    ByteWriter w, again;
    ByteReader r;

    g_assert_nonnull(s);
    const Record *record = s->desc->record;
    g_autofree void *mine = g_malloc0(record->size), *got = g_malloc0(record->size);
    s->desc->ops->save(s->owner, mine);
    byte_writer_init(&w);
    record_encode(record, mine, STREAM_V3, &w);
    g_assert_cmpuint(byte_writer_len(&w), ==, wire_bytes);
    byte_writer_u8(&w, STREAM_FOOTER); /* what a version 3 reader looks at to see the end */
    byte_reader_init(&r, w.data, w.len);
    record_decode(record, record->version, STREAM_V3, &r, got, mine, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(byte_reader_left(&r), ==, 1);
    g_assert_true(!s->desc->ops->check || s->desc->ops->check(s->owner, got, &error));
    s->desc->ops->install(s->owner, got);
    s->desc->ops->save(s->owner, got);
    byte_writer_init(&again);
    record_encode(record, got, STREAM_V3, &again);
    g_assert_cmpmem(w.data, w.len - 1, again.data, again.len);
    byte_writer_clear(&w);
    byte_writer_clear(&again);
}

static void test_records_have_their_length_on_the_wire_and_come_back(void)
{
    Board *b = board_new();

    make(b, "pcie-root-port", &b->host->host.bus->bus, "2");
    open_pm(b);
    outl(b, 0xb2, 2, 1);
    round_trip(b, "0000:00:00.0/mch", 277);
    round_trip(b, "PCIHost", 4);
    round_trip(b, "PCIBUS", 36);
    round_trip(b, "0000:00:1f.0/ICH9LPC", 18878);
    round_trip(b, "0000:00:02.0/pcie-root-port", 4 + 4096 + 16 + 2 + 2 + 17);
    b->lpc->pm.cpuhp_present = true;
    b->lpc->pm.cpuhp_count = 1;
    round_trip(b, "0000:00:1f.0/ICH9LPC", 18912);
    board_free(b);
}

/* ---- fw_cfg ---- */
static void fw_dma(Board *b, uint32_t control, uint32_t len, uint64_t addr)
{
    uint8_t block[16];

    st_be32(block, control);
    st_be32(block + 4, len);
    st_be64(block + 8, addr);
    address_space_write(address_space_memory(b->vm), 0x3000, MEM_ATTRS_NONE, block, 16);
    outl(b, 0x514, 0, 4);
    outl(b, 0x518, GUINT32_SWAP_LE_BE(0x3000), 4);
}

static void test_fw_cfg_gives_signature_files_and_dma(void)
{
    Board *b = board_new();
    g_autoptr(GBytes) z = g_bytes_new("zebra", 5), a = g_bytes_new("ant", 3);
    g_autoptr(GError) error = NULL;
    char sig[5] = "", got[8] = "";
    uint8_t buffer[4] = { 0 };

    outl(b, 0x510, 0, 2);
    for (int i = 0; i < 4; i++) {
        sig[i] = inl(b, 0x511, 1);
    }
    g_assert_cmpstr(sig, ==, "QEMU");
    g_assert_cmphex(GUINT32_SWAP_LE_BE((uint32_t)inl(b, 0x514, 4)), ==, 0x51454d55);
    g_assert_true(fw_cfg_add_file(b->fw_cfg, "opt/z", z, &error));
    g_assert_true(fw_cfg_add_file(b->fw_cfg, "opt/a", a, &error));
    g_assert_false(fw_cfg_add_file(b->fw_cfg, "opt/a", a, &error));
    g_clear_error(&error);
    g_assert_true(fw_cfg_add_writable_file(b->fw_cfg, "opt/w", buffer, 4, NULL, NULL, &error));
    outl(b, 0x510, 0x19, 2);
    uint32_t count = 0;
    for (int i = 0; i < 4; i++) {
        count = count << 8 | inl(b, 0x511, 1);
    }
    g_assert_cmpuint(count, ==, 3);
    fw_dma(b, 0x22 << 16 | 8 | 2, 8, 0x4000); /* sorted: a, w, z */
    g_assert_cmphex(phys_ld32_be(address_space_memory(b->vm), 0x3000), ==, 0);
    address_space_read(address_space_memory(b->vm), 0x4000, MEM_ATTRS_NONE, got, 8);
    g_assert_cmpstr(got, ==, "zebra");
    fw_dma(b, 0x21 << 16 | 8 | 16, 4, 0x4000);
    g_assert_cmpmem(buffer, 4, "zebr", 4);
    fw_dma(b, 0x20 << 16 | 8 | 16, 4, 0x4000); /* read-only */
    g_assert_cmphex(phys_ld32_be(address_space_memory(b->vm), 0x3000), ==, 1);
    board_free(b);
}

/* ---- ACPI ---- */
static void check_table(GByteArray *t, uint64_t base, uint32_t at, const char *signature)
{
    const uint8_t *p = t->data + (at - base);
    uint8_t sum = 0;

    g_assert_cmpmem(p, 4, signature, 4);
    for (uint32_t i = 0; i < ld_le32(p + 4); i++) {
        sum += p[i];
    }
    g_assert_cmphex(sum, ==, 0);
}

static void test_acpi_tables_are_linked_and_sum_to_zero(void)
{
    static const uint32_t ids[2] = { 0, 1 };
    g_autoptr(GPtrArray) cpus = g_ptr_array_new();
    AcpiPm pm = { .apic_ids = ids, .cpuhp_count = 2, .cpuhp_port = 0xcd8 };
    AcpiConfig c = { .cpus = cpus,
                     .pm = &pm,
                     .max_cpus = 2,
                     .apic_ids = ids,
                     .low_ram_top = 512 * MiB,
                     .hole64_base = 4 * GiB,
                     .hole64_limit = 36 * GiB - 1,
                     .hpet = true,
                     .i8042 = true,
                     .rtc = true,
                     .serial = { true },
                     .oem_id = "FERRY ",
                     .oem_table_id = "FERRYVM " };
    static const char *const names[] = { "FACP", "APIC", "HPET", "MCFG", "WAET" };
    AcpiBlobs b;
    uint64_t base = 0x1ffc0000;

    acpi_blobs_build(&c, &b);
    acpi_blobs_place(&b, base, 0xf0000, 0);
    uint8_t sum = 0;
    for (int i = 0; i < 20; i++) {
        sum += b.rsdp->data[i];
    }
    g_assert_cmphex(sum, ==, 0);
    uint32_t rsdt = ld_le32(b.rsdp->data + 16);
    check_table(b.tables, base, rsdt, "RSDT");
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        check_table(b.tables, base, ld_le32(b.tables->data + (rsdt - base) + 36 + 4 * i), names[i]);
    }
    uint32_t fadt = ld_le32(b.tables->data + (rsdt - base) + 36);
    g_assert_cmpuint(ld_le32(b.tables->data + (fadt - base) + 4), ==, 244);
    uint32_t dsdt = ld_le32(b.tables->data + (fadt - base) + 40);
    check_table(b.tables, base, dsdt, "DSDT");
    if (g_getenv("FERRY_TEST_DSDT")) { /* for looking at it with a disassembler */
        g_file_set_contents(g_getenv("FERRY_TEST_DSDT"), (char *)b.tables->data + (dsdt - base),
                            ld_le32(b.tables->data + (dsdt - base) + 4), NULL);
    }
    acpi_blobs_clear(&b);
}

/* ---- kernels ---- */
static GError *try_kernel(Board *b, const uint8_t *data, size_t len, const char *cmdline,
                          X86BootState *out)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("kernelXXXXXX", &path, NULL);
    E820Entry e = { 0, 32 * MiB, 1 };
    g_autoptr(RomStore) roms = rom_store_new(address_space_memory(b->vm));
    LinuxBootConfig c = { path, NULL, cmdline, 32 * MiB, &e, 1, 0 };
    GError *error = NULL;

    close(fd);
    g_file_set_contents(path, (const char *)data, len, NULL);
    if (linux_boot_load(&c, roms, out, &error)) {
        g_assert_null(error);
        rom_store_reset(roms);
    } else {
        g_assert_nonnull(strstr(error->message, path));
    }
    g_unlink(path);
    return error;
}

static uint8_t *good_bzimage(size_t *len)
{
    uint8_t *d = g_malloc0(*len = 5 * 512 + 4096);

    d[0x1f1] = 4;
    st_le32(d + 0x1f4, 256);
    st_le16(d + 0x1fe, 0xaa55);
    d[0x201] = 0x66;
    memcpy(d + 0x202, "HdrS", 4);
    st_le16(d + 0x206, 0x020f);
    d[0x211] = 1;
    st_le32(d + 0x22c, 0x7fffffff);
    d[0x234] = 1;
    st_le16(d + 0x236, 1);
    st_le32(d + 0x238, 255);
    st_le64(d + 0x258, 16 * MiB);
    st_le32(d + 0x260, 0x10000);
    d[5 * 512] = 0x5a;
    return d;
}

static void expect(GError *error, const char *text)
{
    g_assert_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE);
    if (!strstr(error->message, text)) {
        g_error("'%s' lacks '%s'", error->message, text);
    }
    g_error_free(error);
}

static void test_a_bzimage_is_placed_and_broken_ones_are_named(void)
{
    Board *b = board_new();
    AddressSpace *as = address_space_memory(b->vm);
    X86BootState s;
    size_t len;
    g_autofree uint8_t *d = good_bzimage(&len);
    g_autofree char *long_line = g_strnfill(300, 'x');

    g_assert_null(try_kernel(b, d, len, "console=ttyS0", &s));
    g_assert_cmpint(s.mode, ==, X86_BOOT_LONG64);
    g_assert_cmphex(s.entry, ==, 16 * MiB + 0x200);
    g_assert_cmphex(phys_ld8_le(as, 16 * MiB), ==, 0x5a);
    g_assert_cmphex(phys_ld32_le(as, s.rsi + 0x202), ==, 0x53726448);
    g_assert_cmphex(phys_ld32_le(as, phys_ld32_le(as, s.rsi + 0x228)), ==, 0x736e6f63);
    g_assert_cmphex(phys_ld64_le(as, s.cr3) & ~0xfffull, ==, s.cr3 + 0x1000);
    expect(try_kernel(b, d, len, long_line, &s), "300 bytes is too long (limit 255)");
    expect(try_kernel(b, d, len - 2048, "", &s), "truncated");
    expect(try_kernel(b, d, 100, "", &s), "truncated");
    st_le16(d + 0x206, 0x0200);
    expect(try_kernel(b, d, len, "", &s), "2.00 is too old");
    st_le16(d + 0x206, 0x020f);
    st_le32(d + 0x260, 64 * MiB);
    expect(try_kernel(b, d, len, "", &s), "needs memory up to");
    d[0x202] = 'x';
    expect(try_kernel(b, d, len, "", &s), "neither");
    memcpy(d, "\177ELF\1\1", 6);
    expect(try_kernel(b, d, len, "", &s), "not a 64-bit");
    board_free(b);
}

static void test_missing_and_oversized_files_are_named(void)
{
    Board *b = board_new();
    g_autoptr(RomStore) roms = rom_store_new(address_space_memory(b->vm));
    E820Entry e = { 0, 32 * MiB, 1 };
    LinuxBootConfig c = { "/nonexistent/vmlinuz", NULL, NULL, 32 * MiB, &e, 1, 0 };
    X86BootState s;
    g_autoptr(GError) error = NULL;
    g_autofree char *kernel = NULL, *initrd = NULL;
    size_t len;
    g_autofree uint8_t *d = good_bzimage(&len);

    g_assert_false(linux_boot_load(&c, roms, &s, &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/vmlinuz"));
    g_clear_error(&error);
    close(g_file_open_tmp("kernelXXXXXX", &kernel, NULL));
    close(g_file_open_tmp("initrdXXXXXX", &initrd, NULL));
    g_file_set_contents(kernel, (char *)d, len, NULL);
    g_autofree char *big = g_malloc0(20 * MiB);
    g_file_set_contents(initrd, big, 20 * MiB, NULL);
    c.kernel = kernel;
    c.initrd = initrd;
    g_assert_false(linux_boot_load(&c, roms, &s, &error));
    g_assert_nonnull(strstr(error->message, initrd));
    g_assert_nonnull(strstr(error->message, "20971520"));
    g_unlink(kernel);
    g_unlink(initrd);
    board_free(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/ports-find-devices-and-absent-ones-read-ones",
                    test_ports_find_devices_and_absent_ones_read_ones);
    g_test_add_func("/pci/ecam-shows-the-same-device-where-pciexbar-says",
                    test_ecam_shows_the_same_device_where_pciexbar_says);
    g_test_add_func("/pci/bars-are-sized-and-mapped-as-command-says",
                    test_bars_are_sized_and_mapped_as_command_says);
    g_test_add_func("/pci/dma-follows-bus-master", test_dma_follows_bus_master);
    g_test_add_func("/pci/msix-waits-while-masked-and-fires-when-unmasked",
                    test_msix_waits_while_masked_and_fires_when_unmasked);
    g_test_add_func("/pci/intx-reaches-its-gsi-until-disabled",
                    test_intx_reaches_its_gsi_until_disabled);
    g_test_add_func("/pci/assignment-numbers-buses-and-reaches-behind-a-port",
                    test_assignment_numbers_buses_and_reaches_behind_a_port);
    g_test_add_func("/pci/slots-are-unique-and-functions-need-multifunction",
                    test_slots_are_unique_and_functions_need_multifunction);
    g_test_add_func("/pci/saved-configuration-must-agree-in-fixed-bits",
                    test_saved_configuration_must_agree_in_fixed_bits);
    g_test_add_func("/ich9/pm-timer-counts-and-raises-sci-when-enabled",
                    test_pm_timer_counts_and_raises_sci_when_enabled);
    g_test_add_func("/ich9/power-button-is-an-event-for-an-acpi-guest",
                    test_power_button_is_an_event_for_an_acpi_guest);
    g_test_add_func("/q35/records-have-their-length-on-the-wire-and-come-back",
                    test_records_have_their_length_on_the_wire_and_come_back);
    g_test_add_func("/fw-cfg/gives-signature-files-and-dma",
                    test_fw_cfg_gives_signature_files_and_dma);
    g_test_add_func("/acpi/tables-are-linked-and-sum-to-zero",
                    test_acpi_tables_are_linked_and_sum_to_zero);
    g_test_add_func("/boot/a-bzimage-is-placed-and-broken-ones-are-named",
                    test_a_bzimage_is_placed_and_broken_ones_are_named);
    g_test_add_func("/boot/missing-and-oversized-files-are-named",
                    test_missing_and_oversized_files_are_named);
    return g_test_run();
}
