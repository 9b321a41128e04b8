/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a subsection needs of the destination: each ability there and not there, in real machines. A
 * subsection that needs something and is not in the table below fails the test.
 */
#include <string.h>
#include "machine-vm.h"
#include "target/s390x/s390x.h"
#include "wire-tree.h"

#define NOTHING       " -accel qtest -S -display none -nodefaults -m 4"
#define PC            NOTHING " -bios {dir}/bios -device migration-testdev" /* what follows is its, too */
#define PC_MAX        PC " -cpu max"
#define FEATURE(name) "CPU feature '" name "' of the guest is missing here"

typedef struct {
    const char *subsection, *section;
    void (*turn)(void *owner,
                 bool on);     /* a machine of s390x, whose CPU it changes; NULL: one of x86 */
    const char *able, *unable; /* options; able NULL: no machine is */
    bool warns;
    const char *why;
} Need;

/* No option does it. */
static void turn_vector(void *owner, bool on)
{
    static uint64_t lists[2][S390_FACILITY_WORDS];
    uint64_t bit = 1ull << (63 - S390_FACILITY_VECTOR % 64);
    S390Cpu *cpu = owner;

    memcpy(lists[on], cpu->facilities, sizeof(lists[on]));
    lists[on][S390_FACILITY_VECTOR / 64] &= ~bit;
    lists[on][S390_FACILITY_VECTOR / 64] |= on ? bit : 0;
    cpu->facilities = lists[on];
}

static const Need needs[] = {
    { "cpu/msr_tsc_adjust", "cpu", NULL, PC_MAX, PC_MAX ",tsc-adjust=off", false,
      FEATURE("tsc-adjust") },
    { "cpu/msr_tscdeadline", "cpu", NULL, PC_MAX, PC_MAX ",tsc-deadline=off", false,
      FEATURE("tsc-deadline") },
    { "cpu/spec_ctrl", "cpu", NULL, PC_MAX, PC_MAX ",spec-ctrl=off", false, FEATURE("spec-ctrl") },
    { "cpu/xss", "cpu", NULL, PC_MAX, PC_MAX ",xsaves=off", false, FEATURE("xsaves") },
    { "cpu/pkru", "cpu", NULL, PC_MAX, PC_MAX ",pku=off", false, FEATURE("pku") },
    { "cpu/msr_smi_count", "cpu", NULL, PC_MAX, PC_MAX ",x-migrate-smi-count=off", true,
      "x-migrate-smi-count is off here, the count of SMIs starts anew" },
    { "cpu/vregs", "cpu", turn_vector, NOTHING, NOTHING, false, FEATURE("vx") },
    { "mc146818rtc/irq_reinject_on_ack_count", "mc146818rtc", NULL, NULL, PC, true,
      "missed ticks of the clock are not made good here" },
    { "migration-testdev/part", "migration-testdev", NULL, PC, PC ",takes-part=off", false,
      "migration-testdev was told not to take its part" },
    { "migration-testdev/note", "migration-testdev", NULL, PC, PC ",takes-note=off", true,
      "migration-testdev was told not to take its note" },
};

static Section *find(const MachineVm *m, const char *idstr)
{
    g_autoptr(GPtrArray) all = machine_vm_sections(m);

    for (guint i = 0; i < all->len; i++) {
        Section *s = g_ptr_array_index(all, i);

        if (g_str_equal(s->idstr, idstr)) {
            return s;
        }
    }
    g_error("there is no section '%s'", idstr);
}

static void note_warning(void *opaque, const char *subsection, const char *why)
{
    g_string_append_printf(opaque, "%s: %s\n", subsection, why);
}

/* Takes every other subsection away. */
static void leave_only(WireNode *root, const char *name)
{
    bool found = false;

    for (guint i = root->subs->len; i-- > 0;) {
        WireNode *sub = g_ptr_array_index(root->subs, i);

        if (g_str_equal(sub->name, name)) {
            found = true;
        } else {
            wire_tree_free(g_ptr_array_steal_index(root->subs, i));
        }
    }
    g_assert_true(found);
}

