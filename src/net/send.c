/* SPDX-License-Identifier: MIT */
/*
 * The send path.  Measured: one contiguous send() a connection and turn is
 * the cheapest there is; writev() of a small head and a shared tail costs
 * 1.1-1.3 times that, and libuv's own writes never join what waits.  So small
 * things are copied together, and only a large HTTP body goes by reference,
 * joined with the head before it.  Writability is asked for after a short
 * write only; large empty buffers give their room back.
 *
 * Sending early, while a long fan-out still fills the other buffers, was
 * tried: it gains the first subscriber the time of copying to the others
 * (0.2 us each), and costs a burst all its joining (9 us a delivery, not 2).
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "conn.h"

#define TLS_AHEAD  65536 /* encrypted bytes that wait, at most */
#define FILE_PIECE 32768 /* bytes of a file that are read at once */
#define FILE_TURN  524288

static struct cnc__str *
stream_out(struct cnc__conn *c)
{
    return c->stream == NULL ? NULL : cnc__stream_out(c->stream);
}

bool
cnc__conn_drained(struct cnc__conn *c)
{
    return c->out.len == 0 && c->ref == NULL && c->file_left == 0 &&
           (c->stream == NULL || !cnc__stream_waits(c->stream)) &&
           (c->tls == NULL || cnc__tls_out(c->tls)->len == 0);
}

static void
drop(struct cnc__str *s, size_t n)
{
    if (n == s->len) {
        cnc__str_fini(s);
    } else {
        cnc__str_drop(s, n);
    }
}

/* n bytes of out, then ref, have left. */
static void
drop_http(struct cnc__conn *c, size_t n)
{
    size_t of_out = n < c->out.len ? n : c->out.len;

    if (of_out > 0) {
        drop(&c->out, of_out);
    }
    if (c->ref != NULL) {
        c->ref_off += n - of_out;
        if (c->ref_off == cnc_buf_len(c->ref)) {
            cnc_buf_unref(&c->ref);
            c->ref_off = 0;
        }
    }
}

/* -- files ---------------------------------------------------------------- */

void
cnc__conn_drop_file(struct cnc__conn *c)
{
    if (c->file_left > 0) {
        close(c->file);
        c->file_left = 0;
    }
}

/* The next piece of the file, when all before it has left.  What the page
 * cache has costs no more than a copy; *budget bytes a turn, so that one quick
 * reader is not alone. */
static void
fill_file(struct cnc__conn *c, size_t *budget)
{
    size_t want = c->file_left < FILE_PIECE ? c->file_left : FILE_PIECE;
    ssize_t n;

    if (c->file_left == 0 || c->out.len > 0 || c->ref != NULL ||
        *budget < want) {
        return;
    }
    cnc__str_reserve(&c->out, want + 1);
    do {
        n = pread(c->file, c->out.data, want, (off_t)c->file_off);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        c->broken = true; /* it is shorter than we said */
        return;
    }
    c->out.len = (size_t)n;
    c->file_off += (size_t)n;
    *budget -= (size_t)n;
    if (c->file_left == (uint64_t)n) {
        cnc__conn_drop_file(c);
    } else {
        c->file_left -= (uint64_t)n;
    }
}

/* One send(); true when all of it went. */
static bool
send_iov(struct cnc__conn *c, struct iovec *iov, int n_iov, size_t *sent)
{
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n_iov};
    size_t len = iov[0].iov_len + (n_iov == 2 ? iov[1].iov_len : 0);
    ssize_t n;

    do {
        n = n_iov == 1
                ? send(c->fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL)
                : sendmsg(c->fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    *sent = n > 0 ? (size_t)n : 0;
    c->net->stats.bytes_out += *sent;
    c->want_write = *sent < len;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        c->broken = true;
        c->want_write = false;
    }
    return *sent == len;
}

static bool
send_str(struct cnc__conn *c, struct cnc__str *s)
{
    struct iovec iov = {s->data, s->len};
    size_t sent;
    bool all = send_iov(c, &iov, 1, &sent);

    if (sent > 0) {
        drop(s, sent);
    }
    return all;
}

static void
send_stream(struct cnc__conn *c)
{
    struct cnc__str *out = cnc__stream_gather(c->stream, &c->net->warm);
    struct iovec iov = {out->data, out->len};
    size_t sent;

    if (out != &c->net->warm) {
        send_str(c, out);
    } else if (!send_iov(c, &iov, 1, &sent)) {
        cnc__stream_put_back(c->stream, out->data + sent, out->len - sent);
    }
}

static bool
send_http(struct cnc__conn *c)
{
    struct iovec iov[2];
    size_t sent;
    int n = 0;
    bool all;

    if (c->out.len > 0) {
        iov[n++] = (struct iovec){c->out.data, c->out.len};
    }
    if (c->ref != NULL) {
        iov[n++] = (struct iovec){(char *)cnc_buf_data(c->ref) + c->ref_off,
                                  cnc_buf_len(c->ref) - c->ref_off};
    }
    all = send_iov(c, iov, n, &sent);
    if (sent > 0) {
        drop_http(c, sent);
    }
    return all;
}

/* Encrypt what waits, as far as the socket will soon want it. */
static void
fill_tls(struct cnc__conn *c, size_t *budget)
{
    struct cnc__str *tx = cnc__tls_out(c->tls), *out;

    if (cnc__tls_is_shaking(c->tls)) {
        return;
    }
    while (tx->len < TLS_AHEAD && !c->broken) {
        const char *data;
        size_t len, room = TLS_AHEAD - tx->len;

        fill_file(c, budget);
        out = stream_out(c);
        if (c->out.len > 0) {
            data = c->out.data;
            len = c->out.len;
        } else if (c->ref != NULL) {
            data = cnc_buf_data(c->ref) + c->ref_off;
            len = cnc_buf_len(c->ref) - c->ref_off;
        } else if (out != NULL && out->len > 0) {
            data = out->data;
            len = out->len;
        } else {
            return;
        }
        len = len < room ? len : room;
        if (!cnc__tls_write(c->tls, data, len)) {
            c->broken = true;
        } else if (c->out.len > 0 || c->ref != NULL) {
            drop_http(c, len);
        } else {
            drop(out, len);
        }
    }
}

void
cnc__conn_flush(struct cnc__conn *c)
{
    size_t budget = FILE_TURN;

    if (c->broken || c->closed) {
        return;
    }
    c->want_write = false;
    if (c->tls != NULL) {
        do {
            fill_tls(c, &budget);
        } while (!c->broken && cnc__tls_out(c->tls)->len > 0 &&
                 send_str(c, cnc__tls_out(c->tls)));
        c->want_write = c->want_write || c->file_left > 0;
        return;
    }
    do {
        fill_file(c, &budget);
        if (c->broken ||
            ((c->out.len > 0 || c->ref != NULL) && !send_http(c))) {
            return;
        }
    } while (c->file_left > 0 && budget >= FILE_PIECE);
    if (c->file_left > 0) {
        c->want_write = true; /* the others' turn */
        return;
    }
    if (c->stream != NULL && cnc__stream_waits(c->stream)) {
        send_stream(c);
    }
}
