/* Dense products whose left operand is full of exact zeros: what lies behind a ReLU, and gradients that come through one.
 *
 * One row of the product at a time, up to 8 vectors of it in registers, runs over the list of what is not 0 in its row of
 * the left operand. A multiply-add takes a load of its own, where a tile of tile.h has three for a load; in return those
 * with 0 fall away. The other operand goes in panels of 8 vectors x LISTED rows (32 KB), which stay in the first-level
 * cache, or is read in place where its rows are such a panel. Lists are of bytes, made eight elements a step by a table
 * that takes the bits of what is not 0 to their numbers, for all rows of a block before the first is summed: made row by
 * row they waited for each row's multiply-adds (87 ns a row of 64 x 128 against 58, half of it zeros).
 *
 * The sums run in order of k and their blocks depend on shapes only. A zero that is skipped changes no bit where what it
 * meets is finite, but for the sign of a 0; NaN is listed.
 *
 * On a core of an AMD Zen 5 (249 GFLOP/s at 3.9 GHz, two loads a cycle) the loop makes 165 GFLOP/s of what it multiplies.
 * A layer of 256 x 128 and 200 samples, half of them zeros, in us, against the tiles: forward 51 against 61, dx 53 against
 * 60, dweight 55 against 67; without any zero they lose a half. So a block of a gradient counts first (2 us of them all),
 * and where more than MOST_FULL of its left operand is not 0 it goes through the tiles: in MLPs without dropout 45 to 75 %
 * is, on CIFAR-10 6 to 26 %.
 *
 * Tried and lost: dweight over lists of dy, turned back at the end (58 against 52 for 100 x 256), panels of 72 rows (2 %
 * slower), 16 vectors x 32 rows (no faster), a call a row (15 ns a row), tiles over the panel of the lists (70 to 75 us).
 */
#include "crm.h"
#include "dense.h"

#if defined(__GNUC__) && defined(__AVX2__)
#include <immintrin.h>

#include "dense_bias.h"
#include "dense_cut.h"
#include "dense_tiles.h"

#define MAX_VECS 8
#define STRIDE (MAX_VECS * LANES) /* reals from a row of a panel to the next */
#define PANEL_BYTES 32768
#define LISTED (PANEL_BYTES / (MAX_VECS * CRM_VEC_BYTES)) /* rows of a panel; the number of one fits into a byte */
#define ROWS_A_BLOCK 64
#define DX_ROWS 128   /* more than ROWS_A_BLOCK: w is turned for each block */
#define FEW_ROWS 8     /* so few rows do not pay for a packed panel */
#define MOST_FULL 0.6 /* what may be other than 0 for lists to win */

/* ---- lists: the numbers of a row's elements that are not 0, eight elements a step; NaN is not 0 */

/* Entry m: the numbers of the bits set in m, in order, a byte each. */
#define NUMBER(m, bit) ((uint64_t)((m) >> (bit) & 1) * (bit) << 8 * __builtin_popcount((m) & ((1 << (bit)) - 1)))
#define ENTRY(m) (NUMBER(m, 1) | NUMBER(m, 2) | NUMBER(m, 3) | NUMBER(m, 4) | NUMBER(m, 5) | NUMBER(m, 6) | NUMBER(m, 7))
#define ENTRIES4(m) ENTRY(m), ENTRY((m) + 1), ENTRY((m) + 2), ENTRY((m) + 3)
#define ENTRIES16(m) ENTRIES4(m), ENTRIES4((m) + 4), ENTRIES4((m) + 8), ENTRIES4((m) + 12)
#define ENTRIES64(m) ENTRIES16(m), ENTRIES16((m) + 16), ENTRIES16((m) + 32), ENTRIES16((m) + 48)
static const uint64_t numbers[256] = {ENTRIES64(0), ENTRIES64(64), ENTRIES64(128), ENTRIES64(192)};

ALWAYS_INLINE int bits_of_eight(const real *a)
{
    if (sizeof(real) == 4)
        return _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps((const float *)a), _mm256_setzero_ps(), _CMP_NEQ_UQ));
    __m256d low = _mm256_loadu_pd((const double *)a), high = _mm256_loadu_pd((const double *)a + 4);
    return _mm256_movemask_pd(_mm256_cmp_pd(low, _mm256_setzero_pd(), _CMP_NEQ_UQ)) |
           _mm256_movemask_pd(_mm256_cmp_pd(high, _mm256_setzero_pd(), _CMP_NEQ_UQ)) << 4;
}

