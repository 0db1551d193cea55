/* SPDX-License-Identifier: Apache-2.0 */
/* The images in a node's directory:
 *
 *   DIR/state/image-N   the state after entry N, durable; the last two are kept
 *   DIR/state/new       one that is being written; what an earlier process left is removed
 *
 * An image that is refused stays where it is until a good one that is newer was saved. */
#ifndef KZ_IMAGES_H
#define KZ_IMAGES_H

#include "log/log.h"
#include "node/core/image.h"
#include "node/shell/arena.h"

/* What was opened at the start. */
struct kz_images_opened {
    struct kz_core_image *image; /* NULL: none */
    uint64_t index;              /* 0: none */
    uint64_t bytes;
    double seconds;      /* that it took, refused ones included */
    double time_seconds; /* when it was saved, since 1970 UTC */
};

/* Removes what is left of an unfinished image, then opens the newest one that belongs to LOG and is
 * whole, in memory of ARENA. The journal is told of each that is refused, and why. */
void kz_images_open(const char *directory, struct kz_log *log,
                    const struct kz_core_options *options, struct kz_arena *arena,
                    struct kz_images_opened *out_opened);

/* Makes DIR/state/new, with room on the disk for SIZE bytes and as many again; where there is less,
 * all images but the newest are removed first. Errors: KZ_NO_SPACE, KZ_IO. */
enum kz_status kz_images_create_new(const char *directory, uint64_t size, int *out_file,
                                    struct kz_error *error);

/* Makes DIR/state/new, which is whole and synced, the image of entry INDEX, and removes all others
 * but that of entry BEFORE. Errors: KZ_IO, KZ_NO_SPACE, KZ_NOT_FOUND. */
enum kz_status kz_images_keep_new(const char *directory, uint64_t index, uint64_t before,
                                  uint64_t *out_bytes, struct kz_error *error);

/* Removes DIR/state/new, if it is there. */
void kz_images_remove_new(const char *directory);

#endif
