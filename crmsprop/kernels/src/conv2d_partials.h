/* Partial gradients of a convolution: for each chunk of images that to the weights, then that to the bias. */
#ifndef CRM_CONV2D_PARTIALS_H
#define CRM_CONV2D_PARTIALS_H

#include "conv2d_image.h"
#include "partials.h"

ALWAYS_INLINE isize partial_elements(const crm_conv2d *c) { return (kernel_size(c) + 1) * c->filters; }

static isize partial_size(const crm_conv2d *c) { return CEIL_DIV(partial_elements(c), LANES) * LANES; }

static isize reduce_tasks(const crm_conv2d *c) { return partial_tasks(partial_elements(c)); }

static void reduce(const crm_conv2d *c, isize task)
{
    partial_sums s = {.first = c->partials,
                      .chunks = CEIL_DIV(c->images, c->chunk),
                      .stride = partial_size(c),
                      .elements = partial_elements(c),
                      .weights = kernel_size(c) * c->filters,
                      .dweight = c->dweight,
                      .dbias = c->dbias};
    sum_partials(s, task);
}

#endif
