/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC of a CPU: registers by MMIO (xAPIC) and MSR (x2APIC), interrupt priority, local
 * vector table, timer. Intel SDM vol. 3 ch. 11. The bus is apic-bus.c, migration apic-state.c.
 *
 * The timer counts the virtual clock at 1 GHz before the divider. Focus processors and bus
 * arbitration are not modelled.
 */
#include "apic-priv.h"

#include <string.h>

#include "target/x86/x86.h"

/* Register numbers: MMIO offset >> 4, MSR - 0x800. */
enum {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_APR = 0x09,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_RRD = 0x0c,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR_LOW = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT = 0x32,
    REG_COUNT = 0x38,
    REG_CURRENT = 0x39,
    REG_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
};
#define VERSION       0x00050014u
#define MIN_PERIOD_NS 10000

/* ---- vectors as bit sets ---- */

static int highest(const uint32_t *set)
{
    for (int i = 7; i >= 0; i--) {
        if (set[i]) {
            return i * 32 + 31 - __builtin_clz(set[i]);
        }
    }
    return -1;
}
static void set_bit(uint32_t *set, unsigned v, bool on)
{
    set[v >> 5] = on ? set[v >> 5] | 1u << (v & 31) : set[v >> 5] & ~(1u << (v & 31));
}
static bool get_bit(const uint32_t *set, unsigned v)
{
    return set[v >> 5] >> (v & 31) & 1;
}

static uint8_t ppr(const Apic *a)
{
    int isr = highest(a->isr);
    unsigned isrv = isr < 0 ? 0 : (unsigned)isr;

    return (a->tpr >> 4) >= (isrv >> 4) ? a->tpr : isrv & 0xf0;
}

/* Does the 8259 pair reach this CPU? Through LINT0 as ExtINT, or past a disabled APIC. */
static bool pic_passes(const Apic *a)
{
    if (!a->bus->pic_level) {
        return false;
    }
    if (!(a->base & BASE_ENABLE)) {
        return a->bsp;
    }
    return !(a->lvt[LVT_LINT0] & LVT_MASKED) && (a->lvt[LVT_LINT0] >> 8 & 7) == APIC_EXTINT;
}

/* The vector that may be delivered now, -1: none. */
static int deliverable(const Apic *a)
{
    int irr = apic_sw_enabled(a) ? highest(a->irr) : -1;

    return irr >= 0 && (irr >> 4) > (ppr(a) >> 4) ? irr : -1;
}

void apic_update(Apic *a)
{
    if (deliverable(a) >= 0 || pic_passes(a)) {
        cpu_interrupt(&a->cpu->base, CPU_IRQ_HARD);
    } else {
        cpu_reset_interrupt(&a->cpu->base, CPU_IRQ_HARD);
    }
}

static void error(Apic *a, uint32_t bit)
{
    a->esr_pending |= bit;
    apic_local(a, LVT_ERROR);
}

static void set_irr(Apic *a, unsigned vector, bool level)
{
    if (vector < 16) {
        error(a, ESR_RECEIVE_ILLEGAL);
        return;
    }
    set_bit(a->irr, vector, true);
    set_bit(a->tmr, vector, level);
    apic_update(a);
}

void apic_accept(Apic *a, const ApicMessage *m)
{
    CpuState *cs = &a->cpu->base;

    switch (m->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST:
        if (apic_sw_enabled(a)) {
            set_irr(a, m->vector, m->level);
        }
        break;
    case APIC_SMI: cpu_interrupt(cs, CPU_IRQ_SMI); break;
    case APIC_NMI: cpu_interrupt(cs, CPU_IRQ_NMI); break;
    case APIC_INIT: cpu_interrupt(cs, CPU_IRQ_INIT); break;
    case APIC_STARTUP:
        a->sipi_vector = m->vector;
        cpu_interrupt(cs, CPU_IRQ_SIPI);
        break;
    case APIC_EXTINT: /* the vector comes from the 8259 when it is taken */ apic_update(a); break;
    }
}

