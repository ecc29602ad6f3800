/* SPDX-License-Identifier: MIT */
/*
 * command-list.c -- the commands of a domain: who may run which, and what is
 * under way, whichever face began it.
 */
#include "../base/table.h"
#include "commandimpl.h"

/* -- the list ----------------------------------------------------------------
 */

struct cnc__commands *
cnc__commands_new(struct cnc__router *router)
{
    struct cnc__commands *c = cnc__zalloc(sizeof(*c));

    c->magic = CNC__COMMANDS_MAGIC;
    c->router = router;
    c->by_node = cnc__table_new();
    c->seats = cnc__table_new();
    cnc__command_streams(c);
    return c;
}

static void
free_command(void *value)
{
    struct cnc__command *command = value;

    cnc__free(command->node);
    cnc__free(command->name);
    cnc__free(command->help);
    cnc__free(command->roles);
    cnc__free(command->see);
    cnc__free(command);
}

int
cnc__commands_add(struct cnc__commands *c, const struct cnc__command *cmd,
                  struct cnc_error *err)
{
    struct cnc__command *copy;

    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    if (cnc__table_get(c->by_node, cmd->node) != NULL) {
        return cnc_error_set(err, CNC_EEXIST, NULL,
                             "there is a command \"%s\" already", cmd->node);
    }
    copy = cnc__zalloc(sizeof(*copy));
    *copy = *cmd;
    copy->node = cnc__strdup(cmd->node);
    copy->name = cnc__strdup(cmd->name != NULL ? cmd->name : cmd->node);
    copy->help = cmd->help == NULL ? NULL : cnc__strdup(cmd->help);
    copy->roles = cmd->roles == NULL ? NULL : cnc__strdup(cmd->roles);
    copy->see = cmd->see == NULL ? NULL : cnc__strdup(cmd->see);
    cnc__table_put(c->by_node, copy->node, copy);
    return 0;
}

const struct cnc__command *
cnc__commands_get(const struct cnc__commands *c, const char *node)
{
    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    return cnc__table_get(c->by_node, node);
}

void
cnc__commands_roles(struct cnc__commands *c,
                    bool (*has_role)(const char *bare, const char *roles,
                                     void *priv),
                    void *priv)
{
    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    c->has_role = has_role;
    c->role_priv = priv;
}

void
cnc__commands_languages(struct cnc__commands *c,
                        const struct cnc__tr *(*tr)(const char *lang,
                                                    void *priv),
                        void *priv)
{
    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    c->tr = tr;
    c->tr_priv = priv;
}

const struct cnc__tr *
cnc__commands_tr(const struct cnc__commands *c, const char *lang)
{
    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    return c->tr == NULL ? NULL : c->tr(lang, c->tr_priv);
}

static bool
has_role(const struct cnc__commands *c, const struct cnc__actor *who,
         const char *roles)
{
    char *bare;
    bool has;

    if (roles == NULL || c->has_role == NULL) {
        return false;
    }
    bare = cnc__strndup(who->jid, cnc__jid_bare_len(who->jid));
    has = c->has_role(bare, roles, c->role_priv);
    cnc__free(bare);
    return has;
}

bool
cnc__commands_may(const struct cnc__commands *c,
                  const struct cnc__command *cmd, const struct cnc__actor *who)
{
    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    if (cmd->may != NULL && !cmd->may(who, cmd->priv)) {
        return false;
    }
    if (who->operator_ || cmd->who == CNC_ANYBODY_RUNS) {
        return true;
    }
    if (who->anonymous) {
        return false;
    }
    return cmd->who == CNC_USERS || has_role(c, who, "admin") ||
           has_role(c, who, cmd->roles);
}

static int
by_name(const void *a, const void *b)
{
    const struct cnc__command *const *x = a, *const *y = b;

    return strcmp((*x)->node, (*y)->node);
}

void
cnc__commands_each(const struct cnc__commands *c, const struct cnc__actor *who,
                   cnc__commands_each_f *f, void *priv)
{
    const struct cnc__command **all;
    struct cnc__table_iter i = {0};
    size_t n = 0;

    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    all = cnc__zalloc((cnc__table_len(c->by_node) + 1) * sizeof(*all));
    while (cnc__table_next(c->by_node, &i)) {
        if (cnc__commands_may(c, i.value, who)) {
            all[n++] = i.value;
        }
    }
    qsort(all, n, sizeof(*all), by_name);
    for (size_t k = 0; k < n; k++) {
        f(all[k], priv);
    }
    cnc__free(all);
}

