/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PERFORM LOCKED OPERATION (Principles of Operation, chapter 7). A function code is an operation times
 * four plus a form:
 *
 *   operation                        form             operands
 *   0 compare and load               0 word           registers
 *   1 compare and swap               1 doubleword     parameter list
 *   2 double compare and swap        2 doubleword     registers
 *   3, 4, 5 compare and swap and     3 quadword       parameter list
 *     store, double, triple store
 *
 * A list has 16-byte cells, a shorter value at its cell's end: 0 first comparison and 16 replacement
 * value, 32 third comparison value (or operand of a load), 48 third replacement value (or operand of a
 * store), 80 and 112 the fifth and seventh operand; addresses of the fourth, sixth and eighth operand at
 * 72, 104 and 136, in the access-register mode with their ALETs before them, which go through access register r3.
 * Everything is found and probed first; one lock of the machine then stands for all
 * program locks, and under it nothing can fault.
 */
#include <string.h>
#include "base/core/vm.h"
#include "base/util/endian.h"
#include "target/s390x/helper.h"

enum {
    OP_LOAD,
    OP_SWAP,
    OP_DOUBLE_SWAP,
    OP_STORE,
    OP_DOUBLE_STORE,
    OP_TRIPLE_STORE,
};
enum {
    CELL_COMPARE = 0,
    CELL_REPLACE = 16,
    CELL_THIRD = 32,
    CELL_THIRD_NEW = 48,
    LIST_ALET = 68,
    LIST_ADDRESS = 72, /* of the fourth operand; the next ones are at steps of LIST_STEP */
    CELL_FIFTH = 80,
    LIST_STEP = 32,
    LIST_BYTES = 144,
    FUNCTION_CODES = 24,
    TEST_BIT = 0x100,
};

typedef struct Plo {
    S390Cpu *cpu;
    unsigned op, size, mmu, r1, r3;
    bool in_registers; /* first and third operand */
    bool has_list;
    uint64_t list_at;
    uint8_t list[LIST_BYTES];
    uint8_t *second, *targets[3]; /* host memory: operands two; four, six, eight */
} Plo;

/* ---- values: size bytes, as storage has them ---- */

static uint8_t *cell(Plo *p, unsigned at)
{
    return p->list + at + 16 - p->size;
}

static void register_to(const Plo *p, unsigned r, uint8_t *out)
{
    st_be(out, p->size, p->cpu->gpr[r]);
}

static void to_register(Plo *p, unsigned r, const uint8_t *in)
{
    uint64_t keep = p->size == 4 ? ~0xffffffffull : 0;

    p->cpu->gpr[r] = (p->cpu->gpr[r] & keep) | ld_be(in, p->size);
}

/* The operand in a register or a cell. */
static void get(Plo *p, unsigned r, unsigned at, uint8_t *out)
{
    if (p->in_registers) {
        register_to(p, r, out);
    } else {
        memcpy(out, cell(p, at), p->size);
    }
}

static void put(Plo *p, unsigned r, unsigned at, const uint8_t *in)
{
    if (p->in_registers) {
        to_register(p, r, in);
    } else {
        memcpy(cell(p, at), in, p->size);
    }
}

/* ---- finding everything ---- */

static uint8_t *operand(Plo *p, uint64_t at, MmuAccess access, unsigned mmu)
{
    uint8_t *host;

    if (at & (p->size - 1)) {
        s390_program(p->cpu, PGM_SPECIFICATION);
    }
    host = cpu_host_ptr(&p->cpu->base, at, p->size, access, mmu);
    if (!host) { /* no memory */
        s390_program(p->cpu, PGM_ADDRESSING);
    }
    return host;
}

static unsigned fourth_mmu(const Plo *p)
{
    return s390_mmu_operand(p->mmu, 1);
}

static void find_list(Plo *p, uint64_t at)
{
    if (at & 7) {
        s390_program(p->cpu, PGM_SPECIFICATION);
    }
    p->list_at = at;
    cpu_ld_bytes(&p->cpu->base, at, p->list, LIST_BYTES, fourth_mmu(p));
    if (!p->in_registers) { /* results may go there */
        cpu_probe_access(&p->cpu->base, at, LIST_BYTES, MMU_ACCESS_WRITE, fourth_mmu(p));
    }
}

