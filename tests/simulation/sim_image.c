/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/sim_image.h"

#include "node/core/image.h"
#include "node/core/memory.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_network.h"

#include <string.h>

static enum kz_status append(void *context, const void *bytes, size_t size)
{
    struct kz_sim_image *image = context;

    if (size == 0) return KZ_OK; /* of no image at all */
    if (image->size + size > image->capacity) {
        image->capacity = 2 * (image->size + size);
        image->bytes = kz_memory_resize(image->bytes, image->capacity);
    }
    memcpy(image->bytes + image->size, bytes, size);
    image->size += size;
    return KZ_OK;
}

static void discard(struct kz_sim_image *image)
{
    free(image->bytes);
    *image = (struct kz_sim_image){0};
}

void kz_sim_image_order(struct kz_sim *sim, struct kz_sim_node *node, uint64_t index)
{
    KZ_ASSERT(node->saving.index == 0);
    node->saving.index = index;
    node->saving.done_ms = sim->now_ms + 1 + kz_sim_random(sim, 10 * sim->options.disk_ms);
    enum kz_status status = kz_core_save(node->core, &node->saving, append);
    KZ_ASSERT(status == KZ_OK);
}

void kz_sim_image_tick(struct kz_sim *sim, struct kz_sim_node *node)
{
    struct kz_sim_disk *disk = &node->disk;
    struct kz_event event = {.type = KZ_EVENT_IMAGE};

    if (node->saving.index == 0 || node->saving.done_ms > sim->now_ms) return;
    if (node->saving.index > disk->applied) return;
    if (disk->full) {
        event.status = KZ_NO_SPACE;
        discard(&node->saving);
    } else {
        discard(&disk->images[1]);
        disk->images[1] = disk->images[0];
        disk->images[0] = node->saving;
        node->saving = (struct kz_sim_image){0};
    }
    kz_sim_event(node, &event, NULL);
}

void kz_sim_image_crash(struct kz_sim_node *node)
{
    discard(&node->saving);
    free(node->area);
    node->area = NULL;
}

void kz_sim_image_copy(const struct kz_sim_disk *disk, struct kz_sim_disk *copy)
{
    for (int i = 0; i < 2; i++) {
        copy->images[i] = (struct kz_sim_image){.index = disk->images[i].index};
        (void)append(&copy->images[i], disk->images[i].bytes, disk->images[i].size);
    }
}

void kz_sim_image_clear(struct kz_sim_disk *disk)
{
    discard(&disk->images[0]);
    discard(&disk->images[1]);
}

/* An image whose entry is not in the ledger is judged against none. */
static struct kz_core_image *open_one(struct kz_sim_node *node, const struct kz_sim_image *saved,
                                      const struct kz_core_options *options)
{
    struct kz_error error;
    struct kz_core_image *image = NULL;
    struct kz_batch *entry = NULL;
    const struct kz_load_order order = {
        .first = saved->index, .count_max = 1, .size_max = KZ_RECORD_SIZE_MAX};

    if (kz_sim_disk_read(&node->disk, &order, &entry, NULL, &error) != KZ_OK)
        entry = kz_batch_create(saved->index, 1, KZ_RECORD_SIZE_MAX);
    node->area = kz_memory_resize(NULL, saved->size);
    memcpy(node->area, saved->bytes, saved->size);
    enum kz_status status =
        kz_core_image_open(node->area, saved->size, options, entry, &image, &error);
    kz_batch_release(entry);
    if (status == KZ_OK) return image;
    node->image_refused = error;
    free(node->area);
    node->area = NULL;
    return NULL;
}

struct kz_core_image *kz_sim_image_open(struct kz_sim_node *node,
                                        const struct kz_core_options *options)
{
    struct kz_core_image *image = NULL;

    node->image_refused = (struct kz_error){0};
    node->started_from = 0;
    for (int i = 0; i < 2 && image == NULL; i++) {
        if (node->disk.images[i].index == 0) continue;
        image = open_one(node, &node->disk.images[i], options);
    }
    if (image != NULL) node->started_from = kz_core_image_index(image);
    return image;
}
