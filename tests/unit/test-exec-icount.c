/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -icount: time from instructions, turns of several vCPUs, the pace against real time; and how soon an
 * interrupt gets through, counted or not.
 */
#include <time.h>
#include "toy.h"

typedef struct Tick {
    Machine *m;
    Timer *timer;
    unsigned n;
    uint64_t r1[3];
} Tick;

static void on_tick(void *opaque)
{
    Tick *k = opaque;

    /* to the instruction: the clock is what the timer was armed for */
    g_assert_cmpint(clock_now_ns(k->m->vm, CLOCK_KIND_VIRTUAL), ==, 400 * (int64_t)(k->n + 1));
    k->r1[k->n++] = k->m->cpu[0]->r[1];
    if (k->n < 3) {
        timer_arm(k->timer, 400 * (int64_t)(k->n + 1));
    }
}

/* 4 ns an instruction: a timer at 400 ns comes after 100 of them, wherever regions begin; a fault counts
 * what was done before it. */
static void test_icount(void)
{
    static const ExecConfig config = { .icount = true, .icount_shift = 2 };
    Machine *m = machine_new(&config);
    ToyCpu *t = m->cpu[0];
    Tick k = { .m = m };

    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, 0), enc(T_MOVI, 2, 0, 0, 400), enc(T_NOP, 0, 0, 0, 0),
         enc(T_NOP, 0, 0, 0, 0), /* 0x1020 */ enc(T_ADDI, 1, 1, 0, 1), enc(T_NOP, 0, 0, 0, 0),
         enc(T_BNE, 0, 1, 2, 0x1020), enc(T_MOVI, 3, 0, 0, 1), enc(T_DIV, 3, 1, 4, 0),
         enc(T_HALT, 0, 0, 0, 0));
    vm_lock(m->vm);
    clock_virtual_enable(m->vm, true);
    clock_virtual_set(m->vm, 0);
    k.timer = timer_new(m->vm, CLOCK_KIND_VIRTUAL, "tick", on_tick, &k);
    timer_arm(k.timer, 400);
    vm_unlock(m->vm);
    t->pc = 0x1000;
    t->r[4] = 1;
    m->engine->icount.left = 1 << 20;
    while (!t->parent.halted) {
        icount_begin(&t->parent);
        cpu_exec(&t->parent);
        icount_end(&t->parent);
    }
    g_assert_cmpuint(k.n, ==, 3);
    g_assert_cmpuint(k.r1[0], ==, 32); /* 4 before the loop, 96 in it */
    g_assert_cmpuint(k.r1[1], ==, 66); /* 196: 65 times and the first of the next */
    g_assert_cmpuint(k.r1[2], ==, 99);
    /* 4 + 3 * 400 + 3 */
    g_assert_cmpint(clock_now_ns(m->vm, CLOCK_KIND_VIRTUAL), ==, 4 * 1207);
    int64_t before = clock_now_ns(m->vm, CLOCK_KIND_VIRTUAL);
    t->r[4] = 0;
    t->r[1] = 399;
    t->parent.halted = 0;
    t->pc = 0x1020;
    while (!t->parent.halted) { /* the fault stops the toy: five done, the sixth not */
        icount_begin(&t->parent);
        cpu_exec(&t->parent);
        icount_end(&t->parent);
    }
    g_assert_cmpuint(t->last_excp, ==, EXCP_DIV);
    g_assert_cmpint(clock_now_ns(m->vm, CLOCK_KIND_VIRTUAL) - before, ==, 4 * 4);
    vm_lock(m->vm);
    timer_free(k.timer);
    vm_unlock(m->vm);
    machine_free(m);
}

/* ---- turns ---- */

static void disturb(Machine *m)
{
    for (unsigned i = 0; i < 50; i++) {
        cpu_kick(&m->cpu[i & 1]->parent);
        g_usleep(200);
    }
}

static void let_halt(Machine *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        for (;;) {
            cpu_pause(&m->cpu[i]->parent);
            if (m->cpu[i]->parent.halted) {
                cpu_resume(&m->cpu[i]->parent);
                break;
            }
            cpu_resume(&m->cpu[i]->parent);
            g_usleep(1000);
        }
    }
}

typedef struct Race {
    uint64_t counter, final[2];
    int64_t ns;
} Race;

