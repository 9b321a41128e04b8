/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings and devices driven by a driver in the test: both ring formats, indirect tables, event indices,
 * every malformed chain we know of, a fuzzer with a fixed seed, and virtio-blk over a real file.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "virtio-driver.h"

#include "backend/block/block.h"
#include "backend/chardev/chardev.h"
#include "backend/net/net.h"
#include "hw/block/virtio-blk.h"
#include "hw/char/virtio-serial.h"
#include "hw/misc/virtio-misc.h"
#include "hw/net/virtio-net.h"
#include "hw/virtio/saved.h"
#include "hw/virtio/virtio-pci.h"
#include "migration/vmstate/codec.h"
#include "migration/vmstate/registry.h"

static void no_proxies(TypeRegistry *types, const TypeInfo *infos, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strstr(infos[i].name, "-pci") && !strstr(infos[i].name, "-ccw")) {
            type_registry_add(types, &infos[i], 1);
        }
    }
}

static void add_types(TypeRegistry *types)
{
    no_proxies(types, virtio_rng_types, virtio_rng_types_count);
    no_proxies(types, virtio_blk_types, virtio_blk_types_count);
    no_proxies(types, virtio_net_types, virtio_net_types_count);
    no_proxies(types, virtio_serial_types, virtio_serial_types_count);
    no_proxies(types, virtio_balloon_types, virtio_balloon_types_count);
}

#define PACKED   VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define EVENT    VIRTIO_BIT(VIRTIO_F_EVENT_IDX)

static const char *const packed_props[] = { "packed", "on", NULL };

static void next_packed(Rig *r, unsigned qi, unsigned slots)
{
    r->q[qi].used_seen = (uint16_t)(r->q[qi].used_seen + slots);
    if (r->q[qi].used_seen >= r->q[qi].num) {
        r->q[qi].used_seen = (uint16_t)(r->q[qi].used_seen - r->q[qi].num);
        r->q[qi].used_wrap = !r->q[qi].used_wrap;
    }
}

/* Many laps around the ring with chains of one to three buffers. */
static void laps(uint64_t features)
{
    Rig r;

    rig_init(&r, add_types);
    rig_device(&r, "virtio-rng-device", packed_props);
    rig_start(&r, features, 1, 8);
    for (int i = 0; i < 100; i++) {
        unsigned n = features & INDIRECT ? 3 : 1 + i % 3;
        Buf bufs[3] = { { DATA, 16, true }, { DATA + 100, 5, true }, { DATA + 200, 11, true } };
        uint32_t len, want = n == 1 ? 16 : n == 2 ? 21 : 32;
        uint16_t id, got;

        id = rig_add(&r, 0, bufs, n, features & INDIRECT);
        rig_kick(&r, 0);
        g_assert_true(rig_used(&r, 0, &got, &len));
        g_assert_cmpuint(got, ==, id);
        g_assert_cmpuint(len, ==, want);
        if (r.packed) {
            next_packed(&r, 0, features & INDIRECT ? 1 : n);
        }
        g_assert_false(rig_used(&r, 0, &got, &len));
    }
    g_assert_false(r.dev->broken);
    g_assert_cmpuint(r.dev->queues[0].inuse, ==, 0);
    rig_free(&r);
}

static void split_ring_goes_round(void)
{
    laps(0);
}
static void split_ring_takes_indirect_tables(void)
{
    laps(INDIRECT);
}
static void packed_ring_goes_round(void)
{
    laps(PACKED);
}
static void packed_ring_takes_indirect_tables(void)
{
    laps(PACKED | INDIRECT);
}
static void rings_with_event_index_go_round(void)
{
    laps(EVENT);
    laps(PACKED | EVENT);
}

static void interrupts_are_suppressed_as_asked(void)
{
    Rig r;
    Buf b = { DATA, 16, true };

    rig_init(&r, add_types);
    rig_device(&r, "virtio-rng-device", NULL);
    rig_start(&r, 0, 1, 8);
    rig_add(&r, 0, &b, 1, false);
    rig_kick(&r, 0);
    g_assert_cmpuint(r.interrupts, ==, 1);
    st_le16(r.mem + DRIVER(0), 1); /* VIRTQ_AVAIL_F_NO_INTERRUPT */
    rig_add(&r, 0, &b, 1, false);
    rig_kick(&r, 0);
    g_assert_cmpuint(r.interrupts, ==, 1);
    rig_start(&r, EVENT, 1, 8);
    st_le16(r.mem + DRIVER(0) + 4 + 16, 2); /* used_event: when index 2 is used */
    for (int i = 0; i < 4; i++) {
        rig_add(&r, 0, &b, 1, false);
        rig_kick(&r, 0);
    }
    g_assert_cmpuint(r.interrupts, ==, 2); /* the first ever, and the third */
    rig_free(&r);
}

