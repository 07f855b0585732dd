/* Depthwise convolution (one filter a channel), vectorized over channels, any stride; no padded copy of the image.
 *
 * forward   A row of outputs a call, one vector of channels after another. A tile is up to TILE neighbouring pixels in
 *           registers while the taps run. Pixels of which some taps fall outside of the image are taken one by one.
 * dx        The same loops over dy with the filters turned round, once for each phase (column % stride).
 * dweight   A task is a chunk of images. A block of up to 3 x 4 taps is held in registers over up to SPAN outputs, whose
 *           sums are then added to the chunk's partial: short sums keep the rounding error small. `reduce` adds the
 *           partials in order of chunks, so that nothing depends on which thread did which.
 *
 * On a core of Zen 5, 3 x 3 on 96 channels of 16 x 16 pixels in cache: 80 to 86 GFLOP/s each (AVX-512), 3.4 copies of the
 * image; out of memory, 64 of 32 x 32, three. A few channels fill no register: 3 of them run at 3 GFLOP/s.
 */
#include "channels.h"
#include "depthwise.h"
#include "partials.h"

#define TILE 8 /* sums that run side by side: an FMA takes four cycles, and two begin in each */

/* ---- rows of outputs: forward, and dx */

typedef struct {
    isize first, end;
} span;

/* Output t meets source base + t * step + a * tap with its tap a, where that is in [0, size); `tap` is 1 or -1. */
typedef struct {
    isize base, step, tap, size, taps, outputs;
} axis;

static span taps_inside(const axis *a, isize t)
{
    isize at = a->base + t * a->step;
    span inside = a->tap > 0 ? (span){MAX(0, -at), MIN(a->taps, a->size - at)}
                             : (span){MAX(0, at - a->size + 1), MIN(a->taps, at + 1)};
    inside.end = MAX(inside.first, inside.end);
    return inside;
}

static int is_whole(const axis *a, isize t)
{
    span taps = taps_inside(a, t);
    return taps.first == 0 && taps.end == a->taps;
}

/* Outputs all of whose taps lie inside: they are neighbours. */
static span whole_outputs(const axis *a)
{
    span whole = {0, 0};
    while (whole.first < a->outputs && !is_whole(a, whole.first))
        whole.first++;
    for (whole.end = whole.first; whole.end < a->outputs && is_whole(a, whole.end);)
        whole.end++;
    return whole;
}

/* What a tile reads and writes: taps `rows` x `columns`, x one row (`xr`), tap (`xk`) or output (`xm`) further. */
typedef struct {
    const real *x, *w, *start, *end; /* end: of the array that x points into */
    real *out;
    isize rows, columns, xr, xk, xm, wr, wk, cm, channels;
} tile;

ALWAYS_INLINE void run_tile(int pixels, int narrow, const tile *t)
{
    const vec start = t->start ? narrow ? load_some(t->start, t->channels) : load(t->start) : (vec){0};
    const isize xm = t->xm, cm = t->cm;
    real *out = t->out;
    vec acc[TILE];
    UNROLL
    for (int p = 0; p < pixels; p++)
        acc[p] = start;
    for (isize i = 0; i < t->rows; i++) {
        const real *x = t->x + i * t->xr, *w = t->w + i * t->wr;
        for (isize j = 0; j < t->columns; j++, x += t->xk, w += t->wk) {
            vec factor = narrow ? load_some(w, t->channels) : load(w);
            UNROLL
            for (int p = 0; p < pixels; p++)
                acc[p] += load_before(narrow, x + p * xm, t->end) * factor;
        }
    }
    UNROLL
    for (int p = 0; p < pixels; p++)
        store_channels(narrow, out + p * cm, acc[p], t->channels);
}

#define RUN_TILE(pixels)                                                                                               \
    static void tile_##pixels(const tile *t) { run_tile(pixels, 0, t); }                                               \
    static void narrow_##pixels(const tile *t) { run_tile(pixels, 1, t); }
