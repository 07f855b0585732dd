#ifndef CRM_RMSPROP_H
#define CRM_RMSPROP_H

#include "isa.h"

/* One array of the list and what belongs to it. A pointer is NULL where the option that needs it is off. */
typedef struct {
    void *param;
    const void *grad;
    void *mean_square, *mean, *velocity, *average, *sum;
    isize start; /* its first element's place in the list taken as one long row */
    isize size;
    double grad_scale;            /* sign of maximize, mean over accumulated gradients, factor of a norm clip */
    double l2;                    /* coupled penalty */
    double rate_inside, rate_outside; /* the learning rate before and after the momentum: one of them is 1 */
    double keep;                  /* 1 - learning_rate * weight_decay */
} crm_rmsprop_array;

typedef struct {
    double rho;
    double correction;      /* 1 / (1 - rho**t) with bias correction, else 1 */
    double epsilon_inside, epsilon_outside; /* of the root: one of them is 0 */
    double momentum;
    double clip_value;      /* infinity for none */
    double ema;             /* decay of the average; 0 at the first step */
    int nesterov;
} crm_rmsprop_rule;

typedef struct {
    /* Update elements [begin, end) of the `count` arrays taken as one long row. */
    void (*block)(const crm_rmsprop_array *arrays, isize count, const crm_rmsprop_rule *rule, isize begin, isize end);
    /* sum += grad over elements [begin, end) of the list */
    void (*accumulate)(const crm_rmsprop_array *arrays, isize count, isize begin, isize end);
    /* average += (1 - ema) * (param - average) over elements [begin, end) of the list */
    void (*average)(const crm_rmsprop_array *arrays, isize count, double ema, isize begin, isize end);
    /* Sum of squares of grad (+ sum) over one block of `width` elements, in 32 float64 lanes. Here `start` counts
     * blocks: every array begins one of its own. */
    double (*squares)(const crm_rmsprop_array *arrays, isize count, isize block, isize width);
} crm_rmsprop_kernels;

CRM_DISPATCH(crm_rmsprop_kernels, crm_rmsprop)

#endif
