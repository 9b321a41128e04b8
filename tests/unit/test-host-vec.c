/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The native vector and floating-point emitters against the interpreter's functions: every op with
 * every lane size or shape, type and a sweep of immediates; result and MXCSR equal, operands
 * untouched unless the result shares their register. The emitters are driven with fixed registers:
 * this file is their allocator.
 */
#include <glib.h>
#include <immintrin.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include "exec/host-x86_64/emit-priv.h"

/* Operands a, b, c in these; results in 4 or an operand's register. */
enum {
    V_OPERAND = 1,
    V_RESULT = 4,
    V_TEMP = 9,
    R_OPERAND = R8,
    R_RESULT = R10,
};
#define CODE_BYTES 4096
#define TRIES      24

struct HostGen {
    AsmBuf buf;
    IrType type[4]; /* of values 0..3 */
    uint8_t *mem;   /* code, then literals */
    unsigned n_literals;
};

AsmBuf *hg_asm(HostGen *g)
{
    return &g->buf;
}

IrType hg_type(const HostGen *g, IrVal v)
{
    return g->type[v];
}

AsmRm hg_literal(HostGen *g, const void *data, unsigned size)
{
    uint8_t *at = g->mem + CODE_BYTES + 32 * g->n_literals++;

    memcpy(at, data, size);
    return asm_abs((uintptr_t)at);
}

static HostGen gen;
static unsigned n_native; /* cases that ran */
typedef struct Run {
    IrVec out, arg[3], after[3];
} Run;
typedef void (*NativeFn)(Run *r); /* rdi */

/* One op with types chosen. */
typedef struct Case {
    IrInsn i;
    IrType type[3];
    unsigned n;
    unsigned alias; /* result in the register of this operand; 3: apart */
    char text[80];
} Case;

static unsigned operand_reg(const Case *c, unsigned k)
{
    return (ir_type_is_vec(c->type[k]) ? (unsigned)V_OPERAND : (unsigned)R_OPERAND) + k;
}

static unsigned result_reg(const Case *c)
{
    bool vec = ir_type_is_vec(c->i.type);

    if (c->alias < c->n) {
        return operand_reg(c, c->alias);
    }
    return vec ? (unsigned)V_RESULT : (unsigned)R_RESULT;
}

static void move_args(const Case *c, bool load)
{
    for (unsigned k = 0; k < c->n; k++) {
        AsmRm m = asm_mem(RDI, load ? offsetof(Run, arg[k]) : offsetof(Run, after[k]));
        unsigned r = operand_reg(c, k);
        if (ir_type_is_vec(c->type[k])) {
            if (load) {
                asm_v2(&gen.buf, I_VMOVDQU, true, r, m, 0);
            } else {
                asm_v2_store(&gen.buf, I_VMOVDQU_ST, true, m, r, 0);
            }
        } else if (load) {
            asm_mov(&gen.buf, 8, r, m);
        } else {
            asm_store(&gen.buf, 8, m, r);
        }
    }
}

/* Native code for the case, or NULL when the emitter leaves it to the interpreter. */
static NativeFn compile(const Case *c)
{
    const HostRow *row = &host_vec_rows[c->i.op];
    HostArgs x = { .d = result_reg(c), .vt = { V_TEMP, V_TEMP + 1, V_TEMP + 2 } };

    gen.n_literals = 0;
    for (unsigned k = 0; k < c->n; k++) {
        x.a[k] = operand_reg(c, k);
        gen.type[k + 1] = c->type[k];
    }
    for (unsigned k = row->vt; k < 3; k++) {
        x.vt[k] = HR_NONE; /* not asked for: using it would show */
    }
    asm_begin(&gen.buf, gen.mem, CODE_BYTES, (uintptr_t)gen.mem);
    move_args(c, true);
    size_t before = asm_size(&gen.buf);
    if (!row->emit || !row->emit(&gen, &c->i, &x)) {
        g_assert_cmpuint(asm_size(&gen.buf), ==, before);
        return NULL;
    }
    move_args(c, false);
    if (c->i.type == IR_V256 || c->i.type == IR_V128) {
        asm_v2_store(&gen.buf, I_VMOVDQU_ST, true, asm_mem(RDI, 0), x.d, 0);
    } else {
        asm_store(&gen.buf, 8, asm_mem(RDI, 0), x.d);
    }
    asm_vzeroupper(&gen.buf);
    asm_ret(&gen.buf);
    g_assert_true(asm_finish(&gen.buf));
    return (NativeFn)(uintptr_t)gen.mem;
}

