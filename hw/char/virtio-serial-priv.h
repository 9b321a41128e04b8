/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The virtio console device and its ports, as its own code and its saved form see them. */
#pragma once
#include "backend/chardev/chardev.h"
#include "hw/char/virtio-serial.h"
#include "hw/virtio/virtio.h"

#define PORTS_MAX     511
#define CTRL_BYTES    8
#define CTRL_WAIT_MAX 4096 /* messages that wait for buffers of the guest */

typedef struct Port Port;

typedef struct VirtioSerial {
    VirtioDevice vdev; /* first */
    uint32_t max_ports;
    bool emergency_write;
    Port *ports[PORTS_MAX + 1]; /* borrowed */
    VirtQueue *ctrl_in, *ctrl_out;
    GQueue ctrl_wait; /* GBytes */
    Bus *ports_bus;
} VirtioSerial;

struct Port {
    Device dev; /* first */
    /* properties */
    uint32_t nr;
    char *name, *chardev;
    /* state */
    VirtioSerial *serial;
    ChardevFrontend frontend;
    VirtQueue *in_vq, *out_vq;
    bool guest_open, host_open;
    GByteArray *pending; /* from the host, waits for buffers */
    VirtqElement *elem;  /* to the host, partly written */
    size_t elem_done;
    bool has_parked; /* the same, as it came with a migration */
    uint16_t parked_head;
    uint32_t parked_done;
};

/* The guest opened or closed its end: the chardev and management hear of it. */
void virtio_serial_guest_open(Port *port, bool open);
/* Tells the guest whether somebody is at the host's end. */
void virtio_serial_tell_host_open(Port *port);

extern const SectionDesc virtio_serial_section;
