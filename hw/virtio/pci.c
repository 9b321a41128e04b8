/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI transport: the proxy device, its identity, interrupts and forwarded properties
 * (virtio 1.2, section 4.1). Registers are in pci-legacy.c and pci-modern.c.
 */
#include "pci-priv.h"

#include "hw/virtio/saved.h"

#include <string.h>

#include "base/util/log.h"

/* ---- interrupts ---- */

uint16_t virtio_pci_check_vector(VirtioPci *proxy, uint32_t vector)
{
    return vector < proxy->pci.msix_entries ? (uint16_t)vector : VIRTIO_NO_VECTOR;
}

uint8_t virtio_pci_read_isr(VirtioPci *proxy)
{
    uint8_t isr = proxy->backend->isr;

    proxy->backend->isr = 0;
    pci_set_irq(&proxy->pci, 0);
    return isr;
}

static void interrupt(VirtioPci *proxy, uint16_t vector)
{
    if (!msix_enabled(&proxy->pci)) {
        pci_set_irq(&proxy->pci, proxy->backend->isr & 1 || proxy->backend->isr & 2);
    } else if (vector != VIRTIO_NO_VECTOR) {
        msix_notify(&proxy->pci, vector);
    }
}

static void notify_queue(void *transport, VirtQueue *vq)
{
    interrupt(transport, vq->vector);
}

static void notify_config(void *transport)
{
    VirtioPci *proxy = transport;

    interrupt(proxy, proxy->backend->config_vector);
}

static AddressSpace *dma_space(void *transport)
{
    VirtioPci *proxy = transport;
    PciDevice *pci = &proxy->pci;

    /* Without the feature a driver gives physical addresses, whatever IOMMU there is. */
    if (pci_has_iommu(pci) && !virtio_offers(proxy->backend, VIRTIO_F_IOMMU_PLATFORM)) {
        return address_space_memory(device_vm(&pci->dev));
    }
    return pci_dma_space(pci);
}

static char *device_path(void *transport)
{
    PciDevice *pci = &((VirtioPci *)transport)->pci;
    Bus *bus = pci->dev.bus;

    return bus && bus_ops(bus)->device_path ? bus_ops(bus)->device_path(bus, &pci->dev) : NULL;
}

static bool modern_only(void *transport)
{
    return !((VirtioPci *)transport)->legacy;
}

static bool has_modern(void *transport)
{
    return ((VirtioPci *)transport)->modern;
}

/* ---- migrated state ---- */

static void save_state(void *transport, VirtioSaved *saved)
{
    VirtioPci *proxy = transport;
    PciDevice *pci = &proxy->pci;

    saved->is_pci = true;
    saved->modern = proxy->modern;
    pci_device_save(pci, &saved->pci);
    if (pci->msix_cap) {
        saved->msix_table_len = msix_table_bytes(pci);
        saved->msix_pba_len = msix_pba_bytes(pci);
        saved->msix_table = g_malloc0(saved->msix_table_len);
        saved->msix_pba = g_malloc0(saved->msix_pba_len);
        msix_save(pci, saved->msix_table, saved->msix_pba);
    }
    saved->device_select = proxy->device_select;
    saved->driver_select = proxy->driver_select;
    memcpy(saved->driver_features, proxy->driver_features, sizeof(saved->driver_features));
}

static bool check_vector(const VirtioPci *proxy, uint16_t vector, GError **error)
{
    if (vector != VIRTIO_NO_VECTOR && vector >= MAX(proxy->pci.msix_entries, 1u)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "MSI-X vector %u in the stream, here there are %u", vector,
                    proxy->pci.msix_entries);
        return false;
    }
    return true;
}

static bool check_state(void *transport, const VirtioSaved *saved, GError **error)
{
    VirtioPci *proxy = transport;

    if (!pci_device_check(&proxy->pci, &saved->pci, error) ||
        (saved->msix_table_len && !check_vector(proxy, saved->config_vector, error))) {
        return false;
    }
    for (unsigned i = 0; i < saved->n_queues; i++) {
        if (!check_vector(proxy, saved->queues[i].vector, error)) {
            return false;
        }
    }
    return true;
}

static void install_state(void *transport, const VirtioSaved *saved)
{
    VirtioPci *proxy = transport;

    pci_device_install(&proxy->pci, &saved->pci);
    if (saved->msix_table_len) {
        msix_load(&proxy->pci, saved->msix_table, saved->msix_pba);
    }
    proxy->device_select = saved->device_select;
    proxy->driver_select = saved->driver_select;
    memcpy(proxy->driver_features, saved->driver_features, sizeof(saved->driver_features));
}

