/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Motorola MC146818 real-time clock with 128 bytes of CMOS (data sheet ADI-856R2).
 *
 * The guest's time is base_rtc seconds plus what the clock ran since last_update plus offset; the
 * time registers are computed from it when they are read. While the clock is stopped (SET, or the
 * divider held in reset) they are plain bytes. Timers run for the periodic interrupt and for
 * the next second or alarm that would set a flag that is still clear. Ticks that come too late are
 * dropped (lost_tick_policy=slew is accepted and does the same).
 */
#include <string.h>
#include <time.h>
#include "hw/timer/mc146818rtc.h"

/* ---- saved form: "mc146818rtc" version 3 ---- */

typedef struct {
    uint8_t cmos_data[128];
    uint8_t cmos_index;
    int64_t periodic_timer;
    int64_t next_periodic_time;
    uint32_t irq_coalesced;
    uint32_t period;      /* ticks of 32768 Hz */
    uint64_t base_rtc;    /* seconds since 1970 ... */
    uint64_t last_update; /* ... when the clock showed this, ns */
    int64_t offset;       /* ns to add */
    int64_t update_timer;
    uint64_t next_alarm_time; /* guest ns of the next second of interest */
    uint16_t irq_reinject_on_ack_count;
} RtcSaved;

typedef struct {
    Device dev; /* first */
    RtcSaved r;
    ClockKind clock;
    Timer *periodic, *update;
    Irq *irq;
    MemoryRegion io;
    /* properties */
    int32_t base_year;
    int64_t x_base;
    int x_clock, lost_tick_policy;
    uint16_t iobase;
    uint8_t isa_irq;
} Rtc;

/* ---- registers ---- */

enum {
    REG_SECONDS,
    REG_SECONDS_ALARM,
    REG_MINUTES,
    REG_MINUTES_ALARM,
    REG_HOURS,
    REG_HOURS_ALARM,
    REG_WEEKDAY,
    REG_DAY,
    REG_MONTH,
    REG_YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D,
    REG_CENTURY = 0x32,
    REG_PS2_CENTURY = 0x37,
};
enum {
    A_UIP = 0x80,
    B_SET = 0x80,
    B_PIE = 0x40,
    B_AIE = 0x20,
    B_UIE = 0x10,
    B_SQWE = 0x08,
    B_BINARY = 0x04,
    B_24H = 0x02,
    C_IRQF = 0x80,
    C_PF = 0x40,
    C_AF = 0x20,
    C_UF = 0x10,
    C_ENABLES = 0x70,
};

#define UIP_NS        (244 * NS_PER_US) /* UIP goes up this long before an update */
#define RTC_HZ        32768
#define ALARM_ANY     0xc0
#define HALF_SECOND   (NS_PER_SEC / 2)
#define SECONDS_A_DAY 86400
#define SECONDS_LIMIT (INT64_C(10000000000000)) /* beyond all that the registers can say */

static int64_t clock_now(Rtc *s)
{
    return clock_now_ns(device_vm(&s->dev), s->clock);
}

static bool running(const Rtc *s)
{
    return !(s->r.cmos_data[REG_B] & B_SET) && (s->r.cmos_data[REG_A] & 0x60) != 0x60;
}

/* The guest's time in ns since 1970. */
static uint64_t guest_ns(Rtc *s)
{
    return s->r.base_rtc * (uint64_t)NS_PER_SEC + (uint64_t)clock_now(s) - s->r.last_update +
           (uint64_t)s->r.offset;
}

/* The clock's time at which the guest's is @ns. */
static int64_t clock_at(Rtc *s, uint64_t ns)
{
    return (int64_t)(ns - s->r.base_rtc * (uint64_t)NS_PER_SEC - (uint64_t)s->r.offset +
                     s->r.last_update);
}

static uint8_t encode(const Rtc *s, int v)
{
    return (uint8_t)(s->r.cmos_data[REG_B] & B_BINARY ? v : (v / 10 << 4) | v % 10);
}

