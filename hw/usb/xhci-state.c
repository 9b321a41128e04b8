/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrated state of an xHCI controller: record "xhci" version 1. Slots travel as two flags each: what they are
 * is in guest memory, which is read when the guest runs here for the first time.
 */
#include <string.h>

#include "xhci-priv.h"

#define MSIX_BYTES_MAX (16 * XHCI_INTRS_MAX + (XHCI_INTRS_MAX + 7) / 8)

typedef struct {
    uint32_t portsc;
} PortSaved;
typedef struct {
    bool enabled, addressed;
} SlotSaved;
typedef struct {
    uint32_t iman, imod, erstsz, erstba_low, erstba_high, erdp_low, erdp_high;
    bool msix_used, er_pcs;
    uint64_t er_start;
    uint32_t er_size, er_ep_idx;
    bool er_full_unused;
} IntrSaved;
typedef struct {
    uint64_t dequeue;
    bool ccs;
} RingSaved;
typedef struct {
    uint32_t n_ports, n_slots, n_intrs; /* not on the wire */
    PortSaved ports[XHCI_PORTS_MAX];
    SlotSaved slots[XHCI_SLOTS_MAX];
    IntrSaved intr[XHCI_INTRS_MAX];
    uint32_t usbcmd, usbsts, dnctrl, crcr_low, crcr_high, dcbaap_low, dcbaap_high, config;
    int64_t mfindex_start, mfwrap_timer;
    RingSaved cmd_ring;
} CoreSaved;
typedef struct {
    uint32_t len; /* not on the wire */
    uint8_t *bytes;
} MsixSaved;
typedef struct {
    PciDeviceSaved pci;
    MsixSaved msix;
    CoreSaved core;
} XhciSaved;

/* ---- record ---- */

#define PART(sym, name_, version_, T, ...)             \
    static const Record sym = { .name = (name_),       \
                                .version = (version_), \
                                .min_version = 0,      \
                                .size = sizeof(T),     \
                                .fields = (const Field[]){ __VA_ARGS__, F_END } }
#define ELEMENTS(m, rec, n) \
    F_STRUCT_ARRAY(CoreSaved, m, rec, .flags = FIELD_VARRAY, .count_offset = offsetof(CoreSaved, n))

PART(port_record, "xhci-port", 1, PortSaved, F_U32(PortSaved, portsc));
PART(slot_record, "xhci-slot", 1, SlotSaved, F_BOOL(SlotSaved, enabled),
     F_BOOL(SlotSaved, addressed));
PART(intr_record, "xhci-intr", 1, IntrSaved, F_U32(IntrSaved, iman), F_U32(IntrSaved, imod),
     F_U32(IntrSaved, erstsz), F_U32(IntrSaved, erstba_low), F_U32(IntrSaved, erstba_high),
     F_U32(IntrSaved, erdp_low), F_U32(IntrSaved, erdp_high), F_BOOL(IntrSaved, msix_used),
     F_BOOL(IntrSaved, er_pcs), F_U64(IntrSaved, er_start), F_U32(IntrSaved, er_size),
     F_U32(IntrSaved, er_ep_idx), F_BOOL(IntrSaved, er_full_unused));
PART(ring_record, "xhci-ring", 1, RingSaved, F_U64(RingSaved, dequeue), F_BOOL(RingSaved, ccs));
PART(core_record, "xhci-core", 1, CoreSaved, F_U32(CoreSaved, n_ports, .flags = FIELD_LOCAL),
     F_U32(CoreSaved, n_slots, .flags = FIELD_LOCAL),
     F_U32(CoreSaved, n_intrs, .flags = FIELD_LOCAL), ELEMENTS(ports, port_record, n_ports),
     ELEMENTS(slots, slot_record, n_slots), ELEMENTS(intr, intr_record, n_intrs),
     F_U32(CoreSaved, usbcmd), F_U32(CoreSaved, usbsts), F_U32(CoreSaved, dnctrl),
     F_U32(CoreSaved, crcr_low), F_U32(CoreSaved, crcr_high), F_U32(CoreSaved, dcbaap_low),
     F_U32(CoreSaved, dcbaap_high), F_U32(CoreSaved, config), F_I64(CoreSaved, mfindex_start),
     F_TIMER(CoreSaved, mfwrap_timer), F_STRUCT(CoreSaved, cmd_ring, ring_record));
PART(msix_record, "msix", 0, MsixSaved, F_U32(MsixSaved, len, .flags = FIELD_LOCAL),
     { .name = "msix",
       .kind = FIELD_VBUFFER,
       .size = sizeof(uint8_t *),
       .offset = offsetof(MsixSaved, bytes),
       .max_len = MSIX_BYTES_MAX,
       .count_offset = offsetof(MsixSaved, len) });
PART(xhci_record, "xhci", 1, XhciSaved, F_PCI_DEVICE(XhciSaved, pci, .name = "parent_obj"),
     F_STRUCT(XhciSaved, msix, msix_record, .name = "parent_obj"),
     F_STRUCT(XhciSaved, core, core_record, .name = "xhci"));

/* ---- save ---- */

static void save_msix(Xhci *s, MsixSaved *out)
{
    if (!s->pci.msix_cap) {
        return;
    }
    out->len = msix_table_bytes(&s->pci) + msix_pba_bytes(&s->pci);
    out->bytes = g_malloc0(out->len);
    msix_save(&s->pci, out->bytes, out->bytes + msix_table_bytes(&s->pci));
}

