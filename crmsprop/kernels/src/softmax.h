#ifndef CRM_SOFTMAX_H
#define CRM_SOFTMAX_H

#include <stdint.h>

#include "isa.h"

typedef struct {
    /* out = softmax of logits, rows [begin, end) of `classes` elements; out may be logits */
    void (*softmax)(const void *logits, void *out, isize classes, isize begin, isize end);
    /* losses[i] = cross-entropy of row i; hits[i] = 1 where its largest logit is the label's (the first of equal ones);
     * dlogits = weights[i] * (softmax - one hot), not written where NULL */
    void (*cross_entropy)(const void *logits, const int64_t *labels, const void *weights, void *losses,
                          unsigned char *hits, void *dlogits, isize classes, isize begin, isize end);
} crm_softmax_kernels;

CRM_DISPATCH(crm_softmax_kernels, crm_softmax_table)

#endif
