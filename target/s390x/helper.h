/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions that translated code calls (helper.def), what they share, and internal interfaces of
 * the target's files.
 */
#ifndef TARGET_S390X_HELPER_H
#define TARGET_S390X_HELPER_H

#include "exec/cpu.h"
#include "target/s390x/s390x.h"

#define S390_HARGS_0 CpuState *cs
#define S390_HARGS_1 S390_HARGS_0, uint64_t a0
#define S390_HARGS_2 S390_HARGS_1, uint64_t a1
#define S390_HARGS_3 S390_HARGS_2, uint64_t a2
#define S390_HARGS_4 S390_HARGS_3, uint64_t a3
#define S390_HARGS_5 S390_HARGS_4, uint64_t a4
#define S390_HELPER(nm, fl, n)                 \
    uint64_t helper_s390_##nm(S390_HARGS_##n); \
    HELPER_DECL(s390_##nm);
#include "target/s390x/helper.def"

/* Extended binary floating point: vector arguments and results. */
HELPER_DECL(s390_bfp2_ext);
HELPER_DECL(s390_bfp_mul_long);
HELPER_DECL(s390_bfp_cmp_ext);
HELPER_DECL(s390_bfp_sqrt_ext);
HELPER_DECL(s390_bfp_quiet_ext);
HELPER_DECL(s390_bfp_to_ext);
HELPER_DECL(s390_bfp_from_ext);
HELPER_DECL(s390_bfp_fi_ext);
HELPER_DECL(s390_bfp_to_int_ext);
HELPER_DECL(s390_bfp_to_int_cc_ext);
/* ... under MODE_FP, by slots (helper/fp-ext.c); those of sums, comparisons and integers give the condition code. */
HELPER_DECL(s390_ext_add);
HELPER_DECL(s390_ext_sub);
HELPER_DECL(s390_ext_mul);
HELPER_DECL(s390_ext_div);
HELPER_DECL(s390_ext_mul_long);
HELPER_DECL(s390_ext_sqrt);
HELPER_DECL(s390_ext_cmp);
HELPER_DECL(s390_ext_narrow);
HELPER_DECL(s390_ext_to_integral);
HELPER_DECL(s390_ext_to_int);

/* Aux word of an instruction: its length, and whether it is the target of an EXECUTE. */
#define S390_AUX_LEN 7u
#define S390_AUX_EX  8u

/* An address cut to the addressing mode. */
static inline uint64_t s390_cut(const S390Cpu *cpu, uint64_t addr)
{
    return cpu->psw_mask & PSW_EA   ? addr
           : cpu->psw_mask & PSW_BA ? addr & 0x7fffffff
                                    : addr & 0xffffff;
}
/* A register as an address or length of the mode: 64-bit mode whole, else the right half. */
static inline uint64_t s390_mode_reg(const S390Cpu *cpu, unsigned r)
{
    return cpu->psw_mask & PSW_EA ? cpu->gpr[r] : (uint32_t)cpu->gpr[r];
}
static inline void s390_set_mode_reg(S390Cpu *cpu, unsigned r, uint64_t v)
{
    if (cpu->psw_mask & PSW_EA) {
        cpu->gpr[r] = v;
    } else {
        cpu->gpr[r] = (cpu->gpr[r] & ~0xffffffffull) | (uint32_t)v;
    }
}
G_NORETURN void s390_data_exception(S390Cpu *cpu, uint8_t dxc);
G_NORETURN void s390_vector_exception(S390Cpu *cpu, uint8_t vxc);
/* Rounding mode that an instruction's field asks for; raises for one that does not exist. */
unsigned s390_fp_rounding(S390Cpu *cpu, unsigned m);
/* The condition code of a lazy form. */
unsigned s390_cc_eval(uint32_t op, uint64_t a, uint64_t b);

/* ---- mmu.c ---- */
/* Accesses are made with this key from now on, until the PSW's is used again. */
void s390_key_use(S390Cpu *cpu, unsigned key);
static inline unsigned s390_psw_key(const S390Cpu *cpu)
{
    return (cpu->psw_mask & PSW_KEY) >> 52;
}
/* Key-controlled protection: may a key fetch from, or store into, the block at an absolute address?
   va: effective address: fetch protection can be overridden for the first 2048 bytes. */
bool s390_key_allows(S390Cpu *cpu, unsigned key, uint64_t absolute, uint64_t va, bool store);
/* Is the page one of the two of low-address protection, and is that in force? */
bool s390_low_protected(const S390Cpu *cpu, uint64_t va, unsigned mmu);
/* A problem-state program may use only the keys of its mask in control register 3. */
void s390_key_check_allowed(S390Cpu *cpu, unsigned key);
/* MMU index of operand n of an instruction whose operand 0 has this one. */
static inline unsigned s390_mmu_operand(unsigned mmu, unsigned n)
{
    return mmu < S390_MMU_AR ? mmu : mmu + n;
}
/* MMU index of an address space (AS_*) with its TLB made valid for the present ASCE. */
unsigned s390_mmu_of_space(S390Cpu *cpu, unsigned as);
/* ... of the PSW's own operands. */
unsigned s390_mmu_of_psw(const S390Cpu *cpu);
/* The PSW's mode or a control register with an ASCE changed. */
void s390_spaces_update(S390Cpu *cpu);
/* Forget what was translated with this table, of the program or of the system; on this CPU. */
void s390_flush_asce(S390Cpu *cpu, uint64_t asce);
typedef struct S390Walk {
    uint64_t absolute; /* of the byte asked for */
    uint64_t entry;    /* real address of the last table entry read */
    unsigned lg_size;
    bool writable, executable;
} S390Walk;
/* 0, or the program-interruption code. */
unsigned s390_walk(S390Cpu *cpu, uint64_t va, uint64_t asce, S390Walk *out);
bool s390_mmu_translate(CpuState *cs, GuestVirt va, MmuAccess access, unsigned mmu, bool probe,
                        MmuResult *res);
bool s390_mmu_debug(CpuState *cs, GuestVirt va, uint64_t *phys);
unsigned s390_fetch_mmu(CpuState *cs);
void s390_unaligned(CpuState *cs, GuestVirt va, MmuAccess access, unsigned mmu);
void s390_bus_error(CpuState *cs, uint64_t phys, MmuAccess access, unsigned size);
/* Says in what space (AS_*) helpers' accesses are, for exceptions; AS_PSW: as the PSW says. */
#define AS_PSW 0xff

/* ---- access.c ---- */
typedef struct S390Space {
    uint64_t asce;
    bool fetch_only; /* of what this ALET gives a right to */
} S390Space;
/* The space of an ALET, for a program with this extended authorization index. 0, or the program-interruption code. */
unsigned s390_alet_walk(S390Cpu *cpu, uint32_t alet, unsigned eax, S390Space *out);
/* ... of an access register, for the present program. */
unsigned s390_ar_walk(S390Cpu *cpu, unsigned r, S390Space *out);
/* ... of an MMU index that is not S390_MMU_REAL and has not S390_MMU_LOW; it is valid. */
unsigned s390_mmu_space(S390Cpu *cpu, unsigned mmu, S390Space *out);
/* S390_MMU_AR + n stands for the space of access register r from now on. */
void s390_ar_select(S390Cpu *cpu, unsigned n, unsigned r);
/* Nothing is known of any ALET. */
void s390_ar_forget(S390Cpu *cpu);
/* Are operands 0 and 1 in one space, so that they may overlap? mmu: operand 0's */
bool s390_same_space(const S390Cpu *cpu, unsigned mmu);

/* ---- excp.c ---- */
void s390_do_interrupt(CpuState *cs);
bool s390_irq_open(const CpuState *cs, uint32_t request);
bool s390_poll_interrupt(CpuState *cs, uint32_t request);
bool s390_has_work(CpuState *cs);
void s390_restore_state(CpuState *cs, uint64_t pc, uint32_t aux);
void s390_get_tb_key(CpuState *cs, TbKey *key);
void s390_dump_state(CpuState *cs, GString *out);
/* Forget a pending EXECUTE: it is done again. */
void s390_ex_cancel(S390Cpu *cpu);
/* Check a new PSW mask and address: 0 or PGM_SPECIFICATION. */
unsigned s390_psw_check(uint64_t mask, uint64_t addr);
extern const struct CpuGdb s390_gdb; /* gdb.c */
/* After a PSW was loaded: spaces, wait state. */
void s390_psw_loaded(S390Cpu *cpu);
/* Of a migrated CPU: a disabled wait is nothing new. */
void s390_psw_install(S390Cpu *cpu, uint64_t mask, uint64_t addr);
bool s390_fpc_valid(uint32_t fpc);

/* ---- per.c ---- */
/* Do the PSW and CR9 ask for any event? */
bool s390_per_active(const S390Cpu *cpu);
/* The PSW's bit or CR9 to CR11 may have changed. */
void s390_per_update(S390Cpu *cpu);
void s390_per_stored_real(S390Cpu *cpu);
bool s390_debug_exception(CpuState *cs);

/* ---- clock.c ---- */
void s390_clock_setup(S390Cpu *cpu);
void s390_clock_teardown(S390Cpu *cpu);

extern const uint64_t s390_facility_list[S390_FACILITY_WORDS];

#endif
