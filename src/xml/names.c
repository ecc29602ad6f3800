/* SPDX-License-Identifier: MIT */
/*
 * names.c -- XML 1.0 fifth edition, productions 4 and 4a, without the colon.
 */
#include "../base/text.h"
#include "tree.h"

#define S (CNC__NAME_START | CNC__NAME_CHAR)
#define C CNC__NAME_CHAR
#define W CNC__SPACE

const unsigned char
    cnc__xml_class[256] =
        {
            ['\t'] = W,        ['\n'] = W,        ['\r'] = W,
            [' '] = W,         ['-'] = C,         ['.'] = C,
            ['0' ... '9'] = C, ['A' ... 'Z'] = S, ['_'] = S,
            ['a' ... 'z'] = S,
};

bool
cnc__name_start(uint32_t cp)
{
    static const struct {
        uint32_t from, to;
    } ranges[] = {
        {'A', 'Z'},       {'_', '_'},       {'a', 'z'},
        {0xC0, 0xD6},     {0xD8, 0xF6},     {0xF8, 0x2FF},
        {0x370, 0x37D},   {0x37F, 0x1FFF},  {0x200C, 0x200D},
        {0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF},
        {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF},
    };
    for (size_t i = 0; i < CNC_N(ranges) && cp >= ranges[i].from; i++) {
        if (cp <= ranges[i].to) {
            return true;
        }
    }
    return false;
}

bool
cnc__name_char(uint32_t cp)
{
    return cnc__name_start(cp) || (cp >= '0' && cp <= '9') || cp == '-' ||
           cp == '.' || cp == 0xB7 || (cp >= 0x300 && cp <= 0x36F) ||
           cp == 0x203F || cp == 0x2040;
}

bool
cnc__ncname_valid(const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = cnc__utf8_next(&cp, s + i, len - i);
        if (n == 0 || !(i == 0 ? cnc__name_start(cp) : cnc__name_char(cp))) {
            return false;
        }
        i += n;
    }
    return len > 0;
}
