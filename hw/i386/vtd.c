/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d (Intel Virtualization Technology for Directed I/O, chapter 11): registers, and the address spaces of the PCI
 * functions behind it. One register at a time is written by commands in GCMD; their effects are there at once.
 *
 * Not here: scalable mode, first-level tables, device TLBs (ATS), page requests; they are not advertised.
 */
#include <string.h>
#include "vtd-priv.h"

/* ---- what it can do ---- */

bool vtd_has_intremap(const Vtd *s)
{
    return s->intremap != ONOFFAUTO_OFF;
}

bool vtd_has_eim(const Vtd *s)
{
    return s->eim == ONOFFAUTO_ON;
}

uint64_t vtd_cap(const Vtd *s)
{
    uint64_t cap = 6 /* 64 Ki domains */ | (uint64_t)(s->aw_bits - 1) << 16 /* MGAW */ |
                   (uint64_t)(VTD_FRCD / 16) << 24 | 3ull << 34 /* 2 MiB and 1 GiB pages */ |
                   1ull << 39 /* flushes of pages */ | 18ull << 48 /* of at most 2^18 */;

    cap |= s->caching_mode ? 1ull << 7 : 0;
    cap |= s->dma_translation ? 1ull << 9 : 0;                      /* 39 bits, 3 levels */
    cap |= s->dma_translation && s->aw_bits == 48 ? 1ull << 10 : 0; /* 48 bits, 4 levels */
    cap |= s->dma_drain ? 3ull << 54 : 0;
    return cap;
}

uint64_t vtd_ecap(const Vtd *s)
{
    uint64_t ecap = 1 << 1 /* queued invalidation */ | VTD_IVA / 16 << 8;

    ecap |= vtd_has_intremap(s) ? 1 << 3 | 15 << 20 : 0;
    ecap |= vtd_has_eim(s) ? 1 << 4 : 0;
    ecap |= s->pass_through ? 1 << 6 : 0;
    ecap |= s->snoop_control ? 1 << 7 : 0;
    return ecap;
}

unsigned vtd_address_bits(Device *dev)
{
    return VTD(dev)->aw_bits;
}

bool vtd_remaps_interrupts(Device *dev)
{
    return vtd_has_intremap(VTD(dev));
}

/* ---- registers as bytes ---- */

uint32_t vtd_reg(Vtd *s, unsigned at)
{
    g_mutex_lock(&s->lock);
    uint32_t value = ld_le32(s->csr + at);
    g_mutex_unlock(&s->lock);
    return value;
}

void vtd_set_reg(Vtd *s, unsigned at, uint32_t value)
{
    g_mutex_lock(&s->lock);
    st_le32(s->csr + at, value);
    g_mutex_unlock(&s->lock);
}

static uint64_t reg64(Vtd *s, unsigned at)
{
    return vtd_reg(s, at) | (uint64_t)vtd_reg(s, at + 4) << 32;
}

bool vtd_read_guest(Vtd *s, uint64_t addr, void *buf, unsigned len)
{
    return address_space_read(address_space_memory(device_vm(&s->dev)), addr, MEM_ATTRS_NONE, buf,
                              len) == MEM_OK;
}

/* ---- events ---- */
#define EVENT_MASKED  (1u << 31)
#define EVENT_PENDING (1u << 30)

/* The unit's own interrupts are not remapped. */
static void send(Vtd *s, unsigned at)
{
    Vm *vm = device_vm(&s->dev);
    uint32_t data = vtd_reg(s, at + 4), addr = vtd_reg(s, at + 8), upper = vtd_reg(s, at + 12);
    ApicMessage msg = {
        .dest = (addr >> 12 & 0xff) | (upper & ~0xffu),
        .logical = addr >> 2 & 1,
        .delivery = data >> 8 & 7,
        .vector = (uint8_t)data,
        .level = data >> 15 & 1,
    };

    if (addr >> 20 != 0xfee) {
        return;
    }
    vm_lock(vm);
    apic_bus_deliver(s->apic_bus, &msg);
    vm_unlock(vm);
}

