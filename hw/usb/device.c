/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every USB device does alike: descriptors and the other standard requests (USB 2.0, chapter 9;
 * USB 3.2, chapter 9), halted endpoints, life on its port, and the common part of its migrated state.
 */
#include <string.h>

#include "base/util/endian.h"
#include "hw/usb/usb.h"

enum { /* standard requests */
    GET_STATUS = 0,
    CLEAR_FEATURE = 1,
    SET_FEATURE = 3,
    SET_ADDRESS = 5,
    GET_DESCRIPTOR = 6,
    GET_CONFIGURATION = 8,
    SET_CONFIGURATION = 9,
    GET_INTERFACE = 10,
    SET_INTERFACE = 11,
    SET_SEL = 48,
    SET_ISOCH_DELAY = 49,
};
enum { /* descriptor types */
    DESC_DEVICE = 1,
    DESC_CONFIG = 2,
    DESC_STRING = 3,
    DESC_QUALIFIER = 6,
    DESC_BOS = 15,
};
enum { /* features */
    FEATURE_HALT = 0,
    FEATURE_REMOTE_WAKEUP = 1,
    FEATURE_U1 = 48,
    FEATURE_U2 = 49,
};
#define TO_DEVICE         0x00
#define TO_INTERFACE      0x01
#define TO_ENDPOINT       0x02
#define ADDRESS_MAX       127
#define CONFIGURATION_MAX 1
#define LANGUAGE          0x0409
#define SELF_POWERED      0x40 /* in a configuration's attributes */
#define CAN_WAKE          0x20
#define DESC_BYTES_MAX    255

/* ---- descriptors ---- */

static const UsbDescSpeed *own_speed(const UsbDevice *dev)
{
    return &usb_device_ops(dev)->desc->speeds[dev->speed];
}

static uint8_t config_attributes(const UsbDevice *dev)
{
    return own_speed(dev)->config[7];
}

static unsigned device_descriptor(const UsbDevice *dev, uint8_t *out)
{
    const UsbDesc *desc = usb_device_ops(dev)->desc;
    const UsbDescSpeed *speed = own_speed(dev);
    const uint8_t bytes[] = { 18,
                              DESC_DEVICE,
                              USB_LE16(speed->bcd_usb),
                              0,
                              0,
                              0,
                              speed->max_packet0,
                              USB_LE16(desc->vendor),
                              USB_LE16(desc->product),
                              USB_LE16(desc->release),
                              desc->i_manufacturer,
                              desc->i_product,
                              desc->i_serial,
                              1 };

    memcpy(out, bytes, sizeof(bytes));
    return sizeof(bytes);
}

/* Of a device that has both of the speeds of USB 2: what it would be at the other. */
static unsigned qualifier_descriptor(const UsbDevice *dev, uint8_t *out)
{
    const UsbDescSpeed *speeds = usb_device_ops(dev)->desc->speeds;
    UsbSpeed other = dev->speed == USB_SPEED_HIGH ? USB_SPEED_FULL : USB_SPEED_HIGH;

    if (dev->speed == USB_SPEED_SUPER || !speeds[other].config) {
        return 0;
    }
    const uint8_t bytes[] = {
        10, DESC_QUALIFIER, USB_LE16(0x0200), 0, 0, 0, speeds[other].max_packet0, 1, 0
    };
    memcpy(out, bytes, sizeof(bytes));
    return sizeof(bytes);
}

/* What a SuperSpeed device says of itself (USB 3.2, 9.6.2): no link power management below U0. */
static unsigned bos_descriptor(const UsbDevice *dev, uint8_t *out)
{
    static const uint8_t bytes[] = {
        5,
        DESC_BOS,
        USB_LE16(22),
        2, /* two capabilities */
        7,
        16,
        2,
        0,
        0,
        0,
        0, /* USB 2.0 extension */
        10,
        16,
        3,
        0,
        USB_LE16(0x000e),
        1,
        10,
        USB_LE16(32), /* full, high, super */
    };

    if (dev->speed != USB_SPEED_SUPER) {
        return 0;
    }
    memcpy(out, bytes, sizeof(bytes));
    return sizeof(bytes);
}

