/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system side of an x86 CPU: control state beyond the registers that translated code touches,
 * and the calls between the system files (mmu, seg, excp, smm, msr, debug, state).
 *
 * Instructions of MODE_TF regions arm the single-step trap before they do anything (helper
 * arm_step); the trap is raised by x86_get_tb_key() when the next instruction is looked up. The
 * interrupt shadow and RF are cleared by a put at the start of the instruction that they cover.
 */
#pragma once
#include "target/x86/cpu.h"

/* CR0 */
#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)
/* CR4 */
#define CR4_VME        (1u << 0)
#define CR4_PVI        (1u << 1)
#define CR4_TSD        (1u << 2)
#define CR4_DE         (1u << 3)
#define CR4_PSE        (1u << 4)
#define CR4_PAE        (1u << 5)
#define CR4_MCE        (1u << 6)
#define CR4_PGE        (1u << 7)
#define CR4_PCE        (1u << 8)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP       (1u << 11)
#define CR4_LA57       (1u << 12)
#define CR4_FSGSBASE   (1u << 16)
#define CR4_PCIDE      (1u << 17)
#define CR4_OSXSAVE    (1u << 18)
#define CR4_SMEP       (1u << 20)
#define CR4_SMAP       (1u << 21)
#define CR4_PKE        (1u << 22)
/* EFER */
#define EFER_SCE   (1u << 0)
#define EFER_LME   (1u << 8)
#define EFER_LMA   (1u << 10)
#define EFER_NXE   (1u << 11)
#define EFER_SVME  (1u << 12)
#define EFER_FFXSR (1u << 14)
/* DR6, DR7 */
#define DR6_FIXED 0xffff0ff0u
#define DR6_BD    (1u << 13)
#define DR6_BS    (1u << 14)
#define DR6_BT    (1u << 15)
#define DR7_FIXED 0x400u
#define DR7_GD    (1u << 13)
/* In dr6_pending only: the #DB is a trap (RF is not set in the saved flags). */
#define X86_DR6_TRAP (1u << 31)
/* #PF error code */
#define PF_P    (1u << 0)
#define PF_W    (1u << 1)
#define PF_U    (1u << 2)
#define PF_RSVD (1u << 3)
#define PF_I    (1u << 4)
#define PF_PK   (1u << 5)

/* CpuState.exception of an accepted interrupt: this plus the vector; NMI is that of vector 2. */
#define X86_EXCP_INTR 0x100

/* int_shadow values */
#define X86_SHADOW_STI   1
#define X86_SHADOW_MOVSS 2 /* also holds off debug traps */

/* Address spaces of a CPU (CpuState.as). */
enum {
    X86_AS_NORMAL,
    X86_AS_SMM
};

struct X86Cpu;

/* ---- life (cpu-sys.c) ---- */
/* State after power-on or RESET; @init: after INIT (FPU, SSE, MTRRs, TSC... are kept). */
void x86_cpu_reset(struct X86Cpu *cpu, bool init);
/* Gates of the decoder from the configuration. */
void x86_gates_from_config(X86GateSet *gates, const X86CpuConfig *cfg);
void x86_dump_state(CpuState *cs, GString *out);
extern const struct CpuGdb x86_gdb;

/* ---- mode (seg.c) ---- */
void x86_mode_update(struct X86Cpu *cpu);
/* The same where nothing changed but CS, SS and EFLAGS. */
void x86_mode_moved(struct X86Cpu *cpu);

/* ---- hooks of CpuTargetOps ---- */
void x86_get_tb_key(CpuState *cs, TbKey *key);
unsigned x86_fetch_mmu_idx(CpuState *cs);
bool x86_mmu_translate(CpuState *cs, GuestVirt va, MmuAccess access, unsigned mmu_idx, bool probe,
                       MmuResult *res);
bool x86_mmu_debug(CpuState *cs, GuestVirt va, uint64_t *phys);
void x86_unaligned(CpuState *cs, GuestVirt va, MmuAccess access, unsigned mmu_idx);
void x86_do_interrupt(CpuState *cs);
bool x86_poll_interrupt(CpuState *cs, uint32_t request);
bool x86_irq_open(const CpuState *cs, uint32_t request);
bool x86_has_work(CpuState *cs);
bool x86_debug_exception(CpuState *cs);

