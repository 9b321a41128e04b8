/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NVDIMMs as the guest's ACPI sees them: the NFIT, and the requests (_DSM) of its methods, of which
 * there are those of the label area ("NVDIMM DSM Interface", revision 1, functions 4 to 6) and one
 * that reads the NFIT's structures piece by piece after a module was plugged.
 *
 *   request  0 handle   4 revision   8 function   12 argument
 *   answer   0 length of all   4 payload
 */
#include "nvdimm.h"

#include <string.h>

#include "base/util/endian.h"

enum { /* status in an answer */
    DSM_OK = 0,
    DSM_UNSUPPORTED = 1,
    DSM_NO_DEVICE = 2,
    DSM_INVALID = 3,
    DSM_FIT_CHANGED = 0x100, /* begin again */
};
enum {
    FN_QUERY = 0,
    FN_READ_FIT = 1, /* of NVDIMM_HANDLE_FIT */
    FN_LABEL_SIZE = 4,
    FN_LABEL_READ = 5,
    FN_LABEL_WRITE = 6,
};
#define ARGUMENT   12
#define LABEL_DATA (ARGUMENT + 8)
/* Of label data in one request: what fits beside its head. */
#define LABEL_CHUNK (NVDIMM_PAGE_BYTES - LABEL_DATA)

typedef uint8_t Page[NVDIMM_PAGE_BYTES];

/* ---- NFIT ---- */
static PcDimm *module_at(const NvdimmBoard *b, unsigned slot)
{
    PcDimm *d = slot < b->n_slots ? b->slots[slot] : NULL;

    return d && pc_dimm_is_nvdimm(d) ? d : NULL;
}

/* Numbers of a module's address range and of its control region. */
static uint16_t range_index(const PcDimm *d)
{
    return (d->slot + 1) * 2;
}

static void fit_range(GByteArray *out, const PcDimm *d)
{
    static const uint8_t persistent_memory[16] = { 0x79, 0xd3, 0xf0, 0x66, 0xf3, 0xb4, 0x74, 0x40,
                                                   0xac, 0x43, 0x0d, 0x33, 0x18, 0xb7, 0x8c, 0xdb };

    acpi_u16(out, 0);
    acpi_u16(out, 56);
    acpi_u16(out, range_index(d));
    acpi_u16(out, 3); /* controls are for management only; the domain is valid */
    acpi_u32(out, 0);
    acpi_u32(out, d->node);
    g_byte_array_append(out, persistent_memory, 16);
    acpi_u64(out, d->addr);
    acpi_u64(out, pc_dimm_size(d));
    acpi_u64(out, 0x8008); /* write-back, non-volatile */
}

static void fit_module(GByteArray *out, const PcDimm *d)
{
    acpi_u16(out, 1);
    acpi_u16(out, 48);
    acpi_u32(out, d->slot + 1); /* handle */
    acpi_u16(out, 0);
    acpi_u16(out, 0);
    acpi_u16(out, range_index(d));
    acpi_u16(out, range_index(d) + 1);
    acpi_u64(out, pc_dimm_size(d));
    acpi_u64(out, 0);
    acpi_u64(out, 0);
    acpi_u16(out, 0);
    acpi_u16(out, 1);                  /* not interleaved */
    acpi_u16(out, d->unarmed ? 8 : 0); /* writes may not last */
    acpi_u16(out, 0);
}

/* Without block control windows, so that the structure ends before them. */
static void fit_control(GByteArray *out, const PcDimm *d)
{
    acpi_u16(out, 4);
    acpi_u16(out, 32);
    acpi_u16(out, range_index(d) + 1);
    acpi_u16(out, 0x8086);
    acpi_u16(out, 1);
    acpi_u16(out, 1);
    acpi_zero(out, 6 + 6); /* subsystem; where and when it was made */
    acpi_u32(out, 0x123456 + d->slot);
    acpi_u16(out, 0x0301); /* byte-addressed, no energy of its own */
    acpi_u16(out, 0);
}

unsigned nvdimm_fit(const NvdimmBoard *b, GByteArray *out)
{
    unsigned n = 0;

    for (unsigned slot = 0; slot < b->n_slots; slot++) {
        const PcDimm *d = module_at(b, slot);

        if (d) {
            fit_range(out, d);
            fit_module(out, d);
            fit_control(out, d);
            n++;
        }
    }
    if (b->persistence) {
        acpi_u16(out, 7);
        acpi_u16(out, 16);
        acpi_u8(out, 1); /* the highest valid bit */
        acpi_zero(out, 3);
        acpi_u32(out, b->persistence);
        acpi_u32(out, 0);
    }
    return n;
}

/* ---- requests ---- */
static void answer(Page page, uint32_t payload_bytes)
{
    st_le32(page, 4 + payload_bytes);
}

