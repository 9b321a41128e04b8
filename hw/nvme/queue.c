/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues and doorbells (chapter 4), how commands are fetched and end, and asynchronous events.
 *
 *   doorbell -> fetch -> nvme_admin / nvme_io -> completion
 *                              \-> drive -> completion, or parked -> (VM runs again) -> nvme_io
 */
#include <string.h>

#include "base/util/endian.h"
#include "nvme-priv.h"

bool nvme_dma(Nvme *n, uint64_t addr, void *buf, uint64_t len, bool to_guest)
{
    bool outer = n->in_dma;
    MemResult result;

    n->in_dma = true;
    result =
        to_guest ? pci_dma_write(&n->pci, addr, buf, len) : pci_dma_read(&n->pci, addr, buf, len);
    n->in_dma = outer;
    return result == MEM_OK;
}

bool nvme_ready(const Nvme *n)
{
    return (n->r.csts & 3) == 1; /* ready, not failed */
}

/* ---- completion queues ---- */

static unsigned room(const NvmeCq *cq)
{
    unsigned used = (cq->tail + cq->size - cq->head) % cq->size;

    return cq->size - 1 - used;
}

/* A message is a write to memory, too, and may name our registers. */
static void notify(Nvme *n, unsigned vector)
{
    bool outer = n->in_dma;

    n->in_dma = true;
    msix_notify(&n->pci, vector);
    n->in_dma = outer;
}

static void post(Nvme *n, uint16_t sqid, uint16_t cid, uint32_t result, int status)
{
    NvmeSq *sq = &n->sq[sqid];
    NvmeCq *cq = &n->cq[sq->cqid];
    uint64_t at = cq->addr + (uint64_t)cq->tail * NVME_CQE;
    uint8_t e[NVME_CQE] = { 0 };

    st_le32(e, result);
    st_le16(e + 8, sq->head);
    st_le16(e + 10, sqid);
    st_le16(e + 12, cid);
    st_le16(e + 14, (uint16_t)(status << 1 | cq->phase));
    /* The phase bit last: a driver on another CPU looks for it. */
    if (!nvme_dma(n, at, e, 12, true)) {
        nvme_fatal(n);
        return;
    }
    __atomic_thread_fence(__ATOMIC_RELEASE);
    nvme_dma(n, at + 12, e + 12, 4, true);
    cq->tail++;
    if (cq->tail == cq->size) {
        cq->tail = 0;
        cq->phase = !cq->phase;
    }
    if (!cq->irq_enabled) {
        return;
    }
    if (msix_enabled(&n->pci)) {
        notify(n, cq->vector);
    } else {
        nvme_update_irq(n);
    }
}

/* ---- commands ---- */

static void request_free(NvmeRequest *req)
{
    g_queue_unlink(&req->n->active, &req->link);
    g_clear_pointer(&req->segments, g_array_unref);
    g_free(req->ranges);
    g_free(req);
}

static NvmeRequest *request_new(Nvme *n, uint16_t sqid, const uint8_t cmd[NVME_SQE])
{
    NvmeRequest *req = g_new0(NvmeRequest, 1);

    req->n = n;
    req->sqid = sqid;
    memcpy(req->cmd, cmd, NVME_SQE);
    req->link.data = req;
    g_queue_push_tail_link(&n->active, &req->link);
    n->cq[n->sq[sqid].cqid].under_way++;
    return req;
}

void nvme_complete(NvmeRequest *req, int status)
{
    Nvme *n = req->n;

    if (!n->dropping) {
        n->cq[n->sq[req->sqid].cqid].under_way--;
        post(n, req->sqid, ld_le16(req->cmd + 2), req->result, status);
    }
    request_free(req);
    if (n->starved) {
        nvme_fetch(n);
    }
}

void nvme_forget(NvmeRequest *req)
{
    Nvme *n = req->n;

    n->cq[n->sq[req->sqid].cqid].under_way--;
    request_free(req);
}

void nvme_result(NvmeRequest *req, int status)
{
    if (status != NVME_PENDING) {
        nvme_complete(req, status);
    }
}

static void run(NvmeRequest *req)
{
    nvme_result(req, req->sqid ? nvme_io(req) : nvme_admin(req));
}

static void fetch_queue(Nvme *n, uint16_t sqid)
{
    NvmeSq *sq = &n->sq[sqid];

    while (nvme_ready(n) && sq->size && sq->head != sq->tail) {
        const NvmeCq *cq = &n->cq[sq->cqid];
        uint8_t cmd[NVME_SQE];

        if (room(cq) <= cq->under_way) {
            return;
        }
        if (n->active.length >= NVME_ACTIVE_MAX) {
            n->starved = true;
            return;
        }
        if (!nvme_dma(n, sq->addr + (uint64_t)sq->head * NVME_SQE, cmd, NVME_SQE, false)) {
            nvme_fatal(n);
            return;
        }
        sq->head = (uint16_t)((sq->head + 1u) % sq->size);
        run(request_new(n, sqid, cmd));
    }
}

