/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transmit engine of the Intel gigabit controllers (8254x manual, chapter 3.3 to 3.5).
 *
 * Descriptors add bytes to one packet buffer. A packet to be cut (TSE) is sent whenever header and
 * MSS bytes are there and more comes: the header is kept apart, put before each segment, and its
 * lengths, IP identification, TCP sequence number and flags are made right. Checksums are put in last,
 * where the context says. Offsets come from the guest: each is checked against the packet.
 */
#include <string.h>

#include "base/util/endian.h"
#include "e1000-parts.h"

#define FRAME_MIN      60
#define TCP_LAST_FLAGS 0x09 /* FIN and PSH: only in the last segment */

void e1000_tx_drop(E1000Tx *tx)
{
    tx->size = tx->tso_frames = 0;
    tx->sum_needed = 0;
    tx->cptse = tx->skip = tx->vlan_needed = false;
}

/* ---- fields of headers, where they are inside of the packet ---- */

static void put16(uint8_t *data, size_t n, size_t at, uint32_t value)
{
    if (at + 2 <= n) {
        st_be16(data + at, (uint16_t)value);
    }
}

static void add16(uint8_t *data, size_t n, size_t at, uint32_t by)
{
    if (at + 2 <= n) {
        st_be16(data + at, (uint16_t)(ld_be16(data + at) + by));
    }
}

/* Adds to a ones' complement sum. */
static void sum16(uint8_t *data, size_t n, size_t at, uint32_t by)
{
    if (at + 2 <= n) {
        uint32_t sum = ld_be16(data + at) + by;

        sum = (sum & 0xffff) + (sum >> 16);
        st_be16(data + at, (uint16_t)(sum + (sum >> 16)));
    }
}

