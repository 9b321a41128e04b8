/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The s390x target as the board sees it: CPU life, PSW, interrupts, memory by real and logical
 * address, facilities. One S390Cpu a vCPU, owned by the CPU device.
 */
#ifndef TARGET_S390X_S390X_H
#define TARGET_S390X_S390X_H

#include "migration/vmstate/vmstate.h"
#include "target/s390x/cpu.h"

#define FERRY_S390_ERROR (ferry_s390_error_quark())
GQuark ferry_s390_error_quark(void);
typedef enum {
    FERRY_S390_ERROR_STATE, /* migrated state that this CPU cannot have */
} FerryS390Error;

/* Migrated state; owner: the S390Cpu. */
extern const SectionDesc s390_section_common, s390_section_cpu;

extern const CpuTargetOps s390_target_ops;

#define S390_FACILITY_WORDS       4
#define S390_FACILITY_VECTOR      129
#define S390_FACILITY_VECTOR_ENH1 135
#define S390_FACILITY_VECTOR_ENH2 148
/* The facility list, as STFLE gives it. */
const uint64_t *s390_facilities(void);
#define S390_CPU_TYPE 0x8561u

/* cpu: zeroed. Fill address, vm, board, board_ops first. VM lock held. */
void s390_cpu_setup(S390Cpu *cpu);
void s390_cpu_teardown(S390Cpu *cpu);

typedef enum S390ResetKind {
    S390_RESET_CPU,     /* SIGP CPU reset */
    S390_RESET_INITIAL, /* ... initial CPU reset */
    S390_RESET_CLEAR,   /* ... with general, access, floating-point registers */
} S390ResetKind;
/* vCPU stopped or own thread. Leaves it in the stopped state. */
void s390_cpu_reset(S390Cpu *cpu, S390ResetKind kind);
/* Stopped to operating and back; any thread with the VM lock. */
void s390_cpu_set_state(S390Cpu *cpu, S390CpuState state);

unsigned s390_cc_get(S390Cpu *cpu);
uint64_t s390_psw_mask_get(S390Cpu *cpu); /* with the condition code */
void s390_psw_set(S390Cpu *cpu, uint64_t mask, uint64_t addr);

/* Floating interrupts changed: every CPU that could take one looks. Any thread. */
void s390_cpus_kick_floating(ExecEngine *engine);
void s390_cpu_pend(S390Cpu *cpu, uint32_t bits); /* any thread */

/* Own thread: raise a program interruption for the current instruction. */
G_NORETURN void s390_program(S390Cpu *cpu, unsigned code);

/* Registers as SIGP or an operator stores them, at an absolute address; false: no storage there. */
bool s390_store_status(S390Cpu *cpu, uint64_t absolute);
/* ... all of it but PSW and prefix, which a machine check stores. */
void s390_store_registers(S390Cpu *cpu, uint64_t absolute);
/* 512 bytes; false: there is no storage. */
bool s390_store_vectors(S390Cpu *cpu, uint64_t absolute);

uint64_t s390_real_to_absolute(const S390Cpu *cpu, uint64_t real);
/* TOD clock now, in clock units. */
uint64_t s390_tod_now(S390Cpu *cpu);
/* The CPU timer as it stands. */
uint64_t s390_cpu_timer_get(S390Cpu *cpu);
/* Arm the timers again (after a load, or a change of the TOD clock). */
void s390_timers_update(S390Cpu *cpu);

static inline uint64_t s390_ns_to_tod(uint64_t ns)
{
    return ns / 125 * 512 + ns % 125 * 512 / 125;
}
static inline uint64_t s390_tod_to_ns(uint64_t t)
{
    return t / 512 * 125 + t % 512 * 125 / 512;
}
#define S390_TOD_UNIX 0x7d91048bca000000ull /* TOD clock at 1970-01-01 */

#endif
