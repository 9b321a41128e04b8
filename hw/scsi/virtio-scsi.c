/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio SCSI host (virtio 1.2, section 5.6): request queues, configuration, migrated state, types.
 *
 * A task lives from pop to push, in `active`. The VM's stop drains the units, so that nothing is under
 * way in a saved state but what an error has parked; that travels by its place in the rings.
 */
#include <string.h>

#include "base/util/bits.h"
#include "base/util/endian.h"
#include "hw/core/machine.h"
#include "hw/virtio/saved.h"
#include "hw/virtio/virtio-ccw.h"
#include "hw/virtio/virtio-pci.h"
#include "virtio-scsi-priv.h"

#define HEAD_BYTES     19u /* of a request, before its command block */
#define RESPONSE_BYTES 12u /* before the sense data */
#define CONFIG_BYTES   36u

bool vscsi_address(const uint8_t *lun, VscsiAddress *out)
{
    uint16_t unit = ld_be16(lun + 2);

    out->target = lun[1];
    out->lun = unit & 0x3fff;
    return lun[0] == 1 && unit < 0x8000;
}

/* ---- the end of a task ---- */

static void drop(ScsiTask *task)
{
    virtqueue_detach(task->vq, &task->elem);
    g_free(task->iov);
    virtq_element_free(task);
}

/* Pushes the response; @task's request may never have been started. */
static void answer(ScsiTask *task, uint8_t response)
{
    VirtioScsi *s = task->host;
    ScsiRequest *req = &task->scsi;
    uint8_t out[RESPONSE_BYTES + VSCSI_SENSE_MAX] = { 0 };
    uint32_t head = RESPONSE_BYTES + s->sense_bytes;
    uint64_t room = 0;

    for (int i = 0; i < req->niov; i++) {
        room += req->iov[i].iov_len;
    }
    st_le32(out + 4, (uint32_t)MIN(room - req->moved, UINT32_MAX));
    if (response == VSCSI_S_OK) {
        out[10] = req->status;
        if (req->status == SCSI_CHECK_CONDITION) {
            uint32_t n = MIN(SCSI_SENSE_BYTES, s->sense_bytes);

            st_le32(out, n);
            memcpy(out + RESPONSE_BYTES, req->sense, n);
        }
    }
    out[11] = response;
    virtq_write_in(&task->elem, 0, out, head);
    virtqueue_push(task->vq, &task->elem,
                   head + (req->to_device ? 0 : (uint32_t)MIN(req->moved, UINT32_MAX - head)));
    virtio_notify(&s->vdev, task->vq);
    g_free(task->iov);
    virtq_element_free(task);
}

static void done(ScsiBus *bus, ScsiRequest *req)
{
    static const uint8_t responses[] = {
        [SCSI_DONE] = VSCSI_S_OK, [SCSI_OVERRUN] = VSCSI_S_OVERRUN, [SCSI_ABORTED] = VSCSI_S_ABORTED
    };
    ScsiTask *task = (ScsiTask *)((uint8_t *)req - offsetof(ScsiTask, scsi));
    VirtioScsi *s = task->host;

    g_queue_unlink(&s->active, &task->link);
    if (s->dropping) {
        drop(task);
    } else {
        answer(task, responses[req->outcome]);
    }
}

/* ---- the start ---- */

/* The task's data, past header and response. False: it goes both ways. */
static bool take_data(ScsiTask *task)
{
    VirtioScsi *s = task->host;
    const VirtqElement *e = &task->elem;
    size_t out_head = HEAD_BYTES + s->cdb_bytes, in_head = RESPONSE_BYTES + s->sense_bytes;
    size_t out = virtq_out_bytes(e) - out_head, in = virtq_in_bytes(e) - in_head;

    if (out && in) {
        return false;
    }
    task->scsi.to_device = out != 0;
    task->iov = g_new(struct iovec, MAX(out ? e->out_num : e->in_num, 1) + 1);
    task->scsi.iov = task->iov;
    task->scsi.niov = out  ? virtq_iov_slice(e->out_sg, (int)e->out_num, out_head, out, task->iov)
                      : in ? virtq_iov_slice(e->in_sg, (int)e->in_num, in_head, in, task->iov)
                           : 0;
    return true;
}

