/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/io channels: sockets, files, commands, memory, deadlines, shutdown, and injected faults. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include "base/io/channel.h"

static void pair(Channel **a, Channel **b)
{
    int fds[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    *a = channel_new_fd(fds[0], "a");
    *b = channel_new_fd(fds[1], "b");
}

static void test_socket(void)
{
    g_autoptr(Channel) a = NULL;
    g_autoptr(Channel) b = NULL;
    g_autoptr(GError) error = NULL;
    char buf[6] = { 0 };
    pair(&a, &b);
    g_assert_cmpuint(channel_features(a), ==, CHANNEL_TWO_WAY);
    g_assert_true(channel_write_all(a, "hello", 5, &error));
    g_assert_true(channel_read_all(b, buf, 5, &error));
    g_assert_cmpstr(buf, ==, "hello");
    g_assert_cmpuint(channel_bytes_written(a), ==, 5);
    g_clear_pointer(&a, channel_unref);
    g_assert_cmpint(channel_read(b, buf, 1, &error), ==, 0);
    g_assert_false(channel_read_all(b, buf, 3, &error));
    g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_EOF);
    g_assert_cmpstr(error->message, ==, "b: the peer closed after 0 of 3 bytes");
}

static void test_deadline(void)
{
    g_autoptr(Channel) a = NULL;
    g_autoptr(Channel) b = NULL;
    g_autoptr(GError) error = NULL;
    char c;
    pair(&a, &b);
    channel_set_timeout(a, 20);
    g_assert_cmpint(channel_read(a, &c, 1, &error), ==, -1);
    g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_TIMEOUT);
}

static gpointer reader(gpointer data)
{
    GError *error = NULL;
    char c;
    g_assert_cmpint(channel_read(data, &c, 1, &error), ==, -1);
    return error;
}

static void test_shutdown(void)
{
    g_autoptr(Channel) a = NULL;
    g_autoptr(Channel) b = NULL;
    pair(&a, &b);
    GThread *t = g_thread_new("reader", reader, a);
    channel_shutdown(a);
    g_autoptr(GError) error = g_thread_join(t);
    g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_CANCELLED);
}

/* The reader has had enough; what it says still arrives. */
static void test_stop_reading(void)
{
    g_autoptr(Channel) a = NULL;
    g_autoptr(Channel) b = NULL;
    g_autoptr(GError) error = NULL;
    char c;
    pair(&a, &b);
    channel_stop_reading(a);
    g_assert_false(channel_read_all(a, &c, 1, &error));
    g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_EOF);
    g_assert_true(channel_write_all(a, "x", 1, NULL) && channel_read_all(b, &c, 1, NULL));
    g_assert_cmpint(c, ==, 'x');
}

static gpointer drain(gpointer data)
{
    static const size_t some = 8 << 20;
    g_autofree char *buf = g_malloc(some);
    channel_read_all(data, buf, some, NULL);
    return NULL;
}

/* In a hurry a read that would wait fails at once; a write that waits is let go on while its reader
   takes it, and ends when nobody does. */
static void test_hurry(void)
{
    g_autoptr(Channel) a = NULL;
    g_autoptr(Channel) b = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *much = g_malloc0(8 << 20);
    char c;
    pair(&a, &b);
    channel_hurry(a, 60000);
    g_assert_true(channel_write_all(b, "y", 1, NULL) && channel_read_all(a, &c, 1, NULL));
    g_assert_false(channel_read_all(a, &c, 1, &error));
    g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_CANCELLED);
    GThread *reader = g_thread_new("reader", drain, b);
    g_assert_true(channel_write_all(a, much, 8 << 20, NULL));
    g_thread_join(reader);
    g_clear_error(&error);
    channel_hurry(a, 10);
    g_assert_false(channel_write_all(a, much, 8 << 20, &error));
    g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_CANCELLED);
}

