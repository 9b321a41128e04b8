/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Predicted returns under a toy instruction set: whatever the prediction says, the guest goes where its return
 * address says, and finds there what is mapped and stored there now. Each test runs natively, with drafts,
 * without optimisation, and interpreted.
 */
#include "exec/host-x86_64/emit-priv.h"
#include "toy.h"

#define LINK 14
#define SP   13
#define IO   12

/* while r4++ != r5: call; the return address is 0x1010 */
static void put_caller(Machine *m, unsigned function)
{
    CODE(m, 0x1000, enc(T_NOP, 0, 0, 0, 0), enc(T_CALL, LINK, 0, 0, function),
         /* 0x1010 */ enc(T_ADDI, 6, 6, 0, 1), enc(T_ADDI, 4, 4, 0, 1), enc(T_BNE, 0, 4, 5, 0x1000),
         enc(T_HALT, 0, 0, 0, 0));
}

static void put_recursion(Machine *m)
{
    CODE(m, 0x2000, enc(T_BNE, 0, 1, 0, 0x2010), enc(T_RET, 0, LINK, 0, 0),
         /* 0x2010 */ enc(T_ST, LINK, SP, 0, 0), enc(T_ADDI, SP, SP, 0, 8), enc(T_ADD, 2, 2, 1, 0),
         enc(T_ADDI, 1, 1, 0, (uint32_t)-1), enc(T_CALL, LINK, 0, 0, 0x2000),
         enc(T_ADDI, SP, SP, 0, (uint32_t)-8), enc(T_LD, LINK, SP, 0, 0), enc(T_ADDI, 3, 3, 0, 1),
         enc(T_RET, 0, LINK, 0, 0));
}

/* More calls under way than are remembered. */
static void test_deep_recursion(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_MOVI, SP, 0, 0, 0x8000), enc(T_MOVI, 1, 0, 0, 100),
         enc(T_CALL, LINK, 0, 0, 0x2000), enc(T_ADDI, 4, 4, 0, 1), enc(T_BNE, 0, 4, 5, 0x1008),
         enc(T_HALT, 0, 0, 0, 0));
    put_recursion(m);
    t->r[5] = 50;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[2], ==, 50 * 5050);
    g_assert_cmpuint(t->r[3], ==, 5000);
    g_assert_cmphex(t->r[SP], ==, 0x8000);
    machine_free(m);
}

/* As longjmp does: the function goes back elsewhere, and its caller's caller is next. */
static void test_other_way_back(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    put_caller(m, 0x2000);
    CODE(m, 0x2000, enc(T_ADDI, 9, LINK, 0, 0), enc(T_CALL, LINK, 0, 0, 0x3000),
         enc(T_HALT, 0, 0, 0, 0));
    CODE(m, 0x3000, enc(T_CALL, LINK, 0, 0, 0x3100), enc(T_HALT, 0, 0, 0, 0));
    CODE(m, 0x3100, enc(T_ADDI, 8, 8, 0, 1), enc(T_RET, 0, 9, 0, 0));
    t->r[5] = 100;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[6], ==, 100);
    g_assert_cmpuint(t->r[8], ==, 100);
    machine_free(m);
}

/* Returns that no call announced, in a row, with calls between. */
static void test_returns_without_calls(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    put_caller(m, 0x2000);
    CODE(m, 0x2000, enc(T_MOVI, 9, 0, 0, 0x3000), enc(T_RET, 0, 9, 0, 0));
    CODE(m, 0x3000, enc(T_ADDI, 8, 8, 0, 1), enc(T_MOVI, 9, 0, 0, 0x3100), enc(T_RET, 0, 9, 0, 0));
    CODE(m, 0x3100, enc(T_ADDI, 8, 8, 0, 1), enc(T_RET, 0, LINK, 0, 0));
    t->r[5] = 100;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[6], ==, 100);
    g_assert_cmpuint(t->r[8], ==, 200);
    machine_free(m);
}

/* The function is called by pointer from two places in turn. */
static void test_two_callers(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_CALLR, LINK, 9, 0, 0), enc(T_ADDI, 6, 6, 0, 1),
         enc(T_CALLR, LINK, 9, 0, 0), enc(T_ADDI, 6, 6, 0, 100), enc(T_ADDI, 4, 4, 0, 1),
         enc(T_BNE, 0, 4, 5, 0x1000), enc(T_HALT, 0, 0, 0, 0));
    CODE(m, 0x2000, enc(T_ADDI, 8, 8, 0, 1), enc(T_RET, 0, LINK, 0, 0));
    t->r[5] = 50;
    t->r[9] = 0x2000;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[6], ==, 50 * 101);
    g_assert_cmpuint(t->r[8], ==, 100);
    machine_free(m);
}

