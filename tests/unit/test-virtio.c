/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings and devices driven by a driver in the test: both ring formats, indirect tables, event indices,
 * every malformed chain we know of, a fuzzer with a fixed seed, and virtio-blk over a real file.
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "virtio-driver.h"

#include "backend/block/block.h"
#include "hw/block/virtio-blk.h"
#include "hw/misc/virtio-misc.h"
#include "hw/virtio/virtio-pci.h"

static void no_proxies(TypeRegistry *types, const TypeInfo *infos, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strstr(infos[i].name, "-pci")) {
            type_registry_add(types, &infos[i], 1);
        }
    }
}

static void add_types(TypeRegistry *types)
{
    no_proxies(types, virtio_rng_types, virtio_rng_types_count);
    no_proxies(types, virtio_blk_types, virtio_blk_types_count);
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
    g_test_add_func("/virtio/random-rings-never-hurt", random_rings_never_hurt);
    g_test_add_func("/virtio/disk-requests-do-what-they-say", disk_requests_do_what_they_say);
    g_test_add_func("/virtio/a-disk-survives-random-rings", a_disk_survives_random_rings);
    return g_test_run();
}