/* An event of the local vector table. */
void apic_local(Apic *a, int which)
{
    uint32_t lvt = a->lvt[which];
    ApicMessage m = { .delivery = lvt >> 8 & 7, .vector = lvt };

    if ((lvt & LVT_MASKED) || !(a->base & BASE_ENABLE)) {
        return;
    }
    if (which == LVT_TIMER || which == LVT_ERROR) {
        m.delivery = APIC_FIXED;
    }
    if ((which == LVT_LINT0 || which == LVT_LINT1) && m.delivery == APIC_FIXED &&
        (lvt & LVT_LEVEL)) {
        a->lvt[which] |= LVT_REMOTE_IRR;
        m.level = true;
    }
    apic_accept(a, &m);
}

static int take_interrupt(void *opaque)
{
    Apic *a = opaque;
    int vector = deliverable(a);

    if (vector >= 0) {
        set_bit(a->irr, vector, false);
        set_bit(a->isr, vector, true);
    } else if (pic_passes(a) && a->bus->pic_ack) {
        vector = a->bus->pic_ack(a->bus->pic_opaque);
    }
    apic_update(a);
    return vector;
}

static void eoi(Apic *a)
{
    int vector = highest(a->isr);

    if (vector < 0) {
        return;
    }
    set_bit(a->isr, vector, false);
    if (get_bit(a->tmr, vector)) {
        for (int i = LVT_LINT0; i <= LVT_LINT1; i++) {
            if ((a->lvt[i] & 0xff) == (uint32_t)vector) {
                a->lvt[i] &= ~LVT_REMOTE_IRR;
            }
        }
        if (!(a->svr & SVR_NO_EOI_BROADCAST)) {
            apic_broadcast_eoi(a->bus, vector);
        }
    }
    apic_update(a);
}

/* ---- interprocessor interrupts ---- */

static void send_ipi(Apic *a)
{
    uint32_t lo = a->icr[0];
    unsigned shorthand = lo >> 18 & 3;
    ApicMessage m = {
        .dest = apic_x2(a) ? a->icr[1] : a->icr[1] >> 24,
        .logical = lo >> 11 & 1,
        .delivery = lo >> 8 & 7,
        .vector = lo,
        .level = lo >> 15 & 1,
    };

    if (m.delivery == APIC_INIT && (lo >> 15 & 1) && !(lo >> 14 & 1)) {
        return; /* INIT level de-assert: only arbitration ids, which are not modelled */
    }
    if (m.delivery <= APIC_LOWEST) {
        m.level = false;
        if (m.vector < 16) {
            error(a, ESR_SEND_ILLEGAL);
            return;
        }
    }
    if (shorthand == 0) {
        apic_bus_deliver(a->bus, &m);
        return;
    }
    for (unsigned i = 0; i < a->bus->apics->len; i++) {
        Apic *to = g_ptr_array_index(a->bus->apics, i);

        if (to == a ? shorthand != 3 : shorthand != 1) {
            apic_accept(to, &m);
        }
    }
}

/* ---- timer ---- */

static unsigned divide_shift(uint32_t conf)
{
    return (((conf & 3) | (conf >> 1 & 4)) + 1) & 7;
}

static int64_t now(const Apic *a)
{
    return clock_now_ns(a->bus->vm, CLOCK_KIND_VIRTUAL);
}

static uint32_t current_count(const Apic *a)
{
    uint64_t ticks = (uint64_t)(now(a) - a->count_load_ns) >> divide_shift(a->divide_conf);

    if (!a->initial_count || (a->lvt[LVT_TIMER] & LVT_DEADLINE)) {
        return 0;
    }
    if (a->lvt[LVT_TIMER] & LVT_PERIODIC) {
        return a->initial_count - ticks % a->initial_count;
    }
    return ticks >= a->initial_count ? 0 : a->initial_count - ticks;
}

