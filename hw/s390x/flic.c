/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floating interrupt controller: interruptions that any CPU may take.
 *
 * At most one I/O interruption a subchannel and one adapter interruption an ISC are pending; the
 * service signal collects its parameters until it is taken. VM lock held for everything.
 *
 * What is pending travels in the subsection "qemu-s390-flic-full", whose name lacks the separator that
 * would show whose it is; machine types before version 9.1 did not have it, so a property leaves it out.
 */
#include <inttypes.h>

#include "exec/engine.h"
#include "s390-priv.h"

typedef struct IoIrq {
    uint32_t id, parm, word;
} IoIrq;

/* ---- saved form ---- */
typedef struct {
    uint16_t id, nr;
    uint32_t parm, word;
} IoSaved;

typedef struct {
    uint8_t simm, nimm;
    uint32_t pending, service_param;
    GPtrArray *io[8]; /* IoSaved */
    bool has_full;
    bool sends_full; /* not on the wire */
} FlicSaved;

#define SAVED_CHANNEL_REPORT 0x100u
#define SAVED_SERVICE        0x200u /* below: 0x80 >> isc */
#define SAVED_PENDING        0x3ffu
#define IO_PENDING_MAX       65536u
#define WORD_ADAPTER         0x80000000u

struct Flic {
    Device dev; /* first */
    bool migrate_all_state;
    Section *section;
    Vm *vm;
    GArray *io[8];    /* IoIrq by interruption subclass, oldest first */
    uint8_t adapters; /* bit 0x80 >> isc */
    uint8_t single;   /* subclasses in single mode, likewise */
    uint8_t had_one;  /* ... and that have had their one */
    bool service, channel_report;
    uint32_t service_params;
};

void flic_reset(Flic *f)
{
    for (int i = 0; i < 8; i++) {
        g_array_set_size(f->io[i], 0);
    }
    f->adapters = f->single = f->had_one = 0;
    f->service = f->channel_report = false;
    f->service_params = 0;
}

static void changed(Flic *f)
{
    if (f->vm->accel) {
        s390_cpus_kick_floating((ExecEngine *)f->vm->accel);
    }
}

void flic_clear_io(Flic *f, uint32_t id)
{
    for (int isc = 0; isc < 8; isc++) {
        for (guint k = 0; k < f->io[isc]->len; k++) {
            if (g_array_index(f->io[isc], IoIrq, k).id == id) {
                g_array_remove_index(f->io[isc], k);
                return;
            }
        }
    }
}

void flic_inject_io(Flic *f, uint32_t id, uint32_t parm, uint32_t word)
{
    IoIrq irq = { id, parm, word };

    flic_clear_io(f, id);
    g_array_append_val(f->io[word >> 27 & 7], irq);
    changed(f);
}

void flic_inject_adapter(Flic *f, uint8_t isc)
{
    f->adapters |= 0x80 >> (isc & 7);
    changed(f);
}

void flic_inject_suppressible(Flic *f, uint8_t isc)
{
    uint8_t bit = 0x80 >> (isc & 7);

    if (f->single & f->had_one & bit) {
        return;
    }
    f->had_one |= f->single & bit;
    flic_inject_adapter(f, isc);
}

void flic_set_suppression(Flic *f, uint8_t isc, bool single)
{
    uint8_t bit = 0x80 >> (isc & 7);

    f->single = single ? f->single | bit : f->single & ~bit;
    f->had_one &= ~bit;
}

void flic_inject_service(Flic *f, uint32_t params)
{
    /* an SCCB address replaces, the event bits collect */
    f->service_params =
        params & ~7u ? params | (f->service_params & 7) : f->service_params | params;
    f->service = true;
    changed(f);
}

void flic_inject_channel_report(Flic *f)
{
    f->channel_report = true;
    changed(f);
}

bool flic_io_pending(const Flic *f, uint8_t mask)
{
    for (int isc = 0; isc < 8; isc++) {
        if (mask & 0x80 >> isc && (f->io[isc]->len || f->adapters & 0x80 >> isc)) {
            return true;
        }
    }
    return false;
}

