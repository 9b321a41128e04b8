/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens when a migration breaks, at any byte and in either direction: a relay between the two
 * processes passes a chosen number of bytes and then cuts the connection, flips a bit, or changes
 * the version. After each: never two that run, a source that runs on unless it had said GO, both
 * sides with a cause, and a destination that takes the next attempt. The guest is a small machine
 * that executes nothing, so that an attempt takes milliseconds.
 */
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "libqtest.h"

#define V3       "pc-q35-10.0"
#define V4       "pc-q35-ferry-1.0"
#define DEADLINE (QTEST_TIMEOUT_S * G_USEC_PER_SEC)
#define FOREVER  INT64_MAX
#define GO_FRAME (8 + 5)

#define OK(q, ...) json_object_put(qtest_qmp_ok(q, __VA_ARGS__))

/* ---- the relay ---- */

typedef struct {
    int64_t cut[2];  /* bytes to pass before the cut: to the destination, to the source */
    int64_t flip;    /* bit of the stream, -1: none */
    int64_t version; /* written over the header's version; 0: not */
    char *to;
    int listener;
    GThread *thread;
    int64_t passed[2];
    GByteArray *keep; /* what went to the destination; NULL: do not */
} Relay;

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    g_strlcpy(a.sun_path, path, sizeof(a.sun_path));
    return a;
}

static void send_all(int fd, const uint8_t *data, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

        if (sent <= 0) {
            return; /* the other side left: the next look finds out */
        }
        data += sent;
        n -= (size_t)sent;
    }
}

static void damage(const Relay *r, uint8_t *data, int64_t at, ssize_t n)
{
    int64_t byte = r->flip / 8 - at;

    if (r->flip >= 0 && byte >= 0 && byte < n) {
        data[byte] ^= (uint8_t)(1 << r->flip % 8);
    }
    if (r->version && at <= 7 && at + n > 7) {
        data[7 - at] = (uint8_t)r->version;
    }
}

/* One piece in direction @d; false: the end. */
static bool relay_piece(Relay *r, int d, int from, int to)
{
    uint8_t data[16384];
    int64_t left = r->cut[d] - r->passed[d];
    ssize_t n = recv(from, data, (size_t)MIN(left, (int64_t)sizeof(data)), 0);

    if (n <= 0) {
        return false;
    }
    if (d == 0) {
        damage(r, data, r->passed[0], n);
        if (r->keep) {
            g_byte_array_append(r->keep, data, (guint)n);
        }
    }
    send_all(to, data, (size_t)n);
    r->passed[d] += n;
    return r->passed[d] < r->cut[d];
}

static gpointer relay_thread(gpointer opaque)
{
    Relay *r = opaque;
    struct sockaddr_un a = address_of(r->to);
    int fd[2] = { accept(r->listener, NULL, NULL), socket(AF_UNIX, SOCK_STREAM, 0) };

    g_assert_cmpint(connect(fd[1], (struct sockaddr *)&a, sizeof(a)), ==, 0);
    bool go = r->cut[0] > 0 && r->cut[1] > 0;
    while (go) {
        struct pollfd p[2] = { { fd[0], POLLIN, 0 }, { fd[1], POLLIN, 0 } };

        poll(p, 2, -1);
        for (int d = 0; go && d < 2; d++) {
            go = !p[d].revents || relay_piece(r, d, fd[d], fd[!d]);
        }
    }
    close(fd[0]);
    close(fd[1]);
    return NULL;
}

