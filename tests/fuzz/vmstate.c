/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: one device's section into a whole q35 machine: decoded, checked, installed, saved again,
 * and the device is put back as it was. Input: the section's name, a NUL, u8 instance, u8 version of
 * the stream (3 or 4), content.
 */
#include "fuzz.h"
#include "migration/migration-priv.h"
#include "tests/unit/machine-vm.h"

static MachineVm *machine(void)
{
    static MachineVm *m;
    static Incoming incoming;

    if (!m) {
        m = machine_vm_new(&machine_rows[1]);
        incoming.m = m->sys.vm->migration;
        incoming.m->in = &incoming;
    }
    return m;
}

static void put(Section *s, const void *saved)
{
    s->desc->ops->install(s->owner, saved);
    if (s->desc->ops->installed) {
        s->desc->ops->installed(s->owner);
    }
}

/* The name that the input starts with; without one, some section. */
static Section *pick(FuzzInput *in)
{
    g_autoptr(GPtrArray) all = machine_vm_sections(machine());
    const uint8_t *end = memchr(in->data, 0, MIN(in->left, 256u));
    unsigned first = in->left ? in->data[0] : 0;

    if (end) {
        g_autofree char *name = g_strndup((const char *)in->data, (gsize)(end - in->data));
        in->left -= (size_t)(end - in->data) + 1;
        in->data = end + 1;
        Section *s = section_find(machine()->sys.vm, name, fuzz_u8(in));
        if (s && s->desc->record) {
            return s;
        }
    }
    return g_ptr_array_index(all, first % all->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = { data, size };
    Section *s = pick(&in);
    const Record *record = s->desc->record;
    const SectionOps *ops = s->desc->ops;
    StreamFormat format = fuzz_u8(&in) & 1 ? STREAM_V3 : STREAM_V4;
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