/* A machine reads its own state with that one subsection behind it; NULL: taken, else the cause. */
static char *verdict(const Need *n, bool able, StreamFormat format, GString *warnings)
{
    const MachineRow row = { n->turn ? "s390-ccw-virtio-ferry-1.0" : "pc-q35-ferry-1.0",
                             n->turn ? "ferry-system-s390x" : "ferry-system-x86_64",
                             able ? n->able : n->unable, format };
    MachineVm *m = machine_vm_new(&row);
    Section *s = find(m, n->section);
    const Record *record = s->desc->record;
    g_autofree void *saved = g_malloc0(record->size), *mine = g_malloc0(record->size),
                    *loaded = g_malloc0(record->size);
    RecordHost host = { s->owner, note_warning, warnings };
    g_autoptr(GError) error = NULL;
    ByteReader r;
    g_auto(ByteWriter) w;

    if (n->turn) {
        n->turn(s->owner, able);
    }
    s->desc->ops->save(s->owner, saved);
    s->desc->ops->save(s->owner, mine);
    wire_mark_all(record, saved);
    WireNode *tree = wire_tree_new(record, saved, format);
    leave_only(tree, n->subsection);
    byte_writer_init(&w);
    wire_tree_write(tree, format, &w);
    byte_writer_u8(&w, STREAM_FOOTER);
    byte_reader_init(&r, w.data, w.len);
    bool ok = record_decode(record, record->version, format, &r, loaded, mine, &host, &error);
    g_assert_true(!ok || byte_reader_left(&r) == 1);
    wire_tree_free(tree);
    record_clear(record, saved);
    record_clear(record, mine);
    record_clear(record, loaded);
    machine_vm_free(m);
    return ok ? NULL : g_strdup(error->message);
}

/* EVIDENCE: MIG-WIRE-028 */
static void test_need(gconstpointer data)
{
    static const StreamFormat formats[] = { STREAM_V3, STREAM_V4 };
    const Need *n = data;
    g_autofree char *refusal = g_strdup_printf("'%s': subsection '%s' cannot be honoured: %s",
                                               n->section, n->subsection, n->why);
    g_autofree char *warning = g_strdup_printf("%s: %s\n", n->subsection, n->why);

    for (unsigned f = 0; f < G_N_ELEMENTS(formats); f++) {
        g_autoptr(GString) warnings = g_string_new(NULL);
        g_autofree char *able = n->able ? verdict(n, true, formats[f], warnings) : NULL;

        g_assert_cmpstr(able, ==, NULL);
        g_assert_cmpstr(warnings->str, ==, "");
        g_autofree char *unable = verdict(n, false, formats[f], warnings);
        g_assert_cmpstr(unable, ==, n->warns ? NULL : refusal);
        g_assert_cmpstr(warnings->str, ==, n->warns ? warning : "");
    }
}

static void check_known(const Record *r)
{
    bool known = !r->supported;

    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
        known |= g_str_equal(r->name, needs[i].subsection) &&
                 (r->policy == SUBSECTION_WARN) == needs[i].warns;
    }
    if (!known) {
        g_error("subsection '%s' needs something, and is not tested", r->name);
    }
    for (const Field *f = r->fields; f->kind != FIELD_END; f++) {
        if (f->record) {
            check_known(f->record);
        }
    }
    for (const Record *const *s = r->subsections; s && *s; s++) {
        check_known(*s);
    }
}

/* EVIDENCE: MIG-WIRE-028 */
static void test_all_are_here(void)
{
    for (size_t m = 0; m < machine_rows_n; m += 2) { /* both versions have the same */
        MachineVm *vm = machine_vm_new(&machine_rows[m]);
        g_autoptr(GPtrArray) all = machine_vm_sections(vm);

        for (guint i = 0; i < all->len; i++) {
            check_known(((Section *)g_ptr_array_index(all, i))->desc->record);
        }
        machine_vm_free(vm);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
        g_autofree char *name = g_strdup_printf("/abilities/%s", needs[i].subsection);

        g_test_add_data_func(name, &needs[i], test_need);
    }
    g_test_add_func("/abilities/every-subsection-that-needs-one-is-tested", test_all_are_here);
    return g_test_run();
}
