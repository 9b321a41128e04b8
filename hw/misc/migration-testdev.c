/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "migration-testdev": a device for tests of migration, on no bus and invisible to guests. It stands
 * in for a device whose host side may refuse a transition (passthrough, vhost), and for whatever
 * changes RAM blocks while they travel (firmware tables, hotplug).
 *
 *   fail       the transition that fails from now on: check (the state that came), prepare (loaded,
 *              to be run), start (stopped to running), stop (running to stopped)
 *   fail-times how often (0: always)
 *   delay-ms   how long each of these transitions takes, failing or not
 *   value      a word of its state, 0 to 1000 on the wire whatever it is here: a greater one is
 *              refused by the destination, as part of the field's description
 *   part       0 to 9 likewise, inside a subsection that travels when `part` is not 0
 *   takes-part off: this side cannot honour that subsection, and must refuse it
 *   note       a word in another subsection, likewise
 *   takes-note off: this side cannot honour it, and survives that
 *   mark       a word that machine types before ferry-1.0 do not send (x-mark=off)
 *   late       a word in a subsection that those do not have (x-late=off)
 *   ram-*      a RAM block of its own: length (0: none), maximum, name, whether it migrates. Changes after the start
 *              take effect when `apply` is set
 *   memdev     a memory backend that it claims, and gives back when `release` is set
 */
#include "base/memory/backend.h"
#include "hw/core/device.h"
#include "hw/misc/migration-testdev.h"

#define RAM_MAX   (16u << 20) /* of any */
#define VALUE_MAX 1000
#define PART_MAX  9

typedef enum {
    FAIL_NEVER,
    FAIL_CHECK,
    FAIL_PREPARE,
    FAIL_START,
    FAIL_STOP,
} Fail;
static const char *const fail_names[] = { "never", "check", "prepare", "start", "stop", NULL };

/* ---- saved form ---- */

typedef struct {
    uint32_t part;
} SavedPart;

typedef struct {
    uint32_t value;
    bool has_part;
    SavedPart part;
    uint32_t note;
    uint16_t mark, late;
    bool sends_mark, sends_late; /* not on the wire: properties of the machine type */
} Saved;

/* ---- live ---- */

typedef struct {
    Device dev; /* first */
    int fail;   /* Fail */
    uint32_t fail_times, failed, delay_ms, value, part, note;
    bool takes_part, takes_note;
    uint64_t ram_length, ram_max;
    char *ram_name, *memdev;
    uint16_t mark, late;
    bool send_mark, send_late;
    bool ram_migratable;
    RamBlock *ram; /* owned; NULL: none */
    bool claimed;
    RunStateHandler *handler;
} TestDev;

/* Takes its time, and fails if this is the transition to fail. */
static bool pass(TestDev *d, Fail at, GError **error)
{
    g_usleep(d->delay_ms * 1000ul);
    if (d->fail != (int)at || (d->fail_times && d->failed >= d->fail_times)) {
        return true;
    }
    d->failed++;
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE,
                "migration-testdev was told to fail at '%s'", fail_names[at]);
    return false;
}

/* Also called to take a transition back: that one succeeds at once. */
static bool on_run_state(void *opaque, bool running, RunState state, GError **error)
{
    TestDev *d = opaque;
    return pass(d, running ? FAIL_START : FAIL_STOP, error);
}

/* ---- RAM ---- */

static bool make_ram(TestDev *d, GError **error)
{
    RamBlockSpec spec = { .idstr = d->ram_name,
                          .used_length = d->ram_length,
                          .max_length = d->ram_max,
                          .flags = RAM_RESIZEABLE | (d->ram_migratable ? RAM_MIGRATABLE : 0),
                          .fd = -1 };
    d->ram = ram_block_new(device_vm(&d->dev), &spec, error);
    return d->ram;
}

/* Brings the block to what the properties say: one change after the other. */
static bool apply(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    TestDev *d = (TestDev *)obj;
    if (!d->ram_length) {
        g_clear_pointer(&d->ram, ram_block_free);
        return true;
    }
    if (!d->ram) {
        return make_ram(d, error);
    }
    ram_block_set_migratable(d->ram, d->ram_migratable);
    return ram_block_set_idstr(d->ram, d->ram_name, error) &&
           ram_block_resize(d->ram, d->ram_length, error);
}

static bool release(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    TestDev *d = (TestDev *)obj;
    if (d->claimed) {
        d->claimed = false;
        memory_backend_release(obj->vm, d->memdev);
    }
    return true;
}

/* ---- life ---- */

static void unrealize(Device *dev)
{
    TestDev *d = (TestDev *)dev;
    g_clear_pointer(&d->ram, ram_block_free);
    release(&dev->obj, NULL, NULL, NULL);
    run_state_handler_remove(device_vm(dev), d->handler);
}

static bool realize(Device *dev, GError **error)
{
    TestDev *d = (TestDev *)dev;
    Vm *vm = device_vm(dev);
    if (d->ram_length && !make_ram(d, error)) {
        return false;
    }
    if (d->memdev && !memory_backend_claim(vm, d->memdev, 0, error)) {
        g_clear_pointer(&d->ram, ram_block_free);
        return false;
    }
    d->claimed = d->memdev;
    d->handler =
        run_state_handler_add(vm, RUN_PRIORITY_DEVICE, "migration-testdev", on_run_state, d);
    return true;
}

/* ---- state ---- */

static void save(void *owner, void *saved)
{
    const TestDev *d = owner;
    *(Saved *)saved = (Saved){ .value = d->value,
                               .has_part = d->part != 0,
                               .part = { d->part },
                               .note = d->note,
                               .mark = d->mark,
                               .late = d->late,
                               .sends_mark = d->send_mark,
                               .sends_late = d->send_late };
}

