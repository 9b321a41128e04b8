/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The buffer, labels, addressing forms and the general-register instructions. Encodings are from the
 * Intel SDM, volume 2: a row of constants a function, all through op_rm().
 */
#include <string.h>
#include "exec/ir/ir-priv.h"
#include "asm.h"

#define INSN_MAX 16 /* bytes; an instruction has at most 15 */

typedef struct Fixup {
    uint32_t at;   /* offset of the field */
    uint8_t size;  /* 1 or 4 */
    uint8_t trail; /* bytes of the instruction after the field */
    AsmLabel label;
} Fixup;

/* ---- the buffer ---- */

#define ROOM 1024 /* labels and fixups for which appending is a store */

void asm_init(AsmBuf *a)
{
    *a = (AsmBuf){ .labels = g_array_sized_new(FALSE, FALSE, sizeof(int64_t), ROOM),
                   .fixups = g_array_sized_new(FALSE, FALSE, sizeof(Fixup), ROOM) };
}

void asm_clear(AsmBuf *a)
{
    g_array_free(a->labels, TRUE);
    g_array_free(a->fixups, TRUE);
    *a = (AsmBuf){ 0 };
}

void asm_begin(AsmBuf *a, uint8_t *start, size_t size, uint64_t run_at)
{
    a->start = a->p = start;
    a->end = start + size;
    a->run_at = run_at;
    a->overflow = false;
    a->labels->len = 0;
    a->fixups->len = 0;
}

bool asm_room(AsmBuf *a)
{
    a->overflow |= a->end - a->p < INSN_MAX;
    return !a->overflow;
}

static void put8(AsmBuf *a, uint8_t v)
{
    *a->p++ = v;
}

/* Little-endian, as this host is. */
static uint8_t *le32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
    return p + 4;
}

static void put_le(AsmBuf *a, uint64_t v, unsigned bytes)
{
    uint8_t *p = a->p;

    if (bytes == 4) {
        p = le32(p, (uint32_t)v);
    } else {
        for (unsigned i = 0; i < bytes; i++) {
            *p++ = v >> 8 * i;
        }
    }
    a->p = p;
}

void asm_byte(AsmBuf *a, uint8_t v)
{
    if (asm_room(a)) {
        put8(a, v);
    }
}

void asm_data(AsmBuf *a, const void *p, size_t n)
{
    if (a->overflow || (size_t)(a->end - a->p) < n) {
        a->overflow = true;
        return;
    }
    memcpy(a->p, p, n);
    a->p += n;
}

void asm_align(AsmBuf *a, unsigned to)
{
    asm_nop(a, -asm_here(a) & (to - 1));
}

static int64_t distance(const AsmBuf *a, uint64_t target)
{
    return (int64_t)(target - asm_here(a));
}

bool asm_reachable(const AsmBuf *a, uint64_t addr)
{
    int64_t d0 = (int64_t)(addr - a->run_at);
    int64_t d1 = d0 - (a->end - a->start);

    return d0 == (int32_t)d0 && d1 == (int32_t)d1;
}

/* ---- labels ---- */

AsmLabel asm_label(AsmBuf *a)
{
    int64_t none = -1;

    ir_push(a->labels, ROOM, int64_t, none);
    return a->labels->len - 1;
}

static int64_t label_offset(const AsmBuf *a, AsmLabel l)
{
    return g_array_index(a->labels, int64_t, l);
}

void asm_bind(AsmBuf *a, AsmLabel l)
{
    g_assert(label_offset(a, l) < 0);
    g_array_index(a->labels, int64_t, l) = asm_size(a);
}

uint64_t asm_label_addr(const AsmBuf *a, AsmLabel l)
{
    g_assert(label_offset(a, l) >= 0);
    return a->run_at + label_offset(a, l);
}

/* The field is written as zero and filled by asm_finish. */
static void put_fixup(AsmBuf *a, AsmLabel l, unsigned size, unsigned trail)
{
    Fixup f = { .at = asm_size(a), .size = size, .trail = trail, .label = l };

    ir_push(a->fixups, ROOM, Fixup, f);
    put_le(a, 0, size);
}

