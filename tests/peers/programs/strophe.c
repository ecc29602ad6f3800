/* SPDX-License-Identifier: MIT */
/*
 * strophe.c -- log in with libstrophe, as Debian has it.
 *
 *   strophe JID PASSWORD CA-FILE PEER TEXT tls|starttls [HOST PORT]
 *
 * Says, a line each: "online JID", "roster JID" for each contact, "roster
 * end", "heard BODY" for a message of PEER; sends TEXT to PEER once it has the
 * roster, and leaves when it has heard.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

static const char *peer, *text;

static int
on_roster(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *priv)
{
    xmpp_ctx_t *ctx = xmpp_conn_get_context(conn);
    xmpp_stanza_t *query = xmpp_stanza_get_child_by_name(stanza, "query");
    xmpp_stanza_t *item = query ? xmpp_stanza_get_children(query) : NULL;
    xmpp_stanza_t *message;

    for (; item != NULL; item = xmpp_stanza_get_next(item)) {
        printf("roster %s\n", xmpp_stanza_get_attribute(item, "jid"));
    }
    printf("roster end\n");
    fflush(stdout);
    message = xmpp_message_new(ctx, "chat", peer, "m1");
    xmpp_message_set_body(message, text);
    xmpp_send(conn, message);
    xmpp_stanza_release(message);
    return 0;
}

static int
on_message(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *priv)
{
    const char *from = xmpp_stanza_get_from(stanza);
    char *body = xmpp_message_get_body(stanza);

    if (body == NULL || from == NULL || strstr(from, peer) != from) {
        return 1;
    }
    printf("heard %s\n", body);
    fflush(stdout);
    xmpp_free(xmpp_conn_get_context(conn), body);
    xmpp_disconnect(conn);
    return 0;
}

static void
on_connection(xmpp_conn_t *conn, xmpp_conn_event_t event, int error,
              xmpp_stream_error_t *stream_error, void *priv)
{
    xmpp_ctx_t *ctx = priv;
    xmpp_stanza_t *iq, *query, *presence;

    if (event != XMPP_CONN_CONNECT) {
        printf("offline %d %s\n", error,
               stream_error && stream_error->text ? stream_error->text : "");
        fflush(stdout);
        xmpp_stop(ctx);
        return;
    }
    printf("online %s\n", xmpp_conn_get_bound_jid(conn));
    fflush(stdout);
    xmpp_handler_add(conn, on_message, NULL, "message", NULL, ctx);
    xmpp_id_handler_add(conn, on_roster, "roster1", ctx);
    iq = xmpp_iq_new(ctx, "get", "roster1");
    query = xmpp_stanza_new(ctx);
    xmpp_stanza_set_name(query, "query");
    xmpp_stanza_set_ns(query, XMPP_NS_ROSTER);
    xmpp_stanza_add_child(iq, query);
    xmpp_stanza_release(query);
    xmpp_send(conn, iq);
    xmpp_stanza_release(iq);
    presence = xmpp_presence_new(ctx);
    xmpp_send(conn, presence);
    xmpp_stanza_release(presence);
}

int
main(int argc, char **argv)
{
    xmpp_ctx_t *ctx;
    xmpp_conn_t *conn;
    long flags;

    if (argc != 7 && argc != 9) {
        fprintf(stderr, "usage: strophe JID PASSWORD CA PEER TEXT "
                        "tls|starttls [HOST PORT]\n");
        return 2;
    }
    xmpp_initialize();
    ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_DEBUG));
    conn = xmpp_conn_new(ctx);
    flags = strcmp(argv[6], "tls") == 0 ? XMPP_CONN_FLAG_LEGACY_SSL
                                        : XMPP_CONN_FLAG_MANDATORY_TLS;
    xmpp_conn_set_flags(conn, flags);
    xmpp_conn_set_cafile(conn, argv[3]);
    xmpp_conn_set_jid(conn, argv[1]);
    xmpp_conn_set_pass(conn, argv[2]);
    peer = argv[4];
    text = argv[5];
    if (xmpp_connect_client(
            conn, argc == 9 ? argv[7] : NULL,
            argc == 9 ? (unsigned short)strtoul(argv[8], NULL, 10) : 0,
            on_connection, ctx) != XMPP_EOK) {
        fprintf(stderr, "strophe: no connection\n");
        return 1;
    }
    xmpp_run(ctx);
    xmpp_conn_release(conn);
    xmpp_ctx_free(ctx);
    xmpp_shutdown();
    return 0;
}
