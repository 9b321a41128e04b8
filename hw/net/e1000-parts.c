/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See e1000-parts.h: registers, receive filter, rings and link of the Intel gigabit controllers. */
#include "e1000-parts.h"

#include <string.h>

#include "base/util/endian.h"

/* ---- registers ---- */

uint32_t e1000_writable(const E1000Range *ranges, size_t n, uint32_t reg)
{
    for (size_t i = 0; i < n; i++) {
        if (reg >= ranges[i].first && reg <= ranges[i].last) {
            return ranges[i].mask;
        }
    }
    return 0;
}

void e1000_count(uint32_t *mac, uint32_t reg, uint32_t by)
{
    uint32_t *counter = &mac[reg / 4];

    *counter = *counter > UINT32_MAX - by ? UINT32_MAX : *counter + by;
}

static void count64(uint32_t *mac, uint32_t reg, uint64_t by)
{
    uint64_t sum = ((uint64_t)mac[reg / 4 + 1] << 32 | mac[reg / 4]) + by;

    mac[reg / 4] = (uint32_t)sum;
    mac[reg / 4 + 1] = (uint32_t)(sum >> 32);
}

uint32_t e1000_stat_read(uint32_t *mac, uint32_t reg)
{
    uint32_t value = mac[reg / 4];

    switch (reg) {
    case E1000_GORCL:
    case E1000_GOTCL:
    case E1000_TORL:
    case E1000_TOTL: return value; /* the pair goes with its high half */
    case E1000_GORCL + 4:
    case E1000_GOTCL + 4:
    case E1000_TORH:
    case E1000_TOTH: mac[reg / 4 - 1] = 0; break;
    default: break;
    }
    mac[reg / 4] = 0;
    return value;
}

/* One of six counters: up to 64 bytes with the checksum, 127, 255, 511, 1023, more. */
static uint32_t size_counter(uint32_t first, size_t len)
{
    unsigned n = 0;

    for (size_t limit = 64; n < 5 && len > limit; n++) {
        limit = (limit == 64 ? 128 : (limit + 1) * 2) - 1;
    }
    return first + 4 * n;
}

static bool is_broadcast(const uint8_t *frame)
{
    return ld_be32(frame) == UINT32_MAX && ld_be16(frame + 4) == UINT16_MAX;
}

void e1000_count_received(uint32_t *mac, const uint8_t *frame, size_t len)
{
    e1000_count(mac, size_counter(E1000_PRC64, len + 4), 1);
    e1000_count(mac, E1000_TPR, 1);
    e1000_count(mac, E1000_GPRC, 1);
    count64(mac, E1000_TORL, len + 4);
    count64(mac, E1000_GORCL, len + 4);
    if (frame[0] & 1) {
        e1000_count(mac, is_broadcast(frame) ? E1000_BPRC : E1000_MPRC, 1);
    }
}

void e1000_count_sent(uint32_t *mac, const uint8_t *frame, size_t len)
{
    e1000_count(mac, size_counter(E1000_PTC64, len + 4), 1);
    e1000_count(mac, E1000_TPT, 1);
    e1000_count(mac, E1000_GPTC, 1);
    count64(mac, E1000_TOTL, len + 4);
    count64(mac, E1000_GOTCL, len + 4);
    if (frame[0] & 1) {
        e1000_count(mac, is_broadcast(frame) ? E1000_BPTC : E1000_MPTC, 1);
    }
}

/* ---- receive filter ---- */

static bool exact_match(const uint32_t *mac, const uint8_t *frame)
{
    for (unsigned i = 0; i < 16; i++) {
        uint32_t low = mac[E1000_RA / 4 + 2 * i], high = mac[E1000_RA / 4 + 2 * i + 1];

        if (high & RAH_VALID && ld_le32(frame) == low && ld_le16(frame + 4) == (high & 0xffff)) {
            return true;
        }
    }
    return false;
}

/* Twelve of the last sixteen bits of the address, chosen by RCTL.MO, pick a bit of the table. */
static bool hash_match(const uint32_t *mac, const uint8_t *frame)
{
    static const uint8_t shifts[4] = { 4, 3, 2, 0 };
    uint32_t hash = (uint32_t)ld_le16(frame + 4) >> shifts[RCTL_MO(mac[E1000_RCTL / 4])] & 0xfff;

    return mac[E1000_MTA / 4 + (hash >> 5)] >> (hash & 31) & 1;
}

bool e1000_filter_pass(const uint32_t *mac, const uint8_t *frame, size_t len)
{
    uint32_t rctl = mac[E1000_RCTL / 4];

    if (rctl & RCTL_VFE && e1000_is_vlan(mac, frame, len)) {
        uint32_t id = ld_be16(frame + 14) & 0xfff;

        if (!(mac[E1000_VFTA / 4 + (id >> 5)] >> (id & 31) & 1)) {
            return false;
        }
    }
    if (is_broadcast(frame)) {
        return (rctl & (RCTL_BAM | RCTL_MPE)) != 0 || exact_match(mac, frame);
    }
    if (frame[0] & 1) {
        return rctl & RCTL_MPE || exact_match(mac, frame) || hash_match(mac, frame);
    }
    return rctl & RCTL_UPE || exact_match(mac, frame);
}

uint32_t e1000_buffer_bytes(uint32_t rctl)
{
    uint32_t bytes = 2048u >> RCTL_BSIZE(rctl);

    return rctl & RCTL_BSEX && RCTL_BSIZE(rctl) ? bytes * 16 : bytes;
}

/* ---- rings ---- */

uint32_t e1000_ring_free(const uint32_t *mac, uint32_t base)
{
    uint32_t n = e1000_ring_count(mac, base);
    uint32_t head = mac[base / 4 + 4], tail = mac[base / 4 + 6];

    if (head >= n || tail >= n) {
        return 0;
    }
    return tail >= head ? tail - head : n - head + tail;
}

void e1000_ring_advance(uint32_t *mac, uint32_t base)
{
    uint32_t next = mac[base / 4 + 4] + 1;

    mac[base / 4 + 4] = next >= e1000_ring_count(mac, base) ? 0 : next;
}

/* ---- link ---- */

void e1000_link_set(uint32_t *mac, uint16_t *phy, bool up)
{
    if (up) {
        mac[E1000_STATUS / 4] |= STATUS_LU;
        phy[PHY_STATUS] |= PHY_STATUS_LINK;
    } else {
        mac[E1000_STATUS / 4] &= ~STATUS_LU;
        phy[PHY_STATUS] &= (uint16_t) ~(PHY_STATUS_LINK | PHY_STATUS_DONE);
        phy[PHY_PARTNER] &= (uint16_t)~PHY_PARTNER_ACK;
    }
}

void e1000_eeprom_finish(uint16_t eeprom[64], const uint8_t mac[6])
{
    uint16_t sum = 0xbaba;

    for (unsigned i = 0; i < 3; i++) {
        eeprom[i] = ld_le16(mac + 2 * i);
    }
    for (unsigned i = 0; i < 63; i++) {
        sum = (uint16_t)(sum - eeprom[i]);
    }
    eeprom[63] = sum;
}
