/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Function measurement: counters of the PCI instructions on a function, put into a block in storage that the guest chose,
 * once an interval. Layout as in Linux' asm/pci.h, format 0 without the counters of DMA. The TOD clock of the last update
 * comes last, so a block whose clock changed is whole.
 */
#include "base/core/clock.h"
#include "zpci-priv.h"

#define INTERVAL_NS (ZPCI_MEASURE_MS * 1000000ll)
#define LAST_UPDATE 8u
#define COUNTERS    16u

static void write_block(ZpciFunction *f)
{
    AddressSpace *as = address_space_memory(f->host->board->vm);
    S390Board *b = f->host->board;
    ZpciRegs *r = &f->regs;
    uint64_t now = clock_now_ns(b->vm, CLOCK_KIND_VIRTUAL);
    uint8_t block[ZPCI_MEASURE_BYTES] = { 0 };

    st_be32(block + 4, ++r->samples);
    st_be64(block + LAST_UPDATE, b->tod_base + s390_ns_to_tod(now));
    st_be64(block + COUNTERS, r->loads);
    st_be64(block + COUNTERS + 8, r->stores);
    st_be64(block + COUNTERS + 16, r->block_stores);
    st_be64(block + COUNTERS + 24, r->refreshes);
    address_space_write(as, r->block + COUNTERS, MEM_ATTRS_NONE, block + COUNTERS,
                        sizeof(block) - COUNTERS);
    address_space_write(as, r->block, MEM_ATTRS_NONE, block, COUNTERS);
}

void zpci_measure_start(ZpciHost *h)
{
    timer_arm_earlier(h->measure, clock_now_ns(h->board->vm, CLOCK_KIND_VIRTUAL) + INTERVAL_NS);
}

static void interval_over(void *opaque)
{
    ZpciHost *h = opaque;
    bool any = false;

    for (unsigned k = 0; k < ZPCI_MAX_FUNCTIONS; k++) {
        if (h->functions[k] && h->functions[k]->regs.block) {
            write_block(h->functions[k]);
            any = true;
        }
    }
    if (any) {
        zpci_measure_start(h);
    }
}

void zpci_measure_init(ZpciHost *h)
{
    h->measure = timer_new(h->board->vm, CLOCK_KIND_VIRTUAL, "zpci-measure", interval_over, h);
}

void zpci_measure_set(ZpciFunction *f, uint64_t block)
{
    f->regs.block = block;
    f->regs.samples = 0;
    f->regs.loads = f->regs.stores = f->regs.block_stores = f->regs.refreshes = 0;
    if (block) {
        zpci_measure_start(f->host);
    }
}

static bool measured(const void *saved)
{
    return ((const ZpciRegs *)saved)->block != 0;
}

bool zpci_record_known(void *owner, GError **error)
{
    return true;
}

const Record zpci_measure_record = {
    .name = "zpci/measurement",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ZpciRegs),
    .fields = (const Field[]){ F_U64(ZpciRegs, block), F_U32(ZpciRegs, samples),
                               F_U64(ZpciRegs, loads), F_U64(ZpciRegs, stores),
                               F_U64(ZpciRegs, block_stores), F_U64(ZpciRegs, refreshes), F_END },
    .needed = measured,
    .supported = zpci_record_known,
};
