/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the controller says of itself and of its namespaces: Identify (5.15), Get Log Page (5.14). */
#include <string.h>

#include "base/core/clock.h"
#include "base/util/bits.h"
#include "base/util/endian.h"
#include "nvme-priv.h"

enum { /* controller or namespace structure */
    CNS_NAMESPACE = 0x00,
    CNS_CONTROLLER = 0x01,
    CNS_ACTIVE = 0x02,
    CNS_DESCRIPTORS = 0x03,
    CNS_ALLOCATED = 0x10,
    CNS_ALLOCATED_NAMESPACE = 0x11,
    CNS_CONTROLLERS = 0x13,
};
enum { /* optional NVM commands */
    ONCS_COMPARE = 0x01,
    ONCS_DSM = 0x04,
    ONCS_ZEROES = 0x08,
    ONCS_TIMESTAMP = 0x40,
};
#define KELVIN_NOW      0x143u
#define KELVIN_WARN     0x157u
#define KELVIN_CRITICAL 0x175u

/* ---- Identify ---- */

static void text(uint8_t *out, size_t len, const char *value)
{
    memset(out, ' ', len);
    memcpy(out, value, MIN(strlen(value), len));
}

static void identify_controller(const Nvme *n, uint8_t *p)
{
    st_le16(p, pci_get16(&n->pci, PCI_VENDOR_ID));
    st_le16(p + 2, pci_get16(&n->pci, PCI_SUBSYSTEM_VENDOR_ID));
    text(p + 4, 20, n->serial);
    text(p + 24, 40, "QEMU NVMe Ctrl");
    text(p + 64, 8, "10.0");
    p[72] = 6; /* recommended arbitration burst */
    p[74] = 0x54;
    p[75] = 0x52; /* IEEE OUI 52-54-00 */
    p[77] = n->mdts;
    st_le32(p + 80, 0x00010400); /* version */
    st_le32(p + 92, 1u << 8);    /* tells of changed namespaces */
    p[111] = 1;                  /* an I/O controller */
    p[258] = 3;                  /* aborts at a time, less one */
    p[259] = n->aerl;
    p[260] = 3; /* one firmware slot, read-only */
    p[261] = 6; /* logs: commands' effects, and in parts */
    st_le16(p + 266, KELVIN_WARN);
    st_le16(p + 268, KELVIN_CRITICAL);
    p[512] = 0x66; /* entries of 64 bytes */
    p[513] = 0x44; /* and 16 */
    st_le32(p + 516, NVME_NAMESPACES);
    st_le16(p + 520, ONCS_COMPARE | ONCS_DSM | ONCS_ZEROES | ONCS_TIMESTAMP);
    p[525] = 6 | nvme_any_write_cache(n); /* Flush works for all namespaces at once */
    st_le32(p + 536, 1);                  /* SGLs */
    g_snprintf((char *)p + 768, 256, "nqn.2019-08.org.qemu:%s", n->serial);
    st_le16(p + 2048, 0x9c4); /* power state 0: 25 W */
    st_le32(p + 2052, 16);    /* us to enter */
    st_le32(p + 2056, 4);     /* and to leave */
}

static void identify_namespace(const NvmeNamespace *ns, uint8_t *p)
{
    uint64_t blocks = nvme_blocks(ns), granularity = ns->discard_granularity;

    st_le64(p, blocks);
    st_le64(p + 8, blocks);
    st_le64(p + 16, blocks);
    p[24] = 0x10; /* preferred granularities, below */
    st_le16(p + 64, (uint16_t)(ns->physical_block_size / ns->logical_block_size - 1));
    st_le16(p + 66, (uint16_t)(ns->physical_block_size / ns->logical_block_size - 1));
    st_le16(p + 68, (uint16_t)MIN(granularity / ns->logical_block_size - 1, UINT16_MAX));
    st_le16(p + 70, (uint16_t)MIN(granularity / ns->logical_block_size - 1, UINT16_MAX));
    if (ns->opt_io_size >= ns->logical_block_size) {
        st_le16(p + 72, (uint16_t)MIN(ns->opt_io_size / ns->logical_block_size - 1, UINT16_MAX));
    }
    p[99] = block_drive_read_only(ns->drive); /* write protected */
    st_be64(p + 120, ns->eui64);
    p[130] = (uint8_t)bits_log2_floor(ns->logical_block_size); /* the one format */
}

static void identify_descriptors(const NvmeNamespace *ns, uint8_t *p)
{
    static const uint8_t none[16];

    if (ns->eui64) {
        p[0] = 1;
        p[1] = 8;
        st_be64(p + 4, ns->eui64);
        p += 12;
    }
    if (memcmp(ns->uuid, none, sizeof(none)) != 0) {
        p[0] = 3;
        p[1] = 16;
        memcpy(p + 4, ns->uuid, 16);
    }
}

static void list_namespaces(const Nvme *n, uint32_t above, uint8_t *p)
{
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (nsid > above && n->namespaces[nsid]) {
            st_le32(p, nsid);
            p += 4;
        }
    }
}

