/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session: its life, its states, what may be asked of it. The transfer itself is in source.c
 * and destination.c.
 */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "dirty.h"
#include "base/util/trace.h"
#include "migration-priv.h"

TRACE_POINT(migration_device);
TRACE_POINT(migration_error);
TRACE_POINT(migration_warning);

/* Figures that are not known. */
#define NO_INFO                                                                        \
    (MigrationInfo)                                                                    \
    {                                                                                  \
        .downtime_ms = -1, .total_ms = -1, .setup_ms = -1, .expected_downtime_ms = -1, \
        .expected_remaining_ms = -1                                                    \
    }

void migration_set_error(Migration *m, const GError *error)
{
    trace(migration_error, "%s: %s", m->incoming_is_last ? "destination" : "source",
          error->message);
    if (!m->error_desc) {
        m->error_desc = g_strdup(error->message);
    }
}

void migration_warn(Migration *m, const char *text)
{
    vm_lock(m->vm);
    if (!g_ptr_array_find_with_equal_func(m->warnings, text, g_str_equal, NULL)) {
        trace(migration_warning, "%s", text);
        g_ptr_array_add(m->warnings, g_strdup(text));
    }
    vm_unlock(m->vm);
}

typedef struct {
    bool (*fn)(void *opaque, GError **error);
    void *opaque;
    GError **error;
    GMutex mutex;
    GCond cond;
    bool done, ok;
} MainCall;

static void call_in_main(void *opaque)
{
    MainCall *call = opaque;
    bool ok = call->fn(call->opaque, call->error);
    g_mutex_lock(&call->mutex);
    call->ok = ok;
    call->done = true;
    g_cond_signal(&call->cond);
    g_mutex_unlock(&call->mutex);
}

bool migration_call_main(Vm *vm, bool (*fn)(void *opaque, GError **error), void *opaque,
                         GError **error)
{
    MainCall call = { .fn = fn, .opaque = opaque, .error = error };
    g_mutex_init(&call.mutex);
    g_cond_init(&call.cond);
    loop_call(vm, call_in_main, &call);
    g_mutex_lock(&call.mutex);
    while (!call.done) {
        g_cond_wait(&call.cond, &call.mutex);
    }
    g_mutex_unlock(&call.mutex);
    g_mutex_clear(&call.mutex);
    g_cond_clear(&call.cond);
    return call.ok;
}

/* ---- life ---- */

static void device_stat_clear(gpointer p)
{
    g_free(((DeviceStat *)p)->idstr);
}

void migration_setup(Vm *vm, const MigrationHost *host)
{
    Migration *m = g_new0(Migration, 1);
    m->vm = vm;
    m->host = *host;
    m->warnings = g_ptr_array_new_with_free_func(g_free);
    m->devices = g_array_new(false, false, sizeof(DeviceStat));
    g_array_set_clear_func(m->devices, device_stat_clear);
    migration_params_init(&m->params);
    for (unsigned c = 0; c < MIGRATION_CAP_COUNT; c++) {
        m->caps |= (uint64_t)migration_caps[c].on << c;
    }
    g_mutex_init(&m->yank_mutex);
    m->yank_connect = -1;
    m->dirt = dirty_meter_new(m);
    m->rate = dirty_rate_new(m);
    vm->migration = m;
    common_sections_register(m);
}

/* Ends whatever the outgoing thread waits for. VM lock held. */
static void break_off(Outgoing *o)
{
    __atomic_store_n(&o->cancel, 1, __ATOMIC_RELEASE);
    eventfd_write(o->cancel_fd, 1);
    if (o->channel) {
        channel_hurry(o->channel, LAST_WORDS_MS);
    }
    g_mutex_lock(&o->mutex);
    g_cond_broadcast(&o->cond);
    g_mutex_unlock(&o->mutex);
}

/* Has a channel; else it listens, for the first time or after a preflight. */
static bool is_loading(const Migration *m)
{
    return m->in && m->in->thread && !m->in->watch;
}

/*
 * Lets a thread that still works end: it needs the main loop for its last words. An incoming one may
 * end by listening again, and be called once more.
 */
static void drain(Migration *m)
{
    if (m->out && migration_status_active(m->status)) {
        break_off(m->out);
    }
    while (migration_status_active(m->status) && ((m->out && m->out->thread) || is_loading(m))) {
        if (is_loading(m)) {
            channel_shutdown(m->in->channel);
        }
        loop_iterate(m->vm, true);
    }
}

void migration_teardown(Vm *vm)
{
    Migration *m = vm->migration;
    if (!m) {
        return;
    }
    drain(m);
    outgoing_reap(m);
    incoming_reap(m);
    dirty_rate_free(m->rate);
    dirty_meter_free(m->dirt);
    common_sections_unregister(m);
    g_array_unref(m->devices);
    migration_params_clear(&m->params);
    g_free(m->error_desc);
    g_ptr_array_unref(m->warnings);
    g_mutex_clear(&m->yank_mutex);
    g_clear_pointer(&vm->migration, g_free);
}

