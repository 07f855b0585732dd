/* Softmax, and its cross-entropy with value and gradient in one visit to a row.
 *
 * The row's maximum is subtracted first, so that exp never overflows. loss = log(sum exp(z - max)) - sum of q (z - max),
 * where q is the target's distribution: the label, or two labels with their shares, and a smoothing spread over all classes.
 * A NaN in a row makes its loss NaN: the training loop stops on it.
 *
 * Up to FEW classes go LANES rows at a time, a row to a lane: one exp then serves as many rows, and nothing waits for a
 * sum over a register. With 10 classes a row takes 16 nanoseconds in place of 55. More classes go a row at a time, LANES of
 * its elements to an exp. Either way the sum runs over the classes in order.
 */
#include "crm.h"
#include "softmax.h"
#include "vecmath.h"

ALWAYS_INLINE real logarithm(real x) { return sizeof(real) == 4 ? (real)logf((float)x) : (real)log((double)x); }

/* Place of the first largest element, or of the first NaN, as NumPy's argmax. */
static isize first_largest(const real *row, isize classes)
{
    isize best = 0;
    for (isize j = 1; j < classes && row[best] == row[best]; j++)
        best = row[j] <= row[best] ? best : j;
    return best;
}

/* out = exp(row - largest) for each element; returns their sum, in order. out may be row. */
static real exponentials(const real *row, real *out, real largest, isize classes)
{
    real sum = 0;
    for (isize j = 0; j < classes; j += LANES)
        store_some(out + j, exp_vec(load_some(row + j, classes - j) - largest), classes - j);
    for (isize j = 0; j < classes; j++)
        sum += out[j];
    return sum;
}

/* ---- few classes: LANES rows, or what is left of them, as columns of one lane a row */

#define FEW 128

typedef struct {
    vec column[FEW]; /* the logits, then their exponentials */
    vec largest, sum;
    real best[LANES]; /* the class of the largest */
} group;

static void read_group(group *g, const real *rows, isize count, isize classes)
{
    real *columns = (real *)g->column;
    if (count < LANES)
        memset(columns, 0, classes * sizeof(vec));
    for (isize i = 0; i < count; i++)
        for (isize j = 0; j < classes; j++)
            columns[j * LANES + i] = rows[i * classes + j];
}

static void write_group(const group *g, real *rows, isize count, isize classes)
{
    const real *columns = (const real *)g->column;
    for (isize i = 0; i < count; i++)
        for (isize j = 0; j < classes; j++)
            rows[i * classes + j] = columns[j * LANES + i];
}

/* As first_largest and exponentials, a row to a lane. */
static void exponentials_of_group(group *g, isize classes)
{
    vec best = {0};
    g->largest = g->column[0];
    for (isize j = 1; j < classes; j++) {
        lanes larger = greater(g->column[j], g->largest) | not_a_number(g->column[j]);
        lanes taken = larger & ~not_a_number(g->largest);
        g->largest = pick(taken, g->column[j], g->largest);
        best = pick(taken, (vec){0} + (real)j, best);
    }
    store(g->best, best);
    g->sum = (vec){0};
    for (isize j = 0; j < classes; j++) {
        g->column[j] = exp_vec(g->column[j] - g->largest);
        g->sum += g->column[j];
    }
}

static void softmax_of_few(const real *logits, real *out, isize classes, isize count)
{
    group g;
    read_group(&g, logits, count, classes);
    exponentials_of_group(&g, classes);
    for (isize j = 0; j < classes; j++)
        g.column[j] /= g.sum;
    write_group(&g, out, count, classes);
}

static void softmax(const void *logits, void *out_, isize classes, isize begin, isize end)
{
    for (isize i = begin; i < end && 0 < classes && classes <= FEW; i += LANES)
        softmax_of_few((const real *)logits + i * classes, (real *)out_ + i * classes, classes, MIN(end - i, LANES));
    for (isize i = begin; i < end && classes > FEW; i++) {
        const real *row = (const real *)logits + i * classes;
        real *out = (real *)out_ + i * classes;
        real sum = exponentials(row, out, row[first_largest(row, classes)], classes);
        for (isize j = 0; j < classes; j++)
            out[j] /= sum;
    }
}

static real sum_of_exponentials(const real *row, real largest, isize classes)
{
    real sum = 0, part[LANES];
    for (isize j = 0; j < classes; j += LANES) {
        store(part, exp_vec(load_some(row + j, classes - j) - largest));
        for (isize k = 0; k < MIN(classes - j, LANES); k++)
            sum += part[k];
    }
    return sum;
}