static int decode(const Rtc *s, uint8_t v)
{
    return s->r.cmos_data[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static int decode_hour(const Rtc *s, uint8_t v)
{
    if (s->r.cmos_data[REG_B] & B_24H) {
        return decode(s, v);
    }
    int hour = decode(s, v & 0x7f) % 12;

    return v & 0x80 ? hour + 12 : hour;
}

/* Fills the time registers with the guest's time. */
static void show_time(Rtc *s)
{
    time_t seconds = (time_t)(guest_ns(s) / NS_PER_SEC);
    uint8_t *c = s->r.cmos_data;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    c[REG_SECONDS] = encode(s, tm.tm_sec);
    c[REG_MINUTES] = encode(s, tm.tm_min);
    if (c[REG_B] & B_24H) {
        c[REG_HOURS] = encode(s, tm.tm_hour);
    } else {
        c[REG_HOURS] = encode(s, tm.tm_hour % 12 ? tm.tm_hour % 12 : 12);
        c[REG_HOURS] |= tm.tm_hour >= 12 ? 0x80 : 0;
    }
    c[REG_WEEKDAY] = encode(s, tm.tm_wday + 1);
    c[REG_DAY] = encode(s, tm.tm_mday);
    c[REG_MONTH] = encode(s, tm.tm_mon + 1);
    int year = tm.tm_year + 1900 - s->base_year;

    c[REG_YEAR] = encode(s, ((year % 100) + 100) % 100);
    c[REG_CENTURY] = c[REG_PS2_CENTURY] = encode(s, year / 100 % 100);
}

static void registers_to_tm(const Rtc *s, struct tm *tm)
{
    const uint8_t *c = s->r.cmos_data;

    *tm = (struct tm){ .tm_sec = decode(s, c[REG_SECONDS]),
                       .tm_min = decode(s, c[REG_MINUTES]),
                       .tm_hour = decode_hour(s, c[REG_HOURS]),
                       .tm_wday = decode(s, c[REG_WEEKDAY]) - 1,
                       .tm_mday = decode(s, c[REG_DAY]),
                       .tm_mon = decode(s, c[REG_MONTH]) - 1,
                       .tm_year = decode(s, c[REG_YEAR]) + s->base_year - 1900 +
                                  decode(s, c[REG_CENTURY]) * 100 };
}

static void tell_change(Rtc *s)
{
    Vm *vm = device_vm(&s->dev);
    int64_t host = clock_now_ns(vm, CLOCK_KIND_HOST) / NS_PER_SEC;
    g_autofree char *path = object_path(&s->dev.obj);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&b, "{sv}", "offset", g_variant_new_int64((int64_t)s->r.base_rtc - host));
    g_variant_builder_add(&b, "{sv}", "qom-path", g_variant_new_string(path));
    vm_event(vm, "RTC_CHANGE", g_variant_builder_end(&b));
}

/* The time registers become the guest's time; the fraction of the second is @fraction. */
static void take_time(Rtc *s, int64_t fraction)
{
    struct tm tm;

    registers_to_tm(s, &tm);
    time_t t = timegm(&tm);

    s->r.base_rtc = (uint64_t)t;
    s->r.last_update = (uint64_t)clock_now(s);
    s->r.offset = fraction;
    tell_change(s);
}

/* ---- interrupt update ---- */

static void raise_flags(Rtc *s, uint8_t flags)
{
    uint8_t *c = s->r.cmos_data;

    c[REG_C] |= flags;
    if (c[REG_C] & c[REG_B] & C_ENABLES) {
        c[REG_C] |= C_IRQF;
        irq_raise(s->irq);
    }
}

static bool alarm_matches(const Rtc *s, int reg, int value)
{
    uint8_t want = s->r.cmos_data[reg];

    if ((want & ALARM_ANY) == ALARM_ANY) {
        return true;
    }
    return (reg == REG_HOURS_ALARM ? decode_hour(s, want) : decode(s, want)) == value;
}

/* Guest ns of the first second after @seconds that matches the alarm; 0: there is none. */
static uint64_t next_alarm(const Rtc *s, uint64_t seconds)
{
    uint64_t t = seconds + 1, end = seconds + 2 * SECONDS_A_DAY;

    while (t < end) {
        unsigned day = (unsigned)(t % SECONDS_A_DAY);

        if (!alarm_matches(s, REG_HOURS_ALARM, (int)(day / 3600))) {
            t += 3600 - day % 3600;
        } else if (!alarm_matches(s, REG_MINUTES_ALARM, (int)(day / 60 % 60))) {
            t += 60 - day % 60;
        } else if (!alarm_matches(s, REG_SECONDS_ALARM, (int)(day % 60))) {
            t++;
        } else {
            return t * (uint64_t)NS_PER_SEC;
        }
    }
    return 0;
}

/* Arms for the next second, or, when UF is up already, for the next alarm. */
static void schedule_update(Rtc *s)
{
    uint8_t flags = s->r.cmos_data[REG_C];
    uint64_t seconds;

    timer_cancel(s->update);
    s->r.next_alarm_time = 0;
    if (!running(s) || (flags & C_UF && flags & C_AF)) {
        return;
    }
    seconds = guest_ns(s) / NS_PER_SEC;
    if (!(flags & C_UF)) {
        s->r.next_alarm_time = (seconds + 1) * (uint64_t)NS_PER_SEC;
    } else {
        s->r.next_alarm_time = next_alarm(s, seconds);
    }
    if (s->r.next_alarm_time) {
        timer_arm(s->update, clock_at(s, s->r.next_alarm_time));
    }
}

static void on_update(void *opaque)
{
    Rtc *s = opaque;
    uint64_t now = guest_ns(s) / NS_PER_SEC, due = s->r.next_alarm_time / NS_PER_SEC;
    uint8_t flags = C_UF;

    /* Seconds may have passed since: an alarm within them counts. */
    uint64_t alarm = due ? next_alarm(s, due - 1) / NS_PER_SEC : 0;

    if (alarm && alarm <= MAX(now, due)) {
        flags |= C_AF;
        if (s->r.cmos_data[REG_B] & B_AIE) {
            vm_wakeup_request(device_vm(&s->dev));
        }
    }
    raise_flags(s, flags);
    schedule_update(s);
}

/* Ticks of the periodic interrupt; 0: off. */
static uint32_t period_ticks(const Rtc *s)
{
    unsigned code = s->r.cmos_data[REG_A] & 15;

    if (code == 0 || (s->r.cmos_data[REG_A] & 0x60) == 0x60) {
        return 0;
    }
    if (code <= 2) {
        code += 7;
    }
    return 1u << (code - 1);
}

static int64_t ticks_to_ns(uint64_t ticks)
{
    return (int64_t)((unsigned __int128)ticks * NS_PER_SEC / RTC_HZ);
}

/* Periodic ticks fall on multiples of the period, so that changing PIE does not shift them. */
static void schedule_periodic(Rtc *s, int64_t now)
{
    uint32_t period = period_ticks(s);

    s->r.period = period;
    if (!period || !(s->r.cmos_data[REG_B] & (B_PIE | B_SQWE))) {
        timer_cancel(s->periodic);
        return;
    }
    uint64_t tick = (uint64_t)((unsigned __int128)(uint64_t)now * RTC_HZ / NS_PER_SEC);
    uint64_t next = (tick / period + 1) * period;

    s->r.next_periodic_time = ticks_to_ns(next) + 1;
    timer_arm(s->periodic, s->r.next_periodic_time);
}

static void on_periodic(void *opaque)
{
    Rtc *s = opaque;
    int64_t now = clock_now(s), due = s->r.next_periodic_time;

    raise_flags(s, C_PF);
    schedule_periodic(s, now - due > NS_PER_SEC ? now : due);
}

/* ---- write ---- */

static void write_a(Rtc *s, uint8_t value)
{
    bool was_running = running(s);
    uint8_t *c = s->r.cmos_data;

    if (was_running) {
        show_time(s);
        s->r.offset = (int64_t)(guest_ns(s) % NS_PER_SEC);
    }
    c[REG_A] = value & (uint8_t)~A_UIP;
    if (!was_running && running(s)) {
        take_time(s, HALF_SECOND); /* the first update comes half a second after the start */
    } else if (was_running && running(s)) {
        s->r.offset = (int64_t)(guest_ns(s) % NS_PER_SEC);
    }
}

static void write_b(Rtc *s, uint8_t value)
{
    bool was_running = running(s);
    uint8_t *c = s->r.cmos_data, old = c[REG_B];

    if (value & B_SET) {
        if (was_running) {
            show_time(s);
            s->r.offset = (int64_t)(guest_ns(s) % NS_PER_SEC);
        }
        value &= (uint8_t)~B_UIE;
    }
    c[REG_B] = value;
    if (!was_running && running(s)) {
        take_time(s, s->r.offset);
    }
    /* A flag that is up and becomes enabled interrupts at once. */
    if (c[REG_C] & value & C_ENABLES) {
        c[REG_C] |= C_IRQF;
        irq_raise(s->irq);
    } else {
        c[REG_C] &= (uint8_t)~C_IRQF;
        irq_lower(s->irq);
    }
    if ((old ^ value) & (B_PIE | B_SQWE)) {
        schedule_periodic(s, clock_now(s));
    }
    schedule_update(s);
}

static void write_time(Rtc *s, unsigned reg, uint8_t value)
{
    if (!running(s)) {
        s->r.cmos_data[reg] = value;
        return;
    }
    int64_t fraction = (int64_t)(guest_ns(s) % NS_PER_SEC);

    show_time(s);
    s->r.cmos_data[reg] = value;
    take_time(s, fraction);
    schedule_update(s);
}

static void write_data(Rtc *s, uint8_t value)
{
    unsigned reg = s->r.cmos_index;

    switch (reg) {
    case REG_SECONDS_ALARM:
    case REG_MINUTES_ALARM:
    case REG_HOURS_ALARM:
        s->r.cmos_data[reg] = value;
        schedule_update(s);
        break;
    case REG_PS2_CENTURY: write_time(s, REG_CENTURY, value); break;
    case REG_SECONDS:
    case REG_MINUTES:
    case REG_HOURS:
    case REG_WEEKDAY:
    case REG_DAY:
    case REG_MONTH:
    case REG_YEAR:
    case REG_CENTURY: write_time(s, reg, value); break;
    case REG_A:
        write_a(s, value);
        schedule_periodic(s, clock_now(s));
        schedule_update(s);
        break;
    case REG_B: write_b(s, value); break;
    case REG_C:
    case REG_D: break;
    default: s->r.cmos_data[reg] = value; break;
    }
}

static void rtc_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Rtc *s = opaque;

    if (addr & 1) {
        write_data(s, (uint8_t)value);
    } else {
        s->r.cmos_index = value & 0x7f;
    }
}

