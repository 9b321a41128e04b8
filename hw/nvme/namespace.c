/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces: the image behind one, the bus of a controller, and the device "nvme-ns". */
#include "base/util/bits.h"
#include "nvme-priv.h"

#define BLOCK_MAX        65536u
#define AUTO_GRANULARITY UINT32_MAX

typedef struct {
    Device dev; /* first */
    NvmeNamespace ns;
} NvmeNsDevice;

NvmeNamespace *nvme_namespace(const Nvme *n, uint32_t nsid)
{
    return nsid && nsid <= NVME_NAMESPACES ? n->namespaces[nsid] : NULL;
}

uint64_t nvme_blocks(const NvmeNamespace *ns)
{
    return block_drive_length(ns->drive) / ns->logical_block_size;
}

bool nvme_any_write_cache(const Nvme *n)
{
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (n->namespaces[nsid] && block_drive_write_cache(n->namespaces[nsid]->drive)) {
            return true;
        }
    }
    return false;
}

/* ---- what the block layer tells ---- */

#define NOTICE_CHANGED (1u << 8) /* the host wants to know */

static void resized(void *opaque)
{
    NvmeNamespace *ns = opaque;
    uint64_t bytes = block_drive_length(ns->drive);

    if (!ns->n || bytes == ns->told_bytes) {
        return;
    }
    ns->told_bytes = bytes;
    ns->n->r.changed[(ns->nsid - 1) / 8] |= (uint8_t)(1u << (ns->nsid - 1) % 8);
    if (ns->n->r.async_config & NOTICE_CHANGED) {
        nvme_event(ns->n, NVME_EVENT_NOTICE, NVME_NAMESPACE_CHANGED, NVME_LOG_CHANGED);
    }
}

static char *path_of(void *opaque)
{
    return object_path(&((NvmeNamespace *)opaque)->dev->obj);
}

static const BlockDriveOps drive_ops = { .resized = resized, .device_path = path_of };

/* ---- attach, detach ---- */

static bool settle_sizes(NvmeNamespace *ns, GError **error)
{
    ns->logical_block_size = ns->logical_block_size ? ns->logical_block_size : 512;
    ns->physical_block_size = MAX(ns->physical_block_size, ns->logical_block_size);
    if (ns->discard_granularity == AUTO_GRANULARITY) {
        ns->discard_granularity = MAX(ns->logical_block_size, 4096);
    }
    if (!bits_is_pow2(ns->logical_block_size) || ns->logical_block_size < 512 ||
        ns->logical_block_size > BLOCK_MAX || !bits_is_pow2(ns->physical_block_size) ||
        ns->physical_block_size > BLOCK_MAX) {
        return hw_config_error(error,
                               "blocks of %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                               " bytes, expected powers of two between 512 and %u",
                               ns->logical_block_size, ns->physical_block_size, BLOCK_MAX);
    }
    if (ns->discard_granularity < ns->logical_block_size ||
        ns->discard_granularity % ns->logical_block_size) {
        return hw_config_error(error,
                               "discard_granularity %" G_GUINT64_FORMAT
                               " is no multiple of the block size %" G_GUINT64_FORMAT,
                               ns->discard_granularity, ns->logical_block_size);
    }
    return ns->rerror != BLOCK_ON_ERROR_ENOSPC ||
           hw_config_error(error, "property 'rerror' does not accept 'enospc'");
}

static bool choose_nsid(NvmeNamespace *ns, const Nvme *n, GError **error)
{
    if (ns->nsid > NVME_NAMESPACES) {
        return hw_config_error(error, "invalid namespace id %u (limit %u)", ns->nsid,
                               NVME_NAMESPACES);
    }
    if (ns->nsid) {
        return !n->namespaces[ns->nsid] ||
               hw_config_error(error, "namespace id '%u' already allocated", ns->nsid);
    }
    for (ns->nsid = 1; ns->nsid <= NVME_NAMESPACES; ns->nsid++) {
        if (!n->namespaces[ns->nsid]) {
            return true;
        }
    }
    return hw_config_error(error, "no free namespace id");
}

bool nvme_namespace_attach(NvmeNamespace *ns, Nvme *n, Device *dev, GError **error)
{
    Blocks *blocks = vm_blocks(device_vm(dev));
    BlockAttach a = {
        .ops = &drive_ops,
        .opaque = ns,
        .share_rw = ns->share_rw,
        .on_read_error = (BlockOnError)ns->rerror,
        .on_write_error = (BlockOnError)ns->werror,
        .write_cache = ns->write_cache,
    };

    ns->dev = dev;
    if (!ns->drive_name || !*ns->drive_name || !blocks) {
        return hw_config_error(error, "drive property not set");
    }
    if (!settle_sizes(ns, error) || !choose_nsid(ns, n, error)) {
        return false;
    }
    a.read_only = blocks_is_read_only(blocks, ns->drive_name);
    ns->drive = block_drive_attach(blocks, ns->drive_name, &a, error);
    if (!ns->drive) {
        return false;
    }
    if (!block_drive_has_medium(ns->drive)) {
        g_clear_pointer(&ns->drive, block_drive_detach);
        return hw_config_error(error, "device needs media, but drive is empty");
    }
    ns->told_bytes = block_drive_length(ns->drive);
    ns->first_write_cache = block_drive_write_cache(ns->drive);
    ns->n = n;
    n->namespaces[ns->nsid] = ns;
    return true;
}

/* Commands for it that are parked find out when they are started again. */
void nvme_namespace_detach(NvmeNamespace *ns)
{
    if (ns->drive) {
        g_clear_pointer(&ns->drive, block_drive_detach);
        ns->n->namespaces[ns->nsid] = NULL;
        ns->n = NULL;
    }
}

void nvme_namespace_reset(NvmeNamespace *ns)
{
    block_drive_set_write_cache(ns->drive, ns->first_write_cache);
}

/* ---- the device ---- */

static bool realize(Device *dev, GError **error)
{
    return nvme_namespace_attach(&((NvmeNsDevice *)dev)->ns, (Nvme *)dev->bus->owner, dev, error);
}

static void unrealize(Device *dev)
{
    nvme_namespace_detach(&((NvmeNsDevice *)dev)->ns);
}

static const Property props[] = {
    NVME_NAMESPACE_PROPS(NvmeNsDevice),
    PROP(PROP_U32, NvmeNsDevice, ns.nsid, "nsid", "0"),
    PROP(PROP_U64, NvmeNsDevice, ns.eui64, "eui64", "0"),
    PROP(PROP_UUID, NvmeNsDevice, ns.uuid, "uuid", NULL,
         .description = "one of its own, that both sides of a migration have; none unless given"),
    PROP_END,
};
static const DeviceOps ops = {
    .bus_type = TYPE_NVME_BUS,
    .category = DEVICE_CATEGORY_STORAGE,
    .user_creatable = true,
    .realize = realize,
    .unrealize = unrealize,
};
static const BusOps bus_type_ops = { .kind = TYPE_NVME_BUS };

const TypeInfo nvme_ns_types[] = {
    { .name = TYPE_NVME_BUS, .parent = "bus", .instance_size = sizeof(Bus), .ops = &bus_type_ops },
    { .name = "nvme-ns",
      .parent = "device",
      .description = "Virtual NVMe namespace",
      .instance_size = sizeof(NvmeNsDevice),
      .props = props,
      .ops = &ops },
};
const size_t nvme_ns_types_count = G_N_ELEMENTS(nvme_ns_types);
