/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a power cut leaves. The calls with which the block layer changes a file are caught here and noted: what was
 * written is on the disk for certain only when a sync began after it and has ended. So a request that is acknowledged
 * before it is as durable as its cache mode promises is seen at once, and a file can be made as a cut at any moment might
 * leave it: what was synced, and of the rest any sectors. An image that is cut so is sound but for leaks, says
 * qemu-img, and each sector of it is as it was when last flushed, or as it was written since.
 *
 * FERRY_CUTS=500 cuts each image so many times.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "backend/block/block-priv.h"
#include "image-tool.h"

#define SECTOR 512u
#define CUTS   12u

/* ---- the disk under the file ---- */

typedef struct {
    uint64_t offset;
    GBytes *data;
} Change;

/* One file is watched at a time; everything by any thread. */
static struct {
    GMutex lock;
    GCond cond;
    ino_t inode; /* 0: nothing is watched */
    GByteArray *durable;
    GArray *changes; /* since the last sync: Change */
    unsigned syncs, events;
    bool held, waiting; /* syncs wait; one does */
    bool fail_syncs;
    unsigned cut_after; /* events; 0: no cut */
    GRand *rand;
    GByteArray *cut; /* what was left, once it happened */
} disk;

static void put(GByteArray *to, uint64_t offset, const uint8_t *data, size_t len)
{
    if (to->len < offset + len) {
        guint before = to->len;

        g_byte_array_set_size(to, (guint)(offset + len));
        memset(to->data + before, 0, to->len - before);
    }
    memcpy(to->data + offset, data, len);
}

/* Of what was not synced, some sectors; each as a whole. */
static void put_some(GByteArray *to, const Change *c, unsigned percent)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(c->data, &len);

    for (gsize at = 0; at < len;) {
        gsize n = MIN(SECTOR - (c->offset + at) % SECTOR, len - at);

        if ((unsigned)g_rand_int_range(disk.rand, 0, 100) < percent) {
            put(to, c->offset + at, data + at, n);
        }
        at += n;
    }
}

static void happened(void)
{
    disk.events++;
    if (!disk.cut_after || --disk.cut_after) {
        return;
    }
    unsigned percent = (unsigned)g_rand_int_range(disk.rand, 0, 4) * 33;

    disk.cut = g_byte_array_new();
    g_byte_array_append(disk.cut, disk.durable->data, disk.durable->len);
    for (guint i = 0; i < disk.changes->len; i++) {
        put_some(disk.cut, &g_array_index(disk.changes, Change, i), percent);
    }
}

static bool is_watched(int fd)
{
    struct stat st;

    return disk.inode && !fstat(fd, &st) && st.st_ino == disk.inode;
}

static void note_change(uint64_t offset, void *data, size_t len)
{
    Change c = { offset, g_bytes_new_take(data, len) };

    g_array_append_val(disk.changes, c);
    happened();
}

/* These take the place of the C library's. */
ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    g_mutex_lock(&disk.lock);
    ssize_t done = syscall(SYS_pwritev, fd, iov, n, offset, 0);

    if (done > 0 && is_watched(fd)) {
        uint8_t *data = g_malloc((size_t)done);
        size_t at = 0;

        for (int i = 0; i < n && at < (size_t)done; i++) {
            size_t len = MIN(iov[i].iov_len, (size_t)done - at);

            memcpy(data + at, iov[i].iov_base, len);
            at += len;
        }
        note_change((uint64_t)offset, data, (size_t)done);
    }
    g_mutex_unlock(&disk.lock);
    return done;
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    g_mutex_lock(&disk.lock);
    int ret = (int)syscall(SYS_fallocate, fd, mode, offset, len);

    if (!ret && is_watched(fd)) {
        g_assert_cmpint(mode & ~FALLOC_FL_KEEP_SIZE & ~FALLOC_FL_PUNCH_HOLE & ~FALLOC_FL_ZERO_RANGE,
                        ==, 0);
        g_assert_cmpint(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE), !=, 0);
        note_change((uint64_t)offset, g_malloc0((size_t)len), (size_t)len);
    }
    g_mutex_unlock(&disk.lock);
    return ret;
}

static void forget_changes(void)
{
    for (guint i = 0; i < disk.changes->len; i++) {
        g_bytes_unref(g_array_index(disk.changes, Change, i).data);
    }
    g_array_set_size(disk.changes, 0);
}

