/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * REP string instructions. Work goes on in chunks that lie in one page of each side, by memmove,
 * memset or a plain loop where both sides are RAM, else element by element. After every chunk rSI,
 * rDI and rCX are brought up to date, so a fault in the next one finds exact registers. The helper
 * returns 0 when the vCPU loop wants control before the count is used up.
 */
#include <string.h>
#include "target/x86/decode.h"
#include "target/x86/flags.h"
#include "target/x86/helper.h"

typedef struct Str {
    X86Cpu *cpu;
    CpuState *cs;
    X86StrOp op;
    uint64_t mask;  /* of the address size */
    uint64_t count; /* elements still to do */
    bool down;      /* EFLAGS.DF */
    unsigned mmu;
} Str;

static Str str_begin(CpuState *cs, uint64_t word, uint64_t most)
{
    X86Cpu *cpu = x86_cpu(cs);
    Str s = { .cpu = cpu,
              .cs = cs,
              .op = x86_strop_unpack(word),
              .down = cpu->eflags & X86_DF,
              .mmu = mode_mmu(cpu->mode) };
    s.mask = s.op.adsize == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * s.op.adsize)) - 1;
    s.count = s.op.rep ? cpu->gpr[X86_RCX] & s.mask : 1;
    s.count = MIN(s.count, most);
    return s;
}

static void set_reg(const Str *s, unsigned reg, uint64_t v)
{
    uint64_t *r = &s->cpu->gpr[reg];
    if (s->op.adsize == 2) {
        *r = (*r & ~UINT64_C(0xffff)) | (v & 0xffff);
    } else {
        *r = v & s->mask;
    }
}

static uint64_t offset(const Str *s, unsigned reg)
{
    return s->cpu->gpr[reg] & s->mask;
}

/* n elements are done: move on. */
static void advance(Str *s, uint64_t n, bool si, bool di)
{
    uint64_t by = s->down ? -n * s->op.size : n * s->op.size;
    if (si) {
        set_reg(s, X86_RSI, s->cpu->gpr[X86_RSI] + by);
    }
    if (di) {
        set_reg(s, X86_RDI, s->cpu->gpr[X86_RDI] + by);
    }
    if (s->op.rep) {
        set_reg(s, X86_RCX, s->cpu->gpr[X86_RCX] - n);
    }
    s->count -= n;
}

/* Should the loop have control now? */
static bool interrupted(const Str *s)
{
    return __atomic_load_n(&s->cs->exit_request, __ATOMIC_RELAXED) != 0;
}

static uint64_t result(const Str *s)
{
    return !s->op.rep || (s->cpu->gpr[X86_RCX] & s->mask) == 0;
}

static uint64_t linear(const Str *s, unsigned seg, uint64_t off, unsigned len, bool write)
{
    const X86Cpu *cpu = s->cpu;
    if (cpu->mode & MODE_CS64) {
        return seg == X86_FS || seg == X86_GS ? cpu->seg[seg].base + off : off;
    }
    helper_x86_seg_check(s->cs, seg, off, len | (write ? 1u << 16 : 0));
    return (uint32_t)(cpu->seg[seg].base + off);
}

/* Elements from seg:off on (down: back from there) that one page, the address size and the segment
 * allow; 0: none or one that needs care, go element by element. *va: linear address of the lowest. */
static uint64_t chunk(const Str *s, unsigned seg, uint64_t off, uint64_t max, uint64_t *va)
{
    const X86Cpu *cpu = s->cpu;
    unsigned size = s->op.size;
    uint64_t up = s->mask - off; /* the last byte of a wrapping range goes the slow way */
    uint64_t base = 0, n;

    if (cpu->mode & MODE_CS64) {
        base = seg == X86_FS || seg == X86_GS ? cpu->seg[seg].base : 0;
        *va = base + off;
    } else {
        const X86Seg *sg = &cpu->seg[seg];
        bool plain = (sg->attr & (X86_SEG_CODE | X86_SEG_DC)) == 0;
        if ((mode_protected(cpu->mode) && !(sg->attr & X86_SEG_RW)) || !plain || off > sg->limit) {
            return 0;
        }
        up = MIN(up, (uint64_t)sg->limit - off);
        *va = (uint32_t)(sg->base + off);
    }
    uint64_t in_page = *va & (GUEST_PAGE_SIZE - 1);
    up = MIN(up, GUEST_PAGE_SIZE - in_page);
    if (!s->down) {
        return MIN(max, up / size);
    }
    if (up < size) {
        return 0;
    }
    n = MIN(max, MIN(in_page, off) / size + 1);
    *va -= (n - 1) * size;
    return n;
}

