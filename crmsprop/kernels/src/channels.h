/* Loops over the channels of a pixel, a vector at a time, where a pixel has any number of them.
 *
 * With a vector of channels or more the last vector begins early enough to end with the last channel: some channels are
 * computed twice, to the same bits, and no load or store is a partial one. With fewer, one vector is read past the pixel,
 * where the array goes on, and only its channels are stored.
 */
#ifndef CRM_CHANNELS_H
#define CRM_CHANNELS_H

#include "crm.h"

ALWAYS_INLINE int is_narrow(isize channels) { return channels < LANES; }

/* Where the vector begins whose first new channel is `channel`. */
ALWAYS_INLINE isize vector_start(isize channel, isize channels) { return MIN(channel, MAX(channels - LANES, 0)); }

/* A vector of which only lanes before `end`, the end of the array, are read. */
ALWAYS_INLINE vec load_before(int narrow, const real *from, const real *end)
{
    return narrow && end - from < LANES ? load_some(from, end - from) : load(from);
}

ALWAYS_INLINE void store_channels(int narrow, real *to, vec value, isize channels)
{
    if (narrow)
        store_some(to, value, channels);
    else
        store(to, value);
}

#endif
