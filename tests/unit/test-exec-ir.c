/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IR by itself: ops against expected values, and random programs optimised against not
 * optimised, with the text form going round.
 */
#include <inttypes.h>
#include "effort.h"
#include "toy.h"

/* ---- IR: run a hand-made region on the toy CPU ---- */

typedef enum RunMode {
    RUN_PLAIN,
    RUN_OPTIMISED,
    RUN_NATIVE = 2, /* with either */
    RUN_DRAFT = 4,  /* with native: as a region that counts its runs */
} RunMode;

static const ExecConfig native_config = { .jit = true };

static void compile_ir(CpuState *cpu, Tb *tb, bool native)
{
    CpuPriv *p = cpu->priv;

    if (!native) {
        g_assert_true(interp_compile(tb, p->low));
        return;
    }
    if (!p->gen) {
        p->gen = host_gen_new(cpu);
    }
    g_assert_true(host_compile(p->gen, tb, p->low));
}

#define HEAD 0x100 /* where regions begin */

/* Exits to the region's own head loop. */
static void link_to_itself(CpuState *cpu, Tb *tb)
{
    for (unsigned k = 0; k < tb->n_links; k++) {
        if (tb_links(tb)[k].pc == HEAD) {
            tb_link(cpu->engine, &tb_links(tb)[k], tb, false);
        }
    }
}

static void run_ir(ToyCpu *t, IrBuilder *raw, RunMode mode)
{
    bool optimise = mode & RUN_OPTIMISED, native = mode & RUN_NATIVE;
    CpuState *cpu = &t->parent;
    CpuPriv *p = cpu->priv;
    g_autoptr(GError) error = NULL;

    g_assert_true(ir_verify(raw, &error));
    opt_lower(raw, p->low, cpu->engine->slot_map, optimise);
    if (optimise) {
        opt_dead(p->low);
    }
    ir_verify(p->low, &error);
    if (error) {
        g_autoptr(GString) s = g_string_new(NULL);
        ir_print(raw, s);
        g_string_append(s, "lowered:\n");
        ir_print(p->low, s);
        g_error("%s\n%s", error->message, s->str);
    }
    Tb *tb = tb_new(ir_count_links(p->low));
    tb->n_insns = 1;
    tb->cflags = TBC_ONE;
    tb->key.pc = HEAD;
    tb->draft = mode & RUN_DRAFT;
    tb->heat = 1000; /* more than a program goes round */
    compile_ir(cpu, tb, native && cpu->engine->host);
    link_to_itself(cpu, tb);
    if (sigsetjmp(p->jmp, 0) == 0) {
        p->jmp_set = true;
        p->tb = tb;
        cpu_fpenv_load(cpu);
        cpu->exit_request = 0;
        if (tb->host) {
            host_run(cpu, tb);
        } else {
            interp_run(cpu, tb);
        }
    }
    cpu_fpenv_save(cpu);
    p->jmp_set = false;
    p->tb = NULL;
    p->hframe = NULL;
    p->last_link = NULL;
    tb_free(cpu->engine, tb);
}

static void finish_region(IrBuilder *b)
{
    ir_exit_loop(b, ir_c64(b, 0x4000));
}

static uint64_t eval_in_engine(ToyCpu *t, IrOp op, IrType ty, unsigned sub, uint64_t x, uint64_t y,
                               uint64_t imm, RunMode mode)
{
    IrBuilder *b = ir_builder_new(&toy_ops.slots);
    bool q = ty == IR_I64;

    b->no_fold = true;
    ir_insn_start(b, 0x100, 0);
    IrVal a = ir_get(b, S_R(1)), c = ir_get(b, S_R(2)), r;
    if (!q) {
        a = ir_trunc32(b, a);
        c = ir_trunc32(b, c);
    }
    r = ir_emit(b, op, op == IR_TRUNC32 ? IR_I32 : ty, sub, a, ir_op_info[op].nargs > 1 ? c : 0, 0,
                0, imm);
    if (ir_type(b, r) == IR_I32) {
        r = ir_zext32(b, r);
    }
    ir_put(b, S_R(3), r);
    finish_region(b);
    t->r[1] = x;
    t->r[2] = y;
    run_ir(t, b, mode);
    ir_builder_free(b);
    return t->r[3];
}

