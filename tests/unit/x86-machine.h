/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flat x86 test machine: one CPU of model "max", 16 MiB of RAM at 0, no devices. Code is placed
 * at X86M_CODE and runs until HLT or the first exception, which is recorded and not delivered.
 * In 64-bit mode 2 MiB pages map the RAM one to one; the page tables lie at 1 MiB. The page
 * X86M_HOLE is not mapped in 64-bit mode.
 */
#ifndef X86_MACHINE_H
#define X86_MACHINE_H

#include "base/core/vm.h"
#include "base/memory/space.h"
#include "exec/cpu.h"
#include "exec/engine.h"
#include "target/x86/cpu.h"
#include "target/x86/flags.h"
#include "target/x86/x86.h"

#define X86M_CODE  0x10000u
#define X86M_DATA  0x20000u
#define X86M_STACK 0x30000u
#define X86M_HOLE  0xe00000u /* 2 MiB */
#define X86M_RAM   0x1000000u

typedef struct X86Machine {
    Vm *vm;
    MemoryRegion ram;
    uint8_t *mem; /* RAM, borrowed */
    ExecEngine *engine;
    X86CpuConfig cfg;
    X86Cpu *cpu;
    CpuTargetOps ops;
    int vector; /* -1: HLT was reached */
    uint32_t error;
    bool deliver; /* exceptions go to the guest's handlers instead */
} X86Machine;

X86Machine *x86m_new(void);
X86Machine *x86m_new_with(const ExecConfig *config);
void x86m_free(X86Machine *m);
/* Registers cleared, flat segments of the mode (16: real mode, 32, 64), RSP = X86M_STACK. */
void x86m_reset(X86Machine *m, unsigned mode);
/* Put code (and a HLT behind it) at X86M_CODE. */
void x86m_load(X86Machine *m, const void *code, size_t len);
/* Run from the registers as they are until HLT or an exception. */
void x86m_resume(X86Machine *m);
/* Both. */
void x86m_run(X86Machine *m, const void *code, size_t len);
/* The same, from hex digits with blanks. */
void x86m_run_hex(X86Machine *m, const char *hex);

#endif
