/* SPDX-License-Identifier: Apache-2.0 */
/* The records that the driver's tests append. */
#ifndef KZ_TEST_RECORDS_H
#define KZ_TEST_RECORDS_H

#include "log/batch.h"
#include "statemachine/record/record.h"

#include <stddef.h>
#include <stdint.h>

/* Encodes the membership that ROLES spells. Returns: its size. */
size_t kz_test_membership(const char *roles, uint8_t *record, size_t capacity);

/* Adds the application that carries MARK. */
void kz_test_application(struct kz_batch *batch, uint64_t term, int64_t time, uint64_t mark);

#endif