void migration_set_autostart(Vm *vm, bool autostart)
{
    vm->migration->host.autostart = autostart;
}

/* ---- capabilities, parameters, blockers ---- */

static bool busy(Migration *m, GError **error)
{
    if (migration_status_active(m->status) && (m->out || (m->in && m->in->thread))) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_BUSY,
                    "There's a migration process in progress");
        return true;
    }
    return false;
}

bool migration_cap(Vm *vm, MigrationCap cap)
{
    return has_cap(vm->migration->caps, cap);
}

/* Capabilities that need or exclude another. */
static bool caps_fit(uint64_t caps, GError **error)
{
    const char *why =
        has_cap(caps, MIGRATION_CAP_SWITCHOVER_ACK) && !has_cap(caps, MIGRATION_CAP_RETURN_PATH)
            ? "Capability 'switchover-ack' requires capability 'return-path'"
        : has_cap(caps, MIGRATION_CAP_DIRTY_LIMIT) && has_cap(caps, MIGRATION_CAP_AUTO_CONVERGE)
            ? "dirty-limit conflicts with auto-converge either of then available currently"
            : NULL;
    if (why) {
        g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG, why);
    }
    return !why;
}

bool migration_caps_set(Vm *vm, uint64_t on, uint64_t off, GError **error)
{
    Migration *m = vm->migration;
    if (busy(m, error)) {
        return false;
    }
    for (int c = 0; c < MIGRATION_CAP_COUNT; c++) {
        if (has_cap(on, (MigrationCap)c) && !migration_caps[c].supported) {
            g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                        "capability '%s' is not supported by this build", migration_caps[c].name);
            return false;
        }
    }
    uint64_t caps = (m->caps | on) & ~off;
    if (!caps_fit(caps, error)) {
        return false;
    }
    m->caps = caps;
    return true;
}

const MigrationParams *migration_params_of(Vm *vm)
{
    return &vm->migration->params;
}

/* Bandwidth and downtime may change under way; the rest is for the next session. */
bool migration_params_set(Vm *vm, const MigrationParams *params, GError **error)
{
    Migration *m = vm->migration;
    if (!migration_params_check(params, error)) {
        return false;
    }
    migration_params_copy(&m->params, params);
    if (m->out && migration_status_active(m->status)) {
        m->out->params.max_bandwidth = params->max_bandwidth;
        m->out->params.downtime_limit_ms = params->downtime_limit_ms;
        m->out->params.avail_switchover_bandwidth = params->avail_switchover_bandwidth;
        g_mutex_lock(&m->out->mutex);
        g_cond_broadcast(&m->out->cond);
        g_mutex_unlock(&m->out->mutex);
    }
    return true;
}

typedef struct {
    void (*fn)(const char *reason, void *opaque);
    void *opaque;
} BlockerWalk;

static bool unmigratable(Section *s, void *opaque)
{
    BlockerWalk *walk = opaque;
    if (s->desc->unmigratable) {
        g_autofree char *text = g_strdup_printf("device '%s' cannot be migrated", s->idstr);
        walk->fn(text, walk->opaque);
    }
    return true;
}

void migration_blockers_foreach(Vm *vm, void (*fn)(const char *reason, void *opaque), void *opaque)
{
    BlockerWalk walk = { fn, opaque };
    section_foreach(vm, unmigratable, &walk);
}

static void first_reason(const char *reason, void *opaque)
{
    char **first = opaque;
    if (!*first) {
        *first = g_strdup(reason);
    }
}

/* ---- outgoing ---- */

void outgoing_reap(Migration *m)
{
    Outgoing *o = m->out;
    if (!o) {
        return;
    }
    m->out = NULL;
    if (o->thread) {
        unsigned depth = vm_lock_drop_all(m->vm);
        g_thread_join(o->thread);
        vm_lock_retake(m->vm, depth);
    }
    yank_unregister(m, YANK_OUTGOING);
    stream_out_clear(&o->out);
    g_clear_pointer(&o->channel, channel_unref);
    migration_address_free(o->address);
    close(o->cancel_fd);
    migration_params_clear(&o->params);
    ram_save_free(o->ram);
    g_clear_error(&o->error);
    g_free(o->description);
    g_mutex_clear(&o->mutex);
    g_cond_clear(&o->cond);
    g_free(o);
}

