/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's migrated state: section "apic", instance = APIC id.
 */
#include "apic-priv.h"

#include <string.h>

#include "target/x86/features.h"

typedef struct {
    uint32_t apicbase;
    uint8_t id, arb_id, tpr;
    uint32_t spurious_vec;
    uint8_t log_dest, dest_mode;
    uint32_t isr[8], tmr[8], irr[8], lvt[LVT_COUNT];
    uint32_t esr, icr[2], divide_conf;
    int32_t count_shift;
    uint32_t initial_count;
    int64_t initial_count_load_time, next_time, timer_expiry;
    /* apic_sipi */
    int32_t sipi_vector, wait_for_sipi;
    bool sipi_present;
} ApicSaved;

static bool sipi_needed(const void *saved)
{
    return ((const ApicSaved *)saved)->wait_for_sipi != 0;
}

static const Field sipi_fields[] = {
    F_I32(ApicSaved, sipi_vector),
    F_I32(ApicSaved, wait_for_sipi),
    F_END,
};
static const Record sipi_record = {
    .name = "apic_sipi",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ApicSaved),
    .fields = sipi_fields,
    .needed = sipi_needed,
    .present_offset = offsetof(ApicSaved, sipi_present),
    .has_present = true,
    .legacy_name = true,
};
static const Record *const subsections[] = { &sipi_record, NULL };

static const Field fields[] = {
    F_U32(ApicSaved, apicbase),
    F_U8(ApicSaved, id),
    F_U8(ApicSaved, arb_id),
    F_U8(ApicSaved, tpr),
    F_U32(ApicSaved, spurious_vec),
    F_U8(ApicSaved, log_dest),
    F_U8(ApicSaved, dest_mode),
    F_ARRAY(FIELD_U32, ApicSaved, isr),
    F_ARRAY(FIELD_U32, ApicSaved, tmr),
    F_ARRAY(FIELD_U32, ApicSaved, irr),
    F_ARRAY(FIELD_U32, ApicSaved, lvt),
    F_U32(ApicSaved, esr),
    F_ARRAY(FIELD_U32, ApicSaved, icr),
    F_U32(ApicSaved, divide_conf),
    F_I32(ApicSaved, count_shift),
    F_U32(ApicSaved, initial_count),
    F_I64(ApicSaved, initial_count_load_time),
    F_I64(ApicSaved, next_time),
    F_I64(ApicSaved, timer_expiry),
    F_END,
};
static const Record record = {
    .name = "apic",
    .version = 3,
    .min_version = 3,
    .size = sizeof(ApicSaved),
    .fields = fields,
    .subsections = subsections,
};

static void save(void *owner, void *saved)
{
    const Apic *a = owner;
    ApicSaved *s = saved;

    s->apicbase = a->base;
    s->id = a->id;
    s->arb_id = a->arb_id;
    s->tpr = a->tpr;
    s->spurious_vec = a->svr;
    s->log_dest = a->log_dest;
    s->dest_mode = a->dest_mode;
    memcpy(s->isr, a->isr, sizeof(s->isr));
    memcpy(s->tmr, a->tmr, sizeof(s->tmr));
    memcpy(s->irr, a->irr, sizeof(s->irr));
    memcpy(s->lvt, a->lvt, sizeof(s->lvt));
    s->esr = a->esr;
    memcpy(s->icr, a->icr, sizeof(s->icr));
    s->divide_conf = a->divide_conf;
    s->count_shift = (((a->divide_conf & 3) | (a->divide_conf >> 1 & 4)) + 1) & 7;
    s->initial_count = a->initial_count;
    s->initial_count_load_time = a->count_load_ns;
    s->next_time = a->next_ns < 0 ? 0 : a->next_ns;
    s->timer_expiry = timer_pending(a->timer) ? a->next_ns : -1;
    s->sipi_vector = a->sipi_vector;
    s->wait_for_sipi = a->wait_sipi;
}

static bool check(void *owner, const void *saved, GError **error)
{
    const Apic *a = owner;
    const ApicSaved *s = saved;

    if ((s->apicbase & BASE_X2APIC) && !X86_FEAT_X2APIC(a->cpu->sys.cfg)) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_STATE,
                    "APIC base 0x%x is in x2APIC mode, which this CPU lacks", s->apicbase);
        return false;
    }
    if (s->divide_conf & ~0xbu) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_STATE,
                    "APIC divide configuration 0x%x has reserved bits", s->divide_conf);
        return false;
    }
    if ((s->irr[0] | s->isr[0]) & 0xffff) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_STATE,
                    "an APIC vector below 16 is pending or in service");
        return false;
    }
    if (s->sipi_vector < 0 || s->sipi_vector > 255) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_STATE,
                    "start-up vector %d is not in 0..255", s->sipi_vector);
        return false;
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    Apic *a = owner;
    const ApicSaved *s = saved;

    a->base = (s->apicbase & ~(uint32_t)BASE_BSP & ~0x2ffu) | (a->bsp ? BASE_BSP : 0);
    a->id = s->id;
    a->arb_id = s->arb_id;
    a->tpr = s->tpr;
    a->svr = s->spurious_vec & 0x1ff;
    a->log_dest = s->log_dest;
    a->dest_mode = s->dest_mode & 0xf;
    memcpy(a->isr, s->isr, sizeof(a->isr));
    memcpy(a->tmr, s->tmr, sizeof(a->tmr));
    memcpy(a->irr, s->irr, sizeof(a->irr));
    memcpy(a->lvt, s->lvt, sizeof(a->lvt));
    a->esr = s->esr;
    memcpy(a->icr, s->icr, sizeof(a->icr));
    a->divide_conf = s->divide_conf;
    a->initial_count = s->initial_count;
    a->count_load_ns = s->initial_count_load_time;
    a->sipi_vector = s->sipi_vector;
    a->wait_sipi = s->wait_for_sipi != 0;
    a->next_ns = s->timer_expiry;
    apic_place(a);
    if (s->timer_expiry >= 0) {
        timer_arm(a->timer, s->timer_expiry);
    } else {
        timer_cancel(a->timer);
    }
}

static void installed(void *owner)
{
    Apic *a = owner;

    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        apic_timer_rearm(a); /* the deadline travels with the CPU's MSRs */
    }
    apic_update(a);
}

static const SectionOps ops = {
    .save = save,
    .check = check,
    .install = install,
    .installed = installed,
};
const SectionDesc apic_section = { .record = &record, .ops = &ops };
