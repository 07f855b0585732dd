/* The RMSprop update: one pass over memory, whatever options are on.
 *
 * Every array of the list is read and written once, in blocks of the list taken as one long row; an element's new
 * value depends on nothing but the element, so neither the blocks nor the threads can change a bit. Body and tail of
 * the loop are the same expression, vectorized by the compiler: IEEE operations only, no contraction to FMA
 * (-ffp-contract=off in setup.py), so that every instruction set gives the same bits.
 *
 * Options that need state, and l2, which may not touch an infinite parameter when it is off, are compiled in: one inlined
 * body, of which a plain float32 update moves 20 bytes an element. Options that cost no memory are numbers that do
 * nothing at their neutral value, exactly: a factor of 1, an addend of 0. Where all of them are neutral a loop without them
 * runs, which gives the same bits; only a bound on each value, two comparisons, has a loop of its own. Constants are
 * rounded to `real` once, outside of the loop.
 *
 * The limit in cache is the divider: on a core of an AMD Zen 5 at 4 GHz 0.14 ns an element in 512-bit registers (the
 * compiler must be told to use them: -mprefer-vector-width), 0.25 in 256-bit ones; the bound costs 0.035 more. A root made of
 * multiply-adds, exact to the bit, took 0.34.
 *
 * Formula: Tieleman and Hinton (2012), lecture 6.5; centered: Graves (2013), eq. 38-45; nesterov: optax's trace.
 */
#include "crm.h"
#include "rmsprop.h"

#include <math.h>

ALWAYS_INLINE real root(real x) { return sizeof(real) == 4 ? (real)sqrtf((float)x) : (real)sqrt((double)x); }
ALWAYS_INLINE real clamp(real x, real bound) { return x < -bound ? -bound : x > bound ? bound : x; }

/* A difference, so that the average of what does not move stays it, to the bit: in float32 the two factors of
 * ema * average + (1 - ema) * param do not add up to 1, and at 0.9999 shrink everything by 1.6e-4. What the average held
 * before may be a NaN: the first move forgets it. */
ALWAYS_INLINE real averaged_with(real average, real param, real ema, real rest)
{
    return ema == 0 ? param : average + rest * (param - average);
}

enum { PLAIN, NUMBERS, CLIPPED, ACCUMULATED }; /* the last reads a sum of gradients, and is clipped */
enum { NO_MOMENTUM, MOMENTUM, NESTEROV };

ALWAYS_INLINE void update(const crm_rmsprop_array *array, const crm_rmsprop_rule *rule, isize begin, isize end,
                          int numbers, int with_sum, int with_l2, int centered, int momentum_kind, int averaged)
{
    real *RESTRICT param = (real *)array->param;
    const real *RESTRICT grad = (const real *)array->grad;
    real *RESTRICT mean_square = (real *)array->mean_square;
    real *RESTRICT mean = (real *)array->mean;
    real *RESTRICT velocity = (real *)array->velocity;
    real *RESTRICT average = (real *)array->average;
    real *RESTRICT sum = (real *)array->sum;
    const real scale = (real)array->grad_scale, bound = (real)rule->clip_value, l2 = (real)array->l2;
    const real rho = (real)rule->rho, rest = (real)(1.0 - rule->rho), correction = (real)rule->correction;
    const real inside = (real)rule->epsilon_inside, outside = (real)rule->epsilon_outside;
    const real momentum = (real)rule->momentum, keep = (real)array->keep;
    const real rate_inside = (real)array->rate_inside, rate_outside = (real)array->rate_outside;
    const real ema = (real)rule->ema, ema_rest = (real)(1.0 - rule->ema);

    for (isize i = begin; i < end; i++) {
        real g = grad[i];
        if (with_sum) {
            g = sum[i] + g;
            sum[i] = 0;
        }
        if (numbers)
            g = g * scale;
        if (numbers == CLIPPED)
            g = clamp(g, bound);
        const real before = param[i];
        if (with_l2)
            g = g + l2 * before;
        real v = rho * mean_square[i] + rest * (g * g);
        mean_square[i] = v;
        if (numbers)
            v = v * correction;
        if (centered) {
            real m = rho * mean[i] + rest * g;
            mean[i] = m;
            if (numbers)
                m = m * correction;
            v = v - m * m;
            v = v < 0 ? (real)0 : v; /* rounding can make it negative; a NaN stays a NaN */
        }
        if (numbers)
            v = v + inside;
        real u = rate_inside * g / (root(v) + outside);
        if (momentum_kind) {
            real w = momentum * velocity[i] + u;
            velocity[i] = w;
            u = momentum_kind == NESTEROV ? u + momentum * w : w;
        }
        real p = (numbers ? keep * before : before) - rate_outside * u;
        param[i] = p;
        if (averaged)
            average[i] = averaged_with(average[i], p, ema, ema_rest);
    }
}

typedef void (*variant)(const crm_rmsprop_array *, const crm_rmsprop_rule *, isize, isize);

