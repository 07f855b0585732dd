#ifndef CRM_POINTWISE_LOSS_H
#define CRM_POINTWISE_LOSS_H

#include "isa.h"

/* By place in the table. */
enum {
    CRM_SQUARED_ERROR,
    CRM_ABSOLUTE_ERROR,
    CRM_HUBER,
    CRM_POISSON_DEVIANCE,
    CRM_BINARY_CROSS_ENTROPY,
    CRM_POINTWISE_LOSSES
};

/* Rows of `width` outputs, and what they should have been; gradient and hits may be NULL. `parameter` is what the kind has
 * beside them: the delta of Huber's loss, the smoothing of the cross-entropy. */
typedef struct {
    const void *output, *target, *weights;
    void *losses, *gradient;
    unsigned char *hits;
    isize width;
    double parameter;
} crm_points;

/* For rows [begin, end): losses[i] = mean over the row of l(output, target); gradient = weights[i] / width * l';
 * hits[i] = 1 where all outputs of the row are above 0 where the target is at least a half, and nowhere else. */
typedef void (*crm_pointwise)(const crm_points *points, isize begin, isize end);

typedef struct {
    crm_pointwise loss[CRM_POINTWISE_LOSSES];
} crm_pointwise_kernels;

CRM_DISPATCH(crm_pointwise_kernels, crm_pointwise_table)

#endif
