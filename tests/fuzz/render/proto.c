/* SPDX-License-Identifier: MIT */
/* Any bytes: decoded or refused; what is decoded encodes to the same. */
#include "../../../src/render/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cnc__render_message m;
    struct cnc__str again = CNC__STR;
    const char *p = (const char *)data;
    size_t used;
    while (cnc__render_decode(&m, &used, p, size) == 0) {
        CNC_CHECK(used <= size && used >= 9);
        for (size_t i = 0; i < m.n_fields; i++) {
            CNC_CHECK(m.fields[i].data >= p &&
                      m.fields[i].data + m.fields[i].len <= p + used);
        }
        cnc__str_clear(&again);
        cnc__render_encode(&again, &m);
        CNC_CHECK(again.len == used && memcmp(again.data, p, used) == 0);
        p += used;
        size -= used;
    }
    cnc__str_fini(&again);
    return 0;
}
