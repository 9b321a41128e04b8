/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machines that do not match: a real attempt, a preflight, and the offline comparison of the two
 * manifests say the same, before 1 MB was sent and without the guest ever stopped. And those that
 * match: all three say yes.
 */
#include <glib/gstdio.h>
#include <string.h>
#include "broken-pair.h"

#define ENOUGH  (1 << 20) /* bytes */
#define CUT_OFF 3000      /* a text that is longer may not have all of the problems */
#define SERIAL  "-serial null"
#define TESTDEV "-device migration-testdev"

typedef struct {
    const char *name, *src, *dst; /* options */
    const char *words;            /* that both sides have; NULL: it fits */
    /* capability: to set at the source (a manifest has no UUID: nothing to compare offline); to clear there */
    const char *uuid_cap, *src_off;
} Row;

#define EXTRA(name_, device, words_)                                                    \
    { .name = "missing-" name_, .src = "-device " device, .dst = "", .words = words_ }, \
    {                                                                                   \
        .name = "extra-" name_, .src = "", .dst = "-device " device, .words = words_    \
    }
#define CPU(feature)                                                                    \
    {                                                                                   \
        .name = "cpu-without-" feature, .src = "-cpu max", .dst = "-cpu max,-" feature, \
        .words = "CPU feature '" feature "' of the guest is missing here"               \
    }

static const Row rows[] = {
    { "equal", "", "", NULL },
    { "equal-devices", "-device virtio-net-pci", "-device virtio-net-pci", NULL },
    { "more-cpu-features-here", "-cpu max,-avx2", "-cpu max", NULL },
    EXTRA("virtio-net", "virtio-net-pci", "/virtio-net"),
    EXTRA("virtio-rng", "virtio-rng-pci", "/virtio-rng"),
    EXTRA("virtio-balloon", "virtio-balloon-pci", "virtio-balloon"),
    EXTRA("virtio-serial", "virtio-serial-pci", "virtio-console"),
    EXTRA("virtio-blk", "virtio-blk-pci,drive=d", "virtio-blk"),
    EXTRA("vga", "VGA", "vga"),
    EXTRA("secondary-vga", "secondary-vga", "vga"),
    EXTRA("pvpanic", "pvpanic-pci", "pvpanic-pci"),
    EXTRA("watchdog", "i6300esb", "i6300esb"),
    EXTRA("ahci", "ich9-ahci", "ahci"),
    EXTRA("root-port", "pcie-root-port,chassis=1", "pcie-root-port"),
    EXTRA("bridge", "pci-bridge,shpc=off", "pci_bridge"),
    EXTRA("serial", "isa-serial,index=3", "serial"),
    EXTRA("test-device", "migration-testdev", "migration-testdev"),
    CPU("avx2"),
    CPU("aes"),
    CPU("bmi1"),
    CPU("bmi2"),
    CPU("smap"),
    CPU("smep"),
    CPU("fsgsbase"),
    CPU("rdrand"),
    CPU("pni"),
    CPU("popcnt"),
    CPU("movbe"),
    CPU("fma"),
    { "cpu-model", "-cpu max", "-cpu qemu64", "CPU feature" },
    { "more-cpus", "-smp 2", "", "'cpu' instance 1: there is no such device here" },
    { "fewer-cpus", "", "-smp 2", "'cpu' instance 1 is missing in the stream" },
    { "more-ram", "-m 8", "", "RAM block 'pc.ram' has 0x800000 bytes there and 0x400000 here" },
    { "less-ram", "", "-m 8", "RAM block 'pc.ram' has 0x400000 bytes there and 0x800000 here" },
    { "other-slot", "-device virtio-net-pci,addr=5", "-device virtio-net-pci,addr=6",
      "0000:00:05.0/virtio-net" },
    { "other-order", "-device virtio-net-pci -device VGA", "-device VGA -device virtio-net-pci",
      "/virtio-net" },
    { "video-memory", "-device VGA,vgamem_mb=32", "-device VGA", "vga.vram" },
    { "bigger-rom", "-bios {dir}/rom256", "-bios {dir}/rom128", "pc.bios" },
    { "smaller-rom", "-bios {dir}/rom128", "-bios {dir}/rom256", "pc.bios" },
    { "no-option-rom", "-device VGA", "-device VGA,romfile=", "vga.rom" },
    { "block-length", "-device migration-testdev,ram-length=64K,ram-max=64K",
      "-device migration-testdev,ram-length=32K,ram-max=32K", "at most 0x8000 fit here" },
    { "block-name", "-device migration-testdev,ram-length=64K,ram-name=a",
      "-device migration-testdev,ram-length=64K,ram-name=b", "there is no RAM block 'a' here" },
    { "block-missing", "-device migration-testdev", "-device migration-testdev,ram-length=64K",
      "'migration-testdev.ram' (0x10000 bytes) is missing in the stream" },
    { "block-not-migratable", "-device migration-testdev,ram-length=64K",
      "-device migration-testdev,ram-length=64K,ram-migratable=off",
      "there is no RAM block 'migration-testdev.ram' here" },
    { "subsection-unknown", TESTDEV ",late=5", TESTDEV ",x-late=off",
      "section 'migration-testdev' instance 0: unknown subsection 'migration-testdev/late'" },
    { "subsection-unknown-and-idle", TESTDEV, TESTDEV ",x-late=off", NULL },
    { "subsection-of-the-successor", TESTDEV ",x-late=off", TESTDEV, NULL },
    { "subsection-not-honoured", TESTDEV ",part=3", TESTDEV ",takes-part=off",
      "section 'migration-testdev' instance 0: subsection 'migration-testdev/part' cannot be "
      "honoured: migration-testdev was told not to take its part" },
    { "subsection-not-honoured-and-idle", TESTDEV, TESTDEV ",takes-part=off", NULL },
    { "subsection-that-is-left-out", TESTDEV ",note=3", TESTDEV ",takes-note=off", NULL },
    { "no-hpet", "", "-machine hpet=off", "hpet" },
    { "no-sata", "", "-machine sata=off", "ich9_ahci" },
    { "no-vmport", "-machine vmport=on", "-machine vmport=off", "vmmouse" },
    { "other-board", "", "-machine pc-i440fx-ferry-1.0", "machine type received" },
    { "other-version", "", "-machine " V3, "machine type received" },
    { "other-uuid", "-uuid 00000000-0000-0000-0000-000000000001",
      "-uuid 00000000-0000-0000-0000-000000000002", "UUID received is", "validate-uuid" },
    { "no-ram-checksum", "", "", "capability 'ram-checksum' off, and it is on here",
      .src_off = "ram-checksum" },
    { "many", "-smp 3 -device virtio-net-pci,addr=5 -device VGA,addr=6",
      "-device i6300esb,addr=7 -m 8", "pc.ram" },
};

