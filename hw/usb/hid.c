/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "usb-kbd", "usb-mouse" and "usb-tablet": human interface devices (HID 1.11) with one interrupt endpoint,
 * fed by the user's input. A pointer takes part in it once the guest has asked it for a report.
 */
#include <string.h>

#include "base/core/clock.h"
#include "hid-priv.h"

enum {
    HID_GET_REPORT = 0x01,
    HID_GET_IDLE = 0x02,
    HID_GET_PROTOCOL = 0x03,
    HID_SET_REPORT = 0x09,
    HID_SET_IDLE = 0x0a,
    HID_SET_PROTOCOL = 0x0b,
    GET_DESCRIPTOR = 0x06,
    DESC_HID = 0x21,
    DESC_REPORT = 0x22,
    CLASS_IN = 0xa1,
    CLASS_OUT = 0x21,
    STANDARD_IN = 0x81,
};
#define REPORT_ENDPOINT 1
#define REPORT_PROTOCOL 1
#define IDLE_UNIT_NS    (4 * NS_PER_MS)
#define MOVE_MAX        65536

typedef enum {
    HID_KBD,
    HID_MOUSE,
    HID_TABLET
} HidKind;

typedef struct {
    UsbDeviceOps usb; /* first */
    HidKind kind;
    const uint8_t *report;
    uint16_t report_bytes;
    const InputHandlerOps *input;
} HidOps;

typedef struct {
    UsbDevice usb; /* first */
    uint32_t usb_version;
    InputHandler *handler;
    bool active; /* the handler is */
    int32_t protocol;
    uint8_t idle; /* units of 4 ms between repeated reports; 0: none */
    Timer *timer;
    bool due; /* a repeated report is */
    HidPointer ptr;
    HidKeyboard kbd;
} Hid;

static const HidOps *hid_ops(const Hid *s)
{
    return object_ops(&s->usb.dev.obj);
}

/* ---- descriptors ---- */

static const uint8_t kbd_report[] = {
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, /* keyboard */
    0x75, 0x01, 0x95, 0x08, 0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7,
    0x15, 0x00,                                                 /* 8 modifiers, a bit each */
    0x25, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, /* a byte of nothing */
    0x95, 0x05, 0x75, 0x01, 0x05, 0x08, 0x19, 0x01, 0x29, 0x05,
    0x91, 0x02,                         /* 5 lights */
    0x95, 0x01, 0x75, 0x03, 0x91, 0x01, /* 3 bits of nothing */
    0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0xff, 0x05, 0x07,
    0x19, 0x00, /* 6 keys, a byte each */
    0x29, 0xff, 0x81, 0x00, 0xc0,
};
static const uint8_t mouse_report[] = {
    0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00,             /* mouse, pointer */
    0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, 0x25, 0x01, 0x95, 0x05, /* 5 buttons */
    0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x03, 0x81, 0x01, 0x05, 0x01,
    0x09, 0x30, 0x09, 0x31, 0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, /* x, y, wheel */
    0x75, 0x08, 0x95, 0x03, 0x81, 0x06, 0xc0, 0xc0,
};
static const uint8_t tablet_report[] = {
    0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00,             /* mouse, pointer */
    0x05, 0x09, 0x19, 0x01, 0x29, 0x03, 0x15, 0x00, 0x25, 0x01, 0x95, 0x03, /* 3 buttons */
    0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x05, 0x81, 0x01, 0x05, 0x01,
    0x09, 0x30, 0x09, 0x31, 0x15, 0x00, 0x26, 0xff, 0x7f, 0x35, /* x, y: 0 to 7fff */
    0x00, 0x46, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x02, 0x81, 0x02, 0x05, 0x01,
    0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x35, 0x00, 0x45, 0x00, /* wheel */
    0x75, 0x08, 0x95, 0x01, 0x81, 0x06, 0xc0, 0xc0,
};

