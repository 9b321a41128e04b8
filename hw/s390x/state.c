/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The board's own migrated state: storage keys, storage attributes, TOD clock, IPL parameters and, in
 * version 3, the PCI host of a machine without PCI devices.
 *
 * Storage attributes (CMMA) are offered to no guest, so their section says that there are none; one
 * that has some is refused. The PCI host's registers are kept as they came.
 */
#include <string.h>

#include "s390-priv.h"

/* ---- storage keys: section "s390-skeys" ---- */

/* A word: address of the first page with flag bits in it, keys, a word with the end's flag. Only the
   last one is there if no key was ever set. */
#define KEYS_END  1u
#define KEYS_MORE 2u

typedef struct {
    uint64_t head, count, end;
    uint8_t *keys;
} KeysSaved;

static bool has_keys(const void *saved, uint32_t version)
{
    return ((const KeysSaved *)saved)->head & KEYS_MORE;
}

static const Field keys_fields[] = {
    F_U64(KeysSaved, head, .min = KEYS_END, .max = KEYS_MORE),
    F_U64(KeysSaved, count, .present = has_keys, .max = 1u << 26),
    { .name = "keys",
      .kind = FIELD_VBUFFER,
      .size = sizeof(uint8_t *),
      .offset = offsetof(KeysSaved, keys),
      .max_len = 1u << 26,
      .count_offset = offsetof(KeysSaved, count), /* its low half */
      .present = has_keys },
    F_U64(KeysSaved, end, .present = has_keys, .min = KEYS_END, .max = KEYS_END),
    F_END,
};
static const Record keys_record = {
    .name = "s390-skeys",
    .version = 1,
    .min_version = 1,
    .size = sizeof(KeysSaved),
    .fields = keys_fields,
};

static bool any_key(const uint8_t *keys, uint64_t n)
{
    for (uint64_t k = 0; k < n; k++) {
        if (keys[k]) {
            return true;
        }
    }
    return false;
}

static void keys_save(void *owner, void *saved)
{
    S390Board *b = &((S390Machine *)owner)->board;
    KeysSaved *s = saved;

    s->head = KEYS_END;
    if (any_key(b->keys, b->n_keys) || s390_keys_recorded(b)) {
        s->head = KEYS_MORE;
        s->count = b->n_keys;
        s->keys = g_memdup2(b->keys, b->n_keys);
        s->end = KEYS_END;
        for (uint64_t k = 0; s390_keys_recorded(b) && k < s->count; k++) {
            s390_key_get(b, k << 12, &s->keys[k]);
        }
    }
}

static bool keys_check(void *owner, const void *saved, GError **error)
{
    const S390Board *b = &((S390Machine *)owner)->board;
    const KeysSaved *s = saved;

    if (has_keys(s, 1) && s->count != b->n_keys) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "%" G_GUINT64_FORMAT " storage keys, but the memory has %" G_GUINT64_FORMAT
                    " pages",
                    s->count, b->n_keys);
        return false;
    }
    for (uint64_t k = 0; has_keys(s, 1) && k < s->count; k++) {
        if (s->keys[k] & 1) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "storage key 0x%02x of page %" G_GUINT64_FORMAT " (bit 0 must be zero)",
                        s->keys[k], k);
            return false;
        }
    }
    return true;
}

static void keys_install(void *owner, const void *saved)
{
    S390Board *b = &((S390Machine *)owner)->board;
    const KeysSaved *s = saved;

    s390_keys_forget(b);
    if (has_keys(s, 1) && any_key(s->keys, s->count)) {
        s390_keys_record(b);
        for (uint64_t k = 0; k < b->n_keys; k++) {
            s390_key_set(b, k << 12, s->keys[k]);
        }
    }
}

static const SectionOps keys_ops = {
    .save = keys_save,
    .check = keys_check,
    .install = keys_install,
};
static const SectionDesc keys_section = { .record = &keys_record, .ops = &keys_ops };

/* ---- storage attributes: a section in parts ---- */

#define ATTRIBUTES_END  1u
#define ATTRIBUTES_DONE 8u

typedef struct {
    uint64_t begin, done, end;
} AttributesSaved;

