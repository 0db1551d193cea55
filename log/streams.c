/* SPDX-License-Identifier: Apache-2.0 */
#include "log/streams.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void kz_streams_hold(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) >= 0) continue;
        /* The least number that is free is the one that is given. Not closed on an exec: a child
         * is in the same need. */
        if (open("/dev/null", O_RDWR) != stream) _exit(EXIT_FAILURE);
    }
}
