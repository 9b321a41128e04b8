/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: the first 64 KiB of a qcow2 image: it is opened read-only, and something is read from it. */
#include "fuzz.h"
#include <sys/mman.h>
#include <unistd.h>
#include "backend/block/block.h"
#include "base/core/vm.h"

static Vm *small_vm(void)
{
    TypeRegistry *types = type_registry_new();

    type_registry_seal(types);
    Vm *vm = vm_new(types);
    vm_lock(vm);
    return vm;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Vm *vm;
    static const BlockAttach plain;
    int fd = memfd_create("image", 0);

    vm = vm ? vm : small_vm();
    g_assert_cmpint(fd, >=, 0);
    if (write(fd, data, MIN(size, 65536u)) >= 0) {
        Blocks *blocks = blocks_new(vm, NULL);
        g_autofree char *text = g_strdup_printf(
            "file=/proc/self/fd/%d,if=none,id=d,format=qcow2,read-only=on,file.locking=off", fd);
        BlockDrive *d = blocks_add_drive(blocks, text, BLOCK_IF_IDE, NULL)
                            ? block_drive_attach(blocks, "d", &plain, NULL)
                            : NULL;
        if (d) {
            static uint8_t buf[4096];
            block_drive_pread(d, 0, buf, sizeof(buf));
        }
        blocks_free(blocks);
    }
    close(fd);
    return 0;
}