static bool check(void *owner, const void *saved, GError **error)
{
    return pass(owner, FAIL_CHECK, error);
}

static void install(void *owner, const void *saved)
{
    TestDev *d = owner;
    const Saved *s = saved;
    d->value = s->value;
    d->part = s->has_part ? s->part.part : 0;
    d->note = s->note;
    d->mark = s->mark;
    d->late = s->late;
}

static bool prepare_to_run(void *owner, GError **error)
{
    return pass(owner, FAIL_PREPARE, error);
}

static bool told_not_to(const char *subsection, GError **error)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "migration-testdev was told not to take its %s", subsection);
    return false;
}

static bool part_supported(void *owner, GError **error)
{
    return ((const TestDev *)owner)->takes_part || told_not_to("part", error);
}

static bool note_supported(void *owner, GError **error)
{
    return ((const TestDev *)owner)->takes_note || told_not_to("note", error);
}

static bool note_needed(const void *saved)
{
    return ((const Saved *)saved)->note != 0;
}

static bool part_needed(const void *saved)
{
    return ((const Saved *)saved)->has_part;
}

static const Record nested_record = {
    .name = "migration-testdev-part",
    .version = 1,
    .min_version = 1,
    .size = sizeof(SavedPart),
    .fields = (const Field[]){ F_U32(SavedPart, part, .max = PART_MAX), F_END },
};
static const Record part_record = {
    .name = "migration-testdev/part",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Saved),
    .fields = (const Field[]){ F_STRUCT(Saved, part, nested_record), F_END },
    .needed = part_needed,
    .has_present = true,
    .present_offset = offsetof(Saved, has_part),
    .supported = part_supported,
};
static const Record note_record = {
    .name = "migration-testdev/note",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Saved),
    .fields = (const Field[]){ F_U32(Saved, note), F_END },
    .needed = note_needed,
    .supported = note_supported,
    .policy = SUBSECTION_WARN,
};

static bool late_needed(const void *saved)
{
    return ((const Saved *)saved)->late;
}
static bool has_late(const void *saved)
{
    return ((const Saved *)saved)->sends_late;
}
static const Record late_record = {
    .name = "migration-testdev/late",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Saved),
    .fields = (const Field[]){ F_U16(Saved, late), F_END },
    .needed = late_needed,
    .gate = has_late,
};

static bool has_mark(const void *saved, uint32_t version)
{
    return ((const Saved *)saved)->sends_mark;
}
static const Record record = {
    .name = "migration-testdev",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Saved),
    .fields =
        (const Field[]){ F_U32(Saved, value, .max = VALUE_MAX),
                         F_BOOL(Saved, sends_mark, .flags = FIELD_LOCAL),
                         F_U16(Saved, mark, .present = has_mark, .flags = FIELD_GATED), F_END },
    .subsections = (const Record *const[]){ &part_record, &note_record, &late_record, NULL },
};
static const SectionOps section_ops = {
    .save = save, .check = check, .install = install, .prepare_to_run = prepare_to_run
};
static const SectionDesc section = { .record = &record, .ops = &section_ops };

/* ---- type ---- */

static const Property props[] = {
    PROP(PROP_ENUM, TestDev, fail, "fail", "never", .choices = fail_names, .settable_live = true),
    PROP(PROP_U32, TestDev, fail_times, "fail-times", "0", .settable_live = true),
    PROP(PROP_U32, TestDev, delay_ms, "delay-ms", "0", .settable_live = true, .max = 60000),
    PROP(PROP_U32, TestDev, value, "value", "0", .settable_live = true),
    PROP(PROP_U32, TestDev, part, "part", "0", .settable_live = true),
    PROP(PROP_BOOL, TestDev, takes_part, "takes-part", "on", .settable_live = true),
    PROP(PROP_U32, TestDev, note, "note", "0", .settable_live = true),
    PROP(PROP_BOOL, TestDev, takes_note, "takes-note", "on", .settable_live = true),
    PROP(PROP_U16, TestDev, late, "late", "0", .settable_live = true),
    PROP(PROP_BOOL, TestDev, send_late, "x-late", "on"),
    PROP(PROP_U16, TestDev, mark, "mark", "0", .settable_live = true),
    PROP(PROP_BOOL, TestDev, send_mark, "x-mark", "on"),
    PROP(PROP_SIZE, TestDev, ram_length, "ram-length", "0", .settable_live = true, .max = RAM_MAX),
    PROP(PROP_SIZE, TestDev, ram_max, "ram-max", "1M", .max = RAM_MAX),
    PROP(PROP_STR, TestDev, ram_name, "ram-name", "migration-testdev.ram", .settable_live = true),
    PROP(PROP_BOOL, TestDev, ram_migratable, "ram-migratable", "on", .settable_live = true),
    PROP(PROP_STR, TestDev, memdev, "memdev", NULL),
    { .name = "apply",
      .kind = PROP_CUSTOM,
      .link_type = "bool",
      .settable_live = true,
      .set = apply },
    { .name = "release",
      .kind = PROP_CUSTOM,
      .link_type = "bool",
      .settable_live = true,
      .set = release },
    PROP_END,
};

static const DeviceOps ops = {
    .category = DEVICE_CATEGORY_MISC,
    .user_creatable = true,
    .hotpluggable = true,
    .realize = realize,
    .unrealize = unrealize,
    .section = &section,
};

const TypeInfo migration_testdev_types[] = {
    { .name = "migration-testdev",
      .parent = "device",
      .description = "for tests: breaks migrations on demand",
      .instance_size = sizeof(TestDev),
      .props = props,
      .ops = &ops },
};
const size_t migration_testdev_types_n = G_N_ELEMENTS(migration_testdev_types);