/* share * value, and 0 of what is not there, even of -inf */
ALWAYS_INLINE real part(real share, real value) { return share == 0 ? (real)0 : share * value; }

static real mean_above(const real *row, real largest, isize classes)
{
    real sum = 0;
    for (isize j = 0; j < classes; j++)
        sum += row[j] - largest;
    return sum / (real)classes;
}

/* Mean of z - max under the target's distribution. */
static real expected(const crm_targets *t, isize i, const real *row, real largest, isize classes)
{
    real value = row[t->labels[i]] - largest, smoothing = (real)t->smoothing;
    if (t->others) {
        real share = ((const real *)t->shares)[i];
        value = part(share, value) + part(1 - share, row[t->others[i]] - largest);
    }
    return smoothing == 0 ? value : (1 - smoothing) * value + smoothing * mean_above(row, largest, classes);
}

/* gradient -= weight * the target's distribution */
static void subtract_target(const crm_targets *t, isize i, real *gradient, real weight, isize classes)
{
    const real share = t->others ? ((const real *)t->shares)[i] : (real)1, rest = (real)(1 - t->smoothing) * weight;
    for (isize j = 0; j < classes && t->smoothing > 0; j++)
        gradient[j] -= weight * (real)(t->smoothing / (double)classes);
    gradient[t->labels[i]] -= rest * share;
    if (t->others)
        gradient[t->others[i]] -= rest * (1 - share);
}

/* The label whose prediction is a hit: of two the one with the larger share. */
static int64_t main_label(const crm_targets *t, isize i)
{
    return t->others && ((const real *)t->shares)[i] < (real)0.5 ? t->others[i] : t->labels[i];
}

/* Rows from number `first` on, and what their cross-entropy is written to; gradient may be NULL. */
typedef struct {
    const real *logits, *weights;
    const crm_targets *targets;
    isize first;
    real *losses, *gradient;
    unsigned char *hits;
} labelled;

static void cross_entropy_of_few(labelled rows, isize classes, isize count)
{
    group g;
    real largest[LANES], sum[LANES];
    read_group(&g, rows.logits, count, classes);
    exponentials_of_group(&g, classes);
    store(largest, g.largest);
    store(sum, g.sum);
    for (isize i = 0; i < count; i++) {
        rows.losses[i] =
            logarithm(sum[i]) - expected(rows.targets, rows.first + i, rows.logits + i * classes, largest[i], classes);
        rows.hits[i] = g.best[i] == (real)main_label(rows.targets, rows.first + i);
    }
    if (!rows.gradient)
        return;
    vec factor = load_some(rows.weights, count) / g.sum;
    for (isize j = 0; j < classes; j++)
        g.column[j] *= factor;
    write_group(&g, rows.gradient, count, classes);
    for (isize i = 0; i < count; i++)
        subtract_target(rows.targets, rows.first + i, rows.gradient + i * classes, rows.weights[i], classes);
}

static void cross_entropy_of_one(labelled row, isize classes)
{
    isize best = first_largest(row.logits, classes);
    real sum = row.gradient ? exponentials(row.logits, row.gradient, row.logits[best], classes)
                            : sum_of_exponentials(row.logits, row.logits[best], classes);
    row.losses[0] = logarithm(sum) - expected(row.targets, row.first, row.logits, row.logits[best], classes);
    row.hits[0] = best == main_label(row.targets, row.first);
    if (!row.gradient)
        return;
    for (isize j = 0; j < classes; j++)
        row.gradient[j] *= row.weights[0] / sum;
    subtract_target(row.targets, row.first, row.gradient, row.weights[0], classes);
}

static void cross_entropy(const void *logits, const crm_targets *t, const void *weights, void *losses,
                          unsigned char *hits, void *dlogits, isize classes, isize begin, isize end)
{
    const isize step = classes <= FEW ? LANES : 1;
    for (isize i = begin; i < end; i += step) {
        labelled rows = {.logits = (const real *)logits + i * classes,
                         .weights = (const real *)weights + i,
                         .targets = t,
                         .first = i,
                         .losses = (real *)losses + i,
                         .gradient = dlogits ? (real *)dlogits + i * classes : NULL,
                         .hits = hits + i};
        if (classes <= FEW)
            cross_entropy_of_few(rows, classes, MIN(end - i, LANES));
        else
            cross_entropy_of_one(rows, classes);
    }
}

const crm_softmax_kernels CRM(crm_softmax_table) = {softmax, cross_entropy};
