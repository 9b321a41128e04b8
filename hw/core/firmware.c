/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The search path for firmware images. The program brings none of its own: an image that is not
 * there is an error that names the distribution's package.
 */
#include <string.h>
#include <unistd.h>
#include "hw/core/firmware.h"

static const char *const usual_dirs[] = {
    "/usr/local/share/ferry", "/usr/share/ferry", "/usr/share/seabios", "/usr/share/qemu",
    "/usr/share/OVMF",        "/usr/share/ovmf",  "/usr/lib/ipxe/qemu",
};

static const struct {
    const char *prefix, *package;
} packages[] = {
    { "bios", "seabios" },   { "vgabios", "seabios" }, { "OVMF", "ovmf" },
    { "efi-", "ipxe-qemu" }, { "pxe-", "ipxe-qemu" },  { "qboot", "qemu-system-data" },
};

void firmware_add_dir(Vm *vm, const char *dir)
{
    if (!vm->firmware_dirs) {
        vm->firmware_dirs = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(vm->firmware_dirs, g_strdup(dir));
}

static char *readable_in(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    return access(path, R_OK) ? NULL : g_steal_pointer(&path);
}

static void set_missing(const char *name, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(packages); i++) {
        if (g_str_has_prefix(name, packages[i].prefix)) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                        "firmware '%s' is not there: install the package %s, or name its "
                        "directory with -L",
                        name, packages[i].package);
            return;
        }
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                "firmware '%s' is neither a file nor in a directory of -L or the usual ones", name);
}

char *firmware_find(Vm *vm, const char *name, GError **error)
{
    char *path = NULL;

    if (!access(name, R_OK)) {
        return g_strdup(name);
    }
    if (strchr(name, '/')) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                    "firmware '%s' cannot be read: there is no such file", name);
        return NULL;
    }
    for (guint i = 0; vm->firmware_dirs && i < vm->firmware_dirs->len && !path; i++) {
        path = readable_in(g_ptr_array_index(vm->firmware_dirs, i), name);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(usual_dirs) && !path; i++) {
        path = readable_in(usual_dirs[i], name);
    }
    if (!path) {
        set_missing(name, error);
    }
    return path;
}