char *usb_device_string(UsbDevice *dev, unsigned index)
{
    const UsbDesc *desc = usb_device_ops(dev)->desc;
    const char *text = index && index <= desc->n_strings ? desc->strings[index - 1] : NULL;

    if (!text || index != desc->i_serial) {
        return g_strdup(text);
    }
    if (dev->serial && *dev->serial) {
        return g_strdup(dev->serial);
    }
    Device *owner = dev->dev.bus->owner;
    const BusOps *ops = owner->bus ? bus_ops(owner->bus) : NULL;
    g_autofree char *path = ops && ops->device_path ? ops->device_path(owner->bus, owner) : NULL;
    return g_strdup_printf("%s-%s-%u", text, path ? path : "usb", dev->port + 1);
}

static unsigned string_descriptor(UsbDevice *dev, unsigned index, uint8_t *out)
{
    unsigned n = 2;

    if (!index) {
        st_le16(out + 2, LANGUAGE);
        n = 4;
    } else {
        g_autofree char *text = usb_device_string(dev, index);
        g_autofree gunichar2 *utf16 = text ? g_utf8_to_utf16(text, -1, NULL, NULL, NULL) : NULL;

        if (!utf16) {
            return 0;
        }
        for (unsigned i = 0; utf16[i] && n + 2 <= DESC_BYTES_MAX; i++, n += 2) {
            st_le16(out + n, utf16[i]);
        }
    }
    out[0] = (uint8_t)n;
    out[1] = DESC_STRING;
    return n;
}

static UsbResult get_descriptor(UsbDevice *dev, const UsbSetup *setup, uint8_t *data, uint32_t *len)
{
    uint8_t made[DESC_BYTES_MAX + 1];
    const uint8_t *from = made;
    unsigned index = setup->value & 0xff, n = 0;

    switch (setup->value >> 8) {
    case DESC_DEVICE: n = device_descriptor(dev, made); break;
    case DESC_CONFIG:
        from = own_speed(dev)->config;
        n = index ? 0 : own_speed(dev)->config_bytes;
        break;
    case DESC_STRING: n = string_descriptor(dev, index, made); break;
    case DESC_QUALIFIER: n = qualifier_descriptor(dev, made); break;
    case DESC_BOS: n = bos_descriptor(dev, made); break;
    default: break;
    }
    if (!n) {
        return USB_STALL;
    }
    *len = MIN(*len, n);
    memcpy(data, from, *len);
    return USB_OK;
}

/* ---- standard requests ---- */

static UsbResult answer(uint8_t *data, uint32_t *len, uint32_t value, uint32_t bytes)
{
    uint8_t raw[4];

    st_le32(raw, value);
    *len = MIN(*len, bytes);
    memcpy(data, raw, *len);
    return USB_OK;
}

static uint16_t *halted(UsbDevice *dev, unsigned address)
{
    return address & USB_DIR_IN ? &dev->halted_in : &dev->halted_out;
}

static UsbResult device_feature(UsbDevice *dev, const UsbSetup *setup, bool set)
{
    if (setup->value == FEATURE_REMOTE_WAKEUP && config_attributes(dev) & CAN_WAKE) {
        dev->remote_wakeup = set;
        return USB_OK;
    }
    bool power = setup->value == FEATURE_U1 || setup->value == FEATURE_U2;
    return power && dev->speed == USB_SPEED_SUPER ? USB_OK : USB_STALL;
}

