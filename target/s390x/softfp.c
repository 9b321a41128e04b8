/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See softfp.h. A finite number is taken apart into sign, exponent and a significand of 128 bits whose
 * first bit is one: value = mant / 2^127 * 2^exp. Operations make such a number, with all that was
 * lost ORed into the last bit, and pack() rounds it: a format needs at most 113 bits, so the last
 * bit is never one that is kept.
 */
#include "target/s390x/softfp.h"
#include "target/s390x/wide.h"

typedef FpBits u128;

typedef struct {
    FpClass kind;
    bool sign;
    int exp;
    u128 mant;
} Num;

static const struct {
    uint8_t exp_bits, frac_bits;
} layout[] = { { 8, 23 }, { 11, 52 }, { 15, 112 } };

static int bias_of(FpFormat f)
{
    return (1 << (layout[f].exp_bits - 1)) - 1;
}

FpBits fp_sign_bit(FpFormat f)
{
    return (u128)1 << (layout[f].exp_bits + layout[f].frac_bits);
}

bool fp_sign(FpFormat f, FpBits v)
{
    return v & fp_sign_bit(f);
}

static u128 quiet_bit(FpFormat f)
{
    return (u128)1 << (layout[f].frac_bits - 1);
}

FpBits fp_quiet(FpFormat f, FpBits v)
{
    return v | quiet_bit(f);
}

static unsigned exponent(FpFormat f, u128 v)
{
    return (unsigned)(v >> layout[f].frac_bits) & ((1u << layout[f].exp_bits) - 1);
}

static u128 fraction(FpFormat f, u128 v)
{
    return v & (((u128)1 << layout[f].frac_bits) - 1);
}

FpClass fp_class(FpFormat f, FpBits v)
{
    unsigned e = exponent(f, v);
    bool some = fraction(f, v) != 0;

    if (e == (1u << layout[f].exp_bits) - 1) {
        return !some ? FP_IS_INF : v & quiet_bit(f) ? FP_IS_QNAN : FP_IS_SNAN;
    }
    return e ? FP_IS_NORMAL : some ? FP_IS_SUBNORMAL : FP_IS_ZERO;
}

/* ---- apart and together ---- */
static Num unpack(FpFormat f, u128 v)
{
    Num n = { .kind = fp_class(f, v), .sign = fp_sign(f, v) };
    unsigned up = 127 - layout[f].frac_bits;

    n.mant = fraction(f, v);
    if (n.kind == FP_IS_NORMAL) {
        n.exp = (int)exponent(f, v) - bias_of(f);
        n.mant = (n.mant | (u128)1 << layout[f].frac_bits) << up;
    } else if (n.kind == FP_IS_SUBNORMAL) {
        unsigned lz = leading_zeros(n.mant);
        n.exp = 1 - bias_of(f) - (int)(lz - up);
        n.mant <<= lz;
        n.kind = FP_IS_NORMAL;
    }
    return n;
}

static u128 assemble(FpFormat f, bool sign, unsigned exp, u128 frac)
{
    return (sign ? fp_sign_bit(f) : 0) | (u128)exp << layout[f].frac_bits | frac;
}

static u128 infinity(FpFormat f, bool sign)
{
    return assemble(f, sign, (1u << layout[f].exp_bits) - 1, 0);
}

static u128 invalid(FpEnv *e, FpFormat f)
{
    e->flags |= FP_INVALID;
    return infinity(f, false) | quiet_bit(f);
}

/* Is the last kept unit to be counted up? rest: the lost bits, left-aligned. */
static bool round_up(FpRound rm, bool sign, bool odd, u128 rest)
{
    u128 half = (u128)1 << 127;

    switch (rm) {
    case FP_NEAREST: return rest > half || (rest == half && odd);
    case FP_AWAY: return rest >= half;
    case FP_UP: return !sign && rest;
    case FP_DOWN: return sign && rest;
    case FP_ODD: return rest && !odd;
    case FP_ZERO: break;
    }
    return false;
}

/* Exponents of the factor that brings a trapped result back into the format's range. */
static const uint16_t wrap[] = { 192, 1536, 24576 };

static u128 pack(FpEnv *e, FpFormat f, bool sign, int exp, u128 mant);

