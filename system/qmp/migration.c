/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Migration: for now only that there are no capabilities, which management asks before all else. */
#include "qmp.h"

Json *qmp_query_migrate_capabilities(QmpCall *call, Json *args, GError **error)
{
    return json_object_new_array();
}
