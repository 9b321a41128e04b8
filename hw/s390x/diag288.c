/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watchdog that a guest winds by DIAGNOSE 288: functions 0 (start), 1 (wind again) and 2 (stop) in the first,
 * even register, seconds in the next, the action in the one after it, of which there is only 0. What happens when it
 * runs out is the user's choice. Anything else is a specification exception, as without the device.
 */
#include "s390-priv.h"

#define MIN_SECONDS 15
#define MAX_SECONDS 0x7fffffffu

enum {
    FUNCTION_START,
    FUNCTION_WIND,
    FUNCTION_STOP,
};

/* ---- saved form ---- */
typedef struct {
    int64_t timer;
    bool enabled;
} WatchdogSaved;

struct S390Watchdog {
    Device dev; /* first */
    Timer *timer;
    bool enabled;
};

int s390_diag_watchdog(S390Board *b, const S390Cpu *cpu, unsigned r1)
{
    S390Watchdog *w = b->watchdog;
    uint64_t function = cpu->gpr[r1], seconds = cpu->gpr[(r1 + 1) & 15];

    if (!w || (r1 & 1) || function > FUNCTION_STOP || cpu->gpr[(r1 + 2) & 15] ||
        (function != FUNCTION_START && !w->enabled) ||
        (function != FUNCTION_STOP && (seconds < MIN_SECONDS || seconds > MAX_SECONDS))) {
        return -PGM_SPECIFICATION;
    }
    w->enabled = function != FUNCTION_STOP;
    if (w->enabled) {
        timer_arm(w->timer,
                  clock_now_ns(b->vm, CLOCK_KIND_VIRTUAL) + (int64_t)seconds * NS_PER_SEC);
    } else {
        timer_cancel(w->timer);
    }
    return 0;
}

static void expired(void *opaque)
{
    S390Watchdog *w = opaque;

    w->enabled = false;
    vm_watchdog_expired(device_vm(&w->dev));
}

/* ---- record description ---- */
static const Record watchdog_record = {
    .name = "vmstate_diag288",
    .size = sizeof(WatchdogSaved),
    .fields =
        (const Field[]){ F_TIMER(WatchdogSaved, timer), F_BOOL(WatchdogSaved, enabled), F_END },
};

static void save(void *owner, void *saved)
{
    const S390Watchdog *w = owner;

    *(WatchdogSaved *)saved =
        (WatchdogSaved){ timer_pending(w->timer) ? timer_expire_ns(w->timer) : -1, w->enabled };
}

static void install(void *owner, const void *saved)
{
    S390Watchdog *w = owner;
    const WatchdogSaved *s = saved;

    w->enabled = s->enabled;
    if (s->timer >= 0) {
        timer_arm(w->timer, s->timer);
    } else {
        timer_cancel(w->timer);
    }
}

static const SectionOps section_ops = { .save = save, .install = install };
static const SectionDesc section = { .record = &watchdog_record, .ops = &section_ops };

/* ---- life ---- */
static bool watchdog_realize(Device *dev, GError **error)
{
    S390Watchdog *w = (S390Watchdog *)dev;
    S390Board *b = s390_board(device_vm(dev));

    if (!b || b->watchdog) {
        g_set_error(error, FERRY_HW_ERROR, b ? FERRY_HW_ERROR_BUSY : FERRY_HW_ERROR_NO_BUS,
                    b ? "the machine has a diag288 watchdog already"
                      : "diag288 needs an s390-ccw-virtio machine");
        return false;
    }
    w->timer = timer_new(device_vm(dev), CLOCK_KIND_VIRTUAL, "diag288", expired, w);
    b->watchdog = w;
    return true;
}

static void watchdog_unrealize(Device *dev)
{
    S390Watchdog *w = (S390Watchdog *)dev;
    S390Board *b = s390_board(device_vm(dev));

    if (b) {
        b->watchdog = NULL;
    }
    g_clear_pointer(&w->timer, timer_free);
}

static void watchdog_reset(Device *dev, ResetKind kind)
{
    S390Watchdog *w = (S390Watchdog *)dev;

    w->enabled = false;
    timer_cancel(w->timer);
}

static const DeviceOps watchdog_ops = {
    .category = DEVICE_CATEGORY_WATCHDOG,
    .user_creatable = true,
    .realize = watchdog_realize,
    .unrealize = watchdog_unrealize,
    .reset = watchdog_reset,
    .section = &section,
};

const TypeInfo s390_watchdog_types[] = {
    { .name = "diag288",
      .parent = "device",
      .description = "diag288 device for s390x platform",
      .instance_size = sizeof(S390Watchdog),
      .ops = &watchdog_ops },
};
const size_t s390_watchdog_types_count = G_N_ELEMENTS(s390_watchdog_types);
