/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: messages of the destination, one after the other; the first byte: version 3 or 4. */
#include "fuzz.h"
#include "migration/migration-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { data, size };
    StreamFormat format = fuzz_u8(&in) & 1 ? STREAM_V4 : STREAM_V3;
    g_autoptr(Channel) c = channel_new_buffer(in.data, in.left);
    GError *error = NULL;
    ReturnMessage msg;

    while (return_receive(c, format, &msg, &error)) {
        g_assert_true(msg.len <= 4096 && !msg.data[msg.len]);
    }
    fuzz_say(error);
    g_assert_true(error && *error->message);
    g_error_free(error);
    return 0;
}
