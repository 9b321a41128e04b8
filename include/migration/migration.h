/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The migration session: moving the running guest out to another process or a file, and taking one
 * in. One at a time in each direction; vm->migration holds the state of both.
 *
 * Threads: all functions here are called in the main loop with the VM lock held. The transfer runs
 * in a thread of its own and hands every change of state to the main loop.
 */
#pragma once
#include "base/core/vm.h"
#include "base/io/channel.h"
#include "migration/address.h"
#include "migration/params.h"

#define FERRY_MIGRATION_ERROR (ferry_migration_error_quark())
GQuark ferry_migration_error_quark(void);
typedef enum {
    FERRY_MIGRATION_ERROR_BUSY,    /* one is under way */
    FERRY_MIGRATION_ERROR_BLOCKED, /* a device that cannot move */
    FERRY_MIGRATION_ERROR_CONFIG,  /* capability, parameter, address */
    FERRY_MIGRATION_ERROR_STREAM,  /* malformed or not for this machine */
    FERRY_MIGRATION_ERROR_PEER,    /* the other side's words */
    FERRY_MIGRATION_ERROR_RAM,     /* blocks differ or changed under way */
    FERRY_MIGRATION_ERROR_DEVICE,  /* a device refused */
    FERRY_MIGRATION_ERROR_CANCELLED,
    FERRY_MIGRATION_ERROR_HANDOVER, /* after GO: who runs is not known here */
} FerryMigrationError;

typedef enum {
    MIGRATION_NONE,
    MIGRATION_SETUP,
    MIGRATION_CANCELLING,
    MIGRATION_CANCELLED,
    MIGRATION_ACTIVE,
    MIGRATION_PRE_SWITCHOVER,
    MIGRATION_DEVICE,
    MIGRATION_HANDOVER,         /* Ferry: GO was sent, the answer is due */
    MIGRATION_PREFLIGHT_PASSED, /* Ferry: the manifest fits, nothing was moved */
    MIGRATION_HANDOVER_LOST, /* Ferry: no word about who runs the guest; only `cont` runs it here */
    MIGRATION_COMPLETED,
    MIGRATION_FAILED,
    MIGRATION_STATUS_COUNT,
} MigrationStatus;
const char *migration_status_name(MigrationStatus status);
/* A migration in this state is under way. */
bool migration_status_active(MigrationStatus status);

/* What the session asks of rooms that it may not include; any member may be NULL. */
typedef struct {
    /* Give the disk images up so that another process may take them; undone by disks_take. */
    bool (*disks_release)(void *opaque, GError **error);
    bool (*disks_take)(void *opaque, GError **error);
    /* Send gratuitous frames from the new place. */
    void (*announce)(void *opaque, const MigrationParams *params);
    /* Names of the features that the guest's CPUs have (g_strfreev); NULL: none are known. */
    char **(*cpu_features)(void *opaque);
    /* The guest's time stamp counters: their reading; and set those that came without one. */
    int64_t (*ticks_get)(void *opaque);
    void (*ticks_set)(void *opaque, int64_t ticks);
    const char *machine_name; /* "pc-q35-ferry-1.0", as the configuration section carries it */
    unsigned stream_version;  /* 3 or 4 */
    bool suppress_vmdesc;
    bool autostart; /* run the guest once loaded (no -S) */
    void *opaque;
} MigrationHost;

typedef struct Migration Migration;
/* Sets vm->migration. @host is copied; its strings are borrowed. */
void migration_setup(Vm *vm, const MigrationHost *host);
void migration_teardown(Vm *vm);
/* stop while a guest is coming in. */
void migration_set_autostart(Vm *vm, bool autostart);
/* cont while a guest is coming in: it will run when it is here; one that is here in full, and whose source
 * was lost (handover-lost), runs now. */
bool migration_incoming_cont(Vm *vm, GError **error);

/* ---- capabilities and parameters ---- */
bool migration_cap(Vm *vm, MigrationCap cap);
/* All of @caps (bit masks over MigrationCap) or none; refused while a migration is under way. */
bool migration_caps_set(Vm *vm, uint64_t on, uint64_t off, GError **error);
const MigrationParams *migration_params_of(Vm *vm);
bool migration_params_set(Vm *vm, const MigrationParams *params, GError **error);

/* ---- outgoing ---- */
/*
 * Takes @addr. Returns at once: a socket is connected by the migration's own thread, in state setup,
 * and that nobody listens there is told by migration_info() and events, as all later failures are.
 * A file or command that cannot be opened is an error here (and the state is failed).
 */
bool migration_start(Vm *vm, MigrationAddress *addr, GError **error);
/* As above, but only asks the destination whether what would come fits: ends in state
   preflight-passed or failed (with all that does not fit), and moves nothing. */
