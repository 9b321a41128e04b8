/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FXSAVE, FXRSTOR and the XSAVE family. Intel SDM vol. 1 ch. 13, vol. 2 (FXSAVE).
 *
 * An image is built in a buffer and written whole, or read whole and checked before a register
 * changes.
 */
#include "target/x86/fpu.h"
#include "target/x86/helper-sys.h"

#include "target/x86/seg-priv.h"

#define LEGACY_SIZE 512u
#define HEADER      512u
#define AVX_OFF     576u
#define AVX_SIZE    256u
#define PKRU_OFF    2688u
#define PKRU_SIZE   8u
#define AREA_MAX    (PKRU_OFF + PKRU_SIZE)
#define C_X87       1u
#define C_SSE       2u
#define C_AVX       4u
#define C_PKRU      (1u << 9)
#define MXCSR_MASK  0xffffu
#define COMPACT     (1ull << 63)

static void put(uint8_t *p, uint64_t v, unsigned size)
{
    memcpy(p, &v, size); /* the host is little-endian like the guest: checked at configure time */
}
static uint64_t get(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, p, size);
    return v;
}

static unsigned xmm_count(const X86Cpu *cpu)
{
    return cpu->mode & MODE_CS64 ? 16 : 8;
}

static void put_x87(const X86Cpu *cpu, uint8_t *a, bool wide)
{
    put(a, cpu->fpcw, 2);
    put(a + 2, cpu->fpsw | cpu->fp_top << 11, 2);
    put(a + 4, cpu->fp_valid, 2);
    put(a + 6, cpu->fp_opcode, 2);
    if (wide) {
        put(a + 8, cpu->fp_ip, 8);
        put(a + 16, cpu->fp_dp, 8);
    } else {
        put(a + 8, cpu->fp_ip, 4);
        put(a + 12, cpu->fp_cs, 4);
        put(a + 16, cpu->fp_dp, 4);
        put(a + 20, cpu->fp_ds, 4);
    }
    for (unsigned i = 0; i < 8; i++) {
        const X87Reg *r = &cpu->st[(cpu->fp_top + i) & 7];

        put(a + 32 + i * 16, r->mant, 8);
        put(a + 40 + i * 16, r->exp, 8);
    }
}

static void get_x87(X86Cpu *cpu, const uint8_t *a, bool wide)
{
    cpu->fpcw = (get(a, 2) & 0x1f7f) | 0x40;
    x87_set_status_word(cpu, get(a + 2, 2));
    cpu->fp_valid = get(a + 4, 1);
    cpu->fp_opcode = get(a + 6, 2) & 0x7ff;
    cpu->fp_ip = get(a + 8, wide ? 8 : 4);
    cpu->fp_dp = get(a + 16, wide ? 8 : 4);
    cpu->fp_cs = wide ? 0 : get(a + 12, 2);
    cpu->fp_ds = wide ? 0 : get(a + 20, 2);
    for (unsigned i = 0; i < 8; i++) {
        X87Reg *r = &cpu->st[(cpu->fp_top + i) & 7];

        r->mant = get(a + 32 + i * 16, 8);
        r->exp = get(a + 40 + i * 16, 2);
    }
}

static void init_x87(X86Cpu *cpu)
{
    x87_init(cpu);
    memset(cpu->st, 0, sizeof(cpu->st));
}

static void put_xmm(const X86Cpu *cpu, uint8_t *a)
{
    for (unsigned i = 0; i < xmm_count(cpu); i++) {
        memcpy(a + 160 + i * 16, cpu->ymm[i].b, 16);
    }
}

static void get_xmm(X86Cpu *cpu, const uint8_t *a)
{
    for (unsigned i = 0; i < xmm_count(cpu); i++) {
        if (a) {
            memcpy(cpu->ymm[i].b, a + 160 + i * 16, 16);
        } else {
            memset(cpu->ymm[i].b, 0, 16);
        }
    }
}

static void get_avx(X86Cpu *cpu, const uint8_t *a)
{
    for (unsigned i = 0; i < xmm_count(cpu); i++) {
        if (a) {
            memcpy(cpu->ymm[i].b + 16, a + i * 16, 16);
        } else {
            memset(cpu->ymm[i].b + 16, 0, 16);
        }
    }
}

static void set_pkru(X86Cpu *cpu, uint32_t v)
{
    if (cpu->pkru != v) {
        cpu->pkru = v;
        cpu_tlb_flush(&cpu->base);
    }
}

/* ---- FXSAVE ---- */

