/* What the Winograd passes of a 3 x 3 convolution share: strips of tiles, from their inputs to their outputs. */
#ifndef CRM_CONV2D_WINOGRAD_H
#define CRM_CONV2D_WINOGRAD_H

#include "conv2d_pool.h"
#include "tile.h"
#include "winograd.h"

#define STRIP 48       /* tiles that are multiplied at once; small images join to make as many */
#define SKEW (64 / 4)  /* reals between the points of a table: powers of two would meet in the same cache sets */

/* Some tile rows of one image, or several whole images: all the tiles that one pass over the filters serves. */
typedef struct {
    isize image, images, row, rows; /* rows of tiles */
} strip;

ALWAYS_INLINE isize whole_lanes(isize channels) { return CEIL_DIV(channels, LANES) * LANES; }
ALWAYS_INLINE isize tiles_high(const crm_conv2d *c) { return CEIL_DIV(c->rows, TILE); }
ALWAYS_INLINE isize tiles_wide(const crm_conv2d *c) { return CEIL_DIV(c->columns, TILE); }
ALWAYS_INLINE isize strip_rows(const crm_conv2d *c) { return MIN(CEIL_DIV(STRIP, tiles_wide(c)), tiles_high(c)); }
ALWAYS_INLINE isize strips_high(const crm_conv2d *c) { return CEIL_DIV(tiles_high(c), strip_rows(c)); }
ALWAYS_INLINE isize strip_images(const crm_conv2d *c)
{
    return strips_high(c) > 1 ? 1 : CEIL_DIV(STRIP, tiles_high(c) * tiles_wide(c));
}
ALWAYS_INLINE isize strip_tiles(const crm_conv2d *c) { return strip_images(c) * strip_rows(c) * tiles_wide(c); }
ALWAYS_INLINE isize strip_count(const crm_conv2d *c, isize images)
{
    return CEIL_DIV(images, strip_images(c)) * strips_high(c);
}

/* Strip `number` of images [first, last). */
static inline strip nth_strip(const crm_conv2d *c, isize number, isize first, isize last)
{
    strip s = {.image = first + number / strips_high(c) * strip_images(c), .row = number % strips_high(c) * strip_rows(c)};
    s.images = MIN(strip_images(c), last - s.image);
    s.rows = MIN(strip_rows(c), tiles_high(c) - s.row);
    return s;
}

/* Tables of values at the points: so many reals from one point to the next, for rows of channels: of each tile the inputs,
 * of each input channel the weights. */
ALWAYS_INLINE isize point_size(isize rows, isize channels) { return rows * channels + SKEW; }
ALWAYS_INLINE isize points_size(const crm_conv2d *c, isize channels)
{
    return POINTS * point_size(strip_tiles(c), channels);
}

/* ---- inputs of a tile row, in place or in a frame of zeros with whole vectors of channels */

ALWAYS_INLINE isize frame_pixels(const crm_conv2d *c) { return TILE * tiles_wide(c) + REACH - TILE; }

ALWAYS_INLINE int reads_in_place(const crm_conv2d *c)
{
    return !c->pad_top && !c->pad_left && c->channels % LANES == 0 && frame_pixels(c) <= c->width &&
           TILE * tiles_high(c) + REACH - TILE <= c->height;
}

ALWAYS_INLINE isize winograd_frame(const crm_conv2d *c)
{
    return reads_in_place(c) ? 0 : REACH * frame_pixels(c) * whole_lanes(c->channels);
}

/* The six rows of inputs under row `tiles` of tiles. */
static inline view tile_row_inputs(const crm_conv2d *c, isize image, isize tiles, real *frame)
{
    const real *x = (const real *)c->x + image * c->height * c->width * c->channels;
    if (reads_in_place(c))
        return (view){x + tiles * TILE * c->width * c->channels, c->width * c->channels};
    isize pixel = whole_lanes(c->channels), row = frame_pixels(c) * pixel;
    isize columns = MIN(c->width, frame_pixels(c) - c->pad_left);
    memset(frame, 0, REACH * row * sizeof(real));
    for (isize i = 0; i < REACH; i++) {
        isize y = tiles * TILE + i - c->pad_top;
        if (y < 0 || y >= c->height)
            continue;
        const real *from = x + y * c->width * c->channels;
        real *to = frame + i * row + c->pad_left * pixel;
        if (pixel == c->channels)
            memcpy(to, from, columns * pixel * sizeof(real));
        for (isize j = 0; pixel != c->channels && j < columns; j++)
            memcpy(to + j * pixel, from + j * c->channels, c->channels * sizeof(real));
    }
    return (view){frame, row};
}

NOINLINE void input_tile(const real *x, isize row, isize pixel, real *points, isize point)
{
    vec in[REACH][REACH], out[REACH][REACH];
    for (isize i = 0; i < REACH; i++)
        for (isize j = 0; j < REACH; j++)
            in[i][j] = load(x + i * row + j * pixel);
    tile_to_points(in, out);
    for (isize i = 0; i < REACH; i++)
        for (isize j = 0; j < REACH; j++)
            store(points + (i * REACH + j) * point, out[i][j]);
}

/* Every tile of a strip: points[k][tile][channel]. */
static inline void strip_inputs(const crm_conv2d *c, strip s, real *frame, real *points)
{
    isize pixel = whole_lanes(c->channels), point = point_size(strip_tiles(c), pixel);
    for (isize image = s.image; image < s.image + s.images; image++)
        for (isize tiles = s.row; tiles < s.row + s.rows; tiles++) {
            view x = tile_row_inputs(c, image, tiles, frame);
            for (isize tile = 0; tile < tiles_wide(c); tile++, points += pixel)
                for (isize channel = 0; channel < pixel; channel += LANES)
                    input_tile(x.pixels + tile * TILE * pixel + channel, x.row, pixel, points + channel, point);
        }
}

