/* SPDX-License-Identifier: MIT */
/*
 * paths.c -- where the parts of an installation are.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

static char *
place(const char *variable, const char *installed)
{
    const char *set = getenv(variable);

    return cnc__strdup(set != NULL && set[0] != '\0' ? set : installed);
}

char *
cnc__path_render(void)
{
    return place("CONCORDANCE_RENDER", CNC_LIBEXECDIR "/concordance-render");
}

char *
cnc__path_plugins(void)
{
    return place("CONCORDANCE_PLUGINS", CNC_PLUGINDIR);
}

char *
cnc__path_apps(void)
{
    const char *more = getenv("CONCORDANCE_APPS");
    struct cnc__str s = CNC__STR;

    cnc__str_printf(&s, "%s%s" CNC_PLUGINDIR "/apps", more == NULL ? "" : more,
                    more == NULL || more[0] == '\0' ? "" : ":");
    return cnc__str_steal(&s);
}

char *
cnc__path_runtime(void)
{
    return place("CONCORDANCE_RUNTIME", CNC_DATADIR "/runtime");
}

int
cnc__make_dir(const char *path, const char *option, struct cnc_error *err)
{
    char *copy = cnc__strdup(path);
    struct stat st;
    int code = 0;

    if (path[0] == '\0') {
        cnc__free(copy);
        return cnc_error_set(err, CNC_EINVAL, NULL, "%s names no folder",
                             option);
    }

    for (char *p = copy + 1; code == 0; p++) {
        char c = *p;

        if (c != '/' && c != '\0') {
            continue;
        }
        *p = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST) {
            code = cnc_error_set(err, CNC_ESYS, NULL,
                                 "cannot make the folder %s: %s; choose "
                                 "another with %s",
                                 copy, strerror(errno), option);
        }
        *p = c;
        if (c == '\0') {
            break;
        }
    }
    cnc__free(copy);
    if (code != 0) {
        return code;
    }
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "%s is no folder; choose another with %s", path,
                             option);
    }
    if (access(path, W_OK | X_OK) != 0) {
        return cnc_error_set(err, CNC_ESYS, NULL,
                             "cannot write into the folder %s: %s; choose "
                             "another with %s",
                             path, strerror(errno), option);
    }
    return 0;
}
