/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI on s390x: the host bridge, and a "zpci" device for each PCI device, which says under which
 * numbers (uid, fid) the guest knows it. The guest sees functions, no buses: it reads and writes their
 * BARs and configuration by instructions (zpci-insn.c), so nothing of them lies in its memory.
 *
 * DMA goes through tables of the guest's for each function, in the form of the CPU's region, segment and page
 * tables; before they are registered, nowhere. Nothing translated is kept, so refreshing is nothing to do. A
 * message-signalled interruption sets a bit in a vector of the guest's, and raises an adapter interruption.
 */
#include "base/util/log.h"
#include "hw/ccw/css.h"
#include "zpci-priv.h"

typedef struct {
    Device dev; /* first */
    uint16_t uid;
    uint32_t fid;
    char *target;
    bool automatic;
    ZpciFunction *f;
    Section *section;
} Zpci;

#define NO_FID UINT32_MAX

/* What an event says. */
enum {
    EVENT_CONFIGURED = 0x0301,
    EVENT_GIVE_BACK = 0x0303,
    EVENT_GONE = 0x0304,
};
#define FIRST_AVAILABILITY 0x0300 /* lower codes are of errors */
#define MAX_EVENTS         64u

/* ---- functions ---- */

uint32_t zpci_handle(const ZpciFunction *f)
{
    return ZPCI_HANDLE | f->index | (f->regs.state == ZPCI_ENABLED ? ZPCI_HANDLE_ON : 0);
}

ZpciFunction *zpci_by_handle(ZpciHost *h, uint32_t handle)
{
    ZpciFunction *f = h->functions[handle % ZPCI_MAX_FUNCTIONS];

    return f && f->pci && f->dev && zpci_handle(f) == handle ? f : NULL;
}

static ZpciFunction *by_target(ZpciHost *h, const char *target)
{
    for (unsigned k = 0; k < ZPCI_MAX_FUNCTIONS; k++) {
        if (h->functions[k] && !strcmp(h->functions[k]->target, target)) {
            return h->functions[k];
        }
    }
    return NULL;
}

static ZpciFunction *by_pci(ZpciHost *h, const PciDevice *pci)
{
    for (unsigned k = 0; k < ZPCI_MAX_FUNCTIONS; k++) {
        if (h->functions[k] && h->functions[k]->pci == pci) {
            return h->functions[k];
        }
    }
    return NULL;
}

static bool number_used(const ZpciHost *h, bool uid, uint32_t n)
{
    for (unsigned k = 0; k < ZPCI_MAX_FUNCTIONS; k++) {
        const ZpciFunction *f = h->functions[k];
        if (f && (uid ? f->uid : f->fid) == n) {
            return true;
        }
    }
    return false;
}

AddressSpace *zpci_bars(ZpciFunction *f)
{
    Vm *vm = device_vm(&f->pci->dev);

    if (!f->bars) {
        memory_transaction_begin(vm);
        memory_region_init(&f->bar_root, vm, NULL, "zpci-bars", UINT64_MAX);
        for (unsigned k = 0; k < ZPCI_BARS; k++) {
            if (f->pci->bars[k].mr) {
                memory_region_init_alias(&f->bar_view[k], vm, NULL, "zpci-bar", f->pci->bars[k].mr,
                                         0, f->pci->bars[k].size);
                memory_region_add(&f->bar_root, (uint64_t)k << 56, &f->bar_view[k]);
            }
        }
        memory_transaction_commit(vm);
        f->bars = address_space_new(vm, &f->bar_root, "zpci-bars");
    }
    return f->bars;
}

static void forget_bars(ZpciFunction *f)
{
    if (!f->bars) {
        return;
    }
    g_clear_pointer(&f->bars, address_space_free);
    for (unsigned k = 0; k < ZPCI_BARS; k++) {
        if (f->bar_view[k].vm) {
            memory_region_clear(&f->bar_view[k]);
            f->bar_view[k] = (MemoryRegion){ 0 };
        }
    }
    memory_region_clear(&f->bar_root);
}

