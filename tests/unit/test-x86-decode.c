/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 decoder against Zydis: the same bytes are valid in both or in neither, and then have the
 * same length, operand sizes and registers. Inputs: every opcode of every map with every ModRM
 * byte and the prefixes that matter, in the three modes; and random bytes from a fixed seed.
 * Differences on purpose are explained where they are let through.
 */
#include <glib.h>
#include <string.h>
#include <Zydis/Zydis.h>
#include "target/x86/decode.h"

static X86GateSet all_gates;
static ZydisDecoder zy[3];
static const unsigned modes[3] = { 16, 32, 64 };

static void set_up(void)
{
    for (unsigned g = 1; g < X86_GATE_COUNT; g++) {
        x86_gate_set(&all_gates, g, true);
    }
    ZydisDecoderInit(&zy[0], ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
    ZydisDecoderInit(&zy[1], ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
    ZydisDecoderInit(&zy[2], ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (int m = 0; m < 3; m++) {
        ZydisDecoderEnableMode(&zy[m], ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
        ZydisDecoderEnableMode(&zy[m], ZYDIS_DECODER_MODE_KNC, ZYAN_FALSE);
    }
}

/* Instruction sets that the tables leave out: undefined opcodes here. */
static bool left_out(const ZydisDecodedInstruction *z)
{
    static const ZydisISASet sets[] = {
        ZYDIS_ISA_SET_AMD3DNOW,    ZYDIS_ISA_SET_AMD_INVLPGB, ZYDIS_ISA_SET_AVX_GFNI,
        ZYDIS_ISA_SET_AVX_VNNI,    ZYDIS_ISA_SET_CET,         ZYDIS_ISA_SET_CLZERO,
        ZYDIS_ISA_SET_ENQCMD,      ZYDIS_ISA_SET_FMA4,        ZYDIS_ISA_SET_GFNI,
        ZYDIS_ISA_SET_HRESET,      ZYDIS_ISA_SET_KEYLOCKER,   ZYDIS_ISA_SET_KEYLOCKER_WIDE,
        ZYDIS_ISA_SET_MCOMMIT,     ZYDIS_ISA_SET_MONITORX,    ZYDIS_ISA_SET_MOVDIR,
        ZYDIS_ISA_SET_PADLOCK_ACE, ZYDIS_ISA_SET_PADLOCK_PHE, ZYDIS_ISA_SET_PADLOCK_PMM,
        ZYDIS_ISA_SET_PADLOCK_RNG, ZYDIS_ISA_SET_PCONFIG,     ZYDIS_ISA_SET_PT,
        ZYDIS_ISA_SET_RDPRU,       ZYDIS_ISA_SET_RTM,         ZYDIS_ISA_SET_SERIALIZE,
        ZYDIS_ISA_SET_SGX,         ZYDIS_ISA_SET_SGX_ENCLV,   ZYDIS_ISA_SET_SMX,
        ZYDIS_ISA_SET_SNP,         ZYDIS_ISA_SET_SSE4A,       ZYDIS_ISA_SET_SVM,
        ZYDIS_ISA_SET_TDX,         ZYDIS_ISA_SET_TSX_LDTRK,   ZYDIS_ISA_SET_UINTR,
        ZYDIS_ISA_SET_VAES,        ZYDIS_ISA_SET_VMFUNC,      ZYDIS_ISA_SET_VPCLMULQDQ,
        ZYDIS_ISA_SET_VTX,         ZYDIS_ISA_SET_WAITPKG,     ZYDIS_ISA_SET_XOP,
        ZYDIS_ISA_SET_TBM,         ZYDIS_ISA_SET_LWP,         ZYDIS_ISA_SET_AMX_BF16,
        ZYDIS_ISA_SET_AMX_INT8,    ZYDIS_ISA_SET_AMX_TILE,
    };
    if (z->meta.isa_set >= ZYDIS_ISA_SET_AVX512BW_128 &&
        z->meta.isa_set <= ZYDIS_ISA_SET_AVX512_VPOPCNTDQ_512) {
        return true; /* with VEX: the mask instructions */
    }
    if (z->meta.isa_set >= ZYDIS_ISA_SET_KNCE && z->meta.isa_set <= ZYDIS_ISA_SET_KNC_PF_HINT) {
        return true;
    }
    if (z->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
        z->encoding != ZYDIS_INSTRUCTION_ENCODING_VEX) {
        return true;
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(sets); k++) {
        if (z->meta.isa_set == sets[k]) {
            return true;
        }
    }
    return false;
}

static unsigned failures;
static GHashTable *seen;

static void report(unsigned mode, const uint8_t *bytes, const char *what, const char *ours,
                   const char *theirs)
{
    g_autofree char *key = g_strdup_printf("%s|%.12s|%.14s", what, ours, theirs);
    if (g_hash_table_contains(seen, key)) {
        return;
    }
    g_hash_table_add(seen, g_strdup(key));
    GString *s = g_string_new(NULL);
    for (int k = 0; k < 15; k++) {
        g_string_append_printf(s, " %02x", bytes[k]);
    }
    g_test_message("%u:%s: %s; ferry %s; zydis %s", mode, s->str, what, ours, theirs);
    g_string_free(s, TRUE);
    failures++;
}

/* A result of at most 32 bits, zero-extended: W makes no difference, and manuals differ on what to
 * call the register. The same for the selector that LSL reads, and MOVSXD's 16-bit form. */
static bool size_is_free(const X86Insn *i)
{
    switch (i->mn) {
    case X86_MN_MOVMSKPS:
    case X86_MN_MOVMSKPD:
    case X86_MN_PMOVMSKB:
    case X86_MN_PEXTRB:
    case X86_MN_PEXTRW:
    case X86_MN_EXTRACTPS:
    case X86_MN_LSL:
    case X86_MN_MOVSXD: return true;
    default: return false;
    }
}

static const char *compare_memory(const X86Insn *i, const X86Operand *o,
                                  const ZydisDecodedOperand *p)
{
    if (o->kind != X86_OPK_MEM) {
        return o->kind == X86_OPK_STRSRC || o->kind == X86_OPK_STRDST ? NULL : "memory";
    }
    if (o->size && p->size && o->size * 8 != p->size && !size_is_free(i)) {
        return "memory size";
    }
    if (i->mem.base != X86_REG_NONE && i->mem.base != X86_REG_RIP &&
        ZydisRegisterGetId(p->mem.base) != i->mem.base) {
        return "base";
    }
    if (i->mem.index != X86_REG_NONE &&
        (ZydisRegisterGetId(p->mem.index) != i->mem.index || p->mem.scale != 1 << i->mem.scale)) {
        return "index";
    }
    /* SIB base 101 with mod 00 is "no base", whatever REX.B (SDM table 2-5); Zydis 4.0 has
     * R13D there when the address size is 32. */
    if (i->mem.base == X86_REG_NONE && p->mem.base != ZYDIS_REGISTER_NONE &&
        p->mem.base != ZYDIS_REGISTER_R13D) {
        return "no base";
    }
    if (p->mem.disp.has_displacement && p->mem.disp.value != i->mem.disp &&
        !(i->mem.base == X86_REG_NONE && i->mem.index == X86_REG_NONE)) {
        return "displacement";
    }
    /* 3E before an indirect CALL or JMP is NOTRACK for Zydis and not an override. */
    if (p->mem.type == ZYDIS_MEMOP_TYPE_MEM && i->mn != X86_MN_CALL && i->mn != X86_MN_JMP &&
        ZydisRegisterGetId(p->mem.segment) != i->mem.seg) {
        return "segment";
    }
    return NULL;
}

/* Explicit operands: kinds, registers, sizes. */
static const char *compare_operands(const X86Insn *i, const ZydisDecodedInstruction *z,
                                    const ZydisDecodedOperand *zo)
{
    const char *what;
    unsigned n = 0;
    if (i->mn == X86_MN_NOP || i->mn == X86_MN_UD0 || i->mn == X86_MN_UD1 ||
        i->mn == X86_MN_CLFLUSH || i->mn == X86_MN_CLFLUSHOPT || i->mn == X86_MN_CLWB) {
        return NULL; /* operands without effect: only the length counts */
    }
    for (unsigned k = 0; k < z->operand_count_visible && n < i->nops; k++, n++) {
        const X86Operand *o = &i->op[n];
        const ZydisDecodedOperand *p = &zo[k];
        if (p->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT) {
            break;
        }
        switch (p->type) {
        case ZYDIS_OPERAND_TYPE_REGISTER: {
            ZydisRegisterClass rc = ZydisRegisterGetClass(p->reg.value);
            int id = ZydisRegisterGetId(p->reg.value);
            if (rc >= ZYDIS_REGCLASS_GPR8 && rc <= ZYDIS_REGCLASS_GPR64) {
                if (o->kind == X86_OPK_GPR8H) {
                    id -= 4;
                } else if (rc == ZYDIS_REGCLASS_GPR8 && id >= 8) {
                    id -= 4; /* SPL.. follow BH in Zydis' order */
                }
                if ((o->kind != X86_OPK_GPR && o->kind != X86_OPK_GPR8H) || o->reg != id) {
                    return "general register";
                }
                unsigned width = ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, p->reg.value);
                if (o->size * 8 != width && !size_is_free(i)) {
                    return "general register size";
                }
            } else if (rc == ZYDIS_REGCLASS_XMM || rc == ZYDIS_REGCLASS_YMM) {
                if (o->kind != X86_OPK_XMM || o->reg != id ||
                    (o->size == 32) != (rc == ZYDIS_REGCLASS_YMM)) {
                    return "vector register";
                }
            } else if (rc == ZYDIS_REGCLASS_SEGMENT && (o->kind != X86_OPK_SEG || o->reg != id)) {
                return "segment register";
            } else if (rc == ZYDIS_REGCLASS_X87 && (o->kind != X86_OPK_ST || o->reg != id) &&
                       (i->op[1].kind != X86_OPK_ST || i->op[1].reg != id)) {
                return "x87 register"; /* Zydis hides ST0 in some */
            } else if (rc == ZYDIS_REGCLASS_MMX && (o->kind != X86_OPK_MMX || o->reg != id)) {
                return "mmx register";
            }
            break;
        }
        case ZYDIS_OPERAND_TYPE_MEMORY:
            if ((what = compare_memory(i, o, p))) {
                return what;
            }
            break;
        case ZYDIS_OPERAND_TYPE_IMMEDIATE:
            if (o->kind == X86_OPK_IMM && n == 1 && i->op[0].kind != X86_OPK_IMM) {
                uint64_t mask = o->size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * o->size)) - 1;
                if (((uint64_t)i->imm & mask) != (p->imm.value.u & mask)) {
                    return "immediate";
                }
            } else if (o->kind == X86_OPK_REL && p->imm.value.s != i->imm) {
                return "branch displacement";
            }
            break;
        default: break;
        }
    }
    return NULL;
}

static void check(unsigned m, const uint8_t *bytes)
{
    X86Insn i;
    ZydisDecodedInstruction z;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    char name[32];
    X86DecodeResult r = x86_decode(bytes, 16, modes[m], &all_gates, &i);
    bool zok = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&zy[m], bytes, 15, &z, zo));
    if (zok != (r == X86_DECODE_OK)) {
        if (!zok || r != X86_DECODE_UD || !left_out(&z)) {
            report(modes[m], bytes, zok ? "only valid in Zydis" : "only valid here",
                   r == X86_DECODE_OK ? x86_insn_name(&i, name, sizeof name) : "-",
                   zok ? ZydisMnemonicGetString(z.mnemonic) : "-");
        }
        return;
    }
    if (!zok) {
        return;
    }
    x86_insn_name(&i, name, sizeof name);
    if (z.length != i.len) {
        report(modes[m], bytes, "length", name, ZydisMnemonicGetString(z.mnemonic));
        return;
    }
    const char *what = compare_operands(&i, &z, zo);
    if (what) {
        report(modes[m], bytes, what, name, ZydisMnemonicGetString(z.mnemonic));
    }
}

