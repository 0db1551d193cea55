/* SPDX-License-Identifier: Apache-2.0 */
/* A toy cluster with faults on the other end of the core, seed by seed. Its leader appends what it
 * is sent and answers once that is safe; leaders change and lose a tail that was not safe yet,
 * connections break with frames and answers in flight, nodes name the wrong leader or none.
 *
 * Held after every seed: each command was answered exactly once; `ok` means in the ledger, at that
 * index; "unavailable" means not in the ledger; and what was answered `ok` stands in the ledger in
 * the order of asking. */
#include "tests/client/scripted.h"

#define SEEDS        300
#define STEPS        600
#define COMMANDS_MAX 400
#define NODES        3
#define LEDGER_MAX   4096
#define FRAMES_MAX   512

static struct {
    uint64_t random;
    struct kezek_client *client;
    uint64_t now_ms;
    unsigned submitted;
    struct kezek_outcome outcomes[COMMANDS_MAX];
    unsigned answers[COMMANDS_MAX]; /* how often each command was answered */

    unsigned leader; /* 0: none */
    bool refused;    /* a frame of the present connection, because the node did not lead */
    unsigned node;   /* that the client speaks with; 0: none */
    uint8_t requests[LEDGER_MAX][KZ_ID_SIZE];
    unsigned last_index;
    unsigned safe_index;

    uint8_t in[1 << 20]; /* what the node received and did not handle */
    size_t in_size;
    uint8_t out[1 << 20]; /* what it said and the client did not receive */
    size_t out_size;
    struct {
        uint64_t tag;
        uint16_t count;
        unsigned indexes[KZ_COMMANDS_MAX];
        bool repeated[KZ_COMMANDS_MAX];
    } held[FRAMES_MAX]; /* frames of the present connection that wait until they are safe */
    unsigned held_count;
} world;

static unsigned roll(unsigned sides)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    world.random ^= world.random << 17;
    return (unsigned)(world.random % sides);
}

/* ---- The node ---- */

static void say(const uint8_t *bytes, size_t size)
{
    assert_true(world.out_size + size <= sizeof world.out);
    memcpy(world.out + world.out_size, bytes, size);
    world.out_size += size;
}

static void say_welcome(unsigned leader)
{
    static const char *const addresses[NODES + 1] = {"", "n:1", "n:2", "n:3"};
    uint8_t bytes[256];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    const struct kz_welcome welcome = {.node = world.node,
                                       .leader = leader,
                                       .leader_client = {addresses[leader], leader == 0 ? 0 : 3}};
    kz_welcome_encode(&writer, 0, &welcome);
    say(bytes, kz_writer_size(&writer));
}

static void say_results(uint64_t tag, const struct kz_answer *answers, uint16_t count)
{
    static uint8_t bytes[1 << 16];
    struct kz_writer writer = kz_writer_init(bytes, sizeof bytes);
    kz_results_encode(&writer, tag, answers, count);
    say(bytes, kz_writer_size(&writer));
}

static void say_to_all(uint64_t tag, uint16_t count, enum kz_answer_code code)
{
    struct kz_answer answers[KZ_COMMANDS_MAX];
    for (unsigned i = 0; i < count; i++)
        answers[i] = (struct kz_answer){.code = (uint8_t)code};
    say_results(tag, answers, count);
}

static unsigned find_request(const uint8_t *request)
{
    for (unsigned index = 1; index <= world.last_index; index++) {
        if (memcmp(world.requests[index], request, KZ_ID_SIZE) == 0) return index;
    }
    return 0;
}

static void take_submit(const struct kz_frame *frame)
{
    struct kz_command_reader commands;
    const uint8_t *record;
    uint16_t size;

    assert_int_equal(kz_submit_decode(frame, &commands), KZ_OK);
    if (world.leader != world.node || world.held_count == FRAMES_MAX) {
        world.refused = true;
        say_to_all(frame->tag, commands.count,
                   world.leader == 0 ? KZ_ANSWER_UNAVAILABLE : KZ_ANSWER_NOT_LEADER);
        return;
    }
    unsigned held = world.held_count++;
    world.held[held].tag = frame->tag;
    world.held[held].count = commands.count;
    for (unsigned i = 0; (record = kz_command_next(&commands, &size)) != NULL; i++) {
        unsigned index = find_request(record + 12);
        world.held[held].repeated[i] = index > 0;
        if (index == 0) {
            index = ++world.last_index;
            assert_true(index < LEDGER_MAX);
            memcpy(world.requests[index], record + 12, KZ_ID_SIZE);
        }
        world.held[held].indexes[i] = index;
    }
}

