/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the guest programs of tests/x86 on a machine of one CPU, its local APIC, 16 MiB of RAM and
 * two ports: 0xf4 takes the verdict (1: passed, 2: a reset is due next, 0x1NNNN: failed at line
 * NNNN, 0x2NNNN/0x4NNNN: unexpected vector) and 0x92 the A20 gate. The programs check themselves.
 */
#include <glib.h>

#include "base/util/log.h"
#include "exec/engine.h"
#include "hw/core/machine.h"
#include "hw/core/types.h"
#include "hw/i386/apic.h"
#include "hw/i386/cpu-device.h"
#include "migration/vmstate/registry.h"
#include "target/x86/x86.h"

#define LOAD_ADDRESS 0x8000
#define RAM_BYTES    (16 << 20)

typedef struct {
    Vm *vm;
    ExecEngine *engine;
    ApicBus *apics;
    Device *cpu;
    MemoryRegion ram, ports, a20;
    uint32_t verdict;
    bool done, reset_due;
} Flat;

static void verdict_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Flat *f = opaque;

    if (value == 2) {
        f->reset_due = true;
        return;
    }
    if (!f->done) {
        f->verdict = value;
        f->done = true;
    }
    loop_kick(f->vm);
}

static void a20_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Flat *f = opaque;

    x86_set_a20(x86_cpu_device_cpu(f->cpu), value & 2);
}

static uint64_t port_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static const RegionOps verdict_ops = { .read = port_read, .write = verdict_write };
static const RegionOps a20_ops = { .read = port_read, .write = a20_write };

static void on_reset(void *opaque, ShutdownCause cause)
{
    Flat *f = opaque;

    f->verdict = f->reset_due && cause == SHUTDOWN_GUEST_RESET ? 1 : 0xdead;
    f->done = true;
}

static Device *make_cpu(Flat *f, const char *model)
{
    g_autofree char *type = g_strconcat(model, "-x86_64-cpu", NULL);
    g_autoptr(GError) error = NULL;
    Device *dev = device_new(f->vm, type, &error);

    g_assert_no_error(error);
    object_set_u64(&dev->obj, "apic-id", 0);
    x86_cpu_device_set_apic_bus(dev, f->apics);
    device_realize(dev, NULL, NULL, &error);
    g_assert_no_error(error);
    object_unref(&dev->obj);
    device_reset(dev, RESET_COLD);
    return dev;
}

static Flat *flat_new(const char *model)
{
    Flat *f = g_new0(Flat, 1);
    TypeRegistry *reg = type_registry_new();
    ExecConfig config = { 0 };
    g_autoptr(GError) error = NULL;

    type_registry_add(reg, hw_core_device_types, hw_core_device_types_n);
    type_registry_add(reg, hw_core_bus_types, hw_core_bus_types_n);
    type_registry_add(reg, hw_core_machine_types, hw_core_machine_types_n);
    type_registry_add(reg, x86_cpu_types, x86_cpu_types_count);
    type_registry_add(reg, apic_types, apic_types_count);
    type_registry_seal(reg);
    f->vm = vm_new(reg);
    vm_lock(f->vm);
    g_assert_true(memory_setup(f->vm, NULL));
    f->vm->ports.machine_reset = on_reset;
    f->vm->ports.machine_opaque = f;
    g_assert_true(memory_region_init_ram(&f->ram, f->vm, NULL, "ram", RAM_BYTES, &error));
    memory_region_add(memory_system_region(f->vm), 0, &f->ram);
    memory_region_init_io(&f->ports, f->vm, NULL, &verdict_ops, f, "verdict", 4);
    memory_region_add(memory_io_region(f->vm), 0xf4, &f->ports);
    memory_region_init_io(&f->a20, f->vm, NULL, &a20_ops, f, "a20", 1);
    memory_region_add(memory_io_region(f->vm), 0x92, &f->a20);
    f->engine = engine_new(f->vm, &config);
    f->vm->accel = (struct Accel *)f->engine;
    f->apics = apic_bus_new(f->vm);
    f->cpu = make_cpu(f, model);
    return f;
}

static void flat_free(Flat *f)
{
    engine_pause_all(f->engine);
    device_unrealize(f->cpu);
    apic_bus_free(f->apics);
    memory_region_clear(&f->a20);
    memory_region_clear(&f->ports);
    memory_region_clear(&f->ram);
    engine_free(f->engine);
    f->vm->accel = NULL;
    records_teardown(f->vm);
    memory_teardown(f->vm);
    vm_unlock(f->vm);
    vm_free(f->vm);
    g_free(f);
}

static void load(Flat *f, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".bin", NULL);
    g_autofree char *path = g_test_build_filename(G_TEST_BUILT, "..", "x86", file, NULL);
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    X86Cpu *cpu = x86_cpu_device_cpu(f->cpu);
    gsize len;

    g_file_get_contents(path, &bytes, &len, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(len, <, 0x4000);
    address_space_write(address_space_memory(f->vm), LOAD_ADDRESS, MEM_ATTRS_NONE, bytes, len);
    for (unsigned i = 0; i < 6; i++) {
        cpu->seg[i].sel = 0;
        cpu->seg[i].base = 0;
    }
    cpu->rip = LOAD_ADDRESS;
    cpu->gpr[4] = 0x7000;
    cpu->idt = (X86Dt){ 0, 0x3ff };
    x86_cpu_device_state_changed(f->cpu);
}

static gboolean give_up(gpointer opaque)
{
    *(bool *)opaque = true;
    return G_SOURCE_CONTINUE;
}

static void run(gconstpointer data)
{
    Flat *f = flat_new("max");
    bool timeout = false;
    guint source = g_timeout_add_seconds(110, give_up, &timeout);

    load(f, data);
    clock_virtual_enable(f->vm, true);
    engine_resume_all(f->engine);
    while (!f->done && !timeout) {
        loop_iterate(f->vm, true);
    }
    g_source_remove(source);
    engine_pause_all(f->engine);
    if (f->verdict != 1) {
        g_autoptr(GString) text = g_string_new(NULL);

        x86_dump_state(&x86_cpu_device_cpu(f->cpu)->base, text);
        g_test_message("%s", text->str);
        if ((f->verdict & 0xf0000) == 0x10000) {
            g_test_message("%s.S:%u: failed", (const char *)data, f->verdict & 0xffff);
        }
    }
    g_assert_cmphex(f->verdict, ==, 1);
    flat_free(f);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path, *program;
    } tests[] = {
        { "/x86/system/real-mode-interrupts-limits-and-a20", "real" },
        { "/x86/system/protected-mode-checks-gates-and-ring-3", "prot" },
        { "/x86/system/32-bit-paging-faults-with-the-right-codes", "paging32" },
        { "/x86/system/long-mode-protections-syscall-and-back", "long" },
        { "/x86/system/task-switches-keep-busy-bits-and-links", "task" },
        { "/x86/system/vm86-faults-into-ring-0-and-vme-does-not", "vm86" },
        { "/x86/system/debug-traps-and-faults-come-where-they-should", "debug" },
        { "/x86/system/double-faults-and-a-triple-fault-resets", "triple" },
        { "/x86/system/smm-saves-relocates-and-returns", "smm" },
        { "/x86/system/apic-interrupts-timer-and-nmi", "apic" },
        { "/x86/system/msrs-cpuid-and-xsave", "msr" },
    };

    g_test_init(&argc, &argv, NULL);
    if (g_getenv("X86_SYSTEM_LOG")) {
        log_set(g_getenv("X86_SYSTEM_LOG"), NULL);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add_data_func(tests[i].path, tests[i].program, run);
    }
    return g_test_run();
}
