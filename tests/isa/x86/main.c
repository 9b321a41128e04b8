/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test-x86-isa [--tap] [--states N] [--seed N] [--line N] [--only MNEMONIC] [--verbose]
 *
 * Each table line is one sub-test per group of translators; see diff.h. known.txt (beside the
 * source, or $X86_ISA_KNOWN) says which flags are undefined after an instruction and which
 * differences from the host are right, with the reason:
 *     flags MNEMONIC MASK     these EFLAGS bits are undefined after it
 *     differs MNEMONIC WHAT   WHAT of it is not compared; WHAT: a name printed with a difference
 *     fault MNEMONIC WHAT     the same where the instruction ends with a fault
 * MNEMONIC * is every instruction. A row with one word more counts on hosts of that vendor (CPUID) only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "diff.h"
#include "target/x86/features.h"
#include "target/x86/fpu.h"
#include "target/x86/system.h"

#define BATCH    1000
#define CC_FLAGS 0x8d5u

static struct {
    unsigned states;
    uint32_t seed;
    int line;
    const char *only;
    bool verbose, jit;
    X86GateSet host, all;
    char vendor[13];     /* the host's */
    GHashTable *flags;   /* mnemonic -> undefined EFLAGS bits */
    GHashTable *differs; /* "mnemonic what" */
    GHashTable *faults;  /* the same */
    Case *cases;
    unsigned n; /* cases gathered */
    unsigned bad[X86_INSN_LINES];
    GString *text[X86_INSN_LINES];
    unsigned long run, hits;
    bool failed;
} t = { .states = 200, .seed = 1, .line = -1 };

static void read_known(const char *path)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_error("cannot read %s", path);
    }
    g_auto(GStrv) rows = g_strsplit(text, "\n", -1);
    for (char **r = rows; *r; r++) {
        char kind[16], mn[32], what[32], vendor[16];
        int words = sscanf(*r, "%15s %31s %31s %15s", kind, mn, what, vendor);
        if (**r == '#' || words < 3 || (words == 4 && strcmp(vendor, t.vendor) != 0)) {
            continue;
        }
        if (!strcmp(kind, "flags")) {
            g_hash_table_insert(t.flags, g_strdup(mn), GUINT_TO_POINTER(strtoul(what, NULL, 16)));
        } else {
            g_hash_table_add(strcmp(kind, "fault") != 0 ? t.differs : t.faults,
                             g_strdup_printf("%s %s", mn, what));
        }
    }
}

static bool is_known(GHashTable *rows, const char *mn, const char *what)
{
    char key[80];
    g_snprintf(key, sizeof key, "%s %s", mn, what);
    if (g_hash_table_contains(rows, key)) {
        return true;
    }
    g_snprintf(key, sizeof key, "* %s", what);
    return g_hash_table_contains(rows, key);
}

static uint64_t undefined_flags(const Case *c, const char *mn)
{
    uint64_t mask = GPOINTER_TO_UINT(g_hash_table_lookup(t.flags, mn));
    return mask;
}

/* The part of an image that differs, or NULL. */
typedef struct Diff {
    bool fault; /* the instruction did not complete on the host */
    char what[24];
    char text[200];
} Diff;

static void hex(char *out, const uint8_t *p, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        sprintf(out + 2 * k, "%02x", p[n - 1 - k]);
    }
}

static bool is_left_out(const Diff *d, const char *mn, const char *what)
{
    return is_known(t.differs, mn, what) || (d->fault && is_known(t.faults, mn, what));
}

static bool differ(Diff *d, const char *mn, const char *what, uint64_t host, uint64_t ferry)
{
    if (host == ferry || is_left_out(d, mn, what)) {
        return false;
    }
    g_strlcpy(d->what, what, sizeof d->what);
    g_snprintf(d->text, sizeof d->text, "host %" PRIx64 " ferry %" PRIx64, host, ferry);
    return true;
}

static bool differ_bytes(Diff *d, const char *mn, const char *what, unsigned k, const uint8_t *host,
                         const uint8_t *ferry, unsigned n)
{
    if (!memcmp(host, ferry, n) || is_left_out(d, mn, what)) {
        return false;
    }
    char a[80], b[80];
    hex(a, host, n);
    hex(b, ferry, n);
    g_strlcpy(d->what, what, sizeof d->what);
    g_snprintf(d->text, sizeof d->text, "[%u] host %s ferry %s", k, a, b);
    return true;
}

