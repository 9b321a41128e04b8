/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What firmware is told about booting: the CMOS bytes of -boot order=, waiting times, and the file
 * "bootorder", which lists devices with a bootindex as Open Firmware paths (IEEE 1275 and its PCI
 * binding), lowest index first.
 */
#include "hw/core/firmware.h"
#include "hw/timer/mc146818rtc.h"
#include "hw/usb/usb.h"
#include "pc-priv.h"

/* ---- CMOS ---- */
static int cmos_device(char letter)
{
    switch (letter) {
    case 'a':
    case 'b': return 1;
    case 'c': return 2;
    case 'd': return 3;
    case 'n': return 4;
    }
    return 0;
}

static bool check_order(const char *key, const char *order, GError **error)
{
    size_t len = order ? strlen(order) : 0;

    if (len > 3) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "-boot %s=%s: a PC takes at most 3 boot devices, not %zu", key, order, len);
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!cmos_device(order[i])) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "-boot %s=%s: '%c' is no boot device of a PC (a, b, c, d, n)", key, order,
                        order[i]);
            return false;
        }
    }
    return true;
}

void pc_bootorder_reset(PcMachine *pc, bool first)
{
    const Machine *m = &pc->machine;
    const char *order = first && m->boot_once ? m->boot_once : m->boot_order;
    int n[3] = { 0 };

    order = order ? order : "cad";
    for (size_t i = 0; i < 3 && order[i]; i++) {
        n[i] = cmos_device(order[i]);
    }
    mc146818rtc_set_cmos(pc->rtc, 0x3d, n[1] << 4 | n[0]);
    mc146818rtc_set_cmos(pc->rtc, 0x38, n[2] << 4);
}

/* ---- paths ---- */
static const struct {
    uint16_t class_id;
    const char *name;
} pci_names[] = {
    { 0x0100, "scsi" }, { 0x0101, "ide" },        { 0x0102, "fdc" },        { 0x0103, "ipi" },
    { 0x0104, "raid" }, { 0x0200, "ethernet" },   { 0x0201, "token-ring" }, { 0x0202, "fddi" },
    { 0x0203, "atm" },  { 0x0300, "display" },    { 0x0401, "audio" },      { 0x0600, "host" },
    { 0x0601, "isa" },  { 0x0604, "pci-bridge" }, { 0x0c03, "usb" },        { 0x0c05, "smbus" },
};

static void prepend_pci(GString *path, PciDevice *dev)
{
    uint16_t class_id = pci_get16(dev, PCI_CLASS_DEVICE);
    g_autoptr(GString) part = g_string_new("/");
    gsize start = part->len;

    for (size_t i = 0; i < G_N_ELEMENTS(pci_names); i++) {
        if (pci_names[i].class_id == class_id) {
            g_string_append(part, pci_names[i].name);
        }
    }
    if (part->len == start) {
        g_string_append_printf(part, "pci%04x,%04x", pci_get16(dev, PCI_VENDOR_ID),
                               pci_get16(dev, PCI_DEVICE_ID));
    }
    g_string_append_printf(part, "@%x", PCI_SLOT(dev->devfn));
    if (PCI_FUNC(dev->devfn)) {
        g_string_append_printf(part, ",%x", PCI_FUNC(dev->devfn));
    }
    g_string_prepend(path, part->str);
}

/* An integer property; @absent when the device has none of that name. */
static int64_t property_int(Device *dev, const char *name, int64_t absent)
{
    g_autoptr(GVariant) v = object_get(&dev->obj, name, NULL);

    if (v && g_variant_is_of_type(v, G_VARIANT_TYPE_INT64)) {
        return g_variant_get_int64(v);
    }
    return v && g_variant_is_of_type(v, G_VARIANT_TYPE_UINT64) ? (int64_t)g_variant_get_uint64(v)
                                                               : absent;
}

/* The device's own part, below the controller that PCI knows. */
static void own_part(Device *dev, GString *path)
{
    const char *type = object_type_name(&dev->obj);
    const char *bus = dev->bus ? bus_ops(dev->bus)->kind : "";

    if (!strcmp(bus, "SCSI")) {
        g_string_append_printf(path, "/channel@%x/disk@%x,%x",
                               (unsigned)property_int(dev, "channel", 0),
                               (unsigned)property_int(dev, "scsi-id", 0),
                               (unsigned)property_int(dev, "lun", 0));
    } else if (!strcmp(bus, "IDE")) {
        const char *dot = strrchr(bus_name(dev->bus), '.');
        guint64 n = dot ? g_ascii_strtoull(dot + 1, NULL, 10) : 0;

        g_string_append_printf(path, "/drive@%x/disk@%x", (guint)n,
                               (unsigned)property_int(dev, "unit", 0));
    } else if (object_is_a(&dev->obj, TYPE_USB_DEVICE)) {
        g_string_append_printf(path, "/storage@%x/channel@0/disk@0,0",
                               ((UsbDevice *)dev)->port + 1);
    } else if (strstr(type, "net") || g_str_has_prefix(type, "e1000")) {
        g_string_append(path, "/ethernet-phy@0");
    } else if (!strcmp(type, "nvme") || !strcmp(type, "nvme-ns")) {
        g_string_append_printf(path, "/namespace@%x,0", (unsigned)property_int(dev, "nsid", 1));
    } else if (!strcmp(bus, "ISA") || !strcmp(bus, "floppy-bus")) {
        g_string_append(path, "/fdc@03f0/floppy@0");
    } else {
        g_string_append(path, "/disk@0,0");
    }
}

