/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whatever fails on the destination, and wherever, the source says why in the destination's words
 * and its guest runs on; and the next attempt of the same two succeeds. migration-testdev fails at the
 * transitions of a device, an editor in the relay makes frames that are well sealed and wrong. The time
 * from the destination's last word to a source that runs is measured: under a second.
 */
#include <string.h>
#include <glib/gstdio.h>
#include "base/util/endian.h"
#include "broken-pair.h"

#define DEVICE   "-device migration-testdev,id=t"
#define RECORD   "migration-testdev"
#define SETTINGS 3

/* ---- edits of frames ---- */

static uint8_t *find(GByteArray *frame, const char *text)
{
    return memmem(frame->data, frame->len, text, strlen(text));
}

/* The first letter of the machine's name in the configuration, behind type and length. */
static bool other_machine(GByteArray *frame, unsigned number, const void *opaque)
{
    if (number == 0) {
        frame->data[5] = (uint8_t)g_ascii_toupper(frame->data[5]);
    }
    return number == 0;
}

static bool long_name(GByteArray *frame, unsigned number, const void *opaque)
{
    if (number == 0) {
        st_be32(frame->data + 1, 300);
    }
    return number == 0;
}

/* A full section: type, number, length of the name, name. */
static bool other_section(GByteArray *frame, unsigned number, const void *opaque)
{
    uint8_t *name = frame->data[0] == 4 ? find(frame, RECORD) : NULL;
    if (name) {
        name[0] = 'M';
    }
    return name;
}

static bool other_version(GByteArray *frame, unsigned number, const void *opaque)
{
    uint8_t *name = frame->data[0] == 4 ? find(frame, RECORD) : NULL;
    if (name) {
        st_be32(name + strlen(RECORD) + 4, 257);
    }
    return name;
}

static bool other_footer(GByteArray *frame, unsigned number, const void *opaque)
{
    bool ours = frame->data[0] == 4 && find(frame, RECORD);
    if (ours) {
        frame->data[frame->len - 5] = 0x7d;
    }
    return ours;
}

/* The last bytes of the section: end of the record, footer, number. */
static bool extra_byte(GByteArray *frame, unsigned number, const void *opaque)
{
    bool ours = frame->data[0] == 4 && find(frame, RECORD);
    if (ours) {
        frame->data[frame->len - 6] = 0x41;
    }
    return ours;
}

static bool ram_beyond(GByteArray *frame, unsigned number, const void *opaque)
{
    bool part = frame->data[0] == 2 || frame->data[0] == 3;
    if (part) { /* the first page word lies behind type and number */
        st_be64(frame->data + 5, ld_be64(frame->data + 5) | 1ull << 40);
    }
    return part;
}

static bool ram_flags(GByteArray *frame, unsigned number, const void *opaque)
{
    bool part = frame->data[0] == 2 || frame->data[0] == 3;
    if (part) {
        frame->data[12] = 0x06;
    }
    return part;
}

static bool unknown_type(GByteArray *frame, unsigned number, const void *opaque)
{
    bool end = frame->data[0] == 0 && frame->len == 1;
    if (end) {
        frame->data[0] = 0x55;
    }
    return end;
}

static bool unknown_command(GByteArray *frame, unsigned number, const void *opaque)
{
    bool command = frame->data[0] == 8 && ld_be16(frame->data + 1) == 11;
    if (command) {
        st_be16(frame->data + 1, 0x77);
    }
    return command;
}

static bool not_go(GByteArray *frame, unsigned number, const void *opaque)
{
    bool go = frame->data[0] == 8 && ld_be16(frame->data + 1) == 0x40;
    if (go) {
        st_be16(frame->data + 1, 0x41);
    }
    return go;
}

/* ---- points of failure ---- */

typedef struct {
    const char *name, *machine;
    const char *src[SETTINGS], *dst[SETTINGS]; /* "property=value" of the device */
    FrameEdit edit;
    int64_t flip;   /* bit, 0: none */
    bool after_go;  /* the destination keeps its copy */
    bool our_fault; /* found at the source */
    bool x86_only;  /* else it is tried on s390x as well */
    const char *words;
} Point;

