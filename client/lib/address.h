/* SPDX-License-Identifier: Apache-2.0 */
/* A node's address for the two glues that look hosts up. Inline, as the libuv glue is a library of
 * its own and libkezek exports its public functions alone. */
#ifndef KZ_ADDRESS_H
#define KZ_ADDRESS_H

#include <kezek/kezek.h>
#include <netdb.h>
#include <string.h>

/* Splits ADDRESS, "host:port" or "[host]:port", of at most KEZEK_ADDRESS_SIZE bytes. Returns: the
 * port's text, inside ADDRESS. */
static inline const char *kz_address_split(const char *address,
                                           char out_host[static KEZEK_ADDRESS_SIZE])
{
    const char *colon = strrchr(address, ':');
    size_t size = (size_t)(colon - address);

    if (size >= 2 && address[0] == '[' && colon[-1] == ']') { /* [::1]:7000 */
        address++;
        size -= 2;
    }
    memcpy(out_host, address, size);
    out_host[size] = '\0';
    return colon + 1;
}

/* Returns: the address whose turn it is at ATTEMPT, of the list that a look-up FOUND (localhost has
 * ::1 and 127.0.0.1). */
static inline const struct addrinfo *kz_address_of_turn(const struct addrinfo *found,
                                                        unsigned attempt)
{
    const struct addrinfo *chosen = found;

    for (; attempt > 0; attempt--)
        chosen = chosen->ai_next != NULL ? chosen->ai_next : found;
    return chosen;
}

#endif
