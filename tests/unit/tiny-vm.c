/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See tiny-vm.h. The device is a struct of State; its saved form is a copy with memory of its own. */
#include "tiny-vm.h"
#include <string.h>
#include "base/memory/space.h"

/* ---- the device ---- */

typedef struct {
    uint16_t a;
    bool b;
} Part;

typedef struct {
    uint8_t kind;
    uint32_t word, limited, count, n_bytes;
    int64_t timer;
    uint64_t wide[3];
    uint8_t raw[12];
    uint16_t numbers[8];
    Part part, parts[3], more[4];
    uint32_t n_more;
    uint8_t *bytes;
    Part *maybe;
    GPtrArray *list;
    bool extra;
    uint32_t extra_word;
} State;

struct TinyDevice {
    Section *section;
    State s; /* `list` is never NULL */
};

static bool extra_needed(const void *saved)
{
    return ((const State *)saved)->extra;
}

static const Field part_fields[] = { F_U16(Part, a), F_BOOL(Part, b), F_END };
static const Record part_record = {
    .name = "part", .version = 1, .min_version = 1, .size = sizeof(Part), .fields = part_fields
};
static const Field extra_fields[] = { F_U32(State, extra_word), F_END };
static const Record extra_record = { .name = "tiny/extra",
                                     .version = 1,
                                     .min_version = 1,
                                     .size = sizeof(State),
                                     .fields = extra_fields,
                                     .needed = extra_needed,
                                     .has_present = true,
                                     .present_offset = offsetof(State, extra) };
static const Record *const tiny_subsections[] = { &extra_record, NULL };
static const Field tiny_fields[] = {
    F_U8(State, kind),
    F_U32(State, word),
    F_U32(State, limited, .max = 100),
    F_TIMER(State, timer),
    F_ARRAY(FIELD_U64, State, wide),
    F_BUFFER(State, raw),
    F_U32(State, count, .max = 8),
    F_ARRAY(FIELD_U16, State, numbers, .flags = FIELD_VARRAY,
            .count_offset = offsetof(State, count)),
    F_STRUCT(State, part, part_record),
    F_STRUCT_ARRAY(State, parts, part_record),
    F_U32(State, n_more, .max = 4),
    F_STRUCT_ARRAY(State, more, part_record, .flags = FIELD_VARRAY,
                   .count_offset = offsetof(State, n_more)),
    F_UNUSED(5),
    F_U32(State, n_bytes, .max = 64),
    { .name = "bytes",
      .kind = FIELD_VBUFFER,
      .size = sizeof(uint8_t *),
      .offset = offsetof(State, bytes),
      .max_len = 64,
      .count_offset = offsetof(State, n_bytes) },
    { .name = "maybe",
      .kind = FIELD_POINTER,
      .size = sizeof(Part *),
      .offset = offsetof(State, maybe),
      .record = &part_record },
    { .name = "list",
      .kind = FIELD_LIST,
      .size = sizeof(GPtrArray *),
      .offset = offsetof(State, list),
      .max_len = 6,
      .record = &part_record },
    F_END,
};
static const Record tiny_record = { .name = "tiny",
                                    .version = 2,
                                    .min_version = 1,
                                    .size = sizeof(State),
                                    .fields = tiny_fields,
                                    .subsections = tiny_subsections };

/* A copy with memory of its own, as record_clear() frees it. */
static void state_copy(State *to, const State *from)
{
    *to = *from;
    to->bytes = from->n_bytes ? g_memdup2(from->bytes, from->n_bytes) : NULL;
    to->maybe = from->maybe ? g_memdup2(from->maybe, sizeof(Part)) : NULL;
    to->list = g_ptr_array_new();
    for (guint i = 0; from->list && i < from->list->len; i++) {
        g_ptr_array_add(to->list, g_memdup2(g_ptr_array_index(from->list, i), sizeof(Part)));
    }
}

static void device_save(void *owner, void *saved)
{
    state_copy(saved, &((TinyDevice *)owner)->s);
}

