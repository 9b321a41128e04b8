/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network device (virtio 1.2, section 5.1): one pair of queues and the control queue. No netdev here
 * takes checksums or segments off the guest's hands, so none of those features is offered.
 */
#include "hw/net/virtio-net.h"

#include <string.h>

#include "base/util/bits.h"
#include "base/util/endian.h"
#include "hw/virtio/saved.h"
#include "virtio-net-priv.h"
#include "hw/virtio/virtio-ccw.h"

#define FRAME_MIN 60  /* shorter frames are padded, as on a wire */
#define TX_RUN    256 /* frames sent for one kick before others get their turn */

static size_t header_len(const VirtioNet *net)
{
    return virtio_has(&net->vdev, F_MRG_RXBUF) || virtio_has(&net->vdev, VIRTIO_F_VERSION_1) ? 12
                                                                                             : 10;
}

static bool is_running(const VirtioNet *net)
{
    return net->vdev.vm_running && (net->vdev.status & VIRTIO_STATUS_DRIVER_OK) &&
           !net->vdev.broken;
}

/* ---- to the guest ---- */

static bool can_receive(NetClient *client)
{
    VirtioNet *net = net_client_opaque(client);

    return is_running(net) && virtqueue_ready(net->rx_vq);
}

/* Buffers for @len bytes, popped into @elems; how many, or 0 when there are not enough. */
static unsigned take_buffers(VirtioNet *net, size_t len, VirtqElement **elems, unsigned max,
                             bool *hopeless)
{
    bool merge = virtio_has(&net->vdev, F_MRG_RXBUF);
    unsigned n = 0;
    size_t room = 0;

    *hopeless = false;
    while (room < len && n < max) {
        VirtqElement *elem = virtqueue_pop(net->rx_vq, sizeof(*elem));

        if (!elem) {
            break;
        }
        elems[n++] = elem;
        room += virtq_in_bytes(elem);
        if (!elem->in_num || (n == 1 && virtq_in_bytes(elem) < header_len(net))) {
            virtio_error(&net->vdev, "virtio-net: receive buffer without room for a header");
            break;
        }
        if (!merge) {
            *hopeless = room < len;
            break;
        }
    }
    if (room >= len && !net->vdev.broken) {
        return n;
    }
    *hopeless |= n == max;
    while (n) {
        n--;
        virtqueue_unpop(net->rx_vq, elems[n]);
        virtq_element_free(elems[n]);
    }
    return 0;
}

static void fill_buffers(VirtioNet *net, VirtqElement **elems, unsigned n, const uint8_t *frame,
                         size_t len)
{
    uint8_t header[12] = { 0 };
    size_t head = header_len(net), done = 0;

    virtio_st16(&net->vdev, header + 10, (uint16_t)n);
    for (unsigned i = 0; i < n; i++) {
        size_t at = i ? 0 : head, part;

        if (!i) {
            virtq_write_in(elems[i], 0, header, head);
        }
        part = virtq_write_in(elems[i], at, frame + done, len - done);
        done += part;
        virtqueue_fill(net->rx_vq, elems[i], (uint32_t)(at + part), i);
        virtq_element_free(elems[i]);
    }
    virtqueue_flush(net->rx_vq, n);
    virtio_notify(&net->vdev, net->rx_vq);
}

static bool receive(NetClient *client, const uint8_t *frame, size_t len)
{
    VirtioNet *net = net_client_opaque(client);
    VirtqElement *elems[64];
    uint8_t padded[FRAME_MIN] = { 0 };
    bool hopeless;
    unsigned n;

    if (!can_receive(client)) {
        return false;
    }
    if (!virtio_net_filter_pass(net, frame, len)) {
        return true;
    }
    if (len < FRAME_MIN) {
        memcpy(padded, frame, len);
        frame = padded;
        len = FRAME_MIN;
    }
    n = take_buffers(net, header_len(net) + len, elems, G_N_ELEMENTS(elems), &hopeless);
    if (!n && !hopeless && !net->vdev.broken) {
        /* Ask to be told of new buffers, and look once more, lest the kick came in between. */
        virtqueue_set_notification(net->rx_vq, true);
        n = take_buffers(net, header_len(net) + len, elems, G_N_ELEMENTS(elems), &hopeless);
    }
    if (!n) {
        return hopeless || net->vdev.broken;
    }
    fill_buffers(net, elems, n, frame, len);
    return true;
}

