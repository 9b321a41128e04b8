/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM blocks that change while a migration is under way: every kind of change, in every phase, on
 * either side, ends it with the block's name and the value before and after, in the same words on both
 * sides, and the source's guest goes on. The blocks belong to migration-testdev.
 */
#include <string.h>
#include "broken-pair.h"

#define BLOCK "-device migration-testdev,id=t,ram-length=64K,ram-name=t.ram"
#define BACKEND                                                                         \
    "-object memory-backend-ram,id=m,size=64K,x-use-canonical-path-for-ramblock-id=on " \
    "-device migration-testdev,id=t,memdev=m"
#define NO_BLOCK "-device migration-testdev,id=t,ram-name=t.ram"

typedef struct {
    const char *name, *options;
    const char *property, *value; /* then the change is applied */
    const char *words;
} Change;

static const Change changes[] = {
    { "added", NO_BLOCK, "ram-length", "65536",
      "RAM block 't.ram' added during precopy: absent before, 0x10000 bytes now" },
    { "removed", BLOCK, "ram-length", "0",
      "RAM block 't.ram' removed during precopy: 0x10000 bytes before, absent now" },
    { "resized", BLOCK, "ram-length", "131072",
      "RAM block 't.ram' resized during precopy: 0x10000 bytes before, 0x20000 now" },
    { "renamed", BLOCK, "ram-name", "\"u.ram\"",
      "RAM block 't.ram' renamed during precopy: 't.ram' before, 'u.ram' now" },
    { "unmigratable", BLOCK, "ram-migratable", "false",
      "RAM block 't.ram' became unmigratable during precopy: migratable before, unmigratable now" },
    { "migratable", BLOCK ",ram-migratable=off", "ram-migratable", "true",
      "RAM block 't.ram' became migratable during precopy: unmigratable before, migratable now" },
    { "backend-removed", BACKEND, "release", "true",
      "RAM block '/objects/m' became unmigratable during precopy: migratable before, unmigratable "
      "now" },
};

static const char *const phases[] = { "setup", "active", "pre-switchover" };

typedef struct {
    const char *machine, *phase;
    bool at_source;
    const Change *change;
} Case;

static void set(QTest *q, const char *property, const char *value)
{
    OK(q,
       "{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"/machine/peripheral/t\", "
       "\"property\": \"%s\", \"value\": %s}}",
       property, value);
}

static void change(QTest *q, const Change *c)
{
    set(q, c->property, c->value);
    if (g_str_equal(c->property, "release")) {
        OK(q, "{\"execute\": \"object-del\", \"arguments\": {\"id\": \"m\"}}");
    } else {
        set(q, "apply", "true");
    }
}

/* Brings a migration to the phase and leaves it there. */
static void go_to(BrokenPair *p, Relay *r, const char *phase)
{
    if (g_str_equal(phase, "setup")) {
        r->hold[TO_SRC] = 0; /* the answer to the manifest, or to the first PING, does not come */
    } else if (g_str_equal(phase, "active")) {
        set_param(p->src, "max-bandwidth", 4096);
        set_param(p->src, "downtime-limit", 0);
    } else {
        set_cap(p->src, "pause-before-switchover");
    }
    begin(p, r);
    wait_for_status(p->src, phase);
    wait_for_status(p->dst, "active");
    if (r->hold[TO_SRC] == 0) {
        g_assert_true(relay_wait_held(r)); /* the source has listed its blocks */
    }
}

/* EVIDENCE: MIG-RAM-001, MIG-RAM-002, MIG-RAM-003, MIG-WIRE-015 */
static void test_change(gconstpointer data)
{
    const Case *c = data;
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, c->machine, c->change->options, NULL);
    qtest_memset(p.src, 0x100000, 0xaa, 1 << 20);
    go_to(&p, &r, c->phase);
    change(c->at_source ? p.src : p.dst, c->change);
    relay_release(&r);
    conclude(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_cmpstr(p.dst_status, ==, "failed");
    g_assert_true(is_running(p.src));
    g_autofree char *told =
        g_strdup_printf("%s: %s", c->at_source ? "source" : "destination", c->change->words);
    if (c->at_source) {
        g_assert_cmpstr(p.src_desc, ==, c->change->words);
        g_assert_true(is_v3(c->machine) || g_str_equal(p.dst_desc, told));
    } else {
        g_assert_cmpstr(p.dst_desc, ==, c->change->words);
        g_assert_true(is_v3(c->machine) || g_str_equal(p.src_desc, told));
    }
    pair_close(&p);
}

/* What does not travel may change, in any way. */
static void test_bystander(gconstpointer machine)
{
    static const Change some[] = {
        { "resized", "", "ram-length", "131072", "" },
        { "renamed", "", "ram-name", "\"v.ram\"", "" },
        { "removed", "", "ram-length", "0", "" },
        { "added", "", "ram-length", "65536", "" },
    };
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, BLOCK ",ram-migratable=off", NULL);
    go_to(&p, &r, "pre-switchover");
    for (size_t i = 0; i < G_N_ELEMENTS(some); i++) {
        change(p.src, &some[i]);
        change(p.dst, &some[i]);
    }
    OK(p.src, "{\"execute\": \"object-add\", \"arguments\": {\"qom-type\": \"memory-backend-ram\", "
              "\"id\": \"m\", \"size\": 65536}}");
    OK(p.src, "{\"execute\": \"object-del\", \"arguments\": {\"id\": \"m\"}}");
    OK(p.src,
       "{\"execute\": \"migrate-continue\", \"arguments\": {\"state\": \"pre-switchover\"}}");
    conclude(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "completed");
    g_assert_cmpstr(p.dst_status, ==, "completed");
    pair_close(&p);
}

