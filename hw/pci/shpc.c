/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Standard Hot-Plug Controller of a bridge to a conventional bus (PCI SHPC and Subsystem Specification 1.0): 31
 * slots, devices 1 to 31 behind the bridge, each with a power and an attention indicator, a button and a latch.
 *
 * A device that comes closes its slot's latch, one that is asked to go has its button pressed; both are events that
 * the guest sees in the slot's register, after an interrupt. It then gives a command: one that turns off a slot whose
 * device was asked to go removes the device, from the main loop. Commands take no time. The bus has one speed.
 *
 * The registers are kept as the guest sees them, and so they travel.
 */
#include "base/core/loop.h"
#include "base/util/bits.h"
#include "pci-priv.h"

#define SLOTS 31

enum { /* registers */
    SLOTS_33 = 0x04,
    SLOT_CONFIG = 0x0c,
    PROG_IF = 0x13,
    COMMAND = 0x14,
    TARGET = 0x15,
    STATUS = 0x16,
    INT_LOCATOR = 0x18,
    CONTROL = 0x20,
    CONTROL_EVENTS = 0x22,
    SLOT = 0x24, /* of the first; 4 bytes each */
};

enum { /* in the capability */
    CAP_SELECT = 2,
    CAP_PENDING = 3,
    CAP_DATA = 4,
    CAP_BYTES = 8,
};

#define SLOT_CONFIG_IS \
    0xe001011fu /* 31 slots, the first is device 1, slot number 1, they count up; latches, buttons */
#define PENDING_INT 0x80

#define CONTROL_INT_OFF      0x01
#define CONTROL_CMD_INT_OFF  0x04
#define CONTROL_WRITABLE     0x0f
#define CONTROL_CMD_DONE     0x01 /* in CONTROL_EVENTS */
#define CONTROL_EVENTS_CLEAR 0x03

#define STATUS_LATCH_OPEN  0x02
#define STATUS_BAD_COMMAND 0x04
#define STATUS_BAD_SPEED   0x08

/* a slot's register: 16 bits of state, 8 of events, 8 that mask these */
#define STATE_MASK    0x0003
#define POWER_SHIFT   2
#define BUTTON_SHIFT  4 /* the attention indicator */
#define LATCH_OPEN    0x0100
#define CARD_NONE     0x0c00
#define EVENT_CARD    0x01
#define EVENT_BUTTON  0x04
#define EVENT_LATCH   0x08
#define EVENTS        0x1f
#define EVENTS_MASKED 0x7f
enum {
    STATE_KEEP,
    STATE_POWER,
    STATE_ENABLED,
    STATE_DISABLED,
};
enum {
    LED_KEEP,
    LED_ON,
    LED_BLINKS,
    LED_OFF,
};

struct Shpc {
    PciBridge *br;
    MemoryRegion mmio;
    uint8_t cap;
    uint8_t regs[SHPC_BYTES];
    uint32_t leaving; /* slots whose device was asked to go */
    uint32_t off;     /* of these, those that the guest has turned off */
};

static uint8_t *slot_of(Shpc *s, int slot)
{
    return s->regs + SLOT + 4 * slot;
}

static int slot_number(const PciDevice *dev)
{
    return PCI_SLOT(dev->devfn) - 1;
}

/* ---- interrupt ---- */
static void update_irq(Shpc *s)
{
    PciDevice *dev = &s->br->pci;
    bool done =
        s->regs[CONTROL_EVENTS] & CONTROL_CMD_DONE && !(s->regs[CONTROL] & CONTROL_CMD_INT_OFF);
    uint32_t locator = done;
    bool before = dev->config[s->cap + CAP_PENDING] & PENDING_INT;

    for (int i = 0; i < SLOTS; i++) {
        if (slot_of(s, i)[2] & EVENTS & ~slot_of(s, i)[3]) {
            locator |= 2u << i;
        }
    }
    st_le32(s->regs + INT_LOCATOR, locator);
    dev->config[s->cap + CAP_PENDING] = locator ? PENDING_INT : 0;
    bool level = locator && !(s->regs[CONTROL] & CONTROL_INT_OFF);
    if (!msi_enabled(dev)) {
        pci_set_irq(dev, level);
    } else if (level && !before) {
        msi_notify(dev, 0);
    }
}

