/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floating interrupt controller: interruptions that any CPU may take.
 *
 * At most one I/O interruption a subchannel and one adapter interruption an ISC are pending; the
 * service signal collects its parameters until it is taken. VM lock held for everything.
 */
#include "exec/engine.h"
#include "s390-priv.h"

typedef struct IoIrq {
    uint32_t id, parm, word;
} IoIrq;

struct Flic {
    Vm *vm;
    GArray *io[8];    /* IoIrq by interruption subclass, oldest first */
    uint8_t adapters; /* bit 0x80 >> isc */
    bool service, channel_report;
    uint32_t service_params;
};

Flic *flic_new(Vm *vm)
{
    Flic *f = g_new0(Flic, 1);

    f->vm = vm;
    for (int i = 0; i < 8; i++) {
        f->io[i] = g_array_new(FALSE, FALSE, sizeof(IoIrq));
    }
    return f;
}

void flic_free(Flic *f)
{
    for (int i = 0; i < 8; i++) {
        g_array_free(f->io[i], TRUE);
    }
    g_free(f);
}

void flic_reset(Flic *f)
{
    for (int i = 0; i < 8; i++) {
        g_array_set_size(f->io[i], 0);
    }
    f->adapters = 0;
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

bool flic_mcheck_take(Flic *f)
{
    bool was = f->channel_report;

    f->channel_report = false;
    return was;
}
