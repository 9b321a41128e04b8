/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer vector ops of the interpreter: plain C over lanes, one function a (op, lane, width).
 * Results are built apart and copied out, because d may be an operand's storage. Operands need
 * not be aligned to more than 8.
 */
#include <string.h>
#include "exec/ir/ir-priv.h"
#include "vec-priv.h"

typedef __int128 i128;

/* ---- lane-wise: expr over x (and y), of type T (unsigned) and S (signed), BITS ---- */
#define LANE2_FN(nm, T_, S_, bits, bytes, expr)                                                \
    static void nm##_##bits##_##bytes(void *d, const void *a_, const void *b_, const void *c_, \
                                      uint32_t imm)                                            \
    {                                                                                          \
        typedef T_ T;                                                                          \
        typedef S_ S;                                                                          \
        enum {                                                                                 \
            BITS = bits                                                                        \
        };                                                                                     \
        T a[(bytes) / sizeof(T)], b[(bytes) / sizeof(T)], r[(bytes) / sizeof(T)];              \
        memcpy(a, a_, bytes);                                                                  \
        memcpy(b, b_, bytes);                                                                  \
        for (unsigned i = 0; i < (bytes) / sizeof(T); i++) {                                   \
            T x = a[i], y = b[i];                                                              \
            S sx = (S)x, sy = (S)y;                                                            \
            (void)sx, (void)sy, (void)y;                                                       \
            r[i] = (T)(expr);                                                                  \
        }                                                                                      \
        memcpy(d, r, bytes);                                                                   \
        (void)c_, (void)imm;                                                                   \
    }
#define LANE2(nm, expr)                                                                        \
    LANE2_FN(nm, uint8_t, int8_t, 8, 16, expr)                                                 \
    LANE2_FN(nm, uint16_t, int16_t, 16, 16, expr)                                              \
    LANE2_FN(nm, uint32_t, int32_t, 32, 16, expr)                                              \
    LANE2_FN(nm, uint64_t, int64_t, 64, 16, expr)                                              \
    LANE2_FN(nm, uint8_t, int8_t, 8, 32, expr)                                                 \
    LANE2_FN(nm, uint16_t, int16_t, 16, 32, expr)                                              \
    LANE2_FN(nm, uint32_t, int32_t, 32, 32, expr)                                              \
    LANE2_FN(nm, uint64_t, int64_t, 64, 32, expr)                                              \
    static const BcVecFn nm##_fns[2][4] = { { nm##_8_16, nm##_16_16, nm##_32_16, nm##_64_16 }, \
                                            { nm##_8_32, nm##_16_32, nm##_32_32, nm##_64_32 } };

#define S_MAX ((S)((T) ~(T)0 >> 1))
#define S_MIN ((S)~S_MAX)

/* A wider intermediate; only the 64-bit lanes pay for 128 bits. */
LANE2(vadd, x + y)
LANE2(vsub, x - y)
LANE2(vaddss, CLAMP((i128)sx + sy, S_MIN, S_MAX))
LANE2(vaddus, (T)(x + y) < x ? (T) ~(T)0 : (T)(x + y))
LANE2(vsubss, CLAMP((i128)sx - sy, S_MIN, S_MAX))
LANE2(vsubus, x < y ? 0 : x - y)
LANE2(vmullo, (uint64_t)x *y)
/* Over 64 or 128 bits gcc 12 vectorises this as an unsigned multiplication. */
LANE2(vmulhs,
      BITS <= 16 ? ((int32_t)sx * (int32_t)sy) >> (BITS & 31) : (int64_t)(((i128)sx * sy) >> BITS))
LANE2(vmulhu, ((unsigned __int128)x * y) >> BITS)
LANE2(vmulhrs, ((((i128)sx * sy) >> (BITS - 2)) + 1) >> 1)
LANE2(vmins, sx < sy ? x : y)
LANE2(vminu, x < y ? x : y)
LANE2(vmaxs, sx > sy ? x : y)
LANE2(vmaxu, x > y ? x : y)
LANE2(vavgu, ((unsigned __int128)x + y + 1) >> 1)
LANE2(vcmpeq, x == y ? ~(T)0 : 0)
LANE2(vcmpgts, sx > sy ? ~(T)0 : 0)
LANE2(vcmpgtu, x > y ? ~(T)0 : 0)
LANE2(vabs, sx < 0 ? -x : x)
LANE2(vsign, sy<0 ? -x : sy> 0 ? x : 0)
LANE2(vshlv, y >= BITS ? 0 : (uint64_t)x << y)
LANE2(vshrv, y >= BITS ? 0 : x >> y)
LANE2(vsarv, sx >> (y >= BITS ? BITS - 1 : y))
LANE2(vand, x &y)
LANE2(vor, x | y)
LANE2(vxor, x ^ y)
LANE2(vandn, ~x &y)
LANE2(vnot, ~x)

/* ---- one count for all lanes: immediate, or the i64 at b ---- */
#define SHIFT_FN(nm, T_, S_, bits, bytes, count, expr)                                         \
    static void nm##_##bits##_##bytes(void *d, const void *a_, const void *b_, const void *c_, \
                                      uint32_t imm)                                            \
    {                                                                                          \
        typedef T_ T;                                                                          \
        typedef S_ S;                                                                          \
        enum {                                                                                 \
            BITS = bits                                                                        \
        };                                                                                     \
        T r[(bytes) / sizeof(T)];                                                              \
        uint64_t n = (count);                                                                  \
        memcpy(r, a_, bytes);                                                                  \
        for (unsigned i = 0; i < (bytes) / sizeof(T); i++) {                                   \
            T x = r[i];                                                                        \
            S sx = (S)x;                                                                       \
            (void)sx;                                                                          \
            r[i] = (T)(expr);                                                                  \
        }                                                                                      \
        memcpy(d, r, bytes);                                                                   \
        (void)b_, (void)c_, (void)imm;                                                         \
    }
