/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87's error line of a PC: with CR0.NE clear an error raises IRQ 13, and a write to port 0xf0
 * (or 0xf1) lowers it again. The first processor only, as PCs have always had it.
 */
#include "hw/i386/cpu-device.h"
#include "pc-priv.h"
#include "target/x86/cpu.h"

#define FPU_PORT 0xf0
#define FPU_GSI  13

static void fpu_error(void *opaque)
{
    PcMachine *pc = opaque;

    irq_set(pc->gsi[FPU_GSI], 1);
}

static uint64_t fpu_read(void *opaque, uint64_t addr, unsigned size)
{
    return UINT64_MAX;
}

static void fpu_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    PcMachine *pc = opaque;

    irq_set(pc->gsi[FPU_GSI], 0);
}

static const RegionOps fpu_ops = {
    .read = fpu_read,
    .write = fpu_write,
    .valid = { 1, 1 },
};

void pc_fpu_build(PcMachine *pc)
{
    Vm *vm = device_vm(&pc->machine.dev);

    memory_region_init_io(&pc->fpu_io, vm, &pc->machine.dev.obj, &fpu_ops, pc, "ioportF0", 2);
    memory_region_add(memory_io_region(vm), FPU_PORT, &pc->fpu_io);
    if (pc->machine.cpus->len) {
        X86Cpu *cpu = x86_cpu_device_cpu(g_ptr_array_index(pc->machine.cpus, 0));

        cpu->sys.ferr = fpu_error;
        cpu->sys.ferr_opaque = pc;
    }
}
