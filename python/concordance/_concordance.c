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

PyDoc_STRVAR(
    run_doc,
    "run(specs: list[dict], lead: int, argv: list[str],\n"
    "files: list[str], on_ready, given: list[str] | None = None)\n"
    "\n"
    "Serve the apps until SIGINT or SIGTERM.  specs: what\n"
    "App.__spec__() makes; argv: the service's options, and after\n"
    "those of a domain a word for each of its apps, which are the\n"
    "next of specs; the first lead of specs have no word and are the\n"
    "only domain's; files: of each of specs the folder of templates,\n"
    "when argv has no --files for it; on_ready(url) is called once\n"
    "everything is served; given: the command line that argv is made\n"
    "of, which a reload reads again (with --check: judge, do not serve).  "
    "ValueError for a wrong option,\n"
    "concordance.Error for what the service could not do.");

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

/* The command line, being read. */
struct words {
    struct run *run;
    PyObject *files;
    struct cnc_service_app *apps; /* those of a domain, then one that is none;
                                     then the next domain's */
    size_t n_apps;
    Py_ssize_t taken; /* of the specs */
    struct cnc_service_options options;
};

/* The word that names a C app in spec[key], in the run's arena, or NULL. */
static const char *
word_of(struct words *w, PyObject *spec, const char *key)
{
    PyObject *value = PyDict_GetItemString(spec, key);
    const char *s = value == NULL || value == Py_None
                        ? NULL
                        : PyUnicode_AsUTF8AndSize(value, NULL);

    return s == NULL ? NULL : cnc__arena_strndup(&w->run->arena, s, strlen(s));
}

/* The next n specs are the last domain's.  -1 with the Python error. */
static int
take_apps(struct words *w, Py_ssize_t n)
{
    const char *given = cnc_service_options_files(&w->options);

    cnc_service_options_apps(&w->options, &w->apps[w->n_apps]);
    for (; n > 0; n--) {
        PyObject *spec = PyList_GetItem(w->run->spec, w->taken);
        struct cnc_service_app *app;
        const char *base = word_of(w, spec, "base");
        const char *word = word_of(w, spec, "word");

        if (base != NULL) { /* the C app that this one extends */
            w->apps[w->n_apps++].word = base;
        }
        app = &w->apps[w->n_apps++];
        if (word != NULL) { /* it is a C app itself */
            app->word = word;
            w->taken++;
            continue;
        }
        PyObject *files = PyList_GetItem(w->files, w->taken);
        const char *own =
            files == NULL ? NULL : PyUnicode_AsUTF8AndSize(files, NULL);

        if (own == NULL) {
            return -1;
        }
        app->files = given != NULL ? given
                                   : cnc__arena_strndup(&w->run->arena, own,
                                                        strlen(own));
        app->app = cnc__py_app(w->run, spec);
        if (app->app == NULL) {
            return -1;
        }
        app->again_priv = (void *)cnc__py_again_of(w->run, spec);
        app->again = app->again_priv == NULL ? NULL : cnc__py_again;
        w->taken++;
    }
    w->n_apps++;
    return 0;
}

static int
wrong(const char *text)
{
    PyErr_SetString(PyExc_ValueError, text);
    return -1;
}

/* -1 with the Python error. */
static int
read_words(struct words *w, Py_ssize_t lead, int argc, char *const *argv)
{
    Py_ssize_t n = PyList_Size(w->run->spec);
    struct cnc_error err = {0};
    int used = 0;

    w->taken = lead;
    for (int i = 0; i < argc; i += used) {
        if (cnc_service_options_parse(&w->options, argc - i, argv + i, &used,
                                      &err) != 0) {
            return wrong(err.text);
        }
        i += used;
        for (used = 0; i + used < argc && argv[i + used][0] != '-'; used++) {
        }
        if (i < argc && (used == 0 || w->taken + used > n)) {
            cnc_error_set(&err, CNC_EINVAL, NULL,
                          "\"%s\" is no option; --help lists them", argv[i]);
            return wrong(err.text);
        }
        if (used > 0 && take_apps(w, used) != 0) {
            return -1;
        }
    }
    if (lead > 0 &&
        (w->taken > lead || (w->options.domains != NULL &&
                             w->options.domains[1].domain != NULL))) {
        return wrong("there are several domains: name each app after its "
                     "--domain");
    }
    w->taken = lead > 0 ? 0 : w->taken;
    return lead > 0 ? take_apps(w, lead) : 0;
}

