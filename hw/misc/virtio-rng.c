/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entropy device (virtio 1.2, section 5.4) and the sources that it draws from: rng-builtin (getrandom)
 * and rng-random (a file, /dev/urandom by default). max-bytes per period (ms) limits the guest.
 */
#include "hw/misc/virtio-misc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "hw/virtio/saved.h"
#include "hw/virtio/virtio-ccw.h"
#include "hw/virtio/virtio-pci.h"

#define REQUEST_MAX 65536u /* bytes a buffer gets at once */

/* ---- sources ---- */

typedef struct RngSource {
    Object obj; /* first */
    char *filename;
    int fd; /* -1: getrandom */
    bool ready;
} RngSource;

static bool rng_random_complete(Object *obj, GError **error)
{
    RngSource *src = (RngSource *)obj;

    src->fd = open(src->filename, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (src->fd < 0) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE, "could not open '%s': %s",
                    src->filename, g_strerror(errno));
        return false;
    }
    return true;
}

static void rng_source_init(Object *obj)
{
    ((RngSource *)obj)->fd = -1;
}

static void rng_source_finalize(Object *obj)
{
    RngSource *src = (RngSource *)obj;

    if (src->fd >= 0) {
        close(src->fd);
    }
}

/* Bytes read; 0 when there are none now. */
static size_t rng_source_read(RngSource *src, uint8_t *buf, size_t len)
{
    ssize_t n = src->fd < 0 ? getrandom(buf, len, 0) : read(src->fd, buf, len);

    return n > 0 ? (size_t)n : 0;
}

static const Property rng_random_props[] = {
    PROP(PROP_STR, RngSource, filename, "filename", "/dev/urandom"),
    PROP_END,
};

/* ---- device ---- */

typedef struct VirtioRng {
    VirtioDevice vdev; /* first */
    /* properties */
    uint64_t max_bytes;
    uint32_t period_ms;
    Object *rng;
    /* state */
    Object *own_rng; /* made when none was given; owned by the tree */
    VirtQueue *vq;
    uint64_t quota; /* bytes left in this period */
    Timer *timer;
} VirtioRng;

static void rng_serve(VirtioRng *rng)
{
    VirtioDevice *vdev = &rng->vdev;
    g_autofree uint8_t *buf = NULL;

    if (!vdev->vm_running || !(vdev->status & VIRTIO_STATUS_DRIVER_OK)) {
        return;
    }
    while (rng->quota) {
        VirtqElement *elem = virtqueue_pop(rng->vq, sizeof(*elem));
        size_t want, got;

        if (!elem) {
            break;
        }
        want = MIN(MIN(virtq_in_bytes(elem), REQUEST_MAX), rng->quota);
        if (!buf) {
            buf = g_malloc(REQUEST_MAX);
        }
        got = want ? rng_source_read((RngSource *)rng->rng, buf, want) : 0;
        if (want && !got) {
            virtqueue_unpop(rng->vq, elem);
            virtq_element_free(elem);
            timer_arm_earlier(rng->timer,
                              clock_now_ns(virtio_vm(vdev), CLOCK_KIND_VIRTUAL) + 100 * NS_PER_MS);
            break;
        }
        virtq_write_in(elem, 0, buf, got);
        rng->quota -= got;
        virtqueue_push(rng->vq, elem, (uint32_t)got);
        virtq_element_free(elem);
        virtio_notify(vdev, rng->vq);
    }
    if (!timer_pending(rng->timer) && rng->quota < rng->max_bytes) {
        timer_arm(rng->timer,
                  clock_now_ns(virtio_vm(vdev), CLOCK_KIND_VIRTUAL) + rng->period_ms * NS_PER_MS);
    }
}

static void rng_handle(VirtioDevice *vdev, VirtQueue *vq)
{
    rng_serve((VirtioRng *)vdev);
}

static void rng_new_period(void *opaque)
{
    VirtioRng *rng = opaque;

    rng->quota = rng->max_bytes;
    rng_serve(rng);
}

static void rng_set_status(VirtioDevice *vdev, uint8_t status)
{
    VirtioRng *rng = (VirtioRng *)vdev;

    if (vdev->vm_running && (status & VIRTIO_STATUS_DRIVER_OK)) {
        rng_serve(rng);
    }
}

