/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware's share of PCI set-up, for machines that start a kernel without firmware: bus numbers
 * depth first, then sizes bottom up, then addresses top down, through the same configuration
 * accesses a guest makes.
 *
 * Each bus gets three needs (I/O, 32-bit memory, 64-bit prefetchable memory); a bridge forwards
 * one window of each. 64-bit prefetchable BARs on the root bus go to the high window when there is
 * one, everything else below 4 GiB.
 */
#include "base/util/bits.h"
#include "pci-priv.h"

enum {
    KIND_IO,
    KIND_MEM,
    KIND_PREF,
    KINDS
};

typedef struct {
    uint64_t next[KINDS], limit[KINDS];
    bool pref_is_high;
    const PciAssignWindows *windows;
    GError **error;
    bool failed;
} Assign;

typedef struct {
    PciDevice *dev;
    int bar; /* -1: a bridge window */
    int kind;
    uint64_t size, align;
} Need;

static int bar_kind(const PciBar *b)
{
    if (b->flags & PCI_BAR_IO) {
        return KIND_IO;
    }
    return b->flags & PCI_BAR_MEM64 && b->flags & PCI_BAR_PREFETCH ? KIND_PREF : KIND_MEM;
}

static void number_bus(PciBus *bus, int number, int *last)
{
    for (int i = 0; i < PCI_DEVFN_MAX; i++) {
        PciDevice *dev = bus->devices[i];
        PciBus *sec = dev ? pci_bridge_bus(dev) : NULL;

        if (!sec || *last >= 255) {
            continue;
        }
        int mine = ++*last;
        pci_config_write(dev, PCI_PRIMARY_BUS, number, 1);
        pci_config_write(dev, PCI_SECONDARY_BUS, mine, 1);
        pci_config_write(dev, PCI_SUBORDINATE_BUS, 255, 1);
        number_bus(sec, mine, last);
        pci_config_write(dev, PCI_SUBORDINATE_BUS, *last, 1);
    }
}

static uint64_t bus_need(PciBus *bus, int kind, uint64_t *align);

/* What a bridge must forward: at least one granule on a hotplug port, so that a device can come. */
static uint64_t bridge_need(PciBus *sec, int kind, uint64_t *align)
{
    uint64_t granule = kind == KIND_IO ? 4096 : 1024 * 1024;
    uint64_t size = bus_need(sec, kind, align);

    *align = MAX(*align, granule);
    if (!size && sec->bus.hotpluggable) {
        size = kind == KIND_IO ? granule : 2 * granule;
    }
    return bits_align_up(size, granule);
}

static gint by_align_desc(gconstpointer a, gconstpointer b)
{
    const Need *x = a, *y = b;

    return x->align < y->align ? 1 : x->align > y->align ? -1 : 0;
}

static GArray *collect(PciBus *bus, int kind)
{
    GArray *needs = g_array_new(FALSE, FALSE, sizeof(Need));

    for (int i = 0; i < PCI_DEVFN_MAX; i++) {
        PciDevice *dev = bus->devices[i];

        if (!dev) {
            continue;
        }
        for (int b = 0; b < PCI_ROM_SLOT; b++) {
            if (dev->bars[b].mr && bar_kind(&dev->bars[b]) == kind) {
                uint64_t align = MAX(dev->bars[b].size, kind == KIND_IO ? 4u : 4096u);
                Need n = { dev, b, kind, dev->bars[b].size, align };
                g_array_append_val(needs, n);
            }
        }
        if (pci_bridge_bus(dev)) {
            Need n = { dev, -1, kind, 0, 0 };
            n.size = bridge_need(pci_bridge_bus(dev), kind, &n.align);
            if (n.size) {
                g_array_append_val(needs, n);
            }
        }
    }
    g_array_sort(needs, by_align_desc);
    return needs;
}

static uint64_t bus_need(PciBus *bus, int kind, uint64_t *align)
{
    g_autoptr(GArray) needs = collect(bus, kind);
    uint64_t total = 0;

    *align = 1;
    for (guint i = 0; i < needs->len; i++) {
        Need *n = &g_array_index(needs, Need, i);

        *align = MAX(*align, n->align);
        total = bits_align_up(total, n->align) + n->size;
    }
    return total;
}

