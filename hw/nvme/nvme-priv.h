/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the NVMe controller (NVM Express Base Specification 1.4; section numbers are its own).
 *
 * Invariants:
 *  1. A command is fetched only when its completion queue has room for it and for all that are under way
 *     there: a completion always fits. Commands that wait for an event (AER) take no room until one comes.
 *  2. Nothing is fetched while the VM is stopped, while the controller is off, and amid a fetch. The VM's
 *     stop drains the drives: then only registers, queues and parked commands are left, and these travel.
 *  3. While guest memory is touched, by a message too, the registers do not answer (`in_dma`).
 *  4. A queue exists when its size is not 0; head and tail are below it, and its completion queue exists.
 *  5. A parked command is started again from its 64 bytes, as if it had just been fetched.
 */
#pragma once

#include "backend/block/block.h"
#include "hw/nvme/nvme.h"
#include "hw/pci/pci.h"

#define TYPE_NVME_BUS   "nvme-bus"
#define NVME_PAIRS_MAX  1024u /* I/O queue pairs; queue 0 is the admin pair */
#define NVME_VECTORS    2048u
#define NVME_MQES       2047u /* entries of a queue at most, less one */
#define NVME_NAMESPACES 256u
#define NVME_ACTIVE_MAX 256u /* commands under way: each may hold a buffer */
#define NVME_AERS_MAX   16u
#define NVME_EVENTS_MAX 64u
#define NVME_SQE        64u
#define NVME_CQE        16u
#define NVME_DATA       4096u /* identify pages */
#define NVME_ALL        UINT32_MAX

enum { /* status: do not retry, type << 8, code (4.6.1) */
    NVME_OK = 0x000,
    NVME_DNR = 0x4000,
    NVME_OPCODE = 0x001 | NVME_DNR,
    NVME_FIELD = 0x002 | NVME_DNR,
    NVME_TRANSFER = 0x004,
    NVME_ABORTED = 0x007,
    NVME_SQ_DELETED = 0x008,
    NVME_NAMESPACE = 0x00b | NVME_DNR,
    NVME_SGL_COUNT = 0x00e | NVME_DNR,
    NVME_SGL_LENGTH = 0x00f | NVME_DNR,
    NVME_SGL_TYPE = 0x011 | NVME_DNR,
    NVME_PRP_OFFSET = 0x013 | NVME_DNR,
    NVME_PROTECTED = 0x020 | NVME_DNR,
    NVME_LBA_RANGE = 0x080 | NVME_DNR,
    NVME_CQ_INVALID = 0x100 | NVME_DNR,
    NVME_QID = 0x101 | NVME_DNR,
    NVME_QSIZE = 0x102 | NVME_DNR,
    NVME_AER_LIMIT = 0x105 | NVME_DNR,
    NVME_VECTOR = 0x108 | NVME_DNR,
    NVME_LOG = 0x109 | NVME_DNR,
    NVME_DELETION = 0x10c,
    NVME_NOT_SAVEABLE = 0x10d | NVME_DNR,
    NVME_NOT_CHANGEABLE = 0x10e | NVME_DNR,
    NVME_WRITE_FAULT = 0x280,
    NVME_READ_FAULT = 0x281,
    NVME_COMPARE_FAILED = 0x285 | NVME_DNR,
    NVME_PENDING = -1, /* it ends later */
};

enum { /* asynchronous events: type, information, log page (5.2) */
    NVME_EVENT_ERROR = 0,
    NVME_EVENT_NOTICE = 2,
    NVME_LOG_ERROR = 1,
    NVME_LOG_SMART = 2,
    NVME_LOG_FIRMWARE = 3,
    NVME_LOG_CHANGED = 4,
    NVME_LOG_EFFECTS = 5,
    NVME_BAD_DOORBELL = 0,
    NVME_BAD_DOORBELL_VALUE = 1,
    NVME_NAMESPACE_CHANGED = 0,
};

typedef struct Nvme Nvme;

typedef struct {
    uint64_t addr;
    uint32_t size; /* 0: not there */
    uint16_t cqid, head, tail;
} NvmeSq;
typedef struct {
    uint64_t addr;
    uint32_t size;
    uint16_t head, tail, vector;
    bool phase, irq_enabled;
    unsigned under_way; /* commands whose completion goes here */
} NvmeCq;

