/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SCSI disk and CD-ROM drive behind a virtio SCSI host, driven by a driver in the test: commands,
 * sense data, errors that stop the machine, task management, events, moves, and random commands.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/block/block.h"
#include "hw/scsi/scsi.h"
#include "hw/virtio/saved.h"
#include "migration/vmstate/codec.h"
#include "migration/vmstate/registry.h"
#include "virtio-driver.h"

#define HEADER   DATA
#define RESPONSE (DATA + 0x100)
#define PAYLOAD  (DATA + 0x1000)
#define DISK     (1u << 20)
#define REQUESTS 2 /* the request queue */

enum {
    OK = 0,
    OVERRUN = 1,
    ABORTED = 2,
    BAD_TARGET = 3,
    SUCCEEDED = 10,
    REJECTED = 11,
    WRONG_LUN = 12,
};

typedef struct {
    Rig r;
    char *disk, *cd;
    Device *hd;
    uint32_t used;
    uint16_t id;
} Fixture;

static void add_types(TypeRegistry *types)
{
    type_registry_add(types, scsi_bus_types, scsi_bus_types_count);
    type_registry_add(types, scsi_types, scsi_types_count);
    for (size_t i = 0; i < virtio_scsi_types_count; i++) {
        if (g_str_has_suffix(virtio_scsi_types[i].name, "-device")) {
            type_registry_add(types, &virtio_scsi_types[i], 1);
        }
    }
}

static char *make_image(Fixture *f, const char *id, const char *more)
{
    char *path = NULL;
    g_autofree char *text = NULL;
    int fd = g_file_open_tmp("ferry-scsi-XXXXXX", &path, NULL);

    g_assert_cmpint(ftruncate(fd, DISK), ==, 0);
    close(fd);
    text = g_strdup_printf("file=%s,if=none,format=raw,id=%s%s", path, id, more);
    g_assert_nonnull(blocks_add_drive(f->r.vm->blocks, text, BLOCK_IF_NONE, NULL));
    return path;
}

static Device *add_unit(Fixture *f, const char *type, const char *drive, const char *id, bool hot)
{
    g_autoptr(GError) error = NULL;
    Device *d = device_new(f->r.vm, type, &error);

    g_assert_no_error(error);
    if (drive) {
        g_assert_true(object_set_str(&d->obj, "drive", drive, &error));
    }
    g_assert_true(object_set_str(&d->obj, "scsi-id", id, &error));
    d->hotplugged = hot;
    device_realize(d, g_ptr_array_index(f->r.dev->dev.buses, 0), NULL, &error);
    g_assert_no_error(error);
    object_unref(&d->obj);
    return d;
}

static void setup(Fixture *f, const char *const *props)
{
    memset(f, 0, sizeof(*f));
    rig_init(&f->r, add_types);
    f->r.vm->blocks = blocks_new(f->r.vm, NULL);
    f->disk = make_image(f, "d", ",discard=unmap,werror=stop");
    f->cd = make_image(f, "c", ",media=cdrom,readonly=on");
    rig_device(&f->r, "virtio-scsi-device", props);
    f->hd = add_unit(f, "scsi-hd", "d", "0", false);
    add_unit(f, "scsi-cd", "c", "1", false);
    rig_start(&f->r, VIRTIO_BIT(1) | VIRTIO_BIT(2), 3, 64);
}

static void teardown(Fixture *f)
{
    Vm *vm = f->r.vm;
    Bus *bus = g_ptr_array_index(f->r.dev->dev.buses, 0);

    while (bus->devices->len) {
        device_unrealize(g_ptr_array_index(bus->devices, 0));
    }
    device_unrealize(&f->r.dev->dev);
    f->r.dev = NULL;
    blocks_free(vm->blocks);
    vm->blocks = NULL;
    rig_free(&f->r);
    g_unlink(f->disk);
    g_unlink(f->cd);
    g_free(f->disk);
    g_free(f->cd);
}

/* ---- one command ---- */