#define SHIFT(nm, count, expr)                                                                 \
    SHIFT_FN(nm, uint8_t, int8_t, 8, 16, count, expr)                                          \
    SHIFT_FN(nm, uint16_t, int16_t, 16, 16, count, expr)                                       \
    SHIFT_FN(nm, uint32_t, int32_t, 32, 16, count, expr)                                       \
    SHIFT_FN(nm, uint64_t, int64_t, 64, 16, count, expr)                                       \
    SHIFT_FN(nm, uint8_t, int8_t, 8, 32, count, expr)                                          \
    SHIFT_FN(nm, uint16_t, int16_t, 16, 32, count, expr)                                       \
    SHIFT_FN(nm, uint32_t, int32_t, 32, 32, count, expr)                                       \
    SHIFT_FN(nm, uint64_t, int64_t, 64, 32, count, expr)                                       \
    static const BcVecFn nm##_fns[2][4] = { { nm##_8_16, nm##_16_16, nm##_32_16, nm##_64_16 }, \
                                            { nm##_8_32, nm##_16_32, nm##_32_32, nm##_64_32 } };
#define COUNT_B (*(const uint64_t *)b_)
SHIFT(vshli, imm, n >= BITS ? 0 : (uint64_t)x << n)
SHIFT(vshri, imm, n >= BITS ? 0 : x >> n)
SHIFT(vsari, imm, sx >> (n >= BITS ? BITS - 1 : n))
SHIFT(vshl, COUNT_B, n >= BITS ? 0 : (uint64_t)x << n)
SHIFT(vshr, COUNT_B, n >= BITS ? 0 : x >> n)
SHIFT(vsar, COUNT_B, sx >> (n >= BITS ? BITS - 1 : n))

/* ---- everything else works on both widths through a byte count ---- */
typedef void (*Body)(IrVec *r, const IrVec *a, const IrVec *b, const IrVec *c, uint32_t imm,
                     unsigned bytes);

static inline __attribute__((always_inline)) void apply(Body body, void *d, const void *a,
                                                        const void *b, const void *c, uint32_t imm,
                                                        unsigned bytes)
{
    IrVec x = { 0 }, y = { 0 }, z = { 0 }, r = { 0 };

    memcpy(&x, a, bytes);
    memcpy(&y, b, bytes);
    memcpy(&z, c, bytes);
    body(&r, &x, &y, &z, imm, bytes);
    memcpy(d, &r, bytes);
}

#define BOTH(nm)                                                                            \
    static void nm##_16(void *d, const void *a, const void *b, const void *c, uint32_t imm) \
    {                                                                                       \
        apply(nm##_body, d, a, b, c, imm, 16);                                              \
    }                                                                                       \
    static void nm##_32(void *d, const void *a, const void *b, const void *c, uint32_t imm) \
    {                                                                                       \
        apply(nm##_body, d, a, b, c, imm, 32);                                              \
    }                                                                                       \
    static const BcVecFn nm##_fns[2] = { nm##_16, nm##_32 };
#define BODY(nm)                                                                           \
    static inline void nm##_body(IrVec *r, const IrVec *a, const IrVec *b, const IrVec *c, \
                                 uint32_t imm, unsigned bytes)

BODY(vbitsel)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        r->q[i] = (a->q[i] & b->q[i]) | (~a->q[i] & c->q[i]);
    }
}
BOTH(vbitsel)