#define VARIANT(numbers, sum, l2, centered, momentum, averaged)                                                        \
    static void update_##numbers##sum##l2##centered##momentum##averaged(                                               \
        const crm_rmsprop_array *array, const crm_rmsprop_rule *rule, isize begin, isize end)                          \
    {                                                                                                                  \
        update(array, rule, begin, end, numbers, sum, l2, centered, momentum, averaged);                               \
    }
#define FOR_AVERAGED(DO, n, s, l, c, m) DO(n, s, l, c, m, 0) DO(n, s, l, c, m, 1)
#define FOR_MOMENTUM(DO, n, s, l, c)                                                                                   \
    FOR_AVERAGED(DO, n, s, l, c, 0) FOR_AVERAGED(DO, n, s, l, c, 1) FOR_AVERAGED(DO, n, s, l, c, 2)
#define FOR_CENTERED(DO, n, s, l) FOR_MOMENTUM(DO, n, s, l, 0) FOR_MOMENTUM(DO, n, s, l, 1)
#define FOR_L2(DO, n, s) FOR_CENTERED(DO, n, s, 0) FOR_CENTERED(DO, n, s, 1)
#define FOR_ALL(DO) FOR_L2(DO, 0, 0) FOR_L2(DO, 1, 0) FOR_L2(DO, 2, 0) FOR_L2(DO, 2, 1)
FOR_ALL(VARIANT)

#define NAMED(n, s, l, c, m, a) update_##n##s##l##c##m##a,
static const variant variants[] = {FOR_ALL(NAMED)};

static int numbers_of(const crm_rmsprop_array *array, const crm_rmsprop_rule *rule)
{
    int neutral = array->grad_scale == 1 && array->keep == 1 && rule->correction == 1 && rule->epsilon_inside == 0;
    return rule->clip_value < INFINITY ? CLIPPED : neutral ? PLAIN : NUMBERS;
}

static variant choose(const crm_rmsprop_array *array, const crm_rmsprop_rule *rule)
{
    int momentum = array->velocity == NULL ? NO_MOMENTUM : rule->nesterov ? NESTEROV : MOMENTUM;
    int kind = array->sum != NULL ? ACCUMULATED : numbers_of(array, rule);
    return variants[(((kind * 2 + ((real)array->l2 != 0)) * 2 + (array->mean != NULL)) * 3 + momentum) * 2 +
                    (array->average != NULL)];
}

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

static void block(const crm_rmsprop_array *arrays, isize count, const crm_rmsprop_rule *rule, isize begin, isize end)
{
    for (isize i = find(arrays, count, begin); i < count && arrays[i].start < end; i++) {
        const crm_rmsprop_array *array = arrays + i;
        isize first = MAX(begin - array->start, 0), last = MIN(end - array->start, array->size);
        if (first < last)
            choose(array, rule)(array, rule, first, last);
    }
}

static void accumulate(const crm_rmsprop_array *arrays, isize count, isize begin, isize end)
{
    for (isize i = find(arrays, count, begin); i < count && arrays[i].start < end; i++) {
        real *RESTRICT sum = (real *)arrays[i].sum;
        const real *RESTRICT grad = (const real *)arrays[i].grad;
        isize first = MAX(begin - arrays[i].start, 0), last = MIN(end - arrays[i].start, arrays[i].size);
        for (isize k = first; k < last; k++)
            sum[k] += grad[k];
    }
}

static void average(const crm_rmsprop_array *arrays, isize count, double ema, isize begin, isize end)
{
    for (isize i = find(arrays, count, begin); i < count && arrays[i].start < end; i++) {
        real *RESTRICT mean = (real *)arrays[i].average;
        const real *RESTRICT param = (const real *)arrays[i].param;
        isize first = MAX(begin - arrays[i].start, 0), last = MIN(end - arrays[i].start, arrays[i].size);
        for (isize k = first; k < last; k++)
            mean[k] = averaged_with(mean[k], param[k], (real)ema, (real)(1.0 - ema));
    }
}

#define SQUARE_LANES 32 /* four vectors of AVX-512: a single one waits for the sum before */

ALWAYS_INLINE double square_of(real x) { return (double)x * (double)x; }

static double squares(const crm_rmsprop_array *arrays, isize count, isize block, isize width)
{
    const crm_rmsprop_array *array = arrays + find(arrays, count, block);
    const real *grad = (const real *)array->grad, *sum = (const real *)array->sum;
    isize begin = (block - array->start) * width, end = MIN(begin + width, array->size), whole = end - (end - begin) % SQUARE_LANES;
    double lanes_[SQUARE_LANES] = {0};
    for (isize i = begin; i < whole; i += SQUARE_LANES)
        for (isize j = 0; j < SQUARE_LANES; j++)
            lanes_[j] += square_of(sum ? sum[i + j] + grad[i + j] : grad[i + j]);
    for (isize i = whole; i < end; i++)
        lanes_[i - whole] += square_of(sum ? sum[i] + grad[i] : grad[i]);
    for (isize step = SQUARE_LANES / 2; step > 0; step /= 2)
        for (isize j = 0; j < step; j++)
            lanes_[j] += lanes_[j + step];
    return lanes_[0];
}

const crm_rmsprop_kernels CRM(crm_rmsprop) = {block, accumulate, average, squares};
