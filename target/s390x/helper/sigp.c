/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGNAL PROCESSOR. Orders that only work on a stopped CPU are carried out there and waited for;
 * all others leave a pending bit, which the addressed CPU takes at its next look.
 */
#include "base/core/vm.h"
#include "base/util/log.h"
#include "exec/engine.h"
#include "target/s390x/helper.h"

enum {
    ORDER_SENSE = 0x01,
    ORDER_EXTCALL = 0x02,
    ORDER_EMERGENCY = 0x03,
    ORDER_START = 0x04,
    ORDER_STOP = 0x05,
    ORDER_RESTART = 0x06,
    ORDER_STOP_STORE = 0x09,
    ORDER_INITIAL_RESET = 0x0b,
    ORDER_RESET = 0x0c,
    ORDER_SET_PREFIX = 0x0d,
    ORDER_STORE_STATUS = 0x0e,
    ORDER_SET_ARCH = 0x12,
    ORDER_COND_EMERGENCY = 0x13,
    ORDER_SENSE_RUNNING = 0x15,
    ORDER_STORE_MORE = 0x17,
};

enum {
    STATUS_INVALID_ORDER = 0x0002,
    STATUS_STOPPED = 0x0040,
    STATUS_EXTCALL = 0x0080,
    STATUS_PARAMETER = 0x0100,
    STATUS_STATE = 0x0200,
    STATUS_NOT_RUNNING = 0x0400,
};

enum {
    CC_ACCEPTED,
    CC_STATUS,
    CC_BUSY, /* only for access paths that Ferry does not have */
    CC_NOT_THERE,
};

static S390Cpu *find(S390Cpu *cpu, uint16_t address)
{
    ExecEngine *e = cpu->base.engine;

    for (unsigned i = 0; i < engine_cpu_count(e); i++) {
        S390Cpu *c = s390_cpu(engine_cpu(e, i));
        if (c->address == address) {
            return c;
        }
    }
    return NULL;
}

static uint64_t status(uint64_t *r1, uint32_t bits)
{
    *r1 = (*r1 & ~0xffffffffull) | bits;
    return CC_STATUS;
}

static bool stopped(const S390Cpu *c)
{
    return __atomic_load_n(&c->run_state, __ATOMIC_SEQ_CST) == S390_CPU_STOPPED;
}

static uint64_t sense(S390Cpu *c, uint64_t *r1)
{
    uint32_t bits = stopped(c) ? STATUS_STOPPED : 0;

    bits |= __atomic_load_n(&c->pending, __ATOMIC_SEQ_CST) & PEND_EXTCALL ? STATUS_EXTCALL : 0;
    return bits ? status(r1, bits) : CC_ACCEPTED;
}

static uint64_t emergency(S390Cpu *from, S390Cpu *c)
{
    vm_lock(c->vm);
    __atomic_or_fetch(&c->emergency_from[from->address / 64], 1ull << from->address % 64,
                      __ATOMIC_SEQ_CST);
    s390_cpu_pend(c, PEND_EMERGENCY);
    vm_unlock(c->vm);
    return CC_ACCEPTED;
}

/* One call waits at a time. A second one is answered with status, not with "busy": a program that
   holds what the other CPU spins for would try again for ever. */
static uint64_t external_call(S390Cpu *from, S390Cpu *c, uint64_t *r1)
{
    bool accepted = false;

    vm_lock(c->vm);
    if (!(c->pending & PEND_EXTCALL)) {
        c->extcall_from = from->address;
        s390_cpu_pend(c, PEND_EXTCALL);
        accepted = true;
    }
    vm_unlock(c->vm);
    return accepted ? CC_ACCEPTED : status(r1, STATUS_EXTCALL);
}

/* ---- orders that run on the addressed CPU ---- */
static void do_initial_reset(CpuState *cs, void *opaque)
{
    s390_cpu_reset(s390_cpu(cs), S390_RESET_INITIAL);
}

static void do_reset(CpuState *cs, void *opaque)
{
    s390_cpu_reset(s390_cpu(cs), S390_RESET_CPU);
}

