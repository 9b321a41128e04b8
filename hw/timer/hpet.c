/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IA-PC HPET, revision 1.0a: a 64-bit counter of 10 ns and up to 32 comparators.
 *
 * While it runs, the counter is the virtual clock plus hpet_offset. A comparator that was passed
 * already when it is written fires at once. A 32-bit one-shot comparator does not fire at wrap.
 */
#include "base/util/bits.h"
#include "hw/timer/hpet.h"

#define MIN_TIMERS 3
#define MAX_TIMERS 32
#define TICK_NS    10
#define CATCH_UP_TICKS \
    (100 * NS_PER_MS / TICK_NS) /* ticks of a period that are later than this are lost */
/* ... and others come this far apart, or they would melt into one before the guest has seen the first */
#define ROOM_TICKS (200 * NS_PER_US / TICK_NS)
#define RTC_IRQ    8

/* ---- saved form: "hpet" version 2 ---- */

typedef struct {
    uint8_t tn;
    uint64_t config, cmp, fsb, period;
    uint8_t wrap_flag;
    int64_t qemu_timer;
} HpetTimerSaved;

typedef struct {
    uint64_t config, isr, hpet_counter;
    uint8_t num_timers_save;
    HpetTimerSaved timer[MAX_TIMERS];
    uint64_t hpet_offset;
    uint8_t rtc_irq_level;
    bool has_offset, want_offset;
} HpetSaved;

typedef struct Hpet Hpet;
typedef struct {
    Hpet *hpet;
    int n;
    Timer *timer;
} Comparator;

struct Hpet {
    Device dev; /* first */
    HpetSaved r;
    Comparator comparators[MAX_TIMERS];
    Irq *irqs[HPET_NUM_IRQS];
    Irq *pit_enabled;
    MemoryRegion mmio;
    /* properties */
    uint8_t timers;
    uint32_t intcap;
    bool msi, offset_saved;
};

/* ---- registers ---- */

enum {
    REG_CAP = 0x00,
    REG_CONFIG = 0x10,
    REG_ISR = 0x20,
    REG_COUNTER = 0xf0,
    REG_TIMERS = 0x100,
    TN_CONFIG = 0x00,
    TN_CMP = 0x08,
    TN_FSB = 0x10,
};
#define CONFIG_ENABLE 0x1ull
#define CONFIG_LEGACY 0x2ull
#define TN_LEVEL      0x2ull
#define TN_ENABLE     0x4ull
#define TN_PERIODIC   0x8ull
#define TN_CAPS       0x30ull /* periodic, 64 bits */
#define TN_SETVAL     0x40ull
#define TN_32BIT      0x100ull
#define TN_FSB_ENABLE 0x4000ull
#define TN_FSB_CAP    0x8000ull
#define TN_WRITABLE   0x7f4eull

static int64_t now_ns(Hpet *s)
{
    return clock_now_ns(device_vm(&s->dev), CLOCK_KIND_VIRTUAL);
}

static bool enabled(const Hpet *s)
{
    return s->r.config & CONFIG_ENABLE;
}

static bool legacy(const Hpet *s)
{
    return s->r.config & CONFIG_LEGACY;
}

static uint64_t ticks(Hpet *s)
{
    return enabled(s) ? ((uint64_t)now_ns(s) + s->r.hpet_offset) / TICK_NS : s->r.hpet_counter;
}

/* ---- interrupt update ---- */

static Irq *route(Hpet *s, const HpetTimerSaved *t)
{
    if (legacy(s) && t->tn <= 1) {
        return s->irqs[t->tn == 0 ? 0 : RTC_IRQ];
    }
    return s->irqs[t->config >> 9 & 0x1f];
}

