/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The s390-ccw-virtio machines: RAM from absolute 0, CPUs, SCLP, channel subsystem.
 */
#include <string.h>
#include "base/util/endian.h"
#include "hw/ccw/css.h"
#include "hw/char/sclp-console.h"
#include "hw/core/compat.h"
#include "s390-priv.h"

/* The TOD clock as a device: only where it starts, which -rtc says. */
#define TYPE_TOD "s390-tod-qemu"
typedef struct S390Tod {
    Device dev;     /* first */
    int64_t x_base; /* seconds since 1970; -1: the host's clock */
} S390Tod;

static uint64_t tod_start(const S390Tod *tod)
{
    uint64_t us = tod->x_base < 0 ? (uint64_t)g_get_real_time() : (uint64_t)tod->x_base * 1000000;

    return S390_TOD_UNIX + us * 4096;
}

/* ---- the channel subsystem's way to interrupt ---- */
static void css_io_interrupt(void *opaque, uint32_t id, uint32_t parm, uint32_t word)
{
    flic_inject_io(((S390Board *)opaque)->flic, id, parm, word);
}
static void css_io_clear(void *opaque, uint32_t id)
{
    flic_clear_io(((S390Board *)opaque)->flic, id);
}
static void css_adapter(void *opaque, uint8_t isc)
{
    flic_inject_adapter(((S390Board *)opaque)->flic, isc);
}
static void css_report(void *opaque)
{
    flic_inject_channel_report(((S390Board *)opaque)->flic);
}
static unsigned css_event(void *opaque, uint8_t *answer, bool *more)
{
    return s390_pci_event_take(opaque, answer, more);
}
static const CssPort css_port = { css_io_interrupt, css_io_clear, css_adapter, css_report,
                                  css_event };

/* ---- building ---- */
/* Event facility, channel subsystem, floating interruptions, TOD clock: each a device of its own. */
static bool make_buses(S390Machine *m, GError **error)
{
    Vm *vm = m->board.vm;
    Device *facility =
        device_create(vm, TYPE_SCLP_EVENT_FACILITY, bus_root(vm), "event-facility", error);
    Device *bridge =
        facility ? device_create(vm, TYPE_CSS_BRIDGE, bus_root(vm), "css-bridge", error) : NULL;

    if (!bridge) {
        return false;
    }
    m->board.flic = (Flic *)device_create(vm, TYPE_FLIC, bus_root(vm), "s390-flic", error);
    if (!m->board.flic) {
        return false;
    }
    m->tod = device_create(vm, TYPE_TOD, bus_root(vm), "s390-tod", error);
    if (!m->tod) {
        return false;
    }
    m->board.sclp = sclp_new(vm, m->board.flic, facility);
    css_make_bus(m->board.css, bridge);
    return true;
}

static bool build(Machine *base, GError **error)
{
    S390Machine *m = (S390Machine *)base;
    Vm *vm = device_vm(&base->dev);

    if (!base->ram || (base->ram_bytes & 0xfffff)) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_CONFIG,
                    "memory of 0x%" G_GINT64_MODIFIER "x bytes is no multiple of 0x100000",
                    base->ram_bytes);
        return false;
    }
    memory_region_init_alias(&m->ram_alias, vm, NULL, "ram", base->ram, 0, base->ram_bytes);
    memory_region_add(memory_system_region(vm), 0, &m->ram_alias);
    m->has_ram = true;
    m->board.vm = vm;
    m->board.machine = base;
    m->board.n_keys = base->ram_bytes >> 12;
    m->board.keys = g_malloc0(m->board.n_keys);
    m->board.css = css_new(vm, &css_port, &m->board);
    m->roms = rom_store_new(address_space_memory(vm));
    if (!make_buses(m, error)) {
        return false;
    }
    s390_register_storage(m);
    if (!s390_pci_build(&m->board, error)) {
        return false;
    }
    if (!s390_cpus_build(m, error)) {
        return false;
    }
    flic_register(m->board.flic);
    s390_register_ipl(m);
    css_register(m->board.css);
    s390_register_tod(m);
    return true;
}

