/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "qemu-xhci" and "nec-usb-xhci": USB 3 host controllers as PCI functions (eXtensible Host Controller
 * Interface for USB, revision 1.2; the register model that they show is 1.0). Registers, reset, life.
 *
 * BAR 0: capabilities at 0, operational registers at 0x40, runtime at 0x1000, doorbells at 0x2000, MSI-X
 * table at 0x3000 and pending bits at 0x3800.
 */
#include "base/core/clock.h"
#include "xhci-priv.h"

enum { /* layout of BAR 0 */
    BAR_BYTES = 0x4000,
    OPERATIONAL = 0x40,
    PORTS = 0x440,
    RUNTIME = 0x1000,
    INTERRUPTERS = 0x1020,
    DOORBELLS = 0x2000,
    MSIX_TABLE = 0x3000,
    MSIX_PBA = 0x3800,
};
enum { /* operational registers, from BAR 0 */
    USBCMD = 0x40,
    USBSTS = 0x44,
    PAGESIZE = 0x48,
    DNCTRL = 0x54,
    CRCR_LOW = 0x58,
    CRCR_HIGH = 0x5c,
    DCBAAP_LOW = 0x70,
    DCBAAP_HIGH = 0x74,
    CONFIG = 0x78,
};
#define HCIVERSION      0x0100u
#define HCSPARAMS2      0x0fu
#define HCCPARAMS1      0x00087001u /* extended capabilities at 0x20; 64-bit addresses */
#define USB2_PROTOCOL   0x02000402u /* next capability 0x10 further */
#define USB3_PROTOCOL   0x03000002u
#define PROTOCOL_NAME   0x20425355u /* "USB " */
#define MFINDEX_UNIT_NS 125000
#define MFINDEX_MASK    0x3fff
#define SBRN            0x60 /* serial bus release number, in configuration space */

bool xhci_running(const Xhci *s)
{
    return !(s->usbsts & (STS_HCH | STS_HCE));
}

void xhci_die(Xhci *s, uint32_t status)
{
    s->usbsts |= STS_HCE | status;
}

/* ---- work ---- */

static void run_woken(Xhci *s)
{
    for (unsigned n = 0; s->wakes && n < LIMIT_WAKES; n++) {
        s->wakes = false;
        for (unsigned slot = 1; slot <= s->n_slots; slot++) {
            for (unsigned ep = 1; s->slots[slot - 1].dev && ep < XHCI_ENDPOINTS; ep++) {
                if (s->slots[slot - 1].ep[ep].woken) {
                    xhci_kick(s, slot, ep);
                }
            }
        }
    }
}

bool xhci_enter(Xhci *s)
{
    if (s->busy) {
        return false;
    }
    s->busy = true;
    if (s->stale && s->vm_running) {
        s->stale = false;
        xhci_slots_revive(s);
    }
    return true;
}

void xhci_leave(Xhci *s)
{
    run_woken(s);
    s->busy = false;
}

/* ---- frames ---- */

static int64_t now_ns(const Xhci *s)
{
    return clock_now_ns(device_vm(&s->pci.dev), CLOCK_KIND_VIRTUAL);
}

static void arm_wrap(Xhci *s)
{
    int64_t period = (int64_t)(MFINDEX_MASK + 1) * MFINDEX_UNIT_NS;

    if (!(s->usbcmd & CMD_EWE) || !xhci_running(s)) {
        timer_cancel(s->wrap_timer);
        return;
    }
    timer_arm(s->wrap_timer,
              s->mfindex_start + ((now_ns(s) - s->mfindex_start) / period + 1) * period);
}

static void wrapped(void *opaque)
{
    static const XhciEvent e = { .type = TRB_WRAP_EVENT, .code = CC_SUCCESS };
    Xhci *s = opaque;

    if (s->vm_running && xhci_enter(s)) {
        xhci_event(s, 0, &e);
        xhci_leave(s);
    }
    arm_wrap(s);
}

/* ---- reset ---- */

void xhci_reset(Xhci *s)
{
    s->usbcmd = 0;
    s->usbsts = STS_HCH;
    s->dnctrl = s->crcr_low = s->crcr_high = 0;
    s->dcbaap_low = s->dcbaap_high = s->config = 0;
    s->commands = (XhciRing){ 0 };
    s->stale = s->wakes = s->starved = false;
    for (unsigned i = 1; i <= XHCI_SLOTS_MAX; i++) {
        xhci_slot_disable(s, i);
    }
    for (unsigned i = 0; i < XHCI_INTRS_MAX; i++) {
        xhci_intr_reset(&s->intrs[i]);
    }
    xhci_ports_reset(s);
    s->mfindex_start = now_ns(s);
    timer_cancel(s->wrap_timer);
    xhci_update_pin(s);
}

