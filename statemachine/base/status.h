/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses: how the world outside the rules fails (disk, network, memory, bytes from outside).
 * A status is local to a process and never replicated; what the rules refuse is an enum kz_result.
 */
#ifndef KZ_STATUS_H
#define KZ_STATUS_H

enum kz_status {
    KZ_OK = 0,
    KZ_NO_MEMORY,   /* an allocation failed */
    KZ_MALFORMED,   /* bytes from outside do not have the form that they should have */
    KZ_CORRUPT,     /* stored bytes differ from what was written */
    KZ_NEWER,       /* a format or protocol version that this build does not know */
    KZ_TOO_LARGE,   /* over a bound */
    KZ_NOT_FOUND,   /* no such entry, file or key */
    KZ_EXISTS,      /* already there */
    KZ_MISMATCH,    /* belongs to another cluster, node or ledger */
    KZ_LOCKED,      /* another process holds the directory */
    KZ_IO,          /* the disk or the network failed */
    KZ_NO_SPACE,    /* the disk or the map is full */
    KZ_POISONED,    /* an earlier commit failed: nothing is written until a restart */
    KZ_UNAVAILABLE, /* no leader, no majority, no trusted clock, or not yet */
    KZ_USAGE,       /* a caller's or an operator's mistake */
};

/* Returns: a short English name, for logs; never NULL. */
const char *kz_status_text(enum kz_status status);

/* A status together with the sentence that an operator reads: what, where, what to do. */
struct kz_error {
    enum kz_status status;
    char text[512];
};

/* Fills ERROR (when it is not NULL) and gives STATUS back, so that a failing function ends in
 * `return kz_error_set(error, KZ_IO, "cannot open %s: %s", path, reason);`. */
enum kz_status kz_error_set(struct kz_error *error, enum kz_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
