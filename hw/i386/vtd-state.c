/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The migrated state of "intel-iommu". What a stream says it can do must be what this one can do. */
#include <string.h>
#include "vtd-priv.h"

typedef struct {
    uint64_t root, intr_root, iq;
    uint32_t intr_size;
    uint16_t iq_head, iq_tail, iq_size, next_frcd_reg;
    uint8_t csr[VTD_CSR_BYTES];
    uint8_t iq_last_desc_type;
    bool unused, dmar_enabled, qi_enabled, intr_enabled, intr_eime;
} VtdSaved;

static const Field vtd_fields[] = {
    F_U64(VtdSaved, root),
    F_U64(VtdSaved, intr_root),
    F_U64(VtdSaved, iq),
    F_U32(VtdSaved, intr_size),
    F_U16(VtdSaved, iq_head),
    F_U16(VtdSaved, iq_tail),
    F_U16(VtdSaved, iq_size),
    F_U16(VtdSaved, next_frcd_reg, .min = 0, .max = 0),
    F_ARRAY(FIELD_U8, VtdSaved, csr),
    F_U8(VtdSaved, iq_last_desc_type),
    F_BOOL(VtdSaved, unused),
    F_BOOL(VtdSaved, dmar_enabled),
    F_BOOL(VtdSaved, qi_enabled),
    F_BOOL(VtdSaved, intr_enabled),
    F_BOOL(VtdSaved, intr_eime),
    F_END,
};
static const Record vtd_record = {
    .name = "iommu-intel",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VtdSaved),
    .fields = vtd_fields,
};

static void save(void *owner, void *saved)
{
    Vtd *s = owner;
    VtdSaved *out = saved;

    *out = (VtdSaved){
        .root = s->root,
        .intr_root = s->intr_root,
        .iq = s->iq,
        .intr_size = s->intr_size,
        .iq_head = s->iq_head,
        .iq_tail = s->iq_tail,
        .iq_size = s->iq_size,
        .iq_last_desc_type = s->last_type,
        .dmar_enabled = s->dmar_enabled,
        .qi_enabled = s->qi_enabled,
        .intr_enabled = s->intr_enabled,
        .intr_eime = s->intr_eime,
        .unused = s->scalable_root,
    };
    g_mutex_lock(&s->lock);
    memcpy(out->csr, s->csr, sizeof(out->csr));
    g_mutex_unlock(&s->lock);
}

static bool check(void *owner, const void *saved, GError **error)
{
    const Vtd *s = owner;
    const VtdSaved *in = saved;
    bool abilities =
        ld_le64(in->csr + VTD_CAP) == vtd_cap(s) && ld_le64(in->csr + VTD_ECAP) == vtd_ecap(s);

    if (!abilities) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the stream's IOMMU has abilities 0x%" G_GINT64_MODIFIER
                    "x and 0x%" G_GINT64_MODIFIER "x, this one 0x%" G_GINT64_MODIFIER
                    "x and 0x%" G_GINT64_MODIFIER "x",
                    ld_le64(in->csr + VTD_CAP), ld_le64(in->csr + VTD_ECAP), vtd_cap(s),
                    vtd_ecap(s));
        return false;
    }
    if ((in->dmar_enabled && !s->dma_translation) || (in->qi_enabled && !in->iq_size) ||
        (in->intr_enabled && !vtd_has_intremap(s)) || (in->intr_eime && !vtd_has_eim(s))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the IOMMU's translation %d, queue %d, interrupt remapping %d with long ids %d "
                    "are more than it can do",
                    in->dmar_enabled, in->qi_enabled, in->intr_enabled, in->intr_eime);
        return false;
    }
    if (in->iq_size > 0x8000 || (in->iq_size && in->iq_head >= in->iq_size) ||
        in->iq_tail > 0x7fff || in->intr_size > 0x10000) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "IOMMU queue at %u of %u entries, interrupt table of %u (limit 65536)",
                    in->iq_head, in->iq_size, in->intr_size);
        return false;
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    Vtd *s = owner;
    const VtdSaved *in = saved;

    s->root = in->root;
    s->intr_root = in->intr_root;
    s->iq = in->iq;
    s->intr_size = in->intr_size;
    s->iq_head = in->iq_head;
    s->iq_tail = in->iq_tail;
    s->iq_size = in->iq_size;
    s->last_type = in->iq_last_desc_type;
    s->dmar_enabled = in->dmar_enabled;
    s->qi_enabled = in->qi_enabled;
    s->intr_enabled = in->intr_enabled;
    s->intr_eime = in->intr_eime;
    s->scalable_root = in->unused;
    g_mutex_lock(&s->lock);
    memcpy(s->csr, in->csr, sizeof(s->csr));
    g_mutex_unlock(&s->lock);
    vtd_spaces_update(s);
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
const SectionDesc vtd_section = {
    .record = &vtd_record,
    .ops = &section_ops,
    .priority = SECTION_PRIORITY_IOMMU,
};
