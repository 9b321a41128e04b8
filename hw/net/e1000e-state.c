/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migrated state of the 82574L: record "e1000e" version 1. */
#include <string.h>

#include "e1000e-priv.h"

#define MSIX_TABLE_BYTES (16 * E1000E_VECTORS)

typedef struct {
    int64_t expire;
    bool running;
} SavedTimer;
typedef struct {
    uint8_t sum_needed;
    E1000Context props;
    bool cptse, skip;
} SavedTx;
typedef struct {
    PciDeviceSaved pci;
    uint8_t msix_table[MSIX_TABLE_BYTES], msix_pba[1];
    uint32_t ioaddr, rxbuf_min_shift, rxbuf_sizes[4], rx_desc_buf_size;
    uint8_t rx_desc_len, permanent_mac[6];
    uint16_t eeprom[64], phy[E1000E_PHY_WORDS], subsys, subsys_ven, vet;
    uint32_t mac[E1000_REG_WORDS], delayed_causes;
    SavedTimer delay[DELAY_COUNT], itr, eitr[E1000E_VECTORS];
    uint32_t itr_guest_value, eitr_guest_value[E1000E_VECTORS];
    SavedTx tx[E1000E_QUEUES];
    int64_t timadj;
} E1000eSaved;

static const Field timer_fields[] = {
    F_TIMER(SavedTimer, expire, .name = "timer"),
    F_BOOL(SavedTimer, running),
    F_END,
};
static const Record timer_record = { .name = "e1000e-intr-timer",
                                     .version = 1,
                                     .min_version = 1,
                                     .size = sizeof(SavedTimer),
                                     .fields = timer_fields };

#define CONTEXT(m, kind_)                                                           \
    {                                                                               \
        .name = "props." #m, .kind = (kind_), .offset = offsetof(SavedTx, props.m), \
        .size = sizeof(((SavedTx *)0)->props.m)                                     \
    }
static const Field tx_fields[] = {
    F_U8(SavedTx, sum_needed),
    CONTEXT(ipcss, FIELD_U8),
    CONTEXT(ipcso, FIELD_U8),
    CONTEXT(ipcse, FIELD_U16),
    CONTEXT(tucss, FIELD_U8),
    CONTEXT(tucso, FIELD_U8),
    CONTEXT(tucse, FIELD_U16),
    CONTEXT(hdr_len, FIELD_U8),
    CONTEXT(mss, FIELD_U16),
    CONTEXT(paylen, FIELD_U32),
    CONTEXT(ip, FIELD_I8),
    CONTEXT(tcp, FIELD_I8),
    CONTEXT(tse, FIELD_BOOL),
    F_BOOL(SavedTx, cptse),
    F_BOOL(SavedTx, skip, .name = "skip_cp"),
    F_END,
};
static const Record tx_record = { .name = "e1000e-tx",
                                  .version = 1,
                                  .min_version = 1,
                                  .size = sizeof(SavedTx),
                                  .fields = tx_fields };

static const Field msix_fields[] = {
    F_BUFFER(E1000eSaved, msix_table),
    F_BUFFER(E1000eSaved, msix_pba),
    F_END,
};
static const Record msix_record = { .name = "msix",
                                    .version = 1,
                                    .min_version = 1,
                                    .size = sizeof(E1000eSaved),
                                    .fields = msix_fields };

#define CORE(kind_, m, ...) F_ARRAY(kind_, E1000eSaved, m, .name = "core." #m, ##__VA_ARGS__)
#define TIMER(wire, m)                                                                  \
    {                                                                                   \
        .name = "core." wire, .kind = FIELD_STRUCT, .offset = offsetof(E1000eSaved, m), \
        .size = sizeof(SavedTimer), .record = &timer_record                             \
    }
static const Field e1000e_fields[] = {
    F_PCI_DEVICE(E1000eSaved, pci),
    { .name = "parent_obj",
      .kind = FIELD_STRUCT,
      .offset = 0,
      .size = sizeof(E1000eSaved),
      .record = &msix_record },
    F_U32(E1000eSaved, ioaddr),
    F_U32(E1000eSaved, rxbuf_min_shift, .name = "core.rxbuf_min_shift"),
    F_U8(E1000eSaved, rx_desc_len, .name = "core.rx_desc_len"),
    CORE(FIELD_U32, rxbuf_sizes),
    F_U32(E1000eSaved, rx_desc_buf_size, .name = "core.rx_desc_buf_size"),
    CORE(FIELD_U16, eeprom),
    CORE(FIELD_U16, phy),
    CORE(FIELD_U32, mac),
    CORE(FIELD_U8, permanent_mac),
    F_U32(E1000eSaved, delayed_causes, .name = "core.delayed_causes"),
    F_U16(E1000eSaved, subsys),
    F_U16(E1000eSaved, subsys_ven),
    TIMER("rdtr", delay[DELAY_RDTR]),
    TIMER("radv", delay[DELAY_RADV]),
    TIMER("raid", delay[DELAY_RAID]),
    TIMER("tadv", delay[DELAY_TADV]),
    TIMER("tidv", delay[DELAY_TIDV]),
    TIMER("itr", itr),
    F_UNUSED(1),
    F_STRUCT_ARRAY(E1000eSaved, eitr, timer_record, .name = "core.eitr"),
    F_UNUSED(E1000E_VECTORS),
    F_U32(E1000eSaved, itr_guest_value, .name = "core.itr_guest_value", .max = 0xffff),
    CORE(FIELD_U32, eitr_guest_value, .max = 0xffff),
    F_U16(E1000eSaved, vet, .name = "core.vet"),
    F_STRUCT_ARRAY(E1000eSaved, tx, tx_record, .name = "core.tx"),
    F_I64(E1000eSaved, timadj, .name = "core.timadj"),
    F_END,
};
static const Record e1000e_record = {
    .name = "e1000e",
    .version = 1,
    .min_version = 1,
    .size = sizeof(E1000eSaved),
    .fields = e1000e_fields,
};

