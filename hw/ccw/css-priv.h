/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the channel subsystem. */
#pragma once
#include "hw/ccw/css.h"

#define CSS_MAX_SUBCHANNELS 1024
/* No report waits twice: two words a subchannel, and the one that event information waits. */
#define CSS_MAX_CRWS (2 * CSS_MAX_SUBCHANNELS + 1)

struct Css {
    Vm *vm;
    const CssPort *port;
    void *opaque;
    Bus *bus;                                /* borrowed from the tree */
    CcwDevice *devices[CSS_MAX_SUBCHANNELS]; /* by subchannel number, set 0 */
    bool sets_enabled;                       /* CHSC: multiple subchannel sets */
    uint32_t crws[CSS_MAX_CRWS];
    unsigned n_crws;
    bool measuring;            /* SCHM; nothing is counted here, but who takes the guest may */
    uint64_t measurement_area; /* its blocks; 0 while not measuring */
    bool report_pending;       /* the guest was told of channel reports and has not read them all */
    Section *section;
};

/* PMCW bytes 4 and 5. */
#define PMCW_ISC     0x3800u
#define PMCW_ENABLED 0x0080u
#define PMCW_MODES   0x007cu /* limit, measurement, multipath: kept, without effect */
#define PMCW_VALID   0x0001u
/* PMCW byte 27. */
#define PMCW27_CSENSE   0x01u /* concurrent sense */
#define PMCW27_EXTENDED 0x06u /* measurement forms: kept, without effect */

/* SCSW word 0. */
#define SCSW_CC        0x03000000u
#define SCSW_FUNCTION  0x00007000u
#define SCSW_F_START   0x00004000u
#define SCSW_F_HALT    0x00002000u
#define SCSW_F_CLEAR   0x00001000u
#define SCSW_ACTIVITY  0x00000fe0u
#define SCSW_ALERT     0x00000010u
#define SCSW_INTERM    0x00000008u
#define SCSW_PRIMARY   0x00000004u
#define SCSW_SECONDARY 0x00000002u
#define SCSW_PENDING   0x00000001u
#define SCSW_STATUS    0x0000001fu

/* Channel-report words. */
#define CRW_OVERFLOW 0x20000000u
#define CRW_CHAINED  0x10000000u

#define ORB_TRANSPORT 0x00040000u /* word 1 of an ORB: not a channel program of CCWs */

/* Device and subchannel status, SCSW word 2. */
#define DSTAT_CHANNEL_END 0x08000000u
#define DSTAT_DEVICE_END  0x04000000u
#define DSTAT_UNIT_CHECK  0x02000000u
#define CSTAT_PROGRAM     0x00200000u
#define CSTAT_LENGTH      0x00400000u

static inline uint16_t css_get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}
static inline uint32_t css_get32(const uint8_t *p)
{
    return (uint32_t)css_get16(p) << 16 | css_get16(p + 2);
}
static inline void css_put16(uint8_t *p, uint16_t v)
{
    p[0] = v >> 8;
    p[1] = v;
}
static inline void css_put32(uint8_t *p, uint32_t v)
{
    css_put16(p, v >> 16);
    css_put16(p + 2, v);
}
CcwDevice *css_find(Css *css, uint32_t sid);
/* ---- program.c ---- */
/* Runs the channel program at addr; fills the status words of d. */
void css_run_program(CcwDevice *d, uint64_t addr, bool format1);