int nvme_identify(NvmeRequest *req)
{
    const Nvme *n = req->n;
    uint32_t nsid = ld_le32(req->cmd + 4);
    uint8_t page[NVME_DATA] = { 0 }, cns = req->cmd[40];
    const NvmeNamespace *ns = nvme_namespace(n, nsid);

    switch (cns) {
    case CNS_CONTROLLER: identify_controller(n, page); break;
    case CNS_NAMESPACE:
    case CNS_ALLOCATED_NAMESPACE:
    case CNS_DESCRIPTORS:
        if (!nsid || nsid > NVME_NAMESPACES) {
            return NVME_NAMESPACE;
        }
        if (!ns && cns == CNS_DESCRIPTORS) {
            return NVME_FIELD;
        }
        if (ns && cns == CNS_DESCRIPTORS) {
            identify_descriptors(ns, page);
        } else if (ns) { /* one that is not there: all zero */
            identify_namespace(ns, page);
        }
        break;
    case CNS_ACTIVE:
    case CNS_ALLOCATED:
        if (nsid >= NVME_ALL - 1) {
            return NVME_NAMESPACE;
        }
        list_namespaces(n, nsid, page);
        break;
    case CNS_CONTROLLERS: /* this one, number 0 */
        st_le16(page, ld_le16(req->cmd + 42) == 0);
        break;
    default: return NVME_FIELD;
    }
    return nvme_send(req, page, sizeof(page));
}

/* ---- Get Log Page ---- */

static void put_count(uint8_t *p, uint64_t value)
{
    st_le64(p, value); /* of 16 bytes */
}

static void log_smart(const Nvme *n, uint8_t *p)
{
    uint64_t read = 0, written = 0, reads = 0, writes = 0;

    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (n->namespaces[nsid]) {
            const BlockStats *s = block_drive_stats(n->namespaces[nsid]->drive);

            read += s->bytes[BLOCK_STAT_READ];
            written += s->bytes[BLOCK_STAT_WRITE];
            reads += s->ops[BLOCK_STAT_READ];
            writes += s->ops[BLOCK_STAT_WRITE];
        }
    }
    st_le16(p + 1, KELVIN_NOW);
    p[3] = 100;                                  /* spare, percent */
    put_count(p + 32, (read + 511999) / 512000); /* thousands of 512 bytes */
    put_count(p + 48, (written + 511999) / 512000);
    put_count(p + 64, reads);
    put_count(p + 80, writes);
    put_count(p + 128,
              (uint64_t)clock_now_ns(device_vm(&n->pci.dev), CLOCK_KIND_VIRTUAL) / 3600000000000u);
}

/* Which commands there are, and which of them change data. */
static void log_effects(uint8_t *p)
{
    static const uint8_t admin[] = { 0, 1, 2, 4, 5, 6, 8, 9, 10, 12 };
    static const uint8_t io[] = { 0, 1, 2, 5, 8, 9 };
    static const uint8_t changing[] = { 0, 1, 8, 9 };

    for (size_t i = 0; i < sizeof(admin); i++) {
        p[4 * admin[i]] = 1;
    }
    for (size_t i = 0; i < sizeof(io); i++) {
        p[1024 + 4 * io[i]] = 1;
    }
    for (size_t i = 0; i < sizeof(changing); i++) {
        p[1024 + 4 * changing[i]] |= 2;
    }
}

static void log_changed(Nvme *n, uint8_t *p)
{
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (n->r.changed[(nsid - 1) / 8] & 1u << (nsid - 1) % 8) {
            st_le32(p, nsid);
            p += 4;
        }
    }
}

/* Fills the page and says how long it is; 0: there is no such one. */
static size_t fill_log(Nvme *n, uint8_t log, uint8_t page[NVME_DATA])
{
    switch (log) {
    case NVME_LOG_ERROR: return 64; /* nothing is kept */
    case NVME_LOG_SMART: log_smart(n, page); return 512;
    case NVME_LOG_FIRMWARE:
        page[0] = 1; /* the slot in use */
        text(page + 8, 8, "1.0");
        return 512;
    case NVME_LOG_CHANGED: log_changed(n, page); return 4096;
    case NVME_LOG_EFFECTS: log_effects(page); return 4096;
    default: return 0;
    }
}

int nvme_get_log(NvmeRequest *req)
{
    Nvme *n = req->n;
    uint8_t page[NVME_DATA] = { 0 }, log = req->cmd[40];
    uint64_t dwords = (ld_le16(req->cmd + 42) | (uint64_t)ld_le16(req->cmd + 44) << 16) + 1;
    uint64_t offset = ld_le64(req->cmd + 48);
    size_t len = fill_log(n, log, page);
    bool retain = req->cmd[41] & 0x80;
    int status;

    if (!len) {
        return NVME_LOG;
    }
    if (offset % 4 || offset >= len) {
        return NVME_FIELD;
    }
    status = nvme_send(req, page + offset, MIN(dwords * 4, len - offset));
    if (status || retain) {
        return status;
    }
    if (log == NVME_LOG_ERROR || log == NVME_LOG_SMART) {
        nvme_event_clear(n, log - 1);
    } else if (log == NVME_LOG_CHANGED) {
        memset(n->r.changed, 0, sizeof(n->r.changed));
        nvme_event_clear(n, NVME_EVENT_NOTICE);
    }
    return NVME_OK;
}