/* The integer ops against the folder's evaluation. */
static void check_integer_ops(RunMode mode)
{
    static const uint64_t samples[] = { 0,
                                        1,
                                        2,
                                        0x7f,
                                        0x80,
                                        0xff,
                                        0x8000,
                                        0x7fffffff,
                                        0x80000000u,
                                        0xffffffffu,
                                        0x123456789abcdef0u,
                                        0x8000000000000000u,
                                        ~(uint64_t)0,
                                        31,
                                        33,
                                        63 };
    Machine *m = machine_new(&native_config);
    ToyCpu *t = m->cpu[0];

    for (unsigned op = IR_ADD; op <= IR_SETCOND; op++) {
        for (unsigned k = 0; k < 2 * G_N_ELEMENTS(samples) * G_N_ELEMENTS(samples); k++) {
            IrType ty = k & 1 ? IR_I64 : IR_I32;
            uint64_t mask = ir_type_mask(ty), want;
            uint64_t x = samples[k / 2 % 16], y = samples[k / 32];
            unsigned pos = (unsigned)(x + k) % 20, len = 1 + (unsigned)(y + k) % 12;
            if (op == IR_DIVUW || op == IR_SEXT32 || op == IR_ZEXT32 || op == IR_TRUNC32 ||
                (op == IR_BSWAP64 && ty == IR_I32)) {
                continue;
            }
            uint64_t imm = ir_op_info[op].immkind == IRI_bits ? pos | len << 8 : 0;
            unsigned sub = op == IR_SETCOND ? k % IR_COND_COUNT : 0;
            g_assert_true(ir_eval(op, ty, sub, x & mask, y & mask, imm, &want));
            uint64_t got = eval_in_engine(t, op, ty, sub, x, y, imm, mode);
            if (got != want) {
                g_error("%s.%s %lx %lx imm %lx: %lx, expected %lx", ir_op_info[op].name,
                        ir_type_name[ty], x, y, imm, got, want);
            }
        }
    }
    machine_free(m);
}

static void test_integer_ops(void)
{
    check_integer_ops(RUN_PLAIN);
    check_integer_ops(RUN_NATIVE);
}

/* What an op leaves is compared with 0 right behind it, in whichever register or flag it is. */
static void test_results_and_zero(void)
{
    static const IrOp ops[] = { IR_ADD, IR_SUB, IR_AND, IR_OR, IR_XOR };
    static const uint64_t samples[] = { 0, 1, 0xff, 0x80000000u, UINT32_MAX, 1ull << 32, ~0ull };
    Machine *m = machine_new(&native_config);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots);
    unsigned n = G_N_ELEMENTS(samples), zeros = 0;

    for (unsigned k = 0; k < G_N_ELEMENTS(ops) * n * n * 8; k++) {
        IrOp op = ops[k / 8 / n / n];
        bool w = k & 1, constant = k & 2;
        uint64_t x = samples[k / 8 % n], y = samples[k / 8 / n % n], want;

        ir_reset(b, &toy_ops.slots);
        ir_insn_start(b, 0x100, 0);
        IrVal a = ir_get(b, S_R(1)), c = constant ? ir_c64(b, y) : ir_get(b, S_R(2)), r;
        r = ir_emit(b, op, w ? IR_I32 : IR_I64, 0, w ? ir_trunc32(b, a) : a,
                    w ? ir_trunc32(b, c) : c, 0, 0, 0);
        IrVal low = w ? r : ir_trunc32(b, r);
        IrVal is_zero = ir_setcondi(b, IR_EQ, k & 4 ? low : r, 0);
        ir_put(b, S_R(3), ir_type(b, is_zero) == IR_I32 ? ir_zext32(b, is_zero) : is_zero);
        ir_put(b, S_R(4), w ? ir_zext32(b, r) : r);
        finish_region(b);
        g_assert_true(ir_eval(op, w ? IR_I32 : IR_I64, 0, x, y, 0, &want));
        bool zero = (k & 4 ? (uint32_t)want : want) == 0;
        zeros += zero;
        for (unsigned mode = 0; mode < 4; mode++) {
            t->r[1] = x;
            t->r[2] = y;
            run_ir(t, b, mode);
            g_assert_cmphex(t->r[3], ==, zero);
            g_assert_cmphex(t->r[4], ==, want);
        }
    }
    g_assert_cmpuint(zeros, >, 100);
    ir_builder_free(b);
    machine_free(m);
}

static void test_vector_ops(void)
{
    Machine *m = machine_new(&native_config);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots);
    IrVec one = { .d = { 1, 2, 3, 4, 5, 6, 7, 8 } };
    IrVec two = { .d = { 10, 20, 30, 40, 50, 60, 70, 0x80000000u } };

    ir_insn_start(b, 0, 0);
    IrVal x = ir_get(b, S_V0), y = ir_get(b, S_V1);
    IrVal s = ir_vadd(b, V32, x, y);
    ir_put(b, S_R(0), ir_zext32(b, ir_vmovmsk(b, V32, s)));
    ir_put(b, S_R(1), ir_vgetlane(b, IR_I64, V32, s, 2));
    /* low half through the overlapping slot, after a put of the whole */
    ir_put(b, S_V1, s);
    ir_put(b, S_V0, ir_vsub(b, V32, y, x));
    IrVal lo = ir_get(b, S_V0LO);
    ir_put(b, S_R(2), ir_vgetlane(b, IR_I64, V64, lo, 1));
    ir_put(b, S_V0LO, ir_vpshufb(b, lo, ir_vzero(b, IR_V128)));
    ir_put(b, S_R(3), ir_vgetlane(b, IR_I64, V64, ir_get(b, S_V0), 0));
    ir_put(b, S_R(4), ir_vgetlane(b, IR_I64, V64, ir_get(b, S_V0), 2));
    finish_region(b);
    for (unsigned opt = 0; opt < 4; opt++) {
        t->v[0] = one;
        t->v[1] = two;
        run_ir(t, b, opt);
        g_assert_cmphex(t->r[0], ==, 0x80);
        g_assert_cmphex(t->r[1], ==, 33);
        g_assert_cmphex(t->r[2], ==, 27 | (uint64_t)36 << 32);
        g_assert_cmphex(t->r[3], ==, 0x0909090909090909u);
        g_assert_cmphex(t->r[4], ==, 45 | (uint64_t)54 << 32);
        g_assert_cmphex(t->v[1].d[7], ==, 0x80000008u);
    }
    ir_builder_free(b);
    machine_free(m);
}

