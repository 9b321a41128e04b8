/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory balloon (virtio 1.2, section 5.5): inflate and deflate, statistics, free page reporting.
 * Pages that the guest gives up are dropped from host memory (madvise) when they are whole, private
 * host pages of plain RAM. Not here: free page hinting (a migration helper).
 */
#include "hw/misc/virtio-misc.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory/ram.h"
#include "base/util/endian.h"
#include "hw/core/machine.h"
#include "hw/virtio/saved.h"
#include "hw/virtio/virtio-ccw.h"
#include "hw/virtio/virtio-pci.h"

enum {
    F_MUST_TELL_HOST = 0,
    F_STATS_VQ = 1,
    F_DEFLATE_ON_OOM = 2,
    F_FREE_PAGE_HINT = 3,
    F_PAGE_POISON = 4,
    F_REPORTING = 5,
};
#define PFN_BITS    12
#define STATS_COUNT 16
#define STAT_BYTES  10

static const char *const stat_names[STATS_COUNT] = {
    "stat-swap-in",      "stat-swap-out",     "stat-major-faults",     "stat-minor-faults",
    "stat-free-memory",  "stat-total-memory", "stat-available-memory", "stat-disk-caches",
    "stat-htlb-pgalloc", "stat-htlb-pgfail",  "stat-oom-kills",        "stat-alloc-stalls",
    "stat-async-scans",  "stat-direct-scans", "stat-async-reclaims",   "stat-direct-reclaims",
};

typedef struct VirtioBalloon {
    VirtioDevice vdev;          /* first */
    bool short_config;          /* qemu-4-0-config-size */
    uint32_t num_pages, actual; /* target and state, in 4 KiB pages */
    uint32_t poison;
    VirtQueue *inflate_vq, *deflate_vq, *stats_vq, *report_vq;
    VirtqElement *stats_elem; /* kept until we want numbers */
    uint64_t stats[STATS_COUNT];
    int64_t stats_time, poll_seconds;
    Timer *stats_timer;
} VirtioBalloon;

/* ---- pages ---- */

/* Drop [addr, addr+len) of guest memory if it is plain RAM; its content is gone either way. */
static void drop_range(VirtioBalloon *b, GuestPhys addr, uint64_t len)
{
    AddressSpace *as = address_space_memory(virtio_vm(&b->vdev));
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    while (len) {
        MemTarget t = address_space_lookup(as, addr, true, MEM_ATTRS_NONE);
        uint64_t n = MIN(len, t.len);

        if (!n) {
            return;
        }
        if (t.ram && !t.readonly && ram_block_fd(t.ram) < 0 && ram_block_page_size(t.ram) == page &&
            !((uintptr_t)t.host % page) && n >= page) {
            madvise(t.host, n - n % page, MADV_DONTNEED);
            ram_dirty_set(virtio_vm(&b->vdev), t.ram_addr, n - n % page, DIRTY_MASK_ALL);
        }
        addr += n;
        len -= n;
    }
}

static void inflate_element(VirtioBalloon *b, const VirtqElement *elem)
{
    uint8_t raw[4];
    size_t total = virtq_out_bytes(elem);

    for (size_t at = 0; at + 4 <= total; at += 4) {
        virtq_read_out(elem, at, raw, 4);
        drop_range(b, (uint64_t)ld_le32(raw) << PFN_BITS, 1u << PFN_BITS);
    }
}

static void handle_pages(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioBalloon *b = (VirtioBalloon *)vdev;
    VirtqElement *elem;

    while ((elem = virtqueue_pop(vq, sizeof(*elem)))) {
        if (vq == b->inflate_vq) {
            inflate_element(b, elem);
        }
        virtqueue_push(vq, elem, 0);
        virtq_element_free(elem);
        virtio_notify(vdev, vq);
    }
}