/* Linear address of the memory operand before the instruction. */
static uint64_t address(const Case *c)
{
    const X86Mem *m = &c->insn.mem;
    uint64_t a = (uint64_t)m->disp;
    if (m->base == X86_REG_RIP) {
        a += CODE_AT + c->len;
    } else if (m->base != X86_REG_NONE) {
        a += c->in.gpr[m->base];
    }
    if (m->index != X86_REG_NONE && !m->vsib) {
        a += c->in.gpr[m->index] << m->scale;
    }
    return m->addr_size == 4 ? (uint32_t)a : a;
}

/* FNSTENV, FNSAVE: where the pointers to the last instruction and operand are. AMD's processors
 * record them only for instructions with an unmasked exception. */
static void drop_pointers(const Case *c, uint8_t *mem)
{
    bool op16 = c->insn.opsize == 2;
    uint64_t at = address(c) + (op16 ? 6 : 12) - DATA_BASE, n = op16 ? 8 : 16;
    for (uint64_t k = at; k < at + n && k < DATA_BYTES; k++) {
        mem[k] = c->mem_out[k];
    }
}

static bool compare_mem(Diff *d, const char *mn, const Case *c, const uint8_t *mem)
{
    uint8_t copy[DATA_BYTES];
    if (!memcmp(c->mem_out, mem, DATA_BYTES)) {
        return false;
    }
    if (c->insn.mn == X86_MN_FNSTENV || c->insn.mn == X86_MN_FNSAVE) {
        memcpy(copy, mem, DATA_BYTES);
        drop_pointers(c, copy);
        mem = copy;
        if (!memcmp(c->mem_out, mem, DATA_BYTES)) {
            return false;
        }
    }
    unsigned k = 0;
    while (c->mem_out[k] == mem[k]) {
        k++;
    }
    k = MIN(k, DATA_BYTES - 16);
    return differ_bytes(d, mn, "mem", k, c->mem_out + k, mem + k, 16);
}

static bool compare_fp(Diff *d, const char *mn, const Image *h, const Image *f)
{
    for (unsigned k = 0; k < 16; k++) {
        if (differ_bytes(d, mn, "ymm", k, h->ymm[k], f->ymm[k], 32)) {
            return true;
        }
    }
    /* Unmasked overflow, underflow: Ferry computes the masked response, which is inexact; the
     * processor reports PE by the result it would hand to the handler. */
    bool scaled = h->trap == EXCP_XM && (h->mxcsr & ~(h->mxcsr >> 7) & (X87_UE | X87_OE));
    uint32_t pe = scaled ? X87_PE : 0;
    if (differ(d, mn, h->trap == EXCP_XM ? "mxcsr-xm" : "mxcsr", h->mxcsr & ~pe, f->mxcsr & ~pe) ||
        differ(d, mn, "fcw", h->fcw, f->fcw) || differ(d, mn, "fsw", h->fsw, f->fsw) ||
        differ(d, mn, "ftw", h->ftw, f->ftw)) {
        return true;
    }
    for (unsigned k = 0; k < 8; k++) {
        if (differ_bytes(d, mn, "st", k, h->st[k], f->st[k], 10)) {
            return true;
        }
    }
    return false;
}

/* SHLD, SHRD by more than the operand has bits: the result is undefined. */
static bool shifts_too_far(const Case *c)
{
    const X86Insn *i = &c->insn;
    bool by_cl = i->op[2].kind != X86_OPK_IMM;
    unsigned count = (unsigned)(by_cl ? c->in.gpr[X86_RCX] : (uint64_t)i->imm) & 31;
    return (i->mn == X86_MN_SHLD || i->mn == X86_MN_SHRD) && i->opsize == 2 && count > 16;
}

static bool compare(Diff *d, const char *mn, const Case *c, const Image *f, const uint8_t *mem)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
    const Image *h = &c->out;
    uint64_t cc = 0xed5 & ~undefined_flags(c, mn);
    d->fault = h->rip == CODE_AT;
    /* An address that is not canonical: Ferry's MMU does not know that it was the stack's. */
    int h_trap = h->trap == EXCP_SS ? EXCP_GP : h->trap;
    /* Of two exceptions that the instruction has, one for its memory, which comes first. */
    bool other = h_trap == EXCP_XM || h_trap == EXCP_BR || (h_trap == EXCP_UD && (h->fsw & X87_ES));
    if ((f->trap == EXCP_PF || f->trap == EXCP_GP) && other && is_known(t.differs, mn, "order")) {
        return false;
    }
    if (differ(d, mn, "trap", (uint64_t)h_trap, (uint64_t)f->trap) ||
        differ(d, mn, "rip", h->rip, f->rip)) {
        return true;
    }
    /* Outside the case's memory: of a read-modify-write hardware says "write", while Ferry's load
     * comes first and says "read" (the handler sees the write when the instruction runs again);
     * and an address of the host's kernel is "present". */
    uint32_t w = h->cr2 - RO_BASE < 0x1000 ? 0 : PF_W | PF_P;
    if (d->fault && h->trap == EXCP_PF &&
        (differ(d, mn, "pf-error", h->err & ~w, f->err & ~w) ||
         differ(d, mn, "cr2", h->cr2, f->cr2))) {
        return true;
    }
    if (shifts_too_far(c) && is_known(t.differs, mn, "too-far")) {
        return false;
    }
    for (unsigned k = 0; k < 16; k++) {
        if (differ(d, mn, names[k], h->gpr[k], f->gpr[k])) {
            return true;
        }
    }
    return differ(d, mn, "flags", h->rflags & cc, f->rflags & cc) || compare_fp(d, mn, h, f) ||
           compare_mem(d, mn, c, mem);
}

