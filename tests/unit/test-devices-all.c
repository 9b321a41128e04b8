/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every device that the program has, none left out: it is built into a machine, its registers (those in configuration
 * space too) take random accesses while guest memory is full of addresses for it to follow, what it then saves it
 * loads again in both versions of the stream, and a reset makes it as new. A type that lacks a record, a reset or
 * registers, or is in no machine, fails, unless `exceptions` says why; so does an exception that nobody needs.
 *
 * FERRY_ACCESSES=20000 makes so many to each device.
 */
#include <string.h>
#include "base/core/loop.h"
#include "base/memory/space.h"
#include "hw/core/machine.h"
#include "hw/pci/pci.h"
#include "effort.h"
#include "machine-vm.h"
#include "system/qtest.h"

#define ACCESSES 300u
#define RAM      (4u << 20)

/* ---- what need not be ---- */

enum {
    NO_RECORD = 1,
    NO_RESET = 2,
    NO_REGISTERS = 4,
    NOT_BUILT = 8,
    NOTHING_OF_ITS_OWN = NO_RECORD | NO_RESET | NO_REGISTERS,
    ANYTHING = NOTHING_OF_ITS_OWN | NOT_BUILT,
};

typedef struct {
    const char *type; /* * stands for anything; the first row that fits counts */
    unsigned lacks;
    const char *why;
} Exception;

static const Exception exceptions[] = {
    { "*-machine", ANYTHING, "a machine is a device only so that it has properties" },
    { "*-cpu", ANYTHING, "its sections are its own; models are names for the same device" },
    { "apic", ANYTHING, "made and reset by its CPU, which has its section" },
    { "*-transitional", ANYTHING, "another name for virtio-*-pci" },
    { "virtio-scsi-ccw", ANYTHING, "as virtio-scsi-pci, on another transport" },
    { "virtio-*-pci", NO_RECORD, "that of the device behind it" },
    { "virtio-*-ccw", NO_RECORD | NO_REGISTERS, "that of the device; channel programs" },
    { "virtio-mmio", NO_RECORD, "that of the device behind it" },
    { "virtio-*-device", NO_REGISTERS, "those of its transport" },
    { "virtserialport", NOTHING_OF_ITS_OWN, "in its controller's record and queues" },
    { "virtconsole", NOTHING_OF_ITS_OWN, "in its controller's record and queues" },
    { "scsi-*", NO_REGISTERS, "its adapter takes commands for it" },
    { "usb-*", NO_REGISTERS, "its controller takes requests for it" },
    { "ide-*", NO_RECORD | NO_REGISTERS, "in its channel's record and registers" },
    { "floppy", ANYTHING, "in its controller's record and registers" },
    { "nvme-ns", ANYTHING, "in its controller's record and registers" },
    { "ps2-*", NO_REGISTERS, "those of the keyboard controller" },
    { "smbus-eeprom", NO_REGISTERS, "those of its host controller" },
    { "vmmouse", NO_REGISTERS, "those of the backdoor port" },
    { "vmport", NO_RECORD | NO_RESET, "keeps nothing" },
    { "vmgenid", NO_REGISTERS, "guest memory" },
    { "s390-pcihost", NO_RECORD | NO_REGISTERS, "the board has its sections; instructions" },
    { "*-pcihost", NO_RECORD | NO_RESET, "that of the function at its address 0" },
    { "isabus-bridge", NOTHING_OF_ITS_OWN, "only carries its bus" },
    { "virtual-css-bridge", NOTHING_OF_ITS_OWN, "only carries its bus" },
    { "zpci", NO_RECORD | NO_REGISTERS, "the board has a section for each" },
    { "diag288", NO_REGISTERS, "instructions" },
    { "s390-flic-qemu", NOTHING_OF_ITS_OWN, "the board has its sections" },
    { "s390-tod-qemu", NOTHING_OF_ITS_OWN, "the board has its section" },
    { "s390-sclp-event-facility", NOTHING_OF_ITS_OWN, "the board has its section" },
    { "sclplmconsole", NO_RESET | NO_REGISTERS,
      "service calls; its input waits for the next guest" },
    { "sclpconsole", NO_RESET | NO_REGISTERS, "service calls; its input waits for the next guest" },
    { "migration-testdev", NO_RESET | NO_REGISTERS, "keeps what a test put there" },
    { "pc-dimm", ANYTHING, "memory; its slot is in the board's registers" },
    { "nvdimm", ANYTHING, "memory; its slot is in the board's registers" },
    { "loader", ANYTHING, "keeps nothing" },
    { "isa-debugcon", ANYTHING, "keeps nothing" },
    { "isa-debug-exit", ANYTHING, "keeps nothing, and ends the program" },
    { "pvpanic", ANYTHING, "keeps nothing; pvpanic-pci has the same register" },
};

