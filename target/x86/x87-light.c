/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Short cut for the common x87 instructions: only the registers that they use go to the host's FPU and
 * back. Everything that may fault, trap or meet an empty register is left to the long way in x87.c.
 *
 * The host's FPU is as the ABI leaves it between uses: empty, control word X87_CW_HOST. The
 * operation finds ST0 in the host's ST0 and ST(i) in its ST1. Sticky flags stay in the host's status
 * word, which is slow to read and to clear: what it has is remembered (fp_host), and it is cleared only
 * when that is something that the guest's word has not. This counts on nothing else on a vCPU's
 * thread using the x87.
 *
 * Moves between registers do not need an FPU at all.
 */
#include <string.h>
#include "target/x86/x87-priv.h"

enum {
    LIGHT = 1 << 0,
    IN0 = 1 << 1,  /* reads ST0 */
    INI = 1 << 2,  /* reads ST(i) */
    OUT0 = 1 << 3, /* writes ST0 */
    OUTI = 1 << 4, /* writes ST(i) */
    PUSH = 1 << 5,
    POP = 1 << 6,
    POP2 = 1 << 7,
    CC = 1 << 8,    /* sets C0, C2, C3; all set C1 */
    DUP = 1 << 9,   /* FLD ST(i): ST(i) goes to the host's ST0 */
    COMI = 1 << 10, /* clears C1 or leaves it alone, as the processor pleases; sets EFLAGS */
    CMOV = 1 << 11, /* same with C1; reads EFLAGS */
};

/* In fp_host; the flags not known: another thread's, or a fresh CPU. */
#define HOST_KNOWN 0x8000u
#define STICKY     (X87_EXCEPTIONS | X87_SF)

#define ARITH (LIGHT | IN0 | OUT0)
#define COM   (LIGHT | IN0 | CC)
#define LOAD  (LIGHT | PUSH)
#define STORE (LIGHT | IN0)

/* By opcode and the reg field. */
#define MEM_ARITH                                                \
    {                                                            \
        ARITH, ARITH, COM, COM | POP, ARITH, ARITH, ARITH, ARITH \
    }
static const uint16_t mem_forms[8][8] = {
    MEM_ARITH, { LOAD, 0, STORE, STORE | POP, 0, 0, 0, 0 },
    MEM_ARITH, { LOAD, STORE | POP, STORE, STORE | POP, 0, LOAD, 0, STORE | POP },
    MEM_ARITH, { LOAD, STORE | POP, STORE, STORE | POP, 0, 0, 0, 0 },
    MEM_ARITH, { LOAD, STORE | POP, STORE, STORE | POP, 0, LOAD, 0, STORE | POP },
};

#define R0   (LIGHT | IN0 | INI | OUT0)
#define RI   (LIGHT | IN0 | INI | OUTI)
#define RCOM (LIGHT | IN0 | INI | CC)
#define RCMI (LIGHT | IN0 | INI | COMI)
#define RCMV (LIGHT | IN0 | INI | OUT0 | CMOV)
static const uint16_t reg_forms[8][8] = {
    { R0, R0, RCOM, RCOM | POP, R0, R0, R0, R0 },
    { LIGHT | INI | DUP | PUSH },
    { RCMV, RCMV, RCMV, RCMV, 0, 0, 0, 0 },
    { RCMV, RCMV, RCMV, RCMV, 0, RCMI, RCMI, 0 },
    { RI, RI, 0, 0, RI, RI, RI, RI },
    { 0, 0, 0, 0, RCOM, RCOM | POP, 0, 0 },
    { RI | POP, RI | POP, 0, 0, RI | POP, RI | POP, RI | POP, RI | POP },
    { 0, 0, 0, 0, 0, RCMI | POP, RCMI | POP, 0 },
};

static unsigned kind_of(X87Word w)
{
    unsigned op = w.op & 7, reg = w.modrm >> 3 & 7;
    if (w.mem_bytes) {
        return mem_forms[op][reg];
    }
    switch (w.op << 8 | w.modrm) { /* forms with a fixed rm */
    case 0xd9e0:                   /* FCHS, FABS, FSQRT, FRNDINT */
    case 0xd9e1:
    case 0xd9fa:
    case 0xd9fc: return LIGHT | IN0 | OUT0;
    case 0xd9e4:
    case 0xd9e5: return COM; /* FTST, FXAM */
    case 0xd9e8 ... 0xd9ee: return LOAD;
    case 0xded9:
    case 0xdae9: return RCOM | POP2; /* FCOMPP, FUCOMPP */
    default: break;
    }
    unsigned kind = reg_forms[op][reg];
    bool same = !(w.modrm & 7) && (kind & IN0);
    /* With ST(0) twice one register goes over; a result that is popped at once is rare. */
    return same && (kind & OUTI) && (kind & POP) ? 0 : kind;
}