static void queue_command(Fixture *f, unsigned target, unsigned lun, const uint8_t *cdb, size_t n,
                          uint32_t out, uint32_t in)
{
    uint8_t *h = f->r.mem + HEADER;
    Buf bufs[3] = { { HEADER, 51, false } };
    unsigned k = 1;

    memset(h, 0, 51);
    h[0] = 1;
    h[1] = (uint8_t)target;
    st_be16(h + 2, (uint16_t)(0x4000 | lun));
    st_le64(h + 8, 0x1234);
    memcpy(h + 19, cdb, n);
    memset(f->r.mem + RESPONSE, 0xee, 108);
    if (out) {
        bufs[k++] = (Buf){ PAYLOAD, out, false };
    }
    bufs[k++] = (Buf){ RESPONSE, 108, true };
    if (in) {
        bufs[k++] = (Buf){ PAYLOAD, in, true };
    }
    rig_add(&f->r, REQUESTS, bufs, k, false);
    rig_kick(&f->r, REQUESTS);
    blocks_drain_all(f->r.vm->blocks);
}

/* Returns the response; the status, sense and residual are in guest memory. */
static uint8_t command(Fixture *f, unsigned target, unsigned lun, const uint8_t *cdb, size_t n,
                       uint32_t out, uint32_t in)
{
    queue_command(f, target, lun, cdb, n, out, in);
    g_assert_true(rig_used(&f->r, REQUESTS, &f->id, &f->used));
    return f->r.mem[RESPONSE + 11];
}

static uint32_t residual(const Fixture *f)
{
    return ld_le32(f->r.mem + RESPONSE + 4);
}

#define CDB(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static void expect_good(Fixture *f, unsigned target, const uint8_t *cdb, size_t n, uint32_t out,
                        uint32_t in)
{
    g_assert_cmphex(command(f, target, 0, cdb, n, out, in), ==, OK);
    if (f->r.mem[RESPONSE + 10]) {
        g_error("command %02x: sense %x/%02x/%02x", cdb[0], f->r.mem[RESPONSE + 12 + 2],
                f->r.mem[RESPONSE + 12 + 12], f->r.mem[RESPONSE + 12 + 13]);
    }
}

static void expect_sense(Fixture *f, unsigned target, unsigned lun, const uint8_t *cdb, size_t n,
                         uint32_t out, uint32_t in, uint32_t sense)
{
    const uint8_t *s = f->r.mem + RESPONSE + 12;

    g_assert_cmphex(command(f, target, lun, cdb, n, out, in), ==, OK);
    g_assert_cmphex(f->r.mem[RESPONSE + 10], ==, 2);
    g_assert_cmpuint(ld_le32(f->r.mem + RESPONSE), ==, 18);
    g_assert_cmphex((uint32_t)s[2] << 16 | (uint32_t)s[12] << 8 | s[13], ==, sense);
}

/* What every unit says first. */
static void clear_attention(Fixture *f)
{
    expect_sense(f, 0, 0, CDB(0), 0, 0, 0x062900);
    expect_sense(f, 1, 0, CDB(0), 0, 0, 0x062900);
}

/* ---- what a driver asks ---- */

static void units_say_what_they_are(void)
{
    Fixture f;
    uint8_t *p;

    setup(&f, NULL);
    p = f.r.mem + PAYLOAD;
    g_assert_cmpuint(virtio_config_read(f.r.dev, 0, 4), ==, 1);
    g_assert_cmpuint(virtio_config_read(f.r.dev, 24, 4), ==, 32);
    expect_good(&f, 0, CDB(0x12, 0, 0, 0, 96), 0, 96); /* not stopped by the attention */
    g_assert_cmpuint(residual(&f), ==, 60);
    g_assert_cmpuint(f.used, ==, 108 + 36);
    g_assert_cmpmem(p + 8, 28, "QEMU    QEMU HARDDISK   2.5+", 28);
    clear_attention(&f);
    expect_good(&f, 0, CDB(0), 0, 0);
    expect_good(&f, 0, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64), 0, 64);
    g_assert_cmpuint(ld_be32(p), ==, 8);
    expect_good(&f, 0, CDB(0x12, 1, 0, 0, 96), 0, 96);
    g_assert_cmpmem(p, 9, "\0\0\0\5\0\x83\xb0\xb1\xb2", 9);
    expect_good(&f, 0, CDB(0x12, 1, 0xb2, 0, 96), 0, 96);
    g_assert_cmphex(p[5], ==, 0xe0);
    expect_good(&f, 0, CDB(0x25), 0, 8);
    g_assert_cmpuint(ld_be32(p), ==, DISK / 512 - 1);
    expect_good(&f, 0, CDB(0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32), 0, 32);
    g_assert_cmpuint(ld_be64(p), ==, DISK / 512 - 1);
    expect_good(&f, 1, CDB(0x12, 0, 0, 0, 96), 0, 96);
    g_assert_cmphex(ld_be16(p), ==, 0x0580);
    expect_good(&f, 1, CDB(0x25), 0, 8);
    g_assert_cmpuint(ld_be32(p + 4), ==, 2048);
    expect_good(&f, 1, CDB(0x43, 0, 0, 0, 0, 0, 0, 0, 64), 0, 64);
    g_assert_cmpuint(ld_be32(p + 16), ==, DISK / 2048);
    teardown(&f);
}