void vtd_event(Vtd *s, unsigned at)
{
    uint32_t control = vtd_reg(s, at);

    if (control & EVENT_MASKED) {
        vtd_set_reg(s, at, control | EVENT_PENDING);
    } else {
        send(s, at);
    }
}

static void event_control_written(Vtd *s, unsigned at)
{
    uint32_t control = vtd_reg(s, at);

    if (!(control & EVENT_MASKED) && control & EVENT_PENDING) {
        vtd_set_reg(s, at, control & ~EVENT_PENDING);
        send(s, at);
    }
}

static void event_taken(Vtd *s, unsigned at)
{
    vtd_set_reg(s, at, vtd_reg(s, at) & ~EVENT_PENDING);
}

/* ---- commands ---- */

static void set_status(Vtd *s, uint32_t bit, bool on)
{
    uint32_t status = vtd_reg(s, VTD_GSTS);

    vtd_set_reg(s, VTD_GSTS, on ? status | bit : status & ~bit);
}

static void set_root_table(Vtd *s)
{
    s->root = reg64(s, VTD_RTADDR) & ~0xfffull;
    set_status(s, VTD_SRTP, true);
    vtd_flush_iotlb(s, VTD_FLUSH_ALL, 0, 0, 0);
}

static void set_interrupt_table(Vtd *s)
{
    uint64_t value = reg64(s, VTD_IRTA);

    s->intr_root = value & ~0xfffull;
    s->intr_size = 2u << (value & 0xf);
    s->intr_eime = value >> 11 & 1 && vtd_has_eim(s);
    set_status(s, VTD_SIRTP, true);
}

static void enable_queue(Vtd *s, bool on)
{
    uint64_t value = reg64(s, VTD_IQA);

    s->qi_enabled = on;
    set_status(s, VTD_QIE, on);
    s->iq_head = 0;
    vtd_set_reg(s, VTD_IQH, 0);
    if (on) {
        s->iq = value & ~0xfffull;
        s->iq_size = (uint16_t)(256u << (value & 7));
        vtd_queue_run(s);
    }
}

static void command(Vtd *s, uint32_t value)
{
    uint32_t changed = value ^ vtd_reg(s, VTD_GSTS);

    if (changed & VTD_QIE) {
        enable_queue(s, value & VTD_QIE);
    }
    if (value & VTD_SRTP) {
        set_root_table(s);
    }
    if (value & VTD_SIRTP && vtd_has_intremap(s)) {
        set_interrupt_table(s);
    }
    if (changed & VTD_CFI && vtd_has_intremap(s)) {
        set_status(s, VTD_CFI, value & VTD_CFI);
    }
    if (changed & VTD_IRE && vtd_has_intremap(s)) {
        s->intr_enabled = value & VTD_IRE;
        set_status(s, VTD_IRE, s->intr_enabled);
    }
    if (changed & VTD_TE && s->dma_translation) {
        s->dmar_enabled = value & VTD_TE;
        set_status(s, VTD_TE, s->dmar_enabled);
        vtd_spaces_update(s);
    }
}

/* Invalidation by registers; while there is a queue it is not looked at. */
static void context_command(Vtd *s)
{
    uint64_t value = reg64(s, VTD_CCMD);
    unsigned what = value >> 61 & 3;

    if (!(value >> 63) || s->qi_enabled) {
        return;
    }
    vtd_flush_context(s, what, (uint16_t)value, (uint16_t)(value >> 16),
                      (uint16_t)((1u << (value >> 32 & 3)) - 1));
    vtd_set_reg(s, VTD_CCMD + 4, (vtd_reg(s, VTD_CCMD + 4) & 0x67ffffffu) | what << 27);
}

static void iotlb_command(Vtd *s)
{
    uint64_t value = reg64(s, VTD_IOTLB), iva = reg64(s, VTD_IVA);
    unsigned what = value >> 60 & 3;

    if (!(value >> 63) || s->qi_enabled) {
        return;
    }
    vtd_flush_iotlb(s, what, (uint16_t)(value >> 32), iva & ~0xfffull, iva & 0x3f);
    vtd_set_reg(s, VTD_IOTLB + 4, (vtd_reg(s, VTD_IOTLB + 4) & 0x79ffffffu) | what << 25);
}

