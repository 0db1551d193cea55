/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator writes: by the first byte a configuration file, an address, a roster, an instant
 * a demonstration's clock, or a
 * whole command line. What is accepted stays within its bounds. */
#include "node/shell/config.h"
#include "statemachine/base/assert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_file(const uint8_t *data, size_t size)
{
    struct kz_options options = {0};
    struct kz_error error;
    uint8_t *copy = malloc(size + 1);
    FILE *file;

    memcpy(copy, data, size);
    file = fmemopen(copy, size, "r");
    if (file != NULL) {
        enum kz_status status = kz_config_parse(file, "FILE", &options, &error);
        KZ_ASSERT(status == KZ_OK || (status == KZ_USAGE && strncmp(error.text, "FILE:", 5) == 0));
        KZ_ASSERT(options.cluster.count <= KZ_MEMBERS_MAX);
        fclose(file);
    }
    kz_options_finish(&options);
    free(copy);
}

static void fuzz_text(uint8_t what, const char *text, size_t size)
{
    struct kz_address address;
    struct kz_roster roster = {0};
    struct kz_demo_clock clock;
    struct kz_error error;
    int64_t ms;

    switch (what) {
    case 1:
        if (kz_address_parse(text, size, &address, &error) != KZ_OK) return;
        KZ_ASSERT(strlen(address.text) == size && memcmp(address.text, text, size) == 0);
        break;
    case 2:
        if (kz_roster_parse(text, &roster, &error) != KZ_OK) return;
        KZ_ASSERT(roster.count >= 1 && roster.count <= KZ_MEMBERS_MAX);
        break;
    case 3:
        if (!kz_instant_parse(text, size, &ms)) return;
        KZ_ASSERT(ms > INT64_C(-62135683200000) && ms < INT64_C(253402387200000));
        break;
    default:
        if (!kz_demo_clock_parse(text, &clock)) return;
        KZ_ASSERT(clock.demo && clock.rate >= 1 && clock.rate <= KZ_DEMO_RATE_MAX);
        (void)kz_demo_clock_at(&clock, 0);
        break;
    }
}

/* The words of a command line, one a line. Other files than an empty one are not opened. */
static void fuzz_flags(char *text)
{
    char program[] = "kezekd";
    char *words[64] = {program};
    int count = 1;
    struct kz_options options;
    struct kz_error error;

    if (strstr(text, "--config") != strstr(text, "--config\n/dev/null\n")) return;
    for (char *word = strtok(text, "\n"); word != NULL && count < 64; word = strtok(NULL, "\n"))
        words[count++] = word;
    enum kz_status status = kz_options_read(count, words, &options, &error);
    KZ_ASSERT(status == KZ_OK || (status == KZ_USAGE && error.text[0] != '\0'));
    KZ_ASSERT(status != KZ_OK || options.help || options.version || options.data != NULL);
    kz_options_finish(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    if (data[0] % 6 == 0) {
        fuzz_file(data + 1, size - 1);
        return 0;
    }
    char *text = calloc(1, size); /* with a zero behind */
    memcpy(text, data + 1, size - 1);
    if (data[0] % 6 == 5)
        fuzz_flags(text);
    else
        fuzz_text(data[0] % 6, text, size - 1);
    free(text);
    return 0;
}
