/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus between local APICs: who a message is for, MSI reception, the lines of the 8259 pair
 * and the NMI button. Intel SDM vol. 3 ch. 11, "Issuing interprocessor interrupts" and "Message
 * signalled interrupts". Arbitration is not modelled: messages arrive at once.
 */
#include "apic-priv.h"

typedef struct {
    void (*fn)(void *opaque, int vector);
    void *opaque;
} EoiHook;

static MemResult msi_read(void *opaque, uint64_t addr, uint64_t *value, unsigned size,
                          MemAttrs attrs)
{
    *value = 0;
    return MEM_OK;
}

static MemResult msi_write(void *opaque, uint64_t addr, uint64_t value, unsigned size,
                           MemAttrs attrs)
{
    ApicBus *bus = opaque;

    apic_bus_msi(bus, APIC_DEFAULT_BASE + addr, value, attrs);
    return MEM_OK;
}

static const RegionOps msi_ops = {
    .read_attrs = msi_read,
    .write_attrs = msi_write,
    .endian = DEVICE_LITTLE_ENDIAN,
    .valid = { 1, 4, false },
    .impl = { 4, 4, false },
};

static Apic *bus_apic(const ApicBus *bus, unsigned i)
{
    return g_ptr_array_index(bus->apics, i);
}

static void pic_line(void *opaque, int n, int level)
{
    ApicBus *bus = opaque;

    bus->pic_level = level;
    for (unsigned i = 0; i < bus->apics->len; i++) {
        apic_update(bus_apic(bus, i));
    }
}

static void nmi_line(void *opaque, int n, int level)
{
    ApicBus *bus = opaque;

    for (unsigned i = 0; i < bus->apics->len; i++) {
        Apic *a = bus_apic(bus, i);
        bool rose = level && !a->lint_level[1];

        a->lint_level[1] = level;
        if (rose) {
            apic_local(a, LVT_LINT1);
        }
    }
}

ApicBus *apic_bus_new(Vm *vm)
{
    ApicBus *bus = g_new0(ApicBus, 1);

    bus->vm = vm;
    bus->apics = g_ptr_array_new();
    bus->eois = g_array_new(false, false, sizeof(EoiHook));
    irq_init(&bus->pic_irq, pic_line, bus, 0);
    irq_init(&bus->nmi_irq, nmi_line, bus, 0);
    memory_region_init_io(&bus->msi, vm, NULL, &msi_ops, bus, "apic-msi", APIC_SPACE_SIZE);
    memory_region_add_overlap(memory_system_region(vm), APIC_DEFAULT_BASE, &bus->msi, 4096);
    return bus;
}

void apic_bus_free(ApicBus *bus)
{
    memory_region_clear(&bus->msi);
    g_ptr_array_unref(bus->apics);
    g_array_unref(bus->eois);
    g_free(bus);
}

void apic_bus_set_pic(ApicBus *bus, int (*ack)(void *opaque), void *opaque)
{
    bus->pic_ack = ack;
    bus->pic_opaque = opaque;
}

Irq *apic_bus_pic_input(ApicBus *bus)
{
    return &bus->pic_irq;
}

Irq *apic_bus_nmi_input(ApicBus *bus)
{
    return &bus->nmi_irq;
}

void apic_bus_add_eoi(ApicBus *bus, void (*eoi)(void *opaque, int vector), void *opaque)
{
    EoiHook hook = { eoi, opaque };

    g_array_append_val(bus->eois, hook);
}

void apic_broadcast_eoi(ApicBus *bus, int vector)
{
    for (unsigned i = 0; i < bus->eois->len; i++) {
        const EoiHook *h = &g_array_index(bus->eois, EoiHook, i);

        h->fn(h->opaque, vector);
    }
}

/* Flat: any common bit. Cluster: same cluster and a common bit among four. x2APIC: 16 and 16. */
static bool matches_logical(const Apic *a, uint32_t dest)
{
    if (apic_x2(a)) {
        uint32_t ldr = apic_ldr(a);

        return (dest >> 16) == (ldr >> 16) && (dest & ldr & 0xffff);
    }
    if (a->dest_mode == 0xf) {
        return dest & a->log_dest & 0xff;
    }
    return ((dest ^ a->log_dest) & 0xf0) == 0 && (dest & a->log_dest & 0x0f);
}

static bool matches(const Apic *a, const ApicMessage *m)
{
    if (!(a->base & BASE_ENABLE)) {
        return false;
    }
    if (m->dest == UINT32_MAX || (m->dest == 0xff && !apic_x2(a))) {
        return true;
    }
    if (m->logical) {
        return matches_logical(a, m->dest);
    }
    return apic_x2(a) ? a->initial_id == m->dest : a->id == m->dest;
}

/* One of the candidates with the lowest task priority, taking turns. */
static void deliver_lowest(ApicBus *bus, const ApicMessage *m)
{
    Apic *best = NULL;
    unsigned n = bus->apics->len;

    for (unsigned k = 0; k < n; k++) {
        Apic *a = bus_apic(bus, (bus->lowest_next + k) % n);

        if (matches(a, m) && apic_sw_enabled(a) && (!best || a->tpr < best->tpr)) {
            best = a;
        }
    }
    if (best) {
        bus->lowest_next++;
        apic_accept(best, m);
    }
}

void apic_bus_deliver(ApicBus *bus, const ApicMessage *msg)
{
    if (msg->delivery == APIC_LOWEST) {
        deliver_lowest(bus, msg);
        return;
    }
    for (unsigned i = 0; i < bus->apics->len; i++) {
        Apic *a = bus_apic(bus, i);

        if (matches(a, msg)) {
            apic_accept(a, msg);
        }
    }
}

void apic_bus_set_remap(ApicBus *bus, ApicRemap remap, void *opaque)
{
    bus->remap = remap;
    bus->remap_opaque = opaque;
}

void apic_bus_msi(ApicBus *bus, uint64_t addr, uint32_t data, MemAttrs attrs)
{
    ApicMessage m = {
        .dest = addr >> 12 & 0xff,
        .logical = addr >> 2 & 1,
        .delivery = data >> 8 & 7,
        .vector = data,
        .level = data >> 15 & 1,
    };

    if (!bus->remap || bus->remap(bus->remap_opaque, addr, data, attrs, &m)) {
        apic_bus_deliver(bus, &m);
    }
}
