#ifndef CRM_SOFTMAX_H
#define CRM_SOFTMAX_H

#include <stdint.h>

#include "isa.h"

/* What each row should have been: its label, or with `others` two labels, the first with shares[i] and the other with the
 * rest; of all that, `smoothing` is taken away and spread over all classes. */
typedef struct {
    const int64_t *labels, *others;
    const void *shares;
    double smoothing;
} crm_targets;

typedef struct {
    /* out = softmax of logits, rows [begin, end) of `classes` elements; out may be logits */
    void (*softmax)(const void *logits, void *out, isize classes, isize begin, isize end);
    /* losses[i] = cross-entropy of row i; hits[i] = 1 where its largest logit (the first of equal ones) is the
     * label's with the larger share; dlogits = weights[i] * (softmax - target), not written where NULL */
    void (*cross_entropy)(const void *logits, const crm_targets *targets, const void *weights, void *losses,
                          unsigned char *hits, void *dlogits, isize classes, isize begin, isize end);
} crm_softmax_kernels;

CRM_DISPATCH(crm_softmax_kernels, crm_softmax_table)

#endif
