/* The one micro-kernel: a tile of rows x columns of a product, held in registers while k runs.
 *
 *     c[i][j] = start + sum over runs r and k of  x[r * xr + i * xm + k * xk] * w[r * wr + k * wk + j]
 *
 * Its left operand is indirect: k runs over `runs` stretches of `length` elements, which is how a convolution reads
 * an image in place (one run a kernel row) and how a dense layer reads a matrix (one run). Two families:
 *
 *   row_tile     xk = 1, w packed in panels of V vectors: convolution forward, gradients to an input, dense layers.
 *   outer_tile   xm = 1, both operands read in place along k: gradients to weights (k counts pixels or samples).
 *
 * A tile is 6 rows x 2 vectors, or 12 rows x 1: 12 accumulators hide the latency of an FMA (4 to 5 cycles, two a cycle)
 * and with two vectors of w and one spread x fill the 16 registers of AVX2; AVX-512 uses the same shape, wider.
 * Each accumulator sums in the order of k whatever the tile's size, so a row's bits do not depend on its neighbours.
 */
#ifndef CRM_TILE_H
#define CRM_TILE_H

#include "crm.h"

#define TILE_ROWS 6
#define NARROW_ROWS (2 * TILE_ROWS) /* of a tile of one vector */
#define PANEL (2 * LANES) /* columns of a full panel */

typedef struct {
    const real *x, *w;
    isize xr, xm, xk, wr, wk, runs, length;
} operands;

/* Where a tile goes: c[i * cm + j] for j < width. `start` (row stride `sm`) is what the sums start from, NULL for 0. */
typedef struct {
    real *c;
    isize cm, width;
    const real *start;
    isize sm;
    int relu, add; /* max(c, 0) at the end; add to what c holds */
} target;

/* Narrow targets (fewer columns than the tile's): no byte past a row is touched. */
static void begin_narrow(int rows, int vecs, const target *t, vec acc[NARROW_ROWS][2])
{
    for (int i = 0; i < rows; i++) {
        for (int v = 0; v < vecs; v++)
            acc[i][v] = t->start ? load_some(t->start + i * t->sm + v * LANES, t->width - v * LANES) : (vec){0};
    }
}

ALWAYS_INLINE void begin_tile(int rows, int vecs, const target *t, vec acc[NARROW_ROWS][2])
{
    if (t->width < vecs * LANES) {
        begin_narrow(rows, vecs, t, acc);
        return;
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < vecs; v++)
            acc[i][v] = t->start ? load(t->start + i * t->sm + v * LANES) : (vec){0};
    }
}

ALWAYS_INLINE void run_tile(int rows, int vecs, const operands *o, isize xm, isize xk, isize wk, vec acc[NARROW_ROWS][2])
{
    for (isize r = 0; r < o->runs; r++) {
        const real *x = o->x + r * o->xr, *w = o->w + r * o->wr;
        for (isize k = 0; k < o->length; k++, x += xk, w += wk) {
            vec w0 = load(w), w1 = vecs > 1 ? load(w + LANES) : w0;
            UNROLL
            for (int i = 0; i < rows; i++) {
                acc[i][0] += x[i * xm] * w0;
                if (vecs > 1)
                    acc[i][1] += x[i * xm] * w1;
            }
        }
    }
}

static void end_narrow(int rows, int vecs, const target *t, vec acc[NARROW_ROWS][2])
{
    for (int i = 0; i < rows; i++) {
        for (int v = 0; v < vecs; v++) {
            real *c = t->c + i * t->cm + v * LANES;
            isize count = t->width - v * LANES;
            vec sum = acc[i][v];
            if (t->add)
                sum = load_some(c, count) + sum;
            store_some(c, t->relu ? relu_vec(sum) : sum, count);
        }
    }
}

ALWAYS_INLINE void end_tile(int rows, int vecs, const target *t, vec acc[NARROW_ROWS][2])
{
    if (t->width < vecs * LANES) {
        end_narrow(rows, vecs, t, acc);
        return;
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < vecs; v++) {
            real *c = t->c + i * t->cm + v * LANES;
            vec sum = acc[i][v];
            if (t->add)
                sum = load(c) + sum;
            store(c, t->relu ? relu_vec(sum) : sum);
        }
    }
}

#define ROW_TILE(rows, vecs)                                                                                           \
    static void row_tile_##rows##vecs(const operands *o, const target *t)                                              \
    {                                                                                                                  \
        vec acc[NARROW_ROWS][2];                                                                                         \
        begin_tile(rows, vecs, t, acc);                                                                                \
        run_tile(rows, vecs, o, o->xm, 1, vecs *LANES, acc);                                                           \
        end_tile(rows, vecs, t, acc);                                                                                  \
    }
#define OUTER_TILE(rows, vecs)                                                                                         \
    static void outer_tile_##rows##vecs(const operands *o, const target *t)                                            \
    {                                                                                                                  \
        vec acc[NARROW_ROWS][2];                                                                                         \
        begin_tile(rows, vecs, t, acc);                                                                                \
        run_tile(rows, vecs, o, 1, o->xk, o->wk, acc);                                                                 \
        end_tile(rows, vecs, t, acc);                                                                                  \
    }
#define ALL_TILES(TILE)                                                                                                \
    TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1)                                                  \
    TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1) TILE(11, 1) TILE(12, 1)                                               \
    TILE(1, 2) TILE(2, 2) TILE(3, 2) TILE(4, 2) TILE(5, 2) TILE(6, 2)
ALL_TILES(ROW_TILE)
ALL_TILES(OUTER_TILE)

