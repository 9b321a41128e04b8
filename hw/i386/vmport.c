/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "backdoor" that guest tools look for (open-vm-tools' published interface): a 32-bit read of
 * port 0x5658 with a magic number in EAX and a command in CX answers in registers. We answer the
 * version, the memory size and the absolute mouse; anything else gives ones.
 *
 * The mouse keeps a queue of words; a guest enables it, asks for absolute coordinates, and reads
 * how many words wait and then up to six at a time.
 */
#include <string.h>
#include "hw/core/machine.h"
#include "target/x86/x86.h"
#include "target/x86/cpu.h"
#include "vmport.h"

#define PORT              0x5658
#define MAGIC             0x564d5868u
#define CMD_VERSION       0x0a
#define CMD_MEMORY        0x14
#define CMD_MOUSE_DATA    0x27
#define CMD_MOUSE_STATUS  0x28
#define CMD_MOUSE_COMMAND 0x29
#define VERSION           6
#define PRODUCT           2
#define MEMORY_UNKNOWN    0x1177
#define MOUSE_READ_ID     0x45414552u
#define MOUSE_DISABLE     0x000000f5u
#define MOUSE_RELATIVE    0x4c455252u
#define MOUSE_ABSOLUTE    0x53424152u
#define MOUSE_VERSION     0x3442554au
#define MOUSE_QUEUE       1024
#define MOUSE_OFF         0xffff

typedef struct {
    uint32_t queue_size, queue[MOUSE_QUEUE];
    uint16_t nb_queue, status;
    uint8_t absolute;
} MouseSaved;

typedef struct {
    Device dev; /* first */
    uint32_t queue[MOUSE_QUEUE];
    uint16_t count, status;
    bool absolute;
} VmMouse;

typedef struct {
    Device dev; /* first */
    MemoryRegion io;
    VmMouse *mouse; /* borrowed; NULL: none */
} VmPort;

enum {
    RAX,
    RCX,
    RDX,
    RBX,
    RSI = 6,
    RDI = 7
};

/* ---- mouse ---- */
static void mouse_command(VmMouse *m, uint32_t what)
{
    switch (what) {
    case MOUSE_DISABLE:
        m->status = MOUSE_OFF;
        m->absolute = false;
        break;
    case MOUSE_READ_ID:
        m->count = 0;
        m->queue[m->count++] = MOUSE_VERSION;
        m->status = 0;
        break;
    case MOUSE_RELATIVE: m->absolute = false; break;
    case MOUSE_ABSOLUTE: m->absolute = true; break;
    }
}

/* Up to six words, in EAX, EBX, ECX, EDX, ESI, EDI; more than there are disable the mouse. */
static uint32_t mouse_data(VmMouse *m, X86Cpu *cpu, unsigned n)
{
    static const uint8_t order[6] = { RAX, RBX, RCX, RDX, RSI, RDI };
    uint32_t first;

    if (n == 0 || n > 6 || n > m->count) {
        m->status = MOUSE_OFF;
        m->count = 0;
        return UINT32_MAX;
    }
    first = m->queue[0];
    for (unsigned i = 1; i < n; i++) {
        cpu->gpr[order[i]] = m->queue[i];
    }
    m->count -= n;
    memmove(m->queue, m->queue + n, m->count * sizeof(m->queue[0]));
    return first;
}

static void mouse_reset(Device *dev, ResetKind kind)
{
    VmMouse *m = (VmMouse *)dev;

    m->count = 0;
    m->status = MOUSE_OFF;
    m->absolute = false;
}

static const Field mouse_fields[] = {
    F_U32(MouseSaved, queue_size, .min = MOUSE_QUEUE, .max = MOUSE_QUEUE),
    F_ARRAY(FIELD_U32, MouseSaved, queue),
    F_U16(MouseSaved, nb_queue, .min = 0, .max = MOUSE_QUEUE),
    F_U16(MouseSaved, status),
    F_U8(MouseSaved, absolute),
    F_END,
};
static const Record mouse_record = {
    .name = "vmmouse",
    .version = 0,
    .min_version = 0,
    .size = sizeof(MouseSaved),
    .fields = mouse_fields,
};
static void mouse_save(void *owner, void *saved)
{
    VmMouse *m = owner;
    MouseSaved *out = saved;

    out->queue_size = MOUSE_QUEUE;
    memcpy(out->queue, m->queue, sizeof(out->queue));
    out->nb_queue = m->count;
    out->status = m->status;
    out->absolute = m->absolute;
}
static void mouse_install(void *owner, const void *saved)
{
    VmMouse *m = owner;
    const MouseSaved *in = saved;

    memcpy(m->queue, in->queue, sizeof(m->queue));
    m->count = in->nb_queue;
    m->status = in->status;
    m->absolute = in->absolute;
}
static const SectionOps mouse_section_ops = { .save = mouse_save, .install = mouse_install };
static const SectionDesc mouse_section = { .record = &mouse_record, .ops = &mouse_section_ops };

static bool mouse_realize(Device *dev, GError **error)
{
    return true;
}

static const DeviceOps mouse_ops = {
    .bus_type = "ISA",
    .category = DEVICE_CATEGORY_INPUT,
    .realize = mouse_realize,
    .reset = mouse_reset,
    .section = &mouse_section,
};

/* ---- port ---- */
static uint32_t answer(VmPort *s, X86Cpu *cpu)
{
    switch (cpu->gpr[RCX] & 0xffff) {
    case CMD_VERSION:
        cpu->gpr[RBX] = MAGIC;
        cpu->gpr[RCX] = PRODUCT;
        return VERSION;
    case CMD_MEMORY:
        cpu->gpr[RBX] = MEMORY_UNKNOWN;
        return MIN(vm_machine(device_vm(&s->dev))->ram_bytes, UINT32_MAX);
    case CMD_MOUSE_DATA:
        return s->mouse ? mouse_data(s->mouse, cpu, cpu->gpr[RBX] & 0xffff) : UINT32_MAX;
    case CMD_MOUSE_STATUS:
        return s->mouse ? (uint32_t)s->mouse->status << 16 | s->mouse->count : UINT32_MAX;
    case CMD_MOUSE_COMMAND:
        if (!s->mouse) {
            return UINT32_MAX;
        }
        mouse_command(s->mouse, cpu->gpr[RBX]);
        return cpu->gpr[RAX];
    }
    return UINT32_MAX;
}

static uint64_t port_read(void *opaque, uint64_t addr, unsigned size)
{
    CpuState *cs = cpu_current();
    X86Cpu *cpu = cs ? x86_cpu(cs) : NULL;

    if (!cpu || size != 4 || (uint32_t)cpu->gpr[RAX] != MAGIC) {
        return UINT32_MAX;
    }
    return answer(opaque, cpu);
}

/* A write does what a read does; what EAX would get is lost. */
static void port_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    port_read(opaque, addr, size);
}