bool asm_finish(AsmBuf *a)
{
    if (a->overflow) {
        return false;
    }
    for (unsigned k = 0; k < a->fixups->len; k++) {
        const Fixup *f = &g_array_index(a->fixups, Fixup, k);
        int64_t target = label_offset(a, f->label);
        int64_t rel = target - (f->at + f->size + f->trail);
        g_assert(target >= 0 && (f->size == 4 || rel == (int8_t)rel));
        if (f->size == 4) {
            le32(a->start + f->at, rel);
        } else {
            a->start[f->at] = rel;
        }
    }
    a->fixups->len = 0;
    return true;
}

/* ---- operands ---- */

static void put_rel32(AsmBuf *a, uint64_t target, unsigned trail)
{
    int64_t d = distance(a, target) - 4 - trail;

    a->overflow |= d != (int32_t)d;
    put_le(a, d, 4);
}

/* Writes from p on and returns where that ends: for all the compiler knows each byte might change the
 * buffer's own fields, which it would then read anew. */
static uint8_t *sib_mem(uint8_t *p, unsigned reg, const AsmRm *m)
{
    unsigned r = (reg & 7) << 3, base = m->base & 7;
    bool none = m->base == ASM_NO_REG;
    unsigned mod;

    /* mod 0 with base 101 (rbp, r13) means a bare disp32, so those take a zero disp8. */
    if (none) {
        mod = 0;
    } else if (m->disp == 0 && base != 5) {
        mod = 0;
    } else {
        mod = m->disp == (int8_t)m->disp ? 1 : 2;
    }
    if (none || m->index != ASM_NO_REG || base == 4) {
        unsigned index = m->index == ASM_NO_REG ? 4 : m->index & 7;
        g_assert(m->index != RSP);
        *p++ = mod << 6 | r | 4;
        *p++ = m->lg_scale << 6 | index << 3 | (none ? 5 : base);
    } else {
        *p++ = mod << 6 | r | base;
    }
    if (none || mod == 2) {
        p = le32(p, m->disp);
    } else if (mod == 1) {
        *p++ = m->disp;
    }
    return p;
}

void asm_modrm(AsmBuf *a, unsigned reg, AsmRm rm, unsigned trail)
{
    switch (rm.kind) {
    case ASM_RM_REG: put8(a, 0xc0 | (reg & 7) << 3 | (rm.base & 7)); break;
    case ASM_RM_MEM: a->p = sib_mem(a->p, reg, &rm); break;
    case ASM_RM_ABS:
        put8(a, (reg & 7) << 3 | 5);
        put_rel32(a, rm.addr, trail);
        break;
    case ASM_RM_LABEL:
        put8(a, (reg & 7) << 3 | 5);
        put_fixup(a, rm.label, 4, trail);
        break;
    }
}

/* ---- the general encoder ---- */

enum {
    /* bits of `op` below: opcode byte, map, mandatory prefix, and what else */
    M_0F = 1 << 8,
    M_0F38 = 2 << 8,
    P_66 = 1 << 12,
    P_F3 = 2 << 12,
    P_F2 = 3 << 12,
    O_BYTE_REG = 1 << 16, /* reg is a byte register */
    O_BYTE_RM = 1 << 17,
};

static unsigned high(uint8_t reg)
{
    return reg != ASM_NO_REG && reg & 8;
}

static uint8_t *rex_byte(uint8_t *p, unsigned op, bool w, unsigned reg, const AsmRm *rm)
{
    bool mem = rm->kind == ASM_RM_MEM, is_reg = rm->kind == ASM_RM_REG;
    unsigned rex = w << 3 | (reg & 8 ? 4 : 0);

    if (mem && high(rm->index)) {
        rex |= 2;
    }
    if ((mem || is_reg) && high(rm->base)) {
        rex |= 1;
    }
    /* spl, bpl, sil, dil exist only with a REX prefix */
    bool low = (op & O_BYTE_REG && reg >= 4) || (op & O_BYTE_RM && is_reg && rm->base >= 4);
    if (rex || low) {
        *p++ = 0x40 | rex;
    }
    return p;
}

/* Prefixes, opcode, ModRM. size 2 takes 66, size 8 REX.W. `trail`: immediate bytes to come.
 * False: no room, nothing written. */