/* The same for source and destination together. */
static uint64_t both(const Str *s, uint64_t si, uint64_t di, uint64_t *sva, uint64_t *dva)
{
    uint64_t n = chunk(s, s->op.seg, si, s->count, sva);
    uint64_t m = n ? chunk(s, X86_ES, di, n, dva) : 0;

    if (s->down && m) {
        *sva += (n - m) * s->op.size;
    }
    return m;
}

/* Host address of n elements of one page, or NULL. A fault is that of the first element to go. */
static void *bulk(const Str *s, uint64_t va, uint64_t n, MmuAccess access)
{
    unsigned size = s->op.size;

    if (n < 2) {
        return NULL;
    }
    if (s->down) {
        cpu_probe_access(s->cs, va + (n - 1) * size, size, access, s->mmu);
    }
    return cpu_host_ptr(s->cs, va, n * size, access, s->mmu);
}

static uint64_t load(const Str *s, uint64_t va)
{
    switch (s->op.size) {
    case 1: return cpu_ld8(s->cs, va, s->mmu);
    case 2: return cpu_ld16(s->cs, va, s->mmu);
    case 4: return cpu_ld32(s->cs, va, s->mmu);
    default: return cpu_ld64(s->cs, va, s->mmu);
    }
}

static void store(const Str *s, uint64_t va, uint64_t v)
{
    switch (s->op.size) {
    case 1: cpu_st8(s->cs, va, v, s->mmu); break;
    case 2: cpu_st16(s->cs, va, v, s->mmu); break;
    case 4: cpu_st32(s->cs, va, v, s->mmu); break;
    default: cpu_st64(s->cs, va, v, s->mmu); break;
    }
}

static uint64_t element(const void *p, uint64_t k, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, (const uint8_t *)p + k * size, size);
    return v;
}

/*
 * As the elements would go one by one. An overlap in the direction of the copy repeats what lies between
 * the two: a period of at least an element doubles with each step; a shorter one goes by elements.
 */
static void copy_forward(uint8_t *dst, const uint8_t *src, size_t len, unsigned size)
{
    size_t period = dst - src;

    if (dst <= src || period >= len) {
        memmove(dst, src, len);
        return;
    }
    for (size_t done = 0; period >= size && done < len;) {
        size_t n = MIN(len - done, period + done);
        memcpy(dst + done, src, n);
        done += n;
    }
    for (size_t k = 0; period < size && k < len; k += size) {
        memmove(dst + k, src + k, size);
    }
}

static void copy_backward(uint8_t *dst, const uint8_t *src, size_t len, unsigned size)
{
    if (dst >= src || (size_t)(src - dst) >= len) {
        memmove(dst, src, len);
        return;
    }
    for (size_t k = len; k; k -= size) {
        memmove(dst + k - size, src + k - size, size);
    }
}

/* Guest memory in at most two pages, where it lies in the host. */
typedef struct Span {
    uint8_t *p[2];
    size_t n[2];
} Span;

/* False: some of it is not plain RAM, or its second page is not in the TLB. A fault is the first page's. */
static bool span(CpuState *cs, uint64_t va, size_t len, MmuAccess access, unsigned mmu, Span *s)
{
    size_t first = MIN(len, GUEST_PAGE_SIZE - (va & (GUEST_PAGE_SIZE - 1)));

    s->n[0] = first;
    s->n[1] = len - first;
    s->p[0] = cpu_host_ptr(cs, va, first, access, mmu);
    s->p[1] = s->n[1] && s->p[0] ? cpu_host_hit(cs, va + first, s->n[1], access, mmu) : s->p[0];
    return s->p[0] && s->p[1];
}

static bool apart(const Span *a, const Span *b)
{
    for (unsigned k = 0; k < 4; k++) {
        const uint8_t *p = a->p[k & 1], *q = b->p[k >> 1];
        if (p < q + b->n[k >> 1] && q < p + a->n[k & 1]) {
            return false;
        }
    }
    return true;
}

