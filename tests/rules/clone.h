/* SPDX-License-Identifier: Apache-2.0 */
/* A second machine by way of an image: saved into memory and opened from there. For tests. */
#ifndef KZ_TESTS_CLONE_H
#define KZ_TESTS_CLONE_H

#include "statemachine/base/status.h"
#include "statemachine/rules/machine.h"

#include <stddef.h>
#include <stdint.h>

/* The image's bytes; all zero before. They outlive the machine that was opened from them. */
struct kz_clone {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

/* Saves MACHINE (made with SEED) into CLONE, replacing what it held. */
void kz_clone_save(struct kz_clone *clone, const struct kz_machine *machine, uint64_t seed);

/* Opens the image. Returns: the status of whatever failed first. */
enum kz_status kz_clone_open(const struct kz_clone *clone, struct kz_machine **out_machine);

void kz_clone_finish(struct kz_clone *clone);

#endif
