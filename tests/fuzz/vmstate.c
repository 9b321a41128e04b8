/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: one device's section into a whole machine (q35, s390x, q35 with rarer devices): decoded, checked,
 * installed, saved again, and the device is put back as it was. Input: the section's name, a NUL, u8 instance, u8 version
 * of the stream (3 or 4) and 16 times the number of the machine, content.
 */
#include "fuzz.h"
#include "migration/migration-priv.h"
#include "tests/unit/machine-vm.h"

static const unsigned machines[] = { 1, 5, 6 }; /* of machine_rows */

static MachineVm *machine(unsigned which)
{
    static MachineVm *vms[G_N_ELEMENTS(machines)];
    static Incoming incoming[G_N_ELEMENTS(machines)];

    if (!vms[which]) {
        vms[which] = machine_vm_new(&machine_rows[machines[which]]);
        incoming[which].m = vms[which]->sys.vm->migration;
        incoming[which].m->in = &incoming[which];
    }
    return vms[which];
}

static void put(Section *s, const void *saved)
{
    s->desc->ops->install(s->owner, saved);
    if (s->desc->ops->installed) {
        s->desc->ops->installed(s->owner);
    }
}

/* The name that the input starts with; without one, some section. */
static Section *pick(FuzzInput *in, StreamFormat *format)
{
    const uint8_t *end = memchr(in->data, 0, MIN(in->left, 256u));
    unsigned first = in->left ? in->data[0] : 0, instance;
    g_autofree char *name = g_strndup((const char *)in->data, end ? (gsize)(end - in->data) : 0);

    if (end) {
        in->left -= (size_t)(end - in->data) + 1;
        in->data = end + 1;
    }
    instance = fuzz_u8(in);
    uint8_t version = fuzz_u8(in);
    *format = version & 1 ? STREAM_V3 : STREAM_V4;
    MachineVm *m = machine((version >> 4) % G_N_ELEMENTS(machines));
    Section *s = end ? section_find(m->sys.vm, name, instance) : NULL;
    g_autoptr(GPtrArray) all = machine_vm_sections(m);
    return s && s->desc->record ? s : g_ptr_array_index(all, first % all->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { data, size };
    StreamFormat format;
    Section *s = pick(&in, &format);
    const Record *record = s->desc->record;
    const SectionOps *ops = s->desc->ops;
    void *mine = g_malloc0(record->size), *saved = g_malloc0(record->size);
    g_autoptr(GError) error = NULL;
    ByteReader r;

    ops->save(s->owner, mine);
    byte_reader_init(&r, in.data, in.left);
    if (record_decode(record, record->version, format, &r, saved, mine, NULL, &error) &&
        (!ops->check || ops->check(s->owner, saved, &error))) {
        void *again = g_malloc0(record->size);
        g_auto(ByteWriter) w;

        put(s, saved);
        ops->save(s->owner, again);
        byte_writer_init(&w);
        record_encode(record, again, format, &w);
        record_clear(record, again);
        g_free(again);
        put(s, mine);
    }
    fuzz_say(error);
    g_assert_true(!error || *error->message);
    record_clear(record, mine);
    record_clear(record, saved);
    g_free(mine);
    g_free(saved);
    return 0;
}