void zpci_disable(ZpciFunction *f)
{
    f->regs = (ZpciRegs){ .state = ZPCI_DISABLED };
    zpci_fault_forget(f);
    device_reset(&f->pci->dev, RESET_COLD);
}

/* ---- events ---- */

void zpci_tell(ZpciFunction *f, uint16_t code, uint64_t address, bool write)
{
    ZpciEvent event = { zpci_handle(f), f->fid, code, address, write };

    if (f->host->events->len < MAX_EVENTS) {
        g_array_append_val(f->host->events, event);
        css_event_waits(f->host->board->css);
    }
}

static void tell(ZpciFunction *f, uint16_t code)
{
    zpci_tell(f, code, 0, false);
}

unsigned s390_pci_event_take(S390Board *b, uint8_t *answer, bool *more)
{
    GArray *events = b->pci ? b->pci->events : NULL;

    if (!events || !events->len) {
        return 0;
    }
    ZpciEvent event = g_array_index(events, ZpciEvent, 0);
    g_array_remove_index(events, 0);
    st_be32(answer + 4, event.handle);
    st_be32(answer + 8, event.fid);
    answer[15] = event.write;
    st_be64(answer + 16, event.address);
    st_be16(answer + 30, event.code);
    *more = events->len != 0;
    return event.code < FIRST_AVAILABILITY ? CSS_CONTENT_PCI_ERROR : CSS_CONTENT_PCI_AVAILABILITY;
}

/* ---- DMA ---- */

static bool read_entry(Vm *vm, uint64_t at, uint64_t *entry)
{
    uint8_t b[8];

    if (address_space_read(address_space_memory(vm), at, MEM_ATTRS_NONE, b, 8) != MEM_OK) {
        return false;
    }
    *entry = ld_be64(b);
    return true;
}

#define TABLE_INVALID  0x20u
#define PAGE_INVALID   0x400u
#define ENTRY_READONLY 0x200u

/* From the table that the anchor designates down to the page. */
static bool walk(Vm *vm, uint64_t anchor, uint64_t iova, uint64_t *page, bool *writable)
{
    static const uint8_t shifts[] = { 20, 31, 42, 53 }; /* segment, region third, second, first */
    unsigned type = anchor >> 2 & 7;
    uint64_t table = anchor & ~0xfffull, entry;

    *writable = true;
    for (int level = type; level >= 0; level--) {
        if (!read_entry(vm, table + (iova >> shifts[level] & 0x7ff) * 8, &entry) ||
            (entry & TABLE_INVALID)) {
            return false;
        }
        *writable &= !(entry & ENTRY_READONLY);
        table = entry & (level ? ~0xfffull : ~0x7ffull);
    }
    if (!read_entry(vm, table + (iova >> 12 & 0xff) * 8, &entry) || (entry & PAGE_INVALID)) {
        return false;
    }
    *writable &= !(entry & ENTRY_READONLY);
    *page = entry & ~0xfffull;
    return true;
}

static IommuEntry translate(MemoryRegion *mr, GuestPhys addr, bool is_write, MemAttrs attrs)
{
    ZpciFunction *f = mr->opaque;
    ZpciRegs r = f->regs;
    IommuEntry e = { .target = address_space_memory(mr->vm),
                     .iova = addr & ~0xfffull,
                     .addr_mask = 0xfff };
    bool writable, ok;

    if (!r.translates || zpci_in_error(f)) {
        return e;
    }
    ok =
        addr >= r.base && addr <= r.limit && walk(mr->vm, r.anchor, addr, &e.translated, &writable);
    if (!ok || (is_write && !writable)) {
        log_guest_error("zpci: function 0x%x has no DMA address 0x%" G_GINT64_MODIFIER "x\n",
                        f->fid, addr);
        zpci_dma_refused(f, addr, is_write);
        return e;
    }
    e.readable = true;
    e.writable = writable;
    return e;
}