static void relay_start(Relay *r, const char *at)
{
    struct sockaddr_un a = address_of(at);

    g_unlink(at);
    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(r->listener, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    g_assert_cmpint(listen(r->listener, 1), ==, 0);
    r->thread = g_thread_new("relay", relay_thread, r);
}

static void relay_end(Relay *r)
{
    g_thread_join(r->thread);
    close(r->listener);
    g_free(r->to);
}

/* ---- the pair ---- */

typedef struct {
    const char *machine;
    char *dir;
    QTest *src, *dst;
    char src_status[32], dst_status[32], *src_desc, *dst_desc;
} Pair;

#define OPTIONS "-nodefaults -m 4 -device virtio-rng-pci -serial null "

static QTest *start(const char *machine, const char *more)
{
    return qtest_start("x86_64", "-accel qtest -machine %s " OPTIONS "%s", machine, more);
}

static void set_params(QTest *q)
{
    OK(q, "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"max-bandwidth\": 0, "
          "\"downtime-limit\": 30000}}");
}

static void open_pair(Pair *p, const char *machine)
{
    *p = (Pair){ .machine = machine };
    p->dir = g_dir_make_tmp("ferry-failures-XXXXXX", NULL);
    p->src = start(machine, "");
    p->dst = start(machine, "-incoming defer");
    set_params(p->src);
}

static void close_pair(Pair *p)
{
    g_autofree char *a = g_build_filename(p->dir, "a", NULL),
                    *b = g_build_filename(p->dir, "b", NULL);

    qtest_end(p->src);
    qtest_end(p->dst);
    g_unlink(a);
    g_unlink(b);
    g_rmdir(p->dir);
    g_free(p->dir);
    g_free(p->src_desc);
    g_free(p->dst_desc);
}

static void new_destination(Pair *p)
{
    qtest_end(p->dst);
    p->dst = start(p->machine, "-incoming defer");
}

static const char *member(json_object *o, const char *name)
{
    json_object *value;

    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : "";
}

static bool is_running(QTest *q)
{
    json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}");
    bool running = g_str_equal(member(info, "running"), "true");

    json_object_put(info);
    return running;
}

static void wait_final(QTest *q, char status[32], char **desc)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;

    for (;;) {
        json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-migrate\"}");

        g_strlcpy(status, member(info, "status"), 32);
        g_free(*desc);
        *desc = g_strdup(member(info, "error-desc"));
        json_object_put(info);
        if (g_str_equal(status, "failed") || g_str_equal(status, "completed") ||
            g_str_equal(status, "handover-lost") || g_str_equal(status, "cancelled")) {
            return;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(500);
    }
}

static void begin(Pair *p, Relay *r)
{
    g_autofree char *a = g_build_filename(p->dir, "a", NULL);

    r->to = g_build_filename(p->dir, "b", NULL);
    relay_start(r, a);
    OK(p->dst,
       "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"unix:%s\", "
       "\"exit-on-error\": false}}",
       r->to);
    OK(p->src, "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"unix:%s\"}}", a);
}

/* One attempt through @r, and what must hold after any. */
static void attempt(Pair *p, Relay *r)
{
    begin(p, r);
    wait_final(p->src, p->src_status, &p->src_desc);
    wait_final(p->dst, p->dst_status, &p->dst_desc);
    relay_end(r);
    bool src = is_running(p->src), dst = is_running(p->dst);
    g_test_message("%" G_GINT64_FORMAT " and %" G_GINT64_FORMAT " bytes: %s (%s), %s (%s)",
                   r->passed[0], r->passed[1], p->src_status, p->src_desc, p->dst_status,
                   p->dst_desc);
    g_assert_false(src && dst);
    g_assert_cmpint(src, ==, g_str_equal(p->src_status, "failed"));
    g_assert_cmpint(dst, ==, g_str_equal(p->dst_status, "completed"));
    g_assert_true(g_str_equal(p->src_status, "completed") || *p->src_desc);
    g_assert_true(g_str_equal(p->dst_status, "completed") || *p->dst_desc);
    if (g_str_equal(p->src_status, "completed")) {
        g_assert_true(dst);
    }
}

/* After an attempt: a source that runs, and a destination that waits. */
static void recover(Pair *p)
{
    if (g_str_equal(p->dst_status, "completed")) {
        new_destination(p);
    }
    if (!g_str_equal(p->src_status, "failed")) {
        OK(p->src, "{\"execute\": \"cont\"}");
        g_assert_true(is_running(p->src));
    }
}

/* How many bytes an undisturbed migration takes each way, and how many of those to the destination
 * come before those that may start the guest: GO, or in version 3 the end mark. */
typedef struct {
    int64_t to_dst, to_src, safe;
} Lengths;

static Lengths measure(Pair *p)
{
    static const char description[] = "{\"configuration\"";
    Relay r = { .cut = { FOREVER, FOREVER }, .flip = -1, .keep = g_byte_array_new() };

    attempt(p, &r);
    g_assert_cmpstr(p->src_status, ==, "completed");
    g_assert_cmpstr(p->dst_status, ==, "completed");
    Lengths l = { r.passed[0], r.passed[1], r.passed[0] - GO_FRAME };
    if (g_str_equal(p->machine, V3)) {
        uint8_t *at = memmem(r.keep->data, r.keep->len, description, strlen(description));

        g_assert_nonnull(at);
        l.safe = at - r.keep->data - 6; /* end mark, type and length come before it */
    }
    g_byte_array_unref(r.keep);
    recover(p);
    return l;
}

