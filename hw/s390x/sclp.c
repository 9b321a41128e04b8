/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service-call logical processor: configuration, CPU information, and the event facility with
 * the ASCII console and the quiesce signal. Layouts of the blocks are those that Linux documents in its
 * SCLP drivers, values as measured.
 *
 * A service call reads one block (SCCB), is carried out at once, writes the block back and leaves a
 * service signal with the block's address. Events of ours set the signal's event bit until read.
 */
#include <string.h>
#include "hw/char/sclp-console.h"
#include "s390-priv.h"
#include "sclp-line.h"

enum {
    CMD_READ_CPU_INFO = 0x00010001,
    CMD_READ_SCP_INFO = 0x00020001,
    CMD_READ_SCP_INFO_FORCED = 0x00120001,
    CMD_CONFIGURE_PCI = 0x001a0001,
    CMD_DECONFIGURE_PCI = 0x001b0001,
    CMD_WRITE_EVENT = 0x00760005,
    CMD_READ_EVENT = 0x00770005,
    CMD_EVENT_MASK = 0x00780005,
};

enum {
    RC_NORMAL_READ = 0x0010,
    RC_NORMAL = 0x0020,
    RC_PAGE_BOUNDARY = 0x0100,
    RC_NO_ACTION = 0x0120,
    RC_INVALID_COMMAND = 0x01f0,
    RC_SHORT_BLOCK = 0x0300,
    RC_ADAPTER_TYPE = 0x06f0,
    RC_ADAPTER_ID = 0x09f0,
    RC_INVALID_FUNCTION = 0x40f0,
    RC_NO_EVENT = 0x62f0,
    RC_BAD_MASK = 0x70f0,
    RC_BAD_LENGTH = 0x75f0,
    RC_BAD_EVENT = 0x73f0,
    RC_BAD_MASK_LENGTH = 0x74f0,
};

enum {
    EVENT_COMMAND = 0x01,
    EVENT_MESSAGE = 0x02,
    EVENT_CONFIG = 0x04,
    EVENT_VT220 = 0x1a,
    EVENT_QUIESCE = 0x1d,
};
#define EVENT_BIT(type) (1u << (32 - (type)))

struct Sclp {
    Vm *vm;
    Flic *flic;
    SclpEventBus *events;  /* borrowed from the tree */
    uint32_t receive_mask; /* events that the guest wants */
    uint32_t receive_low;  /* the mask's right half: no event of ours */
    uint16_t mask_length;  /* bytes that the guest gives for a mask */
    bool quiesce;
    bool cpus_changed; /* told by a configuration event */
    Notifier powerdown;
};

/* ---- bytes ---- */
static void put16(uint8_t *p, uint16_t v)
{
    p[0] = v >> 8;
    p[1] = v;
}
static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}
static void put64(uint8_t *p, uint64_t v)
{
    put32(p, v >> 32);
    put32(p + 4, v);
}
static uint16_t get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}
static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* ---- configuration ---- */
/* CPU entries of 16 bytes; false: no room. */
static bool put_cpus(uint8_t *b, unsigned length, unsigned at, const Machine *m)
{
    if (at + 16 * s390_cpus_present(m) > length) {
        return false;
    }
    for (unsigned id = 0; id < m->smp.max_cpus; id++) {
        if (s390_cpu_at(m, id)) {
            memset(b + at, 0, 16);
            b[at] = id;
            at += 16;
        }
    }
    return true;
}

static uint16_t read_scp_info(uint8_t *b, unsigned length, const Machine *m)
{
    const unsigned cpus_at = 128;
    uint64_t mb = m->ram_bytes >> 20;

    if (length < cpus_at) {
        return RC_SHORT_BLOCK;
    }
    memset(b + 8, 0, length - 8);
    put16(b + 8, mb <= 0xffff ? mb : 0);
    b[10] = mb <= 0xffff ? 1 : 0; /* storage increments of 1 MiB */
    put16(b + 16, s390_cpus_present(m));
    put16(b + 18, cpus_at);
    s390_loadparm_get((const S390Machine *)m, b + 24);
    put64(b + 48, 0x0800000040000000ull); /* facilities */
    b[85] = 0x02;
    b[99] = 47; /* highest address is below 2^47 */
    if (mb > 0xffff) {
        put32(b + 100, 1);
        put64(b + 104, mb);
    }
    put16(b + 120, m->smp.max_cpus - 1); /* highest CPU address */
    put32(b + 124, 0x08000000);
    return put_cpus(b, length, cpus_at, m) ? RC_NORMAL_READ : RC_SHORT_BLOCK;
}