static void do_set_prefix(CpuState *cs, void *opaque)
{
    s390_cpu(cs)->prefix = *(uint64_t *)opaque;
    cpu_tlb_flush(cs);
}

static void do_store_status(CpuState *cs, void *opaque)
{
    s390_store_status(s390_cpu(cs), *(uint64_t *)opaque);
}

static void do_store_vectors(CpuState *cs, void *opaque)
{
    s390_store_vectors(s390_cpu(cs), *(uint64_t *)opaque);
}

static uint64_t on_stopped(S390Cpu *c, CpuWorkFn fn, uint64_t param, uint64_t *r1)
{
    if (!stopped(c)) {
        return status(r1, STATUS_STATE);
    }
    if (!cpu_probe_quiet(cpu_current(), param, 512, MMU_ACCESS_READ, S390_MMU_REAL)) {
        return status(r1, STATUS_PARAMETER);
    }
    cpu_run_on(&c->base, fn, &param);
    return CC_ACCEPTED;
}

/* Store additional status at an address: the vector registers. */
static uint64_t store_more(S390Cpu *c, uint64_t param, uint64_t *r1)
{
    if (!s390_facility(c, 129)) {
        return status(r1, STATUS_INVALID_ORDER);
    }
    return param & 0x3ff ? status(r1, STATUS_PARAMETER)
                         : on_stopped(c, do_store_vectors, param, r1);
}

static uint64_t reset(S390Cpu *from, S390Cpu *c, CpuWorkFn fn)
{
    if (c == from) {
        return CC_NOT_THERE; /* of itself: it would have to return from a reset */
    }
    if (stopped(c)) {
        cpu_run_on(&c->base, fn, NULL);
    } else {
        cpu_run_on_async(&c->base, fn, NULL);
    }
    return CC_ACCEPTED;
}

static uint64_t start(S390Cpu *c)
{
    vm_lock(c->vm);
    s390_cpu_set_state(c, S390_CPU_OPERATING);
    vm_unlock(c->vm);
    return CC_ACCEPTED;
}

static uint64_t pend(S390Cpu *c, uint32_t bits)
{
    s390_cpu_pend(c, bits);
    return CC_ACCEPTED;
}

static uint64_t order(S390Cpu *from, S390Cpu *c, unsigned code, uint64_t param, uint64_t *r1)
{
    switch (code) {
    case ORDER_SENSE: return sense(c, r1);
    case ORDER_EXTCALL: return external_call(from, c, r1);
    case ORDER_COND_EMERGENCY:
    case ORDER_EMERGENCY: return emergency(from, c);
    case ORDER_START: return start(c);
    case ORDER_STOP: return pend(c, PEND_STOP);
    case ORDER_STOP_STORE: return pend(c, PEND_STOP | PEND_STOP_STORE);
    case ORDER_RESTART: return pend(c, PEND_RESTART);
    case ORDER_INITIAL_RESET: return reset(from, c, do_initial_reset);
    case ORDER_RESET: return reset(from, c, do_reset);
    case ORDER_SET_PREFIX: return on_stopped(c, do_set_prefix, param & 0x7fffe000, r1);
    case ORDER_STORE_STATUS: return on_stopped(c, do_store_status, param & 0x7ffffe00, r1);
    case ORDER_STORE_MORE: return store_more(c, param, r1);
    case ORDER_SENSE_RUNNING: return c->base.halted ? status(r1, STATUS_NOT_RUNNING) : CC_ACCEPTED;
    default:
        log_guest_error("s390x: SIGP order 0x%x is not known\n", code);
        return status(r1, STATUS_INVALID_ORDER);
    }
}

uint64_t helper_s390_sigp(CpuState *cs, uint64_t addr, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned r1 = regs & 15, code = addr & 0xff;
    uint64_t param = (uint32_t)cpu->gpr[r1 | 1];
    S390Cpu *to = find(cpu, cpu->gpr[regs >> 4 & 15]);

    if (code == ORDER_SET_ARCH) { /* addresses all: there is one architecture, and we are in it */
        return status(&cpu->gpr[r1], STATUS_PARAMETER);
    }
    return to ? order(cpu, to, code, param, &cpu->gpr[r1]) : CC_NOT_THERE;
}
