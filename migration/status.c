/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The states of a session, their names, and which may follow which: the table that the state diagram in
 * migration-priv.h draws. tests/model compares its rows with the model of the handover; a change that is
 * not in it is a bug of ours.
 */
#include "base/util/trace.h"
#include "migration-priv.h"

TRACE_POINT(migration_status);

static const char *const status_names[MIGRATION_STATUS_COUNT] = {
    [MIGRATION_NONE] = "none",
    [MIGRATION_SETUP] = "setup",
    [MIGRATION_CANCELLING] = "cancelling",
    [MIGRATION_CANCELLED] = "cancelled",
    [MIGRATION_ACTIVE] = "active",
    [MIGRATION_PRE_SWITCHOVER] = "pre-switchover",
    [MIGRATION_DEVICE] = "device",
    [MIGRATION_HANDOVER] = "handover",
    [MIGRATION_PREFLIGHT_PASSED] = "preflight-passed",
    [MIGRATION_HANDOVER_LOST] = "handover-lost",
    [MIGRATION_COMPLETED] = "completed",
    [MIGRATION_FAILED] = "failed",
};

typedef enum {
    ALWAYS, /* also in the two-phase handover of version 4 */
    NO_GO,  /* only where no GO is sent: version 3, files, commands */
} EdgeKind;
typedef struct {
    MigrationStatus from, to;
    EdgeKind kind;
} Edge;

static const Edge source_edges[] = {
    { MIGRATION_NONE, MIGRATION_SETUP, ALWAYS },
    { MIGRATION_SETUP, MIGRATION_ACTIVE, ALWAYS },
    { MIGRATION_SETUP, MIGRATION_PREFLIGHT_PASSED, ALWAYS },
    { MIGRATION_SETUP, MIGRATION_CANCELLING, ALWAYS },
    { MIGRATION_SETUP, MIGRATION_FAILED, ALWAYS },
    { MIGRATION_ACTIVE, MIGRATION_PRE_SWITCHOVER, ALWAYS },
    { MIGRATION_ACTIVE, MIGRATION_DEVICE, ALWAYS },
    { MIGRATION_ACTIVE, MIGRATION_CANCELLING, ALWAYS },
    { MIGRATION_ACTIVE, MIGRATION_FAILED, ALWAYS },
    { MIGRATION_PRE_SWITCHOVER, MIGRATION_DEVICE, ALWAYS },
    { MIGRATION_PRE_SWITCHOVER, MIGRATION_CANCELLING, ALWAYS },
    { MIGRATION_PRE_SWITCHOVER, MIGRATION_FAILED, ALWAYS },
    { MIGRATION_DEVICE, MIGRATION_HANDOVER, ALWAYS },
    { MIGRATION_DEVICE, MIGRATION_CANCELLING, ALWAYS },
    { MIGRATION_DEVICE, MIGRATION_FAILED, ALWAYS },
    { MIGRATION_DEVICE, MIGRATION_COMPLETED, NO_GO },
    { MIGRATION_DEVICE, MIGRATION_HANDOVER_LOST, NO_GO },
    { MIGRATION_HANDOVER, MIGRATION_COMPLETED, ALWAYS },
    { MIGRATION_HANDOVER, MIGRATION_FAILED, ALWAYS },
    { MIGRATION_HANDOVER, MIGRATION_HANDOVER_LOST, ALWAYS },
    { MIGRATION_CANCELLING, MIGRATION_CANCELLED, ALWAYS },
    { MIGRATION_CANCELLING, MIGRATION_PREFLIGHT_PASSED, ALWAYS },
    { MIGRATION_CANCELLING, MIGRATION_COMPLETED, NO_GO },
    { MIGRATION_CANCELLING, MIGRATION_HANDOVER_LOST, NO_GO },
};

static const Edge destination_edges[] = {
    { MIGRATION_NONE, MIGRATION_SETUP, ALWAYS },
    { MIGRATION_SETUP, MIGRATION_ACTIVE, ALWAYS },
    { MIGRATION_ACTIVE, MIGRATION_SETUP, ALWAYS }, /* that was a preflight */
    { MIGRATION_ACTIVE, MIGRATION_COMPLETED, ALWAYS },
    { MIGRATION_ACTIVE, MIGRATION_FAILED, ALWAYS },
    { MIGRATION_ACTIVE, MIGRATION_HANDOVER_LOST, ALWAYS },
    { MIGRATION_FAILED, MIGRATION_SETUP, ALWAYS },
    { MIGRATION_FAILED, MIGRATION_COMPLETED, ALWAYS }, /* `cont` where the guest was kept */
    { MIGRATION_HANDOVER_LOST, MIGRATION_SETUP, ALWAYS },
    { MIGRATION_HANDOVER_LOST, MIGRATION_COMPLETED, ALWAYS },
};

const char *migration_status_name(MigrationStatus status)
{
    return status_names[status];
}

bool migration_status_active(MigrationStatus status)
{
    return status == MIGRATION_SETUP || status == MIGRATION_CANCELLING ||
           status == MIGRATION_ACTIVE || status == MIGRATION_PRE_SWITCHOVER ||
           status == MIGRATION_DEVICE || status == MIGRATION_HANDOVER;
}

static bool may_follow(bool incoming, MigrationStatus from, MigrationStatus to)
{
    const Edge *edges = incoming ? destination_edges : source_edges;
    size_t n = incoming ? G_N_ELEMENTS(destination_edges) : G_N_ELEMENTS(source_edges);
    for (size_t i = 0; i < n; i++) {
        if (edges[i].from == from && edges[i].to == to) {
            return true;
        }
    }
    return false;
}

void migration_set_status(Migration *m, MigrationStatus status)
{
    if (m->status == status ||
        (m->status == MIGRATION_CANCELLING && migration_status_active(status))) {
        return; /* a cancelled session does not become active again */
    }
    trace(migration_status, "%s: %s to %s", m->incoming_is_last ? "destination" : "source",
          status_names[m->status], status_names[status]);
    g_assert(may_follow(m->incoming_is_last, m->status, status));
    m->status = status;
    if (has_cap(m->caps, MIGRATION_CAP_EVENTS)) {
        GVariantDict d;
        g_variant_dict_init(&d, NULL);
        g_variant_dict_insert(&d, "status", "s", status_names[status]);
        vm_event(m->vm, "MIGRATION", g_variant_dict_end(&d));
    }
}
