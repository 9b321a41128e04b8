/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of random instructions, natively and interpreted: all of the state, memory, and
 * what a fault in the middle leaves. Of the x87, because native code runs it in place and not by
 * helpers; of integers, because a fault may have to compute what no code did. Results of single
 * instructions are checked against the host's CPU in tests/isa/x86.
 */
#include <string.h>
#include "target/x86/decode.h"
#include "target/x86/fpu.h"
#include "target/x86/system.h"
#include "effort.h"
#include "x86-machine.h"

#define ROW     20 /* instructions */
#define LOOK_AT 0x3000u

typedef struct Outcome {
    int vector;
    uint32_t error;
    uint64_t rip, gpr[16], ip, dp;
    uint32_t eflags;
    uint16_t cw, sw, opcode, cs, ds;
    uint8_t valid;
    bool live;
    X87Reg st[8];
    uint8_t data[LOOK_AT], code[512], edge[64];
} Outcome;

typedef struct Row {
    uint8_t code[ROW * 12];
    size_t len;
    uint32_t seed;
} Row;

static uint8_t *byte(Row *r, unsigned b)
{
    r->code[r->len] = b;
    return &r->code[r->len++];
}

/* Something between two x87 instructions: comparisons' flags are used, integers move. */
static void put_other(Row *r, GRand *rnd)
{
    static const uint8_t other[][5] = {
        { 4, 0x0f, 0x92, 0xc0, 0 },    /* SETB AL (and one byte more, below) */
        { 4, 0x0f, 0x96, 0xc1, 0 },    /* SETBE CL */
        { 4, 0x0f, 0x9a, 0xc2, 0 },    /* SETP DL */
        { 4, 0x48, 0x89, 0x43, 0x08 }, /* MOV [RBX+8], RAX */
        { 4, 0x48, 0x8b, 0x4b, 0x10 }, /* MOV RCX, [RBX+16] */
        { 4, 0x48, 0x83, 0xc0, 0x11 }, /* ADD RAX, 17 */
    };
    const uint8_t *o = other[g_rand_int_range(rnd, 0, G_N_ELEMENTS(other))];

    for (unsigned k = 0; k < (o[4] ? 4u : 3u); k++) {
        byte(r, o[1 + k]);
    }
}

static void put_x87(Row *r, GRand *rnd)
{
    static const uint8_t bases[] = { 3, 3, 3, 3, 6, 7, 5 }; /* RBX mostly, RSI, RDI, RBP */
    unsigned op = 0xd8 + g_rand_int_range(rnd, 0, 8), reg = g_rand_int_range(rnd, 0, 8);
    bool env = (op == 0xd9 || op == 0xdd) && (reg == 4 || (op == 0xdd && reg == 6));

    if (env && g_rand_int_range(rnd, 0, 8)) {
        return; /* a control word at random ends most rows soon */
    }
    byte(r, op);
    if (g_rand_boolean(rnd)) {
        byte(r, 0xc0 | reg << 3 | g_rand_int_range(rnd, 0, 8));
    } else {
        byte(r, 0x40 | reg << 3 | bases[g_rand_int_range(rnd, 0, G_N_ELEMENTS(bases))]);
        byte(r, g_rand_int_range(rnd, 0, 0x70));
    }
}

/* ModRM of a register, or of memory that most often is there. */
static void put_modrm(Row *r, GRand *rnd, unsigned reg, bool memory)
{
    static const uint8_t rm[] = { 0, 1, 2, 5 }, bases[] = { 3, 3, 3, 6, 7 };

    if (memory) {
        byte(r, 0x40 | reg << 3 | bases[g_rand_int_range(rnd, 0, G_N_ELEMENTS(bases))]);
        byte(r, g_rand_int_range(rnd, 0, 0x70));
    } else {
        byte(r, 0xc0 | reg << 3 | rm[g_rand_int_range(rnd, 0, G_N_ELEMENTS(rm))]);
    }
}

