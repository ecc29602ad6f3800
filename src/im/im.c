/* SPDX-License-Identifier: MIT */
/*
 * im.c -- accounts and their sessions, start and end, and who is asked about
 * a stanza.
 */
#include "impl.h"
#include "parts.h"

#define IM_MAGIC 0x494d494du

/* -- accounts ------------------------------------------------------------- */

struct cnc__im_user *
cnc__im_user(const struct cnc__im *im, const char *bare, size_t len)
{
    return cnc__table_getn(im->users, bare, len);
}

/* The local part of bare when there is such an account here; *new*. */
static char *
account_name(const struct cnc__im *im, const char *bare, size_t len)
{
    const char *at = memchr(bare, '@', len);
    size_t n = at == NULL ? 0 : (size_t)(at - bare);
    char *name;

    if (n == 0 || len - n - 1 != strlen(im->domain) ||
        memcmp(at + 1, im->domain, len - n - 1) != 0) {
        return NULL;
    }
    name = cnc__strndup(bare, n);
    if (!im->env.account_exists(name, im->env.priv)) {
        cnc__free(name);
        return NULL;
    }
    return name;
}

static struct cnc__im_user *
user_new(struct cnc__im *im, const char *name)
{
    struct cnc__im_user *u = cnc__zalloc(sizeof(*u));
    struct cnc__str bare = CNC__STR;

    cnc__str_printf(&bare, "%s@%s", name, im->domain);
    u->im = im;
    u->name = cnc__strdup(name);
    u->bare = cnc__str_steal(&bare);
    cnc__table_put(im->users, u->bare, u);
    return u;
}

struct cnc__im_user *
cnc__im_user_make(struct cnc__im *im, const char *bare, size_t len)
{
    struct cnc__im_user *u = cnc__im_user(im, bare, len);
    char *name;

    if (u != NULL) {
        return u;
    }
    name = account_name(im, bare, len);
    if (name != NULL) {
        u = user_new(im, name);
        cnc__free(name);
    }
    return u;
}

struct cnc__im_user *
cnc__im_user_of(struct cnc__im *im, const struct cnc__session *s)
{
    return s->anonymous || s->far_
               ? NULL
               : cnc__im_user_make(im, s->jid, s->bare_len);
}

struct cnc__session *
cnc__im_sessions(const struct cnc__im_user *u)
{
    return cnc__router_sessions_of(u->im->router, u->bare, strlen(u->bare));
}

static void
user_free(struct cnc__im_user *u)
{
    const struct cnc__im *im = u->im;

    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (im->exts[i]->free_user != NULL) {
            im->exts[i]->free_user(u);
        }
    }
    cnc__free(u->name);
    cnc__free(u->bare);
    cnc__free(u);
}

/* -- sessions ------------------------------------------------------------- */

struct cnc__im_session *
cnc__im_state_make(struct cnc__session *s)
{
    if (s->im == NULL) {
        struct cnc__im_session *state = cnc__zalloc(sizeof(*state));

        state->session = s;
        s->im = state;
    }
    return s->im;
}

static void
on_session_end(struct cnc__session *s, void *priv)
{
    struct cnc__im_session *state = s->im;

    if (state == NULL) {
        return;
    }
    cnc__im_presence_end(priv, state);
    CNC_CHECK(state->presence == NULL && state->caps == NULL &&
              state->directed == NULL);
    cnc__free(state);
    s->im = NULL;
}

/* -- what the router asks ------------------------------------------------- */

static bool
on_outbound(struct cnc__session *s, enum cnc__stanza kind, const char *to,
            struct cnc_element *stanza, void *priv)
{
    struct cnc__im *im = priv;
    struct cnc__im_out o = {.im = im,
                            .session = s,
                            .kind = kind,
                            .to = to,
                            .type = cnc_element_attr(stanza, NULL, "type"),
                            .stanza = stanza};