/* The result that goes with an enabled exception. */
static u128 pack_scaled(FpEnv *e, FpFormat f, bool sign, int exp, u128 mant, uint8_t why)
{
    FpEnv inner = { .rm = e->rm };
    u128 r = pack(&inner, f, sign, why == FP_OVERFLOW ? exp - wrap[f] : exp + wrap[f], mant);

    e->flags |= why | (inner.flags & FP_INEXACT);
    e->up = inner.up;
    return r;
}

static u128 overflow(FpEnv *e, FpFormat f, bool sign)
{
    bool finite = e->rm == FP_ZERO || e->rm == FP_ODD || (e->rm == FP_UP && sign) ||
                  (e->rm == FP_DOWN && !sign);

    e->flags |= FP_OVERFLOW | FP_INEXACT;
    e->up = !finite;
    return finite ? infinity(f, sign) - 1 : infinity(f, sign);
}

/* mant: not zero, first bit one */
static u128 pack(FpEnv *e, FpFormat f, bool sign, int exp, u128 mant)
{
    unsigned fb = layout[f].frac_bits, lost = 127 - fb;
    int biased = exp + bias_of(f);
    bool tiny = biased < 1;

    if (tiny && (e->traps & FP_UNDERFLOW)) {
        return pack_scaled(e, f, sign, exp, mant, FP_UNDERFLOW);
    }
    u128 whole = mant;
    if (tiny) {
        int down = 1 - biased;
        mant = shift_jam(mant, down > 200 ? 200 : (unsigned)down);
        biased = 0;
    }
    u128 kept = mant >> lost, rest = mant << (128 - lost);
    if (rest) {
        e->flags |= FP_INEXACT | (tiny ? FP_UNDERFLOW : 0);
        e->up = round_up(e->rm, sign, kept & 1, rest);
        kept += e->up;
    }
    /* the implicit bit counts the exponent up, as does a carry out of the fraction */
    u128 magnitude = kept + ((u128)(tiny ? 0 : biased - 1) << fb);
    if (biased > 2 * bias_of(f) || magnitude >= infinity(f, false)) {
        return e->traps & FP_OVERFLOW ? pack_scaled(e, f, sign, exp, whole, FP_OVERFLOW)
                                      : overflow(e, f, sign);
    }
    return (sign ? fp_sign_bit(f) : 0) | magnitude;
}

static u128 pack_wide(FpEnv *e, FpFormat f, bool sign, int exp, Wide v)
{
    exp -= (int)wide_normalize(&v);
    return pack(e, f, sign, exp, v.hi | (v.lo != 0));
}

bool fp_propagate(FpEnv *e, FpFormat f, const FpBits *v, unsigned n, FpBits *out)
{
    for (unsigned k = 0; k < n; k++) {
        if (fp_class(f, v[k]) == FP_IS_SNAN) {
            e->flags |= FP_INVALID;
            *out = fp_quiet(f, v[k]);
            return true;
        }
    }
    for (unsigned k = 0; k < n; k++) {
        if (fp_class(f, v[k]) == FP_IS_QNAN) {
            *out = v[k];
            return true;
        }
    }
    return false;
}

FpBits fp_from_parts(FpEnv *e, FpFormat f, bool sign, int exp, FpBits mant)
{
    unsigned up = leading_zeros(mant);

    return mant ? pack(e, f, sign, exp + 127 - (int)up, mant << up) : assemble(f, sign, 0, 0);
}

FpBits fp_parts(FpFormat f, FpBits a, int *exp)
{
    Num n = unpack(f, a);

    *exp = n.exp;
    return n.mant;
}

/* ---- sums ---- */

/* Zero that a sum of opposites gives. */
static u128 exact_zero(const FpEnv *e, FpFormat f)
{
    return assemble(f, (e->rm == FP_DOWN) != e->negated, 0, 0);
}

