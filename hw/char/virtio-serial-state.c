/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The saved form of the virtio console. The fields are those of QEMU 10.0; what was on its way through a port
 * is in subsections of ours.
 */
#include <string.h>
#include "base/util/endian.h"
#include "hw/virtio/saved.h"
#include "virtio-serial-priv.h"

typedef struct {
    uint32_t id;
    bool guest_open, host_open;
    uint32_t elem_popped; /* QEMU dumps the sender's addresses behind it: refused */
} SavedPort;

typedef struct {
    uint32_t id;
    uint16_t head;
    uint32_t done;
} SavedOut;

typedef struct {
    uint32_t id, len;
    uint8_t *data;
} SavedIn;

typedef struct {
    uint16_t cols, rows;
    uint32_t max_ports, map_words, map[(PORTS_MAX + 31) / 32];
    uint32_t n_ports, n_out, n_in, ctrl_len;
    SavedPort ports[PORTS_MAX];
    SavedOut out[PORTS_MAX];
    SavedIn in[PORTS_MAX];
    uint8_t *ctrl; /* messages to the guest that wait: u16 length, bytes */
} SerialSaved;
G_STATIC_ASSERT(sizeof(SerialSaved) <= VIRTIO_SAVED_DEVICE_BYTES);

#define PENDING_MAX  65536
#define CTRL_BUF_MAX (1u << 20)

static bool out_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->n_out != 0;
}

static bool in_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->n_in != 0;
}

static bool ctrl_needed(const void *saved)
{
    return ((const SerialSaved *)saved)->ctrl_len != 0;
}

#define PART(sym, name_, T, ...)                                                                   \
    static const Field sym##_fields[] = { __VA_ARGS__, F_END };                                    \
    static const Record sym = {                                                                    \
        .name = (name_), .version = 1, .min_version = 1, .size = sizeof(T), .fields = sym##_fields \
    }
#define SUBSECTION(sym, name_, needed_, ...)                           \
    static const Field sym##_fields[] = { __VA_ARGS__, F_END };        \
    static const Record sym = { .name = "virtio-console-ports/" name_, \
                                .version = 1,                          \
                                .min_version = 1,                      \
                                .size = sizeof(SerialSaved),           \
                                .fields = sym##_fields,                \
                                .needed = (needed_) }
#define ELEMENTS(m, rec, n)                                    \
    F_STRUCT_ARRAY(SerialSaved, m, rec, .flags = FIELD_VARRAY, \
                   .count_offset = offsetof(SerialSaved, n))
#define BYTES(T, m, n, most)                                                                    \
    {                                                                                           \
        .name = #m, .kind = FIELD_VBUFFER, .size = sizeof(uint8_t *), .offset = offsetof(T, m), \
        .max_len = (most), .count_offset = offsetof(T, n)                                       \
    }

PART(saved_port, "virtio-console-port", SavedPort, F_U32(SavedPort, id),
     F_BOOL(SavedPort, guest_open), F_BOOL(SavedPort, host_open), F_U32(SavedPort, elem_popped));
PART(saved_out, "virtio-console-out", SavedOut, F_U32(SavedOut, id), F_U16(SavedOut, head),
     F_U32(SavedOut, done));
PART(saved_in, "virtio-console-in", SavedIn, F_U32(SavedIn, id),
     F_U32(SavedIn, len, .min = 1, .max = PENDING_MAX), BYTES(SavedIn, data, len, PENDING_MAX));
SUBSECTION(out_record, "out", out_needed, F_U32(SerialSaved, n_out, .max = PORTS_MAX),
           ELEMENTS(out, saved_out, n_out));
SUBSECTION(in_record, "in", in_needed, F_U32(SerialSaved, n_in, .max = PORTS_MAX),
           ELEMENTS(in, saved_in, n_in));
