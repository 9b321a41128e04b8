/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block layer over real files: data, permissions and locks between two sets (two processes as
 * far as the locks can tell), durability order, options, probing, hand-over.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/block/block-priv.h"
#include "backend/block/file-priv.h"

typedef struct {
    Vm *vm;
    Blocks *blocks;
    char *path;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    TypeRegistry *types = type_registry_new();
    int fd = g_file_open_tmp("ferry-block-XXXXXX", &f->path, NULL);

    type_registry_seal(types);
    f->vm = vm_new(types);
    vm_lock(f->vm);
    f->blocks = blocks_new(f->vm, NULL);
    g_assert_cmpint(ftruncate(fd, 1 << 20), ==, 0);
    close(fd);
}

static void teardown(Fixture *f, gconstpointer data)
{
    blocks_free(f->blocks);
    vm_unlock(f->vm);
    vm_free(f->vm);
    g_unlink(f->path);
    g_free(f->path);
}

static BlockDrive *add(Fixture *f, const char *extra)
{
    g_autofree char *text = g_strdup_printf("file=%s,if=none,%s", f->path, extra);
    g_autoptr(GError) error = NULL;
    BlockDrive *drive = blocks_add_drive(f->blocks, text, BLOCK_IF_IDE, &error);

    g_assert_no_error(error);
    return drive;
}

static void refuse(Fixture *f, const char *extra, const char *message)
{
    g_autofree char *text = g_strdup_printf("file=%s,if=none%s", f->path, extra);
    g_autoptr(GError) error = NULL;
    guint before = f->blocks->nodes->len;

    g_assert_null(blocks_add_drive(f->blocks, text, BLOCK_IF_IDE, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, message)) {
        g_error("'%s' lacks '%s'", error->message, message);
    }
    g_assert_cmpuint(f->blocks->nodes->len, ==, before);
}

static const BlockAttach plain_attach;

static void what_is_written_is_read_back(Fixture *f, gconstpointer mode)
{
    g_autofree char *extra = g_strdup_printf("format=raw,id=d,cache=%s", (const char *)mode);
    BlockDrive *drive = add(f, extra);
    g_autofree uint8_t *out = g_malloc(70000), *in = g_malloc0(70000);

    g_assert_true(block_drive_attach(f->blocks, "d", &plain_attach, NULL) == drive);
    for (int i = 0; i < 70000; i++) {
        out[i] = (uint8_t)(i * 7 + i / 251);
    }
    g_assert_cmpuint(block_drive_length(drive), ==, 1 << 20);
    /* Unaligned on purpose: with O_DIRECT this is a read-modify-write. */
    g_assert_cmpint(block_drive_pwrite(drive, 12345, out, 70000), ==, 0);
    g_assert_cmpint(block_drive_pread(drive, 12345, in, 70000), ==, 0);
    g_assert_cmpmem(out, 70000, in, 70000);
    g_assert_cmpint(block_drive_pread(drive, 12344, in, 1), ==, 0);
    g_assert_cmpuint(in[0], ==, 0);
    g_assert_cmpint(block_drive_pread(drive, (1 << 20) - 100, in, 101), ==, -EIO);
    g_assert_cmpint(block_drive_pread(drive, UINT64_MAX - 10, in, 100), ==, -EIO);
    g_assert_cmpuint(block_drive_stats(drive)->ops[BLOCK_STAT_WRITE], ==, 1);
    g_assert_cmpuint(block_drive_stats(drive)->failed[BLOCK_STAT_READ], ==, 2);
    g_assert_cmpuint(block_drive_stats(drive)->highest_write, ==, 82345);
    block_drive_detach(drive);
}

static void note_order(void *opaque, int ret)
{
    g_string_append_printf(opaque, "%d;", ret);
}

#define SIDE_BY_SIDE 300 /* more than the kernel is given at a time */

static void add_result(void *opaque, int ret)
{
    *(int *)opaque += ret ? 1 : 0;
}