static void set_window(PciDevice *dev, int kind, uint64_t base, uint64_t limit)
{
    if (kind == KIND_IO) {
        pci_config_write(dev, PCI_IO_BASE, base >> 8, 1);
        pci_config_write(dev, PCI_IO_LIMIT, limit >> 8, 1);
    } else if (kind == KIND_MEM) {
        pci_config_write(dev, PCI_MEMORY_BASE, base >> 16, 2);
        pci_config_write(dev, PCI_MEMORY_LIMIT, limit >> 16, 2);
    } else {
        pci_config_write(dev, PCI_PREF_MEMORY_BASE, base >> 16, 2);
        pci_config_write(dev, PCI_PREF_MEMORY_LIMIT, limit >> 16, 2);
        pci_config_write(dev, PCI_PREF_BASE_UPPER32, base >> 32, 4);
        pci_config_write(dev, PCI_PREF_LIMIT_UPPER32, limit >> 32, 4);
    }
}

static void assign_bus(Assign *a, PciBus *bus, int kind, uint64_t *next, uint64_t limit)
{
    static const char *const names[] = { "I/O", "32-bit memory", "prefetchable memory" };
    g_autoptr(GArray) needs = collect(bus, kind);

    for (guint i = 0; i < needs->len && !a->failed; i++) {
        Need *n = &g_array_index(needs, Need, i);
        uint64_t at = bits_align_up(*next, n->align);

        if (at < *next || n->size - 1 > limit || at > limit - (n->size - 1)) {
            g_set_error(a->error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE,
                        "no room for 0x%" G_GINT64_MODIFIER "x bytes of PCI %s of %s (window ends "
                        "at 0x%" G_GINT64_MODIFIER "x)",
                        n->size, names[kind], object_type_name(&n->dev->dev.obj), limit);
            a->failed = true;
            return;
        }
        *next = at + n->size;
        if (n->bar < 0) {
            uint64_t inner = at;

            set_window(n->dev, kind, at, at + n->size - 1);
            assign_bus(a, pci_bridge_bus(n->dev), kind, &inner, at + n->size - 1);
        } else {
            uint32_t reg = PCI_BASE_ADDRESS_0 + 4 * n->bar;

            pci_config_write(n->dev, reg, at, 4);
            if (!(n->dev->bars[n->bar].flags & PCI_BAR_IO) &&
                n->dev->bars[n->bar].flags & PCI_BAR_MEM64) {
                pci_config_write(n->dev, reg + 4, at >> 32, 4);
            }
        }
    }
    /* Bridges without a need still hold a closed window. */
    for (int i = 0; i < PCI_DEVFN_MAX; i++) {
        PciDevice *dev = bus->devices[i];
        uint64_t align;

        if (dev && pci_bridge_bus(dev) && !bridge_need(pci_bridge_bus(dev), kind, &align)) {
            set_window(dev, kind, kind == KIND_IO ? 0xf000 : 0xfff00000, 0);
        }
    }
}

static void enable_device(PciDevice *dev, void *opaque)
{
    Assign *a = opaque;
    uint16_t command = pci_get16(dev, PCI_COMMAND);
    int pin = pci_get8(dev, PCI_INTERRUPT_PIN);
    PciDevice *up = dev;
    PciBus *bus = pci_device_bus(dev);

    for (int b = 0; b < PCI_ROM_SLOT; b++) {
        if (dev->bars[b].mr) {
            command |= dev->bars[b].flags & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
        }
    }
    if (pci_bridge_bus(dev)) {
        command |= PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    }
    pci_config_write(dev, PCI_COMMAND, command, 2);
    if (pin < 1 || pin > 4 || !a->windows->irq_line) {
        return;
    }
    pin--;
    for (;;) {
        pin = bus->map_irq(up, pin);
        if (!bus->bridge) {
            break;
        }
        up = bus->bridge;
        bus = pci_device_bus(up);
    }
    pci_config_write(dev, PCI_INTERRUPT_LINE, a->windows->irq_line(a->windows->opaque, pin), 1);
}

bool pci_assign_resources(PciBus *root, const PciAssignWindows *w, GError **error)
{
    Assign a = { .windows = w, .error = error };
    int last = 0;

    memory_transaction_begin(device_vm(&root->host->dev));
    number_bus(root, 0, &last);
    uint64_t io = w->io_base, mem = w->mem_base;
    assign_bus(&a, root, KIND_IO, &io, w->io_limit);
    assign_bus(&a, root, KIND_MEM, &mem, w->mem_limit);
    if (w->mem64_limit) {
        uint64_t high = w->mem64_base;
        assign_bus(&a, root, KIND_PREF, &high, w->mem64_limit);
    } else {
        mem = bits_align_up(mem, 1024 * 1024);
        assign_bus(&a, root, KIND_PREF, &mem, w->mem_limit);
    }
    if (!a.failed) {
        pci_bus_foreach(root, true, enable_device, &a);
    }
    memory_transaction_commit(device_vm(&root->host->dev));
    return !a.failed;
}