static void handle_report(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioBalloon *b = (VirtioBalloon *)vdev;
    VirtqElement *elem;

    while ((elem = virtqueue_pop(vq, sizeof(*elem)))) {
        for (unsigned i = 0; i < elem->in_num && !b->poison; i++) {
            drop_range(b, elem->in_addr[i], elem->in_sg[i].iov_len);
        }
        virtqueue_push(vq, elem, 0);
        virtq_element_free(elem);
        virtio_notify(vdev, vq);
    }
}

/* ---- statistics: the driver's buffer stays with us; giving it back asks for new numbers ---- */

static void stats_forget(VirtioBalloon *b)
{
    memset(b->stats, 0xff, sizeof(b->stats));
    b->stats_time = 0;
}

static void stats_arm(VirtioBalloon *b)
{
    if (b->poll_seconds) {
        timer_arm(b->stats_timer, clock_now_ns(virtio_vm(&b->vdev), CLOCK_KIND_VIRTUAL) +
                                      b->poll_seconds * NS_PER_SEC);
    } else {
        timer_cancel(b->stats_timer);
    }
}

static void handle_stats(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioBalloon *b = (VirtioBalloon *)vdev;
    uint8_t raw[STAT_BYTES];
    VirtqElement *elem = virtqueue_pop(vq, sizeof(*elem));

    if (!elem) {
        return;
    }
    if (b->stats_elem) { /* one is enough; a driver that sends more gets the older one back */
        virtqueue_push(vq, b->stats_elem, 0);
        virtq_element_free(b->stats_elem);
        virtio_notify(vdev, vq);
    }
    b->stats_elem = elem;
    stats_forget(b);
    for (size_t at = 0; virtq_read_out(elem, at, raw, STAT_BYTES) == STAT_BYTES; at += STAT_BYTES) {
        if (ld_le16(raw) < STATS_COUNT) {
            b->stats[ld_le16(raw)] = ld_le64(raw + 2);
        }
    }
    b->stats_time = g_get_real_time() / G_USEC_PER_SEC;
    stats_arm(b);
}

static void stats_poll(void *opaque)
{
    VirtioBalloon *b = opaque;

    if (!b->stats_elem || !b->vdev.vm_running) {
        stats_arm(b);
        return;
    }
    virtqueue_push(b->stats_vq, b->stats_elem, 0);
    g_clear_pointer(&b->stats_elem, virtq_element_free);
    virtio_notify(&b->vdev, b->stats_vq);
}

static GVariant *get_stats(Object *obj, const Property *prop)
{
    VirtioBalloon *b = (VirtioBalloon *)obj;
    GVariantBuilder stats, all;

    g_variant_builder_init(&stats, G_VARIANT_TYPE_VARDICT);
    for (int i = 0; i < STATS_COUNT; i++) {
        g_variant_builder_add(&stats, "{sv}", stat_names[i], g_variant_new_uint64(b->stats[i]));
    }
    g_variant_builder_init(&all, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&all, "{sv}", "stats", g_variant_builder_end(&stats));
    g_variant_builder_add(&all, "{sv}", "last-update", g_variant_new_int64(b->stats_time));
    return g_variant_builder_end(&all);
}

static GVariant *get_polling(Object *obj, const Property *prop)
{
    return g_variant_new_int64(((VirtioBalloon *)obj)->poll_seconds);
}

static bool set_polling(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    VirtioBalloon *b = (VirtioBalloon *)obj;
    g_autofree char *text = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
                                ? g_variant_dup_string(value, NULL)
                                : g_variant_print(value, FALSE);
    char *end;
    gint64 seconds = g_ascii_strtoll(text, &end, 10);

    if (end == text || *end || seconds < 0 || seconds > UINT32_MAX) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "timer value must be 0 to 4294967295 seconds, not %s", text);
        return false;
    }
    b->poll_seconds = seconds;
    if (b->stats_timer) {
        stats_arm(b);
    }
    return true;
}

/* ---- config ---- */