BODY(vmuleu)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        r->q[i] = (uint64_t)a->d[2 * i] * b->d[2 * i];
    }
}
BOTH(vmuleu)

BODY(vmules)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        r->q[i] = (uint64_t)((int64_t)(int32_t)a->d[2 * i] * (int32_t)b->d[2 * i]);
    }
}
BOTH(vmules)

BODY(vmadd)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        r->d[i] = (uint32_t)((int16_t)a->w[2 * i] * (int16_t)b->w[2 * i]) +
                  (uint32_t)((int16_t)a->w[2 * i + 1] * (int16_t)b->w[2 * i + 1]);
    }
}
BOTH(vmadd)

BODY(vmaddus)
{
    for (unsigned i = 0; i < bytes / 2; i++) {
        int v = a->b[2 * i] * (int8_t)b->b[2 * i] + a->b[2 * i + 1] * (int8_t)b->b[2 * i + 1];
        r->w[i] = (uint16_t)CLAMP(v, -32768, 32767);
    }
}
BOTH(vmaddus)

BODY(vsad)
{
    for (unsigned i = 0; i < bytes; i++) {
        r->q[i / 8] += (uint64_t)abs(a->b[i] - b->b[i]);
    }
}
BOTH(vsad)

/* Each half has its own three control bits. */
BODY(vmpsad)
{
    for (unsigned h = 0; h < bytes / 16; h++) {
        unsigned ctl = imm >> 3 * h, so = 16 * h + (ctl & 3) * 4, po = 16 * h + (ctl >> 2 & 1) * 4;
        for (unsigned i = 0; i < 8; i++) {
            unsigned sum = 0;
            for (unsigned k = 0; k < 4; k++) {
                sum += (unsigned)abs(a->b[po + i + k] - b->b[so + k]);
            }
            r->w[8 * h + i] = sum;
        }
    }
}
BOTH(vmpsad)

BODY(vhminpos)
{
    unsigned best = 0;

    for (unsigned i = 1; i < 8; i++) {
        best = a->w[i] < a->w[best] ? i : best;
    }
    r->w[0] = a->w[best];
    r->w[1] = best;
}
BOTH(vhminpos)

/* Horizontal: per half, pairs of a then pairs of b. */
#define HORIZONTAL(nm, field, T, per, expr)                     \
    BODY(nm)                                                    \
    {                                                           \
        for (unsigned h = 0; h < bytes / 16; h++) {             \
            for (unsigned i = 0; i < (per); i++) {              \
                const IrVec *s = i < (per) / 2 ? a : b;         \
                unsigned at = (per)*h + 2 * (i % ((per) / 2));  \
                T x = (T)s->field[at], y = (T)s->field[at + 1]; \
                r->field[(per)*h + i] = (expr);                 \
            }                                                   \
        }                                                       \
    }                                                           \
    BOTH(nm)
HORIZONTAL(vhadd16, w, uint16_t, 8, (uint16_t)(x + y))
HORIZONTAL(vhadd32, d, uint32_t, 4, x + y)
HORIZONTAL(vhsub16, w, uint16_t, 8, (uint16_t)(x - y))
HORIZONTAL(vhsub32, d, uint32_t, 4, x - y)
HORIZONTAL(vhaddss, w, int16_t, 8, (uint16_t)CLAMP(x + y, -32768, 32767))
HORIZONTAL(vhsubss, w, int16_t, 8, (uint16_t)CLAMP(x - y, -32768, 32767))

