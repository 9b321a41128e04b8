/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The test's end of the qtest and QMP sockets. Both are listened on here; the program connects.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "libqtest.h"

typedef struct {
    int fd;
    GString *in;
} Line;

struct QTest {
    pid_t pid;
    char *dir;
    Line test, qmp;
    GQueue *events; /* json_object */
    uint64_t levels;
    unsigned rises[64];
    bool has_qmp;
};

/* ---- the process ---- */

static char *program(const char *guest)
{
    const char *bin = g_getenv("FERRY_BIN"), *dir = g_getenv("FERRY_BINARY_DIR");

    if (bin) {
        return g_strdup(bin);
    }
    return g_strdup_printf("%s/ferry-system-%s", dir ? dir : ".", guest);
}

static char **make_argv(const char *guest, const char *args, const char *const *extra)
{
    g_auto(GStrv) words = g_strsplit(args, " ", -1);
    GPtrArray *argv = g_ptr_array_new();

    g_ptr_array_add(argv, program(guest));
    for (const char *const *w = extra; w && *w; w++) {
        g_ptr_array_add(argv, g_strdup(*w));
    }
    for (char **w = words; *w; w++) {
        if (**w) {
            g_ptr_array_add(argv, g_strdup(*w));
        }
    }
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

static pid_t spawn(char **argv, int err_fd)
{
    pid_t parent = getpid(), pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        if (err_fd >= 0) {
            dup2(err_fd, 2);
        }
        execv(argv[0], argv);
        fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    return pid;
}

static int reap(pid_t pid)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    int status = 0;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (g_get_monotonic_time() > end) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            g_error("process %d did not end within %d s", (int)pid, QTEST_TIMEOUT_S);
        }
        g_usleep(2000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- sockets ---- */

static int listen_at(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpuint(strlen(path), <, sizeof(addr.sun_path));
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

static void wait_readable(QTest *q, int fd)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    struct pollfd p = { .fd = fd, .events = POLLIN };

    while (poll(&p, 1, 100) <= 0) {
        int status;

        if (waitpid(q->pid, &status, WNOHANG) == q->pid) {
            g_error("the program ended with status 0x%x", status);
        }
        if (g_get_monotonic_time() > end) {
            kill(q->pid, SIGKILL);
            g_error("no answer within %d s", QTEST_TIMEOUT_S);
        }
    }
}

static int accept_one(QTest *q, int listener)
{
    wait_readable(q, listener);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    close(listener);
    return fd;
}

static void send_all(Line *l, const char *text)
{
    size_t len = strlen(text);

    while (len) {
        ssize_t n = send(l->fd, text, len, MSG_NOSIGNAL);

        g_assert_cmpint(n, >, 0);
        text += n;
        len -= (size_t)n;
    }
}

static char *read_line(QTest *q, Line *l)
{
    for (;;) {
        char *end = memchr(l->in->str, '\n', l->in->len);

        if (end) {
            char *line = g_strndup(l->in->str, (gsize)(end - l->in->str));

            g_string_erase(l->in, 0, end - l->in->str + 1);
            return line;
        }
        char buf[65536];

        wait_readable(q, l->fd);
        ssize_t n = recv(l->fd, buf, sizeof(buf), 0);

        if (n <= 0) {
            g_error("the program closed its socket");
        }
        g_string_append_len(l->in, buf, n);
    }
}

/* ---- start and end ---- */

static void greet_qmp(QTest *q)
{
    g_autofree char *greeting = read_line(q, &q->qmp);

    g_assert_nonnull(strstr(greeting, "\"QMP\""));
    json_object_put(qtest_qmp_ok(q, "{\"execute\": \"qmp_capabilities\"}"));
}

QTest *qtest_start(const char *guest, const char *args, ...)
{
    QTest *q = g_new0(QTest, 1);
    va_list ap;

    va_start(ap, args);
    g_autofree char *given = g_strdup_vprintf(args, ap);
    va_end(ap);
    q->has_qmp = !g_str_has_prefix(given, "-no-qmp");
    q->dir = g_dir_make_tmp("ferry-qtest-XXXXXX", NULL);
    g_assert_nonnull(q->dir);
    q->events = g_queue_new();
    q->test.in = g_string_new(NULL);
    q->qmp.in = g_string_new(NULL);
    g_autofree char *test_path = g_build_filename(q->dir, "qtest", NULL);
    g_autofree char *qmp_path = g_build_filename(q->dir, "qmp", NULL);
    g_autofree char *test_arg = g_strdup_printf("unix:%s", test_path);
    g_autofree char *qmp_arg = g_strdup_printf("unix:%s", qmp_path);
    int test_listener = listen_at(test_path);
    int qmp_listener = q->has_qmp ? listen_at(qmp_path) : -1;
    const char *extra[] = { "-qtest",   test_arg, "-qtest-log",
                            "none",     "-accel", "qtest",
                            "-display", "none",   q->has_qmp ? "-qmp" : NULL,
                            qmp_arg,    NULL };
    if (strstr(given, "-accel ")) {
        extra[4] = "-display";
        extra[5] = "none";
    }
    g_auto(GStrv) argv = make_argv(guest, q->has_qmp ? given : given + strlen("-no-qmp"), extra);

    q->pid = spawn(argv, -1);
    if (q->has_qmp) {
        q->qmp.fd = accept_one(q, qmp_listener);
    }
    q->test.fd = accept_one(q, test_listener);
    if (q->has_qmp) {
        greet_qmp(q);
    }
    return q;
}

static void put_object(void *obj)
{
    json_object_put(obj);
}

static void free_all(QTest *q)
{
    g_autofree char *test_path = g_build_filename(q->dir, "qtest", NULL);
    g_autofree char *qmp_path = g_build_filename(q->dir, "qmp", NULL);

    close(q->test.fd);
    if (q->has_qmp) {
        close(q->qmp.fd);
    }
    g_unlink(test_path);
    g_unlink(qmp_path);
    g_rmdir(q->dir);
    g_free(q->dir);
    g_string_free(q->test.in, TRUE);
    g_string_free(q->qmp.in, TRUE);
    g_queue_free_full(q->events, put_object);
    g_free(q);
}

int qtest_wait_exit(QTest *q)
{
    int status = reap(q->pid);

    free_all(q);
    return status;
}

void qtest_end(QTest *q)
{
    if (q->has_qmp) {
        send_all(&q->qmp, "{\"execute\": \"quit\"}\n");
    } else {
        kill(q->pid, SIGTERM);
    }
    g_assert_cmpint(qtest_wait_exit(q), ==, 0);
}

void qtest_kill(QTest *q)
{
    int status;
    kill(q->pid, SIGKILL);
    g_assert_cmpint(waitpid(q->pid, &status, 0), ==, q->pid);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    free_all(q);
}

int qtest_run_once(const char *guest, const char *args, char **err)
{
    g_auto(GStrv) argv = make_argv(guest, args, NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    char buf[4096];
    ssize_t n;
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    pid_t pid = spawn(argv, fds[1]);

    close(fds[1]);
    while ((n = read(fds[0], buf, sizeof(buf))) > 0) {
        g_string_append_len(text, buf, n);
    }
    close(fds[0]);
    if (err) {
        *err = g_strdup(text->str);
    }
    return reap(pid);
}

int qtest_pid(QTest *q)
{
    return q->pid;
}

/* ---- the qtest protocol ---- */

static bool take_irq_line(QTest *q, const char *line)
{
    char what[8];
    unsigned n;

    if (sscanf(line, "IRQ %7s %u", what, &n) != 2) {
        return false;
    }
    g_assert_cmpuint(n, <, 64);
    if (g_str_equal(what, "raise")) {
        q->levels |= 1ull << n;
        q->rises[n]++;
    } else {
        q->levels &= ~(1ull << n);
    }
    return true;
}

static char *command(QTest *q, const char *format, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(format, ap);
    g_autofree char *line = g_strconcat(text, "\n", NULL);

    send_all(&q->test, line);
    for (;;) {
        char *answer = read_line(q, &q->test);

        if (!take_irq_line(q, answer)) {
            return answer;
        }
        g_free(answer);
    }
}

char *qtest_cmd_raw(QTest *q, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    char *answer = command(q, format, ap);
    va_end(ap);
    return answer;
}

char *qtest_cmd(QTest *q, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    g_autofree char *answer = command(q, format, ap);
    va_end(ap);
    if (!g_str_has_prefix(answer, "OK")) {
        g_error("'%s' was answered with '%s'", format, answer);
    }
    return g_strdup(answer[2] ? answer + 3 : "");
}

static uint64_t get_number(QTest *q, const char *op, uint64_t addr)
{
    g_autofree char *answer = qtest_cmd(q, "%s 0x%" G_GINT64_MODIFIER "x", op, addr);

    return g_ascii_strtoull(answer, NULL, 0);
}

static void put_number(QTest *q, const char *op, uint64_t addr, uint64_t value)
{
    g_free(qtest_cmd(q, "%s 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x", op, addr, value));
}

#define ACCESSORS(suffix, type)                                   \
    type qtest_read##suffix(QTest *q, uint64_t addr)              \
    {                                                             \
        return (type)get_number(q, "read" #suffix, addr);         \
    }                                                             \
    void qtest_write##suffix(QTest *q, uint64_t addr, type value) \
    {                                                             \
        put_number(q, "write" #suffix, addr, value);              \
    }
#define PORT_ACCESSORS(suffix, type)                            \
    type qtest_in##suffix(QTest *q, uint16_t port)              \
    {                                                           \
        return (type)get_number(q, "in" #suffix, port);         \
    }                                                           \
    void qtest_out##suffix(QTest *q, uint16_t port, type value) \
    {                                                           \
        put_number(q, "out" #suffix, port, value);              \
    }
ACCESSORS(b, uint8_t)
ACCESSORS(w, uint16_t)
ACCESSORS(l, uint32_t)
ACCESSORS(q, uint64_t)
PORT_ACCESSORS(b, uint8_t)
PORT_ACCESSORS(w, uint16_t)
PORT_ACCESSORS(l, uint32_t)

void qtest_memread(QTest *q, uint64_t addr, void *data, size_t len)
{
    while (len) {
        size_t n = MIN(len, 1u << 20);
        gsize got = 0;
        g_autofree char *answer = qtest_cmd(q, "b64read 0x%" G_GINT64_MODIFIER "x %zu", addr, n);
        g_autofree guchar *bytes = g_base64_decode(answer, &got);

        g_assert_cmpuint(got, ==, n);
        memcpy(data, bytes, n);
        data = (uint8_t *)data + n;
        addr += n;
        len -= n;
    }
}

void qtest_memwrite(QTest *q, uint64_t addr, const void *data, size_t len)
{
    while (len) {
        size_t n = MIN(len, 1u << 20);
        g_autofree char *text = g_base64_encode(data, n);

        g_free(qtest_cmd(q, "b64write 0x%" G_GINT64_MODIFIER "x %zu %s", addr, n, text));
        data = (const uint8_t *)data + n;
        addr += n;
        len -= n;
    }
}

void qtest_memset(QTest *q, uint64_t addr, uint8_t byte, size_t len)
{
    g_free(qtest_cmd(q, "memset 0x%" G_GINT64_MODIFIER "x %zu %u", addr, len, byte));
}

int64_t qtest_clock_step(QTest *q, int64_t ns)
{
    g_autofree char *answer = qtest_cmd(q, "clock_step %" G_GINT64_FORMAT, ns);

    return g_ascii_strtoll(answer, NULL, 0);
}

int64_t qtest_clock_step_next(QTest *q)
{
    g_autofree char *answer = qtest_cmd(q, "clock_step");

    return g_ascii_strtoll(answer, NULL, 0);
}

void qtest_intercept_in(QTest *q, const char *path, const char *name)
{
    g_free(qtest_cmd(q, "irq_intercept_in %s %s", path, name ? name : ""));
}

void qtest_intercept_out(QTest *q, const char *path, const char *name)
{
    g_free(qtest_cmd(q, "irq_intercept_out %s %s", path, name ? name : ""));
}

bool qtest_irq(QTest *q, int n)
{
    return q->levels >> n & 1;
}

unsigned qtest_irq_rises(QTest *q, int n)
{
    return q->rises[n];
}

void qtest_set_irq_in(QTest *q, const char *path, const char *name, int n, int level)
{
    g_free(qtest_cmd(q, "set_irq_in %s %s %d %d", path, name ? name : "unnamed-gpio-in", n, level));
}

/* ---- QMP ---- */

static json_object *read_message(QTest *q)
{
    g_autofree char *line = read_line(q, &q->qmp);
    json_object *obj = json_tokener_parse(line);

    if (!obj) {
        g_error("not JSON: %s", line);
    }
    return obj;
}

static json_object *execute(QTest *q, const char *format, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(format, ap);
    g_autofree char *line = g_strconcat(text, "\n", NULL);

    g_assert_true(q->has_qmp);
    send_all(&q->qmp, line);
    for (;;) {
        json_object *obj = read_message(q);

        if (!json_object_object_get_ex(obj, "event", NULL)) {
            return obj;
        }
        g_queue_push_tail(q->events, obj);
    }
}

json_object *qtest_qmp(QTest *q, const char *json_format, ...)
{
    va_list ap;

    va_start(ap, json_format);
    json_object *obj = execute(q, json_format, ap);
    va_end(ap);
    return obj;
}

json_object *qtest_qmp_ok(QTest *q, const char *json_format, ...)
{
    va_list ap;
    json_object *ret;

    va_start(ap, json_format);
    json_object *obj = execute(q, json_format, ap);
    va_end(ap);
    if (!json_object_object_get_ex(obj, "return", &ret)) {
        g_error("%s was answered with %s", json_format, json_object_to_json_string(obj));
    }
    json_object_get(ret);
    json_object_put(obj);
    return ret;
}

json_object *qtest_qmp_fd(QTest *q, int fd, const char *text)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { (void *)(uintptr_t)text, 1 };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(int));
    g_assert_cmpint(sendmsg(q->qmp.fd, &msg, MSG_NOSIGNAL), ==, 1);
    return qtest_qmp_ok(q, "%s", text + 1);
}

json_object *qtest_event(QTest *q, const char *name)
{
    for (GList *l = q->events->head; l; l = l->next) {
        json_object *value;

        json_object_object_get_ex(l->data, "event", &value);
        if (g_str_equal(json_object_get_string(value), name)) {
            json_object *obj = l->data;

            g_queue_delete_link(q->events, l);
            return obj;
        }
    }
    for (;;) {
        json_object *obj = read_message(q), *value;

        if (json_object_object_get_ex(obj, "event", &value) &&
            g_str_equal(json_object_get_string(value), name)) {
            return obj;
        }
        g_queue_push_tail(q->events, obj);
    }
}
