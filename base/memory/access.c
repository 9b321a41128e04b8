/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device accesses: from what a requester asks to what a device's callbacks take.
 *
 * Checks size and alignment against `valid`, splits or widens to `impl`, turns byte order between
 * requester and device, and takes the VM lock. Nothing valid answers: all ones, MEM_DECODE_ERROR.
 */
#include <string.h>
#include <unistd.h>
#include "base/memory/memory-priv.h"

static uint64_t size_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ULL << (size * 8)) - 1;
}

static uint64_t swap_bytes(uint64_t value, unsigned size)
{
    return __builtin_bswap64(value) >> (64 - size * 8);
}

static bool size_ok(unsigned size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

static bool access_valid(const MemoryRegion *mr, uint64_t offset, unsigned size)
{
    const RegionOps *ops = mr->ops;
    unsigned min = ops->valid.min ? ops->valid.min : 1, max = ops->valid.max ? ops->valid.max : 8;

    return size >= min && size <= max && (ops->valid.unaligned || !(offset & (size - 1))) &&
           (Wide)offset + size <= region_wide_size(mr);
}

/* The size of the pieces that the callbacks get. */
static unsigned piece_size(const RegionOps *ops, uint64_t offset, unsigned size)
{
    unsigned min = ops->impl.min ? ops->impl.min : 1;
    unsigned max = ops->impl.max ? ops->impl.max : (ops->valid.max ? ops->valid.max : 8);
    unsigned piece = MIN(size, max);

    while (!ops->impl.unaligned && piece > min && (offset & (piece - 1))) {
        piece /= 2;
    }
    return MAX(piece, min);
}

static MemResult call_read(MemoryRegion *mr, uint64_t offset, uint64_t *value, unsigned size,
                           MemAttrs attrs)
{
    const RegionOps *ops = mr->ops;
    MemResult r = MEM_OK;

    *value = 0;
    if (ops->read_attrs) {
        r = ops->read_attrs(mr->opaque, offset, value, size, attrs);
    } else if (ops->read) {
        *value = ops->read(mr->opaque, offset, size);
    } else {
        *value = UINT64_MAX;
        r = MEM_DECODE_ERROR;
    }
    *value &= size_mask(size);
    return r;
}

static MemResult call_write(MemoryRegion *mr, uint64_t offset, uint64_t value, unsigned size,
                            MemAttrs attrs)
{
    const RegionOps *ops = mr->ops;

    value &= size_mask(size);
    if (ops->write_attrs) {
        return ops->write_attrs(mr->opaque, offset, value, size, attrs);
    }
    if (!ops->write) {
        return MEM_DECODE_ERROR;
    }
    ops->write(mr->opaque, offset, value, size);
    return MEM_OK;
}

/* Bits by which piece @i (bytes from the access's start) of @piece bytes sits in the value. */
static unsigned piece_shift(const RegionOps *ops, unsigned i, unsigned piece, unsigned size)
{
    return 8 * (ops->endian == DEVICE_BIG_ENDIAN ? size - piece - i : i);
}

/* Where an access of @size at @offset sits inside the aligned register of @piece bytes. */
static unsigned wide_shift(const RegionOps *ops, uint64_t offset, unsigned piece, unsigned size)
{
    unsigned at = (unsigned)(offset & (piece - 1));

    return 8 * (ops->endian == DEVICE_BIG_ENDIAN ? piece - size - at : at);
}

/* A narrow access that fits one aligned register of @piece bytes is widened; one that crosses its
   end goes byte by byte through two. */
static MemResult read_pieces(MemoryRegion *mr, uint64_t offset, uint64_t *value, unsigned size,
                             MemAttrs attrs)
{
    const RegionOps *ops = mr->ops;
    unsigned piece = piece_size(ops, offset, size);
    unsigned r = MEM_OK;
    uint64_t part;

    *value = 0;
    if (piece > size && (offset & (piece - 1)) + size <= piece) {
        r = call_read(mr, offset & ~(uint64_t)(piece - 1), &part, piece, attrs);
        *value = part >> wide_shift(ops, offset, piece, size) & size_mask(size);
        return r;
    }
    if (piece > size || (piece > 1 && !ops->impl.unaligned && (offset & (piece - 1)))) {
        for (unsigned i = 0; i < size; i++) {
            uint64_t at = offset + i;

            r |= call_read(mr, at & ~(uint64_t)(piece - 1), &part, piece, attrs);
            part = part >> wide_shift(ops, at, piece, 1) & 0xff;
            *value |= part << piece_shift(ops, i, 1, size);
        }
        return r;
    }
    for (unsigned i = 0; i < size; i += piece) {
        r |= call_read(mr, offset + i, &part, piece, attrs);
        *value |= part << piece_shift(ops, i, piece, size);
    }
    return r;
}

static MemResult merge_write(MemoryRegion *mr, uint64_t offset, uint64_t value, unsigned size,
                             unsigned piece, MemAttrs attrs)
{
    uint64_t base = offset & ~(uint64_t)(piece - 1), old;
    unsigned shift = wide_shift(mr->ops, offset, piece, size);
    unsigned r = call_read(mr, base, &old, piece, attrs);

    old &= ~(size_mask(size) << shift);
    return r | call_write(mr, base, old | (value & size_mask(size)) << shift, piece, attrs);
}

static MemResult write_pieces(MemoryRegion *mr, uint64_t offset, uint64_t value, unsigned size,
                              MemAttrs attrs)
{
    const RegionOps *ops = mr->ops;
    unsigned piece = piece_size(ops, offset, size);
    unsigned r = MEM_OK;

    if (piece > size && (offset & (piece - 1)) + size <= piece) {
        return merge_write(mr, offset, value, size, piece, attrs);
    }
    if (piece > size || (piece > 1 && !ops->impl.unaligned && (offset & (piece - 1)))) {
        for (unsigned i = 0; i < size; i++) {
            r |=
                merge_write(mr, offset + i, value >> piece_shift(ops, i, 1, size), 1, piece, attrs);
        }
        return r;
    }
    for (unsigned i = 0; i < size; i += piece) {
        r |= call_write(mr, offset + i, value >> piece_shift(ops, i, piece, size), piece, attrs);
    }
    return r;
}

static uint64_t load_host(const uint8_t *p, unsigned size, DeviceEndian endian)
{
    uint64_t value = 0;

    memcpy(&value, p, size);
    return endian == DEVICE_BIG_ENDIAN ? swap_bytes(value, size) : value;
}

static bool signal_event(MemoryRegion *mr, uint64_t offset, uint64_t value, unsigned size)
{
    bool hit = false;

    if (!__atomic_load_n(&mr->priv, __ATOMIC_ACQUIRE)) {
        return false;
    }
    memory_read_begin(mr->vm->memory);
    RegionEvents *ev = __atomic_load_n(&mr->priv, __ATOMIC_ACQUIRE);

    for (guint i = 0; i < ev->n && !hit; i++) {
        const RegionEvent *e = &ev->events[i];

        if (e->addr == offset && (e->size == 0 || e->size == size) &&
            (!e->match || (e->data & size_mask(size)) == value)) {
            uint64_t one = 1;

            /* A full counter is as good as one more: the reader has yet to look. */
            hit = write(e->fd, &one, sizeof(one)) >= 0 || true;
        }
    }
    memory_read_end(mr->vm->memory);
    return hit;
}

MemResult memory_region_dispatch_read(MemoryRegion *mr, uint64_t offset, uint64_t *value,
                                      unsigned size, DeviceEndian endian, MemAttrs attrs)
{
    *value = size_mask(size);
    if (!size_ok(size)) {
        return MEM_DECODE_ERROR;
    }
    if (mr->ram && (mr->kind != REGION_ROMD || mr->rom_device_mode)) {
        if (offset >= mr->ram->max_length || size > mr->ram->max_length - offset) {
            return MEM_DECODE_ERROR;
        }
        *value = load_host(mr->ram->host + offset, size, endian);
        return MEM_OK;
    }
    if (!mr->ops || !access_valid(mr, offset, size)) {
        return MEM_DECODE_ERROR;
    }
    Vm *vm = mr->vm;
    bool lock = !mr->ops->lockless;
    bool swap = size > 1 && mr->ops->endian != endian;

    if (lock) {
        vm_lock(vm);
    }
    MemResult r = read_pieces(mr, offset, value, size, attrs);

    if (lock) {
        vm_unlock(vm);
    }
    if (swap) {
        *value = swap_bytes(*value, size);
    }
    return r;
}

MemResult memory_region_dispatch_write(MemoryRegion *mr, uint64_t offset, uint64_t value,
                                       unsigned size, DeviceEndian endian, MemAttrs attrs)
{
    if (!size_ok(size)) {
        return MEM_DECODE_ERROR;
    }
    if (mr->kind == REGION_ROM || (mr->kind == REGION_RAM && mr->readonly)) {
        return MEM_OK;
    }
    if (mr->kind == REGION_RAM) {
        if (offset >= mr->ram->max_length || size > mr->ram->max_length - offset) {
            return MEM_DECODE_ERROR;
        }
        value = endian == DEVICE_BIG_ENDIAN ? swap_bytes(value, size) : value;
        memcpy(mr->ram->host + offset, &value, size);
        ram_dirty_written(mr->vm, mr->ram->addr + offset, size);
        return MEM_OK;
    }
    if (!mr->ops || !access_valid(mr, offset, size)) {
        return MEM_DECODE_ERROR;
    }
    value &= size_mask(size);
    if (size > 1 && mr->ops->endian != endian) {
        value = swap_bytes(value, size);
    }
    if (signal_event(mr, offset, value, size)) {
        return MEM_OK;
    }
    Vm *vm = mr->vm;
    bool lock = !mr->ops->lockless;

    if (lock) {
        vm_lock(vm);
    }
    MemResult r = write_pieces(mr, offset, value, size, attrs);

    if (lock) {
        vm_unlock(vm);
    }
    return r;
}
