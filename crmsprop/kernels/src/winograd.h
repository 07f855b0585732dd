/* Winograd's minimal filtering F(4 x 4, 3 x 3): a 4 x 4 tile of outputs from 36 products in place of 144.
 *
 * At the six points 0, 1, -1, 2, -2 and infinity a convolution is a product of polynomials' values. A row and then a
 * column of a tile is taken to the points by the matrices of Lavin and Gray (2016), "Fast Algorithms for Convolutional
 * Neural Networks", section 4.3:
 *
 *     y  = A^T [(G g G^T) * (B^T d B)] A           d the 6 x 6 inputs, g the 3 x 3 taps, y the 4 x 4 outputs
 *     dg = G^T [(B^T d B) * (A dy A^T)] G          summed over all tiles before the last step
 *
 * Each function below is one such matrix times a column of vectors, which hold one channel a lane. The products by 1/24
 * to 8 cost about one more bit of rounding than the direct sum; the largest values bound the error in both.
 */
#ifndef CRM_WINOGRAD_H
#define CRM_WINOGRAD_H

#include "crm.h"

#define TILE 4    /* outputs along a side of a tile */
#define REACH 6   /* inputs along a side */
#define POINTS 36 /* REACH * REACH */

/* B^T d */
ALWAYS_INLINE void input_to_points(const vec d[REACH], vec p[REACH])
{
    vec even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1], far = d[4] - d[2], twice = 2 * (d[3] - d[1]);
    p[0] = 4 * d[0] - 5 * d[2] + d[4];
    p[1] = even + odd;
    p[2] = even - odd;
    p[3] = far + twice;
    p[4] = far - twice;
    p[5] = 4 * d[1] - 5 * d[3] + d[5];
}

/* G g */
ALWAYS_INLINE void taps_to_points(const vec g[3], vec p[REACH])
{
    vec ends = (g[0] + g[2]) * (real)(-1.0 / 6), middle = g[1] * (real)(1.0 / 6);
    vec far = g[0] * (real)(1.0 / 24) + g[2] * (real)(1.0 / 6), half = g[1] * (real)(1.0 / 12);
    p[0] = g[0] * (real)0.25;
    p[1] = ends - middle;
    p[2] = ends + middle;
    p[3] = far + half;
    p[4] = far - half;
    p[5] = g[2];
}

/* A^T p */
ALWAYS_INLINE void points_to_output(const vec p[REACH], vec y[TILE])
{
    vec near = p[1] + p[2], turn = p[1] - p[2], far = p[3] + p[4], far_turn = p[3] - p[4];
    y[0] = p[0] + near + far;
    y[1] = turn + 2 * far_turn;
    y[2] = near + 4 * far;
    y[3] = turn + 8 * far_turn + p[5];
}

/* A dy */
ALWAYS_INLINE void gradient_to_points(const vec dy[TILE], vec p[REACH])
{
    vec even = dy[0] + dy[2], odd = dy[1] + dy[3], far = dy[0] + 4 * dy[2], twice = 2 * dy[1] + 8 * dy[3];
    p[0] = dy[0];
    p[1] = even + odd;
    p[2] = even - odd;
    p[3] = far + twice;
    p[4] = far - twice;
    p[5] = dy[3];
}

/* G^T p */
ALWAYS_INLINE void points_to_taps(const vec p[REACH], vec g[3])
{
    vec near = (p[1] + p[2]) * (real)(-1.0 / 6), far = p[3] + p[4];
    g[0] = p[0] * (real)0.25 + near + far * (real)(1.0 / 24);
    g[1] = (p[2] - p[1]) * (real)(1.0 / 6) + (p[3] - p[4]) * (real)(1.0 / 12);
    g[2] = near + far * (real)(1.0 / 6) + p[5];
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
