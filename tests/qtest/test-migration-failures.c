/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens when a migration breaks, at any byte and in either direction: a relay between the two
 * processes passes a chosen number of bytes and then cuts the connection, flips a bit, or changes
 * the version. After each: never two that run, a source that runs on unless it had said GO, both
 * sides with a cause, and a destination that takes the next attempt. The guest is a small machine
 * that executes nothing, so that an attempt takes milliseconds.
 */
#include <string.h>
#include "broken-pair.h"
#include "tests/unit/effort.h"

/* In a sanitized build, and on s390x, one place of so many: the code that runs is the same. */
static int step(const BrokenPair *p)
{
    return (TEST_SANITIZED ? 5 : 1) * (g_str_equal(arch_of(p->machine), "s390x") ? 5 : 1);
}

static void cut_forward(BrokenPair *p, int64_t at, const Lengths *l)
{
    Relay r = RELAY_CLEAN;

    r.cut[TO_DST] = at;
    attempt(p, &r);
    if (at <= l->safe) {
        g_assert_cmpstr(p->src_status, ==, "failed");
    }
    if (at < l->safe || is_v3(p->machine)) {
        g_assert_cmpstr(p->dst_status, ==, at <= l->safe ? "failed" : p->dst_status);
    } else if (at < l->to_dst) { /* READY was said: whoever dies, a whole guest is left */
        g_assert_cmpstr(p->dst_status, ==, "handover-lost");
    }
    recover(p);
}

/* EVIDENCE: MIG-WIRE-013, MIG-WIRE-041, MIG-WIRE-042, MIG-WIRE-044 */
static void test_cut_forward(const void *machine)
{
    BrokenPair p;

    pair_open(&p, machine, NULL, NULL);
    Lengths l = measure(&p);
    for (int i = 0; i < 300; i += step(&p)) {
        cut_forward(&p, l.to_dst * i / 300, &l);
    }
    for (int64_t at = 0; at < 120; at += step(&p)) {
        cut_forward(&p, at, &l);
    }
    for (int64_t at = l.safe - 40; at < MIN(l.safe + 40, l.to_dst); at += step(&p)) {
        cut_forward(&p, at, &l);
    }
    lengths_clear(&l);
    pair_close(&p);
}

/* The source dies between READY and GO: the only copy is kept, even where a failure ends the process, and
 * runs when it is told to. EVIDENCE: MIG-WIRE-045 */
static void test_source_dies_before_go(const void *machine)
{
    BrokenPair p;

    pair_open(&p, machine, NULL, NULL);
    qtest_writel(p.src, 0x1000, 0x600dcafe);
    Lengths l = measure(&p);
    Relay r = RELAY_CLEAN;
    r.cut[TO_DST] = l.safe;
    attempt(&p, &r);
    g_assert_cmpstr(p.dst_status, ==, "handover-lost");
    qtest_end(p.src);
    g_assert_false(is_running(p.dst));
    OK(p.dst, "{\"execute\": \"cont\"}");
    g_assert_true(is_running(p.dst));
    g_assert_cmphex(qtest_readl(p.dst, 0x1000), ==, 0x600dcafe);
    wait_final(p.dst, p.dst_status, &p.dst_desc);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    new_source(&p);
    lengths_clear(&l);
    pair_close(&p);
}

/* EVIDENCE: MIG-WIRE-040, MIG-WIRE-042 */
static void test_cut_back(const void *machine)
{
    BrokenPair p;

    pair_open(&p, machine, NULL, NULL);
    Lengths l = measure(&p);
    for (int64_t at = 0; at < l.to_src; at += step(&p)) {
        Relay r = RELAY_CLEAN;

        r.cut[TO_SRC] = at;
        attempt(&p, &r);
        recover(&p);
    }
    lengths_clear(&l);
    pair_close(&p);
}

static void flip(BrokenPair *p, int64_t bit)
{
    Relay r = RELAY_CLEAN;

    r.flip[TO_DST] = bit;
    attempt(p, &r);
    g_assert_cmpstr(p->src_status, ==, "failed");
    g_assert_cmpstr(p->dst_status, ==, "failed");
    g_assert_true(g_str_has_prefix(p->src_desc, "destination: "));
    g_assert_cmpstr(p->src_desc + strlen("destination: "), ==, p->dst_desc);
    g_assert_nonnull(strstr(p->dst_desc, "checksum"));
}

/* Not in a length: that is found by waiting, see the unit test. */
/* EVIDENCE: MIG-WIRE-011, MIG-WIRE-043 */
static void test_flip(const void *machine)
{
    BrokenPair p;

    pair_open(&p, machine, NULL, NULL);
    for (int i = 0; i < 64; i += step(&p)) {
        flip(&p, 8 * (8 + 4) + i); /* check and content of the first frame */
    }
    pair_close(&p);
}

/* EVIDENCE: MIG-WIRE-001 */
static void test_version(const void *machine)
{
    BrokenPair p;

    pair_open(&p, machine, NULL, NULL);
    for (int64_t version = 5; version < 8; version++) {
        g_autofree char *words =
            g_strdup_printf("stream version %d is not supported", (int)version);
        Relay r = RELAY_CLEAN;

        r.version = version;
        attempt(&p, &r);
        g_assert_cmpstr(p.src_status, ==, "failed");
        g_assert_nonnull(strstr(p.src_desc, words));
        g_assert_nonnull(strstr(p.dst_desc, words));
    }
    pair_close(&p);
}

