/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The human monitor: a prompt, words, a table of commands. The same table serves
 * human-monitor-command. Text ends its lines with CR LF, as terminals in raw mode need.
 */
#include <stdarg.h>
#include <string.h>

#include "base/util/version.h"
#include "monitor-priv.h"

#define HMP_PROMPT "(ferry) "

void hmp_puts(HmpCall *call, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            g_string_append_c(call->out, '\r');
        }
        g_string_append_c(call->out, *text);
    }
}

void hmp_printf(HmpCall *call, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    hmp_puts(call, text);
}

void hmp_error(HmpCall *call, GError *error)
{
    hmp_printf(call, "Error: %s\n", error->message);
    g_error_free(error);
}

/* Whether word is one of the alternatives in "cont|c". */
static bool name_matches(const char *names, const char *word, size_t len)
{
    for (;;) {
        size_t n = strcspn(names, "|");
        if (n == len && !strncmp(names, word, len)) {
            return true;
        }
        if (!names[n]) {
            return false;
        }
        names += n + 1;
    }
}

static const HmpCommand *find(const HmpCommand *table, const char *word, size_t len)
{
    for (const HmpCommand *c = table; c && c->name; c++) {
        if (name_matches(c->name, word, len)) {
            return c;
        }
    }
    return NULL;
}

static void help_line(HmpCall *call, const HmpCommand *c)
{
    hmp_printf(call, "%s %s -- %s\n", c->name, c->params, c->help);
}

static void help(HmpCall *call, const HmpCommand *table, const char *line)
{
    size_t len = strcspn(line, " ");
    bool info = (len == 4 && !strncmp(line, "info", 4));
    for (const HmpCommand *c = table; c && c->name; c++) {
        bool is_info = g_str_has_prefix(c->name, "info ");
        bool want = info ? is_info && (!line[len] || name_matches(c->name, line, strlen(line)))
                         : (len ? name_matches(c->name, line, len) : !is_info);
        if (want) {
            help_line(call, c);
        }
    }
    if (!len) {
        hmp_puts(call, "info subcommand -- show what is behind the subcommand; see help info\n");
        hmp_puts(call, "help|? [command] -- show the help\n");
    }
}

static void run_line(HmpCall *call, const HmpCommand *table, const char *line)
{
    g_autoptr(GError) error = NULL;
    size_t len = strcspn(line, " \t");
    const char *rest = line + len + strspn(line + len, " \t");
    if (name_matches("help|?", line, len)) {
        help(call, table, rest);
        return;
    }
    bool info = len == 4 && !strncmp(line, "info", 4);
    if (info && !*rest) {
        help(call, table, "info");
        return;
    }
    const HmpCommand *c;
    if (info) {
        size_t sub = strcspn(rest, " \t");
        g_autofree char *name = g_strdup_printf("info %.*s", (int)sub, rest);
        c = find(table, name, strlen(name));
        rest += sub + strspn(rest + sub, " \t");
    } else {
        c = find(table, line, len);
    }
    if (!c) {
        hmp_printf(call, "unknown command: '%.*s'\n", (int)strlen(line), line);
        return;
    }
    call->line = rest;
    if (*rest && !g_shell_parse_argv(rest, &call->argc, &call->argv, &error)) {
        hmp_printf(call, "Error: %s\n", error->message);
        return;
    }
    c->run(call);
    g_strfreev(call->argv);
}

char *monitors_human(Monitors *set, Monitor *monitor, const char *line, int cpu_index)
{
    HmpCall call = { .vm = set->vm,
                     .monitors = set,
                     .monitor = monitor,
                     .cpu_index = cpu_index,
                     .line = "",
                     .out = g_string_new(NULL) };
    g_autofree char *copy = g_strstrip(g_strdup(line));
    if (*copy) {
        run_line(&call, set->config->hmp, copy);
    }
    if (monitor) {
        monitor->cpu_index = call.cpu_index;
    }
    return g_string_free(call.out, FALSE);
}

/* ---- on a chardev; home: the main loop ---- */

static void hmp_out(void *opaque, const char *text, size_t len)
{
    Monitor *m = opaque;
    g_mutex_lock(&m->lock);
    if (m->out->len < MONITOR_OUT_DROP) {
        g_string_append_len(m->out, text, len);
    }
    g_mutex_unlock(&m->lock);
}

static void hmp_line(void *opaque, const char *line)
{
    Monitor *m = opaque;
    g_autofree char *text = monitors_human(m->set, m, line, m->cpu_index);
    hmp_out(m, text, strlen(text));
    readline_prompt(m->readline);
}

size_t monitor_hmp_can_receive(void *opaque)
{
    Monitor *m = opaque;
    return m->out->len < MONITOR_OUT_PAUSE ? 1024 : 0;
}

void monitor_hmp_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Monitor *m = opaque;
    for (size_t i = 0; i < len && m->readline; i++) {
        readline_byte(m->readline, buf[i]);
    }
    monitor_flush(m);
}

void monitor_hmp_prompt(Monitor *m)
{
    if (!m->prompt_due || !m->mux_focus || !m->readline) {
        return;
    }
    if (m->hello_due) {
        g_autofree char *hello =
            g_strdup_printf("Ferry %s monitor - type 'help' for more information\r\n",
                            ferry_version());
        hmp_out(m, hello, strlen(hello));
    } else {
        hmp_out(m, "\r\n", 2);
    }
    m->prompt_due = m->hello_due = false;
    readline_prompt(m->readline);
}

/*
 * The greeting and the prompt come from the main loop, so that a monitor which shares its terminal
 * with a serial port and loses the focus to it during start-up says nothing.
 */
void monitor_hmp_event(void *opaque, ChardevEvent event)
{
    Monitor *m = opaque;
    switch (event) {
    case CHARDEV_EVENT_OPENED:
        m->session++;
        m->connected = true;
        readline_free(m->readline);
        m->readline = readline_new(HMP_PROMPT, hmp_out, hmp_line, m);
        m->hello_due = m->prompt_due = true;
        g_source_set_ready_time(m->flush, 0);
        break;
    case CHARDEV_EVENT_CLOSED:
        m->session++;
        m->connected = false;
        g_string_truncate(m->out, 0);
        break;
    case CHARDEV_EVENT_MUX_IN:
        m->mux_focus = m->prompt_due = true;
        g_source_set_ready_time(m->flush, 0);
        break;
    case CHARDEV_EVENT_MUX_OUT: m->mux_focus = false; break;
    default: break;
    }
}