void apic_timer_rearm(Apic *a)
{
    int64_t at = -1;

    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        at = a->deadline ? x86_tsc_to_ns(a->cpu, a->deadline) : -1;
    } else if (a->initial_count) {
        int64_t period = (int64_t)a->initial_count << divide_shift(a->divide_conf);
        int64_t passed = now(a) - a->count_load_ns;

        if (a->lvt[LVT_TIMER] & LVT_PERIODIC) {
            at = a->count_load_ns + (passed / period + 1) * period;
            at = MAX(at, now(a) + MIN_PERIOD_NS); /* a guest cannot keep the main loop busy */
        } else {
            /* Past its end it is either due and not yet run, which must not be lost, or -1. */
            at = passed < period ? a->count_load_ns + period : a->next_ns;
        }
    }
    a->next_ns = at;
    if (at >= 0) {
        timer_arm(a->timer, at);
    } else {
        timer_cancel(a->timer);
    }
}

static void timer_fired(void *opaque)
{
    Apic *a = opaque;

    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        a->deadline = 0;
    }
    a->next_ns = -1;
    apic_local(a, LVT_TIMER);
    apic_timer_rearm(a);
}

static void write_lvt(Apic *a, unsigned n, uint32_t v)
{
    static const uint32_t writable[LVT_COUNT] = { 0x710ff, 0x117ff, 0x117ff,
                                                  0x1a7ff, 0x1a7ff, 0x110ff };
    uint32_t mask = writable[n];

    if (n == LVT_TIMER) {
        mask &= X86_FEAT_TSCDL(a->cpu->sys.cfg) ? 0x610ff | LVT_MASKED : 0x310ff;
    }
    v &= mask & ~0x1000u;
    if (!(a->svr & SVR_ENABLE)) {
        v |= LVT_MASKED;
    }
    bool mode_changed = n == LVT_TIMER && ((v ^ a->lvt[n]) & LVT_DEADLINE);

    a->lvt[n] = v | (a->lvt[n] & LVT_REMOTE_IRR);
    if (n == LVT_TIMER) {
        if (mode_changed) {
            a->deadline = 0;
            a->initial_count = 0;
        }
        apic_timer_rearm(a);
    }
    apic_update(a);
}

/* ---- registers ---- */

uint32_t apic_ldr(const Apic *a)
{
    if (apic_x2(a)) {
        return (a->initial_id >> 4) << 16 | 1u << (a->initial_id & 15);
    }
    return (uint32_t)a->log_dest << 24;
}

static uint32_t read_reg(Apic *a, unsigned reg)
{
    switch (reg) {
    case REG_ID: return apic_x2(a) ? a->initial_id : (uint32_t)a->id << 24;
    case REG_VERSION: return VERSION;
    case REG_TPR: return a->tpr;
    case REG_PPR: return ppr(a);
    case REG_LDR: return apic_ldr(a);
    case REG_DFR: return (uint32_t)a->dest_mode << 28 | 0x0fffffff;
    case REG_SVR: return a->svr;
    case REG_ISR ... REG_ISR + 7: return a->isr[reg & 7];
    case REG_TMR ... REG_TMR + 7: return a->tmr[reg & 7];
    case REG_IRR ... REG_IRR + 7: return a->irr[reg & 7];
    case REG_ESR: return a->esr;
    case REG_ICR_LOW: return a->icr[0] & ~(1u << 12);
    case REG_ICR_HIGH: return a->icr[1];
    case REG_LVT ... REG_LVT + 5: return a->lvt[reg - REG_LVT];
    case REG_COUNT: return a->initial_count;
    case REG_CURRENT: return current_count(a);
    case REG_DIVIDE: return a->divide_conf;
    default: return 0;
    }
}