static void get_config(VirtioDevice *vdev, uint8_t *c)
{
    VirtioBalloon *b = (VirtioBalloon *)vdev;

    st_le32(c, b->num_pages);
    st_le32(c + 4, b->actual);
    if (vdev->config_len >= 16) {
        st_le32(c + 12, b->poison);
    }
}

static uint64_t ram_bytes(VirtioBalloon *b)
{
    Machine *m = vm_machine(virtio_vm(&b->vdev));

    return m ? m->ram_bytes : 0;
}

static void set_config(VirtioDevice *vdev, const uint8_t *c)
{
    VirtioBalloon *b = (VirtioBalloon *)vdev;
    uint32_t old = b->actual;
    uint64_t limit = ram_bytes(b) >> PFN_BITS;

    b->actual = (uint32_t)MIN(ld_le32(c + 4), limit ? limit : UINT32_MAX);
    if (vdev->config_len >= 16 && virtio_has(vdev, F_PAGE_POISON)) {
        b->poison = ld_le32(c + 12);
    }
    if (b->actual != old) {
        vm_event(virtio_vm(vdev), "BALLOON_CHANGE",
                 g_variant_new_parsed("{'actual': <%x>}",
                                      (gint64)(ram_bytes(b) - ((uint64_t)b->actual << PFN_BITS))));
    }
}

static uint64_t features(VirtioDevice *vdev, uint64_t wanted)
{
    uint64_t can =
        VIRTIO_BIT(F_DEFLATE_ON_OOM) | VIRTIO_BIT(F_PAGE_POISON) | VIRTIO_BIT(F_REPORTING);

    return (wanted & can) | VIRTIO_BIT(F_STATS_VQ);
}

/* Without the feature there is no such word, and none that would have to move along. */
static void set_features(VirtioDevice *vdev, uint64_t features)
{
    if (!(features >> F_PAGE_POISON & 1)) {
        ((VirtioBalloon *)vdev)->poison = 0;
    }
}

/* ---- life ---- */

static void drop_stats_elem(VirtioBalloon *b)
{
    if (b->stats_elem) {
        virtqueue_detach(b->stats_vq, b->stats_elem);
        g_clear_pointer(&b->stats_elem, virtq_element_free);
    }
}

static void reset(VirtioDevice *vdev)
{
    VirtioBalloon *b = (VirtioBalloon *)vdev;

    drop_stats_elem(b);
    stats_forget(b);
    b->poison = 0;
    b->actual = 0; /* a driver that begins has taken nothing */
}

static void queue_reset(VirtioDevice *vdev, VirtQueue *vq)
{
    if (vq == ((VirtioBalloon *)vdev)->stats_vq) {
        drop_stats_elem((VirtioBalloon *)vdev);
    }
}

static bool realize(VirtioDevice *vdev, GError **error)
{
    VirtioBalloon *b = (VirtioBalloon *)vdev;

    if (vdev->host_features & VIRTIO_BIT(F_FREE_PAGE_HINT)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "property 'free-page-hint' is not supported by this build");
        return false;
    }
    vdev->config_len = b->short_config                                   ? 16
                       : vdev->host_features & VIRTIO_BIT(F_PAGE_POISON) ? 16
                                                                         : 8;
    b->inflate_vq = virtio_add_queue(vdev, 128, handle_pages);
    b->deflate_vq = virtio_add_queue(vdev, 128, handle_pages);
    b->stats_vq = virtio_add_queue(vdev, 128, handle_stats);
    if (vdev->host_features & VIRTIO_BIT(F_REPORTING)) {
        b->report_vq = virtio_add_queue(vdev, 32, handle_report);
    }
    stats_forget(b);
    b->stats_timer = timer_new(virtio_vm(vdev), CLOCK_KIND_VIRTUAL, "balloon-stats", stats_poll, b);
    return true;
}

static void unrealize(VirtioDevice *vdev)
{
    g_clear_pointer(&((VirtioBalloon *)vdev)->stats_timer, timer_free);
}

/* ---- the balloon and query-balloon commands ---- */