/* ---- interruptions ---- */

/* Sets the bit, counted from the left; was it set? No storage: as if it was. */
static bool set_bit(Vm *vm, uint64_t at, unsigned bit)
{
    uint64_t len = 1;
    uint8_t *p =
        address_space_map(address_space_memory(vm), at + bit / 8, &len, true, MEM_ATTRS_NONE);

    if (!p) {
        log_guest_error("zpci: no storage for an interruption at 0x%" G_GINT64_MODIFIER "x\n", at);
        return true;
    }
    uint8_t mask = 0x80 >> bit % 8, old = __atomic_fetch_or(p, mask, __ATOMIC_SEQ_CST);
    address_space_unmap(address_space_memory(vm), p, len, true, 1);
    return old & mask;
}

static void message(void *opaque, uint64_t addr, uint64_t vector, unsigned size)
{
    ZpciFunction *f = opaque;
    const ZpciRegs *r = &f->regs;

    if (!r->interrupts || vector >= r->vectors) {
        return;
    }
    set_bit(f->msi.vm, r->bits, r->first_bit + (unsigned)vector);
    if (!r->sums || !set_bit(f->msi.vm, r->sum_bits, r->sum_bit)) {
        flic_inject_suppressible(f->host->board->flic, r->isc);
    }
}

static const RegionOps msi_ops = { .write = message, .valid = { 4, 4 }, .impl = { 4, 4 } };

/* ---- the PCI side ---- */

static ZpciFunction *make_automatic(ZpciHost *h, const char *target)
{
    g_autoptr(Object) obj = (Object *)device_new(h->board->vm, TYPE_ZPCI, NULL);
    Zpci *z = (Zpci *)obj;

    z->automatic = true;
    z->target = g_strdup(target);
    return device_realize(&z->dev, h->bus, NULL, NULL) ? z->f : NULL;
}

/* With all numbers taken, or for a bridge, there is no function: no guest sees the device. */
static MemoryRegion *attach(void *opaque, PciDevice *pci)
{
    ZpciHost *h = opaque;
    g_autofree char *name = g_strdup_printf("auto-%04x", pci_device_bdf(pci));
    const char *target = pci->dev.id ? pci->dev.id : name;
    ZpciFunction *f = pci_device_ops(pci)->is_bridge ? NULL : by_target(h, target);

    if (!f && !pci_device_ops(pci)->is_bridge) {
        f = make_automatic(h, target);
    }
    if (!f || f->pci) {
        return &h->mem;
    }
    f->pci = pci;
    f->asked_to_go = false;
    f->regs = (ZpciRegs){ .state = ZPCI_DISABLED };
    return &f->root;
}

static void free_function(ZpciFunction *f)
{
    f->host->functions[f->index] = NULL;
    memory_region_clear(&f->msi);
    memory_region_clear(&f->iommu);
    memory_region_clear(&f->root);
    g_free(f->target);
    g_free(f);
}

static void detach(void *opaque, PciDevice *pci)
{
    ZpciFunction *f = by_pci(opaque, pci);

    if (!f) {
        return;
    }
    forget_bars(f);
    f->pci = NULL;
    f->regs = (ZpciRegs){ .state = ZPCI_STANDBY };
    if (!f->dev) {
        free_function(f);
    } else if (f->automatic) {
        device_unrealize(f->dev);
    }
}

static const PciIommuOps iommu_ops = { .attach = attach, .detach = detach };

static bool pci_plugged(void *opaque, PciDevice *pci)
{
    ZpciFunction *f = by_pci(opaque, pci);

    if (f && pci->dev.hotplugged) {
        tell(f, EVENT_CONFIGURED);
    }
    return true;
}