typedef void (*tile_function)(const operands *, const target *);
typedef struct {
    tile_function narrow[NARROW_ROWS], wide[TILE_ROWS]; /* by the number of rows */
} tile_family;
#define TILE_FAMILY(kind)                                                                                              \
    {                                                                                                                  \
        {kind##_11, kind##_21, kind##_31, kind##_41, kind##_51, kind##_61, kind##_71, kind##_81, kind##_91,            \
         kind##_101, kind##_111, kind##_121},                                                                          \
        {kind##_12, kind##_22, kind##_32, kind##_42, kind##_52, kind##_62},                                            \
    }
static const tile_family row_tiles = TILE_FAMILY(row_tile);
static const tile_family outer_tiles = TILE_FAMILY(outer_tile);

/* Rows [0, rows) of a product, tile by tile: x and c move on by a row's stride, w stays. Tiles are as even as can be, 9 rows
 * 5 and 4: fewer than 4 wait for their sums. */
ALWAYS_INLINE void tile_rows(const tile_family *tiles, operands o, target t, isize rows)
{
    const int narrow = t.width <= LANES;
    const tile_function *of_rows = narrow ? tiles->narrow : tiles->wide;
    const isize most = narrow ? NARROW_ROWS : TILE_ROWS, count = CEIL_DIV(rows, most), step = CEIL_DIV(rows, MAX(count, 1));
    for (isize i = 0; i < rows; i += step) {
        of_rows[MIN(rows - i, step) - 1](&o, &t);
        o.x += step * o.xm;
        t.c += step * t.cm;
        if (t.start)
            t.start += step * t.sm;
    }
}

/* ---- packing: columns [column, column + width) of w[k * ks + j * js] as k rows of one panel, zeros past the width */

ALWAYS_INLINE isize panel_width(isize width) { return width <= LANES ? LANES : PANEL; }

#if defined(__GNUC__) && !defined(__clang__)
/* Rows become columns in log2(LANES) rounds: round d swaps the lanes with bit d set of row i with those without of row i + d. */
ALWAYS_INLINE void transpose(vec rows[LANES])
{
    lanes low, high, lane_number;
    for (int j = 0; j < LANES; j++)
        lane_number[j] = j;
    UNROLL_LANES
    for (int d = 1; d < LANES; d *= 2) {
        lanes odd = (lane_number & d) != 0;
        low = (~odd & lane_number) | (odd & (lane_number - d + LANES));
        high = (~odd & (lane_number + d)) | (odd & (lane_number + LANES));
        UNROLL_LANES
        for (int i = 0; i < LANES; i++)
            if (!(i & d)) {
                vec a = rows[i], b = rows[i + d];
                rows[i] = __builtin_shuffle(a, b, low);
                rows[i + d] = __builtin_shuffle(a, b, high);
            }
    }
}

/* LANES rows of w, LANES elements each, as the columns of a panel. */
NOINLINE void pack_square(const real *w, isize row, real *panel, isize full)
{
    vec rows[LANES];
    UNROLL_LANES
    for (int j = 0; j < LANES; j++)
        rows[j] = load(w + j * row);
    transpose(rows);
    UNROLL_LANES
    for (int k = 0; k < LANES; k++)
        store(panel + k * full, rows[k]);
}

/* The same of `count` elements of each row. */
NOINLINE void pack_part(const real *w, isize row, isize count, real *panel, isize full)
{
    vec rows[LANES];
    UNROLL_LANES
    for (int j = 0; j < LANES; j++)
        rows[j] = load_some(w + j * row, count);
    transpose(rows);
    for (isize k = 0; k < count; k++)
        store(panel + k * full, rows[k]);
}
#else
static inline void pack_square(const real *w, isize row, real *panel, isize full)
{
    for (isize j = 0; j < LANES; j++)
        for (isize k = 0; k < LANES; k++)
            panel[k * full + j] = w[j * row + k];
}

static inline void pack_part(const real *w, isize row, isize count, real *panel, isize full)
{
    for (isize j = 0; j < LANES; j++)
        for (isize k = 0; k < count; k++)
            panel[k * full + j] = w[j * row + k];
}
#endif

static inline void pack_rows(const real *w, isize ks, isize js, isize rows, isize width, real *panel, isize full)
{
    for (isize k = 0; k < rows; k++)
        for (isize j = 0; j < width; j++)
            panel[k * full + j] = w[k * ks + j * js];
}

/* w is read along its rows (js = 1), as it is multiplied, or along its columns (ks = 1), transposed. */
static inline void pack_panel(const real *w, isize ks, isize js, isize rows, isize width, real *panel)
{
    isize full = panel_width(width), squares = rows / LANES * LANES, whole = width / LANES * LANES;
    if (js == 1 && width == PANEL) {
        for (isize k = 0; k < rows; k++)
            for (isize j = 0; j < PANEL; j += LANES)
                store(panel + k * PANEL + j, load(w + k * ks + j));
        return;
    }
    if (js == 1) {
        for (isize k = 0; k < rows; k++)
            for (isize j = 0; j < full; j += LANES)
                store(panel + k * full + j, load_some(w + k * ks + j, width - j));
        return;
    }
    for (isize k = 0; width < full && k < rows; k++)
        memset(panel + k * full + width, 0, (full - width) * sizeof(real));
    for (isize k = 0; k < squares; k += LANES)
        for (isize j = 0; j < whole; j += LANES)
            pack_square(w + k + j * js, js, panel + k * full + j, full);
    for (isize j = 0; squares < rows && j < whole; j += LANES)
        pack_part(w + squares + j * js, js, rows - squares, panel + squares * full + j, full);
    pack_rows(w + whole * js, ks, js, rows, width - whole, panel + whole, full);
}

#endif
