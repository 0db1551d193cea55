/* SPDX-License-Identifier: Apache-2.0 */
#include "node/core/lost.h"

#include <inttypes.h>
#include <stdio.h>

void kz_lost_hint(uint64_t id, uint64_t new_id, struct kz_text peer, struct kz_text client,
                  char out[static KZ_LOST_HINT_SIZE])
{
    snprintf(out, KZ_LOST_HINT_SIZE,
             "replace it: start kezekd with --id %" PRIu64 " --join and an empty --data directory, "
             "then type: kezek member add %" PRIu64 "=%.*s --client %.*s --replaces %" PRIu64,
             new_id, new_id, (int)peer.size, peer.bytes, (int)client.size, client.bytes, id);
}
