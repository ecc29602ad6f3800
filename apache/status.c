/* SPDX-License-Identifier: MIT */
/*
 * status.c -- counters of all children, in memory that they share, and the
 * lines of mod_status.  Each child writes its own slot alone.
 */
#include "mod_xmpp.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <errno.h>
#include <mod_status.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define N_SLOTS 1024u
#define KEY     "concordance mod_xmpp status"

static struct status nowhere; /* until there is a slot, and without any */
struct status *status_own = &nowhere;
static struct status *slots;
/* Of the lines about the server: workers and the pump write them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Once for the life of the parent: what children of before a restart have
 * counted stays, in slots that others take over; their open ones count as long
 * as they are there. */
int
status_open(apr_pool_t *process_pool, server_rec *s)
{
    void *kept = NULL;

    apr_pool_userdata_get(&kept, KEY, process_pool);
    if (kept == NULL) {
        kept = mmap(NULL, N_SLOTS * sizeof(struct status),
                    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (kept == MAP_FAILED) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, errno, s,
                         "xmpp: no memory for the counters");
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        apr_pool_userdata_setn(kept, KEY, apr_pool_cleanup_null, process_pool);
    }
    slots = kept;
    return OK;
}

static bool
is_free(pid_t pid)
{
    return pid == 0 || (kill(pid, 0) != 0 && errno == ESRCH);
}

void
status_child(void)
{
    pid_t me = getpid();

    for (unsigned i = 0; i < N_SLOTS; i++) {
        pid_t was = __atomic_load_n(&slots[i].pid, __ATOMIC_ACQUIRE);

        if (is_free(was) &&
            __atomic_compare_exchange_n(&slots[i].pid, &was, me, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            status_own = &slots[i];
            status_own->open = 0;
            status_own->back_up_s = status_own->back_down_s = 0;
            status_own->back_down[0] = '\0';
            return;
        }
    }
}

/* Was it down? */
static bool
note_back(struct status *own, const char *why)
{
    uint64_t now = (uint64_t)time(NULL);
    bool was_down;

    pthread_mutex_lock(&lock);
    was_down = own->back_down_s > own->back_up_s;
    if (why == NULL) {
        own->back_up_s = now;
        own->back_down_s = was_down ? 0 : own->back_down_s;
    } else {
        own->failed++;
        own->back_down_s = now;
        own->back_up_s = own->back_up_s == now ? now - 1 : own->back_up_s;
        apr_cpystrn(own->back_down, why, sizeof(own->back_down));
    }
    pthread_mutex_unlock(&lock);
    return was_down;
}

/* Logged when it changes, so that a server that is down is not told of for
 * each client. */
void
status_back(struct sock *s, const char *why)
{
    bool was_down = note_back(status_own, why);

    if (why == NULL) {
        if (was_down) {
            ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, s->r,
                          "xmpp: the XMPP server at %s is up again",
                          s->conf->backend->name);
        }
        return;
    }
    ap_log_rerror(APLOG_MARK, was_down ? APLOG_INFO : APLOG_ERR, 0, s->r,
                  "xmpp: the XMPP server at %s: %s", s->conf->backend->name,
                  why);
}

static void
sum_up(struct status *sum)
{
    *sum = (struct status){0};
    for (unsigned i = 0; slots != NULL && i < N_SLOTS; i++) {
        const struct status *one = &slots[i];

        sum->total += one->total;
        sum->given += one->given;
        sum->refused += one->refused;
        sum->failed += one->failed;
        sum->bytes_in += one->bytes_in;
        sum->bytes_out += one->bytes_out;
        if (is_free(one->pid)) {
            continue;
        }
        sum->pid++; /* how many */
        sum->open += one->open;
        if (one->back_up_s > sum->back_up_s) {
            sum->back_up_s = one->back_up_s;
        }
        if (one->back_down_s > sum->back_down_s) {
            sum->back_down_s = one->back_down_s;
            apr_cpystrn(sum->back_down, one->back_down,
                        sizeof(sum->back_down));
        }
    }
}

static const char *
server_state(const struct status *sum)
{
    return sum->back_down_s > sum->back_up_s ? "down"
           : sum->back_up_s > 0              ? "up"
                                             : "not asked yet";
}

#define N(field) (apr_uint64_t) sum.field

int
status_hook(request_rec *r, int flags)
{
    struct status sum;
    const char *state;

    sum_up(&sum);
    state = server_state(&sum);
    if ((flags & AP_STATUS_SHORT) != 0) {
        ap_rprintf(r,
                   "XMPPSockets: %" APR_UINT64_T_FMT
                   "\nXMPPSocketsTotal: %" APR_UINT64_T_FMT
                   "\nXMPPHandedOver: %" APR_UINT64_T_FMT
                   "\nXMPPRefused: %" APR_UINT64_T_FMT
                   "\nXMPPServerFailures: %" APR_UINT64_T_FMT
                   "\nXMPPBytesIn: %" APR_UINT64_T_FMT
                   "\nXMPPBytesOut: %" APR_UINT64_T_FMT "\nXMPPServer: %s\n",
                   N(open), N(total), N(given), N(refused), N(failed),
                   N(bytes_in), N(bytes_out), state);
        return OK;
    }
    ap_rprintf(r,
               "<hr />\n<h2>XMPP over WebSocket</h2>\n<dl>"
               "<dt>%" APR_UINT64_T_FMT
               " WebSockets are open, %" APR_UINT64_T_FMT
               " were opened, %" APR_UINT64_T_FMT
               " were given to the service, %" APR_UINT64_T_FMT
               " were refused</dt>\n<dt>%" APR_UINT64_T_FMT
               " bytes from clients, %" APR_UINT64_T_FMT
               " to them</dt>\n<dt>The XMPP server is %s",
               N(open), N(total), N(given), N(refused), N(bytes_in),
               N(bytes_out), state);
    if (sum.back_down_s > 0) {
        ap_rprintf(r, "; it failed %" APR_UINT64_T_FMT " times, at last: %s",
                   N(failed), ap_escape_html(r->pool, sum.back_down));
    }
    ap_rputs("</dt></dl>\n", r);
    return OK;
}