/* The checksum over @start to @end (0: all the rest) at @at. */
static void put_checksum(uint8_t *data, size_t n, size_t at, size_t start, size_t end)
{
    uint32_t sum = 0;

    if (end && end < n) {
        n = end + 1;
    }
    if (at + 2 > n || start >= n) {
        return;
    }
    for (size_t i = start; i < n; i++) {
        sum += (i - start) & 1 ? data[i] : (uint32_t)data[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    st_be16(data + at, (uint16_t)~sum);
}

/* ---- frames ---- */

static void segment_header(E1000Tx *tx, bool last)
{
    const E1000Context *c = &tx->tso;
    uint8_t *data = tx->data;
    uint32_t n = tx->size, payload = n > c->tucss ? n - c->tucss : 0;

    if (c->ip) {
        put16(data, n, c->ipcss + 2u, n - c->ipcss);
        add16(data, n, c->ipcss + 4u, tx->tso_frames);
    } else {
        put16(data, n, c->ipcss + 4u, n - c->ipcss - 40);
    }
    if (c->tcp && c->tucss + 14u <= n) {
        uint8_t *tcp = data + c->tucss;

        st_be32(tcp + 4, ld_be32(tcp + 4) + (uint32_t)tx->tso_frames * c->mss);
        tcp[13] &= last ? 0xff : (uint8_t)~TCP_LAST_FLAGS;
    } else if (!c->tcp) {
        put16(data, n, c->tucss + 4u, payload);
    }
    if (tx->sum_needed & TXD_POPTS_TXSM) {
        sum16(data, n, c->tucso, payload);
    }
}

static void send_frame(E1000Tx *tx, const E1000TxPort *port, bool last)
{
    const E1000Context *c = tx->cptse ? &tx->tso : &tx->props;
    uint8_t *frame = tx->data;
    size_t n = tx->size;

    if (tx->cptse) {
        segment_header(tx, last);
        tx->tso_frames++;
    }
    if (tx->sum_needed & TXD_POPTS_TXSM) {
        put_checksum(frame, n, c->tucso, c->tucss, c->tucse);
    }
    if (tx->sum_needed & TXD_POPTS_IXSM) {
        put_checksum(frame, n, c->ipcso, c->ipcss, c->ipcse);
    }
    if (n < 14) {
        return; /* not even a header */
    }
    if (n < FRAME_MIN && port->mac[E1000_TCTL / 4] & TCTL_PSP) {
        memset(frame + n, 0, FRAME_MIN - n);
        n = FRAME_MIN;
    }
    if (tx->vlan_needed) {
        memmove(frame + 16, frame + 12, n - 12);
        st_be16(frame + 12, (uint16_t)port->mac[E1000_VET / 4]);
        st_be16(frame + 14, tx->vlan);
        n += E1000_VLAN_BYTES;
    }
    e1000_count_sent(port->mac, frame, n);
    port->send(port->opaque, frame, n);
}

/* Up to @len bytes at @addr, no more than to @limit bytes of packet; how many. */
static uint32_t add_bytes(E1000Tx *tx, const E1000TxPort *port, uint64_t addr, uint32_t len,
                          uint32_t limit)
{
    uint32_t part = MIN(len, limit - tx->size);

    if (pci_dma_read(port->pci, addr, tx->data + tx->size, part)) {
        memset(tx->data + tx->size, 0, part);
    }
    tx->size = (uint16_t)(tx->size + part);
    return part;
}

static void add_whole(E1000Tx *tx, const E1000TxPort *port, uint64_t addr, uint32_t len)
{
    tx->skip |= add_bytes(tx, port, addr, len, E1000_TX_BYTES - 1) < len;
}

static void add_segmented(E1000Tx *tx, const E1000TxPort *port, uint64_t addr, uint32_t len)
{
    uint32_t head = tx->tso.hdr_len, limit = MIN(head + tx->tso.mss, E1000_TX_BYTES - 1u);

    if (!head || !tx->tso.mss) {
        tx->skip = true;
        return;
    }
    while (len) {
        if (tx->size >= limit) {
            send_frame(tx, port, false);
            memcpy(tx->data, tx->header, head);
            tx->size = (uint16_t)head;
        }
        uint32_t before = tx->size, part = add_bytes(tx, port, addr, len, limit);

        if (before < head && tx->size >= head) {
            memcpy(tx->header, tx->data, head);
        }
        addr += part;
        len -= part;
    }
}

/* ---- descriptors ---- */

static void take_context(E1000Tx *tx, const uint8_t *desc)
{
    uint32_t command = ld_le32(desc + 8);
    E1000Context c = {
        .ipcss = desc[0],
        .ipcso = desc[1],
        .ipcse = ld_le16(desc + 2),
        .tucss = desc[4],
        .tucso = desc[5],
        .tucse = ld_le16(desc + 6),
        .paylen = command & 0xfffff,
        .hdr_len = desc[13],
        .mss = ld_le16(desc + 14),
        .ip = (command & TXD_TUCMD_IP) != 0,
        .tcp = (command & TXD_TUCMD_TCP) != 0,
        .tse = (command & TXD_TSE) != 0,
    };

    tx->last_tso = c.tse;
    if (c.tse) {
        tx->tso = c;
        tx->tso_frames = 0;
    } else {
        tx->props = c;
    }
}

/* A legacy descriptor asks for one checksum, from CSS to the end of the packet at CSO. */
static void take_legacy_checksum(E1000Tx *tx, const uint8_t *desc)
{
    if (ld_le32(desc + 8) & TXD_CMD_IC) {
        tx->props.tucso = desc[10];
        tx->props.tucss = desc[13];
        tx->props.tucse = 0;
        tx->sum_needed = TXD_POPTS_TXSM;
    }
}

void e1000_tx_desc(E1000Tx *tx, const E1000TxPort *port, const uint8_t desc[16])
{
    uint32_t command = ld_le32(desc + 8), kind = command & (TXD_CMD_DEXT | TXD_DTYP), len;
    bool data = kind == (TXD_CMD_DEXT | TXD_DTYP_DATA);

    if (kind == TXD_CMD_DEXT) {
        take_context(tx, desc);
        return;
    }
    if (!data && command & TXD_CMD_DEXT) {
        return; /* a type that is reserved */
    }
    len = command & (data ? 0xfffff : 0xffff);
    if (data) {
        if (!tx->size) {
            tx->sum_needed = desc[13] & (TXD_POPTS_IXSM | TXD_POPTS_TXSM);
        }
        tx->cptse |= (command & TXD_TSE) != 0;
    } else {
        tx->cptse = false;
        if (command & TXD_CMD_EOP) {
            take_legacy_checksum(tx, desc);
        }
    }
    if (command & TXD_CMD_VLE && command & TXD_CMD_EOP && port->mac[E1000_CTRL / 4] & CTRL_VME) {
        tx->vlan_needed = true;
        tx->vlan = ld_le16(desc + 14);
    }
    if (tx->cptse) {
        add_segmented(tx, port, ld_le64(desc), len);
    } else {
        add_whole(tx, port, ld_le64(desc), len);
    }
    if (command & TXD_CMD_EOP) {
        if (!tx->skip && tx->size) {
            send_frame(tx, port, true);
        }
        e1000_tx_drop(tx);
    }
}
