/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A destination that is another program, or broken: it follows the stream's frames, and at one point says something else
 * than it should. Until GO the source has its guest back and says what it heard; from GO on it takes it back on SHUT 1
 * alone.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/util/crc32c.h"
#include "base/util/endian.h"
#include "broken-pair.h"
#include "migration/migration-priv.h"

/* Behind what it speaks. */
typedef enum {
    MANIFEST,
    RAM,   /* has begun */
    LAST,  /* part of RAM is due: the guest has stopped */
    STATE, /* is there, all of it */
    GO,
} Point;

typedef struct {
    uint16_t type;
    const char *data;
    uint16_t n;
    bool damaged;
} Answer;
#define NO_ANSWER         \
    {                     \
        0, NULL, 0, false \
    }
#define SAYS(t)                  \
    {                            \
        RETURN_##t, "", 0, false \
    }
#define SHUT_WITH(n_)                      \
    {                                      \
        RETURN_SHUT, "\0\0\0" n_, 4, false \
    }
#define PONG_OF(n_)                        \
    {                                      \
        RETURN_PONG, "\0\0\0" n_, 4, false \
    }
#define WORDS(s)                              \
    {                                         \
        RETURN_ERROR, s, sizeof(s) - 1, false \
    }

typedef struct {
    const char *name;
    Point at;
    Answer says[2];
    bool leaves; /* and closes the connection */
    const char *status, *words;
} Row;

#define MAY_RUN "the destination may be running the guest, it was told to and did not answer: "
static const Row rows[] = {
    { "manifest/refused",
      MANIFEST,
      { SHUT_WITH("\1") },
      false,
      "failed",
      "destination: loading failed" },
    { "manifest/refused-in-words",
      MANIFEST,
      { WORDS("no"), SHUT_WITH("\1") },
      false,
      "failed",
      "destination: no" },
    { "manifest/words-and-no-end", MANIFEST, { WORDS("no") }, true, "failed", "destination: no" },
    { "manifest/words-that-are-no-text",
      MANIFEST,
      { WORDS("\xff\xfe."), SHUT_WITH("\1") },
      false,
      "failed",
      "destination: \xef\xbf\xbd\xef\xbf\xbd." },
    { "manifest/ended",
      MANIFEST,
      { SHUT_WITH("\0") },
      false,
      "failed",
      "the destination sent SHUT 0 out of turn" },
    { "manifest/ready",
      MANIFEST,
      { SAYS(READY) },
      false,
      "failed",
      "the destination sent READY out of turn" },
    { "manifest/ready-behind-it",
      MANIFEST,
      { SAYS(MANIFEST_OK), SAYS(READY) },
      false,
      "failed",
      "the destination sent READY out of turn" },
    { "manifest/pong-without-ping",
      MANIFEST,
      { PONG_OF("\2") },
      false,
      "failed",
      "the destination sent PONG out of turn" },
    { "manifest/pong-of-no-number",
      MANIFEST,
      { PONG_OF("\x21") },
      false,
      "failed",
      "the destination sent PONG out of turn" },
    { "manifest/unknown",
      MANIFEST,
      { { 0x99, "", 0, false } },
      false,
      "failed",
      "the destination sent an invalid message 0x0099 of 0 bytes" },
    { "manifest/too-long",
      MANIFEST,
      { { RETURN_ERROR, "", 5000, false } },
      false,
      "failed",
      "the destination sent an invalid message 0x0040 of 5000 bytes" },
    { "manifest/damaged",
      MANIFEST,
      { { RETURN_MANIFEST_OK, "", 0, true } },
      false,
      "failed",
      "the checksum of the destination's message 0x0042 does not match" },
    { "ram/ready",
      RAM,
      { SAYS(READY) },
      false,
      "failed",
      "the destination sent READY out of turn" },
    { "ram/manifest-ok",
      RAM,
      { SAYS(MANIFEST_OK) },
      false,
      "failed",
      "the destination sent MANIFEST_OK out of turn" },
    { "ram/ended",
      RAM,
      { SHUT_WITH("\0") },
      false,
      "failed",
      "the destination sent SHUT 0 out of turn" },
    { "ram/refused-in-words",
      RAM,
      { WORDS("no"), SHUT_WITH("\1") },
      false,
      "failed",
      "destination: no" },
    { "last/ready",
      LAST,
      { SAYS(READY) },
      false,
      "failed",
      "the destination sent READY out of turn" },
    { "last/refused-in-words-and-gone", /* in the middle of what is being written */
      LAST,
      { WORDS("no"), SHUT_WITH("\1") },
      true,
      "failed",
      "destination: no" },
    { "state/ended",
      STATE,
      { SHUT_WITH("\0") },
      false,
      "failed",
      "the destination sent SHUT 0 out of turn" },
    { "state/manifest-ok-again",
      STATE,
      { SAYS(MANIFEST_OK) },
      false,
      "failed",
      "the destination sent MANIFEST_OK out of turn" },
    { "state/words-and-ready",
      STATE,
      { WORDS("no"), SAYS(READY) },
      false,
      "failed",
      "destination: no" },
    { "state/refused-in-words",
      STATE,
      { WORDS("no"), SHUT_WITH("\1") },
      false,
      "failed",
      "destination: no" },
    { "state/gone", STATE, { NO_ANSWER }, true, "failed", "closed after" },
    { "go/refused", GO, { SHUT_WITH("\1") }, false, "failed", "destination: loading failed" },
    { "go/refused-in-words",
      GO,
      { WORDS("no"), SHUT_WITH("\1") },
      false,
      "failed",
      "destination: no" },
    { "go/words-and-no-end",
      GO,
      { WORDS("no") },
      true,
      "handover-lost",
      MAY_RUN "destination: no: " },
    { "go/words-and-all-is-well",
      GO,
      { WORDS("no"), SHUT_WITH("\0") },
      false,
      "handover-lost",
      MAY_RUN "destination: no: the destination sent SHUT 0 out of turn" },
    { "go/ready-again",
      GO,
      { SAYS(READY) },
      false,
      "handover-lost",
      MAY_RUN "the destination sent READY out of turn" },
    { "go/gone", GO, { NO_ANSWER }, true, "handover-lost", MAY_RUN },
    { "go/unknown",
      GO,
      { { 0x99, "", 0, false } },
      false,
      "handover-lost",
      MAY_RUN "the destination sent an invalid message 0x0099" },
    { "go/damaged",
      GO,
      { { RETURN_SHUT, "\0\0\0\1", 4, true } },
      false,
      "handover-lost",
      MAY_RUN "the checksum of the destination's message 0x0001 does not match" },
    { "go/all-is-well", GO, { SHUT_WITH("\0") }, false, "completed", "" },
};

