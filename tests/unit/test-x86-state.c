/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The saved form of an x86 CPU: sections captured from QEMU 10.0 decode in full, install, and come
 * out as the same bytes, and impossible values are refused by name.
 */
#include <glib.h>
#include <string.h>

#include "base/memory/space.h"
#include "exec/engine.h"
#include "hw/core/types.h"
#include "hw/i386/apic-priv.h"
#include "hw/i386/cpu-device.h"
#include "migration/vmstate/codec.h"
#include "migration/vmstate/registry.h"
#include "target/x86/x86.h"

typedef struct {
    Vm *vm;
    ExecEngine *engine;
    ApicBus *apics;
    Device *cpu;
} Fixture;

/* @without: a feature that the CPU shall lack; NULL: none. */
static Fixture *fixture_without(const char *type, const char *without)
{
    Fixture *f = g_new0(Fixture, 1);
    TypeRegistry *reg = type_registry_new();
    ExecConfig config = { .no_threads = true };
    g_autoptr(GError) error = NULL;

    type_registry_add(reg, hw_core_device_types, hw_core_device_types_n);
    type_registry_add(reg, hw_core_bus_types, hw_core_bus_types_n);
    type_registry_add(reg, hw_core_machine_types, hw_core_machine_types_n);
    type_registry_add(reg, x86_cpu_types, x86_cpu_types_count);
    type_registry_add(reg, apic_types, apic_types_count);
    type_registry_seal(reg);
    f->vm = vm_new(reg);
    vm_lock(f->vm);
    g_assert_true(memory_setup(f->vm, NULL));
    clock_virtual_take_manual(f->vm);
    f->engine = engine_new(f->vm, &config);
    f->vm->accel = (struct Accel *)f->engine;
    f->apics = apic_bus_new(f->vm);
    f->cpu = device_new(f->vm, type, &error);
    g_assert_no_error(error);
    object_set_u64(&f->cpu->obj, "apic-id", 0);
    if (without) {
        object_set_str(&f->cpu->obj, without, "off", &error);
        g_assert_no_error(error);
    }
    x86_cpu_device_set_apic_bus(f->cpu, f->apics);
    device_realize(f->cpu, NULL, NULL, &error);
    g_assert_no_error(error);
    object_unref(&f->cpu->obj);
    device_reset(f->cpu, RESET_COLD);
    return f;
}

#define RECORD_BYTES 1817 /* of "cpu" before its subsections */

static Fixture *fixture_new(const char *type)
{
    return fixture_without(type, NULL);
}

static void fixture_free(Fixture *f)
{
    device_unrealize(f->cpu);
    apic_bus_free(f->apics);
    engine_free(f->engine);
    records_teardown(f->vm);
    memory_teardown(f->vm);
    vm_unlock(f->vm);
    vm_free(f->vm);
    g_free(f);
}

static X86Cpu *cpu_of(Fixture *f)
{
    return x86_cpu_device_cpu(f->cpu);
}

static char *golden(const char *name, gsize *len)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "golden", name, NULL);
    g_autoptr(GError) error = NULL;
    char *bytes;

    g_file_get_contents(path, &bytes, len, &error);
    g_assert_no_error(error);
    return bytes;
}

