/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio devices and their queues, independent of the transport (OASIS virtio 1.2, sections 2 to 5).
 *
 * A device type (virtio-blk-device) has a VirtioDeviceOps and plugs into a VirtioBus, which its
 * transport (virtio-pci, virtio-ccw, virtio-mmio) provides; the transport's registers call
 * the virtio_* functions here and are called back through VirtioTransport.
 *
 * Everything in guest memory is untrusted: an index, length or chain that makes no sense marks the
 * device broken (DEVICE_NEEDS_RESET, nothing is processed until a reset) and is logged as a guest
 * error. VM lock held for everything here.
 */
#pragma once

#include <sys/uio.h>

#include "base/util/endian.h"
#include "hw/core/device.h"

#define TYPE_VIRTIO_DEVICE "virtio-device"
#define TYPE_VIRTIO_BUS    "virtio-bus"

#define VIRTIO_QUEUE_MAX  1024 /* queues of a device, as the stream format counts them */
#define VIRTIO_RING_MAX   1024 /* entries of a ring, descriptors of a chain */
#define VIRTIO_NO_VECTOR  0xffff
#define VIRTIO_CONFIG_MAX 256

enum {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_RNG = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_SCSI = 8,
};

/* device status */
enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

/* feature bits that are no device's own */
enum {
    VIRTIO_F_NOTIFY_ON_EMPTY = 24,
    VIRTIO_F_ANY_LAYOUT = 27,
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_BAD_FEATURE = 30,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_IOMMU_PLATFORM = 33,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_F_IN_ORDER = 35,
    VIRTIO_F_RING_RESET = 40,
};
#define VIRTIO_BIT(n) (1ull << (n))

typedef struct VirtioDevice VirtioDevice;
typedef struct VirtQueue VirtQueue;
typedef void (*VirtQueueHandler)(VirtioDevice *dev, VirtQueue *vq);

typedef struct VirtioSaved VirtioSaved;

/* What the transport does for its device. */
typedef struct VirtioTransport {
    /* Interrupt the driver for a queue's vector, or for the config vector. */
    void (*notify_queue)(void *transport, VirtQueue *vq);
    void (*notify_config)(void *transport);
    AddressSpace *(*dma_space)(void *transport);
    /* Where the device is in the migration stream and what users call it: "0000:00:02.0". */
    char *(*device_path)(void *transport);
    /* Only virtio 1: legacy registers cannot be used to drive it. */
    bool (*modern_only)(void *transport);
    /* Can carry feature bits above 31 (false only when the modern interface is off). */
    bool (*has_modern)(void *transport);
    /* Its part of the migrated state (hw/virtio/saved.h); NULL: it has none. */
    void (*save)(void *transport, VirtioSaved *saved);
    bool (*check)(void *transport, const VirtioSaved *saved, GError **error);
    void (*install)(void *transport, const VirtioSaved *saved);
} VirtioTransport;

typedef struct VirtioBus {
    Bus bus; /* first */
    const VirtioTransport *ops;
    void *transport;
} VirtioBus;

typedef struct VirtioDeviceOps {
    DeviceOps dev; /* first; use VIRTIO_DEVICE_BASE in it */
    uint16_t device_id;
    /* Make queues, set config_len; the bus is known. */
    bool (*realize)(VirtioDevice *dev, GError **error);
    void (*unrealize)(VirtioDevice *dev);
    /* The device's own feature bits (0-23, 41-127), given what the user allows in host_features. */
    uint64_t (*features)(VirtioDevice *dev, uint64_t wanted);
    /* The driver's choice is final. NULL: nothing to do. */
    void (*set_features)(VirtioDevice *dev, uint64_t features);
    void (*get_config)(VirtioDevice *dev, uint8_t *config); /* config_len bytes */
    void (*set_config)(VirtioDevice *dev, const uint8_t *config);
    void (*reset)(VirtioDevice *dev);
    void (*queue_reset)(VirtioDevice *dev, VirtQueue *vq); /* finish what is under way */
    /* After the status changed (DRIVER_OK came or went). */
    void (*set_status)(VirtioDevice *dev, uint8_t status);
    unsigned (*vectors)(VirtioDevice *dev); /* default number of MSI-X vectors; NULL: queues + 1 */
} VirtioDeviceOps;

bool virtio_device_realize(Device *dev, GError **error);
void virtio_device_unrealize(Device *dev);
void virtio_device_reset(Device *dev, ResetKind kind);
#define VIRTIO_DEVICE_BASE                                                                 \
    .bus_type = TYPE_VIRTIO_BUS, .user_creatable = true, .realize = virtio_device_realize, \
    .unrealize = virtio_device_unrealize, .reset = virtio_device_reset