static const Record attributes_start = {
    .name = "s390-storage_attributes",
    .size = sizeof(AttributesSaved),
    .fields =
        (const Field[]){
            F_U64(AttributesSaved, begin, .min = ATTRIBUTES_END, .max = ATTRIBUTES_END), F_END },
};
static const Record attributes_record = {
    .name = "s390-storage_attributes",
    .size = sizeof(AttributesSaved),
    .fields =
        (const Field[]){
            F_U64(AttributesSaved, done, .min = ATTRIBUTES_DONE, .max = ATTRIBUTES_DONE),
            F_U64(AttributesSaved, end, .min = ATTRIBUTES_END, .max = ATTRIBUTES_END), F_END },
};

static void attributes_save(void *owner, void *saved)
{
    *(AttributesSaved *)saved =
        (AttributesSaved){ ATTRIBUTES_END, ATTRIBUTES_DONE, ATTRIBUTES_END };
}

static void attributes_install(void *owner, const void *saved)
{
}

static const SectionOps attributes_ops = { .save = attributes_save, .install = attributes_install };
static const SectionDesc attributes_section = {
    .record = &attributes_record,
    .start = &attributes_start,
    .ops = &attributes_ops,
};

/* ---- TOD clock ---- */

typedef struct {
    uint8_t present, high;
    uint64_t low;
} TodSaved;

static const Record tod_record = {
    .name = "todclock",
    .version = 1,
    .min_version = 1,
    .size = sizeof(TodSaved),
    .fields = (const Field[]){ F_U8(TodSaved, present, .max = 1), F_U8(TodSaved, high),
                               F_U64(TodSaved, low), F_END },
};

static uint64_t virtual_tod(const S390Machine *m)
{
    return s390_ns_to_tod((uint64_t)clock_now_ns(m->board.vm, CLOCK_KIND_VIRTUAL));
}

static void tod_save(void *owner, void *saved)
{
    S390Machine *m = owner;

    *(TodSaved *)saved = (TodSaved){ .present = 1, .low = m->board.tod_base + virtual_tod(m) };
}

static bool tod_check(void *owner, const void *saved, GError **error)
{
    const TodSaved *s = saved;

    if (!s->present || s->high) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    s->present ? "the TOD clock is in epoch %u (limit 0)"
                               : "the TOD clock has no value (present %u)",
                    s->present ? s->high : s->present);
        return false;
    }
    return true;
}

static void tod_install(void *owner, const void *saved)
{
    ((S390Machine *)owner)->loaded_tod = ((const TodSaved *)saved)->low;
}

/* The virtual clock is there now, and the CPUs' comparators. */
static void tod_installed(void *owner)
{
    S390Machine *m = owner;

    m->board.tod_base = m->loaded_tod - virtual_tod(m);
    for (guint i = 0; i < m->machine.cpus->len; i++) {
        S390Cpu *cpu = s390_cpu_at(&m->machine, i);
        if (cpu) {
            s390_timers_update(cpu);
        }
    }
}

static const SectionOps tod_ops = {
    .save = tod_save,
    .check = tod_check,
    .install = tod_install,
    .installed = tod_installed,
};
static const SectionDesc tod_section = { .record = &tod_record, .ops = &tod_ops };

/* ---- IPL parameters ---- */

typedef struct {
    uint8_t reserved1[110];
    uint16_t devno;
    uint8_t reserved2[88], reserved_ext[S390_IPLB_BYTES - 200];
    bool has_ext;
} IplbSaved;

typedef struct {
    uint64_t start_addr, bios_start_addr;
    IplbSaved iplb;
    bool valid;
    uint8_t cssid, ssid;
    uint16_t devno;
} IplSaved;

static bool iplb_needed(const void *saved)
{
    return saved != NULL;
}

static const Record iplb_extended = {
    .name = "ipl/iplb_extended",
    .size = sizeof(IplbSaved),
    .fields = (const Field[]){ F_BUFFER(IplbSaved, reserved_ext), F_END },
    .needed = iplb_needed,
    .present_offset = offsetof(IplbSaved, has_ext),
    .has_present = true,
    .legacy_name = true,
};
static const Record *const iplb_subsections[] = { &iplb_extended, NULL };
static const Record iplb_record = {
    .name = "ipl/iplb",
    .size = sizeof(IplbSaved),
    .fields = (const Field[]){ F_BUFFER(IplbSaved, reserved1), F_U16(IplbSaved, devno),
                               F_BUFFER(IplbSaved, reserved2), F_END },
    .subsections = iplb_subsections,
};
static const Record ipl_record = {
    .name = "ipl",
    .size = sizeof(IplSaved),
    .fields = (const Field[]){ F_U64(IplSaved, start_addr, .name = "compat_start_addr"),
                               F_U64(IplSaved, bios_start_addr, .name = "compat_bios_start_addr"),
                               F_STRUCT(IplSaved, iplb, iplb_record),
                               F_BOOL(IplSaved, valid, .name = "iplb_valid"), F_U8(IplSaved, cssid),
                               F_U8(IplSaved, ssid), F_U16(IplSaved, devno), F_END },
};

