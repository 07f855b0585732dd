/* Gradients of a 1 x 1 convolution in place (pointwise, conv2d.h), which are those of a dense layer whose samples are
 * pixels; forward such a convolution is the direct one, over rows of pixels that _conv2d.pyx has joined.
 *
 * A task is a chunk of images, SLICE pixels at a time, whose sum is added to the chunk's partial. As in dense.c both
 * operands of dweight are copied first: rows of a matrix that lie a multiple of 4 KB apart meet in the same cache
 * sets. The copy of the gradient in a frame, which a larger kernel needs, is spared.
 *
 * On a core of Zen 5 (FMA peak 249 GFLOP/s), 32 channels to 192 filters of 16 x 16 pixels: 167 GFLOP/s, 130 by
 * conv2d_backward.c, and 174 by a dense layer of as many products; 320 to 1280 of 7 x 7: 163, 133 and 184.
 */
#include "conv2d_partials.h"
#include "tile.h"

#define SLICE 256
#define INPUTS 48 /* rows of dweight whose channels are copied together */
#define DEPTH 256 /* filters whose weights a block of dx meets at a time: they stay in the first-level cache */

/* Pixels of a chunk that lie side by side. */
typedef struct {
    const real *x, *dy;
    real *dx;
    isize count;
} pixels;

static isize packed_size(const crm_conv2d *c) { return c->filters * CEIL_DIV(c->channels, PANEL) * PANEL; }

static isize pack_tasks(const crm_conv2d *c) { return c->dx ? CEIL_DIV(c->channels, PANEL) : 0; }

static void pack(const crm_conv2d *c, isize task)
{
    isize column = task * PANEL;
    pack_panel((const real *)c->weight + column * c->filters, 1, c->filters, c->filters, MIN(c->channels - column, PANEL),
               (real *)c->packed + column * c->filters);
}

static isize masked_size(const crm_conv2d *c) { return c->relu ? SLICE * c->filters : 0; }

static isize scratch_size(const crm_conv2d *c) { return masked_size(c) + SLICE * (INPUTS + PANEL) + c->filters; }

/* The gradient through the ReLU. */
static const real *masked(const real *RESTRICT dy, const real *RESTRICT out, real *RESTRICT to, isize size)
{
    for (isize i = 0; i < size; i++)
        to[i] = out[i] > 0 ? dy[i] : (real)0;
    return to;
}

static void add_dbias(const crm_conv2d *c, pixels p, real *RESTRICT sum, real *RESTRICT dbias)
{
    memset(sum, 0, c->filters * sizeof(real));
    for (isize i = 0; i < p.count; i++)
        for (isize f = 0; f < c->filters; f++)
            sum[f] += p.dy[i * c->filters + f];
    for (isize f = 0; f < c->filters; f++)
        dbias[f] += sum[f];
}

static void add_dweight(const crm_conv2d *c, pixels p, real *x, real *panel, real *dweight)
{
    for (isize row = 0; row < c->channels; row += INPUTS) {
        isize rows = MIN(c->channels - row, INPUTS);
        for (isize i = 0; i < p.count; i++)
            memcpy(x + i * INPUTS, p.x + i * c->channels + row, rows * sizeof(real));
        for (isize column = 0; column < c->filters; column += PANEL) {
            isize width = MIN(c->filters - column, PANEL);
            pack_panel(p.dy + column, c->filters, 1, p.count, width, panel);
            operands o = {.x = x, .w = panel, .xm = 1, .xk = INPUTS, .wk = panel_width(width), .runs = 1, .length = p.count};
            target t = {.c = dweight + row * c->filters + column, .cm = c->filters, .width = width, .add = 1};
            tile_rows(&outer_tiles, o, t, rows);
        }
    }
}

static void fill_dx(const crm_conv2d *c, pixels p)
{
    for (isize column = 0; column < c->channels; column += PANEL) {
        target t = {.c = p.dx + column, .cm = c->channels, .width = MIN(c->channels - column, PANEL), .sm = c->channels};
        const real *panel = (const real *)c->packed + column * c->filters;
        for (isize k = 0; k < c->filters || k == 0; k += DEPTH) {
            operands o = {.x = p.dy + k,
                          .w = panel + k * panel_width(t.width),
                          .xm = c->filters,
                          .runs = 1,
                          .length = MIN(c->filters - k, DEPTH)};
            tile_rows(&row_tiles, o, t, p.count);
            t.start = t.c;
        }
    }
}

static void chunk(const crm_conv2d *c, isize number, void *scratch)
{
    real *dweight = (real *)c->partials + number * partial_size(c), *dbias = dweight + c->channels * c->filters;
    real *room = (real *)scratch, *x = room + masked_size(c), *panel = x + SLICE * INPUTS;
    isize size = c->height * c->width, end = MIN((number + 1) * c->chunk, c->images) * size;
    memset(dweight, 0, partial_size(c) * sizeof(real));
    for (isize first = number * c->chunk * size; first < end; first += SLICE) {
        const real *dy = (const real *)c->dy + first * c->filters, *out = (const real *)c->out + first * c->filters;
        pixels p = {(const real *)c->x + first * c->channels, dy, NULL, MIN(SLICE, end - first)};
        if (c->relu)
            p.dy = masked(dy, out, room, p.count * c->filters);
        add_dbias(c, p, panel + SLICE * PANEL, dbias);
        if (c->dweight)
            add_dweight(c, p, x, panel, dweight);
        if (c->dx) {
            p.dx = (real *)c->dx + first * c->channels;
            fill_dx(c, p);
        }
    }
}

const crm_conv2d_backward CRM(crm_conv2d_pointwise_table) = {packed_size, partial_size, scratch_size, pack_tasks,
                                                             pack,        chunk,        reduce_tasks, reduce};
