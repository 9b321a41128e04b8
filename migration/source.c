/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source: rounds of RAM while the guest runs, the switchover, and the handover. Runs in a
 * thread of its own; what concerns the VM is done by the main loop on its behalf. See the state
 * diagram and invariants in migration-priv.h.
 */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include "base/util/endian.h"
#include "base/util/trace.h"
#include "migration-priv.h"
#include "ram-format.h"

TRACE_POINT(migration_switchover);
TRACE_POINT(migration_round);

#define SLICE_NS        (100 * NS_PER_MS)
#define RAM_SECTION_ID  1
#define FREE_RUN_BUDGET (32u << 20) /* bytes a slice without a bandwidth limit */
#define HOPELESS_ROUNDS 30
#define HOPELESS_SHARE  0.9 /* a round that takes off less than a tenth */
#define WAIT_SLICE_US   20000
#define PINGS_APART     10 /* slices */

enum {
    PING_AT_START = 1,
    PING_BEHIND_STATE = 2,
    PING_WAITING = 3,
};

static int64_t now_ns(const Outgoing *o)
{
    return clock_now_ns(o->m->vm, CLOCK_KIND_REALTIME);
}

static void set_status(Outgoing *o, MigrationStatus status)
{
    vm_lock(o->m->vm);
    migration_set_status(o->m, status);
    vm_unlock(o->m->vm);
}

/* A step of the switchover is done. */
static void mark(Outgoing *o, const char *step)
{
    Migration *m = o->m;
    vm_lock(m->vm);
    if (m->n_marks < G_N_ELEMENTS(m->marks)) {
        m->marks[m->n_marks++] = (SwitchoverMark){ step, now_ns(o) - o->stop_ns };
        trace(migration_switchover, "%s %" PRId64 " us", step, (now_ns(o) - o->stop_ns) / 1000);
    }
    vm_unlock(m->vm);
}

/* Nothing more is to be sent. */
static bool over(const Outgoing *o)
{
    return migration_cancelled(o) || (o->ram && ram_save_disturbed(o->ram));
}

/* Why it is over; false. */
static bool over_error(Outgoing *o, GError **error)
{
    const char *why = o->ram ? ram_save_disturbed(o->ram) : NULL;
    g_set_error_literal(error, FERRY_MIGRATION_ERROR,
                        why ? FERRY_MIGRATION_ERROR_RAM : FERRY_MIGRATION_ERROR_CANCELLED,
                        why ? why : "cancelled");
    return false;
}

/* ---- what the destination says meanwhile ---- */

static bool peer_failed(const char *text, GError **error)
{
    g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_PEER, "destination: %s", text);
    return false;
}

/* The path broke, behind an ERROR (@text) or not. That is the cause; but from GO on only SHUT 1 says that the guest
   does not run there. */
static bool words_without_end(const Outgoing *o, const char *text, GError **error)
{
    if (text && !o->go_sent) {
        g_clear_error(error);
        return peer_failed(text, error);
    }
    if (text) {
        g_prefix_error(error, "destination: %s: ", text);
    }
    return false;
}

/* May this message come now? SHUT 1 always; behind an ERROR (@error_said) nothing else; answers only when they are
   due. */
static bool in_turn(const Outgoing *o, const ReturnMessage *msg, ReturnType wanted, bool error_said)
{
    if (msg->type == RETURN_SHUT && ld_be32(msg->data)) {
        return true;
    }
    switch (msg->type) {
    case RETURN_PONG:
        return !error_said && ld_be32(msg->data) < 32 && o->pinged >> ld_be32(msg->data) & 1;
    case RETURN_SWITCHOVER_ACK:
    case RETURN_ERROR: return !error_said;
    default: return !error_said && msg->type == wanted;
    }
}

static bool out_of_turn(const ReturnMessage *msg, GError **error)
{
    static const char *const names[] = {
        [RETURN_SHUT] = "SHUT 0",
        [RETURN_PONG] = "PONG",
        [RETURN_SWITCHOVER_ACK] = "SWITCHOVER_ACK",
        [RETURN_ERROR] = "ERROR",
        [RETURN_READY] = "READY",
        [RETURN_MANIFEST_OK] = "MANIFEST_OK",
    };
    g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                "the destination sent %s out of turn", names[msg->type]);
    return false;
}

