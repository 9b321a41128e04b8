/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linear to physical: the page walk. Intel SDM vol. 3 ch. 4 (paging), AMD APM vol. 2 ch. 5.
 *
 * One walker serves 32-bit, PAE, 4-level and 5-level paging: a format says the width of an entry
 * and the bits of the index a level. Permissions are gathered going down; accessed and dirty bits
 * are set by compare-and-swap on the entry, and a lost race walks again. Without WRITE permission
 * being asked for, W is granted only when the dirty bit is already set, so that the first store
 * comes here again.
 */
#include "target/x86/system.h"

#include "base/memory/space.h"

#define PTE_P         (1ull << 0)
#define PTE_W         (1ull << 1)
#define PTE_U         (1ull << 2)
#define PTE_A         (1ull << 5)
#define PTE_D         (1ull << 6)
#define PTE_PS        (1ull << 7)
#define PTE_G         (1ull << 8)
#define PTE_PAT_LARGE (1ull << 12)
#define PTE_NX        (1ull << 63)
#define PTE_ADDR      0x000ffffffffff000ull

typedef struct {
    X86Cpu *cpu;
    uint64_t va;
    MmuAccess access;
    unsigned mmu;
    bool debug; /* no faults, no A/D */
    /* what came out */
    uint64_t phys;
    uint8_t lg_size, prot;
    bool global;
    uint32_t error;
} Walk;

typedef enum {
    WALK_OK,
    WALK_FAULT,
    WALK_AGAIN
} WalkResult;

static unsigned as_index(const X86Cpu *cpu)
{
    return cpu->sys.smm && cpu->base.as[X86_AS_SMM] ? X86_AS_SMM : X86_AS_NORMAL;
}

/* Page-table reads by a debugger come from another thread and must not depend on vCPU state. */
static uint64_t read_entry(const Walk *w, uint64_t pa, bool wide, bool *ok)
{
    CpuState *cs = &w->cpu->base;
    unsigned as = as_index(w->cpu);

    pa &= w->cpu->sys.a20_mask;
    if (w->debug) {
        MemResult r;
        uint64_t v = address_space_ld(cs->as[as], pa, wide ? 8 : 4, DEVICE_LITTLE_ENDIAN,
                                      MEM_ATTRS_NONE, &r);

        *ok = r == MEM_OK;
        return v;
    }
    return wide ? cpu_phys_ld64(cs, as, pa, ok) : cpu_phys_ld32(cs, as, pa, ok);
}

static bool update_entry(const Walk *w, uint64_t pa, bool wide, uint64_t old, uint64_t new)
{
    CpuState *cs = &w->cpu->base;
    unsigned as = as_index(w->cpu);

    pa &= w->cpu->sys.a20_mask;
    return wide ? cpu_phys_cmpxchg64(cs, as, pa, old, new)
                : cpu_phys_cmpxchg32(cs, as, pa, old, new);
}

static WalkResult fault(Walk *w, uint32_t bits)
{
    const X86Cpu *cpu = w->cpu;

    w->error =
        bits | (w->access == MMU_ACCESS_WRITE ? PF_W : 0) | (w->mmu == X86_MMU_USER ? PF_U : 0);
    if (w->access == MMU_ACCESS_EXEC &&
        (((cpu->efer & EFER_NXE) && (cpu->cr4 & CR4_PAE)) || (cpu->cr4 & CR4_SMEP))) {
        w->error |= PF_I;
    }
    return WALK_FAULT;
}

/* What a mapping with these accumulated bits grants in this mode; 0 in *key_denied's place says
   which protection-key bits took something away. */
static uint8_t permissions(const Walk *w, bool user_page, bool writable, bool nx, unsigned pkey,
                           bool *by_key)
{
    const X86Cpu *cpu = w->cpu;
    uint8_t prot = MMU_R | MMU_X | MMU_W;
    bool user = w->mmu == X86_MMU_USER;

    *by_key = false;
    if (nx) {
        prot &= ~MMU_X;
    }
    if (user) {
        if (!user_page) {
            return 0;
        }
        if (!writable) {
            prot &= ~MMU_W;
        }
    } else {
        if (!writable && (cpu->cr0 & CR0_WP)) {
            prot &= ~MMU_W;
        }
        if (user_page && (cpu->cr4 & CR4_SMEP)) {
            prot &= ~MMU_X;
        }
        if (user_page && (cpu->cr4 & CR4_SMAP) && w->mmu != X86_MMU_KERNEL_AC) {
            prot &= MMU_X;
        }
    }
    if (user_page && (cpu->cr4 & CR4_PKE) && (cpu->efer & EFER_LMA)) {
        unsigned key = cpu->pkru >> (pkey * 2) & 3;
        uint8_t before = prot;

        if (key & 1) {
            prot &= ~(MMU_R | MMU_W);
        } else if ((key & 2) && (user || (cpu->cr0 & CR0_WP))) {
            prot &= ~MMU_W;
        }
        *by_key = before != prot;
    }
    return prot;
}

