/* Gradients of a convolution behind a max-pool, and perhaps a ReLU: of each window one output at most has a gradient.
 * Kernels with few_taps (conv2d.h) go to conv2d_backward.c.
 *
 * With 2 x 2 windows three quarters of the dense products are products with 0, and with a ReLU more. Both gradients
 * are therefore sums over the outputs that have one, of a gradient times a row:
 *
 *   dweight[filter]   += gradient * the kernel_w * channels pixels of x under each kernel row
 *   dx under a window += gradient * the kernel_w * channels weights of the filter in each kernel row
 *
 * One loop does both: a tile keeps up to 3 kernel rows x 6 vectors of the sum in registers while it walks a list of
 * (offset, factor). It loads as much as it multiplies, so its limit is two loads a cycle from the first-level cache:
 * frames are aligned, and dx goes kernel row by kernel row, so that the weights of one stay there (24 KB for 64
 * filters of 32 channels; all three at once came from the second level and took twice the time).
 *
 * `sort_by_filter` spreads the entries of conv2d_entries.h into a list a filter. To add them to dweight as they come,
 * where it fits into the first-level cache, lost, since stores and the loads of the next entries wait for each other: for
 * 3 to 32 channels 9.8 us an image against 7.3 on two cores.
 *
 * Skipping an exact zero changes no bit where x and the weights are finite, and lists are in the order of the
 * outputs, so that bits depend on nothing but the batch. A band's outputs are summed by themselves before their sum
 * is added.
 *
 * On a core of an AMD Zen 5, with a ReLU, operations counted as the direct sum has them: 290 to 420 GFLOP/s, 1.2 to
 * 1.7 times the FMA peak, for 32 to 64 channels of 15 x 15.
 */
#include "conv2d_entries.h"

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
static isize frame_size(const crm_conv2d *c)
{
    return (CEIL_DIV(padded_height(c) * padded_width(c) * c->channels, LANES) + 1) * LANES;
}
static isize packed_size(const crm_conv2d *c) { return c->filters * filter_size(c); }
static isize partial_size(const crm_conv2d *c) { return CEIL_DIV(c->filters * (filter_size(c) + 1), LANES) * LANES; }

/* ---- the loop: rows of `to` += the sum over a list of factor * rows at x + offset */

typedef struct {
    const real *x;
    isize x_row;
    const int32_t *offset;
    const real *factor;
    isize count;
    real *to;
    isize to_row, length; /* reals of a row that count: beyond them nothing is written */
} sum;

ALWAYS_INLINE void add_vector(real *to, vec sum, isize length)
{
    if (length >= LANES) {
        store(to, load(to) + sum);
        return;
    }
    real row[LANES];
    store(row, sum);
    for (isize i = 0; i < length; i++)
        to[i] += row[i];
}

ALWAYS_INLINE void add_tile(const sum *s, int rows, int vecs)
{
    vec acc[MAX_ROWS][MAX_VECS];
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vecs; v++)
            acc[r][v] = (vec){0};
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
            add_vector(s->to + r * s->to_row + v * LANES, acc[r][v], s->length - v * LANES);
    }
}

#define TILE(rows, vecs)                                                                                               \
    static void add_##rows##vecs(const sum *s) { add_tile(s, rows, vecs); }
#define ALL_VECS(DO, rows) DO(rows, 1) DO(rows, 2) DO(rows, 3) DO(rows, 4) DO(rows, 5) DO(rows, 6)
ALL_VECS(TILE, 1) ALL_VECS(TILE, 2) ALL_VECS(TILE, 3)

#define NAMED(rows, vecs) add_##rows##vecs,
static void (*const tiles[MAX_ROWS][MAX_VECS])(const sum *) = {
    {ALL_VECS(NAMED, 1)}, {ALL_VECS(NAMED, 2)}, {ALL_VECS(NAMED, 3)}};

