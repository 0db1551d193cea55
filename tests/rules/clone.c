/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rules/clone.h"

#include "statemachine/base/assert.h"
#include "statemachine/image/image.h"

#include <stdlib.h>
#include <string.h>

static enum kz_status append(void *context, const void *bytes, size_t size)
{
    struct kz_clone *clone = context;
    if (clone->size + size > clone->capacity) {
        size_t capacity = 2 * (clone->size + size);
        uint8_t *room = realloc(clone->bytes, capacity);
        if (room == NULL) return KZ_NO_MEMORY;
        clone->bytes = room;
        clone->capacity = capacity;
    }
    memcpy(clone->bytes + clone->size, bytes, size);
    clone->size += size;
    return KZ_OK;
}

void kz_clone_save(struct kz_clone *clone, const struct kz_machine *machine, uint64_t seed)
{
    struct kz_image_writer writer;
    clone->size = 0;
    kz_image_writer_init(&writer, clone, append, seed);
    kz_machine_save(machine, &writer);
    KZ_ASSERT(kz_image_writer_finish(&writer) == KZ_OK);
}

enum kz_status kz_clone_open(const struct kz_clone *clone, struct kz_machine **out_machine)
{
    struct kz_image_reader reader;
    struct kz_machine *machine = NULL;
    uint64_t seed = 0;
    enum kz_status status = kz_image_reader_init(&reader, clone->bytes, clone->size, &seed);
    if (status != KZ_OK) return status;

    status = kz_machine_open(&kz_allocator_system, seed, &reader, &machine);
    if (status != KZ_OK) return status;
    status = kz_image_reader_finish(&reader);
    if (status != KZ_OK) {
        kz_machine_destroy(machine);
        return status;
    }
    *out_machine = machine;
    return KZ_OK;
}

void kz_clone_finish(struct kz_clone *clone)
{
    free(clone->bytes);
    *clone = (struct kz_clone){NULL, 0, 0};
}