/* Of the manifest of a machine: how long a block is; 0: it is not there. */
static int64_t length_of(QTest *q, const char *name)
{
    json_object *manifest = qtest_qmp_ok(q, "{\"execute\": \"query-migrate-manifest\"}"), *list;
    int64_t length = 0;
    g_assert_true(json_object_object_get_ex(manifest, "ram-blocks", &list));
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *row = json_object_array_get_idx(list, i);
        length = g_str_equal(member(row, "name"), name) ? atoll(member(row, "length")) : length;
    }
    json_object_put(manifest);
    return length;
}

/* What the source says of a block's length holds, and is no change that would end it. EVIDENCE: MIG-RAM-003 */
static void test_as_long_as_there(gconstpointer machine)
{
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, BLOCK, "-device migration-testdev,id=t,ram-length=32K,ram-name=t.ram");
    g_assert_cmpint(length_of(p.dst, "t.ram"), ==, 32 << 10);
    attempt(&p, &r);
    g_assert_cmpstr(p.dst_status, ==, "completed");
    g_assert_cmpint(length_of(p.dst, "t.ram"), ==, 64 << 10);
    pair_close(&p);
}

/* The guest has been handed over: what changes on either side from then on is nobody's business. EVIDENCE: MIG-RAM-001 */
static void test_behind_go(gconstpointer machine)
{
    static const Change length = { "", "", "ram-length", "131072", "" };
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, BLOCK, NULL);
    Lengths l = measure(&p);
    const GArray *back = l.edges[TO_SRC];
    r.hold[TO_SRC] = g_array_index(back, int64_t, back->len - 1); /* SHUT 0 */
    begin(&p, &r);
    g_assert_true(relay_wait_held(&r));
    change(p.src, &length);
    change(p.dst, &length);
    relay_release(&r);
    conclude(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "completed");
    g_assert_cmpstr(p.dst_status, ==, "completed");
    lengths_clear(&l);
    pair_close(&p);
}

/* GO is on its way: the destination, whose block has changed, does not run the guest, and says so. EVIDENCE: MIG-RAM-001,
   MIG-RAM-002 */
static void test_ahead_of_go(gconstpointer machine)
{
    static const Change length = { "", "", "ram-length", "131072", "" };
    const char *words =
        "RAM block 't.ram' resized during precopy: 0x10000 bytes before, 0x20000 now";
    BrokenPair p;
    Relay r = RELAY_CLEAN;
    pair_open(&p, machine, BLOCK, NULL);
    Lengths l = measure(&p);
    r.hold[TO_DST] = l.safe;
    begin(&p, &r);
    g_assert_true(relay_wait_held(&r));
    wait_for_status(p.src, "handover");
    change(p.dst, &length);
    relay_release(&r);
    conclude(&p, &r);
    g_assert_cmpstr(p.src_status, ==, "failed");
    g_assert_cmpstr(p.dst_status, ==, "failed");
    g_assert_cmpstr(p.dst_desc, ==, words);
    g_autofree char *told = g_strdup_printf("destination: %s", words);
    g_assert_cmpstr(p.src_desc, ==, told);
    lengths_clear(&l);
    pair_close(&p);
}

static void add_case(const char *machine, const char *phase, bool at_source, const Change *change)
{
    Case *c = g_new(Case, 1);
    *c = (Case){ machine, phase, at_source, change };
    g_autofree char *name =
        g_strdup_printf("/%s/migration/%sram-block/%s/%s/%s", arch_of(machine),
                        is_v3(machine) ? "version-3/" : "", at_source ? "source" : "destination",
                        phase, change->name);
    g_test_add_data_func_full(name, c, test_change, g_free);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t k = 0; k < G_N_ELEMENTS(changes); k++) {
        for (size_t n = 0; n < G_N_ELEMENTS(phases); n++) {
            add_case(V4, phases[n], true, &changes[k]);
            add_case(V4, phases[n], false, &changes[k]);
        }
        add_case(V3, "active", true, &changes[k]);
        add_case(V3, "active", false, &changes[k]);
        for (size_t n = 0; n < G_N_ELEMENTS(phases); n++) {
            add_case(S390_V4, phases[n], n != 2, &changes[k]);
        }
        add_case(S390_V3, "active", k & 1, &changes[k]);
    }
    g_test_add_data_func("/x86_64/migration/ram-block/that-does-not-travel-may-change", V4,
                         test_bystander);
    g_test_add_data_func("/s390x/migration/ram-block/that-does-not-travel-may-change", S390_V4,
                         test_bystander);
    pair_add_test(V4, "ram-block/as-long-as-at-the-source", test_as_long_as_there, V4);
    pair_add_test(V3, "ram-block/as-long-as-at-the-source", test_as_long_as_there, V3);
    pair_add_test(V4, "ram-block/behind-go-all-may-change", test_behind_go, V4);
    pair_add_test(S390_V4, "ram-block/behind-go-all-may-change", test_behind_go, S390_V4);
    pair_add_test(V4, "ram-block/ahead-of-go-it-does-not-run", test_ahead_of_go, V4);
    return g_test_run();
}
