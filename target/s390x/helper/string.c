/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Storage-to-storage and string instructions, in bulk: where an operand piece lies in one page of
 * plain RAM it is worked on through its host address, else through a buffer.
 *
 * The interruptible ones keep their progress in the general registers, piece by piece, before the
 * next access may fault; their helpers read and write state, so what they store in registers holds.
 */
#include <string.h>
#include "target/s390x/helper.h"

#define PIECE 4096u

/* Bytes from va to the end of its page. */
static uint64_t page_left(uint64_t va)
{
    return GUEST_PAGE_SIZE - (va & (GUEST_PAGE_SIZE - 1));
}

static bool in_page(uint64_t va, uint64_t n)
{
    return page_left(va) >= n;
}

/* Of the operands' addresses; 0: they are in two spaces and do not overlap. */
static uint64_t overlap_distance(CpuState *cs, uint64_t distance, unsigned mmu)
{
    return s390_same_space(s390_cpu(cs), mmu) ? distance : 0;
}

/* ---- MVC ---- */
/* What moving n bytes one by one from the left gives, when dst lies so far behind src in storage. */
static void move_left_to_right(uint8_t *dst, const uint8_t *src, uint64_t n, uint64_t distance)
{
    if (distance == 0 || distance >= n) {
        memmove(dst, src, n);
    } else if (distance == 1) {
        memset(dst, *src, n);
    } else {
        memmove(dst, src, distance);
        for (uint64_t done = distance; done < n; done *= 2) {
            memcpy(dst + done, dst, MIN(done, n - done));
        }
    }
}

uint64_t helper_s390_mvc(CpuState *cs, uint64_t dst, uint64_t src, uint64_t n, uint64_t mmu)
{
    unsigned mmu2 = s390_mmu_operand(mmu, 1);

    if (in_page(dst, n) && in_page(src, n)) {
        uint8_t *s = cpu_host_ptr(cs, src, n, MMU_ACCESS_READ, mmu2);
        uint8_t *d = s ? cpu_host_ptr(cs, dst, n, MMU_ACCESS_WRITE, mmu) : NULL;
        if (d) {
            move_left_to_right(d, s, n, (uintptr_t)d - (uintptr_t)s);
            return 0;
        }
    }
    uint8_t in[256], out[256];
    cpu_ld_bytes(cs, src, in, n, mmu2);
    move_left_to_right(out, in, n, overlap_distance(cs, dst - src, mmu));
    cpu_st_bytes(cs, dst, out, n, mmu);
    return 0;
}

/* ---- NC, OC, XC, MVN, MVZ, MVCIN ---- */
static uint8_t ss_byte(unsigned kind, uint8_t a, uint8_t b)
{
    switch (kind) {
    case 0: return a & b;
    case 1: return a | b;
    case 2: return a ^ b;
    case 3: return (a & 0xf0) | (b & 0x0f);
    case 4: return (a & 0x0f) | (b & 0xf0);
    default: return b;
    }
}

uint64_t helper_s390_ss(CpuState *cs, uint64_t dst, uint64_t src, uint64_t n, uint64_t how)
{
    unsigned kind = how & 0xff, mmu = how >> 8, mmu2 = s390_mmu_operand(mmu, 1);
    uint8_t a[256], b[256], any = 0;
    uint64_t distance = overlap_distance(cs, dst - src, mmu);

    if (kind == 2 && dst == src && s390_same_space(s390_cpu(cs), mmu) &&
        in_page(dst, n)) { /* the idiom that clears */
        uint8_t *p = cpu_host_ptr(cs, dst, n, MMU_ACCESS_WRITE, mmu);
        if (p) {
            memset(p, 0, n);
            return 0;
        }
    }
    if (kind == 5) { /* the second operand runs to the left */
        cpu_ld_bytes(cs, src - (n - 1), a, n, mmu2);
        for (uint64_t k = 0; k < n; k++) {
            b[k] = a[n - 1 - k];
        }
    } else {
        cpu_ld_bytes(cs, src, b, n, mmu2);
    }
    cpu_probe_access(cs, dst, n, MMU_ACCESS_WRITE, mmu);
    cpu_ld_bytes(cs, dst, a, n, mmu);
    for (uint64_t k = 0; k < n; k++) {
        uint8_t second = kind != 5 && distance && distance <= k ? a[k - distance] : b[k];
        a[k] = ss_byte(kind, a[k], second);
        any |= a[k];
    }
    cpu_st_bytes(cs, dst, a, n, mmu);
    return any != 0;
}

