#ifndef CRM_ACTIVATION_H
#define CRM_ACTIVATION_H

#include "isa.h"

/* By place in the tables. */
enum { CRM_GELU, CRM_ELU, CRM_LEAKY_RELU, CRM_SILU, CRM_TANH, CRM_SIGMOID, CRM_ACTIVATIONS };

/* out = f(x) over elements [begin, end); `slope` is what the kind has beside x, if anything */
typedef void (*crm_forward)(const void *x, void *out, double slope, isize begin, isize end);
/* dx = dy * f'(x); dx may be dy */
typedef void (*crm_backward)(const void *x, const void *out, const void *dy, void *dx, double slope, isize begin, isize end);

typedef struct {
    crm_forward forward[CRM_ACTIVATIONS];
    crm_backward backward[CRM_ACTIVATIONS];
} crm_activation_kernels;

CRM_DISPATCH(crm_activation_kernels, crm_activation)

#endif
