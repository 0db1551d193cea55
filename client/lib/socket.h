/* SPDX-License-Identifier: Apache-2.0 */
/* Non-blocking TCP for the blocking wrapper. */
#ifndef KZ_SOCKET_H
#define KZ_SOCKET_H

/* Begins to connect to ADDRESS, "host:port". A host may have several addresses (localhost has ::1
 * and 127.0.0.1): ATTEMPT, a number that grows, says whose turn it is. Returns: a socket that
 * becomes writable when connected (or failed); -1 with a sentence in OUT_REASON (static). */
int kz_socket_dial(const char *address, unsigned attempt, const char **out_reason);

/* Returns: how the connecting ended: 0 or an errno. */
int kz_socket_error(int handle);

#endif
