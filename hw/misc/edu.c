/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "edu": the educational device 1234:11e8 on which people learn to write drivers. Its BAR 0 identifies itself,
 * inverts a word, computes a factorial, interrupts (INTx or MSI) and moves up to 4 KiB by DMA.
 *
 * A factorial is there as soon as it is asked for: its "computing" bit never reads one. A transfer takes 100 ms of
 * virtual time. A transfer that does not fit the device's buffer moves nothing.
 */
#include "hw/misc/edu.h"
#include "base/core/clock.h"
#include "base/util/log.h"
#include "hw/pci/pci.h"

#define BAR_BYTES       0x100000
#define BUFFER_AT       0x40000ull
#define BUFFER_BYTES    4096
#define IDENTIFICATION  0x010000edu
#define STATUS_IRQ      0x80u
#define IRQ_FACTORIAL   0x001u
#define IRQ_DMA         0x100u
#define DMA_RUN         1u
#define DMA_FROM_DEVICE 2u
#define DMA_IRQ         4u
#define DMA_TIME_NS     100000000ll

enum { /* registers; those from DMA_SOURCE on may be 64 bits wide */
    ID = 0x00,
    LIVENESS = 0x04,
    FACTORIAL = 0x08,
    STATUS = 0x20,
    IRQ_STATUS = 0x24,
    IRQ_RAISE = 0x60,
    IRQ_ACK = 0x64,
    DMA_SOURCE = 0x80,
    DMA_DEST = 0x88,
    DMA_COUNT = 0x90,
    DMA_COMMAND = 0x98,
};

typedef struct {
    PciDeviceSaved dev;
    uint32_t inverted, factorial, status, irq_status;
    uint64_t dma_source, dma_dest, dma_count, dma_command;
    uint8_t buffer[BUFFER_BYTES];
    int64_t timer;
} EduSaved;

typedef struct {
    PciDevice pci; /* first */
    MemoryRegion mr;
    Timer *timer;
    uint64_t dma_mask;
    EduSaved r; /* but for dev and timer */
} Edu;

/* ---- interrupts ---- */

static void signal_cause(Edu *s, uint32_t why)
{
    s->r.irq_status |= why;
    if (!s->r.irq_status) {
        return;
    }
    if (msi_enabled(&s->pci)) {
        msi_notify(&s->pci, 0);
    } else {
        pci_set_irq(&s->pci, 1);
    }
}

static void acknowledge(Edu *s, uint32_t what)
{
    s->r.irq_status &= ~what;
    if (!s->r.irq_status && !msi_enabled(&s->pci)) {
        pci_set_irq(&s->pci, 0);
    }
}

/* ---- factorial ---- */

/* Modulo 2^32; from 34! on all 32 bits are zero. */
static uint32_t factorial(uint32_t n)
{
    uint32_t product = 1;

    if (n >= 34) {
        return 0;
    }
    for (; n > 1; n--) {
        product *= n;
    }
    return product;
}

static void compute(Edu *s, uint32_t n)
{
    s->r.factorial = factorial(n);
    if (s->r.status & STATUS_IRQ) {
        signal_cause(s, IRQ_FACTORIAL);
    }
}

/* ---- DMA ---- */

static bool in_buffer(uint64_t at, uint64_t count)
{
    return at >= BUFFER_AT && count <= BUFFER_BYTES && at - BUFFER_AT <= BUFFER_BYTES - count;
}

static void transfer(Edu *s)
{
    bool out = s->r.dma_command & DMA_FROM_DEVICE;
    uint64_t inside = out ? s->r.dma_source : s->r.dma_dest;
    uint64_t outside = (out ? s->r.dma_dest : s->r.dma_source) & s->dma_mask;

    if (!in_buffer(inside, s->r.dma_count)) {
        log_guest_error("edu: %" G_GUINT64_FORMAT " bytes at 0x%" G_GINT64_MODIFIER
                        "x are not in the buffer (0x%" G_GINT64_MODIFIER "x, %d bytes)\n",
                        s->r.dma_count, inside, (uint64_t)BUFFER_AT, BUFFER_BYTES);
        return;
    }
    uint8_t *at = s->r.buffer + (inside - BUFFER_AT);
    if (out) {
        pci_dma_write(&s->pci, outside, at, s->r.dma_count);
    } else {
        pci_dma_read(&s->pci, outside, at, s->r.dma_count);
    }
}

static void dma_done(void *opaque)
{
    Edu *s = opaque;

    if (!(s->r.dma_command & DMA_RUN)) {
        return;
    }
    transfer(s);
    s->r.dma_command &= ~(uint64_t)DMA_RUN;
    if (s->r.dma_command & DMA_IRQ) {
        signal_cause(s, IRQ_DMA);
    }
}

/* While a transfer runs its registers cannot be written. */
static void dma_register_write(Edu *s, uint64_t *reg, uint64_t value)
{
    if (s->r.dma_command & DMA_RUN) {
        return;
    }
    *reg = value;
    if (reg == &s->r.dma_command && value & DMA_RUN) {
        timer_arm(s->timer, clock_now_ns(device_vm(&s->pci.dev), CLOCK_KIND_VIRTUAL) + DMA_TIME_NS);
    }
}

/* ---- registers ---- */

