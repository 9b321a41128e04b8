/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues as devices see them: chains are read, checked as a whole, mapped, handed out and given back.
 * The two ring formats are in ring-split.c and ring-packed.c.
 */
#include "virtio-priv.h"

#include <string.h>

#include "base/util/endian.h"

/* ---- memory of the guest ---- */

bool vq_read(VirtQueue *vq, GuestPhys addr, void *buf, size_t len)
{
    if (address_space_read(virtio_as(vq->dev), addr, MEM_ATTRS_NONE, buf, len) == MEM_OK) {
        return true;
    }
    virtio_error(vq->dev, "queue %u: no memory at 0x%" G_GINT64_MODIFIER "x", vq->index, addr);
    return false;
}

uint16_t vq_ld16(VirtQueue *vq, GuestPhys addr)
{
    DeviceEndian order = vq->dev->big_endian ? DEVICE_BIG_ENDIAN : DEVICE_LITTLE_ENDIAN;

    return (uint16_t)address_space_ld(virtio_as(vq->dev), addr, 2, order, MEM_ATTRS_NONE, NULL);
}

void vq_st16(VirtQueue *vq, GuestPhys addr, uint16_t value)
{
    DeviceEndian order = vq->dev->big_endian ? DEVICE_BIG_ENDIAN : DEVICE_LITTLE_ENDIAN;

    address_space_st(virtio_as(vq->dev), addr, value, 2, order, MEM_ATTRS_NONE, NULL);
}

bool vq_read_desc(VirtQueue *vq, GuestPhys table, unsigned i, bool packed, Desc *desc)
{
    uint8_t raw[DESC_BYTES];

    if (!vq_read(vq, table + (uint64_t)i * DESC_BYTES, raw, sizeof(raw))) {
        return false;
    }
    desc->addr = virtio_ld64(vq->dev, raw);
    desc->len = virtio_ld32(vq->dev, raw + 8);
    desc->flags = virtio_ld16(vq->dev, raw + (packed ? 14 : 12));
    desc->next_or_id = virtio_ld16(vq->dev, raw + (packed ? 12 : 14));
    return true;
}

/* ---- building a chain ---- */

bool chain_add(VirtQueue *vq, Chain *chain, const Desc *desc)
{
    if (!desc->len) {
        virtio_error(vq->dev, "queue %u: zero sized buffer", vq->index);
        return false;
    }
    if (chain->n >= VIRTIO_RING_MAX) {
        virtio_error(vq->dev, "queue %u: more than %d buffers in a chain", vq->index,
                     VIRTIO_RING_MAX);
        return false;
    }
    if (desc->flags & DESC_WRITE) {
        chain->in_num++;
        chain->in_bytes += desc->len;
    } else {
        if (chain->in_num) {
            virtio_error(vq->dev, "queue %u: readable buffer after a writable one", vq->index);
            return false;
        }
        chain->out_num++;
        chain->out_bytes += desc->len;
    }
    chain->addr[chain->n] = desc->addr;
    chain->len[chain->n] = desc->len;
    chain->n++;
    return true;
}

bool chain_add_indirect(VirtQueue *vq, Chain *chain, const Desc *outer, bool packed)
{
    unsigned count = outer->len / DESC_BYTES, at = 0;
    Desc desc;

    if (!outer->len || outer->len % DESC_BYTES || count > VIRTIO_RING_MAX) {
        virtio_error(vq->dev, "queue %u: indirect table of %u bytes", vq->index, outer->len);
        return false;
    }
    for (unsigned steps = 0; steps < count; steps++) {
        if (!vq_read_desc(vq, outer->addr, at, packed, &desc)) {
            return false;
        }
        if (desc.flags & DESC_INDIRECT) {
            virtio_error(vq->dev, "queue %u: indirect descriptor inside an indirect table",
                         vq->index);
            return false;
        }
        if (!chain_add(vq, chain, &desc)) {
            return false;
        }
        if (packed) {
            at++;
            continue;
        }
        if (!(desc.flags & DESC_NEXT)) {
            return true;
        }
        at = desc.next_or_id;
        if (at >= count) {
            virtio_error(vq->dev, "queue %u: descriptor %u is outside the indirect table of %u",
                         vq->index, at, count);
            return false;
        }
    }
    if (!packed) {
        virtio_error(vq->dev, "queue %u: looped indirect table", vq->index);
    }
    return packed;
}

/* ---- mapping ---- */

static void unmap_list(AddressSpace *as, struct iovec *sg, unsigned n, bool is_write,
                       size_t written)
{
    for (unsigned i = 0; i < n; i++) {
        size_t access = is_write ? MIN(written, sg[i].iov_len) : sg[i].iov_len;

        address_space_unmap(as, sg[i].iov_base, sg[i].iov_len, is_write, access);
        written -= MIN(written, sg[i].iov_len);
    }
}