bool migration_preflight(Vm *vm, MigrationAddress *addr, GError **error);
bool migration_cancel(Vm *vm, GError **error);
/* Breaks the channel, as a network failure would (migrate-pause without postcopy is an error). */
bool migration_continue(Vm *vm, MigrationStatus expected, GError **error);

/* ---- incoming ---- */
/* Listens or opens; the VM is in RUN_STATE_INMIGRATE. With @exit_on_error the process ends with
   status 1 when loading fails. */
bool migration_incoming(Vm *vm, MigrationAddress *addr, bool exit_on_error, GError **error);
/* The address really bound (a port 0 resolved), NULL when not listening; caller frees. */
SocketAddress *migration_incoming_address(Vm *vm);
/* Breaks every channel of the session, as a network failure would, also one that is just being
   connected. Any thread, no lock needed. False: there is no session. */
bool migration_yank(Vm *vm);
bool migration_yankable(Vm *vm);

/* ---- how much the guest writes ---- */
/* Lets vCPU @cpu (-1: all) dirty at most that many MiB a second; 0: no limit. */
bool migration_dirty_limit_set(Vm *vm, int cpu, uint64_t mb_per_second, GError **error);
/* The vCPUs with a limit; rate: what it does now, MiB a second. */
void migration_dirty_limits_foreach(Vm *vm,
                                    void (*fn)(unsigned cpu, uint64_t limit_mb, uint64_t rate_mb,
                                               void *opaque),
                                    void *opaque);

typedef enum {
    MIGRATION_PAGE_SAMPLING, /* hashes of some pages */
    MIGRATION_DIRTY_BITMAP,
} MigrationDirtyMode;
typedef enum {
    MIGRATION_DIRTY_UNSTARTED,
    MIGRATION_DIRTY_MEASURING,
    MIGRATION_DIRTY_MEASURED,
} MigrationDirtyStatus;
typedef struct {
    MigrationDirtyStatus status;
    MigrationDirtyMode mode;
    uint64_t sample_pages;    /* for each GiB; 0: bitmap */
    int64_t calc_ms, start_s; /* how long; when (seconds of 1970) */
    int64_t rate_mb;          /* MiB a second; -1: not known */
} MigrationDirtyRate;
bool migration_dirty_rate_start(Vm *vm, int64_t calc_ms, uint64_t sample_pages,
                                MigrationDirtyMode mode, GError **error);
void migration_dirty_rate(Vm *vm, MigrationDirtyRate *out);

/* ---- what forbids to begin: devices that cannot be migrated. VM lock held. ---- */
void migration_blockers_foreach(Vm *vm, void (*fn)(const char *reason, void *opaque), void *opaque);

/* ---- what query-migrate shows ---- */
typedef struct {
    uint64_t cache_size, bytes, pages; /* the latter two: deltas sent */
    uint64_t cache_miss, overflow;     /* pages without a copy; whose delta was too long */
    double cache_miss_rate;            /* misses of all pages tried */
    double encoding_rate;              /* bytes of pages for each byte of delta */
} MigrationXbzrle;

typedef struct {
    MigrationStatus status;
    bool incoming; /* the figures are those of the destination */
    int64_t total_ms, setup_ms, downtime_ms, expected_downtime_ms; /* -1: not known */
    uint64_t ram_total, ram_transferred, ram_remaining;            /* bytes */
    uint64_t pages_normal, pages_zero;
    uint64_t dirty_sync_count, dirty_pages_rate; /* rounds; pages a second */
    double mbps;
    uint64_t pages_per_second;
    uint64_t precopy_bytes, downtime_bytes;
    unsigned throttle_percent;
    bool has_xbzrle;
    MigrationXbzrle xbzrle;
    bool dirty_limited; /* the next two are known, in us */
    uint64_t limit_round_held, limit_ring_full;
    char *error_desc; /* NULL: none; owned by the info */
    char *
        *warnings; /* what was left out and the guest survives; NULL: nothing; owned by the info */
    bool will_not_converge;
    unsigned rounds;               /* over all of RAM, finished */
    int64_t expected_remaining_ms; /* until the guest runs there; -1: not known, or never */
} MigrationInfo;
void migration_info(Vm *vm, MigrationInfo *info);
void migration_info_clear(MigrationInfo *info);
/* The steps of the switchover, as far as it came: ns since the guest was stopped. */
void migration_switchover_foreach(Vm *vm, void (*fn)(const char *step, int64_t ns, void *opaque),
                                  void *opaque);
/* One row a section: seconds and bytes of the last save or load. */
void migration_devices_foreach(Vm *vm,
                               void (*fn)(const char *idstr, uint32_t instance, int64_t ns,
                                          uint64_t bytes, void *opaque),
                               void *opaque);
