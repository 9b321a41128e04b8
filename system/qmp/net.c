/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network back ends and NICs. */
#include <string.h>

#include "backend/net/net.h"
#include "qmp.h"

Json *qmp_netdev_add(QmpCall *call, Json *args, GError **error)
{
    nets_add(vm_nets(call->vm), json_to_variant(args), error);
    return NULL;
}

Json *qmp_netdev_del(QmpCall *call, Json *args, GError **error)
{
    const char *id = json_str(args, "id", "");
    if (!nets_find(vm_nets(call->vm), id)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", id);
        return NULL;
    }
    nets_remove(vm_nets(call->vm), id, error);
    return NULL;
}

Json *qmp_set_link(QmpCall *call, Json *args, GError **error)
{
    g_autoptr(GError) local = NULL;
    const char *name = json_str(args, "name", "");
    if (!nets_set_link(vm_nets(call->vm), name, json_flag(args, "up", true), &local)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", name);
    }
    return NULL;
}

typedef struct {
    const char *name;
    bool found, is_nic;
} NicSearch;

static void search_nic(NetClient *client, bool is_nic, void *opaque)
{
    NicSearch *s = opaque;
    if (s->name && !strcmp(s->name, net_client_name(client))) {
        s->found = true;
        s->is_nic |= is_nic;
    }
}

/* No NIC tells its filter yet; all receive everything. */
Json *qmp_query_rx_filter(QmpCall *call, Json *args, GError **error)
{
    NicSearch s = { .name = json_str(args, "name", NULL) };
    nets_foreach(vm_nets(call->vm), search_nic, &s);
    if (s.name && !s.is_nic) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    s.found ? "net client(%s) isn't a NIC" : "invalid net client name: %s", s.name);
        return NULL;
    }
    if (s.name) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC,
                    "net client(%s) doesn't support rx-filter querying", s.name);
        return NULL;
    }
    return json_object_new_array();
}
