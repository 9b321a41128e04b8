/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server: bytes in and out, and the run control between the debugger and the VM.
 *
 *   vCPU thread: breakpoint ──▶ debug_stop: park this vCPU, ask the main loop to stop the VM
 *   main loop:   run state stopped ──▶ run_changed ──▶ stop reply (when the debugger waits for one)
 *
 * While the guest runs the debugger may only interrupt; any packet that comes then stops it first.
 */
#include <string.h>
#include "gdbstub-priv.h"

enum { /* signal numbers of the remote protocol */
    GDB_SIGNAL_INT = 2,
    GDB_SIGNAL_QUIT = 3,
    GDB_SIGNAL_TRAP = 5,
    GDB_SIGNAL_ABRT = 6,
    GDB_SIGNAL_ALRM = 14,
    GDB_SIGNAL_IO = 23,
};

GQuark ferry_gdb_error_quark(void)
{
    return g_quark_from_static_string("ferry-gdb-error");
}

/* ---- output ---- */

static void flush(void *opaque)
{
    GdbServer *s = opaque;

    while (s->out->len) {
        size_t n = chardev_write(&s->chr, (const uint8_t *)s->out->str, s->out->len);
        if (!n) {
            chardev_frontend_watch(&s->chr, flush);
            return;
        }
        g_string_erase(s->out, 0, (gssize)n);
    }
}

static void send(GdbServer *s, const char *bytes, size_t len)
{
    g_string_append_len(s->out, bytes, (gssize)len);
    flush(s);
}

void gdb_reply_bytes(GdbServer *s, const char *body, size_t len)
{
    g_string_free(s->last, TRUE);
    s->last = gdb_frame_wrap(body, len);
    send(s, s->last->str, s->last->len);
}

void gdb_reply(GdbServer *s, const char *body)
{
    gdb_reply_bytes(s, body, strlen(body));
}

/* ---- threads ---- */

unsigned gdb_thread_of(const CpuState *cpu)
{
    return cpu->index + 1;
}

CpuState *gdb_cpu_of(GdbServer *s, uint64_t thread)
{
    unsigned n = engine_cpu_count(s->host.engine);

    for (unsigned i = 0; i < n; i++) {
        CpuState *cpu = engine_cpu(s->host.engine, i);
        if (!thread || gdb_thread_of(cpu) == thread) {
            return cpu;
        }
    }
    return NULL;
}

/* ---- stop and go ---- */

static int stop_signal(RunState state)
{
    switch (state) {
    case RUN_STATE_DEBUG: return GDB_SIGNAL_TRAP;
    case RUN_STATE_SHUTDOWN: return GDB_SIGNAL_QUIT;
    case RUN_STATE_IO_ERROR: return GDB_SIGNAL_IO;
    case RUN_STATE_WATCHDOG: return GDB_SIGNAL_ALRM;
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_GUEST_PANICKED: return GDB_SIGNAL_ABRT;
    default: return GDB_SIGNAL_INT;
    }
}

static void append_reason(GdbServer *s, GString *r)
{
    static const char *const names[GDB_POINT_KINDS] = {
        [GDB_POINT_WRITE] = "watch", [GDB_POINT_READ] = "rwatch", [GDB_POINT_ACCESS] = "awatch"
    };
    CpuState *cpu = s->stopped;

    if (cpu->debug_cause == CPU_DEBUG_WATCH) {
        const GdbPoint *p = gdb_point_watching(s, cpu->watch_hit);
        if (p) {
            g_string_append_printf(r, "%s:%" G_GINT64_MODIFIER "x;", names[p->kind],
                                   cpu->watch_hit);
        }
    } else if (cpu->debug_cause == CPU_DEBUG_BREAK && s->says_why) {
        uint64_t pc = cpu_get_pc(cpu);
        if (gdb_point_at(s, GDB_POINT_SOFT, pc)) {
            g_string_append(r, "swbreak:;");
        } else if (gdb_point_at(s, GDB_POINT_HARD, pc)) {
            g_string_append(r, "hwbreak:;");
        }
    }
}

char *gdb_stop_reply(GdbServer *s, RunState state)
{
    GString *r = g_string_new(NULL);

    g_string_append_printf(r, "T%02xthread:%02x;", stop_signal(state), gdb_thread_of(s->stopped));
    if (state == RUN_STATE_DEBUG) {
        append_reason(s, r);
    }
    return g_string_free(r, FALSE);
}

/* vCPU thread, VM lock held: park it here, the main loop stops the rest. */
static void debug_stop(CpuState *cpu, void *opaque)
{
    GdbServer *s = opaque;

    s->stopped = cpu;
    cpu_pause(cpu);
    vm_stop_request(s->host.vm, RUN_STATE_DEBUG);
}

static void let_all_go(GdbServer *s)
{
    for (unsigned i = 0; i < engine_cpu_count(s->host.engine); i++) {
        CpuState *cpu = engine_cpu(s->host.engine, i);
        if (cpu) {
            cpu_set_singlestep(cpu, 0);
            cpu_set_held(cpu, false);
        }
    }
}

static bool run_changed(void *opaque, bool running, RunState state, GError **error)
{
    GdbServer *s = opaque;

    if (running || state == RUN_STATE_SAVE_VM || state == RUN_STATE_RESTORE_VM) {
        return true;
    }
    let_all_go(s);
    if (!s->waiting) {
        return true;
    }
    s->waiting = false;
    if (state == RUN_STATE_DEBUG) {
        s->cpu = s->stopped;
    }
    g_autofree char *reply = gdb_stop_reply(s, state);
    gdb_reply(s, reply);
    return true;
}

