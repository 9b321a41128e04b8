/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control queue (task management, asynchronous notification) and the event queue of a virtio SCSI
 * host (virtio 1.2, 5.6.6.2 and 5.6.6.3).
 *
 * A task that is to be aborted and is with the host's disk cannot be called back: the function waits for
 * it, as a reset does, and it ends as what it came to. One that an error has parked ends as aborted.
 */
#include <string.h>

#include "base/util/endian.h"
#include "virtio-scsi-priv.h"

enum { /* request types and task management functions */
    T_TMF = 0,
    T_AN_QUERY = 1,
    T_AN_SUBSCRIBE = 2,

    TMF_ABORT_TASK = 0,
    TMF_ABORT_TASK_SET = 1,
    TMF_CLEAR_ACA = 2,
    TMF_CLEAR_TASK_SET = 3,
    TMF_I_T_NEXUS_RESET = 4,
    TMF_LOGICAL_UNIT_RESET = 5,
    TMF_QUERY_TASK = 6,
    TMF_QUERY_TASK_SET = 7,
};
enum { /* events and reasons */
    EV_NONE = 0,
    EV_TRANSPORT_RESET = 1,
    EV_PARAM_CHANGE = 3,

    REASON_RESCAN = 1,
    REASON_REMOVED = 2,
};
#define EV_MISSED 0x80000000u
#define TMF_BYTES 24u
#define AN_BYTES  16u

/* ---- task management ---- */

static ScsiTask *next_task(VirtioScsi *s, const ScsiDevice *dev, const uint64_t *tag)
{
    for (GList *l = s->active.head; l; l = l->next) {
        ScsiTask *task = l->data;

        if (task->scsi.dev == dev && (!tag || task->tag == *tag)) {
            return task;
        }
    }
    return NULL;
}

/* Every task of @dev, or the one with @tag, has ended afterwards. */
static void end_tasks(VirtioScsi *s, ScsiDevice *dev, const uint64_t *tag)
{
    ScsiTask *task = next_task(s, dev, tag);

    if (task && task->scsi.in_flight) {
        scsi_bus_drain(s->bus);
        task = next_task(s, dev, tag);
    }
    while (task && scsi_abort(&task->scsi)) {
        task = next_task(s, dev, tag);
    }
}

static void reset_unit(VirtioScsi *s, ScsiDevice *dev)
{
    end_tasks(s, dev, NULL);
    scsi_device_reset(dev);
}

static void reset_target(VirtioScsi *s, unsigned target)
{
    const Bus *bus = &s->bus->bus;

    for (guint i = 0; i < bus->devices->len; i++) {
        unsigned channel, id, lun;
        ScsiDevice *dev = g_ptr_array_index(bus->devices, i);

        scsi_device_address(dev, &channel, &id, &lun);
        if (((Device *)dev)->realized && id == target) {
            reset_unit(s, dev);
        }
    }
}

static uint8_t manage(VirtioScsi *s, const uint8_t *req)
{
    uint32_t function = ld_le32(req + 4);
    uint64_t tag = ld_le64(req + 16);
    VscsiAddress at;
    ScsiDevice *dev = NULL;

    if (!vscsi_address(req + 8, &at) || !scsi_find_target(s->bus, 0, at.target, at.lun)) {
        return VSCSI_S_BAD_TARGET;
    }
    if (function == TMF_I_T_NEXUS_RESET) {
        reset_target(s, at.target);
        return VSCSI_S_OK;
    }
    dev = scsi_find(s->bus, 0, at.target, at.lun);
    if (!dev) {
        return VSCSI_S_INCORRECT_LUN;
    }
    switch (function) {
    case TMF_ABORT_TASK: end_tasks(s, dev, &tag); return VSCSI_S_OK;
    case TMF_ABORT_TASK_SET:
    case TMF_CLEAR_TASK_SET: end_tasks(s, dev, NULL); return VSCSI_S_OK;
    case TMF_LOGICAL_UNIT_RESET: reset_unit(s, dev); return VSCSI_S_OK;
    case TMF_QUERY_TASK: return next_task(s, dev, &tag) ? VSCSI_S_FUNCTION_SUCCEEDED : VSCSI_S_OK;
    case TMF_QUERY_TASK_SET:
        return next_task(s, dev, NULL) ? VSCSI_S_FUNCTION_SUCCEEDED : VSCSI_S_OK;
    default: return VSCSI_S_FUNCTION_REJECTED; /* there is no ACA */
    }
}

