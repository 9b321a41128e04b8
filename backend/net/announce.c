/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After a move the switches must learn where the guest's addresses are: the guest says so itself
 * where its driver can, otherwise a reverse ARP request is sent in its name (RFC 903).
 */
#include "net-priv.h"

#include <string.h>

#include "base/util/endian.h"

void net_rarp_frame(const uint8_t mac[6], uint8_t frame[NET_RARP_BYTES])
{
    memset(frame, 0, NET_RARP_BYTES);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, mac, 6);
    st_be16(frame + 12, 0x8035); /* RARP */
    st_be16(frame + 14, 1);      /* Ethernet */
    st_be16(frame + 16, 0x0800); /* IPv4 */
    frame[18] = 6;
    frame[19] = 4;
    st_be16(frame + 20, 3); /* request reverse */
    memcpy(frame + 22, mac, 6);
    memcpy(frame + 32, mac, 6);
}

static void announce_one(NetClient *client, bool is_nic, void *opaque)
{
    uint8_t frame[NET_RARP_BYTES];

    if (!is_nic || !client->peer) {
        return;
    }
    if (client->ops->announce && client->ops->announce(client)) {
        return;
    }
    net_rarp_frame(client->mac, frame);
    net_send(client, frame, sizeof(frame), NULL);
}

static void announce_round(void *opaque)
{
    Nets *nets = opaque;
    uint64_t delay;

    nets_foreach(nets, announce_one, NULL);
    if (++nets->announce_round >= nets->announce.rounds) {
        return;
    }
    delay = (uint64_t)nets->announce.initial_ms +
            (uint64_t)(nets->announce_round - 1) * nets->announce.step_ms;
    delay = MIN(delay, nets->announce.max_ms);
    timer_arm(nets->announce_timer,
              clock_now_ns(nets->vm, CLOCK_KIND_REALTIME) + (int64_t)delay * NS_PER_MS);
}

void nets_announce(Nets *nets, const NetAnnounce *params)
{
    nets->announce = *params;
    nets->announce_round = 0;
    if (!nets->announce_timer) {
        nets->announce_timer =
            timer_new(nets->vm, CLOCK_KIND_REALTIME, "announce-self", announce_round, nets);
    }
    timer_cancel(nets->announce_timer);
    if (params->rounds) {
        announce_round(nets);
    }
}