static void copy_spans(const Span *dst, const Span *src)
{
    size_t len = dst->n[0] + dst->n[1], n;

    for (size_t done = 0; done < len; done += n) {
        bool d = done >= dst->n[0], s = done >= src->n[0];
        size_t d_off = done - (d ? dst->n[0] : 0), s_off = done - (s ? src->n[0] : 0);
        n = MIN(dst->n[d] - d_off, src->n[s] - s_off);
        memcpy(dst->p[d] + d_off, src->p[s] + s_off, n);
    }
}

/* Short copies, as compilers and libraries make them: 64-bit code, upwards, each side in one or two
 * pages of plain RAM. False: nothing was done. */
static bool movs_at_once(CpuState *cs, X86StrOp op)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint64_t si = cpu->gpr[X86_RSI], di = cpu->gpr[X86_RDI], n = cpu->gpr[X86_RCX];
    unsigned mmu = mode_mmu(cpu->mode);
    Span src, dst;

    if (!(cpu->mode & MODE_CS64) || (cpu->eflags & X86_DF) || op.adsize != 8 || op.seg == X86_FS ||
        op.seg == X86_GS || n == 0 || n > GUEST_PAGE_SIZE / op.size) {
        return false;
    }
    size_t len = n * op.size;
    if (!span(cs, si, len, MMU_ACCESS_READ, mmu, &src) ||
        !span(cs, di, len, MMU_ACCESS_WRITE, mmu, &dst)) {
        return false;
    }
    if (!src.n[1] && !dst.n[1]) {
        copy_forward(dst.p[0], src.p[0], len, op.size);
    } else if (apart(&src, &dst)) {
        copy_spans(&dst, &src);
    } else {
        return false;
    }
    cpu->gpr[X86_RSI] = si + len;
    cpu->gpr[X86_RDI] = di + len;
    cpu->gpr[X86_RCX] = 0;
    return true;
}

uint64_t helper_x86_rep_movs(CpuState *cs, uint64_t word, uint64_t most)
{
    if (most == UINT64_MAX && movs_at_once(cs, x86_strop_unpack(word))) {
        return 1;
    }
    Str s = str_begin(cs, word, most);
    while (s.count) {
        uint64_t si = offset(&s, X86_RSI), di = offset(&s, X86_RDI), sva = 0, dva = 0;
        uint64_t n = both(&s, si, di, &sva, &dva);
        void *src = bulk(&s, sva, n, MMU_ACCESS_READ);
        void *dst = src ? bulk(&s, dva, n, MMU_ACCESS_WRITE) : NULL;
        if (dst) {
            (s.down ? copy_backward : copy_forward)(dst, src, n * s.op.size, s.op.size);
        } else {
            n = 1;
            uint64_t v = load(&s, linear(&s, s.op.seg, si, s.op.size, false));
            store(&s, linear(&s, X86_ES, di, s.op.size, true), v);
        }
        advance(&s, n, true, true);
        if (interrupted(&s)) {
            break;
        }
    }
    return result(&s);
}

static void fill(uint8_t *dst, uint64_t v, uint64_t n, unsigned size)
{
    if (size == 1 || v == 0) {
        memset(dst, (int)(v & 0xff), n * size);
        return;
    }
    for (uint64_t k = 0; k < n; k++) {
        memcpy(dst + k * size, &v, size);
    }
}

uint64_t helper_x86_rep_stos(CpuState *cs, uint64_t word, uint64_t most)
{
    Str s = str_begin(cs, word, most);
    uint64_t v = s.cpu->gpr[X86_RAX];
    v = s.op.size == 8 ? v : v & ((UINT64_C(1) << (8 * s.op.size)) - 1);
    while (s.count) {
        uint64_t di = offset(&s, X86_RDI), va = 0;
        uint64_t n = chunk(&s, X86_ES, di, s.count, &va);
        void *dst = bulk(&s, va, n, MMU_ACCESS_WRITE);
        if (dst) {
            fill(dst, v, n, s.op.size);
        } else {
            n = 1;
            store(&s, linear(&s, X86_ES, di, s.op.size, true), v);
        }
        advance(&s, n, false, true);
        if (interrupted(&s)) {
            break;
        }
    }
    return result(&s);
}