/* Bases of memory are not written: register numbers are 0, 1, 2, 5, and those above 7 for `reg`. */
static void put_int(Row *r, GRand *rnd)
{
    static const uint8_t regs[] = { 0, 1, 2, 5 };
    static const uint8_t two[] = { 0xaf, 0xb6, 0xb7, 0xbe, 0xbf, 0xa3, 0xab,
                                   0xbb, 0xbc, 0xbd, 0xa5, 0xad, 0xc1, 0xb1 };
    unsigned reg = regs[g_rand_int_range(rnd, 0, G_N_ELEMENTS(regs))], k;
    unsigned w = g_rand_int_range(rnd, 0, 4);
    bool memory = !g_rand_int_range(rnd, 0, 3);

    if (!g_rand_int_range(rnd, 0, 12)) { /* XOR EDX, EDX or CQO; DIV or IDIV RCX, or of 32 bits */
        bool sign = g_rand_boolean(rnd);
        byte(r, sign ? 0x48 : 0x31);
        byte(r, sign ? 0x99 : 0xd2);
        byte(r, w & 1 ? 0x48 : 0x40);
        byte(r, 0xf7);
        byte(r, sign ? 0xf9 : 0xf1);
        return;
    }
    if (w == 3) {
        byte(r, 0x66);
    }
    byte(r, w == 0 ? 0x48 : w == 1 ? 0x44 : w == 2 ? 0x4c : 0x40); /* W, R, both, none */
    switch (g_rand_int_range(rnd, 0, 9)) {
    case 0: /* ADD, OR, ADC, SBB, AND, SUB, XOR, CMP */
    case 1:
        byte(r, g_rand_int_range(rnd, 0, 8) << 3 | g_rand_int_range(rnd, 0, 4));
        put_modrm(r, rnd, reg, memory);
        break;
    case 2: /* the same with a constant */
        byte(r, 0x83);
        put_modrm(r, rnd, g_rand_int_range(rnd, 0, 8), memory);
        byte(r, g_rand_int(rnd));
        break;
    case 3: /* shifts by 1 and CL */
        byte(r, 0xd0 | g_rand_int_range(rnd, 0, 4));
        put_modrm(r, rnd, g_rand_int_range(rnd, 0, 8), memory);
        break;
    case 4: /* NOT, NEG, MUL, IMUL */
        byte(r, 0xf6 | g_rand_int_range(rnd, 0, 2));
        put_modrm(r, rnd, g_rand_int_range(rnd, 2, 6), memory);
        break;
    case 5: /* INC, DEC */
        byte(r, 0xfe | g_rand_int_range(rnd, 0, 2));
        put_modrm(r, rnd, g_rand_int_range(rnd, 0, 2), memory);
        break;
    case 6: /* SETcc, CMOVcc */
        byte(r, 0x0f);
        k = g_rand_boolean(rnd) ? 0x90 : 0x40;
        byte(r, k | g_rand_int_range(rnd, 0, 16));
        put_modrm(r, rnd, reg, memory);
        break;
    case 7: /* MOV */
        byte(r, 0x88 | g_rand_int_range(rnd, 0, 4));
        put_modrm(r, rnd, reg, memory);
        break;
    default:
        byte(r, 0x0f);
        byte(r, two[g_rand_int_range(rnd, 0, G_N_ELEMENTS(two))]);
        put_modrm(r, rnd, reg, memory);
        break;
    }
}

static Row make_row(uint32_t seed, bool x87)
{
    g_autoptr(GRand) rnd = g_rand_new_with_seed(seed);
    Row r = { .seed = seed };

    for (unsigned k = 0; k < ROW; k++) {
        if (!x87) {
            put_int(&r, rnd);
        } else if (g_rand_int_range(rnd, 0, 4)) {
            put_x87(&r, rnd);
        } else {
            put_other(&r, rnd);
        }
    }
    return r;
}

/* Numbers of all kinds and sizes one after the other. */
static void fill_data(X86Machine *m, GRand *rnd)
{
    for (unsigned k = 0; k < LOOK_AT; k += 8) {
        double d = g_rand_double_range(rnd, -1000, 1000);
        uint64_t any = (uint64_t)g_rand_int(rnd) << 32 | g_rand_int(rnd);
        memcpy(m->mem + X86M_DATA + k, g_rand_boolean(rnd) ? (void *)&d : (void *)&any, 8);
    }
}

static void set_state(X86Machine *m, GRand *rnd)
{
    X86Cpu *cpu = m->cpu;

    x87_init(cpu);
    cpu->cr0 |= CR0_NE;
    x87_set_control_word(cpu, 0x33f | g_rand_int_range(rnd, 0, 16) << 8);
    if (!g_rand_int_range(rnd, 0, 8)) {
        x87_set_control_word(cpu, cpu->fpcw & ~(1u << g_rand_int_range(rnd, 0, 6)));
    }
    cpu->fp_top = g_rand_int_range(rnd, 0, 8);
    cpu->fp_valid = g_rand_int_range(rnd, 0, 4) ? 0x3f : g_rand_int(rnd);
    for (unsigned k = 0; k < 8; k++) {
        cpu->st[k].mant = (uint64_t)g_rand_int(rnd) << 32 | g_rand_int(rnd) | 1ull << 63;
        cpu->st[k].exp = 0x3fff + g_rand_int_range(rnd, -8, 8);
    }
    for (unsigned k = 0; k < 16; k++) {
        cpu->gpr[k] = k == X86_RSP ? X86M_STACK : g_rand_int(rnd);
    }
    cpu->gpr[X86_RBX] = X86M_DATA + 0x1000;
    cpu->gpr[X86_RSI] = X86M_DATA + 0x2000 - 0x20; /* some accesses cross into the next page */
    cpu->gpr[X86_RDI] = X86M_HOLE - 0x58;          /* or into one that is not there */
    cpu->gpr[X86_RBP] = X86M_CODE + 0x20;          /* or to the instructions themselves */
    x86_mode_update(cpu);
}

