/* Max-pooling on its own, for windows of any size and stride; conv2d_pool.h has the kind that is fused into a
 * convolution.
 *
 * One image a call, one vector of channels after another. The first of equal values wins, and a NaN wins over every
 * number, as in torch. Backward adds one element at a time, since each lane goes to a place of its own.
 *
 * On a core of an AMD Zen 5, 2 x 2 windows on 64 channels in cache: 0.26 to 0.5 of the bytes a second of a copy
 * forward, 0.08 backward, some 2 ns an output. Most pools stand behind a convolution and do not come here.
 */
#include "crm.h"
#include "pool.h"
#include "window.h"

static void pool_window(const crm_pool *p, const real *values, real *out, unsigned char *argmax)
{
    window w = {p->pool_h, p->pool_w, p->width * p->channels, p->channels};
    for (isize c = 0; c < p->channels; c += LANES) {
        lanes place;
        vec best = largest(w, values + c, p->channels - c, &place);
        store_largest(best, place, p->channels - c, out + c, argmax + c);
    }
}

static void forward(const crm_pool *p, isize image)
{
    for (isize y = 0; y < p->rows; y++)
        for (isize x = 0; x < p->columns; x++) {
            isize from = ((image * p->height + y * p->stride_h) * p->width + x * p->stride_w) * p->channels;
            isize to = ((image * p->rows + y) * p->columns + x) * p->channels;
            pool_window(p, (const real *)p->x + from, (real *)p->out + to, p->argmax + to);
        }
}

static void backward(const crm_pool *p, isize image)
{
    isize size = p->height * p->width * p->channels;
    memset((real *)p->dx + image * size, 0, size * sizeof(real));
    for (isize y = 0; y < p->rows; y++)
        for (isize x = 0; x < p->columns; x++) {
            real *target =
                (real *)p->dx + ((image * p->height + y * p->stride_h) * p->width + x * p->stride_w) * p->channels;
            isize from = ((image * p->rows + y) * p->columns + x) * p->channels;
            const real *dy = (const real *)p->dy + from;
            for (isize c = 0; c < p->channels; c++) {
                isize place = p->argmax[from + c];
                if (place < p->pool_h * p->pool_w) /* a place that no forward pass wrote must not be written to */
                    target[(place / p->pool_w * p->width + place % p->pool_w) * p->channels + c] += dy[c];
            }
        }
}

const crm_pool_kernels CRM(crm_pool_table) = {forward, backward};
