/* SPDX-License-Identifier: MIT */
/*
 * plugins.c -- modules loaded at start: stores and C apps.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

int
cnc__store_find(const struct cnc_store_driver **out, const char *name,
                struct cnc_error *err)
{
    const struct cnc_store_driver *driver;
    struct cnc__str path = CNC__STR;
    char *dir;
    void *module;

    if (strcmp(name, "memory") == 0) {
        *out = &cnc__store_memory;
        return 0;
    }
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") !=
        strlen(name)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "\"%s\" is not a store's name; try memory or "
                             "sqlite",
                             name);
    }
    dir = cnc__path_plugins();
    cnc__str_printf(&path, "%s/store-%s.so", dir, name);
    cnc__free(dir);
    module = dlopen(path.data, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        cnc_error_set(err, CNC_EINVAL, NULL,
                      "there is no store \"%s\" (%s); try memory or sqlite",
                      name, dlerror());
        cnc__str_fini(&path);
        return CNC_EINVAL;
    }
    driver = dlsym(module, CNC_STORE_SYMBOL);
    if (driver == NULL || driver->abi != CNC_STORE_ABI ||
        driver->size < offsetof(struct cnc_store_driver, each_beside)) {
        cnc_error_set(err, CNC_EINVAL, NULL,
                      "%s is no store plug-in for this version of "
                      "Concordance; build it again",
                      path.data);
        cnc__str_fini(&path);
        dlclose(module);
        return CNC_EINVAL;
    }
    cnc__str_fini(&path);
    *out = driver;
    return 0;
}

/* -- apps -------------------------------------------------------------------
 */

static bool
is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* NAME/ beside NAME.so; else, of a module that was named by its path, the
 * folder that it is in. */
static char *
files_of(const char *file, bool by_path)
{
    const char *slash = strrchr(file, '/');
    size_t len = strlen(file);
    struct cnc__str s = CNC__STR;

    if (len > 3 && strcmp(file + len - 3, ".so") == 0) {
        cnc__str_add(&s, file, len - 3);
        if (is_folder(s.data)) {
            return cnc__str_steal(&s);
        }
    }
    cnc__str_clear(&s);
    if (by_path) {
        cnc__str_add(&s, slash == NULL ? "." : file,
                     slash == NULL ? 1 : (size_t)(slash - file) + 1);
        return cnc__str_steal(&s);
    }
    cnc__str_fini(&s);
    return NULL;
}

/* The first of dirs that has NAME.so: its path, *new*, or NULL. */
static char *
find_in(const char *dirs, const char *name)
{
    struct cnc__str path = CNC__STR;
    struct stat st;

    while (*dirs != '\0') {
        size_t len = strcspn(dirs, ":");

        cnc__str_clear(&path);
        cnc__str_printf(&path, "%.*s/%s.so", (int)len, dirs, name);
        if (len > 0 && stat(path.data, &st) == 0 && S_ISREG(st.st_mode)) {
            return cnc__str_steal(&path);
        }
        dirs += len + (dirs[len] == ':');
    }
    cnc__str_fini(&path);
    return NULL;
}

int
cnc__app_locate(char **file, char **files, const char *word,
                struct cnc_error *err)
{
    size_t len = strlen(word);
    bool by_path = strchr(word, '/') != NULL ||
                   (len > 3 && strcmp(word + len - 3, ".so") == 0);
    char *dirs = by_path ? NULL : cnc__path_apps();
    char *found = by_path ? cnc__strdup(word) : find_in(dirs, word);

    if (found == NULL) {
        if (strchr(word, ':') != NULL) {
            cnc_error_set(err, CNC_ENOENT, NULL,
                          "\"%s\" is an app in Python; serve it by `python3 "
                          "-m concordance run` with the same words",
                          word);
        } else if (len > 3 && strcmp(word + len - 3, ".py") == 0) {
            cnc_error_set(err, CNC_ENOENT, NULL,
                          "an app in Python is named by its module and its "
                          "class: `python3 -m concordance run %.*s:CLASS`",
                          (int)len - 3, word);
        } else {
            cnc_error_set(err, CNC_ENOENT, NULL,
                          "there is no app \"%s\" in %s; a module is named "
                          "by its path, ./%s.so",
                          word, dirs, word);
        }
        cnc__free(dirs);
        return CNC_ENOENT;
    }
    cnc__free(dirs);
    *file = found;
    *files = files_of(found, by_path);
    return 0;
}

