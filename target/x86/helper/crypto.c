/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AES, SHA and carry-less multiplication: by the host's instructions where it has them, else in C.
 *
 * The C versions follow FIPS 197 and FIPS 180-4. The AES S-box is computed (inverse in GF(2^8), then
 * the affine map), not stored; that is slow, and used only on hosts without AES.
 */
#include <string.h>
#include "target/x86/crypto-priv.h"
#include "target/x86/fpu.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- AES in C ---- */
static uint8_t gf_mul(uint8_t a, uint8_t b)
{
    uint8_t r = 0;
    for (; b; b >>= 1) {
        r ^= b & 1 ? a : 0;
        a = (uint8_t)(a << 1) ^ (a & 0x80 ? 0x1b : 0);
    }
    return r;
}

static uint8_t gf_inv(uint8_t a) /* a^254 */
{
    uint8_t r = 1, p = a;
    for (unsigned e = 254; e; e >>= 1) {
        r = e & 1 ? gf_mul(r, p) : r;
        p = gf_mul(p, p);
    }
    return r;
}

static uint8_t rotl8(uint8_t v, unsigned n)
{
    return (uint8_t)(v << n | v >> (8 - n));
}

static uint8_t sub_byte(uint8_t v)
{
    uint8_t x = gf_inv(v);
    return x ^ rotl8(x, 1) ^ rotl8(x, 2) ^ rotl8(x, 3) ^ rotl8(x, 4) ^ 0x63;
}

static uint8_t inv_sub_byte(uint8_t v)
{
    return gf_inv(rotl8(v, 1) ^ rotl8(v, 3) ^ rotl8(v, 6) ^ 0x05);
}

static void mix_columns(uint8_t s[16], const uint8_t row[4])
{
    for (unsigned c = 0; c < 16; c += 4) {
        uint8_t col[4];
        memcpy(col, s + c, 4);
        for (unsigned r = 0; r < 4; r++) {
            s[c + r] = 0;
            for (unsigned k = 0; k < 4; k++) {
                s[c + r] ^= gf_mul(col[k], row[(k - r) & 3]);
            }
        }
    }
}
static const uint8_t mix_row[4] = { 2, 3, 1, 1 };
static const uint8_t inv_mix_row[4] = { 14, 11, 13, 9 };

void x86_soft_aes(X86AesOp op, uint8_t out[16], const uint8_t a[16], const uint8_t key[16])
{
    uint8_t s[16];
    bool dec = op == X86_AES_DEC || op == X86_AES_DECLAST;
    for (unsigned c = 0; c < 4; c++) {
        for (unsigned r = 0; r < 4; r++) {
            unsigned from = (dec ? c - r : c + r) & 3;
            s[c * 4 + r] = dec ? inv_sub_byte(a[from * 4 + r]) : sub_byte(a[from * 4 + r]);
        }
    }
    if (op == X86_AES_ENC) {
        mix_columns(s, mix_row);
    } else if (op == X86_AES_DEC) {
        mix_columns(s, inv_mix_row);
    }
    for (unsigned k = 0; k < 16; k++) {
        out[k] = s[k] ^ key[k];
    }
}

void x86_soft_aesimc(uint8_t out[16], const uint8_t a[16])
{
    uint8_t s[16];
    memcpy(s, a, 16);
    mix_columns(s, inv_mix_row);
    memcpy(out, s, 16);
}

void x86_soft_aeskeygen(uint8_t out[16], const uint8_t a[16], uint8_t rcon)
{
    uint8_t w1[4], w3[4];
    for (unsigned k = 0; k < 4; k++) {
        w1[k] = sub_byte(a[4 + k]);
        w3[k] = sub_byte(a[12 + k]);
    }
    for (unsigned k = 0; k < 4; k++) {
        out[k] = w1[k];
        out[4 + k] = w1[(k + 1) & 3] ^ (k == 0 ? rcon : 0);
        out[8 + k] = w3[k];
        out[12 + k] = w3[(k + 1) & 3] ^ (k == 0 ? rcon : 0);
    }
}

