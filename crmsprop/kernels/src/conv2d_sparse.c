/* Gradients of a convolution behind a max-pool, and perhaps a ReLU: of each window one output at most has a gradient.
 *
 * With 2 x 2 windows three quarters of the dense products are products with 0, and with a ReLU more. Both gradients are
 * therefore sums over the outputs that have one, of a gradient times a row:
 *
 *   dweight[filter]   += gradient * the kernel_w * channels pixels of x under each kernel row
 *   dx under a window += gradient * the kernel_w * channels weights of the filter in each kernel row
 *
 * One loop does both: `add_rows` keeps up to 3 kernel rows x 6 vectors of the sum in registers (18 of AVX-512's 32; of
 * 16 registers 12) while it walks a list of (offset, factor). It loads as much as it multiplies, so two loads a cycle are
 * its limit; it reaches 80% of that. Lists are made image by image in one pass over dy and argmax, without branches: by
 * filter for dweight, by place in the window for dx. Skipping an exact zero cannot change a bit, and the order of a list
 * is that of the outputs, so bits depend on nothing but the batch.
 *
 * On two cores of an AMD Zen 5 (AVX-512, float32) the second layer of the reference CNN on CIFAR-10, 32 to 64 channels,
 * took 78 us an image with dense products.
 */
#include "conv2d_image.h"

#define BAND 16384      /* outputs whose lists are made at once, at most: 128 KB of float32 */
#define FILTER_BLOCK 16 /* filters a task of the sum over the chunks */

#if defined(__AVX512F__)
#define SUMS 18
#else
#define SUMS 12
#endif
#define MAX_ROWS 3
#define MAX_VECS 6

/* ---- sizes: rows of kernel_w * channels reals are padded to whole vectors */

static isize row_length(const crm_conv2d *c) { return c->kernel_w * c->channels; }
static isize padded_length(const crm_conv2d *c) { return CEIL_DIV(row_length(c), LANES) * LANES; }
static isize filter_size(const crm_conv2d *c) { return c->kernel_h * padded_length(c); }
static isize frame_size(const crm_conv2d *c) { return padded_height(c) * padded_width(c) * c->channels + LANES; }
static isize packed_size(const crm_conv2d *c) { return c->filters * filter_size(c); }
static isize partial_size(const crm_conv2d *c) { return c->filters * (filter_size(c) + 1); }

static isize band_rows(const crm_conv2d *c)
{
    isize rows = BAND / (pooled_columns(c) * MAX(c->filters, 1));
    return MAX(1, MIN(rows, pooled_rows(c)));
}

/* ---- lists */

typedef struct {
    int32_t *count, *offset; /* list k has count[k] entries from k * room on */
    real *factor;
    isize room;
} lists;

static isize lists_size(isize number, isize room)
{
    isize bytes = (number + number * room) * (isize)sizeof(int32_t);
    return number * room + CEIL_DIV(bytes, (isize)sizeof(real));
}

/* Lay out `number` lists in memory from *at on. */
static lists place_lists(isize number, isize room, real **at)
{
    int32_t *counts = (int32_t *)(*at + number * room);
    lists l = {.count = counts, .offset = counts + number, .factor = *at, .room = room};
    *at += lists_size(number, room);
    return l;
}

/* An entry that is not taken is overwritten by the next one. */
ALWAYS_INLINE void append(lists l, isize k, isize offset, real factor, int taken)
{
    isize at = k * l.room + l.count[k];
    l.offset[at] = (int32_t)offset;
    l.factor[at] = factor;
    l.count[k] += taken;
}

/* ---- the loop: rows of `to` += the sum over a list of factor * rows at x + offset */

typedef struct {
    const real *x;
    isize x_row;
    const int32_t *offset;
    const real *factor;
    isize count;
    real *to;
    isize to_row;
} sum;

ALWAYS_INLINE void add_tile(const sum *s, int rows, int vecs)
{
    vec acc[MAX_ROWS][MAX_VECS];
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vecs; v++)
            acc[r][v] = load(s->to + r * s->to_row + v * LANES);
    }
    for (isize k = 0; k < s->count; k++) {
        const real *x = s->x + s->offset[k];
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vecs; v++)
                acc[r][v] += s->factor[k] * load(x + r * s->x_row + v * LANES);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vecs; v++)
            store(s->to + r * s->to_row + v * LANES, acc[r][v]);
    }
}