static void handle_rx(VirtioDevice *vdev, VirtQueue *vq)
{
    net_client_flush(((VirtioNet *)vdev)->nic);
}

/* ---- from the guest ---- */

static void serve_tx(VirtioNet *net);

static void tx_sent(NetClient *client)
{
    VirtioNet *net = net_client_opaque(client);

    net->tx_waiting = false;
    serve_tx(net);
}

/* False: stop (waiting, or the driver is at fault). */
static bool send_one(VirtioNet *net, VirtqElement *elem)
{
    size_t head = header_len(net), total = virtq_out_bytes(elem), len;
    bool sent;

    if (elem->in_num || total < head) {
        virtio_error(&net->vdev, "virtio-net: transmit chain of %zu bytes, header is %zu", total,
                     head);
        virtqueue_detach(net->tx_vq, elem);
        virtq_element_free(elem);
        return false;
    }
    len = MIN(total - head, NET_FRAME_MAX);
    virtq_read_out(elem, head, net->frame, len);
    virtqueue_push(net->tx_vq, elem, 0);
    virtq_element_free(elem);
    virtio_notify(&net->vdev, net->tx_vq);
    sent = net_send(net->nic, net->frame, len, tx_sent);
    net->tx_waiting = !sent;
    return sent;
}

static void serve_tx(VirtioNet *net)
{
    VirtqElement *elem;

    if (!is_running(net) || net->tx_waiting) {
        return;
    }
    virtqueue_set_notification(net->tx_vq, false);
    for (unsigned i = 0; i < TX_RUN; i++) {
        elem = virtqueue_pop(net->tx_vq, sizeof(*elem));
        if (!elem) {
            virtqueue_set_notification(net->tx_vq, true);
            if (virtqueue_empty(net->tx_vq)) {
                return;
            }
            virtqueue_set_notification(net->tx_vq, false);
            continue;
        }
        if (!send_one(net, elem)) {
            return;
        }
    }
    timer_arm(net->tx_timer, clock_now_ns(virtio_vm(&net->vdev), CLOCK_KIND_VIRTUAL));
}

static void tx_continue(void *opaque)
{
    serve_tx(opaque);
}

static void handle_tx(VirtioDevice *vdev, VirtQueue *vq)
{
    serve_tx((VirtioNet *)vdev);
}

/* ---- status ---- */

static void link_changed(NetClient *client)
{
    VirtioNet *net = net_client_opaque(client);
    uint16_t old = net->net_status;

    net->net_status =
        (uint16_t)((old & ~NET_S_LINK_UP) | (net_client_link_up(client) ? NET_S_LINK_UP : 0));
    if (net->net_status != old) {
        virtio_notify_config(&net->vdev);
    }
}

static bool announce(NetClient *client)
{
    VirtioNet *net = net_client_opaque(client);

    if (!virtio_has(&net->vdev, F_GUEST_ANNOUNCE) || !virtio_has(&net->vdev, F_CTRL_VQ) ||
        !(net->vdev.status & VIRTIO_STATUS_DRIVER_OK)) {
        return false;
    }
    net->net_status |= NET_S_ANNOUNCE;
    virtio_notify_config(&net->vdev);
    return true;
}

static const NetClientOps nic_ops = {
    .can_receive = can_receive,
    .receive = receive,
    .link_changed = link_changed,
    .announce = announce,
};

static void set_status(VirtioDevice *vdev, uint8_t status)
{
    VirtioNet *net = (VirtioNet *)vdev;

    if (is_running(net)) {
        net_client_flush(net->nic);
        serve_tx(net);
    } else {
        timer_cancel(net->tx_timer);
    }
}

static void reset(VirtioDevice *vdev)
{
    VirtioNet *net = (VirtioNet *)vdev;

    timer_cancel(net->tx_timer);
    net_client_purge(net->nic);
    net->tx_waiting = false;
    net->net_status &= (uint16_t)~NET_S_ANNOUNCE;
    memcpy(net->current_mac, net->mac, 6);
    virtio_net_filter_reset(net);
}

