/* Gathers the tables of one kernel source: name[instruction set][0 for float, 1 for double].
 *
 * setup.py defines CRM_X86_LEVELS where the compiler built the x86-64-v3 and -v4 objects; elsewhere the portable
 * build stands in their place, and _cpu.pyx never chooses them.
 */
#ifndef CRM_ISA_H
#define CRM_ISA_H

#include <stddef.h>

typedef ptrdiff_t isize; /* every size and index: long is 32 bits on some platforms */

#define CRM_BASELINE_PAIR(name) {&name##_f32_baseline, &name##_f64_baseline}
#ifdef CRM_X86_LEVELS
#define CRM_DISPATCH(type, name)                                                                                       \
    extern const type name##_f32_baseline, name##_f64_baseline, name##_f32_v3, name##_f64_v3, name##_f32_v4,           \
        name##_f64_v4;                                                                                                 \
    static const type *const name[3][2] = {                                                                            \
        CRM_BASELINE_PAIR(name), {&name##_f32_v3, &name##_f64_v3}, {&name##_f32_v4, &name##_f64_v4}};
#else
#define CRM_DISPATCH(type, name)                                                                                       \
    extern const type name##_f32_baseline, name##_f64_baseline;                                                        \
    static const type *const name[3][2] = {CRM_BASELINE_PAIR(name), CRM_BASELINE_PAIR(name), CRM_BASELINE_PAIR(name)};
#endif

#endif
