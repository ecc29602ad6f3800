/* SPDX-License-Identifier: MIT */
/*
 * upload-commands.c -- the administrators' commands "uploads" and
 * "uploads/delete".
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "uploads.h"

#define MAX_ROWS 1000

static const struct cnc_record list_record = {
    "uploads", CNC_FIELDS({"owner", "Whose", .kind = CNC_FIELD_JID,
                           .help = "A Jabber ID; nothing: all."})};

static const struct cnc_record delete_record = {
    "upload", CNC_FIELDS({"id", "The file's id", .required = true,
                          .match = "[0-9a-f]{32}",
                          .error = "An id is 32 digits and letters a-f."})};

static int
by_age(const void *a, const void *b)
{
    const struct cnc__upload *x = *(const struct cnc__upload *const *)a;
    const struct cnc__upload *y = *(const struct cnc__upload *const *)b;

    return x->since != y->since ? (x->since < y->since ? 1 : -1)
                                : strcmp(x->id, y->id);
}

static void
add_row(struct cnc__str *out, const struct cnc__uploads *u,
        const struct cnc__upload *f)
{
    struct cnc__str url = CNC__STR;
    char time[32];

    cnc__datetime(time, f->since * 1000);
    cnc__upload_url(&url, u, f);
    cnc__xml_printf(out,
                    "<item><field var='id'><value>%s</value></field>"
                    "<field var='owner'><value>%s</value></field>"
                    "<field var='name'><value>%s</value></field>"
                    "<field var='type'><value>%s</value></field>"
                    "<field var='bytes'><value>%llu</value></field>"
                    "<field var='time'><value>%s</value></field>"
                    "<field var='url'><value>%s</value></field></item>",
                    f->id, f->owner, f->name, f->type,
                    (unsigned long long)f->bytes, time, url.data);
    cnc__str_fini(&url);
}

static void
run_list(struct cnc__command_reply *reply, const struct cnc__caller *c,
         struct cnc__values *v, void *priv)
{
    struct cnc__uploads *u = priv;
    const char *owner = cnc__values_get(v, "owner", 0);
    const struct cnc__upload **list = cnc__zalloc(
        (cnc__table_len(u->files) + 1) * sizeof(struct cnc__upload *));
    struct cnc__str out = CNC__STR, note = CNC__STR;
    uint64_t bytes = 0;
    size_t n = 0;

    for (struct cnc__table_iter i = {0}; cnc__table_next(u->files, &i);) {
        const struct cnc__upload *f = i.value;

        if (owner == NULL || owner[0] == '\0' ||
            strcmp(owner, f->owner) == 0) {
            bytes += f->bytes;
            list[n++] = f;
        }
    }
    qsort(list, n, sizeof(struct cnc__upload *), by_age);
    cnc__str_puts(&out, "<x xmlns='jabber:x:data' type='result'>"
                        "<title>Files</title><reported>"
                        "<field var='id' label='Id'/>"
                        "<field var='owner' label='Whose'/>"
                        "<field var='name' label='Name'/>"
                        "<field var='type' label='Type'/>"
                        "<field var='bytes' label='Bytes'/>"
                        "<field var='time' label='Since'/>"
                        "<field var='url' label='Address'/></reported>");
    for (size_t i = 0; i < n && i < MAX_ROWS; i++) {
        add_row(&out, u, list[i]);
    }
    cnc__str_puts(&out, "</x>");
    cnc__str_printf(&note, "%zu files, %llu bytes.%s", n,
                    (unsigned long long)bytes,
                    n > MAX_ROWS ? " The newest 1000 are shown." : "");
    cnc__command_done(reply, NULL, note.data, out.data);
    cnc__str_fini(&out);
    cnc__str_fini(&note);
    cnc__free(list);
}

static void
run_delete(struct cnc__command_reply *reply, const struct cnc__caller *c,
           struct cnc__values *v, void *priv)
{
    struct cnc__uploads *u = priv;
    const char *id = cnc__values_get(v, "id", 0);

    if (cnc__upload_delete(u, id == NULL ? "" : id, "administrator") != 0) {
        cnc__command_refuse(reply, v, "id", "There is no such file.");
    } else {
        cnc__command_done(reply, NULL, "The file is deleted.", NULL);
    }
}

int
cnc__uploads_commands(struct cnc__uploads *u, struct cnc_error *err)
{
    const struct cnc__command commands[] = {
        {.node = (char *)"uploads",
         .name = (char *)"Files that people sent",
         .help = (char *)"All files that are kept, the newest first.",
         .record = &list_record,
         .safe = true,
         .run = run_list},
        {.node = (char *)"uploads/delete",
         .name = (char *)"Delete a file",
         .help = (char *)"Its address leads nowhere any more.",
         .record = &delete_record,
         .see = (char *)"/_do/uploads",
         .run = run_delete},
    };

    for (size_t i = 0; i < CNC_N(commands); i++) {
        struct cnc__command cmd = commands[i];
        int code;

        cmd.who = CNC_ADMINS;
        cmd.priv = u;
        if ((code = cnc__commands_add(u->service->commands, &cmd, err)) != 0) {
            return code;
        }
    }
    return 0;
}
