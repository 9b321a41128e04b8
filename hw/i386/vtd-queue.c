/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VT-d queued invalidation (specification, chapter 6.5.2): a ring of 16-byte descriptors in guest memory. They are
 * worked off when the tail is written; a bad one sets FSTS.IQE and stops the queue where it stands.
 */
#include "vtd-priv.h"

enum {
    DESC_CONTEXT = 1,
    DESC_IOTLB = 2,
    DESC_DEVICE_IOTLB = 3,
    DESC_INTERRUPT = 4,
    DESC_WAIT = 5,
};
#define WAIT_INTERRUPT 0x10u
#define WAIT_STATUS    0x20u
#define ICS_WAIT_DONE  1u

static bool wait_done(Vtd *s, uint64_t lo, uint64_t hi)
{
    uint8_t status[4];

    if (lo & WAIT_STATUS) {
        st_le32(status, lo >> 32);
        address_space_write(address_space_memory(device_vm(&s->dev)), hi & ~3ull, MEM_ATTRS_NONE,
                            status, sizeof(status));
    }
    if (lo & WAIT_INTERRUPT && !(vtd_reg(s, VTD_ICS) & ICS_WAIT_DONE)) {
        vtd_set_reg(s, VTD_ICS, ICS_WAIT_DONE);
        vtd_event(s, VTD_IECTL);
    }
    return true;
}

static bool run_descriptor(Vtd *s, uint64_t lo, uint64_t hi)
{
    unsigned what = lo >> 4 & 3;
    uint16_t domain = (uint16_t)(lo >> 16);

    s->last_type = lo & 0xf;
    switch (s->last_type) {
    case DESC_CONTEXT:
        if (what) {
            vtd_flush_context(s, what, domain, (uint16_t)(lo >> 32),
                              (uint16_t)((1u << (lo >> 48 & 3)) - 1));
        }
        return what != 0;
    case DESC_IOTLB:
        if (what) {
            vtd_flush_iotlb(s, what, domain, hi & ~0xfffull, hi & 0x3f);
        }
        return what != 0;
    case DESC_DEVICE_IOTLB: /* no device has one */
    case DESC_INTERRUPT: /* entries are read each time */ return true;
    case DESC_WAIT: return wait_done(s, lo, hi);
    default: return false;
    }
}

static void stop_with_error(Vtd *s)
{
    uint32_t status = vtd_reg(s, VTD_FSTS);

    vtd_set_reg(s, VTD_FSTS, status | VTD_FSTS_IQE);
    if (!(status & VTD_FSTS_EVENTS)) {
        vtd_event(s, VTD_FECTL);
    }
}

void vtd_queue_run(Vtd *s)
{
    if (s->in_queue || !s->qi_enabled || vtd_reg(s, VTD_FSTS) & VTD_FSTS_IQE) {
        return;
    }
    if (s->iq_tail >= s->iq_size) {
        stop_with_error(s);
        return;
    }
    s->in_queue = true;
    for (unsigned n = 0; s->iq_head != s->iq_tail && n < s->iq_size; n++) {
        uint8_t raw[16];

        if (!vtd_read_guest(s, s->iq + s->iq_head * 16u, raw, sizeof(raw)) ||
            !run_descriptor(s, ld_le64(raw), ld_le64(raw + 8))) {
            stop_with_error(s);
            break;
        }
        s->iq_head = s->iq_head + 1u < s->iq_size ? s->iq_head + 1 : 0;
        vtd_set_reg(s, VTD_IQH, (uint32_t)s->iq_head << 4);
    }
    s->in_queue = false;
}