static void answer_status(Page page, uint32_t status)
{
    st_le32(page + 4, status);
    answer(page, 4);
}

static void read_fit(NvdimmBoard *b, Page page)
{
    g_autoptr(GByteArray) fit = g_byte_array_new();
    uint32_t offset = ld_le32(page + ARGUMENT), n;

    if (ld_le32(page + 8) != FN_READ_FIT) {
        answer_status(page, DSM_UNSUPPORTED);
        return;
    }
    if (offset == 0) {
        b->fit_changed = false;
    }
    nvdimm_fit(b, fit);
    if (b->fit_changed || offset > fit->len) {
        answer_status(page, b->fit_changed ? DSM_FIT_CHANGED : DSM_INVALID);
        return;
    }
    n = MIN(fit->len - offset, NVDIMM_PAGE_BYTES - 8u);
    if (n) {
        memcpy(page + 8, fit->data + offset, n);
    }
    st_le32(page + 4, DSM_OK);
    answer(page, 4 + n);
}

/* The request's range within the label area, or NULL. */
static uint8_t *label_range(const PcDimm *d, const Page page, uint32_t *offset, uint32_t *length)
{
    *offset = ld_le32(page + ARGUMENT);
    *length = ld_le32(page + ARGUMENT + 4);
    if (*length > LABEL_CHUNK || *offset > d->label_bytes || *length > d->label_bytes - *offset) {
        return NULL;
    }
    return pc_dimm_labels(d) + *offset;
}

static void label_read(const PcDimm *d, Page page)
{
    uint32_t offset, length;
    const uint8_t *data = label_range(d, page, &offset, &length);

    if (!data) {
        answer_status(page, DSM_INVALID);
        return;
    }
    memcpy(page + 8, data, length);
    st_le32(page + 4, DSM_OK);
    answer(page, 4 + length);
}

static void label_write(const PcDimm *d, Page page)
{
    uint32_t offset, length;
    uint8_t *data = label_range(d, page, &offset, &length);

    if (!data || d->unarmed) {
        answer_status(page, DSM_INVALID);
        return;
    }
    memcpy(data, page + LABEL_DATA, length);
    pc_dimm_labels_written(d, offset, length);
    answer_status(page, DSM_OK);
}

static void module_request(const NvdimmBoard *b, uint32_t handle, Page page)
{
    const PcDimm *d = handle ? module_at(b, handle - 1) : NULL;
    uint32_t function = ld_le32(page + 8);

    if (function == FN_QUERY) { /* a bit for each function, this one included */
        st_le32(page + 4, d && d->label_bytes ? 0x71 : 0);
        answer(page, 4);
        return;
    }
    if (!d || !d->label_bytes) {
        answer_status(page, handle && !d ? DSM_NO_DEVICE : DSM_UNSUPPORTED);
        return;
    }
    switch (function) {
    case FN_LABEL_SIZE:
        st_le32(page + 4, DSM_OK);
        st_le32(page + 8, d->label_bytes);
        st_le32(page + 12, LABEL_CHUNK);
        answer(page, 12);
        break;
    case FN_LABEL_READ: label_read(d, page); break;
    case FN_LABEL_WRITE: label_write(d, page); break;
    default: answer_status(page, DSM_UNSUPPORTED);
    }
}

static uint64_t port_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}

static void port_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    NvdimmBoard *b = opaque;
    AddressSpace *memory = address_space_memory(b->vm);
    Page page;
    uint32_t handle;

    if (address_space_read(memory, value, MEM_ATTRS_NONE, page, sizeof(page)) != MEM_OK) {
        return;
    }
    handle = ld_le32(page);
    if (ld_le32(page + 4) != 1) { /* revision */
        answer_status(page, DSM_UNSUPPORTED);
    } else if (handle == NVDIMM_HANDLE_FIT) {
        read_fit(b, page);
    } else {
        module_request(b, handle, page);
    }
    address_space_write(memory, value, MEM_ATTRS_NONE, page, ld_le32(page));
}

static const RegionOps port_ops = {
    .read = port_read,
    .write = port_write,
    .valid = { 4, 4 },
    .impl = { 4, 4 },
};

/* ---- life ---- */
void nvdimm_board_init(NvdimmBoard *b, Device *owner, PcDimm *const *slots, unsigned n_slots)
{
    b->vm = device_vm(owner);
    b->slots = slots;
    b->n_slots = n_slots;
    memory_region_init_io(&b->port, b->vm, &owner->obj, &port_ops, b, "nvdimm-acpi-io", 4);
    memory_region_add(memory_io_region(b->vm), NVDIMM_PORT, &b->port);
}

void nvdimm_board_clear(NvdimmBoard *b)
{
    if (b->vm) {
        memory_region_clear(&b->port);
    }
}