int fdatasync(int fd)
{
    int ret = 0;

    g_mutex_lock(&disk.lock);
    if (!is_watched(fd)) {
        ret = (int)syscall(SYS_fdatasync, fd);
    } else {
        while (disk.held) {
            disk.waiting = true;
            g_cond_broadcast(&disk.cond);
            g_cond_wait(&disk.cond, &disk.lock);
        }
        disk.syncs++;
        if (disk.fail_syncs) {
            errno = EIO;
            ret = -1;
        } else {
            for (guint i = 0; i < disk.changes->len; i++) {
                put_some(disk.durable, &g_array_index(disk.changes, Change, i), 100);
            }
        }
        forget_changes(); /* of a sync that failed, too: the kernel has dropped the pages */
        happened();
    }
    g_mutex_unlock(&disk.lock);
    return ret;
}

static void watch(const char *path)
{
    g_autofree char *text = NULL;
    struct stat st;
    gsize len;

    g_assert_true(g_file_get_contents(path, &text, &len, NULL));
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_mutex_lock(&disk.lock);
    disk.durable = g_byte_array_new();
    g_byte_array_append(disk.durable, (uint8_t *)text, (guint)len);
    disk.changes = g_array_new(FALSE, FALSE, sizeof(Change));
    disk.rand = g_rand_new_with_seed(11);
    disk.syncs = disk.events = disk.cut_after = 0;
    disk.inode = st.st_ino;
    g_mutex_unlock(&disk.lock);
}

static void watch_no_more(void)
{
    g_mutex_lock(&disk.lock);
    disk.inode = 0;
    disk.fail_syncs = false;
    g_mutex_unlock(&disk.lock);
    forget_changes();
    g_array_unref(disk.changes);
    g_byte_array_unref(disk.durable);
    g_rand_free(disk.rand);
}

/* ---- a drive over a file in a directory of our own ---- */

typedef struct {
    ImageVm v;
    BlockDrive *drive;
    unsigned acks;
    int ret;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    image_vm_open(&f->v);
}

static void teardown(Fixture *f, gconstpointer data)
{
    image_vm_close(&f->v);
    if (disk.inode) {
        watch_no_more();
    }
}

static void open_drive(Fixture *f, const char *name, const char *options)
{
    static const BlockAttach plain;
    g_autofree char *path = g_build_filename(f->v.dir, name, NULL);
    g_autofree char *text = g_strdup_printf("file=%s,if=none,id=d,%s", path, options);
    g_autoptr(GError) error = NULL;

    blocks_add_drive(f->v.blocks, text, BLOCK_IF_IDE, &error);
    g_assert_no_error(error);
    f->drive = block_drive_attach(f->v.blocks, "d", &plain, &error);
    g_assert_no_error(error);
    watch(path);
}

static void make_raw(Fixture *f, const char *name, size_t bytes)
{
    g_autofree char *path = g_build_filename(f->v.dir, name, NULL), *zero = g_malloc0(bytes);

    g_assert_true(g_file_set_contents(path, zero, (gssize)bytes, NULL));
}

static void acknowledged(void *opaque, int ret)
{
    Fixture *f = opaque;

    f->acks++;
    f->ret = ret;
}

/* ---- acknowledgements ---- */

typedef struct {
    const char *name;
    bool each_write; /* durable when acknowledged */
    bool flush;      /* a flush makes it so */
} Mode;

static const Mode modes[] = {
    { "writethrough", true, true }, { "directsync", true, true }, { "writeback", false, true },
    { "none", false, true },        { "unsafe", false, false },
};

static bool is_durable(uint64_t offset, size_t len, uint8_t byte)
{
    bool same = true;

    g_mutex_lock(&disk.lock);
    for (size_t i = 0; i < len && same; i++) {
        same = offset + i < disk.durable->len && disk.durable->data[offset + i] == byte;
    }
    g_mutex_unlock(&disk.lock);
    return same;
}

static void hold_syncs(bool hold)
{
    g_mutex_lock(&disk.lock);
    disk.held = hold;
    disk.waiting = false;
    g_cond_broadcast(&disk.cond);
    g_mutex_unlock(&disk.lock);
}