static void places_without_a_unit_say_so(void)
{
    Fixture f;

    setup(&f, NULL);
    g_assert_cmphex(command(&f, 7, 0, CDB(0), 0, 0), ==, BAD_TARGET);
    expect_sense(&f, 0, 3, CDB(0), 0, 0, 0x052500);
    g_assert_cmphex(command(&f, 0, 3, CDB(0x12, 0, 0, 0, 36), 0, 36), ==, OK);
    g_assert_cmphex(f.r.mem[PAYLOAD], ==, 0x7f);
    clear_attention(&f);
    expect_sense(&f, 0, 0, CDB(0x4a, 1), 0, 8, 0x052000); /* a CD-ROM drive's */
    expect_sense(&f, 0, 0, CDB(0x28, 0, 0, 0, 0x07, 0xff, 0, 0, 2), 0, 1024, 0x052100);
    expect_sense(&f, 0, 0, CDB(0x28, 0x20, 0, 0, 0, 0, 0, 0, 2), 0, 1024, 0x052400);
    expect_sense(&f, 1, 0, CDB(0x2a, 0, 0, 0, 0, 0, 0, 0, 1), 512, 0, 0x052000);
    expect_good(&f, 1, CDB(0x03, 0, 0, 0, 18), 0, 18); /* the sense was kept */
    g_assert_cmphex(f.r.mem[PAYLOAD + 12], ==, 0x20);
    teardown(&f);
}

static void blocks_go_both_ways(void)
{
    static const uint8_t pairs[][2] = { { 0x0a, 0x08 }, { 0x2a, 0x28 }, { 0xaa, 0xa8 },
                                        { 0x8a, 0x88 }, { 0x2e, 0x28 }, { 0x8e, 0x88 } };
    Fixture f;

    setup(&f, NULL);
    clear_attention(&f);
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        for (unsigned way = 0; way < 2; way++) {
            uint8_t cdb[16] = { pairs[i][way] };
            unsigned group = cdb[0] >> 5, lba = 8 * ((unsigned)i + 1);

            switch (group) {
            case 0: cdb[3] = (uint8_t)lba, cdb[4] = 4; break;
            case 4: cdb[9] = (uint8_t)lba, cdb[13] = 4; break;
            case 5: cdb[5] = (uint8_t)lba, cdb[9] = 4; break;
            default: cdb[5] = (uint8_t)lba, cdb[8] = 4; break;
            }
            memset(f.r.mem + PAYLOAD, way ? 0 : 0x40 + (int)i, 2048);
            expect_good(&f, 0, cdb, 16, way ? 0 : 2048, way ? 2048 : 0);
            g_assert_cmpuint(residual(&f), ==, 0);
            g_assert_cmphex(f.r.mem[PAYLOAD + 2047], ==, 0x40 + i);
        }
    }
    /* too little room, and more than is moved */
    g_assert_cmphex(command(&f, 0, 0, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 4), 0, 512), ==, OVERRUN);
    expect_good(&f, 0, CDB(0x28, 0, 0, 0, 0, 8, 0, 0, 1), 0, 2048);
    g_assert_cmpuint(residual(&f), ==, 1536);
    g_assert_cmphex(command(&f, 0, 0, CDB(0x2a, 0, 0, 0, 0, 8, 0, 0, 1), 0, 512), ==, OVERRUN);
    expect_good(&f, 0, CDB(0x35), 0, 0);
    expect_good(&f, 0, CDB(0x2f, 0, 0, 0, 0, 8, 0, 0, 1), 0, 0);
    teardown(&f);
}