/*
 * Takes one message; of those that answer nothing but the end of something, only @wanted may come. ERROR's text is
 * kept until the SHUT that follows it. *@type is the message's; false: the destination gave up, said something
 * out of turn, or the path broke.
 */
static bool hear(Outgoing *o, ReturnType wanted, uint16_t *type, char **text, GError **error)
{
    ReturnMessage msg;
    if (!return_receive(o->channel, o->out.format, &msg, error) ||
        (!in_turn(o, &msg, wanted, *text != NULL) && !out_of_turn(&msg, error))) {
        return words_without_end(o, *text, error);
    }
    *type = msg.type;
    o->switchover_acked = o->switchover_acked || msg.type == RETURN_SWITCHOVER_ACK;
    if (msg.type == RETURN_PONG) {
        o->last_pong = ld_be32(msg.data);
        o->asked_us = 0;
    }
    if (msg.type == RETURN_ERROR) {
        *text = g_utf8_make_valid((const char *)msg.data, msg.len);
    }
    if (msg.type == RETURN_SHUT && ld_be32(msg.data)) {
        return peer_failed(*text ? *text : "loading failed", error);
    }
    return true;
}

/* Messages that have come already, or come within @wait_ms. */
static bool listen_briefly(Outgoing *o, int wait_ms, GError **error)
{
    g_autofree char *text = NULL;
    struct pollfd p = { .fd = channel_read_fd(o->channel), .events = POLLIN };
    while (o->return_path && p.fd >= 0 && poll(&p, 1, wait_ms) > 0) {
        uint16_t type;
        do {
            if (!hear(o, RETURN_NOTHING, &type, &text, error)) {
                return false;
            }
        } while (type == RETURN_ERROR); /* its SHUT is right behind */
        wait_ms = 0;
    }
    return true;
}

/* Waits for @wanted; PONGs and acknowledgements pass. */
static bool await(Outgoing *o, ReturnType wanted, GError **error)
{
    g_autofree char *text = NULL;
    uint16_t type;
    do {
        if (!hear(o, wanted, &type, &text, error)) {
            return false;
        }
    } while (type != wanted);
    return true;
}

/* The channel failed: the destination may have said why before it went. The guest waits meanwhile. */
static void ask_for_the_cause(Outgoing *o, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autofree char *text = NULL;
    uint16_t type;
    if (!o->return_path || over(o) || (*error)->domain != FERRY_IO_ERROR) {
        return;
    }
    channel_set_timeout(o->channel, LAST_WORDS_MS);
    while (hear(o, RETURN_NOTHING, &type, &text, &why)) {
    }
    if (g_error_matches(why, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_PEER)) {
        g_clear_error(error);
        g_propagate_error(error, g_steal_pointer(&why));
    }
}

static bool ping(Outgoing *o, uint32_t number, GError **error)
{
    uint8_t cookie[4];
    st_be32(cookie, number);
    o->pinged |= 1u << number;
    return !o->return_path || save_command(&o->out, COMMAND_PING, cookie, 4, error);
}

/* ---- setup ---- */

static bool cancelled_error(GError **error)
{
    g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CANCELLED, "cancelled");
    return false;
}

/* Makes the channel known to those who may want to break it. */
static bool adopt_channel(Outgoing *o, Channel *channel, GError **error)
{
    vm_lock(o->m->vm);
    o->channel = channel;
    yank_register(o->m, YANK_OUTGOING, channel, -1);
    bool cancelled = migration_cancelled(o);
    vm_unlock(o->m->vm);
    return !cancelled || cancelled_error(error);
}

/* Tells how often the dirty bits were looked at, as dirty-sync-count does. */
static void report_pass(Outgoing *o)
{
    RamSaveStats stats;
    ram_save_stats(o->ram, &stats);
    if (has_cap(o->caps, MIGRATION_CAP_EVENTS)) {
        GVariantDict d;
        g_variant_dict_init(&d, NULL);
        g_variant_dict_insert(&d, "pass", "i", (int)stats.sync_count);
        vm_event(o->m->vm, "MIGRATION_PASS", g_variant_dict_end(&d));
    }
}

/* What is being sent does not fit any more: a write that waits for its reader ends now. VM lock
   held. Not called once the destination may run the guest, see settle(). */
static void blocks_changed(void *opaque)
{
    Outgoing *o = opaque;
    if (o->channel) {
        channel_hurry(o->channel, LAST_WORDS_MS);
    }
    g_mutex_lock(&o->mutex);
    g_cond_broadcast(&o->cond);
    g_mutex_unlock(&o->mutex);
}

