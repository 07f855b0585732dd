#ifndef CRM_DENSE_H
#define CRM_DENSE_H

#include "isa.h"

/* A product of a dense layer, cut into a fixed grid of blocks. */
typedef struct {
    isize samples, inputs, units;
    const void *x, *weight, *bias, *dy; /* (samples, inputs), (inputs, units), (units,), (samples, units) */
    void *out, *dx, *dweight, *dbias;
    int relu;
} crm_dense;

typedef isize (*crm_dense_size)(const crm_dense *);
typedef void (*crm_dense_block)(const crm_dense *, isize block, void *scratch);

/* For each product: its number of blocks, the reals of scratch that a block needs, and the block. */
typedef struct {
    crm_dense_size forward_blocks, forward_scratch;
    crm_dense_size dx_blocks, dx_scratch;
    crm_dense_size dweight_blocks, dweight_scratch;
    crm_dense_block forward, dx, dweight;
} crm_dense_kernels;

CRM_DISPATCH(crm_dense_kernels, crm_dense_table)

#endif
