/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port: one GET a connection, HTTP/1.0 or 1.1, answered from memory. What is malformed or
 * over a bound gets 400, 404, 405 or 431; who is slow is closed. */
#ifndef KZ_ADMIN_H
#define KZ_ADMIN_H

#include "node/shell/addresses.h"

#include <stdio.h>
#include <uv.h>

struct kz_admin_options {
    uv_loop_t *loop;
    void *context;
    /* Writes the page at PATH. Returns: its HTTP status, 404 when there is none. */
    unsigned (*write_page)(void *context, const char *path, FILE *out);
};

struct kz_admin;

/* Returns: NULL without memory. */
struct kz_admin *kz_admin_create(const struct kz_admin_options *options);

/* Errors: KZ_EXISTS when the port is taken, KZ_IO. */
enum kz_status kz_admin_listen(struct kz_admin *admin, const struct kz_address *address,
                               struct kz_error *error);

/* Closes everything. The loop has to run until kz_admin_is_empty(). */
void kz_admin_stop(struct kz_admin *admin);
bool kz_admin_is_empty(const struct kz_admin *admin);
void kz_admin_destroy(struct kz_admin *admin); /* when empty */

#endif