BODY(vbshli)
{
    for (unsigned i = 0; i < bytes; i++) {
        r->b[i] = (i & 15) >= imm ? a->b[i - imm] : 0;
    }
}
BOTH(vbshli)

BODY(vbshri)
{
    for (unsigned i = 0; i < bytes; i++) {
        r->b[i] = (i & 15) + (uint64_t)imm < 16 ? a->b[i + imm] : 0;
    }
}
BOTH(vbshri)

BODY(vpshufb)
{
    for (unsigned i = 0; i < bytes; i++) {
        r->b[i] = b->b[i] & 0x80 ? 0 : a->b[(i & 16) + (b->b[i] & 15)];
    }
}
BOTH(vpshufb)

BODY(vshuf32)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        r->d[i] = a->d[(i & 4) + (imm >> 2 * (i & 3) & 3)];
    }
}
BOTH(vshuf32)

BODY(vshuflo16)
{
    for (unsigned i = 0; i < bytes / 2; i++) {
        r->w[i] = i & 4 ? a->w[i] : a->w[(i & 8) + (imm >> 2 * (i & 3) & 3)];
    }
}
BOTH(vshuflo16)

BODY(vshufhi16)
{
    for (unsigned i = 0; i < bytes / 2; i++) {
        r->w[i] = i & 4 ? a->w[(i & 8) + 4 + (imm >> 2 * (i & 3) & 3)] : a->w[i];
    }
}
BOTH(vshufhi16)

BODY(vshufps)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        r->d[i] = (i & 2 ? b : a)->d[(i & 4) + (imm >> 2 * (i & 3) & 3)];
    }
}
BOTH(vshufps)

BODY(vshufpd)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        r->q[i] = (i & 1 ? b : a)->q[(i & 2) + (imm >> i & 1)];
    }
}
BOTH(vshufpd)

#define UNPACK(nm, field, per, off)                                            \
    BODY(nm)                                                                   \
    {                                                                          \
        for (unsigned h = 0; h < bytes / 16; h++) {                            \
            for (unsigned i = 0; i < (per) / 2; i++) {                         \
                r->field[(per)*h + 2 * i] = a->field[(per)*h + (off) + i];     \
                r->field[(per)*h + 2 * i + 1] = b->field[(per)*h + (off) + i]; \
            }                                                                  \
        }                                                                      \
    }                                                                          \
    BOTH(nm)
UNPACK(vunpckl8, b, 16, 0)
UNPACK(vunpckl16, w, 8, 0)
UNPACK(vunpckl32, d, 4, 0)
UNPACK(vunpckl64, q, 2, 0)
UNPACK(vunpckh8, b, 16, 8)
UNPACK(vunpckh16, w, 8, 4)
UNPACK(vunpckh32, d, 4, 2)
UNPACK(vunpckh64, q, 2, 1)

#define PACK(nm, to, from, S, per, lo, hi)                                               \
    BODY(nm)                                                                             \
    {                                                                                    \
        for (unsigned h = 0; h < bytes / 16; h++) {                                      \
            for (unsigned i = 0; i < (per); i++) {                                       \
                S x = (S)(i < (per) / 2 ? a : b)->from[(per) / 2 * h + i % ((per) / 2)]; \
                r->to[(per)*h + i] = CLAMP(x, lo, hi);                                   \
            }                                                                            \
        }                                                                                \
    }                                                                                    \
    BOTH(nm)
PACK(vpackss16, b, w, int16_t, 16, -128, 127)
PACK(vpackss32, w, d, int32_t, 8, -32768, 32767)
PACK(vpackus16, b, w, int16_t, 16, 0, 255)
PACK(vpackus32, w, d, int32_t, 8, 0, 65535)

BODY(valignr)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned h = i & 16, k = (i & 15) + imm;
        r->b[i] = k < 16 ? b->b[h + k] : k < 32 ? a->b[h + k - 16] : 0;
    }
}
BOTH(valignr)

