/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Universal Serial Bus (USB 2.0, USB 3.2): buses, ports, devices and what host controllers do with them.
 *
 * A transfer is a call that ends at once. A device that has nothing to say yet answers USB_NAK; the host
 * controller leaves the transfer where the guest put it and tries again after usb_wakeup(). So no transfer
 * is ever under way, and none has to travel in a migration.
 *
 *   host controller                         device
 *   usb_control / usb_out / usb_in  ----->  ops->control / out / in  -> OK, NAK, STALL
 *   bus->ops->wakeup                <-----  usb_wakeup()
 *
 * VM lock held for everything here.
 */
#pragma once
#include "hw/core/device.h"

#define TYPE_USB_BUS    "usb-bus"
#define TYPE_USB_DEVICE "usb-device"

typedef struct UsbDevice UsbDevice;
typedef struct UsbBus UsbBus;

typedef enum {
    USB_SPEED_LOW,
    USB_SPEED_FULL,
    USB_SPEED_HIGH,
    USB_SPEED_SUPER,
    USB_SPEED_COUNT
} UsbSpeed;
#define USB_SPEED_MASK(speed) (1u << (speed))

typedef enum {
    USB_OK,
    USB_NAK,   /* not now: nothing was moved */
    USB_STALL, /* the endpoint is halted until the host clears it */
    USB_ERROR, /* nobody answers */
} UsbResult;

#define USB_DIR_IN 0x80

/* bmRequestType and bRequest in one number, as tables of requests want it. */
#define USB_REQUEST(type, request) ((type) << 8 | (request))
typedef struct {
    uint8_t type, request; /* bmRequestType, bRequest */
    uint16_t value, index, length;
} UsbSetup;
static inline unsigned usb_setup_code(const UsbSetup *setup)
{
    return USB_REQUEST(setup->type, setup->request);
}

/* ---- descriptors: const tables ---- */

/* What a device is at one speed. */
typedef struct {
    uint16_t bcd_usb;
    uint8_t max_packet0; /* as the device descriptor has it */
    const uint8_t
        *config; /* the configuration with all that belongs to it; NULL: not at that speed */
    uint16_t config_bytes;
} UsbDescSpeed;

typedef struct {
    uint16_t vendor, product, release;
    uint8_t i_manufacturer, i_product, i_serial;
    UsbDescSpeed speeds[USB_SPEED_COUNT];
    const char *const *strings; /* by index from 1; the serial number's is only its beginning */
    uint8_t n_strings;
} UsbDesc;

#define USB_LE16(v) (uint8_t)((v)&0xff), (uint8_t)((v) >> 8)
#define USB_CONFIG(total, string, attributes, milliamps) \
    9, 2, USB_LE16(total), 1, 1, (string), (attributes), (milliamps) / 2
#define USB_INTERFACE(endpoints, class_, subclass, protocol, string) \
    9, 4, 0, 0, (endpoints), (class_), (subclass), (protocol), (string)
#define USB_ENDPOINT(address, kind, max_packet, interval) \
    7, 5, (address), (kind), USB_LE16(max_packet), (interval)
#define USB_COMPANION(burst) 6, 0x30, (burst), 0, 0, 0
enum {
    USB_KIND_BULK = 2,
    USB_KIND_INTERRUPT = 3,
};

/* ---- devices ---- */

typedef struct {
    DeviceOps dev;       /* first; use USB_DEVICE_BASE in it */
    const char *product; /* for users: "QEMU USB Tablet" */
    const UsbDesc *desc;
    bool (*realize)(UsbDevice *dev, GError **error); /* all but attaching to its port */
    void (*unrealize)(UsbDevice *dev);
    void (*reset)(UsbDevice *dev); /* by its port, or with the machine */
    /* Requests that are not about descriptors, addresses, configurations and halts. @data holds *len
       bytes that came, or has room for *len, which becomes what is in it. NULL or USB_STALL: unknown. */
    UsbResult (*control)(UsbDevice *dev, const UsbSetup *setup, uint8_t *data, uint32_t *len);
    /* Endpoint @ep, all @len bytes or none. */
    UsbResult (*out)(UsbDevice *dev, unsigned ep, const uint8_t *data, uint32_t len);
    /* Up to *len bytes; less is a short packet, which ends the transfer. */
    UsbResult (*in)(UsbDevice *dev, unsigned ep, uint8_t *data, uint32_t *len);
    /* Speeds that the device's properties leave; NULL: all of its descriptors. */
    unsigned (*speeds)(const UsbDevice *dev);
} UsbDeviceOps;

