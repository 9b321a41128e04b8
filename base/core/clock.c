/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and timers. Each clock keeps its armed timers in a list sorted by expiry; one timerfd in
 * the main loop is armed for the earliest of all clocks that run, so that expiry is as exact as
 * the host (GLib's own timeouts are rounded to milliseconds).
 */
#include <errno.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "core-priv.h"

struct Timer {
    Vm *vm;
    ClockKind kind;
    const char *name;
    void (*cb)(void *opaque);
    void *opaque;
    int64_t expire_ns; /* TIMER_NEVER: not armed; guarded by Clocks.mutex */
    Timer *next;
};

struct Clocks {
    GMutex mutex; /* guards everything below and the timers; taken inside the VM lock */
    Timer *armed[CLOCK_KIND_COUNT];
    uint32_t sequence; /* odd while the three below change: they are read without the mutex */
    bool virtual_running, virtual_manual;
    ClockDriver driver;     /* now != NULL: it has the virtual clock */
    int64_t virtual_offset; /* running: virtual = monotonic + offset; stopped: virtual = offset */
    int timer_fd;
    int64_t fires_ns; /* CLOCK_MONOTONIC time the timerfd is set to; TIMER_NEVER: it is not */
    bool dispatching; /* timers run; the timerfd is set when they have */
    guint source;
};

static int64_t host_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static int64_t now_locked(const Clocks *c, ClockKind kind)
{
    switch (kind) {
    case CLOCK_KIND_REALTIME: return host_ns(CLOCK_MONOTONIC);
    case CLOCK_KIND_HOST: return host_ns(CLOCK_REALTIME);
    default:
        if (c->driver.now) {
            return c->driver.now(c->driver.opaque);
        }
        return c->virtual_running && !c->virtual_manual
                   ? host_ns(CLOCK_MONOTONIC) + c->virtual_offset
                   : c->virtual_offset;
    }
}

static bool clock_ticks(const Clocks *c, ClockKind kind)
{
    return kind != CLOCK_KIND_VIRTUAL || (c->virtual_running && !c->virtual_manual);
}

int64_t clock_now_ns(Vm *vm, ClockKind kind)
{
    if (kind != CLOCK_KIND_VIRTUAL) {
        return now_locked(vm->clocks, kind);
    }
    Clocks *c = vm->clocks;
    if (c->driver.now) {
        return c->driver.now(c->driver.opaque);
    }
    for (;;) {
        uint32_t s = __atomic_load_n(&c->sequence, __ATOMIC_ACQUIRE);
        bool ticks = __atomic_load_n(&c->virtual_running, __ATOMIC_RELAXED) &&
                     !__atomic_load_n(&c->virtual_manual, __ATOMIC_RELAXED);
        int64_t now = __atomic_load_n(&c->virtual_offset, __ATOMIC_RELAXED);
        now += ticks ? host_ns(CLOCK_MONOTONIC) : 0;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(s & 1) && __atomic_load_n(&c->sequence, __ATOMIC_RELAXED) == s) {
            return now;
        }
    }
}

