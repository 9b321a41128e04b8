/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DIAGNOSE 308: resets, IPL again, and the IPL parameter block.
 *
 *   0, 1  reset the subsystems and CPUs, keep the memory, load the PSW at absolute 0 (what a boot
 *         loader ends with, and kdump)
 *   3, 4  IPL as at power-on, from the block that was set
 *   5, 6  set and store the block: address in r1, answer in r1 + 1
 *
 * All resets are done by the main loop with every CPU paused; the calling CPU rests until then.
 */
#include "base/util/endian.h"
#include "exec/engine.h"
#include "s390-priv.h"

enum {
    SUB_MODIFIED_CLEAR = 0,
    SUB_LOAD_NORMAL = 1,
    SUB_IPL_CLEAR = 3,
    SUB_IPL_NORMAL = 4,
    SUB_SET = 5,
    SUB_STORE = 6,
};
enum {
    RC_OK = 0x0001,
    RC_NO_BLOCK = 0x0102,
    RC_BAD_BLOCK = 0x0402,
};

static int reset(S390Board *b, S390Cpu *cpu, S390BoardReset kind)
{
    vm_lock(b->vm);
    b->reset_kind = kind;
    b->reset_cpu = cpu->address;
    s390_cpu_set_state(cpu, S390_CPU_STOPPED);
    vm_reset_request(b->vm, kind == S390_BOARD_RESET_ALL ? SHUTDOWN_GUEST_RESET
                                                         : SHUTDOWN_SUBSYSTEM_RESET);
    vm_unlock(b->vm);
    cpu_exit_request(&cpu->base);
    return 0;
}

static S390Machine *machine_of(S390Board *b)
{
    return (S390Machine *)b->machine;
}

static uint64_t set_block(S390Board *b, S390Cpu *cpu, uint64_t addr)
{
    S390Machine *m = machine_of(b);
    uint8_t block[S390_IPLB_BYTES];

    cpu_ld_bytes(&cpu->base, addr, block, sizeof(block), S390_MMU_REAL);
    if (m->direct_boot) {
        return RC_NO_BLOCK; /* an IPL of this machine is always of its kernel */
    }
    if (!s390_boot_block_valid(block)) {
        return RC_BAD_BLOCK;
    }
    unsigned n = s390_boot_block_length(block);
    vm_lock(b->vm);
    memset(m->ipl.block, 0, sizeof(m->ipl.block));
    memcpy(m->ipl.block, block, n);
    m->ipl.valid = true;
    vm_unlock(b->vm);
    return RC_OK;
}

static uint64_t store_block(S390Board *b, S390Cpu *cpu, uint64_t addr)
{
    S390Machine *m = machine_of(b);
    uint8_t block[S390_IPLB_BYTES];
    bool valid;

    cpu_probe_access(&cpu->base, addr, sizeof(block), MMU_ACCESS_WRITE, S390_MMU_REAL);
    vm_lock(b->vm);
    valid = m->ipl.valid && !m->direct_boot;
    memcpy(block, m->ipl.block, sizeof(block));
    vm_unlock(b->vm);
    if (!valid) {
        return RC_NO_BLOCK;
    }
    cpu_st_bytes(&cpu->base, addr, block, s390_boot_block_length(block), S390_MMU_REAL);
    return RC_OK;
}

int s390_diag_ipl(S390Board *b, S390Cpu *cpu, unsigned r1, unsigned r3)
{
    uint64_t subcode = cpu->gpr[r3], addr = cpu->gpr[r1];

    switch (subcode) {
    case SUB_MODIFIED_CLEAR: return reset(b, cpu, S390_BOARD_RESET_CLEAR_CPUS);
    case SUB_LOAD_NORMAL: return reset(b, cpu, S390_BOARD_RESET_CPUS);
    case SUB_IPL_CLEAR:
    case SUB_IPL_NORMAL: return reset(b, cpu, S390_BOARD_RESET_ALL);
    case SUB_SET:
    case SUB_STORE:
        if ((r1 & 1) || (addr & 0xfff)) {
            return -PGM_SPECIFICATION;
        }
        cpu->gpr[r1 + 1] = subcode == SUB_SET ? set_block(b, cpu, addr) : store_block(b, cpu, addr);
        return 0;
    default: return -PGM_SPECIFICATION;
    }
}
