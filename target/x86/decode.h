/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder's result: one x86 instruction with normalised operands. Translators and the
 * disassembler work from this alone and never look at instruction bytes.
 *
 * decode.c walks the tables that scripts/gen-decoder makes from insns/ *.insn. It checks what
 * the encoding alone decides (undefined opcodes, LOCK where it is not allowed, VEX with other prefixes,
 * the 15-byte limit, feature gates). It does not check privilege, mode of CR0/CR4 or anything else
 * of the CPU's state: that is the translator driver's part (translate/driver.c).
 */
#ifndef TARGET_X86_DECODE_H
#define TARGET_X86_DECODE_H

#include <glib.h>
#include "target/x86/gates.h"
#include "target/x86/x86-insns.h" /* generated: X86Mn, line numbers, prototypes of translators */

enum {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI
};
enum {
    X86_ES,
    X86_CS,
    X86_SS,
    X86_DS,
    X86_FS,
    X86_GS,
    X86_LDTR,
    X86_TR
};
#define X86_REG_RIP  16   /* base of a RIP-relative operand: address of the next instruction */
#define X86_REG_NONE 0xff /* no base, no index, no segment override */

typedef enum X86OpKind {
    X86_OPK_NONE,
    X86_OPK_GPR,   /* reg 0..15; size 1, 2, 4, 8 */
    X86_OPK_GPR8H, /* reg 0..3: AH, CH, DH, BH */
    X86_OPK_SEG,
    X86_OPK_CR,
    X86_OPK_DR,
    X86_OPK_MMX,
    X86_OPK_XMM, /* reg 0..15; size = bytes that the operation uses (4, 8, 16, 32) */
    X86_OPK_ST,  /* ST(reg) */
    X86_OPK_MEM, /* X86Insn.mem; size 0 where it depends on state (XSAVE) or there is none (LEA) */
    X86_OPK_IMM, /* X86Insn.imm (imm2 for the second immediate) */
    X86_OPK_REL, /* X86Insn.imm is the displacement from the next instruction */
    X86_OPK_FAR, /* imm = offset, imm2 = selector */
    X86_OPK_STRSRC, /* [seg:rSI]; the segment is mem.seg */
    X86_OPK_STRDST, /* [ES:rDI] */
} X86OpKind;

typedef struct X86Operand {
    uint8_t kind; /* X86OpKind */
    uint8_t reg;
    uint16_t size; /* bytes */
} X86Operand;

/* The one ModRM or absolute memory operand: seg:[base + index << scale + disp], cut to addr_size. */
typedef struct X86Mem {
    uint8_t base;      /* GPR, X86_REG_RIP or X86_REG_NONE */
    uint8_t index;     /* GPR (XMM where vsib) or X86_REG_NONE */
    uint8_t scale;     /* shift, 0..3 */
    uint8_t seg;       /* X86_ES..X86_GS: override or default */
    uint8_t addr_size; /* 2, 4, 8 bytes */
    bool vsib;
    uint8_t index_size; /* vsib: bytes of the index register, 16 or 32 */
    int64_t disp;
} X86Mem;

typedef enum X86Rep {
    X86_REP_NONE,
    X86_REPNZ,
    X86_REPZ
} X86Rep;

/* Flags of a line (column "flags"); README.md in insns/ explains each. */
enum {
    X86_F_LOCK = 1 << 0,
    X86_F_REP = 1 << 1,
    X86_F_REPZ = 1 << 2,
    X86_F_ENDS = 1 << 3,
    X86_F_FAULT = 1 << 4,
    X86_F_IO = 1 << 5,
    X86_F_PRIV = 1 << 6,
    X86_F_PM = 1 << 7,
    X86_F_I64 = 1 << 8,
    X86_F_O64 = 1 << 9,
    X86_F_D64 = 1 << 10,
    X86_F_F64 = 1 << 11,
    X86_F_ALIAS = 1 << 12,
    X86_F_MODREG = 1 << 13,
    X86_F_ALIGN = 1 << 14,
    X86_F_B0 = 1 << 15,
    X86_F_W64 = 1 << 16,
    X86_F_NAMEW = 1 << 17,
    X86_F_ADDRNAME = 1 << 18,
    X86_F_SPECIAL = 1 << 19,
    X86_F_SPECIAL2 = 1 << 20,
    X86_F_VSIB = 1 << 21,
    X86_F_MEMOP = 1 << 22, /* derived: has a memory operand form */
    X86_F_FPU = 1 << 23,   /* derived: x87 or MMX: #UD/#NM by CR0.EM, TS, MP */
    X86_F_SSE = 1 << 24,   /* derived: legacy SSE: needs CR4.OSFXSR, CR0.EM clear, TS clear */
    X86_F_AVX = 1 << 25,   /* derived: VEX vector: needs XCR0.AVX, protected mode, TS clear */
};

typedef struct X86Insn {
    uint16_t id; /* line of the tables: x86_insn_name() and the translator go by it */
    uint16_t mn; /* X86Mn: switch on this; VEX forms share the legacy mnemonic */
    uint8_t len;
    uint8_t mode;   /* 16, 32, 64 */
    uint8_t opsize; /* effective operand size in bytes: 2, 4, 8 */
    uint8_t adsize; /* effective address size in bytes: 2, 4, 8 */
    uint8_t vlen;   /* 16 or 32 for VEX, 16 otherwise */
    uint8_t cc;     /* condition of Jcc, SETcc, CMOVcc */
    uint8_t rep;    /* X86Rep; only where the line is rep-able */
    uint8_t seg;    /* segment override or X86_REG_NONE */
    uint8_t opcode; /* last opcode byte and ModRM: the x87 records them */
    uint8_t modrm;
    bool lock;
    bool vex;
    bool rex_w; /* W as it takes effect (false outside 64-bit mode) */
    uint8_t nops;
    uint32_t flags; /* X86_F_* */
    X86Operand op[4];
    X86Mem mem;
    int64_t imm;   /* sign-extended where the instruction does that, else zero-extended */
    uint32_t imm2; /* ENTER's level, far selector */
} X86Insn;

typedef enum X86DecodeResult {
    X86_DECODE_OK,
    X86_DECODE_MORE, /* needs a byte beyond `avail`: fetch it (or fault there) and decode again */
    X86_DECODE_UD,   /* invalid opcode */
    X86_DECODE_GP,   /* longer than 15 bytes */
} X86DecodeResult;

/*
 * Decode the instruction whose first `avail` bytes are at `bytes`. mode: 16, 32 or 64 (the code
 * segment's default size). Bytes beyond those that the instruction needs are never asked for.
 */
X86DecodeResult x86_decode(const uint8_t *bytes, unsigned avail, unsigned mode,
                           const X86GateSet *gates, X86Insn *out);

/* Mnemonic with the alternative that fits the sizes ("cbw/cwde/cdqe" -> "cwde"). Static strings:
 * copied to buf, which is returned. */
const char *x86_insn_name(const X86Insn *i, char *buf, size_t len);

/* Append the instruction in Intel syntax; pc is its address (for targets of branches). */
void x86_disas(const X86Insn *i, uint64_t pc, GString *out);

#endif
