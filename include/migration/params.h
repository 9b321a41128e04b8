/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities and parameters of migration: the names and defaults of QEMU 10.0, and Ferry's own.
 * One table each; QMP, HMP and the session all read them. VM lock held for changes; the session
 * reads its own copy taken at the start.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The order is that of query-migrate-capabilities; the last ones are Ferry's own. */
typedef enum {
    MIGRATION_CAP_XBZRLE,
    MIGRATION_CAP_RDMA_PIN_ALL,
    MIGRATION_CAP_AUTO_CONVERGE,
    MIGRATION_CAP_ZERO_BLOCKS,
    MIGRATION_CAP_EVENTS,
    MIGRATION_CAP_POSTCOPY_RAM,
    MIGRATION_CAP_X_COLO,
    MIGRATION_CAP_RELEASE_RAM,
    MIGRATION_CAP_RETURN_PATH,
    MIGRATION_CAP_PAUSE_BEFORE_SWITCHOVER,
    MIGRATION_CAP_MULTIFD,
    MIGRATION_CAP_DIRTY_BITMAPS,
    MIGRATION_CAP_POSTCOPY_BLOCKTIME,
    MIGRATION_CAP_LATE_BLOCK_ACTIVATE,
    MIGRATION_CAP_X_IGNORE_SHARED,
    MIGRATION_CAP_VALIDATE_UUID,
    MIGRATION_CAP_BACKGROUND_SNAPSHOT,
    MIGRATION_CAP_ZERO_COPY_SEND,
    MIGRATION_CAP_POSTCOPY_PREEMPT,
    MIGRATION_CAP_SWITCHOVER_ACK,
    MIGRATION_CAP_DIRTY_LIMIT,
    MIGRATION_CAP_MAPPED_RAM,
    MIGRATION_CAP_RAM_CHECKSUM, /* Ferry: version 4 checks RAM as it checks the rest */
    MIGRATION_CAP_COUNT,
} MigrationCap;

typedef struct {
    const char *name;
    bool supported; /* false: may be listed, but turning it on is an error that says so */
    bool on;        /* from the start */
} MigrationCapInfo;
extern const MigrationCapInfo migration_caps[MIGRATION_CAP_COUNT];

typedef enum {
    MIGRATION_MODE_NORMAL,
    MIGRATION_MODE_CPR_REBOOT,
    MIGRATION_MODE_CPR_TRANSFER
} MigrationMode;
typedef enum {
    ZERO_PAGE_NONE,
    ZERO_PAGE_LEGACY,
    ZERO_PAGE_MULTIFD
} ZeroPageDetection;

typedef struct {
    uint64_t announce_initial_ms, announce_max_ms, announce_rounds, announce_step_ms;
    uint64_t throttle_trigger_threshold, cpu_throttle_initial, cpu_throttle_increment;
    bool cpu_throttle_tailslow;
    uint64_t max_cpu_throttle;
    char *tls_creds, *tls_hostname, *tls_authz;
    uint64_t max_bandwidth;              /* bytes a second; 0: no limit */
    uint64_t avail_switchover_bandwidth; /* bytes a second; 0: measure */
    uint64_t downtime_limit_ms;
    uint64_t x_checkpoint_delay;
    uint64_t multifd_channels;
    int multifd_compression; /* none, zlib, zstd */
    uint64_t multifd_zlib_level, multifd_qatzip_level, multifd_zstd_level;
    uint64_t xbzrle_cache_size;
    uint64_t max_postcopy_bandwidth;
    uint64_t x_vcpu_dirty_limit_period_ms, vcpu_dirty_limit;
    int mode;                /* MigrationMode */
    int zero_page_detection; /* ZeroPageDetection */
    bool direct_io;
    uint64_t peer_timeout_ms; /* Ferry: the longest silence of the other side; 0: no limit */
} MigrationParams;

typedef enum {
    MIGRATION_PARAM_UINT,
    MIGRATION_PARAM_BOOL,
    MIGRATION_PARAM_STR,
    MIGRATION_PARAM_ENUM
} MigrationParamKind;
typedef struct {
    const char *name; /* as in QMP */
    MigrationParamKind kind;
    size_t offset; /* in MigrationParams */
    uint64_t min, max, def;
    const char *const *choices; /* ENUM */
    bool power_of_two;
    bool default_only; /* another value than the default is refused: not supported */
} MigrationParamInfo;
extern const MigrationParamInfo migration_params[];
extern const size_t migration_params_n;

void migration_params_init(MigrationParams *p);
void migration_params_clear(MigrationParams *p);
void migration_params_copy(MigrationParams *to, const MigrationParams *from);
/* Checks, then commits one value ('t' integers, 'b', 's'). Names the parameter, value and limits. */
bool migration_param_set(MigrationParams *p, const char *name, GVariant *value, GError **error);
/* Do the values fit together? */
bool migration_params_check(const MigrationParams *p, GError **error);
/* Floating; NULL: no such parameter. */
GVariant *migration_param_get(const MigrationParams *p, const char *name);
