/* SPDX-License-Identifier: MIT */
/*
 * request.c -- the type Request: what a handler may ask of the service. It is
 * dead once the handler returned.
 */
#include "module.h"

struct cnc_request *
cnc__py_request(PyObject *op)
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
    struct cnc_request *r = cnc__py_request(op);

    return r == NULL ? NULL : PyUnicode_FromString(cnc_user(r));
}

static PyObject *
request_guest(PyObject *op, void *closure)
{
    struct cnc_request *r = cnc__py_request(op);

    return r == NULL ? NULL : PyBool_FromLong(cnc_is_guest(r));
}

static PyObject *
request_item_id(PyObject *op, void *closure)
{
    struct cnc_request *r = cnc__py_request(op);
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
    struct cnc_request *r = cnc__py_request(op);
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
    struct cnc_request *r = cnc__py_request(op);
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
    struct cnc_request *r = cnc__py_request(op);
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
    struct cnc_request *r = cnc__py_request(op);
    const char *node, *field, *value;
    bool found;

    if (r == NULL || !PyArg_ParseTuple(args, "sss", &node, &field, &value)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    found = cnc_find(r, node, field, value);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(found);
}

PyObject *
cnc__py_text(const struct cnc_element *e)
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
    struct cnc_request *r = cnc__py_request(op);
    struct cnc_element *e = NULL;
    const char *node, *id;
    PyObject *text;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "ss", &node, &id)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_get(r, &e, node, id);
    Py_END_ALLOW_THREADS;
    if (code == CNC_ENOENT) {
        Py_RETURN_NONE;
    }
    if (code != 0) {
        return error_from(op, &(struct cnc_error){0}, code);
    }
    text = cnc__py_text(e);
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
    PyObject *text = cnc__py_text(record);
    PyObject *pair = text == NULL ? NULL : Py_BuildValue("(sN)", id, text);
    int failed = pair == NULL || PyList_Append(c->list, pair) < 0;

    Py_XDECREF(pair);
    PyGILState_Release(gil);
    return failed ? CNC_EINVAL : 0;
}

static PyObject *
request_items(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
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
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_each(r, node, collect_one, &c);
    Py_END_ALLOW_THREADS;
    if (code != 0) {
        Py_DECREF(c.list);
        return PyErr_Occurred() != NULL
                   ? NULL
                   : error_from(op, &(struct cnc_error){0}, code);
    }
    return c.list;
}

/* Names and values of parameters, borrowed from list; NULL: a Python error. */
static const char **
params_from(PyObject *list)
{
    Py_ssize_t n = PyList_Size(list);
    const char **out =
        n < 0 ? NULL : PyMem_Calloc((size_t)n + 1, sizeof(*out));

    for (Py_ssize_t i = 0; out != NULL && i < n; i++) {
        out[i] = PyUnicode_AsUTF8AndSize(PyList_GetItem(list, i), NULL);
        if (out[i] == NULL) {
            PyMem_Free(out);
            return NULL;
        }
    }
    return out;
}

static PyObject *
request_query(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    struct cnc_query q = {NULL};
    struct cnc_error err = {0};
    struct collect c;
    const char *node, **params;
    Py_ssize_t offset, limit;
    PyObject *list;
    size_t total = 0;
    int code;

    if (r == NULL ||
        !PyArg_ParseTuple(args, "szzznnO", &node, &q.where, &q.sort, &q.search,
                          &offset, &limit, &list)) {
        return NULL;
    }
    if (offset < 0 || limit < 1) {
        PyErr_SetString(PyExc_ValueError,
                        "offset is 0 or more, limit 1 or more");
        return NULL;
    }
    params = params_from(list);
    c.list = params == NULL ? NULL : PyList_New(0);
    if (c.list == NULL) {
        PyMem_Free(params);
        return NULL;
    }
    q.offset = (size_t)offset;
    q.limit = (size_t)limit;
    q.params = params;
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_query(r, node, &q, collect_one, &c, &total, &err);
    Py_END_ALLOW_THREADS;
    PyMem_Free(params);
    if (code == 0) {
        return Py_BuildValue("(Nn)", c.list, (Py_ssize_t)total);
    }
    Py_DECREF(c.list);
    if (PyErr_Occurred() == NULL && code == CNC_EINVAL) {
        PyErr_SetString(PyExc_ValueError, err.text);
    } else if (PyErr_Occurred() == NULL) {
        error_from(op, &err, code);
    }
    return NULL;
}