static IntrSaved save_intr(const Xhci *s, const XhciIntr *i)
{
    return (IntrSaved){
        i->iman,        i->imod,     i->erstsz,    i->erstba_low,
        i->erstba_high, i->erdp_low, i->erdp_high, msix_enabled(&s->pci) && i->iman & IMAN_IE,
        i->er_pcs,      i->er_start, i->er_size,   i->er_ep_idx,
        false
    };
}

static void save(void *owner, void *saved)
{
    Xhci *s = owner;
    XhciSaved *out = saved;
    CoreSaved *c = &out->core;

    pci_device_save(&s->pci, &out->pci);
    save_msix(s, &out->msix);
    c->n_ports = s->n_ports;
    c->n_slots = s->n_slots;
    c->n_intrs = s->n_intrs;
    for (unsigned i = 0; i < s->n_ports; i++) {
        c->ports[i].portsc = s->ports[i].portsc;
    }
    for (unsigned i = 0; i < s->n_slots; i++) {
        c->slots[i] = (SlotSaved){ s->slots[i].enabled, s->slots[i].addressed };
    }
    for (unsigned i = 0; i < s->n_intrs; i++) {
        c->intr[i] = save_intr(s, &s->intrs[i]);
    }
    c->usbcmd = s->usbcmd;
    c->usbsts = s->usbsts;
    c->dnctrl = s->dnctrl;
    c->crcr_low = s->crcr_low;
    c->crcr_high = s->crcr_high;
    c->dcbaap_low = s->dcbaap_low;
    c->dcbaap_high = s->dcbaap_high;
    c->config = s->config;
    c->mfindex_start = s->mfindex_start;
    c->mfwrap_timer = timer_pending(s->wrap_timer) ? timer_expire_ns(s->wrap_timer) : -1;
    c->cmd_ring = (RingSaved){ s->commands.dequeue, s->commands.ccs };
}

/* ---- load ---- */

static bool check(void *owner, const void *saved, GError **error)
{
    const Xhci *s = owner;
    const XhciSaved *in = saved;

    for (unsigned i = 0; i < s->n_intrs; i++) {
        const IntrSaved *r = &in->core.intr[i];

        if (r->er_full_unused) {
            g_set_error(
                error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "interrupter %u of the stream keeps events outside of its ring, which is not "
                "supported",
                i);
            return false;
        }
        if (!xhci_event_ring_ok(r->er_size, r->er_ep_idx)) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "event ring %u has %u entries and is at entry %u", i, r->er_size,
                        r->er_ep_idx);
            return false;
        }
    }
    return pci_device_check(owner, &in->pci, error);
}

static void install_slots(Xhci *s, const CoreSaved *c)
{
    for (unsigned i = 0; i < s->n_slots; i++) {
        xhci_slot_disable(s, i + 1);
        s->slots[i].enabled = c->slots[i].enabled;
        s->slots[i].addressed = c->slots[i].enabled && c->slots[i].addressed;
    }
    s->stale = true;
    s->wakes = s->starved = false;
}

static void install_intr(XhciIntr *to, const IntrSaved *from)
{
    *to = (XhciIntr){ from->iman & (IMAN_IP | IMAN_IE),
                      from->imod,
                      from->erstsz & 0xffff,
                      from->erstba_low,
                      from->erstba_high,
                      from->erdp_low,
                      from->erdp_high,
                      from->er_pcs,
                      from->er_start & ~(uint64_t)0x3f,
                      from->er_size,
                      from->er_ep_idx };
}

static void install(void *owner, const void *saved)
{
    Xhci *s = owner;
    const XhciSaved *in = saved;
    const CoreSaved *c = &in->core;

    pci_device_install(&s->pci, &in->pci);
    if (s->pci.msix_cap) {
        msix_load(&s->pci, in->msix.bytes, in->msix.bytes + msix_table_bytes(&s->pci));
    }
    for (unsigned i = 0; i < s->n_ports; i++) {
        s->ports[i].portsc = c->ports[i].portsc;
    }
    for (unsigned i = 0; i < s->n_intrs; i++) {
        install_intr(&s->intrs[i], &c->intr[i]);
    }
    s->usbcmd = c->usbcmd & CMD_MASK & ~CMD_HCRST;
    s->usbsts = c->usbsts;
    s->dnctrl = c->dnctrl;
    s->crcr_low = c->crcr_low;
    s->crcr_high = c->crcr_high;
    s->dcbaap_low = c->dcbaap_low & ~0x3fu;
    s->dcbaap_high = c->dcbaap_high;
    s->config = c->config & 0xff;
    s->mfindex_start = c->mfindex_start;
    s->commands = (XhciRing){ c->cmd_ring.dequeue & ~(uint64_t)0xf, c->cmd_ring.ccs };
    install_slots(s, c);
    timer_cancel(s->wrap_timer);
    if (c->mfwrap_timer >= 0) {
        timer_arm(s->wrap_timer, c->mfwrap_timer);
    }
}

static void installed(void *owner)
{
    xhci_update_pin(owner);
}

static const SectionOps ops = { save, check, install, installed };
const SectionDesc xhci_section = { .record = &xhci_record, .ops = &ops };
