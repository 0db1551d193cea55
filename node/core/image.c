/* SPDX-License-Identifier: Apache-2.0 */
/* Images of a core: opening and saving (image.h). */
#include "node/core/image.h"

#include "node/core/calls.h"
#include "node/core/memory.h"
#include "node/core/place.h"
#include "statemachine/image/image.h"

#include <string.h>

#define TAG_PLACE 0x43414c50U /* "PLAC" */
#define TAG_DIGESTS                                                              \
    0x31474944U /* "DIG1": the notes of digests, in three blocks (log/digests.h) \
                 */

struct kz_core_image {
    struct kz_machine *machine;
    struct kz_digests *digests;
    struct kz_place place; /* its records lie in the image's area */
    uint64_t seed;
    size_t size;
};

/* ---- Opening ---- */

static enum kz_status damaged(struct kz_error *error, enum kz_status status)
{
    if (status == KZ_NEWER)
        return kz_error_set(error, status, "it is of another version of the program");
    return kz_error_set(error, KZ_CORRUPT, "it is damaged");
}

/* Compares the place with the ledger. */
static enum kz_status check_place(const struct kz_place *place,
                                  const struct kz_core_options *options,
                                  const struct kz_batch *entry, struct kz_error *error)
{
    const struct kz_core_ledger *ledger = &options->ledger;

    if (memcmp(place->cluster, options->identity.cluster, KZ_ID_SIZE) != 0)
        return kz_error_set(error, KZ_MISMATCH, "it is of another cluster");
    if (memcmp(place->incarnation, options->identity.incarnation, KZ_ID_SIZE) != 0)
        return kz_error_set(error, KZ_MISMATCH, "it is of another node");
    if (place->index > ledger->applied)
        return kz_error_set(error, KZ_MISMATCH, "it is ahead of the results in the ledger");
    if (entry->count != 1 || entry->first_index != place->index)
        return kz_error_set(error, KZ_MISMATCH, "it is of another entry than its name says");

    uint32_t size;
    const uint8_t *record = kz_batch_record(entry, 0, &size);
    struct kz_hash128 hash = kz_hash128(record, size);
    uint64_t term = kz_log_term_of(ledger->runs, ledger->run_count, place->index);
    if (place->term != term || hash.low != place->entry.low || hash.high != place->entry.high) {
        return kz_error_set(error, KZ_MISMATCH, "it is of another ledger");
    }
    return KZ_OK;
}

/* Returns: whether MACHINE is what stands at PLACE. */
static bool is_at(const struct kz_machine *machine, const struct kz_place *place)
{
    uint8_t digest[KZ_ID_SIZE];

    kz_machine_digest(machine, digest);
    return kz_machine_applied(machine) == place->index &&
           memcmp(digest, place->digest, KZ_ID_SIZE) == 0;
}

static enum kz_status open_digests(struct kz_image_reader *reader,
                                   const struct kz_core_options *options,
                                   struct kz_core_image *image, struct kz_error *error)
{
    struct kz_digests_bytes bytes;
    const uint8_t *head = kz_image_read(reader, TAG_DIGESTS, KZ_DIGESTS_HEAD_SIZE);
    if (head == NULL) return damaged(error, reader->status);

    memcpy(bytes.head, head, KZ_DIGESTS_HEAD_SIZE);
    if (kz_digests_measure(&bytes) != KZ_OK) return damaged(error, KZ_CORRUPT);
    bytes.points = kz_image_read(reader, TAG_DIGESTS, bytes.points_size);
    bytes.results = kz_image_read(reader, TAG_DIGESTS, bytes.results_size);
    if (reader->status != KZ_OK) return damaged(error, reader->status);

    image->digests = kz_agreement_digests(options);
    enum kz_status status = kz_digests_restore(image->digests, &bytes);
    if (status == KZ_OK && kz_digests_noted(image->digests) == image->place.index) return KZ_OK;
    kz_digests_destroy(image->digests);
    return damaged(error, KZ_CORRUPT);
}

static enum kz_status open_machine(struct kz_image_reader *reader,
                                   const struct kz_core_options *options,
                                   struct kz_core_image *image, struct kz_error *error)
{
    enum kz_status status =
        kz_machine_open(options->allocator, image->seed, reader, &image->machine);

