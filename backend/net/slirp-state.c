/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The migrated state of a user-mode network, section "slirp": who has which DHCP address, and the
 * next IP identification. The bytes are libslirp's own (slirp_state_save, version 4); here they have
 * names, so that a stream is checked before libslirp sees any of it.
 *
 * Connections to the outside do not travel: their host sockets belong to the process that the guest
 * left. The guest gets a reset for each when it next sends, and connects again. Connections to a
 * chardev of "guestfwd" could travel, but there are none here (net_backend_user refuses the form).
 */
#include "slirp-priv.h"

#include <string.h>

#include "migration/vmstate/vmstate.h"

#define LEASES 16

typedef struct {
    uint16_t allocated;
    uint8_t mac[6];
} Lease;

typedef struct {
    uint8_t sockets; /* 0: none follow; libslirp writes 42 before each */
    uint16_t ip_id;
    Lease leases[LEASES];
} SlirpSaved;

/* Bytes on the wire: what libslirp writes without sockets. */
#define STATE_BYTES (1 + 2 + LEASES * 8)

static const Record lease_record = {
    .name = "slirp-lease",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Lease),
    .fields =
        (const Field[]){
            F_U16(Lease, allocated),
            F_BUFFER(Lease, mac),
            F_END,
        },
};

static const Record slirp_record = {
    .name = "slirp",
    .version = 4,
    .min_version = 4,
    .size = sizeof(SlirpSaved),
    .fields =
        (const Field[]){
            F_U8(SlirpSaved, sockets),
            F_U16(SlirpSaved, ip_id),
            F_STRUCT_ARRAY(SlirpSaved, leases, lease_record),
            F_END,
        },
};

static ssize_t collect(const void *buf, size_t len, void *opaque)
{
    g_byte_array_append(opaque, buf, (guint)len);
    return (ssize_t)len;
}

static void slirp_save(void *owner, void *state)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    SlirpSaved *saved = state;
    const uint8_t *at;

    memset(saved, 0, sizeof(*saved));
    slirp_state_save(owner, collect, bytes);
    g_return_if_fail(bytes->len == STATE_BYTES && bytes->data[0] == 0);
    saved->ip_id = ld_be16(bytes->data + 1);
    at = bytes->data + 3;
    for (unsigned i = 0; i < LEASES; i++, at += 8) {
        saved->leases[i].allocated = ld_be16(at);
        memcpy(saved->leases[i].mac, at + 2, sizeof(saved->leases[i].mac));
    }
}

static bool slirp_check(void *owner, const void *state, GError **error)
{
    const SlirpSaved *saved = state;

    if (saved->sockets) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_UNSUPPORTED,
                    "connections of guestfwd travel with it (marker %u), which is not supported",
                    saved->sockets);
        return false;
    }
    return true;
}

static ssize_t hand_out(void *buf, size_t len, void *opaque)
{
    const uint8_t **at = opaque;

    memcpy(buf, *at, len);
    *at += len;
    return (ssize_t)len;
}

static void slirp_install(void *owner, const void *state)
{
    const SlirpSaved *saved = state;
    uint8_t bytes[STATE_BYTES] = { 0 }, *to = bytes + 3;
    const uint8_t *from = bytes;

    st_be16(bytes + 1, saved->ip_id);
    for (unsigned i = 0; i < LEASES; i++, to += 8) {
        st_be16(to, saved->leases[i].allocated);
        memcpy(to + 2, saved->leases[i].mac, sizeof(saved->leases[i].mac));
    }
    slirp_state_load(owner, 4, hand_out, &from);
}

static const SectionOps slirp_ops = {
    .save = slirp_save,
    .check = slirp_check,
    .install = slirp_install,
};

Section *slirp_state_register(Vm *vm, Slirp *slirp, GError **error)
{
    static const SectionDesc desc = { .record = &slirp_record, .ops = &slirp_ops };

    if (slirp_state_version() != (int)slirp_record.version) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_UNSUPPORTED,
                    "this libslirp saves its state in version %d, and only version %u is known",
                    slirp_state_version(), slirp_record.version);
        return NULL;
    }
    return section_register(vm, NULL, &desc, SECTION_INSTANCE_AUTO, slirp);
}
