/* The RMSprop update: one pass over memory, whatever options are on.
 *
 * Every array of the list is read and written once, in blocks of the list taken as one long row; an element's new
 * value depends on nothing but the element, so neither the blocks nor the threads can change a bit. Body and tail of
 * the loop are the same expression, vectorized by the compiler: IEEE operations only, no contraction to FMA
 * (-ffp-contract=off in setup.py), so that every instruction set gives the same bits. A variant without an option
 * does not load that option's state: 20 bytes an element for the plain float32 update. Constants are rounded to
 * `real` once, outside of the loop.
 *
 * Formula: DESIGN, section "Numerics"; Tieleman and Hinton (2012), lecture 6.5; centered: Graves (2013), eq. 38-45.
 */
#include "crm.h"
#include "rmsprop.h"

#include <math.h>

ALWAYS_INLINE real root(real x) { return sizeof(real) == 4 ? (real)sqrtf((float)x) : (real)sqrt((double)x); }

ALWAYS_INLINE void update(const crm_rmsprop_array *array, const crm_rmsprop_rates *rates, isize begin, isize end,
                          int with_l2, int centered, int with_momentum)
{
    real *RESTRICT param = (real *)array->param;
    const real *RESTRICT grad = (const real *)array->grad;
    real *RESTRICT mean_square = (real *)array->mean_square;
    real *RESTRICT mean = (real *)array->mean;
    real *RESTRICT velocity = (real *)array->velocity;
    const real rate = (real)array->learning_rate, l2 = (real)array->l2, epsilon = (real)rates->epsilon;
    const real rho = (real)rates->rho, rest = (real)(1.0 - rates->rho), momentum = (real)rates->momentum;

    for (isize i = begin; i < end; i++) {
        real g = with_l2 ? grad[i] + l2 * param[i] : grad[i];
        real v = rho * mean_square[i] + rest * (g * g);
        mean_square[i] = v;
        if (centered) {
            real m = rho * mean[i] + rest * g;
            mean[i] = m;
            v = v - m * m;
            v = v < 0 ? (real)0 : v; /* rounding can make it negative; a NaN stays a NaN */
        }
        real denominator = root(v) + epsilon;
        if (with_momentum) {
            real u = momentum * velocity[i] + g / denominator;
            velocity[i] = u;
            param[i] = param[i] - rate * u;
        } else {
            param[i] = param[i] - rate * g / denominator;
        }
    }
}

#define VARIANT(l2, centered, momentum)                                                                                \
    static void update_##l2##centered##momentum(const crm_rmsprop_array *array, const crm_rmsprop_rates *rates,        \
                                                isize begin, isize end)                                                  \
    {                                                                                                                  \
        update(array, rates, begin, end, l2, centered, momentum);                                                      \
    }
VARIANT(0, 0, 0)
VARIANT(0, 0, 1)
VARIANT(0, 1, 0)
VARIANT(0, 1, 1)
VARIANT(1, 0, 0)
VARIANT(1, 0, 1)
VARIANT(1, 1, 0)
VARIANT(1, 1, 1)

typedef void (*variant)(const crm_rmsprop_array *, const crm_rmsprop_rates *, isize, isize);
static const variant variants[2][2][2] = {{{update_000, update_001}, {update_010, update_011}},
                                          {{update_100, update_101}, {update_110, update_111}}};

/* The last array that starts at or before `place`. */
static isize find(const crm_rmsprop_array *arrays, isize count, isize place)
{
    isize low = 0, high = count - 1;
    while (low < high) {
        isize middle = (low + high + 1) / 2;
        if (arrays[middle].start <= place)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void block(const crm_rmsprop_array *arrays, isize count, const crm_rmsprop_rates *rates, isize begin, isize end)
{
    for (isize i = find(arrays, count, begin); i < count && arrays[i].start < end; i++) {
        const crm_rmsprop_array *array = arrays + i;
        isize first = MAX(begin - array->start, 0), last = MIN(end - array->start, array->size);
        if (first < last)
            variants[array->l2 != 0][array->mean != NULL][array->velocity != NULL](array, rates, first, last);
    }
}

const crm_rmsprop_kernels CRM(crm_rmsprop) = {block};
