/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "e1000e": Intel 82574L gigabit Ethernet controller (82574 GbE Controller Family datasheet).
 *
 * A PCI Express function with two transmit and two receive queues, and five MSI-X vectors (or MSI, or
 * INTx), each with its throttle. Not there: wake on LAN, flow control, loopback, manageability,
 * time stamps of frames, and a flash behind its BAR (reads zero).
 */
#include <string.h>

#include "base/core/runstate.h"
#include "base/util/endian.h"
#include "e1000e-priv.h"
#include "hw/net/e1000.h"

#define FLASH_BYTES      0x20000
#define IO_BYTES         32
#define EXPRESS_V1_BYTES 0x14
#define MSIX_BYTES       0x4000
#define TX_RUN           256
#define ITR_MIN          500 /* shorter gaps are not kept */
#define TARC_ENABLE      0x400u
#define STATUS_MASTER    0x00080000u /* the function may still be a bus master */
#define STATUS_GIGABIT   0x00000080u
#define CTRL_NO_MASTER   0x00000004u

/* ---- link and PHY ---- */

static const uint16_t phy_init[E1000E_PHY_WORDS] = {
    0x1140,        0x794d,        0x0141,        0x0cb1,         0x0de1,        0x07e0,
    0x0005,        0x2001,        [9] = 0x0f00,  [10] = 0x3c00,  [15] = 0x3000, [16] = 0x3360,
    [17] = 0xac08, [80] = 0x0088, [85] = 0x1046, [114] = 0x4005,
};
#define PHY_PAGE 22 /* the register, in every page, that chooses the page of 16 to 28 */

/* The standard's sixteen registers are in each page. */
static uint16_t *phy_reg(void *opaque, unsigned reg, bool write)
{
    E1000e *s = opaque;
    unsigned page = s->phy[PHY_PAGE] % (E1000E_PHY_WORDS / 32);
    bool told = reg == 4 || reg == 9 || (reg >= 16 && reg != 17 && reg != 19 && reg != 21);

    if (write && !told) {
        return NULL;
    }
    return &s->phy[reg < 16 || reg == PHY_PAGE ? reg : page * 32 + reg];
}

static void link_raise(void *opaque, uint32_t causes)
{
    e1000e_raise(opaque, causes);
}

static const E1000LinkOps link_ops = {
    .raise = link_raise,
    .phy_reg = phy_reg,
    .phy_init = phy_init,
    .phy_bytes = sizeof(phy_init),
};

static void link_changed(NetClient *client)
{
    e1000_link_changed(&((E1000e *)net_client_opaque(client))->link);
}

static uint32_t eerd_value(const E1000e *s, uint32_t value)
{
    uint32_t word = value >> 2 & 0x3fff;

    if (!(value & 1) || word > 63) {
        return value & 0xfffc;
    }
    return (uint32_t)s->eeprom[word] << 16 | (value & 0xfffc) | 2; /* done */
}

/* ---- from the guest ---- */

static void port_send(void *opaque, const uint8_t *frame, size_t len)
{
    net_send(((E1000e *)opaque)->nic, frame, len, NULL);
}

/* Carries out the descriptor at the head; the causes that it asks for, and whether they can wait. */
static uint32_t transmit_one(E1000e *s, unsigned queue, const E1000TxPort *port, bool *wait)
{
    uint64_t at = e1000_ring_address(s->mac, E1000_TDBAL + E1000E_QUEUE * queue);
    uint8_t desc[16];

    if (pci_dma_read(&s->pci, at, desc, sizeof(desc))) {
        return 0;
    }
    e1000_tx_desc(&s->tx[queue], port, desc);
    if (!(ld_le32(desc + 8) & (TXD_CMD_RS | TXD_CMD_RPS))) {
        return 0;
    }
    desc[12] |= TXD_DD;
    pci_dma_write(&s->pci, at + 12, &desc[12], 1);
    *wait &= (ld_le32(desc + 8) & TXD_CMD_IDE) != 0;
    return ICR_TXDW | ICR_TXQ(queue);
}

