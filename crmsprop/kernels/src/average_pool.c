/* Average-pooling, for windows of any size and stride; a window as large as the image makes a global one.
 *
 * One image a call. A window's rows are added up one by one: short sums keep the rounding error small, that of a
 * global pool most of all. Backward each pixel gathers from the windows that cover it, in order, and is written once.
 *
 * Memory is the limit: on a core of an AMD Zen 5, 64 channels of 8 x 8 pixels in cache, 0.75 of the bytes a second of
 * a copy with 2 x 2 windows and 0.88 with a global one; backward 0.68 and 0.81.
 */
#include "channels.h"
#include "pool.h"

#define WIDE 4 /* vectors whose sums run side by side: one alone would wait for each addition */

ALWAYS_INLINE void mean(int vecs, int narrow, const crm_pool *p, const real *x, const real *end, real *out)
{
    vec total[WIDE], run[WIDE];
    UNROLL
    for (int v = 0; v < vecs; v++)
        total[v] = (vec){0};
    for (isize i = 0; i < p->pool_h; i++, x += p->width * p->channels) {
        UNROLL
        for (int v = 0; v < vecs; v++)
            run[v] = (vec){0};
        for (isize j = 0; j < p->pool_w; j++) {
            UNROLL
            for (int v = 0; v < vecs; v++)
                run[v] += load_before(narrow, x + j * p->channels + v * LANES, end);
        }
        UNROLL
        for (int v = 0; v < vecs; v++)
            total[v] += run[v];
    }
    UNROLL
    for (int v = 0; v < vecs; v++)
        store_channels(narrow, out + v * LANES, total[v] / (real)(p->pool_h * p->pool_w), p->channels);
}

static void pool_window(const crm_pool *p, const real *x, const real *end, real *out)
{
    isize c = 0;
    if (is_narrow(p->channels)) {
        mean(1, 1, p, x, end, out);
        return;
    }
    for (; c + WIDE * LANES <= p->channels; c += WIDE * LANES)
        mean(WIDE, 0, p, x + c, end, out + c);
    for (; c < p->channels; c += LANES) {
        isize at = vector_start(c, p->channels);
        mean(1, 0, p, x + at, end, out + at);
    }
}

static void forward(const crm_pool *p, isize image)
{
    isize row = p->width * p->channels, size = p->height * row;
    const real *x = (const real *)p->x + image * size, *end = (const real *)p->x + p->images * size;
    real *out = (real *)p->out + image * p->rows * p->columns * p->channels;
    for (isize y = 0; y < p->rows; y++)
        for (isize column = 0; column < p->columns; column++, out += p->channels)
            pool_window(p, x + y * p->stride_h * row + column * p->stride_w * p->channels, end, out);
}

/* ---- backward */

typedef struct {
    isize first, end;
} span;

/* The windows that cover a pixel, from those of the one before: no division a pixel. */
ALWAYS_INLINE span covering(span windows, isize pixel, isize size, isize stride, isize count)
{
    while (windows.end < count && windows.end * stride <= pixel)
        windows.end++;
    while (windows.first < windows.end && windows.first * stride + size <= pixel)
        windows.first++;
    return windows;
}

ALWAYS_INLINE void gather_pixel(int narrow, const crm_pool *p, const real *dy, const real *end, span down, span across,
                                real share, real *dx)
{
    for (isize c = 0; c < p->channels; c += LANES) {
        isize at = vector_start(c, p->channels);
        vec sum = {0};
        for (isize y = down.first; y < down.end; y++)
            for (isize x = across.first; x < across.end; x++)
                sum += load_before(narrow, dy + (y * p->columns + x) * p->channels + at, end);
        store_channels(narrow, dx + at, sum * share, p->channels);
    }
}

/* A pixel that one window covers, as all do where windows lie side by side. */
static void copy_share(const real *RESTRICT dy, real *RESTRICT dx, isize channels, real share)
{
    for (isize c = 0; c < channels; c++)
        dx[c] = dy[c] * share;
}

static void backward(const crm_pool *p, isize image)
{
    isize size = p->rows * p->columns * p->channels;
    const real *dy = (const real *)p->dy + image * size, *end = (const real *)p->dy + p->images * size;
    real *dx = (real *)p->dx + image * p->height * p->width * p->channels;
    const real share = (real)1 / (real)(p->pool_h * p->pool_w);
    span down = {0, 0};
    for (isize i = 0; i < p->height; i++) {
        span across = {0, 0};
        down = covering(down, i, p->pool_h, p->stride_h, p->rows);
        for (isize j = 0; j < p->width; j++, dx += p->channels) {
            across = covering(across, j, p->pool_w, p->stride_w, p->columns);
            if (down.end - down.first == 1 && across.end - across.first == 1)
                copy_share(dy + (down.first * p->columns + across.first) * p->channels, dx, p->channels, share);
            else if (is_narrow(p->channels))
                gather_pixel(1, p, dy, end, down, across, share, dx);
            else
                gather_pixel(0, p, dy, end, down, across, share, dx);
        }
    }
}

const crm_pool_kernels CRM(crm_average_pool_table) = {forward, backward};
