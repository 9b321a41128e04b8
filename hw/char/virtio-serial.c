/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console device (virtio 1.2, section 5.3): ports on a bus, each a pair of queues over a chardev, and
 * the control queues that name them and say who is there.
 *
 * A port of the guest: unknown -> (DEVICE_ADD, PORT_READY) known -> (PORT_OPEN) open. Without the
 * multiport feature port 0 is open from DRIVER_OK on.
 */
#include <string.h>
#include "base/util/endian.h"
#include "base/util/log.h"
#include "hw/virtio/virtio-ccw.h"
#include "hw/virtio/virtio-pci.h"
#include "virtio-serial-priv.h"

enum {
    F_SIZE = 0,
    F_MULTIPORT = 1,
    F_EMERG_WRITE = 2
};
enum {
    EV_DEVICE_READY = 0,
    EV_DEVICE_ADD = 1,
    EV_DEVICE_REMOVE = 2,
    EV_PORT_READY = 3,
    EV_CONSOLE_PORT = 4,
    EV_RESIZE = 5,
    EV_PORT_OPEN = 6,
    EV_PORT_NAME = 7,
};
#define RING_DATA     128
#define RING_CTRL     32
#define TYPE_PORT_BUS "virtio-serial-bus"

typedef struct PortOps {
    DeviceOps dev; /* first */
    bool console;
} PortOps;

static bool is_console(const Port *port)
{
    return ((const PortOps *)object_ops(&port->dev.obj))->console;
}

static bool is_running(const VirtioSerial *s)
{
    return s->vdev.vm_running && (s->vdev.status & VIRTIO_STATUS_DRIVER_OK) && !s->vdev.broken;
}

/* ---- control messages to the guest ---- */

static void send_waiting(VirtioSerial *s)
{
    GBytes *msg;

    while (is_running(s) && (msg = g_queue_peek_head(&s->ctrl_wait))) {
        VirtqElement *elem = virtqueue_pop(s->ctrl_in, sizeof(*elem));
        gsize len;
        const void *data = g_bytes_get_data(msg, &len);
        size_t put;

        if (!elem) {
            return;
        }
        put = virtq_write_in(elem, 0, data, len);
        virtqueue_push(s->ctrl_in, elem, (uint32_t)put);
        virtq_element_free(elem);
        virtio_notify(&s->vdev, s->ctrl_in);
        g_bytes_unref(g_queue_pop_head(&s->ctrl_wait));
    }
}

static void send_ctrl(VirtioSerial *s, uint32_t id, uint16_t event, uint16_t value,
                      const char *name)
{
    size_t extra = name ? strlen(name) : 0;
    uint8_t *msg;

    if (!virtio_has(&s->vdev, F_MULTIPORT) || !s->ctrl_in ||
        g_queue_get_length(&s->ctrl_wait) >= CTRL_WAIT_MAX) {
        return;
    }
    msg = g_malloc(CTRL_BYTES + extra);
    st_le32(msg, id);
    st_le16(msg + 4, event);
    st_le16(msg + 6, value);
    if (extra) {
        memcpy(msg + CTRL_BYTES, name, extra);
    }
    g_queue_push_tail(&s->ctrl_wait, g_bytes_new_take(msg, CTRL_BYTES + extra));
    send_waiting(s);
}

/* ---- host to guest ---- */

static void port_flush_in(Port *port)
{
    VirtioSerial *s = port->serial;
    size_t done = 0;

    if (!port->in_vq || !port->guest_open || !is_running(s)) {
        return;
    }
    while (done < port->pending->len) {
        VirtqElement *elem = virtqueue_pop(port->in_vq, sizeof(*elem));
        size_t put;

        if (!elem) {
            break;
        }
        put = virtq_write_in(elem, 0, port->pending->data + done, port->pending->len - done);
        virtqueue_push(port->in_vq, elem, (uint32_t)put);
        virtq_element_free(elem);
        done += put;
    }
    if (done) {
        g_byte_array_remove_range(port->pending, 0, (guint)done);
        virtio_notify(&s->vdev, port->in_vq);
    }
    if (!port->pending->len && chardev_frontend_attached(&port->frontend)) {
        chardev_frontend_accept_input(&port->frontend);
    }
}

static size_t port_can_receive(void *opaque)
{
    Port *port = opaque;

    return port->guest_open && !port->pending->len && is_running(port->serial) &&
                   !virtqueue_empty(port->in_vq)
               ? 4096
               : 0;
}

