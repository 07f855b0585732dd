/* What forward and backward convolution share: sizes, and the image as the taps see it. */
#ifndef CRM_CONV2D_IMAGE_H
#define CRM_CONV2D_IMAGE_H

#include "crm.h"
#include "conv2d.h"

#define CUT_OFF 255 /* in argmax: the ReLU cut this output off */

ALWAYS_INLINE isize padded_height(const crm_conv2d *c) { return (c->rows - 1) * c->stride_h + c->kernel_h; }
ALWAYS_INLINE isize padded_width(const crm_conv2d *c) { return (c->columns - 1) * c->stride_w + c->kernel_w; }
ALWAYS_INLINE isize kernel_size(const crm_conv2d *c) { return c->kernel_h * c->kernel_w * c->channels; }
ALWAYS_INLINE isize pooled_rows(const crm_conv2d *c) { return c->rows / c->pool_h; }
ALWAYS_INLINE isize pooled_columns(const crm_conv2d *c) { return c->columns / c->pool_w; }
ALWAYS_INLINE int has_pool(const crm_conv2d *c) { return c->pool_h * c->pool_w > 1; }

/* Images are read in place unless a tap can fall outside of them. */
ALWAYS_INLINE int needs_frame(const crm_conv2d *c)
{
    return c->pad_top || c->pad_left || padded_height(c) > c->height || padded_width(c) > c->width;
}

typedef struct {
    const real *pixels;
    isize row; /* reals from a row to the next */
} view;

/* Copy an image into a zeroed frame that has a pixel for every tap. */
static inline view in_frame(const crm_conv2d *c, isize image, real *frame)
{
    const real *x = (const real *)c->x + image * c->height * c->width * c->channels;
    isize width = padded_width(c), row = width * c->channels;
    isize first = c->pad_top, last = MIN(c->height + first, padded_height(c));
    isize copied = MIN(c->width, width - c->pad_left) * c->channels;
    memset(frame, 0, padded_height(c) * row * sizeof(real));
    for (isize y = first; y < last && copied > 0; y++)
        memcpy(frame + y * row + c->pad_left * c->channels, x + (y - first) * c->width * c->channels,
               copied * sizeof(real));
    return (view){frame, row};
}

static inline view in_place(const crm_conv2d *c, isize image)
{
    return (view){(const real *)c->x + image * c->height * c->width * c->channels, c->width * c->channels};
}

#endif
