/* SPDX-License-Identifier: MIT */
/*
 * backup-list.c -- the backups that lie in the data folder: the commands
 * "backups", "backups/check" and "backups/delete", and /_backup/NAME, which
 * sends one to whoever may run the command "backup".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/text.h"
#include "../pubsub/result.h"
#include "backup.h"

#define PLACE     "/_backup/"
#define MAX_FILES 1000u

/* As backup-command.c makes them, so that it is a path nowhere else. */
static bool
is_name(const char *name)
{
    size_t len = strlen(name);

    return len > 11 && len < 200 && strncmp(name, "backup-", 7) == 0 &&
           strcmp(name + len - 4, ".xml") == 0 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789TZ:.-") == len;
}

static char *
path_of(const struct cnc_service *s, const char *name)
{
    struct cnc__str path = CNC__STR;

    cnc__str_printf(&path, "%s/%s", s->data, name);
    return cnc__str_steal(&path);
}

/* -- which there are -------------------------------------------------------
 */

struct found {
    char *name;
    struct stat st;
};

static int
newest_first(const void *a, const void *b)
{
    return strcmp(((const struct found *)b)->name,
                  ((const struct found *)a)->name);
}

static struct found *
find_all(const struct cnc_service *s, size_t *n)
{
    DIR *dir = opendir(s->data);
    const struct dirent *e;
    struct found *all = NULL;
    size_t cap = 0;

    *n = 0;
    while (dir != NULL && *n < MAX_FILES && (e = readdir(dir)) != NULL) {
        struct stat st;

        if (is_name(e->d_name) &&
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode)) {
            all = cnc__grow(all, *n, &cap, sizeof(*all));
            all[(*n)++] = (struct found){cnc__strdup(e->d_name), st};
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (*n > 1) {
        qsort(all, *n, sizeof(*all), newest_first);
    }
    return all;
}

static void
run_list(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    static const struct cnc__column columns[] = {
        {"name", "File"}, {"published", "Made"}, {"bytes", "Size"}};
    struct cnc_service *s = priv;
    struct cnc__str form = CNC__STR, note = CNC__STR;
    size_t n;
    struct found *all = find_all(s, &n);

    cnc__result_begin(&form, "Backups");
    cnc__result_value(&form, "folder", "Data folder", s->data);
    cnc__result_reported(&form, columns, CNC_N(columns));
    for (size_t i = 0; i < n; i++) {
        char made[32];

        cnc__datetime(made, (int64_t)all[i].st.st_mtime * 1000);
        cnc__str_puts(&form, "<item>");
        cnc__result_cell(&form, "name", all[i].name);
        cnc__result_cell(&form, "published", made);
        cnc__result_count(&form, "bytes", (uint64_t)all[i].st.st_size);
        cnc__str_puts(&form, "</item>");
        cnc__free(all[i].name);
    }
    cnc__free(all);
    cnc__str_printf(&note, "%zu backups.", n);
    cnc__result_done(reply, &form, note.data);
    cnc__str_fini(&note);
}

/* -- one of them -----------------------------------------------------------
 */

static const struct cnc_record name_record = {
    "backup",
    CNC_FIELDS({"name", "The file's name", .required = true, .max_len = 200})};

/* What was typed, when it is one that is there; else NULL, refused. */
static const char *
name_of(struct cnc_service *s, struct cnc__command_reply *reply,
        struct cnc__values *v)
{
    const char *name = cnc__values_get(v, "name", 0);
    char *path = NULL;
    bool there = name != NULL && is_name(name) &&
                 access(path = path_of(s, name), F_OK) == 0;

    cnc__free(path);
    if (!there) {
        cnc__command_refuse(reply, v, "name", "There is no such backup.");
    }
    return there ? name : NULL;
}

struct check {
    struct cnc__command_reply *reply;
    char *name, *path;
    struct cnc_backup about;
    struct cnc_error err;
    int code;
};

static void
check_work(void *arg)
{
    struct check *c = arg;

    c->code = cnc_backup_check(&c->about, c->path, &c->err);
}

static void
check_done(void *arg)
{
    struct check *c = arg;
    struct cnc__str note = CNC__STR;

    cnc__str_printf(&note, "%s is whole: %llu entries of %s.", c->name,
                    (unsigned long long)c->about.entries, c->about.domain);
    cnc__command_done(c->reply, c->code == 0 ? NULL : &c->err, note.data,
                      NULL);
    cnc__str_fini(&note);
    cnc__free(c->name);
    cnc__free(c->path);
    cnc__free(c);
}

static void
run_check(struct cnc__command_reply *reply, const struct cnc__caller *who,
          struct cnc__values *v, void *priv)
{
    struct cnc_service *s = priv;
    const char *name = name_of(s, reply, v);
    struct check *c;

    if (name != NULL) {
        c = cnc__zalloc(sizeof(*c));
        c->reply = reply;
        c->name = cnc__strdup(name);
        c->path = path_of(s, name);
        cnc__service_offload(check_work, check_done, c, s);
    }
}

static void
run_delete(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    struct cnc_service *s = priv;
    const char *name = name_of(s, reply, v);
    struct cnc__str note = CNC__STR;
    struct cnc_error err = {0};
    char *path;

    if (name == NULL) {
        return;
    }
    path = path_of(s, name);
    if (unlink(path) != 0) {
        cnc_error_set(&err, CNC_ESYS, NULL, "cannot delete %s: %s", path,
                      strerror(errno));
    }
    cnc__str_printf(&note, "%s is deleted.", name);
    cnc__command_done(reply, err.code == 0 ? NULL : &err, note.data, NULL);
    cnc__str_fini(&note);
    cnc__free(path);
}

/* -- /_backup/NAME ---------------------------------------------------------
 */

#define HEADERS                                                               \
    "Cache-Control: no-store\r\n"                                             \
    "X-Content-Type-Options: nosniff\r\n"                                     \
    "Content-Security-Policy: default-src 'none'; sandbox\r\n"                \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                           \
    "Referrer-Policy: no-referrer\r\n"

static void
say(struct cnc__http_request *r, int status, const char *text)
{
    struct cnc_buf *body = cnc_buf_new(text, strlen(text));
    struct cnc__http_response answer = {.status = status,
                                        .content_type =
                                            "text/plain; charset=utf-8",
                                        .headers = HEADERS,
                                        .body = body};

    r->responder->respond(r->responder, &answer);
    cnc_buf_unref(&body);
}

static void
send_file(struct cnc_service *s, struct cnc__http_request *r, const char *name,
          const char *who)
{
    char *path = path_of(s, name);
    int fd =
        is_name(name) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    struct cnc__str headers = CNC__STR;
    struct stat st;

    cnc__free(path);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0) {
            close(fd);
        }
        say(r, 404, "There is no such backup.\n");
        return;
    }
    cnc__str_printf(
        &headers,
        HEADERS "Content-Disposition: attachment; filename=\"%s\"\r\n", name);
    if (r->method == CNC__HTTP_GET) { /* whose keys went where */
        cnc__audit(s, who, "backups/download", name);
    }
    r->responder->respond(r->responder, &(struct cnc__http_response){
                                            .status = 200,
                                            .content_type = "application/xml",
                                            .headers = headers.data,
                                            .file = &(struct cnc__http_file){
                                                fd, 0, (uint64_t)st.st_size}});
    cnc__str_fini(&headers);
}