static void test_fp_ops(void)
{
    Machine *m = machine_new(NULL);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots);

    ir_insn_start(b, 0, 0);
    IrVal x = ir_get(b, S_V0), y = ir_get(b, S_V1);
    IrVal xl = ir_vlo128(b, x), yl = ir_vlo128(b, y);
    ir_put(b, S_R(0), ir_vgetlane(b, IR_I64, V64, ir_vfadd(b, FS64, xl, yl), 0));
    ir_put(b, S_R(1), ir_vgetlane(b, IR_I64, V64, ir_vfmul(b, FS64, xl, yl), 1));
    ir_put(b, S_R(2), ir_vftosi(b, FS64, IR_I64, ir_vfdiv(b, FP64, xl, yl), true));
    ir_put(b, S_R(3), ir_zext32(b, ir_vfcomi(b, FS64, xl, yl, true)));
    ir_put(b, S_R(4),
           ir_vgetlane(b, IR_I64, V64, ir_vfcvtsi(b, FS64, xl, ir_c64(b, (uint64_t)-3)), 0));
    IrVal fma = ir_vfmadd(b, FP64, x, y, x, 0);
    ir_put(b, S_V0, fma);
    finish_region(b);
    t->v[0] = (IrVec){ .lf = { 7.5, 2.0, 1.0, -1.0 } };
    t->v[1] = (IrVec){ .lf = { 2.0, 4.0, 8.0, 0.5 } };
    run_ir(t, b, true);
    double d;
    memcpy(&d, &t->r[0], 8);
    g_assert_cmpfloat(d, ==, 9.5);
    memcpy(&d, &t->r[1], 8);
    g_assert_cmpfloat(d, ==, 2.0);
    g_assert_cmpuint(t->r[2], ==, 3);
    g_assert_cmphex(t->r[3], ==, 0);
    memcpy(&d, &t->r[4], 8);
    g_assert_cmpfloat(d, ==, -3.0);
    g_assert_cmpfloat(t->v[0].lf[0], ==, 22.5);
    g_assert_cmpfloat(t->v[0].lf[3], ==, -1.5);
    ir_builder_free(b);
    machine_free(m);
}

/* A get of all of V0 after a put of its half stores the half early. A helper that may fault still sees
 * the start of the instruction, and so does a fault after it; without a fault no put is lost. */
static void test_rolled_back_store_and_sync(void)
{
    Machine *m = machine_new(&native_config);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots);

    t->perm[9] = MMU_R;
    for (unsigned k = 0; k < 8; k++) {
        bool fault = k & 1;
        ir_reset(b, &toy_ops.slots);
        ir_insn_start(b, 0x100, 0);
        ir_put(b, S_R(1), ir_c64(b, 77));
        ir_put(b, S_V0LO, ir_vhi128(b, ir_get(b, S_V1)));
        ir_put(b, S_R(2), ir_vgetlane(b, IR_I64, V64, ir_get(b, S_V0), 0));
        ir_put(b, S_R(3), ir_call(b, &hd_toy_sync, ir_c64(b, 5)));
        ir_store(b, ir_c64(b, fault ? 0x9000 : 0x8000), ir_get(b, S_R(2)), MO_64);
        finish_region(b);
        t->r[1] = t->r[2] = t->r[3] = 1;
        t->v[0] = (IrVec){ .q = { 10, 11, 12, 13 } };
        t->v[1] = (IrVec){ .q = { 20, 21, 22, 23 } };
        t->parent.exception = CPU_EXCP_NONE;
        t->seen_pc = t->seen_r1 = 0;
        run_ir(t, b, k / 2);
        g_assert_true((t->parent.exception != CPU_EXCP_NONE) == fault);
        g_assert_cmphex(t->seen_pc, ==, 0x100);
        g_assert_cmpuint(t->seen_r1, ==, 1);
        g_assert_cmpuint(t->r[1], ==, fault ? 1 : 77);
        g_assert_cmpuint(t->r[2], ==, fault ? 1 : 22);
        g_assert_cmpuint(t->r[3], ==, fault ? 1 : 6);
        g_assert_cmpuint(t->v[0].q[0], ==, fault ? 10 : 22);
        g_assert_cmpuint(t->v[0].q[1], ==, fault ? 11 : 23);
        g_assert_cmpuint(t->v[0].q[2], ==, 12);
    }
    ir_builder_free(b);
    machine_free(m);
}

/* ---- random programs ---- */

