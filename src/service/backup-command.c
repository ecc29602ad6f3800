/* SPDX-License-Identifier: MIT */
/*
 * backup-command.c -- the command `backup`: the writer thread, which alone
 * speaks to the store, writes the file between two transactions.  Publishes
 * wait for that; whoever reads does not.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "backup.h"

struct backup {
    struct cnc_service *service;
    struct cnc__command_reply *reply;
    char *domain, *part, *path;
    uint64_t n;
    struct cnc_error err;
};

static void
write_it(const struct cnc_store_driver *driver, struct cnc_store *store,
         void *priv)
{
    struct backup *b = priv;

    if (cnc__backup_write(driver, store, b->domain, b->part, &b->n, &b->err) ==
            0 &&
        rename(b->part, b->path) != 0) {
        cnc_error_set(&b->err, CNC_ESYS, NULL, "cannot make %s: %s", b->path,
                      strerror(errno));
        unlink(b->part);
    }
}

static void
written(void *priv)
{
    struct backup *b = priv;
    struct cnc__str note = CNC__STR, x = CNC__STR;

    if (b->err.code != 0) {
        cnc__log(CNC_LOG_ERROR, "backup.failed", "error=%s", b->err.text);
        cnc__command_done(b->reply, &b->err, NULL, NULL);
    } else {
        cnc__log(CNC_LOG_INFO, "backup.written", "file=%s entries=%llu",
                 b->path, (unsigned long long)b->n);
        cnc__str_printf(&note, "%llu entries are in %s.",
                        (unsigned long long)b->n, b->path);
        cnc__xml_printf(&x,
                        "<x xmlns='jabber:x:data' type='result'><field "
                        "var='file' label='File'><value>%s</value></field>"
                        "<field var='entries' label='Entries'><value>%llu"
                        "</value></field></x>",
                        b->path, (unsigned long long)b->n);
        cnc__command_done(b->reply, NULL, note.data, x.data);
    }
    cnc__str_fini(&note);
    cnc__str_fini(&x);
    cnc__free(b->domain);
    cnc__free(b->part);
    cnc__free(b->path);
    cnc__free(b);
}

static void
run_backup(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    struct cnc_service *s = priv;
    struct cnc_error err = {0};
    struct cnc__str path = CNC__STR;
    struct backup *b;
    char now[32], random[17];

    if (s->driver == &cnc__store_memory) {
        cnc_error_set(&err, CNC_EINVAL, "not-allowed",
                      "the store memory keeps nothing that could be saved");
        cnc__command_done(reply, &err, NULL, NULL);
        return;
    }
    cnc__datetime(now, cnc__unix_s() * 1000);
    cnc__random_hex(random, 8);
    cnc__str_printf(&path, "%s/backup-%s-%s.xml", s->data, now, random);
    b = cnc__zalloc(sizeof(*b));
    b->service = s;
    b->reply = reply;
    b->domain = cnc__strdup(cnc__router_domain(s->router));
    b->path = cnc__strdup(path.data);
    cnc__str_puts(&path, ".part");
    b->part = cnc__str_steal(&path);
    cnc__commits_run(s->commits, write_it, written, b);
}

int
cnc__backup_command(struct cnc_service *s, struct cnc_error *err)
{
    const struct cnc__command c = {
        .node = (char *)"backup",
        .name = (char *)"Back up",
        .help = (char *)"Writes all that is kept into a file in the data "
                        "folder.",
        .run = run_backup,
        .priv = s};
    int code = cnc__commands_add(s->commands, &c, err);

    return code == 0 ? cnc__backup_list_commands(s, err) : code;
}
