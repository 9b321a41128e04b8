/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices over real sockets, ptys, files and pipes; option strings. The host's own end is
 * driven by the default main context, one step at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "backend/chardev/chardev.h"

typedef struct {
    ChardevFrontend fe;
    GString *in;
    size_t room;
    int opened, closed, breaks, mux_in, mux_out, writable;
} Front;

static size_t front_can_receive(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Front *f = opaque;
    g_assert_cmpuint(len, <=, f->room);
    g_string_append_len(f->in, (const char *)buf, len);
}

static void front_event(void *opaque, ChardevEvent event)
{
    Front *f = opaque;
    f->opened += event == CHARDEV_EVENT_OPENED;
    f->closed += event == CHARDEV_EVENT_CLOSED;
    f->breaks += event == CHARDEV_EVENT_BREAK;
    f->mux_in += event == CHARDEV_EVENT_MUX_IN;
    f->mux_out += event == CHARDEV_EVENT_MUX_OUT;
}

static const ChardevFrontendOps front_ops = {
    .can_receive = front_can_receive,
    .receive = front_receive,
    .event = front_event,
};

static void front_start(Front *f, Chardev *c)
{
    g_autoptr(GError) error = NULL;
    *f = (Front){ .in = g_string_new(NULL), .room = 4096 };
    chardev_frontend_attach(&f->fe, c, &front_ops, f, &error);
    g_assert_no_error(error);
}

static void front_end(Front *f)
{
    chardev_frontend_detach(&f->fe);
    g_string_free(f->in, TRUE);
}

static Chardev *add(Chardevs *set, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ChardevConfig) config = chardev_config_parse(text, &error);
    g_assert_no_error(error);
    Chardev *c = chardevs_add(set, config, &error);
    g_assert_no_error(error);
    return c;
}

/* Run the main context until the condition holds. */
#define WAIT_FOR(condition)                                           \
    do {                                                              \
        gint64 until = g_get_monotonic_time() + 100 * G_USEC_PER_SEC; \
        while (!(condition) && g_get_monotonic_time() < until) {      \
            if (!g_main_context_iteration(NULL, FALSE)) {             \
                g_usleep(500);                                        \
            }                                                         \
        }                                                             \
        g_assert_true(condition);                                     \
    } while (0)

static char *temp_path(const char *name)
{
    g_autofree char *dir = g_dir_make_tmp("ferry-chardev-XXXXXX", NULL);
    return g_build_filename(dir, name, NULL);
}

static void temp_gone(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_unlink(path);
    g_rmdir(dir);
}

static void put(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
}

static void expect_from(int fd, const char *text)
{
    GString *got = g_string_new(NULL);
    gint64 until = g_get_monotonic_time() + 100 * G_USEC_PER_SEC;
    while (got->len < strlen(text) && g_get_monotonic_time() < until) {
        char buf[256];
        struct pollfd p = { .fd = fd, .events = POLLIN };
        g_main_context_iteration(NULL, FALSE);
        gssize n = poll(&p, 1, 1) > 0 ? read(fd, buf, sizeof(buf)) : 0;
        g_string_append_len(got, buf, MAX(n, 0));
    }
    g_assert_cmpstr(got->str, ==, text);
    g_string_free(got, TRUE);
}

/* ---- sockets ---- */

static void a_unix_server_takes_one_client_after_the_other(void)
{
    g_autofree char *path = temp_path("s");
    g_autofree char *text = g_strdup_printf("socket,id=c,path=%s,server=on,wait=off", path);
    Chardevs *set = chardevs_new(NULL);
    Chardev *c = add(set, text);
    g_autoptr(SocketAddress) addr = socket_address_new_unix(path);
    Front f;
    front_start(&f, c);
    g_assert_cmpint(f.opened, ==, 0);
    g_autofree char *idle = chardev_filename(c);
    g_autofree char *expected = g_strdup_printf("disconnected:unix:%s,server=on", path);
    g_assert_cmpstr(idle, ==, expected);
    for (int round = 1; round <= 3; round++) {
        int fd = socket_address_connect(addr, 5000, NULL);
        WAIT_FOR(f.opened == round);
        g_autofree char *name = chardev_filename(c);
        g_assert_cmpstr(name, ==, expected + strlen("disconnected:"));
        put(fd, "ping");
        WAIT_FOR(f.in->len == 4);
        g_assert_cmpuint(chardev_write(&f.fe, (const uint8_t *)"pong", 4), ==, 4);
        expect_from(fd, "pong");
        put(fd, "last words");
        close(fd);
        WAIT_FOR(f.closed == round);
        g_assert_cmpstr(f.in->str, ==, "pinglast words");
        g_string_truncate(f.in, 0);
        /* Without a peer everything is taken and gone. */
        g_assert_cmpuint(chardev_write(&f.fe, (const uint8_t *)"void", 4), ==, 4);
    }
    front_end(&f);
    chardevs_free(set);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    temp_gone(path);
}

