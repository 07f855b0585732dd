/* The pool behind a convolution: values and places of the largest, from rows of outputs that are still in cache. */
#ifndef CRM_CONV2D_POOL_H
#define CRM_CONV2D_POOL_H

#include "conv2d_image.h"
#include "window.h"

/* Outputs of some filters: pixels lie `pixel` reals apart, a whole number of vectors, and rows `row`. */
typedef struct {
    const real *values;
    isize row, pixel;
} output_rows;

/* Row `row` of an image's pooled outputs, filters [first, first + count), from pool_h rows of outputs. */
static void pool_row(const crm_conv2d *c, output_rows rows, isize image, isize row, isize first, isize count)
{
    isize pixels = pooled_columns(c), start = ((image * pooled_rows(c) + row) * pixels) * c->filters + first;
    real *y = (real *)c->y + start;
    unsigned char *argmax = c->argmax ? c->argmax + start : NULL;
    for (isize p = 0; p < pixels; p++)
        for (isize f = 0; f < count; f += LANES) {
            isize to = p * c->filters + f;
            lanes place;
            window w = {c->pool_h, c->pool_w, rows.row, rows.pixel};
            vec best = largest(w, rows.values + p * c->pool_w * rows.pixel + f, LANES, &place);
            if (c->relu) {
                place |= ~greater(best, (vec){0}) & spread_lane(CUT_OFF);
                best = relu_vec(best);
            }
            store_largest(best, place, count - f, y + to, argmax ? argmax + to : NULL);
        }
}

#endif
