#ifndef CRM_DENSE_H
#define CRM_DENSE_H

#include "isa.h"

/* One layer; each of its products is cut into a fixed grid of blocks. */
typedef struct {
    isize samples, inputs, units;
    const void *x, *weight, *bias, *dy; /* (samples, inputs), (inputs, units), (units,), (samples, units) */
    void *out, *dx, *dweight, *dbias;
    int relu;   /* forward: out is cut off at 0 */
    int cut_dx; /* x is a ReLU's output, dx the gradient before it: 0 where x is not above 0 */
} crm_dense;

typedef isize (*crm_dense_size)(const crm_dense *);
typedef void (*crm_dense_block)(const crm_dense *, isize block, void *scratch);

/* Its number of blocks, the reals of scratch that a block needs, and the block; dweight sets dbias, too. */
typedef struct {
    crm_dense_size blocks, scratch;
    crm_dense_block run;
} crm_dense_product;

typedef struct {
    crm_dense_product forward, dx, dweight;
} crm_dense_kernels;

/* The same over lists of what is not 0: in x for forward and dweight, in dy for dx. They pay from so many columns of the
 * product on; a build without lists has 0 here. */
typedef struct {
    crm_dense_kernels over;
    isize least_columns;
} crm_dense_lists;

CRM_DISPATCH(crm_dense_kernels, crm_dense_table)
CRM_DISPATCH(crm_dense_lists, crm_dense_lists_table)

#endif
