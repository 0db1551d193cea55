/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound of the node in one place; each has a test (tests/node/README.md says which). The
 * sizes of frames stand in client/wire/frame.h, since clients keep them too: 64 KiB from a client,
 * 1 MiB between nodes and to a client. The node reads no JSON, and its HTTP has no bodies.
 *
 * Who has more to say than a bound allows is told so with a GOODBYE and closed; who asks for more
 * is told BUSY and when to come back; who does not answer is closed. */
#ifndef KZ_BOUNDS_H
#define KZ_BOUNDS_H

#include "client/wire/frame.h"

/* Commands and reads in flight. In all: twice what a full benchmark has (8 connections of 1,024),
 * so that what is accepted waits behind no more than that at ten times the load. From one
 * connection: half of it, so that none takes the place of all others. */
#define KZ_PENDING_MAX          16384
#define KZ_PENDING_PER_LINK_MAX 8192
#define KZ_PENDING_HELD_SIZE    (8u * 1024 * 1024)  /* of SUBMITs that wait to be appended */
#define KZ_PENDING_READS_SIZE   (32u * 1024 * 1024) /* of the questions of reads that wait */

/* Changes of the members and the leader, asked for in one step, and waiting. */
#define KZ_CHANGES_MAX 16

/* Entries that the rules refused, of an actor and minute; --refusals-per-minute. */
#define KZ_REFUSALS_PER_MINUTE 100

/* Answers to questions that one step makes, for a connection and in all. A question of 50 bytes can
 * have an answer of a MiB: behind these it is told BUSY. */
#define KZ_ANSWERS_PER_LINK_SIZE (4u * 1024 * 1024)
#define KZ_ANSWERS_SIZE          (32u * 1024 * 1024)

/* Entries of a ledger: raft counts to 2^32, and what is in flight must fit. */
#define KZ_ENTRIES_MAX ((UINT64_C(1) << 32) - (UINT64_C(1) << 20))

/* What a connection takes of the node's memory while it is idle, and at most while it asks for no
 * more than it reads; measured by a test. */
#define KZ_IDLE_CONNECTION_SIZE   (32u * 1024)
#define KZ_ACTIVE_CONNECTION_SIZE (256u * 1024)

/* Client connections. The first two are defaults of --connections and --connections-per-address. */
#define KZ_CONNECTIONS_MAX             10000
#define KZ_CONNECTIONS_PER_ADDRESS_MAX 256
#define KZ_CONNECTIONS_LIMIT           60000 /* what --connections accepts at most */
#define KZ_HANDSHAKES_MAX              1024  /* silent so far; 500 would be full of two addresses */
#define KZ_ENDING_CONNECTIONS_MAX      1024  /* told to go, and not gone yet; further ones wait */
#define KZ_PEER_CONNECTIONS_MAX        64    /* accepted at the peer port */
#define KZ_LISTEN_BACKLOG              1024

/* Descriptors that clients never get: those of peers, the admin port and files. Where a process may
 * open fewer than all clients need, fewer clients are let in: a vote that can not be written
 * because its file can not be opened ends the node. */
#define KZ_DESCRIPTORS_KEPT 256

/* Times. The protocol of clients has no ping and a watcher may be silent for hours: a client is
 * idle only when nothing went either way, and loses its place at the shorter time only while
 * connections are scarce (nine tenths of them taken). */
#define KZ_HANDSHAKE_MS      3000   /* from accept to the first whole frame */
#define KZ_FRAME_MS          10000  /* from a frame's first byte to its last, while it is read */
#define KZ_IDLE_SCARCE_MS    30000  /* while connections are scarce */
#define KZ_IDLE_MS           600000 /* otherwise */
#define KZ_STALLED_MS        30000  /* what is queued for a connection does not shrink below LOW */
#define KZ_LINGER_MS         1000   /* from our last byte to the other side's end */
#define KZ_PEER_UNHEARD_MS   1000   /* what is sent to a peer is not acknowledged by its system */
#define KZ_DIAL_MS           500    /* until a dialed connection stands */
#define KZ_DIAL_AGAIN_MS     20 /* the first wait after a failed dial; doubled each time up to … */
#define KZ_DIAL_REFUSED_MS   500  /* … this when nobody listens, */
#define KZ_DIAL_DISMISSED_MS 4000 /* … this when the peer closes at once (another cluster, say) */
#define KZ_SWEEP_MS          250  /* how often times are looked at */
#define KZ_STOP_MS           10000 /* from SIGTERM to an end without having drained */
#define KZ_SPACE_RETRY_MS    1000  /* a write that found the disk full is tried again */

/* Bytes. Over HIGH nothing more is read from a connection until it is below LOW; over LIMIT it is
 * closed. */
#define KZ_CLIENT_QUEUE_HIGH  (256u * 1024)
#define KZ_CLIENT_QUEUE_LOW   (64u * 1024)
#define KZ_CLIENT_QUEUE_LIMIT (8u * 1024 * 1024)
#define KZ_CLIENT_QUEUES_SIZE (256u * 1024 * 1024) /* of all: who adds more is closed */
#define KZ_PEER_QUEUE_HIGH    (16u * 1024 * 1024)
#define KZ_PEER_QUEUE_LOW     (4u * 1024 * 1024)
#define KZ_PEER_QUEUE_LIMIT   (64u * 1024 * 1024)
#define KZ_READ_SIZE          (256u * 1024)
#define KZ_ARENA_SIZE         (8u * 1024 * 1024) /* what one turn reads, over all connections */
#define KZ_REST_IDLE_SIZE     (4u * 1024)        /* an idle connection keeps no larger buffer */
#define KZ_WRITE_GROUP_SIZE   (8u * 1024 * 1024) /* entries that one transaction takes at most */

/* The ledger keeps so much of the disk for what must go on when it is full: 65,536 commands in
 * flight (about 190 bytes each), the barriers of elections, results. */
#define KZ_DISK_ROOM (16u * 1024 * 1024)

/* Other processes that read the ledger's file in long transactions, which makes it grow. */
#define KZ_READERS_LOOK_MS     5000
#define KZ_HELD_PAGES_SIZE     (16u * 1024 * 1024) /* from so much on the journal names who */
#define KZ_HELD_PAGES_AGAIN_MS 600000              /* and again while it lasts */

#define KZ_SLOW_SYNC_AGAIN_MS 60000 /* between two lines about a disk that confirms slowly */

/* The admin port. */
#define KZ_ADMIN_CONNECTIONS_MAX 64
#define KZ_ADMIN_HEADER_SIZE_MAX (8u * 1024)
#define KZ_ADMIN_PATH_SIZE_MAX   128
#define KZ_ADMIN_HEADER_MS       5000
#define KZ_ADMIN_ANSWER_MS       10000

/* Lines of the journal in a second; those above it are counted instead. */
#define KZ_JOURNAL_LINES_MAX 200

#endif