static void write_svr(Apic *a, uint32_t v)
{
    a->svr = v & 0x1ff;
    if (!(v & SVR_ENABLE)) {
        for (unsigned i = 0; i < LVT_COUNT; i++) {
            a->lvt[i] |= LVT_MASKED;
        }
    }
    apic_update(a);
}

static void write_reg(Apic *a, unsigned reg, uint32_t v)
{
    switch (reg) {
    case REG_ID: a->id = v >> 24; break;
    case REG_TPR:
        a->tpr = v;
        apic_update(a);
        break;
    case REG_EOI: eoi(a); break;
    case REG_LDR: a->log_dest = v >> 24; break;
    case REG_DFR: a->dest_mode = v >> 28; break;
    case REG_SVR: write_svr(a, v); break;
    case REG_ESR:
        a->esr = a->esr_pending;
        a->esr_pending = 0;
        break;
    case REG_ICR_LOW:
        a->icr[0] = v;
        send_ipi(a);
        break;
    case REG_ICR_HIGH: a->icr[1] = v; break;
    case REG_LVT ... REG_LVT + 5: write_lvt(a, reg - REG_LVT, v); break;
    case REG_COUNT:
        if (!(a->lvt[LVT_TIMER] & LVT_DEADLINE)) {
            a->initial_count = v;
            a->count_load_ns = now(a);
            a->next_ns = a->count_load_ns + ((int64_t)v << divide_shift(a->divide_conf));
            apic_timer_rearm(a);
        }
        break;
    case REG_DIVIDE:
        a->divide_conf = v & 0xb;
        apic_timer_rearm(a);
        break;
    }
}

/* ---- MMIO ---- */

static uint64_t mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    Apic *a = opaque;

    return addr & 15 ? 0 : read_reg(a, addr >> 4);
}

static void mmio_write(void *opaque, uint64_t addr, uint64_t v, unsigned size)
{
    Apic *a = opaque;

    if (!(addr & 15)) {
        write_reg(a, addr >> 4, v);
    }
}

static const RegionOps mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .endian = DEVICE_LITTLE_ENDIAN,
    .valid = { 1, 4, true },
    .impl = { 4, 4, false },
};

/* Puts the register page where IA32_APIC_BASE says, or takes it away. */
void apic_place(Apic *a)
{
    bool want = (a->base & BASE_ENABLE) && !apic_x2(a) && a->root;
    uint64_t at = a->base & ~0xfffull;

    if (a->mapped && (!want || a->mmio.addr != at)) {
        memory_region_del(a->root, &a->mmio);
        a->mapped = false;
    }
    if (want && !a->mapped) {
        memory_region_add_overlap(a->root, at, &a->mmio, 8192);
        a->mapped = true;
    }
}

/* ---- what the CPU asks ---- */

static uint64_t get_base(void *opaque)
{
    return ((Apic *)opaque)->base;
}

static bool set_base(void *opaque, uint64_t v)
{
    Apic *a = opaque;
    bool x2_ok = X86_FEAT_X2APIC(a->cpu->sys.cfg);

    if ((v & 0x2ff) || ((v & BASE_X2APIC) && (!x2_ok || !(v & BASE_ENABLE)))) {
        return false;
    }
    if (apic_x2(a) && (v & BASE_ENABLE) && !(v & BASE_X2APIC)) {
        return false; /* back to xAPIC only through disabled */
    }
    if (!(a->base & BASE_ENABLE) && (v & BASE_X2APIC)) {
        return false;
    }
    if ((a->base & BASE_ENABLE) && !(v & BASE_ENABLE)) {
        write_svr(a, 0xff);
    }
    a->base = (v & ~(uint64_t)BASE_BSP) | (a->bsp ? BASE_BSP : 0);
    apic_place(a);
    apic_update(a);
    return true;
}

static uint8_t get_tpr(void *opaque)
{
    return ((Apic *)opaque)->tpr;
}

