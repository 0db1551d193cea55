/* SPDX-License-Identifier: Apache-2.0 */
/* One request at the admin port, read piece by piece. No I/O. */
#ifndef KZ_ADMIN_REQUEST_H
#define KZ_ADMIN_REQUEST_H

#include "node/core/bounds.h"

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>

struct kz_admin_request {
    llhttp_t parser;
    size_t heard; /* bytes so far */
    char path[KZ_ADMIN_PATH_SIZE_MAX + 1];
    size_t path_size;
    bool path_too_long;
};

void kz_admin_request_init(struct kz_admin_request *request);

/* Takes the next SIZE bytes. Returns: 0 when more are needed; 200 when the request is one for the
 * page at `path` (without its query); 400, 404, 405 or 431 when it is refused. After anything but
 * 0 it must not be called again. */
unsigned kz_admin_request_feed(struct kz_admin_request *request, const char *bytes, size_t size);

#endif
