/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code memory: one memfd mapped twice, writable and executable, never both at one address. How it is
 * given out is in lots.c. Also which registers hold which slots (pins), and numbers for modes.
 */
#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "host-priv.h"

typedef struct HostMode {
    uint32_t flags;
    uint64_t base;
} HostMode;
#define MODES_MAX 1024

/* Those that not every compiler's __builtin_cpu_supports() knows: MOVBE, F16C, LZCNT. */
static bool has_rest(void)
{
    unsigned a, b, c, d, ext;
    return __get_cpuid(1, &a, &b, &c, &d) && __get_cpuid(0x80000001, &a, &b, &ext, &d) &&
           (c & bit_MOVBE) && (c & bit_F16C) && (ext & bit_LZCNT);
}

bool host_available(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("popcnt") && has_rest();
}

/* ---- pins ---- */

/* Those that C keeps, then such that no instruction needs. */
const uint8_t host_pin_regs[HOST_PINS_MAX] = { RBX, R12, R13, R14, R15, RSI, RDI, R8, R9 };

static bool pinnable(const IrSlotDesc *d, IrSlot s, const SlotMap *overlaps)
{
    return d->pin && d->type == IR_I64 && d->size == 8 && !slot_map_overlaps(overlaps, s);
}

static void choose_pins(HostPins *p, const IrSlotTable *t, const SlotMap *overlaps)
{
    p->of_slot = g_malloc0(t->count);
    for (unsigned rank = 1; rank < 255 && p->n < HOST_PINS_MAX; rank++) {
        for (unsigned s = 0; s < t->count && p->n < HOST_PINS_MAX; s++) {
            if (t->slots[s].pin == rank && pinnable(&t->slots[s], s, overlaps)) {
                uint8_t reg = host_pin_regs[p->n];
                p->pin[p->n] =
                    (HostPin){ .slot = s, .reg = reg, .size = 8, .offset = t->slots[s].offset };
                p->of_slot[s] = p->of_reg[0][reg] = ++p->n;
            }
        }
    }
}

/* ---- memory ---- */

/* Both views begin at a huge page, so that the host may map them by such: what runs once is soon more
 * than its TLB holds of small ones. */
static uint8_t *map_writable(int fd, size_t size)
{
    uint8_t *at = pages_reserve(size);

    if (!at) {
        return NULL;
    }
    if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        munmap(at, size);
        return NULL;
    }
    return at;
}

