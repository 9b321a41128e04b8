/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8042 as the PC's keyboard controller (IBM PC AT technical reference), and port 0x92.
 *
 * The output buffer takes the next byte from one source: the controller itself, the keyboard, the
 * mouse, in this order. The byte of a PS/2 device stays in the device's queue until it is read.
 */
#include "hw/char/i8042.h"

/* ---- saved form: "pckbd" version 3 ---- */

typedef struct {
    uint8_t write_cmd, status, mode, pending_tmp;
    uint8_t outport;
    uint32_t migration_flags, obsrc;
    uint8_t obdata, cbdata;
    bool has_outport, has_extended, want_extended;
} KbdSaved;

typedef struct {
    KbdSaved kbd;
} I8042Saved;

typedef struct {
    Device dev; /* first */
    KbdSaved r; /* pending_tmp is the live set of PENDING_ bits */
    Device *keyboard, *mouse;
    Irq keyboard_line, mouse_line; /* what the devices' outputs drive */
    Irq *irq[2];                   /* to the ISA lines: keyboard, mouse */
    Irq *a20;
    bool taking; /* inside ps2_read() */
    MemoryRegion data_io, cmd_io;
    uint8_t irqs[2];
    bool extended_state, throttle;
} I8042;

/* ---- registers ---- */

enum {
    STAT_OBF = 0x01,
    STAT_SELFTEST = 0x04,
    STAT_CMD = 0x08,
    STAT_UNLOCKED = 0x10,
    STAT_MOUSE_OBF = 0x20,
    MODE_KBD_INT = 0x01,
    MODE_MOUSE_INT = 0x02,
    MODE_SYS = 0x04,
    MODE_KBD_OFF = 0x10,
    MODE_MOUSE_OFF = 0x20,
    MODE_TRANSLATE = 0x40,
    OUT_NO_RESET = 0x01,
    OUT_A20 = 0x02,
    OUT_OBF = 0x10,
    OUT_MOUSE_OBF = 0x20,
    OUT_ONES = 0xcc,
    PENDING_KBD = 1,
    PENDING_AUX = 2,
    PENDING_CTRL_KBD = 4,
    PENDING_CTRL_AUX = 8,
    SRC_KBD = 1,
    SRC_MOUSE = 2,
    SRC_CTRL = 4,
};

/* ---- interrupt update ---- */

static void update_lines(I8042 *s)
{
    const KbdSaved *r = &s->r;
    bool full = r->status & STAT_OBF, mouse = r->status & STAT_MOUSE_OBF;

    irq_set(s->irq[0], full && !mouse && (r->mode & MODE_KBD_INT) && !(r->mode & MODE_KBD_OFF));
    irq_set(s->irq[1], full && mouse && (r->mode & MODE_MOUSE_INT));
}

static void empty_buffer(I8042 *s)
{
    s->r.status &= (uint8_t) ~(STAT_OBF | STAT_MOUSE_OBF);
    s->r.outport &= (uint8_t) ~(OUT_OBF | OUT_MOUSE_OBF);
}

/* Fills the output buffer from the strongest source when it is empty. */
static void refill(I8042 *s)
{
    KbdSaved *r = &s->r;
    bool mouse = false;

    if (r->status & STAT_OBF) {
        update_lines(s);
        return;
    }
    if (r->pending_tmp & PENDING_CTRL_KBD) {
        r->obsrc = SRC_CTRL;
    } else if (r->pending_tmp & PENDING_CTRL_AUX) {
        r->obsrc = SRC_CTRL;
        mouse = true;
    } else if ((r->pending_tmp & PENDING_KBD) && !(r->mode & MODE_KBD_OFF)) {
        r->obsrc = SRC_KBD;
    } else if ((r->pending_tmp & PENDING_AUX) && !(r->mode & MODE_MOUSE_OFF)) {
        r->obsrc = SRC_MOUSE;
        mouse = true;
    } else {
        update_lines(s);
        return;
    }
    r->status |= STAT_OBF | (mouse ? STAT_MOUSE_OBF : 0);
    r->outport |= mouse ? OUT_MOUSE_OBF : OUT_OBF;
    update_lines(s);
}

static void device_has_bytes(void *opaque, int n, int level)
{
    I8042 *s = opaque;
    uint8_t bit = n == 0 ? PENDING_KBD : PENDING_AUX;

    s->r.pending_tmp = level ? s->r.pending_tmp | bit : s->r.pending_tmp & (uint8_t)~bit;
    if (!s->taking) {
        refill(s);
    }
}

static void controller_reply(I8042 *s, uint8_t byte, bool aux)
{
    s->r.cbdata = byte;
    s->r.pending_tmp &= (uint8_t) ~(PENDING_CTRL_KBD | PENDING_CTRL_AUX);
    s->r.pending_tmp |= aux ? PENDING_CTRL_AUX : PENDING_CTRL_KBD;
    refill(s);
}