typedef struct Rand {
    GRand *g;
    IrBuilder *b;
    GArray *ints; /* i64 values usable now */
    GArray *vecs; /* v256 */
    IrVal near;   /* an address that accesses were near to, 0 none yet */
    bool loops;   /* counts in COUNTER */
} Rand;

#define COUNTER S_R(15)

static IrVal pick(Rand *r, GArray *a)
{
    return g_array_index(a, IrVal, g_rand_int_range(r->g, 0, a->len));
}

static uint64_t helper_mix(CpuState *cpu, uint64_t a, uint64_t b)
{
    return a * 3 + (b ^ 0x5555);
}
static HELPER(mix, IR_I64, HELPER_PURE, HARG_I64, HARG_I64);

static void helper_vmix(CpuState *cpu, IrVec *out, const IrVec *a, uint64_t k, const IrVec *b)
{
    IrVec v = { 0 };

    for (unsigned n = 0; n < 16; n++) {
        v.b[n] = a->b[n] + b->b[15 - n] + k;
    }
    memcpy(out, &v, 16);
}
static HELPER(vmix, IR_V128, HELPER_STATE, HARG_V128, HARG_I64, HARG_V128);

static void add_random_call_if(Rand *r)
{
    IrBuilder *b = r->b;
    IrCond c = g_rand_int_range(r->g, 0, IR_COND_COUNT);
    IrVal x = pick(r, r->ints), y = g_rand_boolean(r->g) ? pick(r, r->ints) : ir_c64(b, 1u << 31);
    IrVal k = pick(r, r->ints), m = pick(r, r->ints);

    if (g_rand_boolean(r->g)) {
        k = ir_call_if(b, c, x, y, k, &hd_mix, (const IrVal[6]){ m, pick(r, r->ints) });
        g_array_append_val(r->ints, k);
        return;
    }
    IrVal v = ir_vlo128(b, pick(r, r->vecs)), w = ir_vlo128(b, pick(r, r->vecs));
    if (g_rand_boolean(r->g)) { /* scalars in vectors */
        v = g_rand_boolean(r->g) ? ir_vlane(b, V64, v, 1) : v;
        v = ir_call_if(b, c, x, y, v, &hd_mix, (const IrVal[6]){ w, m });
    } else {
        v = ir_call_if(b, c, x, y, v, &hd_vmix, (const IrVal[6]){ w, m, v });
    }
    v = ir_vconcat(b, v, w);
    g_array_append_val(r->vecs, v);
}

/* Of 64 or 32 bits, in slots, lanes and general registers. */
static void add_random_scalar(Rand *r)
{
    IrBuilder *b = r->b;
    IrSlot slot = g_rand_boolean(r->g) ? S_D : S_V1Q2;
    IrLane l = g_rand_boolean(r->g) ? V64 : V32;
    unsigned n = g_rand_int_range(r->g, 0, l == V64 ? 2 : 4);
    IrVal x = g_rand_boolean(r->g) ? ir_vfromi(b, IR_V128, pick(r, r->ints)) : ir_get(b, slot);
    IrVal v = ir_vlo128(b, pick(r, r->vecs));

    switch (g_rand_int_range(r->g, 0, 4)) {
    case 0: x = ir_vinslane(b, l, x, v, n); break;
    case 1: x = ir_vlane(b, l, ir_vinslane(b, l, v, x, n), g_rand_int_range(r->g, 0, 2)); break;
    case 2: x = ir_vfromi(b, IR_V128, ir_vgetlane(b, IR_I64, l, x, n)); break;
    default: break;
    }
    if (g_rand_boolean(r->g)) {
        ir_put(b, slot, x);
    }
    v = ir_vconcat(b, x, v);
    g_array_append_val(r->vecs, v);
    x = ir_vgetlane(b, IR_I64, l, x, g_rand_int_range(r->g, 0, 2));
    g_array_append_val(r->ints, x);
}

/* A sum that takes the carry of another, or something like it, with or without something in between. */
static IrVal random_carry(Rand *r, IrVal x, IrVal y)
{
    IrBuilder *b = r->b;
    IrVal s = ir_add(b, x, y), with[] = { x, y, pick(r, r->ints) };

    if (g_rand_boolean(r->g)) {
        IrVal other = ir_sub(b, pick(r, r->ints), x);
        g_array_append_val(r->ints, other);
    }
    g_array_append_val(r->ints, s);
    IrVal carry = ir_setcond(b, IR_LTU, s, with[g_rand_int_range(r->g, 0, 3)]);
    return g_rand_boolean(r->g) ? ir_add(b, pick(r, r->ints), carry)
                                : ir_add(b, carry, pick(r, r->ints));
}