static uint16_t read_cpu_info(uint8_t *b, unsigned length, const Machine *m)
{
    const unsigned cpus_at = 24;

    if (length < cpus_at) {
        return RC_SHORT_BLOCK;
    }
    memset(b + 8, 0, length - 8);
    put16(b + 8, s390_cpus_present(m));
    put16(b + 10, cpus_at);
    put16(b + 14, cpus_at + 16 * s390_cpus_present(m)); /* where the standby ones would be */
    return put_cpus(b, length, cpus_at, m) ? RC_NORMAL_READ : RC_SHORT_BLOCK;
}

static uint16_t configure_pci(Machine *m, const uint8_t *b, unsigned length, bool on)
{
    static const uint16_t rc[] = { [S390_PCI_DONE] = RC_NORMAL,
                                   [S390_PCI_SAME] = RC_NO_ACTION,
                                   [S390_PCI_UNKNOWN] = RC_ADAPTER_ID };

    if (length < 16) {
        return RC_SHORT_BLOCK;
    }
    if (b[8] != 2) {
        return RC_ADAPTER_TYPE;
    }
    return rc[s390_pci_configure(&((S390Machine *)m)->board, get32(b + 12), on)];
}

/* ---- events ---- */
static bool input_wanted(const Sclp *s)
{
    return s->events->console && sclp_console_pending(s->events->console) &&
           (s->receive_mask & EVENT_BIT(EVENT_VT220));
}

static bool command_wanted(const Sclp *s)
{
    return s->events->line && sclp_line_pending(s->events->line) &&
           (s->receive_mask & EVENT_BIT(EVENT_COMMAND));
}

static bool config_wanted(const Sclp *s)
{
    return s->cpus_changed && (s->receive_mask & EVENT_BIT(EVENT_CONFIG));
}

static bool event_pending(const Sclp *s)
{
    return input_wanted(s) || (s->quiesce && (s->receive_mask & EVENT_BIT(EVENT_QUIESCE))) ||
           config_wanted(s) || command_wanted(s);
}

static void tell_events(void *opaque)
{
    Sclp *s = opaque;

    if (event_pending(s)) {
        flic_inject_service(s->flic, 1);
    }
}

static uint16_t event_mask(Sclp *s, uint8_t *b, unsigned length)
{
    unsigned n = get16(b + 10);
    uint32_t send = EVENT_BIT(EVENT_QUIESCE) | EVENT_BIT(EVENT_CONFIG), receive = 0;

    if (n < 1 || n > 1021 || 12 + 4 * n > length) {
        return RC_BAD_MASK_LENGTH;
    }
    if (s->events->console) {
        send |= EVENT_BIT(EVENT_VT220);
        receive |= EVENT_BIT(EVENT_VT220);
    }
    if (s->events->line) {
        send |= EVENT_BIT(EVENT_COMMAND);
        receive |= EVENT_BIT(EVENT_MESSAGE);
    }
    uint8_t ours[2][8] = { 0 }, theirs[8] = { 0 };
    memcpy(theirs, b + 12, MIN(n, 8));
    s->receive_mask = get32(theirs);
    s->receive_low = get32(theirs + 4);
    s->mask_length = n;
    put32(ours[0], receive);
    put32(ours[1], send);
    for (unsigned k = 0; k < 2; k++) {
        memset(b + 12 + (2 + k) * n, 0, n);
        memcpy(b + 12 + (2 + k) * n, ours[k], MIN(n, 8));
    }
    return RC_NORMAL;
}

static uint16_t write_one_event(Sclp *s, uint8_t *ev, unsigned length)
{
    if (ev[2] == EVENT_MESSAGE && s->events->line) {
        if (!sclp_line_message(s->events->line, ev + 6, length - 6)) {
            return RC_BAD_LENGTH;
        }
        ev[3] |= 0x80;
        return RC_NORMAL;
    }
    if (ev[2] != EVENT_VT220 || !s->events->console) {
        return RC_INVALID_FUNCTION;
    }
    sclp_console_write(s->events->console, ev + 6, length - 6);
    ev[3] |= 0x80; /* accepted */
    return RC_NORMAL;
}

static uint16_t write_events(Sclp *s, uint8_t *b, unsigned length)
{
    uint16_t rc = RC_BAD_LENGTH;

    for (unsigned at = 8; at + 6 <= length;) {
        unsigned n = get16(b + at);
        if (n < 6 || at + n > length) {
            return RC_BAD_LENGTH;
        }
        rc = write_one_event(s, b + at, n);
        if (rc != RC_NORMAL) {
            return rc;
        }
        at += n;
    }
    return rc;
}

