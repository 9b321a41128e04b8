/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrated state of the channel subsystem: section "s390_css" (channel reports, image 0xfe with its
 * paths), and the subchannel of a device, which is the first part of the device's own section.
 *
 * A channel program runs to its end inside SSCH, so a subchannel has nothing in progress; its last
 * ORB and CCW are sent as zeros, and those of a sender are read and dropped.
 */
#include "css-priv.h"

#include <string.h>

#define DEFAULT_IMAGE 0xfe
#define PATH_TYPE     0x32

/* ---- saved forms ---- */
typedef struct {
    uint16_t flags, rsid;
} CrwSaved;

typedef struct {
    uint8_t in_use, type, is_virtual;
} PathSaved;

typedef struct {
    PathSaved chpids[256];
} ImageSaved;

typedef struct {
    GPtrArray *crws; /* CrwSaved */
    bool sei_pending, do_crw_mchk, crws_lost, chnmon_active;
    uint8_t max_cssid, max_ssid, default_cssid;
    uint64_t chnmon_area;
    ImageSaved *images[256];
} CssSaved;

/* ---- s390_css ---- */

static const Record crw_record = {
    .name = "s390_crw",
    .version = 1,
    .min_version = 1,
    .size = sizeof(CrwSaved),
    .fields = (const Field[]){ F_U16(CrwSaved, flags), F_U16(CrwSaved, rsid), F_END },
};
static const Record path_record = {
    .name = "s390_chp_info",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PathSaved),
    .fields = (const Field[]){ F_U8(PathSaved, in_use), F_U8(PathSaved, type),
                               F_U8(PathSaved, is_virtual), F_END },
};
static const Record image_record = {
    .name = "s390_css_img",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ImageSaved),
    .fields = (const Field[]){ F_STRUCT_ARRAY(ImageSaved, chpids, path_record), F_END },
};
static const Field css_fields[] = {
    { .name = "pending_crws",
      .kind = FIELD_LIST,
      .size = sizeof(GPtrArray *),
      .offset = offsetof(CssSaved, crws),
      .max_len = CSS_MAX_CRWS,
      .record = &crw_record,
      .wire_type = "qtailq" },
    F_BOOL(CssSaved, sei_pending),
    F_BOOL(CssSaved, do_crw_mchk),
    F_BOOL(CssSaved, crws_lost),
    F_U8(CssSaved, max_cssid),
    F_U8(CssSaved, max_ssid, .max = 3),
    F_BOOL(CssSaved, chnmon_active),
    F_U64(CssSaved, chnmon_area),
    { .name = "css",
      .kind = FIELD_POINTER,
      .size = sizeof(ImageSaved *),
      .count = 256,
      .offset = offsetof(CssSaved, images),
      .record = &image_record },
    F_U8(CssSaved, default_cssid, .min = DEFAULT_IMAGE, .max = DEFAULT_IMAGE),
    F_END,
};
static const Record css_record = {
    .name = "s390_css",
    .version = 1,
    .min_version = 1,
    .size = sizeof(CssSaved),
    .fields = css_fields,
};

static bool any_device(const Css *css)
{
    for (unsigned n = 0; n < CSS_MAX_SUBCHANNELS; n++) {
        if (css->devices[n]) {
            return true;
        }
    }
    return false;
}

static void css_save(void *owner, void *saved)
{
    const Css *css = owner;
    CssSaved *s = saved;

    s->crws = g_ptr_array_new();
    for (unsigned k = 0; k < css->n_crws; k++) {
        CrwSaved *crw = g_new0(CrwSaved, 1);
        *crw = (CrwSaved){ css->crws[k] >> 16, css->crws[k] };
        g_ptr_array_add(s->crws, crw);
    }
    s->do_crw_mchk = !css->report_pending;
    s->max_ssid = css->sets_enabled ? 3 : 0;
    s->chnmon_active = css->measuring;
    s->chnmon_area = css->measurement_area;
    s->default_cssid = DEFAULT_IMAGE;
    s->images[DEFAULT_IMAGE] = g_new0(ImageSaved, 1);
    if (any_device(css)) {
        s->images[DEFAULT_IMAGE]->chpids[0] = (PathSaved){ 1, PATH_TYPE, 1 };
    }
}

/* A guest that was not told of all reports hears it from the last one that waits. */
static bool css_check(void *owner, const void *saved, GError **error)
{
    const CssSaved *s = saved;
    const char *what = s->max_cssid ? "more than one channel subsystem image is in use"
                       : s->crws_lost && !s->crws->len ? "channel reports were lost, and none waits"
                                                       : NULL;

    if (what) {
        g_set_error_literal(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, what);
    }
    return !what;
}

static void css_install(void *owner, const void *saved)
{
    Css *css = owner;
    const CssSaved *s = saved;

    css->n_crws = s->crws->len;
    for (unsigned k = 0; k < css->n_crws; k++) {
        const CrwSaved *crw = g_ptr_array_index(s->crws, k);
        css->crws[k] = (uint32_t)crw->flags << 16 | crw->rsid;
    }
    if (s->crws_lost) {
        css->crws[css->n_crws - 1] |= CRW_OVERFLOW;
    }
    css->report_pending = !s->do_crw_mchk;
    css->sets_enabled = s->max_ssid != 0;
    css->measuring = s->chnmon_active;
    css->measurement_area = s->chnmon_area;
}