/* A strip of up to MAX_VECS vectors of `rows` kernel rows. */
static void add_strip(sum s, isize rows, isize vecs)
{
    isize step = MIN(MAX_ROWS, SUMS / vecs);
    for (isize r = 0; r < rows; r += step) {
        tiles[MIN(rows - r, step) - 1][vecs - 1](&s);
        s.x += step * s.x_row;
        s.to += step * s.to_row;
    }
}

/* ---- one image */

typedef struct {
    isize image;
    view x;
    real *dx; /* the image's gradient in a frame as x's, NULL for none */
    entries entries;
    lists filters;
    real *dbias; /* of one band */
    isize under[255]; /* from a window's first pixel to that under each place in it */
} scene;

ALWAYS_INLINE isize window_at(const crm_conv2d *c, const scene *s, isize p, isize q)
{
    return p * c->pool_h * c->stride_h * s->x.row + q * c->pool_w * c->stride_w * c->channels;
}

NOINLINE isize pick_entries(const crm_conv2d *c, const scene *s, isize begin, isize end)
{
    isize n = 0, segment = 0, at = (s->image * pooled_rows(c) + begin) * pooled_columns(c) * c->filters;
    for (isize p = begin; p < end; p++)
        for (isize q = 0; q < pooled_columns(c); q++, at += c->filters)
            for (int place = 0; place < (int)places(c); place++) {
                int offset = (int)(window_at(c, s, p, q) + s->under[place]);
                s->entries.start[segment++] = (int32_t)n;
                n = pack_place(c->filters, (const real *)c->dy + at, c->argmax + at, place, offset, s->entries, n);
            }
    s->entries.start[segment] = (int32_t)n;
    return n;
}

NOINLINE void sort_by_filter(const crm_conv2d *c, entries e, isize count, lists l, real *RESTRICT dbias)
{
    int32_t *RESTRICT end = l.end, *RESTRICT offset = l.offset;
    real *RESTRICT factor = l.factor;
    for (isize f = 0; f < c->filters; f++)
        end[f] = (int32_t)(f * l.room);
    for (isize k = 0; k < count; k++) {
        isize filter = e.filter[k], at = end[filter];
        end[filter] = (int32_t)at + 1;
        offset[at] = e.offset[k];
        factor[at] = e.factor[k];
        dbias[filter] += e.factor[k];
    }
}

static void add_dweight(const crm_conv2d *c, const scene *s, real *dweight)
{
    isize length = padded_length(c);
    for (isize f = 0; f < c->filters; f++) {
        isize first = f * s->filters.room;
        for (isize v = 0; v < length; v += MAX_VECS * LANES) {
            sum all = {.x = s->x.pixels + v,
                       .x_row = s->x.row,
                       .offset = s->filters.offset + first,
                       .factor = s->filters.factor + first,
                       .count = s->filters.end[f] - first,
                       .to = dweight + f * filter_size(c) + v,
                       .to_row = length,
                       .length = length - v};
            add_strip(all, c->kernel_h, MIN((length - v) / LANES, MAX_VECS));
        }
    }
}

/* One strip of one kernel row of the weights, for every segment. */
static void add_dx_strip(const crm_conv2d *c, const scene *s, isize segments, isize row, isize v)
{
    isize vecs = MIN((padded_length(c) - v) / LANES, MAX_VECS);
    const int32_t *start = s->entries.start;
    sum all = {.x = (const real *)c->packed + row * c->filters * padded_length(c) + v, .length = row_length(c) - v};
    for (isize k = 0; k < segments; k++) {
        all.offset = s->entries.filter + start[k];
        all.factor = s->entries.factor + start[k];
        all.count = start[k + 1] - start[k];
        if (all.count == 0)
            continue;
        all.to = s->dx + s->entries.offset[start[k]] + row * s->x.row + v;
        tiles[0][vecs - 1](&all);
    }
}

