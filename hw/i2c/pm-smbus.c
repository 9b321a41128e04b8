/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBus host controller registers (Intel ICH9 datasheet, chapter 20.2; PIIX4 datasheet, 7.3).
 *
 * A transaction is carried out when the status is read after START, so that a driver sees "busy"
 * once. Block transfers use the 32-byte buffer when AUX_CTL enables it, else one byte at a time
 * with BYTE_DONE. Process calls and I2C block reads end with a device error.
 */
#include <string.h>
#include "hw/i2c/smbus.h"

enum {
    HST_STS = 0x00,
    HST_CNT = 0x02,
    HST_CMD = 0x03,
    XMIT_SLVA = 0x04,
    HST_D0 = 0x05,
    HST_D1 = 0x06,
    HOST_BLOCK_DB = 0x07,
    AUX_CTL = 0x0d,
};
#define STS_BUSY      0x01
#define STS_INTR      0x02
#define STS_DEV_ERR   0x04
#define STS_FAILED    0x10
#define STS_BYTE_DONE 0x80
#define STS_W1C       0xfe
#define CNT_INTREN    0x01
#define CNT_KILL      0x02
#define CNT_COMMAND   0x1c
#define CNT_LAST      0x20
#define CNT_START     0x40
#define AUX_BUFFER    0x02

typedef enum {
    CMD_QUICK,
    CMD_BYTE,
    CMD_BYTE_DATA,
    CMD_WORD_DATA,
    CMD_PROCESS_CALL,
    CMD_BLOCK,
} Command;

static SmbusDevice *find(PmSmbus *s)
{
    for (guint i = 0; i < s->bus->devices->len; i++) {
        SmbusDevice *dev = g_ptr_array_index(s->bus->devices, i);

        if (dev->address == s->r.smb_addr >> 1) {
            return dev;
        }
    }
    return NULL;
}

void pm_smbus_update(PmSmbus *s)
{
    bool level = s->r.smb_ctl & CNT_INTREN &&
                 s->r.smb_stat & (STS_INTR | STS_DEV_ERR | STS_FAILED | STS_BYTE_DONE);

    if (s->set_irq) {
        s->set_irq(s->opaque, level);
    }
}

/* ---- transactions ---- */
static bool do_byte(PmSmbus *s, Device *dev, const SmbusDeviceOps *ops, bool read)
{
    return read ? ops->receive_byte && ops->receive_byte(dev, &s->r.smb_data0)
                : ops->send_byte && ops->send_byte(dev, s->r.smb_cmd);
}

static bool do_data(PmSmbus *s, Device *dev, const SmbusDeviceOps *ops, bool read, unsigned len)
{
    uint8_t data[2] = { s->r.smb_data0, s->r.smb_data1 };

    if (!read) {
        return ops->write && ops->write(dev, s->r.smb_cmd, data, len);
    }
    if (!ops->read || !ops->read(dev, s->r.smb_cmd, data, len)) {
        return false;
    }
    s->r.smb_data0 = data[0];
    if (len == 2) {
        s->r.smb_data1 = data[1];
    }
    return true;
}

/* The whole block goes over at once; the guest then takes or has given its bytes from the buffer. */
static bool do_block(PmSmbus *s, Device *dev, const SmbusDeviceOps *ops, bool read)
{
    uint8_t block[33];
    unsigned len;

    if (!read) {
        len = MIN(s->r.smb_data0, 32u);
        block[0] = len;
        memcpy(block + 1, s->r.smb_data, 32);
        return ops->write && ops->write(dev, s->r.smb_cmd, block, len + 1);
    }
    if (!ops->read || !ops->read(dev, s->r.smb_cmd, block, sizeof(block))) {
        return false;
    }
    len = MIN(block[0], 32u);
    s->r.smb_data0 = len;
    memset(s->r.smb_data, 0, sizeof(s->r.smb_data));
    memcpy(s->r.smb_data, block + 1, len);
    s->r.smb_index = 0;
    if (!(s->r.smb_auxctl & AUX_BUFFER) && len) {
        s->r.smb_blkdata = s->r.smb_data[0];
        s->r.op_done = len == 1;
        s->r.smb_stat |= STS_BYTE_DONE;
    }
    return true;
}

static void transact(PmSmbus *s)
{
    SmbusDevice *dev = find(s);
    const SmbusDeviceOps *ops = dev ? object_ops(&dev->dev.obj) : NULL;
    bool read = s->r.smb_addr & 1, ok = false;

    s->r.op_done = true;
    switch (dev ? (s->r.smb_ctl & CNT_COMMAND) >> 2 : CMD_PROCESS_CALL) {
    case CMD_QUICK: ok = true; break;
    case CMD_BYTE: ok = do_byte(s, &dev->dev, ops, read); break;
    case CMD_BYTE_DATA: ok = do_data(s, &dev->dev, ops, read, 1); break;
    case CMD_WORD_DATA: ok = do_data(s, &dev->dev, ops, read, 2); break;
    case CMD_BLOCK: ok = do_block(s, &dev->dev, ops, read); break;
    }
    s->r.smb_stat &= ~STS_BUSY;
    if (!ok) {
        s->r.smb_stat |= STS_DEV_ERR;
    } else if (s->r.op_done) {
        s->r.smb_stat |= STS_INTR;
    }
    pm_smbus_update(s);
}