static void transmit_queue(E1000e *s, unsigned queue)
{
    const E1000TxPort port = { &s->pci, s->mac, s, port_send };
    uint32_t base = E1000_TDBAL + E1000E_QUEUE * queue, causes = 0;
    bool wait = true;
    unsigned n = 0;

    if (s->sending || !(s->mac[E1000_TCTL / 4] & TCTL_EN) ||
        !(s->mac[E1000E_TARC / 4 + E1000E_QUEUE / 4 * queue] & TARC_ENABLE)) {
        return;
    }
    s->sending = true;
    for (; n < TX_RUN && e1000_ring_free(s->mac, base); n++) {
        causes |= transmit_one(s, queue, &port, &wait);
        e1000_ring_advance(s->mac, base);
    }
    s->sending = false;
    if (n == TX_RUN) {
        timer_arm(s->tx_timer, e1000e_now_ns(s));
    } else if (n) {
        causes |= ICR_TXQE;
    }
    if (causes & ICR_TXDW && wait) {
        e1000e_raise_sent(s, causes);
    } else if (causes) {
        e1000e_raise(s, causes);
    }
}

static void transmit(void *opaque)
{
    for (unsigned queue = 0; queue < E1000E_QUEUES; queue++) {
        transmit_queue(opaque, queue);
    }
}

/* ---- registers ---- */

static const E1000Range writable[] = {
    { E1000_STATUS, E1000_STATUS, 0x00000400 }, /* PHY reset asserted: cleared by the driver */
    { E1000_CTRL_EXT, E1000_CTRL_EXT, 0xffffcfff },
    { 0x001c, 0x001c, UINT32_MAX }, /* FLA */
    { 0x0028, 0x0028, UINT32_MAX }, /* flow control: FCAL, FCAH, FCT */
    { 0x002c, 0x0030, 0xffff },
    { E1000_VET, E1000_VET, 0xffff },
    { E1000E_EIAC, E1000E_IAM, UINT32_MAX },
    { E1000E_IVAR, E1000E_IVAR, UINT32_MAX },
    { 0x0170, 0x0170, 0xffff },     /* FCTTV */
    { 0x0410, 0x0410, UINT32_MAX }, /* TIPG */
    { 0x0458, 0x0458, 0xffff },     /* AIT */
    { E1000_LEDCTL, E1000_LEDCTL, UINT32_MAX },
    { 0x0f00, 0x0f10, UINT32_MAX }, /* EXTCNF_CTRL, who may use the PHY, and PHY_CTRL */
    { E1000_PBA, E1000_PBA, UINT32_MAX },
    { 0x1008, 0x1008, 0x003f }, /* PBS */
    { 0x1010, 0x1010, UINT32_MAX },
    { 0x1028, 0x1028, 0xffff },
    { 0x1030, 0x103c, UINT32_MAX },
    { 0x1050, 0x1050, UINT32_MAX },
    { 0x2160, 0x2160, 0x8000fff8 }, /* FCRTL, FCRTH */
    { 0x2168, 0x2168, 0x0000fff8 },
    { E1000E_PSRCTL, E1000E_PSRCTL, UINT32_MAX },
    { 0x2410, 0x2430, 0x1fff },
    { E1000_RDBAL, E1000_RDBAL, 0xfffffff0 },
    { E1000_RDBAH, E1000_RDBAH, UINT32_MAX },
    { E1000_RDLEN, E1000_RDLEN, 0xfff80 },
    { E1000_RDH, E1000_RDTR, 0xffff },
    { 0x2828, 0x2828, UINT32_MAX },
    { E1000_RADV, E1000_RADV, 0xffff },
    { E1000_RDBAL + E1000E_QUEUE, E1000_RDBAL + E1000E_QUEUE, 0xfffffff0 },
    { E1000_RDBAH + E1000E_QUEUE, E1000_RDBAH + E1000E_QUEUE, UINT32_MAX },
    { E1000_RDLEN + E1000E_QUEUE, E1000_RDLEN + E1000E_QUEUE, 0xfff80 },
    { E1000_RDH + E1000E_QUEUE, E1000_RDT + E1000E_QUEUE, 0xffff },
    { 0x2928, 0x2928, UINT32_MAX },
    { 0x2c00, 0x2c00, 0x0fff }, /* RSRPD */
    { 0x2c08, 0x2c08, 0xffff }, /* RAID */
    { 0x3410, 0x3430, 0x1fff },
    { E1000_TDBAL, E1000_TDBAL, 0xfffffff0 },
    { E1000_TDBAH, E1000_TDBAH, UINT32_MAX },
    { E1000_TDLEN, E1000_TDLEN, 0xfff80 },
    { E1000_TDH, E1000_TIDV, 0xffff },
    { E1000_TXDCTL, E1000_TXDCTL, UINT32_MAX },
    { E1000_TADV, E1000_TADV, 0xffff },
    { E1000E_TARC, E1000E_TARC, 0x780007ff },
    { E1000_TDBAL + E1000E_QUEUE, E1000_TDBAL + E1000E_QUEUE, 0xfffffff0 },
    { E1000_TDBAH + E1000E_QUEUE, E1000_TDBAH + E1000E_QUEUE, UINT32_MAX },
    { E1000_TDLEN + E1000E_QUEUE, E1000_TDLEN + E1000E_QUEUE, 0xfff80 },
    { E1000_TDH + E1000E_QUEUE, E1000_TDT + E1000E_QUEUE, 0xffff },
    { E1000_TXDCTL + E1000E_QUEUE, E1000_TXDCTL + E1000E_QUEUE, UINT32_MAX },
    { E1000E_TARC + E1000E_QUEUE, E1000E_TARC + E1000E_QUEUE, 0x780007ff },
    { E1000_FCRUC, E1000_FCRUC, UINT32_MAX },
    { E1000E_RXCSUM, 0x501c, UINT32_MAX }, /* RFCTL among them */
    { E1000_MTA, E1000_RA + 0x7c, UINT32_MAX },
    { E1000_VFTA, 0x5800, UINT32_MAX },
    { 0x5808, 0x5838, UINT32_MAX }, /* WUFC, WUS, MRQC, MANC, IPAV and between */
    { 0x5840, 0x5860, UINT32_MAX },
    { 0x5880, 0x58ac, UINT32_MAX },
    { 0x5a00, 0x5a7c, UINT32_MAX },
    { 0x5b00, 0x5b2c, UINT32_MAX }, /* GCR */
    { E1000_SWSM, E1000_SWSM, 0x0000000f },
    { 0x5b64, 0x5b64, UINT32_MAX },
    { 0x5b68, 0x5b68, 0x001f },
    { E1000E_RETA, 0x5cfc, UINT32_MAX }, /* RSSRK too */
    { 0x5f00, 0x5f28, 0x07ff },
    { 0x5f40, 0x5f40, 0xffff },
    { 0x8000, 0x8018, 0x1fff },
    { 0x9000, 0x93fc, 0x000f },
    { 0x9400, 0x97fc, UINT32_MAX },
    { 0x9800, 0x9bfc, UINT32_MAX },
    { 0xb608, 0xb63c, UINT32_MAX }, /* time stamps */
    { 0x10000, 0x17ffc, UINT32_MAX },
};

