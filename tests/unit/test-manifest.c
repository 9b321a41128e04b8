/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What two manifests have against each other where it cannot be had from two machines of this build: versions, and
 * subsections that only one of two builds knows. And what a machine's own manifest says of its subsections.
 */
#include <string.h>
#include "machine-vm.h"
#include "migration/manifest.h"

#define NOTHING " -accel qtest -S -display none -nodefaults -m 4 -bios {dir}/bios"

typedef struct {
    const char *name;
    ManifestSubsection theirs, ours; /* name NULL: it is not there */
    const char *problem;             /* NULL: none */
} Row;

#define SENT        true, false, NULL
#define IDLE        true, true, NULL
#define REFUSED(of) true, true, (char *)(of)
#define WHERE       "section 'dev' instance 7: "

static const Row rows[] = {
    { "alike", { (char *)"dev/a", 2, 2, SENT }, { (char *)"dev/a", 2, 1, IDLE }, NULL },
    { "older", { (char *)"dev/a", 1, 1, SENT }, { (char *)"dev/a", 2, 1, IDLE }, NULL },
    { "too-old",
      { (char *)"dev/a", 1, 1, SENT },
      { (char *)"dev/a", 3, 2, IDLE },
      WHERE "subsection 'dev/a' has version 1 there, 2 to 3 are known here" },
    { "257-is-not-1",
      { (char *)"dev/a", 257, 1, SENT },
      { (char *)"dev/a", 1, 1, IDLE },
      WHERE "subsection 'dev/a' has version 257 there, 1 to 1 are known here" },
    { "unknown", { (char *)"dev/a", 1, 1, SENT }, { NULL }, WHERE "unknown subsection 'dev/a'" },
    { "unknown-and-idle", { (char *)"dev/a", 1, 1, IDLE }, { NULL }, NULL },
    { "switched-off-there", { (char *)"dev/a", 1, 1, false, true, NULL }, { NULL }, NULL },
    { "only-here", { NULL }, { (char *)"dev/a", 1, 1, SENT }, NULL },
    { "not-honoured",
      { (char *)"dev/a", 1, 1, SENT },
      { (char *)"dev/a", 1, 1, REFUSED("no luck") },
      WHERE "subsection 'dev/a' cannot be honoured: no luck" },
    { "not-honoured-and-idle",
      { (char *)"dev/a", 1, 1, IDLE },
      { (char *)"dev/a", 1, 1, REFUSED("no luck") },
      NULL },
};

static Manifest *one_section(const ManifestSubsection *sub)
{
    Manifest *m = manifest_new();
    ManifestSection *s = manifest_add_section(m, "dev", 7, 1, 1);

    if (sub->name) {
        manifest_add_subsection(s, sub);
    }
    return m;
}

/* EVIDENCE: MIG-WIRE-051, MIG-WIRE-054 */
static void test_problem(gconstpointer data)
{
    const Row *row = data;
    g_autoptr(Manifest) theirs = one_section(&row->theirs), ours = one_section(&row->ours);
    g_autoptr(GPtrArray) problems = manifest_problems(theirs, ours);

    g_assert_cmpuint(problems->len, ==, row->problem ? 1 : 0);
    if (row->problem) {
        g_assert_cmpstr(g_ptr_array_index(problems, 0), ==, row->problem);
    }
}

/* What is not about subsections: one difference each. */
typedef struct {
    const char *name;
    void (*change)(Manifest *theirs, Manifest *ours);
    const char *problems[2]; /* NULL: no more */
} Whole;

static void other_machine(Manifest *theirs, Manifest *ours)
{
    theirs->machine = g_strdup("a");
    ours->machine = g_strdup("b");
    theirs->page_size = 8192;
    manifest_add_feature(theirs, "x");
}
static void other_pages(Manifest *theirs, Manifest *ours)
{
    theirs->page_size = 8192;
}
static void no_checksum(Manifest *theirs, Manifest *ours)
{
    theirs->ram_checksum = false;
}
static void checksum_not_wanted(Manifest *theirs, Manifest *ours)
{
    ours->ram_checksum = false;
}
static void too_new(Manifest *theirs, Manifest *ours)
{
    manifest_add_section(theirs, "other", 0, 257, 257);
    manifest_add_section(ours, "other", 0, 1, 1);
}
static void too_old(Manifest *theirs, Manifest *ours)
{
    manifest_add_section(theirs, "other", 0, 1, 1);
    manifest_add_section(ours, "other", 0, 3, 2);
}
static void old_enough(Manifest *theirs, Manifest *ours)
{
    manifest_add_section(theirs, "other", 0, 2, 2);
    manifest_add_section(ours, "other", 0, 3, 2);
}
static void other_instance(Manifest *theirs, Manifest *ours)
{
    manifest_add_section(theirs, "other", 1, 1, 1);
    manifest_add_section(ours, "other", 2, 1, 1);
}
static void longer_than_fits(Manifest *theirs, Manifest *ours)
{
    manifest_add_block(theirs, "ram", 0x3000, 0x3000, true);
    manifest_add_block(ours, "ram", 0x1000, 0x2000, true);
}
static void fits_when_resized(Manifest *theirs, Manifest *ours)
{
    manifest_add_block(theirs, "ram", 0x2000, 0x3000, true);
    manifest_add_block(ours, "ram", 0x1000, 0x2000, true);
}
static void of_one_length(Manifest *theirs, Manifest *ours)
{
    manifest_add_block(theirs, "ram", 0x1000, 0x1000, true);
    manifest_add_block(ours, "ram", 0x2000, 0x2000, false);
}
static void other_block(Manifest *theirs, Manifest *ours)
{
    manifest_add_block(theirs, "one", 0x1000, 0x1000, false);
    manifest_add_block(ours, "two", 0x1000, 0x1000, false);
}
static void feature_missing(Manifest *theirs, Manifest *ours)
{
    manifest_add_feature(theirs, "x");
    manifest_add_feature(ours, "y");
}