static void fault_status_written(Vtd *s)
{
    g_mutex_lock(&s->lock);
    uint32_t status = ld_le32(s->csr + VTD_FSTS) & ~VTD_FSTS_PPF;

    if (ld_le32(s->csr + VTD_FRCD + 12) >> 31) {
        status |= VTD_FSTS_PPF;
    }
    st_le32(s->csr + VTD_FSTS, status);
    g_mutex_unlock(&s->lock);
    if (!(status & VTD_FSTS_EVENTS)) {
        event_taken(s, VTD_FECTL);
    }
    if (!(status & VTD_FSTS_IQE)) {
        vtd_queue_run(s);
    }
}

/* ---- register accesses ---- */

typedef struct {
    uint16_t at; /* a 32-bit word */
    uint32_t writable, clears;
} WordRule;
static const WordRule rules[] = {
    { VTD_RTADDR, 0xfffff000, 0 },
    { VTD_RTADDR + 4, 0xffffffff, 0 },
    { VTD_CCMD, 0xffffffff, 0 },
    { VTD_CCMD + 4, 0xe0000003, 0 },
    { VTD_FSTS, 0, VTD_FSTS_EVENTS & ~VTD_FSTS_PPF },
    { VTD_FECTL, EVENT_MASKED, 0 },
    { VTD_FECTL + 4, 0x0000ffff, 0 },
    { VTD_FECTL + 8, 0xfffffffc, 0 },
    { VTD_IQT, 0x0007fff0, 0 },
    { VTD_IQA, 0xfffff007, 0 },
    { VTD_IQA + 4, 0xffffffff, 0 },
    { VTD_ICS, 0, 1 },
    { VTD_IECTL, EVENT_MASKED, 0 },
    { VTD_IECTL + 4, 0xffffffff, 0 },
    { VTD_IECTL + 8, 0xfffffffc, 0 },
    { VTD_IRTA, 0xfffff80f, 0 },
    { VTD_IRTA + 4, 0xffffffff, 0 },
    { VTD_IVA, 0xfffff07f, 0 },
    { VTD_IVA + 4, 0xffffffff, 0 },
    { VTD_IOTLB + 4, 0xb003ffff, 0 },
    { VTD_FRCD + 12, 0, 0x80000000 },
};
/* Upper halves of message addresses: only where interrupts can go to more than 255 CPUs. */
static const WordRule eim_rules[] = {
    { VTD_FECTL + 12, 0xffffffff, 0 },
    { VTD_IECTL + 12, 0xffffffff, 0 },
};

static const WordRule *find_rule(const Vtd *s, unsigned at)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (rules[i].at == at) {
            return &rules[i];
        }
    }
    for (unsigned i = 0; vtd_has_eim(s) && i < G_N_ELEMENTS(eim_rules); i++) {
        if (eim_rules[i].at == at) {
            return &eim_rules[i];
        }
    }
    return NULL;
}

static void word_written(Vtd *s, unsigned at)
{
    switch (at) {
    case VTD_CCMD + 4: context_command(s); break;
    case VTD_IOTLB + 4: iotlb_command(s); break;
    case VTD_FSTS:
    case VTD_FRCD + 12: fault_status_written(s); break;
    case VTD_FECTL:
    case VTD_IECTL: event_control_written(s, at); break;
    case VTD_ICS:
        if (!(vtd_reg(s, VTD_ICS) & 1)) {
            event_taken(s, VTD_IECTL);
        }
        break;
    case VTD_IQT:
        s->iq_tail = vtd_reg(s, VTD_IQT) >> 4 & 0x7fff;
        vtd_queue_run(s);
        break;
    default: break;
    }
}

static void write_word(Vtd *s, unsigned at, uint32_t value)
{
    const WordRule *rule = find_rule(s, at);

    if (at == VTD_GCMD) {
        command(s, value);
    }
    if (!rule) {
        return;
    }
    g_mutex_lock(&s->lock);
    uint32_t word = ld_le32(s->csr + at);
    word = (word & ~rule->writable) | (value & rule->writable);
    st_le32(s->csr + at, word & ~(value & rule->clears));
    g_mutex_unlock(&s->lock);
    word_written(s, at);
}