/* Places where older chips had registers: first and last of them, and where they are now. */
static uint32_t canonical(uint32_t reg)
{
    static const struct {
        uint32_t first, last, now;
    } aliases[] = {
        { 0x0004, 0x0004, E1000_CTRL }, { 0x0040, 0x00bc, E1000_RA },
        { 0x0108, 0x0108, E1000_RDTR }, { 0x0110, 0x0128, E1000_RDBAL },
        { 0x0160, 0x0160, 0x2168 },     { 0x0168, 0x0168, 0x2160 },
        { 0x0200, 0x03fc, E1000_MTA },  { 0x0420, 0x0438, E1000_TDBAL },
        { 0x0440, 0x0440, E1000_TIDV }, { 0x0600, 0x07fc, E1000_VFTA },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(aliases); i++) {
        if (reg >= aliases[i].first && reg <= aliases[i].last) {
            return aliases[i].now + (reg - aliases[i].first);
        }
    }
    return reg;
}

static uint32_t status_read(const E1000e *s)
{
    uint32_t ctrl = s->mac[E1000_CTRL / 4];

    return s->mac[E1000_STATUS / 4] | (ctrl & STATUS_FD) | STATUS_GIGABIT |
           (ctrl & CTRL_NO_MASTER ? 0 : STATUS_MASTER);
}