/* A byte of a block was taken: the next one, or the end. */
static void next_byte(PmSmbus *s)
{
    if (s->r.op_done) {
        s->r.smb_stat |= STS_INTR;
        return;
    }
    s->r.smb_index = (s->r.smb_index + 1) % 32;
    s->r.smb_blkdata = s->r.smb_data[s->r.smb_index];
    s->r.smb_stat |= STS_BYTE_DONE;
    s->r.op_done = s->r.smb_ctl & CNT_LAST || s->r.smb_index + 1u >= s->r.smb_data0;
}

/* ---- registers ---- */
static uint8_t read_status(PmSmbus *s)
{
    uint8_t now = s->r.smb_stat;

    if (s->r.start_on_status_read) {
        s->r.start_on_status_read = false;
        transact(s);
    }
    return now;
}

static uint8_t read_block_byte(PmSmbus *s)
{
    uint8_t byte;

    if (!(s->r.smb_auxctl & AUX_BUFFER)) {
        return s->r.smb_blkdata;
    }
    byte = s->r.smb_data[s->r.smb_index];
    s->r.smb_index = (s->r.smb_index + 1) % 32;
    return byte;
}

static uint64_t io_read(void *opaque, uint64_t addr, unsigned size)
{
    PmSmbus *s = opaque;

    switch (addr) {
    case HST_STS: return read_status(s);
    case HST_CNT: s->r.smb_index = 0; return s->r.smb_ctl & ~CNT_START;
    case HST_CMD: return s->r.smb_cmd;
    case XMIT_SLVA: return s->r.smb_addr;
    case HST_D0: return s->r.smb_data0;
    case HST_D1: return s->r.smb_data1;
    case HOST_BLOCK_DB: return read_block_byte(s);
    case AUX_CTL: return s->r.smb_auxctl;
    }
    return 0;
}

static void write_status(PmSmbus *s, uint8_t value)
{
    bool taken = s->r.smb_stat & value & STS_BYTE_DONE;

    s->r.smb_stat &= ~(value & STS_W1C);
    if (taken) {
        next_byte(s);
    }
}

static void write_control(PmSmbus *s, uint8_t value)
{
    s->r.smb_ctl = value & ~CNT_START;
    if (value & CNT_KILL) {
        s->r.start_on_status_read = false;
        s->r.smb_stat = (s->r.smb_stat & ~STS_BUSY) | STS_FAILED;
    } else if (value & CNT_START && !(s->r.smb_stat & STS_BUSY)) {
        s->r.smb_stat |= STS_BUSY;
        s->r.start_on_status_read = true;
        if (value & CNT_INTREN) {
            s->r.start_on_status_read = false; /* nobody polls */
            transact(s);
        }
    }
}

static void io_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    PmSmbus *s = opaque;

    switch (addr) {
    case HST_STS: write_status(s, value); break;
    case HST_CNT: write_control(s, value); break;
    case HST_CMD: s->r.smb_cmd = value; break;
    case XMIT_SLVA: s->r.smb_addr = value; break;
    case HST_D0: s->r.smb_data0 = value; break;
    case HST_D1: s->r.smb_data1 = value; break;
    case HOST_BLOCK_DB:
        s->r.smb_blkdata = value;
        s->r.smb_data[s->r.smb_index] = value;
        s->r.smb_index = (s->r.smb_index + 1) % 32;
        break;
    case AUX_CTL: s->r.smb_auxctl = value & AUX_BUFFER; break;
    }
    pm_smbus_update(s);
}

static const RegionOps io_ops = {
    .read = io_read,
    .write = io_write,
    .valid = { 1, 1 },
};

void pm_smbus_reset(PmSmbus *s)
{
    memset(&s->r, 0, sizeof(s->r));
    s->r.op_done = true;
    pm_smbus_update(s);
}

void pm_smbus_init(PmSmbus *s, Device *owner, Bus *bus)
{
    s->bus = bus;
    s->r.op_done = true;
    memory_region_init_io(&s->io, device_vm(owner), &owner->obj, &io_ops, s, "pm-smbus",
                          PM_SMBUS_SIZE);
}

void pm_smbus_clear(PmSmbus *s)
{
    smbus_free(s->bus);
    memory_region_clear(&s->io);
}

/* ---- migrated state ---- */
static const Field fields[] = {
    F_U8(PmSmbusState, smb_stat),
    F_U8(PmSmbusState, smb_ctl),
    F_U8(PmSmbusState, smb_cmd),
    F_U8(PmSmbusState, smb_addr),
    F_U8(PmSmbusState, smb_data0),
    F_U8(PmSmbusState, smb_data1),
    F_U32(PmSmbusState, smb_index),
    F_ARRAY(FIELD_U8, PmSmbusState, smb_data),
    F_U8(PmSmbusState, smb_auxctl),
    F_U8(PmSmbusState, smb_blkdata),
    F_BOOL(PmSmbusState, i2c_enable),
    F_BOOL(PmSmbusState, op_done),
    F_BOOL(PmSmbusState, in_i2c_block_read),
    F_BOOL(PmSmbusState, start_on_status_read, .name = "start_transaction_on_status_read"),
    F_END,
};
const Record pm_smbus_record = {
    .name = "pmsmb",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PmSmbusState),
    .fields = fields,
};

bool pm_smbus_state_ok(const PmSmbusState *s, GError **error)
{
    if (s->smb_index >= sizeof(s->smb_data)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "SMBus block index %u is outside the buffer (limit %zu)", s->smb_index,
                    sizeof(s->smb_data) - 1);
        return false;
    }
    return true;
}
