/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ASCII console (VT220) of s390x machines: a buffer of typed bytes between a character device
 * and the SCLP event facility, and output straight through.
 */
#include "hw/char/sclp-console.h"

#include <string.h>

#include "backend/chardev/chardev.h"

#define INPUT_ROOM 4080u /* as the stream has it */

/* ---- saved form ---- */
typedef struct {
    uint8_t event_pending;
    uint32_t iov_sclp, iov_bs, iov_data_len, iov_sclp_rest;
    uint8_t iov[INPUT_ROOM];
} ConsoleSaved;

struct SclpConsole {
    Device dev; /* first */
    char *chardev;
    uint32_t index;
    ChardevFrontend frontend;
    uint8_t in[INPUT_ROOM];
    unsigned in_len;
};

static SclpEventBus *bus_of(const SclpConsole *c)
{
    return (SclpEventBus *)c->dev.bus;
}

unsigned sclp_console_pending(const SclpConsole *c)
{
    return c->in_len;
}

unsigned sclp_console_read(SclpConsole *c, uint8_t *buf, unsigned n)
{
    n = MIN(n, c->in_len);
    memcpy(buf, c->in, n);
    memmove(c->in, c->in + n, c->in_len - n);
    c->in_len -= n;
    chardev_frontend_accept_input(&c->frontend);
    return n;
}

/* A guest's line waits for a slow terminal at most a second, then the rest is lost. */
void sclp_console_write(SclpConsole *c, const uint8_t *buf, unsigned n)
{
    chardev_write_all(&c->frontend, buf, n, 1000);
}

void sclp_console_drop_input(SclpConsole *c)
{
    c->in_len = 0;
}

/* ---- the host's side ---- */
static size_t can_receive(void *opaque)
{
    return INPUT_ROOM - ((SclpConsole *)opaque)->in_len;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    SclpConsole *c = opaque;

    len = MIN(len, INPUT_ROOM - c->in_len);
    memcpy(c->in + c->in_len, buf, len);
    c->in_len += len;
    bus_of(c)->input(bus_of(c)->opaque);
}

static const ChardevFrontendOps frontend_ops = { .can_receive = can_receive, .receive = receive };

/* ---- life ---- */
static bool console_realize(Device *dev, GError **error)
{
    SclpConsole *c = (SclpConsole *)dev;

    if (c->chardev) {
        Chardev *chr = chardevs_lookup(device_vm(dev)->chardevs, c->chardev, error);
        if (!chr || !chardev_frontend_attach(&c->frontend, chr, &frontend_ops, c, error)) {
            return false;
        }
    }
    return true;
}

static void console_unrealize(Device *dev)
{
    chardev_frontend_detach(&((SclpConsole *)dev)->frontend);
}

static bool plug(Bus *bus, Device *dev, GError **error)
{
    SclpEventBus *b = (SclpEventBus *)bus;
    const char *type = object_type_name(&dev->obj);
    bool line = !strcmp(type, TYPE_SCLP_LINE_CONSOLE);

    if (line ? b->line != NULL : b->console != NULL) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS,
                    "the event facility has room for one %s only", type);
        return false;
    }
    if (line) {
        b->line = (SclpLineConsole *)dev;
    } else {
        b->console = (SclpConsole *)dev;
    }
    return true;
}

static void unplug(Bus *bus, Device *dev)
{
    SclpEventBus *b = (SclpEventBus *)bus;

    if ((Device *)b->line == dev) {
        b->line = NULL;
    } else {
        b->console = NULL;
    }
}

/* ---- record description ---- */
static const Field console_fields[] = {
    F_U8(ConsoleSaved, event_pending),
    F_BUFFER(ConsoleSaved, iov),
    F_U32(ConsoleSaved, iov_sclp, .max = INPUT_ROOM),
    F_U32(ConsoleSaved, iov_bs, .max = INPUT_ROOM),
    F_U32(ConsoleSaved, iov_data_len, .max = INPUT_ROOM),
    F_U32(ConsoleSaved, iov_sclp_rest, .max = INPUT_ROOM),
    F_END,
};
static const Record console_record = {
    .name = "sclpconsole",
    .version = 0,
    .min_version = 0,
    .size = sizeof(ConsoleSaved),
    .fields = console_fields,
};

static void save(void *owner, void *saved)
{
    SclpConsole *c = owner;
    ConsoleSaved *s = saved;

    s->event_pending = c->in_len > 0;
    memcpy(s->iov, c->in, c->in_len);
    s->iov_bs = s->iov_data_len = s->iov_sclp_rest = c->in_len;
}

static bool check(void *owner, const void *saved, GError **error)
{
    const ConsoleSaved *s = saved;

    if (s->iov_sclp > s->iov_bs) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "console input is read up to %u (limit %u)", s->iov_sclp, s->iov_bs);
        return false;
    }
    return true;
}

static void install(void *owner, const void *saved)
{
    SclpConsole *c = owner;
    const ConsoleSaved *s = saved;

    c->in_len = s->iov_bs - s->iov_sclp;
    memcpy(c->in, s->iov + s->iov_sclp, c->in_len);
}

static const SectionOps section_ops = { .save = save, .check = check, .install = install };
static const SectionDesc section = { .record = &console_record, .ops = &section_ops };

/* ---- types ---- */
static const Property console_props[] = {
    PROP(PROP_NAME, SclpConsole, chardev, "chardev", NULL, .link_type = "chardev"),
    PROP(PROP_U32, SclpConsole, index, "index", "0xffffffff"),
    PROP_END,
};

static const DeviceOps console_ops = {
    .bus_type = TYPE_SCLP_EVENT_BUS,
    .category = DEVICE_CATEGORY_INPUT,
    .user_creatable = true,
    .realize = console_realize,
    .unrealize = console_unrealize,
    .section = &section,
};

static const BusOps bus_ops_table = { .kind = TYPE_SCLP_EVENT_BUS, .plug = plug, .unplug = unplug };

static const DeviceOps facility_ops = { .category = DEVICE_CATEGORY_MISC };

const TypeInfo sclp_console_types[] = {
    { .name = TYPE_SCLP_EVENT_FACILITY,
      .parent = "device",
      .instance_size = sizeof(Device),
      .ops = &facility_ops },
    { .name = TYPE_SCLP_EVENT_BUS,
      .parent = "bus",
      .instance_size = sizeof(SclpEventBus),
      .ops = &bus_ops_table },
    { .name = "sclpconsole",
      .parent = "device",
      .description = "SCLP ASCII console (VT220)",
      .instance_size = sizeof(SclpConsole),
      .props = console_props,
      .ops = &console_ops },
};
const size_t sclp_console_types_count = G_N_ELEMENTS(sclp_console_types);
