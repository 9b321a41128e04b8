/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network backends as a management program sees them: what events say of a stream's other end. */
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libqtest.h"

static const char *member(json_object *obj, const char *a, const char *b)
{
    obj = json_object_object_get(json_object_object_get(obj, "data"), a);
    return json_object_get_string(b ? json_object_object_get(obj, b) : obj);
}

static void add(QTest *q, bool server, const char *addr)
{
    json_object_put(qtest_qmp_ok(q,
                                 "{\"execute\": \"netdev_add\", \"arguments\": {\"id\": \"n\", "
                                 "\"type\": \"stream\", \"server\": %s, \"addr\": %s}}",
                                 server ? "true" : "false", addr));
}

static void closed(QTest *q, int fd)
{
    json_object *event;

    close(fd);
    event = qtest_event(q, "NETDEV_STREAM_DISCONNECTED");
    g_assert_cmpstr(member(event, "netdev-id", NULL), ==, "n");
    json_object_put(event);
    qtest_end(q);
}

static void test_unix(void)
{
    g_autofree char *dir = g_dir_make_tmp("ferry-netdev-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "wire", NULL);
    g_autofree char *json = g_strdup_printf("{\"type\": \"unix\", \"path\": \"%s\"}", path);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    QTest *q = qtest_start("x86_64", "-M q35 -nodefaults");
    json_object *event;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    add(q, true, json);
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    event = qtest_event(q, "NETDEV_STREAM_CONNECTED");
    g_assert_cmpstr(member(event, "netdev-id", NULL), ==, "n");
    g_assert_cmpstr(member(event, "addr", "type"), ==, "unix");
    g_assert_cmpstr(member(event, "addr", "path"), ==, path);
    json_object_put(event);
    closed(q, fd);
    g_unlink(path);
    g_rmdir(dir);
}

static void test_inet(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    g_autofree char *port = NULL, *json = NULL;
    QTest *q = qtest_start("x86_64", "-M q35 -nodefaults");
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
    json_object *event;

    g_assert_cmpint(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    g_assert_cmpint(getsockname(listener, (struct sockaddr *)&addr, &len), ==, 0);
    port = g_strdup_printf("%d", ntohs(addr.sin_port));
    json = g_strdup_printf("{\"type\": \"inet\", \"host\": \"127.0.0.1\", \"port\": \"%s\"}", port);
    add(q, false, json);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    close(listener);
    event = qtest_event(q, "NETDEV_STREAM_CONNECTED");
    g_assert_cmpstr(member(event, "addr", "type"), ==, "inet");
    g_assert_cmpstr(member(event, "addr", "host"), ==, "127.0.0.1");
    g_assert_cmpstr(member(event, "addr", "port"), ==, port);
    json_object_put(event);
    closed(q, fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/netdev/stream/unix-peer-is-told", test_unix);
    g_test_add_func("/x86_64/netdev/stream/inet-peer-is-told", test_inet);
    return g_test_run();
}