static const Whole wholes[] = {
    { "another-machine-is-told-alone",
      other_machine,
      { "machine type received is 'a' and local is 'b'" } },
    { "other-pages", other_pages, { "guest pages have 8192 bytes there and 4096 here" } },
    { "no-checksums",
      no_checksum,
      { "the source has capability 'ram-checksum' off, and it is on here" } },
    { "checksums-that-are-not-wanted", checksum_not_wanted, { NULL } },
    { "section-too-new",
      too_new,
      { "section 'other' has version 257 there, 1 to 1 are known here" } },
    { "section-too-old",
      too_old,
      { "section 'other' has version 1 there, 2 to 3 are known here" } },
    { "section-old-enough", old_enough, { NULL } },
    { "another-instance",
      other_instance,
      { "unknown section 'other' instance 1: there is no such device here",
        "section 'other' instance 2 is missing in the stream" } },
    { "a-block-longer-than-fits",
      longer_than_fits,
      { "RAM block 'ram' has 0x3000 bytes there, at most 0x2000 fit here" } },
    { "a-block-that-fits-when-resized", fits_when_resized, { NULL } },
    { "a-block-of-one-length",
      of_one_length,
      { "RAM block 'ram' has 0x1000 bytes there and 0x2000 here" } },
    { "another-block",
      other_block,
      { "there is no RAM block 'one' here",
        "RAM block 'two' (0x1000 bytes) is missing in the stream" } },
    { "a-feature-that-is-missing",
      feature_missing,
      { "CPU feature 'x' of the guest is missing here" } },
};

/* EVIDENCE: MIG-WIRE-051, MIG-WIRE-052 */
static void test_whole(gconstpointer data)
{
    const Whole *w = data;
    g_autoptr(Manifest) theirs = manifest_new(), ours = manifest_new();

    theirs->page_size = ours->page_size = 4096;
    w->change(theirs, ours);
    g_autoptr(GPtrArray) problems = manifest_problems(theirs, ours);
    for (guint i = 0; i < MAX(problems->len, G_N_ELEMENTS(w->problems)); i++) {
        const char *wanted = i < G_N_ELEMENTS(w->problems) ? w->problems[i] : NULL;
        g_assert_cmpstr(i < problems->len ? g_ptr_array_index(problems, i) : NULL, ==, wanted);
    }
}

/* Elements of an array are one row: idle only where all of them are. EVIDENCE: MIG-WIRE-054 */
static void test_joined(void)
{
    ManifestSubsection idle = { (char *)"dev/a", 1, 1, IDLE },
                       sent = { (char *)"dev/a", 1, 1, SENT },
                       off = { (char *)"dev/a", 1, 1, false, true, NULL };
    g_autoptr(Manifest) m = one_section(&off);
    ManifestSection *s = &g_array_index(m->sections, ManifestSection, 0);
    const ManifestSubsection *row = &g_array_index(s->subsections, ManifestSubsection, 0);

    g_assert_false(row->sent);
    manifest_add_subsection(s, &idle);
    g_assert_true(row->sent && row->idle);
    manifest_add_subsection(s, &sent);
    manifest_add_subsection(s, &idle);
    manifest_add_subsection(s, &off);
    g_assert_cmpuint(s->subsections->len, ==, 1);
    g_assert_true(row->sent && !row->idle);
}

