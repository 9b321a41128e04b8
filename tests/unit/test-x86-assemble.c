/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode(assemble(x)) == x for every line of the x86 tables, in every mode, size and operand form;
 * and rules of the decoder that are about more than one line.
 */
#include <glib.h>
#include <string.h>
#include "x86-sample.h"

static X86GateSet all_gates;

static void test_every_line_decodes_to_what_was_assembled(void)
{
    g_autofree uint8_t *seen = g_malloc0(X86_INSN_LINES);
    for (unsigned n = 0; n < x86_n_samples; n++) {
        const X86Sample *s = &x86_samples[n];
        X86Insn i;
        uint8_t bytes[16] = { 0 };
        memcpy(bytes, s->bytes, s->len);
        g_autofree char *where = g_strdup_printf("sample %u, line %u", n, s->line);
        if (x86_decode(bytes, 15, s->mode, &all_gates, &i) != X86_DECODE_OK) {
            g_error("%s (mode %u, %02x %02x %02x %02x): does not decode", where, s->mode, bytes[0],
                    bytes[1], bytes[2], bytes[3]);
        }
        if (i.id != s->line || i.len != s->len || i.nops != s->nops || i.opsize != s->opsize) {
            g_error("%s: decoded as line %u, length %u, operand size %u", where, i.id, i.len,
                    i.opsize);
        }
        for (unsigned k = 0; k < s->nops; k++) {
            if (i.op[k].kind != s->op[k].kind || i.op[k].reg != s->op[k].reg ||
                i.op[k].size != s->op[k].size) {
                g_error("%s: operand %u is kind %u, %u, size %u", where, k, i.op[k].kind,
                        i.op[k].reg, i.op[k].size);
            }
        }
        if (i.mem.base != s->base || i.mem.index != s->index || i.mem.scale != s->scale ||
            i.mem.disp != s->disp || i.imm != s->imm || i.imm2 != s->imm2) {
            g_error("%s: address or immediate", where);
        }
        seen[s->line] = 1;
        /* Exactly the bytes of the instruction are asked for. */
        g_assert_cmpint(x86_decode(bytes, s->len, s->mode, &all_gates, &i), ==, X86_DECODE_OK);
        g_assert_cmpint(x86_decode(bytes, s->len - 1, s->mode, &all_gates, &i), ==,
                        X86_DECODE_MORE);
    }
    for (unsigned l = 0; l < X86_INSN_LINES; l++) {
        g_assert_cmpuint(seen[l], ==, 1);
    }
}

static void expect(unsigned mode, const char *hex, X86DecodeResult want, unsigned mn)
{
    uint8_t b[16] = { 0 };
    unsigned n = 0;
    X86Insn i;
    for (const char *p = hex; *p; p += 2 + (p[2] == ' ')) {
        b[n++] = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
    }
    g_assert_cmpint(x86_decode(b, n, mode, &all_gates, &i), ==, want);
    if (want == X86_DECODE_OK) {
        g_assert_cmpuint(i.mn, ==, mn);
        g_assert_cmpuint(i.len, ==, n);
    }
}