static void blocks_are_filled_and_given_back(void)
{
    Fixture f;
    uint8_t *p;

    setup(&f, NULL);
    p = f.r.mem + PAYLOAD;
    clear_attention(&f);
    memset(p, 0x77, 512);
    expect_good(&f, 0, CDB(0x41, 0, 0, 0, 0, 8, 0, 0, 8), 512, 0);
    memset(p, 0, 4096);
    expect_good(&f, 0, CDB(0x28, 0, 0, 0, 0, 8, 0, 0, 8), 0, 4096);
    g_assert_cmphex(p[4095], ==, 0x77);
    memset(p, 0, 512);
    expect_good(&f, 0, CDB(0x93, 8, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 2), 512, 0);
    expect_good(&f, 0, CDB(0x28, 0, 0, 0, 0, 8, 0, 0, 8), 0, 4096);
    g_assert_cmphex(p[1023], ==, 0);
    g_assert_cmphex(p[1024], ==, 0x77);
    expect_sense(&f, 0, 0, CDB(0x41, 0, 0, 0, 0, 8, 0, 0, 0), 512, 0, 0x052400);
    memset(p, 0, 40);
    st_be16(p, 38);
    st_be16(p + 2, 32);
    st_be64(p + 8, 10);
    st_be32(p + 16, 2);
    st_be64(p + 24, DISK / 512 - 1);
    st_be32(p + 32, 2);
    expect_sense(&f, 0, 0, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 40), 40, 0, 0x052100);
    st_be32(p + 32, 1);
    expect_good(&f, 0, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 40), 40, 0);
    expect_good(&f, 0, CDB(0x28, 0, 0, 0, 0, 8, 0, 0, 8), 0, 4096);
    g_assert_cmphex(p[1024], ==, 0);
    g_assert_cmphex(p[2048], ==, 0x77);
    st_be16(p + 2, 33);
    expect_sense(&f, 0, 0, CDB(0x42, 0, 0, 0, 0, 0, 0, 0, 40), 40, 0, 0x051a00);
    teardown(&f);
}

static void the_write_cache_is_a_mode(void)
{
    Fixture f;
    uint8_t page[20];
    BlockDrive *drive;

    setup(&f, NULL);
    drive = blocks_find_drive(f.r.vm->blocks, "d");
    clear_attention(&f);
    expect_good(&f, 0, CDB(0x1a, 8, 0x08, 0, 64), 0, 64);
    g_assert_cmphex(f.r.mem[PAYLOAD + 4 + 2], ==, 4);
    memcpy(page, f.r.mem + PAYLOAD + 4, sizeof(page));
    page[2] = 0;
    memset(f.r.mem + PAYLOAD, 0, 4);
    memcpy(f.r.mem + PAYLOAD + 4, page, sizeof(page));
    expect_good(&f, 0, CDB(0x15, 0x10, 0, 0, 24), 24, 0);
    g_assert_false(block_drive_write_cache(drive));
    f.r.mem[PAYLOAD + 4 + 3] = 1; /* may not be changed */
    f.r.mem[PAYLOAD + 4 + 2] = 4;
    expect_sense(&f, 0, 0, CDB(0x15, 0x10, 0, 0, 24), 24, 0, 0x052600);
    g_assert_false(block_drive_write_cache(drive));
    expect_good(&f, 1, CDB(0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0), 0, 256);
    expect_sense(&f, 0, 0, CDB(0x1a, 0, 0xc8, 0, 64), 0, 64, 0x053900);
    bus_reset(f.hd->bus, RESET_WARM);
    g_assert_true(block_drive_write_cache(drive));
    teardown(&f);
}

