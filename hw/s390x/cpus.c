/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs of an s390-ccw-virtio board: those that it begins with, and those that come later. A CPU's
 * place is its core id, which is its address and its index; all have the model and the features of -cpu.
 *
 * A CPU that comes while the guest runs is stopped, and the event facility tells of a changed
 * configuration. None ever goes: the guest has no way to give one back.
 */
#include <string.h>

#include "exec/engine.h"
#include "s390-priv.h"

static Device *device_at(const Machine *m, unsigned id)
{
    return id < m->cpus->len ? g_ptr_array_index(m->cpus, id) : NULL;
}

S390Cpu *s390_cpu_at(const Machine *m, unsigned id)
{
    Device *dev = device_at(m, id);

    return dev ? s390_cpu_device_cpu(dev) : NULL;
}

unsigned s390_cpus_present(const Machine *m)
{
    unsigned n = 0;

    for (guint i = 0; i < m->cpus->len; i++) {
        n += g_ptr_array_index(m->cpus, i) != NULL;
    }
    return n;
}

static bool set_features(const Machine *m, Device *dev, GError **error)
{
    GVariantIter it;
    const char *key, *value;

    if (!m->cpu_props) {
        return true;
    }
    g_variant_iter_init(&it, m->cpu_props);
    while (g_variant_iter_next(&it, "{&s&s}", &key, &value)) {
        if (!object_set_str(&dev->obj, key, value, error)) {
            return false;
        }
    }
    return true;
}

static bool place_free(const Machine *m, unsigned id, GError **error)
{
    if (id >= m->smp.max_cpus) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Unable to add CPU with core-id: %u, maximum core-id: %u", id,
                    m->smp.max_cpus - 1);
        return false;
    }
    if (device_at(m, id)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                    "Unable to add CPU with core-id: %u, it already exists", id);
        return false;
    }
    return true;
}

/* ---- hooks of the board ---- */

bool s390_cpu_pre_plug(Machine *m, Device *dev, GError **error)
{
    Device *first = device_at(m, 0);

    if (strcmp(object_type_name(&dev->obj), m->cpu_type)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Invalid CPU type, expected cpu type: '%s'", m->cpu_type);
        return false;
    }
    if (!place_free(m, s390_cpu_device_core_id(dev), error) || !set_features(m, dev, error)) {
        return false;
    }
    if (first && !s390_cpu_device_same_features(dev, first)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the CPU with core-id %u has other features than the first one (see -cpu)",
                    s390_cpu_device_core_id(dev));
        return false;
    }
    s390_cpu_device_set_topology(dev, &m->smp);
    s390_cpu_device_set_board(dev, &((S390Machine *)m)->board);
    return true;
}

void s390_cpu_plugged(Machine *m, Device *dev)
{
    unsigned id = s390_cpu_device_core_id(dev);

    if (m->cpus->len <= id) {
        g_ptr_array_set_size(m->cpus, id + 1);
    }
    m->cpus->pdata[id] = dev;
    if (dev->hotplugged) {
        sclp_cpus_changed(((S390Machine *)m)->board.sclp);
        if (run_state_running(device_vm(dev))) {
            cpu_resume(&s390_cpu_device_cpu(dev)->base);
        }
    }
}

bool s390_cpu_unplug_request(Machine *m, Device *dev, GError **error)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                "CPU hot unplug not supported on this machine");
    return false;
}

void s390_cpu_unplugged(Machine *m, Device *dev)
{
    unsigned id = s390_cpu_device_core_id(dev);

    if (device_at(m, id) == dev) {
        m->cpus->pdata[id] = NULL;
    }
}

bool s390_cpus_build(S390Machine *m, GError **error)
{
    Vm *vm = device_vm(&m->machine.dev);

    for (unsigned i = 0; i < m->machine.smp.cpus; i++) {
        g_autoptr(Object) obj = (Object *)device_new(vm, m->machine.cpu_type, error);
        Device *dev = (Device *)obj;

        if (!dev || !object_set(obj, "core-id", g_variant_new_uint32(i), error) ||
            !device_realize(dev, bus_root(vm), NULL, error)) {
            return false;
        }
    }
    return true;
}
