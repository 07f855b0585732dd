/* Losses that compare each output with its own target: value and slope of a vector of them at once.
 *
 * A new one needs its value and slope here, a name in pointwise_loss.h, its twin and a loss in nn/.
 *
 * One output a sample is the common case: there LANES rows go at a time, a row to a lane. Wider rows go one at a
 * time, and their sum runs over the outputs in order. A NaN among the outputs makes the loss of its row NaN. Outputs
 * are few beside all else in a step: logarithms are the C library's, lane by lane.
 */
#include "pointwise_loss.h"
#include "vecmath.h"

typedef struct {
    vec value, slope;
} point;

/* A function of the C library, lane by lane: none of these losses takes more than one of an element. */
#define BY_LANE(name, of_double, of_float)                                                                             \
    ALWAYS_INLINE vec name(vec x)                                                                                      \
    {                                                                                                                  \
        real part[LANES];                                                                                              \
        store(part, x);                                                                                                \
        for (isize k = 0; k < LANES; k++)                                                                              \
            part[k] = IS_FLOAT ? (real)of_float((float)part[k]) : (real)of_double((double)part[k]);                    \
        return load(part);                                                                                             \
    }
BY_LANE(log_by_lane, log, logf)
BY_LANE(log1p_by_lane, log1p, log1pf)

ALWAYS_INLINE point squared_error(vec output, vec target, real unused)
{
    vec error = output - target;
    (void)unused;
    return (point){error * error, error * 2};
}

ALWAYS_INLINE point absolute_error(vec output, vec target, real unused)
{
    vec error = output - target, one = (vec){0} + 1;
    (void)unused;
    return (point){magnitude(error), where_positive(error, one, where_positive(-error, -one, (vec){0}))};
}

ALWAYS_INLINE point huber(vec output, vec target, real delta)
{
    vec error = output - target, size = magnitude(error), limit = (vec){0} + delta;
    lanes far = greater(size, limit);
    return (point){pick(far, delta * (size - delta / 2), error * error / 2),
                   pick(far, where_positive(error, limit, -limit), error)};
}

/* exp(80) is finite in float32, and 1 beside it is nothing. */
#define FAR_ABOVE 80

/* With d = output - log(target) the deviance is 2 target (exp(d) - 1 - d): of the terms of its definition,
 * target log(target / mean) - target + mean, little is left where the target is large and the fit good. Far above the
 * target, where exp(d) is on its way to infinity, the mean stands for target exp(d), which it is. */
ALWAYS_INLINE point poisson_deviance(vec output, vec target, real unused)
{
    vec mean = exp_vec(output), logarithm = log_by_lane(where_positive(target, target, (vec){0} + 1));
    vec d = output - logarithm, growth = where_positive(d - 1, exp_vec(d) - 1, expm1_vec(d));
    (void)unused;
    vec loss = where_positive(d - FAR_ABOVE, mean - target * (1 + d), target * (growth - d));
    return (point){where_positive(target, loss, mean) * 2, (mean - target) * 2};
}

/* log(1 + exp(output)) - target output, with the exponential of no positive number. */
ALWAYS_INLINE point binary_cross_entropy(vec output, vec target, real smoothing)
{
    vec e = exp_vec(-magnitude(output)), wanted = target * (1 - smoothing) + smoothing / 2;
    vec probability = where_positive(output, (vec){0} + 1, e) / (1 + e);
    return (point){relu_vec(output) - output * wanted + log1p_by_lane(e), probability - wanted};
}

static void find_hits(const crm_points *p, isize begin, isize end)
{
    const real *output = (const real *)p->output, *target = (const real *)p->target;
    for (isize i = begin; i < end; i++) {
        unsigned char right = 1;
        for (isize j = i * p->width; j < (i + 1) * p->width; j++)
            right &= (output[j] > 0) == (target[j] >= (real)0.5);
        p->hits[i] = right;
    }
}

#define POINTWISE(name)                                                                                                \
    static void name##_of_column(const crm_points *p, isize begin, isize end)                                          \
    {                                                                                                                  \
        real *gradient = (real *)p->gradient;                                                                          \
        for (isize i = begin; i < end; i += LANES) {                                                                   \
            isize count = end - i;                                                                                     \
            vec output = load_some((const real *)p->output + i, count);                                                \
            point found = name(output, load_some((const real *)p->target + i, count), (real)p->parameter);             \
            store_some((real *)p->losses + i, found.value, count);                                                     \
            if (gradient)                                                                                              \
                store_some(gradient + i, found.slope * load_some((const real *)p->weights + i, count), count);         \
        }                                                                                                              \
    }                                                                                                                  \
    static void name##_of_row(const crm_points *p, isize row)                                                          \
    {                                                                                                                  \
        const isize width = p->width;                                                                                  \
        const real *output = (const real *)p->output + row * width, *target = (const real *)p->target + row * width;   \
        real *gradient = p->gradient ? (real *)p->gradient + row * width : NULL;                                       \
        real weight = ((const real *)p->weights)[row] / (real)width, sum = 0, part[LANES];                             \
        for (isize j = 0; j < width; j += LANES) {                                                                     \
            point found = name(load_some(output + j, width - j), load_some(target + j, width - j), (real)p->parameter); \
            store(part, found.value);                                                                                  \
            for (isize k = 0; k < MIN(width - j, LANES); k++)                                                          \
                sum += part[k];                                                                                        \
            if (gradient)                                                                                              \
                store_some(gradient + j, found.slope * weight, width - j);                                             \
        }                                                                                                              \
        ((real *)p->losses)[row] = sum / (real)width;                                                                  \
    }                                                                                                                  \
    static void name##_rows(const crm_points *p, isize begin, isize end)                                               \
    {                                                                                                                  \
        if (p->width == 1)                                                                                             \
            name##_of_column(p, begin, end);                                                                           \
        for (isize i = begin; i < end && p->width != 1; i++)                                                           \
            name##_of_row(p, i);                                                                                       \
        if (p->hits)                                                                                                   \
            find_hits(p, begin, end);                                                                                  \
    }
POINTWISE(squared_error)
POINTWISE(absolute_error)
POINTWISE(huber)
POINTWISE(poisson_deviance)
POINTWISE(binary_cross_entropy)

const crm_pointwise_kernels CRM(crm_pointwise_table) = {
    {squared_error_rows, absolute_error_rows, huber_rows, poisson_deviance_rows, binary_cross_entropy_rows},
};
