/* Augmentation of one image: sampled through an affine map, then tones, holes, the scale, and a mix with another image.
 *
 * An image of 32 x 32 x 3 has 1024 pixels, each a blend of 4 neighbours in 3 channels: some 15 vector instructions with
 * loads and the store, where lanes are channels. Microseconds an image of uint8 on one core (AVX-512, 2-core machine in
 * use), rotation, translation, zoom and flip together, nearest pixel beyond the edge:
 *
 *                                                                SSE2   AVX2   AVX-512
 *   one pixel and channel at a time                               9.9    9.5    9.5
 *   lanes are channels, bytes made reals at every corner         16.3    7.4    7.5
 *   lanes are 8 pixels, gathers from packed bytes                  -     4.9    4.9
 *   lanes are channels, bytes and 14-bit weights, pmaddwd          -     4.1    4.4   errors of 1e-2
 *   lanes are channels, bytes made reals once an image            3.9    4.9    5.0
 *   the same, coordinates by explicit vectors: this one           3.2    2.3    2.4   5.6, 3.1, 2.9 to reflect
 *   whole pixels moved: flips and crops                           1.0    0.9    0.8
 *
 * So an image is first expanded into a plane of reals, 4 to a pixel, with a margin for what lies beyond the edge: no
 * corner needs a test. Half of the time is the blend, a quarter the expansion. With training around it on two cores,
 * an epoch of the reference CNN took 2 to 5% longer, of 75 core-microseconds an image (benches/bench_training.py).
 *
 * Coordinates of a row are an arithmetic progression, in reals. No product may melt into an FMA here (setup.py), so that
 * every instruction set and the NumPy twin give the same bits. Where a map moves whole pixels, rows and columns are
 * copied, with the numbers of the blend.
 */
#include "crm.h"
#include "augment.h"

#include <math.h>

#define LARGEST_LANES 16
#if !defined(__GNUC__)
typedef int lane;
#endif

/* ---- sizes */

static isize depth_of(const crm_augment *c) { return c->channels == 1 ? 1 : CEIL_DIV(c->channels, 4) * 4; }
static isize margin_before(const crm_augment *c) { return c->mode == 'c'; }
static isize margins(const crm_augment *c) { return c->mode == 'c' ? 3 : 1; } /* on both sides, of a row or a column */
static isize pitch_of(const crm_augment *c) { return (c->width + margins(c)) * depth_of(c); }
static isize lines(isize size) { return CEIL_DIV(size, 16) * 16; }

typedef struct {
    real *pixels; /* height * width * channels, and what the last pixel's padding spills */
    real *plane;  /* (height + margins) rows of pitch */
    real *x, *y;  /* a row's fractions; for tones, x and what follows is a row of offsets */
    lane *at;     /* a row's first corners in the plane */
    isize size;
} parts;

static parts parts_of(const crm_augment *c, real *scratch)
{
    const isize row = lines(c->width + LARGEST_LANES);
    parts p;
    p.pixels = scratch;
    p.plane = p.pixels + lines(c->height * c->width * c->channels + depth_of(c));
    p.x = p.plane + lines((c->height + margins(c)) * pitch_of(c));
    p.y = p.x + row;
    p.at = (lane *)(p.y + row);
    p.size = p.y + row - scratch + MAX(row, lines(c->width * c->channels) - 2 * row);
    return p;
}

static isize scratch_size(const crm_augment *c) { return parts_of(c, NULL).size; }

/* ---- reading the source */

#define READ(name, type)                                                                                               \
    ALWAYS_INLINE void name##_pixels(const type *RESTRICT from, real *RESTRICT to, isize count, isize channels,       \
                                     isize depth)                                                                      \
    {                                                                                                                  \
        for (isize p = 0; p < count; p++)                                                                              \
            for (isize k = 0; k < depth; k++)                                                                          \
                to[p * depth + k] = k < channels ? (real)from[p * channels + k] : (real)0;                             \
    }                                                                                                                  \
    static void name(const char *from_, real *to, isize count, isize channels, isize depth)                           \
    {                                                                                                                  \
        const type *from = (const type *)from_;                                                                        \
        if (channels == depth)                                                                                         \
            name##_pixels(from, to, count * channels, 1, 1);                                                           \
        else if (channels == 3 && depth == 4)                                                                          \
            name##_pixels(from, to, count, 3, 4);                                                                      \
        else                                                                                                           \
            name##_pixels(from, to, count, channels, depth);                                                           \
    }