/* x + y, each of 256 bits with the first bit one: value = v / 2^255 * 2^exp */
static u128 sum(FpEnv *e, FpFormat f, bool xs, int xe, Wide x, bool ys, int ye, Wide y)
{
    if (xe < ye || (xe == ye && wide_less(x, y))) {
        Wide w = x;
        int we = xe;
        bool ws = xs;
        x = y, xe = ye, xs = ys;
        y = w, ye = we, ys = ws;
    }
    unsigned apart = xe - ye > 300 ? 300 : (unsigned)(xe - ye);
    x = wide_shift_jam(x, 2);
    y = wide_shift_jam(wide_shift_jam(y, 2), apart);
    Wide r = xs == ys ? wide_add(x, y) : wide_sub(x, y);
    if (wide_zero(r)) {
        return exact_zero(e, f);
    }
    return pack_wide(e, f, xs, xe + 2, r);
}

FpBits fp_add(FpEnv *e, FpFormat f, FpBits a, FpBits b)
{
    Num x = unpack(f, a), y = unpack(f, b);
    u128 v[] = { a, b }, out;

    if (fp_propagate(e, f, v, 2, &out)) {
        return out;
    }
    if (x.kind == FP_IS_INF) {
        return y.kind == FP_IS_INF && x.sign != y.sign ? invalid(e, f) : a;
    }
    if (y.kind == FP_IS_INF) {
        return b;
    }
    if (x.kind == FP_IS_ZERO && y.kind == FP_IS_ZERO) {
        return x.sign == y.sign ? a : exact_zero(e, f);
    }
    if (x.kind == FP_IS_ZERO) {
        return pack(e, f, y.sign, y.exp, y.mant);
    }
    if (y.kind == FP_IS_ZERO) {
        return pack(e, f, x.sign, x.exp, x.mant);
    }
    return sum(e, f, x.sign, x.exp, (Wide){ x.mant, 0 }, y.sign, y.exp, (Wide){ y.mant, 0 });
}

FpBits fp_sub(FpEnv *e, FpFormat f, FpBits a, FpBits b)
{
    return fp_add(e, f, a, fp_is_nan(f, b) ? b : b ^ fp_sign_bit(f));
}

/* ---- products and quotients ---- */
FpBits fp_mul(FpEnv *e, FpFormat f, FpBits a, FpBits b)
{
    Num x = unpack(f, a), y = unpack(f, b);
    u128 v[] = { a, b }, out;
    bool sign = x.sign != y.sign;

    if (fp_propagate(e, f, v, 2, &out)) {
        return out;
    }
    if (x.kind == FP_IS_INF || y.kind == FP_IS_INF) {
        return x.kind == FP_IS_ZERO || y.kind == FP_IS_ZERO ? invalid(e, f) : infinity(f, sign);
    }
    if (x.kind == FP_IS_ZERO || y.kind == FP_IS_ZERO) {
        return assemble(f, sign, 0, 0);
    }
    return pack_wide(e, f, sign, x.exp + y.exp + 1, wide_mul(x.mant, y.mant));
}

/* a / b for a, b with the first bit one: 127 or 128 bits of quotient, the rest in the last bit */
static u128 quotient(u128 a, u128 b, int *exp)
{
    u128 q = 0, r = a;

    if (a < b) {
        (*exp)--;
    } else {
        r -= b;
        q = 1;
    }
    for (unsigned k = q ? 1 : 0; k < 128; k++) {
        bool carry = r >> 127;
        r <<= 1;
        q <<= 1;
        if (carry || r >= b) {
            r -= b;
            q |= 1;
        }
    }
    return q | (r != 0);
}

FpBits fp_div(FpEnv *e, FpFormat f, FpBits a, FpBits b)
{
    Num x = unpack(f, a), y = unpack(f, b);
    u128 v[] = { a, b }, out;
    bool sign = x.sign != y.sign;

    if (fp_propagate(e, f, v, 2, &out)) {
        return out;
    }
    if (x.kind == FP_IS_INF) {
        return y.kind == FP_IS_INF ? invalid(e, f) : infinity(f, sign);
    }
    if (y.kind == FP_IS_INF) {
        return assemble(f, sign, 0, 0);
    }
    if (y.kind == FP_IS_ZERO) {
        if (x.kind == FP_IS_ZERO) {
            return invalid(e, f);
        }
        e->flags |= FP_DIVZERO;
        return infinity(f, sign);
    }
    if (x.kind == FP_IS_ZERO) {
        return assemble(f, sign, 0, 0);
    }
    int exp = x.exp - y.exp;
    u128 q = quotient(x.mant, y.mant, &exp);
    return pack(e, f, sign, exp, q);
}