static const Point points[] = {
    { .name = "header", .machine = V4, .flip = 8 * 3, .words = "not a migration stream" },
    { .name = "configuration/machine",
      .machine = V4,
      .edit = other_machine,
      .x86_only = true,
      .words = "machine type received is 'Pc-q35-ferry-1.0' and local is 'pc-q35-ferry-1.0'" },
    { .name = "configuration/machine",
      .machine = S390_V4,
      .edit = other_machine,
      .words = "machine type received is 'S390-ccw-virtio-ferry-1.0' and local is "
               "'s390-ccw-virtio-ferry-1.0'" },
    { .name = "configuration/length",
      .machine = V4,
      .edit = long_name,
      .words = "the machine type's name has 300 bytes" },
    { .name = "command",
      .machine = V4,
      .edit = unknown_command,
      .words = "command 0x77 is unknown" },
    { .name = "section/unknown",
      .machine = V4,
      .edit = other_section,
      .words = "unknown section 'Migration-testdev' instance 0: there is no such device here" },
    { .name = "section/version", .machine = V4, .edit = other_version, .words = "version 257" },
    { .name = "section/footer",
      .machine = V4,
      .edit = other_footer,
      .words = "expected its footer" },
    { .name = "section/end",
      .machine = V4,
      .edit = extra_byte,
      .words = "expected a subsection or the end of 'migration-testdev', found 0x41" },
    { .name = "section/type",
      .machine = V4,
      .edit = unknown_type,
      .words = "unknown section type 0x55" },
    { .name = "field",
      .machine = V4,
      .src = { "value=1001" },
      .words = "section 'migration-testdev' instance 0: 'migration-testdev', field 'value': value "
               "0x3e9 is above the limit 0x3e8" },
    { .name = "field/nested",
      .machine = V4,
      .src = { "part=10" },
      .words = "field 'part': value 0xa is above the limit 0x9" },
    { .name = "post-load",
      .machine = V4,
      .dst = { "fail=check", "fail-times=9" },
      .words = "section 'migration-testdev' instance 0: migration-testdev was told to fail at "
               "'check'" },
    { .name = "post-load/late",
      .machine = V4,
      .x86_only = true,
      .dst = { "fail=check", "fail-times=9", "delay-ms=300" },
      .words = "was told to fail at 'check'" },
    { .name = "ability",
      .machine = V4,
      .src = { "part=3" },
      .dst = { "takes-part=off" },
      .words = "1 problem before the start: section 'migration-testdev' instance 0: subsection "
               "'migration-testdev/part' cannot be honoured: migration-testdev was told not to "
               "take its part" },
    { .name = "ram/offset", .machine = V4, .edit = ram_beyond, .words = "lies outside RAM block" },
    { .name = "ram/flags", .machine = V4, .edit = ram_flags, .words = "unknown flags" },
    { .name = "checksum",
      .machine = V4,
      .flip = 8 * (8 + 8 + 9),
      .words = "frame 0: the checksum" },
    { .name = "prepare-to-run",
      .machine = V4,
      .dst = { "fail=prepare" },
      .words = "section 'migration-testdev' instance 0 is loaded and cannot run: migration-testdev "
               "was told to fail at 'prepare'" },
    { .name = "prepare-to-run/late",
      .machine = V4,
      .x86_only = true,
      .dst = { "fail=prepare", "delay-ms=300" },
      .words = "cannot run" },
    { .name = "go", .machine = V4, .edit = not_go, .after_go = true, .words = "expected GO" },
    { .name = "start",
      .machine = V4,
      .dst = { "fail=start" },
      .after_go = true,
      .words = "migration-testdev: cannot go to state 'running': migration-testdev was told to "
               "fail at 'start'" },
    { .name = "start/late",
      .machine = V4,
      .x86_only = true,
      .dst = { "fail=start", "delay-ms=300" },
      .after_go = true,
      .words = "cannot go to state 'running'" },
    { .name = "stop",
      .machine = V4,
      .src = { "fail=stop" },
      .our_fault = true,
      .words = "migration-testdev: cannot go to state 'finish-migrate': migration-testdev was told "
               "to fail at 'stop'" },
    { .name = "stop/late",
      .machine = V4,
      .x86_only = true,
      .src = { "fail=stop", "delay-ms=300" },
      .our_fault = true,
      .words = "cannot go to state 'finish-migrate'" },
    { .name = "field", .machine = V3, .src = { "value=1001" }, .words = "value 0x3e9" },
    { .name = "ability",
      .machine = V3,
      .src = { "part=3" },
      .dst = { "takes-part=off" },
      .words = "'migration-testdev/part' cannot be honoured: migration-testdev was told not to" },
    { .name = "post-load", .machine = V3, .dst = { "fail=check" }, .words = "at 'check'" },
    { .name = "prepare-to-run", .machine = V3, .dst = { "fail=prepare" }, .words = "cannot run" },
    { .name = "start", .machine = V3, .dst = { "fail=start" }, .words = "to state 'running'" },
    { .name = "stop",
      .machine = V3,
      .src = { "fail=stop" },
      .our_fault = true,
      .words = "to state 'finish-migrate'" },
};

