/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Subchannels and the I/O instructions that work on them.
 *
 *   idle ── SSCH: program runs ──▶ status pending ── TSCH ──▶ idle
 *     └──── CSCH, HSCH ───────────▶ status pending
 *
 * A subchannel exists for each plugged device, in set 0, numbered in order of plugging; a device that comes or goes
 * while the guest runs takes the lowest free number or gives it back, and a channel report says so.
 */
#include <stdio.h>
#include <string.h>
#include "base/util/endian.h"
#include "css-priv.h"

Css *css_new(Vm *vm, const CssPort *port, void *opaque)
{
    Css *css = g_new0(Css, 1);

    css->vm = vm;
    css->port = port;
    css->opaque = opaque;
    return css;
}

void css_free(Css *css)
{
    g_free(css);
}

/* CSSID 0 (the default image), one bit 15 of the left half, set number above it. */
bool css_sid_valid(uint64_t sid)
{
    return (sid & 0x00010000u) && !(sid & 0xfff80000u);
}

CcwDevice *css_find(Css *css, uint32_t sid)
{
    unsigned n = sid & 0xffff;

    return sid >> 17 & 3 || n >= CSS_MAX_SUBCHANNELS ? NULL : css->devices[n];
}

static uint32_t sid_of(const CcwDevice *d)
{
    return 0x10000u | (uint32_t)d->ssid << 17 | d->schid;
}

static bool enabled(const CcwDevice *d)
{
    return css_get16(d->pmcw + 4) & PMCW_ENABLED;
}

static void interrupt(CcwDevice *d)
{
    uint32_t isc = (css_get16(d->pmcw + 4) & PMCW_ISC) >> 11;

    d->css->port->io_interrupt(d->css->opaque, sid_of(d), css_get32(d->pmcw), isc << 27);
}

/* ---- instructions ---- */
int css_stsch(Css *css, uint32_t sid, uint8_t *schib)
{
    CcwDevice *d = css_find(css, sid);

    if (!d) {
        return 3;
    }
    memset(schib, 0, CSS_SCHIB_BYTES);
    memcpy(schib, d->pmcw, sizeof(d->pmcw));
    for (unsigned k = 0; k < 3; k++) {
        css_put32(schib + 28 + 4 * k, d->scsw[k]);
    }
    st_be64(schib + 40, d->mba);
    return 0;
}

int css_msch(Css *css, uint32_t sid, const uint8_t *schib)
{
    const uint16_t settable = PMCW_ISC | PMCW_ENABLED | PMCW_MODES;
    CcwDevice *d = css_find(css, sid);
    uint16_t flags;

    if (!d) {
        return 3;
    }
    if (d->scsw[0] & SCSW_PENDING) {
        return 1;
    }
    if (d->scsw[0] & SCSW_FUNCTION) {
        return 2;
    }
    flags = css_get16(d->pmcw + 4) & ~settable;
    memcpy(d->pmcw, schib, 4); /* interruption parameter */
    css_put16(d->pmcw + 4, flags | (css_get16(schib + 4) & settable));
    d->pmcw[8] = schib[8];               /* logical path mask */
    memcpy(d->pmcw + 12, schib + 12, 2); /* measurement-block index */
    d->pmcw[27] = schib[27] & (PMCW27_CSENSE | PMCW27_EXTENDED);
    d->pmcw[14] = schib[14]; /* path-operational mask */
    d->mba = ld_be64(schib + 40);
    return 0;
}

int css_ssch(Css *css, uint32_t sid, const uint8_t *orb)
{
    CcwDevice *d = css_find(css, sid);
    uint32_t control = css_get32(orb + 4);

    if (!d || !enabled(d)) {
        return 3;
    }
    if (d->scsw[0] & SCSW_PENDING) {
        return 1;
    }
    if (d->scsw[0] & SCSW_FUNCTION) {
        return 2;
    }
    if ((control & ORB_TRANSPORT) || css_get32(orb + 8) >= 0x80000000u) {
        return -0x15;
    }
    memcpy(d->pmcw, orb, 4);
    d->pmcw[10] = 0x80; /* last path used */
    d->scsw[0] = (control & 0xf0000000u) | (control & 0x00f80000u) | SCSW_F_START;
    css_run_program(d, css_get32(orb + 8), control & 0x00800000u);
    interrupt(d);
    return 0;
}

