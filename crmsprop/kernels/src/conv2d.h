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
    void *y, *dx, *dweight, *dbias;
    unsigned char *argmax; /* one byte a pooled output: place in the window, 255 where the ReLU cut it off */
    void *packed;          /* weights, packed by pack_forward or pack_backward */
    void *partials;        /* a row of dweight and dbias for each chunk of images */
    isize chunk;            /* images a chunk */
    isize max_chunks;       /* what there is room for: for this many images, or fewer */
} crm_conv2d;

typedef struct {
    isize (*packed_size)(const crm_conv2d *, int backward); /* reals of `packed` */
    isize (*forward_scratch)(const crm_conv2d *);           /* reals of scratch a thread needs */
    isize (*backward_scratch)(const crm_conv2d *);
    void (*pack_forward)(const crm_conv2d *);
    void (*pack_backward)(const crm_conv2d *);
    void (*forward)(const crm_conv2d *, isize image, void *scratch);
    void (*backward)(const crm_conv2d *, isize chunk, void *scratch);
    void (*reduce)(const crm_conv2d *, isize begin, isize end); /* elements of dweight and dbias, in one row */
} crm_conv2d_kernels;

CRM_DISPATCH(crm_conv2d_kernels, crm_conv2d_table)

#endif