static void set_tpr(void *opaque, uint8_t tpr)
{
    write_reg(opaque, REG_TPR, tpr);
}

static bool read_msr(void *opaque, uint32_t msr, uint64_t *v)
{
    Apic *a = opaque;
    unsigned reg = msr & 0xff;

    if (!apic_x2(a) || reg == REG_DFR || reg == REG_ICR_HIGH || reg == REG_EOI ||
        reg == REG_SELF_IPI || reg == REG_APR || reg == REG_RRD || reg < REG_ID || reg > 0x3e ||
        (reg > REG_ESR && reg < REG_ICR_LOW) || (reg > REG_CURRENT && reg < REG_DIVIDE) ||
        (reg > REG_VERSION && reg < REG_TPR)) {
        return false;
    }
    *v = read_reg(a, reg);
    if (reg == REG_ICR_LOW) {
        *v |= (uint64_t)a->icr[1] << 32;
    }
    return true;
}

static bool write_msr(void *opaque, uint32_t msr, uint64_t v)
{
    Apic *a = opaque;
    unsigned reg = msr & 0xff;

    if (!apic_x2(a)) {
        return false;
    }
    switch (reg) {
    case REG_EOI:
    case REG_ESR:
        if (v) {
            return false;
        }
        break;
    case REG_ICR_LOW: a->icr[1] = v >> 32; break;
    case REG_SELF_IPI:
        if (v > 0xff) {
            return false;
        }
        set_irr(a, v, false);
        return true;
    case REG_TPR:
    case REG_SVR:
    case REG_LVT ... REG_LVT + 5:
    case REG_COUNT:
    case REG_DIVIDE:
        if (v >> 32) {
            return false;
        }
        break;
    default: return false;
    }
    write_reg(a, reg, v);
    return true;
}

static void reset_registers(Apic *a)
{
    a->tpr = 0;
    a->arb_id = 0;
    a->svr = 0xff;
    a->log_dest = 0;
    a->dest_mode = 0xf;
    memset(a->isr, 0, sizeof(a->isr));
    memset(a->tmr, 0, sizeof(a->tmr));
    memset(a->irr, 0, sizeof(a->irr));
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        a->lvt[i] = LVT_MASKED;
    }
    a->esr = a->esr_pending = 0;
    a->icr[0] = a->icr[1] = 0;
    a->divide_conf = a->initial_count = 0;
    a->count_load_ns = 0;
    a->next_ns = -1;
    a->deadline = 0;
    timer_cancel(a->timer);
}

static bool init(void *opaque)
{
    Apic *a = opaque;

    reset_registers(a);
    a->wait_sipi = !a->bsp;
    apic_update(a);
    return a->wait_sipi;
}

static int take_sipi(void *opaque)
{
    Apic *a = opaque;

    if (!a->wait_sipi) {
        return -1;
    }
    a->wait_sipi = false;
    return a->sipi_vector;
}

static uint64_t get_deadline(void *opaque)
{
    Apic *a = opaque;

    return a->lvt[LVT_TIMER] & LVT_DEADLINE ? a->deadline : 0;
}

static void set_deadline(void *opaque, uint64_t tsc)
{
    Apic *a = opaque;

    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        a->deadline = tsc;
        apic_timer_rearm(a);
    }
}

static void tsc_changed(void *opaque)
{
    Apic *a = opaque;

    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        apic_timer_rearm(a);
    }
}

const X86ApicOps *apic_ops(void)
{
    static const X86ApicOps ops = {
        .get_base = get_base,
        .set_base = set_base,
        .get_tpr = get_tpr,
        .set_tpr = set_tpr,
        .take_interrupt = take_interrupt,
        .read_msr = read_msr,
        .write_msr = write_msr,
        .init = init,
        .take_sipi = take_sipi,
        .get_deadline = get_deadline,
        .set_deadline = set_deadline,
        .tsc_changed = tsc_changed,
    };

    return &ops;
}