/* Records that a reset does not make as new, for they hold the time; on which machines; only this field of them. */
static const struct {
    const char *record, *machine, *field;
} timed[] = {
    { "timer", "", NULL },
    { "i8254", "", NULL },
    { "mc146818rtc", "", NULL },
    { "xhci", "", NULL },
    { "todclock", "", NULL },
    { "cpu", "s390-ccw", NULL },
    { "ICH9LPC", "", "acpi_regs.tmr.overflow_time" }, /* no reset stops this timer */
    { "piix4_pm", "", "ar.tmr.overflow_time" },
};

/* ---- the types ---- */

typedef struct {
    const char *name; /* of the type */
    unsigned lacks;
    unsigned built;
} Known;

typedef struct {
    GHashTable *types; /* name -> Known */
    GRand *rand;
    GString *failures;
    MachineVm *m;
    const MachineRow *row;
    QtestSession *session;
    GHashTable *fresh; /* "idstr instance" -> GBytes, after a reset */
} Walk;

static void add_type(const Type *type, void *opaque)
{
    Walk *w = opaque;
    Known *k = g_new0(Known, 1);

    if (g_hash_table_contains(w->types, type_name(type))) {
        g_free(k);
        return;
    }
    *k = (Known){ type_name(type), NO_RECORD | NO_RESET | NO_REGISTERS | NOT_BUILT, 0 };
    g_hash_table_insert(w->types, g_strdup(type_name(type)), k);
}

static Known *known(Walk *w, const Device *dev)
{
    return g_hash_table_lookup(w->types, object_type_name(&dev->obj));
}

/* ---- registers ---- */

static void add_regions(MemoryRegion *mr, const Device *owner, GPtrArray *out)
{
    if (mr->alias) {
        return;
    }
    if (mr->ops && (!owner || mr->owner == &owner->obj) && !g_ptr_array_find(out, mr, NULL)) {
        g_ptr_array_add(out, mr);
    }
    for (guint i = 0; mr->subregions && i < mr->subregions->len; i++) {
        add_regions(g_ptr_array_index(mr->subregions, i), owner, out);
    }
}

/* What the device has in both address spaces, and behind its BARs, mapped or not. */
static GPtrArray *regions_of(Walk *w, Device *dev)
{
    GPtrArray *all = g_ptr_array_new();

    add_regions(memory_system_region(w->m->sys.vm), dev, all);
    add_regions(memory_io_region(w->m->sys.vm), dev, all);
    if (object_is_a(&dev->obj, TYPE_PCI_DEVICE)) {
        for (int i = 0; i < PCI_NUM_BARS; i++) {
            if (PCI_DEVICE(dev)->bars[i].mr) {
                add_regions(PCI_DEVICE(dev)->bars[i].mr, NULL, all);
            }
        }
    }
    return all;
}

/* Small numbers, bits, noise, and addresses of guest memory. */
static uint64_t value(Walk *w)
{
    uint32_t r = g_rand_int(w->rand);

    switch (g_rand_int_range(w->rand, 0, 8)) {
    case 0: return 0;
    case 1: return r % 16;
    case 2: return 1ull << r % 64;
    case 3: return UINT64_MAX;
    case 4: return r;
    case 5: return (uint64_t)r << 32 | g_rand_int(w->rand);
    default: return r % RAM & ~(r >> 24 & 1 ? 4095u : 15u);
    }
}

static void fill_memory(Walk *w)
{
    g_autofree uint32_t *words = g_malloc(RAM);

    for (unsigned i = 0; i < RAM / 4; i++) {
        words[i] = (uint32_t)value(w);
    }
    address_space_write(address_space_memory(w->m->sys.vm), 0, MEM_ATTRS_NONE, words, RAM);
}