S390Board *s390_board(Vm *vm)
{
    Machine *m = vm_machine(vm);

    return m && object_is_a(&m->dev.obj, "s390-ccw-machine") ? &((S390Machine *)m)->board : NULL;
}

static bool done(Machine *base, GError **error)
{
    return s390_ipl_prepare((S390Machine *)base, error);
}

static void start_cpu(S390Cpu *cpu, uint64_t mask, uint64_t addr)
{
    s390_cpu_set_state(cpu, S390_CPU_OPERATING);
    s390_psw_set(cpu, mask, addr);
}

/* The CPU that asked goes on with the 8-byte PSW at absolute 0. */
static void load_normal(S390Machine *m)
{
    uint64_t psw;
    uint8_t b[8];

    address_space_read(address_space_memory(m->board.vm), 0, MEM_ATTRS_NONE, b, sizeof(b));
    psw = ld_be64(b);
    for (guint i = 0; i < m->machine.cpus->len; i++) {
        S390Cpu *cpu = s390_cpu_at(&m->machine, i);

        if (cpu && cpu->address == m->board.reset_cpu) {
            start_cpu(cpu, (psw & 0xffffffff80000000ull) ^ PSW_SHORT, psw & 0x7fffffff);
        }
    }
}

/* What the guest chose to IPL from survives only the reset that it asked for. */
static void ipl(S390Machine *m, ShutdownCause cause)
{
    Machine *base = &m->machine;

    m->board.tod_base = tod_start((S390Tod *)m->tod) -
                        s390_ns_to_tod((uint64_t)clock_now_ns(m->board.vm, CLOCK_KIND_VIRTUAL));
    rom_store_reset(m->roms);
    if (cause != SHUTDOWN_GUEST_RESET) {
        m->ipl.valid = false;
        memset(m->ipl.block, 0, sizeof(m->ipl.block));
    }
    if (m->firmware_at) {
        s390_boot_params_write(m);
    }
    if (m->entry && base->cpus->len) {
        start_cpu(s390_cpu_at(base, 0), PSW_ESA, m->entry);
    }
}

static void reset(Machine *base, ShutdownCause cause)
{
    S390Machine *m = (S390Machine *)base;

    flic_reset(m->board.flic);
    sclp_reset(m->board.sclp);
    if (cause == SHUTDOWN_SUBSYSTEM_RESET) {
        load_normal(m);
    } else {
        ipl(m, cause);
    }
    m->board.reset_kind = S390_BOARD_RESET_ALL;
}

/* What is an NMI elsewhere restarts the first CPU. */
static void restart(Machine *base, int cpu_index, GError **error)
{
    S390Cpu *cpu = base->cpus->len ? s390_cpu_at(base, 0) : NULL;

    if (cpu) {
        s390_cpu_pend(cpu, PEND_RESTART);
    }
}

static void finalize(Object *obj)
{
    S390Machine *m = (S390Machine *)obj;

    g_clear_pointer(&m->roms, rom_store_free);
    g_clear_pointer(&m->board.css, css_free);
    g_clear_pointer(&m->board.sclp, sclp_free);
    g_clear_pointer(&m->board.keys, g_free);
    g_clear_pointer(&m->boot_blocks, g_free);
    if (m->has_ram) {
        memory_region_clear(&m->ram_alias);
    }
}

static const Property props[] = {
    PROP(PROP_BOOL, S390Machine, aes_key_wrap, "aes-key-wrap", "on"),
    PROP(PROP_BOOL, S390Machine, dea_key_wrap, "dea-key-wrap", "on"),
    PROP(PROP_STR, S390Machine, loadparm, "loadparm", ""),
    PROP(PROP_BOOL, S390Machine, board.yields, "x-yield-diagnoses", "on"),
    PROP(PROP_BOOL, S390Machine, board.access_registers, "x-access-registers", "on"),
    PROP_END,
};