/* "wiki" of "wiki.so", or NULL. */
static char *
installed_name(const char *file)
{
    size_t len = strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return len > 0 && strcmp(file + len, ".so") == 0 ? cnc__strndup(file, len)
                                                     : NULL;
}

static void
each_in(const char *folder, void (*f)(const char *name, void *priv),
        void *priv)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        char *name = installed_name(e->d_name);

        if (name != NULL) {
            f(name, priv);
        }
        cnc__free(name);
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

void
cnc__apps_installed(void (*f)(const char *name, void *priv), void *priv)
{
    char *dirs = cnc__path_apps();

    for (const char *s = dirs; *s != '\0';) {
        size_t len = strcspn(s, ":");
        char *folder = cnc__strndup(s, len);

        each_in(folder, f, priv);
        cnc__free(folder);
        s += len + (s[len] == ':');
    }
    cnc__free(dirs);
}

/* place: what dlopen() opens; path: what people call it. */
static int
load_from(const struct cnc_app **out, const char *place, const char *path,
          struct cnc_error *err)
{
    const struct cnc_app *app;
    void *module = dlopen(place, RTLD_NOW | RTLD_LOCAL);

    if (module == NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL, "cannot load the app: %s",
                             dlerror());
    }
    app = dlsym(module, CNC_APP_SYMBOL);
    if (app == NULL) {
        dlclose(module);
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "%s is no Concordance app: it does not say "
                             "CNC_APP(name, ...)",
                             path);
    }
    if (cnc__app_abi_check(app, path, err) != 0) {
        dlclose(module);
        return CNC_EINVAL;
    }
    *out = app;
    return 0;
}

int
cnc_app_load(const struct cnc_app **out, const char *path,
             struct cnc_error *err)
{
    struct cnc__str place = CNC__STR;
    int code;

    /* dlopen() searches the system's folders for a name without a slash. */
    cnc__str_printf(&place, "%s%s", strchr(path, '/') == NULL ? "./" : "",
                    path);
    code = load_from(out, place.data, path, err);
    cnc__str_fini(&place);
    return code;
}

static int
copy_file(int to, const char *path)
{
    int from = open(path, O_RDONLY | O_CLOEXEC);
    char buf[65536];
    ssize_t n = from < 0 ? -1 : 1;

    while (n > 0) {
        n = read(from, buf, sizeof(buf));
        for (ssize_t at = 0, k; n > 0 && at < n; at += k) {
            k = write(to, buf + at, (size_t)(n - at));
            if (k <= 0) {
                n = -1;
                break;
            }
        }
    }
    if (from >= 0) {
        close(from);
    }
    return n < 0 ? CNC_ESYS : 0;
}

/* dlopen() gives what it has for a name that it knows, and a number of a file
 * comes again: the same path, but each time in other words. */
static void
add_place(struct cnc__str *out, int fd)
{
    static unsigned n;

    n++;
    cnc__str_puts(out, "/proc/self/fd/");
    for (unsigned bit = 1; bit != 0 && bit <= n; bit <<= 1) {
        cnc__str_puts(out, (n & bit) != 0 ? "./" : "/");
    }
    cnc__str_printf(out, "%d", fd);
}

int
cnc__app_load_again(const struct cnc_app **out, const char *path,
                    struct cnc_error *err)
{
    struct cnc__str place = CNC__STR;
    int fd = memfd_create("concordance-app", MFD_CLOEXEC), code;

    /* The same for a file that it knows: a copy is none. */
    if (fd < 0 || copy_file(fd, path) != 0) {
        code = cnc_error_set(err, CNC_ESYS, NULL, "cannot read %s: %s", path,
                             strerror(errno));
    } else {
        add_place(&place, fd);
        code = load_from(out, place.data, path, err);
        cnc__str_fini(&place);
    }
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

int
cnc_app_find(const struct cnc_app **out, const char *word,
             struct cnc_error *err)
{
    char *file, *files;
    int code = cnc__app_locate(&file, &files, word, err);

    if (code == 0) {
        code = cnc_app_load(out, file, err);
        cnc__free(file);
        cnc__free(files);
    }
    return code;
}
