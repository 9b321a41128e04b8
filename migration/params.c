/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capabilities and parameters: two tables, one loop each. */
#include "migration/params.h"
#include <inttypes.h>
#include <string.h>
#include "migration/migration.h"

const MigrationCapInfo migration_caps[MIGRATION_CAP_COUNT] = {
    [MIGRATION_CAP_XBZRLE] = { "xbzrle", true },
    [MIGRATION_CAP_RDMA_PIN_ALL] = { "rdma-pin-all", false },
    [MIGRATION_CAP_AUTO_CONVERGE] = { "auto-converge", true },
    [MIGRATION_CAP_ZERO_BLOCKS] = { "zero-blocks", false },
    [MIGRATION_CAP_EVENTS] = { "events", true },
    [MIGRATION_CAP_POSTCOPY_RAM] = { "postcopy-ram", false },
    [MIGRATION_CAP_X_COLO] = { "x-colo", false },
    [MIGRATION_CAP_RELEASE_RAM] = { "release-ram", false },
    [MIGRATION_CAP_RETURN_PATH] = { "return-path", true },
    [MIGRATION_CAP_PAUSE_BEFORE_SWITCHOVER] = { "pause-before-switchover", true },
    [MIGRATION_CAP_MULTIFD] = { "multifd", false },
    [MIGRATION_CAP_DIRTY_BITMAPS] = { "dirty-bitmaps", false },
    [MIGRATION_CAP_POSTCOPY_BLOCKTIME] = { "postcopy-blocktime", false },
    [MIGRATION_CAP_LATE_BLOCK_ACTIVATE] = { "late-block-activate", true },
    [MIGRATION_CAP_X_IGNORE_SHARED] = { "x-ignore-shared", false },
    [MIGRATION_CAP_VALIDATE_UUID] = { "validate-uuid", true },
    [MIGRATION_CAP_BACKGROUND_SNAPSHOT] = { "background-snapshot", false },
    [MIGRATION_CAP_ZERO_COPY_SEND] = { "zero-copy-send", false },
    [MIGRATION_CAP_POSTCOPY_PREEMPT] = { "postcopy-preempt", false },
    [MIGRATION_CAP_SWITCHOVER_ACK] = { "switchover-ack", true },
    [MIGRATION_CAP_DIRTY_LIMIT] = { "dirty-limit", true },
    [MIGRATION_CAP_MAPPED_RAM] = { "mapped-ram", false },
    [MIGRATION_CAP_RAM_CHECKSUM] = { "ram-checksum", true, .on = true },
};

static const char *const modes[] = { "normal", "cpr-reboot", "cpr-transfer", NULL };
static const char *const zero_pages[] = { "none", "legacy", "multifd", NULL };
static const char *const compressions[] = { "none", "zlib", "zstd", NULL };

#define AT(m) offsetof(MigrationParams, m)
#define UINT(name_, m, min_, max_, def_)                                                        \
    {                                                                                           \
        .name = name_, .kind = MIGRATION_PARAM_UINT, .offset = AT(m), .min = min_, .max = max_, \
        .def = def_                                                                             \
    }
#define STRING(name_, m)                                                                  \
    {                                                                                     \
        .name = name_, .kind = MIGRATION_PARAM_STR, .offset = AT(m), .default_only = true \
    }