/* Does the operation meet only full registers, and push into an empty one? */
static bool usual(const X86Cpu *cpu, unsigned kind, unsigned i)
{
    unsigned top = cpu->fp_top;
    unsigned need = (kind & IN0 ? 1u << top : 0) | (kind & INI ? 1u << ((top + i) & 7) : 0);
    unsigned empty = kind & PUSH ? 1u << ((top - 1) & 7) : 0;
    if ((kind & (COMI | CMOV)) && (cpu->fpsw & X87_C1)) {
        return false;
    }
    return (cpu->fpcw & X87_EXCEPTIONS) == X87_EXCEPTIONS && !(cpu->fpsw & X87_ES) &&
           (cpu->fp_valid & need) == need && !(cpu->fp_valid & empty);
}

/* ---- moves ---- */

static void put(X87Reg *to, const X87Reg *from)
{
    memcpy(to->b, from->b, 10);
}

static bool full(const X86Cpu *cpu, unsigned i)
{
    return cpu->fp_valid >> ((cpu->fp_top + i) & 7) & 1;
}

static X87Reg *reg(X86Cpu *cpu, unsigned i)
{
    return &cpu->st[(cpu->fp_top + i) & 7];
}

static bool push(X86Cpu *cpu, const X87Reg *v)
{
    if (full(cpu, 7)) {
        return false;
    }
    X87Reg copy = *v;
    cpu->fp_top = (cpu->fp_top - 1) & 7;
    cpu->fp_valid |= 1u << cpu->fp_top;
    put(reg(cpu, 0), &copy);
    return true;
}

static void pop(X86Cpu *cpu)
{
    cpu->fp_valid &= ~(1u << cpu->fp_top);
    cpu->fp_top = (cpu->fp_top + 1) & 7;
}

static bool move_register(X86Cpu *cpu, X87Word w, unsigned i)
{
    static const X87Reg one = { .mant = 1ull << 63, .exp = 0x3fff }, zero = { .mant = 0 };
    X87Reg v = *reg(cpu, 0);

    switch (w.op << 8 | (w.modrm & 0xf8)) {
    case 0xd9c0: return full(cpu, i) && push(cpu, reg(cpu, i));
    case 0xd9c8: /* FXCH */
        if (!full(cpu, 0) || !full(cpu, i)) {
            return false;
        }
        put(reg(cpu, 0), reg(cpu, i));
        put(reg(cpu, i), &v);
        return true;
    case 0xddd0: /* FST */
    case 0xddd8:
        if (!full(cpu, 0)) {
            return false;
        }
        put(reg(cpu, i), &v);
        cpu->fp_valid |= 1u << ((cpu->fp_top + i) & 7);
        if (w.modrm & 8) {
            pop(cpu);
        }
        return true;
    default: break;
    }
    switch (w.op << 8 | w.modrm) {
    case 0xd9e0: /* FCHS, FABS */
    case 0xd9e1:
        if (!full(cpu, 0)) {
            return false;
        }
        reg(cpu, 0)->exp = w.modrm & 1 ? v.exp & 0x7fff : v.exp ^ 0x8000;
        return true;
    case 0xd9e8: return push(cpu, &one);
    case 0xd9ee: return push(cpu, &zero);
    default: return false;
    }
}

/* FLD and FSTP of 80 bits. */
static bool move_memory(X86Cpu *cpu, X87Word w, uint8_t mem[16])
{
    X87Reg v = { .mant = 0 };

    if ((w.modrm >> 3 & 7) == 5) {
        memcpy(v.b, mem, 10);
        return push(cpu, &v);
    }
    if (!full(cpu, 0)) {
        return false;
    }
    memcpy(mem, reg(cpu, 0)->b, 10);
    pop(cpu);
    return true;
}

/* What only copies: no exception is possible but for an empty or full register, C1 is cleared. */
static bool move(X86Cpu *cpu, X87Word w, uint8_t mem[16])
{
    bool done;

    if (cpu->fpsw & X87_ES) {
        return false;
    }
    if (w.mem_bytes) {
        done = w.mem_bytes == 10 && w.op == 0xdb && move_memory(cpu, w, mem);
    } else {
        done = move_register(cpu, w, w.modrm & 7);
    }
    if (done) {
        cpu->fpsw &= ~X87_C1;
    }
    return done;
}

/* ---- the rest, on the host's FPU ---- */

typedef struct Light {
    const uint8_t *code;
    const X87Reg *in[2]; /* the host's ST0, ST1; NULL: none */
    X87Reg out[2];
    unsigned n_out;
    uint16_t cw, sw;
    uint64_t flags;
} Light;

#if defined(__x86_64__)
/* The red zone of the caller stays whole. */
#define CALL_CODE              \
    "lea -128(%%rsp), %%rsp\n" \
    "call *%[code]\n"          \
    "lea 128(%%rsp), %%rsp\n"