/* Events as far as the block has room; the block's length becomes what is used. */
static uint16_t read_events(Sclp *s, uint8_t *b, unsigned length)
{
    unsigned at = 8;
    uint32_t wanted = s->receive_mask;

    if (b[2] != 0 && b[2] != 0x80) {
        return RC_INVALID_FUNCTION;
    }
    if (b[2] == 0x80 && length >= 12) { /* selective */
        wanted &= get32(b + 8);
    }
    if (s->quiesce && (wanted & EVENT_BIT(EVENT_QUIESCE)) && at + 9 <= length) {
        static const uint8_t quiesce[9] = { 0, 9, EVENT_QUIESCE, 0, 0, 0, 0, 0, 0 };
        memcpy(b + at, quiesce, sizeof(quiesce));
        at += sizeof(quiesce);
        s->quiesce = false;
    }
    if (s->cpus_changed && (wanted & EVENT_BIT(EVENT_CONFIG)) && at + 8 <= length) {
        static const uint8_t cpu_change[8] = { 0, 8, EVENT_CONFIG, 0, 0, 0, 0, 1 };
        memcpy(b + at, cpu_change, sizeof(cpu_change));
        at += sizeof(cpu_change);
        s->cpus_changed = false;
    }
    if (input_wanted(s) && (wanted & EVENT_BIT(EVENT_VT220)) && at + 8 <= length) {
        unsigned n = sclp_console_read(s->events->console, b + at + 7, length - at - 7);
        memset(b + at, 0, 7); /* byte 6 zero: session data */
        put16(b + at, 7 + n);
        b[at + 2] = EVENT_VT220;
        at += 7 + n;
    }
    if (command_wanted(s) && (wanted & EVENT_BIT(EVENT_COMMAND)) && at + 6 + 32 <= length) {
        unsigned n = sclp_line_command(s->events->line, b + at + 6, length - at - 6);
        memset(b + at, 0, 6);
        put16(b + at, 6 + n);
        b[at + 2] = EVENT_COMMAND;
        at += 6 + n;
    }
    if (at == 8) {
        return RC_NO_EVENT;
    }
    if (b[3] & 0x80 || b[4] & 0x80 || b[5] & 0x80) { /* variable-length response */
        b[5] &= 0x7f;
    }
    put16(b, at);
    return RC_NORMAL;
}

/* ---- the call ---- */
static uint16_t carry_out(Sclp *s, Machine *m, uint32_t command, uint8_t *b, unsigned length)
{
    switch (command) {
    case CMD_READ_SCP_INFO:
    case CMD_READ_SCP_INFO_FORCED: return read_scp_info(b, length, m);
    case CMD_CONFIGURE_PCI: return configure_pci(m, b, length, true);
    case CMD_DECONFIGURE_PCI: return configure_pci(m, b, length, false);
    case CMD_READ_CPU_INFO: return read_cpu_info(b, length, m);
    case CMD_EVENT_MASK: return event_mask(s, b, length);
    case CMD_WRITE_EVENT: return write_events(s, b, length);
    case CMD_READ_EVENT: return read_events(s, b, length);
    default: return RC_INVALID_COMMAND;
    }
}

int sclp_service_call(Sclp *s, Machine *m, bool problem, uint32_t command, uint64_t sccb)
{
    AddressSpace *as = address_space_memory(s->vm);
    uint8_t b[4096];
    unsigned length;
    uint16_t rc;

    if (problem) {
        return -PGM_PRIVILEGED;
    }
    if ((sccb & 7) || sccb > 0x7ffffff8) {
        return -PGM_SPECIFICATION;
    }
    if (address_space_read(as, sccb, MEM_ATTRS_NONE, b, 8) != MEM_OK) {
        return -PGM_ADDRESSING;
    }
    length = get16(b);
    if (length < 8) {
        return -PGM_SPECIFICATION;
    }
    if ((sccb & 0xfff) + length > 4096) {
        length = 8;
        rc = RC_PAGE_BOUNDARY;
    } else {
        address_space_read(as, sccb, MEM_ATTRS_NONE, b, length);
        rc = carry_out(s, m, command, b, length);
    }
    put16(b + 6, rc);
    address_space_write(as, sccb, MEM_ATTRS_NONE, b, length);
    flic_inject_service(s->flic, (uint32_t)sccb | (event_pending(s) ? 1 : 0));
    return 0;
}

static void power_button(Notifier *n, void *data)
{
    Sclp *s = (Sclp *)((char *)n - offsetof(Sclp, powerdown));

    s->quiesce = true;
    tell_events(s);
}

void sclp_cpus_changed(Sclp *s)
{
    s->cpus_changed = true;
    tell_events(s);
}

/* ---- migrated state ---- */