void nvme_fetch(Nvme *n)
{
    if (!n->running || n->fetching || n->dropping) {
        return;
    }
    n->fetching = true;
    do {
        n->starved = false;
        for (uint32_t i = 0; i <= n->max_pairs; i++) {
            fetch_queue(n, (uint16_t)i);
        }
    } while (n->starved && n->active.length < NVME_ACTIVE_MAX);
    n->fetching = false;
}

void nvme_add_parked(Nvme *n, uint16_t sqid, const uint8_t cmd[NVME_SQE])
{
    request_new(n, sqid, cmd)->parked = true;
}

void nvme_retry_parked(Nvme *n)
{
    GList *next;

    n->fetching = true; /* no command that could end others */
    for (GList *at = n->active.head; at; at = next) {
        NvmeRequest *req = at->data;

        next = at->next;
        if (req->parked) {
            req->parked = false;
            req->result = 0;
            run(req);
        }
    }
    n->fetching = false;
}

bool nvme_end_parked(Nvme *n, uint16_t sqid, int cid, int status)
{
    bool found = false;
    GList *next;

    for (GList *at = n->active.head; at; at = next) {
        NvmeRequest *req = at->data;

        next = at->next;
        if (req->parked && req->sqid == sqid && (cid < 0 || ld_le16(req->cmd + 2) == cid)) {
            found = true;
            nvme_complete(req, status);
        }
    }
    return found;
}

void nvme_drain(Nvme *n)
{
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (n->namespaces[nsid]) {
            block_drive_drain(n->namespaces[nsid]->drive);
        }
    }
}

void nvme_drop_all(Nvme *n)
{
    NvmeRequest *req;

    n->dropping = true;
    nvme_drain(n);
    while ((req = g_queue_peek_head(&n->active))) {
        request_free(req);
    }
    n->dropping = false;
    n->starved = false;
    memset(n->sq, 0, sizeof(*n->sq) * (n->max_pairs + 1));
    memset(n->cq, 0, sizeof(*n->cq) * (n->max_pairs + 1));
    n->r.n_aers = n->r.n_events = 0;
    n->r.events_masked = 0;
    memset(n->r.changed, 0, sizeof(n->r.changed));
}

/* ---- doorbells: tails of submission queues, heads of completion queues ---- */

static void bad_doorbell(Nvme *n, unsigned what)
{
    nvme_event(n, NVME_EVENT_ERROR, what, NVME_LOG_ERROR);
}

void nvme_doorbell(Nvme *n, uint32_t offset, uint32_t value)
{
    uint32_t qid = offset / 8;

    if (!nvme_ready(n)) {
        return;
    }
    if (offset % 4 || qid > n->max_pairs || !(offset % 8 ? n->cq[qid].size : n->sq[qid].size)) {
        bad_doorbell(n, NVME_BAD_DOORBELL);
        return;
    }
    if (value >= (offset % 8 ? n->cq[qid].size : n->sq[qid].size)) {
        bad_doorbell(n, NVME_BAD_DOORBELL_VALUE);
        return;
    }
    if (offset % 8 == 0) {
        n->sq[qid].tail = (uint16_t)value;
    } else {
        NvmeCq *cq = &n->cq[qid];
        unsigned used = (cq->tail + cq->size - cq->head) % cq->size;

        if ((value + cq->size - cq->head) % cq->size > used) { /* beyond what there is */
            bad_doorbell(n, NVME_BAD_DOORBELL_VALUE);
            return;
        }
        cq->head = (uint16_t)value;
        nvme_update_irq(n);
        nvme_tell_events(n);
    }
    nvme_fetch(n);
}

/* ---- events ---- */

void nvme_tell_events(Nvme *n)
{
    NvmeRegs *r = &n->r;
    uint32_t kept = 0;

    if (!n->running || !nvme_ready(n)) {
        return;
    }
    for (uint32_t i = 0; i < r->n_events; i++) {
        uint32_t event = r->events[i];

        if (!r->n_aers || (r->events_masked & 1u << (event & 7)) ||
            room(&n->cq[0]) <= n->cq[0].under_way) {
            r->events[kept++] = event;
            continue;
        }
        r->events_masked |= (uint8_t)(1u << (event & 7));
        post(n, 0, r->aers[--r->n_aers], event, NVME_OK);
    }
    r->n_events = kept;
}

void nvme_event(Nvme *n, unsigned type, unsigned info, unsigned log)
{
    NvmeRegs *r = &n->r;
    uint32_t event = log << 16 | info << 8 | type;

    if (r->n_events == NVME_EVENTS_MAX || (r->n_events && r->events[r->n_events - 1] == event)) {
        return;
    }
    r->events[r->n_events++] = event;
    nvme_tell_events(n);
}

void nvme_event_clear(Nvme *n, unsigned type)
{
    n->r.events_masked &= (uint8_t) ~(1u << type);
    nvme_tell_events(n);
}