static void queue_reset(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioNet *net = (VirtioNet *)vdev;

    if (vq == net->tx_vq) {
        timer_cancel(net->tx_timer);
        net_client_purge(net->nic);
        net->tx_waiting = false;
    }
}

/* ---- config and features ---- */

static void get_config(VirtioDevice *vdev, uint8_t *c)
{
    VirtioNet *net = (VirtioNet *)vdev;
    uint8_t all[17] = { 0 };

    memcpy(all, net->current_mac, 6);
    virtio_st16(vdev, all + 6, net->net_status);
    virtio_st16(vdev, all + 8, 1);
    virtio_st16(vdev, all + 10, net->host_mtu);
    virtio_st32(vdev, all + 12, (uint32_t)net->speed);
    all[16] = net->duplex && !strcmp(net->duplex, "half")   ? 0
              : net->duplex && !strcmp(net->duplex, "full") ? 1
                                                            : 0xff;
    memcpy(c, all, MIN(sizeof(all), vdev->config_len));
}

/* Legacy drivers set the address here. */
static void set_config(VirtioDevice *vdev, const uint8_t *c)
{
    VirtioNet *net = (VirtioNet *)vdev;

    if (!virtio_has(vdev, F_CTRL_MAC_ADDR) && !virtio_has(vdev, VIRTIO_F_VERSION_1)) {
        memcpy(net->current_mac, c, 6);
    }
}

static uint64_t features(VirtioDevice *vdev, uint64_t wanted)
{
    VirtioNet *net = (VirtioNet *)vdev;
    uint64_t can = VIRTIO_BIT(F_CTRL_GUEST_OFFLOADS) | VIRTIO_BIT(F_GSO) | VIRTIO_BIT(F_MRG_RXBUF) |
                   VIRTIO_BIT(F_STATUS) | VIRTIO_BIT(F_CTRL_VQ) | VIRTIO_BIT(F_CTRL_RX) |
                   VIRTIO_BIT(F_CTRL_VLAN) | VIRTIO_BIT(F_CTRL_RX_EXTRA) |
                   VIRTIO_BIT(F_GUEST_ANNOUNCE) | VIRTIO_BIT(F_CTRL_MAC_ADDR);
    uint64_t f = (wanted & can) | VIRTIO_BIT(F_MAC);

    if (net->host_mtu) {
        f |= VIRTIO_BIT(F_MTU);
    }
    if (net->speed >= 0 || net->duplex) {
        f |= VIRTIO_BIT(F_SPEED_DUPLEX);
    }
    return f;
}

/* ---- realize ---- */

static bool check_ring(const char *name, uint16_t size, GError **error)
{
    if (size < 256 || size > VIRTIO_RING_MAX || !bits_is_pow2(size)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "invalid %s (= %u), must be a power of 2 between 256 and %d", name, size,
                    VIRTIO_RING_MAX);
        return false;
    }
    return true;
}

static bool check_properties(VirtioNet *net, GError **error)
{
    if (!check_ring("rx_queue_size", net->rx_queue_size, error) ||
        !check_ring("tx_queue_size", net->tx_queue_size, error)) {
        return false;
    }
    if (net->duplex && strcmp(net->duplex, "half") && strcmp(net->duplex, "full")) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "'duplex' must be 'half' or 'full', not '%s'", net->duplex);
        return false;
    }
    if (net->vdev.host_features &
        (VIRTIO_BIT(F_RSS) | VIRTIO_BIT(F_HASH_REPORT) | VIRTIO_BIT(F_STANDBY))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "rss, hash and failover are not supported by this build");
        return false;
    }
    if (net->mac[0] & 1) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "property 'mac' is a multicast address");
        return false;
    }
    return true;
}