/* Submits, and looks while the disk still syncs: nothing is acknowledged yet. Without @synced no sync is expected. */
static void submit(Fixture *f, BlockOp op, uint64_t offset, size_t len, uint8_t byte,
                   unsigned flags, bool synced)
{
    g_autofree uint8_t *data = NULL;
    struct iovec iov;

    g_assert_cmpint(posix_memalign((void **)&data, 4096, len + 1), ==, 0);
    memset(data, byte, len + 1);
    iov = (struct iovec){ data, len };
    hold_syncs(synced);
    f->acks = 0;
    if (op == BLOCK_OP_WRITE) {
        block_aio_pwritev(f->drive, offset, &iov, 1, flags, acknowledged, f);
    } else if (op == BLOCK_OP_ZEROES) {
        block_aio_write_zeroes(f->drive, offset, len, flags, acknowledged, f);
    } else {
        block_aio_flush(f->drive, acknowledged, f);
    }
    if (synced) {
        g_mutex_lock(&disk.lock);
        while (!disk.waiting) {
            g_cond_wait(&disk.cond, &disk.lock);
        }
        g_mutex_unlock(&disk.lock);
        while (g_main_context_iteration(NULL, FALSE)) {
        }
        g_assert_cmpuint(f->acks, ==, 0);
        hold_syncs(false);
    }
    block_drive_drain(f->drive);
    g_assert_cmpuint(f->acks, ==, 1);
    g_assert_cmpint(f->ret, ==, 0);
}

static void an_acknowledgement_is_as_late_as_its_mode_says(Fixture *f, gconstpointer data)
{
    const Mode *m = data;
    g_autofree char *options = g_strdup_printf("format=raw,discard=unmap,cache=%s", m->name);

    make_raw(f, "disk", 1 << 20);
    open_drive(f, "disk", options);
    submit(f, BLOCK_OP_WRITE, 4096, 4096, 1, 0, m->each_write);
    g_assert_true(is_durable(4096, 4096, 1) == m->each_write);
    submit(f, BLOCK_OP_WRITE, 70001, 777, 2, 0, m->each_write); /* a bounce with O_DIRECT */
    g_assert_true(is_durable(70001, 777, 2) == m->each_write);
    submit(f, BLOCK_OP_FLUSH, 0, 0, 0, 0, m->flush);
    g_assert_true(is_durable(70001, 777, 2) == m->flush);
    submit(f, BLOCK_OP_WRITE, 8192, 512, 3, BLOCK_REQ_FUA, m->flush);
    g_assert_true(is_durable(8192, 512, 3) == m->flush);
    submit(f, BLOCK_OP_WRITE, 65536, 65536, 4, 0, m->each_write);
    submit(f, BLOCK_OP_FLUSH, 0, 0, 0, 0, m->flush);
    for (unsigned i = 0; i < 2; i++) {
        submit(f, BLOCK_OP_ZEROES, 65536 + i * 8192, 8192, 0, i ? BLOCK_REQ_MAY_UNMAP : 0,
               m->each_write);
        g_assert_true(!m->flush || is_durable(65536 + i * 8192, 8192, 0) == m->each_write);
        g_assert_true(!m->flush || is_durable(65536 + i * 8192, 8192, 4) == !m->each_write);
    }
    submit(f, BLOCK_OP_FLUSH, 0, 0, 0, 0, m->flush);
    g_assert_true(!m->flush || is_durable(65536, 16384, 0));
    g_assert_true((disk.syncs > 0) == m->flush);
    block_drive_set_write_cache(f->drive, false); /* the guest turns the cache off */
    submit(f, BLOCK_OP_WRITE, 16384, 512, 5, 0, m->flush);
    g_assert_true(is_durable(16384, 512, 5) == m->flush);
}

/* What the kernel could not write it does not try again: no later sync may be believed. */
static void a_sync_that_failed_is_not_forgotten(Fixture *f, gconstpointer data)
{
    uint8_t sector[SECTOR] = { 7 };

    make_raw(f, "disk", 1 << 20);
    open_drive(f, "disk", "format=raw,cache=writeback");
    g_assert_cmpint(block_drive_pwrite(f->drive, 0, sector, SECTOR), ==, 0);
    disk.fail_syncs = true;
    for (unsigned i = 0; i < 3; i++) {
        block_aio_flush(f->drive, acknowledged, f);
        block_drive_drain(f->drive);
        g_assert_cmpint(f->ret, ==, -EIO);
        disk.fail_syncs = false;
    }
}