static const RegionOps port_ops = {
    .read = port_read,
    .write = port_write,
    .valid = { 1, 4 },
    .impl = { 1, 4 },
};

static bool port_realize(Device *dev, GError **error)
{
    VmPort *s = (VmPort *)dev;

    memory_region_init_io(&s->io, device_vm(dev), &dev->obj, &port_ops, s, "vmport", 4);
    isa_device_add_io(dev, &s->io, PORT);
    return true;
}

static void port_unrealize(Device *dev)
{
    memory_region_clear(&((VmPort *)dev)->io);
}

static const DeviceOps vmport_ops = {
    .bus_type = "ISA",
    .realize = port_realize,
    .unrealize = port_unrealize,
};

static Device *add(IsaBus *bus, const char *type, GError **error)
{
    Device *dev = device_new(bus->bus.obj.vm, type, error);
    bool ok = dev && device_realize(dev, &bus->bus, NULL, error);

    if (dev) {
        object_unref(&dev->obj);
    }
    return ok ? dev : NULL;
}

bool vmport_build(IsaBus *bus, bool mouse, GError **error)
{
    VmPort *port = (VmPort *)add(bus, "vmport", error);

    if (!port || !mouse) {
        return port != NULL;
    }
    port->mouse = (VmMouse *)add(bus, "vmmouse", error);
    return port->mouse != NULL;
}

const TypeInfo vmport_types[] = {
    { .name = "vmport",
      .parent = "isa-device",
      .description = "backdoor port for guest tools",
      .instance_size = sizeof(VmPort),
      .ops = &vmport_ops },
    { .name = "vmmouse",
      .parent = "isa-device",
      .description = "absolute mouse behind the backdoor port",
      .instance_size = sizeof(VmMouse),
      .ops = &mouse_ops },
};
const size_t vmport_types_count = G_N_ELEMENTS(vmport_types);
