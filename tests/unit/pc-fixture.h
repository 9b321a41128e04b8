/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM with nothing but an ISA bus, 16 recorded interrupt lines and a clock that the test moves:
 * for the unit tests of PC devices. Include once a test program, with PC_TYPES defined as a list of
 * ADD_TYPES(array, count).
 */
#include <string.h>
#include "base/util/bytes.h"
#include "hw/core/types.h"
#include "hw/isa/isa.h"
#include "migration/vmstate/codec.h"
#include "migration/vmstate/registry.h"

typedef struct {
    Vm *vm;
    IsaBus *isa;
    Irq lines[16];
    int level[16];
    int rises[16];
    GPtrArray *boardless; /* devices without a bus, newest last */
} Pc;

static inline void pc_line(void *opaque, int n, int level)
{
    Pc *pc = opaque;

    pc->rises[n] += level && !pc->level[n];
    pc->level[n] = level;
}

static inline Pc *pc_new(void)
{
    Pc *pc = g_new0(Pc, 1);

    pc->boardless = g_ptr_array_new();
    TypeRegistry *reg = type_registry_new();
    Irq *irqs[16];

#define ADD_TYPES(a, n) type_registry_add(reg, a, n)
    ADD_TYPES(hw_core_device_types, hw_core_device_types_n);
    ADD_TYPES(hw_core_bus_types, hw_core_bus_types_n);
    ADD_TYPES(hw_core_machine_types, hw_core_machine_types_n);
    ADD_TYPES(isa_types, isa_types_n);
    PC_TYPES;
    type_registry_seal(reg);
    pc->vm = vm_new(reg);
    vm_lock(pc->vm);
    g_assert_true(memory_setup(pc->vm, NULL));
    clock_virtual_take_manual(pc->vm);
    pc->isa =
        isa_bus_new(pc->vm, NULL, memory_system_region(pc->vm), memory_io_region(pc->vm), NULL);
    for (int i = 0; i < 16; i++) {
        irq_init(&pc->lines[i], pc_line, pc, i);
        irqs[i] = &pc->lines[i];
    }
    isa_bus_set_irqs(pc->isa, irqs);
    return pc;
}

static inline void pc_free(Pc *pc)
{
    while (pc->isa->bus.devices->len) {
        device_unrealize(g_ptr_array_index(pc->isa->bus.devices, pc->isa->bus.devices->len - 1));
    }
    while (pc->boardless->len) {
        device_unrealize(g_ptr_array_steal_index(pc->boardless, pc->boardless->len - 1));
    }
    g_ptr_array_unref(pc->boardless);
    records_teardown(pc->vm);
    memory_teardown(pc->vm);
    vm_unlock(pc->vm);
    vm_free(pc->vm);
    g_free(pc);
}

/* Property names and string values, NULL at the end. */
static inline Device *pc_add(Pc *pc, const char *type, ...)
{
    g_autoptr(GError) error = NULL;
    Device *dev = device_new(pc->vm, type, &error);
    const char *name;
    va_list args;

    g_assert_no_error(error);
    va_start(args, type);
    while ((name = va_arg(args, const char *))) {
        object_set_str(&dev->obj, name, va_arg(args, const char *), &error);
        g_assert_no_error(error);
    }
    va_end(args);
    bool isa = object_is_a(&dev->obj, "isa-device");

    device_realize(dev, isa ? &pc->isa->bus : NULL, NULL, &error);
    g_assert_no_error(error);
    object_unref(&dev->obj);
    if (!isa) {
        g_ptr_array_add(pc->boardless, dev);
    }
    device_reset(dev, RESET_COLD);
    return dev;
}

static inline void outb(Pc *pc, unsigned port, unsigned value)
{
    phys_st8_le(address_space_io(pc->vm), port, value);
}
static inline unsigned inb(Pc *pc, unsigned port)
{
    return (unsigned)phys_ld8_le(address_space_io(pc->vm), port);
}
static inline void step(Pc *pc, int64_t ns)
{
    clock_virtual_advance(pc->vm, clock_now_ns(pc->vm, CLOCK_KIND_VIRTUAL) + ns);
}

static inline void pc_encode(Device *dev, ByteWriter *w)
{
    const SectionDesc *desc = device_ops(dev)->section;
    void *saved = g_malloc0(desc->record->size);

    desc->ops->save(dev, saved);
    byte_writer_init(w);
    record_encode(desc->record, saved, STREAM_V3, w);
    g_assert_true(byte_writer_ok(w));
    record_clear(desc->record, saved);
    g_free(saved);
}

/* Loads what @w holds into @dev. In version 3 only what follows, here the footer, ends a record. */
static inline bool pc_decode(Device *dev, const ByteWriter *w, GError **error)
{
    const SectionDesc *desc = device_ops(dev)->section;
    void *saved = g_malloc0(desc->record->size), *mine = g_malloc0(desc->record->size);
    size_t len = byte_writer_len(w);
    g_autofree uint8_t *bytes = g_malloc(len + 1);
    ByteReader r;

    memcpy(bytes, w->data, len);
    bytes[len] = STREAM_FOOTER;
    desc->ops->save(dev, mine);
    byte_reader_init(&r, bytes, len + 1);
    bool ok =
        record_decode(desc->record, desc->record->version, STREAM_V3, &r, saved, mine, NULL, error);

    ok = ok && (!desc->ops->check || desc->ops->check(dev, saved, error));
    if (ok) {
        g_assert_cmpuint(byte_reader_left(&r), ==, 1);
        desc->ops->install(dev, saved);
        if (desc->ops->installed) {
            desc->ops->installed(dev);
        }
    }
    record_clear(desc->record, saved);
    record_clear(desc->record, mine);
    g_free(saved);
    g_free(mine);
    return ok;
}

/* Save, reset, load, save: the same bytes. Returns how many. */
static inline size_t pc_round_trip(Device *dev)
{
    ByteWriter a, b;
    g_autoptr(GError) error = NULL;

    pc_encode(dev, &a);
    device_reset(dev, RESET_COLD);
    pc_decode(dev, &a, &error);
    g_assert_no_error(error);
    pc_encode(dev, &b);
    g_assert_cmpmem(a.data, byte_writer_len(&a), b.data, byte_writer_len(&b));
    size_t len = byte_writer_len(&a);

    byte_writer_clear(&a);
    byte_writer_clear(&b);
    return len;
}