static PyObject *
request_publish(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
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
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_publish(r, node, id, e, &err);
    Py_END_ALLOW_THREADS;
    cnc_element_unref(&e);
    if (code != 0) {
        return error_from(op, &err, code);
    }
    Py_RETURN_NONE;
}

static PyObject *
request_retract(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    struct cnc_error err = {0};
    const char *node, *id;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "ss", &node, &id)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_retract(r, node, id, &err);
    Py_END_ALLOW_THREADS;
    if (code != 0) {
        return error_from(op, &err, code);
    }
    Py_RETURN_NONE;
}

static PyObject *
request_super(PyObject *op, PyObject *unused)
{
    struct cnc_request *r = cnc__py_request(op);
    int code;

    if (r == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_super(r);
    Py_END_ALLOW_THREADS;
    return PyLong_FromLong(code);
}

static PyObject *
request_hook(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    struct cnc_element *e;
    const char *name, *xml;
    Py_ssize_t len;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "ss#", &name, &xml, &len)) {
        return NULL;
    }
    e = element_from(op, xml, len);
    if (e == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_hook(r, name, e);
    Py_END_ALLOW_THREADS;
    cnc_element_unref(&e);
    return PyLong_FromLong(code);
}

static PyObject *
request_setting(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *name, *value;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &name)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    value = cnc_setting(r, name);
    Py_END_ALLOW_THREADS;
    return PyUnicode_FromString(value);
}

static PyObject *
request_url(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    char url[8192];
    const char *path;
    int code;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &path)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = cnc_url(r, url, sizeof(url), path);
    Py_END_ALLOW_THREADS;
    if (code != 0) {
        PyErr_SetString(PyExc_ValueError, "the address is too long");
        return NULL;
    }
    return PyUnicode_FromString(url);
}

static PyObject *
request_fault(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *text;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &text)) {
        return NULL;
    }
    cnc_fault(r, "%s", text);
    Py_RETURN_NONE;
}

static PyObject *
request_setting_lost(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *name, *value;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &name)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    value = cnc_setting_lost(r, name);
    Py_END_ALLOW_THREADS;
    if (value == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromString(value);
}

static PyObject *
request_log(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *text;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &text)) {
        return NULL;
    }
    cnc_log(r, "%s", text);
    Py_RETURN_NONE;
}

/* -- what a command answers ------------------------------------------------
 */

static PyObject *
request_note(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *text;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &text)) {
        return NULL;
    }
    cnc_note(r, "%s", text);
    Py_RETURN_NONE;
}

static PyObject *
request_column(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *name, *label;

    if (r == NULL || !PyArg_ParseTuple(args, "sz", &name, &label)) {
        return NULL;
    }
    cnc_column(r, name, label);
    Py_RETURN_NONE;
}

static PyObject *
request_cell(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *name, *text;

    if (r == NULL || !PyArg_ParseTuple(args, "ss", &name, &text)) {
        return NULL;
    }
    cnc_cell(r, name, "%s", text);
    Py_RETURN_NONE;
}

static PyObject *
request_row(PyObject *op, PyObject *none)
{
    struct cnc_request *r = cnc__py_request(op);

    if (r == NULL) {
        return NULL;
    }
    cnc_row(r);
    Py_RETURN_NONE;
}

static PyObject *
request_value(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *name, *label, *text;

    if (r == NULL || !PyArg_ParseTuple(args, "szs", &name, &label, &text)) {
        return NULL;
    }
    cnc_value(r, name, label, "%s", text);
    Py_RETURN_NONE;
}

static PyObject *
request_see(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *path;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &path)) {
        return NULL;
    }
    cnc_see(r, path);
    Py_RETURN_NONE;
}

