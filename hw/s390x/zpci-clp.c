/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CALL LOGICAL PROCESSOR for PCI: list functions, query a function and its group, enable and disable one.
 * Layouts are those that Linux documents in asm/pci_clp.h. A block has the request (32 bytes), the answer
 * behind it; all functions are of one group.
 */
#include <string.h>

#include "zpci-priv.h"

enum {
    CMD_LIST = 0x0002,
    CMD_QUERY = 0x0003,
    CMD_QUERY_GROUP = 0x0004,
    CMD_SET = 0x0005,
};
enum {
    RC_OK = 0x0010,
    RC_COMMAND = 0x0020,
    RC_LENGTH = 0x0050,
    RC_HANDLE = 0x0101,
    RC_HANDLE_STATE = 0x0102,
    RC_DMA_SPACES = 0x0103,
    RC_RESUME = 0x010a,
    RC_GROUP = 0x010b,
};
enum {
    SET_ENABLE = 0,
    SET_DISABLE = 1,
};
#define REQUEST_BYTES 32u
#define LIST_HEADER   32u
#define LIST_ENTRY    16u
#define GROUP         0xff

static void list_entry(const ZpciFunction *f, uint8_t *e)
{
    st_be16(e, pci_get16(f->pci, PCI_DEVICE_ID));
    st_be16(e + 2, pci_get16(f->pci, PCI_VENDOR_ID));
    st_be32(e + 4, f->regs.state == ZPCI_STANDBY ? 0 : 0x80000000u);
    st_be32(e + 8, f->fid);
    st_be32(e + 12, zpci_handle(f));
}

/* Functions from the resume token on, as many as there is room for. */
static uint16_t list(ZpciHost *h, const uint8_t *req, uint8_t *res, unsigned length)
{
    uint64_t k = ld_be64(req + 16);
    unsigned at = LIST_HEADER;

    if (length < LIST_HEADER + LIST_ENTRY) {
        return RC_LENGTH;
    }
    if (k >= ZPCI_MAX_FUNCTIONS) {
        return RC_RESUME;
    }
    for (; k < ZPCI_MAX_FUNCTIONS && at + LIST_ENTRY <= length; k++) {
        const ZpciFunction *f = h->functions[k];
        if (f && f->pci && f->dev) {
            list_entry(f, res + at);
            at += LIST_ENTRY;
        }
    }
    st_be16(res, at);
    st_be64(res + 16, k < ZPCI_MAX_FUNCTIONS ? k : 0);
    st_be16(res + 28, ZPCI_MAX_FUNCTIONS);
    res[30] = 1; /* uids are unique */
    res[31] = LIST_ENTRY;
    return RC_OK;
}

static uint16_t query(ZpciHost *h, const uint8_t *req, uint8_t *res, unsigned length)
{
    ZpciFunction *f = zpci_by_handle(h, ld_be32(req + 16));

    if (length < 256) {
        return RC_LENGTH;
    }
    if (!f) {
        return RC_HANDLE;
    }
    res[19] = GROUP;
    st_be32(res + 20, f->fid);
    for (unsigned k = 0; k < ZPCI_BARS; k++) {
        uint64_t size = f->pci->bars[k].mr ? f->pci->bars[k].size : 0;
        res[24 + k] = size ? (uint8_t)__builtin_ctzll(size) : 0;
        memcpy(res + 32 + 4 * k, f->pci->config + PCI_BASE_ADDRESS_0 + 4 * k, 4);
    }
    res[62] = ZPCI_MEASURE_BYTES / 4; /* words */
    st_be64(res + 64, ZPCI_DMA_FIRST);
    st_be64(res + 72, ZPCI_DMA_LAST);
    st_be32(res + 124, f->uid);
    return RC_OK;
}

static uint16_t query_group(const uint8_t *req, uint8_t *res, unsigned length)
{
    if (length < 64) {
        return RC_LENGTH;
    }
    if (req[19] != GROUP) {
        return RC_GROUP;
    }
    st_be16(res + 16, ZPCI_MAX_MSI);
    res[19] = 1;            /* new translations are announced, too */
    st_be16(res + 20, 128); /* bytes that one PCI STORE BLOCK may store */
    st_be16(res + 22, ZPCI_MEASURE_MS);
    res[24] = 0x40; /* tables begin with a region third table */
    st_be64(res + 40, ZPCI_MSI_ADDRESS);
    return RC_OK;
}

static uint16_t set(ZpciHost *h, const uint8_t *req, uint8_t *res, unsigned length)
{
    ZpciFunction *f = zpci_by_handle(h, ld_be32(req + 16));

    if (length < 32) {
        return RC_LENGTH;
    }
    if (!f) {
        return RC_HANDLE;
    }
    switch (req[22]) {
    case SET_ENABLE:
        if (req[23] != 1) {
            return RC_DMA_SPACES;
        }
        if (f->regs.state != ZPCI_DISABLED) {
            return RC_HANDLE_STATE;
        }
        f->regs.state = ZPCI_ENABLED;
        break;
    case SET_DISABLE:
        if (f->regs.state != ZPCI_ENABLED) {
            return RC_HANDLE_STATE;
        }
        zpci_disable(f);
        break;
    default: return RC_HANDLE_STATE;
    }
    st_be32(res + 16, zpci_handle(f));
    return RC_OK;
}

static uint16_t carry_out(ZpciHost *h, const uint8_t *req, uint8_t *res, unsigned length)
{
    switch (ld_be16(req + 2)) {
    case CMD_LIST: return list(h, req, res, length);
    case CMD_QUERY: return query(h, req, res, length);
    case CMD_QUERY_GROUP: return query_group(req, res, length);
    case CMD_SET: return set(h, req, res, length);
    default: return RC_COMMAND;
    }
}

bool zpci_clp(ZpciHost *h, uint8_t block[4096])
{
    uint8_t *res = block + REQUEST_BYTES;
    unsigned length = ld_be16(res);

    if (ld_be16(block) != REQUEST_BYTES || length < 16 || length > 4096 - REQUEST_BYTES) {
        return false;
    }
    memset(res + 2, 0, length - 2);
    st_be16(res + 2, carry_out(h, block, res, length));
    return true;
}