static VirtioBalloon *find_in(Object *obj)
{
    if (object_is_a(obj, "virtio-balloon-device") && DEVICE(obj)->realized) {
        return (VirtioBalloon *)obj;
    }
    for (guint i = 0; obj->children && i < obj->children->len; i++) {
        VirtioBalloon *b = find_in(g_ptr_array_index(obj->children, i));

        if (b) {
            return b;
        }
    }
    return NULL;
}

static VirtioBalloon *find(Vm *vm, GError **error)
{
    VirtioBalloon *b = find_in(vm->root);

    if (!b) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE,
                    "No balloon device has been activated");
    }
    return b;
}

bool virtio_balloon_query(Vm *vm, uint64_t *actual_bytes, GError **error)
{
    VirtioBalloon *b = find(vm, error);

    if (b) {
        *actual_bytes = ram_bytes(b) - ((uint64_t)b->actual << PFN_BITS);
    }
    return b != NULL;
}

bool virtio_balloon_set_target(Vm *vm, uint64_t bytes, GError **error)
{
    VirtioBalloon *b = find(vm, error);

    if (!b) {
        return false;
    }
    if (!bytes) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Parameter 'target' expects a size");
        return false;
    }
    b->num_pages = (uint32_t)((ram_bytes(b) - MIN(bytes, ram_bytes(b))) >> PFN_BITS);
    virtio_notify_config(&b->vdev);
    return true;
}

/* ---- migrated state ---- */

typedef struct {
    uint32_t num_pages, actual, poison;
} BalloonSaved;

static bool need_poison(const void *part)
{
    return VIRTIO_SAVED_AROUND(part)->features >> F_PAGE_POISON & 1;
}

static const Field poison_fields[] = { F_U32(BalloonSaved, poison, .name = "poison_val"), F_END };
static const Record poison_record = { .name = "virtio-balloon-device/page-poison",
                                      .version = 1,
                                      .min_version = 1,
                                      .size = sizeof(BalloonSaved),
                                      .fields = poison_fields,
                                      .needed = need_poison };
static const Record *const balloon_subsections[] = { &poison_record, NULL };
static const Field balloon_own_fields[] = { F_U32(BalloonSaved, num_pages),
                                            F_U32(BalloonSaved, actual), F_END };
static const Record balloon_own = { .name = "virtio-balloon-device",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(BalloonSaved),
                                    .fields = balloon_own_fields,
                                    .subsections = balloon_subsections };

static void balloon_save(void *owner, void *p)
{
    VirtioSaved *saved = p;

    virtio_save(owner, saved);
    VirtioBalloon *b = owner;

    *(BalloonSaved *)(void *)saved->device.bytes =
        (BalloonSaved){ b->num_pages, b->actual, b->poison };
}

static bool balloon_check(void *owner, const void *p, GError **error)
{
    const VirtioSaved *saved = p;

    if (!virtio_check(owner, saved, error)) {
        return false;
    }
    return true;
}

static void balloon_install(void *owner, const void *p)
{
    const VirtioSaved *saved = p;

    virtio_install(owner, saved);
    VirtioBalloon *b = owner;
    const BalloonSaved *own = (const BalloonSaved *)(const void *)saved->device.bytes;

    b->num_pages = own->num_pages;
    b->actual = own->actual;
    b->poison = own->poison;
}

static void balloon_installed(void *owner)
{
    virtio_installed(owner);
    VirtioBalloon *b = owner;

    /* The buffer of statistics that the source kept is taken from the ring once more. */
    if (virtqueue_rewind(b->stats_vq)) {
        handle_stats(&b->vdev, b->stats_vq);
    }
}

static const SectionOps balloon_section_ops = { balloon_save, balloon_check, balloon_install,
                                                balloon_installed };
static const Field balloon_saved_fields[] = {
    VIRTIO_SAVED_COMMON_FIELDS,
    VIRTIO_SAVED_DEVICE_FIELD(BalloonSaved, balloon_own),
    F_END,
};
static const Record balloon_inner = VIRTIO_SAVED_INNER(balloon_saved_fields);
VIRTIO_SECTION(balloon, "virtio-balloon", 1, balloon_inner, balloon_section_ops);

