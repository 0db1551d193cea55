/* SPDX-License-Identifier: Apache-2.0 */
/* A request at the admin port: what it is judged to be does not depend on how it is cut into
 * pieces. The first byte is the size of the pieces. */
#include "node/shell/admin_request.h"
#include "statemachine/base/assert.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned feed(struct kz_admin_request *request, const uint8_t *data, size_t size,
                     size_t piece)
{
    unsigned status = 0;

    kz_admin_request_init(request);
    while (size > 0 && status == 0) {
        size_t next = size < piece ? size : piece;
        status = kz_admin_request_feed(request, (const char *)data, next);
        data += next;
        size -= next;
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kz_admin_request whole;
    struct kz_admin_request pieces;

    if (size < 2 || size > KZ_ADMIN_HEADER_SIZE_MAX) return 0;
    unsigned expected = feed(&whole, data + 1, size - 1, size);
    KZ_ASSERT(feed(&pieces, data + 1, size - 1, 1 + data[0]) == expected);
    if (expected == 200) KZ_ASSERT(strcmp(whole.path, pieces.path) == 0);
    return 0;
}