bool flic_io_take(Flic *f, uint8_t mask, uint32_t *id, uint32_t *parm, uint32_t *word)
{
    for (int isc = 0; isc < 8; isc++) {
        if (!(mask & 0x80 >> isc)) {
            continue;
        }
        if (f->adapters & 0x80 >> isc) {
            f->adapters &= ~(0x80 >> isc);
            *id = *parm = 0;
            *word = 0x80000000u | (uint32_t)isc << 27;
            return true;
        }
        if (f->io[isc]->len) {
            IoIrq irq = g_array_index(f->io[isc], IoIrq, 0);
            g_array_remove_index(f->io[isc], 0);
            *id = irq.id;
            *parm = irq.parm;
            *word = irq.word;
            return true;
        }
    }
    return false;
}

bool flic_service_pending(const Flic *f)
{
    return f->service;
}

uint32_t flic_service_take(Flic *f)
{
    uint32_t params = f->service_params;

    f->service = false;
    f->service_params = 0;
    return params;
}

bool flic_mcheck_pending(const Flic *f)
{
    return f->channel_report;
}

bool flic_mcheck_take(Flic *f)
{
    bool was = f->channel_report;

    f->channel_report = false;
    return was;
}

/* ---- record description ---- */

static const Field io_fields[] = {
    F_U16(IoSaved, id), F_U16(IoSaved, nr), F_U32(IoSaved, parm), F_U32(IoSaved, word), F_END,
};
static const Record io_record = {
    .name = "qemu-s390-flic-io",
    .version = 1,
    .min_version = 1,
    .size = sizeof(IoSaved),
    .fields = io_fields,
};

#define IO_LIST(n)                                                                      \
    {                                                                                   \
        .name = "io[" #n "]", .kind = FIELD_LIST, .offset = offsetof(FlicSaved, io[n]), \
        .size = sizeof(GPtrArray *), .max_len = IO_PENDING_MAX, .record = &io_record    \
    }
static const Field full_fields[] = {
    F_U32(FlicSaved, pending, .max = SAVED_PENDING),
    F_U32(FlicSaved, service_param),
    IO_LIST(0),
    IO_LIST(1),
    IO_LIST(2),
    IO_LIST(3),
    IO_LIST(4),
    IO_LIST(5),
    IO_LIST(6),
    IO_LIST(7),
    F_END,
};

static bool full_needed(const void *saved)
{
    return ((const FlicSaved *)saved)->sends_full;
}

static const Record full_record = {
    .name = "qemu-s390-flic-full",
    .version = 1,
    .min_version = 1,
    .size = sizeof(FlicSaved),
    .fields = full_fields,
    .needed = full_needed,
    .gate = full_needed,
    .present_offset = offsetof(FlicSaved, has_full),
    .has_present = true,
    .legacy_name = true,
};
static const Record *const flic_subsections[] = { &full_record, NULL };
static const Field flic_fields[] = { F_U8(FlicSaved, simm), F_U8(FlicSaved, nimm), F_END };
static const Record flic_record = {
    .name = "qemu-s390-flic",
    .version = 1,
    .min_version = 1,
    .size = sizeof(FlicSaved),
    .fields = flic_fields,
    .subsections = flic_subsections,
};
static void save_io(const Flic *f, FlicSaved *s, unsigned isc)
{
    s->io[isc] = g_ptr_array_new();
    if (f->adapters & 0x80 >> isc) {
        IoSaved *one = g_new0(IoSaved, 1);
        one->word = WORD_ADAPTER | (uint32_t)isc << 27;
        g_ptr_array_add(s->io[isc], one);
    }
    for (guint k = 0; k < f->io[isc]->len; k++) {
        const IoIrq *irq = &g_array_index(f->io[isc], IoIrq, k);
        IoSaved *one = g_new0(IoSaved, 1);
        *one = (IoSaved){ irq->id >> 16, irq->id, irq->parm, irq->word };
        g_ptr_array_add(s->io[isc], one);
    }
    s->pending |= s->io[isc]->len ? 0x80u >> isc : 0;
}

