/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Admin commands (chapter 5): queues, Abort, Asynchronous Event Request; the rest is called from here. */
#include "base/util/endian.h"
#include "nvme-priv.h"

enum {
    ADMIN_DELETE_SQ = 0x00,
    ADMIN_CREATE_SQ = 0x01,
    ADMIN_GET_LOG = 0x02,
    ADMIN_DELETE_CQ = 0x04,
    ADMIN_CREATE_CQ = 0x05,
    ADMIN_IDENTIFY = 0x06,
    ADMIN_ABORT = 0x08,
    ADMIN_SET_FEATURES = 0x09,
    ADMIN_GET_FEATURES = 0x0a,
    ADMIN_AER = 0x0c,
};
#define QUEUE_CONTIGUOUS 1u
#define QUEUE_INTERRUPTS 2u
#define SQE_SHIFT        6u
#define CQE_SHIFT        4u

/* ---- queues ---- */

/* Identifier, size and place of a queue to be made. */
static int check_queue(const NvmeRequest *req, bool taken)
{
    const Nvme *n = req->n;
    uint16_t qid = ld_le16(req->cmd + 40), last = ld_le16(req->cmd + 42);

    if (!qid || qid > n->max_pairs || taken) {
        return NVME_QID;
    }
    if (!last || last > n->mqes) {
        return NVME_QSIZE;
    }
    if (ld_le64(req->cmd + 24) % nvme_page_bytes(n)) {
        return NVME_PRP_OFFSET;
    }
    return ld_le32(req->cmd + 44) & QUEUE_CONTIGUOUS ? NVME_OK : NVME_FIELD;
}

static int create_cq(NvmeRequest *req)
{
    Nvme *n = req->n;
    uint16_t qid = ld_le16(req->cmd + 40), vector = ld_le16(req->cmd + 46);
    int status = check_queue(req, qid <= n->max_pairs && n->cq[qid].size);

    if (status) {
        return status;
    }
    if ((n->r.cc >> 20 & 15) != CQE_SHIFT) {
        return NVME_QSIZE;
    }
    if (vector >= (msix_enabled(&n->pci) ? n->pci.msix_entries : 32)) {
        return NVME_VECTOR;
    }
    n->cq[qid] = (NvmeCq){
        .addr = ld_le64(req->cmd + 24),
        .size = ld_le16(req->cmd + 42) + 1u,
        .vector = vector,
        .phase = true,
        .irq_enabled = ld_le32(req->cmd + 44) & QUEUE_INTERRUPTS,
    };
    return NVME_OK;
}

static int create_sq(NvmeRequest *req)
{
    Nvme *n = req->n;
    uint16_t qid = ld_le16(req->cmd + 40), cqid = ld_le16(req->cmd + 46);
    int status;

    if (!cqid || cqid > n->max_pairs || !n->cq[cqid].size) {
        return NVME_CQ_INVALID;
    }
    status = check_queue(req, qid <= n->max_pairs && n->sq[qid].size);
    if (status) {
        return status;
    }
    if ((n->r.cc >> 16 & 15) != SQE_SHIFT) {
        return NVME_QSIZE;
    }
    n->sq[qid] = (NvmeSq){
        .addr = ld_le64(req->cmd + 24),
        .size = ld_le16(req->cmd + 42) + 1u,
        .cqid = cqid,
    };
    return NVME_OK;
}

static int delete_sq(NvmeRequest *req)
{
    Nvme *n = req->n;
    uint16_t qid = ld_le16(req->cmd + 40);

    if (!qid || qid > n->max_pairs || !n->sq[qid].size) {
        return NVME_QID;
    }
    nvme_drain(n);
    nvme_end_parked(n, qid, -1, NVME_SQ_DELETED);
    n->sq[qid] = (NvmeSq){ 0 };
    return NVME_OK;
}

static int delete_cq(NvmeRequest *req)
{
    Nvme *n = req->n;
    uint16_t qid = ld_le16(req->cmd + 40);

    if (!qid || qid > n->max_pairs || !n->cq[qid].size) {
        return NVME_QID;
    }
    for (uint32_t i = 1; i <= n->max_pairs; i++) {
        if (n->sq[i].size && n->sq[i].cqid == qid) {
            return NVME_DELETION;
        }
    }
    n->cq[qid] = (NvmeCq){ 0 };
    nvme_update_irq(n);
    return NVME_OK;
}

/* ---- Abort, events ---- */

/* Only what waits can be: the rest ends by itself. Bit 0 of the result: it was not aborted. */
static int abort_command(NvmeRequest *req)
{
    uint16_t sqid = ld_le16(req->cmd + 40), cid = ld_le16(req->cmd + 42);

    req->result = !nvme_end_parked(req->n, sqid, cid, NVME_ABORTED);
    return NVME_OK;
}

/* It waits, without a place in the completion queue, until there is something to tell. */
static int request_event(NvmeRequest *req)
{
    Nvme *n = req->n;

    if (n->r.n_aers > n->aerl) {
        return NVME_AER_LIMIT;
    }
    n->r.aers[n->r.n_aers++] = ld_le16(req->cmd + 2);
    nvme_forget(req);
    nvme_tell_events(n);
    return NVME_PENDING;
}

int nvme_admin(NvmeRequest *req)
{
    if (req->cmd[1] & 3) { /* fused */
        return NVME_FIELD;
    }
    switch (req->cmd[0]) {
    case ADMIN_DELETE_SQ: return delete_sq(req);
    case ADMIN_CREATE_SQ: return create_sq(req);
    case ADMIN_GET_LOG: return nvme_get_log(req);
    case ADMIN_DELETE_CQ: return delete_cq(req);
    case ADMIN_CREATE_CQ: return create_cq(req);
    case ADMIN_IDENTIFY: return nvme_identify(req);
    case ADMIN_ABORT: return abort_command(req);
    case ADMIN_SET_FEATURES: return nvme_set_features(req);
    case ADMIN_GET_FEATURES: return nvme_get_features(req);
    case ADMIN_AER: return request_event(req);
    default: return NVME_OPCODE;
    }
}
