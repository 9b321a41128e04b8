/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts and exceptions: which pending event is taken, how a handler is entered in each mode,
 * what a fault during that becomes. Intel SDM vol. 3 ch. 6 and 20 (vm86); AMD APM vol. 2 ch. 8.
 *
 * Invariants: sys.delivering is -1 except while a handler is being entered; a fault then comes
 * back to x86_do_interrupt(), which makes it a double or triple fault by the classes of both.
 * Handlers are entered without the VM lock, since pushing may fault.
 */
#include "seg-priv.h"

#include "base/core/vm.h"
#include "base/util/log.h"

#define BENIGN 0x100 /* sys.delivering of interrupts */

static bool has_error_code(int vector)
{
    return vector >= 0 && vector < 32 && (0x27d00u >> vector & 1);
}

static bool contributory(int vector)
{
    return vector == EXCP_DE || (vector >= EXCP_TS && vector <= EXCP_GP);
}

void x86_raise_err(X86Cpu *cpu, int vector, uint32_t error)
{
    if (cpu->sys.ext && vector >= EXCP_TS && vector <= EXCP_GP) {
        error |= 1;
    }
    if (cpu->sys.in_new_task) {
        cpu->sys.task_error = error;
        cpu_exit_to_loop(&cpu->base, vector);
    }
    cpu_raise(&cpu->base, vector, error);
}

void x86_raise(X86Cpu *cpu, int vector)
{
    x86_raise_err(cpu, vector, 0);
}

/* ---- entering a handler ---- */

typedef struct {
    int vector;
    enum X86IntKind kind;
    bool has_error;
    uint32_t error;
    uint32_t flags; /* image to push */
} Entry;

static void deliver_real(X86Cpu *cpu, const Entry *e)
{
    Stk s = stk_current(cpu);
    uint32_t at = e->vector * 4;

    if (at + 3 > cpu->idt.limit) {
        x86_gp(cpu, at + 2);
    }
    uint32_t ivt = cpu_ld32(&cpu->base, (uint32_t)(cpu->idt.base + at), X86_MMU_KERNEL);

    stk_push(&s, e->flags, 2);
    stk_push(&s, cpu->seg[R_CS].sel, 2);
    stk_push(&s, cpu->rip, 2);
    stk_commit(&s);
    x86_load_seg_real(cpu, R_CS, ivt >> 16);
    cpu->rip = ivt & 0xffff;
    x86_load_eflags(cpu, 0, X86_IF | X86_TF | X86_AC | X86_RF);
}

/* The code segment behind an interrupt gate. */
static X86Desc handler_code(X86Cpu *cpu, uint16_t sel, uint64_t *where)
{
    X86Desc d;

    if (!(sel & ~3)) {
        x86_gp(cpu, 0);
    }
    if (!x86_desc_fetch(cpu, sel, &d, where) || !desc_is_code(d) ||
        x86_desc_dpl(d) > cpu_cpl(cpu)) {
        x86_gp(cpu, sel & ~3);
    }
    if (cpu_lma(cpu) && (d.hi & (X86_SEG_L | X86_SEG_DB)) != X86_SEG_L) {
        x86_gp(cpu, sel & ~3);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, sel & ~3);
    }
    return d;
}

static void deliver_task(X86Cpu *cpu, const Entry *e, uint16_t sel)
{
    uint64_t where;
    X86Desc d;

    if ((sel & 4) || !(sel & ~3) || !x86_desc_fetch(cpu, sel, &d, &where) || (d.hi & X86_SEG_S) ||
        (desc_type(d) != 1 && desc_type(d) != 9)) {
        x86_gp(cpu, sel & ~3);
    }
    if (!(d.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, sel & ~3);
    }
    x86_load_eflags(cpu, e->flags, X86_RF);
    x86_task_switch(cpu, sel, d, where, X86_TASK_INT, e->has_error, e->error);
}

static void push_vm86_segs(X86Cpu *cpu, Stk *s, unsigned size)
{
    stk_push(s, cpu->seg[R_GS].sel, size);
    stk_push(s, cpu->seg[R_FS].sel, size);
    stk_push(s, cpu->seg[R_DS].sel, size);
    stk_push(s, cpu->seg[R_ES].sel, size);
}

