/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/socket.h"

#include "client/lib/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

int kz_socket_dial(const char *address, unsigned attempt, const char **out_reason)
{
    char host[KEZEK_ADDRESS_SIZE];
    const char *port = kz_address_split(address, host);

    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(host, port, &hints, &found);
    if (failure != 0) {
        *out_reason = gai_strerror(failure);
        return -1;
    }
    int handle = begin(kz_address_of_turn(found, attempt), out_reason);
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