static void flow_control_stops_reading_and_a_full_socket_is_reported(void)
{
    int pair[2];
    Chardevs *set = chardevs_new(NULL);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autofree char *text = g_strdup_printf("socket,id=c,fd=%d", pair[1]);
    Front f;
    front_start(&f, add(set, text));
    g_assert_cmpint(f.opened, ==, 1);
    f.room = 0;
    put(pair[0], "wait");
    for (int i = 0; i < 50; i++) {
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(f.in->len, ==, 0);
    f.room = 3;
    chardev_frontend_accept_input(&f.fe);
    WAIT_FOR(f.in->len == 4);
    uint8_t big[65536] = { 0 };
    size_t sent = 0, n;
    while ((n = chardev_write(&f.fe, big, sizeof(big))) == sizeof(big)) {
        sent += n;
    }
    sent += n;
    g_assert_cmpuint(sent, >, 0);
    while (sent) {
        gssize got = read(pair[0], big, sizeof(big));
        g_assert_cmpint(got, >, 0);
        sent -= got;
    }
    g_assert_cmpuint(chardev_write(&f.fe, big, 10), ==, 10);
    close(pair[0]);
    front_end(&f);
    chardevs_free(set);
}

static void note_writable(void *opaque)
{
    ((Front *)opaque)->writable++;
}

static void a_watch_fires_once_when_there_is_room_again(void)
{
    int pair[2];
    Chardevs *set = chardevs_new(NULL);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autofree char *text = g_strdup_printf("socket,id=c,fd=%d", pair[1]);
    Front f;
    front_start(&f, add(set, text));
    uint8_t big[65536] = { 0 };
    while (chardev_write(&f.fe, big, sizeof(big)) == sizeof(big)) {
    }
    while (chardev_write(&f.fe, big, sizeof(big))) {
    }
    chardev_frontend_watch(&f.fe, note_writable);
    for (int i = 0; i < 20; i++) {
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpint(f.writable, ==, 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    while (read(pair[0], big, sizeof(big)) > 0) {
    }
    WAIT_FOR(f.writable == 1);
    for (int i = 0; i < 20; i++) {
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpint(f.writable, ==, 1);
    close(pair[0]);
    front_end(&f);
    chardevs_free(set);
}

static void a_client_reconnects(void)
{
    g_autofree char *path = temp_path("s");
    g_autofree char *text = g_strdup_printf("socket,id=c,path=%s,reconnect-ms=20", path);
    Chardevs *set = chardevs_new(NULL);
    g_autoptr(SocketAddress) addr = socket_address_new_unix(path);
    Front f;
    front_start(&f, add(set, text));
    for (int round = 1; round <= 2; round++) {
        int listener = socket_address_listen(addr, 1, NULL);
        g_assert_cmpint(listener, >=, 0);
        WAIT_FOR(f.opened == round);
        int fd = accept(listener, NULL, NULL);
        put(fd, "x");
        WAIT_FOR(f.in->len == (gsize)round);
        close(fd);
        close(listener);
        g_unlink(path);
        WAIT_FOR(f.closed == round);
    }
    front_end(&f);
    chardevs_free(set);
    temp_gone(path);
}

static void a_tcp_server_shows_both_ends(void)
{
    Chardevs *set = chardevs_new(NULL);
    Chardev *c = add(set, "socket,id=c,host=127.0.0.1,port=0,server,nowait,nodelay");
    Front f;
    front_start(&f, c);
    g_autofree char *name = chardev_filename(c);
    g_assert_true(g_str_has_prefix(name, "disconnected:tcp:127.0.0.1:"));
    g_autofree char *port = g_strndup(name + 27, strcspn(name + 27, ","));
    g_autoptr(SocketAddress) addr = socket_address_new_inet("127.0.0.1", port);
    int fd = socket_address_connect(addr, 5000, NULL);
    WAIT_FOR(f.opened == 1);
    g_autofree char *both = chardev_filename(c);
    g_assert_nonnull(strstr(both, " <-> 127.0.0.1:"));
    close(fd);
    front_end(&f);
    chardevs_free(set);
}

static void a_hangup_is_seen_although_nobody_reads(void)
{
    g_autofree char *path = temp_path("s");
    g_autofree char *text = g_strdup_printf("socket,id=c,path=%s,server=on,wait=off", path);
    Chardevs *set = chardevs_new(NULL);
    g_autoptr(SocketAddress) addr = socket_address_new_unix(path);
    Front f;
    front_start(&f, add(set, text));
    f.room = 0;
    int fd = socket_address_connect(addr, 5000, NULL);
    WAIT_FOR(f.opened == 1);
    close(fd);
    WAIT_FOR(f.closed == 1);
    front_end(&f);
    chardevs_free(set);
    temp_gone(path);
}

/* ---- others ---- */

static void a_pty_opens_closes_and_carries_raw_bytes(void)
{
    Chardevs *set = chardevs_new(NULL);
    Chardev *c = add(set, "pty,id=p");
    g_autofree char *name = chardev_filename(c);
    g_assert_true(g_str_has_prefix(name, "pty:/dev/"));
    Front f;
    front_start(&f, c);
    /* Nobody there: output does not block and is not kept. */
    for (int i = 0; i < 100; i++) {
        g_autofree char *lots = g_strnfill(4000, 'z');
        g_assert_cmpuint(chardev_write(&f.fe, (const uint8_t *)lots, 4000), ==, 4000);
    }
    for (int round = 1; round <= 2; round++) {
        int fd = open(name + 4, O_RDWR | O_NOCTTY);
        g_assert_cmpint(fd, >=, 0);
        WAIT_FOR(f.opened == round);
        put(fd, "\x03\r\n\x01");
        WAIT_FOR(f.in->len == 4);
        g_assert_cmpstr(f.in->str, ==, "\x03\r\n\x01");
        g_string_truncate(f.in, 0);
        g_assert_cmpuint(chardev_write(&f.fe, (const uint8_t *)"a\nb", 3), ==, 3);
        expect_from(fd, "a\nb");
        close(fd);
        WAIT_FOR(f.closed == round);
    }
    front_end(&f);
    chardevs_free(set);
}

static void a_ringbuf_keeps_the_last_bytes(void)
{
    Chardevs *set = chardevs_new(NULL);
    Chardev *c = add(set, "ringbuf,id=r,size=8");
    uint8_t buf[16];
    Front f;
    front_start(&f, c);
    chardev_write(&f.fe, (const uint8_t *)"0123456789ab", 12);
    g_assert_cmpuint(chardev_ringbuf_read(c, buf, 3, NULL), ==, 3);
    g_assert_cmpmem(buf, 3, "456", 3);
    g_assert_true(chardev_ringbuf_write(c, (const uint8_t *)"XY", 2, NULL));
    g_assert_cmpuint(chardev_ringbuf_read(c, buf, 16, NULL), ==, 7);
    g_assert_cmpmem(buf, 7, "789abXY", 7);
    g_assert_cmpuint(chardev_ringbuf_read(c, buf, 16, NULL), ==, 0);
    front_end(&f);
    chardevs_free(set);
}

static void files_append_log_and_open_fd_sets(void)
{
    g_autofree char *path = temp_path("out");
    g_autofree char *contents = NULL;
    FdSets *fdsets = fd_sets_new();
    Chardevs *set = chardevs_new(fdsets);
    g_assert_true(g_file_set_contents(path, "old ", -1, NULL));
    int fd = open(path, O_WRONLY);
    g_assert_cmpint(fd_sets_add(fdsets, 3, fd, "x", NULL), ==, 3);
    Front f;
    front_start(&f, add(set, "file,id=f,path=/dev/fdset/3,append=on"));
    chardev_write(&f.fe, (const uint8_t *)"new", 3);
    front_end(&f);
    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    g_assert_cmpstr(contents, ==, "old new");
    g_autoptr(GError) error = NULL;
    g_autoptr(ChardevConfig) bad = chardev_config_parse("file,id=g,path=/dev/fdset/9", NULL);
    g_assert_null(chardevs_add(set, bad, &error));
    g_assert_cmpstr(error->message, ==, "'/dev/fdset/9' names no fd set");
    g_autofree char *text = g_strdup_printf("null,id=n,logfile=%s", path);
    front_start(&f, add(set, text));
    chardev_write(&f.fe, (const uint8_t *)"logged", 6);
    front_end(&f);
    g_clear_pointer(&contents, g_free);
    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    g_assert_cmpstr(contents, ==, "logged");
    chardevs_free(set);
    fd_sets_free(fdsets);
    temp_gone(path);
}

static void a_mux_switches_focus_and_keeps_early_input(void)
{
    int pair[2];
    Chardevs *set = chardevs_new(NULL);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autofree char *text = g_strdup_printf("socket,id=m,fd=%d,mux=on", pair[1]);
    Chardev *c = add(set, text);
    g_assert_true(chardev_is_mux(c));
    g_assert_nonnull(chardevs_find(set, "m-base"));
    Front a, b;
    front_start(&b, c);
    front_start(&a, c); /* has the focus: it came last */
    g_assert_cmpint(a.opened, ==, 1);
    g_assert_cmpint(b.mux_out, ==, 1);
    put(pair[0], "to-a\x01"
                 "cto-b\x01\x01\x01"
                 "c!\x01"
                 "b");
    WAIT_FOR(a.breaks == 1);
    g_assert_cmpstr(a.in->str, ==, "to-a!");
    g_assert_cmpstr(b.in->str, ==, "to-b\x01");
    g_assert_cmpint(a.mux_in, ==, 2);
    g_assert_cmpint(b.mux_in, ==, 2);
    a.room = 0;
    put(pair[0], "later");
    for (int i = 0; i < 50; i++) {
        g_main_context_iteration(NULL, FALSE);
    }
    a.room = 2;
    chardev_frontend_accept_input(&a.fe);
    WAIT_FOR(!strcmp(a.in->str, "to-a!later"));
    chardev_write(&b.fe, (const uint8_t *)"from b", 6);
    expect_from(pair[0], "from b");
    front_end(&a);
    front_end(&b);
    chardevs_free(set);
    close(pair[0]);
}

static void change_moves_the_frontend_to_the_new_chardev(void)
{
    g_autoptr(GError) error = NULL;
    Chardevs *set = chardevs_new(NULL);
    Front f;
    front_start(&f, add(set, "null,id=x"));
    g_autoptr(ChardevConfig) config = chardev_config_parse("ringbuf,id=x", NULL);
    g_assert_true(chardevs_change(set, "x", config, &error));
    chardev_write(&f.fe, (const uint8_t *)"hi", 2);
    uint8_t buf[4];
    g_assert_cmpuint(chardev_ringbuf_read(chardevs_find(set, "x"), buf, 4, NULL), ==, 2);
    g_assert_false(chardevs_remove(set, "x", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'x' is busy");
    front_end(&f);
    g_assert_true(chardevs_remove(set, "x", NULL));
    chardevs_free(set);
}

static void a_second_frontend_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    Chardevs *set = chardevs_new(NULL);
    Chardev *c = add(set, "null,id=x");
    Front f;
    ChardevFrontend other = { 0 };
    front_start(&f, c);
    g_assert_false(chardev_frontend_attach(&other, c, &front_ops, &f, &error));
    g_assert_error(error, FERRY_CHARDEV_ERROR, CHARDEV_ERROR_BUSY);
    front_end(&f);
    chardevs_free(set);
}

/* ---- option strings ---- */

static void option_strings_are_parsed_or_named(void)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        { "bogus,id=x", "'bogus' is not a valid char driver name" },
        { "null", "chardev: no id specified" },
        { "null,id=x,path=/y", "Invalid parameter 'path' of chardev 'null'" },
        { "socket,id=x", "chardev: socket: exactly one of 'path', 'port' and 'fd' is needed" },
        { "socket,id=x,path=/a,port=1",
          "chardev: socket: exactly one of 'path', 'port' and 'fd' is needed" },
        { "socket,id=x,port=1", "chardev: socket: no host given" },
        { "socket,id=x,path=/a,server=maybe",
          "Parameter 'server' expects 'on' or 'off', not 'maybe'" },
        { "socket,id=x,path=/a,telnet=on",
          "Parameter 'telnet' expects 'off': it is not supported, not 'on'" },
        { "socket,id=x,fd=-1", "Parameter 'fd' expects a number up to 2147483647, not '-1'" },
        { "file,id=x,path", "Parameter 'path' of chardev 'file' needs a value" },
        { "mux,id=x", "'mux' is not a valid char driver name" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(chardev_config_parse(bad[i].text, &error));
        g_assert_cmpstr(error->message, ==, bad[i].error);
    }
    g_autoptr(ChardevConfig) c = chardev_config_parse("file,id=f,path=/a,,b,append,mux=on", NULL);
    g_assert_cmpstr(c->path, ==, "/a,b");
    g_assert_true(c->append && c->mux);
}

static void legacy_spellings_are_understood(void)
{
    bool monitor;
    g_autoptr(ChardevConfig) a = chardev_config_parse_legacy("s0", "mon:stdio", &monitor, NULL);
    g_assert_true(monitor && a->mux && !a->signal);
    g_assert_cmpint(a->kind, ==, CHARDEV_KIND_STDIO);
    g_autoptr(ChardevConfig) b =
        chardev_config_parse_legacy("q", "unix:/run/x,server,nowait", &monitor, NULL);
    g_assert_cmpstr(b->addr->path, ==, "/run/x");
    g_assert_true(!monitor && b->server && !b->wait);
    g_autoptr(ChardevConfig) c =
        chardev_config_parse_legacy("q", "tcp:[::1]:4444,server=on", &monitor, NULL);
    g_assert_cmpstr(c->addr->host, ==, "::1");
    g_assert_cmpstr(c->addr->port, ==, "4444");
    g_assert_true(c->wait);
    g_autoptr(ChardevConfig) d = chardev_config_parse_legacy("q", "file:/tmp/x", &monitor, NULL);
    g_assert_cmpstr(d->path, ==, "/tmp/x");
    g_autoptr(ChardevConfig) e = chardev_config_parse_legacy("q", "vc:80Cx24C", &monitor, NULL);
    g_assert_cmpint(e->kind, ==, CHARDEV_KIND_VC);
    g_autoptr(GError) error = NULL;
    g_assert_null(chardev_config_parse_legacy("q", "udp:1", &monitor, &error));
    g_assert_cmpstr(error->message, ==, "'udp:1' is not a valid char driver");
}

static void addresses_are_parsed_and_refused(void)
{
    static const char *const good[] = { "unix:/a/b", "tcp:host:80", "tcp:[::1]:80", "fd:7" };
    static const char *const bad[] = { "unix:", "tcp:host", "tcp:", "fd:x", "fd:-1", ":", "[::1" };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(SocketAddress) addr = socket_address_parse(good[i], NULL);
        g_autofree char *back = socket_address_format(addr);
        g_assert_cmpstr(back, ==, good[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(socket_address_parse(bad[i], &error));
        g_assert_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_ADDRESS);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chardev/a-unix-server-takes-one-client-after-the-other",
                    a_unix_server_takes_one_client_after_the_other);
    g_test_add_func("/chardev/flow-control-stops-reading-and-a-full-socket-is-reported",
                    flow_control_stops_reading_and_a_full_socket_is_reported);
    g_test_add_func("/chardev/a-watch-fires-once-when-there-is-room-again",
                    a_watch_fires_once_when_there_is_room_again);
    g_test_add_func("/chardev/a-client-reconnects", a_client_reconnects);
    g_test_add_func("/chardev/a-tcp-server-shows-both-ends", a_tcp_server_shows_both_ends);
    g_test_add_func("/chardev/a-hangup-is-seen-although-nobody-reads",
                    a_hangup_is_seen_although_nobody_reads);
    g_test_add_func("/chardev/a-pty-opens-closes-and-carries-raw-bytes",
                    a_pty_opens_closes_and_carries_raw_bytes);
    g_test_add_func("/chardev/a-ringbuf-keeps-the-last-bytes", a_ringbuf_keeps_the_last_bytes);
    g_test_add_func("/chardev/files-append-log-and-open-fd-sets",
                    files_append_log_and_open_fd_sets);
    g_test_add_func("/chardev/a-mux-switches-focus-and-keeps-early-input",
                    a_mux_switches_focus_and_keeps_early_input);
    g_test_add_func("/chardev/change-moves-the-frontend-to-the-new-chardev",
                    change_moves_the_frontend_to_the_new_chardev);
    g_test_add_func("/chardev/a-second-frontend-is-refused", a_second_frontend_is_refused);
    g_test_add_func("/chardev/option-strings-are-parsed-or-named",
                    option_strings_are_parsed_or_named);
    g_test_add_func("/chardev/legacy-spellings-are-understood", legacy_spellings_are_understood);
    g_test_add_func("/chardev/addresses-are-parsed-and-refused", addresses_are_parsed_and_refused);
    return g_test_run();
}