/* ---- weights at the points, panel by panel: points[k][input channel][output channel of the panel] */

ALWAYS_INLINE isize panels_size(isize inputs, isize outputs)
{
    return POINTS * point_size(inputs, PANEL) * CEIL_DIV(outputs, PANEL);
}
ALWAYS_INLINE real *packed_panel(const crm_conv2d *c, isize inputs, isize column)
{
    return (real *)c->packed + POINTS * point_size(inputs, PANEL) * (column / PANEL);
}

/* ---- one panel of filters for all tiles of a strip */

static void products(const crm_conv2d *c, isize tiles, isize column, isize full, const real *inputs, real *sums)
{
    isize pixel = whole_lanes(c->channels), point = point_size(strip_tiles(c), pixel);
    const real *weights = packed_panel(c, c->channels, column);
    for (isize k = 0; k < POINTS; k++) {
        operands o = {.x = inputs + k * point,
                      .w = weights + k * point_size(c->channels, full),
                      .xm = pixel,
                      .runs = 1,
                      .length = c->channels};
        target t = {.c = sums + k * point_size(strip_tiles(c), PANEL), .cm = full, .width = full};
        tile_rows(&row_tiles, o, t, tiles);
    }
}

/* Where outputs of a tile go: the pixels of `out` that exist, `count` filters each. */
typedef struct {
    real *out;
    isize row, pixel, rows, columns, count;
    vec bias;
    int relu;
} destination;

NOINLINE void output_tile(const real *sums, isize point, const destination *d)
{
    vec in[REACH][REACH], out[TILE][TILE];
    for (isize k = 0; k < POINTS; k++)
        in[k / REACH][k % REACH] = load(sums + k * point);
    points_to_tile(in, out);
    for (isize i = 0; i < d->rows; i++)
        for (isize j = 0; j < d->columns; j++) {
            real *to = d->out + i * d->row + j * d->pixel;
            vec value = out[i][j] + d->bias;
            if (d->relu)
                value = relu_vec(value);
            store_some(to, value, d->count);
        }
}

/* The outputs of one row of tiles, from the sums of its first tile. `d` says where its first pixel goes. */
static void output_tiles(const crm_conv2d *c, const real *sums, isize full, isize column, isize width, destination d)
{
    isize columns = d.columns;
    real *out = d.out;
    for (isize f = 0; f < width; f += LANES) {
        d.count = MIN(d.count, width - f);
        d.bias = c->bias ? load_some((const real *)c->bias + column + f, width - f) : (vec){0};
        for (isize tile = 0; tile < tiles_wide(c); tile++) {
            d.out = out + tile * TILE * d.pixel + f;
            d.columns = MIN(TILE, columns - tile * TILE);
            output_tile(sums + tile * full + f, point_size(strip_tiles(c), PANEL), &d);
        }
    }
}

/* Without a pool: straight to y. */
static void store_row(const crm_conv2d *c, const real *sums, isize full, isize image, isize tiles, isize column)
{
    isize width = MIN(c->filters - column, PANEL), row = c->columns * c->filters;
    destination d = {.out = (real *)c->y + ((image * c->rows + tiles * TILE) * c->columns) * c->filters + column,
                     .row = row,
                     .pixel = c->filters,
                     .rows = MIN(TILE, c->rows - tiles * TILE),
                     .columns = c->columns,
                     .count = LANES,
                     .relu = c->relu};
    output_tiles(c, sums, full, column, width, d);
}

/* With one: to four rows of whole tiles, and from there. */
static void store_pooled_row(const crm_conv2d *c, const real *sums, isize full, isize image, isize tiles, isize column,
                             real *rows)
{
    isize width = MIN(c->filters - column, PANEL), row = tiles_wide(c) * TILE * full;
    destination d = {.out = rows, .row = row, .pixel = full, .rows = TILE, .columns = tiles_wide(c) * TILE, .count = LANES};
    output_tiles(c, sums, full, column, width, d);
    isize first = tiles * TILE / c->pool_h, last = MIN((tiles + 1) * TILE / c->pool_h, pooled_rows(c));
    for (isize p = first; p < last; p++)
        pool_row(c, (output_rows){rows + (p - first) * c->pool_h * row, row, full}, image, p, column, width);
}

/* Reals of `rows` below. */
static inline isize pool_size(const crm_conv2d *c) { return has_pool(c) ? TILE * TILE * tiles_wide(c) * PANEL : 0; }

/* All outputs of a strip, from its inputs at the points; `sums` and `rows` are scratch. */
static void strip_outputs(const crm_conv2d *c, strip s, const real *inputs, real *sums, real *rows)
{
    isize wide = tiles_wide(c), tiles = s.images * s.rows * wide;
    for (isize column = 0; column < c->filters; column += PANEL) {
        isize full = panel_width(MIN(c->filters - column, PANEL));
        products(c, tiles, column, full, inputs, sums);
        for (isize i = 0; i < s.images * s.rows; i++) {
            isize image = s.image + i / s.rows, row = s.row + i % s.rows;
            if (has_pool(c))
                store_pooled_row(c, sums + i * wide * full, full, image, row, column, rows);
            else
                store_row(c, sums + i * wide * full, full, image, row, column);
        }
    }
}

#endif
