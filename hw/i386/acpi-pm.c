/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power management of ICH9 and PIIX4: the ACPI fixed registers (PM1 event, control, timer), GPE0,
 * on ICH9 also SMI registers and the watchdog of tco.c (Intel ICH9 datasheet, chapter 13.8; PIIX4 datasheet, chapter
 * 7; ACPI 6.4 chapter 4).
 *
 * Invariant: the SCI line is high exactly while SCI_EN is set and an enabled PM1 or GPE0 status
 * bit is. Sleep type 0 in PM1_CNT with SLP_EN is soft off; type 1 suspends.
 */
#include "base/util/endian.h"
#include "base/util/log.h"
#include "acpi-hotplug.h"

#define SMI_GBL      0x01 /* global enable */
#define SMI_EOS      0x02 /* end of SMI */
#define SMI_APMC     0x20 /* by a write to port b2 */
#define PM1_TMR      0x0001
#define PM1_GBL      0x0020
#define PM1_PWRBTN   0x0100
#define PM1_RTC      0x0400
#define PM1_WAKE     0x8000
#define PM1_SCI_MASK (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)
#define CNT_SCI_EN   0x0001
#define CNT_SLP_TYP  0x1c00
#define CNT_SLP_EN   0x2000
#define TMR_HZ       3579545

/* ---- timer ---- */
static uint64_t ticks_now(AcpiPm *pm)
{
    return (unsigned __int128)clock_now_ns(pm->vm, CLOCK_KIND_VIRTUAL) * TMR_HZ / NS_PER_SEC;
}

/* The status bit is set each time bit 23 changes. */
static void tmr_next(AcpiPm *pm)
{
    pm->overflow_time = (ticks_now(pm) + 0x800000) & ~0x7fffffull;
}

static uint16_t pm1_status(AcpiPm *pm)
{
    if ((int64_t)ticks_now(pm) >= pm->overflow_time) {
        pm->pm1_sts |= PM1_TMR;
    }
    return pm->pm1_sts;
}

static void tmr_arm(AcpiPm *pm)
{
    if (pm->pm1_en & PM1_TMR && !(pm1_status(pm) & PM1_TMR)) {
        timer_arm(pm->tmr, (unsigned __int128)pm->overflow_time * NS_PER_SEC / TMR_HZ + 1);
    } else {
        timer_cancel(pm->tmr);
    }
}

/* ---- interrupt update ---- */
void acpi_pm_update(AcpiPm *pm)
{
    bool active = pm1_status(pm) & pm->pm1_en & PM1_SCI_MASK;

    for (int i = 0; i < (int)pm->gpe_bytes; i++) {
        active |= pm->gpe_sts[i] & pm->gpe_en[i];
    }
    pm->sci_level = active && pm->pm1_cnt & CNT_SCI_EN;
    pm->sci_update(pm->opaque, pm->sci_level);
    tmr_arm(pm);
}

void acpi_pm_gpe(AcpiPm *pm, uint8_t events)
{
    pm->gpe_sts[0] |= events;
    acpi_pm_update(pm);
}

static void tmr_fired(void *opaque)
{
    acpi_pm_update(opaque);
}

static void power_button(Notifier *n, void *data)
{
    AcpiPm *pm = (AcpiPm *)((char *)n - offsetof(AcpiPm, powerdown));

    if (pm->pm1_en & PM1_PWRBTN || pm->pm1_cnt & CNT_SCI_EN) {
        pm->pm1_sts |= PM1_PWRBTN;
        acpi_pm_update(pm);
    }
}

/* ---- registers ---- */
static uint64_t evt_read(void *opaque, uint64_t addr, unsigned size)
{
    AcpiPm *pm = opaque;

    return addr == 0 ? pm1_status(pm) : addr == 2 ? pm->pm1_en : 0;
}

static void evt_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;

    if (addr == 0) {
        uint16_t status = pm1_status(pm);

        if (status & value & PM1_TMR) {
            tmr_next(pm);
        }
        pm->pm1_sts = status & ~value;
    } else if (addr == 2) {
        pm->pm1_en = value;
    }
    acpi_pm_update(pm);
}

static uint64_t cnt_read(void *opaque, uint64_t addr, unsigned size)
{
    return addr == 0 ? ((AcpiPm *)opaque)->pm1_cnt : 0;
}

static void cnt_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;

    if (addr != 0) {
        return;
    }
    pm->pm1_cnt = value & ~CNT_SLP_EN;
    if (value & CNT_SLP_EN) {
        switch ((value & CNT_SLP_TYP) >> 10) {
        case 0: vm_shutdown_request(pm->vm, SHUTDOWN_GUEST_SHUTDOWN); break;
        case 1: vm_suspend_request(pm->vm); break;
        default:
            log_guest_error("acpi: sleep type %u is not implemented\n",
                            (unsigned)(value & CNT_SLP_TYP) >> 10);
        }
    }
    acpi_pm_update(pm);
}

static uint64_t tmr_read(void *opaque, uint64_t addr, unsigned size)
{
    return ticks_now(opaque) & 0xffffff;
}

static void tmr_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static uint64_t gpe_read(void *opaque, uint64_t addr, unsigned size)
{
    AcpiPm *pm = opaque;

    return addr < pm->gpe_bytes ? pm->gpe_sts[addr] : pm->gpe_en[addr - pm->gpe_bytes];
}

static void gpe_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;

    if (addr < pm->gpe_bytes) {
        pm->gpe_sts[addr] &= ~value;
    } else {
        pm->gpe_en[addr - pm->gpe_bytes] = value;
    }
    acpi_pm_update(pm);
}

