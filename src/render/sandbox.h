/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h -- the render process gives up everything but memory, the clock
 * and two descriptors.  There is no way back.
 */
#ifndef CNC_RENDER_SANDBOX_H
#define CNC_RENDER_SANDBOX_H

#include <concordance/types.h>

struct cnc__sandbox {
    int fd;          /* the only one it may read; it and stderr: write */
    uint64_t memory; /* bytes of address space; 0: no limit */
};

/* 0, or CNC_ESYS with what failed.  A build with AddressSanitizer needs
 * terabytes of address space and system calls of its own: there it does
 * neither the limit on memory nor the system call filter. */
int cnc__sandbox_enter(const struct cnc__sandbox *s, struct cnc_error *err);
bool cnc__sandbox_complete(void); /* is it not such a build? */

/* The process dies when it has used this much more CPU time; 0: off. */
void cnc__sandbox_deadline(unsigned seconds);

#endif /* CNC_RENDER_SANDBOX_H */
