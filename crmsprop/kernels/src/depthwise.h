#ifndef CRM_DEPTHWISE_H
#define CRM_DEPTHWISE_H

#include "isa.h"

/* A depthwise convolution of a batch: NHWC images, (kh, kw, channels) weights, one filter a channel. */
typedef struct {
    isize images, height, width, channels; /* x */
    isize kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
    isize rows, columns;                   /* out */
    const void *x, *weight, *bias, *dy;
    void *out, *dx, *dweight, *dbias;
    void *partials; /* of dweight and dbias, for each chunk of images */
    isize chunk;    /* images a chunk */
} crm_depthwise;

typedef void (*crm_depthwise_task)(const crm_depthwise *, isize number);

/* Tasks of one kind may run in any order, and at once; all of `chunk` before all of `reduce`. */
typedef struct {
    crm_depthwise_task forward;  /* one of the images * rows rows of out */
    crm_depthwise_task backward; /* one of the images * height rows of dx */
    crm_depthwise_task chunk;    /* the partial gradients of a chunk of images */
    crm_depthwise_task reduce;   /* a part of dweight and dbias, from all of them */
    isize reduced;               /* elements that one takes */
} crm_depthwise_kernels;

/* Gradients to the weights and to the bias, side by side. */
static inline isize depthwise_gradients(const crm_depthwise *c) { return (c->kernel_h * c->kernel_w + 1) * c->channels; }

CRM_DISPATCH(crm_depthwise_kernels, crm_depthwise_table)

#endif