static uint64_t csr_read(void *opaque, uint64_t addr, unsigned size)
{
    Vtd *s = opaque;

    if (addr + size > VTD_CSR_BYTES) {
        return 0;
    }
    return size == 8 ? reg64(s, (unsigned)addr) : vtd_reg(s, (unsigned)addr);
}

static void csr_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Vtd *s = opaque;

    if (addr + size > VTD_CSR_BYTES) {
        return;
    }
    write_word(s, (unsigned)addr, (uint32_t)value);
    if (size == 8) {
        write_word(s, (unsigned)addr + 4, value >> 32);
    }
}

static const RegionOps csr_ops = {
    .read = csr_read, .write = csr_write, .valid = { 4, 8 }, .impl = { 4, 8 }
};

/* ---- address spaces ---- */

static void space_update(VtdSpace *space)
{
    memory_region_set_enabled(&space->direct, !space->vtd->dmar_enabled);
    memory_region_set_enabled(&space->iommu, space->vtd->dmar_enabled);
}

void vtd_spaces_update(Vtd *s)
{
    GHashTableIter iter;
    gpointer space;

    vtd_flush_iotlb(s, VTD_FLUSH_ALL, 0, 0, 0);
    memory_transaction_begin(device_vm(&s->dev));
    g_hash_table_iter_init(&iter, s->spaces);
    while (g_hash_table_iter_next(&iter, NULL, &space)) {
        space_update(space);
    }
    memory_transaction_commit(device_vm(&s->dev));
}

/* Interrupt messages are not DMA: they go to the APICs whatever the tables say. */
static MemoryRegion *attach(void *opaque, PciDevice *dev)
{
    Vtd *s = opaque;
    Vm *vm = device_vm(&s->dev);
    MemoryRegion *system = memory_system_region(vm);
    VtdSpace *space = g_new0(VtdSpace, 1);

    space->vtd = s;
    space->pci = dev;
    memory_region_init(&space->root, vm, &s->dev.obj, "vtd_root", UINT64_MAX);
    memory_region_init_alias(&space->direct, vm, &s->dev.obj, "vtd_direct", system, 0, UINT64_MAX);
    memory_region_init_iommu(&space->iommu, vm, &s->dev.obj, vtd_translate, space, "vtd_dmar",
                             UINT64_MAX);
    memory_region_init_alias(&space->msi, vm, &s->dev.obj, "vtd_msi", system, APIC_DEFAULT_BASE,
                             APIC_SPACE_SIZE);
    memory_transaction_begin(vm);
    space_update(space);
    memory_region_add_overlap(&space->root, 0, &space->direct, 0);
    memory_region_add_overlap(&space->root, 0, &space->iommu, 0);
    memory_region_add_overlap(&space->root, APIC_DEFAULT_BASE, &space->msi, 1);
    memory_transaction_commit(vm);
    g_hash_table_insert(s->spaces, dev, space);
    return &space->root;
}

static void space_free(void *opaque)
{
    VtdSpace *space = opaque;

    memory_region_clear(&space->msi);
    memory_region_clear(&space->iommu);
    memory_region_clear(&space->direct);
    memory_region_clear(&space->root);
    g_free(space);
}

static void detach(void *opaque, PciDevice *dev)
{
    g_hash_table_remove(((Vtd *)opaque)->spaces, dev);
}

static const PciIommuOps iommu_ops = { .attach = attach, .detach = detach };

/* ---- life ---- */

static void vtd_reset(Device *dev, ResetKind kind)
{
    Vtd *s = VTD(dev);

    s->root = s->intr_root = s->iq = 0;
    s->intr_size = 0;
    s->iq_head = s->iq_tail = s->iq_size = 0;
    s->last_type = 0;
    s->scalable_root = false;
    s->dmar_enabled = s->qi_enabled = s->intr_enabled = s->intr_eime = false;
    g_mutex_lock(&s->lock);
    memset(s->csr, 0, sizeof(s->csr));
    st_le32(s->csr + VTD_VER, 0x10);
    st_le64(s->csr + VTD_CAP, vtd_cap(s));
    st_le64(s->csr + VTD_ECAP, vtd_ecap(s));
    st_le32(s->csr + VTD_FECTL, EVENT_MASKED);
    st_le32(s->csr + VTD_IECTL, EVENT_MASKED);
    g_mutex_unlock(&s->lock);
    vtd_spaces_update(s);
}