/* ---- life ---- */

void apic_reset(Apic *a)
{
    a->base = APIC_DEFAULT_BASE | BASE_ENABLE | (a->bsp ? BASE_BSP : 0);
    a->id = a->initial_id;
    reset_registers(a);
    if (a->bsp) { /* virtual wire, as the platform's firmware finds it */
        a->lvt[LVT_LINT0] = APIC_EXTINT << 8;
    }
    a->wait_sipi = !a->bsp;
    a->sipi_vector = 0;
    apic_place(a);
    apic_update(a);
}

Apic *apic_new(ApicBus *bus, struct X86Cpu *cpu, uint32_t id, bool bsp, MemoryRegion *root)
{
    Apic *a = (Apic *)object_new(bus->vm, "apic", NULL);

    g_assert(a);
    a->bus = bus;
    a->cpu = cpu;
    a->initial_id = id;
    a->bsp = bsp;
    a->root = root;
    a->timer = timer_new(bus->vm, CLOCK_KIND_VIRTUAL, "apic-timer", timer_fired, a);
    memory_region_init_io(&a->mmio, bus->vm, NULL, &mmio_ops, a, "apic", 0x1000);
    g_ptr_array_add(bus->apics, a);
    a->section = section_register(bus->vm, NULL, &apic_section, id, a);
    return a;
}

void apic_free(Apic *a)
{
    section_unregister(a->bus->vm, a->section);
    g_ptr_array_remove(a->bus->apics, a);
    if (a->mapped) {
        memory_region_del(a->root, &a->mmio);
    }
    memory_region_clear(&a->mmio);
    timer_free(a->timer);
    object_unref(&a->dev.obj);
}

uint32_t apic_id(const Apic *a)
{
    return a->initial_id;
}

Object *apic_object(Apic *a)
{
    return &a->dev.obj;
}

void apic_describe(Apic *a, GString *out)
{
    static const char *const names[LVT_COUNT] = { "LVTT", "LVTTHMR", "LVTPC",
                                                  "LVT0", "LVT1",    "LVTERR" };

    g_string_append_printf(out, "dumping local APIC state for CPU %-2u\n\n", a->cpu->base.index);
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        g_string_append_printf(out, "%-8s 0x%08x%s\n", names[i], a->lvt[i],
                               a->lvt[i] & LVT_MASKED ? " masked" : "");
    }
    g_string_append_printf(out, "Timer    DCR=0x%x initial_count = %u current_count = %u\n",
                           a->divide_conf, a->initial_count, current_count(a));
    g_string_append_printf(out, "SPIV     0x%08x APIC %s, spurious vec %u\n", a->svr,
                           a->svr & SVR_ENABLE ? "enabled" : "disabled", a->svr & 0xff);
    g_string_append_printf(out, "ICR      0x%08x 0x%08x\nESR      0x%08x\n", a->icr[0], a->icr[1],
                           a->esr);
    g_string_append(out, "ISR     ");
    for (unsigned v = 0; v < 256; v++) {
        if (get_bit(a->isr, v)) {
            g_string_append_printf(out, " %u", v);
        }
    }
    g_string_append(out, "\nIRR     ");
    for (unsigned v = 0; v < 256; v++) {
        if (get_bit(a->irr, v)) {
            g_string_append_printf(out, " %u%s", v, get_bit(a->tmr, v) ? "(level)" : "");
        }
    }
    g_string_append_printf(out, "\nTPR      0x%02x  PPR 0x%02x\n", a->tpr, ppr(a));
}

static const DeviceOps apic_device_ops = { .category = DEVICE_CATEGORY_MISC };

const TypeInfo apic_types[] = {
    { .name = "apic-common",
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(Apic),
      .ops = &apic_device_ops },
    { .name = "apic", .parent = "apic-common" },
};
const size_t apic_types_count = G_N_ELEMENTS(apic_types);
