/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "loader": a device that no guest sees, which puts a number or a file into memory at each reset.
 * It does not interpret files (an ELF image must be given as one: force-raw) and starts no CPU.
 */
#include "base/util/endian.h"
#include "hw/core/device.h"
#include "hw/core/loader.h"
#include "hw/core/types.h"

#include <string.h>

#define NO_CPU    UINT32_MAX
#define MAX_IMAGE (4ull << 30)

typedef struct {
    Device dev; /* first */
    uint64_t addr, data;
    uint8_t data_len;
    bool data_be, force_raw;
    uint32_t cpu_num;
    char *file;
    GBytes *image; /* what goes to addr */
} Loader;

static bool fail(GError **error, const char *why)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "%s", why);
    return false;
}

static bool take_file(Loader *s, GError **error)
{
    if (s->data_len || s->data || s->data_be) {
        return fail(error, "Specifying data is not supported when loading an image");
    }
    s->image = image_read_file("image", s->file, MAX_IMAGE, error);
    if (!s->image) {
        return false;
    }
    if (!s->force_raw && g_bytes_get_size(s->image) >= 4 &&
        !memcmp(g_bytes_get_data(s->image, NULL), "\177ELF", 4)) {
        g_clear_pointer(&s->image, g_bytes_unref);
        return fail(error, "an ELF image is not taken apart by this build: use force-raw=on");
    }
    return true;
}

static bool take_data(Loader *s, GError **error)
{
    uint8_t raw[8] = { 0 };

    if (s->data_len < 1 || s->data_len > 8) {
        return fail(error, s->data_len ? "data-len cannot be greater than 8 bytes"
                                       : "data-len cannot be 0: give data and data-len, or file");
    }
    if (s->data_be) {
        for (int i = 0; i < s->data_len; i++) {
            raw[i] = s->data >> 8 * (s->data_len - 1 - i);
        }
    } else {
        st_le64(raw, s->data);
    }
    s->image = g_bytes_new(raw, s->data_len);
    return true;
}

static bool loader_realize(Device *dev, GError **error)
{
    Loader *s = (Loader *)dev;

    if (s->cpu_num != NO_CPU) {
        return fail(error, "cpu-num: this build's loader starts no CPU");
    }
    return s->file && *s->file ? take_file(s, error) : take_data(s, error);
}

static void loader_unrealize(Device *dev)
{
    g_clear_pointer(&((Loader *)dev)->image, g_bytes_unref);
}

/* Where there is no memory it is lost. */
static void loader_reset(Device *dev, ResetKind kind)
{
    const Loader *s = (const Loader *)dev;

    address_space_write_rom(address_space_memory(device_vm(dev)), s->addr,
                            g_bytes_get_data(s->image, NULL), g_bytes_get_size(s->image));
}

static const Property props[] = {
    PROP(PROP_U64, Loader, addr, "addr", "0"),
    PROP(PROP_U64, Loader, data, "data", "0"),
    PROP(PROP_U8, Loader, data_len, "data-len", "0"),
    PROP(PROP_BOOL, Loader, data_be, "data-be", "off"),
    PROP(PROP_U32, Loader, cpu_num, "cpu-num", "4294967295"),
    PROP(PROP_BOOL, Loader, force_raw, "force-raw", "off"),
    PROP(PROP_STR, Loader, file, "file", NULL),
    PROP_END,
};
static const DeviceOps ops = {
    .bus_type = "System", /* where resets come by */
    .category = DEVICE_CATEGORY_MISC,
    .user_creatable = true,
    .realize = loader_realize,
    .unrealize = loader_unrealize,
    .reset = loader_reset,
};
const TypeInfo loader_device_types[] = {
    { .name = "loader",
      .parent = "device",
      .description = "Generic Loader",
      .instance_size = sizeof(Loader),
      .props = props,
      .ops = &ops },
};
const size_t loader_device_types_n = G_N_ELEMENTS(loader_device_types);