uint64_t helper_x86_rep_lods(CpuState *cs, uint64_t word, uint64_t most)
{
    Str s = str_begin(cs, word, most);
    while (s.count) {
        uint64_t v = load(&s, linear(&s, s.op.seg, offset(&s, X86_RSI), s.op.size, false));
        uint64_t *rax = &s.cpu->gpr[X86_RAX];
        if (s.op.size >= 4) {
            *rax = v;
        } else {
            uint64_t low = (UINT64_C(1) << (8 * s.op.size)) - 1;
            *rax = (*rax & ~low) | v;
        }
        advance(&s, 1, true, false);
        if (interrupted(&s)) {
            break;
        }
    }
    return result(&s);
}

static void compare_flags(const Str *s, uint64_t x, uint64_t y)
{
    s->cpu->cc_op = X86_CC_OP(CCK_SUB, __builtin_ctz(s->op.size));
    s->cpu->cc_a = x - y;
    s->cpu->cc_b = y;
}

/* REPE goes on while equal, REPNE while different. */
static bool goes_on(const Str *s, uint64_t x, uint64_t y)
{
    return (x == y) == (s->op.rep == X86_REPZ);
}

uint64_t helper_x86_rep_cmps(CpuState *cs, uint64_t word, uint64_t most)
{
    Str s = str_begin(cs, word, most);
    while (s.count) {
        uint64_t si = offset(&s, X86_RSI), di = offset(&s, X86_RDI), sva = 0, dva = 0, x, y;
        uint64_t n = s.down ? 0 : both(&s, si, di, &sva, &dva), k = 0;
        void *p = bulk(&s, sva, n, MMU_ACCESS_READ);
        void *q = p ? bulk(&s, dva, n, MMU_ACCESS_READ) : NULL;
        if (q) {
            do {
                x = element(p, k, s.op.size);
                y = element(q, k, s.op.size);
                k++;
            } while (k < n && goes_on(&s, x, y));
        } else {
            x = load(&s, linear(&s, s.op.seg, si, s.op.size, false));
            y = load(&s, linear(&s, X86_ES, di, s.op.size, false));
            k = 1;
        }
        compare_flags(&s, x, y);
        advance(&s, k, true, true);
        if (!goes_on(&s, x, y)) {
            return 1;
        }
        if (interrupted(&s)) {
            break;
        }
    }
    return result(&s);
}

uint64_t helper_x86_rep_scas(CpuState *cs, uint64_t word, uint64_t most)
{
    Str s = str_begin(cs, word, most);
    uint64_t x = s.cpu->gpr[X86_RAX];
    x = s.op.size == 8 ? x : x & ((UINT64_C(1) << (8 * s.op.size)) - 1);
    while (s.count) {
        uint64_t di = offset(&s, X86_RDI), va = 0, y;
        uint64_t n = s.down ? 0 : chunk(&s, X86_ES, di, s.count, &va), k = 0;
        void *q = bulk(&s, va, n, MMU_ACCESS_READ);
        if (q) {
            do {
                y = element(q, k, s.op.size);
                k++;
            } while (k < n && goes_on(&s, x, y));
        } else {
            y = load(&s, linear(&s, X86_ES, di, s.op.size, false));
            k = 1;
        }
        compare_flags(&s, x, y);
        advance(&s, k, false, true);
        if (!goes_on(&s, x, y)) {
            return 1;
        }
        if (interrupted(&s)) {
            break;
        }
    }
    return result(&s);
}

/* The destination is checked before the port is read: a read may have effects. */
uint64_t helper_x86_rep_ins(CpuState *cs, uint64_t word, uint64_t most)
{
    Str s = str_begin(cs, word, most);
    while (s.count) {
        uint64_t va = linear(&s, X86_ES, offset(&s, X86_RDI), s.op.size, true);
        cpu_probe_access(cs, va, s.op.size, MMU_ACCESS_WRITE, s.mmu);
        store(&s, va, helper_x86_io_in(cs, s.cpu->gpr[X86_RDX] & 0xffff, s.op.size));
        advance(&s, 1, false, true);
        if (interrupted(&s)) {
            break;
        }
    }
    return result(&s);
}

uint64_t helper_x86_rep_outs(CpuState *cs, uint64_t word, uint64_t most)
{
    Str s = str_begin(cs, word, most);
    while (s.count) {
        uint64_t va = linear(&s, s.op.seg, offset(&s, X86_RSI), s.op.size, false);
        uint64_t v = load(&s, va);
        helper_x86_io_out(cs, s.cpu->gpr[X86_RDX] & 0xffff, v, s.op.size);
        advance(&s, 1, true, false);
        if (interrupted(&s)) {
            break;
        }
    }
    return result(&s);
}
