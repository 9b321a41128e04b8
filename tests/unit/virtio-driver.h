/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver's side of virtio rings, for tests: a transport without a bus that counts interrupts, and
 * split and packed rings in guest RAM.
 */
#pragma once

#include <glib.h>
#include <string.h>

#include "base/memory/space.h"
#include "base/util/endian.h"
#include "hw/core/device.h"
#include "hw/virtio/virtio.h"

#define RAM_BYTES (4u << 20)

typedef struct Rig {
    Vm *vm;
    MemoryRegion ram;
    uint8_t *mem;
    Device *owner; /* any device that can have a bus */
    VirtioBus *bus;
    VirtioDevice *dev;
    unsigned interrupts, config_interrupts;
    bool packed;
    struct {
        uint16_t num, free, avail_idx, used_seen, next; /* next: packed slot */
        bool wrap, used_wrap;
    } q[8];
} Rig;

static inline void rig_notify_queue(void *t, VirtQueue *vq)
{
    ((Rig *)t)->interrupts++;
}
static inline void rig_notify_config(void *t)
{
    ((Rig *)t)->config_interrupts++;
}
static inline AddressSpace *rig_dma(void *t)
{
    return address_space_memory(((Rig *)t)->vm);
}
static inline char *rig_path(void *t)
{
    return NULL;
}
static inline bool rig_modern(void *t)
{
    return true;
}
static const VirtioTransport rig_transport = { rig_notify_queue, rig_notify_config, rig_dma,
                                               rig_path,         rig_modern,        rig_modern };

static const DeviceOps rig_owner_ops = { 0 };
static const TypeInfo rig_types[] = {
    { .name = "rig-owner",
      .parent = "device",
      .instance_size = sizeof(Device),
      .ops = &rig_owner_ops },
};

/* Addresses: ring i at 64 KiB * (i + 1): desc, +16K driver, +32K device; data from 1 MiB. */
#define RING(i)        (0x10000ull * ((i) + 1))
#define DRIVER(i)      (RING(i) + 0x4000)
#define DEVICE_AREA(i) (RING(i) + 0x8000)
#define DATA           0x100000u

void rig_init(Rig *r, void (*add_types)(TypeRegistry *types));
void rig_free(Rig *r);
/* Make, set "k=v" properties, realize. */
void rig_device(Rig *r, const char *type, const char *const *props);
/* Reset and bring up with @features (VERSION_1 is added) and ring size @num for @n queues. */
void rig_start(Rig *r, uint64_t features, unsigned n, uint16_t num);

typedef struct Buf {
    uint32_t addr, len;
    bool in;
} Buf;
/* Put a chain on queue @qi, tell the device; returns the id. */
uint16_t rig_add(Rig *r, unsigned qi, const Buf *bufs, unsigned n, bool indirect);
void rig_kick(Rig *r, unsigned qi);
/* True when one more chain came back. */
bool rig_used(Rig *r, unsigned qi, uint16_t *id, uint32_t *len);
