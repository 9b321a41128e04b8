/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs of a PC board: APIC ids by topology, features of -cpu, realization in index order.
 *
 * An APIC id is thread, core, module, die, socket from the low bits up, each in a field wide enough
 * for its count.
 */
#include "base/util/bits.h"
#include "hw/i386/cpu-device.h"
#include "pc-priv.h"

static unsigned width(unsigned n)
{
    return n <= 1 ? 0 : bits_log2_floor(n - 1) + 1;
}

static uint32_t topo_apic_id(const CpuTopology *t, unsigned index)
{
    const unsigned counts[] = { t->threads, t->cores, t->modules, t->dies };
    uint32_t id = 0;
    unsigned shift = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        unsigned n = MAX(counts[i], 1u);

        id |= index % n << shift;
        index /= n;
        shift += width(n);
    }
    return id | index << shift;
}

static bool set_features(PcMachine *pc, Device *dev, GError **error)
{
    GVariantIter it;
    const char *key, *value;

    if (!pc->machine.cpu_props) {
        return true;
    }
    g_variant_iter_init(&it, pc->machine.cpu_props);
    while (g_variant_iter_next(&it, "{&s&s}", &key, &value)) {
        if (!object_set_str(&dev->obj, key, value, error)) {
            return false;
        }
    }
    return true;
}

bool pc_cpus_build(PcMachine *pc, GError **error)
{
    Machine *m = &pc->machine;
    Vm *vm = device_vm(&m->dev);

    for (unsigned i = 0; i < m->smp.max_cpus; i++) {
        pc->apic_ids[i] = topo_apic_id(&m->smp, i);
    }
    if (pc->apic_ids[m->smp.max_cpus - 1] > 254) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the topology needs APIC id %u (limit 254)", pc->apic_ids[m->smp.max_cpus - 1]);
        return false;
    }
    for (unsigned i = 0; i < m->smp.cpus; i++) {
        g_autoptr(Object) obj = (Object *)device_new(vm, m->cpu_type, error);
        Device *dev = (Device *)obj;

        if (!dev || !set_features(pc, dev, error) ||
            !object_set(&dev->obj, "apic-id", g_variant_new_uint32(pc->apic_ids[i]), error)) {
            return false;
        }
        x86_cpu_device_set_apic_bus(dev, pc->apic_bus);
        if (!device_realize(dev, bus_root(vm), NULL, error)) {
            return false;
        }
        g_ptr_array_add(m->cpus, dev);
    }
    return true;
}
