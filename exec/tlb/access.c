/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory accesses that miss the inline path, and the accessors of helpers.
 *
 * Order of a store to RAM: check that it does not hit the running region; store; invalidate other
 * translations; set dirty bits. After the bits, so that a cleaner that copies the page in between
 * finds it dirty again.
 */
#include <string.h>
#include <xmmintrin.h>
#include "exec/exec-priv.h"
#include "exec/ir/ir-priv.h"

#define OFFSET(va) ((va) & ~GUEST_PAGE_MASK)

static bool crosses(GuestVirt va, size_t len)
{
    return OFFSET(va) + len > GUEST_PAGE_SIZE;
}

static void watch_check(CpuState *cpu, GuestVirt va, size_t len, uint32_t kind)
{
    CpuPriv *p = priv_of(cpu);

    if (p->watch_off || !p->tb) {
        return;
    }
    for (unsigned i = 0; i < p->watchpoints->len; i++) {
        const WatchPoint *w = &g_array_index(p->watchpoints, WatchPoint, i);
        if ((w->kind & kind) && w->va < va + len && va <= w->va + w->len - 1) {
            cpu->watch_hit = MAX(va, w->va);
            p->debug_after = true;
            cpu_raise_internal(cpu, EXCP_RETRY_ONE);
        }
    }
}

/* ---- devices ---- */

static uint64_t io_read(CpuState *cpu, const TlbFull *f, GuestVirt va, unsigned size)
{
    uint64_t pa = f->phys + OFFSET(va);
    AddressSpace *as = cpu->as[f->as_index];
    MemAttrs attrs = f->attrs;
    unsigned mxcsr = _mm_getcsr();
    MemResult r;

    /* A device may take the VM lock for long; and its code is not the guest's FP code. */
    _mm_setcsr(0x1f80);
    engine_leave(cpu);
    uint64_t v = address_space_ld(as, pa, size, DEVICE_LITTLE_ENDIAN, attrs, &r);
    engine_enter(cpu);
    _mm_setcsr(mxcsr);
    if (r != MEM_OK && cpu->ops->bus_error) {
        cpu->ops->bus_error(cpu, pa, MMU_ACCESS_READ, size);
    }
    return v;
}

static void io_write(CpuState *cpu, const TlbFull *f, GuestVirt va, uint64_t v, unsigned size)
{
    uint64_t pa = f->phys + OFFSET(va);
    AddressSpace *as = cpu->as[f->as_index];
    MemAttrs attrs = f->attrs;
    unsigned mxcsr = _mm_getcsr();
    MemResult r;

    _mm_setcsr(0x1f80);
    engine_leave(cpu);
    address_space_st(as, pa, v, size, DEVICE_LITTLE_ENDIAN, attrs, &r);
    engine_enter(cpu);
    _mm_setcsr(mxcsr);
    if (r != MEM_OK && cpu->ops->bus_error) {
        cpu->ops->bus_error(cpu, pa, MMU_ACCESS_WRITE, size);
    }
}

/* Any length within a page. */
static void page_read(CpuState *cpu, const TlbFull *f, GuestVirt va, uint8_t *buf, size_t len)
{
    if (!(f->flags & TLBF_IO)) {
        memcpy(buf, f->host + OFFSET(va), len);
        return;
    }
    TlbFull copy = *f;
    while (len) {
        unsigned n = len >= 8 && !(va & 7)   ? 8
                     : len >= 4 && !(va & 3) ? 4
                     : len >= 2 && !(va & 1) ? 2
                                             : 1;
        uint64_t v = io_read(cpu, &copy, va, n);
        memcpy(buf, &v, n);
        buf += n;
        va += n;
        len -= n;
    }
}

/* ---- stores to RAM ---- */

static void before_store(CpuState *cpu, const TlbFull *f, GuestVirt va, size_t len)
{
    if (f->flags & TLBF_WATCH) {
        watch_check(cpu, va, len, CPU_WATCH_WRITE);
    }
    if (!(f->flags & (TLBF_IO | TLBF_ROM)) &&
        tb_self_hit(priv_of(cpu), f->ram_addr + OFFSET(va), len)) {
        cpu_raise_internal(cpu, EXCP_RETRY_ONE);
    }
}

