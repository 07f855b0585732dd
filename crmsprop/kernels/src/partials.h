/* Partial gradients, one for each chunk of images: those to the weights, then those to the bias, added in order of chunks,
 * so that nothing depends on which thread made which. */
#ifndef CRM_PARTIALS_H
#define CRM_PARTIALS_H

#include "crm.h"

#define REDUCE 1024 /* elements that a task adds up */

typedef struct {
    const void *first;
    isize chunks, stride;       /* reals from one to the next */
    isize elements, weights;    /* of each: all, and those to the weights */
    void *dweight, *dbias;      /* NULL where nobody needs them */
} partial_sums;

static inline isize partial_tasks(isize elements) { return CEIL_DIV(elements, REDUCE); }

static void sum_partials(partial_sums s, isize task)
{
    const real *partials = (const real *)s.first;
    for (isize i = task * REDUCE; i < MIN((task + 1) * REDUCE, s.elements); i++) {
        real sum = 0;
        for (isize k = 0; k < s.chunks; k++)
            sum += partials[k * s.stride + i];
        if (i < s.weights && s.dweight)
            ((real *)s.dweight)[i] = sum;
        if (i >= s.weights && s.dbias)
            ((real *)s.dbias)[i - s.weights] = sum;
    }
}

#endif