static void test_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("ferry-channel-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "f", NULL);
    char buf[4] = { 0 };
    g_autoptr(Channel) w = channel_open_file(path, true, 0, &error);
    g_assert_no_error(error);
    g_assert_true(channel_write_all(w, "0123456789", 10, &error));
    g_assert_true(channel_finish(w, &error));
    g_autoptr(Channel) r = channel_open_file(path, false, 4, &error);
    g_assert_true(channel_read_all(r, buf, 3, &error));
    g_assert_cmpstr(buf, ==, "456");
    g_assert_true(channel_seek(r, 1, &error));
    g_assert_true(channel_read_all(r, buf, 3, &error));
    g_assert_cmpstr(buf, ==, "123");
    g_unlink(path);
    g_rmdir(dir);
    g_assert_null(channel_open_file(path, false, 0, &error));
    g_assert_nonnull(strstr(error->message, path));
}

static void test_exec(void)
{
    g_autoptr(GError) error = NULL;
    char buf[4] = { 0 };
    g_autoptr(Channel) c = channel_exec("cat", &error);
    g_assert_no_error(error);
    g_assert_true(channel_write_all(c, "abc", 3, &error));
    g_assert_true(channel_read_all(c, buf, 3, &error));
    g_assert_cmpstr(buf, ==, "abc");
    g_assert_true(channel_finish(c, &error));
    g_autoptr(Channel) bad = channel_exec("exit 3", &error);
    g_assert_false(channel_finish(bad, &error));
    g_assert_cmpstr(error->message, ==, "exec:exit 3: the command ended with status 3");
}

static Channel *faulty(const char *spec, const char *data)
{
    g_autoptr(GError) error = NULL;
    ChannelFault fault;
    g_assert_true(channel_fault_parse(spec, &fault, &error));
    return channel_new_fault(channel_new_buffer(data, strlen(data)), &fault);
}

static void test_faults(void)
{
    g_autoptr(GError) error = NULL;
    char buf[9] = { 0 };
    g_autoptr(Channel) flip = faulty("flip:read:17", "abcd"); /* byte 2, bit 1 */
    g_assert_true(channel_read_all(flip, buf, 4, &error));
    g_assert_cmpstr(buf, ==, "abad");
    g_autoptr(Channel) cut = faulty("cut:read:2", "abcd");
    g_assert_false(channel_read_all(cut, buf, 4, &error));
    g_assert_cmpstr(error->message, ==, "buffer: the peer closed after 2 of 4 bytes");
    g_clear_error(&error);
    g_autoptr(Channel) fail = faulty("fail:write:3", "");
    g_assert_false(channel_write_all(fail, "wxyz", 4, &error));
    g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_INJECTED);
    g_assert_cmpuint(channel_bytes_written(fail), ==, 3);
    g_clear_error(&error);
    g_autoptr(Channel) truncated = faulty("truncate:write:1", "");
    g_assert_true(channel_write_all(truncated, "wxyz", 4, &error));
    ChannelFault f;
    g_assert_false(channel_fault_parse("melt:read:1", &f, &error));
    g_assert_false(channel_fault_parse("cut:read:x", &f, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/io/channel/a-socket-carries-bytes-and-tells-its-end", test_socket);
    g_test_add_func("/io/channel/a-deadline-ends-a-silent-read", test_deadline);
    g_test_add_func("/io/channel/shutdown-frees-a-blocked-reader", test_shutdown);
    g_test_add_func("/io/channel/who-stops-reading-can-still-speak", test_stop_reading);
    g_test_add_func("/io/channel/in-a-hurry-only-writes-wait-and-not-for-long", test_hurry);
    g_test_add_func("/io/channel/a-file-is-written-read-and-sought", test_file);
    g_test_add_func("/io/channel/a-command-is-a-channel-and-its-failure-an-error", test_exec);
    g_test_add_func("/io/channel/faults-strike-at-their-byte", test_faults);
    return g_test_run();
}