static const SectionOps css_ops = { .save = css_save, .check = css_check, .install = css_install };
static const SectionDesc css_section = { .record = &css_record, .ops = &css_ops };

void css_register(Css *css)
{
    css->section = section_register(css->vm, NULL, &css_section, 0, css);
}

/* ---- the subchannel ---- */

static bool orb_needed(const void *saved)
{
    return saved != NULL;
}

static const Record orb_record = {
    .name = "s390_subch_dev/orb",
    .version = 1,
    .min_version = 1,
    .size = sizeof(SubchSaved),
    .fields = (const Field[]){ F_BUFFER(SubchSaved, orb), F_END },
    .needed = orb_needed,
};
static const Record *const subch_subsections[] = { &orb_record, NULL };
static const Field subch_fields[] = {
    F_U8(SubchSaved, cssid, .min = DEFAULT_IMAGE, .max = DEFAULT_IMAGE),
    F_U8(SubchSaved, ssid, .flags = FIELD_EQUAL),
    F_U16(SubchSaved, schid),
    F_U16(SubchSaved, devno, .flags = FIELD_EQUAL),
    F_U8(SubchSaved, thinint_active, .max = 1),
    F_BUFFER(SubchSaved, pmcw),
    F_ARRAY(FIELD_U32, SubchSaved, scsw),
    F_U64(SubchSaved, mba),
    F_BUFFER(SubchSaved, mda),
    F_BUFFER(SubchSaved, sense),
    F_U64(SubchSaved, channel_program),
    F_BUFFER(SubchSaved, last_ccw),
    F_BOOL(SubchSaved, last_ccw_valid),
    F_U8(SubchSaved, sense_id_first),
    F_U16(SubchSaved, cu_type, .flags = FIELD_EQUAL),
    F_U8(SubchSaved, cu_model, .flags = FIELD_EQUAL),
    F_BUFFER(SubchSaved, sense_id_rest),
    F_BOOL(SubchSaved, format1),
    F_U8(SubchSaved, no_data_count),
    F_END,
};
const Record css_subchannel_record = {
    .name = "s390_subch_dev",
    .version = 1,
    .min_version = 1,
    .size = sizeof(SubchSaved),
    .fields = subch_fields,
    .subsections = subch_subsections,
};

void ccw_device_save(const CcwDevice *d, SubchSaved *s)
{
    s->cssid = DEFAULT_IMAGE;
    s->ssid = d->ssid;
    s->schid = d->schid;
    s->devno = d->number;
    memcpy(s->pmcw, d->pmcw, sizeof(s->pmcw));
    memcpy(s->scsw, d->scsw, sizeof(s->scsw));
    memcpy(s->sense, d->sense, sizeof(s->sense));
    s->mba = d->mba;
    s->sense_id_first = 0xff;
    s->cu_type = ccw_device_ops(d)->cu_type;
    s->cu_model = d->cu_model;
}

bool ccw_device_check(const CcwDevice *d, const SubchSaved *s, GError **error)
{
    uint16_t devno = css_get16(s->pmcw + 6);

    if (devno != d->number || !(css_get16(s->pmcw + 4) & PMCW_VALID)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the subchannel in the stream is of device 0x%04x, flags 0x%04x; here it is "
                    "0x%04x",
                    devno, css_get16(s->pmcw + 4), d->number);
        return false;
    }
    if (s->schid >= CSS_MAX_SUBCHANNELS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the stream has subchannel 0x%04x, here are %d at most", s->schid,
                    CSS_MAX_SUBCHANNELS);
        return false;
    }
    const CcwDevice *there = css_find(d->css, (uint32_t)s->ssid << 17 | s->schid);
    if (there && there != d && there->placed) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "subchannel 0x%04x in the stream is of device 0x%04x and of 0x%04x", s->schid,
                    there->number, d->number);
        return false;
    }
    if (s->scsw[0] & SCSW_ACTIVITY) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the subchannel has a function in progress (status 0x%08x)", s->scsw[0]);
        return false;
    }
    return true;
}

/* Where devices came and went their numbers are not in the order of plugging: who has this one takes that of d, and
 * leaves it when its own state comes. */
static void place(CcwDevice *d, uint16_t schid)
{
    CcwDevice **devices = d->css->devices, *there = devices[schid];

    devices[d->schid] = there;
    if (there) {
        there->schid = d->schid;
    }
    devices[schid] = d;
    d->schid = schid;
    d->placed = true;
}

void ccw_device_install(CcwDevice *d, const SubchSaved *s)
{
    place(d, s->schid);
    memcpy(d->pmcw, s->pmcw, sizeof(d->pmcw));
    memcpy(d->scsw, s->scsw, sizeof(d->scsw));
    memcpy(d->sense, s->sense, sizeof(d->sense));
    d->mba = s->mba;
}
