/* 3 x 3 convolution of stride 1 by Winograd's F(4 x 4, 3 x 3), with bias, ReLU and max-pool in the same pass.
 *
 * A task is a strip: STRIP tiles or a few more, from one image or from several small ones, so that the products at each of
 * the 36 points are one matrix product of (tiles, channels) by (channels, filters) for the micro-kernel of tile.h. For 32
 * channels the inputs of a strip at the points take 220 kB in float32, the products of one panel of filters as much with
 * AVX-512: both stay in the second-level cache. A pool takes a panel's rows while they are there.
 *
 * On a core of an AMD Zen 5, 32 images: 32 to 64 channels of 15 x 15 with a pool take 11 us an image, of which the products
 * are 6 (their limit is 5), where the direct sum took 25. Tried and lost: asking for the next point's weights ahead; strips
 * of 32, 64 and 96 tiles differ by less than the noise.
 */
#include "conv2d_winograd.h"

static isize packed_size(const crm_conv2d *c) { return panels_size(c->channels, c->filters); }

static isize pack_tasks(const crm_conv2d *c) { return CEIL_DIV(c->filters, PANEL); }

static inline void scale_taps(vec taps[3][3], vec scale)
{
    for (isize tap = 0; tap < 9; tap++)
        taps[tap / 3][tap % 3] *= scale;
}

static void pack(const crm_conv2d *c, isize task)
{
    isize column = task * PANEL, width = MIN(c->filters - column, PANEL), full = panel_width(width);
    real *packed = packed_panel(c, c->channels, column);
    for (isize channel = 0; channel < c->channels; channel++)
        for (isize f = 0; f < width; f += LANES) {
            const real *weight = (const real *)c->weight + channel * c->filters + column + f;
            vec taps[3][3], points[REACH][REACH];
            for (isize tap = 0; tap < 9; tap++)
                taps[tap / 3][tap % 3] = load_some(weight + tap * c->channels * c->filters, width - f);
            if (c->scale)
                scale_taps(taps, load_some((const real *)c->scale + column + f, width - f));
            filter_to_points(taps, points);
            for (isize k = 0; k < POINTS; k++)
                store(packed + k * point_size(c->channels, full) + channel * full + f, points[k / REACH][k % REACH]);
        }
}

static isize scratch_size(const crm_conv2d *c)
{
    return points_size(c, whole_lanes(c->channels)) + points_size(c, PANEL) + winograd_frame(c) + pool_size(c);
}

static isize tasks(const crm_conv2d *c) { return strip_count(c, c->images); }

static void task(const crm_conv2d *c, isize number, void *scratch)
{
    strip s = nth_strip(c, number, 0, c->images);
    real *inputs = (real *)scratch, *sums = inputs + points_size(c, whole_lanes(c->channels));
    real *frame = sums + points_size(c, PANEL), *rows = frame + winograd_frame(c);
    strip_inputs(c, s, frame, inputs);
    strip_outputs(c, s, inputs, sums, rows);
}

const crm_conv2d_forward CRM(crm_conv2d_winograd_table) = {packed_size, scratch_size, pack_tasks, pack, tasks, task};
