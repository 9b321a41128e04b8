/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The TCO watchdog of ICH9 (Intel ICH9 datasheet, 13.9): 32 bytes of registers at PMBASE + 0x60 and a timer of
 * 0.6 s a tick.
 *
 * It counts from TCO_TMR when the guest reloads it or ends its halt. The first end sets TIMEOUT (an SMI where that
 * is enabled) and starts again; a second one without a reload between sets SECOND_TO_STS and, unless the chip is
 * strapped or told (GCS.NO_REBOOT) not to reboot, is what the user chose for watchdogs.
 */
#include "base/util/endian.h"
#include "acpi-pm.h"

enum { /* offsets in AcpiPm.tco */
    TCO_RLD = 0x00,
    TCO_DAT_IN = 0x02,
    TCO_DAT_OUT = 0x03,
    TCO1_STS = 0x04,
    TCO2_STS = 0x06,
    TCO1_CNT = 0x08,
    TCO2_CNT = 0x0a,
    TCO_MESSAGE1 = 0x0c,
    TCO_MESSAGE2 = 0x0d,
    TCO_WDCNT = 0x0e,
    TCO_SW_IRQ_GEN = 0x10,
    TCO_TMR = 0x12,
};
#define STS1_SW_SMI  0x0002u
#define STS1_INT     0x0004u
#define STS1_TIMEOUT 0x0008u
#define STS2_SECOND  0x0002u
#define STS2_BOOT    0x0004u
#define CNT1_LOCK    0x1000u
#define CNT1_HALT    0x0800u
#define CNT1_STORED  0xfeffu
#define TMR_MASK     0x3ffu
#define TICK_NS      600000000ll
#define SMI_GBL      0x01u
#define SMI_TCO      0x2000u /* in SMI_EN and SMI_STS */
#define STOPPED      (-1)

static uint16_t reg(const AcpiPm *pm, unsigned at)
{
    return ld_le16(pm->tco + at);
}

static uint16_t ticks(const AcpiPm *pm)
{
    return reg(pm, TCO_TMR) & TMR_MASK;
}

/* ---- the timer ---- */

static void stop(AcpiPm *pm)
{
    timer_cancel(pm->tco_clock);
    pm->tco_expire = STOPPED;
}

/* From the start, unless halted. */
static void start(AcpiPm *pm)
{
    if (reg(pm, TCO1_CNT) & CNT1_HALT || !ticks(pm)) {
        stop(pm);
        return;
    }
    st_le16(pm->tco + TCO_RLD, ticks(pm));
    pm->tco_expire = clock_now_ns(pm->vm, CLOCK_KIND_VIRTUAL) + ticks(pm) * TICK_NS;
    timer_arm(pm->tco_clock, pm->tco_expire);
}

static bool second_end(AcpiPm *pm)
{
    pm->tco_timeouts = 0;
    st_le16(pm->tco + TCO2_STS, reg(pm, TCO2_STS) | STS2_SECOND | STS2_BOOT);
    if (pm->no_reboot && pm->no_reboot(pm->opaque)) {
        return false;
    }
    stop(pm);
    vm_watchdog_expired(pm->vm);
    return true;
}

static void expired(void *opaque)
{
    AcpiPm *pm = opaque;

    st_le16(pm->tco + TCO1_STS, reg(pm, TCO1_STS) | STS1_TIMEOUT);
    if (++pm->tco_timeouts >= 2 && second_end(pm)) {
        return;
    }
    if (pm->smi_en & SMI_TCO && pm->smi_en & SMI_GBL && pm->raise_smi) {
        pm->smi_sts |= SMI_TCO;
        pm->raise_smi(pm->smi_opaque, false);
    }
    start(pm);
}

/* ---- registers ---- */

static uint16_t count_left(AcpiPm *pm)
{
    int64_t now = clock_now_ns(pm->vm, CLOCK_KIND_VIRTUAL);

    if (pm->tco_expire == STOPPED) {
        return reg(pm, TCO_RLD);
    }
    return pm->tco_expire > now ? (uint16_t)((pm->tco_expire - now) / TICK_NS) : 0;
}

static uint8_t read_byte(AcpiPm *pm, unsigned at)
{
    if (at < TCO_RLD + 2) {
        return (uint8_t)(count_left(pm) >> (8 * at));
    }
    return pm->tco[at];
}

static uint64_t tco_read(void *opaque, uint64_t addr, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)read_byte(opaque, (unsigned)addr + i) << (8 * i);
    }
    return value;
}

static void write_control(AcpiPm *pm, uint16_t value)
{
    uint16_t old = reg(pm, TCO1_CNT);

    value = (value & CNT1_STORED) | (old & CNT1_LOCK); /* the lock stays */
    st_le16(pm->tco + TCO1_CNT, value);
    if (value & CNT1_LOCK) {
        pm->smi_en_wmask &= ~SMI_TCO;
    }
    if ((old ^ value) & CNT1_HALT || pm->tco_expire == STOPPED) {
        start(pm);
    }
}

