/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main loop. It drives GLib's default context step by step (prepare, query, poll, check,
 * dispatch), because the VM lock must be free while the process sleeps in poll and nowhere else.
 */
#include "core-priv.h"

struct LoopState {
    GMainContext *context;
    GThread *thread; /* who runs the loop */
    bool quit;       /* VM lock */
    GPollFD *fds;    /* grown on demand */
    gint n_fds;
};

void loop_setup(Vm *vm)
{
    LoopState *loop = g_new0(LoopState, 1);
    loop->context = g_main_context_default();
    loop->thread = g_thread_self();
    loop->n_fds = 16;
    loop->fds = g_new(GPollFD, loop->n_fds);
    vm->loop = loop;
}

void loop_teardown(Vm *vm)
{
    g_free(vm->loop->fds);
    g_clear_pointer(&vm->loop, g_free);
}

bool loop_iterate(Vm *vm, bool may_block)
{
    LoopState *loop = vm->loop;
    gint priority, timeout, n;

    g_assert(vm_lock_held(vm));
    if (!g_main_context_acquire(loop->context)) {
        return false;
    }
    g_main_context_prepare(loop->context, &priority);
    while ((n = g_main_context_query(loop->context, priority, &timeout, loop->fds, loop->n_fds)) >
           loop->n_fds) {
        loop->n_fds = n;
        loop->fds = g_renew(GPollFD, loop->fds, n);
    }
    /* A nested iteration may replace loop->fds while we sleep without the lock: poll a copy. */
    g_autofree GPollFD *fds = g_memdup2(loop->fds, (gsize)n * sizeof(GPollFD));
    unsigned depth = vm_lock_drop_all(vm);
    g_poll(fds, (guint)n, may_block ? timeout : 0);
    vm_lock_retake(vm, depth);
    bool ready = g_main_context_check(loop->context, priority, fds, n);
    if (ready) {
        g_main_context_dispatch(loop->context);
    }
    g_main_context_release(loop->context);
    run_states_poll(vm);
    return ready;
}

void loop_run(Vm *vm)
{
    vm->loop->thread = g_thread_self();
    vm->loop->quit = false;
    run_states_poll(vm);
    while (!vm->loop->quit) {
        loop_iterate(vm, true);
    }
}

void loop_quit(Vm *vm)
{
    vm->loop->quit = true;
    loop_kick(vm);
}

bool loop_is_main_thread(Vm *vm)
{
    return vm->loop->thread == g_thread_self();
}

void loop_kick(Vm *vm)
{
    g_main_context_wakeup(vm->loop->context);
}

typedef struct {
    void (*fn)(void *opaque);
    void *opaque;
} Call;

static gboolean call_once(gpointer data)
{
    Call *call = data;
    call->fn(call->opaque);
    return G_SOURCE_REMOVE;
}

void loop_call(Vm *vm, void (*fn)(void *opaque), void *opaque)
{
    Call *call = g_new(Call, 1);
    *call = (Call){ fn, opaque };
    g_autoptr(GSource) source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, call_once, call, g_free);
    g_source_attach(source, vm->loop->context);
}