static void run(ScsiTask *task, const uint8_t *head)
{
    VirtioScsi *s = task->host;
    VscsiAddress at;

    task->tag = ld_le64(head + 8);
    memcpy(task->scsi.cdb, head + HEAD_BYTES, MIN(s->cdb_bytes, SCSI_CDB_BYTES));
    if (!take_data(task)) {
        answer(task, VSCSI_S_FAILURE);
        return;
    }
    if (!vscsi_address(head, &at) ||
        !(task->scsi.dev = scsi_find_target(s->bus, 0, at.target, at.lun))) {
        answer(task, VSCSI_S_BAD_TARGET);
        return;
    }
    task->scsi.bus = s->bus;
    task->scsi.lun = at.lun;
    task->link.data = task;
    g_queue_push_tail_link(&s->active, &task->link);
    scsi_start(&task->scsi);
}

/* False after an error of the driver. */
static bool start(VirtioScsi *s, VirtQueue *vq, ScsiTask *task)
{
    uint8_t head[HEAD_BYTES + VSCSI_CDB_MAX];
    size_t want = HEAD_BYTES + s->cdb_bytes;

    task->host = s;
    task->vq = vq;
    if (virtq_read_out(&task->elem, 0, head, want) != want ||
        virtq_in_bytes(&task->elem) < RESPONSE_BYTES + s->sense_bytes) {
        virtio_error(&s->vdev, "virtio-scsi: request without a whole header or response");
        drop(task);
        return false;
    }
    run(task, head);
    return true;
}

static void serve(VirtioScsi *s, VirtQueue *vq)
{
    ScsiTask *task;

    if (!s->vdev.vm_running) {
        return;
    }
    do {
        virtqueue_set_notification(vq, false);
        while ((task = virtqueue_pop(vq, sizeof(*task)))) {
            if (!start(s, vq, task)) {
                return;
            }
        }
        virtqueue_set_notification(vq, true);
    } while (!virtqueue_empty(vq));
}

static void handle_requests(VirtioDevice *vdev, VirtQueue *vq)
{
    serve((VirtioScsi *)vdev, vq);
}

/* ---- stop, run, reset ---- */

/* What came parked with a migration, now that the guest's memory may be used. */
static void start_parked(VirtioScsi *s)
{
    g_autoptr(GArray) parked = s->parked;

    s->parked = g_array_new(FALSE, FALSE, sizeof(VirtioParked));
    for (guint i = 0; i < parked->len; i++) {
        const VirtioParked *p = &g_array_index(parked, VirtioParked, i);
        VirtQueue *vq = &s->vdev.queues[p->queue];
        ScsiTask *task = virtqueue_take_again(vq, p->head, sizeof(*task));

        if (!task || !start(s, vq, task)) {
            return;
        }
    }
}

static void set_status(VirtioDevice *vdev, uint8_t status)
{
    VirtioScsi *s = (VirtioScsi *)vdev;

    if (!vdev->vm_running) {
        scsi_bus_drain(s->bus);
        return;
    }
    if (!(status & VIRTIO_STATUS_DRIVER_OK)) {
        return;
    }
    start_parked(s);
    scsi_bus_run(s->bus);
    if (virtqueue_ready(&vdev->queues[VSCSI_CONTROL])) {
        vscsi_handle_control(vdev, &vdev->queues[VSCSI_CONTROL]);
    }
    vscsi_catch_up(s);
    for (unsigned i = 0; i < s->num_queues; i++) {
        VirtQueue *vq = &vdev->queues[VSCSI_REQUESTS + i];

        if (virtqueue_ready(vq)) {
            serve(s, vq);
        }
    }
}

/* Waits for what is under way and forgets the rest. */
static void forget_all(VirtioScsi *s)
{
    s->dropping = true;
    scsi_bus_drain(s->bus);
    scsi_bus_drop_parked(s->bus);
    s->dropping = false;
    g_array_set_size(s->parked, 0);
}

static void reset(VirtioDevice *vdev)
{
    VirtioScsi *s = (VirtioScsi *)vdev;

    forget_all(s);
    s->cdb_bytes = VSCSI_CDB_DEFAULT;
    s->sense_bytes = VSCSI_SENSE_DEFAULT;
    s->events_missed = false;
    bus_reset(&s->bus->bus, RESET_COLD);
}

