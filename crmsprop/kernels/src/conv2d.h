#ifndef CRM_CONV2D_H
#define CRM_CONV2D_H

#include "isa.h"

/* One convolution layer on one batch: NHWC images, (kh, kw, channels, filters) weights, optional ReLU and max-pool. */
typedef struct {
    isize images, height, width, channels;    /* x */
    isize kernel_h, kernel_w, filters;        /* weight */
    isize stride_h, stride_w, pad_top, pad_left;
    isize rows, columns;                      /* convolution outputs that are computed: those that the pool reads */
    isize pool_h, pool_w;                     /* 1 x 1 for none; windows do not overlap */
    int relu;
    const void *x, *weight, *bias, *dy, *out; /* out as an input: the ReLU's mask in the backward pass without a pool */
    const void *scale;     /* forward: each filter is multiplied by its number; NULL for 1 */
    void *y, *dx, *dweight, *dbias; /* gradients: NULL where nobody needs them */
    unsigned char *argmax; /* one byte a pooled output: place in the window, 255 where the ReLU cut it off */
    void *packed;          /* weights, packed by `pack` */
    void *partials;        /* of dweight and dbias, for each chunk of images */
    isize chunk;            /* images a chunk */
    isize max_chunks;       /* what there is room for: for this many images, or fewer */
} crm_conv2d;

/* Tasks of one kind may run in any order, and at once; all of `pack` before all others, all of `reduce` after them. */
typedef struct {
    isize (*packed_size)(const crm_conv2d *);  /* reals of `packed` */
    isize (*scratch_size)(const crm_conv2d *); /* reals of scratch a thread needs */
    isize (*pack_tasks)(const crm_conv2d *);
    void (*pack)(const crm_conv2d *, isize task);
    isize (*tasks)(const crm_conv2d *);
    void (*task)(const crm_conv2d *, isize task, void *scratch);
} crm_conv2d_forward;

typedef struct {
    isize (*packed_size)(const crm_conv2d *);
    isize (*partial_size)(const crm_conv2d *); /* reals of a chunk's partial gradients */
    isize (*scratch_size)(const crm_conv2d *);
    isize (*pack_tasks)(const crm_conv2d *);
    void (*pack)(const crm_conv2d *, isize task);
    void (*chunk)(const crm_conv2d *, isize chunk, void *scratch);
    isize (*reduce_tasks)(const crm_conv2d *);
    void (*reduce)(const crm_conv2d *, isize task); /* a part of dweight and dbias */
} crm_conv2d_backward;

/* Winograd's tiles of 4 x 4 outputs save products but round the image up, and have transforms to pay for. Measured on Zen 5,
 * times as fast as the direct sum: 1.3 at 16 channels and filters of 32 x 32, 2 at 32, 2.6 at 128; 0.9 at 8; 1 where 64 tiled
 * outputs stand for 25, 2.2 where 16 stand for 9. */
static inline int winograd_fits(const crm_conv2d *c)
{
    isize tiled = (c->rows + 3) / 4 * 4 * ((c->columns + 3) / 4 * 4);
    return c->kernel_h == 3 && c->kernel_w == 3 && c->stride_h == 1 && c->stride_w == 1 && c->pad_top <= 2 &&
           c->pad_left <= 2 && 4 % c->pool_h == 0 && 4 % c->pool_w == 0 && c->channels >= 16 && c->filters >= 16 &&
           tiled <= 2 * c->rows * c->columns;
}

/* Backward a chunk of images has sums at the points to pay for too: at 3 x 3 outputs it took 1.8 times as long, at 7 x 7
 * and 128 channels 0.6 times. */
static inline int winograd_backward_fits(const crm_conv2d *c)
{
    return winograd_fits(c) && c->pool_h * c->pool_w == 1 && c->rows * c->columns >= 36;
}

/* Behind a pool, with a kernel so small that the products with 0 cost less than to list those that are none: with the
 * registers of AVX2 or more, and while the gradient of an image before the pool stays in a cache. On Zen 5, 3 x 3 behind 2 x 2,
 * times as fast as lists: 1.6 for 3 to 32 channels, 2.5 with AVX2, 0.9 with SSE; 0.6 where it has 26 MB. */
static inline int few_taps(const crm_conv2d *c, int level, isize item)
{
    return c->pool_h * c->pool_w > 1 && c->kernel_h * c->kernel_w * c->channels * c->pool_h * c->pool_w <= 128 &&
           c->filters >= 16 && level > 0 && c->rows * c->columns * c->filters * item <= 1 << 23;
}

/* 1 x 1 in place: every pixel by itself, as a sample of a dense layer. */
static inline int pointwise(const crm_conv2d *c)
{
    return c->kernel_h * c->kernel_w * c->stride_h * c->stride_w * c->pool_h * c->pool_w == 1 && c->pad_top == 0 &&
           c->pad_left == 0 && c->rows == c->height && c->columns == c->width;
}

CRM_DISPATCH(crm_conv2d_forward, crm_conv2d_forward_table)
CRM_DISPATCH(crm_conv2d_forward, crm_conv2d_winograd_table) /* where winograd_fits */
CRM_DISPATCH(crm_conv2d_backward, crm_conv2d_backward_table)          /* without a pool, or few_taps */
CRM_DISPATCH(crm_conv2d_backward, crm_conv2d_sparse_table)            /* behind a pool */
CRM_DISPATCH(crm_conv2d_backward, crm_conv2d_winograd_backward_table) /* without, where winograd_backward_fits */
CRM_DISPATCH(crm_conv2d_backward, crm_conv2d_pointwise_table)         /* where pointwise */

#endif