SUBSECTION(ctrl_record, "control", ctrl_needed,
           F_U32(SerialSaved, ctrl_len, .min = 1, .max = CTRL_BUF_MAX),
           BYTES(SerialSaved, ctrl, ctrl_len, CTRL_BUF_MAX));
static const Record *const serial_subsections[] = { &out_record, &in_record, &ctrl_record, NULL };
static const Field serial_own_fields[] = {
    F_U32(SerialSaved, map_words, .flags = FIELD_LOCAL),
    F_U16(SerialSaved, cols),
    F_U16(SerialSaved, rows),
    F_U32(SerialSaved, max_ports, .flags = FIELD_EQUAL),
    F_ARRAY(FIELD_U32, SerialSaved, map, .flags = FIELD_VARRAY | FIELD_EQUAL,
            .count_offset = offsetof(SerialSaved, map_words)),
    F_U32(SerialSaved, n_ports, .max = PORTS_MAX),
    ELEMENTS(ports, saved_port, n_ports),
    F_END,
};
static const Record serial_own = { .name = "virtio-console-ports",
                                   .version = 1,
                                   .min_version = 1,
                                   .size = sizeof(SerialSaved),
                                   .fields = serial_own_fields,
                                   .subsections = serial_subsections };

static void save_port(SerialSaved *own, const Port *port)
{
    bool packed = virtio_has(&port->serial->vdev, VIRTIO_F_RING_PACKED);

    own->map[port->nr / 32] |= 1u << port->nr % 32;
    own->ports[own->n_ports++] =
        (SavedPort){ port->nr, port->guest_open, port->host_open, port->elem && packed };
    if (port->elem && !packed) {
        own->out[own->n_out++] =
            (SavedOut){ port->nr, port->elem->index, (uint32_t)port->elem_done };
    } else if (port->has_parked) {
        own->out[own->n_out++] = (SavedOut){ port->nr, port->parked_head, port->parked_done };
    }
    if (port->pending->len) {
        own->in[own->n_in++] = (SavedIn){ port->nr, port->pending->len,
                                          g_memdup2(port->pending->data, port->pending->len) };
    }
}

static void save_ctrl(SerialSaved *own, const VirtioSerial *s)
{
    GByteArray *all = g_byte_array_new();

    for (const GList *l = s->ctrl_wait.head; l; l = l->next) {
        gsize n;
        const void *data = g_bytes_get_data(l->data, &n);
        uint8_t len[2];

        st_be16(len, (uint16_t)n);
        g_byte_array_append(all, len, sizeof(len));
        g_byte_array_append(all, data, (guint)n);
    }
    own->ctrl_len = all->len;
    own->ctrl = g_byte_array_free(all, all->len == 0);
}

static void serial_save(void *owner, void *p)
{
    VirtioSerial *s = owner;
    VirtioSaved *saved = p;
    SerialSaved *own = (SerialSaved *)(void *)saved->device.bytes;

    virtio_save(owner, saved);
    own->max_ports = s->max_ports;
    own->map_words = (s->max_ports + 31) / 32;
    own->map[0] = 1; /* port 0 is kept for the first console, there or not */
    for (uint32_t i = 0; i < s->max_ports; i++) {
        if (s->ports[i]) {
            save_port(own, s->ports[i]);
        }
    }
    save_ctrl(own, s);
}

G_GNUC_PRINTF(2, 3) static bool refuse(GError **error, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_set_error_literal(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, text);
    return false;
}

static bool port_is_here(const VirtioSerial *s, uint32_t id, GError **error)
{
    return (id < s->max_ports && s->ports[id]) ||
           refuse(error, "port %u is not there in this process", id);
}