/* The same of s390x. */
static const Row s390_rows[] = {
    { "equal", "-device virtio-net-ccw", "-device virtio-net-ccw", NULL },
    EXTRA("virtio-net", "virtio-net-ccw", "/virtio-net"),
    EXTRA("virtio-rng", "virtio-rng-ccw", "/virtio-rng"),
    EXTRA("virtio-balloon", "virtio-balloon-ccw", "virtio-balloon"),
    EXTRA("virtio-scsi", "virtio-scsi-ccw", "virtio-scsi"),
    EXTRA("line-console", "sclplmconsole", "sclplmconsole"),
    EXTRA("watchdog", "diag288", "diag288"),
    EXTRA("virtio-blk", "virtio-blk-ccw,drive=d", "virtio-blk"),
    EXTRA("virtio-serial", "virtio-serial-ccw", "virtio-console"),
    EXTRA("test-device", "migration-testdev", "migration-testdev"),
    { "more-cpus", "-smp 2", "", "'cpu' instance 1: there is no such device here" },
    { "fewer-cpus", "", "-smp 2", "'cpu' instance 1 is missing in the stream" },
    { "more-ram", "-m 8", "", "RAM block 's390.ram' has 0x800000 bytes there and 0x400000 here" },
    { "less-ram", "", "-m 8", "RAM block 's390.ram' has 0x400000 bytes there and 0x800000 here" },
    { "other-device-number", "-device virtio-net-ccw,devno=fe.0.0005",
      "-device virtio-net-ccw,devno=fe.0.0006", "fe.0.0005" },
    { "other-order-of-the-same-numbers",
      "-device virtio-net-ccw,devno=fe.0.0005 -device virtio-rng-ccw,devno=fe.0.0006",
      "-device virtio-rng-ccw,devno=fe.0.0006 -device virtio-net-ccw,devno=fe.0.0005", NULL },
    { "block-name", TESTDEV ",ram-length=64K,ram-name=a", TESTDEV ",ram-length=64K,ram-name=b",
      "there is no RAM block 'a' here" },
    { "block-missing", TESTDEV, TESTDEV ",ram-length=64K",
      "'migration-testdev.ram' (0x10000 bytes) is missing in the stream" },
    { "block-not-migratable", TESTDEV ",ram-length=64K",
      TESTDEV ",ram-length=64K,ram-migratable=off",
      "there is no RAM block 'migration-testdev.ram' here" },
    { "subsection-unknown-and-idle", TESTDEV, TESTDEV ",x-late=off", NULL },
    { "subsection-of-the-successor", TESTDEV ",x-late=off", TESTDEV, NULL },
    { "subsection-not-honoured-and-idle", TESTDEV, TESTDEV ",takes-part=off", NULL },
    { "subsection-that-is-left-out", TESTDEV ",note=3", TESTDEV ",takes-note=off", NULL },
    { "other-uuid", "-uuid 00000000-0000-0000-0000-000000000001",
      "-uuid 00000000-0000-0000-0000-000000000002", "UUID received is", "validate-uuid" },
    { "no-ram-checksum", "", "", "capability 'ram-checksum' off, and it is on here",
      .src_off = "ram-checksum" },
    { "block-length", TESTDEV ",ram-length=64K,ram-max=64K", TESTDEV ",ram-length=32K,ram-max=32K",
      "at most 0x8000 fit here" },
    { "subsection-unknown", TESTDEV ",late=5", TESTDEV ",x-late=off",
      "section 'migration-testdev' instance 0: unknown subsection 'migration-testdev/late'" },
    { "subsection-not-honoured", TESTDEV ",part=3", TESTDEV ",takes-part=off",
      "cannot be honoured: migration-testdev was told not to take its part" },
    { "other-version", "", "-machine s390-ccw-virtio-10.0", "machine type received" },
    { "many", "-smp 3 -device virtio-net-ccw", "-device virtio-blk-ccw,drive=d -m 8", "s390.ram" },
    { "more-cpu-features-here", "-cpu qemu,vx=off", "", NULL },
    { "cpu-without-vx", "", "-cpu qemu,vx=off", "CPU feature 'vx' of the guest is missing here" },
    { "cpu-without-eimm", "", "-cpu qemu,eimm=off",
      "CPU feature 'eimm' of the guest is missing here" },
    { "cpu-model", "", "-cpu z900-base", "CPU feature '" },
    { "plugged-cpu", "-smp 1,maxcpus=2 -device qemu-s390x-cpu,core-id=1", "-smp 1,maxcpus=2",
      "'cpu' instance 1: there is no such device here" },
    { "plugged-cpu-there-too", "-smp 1,maxcpus=2 -device qemu-s390x-cpu,core-id=1", "-smp 2",
      NULL },
    { "missing-pci-device", "-device virtio-net-pci", "", "/virtio-net" },
    { "other-pci-function", "-device zpci,uid=7,fid=9,target=n -device virtio-net-pci,id=n",
      "-device virtio-net-pci", "'zpci' instance 9" },
    { "flic-without-its-full-state", "", "-global s390-flic-qemu.migrate-all-state=off",
      "qemu-s390-flic-full" },
};

