/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87: images of its words, pending exceptions, and the execution of its instructions on the
 * host's own FPU.
 *
 * x87_op and x87_store run the same opcode on the host's FPU, by one of the two ways of x87-host.c: live,
 * where the guest's state stays in the host's FPU from one instruction to the next, or boxed, where an
 * exception may be pending or unmasked. So rounding, stack faults, tags, condition codes, and the
 * responses to exceptions are the host's, to the last bit. Guest instructions that wait look at ES
 * first. What the host does not know is kept elsewhere: instruction and data pointers and opcode by
 * translated code, in slots; the environment formats here.
 */
#include <stddef.h>
#include <string.h>
#include "base/core/vm.h"
#include "base/util/endian.h"
#include "target/x86/fpu.h"
#include "target/x86/helper.h"
#include "target/x86/system.h"
#include "target/x86/x87-priv.h"

/* ---- words ---- */
uint16_t x87_status_word(const X86Cpu *cpu)
{
    return cpu->fpsw | (cpu->fp_top & 7) << 11;
}

static void update_es(X86Cpu *cpu)
{
    bool es = cpu->fpsw & ~cpu->fpcw & X87_EXCEPTIONS;
    cpu->fpsw = (cpu->fpsw & ~(X87_ES | X87_B)) | (es ? X87_ES | X87_B : 0);
}

void x87_set_status_word(X86Cpu *cpu, uint16_t sw)
{
    cpu->fp_top = sw >> 11 & 7;
    cpu->fpsw = sw & ~(7u << 11);
    update_es(cpu);
}

void x87_set_control_word(X86Cpu *cpu, uint16_t cw)
{
    cpu->fpcw = (cw & 0x1f7f) | 0x40;
    update_es(cpu);
}

static unsigned tag_of(const X87Reg *r)
{
    unsigned e = r->exp & 0x7fff;
    if (e == 0) {
        return r->mant ? 2 : 1;
    }
    return e == 0x7fff || !(r->mant >> 63) ? 2 : 0;
}

uint16_t x87_tag_word(const X86Cpu *cpu)
{
    unsigned tag = 0;
    for (unsigned k = 0; k < 8; k++) {
        tag |= (cpu->fp_valid >> k & 1 ? tag_of(&cpu->st[k]) : 3) << (2 * k);
    }
    return tag;
}

void x87_set_tag_word(X86Cpu *cpu, uint16_t tag)
{
    cpu->fp_valid = 0;
    for (unsigned k = 0; k < 8; k++) {
        cpu->fp_valid |= ((tag >> (2 * k) & 3) != 3) << k;
    }
}

uint8_t x87_abridged_tag(const X86Cpu *cpu)
{
    return cpu->fp_valid;
}

void x87_set_abridged_tag(X86Cpu *cpu, uint8_t tag)
{
    cpu->fp_valid = tag;
}

void x87_init(X86Cpu *cpu)
{
    cpu->fpcw = 0x37f;
    cpu->fpsw = 0;
    cpu->fp_top = 0;
    cpu->fp_valid = 0;
    cpu->fp_opcode = 0;
    cpu->fp_cs = cpu->fp_ds = 0;
    cpu->fp_ip = cpu->fp_dp = 0;
}

/* ---- pending exceptions ---- */
/* An instruction that waits starts. With CR0.NE clear the exception goes out as FERR, and the
 * instruction runs: the interrupt it causes is taken at the next instruction boundary. */
static void check_pending(X86Cpu *cpu)
{
    if (!(cpu->fpsw & X87_ES)) {
        return;
    }
    if (cpu->cr0 & CR0_NE) {
        x86_raise(cpu, EXCP_MF);
    }
    if (cpu->sys.ferr) {
        vm_lock(cpu->sys.vm);
        cpu->sys.ferr(cpu->sys.ferr_opaque);
        vm_unlock(cpu->sys.vm);
    }
}

static X87Word word_of(uint64_t v)
{
    X87Word w;
    memcpy(&w, &v, sizeof w);
    return w;
}

/*
 * These two name all the state they touch by the slot argument, so that translated code keeps the rest
 * of the guest's registers where they are across the call. While the guest's state is live, native code
 * runs the instruction in their place.
 */
static bool in_place(uint64_t word, bool write, HelperInPlace *p)
{
    X87Word w = word_of(word);
    *p = (HelperInPlace){ .op = w.op,
                          .modrm = w.modrm,
                          .bytes = w.mem_bytes,
                          .mmu = w.mmu,
                          .write = write,
                          .flags = w.how & X87_COMI };
    return !(w.how & X87_CMOV);
}
static bool op_in_place(uint64_t word, HelperInPlace *p)
{
    return in_place(word, false, p);
}
static bool store_in_place(uint64_t word, HelperInPlace *p)
{
    return in_place(word, true, p);
}