static bool check_ports(const VirtioSerial *s, const VirtioSaved *saved, const SerialSaved *own,
                        GError **error)
{
    for (uint32_t i = 0; i < own->n_ports; i++) {
        if (!port_is_here(s, own->ports[i].id, error)) {
            return false;
        }
        if (own->ports[i].elem_popped) {
            return refuse(error, "port %u has a buffer on its way, which is not supported",
                          own->ports[i].id);
        }
    }
    for (uint32_t i = 0; i < own->n_out; i++) {
        if (!port_is_here(s, own->out[i].id, error)) {
            return false;
        }
        uint32_t queue = s->ports[own->out[i].id]->out_vq->index;

        if (queue >= saved->n_queues || own->out[i].head >= saved->queues[queue].num) {
            return refuse(error, "port %u: head %u is outside the ring", own->out[i].id,
                          own->out[i].head);
        }
    }
    for (uint32_t i = 0; i < own->n_in; i++) {
        if (!port_is_here(s, own->in[i].id, error)) {
            return false;
        }
    }
    return true;
}

static bool check_ctrl(const SerialSaved *own, GError **error)
{
    uint32_t at = 0;

    while (own->ctrl_len - at >= 2 && own->ctrl_len - at - 2 >= ld_be16(own->ctrl + at)) {
        at += 2u + ld_be16(own->ctrl + at);
    }
    return at == own->ctrl_len || refuse(error, "the waiting control messages end inside one");
}

static bool serial_check(void *owner, const void *p, GError **error)
{
    const VirtioSaved *saved = p;
    const SerialSaved *own = (const SerialSaved *)(const void *)saved->device.bytes;

    return virtio_check(owner, saved, error) && check_ports(owner, saved, own, error) &&
           check_ctrl(own, error);
}

static void install_ctrl(VirtioSerial *s, const SerialSaved *own)
{
    g_queue_clear_full(&s->ctrl_wait, (GDestroyNotify)g_bytes_unref);
    g_queue_init(&s->ctrl_wait);
    for (uint32_t at = 0; at < own->ctrl_len; at += 2u + ld_be16(own->ctrl + at)) {
        g_queue_push_tail(&s->ctrl_wait, g_bytes_new(own->ctrl + at + 2, ld_be16(own->ctrl + at)));
    }
}

static void serial_install(void *owner, const void *p)
{
    VirtioSerial *s = owner;
    const VirtioSaved *saved = p;
    const SerialSaved *own = (const SerialSaved *)(const void *)saved->device.bytes;

    virtio_install(owner, saved);
    install_ctrl(s, own);
    for (uint32_t i = 0; i < own->n_ports; i++) {
        Port *port = s->ports[own->ports[i].id];

        port->has_parked = false;
        virtio_serial_guest_open(port, own->ports[i].guest_open);
        g_byte_array_set_size(port->pending, 0);
        if (port->host_open != own->ports[i].host_open) {
            virtio_serial_tell_host_open(port);
        }
    }
    for (uint32_t i = 0; i < own->n_out; i++) {
        Port *port = s->ports[own->out[i].id];

        port->has_parked = true;
        port->parked_head = own->out[i].head;
        port->parked_done = own->out[i].done;
    }
    for (uint32_t i = 0; i < own->n_in; i++) {
        g_byte_array_append(s->ports[own->in[i].id]->pending, own->in[i].data, own->in[i].len);
    }
}

static void serial_installed(void *owner)
{
    virtio_installed(owner);
}

static const SectionOps serial_section_ops = { serial_save, serial_check, serial_install,
                                               serial_installed };
static const Field serial_saved_fields[] = {
    VIRTIO_SAVED_COMMON_FIELDS,
    VIRTIO_SAVED_DEVICE_FIELD(SerialSaved, serial_own),
    F_END,
};
static const Record serial_inner = VIRTIO_SAVED_INNER(serial_saved_fields);
static const Field outer_fields[] = { VIRTIO_SAVED_OUTER_FIELD(serial_inner), F_END };
static const Record outer_record = { .name = "virtio-console",
                                     .version = 3,
                                     .min_version = 3,
                                     .size = sizeof(VirtioSaved),
                                     .fields = outer_fields };
const SectionDesc virtio_serial_section = { .record = &outer_record, .ops = &serial_section_ops };