/* ---- values ---- */

static uint64_t random64(void)
{
    return (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

static uint32_t special32(void)
{
    static const uint32_t v[] = {
        0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
        0xffc12345, 0x7f812345, 0xff800001, 1,          0x80000001, 0x007fffff, 0x00800000,
        0x7f7fffff, 0xff7fffff, 0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x3effffff,
        0x3f000000, 0x33800000, 0x477fe000, 0x477ff000, 0x0000ffff, 0x7fffffff, 0xffffffff,
    };

    return v[(uint32_t)g_test_rand_int() % G_N_ELEMENTS(v)];
}

static uint64_t special64(void)
{
    static const uint64_t v[] = {
        0,
        0x8000000000000000,
        0x3ff0000000000000,
        0xbff0000000000000,
        0x7ff0000000000000,
        0xfff0000000000000,
        0x7ff8000000000000,
        0xfff8123456789abc,
        0x7ff0000000000001,
        0xfff4123456789abc,
        1,
        0x800fffffffffffff,
        0x0010000000000000,
        0x7fefffffffffffff,
        0x41dfffffffc00000,
        0x41e0000000000000,
        0xc1e0000000200000,
        0x43dfffffffffffff,
        0x43e0000000000000,
        0xc3e0000000000000,
        0x3fe0000000000000,
        0x3810000000000000,
        0x36a0000000000001,
        0x47efffffe0000000,
        0x47effffff0000000,
        0x7fffffffffffffff,
        0xffffffffffffffff,
        0x0123456789abcdef,
    };

    return v[(uint32_t)g_test_rand_int() % G_N_ELEMENTS(v)];
}

/* Special patterns, random bits, moderate numbers, small counts: each lane its own kind. */
static void fill(IrVec *v)
{
    unsigned style = (uint32_t)g_test_rand_int() % 5;

    for (unsigned k = 0; k < 4; k++) {
        switch (style) {
        case 0: v->q[k] = special64(); break;
        case 1: v->q[k] = (uint64_t)special32() << 32 | special32(); break;
        case 2: v->q[k] = random64(); break;
        case 3:
            v->f[2 * k] = (float)(g_test_rand_double() * 2000 - 1000);
            v->f[2 * k + 1] = (float)g_test_rand_int();
            if (g_test_rand_bit()) {
                v->lf[k] = g_test_rand_double() * 1e10 - 5e9;
            }
            break;
        default: v->q[k] = random64() & 0x0f1f003f001f0d0fu; break;
        }
    }
}

/* ---- comparing ---- */

static unsigned result_bytes(IrType t)
{
    return t == IR_V256 ? 32 : t == IR_V128 ? 16 : 8;
}

static void check_result(const Case *c, const Run *r, const IrVec *want)
{
    unsigned n = result_bytes(c->i.type);

    if (memcmp(&r->out, want, n)) {
        for (unsigned k = 0; k < 4; k++) {
            g_test_message("%u: a %016" PRIx64 " b %016" PRIx64 " c %016" PRIx64
                           " native %016" PRIx64 " interpreter %016" PRIx64,
                           k, r->arg[0].q[k], r->arg[1].q[k], r->arg[2].q[k], r->out.q[k],
                           want->q[k]);
        }
        g_error("%s: results differ", c->text);
    }
    for (unsigned k = 0; k < c->n; k++) {
        if (operand_reg(c, k) != result_reg(c) ||
            ir_type_is_vec(c->type[k]) != ir_type_is_vec(c->i.type)) {
            unsigned bytes = result_bytes(c->type[k]);
            if (memcmp(&r->after[k], &r->arg[k], bytes)) {
                g_error("%s: operand %u was changed", c->text, k);
            }
        }
    }
}

/* All roundings, with and without flush-to-zero and denormals-are-zero. */
static void run_case(const Case *c, NativeFn fn, BcVecFn interp)
{
    static const uint32_t mode[] = {
        0x1f80, 0x3f80, 0x5f80, 0x7f80, 0x9fc0, 0x1fc0, 0xff80, 0x1f80
    };
    bool fp = ir_op_info[c->i.op].flags & IRF_H;

    for (unsigned t = 0; t < TRIES; t++) {
        uint32_t csr = fp ? mode[t % G_N_ELEMENTS(mode)] : 0x1f80, flags[2];
        IrVec want = { 0 };
        Run r;
        memset(&r, 0xa5, sizeof(r));
        for (unsigned k = 0; k < 3; k++) {
            fill(&r.arg[k]);
        }
        _mm_setcsr(csr);
        interp(&want, &r.arg[0], &r.arg[1], &r.arg[2], c->i.imm);
        flags[0] = _mm_getcsr();
        _mm_setcsr(csr);
        fn(&r);
        flags[1] = _mm_getcsr();
        _mm_setcsr(0x1f80);
        check_result(c, &r, &want);
        if (fp && flags[0] != flags[1]) {
            g_error("%s: MXCSR native %04x, interpreter %04x", c->text, flags[1], flags[0]);
        }
    }
}

/* Shapes with no instruction sequence: rare, the engine calls the interpreter's function. */
static bool may_fall_back(const IrInsn *i)
{
    switch (i->op) {
    case IR_VMULHRS: return i->sub != V16;
    case IR_VMULHS:
    case IR_VMULHU:
    case IR_VSIGN: return i->sub == V64;
    default: return false;
    }
}

static void check_case(Case *c)
{
    IrType ot = c->i.op == IR_VFCVTSI ? c->type[1] : c->type[0];
    BcVecFn interp = interp_vec_fn(c->i.op, c->i.type, ot, c->i.sub);

    if (!interp) {
        return;
    }
    for (c->alias = 0; c->alias < 4; c->alias++) {
        if (c->alias < c->n ? ir_type_is_vec(c->type[c->alias]) != ir_type_is_vec(c->i.type)
                            : c->alias != 3) {
            continue;
        }
        g_snprintf(c->text, sizeof(c->text), "%s sub %u type %u(%u) imm %#" PRIx64 " alias %u",
                   ir_op_info[c->i.op].name, c->i.sub, c->i.type, c->type[0], c->i.imm, c->alias);
        NativeFn fn = compile(c);
        if (fn) {
            run_case(c, fn, interp);
            n_native++;
        } else if (!may_fall_back(&c->i)) {
            g_error("%s: no native code", c->text);
        }
    }
}

/* ---- enumeration ---- */

/* Immediates worth trying; false: none left. */
static bool nth_imm(const Case *c, unsigned n, uint64_t *imm)
{
    unsigned bits = 8u << (c->i.sub & 3), src = c->type[0] == IR_V256 ? 32 : 16;

    *imm = n;
    if (ir_op_info[c->i.op].immkind != IRI_val) {
        return n == 0;
    }
    switch (c->i.op) {
    case IR_VSHLI:
    case IR_VSHRI:
    case IR_VSARI: *imm = n == bits + 2 ? 255 : n == bits + 3 ? 0x10000 : n; return n < bits + 4;
    case IR_VBSHLI:
    case IR_VBSHRI: *imm = n == 18 ? 300 : n; return n < 19;
    case IR_VGETLANE: return n < src * 8 / bits;
    case IR_VSETLANE:
    case IR_VLANE:
    case IR_VINSLANE: return n < src * 8 / bits;
    case IR_VSEXT:
    case IR_VZEXT: *imm = c->i.sub + 1 + n; return *imm <= V64;
    case IR_VFMADD:
    case IR_VFMSUB:
    case IR_VFNMADD:
    case IR_VFNMSUB:
    case IR_VFMADDSUB:
    case IR_VFMSUBADD: return n < 3;
    case IR_VFCOMI:
    case IR_VFTOSI:
    case IR_VFTOI32: return n < 2;
    case IR_VFROUND: return n < 16;
    case IR_VFCMP: return n < 32;
    case IR_VFPSTOPH: return n < 8;
    case IR_VBLENDI:
        *imm = c->i.sub == V8 ? (uint32_t)g_test_rand_int() : n * 37 & 0xff;
        return n < 32;
    case IR_VPERM2X128: *imm = n; return n < 256;
    case IR_VALIGNR: return n < 40;
    default: *imm = n < 16 ? n : n * 29 & 0xff; return n < 64;
    }
}

static IrType type_of(char letter, IrType own, IrType other)
{
    switch (letter) {
    case 'w': return IR_I32;
    case 'q': return IR_I64;
    case 'x': return IR_V128;
    case 'y': return IR_V256;
    case '?':
    case 'j': return other;
    default: return own;
    }
}

static bool scalar_only(unsigned op)
{
    return op == IR_VFCVTSS || op == IR_VFCOMI || op == IR_VFCVTSI || op == IR_VFTOSI;
}

/* For 'i' and 'v' results the types to try, for '?' and 'j' operands the others. */
static void enumerate(unsigned op)
{
    const IrOpInfo *info = &ir_op_info[op];
    bool ints = strchr(info->args, 'j') != NULL;

    for (unsigned sub = 0; sub < (scalar_only(op) ? FP32 : 4u); sub++) {
        for (unsigned own = 0; own < 2; own++) {
            for (unsigned other = 0; other < 2; other++) {
                Case c = { .i = { .op = op, .sub = sub, .arg = { 1, 2, 3 } }, .n = info->nargs };
                IrType o = info->result[0] == 'i' ? IR_I32 + own : IR_V128 + own;
                c.i.type = type_of(info->result[0], o, o);
                IrType any = (ints ? (IrType)IR_I32 : (IrType)IR_V128) + other;
                for (unsigned k = 0; k < c.n; k++) {
                    c.type[k] = type_of(info->args[k], c.i.type, any);
                }
                for (unsigned n = 0; nth_imm(&c, n, &c.i.imm); n++) {
                    check_case(&c);
                }
            }
        }
    }
}

/* Combinations the builders cannot make: operand and result of unrelated widths. */
static bool skip_op(unsigned op)
{
    return op == IR_VFTOI32 || op == IR_VFFROMI32;
}

static void test_integer(void)
{
    for (unsigned op = IR_VAND; op < IR_VFADD; op++) {
        n_native = 0;
        enumerate(op);
        g_assert_cmpuint(n_native, >, 0);
    }
}

static void test_fp(void)
{
    for (unsigned op = IR_VFADD; op < IR_OP_COUNT; op++) {
        if (!skip_op(op)) {
            n_native = 0;
            enumerate(op);
            g_assert_cmpuint(n_native, >, 0);
        }
    }
}

/* VFTOI32: FP32 keeps the width, FP64 gives a v128; VFFROMI32: FP32 keeps it, FP64 takes a v128. */
static void test_packed_conversions(void)
{
    for (unsigned wide = 0; wide < 2; wide++) {
        for (unsigned imm = 0; imm < 2; imm++) {
            for (unsigned shape = FP32; shape <= FP64; shape++) {
                IrType w = IR_V128 + wide;
                Case to = { .i = { .op = IR_VFTOI32, .sub = shape, .arg = { 1 }, .imm = imm },
                            .n = 1 };
                to.i.type = shape == FP32 ? w : IR_V128;
                to.type[0] = w;
                check_case(&to);
                Case from = { .i = { .op = IR_VFFROMI32, .sub = shape, .arg = { 1 } }, .n = 1 };
                from.i.type = w;
                from.type[0] = shape == FP32 ? w : IR_V128;
                check_case(&from);
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        return 77;
    }
    gen.mem = mmap(NULL, 3 * CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(gen.mem != MAP_FAILED);
    asm_init(&gen.buf);
    g_test_add_func("/exec/host-vec/integer-ops-agree-with-the-interpreter", test_integer);
    g_test_add_func("/exec/host-vec/floating-point-ops-agree-with-the-interpreter", test_fp);
    g_test_add_func("/exec/host-vec/packed-conversions-agree-with-the-interpreter",
                    test_packed_conversions);
    int r = g_test_run();
    asm_clear(&gen.buf);
    munmap(gen.mem, 3 * CODE_BYTES);
    return r;
}
