/* SPDX-License-Identifier: Apache-2.0 */
/* The frame that carries every message, between clients and nodes and between nodes.
 *
 *   OFFSET SIZE FIELD
 *        0    4 size of the whole frame, 24 to the connection's bound
 *        4    1 protocol version (1)
 *        5    1 type
 *        6    2 reserved, zero
 *        8    8 tag: an answer repeats its question's
 *       16    8 XXH3-64 of bytes 0 to 15, xor XXH3-64 of the body
 *       24    … body
 *
 * A connection whose frame is bad can not be trusted to be in step any more: it is closed, after an
 * answer that says what was wrong. */
#ifndef KZ_FRAME_H
#define KZ_FRAME_H

#include "statemachine/base/status.h"

#include <stddef.h>
#include <stdint.h>

#define KZ_FRAME_VERSION         1
#define KZ_FRAME_HEADER_SIZE     24
#define KZ_CLIENT_FRAME_SIZE_MAX (64u * 1024)   /* from a client */
#define KZ_NODE_FRAME_SIZE_MAX   (1024u * 1024) /* from a node to a client */
#define KZ_PEER_FRAME_SIZE_MAX   (1024u * 1024) /* between nodes */

struct kz_frame {
    uint8_t type;
    uint64_t tag;
    const uint8_t *body; /* inside the buffer that was parsed */
    size_t body_size;
};

/* Looks at the first SIZE bytes of a stream.
 * Returns: KZ_OK with the frame and its whole size in OUT_SIZE; KZ_NOT_FOUND when more bytes are
 * needed; KZ_TOO_LARGE over BOUND; KZ_NEWER for another protocol version; KZ_MALFORMED for a size
 * under 24, reserved bytes that are not zero or a wrong checksum. */
enum kz_status kz_frame_parse(const uint8_t *bytes, size_t size, size_t bound,
                              struct kz_frame *out_frame, size_t *out_size);

/* Gives a sealed FRAME another tag, without reading its body. */
void kz_frame_retag(uint8_t *frame, uint64_t tag);

/* Writes the header for the BODY_SIZE bytes that stand at FRAME + 24 already. */
void kz_frame_seal(uint8_t *frame, uint8_t type, uint64_t tag, size_t body_size);

#endif
