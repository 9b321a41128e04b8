/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The split ring (virtio 1.2, section 2.7): descriptor table, available ring (driver area), used ring
 * (device area).
 *
 * driver: u16 flags, u16 idx, u16 ring[num], u16 used_event
 * device: u16 flags, u16 idx, {u32 id, u32 len} ring[num], u16 avail_event
 */
#include "virtio-priv.h"

#include "base/util/endian.h"

enum {
    AVAIL_NO_INTERRUPT = 1,
    USED_NO_NOTIFY = 1
};

static uint16_t avail_idx(VirtQueue *vq)
{
    return vq_ld16(vq, vq->driver + 2);
}

/* How many heads the driver has put there that we have not taken; -1 after an error. */
static int heads_waiting(VirtQueue *vq)
{
    uint16_t idx = avail_idx(vq), waiting = (uint16_t)(idx - vq->last_avail_idx);

    if (waiting > vq->num) {
        virtio_error(vq->dev, "queue %u: available index moved from %u to %u (ring of %u)",
                     vq->index, vq->last_avail_idx, idx, vq->num);
        return -1;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* the index before the entry */
    return waiting;
}

bool split_empty(VirtQueue *vq)
{
    return heads_waiting(vq) <= 0;
}

static void set_avail_event(VirtQueue *vq)
{
    vq_st16(vq, vq->device + 4 + 8ull * vq->num, vq->last_avail_idx);
}

/* Follow a chain in the ring's own table. An indirect descriptor ends it. */
bool split_walk(VirtQueue *vq, Chain *chain, unsigned at)
{
    Desc desc;

    for (unsigned steps = 0;; steps++) {
        if (steps >= vq->num) {
            virtio_error(vq->dev, "queue %u: looped descriptor chain", vq->index);
            return false;
        }
        if (!vq_read_desc(vq, vq->desc, at, false, &desc)) {
            return false;
        }
        if (desc.flags & DESC_INDIRECT) {
            if (steps || (desc.flags & DESC_NEXT)) {
                virtio_error(vq->dev, "queue %u: indirect descriptor inside a chain", vq->index);
                return false;
            }
            return chain_add_indirect(vq, chain, &desc, false);
        }
        if (!chain_add(vq, chain, &desc)) {
            return false;
        }
        if (!(desc.flags & DESC_NEXT)) {
            return true;
        }
        at = desc.next_or_id;
        if (at >= vq->num) {
            virtio_error(vq->dev, "queue %u: descriptor index %u is outside the ring of %u",
                         vq->index, at, vq->num);
            return false;
        }
    }
}

bool split_pop(VirtQueue *vq, Chain *chain, Head *head)
{
    uint16_t index;

    if (heads_waiting(vq) <= 0) {
        return false;
    }
    index = vq_ld16(vq, vq->driver + 4 + 2ull * (vq->last_avail_idx % vq->num));
    if (index >= vq->num) {
        virtio_error(vq->dev, "queue %u: head %u is outside the ring of %u", vq->index, index,
                     vq->num);
        return false;
    }
    if (!split_walk(vq, chain, index)) {
        return false;
    }
    vq->last_avail_idx++;
    if (virtio_has(vq->dev, VIRTIO_F_EVENT_IDX) && vq->notification) {
        set_avail_event(vq);
    }
    *head = (Head){ index, 1 };
    return true;
}

void split_unpop(VirtQueue *vq, const Head *head)
{
    vq->last_avail_idx--;
}

void split_fill(VirtQueue *vq, uint16_t index, uint32_t len, unsigned nth)
{
    unsigned slot = (uint16_t)(vq->used_idx + nth) % vq->num;
    uint8_t entry[8];

    virtio_st32(vq->dev, entry, index);
    virtio_st32(vq->dev, entry + 4, len);
    address_space_write(virtio_as(vq->dev), vq->device + 4 + 8ull * slot, MEM_ATTRS_NONE, entry, 8);
}

void split_flush(VirtQueue *vq, unsigned count)
{
    uint16_t old = vq->used_idx, now = (uint16_t)(old + count);

    __atomic_thread_fence(__ATOMIC_RELEASE); /* entries before the index */
    vq->used_idx = now;
    vq_st16(vq, vq->device + 2, now);
    if ((int16_t)(now - vq->signalled_used) < (uint16_t)(now - old)) {
        vq->signalled_used_valid = false;
    }
}

void split_set_notification(VirtQueue *vq, bool on)
{
    if (virtio_has(vq->dev, VIRTIO_F_EVENT_IDX)) {
        if (on) {
            vq_st16(vq, vq->device + 4 + 8ull * vq->num, avail_idx(vq));
        }
    } else {
        vq_st16(vq, vq->device, on ? 0 : USED_NO_NOTIFY);
    }
    if (on) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* expose before looking again */
    }
}

bool split_wants_interrupt(VirtQueue *vq)
{
    uint16_t old = vq->signalled_used, now = vq->used_idx, event;
    bool valid = vq->signalled_used_valid;

    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* used index before the driver's wish */
    if (virtio_has(vq->dev, VIRTIO_F_NOTIFY_ON_EMPTY) && !vq->inuse && split_empty(vq)) {
        return true;
    }
    if (!virtio_has(vq->dev, VIRTIO_F_EVENT_IDX)) {
        return !(vq_ld16(vq, vq->driver) & AVAIL_NO_INTERRUPT);
    }
    vq->signalled_used = now;
    vq->signalled_used_valid = true;
    event = vq_ld16(vq, vq->driver + 4 + 2ull * vq->num);
    return !valid || (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}