#define BLENDS(nm, field, top, per)                                           \
    BODY(vblendv##nm)                                                         \
    {                                                                         \
        for (unsigned i = 0; i < bytes / sizeof(r->field[0]); i++) {          \
            r->field[i] = c->field[i] >> (top)&1 ? b->field[i] : a->field[i]; \
        }                                                                     \
    }                                                                         \
    BOTH(vblendv##nm)                                                         \
    BODY(vblendi##nm)                                                         \
    {                                                                         \
        for (unsigned i = 0; i < bytes / sizeof(r->field[0]); i++) {          \
            r->field[i] = imm >> (i % (per)) & 1 ? b->field[i] : a->field[i]; \
        }                                                                     \
    }                                                                         \
    BOTH(vblendi##nm)
BLENDS(8, b, 7, 32)
BLENDS(16, w, 15, 8)
BLENDS(32, d, 31, 8)
BLENDS(64, q, 63, 4)

BODY(vpermilv32)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        r->d[i] = a->d[(i & 4) + (b->d[i] & 3)];
    }
}
BOTH(vpermilv32)

BODY(vpermilv64)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        r->q[i] = a->q[(i & 2) + (b->q[i] >> 1 & 1)];
    }
}
BOTH(vpermilv64)

BODY(vpermq)
{
    for (unsigned i = 0; i < 4; i++) {
        r->q[i] = a->q[imm >> 2 * i & 3];
    }
}
BOTH(vpermq)

BODY(vpermd)
{
    for (unsigned i = 0; i < 8; i++) {
        r->d[i] = a->d[b->d[i] & 7];
    }
}
BOTH(vpermd)

BODY(vperm2x128)
{
    for (unsigned h = 0; h < 2; h++) {
        unsigned c4 = imm >> 4 * h & 15;
        const IrVec *s = c4 & 2 ? b : a;
        r->q[2 * h] = c4 & 8 ? 0 : s->q[2 * (c4 & 1)];
        r->q[2 * h + 1] = c4 & 8 ? 0 : s->q[2 * (c4 & 1) + 1];
    }
}
BOTH(vperm2x128)

BODY(vmovddup)
{
    for (unsigned i = 0; i < bytes / 8; i++) {
        r->q[i] = a->q[i & ~1u];
    }
}
BOTH(vmovddup)

BODY(vmovsldup)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        r->d[i] = a->d[i & ~1u];
    }
}
BOTH(vmovsldup)

BODY(vmovshdup)
{
    for (unsigned i = 0; i < bytes / 4; i++) {
        r->d[i] = a->d[i | 1];
    }
}
BOTH(vmovshdup)

/* ---- operands or results of other sizes: written on the raw frame addresses ---- */
#define RAW(nm) static void nm(void *d, const void *a, const void *b, const void *c, uint32_t imm)