bool
cnc__backup_http(struct cnc_service *s, struct cnc__http_request *r)
{
    const struct cnc__command *backup;
    struct cnc__caller who = {.who = {.anonymous = true}};

    if (strncmp(r->path, PLACE, strlen(PLACE)) != 0) {
        return false;
    }
    backup = cnc__commands_get(s->commands, "backup");
    cnc__weblogin_caller(&who, r, s);
    if (r->method != CNC__HTTP_GET && r->method != CNC__HTTP_HEAD) {
        say(r, 405, "It can be read only.\n");
    } else if (backup == NULL || who.who.anonymous ||
               !cnc__commands_may(s->commands, backup, &who.who)) {
        say(r, 403, "A backup is for who may make one: log in first.\n");
    } else {
        send_file(s, r, r->path + strlen(PLACE), who.who.jid);
    }
    return true;
}

int
cnc__backup_list_commands(struct cnc_service *s, struct cnc_error *err)
{
    const struct cnc__command all[] = {
        {.node = (char *)"backups",
         .name = (char *)"Backups",
         .help = (char *)"Those that are in the data folder.",
         .safe = true,
         .run = run_list,
         .priv = s},
        {.node = (char *)"backups/check",
         .name = (char *)"Check a backup",
         .help = (char *)"Reads the whole file and says whether it could be "
                         "restored.",
         .record = &name_record,
         .safe = true,
         .run = run_check,
         .priv = s},
        {.node = (char *)"backups/delete",
         .name = (char *)"Delete a backup",
         .help = (char *)"Takes the file out of the data folder.",
         .record = &name_record,
         .run = run_delete,
         .priv = s}};
    int code = 0;

    for (size_t i = 0; code == 0 && i < CNC_N(all); i++) {
        code = cnc__commands_add(s->commands, &all[i], err);
    }
    return code;
}