/* General register 1: key in bits 32-35, 62 measurement blocks, 63 device-connect time; the others are zero. */
int css_schm(Css *css, uint64_t control, uint64_t area)
{
    bool blocks = control & 2;

    if ((control & 0x0ffffffcu) || (blocks && (area & 31))) {
        return -0x15;
    }
    css->measuring = blocks;
    css->measurement_area = blocks ? area : 0;
    return 0;
}

int css_tsch(Css *css, uint32_t sid, uint8_t *irb)
{
    CcwDevice *d = css_find(css, sid);
    int cc;

    if (!d || !enabled(d)) {
        return 3;
    }
    memset(irb, 0, CSS_IRB_BYTES);
    cc = d->scsw[0] & SCSW_PENDING ? 0 : 1;
    for (unsigned k = 0; k < 3; k++) {
        css_put32(irb + 4 * k, d->scsw[k]);
    }
    if (cc == 0) {
        if ((d->scsw[2] & DSTAT_UNIT_CHECK) &&
            (d->pmcw[27] & PMCW27_CSENSE)) { /* concurrent sense */
            css_put32(irb + 16, 0x01000000u | sizeof(d->sense) << 16);
            memcpy(irb + 32, d->sense, sizeof(d->sense));
            css_put32(irb, d->scsw[0] | 0x00020000u); /* extended control */
        }
        d->scsw[0] &= ~(SCSW_STATUS | SCSW_FUNCTION | SCSW_ACTIVITY | SCSW_CC);
        css->port->io_clear(css->opaque, sid_of(d));
    }
    return cc;
}

static int stop(Css *css, uint32_t sid, uint32_t function)
{
    CcwDevice *d = css_find(css, sid);

    if (!d || !enabled(d)) {
        return 3;
    }
    if (function == SCSW_F_HALT && (d->scsw[0] & SCSW_PENDING)) {
        return 1;
    }
    d->scsw[0] =
        (d->scsw[0] & ~(SCSW_STATUS | SCSW_ACTIVITY | SCSW_FUNCTION)) | function | SCSW_PENDING;
    d->scsw[1] = d->scsw[2] = 0;
    interrupt(d);
    return 0;
}

int css_csch(Css *css, uint32_t sid)
{
    return stop(css, sid, SCSW_F_CLEAR);
}

int css_hsch(Css *css, uint32_t sid)
{
    return stop(css, sid, SCSW_F_HALT);
}

/* CANCEL: a start function is never found waiting. */
int css_xsch(Css *css, uint32_t sid)
{
    CcwDevice *d = css_find(css, sid);

    if (!d || !enabled(d)) {
        return 3;
    }
    return d->scsw[0] & SCSW_PENDING ? 1 : 2;
}

/* RESUME: a program is never found suspended. */
int css_rsch(Css *css, uint32_t sid)
{
    CcwDevice *d = css_find(css, sid);

    if (!d || !enabled(d)) {
        return 3;
    }
    return d->scsw[0] & SCSW_PENDING ? 1 : 2;
}

/* ---- channel reports ---- */
#define CRW_EVENTS 0x0b000000u /* source: event information waits */
#define CRW_SUBCHANNEL \
    0x03040000u /* source: a subchannel; its parameters are new. The number follows. */

static bool report_waits(const Css *css, const uint32_t *crws, unsigned n)
{
    for (unsigned k = 0; k + n <= css->n_crws; k++) {
        if (!memcmp(css->crws + k, crws, n * sizeof(crws[0]))) {
            return true;
        }
    }
    return false;
}

