/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Receive path of the 82574L (datasheet, chapter 7.1): legacy, extended and packet split descriptors,
 * checksums of IPv4, TCP and UDP, and two queues that the RSS hash chooses between. Headers are never
 * split off: packet split buffers are filled one after the other, which HDR_STATUS says.
 */
#include <string.h>
#include <zlib.h>

#include "base/core/runstate.h"
#include "base/util/endian.h"
#include "e1000e-priv.h"

#define FRAME_MIN 60
#define FCS_BYTES 4
#define FRAME_MAX 1522
#define JUMBO_MAX 16384

#define RFCTL_EXTENDED 0x8000u
#define RXCSUM_IP      0x100u
#define RXCSUM_L4      0x200u
#define RXCSUM_NO_SUM  0x2000u /* PCSD: the hash is where the sum would be */
#define RX_UDP         0x10u
#define RX_L4          0x20u
#define RX_IP          0x40u
#define RX_L4_BAD      0x20000000u
#define RX_IP_BAD      0x40000000u

/* What is known of a frame. */
typedef struct {
    uint32_t status; /* status and errors of an extended descriptor */
    uint32_t hash;
    uint8_t hash_type, queue;
    uint16_t vlan;
} Seen;

E1000eLayout e1000e_layout(const uint32_t *mac)
{
    uint32_t rctl = mac[E1000_RCTL / 4], ps = mac[E1000E_PSRCTL / 4];
    E1000eLayout l = { .desc_bytes = 16, .buffers = 1, .sizes = { e1000_buffer_bytes(rctl) } };

    if (rctl & RCTL_PACKET_SPLIT && mac[E1000E_RFCTL / 4] & RFCTL_EXTENDED) {
        l = (E1000eLayout){ .desc_bytes = 32,
                            .buffers = 4,
                            .sizes = { (ps & 0x7f) * 128, (ps >> 8 & 0x3f) * 1024,
                                       (ps >> 16 & 0x3f) * 1024, (ps >> 24 & 0x3f) * 1024 } };
    }
    for (unsigned i = 0; i < l.buffers; i++) {
        l.total += l.sizes[i];
    }
    return l;
}

/* ---- rings, whose descriptors may be of 32 bytes ---- */

static uint32_t ring_count(const uint32_t *mac, uint32_t base, uint32_t desc_bytes)
{
    return (mac[base / 4 + 2] & 0xfff80) / desc_bytes;
}

static uint32_t ring_free(const uint32_t *mac, uint32_t base, uint32_t desc_bytes)
{
    uint32_t n = ring_count(mac, base, desc_bytes);
    uint32_t head = mac[base / 4 + 4], tail = mac[base / 4 + 6];

    if (head >= n || tail >= n) {
        return 0;
    }
    return tail >= head ? tail - head : n - head + tail;
}

bool e1000e_can_receive(NetClient *client)
{
    const E1000e *s = net_client_opaque(client);
    uint32_t bytes = e1000e_layout(s->mac).desc_bytes;

    return run_state_running(device_vm(&s->pci.dev)) && s->mac[E1000_STATUS / 4] & STATUS_LU &&
           s->mac[E1000_RCTL / 4] & RCTL_EN &&
           pci_get16(&s->pci, PCI_COMMAND) & PCI_COMMAND_MASTER &&
           (ring_free(s->mac, E1000_RDBAL, bytes) ||
            ring_free(s->mac, E1000_RDBAL + E1000E_QUEUE, bytes));
}

/* ---- what is in the frame ---- */