/* Register forms and memory sources at addr. flags: EFLAGS before; returns those after. */
static uint64_t helper_x87_op(CpuState *cs, void *x87, uint64_t word, uint64_t addr, uint64_t flags)
{
    X86Cpu *cpu = x86_cpu(cs);
    X87Word w = word_of(word);
    uint8_t mem[16];
    check_pending(cpu);
    if (w.mem_bytes) { /* changes nothing if it faults */
        cpu_ld_bytes(cs, addr, mem, w.mem_bytes, w.mmu);
    }
    if (x87_live(cpu)) {
        return x87_run_live(w, mem, flags);
    }
    X87Box box;
    flags = x87_run_boxed(cpu, &box, w, mem, flags);
    x87_unbox(cpu, &box);
    return flags;
}
HELPER_PLACE(x87_op, op_in_place, offsetof(X86Cpu, fp_live), IR_I64, HELPER_FAULTS, HARG_SLOT_RW,
             HARG_I64, HARG_I64, HARG_I64);

/* Where the store can go straight to RAM; NULL when it crosses a page or is no RAM. */
static void *store_target(CpuState *cs, uint64_t addr, X87Word w)
{
    bool crosses = (addr & (GUEST_PAGE_SIZE - 1)) + w.mem_bytes > GUEST_PAGE_SIZE;
    return crosses ? NULL : cpu_host_ptr(cs, addr, w.mem_bytes, MMU_ACCESS_WRITE, w.mmu);
}

/* Memory destinations. An unmasked exception other than precision keeps the store from happening. */
static uint64_t helper_x87_store(CpuState *cs, void *x87, uint64_t word, uint64_t addr)
{
    X86Cpu *cpu = x86_cpu(cs);
    X87Word w = word_of(word);
    uint8_t mem[16];
    X87Box box;
    check_pending(cpu);
    /* Live registers change at once: only where the store cannot fault any more. */
    void *to = store_target(cs, addr, w);
    if (to && x87_live(cpu)) {
        x87_run_live(w, mem, 0);
        memcpy(to, mem, w.mem_bytes);
        return 0;
    }
    x87_sync(cpu);
    x87_run_boxed(cpu, &box, w, mem, 0);
    if (!(box.sw & ~box.cw & (X87_IE | X87_DE | X87_ZE | X87_OE | X87_UE))) {
        cpu_st_bytes(cs, addr, mem, w.mem_bytes, w.mmu);
    } else {
        cpu_probe_access(cs, addr, w.mem_bytes, MMU_ACCESS_WRITE, w.mmu);
    }
    x87_unbox(cpu, &box);
    return 0;
}
HELPER_PLACE(x87_store, store_in_place, offsetof(X86Cpu, fp_live), IR_VOID, HELPER_FAULTS,
             HARG_SLOT_RW, HARG_I64, HARG_I64);

/* ---- control ---- */
static uint64_t helper_x87_wait(CpuState *cs)
{
    check_pending(x86_cpu(cs));
    return 0;
}
HELPER(x87_wait, IR_VOID, HELPER_STATE, HARG_NONE);

static uint64_t helper_x87_fldcw(CpuState *cs, void *x87, uint64_t cw)
{
    check_pending(x86_cpu(cs));
    if (!x87_live_control_word(x86_cpu(cs), cw)) {
        x87_sync(x86_cpu(cs));
        x87_set_control_word(x86_cpu(cs), cw);
    }
    return 0;
}
HELPER(x87_fldcw, IR_VOID, HELPER_FAULTS, HARG_SLOT_RW, HARG_I64);

/* FNSTSW. */
static uint64_t helper_x87_sw(CpuState *cs, void *x87)
{
    return x87_live_status_word(x86_cpu(cs));
}
HELPER(x87_sw, IR_I32, 0, HARG_SLOT_RW);

/* The state into CpuState, for what works on it there. */
static uint64_t helper_x87_sync(CpuState *cs, void *x87)
{
    x87_sync(x86_cpu(cs));
    return 0;
}
HELPER(x87_sync, IR_VOID, 0, HARG_SLOT_RW);

/* FNINIT, or FNCLEX. */
static uint64_t helper_x87_ctl(CpuState *cs, uint64_t init)
{
    X86Cpu *cpu = x86_cpu(cs);
    x87_sync(cpu);
    if (init) {
        x87_init(cpu);
    } else {
        cpu->fpsw &= ~(X87_EXCEPTIONS | X87_SF | X87_ES | X87_B);
    }
    return 0;
}
HELPER(x87_ctl, IR_VOID, HELPER_STATE, HARG_I64);

