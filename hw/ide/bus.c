/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus that ide-hd and ide-cd plug into, its reset, and what stopping the VM means for it: wait
 * for requests under way; on the way to running, submit the parked ones again.
 */
#include <string.h>

#include "ide-priv.h"

static bool ide_plug(Bus *bus, Device *dev, GError **error)
{
    IdeBus *ide = ((IdeQbus *)bus)->ide;
    IdeDevice *d = (IdeDevice *)dev;

    if (d->unit < 0) {
        d->unit = ide->units[0].dev && ide->max_units > 1 ? 1 : 0;
    }
    if ((unsigned)d->unit >= ide->max_units) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "Can't create IDE unit %d, bus supports only %u units", d->unit,
                    ide->max_units);
        return false;
    }
    if (ide->units[d->unit].dev) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "IDE unit %d is in use", d->unit);
        return false;
    }
    return true;
}

static bool run_state_changed(void *opaque, bool running, RunState state, GError **error)
{
    IdeBus *bus = opaque;

    bus->stopped = !running;
    if (running) {
        ide_retry(bus);
        if (bus->ops->resume) {
            bus->ops->resume(bus);
        }
    } else {
        ide_bus_drain(bus);
    }
    return true;
}

void ide_bus_init(IdeBus *bus, Device *owner, unsigned index, unsigned max_units,
                  const IdeHostOps *ops, void *host)
{
    g_autofree char *name =
        owner->id ? g_strdup_printf("%s.%u", owner->id, index) : g_strdup_printf("ide.%u", index);

    memset(bus, 0, sizeof(*bus));
    bus->vm = device_vm(owner);
    bus->ops = ops;
    bus->host = host;
    bus->index = index;
    bus->max_units = max_units;
    for (uint8_t i = 0; i < 2; i++) {
        bus->units[i].bus = bus;
        bus->units[i].index = i;
        ide_unit_reset(&bus->units[i]);
    }
    bus->qbus = bus_new(bus->vm, TYPE_IDE_BUS, owner, name);
    ((IdeQbus *)bus->qbus)->ide = bus;
    bus->run_handler =
        run_state_handler_add(bus->vm, RUN_PRIORITY_DEVICE, "ide", run_state_changed, bus);
}

void ide_bus_clear(IdeBus *bus)
{
    if (bus->run_handler) {
        run_state_handler_remove(bus->vm, bus->run_handler);
        bus->run_handler = NULL;
    }
}

void ide_bus_drain(IdeBus *bus)
{
    for (unsigned i = 0; i < bus->max_units; i++) {
        if (bus->units[i].busy) {
            block_drive_drain(bus->units[i].drive);
        }
    }
}

void ide_bus_reset(IdeBus *bus)
{
    ide_bus_drain(bus);
    bus->unit = 0;
    bus->control = 0;
    for (unsigned i = 0; i < 2; i++) {
        ide_unit_reset(&bus->units[i]);
    }
}

static const BusOps ide_bus_ops = { .kind = TYPE_IDE_BUS, .max_devices = 2, .plug = ide_plug };

const TypeInfo ide_bus_types[] = {
    { .name = TYPE_IDE_BUS,
      .parent = "bus",
      .instance_size = sizeof(IdeQbus),
      .ops = &ide_bus_ops },
};
const size_t ide_bus_types_count = G_N_ELEMENTS(ide_bus_types);