static void features_and_status_follow_the_rules(void)
{
    Rig r;

    rig_init(&r, add_types);
    rig_device(&r, "virtio-rng-device", NULL);
    virtio_set_status(r.dev, 3);
    g_assert_false(virtio_set_features(r.dev, VIRTIO_BIT(3))); /* not offered */
    virtio_set_status(r.dev, 11);
    g_assert_cmphex(r.dev->status, ==, 3); /* no VERSION_1: no FEATURES_OK */
    virtio_set_features(r.dev, VIRTIO_BIT(VIRTIO_F_VERSION_1));
    virtio_set_status(r.dev, 11);
    g_assert_cmphex(r.dev->status, ==, 11);
    g_assert_false(virtio_set_features(r.dev, 0)); /* too late */
    g_assert_true(virtio_has(r.dev, VIRTIO_F_VERSION_1));
    virtio_queue_set_num(r.dev, 0, 9999);
    g_assert_cmpuint(r.dev->queues[0].num, ==, 8);
    virtio_queue_notify(r.dev, 0);     /* not set up */
    virtio_queue_notify(r.dev, 99999); /* not there */
    g_assert_false(r.dev->broken);
    virtio_set_status(r.dev, 0);
    g_assert_cmphex(r.dev->guest_features, ==, 0);
    rig_free(&r);
}

/* ---- malformed ---- */

static void expect_broken(Rig *r, const char *what)
{
    rig_kick(r, 0);
    if (!r->dev->broken || !(r->dev->status & VIRTIO_STATUS_NEEDS_RESET)) {
        g_error("%s was taken", what);
    }
    g_assert_cmpuint(r->config_interrupts, ==, 1);
    rig_kick(r, 0); /* nothing more happens */
    rig_start(r, INDIRECT, 1, 8);
    g_assert_false(r->dev->broken);
}

static void poke_desc(Rig *r, uint64_t at, uint64_t addr, uint32_t len, uint16_t flags,
                      uint16_t next)
{
    st_le64(r->mem + at, addr);
    st_le32(r->mem + at + 8, len);
    st_le16(r->mem + at + 12, flags);
    st_le16(r->mem + at + 14, next);
}

static void poke_head(Rig *r, uint16_t head)
{
    st_le16(r->mem + DRIVER(0) + 4, head);
    st_le16(r->mem + DRIVER(0) + 2, 1);
}

static void malformed_chains_break_the_device_only(void)
{
    Rig r;
    uint64_t ind = RING(0) + 0xc000;

    rig_init(&r, add_types);
    rig_device(&r, "virtio-rng-device", NULL);
    rig_start(&r, INDIRECT, 1, 8);
    st_le16(r.mem + DRIVER(0) + 2, 9);
    expect_broken(&r, "an index that runs ahead of the ring");
    poke_head(&r, 8);
    expect_broken(&r, "a head outside the ring");
    poke_desc(&r, RING(0), DATA, 16, 2 | 1, 8);
    poke_head(&r, 0);
    expect_broken(&r, "a next outside the ring");
    poke_desc(&r, RING(0), DATA, 16, 2 | 1, 0);
    poke_head(&r, 0);
    expect_broken(&r, "a loop");
    poke_desc(&r, RING(0), DATA, 0, 2, 0);
    poke_head(&r, 0);
    expect_broken(&r, "an empty buffer");
    poke_desc(&r, RING(0), 0xf000000000ull, 16, 2, 0);
    poke_head(&r, 0);
    expect_broken(&r, "a buffer in no memory");
    poke_desc(&r, RING(0), RAM_BYTES - 8, 16, 2, 0);
    poke_head(&r, 0);
    expect_broken(&r, "a buffer across the end of memory");
    poke_desc(&r, RING(0), DATA, 16, 2 | 1, 1);
    poke_desc(&r, RING(0) + 16, DATA, 16, 0, 0);
    poke_head(&r, 0);
    expect_broken(&r, "a readable buffer after a writable one");
    poke_desc(&r, RING(0), ind, 17, 4, 0);
    poke_head(&r, 0);
    expect_broken(&r, "an indirect table of 17 bytes");
    poke_desc(&r, RING(0), ind, 0, 4, 0);
    poke_head(&r, 0);
    expect_broken(&r, "an empty indirect table");
    poke_desc(&r, RING(0), ind, 0xfffffff0, 4, 0);
    poke_head(&r, 0);
    expect_broken(&r, "an indirect table of 4 GiB");
    poke_desc(&r, RING(0), ind, 32, 4, 0);
    poke_desc(&r, ind, ind, 16, 4, 0);
    poke_head(&r, 0);
    expect_broken(&r, "nested indirection");
    poke_desc(&r, RING(0), ind, 32, 4, 0);
    poke_desc(&r, ind, DATA, 16, 1 | 2, 2);
    poke_head(&r, 0);
    expect_broken(&r, "a next outside the indirect table");
    poke_desc(&r, RING(0), ind, 32, 4, 0);
    poke_desc(&r, ind, DATA, 16, 1 | 2, 0);
    poke_head(&r, 0);
    expect_broken(&r, "a loop in the indirect table");
    poke_desc(&r, RING(0), ind, 32, 4 | 1, 1);
    poke_head(&r, 0);
    expect_broken(&r, "an indirect descriptor with a next");
    poke_desc(&r, RING(0), 0xf000000000ull, 32, 4, 0);
    poke_head(&r, 0);
    expect_broken(&r, "an indirect table in no memory");
    rig_free(&r);
}