static void test_fifteen_bytes_are_the_limit(void)
{
    expect(64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", X86_DECODE_OK, X86_MN_NOP);
    expect(64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", X86_DECODE_GP, 0);
}

static void test_lock_needs_a_memory_destination(void)
{
    expect(64, "f0 01 08", X86_DECODE_OK, X86_MN_ADD);
    expect(64, "f0 01 c8", X86_DECODE_UD, 0);
    expect(64, "f0 03 08", X86_DECODE_UD, 0);
    expect(64, "f0 39 08", X86_DECODE_UD, 0);
    expect(64, "f0 90", X86_DECODE_UD, 0);
}

static void test_a_closed_gate_gives_the_older_instruction(void)
{
    X86GateSet g = all_gates;
    X86Insn i;
    const uint8_t tzcnt[] = { 0xf3, 0x0f, 0xbc, 0xc1 }, popcnt[] = { 0xf3, 0x0f, 0xb8, 0xc1 };
    g_assert_cmpint(x86_decode(tzcnt, 4, 64, &g, &i), ==, X86_DECODE_OK);
    g_assert_cmpuint(i.mn, ==, X86_MN_TZCNT);
    x86_gate_set(&g, X86_GATE_BMI1, false);
    g_assert_cmpint(x86_decode(tzcnt, 4, 64, &g, &i), ==, X86_DECODE_OK);
    g_assert_cmpuint(i.mn, ==, X86_MN_BSF);
    x86_gate_set(&g, X86_GATE_POPCNT, false);
    g_assert_cmpint(x86_decode(popcnt, 4, 64, &g, &i), ==, X86_DECODE_UD);
}

static void test_only_the_rex_before_the_opcode_counts(void)
{
    X86Insn i;
    const uint8_t late[] = { 0x48, 0x66, 0x01, 0xc8 }, good[] = { 0x66, 0x48, 0x01, 0xc8 };
    g_assert_cmpint(x86_decode(late, 4, 64, &all_gates, &i), ==, X86_DECODE_OK);
    g_assert_cmpuint(i.opsize, ==, 2);
    g_assert_cmpint(x86_decode(good, 4, 64, &all_gates, &i), ==, X86_DECODE_OK);
    g_assert_cmpuint(i.opsize, ==, 8);
}

static void test_vex_takes_no_legacy_prefix_and_no_spare_register(void)
{
    expect(64, "c5 f8 58 c1", X86_DECODE_OK, X86_MN_ADDPS);
    expect(64, "66 c5 f8 58 c1", X86_DECODE_UD, 0);
    expect(64, "48 c5 f8 58 c1", X86_DECODE_UD, 0);
    expect(64, "f0 c5 f8 58 c1", X86_DECODE_UD, 0);
    expect(64, "c5 f8 28 c1", X86_DECODE_OK, X86_MN_MOVAPS);
    expect(64, "c5 f0 28 c1", X86_DECODE_UD, 0); /* vvvv must be 1111 */
    expect(32, "c5 00", X86_DECODE_OK, X86_MN_LDS);
}

static void test_the_disassembler_prints_what_was_decoded(void)
{
    static const struct {
        unsigned mode;
        uint8_t bytes[12];
        const char *text;
    } rows[] = {
        { 64, { 0x48, 0x8b, 0x44, 0x8b, 0xf8 }, "mov rax, qword ptr [rbx+rcx*4-0x8]" },
        { 64, { 0xf0, 0x0f, 0xc1, 0x08 }, "lock xadd dword ptr [rax], ecx" },
        { 64, { 0xf3, 0x48, 0xab }, "rep stosq es:[rdi], rax" },
        { 64, { 0x74, 0xfe }, "je 0x1000" },
        { 16, { 0x88, 0xe0 }, "mov al, ah" },
        { 64, { 0xc4, 0xe2, 0x7d, 0x58, 0x00 }, "vpbroadcastd ymm0, dword ptr [rax]" },
        { 64, { 0x48, 0x98 }, "cdqe" },
        { 32, { 0xea, 0x78, 0x56, 0x34, 0x12, 0x10, 0x00 }, "jmpf 0x10:0x12345678" },
    };
    for (unsigned k = 0; k < G_N_ELEMENTS(rows); k++) {
        X86Insn i;
        g_autoptr(GString) s = g_string_new(NULL);
        g_assert_cmpint(x86_decode(rows[k].bytes, 12, rows[k].mode, &all_gates, &i), ==,
                        X86_DECODE_OK);
        x86_disas(&i, 0x1000, s);
        g_assert_cmpstr(s->str, ==, rows[k].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned g = 1; g < X86_GATE_COUNT; g++) {
        x86_gate_set(&all_gates, g, true);
    }
    g_test_add_func("/target/x86/every-line-decodes-to-what-was-assembled",
                    test_every_line_decodes_to_what_was_assembled);
    g_test_add_func("/target/x86/fifteen-bytes-are-the-limit", test_fifteen_bytes_are_the_limit);
    g_test_add_func("/target/x86/lock-needs-a-memory-destination",
                    test_lock_needs_a_memory_destination);
    g_test_add_func("/target/x86/a-closed-gate-gives-the-older-instruction",
                    test_a_closed_gate_gives_the_older_instruction);
    g_test_add_func("/target/x86/only-the-rex-before-the-opcode-counts",
                    test_only_the_rex_before_the_opcode_counts);
    g_test_add_func("/target/x86/vex-takes-no-legacy-prefix-and-no-spare-register",
                    test_vex_takes_no_legacy_prefix_and_no_spare_register);
    g_test_add_func("/target/x86/the-disassembler-prints-what-was-decoded",
                    test_the_disassembler_prints_what_was_decoded);
    return g_test_run();
}
