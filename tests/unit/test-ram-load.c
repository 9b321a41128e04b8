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

/* A list of one block, and perhaps a page of another; what is said of them. */
static void expect_words(const char *listed, uint64_t length, uint64_t total, const char *paged,
                         const char *words)
{
    static const struct {
        const char *name;
        uint64_t used, max;
        uint32_t flags;
    } blocks[] = {
        { "fixed", 0x2000, 0, RAM_MIGRATABLE },
        { "resizeable", 0x2000, 0x8000, RAM_MIGRATABLE | RAM_RESIZEABLE },
        { "stays", 0x2000, 0, 0 },
    };
    RamBlock *here[G_N_ELEMENTS(blocks)];
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    Tiny *t = tiny_new();
    StreamIn in;

    vm_lock(t->vm);
    for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
        const RamBlockSpec spec = { .idstr = blocks[i].name,
                                    .used_length = blocks[i].used,
                                    .max_length = blocks[i].max,
                                    .flags = blocks[i].flags,
                                    .fd = -1 };
        here[i] = ram_block_new(t->vm, &spec, NULL);
        g_assert_nonnull(here[i]);
    }
    vm_unlock(t->vm);
    put_u64(bytes, total | RAM_FLAG_MEM_SIZE);
    put_name(bytes, listed);
    put_u64(bytes, length);
    if (paged) {
        put_u64(bytes, RAM_FLAG_PAGE);
        put_name(bytes, paged);
        put_page(bytes, 0x11);
    }
    put_u64(bytes, RAM_FLAG_EOS);
    g_autoptr(Channel) channel = channel_new_buffer(bytes->data, bytes->len);
    stream_in_init(&in, channel);
    in.format = STREAM_V3;
    RamLoad *ram = ram_load_new(t->vm);
    bool ok = ram_load_body(ram, &in, RAM_SECTION_VERSION, &error);
    g_assert_cmpstr(ok ? NULL : error->message, ==, words);
    ram_load_free(ram);
    stream_in_clear(&in);
    for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
        free_block(t, here[i]);
    }
    tiny_free(t);
}

/* EVIDENCE: MIG-WIRE-030, MIG-WIRE-031 */
static void test_blocks(void)
{
    expect_words("fixed", 0x2000, 0x2000, "fixed", NULL);
    expect_words("fixed", 0x1000, 0x1000, NULL,
                 "RAM block 'fixed' has 0x1000 bytes there and 0x2000 here");
    expect_words("resizeable", 0x8000, 0x8000, "resizeable", NULL);
    expect_words("resizeable", 0x9000, 0x9000, NULL,
                 "RAM block 'resizeable' has 0x9000 bytes there, at most 0x8000 fit here");
    expect_words("resizeable", 0x1800, 0x2000, NULL,
                 "RAM block 'resizeable' has 0x1800 bytes there, at most 0x8000 fit here");
    expect_words("resizeable", 0, 0x1000, NULL,
                 "RAM block 'resizeable' has 0x0 bytes, 0x1000 are left of the total");
    expect_words("fixed", 0x2000, 0x1000, NULL,
                 "RAM block 'fixed' has 0x2000 bytes, 0x1000 are left of the total");
    expect_words("stays", 0x2000, 0x2000, NULL, "there is no RAM block 'stays' here");
    expect_words("nowhere", 0x2000, 0x2000, NULL, "there is no RAM block 'nowhere' here");
    expect_words("fixed", 0x2000, 0x2000, "resizeable",
                 "pages come for RAM block 'resizeable', which is not in the stream's list");
    expect_words("fixed", 0x2000, 0x2000, "stays", "there is no RAM block 'stays' here");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/ram-load/a-block-that-is-removed-stays-while-its-pages-come",
                    test_removed);
    g_test_add_func("/migration/ram-load/a-block-is-ours-listed-and-as-long", test_blocks);
    return g_test_run();
}
