/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migrated state of the 82540EM: record "e1000" version 2. The registers that it began with travel one by
 * one, and once more with all others in a subsection: a stream in which the two differ is refused.
 */
#include <string.h>

#include "e1000-priv.h"

#define RXBUF_BYTES_MAX 16384

typedef struct {
    PciDeviceSaved pci;
    uint32_t rxbuf_size, rxbuf_min_shift;
    E1000Eecd eecd;
    E1000Context props, tso;
    uint16_t tx_size, tso_frames;
    uint8_t sum_needed, header[256], data[E1000_TX_BYTES];
    uint16_t eeprom[64], phy[32];
    uint32_t alone[E1000_REG_WORDS], mac[E1000_REG_WORDS]; /* sent one by one; sent all together */
    bool mit_irq_level, has_tso, has_all;
} E1000Saved;

#define NAMED(wire, member, kind_)                                             \
    {                                                                          \
        .name = wire, .kind = (kind_), .offset = offsetof(E1000Saved, member), \
        .size = sizeof(((E1000Saved *)0)->member)                              \
    }
#define WORDS(wire, member)                                                                 \
    {                                                                                       \
        .name = wire, .kind = FIELD_U16, .offset = offsetof(E1000Saved, member), .size = 2, \
        .count = G_N_ELEMENTS(((E1000Saved *)0)->member)                                    \
    }
#define CONTEXT_FIELDS(prefix, m)                                                              \
    NAMED(prefix ".ipcss", m.ipcss, FIELD_U8), NAMED(prefix ".ipcso", m.ipcso, FIELD_U8),      \
        NAMED(prefix ".ipcse", m.ipcse, FIELD_U16), NAMED(prefix ".tucss", m.tucss, FIELD_U8), \
        NAMED(prefix ".tucso", m.tucso, FIELD_U8), NAMED(prefix ".tucse", m.tucse, FIELD_U16), \
        NAMED(prefix ".paylen", m.paylen, FIELD_U32),                                          \
        NAMED(prefix ".hdr_len", m.hdr_len, FIELD_U8), NAMED(prefix ".mss", m.mss, FIELD_U16)
#define REG(name_)                                                       \
    {                                                                    \
        .name = "mac_reg[" #name_ "]", .kind = FIELD_U32,                \
        .offset = offsetof(E1000Saved, alone) + E1000_##name_, .size = 4 \
    }
#define REGS(first, n)                                                                         \
    {                                                                                          \
        .name = "mac_reg", .kind = FIELD_U32, .offset = offsetof(E1000Saved, alone) + (first), \
        .size = 4, .count = (n)                                                                \
    }

static const Field mit_fields[] = {
    REG(RDTR), REG(RADV), REG(TADV), REG(ITR), F_BOOL(E1000Saved, mit_irq_level), F_END,
};
static bool always(const void *saved)
{
    return true;
}
static const Record mit_record = { .name = "e1000/mit_state",
                                   .version = 1,
                                   .min_version = 1,
                                   .size = sizeof(E1000Saved),
                                   .fields = mit_fields,
                                   .needed = always };

static const Field full_fields[] = {
    F_ARRAY(FIELD_U32, E1000Saved, mac, .name = "mac_reg"),
    F_END,
};
static const Record full_record = { .name = "e1000/full_mac_state",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(E1000Saved),
                                    .fields = full_fields,
                                    .needed = always,
                                    .present_offset = offsetof(E1000Saved, has_all),
                                    .has_present = true };

static const Field tso_fields[] = {
    CONTEXT_FIELDS("tx.tso_props", tso),
    NAMED("tx.tso_props.ip", tso.ip, FIELD_I8),
    NAMED("tx.tso_props.tcp", tso.tcp, FIELD_I8),
    F_END,
};
static const Record tso_record = { .name = "e1000/tx_tso_state",
                                   .version = 1,
                                   .min_version = 1,
                                   .size = sizeof(E1000Saved),
                                   .fields = tso_fields,
                                   .needed = always,
                                   .present_offset = offsetof(E1000Saved, has_tso),
                                   .has_present = true };

