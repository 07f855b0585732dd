/* The gradient through the ReLU before a dense layer: each block of a dx cuts its own, which is still in cache. */
#ifndef CRM_DENSE_CUT_H
#define CRM_DENSE_CUT_H

#include "crm.h"
#include "dense.h"

static void cut_dx(const crm_dense *d, isize row, isize rows, isize column, isize width)
{
    for (isize i = row; d->cut_dx && i < row + rows; i++) {
        const real *x = (const real *)d->x + i * d->inputs + column;
        real *dx = (real *)d->dx + i * d->inputs + column;
        for (isize j = 0; j < width; j += LANES) {
            lanes alive = greater(load_some(x + j, width - j), (vec){0});
            store_some(dx + j, pick(alive, load_some(dx + j, width - j), (vec){0}), width - j);
        }
    }
}

#endif