struct VirtQueue {
    VirtioDevice *dev;
    uint16_t index;
    VirtQueueHandler handler;      /* NULL: the device has no such queue */
    uint16_t num, num_default;     /* entries now, and after a reset */
    uint64_t desc, driver, device; /* guest addresses of the three parts; 0: not set up */
    bool enabled;                  /* modern interface: the driver said go */
    uint16_t vector;
    /* where we are */
    uint16_t last_avail_idx;
    bool last_avail_wrap, used_wrap; /* packed */
    uint16_t used_idx;
    uint16_t signalled_used;
    bool signalled_used_valid;
    bool notification; /* we want kicks */
    unsigned inuse;    /* popped, not yet pushed */
};

struct VirtioDevice {
    Device dev; /* first */
    /* properties */
    uint64_t host_features; /* wanted by the user; after realize: offered */
    bool use_started, use_disabled_flag, disable_legacy_check;
    /* state */
    const VirtioTransport *transport; /* borrowed, NULL until plugged */
    void *transport_opaque;
    uint64_t guest_features;
    uint8_t status;
    uint8_t isr; /* legacy and PCI ISR bits: 1 queue, 2 config */
    uint16_t queue_sel;
    uint32_t config_len;
    uint8_t config_generation;
    uint16_t config_vector;
    bool broken, started, vm_running;
    bool big_endian;   /* a legacy driver of a big-endian guest; set by the transport */
    bool in_handler;   /* a kick that comes from our own DMA is not followed */
    VirtQueue *queues; /* VIRTIO_QUEUE_MAX */
    RunStateHandler *run_handler;
};
#define VIRTIO_DEVICE(obj_) ((VirtioDevice *)(obj_))
static inline const VirtioDeviceOps *virtio_device_ops(const VirtioDevice *dev)
{
    return object_ops(&dev->dev.obj);
}
static inline Vm *virtio_vm(const VirtioDevice *dev)
{
    return dev->dev.obj.vm;
}
static inline bool virtio_has(const VirtioDevice *dev, unsigned bit)
{
    return dev->guest_features >> bit & 1;
}
static inline bool virtio_offers(const VirtioDevice *dev, unsigned bit)
{
    return dev->host_features >> bit & 1;
}

/* Properties that every virtio device has, and the same forwarded (see virtio-pci.h). */
#define VIRTIO_COMMON_PROPERTIES(P)                                                   \
    P(PROP_BIT, VirtioDevice, host_features, "indirect_desc", "on", .bit = 28),       \
        P(PROP_BIT, VirtioDevice, host_features, "event_idx", "on", .bit = 29),       \
        P(PROP_BIT, VirtioDevice, host_features, "notify_on_empty", "on", .bit = 24), \
        P(PROP_BIT, VirtioDevice, host_features, "any_layout", "on", .bit = 27),      \
        P(PROP_BIT, VirtioDevice, host_features, "iommu_platform", "off", .bit = 33), \
        P(PROP_BIT, VirtioDevice, host_features, "packed", "off", .bit = 34),         \
        P(PROP_BIT, VirtioDevice, host_features, "queue_reset", "on", .bit = 40),     \
        P(PROP_BIT, VirtioDevice, host_features, "in_order", "off", .bit = 35),       \
        P(PROP_BOOL, VirtioDevice, use_started, "use-started", "on"),                 \
        P(PROP_BOOL, VirtioDevice, use_disabled_flag, "use-disabled-flag", "on"),     \
        P(PROP_BOOL, VirtioDevice, disable_legacy_check, "x-disable-legacy-check", "on")

/* ---- queues, for devices ---- */
/* Add the next queue; in realize. */
VirtQueue *virtio_add_queue(VirtioDevice *dev, uint16_t num, VirtQueueHandler handler);
void virtio_del_queue(VirtioDevice *dev, unsigned index);
unsigned virtio_queue_count(const VirtioDevice *dev);

/* A chain of buffers from the driver: `out` to read from, `in` to write to, mapped. Devices embed
   it first in their request. */
typedef struct VirtqElement {
    uint16_t index;  /* head descriptor, or buffer id of a packed ring */
    uint16_t ndescs; /* ring slots that it takes (packed) */
    unsigned out_num, in_num;
    struct iovec *out_sg, *in_sg; /* owned; host memory of the guest's buffers */
    GuestPhys *out_addr, *in_addr;
    AddressSpace *as;
} VirtqElement;

/* The next chain, in a zeroed block of @size bytes (>= sizeof VirtqElement), or NULL when there is
   none (or the device is broken). Free with virtq_element_free() after push or detach. */
