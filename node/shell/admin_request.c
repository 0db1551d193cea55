/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/admin_request.h"

#include <string.h>

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    struct kz_admin_request *request = parser->data;

    if (request->path_size + size > KZ_ADMIN_PATH_SIZE_MAX) {
        request->path_too_long = true;
        return 0;
    }
    memcpy(request->path + request->path_size, at, size);
    request->path_size += size;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED; /* a body, if there is one, is not read */
}

static const llhttp_settings_t settings = {.on_url = on_url,
                                           .on_headers_complete = on_headers_complete};

void kz_admin_request_init(struct kz_admin_request *request)
{
    *request = (struct kz_admin_request){.heard = 0};
    llhttp_init(&request->parser, HTTP_REQUEST, &settings);
    request->parser.data = request;
}

static unsigned judge(struct kz_admin_request *request)
{
    const llhttp_t *parser = &request->parser;

    if (parser->http_major != 1 || parser->http_minor > 1) return 400;
    if (parser->method != HTTP_GET) return 405;
    if (request->path_too_long) return 404;
    request->path[request->path_size] = '\0';
    request->path[strcspn(request->path, "?#")] = '\0';
    return 200;
}

unsigned kz_admin_request_feed(struct kz_admin_request *request, const char *bytes, size_t size)
{
    request->heard += size;
    llhttp_errno_t result = llhttp_execute(&request->parser, bytes, size);

    if (request->heard > KZ_ADMIN_HEADER_SIZE_MAX) return 431;
    if (result == HPE_PAUSED) return judge(request);
    return result == HPE_OK ? 0 : 400;
}