READ(read_uint8, uint8_t)
READ(read_float, float)
READ(read_double, double)

static isize item_size(const crm_augment *c) { return c->kind == 'u' ? 1 : c->kind == 'f' ? 4 : 8; }

/* `count` pixels of the image, from pixel `first` on, `depth` reals apart */
ALWAYS_INLINE void read_pixels(const crm_augment *c, const char *image, isize first, real *to, isize count, isize depth)
{
    const char *from = image + first * c->channels * item_size(c);
    if (c->kind == 'u')
        read_uint8(from, to, count, c->channels, depth);
    else if (c->kind == 'f')
        read_float(from, to, count, c->channels, depth);
    else
        read_double(from, to, count, c->channels, depth);
}

/* ---- any map: blend four pixels of the plane */

static void fill_reals(real *to, isize count, real value)
{
    for (isize k = 0; k < count; k++)
        to[k] = value;
}

/* The image with its margins: the fill, or copies of the edge that only ever weigh 0. */
static void expand(const crm_augment *c, const char *image, real *plane)
{
    const isize depth = depth_of(c), pitch = pitch_of(c), before = margin_before(c), inner = c->width * depth;
    for (isize y = 0; y < c->height; y++) {
        real *row = plane + (y + before) * pitch, *edge = row + before * depth + inner;
        read_pixels(c, image, y * c->width, row + before * depth, c->width, depth);
        if (c->mode == 'c') {
            fill_reals(row, depth, (real)c->fill);
            fill_reals(edge, 2 * depth, (real)c->fill);
        } else
            memcpy(edge, edge - depth, depth * sizeof(real));
    }
    real *below = plane + (before + c->height) * pitch;
    if (c->mode == 'c') {
        fill_reals(plane, pitch, (real)c->fill);
        fill_reals(below, 2 * pitch, (real)c->fill);
    } else
        memcpy(below, below - pitch, pitch * sizeof(real));
}

#if defined(__GNUC__)
ALWAYS_INLINE lanes truncated(vec x) { return __builtin_convertvector(x, lanes); }
ALWAYS_INLINE vec to_reals(lanes x) { return __builtin_convertvector(x, vec); }
ALWAYS_INLINE void store_lanes(lane *to, lanes value) { memcpy(to, &value, sizeof value); }
#else
ALWAYS_INLINE lanes truncated(vec x) { return (lanes)x; }
ALWAYS_INLINE vec to_reals(lanes x) { return (vec)x; }
ALWAYS_INLINE void store_lanes(lane *to, lanes value) { *to = value; }
#endif

ALWAYS_INLINE vec spread(real value) { return (vec){0} + value; }
ALWAYS_INLINE vec floor_of(vec x)
{
    vec whole = to_reals(truncated(x));
    return whole - pick(greater(whole, x), spread(1), (vec){0});
}

/* Mirrored at the outer edges of the first and the last pixel, as often as it takes: d c b a | a b c d | d c b a */
ALWAYS_INLINE vec reflected(vec x, real size)
{
    vec turns = floor_of((x + (real)0.5) * (real)(0.5 / (double)size));
    vec within = x + (real)0.5 - turns * (2 * size) - size;
    return size - pick(greater(within, (vec){0}), within, -within) - (real)0.5;
}

/* Coordinates along one axis, counted from the plane's margin, in [0, last place whose neighbour exists]. */
ALWAYS_INLINE vec in_plane(const crm_augment *c, vec x, isize size)
{
    const real low = (real)-margin_before(c), high = (real)(c->mode == 'c' ? size : size - 1);
    if (c->mode == 'r')
        x = reflected(x, (real)size);
    x = pick(greater(x, spread(low)), x, spread(low)); /* a NaN, too, goes to the edge */
    x = pick(greater(spread(high), x), x, spread(high)) - low;
    return c->nearest ? to_reals(truncated(x + (real)0.5)) : x;
}