static void set(QTest *q, const char *setting)
{
    g_auto(GStrv) word = g_strsplit(setting, "=", 2);
    bool flag = g_str_equal(word[1], "on") || g_str_equal(word[1], "off");
    const char *quote = flag || g_ascii_isdigit(*word[1]) ? "" : "\"";
    OK(q,
       "{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"/machine/peripheral/t\", "
       "\"property\": \"%s\", \"value\": %s%s%s}}",
       word[0], quote,
       !flag               ? word[1]
       : word[1][1] == 'n' ? "true"
                           : "false",
       quote);
}

static void set_all(QTest *q, const char *const settings[SETTINGS])
{
    for (int i = 0; i < SETTINGS && settings[i]; i++) {
        set(q, settings[i]);
    }
}

static int64_t number_of(QTest *q, const char *property)
{
    json_object *value = qtest_qmp_ok(q,
                                      "{\"execute\": \"qom-get\", \"arguments\": {\"path\": "
                                      "\"/machine/peripheral/t\", \"property\": \"%s\"}}",
                                      property);
    int64_t n = json_object_get_int64(value);
    json_object_put(value);
    return n;
}

static void set_back(QTest *q)
{
    set(q, "fail=never");
    set(q, "delay-ms=0");
    set(q, "value=7");
    set(q, "part=3");
    set(q, "takes-part=on");
}

static void check_words(const BrokenPair *p, const Point *t)
{
    const char *finder = t->our_fault ? p->src_desc : p->dst_desc;
    const char *other = t->our_fault ? p->dst_desc : p->src_desc;
    if (!strstr(finder, t->words)) {
        g_error("no '%s' in '%s'", t->words, finder);
    }
    g_autofree char *told =
        g_strdup_printf("%s: %s", t->our_fault ? "source" : "destination", finder);
    if (!is_v3(p->machine)) {
        g_assert_cmpstr(other, ==, told);
    } else if (!t->our_fault) { /* version 3 has SHUT 1 and no words */
        g_assert_cmpstr(other, ==, "destination: loading failed");
    }
}

/* The destination's memory where test_point() writes. */
static uint64_t ram_at(const char *machine)
{
    return g_str_has_prefix(machine, "s390") ? 0x200000 : 0x100000;
}

static void fail_once(BrokenPair *p, const Point *t)
{
    Relay r = RELAY_CLEAN;
    r.edit = t->edit;
    r.flip[TO_DST] = t->flip ? t->flip : -1;
    set_all(p->src, t->src);
    set_all(p->dst, t->dst);
    attempt(p, &r);
    g_assert_cmpstr(p->src_status, ==, "failed");
    g_assert_cmpstr(p->dst_status, ==, "failed");
    check_words(p, t);
}

