/* SPDX-License-Identifier: MIT */
/*
 * login.c -- the methods of Request behind concordance.login: each returns
 * what it found, or the code as an int; login.py makes exceptions of those.
 */
#include "module.h"

static PyObject *
code_of(int code)
{
    return PyLong_FromLong(code);
}

PyObject *
cnc__py_account_exists(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *user;
    bool there;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &user)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    there = cnc_account_exists(r, user);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(there);
}

PyObject *
cnc__py_account_find(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *user;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &user)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_account_find(r, user, NULL);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

/* account(what, user, password) */
PyObject *
cnc__py_account(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *what, *user, *password;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "sss", &what, &user, &password)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = what[0] == 'c'   ? cnc_account_check(r, user, password, NULL)
           : what[0] == 'a' ? cnc_account_add(r, user, password, NULL)
           : what[0] == 'p' ? cnc_account_password(r, user, password, NULL)
                            : cnc_account_delete(r, user, NULL);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

PyObject *
cnc__py_role_set(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *jid, *role;
    int has, code;

    if (r == NULL || !PyArg_ParseTuple(args, "ssp", &jid, &role, &has)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_role_set(r, jid, role, has != 0, NULL);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

/* Add pair to list; steals pair. */
static int
append(PyObject *list, PyObject *pair)
{
    int failed = pair == NULL || PyList_Append(list, pair) < 0;

    Py_XDECREF(pair);
    return failed ? CNC_EINVAL : 0;
}

static int
add_role(const char *jid, const char *role, void *priv)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    int code = append(priv, Py_BuildValue("(ss)", jid, role));

    PyGILState_Release(gil);
    return code;
}

static int
add_login(const struct cnc_login_info *l, void *priv)
{
    PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *row =
        Py_BuildValue("(sssssLLO)", l->id, l->jid, l->kind, l->agent, l->addr,
                      (long long)l->since, (long long)l->seen,
                      l->current ? Py_True : Py_False);
    int code = append(priv, row);

    PyGILState_Release(gil);
    return code;
}

/* The list, or the code when it could not be made whole. */
static PyObject *
list_or_code(PyObject *list, int code)
{
    if (code == 0) {
        return list;
    }
    Py_DECREF(list);
    return PyErr_Occurred() != NULL ? NULL : code_of(code);
}

PyObject *
cnc__py_roles(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    PyObject *list = r == NULL ? NULL : PyList_New(0);
    int code;

    if (list == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_roles_each(r, add_role, list);
    Py_END_ALLOW_THREADS;
    return list_or_code(list, code);
}

PyObject *
cnc__py_login(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    unsigned long seconds;
    const char *jid;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "sk", &jid, &seconds)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_login(r, jid,
                     seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

PyObject *
cnc__py_by_browser(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    bool yes;

    if (r == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    yes = cnc_by_browser(r);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(yes);
}

PyObject *
cnc__py_logout(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    int code;

    if (r == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_logout(r);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

PyObject *
cnc__py_logins(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *jid;
    PyObject *list;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "z", &jid) ||
        (list = PyList_New(0)) == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_logins_each(r, jid, add_login, list);
    Py_END_ALLOW_THREADS;
    return list_or_code(list, code);
}

PyObject *
cnc__py_logins_end(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *jid, *id;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "sz", &jid, &id)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_logins_end(r, jid, id);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

PyObject *
cnc__py_token_new(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    char token[CNC_TOKEN_SIZE];
    const char *purpose, *text;
    unsigned long seconds;
    int code;

    if (r == NULL ||
        !PyArg_ParseTuple(args, "ssk", &purpose, &text, &seconds)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code =
        cnc_token_new(r, token, purpose, text,
                      seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds);
    Py_END_ALLOW_THREADS;
    return code == 0 ? PyUnicode_FromString(token) : code_of(code);
}

/* token_take(token, purpose, look) */
PyObject *
cnc__py_token_take(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *token, *purpose;
    char text[8192];
    int look, code;

    if (r == NULL || !PyArg_ParseTuple(args, "ssp", &token, &purpose, &look)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = look ? cnc_token_look(r, token, purpose, text, sizeof(text))
                : cnc_token_take(r, token, purpose, text, sizeof(text));
    Py_END_ALLOW_THREADS;
    return code == 0 ? PyUnicode_FromString(text) : code_of(code);
}

PyObject *
cnc__py_confirm(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *jid, *id, *url;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "sss", &jid, &id, &url)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_confirm(r, jid, id, url, NULL);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

PyObject *
cnc__py_message(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *to, *body;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "ss", &to, &body)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_message(r, to, body);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

PyObject *
cnc__py_rate(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *key;
    unsigned n, seconds;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "sII", &key, &n, &seconds)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_rate(r, key, n, seconds);
    Py_END_ALLOW_THREADS;
    return code_of(code);
}

PyObject *
cnc__py_bare_jid(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    char jid[CNC_JID_SIZE];
    const char *text;
    bool ours;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &text)) {
        return NULL;
    }
    code = cnc_bare_jid(r, jid, text, &ours);
    return code == 0 ? Py_BuildValue("(sO)", jid, ours ? Py_True : Py_False)
                     : code_of(code);
}

PyObject *
cnc__py_addr(PyObject *op, void *closure)
{
    struct cnc_request *r = cnc__py_request(op);

    return r == NULL ? NULL : PyUnicode_FromString(cnc_addr(r));
}
