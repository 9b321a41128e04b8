/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast translated code is, against the same bytes on the host: the loops of loops.S, first called
 * directly, then run by the engine in a flat 64-bit guest. Nanoseconds an iteration, and the
 * ratio that is left when the host's clock rate is divided out. No other emulator is needed.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "base/util/log.h"
#include "target/x86/decode.h"
#include "tests/unit/x86-machine.h"

/* loops.S */
typedef struct Loop {
    const char *group, *name;
    const uint8_t *start, *end;
} Loop;
extern const Loop bench_loops[];

typedef void (*NativeFn)(void *data, uint64_t n);
#define DATA_BYTES 0x10000u

static double min_seconds = 0.05;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the two ways to run n iterations ---- */

static uint8_t *host_code, *host_data;

static void load_native(const Loop *l)
{
    memset(host_data, 0, DATA_BYTES);
    memcpy(host_code, l->start, (size_t)(l->end - l->start));
}

/* Everything but rsp may change in a loop. */
static void run_native(uint64_t n)
{
    register void *data __asm__("rdi") = host_data;
    register uint64_t count __asm__("rsi") = n;
    uint8_t *code = host_code;

    __asm__ volatile("push %%rbp\n"
                     "call *%2\n"
                     "pop %%rbp\n"
                     : "+r"(data), "+r"(count)
                     : "b"(code)
                     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "memory", "cc");
}

static X86Machine *machine;

/* CALL the loop, then HLT. The loop keeps the alignment that it has in loops.S. */
static void load_guest(const Loop *l)
{
    static const uint8_t call[] = { 0xff, 0xd3 }; /* call *%rbx */

    x86m_reset(machine, 64);
    memcpy(machine->mem + X86M_CODE + 64, l->start, (size_t)(l->end - l->start));
    x86m_load(machine, call, sizeof(call));
}

static void run_guest(uint64_t n)
{
    X86Cpu *cpu = machine->cpu;

    cpu->gpr[X86_RBX] = X86M_CODE + 64;
    cpu->gpr[X86_RDI] = X86M_STACK;
    cpu->gpr[X86_RSI] = n;
    cpu->gpr[X86_RSP] = X86M_STACK;
    cpu->rip = X86M_CODE;
    x86m_resume(machine);
    if (machine->vector >= 0) {
        fprintf(stderr, "exception %d at %#" PRIx64 "\n", machine->vector, cpu->rip);
        exit(1);
    }
}

/* ---- measuring ---- */

/* Best of three of at least min_seconds each, after a warm-up that finds n. */
static double measure(void (*run)(uint64_t))
{
    uint64_t n = 1000;
    double best = INFINITY, t = 0;

    while (t < min_seconds) {
        double t0 = now();
        run(n);
        t = now() - t0;
        n *= t < min_seconds / 10 ? 8 : 2;
    }
    n /= 2;
    for (unsigned k = 0; k < 3; k++) {
        double t0 = now();
        run(n);
        best = fmin(best, now() - t0);
    }
    return best / (double)n * 1e9;
}

typedef struct Mean {
    double log_sum;
    unsigned n;
} Mean;

static void mean_add(Mean *m, double v)
{
    m->log_sum += log(v);
    m->n++;
}

static void print_mean(const char *name, const Mean *m)
{
    if (m->n) {
        printf("%-9s %-16s %21s %8.2f\n", name, "geometric mean", "", exp(m->log_sum / m->n));
    }
}

static void bench_all(const char *filter)
{
    Mean all = { 0 }, group = { 0 };

    printf("%-9s %-16s %10s %10s %8s\n", "group", "loop", "host ns", "guest ns", "ratio");
    for (const Loop *l = bench_loops; l->name; l++) {
        g_autofree char *full = g_strdup_printf("%s/%s", l->group, l->name);
        if (!filter || strstr(full, filter)) {
            load_native(l);
            double host = measure(run_native);
            load_guest(l);
            double guest = measure(run_guest);
            mean_add(&all, guest / host);
            mean_add(&group, guest / host);
            printf("%-9s %-16s %10.3f %10.3f %8.2f\n", l->group, l->name, host, guest,
                   guest / host);
            fflush(stdout);
        }
        if (!l[1].name || strcmp(l[1].group, l->group)) {
            print_mean(l->group, &group);
            group = (Mean){ 0 };
        }
    }
    print_mean("all", &all);
}

int main(int argc, char **argv)
{
    gboolean interpreter = FALSE;
    int milliseconds = 50;
    g_autofree char *log = NULL;
    const GOptionEntry entries[] = {
        { "interpreter", 'i', 0, G_OPTION_ARG_NONE, &interpreter, "no native code", NULL },
        { "time", 't', 0, G_OPTION_ARG_INT, &milliseconds, "at least so long a run", "MS" },
        { "log", 'd', 0, G_OPTION_ARG_STRING, &log, "as -d of the emulator", "ITEM[,...]" },
        { 0 },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("[PART OF A NAME]");
    g_autoptr(GError) error = NULL;
    ExecConfig config = { .jit = true };

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || (log && !log_set(log, &error))) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    min_seconds = milliseconds / 1000.0;
    config.jit = !interpreter;
    host_code = mmap(NULL, DATA_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    host_data = g_aligned_alloc0(1, DATA_BYTES, 64);
    g_assert_true(host_code != MAP_FAILED);
    machine = x86m_new_with(&config);
    bench_all(argc > 1 ? argv[1] : NULL);
    x86m_free(machine);
    g_aligned_free(host_data);
    munmap(host_code, DATA_BYTES);
    return 0;
}
