/* Gradients of a convolution without a pool, whose outputs all may have a gradient: both are products as dense as it
 * is. What winograd_backward_fits (conv2d.h) takes goes to conv2d_winograd_backward.c, 1 x 1 to conv2d_pointwise.c. And
 * behind a pool, where a kernel has few_taps, as in most first layers: products with 0 are then cheaper than lists.
 *
 * A task is a chunk of images, whose weight gradient is summed in order of images into a partial of its own; `reduce`
 * adds the partials in order of chunks. Nothing depends on which thread does which.
 *
 * dweight    outer_tile: 6 of the kernel_w * channels rows of the gradient x one panel of filters, k over the pixels of
 *            up to SPAN outputs, whose sum is then added: short sums keep the rounding error small.
 * dx         A convolution of dy with the flipped weights, one for each phase (row % stride, column % stride): the taps
 *            that meet a phase are contiguous in dy when their order is reversed, so that row_tile serves again.
 * Both read the gradient of the output, through the ReLU, in a zeroed frame that is wide enough for every tap.
 *
 * On a core of an AMD Zen 5, of its FMA peak (245 GFLOP/s): 5 x 5, 32 to 32 channels of 16 x 16 pixels 0.78, 32 to 64
 * 0.47; 3 x 3, 8 to 64 0.38, since 8 channels of dx are half of a vector. Few outputs an image are its weakness: 256
 * to 256 channels of 3 x 3 pixels 0.3, since a tile sums 9 products, and then adds them to a gradient of 2.4 MB,
 * image by image. Winograd's gradients took 1.8 times as long there. 3 x 3, 3 to 32 channels of 32 x 32 behind a pool, without
 * dx: 8.2 us an image, of which 6.2 are FMAs at their peak and 0.7 spread the gradient; lists took 13.5, and with AVX2 37
 * against 15. Tried and lost there: bands of 4 rows, that stay in the first-level cache (10.5 us).
 */
#include "conv2d_partials.h"
#include "tile.h"

#define SPAN 512    /* pixels that one outer tile sums before it adds to the partial */

static isize packed_size(const crm_conv2d *c)
{
    return c->kernel_h * c->kernel_w * c->filters * CEIL_DIV(c->channels, PANEL) * PANEL;
}

static isize frame_size(const crm_conv2d *c)
{
    return needs_frame(c) ? CEIL_DIV(padded_height(c) * padded_width(c) * c->channels, LANES) * LANES : 0;
}

/* ---- the gradient of the output before the pool, in a frame of zeros wide enough for every tap */

typedef struct {
    isize top, left, height, width;
} border;

static border gradient_border(const crm_conv2d *c)
{
    border b = {.top = CEIL_DIV(c->kernel_h - 1, c->stride_h), .left = CEIL_DIV(c->kernel_w - 1, c->stride_w)};
    b.height = b.top + MAX(c->rows, (c->height - 1 + c->pad_top) / c->stride_h + 1);
    b.width = b.left + MAX(c->columns, (c->width - 1 + c->pad_left) / c->stride_w + 1);
    return b;
}

static isize spread_size(const crm_conv2d *c)
{
    border b = gradient_border(c);
    return b.height * b.width * c->filters + PANEL; /* the last load of a narrow panel runs past the last pixel */
}

static void spread_pixel(const crm_conv2d *c, const real *RESTRICT dy, const real *RESTRICT out, real *RESTRICT pixel,
                         real *RESTRICT dbias)
{
    for (isize f = 0; f < c->filters; f++) {
        pixel[f] = c->relu && !(out[f] > 0) ? (real)0 : dy[f];
        dbias[f] += pixel[f];
    }
}

