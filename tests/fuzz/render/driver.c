/* SPDX-License-Identifier: MIT */
/*
 * driver.c -- a fuzzer's target without libFuzzer: inputs put together from
 * the lines of a word list, and mutated; the same ones every time.
 *
 *   driver WORDS ROUNDS [FIRST_SEED]
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../src/base/str.h"
#include "../../../src/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t seed;

static uint32_t
roll(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static size_t
read_words(char ***words, struct cnc__str *text, const char *path)
{
    char buf[4096];
    size_t n, n_words = 0;
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return 0;
    }
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
        cnc__str_add(text, buf, n);
    }
    fclose(f);
    for (char *s = text->data; *s != '\0'; n_words++) {
        size_t len = strcspn(s, "\n");
        *words = cnc__realloc(*words, n_words + 1, sizeof(**words));
        (*words)[n_words] = s;
        s += len;
        if (*s == '\n') {
            *s++ = '\0';
        }
    }
    return n_words;
}

int
main(int argc, char **argv)
{
    struct cnc__str text = CNC__STR, input = CNC__STR;
    char **words = NULL;
    int64_t rounds, first = 1;
    if (argc < 3 || !cnc__parse_int(&rounds, argv[2], 1, INT32_MAX) ||
        (argc > 3 && !cnc__parse_int(&first, argv[3], 1, INT32_MAX))) {
        fprintf(stderr, "usage: %s WORDS ROUNDS [FIRST_SEED]\n", argv[0]);
        return 2;
    }
    size_t n_words = read_words(&words, &text, argv[1]);
    CNC_CHECK(n_words > 0);
    for (int64_t i = 0; i < rounds; i++) {
        seed = (uint64_t)(first + i);
        cnc__str_clear(&input);
        for (uint32_t n = roll(30); n > 0; n--) {
            const char *w = words[roll((uint32_t)n_words)];
            if (strcmp(w, "NUL") == 0) {
                cnc__str_putc(&input, '\0');
            } else if (strcmp(w, "BYTES") == 0) {
                for (uint32_t k = roll(9); k > 0; k--) {
                    cnc__str_putc(&input, (char)roll(roll(2) ? 256 : 12));
                }
            } else {
                cnc__str_puts(&input, w);
            }
        }
        for (uint32_t n = roll(8) == 0 ? roll(4) : 0; n > 0 && input.len > 0;
             n--) {
            input.data[roll((uint32_t)input.len)] = (char)roll(256);
        }
        LLVMFuzzerTestOneInput((const uint8_t *)cnc__str_c(&input), input.len);
    }
    cnc__str_fini(&text);
    cnc__str_fini(&input);
    cnc__free(words);
    return 0;
}