const MigrationParamInfo migration_params[] = {
    UINT("announce-initial", announce_initial_ms, 0, 100000, 50),
    UINT("announce-max", announce_max_ms, 0, 100000, 550),
    UINT("announce-rounds", announce_rounds, 0, 1000, 5),
    UINT("announce-step", announce_step_ms, 0, 10000, 100),
    UINT("throttle-trigger-threshold", throttle_trigger_threshold, 1, 100, 50),
    UINT("cpu-throttle-initial", cpu_throttle_initial, 1, 99, 20),
    UINT("cpu-throttle-increment", cpu_throttle_increment, 1, 99, 10),
    { .name = "cpu-throttle-tailslow",
      .kind = MIGRATION_PARAM_BOOL,
      .offset = AT(cpu_throttle_tailslow) },
    STRING("tls-creds", tls_creds),
    STRING("tls-hostname", tls_hostname),
    STRING("tls-authz", tls_authz),
    UINT("max-bandwidth", max_bandwidth, 0, INT64_MAX, 128u << 20),
    UINT("avail-switchover-bandwidth", avail_switchover_bandwidth, 0, INT64_MAX, 0),
    UINT("downtime-limit", downtime_limit_ms, 0, 2000000, 300),
    UINT("x-checkpoint-delay", x_checkpoint_delay, 0, UINT32_MAX, 20000),
    UINT("multifd-channels", multifd_channels, 1, 255, 2),
    { .name = "xbzrle-cache-size",
      .kind = MIGRATION_PARAM_UINT,
      .offset = AT(xbzrle_cache_size),
      .min = 4096,
      .max = INT64_MAX,
      .def = 64u << 20,
      .power_of_two = true },
    UINT("max-postcopy-bandwidth", max_postcopy_bandwidth, 0, INT64_MAX, 0),
    UINT("max-cpu-throttle", max_cpu_throttle, 1, 99, 99),
    { .name = "multifd-compression",
      .kind = MIGRATION_PARAM_ENUM,
      .offset = AT(multifd_compression),
      .choices = compressions,
      .default_only = true },
    UINT("multifd-zlib-level", multifd_zlib_level, 0, 9, 1),
    UINT("multifd-qatzip-level", multifd_qatzip_level, 1, 9, 1),
    UINT("multifd-zstd-level", multifd_zstd_level, 0, 20, 1),
    UINT("x-vcpu-dirty-limit-period", x_vcpu_dirty_limit_period_ms, 1, 1000, 1000),
    UINT("vcpu-dirty-limit", vcpu_dirty_limit, 1, UINT32_MAX, 1),
    { .name = "mode",
      .kind = MIGRATION_PARAM_ENUM,
      .offset = AT(mode),
      .choices = modes,
      .default_only = true },
    { .name = "zero-page-detection",
      .kind = MIGRATION_PARAM_ENUM,
      .offset = AT(zero_page_detection),
      .choices = zero_pages,
      .def = ZERO_PAGE_MULTIFD },
    { .name = "direct-io",
      .kind = MIGRATION_PARAM_BOOL,
      .offset = AT(direct_io),
      .default_only = true },
    UINT("peer-timeout", peer_timeout_ms, 0, 86400000, 0),
};
const size_t migration_params_n = G_N_ELEMENTS(migration_params);

static void *member(const MigrationParams *p, const MigrationParamInfo *info)
{
    return (uint8_t *)p + info->offset;
}

void migration_params_init(MigrationParams *p)
{
    *p = (MigrationParams){ 0 };
    for (size_t i = 0; i < migration_params_n; i++) {
        const MigrationParamInfo *info = &migration_params[i];
        switch (info->kind) {
        case MIGRATION_PARAM_UINT: *(uint64_t *)member(p, info) = info->def; break;
        case MIGRATION_PARAM_BOOL: *(bool *)member(p, info) = info->def; break;
        case MIGRATION_PARAM_ENUM: *(int *)member(p, info) = (int)info->def; break;
        case MIGRATION_PARAM_STR: *(char **)member(p, info) = g_strdup(""); break;
        }
    }
}

void migration_params_clear(MigrationParams *p)
{
    for (size_t i = 0; i < migration_params_n; i++) {
        if (migration_params[i].kind == MIGRATION_PARAM_STR) {
            g_clear_pointer((char **)member(p, &migration_params[i]), g_free);
        }
    }
}

void migration_params_copy(MigrationParams *to, const MigrationParams *from)
{
    if (to == from) {
        return;
    }
    migration_params_clear(to);
    *to = *from;
    for (size_t i = 0; i < migration_params_n; i++) {
        if (migration_params[i].kind == MIGRATION_PARAM_STR) {
            char **s = member(to, &migration_params[i]);
            *s = g_strdup(*s);
        }
    }
}

static const MigrationParamInfo *find(const char *name)
{
    for (size_t i = 0; i < migration_params_n; i++) {
        if (!strcmp(migration_params[i].name, name)) {
            return &migration_params[i];
        }
    }
    return NULL;
}