/* One report of n words. One that waits already says it all: the guest looks at the subchannel after it took it. */
static void report(Css *css, const uint32_t *crws, unsigned n)
{
    if (!report_waits(css, crws, n)) {
        if (css->n_crws + n <= CSS_MAX_CRWS) {
            memcpy(css->crws + css->n_crws, crws, n * sizeof(crws[0]));
            css->n_crws += n;
        } else { /* a stream brought many */
            css->crws[css->n_crws - 1] |= CRW_OVERFLOW;
        }
    }
    if (!css->report_pending) {
        css->report_pending = true;
        css->port->channel_report(css->opaque);
    }
}

void css_event_waits(Css *css)
{
    const uint32_t crw = CRW_EVENTS;

    report(css, &crw, 1);
}

/* The second word, of image and set, is there for a guest that knows of sets. */
static void report_subchannel(const CcwDevice *d)
{
    const uint32_t crws[] = {
        CRW_SUBCHANNEL | (d->css->sets_enabled ? CRW_CHAINED : 0) | d->schid,
        CRW_SUBCHANNEL | (uint32_t)d->ssid << 4,
    };

    report(d->css, crws, d->css->sets_enabled ? 2 : 1);
}

int css_stcrw(Css *css, uint8_t *crw)
{
    memset(crw, 0, 4);
    if (!css->n_crws) {
        css->report_pending = false;
        return 1;
    }
    css_put32(crw, css->crws[0]);
    css->n_crws--;
    memmove(css->crws, css->crws + 1, css->n_crws * sizeof(css->crws[0]));
    return 0;
}

int css_queue_notify(Css *css, uint32_t sid, uint64_t queue)
{
    CcwDevice *d = css_find(css, sid);

    if (!d || !ccw_device_ops(d)->queue_notify) {
        return -1;
    }
    ccw_device_ops(d)->queue_notify(d, queue);
    return 0;
}

/* ---- for devices ---- */
AddressSpace *ccw_device_space(const CcwDevice *d)
{
    return address_space_memory(d->dev.obj.vm);
}

void ccw_device_attention(CcwDevice *d)
{
    if (!(d->scsw[0] & SCSW_PENDING) && enabled(d)) {
        d->scsw[0] = (d->scsw[0] & ~SCSW_STATUS) | SCSW_ALERT | SCSW_PENDING;
        d->css->port->io_interrupt(d->css->opaque, sid_of(d), css_get32(d->pmcw),
                                   (uint32_t)((css_get16(d->pmcw + 4) & PMCW_ISC) >> 11) << 27);
    }
}

void ccw_device_adapter_interrupt(CcwDevice *d, uint8_t isc)
{
    d->css->port->adapter_interrupt(d->css->opaque, isc);
}

char *ccw_device_name(const CcwDevice *d)
{
    return g_strdup_printf("fe.%x.%04x", d->ssid, d->number);
}

void ccw_device_plugged(CcwDevice *d)
{
    if (d->dev.hotplugged) {
        report_subchannel(d);
    }
}

/* The guest has no say: it finds the subchannel gone. */
bool ccw_device_unplug_request(Device *dev, GError **error)
{
    CcwDevice *d = CCW_DEVICE(dev);
    Css *css = d->css;
    const CcwDevice gone = { .css = css, .ssid = d->ssid, .schid = d->schid };

    css->port->io_clear(css->opaque, sid_of(d));
    device_remove(dev);
    report_subchannel(&gone);
    return true;
}

/* ---- the bus ---- */
typedef struct {
    Bus bus; /* first */
    Css *css;
} CcwBus;

static bool number_taken(const Css *css, unsigned number)
{
    for (unsigned n = 0; n < CSS_MAX_SUBCHANNELS; n++) {
        if (css->devices[n] && css->devices[n]->number == number) {
            return true;
        }
    }
    return false;
}

