/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See broken-pair.h. */
#include "broken-pair.h"
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/util/crc32c.h"
#include "base/util/endian.h"

#define GO_FRAME (8 + 5)
#define LATE_US  30000
#define LAST     (1u << 31)
#define LENGTH   0x1fffffffu

/* ---- the relay ---- */

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

static void damage(const Relay *r, int d, uint8_t *data, ssize_t n)
{
    int64_t at = r->passed[d], byte = r->flip[d] / 8 - at;
    if (r->flip[d] >= 0 && byte >= 0 && byte < n) {
        data[byte] ^= (uint8_t)(1 << r->flip[d] % 8);
    }
    if (d == TO_DST && r->version && at <= 7 && at + n > 7) {
        data[7 - at] = (uint8_t)r->version;
    }
}

/* Sends every whole frame of what has come, as the editor wants it. */
static void edit_frames(Relay *r, int to)
{
    GByteArray *in = r->frames;
    while (in->len >= 8) {
        uint8_t head[8], prefix[12];
        uint32_t word = ld_be32(in->data), n = word & LENGTH;
        if (in->len - 8 < n) {
            return;
        }
        g_autoptr(GByteArray) payload = g_byte_array_new();
        g_byte_array_append(payload, in->data + 8, n);
        bool other = r->edit(payload, r->number++, r->edit_opaque);
        memcpy(head, in->data, 8);
        if (other) {
            word = (word & ~LENGTH) | payload->len;
            st_be32(head, word);
            st_be64(prefix, r->sequence);
            st_be32(prefix + 8, word);
            st_be32(head + 4, crc32c(crc32c(0, prefix, 12), payload->data, payload->len));
        }
        r->sequence++;
        send_all(to, head, 8);
        send_all(to, payload->data, payload->len);
        g_byte_array_remove_range(in, 0, 8 + n);
    }
}

static void pass_on(Relay *r, int d, int to, const uint8_t *data, size_t n)
{
    size_t bare = d == TO_DST && r->passed[d] < 8 ? MIN(n, (size_t)(8 - r->passed[d])) : 0;
    if (d != TO_DST || !r->edit) {
        send_all(to, data, n);
        return;
    }
    send_all(to, data, bare);
    g_byte_array_append(r->frames, data + bare, (guint)(n - bare));
    edit_frames(r, to);
}

static void hold(Relay *r)
{
    g_mutex_lock(&r->mutex);
    r->held = true;
    g_cond_broadcast(&r->cond);
    while (!r->released) {
        g_cond_wait(&r->cond, &r->mutex);
    }
    g_mutex_unlock(&r->mutex);
}

/* Bytes until the next place where something happens. */
static int64_t until_next(const Relay *r, int d)
{
    int64_t next = r->cut[d];
    const int64_t places[] = { r->swallow[d], r->hold[d], r->late[d] };
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        next = places[i] > r->passed[d] ? MIN(next, places[i]) : next;
    }
    return next - r->passed[d];
}

/* One piece in direction @d; false: the end. */
static bool relay_piece(Relay *r, int d, int from, int to)
{
    uint8_t data[16384];
    if (r->hold[d] == r->passed[d]) {
        hold(r);
        r->hold[d] = FOREVER;
    }
    if (r->late[d] == r->passed[d]) {
        g_usleep(LATE_US);
        r->late[d] = FOREVER;
    }
    ssize_t n = recv(from, data, (size_t)MIN(until_next(r, d), (int64_t)sizeof(data)), 0);
    if (n <= 0) {
        return false;
    }
    damage(r, d, data, n);
    if (r->keep[d]) {
        g_byte_array_append(r->keep[d], data, (guint)n);
    }
    if (r->passed[d] < r->swallow[d]) {
        pass_on(r, d, to, data, (size_t)n);
        r->last_word_us = d == TO_SRC ? g_get_monotonic_time() : r->last_word_us;
    }
    r->passed[d] += n;
    return r->passed[d] < r->cut[d];
}