/* ---- read ---- */

static uint8_t read_data(Rtc *s)
{
    unsigned reg = s->r.cmos_index;
    uint8_t value;

    switch (reg) {
    case REG_SECONDS:
    case REG_MINUTES:
    case REG_HOURS:
    case REG_WEEKDAY:
    case REG_DAY:
    case REG_MONTH:
    case REG_YEAR:
    case REG_CENTURY:
    case REG_PS2_CENTURY:
        if (running(s)) {
            show_time(s);
        }
        return s->r.cmos_data[reg];
    case REG_A:
        value = s->r.cmos_data[REG_A];
        if (running(s) && guest_ns(s) % NS_PER_SEC >= (uint64_t)(NS_PER_SEC - UIP_NS)) {
            value |= A_UIP;
        }
        return value;
    case REG_C:
        value = s->r.cmos_data[REG_C];
        s->r.cmos_data[REG_C] = 0;
        irq_lower(s->irq);
        if (value & (C_UF | C_AF)) {
            schedule_update(s);
        }
        return value;
    default: return s->r.cmos_data[reg];
    }
}

static uint64_t rtc_read(void *opaque, uint64_t addr, unsigned size)
{
    return addr & 1 ? read_data(opaque) : 0xff;
}

static const RegionOps rtc_ops = { .read = rtc_read, .write = rtc_write, .impl = { 1, 1 } };

