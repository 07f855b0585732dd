/* 3 x 3 convolution of stride 1 by Winograd's F(4 x 4, 3 x 3), with bias, ReLU and max-pool in the same pass.
 *
 * A task is a strip: 32 tiles or a few more, from one image or from several small ones, so that the products at each of the
 * 36 points are one matrix product of (tiles, channels) by (channels, filters) for the micro-kernel of tile.h. All that a
 * strip needs stays in the second-level cache: for 32 channels its inputs at the points take 150 kB and the products of
 * one panel of filters as much. A pool takes a panel's rows while they are in cache.
 *
 * The tiles round an image's size up to a multiple of 4: see winograd_fits in conv2d.h for when that is worth it.
 */
#include "conv2d_pool.h"
#include "conv2d_winograd.h"

/* ---- weights at the points: for each panel of filters points[k][channel][filter of the panel] */

static isize packed_size(const crm_conv2d *c) { return POINTS * c->channels * CEIL_DIV(c->filters, PANEL) * PANEL; }

static isize pack_tasks(const crm_conv2d *c) { return CEIL_DIV(c->filters, PANEL); }

ALWAYS_INLINE vec load_some(const real *from, isize count)
{
    real row[LANES] = {0};
    if (count >= LANES)
        return load(from);
    memcpy(row, from, count * sizeof(real));
    return load(row);
}

static void pack(const crm_conv2d *c, isize task)
{
    isize column = task * PANEL, width = MIN(c->filters - column, PANEL), full = panel_width(width);
    real *packed = (real *)c->packed + POINTS * c->channels * column;
    for (isize channel = 0; channel < c->channels; channel++)
        for (isize f = 0; f < width; f += LANES) {
            const real *weight = (const real *)c->weight + channel * c->filters + column + f;
            vec taps[3][3], points[REACH][REACH];
            for (isize tap = 0; tap < 9; tap++)
                taps[tap / 3][tap % 3] = load_some(weight + tap * c->channels * c->filters, width - f);
            filter_to_points(taps, points);
            for (isize k = 0; k < POINTS; k++)
                store(packed + (k * c->channels + channel) * full + f, points[k / REACH][k % REACH]);
        }
}

/* ---- one panel of filters for all tiles of a strip */

static void products(const crm_conv2d *c, isize tiles, isize column, isize full, const real *inputs, real *sums)
{
    isize pixel = whole_lanes(c->channels), point = point_size(strip_tiles(c), pixel);
    for (isize k = 0; k < POINTS; k++) {
        operands o = {.x = inputs + k * point,
                      .w = (const real *)c->packed + POINTS * c->channels * column + k * c->channels * full,
                      .xm = pixel,
                      .runs = 1,
                      .length = c->channels};
        target t = {.c = sums + k * point_size(strip_tiles(c), PANEL), .cm = full, .width = full};
        tile_rows(row_tiles, o, t, tiles);
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
            if (d->count >= LANES)
                store(to, value);
            else
                memcpy(to, &value, d->count * sizeof(real));
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

static isize pool_size(const crm_conv2d *c) { return has_pool(c) ? TILE * TILE * tiles_wide(c) * PANEL : 0; }

static isize scratch_size(const crm_conv2d *c)
{
    return points_size(c, whole_lanes(c->channels)) + points_size(c, PANEL) + winograd_frame(c) + pool_size(c);
}

static isize tasks(const crm_conv2d *c) { return strip_count(c, c->images); }

static void task(const crm_conv2d *c, isize number, void *scratch)
{
    strip s = nth_strip(c, number, 0, c->images);
    isize wide = tiles_wide(c), tiles = s.images * s.rows * wide;
    real *inputs = (real *)scratch, *sums = inputs + points_size(c, whole_lanes(c->channels));
    real *frame = sums + points_size(c, PANEL), *rows = frame + winograd_frame(c);
    strip_inputs(c, s, frame, inputs);
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

const crm_conv2d_forward CRM(crm_conv2d_winograd_table) = {packed_size, scratch_size, pack_tasks, pack, tasks, task};