static uint64_t smi_read(void *opaque, uint64_t addr, unsigned size)
{
    AcpiPm *pm = opaque;

    return addr == 0 ? pm->smi_en : pm->smi_sts;
}

static void smi_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;

    if (addr == 0) {
        pm->smi_en = (pm->smi_en & ~pm->smi_en_wmask) | (value & pm->smi_en_wmask);
    } else {
        pm->smi_sts &= ~value;
    }
}

static const RegionOps evt_ops = {
    .read = evt_read,
    .write = evt_write,
    .valid = { 1, 4 },
    .impl = { 2, 2 },
};
static const RegionOps cnt_ops = {
    .read = cnt_read,
    .write = cnt_write,
    .valid = { 1, 2 },
    .impl = { 2, 2 },
};
static const RegionOps tmr_ops = {
    .read = tmr_read,
    .write = tmr_write,
    .valid = { 1, 4 },
    .impl = { 4, 4 },
};
static const RegionOps gpe_ops = {
    .read = gpe_read,
    .write = gpe_write,
    .valid = { 1, 4 },
    .impl = { 1, 1 },
};
static const RegionOps smi_ops = {
    .read = smi_read,
    .write = smi_write,
    .valid = { 4, 4 },
    .impl = { 4, 4 },
};
void acpi_pm_map(AcpiPm *pm, bool enable, uint16_t base)
{
    if (pm->mapped == enable && pm->base == base) {
        return;
    }
    memory_transaction_begin(pm->vm);
    memory_region_set_enabled(&pm->io, enable && base);
    memory_region_set_address(&pm->io, base);
    memory_transaction_commit(pm->vm);
    pm->mapped = enable;
    pm->base = base;
}

void acpi_pm_sci_enable(AcpiPm *pm, bool on)
{
    pm->pm1_cnt = on ? pm->pm1_cnt | CNT_SCI_EN : pm->pm1_cnt & ~CNT_SCI_EN;
    acpi_pm_update(pm);
}

void acpi_pm_lock_smi(AcpiPm *pm)
{
    pm->smi_en_wmask &= ~SMI_GBL;
}

void acpi_pm_reset(AcpiPm *pm)
{
    pm->pm1_sts = pm->pm1_en = pm->pm1_cnt = 0;
    memset(pm->gpe_sts, 0, sizeof(pm->gpe_sts));
    memset(pm->gpe_en, 0, sizeof(pm->gpe_en));
    /* Without SMM it looks as if firmware had been through its set-up already. */
    pm->smi_en = pm->smm_enabled ? SMI_EOS : SMI_EOS | SMI_APMC;
    pm->smi_en_wmask = ~0u;
    pm->smi_sts = 0;
    acpi_tco_reset(pm);
    acpi_pcihp_reset(pm);
    acpi_cpuhp_reset(pm);
    acpi_memhp_reset(pm);
    tmr_next(pm);
    acpi_pm_update(pm);
}

void acpi_pm_init(AcpiPm *pm, Device *owner, bool ich9, uint16_t gpe_port,
                  void (*sci)(void *opaque, int level), void *opaque)
{
    Vm *vm = device_vm(owner);
    Object *obj = &owner->obj;

    pm->vm = vm;
    pm->owner = owner;
    pm->sci_update = sci;
    pm->ich9 = ich9;
    pm->gpe_bytes = ich9 ? 8 : 2;
    pm->opaque = opaque;
    pm->tmr = timer_new(vm, CLOCK_KIND_VIRTUAL, "acpi-pm-timer", tmr_fired, pm);
    memory_region_init(&pm->io, vm, obj, "acpi-pm", ich9 ? ACPI_PM_IO_SIZE : 64);
    memory_region_set_enabled(&pm->io, false);
    memory_region_init_io(&pm->evt, vm, obj, &evt_ops, pm, "acpi-evt", 4);
    memory_region_add(&pm->io, 0x00, &pm->evt);
    memory_region_init_io(&pm->cnt, vm, obj, &cnt_ops, pm, "acpi-cnt", 2);
    memory_region_add(&pm->io, 0x04, &pm->cnt);
    memory_region_init_io(&pm->tmr_mr, vm, obj, &tmr_ops, pm, "acpi-tmr", 4);
    memory_region_add(&pm->io, 0x08, &pm->tmr_mr);
    memory_region_init_io(&pm->gpe, vm, obj, &gpe_ops, pm, "acpi-gpe0", 2 * pm->gpe_bytes);
    if (ich9) {
        memory_region_add(&pm->io, 0x20, &pm->gpe);
        memory_region_init_io(&pm->smi, vm, obj, &smi_ops, pm, "acpi-smi", 8);
        memory_region_add(&pm->io, 0x30, &pm->smi);
        acpi_tco_init(pm, obj);
    } else {
        memory_region_add(memory_io_region(vm), gpe_port, &pm->gpe);
    }
    memory_region_add(memory_io_region(vm), 0, &pm->io);
    pm->powerdown.fn = power_button;
    notifier_add(&vm->powerdown_list, &pm->powerdown);
}

void acpi_pm_clear(AcpiPm *pm)
{
    MemoryRegion *all[] = { &pm->evt, &pm->cnt,    &pm->tmr_mr, &pm->gpe,
                            &pm->smi, &pm->tco_mr, &pm->io };

    acpi_pcihp_clear(pm);
    acpi_cpuhp_clear(pm);
    acpi_memhp_clear(pm);
    notifier_remove(&pm->powerdown);
    acpi_tco_clear(pm);
    g_clear_pointer(&pm->tmr, timer_free);
    for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i]->vm) {
            memory_region_clear(all[i]);
        }
    }
}
