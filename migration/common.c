/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sections of the VM itself: its virtual clock ("timer") and the run state in which the
 * destination shall find itself ("globalstate").
 */
#include <string.h>
#include "migration-priv.h"

char *uuid_text(const uint8_t u[16])
{
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                           u[12], u[13], u[14], u[15]);
}

typedef struct {
    int64_t cpu_ticks_offset;
    int64_t cpu_clock_offset;
} TimerSaved;

static const Record timer_record = {
    .name = "timer",
    .version = 2,
    .min_version = 2,
    .size = sizeof(TimerSaved),
    .fields = (const Field[]){ F_I64(TimerSaved, cpu_ticks_offset), F_UNUSED(8),
                               F_I64(TimerSaved, cpu_clock_offset, .max = INT64_MAX), F_END },
};

/* The ticks are the reading of the guest's time stamp counters, where the guest has such. */
static void timer_save(void *owner, void *saved)
{
    Migration *m = owner;
    TimerSaved *s = saved;
    s->cpu_clock_offset = clock_virtual_get(m->vm);
    s->cpu_ticks_offset =
        m->host.ticks_get ? m->host.ticks_get(m->host.opaque) : s->cpu_clock_offset;
}

static void timer_install(void *owner, const void *saved)
{
    Migration *m = owner;
    clock_virtual_set(m->vm, ((const TimerSaved *)saved)->cpu_clock_offset);
    m->loaded_ticks = ((const TimerSaved *)saved)->cpu_ticks_offset;
}

/* The CPUs are there now, and say whether they brought a counter of their own. */
static void timer_installed(void *owner)
{
    Migration *m = owner;
    if (m->host.ticks_set) {
        m->host.ticks_set(m->host.opaque, m->loaded_ticks);
    }
}

static const SectionOps timer_ops = {
    .save = timer_save,
    .install = timer_install,
    .installed = timer_installed,
};
static const SectionDesc timer_section = {
    .record = &timer_record,
    .ops = &timer_ops,
    .priority = SECTION_PRIORITY_MAX,
};

typedef struct {
    uint32_t size;
    char runstate[32];
    bool has_suspended, suspended;
} GlobalSaved;

static const Record global_record = {
    .name = "globalstate",
    .version = 1,
    .min_version = 1,
    .size = sizeof(GlobalSaved),
    .fields = (const Field[]){ F_U32(GlobalSaved, size, .min = 1, .max = 100),
                               F_BUFFER(GlobalSaved, runstate), F_BOOL(GlobalSaved, has_suspended),
                               F_BOOL(GlobalSaved, suspended), F_UNUSED(66), F_END },
};

/* The state before the switchover stopped the guest. */
static void global_save(void *owner, void *saved)
{
    Migration *m = owner;
    GlobalSaved *s = saved;
    RunState state = m->out ? m->out->old_state : run_state_get(m->vm);
    g_strlcpy(s->runstate, run_state_name(state), sizeof(s->runstate));
    s->size = (uint32_t)strlen(s->runstate) + 1;
    s->has_suspended = true;
    s->suspended = state == RUN_STATE_SUSPENDED;
}

static bool global_check(void *owner, const void *saved, GError **error)
{
    const GlobalSaved *s = saved;
    RunState state;
    if (!memchr(s->runstate, 0, sizeof(s->runstate)) || !run_state_parse(s->runstate, &state)) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "'%.31s' is no run state", s->runstate);
        return false;
    }
    return true;
}

static void global_install(void *owner, const void *saved)
{
    Migration *m = owner;
    g_strlcpy(m->in->run_state, ((const GlobalSaved *)saved)->runstate, sizeof(m->in->run_state));
    m->in->run_state_seen = true;
}

static const SectionOps global_ops = {
    .save = global_save,
    .check = global_check,
    .install = global_install,
};
static const SectionDesc global_section = { .record = &global_record, .ops = &global_ops };

void common_sections_register(Migration *m)
{
    m->timer = section_register(m->vm, NULL, &timer_section, 0, m);
    m->globalstate = section_register(m->vm, NULL, &global_section, 0, m);
}

void common_sections_unregister(Migration *m)
{
    section_unregister(m->vm, m->timer);
    section_unregister(m->vm, m->globalstate);
}
