/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: the content of the "ram" section, from its block list on; the first byte: version 3 or 4. */
#include "fuzz.h"
#include "tests/unit/tiny-vm.h"

static GBytes *framed(FuzzInput *in)
{
    g_autoptr(Channel) c = channel_new_buffer("", 0);
    StreamOut out;

    stream_out_init(&out, c, STREAM_V4);
    if (in->left) {
        stream_out_bytes(&out, in->data, in->left, NULL);
        stream_out_end(&out, true, NULL);
    }
    stream_out_clear(&out);
    return channel_buffer_written(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Tiny *vm;
    FuzzInput input = { data, size };
    g_autoptr(GError) error = NULL;
    gsize n;

    vm = vm ? vm : tiny_new();
    StreamFormat format = fuzz_u8(&input) & 1 ? STREAM_V4 : STREAM_V3;
    g_autoptr(GBytes) bytes =
        format == STREAM_V4 ? framed(&input) : g_bytes_new(input.data, input.left);
    const void *stream = g_bytes_get_data(bytes, &n);
    g_autoptr(Channel) channel = channel_new_buffer(stream, n);
    StreamIn in;
    stream_in_init(&in, channel);
    in.format = format;
    RamLoad *ram = ram_load_new(vm->vm);
    bool ok = true;
    while (ok && stream_in_need(&in, 1, NULL)) {
        ok = ram_load_body(ram, &in, 4, &error);
    }
    vm_lock(vm->vm);
    ok = ok && ram_load_complete(ram, &error);
    vm_unlock(vm->vm);
    fuzz_say(error);
    g_assert_true(ok == (error == NULL));
    ram_load_free(ram);
    stream_in_clear(&in);
    return 0;
}