/* False after an error of the driver. */
static bool control(VirtioScsi *s, VirtQueue *vq, VirtqElement *elem)
{
    uint8_t req[TMF_BYTES] = { 0 }, answer[5] = { 0 };
    size_t got = virtq_read_out(elem, 0, req, sizeof(req)), n;
    uint32_t type = ld_le32(req);

    if (got < 4 || (type == T_TMF && got < TMF_BYTES) || (type != T_TMF && got < AN_BYTES) ||
        virtq_in_bytes(elem) < (type == T_TMF ? 1 : 5)) {
        virtio_error(&s->vdev, "virtio-scsi: control request of %zu bytes is too short", got);
        return false;
    }
    switch (type) {
    case T_TMF: answer[0] = manage(s, req); break;
    case T_AN_QUERY:
    case T_AN_SUBSCRIBE: answer[4] = VSCSI_S_OK; break; /* of no event */
    default: answer[4] = VSCSI_S_FUNCTION_REJECTED; break;
    }
    n = virtq_write_in(elem, 0, answer, type == T_TMF ? 1 : 5);
    virtqueue_push(vq, elem, (uint32_t)n);
    virtio_notify(&s->vdev, vq);
    return true;
}

void vscsi_handle_control(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioScsi *s = (VirtioScsi *)vdev;
    VirtqElement *elem;

    while (vdev->vm_running && (elem = virtqueue_pop(vq, sizeof(*elem)))) {
        bool good = control(s, vq, elem);

        if (!good) {
            virtqueue_detach(vq, elem);
        }
        virtq_element_free(elem);
        if (!good) {
            return;
        }
    }
}

/* ---- events ---- */

/* Nothing is told while the VM stands: that something was missed is, when it runs. */
static void tell(VirtioScsi *s, uint32_t event, uint32_t reason, const ScsiDevice *dev)
{
    VirtQueue *vq = &s->vdev.queues[VSCSI_EVENT];
    VirtqElement *elem;
    uint8_t out[VSCSI_EVENT_BYTES] = { 0 };

    if (!(s->vdev.status & VIRTIO_STATUS_DRIVER_OK)) {
        return;
    }
    elem = s->vdev.vm_running && virtqueue_ready(vq) ? virtqueue_pop(vq, sizeof(*elem)) : NULL;
    if (!elem) {
        s->events_missed = true;
        return;
    }
    if (virtq_in_bytes(elem) < sizeof(out)) {
        virtio_error(&s->vdev, "virtio-scsi: event buffer of %zu bytes", virtq_in_bytes(elem));
        virtqueue_detach(vq, elem);
        virtq_element_free(elem);
        return;
    }
    if (dev) {
        unsigned channel, target, lun;

        scsi_device_address(dev, &channel, &target, &lun);
        out[4] = 1;
        out[5] = (uint8_t)target;
        st_be16(out + 6, (uint16_t)(lun < 256 ? lun : lun | 0x4000));
    }
    st_le32(out, event | (s->events_missed ? EV_MISSED : 0));
    st_le32(out + 12, reason);
    s->events_missed = false;
    virtq_write_in(elem, 0, out, sizeof(out));
    virtqueue_push(vq, elem, sizeof(out));
    virtio_notify(&s->vdev, vq);
    virtq_element_free(elem);
}

void vscsi_handle_event(VirtioDevice *vdev, VirtQueue *vq)
{
    vscsi_catch_up((VirtioScsi *)vdev);
}

void vscsi_catch_up(VirtioScsi *s)
{
    if (s->events_missed && s->vdev.vm_running && !virtqueue_empty(&s->vdev.queues[VSCSI_EVENT])) {
        tell(s, EV_NONE, 0, NULL);
    }
}

void vscsi_plugged(ScsiBus *bus, ScsiDevice *dev)
{
    VirtioScsi *s = bus->host;

    if (((Device *)dev)->hotplugged && virtio_has(&s->vdev, VSCSI_F_HOTPLUG)) {
        tell(s, EV_TRANSPORT_RESET, REASON_RESCAN, dev);
    }
}

void vscsi_unplugged(ScsiBus *bus, ScsiDevice *dev)
{
    VirtioScsi *s = bus->host;

    if (s->vdev.dev.realized && virtio_has(&s->vdev, VSCSI_F_HOTPLUG)) {
        tell(s, EV_TRANSPORT_RESET, REASON_REMOVED, dev);
    }
}

void vscsi_changed(ScsiBus *bus, ScsiDevice *dev, uint8_t asc, uint8_t ascq)
{
    VirtioScsi *s = bus->host;

    if (virtio_has(&s->vdev, VSCSI_F_CHANGE)) {
        tell(s, EV_PARAM_CHANGE, asc | (uint32_t)ascq << 8, dev);
    }
}
