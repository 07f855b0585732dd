/* Dense layers: out = x w + b, dx = dy w', dw = x' dy, db = sum of dy, all with the micro-kernel of tile.h.
 *
 * forward and dx are cut into blocks of some samples x one panel of columns. A block packs its panel DEPTH rows of w at a
 * time (32 KB with AVX-512, 16 KB with AVX2) and takes all its samples over them: packing costs a load and a store a
 * vector, transposing in registers where w is read along its columns, against an FMA for each sample. dweight is cut into
 * blocks of up to INPUTS_A_BLOCK rows of the gradient, so that one thread owns each element and no partial sums exist. The
 * grids depend on shapes only.
 *
 * On a core of an AMD Zen 5 (249 GFLOP/s at 3.9 GHz) the three products of a layer of 512 x 256 run at 200 to 210 with 128
 * samples. Tried and lost: 12 rows a tile (the first-level cache feeds 6 as fast), 128 rows of w at a time, blocks of 30
 * rows of the gradient (each packs all of dy: 57 us against 52 for 100 x 256 and 200 samples).
 */
#include "crm.h"
#include "dense.h"
#include "dense_bias.h"
#include "dense_cut.h"
#include "tile.h"

#define ROWS_A_BLOCK 96  /* twice as many where eight panels or more give the threads enough to do */
#define INPUTS_A_BLOCK 66
#define DEPTH 256

/* One block of c = start + a b: `a` (samples x depth) read in place, b's element (k, j) at b[k * ks + j * js]. */
static void block_product(const real *a, isize depth, const real *b, isize ks, isize js, target t, isize rows, real *panel)
{
    int last_relu = t.relu;
    for (isize k = 0; k < depth || k == 0; k += DEPTH) {
        isize part = MIN(depth - k, DEPTH);
        pack_panel(b + k * ks, ks, js, part, t.width, panel);
        operands o = {.x = a + k, .w = panel, .xm = depth, .runs = 1, .length = part};
        t.relu = last_relu && k + part == depth;
        tile_rows(&row_tiles, o, t, rows);
        t.start = t.c;
        t.sm = t.cm;
    }
}

/* Samples a block: nearly equal shares, whole tiles; an even number of them, for an even number of threads. */
static isize rows_a_block(isize columns, isize samples)
{
    isize most = columns >= 8 * PANEL ? 2 * ROWS_A_BLOCK : ROWS_A_BLOCK;
    isize blocks = samples > most ? 2 * CEIL_DIV(samples, 2 * most) : 1;
    return CEIL_DIV(CEIL_DIV(samples, blocks), TILE_ROWS) * TILE_ROWS;
}

static isize columns_blocks(isize columns, isize samples)
{
    return samples ? CEIL_DIV(columns, PANEL) * CEIL_DIV(samples, rows_a_block(columns, samples)) : 0;
}

/* ---- a single sample: w is read once, in place, for as many columns at a time as there are registers for */

#define ROW_VECS 8

ALWAYS_INLINE void row_product(int vecs, const real *x, isize depth, const real *w, isize row, const target *t)
{
    vec acc[ROW_VECS];
    UNROLL
    for (int v = 0; v < vecs; v++)
        acc[v] = t->start ? load(t->start + v * LANES) : (vec){0};
    for (isize k = 0; k < depth; k++) {
        UNROLL
        for (int v = 0; v < vecs; v++)
            acc[v] += x[k] * load(w + k * row + v * LANES);
    }
    UNROLL
    for (int v = 0; v < vecs; v++)
        store(t->c + v * LANES, t->relu ? relu_vec(acc[v]) : acc[v]);
}

#define ROW_PRODUCT(vecs)                                                                                              \
    static void row_product_##vecs(const real *x, isize depth, const real *w, isize row, const target *t)              \
    {                                                                                                                  \
        row_product(vecs, x, depth, w, row, t);                                                                        \
    }
ROW_PRODUCT(1) ROW_PRODUCT(2) ROW_PRODUCT(3) ROW_PRODUCT(4) ROW_PRODUCT(5) ROW_PRODUCT(6) ROW_PRODUCT(7) ROW_PRODUCT(8)
static void (*const row_products[ROW_VECS])(const real *, isize, const real *, isize, const target *) = {
    row_product_1, row_product_2, row_product_3, row_product_4, row_product_5, row_product_6, row_product_7, row_product_8};

static target row_target(const crm_dense *d, isize column, isize width)
{
    return (target){.c = (real *)d->out + column,
                    .cm = d->units,
                    .width = width,
                    .start = d->bias ? (const real *)d->bias + column : NULL,
                    .relu = d->relu};
}

/* The columns past the last whole vector go the way of several samples: the same sums in the same order. */
static void forward_row(const crm_dense *d, isize block, void *scratch)
{
    isize column = block * ROW_VECS * LANES, width = MIN(d->units - column, ROW_VECS * LANES), whole = width / LANES;
    const real *x = (const real *)d->x, *w = (const real *)d->weight + column;
    target t = row_target(d, column, whole * LANES);
    if (whole)
        row_products[whole - 1](x, d->inputs, w, d->units, &t);
    if (width > t.width)
        block_product(x, d->inputs, w + t.width, d->units, 1, row_target(d, column + t.width, width - t.width), 1, scratch);
}