static void remove_function(ZpciFunction *f)
{
    tell(f, EVENT_GONE);
    device_remove(&f->pci->dev);
}

/* A guest that uses it is asked to give it back, by sclp_pci_configure. */
static bool pci_unplug_request(void *opaque, PciDevice *pci)
{
    ZpciFunction *f = by_pci(opaque, pci);

    if (!f) {
        return false;
    }
    if (f->regs.state == ZPCI_ENABLED) {
        f->asked_to_go = true;
        tell(f, EVENT_GIVE_BACK);
    } else {
        remove_function(f);
    }
    return true;
}

static void bus_gone(void *opaque, PciBus *bus)
{
}

static const PciHotplugOps hotplug_ops = {
    .plugged = pci_plugged,
    .unplug_request = pci_unplug_request,
    .bus_gone = bus_gone,
};

S390PciConfigure s390_pci_configure(S390Board *b, uint32_t fid, bool on)
{
    for (unsigned k = 0; b->pci && k < ZPCI_MAX_FUNCTIONS; k++) {
        ZpciFunction *f = b->pci->functions[k];

        if (!f || !f->pci || f->fid != fid) {
            continue;
        }
        if ((f->regs.state != ZPCI_STANDBY) == on) {
            return S390_PCI_SAME;
        }
        if (!on && f->regs.state == ZPCI_ENABLED) {
            zpci_disable(f);
        }
        f->regs.state = on ? ZPCI_DISABLED : ZPCI_STANDBY;
        if (!on && f->asked_to_go) {
            remove_function(f);
        }
        return S390_PCI_DONE;
    }
    return S390_PCI_UNKNOWN;
}

/* ---- record description ---- */

static const Record zpci_record = {
    .name = "zpci",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ZpciRegs),
    .fields =
        (const Field[]){ F_U8(ZpciRegs, state, .max = ZPCI_STATES - 1),
                         F_BOOL(ZpciRegs, translates), F_BOOL(ZpciRegs, interrupts),
                         F_BOOL(ZpciRegs, sums), F_U64(ZpciRegs, base), F_U64(ZpciRegs, limit),
                         F_U64(ZpciRegs, anchor), F_U64(ZpciRegs, bits), F_U64(ZpciRegs, sum_bits),
                         F_U16(ZpciRegs, vectors, .max = 0xfff),
                         F_U8(ZpciRegs, first_bit, .max = 63), F_U8(ZpciRegs, sum_bit, .max = 63),
                         F_U8(ZpciRegs, isc, .max = 7), F_END },
    .subsections = (const Record *const[]){ &zpci_measure_record, &zpci_error_record, NULL },
};

static void regs_save(void *owner, void *saved)
{
    *(ZpciRegs *)saved = ((const Zpci *)owner)->f->regs;
}

static bool regs_check(void *owner, const void *saved, GError **error)
{
    const ZpciRegs *r = saved;

    if (!s390_pci_tables_valid(r->base, r->limit, r->anchor) && r->translates) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "DMA addresses 0x%" G_GINT64_MODIFIER "x to 0x%" G_GINT64_MODIFIER
                    "x by tables at 0x%" G_GINT64_MODIFIER "x cannot be",
                    r->base, r->limit, r->anchor);
        return false;
    }
    return true;
}

static void regs_install(void *owner, const void *saved)
{
    ZpciFunction *f = ((Zpci *)owner)->f;

    f->regs = *(const ZpciRegs *)saved;
    if (f->regs.block) {
        zpci_measure_start(f->host);
    }
}

static const SectionOps regs_ops = {
    .save = regs_save,
    .check = regs_check,
    .install = regs_install,
};
static const SectionDesc zpci_section = {
    .record = &zpci_record,
    .ops = &regs_ops,
    .priority = SECTION_PRIORITY_IOMMU,
};
/* The format of version 3 has no place for it. */
static const SectionDesc unmigratable_section = {
    .record = &zpci_record,
    .ops = &regs_ops,
    .unmigratable = true,
};