/* Decodes @bytes, followed by a footer as in a stream, into a fresh saved form. */
static void *decode(const Record *record, const char *bytes, gsize len)
{
    void *saved = g_malloc0(record->size);
    ByteReader r;
    g_autoptr(GError) error = NULL;
    g_autofree char *data = g_malloc(len + 1);

    memcpy(data, bytes, len);
    data[len] = STREAM_FOOTER;
    byte_reader_init(&r, data, len + 1);
    record_decode(record, record->version, STREAM_V3, &r, saved, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(byte_reader_left(&r), ==, 1);
    return saved;
}

static GByteArray *encode(const SectionDesc *desc, void *owner)
{
    void *saved = g_malloc0(desc->record->size);
    GByteArray *out = g_byte_array_new();
    ByteWriter w;

    byte_writer_init(&w);
    desc->ops->save(owner, saved);
    record_encode(desc->record, saved, STREAM_V3, &w);
    g_free(saved);
    g_byte_array_append(out, w.data, w.len);
    byte_writer_clear(&w);
    return out;
}

/* Bytes that may differ: condensed mode, TSC (which QEMU keeps elsewhere), SVM's leftovers. */
static bool may_differ(gsize at)
{
    return (at >= 144 && at < 148) || (at >= 876 && at < 912) || (at >= 1157 && at < 1165);
}

static void round_trip(gconstpointer name)
{
    Fixture *f = fixture_new("max-x86_64-cpu");
    const SectionDesc *d = &x86_section_cpu;
    gsize len;
    g_autofree char *bytes = golden(name, &len);
    g_autofree void *saved = decode(d->record, bytes, len);
    g_autoptr(GError) error = NULL;

    g_assert_true(d->ops->check(cpu_of(f), saved, &error));
    g_assert_no_error(error);
    d->ops->install(cpu_of(f), saved);
    d->ops->installed(cpu_of(f));
    g_assert_true(cpu_of(f)->mode & MODE_PE);

    g_autoptr(GByteArray) out = encode(d, cpu_of(f));

    for (gsize i = 0; i < RECORD_BYTES; i++) {
        if (!may_differ(i) && out->data[i] != (guint8)bytes[i]) {
            g_test_message("byte %zu: 0x%02x, was 0x%02x", i, out->data[i], (guint8)bytes[i]);
            g_test_fail();
        }
    }
    g_assert_cmpuint(out->len, ==, len);
    fixture_free(f);
}

static void test_apic_round_trip(void)
{
    const SectionDesc *d = &apic_section;
    Fixture *f = fixture_new("max-x86_64-cpu");
    gsize len;
    g_autofree char *bytes = golden("x86-apic.bin", &len);

    g_autofree void *saved = decode(d->record, bytes, len);
    g_autoptr(GError) error = NULL;
    void *apic = x86_cpu_device_apic(f->cpu);

    g_assert_true(d->ops->check(apic, saved, &error));
    d->ops->install(apic, saved);
    g_autoptr(GByteArray) out = encode(d, apic);
    g_assert_cmpmem(out->data, out->len, bytes, len);
    fixture_free(f);
}

static void test_impossible_values_are_named(void)
{
    static const struct {
        gsize at, bytes;
        uint64_t value;
        const char *text;
    } bad[] = {
        { 456, 8, 0x80000000, "CR0" },
        { 480, 8, 1ull << 40, "CR4" },
        { 816, 8, 1ull << 40, "EFER" },
        { 1545, 8, 0x100, "XCR0" },
        { 556, 4, 0x10000, "MXCSR" },
        { 152, 2, 0x100, "FPU tag" },
        { 396 + 12, 4, 0x10000, "descriptor table limit" },
        { 144, 4, 1u << 21, "SVM guest mode" },
    };
    Fixture *f = fixture_new("max-x86_64-cpu");
    const SectionDesc *d = &x86_section_cpu;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        gsize len;
        g_autofree char *bytes = golden("x86-cpu-q35.bin", &len);
        g_autoptr(GError) error = NULL;

        for (gsize k = 0; k < bad[i].bytes; k++) {
            bytes[bad[i].at + k] = bad[i].value >> ((bad[i].bytes - 1 - k) * 8);
        }
        g_autofree void *saved = decode(d->record, bytes, len);

        g_assert_false(d->ops->check(cpu_of(f), saved, &error));
        g_assert_nonnull(strstr(error->message, bad[i].text));
    }
    fixture_free(f);
}