static bool realize(VirtioDevice *vdev, GError **error)
{
    VirtioNet *net = (VirtioNet *)vdev;
    Object *shown = vdev->dev.obj.parent && DEVICE(vdev->dev.obj.parent)->obj.type
                        ? vdev->dev.obj.parent
                        : &vdev->dev.obj;
    const char *id = object_is_a(shown, "device") ? DEVICE(shown)->id : NULL;

    if (!vm_nets(virtio_vm(vdev))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "this VM has no networks");
        return false;
    }
    if (!check_properties(net, error)) {
        return false;
    }
    net->nic = nets_attach_nic(vm_nets(virtio_vm(vdev)), object_type_name(shown), id, net->netdev,
                               net->mac, &nic_ops, net, error);
    if (!net->nic) {
        return false;
    }
    memcpy(net->current_mac, net->mac, 6);
    net->net_status = NET_S_LINK_UP;
    vdev->config_len = net->speed >= 0 || net->duplex ? 17 : net->host_mtu ? 12 : 10;
    net->frame = g_malloc(NET_FRAME_MAX);
    net->tx_timer =
        timer_new(virtio_vm(vdev), CLOCK_KIND_VIRTUAL, "virtio-net-tx", tx_continue, net);
    net->rx_vq = virtio_add_queue(vdev, net->rx_queue_size, handle_rx);
    net->tx_vq = virtio_add_queue(vdev, net->tx_queue_size, handle_tx);
    if (vdev->host_features & VIRTIO_BIT(F_CTRL_VQ)) {
        net->ctrl_vq = virtio_add_queue(vdev, 64, virtio_net_handle_ctrl);
    }
    virtio_net_filter_reset(net);
    return true;
}

static void unrealize(VirtioDevice *vdev)
{
    VirtioNet *net = (VirtioNet *)vdev;

    g_clear_pointer(&net->nic, net_client_detach);
    g_clear_pointer(&net->tx_timer, timer_free);
    g_clear_pointer(&net->frame, g_free);
}

static unsigned vectors(VirtioDevice *vdev)
{
    return 4; /* receive, transmit, control, configuration */
}

/* ---- migrated state ---- */

typedef struct {
    uint8_t mac[6], vlans[512];
    uint32_t tx_waiting, mergeable, mac_count, has_vnet_hdr;
    uint16_t status;
    uint8_t promisc, allmulti, multi_overflow, uni_overflow, alluni, nomulti, nouni, nobcast;
    uint8_t has_ufo;
    uint8_t macs[MAC_TABLE_MAX][6];
    uint64_t offloads;
} NetSaved;

static bool has_offloads(const void *part, uint32_t version)
{
    return VIRTIO_SAVED_AROUND(part)->features_low >> F_CTRL_GUEST_OFFLOADS & 1;
}

static const Field mac_fields[] = {
    { .name = "addr", .kind = FIELD_BUFFER, .size = 6 },
    F_END,
};
static const Record mac_record = {
    .name = "mac", .version = 1, .min_version = 1, .size = 6, .fields = mac_fields
};
static const Field net_own_fields[] = {
    F_BUFFER(NetSaved, mac),
    F_U32(NetSaved, tx_waiting),
    F_U32(NetSaved, mergeable),
    F_U16(NetSaved, status),
    F_U8(NetSaved, promisc),
    F_U8(NetSaved, allmulti),
    F_U32(NetSaved, mac_count, .max = MAC_TABLE_MAX),
    { .name = "macs",
      .kind = FIELD_STRUCT,
      .flags = FIELD_VARRAY,
      .size = 6,
      .offset = offsetof(NetSaved, macs),
      .count = MAC_TABLE_MAX,
      .count_offset = offsetof(NetSaved, mac_count),
      .record = &mac_record },
    F_BUFFER(NetSaved, vlans),
    F_U32(NetSaved, has_vnet_hdr),
    F_U8(NetSaved, multi_overflow),
    F_U8(NetSaved, uni_overflow),
    F_U8(NetSaved, alluni),
    F_U8(NetSaved, nomulti),
    F_U8(NetSaved, nouni),
    F_U8(NetSaved, nobcast),
    F_U8(NetSaved, has_ufo),
    F_U64(NetSaved, offloads, .present = has_offloads),
    F_END,
};
static const Record net_own = { .name = "virtio-net-device",
                                .version = 11,
                                .min_version = 11,
                                .size = sizeof(NetSaved),
                                .fields = net_own_fields };
G_STATIC_ASSERT(sizeof(NetSaved) <= VIRTIO_SAVED_DEVICE_BYTES);