static UsbResult halt_feature(UsbDevice *dev, const UsbSetup *setup, bool set)
{
    uint16_t bit = (uint16_t)(1u << (setup->index & 15));

    if (setup->value != FEATURE_HALT) {
        return USB_STALL;
    }
    if (set) {
        *halted(dev, setup->index) |= bit;
    } else {
        *halted(dev, setup->index) &= (uint16_t)~bit;
    }
    return USB_OK;
}

static UsbResult set_address(UsbDevice *dev, const UsbSetup *setup)
{
    if (setup->value > ADDRESS_MAX) {
        return USB_STALL;
    }
    dev->addr = (uint8_t)setup->value;
    return USB_OK;
}

static UsbResult set_configuration(UsbDevice *dev, const UsbSetup *setup)
{
    if (setup->value > CONFIGURATION_MAX) { /* number 1 is all there is */
        return USB_STALL;
    }
    dev->configuration = (uint8_t)setup->value;
    dev->halted_in = dev->halted_out = 0;
    return USB_OK;
}

static uint32_t device_status(const UsbDevice *dev)
{
    return (config_attributes(dev) & SELF_POWERED ? 1u : 0) | (dev->remote_wakeup ? 2u : 0);
}

static UsbResult standard(UsbDevice *dev, const UsbSetup *setup, uint8_t *data, uint32_t *len)
{
    unsigned ep_bit = setup->index & 15;

    switch (usb_setup_code(setup)) {
    case USB_REQUEST(TO_DEVICE | USB_DIR_IN, GET_STATUS):
        return answer(data, len, device_status(dev), 2);
    case USB_REQUEST(TO_INTERFACE | USB_DIR_IN, GET_STATUS): return answer(data, len, 0, 2);
    case USB_REQUEST(TO_ENDPOINT | USB_DIR_IN, GET_STATUS):
        return answer(data, len, *halted(dev, setup->index) >> ep_bit & 1, 2);
    case USB_REQUEST(TO_DEVICE, CLEAR_FEATURE): return device_feature(dev, setup, false);
    case USB_REQUEST(TO_DEVICE, SET_FEATURE): return device_feature(dev, setup, true);
    case USB_REQUEST(TO_ENDPOINT, CLEAR_FEATURE): return halt_feature(dev, setup, false);
    case USB_REQUEST(TO_ENDPOINT, SET_FEATURE): return halt_feature(dev, setup, true);
    case USB_REQUEST(TO_DEVICE, SET_ADDRESS): return set_address(dev, setup);
    case USB_REQUEST(TO_DEVICE | USB_DIR_IN, GET_DESCRIPTOR):
        return get_descriptor(dev, setup, data, len);
    case USB_REQUEST(TO_DEVICE | USB_DIR_IN, GET_CONFIGURATION):
        return answer(data, len, dev->configuration, 1);
    case USB_REQUEST(TO_DEVICE, SET_CONFIGURATION): return set_configuration(dev, setup);
    case USB_REQUEST(TO_INTERFACE | USB_DIR_IN, GET_INTERFACE): return answer(data, len, 0, 1);
    case USB_REQUEST(TO_INTERFACE, SET_INTERFACE):
        return setup->value || setup->index ? USB_STALL : USB_OK;
    case USB_REQUEST(TO_DEVICE, SET_SEL):
    case USB_REQUEST(TO_DEVICE, SET_ISOCH_DELAY):
        return dev->speed == USB_SPEED_SUPER ? USB_OK : USB_STALL;
    default: return USB_STALL;
    }
}

/* ---- transfers ---- */

UsbResult usb_control(UsbDevice *dev, const UsbSetup *setup, uint8_t *data, uint32_t *len)
{
    const UsbDeviceOps *ops = usb_device_ops(dev);
    uint32_t room = *len;
    UsbResult result;

    if (!dev->attached) {
        return USB_ERROR;
    }
    dev->last = *setup;
    result = ops->control ? ops->control(dev, setup, data, len) : USB_STALL;
    if (result == USB_STALL) {
        *len = room;
        result = standard(dev, setup, data, len);
    }
    if (!(setup->type & USB_DIR_IN)) {
        *len = room;
    }
    return result;
}

