/* exp, expm1 and erfc of a vector, to one or two units in the last place; the C library's are of one number at a time.
 *
 * exp: x = n ln 2 + r with |r| <= ln 2 / 2 in two steps (Cody and Waite 1980), exp(r) - 1 by its Taylor series, 2^n from
 * the bits of n. What would be subnormal is 0. A NaN stays one.
 *
 * erfc(z) = exp(-z^2) t f(t) for z >= 0, with t = 2 / (2 + z): f is smooth on (0, 1], and a sum of Chebyshev polynomials in
 * 2 t - 1 by Clenshaw's recurrence. Coefficients: 64 nodes in 40 digits; the first one left out is 1e-9 (float), 5e-18.
 */
#ifndef CRM_VECMATH_H
#define CRM_VECMATH_H

#include "crm.h"

#include <math.h>

#define IS_FLOAT (sizeof(real) == 4)

ALWAYS_INLINE vec magnitude(vec x) { return pick(greater((vec){0}, x), -x, x); }
ALWAYS_INLINE vec where_positive(vec x, vec yes, vec no) { return pick(greater(x, (vec){0}), yes, no); }

#if defined(__GNUC__)

typedef struct {
    vec rest;       /* exp(r) - 1 */
    vec half_scale; /* 2^(n - 1): 2^n would overflow before the result does */
} exponent_parts;

ALWAYS_INLINE exponent_parts split_exponent(vec x)
{
    static const double factorials[] = {1,      1.0 / 2,     1.0 / 6,      1.0 / 24,      1.0 / 120,      1.0 / 720,
                                        1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600,
                                        1.0 / 6227020800.0};
    const int terms = IS_FLOAT ? 7 : 13, mantissa = IS_FLOAT ? 23 : 52;
    const real round = (real)(IS_FLOAT ? 0x1.8p23 : 0x1.8p52); /* pushes the fraction out: the low bits are n */
    const lane bias = (lane)(IS_FLOAT ? 126 : 1022);
    vec shifted = x * (real)1.4426950408889634 + round, n = shifted - round;
    vec r = x - n * (real)(IS_FLOAT ? 0.693359375 : 6.93147180369123816490e-01);
    r = r - n * (real)(IS_FLOAT ? -2.12194440054690583e-4 : 1.90821492927058770002e-10);
    vec sum = (vec){0} + (real)factorials[terms - 1];
    for (int i = terms - 2; i >= 0; i--)
        sum = sum * r + (real)factorials[i];
    return (exponent_parts){sum * r, (vec)(((lanes)shifted + bias) << mantissa)};
}

#define EXP_LOWEST ((real)(IS_FLOAT ? -86.5 : -707.5))
#define EXP_HIGHEST ((real)(IS_FLOAT ? 88.722839 : 709.782712893384))

ALWAYS_INLINE vec spread_real(real value) { return (vec){0} + value; }

ALWAYS_INLINE vec clamp_exponent(vec x)
{
    x = pick(greater(spread_real(EXP_LOWEST), x), spread_real(EXP_LOWEST), x);
    return pick(greater(x, spread_real(EXP_HIGHEST)), spread_real(EXP_HIGHEST), x);
}

ALWAYS_INLINE vec exp_vec(vec x)
{
    exponent_parts e = split_exponent(clamp_exponent(x));
    vec value = (e.half_scale + e.half_scale * e.rest) * 2;
    value = pick(greater(spread_real(EXP_LOWEST), x), (vec){0}, value);
    return pick(greater(x, spread_real(EXP_HIGHEST)), spread_real((real)INFINITY), value);
}

/* exp(x) - 1 for x <= 0, without the cancellation near 0 */
ALWAYS_INLINE vec expm1_vec(vec x)
{
    exponent_parts e = split_exponent(clamp_exponent(x));
    vec scale = e.half_scale * 2;
    return scale * e.rest + (scale - 1);
}

/* exp(z^2) erfc(z) for z >= 0 */
ALWAYS_INLINE vec scaled_erfc_vec(vec z)
{
    static const double c[] = {
        0.57703373861646968897,    0.35543692127049848666,    0.065095158828786525067,   0.003671142395836638849,
        -0.0011128447433526324216, -0.00016075829915378062149, 3.278031574173096671e-5,  5.4424416455055939971e-6,
        -1.5154665553178234802e-6, -1.4297608181101546955e-7, 8.2346088273594269816e-8,  -1.2962846847917735725e-9,
        -4.1547216312346430098e-9, 6.3470582780785401123e-10, 1.4320822739435841413e-10, -6.1603901530443156883e-11,
        2.0612144763977841196e-12, 3.5714924681901077553e-12, -8.5864163434248528029e-13, -6.1456535235984355518e-14,
        7.418760348250657549e-14,  -1.2895156487129249479e-14, -2.3588590348804390769e-15, 1.5732952593558129748e-15,
        -2.2836871973962715911e-16, -6.2478052090906472973e-17, 3.5251712635588038344e-17,
    };
    const int terms = IS_FLOAT ? 11 : 27;
    vec t = 2 / (z + 2), twice = t * 4 - 2, before = {0}, now = {0};
    for (int i = terms - 1; i > 0; i--) {
        vec next = twice * now - before + (real)c[i];
        before = now;
        now = next;
    }
    return t * (twice * now * (real)0.5 - before + (real)c[0]);
}

#else /* one lane: the C library's */
ALWAYS_INLINE vec exp_vec(vec x) { return (vec)exp((double)x); }
ALWAYS_INLINE vec expm1_vec(vec x) { return (vec)expm1((double)x); }
ALWAYS_INLINE vec scaled_erfc_vec(vec z) { return (vec)(z < 25 ? exp((double)z * z) * erfc((double)z) : 0.5641895835 / z); }
#endif

#endif
