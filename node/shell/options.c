/* SPDX-License-Identifier: Apache-2.0 */
#include "node/shell/options.h"

#include "node/core/bounds.h"
#include "node/shell/config.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_SHOWN_MAX 100
#define MS_MAX          60000
#define KIB             1024ull

enum kind {
    KIND_NUMBER,
    KIND_SIZE,
    KIND_TEXT,
    KIND_ADDRESS,
    KIND_CLUSTER_ID,
    KIND_ROSTER,
    KIND_CLOCK,
    KIND_INSTANT,
    KIND_SWITCH, /* a flag without a value; never in the file */
};

struct option {
    const char *name;
    const char *value; /* how the help names it */
    enum kind kind;
    size_t offset;
    uint64_t min, max;
    const char *allowed; /* NULL where the kind says it itself */
    const char *help;
};

#define AT(field) offsetof(struct kz_options, field)

static const struct option table[] = {
    {"id", "N", KIND_NUMBER, AT(id), 1, INT64_MAX, "a whole number of at least 1",
     "number of this node (first start)"},
    {"data", "DIR", KIND_TEXT, AT(data), 0, 0, NULL,
     "directory of the ledger; made when it is not there"},
    {"client", "ADDR:PORT", KIND_ADDRESS, AT(client), 0, 0, NULL, "address for clients"},
    {"peer", "ADDR:PORT", KIND_ADDRESS, AT(peer), 0, 0, NULL, "address for the other nodes"},
    {"admin", "ADDR:PORT", KIND_ADDRESS, AT(admin), 0, 0, NULL,
     "address of /livez, /readyz and /metrics"},
    {"cluster-id", "HEX", KIND_CLUSTER_ID, AT(cluster_id), 0, 0,
     "32 hexadecimal digits, not all zero", "number of the cluster (first start)"},
    {"cluster", "1=ADDR:PORT,…", KIND_ROSTER, AT(cluster), 0, 0, NULL,
     "all nodes with their peer addresses, this one too (first start)"},
    {"join", NULL, KIND_SWITCH, AT(join), 0, 0, NULL,
     "wait to be added to a cluster that runs, instead of --cluster (first start)"},
    {"config", "FILE", KIND_TEXT, AT(config), 0, 0, NULL,
     "take options from FILE too: name = value; a flag wins"},
    {"check-config", NULL, KIND_SWITCH, AT(check_config), 0, 0, NULL,
     "check the options, touch nothing, and end"},
    {"election-timeout", "MS", KIND_NUMBER, AT(election_timeout_ms), 50, MS_MAX,
     "50 to 60000 milliseconds", "without a leader for so long, elect one (300)"},
    {"heartbeat", "MS", KIND_NUMBER, AT(heartbeat_ms), 10, MS_MAX, "10 to 60000 milliseconds",
     "a leader speaks at least so often (50)"},
    {"map-size", "BYTES", KIND_SIZE, AT(map_size), KIB *KIB, 64 * KIB *KIB *KIB *KIB,
     "1M to 64T, as bytes or with K, M, G or T", "largest size of the ledger (1T)"},
    {"connections", "N", KIND_NUMBER, AT(connections), 1, KZ_CONNECTIONS_LIMIT, "1 to 60000",
     "clients at a time (10000)"},
    {"connections-per-address", "N", KIND_NUMBER, AT(connections_per_address), 1,
     KZ_CONNECTIONS_LIMIT, "1 to 60000", "the same from one address (256)"},
    {"refusals-per-minute", "N", KIND_NUMBER, AT(refusals_per_minute), 1, UINT32_MAX,
     "1 to 4294967295", "entries that the rules refuse, for each actor (100)"},
    {"scrub-days", "N", KIND_NUMBER, AT(scrub_days), 0, 365, "0 to 365",
     "read the whole ledger once in N days, to find and repair damage; 0: never (7)"},
    {"scrub-rate", "MIB", KIND_NUMBER, AT(scrub_rate), 0, 1024, "0 to 1024",
     "and at least so many MiB of it a second (0)"},
    {"image-every", "N", KIND_NUMBER, AT(image_every), 0, UINT32_MAX, "0 to 4294967295",
     "save the state each N entries, to restart from; 0: never (1000000)"},
    {"accept-time", "INSTANT", KIND_INSTANT, AT(accept_time), 0, 0,
     "an instant such as 2026-11-23T07:00:00+05:00",
     "let the ledger's time step more than a day forward, up to INSTANT"},
    {"demo-clock", "INSTANT,RATE,ANCHOR", KIND_CLOCK, AT(clock), 0, 0,
     "INSTANT,RATE,ANCHOR with instants of the years 2000 to 2199 and a rate of 1 to 100000, such "
     "as 2021-06-09T17:00:00+06:00,2000,2026-11-23T10:00:00Z",
     "a demonstration's clock: INSTANT at the real ANCHOR, RATE times as fast"},
    {"help", NULL, KIND_SWITCH, AT(help), 0, 0, NULL, "print this"},
    {"version", NULL, KIND_SWITCH, AT(version), 0, 0, NULL, "print the version"},
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

static_assert(TABLE_COUNT <= KZ_OPTIONS_MAX, "each option has a line");

static const struct option *find_option(const char *name, size_t size)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (strlen(table[i].name) == size && memcmp(table[i].name, name, size) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static enum kz_status not_allowed(const struct option *option, const char *value,
                                  struct kz_error *error)
{
    return kz_error_set(error, KZ_USAGE, "%s: \"%.*s\" is not allowed; allowed: %s", option->name,
                        VALUE_SHOWN_MAX, value, option->allowed);
}

/* Puts the option's name before what a parser of addresses said. */
static enum kz_status name_error(const struct option *option, struct kz_error *error)
{
    struct kz_error inner = *error;
    return kz_error_set(error, KZ_USAGE, "%s: %.*s", option->name, (int)sizeof inner.text - 40,
                        inner.text);
}

static bool parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    size_t size = strlen(text);
    const char *suffixes = "KMGT";
    const char *suffix = size == 0 ? NULL : strchr(suffixes, text[size - 1]);
    uint64_t factor = 1;
    uint64_t number;

    if (suffix != NULL) {
        factor <<= 10 * (suffix - suffixes + 1);
        size--;
    }
    if (!kz_number_parse(text, size, 0, UINT64_MAX, &number)) return false;
    if (__builtin_mul_overflow(number, factor, &number)) return false;
    if (number < min || number > max) return false;
    *out = number;
    return true;
}

static bool parse_cluster_id(const char *text, uint8_t out[static KZ_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[KZ_ID_SIZE] = {0};

    if (strlen(text) != 2 * KZ_ID_SIZE) return false;
    for (size_t i = 0; i < 2 * (size_t)KZ_ID_SIZE; i++) {
        char lower = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
        const char *digit = strchr(digits, lower);
        if (digit == NULL) return false;
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (digit - digits));
    }
    if (!kz_has_request(bytes)) return false;
    memcpy(out, bytes, KZ_ID_SIZE);
    return true;
}

static enum kz_status keep_text(struct kz_options *options, const struct option *option,
                                const char *value, struct kz_error *error)
{
    if (value[0] == '\0') return kz_error_set(error, KZ_USAGE, "%s: is empty", option->name);
    if (options->text_count == sizeof options->texts / sizeof options->texts[0]) {
        return kz_error_set(error, KZ_USAGE, "%s: is given too often", option->name);
    }
    char *copy = strdup(value);
    if (copy == NULL) return kz_error_set(error, KZ_NO_MEMORY, "no memory");
    options->texts[options->text_count++] = copy;
    memcpy((char *)options + option->offset, &copy, sizeof copy);
    return KZ_OK;
}

static enum kz_status parse_value(struct kz_options *options, const struct option *option,
                                  const char *value, struct kz_error *error)
{
    void *field = (char *)options + option->offset;
    enum kz_status status = KZ_OK;
    bool right = true;

    switch (option->kind) {
    case KIND_NUMBER:
        right = kz_number_parse(value, strlen(value), option->min, option->max, field);
        break;
    case KIND_SIZE: right = parse_size(value, option->min, option->max, field); break;
    case KIND_CLUSTER_ID: right = parse_cluster_id(value, field); break;
    case KIND_CLOCK: right = kz_demo_clock_parse(value, field); break;
    case KIND_INSTANT: right = kz_instant_parse(value, strlen(value), field); break;
    case KIND_ADDRESS:
        status = kz_address_parse(value, strlen(value), field, error);
        if (status != KZ_OK) return name_error(option, error);
        break;
    case KIND_ROSTER:
        memset(field, 0, sizeof options->cluster);
        status = kz_roster_parse(value, field, error);
        if (status != KZ_OK) return name_error(option, error);
        break;
    case KIND_TEXT: return keep_text(options, option, value, error);
    case KIND_SWITCH: *(bool *)field = true; break;
    }
    return right ? KZ_OK : not_allowed(option, value, error);
}

/* Returns: the option of a key, or with LINE 0 a flag; NULL with ERROR filled. */
static const struct option *find_named(unsigned line, const char *name, struct kz_error *error)
{
    const struct option *option = find_option(name, strlen(name));

    if (option == NULL) {
        kz_error_set(error, KZ_USAGE, "%s: is no %s; allowed are those of kezekd --help", name,
                     line != 0 ? "key" : "flag");
        return NULL;
    }
    if (line != 0 && (option->kind == KIND_SWITCH || strcmp(option->name, "config") == 0)) {
        kz_error_set(error, KZ_USAGE, "%s: is no key; it is a flag alone, --%s", name, name);
        return NULL;
    }
    return option;
}

enum kz_status kz_options_set(struct kz_options *options, unsigned line, const char *name,
                              const char *value, struct kz_error *error)
{
    const struct option *option = find_named(line, name, error);
    bool from_file = line != 0;

    if (option == NULL) return KZ_USAGE;
    uint64_t bit = 1ull << (option - table);
    uint64_t *seen = from_file ? &options->in_file : &options->in_flags;
    if ((*seen & bit) != 0) return kz_error_set(error, KZ_USAGE, "%s: is given twice", name);
    *seen |= bit;

    if (option->kind == KIND_SWITCH && value != NULL) {
        return kz_error_set(error, KZ_USAGE, "%s: takes no value", name);
    }
    if (option->kind != KIND_SWITCH && value == NULL) {
        return kz_error_set(error, KZ_USAGE, "%s: the value is missing (%s)", name, option->value);
    }
    if (from_file && (options->in_flags & bit) != 0) { /* the flag wins, but a lie is told */
        struct kz_options scratch = {0};
        enum kz_status status = parse_value(&scratch, option, value, error);
        kz_options_finish(&scratch);
        return status;
    }
    options->lines[option - table] = line;
    return parse_value(options, option, value, error);
}

enum kz_status kz_options_set_cluster(struct kz_options *options, const char *path, unsigned line,
                                      const struct kz_roster *cluster, struct kz_error *error)
{
    size_t place = (size_t)(find_option("cluster", strlen("cluster")) - table);
    uint64_t bit = 1ull << place;

    if ((options->in_file & bit) != 0) {
        return kz_error_set(error, KZ_USAGE,
                            "%s: cluster: is given twice, by the key and by the section", path);
    }
    if ((options->in_flags & bit) != 0) return KZ_OK;
    options->cluster = *cluster;
    options->lines[place] = line;
    return KZ_OK;
}

static enum kz_status read_flags(struct kz_options *options, int argc, char *const *argv,
                                 struct kz_error *error)
{
    for (int i = 1; i < argc; i++) {
        char name[64];
        const char *flag = argv[i];
        const char *equals = strchr(flag, '=');
        size_t size = equals == NULL ? strlen(flag) : (size_t)(equals - flag);

        if (size < 3 || size - 2 >= sizeof name || flag[0] != '-' || flag[1] != '-') {
            return kz_error_set(error, KZ_USAGE,
                                "%.*s: is no flag; allowed are those of kezekd --help",
                                VALUE_SHOWN_MAX, flag);
        }
        memcpy(name, flag + 2, size - 2);
        name[size - 2] = '\0';

        const struct option *option = find_option(name, size - 2);
        const char *value = equals == NULL ? NULL : equals + 1;
        if (value == NULL && option != NULL && option->kind != KIND_SWITCH && i + 1 < argc) {
            value = argv[++i];
        }
        struct kz_error inner;
        enum kz_status status = kz_options_set(options, 0, name, value, &inner);
        if (status != KZ_OK) return kz_error_set(error, status, "--%s", inner.text);
    }
    return KZ_OK;
}

static enum kz_status check_loopback(const struct kz_address *address, const char *name,
                                     struct kz_error *error)
{
    if (address->text[0] == '\0' || kz_address_is_loopback(address)) return KZ_OK;
    return kz_error_set(error, KZ_USAGE,
                        "%s: %s is no loopback address: until connections are encrypted, what "
                        "leaves this machine could be read and changed on the way, so every "
                        "address must be one of 127.0.0.0/8 or [::1]",
                        name, address->text);
}

static bool is_same(const struct kz_address *one, const struct kz_address *other)
{
    return memcmp(&one->socket, &other->socket, sizeof one->socket) == 0;
}

/* The node listens at each of its three addresses. */
static enum kz_status check_different(const struct kz_options *options, struct kz_error *error)
{
    const struct {
        const char *name;
        const struct kz_address *address;
    } own[] = {{"client", &options->client}, {"peer", &options->peer}, {"admin", &options->admin}};

    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (!is_same(own[i].address, own[j].address)) continue;
            return kz_error_set(error, KZ_USAGE,
                                "%s: %s is --%s's too; allowed: an address of its own", own[i].name,
                                own[i].address->text, own[j].name);
        }
    }
    return KZ_OK;
}