/* What moves with the machine, besides the queues. */
typedef struct {
    uint32_t intms, cc, csts, aqa;
    uint64_t asq, acq;
    uint32_t temperature, error_recovery, async_config;
    uint64_t timestamp_ms;
    int64_t timestamp_at_ns; /* virtual time when it was set */
    bool timestamp_set;
    uint32_t n_aers, n_events;
    uint16_t aers[NVME_AERS_MAX];     /* commands that wait for an event */
    uint32_t events[NVME_EVENTS_MAX]; /* log page << 16, information << 8, type; oldest first */
    uint8_t events_masked;            /* types that were told and whose log was not read since */
    uint8_t changed[NVME_NAMESPACES / 8]; /* namespaces, bit nsid - 1, for the log */
} NvmeRegs;

/* A namespace: of the controller's own drive, or an "nvme-ns". */
typedef struct {
    Device *dev; /* whose it is; borrowed */
    Nvme *n;     /* NULL until it is in the table */
    /* properties */
    char *drive_name;
    bool share_rw;
    int32_t werror, rerror;
    int32_t bootindex;
    uint64_t logical_block_size, physical_block_size, discard_granularity;
    uint64_t min_io_size, opt_io_size;
    OnOffAuto write_cache, account_invalid, account_failed, backend_defaults;
    uint32_t nsid;
    uint64_t eui64;
    uint8_t uuid[16];
    /* state */
    BlockDrive *drive;
    bool first_write_cache;
    uint64_t told_bytes;
} NvmeNamespace;

struct Nvme {
    PciDevice pci; /* first */
    NvmeNamespace ns;
    /* properties */
    char *serial;
    uint32_t num_queues, max_pairs;
    uint16_t msix_vectors, mqes;
    uint8_t mdts, aerl;
    bool use_intel_id;
    /* state */
    MemoryRegion bar, mmio;
    Bus *bus;
    RunStateHandler *run_handler;
    bool in_dma;   /* guest memory is being touched */
    bool dropping; /* commands end without a completion */
    bool running, fetching;
    bool starved;       /* a fetch stopped at NVME_ACTIVE_MAX */
    bool shutting_down; /* flushes of a shutdown are under way */
    NvmeRegs r;
    NvmeSq *sq; /* max_pairs + 1; owned */
    NvmeCq *cq;
    NvmeNamespace *namespaces[NVME_NAMESPACES + 1]; /* by nsid */
    GQueue active; /* NvmeRequest, oldest first: under way and parked */
};

/* A piece of guest memory. */
typedef struct {
    uint64_t addr, len;
} NvmeSegment;

typedef struct {
    GList link; /* in `active` */
    Nvme *n;
    NvmeNamespace *ns; /* while it is under way */
    uint16_t sqid;
    uint8_t cmd[NVME_SQE];
    uint32_t result;
    bool parked, differs;
    GArray *segments; /* NvmeSegment; owned */
    guint segment;    /* the next one, and how much of it was moved */
    uint64_t moved;
    uint8_t *ranges; /* of a deallocation; owned */
    uint32_t n_ranges, range;
} NvmeRequest;

/* ---- controller.c ---- */
void nvme_update_irq(Nvme *n);
uint32_t nvme_page_bytes(const Nvme *n);
/* The controller cannot go on; the host has to reset it. */
void nvme_fatal(Nvme *n);