#define HID_CONFIG_BYTES 34
#define HID_CONFIG(string, subclass, protocol, release, report, bytes, interval)                 \
    USB_CONFIG(HID_CONFIG_BYTES, string, 0xa0, 100), USB_INTERFACE(1, 3, subclass, protocol, 0), \
        9, DESC_HID, USB_LE16(release), 0, 1, DESC_REPORT, USB_LE16(sizeof(report)),             \
        USB_ENDPOINT(USB_DIR_IN | REPORT_ENDPOINT, USB_KIND_INTERRUPT, bytes, interval)
#define HID_AT 18 /* of the HID descriptor in it */

/* Polled each 10 frames, or each 8, 64 or so microframes. */
static const uint8_t kbd_full[] = { HID_CONFIG(8, 1, 1, 0x0111, kbd_report, 8, 10) };
static const uint8_t kbd_high[] = { HID_CONFIG(8, 1, 1, 0x0111, kbd_report, 8, 7) };
static const uint8_t mouse_full[] = { HID_CONFIG(6, 1, 2, 0x0001, mouse_report, 4, 10) };
static const uint8_t mouse_high[] = { HID_CONFIG(6, 1, 2, 0x0001, mouse_report, 4, 7) };
static const uint8_t tablet_full[] = { HID_CONFIG(7, 0, 0, 0x0001, tablet_report, 8, 10) };
static const uint8_t tablet_high[] = { HID_CONFIG(7, 0, 0, 0x0001, tablet_report, 8, 4) };
G_STATIC_ASSERT(sizeof(kbd_full) == HID_CONFIG_BYTES);

static const char *const strings[] = {
    "QEMU",  "QEMU USB Mouse", "QEMU USB Tablet", "QEMU USB Keyboard",
    "HID",   "HID Mouse",      "HID Tablet",      "HID Keyboard",
    "89126", "28754",          "68284",
};

#define HID_DESC(product_string, serial_string, full, high)                     \
    {                                                                           \
        .vendor = 0x0627, .product = 0x0001, .release = 0, .i_manufacturer = 1, \
        .i_product = (product_string), .i_serial = (serial_string),             \
        .speeds = { [USB_SPEED_FULL] = { 0x0200, 8, full, sizeof(full) },       \
                    [USB_SPEED_HIGH] = { 0x0200, 64, high, sizeof(high) } },    \
        .strings = strings, .n_strings = G_N_ELEMENTS(strings)                  \
    }
static const UsbDesc kbd_desc = HID_DESC(4, 11, kbd_full, kbd_high);
static const UsbDesc mouse_desc = HID_DESC(2, 9, mouse_full, mouse_high);
static const UsbDesc tablet_desc = HID_DESC(3, 10, tablet_full, tablet_high);

/* Property usb_version: 1 is full speed, 2 high speed. */
static unsigned hid_speeds(const UsbDevice *dev)
{
    return USB_SPEED_MASK(((const Hid *)dev)->usb_version == 1 ? USB_SPEED_FULL : USB_SPEED_HIGH);
}

/* ---- pointers ---- */

static HidMove *entry(HidPointer *p, uint32_t i)
{
    return &p->queue[(p->head + i) % HID_QUEUE];
}

static void user_move(void *opaque, int dx, int dy)
{
    HidPointer *p = &((Hid *)opaque)->ptr;
    HidMove *e = entry(p, p->n);

    e->x = CLAMP(e->x + CLAMP(dx, -MOVE_MAX, MOVE_MAX), -MOVE_MAX, MOVE_MAX);
    e->y = CLAMP(e->y + CLAMP(dy, -MOVE_MAX, MOVE_MAX), -MOVE_MAX, MOVE_MAX);
}

static void user_move_abs(void *opaque, int x, int y)
{
    HidPointer *p = &((Hid *)opaque)->ptr;
    HidMove *e = entry(p, p->n);

    e->x = x;
    e->y = y;
}