/* Version 3 has no list of features; what the guest switched on is one. EVIDENCE: MIG-WIRE-053 */
static void test_missing_features_are_named(void)
{
    static const struct {
        gsize at; /* of the register's last four bytes */
        uint32_t used;
        const char *feature;
    } uses[] = {
        { 484, 1u << 11, "umip" },   { 484, 1u << 16, "fsgsbase" }, { 484, 1u << 20, "smep" },
        { 484, 1u << 21, "smap" },   { 484, 1u << 18, "xsave" },    { 820, 1u << 11, "nx" },
        { 820, 1u << 0, "syscall" }, { 1549, 1u << 2, "avx" },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(uses); i++) {
        Fixture *f = fixture_without("max-x86_64-cpu", uses[i].feature);
        gsize len;
        g_autofree char *bytes = golden("x86-cpu-q35.bin", &len);
        g_autofree char *words =
            g_strdup_printf("CPU feature '%s' of the guest is missing here", uses[i].feature);
        g_autoptr(GError) error = NULL;

        for (gsize k = 0; k < 4; k++) {
            bytes[uses[i].at + k] |= (char)(uses[i].used >> (24 - 8 * k));
        }
        g_autofree void *saved = decode(x86_section_cpu.record, bytes, len);
        g_assert_false(x86_section_cpu.ops->check(cpu_of(f), saved, &error));
        g_assert_cmpstr(error->message, ==, words);
        fixture_free(f);
    }
}

/* An SMI that comes in an NMI's handler: after RSM NMIs are still blocked. */
static void test_nmi_state_of_smm(void)
{
    Fixture *f = fixture_new("max-x86_64-cpu");
    const SectionDesc *d = &x86_section_cpu;
    g_autofree void *saved = g_malloc0(d->record->size);

    cpu_of(f)->sys.smm = cpu_of(f)->sys.nmi_blocked = cpu_of(f)->sys.smm_was_nmi_blocked = true;
    d->ops->save(cpu_of(f), saved);
    cpu_of(f)->sys.nmi_blocked = cpu_of(f)->sys.smm_was_nmi_blocked = false;
    d->ops->install(cpu_of(f), saved);
    g_assert_true(cpu_of(f)->sys.nmi_blocked && cpu_of(f)->sys.smm_was_nmi_blocked);
    fixture_free(f);
}

static bool sends(Fixture *f, const char *name)
{
    g_autoptr(GByteArray) bytes = encode(&x86_section_cpu, cpu_of(f));

    return memmem(bytes->data, bytes->len, name, strlen(name));
}

/* A machine type from before the subsection's time: its builds would refuse it. */
static void test_property_gates_subsection(void)
{
    Fixture *f = fixture_new("max-x86_64-cpu");

    g_assert_false(sends(f, "cpu/msr_smi_count")); /* 0 needs no words */
    cpu_of(f)->sys.smi_count = 7;
    g_assert_true(sends(f, "cpu/msr_smi_count"));
    ((X86CpuConfig *)cpu_of(f)->sys.cfg)->migrate_smi_count = false;
    g_assert_false(sends(f, "cpu/msr_smi_count"));
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/x86/state/a-section-of-linux-on-q35-comes-back-as-it-was",
                         "x86-cpu-q35.bin", round_trip);
    g_test_add_data_func("/x86/state/a-section-with-a-third-subsection-comes-back-as-it-was",
                         "x86-cpu-microvm-max.bin", round_trip);
    g_test_add_func("/x86/state/the-local-apic-comes-back-as-it-was", test_apic_round_trip);
    g_test_add_func("/x86/state/a-property-keeps-a-subsection-off-the-wire",
                    test_property_gates_subsection);
    g_test_add_func("/x86/state/nmis-blocked-before-an-smi-stay-blocked", test_nmi_state_of_smm);
    g_test_add_func("/x86/state/missing-features-are-named", test_missing_features_are_named);
    g_test_add_func("/x86/state/impossible-values-are-named", test_impossible_values_are_named);
    return g_test_run();
}
