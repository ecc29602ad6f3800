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
#include "../../src/base/check.h"
#include "module.h"

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
        cnc__py_log_exception();
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
        apps[i].app = cnc__py_app(run, PyList_GetItem(run->spec, i));
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
    Py_BEGIN_ALLOW_THREADS;
    code = serve(&options, &err);
    Py_END_ALLOW_THREADS;
    if (code != 0) {
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
    st->request_type = (PyTypeObject *)PyType_FromModuleAndSpec(
        mod, &cnc__py_request_spec, NULL);
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