/* ---- the false destination ---- */

typedef struct {
    const Row *row;
    int listener, fd;
    GMutex mutex;
    GCond cond;
    bool at_go, may_answer; /* under the mutex; the latter is true from the start in most cases */
} Peer;

static void answer(const Peer *p, const Answer *a)
{
    uint8_t bytes[4 + 4096 + 4] = { 0 };
    size_t n = MIN(a->n, 4096u);

    st_be16(bytes, a->type);
    st_be16(bytes + 2, a->n);
    memcpy(bytes + 4, a->data, a->n > 4096 ? 0 : n);
    st_be32(bytes + 4 + n, crc32c(a->damaged ? 1 : 0, bytes, 4 + n));
    send(p->fd, bytes, 8 + n, MSG_NOSIGNAL);
}

static void speak(Peer *p, Point at)
{
    static const Answer usual[] = { [MANIFEST] = SAYS(MANIFEST_OK), [STATE] = SAYS(READY) };
    const Row *row = p->row;

    if (at == GO) {
        g_mutex_lock(&p->mutex);
        p->at_go = true;
        g_cond_broadcast(&p->cond);
        while (!p->may_answer) {
            g_cond_wait(&p->cond, &p->mutex);
        }
        g_mutex_unlock(&p->mutex);
    }
    if (at != row->at) {
        if (at == MANIFEST || at == STATE) {
            answer(p, &usual[at]);
        }
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(row->says) && row->says[i].data; i++) {
        answer(p, &row->says[i]);
    }
    if (row->leaves) {
        shutdown(p->fd, SHUT_RDWR);
    }
}

/* Not MSG_WAITALL: a program that was stopped and goes on may get less. */
static bool take(const Peer *p, void *data, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = recv(p->fd, (uint8_t *)data + done, n - done, 0);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        done += (size_t)MAX(got, 0);
    }
    return true;
}

/* An item was read whole. */
static void on_item(Peer *p, const uint8_t *item, bool *ram)
{
    switch (item[0]) {
    case STREAM_MANIFEST: speak(p, MANIFEST); break;
    case STREAM_SECTION_START:
        if (!*ram) {
            *ram = true;
            speak(p, RAM);
        }
        break;
    case STREAM_DESCRIPTION: speak(p, STATE); break;
    case STREAM_COMMAND:
        if (ld_be16(item + 1) == COMMAND_GO) {
            speak(p, GO);
        } else if (ld_be16(item + 1) == COMMAND_SWITCHOVER_START) {
            speak(p, LAST);
        }
        break;
    default: break;
    }
}