static UsbResult keep_halt(uint16_t *mask, unsigned ep, UsbResult result)
{
    if (result == USB_STALL) {
        *mask |= (uint16_t)(1u << ep);
    }
    return result;
}

UsbResult usb_out(UsbDevice *dev, unsigned ep, const uint8_t *data, uint32_t len)
{
    const UsbDeviceOps *ops = usb_device_ops(dev);

    if (!dev->attached) {
        return USB_ERROR;
    }
    if (!ops->out || dev->halted_out >> ep & 1) {
        return USB_STALL;
    }
    return keep_halt(&dev->halted_out, ep, ops->out(dev, ep, data, len));
}

UsbResult usb_in(UsbDevice *dev, unsigned ep, uint8_t *data, uint32_t *len)
{
    const UsbDeviceOps *ops = usb_device_ops(dev);

    if (!dev->attached) {
        return USB_ERROR;
    }
    if (!ops->in || dev->halted_in >> ep & 1) {
        return USB_STALL;
    }
    return keep_halt(&dev->halted_in, ep, ops->in(dev, ep, data, len));
}

void usb_wakeup(UsbDevice *dev, unsigned ep, bool in)
{
    UsbBus *bus = (UsbBus *)dev->dev.bus;

    if (dev->attached) {
        bus->ops->wakeup(bus->host, dev, ep, in);
    }
}

/* ---- life ---- */

static void reset_state(UsbDevice *dev, bool by_port)
{
    const UsbDeviceOps *ops = usb_device_ops(dev);

    dev->addr = dev->configuration = 0;
    dev->remote_wakeup = false;
    dev->halted_in = dev->halted_out = 0;
    dev->was_reset = by_port;
    if (ops->reset) {
        ops->reset(dev);
    }
}

void usb_port_reset(UsbDevice *dev)
{
    reset_state(dev, true);
}

void usb_device_reset(Device *base, ResetKind kind)
{
    UsbDevice *dev = (UsbDevice *)base;

    reset_state(dev, false);
    dev->last = (UsbSetup){ 0 };
}

bool usb_device_realize(Device *base, GError **error)
{
    UsbDevice *dev = (UsbDevice *)base;
    const UsbDeviceOps *ops = usb_device_ops(dev);
    UsbBus *bus = (UsbBus *)base->bus;

    if (ops->realize && !ops->realize(dev, error)) {
        return false;
    }
    dev->attached = true;
    bus->ops->attached(bus->host, dev);
    return true;
}

void usb_device_unrealize(Device *base)
{
    UsbDevice *dev = (UsbDevice *)base;
    const UsbDeviceOps *ops = usb_device_ops(dev);
    UsbBus *bus = (UsbBus *)base->bus;

    dev->attached = false;
    bus->ops->detached(bus->host, dev);
    if (ops->unrealize) {
        ops->unrealize(dev);
    }
}

/* ---- saved form: "USBDevice" version 1 ---- */

enum { /* as they travel */
    STATE_ATTACHED = 1,
    STATE_DEFAULT = 3,
    STATE_MAX = 6,
    SETUP_IDLE = 0,
    SETUP_WHOLE = 4, /* requests are given to the device in one piece */
    SETUP_BYTES_MAX = 4096,
};

static bool endpoints_needed(const void *saved)
{
    return ((const UsbDeviceSaved *)saved)->has_endpoints;
}

/* A device with an address is taken to be configured, and no endpoint to be halted; where that is not so, this comes.
   Others do not know it: for a device that firmware gave an address and nothing more it is not sent to them. */
