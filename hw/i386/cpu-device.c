/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 CPUs as devices: a type a model, a property a feature. Realizing makes the vCPU with its own
 * view of memory (register page of its APIC, SMRAM when in SMM), its local APIC and its thread.
 */
#include "hw/i386/cpu-device.h"

#include <string.h>

#include "exec/engine.h"
#include "hw/core/machine.h"
#include "hw/i386/apic.h"
#include "target/x86/x86.h"

typedef struct {
    Device dev; /* first */
    X86CpuConfig config;
    int32_t socket_id, die_id, module_id, core_id, thread_id, node_id;
    bool start_powered_off, migratable, lmce, pmu, host_phys_bits, inert[64];
    uint8_t host_phys_bits_limit;
    uint32_t guest_phys_bits;
    ApicBus *bus;
    X86Cpu *cpu; /* owned */
    Apic *apic;
    MemoryRegion root, mem_alias, smm_root, smm_mem_alias, smram;
    bool has_smram;
    AddressSpace *as, *smm_as;
    Section *common_section, *cpu_section;
} X86CpuDevice;

static X86CpuDevice *self(Device *dev)
{
    return (X86CpuDevice *)dev;
}

void x86_cpu_device_set_apic_bus(Device *dev, ApicBus *bus)
{
    self(dev)->bus = bus;
}

struct X86Cpu *x86_cpu_device_cpu(Device *dev)
{
    return self(dev)->cpu;
}

void x86_cpu_device_state_changed(Device *dev)
{
    X86Cpu *cpu = self(dev)->cpu;

    x86_mode_update(cpu);
    x86_paging_changed(cpu);
    cpu_jump_cache_clear(&cpu->base);
}

void x86_cpu_device_set_smram(Device *dev, MemoryRegion *smram)
{
    X86CpuDevice *d = self(dev);

    if (!d->has_smram) {
        memory_region_init_alias(&d->smram, device_vm(dev), &dev->obj, "cpu-smram", smram, 0,
                                 memory_region_size(smram));
        memory_region_add_overlap(&d->smm_root, 0, &d->smram, 1024);
        d->has_smram = true;
    }
}

Object *x86_cpu_device_apic(Device *dev)
{
    return self(dev)->apic ? apic_object(self(dev)->apic) : NULL;
}

void x86_cpu_device_describe_apic(Device *dev, GString *out)
{
    if (self(dev)->apic) {
        apic_describe(self(dev)->apic, out);
    }
}

const X86CpuConfig *x86_cpu_device_config(Device *dev)
{
    return &self(dev)->config;
}

/* ---- properties ---- */

static GVariant *vendor_get(Object *obj, const Property *prop)
{
    return g_variant_new_string(self(DEVICE(obj))->config.vendor);
}
static bool vendor_set(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    return x86_config_set_vendor(&self(DEVICE(obj))->config, g_variant_get_string(value, NULL),
                                 error);
}
static GVariant *model_id_get(Object *obj, const Property *prop)
{
    return g_variant_new_string(self(DEVICE(obj))->config.model_id);
}
static bool model_id_set(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    X86CpuConfig *c = &self(DEVICE(obj))->config;

    memset(c->model_id, 0, sizeof(c->model_id));
    g_strlcpy(c->model_id, g_variant_get_string(value, NULL), sizeof(c->model_id));
    return true;
}
/* Before realize: what would be taken away. */
static GVariant *unavailable_get(Object *obj, const Property *prop)
{
    const X86CpuConfig *c = &self(DEVICE(obj))->config;
    uint64_t words[X86_FW_COUNT];

    for (unsigned w = 0; w < X86_FW_COUNT; w++) {
        words[w] = c->filtered[w] | (c->words[w] & ~x86_feature_supported(w));
    }
    g_auto(GStrv) names = x86_feature_names(words);

    return g_variant_new_strv((const char *const *)names, -1);
}