RUN_TILE(1) RUN_TILE(2) RUN_TILE(3) RUN_TILE(4) RUN_TILE(5) RUN_TILE(6) RUN_TILE(7) RUN_TILE(8)
static void (*const tiles[2][TILE])(const tile *) = {
    {tile_1, tile_2, tile_3, tile_4, tile_5, tile_6, tile_7, tile_8},
    {narrow_1, narrow_2, narrow_3, narrow_4, narrow_5, narrow_6, narrow_7, narrow_8},
};

/* A row of outputs. The tile given points to tap 0 of source pixel 0, and to output 0. */
static void run_row(tile row, const axis *across)
{
    const span whole = whole_outputs(across), all = {0, across->taps};
    void (*const *of_pixels)(const tile *) = tiles[is_narrow(row.channels)];
    row.xm = across->step * row.channels;
    row.xk = across->tap * row.channels;
    for (isize c = 0; c < row.channels; c += LANES) {
        isize from = vector_start(c, row.channels), pixels;
        const real *x = row.x + across->base * row.channels + from;
        tile now = row;
        now.start = row.start ? row.start + from : NULL;
        for (isize t = 0; t < across->outputs; t += pixels) {
            const int inside = t >= whole.first && t < whole.end;
            span taps = inside ? all : taps_inside(across, t);
            pixels = inside ? MIN(TILE, whole.end - t) : 1;
            now.columns = taps.end - taps.first;
            now.x = x + t * row.xm + taps.first * row.xk;
            now.w = row.w + taps.first * row.wk + from;
            now.out = row.out + t * row.cm + from;
            of_pixels[pixels - 1](&now);
        }
    }
}

static void forward(const crm_depthwise *c, isize number)
{
    isize image = number / c->rows, y = number % c->rows, row = c->width * c->channels;
    axis down = {-c->pad_top, c->stride_h, 1, c->height, c->kernel_h, c->rows};
    axis across = {-c->pad_left, c->stride_w, 1, c->width, c->kernel_w, c->columns};
    span taps = taps_inside(&down, y);
    const real *x = (const real *)c->x, *end = x + c->images * c->height * row;
    tile t = {.x = x + (image * c->height + down.base + y * down.step + taps.first) * row,
              .w = (const real *)c->weight + taps.first * c->kernel_w * c->channels,
              .start = (const real *)c->bias,
              .end = end,
              .out = (real *)c->out + number * c->columns * c->channels,
              .rows = taps.end - taps.first,
              .xr = row,
              .wr = c->kernel_w * c->channels,
              .wk = c->channels,
              .cm = c->channels,
              .channels = c->channels};
    run_row(t, &across);
}

/* How many of a filter's taps meet the pixels whose place in the padded image is `phase` modulo the stride. */
static isize phase_taps(isize kernel, isize stride, isize phase)
{
    return phase < kernel ? CEIL_DIV(kernel - phase, stride) : 0;
}

static void backward(const crm_depthwise *c, isize number)
{
    isize image = number / c->height, y = number % c->height + c->pad_top, phase = y % c->stride_h;
    isize row = c->columns * c->channels, filter_row = c->kernel_w * c->channels;
    axis down = {y / c->stride_h, 1, -1, c->rows, phase_taps(c->kernel_h, c->stride_h, phase), 1};
    span taps = taps_inside(&down, 0);
    const real *dy = (const real *)c->dy;
    tile t = {.x = dy + (image * c->rows + down.base - taps.first) * row,
              .w = (const real *)c->weight + (phase + taps.first * c->stride_h) * filter_row,
              .end = dy + c->images * c->rows * row,
              .out = (real *)c->dx + number * c->width * c->channels,
              .rows = taps.end - taps.first,
              .xr = -row,
              .wr = c->stride_h * filter_row,
              .wk = c->stride_w * c->channels,
              .cm = c->stride_w * c->channels,
              .channels = c->channels};
    for (isize first = 0; first < MIN(c->stride_w, c->width); first++) {
        isize x = first + c->pad_left, column = x % c->stride_w;
        axis across = {x / c->stride_w, 1, -1, c->columns, phase_taps(c->kernel_w, c->stride_w, column),
                       CEIL_DIV(c->width - first, c->stride_w)};
        tile of_phase = t;
        of_phase.w += column * c->channels;
        of_phase.out += first * c->channels;
        run_row(of_phase, &across);
    }
}

