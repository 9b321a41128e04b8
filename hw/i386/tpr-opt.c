/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The section "kvm-tpr-opt": another emulator's way to speed up the task priority register of old
 * 32-bit guests, by patching their code. We do not patch; while a guest is not patched the state is
 * kept and passed on, and one that is patched is refused.
 */
#include <string.h>
#include "pc-priv.h"

#define STATE_ACTIVE 1 /* 0: not seen by firmware, 2: waiting */

struct TprOpt {
    uint8_t rom_state[124];
    uint32_t state, real_tpr_addr, rom_state_vaddr, vapic_paddr, rom_state_paddr;
};

static const Field tpr_fields[] = {
    F_BUFFER(TprOpt, rom_state),
    F_U32(TprOpt, state),
    F_U32(TprOpt, real_tpr_addr),
    F_U32(TprOpt, rom_state_vaddr),
    F_U32(TprOpt, vapic_paddr),
    F_U32(TprOpt, rom_state_paddr),
    F_END,
};
static const Record tpr_record = {
    .name = "kvm-tpr-opt",
    .version = 1,
    .min_version = 1,
    .size = sizeof(TprOpt),
    .fields = tpr_fields,
};

static void tpr_save(void *owner, void *saved)
{
    *(TprOpt *)saved = *(const TprOpt *)owner;
}

static bool tpr_check(void *owner, const void *saved, GError **error)
{
    uint32_t state = ((const TprOpt *)saved)->state;

    if (state == STATE_ACTIVE || state > 2) {
        g_set_error(
            error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
            "the guest's code is patched for task priority accesses (state %u; 0 or 2 expected)",
            state);
        return false;
    }
    return true;
}

static void tpr_install(void *owner, const void *saved)
{
    *(TprOpt *)owner = *(const TprOpt *)saved;
}

static const SectionOps tpr_ops = {
    .save = tpr_save,
    .check = tpr_check,
    .install = tpr_install,
};
static const SectionDesc tpr_section = { .record = &tpr_record, .ops = &tpr_ops };

void tpr_opt_build(PcMachine *pc)
{
    pc->tpr_opt = g_new0(TprOpt, 1);
    section_register(device_vm(&pc->machine.dev), NULL, &tpr_section, 0, pc->tpr_opt);
}

/* Firmware that is not told about it again finds nothing. */
void tpr_opt_reset(PcMachine *pc)
{
    memset(pc->tpr_opt, 0, sizeof(*pc->tpr_opt));
}