void gdb_resume(GdbServer *s, const GdbAction *action)
{
    GError *error = NULL;

    for (unsigned i = 0; i < engine_cpu_count(s->host.engine); i++) {
        CpuState *cpu = engine_cpu(s->host.engine, i);
        cpu_set_held(cpu, action[i] == GDB_HOLD);
        cpu_set_singlestep(cpu, action[i] == GDB_STEP ? s->step_flags : 0);
    }
    s->waiting = true;
    if (!run_state_running(s->host.vm) && !vm_start(s->host.vm, &error)) {
        s->waiting = false;
        let_all_go(s);
        g_autofree char *reply = g_strdup_printf("E.%s", error->message);
        gdb_reply(s, reply);
        g_error_free(error);
    }
}

static void interrupt(GdbServer *s)
{
    if (run_state_running(s->host.vm)) {
        vm_stop(s->host.vm, RUN_STATE_PAUSED, NULL);
    }
}

/* ---- input ---- */

static void packet(GdbServer *s)
{
    bool quiet = s->no_ack;

    if (!quiet) {
        send(s, "+", 1);
    }
    g_byte_array_append(s->frame.packet, (const uint8_t *)"", 1);
    gdb_command(s, (const char *)s->frame.packet->data, s->frame.packet->len - 1);
}

static void input(GdbServer *s, GdbInput what)
{
    switch (what) {
    case GDB_INPUT_PACKET: packet(s); break;
    case GDB_INPUT_BREAK: interrupt(s); break;
    case GDB_INPUT_BAD:
        if (!s->no_ack) {
            send(s, "-", 1);
        }
        break;
    case GDB_INPUT_NAK:
        if (!s->no_ack) {
            send(s, s->last->str, s->last->len);
        }
        break;
    case GDB_INPUT_ACK:
    case GDB_INPUT_NOTHING: break;
    }
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    GdbServer *s = opaque;

    for (size_t i = 0; i < len; i++) {
        if (s->frame.state == GDB_IDLE && buf[i] == '$') {
            interrupt(s);
        }
        input(s, gdb_frame_byte(&s->frame, buf[i]));
    }
}

static void peer_came(GdbServer *s)
{
    gdb_frame_reset(&s->frame);
    g_string_truncate(s->out, 0);
    g_string_truncate(s->last, 0);
    s->connected = true;
    s->no_ack = s->waiting = s->says_why = s->physical = false;
    s->step_flags = CPU_STEP_ON | CPU_STEP_NO_IRQ;
    s->cpu = s->stopped = gdb_cpu_of(s, 0);
    s->run_cpu = NULL;
    interrupt(s);
}

static void chr_event(void *opaque, ChardevEvent event)
{
    GdbServer *s = opaque;

    if (event == CHARDEV_EVENT_OPENED) {
        peer_came(s);
    } else if (event == CHARDEV_EVENT_CLOSED) {
        s->connected = s->waiting = false;
        gdb_points_clear(s);
        let_all_go(s);
    }
}

static void on_exit_vm(Notifier *n, void *data)
{
    GdbServer *s = (GdbServer *)(void *)((char *)n - offsetof(GdbServer, exit_notifier));

    if (s->connected) {
        g_autofree char *reply = g_strdup_printf("W%02x", vm_exit_code(s->host.vm) & 0xff);
        gdb_reply(s, reply);
    }
}

GdbServer *gdb_server_new(const GdbHost *host, Chardev *chardev, GError **error)
{
    static const ChardevFrontendOps ops = { .receive = receive, .event = chr_event };
    CpuState *cpu = engine_cpu_count(host->engine) ? engine_cpu(host->engine, 0) : NULL;

    if (!cpu || !cpu->ops->gdb) {
        g_set_error(error, FERRY_GDB_ERROR, FERRY_GDB_ERROR_TARGET,
                    cpu ? "guests of '%s' have no register table for a debugger"
                        : "the machine has no CPU to debug",
                    cpu ? cpu->ops->name : "");
        return NULL;
    }
    GdbServer *s = g_new0(GdbServer, 1);
    s->host = *host;
    gdb_frame_init(&s->frame);
    s->out = g_string_new(NULL);
    s->last = g_string_new(NULL);
    s->points = g_array_new(FALSE, FALSE, sizeof(GdbPoint));
    s->xml = gdb_target_xml(cpu->ops->gdb);
    s->cpu = s->stopped = cpu;
    s->step_flags = CPU_STEP_ON | CPU_STEP_NO_IRQ;
    s->run_handler = run_state_handler_add(host->vm, RUN_PRIORITY_EARLY, "gdb", run_changed, s);
    s->exit_notifier.fn = on_exit_vm;
    notifier_add(&host->vm->exit_list, &s->exit_notifier);
    engine_set_debug_stop(host->engine, debug_stop, s);
    if (!chardev_frontend_attach(&s->chr, chardev, &ops, s, error)) {
        gdb_server_free(s);
        return NULL;
    }
    return s;
}

void gdb_server_free(GdbServer *s)
{
    if (!s) {
        return;
    }
    gdb_points_clear(s);
    let_all_go(s);
    engine_set_debug_stop(s->host.engine, NULL, NULL);
    notifier_remove(&s->exit_notifier);
    run_state_handler_remove(s->host.vm, s->run_handler);
    if (chardev_frontend_attached(&s->chr)) {
        chardev_frontend_detach(&s->chr);
    }
    gdb_frame_clear(&s->frame);
    g_string_free(s->out, TRUE);
    g_string_free(s->last, TRUE);
    g_string_free(s->xml, TRUE);
    g_array_free(s->points, TRUE);
    g_free(s);
}