void mc146818rtc_set_cmos(Device *dev, unsigned addr, uint8_t value)
{
    ((Rtc *)dev)->r.cmos_data[addr & 127] = value;
}

uint8_t mc146818rtc_get_cmos(Device *dev, unsigned addr)
{
    return ((Rtc *)dev)->r.cmos_data[addr & 127];
}

/* ---- reset, realize ---- */

static void rtc_reset(Device *dev, ResetKind kind)
{
    Rtc *s = (Rtc *)dev;

    s->r.cmos_data[REG_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    s->r.cmos_data[REG_C] = 0;
    irq_lower(s->irq);
    schedule_periodic(s, clock_now(s));
    schedule_update(s);
}

static GVariant *get_date(Object *obj, const Property *prop)
{
    Rtc *s = (Rtc *)obj;
    GVariantBuilder b;
    struct tm tm;

    if (running(s)) {
        show_time(s);
    }
    registers_to_tm(s, &tm);
    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&b, "{sv}", "tm_year", g_variant_new_int64(tm.tm_year));
    g_variant_builder_add(&b, "{sv}", "tm_mon", g_variant_new_int64(tm.tm_mon));
    g_variant_builder_add(&b, "{sv}", "tm_mday", g_variant_new_int64(tm.tm_mday));
    g_variant_builder_add(&b, "{sv}", "tm_hour", g_variant_new_int64(tm.tm_hour));
    g_variant_builder_add(&b, "{sv}", "tm_min", g_variant_new_int64(tm.tm_min));
    g_variant_builder_add(&b, "{sv}", "tm_sec", g_variant_new_int64(tm.tm_sec));
    return g_variant_builder_end(&b);
}