/* The MMU index of what cell k of the list points to. */
static unsigned listed_mmu(Plo *p, unsigned k)
{
    if (p->mmu != S390_MMU_AR) {
        return p->mmu;
    }
    if (!p->r3) {
        s390_program(p->cpu, PGM_SPECIFICATION);
    }
    p->cpu->ar[p->r3] = ld_be32(p->list + LIST_ALET + k * LIST_STEP);
    s390_ar_select(p->cpu, 2, p->r3);
    return s390_mmu_operand(p->mmu, 2);
}

static void find_operands(Plo *p, uint64_t second, uint64_t fourth)
{
    MmuAccess access = p->op == OP_LOAD ? MMU_ACCESS_READ : MMU_ACCESS_WRITE;
    unsigned n = p->op == OP_SWAP ? 0 : p->op <= OP_STORE ? 1 : p->op - OP_STORE + 1;

    p->has_list = !p->in_registers || p->op > OP_STORE;
    if (p->has_list) {
        find_list(p, fourth);
    }
    p->second = operand(p, second, access, p->mmu);
    for (unsigned k = 0; k < n; k++) {
        uint64_t at = p->has_list ? ld_be64(p->list + LIST_ADDRESS + k * LIST_STEP) : fourth;
        unsigned mmu = p->has_list ? listed_mmu(p, k) : fourth_mmu(p);
        p->targets[k] = operand(p, s390_cut(p->cpu, at), access, mmu);
    }
}

static void check_registers(const Plo *p)
{
    bool pair1 = p->in_registers && p->op != OP_LOAD;
    bool pair3 = p->in_registers && p->op == OP_DOUBLE_SWAP;

    if ((pair1 && (p->r1 & 1)) || (pair3 && (p->r3 & 1))) {
        s390_program(p->cpu, PGM_SPECIFICATION);
    }
}

/* ---- the operation; the lock is held ---- */

static void store_operands(Plo *p)
{
    uint8_t v[16];

    for (unsigned k = 0; k <= p->op - OP_STORE; k++) {
        if (k == 0 && p->op == OP_STORE) {
            get(p, p->r3, CELL_THIRD_NEW, v);
        } else {
            memcpy(v, cell(p, k ? CELL_FIFTH + (k - 1) * LIST_STEP : CELL_THIRD_NEW), p->size);
        }
        memcpy(p->targets[k], v, p->size);
    }
}

static unsigned carry_out(Plo *p)
{
    uint8_t v[16];

    get(p, p->r1, CELL_COMPARE, v);
    if (memcmp(v, p->second, p->size)) {
        put(p, p->r1, CELL_COMPARE, p->second);
        return 1;
    }
    if (p->op == OP_LOAD) {
        put(p, p->r3, CELL_THIRD, p->targets[0]);
        return 0;
    }
    if (p->op == OP_DOUBLE_SWAP) {
        get(p, p->r3, CELL_THIRD, v);
        if (memcmp(v, p->targets[0], p->size)) {
            put(p, p->r3, CELL_THIRD, p->targets[0]);
            return 2;
        }
        get(p, p->r3 + 1, CELL_THIRD_NEW, v);
        memcpy(p->targets[0], v, p->size);
    }
    if (p->op >= OP_STORE) {
        store_operands(p);
    }
    get(p, p->r1 + 1, CELL_REPLACE, v);
    memcpy(p->second, v, p->size);
    return 0;
}

uint64_t helper_s390_plo(CpuState *cs, uint64_t second, uint64_t fourth, uint64_t regs,
                         uint64_t mmu)
{
    static const uint8_t sizes[] = { 4, 8, 8, 16 };
    S390Cpu *cpu = s390_cpu(cs);
    unsigned code = cpu->gpr[0] & 0xff, form = code & 3, cc;

    if (cpu->gpr[0] & 0xfffffe00u) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    if (cpu->gpr[0] & TEST_BIT) {
        return code < FUNCTION_CODES ? 0 : 3;
    }
    if (code >= FUNCTION_CODES) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    Plo p = { .cpu = cpu,
              .op = code >> 2,
              .size = sizes[form],
              .mmu = mmu,
              .r1 = regs & 15,
              .r3 = regs >> 4 & 15,
              .in_registers = !(form & 1) };
    check_registers(&p);
    find_operands(&p, second, fourth);
    vm_lock(cpu->vm);
    cc = carry_out(&p);
    vm_unlock(cpu->vm);
    if (!p.in_registers) {
        cpu_st_bytes(cs, p.list_at, p.list, CELL_THIRD_NEW, fourth_mmu(&p));
    }
    return cc;
}