static void port_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Port *port = opaque;

    g_byte_array_append(port->pending, buf, (guint)len);
    port_flush_in(port);
}

static void port_set_host_open(Port *port, bool open)
{
    if (port->host_open != open) {
        port->host_open = open;
        send_ctrl(port->serial, port->nr, EV_PORT_OPEN, open, NULL);
    }
}

static void port_event(void *opaque, ChardevEvent event)
{
    Port *port = opaque;

    if (is_console(port)) {
        return; /* a console is there for the guest whether somebody looks or not */
    }
    if (event == CHARDEV_EVENT_OPENED) {
        port_set_host_open(port, true);
    } else if (event == CHARDEV_EVENT_CLOSED) {
        port_set_host_open(port, false);
    }
}

static const ChardevFrontendOps frontend_ops = {
    .can_receive = port_can_receive,
    .receive = port_receive,
    .event = port_event,
};

/* ---- guest to host ---- */

static void port_drain_out(Port *port);

static void port_writable(void *opaque)
{
    port_drain_out(opaque);
}

/* Write the rest of the current element; false when the host takes no more now. */
static bool port_write_elem(Port *port)
{
    uint8_t buf[4096];
    size_t total = virtq_out_bytes(port->elem);

    while (port->elem_done < total) {
        size_t n = virtq_read_out(port->elem, port->elem_done, buf, sizeof(buf));
        size_t taken = chardev_write(&port->frontend, buf, n);

        port->elem_done += taken;
        if (taken < n) {
            return false;
        }
    }
    return true;
}

static void port_drain_out(Port *port)
{
    VirtioSerial *s = port->serial;

    if (!port->out_vq || !is_running(s)) {
        return;
    }
    if (port->has_parked) {
        port->has_parked = false;
        port->elem = virtqueue_take_again(port->out_vq, port->parked_head, sizeof(*port->elem));
        port->elem_done = port->parked_done;
    }
    for (;;) {
        if (!port->elem) {
            port->elem = virtqueue_pop(port->out_vq, sizeof(*port->elem));
            port->elem_done = 0;
        }
        if (!port->elem) {
            return;
        }
        if (chardev_frontend_attached(&port->frontend) && !port_write_elem(port)) {
            chardev_frontend_watch(&port->frontend, port_writable);
            return;
        }
        virtqueue_push(port->out_vq, port->elem, 0);
        g_clear_pointer(&port->elem, virtq_element_free);
        virtio_notify(&s->vdev, port->out_vq);
    }
}

static Port *port_of_queue(VirtioSerial *s, VirtQueue *vq)
{
    for (uint32_t i = 0; i < s->max_ports; i++) {
        if (s->ports[i] && (s->ports[i]->in_vq == vq || s->ports[i]->out_vq == vq)) {
            return s->ports[i];
        }
    }
    return NULL;
}

static void handle_data(VirtioDevice *vdev, VirtQueue *vq)
{
    Port *port = port_of_queue((VirtioSerial *)vdev, vq);
    VirtqElement *elem;

    if (port && vq == port->in_vq) {
        port_flush_in(port);
    } else if (port) {
        port_drain_out(port);
    } else if (vq->index & 1) { /* output of a port that is not there */
        while ((elem = virtqueue_pop(vq, sizeof(*elem)))) {
            virtqueue_push(vq, elem, 0);
            virtq_element_free(elem);
            virtio_notify(vdev, vq);
        }
    }
}

void virtio_serial_tell_host_open(Port *port)
{
    send_ctrl(port->serial, port->nr, EV_PORT_OPEN, port->host_open, NULL);
}

/* ---- control messages from the guest ---- */

void virtio_serial_guest_open(Port *port, bool open)
{
    if (port->guest_open == open) {
        return;
    }
    port->guest_open = open;
    if (chardev_frontend_attached(&port->frontend) && !is_console(port)) {
        chardev_frontend_set_open(&port->frontend, open);
    }
    if (!is_console(port) && port->dev.id) {
        vm_event(device_vm(&port->dev), "VSERPORT_CHANGE",
                 g_variant_new_parsed("{'id': <%s>, 'open': <%b>}", port->dev.id, (gboolean)open));
    }
    if (open) {
        port_flush_in(port);
    } else {
        g_byte_array_set_size(port->pending, 0);
    }
}