void *virtqueue_pop(VirtQueue *vq, size_t size);
/* Give it back with @len bytes written; no notification yet. Unmaps. */
void virtqueue_push(VirtQueue *vq, VirtqElement *elem, uint32_t len);
/* Several in a row that become visible together (mergeable receive buffers). */
void virtqueue_fill(VirtQueue *vq, VirtqElement *elem, uint32_t len, unsigned nth);
void virtqueue_flush(VirtQueue *vq, unsigned count);
/* Drop it without telling the driver (reset, fatal error). Unmaps. */
void virtqueue_detach(VirtQueue *vq, VirtqElement *elem);
/* As if it had not been popped; only the last one popped. Unmaps. */
void virtqueue_unpop(VirtQueue *vq, VirtqElement *elem);
/* The chain of a @head that was popped before a migration and has not been pushed since (`inuse`
   counts it already). Split rings only: of a packed one nothing is left to read. Checked like a new
   one; NULL when it is not good (the device is broken then). */
void *virtqueue_take_again(VirtQueue *vq, uint16_t head, size_t size);
/* After a load: the last chain popped by the source is to be popped here again. False: none was. */
bool virtqueue_rewind(VirtQueue *vq);
void virtq_element_free(void *elem);
bool virtqueue_empty(VirtQueue *vq);
/* The driver set it up and the device may use it. */
bool virtqueue_ready(const VirtQueue *vq);
/* Ask for kicks or not; after turning on, look at the queue again. */
void virtqueue_set_notification(VirtQueue *vq, bool on);
/* Interrupt the driver if it wants to know. */
void virtio_notify(VirtioDevice *dev, VirtQueue *vq);
/* The config space changed: generation and interrupt. */
void virtio_notify_config(VirtioDevice *dev);
/* The guest broke the rules: broken, NEEDS_RESET, a guest error in the log. */
void virtio_error(VirtioDevice *dev, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Copies between flat memory and an element; return how many bytes. */
size_t virtq_read_out(const VirtqElement *elem, size_t offset, void *buf, size_t len);
size_t virtq_write_in(const VirtqElement *elem, size_t offset, const void *buf, size_t len);
size_t virtq_out_bytes(const VirtqElement *elem);
size_t virtq_in_bytes(const VirtqElement *elem);
/* The part [offset, offset+len) of a list as a new list in @out (room for @n); returns its length. */
int virtq_iov_slice(const struct iovec *sg, int n, size_t offset, size_t len, struct iovec *out);

/* Numbers in rings, requests and config: little-endian for virtio 1, the guest's own order for a
   legacy driver; only a transport of big-endian guests says otherwise (big_endian). */
#define VIRTIO_NUMBER(bits)                                                                \
    static inline uint##bits##_t virtio_ld##bits(const VirtioDevice *dev, const void *p)   \
    {                                                                                      \
        return dev->big_endian ? ld_be##bits(p) : ld_le##bits(p);                          \
    }                                                                                      \
    static inline void virtio_st##bits(const VirtioDevice *dev, void *p, uint##bits##_t v) \
    {                                                                                      \
        if (dev->big_endian) {                                                             \
            st_be##bits(p, v);                                                             \
        } else {                                                                           \
            st_le##bits(p, v);                                                             \
        }                                                                                  \
    }
VIRTIO_NUMBER(16)
VIRTIO_NUMBER(32)
VIRTIO_NUMBER(64)

/* ---- for transports ---- */
VirtioBus *virtio_bus_new(Device *owner, const VirtioTransport *ops, void *transport);
/* All queues quiet, status 0. */
void virtio_reset(VirtioDevice *dev);
/* 0 resets; FEATURES_OK may be refused (read the status back). */
void virtio_set_status(VirtioDevice *dev, uint8_t status);
/* The driver's features; bits that were not offered are dropped. False when already negotiated. */
bool virtio_set_features(VirtioDevice *dev, uint64_t features);
uint32_t virtio_config_read(VirtioDevice *dev, uint32_t offset, unsigned size);
void virtio_config_write(VirtioDevice *dev, uint32_t offset, uint32_t value, unsigned size);
/* A kick. */
void virtio_queue_notify(VirtioDevice *dev, unsigned index);
void virtio_queue_set_num(VirtioDevice *dev, unsigned index, uint16_t num);
void virtio_queue_set_legacy_pfn(VirtioDevice *dev, unsigned index, uint32_t pfn);
uint32_t virtio_queue_legacy_pfn(const VirtioDevice *dev, unsigned index);
void virtio_queue_enable(VirtioDevice *dev, unsigned index);
/* Its size and addresses are there: it is used from now on, or breaks the device if it makes no sense. */
void virtio_queue_start(VirtioDevice *dev, unsigned index);
void virtio_queue_reset(VirtioDevice *dev, unsigned index);

extern const TypeInfo virtio_types[];
extern const size_t virtio_types_count;