/* Random bytes in the ring's three parts; the property is that nothing but `broken` happens. */
static void fuzz(uint64_t features, uint32_t seed, const char *type, const char *const *props,
                 void (*before)(Rig *r))
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    Rig r;

    rig_init(&r, add_types);
    if (before) {
        before(&r);
    }
    rig_device(&r, type, props);
    for (int round = 0; round < 3000; round++) {
        rig_start(&r, features, 1, 8);
        for (unsigned i = 0; i < 16; i++) {
            uint64_t at = i < 8 ? RING(0) + 16 * i : RING(0) + 0xc000 + 16 * (i - 8);

            poke_desc(&r, at,
                      g_rand_int_range(rand, 0, 6) ? DATA + g_rand_int_range(rand, 0, 1 << 16)
                      : g_rand_boolean(rand)       ? RING(0) + 0xc000
                                                   : (uint64_t)g_rand_int(rand) << 8,
                      g_rand_int_range(rand, 0, 4) ? g_rand_int_range(rand, 0, 70) * 8u
                                                   : g_rand_int(rand),
                      (uint16_t)(g_rand_int_range(rand, 0, 3) ? g_rand_int_range(rand, 0, 8) | 0x80u
                                                              : g_rand_int(rand)),
                      (uint16_t)g_rand_int_range(rand, 0, 10));
            if (features & PACKED) { /* flags and id change places */
                uint16_t f = ld_le16(r.mem + at + 12), n = ld_le16(r.mem + at + 14);

                st_le16(r.mem + at + 12, n);
                st_le16(r.mem + at + 14, f);
            }
            st_le16(r.mem + DRIVER(0) + 4 + 2 * (i % 8), (uint16_t)g_rand_int_range(rand, 0, 9));
        }
        /* requests that virtio-blk could understand, now and then */
        for (unsigned i = 0; i < 64; i++) {
            st_le32(r.mem + DATA + 1024 * i, g_rand_int_range(rand, 0, 15));
            st_le64(r.mem + DATA + 1024 * i + 8, g_rand_int_range(rand, 0, 3000));
        }
        st_le16(r.mem + DRIVER(0) + (features & PACKED ? 0 : 2),
                (uint16_t)g_rand_int_range(rand, 0, 10));
        rig_kick(&r, 0);
    }
    rig_free(&r);
}

/* What a driver may write into a queue's registers, and no ring can be. */
static void rings_that_cannot_be_break_the_device_only(void)
{
    Rig r;

    rig_init(&r, add_types);
    rig_device(&r, "virtio-rng-device", packed_props);
    virtio_set_status(r.dev, 0);
    virtio_queue_set_num(r.dev, 0, 3);
    virtio_queue_set_legacy_pfn(r.dev, 0, RING(0) >> 12);
    g_assert_true(r.dev->broken);
    g_assert_false(r.dev->queues[0].enabled);
    rig_start(&r, PACKED, 1, 8);
    r.dev->queues[0].enabled = false; /* as registers in memory can */
    r.dev->queues[0].last_avail_idx = 7;
    virtio_queue_set_num(r.dev, 0, 4);
    virtio_queue_enable(r.dev, 0);
    g_assert_true(r.dev->broken);
    virtio_set_status(r.dev, 0);
    r.dev->queues[0].desc = RING(0);
    virtio_set_features(r.dev, EVENT);
    g_assert_false(r.dev->broken);
    virtio_set_features(r.dev, PACKED);
    g_assert_true(r.dev->broken);
    rig_start(&r, PACKED, 1, 3);
    g_assert_false(r.dev->broken);
    rig_free(&r);
}

static void random_rings_never_hurt(void)
{
    fuzz(INDIRECT, 1, "virtio-rng-device", NULL, NULL);
    fuzz(INDIRECT | EVENT | PACKED, 2, "virtio-rng-device", packed_props, NULL);
}

/* ---- virtio-blk ---- */

static char *image;

static void make_disk(Rig *r)
{
    g_autofree char *text = NULL;
    int fd = g_file_open_tmp("ferry-vblk-XXXXXX", &image, NULL);

    g_assert_cmpint(ftruncate(fd, 1 << 20), ==, 0);
    close(fd);
    r->vm->blocks = blocks_new(r->vm, NULL);
    text = g_strdup_printf("file=%s,if=none,format=raw,id=d,discard=unmap", image);
    g_assert_nonnull(blocks_add_drive(r->vm->blocks, text, BLOCK_IF_NONE, NULL));
}