static bool may_start(Migration *m, GError **error)
{
    if (busy(m, error)) {
        return false;
    }
    RunState state = run_state_get(m->vm);
    if (state == RUN_STATE_INMIGRATE) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_BUSY,
                    "Guest is waiting for an incoming migration");
        return false;
    }
    if (state == RUN_STATE_POSTMIGRATE) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "Can't migrate the vm that was paused due to previous migration");
        return false;
    }
    g_autofree char *reason = NULL;
    migration_blockers_foreach(m->vm, first_reason, &reason);
    if (reason) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_BLOCKED,
                    "migration is blocked: %s", reason);
        return false;
    }
    return true;
}

/* Forgets the session before and begins a new one, in state setup. */
static Outgoing *outgoing_new(Migration *m, MigrationAddress *addr)
{
    outgoing_reap(m);
    Outgoing *o = g_new0(Outgoing, 1);
    o->m = m;
    o->address = addr;
    o->caps = m->caps;
    o->start_ns = clock_now_ns(m->vm, CLOCK_KIND_REALTIME);
    o->old_state = run_state_get(m->vm);
    o->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    migration_params_copy(&o->params, &m->params);
    g_mutex_init(&o->mutex);
    g_cond_init(&o->cond);
    g_clear_pointer(&m->error_desc, g_free);
    g_ptr_array_set_size(m->warnings, 0);
    g_array_set_size(m->devices, 0);
    m->out = o;
    m->n_marks = 0;
    m->incoming_is_last = false;
    m->status = MIGRATION_NONE;
    migration_set_status(m, MIGRATION_SETUP);
    return o;
}

/* No file there, no such command: the one who asked is told, and so is who watches. */
static void fail_at_once(Migration *m, const GError *why)
{
    m->out->ended = true;
    m->last = NO_INFO;
    migration_set_error(m, why);
    migration_set_status(m, MIGRATION_FAILED);
}

static bool start(Vm *vm, MigrationAddress *addr, bool preflight, GError **error)
{
    g_autoptr(MigrationAddress) owned = addr;
    Migration *m = vm->migration;
    GError *why = NULL;
    if (!may_start(m, error)) {
        return false;
    }
    if (preflight && m->host.stream_version < STREAM_V4) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "machine type '%s' has no preflight: version %u of the stream cannot ask",
                    m->host.machine_name, m->host.stream_version);
        return false;
    }
    Outgoing *o = outgoing_new(m, g_steal_pointer(&owned));
    o->preflight = preflight;
    if (addr->kind != MIGRATION_ADDRESS_SOCKET) {
        o->channel = migration_open_out(addr, -1, &why);
        if (!o->channel) {
            fail_at_once(m, why);
            g_propagate_error(error, why);
            return false;
        }
    }
    yank_register(m, YANK_OUTGOING, o->channel, o->cancel_fd);
    o->thread = g_thread_new("mig/src/main", source_thread, o);
    return true;
}

bool migration_start(Vm *vm, MigrationAddress *addr, GError **error)
{
    return start(vm, addr, false, error);
}

bool migration_preflight(Vm *vm, MigrationAddress *addr, GError **error)
{
    if (addr->kind != MIGRATION_ADDRESS_SOCKET && addr->kind != MIGRATION_ADDRESS_FD) {
        migration_address_free(addr);
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "a preflight needs a destination that can answer: unix:, tcp: or fd:");
        return false;
    }
    return start(vm, addr, true, error);
}

bool migration_cancel(Vm *vm, GError **error)
{
    Migration *m = vm->migration;
    Outgoing *o = m->out;
    if (!o || !migration_status_active(m->status) || m->status == MIGRATION_CANCELLING) {
        return true; /* nothing to cancel is no error */
    }
    if (o->go_sent) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_HANDOVER,
                    "the guest has been handed over, it can no longer be cancelled");
        return false;
    }
    migration_set_status(m, MIGRATION_CANCELLING);
    break_off(o);
    return true;
}

bool migration_continue(Vm *vm, MigrationStatus expected, GError **error)
{
    Migration *m = vm->migration;
    if (m->status != expected || m->status != MIGRATION_PRE_SWITCHOVER || !m->out) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "Migration not in expected state: %s", migration_status_name(m->status));
        return false;
    }
    g_mutex_lock(&m->out->mutex);
    m->out->may_switch = true;
    g_cond_broadcast(&m->out->cond);
    g_mutex_unlock(&m->out->mutex);
    return true;
}

/* ---- what can be seen ---- */

void migration_note_device(Migration *m, const Section *s, int64_t ns, uint64_t bytes)
{
    DeviceStat stat = { g_strdup(s->idstr), s->instance, ns, bytes };
    g_array_append_val(m->devices, stat);
    trace(migration_device,
          "%s %s instance %u: %" G_GUINT64_FORMAT " bytes, %" G_GINT64_FORMAT " ns",
          m->incoming_is_last ? "loaded" : "saved", s->idstr, s->instance, bytes, ns);
}