typedef struct {
    GPtrArray *events;   /* ZpciEvent */
    GPtrArray *accesses; /* ZpciEvent: the refused access of each, if there is one at all */
} EventsSaved;

static const Record event_record = {
    .name = "zpci-event",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ZpciEvent),
    .fields = (const Field[]){ F_U32(ZpciEvent, handle), F_U32(ZpciEvent, fid),
                               F_U16(ZpciEvent, code), F_END },
};

static const Record access_record = {
    .name = "zpci-access",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ZpciEvent),
    .fields = (const Field[]){ F_U64(ZpciEvent, address), F_BOOL(ZpciEvent, write), F_END },
};

static bool accesses_needed(const void *saved)
{
    return ((const EventsSaved *)saved)->accesses != NULL;
}

static const Record accesses_record = {
    .name = "zpci-events/accesses",
    .version = 1,
    .min_version = 1,
    .size = sizeof(EventsSaved),
    .fields = (const Field[]){ { .name = "accesses",
                                 .kind = FIELD_LIST,
                                 .offset = offsetof(EventsSaved, accesses),
                                 .size = sizeof(GPtrArray *),
                                 .max_len = MAX_EVENTS,
                                 .record = &access_record },
                               F_END },
    .needed = accesses_needed,
    .supported = zpci_record_known,
};

static bool events_needed(const void *saved)
{
    return ((const EventsSaved *)saved)->events != NULL;
}

static const Record events_record = {
    .name = "zpci-events",
    .version = 1,
    .min_version = 1,
    .size = sizeof(EventsSaved),
    .fields = (const Field[]){ { .name = "events",
                                 .kind = FIELD_LIST,
                                 .offset = offsetof(EventsSaved, events),
                                 .size = sizeof(GPtrArray *),
                                 .max_len = MAX_EVENTS,
                                 .record = &event_record },
                               F_END },
    .needed = events_needed,
    .subsections = (const Record *const[]){ &accesses_record, NULL },
};

static GPtrArray *copies(const GArray *events)
{
    GPtrArray *out = g_ptr_array_new();

    for (guint k = 0; k < events->len; k++) {
        g_ptr_array_add(out, g_memdup2(&g_array_index(events, ZpciEvent, k), sizeof(ZpciEvent)));
    }
    return out;
}

static void events_save(void *owner, void *saved)
{
    const ZpciHost *h = owner;
    EventsSaved *s = saved;

    bool access = false;

    for (guint k = 0; k < h->events->len; k++) {
        const ZpciEvent *e = &g_array_index(h->events, ZpciEvent, k);
        access |= e->address || e->write;
    }
    /* what is not sent nobody would free */
    s->events = h->events->len ? copies(h->events) : NULL;
    s->accesses = access ? copies(h->events) : NULL;
}

static bool events_check(void *owner, const void *saved, GError **error)
{
    const EventsSaved *s = saved;
    guint events = s->events ? s->events->len : 0;

    if (s->accesses && s->accesses->len != events) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "%u refused accesses for %u PCI events", s->accesses->len, events);
        return false;
    }
    return true;
}

static void events_install(void *owner, const void *saved)
{
    ZpciHost *h = owner;
    const EventsSaved *s = saved;

    g_array_set_size(h->events, 0);
    for (guint k = 0; s->events && k < s->events->len; k++) {
        ZpciEvent event = *(ZpciEvent *)g_ptr_array_index(s->events, k);
        const ZpciEvent *access = s->accesses ? g_ptr_array_index(s->accesses, k) : NULL;
        event.address = access ? access->address : 0;
        event.write = access && access->write;
        g_array_append_val(h->events, event);
    }
}

static const SectionOps events_ops = {
    .save = events_save,
    .check = events_check,
    .install = events_install,
};
static const SectionDesc events_section = { .record = &events_record, .ops = &events_ops };