    /* A request alone makes nothing: whoever only reads nodes costs nothing.
     */
    o.user = (kind & (CNC__IQ_GET | CNC__IQ_SET)) == 0
                 ? cnc__im_user_of(im, s)
                 : cnc__im_user(im, s->jid, s->bare_len);
    if (o.user == NULL) {
        /* Nobody to broadcast to, and nobody who keeps it. */
        return kind == CNC__PRESENCE && to == NULL;
    }
    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (im->exts[i]->outbound != NULL && im->exts[i]->outbound(&o)) {
            return true;
        }
    }
    if (kind == CNC__PRESENCE) {
        return cnc__im_presence_out(&o);
    }
    if (kind == CNC__MESSAGE && to == NULL) {
        /* RFC 6121 8.1.1.1: as if to the sender's bare JID; with `to`, so that
         * the other resources can tell. */
        struct cnc_element *copy =
            cnc__router_stamp(stanza, s->jid, o.user->bare);

        cnc__router_route(im->router, s, s->jid, o.user->bare, copy);
        cnc_element_unref(&copy);
        return true;
    }
    return false;
}

/* Does that part of the work; true: done. */
static bool
take_in(struct cnc__im_in *in)
{
    const struct cnc__im *im = in->im;

    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (im->exts[i]->inbound != NULL && im->exts[i]->inbound(in)) {
            return true;
        }
    }
    switch (in->kind) {
    case CNC__PRESENCE:
        return cnc__im_presence_in(in);
    case CNC__MESSAGE:
        return cnc__im_message_in(in);
    default:
        return cnc__im_iq_in(in);
    }
}

static bool
on_inbound(struct cnc__router *r, enum cnc__where where, enum cnc__stanza kind,
           const char *from, const char *to, struct cnc_element *stanza,
           void *priv)
{
    struct cnc__im *im = priv;
    struct cnc__im_in in = {.im = im,
                            .where = where,
                            .kind = kind,
                            .from = from,
                            .to = to,
                            .type = cnc_element_attr(stanza, NULL, "type"),
                            .stanza = NULL};
    bool done;

    in.user = cnc__im_user_make(im, to, cnc__jid_bare_len(to));
    if (!cnc__jid_has_local(to) ||
        (in.user == NULL && where == CNC__TO_SESSION)) {
        /* A resource of the domain; somebody without an account, by the link.
         */
        done = false;
    } else {
        in.serial = ++im->serial;
        /* What a message says of itself is not what we know of it. */
        in.stanza = kind == CNC__MESSAGE ? cnc__router_stamp(stanza, from, to)
                                         : cnc_element_ref(stanza);
        done = take_in(&in);
    }
    cnc_element_unref(&in.stanza);
    return done;
}

/* -- start ---------------------------------------------------------------- */

static void
set_limits(struct cnc__im_limits *l)
{
#define DEFAULT(field, value)                                                 \
    if (l->field == 0) {                                                      \
        l->field = (value);                                                   \
    }
    DEFAULT(roster_items, 2000)
    DEFAULT(roster_bytes, 512u << 10)
    DEFAULT(roster_groups, 32)
    DEFAULT(requests, 200)
    DEFAULT(queue, 500)
    DEFAULT(presence_bytes, 16u << 10)
    DEFAULT(directed, 500)
    DEFAULT(far_resources, 200000)
    DEFAULT(caps, 10000)
    DEFAULT(offline, 200)
    DEFAULT(offline_bytes, 2u << 20)
    DEFAULT(offline_all, (uint64_t)256 << 20)
    DEFAULT(offline_s, 30u * 86400)
    DEFAULT(blocked, 1000)
    DEFAULT(archive, 5000)
    DEFAULT(archive_bytes, 4u << 20)
    DEFAULT(archive_page, 100)
    DEFAULT(archive_all, (uint64_t)512 << 20)
    DEFAULT(vcard_bytes, 64u << 10)
    DEFAULT(private_bytes, 128u << 10)
    DEFAULT(private_items, 64)
#undef DEFAULT
}

