/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions decoded lately, by their bytes. One that was decoded to see what it does with the flags
 * (live.c) is soon wanted itself, and the common ones (PUSH, RET, moves) are everywhere.
 *
 * What x86_decode() says depends on the bytes, the size of the code segment and the features. The bytes
 * and the size are compared here; the features once a region.
 */
#include <string.h>
#include "base/util/endian.h"
#include "target/x86/translate/translate-priv.h"

#define PLACES_BITS 10

typedef struct Decoded {
    uint64_t bytes[2]; /* those of the instruction, zeros behind */
    X86Insn insn;      /* len 0: none */
} Decoded;

typedef struct Memo {
    X86GateSet gates;
    Decoded known[1 << PLACES_BITS];
} Memo;

void x86_decoded_begin(TransCtx *ctx)
{
    Memo *m = *ctx->memo;
    const X86GateSet *gates = &x86_cpu(ctx->cpu)->gates;

    if (!m) {
        *ctx->memo = m = g_new0(Memo, 1);
    }
    if (memcmp(&m->gates, gates, sizeof *gates)) {
        memset(m, 0, sizeof *m);
        m->gates = *gates;
    }
}

/* The first three bytes, which most often say all but constants. */
static Decoded *place(Memo *m, uint64_t first, unsigned mode)
{
    uint32_t h = ((uint32_t)first & 0xffffff) << 7 ^ mode;

    return &m->known[h * 0x9e3779b1u >> (32 - PLACES_BITS)];
}

static uint64_t low_bytes(unsigned n)
{
    return n >= 8 ? ~(uint64_t)0 : ((uint64_t)1 << 8 * n) - 1;
}

X86DecodeResult x86_decoded(TransCtx *ctx, const uint8_t *buf, unsigned n, X86Insn *insn)
{
    Memo *m = *ctx->memo;
    unsigned mode = mode_code_bits(ctx->key.flags);

    if (n < TRANS_LOOK_BYTES) {
        return x86_decode(buf, n, mode, &m->gates, insn);
    }
    uint64_t lo = ld_le64(buf), hi = ld_le64(buf + 8);
    Decoded *d = place(m, lo, mode);
    unsigned len = d->insn.len;
    if (len && d->insn.mode == mode && (lo & low_bytes(len)) == d->bytes[0] &&
        (hi & low_bytes(len > 8 ? len - 8 : 0)) == d->bytes[1]) {
        *insn = d->insn;
        return X86_DECODE_OK;
    }
    X86DecodeResult r = x86_decode(buf, n, mode, &m->gates, insn);
    if (r == X86_DECODE_OK) {
        d->bytes[0] = lo & low_bytes(insn->len);
        d->bytes[1] = hi & low_bytes(insn->len > 8 ? insn->len - 8 : 0);
        d->insn = *insn;
    }
    return r;
}
