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

/* ---- what a source sends, a destination has ---- */

#define PAGES 8u /* of each block */

typedef struct {
    Tiny *t;
    RamBlock *block[2];
} Side;

static void side_open(Side *s)
{
    static const char *const names[] = { "first", "second" };
    s->t = tiny_new();
    vm_lock(s->t->vm);
    for (unsigned i = 0; i < 2; i++) {
        const RamBlockSpec spec = { .idstr = names[i],
                                    .used_length = PAGES * GUEST_PAGE_SIZE,
                                    .flags = RAM_MIGRATABLE,
                                    .fd = -1 };
        s->block[i] = ram_block_new(s->t->vm, &spec, NULL);
    }
    vm_unlock(s->t->vm);
}

static void side_close(Side *s)
{
    free_block(s->t, s->block[0]);
    free_block(s->t, s->block[1]);
    tiny_free(s->t);
}

static uint8_t *page_at(const Side *s, unsigned block, unsigned page)
{
    return (uint8_t *)ram_block_host(s->block[block]) + page * GUEST_PAGE_SIZE;
}

/* The guest writes some pages in its own way each round, and others become zero, or what they were, for a while. */
static bool write_page(uint8_t *at, unsigned b, unsigned p, unsigned round)
{
    if (p == PAGES - 1) { /* there and back */
        memset(at, 0x77, GUEST_PAGE_SIZE);
        memset(at + 100, round & 1 ? 0x11 : 0x22, 300);
    } else if (p == PAGES - 2) { /* by way of zero */
        memset(at, round % 3 == 1 ? 0 : 0x33, GUEST_PAGE_SIZE);
    } else if ((p + round) % 3 == 0) {
        return false; /* not this time */
    } else if ((p + round + b) % 4 == 0) {
        memset(at, 0, GUEST_PAGE_SIZE);
    } else if ((p + round) % 5 == 0) { /* all of it: no delta is short enough */
        for (unsigned i = 0; i < GUEST_PAGE_SIZE; i++) {
            at[i] = (uint8_t)(at[i] * 5 + i + round + 1);
        }
    } else {
        at[round * 100 + p] ^= (uint8_t)(round + b + 1);
        at[GUEST_PAGE_SIZE - 1 - round] += (uint8_t)(p + 7 * b + 1);
    }
    return true;
}

static void write_round(Side *s, unsigned round)
{
    for (unsigned b = 0; b < 2; b++) {
        for (unsigned p = 0; p < PAGES; p++) {
            if (write_page(page_at(s, b, p), b, p, round)) {
                ram_dirty_written(s->t->vm, ram_block_addr(s->block[b]) + p * GUEST_PAGE_SIZE,
                                  GUEST_PAGE_SIZE);
            }
        }
    }
}

static void assert_equal(const Side *a, const Side *b, unsigned round)
{
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned p = 0; p < PAGES; p++) {
            if (memcmp(page_at(a, k, p), page_at(b, k, p), GUEST_PAGE_SIZE)) {
                g_error("round %u: page %u of block %u is not what it was", round, p, k);
            }
        }
    }
}

static void take_round(RamLoad *load, Channel *sent, gsize from)
{
    g_autoptr(GBytes) bytes = channel_buffer_written(sent);
    g_autoptr(GError) error = NULL;
    gsize n;
    const uint8_t *data = g_bytes_get_data(bytes, &n);
    g_autoptr(Channel) c = channel_new_buffer(data + from, n - from);
    StreamIn in;
    stream_in_init(&in, c);
    bool ok = ram_load_body(load, &in, RAM_SECTION_VERSION, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    stream_in_clear(&in);
}

/* Rounds of pages of two blocks, as deltas from the second round on; @cache: pages that the sender remembers.
   EVIDENCE: MIG-WIRE-031, MIG-WIRE-032 */
static void test_rounds(gconstpointer cache)
{
    Side src, dst;
    side_open(&src);
    side_open(&dst);
    MigrationParams params = *migration_params_of(src.t->vm);
    g_autoptr(Channel) c = channel_new_buffer("", 0);
    RamLoad *load = ram_load_new(dst.t->vm);
    RamXbzrleStats stats;
    RamSaveStats pages;
    StreamOut out;

    params.xbzrle_cache_size = GPOINTER_TO_UINT(cache) * GUEST_PAGE_SIZE;
    vm_lock(src.t->vm);
    RamSave *save = ram_save_new(src.t->vm, &params, cache != NULL, NULL);
    vm_unlock(src.t->vm);
    stream_out_init(&out, c, STREAM_V3);
    g_assert_true(ram_save_setup(save, &out, NULL) && stream_out_end(&out, true, NULL));
    take_round(load, c, 0);
    for (unsigned round = 0; round < 24; round++) {
        gsize from = channel_bytes_written(c);
        bool done;
        write_round(&src, round);
        ram_save_sync(save);
        g_assert_true(ram_save_pages(save, &out, UINT64_MAX, &done, NULL) && done &&
                      stream_out_end(&out, true, NULL));
        take_round(load, c, from);
        assert_equal(&src, &dst, round);
    }
    g_assert_cmpint(ram_save_xbzrle(save, &stats), ==, cache != NULL);
    g_test_message("%u deltas, %u overflows, %u misses", (unsigned)stats.pages,
                   (unsigned)stats.overflow, (unsigned)stats.cache_miss);
    g_assert_true(!cache || (stats.pages > 0 && stats.cache_miss > 0));
    g_assert_true(!cache || stats.overflow > 0);
    ram_save_stats(save, &pages);
    g_assert_cmpuint(pages.zero_pages, >, 2 * PAGES);
    g_assert_cmpuint(pages.normal_pages, >, 2 * PAGES);
    vm_lock(src.t->vm);
    ram_save_free(save);
    vm_unlock(src.t->vm);
    ram_load_free(load);
    stream_out_clear(&out);
    side_close(&src);
    side_close(&dst);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration/ram-load/a-block-that-is-removed-stays-while-its-pages-come",
                    test_removed);
    g_test_add_func("/migration/ram-load/a-block-is-ours-listed-and-as-long", test_blocks);
    g_test_add_data_func("/migration/ram/rounds-arrive-whole", NULL, test_rounds);
    g_test_add_data_func("/migration/ram/rounds-arrive-as-deltas", GUINT_TO_POINTER(4096),
                         test_rounds);
    g_test_add_data_func("/migration/ram/rounds-arrive-with-a-small-cache", GUINT_TO_POINTER(64),
                         test_rounds);
    return g_test_run();
}