/* ---- gradients to the weights and to the bias */

#define SPAN 256 /* outputs that are summed up before their sum is added; one row of them is the least */
#define DOWN 3
#define ACROSS 4

/* Some rows of one image's outputs, and one vector of channels, of which the first `skip` have been added before. */
typedef struct {
    const crm_depthwise *c;
    const real *x, *dy, *x_end, *dy_end; /* at the vector's channels */
    isize begin, end, at, skip;
} strip;

ALWAYS_INLINE void add_sum(int narrow, const strip *s, vec sum, real *to)
{
    real row[LANES];
    if (!narrow && s->skip == 0) {
        store(to + s->at, load(to + s->at) + sum);
        return;
    }
    store(row, sum);
    for (isize lane = s->skip; lane < MIN(LANES, s->c->channels - s->at); lane++)
        to[s->at + lane] += row[lane];
}

/* Taps of one output: all of them, or those that lie inside of the image. */
ALWAYS_INLINE void add_taps(int down, int across, int narrow, const strip *s, const real *from, vec g,
                            vec acc[DOWN][ACROSS])
{
    UNROLL
    for (int a = 0; a < down; a++) {
        UNROLL
        for (int b = 0; b < across; b++)
            acc[a][b] += load_before(narrow, from + a * s->c->width * s->c->channels + b * s->c->channels, s->x_end) * g;
    }
}

ALWAYS_INLINE void add_some_taps(int down, int across, int narrow, const strip *s, isize top, isize left, vec g,
                                 vec acc[DOWN][ACROSS])
{
    UNROLL
    for (int a = 0; a < down; a++) {
        UNROLL
        for (int b = 0; b < across; b++)
            if (top + a >= 0 && top + a < s->c->height && left + b >= 0 && left + b < s->c->width)
                acc[a][b] +=
                    load_before(narrow, s->x + ((top + a) * s->c->width + left + b) * s->c->channels, s->x_end) * g;
    }
}

/* The gradient to taps [i, i + down) x [j, j + across). */
ALWAYS_INLINE void sum_taps(int down, int across, int narrow, const strip *s, isize i, isize j, real *dweight)
{
    const crm_depthwise *c = s->c;
    const isize channels = c->channels, last = c->width - across;
    vec acc[DOWN][ACROSS];
    UNROLL
    for (int a = 0; a < down; a++) {
        UNROLL
        for (int b = 0; b < across; b++)
            acc[a][b] = (vec){0};
    }
    for (isize y = s->begin; y < s->end; y++) {
        isize top = y * c->stride_h + i - c->pad_top, left = j - c->pad_left;
        const int inside = top >= 0 && top + down <= c->height;
        const real *dy = s->dy + y * c->columns * channels, *row = s->x + top * c->width * channels;
        for (isize x = 0; x < c->columns; x++, dy += channels, left += c->stride_w) {
            vec g = load_before(narrow, dy, s->dy_end);
            if (inside && left >= 0 && left <= last)
                add_taps(down, across, narrow, s, row + left * channels, g, acc);
            else
                add_some_taps(down, across, narrow, s, top, left, g, acc);
        }
    }
    UNROLL
    for (int a = 0; a < down; a++) {
        UNROLL
        for (int b = 0; b < across; b++)
            add_sum(narrow, s, acc[a][b], dweight + ((i + a) * c->kernel_w + j + b) * channels);
    }
}

#define SUM_TAPS(down, across)                                                                                         \
    static void sum_##down##across(const strip *s, isize i, isize j, real *dweight)                                    \
    {                                                                                                                  \
        sum_taps(down, across, 0, s, i, j, dweight);                                                                   \
    }                                                                                                                  \
    static void narrow_sum_##down##across(const strip *s, isize i, isize j, real *dweight)                             \
    {                                                                                                                  \
        sum_taps(down, across, 1, s, i, j, dweight);                                                                   \
    }
