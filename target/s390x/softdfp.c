/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See softdfp.h. An operation makes the exact result as a coefficient of up to 76 digits (256 bits), its
 * exponent, and whether less than one unit was lost below; finish() rounds it once, chooses the
 * representation whose quantum is nearest to the preferred one, and raises.
 */
#include "target/s390x/softdfp.h"
#include "target/s390x/wide.h"

typedef DfpBits u128;

const DfpLayout dfp_layout[] = { { 7, 101, 191 }, { 16, 398, 767 }, { 34, 6176, 12287 } };

static const struct {
    uint8_t declets, exp_bits; /* of the trailing exponent field */
} coding[] = { { 2, 6 }, { 5, 8 }, { 11, 12 } };

/* What a trapped result is divided or multiplied by: a power of ten. */
static const uint16_t scale_of[] = { 0, 576, 9216 }, narrow_scale[] = { 192, 3072 };

DfpBits dfp_power10(unsigned n)
{
    u128 v = 1;

    while (n--) {
        v *= 10;
    }
    return v;
}

unsigned dfp_digits(DfpBits coef)
{
    unsigned n = 0;

    for (; coef >> 64; n += 10) {
        coef /= 10000000000ull;
    }
    for (; coef; n++) {
        coef /= 10;
    }
    return n;
}

DfpBits dfp_low_digits(DfpBits coef, unsigned n)
{
    return n > 38 ? coef : coef % dfp_power10(n);
}

/* ---- densely packed decimal: ten bits, three digits ---- */
static unsigned declet_value(unsigned d)
{
    unsigned a, b, c;

    if (!(d & 8)) {
        a = d >> 7 & 7, b = d >> 4 & 7, c = d & 7;
    } else {
        unsigned low = d >> 7 & 1, mid = d >> 4 & 1, last = d & 1, pq = d >> 8 & 3, st = d >> 5 & 3;
        switch (d >> 1 & 3) {
        case 0: a = d >> 7 & 7, b = d >> 4 & 7, c = 8 | last; break;
        case 1: a = d >> 7 & 7, b = 8 | mid, c = st << 1 | last; break;
        case 2: a = 8 | low, b = d >> 4 & 7, c = pq << 1 | last; break;
        default:
            a = 8 | low, b = 8 | mid, c = 8 | last;
            if (st == 0) {
                c = pq << 1 | last;
            } else if (st == 1) {
                b = pq << 1 | mid;
            } else if (st == 2) {
                a = pq << 1 | low;
            }
        }
    }
    return a * 100 + b * 10 + c;
}

static unsigned declet_of(unsigned v)
{
    unsigned a = v / 100, b = v / 10 % 10, c = v % 10;
    unsigned low = (a & 1) << 7 | (b & 1) << 4 | (c & 1), ah = a >> 1, bh = b >> 1, ch = c >> 1;

    switch ((a > 7) << 2 | (b > 7) << 1 | (c > 7)) {
    case 0: return a << 7 | b << 4 | c;
    case 1: return ah << 8 | bh << 5 | low | 0x8;
    case 2: return ah << 8 | ch << 5 | low | 0xa;
    case 4: return ch << 8 | bh << 5 | low | 0xc;
    case 6: return ch << 8 | low | 0xe;
    case 5: return bh << 8 | low | 0x2e;
    case 3: return ah << 8 | low | 0x4e;
    default: return low | 0x6e;
    }
}