static PyObject *
request_has_role(PyObject *op, PyObject *args)
{
    struct cnc_request *r = cnc__py_request(op);
    const char *role;
    bool has;

    if (r == NULL || !PyArg_ParseTuple(args, "s", &role)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    has = cnc_has_role(r, role);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(has);
}

static PyObject *
request_lang(PyObject *op, void *closure)
{
    struct cnc_request *r = cnc__py_request(op);

    return r == NULL ? NULL : PyUnicode_FromString(cnc_lang(r));
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
    {"query", request_query, METH_VARARGS,
     "query(node: str, where, sort, search: str | None, offset: int, "
     "limit: int, params: list[str]) -> tuple[list, int]; ValueError"},
    {"publish", request_publish, METH_VARARGS,
     "publish(node: str, id: str | None, xml: str) -> None"},
    {"retract", request_retract, METH_VARARGS,
     "retract(node: str, id: str) -> None; KeyError"},
    {"super", request_super, METH_NOARGS,
     "super() -> int: run what this entry stands for in the app that is "
     "extended"},
    {"hook", request_hook, METH_VARARGS,
     "hook(name, xml) -> int: ask whoever has the hook"},
    {"setting", request_setting, METH_VARARGS, "setting(name: str) -> str"},
    {"setting_lost", request_setting_lost, METH_VARARGS,
     "setting_lost(name: str) -> str | None"},
    {"note", request_note, METH_VARARGS, "note(text: str) -> None"},
    {"column", request_column, METH_VARARGS,
     "column(name: str, label: str | None) -> None"},
    {"cell", request_cell, METH_VARARGS, "cell(name: str, text: str) -> None"},
    {"row", request_row, METH_NOARGS, "row() -> None"},
    {"value", request_value, METH_VARARGS,
     "value(name: str, label: str | None, text: str) -> None"},
    {"see", request_see, METH_VARARGS, "see(path: str) -> None"},
    {"has_role", request_has_role, METH_VARARGS,
     "has_role(role: str) -> bool"},
    {"log", request_log, METH_VARARGS, "log(text: str) -> None"},
    {"fault", request_fault, METH_VARARGS,
     "fault(text: str) -> None: what the app's last error is"},
    {"url", request_url, METH_VARARGS, "url(path: str) -> str; ValueError"},
    /* Behind concordance.login, which is their manual. */
    {"account_exists", cnc__py_account_exists, METH_VARARGS, NULL},
    {"account_find", cnc__py_account_find, METH_VARARGS, NULL},
    {"account", cnc__py_account, METH_VARARGS, NULL},
    {"role_set", cnc__py_role_set, METH_VARARGS, NULL},
    {"roles", cnc__py_roles, METH_NOARGS, NULL},
    {"login", cnc__py_login, METH_VARARGS, NULL},
    {"by_browser", cnc__py_by_browser, METH_NOARGS, NULL},
    {"logout", cnc__py_logout, METH_NOARGS, NULL},
    {"logins", cnc__py_logins, METH_VARARGS, NULL},
    {"logins_end", cnc__py_logins_end, METH_VARARGS, NULL},
    {"token_new", cnc__py_token_new, METH_VARARGS, NULL},
    {"token_take", cnc__py_token_take, METH_VARARGS, NULL},
    {"confirm", cnc__py_confirm, METH_VARARGS, NULL},
    {"message", cnc__py_message, METH_VARARGS, NULL},
    {"rate", cnc__py_rate, METH_VARARGS, NULL},
    {"bare_jid", cnc__py_bare_jid, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef request_getset[] = {
    {"user", request_user, NULL, "bare JID of who asks", NULL},
    {"guest", request_guest, NULL, "True when not logged in", NULL},
    {"lang", request_lang, NULL, "the language that the person reads", NULL},
    {"addr", cnc__py_addr, NULL, "the client's address", NULL},
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

PyType_Spec cnc__py_request_spec = {
    .name = "concordance._concordance.Request",
    .basicsize = sizeof(struct request_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = request_slots,
};
