/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * s390x CPUs as devices: a type a model, a property a feature. Realizing makes the vCPU with its
 * address, clocks and thread; a feature that the emulator has not is refused then. Which CPUs there are
 * is cpus.c's.
 */
#include <stdlib.h>
#include <string.h>
#include "exec/engine.h"
#include "s390-priv.h"
#include "target/s390x/features.h"

typedef struct {
    Device dev; /* first */
    uint32_t core_id, socket_id, book_id, drawer_id;
    S390Board *board; /* borrowed */
    S390Cpu *cpu;     /* owned */
    Section *common_section, *cpu_section;
    const S390Model *model; /* NULL for the abstract type */
    S390Features features;
    uint64_t facilities[S390_FACILITY_WORDS];
} S390CpuDevice;

static S390CpuDevice *self(Device *dev)
{
    return (S390CpuDevice *)dev;
}

void s390_cpu_device_set_board(Device *dev, S390Board *board)
{
    self(dev)->board = board;
}

S390Cpu *s390_cpu_device_cpu(Device *dev)
{
    return self(dev)->cpu;
}

/* Requested and not there. */
static void unavailable(const S390CpuDevice *d, S390Features *out)
{
    s390_features_supported(out);
    for (unsigned w = 0; w < S390_FEATURE_WORDS; w++) {
        out->w[w] = d->features.w[w] & ~out->w[w];
    }
}

static GVariant *unavailable_get(Object *obj, const Property *prop)
{
    S390Features f;

    unavailable(self(DEVICE(obj)), &f);
    g_auto(GStrv) names = s390_features_list(&f);
    return g_variant_new_strv((const char *const *)names, -1);
}

static bool features_ok(const S390CpuDevice *d, GError **error)
{
    S390Features f;

    unavailable(d, &f);
    g_auto(GStrv) names = s390_features_list(&f);
    if (!*names) {
        return true;
    }
    g_autofree char *text = g_strjoinv(" ", names);
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                "Some features requested in the CPU model are not available in the "
                "configuration: %s",
                text);
    return false;
}

static void set_machine(S390CpuDevice *d)
{
    char digits[8];

    g_snprintf(digits, sizeof(digits), "%u", d->model->type);
    d->cpu->cpu_type = (uint16_t)g_ascii_strtoull(digits, NULL, 16);
    s390_features_facilities(&d->features, d->facilities);
    d->cpu->facilities = d->facilities;
    s390_features_msa(&d->features, d->cpu->msa_functions);
}

static void cpu_object_init(Object *obj)
{
    S390CpuDevice *d = self(DEVICE(obj));
    const char *type = object_type_name(obj), *suffix = strstr(type, "-s390x-cpu");
    g_autofree char *name = suffix ? g_strndup(type, (gsize)(suffix - type)) : NULL;

    d->model = name ? s390_model_find(name) : NULL;
    if (d->model) {
        s390_model_features(d->model, &d->features);
    }
}

static bool cpu_realize(Device *dev, GError **error)
{
    S390CpuDevice *d = self(dev);
    Vm *vm = device_vm(dev);
    ExecEngine *engine = (ExecEngine *)vm->accel;
    void *mem = NULL;

    if (!features_ok(d, error)) {
        return false;
    }
    if (!engine) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "no accelerator to run a CPU");
        return false;
    }
    if (!d->board || d->core_id >= S390_MAX_CPUS) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "no place for core-id %u (limit %u)", d->core_id, S390_MAX_CPUS - 1);
        return false;
    }
    if (posix_memalign(&mem, 64, sizeof(S390Cpu))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE, "no memory for a CPU");
        return false;
    }
    memset(mem, 0, sizeof(S390Cpu));
    d->cpu = mem;
    d->cpu->address = d->core_id;
    d->cpu->vm = vm;
    d->cpu->board = d->board;
    d->cpu->board_ops = &s390_board_ops;
    d->cpu->base.owner = dev;
    s390_cpu_setup(d->cpu);
    set_machine(d);
    cpu_init(&d->cpu->base, engine, &s390_target_ops, address_space_memory(vm));
    d->common_section = section_register(vm, NULL, &s390_section_common, d->core_id, d->cpu);
    d->cpu_section = section_register(vm, NULL, &s390_section_cpu, d->core_id, d->cpu);
    cpu_start(&d->cpu->base);
    return true;
}

