/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8254 programmable interval timer (data sheet 231164) and port 0x61 of the PC.
 *
 * A channel is a start time and a count: its value and its OUT are computed when somebody looks.
 * Only channel 0 has a timer, because only its OUT is wired. In mode 2 the low pulse of one clock
 * is made at the end of the period in one go. A gate that is low does not stop counting.
 */
#include "hw/timer/i8254.h"

/* ---- saved form: "i8254" version 3 ---- */

typedef struct {
    int32_t count; /* 1..65536 */
    uint16_t latched_count;
    uint8_t count_latched; /* an Access; 0: not latched */
    uint8_t status_latched, status;
    uint8_t read_state, write_state; /* an Access */
    uint8_t write_latch;
    uint8_t rw_mode; /* an Access, as programmed */
    uint8_t mode, bcd, gate;
    int64_t count_load_time;      /* ns */
    int64_t next_transition_time; /* ns; -1: none */
} Channel;

typedef struct {
    uint32_t irq_disabled;
    Channel channels[3];
    int64_t next_transition_time; /* of channel 0, again */
} PitSaved;

enum {
    ACCESS_LATCH = 0,
    ACCESS_LSB = 1,
    ACCESS_MSB = 2,
    ACCESS_WORD0 = 3, /* low byte is next */
    ACCESS_WORD1 = 4, /* high byte is next */
};

typedef struct {
    Device dev; /* first */
    PitSaved r;
    Irq *out;
    Timer *timer;
    MemoryRegion io;
    uint32_t iobase; /* property */
} Pit;

#define CATCH_UP_NS (100 * NS_PER_MS) /* ticks of a row that are later than this are lost */
/* ... and others come this far apart, or they would melt into one before the guest has seen the first */
#define ROOM_NS (200 * NS_PER_US)

/* ---- counting ---- */

static uint64_t to_ticks(int64_t ns)
{
    return ns <= 0 ? 0 : (uint64_t)((unsigned __int128)ns * I8254_HZ / NS_PER_SEC);
}

/* The first ns at which that many ticks have passed. */
static int64_t to_ns(uint64_t ticks)
{
    return (int64_t)(((unsigned __int128)ticks * NS_PER_SEC + I8254_HZ - 1) / I8254_HZ);
}

static int64_t now_ns(Pit *s)
{
    return clock_now_ns(device_vm(&s->dev), CLOCK_KIND_VIRTUAL);
}

static uint64_t ticks_of(const Channel *c, int64_t now)
{
    return to_ticks(now - c->count_load_time);
}

