/* SPDX-License-Identifier: MIT */
/*
 * publish.c -- acknowledged publishes a second through the whole service:
 * N publishers over the link, each with one publish under way.
 *
 *   bench-publish PID LINK NODE N SIZE SECONDS [TAG]
 *
 * prints one line of JSON.  Each publish makes a new item (its id begins with
 * TAG) with a record of SIZE bytes of text.  An answer that is no result ends
 * the bench.  CPU is the service's, all threads.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../../src/base/check.h"
#include "../../src/base/str.h"

#define WARM_S   0.5
#define MAX_ACKS 4000000

struct publisher {
    int fd;
    unsigned number, serial;
    double sent_at;
    struct cnc__str in;
};

static const char *node, *tag = "i";
static struct cnc__str text; /* the payload's text */
static double *took;         /* of each ack, in seconds */
static size_t n_took;
static bool counting;

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
server_cpu(const char *pid)
{
    char path[512];
    double total = 0;
    struct dirent *e;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%s/task", pid);
    d = opendir(path);
    CNC_CHECK(d != NULL);
    while ((e = readdir(d)) != NULL) {
        unsigned long long ns = 0;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid,
                 e->d_name);
        f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (f != NULL) {
            if (fscanf(f, "%llu", &ns) == 1) {
                total += (double)ns / 1e9;
            }
            fclose(f);
        }
    }
    closedir(d);
    return total;
}

static bool
has(const struct cnc__str *s, const char *word)
{
    return s->len > 0 && memmem(s->data, s->len, word, strlen(word)) != NULL;
}

static void
tell(int fd, const char *data, size_t len)
{
    CNC_CHECK(send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void
receive(struct publisher *p)
{
    char buf[16384];
    ssize_t n = recv(p->fd, buf, sizeof(buf), 0);

    if (n <= 0) {
        fprintf(stderr, "bench-publish: the link ended: %s\n",
                cnc__str_c(&p->in));
        exit(1);
    }
    cnc__str_add(&p->in, buf, (size_t)n);
}

static void
await(struct publisher *p, const char *word)
{
    while (!has(&p->in, word)) {
        receive(p);
    }
    cnc__str_clear(&p->in);
}

static void
log_in(struct publisher *p, const char *link)
{
    static const char stream[] =
        "<stream:stream xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams' to='localhost' "
        "version='1.0'>";
    static const char auth[] =
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
        "mechanism='EXTERNAL'>=</auth>";
    static const char bind_[] =
        "<iq type='set' id='b'><bind "
        "xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    p->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", link);
    if (connect(p->fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        perror("bench-publish: link");
        exit(1);
    }
    tell(p->fd, stream, sizeof(stream) - 1);
    await(p, "</stream:features>");
    tell(p->fd, auth, sizeof(auth) - 1);
    await(p, "<success");
    tell(p->fd, stream, sizeof(stream) - 1);
    await(p, "</stream:features>");
    tell(p->fd, bind_, sizeof(bind_) - 1);
    await(p, "</iq>");
}

static void
publish(struct publisher *p)
{
    static struct cnc__str out;

    cnc__str_clear(&out);
    cnc__str_printf(&out,
                    "<iq type='set' id='p' to='localhost'>"
                    "<pubsub xmlns='http://jabber.org/protocol/pubsub'>"
                    "<publish node='%s'><item id='%s%u-%u'>"
                    "<note xmlns='urn:x-bench'><title>Bench</title><text>",
                    node, tag, p->number, p->serial++);
    cnc__str_add(&out, text.data, text.len);
    cnc__str_puts(&out, "</text></note></item></publish></pubsub></iq>");
    p->sent_at = now();
    tell(p->fd, out.data, out.len);
}

/* Is the answer whole?  Anything but a result ends the bench. */
static bool
acknowledged(const struct publisher *p)
{
    const struct cnc__str *in = &p->in;

    if (has(in, "type='error'") || has(in, "type=\"error\"") ||
        has(in, "</stream:stream>")) {
        fprintf(stderr, "bench-publish: %.*s\n", (int)in->len, in->data);
        exit(1);
    }
    return has(in, "</iq>") ||
           (in->len > 2 && memcmp(in->data + in->len - 2, "/>", 2) == 0 &&
            memrchr(in->data, '<', in->len) == in->data);
}

static void
on_readable(struct publisher *p)
{
    receive(p);
    if (!acknowledged(p)) {
        return;
    }
    cnc__str_clear(&p->in);
    if (counting && n_took < MAX_ACKS) {
        took[n_took++] = now() - p->sent_at;
    }
    publish(p);
}

static void
run(int loop, double seconds)
{
    struct epoll_event e[256];
    double end = now() + seconds;

    while (now() < end) {
        int n = epoll_wait(loop, e, 256, 10000);

        if (n == 0) {
            fprintf(stderr, "bench-publish: no answer for 10 s\n");
            exit(1);
        }
        for (int i = 0; i < n; i++) {
            on_readable(e[i].data.ptr);
        }
    }
}

static int
by_value(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;

    return d < 0 ? -1 : d > 0;
}

int
main(int argc, char **argv)
{
    struct publisher *all;
    double start, wall, cpu;
    size_t n, size;
    int loop = epoll_create1(0);

    if (argc < 7) {
        fprintf(stderr, "usage: bench-publish PID LINK NODE N SIZE SECONDS "
                        "[TAG]\n");
        return 2;
    }
    node = argv[3];
    n = strtoul(argv[4], NULL, 10);
    size = strtoul(argv[5], NULL, 10);
    tag = argc > 7 ? argv[7] : tag;
    CNC_CHECK(n > 0 && n <= 4096 && size > 0 && size <= 65536);
    cnc__str_reserve(&text, size);
    memset(text.data, 'x', size);
    text.len = size;
    took = cnc__zalloc(MAX_ACKS * sizeof(*took));
    all = cnc__zalloc(n * sizeof(*all));
    for (size_t i = 0; i < n; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &all[i]};

        all[i].number = (unsigned)i;
        log_in(&all[i], argv[2]);
        CNC_CHECK(epoll_ctl(loop, EPOLL_CTL_ADD, all[i].fd, &e) == 0);
    }
    for (size_t i = 0; i < n; i++) {
        publish(&all[i]);
    }
    run(loop, WARM_S);
    counting = true;
    cpu = server_cpu(argv[1]);
    start = now();
    run(loop, strtod(argv[6], NULL));
    wall = now() - start;
    cpu = server_cpu(argv[1]) - cpu;
    CNC_CHECK(n_took > 0);
    qsort(took, n_took, sizeof(*took), by_value);
    printf("{\"bench\":\"publish\",\"publishers\":%zu,\"size\":%zu,"
           "\"acks\":%zu,\"acks_s\":%.0f,\"cpu_us\":%.2f,\"p50_ms\":%.3f,"
           "\"p99_ms\":%.3f}\n",
           n, size, n_took, (double)n_took / wall, cpu * 1e6 / (double)n_took,
           took[n_took / 2] * 1e3, took[n_took - 1 - n_took / 100] * 1e3);
    return 0;
}