/* ---- cuts ---- */

typedef struct {
    const char *options;
    unsigned kib;
    bool backing, writethrough;
} Shape;

static const Shape shapes[] = {
    { "cluster_size=512", 512, false, false },
    { "cluster_size=4k,refcount_bits=1", 2048, false, false },
    { "cluster_size=4k", 2048, false, true },
    { "cluster_size=64k", 4096, true, false },
    { "cluster_size=1k,compat=0.10", 1024, true, false },
    { "cluster_size=8k,lazy_refcounts=on", 2048, false, false },
};

#define VERSIONS 24

/* Each sector is filled with a number of its own; those that may be found. */
typedef struct {
    uint32_t numbers[VERSIONS];
    unsigned n;
    bool any; /* too many since the last flush */
} SectorModel;

typedef struct {
    Fixture *f;
    const Shape *shape;
    unsigned sectors;
    SectorModel *model;
    uint32_t *now, next;
    GRand *rand;
} Cutter;

static void may_be(Cutter *c, unsigned sector, uint32_t number)
{
    SectorModel *m = &c->model[sector];

    if (m->n < VERSIONS) {
        m->numbers[m->n++] = number;
    } else {
        m->any = true;
    }
}

/* From here on only the last one will do. */
static void settled(Cutter *c, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        c->model[i] = (SectorModel){ { c->now[i] }, 1, false };
    }
}

static void read_back(Cutter *c, unsigned first, unsigned n)
{
    g_autofree uint32_t *data = g_malloc(n * SECTOR);

    g_assert_cmpint(block_drive_pread(c->f->drive, (uint64_t)first * SECTOR, data, n * SECTOR), ==,
                    0);
    for (unsigned i = 0; i < n; i++) {
        c->now[first + i] = data[i * SECTOR / 4];
        may_be(c, first + i, c->now[first + i]);
    }
}

/* A write, zeroes or a discard of random sectors: how many from *@from on have been acknowledged as written. */
static unsigned change(Cutter *c, unsigned *from)
{
    unsigned limit = g_rand_int_range(c->rand, 0, 6) ? 24 : 300;
    unsigned n = (unsigned)g_rand_int_range(c->rand, 1, (gint32)limit);
    unsigned first = (unsigned)g_rand_int_range(c->rand, 0, (gint32)(c->sectors - n));
    int what = g_rand_int_range(c->rand, 0, 10);
    g_autofree uint32_t *data = g_malloc(n * SECTOR);
    struct iovec iov = { data, n * SECTOR };
    uint64_t offset = (uint64_t)first * SECTOR;

    for (unsigned i = 0; i < n; i++) {
        uint32_t number = what < 7 ? c->next++ : 0;

        for (unsigned k = 0; k < SECTOR / 4; k++) {
            data[i * SECTOR / 4 + k] = number;
        }
        may_be(c, first + i, number);
        c->now[first + i] = number;
    }
    if (what < 7) {
        block_aio_pwritev(c->f->drive, offset, &iov, 1, 0, acknowledged, c->f);
    } else if (what < 9) {
        block_aio_write_zeroes(c->f->drive, offset, n * SECTOR, what == 7 ? BLOCK_REQ_MAY_UNMAP : 0,
                               acknowledged, c->f);
    } else {
        block_aio_discard(c->f->drive, offset, n * SECTOR, acknowledged, c->f);
    }
    block_drive_drain(c->f->drive);
    g_assert_cmpint(c->f->ret, ==, 0);
    *from = first;
    if (what == 9) {
        read_back(c, first, n); /* zero, or as before */
        return 0;
    }
    return n;
}

static void check_sector(const Cutter *c, unsigned sector, const uint32_t *data)
{
    const SectorModel *m = &c->model[sector];
    bool known = m->any;

    for (unsigned k = 1; k < SECTOR / 4; k++) {
        g_assert_cmphex(data[k], ==, data[0]);
    }
    for (unsigned i = 0; i < m->n && !known; i++) {
        known = m->numbers[i] == data[0];
    }
    if (!known) {
        g_error("%s: sector %u is %u after a cut; it was %u when last flushed, and %u now",
                c->shape->options, sector, data[0], m->numbers[0], c->now[sector]);
    }
}