static char *expand(BrokenPair *p, const char *options)
{
    g_auto(GStrv) parts = g_strsplit(options, "{dir}", -1);
    g_autofree char *text = g_strjoinv(p->dir, parts);
    return g_strdup_printf("%s -drive file=%s/disk,if=none,id=d,format=raw,read-only=on", text,
                           p->dir);
}

/* Files that options may name; the pair has its directory before its programs. */
static void make_files(BrokenPair *p)
{
    static const struct {
        const char *name;
        size_t size;
    } files[] = { { "rom256", 256 << 10 }, { "rom128", 128 << 10 }, { "disk", 1 << 20 } };
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(p->dir, files[i].name, NULL);
        g_autofree char *zeros = g_malloc0(files[i].size);
        g_assert_true(g_file_set_contents(path, zeros, (gssize)files[i].size, NULL));
    }
}

static void open_row(BrokenPair *p, const Row *row)
{
    bool s390x = row >= s390_rows && row < s390_rows + G_N_ELEMENTS(s390_rows);
    pair_prepare(p, s390x ? S390_V4 : V4);
    make_files(p);
    p->more_src = p->owned[0] = expand(p, row->src);
    p->more_dst = p->owned[1] = expand(p, row->dst);
    pair_start(p);
    if (row->uuid_cap) {
        set_cap(p->src, row->uuid_cap);
    }
    if (row->src_off) {
        set_cap_to(p->src, row->src_off, false);
    }
}

/* The guest was never stopped, and little went out. */
static void assert_untouched(BrokenPair *p, const Relay *r)
{
    json_object *info = qtest_qmp_ok(p->src, "{\"execute\": \"query-migrate\"}"), *steps;
    g_assert_cmpint(r->passed[TO_DST], <, ENOUGH);
    g_assert_false(json_object_object_get_ex(info, "switchover", &steps));
    g_assert_true(is_running(p->src));
    json_object_put(info);
}

