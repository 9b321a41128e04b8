/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The controller "nvme": registers (chapter 3), reset, shutdown, interrupts, PCI function. The identity and
 * the numbers are those of QEMU 10.0; doorbell buffers, namespace management, formatting and copies are not
 * there, and not announced.
 */
#include <string.h>

#include "base/util/bits.h"
#include "nvme-priv.h"

enum {
    REG_CAP = 0x00,
    REG_VS = 0x08,
    REG_INTMS = 0x0c,
    REG_INTMC = 0x10,
    REG_CC = 0x14,
    REG_CSTS = 0x1c,
    REG_NSSR = 0x20,
    REG_AQA = 0x24,
    REG_ASQ = 0x28,
    REG_ACQ = 0x30,
    REG_DOORBELLS = 0x1000,
};
#define VERSION         0x00010400u
#define CAP_LOW         0x0f010000u /* contiguous queues; 7.5 s to become ready */
#define CAP_HIGH        0x00400030u /* pages up to 64 KiB; NVM command set; subsystem reset */
#define CC_ENABLE       1u
#define CC_WRITABLE     0x00fffff1u
#define CC_SHUTDOWN     0xc000u
#define CSTS_READY      1u
#define CSTS_FATAL      2u
#define CSTS_SHST       0x0cu
#define CSTS_SHST_BUSY  0x04u
#define CSTS_SHST_DONE  0x08u
#define CSTS_SUBSYSTEM  0x10u
#define NSSR_WORD       0x4e564d65u /* "NVMe" */
#define PAGE_SHIFTS_MAX 4u
#define VECTOR_BYTES    16u
#define PAGE            4096u

uint32_t nvme_page_bytes(const Nvme *n)
{
    return PAGE << (n->r.cc >> 7 & 15);
}

void nvme_fatal(Nvme *n)
{
    n->r.csts |= CSTS_FATAL;
}

/* ---- interrupts: the pin, while MSI-X is off ---- */

void nvme_update_irq(Nvme *n)
{
    bool level = false;

    if (msix_enabled(&n->pci)) {
        return;
    }
    for (uint32_t i = 0; i <= n->max_pairs && !level; i++) {
        const NvmeCq *cq = &n->cq[i];

        level = cq->size && cq->irq_enabled && cq->head != cq->tail &&
                !(n->r.intms & 1u << (cq->vector & 31));
    }
    pci_set_irq(&n->pci, level);
}

/* ---- enable, disable, shut down ---- */

static void controller_reset(Nvme *n)
{
    nvme_drop_all(n);
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (n->namespaces[nsid]) {
            nvme_namespace_reset(n->namespaces[nsid]);
        }
    }
    n->r.cc = 0;
    n->r.csts = 0;
    n->r.intms = 0;
    n->r.temperature = 0x157;
    n->r.error_recovery = n->r.async_config = 0;
    n->r.timestamp_ms = 0;
    n->r.timestamp_at_ns = 0;
    n->r.timestamp_set = false;
    nvme_update_irq(n);
}

static void enable(Nvme *n, uint32_t cc)
{
    NvmeRegs *r = &n->r;
    uint32_t sq_size = (r->aqa & 0xfff) + 1, cq_size = (r->aqa >> 16 & 0xfff) + 1;

    r->cc = cc;
    if ((cc >> 4 & 7) || (cc >> 7 & 15) > PAGE_SHIFTS_MAX || (cc >> 11 & 7) || sq_size < 2 ||
        cq_size < 2 || r->asq % nvme_page_bytes(n) || r->acq % nvme_page_bytes(n)) {
        nvme_fatal(n);
        return;
    }
    n->sq[0] = (NvmeSq){ .addr = r->asq, .size = sq_size };
    n->cq[0] = (NvmeCq){ .addr = r->acq, .size = cq_size, .phase = true, .irq_enabled = true };
    r->csts |= CSTS_READY;
}

/* Whatever became of the flushes: there is no one left to tell. */
static void shut_down(void *opaque, BlockDrive *failed, int ret)
{
    Nvme *n = opaque;

    n->shutting_down = false;
    if ((n->r.csts & CSTS_SHST) == CSTS_SHST_BUSY) {
        n->r.csts = (n->r.csts & ~CSTS_SHST) | CSTS_SHST_DONE;
    }
}

static void write_cc(Nvme *n, uint32_t value)
{
    uint32_t old = n->r.cc;

    value &= CC_WRITABLE;
    if (!(value & CC_ENABLE)) {
        if (old & CC_ENABLE) {
            controller_reset(n);
        }
        n->r.cc = value;
    } else if (!(old & CC_ENABLE)) {
        enable(n, value);
    } else { /* what says how memory is laid out stays */
        n->r.cc = (value & (CC_SHUTDOWN | 0x00ff0000)) | (old & ~(CC_SHUTDOWN | 0x00ff0000));
    }
    if ((value & CC_SHUTDOWN) && !(n->r.csts & CSTS_SHST)) {
        n->r.csts |= CSTS_SHST_BUSY;
        n->shutting_down = true;
        nvme_flush_all(n, shut_down, n);
    } else if (!(value & CC_SHUTDOWN) && !n->shutting_down) {
        n->r.csts &= ~CSTS_SHST;
    }
}