static void after_store(CpuState *cpu, TlbFull *f, TlbEntry *e, GuestVirt va, size_t len,
                        unsigned mmu)
{
    Vm *vm = cpu->engine->vm;
    RamAddr addr = f->ram_addr + OFFSET(va);

    /* The store must be visible before the bits are looked at: a cleaner clears, then copies. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    unsigned clean = ram_dirty_clean_mask(vm, addr);

    if (clean & DIRTY_MASK(DIRTY_CODE)) {
        tb_invalidate_range(cpu->engine, addr, len);
    }
    if (clean & ~DIRTY_MASK(DIRTY_CODE)) {
        ram_dirty_set(vm, addr, len, DIRTY_MASK_ALL & ~DIRTY_MASK(DIRTY_CODE));
        if (clean & DIRTY_MASK(DIRTY_RATE)) {
            cpu_dirtied_page(cpu);
        }
    }
    /* Nothing left to watch for: the next store may go straight. */
    tlb_allow_write(priv_of(cpu), e, f, mmu);
}

static void page_write(CpuState *cpu, TlbFull *f, TlbEntry *e, GuestVirt va, const uint8_t *buf,
                       size_t len, unsigned mmu)
{
    if (!(f->flags & (TLBF_IO | TLBF_ROM))) {
        memcpy(f->host + OFFSET(va), buf, len);
        after_store(cpu, f, e, va, len, mmu);
        return;
    }
    TlbFull copy = *f;
    while (len) {
        unsigned n = len >= 8 && !(va & 7)   ? 8
                     : len >= 4 && !(va & 3) ? 4
                     : len >= 2 && !(va & 1) ? 2
                                             : 1;
        uint64_t v = 0;
        memcpy(&v, buf, n);
        io_write(cpu, &copy, va, v, n);
        buf += n;
        va += n;
        len -= n;
    }
}

static void check_align(CpuState *cpu, GuestVirt va, IrMemOp mo, MmuAccess access)
{
    if ((mo & MO_ALIGN) && (va & (MO_BYTES(mo) - 1)) && cpu->ops->unaligned) {
        cpu->ops->unaligned(cpu, va, access, MO_GET_MMU(mo));
    }
}

/* ---- scalar ---- */

static uint64_t swap_by(IrMemOp mo, uint64_t v)
{
    if (!(mo & MO_BE)) {
        return v;
    }
    return __builtin_bswap64(v) >> (64 - 8 * MO_BYTES(mo));
}

uint64_t mem_load_slow(CpuState *cpu, GuestVirt va, IrMemOp mo)
{
    unsigned size = MO_BYTES(mo), mmu = MO_GET_MMU(mo);
    MmuAccess access = mo & MO_RMW ? MMU_ACCESS_WRITE : MMU_ACCESS_READ;
    uint64_t v = 0;

    check_align(cpu, va, mo, access);
    if (UNLIKELY(crosses(va, size))) {
        if (mo & MO_RMW) {
            mem_probe(cpu, va, size, MMU_ACCESS_WRITE, mmu);
        }
        cpu_ld_bytes(cpu, va, &v, size, mmu);
        return swap_by(mo, v);
    }
    TlbFull *f = tlb_lookup(cpu, va, access, mmu, false, NULL);
    if (UNLIKELY(!(f->flags & TLBF_R))) {
        f = tlb_lookup(cpu, va, MMU_ACCESS_READ, mmu, false, NULL);
    }
    if (UNLIKELY(f->flags & TLBF_WATCH)) {
        watch_check(cpu, va, size, CPU_WATCH_READ);
    }
    if (UNLIKELY(f->flags & TLBF_IO)) {
        v = io_read(cpu, f, va, size);
    } else {
        memcpy(&v, f->host + OFFSET(va), size);
    }
    return swap_by(mo, v);
}