/* Around changes of the virtual clock. Mutex held. */
static void change_begin(Clocks *c)
{
    __atomic_store_n(&c->sequence, c->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void change_end(Clocks *c)
{
    __atomic_store_n(&c->sequence, c->sequence + 1, __ATOMIC_RELEASE);
}

/* How long the earliest deadline of all clocks that run is away. Mutex held. */
static int64_t earliest_wait(const Clocks *c)
{
    int64_t wait = TIMER_NEVER;
    for (int k = 0; k < CLOCK_KIND_COUNT; k++) {
        if (c->armed[k] && clock_ticks(c, k)) {
            int64_t left;
            if (__builtin_sub_overflow(c->armed[k]->expire_ns, now_locked(c, k), &left)) {
                left = c->armed[k]->expire_ns < 0 ? 1 : TIMER_NEVER;
            }
            wait = MIN(wait, MAX(left, 1));
        }
    }
    return wait;
}

/*
 * Sees to it that the timerfd fires no later than the earliest deadline. One that fires earlier is left as it is: guests
 * put their timers off far more often than these expire, and it is set anew when it has fired. Mutex held.
 */
static void rearm(Clocks *c)
{
    if (c->dispatching) {
        return;
    }
    int64_t wait = earliest_wait(c), now = host_ns(CLOCK_MONOTONIC), due;
    if (__builtin_add_overflow(now, wait, &due)) {
        due = TIMER_NEVER;
    }
    if (c->fires_ns > now && c->fires_ns <= due) {
        return;
    }
    struct itimerspec its = { 0 };
    if (due != TIMER_NEVER) {
        its.it_value.tv_sec = wait / NS_PER_SEC;
        its.it_value.tv_nsec = wait % NS_PER_SEC;
    }
    timerfd_settime(c->timer_fd, 0, &its, NULL);
    c->fires_ns = due;
}

static void unlink_timer(Clocks *c, Timer *t)
{
    for (Timer **at = &c->armed[t->kind]; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            break;
        }
    }
    t->expire_ns = TIMER_NEVER;
}

static void arm_locked(Clocks *c, Timer *t, int64_t expire_ns)
{
    Timer *head = c->armed[t->kind];
    if (t->expire_ns != TIMER_NEVER) {
        unlink_timer(c, t);
    }
    if (expire_ns != TIMER_NEVER) {
        Timer **at = &c->armed[t->kind];
        while (*at && (*at)->expire_ns <= expire_ns) {
            at = &(*at)->next;
        }
        t->expire_ns = expire_ns;
        t->next = *at;
        *at = t;
    }
    if ((head == t || c->armed[t->kind] == t) && clock_ticks(c, t->kind)) {
        rearm(c);
    } else if (c->driver.deadline && t->kind == CLOCK_KIND_VIRTUAL && c->armed[t->kind] == t) {
        c->driver.deadline(c->driver.opaque);
    }
}

Timer *timer_new(Vm *vm, ClockKind kind, const char *name, void (*cb)(void *opaque), void *opaque)
{
    Timer *t = g_new0(Timer, 1);
    *t = (Timer){ vm, kind, name, cb, opaque, TIMER_NEVER, NULL };
    return t;
}

void timer_free(Timer *t)
{
    if (t) {
        timer_cancel(t);
        g_free(t);
    }
}

void timer_arm(Timer *t, int64_t expire_ns)
{
    Clocks *c = t->vm->clocks;
    g_mutex_lock(&c->mutex);
    arm_locked(c, t, expire_ns);
    g_mutex_unlock(&c->mutex);
}

void timer_arm_earlier(Timer *t, int64_t expire_ns)
{
    Clocks *c = t->vm->clocks;
    g_mutex_lock(&c->mutex);
    if (expire_ns < t->expire_ns) {
        arm_locked(c, t, expire_ns);
    }
    g_mutex_unlock(&c->mutex);
}

void timer_cancel(Timer *t)
{
    timer_arm(t, TIMER_NEVER);
}

int64_t timer_expire_ns(const Timer *t)
{
    return __atomic_load_n(&t->expire_ns, __ATOMIC_RELAXED);
}

bool timer_pending(const Timer *t)
{
    return timer_expire_ns(t) != TIMER_NEVER;
}

int64_t clock_deadline_ns(Vm *vm, ClockKind kind)
{
    Clocks *c = vm->clocks;
    g_mutex_lock(&c->mutex);
    int64_t when = c->armed[kind] ? c->armed[kind]->expire_ns : TIMER_NEVER;
    g_mutex_unlock(&c->mutex);
    return when;
}

/* Runs the first timer of @kind that is due at @now; false when there is none. */
static bool run_one(Clocks *c, ClockKind kind, int64_t now)
{
    g_mutex_lock(&c->mutex);
    Timer *t = c->armed[kind];
    bool due = t && t->expire_ns <= now;
    if (due) {
        unlink_timer(c, t);
    }
    g_mutex_unlock(&c->mutex);
    if (due) {
        t->cb(t->opaque);
    }
    return due;
}

static void set_dispatching(Clocks *c, bool on)
{
    g_mutex_lock(&c->mutex);
    c->dispatching = on;
    c->fires_ns = TIMER_NEVER;
    rearm(c);
    g_mutex_unlock(&c->mutex);
}

static gboolean timer_fd_ready(gint fd, GIOCondition condition, gpointer data)
{
    Vm *vm = data;
    Clocks *c = vm->clocks;
    uint64_t expirations;
    if (read(fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN) {
        return G_SOURCE_CONTINUE;
    }
    set_dispatching(c, true);
    for (int k = 0; k < CLOCK_KIND_COUNT; k++) {
        /* `now` is read once: a timer that re-arms itself in the past cannot hold the loop. */
        int64_t now = clock_now_ns(vm, k);
        while (clock_ticks(c, k) && run_one(c, k, now)) {
        }
    }
    set_dispatching(c, false);
    return G_SOURCE_CONTINUE;
}

void clock_virtual_enable(Vm *vm, bool running)
{
    Clocks *c = vm->clocks;
    g_mutex_lock(&c->mutex);
    if (c->virtual_running != running) {
        change_begin(c);
        if (!c->virtual_manual) {
            int64_t mono = host_ns(CLOCK_MONOTONIC);
            c->virtual_offset += running ? -mono : mono;
        }
        c->virtual_running = running;
        change_end(c);
        rearm(c);
    }
    g_mutex_unlock(&c->mutex);
}

bool clock_virtual_running(Vm *vm)
{
    return vm->clocks->virtual_running;
}

int64_t clock_virtual_get(Vm *vm)
{
    return clock_now_ns(vm, CLOCK_KIND_VIRTUAL);
}

void clock_virtual_set(Vm *vm, int64_t ns)
{
    Clocks *c = vm->clocks;
    g_mutex_lock(&c->mutex);
    if (c->driver.set) {
        c->driver.set(c->driver.opaque, ns);
        g_mutex_unlock(&c->mutex);
        return;
    }
    bool ticking = c->virtual_running && !c->virtual_manual;
    change_begin(c);
    c->virtual_offset = ns - (ticking ? host_ns(CLOCK_MONOTONIC) : 0);
    change_end(c);
    rearm(c);
    g_mutex_unlock(&c->mutex);
}

void clock_virtual_take_manual(Vm *vm)
{
    Clocks *c = vm->clocks;
    g_mutex_lock(&c->mutex);
    change_begin(c);
    c->virtual_offset = now_locked(c, CLOCK_KIND_VIRTUAL);
    c->virtual_manual = true;
    change_end(c);
    rearm(c);
    g_mutex_unlock(&c->mutex);
}

void clock_virtual_take_driver(Vm *vm, const ClockDriver *driver)
{
    Clocks *c = vm->clocks;

    clock_virtual_take_manual(vm);
    g_mutex_lock(&c->mutex);
    c->virtual_offset = now_locked(c, CLOCK_KIND_VIRTUAL);
    c->driver = driver ? *driver : (ClockDriver){ 0 };
    g_mutex_unlock(&c->mutex);
}

void clock_virtual_run(Vm *vm)
{
    int64_t now = clock_now_ns(vm, CLOCK_KIND_VIRTUAL);

    while (clock_virtual_running(vm) && run_one(vm->clocks, CLOCK_KIND_VIRTUAL, now)) {
    }
}

void clock_virtual_advance(Vm *vm, int64_t ns)
{
    Clocks *c = vm->clocks;
    for (;;) {
        g_mutex_lock(&c->mutex);
        Timer *t = c->armed[CLOCK_KIND_VIRTUAL];
        int64_t to = t && t->expire_ns < ns ? t->expire_ns : ns;
        change_begin(c);
        c->virtual_offset = MAX(c->virtual_offset, to);
        change_end(c);
        g_mutex_unlock(&c->mutex);
        if (!run_one(c, CLOCK_KIND_VIRTUAL, MIN(to, ns))) {
            if (to == ns) {
                return;
            }
        }
    }
}

/*
 * May recurse, which it does not: the timerfd is not set while timers run. For a source that may not, GLib takes the
 * descriptor out of the loop and puts it in again around each call, and wakes the loop for both.
 */
static guint attach_source(Vm *vm, int fd)
{
    g_autoptr(GSource) source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC(timer_fd_ready), vm, NULL);
    g_source_set_can_recurse(source, TRUE);
    return g_source_attach(source, NULL);
}

bool clocks_setup(Vm *vm)
{
    Clocks *c = g_new0(Clocks, 1);
    g_mutex_init(&c->mutex);
    c->fires_ns = TIMER_NEVER;
    c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (c->timer_fd < 0) {
        g_error("no timerfd: %s", g_strerror(errno));
    }
    vm->clocks = c;
    c->source = attach_source(vm, c->timer_fd);
    return true;
}

void clocks_teardown(Vm *vm)
{
    g_source_remove(vm->clocks->source);
    close(vm->clocks->timer_fd);
    g_mutex_clear(&vm->clocks->mutex);
    g_clear_pointer(&vm->clocks, g_free);
}
