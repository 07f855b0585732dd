/* The outputs of a convolution that have a gradient, behind a max-pool and perhaps a ReLU: packed, and in lists.
 *
 * They are packed window by window and place by place, in 512-bit registers by their mask. Counters by place or by filter
 * in one pass over all outputs waited for each other in memory: 20 cycles an output. Large images go band by band.
 */
#ifndef CRM_CONV2D_ENTRIES_H
#define CRM_CONV2D_ENTRIES_H

#include "conv2d_image.h"

#if defined(__GNUC__) && defined(__AVX512F__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

#define SPAN 512        /* windows of a band, which make one sum each: short sums keep the rounding error small */
#define BAND 16384      /* outputs of a band; one row of windows is the least, however wide */

static isize band_rows(const crm_conv2d *c)
{
    isize rows = MIN(SPAN, BAND / MAX(c->filters, 1)) / pooled_columns(c);
    return MAX(1, MIN(rows, pooled_rows(c)));
}

/* Outputs of a band that have a gradient, in order of (window, place, filter): `offset` is where its pixels begin in the
 * frame. A segment is one place of one window; start[] has one more than there are. */
typedef struct {
    int32_t *filter, *offset, *start;
    real *factor;
} entries;

/* List f goes from f * room to end[f]. */
typedef struct {
    int32_t *end, *offset;
    real *factor;
    isize room;
} lists;

static isize places(const crm_conv2d *c) { return c->pool_h * c->pool_w; }
static isize band_windows(const crm_conv2d *c) { return band_rows(c) * pooled_columns(c); }

/* Reals of a table of `reals` reals and `integers` 32-bit integers. */
static isize table_size(isize reals, isize integers)
{
    return (CEIL_DIV(reals + CEIL_DIV(integers * (isize)sizeof(int32_t), (isize)sizeof(real)), LANES) + 1) * LANES;
}

static isize entries_size(const crm_conv2d *c)
{
    isize most = band_windows(c) * c->filters + LANES; /* a vector is stored whole */
    return table_size(most, 2 * most + band_windows(c) * places(c) + 1);
}

static isize lists_size(const crm_conv2d *c)
{
    return table_size(c->filters * band_windows(c), c->filters * (band_windows(c) + 1));
}

static entries place_entries(const crm_conv2d *c, real *at)
{
    isize most = band_windows(c) * c->filters + LANES;
    int32_t *integers = (int32_t *)(at + most);
    return (entries){.factor = at, .filter = integers, .offset = integers + most, .start = integers + 2 * most};
}

static lists place_lists(const crm_conv2d *c, real *at)
{
    isize room = band_windows(c);
    int32_t *integers = (int32_t *)(at + c->filters * room);
    return (lists){.factor = at, .end = integers, .offset = integers + c->filters, .room = room};
}

#if defined(__GNUC__) && defined(__AVX512F__) && defined(__AVX512VL__)
/* Pack the filters from f on whose output has a gradient at `place` to the end of what is packed; how many. */
ALWAYS_INLINE isize pack_vector(const real *dy, const unsigned char *argmax, int place, int offset, isize f, entries e,
                                isize n)
{
    static const int32_t order[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    if (sizeof(real) == 4) {
        __m512 g = _mm512_loadu_ps((const float *)dy + f);
        __m512i winner = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(argmax + f)));
        __mmask16 taken = _mm512_cmpeq_epi32_mask(winner, _mm512_set1_epi32(place)) &
                          _mm512_cmp_ps_mask(g, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        __m512i filter = _mm512_add_epi32(_mm512_loadu_si512(order), _mm512_set1_epi32((int)f));
        _mm512_storeu_ps((float *)e.factor + n, _mm512_maskz_compress_ps(taken, g));
        _mm512_storeu_si512(e.filter + n, _mm512_maskz_compress_epi32(taken, filter));
        _mm512_storeu_si512(e.offset + n, _mm512_set1_epi32(offset));
        return _mm_popcnt_u32(taken);
    }
    __m512d g = _mm512_loadu_pd((const double *)dy + f);
    __m256i winner = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(argmax + f)));
    __mmask8 taken = _mm256_cmpeq_epi32_mask(winner, _mm256_set1_epi32(place)) &
                     _mm512_cmp_pd_mask(g, _mm512_setzero_pd(), _CMP_NEQ_UQ);
    __m256i filter = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)order), _mm256_set1_epi32((int)f));
    _mm512_storeu_pd((double *)e.factor + n, _mm512_maskz_compress_pd(taken, g));
    _mm256_storeu_si256((__m256i *)(e.filter + n), _mm256_maskz_compress_epi32(taken, filter));
    _mm256_storeu_si256((__m256i *)(e.offset + n), _mm256_set1_epi32(offset));
    return _mm_popcnt_u32(taken);
}
#define PACKS_VECTORS 1
#else
#define PACKS_VECTORS 0
ALWAYS_INLINE isize pack_vector(const real *dy, const unsigned char *argmax, int place, int offset, isize f, entries e,
                                isize n)
{
    (void)dy, (void)argmax, (void)place, (void)offset, (void)f, (void)e, (void)n;
    return 0;
}
#endif

/* The filters of one window whose gradient goes to `place`: packed from n on; returns the new end. NaN is a gradient. */
ALWAYS_INLINE isize pack_place(isize filters, const real *dy, const unsigned char *argmax, int place, int offset,
                               entries e, isize n)
{
    isize f = 0;
    for (; PACKS_VECTORS && f + LANES <= filters; f += LANES)
        n += pack_vector(dy, argmax, place, offset, f, e, n);
    for (; f < filters; f++) { /* what is not taken is overwritten */
        e.filter[n] = (int32_t)f;
        e.offset[n] = offset;
        e.factor[n] = dy[f];
        n += (argmax[f] == place) & (dy[f] != 0);
    }
    return n;
}

#endif
