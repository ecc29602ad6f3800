/* SPDX-License-Identifier: MIT */
/*
 * spec.c -- the app's data, as C structs.
 */
#include "module.h"

/* Text of mapping[key] in the run's arena; NULL when None or absent. */
static const char *
get_text(struct run *run, PyObject *map, const char *key)
{
    PyObject *value = PyDict_GetItemString(map, key);
    const char *s;
    Py_ssize_t len;

    if (value == NULL || value == Py_None) {
        return NULL;
    }
    s = PyUnicode_AsUTF8AndSize(value, &len);
    return s == NULL ? NULL : cnc__arena_strndup(&run->arena, s, (size_t)len);
}

static long
get_int(PyObject *map, const char *key)
{
    PyObject *value = PyDict_GetItemString(map, key);

    return value == NULL || value == Py_None ? 0 : PyLong_AsLong(value);
}

static const struct hook *
get_hook(struct run *run, PyObject *map, const char *key)
{
    PyObject *value = PyDict_GetItemString(map, key);
    struct hook *h;

    if (value == NULL || value == Py_None) {
        return NULL;
    }
    h = cnc__arena_alloc(&run->arena, sizeof(*h));
    h->run = run;
    h->call = value;
    return h;
}

/* The list at map[key]; *n its length; NULL when absent. */
static PyObject *
get_list(PyObject *map, const char *key, Py_ssize_t *n)
{
    PyObject *list = PyDict_GetItemString(map, key);

    *n = list == NULL || list == Py_None ? 0 : PyList_Size(list);
    return *n > 0 ? list : NULL;
}

static const struct cnc_option *
make_options(struct run *run, PyObject *map)
{
    Py_ssize_t n;
    PyObject *list = get_list(map, "options", &n);
    struct cnc_option *out;

    if (list == NULL) {
        return NULL;
    }
    out = cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyList_GetItem(list, i);

        out[i].value = get_text(run, o, "value");
        out[i].label = get_text(run, o, "label");
    }
    return out;
}

static const struct cnc_record *
make_record(struct run *run, PyObject *map, const char *key)
{
    PyObject *spec = PyDict_GetItemString(map, key), *list;
    struct cnc_record *rec;
    struct cnc_field *fields;
    Py_ssize_t n;

    if (spec == NULL || spec == Py_None) {
        return NULL;
    }
    list = get_list(spec, "fields", &n);
    rec = cnc__arena_alloc(&run->arena, sizeof(*rec));
    fields = cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*fields));
    rec->name = get_text(run, spec, "name");
    rec->fields = fields;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *f = PyList_GetItem(list, i);
        const struct hook *h = get_hook(run, f, "compute");

        fields[i] = (struct cnc_field){
            .name = get_text(run, f, "name"),
            .label = get_text(run, f, "label"),
            .kind = (enum cnc_field_kind)get_int(f, "kind"),
            .required = get_int(f, "required") != 0,
            .match = get_text(run, f, "match"),
            .value = get_text(run, f, "value"),
            .help = get_text(run, f, "help"),
            .min_len = (uint32_t)get_int(f, "min_len"),
            .max_len = (uint32_t)get_int(f, "max_len"),
            .min = get_text(run, f, "min"),
            .max = get_text(run, f, "max"),
            .options = make_options(run, f),
            .error = get_text(run, f, "error"),
            .index = get_int(f, "index") != 0,
            .node = get_text(run, f, "node"),
            .show = get_text(run, f, "show"),
            .compute = h == NULL ? NULL : cnc__py_compute,
            .priv = (void *)h,
            .was = get_text(run, f, "was"),
        };
    }
    return rec;
}

static const struct cnc_node *
make_nodes(struct run *run, PyObject *spec)
{
    Py_ssize_t n;
    PyObject *list = get_list(spec, "nodes", &n);
    struct cnc_node *out =
        cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));

    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyList_GetItem(list, i);
        const struct hook *h = get_hook(run, o, "submit");

        out[i] = (struct cnc_node){
            .name = get_text(run, o, "name"),
            .record = make_record(run, o, "record"),
            .form = get_text(run, o, "form"),
            .submit = h == NULL ? NULL : cnc__py_on_record,
            .title = get_text(run, o, "title"),
            .access = (enum cnc_access)get_int(o, "access"),
            .publish = (enum cnc_publish_model)get_int(o, "publish"),
            .max_items = (uint32_t)get_int(o, "max_items"),
            .history = (uint32_t)get_int(o, "history"),
            .priv = (void *)h,
            .source = get_text(run, o, "source"),
            .source_node = get_text(run, o, "source_node"),
            .readers = get_text(run, o, "readers"),
            .writers = get_text(run, o, "writers"),
            .owners = get_text(run, o, "owners"),
        };
    }
    return out;
}

static const struct cnc_page *
make_pages(struct run *run, PyObject *spec)
{
    Py_ssize_t n;
    PyObject *list = get_list(spec, "pages", &n);
    struct cnc_page *out =
        cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));

    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyList_GetItem(list, i);

        out[i] = (struct cnc_page){
            .path = get_text(run, o, "path"),
            .node = get_text(run, o, "node"),
            .template_ = get_text(run, o, "template"),
            .title = get_text(run, o, "title"),
            .window = (uint32_t)get_int(o, "window"),
            .where = get_text(run, o, "where"),
            .sort = get_text(run, o, "sort"),
            .command = get_text(run, o, "command"),
            .readers = get_text(run, o, "readers"),
        };
    }
    return out;
}

