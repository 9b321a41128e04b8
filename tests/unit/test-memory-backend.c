/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory backends: their blocks, names, claims, and what they refuse. */
#include <string.h>
#include <unistd.h>
#include "base/core/vm.h"
#include "base/memory/backend.h"
#include "base/memory/space.h"

static Vm *new_vm(void)
{
    TypeRegistry *reg = type_registry_new();

    type_registry_add(reg, memory_backend_types, memory_backend_types_n);
    type_registry_seal(reg);
    Vm *vm = vm_new(reg);

    vm_lock(vm);
    g_assert_true(memory_setup(vm, NULL));
    return vm;
}

static void end_vm(Vm *vm)
{
    memory_teardown(vm);
    vm_unlock(vm);
    vm_free(vm);
}

static Object *backend(Vm *vm, const char *type, const char *id, ...)
{
    Object *obj = object_new(vm, type, NULL);
    const char *name;
    va_list args;

    va_start(args, id);
    while ((name = va_arg(args, const char *))) {
        g_assert_true(object_set_str(obj, name, va_arg(args, const char *), NULL));
    }
    va_end(args);
    g_assert_true(object_add_child(object_container(vm->root, "/objects"), id, obj, NULL));
    object_unref(obj);
    return obj;
}

static bool complete(Object *obj, GError **error)
{
    return type_info(obj->type)->complete(obj, error);
}

static void test_backends(void)
{
    Vm *vm = new_vm();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_strdup_printf("%s/ferry-mem-XXXXXX", g_get_tmp_dir());
    int fd = g_mkstemp(path);

    Object *ram = backend(vm, "memory-backend-ram", "m0", "size", "1M", "prealloc", "on", NULL);
    g_assert_true(complete(ram, NULL));
    g_assert_cmpuint(memory_backend_size(vm, "m0"), ==, 1 << 20);
    RamBlock *block = memory_backend_claim(vm, "m0", 0, NULL);
    g_assert_cmpstr(ram_block_idstr(block), ==, "/objects/m0");
    g_assert_true(ram_block_migratable(block));
    g_assert_null(memory_backend_claim(vm, "m0", 0, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    memory_backend_release(vm, "m0");
    g_assert_null(memory_backend_claim(vm, "m0", 5, &error));
    g_assert_nonnull(strstr(error->message, "1048576"));
    g_clear_error(&error);

    Object *memfd = backend(vm, "memory-backend-memfd", "m1", "size", "64K",
                            "x-use-canonical-path-for-ramblock-id", "off", NULL);
    g_assert_true(complete(memfd, NULL));
    block = memory_backend_claim(vm, "m1", 64 << 10, NULL);
    g_assert_cmpstr(ram_block_idstr(block), ==, "m1");
    g_assert_cmpint(ram_block_fd(block), >=, 0);

    Object *file = backend(vm, "memory-backend-file", "m2", "size", "16K", "mem-path", path,
                           "share", "on", NULL);
    g_assert_true(complete(file, NULL));
    block = memory_backend_claim(vm, "m2", 0, NULL);
    memcpy(ram_block_host(block), "hello", 5);
    char got[5];
    g_assert_cmpint(pread(fd, got, 5, 0), ==, 5);
    g_assert_cmpmem(got, 5, "hello", 5);
    Object *ro = backend(vm, "memory-backend-file", "m3", "size", "16K", "mem-path", path, "share",
                         "on", "readonly", "on", NULL);
    g_assert_true(complete(ro, NULL));
    block = memory_backend_claim(vm, "m3", 0, NULL);
    g_assert_true(ram_block_flags(block) & RAM_READONLY);
    Object *big = backend(vm, "memory-backend-file", "m4", "size", "1M", "mem-path", path, NULL);
    g_assert_false(complete(big, &error));
    g_clear_error(&error);
    Object *none = backend(vm, "memory-backend-ram", "m5", NULL);
    g_assert_false(complete(none, &error));
    g_clear_error(&error);
    Object *pmem = backend(vm, "memory-backend-file", "m6", "size", "16K", "mem-path", path, "pmem",
                           "on", NULL);
    g_assert_false(complete(pmem, &error));
    g_assert_false(object_set_str(ram, "type", "x", NULL));
    g_assert_true(object_set_str(pmem, "host-nodes", "0", NULL));
    g_assert_false(object_set_str(pmem, "host-nodes", "7-3", NULL));
    close(fd);
    unlink(path);
    object_unparent(object_child(vm->root, "objects"));
    end_vm(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/backend/claims-names-and-refusals", test_backends);
    return g_test_run();
}