static void add_random_int(Rand *r)
{
    static const uint8_t ops[] = { IR_ADD,  IR_SUB,  IR_MUL,  IR_AND,  IR_OR,   IR_XOR,
                                   IR_ANDN, IR_SHL,  IR_SHR,  IR_SAR,  IR_ROTL, IR_ROTR,
                                   IR_DIVU, IR_REMS, IR_PEXT, IR_MULHU };
    IrBuilder *b = r->b;
    IrVal x = pick(r, r->ints), y = pick(r, r->ints), v;

    switch (g_rand_int_range(r->g, 0, 12)) {
    case 10: v = random_carry(r, x, y); break;
    case 0: v = ir_c64(b, (uint64_t)g_rand_int(r->g) << g_rand_int_range(r->g, 0, 32)); break;
    case 1:
        v = ir_extractu(b, x, g_rand_int_range(r->g, 0, 32), g_rand_int_range(r->g, 1, 32));
        break;
    case 2:
        v = ir_deposit(b, x, y, 8 * g_rand_int_range(r->g, 0, 4), 8 * g_rand_int_range(r->g, 1, 5));
        break;
    case 3: v = ir_setcond(b, g_rand_int_range(r->g, 0, IR_COND_COUNT), x, y); break;
    case 4:
        v = ir_movcond(b, g_rand_int_range(r->g, 0, IR_COND_COUNT), x, y, pick(r, r->ints),
                       pick(r, r->ints));
        break;
    case 5: v = ir_zext32(b, ir_add(b, ir_trunc32(b, x), ir_trunc32(b, y))); break;
    case 6: v = ir_sext32(b, ir_sext8(b, ir_trunc32(b, x))); break;
    case 8: /* the low half, and what only concerns that */
        v = ir_zext32(b, ir_trunc32(b, y));
        x = g_rand_boolean(r->g) ? ir_deposit(b, x, v, 0, 32) : ir_zext32(b, ir_trunc32(b, x));
        v = g_rand_boolean(r->g) ? ir_c64(b, g_rand_int(r->g)) : v;
        v = ir_emit(b, ops[g_rand_int_range(r->g, 0, G_N_ELEMENTS(ops))], IR_I64, 0, x, v, 0, 0, 0);
        break;
    case 7: v = ir_vgetlane(b, IR_I64, V64, pick(r, r->vecs), g_rand_int_range(r->g, 0, 4)); break;
    case 9:
        if (g_rand_boolean(r->g)) {
            v = ir_divuw(b, ir_shri(b, x, g_rand_int_range(r->g, 0, 64)), y, pick(r, r->ints));
            break;
        }
        /* fall through */
    default:
        v = ir_emit(b, ops[g_rand_int_range(r->g, 0, G_N_ELEMENTS(ops))], IR_I64, 0, x, y, 0, 0, 0);
        break;
    }
    g_array_append_val(r->ints, v);
}

static void add_random_atomic(Rand *r, IrVal addr, IrMemOp mo)
{
    IrBuilder *b = r->b;
    IrVal v = pick(r, r->ints), expected = pick(r, r->ints), old;
    bool w = (mo & MO_SIZE) < MO_64 && g_rand_boolean(r->g);

    mo |= g_rand_boolean(r->g) ? MO_SIGN : 0;
    if (w) {
        v = ir_trunc32(b, v);
    }
    if (g_rand_int_range(r->g, 0, 3)) {
        old = ir_atomic(b, g_rand_int_range(r->g, 0, IR_RMW_COUNT), addr, v, mo);
    } else {
        /* as often as not it is what is there */
        mo &= ~MO_SIGN;
        if (g_rand_boolean(r->g)) {
            expected = ir_load(b, IR_I64, addr, mo);
        }
        old = ir_cmpxchg(b, addr, w ? ir_trunc32(b, expected) : expected, v, mo);
    }
    old = w ? ir_zext32(b, old) : old;
    g_array_append_val(r->ints, old);
}

/* Of 16 or 32 bytes. */
static void add_random_vec_mem(Rand *r, IrVal addr, IrMemOp mo)
{
    IrBuilder *b = r->b;
    IrVal v = pick(r, r->vecs);
    bool wide = g_rand_int_range(r->g, 0, 4) == 0;

    mo = (mo & MO_BE) | (wide ? MO_256 : MO_128);
    if (g_rand_boolean(r->g)) {
        ir_store(b, addr, wide ? v : ir_vlo128(b, v), mo);
    } else {
        v = ir_load(b, wide ? IR_V256 : IR_V128, addr, mo);
        v = wide ? v : ir_vconcat(b, v, v);
        g_array_append_val(r->vecs, v);
    }
}

static void add_random_mem(Rand *r)
{
    static const uint64_t constants[] = { 0, UINT64_MAX, 0x12345678, 0x80, 0x123456789abcdef0 };
    IrBuilder *b = r->b;
    IrVal addr;

    /* some addresses are in a page that is read-only */
    if (!r->near || g_rand_int_range(r->g, 0, 8) == 0) {
        r->near = ir_addi(b, ir_andi(b, pick(r, r->ints), 0x1eff), 0x8080);
    }
    if (g_rand_boolean(r->g)) {
        addr = ir_addi(b, r->near, g_rand_int_range(r->g, -64, 64));
    } else {
        addr = ir_addi(b, ir_andi(b, pick(r, r->ints), 0x1fff), 0x8000);
    }
    IrMemOp mo = g_rand_int_range(r->g, 0, 4) | (g_rand_boolean(r->g) ? MO_BE : 0);

    switch (g_rand_int_range(r->g, 0, 12)) {
    case 0: add_random_atomic(r, addr, mo); break;
    case 1: add_random_vec_mem(r, addr, mo); break;
    case 2: ir_probe(b, addr, g_rand_boolean(r->g) ? ACCESS_READ : ACCESS_WRITE, MO_8); break;
    case 3: ir_store(b, addr, ir_c64(b, constants[g_rand_int_range(r->g, 0, 5)]), mo); break;
    case 4:
    case 5:
    case 6:
    case 7: ir_store(b, addr, pick(r, r->ints), mo); break;
    default: {
        IrVal v = ir_load(b, IR_I64, addr, mo | (g_rand_boolean(r->g) ? MO_SIGN : 0));
        g_array_append_val(r->ints, v);
        break;
    }
    }
}