static bool op_rm(AsmBuf *a, unsigned op, unsigned size, unsigned reg, AsmRm rm, unsigned trail)
{
    static const uint8_t prefix[4] = { 0, 0x66, 0xf3, 0xf2 };
    unsigned pp = op >> 12 & 3, map = op >> 8 & 3;
    uint8_t *p = a->p;

    if (a->end - p < INSN_MAX) {
        a->overflow = true;
    }
    if (a->overflow) {
        return false;
    }
    if (size == 2) {
        *p++ = 0x66;
    }
    if (pp) {
        *p++ = prefix[pp];
    }
    p = rex_byte(p, op, size == 8, reg, &rm);
    if (map) {
        *p++ = 0x0f;
    }
    if (map == 2) {
        *p++ = 0x38;
    }
    *p++ = op;
    if (rm.kind == ASM_RM_REG) {
        *p++ = 0xc0 | (reg & 7) << 3 | (rm.base & 7);
        a->p = p;
    } else if (rm.kind == ASM_RM_MEM) {
        a->p = sib_mem(p, reg, &rm);
    } else {
        a->p = p;
        asm_modrm(a, reg, rm, trail);
    }
    return true;
}

/* An opcode whose low bit says "not a byte". */
static unsigned sized(unsigned op, unsigned size, unsigned byte_flags)
{
    return size == 1 ? op | byte_flags : op | 1;
}

static unsigned imm_bytes(unsigned size)
{
    return size > 4 ? 4 : size;
}

/* ---- moves ---- */

void asm_mov(AsmBuf *a, unsigned size, AsmReg d, AsmRm s)
{
    op_rm(a, sized(0x8a, size, O_BYTE_REG | O_BYTE_RM), size, d, s, 0);
}

void asm_store(AsmBuf *a, unsigned size, AsmRm d, AsmReg s)
{
    op_rm(a, sized(0x88, size, O_BYTE_REG | O_BYTE_RM), size, s, d, 0);
}

void asm_store_imm(AsmBuf *a, unsigned size, AsmRm d, int32_t v)
{
    if (op_rm(a, sized(0xc6, size, O_BYTE_RM), size, 0, d, imm_bytes(size))) {
        put_le(a, (uint32_t)v, imm_bytes(size));
    }
}

void asm_mov_imm(AsmBuf *a, AsmReg d, uint64_t v)
{
    if (v == (uint32_t)v) {
        if (asm_room(a)) {
            if (d & 8) {
                put8(a, 0x41);
            }
            put8(a, 0xb8 | (d & 7));
            put_le(a, v, 4);
        }
    } else if ((int64_t)v == (int32_t)v) {
        asm_store_imm(a, 8, asm_reg(d), (int32_t)v);
    } else {
        asm_mov_imm64(a, d, v);
    }
}

void asm_mov_imm64(AsmBuf *a, AsmReg d, uint64_t v)
{
    if (asm_room(a)) {
        put8(a, 0x48 | (d & 8 ? 1 : 0));
        put8(a, 0xb8 | (d & 7));
        put_le(a, v, 8);
    }
}

void asm_movzx(AsmBuf *a, unsigned from, AsmReg d, AsmRm s)
{
    if (from == 4) {
        asm_mov(a, 4, d, s);
    } else {
        op_rm(a, M_0F | (from == 1 ? 0xb6 | O_BYTE_RM : 0xb7), 4, d, s, 0);
    }
}

void asm_movsx(AsmBuf *a, unsigned to, unsigned from, AsmReg d, AsmRm s)
{
    if (from == 4) {
        op_rm(a, 0x63, to, d, s, 0);
    } else {
        op_rm(a, M_0F | (from == 1 ? 0xbe | O_BYTE_RM : 0xbf), to, d, s, 0);
    }
}

void asm_lea(AsmBuf *a, unsigned size, AsmReg d, AsmRm m)
{
    op_rm(a, 0x8d, size, d, m, 0);
}

void asm_movbe_load(AsmBuf *a, unsigned size, AsmReg d, AsmRm m)
{
    op_rm(a, M_0F38 | 0xf0, size, d, m, 0);
}

void asm_movbe_store(AsmBuf *a, unsigned size, AsmRm m, AsmReg s)
{
    op_rm(a, M_0F38 | 0xf1, size, s, m, 0);
}

/* opcode + register in its low bits */
static void op_low(AsmBuf *a, unsigned op, unsigned size, AsmReg r)
{
    if (!asm_room(a)) {
        return;
    }
    if (size == 8 || r & 8) {
        put8(a, 0x40 | (size == 8) << 3 | (r & 8 ? 1 : 0));
    }
    if (op & M_0F) {
        put8(a, 0x0f);
    }
    put8(a, op | (r & 7));
}

