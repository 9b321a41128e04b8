/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the virtio SCSI host (virtio 1.2, section 5.6): the device, a request on its way from a
 * request queue's pop to its push, and the parts in other files.
 */
#pragma once

#include "hw/scsi/scsi.h"
#include "hw/virtio/virtio.h"

enum { /* queues */
    VSCSI_CONTROL = 0,
    VSCSI_EVENT = 1,
    VSCSI_REQUESTS = 2, /* the first of them */
};
enum { /* feature bits */
    VSCSI_F_HOTPLUG = 1,
    VSCSI_F_CHANGE = 2,
};
enum { /* responses */
    VSCSI_S_OK = 0,
    VSCSI_S_OVERRUN = 1,
    VSCSI_S_ABORTED = 2,
    VSCSI_S_BAD_TARGET = 3,
    VSCSI_S_RESET = 4,
    VSCSI_S_FAILURE = 9,
    VSCSI_S_FUNCTION_SUCCEEDED = 10,
    VSCSI_S_FUNCTION_REJECTED = 11,
    VSCSI_S_INCORRECT_LUN = 12,
};
#define VSCSI_EVENT_BYTES   16u
#define VSCSI_CDB_DEFAULT   32u
#define VSCSI_SENSE_DEFAULT 96u
#define VSCSI_CDB_MAX       255u /* what a driver may set */
#define VSCSI_SENSE_MAX     252u
#define VSCSI_TARGET_MAX    255u
#define VSCSI_LUN_MAX       16383u
#define VSCSI_QUEUES_AUTO   UINT32_MAX

typedef struct VirtioScsi {
    VirtioDevice vdev; /* first */
    /* properties */
    uint32_t num_queues, virtqueue_size, max_sectors, cmd_per_lun;
    bool seg_max_adjust;
    /* state */
    ScsiBus *bus;
    uint32_t cdb_bytes, sense_bytes; /* the driver's choice */
    bool events_missed;
    bool dropping;  /* in a reset: requests end without the driver */
    GQueue active;  /* ScsiTask.link, oldest first */
    GArray *parked; /* VirtioParked: came with a migration, not yet looked at */
} VirtioScsi;

typedef struct ScsiTask {
    VirtqElement elem; /* first */
    VirtioScsi *host;
    VirtQueue *vq;
    GList link;
    uint64_t tag;
    struct iovec *iov; /* owned */
    ScsiRequest scsi;
} ScsiTask;

/* The unit that the 8 bytes of an address name. False: not an address of this device's form. */
typedef struct {
    unsigned target, lun;
} VscsiAddress;
bool vscsi_address(const uint8_t *lun, VscsiAddress *out);

/* ---- virtio-scsi-control.c: task management, events ---- */
void vscsi_handle_control(VirtioDevice *vdev, VirtQueue *vq);
void vscsi_handle_event(VirtioDevice *vdev, VirtQueue *vq);
void vscsi_plugged(ScsiBus *bus, ScsiDevice *dev);
void vscsi_unplugged(ScsiBus *bus, ScsiDevice *dev);
void vscsi_changed(ScsiBus *bus, ScsiDevice *dev, uint8_t asc, uint8_t ascq);
/* The VM runs again. */
void vscsi_catch_up(VirtioScsi *s);
