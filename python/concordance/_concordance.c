/* SPDX-License-Identifier: MIT */
/*
 * _concordance -- the C half of the Python package: turns the plain data that
 * concordance/app.py makes of an app's class into a struct cnc_app, runs the
 * service, and carries handlers' calls both ways.
 *
 * Limited API of 3.11, heap types, no static state.  The service runs without
 * the GIL; handlers run on the app's thread and take it.  What they call of
 * the service gives it up while it waits.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdio.h>

#include <concordance.h>

#include "../../src/base/arena.h"
#include "../../src/base/check.h"
#include "../../src/base/log.h"
#include "../../src/xml/write.h"

struct mod_state {
    PyObject *error; /* concordance.Error */
    PyTypeObject *request_type;
};

/* Everything made for one run. */
struct run {
    int n_inside; /* handlers that run just now; under the GIL */
    struct cnc__arena arena;
    struct mod_state *state;
    PyObject *spec;     /* keeps the callables alive */
    PyObject *on_ready; /* or NULL */
};

/* What a C declaration's priv points to. */
struct hook {
    struct run *run;
    PyObject *call; /* borrowed from spec */
};

/* -- Request: the struct cnc_request of the handler that runs ------------- */

struct request_object {
    PyObject ob_base;
    struct cnc_request *r; /* NULL once the handler returned */
};

static struct cnc_request *
request_of(PyObject *op)
{
    struct cnc_request *r = ((struct request_object *)op)->r;

    if (r == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the handler this request belongs to has returned");
    }
    return r;
}

static PyObject *
error_from(PyObject *op, const struct cnc_error *err, int code)
{
    struct mod_state *st = PyType_GetModuleState(Py_TYPE(op));

    PyErr_SetString(code == CNC_ENOENT ? PyExc_KeyError : st->error,
                    err->text[0] != '\0' ? err->text : cnc_err_text(code));
    return NULL;
}

static PyObject *
request_user(PyObject *op, void *closure)
{
    struct cnc_request *r = request_of(op);

    return r == NULL ? NULL : PyUnicode_FromString(cnc_user(r));
}

static PyObject *
request_guest(PyObject *op, void *closure)
{
    struct cnc_request *r = request_of(op);

    return r == NULL ? NULL : PyBool_FromLong(cnc_is_guest(r));
}

static PyObject *
request_item_id(PyObject *op, void *closure)
{
    struct cnc_request *r = request_of(op);
    const char *id;

    if (r == NULL) {
        return NULL;
    }
    id = cnc_item_id(r);
    return PyUnicode_FromString(id == NULL ? "" : id);
}

static PyObject *
request_refuse(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    const char *field, *text;

    if (r == NULL || !PyArg_ParseTuple(args, "zs", &field, &text)) {
        return NULL;
    }
    cnc_refuse(r, field, "%s", text);
    Py_RETURN_NONE;
}

/* An element from XML text; sets the Python error. */
static struct cnc_element *
element_from(PyObject *op, const char *xml, Py_ssize_t len)
{
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    int code = cnc_xml_parse(&e, xml, (size_t)len, 0, NULL, &err);

    if (code != 0) {
        error_from(op, &err, code);
        return NULL;
    }
    return e;
}

static PyObject *
request_replace(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    struct cnc_element *e;
    const char *xml;
    Py_ssize_t len;

    if (r == NULL || !PyArg_ParseTuple(args, "s#", &xml, &len)) {
        return NULL;
    }
    e = element_from(op, xml, len);
    if (e == NULL) {
        return NULL;
    }
    cnc_replace(r, e);
    cnc_element_unref(&e);
    Py_RETURN_NONE;
}

static PyObject *
request_reply(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    struct cnc_element *e;
    const char *xml;
    Py_ssize_t len;

    if (r == NULL || !PyArg_ParseTuple(args, "s#", &xml, &len)) {
        return NULL;
    }
    e = element_from(op, xml, len);
    if (e == NULL) {
        return NULL;
    }
    cnc_reply(r, "%pE", e);
    cnc_element_unref(&e);
    Py_RETURN_NONE;
}