#define S390_OPS                                                                              \
    .family = "s390-ccw", .boots_kernel = true, .max_cpus = S390_MAX_CPUS, .default_cpus = 1, \
    .default_ram_bytes = 128 * MiB, .default_ram_id = "s390.ram",                             \
    .default_cpu_type = "qemu-s390x-cpu", .cpu_type_suffix = "-s390x-cpu", .target = "s390x", \
    .serial_driver = "sclpconsole", .default_nic = "virtio-net-ccw", .no_parallel = true,     \
    .no_floppy = true, .no_cdrom = true, .build = build, .done = done, .reset = reset,        \
    .nmi = restart, .has_hotpluggable_cpus = true, .pre_plug = s390_cpu_pre_plug,             \
    .plugged = s390_cpu_plugged, .unplug_request = s390_cpu_unplug_request,                   \
    .unplugged = s390_cpu_unplugged

static const CompatProp since_ferry_1_0[] = {
    { TYPE_FLIC, "migrate-all-state", "off" },
    { NULL },
};
/* A guest looks once for what there is, and goes on using it where it moves: QEMU under TCG has no DIAGNOSE 44 and 9C,
   and a kernel that found one here dies there of a specification exception. Nor has it an access-register mode. */
static const CompatProp as_others[] = {
    { "s390-ccw-machine", "x-yield-diagnoses", "off" },
    { "s390-ccw-machine", "x-access-registers", "off" },
    { NULL },
};
static const CompatProp *const v10_0_compat[] = { as_others, hw_stream_v3, NULL };
static const CompatProp *const no_compat[] = { NULL };
static const CompatProp *const ferry_0_9_compat[] = { since_ferry_1_0, hw_since_ferry_1_0, NULL };

static const MachineOps ferry_1_0_ops = {
    S390_OPS,
    .machine_name = "s390-ccw-virtio-ferry-1.0",
    .is_default = true,
    .alias = "s390-ccw-virtio",
    .description = "Virtual s390x machine (version ferry-1.0)",
    .stream_version = 4,
    .compat = no_compat,
};
static const MachineOps v10_0_ops = {
    S390_OPS,
    .machine_name = "s390-ccw-virtio-10.0",
    .description = "Virtual s390x machine (version 10.0)",
    .stream_version = 3,
    .compat = v10_0_compat,
};

/* Never released: keeps the way of an older machine type walked, so that it is there when needed. */
static const MachineOps ferry_0_9_ops = {
    S390_OPS,
    .machine_name = "s390-ccw-virtio-ferry-0.9",
    .description = "Virtual s390x machine (version ferry-0.9)",
    .deprecated = "it exists for tests only",
    .stream_version = 4,
    .compat = ferry_0_9_compat,
};

static const Property tod_props[] = { PROP(PROP_I64, S390Tod, x_base, "x-base", "-1"), PROP_END };
static const DeviceOps tod_ops = { .category = DEVICE_CATEGORY_MISC };

const TypeInfo s390_machine_types[] = {
    { .name = TYPE_TOD,
      .parent = "device",
      .instance_size = sizeof(S390Tod),
      .props = tod_props,
      .ops = &tod_ops },
    { .name = "s390-ccw-machine",
      .parent = "machine",
      .abstract = true,
      .instance_size = sizeof(S390Machine),
      .props = props,
      .finalize = finalize },
    { .name = "s390-ccw-virtio-ferry-1.0-machine",
      .parent = "s390-ccw-machine",
      .ops = &ferry_1_0_ops },
    { .name = "s390-ccw-virtio-ferry-0.9-machine",
      .parent = "s390-ccw-machine",
      .ops = &ferry_0_9_ops },
    { .name = "s390-ccw-virtio-10.0-machine", .parent = "s390-ccw-machine", .ops = &v10_0_ops },
};
const size_t s390_machine_types_count = G_N_ELEMENTS(s390_machine_types);