/* ---- read ---- */

static uint64_t data_read(void *opaque, uint64_t addr, unsigned size)
{
    I8042 *s = opaque;
    KbdSaved *r = &s->r;

    if (!(r->status & STAT_OBF)) {
        return r->obdata;
    }
    empty_buffer(s);
    update_lines(s);
    if (r->obsrc & SRC_CTRL) {
        r->pending_tmp &= (uint8_t) ~(PENDING_CTRL_KBD | PENDING_CTRL_AUX);
        r->obdata = r->cbdata;
    } else {
        s->taking = true; /* the device drives its line now: the buffer is filled below */
        r->obdata = ps2_read(r->obsrc & SRC_MOUSE ? s->mouse : s->keyboard);
        s->taking = false;
    }
    refill(s);
    return r->obdata;
}

static uint64_t cmd_read(void *opaque, uint64_t addr, unsigned size)
{
    return ((I8042 *)opaque)->r.status;
}

/* ---- write ---- */

static void write_outport(I8042 *s, uint8_t value)
{
    s->r.outport = value;
    irq_set(s->a20, value >> 1 & 1);
    if (!(value & OUT_NO_RESET)) {
        vm_reset_request(device_vm(&s->dev), SHUTDOWN_GUEST_RESET);
    }
}

static void cmd_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    I8042 *s = opaque;
    KbdSaved *r = &s->r;

    if ((value & 0xf0) == 0xf0) { /* pulse the output port's lines whose bit is 0 */
        if (!(value & 1)) {
            vm_reset_request(device_vm(&s->dev), SHUTDOWN_GUEST_RESET);
        }
        return;
    }
    r->status |= STAT_CMD;
    switch (value & 0xff) {
    case 0x20: controller_reply(s, r->mode, false); break;
    case 0x60:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4: r->write_cmd = (uint8_t)value; break;
    case 0xa7: r->mode |= MODE_MOUSE_OFF; break;
    case 0xa8: r->mode &= (uint8_t)~MODE_MOUSE_OFF; break;
    case 0xa9: controller_reply(s, 0x00, false); break;
    case 0xaa:
        r->status |= STAT_SELFTEST;
        controller_reply(s, 0x55, false);
        break;
    case 0xab: controller_reply(s, 0x00, false); break;
    case 0xad: r->mode |= MODE_KBD_OFF; break;
    case 0xae:
        r->mode &= (uint8_t)~MODE_KBD_OFF;
        refill(s);
        break;
    case 0xc0: controller_reply(s, 0x80, false); break;
    case 0xd0: controller_reply(s, r->outport, false); break;
    case 0xdd: write_outport(s, r->outport & (uint8_t)~OUT_A20); break;
    case 0xdf: write_outport(s, r->outport | OUT_A20); break;
    default: break;
    }
}

static void data_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    I8042 *s = opaque;
    KbdSaved *r = &s->r;
    uint8_t command = r->write_cmd, byte = (uint8_t)value;

    r->write_cmd = 0;
    r->status &= (uint8_t)~STAT_CMD;
    switch (command) {
    case 0:
        r->mode &= (uint8_t)~MODE_KBD_OFF;
        ps2_keyboard_write(s->keyboard, byte);
        refill(s);
        break;
    case 0x60:
        r->mode = byte;
        ps2_keyboard_set_translation(s->keyboard, byte & MODE_TRANSLATE);
        refill(s);
        break;
    case 0xd1: write_outport(s, byte); break;
    case 0xd2: controller_reply(s, byte, false); break;
    case 0xd3: controller_reply(s, byte, true); break;
    case 0xd4:
        r->mode &= (uint8_t)~MODE_MOUSE_OFF;
        ps2_mouse_write(s->mouse, byte);
        break;
    default: break;
    }
}

static const RegionOps data_ops = { .read = data_read, .write = data_write, .impl = { 1, 1 } };
static const RegionOps cmd_ops = { .read = cmd_read, .write = cmd_write, .impl = { 1, 1 } };

/* ---- reset, realize ---- */

static void i8042_reset(Device *dev, ResetKind kind)
{
    I8042 *s = (I8042 *)dev;

    device_reset(s->keyboard, kind);
    device_reset(s->mouse, kind);
    s->r = (KbdSaved){ .status = STAT_CMD | STAT_UNLOCKED,
                       .mode = MODE_KBD_INT | MODE_MOUSE_INT,
                       .outport = OUT_NO_RESET | OUT_A20 | OUT_ONES };
    update_lines(s);
}