static void free_disk(Rig *r)
{
    Vm *vm = r->vm;

    device_unrealize(&r->dev->dev);
    r->dev = NULL;
    blocks_free(vm->blocks);
    vm->blocks = NULL;
    rig_free(r);
    g_unlink(image);
    g_clear_pointer(&image, g_free);
}

static const char *const blk_props[] = { "drive", "d", "serial", "ABC123", NULL };

/* One request; returns the status byte, and the used length in *used. */
static uint8_t blk_do(Rig *r, uint32_t type, uint64_t sector, uint32_t bytes, uint32_t *used)
{
    bool in = type == 0 || type == 8;
    Buf bufs[3] = { { DATA, 16, false }, { DATA + 0x1000, bytes, in }, { DATA + 0x800, 1, true } };
    uint16_t id;

    if (!bytes) {
        bufs[1] = bufs[2];
    }
    st_le32(r->mem + DATA, type);
    st_le64(r->mem + DATA + 8, sector);
    r->mem[DATA + 0x800] = 0xee;
    rig_add(r, 0, bufs, bytes ? 3 : 2, false);
    rig_kick(r, 0);
    blocks_drain_all(r->vm->blocks);
    g_assert_true(rig_used(r, 0, &id, used));
    return r->mem[DATA + 0x800];
}

static void disk_requests_do_what_they_say(void)
{
    Rig r;
    uint32_t used;
    uint8_t *data;

    rig_init(&r, add_types);
    make_disk(&r);
    rig_device(&r, "virtio-blk-device", blk_props);
    rig_start(&r, VIRTIO_BIT(9) | VIRTIO_BIT(11) | VIRTIO_BIT(13) | VIRTIO_BIT(14), 1, 0);
    data = r.mem + DATA + 0x1000;
    g_assert_cmpuint(virtio_config_read(r.dev, 0, 4), ==, 2048);
    memset(data, 0x5a, 4096);
    g_assert_cmpuint(blk_do(&r, 1, 8, 4096, &used), ==, 0);
    g_assert_cmpuint(used, ==, 1);
    memset(data, 0, 4096);
    g_assert_cmpuint(blk_do(&r, 0, 8, 4096, &used), ==, 0);
    g_assert_cmpuint(used, ==, 4097);
    g_assert_cmpuint(data[4095], ==, 0x5a);
    g_assert_cmpuint(blk_do(&r, 4, 0, 0, &used), ==, 0);
    g_assert_cmpuint(blk_do(&r, 8, 0, 20, &used), ==, 0);
    g_assert_cmpstr((char *)data, ==, "ABC123");
    g_assert_cmpuint(blk_do(&r, 0, 2047, 1024, &used), ==, 1); /* past the end */
    g_assert_cmpuint(blk_do(&r, 0, UINT64_MAX, 512, &used), ==, 1);
    g_assert_cmpuint(blk_do(&r, 0, UINT64_MAX / 512 + 1, 512, &used), ==, 1);
    g_assert_cmpuint(blk_do(&r, 0, 0, 511, &used), ==, 1);
    g_assert_cmpuint(blk_do(&r, 77, 0, 512, &used), ==, 2);
    st_le64(data, 8);
    st_le32(data + 8, 4);
    st_le32(data + 12, 0);
    g_assert_cmpuint(blk_do(&r, 13, 0, 16, &used), ==, 0);
    memset(data, 1, 4096);
    g_assert_cmpuint(blk_do(&r, 0, 8, 4096, &used), ==, 0);
    g_assert_cmpuint(data[0], ==, 0);
    g_assert_cmpuint(data[2048], ==, 0x5a);
    st_le64(data, 8);
    st_le32(data + 8, 8);
    st_le32(data + 12, 1);
    g_assert_cmpuint(blk_do(&r, 11, 0, 16, &used), ==, 2); /* discard knows no flag */
    st_le32(data + 12, 0);
    g_assert_cmpuint(blk_do(&r, 11, 0, 16, &used), ==, 0);
    st_le64(data, 2040);
    st_le32(data + 8, 9);
    g_assert_cmpuint(blk_do(&r, 11, 0, 16, &used), ==, 1);
    virtio_config_write(r.dev, 32, 0, 1);
    g_assert_false(block_drive_write_cache(blocks_find_drive(r.vm->blocks, "d")));
    g_assert_true(blocks_resize(r.vm->blocks, "d", 2 << 20, NULL));
    g_assert_cmpuint(r.config_interrupts, ==, 1);
    g_assert_cmpuint(virtio_config_read(r.dev, 0, 4), ==, 4096);
    g_assert_false(r.dev->broken);
    rig_add(&r, 0, &(Buf){ DATA, 16, false }, 1, false);
    rig_kick(&r, 0);
    g_assert_true(r.dev->broken); /* no place for the status */
    free_disk(&r);
}