void asm_bswap(AsmBuf *a, unsigned size, AsmReg d)
{
    op_low(a, M_0F | 0xc8, size, d);
}

void asm_cmov(AsmBuf *a, AsmCc cc, unsigned size, AsmReg d, AsmRm s)
{
    op_rm(a, M_0F | 0x40 | cc, size, d, s, 0);
}

void asm_setcc(AsmBuf *a, AsmCc cc, AsmRm d)
{
    op_rm(a, M_0F | O_BYTE_RM | 0x90 | cc, 1, 0, d, 0);
}

void asm_xchg(AsmBuf *a, unsigned size, AsmRm d, AsmReg s)
{
    op_rm(a, sized(0x86, size, O_BYTE_REG | O_BYTE_RM), size, s, d, 0);
}

void asm_push(AsmBuf *a, AsmReg r)
{
    op_low(a, 0x50, 4, r);
}

void asm_pop(AsmBuf *a, AsmReg r)
{
    op_low(a, 0x58, 4, r);
}

void asm_push_rm(AsmBuf *a, AsmRm s)
{
    op_rm(a, 0xff, 4, 6, s, 0);
}

void asm_pop_rm(AsmBuf *a, AsmRm d)
{
    op_rm(a, 0x8f, 4, 0, d, 0);
}

/* ---- arithmetic ---- */

void asm_alu(AsmBuf *a, AsmAlu op, unsigned size, AsmReg d, AsmRm s)
{
    op_rm(a, sized(op << 3 | 2, size, O_BYTE_REG | O_BYTE_RM), size, d, s, 0);
}

void asm_alu_store(AsmBuf *a, AsmAlu op, unsigned size, AsmRm d, AsmReg s)
{
    op_rm(a, sized(op << 3, size, O_BYTE_REG | O_BYTE_RM), size, s, d, 0);
}

void asm_alu_imm(AsmBuf *a, AsmAlu op, unsigned size, AsmRm d, int32_t v)
{
    if (size == 1) {
        if (op_rm(a, 0x80 | O_BYTE_RM, 1, op, d, 1)) {
            put8(a, v);
        }
    } else if (v == (int8_t)v || (size == 2 && (int16_t)v == (int8_t)v)) {
        if (op_rm(a, 0x83, size, op, d, 1)) {
            put8(a, v);
        }
    } else if (op_rm(a, 0x81, size, op, d, imm_bytes(size))) {
        put_le(a, (uint32_t)v, imm_bytes(size));
    }
}

void asm_test(AsmBuf *a, unsigned size, AsmRm d, AsmReg s)
{
    op_rm(a, sized(0x84, size, O_BYTE_REG | O_BYTE_RM), size, s, d, 0);
}

void asm_test_imm(AsmBuf *a, unsigned size, AsmRm d, int32_t v)
{
    if (op_rm(a, sized(0xf6, size, O_BYTE_RM), size, 0, d, imm_bytes(size))) {
        put_le(a, (uint32_t)v, imm_bytes(size));
    }
}

void asm_imul(AsmBuf *a, unsigned size, AsmReg d, AsmRm s)
{
    op_rm(a, M_0F | 0xaf, size, d, s, 0);
}

void asm_imul_imm(AsmBuf *a, unsigned size, AsmReg d, AsmRm s, int32_t v)
{
    if (v == (int8_t)v) {
        if (op_rm(a, 0x6b, size, d, s, 1)) {
            put8(a, v);
        }
    } else if (op_rm(a, 0x69, size, d, s, imm_bytes(size))) {
        put_le(a, (uint32_t)v, imm_bytes(size));
    }
}

void asm_unary(AsmBuf *a, AsmUnary op, unsigned size, AsmRm d)
{
    op_rm(a, sized(0xf6, size, O_BYTE_RM), size, op, d, 0);
}

void asm_inc(AsmBuf *a, unsigned size, AsmRm d)
{
    op_rm(a, sized(0xfe, size, O_BYTE_RM), size, 0, d, 0);
}

void asm_dec(AsmBuf *a, unsigned size, AsmRm d)
{
    op_rm(a, sized(0xfe, size, O_BYTE_RM), size, 1, d, 0);
}

