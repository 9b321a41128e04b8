/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The qcow2 driver against qemu-img, an independent program: it makes images of every supported
 * shape, we write them at random beside a shadow in memory, and it finds them sound and equal. Images
 * cut off without a flush may leak clusters, never worse. Damaged images are refused or survived.
 * Without qemu-img only what needs no image is tested.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/block/block-priv.h"
#include "image-tool.h"

typedef struct {
    ImageVm v;
    uint8_t *shadow;
    uint64_t size;
    GRand *rand;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    image_vm_open(&f->v);
    f->rand = g_rand_new_with_seed(7);
}

static void teardown(Fixture *f, gconstpointer data)
{
    image_vm_close(&f->v);
    g_free(f->shadow);
    g_rand_free(f->rand);
}

static const BlockAttach plain;

static BlockDrive *attach(Fixture *f, const char *name, const char *more, GError **error)
{
    g_autofree char *text =
        g_strdup_printf("file=%s/%s,if=none,id=d,discard=unmap%s", f->v.dir, name, more);

    return blocks_add_drive(f->v.blocks, text, BLOCK_IF_IDE, error)
               ? block_drive_attach(f->v.blocks, "d", &plain, error)
               : NULL;
}

static void close_all(Fixture *f)
{
    blocks_free(f->v.blocks);
    f->v.blocks = blocks_new(f->v.vm, NULL);
}

