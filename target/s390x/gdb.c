/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers as a debugger sees them: PSW, general, access, floating-point and vector registers can be written;
 * control registers and the prefix are only shown, because what is derived from them is not made anew here.
 */
#include "base/util/endian.h"
#include "exec/gdb.h"
#include "target/s390x/helper.h"

/* The order of the tables below. */
enum {
    GDB_PSW_MASK,
    GDB_PSW_ADDR,
    GDB_GPR,
    GDB_AR = GDB_GPR + 16,
    GDB_FPC = GDB_AR + 16,
    GDB_FPR,
    GDB_VR_RIGHT = GDB_FPR + 16, /* of the first 16, whose left halves are the above */
    GDB_VR = GDB_VR_RIGHT + 16,
    GDB_CR = GDB_VR + 16,
    GDB_PREFIX = GDB_CR + 16,
    GDB_CKC,
    GDB_PP,
};

#define REG(name_, bits_, type_, group_) \
    {                                    \
        name_, bits_, type_, group_      \
    }
#define SIXTEEN(p, s, bits, type, group)                                    \
    REG(p "0" s, bits, type, group), REG(p "1" s, bits, type, group),       \
        REG(p "2" s, bits, type, group), REG(p "3" s, bits, type, group),   \
        REG(p "4" s, bits, type, group), REG(p "5" s, bits, type, group),   \
        REG(p "6" s, bits, type, group), REG(p "7" s, bits, type, group),   \
        REG(p "8" s, bits, type, group), REG(p "9" s, bits, type, group),   \
        REG(p "10" s, bits, type, group), REG(p "11" s, bits, type, group), \
        REG(p "12" s, bits, type, group), REG(p "13" s, bits, type, group), \
        REG(p "14" s, bits, type, group), REG(p "15" s, bits, type, group)

static const CpuGdbReg core_regs[] = {
    { "pswm", 64, "uint64", "psw" },
    { "pswa", 64, "code_ptr", "psw" },
    SIXTEEN("r", "", 64, "uint64", "general"),
};
static const CpuGdbReg access_regs[] = { SIXTEEN("acr", "", 32, "uint32", "access") };
static const CpuGdbReg fp_regs[] = {
    { "fpc", 32, "uint32", "float" },
    SIXTEEN("f", "", 64, "ieee_double", "float"),
};

#define V(n)                            \
    {                                   \
        "v" #n, 128, "vec128", "vector" \
    }
static const CpuGdbReg vector_regs[] = {
    SIXTEEN("v", "l", 64, "uint64", NULL),
    V(16),
    V(17),
    V(18),
    V(19),
    V(20),
    V(21),
    V(22),
    V(23),
    V(24),
    V(25),
    V(26),
    V(27),
    V(28),
    V(29),
    V(30),
    V(31),
};
static const CpuGdbReg control_regs[] = { SIXTEEN("cr", "", 64, "uint64", "control") };
static const CpuGdbReg system_regs[] = {
    { "prefix", 64, "uint64", "system" },
    { "ckc", 64, "uint64", "system" },
    { "pp", 64, "uint64", "system" },
};

static const char vector_types[] =
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
    "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
    "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
    "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
    "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
    "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
    "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/>"
    "</union>\n";

static const CpuGdbFeature features[] = {
    { "org.gnu.gdb.s390.core", NULL, core_regs, G_N_ELEMENTS(core_regs) },
    { "org.gnu.gdb.s390.acr", NULL, access_regs, G_N_ELEMENTS(access_regs) },
    { "org.gnu.gdb.s390.fpr", NULL, fp_regs, G_N_ELEMENTS(fp_regs) },
    { "org.gnu.gdb.s390.vx", vector_types, vector_regs, G_N_ELEMENTS(vector_regs) },
    { "org.gnu.gdb.s390.cr", NULL, control_regs, G_N_ELEMENTS(control_regs) },
    { "ferry.s390x.system", NULL, system_regs, G_N_ELEMENTS(system_regs) },
};

static uint64_t *register_of(S390Cpu *cpu, unsigned reg)
{
    return reg < GDB_AR                           ? &cpu->gpr[reg - GDB_GPR]
           : reg >= GDB_FPR && reg < GDB_VR_RIGHT ? s390_fpr(cpu, reg - GDB_FPR)
           : reg >= GDB_VR_RIGHT && reg < GDB_VR  ? &cpu->vr[reg - GDB_VR_RIGHT].q[0]
           : reg >= GDB_CR && reg < GDB_PREFIX    ? &cpu->cr[reg - GDB_CR]
           : reg == GDB_PREFIX                    ? &cpu->prefix
           : reg == GDB_CKC                       ? &cpu->ckc
                                                  : &cpu->pp;
}

static uint64_t address(const S390Cpu *cpu)
{
    return cpu->ex_mode ? cpu->ex_pc : cpu->pc;
}

static void read_reg(const CpuState *cs, unsigned reg, uint8_t *buf)
{
    S390Cpu *cpu = (S390Cpu *)cs; /* nothing is changed */

    if (reg == GDB_PSW_MASK) {
        st_be64(buf, s390_psw_mask_get(cpu));
    } else if (reg == GDB_PSW_ADDR) {
        st_be64(buf, address(cpu));
    } else if (reg >= GDB_AR && reg < GDB_FPC) {
        st_be32(buf, cpu->ar[reg - GDB_AR]);
    } else if (reg == GDB_FPC) {
        st_be32(buf, cpu->fpc);
    } else if (reg >= GDB_VR && reg < GDB_CR) {
        st_be64(buf, cpu->vr[reg - GDB_VR + 16].q[1]);
        st_be64(buf + 8, cpu->vr[reg - GDB_VR + 16].q[0]);
    } else {
        st_be64(buf, *register_of(cpu, reg));
    }
}

static bool write_psw(S390Cpu *cpu, unsigned reg, uint64_t v)
{
    uint64_t mask = reg == GDB_PSW_MASK ? v : s390_psw_mask_get(cpu);
    uint64_t addr = reg == GDB_PSW_ADDR ? v : address(cpu);

    if (s390_psw_check(mask, addr)) {
        return false;
    }
    s390_psw_install(cpu, mask, addr);
    return true;
}

static bool write_reg(CpuState *cs, unsigned reg, const uint8_t *buf)
{
    S390Cpu *cpu = s390_cpu(cs);

    if (reg == GDB_PSW_MASK || reg == GDB_PSW_ADDR) {
        return write_psw(cpu, reg, ld_be64(buf));
    }
    if (reg >= GDB_AR && reg < GDB_FPC) {
        cpu->ar[reg - GDB_AR] = ld_be32(buf);
    } else if (reg == GDB_FPC) {
        if (!s390_fpc_valid(ld_be32(buf))) {
            return false;
        }
        cpu->fpc = ld_be32(buf);
    } else if (reg >= GDB_VR && reg < GDB_CR) {
        cpu->vr[reg - GDB_VR + 16].q[1] = ld_be64(buf);
        cpu->vr[reg - GDB_VR + 16].q[0] = ld_be64(buf + 8);
    } else if (reg >= GDB_CR) {
        return false;
    } else {
        *register_of(cpu, reg) = ld_be64(buf);
    }
    return true;
}

const CpuGdb s390_gdb = {
    .architecture = "s390:64-bit",
    .features = features,
    .n_features = G_N_ELEMENTS(features),
    .read = read_reg,
    .write = write_reg,
};