/* ---- forward */

static isize forward_blocks(const crm_dense *d)
{
    return d->samples == 1 ? CEIL_DIV(d->units, ROW_VECS * LANES) : columns_blocks(d->units, d->samples);
}
static isize forward_scratch(const crm_dense *d) { return MIN(d->inputs, DEPTH) * PANEL; }

static void forward(const crm_dense *d, isize block, void *scratch)
{
    if (d->samples == 1) {
        forward_row(d, block, scratch);
        return;
    }
    isize panels = CEIL_DIV(d->units, PANEL), share = rows_a_block(d->units, d->samples);
    isize column = block % panels * PANEL, row = block / panels * share;
    target t = {.c = (real *)d->out + row * d->units + column,
                .cm = d->units,
                .width = MIN(d->units - column, PANEL),
                .start = d->bias ? (const real *)d->bias + column : NULL,
                .relu = d->relu};
    block_product((const real *)d->x + row * d->inputs, d->inputs, (const real *)d->weight + column, d->units, 1, t,
                  MIN(d->samples - row, share), scratch);
}

/* ---- gradients */

static isize dx_blocks(const crm_dense *d) { return columns_blocks(d->inputs, d->samples); }
static isize dx_scratch(const crm_dense *d) { return MIN(d->units, DEPTH) * PANEL; }

static void dx(const crm_dense *d, isize block, void *scratch)
{
    isize panels = CEIL_DIV(d->inputs, PANEL), share = rows_a_block(d->inputs, d->samples);
    isize column = block % panels * PANEL, row = block / panels * share;
    isize rows = MIN(d->samples - row, share);
    target t = {.c = (real *)d->dx + row * d->inputs + column, .cm = d->inputs, .width = MIN(d->inputs - column, PANEL)};
    block_product((const real *)d->dy + row * d->units, d->units, (const real *)d->weight + column * d->units, 1,
                  d->units, t, rows, scratch);
    cut_dx(d, row, rows, column, t.width);
}

/* Nearly equal shares, whole tiles, an even number of them for an even number of threads. */
static isize inputs_a_block(const crm_dense *d)
{
    isize blocks = 2 * CEIL_DIV(d->inputs, 2 * INPUTS_A_BLOCK);
    return MAX(1, CEIL_DIV(CEIL_DIV(d->inputs, MAX(1, blocks)), TILE_ROWS)) * TILE_ROWS;
}

/* Both operands are copied to scratch first: rows of a matrix that lie a multiple of 4 KB apart meet in the same cache
 * sets, and the last panel of dy gets zeros behind it, so that no load leaves the array. */
static isize dweight_blocks(const crm_dense *d) { return MAX(1, CEIL_DIV(d->inputs, inputs_a_block(d))); }
static isize dweight_scratch(const crm_dense *d) { return MIN(d->samples, DEPTH) * (PANEL + INPUTS_A_BLOCK); }

static void copy_rows(const real *from, isize row, isize rows, isize width, real *to, isize full)
{
    for (isize i = 0; i < rows; i++)
        memcpy(to + i * full, from + i * row, width * sizeof(real));
}

/* One block of the gradient from samples [first, first + samples), added to what is there unless they are the first. */
static void dweight_part(const crm_dense *d, isize block, isize first, isize samples, real *x)
{
    isize row = block * inputs_a_block(d), rows = MIN(d->inputs - row, inputs_a_block(d));
    real *panel = x + samples * INPUTS_A_BLOCK;
    copy_rows((const real *)d->x + first * d->inputs + row, d->inputs, samples, rows, x, INPUTS_A_BLOCK);
    for (isize column = 0; column < d->units; column += PANEL) {
        isize width = MIN(d->units - column, PANEL), full = panel_width(width);
        pack_panel((const real *)d->dy + first * d->units + column, d->units, 1, samples, width, panel);
        operands o = {.x = x, .w = panel, .xm = 1, .xk = INPUTS_A_BLOCK, .wk = full, .runs = 1, .length = samples};
        target t = {.c = (real *)d->dweight + row * d->units + column, .cm = d->units, .width = width, .add = first > 0};
        tile_rows(&outer_tiles, o, t, rows);
    }
}

static void dweight(const crm_dense *d, isize block, void *scratch)
{
    for (isize first = 0; first < d->samples || first == 0; first += DEPTH)
        dweight_part(d, block, first, MIN(d->samples - first, DEPTH), scratch);
    dbias_share(d, block, dweight_blocks(d));
}

const crm_dense_kernels CRM(crm_dense_table) = {{forward_blocks, forward_scratch, forward},
                                                {dx_blocks, dx_scratch, dx},
                                                {dweight_blocks, dweight_scratch, dweight}};