FpBits fp_sqrt(FpEnv *e, FpFormat f, FpBits a)
{
    Num x = unpack(f, a);
    u128 out, root = 0, rest = 0;

    if (fp_propagate(e, f, &a, 1, &out)) {
        return out;
    }
    if (x.kind == FP_IS_ZERO) {
        return a;
    }
    if (x.sign) {
        return invalid(e, f);
    }
    if (x.kind == FP_IS_INF) {
        return a;
    }
    /* two bits of the operand for one of the root; 120 are enough and leave room */
    bool odd = x.exp & 1;
    u128 m = odd ? x.mant : x.mant >> 1;
    for (unsigned k = 0; k < 120; k++) {
        rest = rest << 2 | (k < 64 ? m >> 126 : 0);
        m = k < 64 ? m << 2 : m;
        root <<= 1;
        u128 next = root << 1 | 1;
        if (rest >= next) {
            rest -= next;
            root |= 1;
        }
    }
    return pack(e, f, false, (x.exp - odd) / 2, root << 8 | (rest != 0));
}

FpBits fp_fma(FpEnv *e, FpFormat f, FpBits a, FpBits b, FpBits c)
{
    Num x = unpack(f, a), y = unpack(f, b), z = unpack(f, c);
    u128 v[] = { a, b, c }, out;
    bool sign = (x.sign != y.sign) != e->negated;
    bool no_product = (x.kind == FP_IS_INF && y.kind == FP_IS_ZERO) ||
                      (x.kind == FP_IS_ZERO && y.kind == FP_IS_INF);

    if (no_product && z.kind == FP_IS_QNAN) { /* comes before the propagation of the addend */
        return invalid(e, f);
    }
    if (fp_propagate(e, f, v, 3, &out)) {
        return out;
    }
    z.sign = z.sign != e->negated;
    c ^= e->negated ? fp_sign_bit(f) : 0;
    if (x.kind == FP_IS_INF || y.kind == FP_IS_INF) {
        bool bad = no_product || (z.kind == FP_IS_INF && z.sign != sign);
        return bad ? invalid(e, f) : infinity(f, sign);
    }
    if (z.kind == FP_IS_INF) {
        return c;
    }
    if (x.kind == FP_IS_ZERO || y.kind == FP_IS_ZERO) {
        if (z.kind == FP_IS_ZERO) {
            return z.sign == sign ? c : exact_zero(e, f);
        }
        return pack(e, f, z.sign, z.exp, z.mant);
    }
    Wide p = wide_mul(x.mant, y.mant);
    int exp = x.exp + y.exp + 1;
    if (z.kind == FP_IS_ZERO) {
        return pack_wide(e, f, sign, exp, p);
    }
    exp -= (int)wide_normalize(&p);
    return sum(e, f, sign, exp, p, z.sign, z.exp, (Wide){ z.mant, 0 });
}

/* ---- conversions ---- */

/* A narrowing conversion that traps: rounded to the narrow precision, in the source's format, scaled. */
static bool narrow_trapped(FpEnv *e, FpFormat to, FpFormat from, Num x, u128 *out)
{
    unsigned fb = layout[to].frac_bits, lost = 127 - fb;
    u128 kept = x.mant >> lost, rest = x.mant << (128 - lost);
    bool up = rest && round_up(e->rm, x.sign, kept & 1, rest);
    int biased = x.exp + bias_of(to), scale = from == FP_LONG ? 512 : 8192;

    kept += up;
    bool tiny = biased < 1, carry = kept >> (fb + 1);
    bool over = !tiny && biased + carry > 2 * bias_of(to);
    if (!(tiny && (e->traps & FP_UNDERFLOW)) && !(over && (e->traps & FP_OVERFLOW))) {
        return false;
    }
    FpEnv exact = { .rm = e->rm };
    *out = pack(&exact, from, x.sign, x.exp + carry + (tiny ? scale : -scale),
                kept << leading_zeros(kept));
    e->flags |= (tiny ? FP_UNDERFLOW : FP_OVERFLOW) | (rest ? FP_INEXACT : 0);
    e->up = up;
    e->wide = true;
    return true;
}