static void unmap(VirtqElement *elem, size_t written)
{
    unmap_list(elem->as, elem->in_sg, elem->in_num, true, written);
    unmap_list(elem->as, elem->out_sg, elem->out_num, false, 0);
    elem->in_num = elem->out_num = 0;
}

/* A buffer may become several pieces (RAM block borders). */
static bool map_buffer(VirtQueue *vq, AddressSpace *as, GArray *sg, GArray *addrs, GuestPhys addr,
                       uint64_t len, bool is_write)
{
    while (len) {
        uint64_t part = len;
        void *host = address_space_map(as, addr, &part, is_write, MEM_ATTRS_NONE);
        struct iovec piece = { host, part };

        if (!host || !part || sg->len >= VIRTIO_RING_MAX) {
            if (host) {
                address_space_unmap(as, host, part, is_write, 0);
            }
            virtio_error(vq->dev, "queue %u: cannot map 0x%" G_GINT64_MODIFIER "x", vq->index,
                         addr);
            return false;
        }
        g_array_append_val(sg, piece);
        g_array_append_val(addrs, addr);
        addr += part;
        len -= part;
    }
    return true;
}

static void take_lists(VirtqElement *elem, GArray *sg[2], GArray *addrs[2])
{
    elem->out_num = sg[0]->len;
    elem->in_num = sg[1]->len;
    elem->out_sg = (struct iovec *)(void *)g_array_free(sg[0], FALSE);
    elem->in_sg = (struct iovec *)(void *)g_array_free(sg[1], FALSE);
    elem->out_addr = (GuestPhys *)(void *)g_array_free(addrs[0], FALSE);
    elem->in_addr = (GuestPhys *)(void *)g_array_free(addrs[1], FALSE);
}

static bool map_chain(VirtQueue *vq, const Chain *chain, VirtqElement *elem)
{
    GArray *sg[2], *addrs[2];
    bool good = true;

    elem->as = virtio_as(vq->dev);
    for (int i = 0; i < 2; i++) {
        sg[i] = g_array_new(FALSE, FALSE, sizeof(struct iovec));
        addrs[i] = g_array_new(FALSE, FALSE, sizeof(GuestPhys));
    }
    for (unsigned i = 0; i < chain->n && good; i++) {
        int in = i >= chain->out_num;

        good = map_buffer(vq, elem->as, sg[in], addrs[in], chain->addr[i], chain->len[i], in);
    }
    take_lists(elem, sg, addrs);
    if (!good) {
        unmap(elem, 0);
    }
    return good;
}

/* ---- for devices ---- */

static bool is_packed(const VirtQueue *vq)
{
    return virtio_has(vq->dev, VIRTIO_F_RING_PACKED);
}

bool virtqueue_ready(const VirtQueue *vq)
{
    return vq->num && vq->desc && !vq->dev->broken;
}

bool virtqueue_empty(VirtQueue *vq)
{
    if (!virtqueue_ready(vq)) {
        return true;
    }
    return is_packed(vq) ? packed_empty(vq) : split_empty(vq);
}

static Chain *chain_new(void)
{
    Chain *chain = g_malloc(sizeof(*chain));

    chain->n = chain->out_num = chain->in_num = 0;
    chain->out_bytes = chain->in_bytes = 0;
    return chain;
}

static void *element_of(VirtQueue *vq, const Chain *chain, const Head *head, size_t size)
{
    VirtqElement *elem = g_malloc0(size);

    if (!map_chain(vq, chain, elem)) {
        virtq_element_free(elem);
        return NULL;
    }
    elem->index = head->index;
    elem->ndescs = head->ndescs;
    return elem;
}

void *virtqueue_take_again(VirtQueue *vq, uint16_t index, size_t size)
{
    g_autofree Chain *chain = chain_new();
    Head head = { index, 1 };

    if (!virtqueue_ready(vq) || is_packed(vq) || index >= vq->num || !vq->inuse) {
        virtio_error(vq->dev, "queue %u: head %u was not in use before the migration", vq->index,
                     index);
        return NULL;
    }
    return split_walk(vq, chain, index) ? element_of(vq, chain, &head, size) : NULL;
}

void *virtqueue_pop(VirtQueue *vq, size_t size)
{
    g_autofree Chain *chain = NULL;
    VirtqElement *elem;
    Head head;

    if (!virtqueue_ready(vq)) {
        return NULL;
    }
    if (vq->inuse >= vq->num) {
        virtio_error(vq->dev, "queue %u: more than %u chains in use", vq->index, vq->num);
        return NULL;
    }
    chain = chain_new();
    if (!(is_packed(vq) ? packed_pop(vq, chain, &head) : split_pop(vq, chain, &head))) {
        return NULL;
    }
    elem = element_of(vq, chain, &head, size);
    vq->inuse += elem != NULL;
    return elem;
}

