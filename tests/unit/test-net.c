/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The net room: options, flow control between two ends, the user mode stack answering a guest, RARP.
 */
#include <glib.h>
#include <string.h>

#include "backend/net/net.h"
#include "base/util/endian.h"
#include "migration/vmstate/registry.h"

typedef struct {
    Vm *vm;
    Nets *nets;
    NetClient *nic;
    bool open;
    GPtrArray *got; /* GBytes */
} Fixture;

static bool nic_can_receive(NetClient *client)
{
    return ((Fixture *)net_client_opaque(client))->open;
}

static bool nic_receive(NetClient *client, const uint8_t *frame, size_t len)
{
    Fixture *f = net_client_opaque(client);

    g_ptr_array_add(f->got, g_bytes_new(frame, len));
    return true;
}

static const NetClientOps nic_ops = { .can_receive = nic_can_receive, .receive = nic_receive };

static void setup(Fixture *f, gconstpointer data)
{
    TypeRegistry *types = type_registry_new();

    type_registry_seal(types);
    f->vm = vm_new(types);
    vm_lock(f->vm);
    f->nets = nets_new(f->vm);
    f->got = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    f->open = true;
}

static void teardown(Fixture *f, gconstpointer data)
{
    nets_free(f->nets);
    records_teardown(f->vm);
    vm_unlock(f->vm);
    vm_free(f->vm);
    g_ptr_array_unref(f->got);
}

static void attach(Fixture *f, const char *netdev)
{
    uint8_t mac[6] = { 0 };

    g_assert_true(nets_add_text(f->nets, netdev, NULL));
    f->nic = nets_attach_nic(f->nets, "test", NULL, "n0", mac, &nic_ops, f, NULL);
    g_assert_nonnull(f->nic);
    g_assert_cmphex(mac[5], >=, 0x56);
}

static void send_arp(Fixture *f, bool expect_taken)
{
    uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12, 0x34,
                          0x56, 8,    6,    0,    1,    8,    0,    6,    4, 0,    1,
                          0x52, 0x54, 0,    0x12, 0x34, 0x56, 10,   0,    2, 15,   0,
                          0,    0,    0,    0,    0,    10,   0,    2,    2 };

    g_assert_cmpint(net_send(f->nic, frame, sizeof(frame), NULL), ==, expect_taken);
}

static void the_user_stack_answers_arp(Fixture *f, gconstpointer data)
{
    gsize len;
    const uint8_t *reply;

    attach(f, "user,id=n0");
    send_arp(f, true);
    g_assert_cmpuint(f->got->len, ==, 1);
    reply = g_bytes_get_data(f->got->pdata[0], &len);
    g_assert_cmpuint(len, >=, 42);
    g_assert_cmphex(ld_be16(reply + 20), ==, 2);
    g_assert_cmphex(ld_be32(reply + 28), ==, 0x0a000202);
}

static void a_frame_that_cannot_be_received_waits(Fixture *f, gconstpointer data)
{
    attach(f, "user,id=n0,net=10.0.2.0/24");
    f->open = false;
    send_arp(f, true);
    send_arp(f, true);
    g_assert_cmpuint(f->got->len, ==, 0);
    f->open = true;
    net_client_flush(f->nic);
    g_assert_cmpuint(f->got->len, ==, 2);
    g_assert_true(nets_set_link(f->nets, "n0", false, NULL));
    g_assert_false(net_client_link_up(f->nic));
    send_arp(f, true);
    g_assert_cmpuint(f->got->len, ==, 2);
    g_assert_true(nets_set_link(f->nets, net_client_name(f->nic), true, NULL));
    g_assert_false(net_client_link_up(f->nic));
    g_assert_true(nets_remove(f->nets, "n0", NULL));
    send_arp(f, true);
    g_assert_null(net_client_peer(f->nic));
}

/* A DHCPDISCOVER of 52:54:00:12:34:@last; gives the last byte of the address that is offered. */
static unsigned dhcp_offer(Fixture *f, uint8_t last)
{
    uint8_t frame[14 + 20 + 8 + 300] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0,  0x12, 0x34, last, 8, 0, /* Ethernet */
        0x45, 0,    1,    0x48, 0,    0,    0,    0,    64, 17,   0x79, 0xa6, 0, 0,
        0,    0,    255,  255,  255,  255,              /* IP */
        0,    68,   0,    67,   1,    0x34, 0,    0,    /* UDP, no checksum */
        1,    1,    6,    0,    1,    2,    3,    last, /* BOOTREQUEST */
    };
    static const uint8_t options[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 };
    gsize len;
    const uint8_t *offer;

    memcpy(frame + 42 + 28, frame + 6, 6);
    memcpy(frame + 42 + 236, options, sizeof(options));
    g_ptr_array_set_size(f->got, 0);
    g_assert_true(net_send(f->nic, frame, sizeof(frame), NULL));
    g_assert_cmpuint(f->got->len, ==, 1);
    offer = g_bytes_get_data(f->got->pdata[0], &len);
    g_assert_cmpuint(len, >=, 42 + 240);
    return offer[42 + 19];
}