static void ipl_save(void *owner, void *saved)
{
    const S390Ipl *i = &((S390Machine *)owner)->ipl;
    IplSaved *s = saved;

    s->start_addr = i->start_addr;
    s->bios_start_addr = i->bios_start_addr;
    memcpy(s->iplb.reserved1, i->block, sizeof(s->iplb.reserved1));
    s->iplb.devno = i->block[110] << 8 | i->block[111];
    memcpy(s->iplb.reserved2, i->block + 112, sizeof(s->iplb.reserved2));
    memcpy(s->iplb.reserved_ext, i->block + 200, sizeof(s->iplb.reserved_ext));
    s->valid = i->valid;
    s->cssid = i->cssid;
    s->ssid = i->ssid;
    s->devno = i->devno;
}

static void ipl_install(void *owner, const void *saved)
{
    S390Ipl *i = &((S390Machine *)owner)->ipl;
    const IplSaved *s = saved;

    i->start_addr = s->start_addr;
    i->bios_start_addr = s->bios_start_addr;
    memset(i->block, 0, sizeof(i->block));
    memcpy(i->block, s->iplb.reserved1, sizeof(s->iplb.reserved1));
    i->block[110] = s->iplb.devno >> 8;
    i->block[111] = s->iplb.devno;
    memcpy(i->block + 112, s->iplb.reserved2, sizeof(s->iplb.reserved2));
    memcpy(i->block + 200, s->iplb.reserved_ext, sizeof(s->iplb.reserved_ext));
    i->valid = s->valid;
    i->cssid = s->cssid;
    i->ssid = s->ssid;
    i->devno = s->devno;
}

static const SectionOps ipl_ops = { .save = ipl_save, .install = ipl_install };
static const SectionDesc ipl_section = { .record = &ipl_record, .ops = &ipl_ops };

/* ---- the PCI host of version 3 ---- */

static const Record pci_host_record = {
    .name = "PCIHost",
    .version = 1,
    .min_version = 1,
    .size = sizeof(S390PciHost),
    .fields = (const Field[]){ F_U32(S390PciHost, config_reg), F_END },
};
static const Record pci_bus_record = {
    .name = "PCIBUS",
    .version = 1,
    .min_version = 1,
    .size = sizeof(S390PciHost),
    .fields = (const Field[]){ F_I32(S390PciHost, nirq, .flags = FIELD_EQUAL),
                               F_ARRAY(FIELD_I32, S390PciHost, irq_count), F_END },
};

static void pci_save(void *owner, void *saved)
{
    S390PciHost *s = saved;

    *s = ((S390Machine *)owner)->pci;
    s->nirq = S390_PCI_IRQS;
}

static void pci_host_install(void *owner, const void *saved)
{
    ((S390Machine *)owner)->pci.config_reg = ((const S390PciHost *)saved)->config_reg;
}

static void pci_bus_install(void *owner, const void *saved)
{
    S390PciHost *p = &((S390Machine *)owner)->pci;

    memcpy(p->irq_count, ((const S390PciHost *)saved)->irq_count, sizeof(p->irq_count));
}

static const SectionOps pci_host_ops = { .save = pci_save, .install = pci_host_install };
static const SectionOps pci_bus_ops = { .save = pci_save, .install = pci_bus_install };
static const SectionDesc pci_host_section = { .record = &pci_host_record, .ops = &pci_host_ops };
static const SectionDesc pci_bus_section = { .record = &pci_bus_record, .ops = &pci_bus_ops };

/* ---- registration, in the order of the stream ---- */

static void add(S390Machine *m, const SectionDesc *desc)
{
    section_register(m->board.vm, NULL, desc, 0, m);
}

void s390_register_storage(S390Machine *m)
{
    add(m, &keys_section);
    add(m, &attributes_section);
}

void s390_register_ipl(S390Machine *m)
{
    add(m, &ipl_section);
    if (machine_ops(&m->machine)->stream_version < 4) {
        add(m, &pci_host_section);
        add(m, &pci_bus_section);
    }
}

void s390_register_tod(S390Machine *m)
{
    add(m, &tod_section);
}