static PyObject *
request_find(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    const char *node, *field, *value;
    bool found;

    if (r == NULL || !PyArg_ParseTuple(args, "sss", &node, &field, &value)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS found = cnc_find(r, node, field, value);
    Py_END_ALLOW_THREADS return PyBool_FromLong(found);
}

static PyObject *
text_of(const struct cnc_element *e)
{
    struct cnc_buf *buf = cnc_element_write(e, 0);
    PyObject *text = PyUnicode_FromStringAndSize(cnc_buf_data(buf),
                                                 (Py_ssize_t)cnc_buf_len(buf));

    cnc_buf_unref(&buf);
    return text;
}

static PyObject *
request_get(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    struct cnc_element *e = NULL;
    const char *node, *id;
    PyObject *text;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "ss", &node, &id)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS code = cnc_get(r, &e, node, id);
    Py_END_ALLOW_THREADS if (code == CNC_ENOENT)
    {
        Py_RETURN_NONE;
    }
    if (code != 0) {
        return error_from(op, &(struct cnc_error){0}, code);
    }
    text = text_of(e);
    cnc_element_unref(&e);
    return text;
}

struct collect {
    PyObject *list;
};

static int
collect_one(const char *id, struct cnc_element *record, void *priv)
{
    struct collect *c = priv;
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *text = text_of(record);
    PyObject *pair = text == NULL ? NULL : Py_BuildValue("(sN)", id, text);
    int failed = pair == NULL || PyList_Append(c->list, pair) < 0;

    Py_XDECREF(pair);
    PyGILState_Release(gil);
    return failed ? CNC_EINVAL : 0;
}

static PyObject *
request_items(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    struct collect c;
    const char *node;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &node)) {
        return NULL;
    }
    c.list = PyList_New(0);
    if (c.list == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS code = cnc_each(r, node, collect_one, &c);
    Py_END_ALLOW_THREADS if (code != 0)
    {
        Py_DECREF(c.list);
        return PyErr_Occurred() != NULL
                   ? NULL
                   : error_from(op, &(struct cnc_error){0}, code);
    }
    return c.list;
}

static PyObject *
request_publish(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    struct cnc_element *e;
    struct cnc_error err = {0};
    const char *node, *id, *xml;
    Py_ssize_t len;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "szs#", &node, &id, &xml, &len)) {
        return NULL;
    }
    e = element_from(op, xml, len);
    if (e == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS code = cnc_publish(r, node, id, e, &err);
    Py_END_ALLOW_THREADS cnc_element_unref(&e);
    if (code != 0) {
        return error_from(op, &err, code);
    }
    Py_RETURN_NONE;
}

static PyObject *
request_retract(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    struct cnc_error err = {0};
    const char *node, *id;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "ss", &node, &id)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS code = cnc_retract(r, node, id, &err);
    Py_END_ALLOW_THREADS if (code != 0)
    {
        return error_from(op, &err, code);
    }
    Py_RETURN_NONE;
}

static PyObject *
request_setting(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    const char *name, *value;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &name)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS value = cnc_setting(r, name);
    Py_END_ALLOW_THREADS return PyUnicode_FromString(value);
}

static PyObject *
request_log(PyObject *op, PyObject *args)
{
    struct cnc_request *r = request_of(op);
    const char *text;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &text)) {
        return NULL;
    }
    cnc_log(r, "%s", text);
    Py_RETURN_NONE;
}

static void
request_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    freefunc dealloc = (freefunc)PyType_GetSlot(type, Py_tp_free);

    dealloc(op);
    Py_DECREF(type);
}