static void net_save(void *owner, void *p)
{
    VirtioSaved *saved = p;
    VirtioNet *net = owner;
    const RxFilter *f = &net->filter;
    NetSaved *own = (NetSaved *)(void *)saved->device.bytes;

    virtio_save(owner, saved);
    memcpy(own->mac, net->current_mac, 6);
    own->tx_waiting = net->tx_waiting || timer_pending(net->tx_timer);
    own->mergeable = virtio_has(&net->vdev, F_MRG_RXBUF);
    own->status = net->net_status;
    own->promisc = f->promisc;
    own->allmulti = f->allmulti;
    own->mac_count = f->count;
    memcpy(own->macs, f->macs, sizeof(own->macs));
    for (unsigned i = 0; i < VLAN_WORDS; i++) {
        st_le32(own->vlans + 4 * i, f->vlans[i]);
    }
    own->multi_overflow = f->multi_overflow;
    own->uni_overflow = f->uni_overflow;
    own->alluni = f->alluni;
    own->nomulti = f->nomulti;
    own->nouni = f->nouni;
    own->nobcast = f->nobcast;
}

static bool net_check(void *owner, const void *p, GError **error)
{
    const VirtioSaved *saved = p;
    const NetSaved *own = (const NetSaved *)(const void *)saved->device.bytes;

    if (own->has_vnet_hdr || own->has_ufo || own->offloads) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "the stream wants vnet headers (%u), UFO (%u), offloads 0x%" G_GINT64_MODIFIER
                    "x, which the netdev here cannot do",
                    own->has_vnet_hdr, own->has_ufo, own->offloads);
        return false;
    }
    return virtio_check(owner, saved, error);
}

static void net_install(void *owner, const void *p)
{
    const VirtioSaved *saved = p;
    const NetSaved *own = (const NetSaved *)(const void *)saved->device.bytes;
    VirtioNet *net = owner;
    RxFilter *f = &net->filter;

    virtio_install(owner, saved);
    memcpy(net->current_mac, own->mac, 6);
    /* The link is as it is here; only what the guest still has to do comes along. */
    net->net_status =
        (uint16_t)((net->net_status & NET_S_LINK_UP) | (own->status & NET_S_ANNOUNCE));
    net->tx_waiting = false; /* running again looks at the queue anyway */
    *f = (RxFilter){ .promisc = own->promisc,
                     .allmulti = own->allmulti,
                     .alluni = own->alluni,
                     .nomulti = own->nomulti,
                     .nouni = own->nouni,
                     .nobcast = own->nobcast,
                     .uni_overflow = own->uni_overflow,
                     .multi_overflow = own->multi_overflow,
                     .count = own->mac_count };
    memcpy(f->macs, own->macs, sizeof(f->macs));
    while (f->first_multi < f->count && !(f->macs[f->first_multi][0] & 1)) {
        f->first_multi++;
    }
    for (unsigned i = 0; i < VLAN_WORDS; i++) {
        f->vlans[i] = ld_le32(own->vlans + 4 * i);
    }
}

static void net_installed(void *owner)
{
    virtio_installed(owner);
}

static const SectionOps net_section_ops = { net_save, net_check, net_install, net_installed };
static const Field net_saved_fields[] = {
    VIRTIO_SAVED_COMMON_FIELDS,
    VIRTIO_SAVED_DEVICE_FIELD(NetSaved, net_own),
    F_END,
};
static const Record net_inner = VIRTIO_SAVED_INNER(net_saved_fields);
VIRTIO_SECTION(net, "virtio-net", 11, net_inner, net_section_ops);