/* Connects where that was not done yet, and starts to watch RAM. */
static bool open_session(Outgoing *o, GError **error)
{
    if (!o->channel) {
        Channel *channel = migration_open_out(o->address, o->cancel_fd, error);
        if (!channel || !adopt_channel(o, channel, error)) {
            return false;
        }
    }
    channel_set_timeout(o->channel, peer_timeout(&o->params));
    stream_out_init(&o->out, o->channel, (StreamFormat)o->m->host.stream_version);
    /* Messages can come back on sockets only: a pipe's or file's other end is no destination. There
       they always do, whatever the capability says: only so is it known that the destination took
       the guest. */
    o->return_path = channel_is_socket(o->channel);
    if (has_cap(o->caps, MIGRATION_CAP_SWITCHOVER_ACK) && !o->return_path) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "capability 'switchover-ack' needs a destination that can answer, and %s has "
                    "none",
                    channel_name(o->channel));
        return false;
    }
    vm_lock(o->m->vm);
    o->ram = ram_save_new(o->m->vm, &o->params, has_cap(o->caps, MIGRATION_CAP_XBZRLE), error);
    if (o->ram) {
        ram_save_on_disturbed(o->ram, blocks_changed, o);
    }
    vm_unlock(o->m->vm);
    if (o->ram) {
        report_pass(o);
    }
    return o->ram != NULL;
}

/* The UUID that the destination shall compare with its own; NULL: none. */
static const uint8_t *identity(const Outgoing *o)
{
    const Vm *vm = o->m->vm;
    return has_cap(o->caps, MIGRATION_CAP_VALIDATE_UUID) && vm->uuid_set ? vm->uuid : NULL;
}

/* Version 4: says what will come, and hears whether it fits. */
static bool announce_state(Outgoing *o, GError **error)
{
    if (o->out.format < STREAM_V4) {
        return true;
    }
    if (o->preflight && !o->return_path) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "a preflight needs a destination that can answer, and %s has none",
                    channel_name(o->channel));
        return false;
    }
    return save_manifest(o->m, &o->out, o->preflight, error) &&
           (!o->return_path || await(o, RETURN_MANIFEST_OK, error));
}

static bool begin(Outgoing *o, GError **error)
{
    return stream_out_header(&o->out, error) &&
           save_configuration(&o->out, o->m->host.machine_name, identity(o), error) &&
           (!o->return_path || (save_command(&o->out, COMMAND_OPEN_RETURN_PATH, NULL, 0, error) &&
                                ping(o, PING_AT_START, error))) &&
           announce_state(o, error);
}

static bool begin_ram(Outgoing *o, GError **error)
{
    return save_section_header(&o->out, STREAM_SECTION_START, RAM_SECTION_ID_STR, 0, RAM_SECTION_ID,
                               RAM_SECTION_VERSION, error) &&
           ram_save_setup(o->ram, &o->out, error) &&
           save_section_footer(&o->out, RAM_SECTION_ID, error) &&
           save_parts(o->m, &o->out, STREAM_SECTION_START, error);
}

/* ---- precopy ---- */

static bool send_part(Outgoing *o, uint8_t type, uint64_t budget, bool *done, GError **error)
{
    o->out.unchecked = !has_cap(o->caps, MIGRATION_CAP_RAM_CHECKSUM);
    bool ok = save_section_header(&o->out, type, NULL, 0, RAM_SECTION_ID, 0, error) &&
              ram_save_pages(o->ram, &o->out, budget, done, error) &&
              save_section_footer(&o->out, RAM_SECTION_ID, error);
    o->out.unchecked = false;
    return ok;
}

/* Waits until @due_us (of g_get_monotonic_time), or for a change of mind, hearing what the destination
   says meanwhile. */
static bool wait_and_listen(Outgoing *o, gint64 due_us, GError **error)
{
    while (!over(o) && g_get_monotonic_time() < due_us) {
        if (!listen_briefly(o, 0, error)) {
            return false;
        }
        gint64 until = MIN(due_us, g_get_monotonic_time() + WAIT_SLICE_US);
        g_mutex_lock(&o->mutex);
        while (!over(o) && g_cond_wait_until(&o->cond, &o->mutex, until)) {
        }
        g_mutex_unlock(&o->mutex);
    }
    return true;
}