DfpNum dfp_unpack(DfpFormat f, DfpBits v)
{
    unsigned eb = coding[f].exp_bits, trail = 10 * coding[f].declets;
    unsigned comb = v >> (trail + eb) & 31, exp = v >> trail & ((1u << eb) - 1), first = comb & 7;
    DfpNum n = { .sign = v >> (trail + eb + 5) & 1 };

    if (comb >= 30) {
        n.kind = comb == 30 ? DFP_IS_INF : exp >> (eb - 1) ? DFP_IS_SNAN : DFP_IS_QNAN;
        first = 0;
    } else if (comb >= 24) {
        exp |= (comb >> 1 & 3) << eb;
        first = 8 | (comb & 1);
    } else {
        exp |= comb >> 3 << eb;
    }
    n.exp = (int)exp - dfp_layout[f].bias;
    n.coef = first;
    for (int k = coding[f].declets - 1; k >= 0; k--) {
        n.coef = n.coef * 1000 + declet_value(v >> 10 * k & 0x3ff);
    }
    return n;
}

DfpBits dfp_pack(DfpFormat f, DfpNum n)
{
    unsigned eb = coding[f].exp_bits, trail = 10 * coding[f].declets, first;
    unsigned exp = n.kind == DFP_IS_FINITE ? (unsigned)(n.exp + dfp_layout[f].bias) : 0, comb;
    u128 v = 0;

    for (unsigned k = 0; k < coding[f].declets; k++) {
        v |= (u128)declet_of(n.coef % 1000) << 10 * k;
        n.coef /= 1000;
    }
    first = n.coef % 10;
    if (n.kind != DFP_IS_FINITE) {
        comb = n.kind == DFP_IS_INF ? 30 : 31;
        exp = n.kind == DFP_IS_SNAN ? 1u << (eb - 1) : 0;
    } else if (first > 7) {
        comb = 24 | exp >> eb << 1 | (first & 1);
    } else {
        comb = exp >> eb << 3 | first;
    }
    v |= (u128)(exp & ((1u << eb) - 1)) << trail | (u128)comb << (trail + eb);
    return v | (u128)n.sign << (trail + eb + 5);
}

/* ---- 256 bits ---- */
static int wide_cmp(Wide a, Wide b)
{
    return wide_less(a, b) ? -1 : wide_less(b, a);
}

/* a * 10^n; the product fits. */
static Wide wide_scale(u128 a, unsigned n)
{
    unsigned first = n > 38 ? 38 : n;
    Wide w = wide_mul(a, dfp_power10(first));

    for (n -= first; n; n--) {
        Wide high = wide_mul(w.hi, 10), low = wide_mul(w.lo, 10);
        w = (Wide){ high.lo + low.hi, low.lo };
    }
    return w;
}

/* w / d by a word; the remainder. */
static uint64_t wide_div_small(Wide *w, uint64_t d)
{
    uint64_t part[4] = { w->hi >> 64, w->hi, w->lo >> 64, w->lo }, rest = 0;

    for (unsigned k = 0; k < 4; k++) {
        u128 x = (u128)rest << 64 | part[k];
        part[k] = x / d;
        rest = x % d;
    }
    w->hi = (u128)part[0] << 64 | part[1];
    w->lo = (u128)part[2] << 64 | part[3];
    return rest;
}

/* w / d, bit by bit; *rest the remainder. */
static Wide wide_div(Wide w, u128 d, u128 *rest)
{
    Wide q = { 0, 0 };
    u128 r = 0;

    for (unsigned k = 0; k < 256; k++) {
        bool carry = r >> 127;
        r = r << 1 | w.hi >> 127;
        w.hi = w.hi << 1 | w.lo >> 127;
        w.lo <<= 1;
        q.hi = q.hi << 1 | q.lo >> 127;
        q.lo <<= 1;
        if (carry || r >= d) {
            r -= d;
            q.lo |= 1;
        }
    }
    *rest = r;
    return q;
}

static unsigned wide_digits(Wide w)
{
    unsigned n = 0;

    while (w.hi) {
        wide_div_small(&w, 10000000000ull);
        n += 10;
    }
    return n + dfp_digits(w.lo);
}

/* ---- rounding ---- */

/* What was dropped: less than, exactly, or more than half a unit, or nothing. */
typedef enum {
    NOTHING,
    BELOW,
    HALF,
    ABOVE
} Lost;