static void run_code(Light *l, uint8_t *mem)
{
    __asm__ volatile(CALL_CODE : : [code] "r"(l->code), "D"(mem) : "memory", "cc");
}

/* ZF, PF and CF are set; OF, SF and AF cleared. */
static void run_comi(Light *l, uint8_t *mem)
{
    bool z, p, c;
    __asm__ volatile(CALL_CODE
                     : "=@ccz"(z), "=@ccp"(p), "=@ccc"(c)
                     : [code] "r"(l->code), "D"(mem)
                     : "memory");
    l->flags = (uint64_t)z << 6 | (uint64_t)p << 2 | c;
}

static void run_cmov(Light *l, uint8_t *mem)
{
    uint64_t flags = l->flags | 2;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n"
                     "push %[fl]\n"
                     "popfq\n"
                     "call *%[code]\n"
                     "lea 128(%%rsp), %%rsp\n"
                     :
                     : [fl] "r"(flags), [code] "r"(l->code), "D"(mem)
                     : "memory", "cc");
}

static void host_light(Light *l, uint8_t *mem, unsigned kind)
{
    static const uint16_t host_cw = X87_CW_HOST;
    if (l->in[1]) {
        __asm__ volatile("fldt %0" : : "m"(*l->in[1]));
    }
    if (l->in[0]) {
        __asm__ volatile("fldt %0" : : "m"(*l->in[0]));
    }
    if (l->cw != host_cw) {
        __asm__ volatile("fldcw %0" : : "m"(l->cw));
    }
    if (kind & COMI) {
        run_comi(l, mem);
    } else if (kind & CMOV) {
        run_cmov(l, mem);
    } else {
        run_code(l, mem);
    }
    __asm__ volatile("fnstsw %0" : "=am"(l->sw));
    for (unsigned k = 0; k < l->n_out; k++) {
        __asm__ volatile("fstpt %0" : "=m"(l->out[k]));
    }
    if (l->cw != host_cw) {
        __asm__ volatile("fldcw %0" : : "m"(host_cw));
    }
}
#endif

static void commit(X86Cpu *cpu, unsigned kind, unsigned i, bool two, const Light *l)
{
    unsigned top = cpu->fp_top, cc = X87_C1 | (kind & CC ? X87_C0 | X87_C2 | X87_C3 : 0);
    cpu->fpsw = (cpu->fpsw & ~cc) | (l->sw & (cc | STICKY));
    if (kind & PUSH) {
        cpu->fp_top = (top - 1) & 7;
        cpu->fp_valid |= 1u << cpu->fp_top;
        put(&cpu->st[cpu->fp_top], &l->out[0]);
        return;
    }
    if (kind & OUT0) {
        put(&cpu->st[top], &l->out[0]);
    } else if (kind & OUTI) { /* popped: it has come to the top */
        put(&cpu->st[(top + i) & 7], &l->out[two && !(kind & POP)]);
    }
    for (unsigned n = kind & POP2 ? 2 : kind & POP ? 1 : 0; n; n--) {
        pop(cpu);
    }
}

bool x87_light(X86Cpu *cpu, X87Word w, uint8_t mem[16], uint64_t *flags)
{
    if (move(cpu, w, mem)) {
        return true;
    }
    unsigned kind = kind_of(w), i = kind & INI ? w.modrm & 7 : 0;
    if (!(kind & LIGHT) || !usual(cpu, kind, i)) {
        return false;
    }
    bool two = (kind & (IN0 | INI)) == (IN0 | INI) && i;
    unsigned modrm = w.modrm;
    if (kind & INI) { /* ST(i) is at hand as ST1, or as ST0 */
        modrm = (modrm & ~7u) | (two ? 1 : 0);
    }
    Light l = { .code = x87_host_form(w.op, (uint8_t)modrm), .cw = cpu->fpcw, .flags = *flags };
    unsigned n_in = two ? 2 : kind & (IN0 | INI) ? 1 : 0;
    l.in[0] = n_in ? &cpu->st[(cpu->fp_top + (kind & DUP ? i : 0)) & 7] : NULL;
    l.in[1] = two ? &cpu->st[(cpu->fp_top + i) & 7] : NULL;
    unsigned pops = kind & POP2 ? 2 : kind & POP ? 1 : 0;
    if (n_in + (kind & PUSH ? 1 : 0) < pops) {
        return false;
    }
    l.n_out = n_in + (kind & PUSH ? 1 : 0) - pops;
    if (!(cpu->fp_host & HOST_KNOWN) || (cpu->fp_host & ~cpu->fpsw & STICKY)) {
        __asm__ volatile("fnclex");
    }
    host_light(&l, mem, kind);
    cpu->fp_host = HOST_KNOWN | (l.sw & STICKY);
    commit(cpu, kind, i, two, &l);
    *flags = l.flags;
    return true;
}