/* The function writes another instruction to where it will return. */
static void test_overwritten_target(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    put_caller(m, 0x2000);
    CODE(m, 0x2000, enc(T_ADD, 11, 8, 0, 0), enc(T_ADD, 8, 9, 0, 0), enc(T_ADD, 9, 11, 0, 0),
         enc(T_ST, 8, LINK, 0, 0), enc(T_RET, 0, LINK, 0, 0));
    t->r[8] = enc(T_ADDI, 6, 6, 0, 1);
    t->r[9] = enc(T_ADDI, 6, 6, 0, 100);
    t->r[5] = 20;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[6], ==, 10 * 101);
    machine_free(m);
}

/* ---- while native code runs, by a store to a device ---- */

static void put_function_with_io(Machine *m)
{
    put_caller(m, 0x2000);
    CODE(m, 0x2000, enc(T_ST, 4, IO, 0, 0), enc(T_RET, 0, LINK, 0, 0));
    m->cpu[0]->r[IO] = IO_BASE;
    m->cpu[0]->r[5] = 20;
}

/* The caller's page is another one from now on, with other code at the return address. */
static void remap_caller(Machine *m)
{
    m->cpu[0]->to[1] ^= 5;
    cpu_tlb_flush_page(&m->cpu[0]->parent, 0x1000);
}

static void test_remapped_target(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    uint64_t other = enc(T_ADDI, 6, 6, 0, 100);

    put_function_with_io(m);
    memcpy(m->mem + 0x5000, m->mem + 0x1000, 0x1000);
    put_code(m, 0x5010, &other, 1);
    m->on_io = remap_caller;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[6], ==, 10 * 101);
    machine_free(m);
}

/* Nothing that was translated is good any more, the way back included. */
static void forget_code(Machine *m)
{
    tb_flush_all(m->engine);
}

static void test_flushed_target(gconstpointer data)
{
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];

    put_function_with_io(m);
    m->on_io = forget_code;
    run(t, 0x1000);
    g_assert_cmpuint(t->r[6], ==, 20);
    machine_free(m);
}

/* ---- is anything predicted at all? ---- */

static void look_at_ring(Machine *m)
{
    ToyCpu *t = m->cpu[0];
    const HostFrame *f = t->parent.priv->hframe;

    if (!f) {
        return; /* interpreted */
    }
    t->seen_pc = *(const uint64_t *)f->ret[f->ret_top / 8];
    t->seen_r1 |= (uint64_t)1 << f->ret_top / 8;
}

/* In the function the latest call is known; and as each return takes its call off, all are in one place
 * but for those that a change of regions let forget. */
static void test_ring(void)
{
    static const ExecConfig config = { .jit = true };
    Machine *m = machine_new(&config);
    ToyCpu *t = m->cpu[0];

    if (m->engine->host) {
        put_function_with_io(m);
        m->on_io = look_at_ring;
        run(t, 0x1000);
        g_assert_cmpuint(t->r[6], ==, 20);
        g_assert_cmphex(t->seen_pc, ==, 0x1010);
        g_assert_cmphex(t->seen_r1 & ~(uint64_t)3, ==, 0);
    }
    machine_free(m);
}

int main(int argc, char **argv)
{
    static const ExecConfig plain = { 0 }, jit = { .jit = true },
                            jit_no_opt = { .jit = true, .no_opt = true },
                            hot = { .jit = true, .hot_after = 2 };
    static const struct {
        const char *name;
        const ExecConfig *config;
    } how[] = { { "native", &jit },
                { "native-plain", &jit_no_opt },
                { "hot", &hot },
                { "interpreted", &plain } };
    static const struct {
        const char *name;
        void (*fn)(gconstpointer);
    } tests[] = {
        { "more-calls-than-are-remembered-all-return", test_deep_recursion },
        { "a-function-may-return-past-its-caller", test_other_way_back },
        { "returns-without-calls-go-where-they-say", test_returns_without_calls },
        { "two-callers-get-their-function-back", test_two_callers },
        { "a-return-finds-code-that-was-overwritten", test_overwritten_target },
        { "a-return-finds-what-is-mapped-now", test_remapped_target },
        { "a-return-finds-its-way-when-all-code-was-dropped", test_flushed_target },
    };

    g_test_init(&argc, &argv, NULL);
    toy_tables();
    for (unsigned i = 0; i < G_N_ELEMENTS(tests) * G_N_ELEMENTS(how); i++) {
        unsigned k = i % G_N_ELEMENTS(how), n = i / G_N_ELEMENTS(how);
        g_autofree char *name = g_strdup_printf("/exec/returns/%s/%s", how[k].name, tests[n].name);
        g_test_add_data_func(name, how[k].config, tests[n].fn);
    }
    g_test_add_func("/exec/returns/native/each-call-is-remembered-until-it-returns", test_ring);
    return g_test_run();
}
