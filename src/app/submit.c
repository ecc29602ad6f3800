/* SPDX-License-Identifier: MIT */
/*
 * submit.c -- a filled-in form becomes a record and is published.  The same
 * path for XEP-0050 commands and for HTTP POST.
 *
 *   may see? -> build record -> submit handler -> publish -> done
 *                         |                        ^
 *                         +-- the same id again ---+
 */
#include <stdio.h>

#include "../xmpp/jid.h"
#include "private.h"

struct submit {
    struct cnc_request call;
    struct cnc__app_node *node;
    const struct cnc_node *decl; /* as it was when the submit came */
    char *user, *asker, *id;     /* asker: full JID */
    struct cnc__values *values;  /* the core's; the handler's are in call */
    struct cnc_element *record;
    cnc__submitted_f *done;
    void *done_priv;
    bool trusted; /* an operator's */
};

struct cnc__app_node *
cnc__app_node_find(struct cnc__apps *a, const char *name)
{
    struct cnc__node *node = cnc__pubsub_node(a->env.pubsub, name);

    return node == NULL ? NULL : cnc__node_priv(node);
}

int
cnc__app_form_may(struct cnc__app_node *n, const struct cnc__actor *who,
                  struct cnc_error *err)
{
    struct cnc__pubsub *ps = n->app->apps->env.pubsub;
    struct cnc__node *node = cnc__pubsub_node(ps, n->decl->name);

    if (node == NULL || cnc__node_priv(node) != n) {
        return cnc_error_set(err, CNC_ENOENT, "item-not-found",
                             "There is no such form.");
    }
    return cnc__pubsub_may(
        ps, who, n->decl->writers == NULL ? CNC__MAY_SEE : CNC__MAY_PUBLISH,
        node, err);
}

static void
drop(struct cnc_request *r)
{
    struct submit *s = CNC_CONTAINER(r, struct submit, call);

    cnc_element_unref(&s->record);
    cnc__values_free(&s->call.values);
    cnc__request_call_fini(&s->call);
    cnc__free(s->user);
    cnc__free(s->asker);
    cnc__free(s->id);
    cnc__free(s);
}

static void
answer(struct submit *s, int code, const char *text)
{
    struct cnc__submit_result result = {
        .code = code, .text = text, .id = s->id};
    struct cnc__apps *a = s->node == NULL ? NULL : s->node->app->apps;

    if (a != NULL && code == CNC_EREFUSED) {
        a->stats.refused++;
        s->node->app->counts.refused++;
    }
    s->done(&result, s->values, s->done_priv);
    cnc__values_free(&s->values);
}

static void
finish(struct submit *s, int code, const char *text)
{
    answer(s, code, text);
    drop(&s->call);
}

/* The handler does not return: values and done are the core's, and nothing
 * else is touched. */
static void
give_up(struct cnc_request *r, const char *why)
{
    answer(CNC_CONTAINER(r, struct submit, call), CNC_ESYS, why);
}

static void
published(const struct cnc_error *err, const char *id, void *priv)
{
    struct submit *s = priv;

    if (err == NULL) {
        finish(s, 0, NULL);
        return;
    }
    if (err->code == CNC_EREFUSED) {
        cnc__values_refuse(s->values, NULL, err->text);
    }
    finish(s, err->code, err->text);
}

static void
publish(struct submit *s)
{
    /* The form is the app's own door to its node: the app publishes, in the
     * submitter's name. */
    struct cnc__actor actor = {.jid = s->user, .operator_ = true};
    struct cnc__apps *a = s->node->app->apps;
    struct cnc__node *node =
        cnc__pubsub_node(a->env.pubsub, s->node->decl->name);

    /* The handler may have taken its time, and the operator the node. */
    if (node == NULL || cnc__node_priv(node) != s->node) {
        finish(s, CNC_ENOENT, "There is no such form.");
        return;
    }
    if (!s->trusted &&
        cnc__app_form_may(
            s->node,
            &(struct cnc__actor){.jid = s->asker, .anonymous = s->call.guest},
            NULL) != 0) {
        finish(s, CNC_EACCES, "You may not use this form.");
        return;
    }
    cnc__pubsub_publish(a->env.pubsub, &actor, node, s->id, s->record, true,
                        published, s);
}

static int
run_handler(struct cnc_request *r)
{
    struct submit *s = CNC_CONTAINER(r, struct submit, call);

    return s->decl->submit(r, s->record);
}

/* An item of this id that the same person published, kept or on its way: the
 * submit is a repeat, and its answer was lost on the way.  Pubsub answers it
 * when the first one is kept, and publishes nothing twice. */
static bool
is_repeat(struct submit *s, bool *taken)
{
    struct cnc__node *node =
        cnc__pubsub_node(s->node->app->apps->env.pubsub, s->node->decl->name);
    struct cnc__item *item =
        node == NULL ? NULL : cnc__node_item_or_pending(node, s->id);
    bool same;

    *taken = item != NULL;
    if (item == NULL) {
        return false;
    }
    same = strcmp(item->publisher, s->user) == 0;
    cnc__item_unref(&item);
    return same;
}