static uint64_t mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    E1000e *s = opaque;
    uint32_t reg = canonical((uint32_t)addr), value = s->mac[reg / 4];

    switch (reg) {
    case E1000_ICR: return e1000e_cause_read(s);
    case E1000_ICS: return s->mac[E1000_ICR / 4];
    case E1000_IMC: return s->mac[E1000_IMS / 4];
    case E1000_ITR: return s->itr_written;
    case E1000_STATUS: return status_read(s);
    case E1000_SWSM: s->mac[reg / 4] = value | 1; return value; /* who reads it clear has it */
    case E1000E_SYSTIML: return (uint32_t)(e1000e_now_ns(s) + s->timadj);
    case E1000E_SYSTIMH: return (uint64_t)(e1000e_now_ns(s) + s->timadj) >> 32;
    case E1000_FCRUC: return value;
    default: break;
    }
    if (reg >= E1000E_EITR && reg < E1000E_EITR + 4 * E1000E_VECTORS) {
        return s->eitr_written[(reg - E1000E_EITR) / 4];
    }
    if (reg >= E1000_STATS && reg < E1000_STATS_END) {
        return e1000_stat_read(s->mac, reg);
    }
    return value;
}

static void chip_reset(E1000e *s);

static void control_write(E1000e *s, uint32_t value)
{
    if (value & CTRL_PHY_RST) {
        e1000_link_reset(&s->link);
        s->mac[E1000_STATUS / 4] |= 0x400;
    }
    if (value & CTRL_RST) {
        chip_reset(s);
    } else {
        s->mac[E1000_CTRL / 4] = value & ~CTRL_PHY_RST;
    }
}

/* The two halves of the clock that drivers read: a write moves it. */
static void system_time_write(E1000e *s, uint32_t reg, uint32_t value)
{
    uint64_t now = (uint64_t)e1000e_now_ns(s), is = now + (uint64_t)s->timadj;

    is = reg == E1000E_SYSTIML ? (is & ~0xffffffffull) | value
                               : (is & 0xffffffffull) | (uint64_t)value << 32;
    s->timadj = (int64_t)(is - now);
}

static void throttle_write(uint32_t *kept, uint32_t *effective, uint32_t value)
{
    *kept = value & 0xffff;
    *effective = MAX(*kept, ITR_MIN);
}

/* Registers that do something; false: those of the table. */
static bool special_write(E1000e *s, uint32_t reg, uint32_t value)
{
    uint32_t *at = &s->mac[reg / 4];

    switch (reg) {
    case E1000_CTRL: control_write(s, value); return true;
    case E1000_EECD: *at = (value & 0xffff87ff) | 0x300 | (value & 0x40 ? 0x80 : 0); return true;
    case E1000_EERD: *at = eerd_value(s, value); return true;
    case E1000_MDIC: e1000_link_mdic(&s->link, value); return true;
    case E1000_ICR:
        s->mac[E1000_ICR / 4] &= ~value;
        e1000e_signal(s, 0);
        return true;
    case E1000_ICS: e1000e_raise(s, value); return true;
    case E1000_IMS:
        s->mac[E1000_IMS / 4] |= value;
        e1000e_signal(s, value);
        return true;
    case E1000_IMC:
        s->mac[E1000_IMS / 4] &= ~value;
        e1000e_signal(s, 0);
        return true;
    case E1000_ITR: throttle_write(&s->itr_written, at, value); return true;
    case E1000E_SYSTIML:
    case E1000E_SYSTIMH: system_time_write(s, reg, value); return true;
    case E1000_RCTL:
        *at = value;
        net_client_flush(s->nic);
        return true;
    case E1000_TCTL:
        *at = value;
        transmit(s);
        return true;
    default: return false;
    }
}

static void mmio_write(void *opaque, uint64_t addr, uint64_t value64, unsigned size)
{
    E1000e *s = opaque;
    uint32_t reg = canonical((uint32_t)addr), value = (uint32_t)value64, mask, *at;

    if (special_write(s, reg, value)) {
        return;
    }
    at = &s->mac[reg / 4];
    if (reg >= E1000E_EITR && reg < E1000E_EITR + 4 * E1000E_VECTORS) {
        throttle_write(&s->eitr_written[(reg - E1000E_EITR) / 4], at, value);
        return;
    }
    mask = e1000_writable(writable, G_N_ELEMENTS(writable), reg);
    *at = reg == E1000_STATUS ? (*at & ~mask) | (value & mask) : mask ? value & mask : *at;
    if (reg == E1000_TDT || reg == E1000_TDT + E1000E_QUEUE) {
        transmit_queue(s, reg == E1000_TDT ? 0 : 1);
    } else if (reg == E1000_RDT || reg == E1000_RDT + E1000E_QUEUE) {
        net_client_flush(s->nic);
    }
}

static const RegionOps mmio_ops = { .read = mmio_read, .write = mmio_write, .impl = { 4, 4 } };