/* ---- environment and save images ---- */
/* 16-bit or 32-bit, with real-mode or protected-mode pointers. Returns the bytes used. */
static unsigned env_put(const X86Cpu *cpu, uint8_t *p, bool op16, bool protected)
{
    uint32_t lin_ip = (uint32_t)cpu->fp_cs * 16 + (uint32_t)cpu->fp_ip;
    uint32_t lin_dp = (uint32_t)cpu->fp_ds * 16 + (uint32_t)cpu->fp_dp;
    uint32_t w[7] = { cpu->fpcw, x87_status_word(cpu), x87_tag_word(cpu) };
    if (protected) {
        w[3] = (uint32_t)cpu->fp_ip;
        w[4] = cpu->fp_cs | (op16 ? 0 : (uint32_t)(cpu->fp_opcode & 0x7ff) << 16);
        w[5] = (uint32_t)cpu->fp_dp;
        w[6] = cpu->fp_ds;
    } else if (op16) {
        w[3] = lin_ip;
        w[4] = (lin_ip >> 16 & 15) << 12 | (cpu->fp_opcode & 0x7ff);
        w[5] = lin_dp;
        w[6] = (lin_dp >> 16 & 15) << 12;
    } else {
        w[3] = lin_ip & 0xffff;
        w[4] = (lin_ip >> 16) << 12 | (cpu->fp_opcode & 0x7ff);
        w[5] = lin_dp & 0xffff;
        w[6] = (lin_dp >> 16) << 12;
    }
    for (unsigned k = 0; k < 7; k++) {
        if (op16) {
            st_le16(p + k * 2, w[k]);
        } else {
            /* The unused halves of the words read as ones; of pointers they are part. */
            bool half = k < 3 || k == 6 || (!protected && (k == 3 || k == 5));
            st_le32(p + k * 4, half && (k < 3 || protected) ? w[k] | 0xffff0000u : w[k]);
        }
    }
    return op16 ? 14 : 28;
}

static unsigned env_take(X86Cpu *cpu, const uint8_t *p, bool op16, bool protected)
{
    uint32_t w[7];
    for (unsigned k = 0; k < 7; k++) {
        w[k] = op16 ? ld_le16(p + k * 2) : ld_le32(p + k * 4);
    }
    cpu->fpcw = (w[0] & 0x1f7f) | 0x40;
    x87_set_status_word(cpu, w[1]);
    x87_set_tag_word(cpu, w[2]);
    if (protected) {
        cpu->fp_ip = w[3];
        cpu->fp_cs = w[4];
        cpu->fp_opcode = op16 ? 0 : w[4] >> 16 & 0x7ff;
        cpu->fp_dp = w[5];
        cpu->fp_ds = w[6];
    } else {
        cpu->fp_ip = (w[3] & 0xffff) | (w[4] & 0x0ffff000) << 4;
        cpu->fp_opcode = w[4] & 0x7ff;
        cpu->fp_dp = (w[5] & 0xffff) | (w[6] & 0x0ffff000) << 4;
        cpu->fp_cs = cpu->fp_ds = 0;
    }
    return op16 ? 14 : 28;
}

/* word: op D9 = FLDENV, FNSTENV; DD = FRSTOR, FNSAVE; reg 4 loads, 6 stores. */
static uint64_t helper_x87_env(CpuState *cs, uint64_t word, uint64_t addr, uint64_t mode)
{
    X86Cpu *cpu = x86_cpu(cs);
    X87Word w = word_of(word);
    uint8_t buf[108];
    bool protected = mode_protected((uint32_t)mode), all = w.op == 0xdd;
    x87_sync(cpu);
    if ((w.modrm >> 3 & 7) == 4) {
        check_pending(cpu);
        cpu_ld_bytes(cs, addr, buf, w.mem_bytes, w.mmu);
        unsigned n = env_take(cpu, buf, (w.how & X87_OP16), protected);
        for (unsigned k = 0; all && k < 8; k++) {
            memcpy(&cpu->st[(cpu->fp_top + k) & 7], buf + n + k * 10, 10);
        }
        return 0;
    }
    unsigned n = env_put(cpu, buf, (w.how & X87_OP16), protected);
    for (unsigned k = 0; all && k < 8; k++) {
        memcpy(buf + n + k * 10, &cpu->st[(cpu->fp_top + k) & 7], 10);
    }
    cpu_st_bytes(cs, addr, buf, w.mem_bytes, w.mmu);
    if (all) {
        x87_init(cpu);
    } else {
        x87_set_control_word(cpu, cpu->fpcw | X87_EXCEPTIONS);
    }
    return 0;
}
HELPER(x87_env, IR_VOID, HELPER_STATE, HARG_I64, HARG_I64, HARG_I64);