static void take(X86Machine *m, Outcome *o)
{
    const X86Cpu *c = m->cpu;

    memset(o, 0, sizeof(*o));
    *o = (Outcome){ .vector = m->vector,
                    .error = m->error,
                    .rip = c->rip,
                    .eflags = x86_eflags_get(c),
                    .ip = c->fp_ip,
                    .dp = c->fp_dp,
                    .cw = c->fpcw,
                    .sw = x87_status_word(c),
                    .opcode = c->fp_opcode,
                    .cs = c->fp_cs,
                    .ds = c->fp_ds,
                    .valid = c->fp_valid,
                    .live = c->fp_live };
    memcpy(o->gpr, c->gpr, sizeof(o->gpr));
    for (unsigned k = 0; k < 8; k++) {
        o->st[k].mant = c->st[k].mant;
        o->st[k].exp = c->st[k].exp;
    }
    memcpy(o->data, m->mem + X86M_DATA, sizeof(o->data));
    memcpy(o->code, m->mem + X86M_CODE, sizeof(o->code));
    memcpy(o->edge, m->mem + X86M_HOLE - 64, sizeof(o->edge));
}

static void run_row(X86Machine *m, const Row *r, Outcome *o)
{
    g_autoptr(GRand) rnd = g_rand_new_with_seed(r->seed);

    x86m_reset(m, 64);
    fill_data(m, rnd);
    set_state(m, rnd);
    x86m_run(m, r->code, r->len);
    take(m, o);
}

/* Rows of the x87 write to themselves, and may jump then: which flags are dead behind a jump both must know. */
static Outcome *run_all(bool native, bool x87, unsigned first, unsigned n)
{
    ExecConfig config = { .no_threads = true, .jit = native, .no_opt = !native && !x87 };
    X86Machine *m = x86m_new_with(&config);
    Outcome *o = g_new(Outcome, n);

    for (unsigned k = 0; k < n; k++) {
        Row r = make_row(first + k, x87);
        run_row(m, &r, &o[k]);
    }
    x86m_free(m);
    return o;
}

static void compare_rows(bool x87)
{
    unsigned first = test_first_seed(), left = test_effort(1500), n;

    for (; left; left -= n, first += n) {
        n = MIN(left, 500);
        g_autofree Outcome *a = run_all(false, x87, first, n), *b = run_all(true, x87, first, n);
        for (unsigned k = 0; k < n; k++) {
            if (memcmp(&a[k], &b[k], sizeof(*a)) != 0) {
                g_test_message("row %u: vector %d and %d, rip 0x%x and 0x%x, sw 0x%x and 0x%x, "
                               "eflags 0x%x and 0x%x",
                               first + k, a[k].vector, b[k].vector, (unsigned)a[k].rip,
                               (unsigned)b[k].rip, a[k].sw, b[k].sw, a[k].eflags, b[k].eflags);
            }
            g_assert_cmpmem(&a[k], sizeof(*a), &b[k], sizeof(*b));
        }
    }
}

static void test_x87(void)
{
    compare_rows(true);
}

static void test_integers(void)
{
    compare_rows(false);
}

/* Most rows must get somewhere, and some to a fault, or nothing is compared. */
static void test_rows_run(void)
{
    for (unsigned x87 = 0; x87 < 2; x87++) {
        unsigned n = 200, far = 0, faults = 0;
        g_autofree Outcome *o = run_all(true, x87, 1, n);
        for (unsigned k = 0; k < n; k++) {
            far += o[k].rip >= X86M_CODE + ROW;
            faults += o[k].vector == EXCP_PF;
        }
        g_assert_cmpuint(far, >, n / 4);
        g_assert_cmpuint(faults, >, n / 20);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/target/x86/rows/of-the-x87-give-the-same-natively-and-interpreted", test_x87);
    g_test_add_func("/target/x86/rows/of-integers-give-the-same-natively-and-interpreted",
                    test_integers);
    g_test_add_func("/target/x86/rows/get-somewhere", test_rows_run);
    return g_test_run();
}
