/* Which of the x86-64 levels this process may run: 0 baseline, 1 x86-64-v3 (AVX2 + FMA), 2 x86-64-v4 (AVX-512). */
#ifndef CRM_CPU_H
#define CRM_CPU_H

static int crm_best_isa(void)
{
#ifdef CRM_X86_LEVELS
    /* __builtin_cpu_supports also asks the operating system whether it saves the wide registers. */
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("lzcnt") &&
          __builtin_cpu_supports("f16c") && __builtin_cpu_supports("movbe")))
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