static const struct cnc_handler *
make_handlers(struct run *run, PyObject *spec)
{
    Py_ssize_t n;
    PyObject *list = get_list(spec, "handlers", &n);
    struct cnc_handler *out =
        cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));

    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyList_GetItem(list, i);

        out[i] = (struct cnc_handler){
            .kinds = (unsigned)get_int(o, "kinds"),
            .ns = get_text(run, o, "ns"),
            .name = get_text(run, o, "name"),
            .handle = cnc__py_on_record,
            .priv = (void *)get_hook(run, o, "call"),
        };
    }
    return out;
}

static const struct cnc_task *
make_tasks(struct run *run, PyObject *spec)
{
    Py_ssize_t n;
    PyObject *list = get_list(spec, "tasks", &n);
    struct cnc_task *out =
        cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));

    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyList_GetItem(list, i);

        out[i] = (struct cnc_task){
            .name = get_text(run, o, "name"),
            .every_s = (uint32_t)get_int(o, "every"),
            .run = cnc__py_on_call,
            .priv = (void *)get_hook(run, o, "call"),
        };
    }
    return out;
}

static const struct cnc_command *
make_commands(struct run *run, PyObject *spec)
{
    Py_ssize_t n;
    PyObject *list = get_list(spec, "commands", &n);
    struct cnc_command *out =
        cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));

    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyList_GetItem(list, i);

        out[i] = (struct cnc_command){
            .node = get_text(run, o, "node"),
            .title = get_text(run, o, "title"),
            .record = make_record(run, o, "record"),
            .run = cnc__py_on_record,
            .who = (enum cnc_who)get_int(o, "who"),
            .roles = get_text(run, o, "roles"),
            .safe = get_int(o, "safe") != 0,
            .see = get_text(run, o, "see"),
            .help = get_text(run, o, "help"),
            .priv = (void *)get_hook(run, o, "call"),
            .reads = get_int(o, "reads") != 0,
        };
    }
    return out;
}

static const struct cnc_hook *
make_hooks(struct run *run, PyObject *spec)
{
    Py_ssize_t n;
    PyObject *list = get_list(spec, "hooks", &n);
    struct cnc_hook *out =
        cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));

    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyList_GetItem(list, i);

        out[i] = (struct cnc_hook){.name = get_text(run, o, "name"),
                                   .f = cnc__py_on_record,
                                   .priv = (void *)get_hook(run, o, "call")};
    }
    return out;
}

static const struct cnc_role *
make_roles(struct run *run, PyObject *spec)
{
    Py_ssize_t n;
    PyObject *list = get_list(spec, "roles", &n);
    struct cnc_role *out =
        cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));

    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *o = PyList_GetItem(list, i);

        out[i] = (struct cnc_role){.name = get_text(run, o, "name"),
                                   .title = get_text(run, o, "title")};
    }
    return out;
}

/* A list of str as words ended by NULL. */
static const char *const *
make_names(struct run *run, PyObject *spec, const char *key)
{
    Py_ssize_t n;
    PyObject *list = get_list(spec, key, &n);
    const char **out =
        cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*out));

    for (Py_ssize_t i = 0; i < n; i++) {
        Py_ssize_t len;
        const char *s = PyUnicode_AsUTF8AndSize(PyList_GetItem(list, i), &len);

        out[i] =
            s == NULL ? NULL : cnc__arena_strndup(&run->arena, s, (size_t)len);
    }
    return out;
}

const struct hook *
cnc__py_again_of(struct run *run, PyObject *spec)
{
    return get_hook(run, spec, "again");
}

const struct cnc_app *
cnc__py_app(struct run *run, PyObject *spec)
{
    struct cnc_app *app = cnc__arena_alloc(&run->arena, sizeof(*app));
    const struct hook *start = get_hook(run, spec, "start");

    *app = (struct cnc_app){
        .abi = CNC_APP_ABI,
        .size = sizeof(*app),
        .name = get_text(run, spec, "name"),
        .title = get_text(run, spec, "title"),
        .xmlns = get_text(run, spec, "xmlns"),
        .flags = CNC_APP_THREADED,
        .nodes = make_nodes(run, spec),
        .pages = make_pages(run, spec),
        .handlers = make_handlers(run, spec),
        .tasks = make_tasks(run, spec),
        .settings = make_record(run, spec, "settings"),
        .version = get_text(run, spec, "version"),
        .needs = make_names(run, spec, "needs"),
        .extends = get_text(run, spec, "extends"),
        .commands = make_commands(run, spec),
        .hooks = make_hooks(run, spec),
        .roles = make_roles(run, spec),
        .admin = make_names(run, spec, "admin"),
    };
    if (start != NULL) {
        app->start = cnc__py_on_call;
        app->priv = (void *)start;
    }
    return PyErr_Occurred() == NULL ? app : NULL;
}