/* How many problems the text counts; one that is not of a list is 1. */
static int count_of(const char *text)
{
    int n = 0;
    return sscanf(text, "destination: %d problem", &n) == 1 ? n : 1;
}

static void write_manifest(BrokenPair *p, QTest *q, const char *name)
{
    json_object *m = qtest_qmp_ok(q, "{\"execute\": \"query-migrate-manifest\"}");
    g_autofree char *path = g_build_filename(p->dir, name, NULL);
    g_assert_true(g_file_set_contents(path, json_object_to_json_string(m), -1, NULL));
    json_object_put(m);
}

/* Runs scripts/migrate-check on the two; what it printed. */
static char *check_offline(BrokenPair *p, int *status)
{
    g_autofree char *script =
        g_build_filename(g_getenv("G_TEST_SRCDIR"), "..", "..", "scripts", "migrate-check", NULL);
    g_autofree char *a = g_build_filename(p->dir, "a.json", NULL),
                    *b = g_build_filename(p->dir, "b.json", NULL);
    char *argv[] = { script, a, b, NULL }, *out;
    write_manifest(p, p->src, "a.json");
    write_manifest(p, p->dst, "b.json");
    g_assert_true(g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, &out, NULL, status, NULL));
    return out;
}

static void preflight(BrokenPair *p, Relay *r)
{
    g_autofree char *a = g_build_filename(p->dir, "a", NULL);
    r->to = g_build_filename(p->dir, "b", NULL);
    relay_start(r, a);
    OK(p->dst,
       "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"unix:%s\", "
       "\"exit-on-error\": false}}",
       r->to);
    OK(p->src, "{\"execute\": \"migrate-preflight\", \"arguments\": {\"uri\": \"unix:%s\"}}", a);
    wait_final(p->src, p->src_status, &p->src_desc);
    relay_end(r);
}

/* EVIDENCE: MIG-WIRE-050, MIG-WIRE-051, MIG-WIRE-052 */
static void test_mismatch(const Row *row)
{
    BrokenPair p;
    Relay real = RELAY_CLEAN, trial = RELAY_CLEAN;
    int status;
    open_row(&p, row);
    g_autofree char *problems = check_offline(&p, &status);
    attempt(&p, &real);
    g_assert_cmpstr(p.src_status, ==, "failed");
    if (!strstr(p.dst_desc, row->words)) {
        g_error("no '%s' in '%s'", row->words, p.dst_desc);
    }
    assert_untouched(&p, &real);
    g_autofree char *verdict = g_strdup(p.src_desc);
    g_assert_true(g_str_has_prefix(verdict, "destination: "));
    preflight(&p, &trial);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_cmpstr(p.src_desc, ==, verdict);
    assert_untouched(&p, &trial);
    if (!row->uuid_cap) {
        g_auto(GStrv) lines = g_strsplit(g_strchomp(problems), "\n", -1);
        g_assert_true(g_spawn_check_wait_status(status, NULL) == FALSE);
        g_assert_cmpint((int)g_strv_length(lines), ==, count_of(verdict));
        for (char **line = lines; *line && strlen(verdict) < CUT_OFF; line++) {
            g_assert_nonnull(strstr(verdict, *line));
        }
    }
    pair_close(&p);
}

static void test_match(const Row *row)
{
    BrokenPair p;
    Relay real = RELAY_CLEAN, trial = RELAY_CLEAN;
    int status;
    open_row(&p, row);
    g_autofree char *problems = check_offline(&p, &status);
    g_assert_cmpstr(problems, ==, "");
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    preflight(&p, &trial);
    g_assert_cmpstr(p.src_status, ==, "preflight-passed");
    assert_untouched(&p, &trial);
    new_destination(&p);
    attempt(&p, &real);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    pair_close(&p);
}

static void test_row(gconstpointer data)
{
    const Row *row = data;
    if (row->words) {
        test_mismatch(row);
    } else {
        test_match(row);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autofree char *ferry =
        g_build_filename(g_getenv("FERRY_BINARY_DIR"), "ferry-system-x86_64", NULL);
    g_setenv("FERRY", ferry, false);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strdup_printf("/x86_64/migration/preflight/%s", rows[i].name);
        g_test_add_data_func(name, &rows[i], test_row);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(s390_rows); i++) {
        g_autofree char *name = g_strdup_printf("/s390x/migration/preflight/%s", s390_rows[i].name);
        g_test_add_data_func(name, &s390_rows[i], test_row);
    }
    return g_test_run();
}