static void cut_forward(Pair *p, int64_t at, const Lengths *l)
{
    Relay r = { .cut = { at, FOREVER }, .flip = -1 };

    attempt(p, &r);
    if (at <= l->safe) {
        g_assert_cmpstr(p->src_status, ==, "failed");
    }
    if (at < l->safe || g_str_equal(p->machine, V3)) {
        g_assert_cmpstr(p->dst_status, ==, at <= l->safe ? "failed" : p->dst_status);
    } else if (at < l->to_dst) { /* READY was said: whoever dies, a whole guest is left */
        g_assert_cmpstr(p->dst_status, ==, "handover-lost");
    }
    recover(p);
}

/* EVIDENCE: MIG-WIRE-013, MIG-WIRE-041, MIG-WIRE-042, MIG-WIRE-044 */
static void test_cut_forward(const void *machine)
{
    Pair p;

    open_pair(&p, machine);
    Lengths l = measure(&p);
    for (int i = 0; i < 300; i++) {
        cut_forward(&p, l.to_dst * i / 300, &l);
    }
    for (int64_t at = 0; at < 120; at++) {
        cut_forward(&p, at, &l);
    }
    for (int64_t at = l.safe - 40; at < MIN(l.safe + 40, l.to_dst); at++) {
        cut_forward(&p, at, &l);
    }
    close_pair(&p);
}

/* The source dies between READY and GO: the only copy is kept, even where a failure ends the process, and
 * runs when it is told to. EVIDENCE: MIG-WIRE-045 */
static void test_source_dies_before_go(void)
{
    Pair p;

    open_pair(&p, V4);
    qtest_writel(p.src, 0x1000, 0x600dcafe);
    Lengths l = measure(&p);
    Relay r = { .cut = { l.safe, FOREVER }, .flip = -1 };
    attempt(&p, &r);
    g_assert_cmpstr(p.dst_status, ==, "handover-lost");
    qtest_end(p.src);
    g_assert_false(is_running(p.dst));
    OK(p.dst, "{\"execute\": \"cont\"}");
    g_assert_true(is_running(p.dst));
    g_assert_cmphex(qtest_readl(p.dst, 0x1000), ==, 0x600dcafe);
    wait_final(p.dst, p.dst_status, &p.dst_desc);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    p.src = start(V4, "");
    close_pair(&p);
}

/* EVIDENCE: MIG-WIRE-040, MIG-WIRE-042 */
static void test_cut_back(const void *machine)
{
    Pair p;

    open_pair(&p, machine);
    Lengths l = measure(&p);
    for (int64_t at = 0; at < l.to_src; at++) {
        Relay r = { .cut = { FOREVER, at }, .flip = -1 };

        attempt(&p, &r);
        recover(&p);
    }
    close_pair(&p);
}

static void flip(Pair *p, int64_t bit)
{
    Relay r = { .cut = { FOREVER, FOREVER }, .flip = bit };

    attempt(p, &r);
    g_assert_cmpstr(p->src_status, ==, "failed");
    g_assert_cmpstr(p->dst_status, ==, "failed");
    g_assert_true(g_str_has_prefix(p->src_desc, "destination: "));
    g_assert_cmpstr(p->src_desc + strlen("destination: "), ==, p->dst_desc);
    g_assert_nonnull(strstr(p->dst_desc, "checksum"));
}

/* Not in a length: that is found by waiting, see the unit test. */
/* EVIDENCE: MIG-WIRE-011, MIG-WIRE-043 */
static void test_flip(void)
{
    Pair p;

    open_pair(&p, V4);
    for (int i = 0; i < 64; i++) {
        flip(&p, 8 * (8 + 4) + i); /* check and content of the first frame */
    }
    close_pair(&p);
}

/* EVIDENCE: MIG-WIRE-001 */
static void test_version(void)
{
    Pair p;

    open_pair(&p, V4);
    for (int64_t version = 5; version < 8; version++) {
        g_autofree char *words =
            g_strdup_printf("stream version %d is not supported", (int)version);
        Relay r = { .cut = { FOREVER, FOREVER }, .flip = -1, .version = version };

        attempt(&p, &r);
        g_assert_cmpstr(p.src_status, ==, "failed");
        g_assert_nonnull(strstr(p.src_desc, words));
        g_assert_nonnull(strstr(p.dst_desc, words));
    }
    close_pair(&p);
}

