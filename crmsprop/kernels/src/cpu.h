/* Which of the x86-64 levels this process may run: 0 baseline, 1 x86-64-v3 (AVX2 + FMA), 2 x86-64-v4 (AVX-512). */
#ifndef CRM_CPU_H
#define CRM_CPU_H

#if defined(CRM_X86_LEVELS) && defined(__clang__)
#include <cpuid.h>
/* LZCNT, F16C and MOVBE, for which older clangs have no name. */
static int crm_supports_the_rest_of_v3(void)
{
    unsigned int a, b, c, d, e;
    return __get_cpuid(1, &a, &b, &c, &d) && __get_cpuid(0x80000001, &a, &b, &e, &d) && (e & 1u << 5) &&
           (c & 1u << 29) && (c & 1u << 22);
}
#elif defined(CRM_X86_LEVELS)
static int crm_supports_the_rest_of_v3(void)
{
    return __builtin_cpu_supports("lzcnt") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("movbe");
}
#endif

static int crm_best_isa(void)
{
#ifdef CRM_X86_LEVELS
    /* __builtin_cpu_supports also asks the operating system whether it saves the wide registers. */
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && crm_supports_the_rest_of_v3()))
        return 0;
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512vl")))
        return 1;
    return 2;
#else
    return 0;
#endif
}

#endif