/* From the right: a byte that was stored before may be fetched. */
uint64_t helper_s390_mvcrl(CpuState *cs, uint64_t dst, uint64_t src, uint64_t n, uint64_t mmu)
{
    uint64_t distance = overlap_distance(cs, src - dst, mmu);
    uint8_t b[256];

    cpu_ld_bytes(cs, src, b, n, s390_mmu_operand(mmu, 1));
    for (uint64_t k = n; distance && distance < n && k-- > 0;) {
        b[k] = k + distance < n ? b[k + distance] : b[k];
    }
    cpu_probe_access(cs, dst, n, MMU_ACCESS_WRITE, mmu);
    cpu_st_bytes(cs, dst, b, n, mmu);
    return 0;
}

/* ---- compares ---- */
static unsigned order(int c)
{
    return c == 0 ? 0 : c < 0 ? 1 : 2;
}

/* A readable view of [va, va + n): the host's, or buf filled. */
static const uint8_t *view(CpuState *cs, uint64_t va, uint64_t n, unsigned mmu, uint8_t *buf)
{
    const uint8_t *p = in_page(va, n) ? cpu_host_ptr(cs, va, n, MMU_ACCESS_READ, mmu) : NULL;

    if (!p) {
        cpu_ld_bytes(cs, va, buf, n, mmu);
        p = buf;
    }
    return p;
}

uint64_t helper_s390_clc(CpuState *cs, uint64_t a1, uint64_t a2, uint64_t n, uint64_t mmu)
{
    uint8_t b1[256], b2[256];
    const uint8_t *p1 = view(cs, a1, n, mmu, b1);
    const uint8_t *p2 = view(cs, a2, n, s390_mmu_operand(mmu, 1), b2);

    return order(memcmp(p1, p2, n));
}

/* ---- translate ---- */
uint64_t helper_s390_tr(CpuState *cs, uint64_t a1, uint64_t table, uint64_t n, uint64_t mmu)
{
    uint8_t bytes[256];

    cpu_probe_access(cs, a1, n, MMU_ACCESS_WRITE, mmu);
    cpu_ld_bytes(cs, a1, bytes, n, mmu);
    for (uint64_t k = 0; k < n; k++) {
        bytes[k] = cpu_ld8(cs, table + bytes[k], s390_mmu_operand(mmu, 1));
    }
    cpu_st_bytes(cs, a1, bytes, n, mmu);
    return 0;
}

uint64_t helper_s390_trt(CpuState *cs, uint64_t a1, uint64_t table, uint64_t n, uint64_t backwards,
                         uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);

    for (uint64_t k = 0; k < n; k++) {
        uint64_t at = s390_cut(cpu, backwards ? a1 - k : a1 + k);
        uint64_t entry = s390_cut(cpu, table + cpu_ld8(cs, at, mmu));
        uint8_t f = cpu_ld8(cs, entry, s390_mmu_operand(mmu, 1));
        if (f) {
            uint64_t keep = cpu->psw_mask & PSW_EA   ? 0
                            : cpu->psw_mask & PSW_BA ? ~0x7fffffffull
                                                     : ~0xffffffull;
            cpu->gpr[1] = (cpu->gpr[1] & keep) | at;
            cpu->gpr[2] = (cpu->gpr[2] & ~0xffull) | f;
            return k == n - 1 ? 2 : 1;
        }
    }
    return 0;
}

/* ---- MVCL, CLCL: 24-bit lengths, the pad in the left byte of the last register ---- */
static uint64_t length24(const S390Cpu *cpu, unsigned r)
{
    return cpu->gpr[r] & 0xffffff;
}

static void set_length24(S390Cpu *cpu, unsigned r, uint64_t n)
{
    cpu->gpr[r] = (cpu->gpr[r] & ~0xffffffull) | n;
}

static void advance(S390Cpu *cpu, unsigned r, uint64_t n)
{
    s390_set_mode_reg(cpu, r, s390_cut(cpu, cpu->gpr[r] + n));
}