static void user_button(void *opaque, InputButton button, bool down)
{
    static const uint8_t bits[INPUT_BUTTON__COUNT] = { [INPUT_BUTTON_LEFT] = 1,
                                                       [INPUT_BUTTON_RIGHT] = 2,
                                                       [INPUT_BUTTON_MIDDLE] = 4,
                                                       [INPUT_BUTTON_SIDE] = 8,
                                                       [INPUT_BUTTON_EXTRA] = 16 };
    HidPointer *p = &((Hid *)opaque)->ptr;
    HidMove *e = entry(p, p->n);

    if (down && button == INPUT_BUTTON_WHEEL_UP) {
        e->dz = MAX(e->dz - 1, -MOVE_MAX);
    } else if (down && button == INPUT_BUTTON_WHEEL_DOWN) {
        e->dz = MIN(e->dz + 1, MOVE_MAX);
    }
    e->buttons = down ? e->buttons | bits[button] : e->buttons & ~bits[button];
}

/* With the same buttons as the last entry it belongs to that; a full queue collects on. */
static void user_sync(void *opaque)
{
    Hid *s = opaque;
    HidPointer *p = &s->ptr;
    bool moves = hid_ops(s)->kind == HID_MOUSE;
    HidMove *now = entry(p, p->n), *last = entry(p, p->n + HID_QUEUE - 1);

    if (moves
            ? !now->x && !now->y && !now->dz && now->buttons == last->buttons
            : now->x == last->x && now->y == last->y && !now->dz && now->buttons == last->buttons) {
        return;
    }
    if (p->n && last->buttons == now->buttons) {
        last->x = moves ? CLAMP(last->x + now->x, -MOVE_MAX, MOVE_MAX) : now->x;
        last->y = moves ? CLAMP(last->y + now->y, -MOVE_MAX, MOVE_MAX) : now->y;
        last->dz = CLAMP(last->dz + now->dz, -MOVE_MAX, MOVE_MAX);
    } else if (p->n < HID_QUEUE - 1) {
        HidMove *next = entry(p, ++p->n);
        *next = *now;
        now = next;
    } else {
        return;
    }
    now->dz = 0;
    if (moves) {
        now->x = now->y = 0;
    }
    usb_wakeup(&s->usb, REPORT_ENDPOINT, true);
    vm_wakeup_request(device_vm(&s->usb.dev));
}

static int32_t take_some(int32_t *from)
{
    int32_t n = CLAMP(*from, -127, 127);

    *from -= n;
    return n;
}

/* Buttons, x, y, wheel (away from the user is positive); an entry may take several reports. */
static uint32_t pointer_report(Hid *s, uint8_t *out)
{
    HidPointer *p = &s->ptr;
    HidMove *e = entry(p, p->n ? 0 : HID_QUEUE - 1);
    bool tablet = hid_ops(s)->kind == HID_TABLET;
    uint32_t n = 0;

    out[n++] = (uint8_t)e->buttons;
    if (tablet) {
        uint8_t at[4] = { USB_LE16(e->x), USB_LE16(e->y) };
        memcpy(out + n, at, sizeof(at));
        n += sizeof(at);
    } else {
        out[n++] = (uint8_t)take_some(&e->x);
        out[n++] = (uint8_t)take_some(&e->y);
    }
    out[n++] = (uint8_t)-take_some(&e->dz);
    if (p->n && !e->dz && (tablet || (!e->x && !e->y))) {
        p->head = (p->head + 1) % HID_QUEUE;
        p->n--;
    }
    return n;
}

/* ---- keyboard ---- */

static void user_key(void *opaque, InputKey key, bool down)
{
    Hid *s = opaque;

    hid_keyboard_put(&s->kbd, key, down);
    usb_wakeup(&s->usb, REPORT_ENDPOINT, true);
    vm_wakeup_request(device_vm(&s->usb.dev));
}

/* ---- reports ---- */

static void repeat_due(void *opaque)
{
    Hid *s = opaque;

    s->due = true;
    usb_wakeup(&s->usb, REPORT_ENDPOINT, true);
}

static void start_idle(Hid *s)
{
    s->due = false;
    timer_cancel(s->timer);
    if (s->idle) {
        timer_arm(s->timer, clock_now_ns(device_vm(&s->usb.dev), CLOCK_KIND_VIRTUAL) +
                                s->idle * IDLE_UNIT_NS);
    }
}