/* The channel breaks while the source waits for migrate-continue. */
/* EVIDENCE: MIG-WIRE-042 */
static void test_cut_before_switchover(const void *machine)
{
    Pair p;
    Relay r = { .cut = { FOREVER, FOREVER }, .flip = -1 };

    open_pair(&p, machine);
    OK(p.src, "{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": "
              "[{\"capability\": \"pause-before-switchover\", \"state\": true}]}}");
    begin(&p, &r);
    for (;;) {
        json_object *info = qtest_qmp_ok(p.src, "{\"execute\": \"query-migrate\"}");
        bool there = g_str_equal(member(info, "status"), "pre-switchover");

        json_object_put(info);
        if (there) {
            break;
        }
        g_usleep(1000);
    }
    new_destination(&p); /* the first one quits */
    OK(p.src,
       "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"pre-switchover\"}}");
    wait_final(p.src, p.src_status, &p.src_desc);
    relay_end(&r);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_true(*p.src_desc);
    g_assert_true(is_running(p.src));
    close_pair(&p);
}

/* ---- destinations that are not the same ---- */

typedef struct {
    const char *name, *machine, *src, *dst, *cause;
    bool source_knows; /* version 3 has no words for it */
} Mismatch;

static const Mismatch mismatches[] = {
    { "missing-device", V4, "-device virtio-net-pci", "", "virtio-net", true },
    { "missing-device", V3, "-device virtio-net-pci", "", "virtio-net", false },
    { "additional-device", V4, "", "-device virtio-net-pci", "missing in the stream", true },
    { "other-slot", V4, "-device virtio-net-pci,addr=5", "-device virtio-net-pci,addr=6",
      "0000:00:05.0/", true },
    { "other-slot", V3, "-device virtio-net-pci,addr=5", "-device virtio-net-pci,addr=6",
      "0000:00:05.0/", false },
    { "more-ram", V4, "", "-m 8", "pc.ram", true },
    { "more-ram", V3, "", "-m 8", "pc.ram", false },
    { "less-ram", V4, "-m 8", "", "pc.ram", true },
    { "more-cpus", V4, "-smp 2", "", "apic", true },
    { "more-cpus", V3, "-smp 2", "", "apic", false },
    { "other-machine", V4, "", "-machine " V3, "machine type", true },
    { "other-machine", V3, "", "-machine " V4, "machine type", false },
};

/* EVIDENCE: MIG-WIRE-003, MIG-WIRE-004, MIG-WIRE-030, MIG-WIRE-043 */
static void test_mismatch(const void *data)
{
    const Mismatch *m = data;
    Pair p = { .machine = m->machine };
    Relay r = { .cut = { FOREVER, FOREVER }, .flip = -1 };
    g_autofree char *dst = g_strdup_printf("-incoming defer %s", m->dst);

    p.dir = g_dir_make_tmp("ferry-failures-XXXXXX", NULL);
    p.src = start(m->machine, m->src);
    p.dst = start(m->machine, dst);
    set_params(p.src);
    attempt(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_cmpstr(p.dst_status, ==, "failed");
    g_assert_nonnull(strstr(p.dst_desc, m->cause));
    if (m->source_knows) {
        g_assert_nonnull(strstr(p.src_desc, m->cause));
    }
    close_pair(&p);
}

static void add(const char *machine, const char *name, void (*fn)(const void *machine))
{
    g_autofree char *path = g_strdup_printf("/x86_64/migration/%s%s",
                                            g_str_equal(machine, V3) ? "version-3/" : "", name);

    g_test_add_data_func(path, machine, fn);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add(V4, "broken/cut-anywhere", test_cut_forward);
    add(V3, "broken/cut-anywhere", test_cut_forward);
    add(V4, "broken/no-way-back", test_cut_back);
    add(V3, "broken/no-way-back", test_cut_back);
    add(V4, "broken/before-switchover", test_cut_before_switchover);
    add(V3, "broken/before-switchover", test_cut_before_switchover);
    g_test_add_func("/x86_64/migration/broken/source-dies-before-go", test_source_dies_before_go);
    g_test_add_func("/x86_64/migration/broken/flipped-bit", test_flip);
    g_test_add_func("/x86_64/migration/refused/other-version", test_version);
    for (size_t i = 0; i < G_N_ELEMENTS(mismatches); i++) {
        g_autofree char *name =
            g_strdup_printf("/x86_64/migration/%srefused/%s",
                            g_str_equal(mismatches[i].machine, V3) ? "version-3/" : "",
                            mismatches[i].name);
        g_test_add_data_func(name, &mismatches[i], test_mismatch);
    }
    return g_test_run();
}