static void describe(const Case *c, GString *out)
{
    char b[40];
    GString *text = g_string_new(NULL);
    hex(b, c->code, 1);
    for (unsigned k = 0; k < c->len; k++) {
        sprintf(b + 2 * k, "%02x", c->code[k]);
    }
    x86_disas(&c->insn, CODE_AT, text);
    g_string_append_printf(out, "line %u seed %u.%u: %s  %s", c->line, c->mode, c->seed, b,
                           text->str);
    g_string_free(text, TRUE);
}

static void dump(const Image *s, const char *name)
{
    printf("# %s trap %d err %x cr2 %" PRIx64 " rip %" PRIx64 " fl %" PRIx64
           " mxcsr %x fcw %x fsw %x ftw %x\n",
           name, s->trap, s->err, s->cr2, s->rip, s->rflags, s->mxcsr, s->fcw, s->fsw, s->ftw);
    for (unsigned k = 0; k < 16; k++) {
        char y[80], x[40] = "";
        hex(y, s->ymm[k], 32);
        if (k < 8) {
            hex(x, s->st[k], 10);
        }
        printf("#   r%-2u %016" PRIx64 " ymm %s st %s\n", k, s->gpr[k], y, x);
    }
}

static void note(const Case *c, const char *what, const char *text)
{
    if (++t.bad[c->line] > 4) {
        return;
    }
    if (!t.text[c->line]) {
        t.text[c->line] = g_string_new(NULL);
    }
    g_string_append(t.text[c->line], "# ");
    describe(c, t.text[c->line]);
    g_string_append_printf(t.text[c->line], ": %s %s\n", what, text);
}

static void run_in_guest(const Case *c)
{
    Image f;
    Diff d;
    const uint8_t *mem;
    guest_run(c, &f, &mem);
    t.run++;
    t.hits += c->out.rip == CODE_AT + c->len && c->out.trap == EXCP_UD;
    if (compare(&d, x86_lines[c->line].name, c, &f, mem)) {
        note(c, d.what, d.text);
        if (t.verbose) {
            dump(&c->in, "in");
            dump(&c->out, "host");
            dump(&f, "ferry");
        }
    }
}

/* Runs and compares what has been gathered. When the child dies, the case is left out. */
static void run_batch(void)
{
    Case *c = t.cases;
    while (t.n > 0) {
        unsigned done = native_run(c, t.n);
        for (unsigned k = 0; k < done; k++) {
            run_in_guest(&c[k]);
        }
        if (done < t.n) {
            note(&c[done], "", "the host did not come back");
            memmove(c, c + done + 1, (t.n - done - 1) * sizeof(Case));
            done = MIN(done + 1, t.n);
        }
        t.n -= done;
    }
}

/* A quarter of the states where the line has them in another mode already. */
static void gather_line(unsigned line, unsigned mode, bool only_mode)
{
    unsigned made = 0, want = only_mode ? t.states : t.states / 4;
    for (uint32_t s = 0; s < want * 20 && made < want; s++) {
        if (gen_case(&t.cases[t.n], line, mode, t.seed * 100000 + s, &t.host)) {
            made++;
            t.n++;
        }
        if (t.n == BATCH) {
            run_batch();
        }
    }
    if (!made) {
        t.bad[line]++;
        t.text[line] = g_string_new("# no encoding found\n");
    }
}

static void host_vendor(void)
{
    uint32_t a = 0, r[3];
    __asm__ volatile("cpuid" : "+a"(a), "=b"(r[0]), "=d"(r[1]), "=c"(r[2]));
    memcpy(t.vendor, r, sizeof r);
}