static gpointer relay_thread(gpointer opaque)
{
    Relay *r = opaque;
    struct sockaddr_un a = address_of(r->to);
    /* Not for the programs that start meanwhile: they would keep open what is closed here. */
    int fd[2] = { accept4(r->listener, NULL, NULL, SOCK_CLOEXEC),
                  socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    g_assert_cmpint(connect(fd[1], (struct sockaddr *)&a, sizeof(a)), ==, 0);
    bool go = r->cut[0] > 0 && r->cut[1] > 0;
    while (go) {
        struct pollfd p[2] = { { fd[0], POLLIN, 0 }, { fd[1], POLLIN, 0 } };
        poll(p, 2, -1);
        for (int d = 0; go && d < 2; d++) {
            go = !p[d].revents || relay_piece(r, d, fd[d], fd[!d]);
        }
    }
    if (r->passed[TO_DST] >= r->cut[TO_DST] || r->passed[TO_SRC] >= r->cut[TO_SRC]) {
        r->last_word_us = g_get_monotonic_time();
    }
    close(fd[0]);
    close(fd[1]);
    g_mutex_lock(&r->mutex);
    r->over = true;
    g_cond_broadcast(&r->cond);
    g_mutex_unlock(&r->mutex);
    return NULL;
}

void relay_start(Relay *r, const char *at)
{
    struct sockaddr_un a = address_of(at);
    g_unlink(at);
    r->frames = g_byte_array_new();
    r->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(r->listener, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    g_assert_cmpint(listen(r->listener, 1), ==, 0);
    r->thread = g_thread_new("relay", relay_thread, r);
}

bool relay_wait_held(Relay *r)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    g_mutex_lock(&r->mutex);
    while (!r->held && !r->over) {
        g_assert_true(g_cond_wait_until(&r->cond, &r->mutex, end));
    }
    bool held = r->held;
    g_mutex_unlock(&r->mutex);
    return held;
}

void relay_release(Relay *r)
{
    g_mutex_lock(&r->mutex);
    r->released = true;
    g_cond_broadcast(&r->cond);
    g_mutex_unlock(&r->mutex);
}

void relay_end(Relay *r)
{
    relay_release(r);
    g_thread_join(r->thread);
    close(r->listener);
    g_clear_pointer(&r->to, g_free);
    g_clear_pointer(&r->frames, g_byte_array_unref);
}

/* ---- the pair ---- */

const char *arch_of(const char *machine)
{
    return g_str_has_prefix(machine, "s390") ? "s390x" : "x86_64";
}

bool is_v3(const char *machine)
{
    return g_str_has_suffix(machine, "-10.0");
}

void pair_add_test(const char *machine, const char *name, GTestDataFunc fn, gconstpointer data)
{
    g_autofree char *path = g_strdup_printf("/%s/migration/%s%s", arch_of(machine),
                                            is_v3(machine) ? "version-3/" : "", name);
    g_test_add_data_func(path, data, fn);
}

static QTest *start(const char *machine, const char *more, const char *and_more)
{
    const char *arch = arch_of(machine);

    return qtest_start(arch,
                       "-accel qtest -machine %s -nodefaults -m 4 -serial null -device %s %s %s",
                       machine,
                       g_str_equal(arch, "s390x") ? "virtio-rng-ccw" : "virtio-rng-pci,addr=2",
                       more ? more : "", and_more ? and_more : "");
}

void set_param(QTest *q, const char *name, int64_t value)
{
    OK(q,
       "{\"execute\": \"migrate-set-parameters\", \"arguments\": {\"%s\": %" G_GINT64_FORMAT "}}",
       name, value);
}

void set_cap_to(QTest *q, const char *name, bool on)
{
    OK(q,
       "{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": "
       "[{\"capability\": \"%s\", \"state\": %s}]}}",
       name, on ? "true" : "false");
}

void set_cap(QTest *q, const char *name)
{
    set_cap_to(q, name, true);
}

void new_source(BrokenPair *p)
{
    p->src = start(p->machine, p->more_src, NULL);
    set_param(p->src, "max-bandwidth", 0);
    set_param(p->src, "downtime-limit", 30000);
}

static void start_destination(BrokenPair *p)
{
    const char *more = p->more_dst ? p->more_dst : p->more_src;
    p->dst = start(p->machine, "-incoming defer", more);
}

void new_destination(BrokenPair *p)
{
    g_clear_pointer(&p->dst, qtest_end);
    start_destination(p);
}

void pair_prepare(BrokenPair *p, const char *machine)
{
    *p = (BrokenPair){ .machine = machine };
    p->dir = g_dir_make_tmp("ferry-failures-XXXXXX", NULL);
}

void pair_start(BrokenPair *p)
{
    new_source(p);
    start_destination(p);
}

void pair_open(BrokenPair *p, const char *machine, const char *more_src, const char *more_dst)
{
    pair_prepare(p, machine);
    p->more_src = more_src;
    p->more_dst = more_dst;
    pair_start(p);
}

void pair_close(BrokenPair *p)
{
    const char *name;
    GDir *dir = g_dir_open(p->dir, 0, NULL);
    g_clear_pointer(&p->src, qtest_end);
    g_clear_pointer(&p->dst, qtest_end);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(p->dir, name, NULL);
        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(p->dir);
    g_free(p->dir);
    g_free(p->owned[0]);
    g_free(p->owned[1]);
    g_free(p->src_desc);
    g_free(p->dst_desc);
}

const char *member(json_object *o, const char *name)
{
    json_object *value;
    return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : "";
}

bool is_running(QTest *q)
{
    json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-status\"}");
    bool running = g_str_equal(member(info, "running"), "true");
    json_object_put(info);
    return running;
}

bool is_final(const char *status)
{
    return g_str_equal(status, "failed") || g_str_equal(status, "completed") ||
           g_str_equal(status, "handover-lost") || g_str_equal(status, "cancelled") ||
           g_str_equal(status, "preflight-passed");
}

