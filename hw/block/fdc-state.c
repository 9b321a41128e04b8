/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a stream holds of the floppy controller: the section "fdc" version 2. Two things are not what other
 * controllers keep: results come at once here, so that no timer is ever under way, and the phase is sent
 * only where the main status register does not tell it.
 */
#include "fdc-priv.h"

static bool changed_needed(const void *saved)
{
    return ((const DriveSaved *)saved)->has_drive && ((const DriveSaved *)saved)->media_changed;
}
static bool always(const void *saved)
{
    return true;
}
static bool perpendicular_needed(const void *saved)
{
    return ((const DriveSaved *)saved)->perpendicular != 0;
}

#define DRIVE_SUBSECTION(var, leaf, member, when)                     \
    static const Record var = {                                       \
        .name = "fdrive/" leaf,                                       \
        .version = 1,                                                 \
        .min_version = 1,                                             \
        .size = sizeof(DriveSaved),                                   \
        .fields = (const Field[]){ F_U8(DriveSaved, member), F_END }, \
        .needed = (when),                                             \
    }
DRIVE_SUBSECTION(changed_record, "media_changed", media_changed, changed_needed);
DRIVE_SUBSECTION(rate_record, "media_rate", media_rate, always);
DRIVE_SUBSECTION(perpendicular_record, "perpendicular", perpendicular, perpendicular_needed);

static const Record drive_record = {
    .name = "fdrive",
    .version = 1,
    .min_version = 1,
    .size = sizeof(DriveSaved),
    .fields = (const Field[]){ F_U8(DriveSaved, head), F_U8(DriveSaved, track),
                               F_U8(DriveSaved, sect), F_END },
    .subsections =
        (const Record *const[]){ &changed_record, &rate_record, &perpendicular_record, NULL },
};

static bool sensei_needed(const void *saved)
{
    return ((const FdcRegs *)saved)->reset_sensei != 0;
}
static bool timer_needed(const void *saved)
{
    return ((const FdcRegs *)saved)->result_timer >= 0;
}
/* The phase that the other registers tell. */
static uint8_t phase_of(const FdcRegs *r)
{
    return r->msr & MSR_NONDMA || (r->msr & MSR_CB && !(r->msr & MSR_RQM)) ? PHASE_EXECUTION
           : r->msr & MSR_DIO                                              ? PHASE_RESULT
                                                                           : PHASE_COMMAND;
}
static bool phase_needed(const void *saved)
{
    return ((const FdcRegs *)saved)->phase != phase_of(saved);
}

#define FDC_SUBSECTION(var, leaf, field, when)     \
    static const Record var = {                    \
        .name = "fdc/" leaf,                       \
        .version = 1,                              \
        .min_version = 1,                          \
        .size = sizeof(FdcRegs),                   \
        .fields = (const Field[]){ field, F_END }, \
        .needed = (when),                          \
    }
FDC_SUBSECTION(sensei_record, "reset_sensei", F_I32(FdcRegs, reset_sensei), sensei_needed);
FDC_SUBSECTION(timer_record, "result_timer", F_TIMER(FdcRegs, result_timer), timer_needed);
FDC_SUBSECTION(phase_record, "phase", F_U8(FdcRegs, phase), phase_needed);

static const Field regs_fields[] = {
    F_U8(FdcRegs, sra),
    F_U8(FdcRegs, srb),
    F_U8(FdcRegs, dor, .name = "dor_vmstate"),
    F_U8(FdcRegs, tdr),
    F_U8(FdcRegs, dsr),
    F_U8(FdcRegs, msr),
    F_U8(FdcRegs, status0),
    F_U8(FdcRegs, status1),
    F_U8(FdcRegs, status2),
    F_ARRAY(FIELD_U8, FdcRegs, fifo),
    F_U32(FdcRegs, data_pos),
    F_U32(FdcRegs, data_len),
    F_U8(FdcRegs, data_state),
    F_U8(FdcRegs, data_dir, .max = DIR_VERIFY),
    F_U8(FdcRegs, eot),
    F_U8(FdcRegs, timer0),
    F_U8(FdcRegs, timer1),
    F_U8(FdcRegs, precomp_trk),
    F_U8(FdcRegs, config),
    F_U8(FdcRegs, lock, .max = 1),
    F_U8(FdcRegs, pwrd),
    F_U8(FdcRegs, num_floppies, .flags = FIELD_EQUAL),
    F_STRUCT_ARRAY(FdcRegs, drives, drive_record),
    F_END,
};

static const Record regs_record = {
    .name = "fdc",
    .version = 2,
    .min_version = 2,
    .size = sizeof(FdcRegs),
    .fields = regs_fields,
    .subsections = (const Record *const[]){ &sensei_record, &timer_record, &phase_record, NULL },
};

static const Record fdc_record = {
    .name = "fdc",
    .version = 2,
    .min_version = 2,
    .size = sizeof(FdcSaved),
    .fields = (const Field[]){ F_STRUCT(FdcSaved, state, regs_record), F_END },
};

static void save(void *owner, void *saved)
{
    Fdc *s = owner;
    FdcRegs *out = &((FdcSaved *)saved)->state;

    *out = s->r;
    for (int i = 0; i < FDC_DRIVES; i++) {
        const FloppyUnit *u = &s->units[i];

        out->drives[i] = (DriveSaved){ u->head,
                                       u->track,
                                       u->sect,
                                       u->media_changed,
                                       u->media_rate,
                                       u->perpendicular,
                                       u->drive && u->format.tracks };
    }
}

static bool check(void *owner, const void *saved, GError **error)
{
    const FdcRegs *in = &((const FdcSaved *)saved)->state;
    uint8_t phase = in->phase ? in->phase : phase_of(in);

    if (in->phase > PHASE_RESULT || in->reset_sensei < 0 || in->reset_sensei > 4 ||
        (phase != PHASE_EXECUTION && (in->data_len > FIFO_BYTES || in->data_pos >= in->data_len)) ||
        (phase == PHASE_EXECUTION && in->data_dir > DIR_READ && in->data_dir != DIR_VERIFY)) {
        g_set_error(
            error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
            "floppy controller in phase %u (at most 3) at byte %u of %u, %d reset interrupts "
            "(at most 4)",
            in->phase, in->data_pos, in->data_len, in->reset_sensei);
        return false;
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    Fdc *s = owner;
    const FdcRegs *in = &((const FdcSaved *)saved)->state;

    s->r = *in;
    s->r.result_timer = -1; /* results come at once here */
    s->tc = false;
    if (!s->r.phase) {
        s->r.phase = phase_of(&s->r);
    }
    for (int i = 0; i < FDC_DRIVES; i++) {
        FloppyUnit *u = &s->units[i];

        u->head = in->drives[i].head;
        u->track = in->drives[i].track;
        u->sect = in->drives[i].sect;
        u->media_rate = in->drives[i].media_rate;
        u->perpendicular = in->drives[i].perpendicular;
        u->media_changed = in->drives[i].media_changed;
    }
}

/* Another controller may have a result under way, which a timer would have delivered. */
static void installed(void *owner)
{
    Fdc *s = owner;

    irq_set(s->irq, s->r.sra & SRA_INTPEND ? 1 : 0);
    if (s->r.phase == PHASE_EXECUTION && !(s->r.msr & MSR_NONDMA)) {
        fdc_set_dreq(s, true);
    }
}

static const SectionOps section_ops = {
    .save = save,
    .check = check,
    .install = install,
    .installed = installed,
};
const SectionDesc fdc_section = { .record = &fdc_record, .ops = &section_ops };
