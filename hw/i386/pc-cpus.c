/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs of a PC board: APIC ids by topology, features of -cpu, realization in index order; CPUs
 * that come and go while the guest runs.
 *
 * An APIC id is thread, core, module, die, socket from the low bits up, each in a field wide enough
 * for its count.
 */
#include "base/util/bits.h"
#include "hw/i386/cpu-device.h"
#include "hw/timer/mc146818rtc.h"
#include "target/x86/cpu.h"
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

/* ---- hooks of the board ---- */
/* The place of @dev among the possible CPUs: by its APIC id, or by socket, die, module, core and
   thread; -1 + error. */
static int place_by_topology(PcMachine *pc, Device *dev, GError **error)
{
    const CpuTopology *t = &pc->machine.smp;
    const struct {
        const char *name;
        unsigned count;
    } rows[] = {
        { "thread-id", MAX(t->threads, 1u) }, { "core-id", MAX(t->cores, 1u) },
        { "module-id", MAX(t->modules, 1u) }, { "die-id", MAX(t->dies, 1u) },
        { "socket-id", MAX(t->sockets, 1u) },
    };
    unsigned index = 0, weight = 1;

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GVariant) value = object_get(&dev->obj, rows[i].name, NULL);
        int64_t id = g_variant_get_int64(value);

        if (id < 0 && rows[i].count == 1) {
            id = 0;
        }
        if (id < 0 || id >= rows[i].count) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        id < 0 ? "CPU %s is not set" : "Invalid CPU %s: %d must be in range 0:%u",
                        rows[i].name, (int)id, rows[i].count - 1);
            return -1;
        }
        index += id * weight;
        weight *= rows[i].count;
    }
    return index;
}

static int place_of(PcMachine *pc, Device *dev, GError **error)
{
    g_autoptr(GVariant) value = object_get(&dev->obj, "apic-id", NULL);
    uint64_t id = g_variant_get_uint64(value);

    if (id == UINT32_MAX) {
        return place_by_topology(pc, dev, error);
    }
    for (unsigned i = 0; i < pc->machine.smp.max_cpus; i++) {
        if (pc->apic_ids[i] == id) {
            return i;
        }
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "Invalid CPU with APIC ID %u, valid index range 0:%u", (unsigned)id,
                pc->machine.smp.max_cpus - 1);
    return -1;
}

static void set_topology(PcMachine *pc, Device *dev, unsigned index)
{
    const CpuTopology *t = &pc->machine.smp;
    static const char *const names[] = { "thread-id", "core-id", "module-id", "die-id",
                                         "socket-id" };
    const unsigned counts[] = { MAX(t->threads, 1u), MAX(t->cores, 1u), MAX(t->modules, 1u),
                                MAX(t->dies, 1u), MAX(t->sockets, 1u) };

    object_set(&dev->obj, "apic-id", g_variant_new_uint32(pc->apic_ids[index]), NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        object_set(&dev->obj, names[i], g_variant_new_int32(index % counts[i]), NULL);
        index /= counts[i];
    }
}

bool pc_cpu_pre_plug(PcMachine *pc, Device *dev, GError **error)
{
    Machine *m = &pc->machine;
    int index;

    if (strcmp(object_type_name(&dev->obj), m->cpu_type)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Invalid CPU type, expected cpu type: '%s'", m->cpu_type);
        return false;
    }
    index = place_of(pc, dev, error);
    if (index < 0) {
        return false;
    }
    if ((guint)index < m->cpus->len && g_ptr_array_index(m->cpus, index)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "CPU[%d] with APIC ID %u exists",
                    index, pc->apic_ids[index]);
        return false;
    }
    set_topology(pc, dev, index);
    x86_cpu_device_set_apic_bus(dev, pc->apic_bus);
    return true;
}

static unsigned present(const Machine *m)
{
    unsigned n = 0;

    for (guint i = 0; i < m->cpus->len; i++) {
        n += g_ptr_array_index(m->cpus, i) != NULL;
    }
    return n;
}

/* Firmware counts the CPUs that answer at the next reset. */
static void publish_count(PcMachine *pc)
{
    unsigned n = present(&pc->machine);

    if (pc->fw_cfg) {
        fw_cfg_set_u16(pc->fw_cfg, FW_CFG_NB_CPUS, n);
    }
    if (pc->rtc) {
        mc146818rtc_set_cmos(pc->rtc, 0x5f, n - 1);
    }
}

void pc_cpu_plugged(PcMachine *pc, Device *dev)
{
    Machine *m = &pc->machine;
    guint index = place_of(pc, dev, NULL);
    CpuState *cpu = &x86_cpu_device_cpu(dev)->base;

    if (m->cpus->len <= index) {
        g_ptr_array_set_size(m->cpus, index + 1);
    }
    m->cpus->pdata[index] = dev;
    if (!pc->pm) {
        return; /* the boot CPUs are there before the board */
    }
    if (pc->pm->smm_enabled) {
        x86_cpu_device_set_smram(dev, &pc->smram_view);
    }
    publish_count(pc);
    if (dev->hotplugged) {
        acpi_cpuhp_plugged(pc->pm, index);
        if (run_state_running(device_vm(dev))) {
            cpu_resume(cpu);
        }
    }
}

bool pc_cpu_unplug_request(PcMachine *pc, Device *dev, GError **error)
{
    int index = place_of(pc, dev, NULL);

    if (index == 0) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG, "Boot CPU is unpluggable");
        return false;
    }
    acpi_cpuhp_unplug_request(pc->pm, index);
    return true;
}

void pc_cpu_unplugged(PcMachine *pc, Device *dev)
{
    int index = place_of(pc, dev, NULL);

    if (index >= 0 && (guint)index < pc->machine.cpus->len) {
        pc->machine.cpus->pdata[index] = NULL;
        publish_count(pc);
    }
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
            !object_set(&dev->obj, "apic-id", g_variant_new_uint32(pc->apic_ids[i]), error) ||
            !device_realize(dev, bus_root(vm), NULL, error)) {
            return false;
        }
    }
    return true;
}