static void access_region(Walk *w, MemoryRegion *mr)
{
    unsigned size = 1u << g_rand_int_range(w->rand, 0, 4);
    uint64_t end = MIN(memory_region_size(mr), 1u << 20), got;
    uint64_t at = g_rand_int_range(w->rand, 0, 4) ? g_rand_int(w->rand) % MIN(end, 64)
                                                  : g_rand_int(w->rand) % end;

    at &= g_rand_int_range(w->rand, 0, 8) ? ~(uint64_t)(size - 1) : UINT64_MAX;
    if (at + size > memory_region_size(mr)) {
        return;
    }
    if (g_rand_int_range(w->rand, 0, 3)) {
        memory_region_dispatch_write(mr, at, value(w), size, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE);
    } else {
        memory_region_dispatch_read(mr, at, &got, size, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE);
    }
}

static void access_config(Walk *w, PciDevice *pci)
{
    unsigned len = 1u << g_rand_int_range(w->rand, 0, 3);
    uint32_t end = g_rand_boolean(w->rand) ? 0x100 : pci->config_size;
    uint32_t at = g_rand_int(w->rand) % end & ~(len - 1);

    pci_config_write(pci, at, (uint32_t)value(w), len);
    pci_config_read(pci, at, len);
    pci_config_write(pci, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
}

/* What was put off is done. There may be no end of it: a running machine has timers. */
static void settle(Walk *w)
{
    for (unsigned i = 0; i < 20 && loop_iterate(w->m->sys.vm, false); i++) {
    }
}

/* Time passes; a machine that was stopped goes on. */
static void let_run(Walk *w)
{
    static const char step[] = "clock_step 300000\n";
    Vm *vm = w->m->sys.vm;

    settle(w);
    if (!run_state_running(vm)) {
        vm_start(vm, NULL);
    }
    qtest_session_feed(w->session, step, strlen(step));
}

static unsigned accesses_wanted(void)
{
    const char *text = g_getenv("FERRY_ACCESSES");

    return text ? (unsigned)g_ascii_strtoull(text, NULL, 10) : test_effort(ACCESSES);
}

static void access_device(Walk *w, Device *dev)
{
    g_autoptr(GPtrArray) regions = regions_of(w, dev);
    PciDevice *pci = object_is_a(&dev->obj, TYPE_PCI_DEVICE) ? PCI_DEVICE(dev) : NULL;

    if (!regions->len && !pci) {
        return;
    }
    known(w, dev)->lacks &= ~NO_REGISTERS;
    for (unsigned i = 0; i < accesses_wanted(); i++) {
        guint which = (guint)g_rand_int_range(w->rand, 0, (gint32)(regions->len * 8 + 1));

        if (which < regions->len * 8) {
            access_region(w, g_ptr_array_index(regions, which / 8));
        } else if (pci) {
            access_config(w, pci);
        }
        if (i % 16 == 0) {
            let_run(w);
        }
    }
    let_run(w);
}

/* ---- records ---- */

static void encode(const Section *s, StreamFormat format, ByteWriter *out)
{
    g_autofree void *saved = g_malloc0(s->desc->record->size);

    s->desc->ops->save(s->owner, saved);
    byte_writer_init(out);
    record_encode(s->desc->record, saved, format, out);
    record_clear(s->desc->record, saved);
}

G_GNUC_PRINTF(3, 4) static void fail(Walk *w, const char *who, const char *format, ...)
{
    va_list ap;

    g_string_append_printf(w->failures, "\n%s: %s: ", w->row ? w->row->name : "all", who);
    va_start(ap, format);
    g_string_append_vprintf(w->failures, format, ap);
    va_end(ap);
}

static bool holds(const ByteWriter *w, const char *words)
{
    return memmem(w->data, w->len, words, strlen(words)) != NULL;
}

/* Rings that make no sense are found when they are looked at again: the device is broken only then. */
static bool breaks(const ByteWriter *before, const ByteWriter *after)
{
    return !holds(before, "virtio/broken") && holds(after, "virtio/broken");
}

/* The first bytes that differ: "at:before>now". */
static char *differences(const uint8_t *a, const uint8_t *b, gsize len)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < len && text->len < 100; i++) {
        if (a[i] != b[i]) {
            g_string_append_printf(text, " %zu:%02x>%02x", i, a[i], b[i]);
        }
    }
    return g_string_free(text, FALSE);
}