/* An address register, and the register that it names. */
static uint64_t io_read(void *opaque, uint64_t addr, unsigned size)
{
    E1000e *s = opaque;

    if (addr == 4 && s->ioaddr < E1000_REG_BYTES) {
        return mmio_read(s, s->ioaddr & ~3u, 4);
    }
    return addr ? 0 : s->ioaddr;
}
static void io_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    E1000e *s = opaque;

    if (addr == 0) {
        s->ioaddr = (uint32_t)value;
    } else if (addr == 4 && s->ioaddr < E1000_REG_BYTES) {
        mmio_write(s, s->ioaddr & ~3u, value, 4);
    }
}
static const RegionOps io_ops = { .read = io_read, .write = io_write, .impl = { 4, 4 } };

static uint64_t flash_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}
static void flash_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}
static const RegionOps flash_ops = { .read = flash_read, .write = flash_write };

/* ---- life ---- */

static const uint16_t eeprom_init[64] = {
    0x0000, 0x0000, 0x0000, 0x0420, 0xf746, 0x2010, 0xffff, 0xffff, 0x0000, 0x0000, 0x026b,
    0x10d3, 0x8086, 0x10d3, 0x0000, 0x8058, 0x0000, 0x2001, 0x7e7c, 0xffff, 0x1000, 0x00c8,
    0x0000, 0x2704, 0x6cc9, 0x3150, 0x070e, 0x460b, 0x2d84, 0x0100, 0xf000, 0x0706, 0x6000,
    0x0080, 0x0f04, 0x7fff, 0x4f01, 0xc600, 0x0000, 0x20ff, 0x0028, 0x0003, 0x0000, 0x0000,
    0x0000, 0x0003, 0x0000, 0xffff, 0x0100, 0xc000, 0x121c, 0xc007, 0xffff, 0xffff, 0xffff,
    0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0x0000, 0x0120, 0xffff, 0x0000,
};

static const struct {
    uint32_t reg, value;
} register_init[] = {
    { E1000_CTRL, 0x00140241 },
    { E1000_STATUS, 0x00000200 },
    { E1000_EECD, 0x00000300 },
    { E1000_EERD, 0x00000002 },
    { E1000_VET, 0x00008100 },
    { E1000_ITR, ITR_MIN },
    { E1000E_EITR, ITR_MIN },
    { E1000E_EITR + 4, ITR_MIN },
    { E1000E_EITR + 8, ITR_MIN },
    { E1000E_EITR + 12, ITR_MIN },
    { E1000E_EITR + 16, ITR_MIN },
    { 0x0410, 0x00602008 },
    { E1000_LEDCTL, 0x00068302 },
    { 0x0f00, 0x00000008 },
    { 0x0f10, 0x0000030d },
    { E1000_PBA, 0x00140014 },
    { 0x1008, 0x00000028 },
    { 0x1010, 0x80000000 },
    { 0x1028, 0x00000002 },
    { 0x102c, 0x00000002 },
    { 0x1030, 0xc0000000 },
    { 0x1050, 0x00000001 },
    { E1000E_PSRCTL, 0x00040402 },
    { 0x2828, 0x00010000 },
    { 0x2928, 0x00010000 },
    { 0x3410, 0x00000600 },
    { 0x3418, 0x00000600 },
    { 0x3420, 0x00000600 },
    { 0x3428, 0x00000600 },
    { E1000E_TARC, 0x00000403 },
    { E1000E_TARC + E1000E_QUEUE, 0x00000403 },
    { E1000E_RXCSUM, 0x00000300 },
    { E1000_MANC, 0x10000000 },
    { 0x5b00, 0x06800200 },
    { 0x5b30, 0x20000004 },
    { E1000_SWSM, 0x00000001 },
    { 0xb634, 0x000088f7 },
    { 0xb638, 0x00000319 },
};

static void timers_cancel(E1000e *s)
{
    timer_cancel(s->itr);
    timer_cancel(s->tx_timer);
    for (unsigned i = 0; i < DELAY_COUNT; i++) {
        timer_cancel(s->delay[i]);
    }
    for (unsigned i = 0; i < E1000E_VECTORS; i++) {
        timer_cancel(s->eitr[i]);
    }
}

