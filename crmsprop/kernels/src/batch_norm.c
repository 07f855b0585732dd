/* Batch normalization (Ioffe and Szegedy 2015): y = gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel.
 *
 * Four loops over rows of channels, each limited by memory: forward reads x twice and writes y, backward reads x and dy
 * twice and writes dx. Statistics are those of fixed blocks of rows, small enough for the first-level cache, where the
 * second look at a block for its squared deviations costs little; the blocks are joined in float64 in order (Chan, Golub
 * and LeVeque 1983), so that neither the threads nor a mean far from 0 matter.
 */
#include "batch_norm.h"
#include "crm.h"

/* Sums over the rows of a block of f(row, channel), for a vector of channels: RESULT holds them. */
#define OVER_ROWS(c, begin, end, RESULT, EXPRESSION)                                                                   \
    vec RESULT = {0};                                                                                                  \
    for (isize r = (begin); r < (end); r++) {                                                                          \
        isize at = r * (c)->channels + channel;                                                                        \
        RESULT += (EXPRESSION);                                                                                        \
    }

ALWAYS_INLINE void put(double *to, vec values, isize count)
{
    real row[LANES];
    store(row, values);
    for (isize j = 0; j < MIN(count, LANES); j++)
        to[j] = row[j];
}

/* The mean was rounded: what the deviations from it add up to, the `rest`, tells by how much. */
ALWAYS_INLINE void correct(double *mean, double *squares, vec rest, isize rows, isize count)
{
    double sums[LANES];
    put(sums, rest, count);
    for (isize j = 0; j < MIN(count, LANES); j++) {
        mean[j] += sums[j] / (double)rows;
        squares[j] -= sums[j] * sums[j] / (double)rows;
    }
}

static void moments(const crm_batch_norm *c, isize begin, isize end, double *sums)
{
    const real *x = (const real *)c->x;
    for (isize channel = 0; channel < c->channels; channel += LANES) {
        isize count = c->channels - channel;
        OVER_ROWS(c, begin, end, sum, load_some(x + at, count))
        vec mean = sum / (real)(end - begin);
        OVER_ROWS(c, begin, end, rest, load_some(x + at, count) - mean)
        OVER_ROWS(c, begin, end, squares, (load_some(x + at, count) - mean) * (load_some(x + at, count) - mean))
        put(sums + channel, mean, count);
        put(sums + c->channels + channel, squares, count);
        correct(sums + channel, sums + c->channels + channel, rest, end - begin, count);
    }
}

static void normalize(const crm_batch_norm *c, isize begin, isize end)
{
    const real *x = (const real *)c->x, *gamma = (const real *)c->gamma, *beta = (const real *)c->beta;
    const real *mean = (const real *)c->mean, *scale = (const real *)c->scale;
    real *out = (real *)c->out;
    for (isize channel = 0; channel < c->channels; channel += LANES) {
        isize count = c->channels - channel;
        vec m = load_some(mean + channel, count), b = load_some(beta + channel, count);
        vec factor = load_some(gamma + channel, count) * load_some(scale + channel, count);
        for (isize at = begin * c->channels + channel; at < end * c->channels; at += c->channels)
            store_some(out + at, (load_some(x + at, count) - m) * factor + b, count);
    }
}

static void gradients(const crm_batch_norm *c, isize begin, isize end, double *sums)
{
    const real *x = (const real *)c->x, *dy = (const real *)c->dy;
    for (isize channel = 0; channel < c->channels; channel += LANES) {
        isize count = c->channels - channel;
        vec mean = load_some((const real *)c->mean + channel, count);
        OVER_ROWS(c, begin, end, dgamma, load_some(dy + at, count) * (load_some(x + at, count) - mean))
        OVER_ROWS(c, begin, end, dbeta, load_some(dy + at, count))
        put(sums + channel, dgamma * load_some((const real *)c->scale + channel, count), count);
        put(sums + c->channels + channel, dbeta, count);
    }
}

ALWAYS_INLINE vec get(const double *from, isize count)
{
    real row[LANES] = {0};
    for (isize j = 0; j < MIN(count, LANES); j++)
        row[j] = (real)from[j];
    return load(row);
}

/* dx = gamma scale (dy - dbeta / rows - (x - mean) scale dgamma / rows) */
static void backward(const crm_batch_norm *c, isize begin, isize end)
{
    const real *x = (const real *)c->x, *dy = (const real *)c->dy;
    const real share = (real)1 / (real)c->rows;
    real *dx = (real *)c->out;
    for (isize channel = 0; channel < c->channels; channel += LANES) {
        isize count = c->channels - channel;
        vec mean = load_some((const real *)c->mean + channel, count);
        vec scale = load_some((const real *)c->scale + channel, count);
        vec factor = load_some((const real *)c->gamma + channel, count) * scale;
        vec constant = get(c->dbeta + channel, count) * share, linear = get(c->dgamma + channel, count) * scale * share;
        for (isize at = begin * c->channels + channel; at < end * c->channels; at += c->channels) {
            vec centred = load_some(x + at, count) - mean;
            store_some(dx + at, factor * (load_some(dy + at, count) - constant - centred * linear), count);
        }
    }
}

const crm_batch_norm_kernels CRM(crm_batch_norm_table) = {moments, normalize, gradients, backward};