static uint16_t to_bcd(unsigned v)
{
    return (uint16_t)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

static unsigned from_bcd(unsigned v)
{
    return (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12 & 15) * 1000;
}

static uint16_t current_count(const Channel *c, int64_t now)
{
    uint64_t d = ticks_of(c, now), count = (uint64_t)c->count, wrap = c->bcd ? 10000 : 0x10000;
    uint64_t value;

    switch (c->mode) {
    case 2: value = count - d % count; break;
    case 3: value = count - (2 * d) % count; break;
    default: value = (count + wrap - d % wrap) % wrap; break;
    }
    return c->bcd ? to_bcd((unsigned)(value % 10000)) : (uint16_t)value;
}

static bool out_level(const Channel *c, int64_t now)
{
    uint64_t d = ticks_of(c, now), count = (uint64_t)c->count;

    switch (c->mode) {
    case 0:
    case 1: return d >= count;
    case 2: return d % count != count - 1 || count == 1;
    case 3: return d % count < (count + 1) / 2;
    default: return d != count;
    }
}

/* When OUT changes next after @now; -1: never. */
static int64_t next_transition(const Channel *c, int64_t now)
{
    uint64_t d = ticks_of(c, now), count = (uint64_t)c->count, base, at;

    switch (c->mode) {
    case 2: at = (d / count + 1) * count; break;
    case 3:
        base = d / count * count;
        at = d - base < (count + 1) / 2 ? base + (count + 1) / 2 : base + count;
        break;
    case 4:
    case 5:
        if (d > count) {
            return -1;
        }
        at = d == count ? count + 1 : count;
        break;
    default:
        if (d >= count) {
            return -1;
        }
        at = count;
        break;
    }
    int64_t ns = c->count_load_time + to_ns(at);

    return ns > now ? ns : now + 1;
}

/* ---- interrupt update ---- */

static void arm(Pit *s)
{
    Channel *c = &s->r.channels[0];

    if (c->next_transition_time == -1 || s->r.irq_disabled) {
        timer_cancel(s->timer);
    } else {
        timer_arm(s->timer, c->next_transition_time);
    }
}

/* What channel 0 says to the interrupt controller: OUT; but a strobe is a pulse upwards. The interrupt then comes with
   its beginning, not 838 ns later with its end, and a line at rest is low, which is what a machine that we share a
   stream with makes of the state of the interrupt controller: it would not see the edge of a line that is high already. */
static bool irq_level(const Channel *c, int64_t now)
{
    bool strobe = c->mode >= 4;

    return out_level(c, now) != strobe;
}

/* The line of channel 0 as of @now, and when it changes next. @tick: a period of mode 2 just ended. */
static void update_irq(Pit *s, int64_t now, bool tick)
{
    Channel *c = &s->r.channels[0];

    if (s->r.irq_disabled) {
        timer_cancel(s->timer);
        return;
    }
    if (tick && c->mode == 2) {
        irq_lower(s->out);
    }
    irq_set(s->out, irq_level(c, now));
    c->next_transition_time = next_transition(c, now);
    arm(s);
}

/* However late a single strobe is, both its edges come: there is no next tick that could make up for it. */
static void on_timer(void *opaque)
{
    Pit *s = opaque;
    Channel *c = &s->r.channels[0];
    int64_t due = c->next_transition_time, now = now_ns(s);
    bool of_a_row = c->mode == 2 || c->mode == 3;

    update_irq(s, of_a_row && now - due > CATCH_UP_NS ? now : due, true);
    if (c->next_transition_time != -1 && c->next_transition_time <= now) {
        timer_arm(s->timer, now + MIN(ROOM_NS, to_ns((uint64_t)c->count) / 4));
    }
}

static void irq_control(void *opaque, int n, int enable)
{
    Pit *s = opaque;

    s->r.irq_disabled = !enable;
    if (enable) {
        update_irq(s, now_ns(s), false);
    } else {
        timer_cancel(s->timer);
        irq_lower(s->out);
    }
}

static void load_count(Pit *s, int i, unsigned value)
{
    Channel *c = &s->r.channels[i];

    if (c->bcd) {
        value = from_bcd(value);
    }
    c->count = value ? (int32_t)value : c->bcd ? 10000 : 0x10000;
    c->count_load_time = now_ns(s);
    if (i == 0) {
        update_irq(s, c->count_load_time, false);
    }
}

/* ---- registers ---- */

static void latch_count(Pit *s, Channel *c)
{
    if (!c->count_latched) {
        c->latched_count = current_count(c, now_ns(s));
        c->count_latched = c->rw_mode;
    }
}

static void latch_status(Pit *s, Channel *c)
{
    if (!c->status_latched) {
        c->status =
            (uint8_t)(out_level(c, now_ns(s)) << 7 | c->rw_mode << 4 | c->mode << 1 | c->bcd);
        c->status_latched = 1;
    }
}

static void write_control(Pit *s, uint8_t value)
{
    int i = value >> 6, access = value >> 4 & 3;

    if (i == 3) { /* read back */
        for (i = 0; i < 3; i++) {
            if (value & (2u << i)) {
                if (!(value & 0x20)) {
                    latch_count(s, &s->r.channels[i]);
                }
                if (!(value & 0x10)) {
                    latch_status(s, &s->r.channels[i]);
                }
            }
        }
        return;
    }
    Channel *c = &s->r.channels[i];

    if (access == ACCESS_LATCH) {
        latch_count(s, c);
        return;
    }
    c->rw_mode = c->read_state = c->write_state = (uint8_t)access;
    c->count_latched = c->status_latched = 0;
    c->mode = value >> 1 & 7;
    if (c->mode > 5) {
        c->mode &= 3;
    }
    c->bcd = value & 1;
}

static void pit_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Pit *s = opaque;
    int i = (int)(addr & 3);

    if (i == 3) {
        write_control(s, (uint8_t)value);
        return;
    }
    Channel *c = &s->r.channels[i];

    switch (c->write_state) {
    case ACCESS_MSB: load_count(s, i, (unsigned)(value & 0xff) << 8); break;
    case ACCESS_WORD0:
        c->write_latch = (uint8_t)value;
        c->write_state = ACCESS_WORD1;
        break;
    case ACCESS_WORD1:
        c->write_state = ACCESS_WORD0;
        load_count(s, i, c->write_latch | (unsigned)(value & 0xff) << 8);
        break;
    default: load_count(s, i, value & 0xff); break;
    }
}

static uint8_t read_latched(Channel *c)
{
    switch (c->count_latched) {
    case ACCESS_MSB: c->count_latched = 0; return c->latched_count >> 8;
    case ACCESS_WORD0: c->count_latched = ACCESS_MSB; return c->latched_count & 0xff;
    default: c->count_latched = 0; return c->latched_count & 0xff;
    }
}

