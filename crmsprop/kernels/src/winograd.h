/* Winograd's minimal filtering F(4 x 4, 3 x 3): a 4 x 4 tile of outputs from 36 products in place of 144.
 *
 * At six points a convolution is a product of polynomials' values (Toom and Cook). A row and then a column of a tile is
 * taken to the points by the matrices of Lavin and Gray (2016), "Fast Algorithms for Convolutional Neural Networks",
 * section 4, here for the points 0, NEAR, -NEAR, FAR, -FAR and infinity:
 *
 *     y  = A^T [(G g G^T) * (B^T d B)] A           d the 6 x 6 inputs, g the 3 x 3 taps, y the 4 x 4 outputs
 *     dg = G^T [(B^T d B) * (A dy A^T)] G          summed over all tiles before the last step
 *
 * The points decide the rounding error. Of the largest value, float32, 128 channels of 16 x 16, random data: 0.75 and 1.5
 * give 2.3e-6 forward, 2.7e-6 in dx, 9e-7 in dg; 1 and 2, the usual ones, 9e-6, 1e-5 and 3e-6; 0.625 and 1.5 much as the
 * first; the direct sum 1e-6. An infinite or NaN input spreads over its tiles, never to another image.
 *
 * Each function below is one such matrix times a column of vectors, which hold one channel a lane.
 */
#ifndef CRM_WINOGRAD_H
#define CRM_WINOGRAD_H

#include "crm.h"

#define NEAR 0.75
#define FAR 1.5
#define TILE 4    /* outputs along a side of a tile */
#define REACH 6   /* inputs along a side */
#define POINTS 36 /* REACH * REACH */

#define NEAR2 (NEAR * NEAR)
#define FAR2 (FAR * FAR)
#define ZERO_SHARE ((real)(1 / (NEAR2 * FAR2))) /* 1 / product of the distances to the other finite points */
#define NEAR_SHARE ((real)(1 / (2 * NEAR2 * (NEAR2 - FAR2))))
#define FAR_SHARE ((real)(1 / (2 * FAR2 * (FAR2 - NEAR2))))

/* B^T d */
ALWAYS_INLINE void input_to_points(const vec d[REACH], vec p[REACH])
{
    const real near = (real)NEAR, far = (real)FAR, near2 = (real)NEAR2, far2 = (real)FAR2;
    const real product = (real)(NEAR2 * FAR2), sum = (real)(NEAR2 + FAR2);
    vec near_even = d[4] - far2 * d[2], near_odd = near * (d[3] - far2 * d[1]);
    vec far_even = d[4] - near2 * d[2], far_odd = far * (d[3] - near2 * d[1]);
    p[0] = product * d[0] - sum * d[2] + d[4];
    p[1] = near_even + near_odd;
    p[2] = near_even - near_odd;
    p[3] = far_even + far_odd;
    p[4] = far_even - far_odd;
    p[5] = product * d[1] - sum * d[3] + d[5];
}

/* G g */
ALWAYS_INLINE void taps_to_points(const vec g[3], vec p[REACH])
{
    vec near_even = (g[0] + (real)NEAR2 * g[2]) * NEAR_SHARE, near_odd = g[1] * ((real)NEAR * NEAR_SHARE);
    vec far_even = (g[0] + (real)FAR2 * g[2]) * FAR_SHARE, far_odd = g[1] * ((real)FAR * FAR_SHARE);
    p[0] = g[0] * ZERO_SHARE;
    p[1] = near_even + near_odd;
    p[2] = near_even - near_odd;
    p[3] = far_even + far_odd;
    p[4] = far_even - far_odd;
    p[5] = g[2];
}

/* A^T p */
ALWAYS_INLINE void points_to_output(const vec p[REACH], vec y[TILE])
{
    vec near_even = p[1] + p[2], near_odd = (real)NEAR * (p[1] - p[2]);
    vec far_even = p[3] + p[4], far_odd = (real)FAR * (p[3] - p[4]);
    y[0] = p[0] + near_even + far_even;
    y[1] = near_odd + far_odd;
    y[2] = (real)NEAR2 * near_even + (real)FAR2 * far_even;
    y[3] = (real)NEAR2 * near_odd + (real)FAR2 * far_odd + p[5];
}

/* A dy */
ALWAYS_INLINE void gradient_to_points(const vec dy[TILE], vec p[REACH])
{
    vec near_even = dy[0] + (real)NEAR2 * dy[2], near_odd = (real)NEAR * (dy[1] + (real)NEAR2 * dy[3]);
    vec far_even = dy[0] + (real)FAR2 * dy[2], far_odd = (real)FAR * (dy[1] + (real)FAR2 * dy[3]);
    p[0] = dy[0];
    p[1] = near_even + near_odd;
    p[2] = near_even - near_odd;
    p[3] = far_even + far_odd;
    p[4] = far_even - far_odd;
    p[5] = dy[3];
}

/* G^T p */
ALWAYS_INLINE void points_to_taps(const vec p[REACH], vec g[3])
{
    vec near = (p[1] + p[2]) * NEAR_SHARE, far = (p[3] + p[4]) * FAR_SHARE;
    g[0] = p[0] * ZERO_SHARE + near + far;
    g[1] = (p[1] - p[2]) * ((real)NEAR * NEAR_SHARE) + (p[3] - p[4]) * ((real)FAR * FAR_SHARE);
    g[2] = (real)NEAR2 * near + (real)FAR2 * far + p[5];
}

/* Both sides: columns first, then rows, of a `from` x `from` tile that becomes `to` x `to`. */
#define WINOGRAD_BOTH(name, side, from, to)                                                                            \
    ALWAYS_INLINE void name(vec in[from][from], vec out[to][to])                                                       \
    {                                                                                                                  \
        vec half[from][to];                                                                                            \
        UNROLL                                                                                                         \
        for (int j = 0; j < from; j++) {                                                                               \
            vec column[from];                                                                                          \
            for (int i = 0; i < from; i++)                                                                             \
                column[i] = in[i][j];                                                                                  \
            side(column, half[j]);                                                                                     \
        }                                                                                                              \
        UNROLL                                                                                                         \
        for (int i = 0; i < to; i++) {                                                                                 \
            vec row[from];                                                                                             \
            for (int j = 0; j < from; j++)                                                                             \
                row[j] = half[j][i];                                                                                   \
            side(row, out[i]);                                                                                         \
        }                                                                                                              \
    }
WINOGRAD_BOTH(tile_to_points, input_to_points, REACH, REACH)
WINOGRAD_BOTH(filter_to_points, taps_to_points, 3, REACH)
WINOGRAD_BOTH(points_to_tile, points_to_output, REACH, TILE)
WINOGRAD_BOTH(gradient_tile_to_points, gradient_to_points, TILE, REACH)
WINOGRAD_BOTH(points_to_filter, points_to_taps, REACH, 3)

#endif