static void i8042_init(Object *obj)
{
    I8042 *s = (I8042 *)obj;

    irq_init(&s->keyboard_line, device_has_bytes, s, 0);
    irq_init(&s->mouse_line, device_has_bytes, s, 1);
    device_add_gpio_out(&s->dev, I8042_A20, &s->a20, 1);
}

static Device *make_child(I8042 *s, const char *type, const char *name, Irq *line, GError **error)
{
    g_autofree char *path = object_path(&s->dev.obj);
    g_autofree char *full = g_strdup_printf("%s/%s", path, name);
    Device *dev = device_create(device_vm(&s->dev), type, NULL, full, error);

    if (dev) {
        device_connect_out(dev, NULL, 0, line);
    }
    return dev;
}

static void i8042_unrealize(Device *dev)
{
    I8042 *s = (I8042 *)dev;

    g_clear_pointer(&s->keyboard, device_unrealize);
    g_clear_pointer(&s->mouse, device_unrealize);
    memory_region_clear(&s->data_io);
    memory_region_clear(&s->cmd_io);
}

static bool i8042_realize(Device *dev, GError **error)
{
    I8042 *s = (I8042 *)dev;
    Vm *vm = device_vm(dev);

    if (!isa_device_get_irq(dev, s->irqs[0], &s->irq[0], error) ||
        !isa_device_get_irq(dev, s->irqs[1], &s->irq[1], error)) {
        return false;
    }
    s->keyboard = make_child(s, "ps2-kbd", "ps2kbd", &s->keyboard_line, error);
    s->mouse = s->keyboard ? make_child(s, "ps2-mouse", "ps2mouse", &s->mouse_line, error) : NULL;
    if (!s->mouse) {
        g_clear_pointer(&s->keyboard, device_unrealize);
        return false;
    }
    memory_region_init_io(&s->data_io, vm, &dev->obj, &data_ops, s, "i8042-data", 1);
    memory_region_init_io(&s->cmd_io, vm, &dev->obj, &cmd_ops, s, "i8042-cmd", 1);
    isa_device_add_io(dev, &s->data_io, 0x60);
    isa_device_add_io(dev, &s->cmd_io, 0x64);
    return true;
}

Device *i8042_keyboard(Device *i8042)
{
    return ((I8042 *)i8042)->keyboard;
}

Device *i8042_mouse(Device *i8042)
{
    return ((I8042 *)i8042)->mouse;
}

/* ---- record description ---- */

static uint8_t usual_outport(const KbdSaved *r)
{
    uint8_t full = r->status & STAT_MOUSE_OBF ? OUT_MOUSE_OBF : OUT_OBF;

    return OUT_NO_RESET | OUT_A20 | OUT_ONES | (r->status & STAT_OBF ? full : 0);
}

static bool outport_needed(const void *saved)
{
    const KbdSaved *r = saved;

    return r->outport != usual_outport(r);
}

static bool extended_needed(const void *saved)
{
    return ((const KbdSaved *)saved)->want_extended;
}

static const Record outport_record = {
    .name = "pckbd_outport",
    .version = 1,
    .min_version = 1,
    .size = sizeof(KbdSaved),
    .fields = (const Field[]){ F_U8(KbdSaved, outport), F_END },
    .needed = outport_needed,
    .has_present = true,
    .present_offset = offsetof(KbdSaved, has_outport),
    .legacy_name = true,
};

static const Record extended_record = {
    .name = "pckbd/extended_state",
    .version = 0,
    .min_version = 0,
    .size = sizeof(KbdSaved),
    .fields = (const Field[]){ F_U32(KbdSaved, migration_flags), F_U32(KbdSaved, obsrc),
                               F_U8(KbdSaved, obdata), F_U8(KbdSaved, cbdata), F_END },
    .needed = extended_needed,
    .has_present = true,
    .present_offset = offsetof(KbdSaved, has_extended),
};

static const Record kbd_record = {
    .name = "pckbd",
    .version = 3,
    .min_version = 3,
    .size = sizeof(KbdSaved),
    .fields = (const Field[]){ F_U8(KbdSaved, write_cmd), F_U8(KbdSaved, status),
                               F_U8(KbdSaved, mode), F_U8(KbdSaved, pending_tmp), F_END },
    .subsections = (const Record *const[]){ &outport_record, &extended_record, NULL },
};

static const Record i8042_record = {
    .name = "pckbd",
    .version = 3,
    .min_version = 3,
    .size = sizeof(I8042Saved),
    .fields = (const Field[]){ F_STRUCT(I8042Saved, kbd, kbd_record), F_END },
};

