/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/steward.h"

#include "tests/simulation/verdict.h"

#include <inttypes.h>
#include <stdio.h>

#define STEPS_OF_NODE 4 /* add, promote, remove, move */
#define PATIENCE_MS   1000
#define PAUSE_MS      150 /* up to so long between two steps */

void kz_steward_init(struct kz_sim_steward *steward, struct kz_sim *sim, const bool *is_out)
{
    *steward = (struct kz_sim_steward){.sim = sim, .is_out = is_out};
    for (unsigned id = sim->options.founders + 1; id <= sim->options.nodes; id++)
        kz_sim_start(sim, id);
}

void kz_steward_finish(struct kz_sim_steward *steward)
{
    if (steward->connected) kz_sim_disconnect(&steward->client);
    steward->connected = false;
}

/* ---- What is wanted ---- */

static uint64_t joiner(const struct kz_sim_steward *steward)
{
    return steward->sim->options.founders + 1 + steward->step / STEPS_OF_NODE;
}

/* Returns: whether anything is left to do. */
static bool wants(struct kz_sim_steward *steward, struct kz_change *out, char addresses[2][16])
{
    static const uint8_t whats[STEPS_OF_NODE] = {KZ_CHANGE_ADD, KZ_CHANGE_PROMOTE, KZ_CHANGE_REMOVE,
                                                 KZ_CHANGE_LEADER};
    uint64_t id = joiner(steward);
    if (id > steward->sim->options.nodes || steward->is_out[id]) return false;

    *out = (struct kz_change){
        .what = whats[steward->step % STEPS_OF_NODE], .actor = KZ_STEWARD_ACTOR, .node = id};
    if (out->what == KZ_CHANGE_REMOVE) out->node = id - steward->sim->options.founders;
    if (out->what != KZ_CHANGE_ADD) return true;
    for (int i = 0; i < 2; i++)
        (void)snprintf(addresses[i], 16, "%c%" PRIu64 ":1", i == 0 ? 'p' : 'c', id);
    out->peer = (struct kz_text){addresses[0], (uint16_t)strlen(addresses[0])};
    out->client = (struct kz_text){addresses[1], (uint16_t)strlen(addresses[1])};
    return true;
}

/* ---- What became of it ---- */

static void take(struct kz_sim_steward *steward, const struct kz_changed *changed)
{
    steward->tag = 0;
    steward->due_ms = steward->sim->now_ms + 1 + kz_sim_random(steward->sim, PAUSE_MS);
    bool moves = steward->step % STEPS_OF_NODE == STEPS_OF_NODE - 1;
    if (changed->code == KZ_ANSWER_APPLIED) {
        steward->told[steward->step++] = changed->index;
    } else if (moves && changed->code == KZ_ANSWER_UNAVAILABLE) {
        steward->step++; /* whom it should move to may be down */
    } else if (changed->code == KZ_ANSWER_REFUSED && changed->result != KZ_RESULT_NOT_ALLOWED) {
        kz_broken("step %u of the steward is refused: %.*s", steward->step,
                  (int)changed->sentence.size, changed->sentence.bytes);
    }
}

static void take_frames(struct kz_sim_steward *steward)
{
    struct kz_frame frame;
    while (kz_sim_take_any(&steward->client, &frame)) {
        struct kz_changed changed;
        struct kz_welcome welcome;
        if (kz_welcome_decode(&frame, &welcome) == KZ_OK) {
            steward->leader = welcome.leader;
            steward->moves = welcome.leader != steward->node;
        }
        if (frame.type != KZ_MESSAGE_CHANGED || frame.tag != steward->tag) continue;
        if (kz_changed_decode(&frame, &changed) != KZ_OK) kz_broken("CHANGED is malformed");
        take(steward, &changed);
    }
}

/* ---- Each millisecond ---- */

/* To the leader that was named, else to any node. */
static void connect_somewhere(struct kz_sim_steward *steward)
{
    struct kz_sim *sim = steward->sim;
    uint64_t leader = steward->leader;
    kz_steward_finish(steward);
    steward->node = leader != 0 ? leader : 1 + kz_sim_random(sim, sim->options.nodes);
    steward->leader = 0;
    steward->tag = 0;
    steward->moves = false;
    steward->due_ms = sim->now_ms + 20;
    kz_sim_connect(sim, &steward->client, steward->node);
    steward->connected = true;
}

void kz_steward_run(struct kz_sim_steward *steward)
{
    struct kz_change change;
    char addresses[2][16];
    if (steward->connected) take_frames(steward);
    if (steward->sim->now_ms < steward->due_ms || !wants(steward, &change, addresses)) return;

    bool unanswered = steward->tag != 0;
    if (unanswered || steward->moves || !steward->connected || steward->client.connection == NULL) {
        connect_somewhere(steward);
        return;
    }
    steward->tag = kz_sim_change(&steward->client, &change);
    steward->due_ms = steward->sim->now_ms + PATIENCE_MS;
}

void kz_steward_judge(const struct kz_sim_steward *steward, const struct kz_sim_disk *disk)
{
    for (uint32_t step = 0; step < steward->step; step++) {
        uint64_t index = steward->told[step];
        if (index == 0) continue;
        if (index > disk->last || kz_record_type(disk->entries[index - 1].record) != KZ_MEMBERSHIP)
            kz_broken("step %u was told to hold since entry %" PRIu64 ", which is no membership",
                      step, index);
    }
}
