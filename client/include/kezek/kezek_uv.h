/* SPDX-License-Identifier: Apache-2.0 */
/* libkezek on a libuv loop. */
#ifndef KEZEK_UV_H
#define KEZEK_UV_H

#include <kezek/kezek.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;
struct kezek_uv;

/* Makes a client whose I/O LOOP does. Returns: NULL with ERROR filled. */
KEZEK_API struct kezek_uv *kezek_uv_open(struct uv_loop_s *loop,
                                         const struct kezek_options *options,
                                         struct kezek_error *error);
KEZEK_API struct kezek_client *kezek_uv_client(struct kezek_uv *handle);

/* After asking something of the client outside of its callbacks: sends what waits at the end of
 * this loop turn. */
KEZEK_API void kezek_uv_flush(struct kezek_uv *handle);

/* Ends the handle, in one of the client's callbacks too: when the loop has closed its handles, what
 * still waits is answered with KEZEK_CLOSED, CLOSED (may be NULL) is called and HANDLE freed. */
KEZEK_API void kezek_uv_close(struct kezek_uv *handle, void (*closed)(void *data), void *data);

#ifdef __cplusplus
}
#endif

#endif