static uint32_t make_report(Hid *s, uint8_t *out)
{
    if (hid_ops(s)->kind != HID_KBD) {
        return pointer_report(s, out);
    }
    hid_keyboard_report(&s->kbd, out);
    return HID_REPORT;
}

static UsbResult give(uint8_t *data, uint32_t *len, const uint8_t *from, uint32_t n)
{
    *len = MIN(*len, n);
    memcpy(data, from, *len);
    return USB_OK;
}

static UsbResult hid_in(UsbDevice *dev, unsigned ep, uint8_t *data, uint32_t *len)
{
    Hid *s = (Hid *)dev;
    uint8_t report[HID_REPORT];

    if (ep != REPORT_ENDPOINT) {
        return USB_STALL;
    }
    if (!s->active) {
        input_handler_activate(s->handler);
        s->active = true;
    }
    if (!(hid_ops(s)->kind == HID_KBD ? s->kbd.n : s->ptr.n) && !s->due) {
        return USB_NAK;
    }
    uint32_t n = make_report(s, report);
    start_idle(s);
    return give(data, len, report, n);
}

static UsbResult hid_descriptor(Hid *s, const UsbSetup *setup, uint8_t *data, uint32_t *len)
{
    switch (setup->value >> 8) {
    case DESC_REPORT: return give(data, len, hid_ops(s)->report, hid_ops(s)->report_bytes);
    case DESC_HID:
        return give(data, len, hid_ops(s)->usb.desc->speeds[s->usb.speed].config + HID_AT, 9);
    default: return USB_STALL;
    }
}

static UsbResult hid_control(UsbDevice *dev, const UsbSetup *setup, uint8_t *data, uint32_t *len)
{
    Hid *s = (Hid *)dev;
    uint8_t report[HID_REPORT];

    switch (usb_setup_code(setup)) {
    case USB_REQUEST(STANDARD_IN, GET_DESCRIPTOR): return hid_descriptor(s, setup, data, len);
    case USB_REQUEST(CLASS_IN, HID_GET_REPORT):
        return give(data, len, report, make_report(s, report));
    case USB_REQUEST(CLASS_IN, HID_GET_IDLE): return give(data, len, &s->idle, 1);
    case USB_REQUEST(CLASS_IN, HID_GET_PROTOCOL):
        report[0] = (uint8_t)s->protocol;
        return give(data, len, report, 1);
    case USB_REQUEST(CLASS_OUT, HID_SET_REPORT):
        if (hid_ops(s)->kind == HID_KBD && *len) {
            s->kbd.leds = data[0];
        }
        return USB_OK;
    case USB_REQUEST(CLASS_OUT, HID_SET_IDLE):
        s->idle = (uint8_t)(setup->value >> 8);
        start_idle(s);
        return USB_OK;
    case USB_REQUEST(CLASS_OUT, HID_SET_PROTOCOL): s->protocol = setup->value & 1; return USB_OK;
    default: return USB_STALL;
    }
}

/* ---- life ---- */

static void hid_reset(UsbDevice *dev)
{
    Hid *s = (Hid *)dev;

    memset(&s->ptr, 0, sizeof(s->ptr));
    memset(&s->kbd, 0, sizeof(s->kbd));
    s->protocol = dev->was_reset ? REPORT_PROTOCOL : 0;
    s->idle = 0;
    start_idle(s);
}

static bool hid_realize(UsbDevice *dev, GError **error)
{
    Hid *s = (Hid *)dev;
    Vm *vm = device_vm(&dev->dev);
    const HidOps *ops = hid_ops(s);

    s->timer = timer_new(vm, CLOCK_KIND_VIRTUAL, "usb-hid", repeat_due, s);
    s->active = ops->kind == HID_KBD;
    s->handler = s->active ? input_handler_add(vm, ops->input, s)
                           : input_handler_add_idle(vm, ops->input, s);
    return true;
}