/* The same for the pixels under one window of the pool, the first of them at `pixel`: one has the gradient, or none. */
ALWAYS_INLINE void spread_window(const crm_conv2d *c, isize pool_h, isize pool_w, const real *dy,
                                 const unsigned char *argmax, real *pixel, isize row, real *dbias)
{
    for (isize f = 0; f < c->filters; f += LANES) {
        isize count = c->filters - f;
        vec g = load_some(dy + f, count);
        lanes winner = load_some_bytes(argmax + f, count), any = spread_lane(0);
        UNROLL
        for (isize i = 0; i < pool_h; i++) {
            UNROLL
            for (isize j = 0; j < pool_w; j++) {
                lanes taken = same(winner, spread_lane((int)(i * pool_w + j)));
                store_some(pixel + i * row + j * c->filters + f, pick(taken, g, (vec){0}), count);
                any |= taken;
            }
        }
        store_some(dbias + f, load_some(dbias + f, count) + pick(any, g, (vec){0}), count);
    }
}

/* Fill the inside of `frame` with the gradient of the convolution's output; add its sum to dbias. */
static void spread(const crm_conv2d *c, isize image, border b, real *frame, real *dbias)
{
    isize row = b.width * c->filters, windows = pooled_columns(c);
    real *row_dbias = frame + spread_size(c); /* short sums keep the rounding error small */
    for (isize p = 0; p < pooled_rows(c); p++) {
        memset(row_dbias, 0, c->filters * sizeof(real));
        for (isize q = 0; q < windows; q++) {
            isize place = ((image * pooled_rows(c) + p) * windows + q) * c->filters;
            const real *dy = (const real *)c->dy + place;
            real *pixel = frame + (b.top + p * c->pool_h) * row + (b.left + q * c->pool_w) * c->filters;
            if (c->pool_h == 2 && c->pool_w == 2)
                spread_window(c, 2, 2, dy, c->argmax + place, pixel, row, row_dbias);
            else if (has_pool(c))
                spread_window(c, c->pool_h, c->pool_w, dy, c->argmax + place, pixel, row, row_dbias);
            else
                spread_pixel(c, dy, (const real *)c->out + place, pixel, row_dbias);
        }
        for (isize f = 0; f < c->filters; f++)
            dbias[f] += row_dbias[f];
    }
}

/* ---- gradient to the weights */

static void add_dweight(const crm_conv2d *c, view x, const real *dy, isize dy_row, real *dweight)
{
    isize length = c->kernel_w * c->channels, step = MAX(1, SPAN / c->columns);
    for (isize y = 0; y < c->rows; y += step)
        for (isize column = 0; column < c->filters; column += PANEL)
            for (isize tap = 0; tap < c->kernel_h; tap++) {
                operands o = {.x = x.pixels + (y * c->stride_h + tap) * x.row,
                              .w = dy + y * dy_row + column,
                              .xr = c->stride_h * x.row,
                              .xm = 1,
                              .xk = c->stride_w * c->channels,
                              .wr = dy_row,
                              .wk = c->filters,
                              .runs = MIN(step, c->rows - y),
                              .length = c->columns};
                target t = {.c = dweight + tap * length * c->filters + column,
                            .cm = c->filters,
                            .width = MIN(c->filters - column, PANEL),
                            .add = 1};
                tile_rows(&outer_tiles, o, t, length);
            }
}

/* ---- gradient to the input */

/* The taps of one kernel axis that meet positions of one phase: `first`, first + stride, ... `count` of them. */
typedef struct {
    isize first, count;
} taps;

static taps phase_taps(isize kernel, isize stride, isize phase)
{
    return (taps){phase, phase < kernel ? CEIL_DIV(kernel - phase, stride) : 0};
}

/* One panel of one phase: rows (tap y reversed, tap x reversed, filter), columns the channels [column, + width). */
static real *pack_phase(const crm_conv2d *c, taps ty, taps tx, isize column, isize width, real *packed)
{
    for (isize i = ty.count - 1; i >= 0; i--)
        for (isize j = tx.count - 1; j >= 0; j--) {
            isize y = ty.first + i * c->stride_h, x = tx.first + j * c->stride_w;
            pack_panel((const real *)c->weight + ((y * c->kernel_w + x) * c->channels + column) * c->filters, 1,
                       c->filters, c->filters, width, packed);
            packed += c->filters * panel_width(width);
        }
    return packed;
}

