/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "vmgenid": the generation id of the virtual machine. Firmware copies the page with the number into
 * guest memory and says where; from then on a process that takes the guest over (a migration, a
 * restored file) writes its own number there and notifies the guest, which reseeds what must not be
 * the same twice. The number itself is configuration and does not travel; the address does.
 */
#include "hw/misc/vmgenid.h"

#include <string.h>

#include "base/util/endian.h"

/* ---- saved form ---- */
typedef struct {
    uint8_t vmgenid_addr_le[8]; /* as firmware wrote it */
} GenIdSaved;

typedef struct {
    Device dev;       /* first */
    uint8_t guid[16]; /* in the order of its text */
    uint8_t addr[8];  /* of the number in guest memory, little-endian; 0: not placed */
    uint8_t page[VMGENID_FILE_BYTES];
    void (*changed)(void *opaque);
    void *opaque;
} VmGenId;

/* ---- the number ---- */
static void random_guid(uint8_t out[16])
{
    for (int i = 0; i < 16; i += 4) {
        st_be32(out + i, g_random_int());
    }
    out[6] = (out[6] & 0x0f) | 0x40; /* version 4, variant 1 */
    out[8] = (out[8] & 0x3f) | 0x80;
}

/* In memory the first three fields of a GUID are little-endian. */
static void memory_guid(const VmGenId *s, uint8_t out[16])
{
    st_le32(out, ld_be32(s->guid));
    st_le16(out + 4, ld_be16(s->guid + 4));
    st_le16(out + 6, ld_be16(s->guid + 6));
    memcpy(out + 8, s->guid + 8, 8);
}

char *vmgenid_guid(Device *dev)
{
    const uint8_t *g = ((VmGenId *)dev)->guid;

    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11],
                           g[12], g[13], g[14], g[15]);
}

Device *vmgenid_find(Vm *vm)
{
    const GPtrArray *devices = bus_root(vm)->devices;

    for (guint i = 0; i < devices->len; i++) {
        Device *dev = g_ptr_array_index(devices, i);

        if (object_is_a(&dev->obj, TYPE_VMGENID)) {
            return dev;
        }
    }
    return NULL;
}

static GVariant *guid_get(Object *obj, const Property *prop)
{
    return g_variant_new_take_string(vmgenid_guid((Device *)obj));
}

static bool guid_set(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    VmGenId *s = (VmGenId *)obj;
    const char *text = g_variant_get_string(value, NULL);

    if (!strcmp(text, "auto")) {
        random_guid(s->guid);
        return true;
    }
    if (!g_uuid_string_is_valid(text)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "guid '%s' is neither a UUID such as 01234567-89ab-cdef-0123-456789abcdef nor "
                    "\"auto\"",
                    text);
        return false;
    }
    for (int i = 0; i < 16; i++, text += 2) {
        text += *text == '-';
        s->guid[i] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
    }
    return true;
}

static void genid_init(Object *obj)
{
    random_guid(((VmGenId *)obj)->guid);
}

/* ---- its place ---- */
GBytes *vmgenid_page(Device *dev)
{
    return g_bytes_new(((VmGenId *)dev)->page, VMGENID_FILE_BYTES);
}

bool vmgenid_publish(Device *dev, FwCfg *fw_cfg, GError **error)
{
    VmGenId *s = (VmGenId *)dev;
    g_autoptr(GBytes) page = vmgenid_page(dev);

    return fw_cfg_add_file(fw_cfg, VMGENID_FILE, page, error) &&
           fw_cfg_add_writable_file(fw_cfg, VMGENID_ADDR_FILE, s->addr, sizeof(s->addr), NULL, NULL,
                                    error);
}

void vmgenid_placed(Device *dev, uint64_t page)
{
    st_le64(((VmGenId *)dev)->addr, page + VMGENID_GUID_OFFSET);
}

void vmgenid_connect(Device *dev, void (*changed)(void *opaque), void *opaque)
{
    VmGenId *s = (VmGenId *)dev;

    s->changed = changed;
    s->opaque = opaque;
}

/* ---- reset, realize ---- */
static void genid_reset(Device *dev, ResetKind kind)
{
    memset(((VmGenId *)dev)->addr, 0, sizeof(((VmGenId *)dev)->addr));
}

static bool genid_realize(Device *dev, GError **error)
{
    VmGenId *s = (VmGenId *)dev;

    memory_guid(s, s->page + VMGENID_GUID_OFFSET);
    return true;
}

/* ---- record ---- */
static void genid_save(void *owner, void *saved)
{
    memcpy(((GenIdSaved *)saved)->vmgenid_addr_le, ((VmGenId *)owner)->addr, 8);
}

static void genid_install(void *owner, const void *saved)
{
    memcpy(((VmGenId *)owner)->addr, ((const GenIdSaved *)saved)->vmgenid_addr_le, 8);
}

/* This is another machine than the one the guest comes from. An address that is no memory is nobody's harm. */
static void genid_installed(void *owner)
{
    VmGenId *s = owner;
    uint64_t addr = ld_le64(s->addr);

    if (addr) {
        address_space_write(address_space_memory(device_vm(&s->dev)), addr, MEM_ATTRS_NONE,
                            s->page + VMGENID_GUID_OFFSET, sizeof(s->guid));
        s->changed(s->opaque);
    }
}

static const SectionOps section_ops = { .save = genid_save,
                                        .install = genid_install,
                                        .installed = genid_installed };
static const Field fields[] = {
    F_ARRAY(FIELD_U8, GenIdSaved, vmgenid_addr_le),
    F_END,
};
static const Record record = {
    .name = "vmgenid",
    .version = 1,
    .min_version = 1,
    .size = sizeof(GenIdSaved),
    .fields = fields,
};
static const SectionDesc section = { .record = &record, .ops = &section_ops };

/* ---- types ---- */
static const Property props[] = {
    { .name = "guid",
      .kind = PROP_CUSTOM,
      .link_type = "str",
      .description = "UUID (aka GUID) or \"auto\" for random value (default)",
      .get = guid_get,
      .set = guid_set },
    PROP_END,
};
static const DeviceOps ops = {
    .category = DEVICE_CATEGORY_MISC,
    .user_creatable = true,
    .on_board = true,
    .realize = genid_realize,
    .reset = genid_reset,
    .section = &section,
};
const TypeInfo vmgenid_types[] = {
    { .name = TYPE_VMGENID,
      .parent = "device",
      .description = "generation id of the virtual machine",
      .instance_size = sizeof(VmGenId),
      .init = genid_init,
      .props = props,
      .ops = &ops },
};
const size_t vmgenid_types_n = G_N_ELEMENTS(vmgenid_types);
