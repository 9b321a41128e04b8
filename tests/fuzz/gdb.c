/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: bytes from a debugger: frames, escapes, checksums, numbers; what is framed comes back. */
#include "fuzz.h"
#include "gdbstub/gdbstub-priv.h"

static void packet(const GdbFrame *f)
{
    g_autofree char *text =
        g_strndup(f->packet->len ? (const char *)f->packet->data : "", f->packet->len);
    const char *p = text;
    uint64_t v;
    uint8_t bytes[16];
    g_autoptr(GString) wire = gdb_frame_wrap((const char *)f->packet->data, f->packet->len);
    GdbFrame back;
    GdbInput last = GDB_INPUT_NOTHING;

    while (*p) {
        p += !gdb_number(&p, &v);
    }
    gdb_hex_parse(text, bytes, MIN(strlen(text) / 2, sizeof(bytes)));
    gdb_frame_init(&back);
    for (size_t i = 0; i < wire->len; i++) {
        last = gdb_frame_byte(&back, (uint8_t)wire->str[i]);
    }
    g_assert_true(last == GDB_INPUT_PACKET && back.packet->len == f->packet->len &&
                  (!f->packet->len || !memcmp(back.packet->data, f->packet->data, f->packet->len)));
    gdb_frame_clear(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GdbFrame f;

    gdb_frame_init(&f);
    for (size_t i = 0; i < size; i++) {
        if (gdb_frame_byte(&f, data[i]) == GDB_INPUT_PACKET) {
            packet(&f);
        }
    }
    gdb_frame_clear(&f);
    return 0;
}