static const Field e1000_fields[] = {
    F_PCI_DEVICE(E1000Saved, pci),
    F_UNUSED(4),
    F_U32(E1000Saved, rxbuf_size, .max = RXBUF_BYTES_MAX),
    F_U32(E1000Saved, rxbuf_min_shift, .max = 4),
    NAMED("eecd_state.val_in", eecd.val_in, FIELD_U32),
    NAMED("eecd_state.bitnum_in", eecd.bitnum_in, FIELD_U16),
    NAMED("eecd_state.bitnum_out", eecd.bitnum_out, FIELD_U16),
    NAMED("eecd_state.reading", eecd.reading, FIELD_U16),
    NAMED("eecd_state.old_eecd", eecd.old_eecd, FIELD_U32),
    CONTEXT_FIELDS("mig_props", props),
    NAMED("tx.size", tx_size, FIELD_U16),
    NAMED("tx.tso_frames", tso_frames, FIELD_U16),
    NAMED("tx.sum_needed", sum_needed, FIELD_U8),
    NAMED("mig_props.ip", props.ip, FIELD_I8),
    NAMED("mig_props.tcp", props.tcp, FIELD_I8),
    NAMED("tx.header", header, FIELD_BUFFER),
    NAMED("tx.data", data, FIELD_BUFFER),
    WORDS("eeprom_data", eeprom),
    WORDS("phy_reg", phy),
    REG(CTRL),
    REG(EECD),
    REG(EERD),
    REG(GPRC),
    REG(GPTC),
    REG(ICR),
    REG(ICS),
    REG(IMC),
    REG(IMS),
    REG(LEDCTL),
    REG(MANC),
    REG(MDIC),
    REG(MPC),
    REG(PBA),
    REG(RCTL),
    REG(RDBAH),
    REG(RDBAL),
    REG(RDH),
    REG(RDLEN),
    REG(RDT),
    REG(STATUS),
    REG(SWSM),
    REG(TCTL),
    REG(TDBAH),
    REG(TDBAL),
    REG(TDH),
    REG(TDLEN),
    REG(TDT),
    REG(TORH),
    REG(TORL),
    REG(TOTH),
    REG(TOTL),
    REG(TPR),
    REG(TPT),
    REG(TXDCTL),
    REG(WUFC),
    REG(VET),
    REGS(E1000_RA, 32),
    REGS(E1000_MTA, 128),
    REGS(E1000_VFTA, 128),
    F_END,
};
static const Record *const subsections[] = { &mit_record, &full_record, &tso_record, NULL };
static const Record e1000_record = {
    .name = "e1000",
    .version = 2,
    .min_version = 2,
    .size = sizeof(E1000Saved),
    .fields = e1000_fields,
    .subsections = subsections,
};

static void save(void *owner, void *saved)
{
    E1000 *s = owner;
    E1000Saved *out = saved;
    uint32_t rctl = s->mac[E1000_RCTL / 4];

    pci_device_save(&s->pci, &out->pci);
    out->rxbuf_size = rctl ? e1000_buffer_bytes(rctl) : 0;
    out->rxbuf_min_shift = RCTL_RDMTS(rctl) + 1;
    out->eecd = s->eecd;
    out->props = s->tx.props;
    out->tso = s->tx.tso;
    out->tx_size = s->tx.size;
    out->tso_frames = s->tx.tso_frames;
    out->sum_needed = s->tx.sum_needed;
    memcpy(out->header, s->tx.header, sizeof(out->header));
    memcpy(out->data, s->tx.data, sizeof(out->data));
    memcpy(out->eeprom, s->eeprom, sizeof(out->eeprom));
    memcpy(out->phy, s->phy, sizeof(out->phy));
    memcpy(out->mac, s->mac, sizeof(out->mac));
    memcpy(out->alone, s->mac, sizeof(out->alone));
    out->mit_irq_level = s->irq_raised;
}

/* The registers that @fields name: the same alone as among all? */
static bool check_registers(const E1000Saved *in, const Field *fields, GError **error)
{
    for (const Field *f = fields; f->kind != FIELD_END; f++) {
        size_t first = (f->offset - offsetof(E1000Saved, alone)) / 4;

        if (f->offset < offsetof(E1000Saved, alone) || first >= E1000_REG_WORDS) {
            continue;
        }
        for (size_t i = first; i < first + MAX(f->count, 1u); i++) {
            if (in->alone[i] != in->mac[i]) {
                g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                            "register 0x%zx is 0x%x alone and 0x%x among all", i * 4, in->alone[i],
                            in->mac[i]);
                return false;
            }
        }
    }
    return true;
}

static bool check(void *owner, const void *saved, GError **error)
{
    const E1000Saved *in = saved;

    if (in->has_all &&
        (!check_registers(in, e1000_fields, error) || !check_registers(in, mit_fields, error))) {
        return false;
    }
    return pci_device_check(owner, &in->pci, error);
}

/* Any value of a register is one that a guest could have written, and is checked where it is used;
   buffer size and threshold follow from RCTL. */
static void install(void *owner, const void *saved)
{
    E1000 *s = owner;
    const E1000Saved *in = saved;

    pci_device_install(&s->pci, &in->pci);
    s->eecd = in->eecd;
    e1000_tx_drop(&s->tx);
    s->tx.props = in->props;
    s->tx.tso = in->has_tso ? in->tso : in->props;
    s->tx.size = in->tx_size;
    s->tx.tso_frames = in->tso_frames;
    s->tx.sum_needed = in->sum_needed;
    memcpy(s->tx.header, in->header, sizeof(in->header));
    memcpy(s->tx.data, in->data, sizeof(in->data));
    memcpy(s->eeprom, in->eeprom, sizeof(s->eeprom));
    memcpy(s->phy, in->phy, sizeof(s->phy));
    memcpy(s->mac, in->has_all ? in->mac : in->alone, sizeof(s->mac));
    s->irq_raised = in->mit_irq_level;
}

static void installed(void *owner)
{
    e1000_resume(owner);
}

static const SectionOps section_ops = { save, check, install, installed };
const SectionDesc e1000_section = { .record = &e1000_record, .ops = &section_ops };
