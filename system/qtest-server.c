/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -qtest: a session of the device test protocol on a chardev, with an optional log of its lines.
 * A client that goes away takes its interceptions with it; the next one starts afresh.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "backend/chardev/chardev.h"
#include "system-priv.h"
#include "system/qtest.h"

#define SEND_TIMEOUT_MS 60000

struct QtestServer {
    Vm *vm;
    ChardevFrontend chardev;
    QtestSession *session;
    FILE *log;
    bool made_chardev;
    bool feeding, drop; /* the client went while one of its lines runs */
};

static void log_text(QtestServer *q, char mark, const char *text, size_t len)
{
    if (q->log) {
        fprintf(q->log, "[%c] ", mark);
        fwrite(text, 1, len, q->log);
        fflush(q->log);
    }
}

static void on_send(void *opaque, const char *text, size_t len)
{
    QtestServer *q = opaque;

    log_text(q, 'S', text, len);
    chardev_write_all(&q->chardev, (const uint8_t *)text, len, SEND_TIMEOUT_MS);
}

static void on_receive(void *opaque, const uint8_t *buf, size_t len)
{
    QtestServer *q = opaque;

    log_text(q, 'R', (const char *)buf, len);
    if (q->session && !q->feeding) {
        q->feeding = true;
        qtest_session_feed(q->session, (const char *)buf, len);
        q->feeding = false;
    }
    if (q->drop) {
        q->drop = false;
        g_clear_pointer(&q->session, qtest_session_free);
    }
}

static void on_event(void *opaque, ChardevEvent event)
{
    QtestServer *q = opaque;

    if (q->feeding) {
        q->drop |= event == CHARDEV_EVENT_CLOSED;
        return;
    }
    if (event == CHARDEV_EVENT_OPENED || event == CHARDEV_EVENT_CLOSED) {
        g_clear_pointer(&q->session, qtest_session_free);
    }
    if (event == CHARDEV_EVENT_OPENED) {
        q->session = qtest_session_new(q->vm, on_send, q);
    }
}

static const ChardevFrontendOps frontend_ops = { .receive = on_receive, .event = on_event };

static Chardev *open_chardev(QtestServer *q, const char *spec, GError **error)
{
    bool with_monitor = false;

    if (g_str_has_prefix(spec, "chardev:")) {
        return chardevs_lookup(q->vm->chardevs, spec + strlen("chardev:"), error);
    }
    g_autoptr(ChardevConfig) config =
        chardev_config_parse_legacy("qtest", spec, &with_monitor, error);

    q->made_chardev = true;
    return config ? chardevs_add(q->vm->chardevs, config, error) : NULL;
}

QtestServer *qtest_server_new(Vm *vm, const char *spec, const char *log, GError **error)
{
    QtestServer *q = g_new0(QtestServer, 1);
    Chardev *chardev;

    q->vm = vm;
    if (log && strcmp(log, "none")) {
        q->log = fopen(log, "we");
        if (!q->log) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_HOST,
                        "-qtest-log: cannot write '%s': %s", log, g_strerror(errno));
            qtest_server_free(q);
            return NULL;
        }
    }
    chardev = open_chardev(q, spec, error);
    if (!chardev || !chardev_frontend_attach(&q->chardev, chardev, &frontend_ops, q, error)) {
        g_prefix_error(error, "-qtest %s: ", spec);
        qtest_server_free(q);
        return NULL;
    }
    return q;
}

void qtest_server_free(QtestServer *q)
{
    if (!q) {
        return;
    }
    g_clear_pointer(&q->session, qtest_session_free);
    chardev_frontend_detach(&q->chardev);
    if (q->made_chardev) {
        chardevs_remove(q->vm->chardevs, "qtest", NULL);
    }
    g_clear_pointer(&q->log, fclose);
    g_free(q);
}
