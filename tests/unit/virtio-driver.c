/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The driver's side of virtio rings, for tests. */
#include "virtio-driver.h"

#include "hw/core/types.h"
#include "migration/vmstate/registry.h"

void rig_init(Rig *r, void (*add_types)(TypeRegistry *types))
{
    TypeRegistry *types = type_registry_new();
    g_autoptr(GError) error = NULL;

    memset(r, 0, sizeof(*r));
    type_registry_add(types, hw_core_device_types, hw_core_device_types_n);
    type_registry_add(types, hw_core_bus_types, hw_core_bus_types_n);
    type_registry_add(types, hw_core_machine_types, hw_core_machine_types_n);
    type_registry_add(types, virtio_types, virtio_types_count);
    type_registry_add(types, rig_types, G_N_ELEMENTS(rig_types));
    add_types(types);
    type_registry_seal(types);
    r->vm = vm_new(types);
    vm_lock(r->vm);
    g_assert_true(memory_setup(r->vm, &error));
    g_assert_true(memory_region_init_ram(&r->ram, r->vm, NULL, "ram", RAM_BYTES, &error));
    memory_region_add(memory_system_region(r->vm), 0, &r->ram);
    r->mem = memory_region_ram_ptr(&r->ram);
    r->owner = device_create(r->vm, "rig-owner", NULL, "rig", &error);
    g_assert_no_error(error);
    r->bus = virtio_bus_new(r->owner, &rig_transport, r);
}

void rig_free(Rig *r)
{
    if (r->dev) {
        device_unrealize(&r->dev->dev);
    }
    device_unrealize(r->owner);
    memory_region_clear(&r->ram);
    records_teardown(r->vm);
    memory_teardown(r->vm);
    vm_unlock(r->vm);
    vm_free(r->vm);
}

void rig_device(Rig *r, const char *type, const char *const *props)
{
    g_autoptr(GError) error = NULL;
    Device *dev = device_new(r->vm, type, &error);

    g_assert_no_error(error);
    for (; props && *props; props += 2) {
        g_assert_true(object_set_str(&dev->obj, props[0], props[1], &error));
    }
    g_assert_true(device_realize(dev, &r->bus->bus, NULL, &error));
    g_assert_no_error(error);
    object_unref(&dev->obj);
    r->dev = VIRTIO_DEVICE(dev);
    r->dev->vm_running = true;
    device_reset(dev, RESET_COLD);
}

void rig_start(Rig *r, uint64_t features, unsigned n, uint16_t num)
{
    virtio_set_status(r->dev, 0);
    memset(r->mem, 0, DATA);
    virtio_set_status(r->dev, 3);
    g_assert_true(virtio_set_features(r->dev, features | VIRTIO_BIT(VIRTIO_F_VERSION_1)));
    virtio_set_status(r->dev, 11);
    g_assert_cmphex(r->dev->status, ==, 11);
    r->packed = features >> VIRTIO_F_RING_PACKED & 1;
    for (unsigned i = 0; i < n; i++) {
        VirtQueue *vq = &r->dev->queues[i];

        memset(&r->q[i], 0, sizeof(r->q[i]));
        r->q[i].num = num ? num : vq->num_default;
        r->q[i].wrap = r->q[i].used_wrap = true;
        if (num) {
            virtio_queue_set_num(r->dev, i, num);
        }
        vq->desc = RING(i);
        vq->driver = DRIVER(i);
        vq->device = DEVICE_AREA(i);
        virtio_queue_enable(r->dev, i);
    }
    virtio_set_status(r->dev, 15);
    r->interrupts = r->config_interrupts = 0;
}

static void put_desc(Rig *r, uint64_t table, unsigned i, const Buf *b, uint16_t flags, uint16_t x)
{
    uint8_t *d = r->mem + table + 16 * i;

    st_le64(d, b->addr);
    st_le32(d + 8, b->len);
    st_le16(d + (r->packed ? 14 : 12), flags | (b->in ? 2 : 0));
    st_le16(d + (r->packed ? 12 : 14), x);
}