static void flic_save(void *owner, void *saved)
{
    const Flic *f = owner;
    FlicSaved *s = saved;

    s->simm = f->single;
    s->nimm = f->had_one;
    s->sends_full = f->migrate_all_state;
    s->pending = (f->service ? SAVED_SERVICE : 0) | (f->channel_report ? SAVED_CHANNEL_REPORT : 0);
    s->service_param = f->service_params;
    for (unsigned isc = 0; f->migrate_all_state && isc < 8; isc++) {
        save_io(f, s, isc); /* else nobody would free the lists */
    }
}

static bool flic_check(void *owner, const void *saved, GError **error)
{
    const FlicSaved *s = saved;

    if (s->nimm & ~s->simm) {
        g_set_error(
            error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
            "adapter interruptions of subclasses 0x%02x are suppressed, but only 0x%02x may be",
            s->nimm, s->simm);
        return false;
    }
    for (unsigned isc = 0; s->has_full && isc < 8; isc++) {
        for (guint k = 0; k < s->io[isc]->len; k++) {
            const IoSaved *one = g_ptr_array_index(s->io[isc], k);
            if ((one->word >> 27 & 7) != isc) {
                g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                            "an interruption of subclass %u is in the list of %u",
                            one->word >> 27 & 7, isc);
                return false;
            }
        }
    }
    return true;
}

static void flic_install(void *owner, const void *saved)
{
    Flic *f = owner;
    const FlicSaved *s = saved;

    flic_reset(f);
    f->single = s->simm;
    f->had_one = s->nimm;
    if (!s->has_full) {
        return;
    }
    f->service = s->pending & SAVED_SERVICE;
    f->channel_report = s->pending & SAVED_CHANNEL_REPORT;
    f->service_params = f->service ? s->service_param : 0;
    for (unsigned isc = 0; isc < 8; isc++) {
        for (guint k = 0; k < s->io[isc]->len; k++) {
            const IoSaved *one = g_ptr_array_index(s->io[isc], k);
            IoIrq irq = { (uint32_t)one->id << 16 | one->nr, one->parm, one->word };
            if (one->word & WORD_ADAPTER) {
                f->adapters |= 0x80 >> isc;
            } else {
                g_array_append_val(f->io[isc], irq);
            }
        }
    }
}

static void flic_installed(void *owner)
{
    changed(owner);
}

static const SectionOps flic_section_ops = {
    .save = flic_save,
    .check = flic_check,
    .install = flic_install,
    .installed = flic_installed,
};
static const SectionDesc flic_section = { .record = &flic_record, .ops = &flic_section_ops };

/* ---- life ---- */

static void flic_init(Object *obj)
{
    Flic *f = (Flic *)obj;

    f->vm = obj->vm;
    for (int i = 0; i < 8; i++) {
        f->io[i] = g_array_new(FALSE, FALSE, sizeof(IoIrq));
    }
}

static void flic_finalize(Object *obj)
{
    for (int i = 0; i < 8; i++) {
        g_array_free(((Flic *)obj)->io[i], TRUE);
    }
}

void flic_register(Flic *f)
{
    f->section = section_register(f->vm, NULL, &flic_section, 0, f);
}

static void flic_unrealize(Device *dev)
{
    Flic *f = (Flic *)dev;

    if (f->section) {
        section_unregister(f->vm, f->section);
        f->section = NULL;
    }
}

static const Property flic_props[] = {
    PROP(PROP_BOOL, Flic, migrate_all_state, "migrate-all-state", "on"),
    PROP_END,
};
static const DeviceOps flic_ops = {
    .category = DEVICE_CATEGORY_MISC,
    .unrealize = flic_unrealize,
};

const TypeInfo s390_flic_types[] = {
    { .name = TYPE_FLIC,
      .parent = "device",
      .instance_size = sizeof(Flic),
      .props = flic_props,
      .ops = &flic_ops,
      .init = flic_init,
      .finalize = flic_finalize },
};
const size_t s390_flic_types_count = G_N_ELEMENTS(s390_flic_types);