/* One register, in the widths that it has: words at even offsets, or bytes. */
static void tco_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;
    uint16_t word = size == 2 ? (uint16_t)value : (uint16_t)((value & 0xff) << (8 * (addr & 1)));
    uint16_t keep = size == 2 ? 0 : (uint16_t)(0xff00u >> (8 * (addr & 1)));
    unsigned at = (unsigned)addr & ~1u;

    switch (at) {
    case TCO_RLD:
        pm->tco_timeouts = 0;
        st_le16(pm->tco + TCO_RLD, word & TMR_MASK);
        start(pm);
        break;
    case TCO_DAT_IN:
        if (addr == TCO_DAT_IN) {
            pm->tco[TCO_DAT_IN] = (uint8_t)value;
            st_le16(pm->tco + TCO1_STS, reg(pm, TCO1_STS) | STS1_SW_SMI);
        } else {
            pm->tco[TCO_DAT_OUT] = (uint8_t)value;
            st_le16(pm->tco + TCO1_STS, reg(pm, TCO1_STS) | STS1_INT);
        }
        break;
    case TCO1_STS:
    case TCO2_STS: st_le16(pm->tco + at, reg(pm, at) & ~word); break;
    case TCO1_CNT: write_control(pm, (reg(pm, at) & keep) | word); break;
    case TCO_WDCNT:
    case TCO_SW_IRQ_GEN: pm->tco[at] = (uint8_t)((pm->tco[at] & keep) | word); break;
    case TCO2_CNT:
    case TCO_MESSAGE1:
    case TCO_TMR: st_le16(pm->tco + at, (reg(pm, at) & keep) | word); break;
    default: break;
    }
}

static const RegionOps tco_ops = {
    .read = tco_read,
    .write = tco_write,
    .valid = { 1, 4 },
    .impl = { 1, 2 },
};

/* ---- life ---- */

void acpi_tco_reset(AcpiPm *pm)
{
    if (pm->tco_clock) {
        stop(pm);
    }
    pm->tco_timeouts = 0;
    memset(pm->tco, 0, sizeof(pm->tco));
    st_le16(pm->tco + TCO_RLD, 0x0004);
    st_le16(pm->tco + TCO_TMR, 0x0004);
}

void acpi_tco_init(AcpiPm *pm, Object *owner)
{
    pm->tco_expire = STOPPED;
    pm->tco_clock = timer_new(pm->vm, CLOCK_KIND_VIRTUAL, "ich9-tco", expired, pm);
    memory_region_init_io(&pm->tco_mr, pm->vm, owner, &tco_ops, pm, "sm-tco", sizeof(pm->tco));
    memory_region_add(&pm->io, 0x60, &pm->tco_mr);
}

void acpi_tco_clear(AcpiPm *pm)
{
    g_clear_pointer(&pm->tco_clock, timer_free);
}

/* ---- migrated state ---- */

void acpi_tco_save(const AcpiPm *pm, AcpiPmSaved *out)
{
    const uint8_t *r = pm->tco;

    out->tco_rld = ld_le16(r + TCO_RLD);
    out->tco_din = r[TCO_DAT_IN];
    out->tco_dout = r[TCO_DAT_OUT];
    out->tco_sts1 = ld_le16(r + TCO1_STS);
    out->tco_sts2 = ld_le16(r + TCO2_STS);
    out->tco_cnt1 = ld_le16(r + TCO1_CNT);
    out->tco_cnt2 = ld_le16(r + TCO2_CNT);
    out->tco_msg1 = r[TCO_MESSAGE1];
    out->tco_msg2 = r[TCO_MESSAGE2];
    out->tco_wdcnt = r[TCO_WDCNT];
    out->tco_sw_irq_gen = r[TCO_SW_IRQ_GEN];
    out->tco_tmr = ld_le16(r + TCO_TMR);
    out->tco_expire = pm->tco_expire;
    out->tco_timer =
        pm->tco_clock && timer_pending(pm->tco_clock) ? timer_expire_ns(pm->tco_clock) : STOPPED;
    out->tco_timeouts = pm->tco_timeouts;
}

void acpi_tco_install(AcpiPm *pm, const AcpiPmSaved *in)
{
    uint8_t *r = pm->tco;

    st_le16(r + TCO_RLD, in->tco_rld);
    r[TCO_DAT_IN] = in->tco_din;
    r[TCO_DAT_OUT] = in->tco_dout;
    st_le16(r + TCO1_STS, in->tco_sts1);
    st_le16(r + TCO2_STS, in->tco_sts2);
    st_le16(r + TCO1_CNT, in->tco_cnt1);
    st_le16(r + TCO2_CNT, in->tco_cnt2);
    r[TCO_MESSAGE1] = in->tco_msg1;
    r[TCO_MESSAGE2] = in->tco_msg2;
    r[TCO_WDCNT] = in->tco_wdcnt;
    r[TCO_SW_IRQ_GEN] = in->tco_sw_irq_gen;
    st_le16(r + TCO_TMR, in->tco_tmr);
    pm->tco_timeouts = in->tco_timeouts;
    if (!pm->tco_clock) {
        return;
    }
    if (in->tco_cnt1 & CNT1_LOCK) {
        pm->smi_en_wmask &= ~SMI_TCO;
    }
    timer_cancel(pm->tco_clock);
    pm->tco_expire = in->tco_expire;
    if (in->tco_timer >= 0) {
        timer_arm(pm->tco_clock, in->tco_timer);
    }
}