static uint16_t add_split(Rig *r, unsigned qi, const Buf *bufs, unsigned n)
{
    uint16_t num = r->q[qi].num, head = r->q[qi].free;

    for (unsigned i = 0; i < n; i++) {
        put_desc(r, RING(qi), (head + i) % num, &bufs[i],
                 i + 1 < n                                          ? 1
                 : bufs[i].len && !bufs[i].in && bufs[i].addr >> 31 ? 4
                                                                    : 0,
                 (uint16_t)((head + i + 1) % num));
    }
    r->q[qi].free = (uint16_t)((head + n) % num);
    st_le16(r->mem + DRIVER(qi) + 4 + 2 * (r->q[qi].avail_idx % num), head);
    st_le16(r->mem + DRIVER(qi) + 2, ++r->q[qi].avail_idx);
    return head;
}

static uint16_t add_packed(Rig *r, unsigned qi, const Buf *bufs, unsigned n, uint16_t extra)
{
    uint16_t first = r->q[qi].next, first_flags = 0, id = r->q[qi].free++;

    for (unsigned i = 0; i < n; i++) {
        uint16_t at = r->q[qi].next;
        uint16_t flags =
            (uint16_t)((i + 1 < n ? 1 : 0) | extra | (r->q[qi].wrap ? 1 << 7 : 1 << 15));

        put_desc(r, RING(qi), at, &bufs[i], i ? flags : 0, id);
        if (!i) {
            first_flags = flags | (bufs[0].in ? 2 : 0);
        }
        if (++r->q[qi].next == r->q[qi].num) {
            r->q[qi].next = 0;
            r->q[qi].wrap = !r->q[qi].wrap;
        }
    }
    st_le16(r->mem + RING(qi) + 16 * first + 14, first_flags);
    return id;
}

uint16_t rig_add(Rig *r, unsigned qi, const Buf *bufs, unsigned n, bool indirect)
{
    Buf outer = { .addr = (uint32_t)(DEVICE_AREA(qi) + 0x4000 + 0x400 * (r->q[qi].free % 8)),
                  .len = 16 * n };

    if (!indirect) {
        return r->packed ? add_packed(r, qi, bufs, n, 0) : add_split(r, qi, bufs, n);
    }
    for (unsigned i = 0; i < n; i++) {
        put_desc(r, outer.addr, i, &bufs[i], !r->packed && i + 1 < n ? 1 : 0, (uint16_t)(i + 1));
    }
    if (r->packed) {
        return add_packed(r, qi, &outer, 1, 4);
    }
    uint16_t head = add_split(r, qi, &outer, 1);
    st_le16(r->mem + RING(qi) + 16 * head + 12, 4);
    return head;
}

void rig_kick(Rig *r, unsigned qi)
{
    virtio_queue_notify(r->dev, qi);
}

bool rig_used(Rig *r, unsigned qi, uint16_t *id, uint32_t *len)
{
    if (r->packed) {
        uint8_t *d = r->mem + RING(qi) + 16 * r->q[qi].used_seen;
        uint16_t flags = ld_le16(d + 14);

        if (!(flags >> 7 & 1) != !(flags >> 15) || (flags >> 15) != r->q[qi].used_wrap) {
            return false;
        }
        *id = ld_le16(d + 12);
        *len = ld_le32(d + 8);
        return true; /* the caller says how many slots with used_seen */
    }
    if (ld_le16(r->mem + DEVICE_AREA(qi) + 2) == r->q[qi].used_seen) {
        return false;
    }
    uint8_t *e = r->mem + DEVICE_AREA(qi) + 4 + 8 * (r->q[qi].used_seen % r->q[qi].num);
    *id = (uint16_t)ld_le32(e);
    *len = ld_le32(e + 4);
    r->q[qi].used_seen++;
    return true;
}
