#ifndef CRM_RMSPROP_H
#define CRM_RMSPROP_H

#include "isa.h"

/* One array of the list and what belongs to it; `mean` and `velocity` are NULL where the option is off. */
typedef struct {
    void *param;
    const void *grad;
    void *mean_square, *mean, *velocity;
    isize start; /* its first element's place in the list taken as one long row */
    isize size;
    double learning_rate, l2;
} crm_rmsprop_array;

typedef struct {
    double rho, epsilon, momentum;
} crm_rmsprop_rates;

typedef struct {
    /* Update elements [begin, end) of the `count` arrays taken as one long row. */
    void (*block)(const crm_rmsprop_array *arrays, isize count, const crm_rmsprop_rates *rates, isize begin, isize end);
} crm_rmsprop_kernels;

CRM_DISPATCH(crm_rmsprop_kernels, crm_rmsprop)

#endif