static int
serve(const struct cnc_service_options *options, bool check,
      struct cnc_error *err)
{
    struct cnc_service *service = NULL;
    int code = check ? cnc_service_check(options, err)
                     : cnc_service_new(&service, options, err);

    if (code == 0 && !check) {
        code = cnc_service_run(service, err);
    }
    cnc_service_free(&service);
    return code;
}

/* 0, or -1 with the Python error. */
static int
run_all(struct run *run, Py_ssize_t lead, PyObject *argv_list, PyObject *files,
        const struct cnc_service_words *line)
{
    struct words w = {.run = run,
                      .files = files,
                      .options = {.size = sizeof(w.options),
                                  .on_ready = on_ready,
                                  .priv = run,
                                  .words = line}};
    struct cnc_error err = {0};
    int argc = 0, code = -1;
    char *const *argv = make_argv(run, argv_list, &argc);

    if (argv == NULL) {
        return -1;
    }
    w.apps = cnc__arena_alloc(&run->arena,
                              ((size_t)PyList_Size(run->spec) * 3 + 1) *
                                  sizeof(*w.apps));
    if (read_words(&w, lead, argc, argv) == 0) {
        Py_BEGIN_ALLOW_THREADS;
        code = serve(&w.options, line != NULL && line->check, &err);
        Py_END_ALLOW_THREADS;
        if (code != 0) {
            PyErr_SetString(run->state->error, err.text);
        }
    }
    cnc_service_options_fini(&w.options);
    return code == 0 ? 0 : -1;
}

/* A command line with its file, *new*; NULL with the Python error. */
static struct cnc_service_words *
read_line(struct run *run, PyObject *list)
{
    struct cnc_service_words *line = NULL;
    struct cnc_error err = {0};
    int argc = 0;
    char *const *argv = make_argv(run, list, &argc);

    if (argv != NULL && cnc_service_words_new(&line, argc, argv, &err) != 0) {
        wrong(err.text);
    }
    return line;
}

static PyObject *
mod_words(PyObject *mod, PyObject *list)
{
    struct run run = {.n_inside = 0};
    struct cnc_service_words *line;
    PyObject *words = NULL, *word = NULL;

    cnc__arena_init(&run.arena);
    line = read_line(&run, list);
    if (line != NULL) {
        words = PyList_New(0);
    }
    for (int i = 0; words != NULL && i < line->argc; i++) {
        word = PyUnicode_FromString(line->argv[i]);
        if (word == NULL || PyList_Append(words, word) != 0) {
            Py_CLEAR(words);
        }
        Py_XDECREF(word);
    }
    cnc_service_words_free(&line);
    cnc__arena_fini(&run.arena);
    return words;
}