    if (status != KZ_OK) return damaged(error, status);
    if (kz_image_reader_finish(reader) == KZ_OK && is_at(image->machine, &image->place))
        return KZ_OK;
    kz_machine_destroy(image->machine);
    return damaged(error, KZ_CORRUPT);
}

enum kz_status kz_core_image_open(void *area, size_t size, const struct kz_core_options *options,
                                  const struct kz_batch *entry, struct kz_core_image **out_image,
                                  struct kz_error *error)
{
    struct kz_core_image image = {.size = size};
    struct kz_image_reader reader;
    enum kz_status status = kz_image_reader_init(&reader, area, size, &image.seed);
    if (status != KZ_OK) return damaged(error, status);

    const uint8_t *place = kz_image_read(&reader, TAG_PLACE, KZ_PLACE_SIZE);
    status = place == NULL ? reader.status : kz_place_decode(place, &image.place);
    if (status != KZ_OK) return damaged(error, status);
    status = check_place(&image.place, options, entry, error);
    if (status == KZ_OK) status = open_digests(&reader, options, &image, error);
    if (status != KZ_OK) return status;
    status = open_machine(&reader, options, &image, error);
    if (status != KZ_OK) {
        kz_digests_destroy(image.digests);
        return status;
    }

    *out_image = kz_memory_resize(NULL, sizeof image);
    **out_image = image;
    return KZ_OK;
}

void kz_core_image_close(struct kz_core_image *image)
{
    if (image == NULL) return;
    kz_machine_destroy(image->machine);
    kz_digests_destroy(image->digests);
    free(image);
}

uint64_t kz_core_image_index(const struct kz_core_image *image)
{
    return image->place.index;
}

/* Copies the membership in the record at BYTES, which was decoded before. */
static void copy_members(struct kz_members *out, const uint8_t *bytes, uint32_t size)
{
    struct kz_entry entry;
    enum kz_status status = kz_record_decode(bytes, size, &entry);
    bool fits = status == KZ_OK && kz_members_copy(out, &entry.membership);
    KZ_ASSERT(fits);
}

void kz_imaging_take(struct kz_core *core, struct kz_core_image *image)
{
    const struct kz_place *place = &image->place;

    core->machine = image->machine;
    kz_agreement_init(core, image->digests);
    core->imaging.seed = image->seed;
    core->imaging.mapped_size = image->size;
    core->imaging.saved = place->index;
    core->imaging.entry = place->entry;
    core->applied = place->index;
    core->applied_term = place->term;
    core->members_index = place->membership_index;
    core->id_max = place->id_max;
    copy_members(&core->members, place->membership, place->membership_size);
    if (place->founders_size > 0)
        copy_members(&core->founders, place->founders, place->founders_size);
    free(image);
}

/* ---- Saving ---- */

enum kz_status kz_core_save(const struct kz_core *core, void *context,
                            enum kz_status (*write)(void *context, const void *bytes, size_t size))
{
    struct kz_image_writer writer;
    struct kz_digests_bytes digests;
    uint8_t block[KZ_PLACE_SIZE];
    struct kz_place place = {
        .index = core->applied,
        .term = core->applied_term,
        .entry = core->imaging.entry,
        .membership_index = core->members_index,
        .id_max = core->id_max,
        .membership = core->members.record,
        .membership_size = (uint32_t)core->members.record_size,
        .founders_size = (uint32_t)core->founders.record_size,
        .founders = core->founders.record,
    };

    memcpy(place.cluster, core->identity.cluster, KZ_ID_SIZE);
    memcpy(place.incarnation, core->identity.incarnation, KZ_ID_SIZE);
    kz_machine_digest(core->machine, place.digest);
    kz_place_encode(&place, block);
    kz_image_writer_init(&writer, context, write, core->imaging.seed);
    kz_image_write(&writer, TAG_PLACE, block, sizeof block);
    kz_digests_save(core->agreement.digests, &digests);
    kz_image_write(&writer, TAG_DIGESTS, digests.head, sizeof digests.head);
    kz_image_write(&writer, TAG_DIGESTS, digests.points, digests.points_size);
    kz_image_write(&writer, TAG_DIGESTS, digests.results, digests.results_size);
    kz_machine_save(core->machine, &writer);
    return kz_image_writer_finish(&writer);
}
