/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packed ring (virtio 1.2, section 2.8): one ring of descriptors that both sides write, each with
 * a wrap counter; two event suppression structures {u16 off_wrap, u16 flags}.
 */
#include "virtio-priv.h"

#include "base/util/endian.h"

enum {
    EVENT_ENABLE = 0,
    EVENT_DISABLE = 1,
    EVENT_DESC = 2
};

static uint16_t flags_at(VirtQueue *vq, uint16_t slot)
{
    return vq_ld16(vq, vq->desc + (uint64_t)slot * DESC_BYTES + 14);
}

static bool is_available(const VirtQueue *vq, uint16_t flags)
{
    bool avail = flags & DESC_AVAIL, used = flags & DESC_USED;

    return avail != used && avail == vq->last_avail_wrap;
}

bool packed_empty(VirtQueue *vq)
{
    return !is_available(vq, flags_at(vq, vq->last_avail_idx));
}

static void advance(uint16_t *idx, bool *wrap, uint16_t by, uint16_t num)
{
    unsigned at = *idx + by;

    if (at >= num) {
        at -= num;
        *wrap = !*wrap;
    }
    *idx = (uint16_t)at;
}

bool packed_pop(VirtQueue *vq, Chain *chain, Head *head)
{
    uint16_t at = vq->last_avail_idx, count = 0;
    Desc desc;

    if (!is_available(vq, flags_at(vq, at))) {
        return false;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* the flags before the rest */
    do {
        if (count >= vq->num) {
            virtio_error(vq->dev, "queue %u: looped descriptor chain", vq->index);
            return false;
        }
        if (!vq_read_desc(vq, vq->desc, at, true, &desc)) {
            return false;
        }
        if (desc.flags & DESC_INDIRECT) {
            if (count || (desc.flags & DESC_NEXT)) {
                virtio_error(vq->dev, "queue %u: indirect descriptor inside a chain", vq->index);
                return false;
            }
            if (!chain_add_indirect(vq, chain, &desc, true)) {
                return false;
            }
        } else if (!chain_add(vq, chain, &desc)) {
            return false;
        }
        count++;
        at = (uint16_t)(at + 1 < vq->num ? at + 1 : 0);
    } while (desc.flags & DESC_NEXT);
    *head = (Head){ desc.next_or_id, count };
    advance(&vq->last_avail_idx, &vq->last_avail_wrap, count, vq->num);
    if (vq->notification && virtio_has(vq->dev, VIRTIO_F_EVENT_IDX)) {
        packed_set_notification(vq, true);
    }
    return true;
}

void packed_unpop(VirtQueue *vq, const Head *head)
{
    if (vq->last_avail_idx < head->ndescs) {
        vq->last_avail_idx = (uint16_t)(vq->last_avail_idx + vq->num);
        vq->last_avail_wrap = !vq->last_avail_wrap;
    }
    vq->last_avail_idx = (uint16_t)(vq->last_avail_idx - head->ndescs);
}

void packed_push(VirtQueue *vq, uint16_t index, uint16_t ndescs, uint32_t len)
{
    GuestPhys slot = vq->desc + (uint64_t)vq->used_idx * DESC_BYTES;
    uint16_t flags = len ? DESC_WRITE : 0;
    uint8_t entry[6];

    if (vq->used_wrap) {
        flags |= DESC_AVAIL | DESC_USED;
    }
    st_le32(entry, len);
    st_le16(entry + 4, index);
    address_space_write(virtio_as(vq->dev), slot + 8, MEM_ATTRS_NONE, entry, 6);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    vq_st16(vq, slot + 14, flags);
    if (vq->used_idx + ndescs >= vq->num) {
        vq->signalled_used_valid = false; /* positions of two laps do not compare */
    }
    advance(&vq->used_idx, &vq->used_wrap, ndescs, vq->num);
}

void packed_set_notification(VirtQueue *vq, bool on)
{
    uint16_t off_wrap = (uint16_t)(vq->last_avail_idx | (vq->last_avail_wrap ? 1 << 15 : 0));
    bool event = virtio_has(vq->dev, VIRTIO_F_EVENT_IDX);

    if (on && event) {
        vq_st16(vq, vq->device, off_wrap);
        __atomic_thread_fence(__ATOMIC_RELEASE);
    }
    vq_st16(vq, vq->device + 2, !on ? EVENT_DISABLE : event ? EVENT_DESC : EVENT_ENABLE);
    if (on) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

bool packed_wants_interrupt(VirtQueue *vq)
{
    uint16_t old = vq->signalled_used, now = vq->used_idx, off_wrap, flags;
    bool valid = vq->signalled_used_valid;
    int off;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    flags = vq_ld16(vq, vq->driver + 2);
    vq->signalled_used = now;
    vq->signalled_used_valid = true;
    if (flags == EVENT_DISABLE) {
        return false;
    }
    if (flags != EVENT_DESC || !valid) {
        return true;
    }
    off_wrap = vq_ld16(vq, vq->driver);
    off = off_wrap & 0x7fff;
    if (vq->used_wrap != off_wrap >> 15) {
        off -= vq->num;
    }
    return (uint16_t)(now - off - 1) < (uint16_t)(now - old);
}