/* Every opcode, ModRM and the given prefix bytes, with a fixed pattern behind. */
static void sweep_map(unsigned m, const uint8_t *lead, unsigned nlead)
{
    uint8_t b[16];
    for (unsigned op = 0; op < 256; op++) {
        for (unsigned modrm = 0; modrm < 256; modrm++) {
            memset(b, 0, sizeof b);
            memcpy(b, lead, nlead);
            b[nlead] = op;
            b[nlead + 1] = modrm;
            for (unsigned k = nlead + 2; k < sizeof b; k++) {
                b[k] = 0x25 + 0x11 * (k - nlead); /* SIB with index and base, then a displacement */
            }
            check(m, b);
        }
    }
}

static void test_sweep(gconstpointer data)
{
    unsigned m = GPOINTER_TO_UINT(data);
    static const char *const leads[] = {
        "",       "66",     "F3",     "F2",     "F0",     "67",     "2E",     "65",       "66F3",
        "66F2",   "F3F2",   "F366",   "0F",     "660F",   "F30F",   "F20F",   "F00F",     "670F",
        "66F30F", "66F20F", "F2F30F", "0F38",   "660F38", "F30F38", "F20F38", "66F20F38", "0F3A",
        "660F3A", "F30F3A", "F20F3A", "C5F8",   "C5FC",   "C5F9",   "C5FD",   "C5FA",     "C5FB",
        "C5C8",   "C57D",   "C4E178", "C4E1F9", "C4E27D", "C4E279", "C4E2F9", "C4E2FD",   "C4E20A",
        "C4E27B", "C4E2FB", "C44279", "C4E259", "C4E35D", "C4E379", "C4E37D", "C4E3FD",   "C4E3F9",
        "C4E37B", "C4E278", "C4E2F8", "C40220", "66C5F9", "F0C5F9", "C4E051", "C4E451",
    };
    static const char *const leads64[] = {
        "48",       "41",       "4F",       "6648",   "4866",   "F348",   "480F",
        "660F",     "66480F",   "664F0F",   "F3480F", "F2480F", "F24D0F", "660F38",
        "66480F38", "F2480F38", "66480F3A", "4F0F",   "40C5F9", "45",     "4466F30F",
    };
    for (unsigned k = 0; k < G_N_ELEMENTS(leads) + (m == 2 ? G_N_ELEMENTS(leads64) : 0); k++) {
        const char *hex = k < G_N_ELEMENTS(leads) ? leads[k] : leads64[k - G_N_ELEMENTS(leads)];
        uint8_t b[8];
        unsigned n = strlen(hex) / 2;
        for (unsigned j = 0; j < n; j++) {
            b[j] = g_ascii_xdigit_value(hex[2 * j]) << 4 | g_ascii_xdigit_value(hex[2 * j + 1]);
        }
        sweep_map(m, b, n);
    }
    if (failures) {
        g_test_fail();
    }
    failures = 0;
}

