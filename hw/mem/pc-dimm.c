/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "pc-dimm" and "nvdimm": a memory backend's block as a device. Where it is seen, and in which slot,
 * is the board's to say (MachineOps.pre_plug); the RAM travels with the backend's block, so neither
 * has a record of its own. An nvdimm's label area is the end of its block and not shown.
 */
#include "hw/mem/pc-dimm.h"
#include "base/memory/backend.h"
#include "base/util/units.h"

#define LABEL_MIN    (128 * KiB)
#define NVDIMM_ALIGN (2 * MiB) /* of what is shown, where labels take the end */

/* "mem0" or "/objects/mem0". */
static const char *backend_id(const PcDimm *d)
{
    return d->memdev && g_str_has_prefix(d->memdev, "/objects/") ? d->memdev + 9 : d->memdev;
}

uint64_t pc_dimm_size(const PcDimm *d)
{
    const char *id = backend_id(d);
    uint64_t size = d->block ? ram_block_used_length(d->block)
                    : id     ? memory_backend_size(device_vm(&d->dev), id)
                             : 0;

    size = size > d->label_bytes ? size - d->label_bytes : 0;
    return d->label_bytes ? size - size % NVDIMM_ALIGN : size;
}

static uint64_t labels_at(const PcDimm *d)
{
    return ram_block_used_length(d->block) - d->label_bytes;
}

uint8_t *pc_dimm_labels(const PcDimm *d)
{
    return ram_block_host(d->block) + labels_at(d);
}

void pc_dimm_labels_written(const PcDimm *d, uint64_t offset, uint64_t bytes)
{
    ram_dirty_written(device_vm(&d->dev), ram_block_addr(d->block) + labels_at(d) + offset, bytes);
}

static bool labels_ok(const PcDimm *d, GError **error)
{
    if (d->label_bytes && (d->label_bytes < LABEL_MIN || d->label_bytes % (4 * KiB))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "label-size %" G_GUINT64_FORMAT " is not a multiple of 4096 from %u up",
                    d->label_bytes, (unsigned)LABEL_MIN);
        return false;
    }
    if (pc_dimm_size(d) == 0) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the memory backend has no room beside a label area of %" G_GUINT64_FORMAT
                    " bytes",
                    d->label_bytes);
        return false;
    }
    return true;
}

/* A module whose file cannot be written to must not promise the guest that its writes last. */
static bool arms_ok(const PcDimm *d, GError **error)
{
    g_autoptr(GVariant) readonly = object_get(d->backend, "readonly", NULL);

    if (pc_dimm_is_nvdimm(d) && !d->unarmed && readonly && g_variant_get_boolean(readonly)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "'unarmed' property must be 'on' since memdev '%s' is read-only", d->memdev);
        return false;
    }
    return true;
}

static bool dimm_realize(Device *dev, GError **error)
{
    PcDimm *d = PC_DIMM(dev);
    Vm *vm = device_vm(dev);
    const char *id = backend_id(d);

    d->block = memory_backend_claim(vm, id, 0, error);
    if (!d->block) {
        return false;
    }
    d->backend = object_ref(object_child(object_container(vm->root, "/objects"), id));
    if (!labels_ok(d, error) || !arms_ok(d, error)) {
        memory_backend_release(vm, id);
        d->block = NULL;
        g_clear_pointer(&d->backend, object_unref);
        return false;
    }
    memory_region_init_ram_block(&d->mr, vm, &dev->obj, id, d->block, false);
    memory_region_set_size(&d->mr, pc_dimm_size(d));
    return true;
}

static void dimm_unrealize(Device *dev)
{
    PcDimm *d = PC_DIMM(dev);

    memory_region_clear(&d->mr);
    memory_backend_release(device_vm(dev), backend_id(d));
    d->block = NULL;
    g_clear_pointer(&d->backend, object_unref);
}

static GVariant *size_get(Object *obj, const Property *prop)
{
    return g_variant_new_uint64(pc_dimm_size(PC_DIMM(obj)));
}

static const DeviceOps dimm_ops = {
    .category = DEVICE_CATEGORY_MISC,
    .user_creatable = true,
    .hotpluggable = true,
    .on_board = true,
    .realize = dimm_realize,
    .unrealize = dimm_unrealize,
};

static const Property dimm_props[] = {
    PROP(PROP_STR, PcDimm, memdev, "memdev", NULL, .description = "id of a memory backend"),
    PROP(PROP_U64, PcDimm, addr, "addr", "0"),
    PROP(PROP_I32, PcDimm, slot, "slot", "-1"),
    PROP(PROP_U32, PcDimm, node, "node", "0"),
    { .name = "size", .kind = PROP_CUSTOM, .link_type = "uint64", .get = size_get },
    PROP_END,
};
static const Property nvdimm_props[] = {
    PROP(PROP_SIZE, PcDimm, label_bytes, "label-size", "0"),
    PROP(PROP_BOOL, PcDimm, unarmed, "unarmed", "off"),
    PROP(PROP_UUID, PcDimm, uuid, "uuid", NULL),
    PROP_END,
};

const TypeInfo pc_dimm_types[] = {
    { .name = "pc-dimm",
      .parent = "device",
      .description = "DIMM memory module",
      .instance_size = sizeof(PcDimm),
      .props = dimm_props,
      .ops = &dimm_ops },
    { .name = "nvdimm",
      .parent = "pc-dimm",
      .description = "non-volatile memory module",
      .props = nvdimm_props },
};
const size_t pc_dimm_types_count = G_N_ELEMENTS(pc_dimm_types);