static void cpu_unrealize(Device *dev)
{
    S390CpuDevice *d = self(dev);
    Vm *vm = device_vm(dev);

    section_unregister(vm, d->cpu_section);
    section_unregister(vm, d->common_section);
    cpu_clear(&d->cpu->base);
    s390_cpu_teardown(d->cpu);
    free(d->cpu);
    d->cpu = NULL;
}

static void cpu_reset(Device *dev, ResetKind kind)
{
    S390CpuDevice *d = self(dev);
    bool partial = d->board && d->board->reset_kind == S390_BOARD_RESET_CPUS;

    if (d->cpu) {
        s390_cpu_reset(d->cpu, !partial                                 ? S390_RESET_CLEAR
                               : d->cpu->address == d->board->reset_cpu ? S390_RESET_INITIAL
                                                                        : S390_RESET_CPU);
    }
}

static int group_row(const Property *prop)
{
    unsigned k = 0;

    while (strcmp(s390_feature_names[k], prop->name)) {
        k++;
    }
    return k;
}

static GVariant *group_get(Object *obj, const Property *prop)
{
    return g_variant_new_boolean(s390_feature_whole(&self(DEVICE(obj))->features, group_row(prop)));
}

static const char *const group_members[] = {
#define S390_FEATURE(n, nm, facility)      [n] = "",
#define S390_FEATURE_GROUP(n, nm, members) [n] = members,
#include "target/s390x/features.def"
};

/* Sets each of them, by whatever value that takes: a command line has words. */
static bool group_set(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    g_auto(GStrv) names = g_strsplit(group_members[group_row(prop)], " ", -1);

    for (char **name = names; *name; name++) {
        if (**name && !object_set(obj, *name, value, error)) {
            return false;
        }
    }
    return true;
}

/* Row n of features.def. */
#define FEATURE_ROW(n, nm) \
    { .name = (nm),        \
      .kind = PROP_BIT,    \
      .bit = (n) % 64,     \
      .offset = offsetof(S390CpuDevice, features.w) + (n) / 64 * sizeof(uint64_t) },

static const Property cpu_props[] = {
    PROP(PROP_U32, S390CpuDevice, core_id, "core-id", "0"),
    PROP(PROP_U32, S390CpuDevice, socket_id, "socket-id", "0"),
    PROP(PROP_U32, S390CpuDevice, book_id, "book-id", "0"),
    PROP(PROP_U32, S390CpuDevice, drawer_id, "drawer-id", "0"),
    { .name = "unavailable-features", .kind = PROP_CUSTOM, .get = unavailable_get },
#define S390_FEATURE(n, nm, facility) FEATURE_ROW(n, nm)
#define S390_FEATURE_GROUP(n, nm, members) \
    { .name = (nm), .kind = PROP_CUSTOM, .link_type = "bool", .get = group_get, .set = group_set },
#include "target/s390x/features.def"
    PROP_END,
};

static const DeviceOps cpu_ops = {
    .category = DEVICE_CATEGORY_CPU,
    .user_creatable = true,
    .hotpluggable = true,
    .on_board = true,
    .realize = cpu_realize,
    .unrealize = cpu_unrealize,
    .reset = cpu_reset,
};

char **s390_cpu_device_features(Device *dev)
{
    return s390_features_list(&self(dev)->features);
}

bool s390_cpu_device_same_features(Device *dev, Device *other)
{
    return !memcmp(&self(dev)->features, &self(other)->features, sizeof(S390Features));
}

unsigned s390_cpu_device_core_id(Device *dev)
{
    return self(dev)->core_id;
}

void s390_cpu_device_set_topology(Device *dev, const CpuTopology *t)
{
    S390CpuDevice *d = self(dev);
    unsigned n = d->core_id / MAX(t->cores, 1u);

    d->socket_id = n % MAX(t->sockets, 1u);
    n /= MAX(t->sockets, 1u);
    d->book_id = n % MAX(t->books, 1u);
    d->drawer_id = n / MAX(t->books, 1u);
}

const TypeInfo s390_cpu_types[] = {
    { .name = "s390x-cpu",
      .parent = "cpu",
      .abstract = true,
      .instance_size = sizeof(S390CpuDevice),
      .props = cpu_props,
      .ops = &cpu_ops,
      .init = cpu_object_init },
    { .name = "qemu-s390x-cpu", .parent = "s390x-cpu" },
    { .name = "max-s390x-cpu", .parent = "s390x-cpu" },
#define S390_MODEL(nm, ...) { .name = nm "-s390x-cpu", .parent = "s390x-cpu" },
#include "target/s390x/models.def"
};
const size_t s390_cpu_types_count = G_N_ELEMENTS(s390_cpu_types);
