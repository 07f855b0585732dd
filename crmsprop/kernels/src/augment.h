#ifndef CRM_AUGMENT_H
#define CRM_AUGMENT_H

#include <stdint.h>

#include "isa.h"

/* A batch of images, and what becomes of each; reference.augment has the formulas. */
typedef struct {
    isize count, height, width, channels, n_holes;
    const char *source;
    isize stride; /* bytes from one image of the source to the next */
    int kind;     /* of the source: 'u' uint8, 'f' float32, 'd' float64 */
    int mode;     /* beyond the edge: 'n' nearest, 'c' constant, 'r' reflect */
    int nearest;  /* take the nearest pixel, in place of a blend of four */
    const int64_t *indices;
    const double *maps;          /* 6 an image: the source's row and column for (row, column, 1) of the output */
    const double *tones;         /* 2 an image: factors on the pixel and on its channel's mean; NULL for (1, 0) */
    const int64_t *holes;        /* 4 a hole, n_holes an image: top, left, bottom, right */
    const double *hole_values;   /* n_holes */
    const double *shares;        /* of the new image, where out holds another one already; NULL to overwrite */
    void *out;
    double scale, fill;
} crm_augment;

typedef struct {
    isize (*scratch_size)(const crm_augment *c); /* reals that one call of `image` needs */
    void (*image)(const crm_augment *c, isize i, void *scratch);
} crm_augment_kernels;

CRM_DISPATCH(crm_augment_kernels, crm_augment_table)

#endif