void mem_store_slow(CpuState *cpu, GuestVirt va, uint64_t v, IrMemOp mo)
{
    unsigned size = MO_BYTES(mo), mmu = MO_GET_MMU(mo);
    TlbEntry *e;

    check_align(cpu, va, mo, MMU_ACCESS_WRITE);
    v = swap_by(mo, v);
    if (UNLIKELY(crosses(va, size))) {
        cpu_st_bytes(cpu, va, &v, size, mmu);
        return;
    }
    TlbFull *f = tlb_lookup(cpu, va, MMU_ACCESS_WRITE, mmu, false, &e);
    before_store(cpu, f, va, size);
    if (f->flags & (TLBF_IO | TLBF_ROM)) {
        io_write(cpu, f, va, v, size);
        return;
    }
    uint8_t *host = f->host + OFFSET(va);
    switch (size) {
    case 1: *host = v; break;
    case 2: memcpy(host, &v, 2); break;
    case 4: memcpy(host, &v, 4); break;
    default: memcpy(host, &v, 8); break;
    }
    after_store(cpu, f, e, va, size, mmu);
}

/* ---- any length ---- */

void mem_probe(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu)
{
    while (len) {
        size_t n = MIN(len, GUEST_PAGE_SIZE - OFFSET(va));
        TlbFull *f = tlb_lookup(cpu, va, access, mmu, false, NULL);
        if (access == MMU_ACCESS_WRITE) {
            before_store(cpu, f, va, n);
        } else if (f->flags & TLBF_WATCH) {
            watch_check(cpu, va, n, CPU_WATCH_READ);
        }
        va += n;
        len -= n;
    }
}

void cpu_probe_access(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu)
{
    mem_probe(cpu, va, len, access, mmu);
}

bool cpu_probe_quiet(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu)
{
    while (len) {
        size_t n = MIN(len, GUEST_PAGE_SIZE - OFFSET(va));
        if (!tlb_lookup(cpu, va, access, mmu, true, NULL)) {
            return false;
        }
        va += n;
        len -= n;
    }
    return true;
}

void cpu_ld_bytes(CpuState *cpu, GuestVirt va, void *buf, size_t len, unsigned mmu)
{
    uint8_t *b = buf;

    if (crosses(va, len)) {
        mem_probe(cpu, va, len, MMU_ACCESS_READ, mmu);
    }
    while (len) {
        size_t n = MIN(len, GUEST_PAGE_SIZE - OFFSET(va));
        TlbFull *f = tlb_lookup(cpu, va, MMU_ACCESS_READ, mmu, false, NULL);
        if (f->flags & TLBF_WATCH) {
            watch_check(cpu, va, n, CPU_WATCH_READ);
        }
        page_read(cpu, f, va, b, n);
        va += n;
        b += n;
        len -= n;
    }
}

void cpu_st_bytes(CpuState *cpu, GuestVirt va, const void *buf, size_t len, unsigned mmu)
{
    const uint8_t *b = buf;

    mem_probe(cpu, va, len, MMU_ACCESS_WRITE, mmu);
    while (len) {
        size_t n = MIN(len, GUEST_PAGE_SIZE - OFFSET(va));
        TlbEntry *e;
        TlbFull *f = tlb_lookup(cpu, va, MMU_ACCESS_WRITE, mmu, false, &e);
        page_write(cpu, f, e, va, b, n, mmu);
        va += n;
        b += n;
        len -= n;
    }
}

void *cpu_host_hit(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu)
{
    TlbEntry *e = tlb_row(cpu, mmu, va);

    return !crosses(va, len) &&
                   (va & GUEST_PAGE_MASK) == __atomic_load_n(&e->tag[access], __ATOMIC_RELAXED)
               ? (void *)(uintptr_t)(va + e->addend)
               : NULL;
}