static void reopen(Fixture *f)
{
    net_client_detach(f->nic);
    g_assert_true(nets_remove(f->nets, "n0", NULL));
    attach(f, "user,id=n0");
}

/* Else a second guest NIC would be given the first one's address after a move. */
static void leases_of_the_user_stack_migrate(Fixture *f, gconstpointer data)
{
    g_autofree uint8_t *saved = NULL;
    g_autoptr(GError) error = NULL;
    const SectionDesc *desc;
    Section *s;

    attach(f, "user,id=n0");
    g_assert_cmpuint(dhcp_offer(f, 1), ==, 15);
    s = section_find(f->vm, "slirp", 0);
    g_assert_nonnull(s);
    desc = s->desc;
    saved = g_malloc0(desc->record->size);
    desc->ops->save(s->owner, saved);

    reopen(f);
    g_assert_cmpuint(dhcp_offer(f, 2), ==, 15);
    reopen(f);
    s = section_find(f->vm, "slirp", 0);
    g_assert_true(desc->ops->check(s->owner, saved, NULL));
    desc->ops->install(s->owner, saved);
    g_assert_cmpuint(dhcp_offer(f, 2), ==, 16);
    g_assert_cmpuint(dhcp_offer(f, 1), ==, 15);

    saved[0] = 42; /* libslirp's mark before a connection */
    g_assert_false(desc->ops->check(s->owner, saved, &error));
    g_assert_nonnull(strstr(error->message, "guestfwd"));
}

static void refuse(Fixture *f, const char *text, const char *why)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(nets_add_text(f->nets, text, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, why)) {
        g_error("'%s' lacks '%s'", error->message, why);
    }
}

static void bad_options_are_named(Fixture *f, gconstpointer data)
{
    refuse(f, "user", "'id' is missing");
    refuse(f, "nope,id=a", "'nope'");
    refuse(f, "user,id=a,wibble=1", "'wibble' is unexpected");
    refuse(f, "user,id=a,net=1.2.3/99", "prefix");
    refuse(f, "user,id=a,dns=1.2.3.4", "dns");
    refuse(f, "user,id=a,hostfwd=tcp:1", "invalid host forwarding");
    refuse(f, "user,id=a,hostfwd=tcp::99999-:1", "invalid host forwarding");
    refuse(f, "user,id=a,smb=/", "smb");
    refuse(f, "tap,id=a,script=/x", "script");
    g_assert_null(nets_find(f->nets, "a"));
    g_assert_true(nets_add_text(f->nets,
                                "user,id=a,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp::0-10.0.2.9:5",
                                NULL));
    refuse(f, "user,id=a", "duplicate");
}

static void nic_options_split_into_nic_and_netdev(Fixture *f, gconstpointer data)
{
    g_auto(NicRequest) r = { 0 };

    g_assert_true(nets_add_nic_text(f->nets, "none", &r, NULL));
    g_assert_true(r.none);
    g_assert_true(nets_add_nic_text(f->nets,
                                    "user,model=virtio-net-pci,mac=52:54:00:00:00:01,restrict=on",
                                    &r, NULL));
    g_assert_cmpstr(r.model, ==, "virtio-net-pci");
    g_assert_cmpstr(r.mac, ==, "52:54:00:00:00:01");
    g_assert_nonnull(nets_find(f->nets, r.netdev));
}

static void rarp_is_sent_for_a_silent_nic(Fixture *f, gconstpointer data)
{
    static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
    uint8_t frame[NET_RARP_BYTES];

    net_rarp_frame(mac, frame);
    g_assert_cmphex(ld_be16(frame + 12), ==, 0x8035);
    g_assert_cmphex(frame[31], ==, 0);
    g_assert_cmpmem(frame + 32, 6, mac, 6);
    attach(f, "user,id=n0");
    nets_announce(f->nets, &NET_ANNOUNCE_DEFAULT);
}

#define T(name, fn) g_test_add("/net/" name, Fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    T("the-user-stack-answers-arp", the_user_stack_answers_arp);
    T("a-frame-that-cannot-be-received-waits", a_frame_that_cannot_be_received_waits);
    T("leases-of-the-user-stack-migrate", leases_of_the_user_stack_migrate);
    T("bad-options-are-named", bad_options_are_named);
    T("nic-options-split-into-nic-and-netdev", nic_options_split_into_nic_and_netdev);
    T("rarp-is-sent-for-a-silent-nic", rarp_is_sent_for_a_silent_nic);
    return g_test_run();
}