static void port_ready(Port *port)
{
    VirtioSerial *s = port->serial;

    if (is_console(port)) {
        send_ctrl(s, port->nr, EV_CONSOLE_PORT, 1, NULL);
    }
    if (port->name && *port->name) {
        send_ctrl(s, port->nr, EV_PORT_NAME, 1, port->name);
    }
    if (port->host_open) {
        send_ctrl(s, port->nr, EV_PORT_OPEN, 1, NULL);
    }
}

static void handle_message(VirtioSerial *s, uint32_t id, uint16_t event, uint16_t value)
{
    Port *port = id < s->max_ports ? s->ports[id] : NULL;

    if (event == EV_DEVICE_READY) {
        for (uint32_t i = 0; value && i < s->max_ports; i++) {
            if (s->ports[i]) {
                send_ctrl(s, i, EV_DEVICE_ADD, 1, NULL);
            }
        }
        return;
    }
    if (!port) {
        log_guest_error("virtio-serial: control message %u for port %u, which is not there\n",
                        event, id);
        return;
    }
    if (event == EV_PORT_READY && value) {
        port_ready(port);
    } else if (event == EV_PORT_OPEN) {
        virtio_serial_guest_open(port, value != 0);
    }
}

static void handle_ctrl_out(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioSerial *s = (VirtioSerial *)vdev;
    VirtqElement *elem;

    while ((elem = virtqueue_pop(vq, sizeof(*elem)))) {
        uint8_t msg[CTRL_BYTES];

        if (virtq_read_out(elem, 0, msg, CTRL_BYTES) == CTRL_BYTES) {
            handle_message(s, ld_le32(msg), ld_le16(msg + 4), ld_le16(msg + 6));
        }
        virtqueue_push(vq, elem, 0);
        virtq_element_free(elem);
        virtio_notify(vdev, vq);
    }
}

static void handle_ctrl_in(VirtioDevice *vdev, VirtQueue *vq)
{
    send_waiting((VirtioSerial *)vdev);
}

/* ---- device ---- */

static void each_port(VirtioSerial *s, void (*fn)(Port *port))
{
    for (uint32_t i = 0; i < s->max_ports; i++) {
        if (s->ports[i]) {
            fn(s->ports[i]);
        }
    }
}

static void port_resume(Port *port)
{
    port_drain_out(port);
    port_flush_in(port);
}

static void serial_set_status(VirtioDevice *vdev, uint8_t status)
{
    VirtioSerial *s = (VirtioSerial *)vdev;

    if (!is_running(s)) {
        return;
    }
    if (!virtio_has(vdev, F_MULTIPORT) && s->ports[0]) {
        virtio_serial_guest_open(s->ports[0], true);
    }
    send_waiting(s);
    each_port(s, port_resume);
}

static void port_drop(Port *port)
{
    port->has_parked = false;
    if (port->elem) {
        virtqueue_detach(port->out_vq, port->elem);
        g_clear_pointer(&port->elem, virtq_element_free);
    }
    if (chardev_frontend_attached(&port->frontend)) {
        chardev_frontend_unwatch(&port->frontend);
    }
    g_byte_array_set_size(port->pending, 0);
    virtio_serial_guest_open(port, false);
}

static void serial_reset(VirtioDevice *vdev)
{
    VirtioSerial *s = (VirtioSerial *)vdev;

    each_port(s, port_drop);
    g_queue_clear_full(&s->ctrl_wait, (GDestroyNotify)g_bytes_unref);
}

static void serial_queue_reset(VirtioDevice *vdev, VirtQueue *vq)
{
    Port *port = port_of_queue((VirtioSerial *)vdev, vq);

    if (port && port->out_vq == vq && port->elem) {
        virtqueue_detach(vq, port->elem);
        g_clear_pointer(&port->elem, virtq_element_free);
    }
}

static void serial_get_config(VirtioDevice *vdev, uint8_t *c)
{
    memset(c, 0, vdev->config_len);
    st_le32(c + 4, ((VirtioSerial *)vdev)->max_ports);
}

static void serial_set_config(VirtioDevice *vdev, const uint8_t *c)
{
    VirtioSerial *s = (VirtioSerial *)vdev;

    if (s->emergency_write && vdev->config_len >= 12 && ld_le32(c + 8)) {
        for (uint32_t i = 0; i < s->max_ports; i++) {
            if (s->ports[i] && is_console(s->ports[i])) {
                chardev_write(&s->ports[i]->frontend, c + 8, 1);
                return;
            }
        }
    }
}

