/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CHANNEL SUBSYSTEM CALL: the commands that Linux asks for and cannot do without; all others are
 * answered "not provided".
 */
#include <string.h>
#include "css-priv.h"

enum {
    CHSC_PATH_DESCRIPTION = 0x0002,
    CHSC_EVENT_INFORMATION = 0x000e,
    CHSC_CHARACTERISTICS = 0x0010,
    CHSC_SET_DOMAIN = 0x0031,
};
enum {
    RSP_OK = 0x0001,
    RSP_NOT_PROVIDED = 0x0004,
    RSP_BAD_REQUEST = 0x0003,
    RSP_NO_EVENT = 0x0005,
    RSP_NO_FACILITY = 0x0101,
};

static void respond(uint8_t *res, unsigned length, unsigned code)
{
    css_put16(res, length);
    css_put16(res + 2, code);
}

/* Paths first..last of image 0: only path 0 is there, of type 0x32. */
static void path_description(const uint8_t *req, uint8_t *res)
{
    unsigned first = req[7], last = req[11], n = 0;
    bool wide = (req[6] & 15) == 1; /* response format 1 */
    unsigned entry = wide ? 32 : 8;
    uint8_t *e = res + 8;

    if (last < first) {
        respond(res, 8, RSP_BAD_REQUEST);
        return;
    }
    for (unsigned chpid = first; chpid <= last && n < 1; chpid++) {
        if (chpid == 0) {
            memset(e, 0, entry);
            e[0] = 0x80; /* valid */
            e[2] = 0x32; /* type */
            e[3] = chpid;
            n++;
        }
    }
    respond(res, 8 + n * entry, RSP_OK);
    memset(res + 4, 0, 4);
    res[7] = wide;
}

static void characteristics(uint8_t *res)
{
    memset(res, 0, 0x0ff0);
    respond(res, 0x0ff0, RSP_OK);
    css_put32(res + 8, 0x03000000); /* general characteristics as measured */
    css_put32(res + 12, 0x00079000);
    css_put32(res + 20, 0x00080000);
}

/* Of functions only (notification type 2). */
static void event_information(Css *css, uint8_t *res)
{
    bool more = false;

    memset(res, 0, 0x0fe0);
    unsigned content = css->port->event(css->opaque, res + 64, &more);
    if (!content) {
        respond(res, 8, RSP_NO_EVENT);
        return;
    }
    respond(res, 0x0fe0, RSP_OK);
    res[7] = 2;
    res[8] = more ? 0x80 : 0;
    res[11] = content;
}

static void set_domain(Css *css, const uint8_t *req, uint8_t *res)
{
    if (css_get16(req + 6) != 2) { /* only multiple subchannel sets */
        respond(res, 8, RSP_NO_FACILITY);
        return;
    }
    css->sets_enabled = true;
    respond(res, 8, RSP_OK);
}

void css_chsc(Css *css, uint8_t *page)
{
    uint8_t *res = page + css_get16(page);

    memset(res, 0, 8);
    switch (css_get16(page + 2)) {
    case CHSC_PATH_DESCRIPTION: path_description(page, res); break;
    case CHSC_EVENT_INFORMATION: event_information(css, res); break;
    case CHSC_CHARACTERISTICS: characteristics(res); break;
    case CHSC_SET_DOMAIN: set_domain(css, page, res); break;
    default: respond(res, 8, RSP_NOT_PROVIDED); break;
    }
}