void wait_for_status(QTest *q, const char *wanted)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    for (;;) {
        json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-migrate\"}");
        const char *status = member(info, "status");
        bool there = g_str_equal(status, wanted);
        if (!there && (is_final(status) || g_get_monotonic_time() > end)) {
            g_error("waiting for '%s': %s", wanted, json_object_to_json_string(info));
        }
        json_object_put(info);
        if (there) {
            return;
        }
        g_usleep(500);
    }
}

void wait_final(QTest *q, char status[32], char **desc)
{
    gint64 end = g_get_monotonic_time() + DEADLINE;
    for (;;) {
        json_object *info = qtest_qmp_ok(q, "{\"execute\": \"query-migrate\"}");
        g_strlcpy(status, member(info, "status"), 32);
        g_free(*desc);
        *desc = g_strdup(member(info, "error-desc"));
        json_object_put(info);
        if (is_final(status)) {
            return;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(500);
    }
}

void begin(BrokenPair *p, Relay *r)
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

void conclude(BrokenPair *p, Relay *r)
{
    wait_final(p->src, p->src_status, &p->src_desc);
    bool src = is_running(p->src);
    int64_t now = g_get_monotonic_time();
    wait_final(p->dst, p->dst_status, &p->dst_desc);
    relay_end(r);
    p->resumed_us = src && r->last_word_us ? MAX(now - r->last_word_us, 0) : -1;
    bool dst = is_running(p->dst);
    g_test_message("%" G_GINT64_FORMAT " and %" G_GINT64_FORMAT " bytes: %s (%s), %s (%s)",
                   r->passed[0], r->passed[1], p->src_status, p->src_desc, p->dst_status,
                   p->dst_desc);
    g_assert_false(src && dst);
    g_assert_cmpint(src, ==,
                    g_str_equal(p->src_status, "failed") ||
                        g_str_equal(p->src_status, "cancelled"));
    g_assert_cmpint(dst, ==, g_str_equal(p->dst_status, "completed"));
    g_assert_true(!g_str_equal(p->src_status, "failed") || *p->src_desc);
    g_assert_true(g_str_equal(p->dst_status, "completed") || *p->dst_desc);
    if (g_str_equal(p->src_status, "completed")) {
        g_assert_true(dst);
    }
}

void attempt(BrokenPair *p, Relay *r)
{
    begin(p, r);
    conclude(p, r);
}

void recover(BrokenPair *p)
{
    if (g_str_equal(p->dst_status, "completed")) {
        new_destination(p);
    }
    if (!is_running(p->src)) {
        OK(p->src, "{\"execute\": \"cont\"}");
        g_assert_true(is_running(p->src));
    }
}

/* ---- lengths ---- */

static void add_edge(GArray *edges, int64_t at)
{
    g_array_append_val(edges, at);
}

/* Frames begin behind the header of 8 bytes; messages back are type, length, payload and check. */
static void find_edges(Lengths *l, const Relay *r)
{
    const GByteArray *out = r->keep[TO_DST], *back = r->keep[TO_SRC];
    l->edges[TO_DST] = g_array_new(false, false, sizeof(int64_t));
    l->edges[TO_SRC] = g_array_new(false, false, sizeof(int64_t));
    add_edge(l->edges[TO_DST], 0);
    for (guint at = 8; at + 8 <= out->len; at += 8 + (ld_be32(out->data + at) & LENGTH)) {
        add_edge(l->edges[TO_DST], at);
    }
    for (guint at = 0; at + 4 <= back->len; at += 8u + ld_be16(back->data + at + 2)) {
        add_edge(l->edges[TO_SRC], at);
    }
}

Lengths measure(BrokenPair *p)
{
    static const char description[] = "{\"configuration\"";
    Relay r = RELAY_CLEAN;
    r.keep[TO_DST] = g_byte_array_new();
    r.keep[TO_SRC] = g_byte_array_new();
    attempt(p, &r);
    g_assert_cmpstr(p->src_status, ==, "completed");
    g_assert_cmpstr(p->dst_status, ==, "completed");
    Lengths l = { r.passed[0], r.passed[1], r.passed[0] - GO_FRAME, { NULL } };
    if (is_v3(p->machine)) {
        uint8_t *at = memmem(r.keep[0]->data, r.keep[0]->len, description, strlen(description));
        g_assert_nonnull(at);
        l.safe = at - r.keep[0]->data - 6; /* end mark, type and length come before it */
    } else {
        find_edges(&l, &r);
    }
    g_byte_array_unref(r.keep[TO_DST]);
    g_byte_array_unref(r.keep[TO_SRC]);
    recover(p);
    return l;
}

void lengths_clear(Lengths *l)
{
    for (int d = 0; d < 2; d++) {
        g_clear_pointer(&l->edges[d], g_array_unref);
    }
}