#define CFG(kind, field, name, def, ...) \
    PROP(kind, X86CpuDevice, config.field, name, def, ##__VA_ARGS__)
#define DEV(kind, field, name, def, ...) PROP(kind, X86CpuDevice, field, name, def, ##__VA_ARGS__)
#define ROW_BIT(w, b, n) \
    { .name = (n),       \
      .kind = PROP_BIT,  \
      .bit = (b),        \
      .offset = offsetof(X86CpuDevice, config.words) + X86_FW_##w * sizeof(uint64_t) },
#define X86_FEATURE(w, b, n, s)    ROW_BIT(w, b, n)
#define X86_FEATURE_ALIAS(w, b, n) ROW_BIT(w, b, n)

static const Property cpu_props[] = {
#include "target/x86/features.def"
    CFG(PROP_U32, apic_id, "apic-id", "4294967295"),
    DEV(PROP_I32, thread_id, "thread-id", "-1"),
    DEV(PROP_I32, core_id, "core-id", "-1"),
    DEV(PROP_I32, module_id, "module-id", "-1"),
    DEV(PROP_I32, die_id, "die-id", "-1"),
    DEV(PROP_I32, socket_id, "socket-id", "-1"),
    DEV(PROP_I32, node_id, "node-id", "-1"),
    CFG(PROP_U32, family, "family", NULL, .max = 0x10e),
    CFG(PROP_U32, model, "model", NULL, .max = 0xff),
    CFG(PROP_U32, stepping, "stepping", NULL, .max = 0xf),
    { .name = "vendor",
      .kind = PROP_CUSTOM,
      .link_type = "string",
      .get = vendor_get,
      .set = vendor_set },
    { .name = "model-id",
      .kind = PROP_CUSTOM,
      .link_type = "string",
      .get = model_id_get,
      .set = model_id_set },
    { .name = "unavailable-features",
      .kind = PROP_CUSTOM,
      .link_type = "strList",
      .read_only = true,
      .get = unavailable_get },
    CFG(PROP_U32, level, "level", "4294967295"),
    CFG(PROP_U32, xlevel, "xlevel", "4294967295"),
    CFG(PROP_U32, xlevel2, "xlevel2", "4294967295"),
    CFG(PROP_U32, min_level, "min-level", NULL),
    CFG(PROP_U32, min_xlevel, "min-xlevel", NULL),
    CFG(PROP_U32, min_xlevel2, "min-xlevel2", NULL),
    CFG(PROP_U32, phys_bits, "phys-bits", "0"),
    CFG(PROP_U64, ucode_rev, "ucode-rev", "0"),
    CFG(PROP_U64, tsc_hz, "tsc-frequency", "0", .max = 1000000000000ull),
    CFG(PROP_BOOL, migrate_smi_count, "x-migrate-smi-count", "on"),
    CFG(PROP_BOOL, l3_cache, "l3-cache", "on"),
    CFG(PROP_BOOL, cpuid_0xb, "cpuid-0xb", "on"),
    CFG(PROP_BOOL, full_auto_level, "full-cpuid-auto-level", "on"),
    CFG(PROP_BOOL, tcg_cpuid, "tcg-cpuid", "on"),
    CFG(PROP_BOOL, vendor_cpuid_only, "x-vendor-cpuid-only", "on"),
    CFG(PROP_BOOL, check, "check", "on"),
    CFG(PROP_BOOL, enforce, "enforce", "off"),
    DEV(PROP_BOOL, start_powered_off, "start-powered-off", NULL),
    DEV(PROP_BOOL, migratable, "migratable", "on"),
    DEV(PROP_BOOL, lmce, "lmce", "off"),
    DEV(PROP_BOOL, pmu, "pmu", "off"),
    DEV(PROP_BOOL, host_phys_bits, "host-phys-bits", "off"),
    DEV(PROP_U8, host_phys_bits_limit, "host-phys-bits-limit", "0"),
    DEV(PROP_U32, guest_phys_bits, "guest-phys-bits", "4294967295"),
    DEV(PROP_BOOL, inert[0], "kvm", "on"),
    DEV(PROP_BOOL, inert[1], "fill-mtrr-mask", "on"),
    DEV(PROP_BOOL, inert[3], "kvm-no-smi-migration", "off"),
    DEV(PROP_BOOL, inert[4], "vmware-cpuid-freq", "on"),
    DEV(PROP_BOOL, inert[5], "x-l1-cache-per-thread", "on"),
    DEV(PROP_BOOL, inert[6], "x-amd-topoext-features-only", "on"),
    DEV(PROP_BOOL, inert[7], "x-intel-pt-auto-level", "on"),
    DEV(PROP_BOOL, inert[8], "x-force-features", "off"),
    DEV(PROP_BOOL, inert[9], "legacy-cache", "on"),
    DEV(PROP_BOOL, inert[10], "host-cache-info", "off"),
    DEV(PROP_BOOL, inert[11], "kvm-pv-enforce-cpuid", "off"),
    PROP_END,
};

/* ---- life ---- */

static void warn_line(const char *line, void *opaque)
{
    g_warning("%s", line);
}

static void take_topology(X86CpuDevice *d)
{
    Machine *m = vm_machine(device_vm(&d->dev));

    if (m && m->smp.cpus) {
        d->config.threads = MAX(m->smp.threads, 1u);
        d->config.cores = MAX(m->smp.cores, 1u);
        d->config.modules = MAX(m->smp.modules, 1u);
        d->config.dies = MAX(m->smp.dies, 1u);
    }
}

static void make_spaces(X86CpuDevice *d, unsigned index)
{
    Vm *vm = device_vm(&d->dev);
    MemoryRegion *system = memory_system_region(vm);
    uint64_t size = memory_region_size(system);
    g_autofree char *name = g_strdup_printf("cpu-memory-%u", index);
    g_autofree char *smm_name = g_strdup_printf("cpu-smm-%u", index);

    memory_region_init(&d->root, vm, NULL, "cpu-memory", size);
    memory_region_init_alias(&d->mem_alias, vm, NULL, "memory", system, 0, size);
    memory_region_add_overlap(&d->root, 0, &d->mem_alias, 0);
    memory_region_init(&d->smm_root, vm, NULL, "cpu-smm", size);
    memory_region_init_alias(&d->smm_mem_alias, vm, NULL, "cpu-memory-alias", &d->root, 0, size);
    memory_region_add_overlap(&d->smm_root, 0, &d->smm_mem_alias, 0);
    d->as = address_space_new(vm, &d->root, name);
    d->smm_as = address_space_new(vm, &d->smm_root, smm_name);
}

static bool cpu_realize(Device *dev, GError **error)
{
    X86CpuDevice *d = self(dev);
    Vm *vm = device_vm(dev);
    ExecEngine *engine = (ExecEngine *)vm->accel;
    void *mem = NULL;
    bool bsp;

    take_topology(d);
    if (!x86_config_finish(&d->config, warn_line, NULL, error)) {
        return false;
    }
    if (!engine) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG, "no accelerator to run a CPU");
        return false;
    }
    if (posix_memalign(&mem, 64, sizeof(X86Cpu))) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_RESOURCE, "no memory for a CPU");
        return false;
    }
    memset(mem, 0, sizeof(X86Cpu));
    d->cpu = mem;
    bsp = engine_cpu_count(engine) == 0;
    make_spaces(d, engine_cpu_count(engine));
    x86_cpu_setup(d->cpu, vm, &d->config);
    d->cpu->sys.bsp = bsp;
    d->cpu->base.owner = dev;
    cpu_init(&d->cpu->base, engine, &x86_target_ops, d->as);
    d->cpu->base.as[1] = d->smm_as;
    if (d->bus && x86_has(&d->config, X86_FW_1_EDX, 9)) {
        d->apic = apic_new(d->bus, d->cpu, d->config.apic_id, bsp, &d->root);
        d->cpu->sys.apic = d->apic;
        d->cpu->sys.apic_ops = apic_ops();
        object_add_child(&dev->obj, "lapic", apic_object(d->apic), NULL);
    }
    d->common_section = section_register(vm, NULL, &x86_section_common, d->config.apic_id, d->cpu);
    d->cpu_section = section_register(vm, NULL, &x86_section_cpu, d->config.apic_id, d->cpu);
    cpu_start(&d->cpu->base);
    return true;
}