static void a_tray_opens_unless_it_is_locked(void)
{
    Fixture f;

    setup(&f, NULL);
    clear_attention(&f);
    expect_good(&f, 1, CDB(0x1e, 0, 0, 0, 1), 0, 0);
    expect_sense(&f, 1, 0, CDB(0x1b, 0, 0, 0, 2), 0, 0, 0x025302);
    expect_good(&f, 1, CDB(0x1e, 0, 0, 0, 0), 0, 0);
    expect_good(&f, 1, CDB(0x1b, 0, 0, 0, 2), 0, 0);
    expect_sense(&f, 1, 0, CDB(0), 0, 0, 0x023a00);
    expect_good(&f, 1, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0, 8);
    g_assert_cmphex(f.r.mem[PAYLOAD + 5], ==, 1);
    expect_good(&f, 1, CDB(0x1b, 0, 0, 0, 3), 0, 0);
    expect_good(&f, 1, CDB(0), 0, 0);
    teardown(&f);
}

static void a_disc_is_changed(void)
{
    Fixture f;
    BlockDrive *drive;
    g_autoptr(GError) error = NULL;

    setup(&f, NULL);
    clear_attention(&f);
    drive = blocks_find_drive(f.r.vm->blocks, "c");
    g_assert_false(block_drive_remove_medium(drive, NULL)); /* the tray is closed */
    expect_good(&f, 1, CDB(0x1e, 0, 0, 0, 1), 0, 0);
    g_assert_false(block_drive_open_tray(drive, false, &error));
    g_assert_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_BUSY);
    expect_good(&f, 1, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0, 8);
    g_assert_cmphex(f.r.mem[PAYLOAD + 4], ==, 1); /* the guest was asked */
    g_assert_true(block_drive_open_tray(drive, true, NULL));
    g_assert_true(block_drive_remove_medium(drive, NULL));
    expect_sense(&f, 1, 0, CDB(0), 0, 0, 0x063a00);
    expect_sense(&f, 1, 0, CDB(0), 0, 0, 0x023a00);
    g_assert_true(block_drive_change_medium(drive,
                                            &(BlockNewMedium){ .filename = f.cd, .format = "raw" },
                                            NULL));
    expect_sense(&f, 1, 0, CDB(0), 0, 0, 0x063a00);
    expect_sense(&f, 1, 0, CDB(0), 0, 0, 0x062800);
    expect_good(&f, 1, CDB(0x25), 0, 8);
    g_assert_cmpuint(ld_be32(f.r.mem + PAYLOAD), ==, DISK / 2048 - 1);
    expect_good(&f, 1, CDB(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 0, 8);
    g_assert_cmphex(f.r.mem[PAYLOAD + 4] << 8 | f.r.mem[PAYLOAD + 5], ==, 0x0202);
    g_assert_false(block_drive_open_tray(blocks_find_drive(f.r.vm->blocks, "d"), true, NULL));
    teardown(&f);
}

/* ---- control, events ---- */

static uint8_t manage(Fixture *f, uint32_t function, unsigned target, unsigned lun)
{
    uint8_t *h = f->r.mem + HEADER;
    Buf bufs[2] = { { HEADER, 24, false }, { RESPONSE, 1, true } };

    memset(h, 0, 24);
    st_le32(h + 4, function);
    h[8] = 1;
    h[9] = (uint8_t)target;
    h[11] = (uint8_t)lun;
    st_le64(h + 16, 0x1234);
    rig_add(&f->r, 0, bufs, 2, false);
    rig_kick(&f->r, 0);
    g_assert_true(rig_used(&f->r, 0, &f->id, &f->used));
    return f->r.mem[RESPONSE];
}

static void tasks_are_managed(void)
{
    Fixture f;

    setup(&f, NULL);
    clear_attention(&f);
    g_assert_cmphex(manage(&f, 0, 9, 0), ==, BAD_TARGET);
    g_assert_cmphex(manage(&f, 0, 0, 5), ==, WRONG_LUN);
    g_assert_cmphex(manage(&f, 0, 0, 0), ==, OK);
    g_assert_cmphex(manage(&f, 2, 0, 0), ==, REJECTED);
    g_assert_cmphex(manage(&f, 6, 0, 0), ==, OK); /* no such task */
    g_assert_cmphex(manage(&f, 5, 0, 0), ==, OK);
    expect_sense(&f, 0, 0, CDB(0), 0, 0, 0x062900); /* of the one unit only */
    expect_good(&f, 1, CDB(0), 0, 0);
    teardown(&f);
}