/* Each adds to a counter without a lock: what is lost tells how they took turns. */
static Race race(bool jit, bool disturbed)
{
    const ExecConfig config = { .icount = true, .icount_shift = 1, .jit = jit };
    Machine *m = machine_new(&config);
    Race r;

    vm_lock(m->vm);
    add_cpu(m);
    clock_virtual_enable(m->vm, true);
    clock_virtual_set(m->vm, 0);
    vm_unlock(m->vm);
    CODE(m, 0x1000, enc(T_MOVI, 1, 0, 0, 60000), enc(T_MOVI, 5, 0, 0, 0),
         /* 0x1010 */ enc(T_LD, 2, 3, 0, 0), enc(T_ADDI, 2, 2, 0, 1), enc(T_ADDI, 1, 1, 0, -1),
         enc(T_MUL, 6, 2, 1, 0), enc(T_ADD, 7, 7, 6, 0), enc(T_ST, 2, 3, 0, 0),
         enc(T_BNE, 0, 1, 5, 0x1010), enc(T_HALT, 0, 0, 0, 0));
    for (unsigned i = 0; i < 2; i++) {
        m->cpu[i]->pc = 0x1000;
        m->cpu[i]->r[3] = 0x9000;
        cpu_start(&m->cpu[i]->parent);
    }
    vm_lock(m->vm);
    engine_resume_all(m->engine);
    vm_unlock(m->vm);
    if (disturbed) {
        disturb(m);
    }
    let_halt(m);
    r.counter = *(uint64_t *)(m->mem + 0x9000);
    r.final[0] = m->cpu[0]->r[7];
    r.final[1] = m->cpu[1]->r[7];
    r.ns = clock_now_ns(m->vm, CLOCK_KIND_VIRTUAL);
    machine_free(m);
    return r;
}

static void test_turns(void)
{
    Race first = race(false, false);

    g_assert_cmpuint(first.counter, <, 2 * 60000); /* they did take turns within their loops */
    g_assert_cmpuint(first.counter, >=, 60000);
    g_assert_cmpint(first.ns, ==, 2 * 2 * (2 + 7 * 60000 + 1));
    for (unsigned i = 0; i < 6; i++) {
        Race again = race(i & 1, i >= 2);
        g_assert_cmpuint(again.counter, ==, first.counter);
        g_assert_cmpuint(again.final[0], ==, first.final[0]);
        g_assert_cmpuint(again.final[1], ==, first.final[1]);
        g_assert_cmpint(again.ns, ==, first.ns);
    }
}

static void wake(void *opaque)
{
    Machine *m = opaque;

    cpu_interrupt(&m->cpu[1]->parent, CPU_IRQ_HARD);
}

/* Both sleep until a timer wakes one, which is at once without sleep=on, however far it is. */
static void test_idle_jumps(void)
{
    static const ExecConfig config = { .icount = true, .icount_shift = 0 };
    Machine *m = machine_new(&config);
    int64_t hour = (int64_t)3600 * 1000000000;

    vm_lock(m->vm);
    add_cpu(m);
    CODE(m, 0x1000, enc(T_HALT, 0, 0, 0, 0), enc(T_MOVI, 7, 0, 0, 1), enc(T_HALT, 0, 0, 0, 0));
    Timer *timer = timer_new(m->vm, CLOCK_KIND_VIRTUAL, "wake", wake, m);
    clock_virtual_enable(m->vm, true);
    clock_virtual_set(m->vm, 0);
    timer_arm(timer, hour);
    for (unsigned i = 0; i < 2; i++) {
        m->cpu[i]->pc = 0x1000;
        cpu_start(&m->cpu[i]->parent);
    }
    engine_resume_all(m->engine);
    vm_unlock(m->vm);
    while (!__atomic_load_n(&m->cpu[1]->r[7], __ATOMIC_RELAXED)) {
        g_usleep(1000);
    }
    let_halt(m);
    g_assert_cmpuint(m->cpu[0]->r[7], ==, 0);
    g_assert_cmpint(clock_now_ns(m->vm, CLOCK_KIND_VIRTUAL), ==, hour + 2); /* two after it */
    vm_lock(m->vm);
    timer_free(timer);
    vm_unlock(m->vm);
    machine_free(m);
}

