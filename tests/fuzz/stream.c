/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: a whole migration stream into a small VM. The first byte says how the rest is meant:
 * 0 a version 3 stream behind its header, 1 bytes from the channel as they are, 2 items (u16 length, bytes)
 * that are put into good version 4 frames, so that the parsers behind the checksums see them.
 */
#include "fuzz.h"
#include "base/util/endian.h"
#include "tests/unit/tiny-vm.h"

enum {
    MODE_V3,
    MODE_RAW,
    MODE_SEALED,
    MODES
};

static GBytes *with_header(FuzzInput *in)
{
    static const uint8_t head[] = "QEVM\0\0\0\3";
    GByteArray *a = g_byte_array_new();

    g_byte_array_append(a, head, 8);
    g_byte_array_append(a, in->data, (guint)in->left);
    return g_byte_array_free_to_bytes(a);
}

static GBytes *sealed(FuzzInput *in)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    while (in->left > 2) {
        size_t n = fuzz_u8(in);
        n = n << 8 | fuzz_u8(in);
        const uint8_t *at = fuzz_bytes(in, &n);
        g_ptr_array_add(items, g_bytes_new(at, n));
    }
    return vm_stream_seal(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Tiny *vm;
    FuzzInput in = { data, size };
    g_autoptr(GError) error = NULL;
    gsize n;

    vm = vm ? vm : tiny_new();
    unsigned mode = fuzz_u8(&in) % MODES;
    g_autoptr(GBytes) stream = mode == MODE_V3       ? with_header(&in)
                               : mode == MODE_SEALED ? sealed(&in)
                                                     : g_bytes_new(in.data, in.left);
    const void *bytes = g_bytes_get_data(stream, &n);
    bool ok = tiny_load(vm, bytes, n, &error);
    fuzz_say(error);
    g_assert_true(ok == (error == NULL) && (ok || *error->message));
    return 0;
}
