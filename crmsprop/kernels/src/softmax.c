/* Softmax, and its cross-entropy with value and gradient in one visit to a row.
 *
 * The row's maximum is subtracted first, so that exp never overflows. loss = log(sum exp(z - max)) - (z_label - max).
 * A NaN in a row makes its loss NaN: the training loop stops on it.
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

static void softmax(const void *logits, void *out_, isize classes, isize begin, isize end)
{
    for (isize i = begin; i < end && classes > 0; i++) {
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

static void cross_entropy(const void *logits, const int64_t *labels, const void *weights, void *losses,
                          unsigned char *hits, void *dlogits, isize classes, isize begin, isize end)
{
    for (isize i = begin; i < end; i++) {
        const real *row = (const real *)logits + i * classes;
        real *gradient = dlogits ? (real *)dlogits + i * classes : NULL, weight = ((const real *)weights)[i];
        isize best = first_largest(row, classes), label = (isize)labels[i];
        real sum = gradient ? exponentials(row, gradient, row[best], classes)
                            : sum_of_exponentials(row, row[best], classes);
        ((real *)losses)[i] = logarithm(sum) - (row[label] - row[best]);
        hits[i] = best == label;
        if (gradient) {
            for (isize j = 0; j < classes; j++)
                gradient[j] *= weight / sum;
            gradient[label] -= weight;
        }
    }
}

const crm_softmax_kernels CRM(crm_softmax_table) = {softmax, cross_entropy};
