/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bus: addresses (channel, target, logical unit), and what an adapter does with all of it at once:
 * wait, run again, abort.
 */
#include "scsi-priv.h"

/* ---- addresses ---- */

ScsiDevice *scsi_find(ScsiBus *bus, unsigned channel, unsigned target, unsigned lun)
{
    for (guint i = 0; i < bus->bus.devices->len; i++) {
        ScsiDevice *d = g_ptr_array_index(bus->bus.devices, i);

        if (d->dev.realized && d->channel == channel && d->id == target && d->lun == lun) {
            return d;
        }
    }
    return NULL;
}

ScsiDevice *scsi_find_target(ScsiBus *bus, unsigned channel, unsigned target, unsigned lun)
{
    ScsiDevice *found = scsi_find(bus, channel, target, lun);

    for (guint i = 0; !found && i < bus->bus.devices->len; i++) {
        ScsiDevice *d = g_ptr_array_index(bus->bus.devices, i);

        if (d->dev.realized && d->channel == channel && d->id == target) {
            found = d;
        }
    }
    return found;
}

void scsi_device_address(const ScsiDevice *d, unsigned *channel, unsigned *target, unsigned *lun)
{
    *channel = d->channel;
    *target = d->id;
    *lun = d->lun;
}

/* Also those that are being plugged in. */
static bool taken(const Bus *bus, const ScsiDevice *but, uint32_t channel, uint32_t id,
                  uint32_t lun)
{
    for (guint i = 0; i < bus->devices->len; i++) {
        const ScsiDevice *d = g_ptr_array_index(bus->devices, i);

        if (d != but && d->channel == channel && d->id == id && d->lun == lun) {
            return true;
        }
    }
    return false;
}

static bool too_large(const char *what, uint32_t value, unsigned max, GError **error)
{
    if (value == UINT32_MAX || value <= max) {
        return false;
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "bad scsi %s: %u (limit %u)", what,
                value, max);
    return true;
}

static bool choose_target(const Bus *bus, ScsiDevice *d, unsigned max, GError **error)
{
    uint32_t lun = d->lun == UINT32_MAX ? 0 : d->lun;

    for (uint32_t id = 0; id <= max; id++) {
        if (!taken(bus, d, d->channel, id, lun)) {
            d->id = id;
            d->lun = lun;
            return true;
        }
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "no free target");
    return false;
}

static bool choose_lun(const Bus *bus, ScsiDevice *d, unsigned max, GError **error)
{
    for (uint32_t lun = 0; lun <= max; lun++) {
        if (!taken(bus, d, d->channel, d->id, lun)) {
            d->lun = lun;
            return true;
        }
    }
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "no free lun");
    return false;
}

static bool plug(Bus *bus, Device *dev, GError **error)
{
    const ScsiHostOps *ops = ((ScsiBus *)bus)->ops;
    ScsiDevice *d = (ScsiDevice *)dev;

    if (too_large("channel id", d->channel, ops->max_channel, error) ||
        too_large("device id", d->id, ops->max_target, error) ||
        too_large("device lun", d->lun, ops->max_lun, error)) {
        return false;
    }
    if (d->id == UINT32_MAX) {
        return choose_target(bus, d, ops->max_target, error);
    }
    if (d->lun == UINT32_MAX) {
        return choose_lun(bus, d, ops->max_lun, error);
    }
    if (taken(bus, d, d->channel, d->id, d->lun)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "lun already used by another unit");
        return false;
    }
    return true;
}

static void unplug(Bus *bus, Device *dev)
{
    ScsiBus *scsi = (ScsiBus *)bus;

    if (scsi->ops->unplugged) {
        scsi->ops->unplugged(scsi, (ScsiDevice *)dev);
    }
}

static char *device_path(Bus *bus, Device *dev)
{
    const ScsiDevice *d = (ScsiDevice *)dev;
    Bus *above = bus->owner->bus;
    const BusOps *ops = above ? bus_ops(above) : NULL;
    g_autofree char *path = ops && ops->device_path ? ops->device_path(above, bus->owner) : NULL;

    return path ? g_strdup_printf("%s/%u:%u:%u", path, d->channel, d->id, d->lun)
                : g_strdup_printf("%u:%u:%u", d->channel, d->id, d->lun);
}

ScsiBus *scsi_bus_new(Device *owner, const char *name, const ScsiHostOps *ops, void *host,
                      bool hotpluggable)
{
    ScsiBus *bus = (ScsiBus *)bus_new(device_vm(owner), TYPE_SCSI_BUS, owner, name);

    bus->ops = ops;
    bus->host = host;
    bus->bus.hotpluggable = hotpluggable;
    return bus;
}

/* ---- all units ---- */

void scsi_bus_drain(ScsiBus *bus)
{
    for (guint i = 0; i < bus->bus.devices->len; i++) {
        ScsiDevice *d = g_ptr_array_index(bus->bus.devices, i);

        if (d->drive) {
            block_drive_drain(d->drive);
        }
    }
}

/* What is parked now: @fn may park it again. */
static GPtrArray *take_parked(ScsiDevice *d)
{
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; d->parked && i < d->parked->len; i++) {
        ScsiRequest *req = g_ptr_array_index(d->parked, i);

        req->parked = false;
        g_ptr_array_add(list, req);
    }
    if (d->parked) {
        g_ptr_array_set_size(d->parked, 0);
    }
    return list;
}

void scsi_bus_run(ScsiBus *bus)
{
    for (guint i = 0; i < bus->bus.devices->len; i++) {
        g_autoptr(GPtrArray) list = take_parked(g_ptr_array_index(bus->bus.devices, i));

        for (guint k = 0; k < list->len; k++) {
            scsi_execute(g_ptr_array_index(list, k));
        }
    }
}

void scsi_bus_foreach_parked(ScsiBus *bus, void (*fn)(ScsiRequest *req, void *opaque), void *opaque)
{
    for (guint i = 0; i < bus->bus.devices->len; i++) {
        const ScsiDevice *d = g_ptr_array_index(bus->bus.devices, i);

        for (guint k = 0; d->parked && k < d->parked->len; k++) {
            fn(g_ptr_array_index(d->parked, k), opaque);
        }
    }
}

void scsi_bus_drop_parked(ScsiBus *bus)
{
    for (guint i = 0; i < bus->bus.devices->len; i++) {
        ScsiDevice *d = g_ptr_array_index(bus->bus.devices, i);

        while (d->parked && d->parked->len) {
            scsi_abort(g_ptr_array_index(d->parked, 0));
        }
    }
}

static const BusOps scsi_bus_ops = {
    .kind = TYPE_SCSI_BUS, .plug = plug, .unplug = unplug, .device_path = device_path
};

const TypeInfo scsi_bus_types[] = {
    { .name = TYPE_SCSI_BUS,
      .parent = "bus",
      .instance_size = sizeof(ScsiBus),
      .ops = &scsi_bus_ops },
};
const size_t scsi_bus_types_count = G_N_ELEMENTS(scsi_bus_types);
