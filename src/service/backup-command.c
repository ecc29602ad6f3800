/* SPDX-License-Identifier: MIT */
/*
 * backup-command.c -- the command `backup`: everything as it is at one moment,
 * read beside the writer thread, so that publishes go on; a store that cannot
 * be read so is read by the writer between two transactions, and they wait.
 *
 * One at a time of a domain.  Whoever asked is told how far it is; a service
 * that stops does not wait for it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "backup.h"
#include "uploads.h"

struct cnc__backup {
    struct cnc_service *service;
    struct cnc__command_reply *reply;
    char *domain, *part, *path, *files;
    struct cnc__backup_progress progress;
    struct cnc_error err;
};

static bool
reads_beside(const struct cnc_store_driver *driver)
{
    return driver->size > offsetof(struct cnc_store_driver, each_beside) &&
           driver->each_beside != NULL;
}

static void
write_it(const struct cnc_store_driver *driver, struct cnc_store *store,
         void *priv)
{
    struct cnc__backup *b = priv;
    const struct cnc__backup_source source = {
        .store = store,
        .each = reads_beside(driver) ? driver->each_beside : driver->each,
        .files = b->files,
        .domain = b->domain};

    if (cnc__backup_write(&source, b->part, &b->progress, &b->err) == 0 &&
        rename(b->part, b->path) != 0) {
        cnc_error_set(&b->err, CNC_ESYS, NULL, "cannot make %s: %s", b->path,
                      strerror(errno));
        unlink(b->part);
    }
}

static void
beside(void *priv)
{
    struct cnc__backup *b = priv;

    write_it(b->service->driver, b->service->store, b);
}

/* -- the answer ------------------------------------------------------------
 */

static void
tell(struct cnc__backup *b)
{
    unsigned long long n = atomic_load(&b->progress.entries);
    unsigned long long files = atomic_load(&b->progress.files);
    unsigned long long missing = atomic_load(&b->progress.missing);
    struct cnc__str note = CNC__STR, x = CNC__STR;

    cnc__log(CNC_LOG_INFO, "backup.written",
             "file=%s entries=%llu files=%llu missing=%llu", b->path, n, files,
             missing);
    if (missing > 0) {
        cnc__str_printf(&note,
                        "%llu entries and %llu files are in %s; %llu files "
                        "could not be read.",
                        n, files, b->path, missing);
    } else {
        cnc__str_printf(&note, "%llu entries and %llu files are in %s.", n,
                        files, b->path);
    }
    cnc__xml_printf(&x, "<x xmlns='jabber:x:data' type='result'>");
    cnc__xml_printf(&x,
                    "<field var='file' label='File'><value>%s</value></field>"
                    "<field var='entries' label='Entries'><value>%llu</value>"
                    "</field><field var='files' label='Files of people'>"
                    "<value>%llu</value></field>",
                    b->path, n, files);
    cnc__xml_printf(&x,
                    "<field var='missing' label='Files that could not be "
                    "read'><value>%llu</value></field></x>",
                    missing);
    cnc__command_done(b->reply, NULL, note.data, x.data);
    cnc__str_fini(&note);
    cnc__str_fini(&x);
}

static void
written(void *priv)
{
    struct cnc__backup *b = priv;

    b->service->backup = NULL;
    cnc__uploads_release(b->service->uploads);
    if (b->err.code != 0) {
        cnc__log(CNC_LOG_ERROR, "backup.failed", "error=%s", b->err.text);
        cnc__command_done(b->reply, &b->err, NULL, NULL);
    } else {
        tell(b);
    }
    cnc__free(b->domain);
    cnc__free(b->part);
    cnc__free(b->path);
    cnc__free(b->files);
    cnc__free(b);
}

void
cnc__backup_tick(struct cnc_service *s)
{
    struct cnc__backup *b = s->backup;
    struct cnc__str text = CNC__STR;

    if (b == NULL) {
        return;
    }
    cnc__str_printf(&text, "%llu entries, %llu files, %llu MB",
                    (unsigned long long)atomic_load(&b->progress.entries),
                    (unsigned long long)atomic_load(&b->progress.files),
                    (unsigned long long)atomic_load(&b->progress.bytes) >> 20);
    cnc__command_progress(b->reply, text.data);
    cnc__str_fini(&text);
}

void
cnc__backup_stop(struct cnc_service *s)
{
    if (s->backup != NULL) {
        atomic_store(&s->backup->progress.stop, true);
    }
}

/* -- the command -----------------------------------------------------------
 */

static void
refuse(struct cnc__command_reply *reply, int code, const char *why)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, code, "not-allowed", "%s", why);
    cnc__command_done(reply, &err, NULL, NULL);
}

static void
run_backup(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    struct cnc_service *s = priv;
    struct cnc__str path = CNC__STR;
    struct cnc__backup *b;
    char now[32], random[17];

    if (s->driver == &cnc__store_memory) {
        refuse(reply, CNC_EINVAL,
               "the store memory keeps nothing that could be saved");
        return;
    }
    if (s->backup != NULL) {
        refuse(reply, CNC_EEXIST, "a backup is being made already");
        return;
    }
    cnc__datetime(now, cnc__unix_s() * 1000);
    cnc__random_hex(random, 8);
    cnc__str_printf(&path, "%s/backup-%s-%s.xml", s->data, now, random);
    b = s->backup = cnc__zalloc(sizeof(*b));
    b->service = s;
    b->reply = reply;
    b->domain = cnc__strdup(cnc__router_domain(s->router));
    b->path = cnc__strdup(path.data);
    cnc__str_puts(&path, ".part");
    b->part = cnc__strdup(path.data);
    cnc__str_clear(&path);
    cnc__str_printf(&path, "%s/files", s->data);
    b->files = cnc__str_steal(&path);
    cnc__uploads_hold(s->uploads);
    if (reads_beside(s->driver)) {
        cnc__service_offload(beside, written, b, s);
    } else {
        cnc__commits_run(s->commits, write_it, written, b);
    }
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