static void
after_handler(struct cnc_request *r, int code)
{
    struct submit *s = CNC_CONTAINER(r, struct submit, call);
    struct cnc_error err = {0};
    bool taken;

    if (r->refused || code == CNC_EREFUSED) {
        if (is_repeat(s, &taken)) {
            /* The first one went through while this one waited for the
             * handler, who then saw it on the shelf. */
            publish(s);
            return;
        }
        cnc__request_refusals(r, s->decl->record, s->values);
        if (!r->refused) {
            cnc__values_refuse(s->values, NULL, "It was refused.");
        }
        finish(s, CNC_EREFUSED, r->refused ? r->refusal : "It was refused.");
        return;
    }
    if (code != 0) {
        cnc__app_judge(r, code);
        cnc__log(CNC_LOG_ERROR, "app.handler",
                 "app=%s node=%s handler=submit error=%s",
                 s->node->app->decl->name, s->node->decl->name,
                 cnc_err_name(code));
        finish(s, CNC_ESYS,
               "Something went wrong on our side; nothing was published. "
               "Please try again later.");
        return;
    }
    if (r->replaced != NULL) {
        cnc_element_unref(&s->record);
        code = cnc__app_record(&s->record, s->node, r->replaced, &err);
        if (code != 0) {
            cnc__app_fault(s->node->app, err.text);
            cnc__log(CNC_LOG_ERROR, "app.handler",
                     "app=%s node=%s handler=submit returned a record that "
                     "is not valid: %s",
                     s->node->app->decl->name, s->node->decl->name, err.text);
            finish(s, CNC_ESYS,
                   "Something went wrong on our side; nothing was "
                   "published. Please try again later.");
            return;
        }
    }
    cnc__app_judge(r, 0);
    publish(s);
}

static void
ask_handler(struct submit *s)
{
    s->call.app = s->node->app;
    s->call.user = s->user;
    s->call.priv = s->decl->priv;
    s->call.node = cnc__app_inner(s->node->app, s->decl->name);
    cnc__request_entry(&s->call, CNC__ENTRY_SUBMIT, s->decl->name, s->record);
    s->call.item_id = s->id;
    s->call.values = cnc__values_new();
    s->call.run = run_handler;
    s->call.after = after_handler;
    s->call.give_up = give_up;
    s->call.drop = drop;
    cnc__app_call(&s->call);
}

void
cnc__apps_submit(struct cnc__apps *a, const char *node,
                 const struct cnc__actor *who, struct cnc__values *v,
                 const char *id, cnc__submitted_f *done, void *done_priv)
{
    struct submit *s = cnc__zalloc(sizeof(*s));
    struct cnc_error err = {0};
    bool taken, repeat;
    int code;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    s->values = v;
    s->done = done;
    s->done_priv = done_priv;
    s->user = who->anonymous
                  ? cnc__strdup(a->guest)
                  : cnc__strndup(who->jid, cnc__jid_bare_len(who->jid));
    if (id != NULL && id[0] != '\0') {
        s->id = cnc__strdup(id);
    } else {
        s->id = cnc__zalloc(33);
        cnc__random_hex(s->id, 16);
    }
    s->asker = cnc__strdup(who->jid);
    s->trusted = who->operator_;
    s->call.guest = who->anonymous;
    s->node = cnc__app_node_find(a, node);
    a->stats.submits++;
    if (s->node != NULL) {
        s->node->app->counts.submits++;
    }
    if (s->node == NULL || s->node->decl->form == NULL) {
        s->node = NULL;
        finish(s, CNC_ENOENT, "There is no such form.");
        return;
    }
    if (cnc__app_form_may(s->node, who, &err) != 0) {
        finish(s, CNC_EACCES, "You may not use this form.");
        return;
    }
    repeat = is_repeat(s, &taken);
    if (taken && !repeat) {
        cnc__values_refuse(s->values, NULL,
                           "An item with this id is there already.");
        finish(s, CNC_EREFUSED, "An item with this id is there already.");
        return;
    }
    s->decl = s->node->decl;
    code = cnc__record_build(&s->record, s->decl->record,
                             s->node->app->decl->xmlns, s->values);
    if (code == 0) {
        code = cnc__record_refs(a->env.pubsub, s->node->decl->record,
                                s->record, s->values, NULL);
    }
    if (code != 0) {
        finish(s, code, "Some fields need another look.");
        return;
    }
    if (repeat || s->node->decl->submit == NULL) {
        publish(s);
        return;
    }
    s->call.operator_ = who->operator_;
    ask_handler(s);
}

int
cnc__app_record(struct cnc_element **out, struct cnc__app_node *n,
                const struct cnc_element *e, struct cnc_error *err)
{
    const struct cnc_record *r = n->decl->record;
    int code = cnc__record_compute(out, r, n->app->decl->xmlns, e, err);

    if (code == 0) {
        code = cnc__record_accepts(r, n->app->decl->xmlns, *out, err);
    }
    if (code == 0) {
        code = cnc__record_refs(n->app->apps->env.pubsub, r, *out, NULL, err);
    }
    return code;
}

int
cnc__apps_before_publish(struct cnc__apps *a, struct cnc__node *node,
                         struct cnc_element *payload, struct cnc_error *err)
{
    struct cnc__app_node *own = cnc__node_priv(node);
    int code;

    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    if (own == NULL || own->decl->record == NULL) {
        return 0;
    }
    code = cnc__record_accepts(own->decl->record, own->app->decl->xmlns,
                               payload, err);
    if (code == 0 && own->decl->source == NULL) {
        code = cnc__record_refs(a->env.pubsub, own->decl->record, payload,
                                NULL, err);
    }
    return code;
}