static bool round_up(DfpRound rm, bool sign, unsigned last, Lost lost)
{
    if (lost == NOTHING) {
        return false;
    }
    switch (rm) {
    case DFP_NEAREST_EVEN: return lost == ABOVE || (lost == HALF && (last & 1));
    case DFP_NEAREST_AWAY: return lost >= HALF;
    case DFP_NEAREST_ZERO: return lost == ABOVE;
    case DFP_UP: return !sign;
    case DFP_DOWN: return sign;
    case DFP_AWAY: return true;
    case DFP_SHORTER: return last == 0 || last == 5;
    default: return false;
    }
}

/* Drop n digits. sticky: less than one unit is lost already. */
static Lost drop(Wide *w, unsigned n, bool sticky)
{
    Lost lost = sticky ? BELOW : NOTHING;

    while (n > 1) {
        unsigned step = n - 1 > 18 ? 18 : n - 1;
        if (wide_div_small(w, (uint64_t)dfp_power10(step))) {
            lost = BELOW;
        }
        n -= step;
        if (wide_zero(*w) && n > 1) {
            n = 1;
        }
    }
    if (n) {
        unsigned digit = wide_div_small(w, 10);
        lost = digit > 5 || (digit == 5 && lost) ? ABOVE
               : digit == 5                      ? HALF
               : digit || lost                   ? BELOW
                                                 : NOTHING;
    }
    return lost;
}

static u128 infinity(DfpFormat f, bool sign)
{
    return dfp_pack(f, (DfpNum){ .kind = DFP_IS_INF, .sign = sign });
}

static u128 invalid(DfpEnv *e, DfpFormat f)
{
    e->flags |= DFP_INVALID;
    return dfp_pack(f, (DfpNum){ .kind = DFP_IS_QNAN });
}

static u128 overflow(DfpEnv *e, DfpFormat f, bool sign)
{
    const DfpLayout *l = &dfp_layout[f];
    bool finite = e->rm == DFP_ZERO || e->rm == DFP_SHORTER || (e->rm == DFP_UP && sign) ||
                  (e->rm == DFP_DOWN && !sign);

    e->flags |= DFP_OVERFLOW | DFP_INEXACT;
    e->up = !finite;
    return !finite ? infinity(f, sign)
                   : dfp_pack(f, (DfpNum){ .sign = sign,
                                           .exp = l->max_exp - l->bias,
                                           .coef = dfp_power10(l->digits) - 1 });
}

/* An exact number nearer to its preferred exponent. */
static void prefer(DfpFormat f, u128 *coef, int *exp, int ideal)
{
    unsigned room = dfp_layout[f].digits - dfp_digits(*coef);

    for (; *exp > ideal && room; room--) {
        *coef *= 10;
        --*exp;
    }
    for (; *exp < ideal && *coef % 10 == 0; ++*exp) {
        *coef /= 10;
    }
}

static int clamp(DfpFormat f, int exp)
{
    int least = -dfp_layout[f].bias, most = dfp_layout[f].max_exp + least;

    return exp < least ? least : exp > most ? most : exp;
}

static u128 finish(DfpEnv *e, DfpFormat f, bool sign, Wide w, bool sticky, int exp, int ideal);

static u128 finish_scaled(DfpEnv *e, DfpFormat f, bool sign, Wide w, bool sticky, int exp, int by,
                          uint8_t why)
{
    DfpEnv inner = { .rm = e->rm };
    u128 r = finish(&inner, f, sign, w, sticky, exp + by, exp + by);

    e->flags |= why | (inner.flags & DFP_INEXACT);
    e->up = inner.up;
    return r;
}

