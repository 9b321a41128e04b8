/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "backdoor" that guest tools look for (open-vm-tools' published interface): a 32-bit read of
 * port 0x5658 with a magic number in EAX and a command in CX answers in registers. We answer the
 * version, the memory size and the absolute mouse; anything else gives ones.
 */
#include "hw/char/vmmouse.h"
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

typedef struct {
    Device dev; /* first */
    MemoryRegion io;
    Device *mouse; /* borrowed; NULL: none */
} VmPort;

enum {
    RAX,
    RCX,
    RDX,
    RBX,
    RSI = 6,
    RDI = 7
};

/* Up to six words, in EAX, EBX, ECX, EDX, ESI, EDI. */
static uint32_t mouse_data(VmPort *s, X86Cpu *cpu, unsigned n)
{
    static const uint8_t order[VMMOUSE_WORDS] = { RAX, RBX, RCX, RDX, RSI, RDI };
    uint32_t words[VMMOUSE_WORDS];

    if (!vmmouse_take(s->mouse, n, words)) {
        return UINT32_MAX;
    }
    for (unsigned i = 1; i < n; i++) {
        cpu->gpr[order[i]] = words[i];
    }
    return words[0];
}

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
    case CMD_MOUSE_DATA: return s->mouse ? mouse_data(s, cpu, cpu->gpr[RBX] & 0xffff) : UINT32_MAX;
    case CMD_MOUSE_STATUS: return s->mouse ? vmmouse_status(s->mouse) : UINT32_MAX;
    case CMD_MOUSE_COMMAND:
        if (!s->mouse) {
            return UINT32_MAX;
        }
        vmmouse_command(s->mouse, cpu->gpr[RBX]);
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

bool vmport_build(IsaBus *bus, Device *i8042, GError **error)
{
    VmPort *port = (VmPort *)device_create(bus->bus.obj.vm, "vmport", &bus->bus, NULL, error);

    if (!port || !i8042) {
        return port != NULL;
    }
    port->mouse = vmmouse_new(bus, i8042, error);
    return port->mouse != NULL;
}

const TypeInfo vmport_types[] = {
    { .name = "vmport",
      .parent = "isa-device",
      .description = "backdoor port for guest tools",
      .instance_size = sizeof(VmPort),
      .ops = &vmport_ops },
};
const size_t vmport_types_count = G_N_ELEMENTS(vmport_types);