static void a_disk_survives_random_rings(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    Rig r;

    rig_init(&r, add_types);
    make_disk(&r);
    rig_device(&r, "virtio-blk-device", blk_props);
    for (int round = 0; round < 500; round++) {
        rig_start(&r, INDIRECT, 1, 8);
        for (unsigned i = 0; i < 8; i++) {
            poke_desc(&r, RING(0) + 16 * i, DATA + 512 * g_rand_int_range(rand, 0, 64),
                      g_rand_boolean(rand) ? 512u : (uint32_t)g_rand_int_range(rand, 0, 3000),
                      (uint16_t)g_rand_int_range(rand, 0, 4),
                      (uint16_t)g_rand_int_range(rand, 0, 8));
            st_le16(r.mem + DRIVER(0) + 4 + 2 * i, (uint16_t)i);
        }
        for (unsigned i = 0; i < 64; i++) {
            st_le32(r.mem + DATA + 512 * i, g_rand_int_range(rand, 0, 15));
            st_le64(r.mem + DATA + 512 * i + 8, g_rand_int_range(rand, 0, 3000));
        }
        st_le16(r.mem + DRIVER(0) + 2, 8);
        rig_kick(&r, 0);
        if (round & 1) {
            blocks_drain_all(r.vm->blocks);
        }
    }
    free_disk(&r);
}

/* ---- virtio-net ---- */

static const char *const net_props[] = { "netdev", "n0", "mac", "52:54:00:12:34:56", NULL };

static void net_rig(Rig *r, uint64_t features)
{
    rig_init(r, add_types);
    r->vm->nets = nets_new(r->vm);
    g_assert_true(nets_add_text(r->vm->nets, "user,id=n0", NULL));
    rig_device(r, "virtio-net-device", net_props);
    rig_start(r, features, 3, 0);
}

static void net_rig_free(Rig *r)
{
    device_unrealize(&r->dev->dev);
    r->dev = NULL;
    nets_free(r->vm->nets);
    rig_free(r);
}

static void send_arp(Rig *r)
{
    static const uint8_t arp[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12, 0x34,
                                     0x56, 8,    6,    0,    1,    8,    0,    6,    4, 0,    1,
                                     0x52, 0x54, 0,    0x12, 0x34, 0x56, 10,   0,    2, 15,   0,
                                     0,    0,    0,    0,    0,    10,   0,    2,    2 };
    Buf tx[2] = { { DATA, 12, false }, { DATA + 64, 60, false } };
    uint16_t id;
    uint32_t len;

    memset(r->mem + DATA, 0, 64);
    memcpy(r->mem + DATA + 64, arp, sizeof(arp));
    rig_add(r, 1, tx, 2, false);
    rig_kick(r, 1);
    g_assert_true(rig_used(r, 1, &id, &len));
}

static void frames_go_out_and_answers_come_back(void)
{
    Rig r;
    uint16_t id;
    uint32_t len;
    Buf small = { DATA + 0x2000, 40, true }, rest = { DATA + 0x3000, 1526, true };

    net_rig(&r, VIRTIO_BIT(15) | VIRTIO_BIT(16) | VIRTIO_BIT(17));
    g_assert_cmphex(virtio_config_read(r.dev, 5, 1), ==, 0x56);
    g_assert_cmphex(virtio_config_read(r.dev, 6, 2), ==, 1);
    send_arp(&r); /* the answer finds no buffer and waits */
    g_assert_false(rig_used(&r, 0, &id, &len));
    rig_add(&r, 0, &small, 1, false);
    rig_kick(&r, 0); /* too little: still waits, the buffer is not lost */
    g_assert_false(rig_used(&r, 0, &id, &len));
    rig_add(&r, 0, &rest, 1, false);
    rig_kick(&r, 0);
    g_assert_true(rig_used(&r, 0, &id, &len)); /* merged over two buffers */
    g_assert_cmpuint(len, ==, 40);
    g_assert_cmpuint(ld_le16(r.mem + DATA + 0x2000 + 10), ==, 2);
    g_assert_true(rig_used(&r, 0, &id, &len));
    g_assert_cmpuint(len, >=, 60 - 28);
    g_assert_cmphex(ld_be16(r.mem + DATA + 0x2000 + 12 + 20), ==, 2); /* an ARP reply */
    g_assert_true(nets_set_link(r.vm->nets, "n0", false, NULL));
    g_assert_cmphex(virtio_config_read(r.dev, 6, 2), ==, 0);
    g_assert_cmpuint(r.config_interrupts, ==, 1);
    rig_add(&r, 1, &(Buf){ DATA, 5, false }, 1, false);
    rig_kick(&r, 1);
    g_assert_true(r.dev->broken); /* shorter than its header */
    net_rig_free(&r);
}

static uint8_t ctrl(Rig *r, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
    Buf bufs[3] = { { DATA, 2, false }, { DATA + 64, len, false }, { DATA + 0x1000, 1, true } };
    uint16_t id;
    uint32_t used;

    r->mem[DATA] = class;
    r->mem[DATA + 1] = cmd;
    memcpy(r->mem + DATA + 64, data, len);
    rig_add(r, 2, bufs, 3, false);
    rig_kick(r, 2);
    g_assert_true(rig_used(r, 2, &id, &used));
    return r->mem[DATA + 0x1000];
}