/* ---- "zpci" ---- */

static bool choose_numbers(const ZpciHost *h, Zpci *z, GError **error)
{
    if (!z->uid) {
        for (z->uid = 1; number_used(h, true, z->uid) && z->uid; z->uid++) {
        }
    } else if (number_used(h, true, z->uid)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "uid %u already in use", z->uid);
        return false;
    }
    if (z->fid == NO_FID) {
        for (z->fid = 0; number_used(h, false, z->fid); z->fid++) {
        }
    } else if (number_used(h, false, z->fid)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "fid %u already in use", z->fid);
        return false;
    }
    return true;
}

static ZpciFunction *new_function(ZpciHost *h, const Zpci *z)
{
    Vm *vm = h->board->vm;
    ZpciFunction *f = g_new0(ZpciFunction, 1);

    *f = (ZpciFunction){ .host = h,
                         .uid = z->uid,
                         .fid = z->fid,
                         .target = g_strdup(z->target),
                         .automatic = z->automatic };
    memory_region_init(&f->root, vm, NULL, "zpci-root", UINT64_MAX);
    memory_region_init_iommu(&f->iommu, vm, NULL, translate, f, "zpci-dma", UINT64_MAX);
    memory_region_init_io(&f->msi, vm, NULL, &msi_ops, f, "zpci-msi", 4096);
    memory_transaction_begin(vm);
    memory_region_add_overlap(&f->root, 0, &f->iommu, 0);
    memory_region_add_overlap(&f->root, ZPCI_MSI_ADDRESS, &f->msi, 1);
    memory_transaction_commit(vm);
    return f;
}

/* In version 3 there is no place for a function, and without functions there are no events. */
static void register_sections(ZpciHost *h, Zpci *z)
{
    Vm *vm = h->board->vm;
    bool v3 = machine_ops(h->board->machine)->stream_version < 4;

    z->section = section_register(vm, NULL, v3 ? &unmigratable_section : &zpci_section, z->fid, z);
    if (!v3 && !h->event_section) {
        h->event_section = section_register(vm, NULL, &events_section, 0, h);
    }
}

static bool zpci_realize(Device *dev, GError **error)
{
    Zpci *z = (Zpci *)dev;
    ZpciHost *h = (ZpciHost *)dev->bus->owner;
    unsigned index = 0;

    if (!z->target || !*z->target) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "target must be defined");
        return false;
    }
    if (by_target(h, z->target)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                    "target %s already has an associated zpci device", z->target);
        return false;
    }
    while (index < ZPCI_MAX_FUNCTIONS && h->functions[index]) {
        index++;
    }
    if (index == ZPCI_MAX_FUNCTIONS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS,
                    "no PCI function is free (limit %d)", ZPCI_MAX_FUNCTIONS);
        return false;
    }
    if (!choose_numbers(h, z, error)) {
        return false;
    }
    z->f = h->functions[index] = new_function(h, z);
    z->f->index = index;
    z->f->dev = dev;
    register_sections(h, z);
    return true;
}

static void zpci_unrealize(Device *dev)
{
    Zpci *z = (Zpci *)dev;
    ZpciFunction *f = z->f;

    section_unregister(device_vm(dev), z->section);
    z->f = NULL;
    f->dev = NULL;
    if (!f->pci) {
        free_function(f);
    }
}

/* It goes with the device that it is of. */
static bool zpci_unplug_request(Device *dev, GError **error)
{
    if (((Zpci *)dev)->f->pci) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "unplug the PCI device '%s' first",
                    ((Zpci *)dev)->target);
        return false;
    }
    device_remove(dev);
    return true;
}

static void zpci_reset(Device *dev, ResetKind kind)
{
    ZpciFunction *f = ((Zpci *)dev)->f;

    f->regs = (ZpciRegs){ .state = f->pci ? ZPCI_DISABLED : ZPCI_STANDBY };
}