/* (w + something below one unit, if sticky) * 10^exp in the format; ideal: preferred exponent. */
static u128 finish(DfpEnv *e, DfpFormat f, bool sign, Wide w, bool sticky, int exp, int ideal)
{
    const DfpLayout *l = &dfp_layout[f];
    int least = -l->bias, most = l->max_exp - l->bias, digits = (int)wide_digits(w), from = exp;

    if (!digits && !sticky) {
        int at = clamp(f, ideal);
        e->flags |= at != ideal ? DFP_QUANTUM : 0;
        return dfp_pack(f, (DfpNum){ .sign = sign, .exp = at });
    }
    bool tiny = exp + digits - 1 < least + l->digits - 1;
    if (tiny && (e->traps & DFP_UNDERFLOW)) {
        return finish_scaled(e, f, sign, w, sticky, exp, scale_of[f], DFP_UNDERFLOW);
    }
    int cut = digits - l->digits;
    cut = cut < least - exp ? least - exp : cut;
    Wide kept = w;
    Lost lost = sticky ? BELOW : NOTHING;
    if (cut > 0) {
        lost = drop(&kept, cut, sticky);
        exp += cut;
    }
    u128 coef = kept.lo;
    bool up = round_up(e->rm, sign, coef % 10, lost);
    coef += up;
    if (coef == dfp_power10(l->digits)) {
        coef /= 10;
        exp++;
    }
    if (lost == NOTHING) {
        prefer(f, &coef, &exp, clamp(f, ideal));
    }
    for (; exp > most && coef < dfp_power10(l->digits - 1); exp--) {
        coef *= 10;
    }
    if (exp > most) {
        return e->traps & DFP_OVERFLOW
                   ? finish_scaled(e, f, sign, w, sticky, from, -scale_of[f], DFP_OVERFLOW)
                   : overflow(e, f, sign);
    }
    if (lost != NOTHING) {
        e->flags |= DFP_INEXACT | (tiny ? DFP_UNDERFLOW : 0);
        e->up = up;
    } else if (exp != ideal) {
        e->flags |= DFP_QUANTUM;
    }
    return dfp_pack(f, (DfpNum){ .sign = sign, .exp = exp, .coef = coef });
}

bool dfp_propagate(DfpEnv *e, DfpFormat f, const DfpBits *v, unsigned n, DfpBits *out)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned k = 0; k < n; k++) {
            DfpNum x = dfp_unpack(f, v[k]);
            if (x.kind == (pass ? DFP_IS_QNAN : DFP_IS_SNAN)) {
                e->flags |= pass ? 0 : DFP_INVALID;
                x.kind = DFP_IS_QNAN;
                *out = dfp_pack(f, x);
                return true;
            }
        }
    }
    return false;
}

/* ---- arithmetic ---- */

/* Digits that the number with the greater exponent is shifted by at most: what of the other is then cut
 * lies far below any rounding. */
#define MAX_ALIGN 42

static u128 finite_sum(DfpEnv *e, DfpFormat f, DfpNum x, DfpNum y)
{
    int ideal = x.exp < y.exp ? x.exp : y.exp;
    bool sticky = false;

    if (x.exp < y.exp) {
        DfpNum z = x;
        x = y;
        y = z;
    }
    unsigned apart = x.exp - y.exp, shift = apart > MAX_ALIGN ? MAX_ALIGN : apart;
    unsigned below = apart - shift;
    Wide a = wide_scale(x.coef, shift), b = { 0, y.coef };
    if (below && !x.coef) { /* nothing above: the other one as it is */
        return finish(e, f, x.sign == y.sign || y.coef ? y.sign : e->rm == DFP_DOWN, b, false,
                      y.exp, ideal);
    }
    if (below) {
        u128 unit = below > 38 ? 0 : dfp_power10(below);
        b.lo = unit ? y.coef / unit : 0;
        sticky = unit ? y.coef % unit != 0 : y.coef != 0;
    }
    if (x.sign == y.sign) {
        return finish(e, f, x.sign, wide_add(a, b), sticky, x.exp - (int)shift, ideal);
    }
    int order = wide_cmp(a, b);
    if (order < 0) {
        return finish(e, f, y.sign, wide_sub(b, a), false, x.exp - (int)shift, ideal);
    }
    Wide r = wide_sub(a, b);
    if (order == 0 && !sticky) {
        x.sign = e->rm == DFP_DOWN;
    }
    if (sticky) {
        r = wide_sub(r, (Wide){ 0, 1 });
    }
    return finish(e, f, x.sign, r, sticky, x.exp - (int)shift, ideal);
}

