/* The pool behind a convolution: values and places of the largest, from rows of outputs that are still in cache. */
#ifndef CRM_CONV2D_POOL_H
#define CRM_CONV2D_POOL_H

#include "conv2d_image.h"

/* Outputs of some filters: pixels lie `pixel` reals apart, a whole number of vectors, and rows `row`. */
typedef struct {
    const real *values;
    isize row, pixel;
} output_rows;

/* The largest of a window's values in each lane, and its place; the first of equal ones, a NaN before all. */
ALWAYS_INLINE vec largest(const crm_conv2d *c, const real *window, isize row, isize pixel, lanes *place)
{
    vec best = load(window);
    *place = spread_lane(0);
    int number = 0;
    for (isize i = 0; i < c->pool_h; i++)
        for (isize j = 0; j < c->pool_w; j++, number++) {
            if (number == 0)
                continue;
            vec value = load(window + i * row + j * pixel);
            lanes wins = greater(value, best) | not_a_number(value);
            best = pick(wins, value, best);
            *place = (wins & spread_lane(number)) | (~wins & *place);
        }
    return best;
}

ALWAYS_INLINE void store_pooled(vec best, lanes place, isize count, real *y, unsigned char *argmax)
{
    if (count == LANES) {
        store(y, best);
        if (argmax)
            store_bytes(argmax, place);
        return;
    }
    real values[LANES];
    unsigned char places[LANES];
    store(values, best);
    store_bytes(places, place);
    memcpy(y, values, count * sizeof(real));
    if (argmax)
        memcpy(argmax, places, count);
}

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
            vec best = largest(c, rows.values + p * c->pool_w * rows.pixel + f, rows.row, rows.pixel, &place);
            if (c->relu) {
                place |= ~greater(best, (vec){0}) & spread_lane(CUT_OFF);
                best = relu_vec(best);
            }
            store_pooled(best, place, MIN(count - f, LANES), y + to, argmax ? argmax + to : NULL);
        }
}

#endif