/* The user's, else the subchannel's own or the next one that is free. */
static bool choose_number(Css *css, CcwDevice *d, GError **error)
{
    unsigned cssid, ssid, number;
    char tail;

    if (d->devno && *d->devno) {
        if (sscanf(d->devno, "%x.%x.%x%c", &cssid, &ssid, &number, &tail) != 3 || cssid != 0xfe ||
            ssid != 0 || number > 0xffff) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                        "devno '%s' is no fe.0.NNNN (other subchannel sets are not offered)",
                        d->devno);
            return false;
        }
        if (number_taken(css, number)) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "devno '%s' is in use",
                        d->devno);
            return false;
        }
        d->number = number;
        return true;
    }
    for (number = d->schid; number_taken(css, number); number = (number + 1) & 0xffff) {
    }
    d->number = number;
    return true;
}

static void reset_subchannel(CcwDevice *d)
{
    memset(d->pmcw, 0, sizeof(d->pmcw));
    memset(d->scsw, 0, sizeof(d->scsw));
    memset(d->sense, 0, sizeof(d->sense));
    d->mba = 0;
    d->placed = false;
    css_put16(d->pmcw + 4, PMCW_VALID);
    css_put16(d->pmcw + 6, d->number);
    d->pmcw[8] = 0x80;  /* logical path mask */
    d->pmcw[11] = 0x80; /* path-installed mask */
    d->pmcw[14] = 0xff; /* path-operational mask */
    d->pmcw[15] = 0x80; /* path-available mask */
}

static bool plug(Bus *bus, Device *dev, GError **error)
{
    Css *css = ((CcwBus *)bus)->css;
    CcwDevice *d = CCW_DEVICE(dev);

    unsigned n = 0;

    while (n < CSS_MAX_SUBCHANNELS && css->devices[n]) {
        n++;
    }
    if (n == CSS_MAX_SUBCHANNELS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_NO_BUS,
                    "no subchannel is free (limit %d)", CSS_MAX_SUBCHANNELS);
        return false;
    }
    d->schid = n;
    if (!choose_number(css, d, error)) {
        return false;
    }
    css->devices[n] = d;
    d->css = css;
    d->plugged = true;
    reset_subchannel(d);
    return true;
}

static void unplug(Bus *bus, Device *dev)
{
    CcwDevice *d = CCW_DEVICE(dev);

    if (d->plugged) {
        d->css->devices[d->schid] = NULL;
        d->plugged = d->placed = false;
    }
}

static char *device_path(Bus *bus, Device *dev)
{
    return ccw_device_name(CCW_DEVICE(dev));
}

static void bus_reset_fn(Bus *bus, ResetKind kind)
{
    css_reset(((CcwBus *)bus)->css);
}

void css_reset(Css *css)
{
    css->sets_enabled = false;
    css->measuring = false;
    css->measurement_area = 0;
    css->n_crws = 0;
    css->report_pending = false;
    for (unsigned n = 0; n < CSS_MAX_SUBCHANNELS; n++) {
        if (css->devices[n]) {
            reset_subchannel(css->devices[n]);
        }
    }
}

void css_make_bus(Css *css, Device *owner)
{
    css->bus = bus_new(css->vm, TYPE_CCW_BUS, owner, "virtual-css");
    css->bus->hotpluggable = true;
    ((CcwBus *)css->bus)->css = css;
}

static const Property ccw_props[] = {
    PROP(PROP_STR, CcwDevice, devno, "devno", NULL),
    PROP_END,
};
static const BusOps css_bus_ops = {
    .kind = TYPE_CCW_BUS,
    .plug = plug,
    .unplug = unplug,
    .device_path = device_path,
    .reset = bus_reset_fn,
};

static const DeviceOps bridge_ops = { .category = DEVICE_CATEGORY_BRIDGE };

const TypeInfo ccw_types[] = {
    { .name = TYPE_CSS_BRIDGE,
      .parent = "device",
      .instance_size = sizeof(Device),
      .ops = &bridge_ops },
    { .name = TYPE_CCW_BUS, .parent = "bus", .instance_size = sizeof(CcwBus), .ops = &css_bus_ops },
    { .name = TYPE_CCW_DEVICE,
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(CcwDevice),
      .props = ccw_props },
};
const size_t ccw_types_count = G_N_ELEMENTS(ccw_types);