/* Waits for the rest of the slice, so that no more than max-bandwidth is used. */
static bool throttle(Outgoing *o, gint64 slice_start_us, uint64_t bytes, GError **error)
{
    uint64_t limit = o->params.max_bandwidth;
    double us = limit ? (double)bytes * G_USEC_PER_SEC / (double)limit : 0;
    return wait_and_listen(o, slice_start_us + (gint64)us, error);
}

static void measure(Outgoing *o, uint64_t bytes, int64_t ns)
{
    if (bytes && ns > 0) {
        double fresh = (double)bytes / (double)ns;
        o->bytes_per_ns = o->bytes_per_ns ? 0.7 * o->bytes_per_ns + 0.3 * fresh : fresh;
    }
}

/* Bytes that can be sent within the downtime limit. */
static uint64_t switchover_budget(const Outgoing *o)
{
    double rate = o->params.avail_switchover_bandwidth
                      ? (double)o->params.avail_switchover_bandwidth / NS_PER_SEC
                      : o->bytes_per_ns;
    double bytes = rate * (double)o->params.downtime_limit_ms * NS_PER_MS;
    return bytes > 0x1p62 ? 1ull << 62 : (uint64_t)bytes;
}

/* Looks at the dirty bits; also in the middle of a round, when throttling must be decided. */
static void sync_ram(Outgoing *o)
{
    uint64_t fresh = ram_save_sync(o->ram);
    report_pass(o);
    converge_synced(o, fresh, now_ns(o));
}

static void warn_of_no_end(Outgoing *o, double dirtied, double sent)
{
    GVariantDict d;
    if (has_cap(o->caps, MIGRATION_CAP_EVENTS)) {
        g_variant_dict_init(&d, NULL);
        g_variant_dict_insert(&d, "dirtied-per-second", "x", (gint64)dirtied);
        g_variant_dict_insert(&d, "sent-per-second", "x", (gint64)sent);
        vm_event(o->m->vm, "MIGRATION_WILL_NOT_CONVERGE", g_variant_dict_end(&d));
    }
}

static void report_round(Outgoing *o)
{
    uint64_t pending = ram_save_pending(o->ram);
    RamSaveStats stats;
    ram_save_stats(o->ram, &stats);
    o->rounds++;
    o->expected_downtime_ns = o->bytes_per_ns ? (int64_t)((double)pending / o->bytes_per_ns) : 0;
    double dirtied = (double)stats.dirty_rate * GUEST_PAGE_SIZE,
           sent = o->bytes_per_ns * NS_PER_SEC;
    bool fits = pending <= switchover_budget(o);
    bool hopeless = !fits && (o->rounds >= HOPELESS_ROUNDS || dirtied > sent * HOPELESS_SHARE);
    double to_go_ms = sent > dirtied ? (double)pending * 1000 / (sent - dirtied) : -1;
    trace(migration_round,
          "%u: %" PRIu64 " bytes left, %.0f bytes/s sent, %.0f dirtied, %.0f ms to go%s", o->rounds,
          pending, sent, dirtied, to_go_ms, hopeless ? ", will not converge" : "");
    if (hopeless && !o->will_not_converge) {
        warn_of_no_end(o, dirtied, sent);
    }
    o->will_not_converge = hopeless;
}

/*
 * The rest fits into the downtime limit; is another round worth it? As long as each one halves what
 * is left, the guest's pause gets shorter for little; below a few milliseconds nobody sees it.
 */
static bool still_shrinking(Outgoing *o, uint64_t *last)
{
    uint64_t pending = ram_save_pending(o->ram);
    bool worth_it =
        (double)pending > o->bytes_per_ns * (double)(5 * NS_PER_MS) && pending < *last / 2;
    *last = pending;
    return worth_it;
}

static bool switchover_allowed(const Outgoing *o)
{
    return !has_cap(o->caps, MIGRATION_CAP_SWITCHOVER_ACK) || o->switchover_acked;
}

