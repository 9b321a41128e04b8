/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands: a table of prefixes, one function each. An empty reply says "not supported", as the
 * protocol wants it.
 */
#include <string.h>
#include "base/memory/space.h"
#include "gdbstub-priv.h"

#define ERROR_SYNTAX "E22"
#define ERROR_MEMORY "E14"
#define ERROR_RANGE  "E01"

typedef struct {
    GdbServer *s;
    const char *p; /* behind the prefix; NUL-terminated at end */
    const char *end;
} Args;

static bool literal(Args *a, char c)
{
    if (*a->p != c) {
        return false;
    }
    a->p++;
    return true;
}

static const CpuGdb *gdb_of(const GdbServer *s)
{
    return s->cpu->ops->gdb;
}

/* ---- registers ---- */

static unsigned reg_bytes(const CpuGdbReg *r)
{
    return (r->bits + 7u) / 8;
}

static void append_reg(GdbServer *s, GString *out, unsigned number)
{
    uint8_t buf[CPU_GDB_REG_MAX_BYTES] = { 0 };

    gdb_of(s)->read(s->cpu, number, buf);
    gdb_hex_append(out, buf, reg_bytes(gdb_reg(gdb_of(s), number)));
}

static void cmd_read_all(Args *a)
{
    g_autoptr(GString) out = g_string_new(NULL);
    unsigned n = gdb_reg_count(gdb_of(a->s));

    for (unsigned i = 0; i < n; i++) {
        append_reg(a->s, out, i);
    }
    gdb_reply(a->s, out->str);
}

/* The register is changed only where it differs: GDB writes all of them back as one. */
static bool write_reg(GdbServer *s, unsigned number, const uint8_t *buf)
{
    uint8_t now[CPU_GDB_REG_MAX_BYTES] = { 0 };

    gdb_of(s)->read(s->cpu, number, now);
    return !memcmp(now, buf, reg_bytes(gdb_reg(gdb_of(s), number))) ||
           gdb_of(s)->write(s->cpu, number, buf);
}

static void cmd_write_all(Args *a)
{
    unsigned n = gdb_reg_count(gdb_of(a->s));
    bool ok = true;

    for (unsigned i = 0; i < n && *a->p; i++) {
        uint8_t buf[CPU_GDB_REG_MAX_BYTES];
        unsigned len = reg_bytes(gdb_reg(gdb_of(a->s), i));
        if ((size_t)(a->end - a->p) < 2 * len || !gdb_hex_parse(a->p, buf, len)) {
            gdb_reply(a->s, ERROR_SYNTAX);
            return;
        }
        ok &= write_reg(a->s, i, buf);
        a->p += 2 * len;
    }
    gdb_reply(a->s, ok ? "OK" : ERROR_RANGE);
}

static void cmd_read_reg(Args *a)
{
    g_autoptr(GString) out = g_string_new(NULL);
    uint64_t number;

    if (!gdb_number(&a->p, &number) || !gdb_reg(gdb_of(a->s), number)) {
        gdb_reply(a->s, ERROR_RANGE);
        return;
    }
    append_reg(a->s, out, (unsigned)number);
    gdb_reply(a->s, out->str);
}

static void cmd_write_reg(Args *a)
{
    uint8_t buf[CPU_GDB_REG_MAX_BYTES];
    uint64_t number;
    const CpuGdbReg *r;

    if (!gdb_number(&a->p, &number) || !literal(a, '=') ||
        !(r = gdb_reg(gdb_of(a->s), number)) ||
        (size_t)(a->end - a->p) != 2 * reg_bytes(r) || !gdb_hex_parse(a->p, buf, reg_bytes(r))) {
        gdb_reply(a->s, ERROR_SYNTAX);
        return;
    }
    gdb_reply(a->s, write_reg(a->s, (unsigned)number, buf) ? "OK" : ERROR_RANGE);
}

/* ---- memory ---- */

static bool memory_rw(GdbServer *s, uint64_t addr, void *buf, size_t len, bool write)
{
    if (!s->physical) {
        return cpu_debug_rw(s->cpu, addr, buf, len, write);
    }
    return (write ? address_space_write_rom(s->cpu->as[0], addr, buf, len)
                  : address_space_read(s->cpu->as[0], addr, (MemAttrs){ 0 }, buf, len)) == MEM_OK;
}

static bool addr_len(Args *a, uint64_t *addr, uint64_t *len)
{
    return gdb_number(&a->p, addr) && literal(a, ',') && gdb_number(&a->p, len) &&
           *len <= GDB_PACKET_MAX / 2;
}