static void control_commands_are_checked(void)
{
    static const uint8_t table[] = { 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0 };
    static const uint8_t lying[] = { 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0 };
    static const uint8_t mac[] = { 2, 0, 0, 0, 0, 1 }, on = 1, vlan[] = { 0xff, 0x0f };
    static const uint8_t bad_vlan[] = { 0x00, 0x10 };
    Rig r;

    net_rig(&r, VIRTIO_BIT(17) | VIRTIO_BIT(18) | VIRTIO_BIT(19) | VIRTIO_BIT(20) | VIRTIO_BIT(23));
    g_assert_cmpuint(ctrl(&r, 0, 0, &on, 1), ==, 0);
    g_assert_cmpuint(ctrl(&r, 0, 99, &on, 1), ==, 1);
    g_assert_cmpuint(ctrl(&r, 1, 0, table, sizeof(table)), ==, 0);
    g_assert_cmpuint(ctrl(&r, 1, 0, lying, sizeof(lying)), ==, 1);
    g_assert_cmpuint(ctrl(&r, 1, 1, mac, 6), ==, 0);
    g_assert_cmphex(virtio_config_read(r.dev, 5, 1), ==, 1);
    g_assert_cmpuint(ctrl(&r, 1, 1, mac, 5), ==, 1);
    g_assert_cmpuint(ctrl(&r, 2, 1, vlan, 2), ==, 0);
    g_assert_cmpuint(ctrl(&r, 2, 0, bad_vlan, 2), ==, 1);
    g_assert_cmpuint(ctrl(&r, 77, 0, &on, 1), ==, 1);
    g_assert_false(r.dev->broken);
    net_rig_free(&r);
}

/* ---- virtio-serial ---- */

static void a_port_carries_bytes_both_ways(void)
{
    Rig r;
    g_autoptr(ChardevConfig) config = chardev_config_new("c0", CHARDEV_KIND_RINGBUF);
    g_autoptr(GError) error = NULL;
    Chardev *chardev;
    uint8_t got[16] = { 0 };
    uint16_t id;
    uint32_t len;
    Device *port;

    rig_init(&r, add_types);
    r.vm->chardevs = chardevs_new(NULL);
    chardev = chardevs_add(r.vm->chardevs, config, &error);
    g_assert_no_error(error);
    rig_device(&r, "virtio-serial-device", NULL);
    port = device_new(r.vm, "virtserialport", &error);
    g_assert_true(object_set_str(&port->obj, "chardev", "c0", &error));
    g_assert_true(object_set_str(&port->obj, "name", "org.x", &error));
    g_assert_true(device_realize(port, g_ptr_array_index(r.dev->dev.buses, 0), NULL, &error));
    object_unref(&port->obj);
    g_assert_cmpuint(virtio_config_read(r.dev, 4, 4), ==, 31);
    rig_start(&r, VIRTIO_BIT(1), 6, 32);
    for (int i = 0; i < 4; i++) {
        rig_add(&r, 2, &(Buf){ DATA + 0x100 * (unsigned)i, 64, true }, 1, false);
    }
    rig_kick(&r, 2);
    memcpy(r.mem + DATA + 0x8000, "\0\0\0\0\0\0\1\0", 8); /* DEVICE_READY */
    rig_add(&r, 3, &(Buf){ DATA + 0x8000, 8, false }, 1, false);
    rig_kick(&r, 3);
    g_assert_true(rig_used(&r, 2, &id, &len));
    g_assert_cmpmem(r.mem + DATA, 8, "\1\0\0\0\1\0\1\0", 8); /* DEVICE_ADD 1 */
    memcpy(r.mem + DATA + 0x8000, "\1\0\0\0\3\0\1\0", 8);    /* PORT_READY */
    rig_add(&r, 3, &(Buf){ DATA + 0x8000, 8, false }, 1, false);
    rig_kick(&r, 3);
    g_assert_true(rig_used(&r, 2, &id, &len));
    g_assert_cmpuint(len, ==, 13);
    g_assert_cmpmem(r.mem + DATA + 0x100 + 8, 5, "org.x", 5);
    memcpy(r.mem + DATA + 0x8000, "\1\0\0\0\6\0\1\0", 8); /* PORT_OPEN */
    rig_add(&r, 3, &(Buf){ DATA + 0x8000, 8, false }, 1, false);
    rig_kick(&r, 3);
    memcpy(r.mem + DATA + 0x9000, "hello", 5);
    rig_add(&r, 5, &(Buf){ DATA + 0x9000, 5, false }, 1, false);
    rig_kick(&r, 5);
    g_assert_true(rig_used(&r, 5, &id, &len));
    g_assert_cmpuint(chardev_ringbuf_read(chardev, got, sizeof(got), &error), ==, 5);
    g_assert_cmpmem(got, 5, "hello", 5);
    memcpy(r.mem + DATA + 0x8000, "\xff\xff\xff\xff\6\0\1\0", 8); /* no such port */
    rig_add(&r, 3, &(Buf){ DATA + 0x8000, 8, false }, 1, false);
    rig_kick(&r, 3);
    g_assert_false(r.dev->broken);
    device_unrealize(&r.dev->dev);
    r.dev = NULL;
    chardevs_free(r.vm->chardevs);
    rig_free(&r);
}

