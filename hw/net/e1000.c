/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "e1000": Intel 82540EM gigabit Ethernet controller (PCI/PCI-X Family of Gigabit Ethernet Controllers
 * Software Developer's Manual).
 *
 * Legacy receive descriptors; legacy and extended transmit descriptors with checksums, segmentation
 * and VLAN tags; interrupts throttled by ITR. Received checksums are left to the guest (IXSM). Not
 * there: wake on LAN, flow control, loopback, the flash, and the window of registers in the I/O BAR,
 * which reads zero.
 */
#include "hw/net/e1000.h"

#include <string.h>
#include <zlib.h>

#include "base/core/runstate.h"
#include "base/util/endian.h"
#include "e1000-priv.h"

#define IO_BYTES    64
#define FRAME_MIN   60
#define FCS_BYTES   4
#define FRAME_MAX   1522  /* without RCTL.LPE */
#define JUMBO_MAX   16384 /* with it */
#define TX_RUN      256   /* descriptors carried out before others get their turn */
#define ITR_UNIT_NS 256

/* ---- interrupts ---- */

void e1000_update_irq(E1000 *s)
{
    bool level = (s->mac[E1000_ICR / 4] & s->mac[E1000_IMS / 4]) != 0;

    if (level && !s->irq_raised) {
        int64_t gap = (int64_t)(s->mac[E1000_ITR / 4] & 0xffff) * ITR_UNIT_NS;

        if (timer_pending(s->throttle)) {
            return; /* its end looks again */
        }
        if (gap) {
            timer_arm(s->throttle, clock_now_ns(device_vm(&s->pci.dev), CLOCK_KIND_VIRTUAL) + gap);
        }
    }
    s->irq_raised = level;
    pci_set_irq(&s->pci, level);
}

static void set_causes(E1000 *s, uint32_t causes)
{
    s->mac[E1000_ICR / 4] = s->mac[E1000_ICS / 4] = causes;
    e1000_update_irq(s);
}

void e1000_raise(E1000 *s, uint32_t causes)
{
    set_causes(s, s->mac[E1000_ICR / 4] | (causes & ~ICR_ASSERTED));
}

static void throttle_over(void *opaque)
{
    e1000_update_irq(opaque);
}

/* ---- link and PHY ---- */

static const uint16_t phy_init[32] = {
    0x1140,       0x794d,        0x0141,        0x0c20,        0x0de1,        0x01e0,
    [9] = 0x0e00, [10] = 0x3c00, [16] = 0x0360, [17] = 0xac00, [20] = 0x0d60,
};

static uint16_t *phy_reg(void *opaque, unsigned reg, bool write)
{
    E1000 *s = opaque;

    switch (reg) {
    case 4:  /* what we advertise */
    case 9:  /* the same for 1000BASE-T */
    case 16: /* the chip's own control registers */
    case 18:
    case 20: return &s->phy[reg];
    default: return write ? NULL : &s->phy[reg];
    }
}

static void link_raise(void *opaque, uint32_t causes)
{
    e1000_raise(opaque, causes);
}

static const E1000LinkOps link_ops = {
    .raise = link_raise,
    .phy_reg = phy_reg,
    .phy_init = phy_init,
    .phy_bytes = sizeof(phy_init),
};

static void link_changed(NetClient *client)
{
    e1000_link_changed(&((E1000 *)net_client_opaque(client))->link);
}

/* ---- EEPROM ---- */

#define EECD_SK      0x001u
#define EECD_CS      0x002u
#define EECD_DI      0x004u
#define EECD_DO      0x008u
#define EECD_INPUTS  0x077u /* what a write sets, the request included */
#define EECD_PRESENT 0x180u /* there, and granted */

/* A command is nine bits: a one, the operation (10: read) and six of address; then data comes out. */
static void eecd_write(E1000 *s, uint32_t value)
{
    E1000Eecd *e = &s->eecd;
    uint32_t before = e->old_eecd;

    e->old_eecd = value & EECD_INPUTS;
    if (!(value & EECD_CS)) {
        return;
    }
    if (!(before & EECD_CS)) {
        e->val_in = 0;
        e->bitnum_in = e->bitnum_out = e->reading = 0;
    }
    if (!((value ^ before) & EECD_SK)) {
        return;
    }
    if (!(value & EECD_SK)) {
        e->bitnum_out++;
        return;
    }
    e->val_in = e->val_in << 1 | (value & EECD_DI ? 1 : 0);
    if (++e->bitnum_in == 9 && !e->reading) {
        e->bitnum_out = (uint16_t)((e->val_in & 0x3f) * 16 - 1);
        e->reading = (e->val_in >> 6 & 7) == 6;
    }
}

static uint32_t eecd_read(const E1000 *s)
{
    const E1000Eecd *e = &s->eecd;
    uint16_t word = s->eeprom[e->bitnum_out >> 4 & 63];
    bool out = !e->reading || word >> (15 - (e->bitnum_out & 15)) & 1;

    return e->old_eecd | EECD_PRESENT | (out ? EECD_DO : 0);
}

static uint32_t eerd_read(const E1000 *s)
{
    uint32_t value = s->mac[E1000_EERD / 4], word = value >> 8 & 0xff;

    if (!(value & 1) || word > 63) {
        return value & ~1u;
    }
    return (uint32_t)s->eeprom[word] << 16 | (value & 0xff00) | 0x10; /* done */
}

/* ---- to the guest ---- */

static bool can_receive(NetClient *client)
{
    const E1000 *s = net_client_opaque(client);

    return run_state_running(device_vm(&s->pci.dev)) && s->mac[E1000_STATUS / 4] & STATUS_LU &&
           s->mac[E1000_RCTL / 4] & RCTL_EN &&
           pci_get16(&s->pci, PCI_COMMAND) & PCI_COMMAND_MASTER &&
           e1000_ring_free(s->mac, E1000_RDBAL) > 0;
}

/* Puts part of a frame into the descriptor at the head; false: the descriptor cannot be read. */
static bool fill_descriptor(E1000 *s, const uint8_t *data, uint32_t len, uint8_t status,
                            uint16_t special)
{
    uint64_t at = e1000_ring_address(s->mac, E1000_RDBAL);
    uint8_t desc[16];

    if (pci_dma_read(&s->pci, at, desc, sizeof(desc))) {
        return false;
    }
    if (ld_le64(desc)) { /* drivers mark a buffer to be left out by address zero */
        pci_dma_write(&s->pci, ld_le64(desc), data, len);
    }
    st_le16(desc + 8, (uint16_t)len);
    st_le16(desc + 10, 0);
    desc[12] = status & (uint8_t)~RXD_DD;
    desc[13] = 0;
    st_le16(desc + 14, special);
    pci_dma_write(&s->pci, at, desc, sizeof(desc));
    /* A CPU that sees "done" must see the rest. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    pci_dma_write(&s->pci, at + 12, &status, 1);
    e1000_ring_advance(s->mac, E1000_RDBAL);
    return true;
}

static void receive_done(E1000 *s)
{
    uint32_t low = (s->mac[E1000_RDLEN / 4] & 0xfff80) >> (RCTL_RDMTS(s->mac[E1000_RCTL / 4]) + 1);

    e1000_raise(s, ICR_RXT0 | (e1000_ring_free(s->mac, E1000_RDBAL) * 16 <= low ? ICR_RXDMT0 : 0));
}

static bool receive(NetClient *client, const uint8_t *frame, size_t len)
{
    E1000 *s = net_client_opaque(client);
    uint32_t rctl = s->mac[E1000_RCTL / 4], part = e1000_buffer_bytes(rctl), need, done = 0;
    uint8_t data[JUMBO_MAX + FRAME_MIN], status = RXD_DD | RXD_IXSM;
    uint16_t special = 0;

    if (!can_receive(client)) {
        return false;
    }
    if (len > (rctl & RCTL_LPE ? JUMBO_MAX : FRAME_MAX)) {
        e1000_count(s->mac, E1000_ROC, 1);
        return true;
    }
    memset(data, 0, FRAME_MIN);
    memcpy(data, frame, len);
    len = MAX(len, FRAME_MIN);
    if (!e1000_filter_pass(s->mac, data, len)) {
        return true;
    }
    e1000_count_received(s->mac, data, len);
    if (!(rctl & RCTL_SECRC)) {
        st_le32(data + len, (uint32_t)crc32(0, data, (uInt)len));
        len += FCS_BYTES;
    }
    if (s->mac[E1000_CTRL / 4] & CTRL_VME && e1000_is_vlan(s->mac, data, len)) {
        special = ld_be16(data + 14);
        status |= RXD_VP;
        memmove(data + 12, data + 16, len - 16);
        len -= E1000_VLAN_BYTES;
    }
    need = (uint32_t)(len + part - 1) / part;
    if (need > e1000_ring_free(s->mac, E1000_RDBAL)) {
        e1000_count(s->mac, E1000_MPC, 1);
        e1000_raise(s, ICR_RXO);
        return true;
    }
    for (; done < len; done += part) {
        bool last = done + part >= len;

        if (!fill_descriptor(s, data + done, last ? (uint32_t)len - done : part,
                             last ? status | RXD_EOP : RXD_DD, special)) {
            break;
        }
    }
    receive_done(s);
    return true;
}

static const NetClientOps nic_ops = {
    .can_receive = can_receive,
    .receive = receive,
    .link_changed = link_changed,
};

/* ---- from the guest ---- */

static void port_send(void *opaque, const uint8_t *frame, size_t len)
{
    net_send(((E1000 *)opaque)->nic, frame, len, NULL);
}

/* Carries out the descriptor at the head; the causes that it asks for. */
static uint32_t transmit_one(E1000 *s, const E1000TxPort *port)
{
    uint64_t at = e1000_ring_address(s->mac, E1000_TDBAL);
    uint8_t desc[16];

    if (pci_dma_read(&s->pci, at, desc, sizeof(desc))) {
        return 0;
    }
    e1000_tx_desc(&s->tx, port, desc);
    if (!(ld_le32(desc + 8) & (TXD_CMD_RS | TXD_CMD_RPS))) {
        return 0;
    }
    desc[12] |= TXD_DD;
    pci_dma_write(&s->pci, at + 12, &desc[12], 1);
    return ICR_TXDW;
}

static void transmit(E1000 *s)
{
    const E1000TxPort port = { &s->pci, s->mac, s, port_send };
    uint32_t causes = 0;
    unsigned n = 0;

    if (s->sending || !(s->mac[E1000_TCTL / 4] & TCTL_EN)) {
        return;
    }
    s->sending = true;
    for (; n < TX_RUN && e1000_ring_free(s->mac, E1000_TDBAL); n++) {
        causes |= transmit_one(s, &port);
        e1000_ring_advance(s->mac, E1000_TDBAL);
    }
    s->sending = false;
    if (n == TX_RUN) {
        timer_arm(s->tx_timer, clock_now_ns(device_vm(&s->pci.dev), CLOCK_KIND_VIRTUAL));
    } else if (n) {
        causes |= ICR_TXQE;
    }
    if (causes) {
        e1000_raise(s, causes);
    }
}

static void transmit_more(void *opaque)
{
    transmit(opaque);
}

/* ---- registers ---- */

static const E1000Range writable[] = {
    { E1000_VET, E1000_VET, UINT32_MAX },
    { E1000_ITR, E1000_ITR, 0xffff },
    { 0x0458, 0x0458, 0xffff }, /* AIT */
    { E1000_LEDCTL, E1000_LEDCTL, UINT32_MAX },
    { E1000_PBA, E1000_PBA, UINT32_MAX },
    { 0x2410, 0x2430, 0x1fff }, /* receive FIFO */
    { E1000_RDBAL, E1000_RDBAH, UINT32_MAX },
    { E1000_RDLEN, E1000_RDLEN, 0xfff80 },
    { E1000_RDH, E1000_RDT, 0xffff },
    { E1000_RDTR, E1000_RDTR, 0xffff },
    { E1000_RADV, E1000_RADV, 0xffff },
    { 0x3410, 0x3418, 0x07ff }, /* transmit FIFO */
    { 0x3420, 0x3430, 0x1fff },
    { E1000_TDBAL, E1000_TDBAH, UINT32_MAX },
    { E1000_TDLEN, E1000_TDLEN, 0xfff80 },
    { E1000_TDH, E1000_TDT, 0xffff },
    { E1000_TIDV, E1000_TIDV, 0xffff },
    { E1000_TXDCTL, E1000_TXDCTL, UINT32_MAX },
    { E1000_TADV, E1000_TADV, 0xffff },
    { E1000_FCRUC, E1000_FCRUC, UINT32_MAX },
    { E1000_MTA, E1000_RA + 0x7c, UINT32_MAX },
    { E1000_VFTA, 0x5800, UINT32_MAX }, /* up to WUC */
    { E1000_WUFC, E1000_WUFC, UINT32_MAX },
    { 0x5810, 0x5810, UINT32_MAX }, /* WUS */
    { 0x5838, 0x5858, UINT32_MAX }, /* addresses that wake */
    { 0x5880, 0x588c, UINT32_MAX },
    { 0x5a00, 0x5a7c, UINT32_MAX }, /* WUPM */
    { 0x5f00, 0x5f18, 0x07ff },     /* flexible filters */
    { 0x9000, 0x93fc, 0x000f },
    { 0x9800, 0x9bfc, UINT32_MAX },
    { 0x10000, 0x17ffc, UINT32_MAX }, /* packet buffer memory */
};

static uint64_t mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    E1000 *s = opaque;
    uint32_t reg = (uint32_t)addr, value = s->mac[reg / 4];

    switch (reg) {
    case E1000_CTRL_DUP: return s->mac[E1000_CTRL / 4];
    case E1000_EECD: return eecd_read(s);
    case E1000_EERD: return eerd_read(s);
    case E1000_ICR: set_causes(s, 0); return value;
    case E1000_FCRUC: return value;
    default: break;
    }
    if (reg >= E1000_STATS && reg < E1000_STATS_END) {
        return e1000_stat_read(s->mac, reg);
    }
    return value;
}

static void chip_reset(E1000 *s);

static void control_write(E1000 *s, uint32_t value)
{
    if (value & CTRL_PHY_RST) {
        e1000_link_reset(&s->link);
    }
    if (value & CTRL_RST) {
        chip_reset(s);
    } else {
        s->mac[E1000_CTRL / 4] = value & ~CTRL_PHY_RST;
    }
}

static void mmio_write(void *opaque, uint64_t addr, uint64_t value64, unsigned size)
{
    E1000 *s = opaque;
    uint32_t reg = (uint32_t)addr, value = (uint32_t)value64, mask;

    switch (reg) {
    case E1000_CTRL:
    case E1000_CTRL_DUP: control_write(s, value); return;
    case E1000_EECD: eecd_write(s, value); return;
    case E1000_EERD: s->mac[reg / 4] = value; return;
    case E1000_MDIC: e1000_link_mdic(&s->link, value); return;
    case E1000_ICR: set_causes(s, s->mac[E1000_ICR / 4] & ~value); return;
    case E1000_ICS: e1000_raise(s, value); return;
    case E1000_IMS:
        s->mac[E1000_IMS / 4] |= value;
        e1000_update_irq(s);
        return;
    case E1000_IMC:
        s->mac[E1000_IMS / 4] &= ~value;
        e1000_update_irq(s);
        return;
    case E1000_RCTL:
        s->mac[reg / 4] = value;
        net_client_flush(s->nic);
        return;
    case E1000_TCTL:
        s->mac[reg / 4] = value;
        transmit(s);
        return;
    default: break;
    }
    mask = e1000_writable(writable, G_N_ELEMENTS(writable), reg);
    if (mask) {
        s->mac[reg / 4] = value & mask;
    }
    if (reg == E1000_TDT) {
        transmit(s);
    } else if (reg == E1000_RDT) {
        net_client_flush(s->nic);
    }
}

static const RegionOps mmio_ops = { .read = mmio_read, .write = mmio_write, .impl = { 4, 4 } };

static uint64_t io_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}
static void io_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}
static const RegionOps io_ops = { .read = io_read, .write = io_write };