void x86_soft_clmul(uint64_t out[2], uint64_t a, uint64_t b)
{
    uint64_t lo = 0, hi = 0;
    for (unsigned k = 0; k < 64; k++) {
        if (b >> k & 1) {
            lo ^= a << k;
            hi ^= k ? a >> (64 - k) : 0;
        }
    }
    out[0] = lo;
    out[1] = hi;
}

/* ---- SHA in C: registers as the manual has them, d[3] is the leftmost word ---- */
static uint32_t rol(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}
static uint32_t ror(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

static void sha1_rounds4(uint32_t o[4], const uint32_t x[4], const uint32_t y[4], unsigned fn)
{
    static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
    uint32_t a = x[3], b = x[2], c = x[1], d = x[0], e = 0;
    for (unsigned r = 0; r < 4; r++) {
        uint32_t f = fn == 0   ? (b & c) ^ (~b & d)
                     : fn == 2 ? (b & c) ^ (b & d) ^ (c & d)
                               : b ^ c ^ d;
        uint32_t n = f + rol(a, 5) + y[3 - r] + e + k[fn];
        e = d;
        d = c;
        c = rol(b, 30);
        b = a;
        a = n;
    }
    o[3] = a;
    o[2] = b;
    o[1] = c;
    o[0] = d;
}

static uint32_t sigma0(uint32_t v)
{
    return ror(v, 7) ^ ror(v, 18) ^ v >> 3;
}
static uint32_t sigma1(uint32_t v)
{
    return ror(v, 17) ^ ror(v, 19) ^ v >> 10;
}

void x86_soft_sha(unsigned op, uint32_t o[4], const uint32_t xs[4], const uint32_t ys[4])
{
    uint32_t x[4], y[4];
    memcpy(x, xs, 16);
    memcpy(y, ys, 16);
    switch (op) {
    case X86_SHA1NEXTE:
        memcpy(o, y, 12);
        o[3] = y[3] + rol(x[3], 30);
        break;
    case X86_SHA1MSG1:
        o[3] = x[1] ^ x[3];
        o[2] = x[0] ^ x[2];
        o[1] = y[3] ^ x[1];
        o[0] = y[2] ^ x[0];
        break;
    case X86_SHA1MSG2:
        o[3] = rol(x[3] ^ y[2], 1);
        o[2] = rol(x[2] ^ y[1], 1);
        o[1] = rol(x[1] ^ y[0], 1);
        o[0] = rol(x[0] ^ o[3], 1);
        break;
    case X86_SHA256MSG1:
        o[3] = x[3] + sigma0(y[0]);
        o[2] = x[2] + sigma0(x[3]);
        o[1] = x[1] + sigma0(x[2]);
        o[0] = x[0] + sigma0(x[1]);
        break;
    case X86_SHA256MSG2:
        o[0] = x[0] + sigma1(y[2]);
        o[1] = x[1] + sigma1(y[3]);
        o[2] = x[2] + sigma1(o[0]);
        o[3] = x[3] + sigma1(o[1]);
        break;
    default: sha1_rounds4(o, x, y, op - X86_SHA1RNDS4); break;
    }
}

void x86_soft_sha256rnds2(uint32_t o[4], const uint32_t x[4], const uint32_t y[4],
                          const uint32_t wk[4])
{
    uint32_t a = y[3], b = y[2], e = y[1], f = y[0], c = x[3], d = x[2], g = x[1], h = x[0];
    for (unsigned r = 0; r < 2; r++) {
        uint32_t t = ((e & f) ^ (~e & g)) + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + wk[r] + h;
        uint32_t n = t + ((a & b) ^ (a & c) ^ (b & c)) + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22));
        h = g;
        g = f;
        f = e;
        e = t + d;
        d = c;
        c = b;
        b = a;
        a = n;
    }
    o[3] = a;
    o[2] = b;
    o[1] = e;
    o[0] = f;
}

/* ---- the host's ---- */
#if defined(__x86_64__)
#define HOST_HAS(x) __builtin_cpu_supports(x)
#define LD(p)       _mm_loadu_si128((const __m128i *)(p))