/* What CTRL.RST resets: everything but the PHY. */
static void chip_reset(E1000e *s)
{
    timers_cancel(s);
    memset(s->mac, 0, sizeof(s->mac));
    for (size_t i = 0; i < G_N_ELEMENTS(register_init); i++) {
        s->mac[register_init[i].reg / 4] = register_init[i].value;
    }
    s->mac[E1000_RA / 4] = (uint32_t)s->eeprom[1] << 16 | s->eeprom[0];
    s->mac[E1000_RA / 4 + 1] = s->eeprom[2] | RAH_VALID;
    if (s->phy[PHY_STATUS] & PHY_STATUS_LINK) {
        s->mac[E1000_STATUS / 4] |= STATUS_LU;
    }
    s->itr_written = s->delayed_causes = s->held = 0;
    memset(s->eitr_written, 0, sizeof(s->eitr_written));
    for (unsigned i = 0; i < E1000E_QUEUES; i++) {
        s->tx[i].props = s->tx[i].tso = (E1000Context){ 0 };
        s->tx[i].last_tso = false;
        e1000_tx_drop(&s->tx[i]);
    }
    e1000e_signal(s, 0);
}

static void e1000e_reset(PciDevice *pci, ResetKind kind)
{
    E1000e *s = (E1000e *)pci;

    s->timadj = 0;
    s->ioaddr = 0;
    e1000_link_reset(&s->link);
    chip_reset(s);
    net_client_purge(s->nic);
}

void e1000e_resume(E1000e *s)
{
    e1000_link_resume(&s->link);
    timer_arm(s->tx_timer, e1000e_now_ns(s));
}

static bool run_changed(void *opaque, bool running, RunState state, GError **error)
{
    if (running) {
        net_client_flush(((E1000e *)opaque)->nic);
    }
    return true;
}

static const NetClientOps nic_ops = {
    .can_receive = e1000e_can_receive,
    .receive = e1000e_receive,
    .link_changed = link_changed,
};

/* The Express capability as PCIe 1.x has it: shorter, and nothing of it can be written here. */
static bool add_express(PciDevice *pci, uint8_t offset, GError **error)
{
    uint8_t at = pci_add_capability(pci, PCI_CAP_ID_EXP, offset, EXPRESS_V1_BYTES, error);

    if (!at) {
        return false;
    }
    pci->exp_cap = at;
    pci_set16(pci, at + PCI_EXP_FLAGS, 1 | pcie_endpoint_type(pci_device_bus(pci)) << 4);
    pci_set32(pci, at + PCI_EXP_DEVCAP, 0x8020);
    pci_set32(pci, at + PCI_EXP_LNKCAP, 0x0411); /* one lane of 2.5 GT/s */
    pci_set16(pci, at + PCI_EXP_LNKSTA, 0x0011);
    return true;
}

/* Capabilities at the offsets where the chip has them. */
static bool add_capabilities(E1000e *s, GError **error)
{
    PciDevice *pci = &s->pci;
    uint16_t serial;

    if (!msix_init(pci, E1000E_VECTORS, &s->msix, 3, 0, &s->msix, 3, 0x2000, 0xa0, error) ||
        !add_express(pci, 0xe0, error) || !msi_init(pci, 0xd0, 1, true, false, error) ||
        !pci_pm_init(pci, 0xc8, error)) {
        return false;
    }
    pci_set16(pci, pci->pm_cap + 2, 0x0022); /* version 2, device-specific initialization */
    pci_wmask16(pci, pci->pm_cap + 4, 0x1f03);
    pcie_aer_init(pci, 0x100);
    serial = pcie_add_ext_capability(pci, 3, 1, 0x140, 12);
    if (serial) { /* the address in the middle of an EUI-64 */
        const uint8_t *mac = s->mac_address;

        pci_set32(pci, serial + 4u, 0xff000000u | (uint32_t)mac[3] << 16 | mac[4] << 8 | mac[5]);
        pci_set32(pci, serial + 8u, (uint32_t)mac[0] << 24 | mac[1] << 16 | mac[2] << 8 | 0xff);
    }
    return true;
}

static void make_timers(E1000e *s, Vm *vm)
{
    s->link = (E1000Link){ &link_ops, s, s->mac, s->phy, s->nic, vm, NULL };
    e1000_link_begin(&s->link, "e1000e-link");
    s->tx_timer = timer_new(vm, CLOCK_KIND_VIRTUAL, "e1000e-tx", transmit, s);
    s->itr = timer_new(vm, CLOCK_KIND_VIRTUAL, "e1000e-itr", e1000e_throttle_over, s);
    for (unsigned i = 0; i < DELAY_COUNT; i++) {
        s->delay[i] = timer_new(vm, CLOCK_KIND_VIRTUAL, "e1000e-delay", e1000e_delay_over, s);
    }
    for (unsigned i = 0; i < E1000E_VECTORS; i++) {
        s->eitr[i] = timer_new(vm, CLOCK_KIND_VIRTUAL, "e1000e-eitr", e1000e_throttle_over, s);
    }
}