/* A vCPU is unplugged, likely in its turn: the other goes on, and does not look at it any more. */
static void test_leaves_in_turn(void)
{
    static const ExecConfig config = { .icount = true, .icount_shift = 0 };

    for (unsigned round = 0; round < 16; round++) {
        Machine *m = machine_new(&config);

        vm_lock(m->vm);
        add_cpu(m);
        CODE(m, 0x1000, enc(T_ADDI, 1, 1, 0, 1), enc(T_BNE, 0, 1, 2, 0x1000));
        clock_virtual_enable(m->vm, true);
        for (unsigned i = 0; i < 2; i++) {
            m->cpu[i]->pc = 0x1000;
            cpu_start(&m->cpu[i]->parent);
        }
        engine_resume_all(m->engine);
        vm_unlock(m->vm);
        while (!__atomic_load_n(&m->cpu[1]->r[1], __ATOMIC_RELAXED)) {
            g_usleep(100);
        }
        vm_lock(m->vm);
        cpu_clear(&m->cpu[1]->parent);
        g_aligned_free(m->cpu[1]);
        m->n = 1;
        vm_unlock(m->vm);
        uint64_t before = __atomic_load_n(&m->cpu[0]->r[1], __ATOMIC_RELAXED);
        while (__atomic_load_n(&m->cpu[0]->r[1], __ATOMIC_RELAXED) == before) {
            g_usleep(100);
        }
        machine_free(m);
    }
}

/* ---- pace ---- */

static Machine *run_loop(const ExecConfig *config)
{
    Machine *m = machine_new(config);
    ToyCpu *t = m->cpu[0];

    CODE(m, 0x1000, enc(T_ADDI, 1, 1, 0, 1), enc(T_BNE, 0, 1, 2, 0x1000), enc(T_HALT, 0, 0, 0, 0));
    t->pc = 0x1000;
    t->r[2] = 100000;
    vm_lock(m->vm);
    clock_virtual_enable(m->vm, true);
    clock_virtual_set(m->vm, 0);
    cpu_start(&t->parent);
    engine_resume_all(m->engine);
    vm_unlock(m->vm);
    return m;
}

static void test_align(void)
{
    static const ExecConfig config = {
        .icount = true, .icount_sleep = true, .icount_align = true, .icount_shift = 10
    };
    gint64 from = g_get_monotonic_time();
    Machine *m = run_loop(&config);

    let_halt(m);
    /* 200001 instructions of 1024 ns, and no sooner */
    g_assert_cmpint(clock_now_ns(m->vm, CLOCK_KIND_VIRTUAL), ==, (int64_t)200001 << 10);
    g_assert_cmpint(g_get_monotonic_time() - from, >, 150000);
    machine_free(m);
}