static uint64_t serial_features(VirtioDevice *vdev, uint64_t wanted)
{
    VirtioSerial *s = (VirtioSerial *)vdev;

    return (s->max_ports > 1 ? VIRTIO_BIT(F_MULTIPORT) : 0) |
           (s->emergency_write ? VIRTIO_BIT(F_EMERG_WRITE) : 0);
}

static bool serial_realize(VirtioDevice *vdev, GError **error)
{
    VirtioSerial *s = (VirtioSerial *)vdev;
    Object *proxy = vdev->dev.obj.parent;
    const char *id = proxy && object_is_a(proxy, "device") ? DEVICE(proxy)->id : NULL;
    g_autofree char *name = g_strdup_printf("%s.0", id ? id : TYPE_PORT_BUS);

    if (s->max_ports < 1 || s->max_ports > PORTS_MAX) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "max_ports is %u, expected 1 to %d", s->max_ports, PORTS_MAX);
        return false;
    }
    vdev->config_len = s->emergency_write ? 12 : 8;
    virtio_add_queue(vdev, RING_DATA, handle_data);
    virtio_add_queue(vdev, RING_DATA, handle_data);
    if (s->max_ports > 1) {
        s->ctrl_in = virtio_add_queue(vdev, RING_CTRL, handle_ctrl_in);
        s->ctrl_out = virtio_add_queue(vdev, RING_CTRL, handle_ctrl_out);
    }
    for (uint32_t i = 1; i < s->max_ports; i++) {
        virtio_add_queue(vdev, RING_DATA, handle_data);
        virtio_add_queue(vdev, RING_DATA, handle_data);
    }
    g_queue_init(&s->ctrl_wait);
    s->ports_bus = bus_new(virtio_vm(vdev), TYPE_PORT_BUS, &vdev->dev, name);
    return true;
}

static void serial_unrealize(VirtioDevice *vdev)
{
    g_queue_clear_full(&((VirtioSerial *)vdev)->ctrl_wait, (GDestroyNotify)g_bytes_unref);
}

static unsigned serial_vectors(VirtioDevice *vdev)
{
    return 2;
}

/* ---- ports ---- */

static bool choose_number(VirtioSerial *s, Port *port, GError **error)
{
    if (port->nr == UINT32_MAX) {
        /* Number 0 is kept for a console: drivers without multiport know no other. */
        for (port->nr = is_console(port) ? 0 : 1; port->nr < s->max_ports; port->nr++) {
            if (!s->ports[port->nr]) {
                return true;
            }
        }
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY,
                    "a free port number was not found (max_ports is %u)", s->max_ports);
        return false;
    }
    if (port->nr >= s->max_ports) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "port number %u is out of range, expected 0 to %u", port->nr, s->max_ports - 1);
        return false;
    }
    if (!port->nr && !is_console(port)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "port number 0 is reserved for virtconsole devices");
        return false;
    }
    if (s->ports[port->nr]) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "a port with number %u exists",
                    port->nr);
        return false;
    }
    return true;
}

static bool name_is_free(const VirtioSerial *s, const char *name)
{
    for (uint32_t i = 0; i < s->max_ports; i++) {
        if (s->ports[i] && !g_strcmp0(s->ports[i]->name, name)) {
            return false;
        }
    }
    return true;
}

static bool port_realize(Device *dev, GError **error)
{
    Port *port = (Port *)dev;
    VirtioSerial *s = (VirtioSerial *)dev->bus->owner;
    unsigned first;

    if (port->name && *port->name && !name_is_free(s, port->name)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_BUSY, "a port with name '%s' exists",
                    port->name);
        return false;
    }
    if (!choose_number(s, port, error)) {
        return false;
    }
    port->serial = s;
    port->pending = g_byte_array_new();
    first = port->nr ? 2 * (port->nr + 1) : 0;
    port->in_vq = &s->vdev.queues[first];
    port->out_vq = &s->vdev.queues[first + 1];
    port->host_open = is_console(port);
    if (port->chardev && *port->chardev) {
        Chardevs *set = device_vm(dev)->chardevs;
        Chardev *chardev = set ? chardevs_lookup(set, port->chardev, error) : NULL;

        if (!chardev ||
            !chardev_frontend_attach(&port->frontend, chardev, &frontend_ops, port, error)) {
            if (!set) {
                g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "chardev '%s' not found",
                            port->chardev);
            }
            g_clear_pointer(&port->pending, g_byte_array_unref);
            return false;
        }
    }
    s->ports[port->nr] = port;
    if (dev->hotplugged) {
        send_ctrl(s, port->nr, EV_DEVICE_ADD, 1, NULL);
    }
    return true;
}