/* `list` has room for eight more than there are elements. */
ALWAYS_INLINE isize list_row(const real *a, isize length, uint8_t *list)
{
    isize count = 0, k = 0;
    for (; k + 8 <= length; k += 8) {
        int bits = bits_of_eight(a + k);
        uint64_t eight = numbers[bits] + (uint64_t)k * 0x0101010101010101u;
        memcpy(list + count, &eight, 8);
        count += __builtin_popcount((unsigned)bits);
    }
    for (; k < length; k++) {
        list[count] = (uint8_t)k;
        count += a[k] != 0;
    }
    return count;
}

/* ---- the loop: rows of `to`, as wide as a panel at most, = start + the sum over a row's list of a[k] * row k of the panel */

typedef struct {
    const real *a;
    isize row, rows; /* reals from a row to the next */
    real *to;
    isize to_row, width;
    const real *start; /* NULL for 0 */
    isize start_row;
    int relu;
} stripe;

/* Rows of b, `stride` reals apart: packed, or in place if they are whole vectors and lie together or are read once. */
typedef struct {
    const real *rows;
    isize stride;
} panel;

typedef struct {
    uint8_t numbers[DX_ROWS][LISTED + 8];
    isize counts[DX_ROWS];
} row_lists;

ALWAYS_INLINE void sum_row(const real *a, const uint8_t *list, isize count, panel p, const real *start, real *to, int vecs,
                           isize last, int relu)
{
    vec acc[MAX_VECS];
    UNROLL
    for (int v = 0; v < vecs; v++)
        acc[v] = (vec){0};
    if (start) {
        UNROLL
        for (int v = 0; v < vecs - 1; v++)
            acc[v] = load(start + v * LANES);
        acc[vecs - 1] = load_some(start + (vecs - 1) * LANES, last);
    }
    for (isize k = 0; k < count; k++) {
        isize number = list[k];
        const real *row = p.rows + number * p.stride;
        UNROLL
        for (int v = 0; v < vecs; v++)
            acc[v] += a[number] * load(row + v * LANES);
    }
    if (relu) {
        UNROLL
        for (int v = 0; v < vecs; v++)
            acc[v] = relu_vec(acc[v]);
    }
    UNROLL
    for (int v = 0; v < vecs - 1; v++)
        store(to + v * LANES, acc[v]);
    store_some(to + (vecs - 1) * LANES, acc[vecs - 1], last);
}

#define SUM_ROWS(vecs)                                                                                                 \
    static void sum_rows_##vecs(const stripe *t, const row_lists *l, panel p)                                          \
    {                                                                                                                  \
        const isize rows = t->rows, last = t->width - (vecs - 1) * LANES;                                              \
        const int relu = t->relu;                                                                                      \
        const real *a = t->a, *start = t->start;                                                                       \
        real *to = t->to;                                                                                              \
        for (isize i = 0; i < rows; i++, a += t->row, to += t->to_row, start = start ? start + t->start_row : NULL)    \
            sum_row(a, l->numbers[i], l->counts[i], p, start, to, vecs, last, relu);                                   \
    }
SUM_ROWS(1) SUM_ROWS(2) SUM_ROWS(3) SUM_ROWS(4) SUM_ROWS(5) SUM_ROWS(6) SUM_ROWS(7) SUM_ROWS(8)
static void (*const sum_rows[MAX_VECS])(const stripe *, const row_lists *, panel) = {
    sum_rows_1, sum_rows_2, sum_rows_3, sum_rows_4, sum_rows_5, sum_rows_6, sum_rows_7, sum_rows_8};

static void sum_stripe(const stripe *t, panel p, isize depth)
{
    row_lists lists;
    for (isize i = 0; i < t->rows; i++)
        lists.counts[i] = list_row(t->a + i * t->row, depth, lists.numbers[i]);
    sum_rows[CEIL_DIV(t->width, LANES) - 1](t, &lists, p);
}

/* Columns of w[k * ks + j * js] as rows of a panel, zeros to a whole vector. */
static void pack(const real *w, isize ks, isize js, isize rows, isize width, real *to)
{
    isize whole = width / LANES * LANES, squares = rows / LANES * LANES;
    if (js == 1) {
        for (isize k = 0; k < rows; k++)
            for (isize j = 0; j < width; j += LANES)
                store(to + k * STRIDE + j, load_some(w + k * ks + j, width - j));
        return;
    }
    for (isize k = 0; whole < width && k < rows; k++)
        memset(to + k * STRIDE + whole, 0, LANES * sizeof(real));
    for (isize k = 0; k < squares; k += LANES)
        for (isize j = 0; j < whole; j += LANES)
            pack_square(w + k + j * js, js, to + k * STRIDE + j, STRIDE);
    pack_rows(w + whole * js, ks, js, squares, width - whole, to + whole, STRIDE);
    pack_rows(w + squares * ks, ks, js, rows - squares, width, to + squares * STRIDE, STRIDE);
}

