/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration by its capabilities, parameters and figures: what makes a guest that writes too fast
 * converge, what is compressed, what can be interrupted, and what query-migrate tells of it.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "migration-pair.h"

/* ---- connecting ---- */

/* A listener whose queue is full: connecting there waits for good. */
typedef struct {
    int listener, waiting[4];
    char *path;
} DeafPeer;

static int unix_socket(const char *path, bool listening)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_assert_cmpint(fd, >=, 0);
    g_strlcpy(un.sun_path, path, sizeof(un.sun_path));
    if (listening) {
        g_assert_cmpint(bind(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
        g_assert_cmpint(listen(fd, 0), ==, 0);
    } else {
        (void)!connect(fd, (struct sockaddr *)&un, sizeof(un));
    }
    return fd;
}

static void deaf_open(DeafPeer *d, Pair *p)
{
    d->path = in_dir(p, "deaf");
    d->listener = unix_socket(d->path, true);
    for (size_t i = 0; i < G_N_ELEMENTS(d->waiting); i++) {
        d->waiting[i] = unix_socket(d->path, false);
    }
}

static void deaf_close(DeafPeer *d)
{
    close(d->listener);
    for (size_t i = 0; i < G_N_ELEMENTS(d->waiting); i++) {
        close(d->waiting[i]);
    }
    g_free(d->path);
}

static void begin_towards(QTest *q, const char *path)
{
    g_autofree char *uri = g_strdup_printf("unix:%s", path);
    gint64 since = g_get_monotonic_time();

    migrate(q, uri);
    g_assert_cmpint(g_get_monotonic_time() - since, <, 5 * G_USEC_PER_SEC);
    wait_status(q, "setup");
}

static void test_cancel_setup(void)
{
    Pair p = { 0 };
    DeafPeer d;

    open_pair(&p, V4, "-m 128", V4, "");
    deaf_open(&d, &p);
    begin_towards(p.src, d.path);
    assert_alive(p.src);
    OK(p.src, "{\"execute\": \"migrate_cancel\"}");
    wait_status(p.src, "cancelled");
    assert_alive(p.src);
    deaf_close(&d);
    close_pair(&p);
}

static size_t yankable(QTest *q, const char *type)
{
    json_object *list = qtest_qmp_ok(q, "{\"execute\": \"query-yank\"}");
    size_t n = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        n += g_str_equal(member(json_object_array_get_idx(list, i), "type"), type);
    }
    json_object_put(list);
    return n;
}

#define YANK "{\"execute\": \"yank\", \"arguments\": {\"instances\": [{\"type\": \"migration\"}]}}"

static void test_yank(void)
{
    Pair p = { 0 };
    DeafPeer d;
    json_object *error, *answer;

    open_equal(&p, V4);
    g_assert_cmpuint(yankable(p.src, "chardev"), >=, 1);
    g_assert_cmpuint(yankable(p.src, "migration"), ==, 0);
    answer = qtest_qmp(p.src, YANK);
    g_assert_true(json_object_object_get_ex(answer, "error", &error));
    g_assert_cmpstr(member(error, "class"), ==, "DeviceNotFound");
    json_object_put(answer);
    deaf_open(&d, &p);
    begin_towards(p.src, d.path);
    g_assert_cmpuint(yankable(p.src, "migration"), ==, 1);
    OK(p.src, YANK);
    wait_status(p.src, "failed");
    deaf_close(&d);
    hold_it(p.src);
    g_free(connect_unix(&p));
    wait_sent(p.src, 1 << 20);
    OK(p.src, YANK);
    wait_status(p.src, "failed");
    wait_status(p.dst, "failed");
    assert_alive(p.src);
    close_pair(&p);
}

/* ---- addresses ---- */

static void test_channels_abstract(const void *machine)
{
    Pair p = { 0 };
    g_autofree char *name = g_strdup_printf("ferry-test-%d", (int)getpid());
    g_autofree char *channels = NULL;

    open_equal(&p, machine);
    channels = g_strdup_printf("\"channels\": [{\"channel-type\": \"main\", \"addr\": "
                               "{\"transport\": \"socket\", \"type\": \"unix\", \"path\": \"%s\", "
                               "\"abstract\": true, \"tight\": true}}]",
                               name);
    let_it_converge(p.src);
    OK(p.dst, "{\"execute\": \"migrate-incoming\", \"arguments\": {%s}}", channels);
    OK(p.src, "{\"execute\": \"migrate\", \"arguments\": {%s}}", channels);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

/* -incoming takes one object of the channels argument; the port range is looked through. */
static void test_incoming_channel(const void *machine)
{
    Pair p = { 0 };
    json_object *list, *info;

    open_pair(&p, machine, "-m 128", machine, "");
    p.dst = start(&p, machine, "dst",
                  "-m 128 -incoming "
                  "{\"channel-type\":\"main\",\"addr\":{\"transport\":\"socket\",\"type\":\"inet\","
                  "\"host\":\"localhost\",\"port\":\"0\",\"ipv6\":false,\"keep-alive\":true}}");
    info = query(p.dst);
    g_assert_true(json_object_object_get_ex(info, "socket-address", &list));
    json_object *addr = json_object_array_get_idx(list, 0);
    g_assert_cmpstr(member(addr, "ipv4"), ==, "true");
    g_autofree char *uri = g_strdup_printf("tcp:%s:%s", member(addr, "host"), member(addr, "port"));
    json_object_put(info);
    let_it_converge(p.src);
    migrate(p.src, uri);
    wait_status(p.src, "completed");
    check_moved(&p, "dst");
    close_pair(&p);
}

static void add_both(const char *name, void (*fn)(const void *machine))
{
    g_autofree char *v4 = g_strdup_printf("/x86_64/migration/%s", name);
    g_autofree char *v3 = g_strdup_printf("/x86_64/migration/version-3/%s", name);

    g_test_add_data_func(v4, V4, fn);
    g_test_add_data_func(v3, V3, fn);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/migration/cancel/src/after/setup", test_cancel_setup);
    g_test_add_func("/x86_64/migration/yank", test_yank);
    g_test_add_data_func("/x86_64/migration/precopy/unix/abstract", V4, test_channels_abstract);
    g_test_add_data_func("/x86_64/migration/precopy/tcp/incoming-channel", V4,
                         test_incoming_channel);
    (void)add_both;
    return g_test_run();
}