static const Property zpci_props[] = {
    PROP(PROP_U16, Zpci, uid, "uid", "0"),
    PROP(PROP_U32, Zpci, fid, "fid", "4294967295"),
    PROP(PROP_STR, Zpci, target, "target", NULL),
    PROP_END,
};
static const DeviceOps zpci_ops = {
    .bus_type = TYPE_ZPCI_BUS,
    .category = DEVICE_CATEGORY_MISC,
    .user_creatable = true,
    .hotpluggable = true,
    .realize = zpci_realize,
    .unrealize = zpci_unrealize,
    .unplug_request = zpci_unplug_request,
    .reset = zpci_reset,
};

/* ---- the host bridge ---- */

static void no_irq(void *opaque, int n, int level)
{
}

bool s390_pci_build(S390Board *b, GError **error)
{
    Vm *vm = b->vm;
    ZpciHost *h =
        (ZpciHost *)device_create(vm, TYPE_S390_PCI_HOST, bus_root(vm), "s390-pcihost", error);

    if (!h) {
        return false;
    }
    b->pci = h;
    h->board = b;
    h->events = g_array_new(FALSE, FALSE, sizeof(ZpciEvent));
    zpci_measure_init(h);
    memory_region_init(&h->mem, vm, NULL, "s390-pci-mem", UINT64_MAX);
    memory_region_init(&h->io, vm, NULL, "s390-pci-io", 0x10000);
    h->bus = bus_new(vm, TYPE_ZPCI_BUS, &h->pci.dev, "s390-pcibus.0");
    h->bus->hotpluggable = true;
    PciBus *bus = pci_root_bus_new(&h->pci, TYPE_PCI_BUS, "pci.0", &h->mem, &h->io);
    bus->bus.hotpluggable = true;
    pci_bus_set_irqs(bus, no_irq, pci_swizzle_map_irq, h, 4);
    pci_host_set_iommu(&h->pci, &iommu_ops, h);
    h->pci.hotplug = &hotplug_ops;
    h->pci.hotplug_opaque = h;
    return true;
}

static void host_unrealize(Device *dev)
{
    ZpciHost *h = (ZpciHost *)dev;

    if (h->event_section) {
        section_unregister(device_vm(dev), h->event_section);
        h->event_section = NULL;
    }
}

static void host_reset(Device *dev, ResetKind kind)
{
    ZpciHost *h = (ZpciHost *)dev;

    if (h->events) {
        g_array_set_size(h->events, 0);
    }
}

static void host_finalize(Object *obj)
{
    ZpciHost *h = (ZpciHost *)obj;

    if (!h->events) {
        return;
    }
    for (unsigned k = 0; k < ZPCI_MAX_FUNCTIONS; k++) {
        if (h->functions[k]) {
            free_function(h->functions[k]);
        }
    }
    g_array_free(h->events, TRUE);
    timer_free(h->measure);
    memory_region_clear(&h->mem);
    memory_region_clear(&h->io);
}

static const DeviceOps host_ops = {
    .category = DEVICE_CATEGORY_BRIDGE,
    .unrealize = host_unrealize,
    .reset = host_reset,
};
static const BusOps zpci_bus_ops = { .kind = TYPE_ZPCI_BUS };

const TypeInfo s390_pci_types[] = {
    { .name = TYPE_S390_PCI_HOST,
      .parent = TYPE_PCI_HOST,
      .instance_size = sizeof(ZpciHost),
      .ops = &host_ops,
      .finalize = host_finalize },
    { .name = TYPE_ZPCI_BUS, .parent = "bus", .instance_size = sizeof(Bus), .ops = &zpci_bus_ops },
    { .name = TYPE_ZPCI,
      .parent = "device",
      .instance_size = sizeof(Zpci),
      .props = zpci_props,
      .ops = &zpci_ops },
};
const size_t s390_pci_types_count = G_N_ELEMENTS(s390_pci_types);
