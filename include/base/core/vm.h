/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual machine: the one root of all state, owned by main and passed down.
 *
 * Low rooms reach high services only through `ports`, small ops structs that the composition root
 * fills in. Members that belong to a higher room are opaque here; that room gives the accessors.
 */
#pragma once
#include "base/core/clock.h"
#include "base/core/loop.h"
#include "base/core/notify.h"
#include "base/core/object.h"
#include "base/core/runstate.h"

typedef struct RunStates RunStates; /* private to base/core */
typedef struct LoopState LoopState;

/* Since the vCPU was made: pages that it made dirty, and how long it was held back. */
typedef struct {
    uint64_t pages, held_us;
} VmCpuDirty;

/* Services that a higher room offers to lower ones. Unset members: nobody offers it; callers use
   the vm_port_* wrappers, which then do nothing. */
typedef struct {
    /* The vCPUs: park them (returns when none is in guest code) or let them go. VM lock held. */
    void (*cpus_pause)(void *opaque);
    void (*cpus_resume)(void *opaque);
    /* On a vCPU's own thread: it runs no further than the instruction that it is at, up to
       cpus_resume. Does nothing on another thread. */
    void (*cpu_pause_own)(void *opaque);
    /* Let vCPUs run only (100 - @percent)% of the time; 0 turns it off. */
    void (*cpus_throttle)(void *opaque, int percent);
    /* Let vCPU @cpu (-1: all) make at most that many pages a second dirty for DIRTY_RATE; 0: no
       limit. What it did so far; false: there is no such vCPU. */
    void (*cpus_dirty_limit)(void *opaque, int cpu, uint64_t pages_per_second);
    bool (*cpu_dirty_stats)(void *opaque, unsigned cpu, VmCpuDirty *out);
    /* Reset of the whole machine. */
    void (*machine_reset)(void *opaque, ShutdownCause cause);
    /* The NMI button; machine_opaque. */
    void (*inject_nmi)(void *opaque);
    /* Tell the network where the guest is now. */
    void (*announce_self)(void *opaque);
    void *cpu_opaque, *machine_opaque, *announce_opaque;
    /* Emit a QMP event; @data is an a{sv} GVariant or NULL (floating is consumed). Any thread. */
    void (*event)(void *opaque, const char *name, GVariant *data);
    void *event_opaque;
} VmPorts;

/* A recursive lock that knows its owner, so that the main loop can give it up at any depth. */
typedef struct {
    GMutex mutex;
    GThread *owner;
    unsigned depth; /* guarded by mutex */
} VmLock;

struct Vm {
    VmLock lock;         /* use vm_lock/vm_unlock */
    TypeRegistry *types; /* owned */
    Object *root;        /* owned: "/" */
    Clocks *clocks;      /* owned */
    LoopState *loop;     /* owned */
    RunStates *run;      /* owned */
    VmPorts ports;
    NotifierList reset_list;     /* called at machine reset after devices; data: ShutdownCause * */
    NotifierList powerdown_list; /* the power button was pressed */
    NotifierList exit_list;      /* before the VM is freed */
    /* Of higher rooms; NULL until they set them up. */
    struct MemoryRoot *memory; /* base/memory: RAM blocks, address spaces, system regions */
    struct Accel *accel;       /* exec */
    struct Machine *machine;   /* hw/core */
    struct Chardevs *chardevs; /* backend/chardev */
    struct Blocks *blocks;     /* backend/block */
    struct Nets *nets;         /* backend/net */
    struct Displays *displays; /* backend/ui */
    struct Records *records;   /* migration/vmstate: the registry of sections */
    struct Migration *migration;
    struct Monitors *monitors;
    struct System *system;    /* the composition root's own */
    GPtrArray *firmware_dirs; /* hw/core: -L, strings; NULL: none */
    char *name;               /* -name; NULL when not given */
    uint8_t uuid[16];
    bool uuid_set;
};

/* Takes a filled registry (ownership passes). The caller does not hold the lock. */
Vm *vm_new(TypeRegistry *types);
/* VM lock not held, no other thread uses @vm any more. */
void vm_free(Vm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vm, vm_free)

/* The VM lock: recursive, taken for device state, memory topology and the object tree. */
void vm_lock(Vm *vm);
void vm_unlock(Vm *vm);
bool vm_lock_held(Vm *vm); /* by this thread */
/* Gives the lock up whatever its depth (0: was not held), and takes it back to that depth: for
   waits that need other lock holders to get on. */
unsigned vm_lock_drop_all(Vm *vm);
void vm_lock_retake(Vm *vm, unsigned depth);

/* Emits a QMP event through the port (dropped when nobody listens). */
void vm_event(Vm *vm, const char *name, GVariant *data);