static void hid_unrealize(UsbDevice *dev)
{
    Hid *s = (Hid *)dev;

    g_clear_pointer(&s->handler, input_handler_remove);
    g_clear_pointer(&s->timer, timer_free);
}

/* ---- saved forms: "usb-kbd", "usb-ptr" version 1 ---- */

typedef struct {
    HidPointer ptr;
    int32_t protocol;
    uint8_t idle;
} PointerState;
typedef struct {
    UsbDeviceSaved dev;
    PointerState hid;
} PointerSaved;
typedef struct {
    HidKeyboard kbd;
    int32_t protocol;
    uint8_t idle;
} KeyboardState;
typedef struct {
    UsbDeviceSaved dev;
    KeyboardState hid;
} KeyboardSaved;

static const Record move_record = {
    .name = "HIDPointerEventQueue",
    .version = 1,
    .min_version = 1,
    .size = sizeof(HidMove),
    .fields = (const Field[]){ F_I32(HidMove, x, .name = "xdx"), F_I32(HidMove, y, .name = "ydy"),
                               F_I32(HidMove, dz), F_I32(HidMove, buttons, .name = "buttons_state"),
                               F_END },
};
static const Record pointer_state_record = {
    .name = "HIDPointerDevice",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PointerState),
    .fields =
        (const Field[]){ F_STRUCT_ARRAY(PointerState, ptr.queue, move_record),
                         F_U32(PointerState, ptr.head, .name = "head", .max = HID_QUEUE - 1),
                         F_U32(PointerState, ptr.n, .name = "n", .max = HID_QUEUE - 1),
                         F_I32(PointerState, protocol, .max = 1), F_U8(PointerState, idle), F_END },
};
static const Record pointer_record = {
    .name = "usb-ptr",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PointerSaved),
    .fields = (const Field[]){ F_USB_DEVICE(PointerSaved, dev),
                               F_STRUCT(PointerSaved, hid, pointer_state_record), F_END },
};
static const Record keyboard_state_record = {
    .name = "HIDKeyboardDevice",
    .version = 1,
    .min_version = 1,
    .size = sizeof(KeyboardState),
    .fields = (const Field[]){ F_ARRAY(FIELD_U32, KeyboardState, kbd.codes, .name = "kbd.keycodes"),
                               F_U32(KeyboardState, kbd.head, .name = "head", .max = HID_QUEUE - 1),
                               F_U32(KeyboardState, kbd.n, .name = "n", .max = HID_QUEUE),
                               F_U16(KeyboardState, kbd.modifiers), F_U8(KeyboardState, kbd.leds),
                               F_ARRAY(FIELD_U8, KeyboardState, kbd.key),
                               F_I32(KeyboardState, kbd.keys, .max = HID_KEYS),
                               F_I32(KeyboardState, protocol, .max = 1), F_U8(KeyboardState, idle),
                               F_END },
};
static const Record keyboard_record = {
    .name = "usb-kbd",
    .version = 1,
    .min_version = 1,
    .size = sizeof(KeyboardSaved),
    .fields = (const Field[]){ F_USB_DEVICE(KeyboardSaved, dev),
                               F_STRUCT(KeyboardSaved, hid, keyboard_state_record), F_END },
};

static void pointer_save(void *owner, void *saved)
{
    Hid *s = owner;
    PointerSaved *out = saved;

    usb_device_save(&s->usb, &out->dev);
    out->hid = (PointerState){ s->ptr, s->protocol, s->idle };
}
static bool pointer_check(void *owner, const void *saved, GError **error)
{
    return usb_device_check(&((const PointerSaved *)saved)->dev, error);
}
static void pointer_install(void *owner, const void *saved)
{
    Hid *s = owner;
    const PointerSaved *in = saved;

    usb_device_install(&s->usb, &in->dev);
    s->ptr = in->hid.ptr;
    for (unsigned i = 0; i < HID_QUEUE; i++) {
        HidMove *e = &s->ptr.queue[i];
        *e = (HidMove){ CLAMP(e->x, -MOVE_MAX, MOVE_MAX), CLAMP(e->y, -MOVE_MAX, MOVE_MAX),
                        CLAMP(e->dz, -MOVE_MAX, MOVE_MAX), e->buttons & 0x1f };
    }
    s->protocol = in->hid.protocol;
    s->idle = in->hid.idle;
    start_idle(s);
}