/* Whatever a guest did to it: what it saves it takes. */
static void round_trip(Walk *w, const Section *s, StreamFormat format)
{
    static const uint8_t end[] = { STREAM_FOOTER, 0, 0, 0, 1, STREAM_EOF };
    const Record *r = s->desc->record;
    const SectionOps *ops = s->desc->ops;
    g_autofree void *mine = g_malloc0(r->size), *loaded = g_malloc0(r->size);
    g_autoptr(GError) error = NULL;
    g_auto(ByteWriter) first = { 0 }, second = { 0 };
    ByteReader in;

    encode(s, format, &first);
    gsize len = first.len;
    byte_writer_bytes(&first, end, sizeof(end));
    byte_reader_init(&in, first.data, first.len);
    ops->save(s->owner, mine);
    if (!record_decode(r, r->version, format, &in, loaded, mine, NULL, &error) ||
        (ops->check && !ops->check(s->owner, loaded, &error))) {
        fail(w, s->idstr, "version %d: its own state is refused: %s", format, error->message);
    } else {
        ops->install(s->owner, loaded);
        if (ops->installed) {
            ops->installed(s->owner);
        }
        encode(s, format, &second);
        if ((second.len != len || memcmp(second.data, first.data, len)) &&
            !breaks(&first, &second)) {
            g_autofree char *where = differences(first.data, second.data, MIN(len, second.len));
            fail(w, s->idstr, "version %d: %zu bytes are saved, %zu after they were loaded:%s",
                 format, len, second.len, where);
        }
    }
    record_clear(r, mine);
    record_clear(r, loaded);
}

static void trips(Walk *w, Device *dev)
{
    g_autoptr(GError) error = NULL;

    if (!dev->section || !dev->section->desc->record) {
        return;
    }
    vm_stop(w->m->sys.vm, RUN_STATE_PAUSED, &error);
    g_assert_no_error(error);
    round_trip(w, dev->section, STREAM_V3);
    round_trip(w, dev->section, STREAM_V4);
    vm_start(w->m->sys.vm, &error);
    g_assert_no_error(error);
}

/* ---- resets ---- */

/* A bridge shows what is behind it: one that a device has left, through hotplug registers, is another. */
static guint behind(const Section *s)
{
    bool bridge =
        s->desc->priority == SECTION_PRIORITY_PCI_BUS && object_is_a(s->owner, TYPE_PCI_DEVICE);

    return bridge ? pci_bridge_bus(s->owner)->bus.devices->len : 0;
}

static char *name_of(const Section *s)
{
    return g_strdup_printf("%s %u (%u behind)", s->idstr, s->instance, behind(s));
}

/* Found in the record, or in those it is made of. */
static bool clear_field(const Record *r, const char *name, uint8_t *saved)
{
    for (const Field *f = r->fields; f->kind != FIELD_END; f++) {
        if (f->kind == FIELD_I64 && !strcmp(f->name, name)) {
            memset(saved + f->offset, 0, sizeof(int64_t));
            return true;
        }
        if (f->kind == FIELD_STRUCT && !f->count &&
            clear_field(f->record, name, saved + f->offset)) {
            return true;
        }
    }
    return false;
}

/* What a reset makes as new; false: nothing. */
static bool encode_lasting(const Walk *w, const Section *s, ByteWriter *out)
{
    const Record *r = s->desc->record;
    g_autofree void *saved = g_malloc0(r->size);

    s->desc->ops->save(s->owner, saved);
    byte_writer_init(out);
    for (size_t i = 0; i < G_N_ELEMENTS(timed); i++) {
        if (strcmp(r->name, timed[i].record) || !g_str_has_prefix(w->row->name, timed[i].machine)) {
            continue;
        }
        if (!timed[i].field) {
            record_clear(r, saved);
            return false;
        }
        g_assert_true(clear_field(r, timed[i].field, saved));
    }
    record_encode(r, saved, STREAM_V4, out);
    record_clear(r, saved);
    return true;
}

static void reset(Walk *w)
{
    settle(w);
    machine_reset(w->m->sys.vm, SHUTDOWN_HOST_QMP_SYSTEM_RESET);
    vm_stop(w->m->sys.vm, RUN_STATE_PAUSED, NULL);
}

static void learn_fresh(Walk *w)
{
    g_autoptr(GPtrArray) all = machine_vm_sections(w->m);

    reset(w);
    for (guint i = 0; i < all->len; i++) {
        const Section *s = g_ptr_array_index(all, i);
        g_auto(ByteWriter) out = { 0 };

        if (encode_lasting(w, s, &out)) {
            g_hash_table_insert(w->fresh, name_of(s), g_bytes_new(out.data, out.len));
        }
    }
}