static bool rng_realize(VirtioDevice *vdev, GError **error)
{
    VirtioRng *rng = (VirtioRng *)vdev;

    if (!rng->period_ms || !rng->max_bytes || rng->max_bytes > INT64_MAX) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "'period' and 'max-bytes' parameters expect a positive integer");
        return false;
    }
    if (!rng->rng) {
        Object *made = object_new(virtio_vm(vdev), "rng-builtin", error);

        if (!made || !object_add_child(&vdev->dev.obj, "rng-builtin", made, error)) {
            object_unref(made);
            return false;
        }
        rng->rng = made;
    } else if (!object_is_a(rng->rng, "rng-backend")) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "property 'rng' expects an rng-backend, not a %s", object_type_name(rng->rng));
        return false;
    }
    rng->quota = rng->max_bytes;
    rng->vq = virtio_add_queue(vdev, 8, rng_handle);
    rng->timer = timer_new(virtio_vm(vdev), CLOCK_KIND_VIRTUAL, "virtio-rng", rng_new_period, rng);
    return true;
}

static void rng_unrealize(VirtioDevice *vdev)
{
    g_clear_pointer(&((VirtioRng *)vdev)->timer, timer_free);
}

#define RNG_PROPERTIES(P)                                                  \
    P(PROP_U64, VirtioRng, max_bytes, "max-bytes", "9223372036854775807"), \
        P(PROP_U32, VirtioRng, period_ms, "period", "65536"),              \
        P(PROP_LINK, VirtioRng, rng, "rng", NULL, .link_type = "link<rng-backend>")

static const Property rng_props[] = { RNG_PROPERTIES(PROP), PROP_END };
static const Property rng_ccw_props[] = { RNG_PROPERTIES(VIRTIO_CCW_FORWARD), PROP_END };
static const Property rng_pci_props[] = { RNG_PROPERTIES(VIRTIO_PCI_FORWARD), PROP_END };

static void rng_save(void *owner, void *saved)
{
    virtio_save(owner, saved);
}

static bool rng_check(void *owner, const void *saved, GError **error)
{
    return virtio_check(owner, saved, error);
}

static void rng_install(void *owner, const void *saved)
{
    virtio_install(owner, saved);
}

static void rng_installed(void *owner)
{
    virtio_installed(owner);
}

static const SectionOps rng_section_ops = { rng_save, rng_check, rng_install, rng_installed };
static const Field rng_saved_fields[] = { VIRTIO_SAVED_COMMON_FIELDS, F_END };
static const Record rng_inner = VIRTIO_SAVED_INNER(rng_saved_fields);
VIRTIO_SECTION(rng, "virtio-rng", 1, rng_inner, rng_section_ops);

static const VirtioDeviceOps rng_ops = {
    .dev = { VIRTIO_DEVICE_BASE, .section = &rng_section, .category = DEVICE_CATEGORY_MISC },
    .device_id = VIRTIO_ID_RNG,
    .realize = rng_realize,
    .unrealize = rng_unrealize,
    .set_status = rng_set_status,
};

VIRTIO_PCI_DECLARE(rng, "virtio-rng-device", 0x00ff, DEVICE_CATEGORY_MISC, NULL);
VIRTIO_CCW_DECLARE(rng, "virtio-rng-device", DEVICE_CATEGORY_MISC, NULL);

const TypeInfo virtio_rng_types[] = {
    { .name = "rng-backend",
      .parent = "object",
      .abstract = true,
      .instance_size = sizeof(RngSource),
      .init = rng_source_init,
      .finalize = rng_source_finalize },
    { .name = "rng-builtin", .parent = "rng-backend", .user_creatable = true },
    { .name = "rng-random",
      .parent = "rng-backend",
      .user_creatable = true,
      .props = rng_random_props,
      .complete = rng_random_complete },
    { .name = "virtio-rng-device",
      .parent = TYPE_VIRTIO_DEVICE,
      .instance_size = sizeof(VirtioRng),
      .props = rng_props,
      .ops = &rng_ops },
    VIRTIO_PCI_TYPES("virtio-rng", rng, rng_pci_props),
    VIRTIO_CCW_TYPE("virtio-rng", rng, rng_ccw_props),
};
const size_t virtio_rng_types_count = G_N_ELEMENTS(virtio_rng_types);
