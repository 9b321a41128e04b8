/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destination: accept, load, check, install, and run the guest once the source has given it
 * up. Whatever fails is told to the source in words and leaves this process able to take another
 * incoming migration (or ends it, as the user asked).
 *
 * From READY on a failure is different: the source may be dead by then, and the copy here the only
 * one. It is kept, stopped, in state handover-lost (the channel was lost) or failed (a disk or a
 * device would not run), until `cont` runs it or another migrate-incoming replaces it.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/util/endian.h"
#include "migration-priv.h"

static bool install(void *opaque, GError **error)
{
    return load_install(opaque, error) && load_prepare_to_run(opaque, error);
}

/* The blocks are no longer those that both sides agreed on: a read that waits ends now, and the cause
   goes out. VM lock held. */
static void blocks_changed(void *opaque)
{
    channel_stop_reading(((Incoming *)opaque)->channel);
}

/* The cause, not what came of it. False: the blocks are what they were. */
static bool blame_blocks(Incoming *in, GError **error)
{
    const char *why = in->ram ? ram_load_disturbed(in->ram) : NULL;
    if (why) {
        g_clear_error(error);
        g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_RAM, why);
        in->channel_lost = false;
    }
    return why;
}

/* The state that the guest was in, as far as this side is free to choose. */
static bool start_guest(void *opaque, GError **error)
{
    Incoming *in = opaque;
    Vm *vm = in->m->vm;
    MigrationHost *host = &in->m->host;
    RunState state = RUN_STATE_RUNNING;
    if (blame_blocks(in, error)) {
        return false;
    }
    if (in->ram) {
        ram_load_settled(in->ram);
    }
    if (in->run_state_seen) {
        run_state_parse(in->run_state, &state); /* checked at load */
    }
    bool run = state == RUN_STATE_RUNNING && host->autostart;
    /* A guest that stays stopped may leave the disks alone until `cont`, which takes them. */
    bool take =
        host->disks_take && (run || !has_cap(in->m->caps, MIGRATION_CAP_LATE_BLOCK_ACTIVATE));
    if (take && !host->disks_take(host->opaque, error)) {
        return false;
    }
    if (run ? !vm_start(vm, error)
            : !run_state_set(vm, state == RUN_STATE_RUNNING ? RUN_STATE_PAUSED : state, error)) {
        g_autoptr(GError) late = NULL;
        if (take && host->disks_release && !host->disks_release(host->opaque, &late)) {
            g_warning("the disks cannot be given back to the source: %s", late->message);
        }
        return false;
    }
    if (host->announce) {
        host->announce(host->opaque, &in->m->params);
    }
    return true;
}

/* Version 4: nothing runs before the source says GO. */
static bool wait_for_go(Incoming *in, GError **error)
{
    StreamIn *s = &in->in;
    uint8_t command[5];
    GError *why = NULL;
    in->copy_is_whole = true;
    if (!return_send(in->channel, s->format, RETURN_READY, NULL, 0, &why) ||
        !stream_in_bytes(s, command, sizeof(command), &why) ||
        !stream_in_end(s, "a command", &why)) {
        in->channel_lost = why->domain == FERRY_IO_ERROR;
        g_propagate_prefixed_error(error, why, "the source did not hand the guest over: ");
        return false;
    }
    if (command[0] != STREAM_COMMAND || ld_be16(command + 1) != COMMAND_GO) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "expected GO, found section type 0x%02x, command 0x%x", command[0],
                    ld_be16(command + 1));
        return false;
    }
    return true;
}

static bool take_over(Incoming *in, GError **error)
{
    Vm *vm = in->m->vm;
    uint8_t ok[4] = { 0 };
    if (!load_stream(in, error)) {
        return false;
    }
    if (in->preflight) {
        return true;
    }
    if (!migration_call_main(vm, install, in, error)) {
        return false;
    }
    if (in->in.format >= STREAM_V4 && in->return_path && !wait_for_go(in, error)) {
        return false;
    }
    if (!migration_call_main(vm, start_guest, in, error)) {
        return false;
    }
    if (in->return_path) {
        /* The guest runs: a source that does not hear it stays stopped and says so. */
        g_autoptr(GError) late = NULL;
        if (!return_send(in->channel, in->in.format, RETURN_SHUT, ok, sizeof(ok), &late)) {
            g_warning("the guest runs here, but the source could not be told: %s", late->message);
        }
    }
    return true;
}

