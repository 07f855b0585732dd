/* Direct convolution, forward and backward, with bias, ReLU and max-pool in the same pass; no im2col.
 *
 * Images are the grid: `forward` does one image, `backward` one chunk of images, whose weight gradient is summed in
 * order of images into a partial of its own; `reduce` adds the partials in order of chunks. Nothing depends on which
 * thread does which, so any number of threads gives the same bits.
 *
 * forward    A tile is 6 neighbouring pixels of an output row x one panel of filters. Its left operand is the image
 *            in place, one run of kernel_w * channels a kernel row: 27 to 288 FMAs a spread x. Weights are packed in
 *            panels once a call. Padded images are first copied into a zeroed frame (first-level cache). A pool takes
 *            pool_h rows of outputs while they are in cache; outputs that no window covers are never computed.
 * dweight    outer_tile: 6 of the kernel_w * channels rows of the gradient x one panel of filters, k over the pixels of
 *            up to SPAN outputs, whose sum is then added: short sums keep the rounding error small.
 * dx         A convolution of dy with the flipped weights, one for each phase (row % stride, column % stride): the taps
 *            that meet a phase are contiguous in dy when their order is reversed, so that row_tile serves again.
 * Both backward passes read the gradient of the unpooled output, spread out in a zeroed frame by `spread`.
 */
#include "crm.h"
#include "conv2d.h"
#include "tile.h"

#define SPAN 512 /* pixels that one outer tile sums before it adds to the partial */
#define CUT_OFF 255

/* ---- sizes */

static isize padded_height(const crm_conv2d *c) { return (c->rows - 1) * c->stride_h + c->kernel_h; }
static isize padded_width(const crm_conv2d *c) { return (c->columns - 1) * c->stride_w + c->kernel_w; }
static isize kernel_size(const crm_conv2d *c) { return c->kernel_h * c->kernel_w * c->channels; }
static isize pooled_rows(const crm_conv2d *c) { return c->rows / c->pool_h; }
static isize pooled_columns(const crm_conv2d *c) { return c->columns / c->pool_w; }
static int has_pool(const crm_conv2d *c) { return c->pool_h * c->pool_w > 1; }

/* Images are read in place unless a tap can fall outside of them. */
static int needs_frame(const crm_conv2d *c)
{
    return c->pad_top || c->pad_left || padded_height(c) > c->height || padded_width(c) > c->width;
}

static isize frame_size(const crm_conv2d *c)
{
    return needs_frame(c) ? padded_height(c) * padded_width(c) * c->channels : 0;
}

static isize padded_filters(const crm_conv2d *c) { return CEIL_DIV(c->filters, LANES) * LANES; }

static isize packed_size(const crm_conv2d *c, int backward)
{
    if (backward)
        return c->kernel_h * c->kernel_w * c->filters * CEIL_DIV(c->channels, PANEL) * PANEL;
    return kernel_size(c) * CEIL_DIV(c->filters, PANEL) * PANEL;
}

/* ---- the image as the taps see it */

typedef struct {
    const real *pixels;
    isize row; /* reals from a row to the next */
} view;

static view framed(const crm_conv2d *c, isize image, real *frame)
{
    const real *x = (const real *)c->x + image * c->height * c->width * c->channels;
    if (!needs_frame(c))
        return (view){x, c->width * c->channels};
    isize width = padded_width(c), row = width * c->channels;
    isize first = c->pad_top, last = MIN(c->height + first, padded_height(c));
    isize copied = MIN(c->width, width - c->pad_left) * c->channels;
    memset(frame, 0, frame_size(c) * sizeof(real));
    for (isize y = first; y < last && copied > 0; y++)
        memcpy(frame + y * row + c->pad_left * c->channels, x + (y - first) * c->width * c->channels,
               copied * sizeof(real));
    return (view){frame, row};
}

/* ---- forward */

static void pack_forward(const crm_conv2d *c)
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

static isize forward_scratch(const crm_conv2d *c)
{
    return frame_size(c) + (has_pool(c) ? c->pool_h * c->columns * padded_filters(c) : 0);
}

static void forward(const crm_conv2d *c, isize image, void *scratch)
{
    view x = framed(c, image, scratch);
    real *y = (real *)c->y + image * pooled_rows(c) * pooled_columns(c) * c->filters;
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
        pool_row(c, rows, pixel, y + p * pooled, c->argmax ? c->argmax + (image * pooled_rows(c) + p) * pooled : NULL);
    }
}

