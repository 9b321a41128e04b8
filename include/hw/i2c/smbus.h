/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBus: a bus of devices with 7-bit addresses, the serial presence detect EEPROM, and the host
 * controller's register block, which ICH9 has as a PCI function and PIIX4 inside its power
 * management function. VM lock held.
 */
#pragma once
#include "hw/pci/pci.h"

#define TYPE_I2C_BUS "i2c-bus"

/* What a device on the bus does; its type's ops start with this. NULL: the device has no such. */
typedef struct {
    DeviceOps dev; /* first */
    /* A byte without a command, or a command byte alone. */
    bool (*send_byte)(Device *dev, uint8_t byte);
    bool (*receive_byte)(Device *dev, uint8_t *out);
    bool (*write)(Device *dev, uint8_t command, const uint8_t *data, unsigned len);
    bool (*read)(Device *dev, uint8_t command, uint8_t *data, unsigned len);
} SmbusDeviceOps;

typedef struct {
    Device dev;      /* first */
    uint8_t address; /* property */
} SmbusDevice;

/* A bus below @owner with its section "i2c_bus". */
Bus *smbus_new(Vm *vm, Device *owner, const char *name);
void smbus_free(Bus *bus);
/* Eight EEPROMs at 50..57, as a PC's memory modules have them. */
bool smbus_add_eeproms(Bus *bus, GError **error);

/* ---- the register block ---- */
#define PM_SMBUS_SIZE 64

/* Its saved form. */
typedef struct {
    uint8_t smb_stat, smb_ctl, smb_cmd, smb_addr, smb_data0, smb_data1;
    uint32_t smb_index;
    uint8_t smb_data[32], smb_auxctl, smb_blkdata;
    bool i2c_enable, op_done, in_i2c_block_read, start_on_status_read;
} PmSmbusState;
extern const Record pm_smbus_record;
bool pm_smbus_state_ok(const PmSmbusState *s, GError **error);

typedef struct {
    PmSmbusState r;
    Bus *bus; /* borrowed */
    MemoryRegion io;
    void (*set_irq)(void *opaque, bool level); /* may be NULL */
    void *opaque;
} PmSmbus;
void pm_smbus_init(PmSmbus *s, Device *owner, Bus *bus);
void pm_smbus_clear(PmSmbus *s);
void pm_smbus_reset(PmSmbus *s);
/* After an install: the line follows. */
void pm_smbus_update(PmSmbus *s);

/* "ICH9-SMB". */
Bus *ich9_smb_bus(Device *dev);

extern const TypeInfo smbus_types[], ich9_smb_types[];
extern const size_t smbus_types_count, ich9_smb_types_count;
