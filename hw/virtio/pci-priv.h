/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the PCI transport. */
#pragma once

#include "hw/virtio/virtio-pci.h"

enum {
    MODERN_BAR = 4,
    MSIX_BAR = 1,
    MODERN_BAR_BYTES = 0x4000,
    COMMON_OFFSET = 0x0000,
    ISR_OFFSET = 0x1000,
    DEVICE_OFFSET = 0x2000,
    NOTIFY_OFFSET = 0x3000,
    STRUCT_BYTES = 0x1000,
};

/* ---- pci-modern.c ---- */
bool virtio_pci_modern_init(VirtioPci *proxy, GError **error);
void virtio_pci_modern_clear(VirtioPci *proxy);
/* ---- pci-legacy.c ---- */
void virtio_pci_legacy_init(VirtioPci *proxy);
/* ---- pci.c ---- */
/* Read the ISR: acknowledges and lowers INTx. */
uint8_t virtio_pci_read_isr(VirtioPci *proxy);
/* A vector number as the driver wrote it: itself, or VIRTIO_NO_VECTOR when it does not exist. */
uint16_t virtio_pci_check_vector(VirtioPci *proxy, uint32_t vector);