/* Something that only a fault in the next instruction would read. */
static void add_random_unread(Rand *r)
{
    static const uint8_t ops[] = { IR_ADD, IR_SUB, IR_AND, IR_OR, IR_XOR, IR_SHL, IR_SHR, IR_ANDN };
    IrBuilder *b = r->b;
    IrSlot to = S_R(g_rand_int_range(r->g, 0, 15));
    IrVal x = pick(r, r->ints);

    for (unsigned k = g_rand_int_range(r->g, 1, 4); k; k--) {
        IrOp op = ops[g_rand_int_range(r->g, 0, G_N_ELEMENTS(ops))];
        x = ir_emit(b, op, IR_I64, 0, x, pick(r, r->ints), 0, 0, 0);
        if (g_rand_int_range(r->g, 0, 4) == 0) {
            x = ir_deposit(b, pick(r, r->ints), ir_zext32(b, ir_trunc32(b, x)), 0, 32);
        }
    }
    ir_put(b, to, x);
    ir_insn_start(b, HEAD + 0x80 + ir_count(b), 0);
    add_random_mem(r);
    ir_put(b, to, pick(r, r->ints));
}

static void add_random_op(Rand *r)
{
    IrBuilder *b = r->b;
    IrVal v;

    switch (g_rand_int_range(r->g, 0, 18)) {
    case 13:
    case 14: add_random_scalar(r); break;
    case 11:
    case 12: add_random_call_if(r); break;
    case 0:
        v = ir_get(b, S_R(g_rand_int_range(r->g, 0, 16)));
        g_array_append_val(r->ints, v);
        break;
    case 1:
    case 2: ir_put(b, S_R(g_rand_int_range(r->g, 0, 15)), pick(r, r->ints)); break;
    case 3: ir_put(b, S_V0 + g_rand_int_range(r->g, 0, 2), pick(r, r->vecs)); break;
    case 4:
        v = ir_get(b, S_V0 + g_rand_int_range(r->g, 0, 2));
        g_array_append_val(r->vecs, v);
        break;
    case 5: ir_put(b, S_V0LO, ir_vhi128(b, pick(r, r->vecs))); break;
    case 6:
        v = ir_vadd(b, g_rand_int_range(r->g, 0, 4), pick(r, r->vecs), pick(r, r->vecs));
        g_array_append_val(r->vecs, v);
        break;
    case 7:
        for (unsigned k = g_rand_int_range(r->g, 0, 4); k < 4; k++) {
            add_random_mem(r);
        }
        break;
    case 8: {
        /* skip a put on a condition */
        IrLabel l = ir_label_new(b);
        ir_brcond(b, g_rand_int_range(r->g, 0, IR_COND_COUNT), pick(r, r->ints), pick(r, r->ints),
                  l);
        ir_put(b, S_R(g_rand_int_range(r->g, 0, 15)), pick(r, r->ints));
        ir_label(b, l);
        break;
    }
    case 9:
        ir_exit_direct_if(b, IR_EQ, pick(r, r->ints), pick(r, r->ints), 0x7000);
        if (b->ended) {
            IrLabel l = ir_label_new(b);
            ir_label(b, l);
        }
        break;
    case 10:
        v = ir_call(b, &hd_toy_sync, pick(r, r->ints));
        g_array_append_val(r->ints, v);
        break;
    case 15: add_random_unread(r); break;
    default: add_random_int(r); break;
    }
}

/* Once more, up to eight times. */
static void go_round(Rand *r)
{
    IrVal n = ir_addi(r->b, ir_get(r->b, COUNTER), 1);

    ir_put(r->b, COUNTER, n);
    ir_exit_direct_if(r->b, IR_TSTNZ, n, ir_c64(r->b, 7), HEAD);
}

static void random_program(Rand *r, unsigned n)
{
    IrVal v;

    ir_reset(r->b, &toy_ops.slots);
    g_array_set_size(r->ints, 0);
    g_array_set_size(r->vecs, 0);
    ir_insn_start(r->b, HEAD, 0);
    r->near = 0;
    v = ir_get(r->b, S_R(1));
    g_array_append_val(r->ints, v);
    v = ir_get(r->b, S_V1);
    g_array_append_val(r->vecs, v);
    for (unsigned i = 0; i < n; i++) {
        if (i % 6 == 5) {
            ir_insn_start(r->b, HEAD + i, i);
        }
        if (r->loops && i == n / 4 * 3) {
            go_round(r);
        }
        add_random_op(r);
    }
    finish_region(r->b);
}