static void push_frame(X86Cpu *cpu, Stk *s, const Entry *e, unsigned size)
{
    stk_push(s, e->flags, size);
    stk_push(s, cpu->seg[R_CS].sel, size);
    stk_push(s, cpu->rip, size);
    if (e->has_error) {
        stk_push(s, e->error, size);
    }
}

static void after_entry(X86Cpu *cpu, bool interrupt_gate)
{
    x86_load_eflags(cpu, 0, X86_TF | X86_NT | X86_RF | X86_VM | (interrupt_gate ? X86_IF : 0));
}

static void deliver_protected(X86Cpu *cpu, const Entry *e)
{
    uint32_t at = e->vector * 8, idt_err = at + 2;
    unsigned cpl = cpu_cpl(cpu);
    bool vm86 = cpu->eflags & X86_VM;
    uint64_t where;
    X86Desc g;

    if (at + 7 > cpu->idt.limit) {
        x86_gp(cpu, idt_err);
    }
    g.lo = cpu_ld32(&cpu->base, (uint32_t)(cpu->idt.base + at), X86_MMU_KERNEL);
    g.hi = cpu_ld32(&cpu->base, (uint32_t)(cpu->idt.base + at + 4), X86_MMU_KERNEL);

    unsigned type = g.hi >> 8 & 31;

    if (type != 5 && type != 6 && type != 7 && type != 14 && type != 15) {
        x86_gp(cpu, idt_err);
    }
    if (e->kind == X86_INT_SOFT && x86_desc_dpl(g) < cpl) {
        x86_gp(cpu, idt_err);
    }
    if (!(g.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, idt_err);
    }
    if (type == 5) {
        deliver_task(cpu, e, g.lo >> 16);
        return;
    }
    uint16_t sel = g.lo >> 16;
    unsigned size = type & 8 ? 4 : 2;
    uint32_t off = (g.lo & 0xffff) | (size == 4 ? g.hi & 0xffff0000u : 0);
    X86Desc d = handler_code(cpu, sel, &where);
    bool inner = !(d.hi & X86_SEG_DC) && x86_desc_dpl(d) < cpl;
    unsigned dpl = inner ? x86_desc_dpl(d) : cpl;
    Stk s;

    if (vm86 && (!inner || dpl != 0)) {
        x86_gp(cpu, sel & ~3);
    }
    if (inner) {
        uint16_t ss;
        uint32_t esp;

        x86_tss_stack(cpu, dpl, &ss, &esp);
        s = (Stk){ .cpu = cpu, .sp = esp, .mmu = X86_MMU_KERNEL, .err = ss & ~3 };
        s.ss = x86_desc_seg(ss, x86_check_ss(cpu, ss, dpl, EXCP_TS));
        s.mask = stk_mask(s.ss.attr);
        if (vm86) {
            push_vm86_segs(cpu, &s, size);
        }
        stk_push(&s, cpu->seg[R_SS].sel, size);
        stk_push(&s, cpu->gpr[G_RSP], size);
    } else {
        s = stk_current(cpu);
    }
    push_frame(cpu, &s, e, size);
    if (off > x86_desc_limit(d)) {
        x86_gp(cpu, 0);
    }
    x86_desc_touch(cpu, &d, where);
    if (vm86) {
        static const uint8_t data[] = { R_ES, R_DS, R_FS, R_GS };

        for (unsigned i = 0; i < 4; i++) {
            cpu->seg[data[i]] = (X86Seg){ .sel = 0 };
        }
    }
    cpu->seg[R_SS] = s.ss;
    stk_commit(&s);
    x86_set_cs(cpu, sel, d, dpl);
    cpu->rip = off;
    after_entry(cpu, !(type & 1));
}