DfpBits dfp_add(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits b, bool subtract)
{
    DfpNum x = dfp_unpack(f, a), y = dfp_unpack(f, b);
    u128 v[] = { a, b }, out;

    if (dfp_propagate(e, f, v, 2, &out)) {
        return out;
    }
    y.sign ^= subtract;
    if (x.kind == DFP_IS_INF) {
        return y.kind == DFP_IS_INF && x.sign != y.sign ? invalid(e, f) : infinity(f, x.sign);
    }
    return y.kind == DFP_IS_INF ? infinity(f, y.sign) : finite_sum(e, f, x, y);
}

DfpBits dfp_mul(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits b)
{
    DfpNum x = dfp_unpack(f, a), y = dfp_unpack(f, b);
    u128 v[] = { a, b }, out;
    bool sign = x.sign != y.sign;

    if (dfp_propagate(e, f, v, 2, &out)) {
        return out;
    }
    if (x.kind == DFP_IS_INF || y.kind == DFP_IS_INF) {
        bool zero = (x.kind == DFP_IS_FINITE && !x.coef) || (y.kind == DFP_IS_FINITE && !y.coef);
        return zero ? invalid(e, f) : infinity(f, sign);
    }
    return finish(e, f, sign, wide_mul(x.coef, y.coef), false, x.exp + y.exp, x.exp + y.exp);
}

DfpBits dfp_div(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits b)
{
    DfpNum x = dfp_unpack(f, a), y = dfp_unpack(f, b);
    u128 v[] = { a, b }, out, rest;
    bool sign = x.sign != y.sign;
    int ideal = x.exp - y.exp;

    if (dfp_propagate(e, f, v, 2, &out)) {
        return out;
    }
    if (x.kind == DFP_IS_INF) {
        return y.kind == DFP_IS_INF ? invalid(e, f) : infinity(f, sign);
    }
    if (y.kind == DFP_IS_INF) {
        return dfp_pack(f, (DfpNum){ .sign = sign, .exp = -dfp_layout[f].bias });
    }
    if (!y.coef) {
        if (!x.coef) {
            return invalid(e, f);
        }
        e->flags |= DFP_DIVZERO;
        return infinity(f, sign);
    }
    if (!x.coef) {
        return finish(e, f, sign, (Wide){ 0, 0 }, false, ideal, ideal);
    }
    int shift = dfp_layout[f].digits + (int)dfp_digits(y.coef) - (int)dfp_digits(x.coef) + 1;
    shift = shift < 0 ? 0 : shift;
    Wide q = wide_div(wide_scale(x.coef, shift), y.coef, &rest);
    int exp = ideal - shift;
    while (!rest && exp < ideal) { /* exact: no more digits than are needed */
        Wide shorter = q;
        if (wide_div_small(&shorter, 10)) {
            break;
        }
        q = shorter;
        exp++;
    }
    return finish(e, f, sign, q, rest != 0, exp, ideal);
}

