/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_SIZE 68

static int begin(const struct addrinfo *found, const char **out_reason)
{
    int handle = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (handle < 0) {
        *out_reason = strerror(errno);
        return -1;
    }
    int on = 1;
    (void)setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(handle, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
        *out_reason = strerror(errno);
        (void)close(handle);
        return -1;
    }
    return handle;
}

static const struct addrinfo *choose(const struct addrinfo *found, unsigned attempt)
{
    unsigned count = 1;
    for (const struct addrinfo *next = found->ai_next; next != NULL; next = next->ai_next)
        count++;
    for (unsigned skip = attempt % count; skip > 0; skip--)
        found = found->ai_next;
    return found;
}

int kz_socket_dial(const char *address, unsigned attempt, const char **out_reason)
{
    char host[HOST_SIZE];
    const char *colon = strrchr(address, ':');
    const char *first = address;
    size_t size = (size_t)(colon - address);

    if (size >= 2 && address[0] == '[' && colon[-1] == ']') { /* [::1]:7000 */
        first++;
        size -= 2;
    }
    if (size >= HOST_SIZE) {
        *out_reason = "the host's name is too long";
        return -1;
    }
    memcpy(host, first, size);
    host[size] = '\0';

    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(host, colon + 1, &hints, &found);
    if (failure != 0) {
        *out_reason = gai_strerror(failure);
        return -1;
    }
    int handle = begin(choose(found, attempt), out_reason);
    freeaddrinfo(found);
    return handle;
}

int kz_socket_error(int handle)
{
    int trouble = 0;
    socklen_t size = sizeof trouble;
    if (getsockopt(handle, SOL_SOCKET, SO_ERROR, &trouble, &size) != 0) return errno;
    return trouble;
}
