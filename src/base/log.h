/* SPDX-License-Identifier: MIT */
/*
 * log.h -- one line an event on stderr (or a callback): level, stable event
 * name, then key=value pairs in printf form.
 *
 *   cnc__log(CNC_LOG_WARN, "stream.limit", "peer=%s bytes=%zu", addr, n);
 *
 * Where stderr is systemd's journal (JOURNAL_STREAM), a line begins with its
 * priority, such as "<4>", instead of the time.
 *
 * Control characters in the line are written as \xNN, so a peer cannot forge
 * a line.  Never pass a secret.  Any thread.
 */
#ifndef CNC_BASE_LOG_H
#define CNC_BASE_LOG_H

#include <concordance/types.h>

enum cnc_log_level {
    CNC_LOG_DEBUG,
    CNC_LOG_INFO,
    CNC_LOG_WARN,
    CNC_LOG_ERROR
};

typedef void cnc_log_f(enum cnc_log_level level, const char *event,
                       const char *text, void *priv);

CNC_API void cnc__log(enum cnc_log_level level, const char *event,
                      const char *fmt, ...) CNC_PRINTF(3, 4);
CNC_API void cnc__log_level(enum cnc_log_level lowest); /* default INFO */
/* NULL: back to stderr. */
CNC_API void cnc__log_to(cnc_log_f *f, void *priv);
/* Into this file instead of stderr, from now on: it is made with mode 0640 and
 * added to.  Again, or with another name: it is opened anew, as after it was
 * moved away; lines that other threads write meanwhile go to one or the other.
 * NULL: back to stderr.  CNC_ESYS: it stays as it was. */
CNC_API int cnc__log_file(const char *path, struct cnc_error *err);
/* Somebody who reads along; one at a time.  Called from any thread, and not
 * any more once another call of this has returned. */
CNC_API void cnc__log_also(cnc_log_f *f, void *priv);

/* Of which domain the lines of this thread are, from now on (borrowed until
 * the next call; NULL: of none); returns what it was before. */
CNC_API const char *cnc__log_about(const char *domain);
CNC_API const char *cnc__log_domain(void);

#endif /* CNC_BASE_LOG_H */