/* Rounds until what is left fits into the downtime limit. */
static bool precopy(Outgoing *o, GError **error)
{
    bool done = false;
    uint64_t last = UINT64_MAX;
    converge_begin(o, now_ns(o));
    for (;;) {
        if (over(o)) {
            return over_error(o, error);
        }
        int64_t start = now_ns(o);
        gint64 start_us = g_get_monotonic_time();
        uint64_t before = o->out.bytes;
        uint64_t limit = o->params.max_bandwidth;
        uint64_t budget = limit ? MAX(limit / 10, (uint64_t)GUEST_PAGE_SIZE) : FREE_RUN_BUDGET;
        if (!send_part(o, STREAM_SECTION_PART, MIN(budget, (uint64_t)FREE_RUN_BUDGET), &done,
                       error)) {
            return false;
        }
        if (!throttle(o, start_us, o->out.bytes - before, error)) {
            return false;
        }
        measure(o, o->out.bytes - before, now_ns(o) - start);
        if (!listen_briefly(o, 0, error)) {
            return false;
        }
        if (!done && converge_wants_sync(o, now_ns(o))) {
            sync_ram(o);
        }
        if (done || (last == UINT64_MAX && ram_save_pending(o->ram) <= switchover_budget(o))) {
            sync_ram(o);
            report_round(o);
            if (ram_save_pending(o->ram) <= switchover_budget(o) && !still_shrinking(o, &last)) {
                if (switchover_allowed(o)) {
                    return true;
                }
                if (!listen_briefly(o, 10, error)) {
                    return false;
                }
            }
        }
    }
}

/* ---- switchover ---- */

static bool stop_guest(void *opaque, GError **error)
{
    Outgoing *o = opaque;
    Vm *vm = o->m->vm;
    if (over(o)) {
        return over_error(o, error);
    }
    o->old_state = run_state_get(vm);
    o->was_running = run_state_running(vm);
    o->stop_ns = now_ns(o);
    o->stop_bytes = o->out.bytes;
    o->stopped = vm_stop(vm, RUN_STATE_FINISH_MIGRATE, error);
    mark(o, "stopped");
    return o->stopped;
}

static bool release_disks(void *opaque, GError **error)
{
    Outgoing *o = opaque;
    MigrationHost *host = &o->m->host;
    o->disks_released = !host->disks_release || host->disks_release(host->opaque, error);
    mark(o, "disks-released");
    return o->disks_released;
}

/* A PING while the source waits, and whether the earlier ones were answered in time. */
static bool ask_if_there(Outgoing *o, bool now, GError **error)
{
    int limit_ms = peer_timeout(&o->params);
    if (limit_ms >= 0 && o->asked_us && g_get_monotonic_time() - o->asked_us > limit_ms * 1000ll) {
        g_set_error(error, FERRY_IO_ERROR, FERRY_IO_ERROR_TIMEOUT,
                    "the destination answers no PING for %d ms", limit_ms);
        return false;
    }
    if (now && o->return_path && !o->asked_us) {
        o->asked_us = g_get_monotonic_time();
    }
    return !now || ping(o, PING_WAITING, error);
}

/* The operator may take all the time: a peer that leaves or hangs meanwhile is noticed, and one that has
   a deadline for us hears that we live. */
static bool wait_for_continue(Outgoing *o, GError **error)
{
    if (!has_cap(o->caps, MIGRATION_CAP_PAUSE_BEFORE_SWITCHOVER)) {
        return true;
    }
    set_status(o, MIGRATION_PRE_SWITCHOVER);
    bool go_on = false;
    for (unsigned n = 0; !go_on && !over(o); n++) {
        if (!listen_briefly(o, 0, error) || !ask_if_there(o, n % PINGS_APART == 0, error)) {
            return false;
        }
        g_mutex_lock(&o->mutex);
        gint64 until = g_get_monotonic_time() + WAIT_SLICE_US;
        while (!o->may_switch && !over(o) && g_cond_wait_until(&o->cond, &o->mutex, until)) {
        }
        go_on = o->may_switch;
        g_mutex_unlock(&o->mutex);
    }
    return !over(o) || over_error(o, error);
}

static bool send_devices(void *opaque, GError **error)
{
    Outgoing *o = opaque;
    g_autoptr(GString) description = g_string_new(NULL);
    static const char uuid[] = ",\"subsections\":[{\"vmsd_name\":\"" CONFIGURATION_UUID
                               "\",\"version\":1,\"fields\":[{\"name\":\"uuid\","
                               "\"type\":\"buffer\",\"size\":16}]}]";
    g_string_append_printf(description,
                           "{\"configuration\":{\"vmsd_name\":\"configuration\","
                           "\"version\":1,\"fields\":[{\"name\":\"len\","
                           "\"type\":\"uint32\",\"size\":4},{\"name\":\"name\","
                           "\"type\":\"buffer\",\"size\":%zu}]%s},\"page_size\":4096,"
                           "\"devices\":[",
                           strlen(o->m->host.machine_name), identity(o) ? uuid : "");
    if (!save_devices(o->m, &o->out, description, error)) {
        return false;
    }
    g_string_append(description, "]}");
    o->description = g_string_free(g_steal_pointer(&description), FALSE);
    return true;
}

