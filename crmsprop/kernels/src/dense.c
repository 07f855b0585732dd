/* Dense layers: out = x w + b, dx = dy w', dw = x' dy, db = sum of dy, all with the micro-kernel of tile.h.
 *
 * forward and dx are cut into blocks of ROWS_A_BLOCK samples x one panel of columns. A block packs its panel DEPTH
 * rows of w at a time (16 KB at AVX2 width, half of the smallest first-level cache) and takes all its samples over
 * them; packing costs a load and a store a vector where 48 samples cost 48 FMAs. dweight is cut into blocks of
 * INPUTS_A_BLOCK rows of the gradient; it reads both operands in place, sample after sample, so that one thread owns
 * each element and no partial sums exist. The grids depend on shapes only.
 */
#include "crm.h"
#include "dense.h"
#include "tile.h"

#define ROWS_A_BLOCK 48
#define INPUTS_A_BLOCK 48
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
        tile_rows(row_tiles, o, t, rows);
        t.start = t.c;
        t.sm = t.cm;
    }
}

static isize columns_blocks(isize columns, isize samples) { return CEIL_DIV(columns, PANEL) * CEIL_DIV(samples, ROWS_A_BLOCK); }

static isize forward_blocks(const crm_dense *d) { return columns_blocks(d->units, d->samples); }
static isize forward_scratch(const crm_dense *d) { return MIN(d->inputs, DEPTH) * PANEL; }

static void forward(const crm_dense *d, isize block, void *scratch)
{
    isize panels = CEIL_DIV(d->units, PANEL), column = block % panels * PANEL, row = block / panels * ROWS_A_BLOCK;
    target t = {.c = (real *)d->out + row * d->units + column,
                .cm = d->units,
                .width = MIN(d->units - column, PANEL),
                .start = d->bias ? (const real *)d->bias + column : NULL,
                .relu = d->relu};
    block_product((const real *)d->x + row * d->inputs, d->inputs, (const real *)d->weight + column, d->units, 1, t,
                  MIN(d->samples - row, ROWS_A_BLOCK), scratch);
}

static isize dx_blocks(const crm_dense *d) { return columns_blocks(d->inputs, d->samples); }
static isize dx_scratch(const crm_dense *d) { return MIN(d->units, DEPTH) * PANEL; }

static void dx(const crm_dense *d, isize block, void *scratch)
{
    isize panels = CEIL_DIV(d->inputs, PANEL), column = block % panels * PANEL, row = block / panels * ROWS_A_BLOCK;
    target t = {.c = (real *)d->dx + row * d->inputs + column, .cm = d->inputs, .width = MIN(d->inputs - column, PANEL)};
    block_product((const real *)d->dy + row * d->units, d->units, (const real *)d->weight + column * d->units, 1,
                  d->units, t, MIN(d->samples - row, ROWS_A_BLOCK), scratch);
}

/* The last, narrow panel of dy is copied to scratch with zeros behind it, so that no load leaves the array. */
static isize dweight_blocks(const crm_dense *d) { return MAX(1, CEIL_DIV(d->inputs, INPUTS_A_BLOCK)); }
static isize dweight_scratch(const crm_dense *d) { return d->samples * PANEL; }

static void dweight(const crm_dense *d, isize block, void *scratch)
{
    isize row = block * INPUTS_A_BLOCK, rows = MIN(d->inputs - row, INPUTS_A_BLOCK);
    const real *dy = (const real *)d->dy;
    for (isize column = 0; column < d->units; column += PANEL) {
        isize width = MIN(d->units - column, PANEL);
        operands o = {.x = (const real *)d->x + row, .w = dy + column, .xm = 1, .xk = d->inputs, .wk = d->units, .runs = 1,
                      .length = d->samples};
        if (width < panel_width(width)) {
            pack_panel(dy + column, d->units, 1, d->samples, width, scratch);
            o.w = scratch;
            o.wk = panel_width(width);
        }
        target t = {.c = (real *)d->dweight + row * d->units + column, .cm = d->units, .width = width};
        tile_rows(outer_tiles, o, t, rows);
    }
    if (block == 0 && d->dbias) {
        real *dbias = (real *)d->dbias;
        memset(dbias, 0, d->units * sizeof(real));
        for (isize i = 0; i < d->samples; i++)
            for (isize j = 0; j < d->units; j++)
                dbias[j] += dy[i * d->units + j];
    }
}

const crm_dense_kernels CRM(crm_dense_table) = {forward_blocks, forward_scratch, dx_blocks, dx_scratch,
                                                dweight_blocks, dweight_scratch, forward,   dx,        dweight};