static void deliver_long(X86Cpu *cpu, const Entry *e)
{
    uint32_t at = e->vector * 16, idt_err = e->vector * 8 + 2;
    unsigned cpl = cpu_cpl(cpu);
    uint64_t where;
    X86Desc g;

    if (at + 15 > cpu->idt.limit) {
        x86_gp(cpu, idt_err);
    }
    g.lo = cpu_ld32(&cpu->base, cpu->idt.base + at, X86_MMU_KERNEL);
    g.hi = cpu_ld32(&cpu->base, cpu->idt.base + at + 4, X86_MMU_KERNEL);

    unsigned type = g.hi >> 8 & 31, ist = g.hi & 7;
    uint64_t off = (g.lo & 0xffff) | (g.hi & 0xffff0000u) |
                   (uint64_t)cpu_ld32(&cpu->base, cpu->idt.base + at + 8, X86_MMU_KERNEL) << 32;

    if ((type != 14 && type != 15) || (e->kind == X86_INT_SOFT && x86_desc_dpl(g) < cpl)) {
        x86_gp(cpu, idt_err);
    }
    if (!(g.hi & X86_SEG_P)) {
        x86_raise_err(cpu, EXCP_NP, idt_err);
    }
    uint16_t sel = g.lo >> 16;
    X86Desc d = handler_code(cpu, sel, &where);
    bool inner = !(d.hi & X86_SEG_DC) && x86_desc_dpl(d) < cpl;
    unsigned dpl = inner ? x86_desc_dpl(d) : cpl;
    Stk s = { .cpu = cpu, .is64 = true, .mask = UINT64_MAX };

    if (ist) {
        x86_tss_stack64(cpu, ist + 3, &s.sp);
    } else if (inner) {
        x86_tss_stack64(cpu, dpl, &s.sp);
    } else {
        s.sp = cpu->gpr[G_RSP];
    }
    s.sp &= ~15ull;
    s.mmu = dpl == 3 ? X86_MMU_USER : X86_MMU_KERNEL;
    if (!x86_canonical(cpu, off)) {
        x86_gp(cpu, 0);
    }
    stk_push(&s, cpu->seg[R_SS].sel, 8);
    stk_push(&s, cpu->gpr[G_RSP], 8);
    push_frame(cpu, &s, e, 8);
    x86_desc_touch(cpu, &d, where);
    if (inner) {
        x86_set_ss_null(cpu, dpl);
    }
    cpu->gpr[G_RSP] = s.sp;
    x86_set_cs(cpu, sel, d, dpl);
    cpu->rip = off;
    after_entry(cpu, !(type & 1));
}

static void log_entry(X86Cpu *cpu, const Entry *e)
{
    static const char kinds[][6] = { "hw", "excp", "soft", "icebp" };

    log_printf(LOG_INT,
               "%u: v=%02x e=%04x %s cpl=%u IP=%04x:%016" PRIx64 " SP=%04x:%016" PRIx64
               " CR2=%016" PRIx64 "\n",
               cpu->base.index, e->vector, e->error, kinds[e->kind], cpu_cpl(cpu),
               cpu->seg[R_CS].sel, cpu->rip, cpu->seg[R_SS].sel, cpu->gpr[G_RSP], cpu->cr2);
}

void x86_deliver(X86Cpu *cpu, int vector, enum X86IntKind kind, bool has_error, uint32_t error)
{
    Entry e = { vector, kind, has_error && (cpu->cr0 & CR0_PE), error, x86_eflags_get(cpu) };

    if (log_enabled(LOG_INT)) {
        log_entry(cpu, &e);
    }
    if (kind == X86_INT_EXCP && vector != EXCP_BP && vector != EXCP_OF && vector != EXCP_DB) {
        e.flags |= X86_RF;
    }
    if (vector == EXCP_DB && kind == X86_INT_EXCP) {
        e.flags |= cpu->sys.dr6_pending & X86_DR6_TRAP ? 0 : X86_RF;
        cpu->dr[6] |= cpu->sys.dr6_pending & 0xe00f;
        cpu->dr[7] &= ~(uint64_t)DR7_GD;
        cpu->sys.dr6_pending = 0;
    }
    cpu->sys.delivering = kind == X86_INT_EXCP ? vector : BENIGN;
    cpu->sys.ext = kind != X86_INT_SOFT;
    cpu->sys.in_new_task = false;
    if (!(cpu->cr0 & CR0_PE)) {
        deliver_real(cpu, &e);
    } else if (cpu_lma(cpu)) {
        deliver_long(cpu, &e);
    } else {
        deliver_protected(cpu, &e);
    }
    cpu->sys.delivering = -1;
    cpu->sys.ext = false;
    cpu->sys.trap_armed &= DR6_BT;
    cpu->int_shadow = 0;
    cpu->sys.in_new_task = false;
    x86_mode_moved(cpu);
}

