/* SPDX-License-Identifier: MIT */
/*
 * admin.c -- the admin panel: pages over the service's own commands and nodes.
 * docs/admin.md is for who uses it.
 *
 * It has no power of its own.  Each page shows what commands answer to whoever
 * looks, and its forms run commands; who may run them is judged there.  Pages
 * of nodes (figures, log) are live for whoever may see those nodes.
 */
#include <concordance/app.h>

#define XEP_ADMIN "http://jabber.org/protocol/admin#"
#define READERS   .readers = "admin"

CNC_APP(
    admin, .title = "Administration",
    .xmlns = "http://concordance-xmpp.org/apps/admin", .version = "0.1",
    .needs = CNC_NAMES("auth"),
    .pages = CNC_PAGES(
        {"/admin", .node = "service/metrics service/log",
         .template_ = "admin-home.xsl", .title = "Overview", .window = 60,
         READERS},
        {"/admin/apps", .command = "apps apps/set apps/add",
         .template_ = "admin-apps.xsl", .title = "Apps", READERS},
        {"/admin/app", .template_ = "admin-app.xsl", .title = "App",
         .command = "apps apps/start apps/stop apps/set apps/reload "
                    "apps/remove",
         READERS},
        /* "of": an app's settings may well have a field "name". */
        {"/admin/settings", .template_ = "admin-settings.xsl",
         .title = "Settings",
         .command = "apps settings/{of} settings/{of}/history "
                    "settings/{of}/revert",
         READERS},
        {"/admin/nodes", .command = "nodes", .template_ = "admin-nodes.xsl",
         .title = "Nodes", READERS},
        {"/admin/node", .template_ = "admin-node.xsl", .title = "Node",
         .command = "nodes/items nodes/subscribers nodes/affiliations "
                    "nodes/affiliate nodes/publish nodes/purge",
         READERS},
        {"/admin/item", .template_ = "admin-item.xsl", .title = "Item",
         .command = "nodes/item nodes/history nodes/publish", READERS},
        {"/admin/records", .command = "records",
         .template_ = "admin-records.xsl", .title = "Records", READERS},
        {"/admin/record", .command = "records/{node}/edit",
         .template_ = "admin-record.xsl", .title = "Edit a record", READERS},
        {"/admin/record/add", .command = "records/{node}/add",
         .template_ = "admin-record.xsl", .title = "Add a record", READERS},
        {"/admin/templates", .command = "templates/list",
         .template_ = "admin-templates.xsl", .title = "Templates", READERS},
        {"/admin/template", .template_ = "admin-template.xsl",
         .title = "Template",
         .command = "templates/show templates/history templates/put", READERS},
        {"/admin/template/diff", .template_ = "admin-template.xsl",
         .title = "What changed in a template", .command = "templates/diff",
         READERS},
        {"/admin/users", .template_ = "admin-users.xsl", .title = "Users",
         .command = XEP_ADMIN
         "get-registered-users-list roles roles/set " XEP_ADMIN "add-user",
         READERS},
        {"/admin/user", .template_ = "admin-user.xsl", .title = "User",
         .command = XEP_ADMIN
         "get-user-statistics logins logins/end roles roles/set " XEP_ADMIN
         "change-user-password " XEP_ADMIN "delete-user",
         READERS},
        {"/admin/sessions", .template_ = "admin-sessions.xsl",
         .title = "Sessions",
         .command = "sessions logins logins/end " XEP_ADMIN "end-user-session",
         READERS},
        {"/admin/s2s", .command = "s2s", .template_ = "admin-list.xsl",
         .title = "Other servers", READERS},
        {"/admin/queues", .command = "status",
         .template_ = "admin-figures.xsl", .title = "Queues and figures",
         READERS},
        {"/admin/audit", .node = "service/audit",
         .template_ = "admin-audit.xsl", .title = "Who changed what",
         .window = 100, READERS},
        {"/admin/backup",
         .command = "backups backup backups/check "
                    "backups/delete",
         .template_ = "admin-backup.xsl", .title = "Back-up", READERS},
        {"/admin/log", .node = "service/log", .template_ = "admin-log.xsl",
         .title = "Log", .window = 200, READERS}));