/*
 * Version 3 has no READY. A PING behind the last section gets its PONG when all of them were taken, so
 * that whatever fails before is known to have left the destination without an end mark.
 */
static bool ask_if_taken(Outgoing *o, GError **error)
{
    g_autofree char *text = NULL;
    uint16_t type;
    if (!ping(o, PING_BEHIND_STATE, error)) {
        return false;
    }
    while (o->last_pong != PING_BEHIND_STATE) {
        if (!hear(o, RETURN_NOTHING, &type, &text, error)) {
            return false;
        }
    }
    return true;
}

/*
 * From the next byte on the destination may run the guest: set before it, since any part of it may
 * arrive. Until here a RAM block that changed or a cancel is the end; from here on neither is heard.
 */
static bool settle(Outgoing *o, bool *sent, GError **error)
{
    vm_lock(o->m->vm);
    *sent = !over(o);
    if (*sent) {
        ram_save_settled(o->ram);
    }
    vm_unlock(o->m->vm);
    return *sent || over_error(o, error);
}

static bool send_end(Outgoing *o, GError **error)
{
    size_t n = strlen(o->description);
    if (o->out.format < STREAM_V4 && !settle(o, &o->eof_sent, error)) {
        return false;
    }
    if (!stream_out_u8(&o->out, STREAM_EOF, error) || !stream_out_end(&o->out, false, error)) {
        return false;
    }
    if (o->m->host.suppress_vmdesc && o->out.format < STREAM_V4) {
        return stream_out_end(&o->out, true, error);
    }
    return stream_out_u8(&o->out, STREAM_DESCRIPTION, error) &&
           stream_out_u32(&o->out, (uint32_t)n, error) &&
           stream_out_bytes(&o->out, o->description, n, error) &&
           stream_out_end(&o->out, true, error);
}

static bool final_state(Outgoing *o, GError **error)
{
    bool done = false;
    ram_save_sync(o->ram);
    if (!save_command(&o->out, COMMAND_SWITCHOVER_START, NULL, 0, error) ||
        !send_part(o, STREAM_SECTION_END, UINT64_MAX, &done, error) ||
        !save_parts(o->m, &o->out, STREAM_SECTION_END, error)) {
        return false;
    }
    g_assert(done);
    mark(o, "ram-sent");
    if (!migration_call_main(o->m->vm, send_devices, o, error)) {
        return false;
    }
    mark(o, "devices-sent");
    /* READY cannot be here yet: who has said it does not know what there is to be ready for. */
    bool ask = o->out.format < STREAM_V4 && o->return_path;
    return listen_briefly(o, 0, error) && (!ask || ask_if_taken(o, error)) && send_end(o, error);
}

/* Version 4 with a return path: READY, give up the disks, GO, and the answer. */
static bool hand_over(Outgoing *o, GError **error)
{
    if (!await(o, RETURN_READY, error)) {
        return false;
    }
    mark(o, "destination-ready");
    if (!migration_call_main(o->m->vm, release_disks, o, error)) {
        return false;
    }
    if (!settle(o, &o->go_sent, error)) {
        return false;
    }
    set_status(o, MIGRATION_HANDOVER);
    return save_command(&o->out, COMMAND_GO, NULL, 0, error) && await(o, RETURN_SHUT, error);
}

static bool run(Outgoing *o, GError **error)
{
    bool v4 = o->m->host.stream_version >= STREAM_V4;
    if (!open_session(o, error) || !begin(o, error)) {
        return false;
    }
    if (o->preflight) {
        return true;
    }
    if (!begin_ram(o, error)) {
        return false;
    }
    o->setup_ns = now_ns(o);
    set_status(o, MIGRATION_ACTIVE);
    if (!precopy(o, error) || !migration_call_main(o->m->vm, stop_guest, o, error) ||
        !wait_for_continue(o, error)) {
        return false;
    }
    set_status(o, MIGRATION_DEVICE);
    /* A peer that does not wait for GO may open the disks as soon as it has the state. */
    bool early = !v4 || !o->return_path;
    if ((early && !migration_call_main(o->m->vm, release_disks, o, error)) ||
        !final_state(o, error)) {
        return false;
    }
    if (o->return_path) {
        return v4 ? hand_over(o, error) : await(o, RETURN_SHUT, error);
    }
    return channel_finish(o->channel, error);
}