static PyMethodDef request_methods[] = {
    {"refuse", request_refuse, METH_VARARGS,
     "refuse(field: str | None, text: str) -> None"},
    {"replace", request_replace, METH_VARARGS, "replace(xml: str) -> None"},
    {"reply", request_reply, METH_VARARGS, "reply(xml: str) -> None"},
    {"find", request_find, METH_VARARGS,
     "find(node: str, field: str, value: str) -> bool"},
    {"get", request_get, METH_VARARGS,
     "get(node: str, id: str) -> str | None: the item's XML"},
    {"items", request_items, METH_VARARGS,
     "items(node: str) -> list[tuple[str, str]]: id and XML, oldest first"},
    {"publish", request_publish, METH_VARARGS,
     "publish(node: str, id: str | None, xml: str) -> None"},
    {"retract", request_retract, METH_VARARGS,
     "retract(node: str, id: str) -> None; KeyError"},
    {"setting", request_setting, METH_VARARGS, "setting(name: str) -> str"},
    {"log", request_log, METH_VARARGS, "log(text: str) -> None"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef request_getset[] = {
    {"user", request_user, NULL, "bare JID of who asks", NULL},
    {"guest", request_guest, NULL, "True when not logged in", NULL},
    {"item_id", request_item_id, NULL, "id of the submitted item", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot request_slots[] = {
    {Py_tp_doc, "The call of one handler; dead once it returned."},
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_methods, request_methods},
    {Py_tp_getset, request_getset},
    {0, NULL},
};

static PyType_Spec request_spec = {
    .name = "concordance._concordance.Request",
    .basicsize = sizeof(struct request_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = request_slots,
};

/* -- handlers: from the app's thread into Python -------------------------- */

static void
log_exception(void)
{
    PyObject *type, *value, *trace, *module, *lines = NULL, *text = NULL;

    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    module = PyImport_ImportModule("traceback");
    if (module != NULL) {
        lines = PyObject_CallMethod(module, "format_exception", "OOO", type,
                                    value == NULL ? Py_None : value,
                                    trace == NULL ? Py_None : trace);
    }
    if (lines != NULL) {
        PyObject *empty = PyUnicode_FromString("");

        text = empty == NULL ? NULL : PyUnicode_Join(empty, lines);
        Py_XDECREF(empty);
    }
    if (text != NULL) {
        const char *s = PyUnicode_AsUTF8AndSize(text, NULL);

        /* A traceback is for people: as it is, with its lines. */
        cnc__log(CNC_LOG_ERROR, "app.exception", "traceback follows");
        fputs(s == NULL ? "(no text)\n" : s, stderr);
    }
    Py_XDECREF(text);
    Py_XDECREF(lines);
    Py_XDECREF(module);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    PyErr_Clear();
}

/* Call hook(request, xml or None). */
static int
call_hook(const struct hook *h, struct cnc_request *r,
          const struct cnc_element *e)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    allocfunc alloc =
        (allocfunc)PyType_GetSlot(h->run->state->request_type, Py_tp_alloc);
    PyObject *op = alloc(h->run->state->request_type, 0);
    PyObject *xml = NULL, *result = NULL;
    int code = CNC_ESYS;

    h->run->n_inside++;
    if (op != NULL) {
        ((struct request_object *)op)->r = r;
        if (e == NULL) {
            Py_INCREF(Py_None);
            xml = Py_None;
        } else {
            xml = text_of(e);
        }
    }
    if (xml != NULL) {
        result = PyObject_CallFunctionObjArgs(h->call, op, xml, NULL);
    }
    if (result == NULL) {
        log_exception();
    } else {
        /* False: it refused, and said why through the request. */
        code = result == Py_False ? CNC_EREFUSED : 0;
    }
    if (op != NULL) {
        ((struct request_object *)op)->r = NULL;
    }
    Py_XDECREF(result);
    Py_XDECREF(xml);
    Py_XDECREF(op);
    h->run->n_inside--;
    PyGILState_Release(gil);
    return code;
}

static int
on_record(struct cnc_request *r, struct cnc_element *e)
{
    return call_hook(cnc_priv(r), r, e);
}

static int
on_call(struct cnc_request *r)
{
    return call_hook(cnc_priv(r), r, NULL);
}

struct starter {
    struct hook start;
};

static int
on_start(struct cnc_request *r)
{
    const struct starter *s = cnc_priv(r);

    return call_hook(&s->start, r, NULL);
}

/* -- the app's data, as C structs ----------------------------------------- */

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
            .submit = h == NULL ? NULL : on_record,
            .title = get_text(run, o, "title"),
            .access = (enum cnc_access)get_int(o, "access"),
            .publish = (enum cnc_publish_model)get_int(o, "publish"),
            .max_items = (uint32_t)get_int(o, "max_items"),
            .history = (uint32_t)get_int(o, "history"),
            .priv = (void *)h,
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
            .handle = on_record,
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
            .run = on_call,
            .priv = (void *)get_hook(run, o, "call"),
        };
    }
    return out;
}