/* A busy host may hold up any one attempt: it fails again, and one of them must be in time. */
static void check_resumed(BrokenPair *p, const Point *t)
{
    for (int tries = 1; tries < 5 && p->resumed_us >= G_USEC_PER_SEC; tries++) {
        fail_once(p, t);
    }
    g_test_message("the source ran again %" G_GINT64_FORMAT " us after the destination's word",
                   p->resumed_us);
    g_test_minimized_result((double)p->resumed_us, "resumed after us");
    g_assert_cmpint(p->resumed_us, >=, 0);
    g_assert_cmpint(p->resumed_us, <, G_USEC_PER_SEC);
}

/* EVIDENCE: MIG-WIRE-043, MIG-WIRE-015, MIG-HAND-001, MIG-HAND-002 */
static void test_point(gconstpointer data)
{
    const Point *t = data;
    BrokenPair p;
    Relay again = RELAY_CLEAN;
    pair_open(&p, t->machine, DEVICE, NULL);
    qtest_writel(p.src, ram_at(t->machine), 0x600dcafe);
    fail_once(&p, t);
    if (!t->our_fault) {
        check_resumed(&p, t);
    }
    set_back(p.src);
    set_back(p.dst);
    attempt(&p, &again);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    g_assert_cmphex(qtest_readl(p.dst, ram_at(t->machine)), ==, 0x600dcafe);
    pair_close(&p);
}

/* State that the destination cannot honour and whose loss the guest survives: the move succeeds, and the
   operator can see what did not arrive. EVIDENCE: MIG-WIRE-028 */
static void test_left_out(gconstpointer machine)
{
    const char *text = "section 'migration-testdev' instance 0: subsection "
                       "'migration-testdev/note' is left out: migration-testdev was told not to "
                       "take its note";
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, DEVICE, NULL);
    set(p.src, "part=3");
    set(p.src, "note=5");
    set(p.dst, "takes-note=off");
    attempt(&p, &r);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    json_object *info = qtest_qmp_ok(p.dst, "{\"execute\": \"query-migrate\"}"), *list;
    g_assert_true(json_object_object_get_ex(info, "warnings", &list));
    g_assert_cmpuint(json_object_array_length(list), ==, 1);
    g_assert_cmpstr(json_object_get_string(json_object_array_get_idx(list, 0)), ==, text);
    json_object_put(info);
    json_object *monitor =
        qtest_qmp_ok(p.dst, "{\"execute\": \"human-monitor-command\", \"arguments\": "
                            "{\"command-line\": \"info migrate -a\"}}");
    const char *shown = json_object_get_string(monitor);
    g_assert_nonnull(strstr(shown, text));
    g_assert_nonnull(strstr(shown, "section migration-testdev instance 0: "));
    json_object_put(monitor);
    g_assert_cmpint(number_of(p.dst, "note"), ==, 0);
    g_assert_cmpint(number_of(p.dst, "part"), ==, 3);
    pair_close(&p);
}

/* State that comes to be after the manifest, and that the destination cannot honour. EVIDENCE: MIG-WIRE-028,
   MIG-WIRE-054 */
static void test_ability_lost_under_way(gconstpointer machine)
{
    const char *words = "section 'migration-testdev' instance 0: 'migration-testdev': subsection "
                        "'migration-testdev/part' cannot be honoured: migration-testdev was told "
                        "not to take its part";
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, DEVICE, NULL);
    set(p.src, "part=0");
    set(p.dst, "takes-part=off");
    set_cap(p.src, "pause-before-switchover");
    begin(&p, &r);
    wait_for_status(p.src, "pre-switchover");
    set(p.src, "part=3");
    OK(p.src,
       "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"pre-switchover\"}}");
    conclude(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_cmpstr(p.dst_desc, ==, words);
    g_assert_true(g_str_has_prefix(p.src_desc, "destination: "));
    g_assert_cmpstr(p.src_desc + strlen("destination: "), ==, words);
    pair_close(&p);
}

/* ---- a disk that somebody else has ---- */

typedef struct {
    BrokenPair p;
    QTest *thief; /* has the destination's disk */
    char *path[2], *options[2];
} DiskPair;