static void test_random(gconstpointer data)
{
    unsigned m = GPOINTER_TO_UINT(data);
    static const uint8_t spice[] = { 0x66, 0xf2, 0xf3, 0x0f, 0xc5, 0xc4, 0x48, 0x0f,
                                     0x67, 0xf0, 0x64, 0x41, 0x0f, 0x38, 0x3a, 0xe2 };
    uint64_t x = 0x9e3779b97f4a7c15u + m;
    for (unsigned n = 0; n < 1500000; n++) {
        uint8_t b[16];
        for (unsigned k = 0; k < 2; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            memcpy(b + 8 * k, &x, 8);
        }
        unsigned lead = b[15] & 3;
        for (unsigned k = 0; k < lead; k++) {
            b[k] = spice[b[k] & 15];
        }
        check(m, b);
    }
    if (failures) {
        g_test_fail();
    }
    failures = 0;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    set_up();
    seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_test_add_data_func("/target/x86/decode/16-bit-code-decodes-as-zydis-says",
                         GUINT_TO_POINTER(0), test_sweep);
    g_test_add_data_func("/target/x86/decode/32-bit-code-decodes-as-zydis-says",
                         GUINT_TO_POINTER(1), test_sweep);
    g_test_add_data_func("/target/x86/decode/64-bit-code-decodes-as-zydis-says",
                         GUINT_TO_POINTER(2), test_sweep);
    g_test_add_data_func("/target/x86/decode/random-16-bit-code-decodes-as-zydis-says",
                         GUINT_TO_POINTER(0), test_random);
    g_test_add_data_func("/target/x86/decode/random-32-bit-code-decodes-as-zydis-says",
                         GUINT_TO_POINTER(1), test_random);
    g_test_add_data_func("/target/x86/decode/random-64-bit-code-decodes-as-zydis-says",
                         GUINT_TO_POINTER(2), test_random);
    return g_test_run();
}