static const struct cnc_app *
make_app(struct run *run, PyObject *spec)
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
    };
    if (start != NULL) {
        struct starter *s = cnc__arena_alloc(&run->arena, sizeof(*s));

        s->start = *start;
        app->start = on_start;
        app->priv = s;
    }
    return PyErr_Occurred() == NULL ? app : NULL;
}

/* -- run ------------------------------------------------------------------ */

static void
on_ready(struct cnc_service *s, const char *url, void *priv)
{
    struct run *run = priv;
    PyGILState_STATE gil;
    PyObject *result;

    if (run->on_ready == NULL) {
        return;
    }
    gil = PyGILState_Ensure();
    result = PyObject_CallFunction(run->on_ready, "s", url);
    if (result == NULL) {
        log_exception();
    }
    Py_XDECREF(result);
    PyGILState_Release(gil);
}

/* A list of str as a char *[] in the arena. */
static char *const *
make_argv(struct run *run, PyObject *list, int *argc)
{
    Py_ssize_t n = PyList_Size(list);
    char **argv;

    if (n < 0) {
        return NULL;
    }
    argv = cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*argv));
    for (Py_ssize_t i = 0; i < n; i++) {
        const char *s = PyUnicode_AsUTF8AndSize(PyList_GetItem(list, i), NULL);

        if (s == NULL) {
            return NULL;
        }
        argv[i] = cnc__arena_strndup(&run->arena, s, strlen(s));
    }
    *argc = (int)n;
    return argv;
}

PyDoc_STRVAR(run_doc,
             "run(specs: list[dict], argv: list[str], files: str, on_ready)\n"
             "\n"
             "Serve the apps until SIGINT or SIGTERM.  specs: what\n"
             "App.__spec__() makes; argv: the service's options; files: the\n"
             "folder of templates when argv has no --files; on_ready(url) is\n"
             "called once everything is served.  ValueError for a wrong\n"
             "option, concordance.Error for what the service could not do.");

static struct run *
run_new(PyObject *mod, PyObject *specs, PyObject *ready)
{
    struct run *run = cnc__zalloc(sizeof(*run));

    run->state = PyModule_GetState(mod);
    run->spec = Py_NewRef(specs);
    run->on_ready = ready == Py_None ? NULL : Py_NewRef(ready);
    cnc__arena_init(&run->arena);
    return run;
}

static void
run_free(struct run *run)
{
    if (run->n_inside > 0) {
        /* A handler that does not return was left behind: all that it may
         * look at stays. */
        return;
    }
    Py_DECREF(run->spec);
    Py_XDECREF(run->on_ready);
    cnc__arena_fini(&run->arena);
    cnc__free(run);
}

/* The apps, ended by one without an app; NULL with the Python error. */
static struct cnc_service_app *
make_apps(struct run *run, const char *files)
{
    Py_ssize_t n = PyList_Size(run->spec);
    struct cnc_service_app *apps;

    if (n < 0) {
        return NULL;
    }
    apps = cnc__arena_alloc(&run->arena, ((size_t)n + 1) * sizeof(*apps));
    for (Py_ssize_t i = 0; i < n; i++) {
        apps[i].app = make_app(run, PyList_GetItem(run->spec, i));
        apps[i].files = files;
        if (apps[i].app == NULL) {
            return NULL;
        }
    }
    return apps;
}

static int
serve(const struct cnc_service_options *options, struct cnc_error *err)
{
    struct cnc_service *service = NULL;
    int code = cnc_service_new(&service, options, err);

    if (code == 0) {
        code = cnc_service_run(service, err);
    }
    cnc_service_free(&service);
    return code;
}

