/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port I/O. Whether the access is allowed has been checked before.
 */
#include "base/core/vm.h"
#include "base/memory/space.h"
#include "target/x86/helper.h"

uint64_t helper_x86_io_in(CpuState *cs, uint64_t port, uint64_t size)
{
    Vm *vm = x86_cpu(cs)->sys.vm;
    vm_lock(vm);
    uint64_t v = address_space_ld(address_space_io(vm), port, size, DEVICE_LITTLE_ENDIAN,
                                  MEM_ATTRS_NONE, NULL);
    vm_unlock(vm);
    return v;
}

uint64_t helper_x86_io_out(CpuState *cs, uint64_t port, uint64_t value, uint64_t size)
{
    Vm *vm = x86_cpu(cs)->sys.vm;
    vm_lock(vm);
    address_space_st(address_space_io(vm), port, value, size, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE,
                     NULL);
    vm_unlock(vm);
    return 0;
}