bool usb_device_realize(Device *dev, GError **error);
void usb_device_unrealize(Device *dev);
void usb_device_reset(Device *dev, ResetKind kind);
#define USB_DEVICE_BASE                                                                     \
    .bus_type = TYPE_USB_BUS, .category = DEVICE_CATEGORY_USB, .user_creatable = true,      \
    .hotpluggable = true, .realize = usb_device_realize, .unrealize = usb_device_unrealize, \
    .reset = usb_device_reset

struct UsbDevice {
    Device dev; /* first */
    /* properties */
    char *port_name;            /* NULL: any */
    char *serial;               /* NULL: made from where it is */
    bool migrate_configuration; /* false: a device with an address arrives configured */
    /* state */
    unsigned port; /* index on the bus */
    UsbSpeed speed;
    bool attached;
    uint8_t addr, configuration;
    bool was_reset, remote_wakeup;
    uint16_t halted_in, halted_out; /* bit n: endpoint n */
    UsbSetup last;                  /* last request to endpoint 0 */
};
static inline const UsbDeviceOps *usb_device_ops(const UsbDevice *dev)
{
    return object_ops(&dev->dev.obj);
}

/* What the device's own requests use: the strings of @index; caller frees; NULL: none. */
char *usb_device_string(UsbDevice *dev, unsigned index);
/* Endpoint @ep may have something to say, or takes something again. */
void usb_wakeup(UsbDevice *dev, unsigned ep, bool in);

/* ---- host controllers ---- */

/* A whole request: @data as of UsbDeviceOps.control. */
UsbResult usb_control(UsbDevice *dev, const UsbSetup *setup, uint8_t *data, uint32_t *len);
UsbResult usb_out(UsbDevice *dev, unsigned ep, const uint8_t *data, uint32_t len);
UsbResult usb_in(UsbDevice *dev, unsigned ep, uint8_t *data, uint32_t *len);
void usb_port_reset(UsbDevice *dev);

typedef struct {
    void (*attached)(void *host, UsbDevice *dev);
    void (*detached)(void *host, UsbDevice *dev);
    void (*wakeup)(void *host, UsbDevice *dev, unsigned ep, bool in);
} UsbHostOps;

#define USB_PORTS_MAX 15
struct UsbBus {
    Bus bus; /* first */
    const UsbHostOps *ops;
    void *host;
    unsigned n_ports;
    unsigned speeds[USB_PORTS_MAX];  /* masks */
    UsbDevice *ports[USB_PORTS_MAX]; /* borrowed; also a device that is being plugged in */
};
/* Makes the bus "<id>.0" below @owner; the host then sets `speeds` of each port. */
UsbBus *usb_bus_new(Device *owner, const UsbHostOps *ops, void *host, unsigned n_ports);
/* The text of "info usb"; caller frees. */
char *usb_describe(Vm *vm);

/* ---- migrated state of the USBDevice part ---- */
typedef struct {
    uint8_t addr;
    int32_t state, remote_wakeup, setup_state, setup_len, setup_index;
    uint8_t setup_buf[8];
    /* "USBDevice/endpoints" */
    bool has_endpoints;
    uint8_t configuration;
    uint16_t halted_in, halted_out;
} UsbDeviceSaved;
extern const Record usb_device_record;
#define F_USB_DEVICE(T, m) F_STRUCT(T, m, usb_device_record, .name = "dev")
void usb_device_save(const UsbDevice *dev, UsbDeviceSaved *saved);
bool usb_device_check(const UsbDeviceSaved *saved, GError **error);
void usb_device_install(UsbDevice *dev, const UsbDeviceSaved *saved);

extern const TypeInfo usb_bus_types[], usb_hid_types[], xhci_types[];
extern const size_t usb_bus_types_count, usb_hid_types_count, xhci_types_count;