static void note(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

static void check_read(Fixture *f, BlockDrive *d, uint64_t at, size_t len)
{
    g_autofree uint8_t *in = g_malloc(len);

    memset(in, 0xee, len);
    g_assert_cmpint(block_drive_pread(d, at, in, len), ==, 0);
    g_assert_true(!memcmp(in, f->shadow + at, len));
}

/* One random request, on the drive and on the shadow. */
static void random_step(Fixture *f, BlockDrive *d)
{
    size_t limit = g_rand_int_range(f->rand, 0, 8) ? 20000 : 400000;
    size_t len = (size_t)g_rand_int_range(f->rand, 1, (gint32)(limit / 512)) * 512;
    uint64_t at = (uint64_t)g_rand_int_range(f->rand, 0, (gint32)((f->size - len) / 512)) * 512;
    int what = g_rand_int_range(f->rand, 0, 10), ret = -1;

    if (what < 5) {
        g_autofree uint8_t *out = g_malloc(len);

        for (size_t i = 0; i < len; i++) {
            out[i] = (uint8_t)(g_rand_int(f->rand) | 1);
        }
        g_assert_cmpint(block_drive_pwrite(d, at, out, len), ==, 0);
        memcpy(f->shadow + at, out, len);
    } else if (what < 7) {
        block_aio_write_zeroes(d, at, len, what == 5 ? BLOCK_REQ_MAY_UNMAP : 0, note, &ret);
        block_drive_drain(d);
        g_assert_cmpint(ret, ==, 0);
        memset(f->shadow + at, 0, len);
    } else if (what < 8) {
        block_aio_discard(d, at, len, note, &ret);
        block_drive_drain(d);
        g_assert_cmpint(ret, ==, 0);
        /* whole clusters read as zero, the rest as before: learn which */
        g_assert_cmpint(block_drive_pread(d, at, f->shadow + at, len), ==, 0);
    } else if (what < 9) {
        check_read(f, d, at, len);
    } else {
        block_aio_flush(d, note, &ret);
        block_drive_drain(d);
        g_assert_cmpint(ret, ==, 0);
    }
}

static void compare_with_tool(Fixture *f, const char *name)
{
    g_autofree char *check = g_strdup_printf("check -f qcow2 %s", name);
    g_autofree char *compare = g_strdup_printf("compare -f qcow2 -F raw %s plain.raw", name);
    g_autofree char *path = g_build_filename(f->v.dir, "plain.raw", NULL);

    g_assert_true(g_file_set_contents(path, (const char *)f->shadow, (gssize)f->size, NULL));
    image_tool_ok(f->v.dir, check);
    image_tool_ok(f->v.dir, compare);
}

typedef struct {
    const char *options;
    uint64_t mib;
    int backing; /* 1: raw, shorter; 2: qcow2, compressed */
} Shape;

static const Shape shapes[] = {
    { "cluster_size=512", 12, 0 },
    { "cluster_size=4k,refcount_bits=1", 8, 0 },
    { "cluster_size=64k", 24, 0 },
    { "cluster_size=2M,refcount_bits=64", 24, 0 },
    { "cluster_size=64k,compat=0.10", 16, 0 },
    { "cluster_size=1k,compat=0.10", 8, 1 },
    { "cluster_size=64k", 16, 1 },
    { "cluster_size=32k,refcount_bits=8", 16, 2 },
    { "cluster_size=4k,refcount_bits=2", 8, 2 },
    { "cluster_size=8k,refcount_bits=32,lazy_refcounts=on", 8, 0 },
};

static void make_base(Fixture *f, const Shape *s)
{
    g_autofree char *path = g_build_filename(f->v.dir, "base.raw", NULL);
    uint64_t len = f->size / 2;

    for (uint64_t i = 0; i < len; i++) {
        f->shadow[i] = (uint8_t)(i / 1000 * 3 + i % 5);
    }
    g_assert_true(g_file_set_contents(path, (char *)f->shadow, (gssize)len, NULL));
    if (s->backing == 2) {
        image_tool_ok(f->v.dir, "convert -c -f raw -O qcow2 base.raw base.qcow2");
    }
}

static void an_image_of_this_shape_stays_sound(Fixture *f, gconstpointer data)
{
    const Shape *s = data;
    g_autofree char *create = NULL;
    g_autoptr(GError) error = NULL;
    BlockDrive *d;

    if (!image_tool_here()) {
        return;
    }
    f->size = s->mib << 20;
    f->shadow = g_malloc0(f->size);
    if (s->backing) {
        make_base(f, s);
    }
    create = g_strdup_printf("create -f qcow2 -o %s %s i.qcow2 %" G_GUINT64_FORMAT "M", s->options,
                             s->backing == 1   ? "-b base.raw -F raw"
                             : s->backing == 2 ? "-b base.qcow2 -F qcow2"
                                               : "",
                             s->mib);
    image_tool_ok(f->v.dir, create);
    for (int round = 0; round < 3; round++) {
        d = attach(f, "i.qcow2", round ? "" : ",format=qcow2", &error); /* guessed, too */
        g_assert_no_error(error);
        g_assert_cmpuint(block_drive_length(d), ==, f->size);
        for (int i = 0; i < 120; i++) {
            random_step(f, d);
        }
        for (uint64_t at = 0; at < f->size; at += 1 << 20) {
            check_read(f, d, at, 1 << 20);
        }
        close_all(f);
        compare_with_tool(f, "i.qcow2");
    }
}

static void snapshots_inside_the_image_are_kept(Fixture *f, gconstpointer data)
{
    g_autofree uint8_t *before = NULL;
    g_autofree char *path = g_build_filename(f->v.dir, "plain.raw", NULL), *text = NULL;
    BlockDrive *d;
    gsize len;

    if (!image_tool_here()) {
        return;
    }
    f->size = 8 << 20;
    f->shadow = g_malloc0(f->size);
    image_tool_ok(f->v.dir, "create -f qcow2 -o cluster_size=16k i.qcow2 8M");
    d = attach(f, "i.qcow2", "", NULL);
    for (int i = 0; i < 60; i++) {
        random_step(f, d);
    }
    close_all(f);
    before = g_memdup2(f->shadow, f->size);
    image_tool_ok(f->v.dir, "snapshot -c one i.qcow2");
    d = attach(f, "i.qcow2", "", NULL);
    for (int i = 0; i < 100; i++) {
        random_step(f, d);
    }
    close_all(f);
    compare_with_tool(f, "i.qcow2");
    image_tool_ok(f->v.dir, "convert -f qcow2 -l snapshot.name=one -O raw i.qcow2 plain.raw");
    g_assert_true(g_file_get_contents(path, &text, &len, NULL));
    g_assert_true(len == f->size && !memcmp(text, before, len));
}

static void a_crash_leaks_at_most(Fixture *f, gconstpointer data)
{
    g_autofree char *from = g_build_filename(f->v.dir, "i.qcow2", NULL);
    g_autofree char *to = g_build_filename(f->v.dir, "copy.qcow2", NULL);
    BlockDrive *d;

    if (!image_tool_here()) {
        return;
    }
    f->size = 8 << 20;
    f->shadow = g_malloc0(f->size);
    image_tool_ok(f->v.dir, "create -f qcow2 -o cluster_size=4k i.qcow2 8M");
    d = attach(f, "i.qcow2", "", NULL);
    for (int i = 0; i < 60; i++) {
        g_autofree char *image = NULL;
        gsize len;
        int status;

        random_step(f, d);
        if (i % 4) {
            continue;
        }
        g_assert_true(g_file_get_contents(from, &image, &len, NULL));
        g_assert_true(g_file_set_contents(to, image, (gssize)len, NULL));
        status = image_tool(f->v.dir, "check -f qcow2 copy.qcow2");
        g_assert_true(status == 0 || status == 3); /* 3: leaked clusters, nothing else */
    }
}

static void an_acknowledged_write_through_survives(Fixture *f, gconstpointer data)
{
    g_autofree char *from = g_build_filename(f->v.dir, "i.qcow2", NULL);
    g_autofree char *to = g_build_filename(f->v.dir, "copy.qcow2", NULL);
    BlockDrive *d;

    if (!image_tool_here()) {
        return;
    }
    f->size = 4 << 20;
    f->shadow = g_malloc0(f->size);
    image_tool_ok(f->v.dir, "create -f qcow2 i.qcow2 4M");
    d = attach(f, "i.qcow2", ",cache=writethrough", NULL);
    for (int i = 0; i < 10; i++) {
        g_autofree char *image = NULL;
        gsize len;
        uint8_t sector[512];

        memset(sector, i + 1, 512);
        g_assert_cmpint(block_drive_pwrite(d, (uint64_t)i * 300032, sector, 512), ==, 0);
        memcpy(f->shadow + i * 300032, sector, 512);
        g_assert_true(g_file_get_contents(from, &image, &len, NULL));
        g_assert_true(g_file_set_contents(to, image, (gssize)len, NULL));
        compare_with_tool(f, "copy.qcow2");
    }
}

static void growing_keeps_what_was_there(Fixture *f, gconstpointer data)
{
    BlockDrive *d;
    g_autoptr(GError) error = NULL;

    if (!image_tool_here()) {
        return;
    }
    f->size = 1 << 20;
    f->shadow = g_malloc0(16 << 20);
    image_tool_ok(f->v.dir, "create -f qcow2 -o cluster_size=512 i.qcow2 1M");
    d = attach(f, "i.qcow2", "", NULL);
    for (int i = 0; i < 40; i++) {
        random_step(f, d);
    }
    g_assert_true(blocks_resize(f->v.blocks, "d", 9 << 20, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(block_drive_length(d), ==, 9 << 20);
    f->size = 9 << 20;
    for (int i = 0; i < 40; i++) {
        random_step(f, d);
    }
    g_assert_false(blocks_resize(f->v.blocks, "d", 1 << 20, NULL));
    close_all(f);
    compare_with_tool(f, "i.qcow2");
}

static void refuse(Fixture *f, const char *name, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(attach(f, name, ",format=qcow2", &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, message)) {
        g_error("'%s' lacks '%s'", error->message, message);
    }
    close_all(f);
}

static void what_is_not_supported_is_named(Fixture *f, gconstpointer data)
{
    if (!image_tool_here()) {
        return;
    }
    image_tool_ok(f->v.dir, "create -f qcow2 -o extended_l2=on,cluster_size=64k e.qcow2 1M");
    refuse(f, "e.qcow2", "extended L2 entries");
    image_tool_ok(f->v.dir, "create -f qcow2 -o data_file=data.raw x.qcow2 1M");
    refuse(f, "x.qcow2", "external data file");
    image_tool_ok(f->v.dir, "create -f qcow2 -o compression_type=zstd z.qcow2 1M");
    refuse(f, "z.qcow2", "zstd");
    image_tool_ok(f->v.dir, "create -f qcow2 -u -b nbd://x -F raw n.qcow2 1M");
    refuse(f, "n.qcow2", "unknown protocol 'nbd'");
    image_tool_ok(f->v.dir, "create -f qcow2 -u -b gone.raw -F raw g.qcow2 1M");
    refuse(f, "g.qcow2", "gone.raw");
    image_tool_ok(f->v.dir, "create -f qcow2 -u -b other.qcow2 -F qcow2 loop.qcow2 1M");
    image_tool_ok(f->v.dir, "create -f qcow2 -u -b loop.qcow2 -F qcow2 other.qcow2 1M");
    refuse(f, "loop.qcow2", "loop");
}

/* Random damage: the image is refused and unchanged, or works without doing harm to us. */
static void damage_is_survived(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->v.dir, "i.qcow2", NULL), *good = NULL;
    uint8_t buf[65536];
    BlockDrive *d;
    gsize len;

    if (!image_tool_here()) {
        return;
    }
    f->size = 4 << 20;
    f->shadow = g_malloc0(f->size);
    image_tool_ok(f->v.dir, "create -f qcow2 -o cluster_size=4k i.qcow2 4M");
    d = attach(f, "i.qcow2", "", NULL);
    for (int i = 0; i < 40; i++) {
        random_step(f, d);
    }
    close_all(f);
    g_assert_true(g_file_get_contents(path, &good, &len, NULL));
    for (int round = 0; round < 250; round++) {
        g_autofree char *bad = g_memdup2(good, len);
        g_autofree char *after = NULL;
        gsize shown =
            g_rand_int_range(f->rand, 0, 6) ? len : (gsize)g_rand_int_range(f->rand, 0, 30000);
        gsize after_len;

        for (int i = 0; i < 3; i++) {
            gsize at = (gsize)g_rand_int_range(f->rand, 4, i ? 30000 : 120);

            bad[at] = g_rand_boolean(f->rand) ? (char)g_rand_int(f->rand) : (char)0xff;
        }
        g_assert_true(g_file_set_contents(path, bad, (gssize)shown, NULL));
        d = attach(f, "i.qcow2", ",format=qcow2", NULL);
        for (int i = 0; d && i < 12; i++) {
            uint64_t size = block_drive_length(d);
            uint64_t at =
                size > sizeof(buf) ? g_rand_int(f->rand) % (size - sizeof(buf)) & ~511ull : 0;
            size_t n = (size_t)MIN(size, sizeof(buf));

            if (i & 1) {
                block_drive_pwrite(d, at, buf, n);
            } else {
                block_drive_pread(d, at, buf, n);
            }
        }
        bool opened = d != NULL;
        close_all(f);
        if (!opened) {
            g_assert_true(g_file_get_contents(path, &after, &after_len, NULL));
            g_assert_true(after_len == shown && !memcmp(after, bad, shown));
        }
    }
}

/* ---- damage that is found while the image is in use ---- */

typedef struct {
    unsigned count;
    bool fatal;
} Seen;

static void see_event(void *opaque, const char *name, GVariant *data)
{
    Seen *seen = opaque;

    if (!strcmp(name, "BLOCK_IMAGE_CORRUPTED")) {
        seen->count++;
        g_assert_true(g_variant_lookup(data, "fatal", "b", &seen->fatal));
    }
}

static uint64_t read_be64(const char *path, uint64_t at)
{
    g_autofree char *bytes = NULL;
    gsize len;
    uint64_t v;

    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    g_assert_cmpuint(at + 8, <=, len);
    memcpy(&v, bytes + at, 8);
    return GUINT64_FROM_BE(v);
}

static void write_be(const char *path, uint64_t at, uint64_t value, unsigned bytes)
{
    uint64_t v = GUINT64_TO_BE(value << (64 - 8 * bytes));
    int fd = g_open(path, O_WRONLY, 0);

    g_assert_cmpint(pwrite(fd, &v, bytes, (off_t)at), ==, bytes);
    close(fd);
}

/* An image with data in the clusters 0 to 7 of 4 KiB, opened; its path. */
static char *eight_clusters(Fixture *f, BlockDrive **d)
{
    char *path = g_build_filename(f->v.dir, "i.qcow2", NULL);

    image_tool_ok(f->v.dir, "create -f qcow2 -o cluster_size=4k i.qcow2 4M");
    *d = attach(f, "i.qcow2", "", NULL);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t buf[4096];

        memset(buf, (int)i + 1, sizeof(buf));
        g_assert_cmpint(block_drive_pwrite(*d, 4096 * i, buf, sizeof(buf)), ==, 0);
    }
    close_all(f);
    return path;
}

static void expect_byte(BlockDrive *d, uint64_t offset, int ret, uint8_t byte)
{
    uint8_t buf[512] = { 0 };

    g_assert_cmpint(block_drive_pread(d, offset, buf, sizeof(buf)), ==, ret);
    g_assert_cmpuint(buf[511], ==, byte);
}

/* An L2 entry that cannot be: what is sound stays readable, what was written is kept, and the image can be
   handed over, here to ourselves; no one else opens it for writing. */
static void a_damaged_image_is_read_and_handed_over(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    uint8_t buf[4096];
    uint64_t l2;
    Seen seen = { 0 };
    BlockDrive *d;

    if (!image_tool_here()) {
        return;
    }
    path = eight_clusters(f, &d);
    f->v.vm->ports.event = see_event;
    f->v.vm->ports.event_opaque = &seen;
    l2 = read_be64(path, read_be64(path, 40)) & 0x00fffffffffffe00ull;
    write_be(path, l2 + 8 * 5, 0x8000000000000200, 8);
    d = attach(f, "i.qcow2", "", NULL);
    memset(buf, 0x77, sizeof(buf));
    g_assert_cmpint(block_drive_pwrite(d, 100 * 4096, buf, sizeof(buf)), ==,
                    0); /* not yet flushed */
    g_assert_cmpuint(seen.count, ==, 0);
    expect_byte(d, 5 * 4096, -EIO, 0);
    g_assert_cmpuint(seen.count, ==, 1);
    g_assert_true(seen.fatal);
    expect_byte(d, 5 * 4096, -EIO, 0);
    g_assert_cmpuint(seen.count, ==, 1);
    expect_byte(d, 4 * 4096, 0, 5);
    expect_byte(d, 100 * 4096, 0, 0x77);
    g_assert_cmpint(block_drive_pwrite(d, 4 * 4096, buf, sizeof(buf)), ==, -EIO);
    blocks_inactivate(f->v.blocks, &error);
    g_assert_no_error(error);
    blocks_activate(f->v.blocks, &error);
    g_assert_no_error(error);
    expect_byte(d, 100 * 4096, 0, 0x77);
    g_assert_cmpint(block_drive_pwrite(d, 0, buf, sizeof(buf)), ==, -EIO);
    close_all(f);
    g_assert_null(attach(f, "i.qcow2", "", &error));
    g_assert_nonnull(strstr(error->message, "marked corrupt"));
    close_all(f);
    /* as the destination of a migration, which opens it before it may use it */
    blocks_start_inactive(f->v.blocks);
    d = attach(f, "i.qcow2", "", NULL);
    g_assert_nonnull(d);
    g_assert_true(blocks_activate(f->v.blocks, NULL));
    expect_byte(d, 100 * 4096, 0, 0x77);
    g_assert_cmpuint(seen.count, ==, 2);
    g_assert_cmpint(block_drive_pwrite(d, 0, buf, sizeof(buf)), ==, -EIO);
    f->v.vm->ports.event = NULL;
}

/* Refcounts that are wrong: nothing is written, and what waits to be is not left behind unsaid. */
static void what_cannot_be_written_is_not_handed_over(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    uint8_t buf[4096] = { 1 };
    uint64_t block, l2;
    BlockDrive *d;
    int ret = 1;

    if (!image_tool_here()) {
        return;
    }
    path = eight_clusters(f, &d);
    d = attach(f, "i.qcow2", "", NULL);
    g_assert_cmpint(block_drive_pwrite(d, 600 * 4096, buf, sizeof(buf)), ==,
                    0);                        /* a second table */
    block_aio_discard(d, 0, 4096, note, &ret); /* a free cluster before it */
    block_drive_drain(d);
    g_assert_cmpint(ret, ==, 0);
    close_all(f);
    l2 = read_be64(path, read_be64(path, 40) + 8) & 0x00fffffffffffe00ull;
    block = read_be64(path, read_be64(path, 48));
    write_be(path, block + 2 * (l2 / 4096), 0, 2); /* the table is free, says its refcount */
    d = attach(f, "i.qcow2", "", NULL);
    g_assert_cmpint(block_drive_pwrite(d, 20 * 4096, buf, sizeof(buf)), ==, 0);
    g_assert_cmpint(block_drive_pwrite(d, 21 * 4096, buf, sizeof(buf)), ==, -EIO);
    g_assert_false(blocks_inactivate(f->v.blocks, &error));
    g_assert_nonnull(strstr(error->message, "is damaged: a metadata cluster has no refcount"));
    expect_byte(d, 20 * 4096 + 3584, 0, 0);
    expect_byte(d, 7 * 4096, 0, 8);
    close_all(f);
    g_assert_cmpint(image_tool(f->v.dir, "check -f qcow2 -r all i.qcow2"), <=, 3);
    d = attach(f, "i.qcow2", "", &error);
    g_assert_nonnull(d); /* repaired: it can be written again */
    g_assert_cmpint(block_drive_pwrite(d, 21 * 4096, buf, sizeof(buf)), ==, 0);
}

/* L1 and L2 entries that name tables, themselves among them: nothing but the mark in the header is changed. */
static void tables_that_name_tables_are_refused_or_only_read(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 9; i++) {
        g_autofree char *path = NULL, *before = NULL, *after = NULL;
        uint8_t buf[4096] = { 1 };
        gsize len, after_len;
        BlockDrive *d;

        if (!image_tool_here()) {
            return;
        }
        path = eight_clusters(f, &d);
        uint64_t l1 = read_be64(path, 40), reftable = read_be64(path, 48);
        uint64_t l2 = read_be64(path, l1) & 0x00fffffffffffe00ull,
                 block = read_be64(path, reftable);
        const struct {
            uint64_t at, to;
        } lies[] = {
            { l1, l1 },         { l1, reftable },   { l1, block },         { l1 + 8, l2 },
            { l2 + 8 * 3, l2 }, { l2 + 8 * 3, l1 }, { l2 + 8 * 3, block }, { l2 + 8 * 3, reftable },
            { reftable, l2 },
        };
        g_assert_cmpuint(G_N_ELEMENTS(lies), ==, 9);
        write_be(path, lies[i].at, lies[i].to | (lies[i].at == reftable ? 0 : 1ull << 63), 8);
        g_assert_true(g_file_get_contents(path, &before, &len, NULL));
        d = attach(f, "i.qcow2", "", NULL);
        if (d) {
            block_drive_pread(d, 3 * 4096, buf, sizeof(buf));
            g_assert_cmpint(block_drive_pwrite(d, 3 * 4096, buf, sizeof(buf)), ==, -EIO);
        }
        close_all(f);
        g_assert_true(g_file_get_contents(path, &after, &after_len, NULL));
        g_assert_true(after_len == len && !memcmp(before, after, 72) &&
                      !memcmp(before + 80, after + 80, len - 80));
    }
}

#define T(name, fn, data) g_test_add("/qcow2/" name, Fixture, data, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autofree char *name = g_strdup_printf("/qcow2/an-image-of-this-shape-stays-sound/%zu", i);

        g_test_add(name, Fixture, &shapes[i], setup, an_image_of_this_shape_stays_sound, teardown);
    }
    T("snapshots-inside-the-image-are-kept", snapshots_inside_the_image_are_kept, NULL);
    T("a-crash-leaks-at-most", a_crash_leaks_at_most, NULL);
    T("an-acknowledged-write-through-survives", an_acknowledged_write_through_survives, NULL);
    T("growing-keeps-what-was-there", growing_keeps_what_was_there, NULL);
    T("what-is-not-supported-is-named", what_is_not_supported_is_named, NULL);
    T("a-damaged-image-is-read-and-handed-over", a_damaged_image_is_read_and_handed_over, NULL);
    T("what-cannot-be-written-is-not-handed-over", what_cannot_be_written_is_not_handed_over, NULL);
    T("damage-is-survived", damage_is_survived, NULL);
    T("tables-that-name-tables-are-refused-or-only-read",
      tables_that_name_tables_are_refused_or_only_read, NULL);
    return g_test_run();
}