/* -- what is under way
 * --------------------------------------------------------- */

struct cnc__command_reply *
cnc__command_begin(struct cnc__commands *c, const struct cnc__command *cmd,
                   struct cnc__values *v)
{
    struct cnc__command_reply *reply = cnc__zalloc(sizeof(*reply));

    reply->commands = c;
    reply->command = cmd;
    reply->values = v;
    reply->next = c->replies;
    if (reply->next != NULL) {
        reply->next->prev = reply;
    }
    c->replies = reply;
    return reply;
}

static void
unlink_reply(struct cnc__command_reply *reply)
{
    if (reply->prev != NULL) {
        reply->prev->next = reply->next;
    } else {
        reply->commands->replies = reply->next;
    }
    if (reply->next != NULL) {
        reply->next->prev = reply->prev;
    }
}

static void
answer(struct cnc__command_reply *reply, const struct cnc_error *err,
       const char *note, const char *result_xml)
{
    const char *see = reply->see != NULL ? reply->see : reply->command->see;
    struct cnc__command_answer a = {.code = err == NULL ? 0 : err->code,
                                    .text = err == NULL ? note : err->text,
                                    .result_xml = result_xml,
                                    .see = err == NULL ? see : NULL,
                                    .chose = reply->see != NULL,
                                    .again = reply->again};

    reply->answered(&a, reply->values, reply->priv);
}

void
cnc__commands_audit(struct cnc__commands *c, cnc__commands_audit_f *f,
                    void *priv)
{
    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    c->audit = f;
    c->audit_priv = priv;
}

#define MAX_DETAIL 200 /* bytes of one field */