static gpointer peer_thread(gpointer opaque)
{
    Peer *p = opaque;
    uint8_t head[8], begins[16] = { 0 };
    bool fresh = true, ram = false;

    p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    for (bool go = take(p, head, 8); go && take(p, head, 8);) {
        uint32_t word = ld_be32(head), n = word & 0x1fffffff;
        g_autofree uint8_t *payload = g_malloc(n + 1);

        go = take(p, payload, n);
        if (fresh) {
            memcpy(begins, payload, MIN(n, sizeof(begins)));
        }
        fresh = word >> 31;
        if (go && fresh) {
            on_item(p, begins, &ram);
        }
    }
    close(p->fd);
    return NULL;
}

static void peer_listen(Peer *p, const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    g_strlcpy(a.sun_path, path, sizeof(a.sun_path));
    p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), ==, 0);
    g_assert_cmpint(listen(p->listener, 1), ==, 0);
}

/* ---- tests ---- */

static void open_source(BrokenPair *p, const Row *row)
{
    pair_prepare(p, V4);
    new_source(p);
    qtest_memset(p->src, 0x100000, 0xaa, 1 << 20);
    if (row->at == RAM) { /* it does not end before it has heard */
        set_param(p->src, "max-bandwidth", 4096);
        set_param(p->src, "downtime-limit", 0);
    } else if (row->at == LAST) {
        set_cap(p->src, "pause-before-switchover");
    }
}

static void migrate_to(BrokenPair *p, const char *path)
{
    OK(p->src, "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"unix:%s\"}}", path);
}

/* EVIDENCE: MIG-WIRE-040, MIG-WIRE-042, MIG-WIRE-043, MIG-WIRE-046 */
static void test_row(gconstpointer data)
{
    Peer peer = { .row = data, .may_answer = true };
    BrokenPair p;

    open_source(&p, peer.row);
    g_autofree char *path = g_build_filename(p.dir, "peer", NULL);
    peer_listen(&peer, path);
    GThread *thread = g_thread_new("peer", peer_thread, &peer);
    migrate_to(&p, path);
    if (peer.row->at ==
        LAST) { /* and is more than a socket holds: it is not sent before that was said */
        wait_for_status(p.src, "pre-switchover");
        qtest_memset(p.src, 0x100000, 0x55, 2 << 20);
        OK(p.src,
           "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"pre-switchover\"}}");
    }
    wait_final(p.src, p.src_status, &p.src_desc);
    g_assert_cmpstr(p.src_status, ==, peer.row->status);
    if (!strstr(p.src_desc, peer.row->words)) {
        g_error("'%s' is wanted: %s", peer.row->words, p.src_desc);
    }
    g_assert_cmpint(is_running(p.src), ==, g_str_equal(p.src_status, "failed"));
    g_thread_join(thread);
    close(peer.listener);
    pair_close(&p);
}

/* It was told to run the guest, and has not answered: nothing takes that back. EVIDENCE: MIG-WIRE-042 */
static void test_no_cancel_behind_go(void)
{
    static const Row row = { "", GO, { SHUT_WITH("\0") }, false, NULL, NULL };
    Peer peer = { .row = &row };
    BrokenPair p;

    open_source(&p, &row);
    g_autofree char *path = g_build_filename(p.dir, "peer", NULL);
    peer_listen(&peer, path);
    GThread *thread = g_thread_new("peer", peer_thread, &peer);
    migrate_to(&p, path);
    g_mutex_lock(&peer.mutex);
    while (!peer.at_go) {
        g_cond_wait(&peer.cond, &peer.mutex);
    }
    g_mutex_unlock(&peer.mutex);
    json_object *reply = qtest_qmp(p.src, "{\"execute\": \"migrate_cancel\"}"), *error;
    g_assert_true(json_object_object_get_ex(reply, "error", &error));
    g_assert_cmpstr(member(error, "desc"), ==,
                    "the guest has been handed over, it can no longer be cancelled");
    json_object_put(reply);
    wait_for_status(p.src, "handover");
    g_assert_false(is_running(p.src));
    g_mutex_lock(&peer.mutex);
    peer.may_answer = true;
    g_cond_broadcast(&peer.cond);
    g_mutex_unlock(&peer.mutex);
    wait_for_status(p.src, "completed");
    g_thread_join(thread);
    close(peer.listener);
    pair_close(&p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strconcat("peer/", rows[i].name, NULL);
        pair_add_test(V4, name, test_row, &rows[i]);
    }
    g_test_add_func("/x86_64/migration/peer/go/nothing-takes-it-back", test_no_cancel_behind_go);
    return g_test_run();
}