static void signal_timer(Hpet *s, HpetTimerSaved *t, bool on)
{
    uint64_t bit = 1ull << t->tn;

    if (!on || !(t->config & TN_ENABLE) || !enabled(s)) {
        if (t->config & TN_LEVEL) {
            s->r.isr &= ~bit;
        }
        if (!(t->config & TN_FSB_ENABLE)) {
            irq_lower(route(s, t));
        }
    } else if (t->config & TN_FSB_ENABLE) {
        address_space_st(address_space_memory(device_vm(&s->dev)), t->fsb >> 32,
                         t->fsb & UINT32_MAX, 4, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE, NULL);
    } else if (t->config & TN_LEVEL) {
        s->r.isr |= bit;
        irq_raise(route(s, t));
    } else {
        irq_pulse(route(s, t));
    }
}

static void arm(Hpet *s, int n)
{
    const HpetTimerSaved *t = &s->r.timer[n];
    uint64_t now = ticks(s), ahead = t->cmp - now;

    if (t->config & TN_32BIT) {
        ahead = (uint32_t)ahead;
        ahead = ahead > INT32_MAX ? 0 : ahead;
    } else if (ahead > INT64_MAX) {
        ahead = 0;
    }
    ahead = MIN(ahead, (uint64_t)INT64_MAX / TICK_NS / 4);
    /* The counter shows the value from this ns on. */
    uint64_t at = (now + ahead) * TICK_NS - s->r.hpet_offset;

    timer_arm(s->comparators[n].timer, ahead ? (int64_t)at : now_ns(s));
}

static void update_armed(Hpet *s, int n)
{
    if (enabled(s) && (s->r.timer[n].config & TN_ENABLE)) {
        arm(s, n);
    } else {
        timer_cancel(s->comparators[n].timer);
    }
}

static void on_timer(void *opaque)
{
    Comparator *c = opaque;
    Hpet *s = c->hpet;
    HpetTimerSaved *t = &s->r.timer[c->n];
    uint64_t now = ticks(s);

    if ((t->config & TN_PERIODIC) && t->period) {
        uint64_t behind = t->config & TN_32BIT ? (uint32_t)(now - t->cmp) : now - t->cmp;

        bool late = behind >= t->period && behind < (uint64_t)CATCH_UP_TICKS;

        t->cmp += (late ? 1 : behind / t->period + 1) * t->period;
        if (t->config & TN_32BIT) {
            t->cmp = (uint32_t)t->cmp;
        }
        arm(s, c->n);
        if (late) {
            int64_t room = (int64_t)MIN((uint64_t)ROOM_TICKS, t->period / 4) * TICK_NS;
            timer_arm(c->timer, now_ns(s) + MAX(room, 1));
        }
    }
    signal_timer(s, t, true);
}

static void on_legacy_input(void *opaque, int n, int level)
{
    Hpet *s = opaque;

    if (n == HPET_IN_RTC) {
        s->r.rtc_irq_level = level != 0;
    }
    if (!legacy(s)) {
        irq_set(s->irqs[n == HPET_IN_PIT ? 0 : RTC_IRQ], level);
    }
}

/* ---- read ---- */

static uint64_t capabilities(const Hpet *s)
{
    return 0x8086a001u | (uint64_t)(s->timers - 1) << 8 |
           (uint64_t)(TICK_NS * 1000000) << 32; /* femtoseconds a tick */
}

static uint64_t read_register(Hpet *s, uint64_t base)
{
    switch (base) {
    case REG_CAP: return capabilities(s);
    case REG_CONFIG: return s->r.config;
    case REG_ISR: return s->r.isr;
    case REG_COUNTER: return ticks(s);
    default: break;
    }
    unsigned n = (unsigned)(base - REG_TIMERS) / 0x20;

    if (base < REG_TIMERS || n >= s->timers) {
        return 0;
    }
    switch (base & 0x18) {
    case TN_CONFIG: return s->r.timer[n].config;
    case TN_CMP: return s->r.timer[n].cmp;
    case TN_FSB: return s->r.timer[n].fsb;
    default: return 0;
    }
}

