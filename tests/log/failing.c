/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/log/failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

int calls_left = -1;
int call_errno = EIO;
int syncs;

bool call_fails(void)
{
    if (calls_left < 0) return false;
    if (calls_left-- > 0) return false;
    calls_left = -1;
    errno = call_errno;
    return true;
}

int fdatasync(int file)
{
    static int (*real)(int);
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    syncs++;
    return call_fails() ? -1 : real(file);
}