static enum kz_status check_addresses(const struct kz_options *options, struct kz_error *error)
{
    enum kz_status status = check_loopback(&options->client, "client", error);

    if (status == KZ_OK) status = check_loopback(&options->peer, "peer", error);
    if (status == KZ_OK) status = check_loopback(&options->admin, "admin", error);
    for (uint8_t i = 0; i < options->cluster.count && status == KZ_OK; i++) {
        status = check_loopback(&options->cluster.members[i].peer, "cluster", error);
    }
    return status;
}

/* The cluster's nodes as this one sees them, and where the others can not be. */
static enum kz_status check_cluster(const struct kz_options *options, struct kz_error *error)
{
    if (options->cluster.count == 0) return KZ_OK;
    if (options->id == 0) return kz_error_set(error, KZ_USAGE, "id: --cluster needs it");

    const struct kz_roster_member *self = kz_roster_find(&options->cluster, options->id);
    if (self == NULL) {
        return kz_error_set(error, KZ_USAGE, "cluster: has no node %llu, which --id says we are",
                            (unsigned long long)options->id);
    }
    if (strcmp(self->peer.text, options->peer.text) != 0) {
        return kz_error_set(error, KZ_USAGE,
                            "cluster: says that node %llu is at %s, and --peer that it is at %s",
                            (unsigned long long)options->id, self->peer.text, options->peer.text);
    }
    for (uint8_t i = 0; i < options->cluster.count; i++) {
        const struct kz_roster_member *member = &options->cluster.members[i];
        const char *taken = is_same(&member->peer, &options->client)  ? "client"
                            : is_same(&member->peer, &options->admin) ? "admin"
                                                                      : NULL;
        if (taken == NULL) continue;
        return kz_error_set(error, KZ_USAGE,
                            "cluster: %s, of node %llu, is --%s's too; allowed: an address of its "
                            "own",
                            member->peer.text, (unsigned long long)member->id, taken);
    }
    return KZ_OK;
}