/* ---- registers ---- */

static uint32_t capability_read(const Xhci *s, uint64_t addr)
{
    switch (addr) {
    case 0x00: return HCIVERSION << 16 | OPERATIONAL;
    case 0x04: return s->n_ports << 24 | s->n_intrs << 8 | s->n_slots;
    case 0x08: return HCSPARAMS2;
    case 0x10: return HCCPARAMS1;
    case 0x14: return DOORBELLS;
    case 0x18: return RUNTIME;
    case 0x20: return USB2_PROTOCOL;
    case 0x24:
    case 0x34: return PROTOCOL_NAME;
    case 0x28: return s->p2 << 8 | (s->p3 + 1);
    case 0x30: return USB3_PROTOCOL;
    case 0x38: return s->p3 << 8 | 1;
    default: return 0;
    }
}

static uint32_t operational_read(const Xhci *s, uint64_t addr)
{
    switch (addr) {
    case USBCMD: return s->usbcmd;
    case USBSTS: return s->usbsts;
    case PAGESIZE: return 1;
    case DNCTRL: return s->dnctrl;
    case CRCR_LOW: return s->crcr_low & CRCR_CRR;
    case DCBAAP_LOW: return s->dcbaap_low;
    case DCBAAP_HIGH: return s->dcbaap_high;
    case CONFIG: return s->config;
    default: return 0;
    }
}

static uint64_t xhci_read(void *opaque, uint64_t addr, unsigned size)
{
    const Xhci *s = opaque;

    if (addr < OPERATIONAL) {
        return capability_read(s, addr);
    }
    if (addr < PORTS) {
        return operational_read(s, addr);
    }
    if (addr < PORTS + 0x10 * s->n_ports) {
        return addr & 0xf ? 0 : s->ports[(addr - PORTS) / 0x10].portsc;
    }
    if (addr == RUNTIME) {
        return (uint64_t)((now_ns(s) - s->mfindex_start) / MFINDEX_UNIT_NS) & MFINDEX_MASK;
    }
    if (addr >= INTERRUPTERS && addr < INTERRUPTERS + 0x20 * s->n_intrs) {
        return xhci_intr_read(s, (unsigned)(addr - INTERRUPTERS) / 0x20, addr & 0x1f);
    }
    return 0;
}

static void command_write(Xhci *s, uint32_t value)
{
    uint32_t was = s->usbcmd;

    if (value & CMD_HCRST) {
        xhci_reset(s);
        return;
    }
    s->usbcmd = value & CMD_MASK & ~CMD_HCRST;
    if (value & CMD_CSS) { /* nothing is saved, */
        s->usbsts &= ~STS_SRE;
    }
    if (value & CMD_CRS) { /* which the guest is told when it wants it back */
        s->usbsts |= STS_SRE;
    }
    if (value & CMD_RS && !(was & CMD_RS)) {
        s->usbsts &= ~STS_HCH;
        s->mfindex_start = now_ns(s);
    } else if (!(value & CMD_RS) && was & CMD_RS) {
        s->usbsts |= STS_HCH;
        s->crcr_low &= ~CRCR_CRR;
    }
    arm_wrap(s);
    xhci_update_pin(s);
    xhci_kick_all(s);
}

static void ring_pointer_write(Xhci *s, bool high, uint32_t value)
{
    if (s->crcr_low & CRCR_CRR) { /* all but stopping has no effect on a ring that runs */
        if (!high && value & (CRCR_CS | CRCR_CA)) {
            const XhciEvent e = { .type = TRB_COMMAND_EVENT,
                                  .code = CC_COMMAND_RING_STOPPED,
                                  .ptr = s->commands.dequeue };
            s->crcr_low &= ~CRCR_CRR;
            xhci_event(s, 0, &e);
        }
        return;
    }
    if (high) {
        s->crcr_high = value;
    } else {
        s->crcr_low = value & (~0x3fu | CRCR_RCS);
    }
    s->commands =
        (XhciRing){ (uint64_t)s->crcr_high << 32 | (s->crcr_low & ~0x3fu), s->crcr_low & CRCR_RCS };
}

static void operational_write(Xhci *s, uint64_t addr, uint32_t value)
{
    switch (addr) {
    case USBCMD: command_write(s, value); break;
    case USBSTS: s->usbsts &= ~(value & (STS_HSE | STS_EINT | STS_PCD | STS_SRE)); break;
    case DNCTRL: s->dnctrl = value & 0xffff; break;
    case CRCR_LOW: ring_pointer_write(s, false, value); break;
    case CRCR_HIGH: ring_pointer_write(s, true, value); break;
    case DCBAAP_LOW: s->dcbaap_low = value & ~0x3fu; break;
    case DCBAAP_HIGH: s->dcbaap_high = value; break;
    case CONFIG: s->config = value & 0xff; break;
    default: break;
    }
}