/* ---- the end, in the main loop ---- */

/* Is it known that the destination does not run the guest? */
static bool destination_is_out(const Outgoing *o)
{
    bool said_so = g_error_matches(o->error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_PEER);
    bool may_run =
        o->go_sent || (o->out.format < STREAM_V4 && o->eof_sent && channel_is_socket(o->channel));
    return said_so || !may_run;
}

/* The guest goes on as if nothing had been. */
static void resume_guest(Outgoing *o)
{
    Vm *vm = o->m->vm;
    MigrationHost *host = &o->m->host;
    g_autoptr(GError) error = NULL;
    if (o->disks_released && host->disks_take && !host->disks_take(host->opaque, &error)) {
        g_warning("migration failed and the disks cannot be taken back: %s; the guest stays "
                  "stopped",
                  error->message);
        return;
    }
    if (!o->stopped || run_state_get(vm) != RUN_STATE_FINISH_MIGRATE) {
        return;
    }
    if (o->was_running ? !vm_start(vm, &error) : !run_state_set(vm, o->old_state, &error)) {
        g_warning("migration failed and the guest cannot go on: %s", error->message);
    }
}

static void keep_figures(Outgoing *o)
{
    MigrationInfo info;
    migration_info(o->m->vm, &info);
    migration_info_clear(&info);
    info.error_desc = NULL;
    info.expected_remaining_ms = -1; /* forecasts of something that is over */
    info.will_not_converge = false;
    o->m->last = info;
}

static bool finish(void *opaque, GError **unused)
{
    Outgoing *o = opaque;
    Migration *m = o->m;
    o->end_ns = now_ns(o);
    if (o->error && o->ram && ram_save_disturbed(o->ram)) { /* the cause, not what came of it */
        g_clear_error(&o->error);
        g_set_error_literal(&o->error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_RAM,
                            ram_save_disturbed(o->ram));
    }
    if (o->stop_ns) {
        mark(o, o->error ? "broken-off" : "destination-runs");
    }
    if (!o->error && o->preflight) {
        o->result = MIGRATION_PREFLIGHT_PASSED;
    } else if (!o->error) {
        o->result = MIGRATION_COMPLETED;
        run_state_set(m->vm, RUN_STATE_POSTMIGRATE, NULL);
    } else if (!destination_is_out(o)) {
        o->result = MIGRATION_HANDOVER_LOST;
        g_prefix_error(&o->error, "the destination may be running the guest, it was told to and "
                                  "did not answer: ");
        run_state_set(m->vm, RUN_STATE_POSTMIGRATE, NULL);
    } else {
        bool cancelled = m->status == MIGRATION_CANCELLING;
        o->result = cancelled ? MIGRATION_CANCELLED : MIGRATION_FAILED;
        resume_guest(o);
    }
    if (o->error && o->result != MIGRATION_CANCELLED) {
        migration_set_error(m, o->error);
    }
    keep_figures(o);
    converge_end(o);
    o->ended = true;
    g_clear_pointer(&o->ram, ram_save_free);
    yank_unregister(m, YANK_OUTGOING);
    if (o->channel) {
        channel_shutdown(o->channel);
    }
    migration_set_status(m, o->result);
    return true;
}

/* The destination learns why, if it is on this side and can still be told. */
static void tell_the_cause(Outgoing *o)
{
    bool ours = o->error->domain != FERRY_IO_ERROR &&
                !g_error_matches(o->error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_PEER);
    if (o->ram && ram_save_disturbed(o->ram)) {
        stream_out_abort(&o->out, ram_save_disturbed(o->ram));
    } else if (o->return_path && migration_cancelled(o)) {
        stream_out_abort(&o->out, "cancelled");
    } else if (o->return_path && ours && !o->go_sent) {
        stream_out_abort(&o->out, o->error->message);
    }
}

gpointer source_thread(gpointer data)
{
    Outgoing *o = data;
    if (!run(o, &o->error)) {
        ask_for_the_cause(o, &o->error);
        tell_the_cause(o);
    }
    migration_call_main(o->m->vm, finish, o, NULL);
    return NULL;
}
