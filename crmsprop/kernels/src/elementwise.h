#ifndef CRM_ELEMENTWISE_H
#define CRM_ELEMENTWISE_H

#include <stdint.h>

#include "isa.h"

typedef struct {
    /* out = max(x, 0) over elements [begin, end) */
    void (*relu_forward)(const void *x, void *out, isize begin, isize end);
    /* dx = dy where out > 0, else 0; dx may be dy */
    void (*relu_backward)(const void *out, const void *dy, void *dx, isize begin, isize end);
    /* out = x + y; out may be either */
    void (*add)(const void *x, const void *y, void *out, isize begin, isize end);
    /* out = x / (1 - rate) where the element's random number is at least rate, else 0 */
    void (*dropout)(const void *x, void *out, double rate, uint64_t key, isize begin, isize end);
    /* the same for one image of `pixels` x `channels`, with one random number for all pixels of a channel */
    void (*dropout_channels)(const void *x, void *out, double rate, uint64_t key, isize image, isize pixels,
                             isize channels);
    /* out row i = source row indices[i] * scale, for rows [begin, end) of `size` elements, `stride` bytes apart in the
     * source, whose dtype is `kind`: 'u' uint8, 'f' float32, 'd' float64; there are `count` indices */
    void (*gather)(const char *source, isize stride, int kind, const int64_t *indices, void *out, isize size, double scale,
                   isize begin, isize end, isize count);
    /* whether elements [begin, end) are numbers and not infinite */
    int (*finite)(const void *x, isize begin, isize end);
} crm_elementwise_kernels;

CRM_DISPATCH(crm_elementwise_kernels, crm_elementwise)

#endif