/* All of it together, when each for itself is right. */
static enum kz_status check_all(const struct kz_options *options, struct kz_error *error)
{
    const char *missing = options->data == NULL             ? "data"
                          : options->client.text[0] == '\0' ? "client"
                          : options->peer.text[0] == '\0'   ? "peer"
                          : options->admin.text[0] == '\0'  ? "admin"
                                                            : NULL;

    if (missing != NULL) {
        return kz_error_set(error, KZ_USAGE, "%s: is missing; see kezekd --help", missing);
    }
    enum kz_status status = check_addresses(options, error);
    if (status == KZ_OK) status = check_different(options, error);
    if (status != KZ_OK) return status;

    if (options->join && options->cluster.count > 0) {
        return kz_error_set(error, KZ_USAGE,
                            "join: --cluster is for the nodes that found a cluster together, "
                            "--join for one that is added to it: give one of them");
    }
    if (2 * options->heartbeat_ms > options->election_timeout_ms) {
        return kz_error_set(error, KZ_USAGE,
                            "heartbeat: %llu ms is more than half of the election timeout of %llu "
                            "ms: one lost heartbeat would start an election",
                            (unsigned long long)options->heartbeat_ms,
                            (unsigned long long)options->election_timeout_ms);
    }
    return KZ_OK;
}