/* With EFER.FFXSR, 64-bit code in ring 0 leaves the XMM registers out. */
static bool fast_fx(const X86Cpu *cpu)
{
    return (cpu->efer & EFER_FFXSR) && (cpu->mode & MODE_CS64) && cpu_cpl(cpu) == 0;
}

uint64_t helper_x86_fxsave(CpuState *cs, uint64_t at, uint64_t wide)
{
    X86Cpu *cpu = x86_cpu(cs);
    unsigned mmu = mode_mmu(cpu->mode);
    uint8_t a[LEGACY_SIZE];

    if (at & 15) {
        x86_gp(cpu, 0);
    }
    cpu_ld_bytes(cs, at, a, sizeof(a), mmu); /* bytes 464.. and, fast, XMM stay as they are */
    put_x87(cpu, a, wide);
    put(a + 24, cpu->mxcsr, 4);
    put(a + 28, MXCSR_MASK, 4);
    if (!fast_fx(cpu)) {
        put_xmm(cpu, a);
    }
    cpu_st_bytes(cs, at, a, sizeof(a), mmu);
    return 0;
}

uint64_t helper_x86_fxrstor(CpuState *cs, uint64_t at, uint64_t wide)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint8_t a[LEGACY_SIZE];

    if (at & 15) {
        x86_gp(cpu, 0);
    }
    cpu_ld_bytes(cs, at, a, sizeof(a), mode_mmu(cpu->mode));
    if (get(a + 24, 4) & ~(uint64_t)MXCSR_MASK) {
        x86_gp(cpu, 0);
    }
    get_x87(cpu, a, wide);
    x86_set_mxcsr(cpu, get(a + 24, 4));
    if (!fast_fx(cpu)) {
        get_xmm(cpu, a);
    }
    return 0;
}

/* ---- XSAVE ---- */

static bool any_set(const void *p, size_t n)
{
    const uint8_t *b = p;

    while (n--) {
        if (b[n]) {
            return true;
        }
    }
    return false;
}

uint64_t x86_xinuse(const X86Cpu *cpu)
{
    uint64_t m = 0;

    if (cpu->fpcw != 0x37f || cpu->fpsw || cpu->fp_top || cpu->fp_valid || cpu->fp_ip ||
        cpu->fp_dp || cpu->fp_opcode || any_set(cpu->st, sizeof(cpu->st))) {
        m |= C_X87;
    }
    for (unsigned i = 0; i < 16; i++) {
        m |= any_set(cpu->ymm[i].b, 16) ? C_SSE : 0;
        m |= any_set(cpu->ymm[i].b + 16, 16) ? C_AVX : 0;
    }
    return m | (cpu->pkru ? C_PKRU : 0);
}

/* Where component @c lies in an area that holds @layout. */
static unsigned offset_of(uint64_t layout, bool compact, uint64_t c)
{
    if (c == C_AVX) {
        return AVX_OFF;
    }
    return !compact ? PKRU_OFF : AVX_OFF + (layout & C_AVX ? AVX_SIZE : 0);
}

static unsigned area_size(uint64_t layout, bool compact)
{
    if (layout & C_PKRU) {
        return offset_of(layout, compact, C_PKRU) + PKRU_SIZE;
    }
    return layout & C_AVX ? AVX_OFF + AVX_SIZE : AVX_OFF;
}

static void check_xsave(X86Cpu *cpu, uint64_t at)
{
    if (at & 63) {
        x86_gp(cpu, 0);
    }
}

static uint64_t requested(const X86Cpu *cpu, bool supervisor)
{
    uint64_t mask = (uint32_t)cpu->gpr[0] | cpu->gpr[2] << 32;

    return mask & (cpu->xcr0 | (supervisor ? cpu->sys.xss : 0));
}

static void put_components(X86Cpu *cpu, uint8_t *a, uint64_t layout, uint64_t which, bool compact,
                           bool wide)
{
    if (which & C_X87) {
        put_x87(cpu, a, wide);
    }
    if (which & C_SSE) {
        put_xmm(cpu, a);
    }
    if (which & C_AVX) {
        for (unsigned i = 0; i < xmm_count(cpu); i++) {
            memcpy(a + AVX_OFF + i * 16, cpu->ymm[i].b + 16, 16);
        }
    }
    if (which & C_PKRU) {
        put(a + offset_of(layout, compact, C_PKRU), cpu->pkru, 8);
    }
}