/* ---- types ---- */

#define BALLOON_PROPERTIES(P)                                                                   \
    P(PROP_BIT, VirtioDevice, host_features, "deflate-on-oom", "off", .bit = F_DEFLATE_ON_OOM), \
        P(PROP_BIT, VirtioDevice, host_features, "free-page-hint", "off",                       \
          .bit = F_FREE_PAGE_HINT),                                                             \
        P(PROP_BIT, VirtioDevice, host_features, "page-poison", "on", .bit = F_PAGE_POISON),    \
        P(PROP_BIT, VirtioDevice, host_features, "free-page-reporting", "off",                  \
          .bit = F_REPORTING),                                                                  \
        P(PROP_BOOL, VirtioBalloon, short_config, "qemu-4-0-config-size", "off")

static const Property balloon_props[] = {
    BALLOON_PROPERTIES(PROP),
    { .name = "guest-stats",
      .kind = PROP_CUSTOM,
      .link_type = "guest statistics",
      .get = get_stats },
    { .name = "guest-stats-polling-interval",
      .kind = PROP_CUSTOM,
      .link_type = "int",
      .settable_live = true,
      .get = get_polling,
      .set = set_polling },
    PROP_END,
};
static const Property balloon_pci_props[] = {
    BALLOON_PROPERTIES(VIRTIO_PCI_FORWARD),
    { .name = "guest-stats",
      .kind = PROP_CUSTOM,
      .link_type = "guest statistics",
      .get = virtio_pci_forward_get },
    { .name = "guest-stats-polling-interval",
      .kind = PROP_CUSTOM,
      .link_type = "int",
      .settable_live = true,
      .get = virtio_pci_forward_get,
      .set = virtio_pci_forward_set },
    PROP_END,
};
static const Property balloon_ccw_props[] = {
    BALLOON_PROPERTIES(VIRTIO_CCW_FORWARD),
    { .name = "guest-stats",
      .kind = PROP_CUSTOM,
      .link_type = "guest statistics",
      .get = virtio_ccw_forward_get },
    { .name = "guest-stats-polling-interval",
      .kind = PROP_CUSTOM,
      .link_type = "int",
      .settable_live = true,
      .get = virtio_ccw_forward_get,
      .set = virtio_ccw_forward_set },
    PROP_END,
};

static unsigned vectors(VirtioDevice *vdev)
{
    return 2; /* all queues share one: none is in a hurry */
}

static const VirtioDeviceOps balloon_ops = {
    .dev = { VIRTIO_DEVICE_BASE, .section = &balloon_section, .category = DEVICE_CATEGORY_MISC },
    .device_id = VIRTIO_ID_BALLOON,
    .realize = realize,
    .unrealize = unrealize,
    .features = features,
    .set_features = set_features,
    .get_config = get_config,
    .set_config = set_config,
    .reset = reset,
    .queue_reset = queue_reset,
    .vectors = vectors,
};

VIRTIO_PCI_DECLARE(balloon, "virtio-balloon-device", 0x00ff, DEVICE_CATEGORY_MISC, NULL);
VIRTIO_CCW_DECLARE(balloon, "virtio-balloon-device", DEVICE_CATEGORY_MISC, NULL);

const TypeInfo virtio_balloon_types[] = {
    { .name = "virtio-balloon-device",
      .parent = TYPE_VIRTIO_DEVICE,
      .instance_size = sizeof(VirtioBalloon),
      .props = balloon_props,
      .ops = &balloon_ops },
    VIRTIO_PCI_TYPES("virtio-balloon", balloon, balloon_pci_props),
    VIRTIO_CCW_TYPE("virtio-balloon", balloon, balloon_ccw_props),
};
const size_t virtio_balloon_types_count = G_N_ELEMENTS(virtio_balloon_types);