FpBits fp_convert(FpEnv *e, FpFormat to, FpFormat from, FpBits a)
{
    Num x = unpack(from, a);
    u128 quiet;

    if (fp_propagate(e, from, &a, 1, &quiet)) {
        int up = layout[to].frac_bits - layout[from].frac_bits;
        u128 frac = fraction(from, quiet);
        return infinity(to, x.sign) | (up >= 0 ? frac << up : frac >> -up);
    }
    if (x.kind == FP_IS_INF) {
        return infinity(to, x.sign);
    }
    if (x.kind == FP_IS_ZERO) {
        return assemble(to, x.sign, 0, 0);
    }
    if (to < from && e->traps && narrow_trapped(e, to, from, x, &quiet)) {
        return quiet;
    }
    return pack(e, to, x.sign, x.exp, x.mant);
}

/* |x| rounded to an integer below 2^bits; all ones when it is not. */
static u128 integer_of(FpEnv *e, Num x, unsigned bits)
{
    if (x.kind == FP_IS_ZERO) {
        return 0;
    }
    if (x.exp >= (int)bits || x.exp > 126) {
        return ~(u128)0;
    }
    u128 whole = x.exp < 0 ? 0 : x.mant >> (127 - x.exp);
    u128 rest = x.exp < 0 ? shift_jam(x.mant, x.exp < -100 ? 99 : (unsigned)(-1 - x.exp))
                          : x.mant << (x.exp + 1);
    if (rest) {
        e->flags |= FP_INEXACT;
        e->up = round_up(e->rm, x.sign, whole & 1, rest);
        whole += e->up;
    }
    return whole;
}

FpBits fp_to_integral(FpEnv *e, FpFormat f, FpBits a)
{
    Num x = unpack(f, a);
    u128 out;

    if (fp_propagate(e, f, &a, 1, &out)) {
        return out;
    }
    if (x.kind != FP_IS_NORMAL || x.exp >= layout[f].frac_bits) {
        return a;
    }
    u128 v = integer_of(e, x, 127);
    if (!v) {
        return assemble(f, x.sign, 0, 0);
    }
    unsigned lz = leading_zeros(v);
    return pack(e, f, x.sign, 127 - (int)lz, v << lz);
}

FpBits fp_from_int(FpEnv *e, FpFormat f, uint64_t v, bool is_signed)
{
    bool sign = is_signed && v >> 63;
    uint64_t m = sign ? -v : v;

    if (!m) {
        return 0;
    }
    unsigned lz = (unsigned)__builtin_clzll(m);
    return pack(e, f, sign, 63 - (int)lz, (u128)m << (64 + lz));
}

uint64_t fp_to_int(FpEnv *e, FpFormat f, FpBits a, unsigned bits, bool is_signed)
{
    Num x = unpack(f, a);
    uint64_t all = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
    uint64_t least = is_signed ? 1ull << (bits - 1) : 0, most = is_signed ? least - 1 : all;

    if (x.kind >= FP_IS_QNAN) {
        e->flags |= FP_INVALID;
        return least;
    }
    FpEnv inner = { .rm = e->rm };
    u128 v = x.kind == FP_IS_INF ? ~(u128)0 : integer_of(&inner, x, 65);
    bool too_much = x.sign ? (is_signed ? v > least : v != 0) : v > most;
    if (too_much) {
        e->flags |= FP_INVALID | FP_INEXACT;
        return x.sign ? least : most;
    }
    e->flags |= inner.flags;
    e->up = inner.up;
    return (x.sign ? -(uint64_t)v : (uint64_t)v) & all;
}

unsigned fp_compare(FpEnv *e, FpFormat f, FpBits a, FpBits b, bool signal)
{
    if (fp_is_nan(f, a) || fp_is_nan(f, b)) {
        if (signal || fp_class(f, a) == FP_IS_SNAN || fp_class(f, b) == FP_IS_SNAN) {
            e->flags |= FP_INVALID;
        }
        return 3;
    }
    u128 mask = fp_sign_bit(f) - 1;
    bool as = fp_sign(f, a), bs = fp_sign(f, b);
    if (a == b || !((a | b) & mask)) {
        return 0;
    }
    if (as != bs) {
        return as ? 1 : 2;
    }
    return ((a & mask) < (b & mask)) != as ? 1 : 2;
}
