/* SPDX-License-Identifier: Apache-2.0 */
/* Records into the state machine, a few at a time, so that their waits for memory overlap. */
#ifndef KZ_BENCH_EXECUTE_H
#define KZ_BENCH_EXECUTE_H

#include "statemachine/rules/machine.h"

#include <stdbool.h>
#include <stdint.h>

#define EXECUTE_MAX 16

/* Decodes and applies the next COUNT ≤ EXECUTE_MAX entries. Returns: false when one of them is no
 * record, or none that the machine can apply: it then stands before it. */
bool execute_group(struct kz_machine *machine, const uint8_t *const *records, const uint32_t *sizes,
                   uint32_t count, uint8_t *out_results);

#endif