static void events_tell_of_units(void)
{
    Fixture f;
    Device *late;
    const uint8_t *e;

    setup(&f, NULL);
    e = f.r.mem + PAYLOAD;
    rig_add(&f.r, 1, &(Buf){ PAYLOAD, 16, true }, 1, false);
    rig_kick(&f.r, 1);
    late = add_unit(&f, "scsi-cd", NULL, "5", true);
    g_assert_true(rig_used(&f.r, 1, &f.id, &f.used));
    g_assert_cmphex(ld_le32(e), ==, 1);
    g_assert_cmphex(e[4] << 8 | e[5], ==, 0x105);
    g_assert_cmphex(ld_le32(e + 12), ==, 1);
    device_unrealize(late); /* no buffer: it is missed, and said so later */
    g_assert_false(rig_used(&f.r, 1, &f.id, &f.used));
    rig_add(&f.r, 1, &(Buf){ PAYLOAD, 16, true }, 1, false);
    rig_kick(&f.r, 1);
    g_assert_true(rig_used(&f.r, 1, &f.id, &f.used));
    g_assert_cmphex(ld_le32(e), ==, 0x80000000u);
    rig_add(&f.r, 1, &(Buf){ PAYLOAD, 16, true }, 1, false);
    rig_kick(&f.r, 1);
    g_assert_true(blocks_resize(f.r.vm->blocks, "d", 2 * DISK, NULL));
    g_assert_true(rig_used(&f.r, 1, &f.id, &f.used));
    g_assert_cmphex(ld_le32(e), ==, 3);
    g_assert_cmphex(ld_le32(e + 12), ==, 0x092a);
    teardown(&f);
}

/* ---- errors that stop ---- */

static void let_files_grow(bool may)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    limit.rlim_cur = may ? limit.rlim_max : 4096;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

/* A write that the host refuses, and that the drive's policy keeps. */
static void park_write(Fixture *f)
{
    let_files_grow(false);
    memset(f->r.mem + PAYLOAD, 0x99, 512);
    queue_command(f, 0, 0, CDB(0x2a, 0, 0, 0, 0, 100, 0, 0, 1), 512, 0);
    let_files_grow(true);
    g_assert_false(rig_used(&f->r, REQUESTS, &f->id, &f->used));
    g_assert_cmpuint(f->r.dev->queues[REQUESTS].inuse, ==, 1);
}

static void expect_written(Fixture *f)
{
    blocks_drain_all(f->r.vm->blocks);
    g_assert_true(rig_used(&f->r, REQUESTS, &f->id, &f->used));
    g_assert_cmphex(f->r.mem[RESPONSE + 10], ==, 0);
    g_assert_cmphex(f->r.mem[RESPONSE + 11], ==, OK);
    memset(f->r.mem + PAYLOAD, 0, 512);
    expect_good(f, 0, CDB(0x28, 0, 0, 0, 0, 100, 0, 0, 1), 0, 512);
    g_assert_cmphex(f->r.mem[PAYLOAD + 511], ==, 0x99);
}

static void a_parked_write_is_done_when_the_machine_runs(void)
{
    Fixture f;

    setup(&f, NULL);
    clear_attention(&f);
    park_write(&f);
    virtio_set_status(f.r.dev, 15); /* as running again does */
    expect_written(&f);
    park_write(&f);
    g_assert_cmphex(manage(&f, 6, 0, 0), ==, SUCCEEDED);
    g_assert_cmphex(manage(&f, 0, 0, 0), ==, OK);
    g_assert_true(rig_used(&f.r, REQUESTS, &f.id, &f.used));
    g_assert_cmphex(f.r.mem[RESPONSE + 11], ==, ABORTED);
    park_write(&f);
    rig_start(&f.r, 0, 3, 64); /* a reset forgets it */
    g_assert_cmpuint(f.r.dev->queues[REQUESTS].inuse, ==, 0);
    clear_attention(&f);
    g_assert_false(rig_used(&f.r, REQUESTS, &f.id, &f.used));
    teardown(&f);
}

