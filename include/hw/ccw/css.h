/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel subsystem: subchannels, channel programs, and the bus that devices with a device number
 * plug into (Principles of Operation, chapters 13 to 17). One subchannel set image, one path of type
 * 0x32. It knows no CPU: the board carries out I/O instructions through css_*() and takes the
 * interruptions through CssPort.
 *
 * Channel programs run to their end when they are started; only status is left pending. VM lock
 * held for everything.
 */
#pragma once
#include "hw/core/device.h"

#define TYPE_CCW_DEVICE "ccw-device"
#define TYPE_CCW_BUS    "virtual-css-bus"
#define TYPE_CSS_BRIDGE "virtual-css-bridge" /* has the bus */

typedef struct Css Css;
typedef struct CcwDevice CcwDevice;

/* Content codes of STORE EVENT INFORMATION. */
enum {
    CSS_CONTENT_PCI_ERROR = 1,
    CSS_CONTENT_PCI_AVAILABILITY = 2,
};

/* How the subsystem reaches its board's interrupt controller. */
typedef struct CssPort {
    void (*io_interrupt)(void *opaque, uint32_t id, uint32_t parm, uint32_t word);
    void (*io_clear)(void *opaque, uint32_t id); /* its status was taken before the interruption */
    void (*adapter_interrupt)(void *opaque, uint8_t isc);
    void (*channel_report)(void *opaque);
    /* The oldest event of a PCI function, for STORE EVENT INFORMATION: fills the 32 bytes of @answer that are not
       zero. Its content code (CSS_CONTENT_*); 0: none waits. */
    unsigned (*event)(void *opaque, uint8_t *answer, bool *more);
} CssPort;

Css *css_new(Vm *vm, const CssPort *port, void *opaque);
void css_free(Css *css);
/* The bus "virtual-css" below @owner. */
void css_make_bus(Css *css, Device *owner);
void css_reset(Css *css);
/* Its section takes its place in the order of the stream. */
void css_register(Css *css);

/* ---- I/O instructions: condition code, or minus a program-interruption code ---- */
enum {
    CSS_SCHIB_BYTES = 52,
    CSS_ORB_BYTES = 12,
    CSS_IRB_BYTES = 64,
};
/* Well-formed subsystem-identification word? */
bool css_sid_valid(uint64_t sid);
int css_stsch(Css *css, uint32_t sid, uint8_t *schib);
int css_msch(Css *css, uint32_t sid, const uint8_t *schib);
int css_ssch(Css *css, uint32_t sid, const uint8_t *orb);
int css_tsch(Css *css, uint32_t sid, uint8_t *irb);
int css_csch(Css *css, uint32_t sid);
int css_hsch(Css *css, uint32_t sid);
int css_xsch(Css *css, uint32_t sid);
int css_rsch(Css *css, uint32_t sid);
int css_stcrw(Css *css, uint8_t *crw);
/* SET CHANNEL MONITOR with general registers 1 and 2. */
int css_schm(Css *css, uint64_t control, uint64_t area);
/* CHSC block: request, answered behind it. The whole page may be written. */
void css_chsc(Css *css, uint8_t *page);
/* There is an event to fetch by it. */
void css_event_waits(Css *css);
/* Hypervisor call "virtqueue has work"; negative: no such queue. */
int css_queue_notify(Css *css, uint32_t sid, uint64_t queue);

/* ---- devices ---- */
/* The data of one CCW. */
typedef struct CcwBuffer {
    AddressSpace *as;
    uint64_t addr;
    uint32_t count; /* bytes that the CCW gives */
    uint32_t used;  /* ... transferred so far */
} CcwBuffer;
/* Bytes out of guest storage (a control or write command) or into it (read); false: not there. */
bool ccw_buffer_read(CcwBuffer *b, void *data, uint32_t len);
bool ccw_buffer_write(CcwBuffer *b, const void *data, uint32_t len);

typedef enum CcwResult {
    CCW_DONE,
    CCW_REJECT,        /* unit check, sense: command reject */
    CCW_PROGRAM_CHECK, /* wrong count or address */
} CcwResult;

typedef struct CcwDeviceOps {
    DeviceOps dev; /* first */
    uint16_t cu_type;
    CcwResult (*command)(CcwDevice *dev, uint8_t command, CcwBuffer *data);
    void (*queue_notify)(CcwDevice *dev, uint64_t queue);
} CcwDeviceOps;

struct CcwDevice {
    Device dev;  /* first */
    char *devno; /* property: "fe.0.1234" or NULL */
    uint8_t cu_model;
    /* state: the subchannel */
    Css *css;
    uint8_t ssid;
    uint16_t schid, number;
    uint8_t pmcw[28];
    uint32_t scsw[3];
    uint64_t mba; /* measurement-block address: kept, without effect */
    uint8_t sense[32];
    bool plugged;
    bool placed; /* its number came with a stream */
};
#define CCW_DEVICE(obj_) ((CcwDevice *)(obj_))

static inline const CcwDeviceOps *ccw_device_ops(const CcwDevice *d)
{
    return object_ops(&d->dev.obj);
}
AddressSpace *ccw_device_space(const CcwDevice *d);
/* Unsolicited status: the driver is to look at its indicators. */
void ccw_device_attention(CcwDevice *d);
void ccw_device_adapter_interrupt(CcwDevice *d, uint8_t isc);
/* When it is realized: a guest that runs is told. */
void ccw_device_plugged(CcwDevice *d);
/* The DeviceOps.unplug_request of all: it goes at once, and the guest is told. */
bool ccw_device_unplug_request(Device *dev, GError **error);
/* "fe.0.0000"; caller frees. */
char *ccw_device_name(const CcwDevice *d);

/* ---- migrated state: the first part of a device's section ---- */
typedef struct SubchSaved {
    uint8_t cssid, ssid, thinint_active;
    uint16_t schid, devno;
    uint8_t pmcw[28];
    uint32_t scsw[3];
    uint64_t mba;
    uint8_t mda[4], sense[32];
    uint64_t channel_program;
    uint8_t last_ccw[8];
    bool last_ccw_valid, format1;
    uint8_t sense_id_first, cu_model;
    uint16_t cu_type;
    uint8_t sense_id_rest[252];
    uint8_t no_data_count;
    uint8_t orb[CSS_ORB_BYTES];
} SubchSaved;
extern const Record css_subchannel_record;
void ccw_device_save(const CcwDevice *d, SubchSaved *saved);
bool ccw_device_check(const CcwDevice *d, const SubchSaved *saved, GError **error);
void ccw_device_install(CcwDevice *d, const SubchSaved *saved);

extern const TypeInfo ccw_types[];
extern const size_t ccw_types_count;