void *cpu_host_ptr(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu)
{
    TlbEntry *e;
    void *hit = cpu_host_hit(cpu, va, len, access, mmu);

    if (LIKELY(hit) || crosses(va, len)) {
        return hit;
    }
    TlbFull *f = tlb_lookup(cpu, va, access, mmu, false, &e);
    if (f->flags & (TLBF_IO | TLBF_WATCH)) {
        return NULL;
    }
    if (access == MMU_ACCESS_WRITE) {
        if (f->flags & TLBF_ROM) {
            return NULL;
        }
        /* The write tag stays set while the caller writes: a cleaner sees it and marks the page
         * dirty again once this vCPU is back in its loop. */
        if (__atomic_load_n(&e->tag[ACCESS_WRITE], __ATOMIC_RELAXED) != f->page) {
            before_store(cpu, f, va, len);
            after_store(cpu, f, e, va, len, mmu);
            if (__atomic_load_n(&e->tag[ACCESS_WRITE], __ATOMIC_RELAXED) != f->page) {
                return NULL; /* code remains in the page: store by store */
            }
        }
    }
    return f->host + OFFSET(va);
}

/* ---- vectors ---- */

static void reverse_bytes(IrVec *v, unsigned n)
{
    for (unsigned i = 0; i < n / 2; i++) {
        uint8_t t = v->b[i];
        v->b[i] = v->b[n - 1 - i];
        v->b[n - 1 - i] = t;
    }
}

void mem_load_vec(CpuState *cpu, GuestVirt va, IrVec *out, IrMemOp mo)
{
    check_align(cpu, va, mo, MMU_ACCESS_READ);
    memset(out, 0, 16); /* a partial access clears the rest */
    cpu_ld_bytes(cpu, va, out, MO_BYTES(mo), MO_GET_MMU(mo));
    if (mo & MO_BE) {
        reverse_bytes(out, MO_BYTES(mo));
    }
}

void mem_store_vec(CpuState *cpu, GuestVirt va, const IrVec *v, IrMemOp mo)
{
    IrVec c = *v;

    check_align(cpu, va, mo, MMU_ACCESS_WRITE);
    if (mo & MO_BE) {
        reverse_bytes(&c, MO_BYTES(mo));
    }
    cpu_st_bytes(cpu, va, &c, MO_BYTES(mo), MO_GET_MMU(mo));
}

/* ---- atomics ---- */

static uint64_t rmw_value(IrRmw op, uint64_t old, uint64_t v)
{
    switch (op) {
    case IR_RMW_ADD: return old + v;
    case IR_RMW_AND: return old & v;
    case IR_RMW_OR: return old | v;
    case IR_RMW_XOR: return old ^ v;
    default: return v;
    }
}

#define HOST_ATOMICS(ty)                                                                          \
    static uint64_t rmw_##ty(ty *p, IrRmw op, uint64_t v, bool be)                                \
    {                                                                                             \
        unsigned shift = 64 - 8 * sizeof(ty);                                                     \
        if (op == IR_RMW_ADD && !be) {                                                            \
            return __atomic_fetch_add(p, (ty)v, __ATOMIC_SEQ_CST);                                \
        }                                                                                         \
        if (op == IR_RMW_XCHG && !be) {                                                           \
            return __atomic_exchange_n(p, (ty)v, __ATOMIC_SEQ_CST);                               \
        }                                                                                         \
        ty old = __atomic_load_n(p, __ATOMIC_RELAXED), to;                                        \
        do {                                                                                      \
            uint64_t o = be ? __builtin_bswap64(old) >> shift : old;                              \
            uint64_t n = rmw_value(op, o, v);                                                     \
            to = be ? (ty)(__builtin_bswap64(n) >> shift) : (ty)n;                                \
        } while (                                                                                 \
            !__atomic_compare_exchange_n(p, &old, to, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)); \
        return be ? __builtin_bswap64(old) >> shift : old;                                        \
    }                                                                                             \
    static uint64_t cas_##ty(ty *p, uint64_t expected, uint64_t v, bool be)                       \
    {                                                                                             \
        unsigned shift = 64 - 8 * sizeof(ty);                                                     \
        ty old = be ? (ty)(__builtin_bswap64(expected) >> shift) : (ty)expected;                  \
        ty to = be ? (ty)(__builtin_bswap64(v) >> shift) : (ty)v;                                 \
        __atomic_compare_exchange_n(p, &old, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);      \
        return be ? __builtin_bswap64(old) >> shift : old;                                        \
    }