static void the_balloon_gives_memory_back(void)
{
    Rig r;
    uint16_t id;
    uint32_t len;

    rig_init(&r, add_types);
    rig_device(&r, "virtio-balloon-device", NULL);
    rig_start(&r, VIRTIO_BIT(1), 3, 8);
    memset(r.mem + 0x200000, 0x77, 0x1000);
    st_le32(r.mem + DATA, 0x200);
    st_le32(r.mem + DATA + 4, 0xffffffff); /* no such page */
    rig_add(&r, 0, &(Buf){ DATA, 8, false }, 1, false);
    rig_kick(&r, 0);
    g_assert_true(rig_used(&r, 0, &id, &len));
    g_assert_cmpuint(r.mem[0x200000], ==, 0);
    st_le16(r.mem + DATA, 4);
    st_le64(r.mem + DATA + 2, 12345);
    rig_add(&r, 2, &(Buf){ DATA, 10, false }, 1, false);
    rig_kick(&r, 2);
    g_assert_false(rig_used(&r, 2, &id, &len)); /* kept until we want new numbers */
    g_autoptr(GVariant) all = object_get(&r.dev->dev.obj, "guest-stats", NULL);
    g_autoptr(GVariant) stats = g_variant_lookup_value(all, "stats", NULL);
    guint64 free_bytes = 0;
    g_assert_true(g_variant_lookup(stats, "stat-free-memory", "t", &free_bytes));
    g_assert_cmpuint(free_bytes, ==, 12345);
    virtio_config_write(r.dev, 4, 1, 4);
    g_assert_cmpuint(virtio_config_read(r.dev, 4, 4), ==, 1);
    rig_free(&r);
}

/* ---- migrated state ---- */

/* Save, encode, decode, check, install into the reset device, save again: the same bytes. */
static void move(Rig *r, const char *section, StreamFormat format, bool expect_good)
{
    Section *s = section_find(r->vm, section, 0);
    g_autofree VirtioSaved *out = g_new0(VirtioSaved, 1), *in = g_new0(VirtioSaved, 1),
                           *again = g_new0(VirtioSaved, 1);
    g_auto(ByteWriter) w, w2;
    g_autofree char *why = record_check(s->desc->record);
    g_autoptr(GError) error = NULL;
    ByteReader reader;
    size_t len;

    g_assert_cmpstr(why, ==, NULL);
    s->desc->ops->save(r->dev, out);
    byte_writer_init(&w);
    byte_writer_init(&w2);
    record_encode(s->desc->record, out, format, &w);
    len = w.len;
    byte_writer_u8(&w, STREAM_FOOTER);
    byte_writer_be32(&w, 0);
    byte_reader_init(&reader, w.data, w.len);
    record_decode(s->desc->record, s->desc->record->version, format, &reader, in, out, NULL,
                  &error);
    g_assert_no_error(error);
    g_assert_cmpuint(byte_reader_left(&reader), ==, 5);
    g_assert_cmpint(s->desc->ops->check(r->dev, in, &error), ==, expect_good);
    if (expect_good) {
        virtio_reset(r->dev);
        s->desc->ops->install(r->dev, in);
        s->desc->ops->installed(r->dev);
        s->desc->ops->save(r->dev, again);
        record_encode(s->desc->record, again, format, &w2);
        g_assert_cmpmem(w.data, len, w2.data, w2.len);
    }
    record_clear(s->desc->record, out);
    record_clear(s->desc->record, in);
    record_clear(s->desc->record, again);
}

static void a_moved_device_goes_on_where_it_was(void)
{
    static const uint64_t features[] = { 0, EVENT, PACKED | EVENT };
    Buf b = { DATA, 16, true };
    uint16_t id;
    uint32_t len;

    for (size_t i = 0; i < 2 * G_N_ELEMENTS(features); i++) {
        Rig r;

        rig_init(&r, add_types);
        rig_device(&r, "virtio-rng-device", packed_props);
        rig_start(&r, features[i / 2], 1, 8);
        for (int n = 0; n < 11; n++) {
            rig_add(&r, 0, &b, 1, false);
            rig_kick(&r, 0);
            g_assert_true(rig_used(&r, 0, &id, &len));
            if (r.packed) {
                next_packed(&r, 0, 1);
            }
        }
        move(&r, "virtio-rng", i % 2 ? STREAM_V4 : STREAM_V3, true);
        rig_add(&r, 0, &b, 1, false);
        rig_kick(&r, 0);
        g_assert_true(rig_used(&r, 0, &id, &len));
        g_assert_cmpuint(len, ==, 16);
        rig_free(&r);
    }
}

