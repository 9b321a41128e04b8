/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What streams carry of a controller: record "nvme". QEMU has none (its controller cannot move); this one is
 * the same in both stream versions. Features, queues, events that wait, and the commands that an error
 * has parked, as the guest wrote them. All else that was under way has ended before.
 */
#include <string.h>

#include "base/util/endian.h"
#include "nvme-priv.h"

#define PARKED_MAX NVME_ACTIVE_MAX

typedef struct {
    uint32_t qid, size, cqid, head, tail;
    uint64_t addr;
} SqSaved;
typedef struct {
    uint32_t qid, size, vector, head, tail;
    uint64_t addr;
    bool phase, irq_enabled;
} CqSaved;
typedef struct {
    uint32_t sqid;
    uint8_t command[NVME_SQE];
} ParkedSaved;

typedef struct {
    PciDeviceSaved pci;
    uint32_t msix_table_len, msix_pba_len;
    uint8_t *msix_table, *msix_pba;
    NvmeRegs r;
    uint8_t write_cache[NVME_NAMESPACES / 8]; /* namespaces whose cache is on, bit nsid - 1 */
    GPtrArray *sqs, *cqs, *parked;
} NvmeSaved;

/* ---- records ---- */

static const Field sq_fields[] = {
    F_U32(SqSaved, qid),
    F_U32(SqSaved, size),
    F_U32(SqSaved, cqid),
    F_U32(SqSaved, head),
    F_U32(SqSaved, tail),
    F_U64(SqSaved, addr),
    F_END,
};
static const Record sq_record = {
    .name = "nvme-sq", .version = 1, .min_version = 1, .size = sizeof(SqSaved), .fields = sq_fields
};
static const Field cq_fields[] = {
    F_U32(CqSaved, qid),    F_U32(CqSaved, size),         F_U32(CqSaved, vector),
    F_U32(CqSaved, head),   F_U32(CqSaved, tail),         F_U64(CqSaved, addr),
    F_BOOL(CqSaved, phase), F_BOOL(CqSaved, irq_enabled), F_END,
};
static const Record cq_record = {
    .name = "nvme-cq", .version = 1, .min_version = 1, .size = sizeof(CqSaved), .fields = cq_fields
};
static const Field parked_fields[] = {
    F_U32(ParkedSaved, sqid),
    F_BUFFER(ParkedSaved, command),
    F_END,
};
static const Record parked_record = { .name = "nvme-parked",
                                      .version = 1,
                                      .min_version = 1,
                                      .size = sizeof(ParkedSaved),
                                      .fields = parked_fields };

#define LIST(m, record_, max_)                                               \
    {                                                                        \
        .name = #m, .kind = FIELD_LIST, .offset = offsetof(NvmeSaved, m),    \
        .size = sizeof(GPtrArray *), .max_len = (max_), .record = &(record_) \
    }
#define BYTES(m, count_, max_)                                                                    \
    {                                                                                             \
        .name = #m, .kind = FIELD_VBUFFER, .offset = offsetof(NvmeSaved, m),                      \
        .size = sizeof(uint8_t *), .count_offset = offsetof(NvmeSaved, count_), .max_len = (max_) \
    }
#define REG(kind_, m, ...)                                               \
    {                                                                    \
        .name = #m, .kind = (kind_), .offset = offsetof(NvmeSaved, r.m), \
        .size = sizeof(((NvmeSaved *)0)->r.m), ##__VA_ARGS__             \
    }
#define REGS(kind_, m, n_)                                                                      \
    {                                                                                           \
        .name = #m, .kind = (kind_), .flags = FIELD_VARRAY, .offset = offsetof(NvmeSaved, r.m), \
        .size = sizeof(((NvmeSaved *)0)->r.m[0]), .count = G_N_ELEMENTS(((NvmeSaved *)0)->r.m), \
        .count_offset = offsetof(NvmeSaved, r.n_)                                               \
    }