static void compare_fresh(Walk *w)
{
    g_autoptr(GPtrArray) all = machine_vm_sections(w->m);

    reset(w);
    for (guint i = 0; i < all->len; i++) {
        const Section *s = g_ptr_array_index(all, i);
        g_autofree char *name = name_of(s);
        GBytes *before = g_hash_table_lookup(w->fresh, name);
        g_auto(ByteWriter) now = { 0 };
        gsize len;

        if (!before || !encode_lasting(w, s, &now)) {
            continue;
        }
        const uint8_t *data = g_bytes_get_data(before, &len);
        if (len != now.len || memcmp(data, now.data, len)) {
            g_autofree char *where = differences(data, now.data, MIN(len, now.len));
            fail(w, s->idstr, "%zu bytes after the first reset, %zu now:%s", len, now.len, where);
        }
    }
}

/* ---- the walk ---- */

static void gather(Object *obj, GPtrArray *paths)
{
    if (object_is_a(obj, "device") && DEVICE(obj)->realized) {
        g_ptr_array_add(paths, object_path(obj));
    }
    for (guint i = 0; obj->children && i < obj->children->len; i++) {
        gather(g_ptr_array_index(obj->children, i), paths);
    }
}

static void visit(Walk *w, Device *dev)
{
    const DeviceOps *ops = device_ops(dev);
    Known *k = known(w, dev);

    k->lacks &= ~NOT_BUILT;
    if (dev->section && dev->section->desc->record) {
        k->lacks &= ~NO_RECORD;
    }
    if (ops->reset) {
        k->lacks &= ~NO_RESET;
    }
    if (k->built++ < 2) { /* of many that are alike two */
        access_device(w, dev);
        trips(w, dev);
    }
}

static void drop(void *opaque, const char *text, size_t len)
{
}

static void walk_machine(Walk *w, const MachineRow *row)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    w->row = row;
    w->m = machine_vm_new(row);
    w->fresh =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    w->session = qtest_session_new(w->m->sys.vm, drop, NULL);
    type_foreach(w->m->sys.vm->types, "device", false, add_type, w);
    vm_start(w->m->sys.vm, &error);
    g_assert_no_error(error);
    learn_fresh(w);
    vm_start(w->m->sys.vm, &error);
    g_assert_no_error(error);
    fill_memory(w);
    gather(object_resolve(w->m->sys.vm, "/machine", NULL), paths);
    for (guint i = 0; i < paths->len; i++) {
        Object *obj = object_resolve(w->m->sys.vm, g_ptr_array_index(paths, i), NULL);

        if (obj) { /* not taken away through hotplug registers */
            visit(w, DEVICE(obj));
        }
    }
    compare_fresh(w);
    qtest_session_free(w->session);
    g_hash_table_unref(w->fresh);
    machine_vm_free(w->m);
}

static const char *lacking(unsigned lacks)
{
    return lacks & NOT_BUILT   ? "a machine that has it"
           : lacks & NO_RECORD ? "a record"
           : lacks & NO_RESET  ? "a reset"
                               : "registers";
}

/* Is what @k lacks explained? */
static void judge_type(Walk *w, const Known *k, bool *used)
{
    for (size_t i = 0; i < G_N_ELEMENTS(exceptions); i++) {
        const Exception *e = &exceptions[i];

        if (g_pattern_match_simple(e->type, k->name)) {
            used[i] |= k->lacks != 0;
            if (k->lacks & ~e->lacks) {
                fail(w, k->name, "lacks %s", lacking(k->lacks & ~e->lacks));
            }
            return;
        }
    }
    if (k->lacks) {
        fail(w, k->name, "lacks %s", lacking(k->lacks));
    }
}

static void judge(Walk *w)
{
    bool used[G_N_ELEMENTS(exceptions)] = { false };
    GHashTableIter iter;
    Known *k;

    w->row = NULL;
    g_hash_table_iter_init(&iter, w->types);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&k)) {
        judge_type(w, k, used);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(exceptions); i++) {
        if (!used[i]) {
            fail(w, exceptions[i].type, "is an exception that nobody needs");
        }
    }
}

static void test_all(void)
{
    Walk w = { g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
               g_rand_new_with_seed(2 + test_first_seed()), g_string_new(NULL) };

    for (size_t i = 0; i < machine_rows_n; i++) {
        walk_machine(&w, &machine_rows[i]);
    }
    judge(&w);
    if (w.failures->len) {
        g_error("%s", w.failures->str);
    }
    g_hash_table_unref(w.types);
    g_rand_free(w.rand);
    g_string_free(w.failures, true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/devices/none-lacks-a-record-a-reset-or-random-accesses", test_all);
    return g_test_run();
}