#define TILE(rows, vecs)                                                                                               \
    static void add_##rows##vecs(const sum *s) { add_tile(s, rows, vecs); }
#define ALL_VECS(DO, rows) DO(rows, 1) DO(rows, 2) DO(rows, 3) DO(rows, 4) DO(rows, 5) DO(rows, 6)
ALL_VECS(TILE, 1) ALL_VECS(TILE, 2) ALL_VECS(TILE, 3)

#define NAMED(rows, vecs) add_##rows##vecs,
static void (*const tiles[MAX_ROWS][MAX_VECS])(const sum *) = {
    {ALL_VECS(NAMED, 1)}, {ALL_VECS(NAMED, 2)}, {ALL_VECS(NAMED, 3)}};

static void add_rows(const crm_conv2d *c, sum s)
{
    isize all_vecs = padded_length(c) / LANES;
    const sum whole = s;
    for (isize v = 0; v < all_vecs; v += MAX_VECS) {
        isize vecs = MIN(all_vecs - v, MAX_VECS), step = MIN(MAX_ROWS, SUMS / vecs);
        for (isize r = 0; r < c->kernel_h; r += step) {
            s.x = whole.x + r * s.x_row + v * LANES;
            s.to = whole.to + r * s.to_row + v * LANES;
            tiles[MIN(c->kernel_h - r, step) - 1][vecs - 1](&s);
        }
    }
}

/* ---- one image */

typedef struct {
    isize image;
    view x;
    real *dx;             /* the image's gradient in a frame as x's, NULL for none */
    lists filters, places;
    isize under[256];     /* from a window's first pixel to that under each place in it */
} scene;

/* The gradients of one window of every filter: into the lists by filter, and into dx. */
ALWAYS_INLINE void visit(const crm_conv2d *c, scene *s, isize p, isize q, int with_dx)
{
    isize first = p * c->pool_h * c->stride_h * s->x.row + q * c->pool_w * c->stride_w * c->channels;
    isize at = ((s->image * pooled_rows(c) + p) * pooled_columns(c) + q) * c->filters, places = c->pool_h * c->pool_w;
    const real *dy = (const real *)c->dy + at;
    const unsigned char *argmax = c->argmax + at;
    if (with_dx)
        memset(s->places.count, 0, places * sizeof(int32_t));
    for (isize f = 0; f < c->filters; f++) {
        int taken = (argmax[f] != CUT_OFF) & (dy[f] != 0); /* a NaN is taken */
        isize place = taken ? argmax[f] : 0;
        append(s->filters, f, first + s->under[place], dy[f], taken);
        if (with_dx)
            append(s->places, place, f * filter_size(c), dy[f], taken);
    }
    for (isize k = 0; with_dx && k < places; k++)
        if (s->places.count[k])
            add_rows(c, (sum){.x = (const real *)c->packed,
                              .x_row = padded_length(c),
                              .offset = s->places.offset + k * s->places.room,
                              .factor = s->places.factor + k * s->places.room,
                              .count = s->places.count[k],
                              .to = s->dx + first + s->under[k],
                              .to_row = s->x.row});
}

static void visit_band(const crm_conv2d *c, scene *s, isize begin, isize end)
{
    memset(s->filters.count, 0, c->filters * sizeof(int32_t));
    for (isize p = begin; p < end; p++)
        for (isize q = 0; q < pooled_columns(c); q++) {
            if (s->dx)
                visit(c, s, p, q, 1);
            else
                visit(c, s, p, q, 0);
        }
}

static void add_dweight(const crm_conv2d *c, const scene *s, real *dweight, real *dbias)
{
    for (isize f = 0; f < c->filters; f++) {
        const real *factor = s->filters.factor + f * s->filters.room;
        real total = 0;
        for (isize k = 0; k < s->filters.count[f]; k++)
            total += factor[k];
        dbias[f] += total;
        add_rows(c, (sum){.x = s->x.pixels,
                          .x_row = s->x.row,
                          .offset = s->filters.offset + f * s->filters.room,
                          .factor = factor,
                          .count = s->filters.count[f],
                          .to = dweight + f * filter_size(c),
                          .to_row = padded_length(c)});
    }
}

