/* Dense layers: out = x w + b, dx = dy w', dw = x' dy, db = sum of dy, all with the micro-kernel of tile.h.
 *
 * forward and dx are cut into blocks of some samples x one panel of columns. A block packs its panel DEPTH rows of w at a
 * time (32 KB with AVX-512, 16 KB with AVX2) and takes all its samples over them: packing costs a load and a store a
 * vector, transposing in registers where w is read along its columns, against an FMA for each sample. dweight is cut into
 * blocks of up to INPUTS_A_BLOCK rows of the gradient, or, where twice as many are all, into two halves of its columns (of
 * 100 rows one thread had nine tiles a panel, the other eight: 30.1 us for 100 x 256 and 200 samples, now 27.6). So one
 * thread owns each element and no partial sums exist. The grids depend on shapes only.
 *
 * On a core of an AMD Zen 5 (249 GFLOP/s at 3.9 GHz) the three products of a layer of 512 x 256 run at 200 to 210 with 128
 * samples. Tried and lost: 12 rows a tile (the first-level cache feeds 6 as fast), 128 rows of w at a time, blocks of 30
 * rows of the gradient (each packs all of dy: 57 us against 52 for 100 x 256 and 200 samples).
 */
#include "crm.h"
#include "dense.h"
#include "dense_bias.h"
#include "dense_cut.h"
#include "dense_tiles.h"

#define ROWS_A_BLOCK 96  /* twice as many where eight panels or more give the threads enough to do */
#define INPUTS_A_BLOCK 66

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
        block_product(x, d->inputs, d->inputs, w + t.width, d->units, 1, row_target(d, column + t.width, width - t.width),
                      1, scratch);
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
    block_product((const real *)d->x + row * d->inputs, d->inputs, d->inputs, (const real *)d->weight + column, d->units,
                  1, t, MIN(d->samples - row, share), scratch);
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
    block_product((const real *)d->dy + row * d->units, d->units, d->units, (const real *)d->weight + column * d->units,
                  1, d->units, t, rows, scratch);
    cut_dx(d, row, rows, column, t.width);
}

/* Few rows and an even number of panels: two halves of the panels, whose tiles are equally many. */
static int dweight_by_columns(const crm_dense *d)
{
    return d->inputs <= 2 * INPUTS_A_BLOCK && CEIL_DIV(d->units, PANEL) % 2 == 0;
}

/* Nearly equal shares, whole tiles, an even number of them for an even number of threads. */
static isize inputs_a_block(const crm_dense *d)
{
    isize blocks = 2 * CEIL_DIV(d->inputs, 2 * INPUTS_A_BLOCK);
    return MAX(1, CEIL_DIV(CEIL_DIV(d->inputs, MAX(1, blocks)), TILE_ROWS)) * TILE_ROWS;
}

static isize dweight_blocks(const crm_dense *d)
{
    return dweight_by_columns(d) ? 2 : MAX(1, CEIL_DIV(d->inputs, inputs_a_block(d)));
}

static outer_block dweight_block(const crm_dense *d, isize block)
{
    isize row = block * inputs_a_block(d), half = CEIL_DIV(d->units, 2 * PANEL) * PANEL;
    if (dweight_by_columns(d))
        return (outer_block){0, d->inputs, block * half, MIN(d->units - block * half, half)};
    return (outer_block){row, MIN(d->inputs - row, inputs_a_block(d)), 0, d->units};
}

static isize copied_inputs(const crm_dense *d) { return dweight_by_columns(d) ? 2 * INPUTS_A_BLOCK : INPUTS_A_BLOCK; }
static isize dweight_scratch(const crm_dense *d) { return outer_scratch(d, copied_inputs(d)); }

static void dweight(const crm_dense *d, isize block, void *scratch)
{
    outer_product(d, dweight_block(d, block), copied_inputs(d), scratch);
    dbias_share(d, block, dweight_blocks(d));
}

const crm_dense_kernels CRM(crm_dense_table) = {{forward_blocks, forward_scratch, forward},
                                                {dx_blocks, dx_scratch, dx},
                                                {dweight_blocks, dweight_scratch, dweight}};