/* @more: of the destination. */
static void disk_open(DiskPair *d, const char *machine, const char *more)
{
    const char *bus = g_str_equal(arch_of(machine), "s390x") ? "ccw" : "pci";
    for (int i = 0; i < 2; i++) {
        int fd = g_file_open_tmp("ferry-disk-XXXXXX", &d->path[i], NULL);
        g_assert_cmpint(fd, >=, 0);
        g_close(fd, NULL);
        g_assert_true(g_file_set_contents(d->path[i], (char[512]){ 0 }, 512, NULL));
        d->options[i] = g_strdup_printf("-drive file=%s,if=none,id=d,format=raw "
                                        "-device virtio-blk-%s,drive=d%s",
                                        d->path[i], bus, i ? more : "");
    }
    pair_open(&d->p, machine, d->options[0], d->options[1]);
    d->thief = qtest_start(arch_of(machine), "-accel qtest -machine %s -nodefaults -m 4 %s",
                           machine, d->options[1]);
}

static void disk_close(DiskPair *d)
{
    g_clear_pointer(&d->thief, qtest_end);
    pair_close(&d->p);
    for (int i = 0; i < 2; i++) {
        g_unlink(d->path[i]);
        g_free(d->path[i]);
        g_free(d->options[i]);
    }
}

/* The guest goes on at the source, which says whose disk it was. */
static void disk_fails(DiskPair *d)
{
    BrokenPair *p = &d->p;
    Relay r = RELAY_CLEAN;
    attempt(p, &r);
    g_assert_cmpstr(p->src_status, ==, "failed");
    g_assert_cmpstr(p->dst_status, ==, "failed");
    g_assert_nonnull(strstr(p->dst_desc, d->path[1]));
    g_assert_true(is_v3(p->machine) || strstr(p->src_desc, d->path[1]));
}

/* Somebody else has the destination's disk. EVIDENCE: MIG-WIRE-043, MIG-WIRE-045 */
static void test_disk(gconstpointer machine)
{
    DiskPair d = { .thief = NULL };
    Relay again = RELAY_CLEAN;
    disk_open(&d, machine, "");
    disk_fails(&d);
    set_cap(d.p.dst,
            "late-block-activate"); /* the guest is to run: it needs its disks all the same */
    disk_fails(&d);
    g_clear_pointer(&d.thief, qtest_end);
    attempt(&d.p, &again);
    g_assert_cmpstr(d.p.dst_status, ==, "completed");
    disk_close(&d);
}

/* A guest that is to stay stopped needs its disks at once, unless the capability says that they may wait: then `cont`
   takes them, says why it cannot, and can be given again. EVIDENCE: MIG-WIRE-047 */
static void test_late_disk(gconstpointer machine)
{
    DiskPair d = { .thief = NULL };
    Relay r = RELAY_CLEAN;
    json_object *reply, *error;
    disk_open(&d, machine, " -S");
    disk_fails(&d);
    set_cap(d.p.dst, "late-block-activate");
    begin(&d.p, &r);
    wait_for_status(d.p.src, "completed");
    wait_for_status(d.p.dst, "completed");
    relay_end(&r);
    g_assert_false(is_running(d.p.src) || is_running(d.p.dst));
    reply = qtest_qmp(d.p.dst, "{\"execute\": \"cont\"}");
    g_assert_true(json_object_object_get_ex(reply, "error", &error));
    g_assert_nonnull(strstr(member(error, "desc"), d.path[1]));
    json_object_put(reply);
    g_assert_false(is_running(d.p.dst));
    g_clear_pointer(&d.thief, qtest_end);
    OK(d.p.dst, "{\"execute\": \"cont\"}");
    g_assert_true(is_running(d.p.dst));
    disk_close(&d);
}

/* A state that is not the one after a reset moves to where a device refuses it (@how). Returns what register 0x21, the
   interrupt controller's mask, was on both sides; it was fresh ^ 0x5a at the source. */