/* ---- life ---- */

/* Words 3 to 62 of the EEPROM; addresses and checksum are filled in. */
static const uint16_t eeprom_init[64] = {
    0x0000, 0x0000, 0x0000, 0x0000, 0xffff, 0x0000, 0x0000, 0x0000, 0x3000, 0x1000, 0x6403,
    0x100e, 0x8086, 0x100e, 0x8086, 0x3040, 0x0008, 0x2000, 0x7e14, 0x0048, 0x1000, 0x00d8,
    0x0000, 0x2700, 0x6cc9, 0x3150, 0x0722, 0x040b, 0x0984, 0x0000, 0xc000, 0x0706, 0x1008,
    0x0000, 0x0f04, 0x7fff, 0x4d01, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
    0xffff, 0xffff, 0xffff, 0x0100, 0x4000, 0x121c, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
    0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0x0000,
};

/* What CTRL.RST resets: everything but the PHY and the EEPROM's interface. */
static void chip_reset(E1000 *s)
{
    timer_cancel(s->throttle);
    timer_cancel(s->tx_timer);
    memset(s->mac, 0, sizeof(s->mac));
    s->mac[E1000_CTRL / 4] = 0x00140240; /* 1000 Mb/s, by software's choice */
    s->mac[E1000_STATUS / 4] = 0x80080781;
    s->mac[E1000_VET / 4] = 0x8100;
    s->mac[E1000_LEDCTL / 4] = 0x0602;
    s->mac[E1000_PBA / 4] = 0x00100030;
    s->mac[E1000_MANC / 4] = 0x00222300;
    s->mac[E1000_RA / 4] = ld_le32(s->mac_address);
    s->mac[E1000_RA / 4 + 1] = ld_le16(s->mac_address + 4) | RAH_VALID;
    if (s->phy[PHY_STATUS] & PHY_STATUS_LINK) {
        s->mac[E1000_STATUS / 4] |= STATUS_LU;
    }
    s->tx.props = s->tx.tso = (E1000Context){ 0 };
    e1000_tx_drop(&s->tx);
    e1000_update_irq(s);
}