static void network_state_moves_and_bad_state_is_refused(void)
{
    static const uint8_t table[] = { 1, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0 };
    Rig r;

    net_rig(&r, VIRTIO_BIT(2) | VIRTIO_BIT(15) | VIRTIO_BIT(17) | VIRTIO_BIT(18));
    g_assert_cmpuint(ctrl(&r, 1, 0, table, sizeof(table)), ==, 0);
    move(&r, "virtio-net", STREAM_V3, true);
    move(&r, "virtio-net", STREAM_V4, true);
    r.dev->guest_features |= VIRTIO_BIT(50); /* not offered here */
    move(&r, "virtio-net", STREAM_V3, false);
    r.dev->guest_features &= ~VIRTIO_BIT(50);
    r.dev->queues[0].num = 77;
    move(&r, "virtio-net", STREAM_V3, false);
    r.dev->queues[0].num = 256;
    net_rig_free(&r);
}

static void the_balloon_keeps_its_buffer_across_a_move(void)
{
    Rig r;
    uint16_t id;
    uint32_t len;

    rig_init(&r, add_types);
    rig_device(&r, "virtio-balloon-device", NULL);
    rig_start(&r, VIRTIO_BIT(1), 3, 8);
    rig_add(&r, 2, &(Buf){ DATA, 10, false }, 1, false);
    rig_kick(&r, 2);
    virtio_config_write(r.dev, 4, 7, 4);
    move(&r, "virtio-balloon", STREAM_V3, true);
    g_assert_cmpuint(virtio_config_read(r.dev, 4, 4), ==, 7);
    g_assert_false(rig_used(&r, 2, &id, &len));
    g_assert_cmpuint(r.dev->queues[2].inuse, ==, 1);
    rig_free(&r);
}

static void a_disk_moves(void)
{
    Rig r;
    uint32_t used;

    rig_init(&r, add_types);
    make_disk(&r);
    rig_device(&r, "virtio-blk-device", blk_props);
    rig_start(&r, VIRTIO_BIT(9) | VIRTIO_BIT(11), 1, 0);
    g_assert_cmpuint(blk_do(&r, 1, 8, 4096, &used), ==, 0);
    move(&r, "virtio-blk", STREAM_V3, true);
    move(&r, "virtio-blk", STREAM_V4, true);
    g_assert_cmpuint(blk_do(&r, 0, 8, 4096, &used), ==, 0);
    free_disk(&r);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio/split-ring-goes-round", split_ring_goes_round);
    g_test_add_func("/virtio/split-ring-takes-indirect-tables", split_ring_takes_indirect_tables);
    g_test_add_func("/virtio/packed-ring-goes-round", packed_ring_goes_round);
    g_test_add_func("/virtio/packed-ring-takes-indirect-tables", packed_ring_takes_indirect_tables);
    g_test_add_func("/virtio/rings-with-event-index-go-round", rings_with_event_index_go_round);
    g_test_add_func("/virtio/interrupts-are-suppressed-as-asked",
                    interrupts_are_suppressed_as_asked);
    g_test_add_func("/virtio/features-and-status-follow-the-rules",
                    features_and_status_follow_the_rules);
    g_test_add_func("/virtio/malformed-chains-break-the-device-only",
                    malformed_chains_break_the_device_only);
    g_test_add_func("/virtio/rings-that-cannot-be-break-the-device-only",
                    rings_that_cannot_be_break_the_device_only);
    g_test_add_func("/virtio/random-rings-never-hurt", random_rings_never_hurt);
    g_test_add_func("/virtio/disk-requests-do-what-they-say", disk_requests_do_what_they_say);
    g_test_add_func("/virtio/a-disk-survives-random-rings", a_disk_survives_random_rings);
    g_test_add_func("/virtio/frames-go-out-and-answers-come-back",
                    frames_go_out_and_answers_come_back);
    g_test_add_func("/virtio/control-commands-are-checked", control_commands_are_checked);
    g_test_add_func("/virtio/a-port-carries-bytes-both-ways", a_port_carries_bytes_both_ways);
    g_test_add_func("/virtio/the-balloon-gives-memory-back", the_balloon_gives_memory_back);
    g_test_add_func("/virtio/a-moved-device-goes-on-where-it-was",
                    a_moved_device_goes_on_where_it_was);
    g_test_add_func("/virtio/network-state-moves-and-bad-state-is-refused",
                    network_state_moves_and_bad_state_is_refused);
    g_test_add_func("/virtio/the-balloon-keeps-its-buffer-across-a-move",
                    the_balloon_keeps_its_buffer_across_a_move);
    g_test_add_func("/virtio/a-disk-moves", a_disk_moves);
    return g_test_run();
}