static uint8_t refused_state(BrokenPair *p, gconstpointer machine, const char *how)
{
    const char *const refusal[SETTINGS] = { how };
    Relay r = RELAY_CLEAN;
    pair_open(p, machine, DEVICE, NULL);
    uint8_t fresh = qtest_inb(p->dst, 0x21);
    qtest_outb(p->src, 0x21, fresh ^ 0x5a);
    set_all(p->dst, refusal);
    attempt(p, &r);
    g_assert_cmpstr(p->dst_status, ==, "failed");
    return fresh;
}

/* Everything is installed when a device refuses to run: none of it stays, so that what did not come with the next
   stream is as after a reset. EVIDENCE: MIG-HAND-002 */
static void test_reset(gconstpointer machine)
{
    BrokenPair p;
    uint8_t fresh = refused_state(&p, machine, "fail=prepare");
    g_assert_cmphex(qtest_inb(p.src, 0x21), ==, fresh ^ 0x5a);
    g_assert_cmphex(qtest_inb(p.dst, 0x21), ==, fresh);
    pair_close(&p);
}

/* What failed behind GO is kept, in case it is the only copy; another migrate-incoming drops all of it. EVIDENCE:
   MIG-WIRE-045 */
static void test_kept(gconstpointer machine)
{
    BrokenPair p;
    uint8_t fresh = refused_state(&p, machine, "fail=start");
    g_assert_cmphex(qtest_inb(p.dst, 0x21), ==, fresh ^ 0x5a);
    OK(p.dst, "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"unix:%s/c\"}}",
       p.dir);
    g_assert_cmphex(qtest_inb(p.dst, 0x21), ==, fresh);
    pair_close(&p);
}

/* The first device agreed already when the second one refuses: it is told back, the VM is as it
   was, and the next start works. EVIDENCE: MIG-HAND-003 */
static void test_told_back(gconstpointer machine)
{
    QTest *q = qtest_start(arch_of(machine),
                           "-accel qtest -S -machine %s -nodefaults -m 4 -device migration-testdev "
                           "-device migration-testdev,id=t,fail=start,fail-times=1",
                           (const char *)machine);
    json_object *reply = qtest_qmp(q, "{\"execute\": \"cont\"}"), *error;
    g_assert_true(json_object_object_get_ex(reply, "error", &error));
    g_assert_nonnull(strstr(member(error, "desc"), "cannot go to state 'running'"));
    json_object_put(reply);
    g_assert_false(is_running(q));
    OK(q, "{\"execute\": \"cont\"}");
    g_assert_true(is_running(q));
    qtest_end(q);
}

static void add_point(const Point *t)
{
    g_autofree char *name = g_strconcat("error/", t->name, NULL);
    pair_add_test(t->machine, name, test_point, t);
}

static void add_all(const char *machine)
{
    pair_add_test(machine, "ability/left-out-and-told", test_left_out, machine);
    pair_add_test(machine, "error/disk", test_disk, machine);
    pair_add_test(machine, "disk-taken-late", test_late_disk, machine);
    if (!is_v3(machine)) {
        pair_add_test(machine, "ability/lost-under-way", test_ability_lost_under_way, machine);
        pair_add_test(machine, "error/those-who-agreed-are-told-back", test_told_back, machine);
    }
}

int main(int argc, char **argv)
{
    static Point others[G_N_ELEMENTS(points)];
    size_t n = 0;

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
        add_point(&points[i]);
        if (!points[i].x86_only && g_str_has_prefix(points[i].machine, "pc-")) {
            others[n] = points[i];
            others[n].machine = is_v3(points[i].machine) ? S390_V3 : S390_V4;
            add_point(&others[n++]);
        }
    }
    pair_add_test(V4, "error/nothing-of-it-stays", test_reset, V4);
    pair_add_test(V3, "error/nothing-of-it-stays", test_reset, V3);
    pair_add_test(V4, "error/what-was-kept-is-dropped", test_kept, V4);
    add_all(V4);
    add_all(V3);
    add_all(S390_V4);
    add_all(S390_V3);
    return g_test_run();
}
