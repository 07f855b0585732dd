#ifndef CRM_POOL_H
#define CRM_POOL_H

#include "isa.h"

/* Max- or average-pooling of a batch: (images, height, width, channels) to (images, rows, columns, channels). */
typedef struct {
    isize images, height, width, channels, rows, columns, pool_h, pool_w, stride_h, stride_w;
    const void *x, *dy;
    void *out, *dx;
    unsigned char *argmax; /* place in the window, one byte an output; of max-pooling alone */
} crm_pool;

typedef struct {
    void (*forward)(const crm_pool *, isize image);
    void (*backward)(const crm_pool *, isize image);
} crm_pool_kernels;

CRM_DISPATCH(crm_pool_kernels, crm_pool_table)
CRM_DISPATCH(crm_pool_kernels, crm_average_pool_table)

#endif
