/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio over PCI: the proxy device that a user names (virtio-blk-pci). It owns the backend device
 * (child "virtio-backend") on a bus of its own and forwards the backend's properties.
 *
 * A room with a virtio device exports three types a device with VIRTIO_PCI_TYPES(): X-pci,
 * X-pci-transitional, X-pci-non-transitional, over the abstract X-pci-base that has the properties.
 */
#pragma once

#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

#define TYPE_VIRTIO_PCI "virtio-pci"

typedef struct VirtioPci {
    PciDevice pci; /* first */
    /* properties */
    bool ioeventfd, disable_modern, page_per_vq, modern_pio_notify, ats, migrate_extra;
    OnOffAuto disable_legacy;
    uint32_t n_vectors, class_code;
    /* state */
    bool forward; /* property writes reach the backend: past its defaults */
    bool modern, legacy, transitional_id;
    VirtioDevice *backend; /* the child; own reference */
    VirtioBus *bus;
    uint32_t device_select, driver_select;
    uint32_t driver_features[2];
    MemoryRegion legacy_mr, modern_bar, common_mr, isr_mr, device_mr, notify_mr;
    uint8_t cfg_cap; /* offset of the PCI configuration access capability */
    uint32_t notify_multiplier;
} VirtioPci;
#define VIRTIO_PCI(obj_) ((VirtioPci *)(obj_))

typedef enum {
    VIRTIO_PCI_AUTO,
    VIRTIO_PCI_TRANSITIONAL,
    VIRTIO_PCI_NON_TRANSITIONAL
} VirtioPciKind;

typedef struct VirtioPciOps {
    PciDeviceOps pci; /* first */
    const char *backend_type;
    VirtioPciKind kind;
    uint16_t class_id;
    /* Before the backend is realized: properties that depend on the machine. May be NULL. */
    bool (*prepare)(VirtioPci *proxy, GError **error);
} VirtioPciOps;

bool virtio_pci_realize(PciDevice *pci, GError **error);
void virtio_pci_unrealize(PciDevice *pci);
void virtio_pci_reset(PciDevice *pci, ResetKind kind);
void virtio_pci_config_write(PciDevice *pci, uint32_t addr, uint32_t value, unsigned len);
uint32_t virtio_pci_config_read(PciDevice *pci, uint32_t addr, unsigned len);
void virtio_pci_leaf_init(Object *obj);
GVariant *virtio_pci_forward_get(Object *obj, const Property *prop);
bool virtio_pci_forward_set(Object *obj, const Property *prop, GVariant *value, GError **error);

/* In place of PROP in a property list: the same property, kept by the backend. */
#define VIRTIO_PCI_FORWARD(kind_, T, field, name_, default_, ...)                   \
    {                                                                               \
        .name = (name_), .kind = (kind_), .default_str = (default_), ##__VA_ARGS__, \
        .get = virtio_pci_forward_get, .set = virtio_pci_forward_set                \
    }

#define VIRTIO_PCI_OPS(backend_, kind_, class_, category_, prepare_, ...)                        \
    {                                                                                            \
        .pci = { .dev = { PCI_DEVICE_BASE, .category = (category_), .user_creatable = true,      \
                          .hotpluggable = true },                                                \
                 .vendor_id = PCI_VENDOR_VIRTIO,                                                 \
                 .device_id = 0x1000,                                                            \
                 .class_id = (class_),                                                           \
                 .interrupt_pin = 1,                                                             \
                 .may_be_express = true,                                                         \
                 .realize = virtio_pci_realize,                                                  \
                 .unrealize = virtio_pci_unrealize,                                              \
                 .reset = virtio_pci_reset,                                                      \
                 .config_read = virtio_pci_config_read,                                          \
                 .config_write = virtio_pci_config_write,                                        \
                 ##__VA_ARGS__ },                                                                \
        .backend_type = (backend_), .kind = (kind_), .class_id = (class_), .prepare = (prepare_) \
    }

/* The three ops tables, to be declared before the types; more members of PciDeviceOps may follow. */
#define VIRTIO_PCI_DECLARE(sym, backend, class, category, prepare, ...)                            \
    static const VirtioPciOps sym##_pci_ops =                                                      \
        VIRTIO_PCI_OPS(backend, VIRTIO_PCI_AUTO, class, category, prepare, ##__VA_ARGS__);         \
    static const VirtioPciOps sym##_pci_t_ops =                                                    \
        VIRTIO_PCI_OPS(backend, VIRTIO_PCI_TRANSITIONAL, class, category, prepare, ##__VA_ARGS__); \
    static const VirtioPciOps sym##_pci_nt_ops =                                                   \
        VIRTIO_PCI_OPS(backend, VIRTIO_PCI_NON_TRANSITIONAL, class, category, prepare,             \
                       ##__VA_ARGS__)

/* The four TypeInfo entries. */
#define VIRTIO_PCI_TYPES(name_, sym, props_)                                \
    { .name = name_ "-pci-base",                                            \
      .parent = TYPE_VIRTIO_PCI,                                            \
      .abstract = true,                                                     \
      .props = (props_),                                                    \
      .ops = &sym##_pci_ops },                                              \
        { .name = name_ "-pci",                                             \
          .parent = name_ "-pci-base",                                      \
          .ops = &sym##_pci_ops,                                            \
          .init = virtio_pci_leaf_init },                                   \
        { .name = name_ "-pci-transitional",                                \
          .parent = name_ "-pci-base",                                      \
          .ops = &sym##_pci_t_ops,                                          \
          .init = virtio_pci_leaf_init },                                   \
    {                                                                       \
        .name = name_ "-pci-non-transitional", .parent = name_ "-pci-base", \
        .ops = &sym##_pci_nt_ops, .init = virtio_pci_leaf_init              \
    }

extern const TypeInfo virtio_pci_types[];
extern const size_t virtio_pci_types_count;
