/* SPDX-License-Identifier: MIT */
/*
 * auth-sql.c -- the people of another program's database log in here too.
 *
 * The app "auth" with two questions answered: is this the password, and is
 * there such an account?  The answers come from a table of names and passwords
 * as Django keeps them, "pbkdf2_sha256$ITERATIONS$SALT$HASH", in an SQLite
 * file.  For another database or another way to keep passwords, write another
 * find() or matches().  Whom the table does not know is looked for among the
 * accounts of the service.
 *
 * SCRAM proves a password to a key that is made of it, and never sends it: for
 * people of this table clients have to use PLAIN (in TLS).
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <concordance.h>

#define SCHEME         "pbkdf2_sha256$"
#define KEPT_SIZE      512
#define KEY_SIZE       32
#define ITERATIONS_MAX 10000000

static const struct cnc_record settings = {
    "settings",
    CNC_FIELDS({"sql-file", "The database's file", .max_len = 1000},
               {"sql-query", "What finds the password of ?1",
                .value = "SELECT password FROM auth_user "
                         "WHERE username = ?1 AND is_active",
                .max_len = 1000})};

/* 0, CNC_ENOENT: no such name, CNC_ESYS: the database cannot be read. */
static int
find(struct cnc_request *r, char kept[KEPT_SIZE], const char *user)
{
    const char *file = cnc_setting(r, "sql-file");
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    int code = CNC_ESYS, rc;

    if (file[0] == '\0') {
        return CNC_ENOENT;
    }
    rc = sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(db, 2000);
        rc = sqlite3_prepare_v2(db, cnc_setting(r, "sql-query"), -1, &query,
                                NULL);
    }
    if (rc == SQLITE_OK) {
        sqlite3_bind_text(query, 1, user, -1, SQLITE_STATIC);
        rc = sqlite3_step(query);
    }
    if (rc == SQLITE_ROW && sqlite3_column_text(query, 0) != NULL) {
        snprintf(kept, KEPT_SIZE, "%s",
                 (const char *)sqlite3_column_text(query, 0));
        code = 0;
    } else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        code = CNC_ENOENT;
    } else {
        cnc_log(r, "sql-file %s: %s", file, sqlite3_errmsg(db));
    }
    sqlite3_finalize(query);
    sqlite3_close(db);
    return code;
}

/* find() told the log.  Nobody guessed: it is not counted as a failure. */
static int
not_now(struct cnc_request *r)
{
    return cnc_refuse(r, NULL, "The database cannot be read.");
}

static bool
matches(const char *kept, const char *password)
{
    unsigned char key[KEY_SIZE], want[KEY_SIZE + 3];
    const char *salt, *hash;
    char *end;
    long iterations;
    bool same;

    if (strncmp(kept, SCHEME, strlen(SCHEME)) != 0) {
        return false; /* "!": nobody gets in */
    }
    iterations = strtol(kept + strlen(SCHEME), &end, 10);
    salt = end + 1;
    hash = *end == '$' ? strchr(salt, '$') : NULL;
    if (hash == NULL || iterations < 1 || iterations > ITERATIONS_MAX ||
        strlen(hash + 1) != 44 ||
        EVP_DecodeBlock(want, (const unsigned char *)hash + 1, 44) !=
            KEY_SIZE + 1 ||
        PKCS5_PBKDF2_HMAC(password, -1, (const unsigned char *)salt,
                          (int)(hash - salt), (int)iterations, EVP_sha256(),
                          KEY_SIZE, key) != 1) {
        return false;
    }
    same = CRYPTO_memcmp(key, want, KEY_SIZE) == 0;
    OPENSSL_cleanse(key, sizeof(key));
    return same;
}

/* What a name that the table has takes; one that it has not takes as long, or
 * the time would tell which are there. */
static long usual = 600000; /* of the app's thread alone */

static int
check_password(struct cnc_request *r, struct cnc_element *in)
{
    char kept[KEPT_SIZE] = "";
    int code = find(r, kept, cnc_text(in, "user"));

    if (code == 0) {
        usual = strncmp(kept, SCHEME, strlen(SCHEME)) == 0
                    ? strtol(kept + strlen(SCHEME), NULL, 10)
                    : usual;
    } else {
        snprintf(kept, sizeof(kept), SCHEME "%ld$none$%044d", usual, 0);
    }
    if (!matches(kept, cnc_text(in, "password")) && code == 0) {
        code = CNC_EAUTH;
    }
    OPENSSL_cleanse(kept, sizeof(kept));
    return code == CNC_ESYS ? not_now(r) : code;
}

static int
account_exists(struct cnc_request *r, struct cnc_element *in)
{
    char kept[KEPT_SIZE] = "";
    int code = find(r, kept, cnc_text(in, "user"));

    OPENSSL_cleanse(kept, sizeof(kept));
    return code == CNC_ESYS ? not_now(r) : code;
}

/* PBKDF2 takes its time: on a thread of the app. */
CNC_APP(auth_sql, .title = "Accounts of another program", .version = "1.0",
        .xmlns = "http://concordance-xmpp.org/apps/auth", .extends = "auth",
        .flags = CNC_APP_THREADED, .settings = &settings,
        .hooks = CNC_HOOKS({"check-password", check_password},
                           {"account-exists", account_exists}));