static void make_bars(E1000e *s, Vm *vm)
{
    Object *owner = &s->pci.dev.obj;

    memory_region_init_io(&s->mmio, vm, owner, &mmio_ops, s, "e1000e-mmio", E1000_REG_BYTES);
    memory_region_init_io(&s->flash, vm, owner, &flash_ops, s, "e1000e-flash", FLASH_BYTES);
    memory_region_init_io(&s->io, vm, owner, &io_ops, s, "e1000e-io", IO_BYTES);
    memory_region_init(&s->msix, vm, owner, "e1000e-msix", MSIX_BYTES);
    pci_register_bar(&s->pci, 0, 0, &s->mmio);
    pci_register_bar(&s->pci, 1, 0, &s->flash);
    pci_register_bar(&s->pci, 2, PCI_BAR_IO, &s->io);
    pci_register_bar(&s->pci, 3, 0, &s->msix);
}

static void e1000e_unrealize(PciDevice *pci)
{
    E1000e *s = (E1000e *)pci;

    run_state_handler_remove(device_vm(&pci->dev), s->run_handler);
    g_clear_pointer(&s->nic, net_client_detach);
    e1000_link_end(&s->link);
    g_clear_pointer(&s->tx_timer, timer_free);
    g_clear_pointer(&s->itr, timer_free);
    for (unsigned i = 0; i < DELAY_COUNT; i++) {
        g_clear_pointer(&s->delay[i], timer_free);
    }
    for (unsigned i = 0; i < E1000E_VECTORS; i++) {
        g_clear_pointer(&s->eitr[i], timer_free);
    }
    memory_region_clear(&s->mmio);
    memory_region_clear(&s->flash);
    memory_region_clear(&s->io);
    memory_region_clear(&s->msix);
}

static bool e1000e_realize(PciDevice *pci, GError **error)
{
    E1000e *s = (E1000e *)pci;
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
    pci_set16(pci, PCI_SUBSYSTEM_VENDOR_ID, s->subsys_ven);
    pci_set16(pci, PCI_SUBSYSTEM_ID, s->subsys);
    memcpy(s->eeprom, eeprom_init, sizeof(s->eeprom));
    e1000_eeprom_finish(s->eeprom, s->mac_address);
    make_timers(s, vm);
    make_bars(s, vm);
    s->run_handler = run_state_handler_add(vm, RUN_PRIORITY_DEVICE, "e1000e", run_changed, s);
    if (!add_capabilities(s, error)) {
        e1000e_unrealize(pci);
        return false;
    }
    e1000e_reset(pci, RESET_COLD);
    return true;
}

static const Property e1000e_props[] = {
    PROP(PROP_MAC, E1000e, mac_address, "mac", NULL),
    PROP(PROP_NAME, E1000e, netdev, "netdev", NULL, .link_type = "netdev"),
    PROP(PROP_I32, E1000e, bootindex, "bootindex", "-1"),
    PROP(PROP_U16, E1000e, subsys_ven, "subsys_ven", "0x8086",
         .description = "PCI device Subsystem Vendor ID"),
    PROP(PROP_U16, E1000e, subsys, "subsys", "0", .description = "PCI device Subsystem ID"),
    PROP_END,
};

static const PciDeviceOps e1000e_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_NETWORK, .user_creatable = true,
             .section = &e1000e_section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x10d3,
    .class_id = 0x0200,
    .interrupt_pin = 1,
    .express = true,
    .romfile = "efi-e1000e.rom",
    .realize = e1000e_realize,
    .unrealize = e1000e_unrealize,
    .reset = e1000e_reset,
};

const TypeInfo e1000e_types[] = {
    { .name = "e1000e",
      .parent = TYPE_PCI_DEVICE,
      .description = "Intel 82574L GbE Controller",
      .instance_size = sizeof(E1000e),
      .props = e1000e_props,
      .ops = &e1000e_ops },
};
const size_t e1000e_types_count = G_N_ELEMENTS(e1000e_types);