static void cmd_read_memory(Args *a)
{
    uint8_t buf[GDB_PACKET_MAX / 2];
    uint64_t addr, len;

    if (!addr_len(a, &addr, &len)) {
        gdb_reply(a->s, ERROR_SYNTAX);
        return;
    }
    if (!memory_rw(a->s, addr, buf, len, false)) {
        gdb_reply(a->s, ERROR_MEMORY);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    gdb_hex_append(out, buf, len);
    gdb_reply(a->s, out->str);
}

static void write_memory(Args *a, bool binary)
{
    uint8_t buf[GDB_PACKET_MAX / 2];
    uint64_t addr, len;

    if (!addr_len(a, &addr, &len) || !literal(a, ':') ||
        (size_t)(a->end - a->p) != (binary ? len : 2 * len) ||
        (!binary && !gdb_hex_parse(a->p, buf, len))) {
        gdb_reply(a->s, ERROR_SYNTAX);
        return;
    }
    if (binary) {
        memcpy(buf, a->p, len);
    }
    gdb_reply(a->s, memory_rw(a->s, addr, buf, len, true) ? "OK" : ERROR_MEMORY);
}

static void cmd_write_memory(Args *a)
{
    write_memory(a, false);
}

static void cmd_write_binary(Args *a)
{
    write_memory(a, true);
}

/* ---- run control ---- */

static GdbAction *actions_new(GdbServer *s, GdbAction fill)
{
    unsigned n = engine_cpu_count(s->host.engine);
    GdbAction *action = g_new(GdbAction, n);

    for (unsigned i = 0; i < n; i++) {
        action[i] = fill;
    }
    return action;
}

/* c, s and their forms with a signal, which a machine has no use for. */
static void go(Args *a, bool step, bool with_signal)
{
    CpuState *cpu = a->s->run_cpu ? a->s->run_cpu : a->s->cpu;
    g_autofree GdbAction *action = actions_new(a->s, GDB_GO);
    uint64_t v;

    if (with_signal && (!gdb_number(&a->p, &v) || (*a->p && !literal(a, ';')))) {
        gdb_reply(a->s, ERROR_SYNTAX);
        return;
    }
    if (*a->p) {
        if (!gdb_number(&a->p, &v)) {
            gdb_reply(a->s, ERROR_SYNTAX);
            return;
        }
        cpu_set_pc(cpu, v);
    }
    if (step) {
        action[cpu->index] = GDB_STEP;
    }
    gdb_resume(a->s, action);
}

static void cmd_continue(Args *a)
{
    go(a, false, false);
}

static void cmd_continue_signal(Args *a)
{
    go(a, false, true);
}

static void cmd_step(Args *a)
{
    go(a, true, false);
}

static void cmd_step_signal(Args *a)
{
    go(a, true, true);
}

/* A thread number: -1 is all (0 here), 0 any, else one vCPU. False: no such thread. */
static bool thread_arg(Args *a, bool *all, CpuState **cpu)
{
    uint64_t thread;

    *all = a->p[0] == '-' && a->p[1] == '1';
    *cpu = NULL;
    if (*all) {
        a->p += 2;
        return true;
    }
    if (!gdb_number(&a->p, &thread)) {
        return false;
    }
    *cpu = gdb_cpu_of(a->s, thread);
    return *cpu != NULL;
}

/* One ";action[:thread]" of vCont; the first that names a vCPU counts. */
static bool one_action(Args *a, GdbAction *action, bool *taken)
{
    char what = *a->p;
    bool all = true;
    CpuState *cpu = NULL;
    uint64_t signal;

    if (!what || !strchr("cCsSt", what)) {
        return false;
    }
    a->p++;
    if ((what == 'C' || what == 'S') && !gdb_number(&a->p, &signal)) {
        return false;
    }
    if (*a->p == ':' && (a->p++, !thread_arg(a, &all, &cpu))) {
        return false;
    }
    GdbAction to = what == 't' ? GDB_HOLD : g_ascii_tolower(what) == 's' ? GDB_STEP : GDB_GO;
    for (unsigned i = 0; i < engine_cpu_count(a->s->host.engine); i++) {
        if (!taken[i] && (all || cpu->index == i)) {
            taken[i] = true;
            action[i] = to;
        }
    }
    return true;
}

static void cmd_vcont(Args *a)
{
    g_autofree GdbAction *action = actions_new(a->s, GDB_HOLD);
    g_autofree bool *taken = g_new0(bool, engine_cpu_count(a->s->host.engine));
    bool any = false;

    while (literal(a, ';')) {
        if (!one_action(a, action, taken)) {
            gdb_reply(a->s, ERROR_SYNTAX);
            return;
        }
        any = true;
    }
    if (!any || *a->p) {
        gdb_reply(a->s, ERROR_SYNTAX);
        return;
    }
    gdb_resume(a->s, action);
}

static void cmd_vcont_which(Args *a)
{
    gdb_reply(a->s, "vCont;c;C;s;S;t");
}

static void cmd_why_stopped(Args *a)
{
    g_autofree char *reply = gdb_stop_reply(a->s, run_state_get(a->s->host.vm));

    gdb_reply(a->s, reply);
}

static void cmd_thread_alive(Args *a)
{
    uint64_t thread;

    gdb_reply(a->s, gdb_number(&a->p, &thread) && gdb_cpu_of(a->s, thread) ? "OK" : ERROR_RANGE);
}

static void cmd_set_thread(Args *a)
{
    bool run = *a->p == 'c', all;
    CpuState *cpu;

    if (!run && *a->p != 'g') {
        gdb_reply(a->s, ERROR_SYNTAX);
        return;
    }
    a->p++;
    if (!thread_arg(a, &all, &cpu)) {
        gdb_reply(a->s, ERROR_RANGE);
        return;
    }
    if (run) {
        a->s->run_cpu = cpu;
    } else if (cpu) {
        a->s->cpu = cpu;
    }
    gdb_reply(a->s, "OK");
}

static void cmd_detach(Args *a)
{
    gdb_points_clear(a->s);
    gdb_reply(a->s, "OK");
    g_autofree GdbAction *action = actions_new(a->s, GDB_GO);
    gdb_resume(a->s, action);
    a->s->waiting = false;
}

static void cmd_kill(Args *a)
{
    if (*a->p) { /* vKill wants an answer, k does not */
        gdb_reply(a->s, "OK");
    }
    vm_shutdown_request(a->s->host.vm, SHUTDOWN_HOST_UI);
}

/* ---- breakpoints ---- */

static void point(Args *a, bool insert)
{
    GdbPoint p = { 0 };
    uint64_t kind, len;

    if (!gdb_number(&a->p, &kind) || !literal(a, ',') || !gdb_number(&a->p, &p.addr) ||
        !literal(a, ',') || !gdb_number(&a->p, &len)) {
        gdb_reply(a->s, ERROR_SYNTAX);
        return;
    }
    if (kind >= GDB_POINT_KINDS) {
        gdb_reply(a->s, "");
        return;
    }
    p.kind = (GdbPointKind)kind;
    p.len = p.kind >= GDB_POINT_WRITE ? len : 0;
    bool ok = insert ? gdb_point_insert(a->s, &p) : gdb_point_remove(a->s, &p);
    gdb_reply(a->s, ok ? "OK" : ERROR_SYNTAX);
}

static void cmd_insert(Args *a)
{
    point(a, true);
}

static void cmd_remove(Args *a)
{
    point(a, false);
}

/* ---- queries ---- */

static void query_supported(Args *a)
{
    g_autofree char *reply =
        g_strdup_printf("PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;"
                        "swbreak+;hwbreak+",
                        GDB_PACKET_MAX);

    a->s->says_why = strstr(a->p, "swbreak+") && strstr(a->p, "hwbreak+");
    gdb_reply(a->s, reply);
}

static void query_features(Args *a)
{
    uint64_t offset, len;

    if (!gdb_number(&a->p, &offset) || !literal(a, ',') || !gdb_number(&a->p, &len)) {
        gdb_reply(a->s, ERROR_SYNTAX);
        return;
    }
    if (offset > a->s->xml->len) {
        gdb_reply(a->s, ERROR_RANGE);
        return;
    }
    /* Escapes may double it, and the packet stays under the limit. */
    size_t n = MIN(MIN(len, GDB_PACKET_MAX / 2 - 16), a->s->xml->len - offset);
    g_autoptr(GString) out = g_string_new(offset + n < a->s->xml->len ? "m" : "l");
    g_string_append_len(out, a->s->xml->str + offset, (gssize)n);
    gdb_reply_bytes(a->s, out->str, out->len);
}

static void query_threads(Args *a)
{
    g_autoptr(GString) out = g_string_new("m");

    for (unsigned i = 0; i < engine_cpu_count(a->s->host.engine); i++) {
        g_string_append_printf(out, "%s%x", i ? "," : "",
                               gdb_thread_of(engine_cpu(a->s->host.engine, i)));
    }
    gdb_reply(a->s, out->str);
}

static void query_no_more_threads(Args *a)
{
    gdb_reply(a->s, "l");
}

static void query_thread_text(Args *a)
{
    g_autoptr(GString) out = g_string_new(NULL);
    uint64_t thread;
    CpuState *cpu = gdb_number(&a->p, &thread) ? gdb_cpu_of(a->s, thread) : NULL;

    if (!cpu) {
        gdb_reply(a->s, ERROR_RANGE);
        return;
    }
    g_autofree char *text =
        g_strdup_printf("CPU#%u [%s]", cpu->index, cpu->halted ? "halted" : "running");
    gdb_hex_append(out, (const uint8_t *)text, strlen(text));
    gdb_reply(a->s, out->str);
}

static void query_current(Args *a)
{
    g_autofree char *reply = g_strdup_printf("QC%x", gdb_thread_of(a->s->cpu));

    gdb_reply(a->s, reply);
}

static void query_attached(Args *a)
{
    gdb_reply(a->s, "1");
}

static void query_monitor(Args *a)
{
    size_t len = (size_t)(a->end - a->p) / 2;
    g_autofree char *line = g_malloc0(len + 1);

    if (!a->s->host.monitor || !gdb_hex_parse(a->p, (uint8_t *)line, len)) {
        gdb_reply(a->s, a->s->host.monitor ? ERROR_SYNTAX : "");
        return;
    }
    g_autofree char *text = a->s->host.monitor(a->s->host.opaque, line);
    size_t left = strlen(text);
    for (const char *t = text; left;) {
        size_t n = MIN(left, GDB_PACKET_MAX / 2 - 16);
        g_autoptr(GString) out = g_string_new("O");
        gdb_hex_append(out, (const uint8_t *)t, n);
        gdb_reply(a->s, out->str);
        t += n;
        left -= n;
    }
    gdb_reply(a->s, "OK");
}

static void query_phys_mode(Args *a)
{
    gdb_reply(a->s, a->s->physical ? "1" : "0");
}

static void set_phys_mode(Args *a)
{
    a->s->physical = *a->p == '1';
    gdb_reply(a->s, "OK");
}

static void query_step_bits(Args *a)
{
    gdb_reply(a->s, "ENABLE=1,NOIRQ=2");
}

static void query_step(Args *a)
{
    g_autofree char *reply = g_strdup_printf("0x%x", a->s->step_flags);

    gdb_reply(a->s, reply);
}

static void set_step(Args *a)
{
    uint64_t v;

    if (!gdb_number(&a->p, &v) || v & ~(uint64_t)(CPU_STEP_ON | CPU_STEP_NO_IRQ)) {
        gdb_reply(a->s, ERROR_RANGE);
        return;
    }
    a->s->step_flags = (unsigned)v;
    gdb_reply(a->s, "OK");
}

static void set_no_ack(Args *a)
{
    gdb_reply(a->s, "OK");
    a->s->no_ack = true;
}

static void reply_ok(Args *a)
{
    gdb_reply(a->s, "OK");
}

/* Longer prefixes first. */
static const struct {
    const char *prefix;
    void (*run)(Args *a);
    bool whole; /* nothing may follow */
} commands[] = {
    { "qSupported", query_supported },
    { "qXfer:features:read:target.xml:", query_features },
    { "qfThreadInfo", query_threads, true },
    { "qsThreadInfo", query_no_more_threads, true },
    { "qThreadExtraInfo,", query_thread_text },
    { "qAttached", query_attached },
    { "qRcmd,", query_monitor },
    { "qSymbol::", reply_ok, true },
    { "qqemu.PhyMemMode", query_phys_mode, true },
    { "Qqemu.PhyMemMode:", set_phys_mode },
    { "qqemu.sstepbits", query_step_bits, true },
    { "qqemu.sstep", query_step, true },
    { "Qqemu.sstep=", set_step },
    { "QStartNoAckMode", set_no_ack, true },
    { "qC", query_current, true },
    { "vCont?", cmd_vcont_which, true },
    { "vCont", cmd_vcont },
    { "vKill", cmd_kill },
    { "?", cmd_why_stopped, true },
    { "g", cmd_read_all, true },
    { "G", cmd_write_all },
    { "p", cmd_read_reg },
    { "P", cmd_write_reg },
    { "m", cmd_read_memory },
    { "M", cmd_write_memory },
    { "X", cmd_write_binary },
    { "c", cmd_continue },
    { "C", cmd_continue_signal },
    { "s", cmd_step },
    { "S", cmd_step_signal },
    { "H", cmd_set_thread },
    { "T", cmd_thread_alive },
    { "D", cmd_detach },
    { "k", cmd_kill },
    { "Z", cmd_insert },
    { "z", cmd_remove },
};

void gdb_command(GdbServer *s, const char *text, size_t len)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        size_t n = strlen(commands[i].prefix);
        if (!strncmp(text, commands[i].prefix, n) && !(commands[i].whole && text[n])) {
            Args a = { s, text + n, text + len };
            commands[i].run(&a);
            return;
        }
    }
    gdb_reply(s, "");
}
