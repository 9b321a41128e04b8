/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers as a debugger sees them: always the 64-bit set, whatever mode the CPU is in (GDB
 * cannot change its mind about that while it is connected). General registers, RIP, EFLAGS, x87,
 * SSE and the segment bases can be written; selectors and control registers are only shown.
 */
#include <string.h>
#include "base/util/endian.h"
#include "exec/gdb.h"
#include "target/x86/flags.h"
#include "target/x86/system.h"
#include "target/x86/x86.h"

/* The order of the table below. */
enum {
    GDB_GPR = 0,
    GDB_RIP = 16,
    GDB_EFLAGS,
    GDB_SEG,
    GDB_ST = GDB_SEG + 6,
    GDB_FCTRL = GDB_ST + 8,
    GDB_FSTAT,
    GDB_FTAG,
    GDB_FISEG,
    GDB_FIOFF,
    GDB_FOSEG,
    GDB_FOOFF,
    GDB_FOP,
    GDB_XMM,
    GDB_MXCSR = GDB_XMM + 16,
    GDB_FS_BASE,
    GDB_GS_BASE,
    GDB_KERNEL_GS_BASE,
    GDB_CR0,
    GDB_CR2,
    GDB_CR3,
    GDB_CR4,
    GDB_EFER,
    GDB_YMMH,
};

static const CpuGdbReg core_regs[] = {
    { "rax", 64, "int64" },          { "rbx", 64, "int64" },
    { "rcx", 64, "int64" },          { "rdx", 64, "int64" },
    { "rsi", 64, "int64" },          { "rdi", 64, "int64" },
    { "rbp", 64, "data_ptr" },       { "rsp", 64, "data_ptr" },
    { "r8", 64, "int64" },           { "r9", 64, "int64" },
    { "r10", 64, "int64" },          { "r11", 64, "int64" },
    { "r12", 64, "int64" },          { "r13", 64, "int64" },
    { "r14", 64, "int64" },          { "r15", 64, "int64" },
    { "rip", 64, "code_ptr" },       { "eflags", 32, "x86_eflags" },
    { "cs", 32, "int32" },           { "ss", 32, "int32" },
    { "ds", 32, "int32" },           { "es", 32, "int32" },
    { "fs", 32, "int32" },           { "gs", 32, "int32" },
    { "st0", 80, "i387_ext" },       { "st1", 80, "i387_ext" },
    { "st2", 80, "i387_ext" },       { "st3", 80, "i387_ext" },
    { "st4", 80, "i387_ext" },       { "st5", 80, "i387_ext" },
    { "st6", 80, "i387_ext" },       { "st7", 80, "i387_ext" },
    { "fctrl", 32, "int", "float" }, { "fstat", 32, "int", "float" },
    { "ftag", 32, "int", "float" },  { "fiseg", 32, "int", "float" },
    { "fioff", 32, "int", "float" }, { "foseg", 32, "int", "float" },
    { "fooff", 32, "int", "float" }, { "fop", 32, "int", "float" },
};

#define XMM(n)                   \
    {                            \
        "xmm" #n, 128, "x86_xmm" \
    }
static const CpuGdbReg sse_regs[] = {
    XMM(0),
    XMM(1),
    XMM(2),
    XMM(3),
    XMM(4),
    XMM(5),
    XMM(6),
    XMM(7),
    XMM(8),
    XMM(9),
    XMM(10),
    XMM(11),
    XMM(12),
    XMM(13),
    XMM(14),
    XMM(15),
    { "mxcsr", 32, "int", "vector" },
};

static const CpuGdbReg segment_regs[] = {
    { "fs_base", 64, "int64" },
    { "gs_base", 64, "int64" },
};

static const CpuGdbReg system_regs[] = {
    { "k_gs_base", 64, "int64", "system" }, { "cr0", 64, "int64", "system" },
    { "cr2", 64, "int64", "system" },       { "cr3", 64, "int64", "system" },
    { "cr4", 64, "int64", "system" },       { "efer", 64, "int64", "system" },
};

#define YMMH(n)                      \
    {                                \
        "ymm" #n "h", 128, "uint128" \
    }
