/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMBus and the EEPROM that memory modules carry (System Management Bus specification 2.0).
 *
 * The EEPROM's contents are zero, as those of the machines we are compatible with; the state of one
 * that nobody has spoken to does not travel.
 */
#include <string.h>
#include "hw/i2c/smbus.h"

/* ---- bus ---- */
typedef struct {
    Bus bus; /* first */
    Section *section;
} SmbusBus;

typedef struct {
    uint8_t saved_address;
} BusSaved;
static const Field bus_fields[] = { F_U8(BusSaved, saved_address), F_END };
static const Record bus_record = {
    .name = "i2c_bus",
    .version = 1,
    .min_version = 1,
    .size = sizeof(BusSaved),
    .fields = bus_fields,
};
#define NO_TRANSFER 0xff /* our transfers end before anything else can happen */
static void bus_save(void *owner, void *saved)
{
    ((BusSaved *)saved)->saved_address = NO_TRANSFER;
}
static bool bus_check(void *owner, const void *saved, GError **error)
{
    uint8_t address = ((const BusSaved *)saved)->saved_address;

    if (address != NO_TRANSFER) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "an I2C transfer with device 0x%02x is under way (0xff expected: none)",
                    address);
        return false;
    }
    return true;
}
static void bus_install(void *owner, const void *saved)
{
}
static const SectionOps bus_section_ops = {
    .save = bus_save,
    .check = bus_check,
    .install = bus_install,
};
static const SectionDesc bus_section = { .record = &bus_record, .ops = &bus_section_ops };

Bus *smbus_new(Vm *vm, Device *owner, const char *name)
{
    SmbusBus *bus = (SmbusBus *)bus_new(vm, TYPE_I2C_BUS, owner, name);

    bus->section = section_register(vm, NULL, &bus_section, SECTION_INSTANCE_AUTO, bus);
    return &bus->bus;
}

void smbus_free(Bus *bus)
{
    if (((SmbusBus *)bus)->section) {
        section_unregister(bus->obj.vm, ((SmbusBus *)bus)->section);
        ((SmbusBus *)bus)->section = NULL;
    }
}

static bool bus_plug(Bus *bus, Device *dev, GError **error)
{
    for (guint i = 0; i < bus->devices->len; i++) {
        SmbusDevice *other = g_ptr_array_index(bus->devices, i);

        if (&other->dev != dev && other->address == ((SmbusDevice *)dev)->address) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                        "address 0x%02x of bus '%s' is in use", other->address, bus_name(bus));
            return false;
        }
    }
    return true;
}

static const BusOps bus_ops_table = { .kind = "i2c-bus", .plug = bus_plug };

/* ---- EEPROM ---- */
typedef struct {
    uint8_t address;
    uint32_t mode, data_len;
    uint8_t data_buf[34];
    uint8_t data[256];
    uint8_t offset;
    bool accessed;
} EepromSaved;

typedef struct {
    SmbusDevice smbus; /* first */
    uint8_t data[256], offset;
    bool accessed;
} Eeprom;

static bool eeprom_send_byte(Device *dev, uint8_t byte)
{
    Eeprom *e = (Eeprom *)dev;

    e->accessed = true;
    e->offset = byte;
    return true;
}

static bool eeprom_receive_byte(Device *dev, uint8_t *out)
{
    Eeprom *e = (Eeprom *)dev;

    e->accessed = true;
    *out = e->data[e->offset++];
    return true;
}

static bool eeprom_write(Device *dev, uint8_t command, const uint8_t *data, unsigned len)
{
    Eeprom *e = (Eeprom *)dev;

    eeprom_send_byte(dev, command);
    for (unsigned i = 0; i < len; i++) {
        e->data[e->offset++] = data[i];
    }
    return true;
}

static bool eeprom_read(Device *dev, uint8_t command, uint8_t *data, unsigned len)
{
    eeprom_send_byte(dev, command);
    for (unsigned i = 0; i < len; i++) {
        eeprom_receive_byte(dev, data + i);
    }
    return true;
}

static void eeprom_reset(Device *dev, ResetKind kind)
{
    Eeprom *e = (Eeprom *)dev;

    memset(e->data, 0, sizeof(e->data));
    e->offset = 0;
}