static const VirtioTransport pci_transport = {
    .notify_queue = notify_queue,
    .notify_config = notify_config,
    .dma_space = dma_space,
    .device_path = device_path,
    .modern_only = modern_only,
    .has_modern = has_modern,
    .save = save_state,
    .check = check_state,
    .install = install_state,
};

/* ---- properties ---- */

/* The default of a property is applied before the proxy is complete: the backend has its own. */
bool virtio_pci_forward_set(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    VirtioPci *proxy = VIRTIO_PCI(obj);

    return !proxy->forward || object_set(&proxy->backend->dev.obj, prop->name, value, error);
}

GVariant *virtio_pci_forward_get(Object *obj, const Property *prop)
{
    VirtioPci *proxy = VIRTIO_PCI(obj);
    g_autoptr(GVariant) value =
        proxy->backend ? object_get(&proxy->backend->dev.obj, prop->name, NULL) : NULL;

    return value ? g_variant_ref(value) : g_variant_new_string("");
}

static const Property pci_props[] = {
    PROP(PROP_BOOL, VirtioPci, ioeventfd, "ioeventfd", "on"),
    PROP(PROP_ONOFFAUTO, VirtioPci, disable_legacy, "disable-legacy", "auto"),
    PROP(PROP_BOOL, VirtioPci, disable_modern, "disable-modern", "off"),
    PROP(PROP_BOOL, VirtioPci, page_per_vq, "page-per-vq", "off"),
    PROP(PROP_BOOL, VirtioPci, modern_pio_notify, "modern-pio-notify", "off"),
    PROP(PROP_BOOL, VirtioPci, ats, "ats", "off"),
    PROP(PROP_BOOL, VirtioPci, migrate_extra, "migrate-extra", "on"),
    PROP(PROP_U32, VirtioPci, n_vectors, "vectors", "4294967295"),
    VIRTIO_COMMON_PROPERTIES(VIRTIO_PCI_FORWARD),
    PROP_END,
};

static const VirtioPciOps *proxy_ops(const VirtioPci *proxy)
{
    return object_ops(&proxy->pci.dev.obj);
}

static void proxy_init(Object *obj)
{
    VirtioPci *proxy = VIRTIO_PCI(obj);
    g_autoptr(GError) error = NULL;
    Device *backend = device_new(obj->vm, proxy_ops(proxy)->backend_type, &error);

    if (!backend || !object_add_child(obj, "virtio-backend", &backend->obj, &error)) {
        g_error("%s: %s", object_type_name(obj), error->message);
    }
    proxy->backend = VIRTIO_DEVICE(backend);
}

void virtio_pci_leaf_init(Object *obj)
{
    VIRTIO_PCI(obj)->forward = true;
}

static void proxy_finalize(Object *obj)
{
    if (VIRTIO_PCI(obj)->backend) {
        object_unref(&VIRTIO_PCI(obj)->backend->dev.obj);
    }
}

/* ---- realize ---- */

static bool choose_interfaces(VirtioPci *proxy, GError **error)
{
    PciBus *bus = pci_device_bus(&proxy->pci);
    bool below_port = bus->express && bus->bridge;
    VirtioPciKind kind = proxy_ops(proxy)->kind;

    proxy->modern = !proxy->disable_modern;
    proxy->legacy = proxy->disable_legacy == ONOFFAUTO_AUTO
                        ? !below_port
                        : proxy->disable_legacy == ONOFFAUTO_OFF;
    if (kind == VIRTIO_PCI_TRANSITIONAL) {
        proxy->modern = proxy->legacy = true;
    } else if (kind == VIRTIO_PCI_NON_TRANSITIONAL) {
        proxy->modern = true;
        proxy->legacy = false;
    }
    if (!proxy->modern && !proxy->legacy) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "device cannot work as neither modern nor legacy mode is enabled; set either "
                    "disable-modern or disable-legacy to off");
        return false;
    }
    if (proxy->modern_pio_notify || proxy->ats) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "property '%s' is not supported by this build",
                    proxy->ats ? "ats" : "modern-pio-notify");
        return false;
    }
    return true;
}

