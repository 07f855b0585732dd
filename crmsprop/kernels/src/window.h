/* The largest value of a pool's window and its place, one vector of channels at a time. */
#ifndef CRM_WINDOW_H
#define CRM_WINDOW_H

#include "crm.h"

/* Where the pixels of a window lie: `row` reals from a row to the next, `pixel` from a pixel to the next. */
typedef struct {
    isize high, wide, row, pixel;
} window;

/* The first of equal values wins, and a NaN before all. Only `count` lanes are read and mean something. */
ALWAYS_INLINE vec largest(window w, const real *values, isize count, lanes *place)
{
    vec best = load_some(values, count);
    *place = spread_lane(0);
    for (isize i = 0, number = 0; i < w.high; i++)
        for (isize j = 0; j < w.wide; j++, number++) {
            if (number == 0)
                continue;
            vec value = load_some(values + i * w.row + j * w.pixel, count);
            lanes wins = greater(value, best) | not_a_number(value);
            best = pick(wins, value, best);
            *place = (wins & spread_lane((int)number)) | (~wins & *place);
        }
    return best;
}

/* Values to y, and places to argmax unless it is NULL. */
ALWAYS_INLINE void store_largest(vec best, lanes place, isize count, real *y, unsigned char *argmax)
{
    unsigned char places[LANES];
    store_some(y, best, count);
    if (argmax == NULL)
        return;
    if (count >= LANES) {
        store_bytes(argmax, place);
        return;
    }
    store_bytes(places, place);
    memcpy(argmax, places, count);
}

#endif