static const CpuGdbReg avx_regs[] = {
    YMMH(0), YMMH(1), YMMH(2),  YMMH(3),  YMMH(4),  YMMH(5),  YMMH(6),  YMMH(7),
    YMMH(8), YMMH(9), YMMH(10), YMMH(11), YMMH(12), YMMH(13), YMMH(14), YMMH(15),
};

static const char eflags_type[] =
    "<flags id=\"x86_eflags\" size=\"4\">"
    "<field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"PF\" start=\"2\" end=\"2\"/>"
    "<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"ZF\" start=\"6\" end=\"6\"/>"
    "<field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"TF\" start=\"8\" end=\"8\"/>"
    "<field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"DF\" start=\"10\" end=\"10\"/>"
    "<field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"NT\" start=\"14\" end=\"14\"/>"
    "<field name=\"RF\" start=\"16\" end=\"16\"/><field name=\"VM\" start=\"17\" end=\"17\"/>"
    "<field name=\"AC\" start=\"18\" end=\"18\"/><field name=\"VIF\" start=\"19\" end=\"19\"/>"
    "<field name=\"VIP\" start=\"20\" end=\"20\"/><field name=\"ID\" start=\"21\" end=\"21\"/>"
    "</flags>\n";

static const char xmm_type[] =
    "<vector id=\"x86_4f\" type=\"ieee_single\" count=\"4\"/>"
    "<vector id=\"x86_2d\" type=\"ieee_double\" count=\"2\"/>"
    "<vector id=\"x86_16b\" type=\"int8\" count=\"16\"/>"
    "<vector id=\"x86_8w\" type=\"int16\" count=\"8\"/>"
    "<vector id=\"x86_4l\" type=\"int32\" count=\"4\"/>"
    "<vector id=\"x86_2q\" type=\"int64\" count=\"2\"/>"
    "<union id=\"x86_xmm\"><field name=\"v4_float\" type=\"x86_4f\"/>"
    "<field name=\"v2_double\" type=\"x86_2d\"/><field name=\"v16_int8\" type=\"x86_16b\"/>"
    "<field name=\"v8_int16\" type=\"x86_8w\"/><field name=\"v4_int32\" type=\"x86_4l\"/>"
    "<field name=\"v2_int64\" type=\"x86_2q\"/><field name=\"uint128\" type=\"uint128\"/>"
    "</union>\n";

static const CpuGdbFeature features[] = {
    { "org.gnu.gdb.i386.core", eflags_type, core_regs, G_N_ELEMENTS(core_regs) },
    { "org.gnu.gdb.i386.sse", xmm_type, sse_regs, G_N_ELEMENTS(sse_regs) },
    { "org.gnu.gdb.i386.segments", NULL, segment_regs, G_N_ELEMENTS(segment_regs) },
    { "ferry.x86.system", NULL, system_regs, G_N_ELEMENTS(system_regs) },
    { "org.gnu.gdb.i386.avx", NULL, avx_regs, G_N_ELEMENTS(avx_regs) },
};

/* Debugger's order of the general and of the segment registers, in terms of the CPU's. */
static const uint8_t gpr_of[16] = { 0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15 };
static const uint8_t seg_of[6] = { 1, 2, 3, 0, 4, 5 };

static uint32_t tag_word(const X86Cpu *cpu)
{
    uint32_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        tags |= cpu->fp_valid & 1u << i ? 0 : 3u << 2 * i;
    }
    return tags;
}

static uint32_t read_fp_word(const X86Cpu *cpu, unsigned reg)
{
    switch (reg) {
    case GDB_FCTRL: return cpu->fpcw;
    case GDB_FSTAT: return (cpu->fpsw & ~0x3800u) | (cpu->fp_top & 7u) << 11;
    case GDB_FTAG: return tag_word(cpu);
    case GDB_FISEG: return cpu->fp_cs;
    case GDB_FIOFF: return (uint32_t)cpu->fp_ip;
    case GDB_FOSEG: return cpu->fp_ds;
    case GDB_FOOFF: return (uint32_t)cpu->fp_dp;
    default: return cpu->fp_opcode;
    }
}

static uint64_t read_system(const X86Cpu *cpu, unsigned reg)
{
    switch (reg) {
    case GDB_FS_BASE: return cpu->seg[4].base;
    case GDB_GS_BASE: return cpu->seg[5].base;
    case GDB_KERNEL_GS_BASE: return cpu->kernel_gs_base;
    case GDB_CR0: return cpu->cr0;
    case GDB_CR2: return cpu->cr2;
    case GDB_CR3: return cpu->cr3;
    case GDB_CR4: return cpu->cr4;
    default: return cpu->efer;
    }
}

