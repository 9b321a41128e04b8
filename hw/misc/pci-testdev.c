/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "pci-testdev", 1b36:0005: a guest measures accesses with it. BAR 0 is memory, BAR 1 ports, BAR 2 (property membar)
 * an empty window. Writing a number to byte 0 of a BAR selects that test of the BAR; both BARs then show its
 * header (little endian): number, width, offset, data, count of writes of the data to the offset, name.
 *
 * Tests 1 and 2 are about writes that bypass the device's code, at once (any, or just the bytes that match): such
 * writes are not counted.
 */
#include <string.h>
#include "base/util/endian.h"
#include "hw/misc/pci-testdev.h"
#include "hw/pci/pci.h"

#define TESTS        3
#define MEM_BYTES    0x1000
#define PORT_BYTES   0x100
#define HEADER_BYTES 0x40
#define NO_TEST      (-1)

typedef struct {
    const char *name;
    uint32_t offset;
    uint8_t data;
    bool bypass, bypass_any;
} Test;

static const Test tests[2 * TESTS] = {
    { "mmio-no-eventfd", 0x800, 0xfa, false, false },
    { "mmio-wildcard-eventfd", 0x801, 0xce, true, true },
    { "mmio-datamatch-eventfd", 0x802, 0xfa, true, false },
    { "portio-no-eventfd", 0x83, 0xfa, false, false },
    { "portio-wildcard-eventfd", 0x84, 0xce, true, true },
    { "portio-datamatch-eventfd", 0x85, 0xfa, true, false },
};

typedef struct {
    PciDeviceSaved dev;
    int32_t current;
    uint32_t counts[2 * TESTS];
} TestSaved;

typedef struct {
    PciDevice pci; /* first */
    MemoryRegion mem, ports, window;
    uint64_t window_bytes;
    int32_t current; /* NO_TEST, or an index of tests[] */
    uint32_t counts[2 * TESTS];
} TestDev;

static void header(const TestDev *s, uint8_t out[HEADER_BYTES])
{
    memset(out, 0, HEADER_BYTES);
    if (s->current == NO_TEST) {
        return;
    }
    const Test *t = &tests[s->current];
    out[0] = (uint8_t)s->current;
    out[1] = 1; /* a byte wide */
    st_le32(out + 4, t->offset);
    st_le32(out + 8, t->data);
    st_le32(out + 12, s->counts[s->current]);
    memcpy(out + 16, t->name, strlen(t->name));
}

static uint64_t bar_read(void *opaque, uint64_t addr, unsigned size)
{
    uint8_t bytes[HEADER_BYTES + 8] = { 0 };

    header(opaque, bytes);
    return addr < HEADER_BYTES ? ld_le(bytes + addr, size) : 0;
}

static void select_test(TestDev *s, uint64_t number, int first)
{
    s->current = number < TESTS ? first + (int)number : NO_TEST;
    if (s->current != NO_TEST) {
        s->counts[s->current] = 0;
    }
}

static void bar_write(TestDev *s, uint64_t addr, uint64_t value, unsigned size, int first)
{
    const Test *t = s->current == NO_TEST ? NULL : &tests[s->current];

    if (addr == 0) {
        select_test(s, value, first);
    } else if (t && addr == t->offset && (value & 0xff) == t->data && !t->bypass_any &&
               !(t->bypass && size == 1)) {
        s->counts[s->current]++;
    }
}

static void mem_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    bar_write(opaque, addr, value, size, 0);
}

static void port_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    bar_write(opaque, addr, value, size, TESTS);
}

static const RegionOps mem_ops = {
    .read = bar_read, .write = mem_write, .valid = { 1, 8, true }, .impl = { 1, 8, true }
};
static const RegionOps port_ops = {
    .read = bar_read, .write = port_write, .valid = { 1, 4, true }, .impl = { 1, 4, true }
};

/* ---- life ---- */