static uint64_t pit_read(void *opaque, uint64_t addr, unsigned size)
{
    Pit *s = opaque;

    if ((addr & 3) == 3) {
        return 0; /* the control word cannot be read */
    }
    Channel *c = &s->r.channels[addr & 3];

    if (c->status_latched) {
        c->status_latched = 0;
        return c->status;
    }
    if (c->count_latched) {
        return read_latched(c);
    }
    uint16_t count = current_count(c, now_ns(s));

    switch (c->read_state) {
    case ACCESS_MSB: return count >> 8;
    case ACCESS_WORD0: c->read_state = ACCESS_WORD1; return count & 0xff;
    case ACCESS_WORD1: c->read_state = ACCESS_WORD0; return count >> 8;
    default: return count & 0xff;
    }
}

static const RegionOps pit_ops = { .read = pit_read, .write = pit_write, .impl = { 1, 1 } };

void i8254_set_gate(Device *dev, int channel, bool level)
{
    Pit *s = (Pit *)dev;
    Channel *c = &s->r.channels[channel];

    if (level && !c->gate && c->mode != 0 && c->mode != 4) {
        c->count_load_time = now_ns(s); /* a rising gate starts over */
        if (channel == 0) {
            update_irq(s, c->count_load_time, false);
        }
    }
    c->gate = level;
}

bool i8254_get_gate(Device *dev, int channel)
{
    return ((Pit *)dev)->r.channels[channel].gate;
}

bool i8254_get_out(Device *dev, int channel)
{
    return out_level(&((Pit *)dev)->r.channels[channel], now_ns((Pit *)dev));
}

/* ---- reset, realize ---- */

static void pit_reset(Device *dev, ResetKind kind)
{
    Pit *s = (Pit *)dev;

    s->r.irq_disabled = 0;
    for (int i = 0; i < 3; i++) {
        s->r.channels[i] = (Channel){ .mode = 3,
                                      .gate = i != 2,
                                      .next_transition_time = -1,
                                      .rw_mode = ACCESS_WORD0,
                                      .read_state = ACCESS_WORD0,
                                      .write_state = ACCESS_WORD0 };
        load_count(s, i, 0);
    }
}

static void pit_init(Object *obj)
{
    Pit *s = (Pit *)obj;

    for (int i = 0; i < 3; i++) {
        s->r.channels[i].count = 0x10000;
    }
    s->timer = timer_new(obj->vm, CLOCK_KIND_VIRTUAL, "i8254", on_timer, s);
    device_add_gpio_in(&s->dev, NULL, irq_control, 1);
    device_add_gpio_out(&s->dev, NULL, &s->out, 1);
}

static void pit_finalize(Object *obj)
{
    timer_free(((Pit *)obj)->timer);
}

static bool pit_realize(Device *dev, GError **error)
{
    Pit *s = (Pit *)dev;

    if (!s->out && !isa_device_get_irq(dev, 0, &s->out, error)) {
        return false;
    }
    memory_region_init_io(&s->io, device_vm(dev), &dev->obj, &pit_ops, s, "pit", 4);
    isa_device_add_io(dev, &s->io, (uint16_t)s->iobase);
    return true;
}

static void pit_unrealize(Device *dev)
{
    timer_cancel(((Pit *)dev)->timer);
    memory_region_clear(&((Pit *)dev)->io);
}

/* ---- record description ---- */

static const Record channel_record = {
    .name = "pit channel",
    .version = 2,
    .min_version = 2,
    .size = sizeof(Channel),
    .fields =
        (const Field[]){
            F_I32(Channel, count, .min = 1, .max = 0x10000), F_U16(Channel, latched_count),
            F_U8(Channel, count_latched, .max = ACCESS_WORD1), F_U8(Channel, status_latched),
            F_U8(Channel, status), F_U8(Channel, read_state, .max = ACCESS_WORD1),
            F_U8(Channel, write_state, .max = ACCESS_WORD1), F_U8(Channel, write_latch),
            F_U8(Channel, rw_mode, .max = ACCESS_WORD1), F_U8(Channel, mode, .max = 7),
            F_U8(Channel, bcd, .max = 1), F_U8(Channel, gate), F_I64(Channel, count_load_time),
            F_I64(Channel, next_transition_time), F_END },
};

static const Record pit_record = {
    .name = "i8254",
    .version = 3,
    .min_version = 2,
    .size = sizeof(PitSaved),
    .fields =
        (const Field[]){
            F_U32(PitSaved, irq_disabled, .name = "channels[0].irq_disabled", .since = 3),
            F_STRUCT_ARRAY(PitSaved, channels, channel_record),
            F_I64(PitSaved, next_transition_time, .name = "channels[0].next_transition_time"),
            F_END },
};

static void save(void *owner, void *saved)
{
    PitSaved *to = saved;

    *to = ((Pit *)owner)->r;
    to->next_transition_time = to->channels[0].next_transition_time;
}

static void install(void *owner, const void *saved)
{
    Pit *s = owner;

    s->r = *(const PitSaved *)saved;
    s->r.channels[0].next_transition_time = s->r.next_transition_time;
    arm(s);
}