static void e1000_reset(PciDevice *pci, ResetKind kind)
{
    E1000 *s = (E1000 *)pci;

    s->eecd = (E1000Eecd){ 0 };
    e1000_link_reset(&s->link);
    chip_reset(s);
    memset(s->tx.header, 0, sizeof(s->tx.header));
    memset(s->tx.data, 0, sizeof(s->tx.data));
    net_client_purge(s->nic);
}

void e1000_resume(E1000 *s)
{
    timer_cancel(s->throttle);
    e1000_link_resume(&s->link);
    if (e1000_ring_free(s->mac, E1000_TDBAL)) {
        timer_arm(s->tx_timer, clock_now_ns(device_vm(&s->pci.dev), CLOCK_KIND_VIRTUAL));
    }
    e1000_update_irq(s);
}

static bool run_changed(void *opaque, bool running, RunState state, GError **error)
{
    if (running) {
        net_client_flush(((E1000 *)opaque)->nic);
    }
    return true;
}

static bool e1000_realize(PciDevice *pci, GError **error)
{
    E1000 *s = (E1000 *)pci;
    Vm *vm = device_vm(&pci->dev);

    if (!vm_nets(vm) || s->mac_address[0] & 1) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "%s",
                    vm_nets(vm) ? "property 'mac' is a multicast address"
                                : "this VM has no networks");
        return false;
    }
    s->nic = nets_attach_nic(vm_nets(vm), object_type_name(&pci->dev.obj), pci->dev.id, s->netdev,
                             s->mac_address, &nic_ops, s, error);
    if (!s->nic) {
        return false;
    }
    memcpy(s->eeprom, eeprom_init, sizeof(s->eeprom));
    e1000_eeprom_finish(s->eeprom, s->mac_address);
    s->link = (E1000Link){ &link_ops, s, s->mac, s->phy, s->nic, vm, NULL };
    e1000_link_begin(&s->link, "e1000-link");
    s->throttle = timer_new(vm, CLOCK_KIND_VIRTUAL, "e1000-throttle", throttle_over, s);
    s->tx_timer = timer_new(vm, CLOCK_KIND_VIRTUAL, "e1000-tx", transmit_more, s);
    s->run_handler = run_state_handler_add(vm, RUN_PRIORITY_DEVICE, "e1000", run_changed, s);
    memory_region_init_io(&s->mmio, vm, &pci->dev.obj, &mmio_ops, s, "e1000-mmio", E1000_REG_BYTES);
    memory_region_init_io(&s->io, vm, &pci->dev.obj, &io_ops, s, "e1000-io", IO_BYTES);
    pci_register_bar(pci, 0, 0, &s->mmio);
    pci_register_bar(pci, 1, PCI_BAR_IO, &s->io);
    e1000_reset(pci, RESET_COLD);
    return true;
}