void asm_shift_imm(AsmBuf *a, AsmShift op, unsigned size, AsmRm d, unsigned n)
{
    if (n == 1) {
        op_rm(a, sized(0xd0, size, O_BYTE_RM), size, op, d, 0);
    } else if (op_rm(a, sized(0xc0, size, O_BYTE_RM), size, op, d, 1)) {
        put8(a, n);
    }
}

void asm_shift_cl(AsmBuf *a, AsmShift op, unsigned size, AsmRm d)
{
    op_rm(a, sized(0xd2, size, O_BYTE_RM), size, op, d, 0);
}

void asm_shld_imm(AsmBuf *a, unsigned size, AsmRm d, AsmReg s, unsigned n)
{
    if (op_rm(a, M_0F | 0xa4, size, s, d, 1)) {
        put8(a, n);
    }
}

void asm_shrd_imm(AsmBuf *a, unsigned size, AsmRm d, AsmReg s, unsigned n)
{
    if (op_rm(a, M_0F | 0xac, size, s, d, 1)) {
        put8(a, n);
    }
}

void asm_count(AsmBuf *a, AsmCount op, unsigned size, AsmReg d, AsmRm s)
{
    static const unsigned code[] = {
        [CNT_BSF] = M_0F | 0xbc,           [CNT_BSR] = M_0F | 0xbd,
        [CNT_TZCNT] = M_0F | P_F3 | 0xbc,  [CNT_LZCNT] = M_0F | P_F3 | 0xbd,
        [CNT_POPCNT] = M_0F | P_F3 | 0xb8,
    };

    op_rm(a, code[op], size, d, s, 0);
}

void asm_bit_imm(AsmBuf *a, AsmBit op, unsigned size, AsmRm d, unsigned n)
{
    if (op_rm(a, M_0F | 0xba, size, op, d, 1)) {
        put8(a, n);
    }
}

void asm_bit(AsmBuf *a, AsmBit op, unsigned size, AsmRm d, AsmReg n)
{
    op_rm(a, M_0F | 0x83 | op << 3, size, n, d, 0);
}

void asm_cdq(AsmBuf *a, unsigned size)
{
    if (asm_room(a)) {
        if (size != 4) {
            put8(a, size == 8 ? 0x48 : 0x66);
        }
        put8(a, 0x99);
    }
}

/* ---- atomic ---- */

void asm_lock(AsmBuf *a)
{
    asm_byte(a, 0xf0);
}

void asm_xadd(AsmBuf *a, unsigned size, AsmRm d, AsmReg s)
{
    op_rm(a, M_0F | sized(0xc0, size, O_BYTE_REG | O_BYTE_RM), size, s, d, 0);
}

void asm_cmpxchg(AsmBuf *a, unsigned size, AsmRm d, AsmReg s)
{
    op_rm(a, M_0F | sized(0xb0, size, O_BYTE_REG | O_BYTE_RM), size, s, d, 0);
}

void asm_cmpxchg16b(AsmBuf *a, AsmRm d)
{
    op_rm(a, M_0F | 0xc7, 8, 1, d, 0);
}

/* ---- control ---- */

/* Short if bound and near; forward as `field` bytes says. */
static void jump(AsmBuf *a, unsigned op8, unsigned op32, AsmLabel l, unsigned field)
{
    int64_t to = label_offset(a, l);
    int64_t rel = to - ((int64_t)asm_size(a) + 2);

    if (!asm_room(a)) {
        return;
    }
    if (to >= 0 && rel == (int8_t)rel) {
        put8(a, op8);
        put8(a, rel);
    } else if (field == 1) {
        put8(a, op8);
        put_fixup(a, l, 1, 0);
    } else {
        if (op32 & M_0F) {
            put8(a, 0x0f);
        }
        put8(a, op32);
        put_fixup(a, l, 4, 0);
    }
}

void asm_jmp(AsmBuf *a, AsmLabel l)
{
    jump(a, 0xeb, 0xe9, l, 4);
}

void asm_jcc(AsmBuf *a, AsmCc cc, AsmLabel l)
{
    jump(a, 0x70 | cc, M_0F | 0x80 | cc, l, 4);
}

void asm_jmp_short(AsmBuf *a, AsmLabel l)
{
    jump(a, 0xeb, 0xe9, l, 1);
}