static void tell_source(Incoming *in, const GError *why)
{
    uint8_t failed[4];
    st_be32(failed, 1);
    /* A version 4 source on a socket listens from its first byte on, whether or not we got as far
       as its command to open the return path; so does, we trust, one of a later version, and one whose
       header was damaged on the way. */
    unsigned version = in->in.version ? in->in.version : in->m->host.stream_version;
    bool v4 = version >= STREAM_V4;
    if (!in->return_path && !(v4 && in->is_socket)) {
        return;
    }
    StreamFormat format = v4 ? STREAM_V4 : STREAM_V3;
    if (v4) {
        return_send(in->channel, format, RETURN_ERROR, why->message,
                    MIN(strlen(why->message), 4096u), NULL);
    }
    return_send(in->channel, format, RETURN_SHUT, failed, sizeof(failed), NULL);
}

typedef struct {
    Incoming *in;
    GError *error; /* NULL: success; owned */
} Ending;

static gboolean on_connection(gint fd, GIOCondition condition, gpointer data);

static void listen_again(Incoming *in)
{
    yank_register(in->m, YANK_INCOMING, NULL, -1);
    migration_set_status(in->m, MIGRATION_SETUP);
    in->watch = g_unix_fd_add(in->listen_fd, G_IO_IN, on_connection, in);
}

/* The guest comes: nobody else may. */
void incoming_stop_listening(Incoming *in)
{
    vm_lock(in->m->vm);
    if (in->listen_fd >= 0) {
        close(in->listen_fd);
        in->listen_fd = -1;
    }
    vm_unlock(in->m->vm);
}

static bool finish(void *opaque, GError **unused)
{
    Ending *e = opaque;
    Incoming *in = e->in;
    Migration *m = in->m;
    in->end_ns = clock_now_ns(m->vm, CLOCK_KIND_REALTIME);
    ram_load_settled(in->ram);
    if (in->preflight && in->listen_fd >= 0) {
        listen_again(in); /* fit or not, nothing was moved */
        return true;
    }
    yank_unregister(m, YANK_INCOMING);
    if (in->preflight && !e->error) {
        g_set_error(&e->error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "the channel served a preflight, which passed, and cannot be used again");
    }
    if (e->error && in->copy_is_whole) {
        if (in->channel_lost) {
            g_prefix_error(&e->error, "all of the guest is here, stopped; if it is known to run "
                                      "nowhere else, 'cont' runs it: ");
        }
        migration_set_error(m, e->error);
        migration_set_status(m, in->channel_lost ? MIGRATION_HANDOVER_LOST : MIGRATION_FAILED);
    } else if (e->error) {
        migration_set_error(m, e->error);
        migration_set_status(m, MIGRATION_FAILED);
        if (in->exit_on_error) {
            g_warning("incoming migration failed: %s", e->error->message);
            vm_shutdown_request_with_code(m->vm, SHUTDOWN_HOST_ERROR, 1);
        } else if (m->vm->ports.machine_reset) {
            /* Half of a guest is in memory: be as if nothing had come. */
            m->vm->ports.machine_reset(m->vm->ports.machine_opaque, SHUTDOWN_NONE);
        }
    } else {
        migration_set_status(m, MIGRATION_COMPLETED);
    }
    return true;
}

static gpointer destination_thread(gpointer data)
{
    Incoming *in = data;
    Ending e = { in, NULL };
    if (!take_over(in, &e.error)) {
        blame_blocks(in, &e.error);
        tell_source(in, e.error);
    }
    migration_call_main(in->m->vm, finish, &e, NULL);
    channel_finish(in->channel, NULL);
    channel_shutdown(in->channel);
    g_clear_error(&e.error);
    g_clear_pointer(&in->ram, ram_load_free);
    return NULL;
}

/* The channel is there: everything else happens in the thread. */
static void begin(Incoming *in, Channel *channel)
{
    in->channel = channel;
    in->is_socket = channel_is_socket(channel);
    in->start_ns = clock_now_ns(in->m->vm, CLOCK_KIND_REALTIME);
    yank_register(in->m, YANK_INCOMING, channel, -1);
    stream_in_init(&in->in, channel);
    in->in.idle_timeout_ms = peer_timeout(&in->m->params);
    channel_set_timeout(channel, in->in.idle_timeout_ms);
    in->in.may_be_unchecked = !has_cap(in->m->caps, MIGRATION_CAP_RAM_CHECKSUM);
    migration_set_status(in->m, MIGRATION_ACTIVE);
    ram_load_watch(in->ram, blocks_changed, in);
    in->thread = g_thread_new("mig/dst/main", destination_thread, in);
}

