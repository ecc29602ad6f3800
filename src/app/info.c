/* SPDX-License-Identifier: MIT */
/*
 * info.c -- how the apps are: what the operator's command lists.
 */
#include "private.h"

static void
count_items(const struct cnc__app *app, struct cnc__app_info *info)
{
    for (const struct cnc_node *d = app->decl->nodes;
         d != NULL && d->name != NULL; d++) {
        struct cnc__node *node =
            cnc__pubsub_node(app->apps->env.pubsub, d->name);
        size_t n = node == NULL ? 0 : cnc__node_n_items(node);

        info->items += n;
        for (size_t i = 0; i < n; i++) {
            const struct cnc__item *item = cnc__node_item_at(node, i);

            info->bytes +=
                item->payload == NULL ? 0 : cnc_buf_len(item->payload);
        }
    }
}

/* Whether they run or not: what could not be without it. */
static void
write_users(struct cnc__str *out, const struct cnc__app *app)
{
    for (const struct cnc__app *o = app->apps->first; o != NULL; o = o->next) {
        if (o != app && o->by == NULL && cnc__app_needs(o, app)) {
            cnc__str_printf(out, "%s%s", out->len == 0 ? "" : " ",
                            o->own->name);
        }
    }
}

static const char *
error_of(const struct cnc__app *app)
{
    return app->error == NULL && app->misfits != NULL
               ? "some settings do not fit this version and have their "
                 "defaults: see its settings"
               : app->error;
}

void
cnc__apps_each(struct cnc__apps *a, cnc__app_info_f *f, void *priv)
{
    CNC_OBJ_CHECK(a, CNC__APPS_MAGIC);
    for (struct cnc__app *app = a->first; app != NULL; app = app->next) {
        const struct cnc_app *d = app->decl;
        struct cnc__str users = CNC__STR;
        struct cnc__app_info info = {
            .name = d->name,
            .title = d->title == NULL ? d->name : d->title,
            .version = d->version == NULL ? "0" : d->version,
            .extends = d->extends,
            .mount = app->mount,
            .file = app->file,
            .reloads = app->file != NULL || app->again != NULL,
            .needs = d->needs,
            .state = app->state,
            .error = error_of(app),
            .submits = app->counts.submits,
            .refused = app->counts.refused,
            .faults = app->counts.faults,
            .published = app->counts.published,
            .published_s = cnc__app_rate(app, CNC__APP_SAMPLES),
            .memory = cnc__heap_bytes(app->heap) < 0
                          ? 0
                          : (size_t)cnc__heap_bytes(app->heap),
            .threads = app->thread == NULL ? 0 : 1,
        };

        if (app->by == NULL) {
            count_items(app, &info);
            write_users(&users, app);
            info.needed_by = cnc__str_c(&users);
            f(&info, priv);
        }
        cnc__str_fini(&users);
    }
}

const struct cnc_app *
cnc__app_decl(const struct cnc__apps *a, const char *name)
{
    const struct cnc__app *app = cnc__app_running_as(a, name);

    return app == NULL ? NULL : app->decl;
}