static void xhci_write(void *opaque, uint64_t addr, uint64_t value64, unsigned size)
{
    Xhci *s = opaque;
    uint32_t value = (uint32_t)value64;

    if (!xhci_enter(s)) {
        return;
    }
    if (addr < PORTS) {
        operational_write(s, addr, value);
    } else if (addr < PORTS + 0x10 * s->n_ports) {
        if (!(addr & 0xf)) {
            xhci_port_write(s, (unsigned)(addr - PORTS) / 0x10, value);
        }
    } else if (addr >= INTERRUPTERS && addr < INTERRUPTERS + 0x20 * s->n_intrs) {
        xhci_intr_write(s, (unsigned)(addr - INTERRUPTERS) / 0x20, addr & 0x1f, value);
    } else if (addr >= DOORBELLS && addr <= DOORBELLS + 4 * s->n_slots) {
        xhci_ring_doorbell(s, (unsigned)(addr - DOORBELLS) / 4, value);
    }
    xhci_leave(s);
}

static const RegionOps reg_ops = {
    .read = xhci_read, .write = xhci_write, .valid = { 1, 8 }, .impl = { 4, 4 }
};

/* ---- the VM stops and runs ---- */

/* Invariant 2. */
static void write_positions(Xhci *s)
{
    for (unsigned i = 0; i < s->n_slots; i++) {
        for (unsigned e = 1; s->slots[i].enabled && e < XHCI_ENDPOINTS; e++) {
            if (s->slots[i].ep[e].state == EP_RUNNING) {
                xhci_endpoint_set_state(s, &s->slots[i].ep[e], EP_RUNNING);
            }
        }
    }
}

static bool run_changed(void *opaque, bool running, RunState state, GError **error)
{
    Xhci *s = opaque;

    if (s->vm_running == running) {
        return true;
    }
    if (!running) {
        s->busy = true;
        write_positions(s);
        s->busy = false;
    }
    s->vm_running = running;
    if (running && xhci_enter(s)) {
        xhci_run_commands(s);
        xhci_kick_all(s);
        arm_wrap(s);
        xhci_leave(s);
    }
    return true;
}

/* ---- life ---- */

static void pci_reset(PciDevice *pci, ResetKind kind)
{
    msix_reset(pci);
    xhci_reset((Xhci *)pci);
}

static bool in_range(const char *name, uint32_t value, uint32_t max, GError **error)
{
    if (value >= 1 && value <= max) {
        return true;
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "property '%s' is %u, expected 1 to %u", name, value, max);
    return false;
}

static bool check_properties(Xhci *s, GError **error)
{
    return in_range("p2", s->p2, USB_PORTS_MAX, error) &&
           in_range("p3", s->p3, USB_PORTS_MAX, error) &&
           in_range("slots", s->n_slots, XHCI_SLOTS_MAX, error) &&
           in_range("intrs", s->n_intrs, XHCI_INTRS_MAX, error);
}

/* Only the NEC part has plain MSI unless asked. */
static bool has_msi(const Xhci *s)
{
    bool nec = pci_device_ops(&s->pci)->vendor_id != PCI_VENDOR_REDHAT;

    return s->msi == ONOFFAUTO_ON || (s->msi == ONOFFAUTO_AUTO && nec);
}

static unsigned power_of_two(unsigned n)
{
    unsigned p = 1;

    while (p * 2 <= n) {
        p *= 2;
    }
    return p;
}

/* On a PCI Express bus only, though the configuration space has 4 KiB on any. */
static bool add_express(PciDevice *pci, GError **error)
{
    if (!pci_device_bus(pci)->express) {
        return true;
    }
    if (!pcie_cap_init(pci, 0xa0, PCI_EXP_TYPE_ENDPOINT, 0, error)) {
        return false;
    }
    pci_set32(pci, pci->exp_cap + PCI_EXP_DEVCAP, 0x8020);
    pci_set32(pci, pci->exp_cap + PCI_EXP_LNKCAP, 0x0411); /* one lane of 2.5 GT/s */
    pci_set16(pci, pci->exp_cap + PCI_EXP_LNKSTA, 0x0011);
    pci_set32(pci, pci->exp_cap + PCI_EXP_DEVCAP2, 0x00300000);
    return true;
}

static bool add_capabilities(Xhci *s, GError **error)
{
    PciDevice *pci = &s->pci;

    if (has_msi(s) && !msi_init(pci, 0x70, power_of_two(s->n_intrs), true, false, error)) {
        return false;
    }
    if (!add_express(pci, error)) {
        return false;
    }
    return s->msix == ONOFFAUTO_OFF ||
           msix_init(pci, s->n_intrs, &s->mr, 0, MSIX_TABLE, &s->mr, 0, MSIX_PBA, 0x90, error);
}