static char *boot_path(Device *dev)
{
    GString *path = g_string_new(NULL);

    own_part(dev, path);
    for (; dev; dev = dev->bus ? dev->bus->owner : NULL) {
        if (object_is_a(&dev->obj, TYPE_PCI_DEVICE)) {
            prepend_pci(path, PCI_DEVICE(dev));
        }
    }
    g_string_prepend(path, "/pci@i0cf8");
    return g_string_free(path, FALSE);
}

/* ---- the list ---- */
typedef struct {
    gint index;
    char *path;
} Entry;

static void entry_free(gpointer p)
{
    g_free(((Entry *)p)->path);
    g_free(p);
}

static gint by_index(gconstpointer a, gconstpointer b)
{
    gint x = (*(Entry *const *)a)->index, y = (*(Entry *const *)b)->index;

    return x < y ? -1 : x > y;
}

static void collect(Bus *bus, GPtrArray *list)
{
    for (guint i = 0; i < bus->devices->len; i++) {
        Device *dev = g_ptr_array_index(bus->devices, i);
        int64_t index = property_int(dev, "bootindex", -1);

        if (index >= 0) {
            Entry *e = g_new(Entry, 1);

            *e = (Entry){ index, boot_path(dev) };
            g_ptr_array_add(list, e);
            continue; /* a transport and the device behind it may both show the property */
        }
        for (guint b = 0; dev->buses && b < dev->buses->len; b++) {
            collect(g_ptr_array_index(dev->buses, b), list);
        }
    }
}

static bool order_file(PcMachine *pc, GString *text, GError **error)
{
    Vm *vm = device_vm(&pc->machine.dev);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(entry_free);

    collect(bus_root(vm), list);
    g_ptr_array_sort(list, by_index);
    if (fw_cfg_has_file(pc->fw_cfg, PC_LINUXBOOT_FILE)) {
        g_string_append(text, "/rom@" PC_LINUXBOOT_FILE "\n");
    }
    for (guint i = 0; i < list->len; i++) {
        Entry *e = g_ptr_array_index(list, i);

        if (i && ((Entry *)g_ptr_array_index(list, i - 1))->index == e->index) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "The bootindex %d has already been used", e->index);
            return false;
        }
        g_string_append_printf(text, "%s\n", e->path);
    }
    if (pc->machine.boot_strict) {
        g_string_append(text, "HALT");
    } else if (text->len) {
        g_string_truncate(text, text->len - 1);
    }
    return true;
}

static bool add_number(PcMachine *pc, const char *file, int64_t value, unsigned size,
                       GError **error)
{
    uint8_t raw[8];
    g_autoptr(GBytes) bytes = NULL;

    st_le(raw, size, value);
    bytes = g_bytes_new(raw, size);
    return fw_cfg_add_file(pc->fw_cfg, file, bytes, error);
}

static bool add_splash(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    g_autofree char *path = NULL;
    g_autoptr(GBytes) bytes = NULL;
    const uint8_t *d;

    if (!m->boot_splash) {
        return true;
    }
    path = firmware_find(device_vm(&m->dev), m->boot_splash, error);
    bytes = path ? image_read_file("splash", path, 16 * MiB, error) : NULL;
    if (!bytes) {
        return false;
    }
    d = g_bytes_get_data(bytes, NULL);
    if (g_bytes_get_size(bytes) < 30 || (ld_le16(d) != 0x4d42 && ld_le16(d) != 0xd8ff)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "splash '%s' is neither a BMP nor a JPEG file", path);
        return false;
    }
    return fw_cfg_add_file(pc->fw_cfg, d[0] == 'B' ? "bootsplash.bmp" : "bootsplash.jpg", bytes,
                           error);
}

bool pc_bootorder_build(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GBytes) order = NULL, none = g_bytes_new_static("", 0);

    if (!check_order("order", m->boot_order, error) || !check_order("once", m->boot_once, error) ||
        !order_file(pc, text, error)) {
        return false;
    }
    order = g_bytes_new(text->str, text->len ? text->len + 1 : 0);
    return fw_cfg_add_file(pc->fw_cfg, "bootorder", order, error) &&
           fw_cfg_add_file(pc->fw_cfg, "bios-geometry", none, error) &&
           add_number(pc, "etc/boot-fail-wait", m->reboot_timeout_ms, 4, error) &&
           (m->splash_time_ms < 0 ||
            add_number(pc, "etc/boot-menu-wait", m->splash_time_ms, 2, error)) &&
           add_splash(pc, error);
}
