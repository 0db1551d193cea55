/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/node/core/changing.h"

#include <stdio.h>
#include <string.h>

struct kz_sim sim;
char sentence[KZ_CHANGE_SENTENCE_SIZE_MAX + 1];

static uint64_t next_request;

/* What was acknowledged: the request at each index. */
static struct {
    uint64_t index;
    uint64_t request;
} acknowledged[256];
static unsigned acknowledged_count;

void found(const struct kz_sim_options *options)
{
    kz_sim_init(&sim, options);
    next_request = 1;
    acknowledged_count = 0;
    kz_sim_start_all(&sim);
}

static int begin_with(unsigned founders)
{
    found(&(struct kz_sim_options){.seed = 17, .nodes = 6, .founders = founders});
    return kz_sim_elect(&sim, 5000) == 0 || !kz_sim_converge(&sim, 2000);
}

int begin(void **state)
{
    (void)state;
    return begin_with(3);
}

int begin_alone(void **state)
{
    (void)state;
    return begin_with(1);
}

int end(void **state)
{
    (void)state;
    kz_sim_finish(&sim);
    return 0;
}

struct kz_change change_of(enum kz_change_what what, uint64_t node, char addresses[2][16])
{
    struct kz_change change = {.what = (uint8_t)what, .node = node};
    if (what != KZ_CHANGE_ADD) return change;
    int sizes[2] = {snprintf(addresses[0], 16, "p%u:1", (unsigned)node),
                    snprintf(addresses[1], 16, "c%u:1", (unsigned)node)};
    change.peer = (struct kz_text){addresses[0], (uint16_t)sizes[0]};
    change.client = (struct kz_text){addresses[1], (uint16_t)sizes[1]};
    return change;
}

struct kz_changed ask_as(uint32_t actor, uint64_t at, enum kz_change_what what, uint64_t node)
{
    char addresses[2][16];
    struct kz_change change = change_of(what, node, addresses);
    struct kz_sim_client client;
    struct kz_changed changed;
    change.actor = actor;
    kz_sim_connect(&sim, &client, at);
    bool came = kz_sim_await_changed(&client, kz_sim_change(&client, &change), 5000, &changed);
    assert_true(came);
    snprintf(sentence, sizeof(sentence), "%.*s", (int)changed.sentence.size,
             changed.sentence.bytes);
    changed.sentence.size = 0;
    kz_sim_disconnect(&client);
    return changed;
}

struct kz_changed ask(uint64_t at, enum kz_change_what what, uint64_t node)
{
    return ask_as(0, at, what, node);
}

struct kz_changed insist(enum kz_change_what what, uint64_t node)
{
    struct kz_changed changed = {.code = KZ_ANSWER_UNAVAILABLE};
    for (uint64_t end_ms = sim.now_ms + 20000; sim.now_ms < end_ms;) {
        uint64_t leader = kz_sim_elect(&sim, 5000);
        assert_int_not_equal(leader, 0);
        changed = ask(leader, what, node);
        if (changed.code == KZ_ANSWER_APPLIED || changed.code == KZ_ANSWER_REFUSED) break;
        kz_sim_run(&sim, 20);
    }
    return changed;
}

void change(enum kz_change_what what, uint64_t node)
{
    struct kz_changed changed = insist(what, node);
    if (changed.code != KZ_ANSWER_APPLIED) fail_msg("%d of node %d: %s", what, (int)node, sentence);
}

void join(uint64_t node)
{
    if (sim.nodes[node].core == NULL) kz_sim_start(&sim, node);
    change(KZ_CHANGE_ADD, node);
    change(KZ_CHANGE_PROMOTE, node);
}

uint64_t fill(unsigned count)
{
    struct kz_answer answer = {0};
    for (unsigned i = 0; i < count; i++) {
        struct kz_sim_client client;
        uint64_t request = 100 + next_request++;
        struct kz_entry entry =
            request == 101 ? kz_sim_territory(request) : kz_sim_application(request, request);
        do {
            uint64_t leader = kz_sim_elect(&sim, 5000);
            assert_int_not_equal(leader, 0);
            kz_sim_connect(&sim, &client, leader);
            answer = kz_sim_ask(&client, &entry);
            kz_sim_disconnect(&client);
        } while (answer.code != KZ_ANSWER_APPLIED && answer.code != KZ_ANSWER_REPEATED);
        assert_int_equal(answer.result, KZ_RESULT_OK);
        if (acknowledged_count == sizeof(acknowledged) / sizeof(acknowledged[0])) continue;
        acknowledged[acknowledged_count].index = answer.index;
        acknowledged[acknowledged_count++].request = request;
    }
    return answer.index;
}

void nothing_is_lost(uint64_t node)
{
    const struct kz_sim_disk *disk = &sim.nodes[node].disk;
    for (unsigned i = 0; i < acknowledged_count; i++) {
        struct kz_entry entry;
        assert_true(acknowledged[i].index <= disk->last);
        const struct kz_sim_entry *stored = &disk->entries[acknowledged[i].index - 1];
        assert_int_equal(kz_record_decode(stored->record, stored->size, &entry), KZ_OK);
        assert_memory_equal(entry.request, &acknowledged[i].request, sizeof(uint64_t));
    }
}

uint64_t follower(void)
{
    return kz_sim_leader(&sim) == 1 ? 2 : 1;
}

bool has_halted(uint64_t node, uint64_t limit_ms)
{
    for (uint64_t i = 0; i < limit_ms && !sim.nodes[node].halted; i++)
        kz_sim_run(&sim, 1);
    return sim.nodes[node].halted;
}