/* Copy one piece of the second operand that lies in one page on both sides; both pages are accessible. */
static void copy_piece(CpuState *cs, uint64_t dst, uint64_t src, uint64_t n, unsigned mmu)
{
    uint8_t buf[PIECE];
    const uint8_t *s = view(cs, src, n, s390_mmu_operand(mmu, 1), buf);
    uint8_t *d = cpu_host_ptr(cs, dst, n, MMU_ACCESS_WRITE, mmu);

    if (d) {
        memmove(d, s, n);
    } else {
        if (s != buf) {
            memcpy(buf, s, n);
        }
        cpu_st_bytes(cs, dst, buf, n, mmu);
    }
}

static void fill_piece(CpuState *cs, uint64_t dst, uint8_t pad, uint64_t n, unsigned mmu)
{
    uint8_t buf[PIECE];
    uint8_t *d = cpu_host_ptr(cs, dst, n, MMU_ACCESS_WRITE, mmu);

    if (d) {
        memset(d, pad, n);
    } else {
        memset(buf, pad, n);
        cpu_st_bytes(cs, dst, buf, n, mmu);
    }
}

uint64_t helper_s390_mvcl(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t n1 = length24(cpu, r1 + 1), n2 = length24(cpu, r2 + 1);
    uint8_t pad = cpu->gpr[r2 + 1] >> 24;
    unsigned cc = n1 == n2 ? 0 : n1 < n2 ? 1 : 2;
    uint64_t used = MIN(n1, n2), a1 = s390_cut(cpu, cpu->gpr[r1]), a2 = s390_cut(cpu, cpu->gpr[r2]);

    if (used > 1 && a1 > a2 && a1 < a2 + used && s390_same_space(cpu, mmu)) {
        return 3; /* destructive overlap: nothing is moved */
    }
    for (unsigned pieces = 0; n1; pieces++) {
        if (pieces == 16) {
            return 4;
        }
        uint64_t n = MIN(n1, page_left(s390_cut(cpu, cpu->gpr[r1])));
        uint64_t dst = s390_cut(cpu, cpu->gpr[r1]), src = s390_cut(cpu, cpu->gpr[r2]);
        if (n2) {
            n = MIN(n, MIN(n2, page_left(src)));
            copy_piece(cs, dst, src, n, mmu);
            n2 -= n;
            advance(cpu, r2, n);
            set_length24(cpu, r2 + 1, n2);
        } else {
            fill_piece(cs, dst, pad, n, mmu);
        }
        n1 -= n;
        advance(cpu, r1, n);
        set_length24(cpu, r1 + 1, n1);
    }
    return cc;
}

uint64_t helper_s390_clcl(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t pad = cpu->gpr[r2 + 1] >> 24;
    unsigned mmu2 = s390_mmu_operand(mmu, 1);

    for (unsigned k = 0; k < 4 * PIECE; k++) {
        uint64_t n1 = length24(cpu, r1 + 1), n2 = length24(cpu, r2 + 1);
        if (!n1 && !n2) {
            return 0;
        }
        uint8_t a = n1 ? cpu_ld8(cs, s390_cut(cpu, cpu->gpr[r1]), mmu) : pad;
        uint8_t b = n2 ? cpu_ld8(cs, s390_cut(cpu, cpu->gpr[r2]), mmu2) : pad;
        if (a != b) {
            return a < b ? 1 : 2;
        }
        if (n1) {
            advance(cpu, r1, 1);
            set_length24(cpu, r1 + 1, n1 - 1);
        }
        if (n2) {
            advance(cpu, r2, 1);
            set_length24(cpu, r2 + 1, n2 - 1);
        }
    }
    return 4;
}