#define ONE_LANE(bits, T)                         \
    RAW(vlane_##bits)                             \
    {                                             \
        IrVec r = { 0 };                          \
        memcpy(&r, (const T *)a + imm, bits / 8); \
        memcpy(d, &r, 16);                        \
    }                                             \
    RAW(vinslane_##bits)                          \
    {                                             \
        IrVec r;                                  \
        memcpy(&r, a, 16);                        \
        memcpy((T *)&r + imm, b, bits / 8);       \
        memcpy(d, &r, 16);                        \
    }
ONE_LANE(32, uint32_t)
ONE_LANE(64, uint64_t)

#define LANE_OPS(bits, bytes, T)                                       \
    RAW(vgetlane_##bits)                                               \
    {                                                                  \
        *(uint64_t *)d = ((const T *)a)[imm];                          \
    }                                                                  \
    RAW(vsetlane_##bits##_16)                                          \
    {                                                                  \
        IrVec r;                                                       \
        T v = (T) * (const uint64_t *)b;                               \
        memcpy(&r, a, 16);                                             \
        memcpy(&r.b[imm * (bytes)], &v, bytes);                        \
        memcpy(d, &r, 16);                                             \
    }                                                                  \
    RAW(vsetlane_##bits##_32)                                          \
    {                                                                  \
        IrVec r;                                                       \
        T v = (T) * (const uint64_t *)b;                               \
        memcpy(&r, a, 32);                                             \
        memcpy(&r.b[imm * (bytes)], &v, bytes);                        \
        memcpy(d, &r, 32);                                             \
    }                                                                  \
    RAW(vdup_##bits##_16)                                              \
    {                                                                  \
        T v = (T) * (const uint64_t *)a;                               \
        for (unsigned i = 0; i < 16 / (bytes); i++) {                  \
            memcpy((char *)d + i * (bytes), &v, bytes);                \
        }                                                              \
    }                                                                  \
    RAW(vdup_##bits##_32)                                              \
    {                                                                  \
        T v = (T) * (const uint64_t *)a;                               \
        for (unsigned i = 0; i < 32 / (bytes); i++) {                  \
            memcpy((char *)d + i * (bytes), &v, bytes);                \
        }                                                              \
    }                                                                  \
    RAW(vmovmsk_##bits##_16)                                           \
    {                                                                  \
        uint32_t m = 0;                                                \
        for (unsigned i = 0; i < 16 / (bytes); i++) {                  \
            m |= (uint32_t)(((const T *)a)[i] >> ((bits)-1) & 1) << i; \
        }                                                              \
        *(uint64_t *)d = m;                                            \
    }                                                                  \
    RAW(vmovmsk_##bits##_32)                                           \
    {                                                                  \
        uint32_t m = 0;                                                \
        for (unsigned i = 0; i < 32 / (bytes); i++) {                  \
            m |= (uint32_t)(((const T *)a)[i] >> ((bits)-1) & 1) << i; \
        }                                                              \
        *(uint64_t *)d = m;                                            \
    }
LANE_OPS(8, 1, uint8_t)
LANE_OPS(16, 2, uint16_t)
LANE_OPS(32, 4, uint32_t)
LANE_OPS(64, 8, uint64_t)
#define LANE_ROW(nm, w)                                   \
    {                                                     \
        nm##_8_##w, nm##_16_##w, nm##_32_##w, nm##_64_##w \
    }
static const BcVecFn vgetlane_fns[4] = { vgetlane_8, vgetlane_16, vgetlane_32, vgetlane_64 };
static const BcVecFn vsetlane_fns[2][4] = { LANE_ROW(vsetlane, 16), LANE_ROW(vsetlane, 32) };
static const BcVecFn vdup_fns[2][4] = { LANE_ROW(vdup, 16), LANE_ROW(vdup, 32) };
static const BcVecFn vmovmsk_fns[2][4] = { LANE_ROW(vmovmsk, 16), LANE_ROW(vmovmsk, 32) };

static uint64_t test_bits(const void *a, const void *b, unsigned bytes, bool invert)
{
    uint64_t x[4], y[4], any = 0;

    memcpy(x, a, bytes);
    memcpy(y, b, bytes);
    for (unsigned i = 0; i < bytes / 8; i++) {
        any |= (invert ? ~x[i] : x[i]) & y[i];
    }
    return any == 0;
}
RAW(vtestz_16)
{
    *(uint64_t *)d = test_bits(a, b, 16, false);
}
RAW(vtestz_32)
{
    *(uint64_t *)d = test_bits(a, b, 32, false);
}
RAW(vtestc_16)
{
    *(uint64_t *)d = test_bits(a, b, 16, true);
}
RAW(vtestc_32)
{
    *(uint64_t *)d = test_bits(a, b, 32, true);
}

/* The integer operand's unit may hold junk above its type: i32 and i64 forms differ. */
static void from_int(void *d, uint64_t v, unsigned bytes)
{
    IrVec r = { .q = { v } };

    memcpy(d, &r, bytes);
}
RAW(vfromi32_16)
{
    from_int(d, *(const uint32_t *)a, 16);
}
RAW(vfromi32_32)
{
    from_int(d, *(const uint32_t *)a, 32);
}
RAW(vfromi64_16)
{
    from_int(d, *(const uint64_t *)a, 16);
}
RAW(vfromi64_32)
{
    from_int(d, *(const uint64_t *)a, 32);
}

static int64_t lane_at(const IrVec *v, unsigned lane, unsigned i, bool sign)
{
    switch (lane) {
    case V8: return sign ? (int8_t)v->b[i] : v->b[i];
    case V16: return sign ? (int16_t)v->w[i] : v->w[i];
    default: return sign ? (int32_t)v->d[i] : (int64_t)v->d[i];
    }
}

static void extend(void *d, const void *a, unsigned from, unsigned to, unsigned bytes, bool sign)
{
    IrVec x, r = { 0 };
    unsigned size = 1u << to;

    memcpy(&x, a, 16);
    for (unsigned i = 0; i < bytes / size; i++) {
        int64_t v = lane_at(&x, from, i, sign);
        memcpy(&r.b[i * size], &v, size);
    }
    memcpy(d, &r, bytes);
}
#define EXTENDS(lane, tag)                  \
    RAW(vsext_##tag##_16)                   \
    {                                       \
        extend(d, a, lane, imm, 16, true);  \
    }                                       \
    RAW(vsext_##tag##_32)                   \
    {                                       \
        extend(d, a, lane, imm, 32, true);  \
    }                                       \
    RAW(vzext_##tag##_16)                   \
    {                                       \
        extend(d, a, lane, imm, 16, false); \
    }                                       \
    RAW(vzext_##tag##_32)                   \
    {                                       \
        extend(d, a, lane, imm, 32, false); \
    }
EXTENDS(V8, 8)
EXTENDS(V16, 16)
EXTENDS(V32, 32)
static const BcVecFn vsext_fns[2][4] = { { vsext_8_16, vsext_16_16, vsext_32_16, NULL },
                                         { vsext_8_32, vsext_16_32, vsext_32_32, NULL } };
static const BcVecFn vzext_fns[2][4] = { { vzext_8_16, vzext_16_16, vzext_32_16, NULL },
                                         { vzext_8_32, vzext_16_32, vzext_32_32, NULL } };

RAW(vzext256)
{
    IrVec r = { 0 };

    memcpy(&r, a, 16);
    memcpy(d, &r, 32);
}
RAW(vlo128)
{
    memmove(d, a, 16);
}
RAW(vhi128)
{
    memmove(d, (const char *)a + 16, 16);
}
RAW(vconcat)
{
    IrVec r;

    memcpy(&r, a, 16);
    memcpy(&r.b[16], b, 16);
    memcpy(d, &r, 32);
}

/* ---- the table ---- */
/* size-exempt: dispatch */
BcVecFn interp_vec_fn(IrOp op, IrType type, IrType optype, unsigned sub)
{
    unsigned w = type == IR_V256, ow = optype == IR_V256;
    bool l32 = sub == V32;

    switch (op) {
    case IR_VADD: return vadd_fns[w][sub & 3];
    case IR_VSUB: return vsub_fns[w][sub & 3];
    case IR_VADDSS: return vaddss_fns[w][sub & 3];
    case IR_VADDUS: return vaddus_fns[w][sub & 3];
    case IR_VSUBSS: return vsubss_fns[w][sub & 3];
    case IR_VSUBUS: return vsubus_fns[w][sub & 3];
    case IR_VMULLO: return vmullo_fns[w][sub & 3];
    case IR_VMULHS: return vmulhs_fns[w][sub & 3];
    case IR_VMULHU: return vmulhu_fns[w][sub & 3];
    case IR_VMULHRS: return vmulhrs_fns[w][sub & 3];
    case IR_VMINS: return vmins_fns[w][sub & 3];
    case IR_VMINU: return vminu_fns[w][sub & 3];
    case IR_VMAXS: return vmaxs_fns[w][sub & 3];
    case IR_VMAXU: return vmaxu_fns[w][sub & 3];
    case IR_VAVGU: return vavgu_fns[w][sub & 3];
    case IR_VCMPEQ: return vcmpeq_fns[w][sub & 3];
    case IR_VCMPGTS: return vcmpgts_fns[w][sub & 3];
    case IR_VCMPGTU: return vcmpgtu_fns[w][sub & 3];
    case IR_VABS: return vabs_fns[w][sub & 3];
    case IR_VSIGN: return vsign_fns[w][sub & 3];
    case IR_VSHLV: return vshlv_fns[w][sub & 3];
    case IR_VSHRV: return vshrv_fns[w][sub & 3];
    case IR_VSARV: return vsarv_fns[w][sub & 3];
    case IR_VSHLI: return vshli_fns[w][sub & 3];
    case IR_VSHRI: return vshri_fns[w][sub & 3];
    case IR_VSARI: return vsari_fns[w][sub & 3];
    case IR_VSHL: return vshl_fns[w][sub & 3];
    case IR_VSHR: return vshr_fns[w][sub & 3];
    case IR_VSAR: return vsar_fns[w][sub & 3];
    case IR_VSETLANE: return vsetlane_fns[w][sub & 3];
    case IR_VDUP: return vdup_fns[w][sub & 3];
    case IR_VSPLAT: return vdup_fns[w][sub & 3]; /* lane 0 is where an integer would be */
    case IR_VSEXT: return vsext_fns[w][sub & 3];
    case IR_VZEXT: return vzext_fns[w][sub & 3];
    case IR_VBITSEL: return vbitsel_fns[w];
    case IR_VMULEU: return vmuleu_fns[w];
    case IR_VMULES: return vmules_fns[w];
    case IR_VMADD: return vmadd_fns[w];
    case IR_VMADDUS: return vmaddus_fns[w];
    case IR_VSAD: return vsad_fns[w];
    case IR_VMPSAD: return vmpsad_fns[w];
    case IR_VHMINPOS: return vhminpos_fns[w];
    case IR_VHADDSS: return vhaddss_fns[w];
    case IR_VHSUBSS: return vhsubss_fns[w];
    case IR_VBSHLI: return vbshli_fns[w];
    case IR_VBSHRI: return vbshri_fns[w];
    case IR_VPSHUFB: return vpshufb_fns[w];
    case IR_VSHUF32: return vshuf32_fns[w];
    case IR_VSHUFLO16: return vshuflo16_fns[w];
    case IR_VSHUFHI16: return vshufhi16_fns[w];
    case IR_VSHUFPS: return vshufps_fns[w];
    case IR_VSHUFPD: return vshufpd_fns[w];
    case IR_VALIGNR: return valignr_fns[w];
    case IR_VPERMQ: return vpermq_fns[w];
    case IR_VPERMD: return vpermd_fns[w];
    case IR_VPERM2X128: return vperm2x128_fns[w];
    case IR_VMOVDDUP: return vmovddup_fns[w];
    case IR_VMOVSLDUP: return vmovsldup_fns[w];
    case IR_VMOVSHDUP: return vmovshdup_fns[w];
    case IR_VAND: return vand_fns[w][V64];
    case IR_VOR: return vor_fns[w][V64];
    case IR_VXOR: return vxor_fns[w][V64];
    case IR_VANDN: return vandn_fns[w][V64];
    case IR_VNOT: return vnot_fns[w][V64];
    case IR_VHADD: return l32 ? vhadd32_fns[w] : vhadd16_fns[w];
    case IR_VHSUB: return l32 ? vhsub32_fns[w] : vhsub16_fns[w];
    case IR_VPACKSS: return l32 ? vpackss32_fns[w] : vpackss16_fns[w];
    case IR_VPACKUS: return l32 ? vpackus32_fns[w] : vpackus16_fns[w];
    case IR_VPERMILV: return l32 ? vpermilv32_fns[w] : vpermilv64_fns[w];
#define FOUR(nm)                   \
    (sub == V8    ? nm##8_fns [w]  \
     : sub == V16 ? nm##16_fns [w] \
     : l32        ? nm##32_fns [w] \
                  : nm##64_fns [w])
    case IR_VUNPCKL: return FOUR(vunpckl);
    case IR_VUNPCKH: return FOUR(vunpckh);
    case IR_VBLENDV: return FOUR(vblendv);
    case IR_VBLENDI: return FOUR(vblendi);
#undef FOUR
    case IR_VGETLANE: return vgetlane_fns[sub & 3];
    case IR_VLANE: return sub == V32 ? vlane_32 : sub == V64 ? vlane_64 : NULL;
    case IR_VINSLANE: return sub == V32 ? vinslane_32 : sub == V64 ? vinslane_64 : NULL;
    case IR_VMOVMSK: return vmovmsk_fns[ow][sub & 3];
    case IR_VTESTZ: return ow ? vtestz_32 : vtestz_16;
    case IR_VTESTC: return ow ? vtestc_32 : vtestc_16;
    case IR_VFROMI:
        return optype == IR_I32 ? (w ? vfromi32_32 : vfromi32_16) : (w ? vfromi64_32 : vfromi64_16);
    case IR_VZEXT256: return vzext256;
    case IR_VLO128: return vlo128;
    case IR_VHI128: return vhi128;
    case IR_VCONCAT: return vconcat;
    default: return interp_vecfp_fn(op, type, optype, sub);
    }
}
