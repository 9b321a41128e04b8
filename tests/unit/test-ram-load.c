/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The destination's half of the "ram" section: blocks that go while their pages come. */
#include <errno.h>
#include <sys/mman.h>
#include "base/util/endian.h"
#include "migration/ram-format.h"
#include "migration/ram.h"
#include "tiny-vm.h"

#define BLOCK_BYTES 0x10000u

static void put_u64(GByteArray *out, uint64_t v)
{
    uint8_t raw[8];
    st_be64(raw, v);
    g_byte_array_append(out, raw, sizeof(raw));
}

static void put_name(GByteArray *out, const char *name)
{
    uint8_t n = (uint8_t)strlen(name);
    g_byte_array_append(out, &n, 1);
    g_byte_array_append(out, (const uint8_t *)name, n);
}

static void put_page(GByteArray *out, uint8_t fill)
{
    uint8_t page[GUEST_PAGE_SIZE];
    memset(page, fill, sizeof(page));
    g_byte_array_append(out, page, sizeof(page));
}

static bool is_mapped(void *host)
{
    return msync(host, GUEST_PAGE_SIZE, MS_ASYNC) == 0 || errno != ENOMEM;
}

static void free_block(Tiny *t, RamBlock *block)
{
    vm_lock(t->vm);
    ram_block_free(block);
    vm_unlock(t->vm);
}

/* Two bodies; between them the block is removed, which has no claim on the thread that loads. */
static void test_removed(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    Tiny *t = tiny_new();
    const RamBlockSpec spec = {
        .idstr = "x", .used_length = BLOCK_BYTES, .flags = RAM_MIGRATABLE, .fd = -1
    };
    vm_lock(t->vm);
    RamBlock *block = ram_block_new(t->vm, &spec, &error);
    vm_unlock(t->vm);
    g_assert_no_error(error);
    uint8_t *host = ram_block_host(block);

    put_u64(bytes, BLOCK_BYTES | RAM_FLAG_MEM_SIZE);
    put_name(bytes, "x");
    put_u64(bytes, BLOCK_BYTES);
    put_u64(bytes, RAM_FLAG_PAGE);
    put_name(bytes, "x");
    put_page(bytes, 0x11);
    put_u64(bytes, RAM_FLAG_PAGE); /* named again: held once all the same */
    put_name(bytes, "x");
    put_page(bytes, 0x33);
    put_u64(bytes, RAM_FLAG_EOS);
    put_u64(bytes, GUEST_PAGE_SIZE | RAM_FLAG_PAGE | RAM_FLAG_CONTINUE);
    put_page(bytes, 0x22);
    put_u64(bytes, RAM_FLAG_EOS);
    g_autoptr(Channel) channel = channel_new_buffer(bytes->data, bytes->len);
    StreamIn in;
    stream_in_init(&in, channel);
    in.format = STREAM_V3;
    RamLoad *ram = ram_load_new(t->vm);

    g_assert_true(ram_load_body(ram, &in, RAM_SECTION_VERSION, &error));
    g_assert_cmphex(host[0], ==, 0x33);
    free_block(t, block);
    g_assert_true(is_mapped(host));
    g_assert_true(ram_load_body(ram, &in, RAM_SECTION_VERSION, &error));
    g_assert_cmphex(host[GUEST_PAGE_SIZE], ==, 0x22);
    ram_load_free(ram);
    g_assert_false(is_mapped(host));
    stream_in_clear(&in);
    tiny_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/ram-load/a-block-that-is-removed-stays-while-its-pages-come",
                    test_removed);
    return g_test_run();
}
