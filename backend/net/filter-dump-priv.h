/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filter-dump object, for the room's list of types. */
#pragma once

#include <stdio.h>

#include "net-priv.h"

typedef struct FilterDump {
    Object obj; /* first */
    char *netdev, *file;
    uint32_t maxlen;
    NetTap tap;
    Nets *nets; /* NULL until complete */
    FILE *out;
} FilterDump;

extern const Property net_filter_dump_props[];
bool net_filter_dump_complete(Object *obj, GError **error);
void net_filter_dump_finalize(Object *obj);

#define NET_FILTER_DUMP_TYPE                                             \
    .instance_size = sizeof(FilterDump), .props = net_filter_dump_props, \
    .finalize = net_filter_dump_finalize, .complete = net_filter_dump_complete