/* Executable view: near our own code if it can be had, so that calls are short. */
static uint8_t *map_near(int fd, size_t size)
{
    uintptr_t text = (uintptr_t)&host_available & ~(HOST_HUGE_PAGE - 1);

    for (unsigned k = 1; k < 48; k++) {
        uintptr_t at = text - size - ((uintptr_t)k << 25);
        if (at > text) {
            break;
        }
        void *p =
            mmap((void *)at, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
        if (p == (void *)at) {
            return p;
        }
        if (p != MAP_FAILED) {
            munmap(p, size);
        }
    }
    void *p = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Records near the code that names them, else anywhere. */
static void *records_near(uint8_t *code, size_t size)
{
    for (unsigned k = 1; code && k < 16; k++) {
        void *at = code - size - ((size_t)k << 25), *p;
        p = mmap(at, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (p == at) {
            madvise(p, size, MADV_HUGEPAGE);
            return p;
        }
        if (p != MAP_FAILED) {
            munmap(p, size);
        }
    }
    return pages_new(size);
}

static size_t code_bytes(const HostCode *c)
{
    return (size_t)c->n_lots * HOST_LOT_BYTES * 2;
}

static bool map_code(HostCode *c, GError **error)
{
    size_t size = code_bytes(c);

    c->fd = memfd_create("ferry-code", MFD_CLOEXEC);
    if (c->fd >= 0 && ftruncate(c->fd, size) == 0) {
        c->rw = map_writable(c->fd, size);
        c->rx = map_near(c->fd, size);
    }
    if (c->rw && c->rx) {
        madvise(c->rw, size, MADV_HUGEPAGE);
        madvise(c->rx, size, MADV_HUGEPAGE);
        return true;
    }
    g_set_error(error, FERRY_EXEC_ERROR, FERRY_EXEC_ERROR_CONFIG,
                "no executable memory of %zu bytes: %s", size, g_strerror(errno));
    return false;
}

HostCode *host_code_new(size_t bytes, const CpuTargetOps *ops, const SlotMap *overlaps,
                        GError **error)
{
    HostCode *c = g_new0(HostCode, 1);

    /* Some slack: lots that are nearly empty. All of it is within reach of a 32-bit jump. */
    c->n_lots =
        MIN((bytes + bytes / 4) / HOST_HUGE_PAGE + 32, 256) * (HOST_HUGE_PAGE / HOST_LOT_BYTES);
    c->fd = -1;
    c->pc_offset = ops->pc_offset;
    c->overlaps = overlaps;
    g_mutex_init(&c->lock);
    host_lots_init(c);
    c->modes = g_array_new(FALSE, FALSE, sizeof(HostMode));
    choose_pins(&c->pins, &ops->slots, overlaps);
    for (unsigned k = 0; k < ops->slots.count; k++) {
        c->wide |= ops->slots.slots[k].type == IR_V256;
    }
    if (!map_code(c, error)) {
        host_code_free(c);
        return NULL;
    }
    c->records = records_near(c->rx, (size_t)c->n_lots * HOST_LOT_BYTES);
    host_lots_start(c);
    host_common_code(c);
    return c;
}

void host_code_free(HostCode *c)
{
    if (!c) {
        return;
    }
    if (c->rw) {
        munmap(c->rw, code_bytes(c));
    }
    if (c->rx) {
        munmap(c->rx, code_bytes(c));
    }
    if (c->fd >= 0) {
        close(c->fd);
    }
    pages_free(c->records, (size_t)c->n_lots * HOST_LOT_BYTES);
    host_lots_clear(c);
    g_free(c->pins.of_slot);
    g_array_free(c->modes, TRUE);
    g_mutex_clear(&c->lock);
    g_free(c);
}

void host_code_stats(const HostCode *c, ExecStats *s)
{
    s->native_bytes = __atomic_load_n(&c->bytes, __ATOMIC_RELAXED);
    s->native_regions = __atomic_load_n(&c->regions, __ATOMIC_RELAXED);
}

static HostMode *mode_at(HostCode *c, unsigned k)
{
    return &g_array_index(c->modes, HostMode, k);
}

bool host_mode_gained(HostCode *c, uint32_t flags, uint32_t soft, uint32_t *old)
{
    bool known = false, found = false;

    g_mutex_lock(&c->lock);
    for (unsigned k = 0; k < c->modes->len; k++) { /* the latest, if there are several */
        uint32_t f = mode_at(c, k)->flags;
        known |= f == flags;
        if ((f & flags) == f && !((f ^ flags) & ~soft)) {
            *old = f;
            found = true;
        }
    }
    for (unsigned k = 0; found && !known && k < c->modes->len; k++) {
        HostMode *m = mode_at(c, k);
        m->flags = m->flags == *old ? flags : m->flags;
    }
    g_mutex_unlock(&c->lock);
    return found && !known;
}

/* A number for what a region's exits share with their targets; 0: none left. */
uint32_t host_mode(HostCode *c, const TbKey *key)
{
    HostMode m = { .flags = key->flags, .base = key->vaddr - key->pc };
    uint32_t n = 0;

    g_mutex_lock(&c->lock);
    for (unsigned k = 0; k < c->modes->len && !n; k++) {
        const HostMode *o = mode_at(c, k);
        n = o->flags == m.flags && o->base == m.base ? k + 1 : 0;
    }
    if (!n && c->modes->len < MODES_MAX) {
        g_array_append_val(c->modes, m);
        n = c->modes->len;
    }
    g_mutex_unlock(&c->lock);
    return n;
}

const void *host_no_code(const HostCode *c)
{
    return (const void *)(uintptr_t)c->leave_pc;
}