/* Puts file and line before what a check said of an option, where the file gave that one. */
static enum kz_status name_place(const struct kz_options *options, struct kz_error *error)
{
    struct kz_error inner = *error;
    const struct option *option = find_option(inner.text, strcspn(inner.text, ":"));
    unsigned line = option == NULL ? 0 : options->lines[option - table];

    if (line == 0) return inner.status;
    return kz_error_set(error, inner.status, "%s:%u: %.400s", options->config, line, inner.text);
}

enum kz_status kz_options_check_cluster(const struct kz_options *options, struct kz_error *error)
{
    return check_cluster(options, error) == KZ_OK ? KZ_OK : name_place(options, error);
}

enum kz_status kz_options_read(int argc, char *const *argv, struct kz_options *out_options,
                               struct kz_error *error)
{
    struct kz_options *options = out_options;

    *options = (struct kz_options){
        .election_timeout_ms = 300,
        .heartbeat_ms = 50,
        .connections = KZ_CONNECTIONS_MAX,
        .connections_per_address = KZ_CONNECTIONS_PER_ADDRESS_MAX,
        .refusals_per_minute = KZ_REFUSALS_PER_MINUTE,
        .scrub_days = 7,
        .image_every = 1000000,
    };
    enum kz_status status = read_flags(options, argc, argv, error);
    if (status != KZ_OK || options->help || options->version) return status;
    if (options->config != NULL) status = kz_config_read(options->config, options, error);
    if (status != KZ_OK) return status;
    status = check_all(options, error);
    if (status != KZ_OK) return name_place(options, error);
    return options->check_config ? kz_options_check_cluster(options, error) : KZ_OK;
}

void kz_options_finish(struct kz_options *options)
{
    for (unsigned i = 0; i < options->text_count; i++)
        free(options->texts[i]);
    options->text_count = 0;
}

void kz_options_print_help(FILE *out)
{
    fprintf(out, "kezekd " KZ_VERSION ": a node of a Kezek cluster\n\n"
                 "kezekd --id N --data DIR --client ADDR:PORT --peer ADDR:PORT --admin ADDR:PORT\n"
                 "       --cluster-id HEX --cluster 1=ADDR:PORT,2=ADDR:PORT,…\n"
                 "kezekd … --cluster-id HEX --join\n\n");
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const char *value = table[i].value == NULL ? "" : table[i].value;
        int used = fprintf(out, "  --%s %s", table[i].name, value);
        if (strstr(value, "…") != NULL) used -= 2; /* one column of three bytes */
        fprintf(out, "%*s%s\n", used < 36 ? 36 - used : 1, "", table[i].help);
    }
    fprintf(out,
            "\nEnds with 0 after SIGTERM, 1 when it can not go on, 2 for wrong options. SIGHUP "
            "ends nothing: it is for certificates.\n");
}
