/* A block of a dense layer's products by the tiles of tile.h: what dense.c cuts everything into, and dense_sparse.c what
 * has too few zeros to skip.
 */
#ifndef CRM_DENSE_TILES_H
#define CRM_DENSE_TILES_H

#include "crm.h"
#include "dense.h"
#include "tile.h"

#define DEPTH 256 /* rows of a panel of w, or samples of one of dy */

/* One block of c = start + a b: `a` (samples x depth) read in place, its rows `row` apart, b's element (k, j) at
 * b[k * ks + j * js]. */
static void block_product(const real *a, isize row, isize depth, const real *b, isize ks, isize js, target t,
                          isize rows, real *panel)
{
    int last_relu = t.relu;
    for (isize k = 0; k < depth || k == 0; k += DEPTH) {
        isize part = MIN(depth - k, DEPTH);
        pack_panel(b + k * ks, ks, js, part, t.width, panel);
        operands o = {.x = a + k, .w = panel, .xm = row, .runs = 1, .length = part};
        t.relu = last_relu && k + part == depth;
        tile_rows(&row_tiles, o, t, rows);
        t.start = t.c;
        t.sm = t.cm;
    }
}

/* ---- dweight */

/* A block of it: rows [row, row + rows), columns [column, column + columns). */
typedef struct {
    isize row, rows, column, columns;
} outer_block;

static inline isize outer_scratch(const crm_dense *d, isize stride) { return MIN(d->samples, DEPTH) * (PANEL + stride); }

static void copy_rows(const real *from, isize row, isize rows, isize width, real *to, isize full)
{
    for (isize i = 0; i < rows; i++)
        memcpy(to + i * full, from + i * row, width * sizeof(real));
}

/* Samples [first, first + samples) of a block: the sums go on from what is there, unless they are the first. */
static void outer_part(const crm_dense *d, outer_block b, isize first, isize samples, isize stride, real *x)
{
    real *panel = x + samples * stride;
    copy_rows((const real *)d->x + first * d->inputs + b.row, d->inputs, samples, b.rows, x, stride);
    for (isize column = b.column; column < b.column + b.columns; column += PANEL) {
        isize width = MIN(b.column + b.columns - column, PANEL), full = panel_width(width);
        pack_panel((const real *)d->dy + first * d->units + column, d->units, 1, samples, width, panel);
        operands o = {.x = x, .w = panel, .xm = 1, .xk = stride, .wk = full, .runs = 1, .length = samples};
        target t = {.c = (real *)d->dweight + b.row * d->units + column, .cm = d->units, .width = width};
        t.start = first ? t.c : NULL;
        t.sm = t.cm;
        tile_rows(&outer_tiles, o, t, b.rows);
    }
}

/* Both operands are copied to scratch first, rows of x `stride` apart: rows of a matrix that lie a multiple of 4 KB apart
 * meet in the same cache sets, and the last panel of dy gets zeros behind it, so that no load leaves the array. */
static void outer_product(const crm_dense *d, outer_block b, isize stride, real *scratch)
{
    for (isize first = 0; first < d->samples || first == 0; first += DEPTH)
        outer_part(d, b, first, MIN(d->samples - first, DEPTH), stride, scratch);
}

#endif