static void subsystem_reset(Nvme *n)
{
    controller_reset(n);
    n->r.aqa = 0;
    n->r.asq = n->r.acq = 0;
    n->r.csts = CSTS_SUBSYSTEM;
}

/* ---- registers ---- */

static uint32_t reg_read(const Nvme *n, uint32_t reg)
{
    const NvmeRegs *r = &n->r;

    switch (reg) {
    case REG_CAP: return CAP_LOW | n->mqes;
    case REG_CAP + 4: return CAP_HIGH;
    case REG_VS: return VERSION;
    case REG_INTMS:
    case REG_INTMC: return r->intms;
    case REG_CC: return r->cc;
    case REG_CSTS: return r->csts;
    case REG_AQA: return r->aqa;
    case REG_ASQ: return (uint32_t)r->asq;
    case REG_ASQ + 4: return (uint32_t)(r->asq >> 32);
    case REG_ACQ: return (uint32_t)r->acq;
    case REG_ACQ + 4: return (uint32_t)(r->acq >> 32);
    default: return 0;
    }
}

static void set_half(uint64_t *reg, bool high, uint32_t value)
{
    *reg = high ? (*reg & UINT32_MAX) | (uint64_t)value << 32
                : (*reg & ~(uint64_t)UINT32_MAX) | (value & ~(PAGE - 1));
}

static void reg_write(Nvme *n, uint32_t reg, uint32_t value)
{
    NvmeRegs *r = &n->r;

    switch (reg) {
    case REG_INTMS:
    case REG_INTMC:
        r->intms = reg == REG_INTMS ? r->intms | value : r->intms & ~value;
        nvme_update_irq(n);
        break;
    case REG_CC: write_cc(n, value); break;
    case REG_CSTS: r->csts &= ~(value & CSTS_SUBSYSTEM); break;
    case REG_NSSR:
        if (value == NSSR_WORD) {
            subsystem_reset(n);
        }
        break;
    case REG_AQA: r->aqa = value & 0x0fff0fff; break;
    case REG_ASQ:
    case REG_ASQ + 4: set_half(&r->asq, reg != REG_ASQ, value); break;
    case REG_ACQ:
    case REG_ACQ + 4: set_half(&r->acq, reg != REG_ACQ, value); break;
    default: break;
    }
}

static uint64_t mmio_read(void *opaque, uint64_t addr, unsigned size)
{
    const Nvme *n = opaque;
    uint32_t reg = (uint32_t)addr & ~3u;
    uint64_t value;

    if (n->in_dma || addr >= REG_DOORBELLS) {
        return 0;
    }
    value = reg_read(n, reg);
    if (size + (addr & 3) > 4) {
        value |= (uint64_t)reg_read(n, reg + 4) << 32;
    }
    return value >> (8 * (addr & 3));
}

static void mmio_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Nvme *n = opaque;

    if (n->in_dma || (addr & 3) || size < 2) {
        return;
    }
    if (addr >= REG_DOORBELLS) {
        nvme_doorbell(n, (uint32_t)addr - REG_DOORBELLS, (uint32_t)value);
        return;
    }
    if (size < 4) {
        return;
    }
    reg_write(n, (uint32_t)addr, (uint32_t)value);
    if (size == 8) {
        reg_write(n, (uint32_t)addr + 4, (uint32_t)(value >> 32));
    }
}

static const RegionOps mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .endian = DEVICE_LITTLE_ENDIAN,
    .valid = { 1, 8 },
    .impl = { 1, 8 },
};

/* ---- PCI function ---- */

static bool run_changed(void *opaque, bool running, RunState state, GError **error)
{
    Nvme *n = opaque;

    n->running = running;
    if (running) {
        nvme_retry_parked(n);
        nvme_tell_events(n);
        nvme_fetch(n);
    } else {
        nvme_drain(n);
    }
    return true;
}

static void reset(PciDevice *pci, ResetKind kind)
{
    Nvme *n = (Nvme *)pci;

    subsystem_reset(n);
    n->r.csts = 0;
}

static bool refuse(GError **error, const char *what, unsigned low, unsigned high)
{
    return hw_config_error(error, "%s must be between %u and %u", what, low, high);
}

static bool check_properties(Nvme *n, GError **error)
{
    if (!n->serial) {
        return hw_config_error(error, "serial property not set");
    }
    if (strlen(n->serial) > 20) {
        return hw_config_error(error, "serial '%s' is longer than 20 bytes", n->serial);
    }
    if (n->num_queues) { /* the old property counts the admin pair too */
        n->max_pairs = n->num_queues - 1;
    }
    if (n->max_pairs < 1 || n->max_pairs > NVME_PAIRS_MAX) {
        return refuse(error, "max_ioqpairs", 1, NVME_PAIRS_MAX);
    }
    if (n->msix_vectors < 1 || n->msix_vectors > NVME_VECTORS) {
        return refuse(error, "msix_qsize", 1, NVME_VECTORS);
    }
    if (n->mqes < 1 || n->mqes > NVME_MQES) {
        return refuse(error, "mqes", 1, NVME_MQES);
    }
    if (n->mdts > 20) {
        return refuse(error, "mdts", 0, 20);
    }
    return n->aerl < NVME_AERS_MAX || refuse(error, "aerl", 0, NVME_AERS_MAX - 1);
}