static uint16_t legacy_device_id(uint16_t virtio_id)
{
    static const uint16_t ids[] = {
        [VIRTIO_ID_NET] = 0x1000,     [VIRTIO_ID_BLOCK] = 0x1001, [VIRTIO_ID_BALLOON] = 0x1002,
        [VIRTIO_ID_CONSOLE] = 0x1003, [VIRTIO_ID_RNG] = 0x1005,   [VIRTIO_ID_SCSI] = 0x1004,
    };

    return virtio_id < G_N_ELEMENTS(ids) ? ids[virtio_id] : 0;
}

static void set_identity(VirtioPci *proxy)
{
    uint16_t id = virtio_device_ops(proxy->backend)->device_id;
    PciDevice *pci = &proxy->pci;

    if (proxy->legacy && legacy_device_id(id)) {
        pci_set16(pci, PCI_DEVICE_ID, legacy_device_id(id));
        pci_set16(pci, PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_VIRTIO);
        pci_set16(pci, PCI_SUBSYSTEM_ID, id);
    } else {
        pci_set16(pci, PCI_DEVICE_ID, 0x1040 + id);
        pci_set8(pci, PCI_REVISION_ID, 1);
        pci_set16(pci, PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_VIRTIO);
        pci_set16(pci, PCI_SUBSYSTEM_ID, 0x1100);
    }
    if (proxy->class_code) {
        pci_set16(pci, PCI_CLASS_DEVICE, (uint16_t)proxy->class_code);
    }
}

static bool add_msix(VirtioPci *proxy, GError **error)
{
    const VirtioDeviceOps *ops = virtio_device_ops(proxy->backend);
    unsigned n = proxy->n_vectors;

    if (n == UINT32_MAX) {
        n = ops->vectors ? ops->vectors(proxy->backend) : virtio_queue_count(proxy->backend) + 1;
    }
    return !n || msix_init_own_bar(&proxy->pci, n, MSIX_BAR, error);
}

static bool add_express_caps(VirtioPci *proxy, GError **error)
{
    PciDevice *pci = &proxy->pci;

    if (!pci_device_express(pci)) {
        return true;
    }
    if (!pcie_cap_init(pci, 0, PCI_EXP_TYPE_ENDPOINT, 0, error) || !pci_pm_init(pci, 0, error)) {
        return false;
    }
    pcie_cap_with_flr(pci);
    return true;
}

bool virtio_pci_realize(PciDevice *pci, GError **error)
{
    VirtioPci *proxy = VIRTIO_PCI(pci);
    const VirtioPciOps *ops = proxy_ops(proxy);

    if (!choose_interfaces(proxy, error) || (ops->prepare && !ops->prepare(proxy, error)) ||
        !add_express_caps(proxy, error)) {
        return false;
    }
    if (!proxy->bus) {
        proxy->bus = virtio_bus_new(&pci->dev, &pci_transport, proxy);
    }
    if (!device_realize(&proxy->backend->dev, &proxy->bus->bus, "virtio-backend", error)) {
        return false;
    }
    set_identity(proxy);
    if ((proxy->modern && !virtio_pci_modern_init(proxy, error)) || !add_msix(proxy, error)) {
        device_unrealize(&proxy->backend->dev);
        return false;
    }
    if (proxy->legacy) {
        virtio_pci_legacy_init(proxy);
    }
    return true;
}

void virtio_pci_unrealize(PciDevice *pci)
{
    VirtioPci *proxy = VIRTIO_PCI(pci);

    if (proxy->backend->dev.realized) {
        device_unrealize(&proxy->backend->dev);
    }
    if (proxy->modern) {
        virtio_pci_modern_clear(proxy);
    }
    if (proxy->legacy) {
        memory_region_clear(&proxy->legacy_mr);
    }
}

void virtio_pci_reset(PciDevice *pci, ResetKind kind)
{
    VirtioPci *proxy = VIRTIO_PCI(pci);

    virtio_reset(proxy->backend);
    proxy->device_select = proxy->driver_select = 0;
    proxy->driver_features[0] = proxy->driver_features[1] = 0;
}

static const VirtioPciOps abstract_ops = VIRTIO_PCI_OPS(NULL, VIRTIO_PCI_AUTO, 0, 0, NULL);

const TypeInfo virtio_pci_types[] = {
    {
        .name = TYPE_VIRTIO_PCI,
        .parent = TYPE_PCI_DEVICE,
        .abstract = true,
        .instance_size = sizeof(VirtioPci),
        .props = pci_props,
        .ops = &abstract_ops,
        .init = proxy_init,
        .finalize = proxy_finalize,
    },
};
const size_t virtio_pci_types_count = G_N_ELEMENTS(virtio_pci_types);