static const Field nvme_fields[] = {
    F_PCI_DEVICE(NvmeSaved, pci),
    F_U32(NvmeSaved, msix_table_len, .flags = FIELD_EQUAL),
    BYTES(msix_table, msix_table_len, NVME_VECTORS * 16),
    F_U32(NvmeSaved, msix_pba_len, .flags = FIELD_EQUAL),
    BYTES(msix_pba, msix_pba_len, NVME_VECTORS / 8),
    REG(FIELD_U32, intms),
    REG(FIELD_U32, cc),
    REG(FIELD_U32, csts),
    REG(FIELD_U32, aqa),
    REG(FIELD_U64, asq),
    REG(FIELD_U64, acq),
    REG(FIELD_U32, temperature, .max = 0xffff),
    REG(FIELD_U32, error_recovery, .max = 0xffff),
    REG(FIELD_U32, async_config),
    REG(FIELD_U64, timestamp_ms),
    REG(FIELD_I64, timestamp_at_ns),
    REG(FIELD_BOOL, timestamp_set),
    REG(FIELD_U32, n_aers, .max = NVME_AERS_MAX),
    REGS(FIELD_U16, aers, n_aers),
    REG(FIELD_U32, n_events, .max = NVME_EVENTS_MAX),
    REGS(FIELD_U32, events, n_events),
    REG(FIELD_U8, events_masked),
    REG(FIELD_BUFFER, changed),
    F_BUFFER(NvmeSaved, write_cache),
    LIST(cqs, cq_record, NVME_PAIRS_MAX + 1),
    LIST(sqs, sq_record, NVME_PAIRS_MAX + 1),
    LIST(parked, parked_record, PARKED_MAX),
    F_END,
};
static const Record nvme_record = {
    .name = "nvme",
    .version = 1,
    .min_version = 1,
    .size = sizeof(NvmeSaved),
    .fields = nvme_fields,
};

/* ---- save ---- */

static void save_queues(const Nvme *n, NvmeSaved *s)
{
    s->cqs = g_ptr_array_new();
    s->sqs = g_ptr_array_new();
    for (uint32_t i = 0; i <= n->max_pairs; i++) {
        const NvmeCq *cq = &n->cq[i];
        const NvmeSq *sq = &n->sq[i];

        if (cq->size) {
            CqSaved *out = g_new(CqSaved, 1);

            *out = (CqSaved){ i,        cq->size, cq->vector, cq->head,
                              cq->tail, cq->addr, cq->phase,  cq->irq_enabled };
            g_ptr_array_add(s->cqs, out);
        }
        if (sq->size) {
            SqSaved *out = g_new(SqSaved, 1);

            *out = (SqSaved){ i, sq->size, sq->cqid, sq->head, sq->tail, sq->addr };
            g_ptr_array_add(s->sqs, out);
        }
    }
}

static void save(void *owner, void *saved)
{
    Nvme *n = owner;
    NvmeSaved *s = saved;

    pci_device_save(&n->pci, &s->pci);
    s->msix_table_len = msix_table_bytes(&n->pci);
    s->msix_pba_len = msix_pba_bytes(&n->pci);
    s->msix_table = g_malloc(s->msix_table_len);
    s->msix_pba = g_malloc(s->msix_pba_len);
    msix_save(&n->pci, s->msix_table, s->msix_pba);
    s->r = n->r;
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (n->namespaces[nsid] && block_drive_write_cache(n->namespaces[nsid]->drive)) {
            s->write_cache[(nsid - 1) / 8] |= (uint8_t)(1u << (nsid - 1) % 8);
        }
    }
    save_queues(n, s);
    s->parked = g_ptr_array_new();
    for (const GList *at = n->active.head; at; at = at->next) {
        const NvmeRequest *req = at->data;

        if (req->parked) {
            ParkedSaved *out = g_new(ParkedSaved, 1);

            out->sqid = req->sqid;
            memcpy(out->command, req->cmd, NVME_SQE);
            g_ptr_array_add(s->parked, out);
        }
    }
}

/* ---- check ---- */

static bool refuse(GError **error, const char *what, uint64_t value)
{
    return hw_config_error(error, "nvme: %s (%" G_GUINT64_FORMAT ")", what, value);
}

static const CqSaved *find_cq(const NvmeSaved *s, uint32_t qid)
{
    for (guint i = 0; i < s->cqs->len; i++) {
        const CqSaved *cq = g_ptr_array_index(s->cqs, i);

        if (cq->qid == qid) {
            return cq;
        }
    }
    return NULL;
}

static const SqSaved *find_sq(const NvmeSaved *s, uint32_t qid)
{
    for (guint i = 0; i < s->sqs->len; i++) {
        const SqSaved *sq = g_ptr_array_index(s->sqs, i);

        if (sq->qid == qid) {
            return sq;
        }
    }
    return NULL;
}

/* The admin queues may be larger than those that the host makes. */
static bool size_ok(const Nvme *n, uint32_t qid, uint32_t size)
{
    return size >= 2 && size <= (qid ? n->mqes + 1u : 4096u);
}