static uint64_t hpet_read(void *opaque, uint64_t addr, unsigned size)
{
    return read_register(opaque, addr & ~7ull) >> (addr & 4) * 8;
}

/* ---- write ---- */

static void write_config(Hpet *s, uint64_t value)
{
    uint64_t old = s->r.config;

    value &= CONFIG_ENABLE | CONFIG_LEGACY;
    if (!(old & CONFIG_ENABLE) && (value & CONFIG_ENABLE)) {
        s->r.hpet_offset = s->r.hpet_counter * TICK_NS - (uint64_t)now_ns(s);
    } else if ((old & CONFIG_ENABLE) && !(value & CONFIG_ENABLE)) {
        s->r.hpet_counter = ticks(s);
    }
    s->r.config = value;
    for (int n = 0; n < s->timers; n++) {
        update_armed(s, n);
    }
    if (!(old & CONFIG_LEGACY) && legacy(s)) {
        irq_lower(s->pit_enabled);
        irq_lower(s->irqs[0]);
        irq_lower(s->irqs[RTC_IRQ]);
    } else if ((old & CONFIG_LEGACY) && !legacy(s)) {
        irq_lower(s->irqs[0]);
        irq_raise(s->pit_enabled);
        irq_set(s->irqs[RTC_IRQ], s->r.rtc_irq_level);
    }
}

static void write_timer_config(Hpet *s, HpetTimerSaved *t, uint64_t value)
{
    uint64_t old = t->config;

    if ((old & TN_LEVEL) && (s->r.isr >> t->tn & 1) &&
        (value & TN_WRITABLE) != (old & TN_WRITABLE)) {
        signal_timer(s, t, false);
    }
    t->config = (old & ~TN_WRITABLE) | (value & TN_WRITABLE);
    if (!s->msi) {
        t->config &= ~TN_FSB_ENABLE;
    }
    if (t->config & TN_32BIT) {
        t->cmp = (uint32_t)t->cmp;
        t->period = (uint32_t)t->period;
    }
    if ((old ^ t->config) & (TN_ENABLE | TN_32BIT)) {
        update_armed(s, t->tn);
    }
}

/* A periodic comparator: the accumulator with SETVAL, else the period. The first write after
   SETVAL gives both. */
static void write_comparator(Hpet *s, HpetTimerSaved *t, uint64_t value, uint64_t mask)
{
    bool periodic = t->config & TN_PERIODIC;

    if (t->config & TN_32BIT) {
        mask &= UINT32_MAX;
    }
    if (!mask) {
        return;
    }
    if (!periodic || (t->config & TN_SETVAL)) {
        t->cmp = (t->cmp & ~mask) | (value & mask);
    }
    if (periodic) {
        t->period = (t->period & ~mask) | (value & mask);
    }
    t->config &= ~TN_SETVAL;
    update_armed(s, t->tn);
}

static void write_isr(Hpet *s, uint64_t value)
{
    for (int n = 0; n < s->timers; n++) {
        if (value >> n & 1 && s->r.isr >> n & 1) {
            signal_timer(s, &s->r.timer[n], false);
            s->r.isr &= ~(1ull << n);
        }
    }
}

static void hpet_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Hpet *s = opaque;
    uint64_t base = addr & ~7ull;
    unsigned shift = (addr & 4) * 8;
    uint64_t mask = (size == 8 ? UINT64_MAX : UINT32_MAX) << shift;
    uint64_t merged = (read_register(s, base) & ~mask) | (value << shift & mask);
    unsigned n = (unsigned)(base - REG_TIMERS) / 0x20;

    switch (base) {
    case REG_CAP: return;
    case REG_CONFIG: write_config(s, merged); return;
    case REG_ISR: write_isr(s, value << shift & mask); return;
    case REG_COUNTER:
        if (!enabled(s)) {
            s->r.hpet_counter = merged;
        }
        return;
    default: break;
    }
    if (base < REG_TIMERS || n >= s->timers) {
        return;
    }
    HpetTimerSaved *t = &s->r.timer[n];

    switch (base & 0x18) {
    case TN_CONFIG: write_timer_config(s, t, merged); break;
    case TN_CMP: write_comparator(s, t, value << shift, mask); break;
    case TN_FSB: t->fsb = merged; break;
    default: break;
    }
}