/* Only this queue's tasks; those of others go on. */
static void queue_reset(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioScsi *s = (VirtioScsi *)vdev;
    GList *next;

    s->dropping = true;
    scsi_bus_drain(s->bus);
    for (GList *l = s->active.head; l; l = next) {
        ScsiTask *task = l->data;

        next = l->next;
        if (task->vq == vq) {
            scsi_abort(&task->scsi);
        }
    }
    s->dropping = false;
    for (guint i = s->parked->len; i-- > 0;) {
        if (g_array_index(s->parked, VirtioParked, i).queue == vq->index) {
            g_array_remove_index(s->parked, i);
        }
    }
}

/* ---- config and features ---- */

static void get_config(VirtioDevice *vdev, uint8_t *c)
{
    VirtioScsi *s = (VirtioScsi *)vdev;

    st_le32(c, s->num_queues);
    st_le32(c + 4, s->seg_max_adjust ? s->virtqueue_size - 2 : 126);
    st_le32(c + 8, s->max_sectors);
    st_le32(c + 12, s->cmd_per_lun);
    st_le32(c + 16, VSCSI_EVENT_BYTES);
    st_le32(c + 20, s->sense_bytes);
    st_le32(c + 24, s->cdb_bytes);
    st_le16(c + 28, 0);
    st_le16(c + 30, VSCSI_TARGET_MAX);
    st_le32(c + 32, VSCSI_LUN_MAX);
}

static bool sizes_ok(const uint8_t *c)
{
    return ld_le32(c + 20) < VSCSI_SENSE_MAX && ld_le32(c + 24) <= VSCSI_CDB_MAX &&
           ld_le32(c + 24) >= 1;
}

/* A driver may choose sizes before it uses a queue; requests under way are laid out by the old ones. */
static void set_config(VirtioDevice *vdev, const uint8_t *c)
{
    VirtioScsi *s = (VirtioScsi *)vdev;

    if (!sizes_ok(c)) {
        virtio_error(vdev, "virtio-scsi: sense size %u, command size %u", ld_le32(c + 20),
                     ld_le32(c + 24));
        return;
    }
    if (!s->active.length && !s->parked->len) {
        s->sense_bytes = ld_le32(c + 20);
        s->cdb_bytes = ld_le32(c + 24);
    }
}

static uint64_t features(VirtioDevice *vdev, uint64_t wanted)
{
    return wanted & (VIRTIO_BIT(VSCSI_F_HOTPLUG) | VIRTIO_BIT(VSCSI_F_CHANGE));
}

/* ---- realize ---- */

static const ScsiHostOps host_ops = {
    .max_channel = 0,
    .max_target = VSCSI_TARGET_MAX,
    .max_lun = VSCSI_LUN_MAX,
    .done = done,
    .plugged = vscsi_plugged,
    .unplugged = vscsi_unplugged,
    .changed = vscsi_changed,
};

static bool check_properties(VirtioScsi *s, GError **error)
{
    if (s->num_queues == VSCSI_QUEUES_AUTO) {
        s->num_queues = 1;
    }
    if (!s->num_queues || s->num_queues > VIRTIO_QUEUE_MAX - VSCSI_REQUESTS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Invalid number of queues (= %u), must be a positive integer less than %d",
                    s->num_queues, VIRTIO_QUEUE_MAX - VSCSI_REQUESTS);
        return false;
    }
    if (s->virtqueue_size <= 2 || s->virtqueue_size > VIRTIO_RING_MAX ||
        !bits_is_pow2(s->virtqueue_size)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "invalid virtqueue_size property (= %u), must be a power of 2 between 4 and %d",
                    s->virtqueue_size, VIRTIO_RING_MAX);
        return false;
    }
    return true;
}

