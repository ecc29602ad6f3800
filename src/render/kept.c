/* SPDX-License-Identifier: MIT */
/*
 * kept.c -- the sheets compiled last, for whoever comes with the same text.
 *
 * A page that is rendered for one answer brings its sheet and all that this
 * imports; to compile a theme takes longer than to run it.  Sheets are told
 * apart by all that came with them, byte by byte, so a sheet that changed is
 * another one; the one not used for longest goes first.  A page that is live
 * has a reference of its own.
 *
 * A run keeps the names that it makes in a dictionary of its own below the
 * sheet's: no sheet grows by being used.
 */
#include "memory.h"
#include "proto.h"
#include "sheet.h"
#include "tree.h"

#define MAX_KEPT  64
#define MAX_BYTES ((uint64_t)32 << 20) /* of all; one alone may be larger */

struct kept {
    uint64_t hash; /* of key */
    struct cnc__str key;
    struct cnc__sheet *sheet;
    uint64_t bytes;
};

static struct kept kept[MAX_KEPT]; /* used last: first */
static size_t n_kept;
static uint64_t n_bytes;

static void
drop(size_t i)
{
    struct kept k = kept[i];
    n_kept--;
    memmove(&kept[i], &kept[i + 1], (n_kept - i) * sizeof(k));
    n_bytes -= k.bytes;
    cnc__str_fini(&k.key);
    cnc__sheet_unref(&k.sheet);
}

static void
put_first(struct kept k)
{
    memmove(&kept[1], &kept[0], n_kept * sizeof(k));
    kept[0] = k;
    n_kept++;
}

static void
write_key(struct cnc__str *out, const struct cnc__engine_sheet *in)
{
    const char *name = in->name == NULL ? "" : in->name;
    cnc__render_pack(out, in->text, in->len);
    cnc__render_pack(out, name, strlen(name));
    cnc__render_pack(out, in->imports, in->imports_len);
    cnc__render_pack(out, in->texts, in->texts_len);
}

static struct cnc__sheet *
find(const struct cnc__str *key, uint64_t hash)
{
    for (size_t i = 0; i < n_kept; i++) {
        struct kept k = kept[i];
        if (k.hash != hash || k.key.len != key->len ||
            memcmp(k.key.data, key->data, key->len) != 0) {
            continue;
        }
        memmove(&kept[1], &kept[0], i * sizeof(k));
        kept[0] = k;
        return k.sheet;
    }
    return NULL;
}

int
cnc__sheet_get(struct cnc__sheet **out, const struct cnc__engine_sheet *in,
               struct cnc_error *err)
{
    struct cnc__str key = CNC__STR;
    write_key(&key, in);
    struct kept k = {.hash = cnc__rhash(key.data, key.len), .key = key};
    k.sheet = find(&key, k.hash);
    if (k.sheet != NULL) {
        *out = cnc__sheet_ref(k.sheet);
        cnc__str_fini(&key);
        return 0;
    }
    uint64_t before = cnc__memory_held();
    int rc = cnc__sheet_compile(&k.sheet, in, err);
    if (rc != 0) {
        cnc__str_fini(&key);
        return rc;
    }
    uint64_t after = cnc__memory_held();
    k.bytes = key.len + (after > before ? after - before : 0);
    n_bytes += k.bytes;
    while (n_kept > 0 && (n_kept == MAX_KEPT || n_bytes > MAX_BYTES)) {
        drop(n_kept - 1);
    }
    put_first(k);
    *out = cnc__sheet_ref(k.sheet);
    return 0;
}

size_t
cnc__sheet_n_kept(void)
{
    return n_kept;
}
