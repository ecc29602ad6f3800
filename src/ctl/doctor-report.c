/* SPDX-License-Identifier: MIT */
/*
 * doctor-report.c -- findings: kept, printed for a person, or as JSON.
 */
#include <stdio.h>

#include "ctl.h"
#include "doctor.h"

const char *const doctor_groups[DOCTOR_N_GROUPS] = {
    "dns", "web", "ports", "certs", "s2s", "clock", "proxy"};

static const char *const words[] = {"OK", "WARN", "FAIL"};

bool
doctor_wants(const struct doctor_report *r, enum doctor_group group)
{
    return r->only == 0 || (r->only & (1u << group)) != 0;
}

void
doctor_add(struct doctor_report *r, enum doctor_level level,
           enum doctor_group group, const char *check, const char *fix,
           const char *fmt, ...)
{
    struct cnc__str text = CNC__STR;
    struct doctor_finding *f;
    va_list ap;

    if (!doctor_wants(r, group)) {
        return;
    }
    va_start(ap, fmt);
    cnc__str_vprintf(&text, fmt, ap);
    va_end(ap);
    r->list = cnc__grow(r->list, r->n, &r->cap, sizeof(*r->list));
    f = &r->list[r->n++];
    f->level = level;
    f->group = group;
    f->check = cnc__strdup(check);
    f->text = cnc__str_steal(&text);
    f->fix = cnc__strdup(fix);
}

enum doctor_level
doctor_worst(const struct doctor_report *r)
{
    enum doctor_level worst = DOCTOR_OK;

    for (size_t i = 0; i < r->n; i++) {
        worst = r->list[i].level > worst ? r->list[i].level : worst;
    }
    return worst;
}

/* The lines of a fix, each under the text it belongs to. */
static void
print_fix(FILE *out, const char *fix)
{
    while (*fix != '\0') {
        size_t len = strcspn(fix, "\n");
        char *line = cnc__strndup(fix, len);

        fputs("          ", out);
        ctl_print_text_to(out, line);
        fputc('\n', out);
        cnc__free(line);
        fix += len + (fix[len] == '\n');
    }
}

/* One missing header breaks much: its line stands at the first that fails. */
static bool
is_said(const struct doctor_report *r, const struct doctor_finding *f)
{
    for (const struct doctor_finding *e = r->list; e < f; e++) {
        if (f->group == DOCTOR_PROXY && e->group == f->group &&
            e->fix != NULL && strcmp(e->fix, f->fix) == 0) {
            return true;
        }
    }
    return false;
}

void
doctor_print_to(FILE *out, const struct doctor_report *r, bool colour)
{
    static const char *const colours[] = {"\033[32m", "\033[33m",
                                          "\033[1;31m"};
    size_t counts[3] = {0};

    for (int g = 0; g < DOCTOR_N_GROUPS; g++) {
        bool titled = false;

        for (size_t i = 0; i < r->n; i++) {
            const struct doctor_finding *f = &r->list[i];

            if ((int)f->group != g) {
                continue;
            }
            if (!titled) {
                fprintf(out, "%s\n", doctor_groups[g]);
                titled = true;
            }
            counts[f->level]++;
            fprintf(out, "  %s%-4s%s  ", colour ? colours[f->level] : "",
                    words[f->level], colour ? "\033[0m" : "");
            ctl_print_text_to(out, f->text);
            fputc('\n', out);
            if (f->fix != NULL && !is_said(r, f)) {
                print_fix(out, f->fix);
            }
        }
    }
    fprintf(out, "%zu OK, %zu WARN, %zu FAIL\n", counts[DOCTOR_OK],
            counts[DOCTOR_WARN], counts[DOCTOR_FAIL]);
}

void
doctor_print(const struct doctor_report *r, bool colour)
{
    doctor_print_to(stdout, r, colour);
}

void
doctor_json(struct cnc__str *out, const struct doctor_report *r,
            const char *domain)
{
    cnc__str_puts(out, "{\"domain\": ");
    ctl_json_string(out, domain);
    cnc__str_printf(out, ", \"result\": \"%s\", \"findings\": [",
                    words[doctor_worst(r)]);
    for (size_t i = 0; i < r->n; i++) {
        const struct doctor_finding *f = &r->list[i];

        cnc__str_printf(out,
                        "%s\n  {\"check\": \"%s\", \"level\": \"%s\", "
                        "\"group\": \"%s\", \"text\": ",
                        i == 0 ? "" : ",", f->check, words[f->level],
                        doctor_groups[f->group]);
        ctl_json_string(out, f->text);
        if (f->fix != NULL) {
            cnc__str_puts(out, ", \"fix\": ");
            ctl_json_string(out, f->fix);
        }
        cnc__str_putc(out, '}');
    }
    cnc__str_puts(out, "]}\n");
}

void
doctor_report_fini(struct doctor_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        cnc__free(r->list[i].check);
        cnc__free(r->list[i].text);
        cnc__free(r->list[i].fix);
    }
    cnc__free(r->list);
    r->list = NULL;
    r->n = r->cap = 0;
}