/* ---- queue.c ---- */
bool nvme_dma(Nvme *n, uint64_t addr, void *buf, uint64_t len, bool to_guest);
bool nvme_ready(const Nvme *n);
void nvme_doorbell(Nvme *n, uint32_t offset, uint32_t value);
/* Takes what waits in all submission queues. */
void nvme_fetch(Nvme *n);
/* Ends a command; its queue pair still exists. Frees @req. */
void nvme_complete(NvmeRequest *req, int status);
/* The command waits elsewhere: frees @req, without an end. */
void nvme_forget(NvmeRequest *req);
/* Ends it unless @status says that it goes on. */
void nvme_result(NvmeRequest *req, int status);
/* A parked command that came with a migration. */
void nvme_add_parked(Nvme *n, uint16_t sqid, const uint8_t cmd[NVME_SQE]);
void nvme_retry_parked(Nvme *n);
/* Waits for what is under way; parked commands stay. */
void nvme_drain(Nvme *n);
/* Forgets commands, events and queues. */
void nvme_drop_all(Nvme *n);
/* Ends the parked commands of a queue (or the one with that cid, when not negative); true: there was one. */
bool nvme_end_parked(Nvme *n, uint16_t sqid, int cid, int status);
void nvme_event(Nvme *n, unsigned type, unsigned info, unsigned log);
/* The log page was read: events of its type may come again. */
void nvme_event_clear(Nvme *n, unsigned type);
void nvme_tell_events(Nvme *n);

/* ---- transfer.c: status, or NVME_OK ---- */
/* Finds @bytes of guest memory that the command names. */
int nvme_map(NvmeRequest *req, uint64_t bytes);
bool nvme_copy(void *req, void *buf, size_t len, bool to_guest); /* BlockCopy */
/* Maps and moves a buffer of the controller's own. */
int nvme_send(NvmeRequest *req, const void *buf, size_t len);
int nvme_receive(NvmeRequest *req, void *buf, size_t len);

/* ---- commands: status or NVME_PENDING ---- */
int nvme_io(NvmeRequest *req);
int nvme_admin(NvmeRequest *req);
int nvme_identify(NvmeRequest *req);
int nvme_get_log(NvmeRequest *req);
int nvme_get_features(NvmeRequest *req);
int nvme_set_features(NvmeRequest *req);

/* ---- flush.c ---- */
typedef void (*NvmeFlushed)(void *opaque, BlockDrive *failed, int ret);
/* Flushes every namespace, then calls @done, perhaps at once; @failed: the drive of the first error. */
void nvme_flush_all(Nvme *n, NvmeFlushed done, void *opaque);

/* ---- namespace.c ---- */
NvmeNamespace *nvme_namespace(const Nvme *n, uint32_t nsid); /* NULL: none */
bool nvme_any_write_cache(const Nvme *n);
uint64_t nvme_blocks(const NvmeNamespace *ns);
bool nvme_namespace_attach(NvmeNamespace *ns, Nvme *n, Device *dev, GError **error);
void nvme_namespace_detach(NvmeNamespace *ns);
void nvme_namespace_reset(NvmeNamespace *ns);

#define NVME_NAMESPACE_PROPS(T)                                                          \
    PROP(PROP_NAME, T, ns.drive_name, "drive", NULL, .link_type = "drive"),              \
        PROP(PROP_BOOL, T, ns.share_rw, "share-rw", "off"),                              \
        PROP(PROP_I32, T, ns.bootindex, "bootindex", "-1"),                              \
        PROP(PROP_SIZE, T, ns.logical_block_size, "logical_block_size", "0"),            \
        PROP(PROP_SIZE, T, ns.physical_block_size, "physical_block_size", "0"),          \
        PROP(PROP_SIZE, T, ns.min_io_size, "min_io_size", "0", .max = 1 << 25),          \
        PROP(PROP_SIZE, T, ns.opt_io_size, "opt_io_size", "0", .max = 1 << 30),          \
        PROP(PROP_SIZE, T, ns.discard_granularity, "discard_granularity", "4294967295"), \
        PROP(PROP_ENUM, T, ns.werror, "werror", "auto", .choices = block_on_error_names, \
             .link_type = "BlockdevOnError"),                                            \
        PROP(PROP_ENUM, T, ns.rerror, "rerror", "auto", .choices = block_on_error_names, \
             .link_type = "BlockdevOnError"),                                            \
        PROP(PROP_ONOFFAUTO, T, ns.write_cache, "write-cache", "auto"),                  \
        PROP(PROP_ONOFFAUTO, T, ns.account_invalid, "account-invalid", "auto"),          \
        PROP(PROP_ONOFFAUTO, T, ns.account_failed, "account-failed", "auto"),            \
        PROP(PROP_ONOFFAUTO, T, ns.backend_defaults, "backend_defaults", "auto")

extern const SectionDesc nvme_section;