/* Reads and writes of any alignment under way together, by the kernel alone where it takes them. */
static void the_kernel_carries_out_requests(Fixture *f, gconstpointer kind)
{
    g_autofree char *text =
        g_strdup_printf("file=%s,if=none,format=raw,id=d,%s", f->path, (const char *)kind);
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *out = NULL, *in = NULL;
    void *mem = NULL;
    int failed = 0;

    g_assert_cmpint(truncate(f->path, SIDE_BY_SIDE * 4096), ==, 0);
    BlockDrive *drive = blocks_add_drive(f->blocks, text, BLOCK_IF_IDE, &error);

    if (!drive &&
        (strstr(error->message, "host refuses") || strstr(error->message, "built without"))) {
        g_test_skip(error->message);
        return;
    }
    g_assert_no_error(error);
    g_assert_cmpint(posix_memalign(&mem, 4096, SIDE_BY_SIDE * 4096), ==, 0);
    out = mem;
    g_assert_cmpint(posix_memalign(&mem, 4096, SIDE_BY_SIDE * 4096), ==, 0);
    in = mem;
    memset(in, 0xee, SIDE_BY_SIDE * 4096);
    g_assert_true(block_drive_attach(f->blocks, "d", &plain_attach, NULL) == drive);
    for (int i = 0; i < SIDE_BY_SIDE * 4096; i++) {
        out[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (int i = 0; i < SIDE_BY_SIDE; i++) { /* every eighth is no whole sector */
        struct iovec iov = { out + i * 4096, i % 8 == 3 ? 4000 : 4096 };

        block_aio_pwritev(drive, (uint64_t)i * 4096, &iov, 1, i % 8 == 5 ? BLOCK_REQ_FUA : 0,
                          add_result, &failed);
    }
    block_drive_drain(drive);
    for (int i = 0; i < SIDE_BY_SIDE; i++) {
        struct iovec iov[2] = { { in + i * 4096, 1024 }, { in + i * 4096 + 1024, 3072 } };

        block_aio_preadv(drive, (uint64_t)i * 4096, iov, 2, add_result, &failed);
    }
    block_drive_drain(drive);
    g_assert_cmpint(failed, ==, 0);
    for (int i = 0; i < SIDE_BY_SIDE; i++) {
        size_t n = i % 8 == 3 ? 4000 : 4096;

        g_assert_cmpmem(in + i * 4096, n, out + i * 4096, n);
        g_assert_true(iov_is_zero(&(struct iovec){ in + i * 4096 + n, 4096 - n }, 1));
    }
    g_assert_cmpint(block_drive_pread(drive, 4096, in, 512), ==, 0);
    g_assert_cmpmem(in, 512, out + 4096, 512);
    g_assert_true(blocks_flush_all(f->blocks, NULL));
    block_drive_detach(drive);
}

static void completion_never_runs_inside_submit(Fixture *f, gconstpointer data)
{
    BlockDrive *drive =
        blocks_add_drive(f->blocks, "file=null-co://,format=raw,id=n,if=none", BLOCK_IF_IDE, NULL);
    g_autoptr(GString) log = g_string_new(NULL);
    uint8_t byte = 0;
    struct iovec iov = { &byte, 1 };

    g_assert_nonnull(drive);
    block_aio_preadv(drive, 0, &iov, 1, note_order, log);
    block_aio_flush(drive, note_order, log);
    block_aio_preadv(drive, 1ull << 40, &iov, 1, note_order, log);
    g_assert_cmpstr(log->str, ==, "");
    while (drive->inflight) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_cmpuint(log->len, ==, strlen("0;0;-5;"));
}

static void a_failed_sync_fails_every_later_flush(Fixture *f, gconstpointer data)
{
    BlockDrive *drive = add(f, "format=raw,id=d,cache=writethrough");
    FileState *s = drive->root->node->file->node->state;
    uint8_t sector[512] = { 1 };
    int saved = s->fd, fds[2];

    g_assert_false(block_drive_write_cache(drive));
    g_assert_cmpint(block_drive_pwrite(drive, 0, sector, 512), ==, 0);
    /* A pipe takes no sync: the write itself "works" only with an fd that can pwrite, so make the
       flush fail alone. */
    g_assert_cmpint(pipe(fds), ==, 0);
    s->fd = fds[1];
    g_autoptr(GError) error = NULL;
    g_assert_false(blocks_flush_all(f->blocks, &error));
    g_assert_nonnull(error);
    s->fd = saved;
    close(fds[0]);
    close(fds[1]);
    g_clear_error(&error);
    g_assert_false(blocks_flush_all(f->blocks, &error));
    /* ... and no write through is acknowledged any more. */
    g_assert_cmpint(block_drive_pwrite(drive, 0, sector, 512), <, 0);
    s->sync_error = 0;
}

static void zeroes_and_discard_read_as_zero(Fixture *f, gconstpointer data)
{
    BlockDrive *drive = add(f, "format=raw,id=d,discard=unmap,detect-zeroes=unmap");
    g_autofree uint8_t *buf = g_malloc(65536);
    g_autoptr(GString) log = g_string_new(NULL);
    BlockNodeInfo info;

    memset(buf, 0xaa, 65536);
    g_assert_cmpint(block_drive_pwrite(drive, 0, buf, 65536), ==, 0);
    block_aio_discard(drive, 0, 4096, note_order, log);
    block_aio_write_zeroes(drive, 4096, 4096, 0, note_order, log);
    block_aio_write_zeroes(drive, 8192, 4096, BLOCK_REQ_MAY_UNMAP, note_order, log);
    block_drive_drain(drive);
    g_assert_cmpstr(log->str, ==, "0;0;0;");
    g_assert_cmpint(block_drive_pread(drive, 0, buf, 16384), ==, 0);
    g_assert_true(iov_is_zero(&(struct iovec){ buf, 12288 }, 1));
    g_assert_cmpuint(buf[12288], ==, 0xaa);
    memset(buf, 0, 65536);
    g_assert_cmpint(block_drive_pwrite(drive, 0, buf, 65536), ==, 0);
    block_node_info(drive->root->node, &info);
    g_assert_cmpuint(info.actual_size, <, 65536);
    g_assert_cmpstr(info.detect_zeroes, ==, "unmap");
}

static void two_writers_exclude_each_other(Fixture *f, gconstpointer data)
{
    Blocks *other = blocks_new(f->vm, NULL);
    g_autofree char *text = g_strdup_printf("file=%s,if=none,format=raw,id=o", f->path);
    BlockDrive *mine = add(f, "format=raw,id=d");
    BlockAttach reader = { .read_only = true, .share_rw = true }, sharing = { .share_rw = true };
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(blocks_add_drive(other, text, BLOCK_IF_IDE, NULL));
    g_assert_nonnull(block_drive_attach(f->blocks, "d", &plain_attach, &error));
    g_assert_null(block_drive_attach(other, "o", &plain_attach, &error));
    g_assert_nonnull(strstr(error->message, "lock"));
    g_clear_error(&error);
    g_assert_null(block_drive_attach(f->blocks, "d", &plain_attach, &error)); /* in use */
    g_clear_error(&error);
    /* A reader that lets others write is let in. */
    g_assert_nonnull(block_drive_attach(other, "o", &reader, &error));
    block_drive_detach(blocks_find_drive(other, "o"));
    /* Given up, the image is free for the other one, and cannot be had back meanwhile. */
    g_assert_true(blocks_inactivate(f->blocks, &error));
    g_assert_cmpint(block_drive_pread(mine, 0, &(uint8_t){ 0 }, 1), ==, -EPERM);
    g_assert_nonnull(block_drive_attach(other, "o", &plain_attach, &error));
    g_assert_false(blocks_activate(f->blocks, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_true(blocks_are_inactive(f->blocks));
    block_drive_detach(blocks_find_drive(other, "o"));
    g_assert_true(blocks_activate(f->blocks, &error));
    g_assert_cmpint(block_drive_pread(mine, 0, &(uint8_t){ 0 }, 1), ==, 0);
    block_drive_detach(mine);
    g_assert_nonnull(block_drive_attach(f->blocks, "d", &sharing, &error));
    g_assert_nonnull(block_drive_attach(other, "o", &sharing, &error));
    blocks_free(other);
}

static void an_incoming_set_takes_locks_only_when_activated(Fixture *f, gconstpointer data)
{
    Blocks *target = blocks_new(f->vm, NULL);
    g_autofree char *text = g_strdup_printf("file=%s,if=none,format=raw,id=o", f->path);
    g_autoptr(GError) error = NULL;

    add(f, "format=raw,id=d");
    g_assert_nonnull(block_drive_attach(f->blocks, "d", &plain_attach, &error));
    blocks_start_inactive(target);
    g_assert_nonnull(blocks_add_drive(target, text, BLOCK_IF_IDE, &error));
    g_assert_nonnull(block_drive_attach(target, "o", &plain_attach, &error));
    g_assert_false(blocks_activate(target, NULL));
    g_assert_true(blocks_inactivate(f->blocks, &error));
    g_assert_cmpint(truncate(f->path, 2 << 20), ==, 0);
    g_assert_true(blocks_activate(target, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(block_drive_length(blocks_find_drive(target, "o")), ==, 2 << 20);
    blocks_free(target);
}

static void a_guessed_raw_image_cannot_become_another_format(Fixture *f, gconstpointer data)
{
    uint8_t sector[512] = "QFI\xfb";
    BlockDrive *drive = add(f, "id=d");

    g_assert_cmpint(block_drive_pwrite(drive, 0, sector, 512), ==, -EPERM);
    g_assert_cmpint(block_drive_pwrite(drive, 512, sector, 512), ==, 0);
    sector[0] = 'X';
    g_assert_cmpint(block_drive_pwrite(drive, 0, sector, 512), ==, 0);
    g_assert_true(blocks_del_drive(f->blocks, "d", NULL));
    sector[0] = 'Q';
    drive = add(f, "id=d,format=raw");
    g_assert_cmpint(block_drive_pwrite(drive, 0, sector, 512), ==, 0);
    g_assert_true(blocks_del_drive(f->blocks, "d", NULL));
    refuse(f, "", "qcow2 image");
}

static void a_file_and_options_of_its_protocol_go_together(Fixture *f, gconstpointer data)
{
    BlockDrive *mine = add(f, "format=raw,id=d,file.locking=off");
    Blocks *other = blocks_new(f->vm, NULL);
    g_autofree char *text = g_strdup_printf("file=%s,if=none,format=raw,id=o", f->path);

    g_assert_cmpuint(block_drive_length(mine), ==, 1 << 20);
    g_assert_nonnull(block_drive_attach(f->blocks, "d", &plain_attach, NULL));
    g_assert_nonnull(blocks_add_drive(other, text, BLOCK_IF_IDE, NULL));
    g_assert_nonnull(block_drive_attach(other, "o", &plain_attach, NULL)); /* no lock in its way */
    blocks_free(other);
    refuse(f, ",format=raw,file.wibble=1", "wibble");
}

static void a_snapshot_drive_leaves_the_image_alone(Fixture *f, gconstpointer data)
{
    BlockDrive *d = add(f, "format=raw,id=d,snapshot=on");
    uint8_t out[5000], in[5000];
    g_autofree char *content = NULL;
    gsize len;

    memset(out, 0x5a, sizeof(out));
    g_assert_nonnull(block_drive_attach(f->blocks, "d", &plain_attach, NULL));
    g_assert_cmpuint(block_drive_length(d), ==, 1 << 20);
    g_assert_cmpint(block_drive_pwrite(d, 70000, out, sizeof(out)), ==, 0);
    g_assert_cmpint(block_drive_pread(d, 70000, in, sizeof(in)), ==, 0);
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    g_assert_true(blocks_flush_all(f->blocks, NULL));
    g_assert_true(g_file_get_contents(f->path, &content, &len, NULL));
    g_assert_true(len == 1 << 20 && iov_is_zero(&(struct iovec){ content, len }, 1));
    /* the image itself is free for other readers, not for a writer */
    Blocks *other = blocks_new(f->vm, NULL);
    g_autofree char *text = g_strdup_printf("file=%s,if=none,format=raw,id=o", f->path);
    g_assert_nonnull(blocks_add_drive(other, text, BLOCK_IF_IDE, NULL));
    g_assert_null(block_drive_attach(other, "o", &plain_attach, NULL));
    blocks_free(other);
}

static void bad_drive_options_are_named(Fixture *f, gconstpointer data)
{
    refuse(f, ",format=nope", "unknown driver 'nope'");
    refuse(f, ",format=raw,wibble=1", "'wibble' is unexpected");
    refuse(f, ",format=raw,cache=sometimes", "'sometimes'");
    refuse(f, ",format=raw,aio=native", "without cache.direct=on");
    refuse(f, ",format=raw,aio=sometimes", "sometimes");
    refuse(f, ",format=raw,snapshot=perhaps", "snapshot");
    refuse(f, ",format=raw,bps=1000", "throttling");
    refuse(f, ",format=raw,rerror=enospc", "rerror");
    refuse(f, ",format=raw,offset=1", "multiples of 512");
    refuse(f, ",format=raw,offset=2M", "beyond");
    refuse(f, ",format=raw,size=2M", "beyond");
    refuse(f, ",format=raw,index=1,bus=0", "index");
    refuse(f, ",format=raw,file=/nonexistent/x", "/nonexistent/x");
    refuse(f, ",format=raw,file=nbd://x", "unknown protocol 'nbd'");
    refuse(f, ",format=raw,read-only=perhaps", "read-only");
    refuse(f, "=", "if");
}

static void drives_get_the_usual_ids_and_places(Fixture *f, gconstpointer data)
{
    static const char *const ids[] = { "ide0-hd0", "ide0-hd1", "ide1-hd0", "virtio0",
                                       "virtio1",  "none0",    "ide1-cd1" };
    static const char *const args[] = { "",          "",        "",           "if=virtio",
                                        "if=virtio", "if=none", "media=cdrom" };

    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        BlockDrive *d = blocks_add_drive(f->blocks, args[i], BLOCK_IF_IDE, NULL);

        g_assert_nonnull(d);
        g_assert_cmpstr(block_drive_id(d), ==, ids[i]);
    }
    g_assert_cmpint(block_drive_info(blocks_find_drive(f->blocks, "ide1-hd0"))->bus, ==, 1);
    g_assert_cmpint(block_drive_pread(blocks_find_drive(f->blocks, "none0"), 0, &(int){ 0 }, 1), ==,
                    -ENOMEDIUM);
}

static GVariant *dict(const char *text)
{
    GVariant *v = options_parse(text, "driver", NULL);

    g_assert_nonnull(v);
    return v;
}

static void nodes_are_added_stacked_and_deleted(Fixture *f, gconstpointer data)
{
    g_autofree char *file = g_strdup_printf("file,node-name=f0,filename=%s", f->path);
    g_autoptr(GError) error = NULL;

    g_assert_true(blocks_add_node(f->blocks, dict(file), &error));
    g_assert_true(
        blocks_add_node(f->blocks, dict("raw,node-name=r0,file=f0,offset=512k,size=256k"), &error));
    g_assert_false(blocks_add_node(f->blocks, dict("raw,node-name=r0,file=f0"), NULL));
    g_assert_false(blocks_add_node(f->blocks, dict("raw,file=f0"), NULL));
    g_assert_false(blocks_add_node(f->blocks, dict("raw,node-name=7up,file=f0"), NULL));
    g_assert_false(blocks_add_node(f->blocks, dict("raw,node-name=r1,file=f1"), NULL));
    g_assert_false(blocks_del_node(f->blocks, "f0", &error));
    g_clear_error(&error);
    BlockDrive *d = block_drive_attach(f->blocks, "r0", &plain_attach, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(block_drive_length(d), ==, 256 << 10);
    g_assert_cmpint(block_drive_pwrite(d, 0, "hello", 5), ==, 0);
    g_assert_false(blocks_del_node(f->blocks, "r0", NULL));
    /* The second writer of the window is refused inside the process too. */
    g_assert_true(blocks_add_node(f->blocks, dict("raw,node-name=r2,file=f0"), &error));
    g_assert_null(block_drive_attach(f->blocks, "r2", &plain_attach, &error));
    g_clear_error(&error);
    block_drive_detach(d);
    g_assert_true(blocks_del_node(f->blocks, "r0", &error));
    g_assert_true(blocks_del_node(f->blocks, "r2", &error));
    g_assert_true(blocks_del_node(f->blocks, "f0", &error));
    g_assert_cmpuint(f->blocks->nodes->len, ==, 0);
    g_autofree char *content = NULL;
    g_assert_true(g_file_get_contents(f->path, &content, NULL, NULL));
    g_assert_cmpmem(content + (512 << 10), 5, "hello", 5);
}

static void an_event(void *opaque, const char *name, GVariant *data)
{
    g_autoptr(GVariant) held = data ? g_variant_ref_sink(data) : NULL;
    g_autoptr(GVariant) action = g_variant_lookup_value(held, "action", NULL);

    g_string_append_printf(opaque, "%s:%s;", name, g_variant_get_string(action, NULL));
}

static void errors_follow_the_policy(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) log = g_string_new(NULL);
    BlockDrive *d = add(f, "format=raw,id=d,rerror=ignore,werror=stop");

    f->vm->ports.event = an_event;
    f->vm->ports.event_opaque = log;
    g_assert_cmpint(block_drive_handle_error(d, true, EIO), ==, BLOCK_ACTION_IGNORE);
    g_assert_cmpint(block_drive_handle_error(d, false, EIO), ==, BLOCK_ACTION_STOP);
    g_assert_true(blocks_del_drive(f->blocks, "d", NULL));
    d = add(f, "format=raw,id=d");
    g_assert_cmpint(block_drive_handle_error(d, false, EIO), ==, BLOCK_ACTION_REPORT);
    g_assert_cmpint(block_drive_handle_error(d, false, ENOSPC), ==, BLOCK_ACTION_STOP);
    g_assert_cmpstr(log->str, ==,
                    "BLOCK_IO_ERROR:ignore;BLOCK_IO_ERROR:stop;BLOCK_IO_ERROR:report;"
                    "BLOCK_IO_ERROR:stop;");
}

static void a_resize_reaches_the_device(void *opaque)
{
    ++*(int *)opaque;
}

static void resize_tells_the_device(Fixture *f, gconstpointer data)
{
    static const BlockDriveOps ops = { .resized = a_resize_reaches_the_device };
    int told = 0;
    BlockAttach attach = { .ops = &ops, .opaque = &told };
    BlockDrive *d = add(f, "format=raw,id=d");

    g_assert_nonnull(block_drive_attach(f->blocks, "d", &attach, NULL));
    g_assert_true(blocks_resize(f->blocks, "d", 3 << 20, NULL));
    g_assert_cmpint(told, ==, 1);
    g_assert_cmpuint(block_drive_length(d), ==, 3 << 20);
}

#define T(name, fn, data) g_test_add("/block/" name, Fixture, data, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    T("what-is-written-is-read-back/writeback", what_is_written_is_read_back, "writeback");
    T("what-is-written-is-read-back/none", what_is_written_is_read_back, "none");
    T("what-is-written-is-read-back/directsync", what_is_written_is_read_back, "directsync");
    T("what-is-written-is-read-back/unsafe", what_is_written_is_read_back, "unsafe");
    T("the-kernel-carries-out-requests/native", the_kernel_carries_out_requests,
      "aio=native,cache=none");
    T("the-kernel-carries-out-requests/io_uring", the_kernel_carries_out_requests, "aio=io_uring");
    T("the-kernel-carries-out-requests/io_uring-direct", the_kernel_carries_out_requests,
      "aio=io_uring,cache.direct=on");
    T("completion-never-runs-inside-submit", completion_never_runs_inside_submit, NULL);
    T("a-failed-sync-fails-every-later-flush", a_failed_sync_fails_every_later_flush, NULL);
    T("zeroes-and-discard-read-as-zero", zeroes_and_discard_read_as_zero, NULL);
    T("two-writers-exclude-each-other", two_writers_exclude_each_other, NULL);
    T("an-incoming-set-takes-locks-only-when-activated",
      an_incoming_set_takes_locks_only_when_activated, NULL);
    T("a-guessed-raw-image-cannot-become-another-format",
      a_guessed_raw_image_cannot_become_another_format, NULL);
    T("a-file-and-options-of-its-protocol-go-together",
      a_file_and_options_of_its_protocol_go_together, NULL);
    T("a-snapshot-drive-leaves-the-image-alone", a_snapshot_drive_leaves_the_image_alone, NULL);
    T("bad-drive-options-are-named", bad_drive_options_are_named, NULL);
    T("drives-get-the-usual-ids-and-places", drives_get_the_usual_ids_and_places, NULL);
    T("nodes-are-added-stacked-and-deleted", nodes_are_added_stacked_and_deleted, NULL);
    T("errors-follow-the-policy", errors_follow_the_policy, NULL);
    T("resize-tells-the-device", resize_tells_the_device, NULL);
    return g_test_run();
}