static uint8_t needed(MmuAccess access)
{
    return access == MMU_ACCESS_WRITE ? MMU_W : access == MMU_ACCESS_EXEC ? MMU_X : MMU_R;
}

typedef struct {
    bool wide;          /* 8-byte entries */
    uint8_t index_bits; /* 9 or 10 */
    uint8_t levels;     /* tables to go through */
    uint64_t reserved;  /* never allowed in a present entry */
    uint64_t large_ok;  /* bit n: level n (1 = page table) may map a page */
} Format;

static Format format_of(const X86Cpu *cpu)
{
    uint64_t high = ~((1ull << x86_phys_bits(cpu->sys.cfg)) - 1) & PTE_ADDR;
    uint64_t nx = cpu->efer & EFER_NXE ? 0 : PTE_NX;

    if (!(cpu->cr4 & CR4_PAE)) {
        return (Format){ false, 10, 2, 0, cpu->cr4 & CR4_PSE ? 1u << 2 : 0 };
    }
    if (!(cpu->efer & EFER_LMA)) {
        return (Format){ true, 9, 2, high | nx | 0x7ff0000000000000ull, 1u << 2 };
    }
    return (Format){ true, 9, cpu->cr4 & CR4_LA57 ? 5 : 4, high | nx,
                     1u << 2 | (X86_FEAT_PDPE1GB(cpu->sys.cfg) ? 1u << 3 : 0) };
}

/* Reserved bits of an entry that maps a page of 2^@shift bytes above the smallest. */
static uint64_t large_reserved(const X86Cpu *cpu, const Format *f, unsigned shift)
{
    if (f->wide) {
        return ((1ull << shift) - 1) & ~0x1fffull; /* below the address, but PAT */
    }
    if (!X86_FEAT_PSE36(cpu->sys.cfg)) {
        return 0x3fe000;
    }
    /* bits 13..20 are address bits 32..39 as far as there are any; 21 is reserved */
    unsigned bits = MIN(x86_phys_bits(cpu->sys.cfg), 40);

    return 0x200000 | (0x1fe000 & ~((1ull << (bits - 32 + 13)) - 1));
}

static uint64_t leaf_address(const Format *f, uint64_t e, unsigned shift, uint64_t va)
{
    uint64_t low = (1ull << shift) - 1;

    if (!f->wide) {
        e = shift > 12 ? (e & 0xffc00000u) | (e & 0x1fe000) << 19 : e & 0xfffff000u;
    }
    return (e & PTE_ADDR & ~low) | (va & low);
}

/* The entry at @pa maps the page: check, set A and D, fill the result. */
static WalkResult finish(Walk *w, const Format *f, uint64_t pa, uint64_t e, unsigned shift,
                         bool user, bool writable, bool nx)
{
    bool by_key;
    uint8_t prot = permissions(w, user, writable, nx, e >> 59 & 15, &by_key);
    uint64_t set = PTE_A | (w->access == MMU_ACCESS_WRITE ? PTE_D : 0);

    w->phys = leaf_address(f, e, shift, w->va);
    w->lg_size = shift;
    w->global = (e & PTE_G) && (w->cpu->cr4 & CR4_PGE);
    if (w->debug) {
        w->prot = prot;
        return WALK_OK;
    }
    if (!(prot & needed(w->access))) {
        return fault(w, PF_P | (by_key && w->access != MMU_ACCESS_EXEC ? PF_PK : 0));
    }
    if ((e & set) != set && !update_entry(w, pa, f->wide, e, e | set)) {
        return WALK_AGAIN;
    }
    if (!((e | set) & PTE_D)) {
        prot &= ~MMU_W;
    }
    w->prot = prot;
    return WALK_OK;
}

