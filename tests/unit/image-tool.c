/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See image-tool.h. */
#include <stdbool.h>
#include <sys/wait.h>
#include "image-tool.h"

bool image_tool_here(void)
{
    g_autofree char *path = g_find_program_in_path("qemu-img");

    if (!path) {
        g_test_skip("qemu-img is not installed");
    }
    return path != NULL;
}

int image_tool(const char *dir, const char *format, ...)
{
    g_autofree char *args = NULL, *line = NULL;
    va_list ap;
    int status = -1;

    va_start(ap, format);
    args = g_strdup_vprintf(format, ap);
    va_end(ap);
    line = g_strdup_printf("sh -c 'cd %s && exec qemu-img %s >out 2>&1'", dir, args);
    g_assert_true(g_spawn_command_line_sync(line, NULL, NULL, &status, NULL));
    return WEXITSTATUS(status);
}

void image_tool_ok(const char *dir, const char *args)
{
    int status = image_tool(dir, "%s", args);

    if (status) {
        g_autofree char *path = g_build_filename(dir, "out", NULL), *text = NULL;

        g_file_get_contents(path, &text, NULL, NULL);
        g_error("qemu-img %s: %d: %s", args, status, text);
    }
}

void image_vm_open(ImageVm *v)
{
    TypeRegistry *types = type_registry_new();

    type_registry_seal(types);
    v->dir = g_dir_make_tmp("ferry-images-XXXXXX", NULL);
    v->vm = vm_new(types);
    vm_lock(v->vm);
    v->blocks = blocks_new(v->vm, NULL);
}

void image_vm_close(ImageVm *v)
{
    g_autofree char *line = g_strdup_printf("rm -rf %s", v->dir);

    if (v->blocks) {
        blocks_free(v->blocks);
    }
    vm_unlock(v->vm);
    vm_free(v->vm);
    g_spawn_command_line_sync(line, NULL, NULL, NULL, NULL);
    g_free(v->dir);
}