/* The thread of a preflight before, and what it read. */
static void forget_attempt(Incoming *in)
{
    if (!in->thread) {
        return;
    }
    unsigned depth = vm_lock_drop_all(in->m->vm);
    g_thread_join(g_steal_pointer(&in->thread));
    vm_lock_retake(in->m->vm, depth);
    stream_in_clear(&in->in);
    g_clear_pointer(&in->channel, channel_unref);
    in->ram = ram_load_new(in->m->vm);
    in->preflight = in->return_path = false;
}

static gboolean on_connection(gint fd, GIOCondition condition, gpointer data)
{
    Incoming *in = data;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (peer < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            g_warning("incoming migration: accept: %s", g_strerror(errno));
        }
        return G_SOURCE_CONTINUE;
    }
    socket_address_tune(in->address->socket, peer);
    in->watch = 0;
    forget_attempt(in);
    begin(in, channel_new_fd(peer, "incoming migration"));
    return G_SOURCE_REMOVE;
}

void incoming_reap(Migration *m)
{
    Incoming *in = m->in;
    if (!in) {
        return;
    }
    m->in = NULL;
    yank_unregister(m, YANK_INCOMING);
    if (in->watch) {
        g_source_remove(in->watch);
    }
    if (in->listen_fd >= 0) {
        close(in->listen_fd);
    }
    if (in->thread) {
        channel_shutdown(in->channel);
        unsigned depth = vm_lock_drop_all(m->vm);
        g_thread_join(in->thread);
        vm_lock_retake(m->vm, depth);
        stream_in_clear(&in->in);
        channel_unref(in->channel);
    }
    g_ptr_array_unref(in->loaded);
    ram_load_free(in->ram);
    migration_address_free(in->address);
    g_free(in);
}

bool migration_incoming(Vm *vm, MigrationAddress *addr, bool exit_on_error, GError **error)
{
    g_autoptr(MigrationAddress) owned = addr;
    Migration *m = vm->migration;
    Channel *channel;
    int listen_fd;
    if (run_state_get(vm) != RUN_STATE_INMIGRATE) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG,
                    "'-incoming' was not specified on the command line");
        return false;
    }
    bool kept = m->in && m->in->copy_is_whole;
    if (m->in && m->status != MIGRATION_FAILED && m->status != MIGRATION_HANDOVER_LOST) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_BUSY,
                    "The incoming migration has already been started");
        return false;
    }
    if (!migration_open_in(addr, &listen_fd, &channel, error)) {
        return false;
    }
    incoming_reap(m);
    if (kept && m->vm->ports.machine_reset) {
        m->vm->ports.machine_reset(m->vm->ports.machine_opaque, SHUTDOWN_NONE);
    }
    Incoming *in = g_new0(Incoming, 1);
    in->m = m;
    in->exit_on_error = exit_on_error;
    in->listen_fd = listen_fd;
    in->address = g_steal_pointer(&owned);
    in->loaded = g_ptr_array_new_with_free_func(loaded_free);
    in->ram = ram_load_new(vm);
    m->in = in;
    m->incoming_is_last = true;
    g_clear_pointer(&m->error_desc, g_free);
    g_ptr_array_set_size(m->warnings, 0);
    yank_register(m, YANK_INCOMING, NULL, -1);
    migration_set_status(m, MIGRATION_SETUP);
    if (channel) {
        begin(in, channel);
    } else {
        in->watch = g_unix_fd_add(listen_fd, G_IO_IN, on_connection, in);
    }
    return true;
}

bool migration_incoming_cont(Vm *vm, GError **error)
{
    Migration *m = vm->migration;
    m->host.autostart = true;
    if (!m->in || !m->in->copy_is_whole || migration_status_active(m->status)) {
        return true;
    }
    if (!start_guest(m->in, error)) {
        return false;
    }
    g_clear_pointer(&m->error_desc, g_free);
    migration_set_status(m, MIGRATION_COMPLETED);
    return true;
}

SocketAddress *migration_incoming_address(Vm *vm)
{
    Migration *m = vm->migration;
    return m->in && m->in->listen_fd >= 0 ? socket_address_of_local(m->in->listen_fd) : NULL;
}