static void slot_event(Shpc *s, int slot, uint8_t events)
{
    slot_of(s, slot)[2] |= events;
    update_irq(s);
}

/* ---- slots ---- */
static bool is_populated(const Shpc *s, int slot)
{
    for (int fn = 0; fn < 8; fn++) {
        if (s->br->sec->devices[PCI_DEVFN(slot + 1, fn)]) {
            return true;
        }
    }
    return false;
}

static void set_state(Shpc *s, int slot, unsigned state, unsigned power, unsigned attention)
{
    uint16_t v = ld_le16(slot_of(s, slot)) & ~0x003f;

    st_le16(slot_of(s, slot), v | state | power << POWER_SHIFT | attention << BUTTON_SHIFT);
}

static void set_card(Shpc *s, int slot, bool there)
{
    uint16_t v = ld_le16(slot_of(s, slot)) & ~(LATCH_OPEN | CARD_NONE);

    st_le16(slot_of(s, slot), there ? v : v | LATCH_OPEN | CARD_NONE);
}

static void fresh_slot(Shpc *s, int slot)
{
    bool there = is_populated(s, slot);

    set_card(s, slot, there);
    set_state(s, slot, there ? STATE_ENABLED : STATE_DISABLED, there ? LED_ON : LED_OFF, LED_OFF);
}

static void remove_leaving(void *opaque)
{
    PciBridge *br = opaque;
    Shpc *s = br->shpc;

    for (int i = 0; s && i < SLOTS; i++) {
        for (int fn = 7; s->off >> i & 1 && fn >= 0; fn--) {
            PciDevice *dev = br->sec->devices[PCI_DEVFN(i + 1, fn)];

            if (dev && device_ops(&dev->dev)->hotpluggable) {
                device_remove(&dev->dev);
            }
        }
    }
    if (s) {
        s->leaving &= ~s->off;
        s->off = 0;
    }
    object_unref(&br->pci.dev.obj);
}

/* Outside of the guest's access; the bridge itself may go before that. */
static void remove_soon(PciBridge *br)
{
    object_ref(&br->pci.dev.obj);
    loop_call(device_vm(&br->pci.dev), remove_leaving, br);
}

/* ---- commands ---- */
static void turn_slot(Shpc *s, int slot, uint8_t command)
{
    uint16_t v = ld_le16(slot_of(s, slot));
    unsigned state = command & 3, power = command >> 2 & 3, attention = command >> 4 & 3;
    unsigned was = v & STATE_MASK;

    if (v & LATCH_OPEN && (state == STATE_POWER || state == STATE_ENABLED)) {
        s->regs[STATUS] |= STATUS_LATCH_OPEN;
        return;
    }
    if (state == STATE_POWER && was == STATE_ENABLED) {
        s->regs[STATUS] |= STATUS_BAD_COMMAND;
        return;
    }
    set_state(s, slot, state ? state : was, power ? power : v >> POWER_SHIFT & 3,
              attention ? attention : v >> BUTTON_SHIFT & 3);
    v = ld_le16(slot_of(s, slot));
    if ((v & STATE_MASK) == STATE_DISABLED && (v >> POWER_SHIFT & 3) == LED_OFF &&
        s->leaving >> slot & 1) {
        s->off |= 1u << slot;
        remove_soon(s->br);
    }
}

static void turn_all(Shpc *s, unsigned state)
{
    for (int i = 0; i < SLOTS; i++) {
        if (!(ld_le16(slot_of(s, i)) & LATCH_OPEN)) {
            turn_slot(s, i,
                      (uint8_t)(state | (state == STATE_ENABLED ? LED_ON << POWER_SHIFT : 0)));
        }
    }
}

