/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control queue of the network device (virtio 1.2, section 5.1.6.5) and the receive filter that it
 * sets.
 */
#include "virtio-net-priv.h"

#include <string.h>

#include "base/util/endian.h"

enum {
    CLASS_RX = 0,
    CLASS_MAC = 1,
    CLASS_VLAN = 2,
    CLASS_ANNOUNCE = 3,
    CLASS_MQ = 4,
    CLASS_GUEST_OFFLOADS = 5,
};
enum {
    RX_PROMISC,
    RX_ALLMULTI,
    RX_ALLUNI,
    RX_NOMULTI,
    RX_NOUNI,
    RX_NOBCAST
};
enum {
    MAC_TABLE_SET,
    MAC_ADDR_SET
};
enum {
    VLAN_ADD,
    VLAN_DEL
};
enum {
    ACK_OK = 0,
    ACK_ERR = 1
};

/* ---- filter ---- */

void virtio_net_filter_reset(VirtioNet *net)
{
    memset(&net->filter, 0, sizeof(net->filter));
    net->filter.promisc = true;
    memset(net->filter.vlans, 0xff, sizeof(net->filter.vlans));
}

static bool in_table(const RxFilter *f, uint32_t from, uint32_t to, const uint8_t *mac)
{
    for (uint32_t i = from; i < to; i++) {
        if (!memcmp(f->macs[i], mac, 6)) {
            return true;
        }
    }
    return false;
}

static bool vlan_pass(const VirtioNet *net, const uint8_t *frame, size_t len)
{
    unsigned vid;

    if (len < 16 || ld_be16(frame + 12) != 0x8100 || !virtio_has(&net->vdev, F_CTRL_VLAN)) {
        return true;
    }
    vid = ld_be16(frame + 14) & 0xfff;
    return net->filter.vlans[vid / 32] >> (vid % 32) & 1;
}

bool virtio_net_filter_pass(const VirtioNet *net, const uint8_t *frame, size_t len)
{
    static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    const RxFilter *f = &net->filter;

    if (f->promisc) {
        return true;
    }
    if (len < 14 || !vlan_pass(net, frame, len)) {
        return false;
    }
    if (!memcmp(frame, broadcast, 6)) {
        return !f->nobcast;
    }
    if (frame[0] & 1) {
        return !f->nomulti &&
               (f->allmulti || f->multi_overflow || in_table(f, f->first_multi, f->count, frame));
    }
    if (f->nouni) {
        return false;
    }
    return f->alluni || f->uni_overflow || !memcmp(frame, net->current_mac, 6) ||
           in_table(f, 0, f->first_multi, frame);
}

/* ---- commands: each gets the element and the offset of its data ---- */

static uint8_t set_rx(VirtioNet *net, uint8_t cmd, const VirtqElement *elem)
{
    bool *modes[] = { &net->filter.promisc, &net->filter.allmulti, &net->filter.alluni,
                      &net->filter.nomulti, &net->filter.nouni,    &net->filter.nobcast };
    uint8_t on;

    if (cmd >= G_N_ELEMENTS(modes) || virtq_read_out(elem, 2, &on, 1) != 1 ||
        !virtio_has(&net->vdev, cmd <= RX_ALLMULTI ? F_CTRL_RX : F_CTRL_RX_EXTRA)) {
        return ACK_ERR;
    }
    *modes[cmd] = on != 0;
    return ACK_OK;
}

/* One of the two lists of MAC_TABLE_SET; false when the buffer does not hold what it says. */
static bool read_list(RxFilter *f, const VirtqElement *elem, size_t *at, bool *overflow)
{
    uint8_t raw[4];
    uint32_t n;

    if (virtq_read_out(elem, *at, raw, 4) != 4) {
        return false;
    }
    n = ld_le32(raw);
    *at += 4;
    if ((uint64_t)n * 6 > virtq_out_bytes(elem) - *at) {
        return false;
    }
    *overflow = n > MAC_TABLE_MAX - f->count;
    if (!*overflow) {
        virtq_read_out(elem, *at, f->macs[f->count], n * 6);
        f->count += n;
    }
    *at += (size_t)n * 6;
    return true;
}

static uint8_t set_mac(VirtioNet *net, uint8_t cmd, const VirtqElement *elem)
{
    RxFilter f = net->filter;
    uint8_t mac[6];
    size_t at = 2;

    if (cmd == MAC_ADDR_SET) {
        if (virtq_out_bytes(elem) != 8 || virtq_read_out(elem, 2, mac, 6) != 6) {
            return ACK_ERR;
        }
        memcpy(net->current_mac, mac, 6);
        return ACK_OK;
    }
    if (cmd != MAC_TABLE_SET) {
        return ACK_ERR;
    }
    f.count = 0;
    if (!read_list(&f, elem, &at, &f.uni_overflow)) {
        return ACK_ERR;
    }
    f.first_multi = f.count;
    if (!read_list(&f, elem, &at, &f.multi_overflow)) {
        return ACK_ERR;
    }
    net->filter = f;
    return ACK_OK;
}

static uint8_t set_vlan(VirtioNet *net, uint8_t cmd, const VirtqElement *elem)
{
    uint8_t raw[2];
    unsigned vid;

    if (cmd > VLAN_DEL || virtq_read_out(elem, 2, raw, 2) != 2 || ld_le16(raw) >= 4096) {
        return ACK_ERR;
    }
    vid = ld_le16(raw);
    if (cmd == VLAN_ADD) {
        net->filter.vlans[vid / 32] |= 1u << (vid % 32);
    } else {
        net->filter.vlans[vid / 32] &= ~(1u << (vid % 32));
    }
    return ACK_OK;
}

static uint8_t announced(VirtioNet *net, uint8_t cmd)
{
    if (cmd || !(net->net_status & NET_S_ANNOUNCE)) {
        return ACK_ERR;
    }
    net->net_status &= (uint16_t)~NET_S_ANNOUNCE;
    return ACK_OK;
}

/* No offload is offered, so only "none" can be chosen. */
static uint8_t set_offloads(uint8_t cmd, const VirtqElement *elem)
{
    uint8_t raw[8];

    return !cmd && virtq_read_out(elem, 2, raw, 8) == 8 && !ld_le64(raw) ? ACK_OK : ACK_ERR;
}

static uint8_t run(VirtioNet *net, const VirtqElement *elem)
{
    uint8_t head[2];

    virtq_read_out(elem, 0, head, 2);
    switch (head[0]) {
    case CLASS_RX: return set_rx(net, head[1], elem);
    case CLASS_MAC: return set_mac(net, head[1], elem);
    case CLASS_VLAN: return set_vlan(net, head[1], elem);
    case CLASS_ANNOUNCE: return announced(net, head[1]);
    case CLASS_GUEST_OFFLOADS: return set_offloads(head[1], elem);
    default: return ACK_ERR;
    }
}

void virtio_net_handle_ctrl(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioNet *net = (VirtioNet *)vdev;
    VirtqElement *elem;

    while ((elem = virtqueue_pop(vq, sizeof(*elem)))) {
        uint8_t ack;

        if (virtq_in_bytes(elem) < 1 || virtq_out_bytes(elem) < 2) {
            virtio_error(vdev, "virtio-net: control request without a header or a status byte");
            virtqueue_detach(vq, elem);
            virtq_element_free(elem);
            return;
        }
        ack = run(net, elem);
        virtq_write_in(elem, 0, &ack, 1);
        virtqueue_push(vq, elem, 1);
        virtq_element_free(elem);
        virtio_notify(vdev, vq);
    }
    net_client_flush(net->nic);
}