static bool device_check(void *owner, const void *saved, GError **error)
{
    if (((const State *)saved)->kind <= 9) {
        return true;
    }
    g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM, "kind %u, at most 9",
                ((const State *)saved)->kind);
    return false;
}

static void device_install(void *owner, const void *saved)
{
    TinyDevice *d = owner;

    record_clear(&tiny_record, &d->s);
    state_copy(&d->s, saved);
}

static const SectionOps tiny_ops = { device_save, device_check, device_install, NULL };
static const SectionDesc tiny_section = { .record = &tiny_record, .ops = &tiny_ops };

/* ---- the VM ---- */

Tiny *tiny_new(void)
{
    Tiny *t = g_new0(Tiny, 1);
    TypeRegistry *reg = type_registry_new();
    RamBlockSpec spec = {
        .idstr = "tiny.ram", .used_length = TINY_RAM, .flags = RAM_MIGRATABLE, .fd = -1
    };
    MigrationHost host = { .machine_name = "tiny-machine", .stream_version = 4 };

    type_registry_seal(reg);
    t->vm = vm_new(reg);
    vm_lock(t->vm);
    g_assert_true(memory_setup(t->vm, NULL));
    clock_virtual_take_manual(t->vm);
    migration_setup(t->vm, &host);
    t->ram = ram_block_new(t->vm, &spec, NULL);
    t->device = g_new0(TinyDevice, 1);
    t->device->s.list = g_ptr_array_new();
    t->device->section =
        section_register(t->vm, NULL, &tiny_section, SECTION_INSTANCE_AUTO, t->device);
    vm_unlock(t->vm);
    return t;
}

void tiny_free(Tiny *t)
{
    vm_lock(t->vm);
    section_unregister(t->vm, t->device->section);
    record_clear(&tiny_record, &t->device->s);
    g_free(t->device);
    ram_block_free(t->ram);
    migration_teardown(t->vm);
    records_teardown(t->vm);
    memory_teardown(t->vm);
    vm_unlock(t->vm);
    vm_free(t->vm);
    g_free(t);
}

void tiny_scribble(Tiny *t)
{
    static const uint8_t bytes[] = "bytes";
    State s = { .kind = 7, .word = 0x05060708, .limited = 100, .count = 3, .timer = -1 };
    Part part = { 0x0506, true };
    uint8_t *ram = ram_block_host(t->ram);

    for (unsigned i = 0; i < 3; i++) {
        s.wide[i] = 0x0505050505050505ull * (i + 1);
        s.numbers[i] = (uint16_t)(0x500 + i);
        s.parts[i] = s.more[i] = (Part){ (uint16_t)i, i & 1 };
    }
    memset(s.raw, 5, sizeof(s.raw));
    s.part = part;
    s.n_more = 2;
    s.more[2] = (Part){ 0 };
    s.n_bytes = sizeof(bytes);
    s.bytes = g_memdup2(bytes, sizeof(bytes));
    s.maybe = g_memdup2(&part, sizeof(part));
    s.list = g_ptr_array_new();
    g_ptr_array_add(s.list, g_memdup2(&part, sizeof(part)));
    s.extra = true;
    s.extra_word = 99;
    record_clear(&tiny_record, &t->device->s);
    t->device->s = s;
    for (unsigned i = 0; i < 2 * GUEST_PAGE_SIZE; i++) { /* the other two pages stay zero */
        ram[i] = (uint8_t)(i * 7 + 1);
    }
}

bool tiny_same(const Tiny *a, const Tiny *b)
{
    g_autoptr(GBytes) x = tiny_save((Tiny *)a, STREAM_V3);
    g_autoptr(GBytes) y = tiny_save((Tiny *)b, STREAM_V3);

    return g_bytes_equal(x, y);
}

/* ---- streams ---- */

GBytes *tiny_save(Tiny *t, StreamFormat format)
{
    return vm_stream_save(t->vm, format, false);
}

bool tiny_load(Tiny *t, const void *stream, size_t n, GError **error)
{
    g_autoptr(Channel) c = channel_new_buffer(stream, n);

    return vm_stream_load(t->vm, c, error);
}