static const Record endpoints_record = {
    .name = "USBDevice/endpoints",
    .version = 1,
    .min_version = 1,
    .size = sizeof(UsbDeviceSaved),
    .fields = (const Field[]){ F_U8(UsbDeviceSaved, configuration, .max = CONFIGURATION_MAX),
                               F_U16(UsbDeviceSaved, halted_in), F_U16(UsbDeviceSaved, halted_out),
                               F_END },
    .needed = endpoints_needed,
    .has_present = true,
    .present_offset = offsetof(UsbDeviceSaved, has_endpoints),
};

static const Field device_fields[] = {
    F_U8(UsbDeviceSaved, addr, .max = ADDRESS_MAX),
    F_I32(UsbDeviceSaved, state, .max = STATE_MAX),
    F_I32(UsbDeviceSaved, remote_wakeup, .max = 1),
    F_I32(UsbDeviceSaved, setup_state, .max = SETUP_WHOLE),
    F_I32(UsbDeviceSaved, setup_len, .max = SETUP_BYTES_MAX),
    F_I32(UsbDeviceSaved, setup_index, .max = SETUP_BYTES_MAX),
    F_ARRAY(FIELD_U8, UsbDeviceSaved, setup_buf),
    F_END,
};
const Record usb_device_record = {
    .name = "USBDevice",
    .version = 1,
    .min_version = 1,
    .size = sizeof(UsbDeviceSaved),
    .fields = device_fields,
    .subsections = (const Record *const[]){ &endpoints_record, NULL },
};

static uint8_t usual_configuration(uint8_t addr)
{
    return addr ? 1 : 0;
}

static bool endpoints_unusual(const UsbDeviceSaved *s)
{
    return s->halted_in || s->halted_out || s->configuration != usual_configuration(s->addr);
}

void usb_device_save(const UsbDevice *dev, UsbDeviceSaved *s)
{
    const UsbSetup *last = &dev->last;
    bool any = last->type || last->request;

    *s = (UsbDeviceSaved){ .addr = dev->addr,
                           .state = dev->was_reset ? STATE_DEFAULT : STATE_ATTACHED,
                           .remote_wakeup = dev->remote_wakeup,
                           .setup_state = any ? SETUP_WHOLE : SETUP_IDLE,
                           .setup_len = MIN(last->length, SETUP_BYTES_MAX),
                           .configuration = dev->migrate_configuration
                                                ? dev->configuration
                                                : usual_configuration(dev->addr),
                           .halted_in = dev->halted_in,
                           .halted_out = dev->halted_out };
    s->has_endpoints = endpoints_unusual(s);
    s->setup_buf[0] = last->type;
    s->setup_buf[1] = last->request;
    st_le16(s->setup_buf + 2, last->value);
    st_le16(s->setup_buf + 4, last->index);
    st_le16(s->setup_buf + 6, last->length);
}

bool usb_device_check(const UsbDeviceSaved *s, GError **error)
{
    if (s->setup_state != SETUP_IDLE && s->setup_state != SETUP_WHOLE) {
        g_set_error(
            error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
            "a USB request in stage %d of its parts is in the stream, which is not supported",
            s->setup_state);
        return false;
    }
    if (s->has_endpoints && !endpoints_unusual(s)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "USBDevice/endpoints is in the stream for a USB device that has no need of it");
        return false;
    }
    return true;
}

void usb_device_install(UsbDevice *dev, const UsbDeviceSaved *s)
{
    dev->addr = s->addr;
    dev->configuration = s->has_endpoints ? s->configuration : usual_configuration(s->addr);
    dev->was_reset = s->state >= STATE_DEFAULT;
    dev->remote_wakeup = s->remote_wakeup;
    dev->halted_in = s->has_endpoints ? s->halted_in : 0;
    dev->halted_out = s->has_endpoints ? s->halted_out : 0;
    dev->last = (UsbSetup){ s->setup_buf[0], s->setup_buf[1], ld_le16(s->setup_buf + 2),
                            ld_le16(s->setup_buf + 4), ld_le16(s->setup_buf + 6) };
}