void asm_jcc_short(AsmBuf *a, AsmCc cc, AsmLabel l)
{
    jump(a, 0x70 | cc, M_0F | 0x80 | cc, l, 1);
}

void asm_call(AsmBuf *a, AsmLabel l)
{
    if (asm_room(a)) {
        put8(a, 0xe8);
        put_fixup(a, l, 4, 0);
    }
}

static void jump_abs(AsmBuf *a, unsigned op, uint64_t addr)
{
    if (!asm_room(a)) {
        return;
    }
    if (op & M_0F) {
        put8(a, 0x0f);
    }
    put8(a, op);
    put_rel32(a, addr, 0);
}

void asm_jmp_abs(AsmBuf *a, uint64_t addr)
{
    jump_abs(a, 0xe9, addr);
}

void asm_jcc_abs(AsmBuf *a, AsmCc cc, uint64_t addr)
{
    jump_abs(a, M_0F | 0x80 | cc, addr);
}

void asm_call_abs(AsmBuf *a, uint64_t addr)
{
    jump_abs(a, 0xe8, addr);
}

void asm_jmp_rm(AsmBuf *a, AsmRm s)
{
    op_rm(a, 0xff, 4, 4, s, 0);
}

void asm_call_rm(AsmBuf *a, AsmRm s)
{
    op_rm(a, 0xff, 4, 2, s, 0);
}

void asm_ret(AsmBuf *a)
{
    asm_byte(a, 0xc3);
}

bool asm_patch_rel32(uint8_t *field, uint64_t run_at, uint64_t target)
{
    int64_t d = (int64_t)(target - (run_at + 4));

    if (d != (int32_t)d) {
        return false;
    }
    int32_t v = (int32_t)d;
    memcpy(field, &v, 4);
    return true;
}

/* ---- the rest ---- */

void asm_plain(AsmBuf *a, AsmPlain which)
{
    static const char *const code[ASM_PLAIN_COUNT] = {
        [ASM_NOP] = "\x90",
        [ASM_UD2] = "\x0f\x0b",
        [ASM_INT3] = "\xcc",
        [ASM_MFENCE] = "\x0f\xae\xf0",
        [ASM_LFENCE] = "\x0f\xae\xe8",
        [ASM_SFENCE] = "\x0f\xae\xf8",
        [ASM_PAUSE] = "\xf3\x90",
        [ASM_REP_MOVSB] = "\xf3\xa4",
        [ASM_REP_MOVSQ] = "\xf3\x48\xa5",
        [ASM_REP_STOSB] = "\xf3\xaa",
        [ASM_REP_STOSQ] = "\xf3\x48\xab",
        [ASM_STC] = "\xf9",
        [ASM_CLC] = "\xf8",
        [ASM_CMC] = "\xf5",
        [ASM_CLD] = "\xfc",
        [ASM_LAHF] = "\x9f",
        [ASM_SAHF] = "\x9e",
        [ASM_PUSHFQ] = "\x9c",
        [ASM_POPFQ] = "\x9d",
        [ASM_RDTSC] = "\x0f\x31",
    };

    asm_data(a, code[which], strlen(code[which]));
}

/* The forms that the SDM recommends for 1 to 9 bytes. */
void asm_nop(AsmBuf *a, unsigned n)
{
    static const char *const nop[10] = {
        "",
        "\x90",
        "\x66\x90",
        "\x0f\x1f\x00",
        "\x0f\x1f\x40\x00",
        "\x0f\x1f\x44\x00\x00",
        "\x66\x0f\x1f\x44\x00\x00",
        "\x0f\x1f\x80\x00\x00\x00\x00",
        "\x0f\x1f\x84\x00\x00\x00\x00\x00",
        "\x66\x0f\x1f\x84\x00\x00\x00\x00\x00",
    };

    while (n && !a->overflow) {
        unsigned k = n > 9 ? 9 : n;
        asm_data(a, nop[k], k);
        n -= k;
    }
}

void asm_ldmxcsr(AsmBuf *a, AsmRm m)
{
    op_rm(a, M_0F | 0xae, 4, 2, m, 0);
}

void asm_stmxcsr(AsmBuf *a, AsmRm m)
{
    op_rm(a, M_0F | 0xae, 4, 3, m, 0);
}

void asm_x87(AsmBuf *a, uint8_t op, unsigned reg, AsmRm m)
{
    op_rm(a, op, 4, reg, m, 0);
}
