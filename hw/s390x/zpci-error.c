/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The error state of a PCI function. A DMA access that its tables refuse puts it there: nothing of it reaches storage any
 * more, and loads and stores on it are refused, until the guest lifts the block and resets the error (MODIFY PCI
 * FUNCTION CONTROLS), or disables the function, as a Linux driver that can recover does when it is told of the access. The
 * event's code is what QEMU is seen to send.
 *
 *   fault, an atomic: NONE -> NOTED by whoever accesses, any thread; -> SEEN when its address is there;
 *   -> NONE in the main loop, when the function's state says error.
 */
#include "base/core/loop.h"
#include "zpci-priv.h"

enum {
    FAULT_NONE,
    FAULT_NOTED,
    FAULT_SEEN,
};
#define EVENT_DMA_REFUSED 0x0004

static void enter(ZpciFunction *f)
{
    if (f->pci && f->dev && f->regs.state == ZPCI_ENABLED && !f->regs.error) {
        f->regs.error = f->regs.blocked = true;
        zpci_tell(f, EVENT_DMA_REFUSED, f->fault_address, f->fault_write);
    }
    __atomic_store_n(&f->fault, FAULT_NONE, __ATOMIC_RELEASE);
}

static void look(void *opaque)
{
    ZpciHost *h = opaque;

    for (unsigned k = 0; k < ZPCI_MAX_FUNCTIONS; k++) {
        ZpciFunction *f = h->functions[k];
        if (f && __atomic_load_n(&f->fault, __ATOMIC_ACQUIRE) == FAULT_SEEN) {
            enter(f);
        }
    }
}

bool zpci_in_error(const ZpciFunction *f)
{
    return f->regs.error || __atomic_load_n(&f->fault, __ATOMIC_ACQUIRE) != FAULT_NONE;
}

void zpci_fault_forget(ZpciFunction *f)
{
    __atomic_store_n(&f->fault, FAULT_NONE, __ATOMIC_RELEASE);
}

void zpci_dma_refused(ZpciFunction *f, uint64_t address, bool write)
{
    uint32_t none = FAULT_NONE;

    if (__atomic_compare_exchange_n(&f->fault, &none, FAULT_NOTED, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED)) {
        f->fault_address = address;
        f->fault_write = write;
        __atomic_store_n(&f->fault, FAULT_SEEN, __ATOMIC_RELEASE);
        loop_call(f->host->board->vm, look, f->host);
    }
}

/* ---- record descriptions ---- */

static bool errs(const void *saved)
{
    const ZpciRegs *r = saved;

    return r->error || r->blocked;
}

const Record zpci_error_record = {
    .name = "zpci/error",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ZpciRegs),
    .fields = (const Field[]){ F_BOOL(ZpciRegs, error), F_BOOL(ZpciRegs, blocked), F_END },
    .needed = errs,
    .supported = zpci_record_known,
};