static const RegionOps hpet_ops = {
    .read = hpet_read,
    .write = hpet_write,
    .valid = { 4, 8, false },
};

/* ---- reset, realize ---- */

static void hpet_reset(Device *dev, ResetKind kind)
{
    Hpet *s = (Hpet *)dev;

    for (int n = 0; n < s->timers; n++) {
        HpetTimerSaved *t = &s->r.timer[n];

        timer_cancel(s->comparators[n].timer);
        signal_timer(s, t, false);
        *t = (HpetTimerSaved){ .tn = (uint8_t)n,
                               .config =
                                   TN_CAPS | (s->msi ? TN_FSB_CAP : 0) | (uint64_t)s->intcap << 32,
                               .cmp = UINT64_MAX,
                               .qemu_timer = -1 };
    }
    s->r.config = s->r.isr = s->r.hpet_counter = s->r.hpet_offset = 0;
    s->r.rtc_irq_level = 0;
    irq_raise(s->pit_enabled);
}

static void hpet_init(Object *obj)
{
    Hpet *s = (Hpet *)obj;

    device_add_gpio_in(&s->dev, NULL, on_legacy_input, 2);
    device_add_gpio_out(&s->dev, NULL, s->irqs, HPET_NUM_IRQS);
    device_add_gpio_out(&s->dev, HPET_PIT_OUT, &s->pit_enabled, 1);
}

static bool hpet_realize(Device *dev, GError **error)
{
    Hpet *s = (Hpet *)dev;

    s->timers = CLAMP(s->timers, MIN_TIMERS, MAX_TIMERS);
    for (int n = 0; n < s->timers; n++) {
        s->comparators[n] = (Comparator){ s, n, NULL };
        s->comparators[n].timer =
            timer_new(device_vm(dev), CLOCK_KIND_VIRTUAL, "hpet", on_timer, &s->comparators[n]);
    }
    memory_region_init_io(&s->mmio, device_vm(dev), &dev->obj, &hpet_ops, s, "hpet", 0x400);
    return true;
}

static void hpet_unrealize(Device *dev)
{
    Hpet *s = (Hpet *)dev;

    for (int n = 0; n < s->timers; n++) {
        g_clear_pointer(&s->comparators[n].timer, timer_free);
    }
    memory_region_clear(&s->mmio);
}

MemoryRegion *hpet_region(Device *dev)
{
    return &((Hpet *)dev)->mmio;
}

/* ---- record description ---- */

static const Record timer_record = {
    .name = "hpet_timer",
    .version = 1,
    .min_version = 1,
    .size = sizeof(HpetTimerSaved),
    .fields = (const Field[]){ F_U8(HpetTimerSaved, tn, .max = MAX_TIMERS - 1),
                               F_U64(HpetTimerSaved, config), F_U64(HpetTimerSaved, cmp),
                               F_U64(HpetTimerSaved, fsb), F_U64(HpetTimerSaved, period),
                               F_U8(HpetTimerSaved, wrap_flag), F_TIMER(HpetTimerSaved, qemu_timer),
                               F_END },
};

static bool rtc_needed(const void *saved)
{
    return ((const HpetSaved *)saved)->rtc_irq_level != 0;
}

static bool offset_needed(const void *saved)
{
    const HpetSaved *r = saved;

    return (r->config & CONFIG_ENABLE) && r->want_offset;
}

static const Record rtc_record = {
    .name = "hpet/rtc_irq_level",
    .version = 1,
    .min_version = 1,
    .size = sizeof(HpetSaved),
    .fields = (const Field[]){ F_U8(HpetSaved, rtc_irq_level), F_END },
    .needed = rtc_needed,
};

