/* Multiply-adds as fast as the core can: chains in registers, of the widest vectors that it has. */
typedef float vec __attribute__((vector_size(64)));

float fma_peak(long rounds, float factor)
{
    vec sums[12], a, b;
    for (int j = 0; j < 16; j++)
        a[j] = factor, b[j] = 1 - factor;
    for (int i = 0; i < 12; i++)
        sums[i] = a;
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++)
            sums[i] = sums[i] * a + b;
    }
    float total = 0;
    for (int i = 0; i < 12; i++)
        total += sums[i][0];
    return total;
}
