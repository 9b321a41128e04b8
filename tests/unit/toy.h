/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A toy instruction set and a machine with it, for tests of the engine.
 *
 * 8 bytes an instruction: op, rd, ra, rb, imm32 (little-endian). 16 registers of 64 bits, two
 * 256-bit vector registers, one flat page table: va -> pa identity below 16 MiB, with per-page
 * permission bytes held in the CPU struct.
 */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include <string.h>
#include "base/core/vm.h"
#include "base/memory/space.h"
#include "exec/exec-priv.h"
#include "exec/ir/ir-priv.h"

enum {
    T_HALT,
    T_MOVI,
    T_ADD,
    T_ADDI,
    T_LD,
    T_ST,
    T_BNE,
    T_JMP,
    T_JR,
    T_XADD,
    T_PUSH2,
    T_SVC,
    T_NOP,
    T_DIV,
    T_REP,
    T_STB,
    T_CALLSYNC,
    T_MUL,
    T_CALL,  /* imm, with the return address in rd */
    T_CALLR, /* ra */
    T_RET,   /* ra */
};

#define RAM_SIZE (1u << 20)
#define IO_BASE  0x800000u
#define N_PAGES  4096

typedef struct ToyCpu {
    CpuState parent;
    uint64_t pc;
    uint64_t r[16];
    IrVec v[2];
    uint64_t flag, d;
    uint8_t perm[N_PAGES]; /* MMU_R.. */
#define PERM_GLOBAL 8
#define PERM_LARGE  16    /* part of 64 KiB */
    uint16_t to[N_PAGES]; /* physical page, 0: the same */
    unsigned last_excp;
    uint64_t fault_va, fault_pc;
    unsigned n_faults, n_irqs, walks;
    unsigned n_keys; /* how often the engine asked where it is */
    uint64_t seen_pc, seen_r1;
    bool stop_on_fault;
} ToyCpu;

static inline ToyCpu *toy(CpuState *cpu)
{
    return (ToyCpu *)cpu;
}

#define S_R(i) (i)
enum {
    S_V0 = 16,
    S_V1,
    S_V0LO,
    S_V1Q2, /* 64 bits of V1 as a scalar in a vector register */
    S_D,    /* the same, by itself */
    S_FLAG,
    S_COUNT
};
enum {
    EXCP_SVC = 1,
    EXCP_PF = 2,
    EXCP_DIV = 3
};

typedef struct Machine Machine;
struct Machine {
    Vm *vm;
    MemoryRegion ram, io;
    uint8_t *mem;
    uint64_t io_last, io_addr;
    void (*on_io)(Machine *m); /* a device was written to; NULL: nothing more happens */
    ExecEngine *engine;
    ToyCpu *cpu[4];
    unsigned n;
};

extern CpuTargetOps toy_ops;
extern const HelperDesc hd_toy_halt, hd_toy_sync;

void toy_tables(void); /* first of all */
ToyCpu *add_cpu(Machine *m);
Machine *machine_new(const ExecConfig *config);
void machine_free(Machine *m);
void put_code(Machine *m, uint32_t at, const uint64_t *code, unsigned n);
/* Run without a thread until the guest halts. */
void run(ToyCpu *t, uint64_t pc);

static inline uint64_t enc(uint8_t op, uint8_t d, uint8_t a, uint8_t b, uint32_t imm)
{
    return op | (uint64_t)d << 8 | (uint64_t)a << 16 | (uint64_t)b << 24 | (uint64_t)imm << 32;
}
#define CODE(m, at, ...)                             \
    do {                                             \
        const uint64_t code_[] = { __VA_ARGS__ };    \
        put_code(m, at, code_, G_N_ELEMENTS(code_)); \
    } while (0)

#endif