/* What the cut left is sound but for leaks, and holds nothing that was never there. */
static void check_cut(Cutter *c)
{
    g_autofree char *path = g_build_filename(c->f->v.dir, "cut.qcow2", NULL);
    g_autofree char *raw = g_build_filename(c->f->v.dir, "cut.raw", NULL), *text = NULL;
    gsize len;
    int status;

    g_assert_true(g_file_set_contents(path, (char *)disk.cut->data, (gssize)disk.cut->len, NULL));
    g_clear_pointer(&disk.cut, g_byte_array_unref);
    status = image_tool(c->f->v.dir, "check -f qcow2 cut.qcow2");
    if (status && status != 3) { /* 3: leaked clusters, nothing else */
        image_tool_ok(c->f->v.dir, "check -f qcow2 cut.qcow2");
    }
    image_tool_ok(c->f->v.dir, "convert -f qcow2 -O raw cut.qcow2 cut.raw");
    g_assert_true(g_file_get_contents(raw, &text, &len, NULL));
    g_assert_cmpuint(len, ==, c->sectors * SECTOR);
    for (unsigned i = 0; i < c->sectors; i++) {
        check_sector(c, i, (const uint32_t *)(void *)text + i * SECTOR / 4);
    }
}

static void make_image(Fixture *f, const Shape *s)
{
    g_autofree char *create = NULL;

    if (s->backing) {
        make_raw(f, "base.raw", s->kib * 512u);
    }
    create = g_strdup_printf("create -f qcow2 -o %s %s i.qcow2 %uk", s->options,
                             s->backing ? "-b base.raw -F raw" : "", s->kib);
    image_tool_ok(f->v.dir, create);
}

/* At a random one of the next writes and syncs, unless a cut is already on its way. */
static void cut_soon(Cutter *c)
{
    g_mutex_lock(&disk.lock);
    if (!disk.cut_after) {
        disk.cut_after = (unsigned)g_rand_int_range(c->rand, 1, 70);
    }
    g_mutex_unlock(&disk.lock);
}

static unsigned cuts_wanted(void)
{
    const char *text = g_getenv("FERRY_CUTS");

    return text ? (unsigned)g_ascii_strtoull(text, NULL, 10) : CUTS;
}

static void an_image_that_is_cut_has_what_was_flushed(Fixture *f, gconstpointer data)
{
    const Shape *s = data;
    Cutter c = { .f = f, .shape = s, .sectors = s->kib * 2, .next = 1 };

    if (!image_tool_here()) {
        return;
    }
    make_image(f, s);
    open_drive(f, "i.qcow2",
               s->writethrough ? "format=qcow2,discard=unmap,cache=writethrough"
                               : "format=qcow2,discard=unmap");
    c.model = g_new0(SectorModel, c.sectors);
    c.now = g_new0(uint32_t, c.sectors);
    c.rand = g_rand_new_with_seed(5);
    settled(&c, 0, c.sectors);
    for (unsigned cuts = 0; cuts < cuts_wanted();) {
        unsigned first = 0, n = c.sectors;

        cut_soon(&c);
        bool flush = !g_rand_int_range(c.rand, 0, 6);
        if (flush) {
            submit(f, BLOCK_OP_FLUSH, 0, 0, 0, 0, false);
        } else {
            n = change(&c, &first);
        }
        if (disk.cut) {
            check_cut(&c);
            cuts++;
        }
        if (flush || s->writethrough) {
            settled(&c, first, n);
        }
    }
    g_free(c.model);
    g_free(c.now);
    g_rand_free(c.rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *name =
            g_strdup_printf("/durability/an-acknowledgement-is-as-late-as-its-mode-says/%s",
                            modes[i].name);

        g_test_add(name, Fixture, &modes[i], setup, an_acknowledgement_is_as_late_as_its_mode_says,
                   teardown);
    }
    g_test_add("/durability/a-sync-that-failed-is-not-forgotten", Fixture, NULL, setup,
               a_sync_that_failed_is_not_forgotten, teardown);
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        g_autofree char *name =
            g_strdup_printf("/durability/an-image-that-is-cut-has-what-was-flushed/%s",
                            shapes[i].options);

        g_test_add(name, Fixture, &shapes[i], setup, an_image_that_is_cut_has_what_was_flushed,
                   teardown);
    }
    return g_test_run();
}
