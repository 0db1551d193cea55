/* SPDX-License-Identifier: Apache-2.0 */
/* The store's insides, shared by the files that know LMDB: store.c, free_pages.c and readers.c. */
#ifndef KZ_STORE_STATE_H
#define KZ_STORE_STATE_H

#include "log/store.h"

#include <lmdb.h>

struct kz_store {
    MDB_env *environment;
    MDB_dbi tables[KZ_TABLE_END];
    int file; /* LMDB's own descriptor of the data file */
    uint64_t page_size;
    uint64_t map_size;
    uint64_t room;        /* bytes of file to be kept behind what the next write needs */
    uint64_t used_before; /* bytes up to the last page in use, at the last write */
    uint64_t zeroed_end;  /* behind the blocks that zero_ahead() wrote */
    bool has_room;
    char path[];
};

/* CODE: of LMDB or an errno, not MDB_SUCCESS. Returns: its status, with a sentence in ERROR. */
enum kz_status kz_store_fail(const struct kz_store *store, int code, struct kz_error *error);

#endif