/* Instructions of 1024 ns run far faster than that. */
static void test_adapt(void)
{
    static const ExecConfig config = {
        .icount = true, .icount_sleep = true, .icount_adapt = true, .icount_shift = 10, .jit = true
    };
    Machine *m = run_loop(&config);

    m->cpu[0]->r[2] = 0;
    cpu_pause(&m->cpu[0]->parent);
    m->cpu[0]->parent.halted = 0;
    CODE(m, 0x2000, enc(T_JMP, 0, 0, 0, 0x2000));
    m->cpu[0]->pc = 0x2000;
    cpu_resume(&m->cpu[0]->parent);
    for (unsigned i = 0; i < 20000 && m->engine->icount.shift >= 8; i++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(m->engine->icount.shift, <, 8);
    machine_free(m);
}

/* ---- how soon ---- */

static int64_t polled_at; /* CPU time of the vCPU's thread; atomic */
static bool (*real_poll)(CpuState *cpu, uint32_t request);

static int64_t cpu_time(int tid)
{
    struct timespec t;

    clock_gettime((clockid_t)(~(unsigned)tid << 3 | 6),
                  &t); /* the kernel's name of a thread's clock */
    return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

static bool timed_poll(CpuState *cpu, uint32_t request)
{
    __atomic_store_n(&polled_at, cpu_time(cpu->host_thread_id), __ATOMIC_SEQ_CST);
    return real_poll(cpu, request);
}

/*
 * Interrupts until 30 were taken in time, by the clock of the vCPU's thread; how many it took. A host
 * that is busy, or is a guest itself, makes some late; a loop that does not look makes all of them late.
 */
static unsigned interrupts_until_prompt(ToyCpu *t)
{
    unsigned prompt = 0, n = 0;
    int tid;

    while (!(tid = __atomic_load_n(&t->parent.host_thread_id, __ATOMIC_RELAXED))) {
        g_usleep(100);
    }
    for (; prompt < 30 && n < 3000; n++) {
        g_usleep(200 + n * 7 % 100);
        __atomic_store_n(&polled_at, 0, __ATOMIC_SEQ_CST);
        cpu_interrupt(&t->parent, CPU_IRQ_HARD);
        int64_t from = cpu_time(tid), at; /* a thread that waits here for its turn does no harm */
        while (!(at = __atomic_load_n(&polled_at, __ATOMIC_SEQ_CST))) {
            g_thread_yield();
        }
        prompt += at - from <= 100000;
    }
    g_assert_cmpuint(prompt, ==, 30);
    return n;
}

static void test_latency(gconstpointer data)
{
    static const uint32_t start[] = { 0x1000, 0x2000, 0x4000, 0x6000 };
    Machine *m = machine_new(data);
    ToyCpu *t = m->cpu[0];
    unsigned sent = 0;

    m->engine->icount.left = 0;
    real_poll = toy_ops.poll_interrupt;
    toy_ops.poll_interrupt = timed_poll;
    /* a region that is its own successor; two on two pages; an indirect jump; many regions */
    CODE(m, 0x1000, enc(T_ADDI, 1, 1, 0, 1), enc(T_JMP, 0, 0, 0, 0x1000));
    CODE(m, 0x2000, enc(T_ADDI, 1, 1, 0, 1), enc(T_JMP, 0, 0, 0, 0x3000));
    CODE(m, 0x3000, enc(T_ADDI, 1, 1, 0, 1), enc(T_JMP, 0, 0, 0, 0x2000));
    CODE(m, 0x4000, enc(T_ADDI, 1, 1, 0, 1), enc(T_JR, 0, 4, 0, 0));
    for (unsigned i = 0; i < 511; i++) {
        CODE(m, 0x6000 + 8 * i, enc(T_ADDI, 1, 1, 0, i));
    }
    CODE(m, 0x6000 + 8 * 511, enc(T_JMP, 0, 0, 0, 0x6000));
    t->r[4] = 0x4000;
    vm_lock(m->vm);
    clock_virtual_enable(m->vm, true);
    cpu_start(&t->parent);
    vm_unlock(m->vm);
    for (unsigned i = 0; i < G_N_ELEMENTS(start); i++) {
        t->pc = start[i];
        cpu_resume(&t->parent);
        sent += interrupts_until_prompt(t);
        cpu_pause(&t->parent);
        g_assert_cmpuint(t->n_irqs, ==, sent);
    }
    toy_ops.poll_interrupt = real_poll;
    machine_free(m);
}

int main(int argc, char **argv)
{
    static const ExecConfig plain = { 0 }, jit = { .jit = true },
                            counted = { .icount = true, .jit = true };

    g_test_init(&argc, &argv, NULL);
    toy_tables();
    g_test_add_func("/exec/icount/timers-come-to-the-instruction", test_icount);
    g_test_add_func("/exec/icount/turns-are-the-same-each-time-whatever-the-host-does", test_turns);
    g_test_add_func("/exec/icount/time-jumps-while-all-sleep", test_idle_jumps);
    g_test_add_func("/exec/icount/an-unplugged-cpu-gives-its-turn-away", test_leaves_in_turn);
    g_test_add_func("/exec/icount/aligned-time-does-not-run-ahead", test_align);
    g_test_add_func("/exec/icount/an-instruction-gets-as-long-as-the-host-is-slow", test_adapt);
    g_test_add_data_func("/exec/interpreted/an-interrupt-gets-through-within-100-us", &plain,
                         test_latency);
    g_test_add_data_func("/exec/native/an-interrupt-gets-through-within-100-us", &jit,
                         test_latency);
    g_test_add_data_func("/exec/counted/an-interrupt-gets-through-within-100-us", &counted,
                         test_latency);
    return g_test_run();
}
