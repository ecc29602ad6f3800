/* SPDX-License-Identifier: MIT */
/*
 * renders.c -- the render processes: started, spoken to in order, killed when
 * they hang, started again when they die.
 *
 *   stopped --spawn--> running --exit--> (0 to 5 s) --spawn--> running
 *
 * When one dies, every call that waits is answered with NULL, then a new one
 * is started, then restarted() tells the agent to send the pages again.
 */
#include <signal.h>
#include <stdio.h>

#include "private.h"

/* The child ends itself after 10 s in one call; this is for one that cannot.
 */
#define CALL_LIMIT_MS 15000

struct call {
    uint32_t id;
    uint64_t sent_ms;
    cnc__render_reply_f *reply;
    void *priv;
    struct call *next;
};

struct worker {
    struct cnc__renders *owner;
    unsigned index;
    uv_process_t process;
    uv_pipe_t pipe;
    bool alive;       /* the process runs */
    int open_handles; /* process and pipe still known to the loop */
    struct cnc__str in;
    struct call *first, **last;
    uint64_t born_ms, retry_ms;
    unsigned quick_deaths;
};

struct cnc__renders {
    uv_loop_t *loop;
    char *program;
    unsigned n;
    struct worker *workers;
    uint32_t next_id;
    uint64_t deaths;
    bool closing;
    void (*restarted)(unsigned worker, void *priv);
    void *priv;
};

static void spawn(struct worker *w);

static void
answer_null(struct call *list)
{
    while (list != NULL) {
        struct call *next = list->next;

        if (list->reply != NULL) {
            list->reply(NULL, list->priv);
        }
        cnc__free(list);
        list = next;
    }
}

static struct call *
take_calls(struct worker *w)
{
    struct call *list = w->first;

    w->first = NULL;
    w->last = &w->first;
    return list;
}

/* Both handles are closed: the worker may be started again. */
static void
gone(struct worker *w)
{
    struct call *list = take_calls(w);
    struct cnc__renders *r = w->owner;

    cnc__str_fini(&w->in);
    if (r->closing) {
        while (list != NULL) {
            struct call *next = list->next;

            cnc__free(list);
            list = next;
        }
        return;
    }
    if (w->retry_ms == 0) {
        spawn(w);
    }
    answer_null(list);
    if (w->alive) {
        r->restarted(w->index, r->priv);
    }
}

static void
on_closed(uv_handle_t *handle)
{
    struct worker *w = handle->data;

    if (--w->open_handles == 0) {
        gone(w);
    }
}

static void
on_died(uv_process_t *process, int64_t status, int sig)
{
    struct worker *w = process->data;
    uint64_t now = uv_now(w->owner->loop);

    w->alive = false;
    if (!w->owner->closing) {
        w->owner->deaths++;
        w->quick_deaths = now - w->born_ms < 10000 ? w->quick_deaths + 1 : 0;
        /* A page that kills its process at once must not make us spin. */
        w->retry_ms = w->quick_deaths > 3 ? now + 5000 : 0;
        cnc__log(CNC_LOG_WARN, "render.died",
                 "worker=%u status=%lld signal=%d restart_in_ms=%d", w->index,
                 (long long)status, sig, w->retry_ms == 0 ? 0 : 5000);
    }
    uv_close((uv_handle_t *)process, on_closed);
    if (!uv_is_closing((uv_handle_t *)&w->pipe)) {
        uv_close((uv_handle_t *)&w->pipe, on_closed);
    }
}

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct worker *w = handle->data;

    cnc__str_reserve(&w->in, 65536);
    *buf = uv_buf_init(w->in.data + w->in.len,
                       (unsigned)(w->in.cap - w->in.len - 1));
}

static bool
take_reply(struct worker *w, size_t *at)
{
    struct cnc__render_message m;
    size_t used;
    struct call *call = w->first;
    int code =
        cnc__render_decode(&m, &used, w->in.data + *at, w->in.len - *at);

    if (code == CNC_EAGAIN) {
        return false;
    }
    if (code != 0 || call == NULL || call->id != m.call) {
        /* The child holds strangers' templates: believe nothing. */
        cnc__log(CNC_LOG_ERROR, "render.protocol", "worker=%u", w->index);
        uv_process_kill(&w->process, SIGKILL);
        return false;
    }
    w->first = call->next;
    if (w->first == NULL) {
        w->last = &w->first;
    } else {
        /* Its turn begins now, not when it was queued. */
        w->first->sent_ms = uv_now(w->owner->loop);
    }
    *at += used;
    if (call->reply != NULL) {
        call->reply(&m, call->priv);
    }
    cnc__free(call);
    return true;
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct worker *w = stream->data;
    size_t at = 0;

    if (n < 0) {
        uv_read_stop(stream);
        if (w->alive) {
            uv_process_kill(&w->process, SIGKILL);
        }
        return;
    }
    w->in.len += (size_t)n;
    while (w->in.len > at && take_reply(w, &at)) {
    }
    cnc__str_drop(&w->in, at);
    if (w->in.len == 0) {
        cnc__str_fini(&w->in);
    }
}

/* Nothing else of our environment is the child's business. */
static const char *const sanitizers[] = {"ASAN_OPTIONS", "TSAN_OPTIONS",
                                         "UBSAN_OPTIONS"};

