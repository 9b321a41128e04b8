/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that an error has parked, on their way to another process: their chains by queue and head,
 * which the receiver reads again from the guest's memory.
 */
#include "hw/virtio/saved.h"

const Field virtio_parked_one_fields[] = { F_U16(VirtioParked, queue), F_U16(VirtioParked, head),
                                           F_END };

bool virtio_parked_needed(const void *saved)
{
    return ((const VirtioParkedSaved *)saved)->count != 0;
}

void virtio_parked_add(VirtioParkedSaved *saved, unsigned queue, unsigned head)
{
    if (saved->count < VIRTIO_PARKED_MAX) {
        saved->parked[saved->count++] = (VirtioParked){ (uint16_t)queue, (uint16_t)head };
    } else {
        saved->more_requests = 1; /* better a refused migration than lost requests */
    }
}

/* Each a head of its own that is in the ring. */
bool virtio_parked_check(const VirtioSaved *saved, const VirtioParkedSaved *own, GError **error)
{
    for (uint32_t i = 0; i < own->count; i++) {
        const VirtioParked *p = &own->parked[i];
        bool good = p->queue < saved->n_queues && p->head < saved->queues[p->queue].num;

        for (uint32_t k = 0; good && k < i; k++) {
            good = p->queue != own->parked[k].queue || p->head != own->parked[k].head;
        }
        if (!good) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "parked request %u: head %u of queue %u is not in the ring or comes twice",
                        i, p->head, p->queue);
            return false;
        }
    }
    if (own->more_requests) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "requests that wait for the disk are in the stream, which is not supported");
        return false;
    }
    return true;
}