/* Splitmix64: a state is made four times a program, so it has to be quick. */
static uint64_t next_random(uint64_t *s)
{
    uint64_t z = *s += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void state_random(ToyCpu *t, Machine *m, unsigned seed)
{
    uint64_t s = seed;

    for (unsigned i = 0; i < 16; i++) {
        t->r[i] = next_random(&s);
    }
    for (unsigned i = 0; i < 8; i++) {
        t->v[i / 4].q[i % 4] = next_random(&s);
    }
    t->d = next_random(&s);
    for (unsigned i = 0; i < 0x2000; i += 8) {
        uint64_t x = next_random(&s);
        memcpy(m->mem + 0x8000 + i, &x, 8);
    }
    t->pc = 0;
    t->last_excp = 0;
    t->parent.exception = CPU_EXCP_NONE;
    t->seen_pc = t->seen_r1 = 0;
}

typedef struct Outcome {
    uint64_t pc, r[16], d;
    IrVec v[2];
    int excp;
    uint64_t seen_pc, seen_r1;
    uint8_t mem[0x2000];
} Outcome;

static void outcome(Outcome *o, const ToyCpu *t, const Machine *m)
{
    memset(o, 0, sizeof(*o));
    o->pc = t->pc;
    memcpy(o->r, t->r, sizeof(o->r));
    memcpy(o->v, t->v, sizeof(o->v));
    o->d = t->d;
    o->excp = t->parent.exception;
    o->seen_pc = t->seen_pc;
    o->seen_r1 = t->seen_r1;
    memcpy(o->mem, m->mem + 0x8000, sizeof(o->mem));
}

static void check_against(const Outcome *o1, Outcome *o2, ToyCpu *t, Machine *m, IrBuilder *b,
                          unsigned seed, RunMode mode)
{
    state_random(t, m, seed);
    run_ir(t, b, mode);
    outcome(o2, t, m);
    if (memcmp(o1, o2, sizeof(*o1))) {
        g_autoptr(GString) s = g_string_new(NULL);
        ir_print(b, s);
        g_string_append(s, "lowered:\n");
        ir_print(t->parent.priv->low, s);
        for (unsigned k = 0; k < 16; k++) {
            if (o1->r[k] != o2->r[k]) {
                g_string_append_printf(s, "r%u %lx, not %lx\n", k, o2->r[k], o1->r[k]);
            }
        }
        for (unsigned k = 0; k < 8; k++) {
            if (o1->v[k / 4].q[k % 4] != o2->v[k / 4].q[k % 4]) {
                g_string_append_printf(s, "v%u.%u %lx, not %lx\n", k / 4, k % 4,
                                       o2->v[k / 4].q[k % 4], o1->v[k / 4].q[k % 4]);
            }
        }
        g_string_append_printf(s, "seen %lx %lx, %lx %lx\n", o1->seen_pc, o1->seen_r1, o2->seen_pc,
                               o2->seen_r1);
        g_error("seed %u mode %d differs (pc %lx %lx excp %d %d)\n%s", seed, mode, o1->pc, o2->pc,
                o1->excp, o2->excp, s->str);
    }
}

/* Basic blocks: one begins at the start, at a label, and behind an op that may leave. */
static unsigned count_blocks(IrBuilder *b)
{
    unsigned n = 0;
    bool begins = true;

    for (IrVal v = 1; v < ir_count(b); v++) {
        const IrInsn *i = ir_at(b, v);
        if (i->op == IR_NOP) {
            continue;
        }
        n += begins || i->op == IR_LABEL;
        begins = i->op == IR_BRCOND || ir_op_info[i->op].flags & (IRF_X | IRF_T);
    }
    return n;
}

static void test_random_programs(void)
{
    Machine *m = machine_new(&native_config);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots), *again = ir_builder_new(&toy_ops.slots);
    static const HelperDesc *const helpers[] = { &hd_toy_sync, &hd_toy_halt, &hd_mix, &hd_vmix,
                                                 NULL };
    Outcome *o1 = g_aligned_alloc0(1, sizeof(Outcome), 32),
            *o2 = g_aligned_alloc0(1, sizeof(Outcome), 32);
    Rand r = { .b = b,
               .ints = g_array_new(FALSE, FALSE, sizeof(IrVal)),
               .vecs = g_array_new(FALSE, FALSE, sizeof(IrVal)) };
    unsigned faults = 0, n_programs = test_effort(4000), first = test_first_seed();
    uint64_t n_blocks = 0;

    t->perm[9] = MMU_R;
    for (unsigned seed = first; seed - first < n_programs; seed++) {
        if ((seed - first) % 100000 == 99999) {
            g_test_message("%u programs of %" PRIu64 " blocks from seed %u on agree", seed - first,
                           n_blocks, first);
        }
        r.g = g_rand_new_with_seed(seed);
        r.loops = seed % 3 == 0;
        m->engine->n_cpus = 1 + (seed >> 2 & 1); /* atomics without and with a lock prefix */
        random_program(&r, 20 + seed % 60);
        state_random(t, m, seed);
        run_ir(t, b, false);
        outcome(o1, t, m);
        check_against(o1, o2, t, m, b, seed, RUN_NATIVE | (seed & 1 ? RUN_DRAFT : 0));
        check_against(o1, o2, t, m, b, seed,
                      RUN_NATIVE | RUN_OPTIMISED | (seed & 2 ? RUN_DRAFT : 0));
        check_against(o1, o2, t, m, b, seed, RUN_OPTIMISED);
        faults += o1->excp != CPU_EXCP_NONE;
        n_blocks += count_blocks(b);
        g_rand_free(r.g);
        if (seed % 32) {
            continue;
        }
        /* text round trip: print, parse, print again */
        g_autoptr(GString) s1 = g_string_new(NULL), s2 = g_string_new(NULL),
                           s3 = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        IrBuilder *low = t->parent.priv->low;
        ir_print(low, s1);
        ir_parse(again, s1->str, helpers, &error);
        g_assert_no_error(error);
        g_assert_true(ir_verify(again, &error));
        ir_print(again, s2);
        g_assert_true(ir_parse(again, s2->str, helpers, &error));
        ir_print(again, s3);
        g_assert_cmpstr(s2->str, ==, s3->str);
    }
    m->engine->n_cpus = 1;
    g_test_message("%u programs of %" PRIu64 " blocks from seed %u on agree", n_programs, n_blocks,
                   first);
    g_assert_cmpuint(faults, >, n_programs / 40);
    g_array_free(r.ints, TRUE);
    g_array_free(r.vecs, TRUE);
    g_aligned_free(o1);
    g_aligned_free(o2);
    ir_builder_free(b);
    ir_builder_free(again);
    machine_free(m);
}