static SavedTimer timer_save(const Timer *timer)
{
    return timer_pending(timer) ? (SavedTimer){ timer_expire_ns(timer), true }
                                : (SavedTimer){ -1, false };
}

static void timer_install(Timer *timer, const SavedTimer *saved)
{
    timer_cancel(timer);
    if (saved->running && saved->expire >= 0) {
        timer_arm(timer, saved->expire);
    }
}

static void save_layout(const E1000e *s, E1000eSaved *out)
{
    E1000eLayout l = e1000e_layout(s->mac);

    out->rxbuf_min_shift = RCTL_RDMTS(s->mac[E1000_RCTL / 4]) + 5; /* of bytes, not descriptors */
    if (s->mac[E1000_RCTL / 4]) {
        out->rx_desc_len = (uint8_t)l.desc_bytes;
        memcpy(out->rxbuf_sizes, l.sizes, sizeof(out->rxbuf_sizes));
        out->rx_desc_buf_size = l.total;
    }
}

static void save(void *owner, void *saved)
{
    E1000e *s = owner;
    E1000eSaved *out = saved;

    pci_device_save(&s->pci, &out->pci);
    msix_save(&s->pci, out->msix_table, out->msix_pba);
    out->ioaddr = s->ioaddr;
    save_layout(s, out);
    memcpy(out->eeprom, s->eeprom, sizeof(out->eeprom));
    memcpy(out->phy, s->phy, sizeof(out->phy));
    memcpy(out->mac, s->mac, sizeof(out->mac));
    memcpy(out->permanent_mac, s->mac_address, 6);
    out->delayed_causes = s->delayed_causes;
    out->subsys = s->subsys;
    out->subsys_ven = s->subsys_ven;
    for (unsigned i = 0; i < DELAY_COUNT; i++) {
        out->delay[i] = timer_save(s->delay[i]);
    }
    out->itr = timer_save(s->itr);
    for (unsigned i = 0; i < E1000E_VECTORS; i++) {
        out->eitr[i] = timer_save(s->eitr[i]);
        out->eitr_guest_value[i] = s->eitr_written[i];
    }
    out->itr_guest_value = s->itr_written;
    out->vet = (uint16_t)s->mac[E1000_VET / 4];
    for (unsigned i = 0; i < E1000E_QUEUES; i++) {
        const E1000Tx *tx = &s->tx[i];

        out->tx[i] =
            (SavedTx){ tx->sum_needed, tx->last_tso ? tx->tso : tx->props, tx->cptse, tx->skip };
    }
    out->timadj = s->timadj;
}

static bool check(void *owner, const void *saved, GError **error)
{
    E1000e *s = owner;
    const E1000eSaved *in = saved;

    if (in->subsys != s->subsys || in->subsys_ven != s->subsys_ven) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "subsystem %04x:%04x in the stream, %04x:%04x here", in->subsys_ven, in->subsys,
                    s->subsys_ven, s->subsys);
        return false;
    }
    return pci_device_check(&s->pci, &in->pci, error);
}

/* Bytes of a packet that was not complete do not travel: the driver's last descriptor sends what
   came after. Buffer sizes follow from the registers, the tag's type from VET. */
static void install(void *owner, const void *saved)
{
    E1000e *s = owner;
    const E1000eSaved *in = saved;

    pci_device_install(&s->pci, &in->pci);
    msix_load(&s->pci, in->msix_table, in->msix_pba);
    s->ioaddr = in->ioaddr;
    memcpy(s->mac_address, in->permanent_mac, 6);
    memcpy(s->eeprom, in->eeprom, sizeof(s->eeprom));
    memcpy(s->phy, in->phy, sizeof(s->phy));
    memcpy(s->mac, in->mac, sizeof(s->mac));
    s->delayed_causes = in->delayed_causes;
    s->held = UINT32_MAX; /* not known: once too often does no harm */
    for (unsigned i = 0; i < DELAY_COUNT; i++) {
        timer_install(s->delay[i], &in->delay[i]);
    }
    timer_install(s->itr, &in->itr);
    for (unsigned i = 0; i < E1000E_VECTORS; i++) {
        timer_install(s->eitr[i], &in->eitr[i]);
        s->eitr_written[i] = in->eitr_guest_value[i];
    }
    s->itr_written = in->itr_guest_value;
    for (unsigned i = 0; i < E1000E_QUEUES; i++) {
        E1000Tx *tx = &s->tx[i];

        e1000_tx_drop(tx);
        tx->props = tx->tso = in->tx[i].props;
        tx->last_tso = in->tx[i].props.tse;
        tx->sum_needed = in->tx[i].sum_needed;
        tx->cptse = in->tx[i].cptse;
        tx->skip = in->tx[i].skip;
    }
    s->timadj = in->timadj;
}

static void installed(void *owner)
{
    e1000e_resume(owner);
}

static const SectionOps section_ops = { save, check, install, installed };
const SectionDesc e1000e_section = { .record = &e1000e_record, .ops = &section_ops };
