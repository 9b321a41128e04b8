/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line-mode console of s390x machines, host's side: what is typed is collected until the line ends, and
 * is then one command for the guest; what the guest says comes in whole lines. How lines look in events is the
 * facility's (hw/s390x/sclp-line.c).
 */
#include <string.h>

#include "backend/chardev/chardev.h"
#include "hw/char/sclp-console.h"

#define ROOM 4066u /* as the stream has it */

/* ---- saved form ---- */
typedef struct {
    uint8_t event_pending;
    uint32_t write_errors, length;
    uint8_t buf[ROOM];
} LineSaved;

struct SclpLineConsole {
    Device dev; /* first */
    char *chardev;
    ChardevFrontend frontend;
    uint8_t in[ROOM];
    unsigned in_len;
    uint32_t write_errors;
};

static const uint8_t *end_of_line(const SclpLineConsole *c)
{
    for (unsigned k = 0; k < c->in_len; k++) {
        if (c->in[k] == '\n' || c->in[k] == '\r') {
            return c->in + k;
        }
    }
    return c->in_len == ROOM ? c->in + ROOM : NULL;
}

bool sclp_line_pending(const SclpLineConsole *c)
{
    return end_of_line(c) != NULL;
}

unsigned sclp_line_read(SclpLineConsole *c, uint8_t *buf, unsigned n)
{
    const uint8_t *end = end_of_line(c);
    unsigned len = end ? (unsigned)(end - c->in) : 0, used = MIN(len + 1, c->in_len);

    if (!end) {
        return 0;
    }
    n = MIN(n, len);
    memcpy(buf, c->in, n);
    memmove(c->in, c->in + used, c->in_len - used);
    c->in_len -= used;
    chardev_frontend_accept_input(&c->frontend);
    return n;
}

void sclp_line_write(SclpLineConsole *c, const char *text, unsigned n)
{
    if (!chardev_write_all(&c->frontend, (const uint8_t *)text, n, 1000)) {
        c->write_errors++;
    }
}

void sclp_line_drop_input(SclpLineConsole *c)
{
    c->in_len = 0;
}

/* ---- the host's side ---- */
static size_t can_receive(void *opaque)
{
    return ROOM - ((SclpLineConsole *)opaque)->in_len;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    SclpLineConsole *c = opaque;
    SclpEventBus *bus = (SclpEventBus *)c->dev.bus;

    len = MIN(len, ROOM - c->in_len);
    memcpy(c->in + c->in_len, buf, len);
    c->in_len += len;
    if (sclp_line_pending(c)) {
        bus->input(bus->opaque);
    }
}

static const ChardevFrontendOps frontend_ops = { .can_receive = can_receive, .receive = receive };

/* ---- life ---- */
static bool line_realize(Device *dev, GError **error)
{
    SclpLineConsole *c = (SclpLineConsole *)dev;

    if (c->chardev) {
        Chardev *chr = chardevs_lookup(device_vm(dev)->chardevs, c->chardev, error);
        return chr && chardev_frontend_attach(&c->frontend, chr, &frontend_ops, c, error);
    }
    return true;
}

static void line_unrealize(Device *dev)
{
    chardev_frontend_detach(&((SclpLineConsole *)dev)->frontend);
}

/* ---- record description ---- */
static const Record line_record = {
    .name = "sclplmconsole",
    .size = sizeof(LineSaved),
    .fields =
        (const Field[]){ F_U8(LineSaved, event_pending, .name = "event.event_pending"),
                         F_U32(LineSaved, write_errors), F_U32(LineSaved, length, .max = ROOM),
                         F_BUFFER(LineSaved, buf), F_END },
};

static void save(void *owner, void *saved)
{
    SclpLineConsole *c = owner;
    LineSaved *s = saved;

    s->event_pending = sclp_line_pending(c);
    s->write_errors = c->write_errors;
    s->length = c->in_len;
    memcpy(s->buf, c->in, c->in_len);
}

static void install(void *owner, const void *saved)
{
    SclpLineConsole *c = owner;
    const LineSaved *s = saved;

    c->write_errors = s->write_errors;
    c->in_len = s->length;
    memcpy(c->in, s->buf, c->in_len);
}

static const SectionOps section_ops = { .save = save, .install = install };
static const SectionDesc section = { .record = &line_record, .ops = &section_ops };

/* ---- types ---- */
static const Property line_props[] = {
    PROP(PROP_NAME, SclpLineConsole, chardev, "chardev", NULL, .link_type = "chardev"),
    PROP_END,
};

static const DeviceOps line_ops = {
    .bus_type = TYPE_SCLP_EVENT_BUS,
    .category = DEVICE_CATEGORY_INPUT,
    .user_creatable = true,
    .realize = line_realize,
    .unrealize = line_unrealize,
    .section = &section,
};

const TypeInfo sclp_line_console_types[] = {
    { .name = TYPE_SCLP_LINE_CONSOLE,
      .parent = "device",
      .description = "SCLP line-mode console",
      .instance_size = sizeof(SclpLineConsole),
      .props = line_props,
      .ops = &line_ops },
};
const size_t sclp_line_console_types_count = G_N_ELEMENTS(sclp_line_console_types);