static void read_reg(const CpuState *cs, unsigned reg, uint8_t *buf)
{
    const X86Cpu *cpu = (const X86Cpu *)cs;

    if (reg < GDB_RIP) {
        st_le64(buf, cpu->gpr[gpr_of[reg]]);
    } else if (reg == GDB_RIP) {
        st_le64(buf, cpu->rip);
    } else if (reg == GDB_EFLAGS) {
        st_le32(buf, x86_eflags_get(cpu));
    } else if (reg < GDB_ST) {
        st_le32(buf, cpu->seg[seg_of[reg - GDB_SEG]].sel);
    } else if (reg < GDB_FCTRL) {
        memcpy(buf, cpu->st[(cpu->fp_top + reg - GDB_ST) & 7].b, 10);
    } else if (reg < GDB_XMM) {
        st_le32(buf, read_fp_word(cpu, reg));
    } else if (reg < GDB_MXCSR) {
        memcpy(buf, cpu->ymm[reg - GDB_XMM].b, 16);
    } else if (reg == GDB_MXCSR) {
        st_le32(buf, cpu->mxcsr);
    } else if (reg < GDB_YMMH) {
        st_le64(buf, read_system(cpu, reg));
    } else {
        memcpy(buf, cpu->ymm[reg - GDB_YMMH].b + 16, 16);
    }
}

static bool write_fp_word(X86Cpu *cpu, unsigned reg, uint32_t v)
{
    switch (reg) {
    case GDB_FCTRL: cpu->fpcw = (v & 0x1f3f) | 0x40; return true;
    case GDB_FSTAT:
        cpu->fpsw = v & ~0x3800u;
        cpu->fp_top = v >> 11 & 7;
        return true;
    case GDB_FTAG:
        cpu->fp_valid = 0;
        for (unsigned i = 0; i < 8; i++) {
            cpu->fp_valid |= (v >> 2 * i & 3) != 3 ? 1u << i : 0;
        }
        return true;
    default: return false;
    }
}

static bool write_eflags(X86Cpu *cpu, uint32_t v)
{
    const uint32_t free = X86_CC | X86_TF | X86_IF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID;
    uint32_t old = x86_eflags_get(cpu);

    if ((v ^ old) & ~free) {
        return false;
    }
    x86_eflags_set(cpu, v);
    x86_mode_update(cpu);
    return true;
}

static bool write_reg(CpuState *cs, unsigned reg, const uint8_t *buf)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (reg < GDB_RIP) {
        cpu->gpr[gpr_of[reg]] = ld_le64(buf);
    } else if (reg == GDB_RIP) {
        cpu->rip = ld_le64(buf);
    } else if (reg == GDB_EFLAGS) {
        return write_eflags(cpu, ld_le32(buf));
    } else if (reg < GDB_ST) {
        return false;
    } else if (reg < GDB_FCTRL) {
        memcpy(cpu->st[(cpu->fp_top + reg - GDB_ST) & 7].b, buf, 10);
    } else if (reg < GDB_XMM) {
        return write_fp_word(cpu, reg, ld_le32(buf));
    } else if (reg < GDB_MXCSR) {
        memcpy(cpu->ymm[reg - GDB_XMM].b, buf, 16);
    } else if (reg == GDB_MXCSR) {
        cpu->mxcsr = ld_le32(buf) & 0xffff;
        x86_mode_update(cpu);
    } else if (reg == GDB_FS_BASE || reg == GDB_GS_BASE) {
        cpu->seg[reg == GDB_FS_BASE ? 4 : 5].base = ld_le64(buf);
        x86_mode_update(cpu);
    } else if (reg < GDB_YMMH) {
        return false;
    } else {
        memcpy(cpu->ymm[reg - GDB_YMMH].b + 16, buf, 16);
    }
    return true;
}

const CpuGdb x86_gdb = {
    .architecture = "i386:x86-64",
    .features = features,
    .n_features = G_N_ELEMENTS(features),
    .read = read_reg,
    .write = write_reg,
};
