/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What e1000 and e1000e have in common: registers by table, the receive filter, the PHY's link, and
 * the transmit engine that makes frames of descriptors.
 */
#pragma once
#include "e1000-regs.h"
#include "hw/pci/pci.h"

/* ---- registers without an effect of their own ---- */

/* Words from @first to @last take these bits when written; read as they are. */
typedef struct {
    uint32_t first, last, mask;
} E1000Range;
/* The bits of the register at @reg that a write changes; 0: it is not in the table. */
uint32_t e1000_writable(const E1000Range *ranges, size_t n, uint32_t reg);

/* A counter that stays at its end. */
void e1000_count(uint32_t *mac, uint32_t reg, uint32_t by);
/* A read in the statistics: the value, which the read clears. */
uint32_t e1000_stat_read(uint32_t *mac, uint32_t reg);
void e1000_count_received(uint32_t *mac, const uint8_t *frame, size_t len);
void e1000_count_sent(uint32_t *mac, const uint8_t *frame, size_t len);

/* ---- receive filter ---- */

bool e1000_filter_pass(const uint32_t *mac, const uint8_t *frame, size_t len);
/* Does the frame have a VLAN tag of the type in VET? */
static inline bool e1000_is_vlan(const uint32_t *mac, const uint8_t *frame, size_t len)
{
    return len >= 18 && (uint32_t)(frame[12] << 8 | frame[13]) == (mac[E1000_VET / 4] & 0xffff);
}
/* Bytes of a receive buffer as RCTL sets them. */
uint32_t e1000_buffer_bytes(uint32_t rctl);

/* ---- descriptor rings; @base is the register of the address, then length, head and tail ---- */

static inline uint32_t e1000_ring_count(const uint32_t *mac, uint32_t base)
{
    return (mac[base / 4 + 2] & 0xfff80) / 16;
}
static inline uint64_t e1000_ring_address(const uint32_t *mac, uint32_t base)
{
    return ((uint64_t)mac[base / 4 + 1] << 32 | (mac[base / 4] & ~15u)) +
           (uint64_t)mac[base / 4 + 4] * 16;
}
/* Free descriptors: those from head up to, not including, tail. */
uint32_t e1000_ring_free(const uint32_t *mac, uint32_t base);
/* The head moves on by one, and around at the end. */
void e1000_ring_advance(uint32_t *mac, uint32_t base);

/* ---- PHY: the registers of IEEE 802.3 clause 22 ---- */

enum {
    PHY_CTRL = 0,
    PHY_STATUS = 1,
    PHY_PARTNER = 5,
};
#define PHY_CTRL_RESTART 0x0200
#define PHY_CTRL_AUTONEG 0x1000
#define PHY_CTRL_RESET   0x8000
#define PHY_STATUS_LINK  0x0004
#define PHY_STATUS_DONE  0x0020
#define PHY_PARTNER_ACK  0x4000
#define E1000_AUTONEG_NS 500000000ll /* a negotiation takes half a second */

void e1000_link_set(uint32_t *mac, uint16_t *phy, bool up);
static inline bool e1000_negotiating(const uint16_t *phy)
{
    return phy[PHY_CTRL] & PHY_CTRL_AUTONEG && !(phy[PHY_STATUS] & PHY_STATUS_DONE);
}
/* The sum over the EEPROM's words is 0xbaba: the last one makes it so. Also puts the address in. */
void e1000_eeprom_finish(uint16_t eeprom[64], const uint8_t mac[6]);

/* ---- transmit engine ---- */

/* A context descriptor: where checksums go and how a large packet is cut. */
typedef struct {
    uint8_t ipcss, ipcso, tucss, tucso, hdr_len;
    uint16_t ipcse, tucse, mss;
    uint32_t paylen;
    int8_t ip, tcp;
    bool tse;
} E1000Context;

#define E1000_TX_BYTES   0x10000
#define E1000_VLAN_BYTES 4
typedef struct {
    E1000Context props, tso; /* of single packets, and of those to be cut */
    uint16_t size;           /* bytes of the packet so far, in data */
    uint16_t tso_frames;     /* segments that went of it */
    uint8_t sum_needed;      /* POPTS of its first descriptor */
    bool cptse, skip;        /* it is to be cut; it is in error and not sent */
    bool last_tso;           /* the last context was for packets to be cut */
    bool vlan_needed;
    uint16_t vlan;
    uint8_t header[256], data[E1000_TX_BYTES + E1000_VLAN_BYTES];
} E1000Tx;

typedef struct {
    PciDevice *pci;
    uint32_t *mac;
    void *opaque;
    void (*send)(void *opaque, const uint8_t *frame, size_t len);
} E1000TxPort;

/* Carries out one descriptor, as it lies in memory: keeps a context, or adds to a packet and sends it
   with its last. */
void e1000_tx_desc(E1000Tx *tx, const E1000TxPort *port, const uint8_t desc[16]);
/* Forgets the packet that is being put together. */
void e1000_tx_drop(E1000Tx *tx);
