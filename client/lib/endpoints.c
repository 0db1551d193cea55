/* SPDX-License-Identifier: Apache-2.0 */
/* Which node to connect to next: the leader when it is known, else the endpoints in turn. */
#include "client/lib/client.h"

#include <string.h>

#define BACKOFF_FIRST_MS 20
#define BACKOFF_MAX_MS   500
#define DOUBLINGS_MAX    5
#define REDIRECT_MS      50 /* from one redirect to the next */

bool kz_endpoints_is_address(const char *text, size_t size)
{
    size_t colon = size;
    while (colon > 0 && text[colon - 1] != ':')
        colon--;
    if (colon < 2 || colon == size || size - colon > 5) return false;

    unsigned port = 0;
    for (size_t i = colon; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

enum kezek_code kz_endpoints_parse(struct kezek_client *client, const char *text,
                                   struct kezek_error *error)
{
    const char *next = text == NULL ? "" : text;

    while (*next != '\0') {
        size_t size = strcspn(next, ",");
        if (size >= ADDRESS_TEXT_SIZE || !kz_endpoints_is_address(next, size)) {
            return kz_fail(error, KEZEK_USAGE, "endpoint \"%.*s\" is not HOST:PORT", (int)size,
                           next);
        }
        if (client->endpoint_count == ENDPOINTS_MAX) {
            return kz_fail(error, KEZEK_USAGE, "more than %d endpoints", ENDPOINTS_MAX);
        }
        memcpy(client->endpoints[client->endpoint_count++], next, size);
        next += size + (next[size] == ',');
    }
    if (client->endpoint_count == 0) {
        return kz_fail(error, KEZEK_USAGE, "no endpoint: give HOST:PORT, several with commas");
    }
    return KEZEK_OK;
}

void kz_endpoints_next(struct kezek_client *client)
{
    if (client->redirect[0] != '\0') {
        memcpy(client->address, client->redirect, ADDRESS_TEXT_SIZE);
        client->redirect[0] = '\0';
        return;
    }
    memcpy(client->address, client->endpoints[client->endpoint], ADDRESS_TEXT_SIZE);
    client->endpoint = (client->endpoint + 1) % client->endpoint_count;
}

bool kz_endpoints_redirect(struct kezek_client *client, struct kz_text text)
{
    if (text.size >= ADDRESS_TEXT_SIZE || !kz_endpoints_is_address(text.bytes, text.size))
        return false;

    memset(client->redirect, 0, ADDRESS_TEXT_SIZE);
    memcpy(client->redirect, text.bytes, text.size);
    return true;
}

static uint64_t backoff_ms(const struct kezek_client *client)
{
    /* The first round over all endpoints is at once: one of them is likely to be alive. */
    unsigned rounds = client->failures / client->endpoint_count;
    if (rounds == 0) return 0;

    uint64_t wait = BACKOFF_FIRST_MS << (rounds < DOUBLINGS_MAX ? rounds : DOUBLINGS_MAX);
    return wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
}

void kz_endpoints_schedule(struct kezek_client *client)
{
    if (client->redirect[0] == '\0') {
        client->connect_at_ms = client->now_ms + backoff_ms(client);
        return;
    }
    /* At once, but between elections two nodes may each name the other for a while. */
    uint64_t earliest = client->redirected_ms + REDIRECT_MS;
    client->connect_at_ms = client->now_ms > earliest ? client->now_ms : earliest;
    client->redirected_ms = client->connect_at_ms;
}