/* ---- faults that come up ---- */

static void triple_fault(X86Cpu *cpu)
{
    log_printf(LOG_CPU_RESET, "Triple fault\n");
    if (log_enabled(LOG_CPU_RESET)) {
        g_autoptr(GString) text = g_string_new(NULL);

        x86_dump_state(&cpu->base, text);
        log_write("%s", text->str);
    }
    cpu->sys.delivering = -1;
    cpu->sys.ext = false;
    cpu->sys.shutdown = true;
    cpu->base.halted = 1;
    vm_reset_request(cpu->sys.vm, SHUTDOWN_GUEST_RESET);
}

void x86_do_interrupt(CpuState *cs)
{
    X86Cpu *cpu = x86_cpu(cs);
    int vector = cs->exception, first = cpu->sys.delivering;
    uint32_t error = cpu->sys.in_new_task ? cpu->sys.task_error : cs->excp_error;

    cs->exception = CPU_EXCP_NONE;
    cpu->sys.in_new_task = false;
    if (vector >= X86_EXCP_INTR) {
        x86_deliver(cpu, vector - X86_EXCP_INTR, X86_INT_HW, false, 0);
        return;
    }
    if (first >= 0 && first < BENIGN) {
        bool second_bad = contributory(vector) || vector == EXCP_PF;

        if (first == EXCP_DF && second_bad) {
            triple_fault(cpu);
            return;
        }
        if ((contributory(first) && contributory(vector)) || (first == EXCP_PF && second_bad)) {
            vector = EXCP_DF;
            error = 0;
        }
    }
    cpu->sys.delivering = -1;
    x86_deliver(cpu, vector, X86_INT_EXCP, has_error_code(vector), error);
}

/* ---- events from outside ---- */

static void take_init(X86Cpu *cpu)
{
    bool wait = false;

    x86_cpu_reset(cpu, true);
    if (cpu->sys.apic_ops) {
        wait = cpu->sys.apic_ops->init(cpu->sys.apic);
    }
    cpu->base.halted = wait;
}

static bool take_sipi(X86Cpu *cpu)
{
    int page = cpu->sys.apic_ops ? cpu->sys.apic_ops->take_sipi(cpu->sys.apic) : -1;

    if (page < 0) {
        return false;
    }
    cpu->seg[R_CS].sel = page << 8;
    cpu->seg[R_CS].base = (uint32_t)page << 12;
    cpu->rip = 0;
    cpu->base.halted = 0;
    x86_mode_update(cpu);
    return true;
}

static int take_vector(X86Cpu *cpu)
{
    if (cpu->sys.apic_ops) {
        return cpu->sys.apic_ops->take_interrupt(cpu->sys.apic);
    }
    return cpu->sys.pic_ack ? cpu->sys.pic_ack(cpu->sys.pic_opaque) : -1;
}

bool x86_poll_interrupt(CpuState *cs, uint32_t request)
{
    X86Cpu *cpu = x86_cpu(cs);

    if ((request & CPU_IRQ_INIT) && !cpu->sys.smm) {
        cpu_reset_interrupt(cs, CPU_IRQ_INIT);
        take_init(cpu);
        return true;
    }
    if (request & CPU_IRQ_SIPI) {
        cpu_reset_interrupt(cs, CPU_IRQ_SIPI);
        return take_sipi(cpu);
    }
    if (cpu->sys.shutdown) {
        return false;
    }
    if ((request & CPU_IRQ_SMI) && !cpu->sys.smm) {
        cpu_reset_interrupt(cs, CPU_IRQ_SMI);
        cs->halted = 0;
        x86_enter_smm(cpu);
        return true;
    }
    if ((request & CPU_IRQ_NMI) && !cpu->sys.nmi_blocked && cpu->int_shadow != X86_SHADOW_MOVSS) {
        cpu_reset_interrupt(cs, CPU_IRQ_NMI);
        cpu->sys.nmi_blocked = true;
        cs->halted = 0;
        cs->exception = X86_EXCP_INTR + EXCP_NMI;
        return true;
    }
    if ((request & CPU_IRQ_HARD) && (cpu->eflags & X86_IF) && !cpu->int_shadow) {
        int vector;

        cpu_reset_interrupt(cs, CPU_IRQ_HARD);
        vector = take_vector(cpu);
        if (vector >= 0) {
            cs->halted = 0;
            cs->exception = X86_EXCP_INTR + vector;
            return true;
        }
    }
    return false;
}