/* The channel breaks while the source waits for migrate-continue: it waits no longer. */
/* EVIDENCE: MIG-WIRE-042 */
static void test_cut_before_switchover(const void *machine)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;

    pair_open(&p, machine, NULL, NULL);
    set_cap(p.src, "pause-before-switchover");
    begin(&p, &r);
    wait_for_status(p.src, "pre-switchover");
    wait_for_status(p.dst, "active"); /* version 3 does not wait for the destination */
    new_destination(&p);              /* the first one quits */
    wait_final(p.src, p.src_status, &p.src_desc);
    relay_end(&r);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_true(*p.src_desc);
    g_assert_true(is_running(p.src));
    pair_close(&p);
}

/* ---- destinations that are not the same ---- */

typedef struct {
    const char *name, *machine, *src, *dst, *cause;
    bool source_knows; /* version 3 has no words for it */
} Mismatch;

static const Mismatch mismatches[] = {
    { "missing-device", V4, "-device virtio-net-pci,romfile=", "", "virtio-net", true },
    { "missing-device", V3, "-device virtio-net-pci,romfile=", "", "virtio-net", false },
    { "additional-device", V4, "", "-device virtio-net-pci,romfile=", "missing in the stream",
      true },
    { "other-slot", V4, "-device virtio-net-pci,romfile=,addr=5",
      "-device virtio-net-pci,romfile=,addr=6", "0000:00:05.0/", true },
    { "other-slot", V3, "-device virtio-net-pci,romfile=,addr=5",
      "-device virtio-net-pci,romfile=,addr=6", "0000:00:05.0/", false },
    { "more-ram", V4, "", "-m 8", "pc.ram", true },
    { "more-ram", V3, "", "-m 8", "pc.ram", false },
    { "less-ram", V4, "-m 8", "", "pc.ram", true },
    { "more-cpus", V4, "-smp 2", "", "apic", true },
    { "more-cpus", V3, "-smp 2", "", "apic", false },
    { "missing-device", S390_V4, "-device virtio-net-ccw", "", "virtio-net", true },
    { "missing-device", S390_V3, "-device virtio-net-ccw", "", "virtio-net", false },
    { "additional-device", S390_V4, "", "-device virtio-net-ccw", "missing in the stream", true },
    { "other-device-number", S390_V4, "-device virtio-net-ccw,devno=fe.0.0005",
      "-device virtio-net-ccw,devno=fe.0.0006", "fe.0.0005", true },
    { "other-device-number", S390_V3, "-device virtio-net-ccw,devno=fe.0.0005",
      "-device virtio-net-ccw,devno=fe.0.0006", "fe.0.0005", false },
    { "more-ram", S390_V4, "", "-m 8", "s390.ram", true },
    { "more-ram", S390_V3, "", "-m 8", "s390.ram", false },
    { "less-ram", S390_V4, "-m 8", "", "s390.ram", true },
    { "more-cpus", S390_V4, "-smp 2", "", "cpu", true },
    { "more-cpus", S390_V3, "-smp 2", "", "cpu", false },
    { "other-machine", S390_V4, "", "-machine " S390_V3, "machine type", true },
    { "other-machine", S390_V3, "", "-machine " S390_V4, "machine type", false },
    { "other-machine", V4, "", "-machine " V3, "machine type", true },
    { "other-machine", V3, "", "-machine " V4, "machine type", false },
};

/* EVIDENCE: MIG-WIRE-003, MIG-WIRE-004, MIG-WIRE-030, MIG-WIRE-043 */
static void test_mismatch(const void *data)
{
    const Mismatch *m = data;
    BrokenPair p;
    Relay r = RELAY_CLEAN;

    pair_open(&p, m->machine, m->src, m->dst);
    attempt(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_cmpstr(p.dst_status, ==, "failed");
    g_assert_nonnull(strstr(p.dst_desc, m->cause));
    if (m->source_knows) {
        g_assert_nonnull(strstr(p.src_desc, m->cause));
    } else if (g_str_equal(m->name,
                           "other-machine")) { /* before there is a way back: it just leaves */
        g_assert_null(strstr(p.src_desc, "invalid message"));
    } else {
        g_assert_cmpstr(p.src_desc, ==, "destination: loading failed");
    }
    pair_close(&p);
}

static void add_all(const char *machine)
{
    pair_add_test(machine, "broken/cut-anywhere", test_cut_forward, machine);
    pair_add_test(machine, "broken/no-way-back", test_cut_back, machine);
    pair_add_test(machine, "broken/before-switchover", test_cut_before_switchover, machine);
    if (!is_v3(machine)) {
        pair_add_test(machine, "broken/source-dies-before-go", test_source_dies_before_go, machine);
        pair_add_test(machine, "broken/flipped-bit", test_flip, machine);
        pair_add_test(machine, "refused/other-version", test_version, machine);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_all(V4);
    add_all(V3);
    add_all(S390_V4);
    add_all(S390_V3);
    for (size_t i = 0; i < G_N_ELEMENTS(mismatches); i++) {
        g_autofree char *name = g_strconcat("refused/", mismatches[i].name, NULL);

        pair_add_test(mismatches[i].machine, name, test_mismatch, &mismatches[i]);
    }
    return g_test_run();
}