static panel panel_of(const real *w, isize ks, isize js, isize rows, isize width, int once, real *scratch)
{
    if (js == 1 && (width == ks || once) && width % LANES == 0)
        return (panel){w, ks};
    pack(w, ks, js, rows, width, scratch);
    return (panel){scratch, STRIDE};
}

/* ---- the grids: nearly equal shares */

static isize depth_share(isize depth) { return depth ? CEIL_DIV(depth, CEIL_DIV(depth, LISTED)) : 1; }
static isize row_blocks(isize rows) { return CEIL_DIV(rows, ROWS_A_BLOCK); }
static isize share_of(isize size, isize parts, isize unit) { return CEIL_DIV(CEIL_DIV(size, parts), unit) * unit; }
static isize panels_of(isize columns) { return CEIL_DIV(columns, STRIDE); }
static isize panel_columns(isize columns) { return share_of(columns, panels_of(columns), LANES); }
_Static_assert(DEPTH * 2 * CRM_VEC_BYTES <= PANEL_BYTES, "a panel of the tiles fits where one of the lists does");
static isize panel_scratch(const crm_dense *d)
{
    (void)d;
    return LISTED * STRIDE;
}

/* rows of `to` = start + a b, where a (rows x depth) is listed and b's element (k, j) is b[k * ks + j * js]. */
static void product(stripe t, const real *b, isize depth, isize ks, isize js, real *scratch)
{
    int last_relu = t.relu;
    isize share = depth_share(depth);
    for (isize k = 0; k < depth || k == 0; k += share) {
        isize part = MIN(depth - k, share);
        t.relu = last_relu && k + part == depth;
        sum_stripe(&t, panel_of(b + k * ks, ks, js, part, t.width, t.rows < FEW_ROWS, scratch), part);
        t.a += part;
        t.start = t.to;
        t.start_row = t.to_row;
    }
}

/* Whether a block of the left operand, rows `row` apart, has too few zeros for lists: tiles make the same sums faster.
 * Never asked by forward, where the sign of a 0 in a row must not depend on the rows beside it. */
static int too_full(const real *a, isize row, isize rows, isize columns)
{
    lanes counts = {0};
    isize full = 0;
    if (rows < FEW_ROWS)
        return 0;
    for (isize i = 0; i < rows; i++)
        for (isize j = 0; j < columns; j += LANES)
            counts -= (lanes)(load_some(a + i * row + j, columns - j) != (vec){0});
    for (int j = 0; j < LANES; j++)
        full += counts[j];
    return (double)full > MOST_FULL * (double)(rows * columns);
}

/* As product, by tiles. */
static void tiles_product(stripe t, const real *b, isize depth, isize ks, isize js, real *scratch)
{
    for (isize column = 0; column < t.width; column += PANEL) {
        target to = {.c = t.to + column,
                     .cm = t.to_row,
                     .width = MIN(t.width - column, PANEL),
                     .start = t.start ? t.start + column : NULL,
                     .relu = t.relu};
        block_product(t.a, t.row, depth, b + column * js, ks, js, to, t.rows, scratch);
    }
}

static isize grid(isize rows, isize columns) { return row_blocks(rows) * panels_of(columns); }

static isize forward_blocks(const crm_dense *d) { return grid(d->samples, d->units); }

/* Samples [row, row + rows), columns [column, column + width). */
static void forward_part(const crm_dense *d, isize row, isize rows, isize column, isize width, real *scratch)
{
    stripe t = {.a = (const real *)d->x + row * d->inputs,
                .row = d->inputs,
                .rows = rows,
                .to = (real *)d->out + row * d->units + column,
                .to_row = d->units,
                .width = width,
                .start = d->bias ? (const real *)d->bias + column : NULL,
                .relu = d->relu};
    product(t, (const real *)d->weight + column, d->inputs, d->units, 1, scratch);
}

static void forward(const crm_dense *d, isize block, void *scratch)
{
    isize panels = panels_of(d->units), columns = panel_columns(d->units), column = block % panels * columns;
    isize share = share_of(d->samples, row_blocks(d->samples), 1), row = block / panels * share;
    isize rows = MIN(d->samples - row, share), width = MIN(d->units - column, columns);
    isize whole = rows < FEW_ROWS ? width / LANES * LANES : width;
    if (rows > 0 && whole > 0)
        forward_part(d, row, rows, column, whole, scratch);
    if (rows > 0 && width > whole)
        forward_part(d, row, rows, column + whole, width - whole, scratch);
}