static void handle_one(void)
{
    struct kz_frame frame;
    size_t size;
    if (kz_frame_parse(world.in, world.in_size, KZ_CLIENT_FRAME_SIZE_MAX, &frame, &size) != KZ_OK) {
        return;
    }
    if (frame.type == KZ_MESSAGE_HELLO) {
        unsigned said = roll(8) == 0 ? roll(NODES + 1) : world.leader; /* may be wrong */
        say_welcome(said == world.node ? world.leader : said);
    } else {
        take_submit(&frame);
    }
    memmove(world.in, world.in + size, world.in_size - size);
    world.in_size -= size;
}

/* All that was appended so far becomes safe, and is answered. */
static void commit(void)
{
    world.safe_index = world.last_index;
    for (unsigned held = 0; held < world.held_count; held++) {
        struct kz_answer answers[KZ_COMMANDS_MAX];
        for (unsigned i = 0; i < world.held[held].count; i++) {
            bool repeated = world.held[held].repeated[i];
            answers[i] =
                (struct kz_answer){.code = repeated ? KZ_ANSWER_REPEATED : KZ_ANSWER_APPLIED,
                                   .index = world.held[held].indexes[i]};
        }
        say_results(world.held[held].tag, answers, world.held[held].count);
    }
    world.held_count = 0;
}

static void cut(const char *why)
{
    for (unsigned handled = roll(3); handled > 0; handled--)
        handle_one();
    world.node = 0;
    world.in_size = 0;
    world.out_size = 0;
    world.held_count = 0; /* appended, perhaps; its answers go nowhere */
    world.refused = false;
    kezek_client_on_closed(world.client, world.now_ms, why);
}

static void change_leader(unsigned leader)
{
    unsigned tail = world.last_index - world.safe_index;
    if (leader == world.leader) return;

    world.last_index -= tail == 0 ? 0 : roll(tail + 1);
    world.safe_index = world.last_index;
    world.leader = leader;
    world.refused |= world.held_count > 0;
    for (unsigned held = 0; held < world.held_count; held++)
        say_to_all(world.held[held].tag, world.held[held].count, KZ_ANSWER_UNKNOWN);
    world.held_count = 0;
    if (world.node == leader && world.refused) {
        world.in_size = 0;
        cut("leads again"); /* the case that <kezek/kezek.h> leaves open */
    } else if (world.node != 0) {
        say_welcome(leader);
    }
}

/* ---- The wire ---- */

static void follow(bool refuse)
{
    char address[KEZEK_ADDRESS_SIZE];

    for (;;) {
        switch (kezek_client_want(world.client, address)) {
        case KEZEK_WANT_NOTHING: return;
        case KEZEK_WANT_CLOSE: cut("closed"); break;
        case KEZEK_WANT_CONNECT:
            if (refuse && roll(3) == 0) {
                kezek_client_on_closed(world.client, world.now_ms, "refused");
            } else {
                world.node = (unsigned)(address[2] - '0');
                kezek_client_on_connected(world.client, world.now_ms);
            }
            break;
        }
    }
}

static void carry(unsigned in_max, unsigned out_max)
{
    const uint8_t *bytes;
    if (world.node == 0) return;

    size_t size = kezek_client_output(world.client, &bytes);
    size = size < in_max ? size : in_max;
    assert_true(world.in_size + size <= sizeof world.in);
    memcpy(world.in + world.in_size, bytes, size);
    world.in_size += size;
    kezek_client_on_sent(world.client, size);

    size = world.out_size < out_max ? world.out_size : out_max;
    kezek_client_on_bytes(world.client, world.now_ms, world.out, size);
    memmove(world.out, world.out + size, world.out_size - size);
    world.out_size -= size;
}

