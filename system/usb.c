/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * USB on the command line: -usb, -machine usb=on and -usbdevice. The controller that they add is an xHCI
 * ("qemu-xhci") on every machine; there is no UHCI or EHCI.
 */
#include <string.h>
#include "backend/block/block.h"
#include "hw/pci/pci.h"
#include "hw/usb/usb.h"
#include "system/keyval.h"
#include "system-priv.h"

static bool add_controller(System *sys, GError **error)
{
    PciBus *bus = pci_root_bus(sys->vm);

    if (!bus) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_CONFIG,
                    "usb: machine '%s' has no PCI bus for a controller",
                    machine_ops(vm_machine(sys->vm))->machine_name);
        return false;
    }
    return device_create(sys->vm, "qemu-xhci", &bus->bus, "usb", error) != NULL;
}

/* "disk:FILE": a raw image. Commas are doubled, as everywhere in such options. */
static char *add_disk(System *sys, const char *file, unsigned n, GError **error)
{
    g_autofree char *id = g_strdup_printf("usb-disk%u", n);
    g_auto(GStrv) parts = g_strsplit(file, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);
    g_autofree char *text = g_strdup_printf("if=none,id=%s,format=raw,file=%s", id, escaped);

    return blocks_add_drive(vm_blocks(sys->vm), text, BLOCK_IF_NONE, error) ? g_steal_pointer(&id)
                                                                            : NULL;
}

static bool add_device(System *sys, const char *text, unsigned n, GError **error)
{
    static const struct {
        const char *name, *driver;
    } known[] = {
        { "keyboard", "usb-kbd" },
        { "kbd", "usb-kbd" },
        { "mouse", "usb-mouse" },
        { "tablet", "usb-tablet" },
    };
    const char *driver = NULL;
    g_autofree char *drive = NULL;
    GVariantBuilder b;

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        driver = g_str_equal(known[i].name, text) ? known[i].driver : driver;
    }
    if (g_str_has_prefix(text, "disk:")) {
        drive = add_disk(sys, text + strlen("disk:"), n, error);
        if (!drive) {
            return false;
        }
        driver = "usb-storage";
    }
    if (!driver) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                    "could not add USB device '%s', expected keyboard, mouse, tablet or disk:FILE",
                    text);
        return false;
    }
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "driver", g_variant_new_string(driver));
    if (drive) {
        g_variant_builder_add(&b, "{sv}", "drive", g_variant_new_string(drive));
    }
    g_autoptr(GVariant) props = g_variant_ref_sink(g_variant_builder_end(&b));
    return device_add_user(sys->vm, props, false, error) != NULL;
}

bool options_apply_usb(System *sys, GError **error)
{
    const CmdLine *cmd = sys->cmd;

    if ((cmd->usb || cmd->usb_devices->len || vm_machine(sys->vm)->usb) &&
        !add_controller(sys, error)) {
        return false;
    }
    for (guint i = 0; i < cmd->usb_devices->len; i++) {
        Arg *arg = g_ptr_array_index(cmd->usb_devices, i);
        if (!add_device(sys, arg->text, i, error)) {
            g_prefix_error(error, "-usbdevice %s: ", arg->text);
            return false;
        }
    }
    return true;
}