uint64_t helper_x86_xsave(CpuState *cs, uint64_t at, uint64_t wide, uint64_t kind)
{
    X86Cpu *cpu = x86_cpu(cs);
    unsigned mmu = mode_mmu(cpu->mode);
    bool compact = kind == XSAVE_COMPACT || kind == XSAVE_SUPERVISOR;
    uint64_t rfbm = requested(cpu, kind == XSAVE_SUPERVISOR), inuse = x86_xinuse(cpu) & rfbm;
    uint64_t write = kind == XSAVE_PLAIN ? rfbm : inuse;
    uint8_t a[AREA_MAX] = { 0 };
    unsigned size = area_size(rfbm, compact);

    check_xsave(cpu, at);
    cpu_ld_bytes(cs, at, a, size, mmu);
    if (compact && (rfbm & C_SSE) && cpu->mxcsr != 0x1f80) {
        inuse |= C_SSE;
        write |= C_SSE;
    }
    put_components(cpu, a, rfbm, write, compact, wide);
    if (compact ? write & C_SSE : rfbm & (C_SSE | C_AVX)) {
        put(a + 24, cpu->mxcsr, 4);
        put(a + 28, MXCSR_MASK, 4);
    }
    if (compact) {
        put(a + HEADER, inuse, 8);
        put(a + HEADER + 8, rfbm | COMPACT, 8);
    } else {
        put(a + HEADER, (get(a + HEADER, 8) & ~rfbm) | inuse, 8);
    }
    cpu_st_bytes(cs, at, a, size, mmu);
    return 0;
}

/* Header rules; returns the layout of the area. */
static uint64_t check_header(X86Cpu *cpu, const uint8_t *h, uint64_t allowed, bool need_compact)
{
    uint64_t bv = get(h, 8), comp = get(h + 8, 8);

    if (any_set(h + 16, comp & COMPACT ? 48 : 8)) {
        x86_gp(cpu, 0);
    }
    if (!(comp & COMPACT)) {
        if (need_compact || comp || (bv & ~allowed)) {
            x86_gp(cpu, 0);
        }
        return cpu->xcr0;
    }
    comp &= ~COMPACT;
    if ((comp & ~allowed) || (bv & ~comp) ||
        !(X86_HAS(cpu->sys.cfg, D_1_EAX, 1) || X86_HAS(cpu->sys.cfg, D_1_EAX, 3))) {
        x86_gp(cpu, 0);
    }
    return comp;
}

static void get_components(X86Cpu *cpu, const uint8_t *a, uint64_t layout, uint64_t rfbm,
                           uint64_t bv, bool compact, bool wide)
{
    if (rfbm & C_X87) {
        if (bv & C_X87) {
            get_x87(cpu, a, wide);
        } else {
            init_x87(cpu);
        }
    }
    if (rfbm & C_SSE) {
        get_xmm(cpu, bv & C_SSE ? a : NULL);
    }
    if (rfbm & C_AVX) {
        get_avx(cpu, bv & C_AVX ? a + AVX_OFF : NULL);
    }
    if (rfbm & C_PKRU) {
        set_pkru(cpu, bv & C_PKRU ? get(a + offset_of(layout, compact, C_PKRU), 4) : 0);
    }
}

uint64_t helper_x86_xrstor(CpuState *cs, uint64_t at, uint64_t wide, uint64_t kind)
{
    X86Cpu *cpu = x86_cpu(cs);
    unsigned mmu = mode_mmu(cpu->mode);
    bool supervisor = kind == XSAVE_SUPERVISOR;
    uint64_t rfbm = requested(cpu, supervisor), layout, bv;
    uint8_t a[AREA_MAX] = { 0 };
    bool compact, load_mxcsr;

    check_xsave(cpu, at);
    cpu_ld_bytes(cs, at, a, AVX_OFF, mmu);
    layout = check_header(cpu, a + HEADER, cpu->xcr0 | (supervisor ? cpu->sys.xss : 0), supervisor);
    bv = get(a + HEADER, 8);
    compact = get(a + HEADER + 8, 8) & COMPACT;
    unsigned size = area_size(layout & rfbm & bv, false);

    if (compact) {
        size = area_size(layout, true);
    }
    if (size > AVX_OFF) {
        cpu_ld_bytes(cs, at + AVX_OFF, a + AVX_OFF, size - AVX_OFF, mmu);
    }
    load_mxcsr = compact ? rfbm & bv & C_SSE : rfbm & (C_SSE | C_AVX);
    if (load_mxcsr && (get(a + 24, 4) & ~(uint64_t)MXCSR_MASK)) {
        x86_gp(cpu, 0);
    }
    get_components(cpu, a, layout, rfbm, bv, compact, wide);
    if (load_mxcsr) {
        x86_set_mxcsr(cpu, get(a + 24, 4));
    } else if (compact && (rfbm & C_SSE)) {
        x86_set_mxcsr(cpu, X86_MXCSR_DEFAULT);
    }
    return 0;
}
