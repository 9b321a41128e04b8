/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The virtio network device's state, shared by its data path and its control queue. */
#pragma once

#include "backend/net/net.h"
#include "hw/virtio/virtio-pci.h"

enum {
    F_CSUM = 0,
    F_GUEST_CSUM = 1,
    F_CTRL_GUEST_OFFLOADS = 2,
    F_MTU = 3,
    F_MAC = 5,
    F_GSO = 6,
    F_GUEST_TSO4 = 7,
    F_GUEST_TSO6 = 8,
    F_GUEST_ECN = 9,
    F_GUEST_UFO = 10,
    F_HOST_TSO4 = 11,
    F_HOST_TSO6 = 12,
    F_HOST_ECN = 13,
    F_HOST_UFO = 14,
    F_MRG_RXBUF = 15,
    F_STATUS = 16,
    F_CTRL_VQ = 17,
    F_CTRL_RX = 18,
    F_CTRL_VLAN = 19,
    F_CTRL_RX_EXTRA = 20,
    F_GUEST_ANNOUNCE = 21,
    F_MQ = 22,
    F_CTRL_MAC_ADDR = 23,
    F_GUEST_USO4 = 54,
    F_GUEST_USO6 = 55,
    F_HOST_USO = 56,
    F_HASH_REPORT = 57,
    F_RSS = 60,
    F_RSC_EXT = 61,
    F_STANDBY = 62,
    F_SPEED_DUPLEX = 63,
};
enum {
    NET_S_LINK_UP = 1,
    NET_S_ANNOUNCE = 2
};

#define MAC_TABLE_MAX 64
#define VLAN_WORDS    128 /* 4096 bits */

/* What the control queue sets and the receive path asks. */
typedef struct RxFilter {
    bool promisc, allmulti, alluni, nomulti, nouni, nobcast, uni_overflow, multi_overflow;
    uint32_t count, first_multi;
    uint8_t macs[MAC_TABLE_MAX][6];
    uint32_t vlans[VLAN_WORDS];
} RxFilter;

typedef struct VirtioNet {
    VirtioDevice vdev; /* first */
    /* properties */
    uint8_t mac[6];
    char *netdev, *tx, *duplex;
    int32_t bootindex, speed, txburst;
    uint16_t rx_queue_size, tx_queue_size, host_mtu;
    uint32_t txtimer, rsc_interval;
    bool mtu_bypass;
    /* state */
    uint8_t current_mac[6]; /* what the driver set */
    uint16_t net_status;
    bool tx_waiting;
    RxFilter filter;
    VirtQueue *rx_vq, *tx_vq, *ctrl_vq;
    NetClient *nic;
    Timer *tx_timer; /* goes on where a long run of frames was cut */
    uint8_t *frame;  /* NET_FRAME_MAX bytes */
} VirtioNet;

void virtio_net_handle_ctrl(VirtioDevice *vdev, VirtQueue *vq);
bool virtio_net_filter_pass(const VirtioNet *net, const uint8_t *frame, size_t len);
void virtio_net_filter_reset(VirtioNet *net);