SUM_TAPS(1, 1) SUM_TAPS(1, 2) SUM_TAPS(1, 3) SUM_TAPS(1, 4)
SUM_TAPS(2, 1) SUM_TAPS(2, 2) SUM_TAPS(2, 3) SUM_TAPS(2, 4)
SUM_TAPS(3, 1) SUM_TAPS(3, 2) SUM_TAPS(3, 3) SUM_TAPS(3, 4)
static void (*const tap_sums[2][DOWN][ACROSS])(const strip *, isize, isize, real *) = {
    {{sum_11, sum_12, sum_13, sum_14}, {sum_21, sum_22, sum_23, sum_24}, {sum_31, sum_32, sum_33, sum_34}},
    {{narrow_sum_11, narrow_sum_12, narrow_sum_13, narrow_sum_14},
     {narrow_sum_21, narrow_sum_22, narrow_sum_23, narrow_sum_24},
     {narrow_sum_31, narrow_sum_32, narrow_sum_33, narrow_sum_34}},
};

/* Nearly equal shares of at most `most` taps: 5 is 3 and 2, not 4 and 1. */
static isize share(isize taps, isize most) { return CEIL_DIV(taps, CEIL_DIV(taps, most)); }

static void add_dweight(const strip *s, real *dweight)
{
    const crm_depthwise *c = s->c;
    isize down = share(c->kernel_h, DOWN), across = share(c->kernel_w, ACROSS);
    for (isize i = 0; i < c->kernel_h; i += down)
        for (isize j = 0; j < c->kernel_w; j += across)
            tap_sums[is_narrow(c->channels)][MIN(down, c->kernel_h - i) - 1][MIN(across, c->kernel_w - j) - 1](
                s, i, j, dweight);
}

static void add_dbias(const strip *s, real *dbias)
{
    const int narrow = is_narrow(s->c->channels);
    const isize channels = s->c->channels, end = s->end * s->c->columns;
    vec acc[4] = {(vec){0}, (vec){0}, (vec){0}, (vec){0}};
    isize p = s->begin * s->c->columns;
    for (; p + 4 <= end; p += 4) {
        UNROLL
        for (int k = 0; k < 4; k++)
            acc[k] += load_before(narrow, s->dy + (p + k) * channels, s->dy_end);
    }
    for (; p < end; p++)
        acc[0] += load_before(narrow, s->dy + p * channels, s->dy_end);
    add_sum(narrow, s, (acc[0] + acc[1]) + (acc[2] + acc[3]), dbias);
}

static void add_image(const crm_depthwise *c, isize image, real *dweight, real *dbias)
{
    isize in = c->height * c->width * c->channels, out = c->rows * c->columns * c->channels;
    isize step = MAX(1, SPAN / c->columns);
    const real *x = (const real *)c->x, *dy = (const real *)c->dy;
    for (isize y = 0; y < c->rows; y += step)
        for (isize channel = 0; channel < c->channels; channel += LANES) {
            isize at = vector_start(channel, c->channels);
            strip s = {.c = c,
                       .x = x + image * in + at,
                       .dy = dy + image * out + at,
                       .x_end = x + c->images * in,
                       .dy_end = dy + c->images * out,
                       .begin = y,
                       .end = MIN(y + step, c->rows),
                       .at = at,
                       .skip = channel - at};
            add_dweight(&s, dweight);
            add_dbias(&s, dbias);
        }
}

static void chunk(const crm_depthwise *c, isize number)
{
    real *dweight = (real *)c->partials + number * depthwise_gradients(c);
    real *dbias = dweight + c->kernel_h * c->kernel_w * c->channels;
    memset(dweight, 0, depthwise_gradients(c) * sizeof(real));
    for (isize image = number * c->chunk; image < MIN((number + 1) * c->chunk, c->images); image++)
        add_image(c, image, dweight, dbias);
}

static void reduce(const crm_depthwise *c, isize task)
{
    isize size = depthwise_gradients(c);
    partial_sums s = {.first = c->partials,
                      .chunks = CEIL_DIV(c->images, c->chunk),
                      .stride = size,
                      .elements = size,
                      .weights = size - c->channels,
                      .dweight = c->dweight,
                      .dbias = c->dbias};
    sum_partials(s, task);
}

const crm_depthwise_kernels CRM(crm_depthwise_table) = {forward, backward, chunk, reduce, REDUCE};