/* ---- backward: the gradient of the unpooled output in a frame of zeros wide enough for every tap */

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

static void spread_pooled(const crm_conv2d *c, const real *RESTRICT dy, const unsigned char *RESTRICT argmax,
                          real *RESTRICT pixel, isize row, real *RESTRICT dbias)
{
    for (isize place = 0; place < c->pool_h * c->pool_w; place++) {
        real *to = pixel + place / c->pool_w * row + place % c->pool_w * c->filters;
        for (isize f = 0; f < c->filters; f++)
            to[f] = argmax[f] == place ? dy[f] : (real)0;
    }
    for (isize f = 0; f < c->filters; f++)
        dbias[f] += argmax[f] == CUT_OFF ? (real)0 : dy[f];
}

static void spread_plain(const crm_conv2d *c, const real *RESTRICT dy, const real *RESTRICT out, real *RESTRICT pixel,
                         real *RESTRICT dbias)
{
    for (isize f = 0; f < c->filters; f++) {
        pixel[f] = c->relu && !(out[f] > 0) ? (real)0 : dy[f];
        dbias[f] += pixel[f];
    }
}

/* Fill `frame` with the gradient of the convolution's output (through pool and ReLU); add its sum to dbias. */
static void spread(const crm_conv2d *c, isize image, border b, real *frame, real *dbias)
{
    isize row = b.width * c->filters, columns = pooled_columns(c);
    memset(frame, 0, spread_size(c) * sizeof(real));
    for (isize p = 0; p < pooled_rows(c); p++)
        for (isize q = 0; q < columns; q++) {
            isize place = ((image * pooled_rows(c) + p) * columns + q) * c->filters;
            real *pixel = frame + (b.top + p * c->pool_h) * row + (b.left + q * c->pool_w) * c->filters;
            if (has_pool(c))
                spread_pooled(c, (const real *)c->dy + place, c->argmax + place, pixel, row, dbias);
            else
                spread_plain(c, (const real *)c->dy + place, (const real *)c->out + place, pixel, dbias);
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
                tile_rows(outer_tiles, o, t, length);
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

static void pack_backward(const crm_conv2d *c)
{
    real *packed = (real *)c->packed;
    for (isize py = 0; py < c->stride_h; py++)
        for (isize px = 0; px < c->stride_w; px++)
            for (isize column = 0; column < c->channels; column += PANEL)
                packed = pack_phase(c, phase_taps(c->kernel_h, c->stride_h, py), phase_taps(c->kernel_w, c->stride_w, px),
                                    column, MIN(c->channels - column, PANEL), packed);
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
        tile_rows(row_tiles, o, t, count);
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

/* ---- a chunk of images, and the sum over the chunks */

static isize partial_size(const crm_conv2d *c) { return (kernel_size(c) + 1) * c->filters; }

static isize backward_scratch(const crm_conv2d *c) { return frame_size(c) + spread_size(c); }

static void backward(const crm_conv2d *c, isize chunk, void *scratch)
{
    border b = gradient_border(c);
    real *dweight = (real *)c->partials + chunk * partial_size(c), *dbias = dweight + kernel_size(c) * c->filters;
    real *frame = (real *)scratch, *dy = frame + frame_size(c);
    memset(dweight, 0, partial_size(c) * sizeof(real));
    for (isize image = chunk * c->chunk; image < MIN((chunk + 1) * c->chunk, c->images); image++) {
        view x = framed(c, image, frame);
        spread(c, image, b, dy, dbias);
        add_dweight(c, x, dy + (b.top * b.width + b.left) * c->filters, b.width * c->filters, dweight);
        if (c->dx)
            fill_dx(c, image, b, dy);
    }
}

static void reduce(const crm_conv2d *c, isize begin, isize end)
{
    const real *partials = (const real *)c->partials;
    isize chunks = CEIL_DIV(c->images, c->chunk), size = partial_size(c), weights = kernel_size(c) * c->filters;
    for (isize i = begin; i < end; i++) {
        real sum = 0;
        for (isize k = 0; k < chunks; k++)
            sum += partials[k * size + i];
        if (i < weights)
            ((real *)c->dweight)[i] = sum;
        else if (c->dbias)
            ((real *)c->dbias)[i - weights] = sum;
    }
}

const crm_conv2d_kernels CRM(crm_conv2d_table) = {packed_size,   forward_scratch, backward_scratch, pack_forward,
                                                  pack_backward, forward,         backward,         reduce};