/* Whole characters only. */
static int
cut(const char *text)
{
    size_t len = strlen(text);

    if (len > MAX_DETAIL) {
        len = MAX_DETAIL;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    return (int)len;
}

static void
audit(const struct cnc__command_reply *reply)
{
    const struct cnc__commands *c = reply->commands;
    const struct cnc__command *cmd = reply->command;
    struct cnc__str detail = CNC__STR;

    if (c->audit == NULL || cmd->safe || cmd->who != CNC_ADMINS) {
        return;
    }
    if (reply->detail != NULL) {
        c->audit(reply->who, cmd->node, reply->detail, c->audit_priv);
        return;
    }
    for (const struct cnc_field *f = cmd->record == NULL ? NULL
                                                         : cmd->record->fields;
         f != NULL && f->name != NULL && reply->values != NULL; f++) {
        const char *text = cnc__values_get(reply->values, f->name, 0);

        if (text != NULL && *text != '\0' && f->kind != CNC_FIELD_SECRET &&
            f->kind != CNC_FIELD_LINES) {
            cnc__str_printf(&detail, "%s%s=%.*s", detail.len == 0 ? "" : " ",
                            f->name, cut(text), text);
        }
    }
    c->audit(reply->who, cmd->node, cnc__str_c(&detail), c->audit_priv);
    cnc__str_fini(&detail);
}

/* Whoever waits for it hears err; the one who works on it may still say that
 * it is done, to nobody. */
static void
let_go(struct cnc__command_reply *reply, const struct cnc_error *err)
{
    unlink_reply(reply);
    if (reply->request != NULL) {
        cnc__request_error(&reply->request, err);
    } else {
        answer(reply, err, NULL, NULL);
    }
    reply->commands = NULL;
}

bool
cnc__command_is_open(const struct cnc__command_reply *reply)
{
    return reply->commands != NULL;
}

void
cnc__command_see(struct cnc__command_reply *reply, const char *path)
{
    cnc__free(reply->see);
    reply->see = cnc__strdup(path);
}

static void
reply_free(struct cnc__command_reply *reply)
{
    cnc__values_free(&reply->values);
    cnc__free(reply->see);
    cnc__free(reply->who);
    cnc__free(reply->detail);
    cnc__free(reply);
}

void
cnc__command_run(struct cnc__command_reply *reply,
                 const struct cnc__caller *who)
{
    const struct cnc__command *cmd = reply->command;

    reply->inside = true;
    cmd->run(reply, who, reply->values, cmd->priv);
    reply->inside = false;
    if (reply->over) {
        reply_free(reply);
    }
}

void
cnc__command_again(struct cnc__command_reply *reply)
{
    reply->again = true;
}

void
cnc__command_detail(struct cnc__command_reply *reply, const char *text)
{
    cnc__free(reply->detail);
    reply->detail = cnc__strdup(text);
}

void
cnc__command_done(struct cnc__command_reply *reply,
                  const struct cnc_error *err, const char *note,
                  const char *result_xml)
{
    CNC_CHECK(!reply->over);
    if (reply->commands != NULL) {
        if (err == NULL) {
            audit(reply);
        }
        unlink_reply(reply);
        if (reply->request != NULL) {
            cnc__command_send(reply, err, note, result_xml);
        } else {
            answer(reply, err, note, result_xml);
        }
    }
    reply->over = true;
    reply->commands = NULL;
    if (!reply->inside) {
        reply_free(reply);
    }
}

void
cnc__command_refuse(struct cnc__command_reply *reply, struct cnc__values *v,
                    const char *field, const char *text)
{
    struct cnc_error err = {0};

    cnc__values_refuse(v, field, text);
    cnc_error_set(&err, CNC_EREFUSED, NULL, "%s", text);
    cnc__command_done(reply, &err, NULL, NULL);
}

static void
fail(int code, const char *text, struct cnc__values *v,
     cnc__command_answered_f *done, void *priv)
{
    struct cnc__command_answer a = {.code = code, .text = text};

    done(&a, v, priv);
    cnc__values_free(&v);
}

void
cnc__commands_call(struct cnc__commands *c, const char *node,
                   const struct cnc__caller *who, struct cnc__values *v,
                   cnc__command_answered_f *done, void *priv)
{
    const struct cnc__command *cmd;
    struct cnc__command_reply *reply;

    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    if (v == NULL) {
        v = cnc__values_new();
    }
    cmd = cnc__table_get(c->by_node, node);
    if (cmd == NULL) {
        fail(CNC_ENOENT, "There is no such command.", v, done, priv);
        return;
    }
    if (!cnc__commands_may(c, cmd, &who->who)) {
        fail(CNC_EACCES,
             who->who.anonymous ? "Please log in first."
                                : "You may not do that.",
             v, done, priv);
        return;
    }
    reply = cnc__command_begin(c, cmd, v);
    reply->answered = done;
    reply->priv = priv;
    reply->who = cnc__strdup(who->who.jid);
    cnc__command_run(reply, who);
}

/* -- the end
 * --------------------------------------------------------------------- */

static void
drop_calls(struct cnc__commands *c, const struct cnc__command *cmd)
{
    struct cnc__table_iter i = {0};

    while (cnc__table_next(c->seats, &i)) {
        struct cnc__seat *seat = i.value;

        for (size_t k = 0; k < CNC__COMMAND_CALLS; k++) {
            if (seat->calls[k] != NULL && seat->calls[k]->command == cmd) {
                cnc__call_free(&seat->calls[k]);
            }
        }
    }
}

void
cnc__commands_remove(struct cnc__commands *c, const char *node)
{
    struct cnc__command *cmd;
    struct cnc__command_reply *next;
    struct cnc_error err = {0};

    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    cmd = cnc__table_del(c->by_node, node);
    if (cmd == NULL) {
        return;
    }
    cnc_error_set(&err, CNC_ENOENT, "item-not-found",
                  "the command is not there any more");
    for (struct cnc__command_reply *r = c->replies; r != NULL; r = next) {
        next = r->next;
        if (r->command == cmd) {
            let_go(r, &err);
        }
    }
    drop_calls(c, cmd);
    free_command(cmd);
}

void
cnc__commands_free(struct cnc__commands **cp)
{
    struct cnc__commands *c = *cp;
    struct cnc_error err = {0};

    if (c == NULL) {
        return;
    }
    *cp = NULL;
    CNC_OBJ_CHECK(c, CNC__COMMANDS_MAGIC);
    cnc_error_set(&err, CNC_ECLOSED, "service-unavailable",
                  "the service is stopping");
    while (c->replies != NULL) {
        let_go(c->replies, &err);
    }
    cnc__table_free(&c->seats, cnc__seat_free);
    cnc__table_free(&c->by_node, free_command);
    CNC_OBJ_FREE(c);
}
