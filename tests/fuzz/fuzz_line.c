/* SPDX-License-Identifier: Apache-2.0 */
/* What parses as a line has a record, and its own line parses to the same entry and formats to the
 * same bytes. */
#include "client/lines/lines.h"
#include "statemachine/base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t encode(const struct kz_line *line, uint8_t record[static KZ_RECORD_SIZE_MAX])
{
    return kz_record_encode(&line->entry, record, KZ_RECORD_SIZE_MAX);
}

static void check_round_trip(const struct kz_line *line)
{
    static struct kz_line again;
    char exported[KZ_LINE_SIZE_MAX];
    char exported_again[KZ_LINE_SIZE_MAX];
    uint8_t record[KZ_RECORD_SIZE_MAX];
    uint8_t record_again[KZ_RECORD_SIZE_MAX];
    size_t size = kz_line_format(line->index, line->term, &line->entry, line->result, exported);
    size_t record_size = encode(line, record);

    KZ_ASSERT(size < KZ_LINE_SIZE_MAX && record_size > 0);
    KZ_ASSERT(kz_line_parse(exported, size, KZ_LINE_LEDGER, &again, NULL) == KZ_OK);
    KZ_ASSERT(again.index == line->index && again.term == line->term);
    KZ_ASSERT(again.result == line->result);
    KZ_ASSERT(encode(&again, record_again) == record_size);
    KZ_ASSERT(memcmp(record_again, record, record_size) == 0);
    KZ_ASSERT(kz_line_format(again.index, again.term, &again.entry, again.result, exported_again) ==
              size);
    KZ_ASSERT(memcmp(exported_again, exported, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kz_line line;
    struct kz_error error = {KZ_OK, ""};
    const char *text = (const char *)data;

    if (kz_line_parse(text, size, KZ_LINE_LEDGER, &line, &error) == KZ_OK) {
        check_round_trip(&line);
        KZ_ASSERT(kz_line_parse(text, size, KZ_LINE_COMMAND, &line, NULL) == KZ_OK);
        return 0;
    }
    KZ_ASSERT(error.status != KZ_OK && error.text[0] != '\0');
    if (kz_line_parse(text, size, KZ_LINE_COMMAND, &line, NULL) == KZ_OK) check_round_trip(&line);
    return 0;
}
