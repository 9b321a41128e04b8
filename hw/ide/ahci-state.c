/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What streams carry of an AHCI controller: record "ich9_ahci". */
#include <string.h>

#include "ahci-priv.h"

typedef struct {
    uint32_t sector_count;
    uint64_t lba;
    uint8_t tag, cmd, slot;
    bool used, halt;
} NcqSaved;

typedef struct {
    IdeBusSaved port;
    IdeUnitSaved unit;
    uint32_t port_state, finished;
    AhciPortRegs regs;
    bool done_first_drq, init_d2h_sent;
    int32_t busy_slot;
    NcqSaved ncq_tfs[AHCI_SLOTS];
} PortSaved;

typedef struct {
    PortSaved dev[AHCI_PORTS];
    uint32_t cap, ghc, irqstatus, impl, version, idp_index;
    int32_t ports;
} HbaSaved;

typedef struct {
    PciDeviceSaved parent_obj;
    HbaSaved ahci;
} AhciSaved;

/* ---- record ---- */

static const Field ncq_fields[] = {
    F_U32(NcqSaved, sector_count),
    F_U64(NcqSaved, lba),
    F_U8(NcqSaved, tag, .min = 0, .max = AHCI_SLOTS - 1),
    F_U8(NcqSaved, cmd),
    F_U8(NcqSaved, slot, .min = 0, .max = AHCI_SLOTS - 1),
    F_BOOL(NcqSaved, used),
    F_BOOL(NcqSaved, halt),
    F_END,
};
static const Record ncq_record = {
    .name = "ncq state",
    .version = 1,
    .min_version = 0,
    .size = sizeof(NcqSaved),
    .fields = ncq_fields,
};

#define F_REG(member_, name_) F_U32(PortSaved, regs.member_, .name = "port_regs." name_)
static const Field port_fields[] = {
    F_STRUCT(PortSaved, port, ide_bus_record, .since = 1),
    F_STRUCT(PortSaved, unit, ide_unit_record, .name = "port.ifs[0]", .since = 1),
    F_U32(PortSaved, port_state),
    F_U32(PortSaved, finished),
    F_REG(clb, "lst_addr"),
    F_REG(clbu, "lst_addr_hi"),
    F_REG(fb, "fis_addr"),
    F_REG(fbu, "fis_addr_hi"),
    F_REG(is, "irq_stat"),
    F_REG(ie, "irq_mask"),
    F_REG(cmd, "cmd"),
    F_REG(tfd, "tfdata"),
    F_REG(sig, "sig"),
    F_REG(ssts, "scr_stat"),
    F_REG(sctl, "scr_ctl"),
    F_REG(serr, "scr_err"),
    F_REG(sact, "scr_act"),
    F_REG(ci, "cmd_issue"),
    F_BOOL(PortSaved, done_first_drq),
    F_I32(PortSaved, busy_slot, .min = (uint64_t)-1, .max = AHCI_SLOTS - 1),
    F_BOOL(PortSaved, init_d2h_sent),
    F_STRUCT_ARRAY(PortSaved, ncq_tfs, ncq_record, .since = 1),
    F_END,
};
static const Record port_record = {
    .name = "ahci port",
    .version = 1,
    .min_version = 0,
    .size = sizeof(PortSaved),
    .fields = port_fields,
};

static const Field hba_fields[] = {
    F_STRUCT_ARRAY(HbaSaved, dev, port_record),
    F_U32(HbaSaved, cap, .name = "control_regs.cap", .flags = FIELD_EQUAL),
    F_U32(HbaSaved, ghc, .name = "control_regs.ghc"),
    F_U32(HbaSaved, irqstatus, .name = "control_regs.irqstatus"),
    F_U32(HbaSaved, impl, .name = "control_regs.impl", .flags = FIELD_EQUAL),
    F_U32(HbaSaved, version, .name = "control_regs.version"),
    F_U32(HbaSaved, idp_index),
    F_I32(HbaSaved, ports, .flags = FIELD_EQUAL),
    F_END,
};
static const Record hba_record = {
    .name = "ahci",
    .version = 1,
    .min_version = 0,
    .size = sizeof(HbaSaved),
    .fields = hba_fields,
};

static const Field ahci_fields[] = {
    F_PCI_DEVICE(AhciSaved, parent_obj),
    F_STRUCT(AhciSaved, ahci, hba_record),
    F_END,
};
static const Record ahci_record = {
    .name = "ich9_ahci",
    .version = 1,
    .min_version = 0,
    .size = sizeof(AhciSaved),
    .fields = ahci_fields,
};

