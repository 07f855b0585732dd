/* Direct convolution with bias, ReLU and max-pool in the same pass; no im2col. What winograd_fits (conv2d.h) takes
 * goes to conv2d_winograd.c.
 *
 * A task is an image, or a band of its rows where there are fewer than FEW_IMAGES: by shapes alone, so that any
 * number of threads gives the same bits. A tile (tile.h) is 6 neighbouring pixels of an output row x one panel of
 * filters. Its left operand is the image in place, one run of kernel_w * channels reals a kernel row. Weights are
 * packed in panels once a call. Padded images are first copied into a zeroed frame (first-level cache). A pool takes
 * pool_h rows of outputs while they are in cache; outputs that no window covers are never computed.
 *
 * On a core of an AMD Zen 5, of its FMA peak (245 GFLOP/s): 5 x 5 on 32 channels 0.92; 1 x 1 on 64 channels 0.83; the
 * first layer of the reference CNN, 3 x 3 on 3 channels with its pool, 0.54: after 27 products a tile is over, and
 * bias, pool and stores count. 12 products and 24 filters, a panel that is not full and ends one element at a time:
 * 0.17.
 *
 * Tried and lost, on AVX2 in the first layer: tiles of 12 pixels x 8 filters, 24 us an image against 21 for 6 x 16; 4
 * x 16 took 20, but leaves the latency of the FMA uncovered where sums are long.
 */
#include "conv2d_pool.h"
#include "tile.h"

#define FEW_IMAGES 4

static isize padded_filters(const crm_conv2d *c) { return CEIL_DIV(c->filters, LANES) * LANES; }

static isize packed_size(const crm_conv2d *c) { return kernel_size(c) * CEIL_DIV(c->filters, PANEL) * PANEL; }

static isize frame_size(const crm_conv2d *c)
{
    return needs_frame(c) ? padded_height(c) * padded_width(c) * c->channels : 0;
}

static isize pack_tasks(const crm_conv2d *c) { return CEIL_DIV(c->filters, PANEL); }

static void scale_panel(real *panel, isize rows, isize width, const real *scale)
{
    for (isize k = 0; k < rows; k++)
        for (isize j = 0; j < width; j++)
            panel[k * panel_width(width) + j] *= scale[j];
}

static void pack(const crm_conv2d *c, isize task)
{
    isize column = task * PANEL, width = MIN(c->filters - column, PANEL);
    real *panel = (real *)c->packed + column * kernel_size(c);
    pack_panel((const real *)c->weight + column, c->filters, 1, kernel_size(c), width, panel);
    if (c->scale)
        scale_panel(panel, kernel_size(c), width, (const real *)c->scale + column);
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
        tile_rows(&row_tiles, o, t, c->columns);
    }
}

static isize scratch_size(const crm_conv2d *c)
{
    return frame_size(c) + (has_pool(c) ? c->pool_h * c->columns * padded_filters(c) : 0);
}

/* Bands of an image's rows, after the pool: one where there are images enough to share. */
static isize bands(const crm_conv2d *c)
{
    return c->images && c->images < FEW_IMAGES ? MAX(1, MIN(CEIL_DIV(FEW_IMAGES, c->images), pooled_rows(c))) : 1;
}

static isize tasks(const crm_conv2d *c) { return c->images * bands(c); }

static void band(const crm_conv2d *c, isize task, void *scratch)
{
    isize number = task / bands(c), part = task % bands(c);
    isize begin = part * pooled_rows(c) / bands(c), end = (part + 1) * pooled_rows(c) / bands(c);
    view x = needs_frame(c) ? in_frame(c, number, scratch) : in_place(c, number);
    real *y = (real *)c->y + number * pooled_rows(c) * pooled_columns(c) * c->filters;
    if (!has_pool(c)) {
        for (isize row = begin; row < end; row++)
            output_row(c, x, row, y + row * c->columns * c->filters, c->filters);
        return;
    }
    isize pixel = padded_filters(c), row = c->columns * pixel;
    real *rows = (real *)scratch + frame_size(c);
    for (isize p = begin; p < end; p++) {
        for (isize i = 0; i < c->pool_h; i++)
            output_row(c, x, p * c->pool_h + i, rows + i * row, pixel);
        pool_row(c, (output_rows){rows, row, pixel}, number, p, 0, c->filters);
    }
}

const crm_conv2d_forward CRM(crm_conv2d_forward_table) = {packed_size, scratch_size, pack_tasks, pack, tasks, band};
