/* What every kernel source shares: one real type, one name suffix and one vector width an object file.
 *
 * setup.py compiles each source once for every pair of instruction set (baseline, v3, v4) and real type (float,
 * double), with -DCRM_REAL=float -DCRM_SUFFIX=_f32_v3 and the like. A source ends in one table of functions, named
 * by CRM(); isa.h gathers the tables, and the .pyx wrapper calls through the one that fits the CPU and the dtype.
 * Tables take void * where a kernel takes reals, so that both types share one struct.
 */
#ifndef CRM_H
#define CRM_H

#include <stdint.h>
#include <string.h>
#if defined(__GNUC__) && defined(__AVX__)
#include <immintrin.h>
#endif

#include "isa.h"

#ifndef CRM_REAL
#define CRM_REAL float
#define CRM_SUFFIX _f32_baseline
#endif
typedef CRM_REAL real;

#define CRM_PASTE_(a, b) a##b
#define CRM_PASTE(a, b) CRM_PASTE_(a, b)
#define CRM(name) CRM_PASTE(name, CRM_SUFFIX)

#if defined(__GNUC__)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline)) /* a loop that wants the registers for itself */
#define RESTRICT __restrict__
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 12")
#define UNROLL_LANES _Pragma("GCC unroll 16")
#endif
#else
#define ALWAYS_INLINE static inline
#define NOINLINE static
#define RESTRICT
#define UNROLL
#endif

/* vec: as many reals as a register holds; arithmetic works lane by lane, a scalar operand is spread over all lanes.
 * Unaligned on purpose: on every CPU of the last ten years an unaligned load of aligned data costs the same.
 * lanes: integers of the same width, the result of a comparison: all bits set for true. */
#if defined(__GNUC__)
#if defined(__AVX512F__)
#define CRM_VEC_BYTES 64
#elif defined(__AVX__)
#define CRM_VEC_BYTES 32
#else
#define CRM_VEC_BYTES 16
#endif
typedef real vec __attribute__((vector_size(CRM_VEC_BYTES), aligned(sizeof(real)), may_alias));
typedef __typeof__(__builtin_choose_expr(sizeof(real) == 4, (int32_t)0, (int64_t)0)) lane;
typedef lane lanes __attribute__((vector_size(CRM_VEC_BYTES)));
#define LANES ((isize)(CRM_VEC_BYTES / sizeof(real)))
typedef unsigned char lane_bytes __attribute__((vector_size(CRM_VEC_BYTES / sizeof(real)), aligned(1), may_alias));
ALWAYS_INLINE vec pick(lanes chosen, vec a, vec b) { return (vec)((chosen & (lanes)a) | (~chosen & (lanes)b)); }
ALWAYS_INLINE lanes spread_lane(int value) { return (lane)value - (lanes){0}; }
ALWAYS_INLINE lanes greater(vec a, vec b) { return (lanes)(a > b); }
ALWAYS_INLINE lanes not_a_number(vec a) { return (lanes)(a != a); }
ALWAYS_INLINE lanes same(lanes a, lanes b) { return (lanes)(a == b); }
ALWAYS_INLINE void store_bytes(unsigned char *to, lanes value)
{
    *(lane_bytes *)to = __builtin_convertvector(value, lane_bytes);
}
ALWAYS_INLINE lanes load_bytes(const unsigned char *from)
{
    /* GCC 12 widens byte by byte when it is left to itself. */
#if defined(__AVX512F__)
    if (sizeof(real) == 4)
        return (lanes)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)from));
    return (lanes)_mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)from));
#elif defined(__AVX2__)
    if (sizeof(real) == 4)
        return (lanes)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from));
    int32_t bytes;
    memcpy(&bytes, from, sizeof(bytes));
    return (lanes)_mm256_cvtepu8_epi64(_mm_cvtsi32_si128(bytes));
#else
    return __builtin_convertvector(*(const lane_bytes *)from, lanes);
#endif
}
#else /* a compiler without vector types: one lane, and its own vectorizer */
typedef real vec;
typedef int lanes;
#define LANES ((isize)1)
ALWAYS_INLINE vec pick(lanes chosen, vec a, vec b) { return chosen ? a : b; }
ALWAYS_INLINE lanes spread_lane(int value) { return value; }
ALWAYS_INLINE lanes greater(vec a, vec b) { return -(a > b); }
ALWAYS_INLINE lanes not_a_number(vec a) { return -(a != a); }
ALWAYS_INLINE lanes same(lanes a, lanes b) { return -(a == b); }
ALWAYS_INLINE void store_bytes(unsigned char *to, lanes value) { *to = (unsigned char)value; }
ALWAYS_INLINE lanes load_bytes(const unsigned char *from) { return *from; }
#endif

ALWAYS_INLINE vec load(const real *from) { return *(const vec *)from; }
ALWAYS_INLINE void store(real *to, vec value) { *(vec *)to = value; }

/* The first `count` lanes, LANES or more for all; the others are 0, and their memory is not touched. */
ALWAYS_INLINE vec load_some(const real *from, isize count)
{
    if (count >= LANES)
        return load(from);
#if defined(__AVX512F__) && defined(__GNUC__)
    if (sizeof(real) == 4)
        return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
    return (vec)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), from);
#else
    real row[LANES] = {0};
    memcpy(row, from, count * sizeof(real));
    return load(row);
#endif
}

/* As many bytes, each a lane; the others are 0. */
ALWAYS_INLINE lanes load_some_bytes(const unsigned char *from, isize count)
{
    unsigned char row[LANES] = {0};
    if (count >= LANES)
        return load_bytes(from);
    memcpy(row, from, count);
    return load_bytes(row);
}

/* As many of the lanes of `value` as count. */
ALWAYS_INLINE void store_some(real *to, vec value, isize count)
{
    if (count >= LANES) {
        store(to, value);
        return;
    }
#if defined(__AVX512F__) && defined(__GNUC__)
    if (sizeof(real) == 4)
        _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), (__m512)value);
    else
        _mm512_mask_storeu_pd(to, (__mmask8)((1u << count) - 1), (__m512d)value);
#else
    memcpy(to, &value, count * sizeof(real));
#endif
}

/* max(x, 0), NaN and -0 kept: a NaN must reach the loss, where training stops with an error. */
ALWAYS_INLINE real relu(real x) { return x < 0 ? (real)0 : x; }
ALWAYS_INLINE vec relu_vec(vec x) { return pick(greater((vec){0}, x), (vec){0}, x); }

/* Ask for memory that a later loop will walk, while this one computes. */
ALWAYS_INLINE void ask_for(const void *from, isize bytes)
{
#if defined(__GNUC__)
    for (isize k = 0; k < bytes; k += 64)
        __builtin_prefetch((const char *)from + k);
#else
    (void)from, (void)bytes;
#endif
}

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CEIL_DIV(a, b) (((a) + (b) - 1) / (b))

#endif