static void run_command(Shpc *s)
{
    uint8_t command = s->regs[COMMAND], target = s->regs[TARGET];

    s->regs[STATUS] = 0;
    if (command < 0x40 && target) {
        turn_slot(s, target - 1, command);
    } else if (command >= 0x40 && command < 0x48) {
        s->regs[STATUS] = command > 0x40 ? STATUS_BAD_SPEED : 0;
    } else if (command == 0x48 || command == 0x49) {
        turn_all(s, command == 0x48 ? STATE_POWER : STATE_ENABLED);
    } else {
        s->regs[STATUS] = STATUS_BAD_COMMAND;
    }
    s->regs[CONTROL_EVENTS] |= CONTROL_CMD_DONE;
}

/* ---- registers ---- */
static void write_byte(Shpc *s, unsigned at, uint8_t value)
{
    uint8_t *reg = s->regs + at;

    if (at == COMMAND) {
        *reg = value;
    } else if (at == TARGET) {
        *reg = value & 0x1f;
    } else if (at == CONTROL) {
        *reg = value & CONTROL_WRITABLE;
    } else if (at == CONTROL_EVENTS) {
        *reg &= ~(value & CONTROL_EVENTS_CLEAR);
    } else if (at >= SLOT && at % 4 == 2) {
        *reg &= ~(value & EVENTS);
    } else if (at >= SLOT && at % 4 == 3) {
        *reg = value & EVENTS_MASKED;
    }
}

static uint64_t shpc_read(void *opaque, uint64_t addr, unsigned size)
{
    Shpc *s = ((PciBridge *)opaque)->shpc;

    return addr + size <= SHPC_BYTES ? ld_le(s->regs + addr, size) : 0;
}

static void shpc_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Shpc *s = ((PciBridge *)opaque)->shpc;

    if (addr + size > SHPC_BYTES) {
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        write_byte(s, (unsigned)addr + i, (uint8_t)(value >> 8 * i));
    }
    if (addr <= COMMAND && addr + size > COMMAND) {
        run_command(s);
    }
    update_irq(s);
}

static const RegionOps shpc_ops = {
    .read = shpc_read,
    .write = shpc_write,
    .valid = { 1, 4 },
    .impl = { 1, 4 },
};

/* The same registers through configuration space: one selects a doubleword, another shows it. */
void shpc_config_written(PciBridge *br, uint32_t addr, unsigned len)
{
    Shpc *s = br->shpc;
    uint32_t data = s->cap + CAP_DATA;
    unsigned at = 4u * br->pci.config[s->cap + CAP_SELECT];

    if (addr >= data && addr < data + 4) { /* aligned, so all of it is */
        shpc_write(br, at + (addr - data), ld_le(br->pci.config + addr, len), len);
    }
    pci_set32(&br->pci, data, at < SHPC_BYTES ? ld_le32(s->regs + at) : 0);
}

/* ---- what the bus tells ---- */
void shpc_plugged(PciBridge *br, PciDevice *dev, bool cold)
{
    Shpc *s = br->shpc;
    int slot = slot_number(dev);

    if (slot < 0) { /* device 0 has no slot */
        return;
    }
    if (cold) {
        fresh_slot(s, slot);
        return;
    }
    set_card(s, slot, true);
    slot_event(s, slot, EVENT_CARD | EVENT_LATCH | EVENT_BUTTON);
}

bool shpc_unplug_request(PciBridge *br, PciDevice *dev, GError **error)
{
    int slot = slot_number(dev);

    if (slot < 0) {
        g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_HOTPLUG,
                    "device 0 of bus '%s' has no slot that it could be removed from",
                    bus_name(&br->sec->bus));
        return false;
    }
    br->shpc->leaving |= 1u << slot;
    slot_event(br->shpc, slot, EVENT_BUTTON);
    return true;
}

void shpc_emptied(PciBridge *br, PciDevice *dev)
{
    int slot = slot_number(dev);

    if (slot < 0 || is_populated(br->shpc, slot)) {
        return;
    }
    br->shpc->leaving &= ~(1u << slot);
    fresh_slot(br->shpc, slot);
    if (br->pci.config) {
        slot_event(br->shpc, slot, EVENT_CARD | EVENT_LATCH);
    }
}

