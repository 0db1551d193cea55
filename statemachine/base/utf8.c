/* SPDX-License-Identifier: Apache-2.0 */
#include "statemachine/base/utf8.h"

#include <stdint.h>

/* Reads one character of the SIZE > 0 bytes at TEXT.
 * Returns: its size, with its code point in OUT_CODE; 0 when it is not UTF-8. */
static size_t read_character(const uint8_t *text, size_t size, uint32_t *out_code)
{
    /* The smallest code point that a character of so many bytes may have. */
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

    uint8_t first = text[0];
    size_t count = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (count == 0 || first > 0xf4 || count > size) return 0;

    uint32_t code = count == 1 ? first : first & (0x7fU >> count);
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (text[i] & 0x3fU);
    }
    if (code < smallest[count] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
    *out_code = code;
    return count;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

static bool is_text(const char *text, size_t size, bool may_have_controls)
{
    const uint8_t *bytes = (const uint8_t *)text;

    for (size_t i = 0; i < size;) {
        uint32_t code = 0;
        size_t count = read_character(bytes + i, size - i, &code);
        if (count == 0 || code == 0) return false;
        if (!may_have_controls && is_control(code)) return false;
        i += count;
    }
    return true;
}

bool kz_utf8_is_text(const char *text, size_t size)
{
    return is_text(text, size, true);
}

bool kz_utf8_is_printable(const char *text, size_t size)
{
    return is_text(text, size, false);
}