/* More values than registers, each of which lives for long: most wait in spill cells. */
static void crowded_program(IrBuilder *b, GRand *g)
{
    static const IrOp ops[] = { IR_ADD, IR_SUB, IR_XOR, IR_AND, IR_OR };
    IrVal live[30];

    ir_reset(b, &toy_ops.slots);
    ir_insn_start(b, 0x100, 0);
    for (unsigned k = 0; k < G_N_ELEMENTS(live); k++) {
        live[k] = ir_addi(b, ir_get(b, S_R(k % 16)), 0x1234567 * k + 1);
    }
    for (unsigned i = 0; i < 150; i++) {
        unsigned to = g_rand_int_range(g, 0, 30);
        IrVal x = live[g_rand_int_range(g, 0, 30)], y = live[g_rand_int_range(g, 0, 30)];
        IrOp op = ops[g_rand_int_range(g, 0, G_N_ELEMENTS(ops))];

        if (g_rand_boolean(g)) {
            x = ir_emit(b, op, IR_I32, 0, ir_trunc32(b, x), ir_trunc32(b, y), 0, 0, 0);
            live[to] = ir_deposit(b, live[to], ir_zext32(b, x), 0, 32);
        } else {
            live[to] = ir_emit(b, op, IR_I64, 0, x, y, 0, 0, 0);
        }
    }
    for (unsigned k = 0; k < 16; k++) {
        ir_put(b, S_R(k), k < 14 ? ir_add(b, live[k], live[k + 16]) : live[k]);
    }
    finish_region(b);
}

static void test_crowded_programs(void)
{
    Machine *m = machine_new(&native_config);
    ToyCpu *t = m->cpu[0];
    IrBuilder *b = ir_builder_new(&toy_ops.slots);
    Outcome *o1 = g_aligned_alloc0(1, sizeof(Outcome), 32),
            *o2 = g_aligned_alloc0(1, sizeof(Outcome), 32);

    for (unsigned seed = 1; seed <= 300; seed++) {
        GRand *g = g_rand_new_with_seed(seed);
        crowded_program(b, g);
        state_random(t, m, seed);
        run_ir(t, b, false);
        outcome(o1, t, m);
        check_against(o1, o2, t, m, b, seed, RUN_NATIVE);
        check_against(o1, o2, t, m, b, seed, RUN_NATIVE | RUN_OPTIMISED);
        g_rand_free(g);
    }
    g_aligned_free(o1);
    g_aligned_free(o2);
    ir_builder_free(b);
    machine_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    toy_tables();
    g_test_add_func("/exec/ir/integer-ops-match-the-folder", test_integer_ops);
    g_test_add_func("/exec/ir/a-result-is-compared-with-zero", test_results_and_zero);
    g_test_add_func("/exec/ir/vector-ops-and-overlapping-slots", test_vector_ops);
    g_test_add_func("/exec/ir/fp-ops", test_fp_ops);
    g_test_add_func("/exec/ir/a-sync-under-a-store-rolled-back-loses-nothing",
                    test_rolled_back_store_and_sync);
    g_test_add_func("/exec/ir/random-programs-give-the-same-interpreted-and-native",
                    test_random_programs);
    g_test_add_func("/exec/ir/more-values-than-registers-keep-their-own-cells",
                    test_crowded_programs);
    return g_test_run();
}