__attribute__((target("aes"))) static void host_aes(X86AesOp op, void *out, const void *a,
                                                    const void *key)
{
    __m128i r = LD(a), k = LD(key);
    switch (op) {
    case X86_AES_ENC: r = _mm_aesenc_si128(r, k); break;
    case X86_AES_ENCLAST: r = _mm_aesenclast_si128(r, k); break;
    case X86_AES_DEC: r = _mm_aesdec_si128(r, k); break;
    default: r = _mm_aesdeclast_si128(r, k); break;
    }
    _mm_storeu_si128(out, r);
}

__attribute__((target("aes"))) static void host_aesimc(void *out, const void *a)
{
    _mm_storeu_si128(out, _mm_aesimc_si128(LD(a)));
}

__attribute__((target("pclmul,sse4.1"))) static void host_clmul(void *out, uint64_t a, uint64_t b)
{
    __m128i x = _mm_cvtsi64_si128((long long)a), y = _mm_cvtsi64_si128((long long)b);
    _mm_storeu_si128(out, _mm_clmulepi64_si128(x, y, 0));
}
#else
#define HOST_HAS(x)           false
#define host_aes(op, o, a, k) ((void)0)
#define host_aesimc(o, a)     ((void)0)
#define host_clmul(o, a, b)   ((void)0)
#endif

static void aes(X86AesOp op, IrVec *out, const void *a, const void *key)
{
    if (HOST_HAS("aes")) {
        host_aes(op, out, a, key);
    } else {
        x86_soft_aes(op, out->b, a, key);
    }
}

#define AES_HELPER(nm, op)                                                            \
    static void helper_##nm(CpuState *cs, IrVec *out, const void *a, const void *key) \
    {                                                                                 \
        aes(op, out, a, key);                                                         \
    }                                                                                 \
    HELPER(nm, IR_V128, HELPER_PURE, HARG_V128, HARG_V128)
AES_HELPER(aesenc, X86_AES_ENC);
AES_HELPER(aesenclast, X86_AES_ENCLAST);
AES_HELPER(aesdec, X86_AES_DEC);
AES_HELPER(aesdeclast, X86_AES_DECLAST);

static void helper_aesimc(CpuState *cs, IrVec *out, const void *a)
{
    if (HOST_HAS("aes")) {
        host_aesimc(out, a);
    } else {
        x86_soft_aesimc(out->b, a);
    }
}
HELPER(aesimc, IR_V128, HELPER_PURE, HARG_V128);

/* The last round of encryption with a zero key substitutes the bytes: only the rows move. */
static void helper_aeskeygen(CpuState *cs, IrVec *out, const void *a, uint64_t rcon)
{
    x86_soft_aeskeygen(out->b, a, (uint8_t)rcon);
}
HELPER(aeskeygen, IR_V128, HELPER_PURE, HARG_V128, HARG_I64);

static void helper_pclmul(CpuState *cs, IrVec *out, const void *a, const void *b, uint64_t imm)
{
    uint64_t x, y;
    memcpy(&x, (const uint8_t *)a + (imm & 1 ? 8 : 0), 8);
    memcpy(&y, (const uint8_t *)b + (imm & 16 ? 8 : 0), 8);
    if (HOST_HAS("pclmul")) {
        host_clmul(out, x, y);
    } else {
        x86_soft_clmul(out->q, x, y);
    }
}
HELPER(pclmul, IR_V128, HELPER_PURE, HARG_V128, HARG_V128, HARG_I64);

static void helper_sha(CpuState *cs, IrVec *out, uint64_t op, const void *a, const void *b)
{
    x86_soft_sha((unsigned)op, out->d, a, b);
}
HELPER(sha, IR_V128, HELPER_PURE, HARG_I64, HARG_V128, HARG_V128);

static void helper_sha256rnds2(CpuState *cs, IrVec *out, const void *a, const void *b,
                               const void *wk)
{
    x86_soft_sha256rnds2(out->d, a, b, wk);
}
HELPER(sha256rnds2, IR_V128, HELPER_PURE, HARG_V128, HARG_V128, HARG_V128);