/* Filters become offsets of their weights first. */
static void add_dx(const crm_conv2d *c, const scene *s, isize segments, isize count)
{
    isize length = padded_length(c);
    for (isize k = 0; k < count; k++)
        s->entries.filter[k] *= (int32_t)length;
    for (isize row = 0; row < c->kernel_h; row++)
        for (isize v = 0; v < length; v += MAX_VECS * LANES)
            add_dx_strip(c, s, segments, row, v);
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
    return 2 * frame_size(c) + entries_size(c) + lists_size(c) + c->filters;
}

static scene set_scene(const crm_conv2d *c, real *scratch)
{
    real *tables = scratch + 2 * frame_size(c);
    scene s = {.dx = c->dx ? scratch + frame_size(c) : NULL,
               .entries = place_entries(c, tables),
               .filters = place_lists(c, tables + entries_size(c)),
               .dbias = tables + entries_size(c) + lists_size(c)};
    memset(scratch, 0, frame_size(c) * sizeof(real)); /* its last vector is read and not written */
    for (isize k = 0; k < places(c); k++)
        s.under[k] = k / c->pool_w * c->stride_h * padded_width(c) * c->channels +
                     k % c->pool_w * c->stride_w * c->channels;
    return s;
}

/* Rows [begin, end) of the windows of one image. */
static void add_band(const crm_conv2d *c, const scene *s, isize begin, isize end, real *dweight, real *dbias)
{
    isize count = pick_entries(c, s, begin, end), segments = (end - begin) * pooled_columns(c) * places(c);
    memset(s->dbias, 0, c->filters * sizeof(real));
    sort_by_filter(c, s->entries, count, s->filters, s->dbias);
    if (c->dweight)
        add_dweight(c, s, dweight);
    for (isize f = 0; f < c->filters; f++)
        dbias[f] += s->dbias[f];
    if (s->dx)
        add_dx(c, s, segments, count);
}

static void chunk(const crm_conv2d *c, isize number, void *scratch)
{
    real *dweight = (real *)c->partials + number * partial_size(c), *dbias = dweight + packed_size(c);
    scene s = set_scene(c, scratch);
    memset(dweight, 0, partial_size(c) * sizeof(real));
    for (s.image = number * c->chunk; s.image < MIN((number + 1) * c->chunk, c->images); s.image++) {
        s.x = in_frame(c, s.image, scratch);
        if (s.dx)
            memset(s.dx, 0, frame_size(c) * sizeof(real));
        for (isize p = 0; p < pooled_rows(c); p += band_rows(c))
            add_band(c, &s, p, MIN(p + band_rows(c), pooled_rows(c)), dweight, dbias);
        if (s.dx)
            store_dx(c, s.image, s.dx);
    }
}

/* ---- before and after the images */

static isize pack_tasks(const crm_conv2d *c) { return c->dx ? c->kernel_h : 0; }

/* Weights as rows: (kernel row, filter, kernel_w * channels, zeros to whole vectors). */
static void pack(const crm_conv2d *c, isize kernel_row)
{
    isize length = row_length(c);
    const real *weight = (const real *)c->weight + kernel_row * length * c->filters;
    for (isize f = 0; f < c->filters; f++) {
        real *row = (real *)c->packed + (kernel_row * c->filters + f) * padded_length(c);
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
    for (isize r = 0; c->dweight && r < c->kernel_h; r++)
        for (isize k = 0; k < length; k++)
            for (isize f = first; f < last; f++)
                ((real *)c->dweight)[(r * length + k) * c->filters + f] =
                    chunks ? sums[f * size + r * padded_length(c) + k] : (real)0;
    for (isize f = first; c->dbias && f < last; f++)
        ((real *)c->dbias)[f] = chunks ? sums[packed_size(c) + f] : (real)0;
}

const crm_conv2d_backward CRM(crm_conv2d_sparse_table) = {packed_size, partial_size, scratch_size, pack_tasks,
                                                          pack,        chunk,        reduce_tasks, reduce};
