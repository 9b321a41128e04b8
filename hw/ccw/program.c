/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channel programs: CCW chains of both formats with command chaining, data chaining refused, no
 * indirect data addressing. Sense, sense ID, no-operation and transfer in channel are common to all
 * devices; the rest are the device's commands.
 */
#include <string.h>
#include "css-priv.h"

enum {
    CMD_NOP = 0x03,
    CMD_SENSE = 0x04,
    CMD_TIC = 0x08,
    CMD_SENSE_ID = 0xe4,
};
enum {
    CCW_DATA_CHAIN = 0x80,
    CCW_CHAIN = 0x40,
    CCW_SLI = 0x20,
    CCW_IDA = 0x04,
};
#define MAX_CCWS 256

typedef struct Ccw {
    uint8_t command, flags;
    uint16_t count;
    uint32_t addr;
} Ccw;

bool ccw_buffer_read(CcwBuffer *b, void *data, uint32_t len)
{
    if (len > b->count - b->used ||
        address_space_read(b->as, b->addr + b->used, MEM_ATTRS_NONE, data, len) != MEM_OK) {
        return false;
    }
    b->used += len;
    return true;
}

bool ccw_buffer_write(CcwBuffer *b, const void *data, uint32_t len)
{
    if (len > b->count - b->used ||
        address_space_write(b->as, b->addr + b->used, MEM_ATTRS_NONE, data, len) != MEM_OK) {
        return false;
    }
    b->used += len;
    return true;
}

static bool fetch(AddressSpace *as, uint64_t at, bool format1, Ccw *out)
{
    uint8_t b[8];

    if ((at & 7) || address_space_read(as, at, MEM_ATTRS_NONE, b, 8) != MEM_OK) {
        return false;
    }
    if (format1) {
        *out = (Ccw){ b[0], b[1], css_get16(b + 2), css_get32(b + 4) };
        return out->addr < 0x80000000u;
    }
    *out = (Ccw){ b[0], b[4], css_get16(b + 6), css_get32(b) & 0xffffff };
    return true;
}

static CcwResult sense_id(CcwDevice *d, CcwBuffer *data)
{
    uint16_t type = ccw_device_ops(d)->cu_type;
    uint8_t id[7] = { 0xff, type >> 8, type, d->cu_model, 0, 0, 0 };

    return ccw_buffer_write(data, id, MIN(data->count, sizeof(id))) ? CCW_DONE : CCW_PROGRAM_CHECK;
}

static CcwResult basic_sense(CcwDevice *d, CcwBuffer *data)
{
    bool ok = ccw_buffer_write(data, d->sense, MIN(data->count, sizeof(d->sense)));

    memset(d->sense, 0, sizeof(d->sense));
    return ok ? CCW_DONE : CCW_PROGRAM_CHECK;
}

static CcwResult one_command(CcwDevice *d, const Ccw *c, CcwBuffer *data)
{
    if (c->flags & (CCW_DATA_CHAIN | CCW_IDA)) {
        return CCW_PROGRAM_CHECK;
    }
    switch (c->command) {
    case CMD_NOP: return CCW_DONE;
    case CMD_SENSE: return basic_sense(d, data);
    case CMD_SENSE_ID: return sense_id(d, data);
    default: return ccw_device_ops(d)->command(d, c->command, data);
    }
}

static void end(CcwDevice *d, uint64_t next, uint32_t status, uint32_t residual)
{
    d->scsw[0] &= ~(SCSW_ACTIVITY | SCSW_STATUS);
    d->scsw[0] |= SCSW_PRIMARY | SCSW_SECONDARY | SCSW_PENDING;
    if (status & (DSTAT_UNIT_CHECK | CSTAT_PROGRAM)) {
        d->scsw[0] |= SCSW_ALERT;
    }
    d->scsw[1] = next;
    d->scsw[2] = status | (residual & 0xffff);
}

void css_run_program(CcwDevice *d, uint64_t addr, bool format1)
{
    const uint32_t normal = DSTAT_CHANNEL_END | DSTAT_DEVICE_END;
    AddressSpace *as = ccw_device_space(d);
    bool was_tic = false;

    for (unsigned n = 0; n < MAX_CCWS; n++) {
        Ccw c;
        if (!fetch(as, addr, format1, &c)) {
            end(d, addr + 8, CSTAT_PROGRAM, 0);
            return;
        }
        addr += 8;
        if ((c.command & (format1 ? 0xff : 0x0f)) == CMD_TIC) {
            if (was_tic || n == 0) {
                end(d, addr, CSTAT_PROGRAM, 0);
                return;
            }
            was_tic = true;
            addr = c.addr;
            continue;
        }
        was_tic = false;
        CcwBuffer data = { .as = as, .addr = c.addr, .count = c.count };
        CcwResult r = one_command(d, &c, &data);
        uint32_t residual = c.count - data.used;
        if (r == CCW_REJECT) {
            d->sense[0] = 0x80;
            end(d, addr, normal | DSTAT_UNIT_CHECK, residual);
            return;
        }
        if (r == CCW_PROGRAM_CHECK) {
            end(d, addr, CSTAT_PROGRAM, residual);
            return;
        }
        bool wrong_length = residual && !(c.flags & CCW_SLI) && c.command != CMD_NOP;
        if (wrong_length || !(c.flags & CCW_CHAIN)) {
            end(d, addr, normal | (wrong_length ? CSTAT_LENGTH : 0), residual);
            return;
        }
    }
    end(d, addr, CSTAT_PROGRAM, 0);
}