void migration_devices_foreach(Vm *vm,
                               void (*fn)(const char *idstr, uint32_t instance, int64_t ns,
                                          uint64_t bytes, void *opaque),
                               void *opaque)
{
    GArray *devices = vm->migration->devices;
    for (guint i = 0; i < devices->len; i++) {
        DeviceStat *d = &g_array_index(devices, DeviceStat, i);
        fn(d->idstr, d->instance, d->ns, d->bytes, opaque);
    }
}

void migration_switchover_foreach(Vm *vm, void (*fn)(const char *step, int64_t ns, void *opaque),
                                  void *opaque)
{
    Migration *m = vm->migration;
    for (unsigned i = 0; i < m->n_marks; i++) {
        fn(m->marks[i].step, m->marks[i].ns, opaque);
    }
}

static int64_t ms(int64_t from_ns, int64_t to_ns)
{
    return from_ns && to_ns >= from_ns ? (to_ns - from_ns) / NS_PER_MS : -1;
}

/* What is left goes down by what is sent and up by what the guest writes meanwhile. */
static int64_t expected_remaining_ms(const Outgoing *o, const MigrationInfo *info)
{
    double sent = o->bytes_per_ns * NS_PER_MS;
    double dirtied = (double)info->dirty_pages_rate * GUEST_PAGE_SIZE / 1000;
    double left = (double)info->ram_remaining;
    if (!migration_status_active(o->m->status) || sent <= 0 || (dirtied >= sent && !o->stop_ns)) {
        return -1;
    }
    return (int64_t)(left / (o->stop_ns ? sent : sent - dirtied));
}

static void outgoing_info(Outgoing *o, MigrationInfo *info)
{
    int64_t now = o->end_ns ? o->end_ns : clock_now_ns(o->m->vm, CLOCK_KIND_REALTIME);
    RamSaveStats stats;
    info->total_ms = ms(o->start_ns, now);
    if (!o->ram) {
        return; /* still connecting */
    }
    ram_save_stats(o->ram, &stats);
    info->setup_ms = ms(o->start_ns, o->setup_ns);
    info->downtime_ms = ms(o->stop_ns, o->end_ns);
    info->expected_downtime_ms = o->expected_downtime_ns / NS_PER_MS;
    info->ram_total = stats.total_bytes;
    info->ram_transferred = channel_bytes_written(o->channel);
    info->ram_remaining = ram_save_pending(o->ram);
    info->pages_normal = stats.normal_pages;
    info->pages_zero = stats.zero_pages;
    info->dirty_sync_count = stats.sync_count;
    info->dirty_pages_rate = stats.dirty_rate;
    info->mbps = o->bytes_per_ns * 8000;
    info->pages_per_second = (uint64_t)(o->bytes_per_ns * NS_PER_SEC / GUEST_PAGE_SIZE);
    info->precopy_bytes = o->stop_bytes ? o->stop_bytes : info->ram_transferred;
    info->downtime_bytes = o->stop_bytes ? info->ram_transferred - o->stop_bytes : 0;
    info->has_xbzrle = ram_save_xbzrle(o->ram, &info->xbzrle);
    info->throttle_percent = __atomic_load_n(&o->converge.percent, __ATOMIC_RELAXED);
    info->dirty_limited = has_cap(o->caps, MIGRATION_CAP_DIRTY_LIMIT);
    info->limit_round_held = o->converge.round_held_us;
    info->limit_ring_full = o->converge.ring_full_us;
    info->will_not_converge = o->will_not_converge && migration_status_active(o->m->status);
    info->rounds = o->rounds;
    info->expected_remaining_ms = expected_remaining_ms(o, info);
}

void migration_info(Vm *vm, MigrationInfo *info)
{
    Migration *m = vm->migration;
    *info = NO_INFO;
    if (m->incoming_is_last) {
        info->incoming = true;
        if (m->in) {
            info->total_ms = ms(m->in->start_ns, m->in->end_ns);
            info->ram_transferred = m->in->channel ? channel_bytes_read(m->in->channel) : 0;
        }
    } else if (m->out && !m->out->ended) {
        outgoing_info(m->out, info);
    } else {
        *info = m->last;
    }
    info->status = m->status;
    info->error_desc = g_strdup(m->error_desc);
    info->warnings = NULL;
    if (m->warnings->len) {
        g_autoptr(GStrvBuilder) list = g_strv_builder_new();
        for (guint i = 0; i < m->warnings->len; i++) {
            g_strv_builder_add(list, g_ptr_array_index(m->warnings, i));
        }
        info->warnings = g_strv_builder_end(list);
    }
}

void migration_info_clear(MigrationInfo *info)
{
    g_clear_pointer(&info->error_desc, g_free);
    g_clear_pointer(&info->warnings, g_strfreev);
}