static isize dx_rows(const crm_dense *d) { return CEIL_DIV(d->samples, DX_ROWS); }
static isize dx_blocks(const crm_dense *d) { return dx_rows(d) * panels_of(d->inputs); }

static void dx(const crm_dense *d, isize block, void *scratch)
{
    isize panels = panels_of(d->inputs), columns = panel_columns(d->inputs), column = block % panels * columns;
    isize rows = share_of(d->samples, dx_rows(d), 1), row = block / panels * rows;
    stripe t = {.a = (const real *)d->dy + row * d->units,
                .row = d->units,
                .rows = MIN(d->samples - row, rows),
                .to = (real *)d->dx + row * d->inputs + column,
                .to_row = d->inputs,
                .width = MIN(d->inputs - column, columns)};
    if (t.rows > 0 && t.width > 0) {
        if (too_full(t.a, t.row, t.rows, d->units))
            tiles_product(t, (const real *)d->weight + column * d->units, d->units, 1, d->units, scratch);
        else
            product(t, (const real *)d->weight + column * d->units, d->units, 1, d->units, scratch);
        cut_dx(d, row, t.rows, column, t.width);
    }
}

/* ---- dweight */

/* Rows [0, rows) of a' for samples [0, samples) of a, whose rows are `row` apart: to[i * LISTED + s]. */
static void turn(const real *a, isize row, isize samples, isize rows, real *to)
{
    isize whole = rows / LANES * LANES, squares = samples / LANES * LANES;
    for (isize s = 0; s < squares; s += LANES)
        for (isize i = 0; i < whole; i += LANES)
            pack_square(a + s * row + i, row, to + i * LISTED + s, LISTED);
    pack_rows(a + whole, 1, row, rows - whole, squares, to + whole * LISTED, LISTED);
    pack_rows(a + squares * row, 1, row, rows, samples - squares, to + squares, LISTED);
}

#define TURNED (ROWS_A_BLOCK * LISTED)

#define COPIED (ROWS_A_BLOCK + 2) /* reals from a row of the copy to the next: no power of two */

static isize dweight_scratch(const crm_dense *d) { return MAX(LISTED * STRIDE + TURNED, outer_scratch(d, COPIED)); }

/* A block of a' b over the samples, `rows` rows of a' and `width` columns of b. */
static void outer(const real *a, isize a_row, const real *b, isize b_row, isize samples, stripe t, real *scratch)
{
    real *turned = scratch + LISTED * STRIDE;
    isize share = CEIL_DIV(depth_share(samples), LANES) * LANES;
    t.a = turned, t.row = LISTED;
    for (isize first = 0; first < samples || first == 0; first += share) {
        isize part = MIN(samples - first, share);
        turn(a + first * a_row, a_row, part, t.rows, turned);
        sum_stripe(&t, panel_of(b + first * b_row, b_row, 1, part, t.width, 0, scratch), part);
        t.start = t.to;
        t.start_row = t.to_row;
    }
}

static isize dweight_blocks(const crm_dense *d) { return MAX(1, grid(d->inputs, d->units)); }

static void dweight(const crm_dense *d, isize block, void *scratch)
{
    isize panels = panels_of(d->units), columns = panel_columns(d->units), column = block % panels * columns;
    isize rows = share_of(d->inputs, MAX(1, row_blocks(d->inputs)), 1), row = block / panels * rows;
    stripe t = {.rows = MIN(d->inputs - row, rows),
                .to = (real *)d->dweight + row * d->units + column,
                .to_row = d->units,
                .width = MIN(d->units - column, columns)};
    const real *x = (const real *)d->x + row;
    dbias_share(d, block, dweight_blocks(d));
    if (t.rows <= 0 || t.width <= 0)
        return;
    if (too_full(x, d->inputs, d->samples, t.rows))
        outer_product(d, (outer_block){row, t.rows, column, t.width}, COPIED, scratch);
    else
        outer(x, d->inputs, (const real *)d->dy + column, d->units, d->samples, t, scratch);
}

const crm_dense_lists CRM(crm_dense_lists_table) = {
    {{forward_blocks, panel_scratch, forward}, {dx_blocks, panel_scratch, dx}, {dweight_blocks, dweight_scratch, dweight}},
    4 * LANES,
};
#else
const crm_dense_lists CRM(crm_dense_lists_table) = {{{0}}};
#endif