void virtq_element_free(void *p)
{
    VirtqElement *elem = p;

    if (elem) {
        g_free(elem->out_sg);
        g_free(elem->in_sg);
        g_free(elem->out_addr);
        g_free(elem->in_addr);
        g_free(elem);
    }
}

/* A packed ring's entries are written in place, so "fill" remembers nothing: they become visible
   one by one, the first last, which is what a driver that polls needs. */
void virtqueue_fill(VirtQueue *vq, VirtqElement *elem, uint32_t len, unsigned nth)
{
    unmap(elem, len);
    if (!virtqueue_ready(vq)) {
        return;
    }
    if (is_packed(vq)) {
        packed_push(vq, elem->index, elem->ndescs, len);
    } else {
        split_fill(vq, elem->index, len, nth);
    }
}

void virtqueue_flush(VirtQueue *vq, unsigned count)
{
    vq->inuse -= MIN(vq->inuse, count);
    if (virtqueue_ready(vq) && !is_packed(vq)) {
        split_flush(vq, count);
    }
}

void virtqueue_push(VirtQueue *vq, VirtqElement *elem, uint32_t len)
{
    virtqueue_fill(vq, elem, len, 0);
    virtqueue_flush(vq, 1);
}

void virtqueue_detach(VirtQueue *vq, VirtqElement *elem)
{
    unmap(elem, 0);
    vq->inuse -= MIN(vq->inuse, 1);
}

void virtqueue_unpop(VirtQueue *vq, VirtqElement *elem)
{
    Head head = { elem->index, elem->ndescs };

    virtqueue_detach(vq, elem);
    if (is_packed(vq)) {
        packed_unpop(vq, &head);
    } else {
        split_unpop(vq, &head);
    }
}

bool virtqueue_rewind(VirtQueue *vq)
{
    Head head = { 0, 1 };

    if (!vq->inuse || !virtqueue_ready(vq)) {
        return false;
    }
    vq->inuse--;
    if (is_packed(vq)) {
        packed_unpop(vq, &head);
    } else {
        split_unpop(vq, &head);
    }
    return true;
}

void virtqueue_set_notification(VirtQueue *vq, bool on)
{
    vq->notification = on;
    if (!virtqueue_ready(vq)) {
        return;
    }
    if (is_packed(vq)) {
        packed_set_notification(vq, on);
    } else {
        split_set_notification(vq, on);
    }
}

void virtio_notify(VirtioDevice *dev, VirtQueue *vq)
{
    if (!virtqueue_ready(vq)) {
        return;
    }
    if (is_packed(vq) ? packed_wants_interrupt(vq) : split_wants_interrupt(vq)) {
        dev->isr |= 1;
        dev->transport->notify_queue(dev->transport_opaque, vq);
    }
}

/* ---- copying ---- */

static size_t copy(const struct iovec *sg, unsigned n, size_t offset, uint8_t *buf, size_t len,
                   bool to_sg)
{
    size_t done = 0;

    for (unsigned i = 0; i < n && done < len; i++) {
        size_t part;

        if (offset >= sg[i].iov_len) {
            offset -= sg[i].iov_len;
            continue;
        }
        part = MIN(len - done, sg[i].iov_len - offset);
        if (to_sg) {
            memcpy((uint8_t *)sg[i].iov_base + offset, buf + done, part);
        } else {
            memcpy(buf + done, (uint8_t *)sg[i].iov_base + offset, part);
        }
        done += part;
        offset = 0;
    }
    return done;
}

size_t virtq_read_out(const VirtqElement *elem, size_t offset, void *buf, size_t len)
{
    return copy(elem->out_sg, elem->out_num, offset, buf, len, false);
}

size_t virtq_write_in(const VirtqElement *elem, size_t offset, const void *buf, size_t len)
{
    return copy(elem->in_sg, elem->in_num, offset, (uint8_t *)buf, len, true);
}

static size_t total(const struct iovec *sg, unsigned n)
{
    size_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        sum += sg[i].iov_len;
    }
    return sum;
}

size_t virtq_out_bytes(const VirtqElement *elem)
{
    return total(elem->out_sg, elem->out_num);
}

size_t virtq_in_bytes(const VirtqElement *elem)
{
    return total(elem->in_sg, elem->in_num);
}

int virtq_iov_slice(const struct iovec *sg, int n, size_t offset, size_t len, struct iovec *out)
{
    int count = 0;

    for (int i = 0; i < n && len; i++) {
        size_t part;

        if (offset >= sg[i].iov_len) {
            offset -= sg[i].iov_len;
            continue;
        }
        part = MIN(len, sg[i].iov_len - offset);
        out[count++] = (struct iovec){ (uint8_t *)sg[i].iov_base + offset, part };
        len -= part;
        offset = 0;
    }
    return count;
}