/* ---- The client's side ---- */

static void on_outcome(void *data, const struct kezek_outcome *outcome)
{
    size_t command = (size_t)(uintptr_t)data;
    world.answers[command]++;
    world.outcomes[command] = *outcome;
}

static void submit(void)
{
    struct kz_entry entry = {.type = KZ_READY, .application_only = {1}};
    uint8_t record[64];
    if (world.submitted == COMMANDS_MAX) return;

    kz_put_u64(entry.request, world.submitted + 1);
    size_t size = kz_record_encode(&entry, record, sizeof record);
    void *data = (void *)(uintptr_t)world.submitted;
    assert_int_equal(kezek_client_submit_record(world.client, world.now_ms, record, size,
                                                on_outcome, data, NULL),
                     KEZEK_OK);
    world.submitted++;
}

static void step(void)
{
    switch (roll(16)) {
    case 0:
    case 1:
    case 2: submit(); break;
    case 3:
    case 4:
    case 5: handle_one(); break;
    case 6:
    case 7: carry(1 + roll(400), 1 + roll(400)); break;
    case 8: carry(UINT32_MAX, UINT32_MAX); break;
    case 9: commit(); break;
    case 10:
        if (roll(4) == 0) change_leader(roll(NODES + 1));
        break;
    case 11:
        if (roll(4) == 0 && world.node != 0) cut("reset");
        break;
    case 12: world.now_ms += roll(400); break;
    default: world.now_ms += roll(10); break;
    }
    kezek_client_on_tick(world.client, world.now_ms);
    follow(true);
}

/* Without faults, until all are answered. */
static void settle(void)
{
    if (world.leader == 0) change_leader(1);
    for (unsigned turn = 0; kezek_client_waiting(world.client) > 0; turn++) {
        assert_true(turn < 10000);
        world.now_ms += 5;
        kezek_client_on_tick(world.client, world.now_ms);
        follow(false);
        carry(UINT32_MAX, UINT32_MAX);
        handle_one();
        commit();
        carry(UINT32_MAX, UINT32_MAX);
    }
}

static void check_promises(uint64_t seed, unsigned counts[static KEZEK_CLOSED + 1])
{
    uint64_t last_index = 0;

    for (unsigned command = 0; command < world.submitted; command++) {
        uint8_t request[KZ_ID_SIZE] = {0};
        const struct kezek_outcome *outcome = &world.outcomes[command];
        kz_put_u64(request, command + 1);
        unsigned index = find_request(request);
        bool good = world.answers[command] == 1;
        good = good && memcmp(outcome->request, request, KZ_ID_SIZE) == 0;
        if (outcome->code == KEZEK_OK) {
            good = good && index == outcome->index && index > last_index;
            last_index = index;
        } else {
            good = good && (outcome->code == KEZEK_UNKNOWN ||
                            (outcome->code == KEZEK_UNAVAILABLE && index == 0));
        }
        if (!good) {
            fail_msg("seed %llu, command %u: %u answers, code %d, index %llu, in the ledger at %u "
                     "(the last before it: %llu)",
                     (unsigned long long)seed, command, world.answers[command], (int)outcome->code,
                     (unsigned long long)outcome->index, index, (unsigned long long)last_index);
        }
        counts[outcome->code]++;
    }
}

static void promises_hold_on_every_seed(void **state)
{
    unsigned counts[KEZEK_CLOSED + 1] = {0};
    (void)state;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const struct kezek_options options = {
            .endpoints = "n:1,n:2,n:3", .timeout_ms = 3000, .seed = {seed, 1}};
        memset(&world, 0, sizeof world);
        world.random = seed * UINT64_C(0x9e3779b97f4a7c15);
        world.now_ms = 1000;
        world.leader = 1;
        world.client = kezek_client_create(&options, NULL);
        for (unsigned i = 0; i < STEPS; i++)
            step();
        settle();
        check_promises(seed, counts);
        kezek_client_destroy(world.client);
    }
    assert_true(counts[KEZEK_OK] > 10000);
    assert_true(counts[KEZEK_UNKNOWN] > 100);
    assert_true(counts[KEZEK_UNAVAILABLE] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(promises_hold_on_every_seed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