HOST_ATOMICS(uint8_t)
HOST_ATOMICS(uint16_t)
HOST_ATOMICS(uint32_t)
HOST_ATOMICS(uint64_t)

typedef struct Atomic {
    bool cas;
    IrRmw op;
    uint64_t expected, v;
} Atomic;

static uint64_t host_atomic(void *host, const Atomic *a, unsigned size, bool be)
{
    switch (size) {
    case 1:
        return a->cas ? cas_uint8_t(host, a->expected, a->v, be)
                      : rmw_uint8_t(host, a->op, a->v, be);
    case 2:
        return a->cas ? cas_uint16_t(host, a->expected, a->v, be)
                      : rmw_uint16_t(host, a->op, a->v, be);
    case 4:
        return a->cas ? cas_uint32_t(host, a->expected, a->v, be)
                      : rmw_uint32_t(host, a->op, a->v, be);
    default:
        return a->cas ? cas_uint64_t(host, a->expected, a->v, be)
                      : rmw_uint64_t(host, a->op, a->v, be);
    }
}

/* Unaligned, across pages or on a device: with the other vCPUs out of the way. */
static uint64_t atomic_exclusive(CpuState *cpu, GuestVirt va, const Atomic *a, IrMemOp mo)
{
    IrMemOp plain = mo & ~(MO_ALIGN | MO_SIGN);
    uint64_t mask = MO_BYTES(mo) == 8 ? ~(uint64_t)0 : ((uint64_t)1 << 8 * MO_BYTES(mo)) - 1;

    mem_probe(cpu, va, MO_BYTES(mo), MMU_ACCESS_WRITE, MO_GET_MMU(mo));
    mem_probe(cpu, va, MO_BYTES(mo), MMU_ACCESS_READ, MO_GET_MMU(mo));
    exclusive_begin(cpu);
    uint64_t old = mem_load_slow(cpu, va, plain);
    if (!a->cas) {
        mem_store_slow(cpu, va, rmw_value(a->op, old, a->v) & mask, plain);
    } else if (old == (a->expected & mask)) {
        mem_store_slow(cpu, va, a->v & mask, plain);
    }
    exclusive_end(cpu);
    return old;
}

static uint64_t atomic_do(CpuState *cpu, GuestVirt va, const Atomic *a, IrMemOp mo)
{
    unsigned size = MO_BYTES(mo), mmu = MO_GET_MMU(mo);
    TlbEntry *e = tlb_row(cpu, mmu, va);

    if (LIKELY(!(va & (size - 1)) && (va ^ e->tag[ACCESS_WRITE]) < GUEST_PAGE_SIZE &&
               (va ^ e->tag[ACCESS_READ]) < GUEST_PAGE_SIZE)) {
        return host_atomic((void *)(va + e->addend), a, size, mo & MO_BE);
    }
    check_align(cpu, va, mo, MMU_ACCESS_WRITE);
    if (va & (size - 1)) {
        return atomic_exclusive(cpu, va, a, mo);
    }
    TlbFull *f = tlb_lookup(cpu, va, MMU_ACCESS_WRITE, mmu, false, &e);
    if ((f->flags & (TLBF_IO | TLBF_ROM)) || !(f->flags & TLBF_R)) {
        return atomic_exclusive(cpu, va, a, mo);
    }
    before_store(cpu, f, va, size);
    uint64_t old = host_atomic(f->host + OFFSET(va), a, size, mo & MO_BE);
    after_store(cpu, f, e, va, size, mmu);
    return old;
}

uint64_t mem_atomic(CpuState *cpu, IrRmw op, GuestVirt va, uint64_t v, IrMemOp mo)
{
    Atomic a = { .op = op, .v = v };

    return atomic_do(cpu, va, &a, mo);
}

uint64_t mem_cmpxchg(CpuState *cpu, GuestVirt va, uint64_t expected, uint64_t v, IrMemOp mo)
{
    Atomic a = { .cas = true, .expected = expected, .v = v };

    return atomic_do(cpu, va, &a, mo);
}