#define BIT(P, bit_, name, on) P(PROP_BIT, VirtioDevice, host_features, name, on, .bit = (bit_))
#define NET_PROPERTIES(P)                                                                         \
    BIT(P, F_CSUM, "csum", "on"), BIT(P, F_GUEST_CSUM, "guest_csum", "on"),                       \
        BIT(P, F_GSO, "gso", "on"), BIT(P, F_GUEST_TSO4, "guest_tso4", "on"),                     \
        BIT(P, F_GUEST_TSO6, "guest_tso6", "on"), BIT(P, F_GUEST_ECN, "guest_ecn", "on"),         \
        BIT(P, F_GUEST_UFO, "guest_ufo", "on"), BIT(P, F_GUEST_ANNOUNCE, "guest_announce", "on"), \
        BIT(P, F_HOST_TSO4, "host_tso4", "on"), BIT(P, F_HOST_TSO6, "host_tso6", "on"),           \
        BIT(P, F_HOST_ECN, "host_ecn", "on"), BIT(P, F_HOST_UFO, "host_ufo", "on"),               \
        BIT(P, F_MRG_RXBUF, "mrg_rxbuf", "on"), BIT(P, F_STATUS, "status", "on"),                 \
        BIT(P, F_CTRL_VQ, "ctrl_vq", "on"), BIT(P, F_CTRL_RX, "ctrl_rx", "on"),                   \
        BIT(P, F_CTRL_VLAN, "ctrl_vlan", "on"), BIT(P, F_CTRL_RX_EXTRA, "ctrl_rx_extra", "on"),   \
        BIT(P, F_CTRL_MAC_ADDR, "ctrl_mac_addr", "on"),                                           \
        BIT(P, F_CTRL_GUEST_OFFLOADS, "ctrl_guest_offloads", "on"), BIT(P, F_MQ, "mq", "off"),    \
        BIT(P, F_RSS, "rss", "off"), BIT(P, F_HASH_REPORT, "hash", "off"),                        \
        BIT(P, F_RSC_EXT, "guest_rsc_ext", "off"), BIT(P, F_STANDBY, "failover", "off"),          \
        BIT(P, F_GUEST_USO4, "guest_uso4", "on"), BIT(P, F_GUEST_USO6, "guest_uso6", "on"),       \
        BIT(P, F_HOST_USO, "host_uso", "on"), P(PROP_MAC, VirtioNet, mac, "mac", NULL),           \
        P(PROP_NAME, VirtioNet, netdev, "netdev", NULL, .link_type = "netdev"),                   \
        P(PROP_I32, VirtioNet, bootindex, "bootindex", "-1"),                                     \
        P(PROP_STR, VirtioNet, tx, "tx", NULL),                                                   \
        P(PROP_U32, VirtioNet, txtimer, "x-txtimer", "150000"),                                   \
        P(PROP_I32, VirtioNet, txburst, "x-txburst", "256"),                                      \
        P(PROP_U32, VirtioNet, rsc_interval, "rsc_interval", "300000"),                           \
        P(PROP_U16, VirtioNet, rx_queue_size, "rx_queue_size", "256"),                            \
        P(PROP_U16, VirtioNet, tx_queue_size, "tx_queue_size", "256"),                            \
        P(PROP_U16, VirtioNet, host_mtu, "host_mtu", "0"),                                        \
        P(PROP_BOOL, VirtioNet, mtu_bypass, "x-mtu-bypass-backend", "on"),                        \
        P(PROP_I32, VirtioNet, speed, "speed", "-1"),                                             \
        P(PROP_STR, VirtioNet, duplex, "duplex", NULL)

static const Property net_props[] = { NET_PROPERTIES(PROP), PROP_END };
static const Property net_ccw_props[] = { NET_PROPERTIES(VIRTIO_CCW_FORWARD), PROP_END };
static const Property net_pci_props[] = { NET_PROPERTIES(VIRTIO_PCI_FORWARD), PROP_END };

static const VirtioDeviceOps net_ops = {
    .dev = { VIRTIO_DEVICE_BASE, .section = &net_section, .category = DEVICE_CATEGORY_NETWORK },
    .device_id = VIRTIO_ID_NET,
    .realize = realize,
    .unrealize = unrealize,
    .features = features,
    .get_config = get_config,
    .set_config = set_config,
    .reset = reset,
    .queue_reset = queue_reset,
    .set_status = set_status,
    .vectors = vectors,
};

VIRTIO_PCI_DECLARE(net, "virtio-net-device", 0x0200, DEVICE_CATEGORY_NETWORK, NULL,
                   .romfile = "efi-virtio.rom");
VIRTIO_CCW_DECLARE(net, "virtio-net-device", DEVICE_CATEGORY_NETWORK, NULL);

const TypeInfo virtio_net_types[] = {
    { .name = "virtio-net-device",
      .parent = TYPE_VIRTIO_DEVICE,
      .instance_size = sizeof(VirtioNet),
      .props = net_props,
      .ops = &net_ops },
    VIRTIO_PCI_TYPES("virtio-net", net, net_pci_props),
    VIRTIO_CCW_TYPE("virtio-net", net, net_ccw_props),
};
const size_t virtio_net_types_count = G_N_ELEMENTS(virtio_net_types);