static void port_unrealize(Device *dev)
{
    Port *port = (Port *)dev;

    port_drop(port);
    send_ctrl(port->serial, port->nr, EV_DEVICE_REMOVE, 1, NULL);
    if (chardev_frontend_attached(&port->frontend)) {
        chardev_frontend_detach(&port->frontend);
    }
    port->serial->ports[port->nr] = NULL;
    g_clear_pointer(&port->pending, g_byte_array_unref);
}

static const Property port_props[] = {
    PROP(PROP_U32, Port, nr, "nr", "4294967295"),
    PROP(PROP_STR, Port, name, "name", NULL),
    PROP(PROP_NAME, Port, chardev, "chardev", NULL, .link_type = "chardev"),
    PROP_END,
};

#define PORT_OPS(console_)                          \
    {                                               \
        .dev = { .bus_type = TYPE_PORT_BUS,         \
                 .category = DEVICE_CATEGORY_INPUT, \
                 .user_creatable = true,            \
                 .hotpluggable = true,              \
                 .realize = port_realize,           \
                 .unrealize = port_unrealize },     \
        .console = (console_)                       \
    }
static const PortOps console_ops = PORT_OPS(true), port_ops = PORT_OPS(false);

static const BusOps ports_bus_ops = { .kind = TYPE_PORT_BUS };

/* ---- types ---- */

#define SERIAL_PROPERTIES(P)                                 \
    P(PROP_U32, VirtioSerial, max_ports, "max_ports", "31"), \
        P(PROP_BOOL, VirtioSerial, emergency_write, "emergency-write", "on")

static const Property serial_props[] = { SERIAL_PROPERTIES(PROP), PROP_END };
static const Property serial_ccw_props[] = { SERIAL_PROPERTIES(VIRTIO_CCW_FORWARD), PROP_END };
static const Property serial_pci_props[] = {
    SERIAL_PROPERTIES(VIRTIO_PCI_FORWARD),
    PROP(PROP_U32, VirtioPci, class_code, "class", "0"),
    PROP_END,
};

static const VirtioDeviceOps serial_ops = {
    .dev = { VIRTIO_DEVICE_BASE, .section = &virtio_serial_section,
             .category = DEVICE_CATEGORY_INPUT },
    .device_id = VIRTIO_ID_CONSOLE,
    .realize = serial_realize,
    .unrealize = serial_unrealize,
    .features = serial_features,
    .get_config = serial_get_config,
    .set_config = serial_set_config,
    .reset = serial_reset,
    .queue_reset = serial_queue_reset,
    .set_status = serial_set_status,
    .vectors = serial_vectors,
};

VIRTIO_PCI_DECLARE(serial, "virtio-serial-device", 0x0780, DEVICE_CATEGORY_INPUT, NULL);
VIRTIO_CCW_DECLARE(serial, "virtio-serial-device", DEVICE_CATEGORY_INPUT, NULL);

const TypeInfo virtio_serial_types[] = {
    { .name = TYPE_PORT_BUS, .parent = "bus", .instance_size = sizeof(Bus), .ops = &ports_bus_ops },
    { .name = "virtio-serial-port",
      .parent = "device",
      .abstract = true,
      .instance_size = sizeof(Port),
      .props = port_props,
      .ops = &port_ops },
    { .name = "virtserialport", .parent = "virtio-serial-port", .ops = &port_ops },
    { .name = "virtconsole", .parent = "virtserialport", .ops = &console_ops },
    { .name = "virtio-serial-device",
      .parent = TYPE_VIRTIO_DEVICE,
      .instance_size = sizeof(VirtioSerial),
      .props = serial_props,
      .ops = &serial_ops },
    VIRTIO_PCI_TYPES("virtio-serial", serial, serial_pci_props),
    VIRTIO_CCW_TYPE("virtio-serial", serial, serial_ccw_props),
};
const size_t virtio_serial_types_count = G_N_ELEMENTS(virtio_serial_types);