/* ---- life ---- */
bool shpc_init(PciBridge *br, uint8_t cap_offset, GError **error)
{
    PciDevice *dev = &br->pci;
    uint8_t cap = pci_add_capability(dev, PCI_CAP_ID_SHPC, cap_offset, CAP_BYTES, error);

    if (!cap) {
        return false;
    }
    pci_wmask8(dev, cap + CAP_SELECT, 0xff);
    pci_wmask32(dev, cap + CAP_DATA, 0xffffffff);
    memset(dev->cmask + cap + CAP_SELECT, 0, CAP_BYTES - CAP_SELECT);
    br->shpc = g_new0(Shpc, 1);
    br->shpc->br = br;
    br->shpc->cap = cap;
    br->sec->bus.hotpluggable = true;
    memory_region_init_io(&br->shpc->mmio, device_vm(&dev->dev), &dev->dev.obj, &shpc_ops, br,
                          "shpc-mmio", 256);
    pci_register_bar(dev, 0, PCI_BAR_MEM64, &br->shpc->mmio);
    shpc_reset(br);
    return true;
}

void shpc_exit(PciBridge *br)
{
    if (br->shpc) {
        memory_region_clear(&br->shpc->mmio);
        g_clear_pointer(&br->shpc, g_free);
    }
}

/* A guest that starts again does not know what it was asked for: those devices go now. */
void shpc_reset(PciBridge *br)
{
    Shpc *s = br->shpc;

    if (s->leaving) {
        s->off = s->leaving;
        remove_soon(br);
    }
    memset(s->regs, 0, sizeof(s->regs));
    st_le32(s->regs + SLOTS_33, SLOTS);
    st_le32(s->regs + SLOT_CONFIG, SLOT_CONFIG_IS);
    s->regs[PROG_IF] = 1;
    s->regs[CONTROL] = CONTROL_WRITABLE;
    for (int i = 0; i < SLOTS; i++) {
        slot_of(s, i)[3] = EVENTS_MASKED;
        fresh_slot(s, i);
    }
    br->pci.config[s->cap + CAP_SELECT] = 0;
    pci_set32(&br->pci, s->cap + CAP_DATA, 0);
    update_irq(s);
}

/* ---- state ---- */
const uint8_t *shpc_registers(const PciBridge *br)
{
    return br->shpc->regs;
}

/* What of a register may be other than it is after a reset. */
static uint8_t variable_bits(unsigned at)
{
    static const uint8_t slot_bits[4] = { 0xff, 0xff, EVENTS, EVENTS_MASKED };

    switch (at) {
    case COMMAND: return 0xff;
    case TARGET: return 0x1f;
    case STATUS: return STATUS_LATCH_OPEN | STATUS_BAD_COMMAND | STATUS_BAD_SPEED;
    case CONTROL: return CONTROL_WRITABLE;
    case CONTROL_EVENTS: return CONTROL_EVENTS_CLEAR;
    default: return at >= SLOT ? slot_bits[at % 4] : at >= INT_LOCATOR && at < CONTROL ? 0xff : 0;
    }
}

bool shpc_check(const PciBridge *br, const uint8_t registers[SHPC_BYTES], GError **error)
{
    for (unsigned at = 0; at < SHPC_BYTES; at++) {
        if ((registers[at] ^ br->shpc->regs[at]) & ~variable_bits(at)) {
            return hw_config_error(
                error,
                "byte 0x%x of the hotplug controller is 0x%02x in the stream and 0x%02x here "
                "(fixed bits 0x%02x)",
                at, registers[at], br->shpc->regs[at], (uint8_t)~variable_bits(at));
        }
    }
    return true;
}

void shpc_install(PciBridge *br, const uint8_t registers[SHPC_BYTES])
{
    Shpc *s = br->shpc;

    memcpy(s->regs, registers, SHPC_BYTES);
    s->leaving = s->off = 0;
    for (int i = 0; i < SLOTS; i++) { /* a slot whose button was pressed is being turned off */
        bool blinks = (slot_of(s, i)[0] >> POWER_SHIFT & 3) == LED_BLINKS;

        if (is_populated(s, i) && (blinks || slot_of(s, i)[2] & EVENT_BUTTON)) {
            s->leaving |= 1u << i;
        }
    }
    update_irq(s);
}