#define MASK_LENGTH_DEFAULT 4
#define MASK_LENGTH_MAX     1021

typedef struct {
    uint32_t high, low;
    uint16_t length;
    bool has_low, has_length;
} FacilitySaved;

static bool low_needed(const void *saved)
{
    return ((const FacilitySaved *)saved)->low != 0;
}
static bool length_needed(const void *saved)
{
    return saved != NULL;
}

static const Record low_record = {
    .name = "vmstate-event-facility/mask64",
    .size = sizeof(FacilitySaved),
    .fields = (const Field[]){ F_U32(FacilitySaved, low, .name = "receive_mask_pieces[0]"), F_END },
    .needed = low_needed,
};
static const Record length_record = {
    .name = "vmstate-event-facility/mask_length",
    .size = sizeof(FacilitySaved),
    .fields = (const Field[]){ F_U16(FacilitySaved, length, .name = "mask_length", .min = 1,
                                     .max = MASK_LENGTH_MAX),
                               F_END },
    .needed = length_needed,
    .present_offset = offsetof(FacilitySaved, has_length),
    .has_present = true,
};
static const Record *const facility_subsections[] = { &low_record, &length_record, NULL };
static const Record facility_record = {
    .name = "vmstate-event-facility",
    .size = sizeof(FacilitySaved),
    .fields =
        (const Field[]){ F_U32(FacilitySaved, high, .name = "receive_mask_pieces[1]"), F_END },
    .subsections = facility_subsections,
};

static void facility_save(void *owner, void *saved)
{
    const Sclp *s = owner;

    *(FacilitySaved *)saved =
        (FacilitySaved){ .high = s->receive_mask, .low = s->receive_low, .length = s->mask_length };
}

static void facility_install(void *owner, const void *saved)
{
    Sclp *s = owner;
    const FacilitySaved *f = saved;

    s->receive_mask = f->high;
    s->receive_low = f->low;
    s->mask_length = f->has_length ? f->length : MASK_LENGTH_DEFAULT;
}

/* The format has no place for "CPUs have come, and the guest was not told yet": where there are more than
   the machine begins with, it is told again, and looks. */
static void facility_installed(void *owner)
{
    Sclp *s = owner;
    const Machine *m = vm_machine(s->vm);

    s->cpus_changed = s390_cpus_present(m) > m->smp.cpus;
    tell_events(s);
}

typedef struct {
    bool event_pending;
} QuiesceSaved;

static const Record quiesce_record = {
    .name = "sclpquiesce",
    .size = sizeof(QuiesceSaved),
    .fields = (const Field[]){ F_BOOL(QuiesceSaved, event_pending), F_END },
};

static void quiesce_save(void *owner, void *saved)
{
    ((QuiesceSaved *)saved)->event_pending = ((const Sclp *)owner)->quiesce;
}

static void quiesce_install(void *owner, const void *saved)
{
    ((Sclp *)owner)->quiesce = ((const QuiesceSaved *)saved)->event_pending;
}

static const SectionOps facility_ops = {
    .save = facility_save,
    .install = facility_install,
    .installed = facility_installed,
};
static const SectionOps quiesce_ops = { .save = quiesce_save, .install = quiesce_install };
static const SectionDesc facility_section = { .record = &facility_record, .ops = &facility_ops };
static const SectionDesc quiesce_section = { .record = &quiesce_record, .ops = &quiesce_ops };

/* ---- life ---- */

Sclp *sclp_new(Vm *vm, Flic *flic, Device *owner)
{
    Sclp *s = g_new0(Sclp, 1);

    s->vm = vm;
    s->flic = flic;
    s->events = (SclpEventBus *)bus_new(vm, TYPE_SCLP_EVENT_BUS, owner, "s390-sclp-events-bus.0");
    s->events->input = tell_events;
    s->events->opaque = s;
    s->powerdown.fn = power_button;
    notifier_add(&vm->powerdown_list, &s->powerdown);
    s->mask_length = MASK_LENGTH_DEFAULT;
    section_register(vm, NULL, &quiesce_section, 0, s);
    section_register(vm, NULL, &facility_section, 0, s);
    return s;
}

void sclp_free(Sclp *s)
{
    notifier_remove(&s->powerdown);
    g_free(s);
}

void sclp_reset(Sclp *s)
{
    s->receive_mask = s->receive_low = 0;
    s->mask_length = MASK_LENGTH_DEFAULT;
    s->quiesce = false;
    s->cpus_changed = false;
    if (s->events->console) {
        sclp_console_drop_input(s->events->console);
    }
    if (s->events->line) {
        sclp_line_drop_input(s->events->line);
    }
}
