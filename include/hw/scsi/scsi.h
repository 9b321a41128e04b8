/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SCSI bus: targets with logical units ("scsi-hd", "scsi-cd"), and what a host adapter does to run
 * a command on one (SAM-5, SPC-4).
 *
 *   scsi_start() -> GOOD, CHECK CONDITION ... -> ops->done()
 *              \-> an error whose policy is "stop" parks it -> scsi_bus_run() starts it again
 *
 * done() is called exactly once a request, perhaps from within scsi_start(). A request lives in the
 * adapter's own; the layer keeps nothing of it after done(). VM lock held for everything here.
 */
#pragma once

#include <sys/uio.h>

#include "hw/core/device.h"

#define TYPE_SCSI_BUS    "SCSI"
#define TYPE_SCSI_DEVICE "scsi-device"

#define SCSI_CDB_BYTES   16
#define SCSI_SENSE_BYTES 18 /* what is made here; a saved state has room for more */

enum { /* status codes */
    SCSI_GOOD = 0x00,
    SCSI_CHECK_CONDITION = 0x02,
    SCSI_BUSY = 0x08,
    SCSI_TASK_ABORTED = 0x40,
};

/* How the adapter's side of a request ended. */
typedef enum {
    SCSI_DONE,    /* `status` says the rest */
    SCSI_OVERRUN, /* the command moves more than the initiator has room for; nothing was moved */
    SCSI_ABORTED, /* by scsi_abort() or a reset */
} ScsiOutcome;

typedef struct ScsiBus ScsiBus;
typedef struct ScsiDevice ScsiDevice;
typedef struct ScsiRequest ScsiRequest;

struct ScsiRequest {
    /* from the adapter */
    ScsiBus *bus;
    ScsiDevice *dev; /* a unit of the target; borrowed while the request lives */
    uint32_t lun;    /* asked for: may be one that the target does not have */
    uint8_t cdb[SCSI_CDB_BYTES];
    struct iovec *iov; /* what the command may move, borrowed until done() */
    int niov;
    bool to_device; /* iov holds data for the device */
    /* result */
    ScsiOutcome outcome;
    uint8_t status;
    uint8_t sense[SCSI_SENSE_BYTES]; /* valid with CHECK CONDITION */
    uint64_t moved;                  /* bytes */
    /* the layer's own */
    uint8_t *buf; /* owned: data that is not the guest's */
    uint32_t buf_len;
    uint64_t offset, left; /* of a command in several steps, bytes of the medium */
    uint32_t step;
    bool parked, in_flight;
};

typedef struct ScsiHostOps {
    unsigned max_channel, max_target, max_lun;
    void (*done)(ScsiBus *bus, ScsiRequest *req);
    /* A unit came or goes while the guest knows the bus. NULL: nobody to tell. */
    void (*plugged)(ScsiBus *bus, ScsiDevice *dev);
    void (*unplugged)(ScsiBus *bus, ScsiDevice *dev);
    /* A unit has something to say (a size or a medium changed): additional sense. NULL: not used. */
    void (*changed)(ScsiBus *bus, ScsiDevice *dev, uint8_t asc, uint8_t ascq);
} ScsiHostOps;

struct ScsiBus {
    Bus bus; /* first */
    const ScsiHostOps *ops;
    void *host;
};

/* Makes the bus "scsi.0" ("<id>.0") below @owner. */
ScsiBus *scsi_bus_new(Device *owner, const char *name, const ScsiHostOps *ops, void *host,
                      bool hotpluggable);
/* The unit at that address; NULL: none. */
ScsiDevice *scsi_find(ScsiBus *bus, unsigned channel, unsigned target, unsigned lun);
/* That unit or another one of the target, to ask about it; NULL: no such target. */
ScsiDevice *scsi_find_target(ScsiBus *bus, unsigned channel, unsigned target, unsigned lun);
void scsi_device_address(const ScsiDevice *dev, unsigned *channel, unsigned *target, unsigned *lun);

/* Runs a command whose adapter's part is filled in, the rest zero. */
void scsi_start(ScsiRequest *req);
/* Ends a parked request as ABORTED; one under way ends by itself. False: it is under way. */
bool scsi_abort(ScsiRequest *req);
/* Power-on state of a unit: its requests have ended or are parked (and are aborted). */
void scsi_device_reset(ScsiDevice *dev);

/* Waits until nothing is under way; what errors parked stays so. Not from done(). */
void scsi_bus_drain(ScsiBus *bus);
/* Starts parked requests again, oldest first. */
void scsi_bus_run(ScsiBus *bus);
/* Calls @fn for parked requests, oldest first of each unit. */
void scsi_bus_foreach_parked(ScsiBus *bus, void (*fn)(ScsiRequest *req, void *opaque),
                             void *opaque);
/* Aborts what is parked. */
void scsi_bus_drop_parked(ScsiBus *bus);

extern const TypeInfo scsi_bus_types[], scsi_types[], virtio_scsi_types[], usb_storage_types[];
extern const size_t scsi_bus_types_count, scsi_types_count, virtio_scsi_types_count,
    usb_storage_types_count;
