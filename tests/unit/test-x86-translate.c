/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every line of the x86 tables, in every operand form and under several mode words, gives IR that
 * the verifier accepts: alone, behind itself (lazy flags and FPU state are then known), and
 * with flag readers behind it. What the IR does is not looked at here.
 */
#include <string.h>
#include "exec/exec-priv.h"
#include "target/x86/translate/translate-priv.h"
#include "x86-sample.h"

#define PC 0x1000u

static X86Cpu cpu;
static uint8_t page[GUEST_PAGE_SIZE];
static void *memo; /* the translator's */
static const IrSlotTable slots = { x86_slots, SLOT_COUNT };

static const uint32_t extra[] = {
    0,
    MODE_FPX | MODE_SMM,
    MODE_TF | MODE_RF | MODE_SHADOW,
    3 | MODE_ALIGN,
    MODE_TS | MODE_MP,
    MODE_EM,
};

static uint32_t mode_word(unsigned bits, unsigned variant)
{
    uint32_t m = MODE_PE | MODE_OSFXSR | MODE_AVX | MODE_OSXSAVE | extra[variant];
    if (bits == 64) {
        return m | MODE_LMA | MODE_CS64;
    }
    m |= variant & 1 ? MODE_SEGCHECK | MODE_ADDSEG | MODE_IOPL_OK : 0;
    return m | (bits == 32 ? MODE_CS32 | MODE_SS32 : 0);
}

static int one(TransCtx *ctx)
{
    ctx->next_pc = ctx->pc;
    ctx->fetched = 0;
    ir_insn_start(ctx->b, ctx->pc, 0);
    int status = x86_translate_insn(ctx);
    ctx->pc = ctx->next_pc;
    return status;
}

static void all_gates(bool on)
{
    for (unsigned g = 1; g < X86_GATE_COUNT; g++) {
        x86_gate_set(&cpu.gates, g, on);
    }
}

static void check(IrBuilder *b, const X86Sample *s, unsigned variant)
{
    g_autoptr(GError) error = NULL;
    /* n: not the first instruction, so that the page is all there is to fetch from. */
    TransState t = { .n_pages = 1, .vpage = { PC }, .host = { page }, .n = 1 };
    TransCtx *ctx = &t.ctx;
    static const uint8_t readers[] = { 0x0f, 0x90, 0xc0, 0x0f, 0x9f, 0xc1, 0x0f, 0x9b, 0xc2 };

    memset(page, 0x90, 64);
    memcpy(page, s->bytes, s->len);
    memcpy(page + s->len, s->bytes, s->len);
    memcpy(page + 2 * s->len, readers, sizeof readers);
    *ctx = (TransCtx){ .cpu = &cpu.base,
                       .b = b,
                       .pc = PC,
                       .vaddr_mask = UINT64_MAX,
                       .max_insns = TRANS_MAX_INSNS,
                       .memo = &memo,
                       .priv = &t };
    ctx->key = (TbKey){ .pc = PC, .vaddr = PC, .flags = mode_word(s->mode, variant) };
    ir_reset(b, &slots);
    x86_translate_begin(ctx);
    int status = TRANS_NEXT;
    for (unsigned k = 0; k < 5 && status == TRANS_NEXT && ctx->pc >= PC && ctx->pc < PC + 64; k++) {
        status = one(ctx);
    }
    if (status == TRANS_NEXT || status == TRANS_END_DIRECT) {
        ir_exit_direct(b, ctx->next_pc);
    } else if (status == TRANS_END_LOOP) {
        ir_exit_loop(b, ir_c64(b, ctx->next_pc));
    }
    if (!ir_verify(b, &error)) {
        g_error("line %u in %u-bit mode, variant %u: %s", s->line, s->mode, variant,
                error->message);
    }
    g_assert_cmpuint(ir_count(b), <, IR_SOFT_INSNS);
}

static void test_every_line_gives_valid_ir(void)
{
    IrBuilder *b = ir_builder_new(&slots);
    all_gates(true);
    for (unsigned k = 0; k < x86_n_samples; k++) {
        for (unsigned v = 0; v < G_N_ELEMENTS(extra); v++) {
            check(b, &x86_samples[k], v);
        }
    }
    ir_builder_free(b);
    g_clear_pointer(&memo, g_free);
}

/* What is known of bytes is what decoding them says: the first time, again, after all others, with other
 * bytes behind, and when the features changed. */
static void test_known_instructions(void)
{
    static const unsigned modes[] = { 16, 32, 64 };
    TransCtx ctx = { .cpu = &cpu.base, .memo = &memo };
    unsigned open = 0;

    for (unsigned round = 0; round < 6; round++) {
        all_gates(round < 4);
        x86_decoded_begin(&ctx);
        for (unsigned k = 0; k < x86_n_samples * 3 * 2; k++) {
            const X86Sample *s = &x86_samples[k / 6];
            uint8_t buf[TRANS_LOOK_BYTES];
            X86Insn want, got;

            ctx.key.flags = mode_word(modes[k / 2 % 3], 0);
            memset(buf, round * 0x55 + k, sizeof(buf));
            memcpy(buf, s->bytes, s->len);
            X86DecodeResult r =
                x86_decode(buf, sizeof(buf), mode_code_bits(ctx.key.flags), &cpu.gates, &want);
            g_assert_cmpint(x86_decoded(&ctx, buf, sizeof(buf), &got), ==, r);
            if (r == X86_DECODE_OK) {
                g_assert_cmpmem(&got, sizeof(got), &want, sizeof(want));
                open += round < 4 ? 1 : -1;
            }
        }
    }
    g_assert_cmpuint(open, >, x86_n_samples); /* closed gates make a difference */
    g_clear_pointer(&memo, g_free);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/target/x86/every-line-gives-ir-that-the-verifier-accepts",
                    test_every_line_gives_valid_ir);
    g_test_add_func("/target/x86/an-instruction-known-by-its-bytes-is-as-decoded",
                    test_known_instructions);
    return g_test_run();
}
