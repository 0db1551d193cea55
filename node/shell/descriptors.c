/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/descriptors.h"

#include "node/core/bounds.h"
#include "node/shell/journal.h"
#include "node/shell/sockets.h"

#include <assert.h>
#include <sys/resource.h>

#define FILES 32 /* the ledger's, the loop's, small ones, and some to spare: a node has 19 open */

static_assert(KZ_DESCRIPTORS_KEPT >=
                  KZ_PEER_CONNECTIONS_MAX + 4 * KZ_MEMBERS_MAX + KZ_ADMIN_CONNECTIONS_MAX + FILES,
              "all but clients have theirs");

uint32_t kz_descriptors_clients(uint64_t limit, uint32_t connections)
{
    if (limit <= KZ_DESCRIPTORS_KEPT) return 0;
    uint64_t room = limit - KZ_DESCRIPTORS_KEPT;
    if (room >= kz_sockets_clients_size(connections)) return connections;

    /* As many again may linger, up to the bound. */
    uint64_t half = room / 2;
    return (uint32_t)(half < KZ_ENDING_CONNECTIONS_MAX ? half : room - KZ_ENDING_CONNECTIONS_MAX);
}

enum kz_status kz_descriptors_grant(uint32_t connections, uint32_t *out_connections,
                                    struct kz_error *error)
{
    struct rlimit limit = {0, 0};
    rlim_t wanted = (rlim_t)KZ_DESCRIPTORS_KEPT + kz_sockets_clients_size(connections);

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = {limit.rlim_max < wanted ? limit.rlim_max : wanted, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    uint32_t clients = kz_descriptors_clients(limit.rlim_cur, connections);
    if (clients == 0) {
        return kz_error_set(error, KZ_USAGE,
                            "this process may open %llu files, and a node needs more than %d: "
                            "raise LimitNOFILE (ulimit -n)",
                            (unsigned long long)limit.rlim_cur, KZ_DESCRIPTORS_KEPT + 1);
    }
    if (clients < connections) {
        kz_journal(
            KZ_NOTICE_WARNING,
            "few_descriptors limit=%llu wanted=%llu connections=%u hint=\"so many clients are "
            "let in: raise LimitNOFILE or lower --connections\"",
            (unsigned long long)limit.rlim_cur, (unsigned long long)wanted, clients);
    }
    *out_connections = clients;
    return KZ_OK;
}
