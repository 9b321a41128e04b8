/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "vmmouse": an absolute mouse that guests reach through a backdoor port (open-vm-tools' published interface), which
 * is its user's, as it needs the CPU's registers.
 *
 * The mouse keeps a queue of words; a guest enables it, asks for absolute coordinates, and reads how many words wait
 * and then up to six at a time. Four are an event: buttons, x, y, wheel. As the port has no interrupt, the PS/2 mouse
 * tells of an event by a packet without a movement. A guest that wants movements instead of positions gets them from
 * the PS/2 mouse, as does one that never asks.
 */
#include <string.h>
#include "backend/ui/input.h"
#include "hw/char/i8042.h"
#include "hw/char/vmmouse.h"

#define READ_ID       0x45414552u
#define DISABLE       0x000000f5u
#define RELATIVE      0x4c455252u
#define ABSOLUTE      0x53424152u
#define VERSION       0x3442554au
#define QUEUE         1024
#define OFF           0xffff
#define EVENT_WORDS   4
#define BUTTON_LEFT   0x20
#define BUTTON_RIGHT  0x10
#define BUTTON_MIDDLE 0x08

typedef struct {
    uint32_t queue_size, queue[QUEUE];
    uint16_t nb_queue, status;
    uint8_t absolute;
} MouseSaved;

typedef struct {
    Device dev; /* first */
    uint32_t queue[QUEUE];
    uint16_t count, status;
    bool absolute;
    Device *i8042;         /* borrowed: whose mouse tells */
    InputHandler *handler; /* there while positions are asked for */
    uint32_t x, y, buttons;
    int32_t wheel;
} VmMouse;

/* ---- what the user does ---- */
static void user_at(void *opaque, int x, int y)
{
    ((VmMouse *)opaque)->x = (uint32_t)x << 1;
    ((VmMouse *)opaque)->y = (uint32_t)y << 1;
}

static void user_button(void *opaque, InputButton button, bool down)
{
    static const uint8_t bits[INPUT_BUTTON__COUNT] = { [INPUT_BUTTON_LEFT] = BUTTON_LEFT,
                                                       [INPUT_BUTTON_RIGHT] = BUTTON_RIGHT,
                                                       [INPUT_BUTTON_MIDDLE] = BUTTON_MIDDLE };
    VmMouse *m = opaque;

    if (down && (button == INPUT_BUTTON_WHEEL_UP || button == INPUT_BUTTON_WHEEL_DOWN)) {
        m->wheel += button == INPUT_BUTTON_WHEEL_UP ? -1 : 1;
    }
    m->buttons = down ? m->buttons | bits[button] : m->buttons & ~bits[button];
}

/* A full queue loses the event. */
static void user_sync(void *opaque)
{
    VmMouse *m = opaque;
    const uint32_t event[EVENT_WORDS] = { m->buttons, m->x, m->y, (uint32_t)m->wheel };

    m->wheel = 0;
    if (m->status != OFF && m->count + EVENT_WORDS <= QUEUE) {
        memcpy(m->queue + m->count, event, sizeof(event));
        m->count += EVENT_WORDS;
        ps2_mouse_move(i8042_mouse(m->i8042), 0, 0, 0, 0);
    }
}

static void want_positions(VmMouse *m, bool absolute)
{
    static const InputHandlerOps ops = {
        .name = "vmmouse", .move_abs = user_at, .button = user_button, .sync = user_sync
    };

    m->absolute = absolute;
    if (absolute && !m->handler) {
        m->handler = input_handler_add(device_vm(&m->dev), &ops, m);
    } else if (!absolute) {
        g_clear_pointer(&m->handler, input_handler_remove);
    }
}

/* ---- what the guest does ---- */
void vmmouse_command(Device *dev, uint32_t what)
{
    VmMouse *m = (VmMouse *)dev;

    switch (what) {
    case DISABLE:
        m->status = OFF;
        want_positions(m, false);
        break;
    case READ_ID:
        m->count = 0;
        m->queue[m->count++] = VERSION;
        m->status = 0;
        break;
    case RELATIVE: want_positions(m, false); break;
    case ABSOLUTE: want_positions(m, true); break;
    }
}

bool vmmouse_take(Device *dev, unsigned n, uint32_t words[VMMOUSE_WORDS])
{
    VmMouse *m = (VmMouse *)dev;

    if (n == 0 || n > VMMOUSE_WORDS || n > m->count) {
        m->status = OFF;
        m->count = 0;
        return false;
    }
    memcpy(words, m->queue, n * sizeof(words[0]));
    m->count -= n;
    memmove(m->queue, m->queue + n, m->count * sizeof(m->queue[0]));
    return true;
}

uint32_t vmmouse_status(const Device *dev)
{
    const VmMouse *m = (const VmMouse *)dev;

    return (uint32_t)m->status << 16 | m->count;
}

static void mouse_reset(Device *dev, ResetKind kind)
{
    VmMouse *m = (VmMouse *)dev;

    m->count = 0;
    m->status = OFF;
    want_positions(m, false);
}

static const Field mouse_fields[] = {
    F_U32(MouseSaved, queue_size, .min = QUEUE, .max = QUEUE),
    F_ARRAY(FIELD_U32, MouseSaved, queue),
    F_U16(MouseSaved, nb_queue, .min = 0, .max = QUEUE),
    F_U16(MouseSaved, status),
    F_U8(MouseSaved, absolute),
    F_END,
};
static const Record mouse_record = {
    .name = "vmmouse",
    .version = 0,
    .min_version = 0,
    .size = sizeof(MouseSaved),
    .fields = mouse_fields,
};
static void mouse_save(void *owner, void *saved)
{
    VmMouse *m = owner;
    MouseSaved *out = saved;

    out->queue_size = QUEUE;
    memcpy(out->queue, m->queue, sizeof(out->queue));
    out->nb_queue = m->count;
    out->status = m->status;
    out->absolute = m->absolute;
}
static void mouse_install(void *owner, const void *saved)
{
    VmMouse *m = owner;
    const MouseSaved *in = saved;

    memcpy(m->queue, in->queue, sizeof(m->queue));
    m->count = in->nb_queue;
    m->status = in->status;
    want_positions(m, in->absolute);
}
static const SectionOps mouse_section_ops = { .save = mouse_save, .install = mouse_install };
static const SectionDesc mouse_section = { .record = &mouse_record, .ops = &mouse_section_ops };

static bool mouse_realize(Device *dev, GError **error)
{
    return true;
}

static void mouse_unrealize(Device *dev)
{
    want_positions((VmMouse *)dev, false);
}

static const DeviceOps mouse_ops = {
    .bus_type = "ISA",
    .category = DEVICE_CATEGORY_INPUT,
    .realize = mouse_realize,
    .unrealize = mouse_unrealize,
    .reset = mouse_reset,
    .section = &mouse_section,
};

Device *vmmouse_new(IsaBus *bus, Device *i8042, GError **error)
{
    Device *dev = device_create(bus->bus.obj.vm, "vmmouse", &bus->bus, NULL, error);

    if (dev) {
        ((VmMouse *)dev)->i8042 = i8042;
    }
    return dev;
}

const TypeInfo vmmouse_types[] = {
    { .name = "vmmouse",
      .parent = "isa-device",
      .description = "absolute mouse behind the backdoor port",
      .instance_size = sizeof(VmMouse),
      .ops = &mouse_ops },
};
const size_t vmmouse_types_count = G_N_ELEMENTS(vmmouse_types);