/* The first position of an axis at or after 0 whose phase is `phase`. */
static isize first_of_phase(isize phase, isize pad, isize stride) { return ((phase - pad) % stride + stride) % stride; }

/* All pixels of one phase, one panel of channels. */
static void dx_phase(const crm_conv2d *c, border b, const real *dy, taps ty, taps tx, isize column, const real *packed,
                     real *dx)
{
    isize x0 = first_of_phase(tx.first, c->pad_left, c->stride_w), width = MIN(c->channels - column, PANEL);
    isize count = x0 < c->width ? CEIL_DIV(c->width - x0, c->stride_w) : 0, row = b.width * c->filters;
    isize left = b.left + (x0 + c->pad_left) / c->stride_w - (tx.count - 1);
    for (isize y = first_of_phase(ty.first, c->pad_top, c->stride_h); y < c->height; y += c->stride_h) {
        isize top = b.top + (y + c->pad_top) / c->stride_h - (ty.count - 1);
        operands o = {.x = dy + top * row + left * c->filters,
                      .w = packed,
                      .xr = row,
                      .xm = c->filters,
                      .wr = tx.count * c->filters * panel_width(width),
                      .runs = tx.count ? ty.count : 0,
                      .length = tx.count * c->filters};
        target t = {.c = dx + (y * c->width + x0) * c->channels + column,
                    .cm = c->stride_w * c->channels,
                    .width = width};
        tile_rows(&row_tiles, o, t, count);
    }
}

static void fill_dx(const crm_conv2d *c, isize image, border b, const real *dy)
{
    real *dx = (real *)c->dx + image * c->height * c->width * c->channels;
    const real *packed = (const real *)c->packed;
    for (isize py = 0; py < c->stride_h; py++)
        for (isize px = 0; px < c->stride_w; px++) {
            taps ty = phase_taps(c->kernel_h, c->stride_h, py), tx = phase_taps(c->kernel_w, c->stride_w, px);
            for (isize column = 0; column < c->channels; column += PANEL) {
                dx_phase(c, b, dy, ty, tx, column, packed, dx);
                packed += ty.count * tx.count * c->filters * panel_width(MIN(c->channels - column, PANEL));
            }
        }
}

static void pack(const crm_conv2d *c, isize task)
{
    (void)task;
    real *packed = (real *)c->packed;
    for (isize py = 0; py < c->stride_h; py++)
        for (isize px = 0; px < c->stride_w; px++)
            for (isize column = 0; column < c->channels; column += PANEL)
                packed = pack_phase(c, phase_taps(c->kernel_h, c->stride_h, py), phase_taps(c->kernel_w, c->stride_w, px),
                                    column, MIN(c->channels - column, PANEL), packed);
}

static isize pack_tasks(const crm_conv2d *c) { return c->dx ? 1 : 0; }

/* ---- a chunk of images */

static isize scratch_size(const crm_conv2d *c) { return frame_size(c) + spread_size(c) + c->filters; }

static void chunk(const crm_conv2d *c, isize number, void *scratch)
{
    border b = gradient_border(c);
    real *dweight = (real *)c->partials + number * partial_size(c), *dbias = dweight + kernel_size(c) * c->filters;
    real *frame = (real *)scratch, *dy = frame + frame_size(c);
    memset(dweight, 0, partial_size(c) * sizeof(real));
    memset(dy, 0, spread_size(c) * sizeof(real)); /* what is around the inside stays */
    for (isize image = number * c->chunk; image < MIN((number + 1) * c->chunk, c->images); image++) {
        view x = needs_frame(c) ? in_frame(c, image, frame) : in_place(c, image);
        spread(c, image, b, dy, dbias);
        if (c->dweight)
            add_dweight(c, x, dy + (b.top * b.width + b.left) * c->filters, b.width * c->filters, dweight);
        if (c->dx)
            fill_dx(c, image, b, dy);
    }
}

const crm_conv2d_backward CRM(crm_conv2d_backward_table) = {packed_size, partial_size, scratch_size, pack_tasks,
                                                            pack,        chunk,        reduce_tasks, reduce};