static bool pci_realize(PciDevice *pci, GError **error)
{
    Xhci *s = (Xhci *)pci;
    Vm *vm = device_vm(&pci->dev);

    if (!check_properties(s, error)) {
        return false;
    }
    pci_set8(pci, SBRN, 0x30);
    memory_region_init(&s->mr, vm, &pci->dev.obj, "xhci", BAR_BYTES);
    memory_region_init_io(&s->regs, vm, &pci->dev.obj, &reg_ops, s, "xhci-registers", BAR_BYTES);
    memory_region_add_overlap(&s->mr, 0, &s->regs, -1); /* MSI-X lies above */
    if (!add_capabilities(s, error)) {
        memory_region_clear(&s->regs);
        memory_region_clear(&s->mr);
        return false;
    }
    pci_register_bar(pci, 0, PCI_BAR_MEM64, &s->mr);
    s->n_ports = s->p2 + s->p3;
    s->bus = usb_bus_new(&pci->dev, &xhci_host_ops, s, MAX(s->p2, s->p3));
    xhci_ports_init(s);
    s->td = g_array_new(FALSE, FALSE, sizeof(XhciTrb));
    s->wrap_timer = timer_new(vm, CLOCK_KIND_VIRTUAL, "xhci-mfindex", wrapped, s);
    s->vm_running = run_state_running(vm);
    s->run_handler = run_state_handler_add(vm, RUN_PRIORITY_DEVICE, "xhci", run_changed, s);
    xhci_reset(s);
    return true;
}

static void pci_unrealize(PciDevice *pci)
{
    Xhci *s = (Xhci *)pci;

    run_state_handler_remove(device_vm(&pci->dev), s->run_handler);
    g_clear_pointer(&s->wrap_timer, timer_free);
    g_clear_pointer(&s->td, g_array_unref);
    memory_region_clear(&s->regs);
    memory_region_clear(&s->mr);
}

static const PciDeviceOps qemu_xhci_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_USB, .user_creatable = true,
             .hotpluggable = true, .section = &xhci_section },
    .vendor_id = PCI_VENDOR_REDHAT,
    .device_id = 0x000d,
    .class_id = PCI_CLASS_SERIAL_USB,
    .prog_if = 0x30,
    .revision = 1,
    .interrupt_pin = 1,
    .express = true,
    .realize = pci_realize,
    .unrealize = pci_unrealize,
    .reset = pci_reset,
};
static const PciDeviceOps nec_xhci_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_USB, .user_creatable = true,
             .hotpluggable = true, .section = &xhci_section },
    .vendor_id = 0x1033,
    .device_id = 0x0194,
    .class_id = PCI_CLASS_SERIAL_USB,
    .prog_if = 0x30,
    .revision = 3,
    .interrupt_pin = 1,
    .express = true,
    .realize = pci_realize,
    .unrealize = pci_unrealize,
    .reset = pci_reset,
};

#define COMMON_PROPS                                                          \
    PROP(PROP_U32, Xhci, p2, "p2", "4"), PROP(PROP_U32, Xhci, p3, "p3", "4"), \
        PROP(PROP_ONOFFAUTO, Xhci, msi, "msi", "auto"),                       \
        PROP(PROP_ONOFFAUTO, Xhci, msix, "msix", "auto")
static const Property qemu_props[] = { COMMON_PROPS, PROP_END };
static const Property nec_props[] = {
    COMMON_PROPS,
    PROP(PROP_U32, Xhci, n_slots, "slots", "64"),
    PROP(PROP_U32, Xhci, n_intrs, "intrs", "16"),
    PROP_END,
};

static void xhci_init(Object *obj)
{
    Xhci *s = (Xhci *)obj;

    s->n_slots = XHCI_SLOTS_MAX;
    s->n_intrs = XHCI_INTRS_MAX;
}

const TypeInfo xhci_types[] = {
    { .name = "qemu-xhci",
      .parent = TYPE_PCI_DEVICE,
      .description = "USB 3 host controller (xHCI)",
      .instance_size = sizeof(Xhci),
      .props = qemu_props,
      .ops = &qemu_xhci_ops,
      .init = xhci_init },
    { .name = "nec-usb-xhci",
      .parent = TYPE_PCI_DEVICE,
      .description = "NEC uPD720200 USB 3 host controller (xHCI)",
      .instance_size = sizeof(Xhci),
      .props = nec_props,
      .ops = &nec_xhci_ops,
      .init = xhci_init },
};
const size_t xhci_types_count = G_N_ELEMENTS(xhci_types);
