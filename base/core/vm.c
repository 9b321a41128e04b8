/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Vm: birth and death of the root, the VM lock, and the event port. */
#include "core-priv.h"

#define LOCK_SPINS 200

Vm *vm_new(TypeRegistry *types)
{
    Vm *vm = g_new0(Vm, 1);
    g_mutex_init(&vm->lock.mutex);
    vm->types = types;
    loop_setup(vm);
    clocks_setup(vm);
    run_states_setup(vm);
    vm->root = object_new(vm, "container", NULL);
    return vm;
}

void vm_free(Vm *vm)
{
    vm_lock(vm);
    notifier_call(&vm->exit_list, NULL);
    object_unref(vm->root);
    vm->root = NULL;
    run_states_teardown(vm);
    clocks_teardown(vm);
    loop_teardown(vm);
    vm_unlock(vm);
    type_registry_free(vm->types);
    g_mutex_clear(&vm->lock.mutex);
    g_free(vm->name);
    g_clear_pointer(&vm->firmware_dirs, g_ptr_array_unref);
    g_free(vm);
}

bool vm_lock_held(Vm *vm)
{
    /* Only this thread can have written its own id here, so a racy read cannot lie to it. */
    return __atomic_load_n(&vm->lock.owner, __ATOMIC_RELAXED) == g_thread_self();
}

static inline void host_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("" ::: "memory");
#endif
}

/* Most sections are shorter than it takes to put a thread to sleep and wake it: wait for those that
 * are without, some microseconds at most. */
static void lock_patiently(GMutex *mutex, GThread *const *owner)
{
    for (unsigned n = 0; n < LOCK_SPINS; n++) {
        if (!__atomic_load_n(owner, __ATOMIC_RELAXED) && g_mutex_trylock(mutex)) {
            return;
        }
        host_relax();
    }
    g_mutex_lock(mutex);
}

void vm_lock(Vm *vm)
{
    if (vm_lock_held(vm)) {
        vm->lock.depth++;
        return;
    }
    lock_patiently(&vm->lock.mutex, &vm->lock.owner);
    __atomic_store_n(&vm->lock.owner, g_thread_self(), __ATOMIC_RELAXED);
    vm->lock.depth = 1;
}

void vm_unlock(Vm *vm)
{
    g_assert(vm_lock_held(vm));
    if (--vm->lock.depth == 0) {
        __atomic_store_n(&vm->lock.owner, NULL, __ATOMIC_RELAXED);
        g_mutex_unlock(&vm->lock.mutex);
    }
}

unsigned vm_lock_drop_all(Vm *vm)
{
    unsigned depth = 0;
    if (vm_lock_held(vm)) {
        depth = vm->lock.depth;
        vm->lock.depth = 1;
        vm_unlock(vm);
    }
    return depth;
}

void vm_lock_retake(Vm *vm, unsigned depth)
{
    if (depth) {
        vm_lock(vm);
        vm->lock.depth = depth;
    }
}

void vm_event(Vm *vm, const char *name, GVariant *data)
{
    g_autoptr(GVariant) owned = data ? g_variant_ref_sink(data) : NULL;
    if (vm->ports.event) {
        vm->ports.event(vm->ports.event_opaque, name, owned);
    }
}