static bool
is_left_out(const struct cnc__im_env *env, const char *name)
{
    for (size_t i = 0; env->without != NULL && env->without[i] != NULL; i++) {
        if (strcmp(env->without[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void
add_extension(struct cnc__im *im, const struct cnc__im_ext *x)
{
    size_t n = 0;

    while (im->exts[n] != NULL) {
        n++;
    }
    CNC_CHECK(n < CNC__IM_EXTS);
    im->exts[n] = x;
    for (size_t i = 0; i < CNC_N(x->features) && x->features[i] != NULL; i++) {
        cnc__router_feature(im->router, x->features[i]);
    }
    for (size_t i = 0;
         i < CNC_N(x->account_features) && x->account_features[i] != NULL;
         i++) {
        cnc__im_account_feature(im, x->account_features[i]);
    }
    if (x->init != NULL) {
        x->init(im);
    }
}

struct cnc__im *
cnc__im_new(const struct cnc__im_env *env)
{
    struct cnc__im *im = cnc__zalloc(sizeof(*im));
    const struct cnc__accounts_hooks hooks = {on_outbound, on_inbound, im};

    im->magic = IM_MAGIC;
    im->env = *env;
    im->env.without = NULL;
    im->limits = env->limits;
    set_limits(&im->limits);
    im->router = env->router;
    im->domain = cnc__router_domain(env->router);
    im->users = cnc__table_new();
    im->account_features = cnc__table_new();
    cnc__im_far_init(im);
    cnc__caps_init(im);
    for (size_t i = 0; cnc__im_all[i] != NULL; i++) {
        if (!is_left_out(env, cnc__im_all[i]->name)) {
            add_extension(im, cnc__im_all[i]);
        }
    }
    cnc__router_accounts(im->router, &hooks);
    cnc__router_on_session_end(im->router, on_session_end, im);
    return im;
}

void
cnc__im_free(struct cnc__im **ip)
{
    struct cnc__im *im = *ip;

    if (im == NULL) {
        return;
    }
    CNC_OBJ_CHECK(im, IM_MAGIC);
    *ip = NULL;
    cnc__router_accounts(im->router, &(struct cnc__accounts_hooks){0});
    cnc__im_changes_end(im);
    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (im->exts[i]->fini != NULL) {
            im->exts[i]->fini(im);
        }
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(im->users, &i);) {
        user_free(i.value);
    }
    cnc__table_free(&im->users, NULL);
    cnc__im_far_fini(im);
    cnc__caps_fini(im);
    cnc__table_free(&im->account_features, NULL);
    for (struct cnc__im_listener *l = im->listeners, *next; l; l = next) {
        next = l->next;
        cnc__free(l);
    }
    CNC_OBJ_FREE(im);
}

bool
cnc__im_has(const struct cnc__im *im, const char *name)
{
    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (strcmp(im->exts[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* -- what was kept -------------------------------------------------------- */

static const struct cnc__im_ext *
owner_of(const struct cnc__im *im, const char *space)
{
    for (size_t i = 0; cnc__im_all[i] != NULL; i++) {
        const struct cnc__im_ext *x = cnc__im_all[i];

        for (size_t k = 0; k < CNC_N(x->spaces) && x->spaces[k] != NULL; k++) {
            if (strcmp(x->spaces[k], space) == 0) {
                return x;
            }
        }
    }
    return NULL;
}

bool
cnc__im_load(struct cnc__im *im, const struct cnc_store_entry *e)
{
    const struct cnc__im_ext *x =
        e->kind == CNC_STORE_KEY ? owner_of(im, e->node) : NULL;
    const char *slash = strchr(e->id, '/');
    struct cnc__str bare = CNC__STR;
    struct cnc__im_user *u;
    char *name;

    CNC_OBJ_CHECK(im, IM_MAGIC);
    if (x == NULL) {
        return false;
    }
    if (!cnc__im_has(im, x->name)) {
        return true; /* left out: it stays in the store */
    }
    /* Accounts may not be loaded yet: whose they are is looked at later. */
    name = cnc__strndup(e->id, slash == NULL ? 0 : (size_t)(slash - e->id));
    cnc__str_printf(&bare, "%s@%s", name, im->domain);
    u = cnc__im_user(im, bare.data, bare.len);
    if (u == NULL && name[0] != '\0') {
        u = user_new(im, name);
    }
    if (u == NULL || !x->load(u, e, slash + 1)) {
        cnc__log(CNC_LOG_ERROR, "im.load",
                 "space=%s id=%s the entry cannot be read; it is left alone",
                 e->node, e->id);
    }
    cnc__str_fini(&bare);
    cnc__free(name);
    return true;
}

void
cnc__im_load_done(struct cnc__im *im)
{
    CNC_OBJ_CHECK(im, IM_MAGIC);
    cnc__im_tick(im);
}

int64_t
cnc__im_now(const struct cnc__im *im)
{
    return im->env.now_ms(im->env.priv);
}

void
cnc__im_tick(struct cnc__im *im)
{
    int64_t now_ms = cnc__im_now(im);

    for (size_t i = 0; im->exts[i] != NULL; i++) {
        if (im->exts[i]->tick != NULL) {
            im->exts[i]->tick(im, now_ms);
        }
    }
}

/* -- the end of an account ------------------------------------------------ */

void
cnc__im_account_deleted(struct cnc__im *im, const char *user)
{
    struct cnc__str bare = CNC__STR;
    struct cnc__im_user *u;

    CNC_OBJ_CHECK(im, IM_MAGIC);
    cnc__str_printf(&bare, "%s@%s", user, im->domain);
    u = cnc__im_user(im, bare.data, bare.len);
    if (u != NULL) {
        struct cnc__im_change *c = cnc__im_change_new(im, NULL, NULL);

        for (struct cnc__session *s = cnc__im_sessions(u); s != NULL;
             s = s->next_same) {
            if (s->im != NULL) {
                cnc__im_presence_end(im, s->im);
            }
        }
        for (size_t i = 0; im->exts[i] != NULL; i++) {
            if (im->exts[i]->forget != NULL) {
                im->exts[i]->forget(u, c);
            }
        }
        cnc__im_commit(c);
        cnc__im_far_forget(im, u->bare);
        cnc__table_del(im->users, u->bare);
        user_free(u);
    }
    cnc__str_fini(&bare);
}

/* -- small questions ------------------------------------------------------ */

void
cnc__im_stream_features(const struct cnc__im *im, struct cnc__str *out)
{
    if (cnc__im_has(im, "roster")) {
        cnc__str_puts(out, "<ver xmlns='urn:xmpp:features:rosterver'/>"
                           "<sub xmlns='urn:xmpp:features:pre-approval'/>");
    }
}

void
cnc__im_stats(const struct cnc__im *im, struct cnc__im_stats *out)
{
    *out = (struct cnc__im_stats){
        .accounts = cnc__table_len(im->users),
        .available = im->n_available,
        .contacts = im->n_contacts,
        .offline = im->n_offline,
        .archived = im->n_archived,
        .archived_bytes = im->archived_bytes,
        .far_resources = cnc__im_far_count(im),
        .messages = im->n_messages,
    };
}

static struct cnc__im_listener *
listener(struct cnc__im *im, void *priv)
{
    struct cnc__im_listener *l = cnc__zalloc(sizeof(*l));
    struct cnc__im_listener **end = &im->listeners;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = l;
    l->priv = priv;
    return l;
}

void
cnc__im_on_available(struct cnc__im *im, cnc__im_available_f *f, void *priv)
{
    listener(im, priv)->available = f;
}

void
cnc__im_on_unavailable(struct cnc__im *im, cnc__im_unavailable_f *f,
                       void *priv)
{
    listener(im, priv)->unavailable = f;
}

void
cnc__im_account_disco(struct cnc__im *im, cnc__im_disco_f *f, void *priv)
{
    listener(im, priv)->disco = f;
}

void
cnc__im_account_feature(struct cnc__im *im, const char *feature)
{
    static char present;

    cnc__table_put(im->account_features, feature, &present);
}