/* ---- moves ---- */

/* Save, encode, decode, check, install into the reset device. */
static void move(Fixture *f, const char *name, StreamFormat format)
{
    Section *s = section_find(f->r.vm, name, 0);
    const Record *record = s->desc->record;
    g_autofree void *out = g_malloc0(record->size), *in = g_malloc0(record->size);
    g_autofree char *why = record_check(record);
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) w;
    ByteReader reader;

    g_assert_cmpstr(why, ==, NULL);
    s->desc->ops->save(s->owner, out);
    byte_writer_init(&w);
    record_encode(record, out, format, &w);
    byte_writer_u8(&w, STREAM_FOOTER);
    byte_writer_be32(&w, 0);
    byte_reader_init(&reader, w.data, w.len);
    record_decode(record, record->version, format, &reader, in, out, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(byte_reader_left(&reader), ==, 5);
    g_assert_true(s->desc->ops->check(s->owner, in, &error));
    g_assert_no_error(error);
    if (s->owner == f->r.dev) {
        virtio_reset(f->r.dev);
    } else {
        device_reset(s->owner, RESET_COLD);
    }
    s->desc->ops->install(s->owner, in);
    if (s->desc->ops->installed) {
        s->desc->ops->installed(s->owner);
    }
    record_clear(record, out);
    record_clear(record, in);
}

static void what_waits_moves(StreamFormat format)
{
    uint8_t request[51];
    Fixture f;

    setup(&f, NULL);
    clear_attention(&f);
    park_write(&f);
    move(&f, "virtio-scsi", format);
    g_assert_cmpuint(f.r.dev->queues[REQUESTS].inuse, ==, 1);
    move(&f, "virtio-scsi", format); /* on, before it was looked at */
    memcpy(request, f.r.mem + HEADER, sizeof(request));
    clear_attention(&f); /* that the reset of this test made */
    memcpy(f.r.mem + HEADER, request, sizeof(request));
    virtio_set_status(f.r.dev, 15); /* as running again does */
    expect_written(&f);
    teardown(&f);
}

static void a_parked_write_moves(void)
{
    what_waits_moves(STREAM_V3);
    what_waits_moves(STREAM_V4);
}

static void a_unit_moves(void)
{
    Fixture f;

    setup(&f, NULL);
    expect_sense(&f, 0, 0, CDB(0), 0, 0, 0x062900);
    expect_sense(&f, 0, 0, CDB(0x28, 0, 0, 0, 0x07, 0xff, 0, 0, 2), 0, 1024, 0x052100);
    move(&f, "0:0:0/scsi-disk", STREAM_V3);
    expect_good(&f, 0, CDB(0x03, 0, 0, 0, 18), 0, 18); /* no attention, the sense is still there */
    g_assert_cmphex(f.r.mem[PAYLOAD + 12], ==, 0x21);
    expect_sense(&f, 1, 0, CDB(0), 0, 0, 0x062900);
    expect_good(&f, 1, CDB(0x1b, 0, 0, 0, 2), 0, 0);
    move(&f, "0:1:0/scsi-disk", STREAM_V4);
    expect_sense(&f, 1, 0, CDB(0), 0, 0, 0x023a00);
    teardown(&f);
}

/* ---- nonsense ---- */