static void testdev_reset(PciDevice *pci, ResetKind kind)
{
    TestDev *s = (TestDev *)pci;

    s->current = NO_TEST;
    memset(s->counts, 0, sizeof(s->counts));
}

static bool testdev_realize(PciDevice *pci, GError **error)
{
    TestDev *s = (TestDev *)pci;
    Vm *vm = device_vm(&pci->dev);
    uint64_t bytes = s->window_bytes;

    if (bytes && (bytes < 16 || bytes & (bytes - 1) || bytes > 1ull << 40)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "membar of %" G_GUINT64_FORMAT
                    " bytes is not a power of two from 16 bytes to 1 TiB",
                    bytes);
        return false;
    }
    memory_region_init_io(&s->mem, vm, &pci->dev.obj, &mem_ops, s, "pci-testdev-mmio", MEM_BYTES);
    memory_region_init_io(&s->ports, vm, &pci->dev.obj, &port_ops, s, "pci-testdev-portio",
                          PORT_BYTES);
    pci_register_bar(pci, 0, 0, &s->mem);
    pci_register_bar(pci, 1, PCI_BAR_IO, &s->ports);
    if (bytes) {
        memory_region_init(&s->window, vm, &pci->dev.obj, "pci-testdev-membar", bytes);
        pci_register_bar(pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &s->window);
    }
    return true;
}

static void testdev_unrealize(PciDevice *pci)
{
    TestDev *s = (TestDev *)pci;

    memory_region_clear(&s->mem);
    memory_region_clear(&s->ports);
    if (s->window_bytes) {
        memory_region_clear(&s->window);
    }
}

/* ---- saved form ---- */

static const Field testdev_fields[] = {
    F_PCI_DEVICE(TestSaved, dev),
    F_I32(TestSaved, current),
    F_ARRAY(FIELD_U32, TestSaved, counts),
    F_END,
};
static const Record testdev_record = {
    .name = "pci-testdev",
    .version = 1,
    .min_version = 1,
    .size = sizeof(TestSaved),
    .fields = testdev_fields,
};

static void save(void *owner, void *saved)
{
    TestDev *s = owner;
    TestSaved *out = saved;

    pci_device_save(&s->pci, &out->dev);
    out->current = s->current;
    memcpy(out->counts, s->counts, sizeof(out->counts));
}

static bool check(void *owner, const void *saved, GError **error)
{
    const TestSaved *in = saved;

    if (in->current < NO_TEST || in->current >= 2 * TESTS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "pci-testdev: there is no test %d (limit %d)", in->current, 2 * TESTS - 1);
        return false;
    }
    return pci_device_check(owner, &in->dev, error);
}

static void install(void *owner, const void *saved)
{
    TestDev *s = owner;
    const TestSaved *in = saved;

    pci_device_install(&s->pci, &in->dev);
    s->current = in->current;
    memcpy(s->counts, in->counts, sizeof(s->counts));
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc testdev_section = { .record = &testdev_record, .ops = &section_ops };

static const Property testdev_props[] = {
    PROP(PROP_SIZE, TestDev, window_bytes, "membar", "0", .description = "bytes of BAR 2"),
    PROP_END,
};

static const PciDeviceOps testdev_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_MISC, .user_creatable = true,
             .section = &testdev_section },
    .vendor_id = PCI_VENDOR_REDHAT,
    .device_id = 0x0005,
    .class_id = 0x00ff,
    .realize = testdev_realize,
    .unrealize = testdev_unrealize,
    .reset = testdev_reset,
};

const TypeInfo pci_testdev_types[] = {
    { .name = "pci-testdev",
      .parent = TYPE_PCI_DEVICE,
      .description = "counts accesses to its BARs",
      .instance_size = sizeof(TestDev),
      .props = testdev_props,
      .ops = &testdev_ops },
};
const size_t pci_testdev_types_n = G_N_ELEMENTS(pci_testdev_types);