static PyObject *
mod_run(PyObject *mod, PyObject *args)
{
    PyObject *specs, *argv, *files, *ready, *given = NULL;
    struct cnc_service_words *line = NULL;
    Py_ssize_t lead;
    struct run *run;
    int code = 0;

    if (!PyArg_ParseTuple(args, "O!nOO!O|O", &PyList_Type, &specs, &lead,
                          &argv, &PyList_Type, &files, &ready, &given)) {
        return NULL;
    }
    if (lead < 0 || lead > PyList_Size(specs) ||
        PyList_Size(files) != PyList_Size(specs)) {
        PyErr_SetString(PyExc_ValueError,
                        "lead and files are those of the specs");
        return NULL;
    }
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
        /* Its threads take the GIL as PyGILState has it: of the main one. */
        PyErr_SetString(PyExc_RuntimeError,
                        "a service runs in a process of its own, not in a "
                        "web server's interpreter; there, use wsgi()");
        return NULL;
    }
    run = run_new(mod, specs, ready);
    if (given != NULL && given != Py_None) {
        line = read_line(run, given);
        code = line == NULL ? -1 : 0;
    }
    if (code == 0) {
        code = run_all(run, lead, argv, files, line);
    }
    run_free(run);
    cnc_service_words_free(&line);
    if (code != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The places in argv of the words that are apps, as a new list. */
static PyObject *
mod_app_words(PyObject *mod, PyObject *argv_list)
{
    struct run run = {.n_inside = 0};
    struct cnc_service_options o = {.size = sizeof(o)};
    struct cnc_error err = {0};
    PyObject *places = PyList_New(0);
    char *const *argv;
    int argc = 0;

    cnc__arena_init(&run.arena);
    argv = places == NULL ? NULL : make_argv(&run, argv_list, &argc);
    for (int i = 0, used = 0; argv != NULL && i < argc; i++) {
        PyObject *place;

        if (cnc_service_options_parse(&o, argc - i, argv + i, &used, &err) !=
            0) {
            PyErr_SetString(PyExc_ValueError, err.text);
            argv = NULL;
            break;
        }
        i += used;
        if (i == argc) {
            break;
        }
        place = PyLong_FromLong(i);
        if (place == NULL || PyList_Append(places, place) != 0) {
            argv = NULL;
        }
        Py_XDECREF(place);
    }
    cnc_service_options_fini(&o);
    cnc__arena_fini(&run.arena);
    if (argv == NULL) {
        Py_CLEAR(places);
    }
    return places;
}

static PyObject *
mod_options_help(PyObject *mod, PyObject *unused)
{
    return PyUnicode_FromString(cnc_service_options_help());
}

static PyObject *
mod_options_file(PyObject *mod, PyObject *unused)
{
    return PyUnicode_FromString(cnc_service_options_file());
}

static PyObject *
mod_supervise(PyObject *self, PyObject *none)
{
    struct cnc_error err = {0};

    PyOS_BeforeFork();
    if (cnc_supervise(&err) != 0) {
        PyOS_AfterFork_Parent();
        PyErr_SetString(PyExc_OSError, err.text);
        return NULL;
    }
    PyOS_AfterFork_Child();
    Py_RETURN_NONE;
}

static PyObject *
mod_find_app(PyObject *mod, PyObject *args)
{
    const struct cnc_app *app;
    struct cnc_error err = {0};
    const char *word;

    if (!PyArg_ParseTuple(args, "s", &word)) {
        return NULL;
    }
    if (cnc_app_find(&app, word, &err) != 0) {
        PyErr_SetString(PyExc_LookupError, err.text);
        return NULL;
    }
    return Py_BuildValue("{szszsz}", "name", app->name, "title", app->title,
                         "xmlns", app->xmlns);
}

static PyMethodDef mod_methods[] = {
    {"find_app", mod_find_app, METH_VARARGS,
     "find_app(word) -> dict: what a C app is called, by its path or name.\n"
     "LookupError."},
    {"run", mod_run, METH_VARARGS, run_doc},
    {"supervise", mod_supervise, METH_NOARGS,
     "Go on in a child that is started again when a crash ends it."},
    {"app_words", mod_app_words, METH_O,
     "app_words(argv: list[str]) -> list[int]: where in a command line its\n"
     "words are no options but apps.  ValueError for a wrong option."},
    {"words", mod_words, METH_O,
     "words(argv) -> list: a command line with what the file of its --config\n"
     "says among it.  ValueError with FILE:LINE."},
    {"options_file", mod_options_file, METH_NOARGS,
     "options_file() -> str: a configuration file, every option explained"},
    {"options_help", mod_options_help, METH_NOARGS,
     "options_help() -> str: the --help text of the service's options"},
    {NULL, NULL, 0, NULL},
};

/* -1 with the Python error. */
static int
add_type(PyObject *mod, PyTypeObject **out, PyType_Spec *spec,
         const char *name)
{
    *out = (PyTypeObject *)PyType_FromModuleAndSpec(mod, spec, NULL);
    return *out == NULL ||
                   PyModule_AddObjectRef(mod, name, (PyObject *)*out) < 0
               ? -1
               : 0;
}

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
    if (add_type(mod, &st->request_type, &cnc__py_request_spec, "Request") <
            0 ||
        add_type(mod, &st->front_type, &cnc__py_front_spec, "Front") < 0 ||
        add_type(mod, &st->answer_type, &cnc__py_answer_spec, "Answer") < 0 ||
        add_type(mod, &st->frames_type, &cnc__py_frames_spec, "Frames") < 0 ||
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
    Py_VISIT(st->front_type);
    Py_VISIT(st->answer_type);
    Py_VISIT(st->frames_type);
    return 0;
}

static int
mod_clear(PyObject *mod)
{
    struct mod_state *st = PyModule_GetState(mod);

    Py_CLEAR(st->error);
    Py_CLEAR(st->request_type);
    Py_CLEAR(st->front_type);
    Py_CLEAR(st->answer_type);
    Py_CLEAR(st->frames_type);
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
