/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the firmware is told of the devices to IPL from: IPL parameter blocks (the layout is Linux's
 * <asm/ipl.h>) of the devices with a bootindex, and the hypervisor's own parameters at 0xcc of low
 * storage. The first device's block is what DIAGNOSE 308 stores and sets; those of the others lie below
 * the firmware, for it to try one after the other.
 */
#include <ctype.h>
#include <string.h>
#include "base/util/ebcdic.h"
#include "base/util/endian.h"
#include "hw/ccw/css.h"
#include "s390-priv.h"

#define BOOT_DEVICES_MAX 8

/* IPL parameter block of a channel-attached device. */
enum {
    BLOCK_LENGTH = 0, /* of all that follows, header included */
    BLOCK_VERSION = 7,
    PART_LENGTH = 8,
    PART_TYPE = 12,
    PART_FLAGS = 13,
    PART_LOADPARM = 16,
    CCW_SSID = 109,
    CCW_DEVNO = 110,
    CCW_BLOCK_BYTES = 200,
    TYPE_CCW = 2,
    FLAG_LOADPARM = 0x80,
};

/* Parameters of the hypervisor, at 0xcc. */
enum {
    PARAMS_AT = 0xcc,
    PARAMS_FLAGS = 0,
    PARAMS_TIMEOUT = 12,
    PARAMS_MORE_DEVICES = 18,
    PARAMS_NEXT_BLOCK = 20,
    PARAMS_BYTES = 28,
    FLAG_MENU = 0x80,      /* show the boot menu, with this timeout */
    FLAG_MENU_DISK = 0x40, /* ... as the disk says */
};

/* ---- load parameters: up to 8 characters, in EBCDIC with blanks behind ---- */

bool s390_loadparm_parse(const char *text, uint8_t out[8], GError **error)
{
    size_t n = text ? strlen(text) : 0;

    memset(out, 0x40, 8);
    if (n > 8) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "loadparm '%s' is longer than 8 characters", text);
        return false;
    }
    for (size_t k = 0; k < n; k++) {
        char c = (char)toupper((unsigned char)text[k]);

        if (!isalnum((unsigned char)c) && c != '.' && c != ' ') {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "loadparm '%s': invalid character '%c' (A-Z, 0-9, period and space only)",
                        text, text[k]);
            return false;
        }
        out[k] = ebcdic_from_latin1((uint8_t)c);
    }
    return true;
}

void s390_loadparm_get(const S390Machine *m, uint8_t out[8])
{
    const uint8_t *b = m->ipl.block;

    if (m->ipl.valid && (b[PART_FLAGS] & FLAG_LOADPARM)) {
        memcpy(out, b + PART_LOADPARM, 8);
    } else {
        s390_loadparm_parse(m->loadparm, out, NULL); /* checked when the machine was built */
    }
}

/* ---- the devices, in order ---- */

typedef struct {
    int64_t index;
    CcwDevice *device;
} Entry;

static int64_t boot_index(Device *dev)
{
    g_autoptr(GVariant) v = object_get(&dev->obj, "bootindex", NULL);

    return v && g_variant_is_of_type(v, G_VARIANT_TYPE_INT64) ? g_variant_get_int64(v) : -1;
}

static gint by_index(gconstpointer a, gconstpointer b)
{
    int64_t x = ((const Entry *)a)->index, y = ((const Entry *)b)->index;

    return x < y ? -1 : x > y;
}

/* What hangs on the channel subsystem's bus is what can be started from. */
static bool collect(Bus *bus, GArray *list, GError **error)
{
    for (guint i = 0; i < bus->devices->len; i++) {
        Device *dev = g_ptr_array_index(bus->devices, i);
        bool on_css = !strcmp(object_type_name(&bus->obj), TYPE_CCW_BUS);
        int64_t index = on_css ? boot_index(dev) : -1;

        for (guint k = 0; index >= 0 && k < list->len; k++) {
            if (g_array_index(list, Entry, k).index == index) {
                g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                            "The bootindex %d has already been used", (int)index);
                return false;
            }
        }
        if (index >= 0) {
            Entry e = { index, CCW_DEVICE(dev) };
            g_array_append_val(list, e);
            continue;
        }
        for (guint b = 0; dev->buses && b < dev->buses->len; b++) {
            if (!collect(g_ptr_array_index(dev->buses, b), list, error)) {
                return false;
            }
        }
    }
    return true;
}

