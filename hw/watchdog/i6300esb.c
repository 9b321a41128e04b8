/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watchdog timer of Intel's 6300ESB I/O Controller Hub (datasheet 300641, chapter 16).
 *
 * Two stages count PCI clocks (33 MHz). The end of the first may interrupt (not modelled: the bit is there, no line is
 * raised), the end of the second is what the user chose for watchdogs. Registers in BAR 0 need 0x80, 0x86 written
 * to the reload register before each write.
 */
#include "hw/pci/pci.h"
#include "hw/watchdog/i6300esb.h"

enum { /* configuration space */
    CONFIG_REG = 0x60,
    LOCK_REG = 0x68,
};
#define CONFIG_INT_TYPE  0x03
#define CONFIG_SCALE     0x04 /* 1: 1 us to 1 s, 0: 1 ms to 10 min */
#define CONFIG_NO_REBOOT 0x20
#define LOCK_LOCKED      0x01
#define LOCK_ENABLE      0x02
#define LOCK_FREE_RUN    0x04

enum { /* BAR 0 */
    TIMER1 = 0x00,
    TIMER2 = 0x04,
    STATUS = 0x08,
    RELOAD = 0x0c,
};
#define RELOAD_NOW     0x100
#define RELOAD_TIMEOUT 0x200
#define PRELOAD_MASK   0xfffffu
#define UNLOCK_FIRST   0x80
#define UNLOCK_SECOND  0x86
#define PCI_HZ         33000000

typedef struct {
    PciDeviceSaved dev;
    int32_t reboot_enabled, clock_scale, int_type, free_run, locked, enabled;
    int64_t timer;
    uint32_t timer1_preload, timer2_preload;
    int32_t stage, unlock_state, previous_reboot_flag;
} EsbSaved;

typedef struct {
    PciDevice pci; /* first */
    MemoryRegion mr;
    Timer *timer;
    EsbSaved r; /* but for dev and timer */
} Esb;

/* ---- the timer ---- */

static void start_stage(Esb *s, int stage)
{
    s->r.stage = stage;
    if (!s->r.enabled) {
        return;
    }
    uint64_t clocks = stage == 1 ? s->r.timer1_preload : s->r.timer2_preload;
    clocks <<= s->r.clock_scale ? 5 : 15;
    int64_t now = clock_now_ns(device_vm(&s->pci.dev), CLOCK_KIND_VIRTUAL);
    timer_arm(s->timer, now + (int64_t)(clocks * 1000 / (PCI_HZ / 1000000)));
}

static void stop(Esb *s)
{
    timer_cancel(s->timer);
}

static void expired(void *opaque)
{
    Esb *s = opaque;

    if (s->r.stage == 1) {
        start_stage(s, 2);
        return;
    }
    if (s->r.reboot_enabled) {
        s->r.previous_reboot_flag = 1;
        vm_watchdog_expired(device_vm(&s->pci.dev));
    }
    if (s->r.free_run) {
        start_stage(s, 1);
    }
}

/* ---- configuration space ---- */

static void lock_write(Esb *s, uint32_t value)
{
    int was = s->r.enabled;

    if (s->r.locked) {
        return;
    }
    s->r.locked = value & LOCK_LOCKED;
    s->r.free_run = (value & LOCK_FREE_RUN) != 0;
    s->r.enabled = (value & LOCK_ENABLE) != 0;
    if (!was && s->r.enabled) {
        start_stage(s, 1);
    } else if (!s->r.enabled) {
        stop(s);
    }
}

static void esb_config_write(PciDevice *pci, uint32_t addr, uint32_t value, unsigned len)
{
    Esb *s = (Esb *)pci;

    if (addr == CONFIG_REG && len >= 2) {
        s->r.reboot_enabled = !(value & CONFIG_NO_REBOOT);
        s->r.clock_scale = (value & CONFIG_SCALE) != 0;
        s->r.int_type = value & CONFIG_INT_TYPE;
    } else if (addr == LOCK_REG && len == 1) {
        lock_write(s, value);
    } else {
        pci_config_default_write(pci, addr, value, len);
    }
}

static uint32_t esb_config_read(PciDevice *pci, uint32_t addr, unsigned len)
{
    const Esb *s = (const Esb *)pci;

    if (addr == CONFIG_REG && len == 2) {
        return (s->r.reboot_enabled ? 0 : CONFIG_NO_REBOOT) |
               (s->r.clock_scale ? CONFIG_SCALE : 0) | (uint32_t)s->r.int_type;
    }
    if (addr == LOCK_REG && len == 1) {
        return (s->r.free_run ? LOCK_FREE_RUN : 0) | (s->r.locked ? LOCK_LOCKED : 0) |
               (s->r.enabled ? LOCK_ENABLE : 0);
    }
    return pci_config_default_read(pci, addr, len);
}

/* ---- BAR 0 ---- */

static uint64_t esb_read(void *opaque, uint64_t addr, unsigned size)
{
    const Esb *s = opaque;

    return addr == RELOAD && s->r.previous_reboot_flag ? RELOAD_TIMEOUT | 0x1000 : 0;
}

static void reload_write(Esb *s, uint32_t value)
{
    if (value & RELOAD_NOW) {
        start_stage(s, 1);
    }
    if (value & RELOAD_TIMEOUT) {
        s->r.previous_reboot_flag = 0;
    }
}

