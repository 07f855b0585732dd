/* Gradients of a 3 x 3 convolution of stride 1 by Winograd's F(4 x 4, 3 x 3), without a pool behind it.
 *
 * A task is a chunk of images, as in conv2d_backward.c, whose weight gradient is summed in order of strips at the 36
 * points, and then taken to the 9 taps of a partial of its own: a fourth of the memory for the sum over the chunks.
 *
 * dweight    At each point one matrix product (channels, tiles) by (tiles, filters) for the outer tiles of tile.h.
 * dx         A convolution of the outputs' gradient with the flipped weights: the same strips as forward.
 *
 * Both read the gradient of the output, through the ReLU, from a frame of zeros with whole vectors of filters.
 *
 * On a core of an AMD Zen 5 (FMA peak 245 GFLOP/s), operations counted as the direct sum has them: 32 to 32 channels
 * of 15 x 15 pixels 280 GFLOP/s, 128 to 128 of 7 x 7 200, where the direct sum takes 1.7 times as long. In the second
 * a chunk of four images has 16 tiles: an outer tile runs over no more than these before it adds to sums of 2.4 MB.
 * With fewer outputs yet the direct sum wins (winograd_backward_fits).
 */
#include "conv2d_partials.h"
#include "conv2d_winograd.h"

/* ---- the gradient of the output as the images of another convolution, whose outputs are dx */

/* The frame has what dx reads, two rows of zeros and more, and what the tiles of the outputs reach. */
static crm_conv2d turned(const crm_conv2d *c)
{
    crm_conv2d t = *c;
    t.rows = c->height, t.columns = c->width, t.filters = c->channels, t.channels = whole_lanes(c->filters);
    t.height = MAX(TILE * tiles_high(&t) + REACH - TILE, 2 - c->pad_top + TILE * tiles_high(c));
    t.width = MAX(frame_pixels(&t), 2 - c->pad_left + TILE * tiles_wide(c));
    t.pad_top = t.pad_left = 0, t.pool_h = t.pool_w = 1, t.relu = 0;
    t.bias = NULL, t.argmax = NULL, t.y = c->dx;
    return t;
}

static isize gradient_size(const crm_conv2d *t) { return t->height * t->width * t->channels; }

/* Where the gradient of output (0, 0) lies in a frame. */
static isize origin(const crm_conv2d *c, const crm_conv2d *t)
{
    return ((2 - c->pad_top) * t->width + 2 - c->pad_left) * t->channels;
}

/* One vector of filters of one output's gradient. */
ALWAYS_INLINE vec spread_pixel(const crm_conv2d *c, isize at, isize count, real *to)
{
    vec dy = load_some((const real *)c->dy + at, count);
    if (c->relu)
        dy = pick(greater(load_some((const real *)c->out + at, count), (vec){0}), dy, (vec){0});
    store(to, dy);
    return dy;
}

/* Fill the frame of one image; add the sums to dbias, row by row: short sums keep the rounding error small. */
static void spread(const crm_conv2d *c, const crm_conv2d *t, isize image, real *frame, real *dbias)
{
    isize pixel = t->channels, row = t->width * pixel;
    memset(frame, 0, gradient_size(t) * sizeof(real));
    frame += origin(c, t);
    for (isize p = 0; p < c->rows; p++)
        for (isize f = 0; f < c->filters; f += LANES) {
            isize count = c->filters - f;
            vec sum = {0};
            for (isize q = 0; q < c->columns; q++) {
                isize at = ((image * c->rows + p) * c->columns + q) * c->filters + f;
                sum += spread_pixel(c, at, count, frame + p * row + q * pixel + f);
            }
            store_some(dbias + f, load_some(dbias + f, count) + sum, count);
        }
}

/* ---- gradient to the weights, at the points */

NOINLINE void gradient_tile(const real *dy, isize row, isize pixel, real *points, isize point)
{
    vec in[TILE][TILE], out[REACH][REACH];
    for (isize i = 0; i < TILE; i++)
        for (isize j = 0; j < TILE; j++)
            in[i][j] = load(dy + i * row + j * pixel);
    gradient_tile_to_points(in, out);
    for (isize k = 0; k < POINTS; k++)
        store(points + k * point, out[k / REACH][k % REACH]);
}

/* Every tile of a strip of outputs, whose images' frames begin at `frames`. */
static void strip_gradients(const crm_conv2d *c, const crm_conv2d *t, strip s, const real *frames, real *points)
{
    isize pixel = t->channels, row = t->width * pixel, point = point_size(strip_tiles(c), pixel);
    for (isize image = 0; image < s.images; image++)
        for (isize tiles = s.row; tiles < s.row + s.rows; tiles++)
            for (isize tile = 0; tile < tiles_wide(c); tile++, points += pixel) {
                const real *dy = frames + image * gradient_size(t) + origin(c, t) + tiles * TILE * row + tile * TILE * pixel;
                for (isize f = 0; f < pixel; f += LANES)
                    gradient_tile(dy + f, row, pixel, points + f, point);
            }
}

static void add_products(const crm_conv2d *c, isize tiles, const real *inputs, const real *gradients, real *sums)
{
    isize x = whole_lanes(c->channels), dy = whole_lanes(c->filters);
    for (isize k = 0; k < POINTS; k++)
        for (isize column = 0; column < c->filters; column += PANEL) {
            operands o = {.x = inputs + k * point_size(strip_tiles(c), x),
                          .w = gradients + k * point_size(strip_tiles(c), dy) + column,
                          .xm = 1,
                          .xk = x,
                          .wk = dy,
                          .runs = 1,
                          .length = tiles};
            target t = {.c = sums + k * point_size(c->channels, c->filters) + column,
                        .cm = c->filters,
                        .width = MIN(c->filters - column, PANEL),
                        .add = 1};
            tile_rows(&outer_tiles, o, t, c->channels);
        }
}