/* 0, or -1 with the Python error. */
static int
run_all(struct run *run, PyObject *argv_list, const char *files)
{
    struct cnc_service_options options = {
        .size = sizeof(options), .on_ready = on_ready, .priv = run};
    struct cnc_error err = {0};
    int argc = 0, used = 0, code = -1;
    char *const *argv = make_argv(run, argv_list, &argc);

    if (argv == NULL) {
        return -1;
    }
    if (cnc_service_options_parse(&options, argc, argv, &used, &err) != 0 ||
        (used != argc &&
         cnc_error_set(&err, CNC_EINVAL, NULL,
                       "\"%s\" is no option; --help lists them",
                       argv[used]) != 0)) {
        PyErr_SetString(PyExc_ValueError, err.text);
        goto out;
    }
    options.apps =
        make_apps(run, options.files != NULL ? options.files : files);
    if (options.apps == NULL) {
        goto out;
    }
    Py_BEGIN_ALLOW_THREADS code = serve(&options, &err);
    Py_END_ALLOW_THREADS if (code != 0)
    {
        PyErr_SetString(run->state->error, err.text);
    }
out:
    cnc_service_options_fini(&options);
    return code == 0 ? 0 : -1;
}

static PyObject *
mod_run(PyObject *mod, PyObject *args)
{
    PyObject *specs, *argv, *ready;
    const char *files;
    struct run *run;
    int code;

    if (!PyArg_ParseTuple(args, "O!OsO", &PyList_Type, &specs, &argv, &files,
                          &ready)) {
        return NULL;
    }
    run = run_new(mod, specs, ready);
    code = run_all(run, argv, files);
    run_free(run);
    if (code != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
mod_options_help(PyObject *mod, PyObject *unused)
{
    return PyUnicode_FromString(cnc_service_options_help());
}

static PyMethodDef mod_methods[] = {
    {"run", mod_run, METH_VARARGS, run_doc},
    {"options_help", mod_options_help, METH_NOARGS,
     "options_help() -> str: the --help text of the service's options"},
    {NULL, NULL, 0, NULL},
};

static int
mod_exec(PyObject *mod)
{
    struct mod_state *st = PyModule_GetState(mod);

    st->error = PyErr_NewExceptionWithDoc(
        "concordance.Error", "What the service could not do, and why.", NULL,
        NULL);
    if (st->error == NULL ||
        PyModule_AddObjectRef(mod, "Error", st->error) < 0) {
        return -1;
    }
    st->request_type =
        (PyTypeObject *)PyType_FromModuleAndSpec(mod, &request_spec, NULL);
    if (st->request_type == NULL ||
        PyModule_AddObjectRef(mod, "Request", (PyObject *)st->request_type) <
            0 ||
        PyModule_AddStringConstant(mod, "version", cnc_version()) < 0) {
        return -1;
    }
    return 0;
}

static int
mod_traverse(PyObject *mod, visitproc visit, void *arg)
{
    struct mod_state *st = PyModule_GetState(mod);

    Py_VISIT(st->error);
    Py_VISIT(st->request_type);
    return 0;
}

static int
mod_clear(PyObject *mod)
{
    struct mod_state *st = PyModule_GetState(mod);

    Py_CLEAR(st->error);
    Py_CLEAR(st->request_type);
    return 0;
}

static PyModuleDef_Slot mod_slots[] = {
    {Py_mod_exec, mod_exec},
    {0, NULL},
};

static PyModuleDef mod_def = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_concordance",
    .m_doc = "The C half of the concordance package.",
    .m_size = sizeof(struct mod_state),
    .m_methods = mod_methods,
    .m_slots = mod_slots,
    .m_traverse = mod_traverse,
    .m_clear = mod_clear,
};

PyMODINIT_FUNC PyInit__concordance(void);

PyMODINIT_FUNC
PyInit__concordance(void)
{
    return PyModuleDef_Init(&mod_def);
}