/* Out of the frame: what lies in the padding is dropped, pixels that no tap reached are 0. */
static void store_dx(const crm_conv2d *c, isize image, const real *frame)
{
    isize row = c->width * c->channels, reached = MIN(c->width, padded_width(c) - c->pad_left) * c->channels;
    real *dx = (real *)c->dx + image * c->height * row;
    for (isize y = 0; y < c->height; y++, dx += row) {
        isize copied = y + c->pad_top < padded_height(c) ? MAX(reached, 0) : 0;
        const real *from = frame + ((y + c->pad_top) * padded_width(c) + c->pad_left) * c->channels;
        if (copied)
            memcpy(dx, from, copied * sizeof(real));
        memset(dx + copied, 0, (row - copied) * sizeof(real));
    }
}

static isize scratch_size(const crm_conv2d *c)
{
    isize outputs = band_rows(c) * pooled_columns(c);
    return 2 * frame_size(c) + lists_size(c->filters, outputs) + lists_size(c->pool_h * c->pool_w, c->filters);
}

static void chunk(const crm_conv2d *c, isize number, void *scratch)
{
    real *dweight = (real *)c->partials + number * partial_size(c), *dbias = dweight + packed_size(c);
    real *frame = (real *)scratch, *at = frame + 2 * frame_size(c);
    scene s = {.dx = c->dx ? frame + frame_size(c) : NULL};
    s.filters = place_lists(c->filters, band_rows(c) * pooled_columns(c), &at);
    s.places = place_lists(c->pool_h * c->pool_w, c->filters, &at);
    for (isize k = 0; k < c->pool_h * c->pool_w; k++)
        s.under[k] = k / c->pool_w * c->stride_h * padded_width(c) * c->channels +
                     k % c->pool_w * c->stride_w * c->channels;
    memset(dweight, 0, partial_size(c) * sizeof(real));
    for (s.image = number * c->chunk; s.image < MIN((number + 1) * c->chunk, c->images); s.image++) {
        s.x = in_frame(c, s.image, frame);
        if (s.dx)
            memset(s.dx, 0, frame_size(c) * sizeof(real));
        for (isize p = 0; p < pooled_rows(c); p += band_rows(c)) {
            visit_band(c, &s, p, MIN(p + band_rows(c), pooled_rows(c)));
            add_dweight(c, &s, dweight, dbias);
        }
        if (s.dx)
            store_dx(c, s.image, s.dx);
    }
}

/* ---- before and after the images */

static isize pack_tasks(const crm_conv2d *c) { return c->dx ? c->kernel_h : 0; }

/* Weights as rows: (filter, kernel row, kernel_w * channels, zeros to whole vectors). */
static void pack(const crm_conv2d *c, isize kernel_row)
{
    isize length = row_length(c);
    const real *weight = (const real *)c->weight + kernel_row * length * c->filters;
    for (isize f = 0; f < c->filters; f++) {
        real *row = (real *)c->packed + f * filter_size(c) + kernel_row * padded_length(c);
        for (isize k = 0; k < length; k++)
            row[k] = weight[k * c->filters + f];
        memset(row + length, 0, (padded_length(c) - length) * sizeof(real));
    }
}

static isize reduce_tasks(const crm_conv2d *c) { return CEIL_DIV(c->filters, FILTER_BLOCK); }

/* Add the partials of a block of filters into the first chunk's, in order; then turn rows into columns. */
static void reduce(const crm_conv2d *c, isize task)
{
    isize first = task * FILTER_BLOCK, last = MIN(first + FILTER_BLOCK, c->filters);
    isize size = filter_size(c), length = row_length(c), chunks = CEIL_DIV(c->images, c->chunk);
    real *sums = (real *)c->partials;
    for (isize k = 1; k < chunks; k++) {
        const real *RESTRICT partial = sums + k * partial_size(c);
        for (isize i = first * size; i < last * size; i++)
            sums[i] += partial[i];
        for (isize f = packed_size(c) + first; f < packed_size(c) + last; f++)
            sums[f] += partial[f];
    }
    for (isize r = 0; r < c->kernel_h; r++)
        for (isize k = 0; k < length; k++)
            for (isize f = first; f < last; f++)
                ((real *)c->dweight)[(r * length + k) * c->filters + f] =
                    chunks ? sums[f * size + r * padded_length(c) + k] : (real)0;
    for (isize f = first; c->dbias && f < last; f++)
        ((real *)c->dbias)[f] = chunks ? sums[packed_size(c) + f] : (real)0;
}

const crm_conv2d_backward CRM(crm_conv2d_sparse_table) = {packed_size, partial_size, scratch_size, pack_tasks,
                                                          pack,        chunk,        reduce_tasks, reduce};