static const char *const policy_names[] = { "discard", "delay", "slew", NULL };

static bool rtc_realize(Device *dev, GError **error)
{
    static const ClockKind kinds[] = { CLOCK_KIND_HOST, CLOCK_KIND_REALTIME, CLOCK_KIND_VIRTUAL };
    Rtc *s = (Rtc *)dev;
    Vm *vm = device_vm(dev);

    if (!s->irq && !isa_device_get_irq(dev, s->isa_irq, &s->irq, error)) {
        return false;
    }
    if (s->lost_tick_policy) { /* another than "discard", which is what happens */
        g_warning(
            "mc146818rtc: lost_tick_policy=%s has no effect, missed ticks of the clock are not "
            "made good here",
            policy_names[s->lost_tick_policy]);
    }
    /* The century byte counts from base_year: with 1980 it would be off, so boards that keep
       a century use 2000 and year 0 means what it says. */
    if (s->base_year == 2000) {
        s->base_year = 0;
    }
    s->clock = kinds[s->x_clock];
    s->periodic = timer_new(vm, s->clock, "rtc-periodic", on_periodic, s);
    s->update = timer_new(vm, s->clock, "rtc-update", on_update, s);
    s->r.cmos_data[REG_A] = 0x26;
    s->r.cmos_data[REG_B] = B_24H;
    s->r.cmos_data[REG_D] = 0x80;
    s->r.base_rtc =
        (uint64_t)(s->x_base >= 0 ? s->x_base : clock_now_ns(vm, CLOCK_KIND_HOST) / NS_PER_SEC);
    s->r.last_update = (uint64_t)clock_now(s);
    s->r.offset = s->x_base >= 0 ? 0 : clock_now_ns(vm, CLOCK_KIND_HOST) % NS_PER_SEC;
    show_time(s);
    schedule_update(s);
    memory_region_init_io(&s->io, vm, &dev->obj, &rtc_ops, s, "rtc", 2);
    isa_device_add_io(dev, &s->io, s->iobase);
    return true;
}

static void rtc_unrealize(Device *dev)
{
    Rtc *s = (Rtc *)dev;

    g_clear_pointer(&s->periodic, timer_free);
    g_clear_pointer(&s->update, timer_free);
    memory_region_clear(&s->io);
}

static void rtc_init(Object *obj)
{
    device_add_gpio_out(DEVICE(obj), NULL, &((Rtc *)obj)->irq, 1);
}

/* ---- record description ---- */

static bool reinject_needed(const void *saved)
{
    return ((const RtcSaved *)saved)->irq_reinject_on_ack_count != 0;
}

/* Ticks that the guest missed are dropped here: it is told late by as many. */
static bool reinject_supported(void *owner, GError **error)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "missed ticks of the clock are not made good here");
    return false;
}

static const Record reinject_record = {
    .name = "mc146818rtc/irq_reinject_on_ack_count",
    .version = 1,
    .min_version = 1,
    .size = sizeof(RtcSaved),
    .fields = (const Field[]){ F_U16(RtcSaved, irq_reinject_on_ack_count), F_END },
    .needed = reinject_needed,
    .supported = reinject_supported,
    .policy = SUBSECTION_WARN,
};

