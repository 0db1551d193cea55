/* SPDX-License-Identifier: Apache-2.0 */
/* libraft's memory. Must not know what is allocated. */
#ifndef KZ_RAFT_HEAP_H
#define KZ_RAFT_HEAP_H

/* Gives libraft, for the whole process, an allocator that ends the process with a sentence where
 * no memory is left, as memory.h does: libraft 0.22.1 frees what it never had when an allocation
 * fails while it decodes a configuration (restore.c). */
void kz_raft_heap_install(void);

#endif