/* The other vCPUs stand still meanwhile: nobody then looks at this one. */
static void cpu_unrealize(Device *dev)
{
    X86CpuDevice *d = self(dev);
    Vm *vm = device_vm(dev);
    ExecEngine *engine = d->cpu->base.engine;
    bool running = run_state_running(vm);

    if (running) {
        engine_pause_all(engine);
    }
    section_unregister(vm, d->cpu_section);
    section_unregister(vm, d->common_section);
    cpu_clear(&d->cpu->base);
    if (d->apic) {
        object_unparent(apic_object(d->apic));
        apic_free(d->apic);
        d->apic = NULL;
    }
    address_space_free(d->smm_as);
    address_space_free(d->as);
    if (d->has_smram) {
        memory_region_clear(&d->smram);
    }
    memory_region_clear(&d->smm_mem_alias);
    memory_region_clear(&d->smm_root);
    memory_region_clear(&d->mem_alias);
    memory_region_clear(&d->root);
    free(d->cpu);
    d->cpu = NULL;
    if (running) {
        engine_resume_all(engine);
    }
}

static void cpu_reset(Device *dev, ResetKind kind)
{
    X86CpuDevice *d = self(dev);

    if (!d->cpu) {
        return;
    }
    x86_cpu_reset(d->cpu, false);
    if (d->apic) {
        apic_reset(d->apic);
    }
    d->cpu->base.halted = !d->cpu->sys.bsp;
}

static void cpu_object_init(Object *obj)
{
    X86CpuDevice *d = self(DEVICE(obj));
    const char *type = object_type_name(obj);
    const char *suffix = strstr(type, "-x86_64-cpu");

    x86_config_init(&d->config);
    if (suffix && *type) {
        g_autofree char *name = g_strndup(type, suffix - type);
        const X86Model *model = x86_model_find(name);

        if (model) {
            x86_config_set_model(&d->config, model);
        }
    }
}

static const DeviceOps cpu_ops = {
    .category = DEVICE_CATEGORY_CPU,
    .user_creatable = true,
    .hotpluggable = true,
    .on_board = true,
    .realize = cpu_realize,
    .unrealize = cpu_unrealize,
    .reset = cpu_reset,
};

#define MODEL_TYPE(n)       { .name = n "-x86_64-cpu", .parent = "x86_64-cpu" },
#define X86_MODEL(n, ...)   MODEL_TYPE(n)
#define X86_VARIANT(n, ...) MODEL_TYPE(n)
#define X86_ALIAS(n, of)    MODEL_TYPE(n)

const TypeInfo x86_cpu_types[] = {
    { .name = "x86_64-cpu",
      .parent = "cpu",
      .abstract = true,
      .instance_size = sizeof(X86CpuDevice),
      .props = cpu_props,
      .ops = &cpu_ops,
      .init = cpu_object_init },
#include "target/x86/models.def"
};
const size_t x86_cpu_types_count = G_N_ELEMENTS(x86_cpu_types);