/* ---- control registers (control.c); checked values only, VM lock not held ---- */
void x86_paging_changed(struct X86Cpu *cpu); /* all TLB entries go; the PCID is looked at anew */
void x86_set_cr0(struct X86Cpu *cpu, uint64_t v);
void x86_set_cr3(struct X86Cpu *cpu, uint64_t v, bool keep_tlb);
void x86_set_cr4(struct X86Cpu *cpu, uint64_t v);
void x86_set_efer(struct X86Cpu *cpu, uint64_t v);
uint64_t x86_cr4_reserved(const struct X86Cpu *cpu);
/* Loads the PDPTE registers from @cr3; false: a reserved bit is set. */
bool x86_load_pdptes(struct X86Cpu *cpu, uint64_t cr3, uint64_t out[4]);
void x86_set_a20(struct X86Cpu *cpu, bool on); /* any thread, VM lock held */
void x86_set_dr(struct X86Cpu *cpu, unsigned n, uint64_t v);
void x86_debug_update(struct X86Cpu *cpu); /* hardware breakpoints from DR7 */

/* ---- exceptions (excp.c) ---- */
G_NORETURN void x86_raise(struct X86Cpu *cpu, int vector);
G_NORETURN void x86_raise_err(struct X86Cpu *cpu, int vector, uint32_t error);
static inline G_NORETURN void x86_gp(struct X86Cpu *cpu, uint32_t error)
{
    x86_raise_err(cpu, EXCP_GP, error);
}
enum X86IntKind {
    X86_INT_HW,
    X86_INT_EXCP,
    X86_INT_SOFT,
    X86_INT_ICEBP
};
/* Enters the handler of @vector now: state must be precise, rip is what is pushed. */
void x86_deliver(struct X86Cpu *cpu, int vector, enum X86IntKind kind, bool has_error,
                 uint32_t error);
/* After IF, the APIC or anything else that holds interrupts back has changed. */
void x86_recheck_irq(struct X86Cpu *cpu);

/* ---- segments (seg.c, task.c) ---- */
/* A descriptor as the GDT or LDT has it. */
typedef struct X86Desc {
    uint32_t lo, hi;
} X86Desc;
/* The table entry of @sel; false when it lies outside its table. Implicit supervisor access. */
bool x86_desc_fetch(struct X86Cpu *cpu, uint16_t sel, X86Desc *d, uint64_t *where);
static inline uint64_t x86_desc_base(X86Desc d)
{
    return d.lo >> 16 | (d.hi & 0xff) << 16 | (d.hi & 0xff000000u);
}
static inline uint32_t x86_desc_limit(X86Desc d)
{
    uint32_t limit = (d.lo & 0xffff) | (d.hi & 0xf0000);

    return d.hi & X86_SEG_G ? limit << 12 | 0xfff : limit;
}
#define X86_DESC_ATTR 0x00f0ff00u
static inline X86Seg x86_desc_seg(uint16_t sel, X86Desc d)
{
    return (X86Seg){ .sel = sel,
                     .attr = d.hi & X86_DESC_ATTR,
                     .limit = x86_desc_limit(d),
                     .base = x86_desc_base(d) };
}
static inline unsigned x86_desc_dpl(X86Desc d)
{
    return d.hi >> 13 & 3;
}
void x86_load_seg(struct X86Cpu *cpu, unsigned reg, uint16_t sel);
void x86_load_seg_real(struct X86Cpu *cpu, unsigned reg, uint16_t sel);
void x86_load_ldt(struct X86Cpu *cpu, uint16_t sel, int fault);
enum X86TaskCause {
    X86_TASK_JMP,
    X86_TASK_CALL,
    X86_TASK_INT,
    X86_TASK_IRET
};
/* Switches to the task of the TSS @sel (checked by the caller to be one); rip is what the old task
   resumes at. Pushes @error when @has_error. */
void x86_task_switch(struct X86Cpu *cpu, uint16_t sel, X86Desc d, uint64_t where,
                     enum X86TaskCause cause, bool has_error, uint32_t error);
/* SS:ESP of privilege @dpl from the TSS. */
void x86_tss_stack(struct X86Cpu *cpu, unsigned dpl, uint16_t *ss, uint32_t *esp);
void x86_tss_stack64(struct X86Cpu *cpu, unsigned slot, uint64_t *rsp); /* 0..2 RSPn, 4..10 ISTn */
bool x86_canonical(const struct X86Cpu *cpu, uint64_t va);

/* ---- SMM (smm.c) ---- */
void x86_enter_smm(struct X86Cpu *cpu);
void x86_leave_smm(struct X86Cpu *cpu);

/* ---- time ---- */
uint64_t x86_tsc_now(const struct X86Cpu *cpu);
void x86_tsc_write(struct X86Cpu *cpu, uint64_t v);
/* The virtual-clock time at which the TSC reads @tsc. */
int64_t x86_tsc_to_ns(const struct X86Cpu *cpu, uint64_t tsc);

/* Components of XSAVE state that are not in their initial configuration. */
uint64_t x86_xinuse(const struct X86Cpu *cpu);

/* ---- MSRs (msr.c); false: #GP ---- */
bool x86_msr_read(struct X86Cpu *cpu, uint32_t msr, uint64_t *value);
bool x86_msr_write(struct X86Cpu *cpu, uint32_t msr, uint64_t value);