static bool realize(VirtioDevice *vdev, GError **error)
{
    VirtioScsi *s = (VirtioScsi *)vdev;
    Object *proxy = vdev->dev.obj.parent;
    const char *id = proxy && object_is_a(proxy, "device") ? DEVICE(proxy)->id : NULL;
    g_autofree char *name = g_strdup_printf("%s.0", id ? id : "scsi");

    if (!check_properties(s, error)) {
        return false;
    }
    vdev->config_len = CONFIG_BYTES;
    s->cdb_bytes = VSCSI_CDB_DEFAULT;
    s->sense_bytes = VSCSI_SENSE_DEFAULT;
    s->parked = g_array_new(FALSE, FALSE, sizeof(VirtioParked));
    g_queue_init(&s->active);
    virtio_add_queue(vdev, (uint16_t)s->virtqueue_size, vscsi_handle_control);
    virtio_add_queue(vdev, (uint16_t)s->virtqueue_size, vscsi_handle_event);
    for (unsigned i = 0; i < s->num_queues; i++) {
        virtio_add_queue(vdev, (uint16_t)s->virtqueue_size, handle_requests);
    }
    s->bus = scsi_bus_new(&vdev->dev, name, &host_ops, s, true);
    return true;
}

static void unrealize(VirtioDevice *vdev)
{
    g_clear_pointer(&((VirtioScsi *)vdev)->parked, g_array_unref);
}

/* A request queue a CPU, unless the user says otherwise. */
static bool prepare_pci(VirtioPci *proxy, GError **error)
{
    VirtioScsi *s = (VirtioScsi *)proxy->backend;
    Machine *m = vm_machine(virtio_vm(&s->vdev));

    if (s->num_queues == VSCSI_QUEUES_AUTO) {
        s->num_queues = m && m->smp.cpus ? MIN(m->smp.cpus, VIRTIO_QUEUE_MAX - 3u) : 1;
    }
    return true;
}

/* ---- migrated state ---- */

static bool parked_needed(const void *saved)
{
    return virtio_parked_needed(saved) || ((const VirtioParkedSaved *)saved)->more_requests;
}

VIRTIO_PARKED_FIELDS(list, "virtio-scsi-parked");
static const Record list_record = { .name = "virtio-scsi-parked-list",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(VirtioParkedSaved),
                                    .fields = list_fields };
static const Field parked_fields[] = {
    F_U8(VirtioParkedSaved, more_requests),
    { .name = "list",
      .kind = FIELD_STRUCT,
      .size = sizeof(VirtioParkedSaved),
      .record = &list_record },
    F_END,
};
static const Record parked_record = { .name = "virtio-scsi-requests/parked",
                                      .version = 1,
                                      .min_version = 1,
                                      .size = sizeof(VirtioParkedSaved),
                                      .fields = parked_fields,
                                      .needed = parked_needed };
static const Record *const own_subsections[] = { &parked_record, NULL };
static const Field own_fields[] = { F_END };
static const Record own_record = { .name = "virtio-scsi-requests",
                                   .version = 1,
                                   .min_version = 1,
                                   .size = sizeof(VirtioParkedSaved),
                                   .fields = own_fields,
                                   .subsections = own_subsections };

static void save_one(ScsiRequest *req, void *opaque)
{
    const ScsiTask *task = (ScsiTask *)((uint8_t *)req - offsetof(ScsiTask, scsi));

    virtio_parked_add(opaque, task->vq->index, task->elem.index);
}

static void vscsi_save(void *owner, void *p)
{
    VirtioScsi *s = owner;
    VirtioSaved *saved = p;
    VirtioParkedSaved *own = (VirtioParkedSaved *)(void *)saved->device.bytes;

    virtio_save(owner, saved);
    own->more_requests = s->active.length && virtio_has(&s->vdev, VIRTIO_F_RING_PACKED);
    for (guint i = 0; i < s->parked->len; i++) {
        const VirtioParked *parked = &g_array_index(s->parked, VirtioParked, i);

        virtio_parked_add(own, parked->queue, parked->head);
    }
    scsi_bus_foreach_parked(s->bus, save_one, own);
}

/* QEMU sends the configuration as the guest last saw it: all zero when it never looked. */
static bool config_is_stale(const VirtioSaved *saved)
{
    return saved->config_len < CONFIG_BYTES ||
           (!ld_le32(saved->config + 20) && !ld_le32(saved->config + 24));
}