static bool check_queues(const Nvme *n, const NvmeSaved *s, GError **error)
{
    for (guint i = 0; i < s->cqs->len; i++) {
        const CqSaved *cq = g_ptr_array_index(s->cqs, i);

        if (cq->qid > n->max_pairs || find_cq(s, cq->qid) != cq) {
            return refuse(error, "a completion queue that cannot be", cq->qid);
        }
        if (!size_ok(n, cq->qid, cq->size) || cq->head >= cq->size || cq->tail >= cq->size) {
            return refuse(error, "size, head or tail of a completion queue", cq->qid);
        }
        if (cq->vector >= MAX(n->pci.msix_entries, 32)) {
            return refuse(error, "the vector of a completion queue", cq->vector);
        }
    }
    for (guint i = 0; i < s->sqs->len; i++) {
        const SqSaved *sq = g_ptr_array_index(s->sqs, i);

        if (sq->qid > n->max_pairs || find_sq(s, sq->qid) != sq || !find_cq(s, sq->cqid) ||
            !sq->qid != !sq->cqid) {
            return refuse(error, "a submission queue that cannot be", sq->qid);
        }
        if (!size_ok(n, sq->qid, sq->size) || sq->head >= sq->size || sq->tail >= sq->size) {
            return refuse(error, "size, head or tail of a submission queue", sq->qid);
        }
    }
    return true;
}

/* Each needs a place in its completion queue. */
static bool check_parked(const NvmeSaved *s, GError **error)
{
    g_autofree uint32_t *left = g_new(uint32_t, NVME_PAIRS_MAX + 1);

    for (guint i = 0; i < s->cqs->len; i++) {
        const CqSaved *cq = g_ptr_array_index(s->cqs, i);

        left[cq->qid] = cq->size - 1 - (cq->tail + cq->size - cq->head) % cq->size;
    }
    for (guint i = 0; i < s->parked->len; i++) {
        const ParkedSaved *p = g_ptr_array_index(s->parked, i);
        const SqSaved *sq = p->sqid ? find_sq(s, p->sqid) : NULL;

        if (!sq) {
            return refuse(error, "a parked command of a queue that is not there", p->sqid);
        }
        if (!left[sq->cqid]--) {
            return refuse(error, "more parked commands than a completion queue takes", sq->cqid);
        }
    }
    return true;
}

static bool check(void *owner, const void *saved, GError **error)
{
    const Nvme *n = owner;
    const NvmeSaved *s = saved;
    bool ready = s->r.csts & 1;

    if (!pci_device_check(&((Nvme *)owner)->pci, &s->pci, error)) {
        return false;
    }
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if ((s->write_cache[(nsid - 1) / 8] & 1u << (nsid - 1) % 8) && !n->namespaces[nsid]) {
            return refuse(error, "a namespace that is not there", nsid);
        }
    }
    if (ready && (s->r.cc >> 7 & 15) > 4) { /* one that it was enabled with */
        return refuse(error, "the size of a page", s->r.cc >> 7 & 15);
    }
    if (s->r.n_aers > n->aerl + 1u) {
        return refuse(error, "requests for events, more than here", s->r.n_aers);
    }
    if (!find_cq(s, 0) != !ready || !find_sq(s, 0) != !ready) {
        return refuse(error, "ready without admin queues, or these without it", s->r.csts);
    }
    return check_queues(n, s, error) && check_parked(s, error);
}

/* ---- install ---- */

static void install(void *owner, const void *saved)
{
    Nvme *n = owner;
    const NvmeSaved *s = saved;

    nvme_drop_all(n);
    pci_device_install(&n->pci, &s->pci);
    msix_load(&n->pci, s->msix_table, s->msix_pba);
    n->r = s->r;
    for (guint i = 0; i < s->cqs->len; i++) {
        const CqSaved *in = g_ptr_array_index(s->cqs, i);

        n->cq[in->qid] =
            (NvmeCq){ in->addr,  in->size,        in->head, in->tail, (uint16_t)in->vector,
                      in->phase, in->irq_enabled, 0 };
    }
    for (guint i = 0; i < s->sqs->len; i++) {
        const SqSaved *in = g_ptr_array_index(s->sqs, i);

        n->sq[in->qid] = (NvmeSq){ in->addr, in->size, (uint16_t)in->cqid, (uint16_t)in->head,
                                   (uint16_t)in->tail };
    }
    for (guint i = 0; i < s->parked->len; i++) {
        const ParkedSaved *in = g_ptr_array_index(s->parked, i);

        nvme_add_parked(n, (uint16_t)in->sqid, in->command);
    }
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        if (n->namespaces[nsid]) {
            block_drive_set_write_cache(n->namespaces[nsid]->drive,
                                        s->write_cache[(nsid - 1) / 8] & 1u << (nsid - 1) % 8);
        }
    }
}

static void installed(void *owner)
{
    nvme_update_irq(owner);
}

static const SectionOps section_ops = { save, check, install, installed };
const SectionDesc nvme_section = { .record = &nvme_record, .ops = &section_ops };