static void host_gates(void)
{
    X86CpuConfig cfg = { 0 };
    for (unsigned w = 0; w < X86_FW_COUNT; w++) {
        const X86FeatureWordInfo *i = x86_feature_word_info((X86FeatureWord)w);
        if (!i->is_msr) {
            uint32_t r[4];
            __asm__ volatile("cpuid"
                             : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                             : "a"(i->leaf), "c"(i->subleaf));
            cfg.words[w] = r[i->reg];
        }
    }
    x86_gates_from_config(&t.host, &cfg);
}

/* Can the host run code of this mode at all, and in the way that native.c expects? A no-op tells. */
static bool host_runs(unsigned mode)
{
    Case *c = &t.cases[0];
    for (unsigned line = 0; line < X86_INSN_LINES; line++) {
        if (x86_lines[line].map == 0 && x86_lines[line].opcode == 0x90 &&
            !strcmp(x86_lines[line].name, "nop") && gen_case(c, line, mode, 1, &t.host)) {
            return native_run(t.cases, 1) == 1 && c->out.trap == EXCP_UD &&
                   c->out.rip == CODE_AT + c->len && !memcmp(c->out.ymm, c->in.ymm, 16 * 32) &&
                   !memcmp(c->out.gpr, c->in.gpr, sizeof c->in.gpr);
        }
    }
    return false;
}

static bool wanted(unsigned line)
{
    return (t.line < 0 || (unsigned)t.line == line) &&
           (!t.only || !strcmp(t.only, x86_lines[line].name));
}

static void report(bool runs32)
{
    unsigned number = 0, lines = 0, skipped = 0, bad = 0;
    const char *why;
    for (unsigned line = 0; line < X86_INSN_LINES; line++) {
        const char *name = x86_lines[line].name;
        if (!wanted(line)) {
            continue;
        }
        number++;
        if (gen_skips(line, 64, &t.host, &why) && (!runs32 || gen_skips(line, 32, &t.host, &why))) {
            skipped++;
            printf("ok %u - line %u %s # SKIP %s\n", number, line, name, why);
            continue;
        }
        lines++;
        bad += t.bad[line] != 0;
        printf("%s %u - line %u %s\n", t.bad[line] ? "not ok" : "ok", number, line, name);
        if (t.bad[line]) {
            printf("# %u differences\n%s", t.bad[line], t.text[line]->str);
            g_string_free(t.text[line], TRUE);
        }
    }
    printf("1..%u\n# %u lines, %u skipped, %u with differences; %lu states, %lu without fault\n",
           number, lines, skipped, bad, t.run, t.hits);
    t.failed = bad != 0;
}

int main(int argc, char **argv)
{
    const char *known = g_getenv("X86_ISA_KNOWN");
    for (int k = 1; k < argc; k++) {
        const char *v = k + 1 < argc ? argv[k + 1] : "";
        if (!strcmp(argv[k], "--states")) {
            t.states = (unsigned)atoi(v), k++;
        } else if (!strcmp(argv[k], "--seed")) {
            t.seed = (uint32_t)atoi(v), k++;
        } else if (!strcmp(argv[k], "--line")) {
            t.line = atoi(v), k++;
        } else if (!strcmp(argv[k], "--only")) {
            t.only = v, k++;
        } else if (!strcmp(argv[k], "--native")) {
            t.jit = true;
        } else if (!strcmp(argv[k], "--verbose")) {
            t.verbose = true;
        }
    }
    t.flags = g_hash_table_new(g_str_hash, g_str_equal);
    t.differs = g_hash_table_new(g_str_hash, g_str_equal);
    t.faults = g_hash_table_new(g_str_hash, g_str_equal);
    host_vendor();
    read_known(known ? known : "tests/isa/x86/known.txt");
    gen_init();
    host_gates();
    guest_init(&t.host, t.jit);
    t.cases = native_alloc(BATCH);
    printf("TAP version 13\n");
    if (!host_runs(64)) {
        printf("1..0 # SKIP this host does not hand registers over in signal frames as expected\n");
        return 0;
    }
    bool runs32 = host_runs(32);
    if (!runs32) {
        printf("# the host runs no 32-bit code: 64-bit code only\n");
    }
    for (unsigned line = 0; line < X86_INSN_LINES; line++) {
        const char *why;
        bool m64 = !gen_skips(line, 64, &t.host, &why);
        if (wanted(line) && m64) {
            gather_line(line, 64, true);
        }
        if (runs32 && wanted(line) && !gen_skips(line, 32, &t.host, &why)) {
            gather_line(line, 32, !m64);
        }
    }
    run_batch();
    report(runs32);
    guest_exit();
    return t.failed;
}
