/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -nic BACKEND,model=,mac=,...: the NIC's part is taken out, the rest is a netdev.
 */
#include "net-priv.h"

#include <string.h>

void nic_request_clear(NicRequest *request)
{
    g_clear_pointer(&request->netdev, g_free);
    g_clear_pointer(&request->model, g_free);
    g_clear_pointer(&request->mac, g_free);
    g_clear_pointer(&request->addr, g_free);
    g_clear_pointer(&request->id, g_free);
}

static char *take(GVariant **dict, const char *key)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(*dict, key, G_VARIANT_TYPE_STRING);
    g_autoptr(GVariant) old = *dict;

    *dict = g_variant_ref_sink(options_with(old, key, NULL));
    return value ? g_variant_dup_string(value, NULL) : NULL;
}

bool nets_add_nic_text(Nets *nets, const char *text, NicRequest *request, GError **error)
{
    static const char *const lists[] = { "hostfwd", "guestfwd", "dnssearch", NULL };
    g_autoptr(GVariant) dict = options_parse_lists(text, "type", lists, error);
    g_autofree char *type = NULL;

    *request = (NicRequest){ 0 };
    if (!dict) {
        return false;
    }
    g_variant_ref_sink(dict);
    g_variant_lookup(dict, "type", "s", &type);
    if (!g_strcmp0(type, "none")) {
        request->none = true;
        if (g_variant_n_children(dict) > 1) {
            g_set_error(error, FERRY_NET_ERROR, NET_ERROR_CONFIG, "'none' takes no parameters");
            return false;
        }
        return true;
    }
    request->model = take(&dict, "model");
    request->mac = take(&dict, "mac");
    request->addr = take(&dict, "addr");
    request->id = take(&dict, "id");
    request->netdev =
        request->id ? g_strdup(request->id) : g_strdup_printf("#net%03u", nets->next_id++);
    {
        g_autoptr(GVariant) old = dict;

        dict = g_variant_ref_sink(options_with(old, "id", g_variant_new_string(request->netdev)));
    }
    if (!nets_add(nets, dict, error)) {
        nic_request_clear(request);
        return false;
    }
    return true;
}