static void random_commands_never_hurt(void)
{
    static const uint8_t known[] = { 0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a, 0x1b, 0x1e, 0x25,
                                     0x28, 0x2a, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x55,
                                     0x5a, 0x88, 0x8a, 0x93, 0x9e, 0xa0, 0xa8, 0xaa, 0xbd };
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);
    Fixture f;

    setup(&f, NULL);
    for (int round = 0; round < 4000; round++) {
        uint8_t cdb[16];
        uint32_t len = (uint32_t)g_rand_int_range(rand, 0, 3000);
        bool out = g_rand_boolean(rand);

        for (size_t i = 0; i < sizeof(cdb); i++) {
            cdb[i] = (uint8_t)(g_rand_int_range(rand, 0, 3) ? (guint32)g_rand_int_range(rand, 0, 4)
                                                            : g_rand_int(rand));
        }
        cdb[0] = g_rand_int_range(rand, 0, 8) ? known[g_rand_int_range(rand, 0, sizeof(known))]
                                              : (uint8_t)g_rand_int(rand);
        for (size_t i = 0; i < 64; i++) {
            f.r.mem[PAYLOAD + i] = (uint8_t)(g_rand_boolean(rand) ? 0u : g_rand_int(rand));
        }
        command(&f, (unsigned)g_rand_int_range(rand, 0, 3), (unsigned)g_rand_int_range(rand, 0, 2),
                cdb, sizeof(cdb), out ? len : 0, out ? 0 : len);
        if (!g_rand_int_range(rand, 0, 50)) {
            virtio_config_write(f.r.dev, 20 + 4 * (uint32_t)g_rand_int_range(rand, 0, 2),
                                g_rand_int(rand), 4);
            rig_start(&f.r, 0, 3, 64);
        }
    }
    teardown(&f);
}

static void random_rings_never_hurt(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(12);
    Fixture f;

    setup(&f, NULL);
    for (int round = 0; round < 600; round++) {
        rig_start(&f.r, VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC), 3, 8);
        for (unsigned q = 0; q < 3; q++) {
            for (unsigned i = 0; i < 8; i++) {
                uint8_t *d = f.r.mem + RING(q) + 16 * i;

                st_le64(d, DATA + 256 * (uint64_t)g_rand_int_range(rand, 0, 64));
                st_le32(d + 8, (uint32_t)g_rand_int_range(rand, 0, 200));
                st_le16(d + 12, (uint16_t)g_rand_int_range(rand, 0, 4));
                st_le16(d + 14, (uint16_t)g_rand_int_range(rand, 0, 8));
                st_le16(f.r.mem + DRIVER(q) + 4 + 2 * i, (uint16_t)i);
            }
            st_le16(f.r.mem + DRIVER(q) + 2, 8);
        }
        for (unsigned i = 0; i < 64; i++) {
            uint8_t *p = f.r.mem + DATA + 256 * i;

            st_le32(p, g_rand_boolean(rand) ? 1 : (uint32_t)g_rand_int_range(rand, 0, 4));
            st_le32(p + 4, (uint32_t)g_rand_int_range(rand, 0, 9));
            p[8] = 1;
            p[19] = (uint8_t)(g_rand_boolean(rand) ? 0x28 : 0x2a);
            p[27] = (uint8_t)g_rand_int_range(rand, 0, 3);
        }
        for (unsigned q = 0; q < 3; q++) {
            rig_kick(&f.r, q);
        }
    }
    teardown(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scsi/units-say-what-they-are", units_say_what_they_are);
    g_test_add_func("/scsi/places-without-a-unit-say-so", places_without_a_unit_say_so);
    g_test_add_func("/scsi/blocks-go-both-ways", blocks_go_both_ways);
    g_test_add_func("/scsi/blocks-are-filled-and-given-back", blocks_are_filled_and_given_back);
    g_test_add_func("/scsi/the-write-cache-is-a-mode", the_write_cache_is_a_mode);
    g_test_add_func("/scsi/a-tray-opens-unless-it-is-locked", a_tray_opens_unless_it_is_locked);
    g_test_add_func("/scsi/a-disc-is-changed", a_disc_is_changed);
    g_test_add_func("/scsi/tasks-are-managed", tasks_are_managed);
    g_test_add_func("/scsi/events-tell-of-units", events_tell_of_units);
    g_test_add_func("/scsi/a-parked-write-is-done-when-the-machine-runs",
                    a_parked_write_is_done_when_the_machine_runs);
    g_test_add_func("/scsi/a-parked-write-moves", a_parked_write_moves);
    g_test_add_func("/scsi/a-unit-moves", a_unit_moves);
    g_test_add_func("/scsi/random-commands-never-hurt", random_commands_never_hurt);
    g_test_add_func("/scsi/random-rings-never-hurt", random_rings_never_hurt);
    return g_test_run();
}
