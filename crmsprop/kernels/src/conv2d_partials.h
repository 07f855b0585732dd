/* Partial gradients: for each chunk of images the gradient to the weights, then that to the bias, added in order. */
#ifndef CRM_CONV2D_PARTIALS_H
#define CRM_CONV2D_PARTIALS_H

#include "conv2d_image.h"

#define REDUCE 1024 /* elements of the gradient a task of the sum over the chunks */

ALWAYS_INLINE isize partial_elements(const crm_conv2d *c) { return (kernel_size(c) + 1) * c->filters; }

static isize partial_size(const crm_conv2d *c) { return CEIL_DIV(partial_elements(c), LANES) * LANES; }

static isize reduce_tasks(const crm_conv2d *c) { return CEIL_DIV(partial_elements(c), REDUCE); }

static void reduce(const crm_conv2d *c, isize task)
{
    const real *partials = (const real *)c->partials;
    isize chunks = CEIL_DIV(c->images, c->chunk), size = partial_size(c), weights = kernel_size(c) * c->filters;
    for (isize i = task * REDUCE; i < MIN((task + 1) * REDUCE, partial_elements(c)); i++) {
        real sum = 0;
        for (isize k = 0; k < chunks; k++)
            sum += partials[k * size + i];
        if (i < weights)
            ((real *)c->dweight)[i] = sum;
        else if (c->dbias)
            ((real *)c->dbias)[i - weights] = sum;
    }
}

#endif