/* Registers and doorbells, behind them the MSI-X table and its pending bits, on pages of their own. */
static bool make_bar(Nvme *n, GError **error)
{
    Vm *vm = device_vm(&n->pci.dev);
    Object *owner = &n->pci.dev.obj;
    uint32_t regs = (uint32_t)bits_align_up(REG_DOORBELLS + 8 * (n->max_pairs + 1), PAGE);
    uint32_t pba = regs + (uint32_t)bits_align_up(n->msix_vectors * VECTOR_BYTES, PAGE);
    uint32_t size = (uint32_t)bits_pow2_ceil(pba + bits_align_up(n->msix_vectors, 64) / 8);

    memory_region_init(&n->bar, vm, owner, "nvme-bar0", size);
    memory_region_init_io(&n->mmio, vm, owner, &mmio_ops, n, "nvme", regs);
    memory_region_add(&n->bar, 0, &n->mmio);
    pci_register_bar(&n->pci, 0, PCI_BAR_MEM64, &n->bar);
    return msix_init(&n->pci, n->msix_vectors, &n->bar, 0, regs, &n->bar, 0, pba, 0x40, error);
}

static void unrealize(PciDevice *pci)
{
    Nvme *n = (Nvme *)pci;

    if (n->run_handler) {
        run_state_handler_remove(device_vm(&pci->dev), n->run_handler);
    }
    nvme_drop_all(n);
    nvme_namespace_detach(&n->ns);
    memory_region_clear(&n->mmio);
    memory_region_clear(&n->bar);
    g_clear_pointer(&n->sq, g_free);
    g_clear_pointer(&n->cq, g_free);
}

static bool realize(PciDevice *pci, GError **error)
{
    Nvme *n = (Nvme *)pci;
    Vm *vm = device_vm(&pci->dev);

    if (!check_properties(n, error)) {
        return false;
    }
    n->sq = g_new0(NvmeSq, n->max_pairs + 1);
    n->cq = g_new0(NvmeCq, n->max_pairs + 1);
    g_queue_init(&n->active);
    if (n->use_intel_id) {
        pci_set16(pci, PCI_VENDOR_ID, PCI_VENDOR_INTEL);
        pci_set16(pci, PCI_DEVICE_ID, 0x5845);
    }
    if (!make_bar(n, error) || !pci_pm_init(pci, 0x60, error) ||
        !pcie_cap_init(pci, 0x80, PCI_EXP_TYPE_ENDPOINT, 0, error) ||
        (n->ns.drive_name && !nvme_namespace_attach(&n->ns, n, &pci->dev, error))) {
        unrealize(pci);
        return false;
    }
    pci_set16(pci, pci->pm_cap + 4, 0x0008); /* back from D3 without a reset */
    n->bus = bus_new(vm, TYPE_NVME_BUS, &pci->dev, pci->dev.id ? pci->dev.id : "nvme-bus.0");
    n->running = run_state_running(vm);
    n->run_handler = run_state_handler_add(vm, RUN_PRIORITY_DEVICE, "nvme", run_changed, n);
    return true;
}

static const Property props[] = {
    NVME_NAMESPACE_PROPS(Nvme),
    PROP(PROP_STR, Nvme, serial, "serial", NULL),
    PROP(PROP_U32, Nvme, num_queues, "num_queues", "0"),
    PROP(PROP_U32, Nvme, max_pairs, "max_ioqpairs", "64"),
    PROP(PROP_U16, Nvme, msix_vectors, "msix_qsize", "65"),
    PROP(PROP_U16, Nvme, mqes, "mqes", "2047"),
    PROP(PROP_U8, Nvme, mdts, "mdts", "7"),
    PROP(PROP_U8, Nvme, aerl, "aerl", "3"),
    PROP(PROP_BOOL, Nvme, use_intel_id, "use-intel-id", "off"),
    PROP_END,
};

static const PciDeviceOps nvme_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_STORAGE, .user_creatable = true,
             .hotpluggable = true, .section = &nvme_section },
    .vendor_id = PCI_VENDOR_REDHAT,
    .device_id = 0x0010,
    .class_id = PCI_CLASS_STORAGE_NVME,
    .revision = 2,
    .prog_if = 2,
    .interrupt_pin = 1,
    .express = true,
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
};

const TypeInfo nvme_types[] = {
    { .name = "nvme",
      .parent = TYPE_PCI_DEVICE,
      .description = "Non-Volatile Memory Express",
      .instance_size = sizeof(Nvme),
      .props = props,
      .ops = &nvme_ops },
};
const size_t nvme_types_count = G_N_ELEMENTS(nvme_types);