/* ---- MVCLE, CLCLE and their two-byte forms: code 3 after an amount of our choice ---- */
uint64_t helper_s390_mvcle(CpuState *cs, uint64_t regs, uint64_t pad, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned r1 = regs & 15, r3 = regs >> 4 & 15;
    bool wide = regs >> 8 & 1;
    uint64_t n1 = s390_mode_reg(cpu, r1 + 1), n3 = s390_mode_reg(cpu, r3 + 1);
    unsigned cc = n1 == n3 ? 0 : n1 < n3 ? 1 : 2;

    if (wide && ((n1 | n3) & 1)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    for (unsigned pieces = 0; n1; pieces++) {
        if (pieces == 16) {
            return 3;
        }
        uint64_t dst = s390_cut(cpu, cpu->gpr[r1]), src = s390_cut(cpu, cpu->gpr[r3]);
        uint64_t n = MIN(n1, page_left(dst));
        if (n3) {
            n = MIN(n, MIN(n3, page_left(src)));
            copy_piece(cs, dst, src, n, mmu);
            n3 -= n;
            advance(cpu, r3, n);
            s390_set_mode_reg(cpu, r3 + 1, n3);
        } else if (wide) {
            n = 2;
            cpu_st16be(cs, dst, pad, mmu);
        } else {
            fill_piece(cs, dst, pad, n, mmu);
        }
        n1 -= n;
        advance(cpu, r1, n);
        s390_set_mode_reg(cpu, r1 + 1, n1);
    }
    return cc;
}

static unsigned fetch_unit(CpuState *cs, uint64_t va, bool wide, unsigned mmu)
{
    return wide ? cpu_ld16be(cs, va, mmu) : cpu_ld8(cs, va, mmu);
}

uint64_t helper_s390_clcle(CpuState *cs, uint64_t regs, uint64_t pad, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    unsigned r1 = regs & 15, r3 = regs >> 4 & 15, step = regs >> 8 & 1 ? 2 : 1;
    unsigned fill = step == 2 ? pad & 0xffff : pad & 0xff, mmu2 = s390_mmu_operand(mmu, 1);

    if (step == 2 && ((s390_mode_reg(cpu, r1 + 1) | s390_mode_reg(cpu, r3 + 1)) & 1)) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
    for (unsigned k = 0; k < PIECE; k++) {
        uint64_t n1 = s390_mode_reg(cpu, r1 + 1), n3 = s390_mode_reg(cpu, r3 + 1);
        if (!n1 && !n3) {
            return 0;
        }
        unsigned a = n1 ? fetch_unit(cs, s390_cut(cpu, cpu->gpr[r1]), step == 2, mmu) : fill;
        unsigned b = n3 ? fetch_unit(cs, s390_cut(cpu, cpu->gpr[r3]), step == 2, mmu2) : fill;
        if (a != b) {
            return a < b ? 1 : 2;
        }
        if (n1) {
            advance(cpu, r1, step);
            s390_set_mode_reg(cpu, r1 + 1, n1 - step);
        }
        if (n3) {
            advance(cpu, r3, step);
            s390_set_mode_reg(cpu, r3 + 1, n3 - step);
        }
    }
    return 3;
}

/* ---- strings that end with the character in register 0 ---- */
static void check_r0(S390Cpu *cpu, uint64_t allowed)
{
    if ((uint32_t)cpu->gpr[0] & ~allowed) {
        s390_program(cpu, PGM_SPECIFICATION);
    }
}

uint64_t helper_s390_mvst(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t end = cpu->gpr[0], buf[PIECE];

    check_r0(cpu, 0xff);
    for (unsigned pieces = 0; pieces < 16; pieces++) {
        uint64_t dst = s390_cut(cpu, cpu->gpr[r1]), src = s390_cut(cpu, cpu->gpr[r2]);
        uint64_t n = MIN(page_left(dst), page_left(src));
        const uint8_t *s = view(cs, src, n, s390_mmu_operand(mmu, 1), buf), *e = memchr(s, end, n);
        if (e) {
            n = e - s + 1;
        }
        copy_piece(cs, dst, src, n, mmu);
        if (e) {
            s390_set_mode_reg(cpu, r1, s390_cut(cpu, dst + n - 1));
            return 1;
        }
        advance(cpu, r1, n);
        advance(cpu, r2, n);
    }
    return 3;
}

uint64_t helper_s390_clst(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t end = cpu->gpr[0], buf1[PIECE], buf2[PIECE];
    uint64_t start1 = cpu->gpr[r1], start2 = cpu->gpr[r2];

    check_r0(cpu, 0xff);
    for (unsigned pieces = 0; pieces < 16; pieces++) {
        uint64_t a1 = s390_cut(cpu, cpu->gpr[r1]), a2 = s390_cut(cpu, cpu->gpr[r2]);
        uint64_t n = MIN(page_left(a1), page_left(a2));
        const uint8_t *p1 = view(cs, a1, n, mmu, buf1);
        const uint8_t *p2 = view(cs, a2, n, s390_mmu_operand(mmu, 1), buf2);
        for (uint64_t k = 0; k < n; k++) {
            if (p1[k] == p2[k] && p1[k] != end) {
                continue;
            }
            if (p1[k] == p2[k]) { /* both ended: the registers are as they were */
                cpu->gpr[r1] = start1;
                cpu->gpr[r2] = start2;
                return 0;
            }
            advance(cpu, r1, k);
            advance(cpu, r2, k);
            return p1[k] == end ? 1 : p2[k] == end ? 2 : p1[k] < p2[k] ? 1 : 2;
        }
        advance(cpu, r1, n);
        advance(cpu, r2, n);
    }
    return 3;
}

uint64_t helper_s390_srst(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t stop = s390_cut(cpu, cpu->gpr[r1]);
    uint8_t c = cpu->gpr[0], buf[PIECE];

    check_r0(cpu, 0xff);
    for (unsigned pieces = 0; pieces < 16; pieces++) {
        uint64_t at = s390_cut(cpu, cpu->gpr[r2]), n = page_left(at);
        if (stop - at < n) {
            n = stop - at;
        }
        if (!n) {
            return 2;
        }
        const uint8_t *s = view(cs, at, n, mmu, buf), *e = memchr(s, c, n);
        if (e) {
            s390_set_mode_reg(cpu, r1, s390_cut(cpu, at + (e - s)));
            return 1;
        }
        if (at + n == stop) {
            return 2;
        }
        advance(cpu, r2, n);
    }
    return 3;
}

uint64_t helper_s390_srstu(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t stop = s390_cut(cpu, cpu->gpr[r1]), at = s390_cut(cpu, cpu->gpr[r2]);
    uint16_t c = cpu->gpr[0];

    check_r0(cpu, 0xffff);
    for (unsigned k = 0; k < PIECE; k++, at = s390_cut(cpu, at + 2)) {
        if (at == stop || at + 1 == stop) {
            return 2;
        }
        if (cpu_ld16be(cs, at, mmu) == c) {
            s390_set_mode_reg(cpu, r1, at);
            return 1;
        }
    }
    s390_set_mode_reg(cpu, r2, at);
    return 3;
}

/* ---- CHECKSUM: 32-bit one's-complement sum ---- */
uint64_t helper_s390_cksm(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint64_t sum = (uint32_t)cpu->gpr[r1], at = s390_cut(cpu, cpu->gpr[r2]);
    uint64_t n = s390_mode_reg(cpu, r2 + 1), left = MIN(n, PIECE), done = left;

    while (left) {
        uint8_t word[4] = { 0 };
        unsigned k = MIN(left, 4u);
        cpu_ld_bytes(cs, at, word, k, mmu);
        sum += (uint32_t)word[0] << 24 | word[1] << 16 | word[2] << 8 | word[3];
        sum = (uint32_t)sum + (sum >> 32);
        at = s390_cut(cpu, at + k);
        left -= k;
    }
    cpu->gpr[r1] = (cpu->gpr[r1] & ~0xffffffffull) | (uint32_t)sum;
    advance(cpu, r2, done);
    s390_set_mode_reg(cpu, r2 + 1, n - done);
    return n == done ? 0 : 3;
}

/* ---- TRANSLATE EXTENDED: up to the test byte ---- */
uint64_t helper_s390_tre(CpuState *cs, uint64_t r1, uint64_t r2, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    uint8_t test = cpu->gpr[0];
    uint64_t table = s390_cut(cpu, cpu->gpr[r2]);

    for (unsigned k = 0; k < PIECE; k++) {
        uint64_t at = s390_cut(cpu, cpu->gpr[r1]), n = s390_mode_reg(cpu, r1 + 1);
        if (!n) {
            return 0;
        }
        uint8_t b = cpu_ld8(cs, at, mmu);
        if (b == test) {
            return 1;
        }
        cpu_st8(cs, at, cpu_ld8(cs, s390_cut(cpu, table + b), s390_mmu_operand(mmu, 1)), mmu);
        advance(cpu, r1, 1);
        s390_set_mode_reg(cpu, r1 + 1, n - 1);
    }
    return 3;
}