bool x86_irq_open(const CpuState *cs, uint32_t r)
{
    const X86Cpu *cpu = (const X86Cpu *)cs;

    if (cpu->sys.shutdown) {
        return r & CPU_IRQ_INIT;
    }
    return ((r & CPU_IRQ_HARD) && (cpu->eflags & X86_IF)) || (r & (CPU_IRQ_INIT | CPU_IRQ_SIPI)) ||
           ((r & CPU_IRQ_NMI) && !cpu->sys.nmi_blocked) || ((r & CPU_IRQ_SMI) && !cpu->sys.smm);
}

bool x86_has_work(CpuState *cs)
{
    return x86_irq_open(cs, cpu_irq_pending(cs));
}

/* ---- software interrupts ---- */

/* INT n in vm86 with the redirection bit clear: through the 8086 table, VIF for IF. */
static void int_vme(X86Cpu *cpu, int vector)
{
    Stk s = stk_current(cpu);
    uint32_t ivt = cpu_ld32(&cpu->base, vector * 4, X86_MMU_USER);
    uint32_t flags = x86_eflags_get(cpu);
    bool iopl3 = cpu->mode & MODE_IOPL_OK;

    if (!iopl3) {
        flags = (flags & ~X86_IF) | (flags & X86_VIF ? X86_IF : 0) | X86_IOPL;
    }
    stk_push(&s, flags, 2);
    stk_push(&s, cpu->seg[R_CS].sel, 2);
    stk_push(&s, cpu->rip, 2);
    stk_commit(&s);
    x86_load_seg_real(cpu, R_CS, ivt >> 16);
    cpu->rip = ivt & 0xffff;
    x86_load_eflags(cpu, 0, X86_TF | X86_NT | X86_RF | (iopl3 ? X86_IF : X86_VIF));
    x86_mode_update(cpu);
}

/* Is INT @vector left to the 8086 program's own table? */
static bool vme_redirected(X86Cpu *cpu, int vector)
{
    const X86Seg *tr = &cpu->seg[R_TR];

    if (!(cpu->cr4 & CR4_VME) || tr->limit < 0x67) {
        return false;
    }
    uint32_t map = cpu_ld16(&cpu->base, (uint32_t)(tr->base + 0x66), X86_MMU_KERNEL);
    uint32_t at = map - 32 + vector / 8;

    if (map < 32 || at > tr->limit) {
        return false;
    }
    return !(cpu_ld8(&cpu->base, (uint32_t)(tr->base + at), X86_MMU_KERNEL) >> (vector & 7) & 1);
}

uint64_t helper_x86_int_sw(CpuState *cs, uint64_t vector, uint64_t next, uint64_t kind)
{
    X86Cpu *cpu = x86_cpu(cs);

    cpu_sync_state(cs);
    if (kind == 0 && (cpu->mode & MODE_VM86)) {
        if (vme_redirected(cpu, vector)) {
            cpu->rip = next;
            int_vme(cpu, vector);
            cpu_exit_to_loop(cs, CPU_EXCP_LOOP);
        }
        if (!(cpu->mode & MODE_IOPL_OK)) {
            x86_gp(cpu, 0);
        }
    }
    cpu->rip = next;
    x86_deliver(cpu, vector, kind == 1 ? X86_INT_ICEBP : X86_INT_SOFT, false, 0);
    cpu_exit_to_loop(cs, CPU_EXCP_LOOP);
}

uint64_t helper_x86_arm_step(CpuState *cs)
{
    x86_cpu(cs)->sys.trap_armed |= DR6_BS;
    return 0;
}

uint64_t helper_x86_set_shadow(CpuState *cs)
{
    x86_cpu(cs)->int_shadow = X86_SHADOW_MOVSS;
    return 0;
}