static uint64_t edu_read(void *opaque, uint64_t addr, unsigned size)
{
    const Edu *s = opaque;

    if (size != 4 && addr < DMA_SOURCE) {
        return UINT64_MAX;
    }
    switch (addr) {
    case ID: return IDENTIFICATION;
    case LIVENESS: return s->r.inverted;
    case FACTORIAL: return s->r.factorial;
    case STATUS: return s->r.status;
    case IRQ_STATUS: return s->r.irq_status;
    case DMA_SOURCE: return s->r.dma_source;
    case DMA_DEST: return s->r.dma_dest;
    case DMA_COUNT: return s->r.dma_count;
    case DMA_COMMAND: return s->r.dma_command;
    default: return UINT64_MAX;
    }
}

static void edu_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Edu *s = opaque;

    if (size != 4 && addr < DMA_SOURCE) {
        return;
    }
    switch (addr) {
    case LIVENESS: s->r.inverted = ~(uint32_t)value; break;
    case FACTORIAL: compute(s, (uint32_t)value); break;
    case STATUS: s->r.status = value & STATUS_IRQ; break;
    case IRQ_RAISE: signal_cause(s, (uint32_t)value); break;
    case IRQ_ACK: acknowledge(s, (uint32_t)value); break;
    case DMA_SOURCE: dma_register_write(s, &s->r.dma_source, value); break;
    case DMA_DEST: dma_register_write(s, &s->r.dma_dest, value); break;
    case DMA_COUNT: dma_register_write(s, &s->r.dma_count, value); break;
    case DMA_COMMAND: dma_register_write(s, &s->r.dma_command, value); break;
    default: break;
    }
}

static const RegionOps edu_ops = {
    .read = edu_read, .write = edu_write, .valid = { 4, 8 }, .impl = { 4, 8 }
};

/* ---- life ---- */

static void edu_reset(PciDevice *pci, ResetKind kind)
{
    Edu *s = (Edu *)pci;

    timer_cancel(s->timer);
    s->r = (EduSaved){ 0 };
}

static bool edu_realize(PciDevice *pci, GError **error)
{
    Edu *s = (Edu *)pci;
    Vm *vm = device_vm(&pci->dev);

    if (!msi_init(pci, 0, 1, true, false, error)) {
        return false;
    }
    s->timer = timer_new(vm, CLOCK_KIND_VIRTUAL, "edu-dma", dma_done, s);
    memory_region_init_io(&s->mr, vm, &pci->dev.obj, &edu_ops, s, "edu-mmio", BAR_BYTES);
    pci_register_bar(pci, 0, 0, &s->mr);
    return true;
}

static void edu_unrealize(PciDevice *pci)
{
    Edu *s = (Edu *)pci;

    g_clear_pointer(&s->timer, timer_free);
    memory_region_clear(&s->mr);
}

/* ---- saved form ---- */

static const Field edu_fields[] = {
    F_PCI_DEVICE(EduSaved, dev), F_U32(EduSaved, inverted),   F_U32(EduSaved, factorial),
    F_U32(EduSaved, status),     F_U32(EduSaved, irq_status), F_U64(EduSaved, dma_source),
    F_U64(EduSaved, dma_dest),   F_U64(EduSaved, dma_count),  F_U64(EduSaved, dma_command),
    F_BUFFER(EduSaved, buffer),  F_TIMER(EduSaved, timer),    F_END,
};
static const Record edu_record = {
    .name = "edu",
    .version = 1,
    .min_version = 1,
    .size = sizeof(EduSaved),
    .fields = edu_fields,
};

static void save(void *owner, void *saved)
{
    Edu *s = owner;
    EduSaved *out = saved;

    *out = s->r;
    pci_device_save(&s->pci, &out->dev);
    out->timer = timer_pending(s->timer) ? timer_expire_ns(s->timer) : -1;
}

static bool check(void *owner, const void *saved, GError **error)
{
    const EduSaved *in = saved;

    if (in->status & ~STATUS_IRQ || !(in->dma_command & DMA_RUN) != (in->timer < 0)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "edu status 0x%x (limit 0x%x), or DMA command 0x%" G_GINT64_MODIFIER
                    "x that does not agree with its timer",
                    in->status, STATUS_IRQ, in->dma_command);
        return false;
    }
    return pci_device_check(owner, &in->dev, error);
}

static void install(void *owner, const void *saved)
{
    Edu *s = owner;

    s->r = *(const EduSaved *)saved;
    pci_device_install(&s->pci, &s->r.dev);
    timer_cancel(s->timer);
    if (s->r.timer >= 0) {
        timer_arm(s->timer, s->r.timer);
    }
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc edu_section = { .record = &edu_record, .ops = &section_ops };

static const Property edu_props[] = {
    PROP(PROP_U64, Edu, dma_mask, "dma_mask", "0xfffffff",
         .description = "address bits that the device drives"),
    PROP_END,
};

static const PciDeviceOps edu_device_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_MISC, .user_creatable = true,
             .section = &edu_section },
    .vendor_id = 0x1234,
    .device_id = 0x11e8,
    .revision = 0x10,
    .class_id = 0x00ff,
    .interrupt_pin = 1,
    .realize = edu_realize,
    .unrealize = edu_unrealize,
    .reset = edu_reset,
};

const TypeInfo edu_types[] = {
    { .name = "edu",
      .parent = TYPE_PCI_DEVICE,
      .description = "device to learn writing drivers with",
      .instance_size = sizeof(Edu),
      .props = edu_props,
      .ops = &edu_device_ops },
};
const size_t edu_types_n = G_N_ELEMENTS(edu_types);