static void esb_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Esb *s = opaque;

    if (addr == RELOAD && value == UNLOCK_FIRST) {
        s->r.unlock_state = 1;
    } else if (addr == RELOAD && value == UNLOCK_SECOND && s->r.unlock_state == 1) {
        s->r.unlock_state = 2;
    } else if (s->r.unlock_state == 2) {
        s->r.unlock_state = 0;
        switch (addr) {
        case TIMER1: s->r.timer1_preload = value & PRELOAD_MASK; break;
        case TIMER2: s->r.timer2_preload = value & PRELOAD_MASK; break;
        case RELOAD: reload_write(s, (uint32_t)value); break;
        default: break;
        }
    }
}

static const RegionOps esb_ops = { .read = esb_read, .write = esb_write, .valid = { 1, 4 } };

/* ---- life ---- */

static void esb_reset(PciDevice *pci, ResetKind kind)
{
    Esb *s = (Esb *)pci;
    int32_t flag = s->r.previous_reboot_flag;

    stop(s);
    s->r = (EsbSaved){ .reboot_enabled = 1,
                       .timer1_preload = PRELOAD_MASK,
                       .timer2_preload = PRELOAD_MASK,
                       .stage = 1,
                       .previous_reboot_flag = flag };
}

static bool esb_realize(PciDevice *pci, GError **error)
{
    Esb *s = (Esb *)pci;
    Vm *vm = device_vm(&pci->dev);

    s->timer = timer_new(vm, CLOCK_KIND_VIRTUAL, "i6300esb", expired, s);
    memory_region_init_io(&s->mr, vm, &pci->dev.obj, &esb_ops, s, "i6300esb", 0x10);
    pci_register_bar(pci, 0, 0, &s->mr);
    esb_reset(pci, RESET_COLD);
    return true;
}

static void esb_unrealize(PciDevice *pci)
{
    Esb *s = (Esb *)pci;

    timer_free(s->timer);
    memory_region_clear(&s->mr);
}

/* ---- saved form: "i6300esb_wdt" version 10000 ---- */

static const Field esb_fields[] = {
    F_PCI_DEVICE(EsbSaved, dev),
    F_I32(EsbSaved, reboot_enabled),
    F_I32(EsbSaved, clock_scale),
    F_I32(EsbSaved, int_type),
    F_I32(EsbSaved, free_run),
    F_I32(EsbSaved, locked),
    F_I32(EsbSaved, enabled),
    F_TIMER(EsbSaved, timer),
    F_U32(EsbSaved, timer1_preload),
    F_U32(EsbSaved, timer2_preload),
    F_I32(EsbSaved, stage),
    F_I32(EsbSaved, unlock_state),
    F_I32(EsbSaved, previous_reboot_flag),
    F_END,
};
static const Record esb_record = {
    .name = "i6300esb_wdt",
    .version = 10000,
    .min_version = 1,
    .size = sizeof(EsbSaved),
    .fields = esb_fields,
};

static void save(void *owner, void *saved)
{
    Esb *s = owner;
    EsbSaved *out = saved;

    *out = s->r;
    pci_device_save(&s->pci, &out->dev);
    out->timer = timer_pending(s->timer) ? timer_expire_ns(s->timer) : -1;
}

static bool check(void *owner, const void *saved, GError **error)
{
    const EsbSaved *in = saved;

    if (in->stage < 1 || in->stage > 2 || in->unlock_state < 0 || in->unlock_state > 2 ||
        in->int_type & ~CONFIG_INT_TYPE || in->timer1_preload > PRELOAD_MASK ||
        in->timer2_preload > PRELOAD_MASK) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "watchdog stage %d, unlock state %d, interrupt type %d, preloads 0x%x and 0x%x "
                    "(limits 2, 2, 3, "
                    "0x%x)",
                    in->stage, in->unlock_state, in->int_type, in->timer1_preload,
                    in->timer2_preload, PRELOAD_MASK);
        return false;
    }
    return pci_device_check(owner, &in->dev, error);
}

static void install(void *owner, const void *saved)
{
    Esb *s = owner;

    s->r = *(const EsbSaved *)saved;
    pci_device_install(&s->pci, &s->r.dev);
    stop(s);
    if (s->r.timer >= 0) {
        timer_arm(s->timer, s->r.timer);
    }
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc esb_section = { .record = &esb_record, .ops = &section_ops };

static const PciDeviceOps esb_device_ops = {
    .dev = { PCI_DEVICE_BASE, .category = DEVICE_CATEGORY_WATCHDOG, .user_creatable = true,
             .section = &esb_section },
    .vendor_id = PCI_VENDOR_INTEL,
    .device_id = 0x25ab,
    .class_id = 0x0880,
    .realize = esb_realize,
    .unrealize = esb_unrealize,
    .reset = esb_reset,
    .config_read = esb_config_read,
    .config_write = esb_config_write,
};

const TypeInfo i6300esb_types[] = {
    { .name = "i6300esb",
      .parent = TYPE_PCI_DEVICE,
      .description = "Intel 6300ESB watchdog",
      .instance_size = sizeof(Esb),
      .ops = &esb_device_ops },
};
const size_t i6300esb_types_n = G_N_ELEMENTS(i6300esb_types);
