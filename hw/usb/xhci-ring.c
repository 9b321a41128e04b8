/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading rings, and words of guest memory (xHCI 4.9.2). */
#include "base/util/endian.h"
#include "xhci-priv.h"

#define WORDS_MAX 16

bool xhci_read_words(Xhci *s, uint64_t addr, uint32_t *words, unsigned n)
{
    uint8_t raw[4 * WORDS_MAX];

    g_assert(n <= WORDS_MAX);
    if (pci_dma_read(&s->pci, addr, raw, 4 * n) != MEM_OK) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        words[i] = ld_le32(raw + 4 * i);
    }
    return true;
}

bool xhci_write_words(Xhci *s, uint64_t addr, const uint32_t *words, unsigned n)
{
    uint8_t raw[4 * WORDS_MAX];

    g_assert(n <= WORDS_MAX);
    for (unsigned i = 0; i < n; i++) {
        st_le32(raw + 4 * i, words[i]);
    }
    return pci_dma_write(&s->pci, addr, raw, 4 * n) == MEM_OK;
}

RingResult xhci_ring_next(Xhci *s, XhciRing *ring, XhciTrb *trb)
{
    uint32_t words[4];

    for (unsigned links = 0; links <= LIMIT_LINKS; links++) {
        if (!xhci_read_words(s, ring->dequeue, words, 4)) {
            return RING_BAD;
        }
        *trb = (XhciTrb){ words[0] | (uint64_t)words[1] << 32, words[2], words[3], ring->dequeue };
        if ((trb->control & TRB_C) != (ring->ccs ? TRB_C : 0)) {
            return RING_EMPTY;
        }
        if (TRB_TYPE(*trb) != TRB_LINK) {
            ring->dequeue += 16;
            return RING_TRB;
        }
        ring->dequeue = trb->param & ~(uint64_t)0xf;
        ring->ccs ^= (trb->control & TRB_TC) != 0;
    }
    return RING_BAD;
}