static bool vscsi_check(void *owner, const void *p, GError **error)
{
    const VirtioSaved *saved = p;
    const VirtioParkedSaved *own = (const VirtioParkedSaved *)(const void *)saved->device.bytes;

    if (!virtio_check(owner, saved, error) || !virtio_parked_check(saved, own, error)) {
        return false;
    }
    if (!config_is_stale(saved) && !sizes_ok(saved->config)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "sense size %u (limit %u) or command size %u (limit %u)",
                    ld_le32(saved->config + 20), VSCSI_SENSE_MAX - 1, ld_le32(saved->config + 24),
                    VSCSI_CDB_MAX);
        return false;
    }
    return true;
}

static void vscsi_install(void *owner, const void *p)
{
    VirtioScsi *s = owner;
    const VirtioSaved *saved = p;
    const VirtioParkedSaved *own = (const VirtioParkedSaved *)(const void *)saved->device.bytes;

    virtio_install(owner, saved);
    if (!config_is_stale(saved)) {
        s->sense_bytes = ld_le32(saved->config + 20);
        s->cdb_bytes = ld_le32(saved->config + 24);
    }
    g_array_set_size(s->parked, 0);
    g_array_append_vals(s->parked, own->parked, own->count);
}

static void vscsi_installed(void *owner)
{
    virtio_installed(owner);
}

static const SectionOps vscsi_section_ops = { vscsi_save, vscsi_check, vscsi_install,
                                              vscsi_installed };
static const Field vscsi_saved_fields[] = {
    VIRTIO_SAVED_COMMON_FIELDS,
    VIRTIO_SAVED_DEVICE_FIELD(VirtioParkedSaved, own_record),
    F_END,
};
static const Record vscsi_inner = VIRTIO_SAVED_INNER(vscsi_saved_fields);
VIRTIO_SECTION(vscsi, "virtio-scsi", 1, vscsi_inner, vscsi_section_ops);

/* ---- types ---- */

#define SCSI_PROPERTIES(P)                                                                 \
    P(PROP_U32, VirtioScsi, num_queues, "num_queues", "4294967295"),                       \
        P(PROP_U32, VirtioScsi, virtqueue_size, "virtqueue_size", "256"),                  \
        P(PROP_U32, VirtioScsi, max_sectors, "max_sectors", "65535"),                      \
        P(PROP_U32, VirtioScsi, cmd_per_lun, "cmd_per_lun", "128"),                        \
        P(PROP_BOOL, VirtioScsi, seg_max_adjust, "seg_max_adjust", "on"),                  \
        P(PROP_BIT, VirtioDevice, host_features, "hotplug", "on", .bit = VSCSI_F_HOTPLUG), \
        P(PROP_BIT, VirtioDevice, host_features, "param_change", "on", .bit = VSCSI_F_CHANGE)

static const Property scsi_props[] = { SCSI_PROPERTIES(PROP), PROP_END };
static const Property scsi_ccw_props[] = { SCSI_PROPERTIES(VIRTIO_CCW_FORWARD), PROP_END };
static const Property scsi_pci_props[] = { SCSI_PROPERTIES(VIRTIO_PCI_FORWARD), PROP_END };

static const VirtioDeviceOps vscsi_ops = {
    .dev = { VIRTIO_DEVICE_BASE, .section = &vscsi_section, .category = DEVICE_CATEGORY_STORAGE },
    .device_id = VIRTIO_ID_SCSI,
    .realize = realize,
    .unrealize = unrealize,
    .features = features,
    .get_config = get_config,
    .set_config = set_config,
    .reset = reset,
    .queue_reset = queue_reset,
    .set_status = set_status,
};

VIRTIO_PCI_DECLARE(scsi, "virtio-scsi-device", 0x0100, DEVICE_CATEGORY_STORAGE, prepare_pci);
VIRTIO_CCW_DECLARE(scsi, "virtio-scsi-device", DEVICE_CATEGORY_STORAGE, NULL);

const TypeInfo virtio_scsi_types[] = {
    { .name = "virtio-scsi-device",
      .parent = TYPE_VIRTIO_DEVICE,
      .instance_size = sizeof(VirtioScsi),
      .props = scsi_props,
      .ops = &vscsi_ops },
    VIRTIO_PCI_TYPES("virtio-scsi", scsi, scsi_pci_props),
    VIRTIO_CCW_TYPE("virtio-scsi", scsi, scsi_ccw_props),
};
const size_t virtio_scsi_types_count = G_N_ELEMENTS(virtio_scsi_types);