static const SectionOps section_ops = { .save = save, .install = install };
static const SectionDesc pit_section = { .record = &pit_record, .ops = &section_ops };

/* ---- port 0x61 ---- */

typedef struct {
    uint8_t data_on, dummy_refresh_clock;
} SpeakerSaved;

typedef struct {
    Device dev; /* first */
    SpeakerSaved r;
    MemoryRegion io;
    Object *pit; /* property; referenced */
    char *audiodev;
    uint32_t iobase;
    bool migrate;
} Speaker;

static uint64_t speaker_read(void *opaque, uint64_t addr, unsigned size)
{
    Speaker *s = opaque;

    /* Programs time themselves by the refresh bit: it must change, how often is not exact. */
    s->r.dummy_refresh_clock ^= 0x10;
    return i8254_get_gate(DEVICE(s->pit), 2) | s->r.data_on << 1 |
           (s->r.dummy_refresh_clock & 0x10) | (uint64_t)i8254_get_out(DEVICE(s->pit), 2) << 5;
}

static void speaker_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Speaker *s = opaque;

    i8254_set_gate(DEVICE(s->pit), 2, value & 1);
    s->r.data_on = value >> 1 & 1;
}

static const RegionOps speaker_ops = { .read = speaker_read,
                                       .write = speaker_write,
                                       .impl = { 1, 1 } };

static void speaker_reset(Device *dev, ResetKind kind)
{
    ((Speaker *)dev)->r = (SpeakerSaved){ 0 };
}

static bool speaker_realize(Device *dev, GError **error)
{
    Speaker *s = (Speaker *)dev;

    if (!s->pit || !object_is_a(s->pit, "isa-pit")) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "isa-pcspk: property 'pit' must name an isa-pit");
        return false;
    }
    memory_region_init_io(&s->io, device_vm(dev), &dev->obj, &speaker_ops, s, "pcspk", 1);
    isa_device_add_io(dev, &s->io, (uint16_t)s->iobase);
    return true;
}

static void speaker_unrealize(Device *dev)
{
    memory_region_clear(&((Speaker *)dev)->io);
}

static const Record speaker_record = {
    .name = "pcspk",
    .version = 1,
    .min_version = 1,
    .size = sizeof(SpeakerSaved),
    .fields = (const Field[]){ F_U8(SpeakerSaved, data_on, .max = 1),
                               F_U8(SpeakerSaved, dummy_refresh_clock), F_END },
};

static void speaker_save(void *owner, void *saved)
{
    *(SpeakerSaved *)saved = ((Speaker *)owner)->r;
}

static void speaker_install(void *owner, const void *saved)
{
    ((Speaker *)owner)->r = *(const SpeakerSaved *)saved;
}

static const SectionOps speaker_section_ops = { .save = speaker_save, .install = speaker_install };
static const SectionDesc speaker_section = { .record = &speaker_record,
                                             .ops = &speaker_section_ops };

/* ---- types ---- */

static const Property pit_props[] = {
    PROP(PROP_U32, Pit, iobase, "iobase", "0x40", .max = 0xfffc),
    PROP_END,
};

static const Property speaker_props[] = {
    PROP(PROP_NAME, Speaker, audiodev, "audiodev", NULL, .link_type = "audiodev"),
    PROP(PROP_U32, Speaker, iobase, "iobase", "0x61", .max = 0xffff),
    PROP(PROP_LINK, Speaker, pit, "pit", NULL, .link_type = "pit-common"),
    PROP(PROP_BOOL, Speaker, migrate, "migrate", "on"),
    PROP_END,
};

static const DeviceOps pit_device_ops = {
    .bus_type = "ISA",
    .realize = pit_realize,
    .unrealize = pit_unrealize,
    .reset = pit_reset,
    .section = &pit_section,
};

static const DeviceOps speaker_device_ops = {
    .bus_type = "ISA",
    .category = DEVICE_CATEGORY_SOUND,
    .realize = speaker_realize,
    .unrealize = speaker_unrealize,
    .reset = speaker_reset,
    .section = &speaker_section,
};

const TypeInfo i8254_types[] = {
    { .name = "pit-common", .parent = "isa-device", .abstract = true },
    { .name = "isa-pit",
      .parent = "pit-common",
      .description = "8254 interval timer",
      .instance_size = sizeof(Pit),
      .props = pit_props,
      .ops = &pit_device_ops,
      .init = pit_init,
      .finalize = pit_finalize },
    { .name = "isa-pcspk",
      .parent = "isa-device",
      .description = "PC speaker",
      .instance_size = sizeof(Speaker),
      .props = speaker_props,
      .ops = &speaker_device_ops },
};
const size_t i8254_types_n = G_N_ELEMENTS(i8254_types);