static void keyboard_save(void *owner, void *saved)
{
    Hid *s = owner;
    KeyboardSaved *out = saved;

    usb_device_save(&s->usb, &out->dev);
    out->hid = (KeyboardState){ s->kbd, s->protocol, s->idle };
}
static bool keyboard_check(void *owner, const void *saved, GError **error)
{
    return usb_device_check(&((const KeyboardSaved *)saved)->dev, error);
}
static void keyboard_install(void *owner, const void *saved)
{
    Hid *s = owner;
    const KeyboardSaved *in = saved;

    usb_device_install(&s->usb, &in->dev);
    s->kbd = in->hid.kbd;
    s->protocol = in->hid.protocol;
    s->idle = in->hid.idle;
    start_idle(s);
}

static const SectionOps pointer_section_ops = { pointer_save, pointer_check, pointer_install,
                                                NULL };
static const SectionOps keyboard_section_ops = { keyboard_save, keyboard_check, keyboard_install,
                                                 NULL };
static const SectionDesc pointer_section = { .record = &pointer_record,
                                             .ops = &pointer_section_ops };
static const SectionDesc keyboard_section = { .record = &keyboard_record,
                                              .ops = &keyboard_section_ops };

/* ---- types ---- */

static const InputHandlerOps kbd_input = { .name = "QEMU HID Keyboard", .key = user_key };
static const InputHandlerOps mouse_input = {
    .name = "QEMU HID Mouse", .move = user_move, .button = user_button, .sync = user_sync
};
static const InputHandlerOps tablet_input = {
    .name = "QEMU HID Tablet", .move_abs = user_move_abs, .button = user_button, .sync = user_sync
};

#define HID_OPS(kind_, product_, desc_, report_, input_, section_)                                \
    {                                                                                             \
        .usb = { .dev = { USB_DEVICE_BASE, .section = &(section_) },                              \
                 .product = (product_),                                                           \
                 .desc = &(desc_),                                                                \
                 .realize = hid_realize,                                                          \
                 .unrealize = hid_unrealize,                                                      \
                 .reset = hid_reset,                                                              \
                 .control = hid_control,                                                          \
                 .in = hid_in,                                                                    \
                 .speeds = hid_speeds },                                                          \
        .kind = (kind_), .report = (report_), .report_bytes = sizeof(report_), .input = &(input_) \
    }
static const HidOps kbd_ops =
    HID_OPS(HID_KBD, "QEMU USB Keyboard", kbd_desc, kbd_report, kbd_input, keyboard_section);
static const HidOps mouse_ops =
    HID_OPS(HID_MOUSE, "QEMU USB Mouse", mouse_desc, mouse_report, mouse_input, pointer_section);
static const HidOps tablet_ops = HID_OPS(HID_TABLET, "QEMU USB Tablet", tablet_desc, tablet_report,
                                         tablet_input, pointer_section);

static const Property hid_props[] = {
    PROP(PROP_U32, Hid, usb_version, "usb_version", "2", .min = 1, .max = 2),
    PROP_END,
};

#define HID_TYPE(name_, what, ops_)                                        \
    {                                                                      \
        .name = (name_), .parent = TYPE_USB_DEVICE, .description = (what), \
        .instance_size = sizeof(Hid), .props = hid_props, .ops = &(ops_)   \
    }
const TypeInfo usb_hid_types[] = {
    HID_TYPE("usb-kbd", "USB keyboard", kbd_ops),
    HID_TYPE("usb-mouse", "USB mouse", mouse_ops),
    HID_TYPE("usb-tablet", "USB tablet", tablet_ops),
};
const size_t usb_hid_types_count = G_N_ELEMENTS(usb_hid_types);