static void e1000_unrealize(PciDevice *pci)
{
    E1000 *s = (E1000 *)pci;

    run_state_handler_remove(device_vm(&pci->dev), s->run_handler);
    g_clear_pointer(&s->nic, net_client_detach);
    e1000_link_end(&s->link);
    g_clear_pointer(&s->throttle, timer_free);
    g_clear_pointer(&s->tx_timer, timer_free);
    memory_region_clear(&s->mmio);
    memory_region_clear(&s->io);
}

static const Property e1000_props[] = {
    PROP(PROP_MAC, E1000, mac_address, "mac", NULL),
    PROP(PROP_NAME, E1000, netdev, "netdev", NULL, .link_type = "netdev"),
    PROP(PROP_I32, E1000, bootindex, "bootindex", "-1"),
    PROP_END,
};

static const PciDeviceOps e1000_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_NETWORK, .user_creatable = true,
             .section = &e1000_section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x100e,
    .revision = 3,
    .class_id = 0x0200,
    .interrupt_pin = 1,
    .romfile = "efi-e1000.rom",
    .realize = e1000_realize,
    .unrealize = e1000_unrealize,
    .reset = e1000_reset,
};

const TypeInfo e1000_types[] = {
    { .name = "e1000",
      .parent = TYPE_PCI_DEVICE,
      .description = "Intel Gigabit Ethernet",
      .instance_size = sizeof(E1000),
      .props = e1000_props,
      .ops = &e1000_ops },
};
const size_t e1000_types_count = G_N_ELEMENTS(e1000_types);