static const Record offset_record = {
    .name = "hpet/offset",
    .version = 1,
    .min_version = 1,
    .size = sizeof(HpetSaved),
    .fields = (const Field[]){ F_U64(HpetSaved, hpet_offset), F_END },
    .needed = offset_needed,
    .has_present = true,
    .present_offset = offsetof(HpetSaved, has_offset),
};

static const Record hpet_record = {
    .name = "hpet",
    .version = 2,
    .min_version = 1,
    .size = sizeof(HpetSaved),
    .fields =
        (const Field[]){
            F_U64(HpetSaved, config), F_U64(HpetSaved, isr), F_U64(HpetSaved, hpet_counter),
            F_U8(HpetSaved, num_timers_save, .since = 2, .min = MIN_TIMERS, .max = MAX_TIMERS),
            F_STRUCT_ARRAY(HpetSaved, timer, timer_record, .flags = FIELD_VARRAY,
                           .count_offset = offsetof(HpetSaved, num_timers_save), .count_bytes = 1),
            F_END },
    .subsections = (const Record *const[]){ &rtc_record, &offset_record, NULL },
};

static void save(void *owner, void *saved)
{
    Hpet *s = owner;
    HpetSaved *to = saved;

    *to = s->r;
    to->hpet_counter = ticks(s);
    to->num_timers_save = s->timers;
    to->want_offset = s->offset_saved;
    for (int n = 0; n < s->timers; n++) {
        const Timer *t = s->comparators[n].timer;

        to->timer[n].qemu_timer = timer_pending(t) ? timer_expire_ns(t) : -1;
    }
}

static bool check(void *owner, const void *saved, GError **error)
{
    Hpet *s = owner;
    const HpetSaved *r = saved;

    if (r->num_timers_save != s->timers) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "hpet: the stream has %u timers, this machine %u", r->num_timers_save,
                    s->timers);
        return false;
    }
    for (int n = 0; n < s->timers; n++) {
        if (r->timer[n].tn != n) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "hpet: timer %d says that it is number %u", n, r->timer[n].tn);
            return false;
        }
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    Hpet *s = owner;

    s->r = *(const HpetSaved *)saved;
    for (int n = 0; n < s->timers; n++) {
        int64_t at = s->r.timer[n].qemu_timer;

        if (at == -1) {
            timer_cancel(s->comparators[n].timer);
        } else {
            timer_arm(s->comparators[n].timer, at);
        }
    }
}

/* The virtual clock has its restored value by now. */
static void installed(void *owner)
{
    Hpet *s = owner;

    if (!s->r.has_offset) {
        s->r.hpet_offset = s->r.hpet_counter * TICK_NS - (uint64_t)now_ns(s);
    }
}

static const SectionOps section_ops = { save, check, install, installed };
static const SectionDesc hpet_section = { .record = &hpet_record, .ops = &section_ops };

/* ---- types ---- */

static const Property hpet_props[] = {
    PROP(PROP_U8, Hpet, timers, "timers", "3"),
    PROP(PROP_U32, Hpet, intcap, "hpet-intcap", "0"),
    PROP(PROP_BOOL, Hpet, msi, "msi", NULL),
    PROP(PROP_BOOL, Hpet, offset_saved, "hpet-offset-saved", "on"),
    PROP_END,
};

static const DeviceOps hpet_device_ops = {
    .realize = hpet_realize,
    .unrealize = hpet_unrealize,
    .reset = hpet_reset,
    .section = &hpet_section,
};

const TypeInfo hpet_types[] = {
    { .name = "hpet",
      .parent = "sys-bus-device",
      .description = "high precision event timer",
      .instance_size = sizeof(Hpet),
      .props = hpet_props,
      .ops = &hpet_device_ops,
      .init = hpet_init },
};
const size_t hpet_types_n = G_N_ELEMENTS(hpet_types);