/* ---- save, check, install ---- */

static void save_port(const AhciPort *p, PortSaved *s)
{
    ide_bus_save(&p->bus, &s->port);
    ide_unit_save(&p->bus.units[0], &s->unit);
    s->regs = p->r;
    s->finished = p->finished;
    s->done_first_drq = p->done_first_drq;
    s->init_d2h_sent = p->init_d2h_sent;
    s->busy_slot = p->busy_slot;
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        const AhciNcq *n = &p->ncq[i];

        s->ncq_tfs[i] = (NcqSaved){ n->count, n->lba, n->tag, n->cmd, n->slot, n->used, n->halt };
    }
}

static void save(void *owner, void *saved)
{
    Ahci *hba = owner;
    AhciSaved *s = saved;

    pci_device_save(&hba->pci, &s->parent_obj);
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        save_port(&hba->ports[i], &s->ahci.dev[i]);
    }
    s->ahci.cap = hba->cap;
    s->ahci.ghc = hba->ghc;
    s->ahci.irqstatus = hba->is;
    s->ahci.impl = hba->impl;
    s->ahci.version = hba->version;
    s->ahci.idp_index = hba->idp_index;
    s->ahci.ports = AHCI_PORTS;
}

static bool refuse(unsigned port, const char *what, uint64_t value, GError **error)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "AHCI port %u: %s (%" G_GUINT64_FORMAT ")", port, what, value);
    return false;
}

static bool check_port(const AhciPort *p, const PortSaved *s, GError **error)
{
    const IdeUnit *u = &p->bus.units[0];

    if (!ide_bus_check(&p->bus, &s->port, error) || !ide_unit_check(u, &s->unit, error)) {
        g_prefix_error(error, "port %u: ", p->index);
        return false;
    }
    if (s->port.unit) {
        return refuse(p->index, "a second unit is selected", s->port.unit, error);
    }
    if (s->busy_slot >= 0 && !ide_unit_present(u)) {
        return refuse(p->index, "a command of a port without a drive", (uint64_t)s->busy_slot,
                      error);
    }
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        const NcqSaved *n = &s->ncq_tfs[i];

        if (!n->used) {
            continue;
        }
        if (u->kind != IDE_KIND_DISK || !ahci_is_ncq(n->cmd) || n->tag != i) {
            return refuse(p->index, "a queued command that cannot be", i, error);
        }
        if (!n->halt) {
            return refuse(p->index, "a queued command that neither runs nor waits", i, error);
        }
        if (!n->sector_count || n->sector_count > 65536 ||
            !ide_range_ok(u, n->lba, n->sector_count)) {
            return refuse(p->index, "a queued command beyond the disk", n->lba, error);
        }
    }
    return true;
}

static bool check(void *owner, const void *saved, GError **error)
{
    Ahci *hba = owner;
    const AhciSaved *s = saved;

    if (!pci_device_check(&hba->pci, &s->parent_obj, error)) {
        return false;
    }
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        if (!check_port(&hba->ports[i], &s->ahci.dev[i], error)) {
            return false;
        }
    }
    return true;
}

static void install_port(AhciPort *p, const PortSaved *s)
{
    ide_unit_install(&p->bus.units[0], &s->unit);
    ide_bus_install(&p->bus, &s->port);
    p->r = s->regs;
    p->finished = s->finished;
    p->done_first_drq = s->done_first_drq;
    p->init_d2h_sent = s->init_d2h_sent;
    p->busy_slot = s->busy_slot;
    p->halted = (p->r.tfd & ST_ERR) && (p->r.ci || p->r.sact);
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        const NcqSaved *n = &s->ncq_tfs[i];

        p->ncq[i] = (AhciNcq){ .port = p,
                               .used = n->used,
                               .halt = n->used,
                               .cmd = n->cmd,
                               .tag = n->tag,
                               .slot = n->slot,
                               .count = n->sector_count,
                               .lba = n->lba };
    }
}

static void install(void *owner, const void *saved)
{
    Ahci *hba = owner;
    const AhciSaved *s = saved;

    pci_device_install(&hba->pci, &s->parent_obj);
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        install_port(&hba->ports[i], &s->ahci.dev[i]);
    }
    hba->ghc = s->ahci.ghc & ~1u;
    hba->is = s->ahci.irqstatus;
    hba->idp_index = s->ahci.idp_index & 0xffc;
}

static const SectionOps ops = { save, check, install, NULL };
const SectionDesc ahci_section = { .record = &ahci_record, .ops = &ops };
