/* The gradient to a dense layer's bias: each block of a dweight sums its share of the columns of dy, sample by sample. */
#ifndef CRM_DENSE_BIAS_H
#define CRM_DENSE_BIAS_H

#include "crm.h"
#include "dense.h"

#define BIAS_VECS 4 /* vectors of columns at a time, in registers */

ALWAYS_INLINE void sum_columns(const crm_dense *d, isize column, int vecs)
{
    const real *dy = (const real *)d->dy + column;
    vec sum[BIAS_VECS];
    UNROLL
    for (int v = 0; v < vecs; v++)
        sum[v] = (vec){0};
    for (isize i = 0; i < d->samples; i++) {
        UNROLL
        for (int v = 0; v < vecs; v++)
            sum[v] += load(dy + i * d->units + v * LANES);
    }
    UNROLL
    for (int v = 0; v < vecs; v++)
        store((real *)d->dbias + column + v * LANES, sum[v]);
}

/* Fewer than a vector: side by side, since one addition after another waits four cycles for the one before. */
static void sum_last_columns(const crm_dense *d, isize column, isize count)
{
    const real *dy = (const real *)d->dy + column;
    real sum[LANES] = {0};
    for (isize i = 0; i < d->samples; i++)
        for (isize j = 0; j < count; j++)
            sum[j] += dy[i * d->units + j];
    memcpy((real *)d->dbias + column, sum, count * sizeof(real));
}

static void dbias_share(const crm_dense *d, isize block, isize blocks)
{
    isize share = CEIL_DIV(CEIL_DIV(d->units, blocks), LANES) * LANES;
    isize column = block * share, end = MIN(d->units, column + share);
    if (!d->dbias)
        return;
    for (; column + BIAS_VECS * LANES <= end; column += BIAS_VECS * LANES)
        sum_columns(d, column, BIAS_VECS);
    for (; column + LANES <= end; column += LANES)
        sum_columns(d, column, 1);
    if (column < end)
        sum_last_columns(d, column, end - column);
}

#endif
