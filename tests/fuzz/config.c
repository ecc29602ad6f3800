/* SPDX-License-Identifier: MIT */
/*
 * config.c -- what a configuration file may be: any bytes are read or refused
 * with the file and a line that is there; what is read has values that its
 * options take, sections in order, and is the same when it is read again.
 *
 * A libFuzzer target; the driver beside those of xmpp/ runs a corpus and
 * seeded mutations of it.
 */
#include "../../src/base/text.h"
#include "../../src/service/config-file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_line(const struct cnc__config_file *c, size_t i)
{
    const struct cnc__config_file_line *l = &c->lines[i];

    CNC_CHECK(l->line > 0 && l->section <= c->n_sections);
    CNC_CHECK(i == 0 || (l[-1].line < l->line && l[-1].section <= l->section));
    CNC_CHECK(cnc__utf8_valid(l->value, strlen(l->value)));
    CNC_CHECK(strlen(l->value) <= 4096);
    if (l->opt == NULL) {
        CNC_CHECK(l->value[0] != '\0' && l->value[0] != '-');
    } else if (l->opt->kind == CNC__OPTION_FLAG) {
        CNC_CHECK(l->value[0] == '\0');
    } else {
        CNC_CHECK(cnc__option_check(l->opt, "", l->value, NULL) == 0);
    }
    CNC_CHECK(l->section == 0 || l->opt == NULL || l->opt->own != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cnc__config_file a, b;
    struct cnc_error err = {0};
    int rc = cnc__config_file_read(&a, "f", (const char *)data, size, &err);

    CNC_CHECK(rc == 0 ||
              (rc == CNC_EINVAL && strncmp(err.text, "f:", 2) == 0));
    CNC_CHECK(cnc__config_file_read(&b, "f", (const char *)data, size, NULL) ==
              rc);
    CNC_CHECK(a.n == b.n && a.n_sections == b.n_sections);
    for (size_t i = 0; i < a.n; i++) {
        check_line(&a, i);
        CNC_CHECK(strcmp(a.lines[i].value, b.lines[i].value) == 0);
    }
    cnc__config_file_fini(&a);
    cnc__config_file_fini(&b);
    return 0;
}