static void cas16(void *host, const IrVec *expected, const IrVec *v, IrVec *old)
{
    uint64_t lo = expected->q[0], hi = expected->q[1];

    __asm__ volatile("lock cmpxchg16b %0"
                     : "+m"(*(IrVec *)host), "+a"(lo), "+d"(hi)
                     : "b"(v->q[0]), "c"(v->q[1])
                     : "memory", "cc");
    old->q[0] = lo;
    old->q[1] = hi;
}

void mem_cmpxchg16(CpuState *cpu, GuestVirt va, const IrVec *expected, const IrVec *v, IrVec *old,
                   IrMemOp mo)
{
    unsigned mmu = MO_GET_MMU(mo);
    IrVec x = *expected, y = *v;
    TlbEntry *e;

    check_align(cpu, va, mo, MMU_ACCESS_WRITE);
    mem_probe(cpu, va, 16, MMU_ACCESS_WRITE, mmu);
    mem_probe(cpu, va, 16, MMU_ACCESS_READ, mmu);
    if (mo & MO_BE) {
        reverse_bytes(&x, 16);
        reverse_bytes(&y, 16);
    }
    TlbFull *f = tlb_lookup(cpu, va, MMU_ACCESS_WRITE, mmu, false, &e);
    if ((va & 15) || (f->flags & (TLBF_IO | TLBF_ROM))) {
        exclusive_begin(cpu);
        cpu_ld_bytes(cpu, va, old, 16, mmu);
        if (old->q[0] == x.q[0] && old->q[1] == x.q[1]) {
            cpu_st_bytes(cpu, va, &y, 16, mmu);
        }
        exclusive_end(cpu);
    } else {
        cas16(f->host + OFFSET(va), &x, &y, old);
        after_store(cpu, f, e, va, 16, mmu);
    }
    if (mo & MO_BE) {
        reverse_bytes(old, 16);
    }
}

/* ---- helpers' accessors ---- */

#define ACCESSORS(bits, ty, mo)                                                       \
    ty cpu_ld##bits(CpuState *cpu, GuestVirt va, unsigned mmu)                        \
    {                                                                                 \
        const TlbEntry *t = tlb_row(cpu, mmu, va);                                    \
        if (LIKELY((va ^ t->tag[ACCESS_READ]) <= GUEST_PAGE_SIZE - sizeof(ty))) {     \
            ty v;                                                                     \
            memcpy(&v, (const void *)(va + t->addend), sizeof(v));                    \
            return v;                                                                 \
        }                                                                             \
        return mem_load_slow(cpu, va, mo | MO_MMU(mmu));                              \
    }                                                                                 \
    void cpu_st##bits(CpuState *cpu, GuestVirt va, ty v, unsigned mmu)                \
    {                                                                                 \
        const TlbEntry *t = tlb_row(cpu, mmu, va);                                    \
        if (LIKELY((va ^ __atomic_load_n(&t->tag[ACCESS_WRITE], __ATOMIC_RELAXED)) <= \
                   GUEST_PAGE_SIZE - sizeof(ty))) {                                   \
            memcpy((void *)(va + t->addend), &v, sizeof(v));                          \
            return;                                                                   \
        }                                                                             \
        mem_store_slow(cpu, va, v, mo | MO_MMU(mmu));                                 \
    }
ACCESSORS(8, uint8_t, MO_8)
ACCESSORS(16, uint16_t, MO_16)
ACCESSORS(32, uint32_t, MO_32)
ACCESSORS(64, uint64_t, MO_64)

static IrMemOp size_mop(unsigned size, unsigned mmu)
{
    return (size == 1 ? MO_8 : size == 2 ? MO_16 : size == 4 ? MO_32 : MO_64) | MO_MMU(mmu);
}

uint64_t cpu_atomic_rmw(CpuState *cpu, IrRmw op, GuestVirt va, uint64_t v, unsigned size,
                        unsigned mmu)
{
    return mem_atomic(cpu, op, va, v, size_mop(size, mmu));
}

uint64_t cpu_atomic_cmpxchg(CpuState *cpu, GuestVirt va, uint64_t expected, uint64_t v,
                            unsigned size, unsigned mmu)
{
    return mem_cmpxchg(cpu, va, expected, v, size_mop(size, mmu));
}
