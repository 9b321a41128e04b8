/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the folder makes of ops, where tests of their results would not notice that it made nothing.
 */
#include "exec/ir/ir-priv.h"
#include "toy.h"

/* A constant that only concerns the low half is applied to that; a quotient of halves is one of 32 bits. */
static void test_low_halves_stay_low(void)
{
    IrBuilder *b = ir_builder_new(&toy_ops.slots);

    ir_insn_start(b, 0x100, 0);
    IrVal x = ir_get(b, S_R(1)), y = ir_zext32(b, ir_trunc32(b, ir_get(b, S_R(2))));
    IrVal d = ir_deposit(b, x, y, 0, 32);
    g_assert_cmpuint(ir_at(b, ir_ori(b, d, 0x8001))->op, ==, IR_DEPOSIT);
    g_assert_cmpuint(ir_at(b, ir_xori(b, d, 0xffffffff))->op, ==, IR_DEPOSIT);
    g_assert_cmpuint(ir_at(b, ir_andi(b, d, ~1ull))->op, ==, IR_DEPOSIT);
    g_assert_cmpuint(ir_at(b, ir_ori(b, d, 1ull << 32))->op, ==, IR_OR);
    g_assert_cmpuint(ir_at(b, ir_andi(b, d, 1ull << 40))->op, ==, IR_AND);
    g_assert_cmpuint(ir_at(b, ir_divu(b, y, ir_c64(b, 7)))->op, ==, IR_ZEXT32);
    g_assert_cmpuint(ir_at(b, ir_divu(b, x, ir_c64(b, 7)))->op, ==, IR_DIVU);
    ir_builder_free(b);
}

static void test_parts_come_back(void)
{
    IrBuilder *b = ir_builder_new(&toy_ops.slots);

    ir_insn_start(b, 0x100, 0);
    IrVal x = ir_get(b, S_R(1)), y = ir_get(b, S_R(2));
    IrVal set = ir_setcond(b, IR_LTU, x, y), byte = ir_deposit(b, x, set, 0, 8);
    const IrInsn *back = ir_at(b, ir_zext8(b, ir_trunc32(b, byte)));
    g_assert_true(back->op == IR_TRUNC32 && back->arg[0] == set);
    ir_builder_free(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    toy_tables();
    g_test_add_func("/exec/ir-fold/what-concerns-the-low-half-stays-there",
                    test_low_halves_stay_low);
    g_test_add_func("/exec/ir-fold/a-byte-written-and-read-back-is-what-was-written",
                    test_parts_come_back);
    return g_test_run();
}