static void make_block(const S390Machine *m, const CcwDevice *d, uint8_t *b)
{
    memset(b, 0, S390_IPLB_BYTES);
    st_be32(b + BLOCK_LENGTH, CCW_BLOCK_BYTES);
    st_be32(b + PART_LENGTH, CCW_BLOCK_BYTES - PART_LENGTH);
    b[PART_TYPE] = TYPE_CCW;
    b[PART_FLAGS] = FLAG_LOADPARM;
    s390_loadparm_parse(m->loadparm, b + PART_LOADPARM, NULL);
    b[CCW_SSID] = d->ssid;
    st_be16(b + CCW_DEVNO, d->number);
}

bool s390_boot_devices_find(S390Machine *m, GError **error)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Entry));
    uint8_t loadparm[8];

    if (!s390_loadparm_parse(m->loadparm, loadparm, error) ||
        !collect(bus_root(m->board.vm), list, error)) {
        return false;
    }
    g_array_sort(list, by_index);
    g_free(m->boot_blocks);
    m->n_boot = MIN(list->len, BOOT_DEVICES_MAX);
    m->boot_blocks = g_malloc0(m->n_boot * S390_IPLB_BYTES);
    for (unsigned k = 0; k < m->n_boot; k++) {
        make_block(m, g_array_index(list, Entry, k).device, m->boot_blocks + k * S390_IPLB_BYTES);
    }
    return true;
}

/* ---- before the firmware starts ---- */

/* A guest's own choice (DIAGNOSE 308) holds; else the first device is it. Devices may have come or gone; where one came
 * with an index that is taken, the order stays. */
void s390_boot_params_write(S390Machine *m)
{
    AddressSpace *as = address_space_memory(m->board.vm);
    uint8_t params[PARAMS_BYTES] = { 0 };
    unsigned more = 0;

    s390_boot_devices_find(m, NULL);
    if (!m->ipl.valid && m->n_boot) {
        memcpy(m->ipl.block, m->boot_blocks, S390_IPLB_BYTES);
        m->ipl.valid = true;
        more = m->n_boot - 1;
    }
    if (m->machine.boot_menu) {
        params[PARAMS_FLAGS] = FLAG_MENU;
        st_be32(params + PARAMS_TIMEOUT, MAX(m->machine.splash_time_ms, 0));
    } else if (m->ipl.valid) {
        params[PARAMS_FLAGS] = FLAG_MENU_DISK;
    }
    if (more) {
        uint64_t at = m->firmware_at - (uint64_t)more * S390_IPLB_BYTES;

        address_space_write(as, at, MEM_ATTRS_NONE, m->boot_blocks + S390_IPLB_BYTES,
                            (uint64_t)more * S390_IPLB_BYTES);
        st_be64(params + PARAMS_NEXT_BLOCK, at);
        st_be16(params + PARAMS_MORE_DEVICES, more);
    }
    address_space_write(as, PARAMS_AT, MEM_ATTRS_NONE, params, sizeof(params));
}

/* A block that a guest gives: of a channel-attached device, of a length that fits. */
bool s390_boot_block_valid(const uint8_t *b)
{
    uint32_t length = ld_be32(b + BLOCK_LENGTH);

    return length >= CCW_BLOCK_BYTES && length <= S390_IPLB_BYTES && b[BLOCK_VERSION] == 0 &&
           b[PART_TYPE] == TYPE_CCW;
}

unsigned s390_boot_block_length(const uint8_t *b)
{
    return MIN(ld_be32(b + BLOCK_LENGTH), S390_IPLB_BYTES);
}
