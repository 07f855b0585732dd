#ifndef CRM_BATCH_NORM_H
#define CRM_BATCH_NORM_H

#include "isa.h"

/* Rows of `channels` values: every pixel of every image, or every sample. */
typedef struct {
    isize rows, channels;
    const void *x, *dy;
    void *out; /* or dx */
    const void *gamma, *beta, *mean, *scale; /* scale: 1 / sqrt(variance + epsilon) */
    const double *dgamma, *dbeta;            /* sums over all rows */
} crm_batch_norm;

/* Rows [begin, end); sums are in float64, `channels` of the first kind and then of the second. */
typedef struct {
    void (*moments)(const crm_batch_norm *, isize begin, isize end, double *sums);   /* mean; sum of squared deviations */
    void (*normalize)(const crm_batch_norm *, isize begin, isize end);               /* out from x */
    void (*gradients)(const crm_batch_norm *, isize begin, isize end, double *sums); /* of gamma; of beta */
    void (*backward)(const crm_batch_norm *, isize begin, isize end);                /* dx from dy */
} crm_batch_norm_kernels;

CRM_DISPATCH(crm_batch_norm_kernels, crm_batch_norm_table)

#endif