unsigned dfp_compare(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits b, bool signal)
{
    DfpNum x = dfp_unpack(f, a), y = dfp_unpack(f, b);

    if (x.kind >= DFP_IS_QNAN || y.kind >= DFP_IS_QNAN) {
        if (signal || x.kind == DFP_IS_SNAN || y.kind == DFP_IS_SNAN) {
            e->flags |= DFP_INVALID;
        }
        return 3;
    }
    bool xz = x.kind == DFP_IS_FINITE && !x.coef, yz = y.kind == DFP_IS_FINITE && !y.coef;
    if (xz || yz) {
        return xz && yz ? 0 : xz ? (y.sign ? 2 : 1) : x.sign ? 1 : 2;
    }
    if (x.sign != y.sign) {
        return x.sign ? 1 : 2;
    }
    int order = (x.kind == DFP_IS_INF) - (y.kind == DFP_IS_INF);
    if (!order && x.kind == DFP_IS_FINITE) {
        int xe = x.exp + (int)dfp_digits(x.coef), ye = y.exp + (int)dfp_digits(y.coef);
        order = xe < ye         ? -1
                : xe > ye       ? 1
                : x.exp > y.exp ? wide_cmp(wide_scale(x.coef, x.exp - y.exp), (Wide){ 0, y.coef })
                                : wide_cmp((Wide){ 0, x.coef }, wide_scale(y.coef, y.exp - x.exp));
    }
    return !order ? 0 : (order < 0) != x.sign ? 1 : 2;
}

/* ---- conversions ---- */

/* A narrowing conversion that traps: rounded to the narrow precision, in the source's format, scaled. */
static bool narrow_trapped(DfpEnv *e, DfpFormat to, DfpFormat from, DfpNum x, u128 *out)
{
    DfpEnv inner = { .rm = e->rm, .traps = 0 }, none = { .rm = e->rm };

    if (!x.coef) {
        return false;
    }
    finish(&inner, to, x.sign, (Wide){ 0, x.coef }, false, x.exp, x.exp);
    int adjusted = x.exp + (int)dfp_digits(x.coef) - 1;
    bool tiny = adjusted < dfp_layout[to].digits - 1 - dfp_layout[to].bias;
    bool over = inner.flags & DFP_OVERFLOW;
    if (!(tiny && (e->traps & DFP_UNDERFLOW)) && !(over && (e->traps & DFP_OVERFLOW))) {
        return false;
    }
    Wide w = { 0, x.coef };
    int cut = (int)dfp_digits(x.coef) - dfp_layout[to].digits;
    Lost lost = drop(&w, cut > 0 ? cut : 0, false);
    e->up = round_up(e->rm, x.sign, w.lo % 10, lost);
    e->flags |= (tiny ? DFP_UNDERFLOW : DFP_OVERFLOW) | (lost ? DFP_INEXACT : 0);
    e->wide = true;
    int exp = x.exp + (cut > 0 ? cut : 0) + (tiny ? narrow_scale[to] : -narrow_scale[to]);
    *out = finish(&none, from, x.sign, (Wide){ 0, w.lo + e->up }, false, exp, exp);
    return true;
}

DfpBits dfp_convert(DfpEnv *e, DfpFormat to, DfpFormat from, DfpBits a)
{
    DfpNum x = dfp_unpack(from, a);
    u128 out;

    if (x.kind != DFP_IS_FINITE) {
        /* a NaN keeps the digits that the narrower format has, an infinity none */
        unsigned digits = dfp_layout[to < from ? to : from].digits - 1;
        if (x.kind == DFP_IS_SNAN) {
            e->flags |= DFP_INVALID;
            x.kind = DFP_IS_QNAN;
        }
        x.coef = x.kind == DFP_IS_INF ? 0 : dfp_low_digits(x.coef, digits);
        return dfp_pack(to, x);
    }
    if (to < from && e->traps && narrow_trapped(e, to, from, x, &out)) {
        return out;
    }
    return finish(e, to, x.sign, (Wide){ 0, x.coef }, false, x.exp, x.exp);
}

DfpBits dfp_from_parts(DfpEnv *e, DfpFormat f, bool sign, DfpBits coef, int exp)
{
    return finish(e, f, sign, (Wide){ 0, coef }, false, exp, exp);
}

