/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs cases on the host's CPU. All is done by signal frames: the handler of the exception that ends
 * a case records the registers from its frame, writes the next case's registers into it, and
 * returns; so every register, the vector and x87 state and RSP are the case's own, and there is no
 * code around the instruction. The child is expendable.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "diff.h"

#define XFEATURES_AT 512 /* xstate header in the frame's FP area */
#define YMMH_AT      576

typedef struct Shared {
    unsigned done; /* cases finished */
    Case cases[];
} Shared;

/* The child's own; it is single-threaded. */
static struct {
    Shared *sh;
    unsigned n, at;
    bool running;
    sigjmp_buf out;
} run;

static const int greg_of[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                 REG_R12, REG_R13, REG_R14, REG_R15 };

static void *map_at(uintptr_t where, size_t n, int prot)
{
    void *p = mmap((void *)where, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (p == MAP_FAILED) {
        _exit(3);
    }
    return p;
}

/* Does the frame carry the upper halves of the YMM registers? */
static bool has_avx(const uint8_t *fp)
{
    uint32_t magic;
    uint64_t features;
    memcpy(&magic, fp + 464, 4);
    memcpy(&features, fp + 472, 8);
    return magic == 0x46505853 && (features & 4);
}

static void load(const Case *c, ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
    const Image *s = &c->in;
    bool avx = has_avx(fp);
    memcpy((void *)(uintptr_t)DATA_BASE, c->mem_in, DATA_BYTES);
    memset((void *)(uintptr_t)CODE_BASE, CODE_FILL, CODE_BYTES);
    memcpy((void *)(uintptr_t)CODE_AT, c->code, c->len);
    for (unsigned k = 0; k < 16; k++) {
        g[greg_of[k]] = (greg_t)s->gpr[k];
        memcpy(fp + 160 + k * 16, s->ymm[k], 16);
        if (avx) {
            memcpy(fp + YMMH_AT + k * 16, s->ymm[k] + 16, 16);
        }
    }
    g[REG_RIP] = (greg_t)s->rip;
    g[REG_EFL] = (greg_t)s->rflags;
    uint64_t cs = c->mode == 64 ? 0x33 : 0x23; /* Linux's code segments */
    g[REG_CSGSFS] = (greg_t)(((uint64_t)g[REG_CSGSFS] & ~UINT64_C(0xffff)) | cs);
    memcpy(fp, &s->fcw, 2);
    memcpy(fp + 2, &s->fsw, 2);
    fp[4] = s->ftw;
    memset(fp + 6, 0, 18);
    memcpy(fp + 24, &s->mxcsr, 4);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(fp + 32 + k * 16, s->st[k], 10);
    }
    if (avx) {
        uint64_t bv;
        memcpy(&bv, fp + XFEATURES_AT, 8);
        bv |= 7;
        memcpy(fp + XFEATURES_AT, &bv, 8);
    }
}

static void save(Case *c, const ucontext_t *uc)
{
    const greg_t *g = uc->uc_mcontext.gregs;
    const uint8_t *fp = (const uint8_t *)uc->uc_mcontext.fpregs;
    Image *s = &c->out;
    uint64_t bv = 3;
    memset(s, 0, sizeof *s);
    if (has_avx(fp)) {
        memcpy(&bv, fp + XFEATURES_AT, 8);
    }
    for (unsigned k = 0; k < 16; k++) {
        s->gpr[k] = (uint64_t)g[greg_of[k]];
        if (bv & 2) {
            memcpy(s->ymm[k], fp + 160 + k * 16, 16);
        }
        if (bv & 4) {
            memcpy(s->ymm[k] + 16, fp + YMMH_AT + k * 16, 16);
        }
    }
    s->rip = (uint64_t)g[REG_RIP];
    s->rflags = (uint64_t)g[REG_EFL] & ~UINT64_C(0x10000); /* RF is the frame's */
    s->fcw = 0x37f;
    if (bv & 1) {
        memcpy(&s->fcw, fp, 2);
        memcpy(&s->fsw, fp + 2, 2);
        s->ftw = fp[4];
        for (unsigned k = 0; k < 8; k++) {
            memcpy(s->st[k], fp + 32 + k * 16, 10);
        }
    }
    memcpy(&s->mxcsr, fp + 24, 4);
    s->trap = (int)g[REG_TRAPNO];
    s->err = (uint32_t)g[REG_ERR];
    s->cr2 = (uint64_t)g[REG_CR2];
    memcpy(c->mem_out, (void *)(uintptr_t)DATA_BASE, DATA_BYTES);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    if (run.running) {
        save(&run.sh->cases[run.at], uc);
        run.sh->done = ++run.at;
    }
    if (run.at == run.n || sig == SIGALRM) {
        siglongjmp(run.out, 1);
    }
    run.running = true;
    load(&run.sh->cases[run.at], uc);
}

static G_NORETURN void child(Shared *sh, unsigned n)
{
    static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGUSR1, SIGSYS };
    stack_t alt = { .ss_sp = map_at(0x60000000, 1 << 17, PROT_READ | PROT_WRITE),
                    .ss_size = 1 << 17 };
    struct sigaction sa = { .sa_sigaction = on_signal,
                            .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    sigaltstack(&alt, NULL);
    for (unsigned k = 0; k < G_N_ELEMENTS(sigs); k++) {
        sigaction(sigs[k], &sa, NULL);
    }
    map_at(DATA_BASE, DATA_BYTES, PROT_READ | PROT_WRITE);
    memcpy(map_at(RO_BASE, 0x1000, PROT_READ | PROT_WRITE), gen_ro_page(), 0x1000);
    mprotect((void *)(uintptr_t)RO_BASE, 0x1000, PROT_READ);
    memset(map_at(CODE_BASE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC), CODE_FILL,
           CODE_BYTES);
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(0x2b)); /* 32-bit code needs them */
    run.sh = sh;
    run.n = n;
    alarm(20);
    if (!sigsetjmp(run.out, 1)) {
        raise(SIGUSR1);
    }
    _exit(0);
}

Case *native_alloc(unsigned n)
{
    Shared *sh = mmap(NULL, sizeof(Shared) + n * sizeof(Case), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return sh == MAP_FAILED ? NULL : sh->cases;
}

unsigned native_run(Case *cases, unsigned n)
{
    Shared *sh = (Shared *)((char *)cases - offsetof(Shared, cases));
    int status;
    sh->done = 0;
    pid_t pid = fork();
    if (pid < 0) {
        g_error("cannot fork: %s", g_strerror(errno));
    }
    if (pid == 0) {
        child(sh, n);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return sh->done;
}