static const Record rtc_record = {
    .name = "mc146818rtc",
    .version = 3,
    .min_version = 1,
    .size = sizeof(RtcSaved),
    .fields =
        (const Field[]){
            F_BUFFER(RtcSaved, cmos_data), F_U8(RtcSaved, cmos_index, .max = 127), F_UNUSED(28),
            F_TIMER(RtcSaved, periodic_timer), F_I64(RtcSaved, next_periodic_time), F_UNUSED(24),
            F_U32(RtcSaved, irq_coalesced, .since = 2), F_U32(RtcSaved, period, .since = 2),
            F_U64(RtcSaved, base_rtc, .since = 3), F_U64(RtcSaved, last_update, .since = 3),
            F_I64(RtcSaved, offset, .since = 3), F_TIMER(RtcSaved, update_timer, .since = 3),
            F_U64(RtcSaved, next_alarm_time, .since = 3), F_END },
    .subsections = (const Record *const[]){ &reinject_record, NULL },
};

static int64_t expiry(const Timer *t)
{
    return timer_pending(t) ? timer_expire_ns(t) : -1;
}

static void save(void *owner, void *saved)
{
    Rtc *s = owner;
    RtcSaved *to = saved;

    if (running(s)) {
        show_time(s);
    }
    *to = s->r;
    to->periodic_timer = expiry(s->periodic);
    to->update_timer = expiry(s->update);
}

static bool check(void *owner, const void *saved, GError **error)
{
    int64_t seconds = (int64_t)((const RtcSaved *)saved)->base_rtc;

    if (seconds > SECONDS_LIMIT || seconds < -SECONDS_LIMIT) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "base_rtc is %" G_GINT64_FORMAT
                    " seconds from 1970, more than %" G_GINT64_FORMAT,
                    seconds, SECONDS_LIMIT);
        return false;
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    Rtc *s = owner;

    s->r = *(const RtcSaved *)saved;
    timer_cancel(s->periodic);
    if (s->r.periodic_timer != -1) {
        timer_arm(s->periodic, s->r.periodic_timer);
    }
    /* Another host's real time clock says nothing here: the registers carry the time over. */
    if (s->clock == CLOCK_KIND_REALTIME && running(s)) {
        take_time(s, 0);
    }
    if (s->r.update_timer != -1) {
        timer_arm(s->update, s->r.update_timer);
    } else {
        timer_cancel(s->update);
    }
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc rtc_section = { .record = &rtc_record, .ops = &section_ops };

/* ---- types ---- */

static const char *const clock_names[] = { "host", "rt", "vm", NULL };

static const Property rtc_props[] = {
    PROP(PROP_I32, Rtc, base_year, "base_year", "1980"),
    PROP(PROP_U16, Rtc, iobase, "iobase", "0x70"),
    PROP(PROP_U8, Rtc, isa_irq, "irq", "8"),
    PROP(PROP_ENUM, Rtc, lost_tick_policy, "lost_tick_policy", "discard", .choices = policy_names,
         .link_type = "LostTickPolicy"),
    PROP(PROP_ENUM, Rtc, x_clock, "x-clock", "host", .choices = clock_names),
    PROP(PROP_I64, Rtc, x_base, "x-base", "-1"),
    { .name = "date",
      .kind = PROP_CUSTOM,
      .link_type = "struct tm",
      .read_only = true,
      .get = get_date },
    PROP_END,
};

static const DeviceOps rtc_device_ops = {
    .bus_type = "ISA",
    .realize = rtc_realize,
    .unrealize = rtc_unrealize,
    .reset = rtc_reset,
    .section = &rtc_section,
};

const TypeInfo mc146818rtc_types[] = {
    { .name = "mc146818rtc",
      .parent = "isa-device",
      .description = "real-time clock",
      .instance_size = sizeof(Rtc),
      .props = rtc_props,
      .ops = &rtc_device_ops,
      .init = rtc_init },
};
const size_t mc146818rtc_types_n = G_N_ELEMENTS(mc146818rtc_types);