static const Field i2c_fields[] = { F_U8(EepromSaved, address), F_END };
static const Record i2c_record = {
    .name = "I2CSlave",
    .version = 1,
    .min_version = 1,
    .size = sizeof(EepromSaved),
    .fields = i2c_fields,
};
/* Nested structures on the wire, one saved form. */
#define NESTED(name_, rec)                                                               \
    {                                                                                    \
        .name = (name_), .kind = FIELD_STRUCT, .offset = 0, .size = sizeof(EepromSaved), \
        .record = &(rec)                                                                 \
    }
static const Field device_fields[] = {
    NESTED("i2c", i2c_record),
    F_U32(EepromSaved, mode),
    F_U32(EepromSaved, data_len),
    F_ARRAY(FIELD_U8, EepromSaved, data_buf),
    F_END,
};
static const Record device_record = {
    .name = "smbus-device",
    .version = 1,
    .min_version = 1,
    .size = sizeof(EepromSaved),
    .fields = device_fields,
};
static bool eeprom_needed(const void *saved)
{
    return ((const EepromSaved *)saved)->accessed;
}
static const Field eeprom_fields[] = {
    NESTED("smbusdev", device_record),
    F_ARRAY(FIELD_U8, EepromSaved, data),
    F_U8(EepromSaved, offset),
    F_BOOL(EepromSaved, accessed),
    F_END,
};
static const Record eeprom_record = {
    .name = "smbus-eeprom",
    .version = 1,
    .min_version = 1,
    .size = sizeof(EepromSaved),
    .fields = eeprom_fields,
    .needed = eeprom_needed,
};

static void eeprom_save(void *owner, void *saved)
{
    Eeprom *e = owner;
    EepromSaved *out = saved;

    out->address = e->smbus.address;
    memcpy(out->data, e->data, sizeof(out->data));
    out->offset = e->offset;
    out->accessed = e->accessed;
}

static bool eeprom_check(void *owner, const void *saved, GError **error)
{
    const EepromSaved *in = saved;

    if (in->address != ((Eeprom *)owner)->smbus.address || in->mode) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "EEPROM at address 0x%02x in transfer mode %u (0x%02x and 0 expected)",
                    in->address, in->mode, ((Eeprom *)owner)->smbus.address);
        return false;
    }
    return true;
}

static void eeprom_install(void *owner, const void *saved)
{
    Eeprom *e = owner;
    const EepromSaved *in = saved;

    memcpy(e->data, in->data, sizeof(e->data));
    e->offset = in->offset;
    e->accessed = in->accessed;
}

static const SectionOps eeprom_section_ops = {
    .save = eeprom_save,
    .check = eeprom_check,
    .install = eeprom_install,
};
static const SectionDesc eeprom_section = { .record = &eeprom_record, .ops = &eeprom_section_ops };

static bool eeprom_realize(Device *dev, GError **error)
{
    return true;
}

static const SmbusDeviceOps eeprom_ops = {
    .dev = {
        .bus_type = "i2c-bus",
        .realize = eeprom_realize,
        .reset = eeprom_reset,
        .section = &eeprom_section,
    },
    .send_byte = eeprom_send_byte,
    .receive_byte = eeprom_receive_byte,
    .write = eeprom_write,
    .read = eeprom_read,
};

bool smbus_add_eeproms(Bus *bus, GError **error)
{
    for (unsigned i = 0; i < 8; i++) {
        Device *dev = device_new(bus->obj.vm, "smbus-eeprom", error);
        bool ok;

        if (!dev) {
            return false;
        }
        ((SmbusDevice *)dev)->address = 0x50 + i;
        ok = device_realize(dev, bus, NULL, error);
        object_unref(&dev->obj);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static const Property smbus_device_props[] = {
    PROP(PROP_U8, SmbusDevice, address, "address", "0", .max = 0x7f),
    PROP_END,
};

const TypeInfo smbus_types[] = {
    { .name = TYPE_I2C_BUS,
      .parent = "bus",
      .instance_size = sizeof(SmbusBus),
      .ops = &bus_ops_table },
    { .name = "smbus-device",
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(SmbusDevice),
      .props = smbus_device_props },
    { .name = "smbus-eeprom",
      .parent = "smbus-device",
      .description = "serial presence detect EEPROM",
      .instance_size = sizeof(Eeprom),
      .ops = &eeprom_ops },
};
const size_t smbus_types_count = G_N_ELEMENTS(smbus_types);