/* ---- weights at the points for dx: turned about, and rows of zeros for the lanes that are no filter */

static isize packed_size(const crm_conv2d *c)
{
    return panels_size(whole_lanes(c->filters), c->channels);
}

static isize pack_tasks(const crm_conv2d *c) { return c->dx ? CEIL_DIV(c->channels, PANEL) : 0; }

/* Taps of one filter and a vector of channels, flipped. */
static void turned_taps(const crm_conv2d *c, isize filter, isize channel, isize count, vec taps[3][3])
{
    const real *weight = (const real *)c->weight + channel * c->filters + filter;
    for (isize tap = 0; tap < 9; tap++) {
        real row[LANES] = {0};
        for (isize j = 0; filter < c->filters && j < MIN(count, LANES); j++)
            row[j] = weight[tap * c->channels * c->filters + j * c->filters];
        taps[2 - tap / 3][2 - tap % 3] = load(row);
    }
}

static void pack(const crm_conv2d *c, isize task)
{
    isize column = task * PANEL, width = MIN(c->channels - column, PANEL), full = panel_width(width);
    isize filters = whole_lanes(c->filters);
    real *packed = packed_panel(c, filters, column);
    for (isize filter = 0; filter < filters; filter++)
        for (isize j = 0; j < width; j += LANES) {
            vec taps[3][3], points[REACH][REACH];
            turned_taps(c, filter, column + j, width - j, taps);
            filter_to_points(taps, points);
            for (isize k = 0; k < POINTS; k++)
                store(packed + k * point_size(filters, full) + filter * full + j, points[k / REACH][k % REACH]);
        }
}

/* ---- a chunk of images */

/* Reals of the weight gradient at the points. */
static isize points_sum(const crm_conv2d *c)
{
    return CEIL_DIV(POINTS * point_size(c->channels, c->filters), LANES) * LANES;
}

static isize frames_size(const crm_conv2d *c, const crm_conv2d *t) { return strip_images(c) * gradient_size(t); }

static isize scratch_size(const crm_conv2d *c)
{
    crm_conv2d t = turned(c);
    isize dweight = points_size(c, whole_lanes(c->channels)) + points_size(c, t.channels) + winograd_frame(c);
    isize dx = points_size(&t, t.channels) + points_size(&t, PANEL);
    return points_sum(c) + frames_size(c, &t) + MAX(dweight, dx);
}

static void add_dweight(const crm_conv2d *c, const crm_conv2d *t, strip s, const real *frames, real *scratch, real *sums)
{
    real *inputs = scratch, *gradients = inputs + points_size(c, whole_lanes(c->channels));
    strip_inputs(c, s, gradients + points_size(c, t->channels), inputs);
    strip_gradients(c, t, s, frames, gradients);
    add_products(c, s.images * s.rows * tiles_wide(c), inputs, gradients, sums);
}

static void sums_to_taps(const crm_conv2d *c, const real *sums, real *dweight)
{
    isize plane = c->channels * c->filters;
    for (isize i = 0; i < plane; i += LANES) {
        vec points[REACH][REACH], taps[3][3];
        for (isize k = 0; k < POINTS; k++)
            points[k / REACH][k % REACH] = load_some(sums + k * point_size(c->channels, c->filters) + i, plane - i);
        points_to_filter(points, taps);
        for (isize tap = 0; tap < 9; tap++)
            store_some(dweight + tap * plane + i, taps[tap / 3][tap % 3], plane - i);
    }
}

/* dx of images [first, first + images), whose frames are at hand. */
static void fill_dx(crm_conv2d t, isize first, isize images, const real *frames, real *scratch)
{
    t.x = frames;
    t.y = (real *)t.y + first * t.rows * t.columns * t.filters;
    for (isize number = 0; number < strip_count(&t, images); number++) {
        strip s = nth_strip(&t, number, 0, images);
        strip_inputs(&t, s, scratch, scratch); /* in place: no frame */
        strip_outputs(&t, s, scratch, scratch + points_size(&t, t.channels), NULL);
    }
}

static void chunk(const crm_conv2d *c, isize number, void *scratch)
{
    crm_conv2d t = turned(c);
    real *dweight = (real *)c->partials + number * partial_size(c), *dbias = dweight + kernel_size(c) * c->filters;
    real *sums = (real *)scratch, *frames = sums + points_sum(c), *rest = frames + frames_size(c, &t);
    isize first = number * c->chunk, last = MIN(first + c->chunk, c->images);
    memset(dbias, 0, c->filters * sizeof(real));
    memset(sums, 0, points_sum(c) * sizeof(real));
    for (isize i = 0; i < strip_count(c, last - first); i++) {
        strip s = nth_strip(c, i, first, last);
        if (s.row == 0) { /* the first strip of its images */
            for (isize image = 0; image < s.images; image++)
                spread(c, &t, s.image + image, frames + image * gradient_size(&t), dbias);
            if (c->dx)
                fill_dx(t, s.image, s.images, frames, rest);
        }
        if (c->dweight)
            add_dweight(c, &t, s, frames, rest, sums);
    }
    if (c->dweight)
        sums_to_taps(c, sums, dweight);
}

const crm_conv2d_backward CRM(crm_conv2d_winograd_backward_table) = {packed_size, partial_size, scratch_size, pack_tasks,
                                                                     pack,        chunk,        reduce_tasks, reduce};