static void
spawn(struct worker *w)
{
    struct cnc__renders *r = w->owner;
    char *args[] = {r->program, NULL};
    char *env[2 + CNC_N(sanitizers)] = {(char *)"LC_ALL=C.UTF-8"};
    struct cnc__str lines[CNC_N(sanitizers)] = {CNC__STR};
    uv_stdio_container_t stdio[4] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE},
    };
    uv_process_options_t options = {.exit_cb = on_died,
                                    .file = r->program,
                                    .args = args,
                                    .env = env,
                                    .stdio_count = 4,
                                    .stdio = stdio};
    int code;

    for (size_t i = 0, n = 1; i < CNC_N(sanitizers); i++) {
        const char *value = getenv(sanitizers[i]);

        if (value != NULL) {
            cnc__str_printf(&lines[i], "%s=%s", sanitizers[i], value);
            env[n++] = lines[i].data;
        }
    }
    CNC_CHECK(uv_pipe_init(r->loop, &w->pipe, 0) == 0);
    w->pipe.data = w;
    stdio[3].data.stream = (uv_stream_t *)&w->pipe;
    w->process.data = w;
    code = uv_spawn(r->loop, &w->process, &options);
    for (size_t i = 0; i < CNC_N(sanitizers); i++) {
        cnc__str_fini(&lines[i]);
    }
    w->born_ms = uv_now(r->loop);
    w->open_handles = 2;
    if (code != 0) {
        cnc__log(CNC_LOG_ERROR, "render.spawn", "program=%s error=%s",
                 r->program, uv_strerror(code));
        w->alive = false;
        w->retry_ms = w->born_ms + 5000;
        uv_close((uv_handle_t *)&w->process, on_closed);
        uv_close((uv_handle_t *)&w->pipe, on_closed);
        return;
    }
    w->alive = true;
    w->retry_ms = 0;
    uv_read_start((uv_stream_t *)&w->pipe, on_alloc, on_read);
}

struct cnc__renders *
cnc__renders_new(uv_loop_t *loop, const char *program, unsigned n,
                 void (*restarted)(unsigned worker, void *priv), void *priv)
{
    struct cnc__renders *r = cnc__zalloc(sizeof(*r));

    r->loop = loop;
    r->program = cnc__strdup(program);
    r->n = n;
    r->workers = cnc__zalloc(n * sizeof(*r->workers));
    r->restarted = restarted;
    r->priv = priv;
    for (unsigned i = 0; i < n; i++) {
        r->workers[i].owner = r;
        r->workers[i].index = i;
        r->workers[i].last = &r->workers[i].first;
        spawn(&r->workers[i]);
    }
    return r;
}

struct out {
    uv_write_t write;
    struct cnc__str data;
};

static void
on_written(uv_write_t *write, int status)
{
    struct out *o = CNC_CONTAINER(write, struct out, write);

    cnc__str_fini(&o->data);
    cnc__free(o);
}

void
cnc__renders_call(struct cnc__renders *r, unsigned worker,
                  const struct cnc__render_message *m,
                  cnc__render_reply_f *reply, void *reply_priv)
{
    struct worker *w = &r->workers[worker % r->n];
    struct call *call = cnc__zalloc(sizeof(*call));
    struct cnc__render_message copy = *m;
    struct out *o;
    uv_buf_t buf;

    copy.call = call->id = ++r->next_id;
    call->reply = reply;
    call->priv = reply_priv;
    call->sent_ms = uv_now(r->loop);
    *w->last = call;
    w->last = &call->next;
    if (!w->alive) {
        return; /* answered with NULL when the worker is started again */
    }
    o = cnc__zalloc(sizeof(*o));
    cnc__render_encode(&o->data, &copy);
    buf = uv_buf_init(o->data.data, (unsigned)o->data.len);
    if (uv_write(&o->write, (uv_stream_t *)&w->pipe, &buf, 1, on_written) !=
        0) {
        on_written(&o->write, 0);
    }
}

void
cnc__renders_tick(struct cnc__renders *r, uint64_t now_ms)
{
    for (unsigned i = 0; i < r->n; i++) {
        struct worker *w = &r->workers[i];

        if (!w->alive && w->open_handles == 0 && w->retry_ms != 0 &&
            now_ms >= w->retry_ms) {
            struct call *list = take_calls(w);

            spawn(w);
            answer_null(list);
            if (w->alive) {
                r->restarted(w->index, r->priv);
            }
        } else if (w->alive && w->first != NULL &&
                   now_ms > w->first->sent_ms + CALL_LIMIT_MS) {
            cnc__log(CNC_LOG_WARN, "render.hangs", "worker=%u", w->index);
            uv_process_kill(&w->process, SIGKILL);
            w->first->sent_ms = now_ms;
        }
    }
}

uint64_t
cnc__renders_deaths(const struct cnc__renders *r)
{
    return r->deaths;
}

void
cnc__renders_close(struct cnc__renders *r)
{
    r->closing = true;
    for (unsigned i = 0; i < r->n; i++) {
        if (r->workers[i].alive) {
            uv_process_kill(&r->workers[i].process, SIGKILL);
        }
    }
}

void
cnc__renders_free(struct cnc__renders **rp)
{
    struct cnc__renders *r = *rp;

    if (r == NULL) {
        return;
    }
    *rp = NULL;
    for (unsigned i = 0; i < r->n; i++) {
        struct call *list = take_calls(&r->workers[i]);

        while (list != NULL) {
            struct call *next = list->next;

            cnc__free(list);
            list = next;
        }
        cnc__str_fini(&r->workers[i].in);
    }
    cnc__free(r->workers);
    cnc__free(r->program);
    cnc__free(r);
}