static WalkResult walk_once(Walk *w)
{
    X86Cpu *cpu = w->cpu;
    Format f = format_of(cpu);
    bool user = true, writable = true, nx = false;
    uint64_t table = cpu->cr3 & (f.wide ? PTE_ADDR : 0xfffff000u);
    unsigned level = f.levels;

    if (f.wide && !(cpu->efer & EFER_LMA)) { /* PAE: the top level is in registers */
        uint64_t pdpte = cpu->sys.pdpte[w->va >> 30 & 3];

        if (!(pdpte & PTE_P)) {
            return fault(w, 0);
        }
        table = pdpte & PTE_ADDR;
    }
    for (;; level--) {
        unsigned shift = 12 + (level - 1) * f.index_bits;
        uint64_t index = w->va >> shift & ((1u << f.index_bits) - 1);
        uint64_t pa = table + index * (f.wide ? 8 : 4);
        bool ok = true;
        uint64_t e = read_entry(w, pa, f.wide, &ok);

        if (!ok || !(e & PTE_P)) {
            return fault(w, 0);
        }
        bool leaf = level == 1 || ((e & PTE_PS) && (f.large_ok >> level & 1));
        uint64_t bad = f.reserved;

        if (leaf && level > 1) {
            bad |= large_reserved(cpu, &f, shift);
        } else if (level > 1 && f.wide && (e & PTE_PS)) {
            bad |= PTE_PS;
        }
        if (e & bad) {
            return fault(w, PF_P | PF_RSVD);
        }
        user &= !!(e & PTE_U);
        writable &= !!(e & PTE_W);
        nx |= f.wide && (e & PTE_NX);
        if (leaf) {
            return finish(w, &f, pa, e, shift, user, writable, nx);
        }
        if (!w->debug && !(e & PTE_A) && !update_entry(w, pa, f.wide, e, e | PTE_A)) {
            return WALK_AGAIN;
        }
        table = e & (f.wide ? PTE_ADDR : 0xfffff000u);
    }
}

static bool walk(Walk *w)
{
    const X86Cpu *cpu = w->cpu;
    WalkResult r;

    if (!(cpu->efer & EFER_LMA)) {
        w->va = (uint32_t)w->va;
    }
    if (!(cpu->cr0 & CR0_PG)) {
        w->phys = (uint32_t)w->va;
        w->lg_size = 12;
        w->prot = MMU_R | MMU_W | MMU_X;
        w->global = false;
        return true;
    }
    do {
        r = walk_once(w);
    } while (r == WALK_AGAIN);
    return r == WALK_OK;
}

bool x86_canonical(const X86Cpu *cpu, uint64_t va)
{
    unsigned shift = cpu->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

    return (int64_t)(va << shift) >> shift == (int64_t)va;
}

bool x86_mmu_translate(CpuState *cs, GuestVirt va, MmuAccess access, unsigned mmu_idx, bool probe,
                       MmuResult *res)
{
    X86Cpu *cpu = x86_cpu(cs);
    Walk w = { .cpu = cpu, .va = va, .access = access, .mmu = mmu_idx };

    if ((cpu->efer & EFER_LMA) && !x86_canonical(cpu, va)) {
        if (probe) {
            return false;
        }
        x86_gp(cpu, 0);
    }
    if (!walk(&w)) {
        if (probe) {
            return false;
        }
        cpu->cr2 = w.va;
        x86_raise_err(cpu, EXCP_PF, w.error);
    }
    res->phys = w.phys & cpu->sys.a20_mask;
    res->prot = w.prot;
    res->lg_size = w.lg_size;
    res->global = w.global;
    res->uncached = false;
    res->as_index = as_index(cpu);
    return true;
}

bool x86_mmu_debug(CpuState *cs, GuestVirt va, uint64_t *phys)
{
    X86Cpu *cpu = x86_cpu(cs);
    Walk w = {
        .cpu = cpu, .va = va, .access = MMU_ACCESS_READ, .mmu = X86_MMU_KERNEL_AC, .debug = true
    };

    if (((cpu->efer & EFER_LMA) && !x86_canonical(cpu, va)) || !walk(&w)) {
        return false;
    }
    *phys = w.phys & cpu->sys.a20_mask;
    return true;
}

void x86_unaligned(CpuState *cs, GuestVirt va, MmuAccess access, unsigned mmu_idx)
{
    X86Cpu *cpu = x86_cpu(cs);

    if (cpu->mode & MODE_ALIGN) {
        x86_raise_err(cpu, EXCP_AC, 0);
    }
    x86_gp(cpu, 0); /* an SSE operand that must be aligned */
}

/* Reserved bits of a PDPTE: 1..2, 5..8, and above the physical width. */
bool x86_load_pdptes(X86Cpu *cpu, uint64_t cr3, uint64_t out[4])
{
    uint64_t bad = 0x1e6 | ~((1ull << x86_phys_bits(cpu->sys.cfg)) - 1);

    for (unsigned i = 0; i < 4; i++) {
        bool ok = true;

        out[i] = cpu_phys_ld64(&cpu->base, as_index(cpu),
                               ((cr3 & 0xffffffe0u) + i * 8) & cpu->sys.a20_mask, &ok);
        if (ok && (out[i] & PTE_P) && (out[i] & bad)) {
            return false;
        }
    }
    return true;
}
