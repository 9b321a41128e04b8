/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -object filter-dump: every frame of a netdev to a file in the classic pcap format (microsecond
 * stamps, Ethernet).
 */
#include "net-priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "filter-dump-priv.h"

typedef struct {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, sigfigs, snaplen, network;
} PcapHeader;

typedef struct {
    uint32_t sec, usec, kept, len;
} PcapRecord;

static void dump_frame(NetTap *tap, const uint8_t *frame, size_t len)
{
    FilterDump *dump = (FilterDump *)((char *)tap - offsetof(FilterDump, tap));
    int64_t now_us = g_get_real_time();
    PcapRecord rec = { .sec = (uint32_t)(now_us / G_USEC_PER_SEC),
                       .usec = (uint32_t)(now_us % G_USEC_PER_SEC),
                       .kept = (uint32_t)MIN(len, dump->maxlen),
                       .len = (uint32_t)len };

    if (fwrite(&rec, sizeof(rec), 1, dump->out) != 1 ||
        fwrite(frame, 1, rec.kept, dump->out) != rec.kept || fflush(dump->out)) {
        dump->maxlen = 0; /* disk full: keep the guest going */
    }
}

bool net_filter_dump_complete(Object *obj, GError **error)
{
    FilterDump *dump = (FilterDump *)obj;
    PcapHeader header = { 0xa1b2c3d4, 2, 4, 0, 0, dump->maxlen, 1 };
    NetClient *client = dump->netdev ? nets_find(vm_nets(obj->vm), dump->netdev) : NULL;

    if (!client || !dump->file) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_CONFIG,
                    "filter-dump needs 'netdev' (found: %s) and 'file' (given: %s)",
                    client ? "yes" : "no", dump->file ? "yes" : "no");
        return false;
    }
    dump->out = fopen(dump->file, "we");
    if (!dump->out || fwrite(&header, sizeof(header), 1, dump->out) != 1) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_HOST, "cannot write '%s': %s", dump->file,
                    g_strerror(errno));
        return false;
    }
    dump->tap.frame = dump_frame;
    dump->nets = vm_nets(obj->vm);
    net_client_add_tap(client, &dump->tap);
    return true;
}

void net_filter_dump_finalize(Object *obj)
{
    FilterDump *dump = (FilterDump *)obj;
    NetClient *client = dump->nets && obj->vm->nets ? nets_find(dump->nets, dump->netdev) : NULL;

    if (client) {
        net_client_remove_tap(client, &dump->tap);
    }
    if (dump->out) {
        fclose(dump->out);
    }
}

const Property net_filter_dump_props[] = {
    PROP(PROP_STR, FilterDump, netdev, "netdev", NULL),
    PROP(PROP_STR, FilterDump, file, "file", NULL),
    PROP(PROP_U32, FilterDump, maxlen, "maxlen", "65536", .min = 1, .max = 1 << 20),
    PROP_END,
};
