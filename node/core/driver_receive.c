/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of peers. What a message's form can not show (raft_messages.h) is checked here against the
 * state, so that no peer can bring libraft into a state that its asserts exclude: Debian's build
 * has them compiled out. */
#include "node/core/driver_state.h"

#include "node/core/raft_messages.h"
#include "statemachine/base/assert.h"
#include "statemachine/base/canary.h"

static enum kz_status malformed(struct kz_error *error, uint64_t peer, const char *what)
{
    return kz_error_set(error, KZ_MALFORMED, "raft message of node %llu: %s",
                        (unsigned long long)peer, what);
}

/* ---- AppendEntries ---- */

/* Answers an append of an old term: libraft leaves the answer's last index uninitialised. */
static void answer_old_term(struct kz_driver *driver, uint64_t peer,
                            const struct raft_append_entries *append)
{
    struct raft_message answer = {.type = RAFT_APPEND_ENTRIES_RESULT};
    answer.append_entries_result.term = raft_current_term(&driver->raft);
    answer.append_entries_result.rejected = append->prev_log_index;

    uint8_t frame[KZ_RAFT_SMALL_FRAME_SIZE_MAX];
    size_t size = kz_raft_message_encode(&answer, frame);
    driver->sink.send(driver->sink.context, peer, frame, size);
}

/* Raises RECEIVE for an append with entries. The token stands for their memory: libraft frees it,
 * unless it wants them written, then it is given back with them. */
static enum kz_status step_entries(struct kz_driver *driver, struct raft_message *message,
                                   struct kz_batch *batch, struct kz_error *error)
{
    void *token = raft_malloc(1);
    if (token == NULL) return kz_error_set(error, KZ_NO_MEMORY, "raft driver: out of memory");
    enum kz_status status = kz_driver_prepare_entries(driver, batch, token, error);
    if (status != KZ_OK) {
        raft_free(token);
        return status;
    }
    message->append_entries.entries = driver->entries;

    struct raft_event event = {.type = RAFT_RECEIVE};
    event.receive.message = message;
    driver->lent = token;
    status = kz_driver_step(driver, &event, batch, NULL, error);
    driver->lent = NULL;
    kz_driver_release_entries(driver);
    return status;
}

static enum kz_status step_message(struct kz_driver *driver, struct raft_message *message,
                                   struct kz_error *error)
{
    struct raft_event event = {.type = RAFT_RECEIVE};
    event.receive.message = message;
    return kz_driver_step(driver, &event, NULL, NULL, error);
}

static enum kz_status receive_append(struct kz_driver *driver, struct raft_message *message,
                                     struct kz_batch *batch, struct kz_error *error)
{
    const struct raft_append_entries *append = &message->append_entries;
    if (append->term < raft_current_term(&driver->raft)) {
        answer_old_term(driver, message->server_id, append);
        return KZ_OK;
    }
    if (append->term == driver->led_term) {
        return malformed(error, message->server_id, "it leads the term that this node leads");
    }
    if (batch == NULL) return step_message(driver, message, error);
    return step_entries(driver, message, batch, error);
}

/* ---- The others ---- */

/* A rejection of what is known to match is a late one, and would send libraft back behind its own
 * progress, from where it does not come forward again. Any other breaks the stream to the peer. */
static void judge_rejection(struct kz_driver *driver, uint64_t peer,
                            struct raft_append_entries_result *result)
{
    if (result->rejected == 0 || result->term != driver->led_term) return;
    if (kz_canary(KZ_CANARY_REORDERED_LINK)) return;

    if (result->rejected <= kz_driver_match(driver, peer)) {
        result->rejected = 0;
        result->last_log_index = 0;
        return;
    }
    struct kz_feed *feed = kz_feed_of(driver, peer);
    if (feed != NULL) feed->broken = true;
}

/* A candidate may need the vote of a node that is not yet told that it is a voter (thesis, 4.1:
 * whose votes count is the candidate's to know), and libraft refuses it: so for this one step a
 * standby is a voter. A voter was a standby before, and has the entry that made it one. */
static enum kz_status receive_request_vote(struct kz_driver *driver, struct raft_message *message,
                                           struct kz_error *error)
{
    struct raft_server *self = NULL;
    struct raft_configuration *configuration = &driver->raft.configuration;
    for (unsigned i = 0; i < configuration->n; i++) {
        if (configuration->servers[i].id == driver->id) self = &configuration->servers[i];
    }
    if (self == NULL || self->role != RAFT_STANDBY) return step_message(driver, message, error);

    self->role = RAFT_VOTER;
    enum kz_status status = step_message(driver, message, error);
    self->role = RAFT_STANDBY;
    return status;
}

/* Returns: whether libraft may see this vote result. In another state than a candidate's it reads a
 * candidate's fields all the same. */
static bool may_see_vote(struct kz_driver *driver, const struct raft_request_vote_result *result)
{
    if (kz_canary(KZ_CANARY_REORDERED_LINK)) return true;
    if (raft_state(&driver->raft) != RAFT_CANDIDATE) return false;
    return !result->pre_vote || !result->vote_granted ||
           result->term <= raft_current_term(&driver->raft) + 1;
}

static enum kz_status receive(struct kz_driver *driver, struct raft_message *message,
                              struct kz_batch *batch, struct kz_error *error)
{
    switch (message->type) {
    case RAFT_APPEND_ENTRIES: return receive_append(driver, message, batch, error);
    case RAFT_APPEND_ENTRIES_RESULT:
        judge_rejection(driver, message->server_id, &message->append_entries_result);
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        if (!may_see_vote(driver, &message->request_vote_result)) return KZ_OK;
        break;
    case RAFT_TIMEOUT_NOW:
        if (kz_membership_is_lone_voter(kz_driver_membership(driver), driver->id)) return KZ_OK;
        break;
    case RAFT_REQUEST_VOTE: return receive_request_vote(driver, message, error);
    case RAFT_INSTALL_SNAPSHOT: break;
    }
    return step_message(driver, message, error);
}

enum kz_status kz_driver_receive(struct kz_driver *driver, uint64_t now, uint64_t peer,
                                 const struct kz_frame *frame, struct kz_error *error)
{
    KZ_ASSERT(now >= driver->now && peer != 0 && peer != driver->id);
    driver->now = now;

    struct raft_message message;
    struct kz_batch *batch;
    enum kz_status status = kz_raft_message_decode(frame, peer, &message, &batch);
    if (status != KZ_OK) {
        return kz_error_set(error, status, "raft message of node %llu, type 0x%02x: %s",
                            (unsigned long long)peer, frame->type, kz_status_text(status));
    }
    struct kz_feed *feed = kz_feed_of(driver, peer);
    if (feed != NULL) feed->heard = now;
    status = receive(driver, &message, batch, error);
    kz_batch_release(batch);
    return status;
}

enum kz_status kz_driver_go_to_term(struct kz_driver *driver, uint64_t now, uint64_t peer,
                                    uint64_t term, struct kz_error *error)
{
    KZ_ASSERT(now >= driver->now && peer != 0 && peer != driver->id);
    driver->now = now;
    struct raft_message message = {.type = RAFT_REQUEST_VOTE, .server_id = peer};
    message.request_vote.term = term;
    return step_message(driver, &message, error);
}
