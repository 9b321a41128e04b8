/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the two ring formats and their common part. */
#pragma once

#include "hw/virtio/virtio.h"

#define DESC_BYTES 16
enum {
    DESC_NEXT = 1,
    DESC_WRITE = 2,
    DESC_INDIRECT = 4,
    DESC_AVAIL = 1 << 7,
    DESC_USED = 1 << 15
};

/* A descriptor of either format, in host order. */
typedef struct Desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next_or_id;
} Desc;

/* A chain under construction; nothing is mapped before it is complete and valid. */
typedef struct Chain {
    unsigned n, out_num, in_num;
    uint64_t out_bytes, in_bytes;
    GuestPhys addr[VIRTIO_RING_MAX];
    uint32_t len[VIRTIO_RING_MAX];
} Chain;

static inline AddressSpace *virtio_as(const VirtioDevice *dev)
{
    return dev->transport->dma_space(dev->transport_opaque);
}

/* ---- memory of the guest ---- */
bool vq_read(VirtQueue *vq, GuestPhys addr, void *buf, size_t len);
uint16_t vq_ld16(VirtQueue *vq, GuestPhys addr);
void vq_st16(VirtQueue *vq, GuestPhys addr, uint16_t value);
bool vq_read_desc(VirtQueue *vq, GuestPhys table, unsigned i, bool packed, Desc *desc);

/* Add one buffer; false after virtio_error(). */
bool chain_add(VirtQueue *vq, Chain *chain, const Desc *desc);
/* The entries of an indirect table. */
bool chain_add_indirect(VirtQueue *vq, Chain *chain, const Desc *desc, bool packed);

/* ---- the formats: true: *head is a chain that was taken off the ring ---- */
typedef struct Head {
    uint16_t index, ndescs;
} Head;
bool split_walk(VirtQueue *vq, Chain *chain, unsigned head);
bool split_pop(VirtQueue *vq, Chain *chain, Head *head);
void split_unpop(VirtQueue *vq, const Head *head);
void split_fill(VirtQueue *vq, uint16_t index, uint32_t len, unsigned nth);
void split_flush(VirtQueue *vq, unsigned count);
bool split_empty(VirtQueue *vq);
void split_set_notification(VirtQueue *vq, bool on);
bool split_wants_interrupt(VirtQueue *vq);

bool packed_pop(VirtQueue *vq, Chain *chain, Head *head);
void packed_unpop(VirtQueue *vq, const Head *head);
void packed_push(VirtQueue *vq, uint16_t index, uint16_t ndescs, uint32_t len);
bool packed_empty(VirtQueue *vq);
void packed_set_notification(VirtQueue *vq, bool on);
bool packed_wants_interrupt(VirtQueue *vq);