/* Corners and fractions of row `row` of the output. */
static void locate(const crm_augment *c, const double *map, isize row, const parts *p)
{
    static const real ramp[LARGEST_LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const real y_first = (real)(map[0] * (double)row + map[2]), x_first = (real)(map[3] * (double)row + map[5]);
    const real y_step = (real)map[1], x_step = (real)map[4];
    const lane pitch = (lane)pitch_of(c), depth = (lane)depth_of(c);
    for (isize i = 0; i < c->width; i += LANES) {
        vec column = load(ramp) + (real)i;
        vec y = in_plane(c, column * y_step + y_first, c->height), x = in_plane(c, column * x_step + x_first, c->width);
        lanes top = truncated(y), left = truncated(x);
        store(p->y + i, y - to_reals(top));
        store(p->x + i, x - to_reals(left));
        store_lanes(p->at + i, top * pitch + left * depth);
    }
}

ALWAYS_INLINE void blend_row(const crm_augment *c, const parts *p, isize depth, isize pitch, real *RESTRICT to)
{
    for (isize i = 0; i < c->width; i++, to += c->channels) {
        const real *corner = p->plane + p->at[i], x = p->x[i], y = p->y[i];
        for (isize k = 0; k < depth; k++) {
            real a = corner[k], b = corner[k + pitch];
            real above = a + x * (corner[k + depth] - a), below = b + x * (corner[k + pitch + depth] - b);
            to[k] = above + y * (below - above); /* the padding spills into the next pixel, which comes next */
        }
    }
}

static void sample(const crm_augment *c, const char *image, const double *map, const parts *p)
{
    const isize depth = depth_of(c), pitch = pitch_of(c);
    expand(c, image, p->plane);
    for (isize row = 0; row < c->height; row++) {
        real *to = p->pixels + row * c->width * c->channels;
        locate(c, map, row, p);
        if (depth == 4)
            blend_row(c, p, 4, pitch, to);
        else if (depth == 1)
            blend_row(c, p, 1, pitch, to);
        else
            blend_row(c, p, depth, pitch, to);
    }
}

/* ---- whole pixels: copy them */

static int is_whole(double x) { return x == (double)(int64_t)x; }
static int moves_whole_pixels(const double *map)
{
    return (map[0] == 1 || map[0] == -1) && map[1] == 0 && is_whole(map[2]) && map[3] == 0 &&
           (map[4] == 1 || map[4] == -1) && is_whole(map[5]);
}

/* Row or column of the source for coordinate `x`, -1 for the fill. */
static isize whole_place(const crm_augment *c, int64_t x, isize size)
{
    if (x >= 0 && x < size)
        return (isize)x;
    if (c->mode == 'c')
        return -1;
    if (c->mode == 'n')
        return x < 0 ? 0 : size - 1;
    x %= 2 * (int64_t)size;
    x += x < 0 ? 2 * (int64_t)size : 0;
    return (isize)(x < size ? x : 2 * (int64_t)size - 1 - x);
}

ALWAYS_INLINE void copy_row(const real *RESTRICT from, const lane *columns, real *RESTRICT to, isize width,
                            isize channels, real fill)
{
    for (isize i = 0; i < width; i++)
        for (isize k = 0; k < channels; k++)
            to[i * channels + k] = columns[i] < 0 ? fill : from[columns[i] * channels + k];
}

static void copy_pixels(const crm_augment *c, const char *image, const double *map, const parts *p)
{
    const isize size = c->width * c->channels;
    const real fill = (real)c->fill;
    for (isize i = 0; i < c->width; i++)
        p->at[i] = (lane)whole_place(c, (int64_t)map[4] * i + (int64_t)map[5], c->width);
    for (isize row = 0; row < c->height; row++) {
        isize from = whole_place(c, (int64_t)map[0] * row + (int64_t)map[2], c->height);
        real *to = p->pixels + row * size;
        if (from < 0) {
            fill_reals(to, size, fill);
            continue;
        }
        read_pixels(c, image, from * c->width, p->plane, c->width, c->channels);
        if (c->channels == 3)
            copy_row(p->plane, p->at, to, c->width, 3, fill);
        else if (c->channels == 1)
            copy_row(p->plane, p->at, to, c->width, 1, fill);
        else
            copy_row(p->plane, p->at, to, c->width, c->channels, fill);
    }
}

/* ---- what follows the map */

/* The mean of one channel; in the order of the pixels, so that every build adds alike. */
static double channel_mean(const crm_augment *c, const char *image, isize channel)
{
    const isize pixels = c->height * c->width;
    double sum = 0;
    for (isize p = 0, k = channel; p < pixels; p++, k += c->channels)
        sum += c->kind == 'u'   ? ((const uint8_t *)image)[k]
               : c->kind == 'f' ? ((const float *)image)[k]
                                : ((const double *)image)[k];
    return sum / (double)pixels;
}

/* pixel = gain * pixel + share of the mean of its channel; cut off at the ends of uint8 where it came from there */
static void tone(const crm_augment *c, const char *image, const double *gains, const parts *p)
{
    const isize row = c->width * c->channels;
    const real gain = (real)gains[0], lowest = c->kind == 'u' ? (real)0 : -(real)INFINITY;
    const real highest = c->kind == 'u' ? (real)255 : (real)INFINITY;
    real *offsets = p->x;
    for (isize k = 0; k < c->channels; k++)
        offsets[k] = gains[1] == 0 ? 0 : (real)(gains[1] * channel_mean(c, image, k));
    for (isize k = c->channels; k < row; k++)
        offsets[k] = offsets[k - c->channels];
    for (isize y = 0; y < c->height; y++)
        for (isize k = 0; k < row; k++) {
            real value = p->pixels[y * row + k] * gain + offsets[k];
            value = value > lowest ? value : lowest;
            p->pixels[y * row + k] = value < highest ? value : highest;
        }
}

static void cut_holes(const crm_augment *c, const int64_t *holes, real *pixels)
{
    for (isize h = 0; h < c->n_holes; h++, holes += 4)
        for (isize y = (isize)holes[0]; y < holes[2]; y++)
            fill_reals(pixels + (y * c->width + holes[1]) * c->channels, (isize)(holes[3] - holes[1]) * c->channels,
                       (real)c->hole_values[h]);
}

static void write_image(const real *RESTRICT pixels, real *RESTRICT out, isize size, real scale)
{
    for (isize k = 0; k < size; k++)
        out[k] = pixels[k] * scale;
}

static void mix_image(const real *RESTRICT pixels, real *RESTRICT out, isize size, real scale, real share, real rest)
{
    for (isize k = 0; k < size; k++)
        out[k] = pixels[k] * scale * share + out[k] * rest;
}

static void augment_image(const crm_augment *c, isize i, void *scratch)
{
    const parts p = parts_of(c, (real *)scratch);
    const isize size = c->height * c->width * c->channels;
    const char *image = c->source + c->indices[i] * c->stride;
    const double *map = c->maps + 6 * i;
    real *out = (real *)c->out + i * size;
    if (i + 1 < c->count)
        ask_for(c->source + c->indices[i + 1] * c->stride, MIN(size * item_size(c), 512));
    if (moves_whole_pixels(map))
        copy_pixels(c, image, map, &p);
    else
        sample(c, image, map, &p);
    if (c->tones && !(c->tones[2 * i] == 1 && c->tones[2 * i + 1] == 0))
        tone(c, image, c->tones + 2 * i, &p);
    cut_holes(c, c->holes + 4 * c->n_holes * i, p.pixels);
    if (c->shares)
        mix_image(p.pixels, out, size, (real)c->scale, (real)c->shares[i], (real)(1.0 - c->shares[i]));
    else
        write_image(p.pixels, out, size, (real)c->scale);
}

const crm_augment_kernels CRM(crm_augment_table) = {scratch_size, augment_image};