static const ManifestSubsection *find(const Manifest *m, const char *section, const char *name)
{
    for (guint i = 0; i < m->sections->len; i++) {
        const ManifestSection *s = &g_array_index(m->sections, ManifestSection, i);

        for (guint k = 0; !strcmp(s->name, section) && k < s->subsections->len; k++) {
            const ManifestSubsection *sub = &g_array_index(s->subsections, ManifestSubsection, k);
            if (!strcmp(sub->name, name)) {
                return sub;
            }
        }
    }
    return NULL;
}

typedef struct {
    const char *section, *name, *options;
    bool is_there, sent, idle;
    const char *refused;
} Own;

#define TESTDEV           "migration-testdev"
#define TESTDEV_WITH(opt) NOTHING " -device " TESTDEV opt
static const Own own[] = {
    { TESTDEV, TESTDEV "/part", TESTDEV_WITH(""), true, true, true, NULL },
    { TESTDEV, TESTDEV "/part", TESTDEV_WITH(",part=3"), true, true, false, NULL },
    { TESTDEV, TESTDEV "/part", TESTDEV_WITH(",takes-part=off"), true, true, true,
      "migration-testdev was told not to take its part" },
    { TESTDEV, TESTDEV "/note", TESTDEV_WITH(",note=3,takes-note=off"), true, true, false, NULL },
    { TESTDEV, TESTDEV "/late", TESTDEV_WITH(",late=3"), true, true, false, NULL },
    { TESTDEV, TESTDEV "/late", TESTDEV_WITH(",late=3,x-late=off"), false, false, false, NULL },
    { "cpu", "cpu/msr_smi_count", TESTDEV_WITH(""), true, true, true, NULL },
    { "cpu", "cpu/msr_smi_count", TESTDEV_WITH("") " -cpu max,x-migrate-smi-count=off", true, false,
      true, NULL },
    { "cpu", "cpu/pkru", TESTDEV_WITH("") " -cpu max,pku=off", true, true, true,
      "CPU feature 'pku' of the guest is missing here" },
};

/* EVIDENCE: MIG-WIRE-054 */
static void test_own(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
        const MachineRow row = { "pc-q35-ferry-1.0", "ferry-system-x86_64", own[i].options,
                                 STREAM_V4 };
        MachineVm *vm = machine_vm_new(&row);
        g_autoptr(Manifest) m = manifest_of(vm->sys.vm);
        const ManifestSubsection *s = find(m, own[i].section, own[i].name);

        g_assert_cmpint(s != NULL, ==, own[i].is_there);
        if (s) {
            g_assert_cmpint(s->sent, ==, own[i].sent);
            g_assert_cmpint(s->idle, ==, own[i].idle);
            g_assert_cmpstr(s->refused, ==, own[i].refused);
        }
        machine_vm_free(vm);
    }
}

/* A machine has nothing against itself, and every subsection that its stream may hold is listed. EVIDENCE: MIG-WIRE-054 */
static void test_self(gconstpointer row)
{
    MachineVm *vm = machine_vm_new(row);
    g_autoptr(Manifest) m = manifest_of(vm->sys.vm);
    g_autoptr(GPtrArray) problems = manifest_problems(m, m), all = machine_vm_sections(vm);

    g_assert_cmpuint(problems->len, ==, 0);
    for (guint i = 0; i < all->len; i++) {
        const Section *s = g_ptr_array_index(all, i);
        g_autofree void *saved = g_malloc0(s->desc->record->size);

        s->desc->ops->save(s->owner, saved);
        for (const Record *const *r = s->desc->record->subsections; r && *r; r++) {
            const ManifestSubsection *listed = find(m, s->idstr, (*r)->name);
            bool sent = (!(*r)->gate || (*r)->gate(saved)) && (*r)->needed(saved);

            g_assert_true(listed || ((*r)->gate && !(*r)->gate(saved)));
            g_assert_true(!sent || (listed->sent && !listed->idle));
        }
        record_clear(s->desc->record, saved);
    }
    machine_vm_free(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strdup_printf("/manifest/subsections/%s", rows[i].name);

        g_test_add_data_func(name, &rows[i], test_problem);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(wholes); i++) {
        g_autofree char *name = g_strdup_printf("/manifest/differences/%s", wholes[i].name);

        g_test_add_data_func(name, &wholes[i], test_whole);
    }
    g_test_add_func("/manifest/elements-of-an-array-are-one-row", test_joined);
    g_test_add_func("/manifest/a-machine-says-what-it-sends-and-what-it-cannot-take", test_own);
    for (size_t i = 0; i < machine_rows_n; i++) {
        g_autofree char *name =
            g_strdup_printf("/manifest/all-that-may-come-is-listed/%s%s%s", machine_rows[i].name,
                            machine_rows[i].variant ? "-" : "",
                            machine_rows[i].variant ? machine_rows[i].variant : "");

        g_test_add_data_func(name, &machine_rows[i], test_self);
    }
    return g_test_run();
}
