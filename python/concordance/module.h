/* SPDX-License-Identifier: MIT */
/*
 * module.h -- what the files of the module share.
 *
 *   spec.c     an app's plain data -> struct cnc_app, whose privs are hooks
 *   call.c     a handler's call: hook -> Python
 *   request.c  what that Python asks of the service meanwhile
 *   front.c    inside a web server: requests of HTTP to the service
 *   frames.c   and its WebSocket
 */
#ifndef CONCORDANCE_MODULE_H
#define CONCORDANCE_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <concordance.h>

#include "../../src/base/arena.h"

struct mod_state {
    PyObject *error; /* concordance.Error */
    PyTypeObject *request_type, *front_type, *answer_type, *frames_type;
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

/* -- request.c ------------------------------------------------------------ */

/* The struct cnc_request of the handler that runs. */
struct request_object {
    PyObject ob_base;
    struct cnc_request *r; /* NULL once the handler returned */
};
extern PyType_Spec cnc__py_request_spec;
/* NULL with the Python error when the handler has returned. */
struct cnc_request *cnc__py_request(PyObject *op);
/* The element as text, a *new* str; NULL with the Python error. */
PyObject *cnc__py_text(const struct cnc_element *e);

/* -- front.c, frames.c ---------------------------------------------------- */

extern PyType_Spec cnc__py_front_spec, cnc__py_answer_spec,
    cnc__py_frames_spec;

/* -- login.c: methods of Request ----------------------------------------- */

PyObject *cnc__py_account_exists(PyObject *op, PyObject *args);
PyObject *cnc__py_account_find(PyObject *op, PyObject *args);
PyObject *cnc__py_account(PyObject *op, PyObject *args);
PyObject *cnc__py_role_set(PyObject *op, PyObject *args);
PyObject *cnc__py_roles(PyObject *op, PyObject *args);
PyObject *cnc__py_login(PyObject *op, PyObject *args);
PyObject *cnc__py_by_browser(PyObject *op, PyObject *args);
PyObject *cnc__py_logout(PyObject *op, PyObject *args);
PyObject *cnc__py_logins(PyObject *op, PyObject *args);
PyObject *cnc__py_logins_end(PyObject *op, PyObject *args);
PyObject *cnc__py_token_new(PyObject *op, PyObject *args);
PyObject *cnc__py_token_take(PyObject *op, PyObject *args);
PyObject *cnc__py_confirm(PyObject *op, PyObject *args);
PyObject *cnc__py_message(PyObject *op, PyObject *args);
PyObject *cnc__py_rate(PyObject *op, PyObject *args);
PyObject *cnc__py_bare_jid(PyObject *op, PyObject *args);
PyObject *cnc__py_addr(PyObject *op, void *closure);

/* -- call.c: priv is a struct hook; these take the GIL ----------------------
 */

int cnc__py_on_record(struct cnc_request *r, struct cnc_element *e);
/* A computed field; on the core's thread. */
int cnc__py_compute(const struct cnc_element *record, char *out, size_t size,
                    void *priv);
int cnc__py_on_call(struct cnc_request *r);
/* cnc_app_again_f: priv is the hook that makes the spec of the new class. */
int cnc__py_again(const struct cnc_app **out, void *priv,
                  struct cnc_error *err);
/* Log the Python error with its traceback, and clear it; under the GIL. */
void cnc__py_log_exception(void);

/* -- spec.c --------------------------------------------------------------- */

/* What makes the app of this spec anew; NULL: nothing. */
const struct hook *cnc__py_again_of(struct run *run, PyObject *spec);
/* From the dict that App.__spec__() makes, in run's arena; NULL with the
 * Python error. */
const struct cnc_app *cnc__py_app(struct run *run, PyObject *spec);

#endif /* CONCORDANCE_MODULE_H */
