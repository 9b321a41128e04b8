/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 opcodes on the host's FPU.
 *
 * Live: with all exceptions masked the guest's registers, control and status words are loaded into the
 * host's FPU once (FRSTOR) and stay there while translated code runs; each guest instruction is then
 * the same host instruction and little else. x87_sync() takes them back (FNSAVE, which also leaves
 * the FPU as the ABI wants it): the engine does so through x86_fpenv_put() whenever translated code
 * is left, so that nobody else sees them live, and helpers that work on the state do it themselves.
 * Meanwhile C code on the vCPU's thread must not use the x87; it uses SSE.
 *
 * Boxed: the state goes over for one instruction and comes back. An exception that it raises stays
 * pending in the host, and FNSAVE, which does not wait, takes it away: the host never traps.
 */
#include <string.h>
#include "target/x86/x87-priv.h"

#if defined(__x86_64__)
/* One "opcode; ret" of four bytes each: eight opcodes with the 64 register forms, and with the eight
 * memory forms at [rdi]. */
__asm__(".pushsection .text, \"ax\", @progbits\n"
        ".balign 16\n"
        "x87_reg_forms:\n"
        ".set op, 0xd8\n"
        ".rept 8\n"
        ".set m, 0xc0\n"
        ".rept 64\n"
        ".byte op, m, 0xc3, 0x90\n"
        ".set m, m + 1\n"
        ".endr\n"
        ".set op, op + 1\n"
        ".endr\n"
        "x87_mem_forms:\n"
        ".set op, 0xd8\n"
        ".rept 8\n"
        ".set m, 0x07\n"
        ".rept 8\n"
        ".byte op, m, 0xc3, 0x90\n"
        ".set m, m + 8\n"
        ".endr\n"
        ".set op, op + 1\n"
        ".endr\n"
        ".popsection\n");
extern const uint8_t x87_reg_forms[] __attribute__((visibility("hidden")));
extern const uint8_t x87_mem_forms[] __attribute__((visibility("hidden")));

static const uint8_t *host_form(X87Word w)
{
    unsigned o = w.op & 7;
    return w.modrm >= 0xc0 ? x87_reg_forms + (o * 64 + (w.modrm & 63)) * 4
                           : x87_mem_forms + (o * 8 + (w.modrm >> 3 & 7)) * 4;
}

/* ---- images ---- */

static void fill(const X86Cpu *cpu, X87Box *box, uint16_t sw)
{
    *box = (X87Box){ .cw = cpu->fpcw, .sw = sw };
    for (unsigned k = 0; k < 8; k++) {
        box->tag |= (cpu->fp_valid >> k & 1 ? 0 : 3) << (2 * k);
        memcpy(box->st[k], &cpu->st[(cpu->fp_top + k) & 7], 10);
    }
}

static void take(X86Cpu *cpu, const X87Box *box, uint16_t sw)
{
    x87_set_status_word(cpu, sw);
    x87_set_tag_word(cpu, box->tag);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(&cpu->st[(cpu->fp_top + k) & 7], box->st[k], 10);
    }
}

/* ---- live ---- */

static bool may_live(unsigned cw, unsigned sw)
{
    return (cw & X87_EXCEPTIONS) == X87_EXCEPTIONS && !(sw & X87_ES);
}

bool x87_live(X86Cpu *cpu)
{
    if (G_LIKELY(cpu->fp_live)) {
        return true;
    }
    if (!may_live(cpu->fpcw, cpu->fpsw)) {
        return false;
    }
    X87Box box;
    fill(cpu, &box, x87_status_word(cpu));
    __asm__ volatile("frstor %0" : : "m"(box));
    cpu->fp_live = true;
    return true;
}

void x87_sync(X86Cpu *cpu)
{
    X87Box box;
    if (G_LIKELY(!cpu->fp_live)) {
        return;
    }
    __asm__ volatile("fnsave %0" : "=m"(box));
    cpu->fp_live = false;
    take(cpu, &box, box.sw);
}

/* The red zone of the caller stays whole. */
#define CALL_CODE              \
    "lea -128(%%rsp), %%rsp\n" \
    "call *%[code]\n"          \
    "lea 128(%%rsp), %%rsp\n"

/* FCOMI and the like set ZF, PF and CF, and clear OF, SF and AF. */
static uint64_t run_comi(const uint8_t *code)
{
    bool z, p, c;
    __asm__ volatile(CALL_CODE : "=@ccz"(z), "=@ccp"(p), "=@ccc"(c) : [code] "r"(code) : "memory");
    return (uint64_t)z << 6 | (uint64_t)p << 2 | c;
}

static void run_cmov(const uint8_t *code, uint64_t flags)
{
    flags = (flags & X87_EFLAGS_HOST) | 2;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n"
                     "push %[fl]\n"
                     "popfq\n"
                     "call *%[code]\n"
                     "lea 128(%%rsp), %%rsp\n"
                     :
                     : [fl] "r"(flags), [code] "r"(code)
                     : "memory", "cc");
}

uint64_t x87_run_live(X87Word w, uint8_t mem[16], uint64_t flags)
{
    const uint8_t *code = host_form(w);
    if (w.how & X87_COMI) {
        return run_comi(code);
    }
    if (w.how & X87_CMOV) {
        run_cmov(code, flags);
    } else {
        __asm__ volatile(CALL_CODE : : [code] "r"(code), "D"(mem) : "memory", "cc");
    }
    return flags;
}

bool x87_live_control_word(X86Cpu *cpu, uint16_t cw)
{
    if (!cpu->fp_live || !may_live(cw, 0)) {
        return false;
    }
    x87_set_control_word(cpu, cw);
    __asm__ volatile("fldcw %0" : : "m"(cpu->fpcw));
    return true;
}

uint16_t x87_live_status_word(const X86Cpu *cpu)
{
    uint16_t sw;
    if (!cpu->fp_live) {
        return x87_status_word(cpu);
    }
    __asm__ volatile("fnstsw %0" : "=am"(sw));
    return sw;
}

/* ---- boxed ---- */

/* Exception flags are left out of what the host sees: an unmasked one would stop it. None can be
 * pending in the guest except with CR0.NE clear. */
uint64_t x87_run_boxed(const X86Cpu *cpu, X87Box *box, X87Word w, uint8_t mem[16], uint64_t flags)
{
    const uint8_t *code = host_form(w);
    fill(cpu, box, x87_status_word(cpu) & ~(X87_EXCEPTIONS | X87_ES | X87_B));
    flags = (flags & X87_EFLAGS_HOST) | 2;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n"
                     "frstor (%[box])\n"
                     "push %[fl]\n"
                     "popfq\n"
                     "call *%[code]\n"
                     "pushfq\n"
                     "pop %[fl]\n"
                     "fnsave (%[box])\n"
                     "lea 128(%%rsp), %%rsp\n"
                     : [fl] "+r"(flags)
                     : [box] "r"(box), [code] "r"(code), "D"(mem)
                     : "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",
                       "st(7)");
    return flags & X87_EFLAGS_HOST;
}

void x87_unbox(X86Cpu *cpu, const X87Box *box)
{
    unsigned sticky = cpu->fpsw & X87_EXCEPTIONS;
    if (!(box->sw & X87_SF)) {
        sticky |= cpu->fpsw & X87_SF;
    }
    take(cpu, box, box->sw | sticky);
}
#else
#error "the x87 needs an implementation for this host"
#endif
