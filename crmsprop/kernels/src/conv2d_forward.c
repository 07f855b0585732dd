/* Direct convolution with bias, ReLU and max-pool in the same pass; no im2col.
 *
 * Images are the grid, so any number of threads gives the same bits. A tile is 6 neighbouring pixels of an output row x
 * one panel of filters. Its left operand is the image in place, one run of kernel_w * channels a kernel row: 27 to 288
 * FMAs a spread x. Weights are packed in panels once a call. Padded images are first copied into a zeroed frame
 * (first-level cache). A pool takes pool_h rows of outputs while they are in cache; outputs that no window covers are
 * never computed.
 */
#include "conv2d_image.h"
#include "tile.h"

static isize padded_filters(const crm_conv2d *c) { return CEIL_DIV(c->filters, LANES) * LANES; }

static isize packed_size(const crm_conv2d *c) { return kernel_size(c) * CEIL_DIV(c->filters, PANEL) * PANEL; }

static isize frame_size(const crm_conv2d *c)
{
    return needs_frame(c) ? padded_height(c) * padded_width(c) * c->channels : 0;
}

static void pack(const crm_conv2d *c)
{
    real *packed = (real *)c->packed;
    for (isize column = 0; column < c->filters; column += PANEL)
        pack_panel((const real *)c->weight + column, c->filters, 1, kernel_size(c), MIN(c->filters - column, PANEL),
                   packed + column * kernel_size(c));
}

/* Output row y into `out`, whose pixels lie `pixel` reals apart. */
static void output_row(const crm_conv2d *c, view x, isize y, real *out, isize pixel)
{
    for (isize column = 0; column < c->filters; column += PANEL) {
        operands o = {.x = x.pixels + y * c->stride_h * x.row,
                      .w = (const real *)c->packed + column * kernel_size(c),
                      .xr = x.row,
                      .xm = c->stride_w * c->channels,
                      .runs = c->kernel_h,
                      .length = c->kernel_w * c->channels};
        target t = {.c = out + column,
                    .cm = pixel,
                    .width = MIN(c->filters - column, PANEL),
                    .start = c->bias ? (const real *)c->bias + column : NULL,
                    .relu = c->relu && !has_pool(c)};
        o.wr = o.length * panel_width(t.width);
        tile_rows(row_tiles, o, t, c->columns);
    }
}

/* The largest of a window's values in each lane, and its place; the first of equal ones, a NaN before all. */
ALWAYS_INLINE vec largest(const crm_conv2d *c, const real *window, isize pixel, lanes *place)
{
    vec best = load(window);
    *place = spread_lane(0);
    for (isize k = 1; k < c->pool_h * c->pool_w; k++) {
        vec value = load(window + (k / c->pool_w * c->columns + k % c->pool_w) * pixel);
        lanes wins = greater(value, best) | not_a_number(value);
        best = pick(wins, value, best);
        *place = (wins & spread_lane((int)k)) | (~wins & *place);
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

/* The rows in `rows`, pooled: values to y, places to argmax unless it is NULL. Pixels are padded to whole vectors. */
static void pool_row(const crm_conv2d *c, const real *rows, isize pixel, real *y, unsigned char *argmax)
{
    for (isize p = 0; p < pooled_columns(c); p++)
        for (isize f = 0; f < c->filters; f += LANES) {
            isize to = p * c->filters + f;
            lanes place;
            vec best = largest(c, rows + p * c->pool_w * pixel + f, pixel, &place);
            if (c->relu) {
                place |= ~greater(best, (vec){0}) & spread_lane(CUT_OFF);
                best = relu_vec(best);
            }
            store_pooled(best, place, MIN(c->filters - f, LANES), y + to, argmax ? argmax + to : NULL);
        }
}

static isize scratch_size(const crm_conv2d *c)
{
    return frame_size(c) + (has_pool(c) ? c->pool_h * c->columns * padded_filters(c) : 0);
}

static void image(const crm_conv2d *c, isize number, void *scratch)
{
    view x = needs_frame(c) ? in_frame(c, number, scratch) : in_place(c, number);
    real *y = (real *)c->y + number * pooled_rows(c) * pooled_columns(c) * c->filters;
    if (!has_pool(c)) {
        for (isize row = 0; row < c->rows; row++)
            output_row(c, x, row, y + row * c->columns * c->filters, c->filters);
        return;
    }
    isize pixel = padded_filters(c), pooled = pooled_columns(c) * c->filters;
    real *rows = (real *)scratch + frame_size(c);
    for (isize p = 0; p < pooled_rows(c); p++) {
        for (isize i = 0; i < c->pool_h; i++)
            output_row(c, x, p * c->pool_h + i, rows + i * c->columns * pixel, pixel);
        pool_row(c, rows, pixel, y + p * pooled, c->argmax ? c->argmax + (number * pooled_rows(c) + p) * pooled : NULL);
    }
}

const crm_conv2d_forward CRM(crm_conv2d_forward_table) = {packed_size, scratch_size, pack, image};
