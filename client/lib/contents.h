/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer holds, as the public structs. */
#ifndef KZ_CONTENTS_H
#define KZ_CONTENTS_H

#include "client/lib/client.h"

/* ITEMS points to COUNT structs of the kind that belongs to the question, inside `one`, `list` or
 * `memory`. Texts in them are static or copied: nothing points into the answer's bytes. */
struct kz_contents {
    const void *items;
    uint32_t count;
    void *memory; /* of a list that is as long as the node makes it, else NULL */
    union {
        struct kezek_status status;
        struct kezek_application application;
        struct kezek_queue queue; /* its numbers are in `list` */
        struct kezek_outcome outcome;
        struct kezek_territory territory;
        struct kezek_members members; /* those are in `list` */
    } one;
    union {
        struct kezek_position positions[KZ_NUMBERS_MAX];
        uint64_t numbers[KZ_NUMBERS_MAX];
        struct kezek_member members[KZ_MEMBERS_MAX];
    } list;
};

/* Reads the whole of what answers QUESTION. Returns: KEZEK_OK; KEZEK_PROTOCOL when it is malformed,
 * or more or less than was asked for; KEZEK_NO_MEMORY. OUT is to be finished in any case. */
enum kezek_code kz_contents_read(const struct question *question, struct kz_reader *reader,
                                 struct kz_contents *out);
void kz_contents_finish(struct kz_contents *contents);

#endif
