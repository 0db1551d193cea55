/* SPDX-License-Identifier: Apache-2.0 */
/* The connections between simulated nodes, and from clients: bytes arrive in order, after some
 * milliseconds, or never when the connection breaks. */
#ifndef KZ_TEST_SIM_NETWORK_H
#define KZ_TEST_SIM_NETWORK_H

#include "tests/simulation/sim.h"

/* An end of a connection; node 0 is a client. */
struct kz_sim_end {
    uint64_t node;
    kz_link link;
    bool told; /* that the connection stands */
};

struct kz_sim_connection {
    struct kz_sim_connection *next;
    struct kz_sim_end ends[2]; /* who dialed, who accepted */
    uint64_t stands_ms;
    struct kz_sim_message *messages; /* both directions, in order of sending */
    struct kz_sim_client *client;
    uint64_t arrival_ms[2]; /* of the last message to each end */
    size_t queued;          /* bytes on their way to a client */
    bool closing;           /* by one end: once all messages have arrived */
    uint64_t dead_ms;       /* half open: who dialed is gone, who accepted learns it then; 0: no */
};

/* sim.c's, for the network */
void kz_sim_event(struct kz_sim_node *node, const struct kz_event *event, void *garbage);
void kz_sim_trace(struct kz_sim *sim, const void *bytes, size_t size);

void kz_sim_network_send(struct kz_sim *sim, uint64_t node, const struct kz_outgoing *outgoing);
void kz_sim_network_close(struct kz_sim *sim, uint64_t node, kz_link link);
/* Breaks all connections of a node that goes down. */
void kz_sim_network_drop(struct kz_sim *sim, uint64_t node);
void kz_sim_network_tick(struct kz_sim *sim);
void kz_sim_network_finish(struct kz_sim *sim);
struct kz_sim_connection *kz_sim_network_connect(struct kz_sim *sim, uint64_t from, uint64_t to,
                                                 struct kz_sim_client *client);
/* Sends SIZE bytes to end WHICH. */
void kz_sim_network_post(struct kz_sim *sim, struct kz_sim_connection *connection, int which,
                         const uint8_t *bytes, size_t size, bool tell_drained);
void kz_sim_network_break(struct kz_sim *sim, struct kz_sim_connection *connection);

#endif