static void save(void *owner, void *saved)
{
    I8042 *s = owner;
    KbdSaved *to = &((I8042Saved *)saved)->kbd;

    *to = s->r;
    to->want_extended = s->extended_state;
    if (!s->extended_state) {
        /* An old reader knows the two devices only. */
        if (to->pending_tmp & PENDING_CTRL_KBD) {
            to->pending_tmp |= PENDING_KBD;
        }
        if (to->pending_tmp & PENDING_CTRL_AUX) {
            to->pending_tmp |= PENDING_AUX;
        }
        to->pending_tmp &= PENDING_KBD | PENDING_AUX;
    }
}

static void install(void *owner, const void *saved)
{
    I8042 *s = owner;

    s->r = ((const I8042Saved *)saved)->kbd;
    s->r.pending_tmp &= 15;
    if (!s->r.has_outport) {
        s->r.outport = usual_outport(&s->r);
    }
    if (!s->r.has_extended) {
        s->r.obsrc = s->r.status & STAT_MOUSE_OBF ? SRC_MOUSE : SRC_KBD;
    }
}

/* The state of A20 itself travels with the CPUs. */
static const SectionOps section_ops = { .save = save, .install = install };
static const SectionDesc i8042_section = { .record = &i8042_record, .ops = &section_ops };

/* ---- port 0x92 ---- */

typedef struct {
    uint8_t outport;
} Port92Saved;

typedef struct {
    Device dev; /* first */
    Port92Saved r;
    Irq *a20;
    MemoryRegion io;
} Port92;

static uint64_t port92_read(void *opaque, uint64_t addr, unsigned size)
{
    return ((Port92 *)opaque)->r.outport;
}

static void port92_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Port92 *s = opaque;
    uint8_t old = s->r.outport;

    s->r.outport = (uint8_t)value;
    irq_set(s->a20, value >> 1 & 1);
    if ((value & 1) && !(old & 1)) {
        vm_reset_request(device_vm(&s->dev), SHUTDOWN_GUEST_RESET);
    }
}

static const RegionOps port92_ops = { .read = port92_read,
                                      .write = port92_write,
                                      .impl = { 1, 1 } };

static void port92_reset(Device *dev, ResetKind kind)
{
    ((Port92 *)dev)->r.outport = 0; /* the line stays as it is until it is written */
}

static void port92_init(Object *obj)
{
    device_add_gpio_out(DEVICE(obj), I8042_A20, &((Port92 *)obj)->a20, 1);
}

static bool port92_realize(Device *dev, GError **error)
{
    Port92 *s = (Port92 *)dev;

    memory_region_init_io(&s->io, device_vm(dev), &dev->obj, &port92_ops, s, "port92", 1);
    isa_device_add_io(dev, &s->io, 0x92);
    return true;
}

static void port92_unrealize(Device *dev)
{
    memory_region_clear(&((Port92 *)dev)->io);
}

static const Record port92_record = {
    .name = "port92",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Port92Saved),
    .fields = (const Field[]){ F_U8(Port92Saved, outport), F_END },
};

static void port92_save(void *owner, void *saved)
{
    *(Port92Saved *)saved = ((Port92 *)owner)->r;
}

static void port92_install(void *owner, const void *saved)
{
    ((Port92 *)owner)->r = *(const Port92Saved *)saved;
}

static const SectionOps port92_section_ops = { .save = port92_save, .install = port92_install };
static const SectionDesc port92_section = { .record = &port92_record, .ops = &port92_section_ops };

/* ---- types ---- */

static const Property i8042_props[] = {
    PROP(PROP_U8, I8042, irqs[0], "kbd-irq", "1"),
    PROP(PROP_U8, I8042, irqs[1], "mouse-irq", "12"),
    PROP(PROP_BOOL, I8042, extended_state, "extended-state", "on"),
    PROP(PROP_BOOL, I8042, throttle, "kbd-throttle", NULL),
    PROP_END,
};

static const DeviceOps i8042_ops = {
    .bus_type = "ISA",
    .category = DEVICE_CATEGORY_INPUT,
    .realize = i8042_realize,
    .unrealize = i8042_unrealize,
    .reset = i8042_reset,
    .section = &i8042_section,
};

static const DeviceOps port92_device_ops = {
    .bus_type = "ISA",
    .realize = port92_realize,
    .unrealize = port92_unrealize,
    .reset = port92_reset,
    .section = &port92_section,
};

const TypeInfo i8042_types[] = {
    { .name = "i8042",
      .parent = "isa-device",
      .description = "PS/2 keyboard controller",
      .instance_size = sizeof(I8042),
      .props = i8042_props,
      .ops = &i8042_ops,
      .init = i8042_init },
    { .name = "port92",
      .parent = "isa-device",
      .description = "system control port A",
      .instance_size = sizeof(Port92),
      .ops = &port92_device_ops,
      .init = port92_init },
};
const size_t i8042_types_n = G_N_ELEMENTS(i8042_types);