/* |x| in units of 10^exp, rounded; all ones when that has more than 38 digits. */
static u128 units(DfpEnv *e, DfpNum x, int exp)
{
    Wide w = { 0, x.coef };

    if (x.exp >= exp) {
        unsigned shift = x.exp - exp;
        return !x.coef                           ? 0
               : shift + dfp_digits(x.coef) > 38 ? ~(u128)0
                                                 : wide_scale(x.coef, shift).lo;
    }
    Lost lost = drop(&w, exp - x.exp, false);
    if (lost != NOTHING) {
        e->flags |= DFP_INEXACT;
        e->up = round_up(e->rm, x.sign, w.lo % 10, lost);
        w.lo += e->up;
    }
    return w.lo;
}

DfpBits dfp_to_integral(DfpEnv *e, DfpFormat f, DfpBits a)
{
    DfpNum x = dfp_unpack(f, a);
    u128 out;

    if (dfp_propagate(e, f, &a, 1, &out)) {
        return out;
    }
    if (x.kind == DFP_IS_INF) {
        return infinity(f, x.sign);
    }
    if (x.exp < 0) {
        x.coef = units(e, x, 0);
        x.exp = 0;
    }
    return dfp_pack(f, x);
}

uint64_t dfp_to_int(DfpEnv *e, DfpFormat f, DfpBits a, unsigned bits, bool is_signed)
{
    DfpNum x = dfp_unpack(f, a);
    uint64_t all = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
    uint64_t least = is_signed ? 1ull << (bits - 1) : 0, most = is_signed ? least - 1 : all;
    DfpEnv inner = { .rm = e->rm };

    if (x.kind >= DFP_IS_QNAN) {
        e->flags |= DFP_INVALID;
        return least;
    }
    u128 v = x.kind == DFP_IS_INF ? ~(u128)0 : units(&inner, x, 0);
    if (x.sign ? (is_signed ? v > least : v != 0) : v > most) {
        e->flags |= DFP_INVALID | DFP_INEXACT;
        return x.sign ? least : most;
    }
    e->flags |= inner.flags;
    e->up = inner.up;
    return (x.sign ? -(uint64_t)v : (uint64_t)v) & all;
}

DfpBits dfp_quantize(DfpEnv *e, DfpFormat f, DfpBits a, DfpBits like)
{
    DfpNum x = dfp_unpack(f, a), y = dfp_unpack(f, like);
    u128 v[] = { a, like }, out;

    if (dfp_propagate(e, f, v, 2, &out)) {
        return out;
    }
    if (x.kind == DFP_IS_INF || y.kind == DFP_IS_INF) {
        return x.kind == y.kind ? infinity(f, x.sign) : invalid(e, f);
    }
    DfpEnv inner = { .rm = e->rm };
    u128 coef = units(&inner, x, y.exp);
    if (dfp_digits(coef) > dfp_layout[f].digits) {
        return invalid(e, f);
    }
    e->flags |= inner.flags;
    e->up = inner.up;
    return dfp_pack(f, (DfpNum){ .sign = x.sign, .exp = y.exp, .coef = coef });
}

DfpBits dfp_reround(DfpEnv *e, DfpFormat f, DfpBits a, unsigned digits)
{
    DfpNum x = dfp_unpack(f, a);
    u128 out;

    if (dfp_propagate(e, f, &a, 1, &out)) {
        return out;
    }
    if (x.kind == DFP_IS_INF) {
        return infinity(f, x.sign);
    }
    unsigned have = dfp_digits(x.coef);
    if (!digits || have <= digits) {
        return dfp_pack(f, x);
    }
    DfpEnv inner = { .rm = e->rm };
    int exp = x.exp + (int)(have - digits);
    x.coef = units(&inner, x, exp);
    if (x.coef == dfp_power10(digits)) {
        x.coef /= 10;
        exp++;
    }
    if (exp > dfp_layout[f].max_exp - dfp_layout[f].bias) {
        return invalid(e, f);
    }
    x.exp = exp;
    e->flags |= inner.flags;
    e->up = inner.up;
    return dfp_pack(f, x);
}