static bool options_ok(const Vtd *s, GError **error)
{
    if (s->aw_bits != 39 && s->aw_bits != 48) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "aw-bits=%u: supported are 39 and 48", s->aw_bits);
        return false;
    }
    if (vtd_has_eim(s) && !vtd_has_intremap(s)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "eim=on cannot be selected without intremap=on");
        return false;
    }
    if (s->device_iotlb) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "device-iotlb=on: there are no device TLBs (ATS) in this program");
        return false;
    }
    return true;
}

void vtd_connect(Device *dev, PciHost *host, ApicBus *apic_bus)
{
    VTD(dev)->host = host;
    VTD(dev)->apic_bus = apic_bus;
}

static bool vtd_realize(Device *dev, GError **error)
{
    Vtd *s = VTD(dev);
    Vm *vm = device_vm(dev);

    if (!s->host) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS, "intel-iommu needs a q35 board");
        return false;
    }
    if (!options_ok(s, error)) {
        return false;
    }
    g_mutex_init(&s->lock);
    s->spaces = g_hash_table_new_full(NULL, NULL, NULL, space_free);
    memory_region_init_io(&s->mmio, vm, &dev->obj, &csr_ops, s, "intel_iommu", 0x1000);
    memory_region_add_overlap(memory_system_region(vm), VTD_BASE, &s->mmio, 1);
    vtd_reset(dev, RESET_COLD);
    pci_host_set_iommu(s->host, &iommu_ops, s);
    apic_bus_set_remap(s->apic_bus, vtd_remap_interrupt, s);
    return true;
}

static void vtd_unrealize(Device *dev)
{
    Vtd *s = VTD(dev);

    apic_bus_set_remap(s->apic_bus, NULL, NULL);
    pci_host_set_iommu(s->host, NULL, NULL);
    g_hash_table_destroy(s->spaces);
    memory_region_clear(&s->mmio);
    g_mutex_clear(&s->lock);
}

static const Property vtd_props[] = {
    PROP(PROP_U8, Vtd, aw_bits, "aw-bits", "48", .description = "address bits: 39 or 48"),
    PROP(PROP_ONOFFAUTO, Vtd, intremap, "intremap", "auto", .description = "remap interrupts"),
    PROP(PROP_ONOFFAUTO, Vtd, eim, "eim", "auto", .description = "32-bit interrupt destinations"),
    PROP(PROP_BOOL, Vtd, caching_mode, "caching-mode", "off",
         .description = "guests flush after adding entries, too"),
    PROP(PROP_BOOL, Vtd, device_iotlb, "device-iotlb", "off"),
    PROP(PROP_BOOL, Vtd, dma_drain, "dma-drain", "on"),
    PROP(PROP_BOOL, Vtd, dma_translation, "dma-translation", "on"),
    PROP(PROP_BOOL, Vtd, pass_through, "pt", "on", .description = "contexts that do not translate"),
    PROP(PROP_BOOL, Vtd, snoop_control, "snoop-control", "off"),
    PROP_END,
};

static const DeviceOps vtd_ops = {
    .category = DEVICE_CATEGORY_MISC,
    .user_creatable = true,
    .on_board = true,
    .realize = vtd_realize,
    .unrealize = vtd_unrealize,
    .reset = vtd_reset,
    .section = &vtd_section,
};

const TypeInfo vtd_types[] = {
    { .name = TYPE_VTD,
      .parent = "device",
      .description = "Intel IOMMU (VT-d) DMA Remapping device",
      .instance_size = sizeof(Vtd),
      .props = vtd_props,
      .ops = &vtd_ops },
};
const size_t vtd_types_count = G_N_ELEMENTS(vtd_types);