static uint16_t fold(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

/* The hash of RSS: for each bit of the input that is set, the 32 bits of the key from there on. */
static uint32_t toeplitz(const uint32_t *key_words, const uint8_t *input, size_t n)
{
    uint8_t key[40];
    uint32_t hash = 0, window;

    for (unsigned i = 0; i < 10; i++) {
        st_le32(key + 4 * i, key_words[i]);
    }
    window = ld_be32(key);
    for (size_t i = 0; i < n * 8; i++) {
        hash ^= input[i / 8] >> (7 - i % 8) & 1 ? window : 0;
        window = window << 1 | (key[4 + i / 8] >> (7 - i % 8) & 1);
    }
    return hash;
}

/* @addresses: of the source and the destination, @n bytes; @ports: four bytes, or NULL. */
static void take_hash(const E1000e *s, Seen *seen, const uint8_t *addresses, size_t n,
                      const uint8_t *ports)
{
    uint32_t mrqc = s->mac[E1000E_MRQC / 4];
    bool v6 = n > 8;
    uint8_t input[36];
    unsigned type = 0;

    if ((mrqc & 3) != 1) {
        return;
    }
    if (ports && mrqc >> (v6 ? 18 : 16) & 1) {
        type = v6 ? 3 : 1;
    } else if (mrqc >> (v6 ? 20 : 17) & 1) {
        type = v6 ? 5 : 2;
    } else {
        return;
    }
    memcpy(input, addresses, n);
    if (type == 1 || type == 3) {
        memcpy(input + n, ports, 4);
        n += 4;
    }
    seen->hash_type = (uint8_t)type;
    seen->hash = toeplitz(&s->mac[E1000E_RSSRK / 4], input, n);
    uint32_t entry = seen->hash & 127;
    seen->queue = s->mac[E1000E_RETA / 4 + entry / 4] >> (8 * (entry % 4) + 7) & 1;
}

/* TCP or UDP at @l4, with the sum of the pseudo header but for the length. */
static void take_l4(const E1000e *s, Seen *seen, uint8_t protocol, uint32_t pseudo,
                    const uint8_t *l4, size_t n)
{
    if (!(s->mac[E1000E_RXCSUM / 4] & RXCSUM_L4) ||
        !((protocol == 6 && n >= 20) || (protocol == 17 && n >= 8))) {
        return;
    }
    if (protocol == 17 && !ld_be16(l4 + 6)) {
        return; /* it carries none */
    }
    seen->status |= protocol == 17 ? RX_UDP | RX_L4 : RX_L4;
    if (fold(pseudo + protocol + (uint32_t)n, l4, n) != 0xffff) {
        seen->status |= RX_L4_BAD;
    }
}

static void look_ipv4(const E1000e *s, Seen *seen, const uint8_t *ip, size_t n)
{
    size_t head = n >= 20 ? (ip[0] & 15) * 4u : 0, total;

    if (head < 20 || head > n || ip[0] >> 4 != 4) {
        return;
    }
    if (s->mac[E1000E_RXCSUM / 4] & RXCSUM_IP) {
        seen->status |= RX_IP | (fold(0, ip, head) != 0xffff ? RX_IP_BAD : 0);
    }
    total = MIN(n, ld_be16(ip + 2));
    bool whole = !(ld_be16(ip + 6) & 0x3fff) && total >= head;
    take_hash(s, seen, ip + 12, 8, whole && ip[9] == 6 && total >= head + 4 ? ip + head : NULL);
    if (whole) {
        take_l4(s, seen, ip[9], fold(0, ip + 12, 8), ip + head, total - head);
    }
}

static void look_ipv6(const E1000e *s, Seen *seen, const uint8_t *ip, size_t n)
{
    size_t payload;

    if (n < 40 || ip[0] >> 4 != 6) {
        return;
    }
    payload = MIN(n - 40, ld_be16(ip + 4));
    take_hash(s, seen, ip + 8, 32, ip[6] == 6 && payload >= 4 ? ip + 40 : NULL);
    take_l4(s, seen, ip[6], fold(0, ip + 8, 32), ip + 40, payload);
}

static Seen look(const E1000e *s, const uint8_t *frame, size_t len)
{
    Seen seen = { .status = RXD_DD };
    uint16_t type = ld_be16(frame + 12);

    if (type == 0x0800) {
        look_ipv4(s, &seen, frame + 14, len - 14);
    } else if (type == 0x86dd) {
        look_ipv6(s, &seen, frame + 14, len - 14);
    }
    if (!(seen.status & (RX_IP | RX_L4))) {
        seen.status |= RXD_IXSM;
    }
    return seen;
}

/* ---- descriptors ---- */

/* Fills the buffers that @desc names with up to @len bytes; @filled: of each. */
static void fill_buffers(E1000e *s, const E1000eLayout *l, const uint8_t *desc, const uint8_t *data,
                         uint32_t len, uint32_t filled[4])
{
    for (unsigned i = 0; i < l->buffers; i++) {
        uint64_t at = ld_le64(desc + 8 * i);

        filled[i] = MIN(len, l->sizes[i]);
        if (at && filled[i]) {
            pci_dma_write(&s->pci, at, data, filled[i]);
        }
        data += filled[i];
        len -= filled[i];
    }
}

static void write_back(uint8_t *desc, const E1000e *s, const E1000eLayout *l, const Seen *seen,
                       uint32_t status, const uint32_t filled[4])
{
    if (!(s->mac[E1000E_RFCTL / 4] & RFCTL_EXTENDED)) {
        st_le16(desc + 8, (uint16_t)filled[0]);
        st_le16(desc + 10, 0);
        st_le32(desc + 12, (status & 0xff) | status >> 24 << 8 | (uint32_t)seen->vlan << 16);
        return;
    }
    memset(desc, 0, l->desc_bytes);
    st_le32(desc, seen->hash_type | (uint32_t)seen->queue << 8);
    if (s->mac[E1000E_RXCSUM / 4] & RXCSUM_NO_SUM) {
        st_le32(desc + 4, seen->hash);
    }
    st_le32(desc + 8, status);
    st_le16(desc + 12, (uint16_t)filled[0]);
    st_le16(desc + 14, seen->vlan);
    for (unsigned i = 1; i < l->buffers; i++) {
        st_le16(desc + 16 + 2 * i, (uint16_t)filled[i]);
    }
}

/* Puts bytes of a frame into the descriptor at the head of the ring at @base. */
static bool fill_descriptor(E1000e *s, uint32_t base, const E1000eLayout *l, const Seen *seen,
                            const uint8_t *data, uint32_t len, bool last)
{
    bool extended = s->mac[E1000E_RFCTL / 4] & RFCTL_EXTENDED;
    uint32_t *head = &s->mac[base / 4 + 4], status_at = extended ? 8 : 12, filled[4] = { 0 };
    uint64_t at = ((uint64_t)s->mac[base / 4 + 1] << 32 | (s->mac[base / 4] & ~15u)) +
                  (uint64_t)*head * l->desc_bytes;
    uint32_t status = last ? seen->status | RXD_EOP : RXD_DD;
    uint8_t desc[32], first;

    if (pci_dma_read(&s->pci, at, desc, l->desc_bytes)) {
        return false;
    }
    fill_buffers(s, l, desc, data, len, filled);
    write_back(desc, s, l, seen, status, filled);
    first = desc[status_at];
    desc[status_at] &= (uint8_t)~RXD_DD;
    pci_dma_write(&s->pci, at, desc, l->desc_bytes);
    /* A CPU that sees "done" must see the rest. */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    pci_dma_write(&s->pci, at + status_at, &first, 1);
    *head = *head + 1 >= ring_count(s->mac, base, l->desc_bytes) ? 0 : *head + 1;
    return true;
}

/* Takes the tag out and appends the checksum, as the guest wants them; the new length. */
static size_t finish_frame(E1000e *s, uint8_t *data, size_t len, Seen *seen)
{
    if (!(s->mac[E1000_RCTL / 4] & RCTL_SECRC)) {
        st_le32(data + len, (uint32_t)crc32(0, data, (uInt)len));
        len += FCS_BYTES;
    }
    if (s->mac[E1000_CTRL / 4] & CTRL_VME && e1000_is_vlan(s->mac, data, len)) {
        seen->vlan = ld_be16(data + 14);
        seen->status |= RXD_VP;
        memmove(data + 12, data + 16, len - 16);
        len -= E1000_VLAN_BYTES;
    }
    return len;
}

bool e1000e_receive(NetClient *client, const uint8_t *frame, size_t len)
{
    E1000e *s = net_client_opaque(client);
    E1000eLayout l = e1000e_layout(s->mac);
    uint8_t data[JUMBO_MAX + FRAME_MIN];
    uint32_t rctl = s->mac[E1000_RCTL / 4], base, low, done = 0;

    if (!e1000e_can_receive(client)) {
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
    Seen seen = look(s, data, len);
    len = finish_frame(s, data, len, &seen);
    base = E1000_RDBAL + E1000E_QUEUE * seen.queue;
    if (!l.total || (len + l.total - 1) / l.total > ring_free(s->mac, base, l.desc_bytes)) {
        e1000_count(s->mac, E1000_MPC, 1);
        e1000e_raise(s, ICR_RXO);
        return true;
    }
    for (; done < len; done += l.total) {
        uint32_t part = (uint32_t)MIN(len - done, l.total);

        if (!fill_descriptor(s, base, &l, &seen, data + done, part, done + part == len)) {
            break;
        }
    }
    low = ring_count(s->mac, base, l.desc_bytes) >> (RCTL_RDMTS(rctl) + 1);
    e1000e_raise_received(s, ICR_RXT0 | ICR_RXQ(seen.queue) |
                                 (ring_free(s->mac, base, l.desc_bytes) <= low ? ICR_RXDMT0 : 0));
    return true;
}