G_GNUC_PRINTF(2, 3) static bool param_error(GError **error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_CONFIG, text);
    return false;
}

static bool unsupported(const char *name, const char *value, GError **error)
{
    return param_error(error, "parameter '%s': '%s' is not supported by this build", name, value);
}

static bool set_uint(MigrationParams *p, const MigrationParamInfo *info, GVariant *value,
                     GError **error)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)) {
        return param_error(error, "parameter '%s' expects an integer", info->name);
    }
    uint64_t v = g_variant_get_uint64(value);
    if (info->power_of_two && (v < info->min || (v & (v - 1)))) {
        return param_error(error,
                           "Parameter '%s' expects a power of two no less than the target page "
                           "size, not %" PRIu64,
                           info->name, v);
    }
    if (v < info->min || v > info->max) {
        return param_error(error,
                           "Parameter '%s' expects an integer in the range of %" PRIu64
                           " to %" PRIu64 ", not %" PRIu64,
                           info->name, info->min, info->max, v);
    }
    *(uint64_t *)member(p, info) = v;
    return true;
}

static bool set_string(MigrationParams *p, const MigrationParamInfo *info, GVariant *value,
                       GError **error)
{
    const char *s = g_variant_get_string(value, NULL);
    if (info->kind == MIGRATION_PARAM_STR) {
        if (info->default_only && *s) {
            return unsupported(info->name, s, error);
        }
        g_free(*(char **)member(p, info));
        *(char **)member(p, info) = g_strdup(s);
        return true;
    }
    for (int i = 0; info->choices[i]; i++) {
        if (!strcmp(info->choices[i], s)) {
            if (info->default_only && (uint64_t)i != info->def) {
                return unsupported(info->name, s, error);
            }
            *(int *)member(p, info) = i;
            return true;
        }
    }
    return param_error(error, "Parameter '%s' does not accept value '%s'", info->name, s);
}

bool migration_param_set(MigrationParams *p, const char *name, GVariant *value, GError **error)
{
    g_autoptr(GVariant) v = g_variant_ref_sink(value);
    const MigrationParamInfo *info = find(name);
    if (!info) {
        return param_error(error, "there is no migration parameter '%s'", name);
    }
    if (info->kind == MIGRATION_PARAM_UINT) {
        return set_uint(p, info, v, error);
    }
    bool want_bool = info->kind == MIGRATION_PARAM_BOOL;
    if (!g_variant_is_of_type(v, want_bool ? G_VARIANT_TYPE_BOOLEAN : G_VARIANT_TYPE_STRING)) {
        return param_error(error, "parameter '%s' expects a %s", name,
                           want_bool ? "boolean" : "string");
    }
    if (!want_bool) {
        return set_string(p, info, v, error);
    }
    if (info->default_only && g_variant_get_boolean(v) != (bool)info->def) {
        return unsupported(name, "on", error);
    }
    *(bool *)member(p, info) = g_variant_get_boolean(v);
    return true;
}

bool migration_params_check(const MigrationParams *p, GError **error)
{
    return p->max_cpu_throttle >= p->cpu_throttle_initial ||
           param_error(error,
                       "Parameter 'max-cpu-throttle' expects an integer in the range of "
                       "cpu-throttle-initial (%" PRIu64 ") to 99, not %" PRIu64,
                       p->cpu_throttle_initial, p->max_cpu_throttle);
}

GVariant *migration_param_get(const MigrationParams *p, const char *name)
{
    const MigrationParamInfo *info = find(name);
    if (!info) {
        return NULL;
    }
    switch (info->kind) {
    case MIGRATION_PARAM_UINT: return g_variant_new_uint64(*(uint64_t *)member(p, info));
    case MIGRATION_PARAM_BOOL: return g_variant_new_boolean(*(bool *)member(p, info));
    case MIGRATION_PARAM_ENUM: return g_variant_new_string(info->choices[*(int *)member(p, info)]);
    default: return g_variant_new_string(*(char **)member(p, info));
    }
}
