/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures shared by the parts of the engine: software TLB, translations, vCPU private state,
 * engine. A host backend adds its own code pointer to Tb and uses the same tables.
 *
 * Lock order: VM lock, then engine->tb_lock; engine->excl_mutex; priv->mutex and engine->list_mutex are leaves.
 */
#ifndef EXEC_PRIV_H
#define EXEC_PRIV_H

#include <setjmp.h>
#include "base/core/vm.h"
#include "base/memory/space.h"
#include "exec/engine.h"
#include "exec/translate.h"
#include "exec/opt/opt.h"
#include "exec/interp/bytecode.h"
#include "exec/perf.h"
#include "exec/host-x86_64/host.h"

/* ---- software TLB ----
 * One direct mapped table an address space and mmu index. A tag is the page address when the access
 * may go straight to va + addend, else something whose index bits are not those of its row, so that
 * it never matches: the check is (va ^ tag) <= 4096 - size, which also sends page crossings to the
 * slow path. Tables grow where rows fight for places, and shrink when a flush finds them empty. */
#define TLB_MIN_BITS 8
#define TLB_MAX_BITS 15
#define TLB_VICTIMS  8
#define TLB_SPACES   6

typedef struct TlbEntry {
    uintptr_t addend; /* first: what is loaded waits for it, and a displacement costs a cycle */
    uint64_t tag[3];  /* by MmuAccess */
} TlbEntry;

enum {
    TLBF_R = MMU_R,
    TLBF_W = MMU_W,
    TLBF_X = MMU_X,
    TLBF_IO = 1 << 3,    /* no RAM behind: device access */
    TLBF_ROM = 1 << 4,   /* stores do not reach RAM (device or nothing) */
    TLBF_WATCH = 1 << 5, /* a watchpoint lies in the page */
    TLBF_GLOBAL = 1 << 6,
};

typedef struct TlbFull {
    uint64_t page; /* virtual */
    uint64_t phys;
    RamAddr ram_addr; /* of the page, when not TLBF_IO */
    uint8_t *host;    /* of the page */
    uint32_t gen;     /* CpuTlb.gen when it was filled */
    uint8_t flags;
    uint8_t as_index;
    uint8_t lg_size;
    MemAttrs attrs;
} TlbFull;

typedef struct CpuTlb {
    TlbEntry *table;
    TlbFull *full; /* by row; valid when its gen is ours */
    unsigned bits; /* log2 of the rows */
    uint32_t gen;
    uint64_t fills; /* since the last flush of everything, or change of size; 0: nothing is in it */
    unsigned evictions; /* ... */
    bool has_global;
    /* rows with pages that are not global, filled since such were last flushed; > FILL_LOG: many */
    unsigned n_filled;
#define TLB_FILL_LOG 256
    uint16_t filled[TLB_FILL_LOG];
    unsigned next_victim;
    uint64_t victim_page[TLB_VICTIMS]; /* ~0: none */
    TlbFull victim[TLB_VICTIMS];
    /* Sizes of large pages seen, with a filter of the pages, apart for the two halves of the address
     * space; lg 0 ends. */
#define TLB_LARGE_SIZES  4
#define TLB_LARGE_FILTER 1024 /* bits */
    struct {
        unsigned lg;
        uint64_t filter[2][TLB_LARGE_FILTER / 64];
    } large[TLB_LARGE_SIZES];
} CpuTlb;

static inline unsigned tlb_index(const CpuTlb *t, uint64_t va)
{
    return va >> GUEST_PAGE_BITS & ((1u << t->bits) - 1);
}
/* A tag that never matches in the row of page. */
static inline uint64_t tlb_tag_off(uint64_t page)
{
    return page ^ GUEST_PAGE_SIZE;
}
/* The row that translated code looks at. */
static inline TlbEntry *tlb_row(const CpuState *cpu, unsigned mmu, uint64_t va)
{
    const CpuTlbView *v = &cpu->tlb[mmu];

    return (TlbEntry *)(v->table + (va >> CPU_TLB_VIEW_SHIFT & v->mask));
}

/* ---- translations ---- */
typedef struct Tb Tb;

/* What the interpreter runs. */
typedef struct TbBytecode {
    BcOp *code;
    uint32_t n_code;
    uint32_t frame_units; /* 8-byte units */
    BcSnap *snaps;
    BcSnapEntry *snap_entries;
    uint32_t *snap_of; /* by code index: snapshot number, 0 none */
    BcCall *calls;
} TbBytecode;

/* A direct exit of a region, behind whose Tb it lies; linked to dst when dst is not NULL. dst is read without
 * lock. Where cross is set (dst in another page, or one of the two in two pages) the link is only a guess: dst
 * may be entered while jump_cache[jump] of the CpuState is dst, which says that it is mapped as it was. */
typedef struct TbLink {
    Tb *dst;
    struct TbLink *next_in, **prev_in; /* list of dst, under tb_lock */
    uint64_t pc;
    /* of native code, from the start of code memory: the 32-bit field of the jump (0: none), and where it leads
     * while there is no dst. `guess`, of an exit to another page: a 64-bit field with dst, where code looks
     * by itself */
    uint32_t field_at, stub_at;
    uint16_t jump; /* jc_index() of dst */
    uint8_t index; /* among those of its region */
    bool cross;    /* never cleared again; both are set before dst */
    bool loop : 1; /* of native code: a jump back into the region, not good for another dst */
    bool guess : 1;
} TbLink;

enum {
    TBC_ONE = 1 << 0,     /* exactly one instruction, not chained, own code may be overwritten */
    TBC_NOCACHE = 1 << 1, /* not in the table: run once */
    TBC_STEP = 1 << 2,
};

#define TB_NO_PAGE (~(RamAddr)0)

/* What a region has in one RAM page. */
typedef struct TbPart {
    uint64_t granules; /* 64-byte pieces of it */
    Tb *next;          /* list of CodePage, low bit: which part of that ... */
    Tb **at;           /* ... and what leads here in it */
} TbPart;

/* What few regions have. */
typedef struct TbMore {
    uint64_t vpage; /* of a second page */
    RamAddr page;
    TbPart part;
    uint64_t *insn_pc; /* icount: of each instruction; else NULL */
    IrVec *pool;       /* vector constants */
    TbBytecode *bc;    /* for the interpreter; NULL: not yet, or native */
} TbMore;

/* Its links lie behind it. Aligned so that what jumps read of their target is in one cache line. */
#define TB_ALIGN     32
#define TB_MAX_LINKS 255
struct Tb {
    const void *native; /* native code; host NULL: interpreted, then this leaves to the loop */
    uint32_t mode;      /* host_mode() of the key */
    int32_t heat;       /* of a draft: how often it runs until it is hot; not exact */
    TbKey key;
    RamAddr phys;  /* RAM address of the first byte, or TB_NO_PAGE */
    Tb *hash_next; /* atomic readers */
    TbLink *in;    /* direct exits that jump here */
    TbPart part;   /* of the first page */
    union {
        struct {
            Tb *all_next, *all_prev; /* FIFO for eviction */
        };
        struct { /* when it is invalid */
            Tb *retire_next;
            uint64_t retire_epoch;
        };
    };
    HostTb *host;
    TbMore *more; /* NULL: nothing */
    uint32_t bytes;
    uint8_t n_links;
    uint8_t n_insns : 7;
    bool hot : 1;    /* no basic block, made for its runs or where nobody counts them */
    uint8_t invalid; /* unlinked: must not be entered from caches. Atomic */
    uint8_t cflags : 3;
    uint8_t n_pages : 2;
    bool draft : 1;  /* a basic block, that a larger region replaces when it is hot */
    bool placed : 1; /* in the memory of records; else on the heap */
    bool strict : 1; /* TransCtx.strict */
};

static inline TbLink *tb_links(const Tb *tb)
{
    return (TbLink *)(uintptr_t)(tb + 1);
}
static inline Tb *tb_link_src(const TbLink *l)
{
    return (Tb *)(uintptr_t)(l - l->index) - 1;
}
/* Of page k: where it is fetched, and in RAM. */
static inline uint64_t tb_vpage(const Tb *tb, unsigned k)
{
    return k ? tb->more->vpage : tb->key.vaddr & GUEST_PAGE_MASK;
}
static inline RamAddr tb_page(const Tb *tb, unsigned k)
{
    return k ? tb->more->page : tb->phys & GUEST_PAGE_MASK;
}
static inline TbPart *tb_part(const Tb *tb, unsigned k)
{
    return k ? &tb->more->part : (TbPart *)(uintptr_t)&tb->part;
}

/* The jump cache has JC_GROUPS groups of JC_GROUP places; all code of a page is in one group. What is called lies on
 * 8 or 16 bytes mostly: upper bits of the offset take the place of those that are zero. */
#define JC_GROUP  512u
#define JC_GROUPS 128u
#define JC_SIZE   (JC_GROUPS * JC_GROUP)
#define JC_FOLD   9
#define JC_PICK   0x7f1ffu /* which bits of the folded address make the index */
static inline unsigned jc_index(uint64_t vaddr) /* native code computes the same */
{
    uint32_t h = (uint32_t)vaddr ^ (uint32_t)vaddr >> JC_FOLD;
    return (h >> GUEST_PAGE_BITS & (JC_GROUPS - 1)) * JC_GROUP | (h & (JC_GROUP - 1));
}

static inline const void **jc_native(Tb **jumps)
{
    return (const void **)(jumps + JC_SIZE);
}

typedef struct TransState TransState;

/* What is remembered of one address space: its tables by mmu index, and its jump cache. A cached
 * translation is one whose code is mapped in this space as it was when it was entered. */
typedef struct TlbSpace {
    uint64_t id;
    uint64_t used; /* when last switched to; 0: free */
    CpuTlb *mode;  /* ops->mmu_modes */
    Tb **
        jumps; /* JC_SIZE; other threads set elements to NULL. Behind them lies where each one's native code is
                 * (jc_native): a jump need not wait for the Tb */
    uint64_t group[JC_GROUPS]; /* of jumps: the page that all in it are of, or one of these: */
#define JC_NONE 1              /* nothing in it */
#define JC_MANY 2              /* of several pages, or in two */
    unsigned n_log;            /* elements from pages that are not global; > JC_LOG: many */
#define JC_LOG 2048
    uint16_t log[JC_LOG];
} TlbSpace;

/* Who may write to a RAM page by tag, in buckets by hash of the page: so that protecting one page does
 * not search all tables. Written by the home thread; a cleaner reads it after the dirty bit went. */
#define TLB_WRITER_BITS 10
#define TLB_WRITERS     8
typedef struct TlbWriter {
    RamAddr page;
    uint64_t place; /* tlb/protect.c */
} TlbWriter;
typedef struct TlbWriters {
    TlbWriter w[TLB_WRITERS];
    unsigned next; /* to be thrown out */
} TlbWriters;

/* RAM found by address_space_lookup. */
#define PHYS_RANGES 4
typedef struct PhysRange {
    uint64_t start, end; /* start > end: none */
    uint8_t *host;       /* of start */
    RamAddr ram_addr;
    uint8_t as_index;
    bool readonly;
} PhysRange;

typedef struct CpuWork {
    struct CpuWork *next;
    CpuWorkFn fn;
    void *opaque;
    bool sync, exclusive, done;
} CpuWork;

/* Host addresses of physical pages that page walks read. */
#define PHYS_CACHE 256
typedef struct PhysPage {
    uint64_t page; /* physical | as_index; ~0 none */
    uint8_t *host;
    RamAddr ram_addr;
} PhysPage;

typedef struct WatchPoint {
    GuestVirt va;
    uint64_t len;
    uint32_t kind;
} WatchPoint;

/* Engine exceptions that never reach the target. */
#define EXCP_BUDGET    0x10011 /* fewer instructions left than the region has: icount.c */
#define EXCP_RETRY_ONE 0x10010 /* run the current instruction alone (it writes its own region) */

struct CpuPriv {
    CpuState *cpu;
    /* translated code that runs now */
    Tb *tb;         /* NULL outside */
    const BcOp *ip; /* last op that may fault */
    uint64_t *frame;
    sigjmp_buf jmp;
    bool jmp_set;
    bool fp_live; /* host MXCSR holds the guest environment */
    uint32_t host_mxcsr;
    HostFrame *hframe; /* while native code runs */
    HostGen *gen;      /* NULL: not yet, or no backend */
    uint64_t *frame_mem;
    size_t frame_units;

    Tb *last_tb; /* exited by an unlinked direct exit ... */
    TbLink *last_link;
    bool count_out;      /* icount: the slice ends by single instructions */
    bool yielded;        /* icount: the guest waits for another vCPU */
    unsigned one_insn;   /* run this many regions of a single instruction */
    bool debug_after;    /* a watchpoint was hit by the instruction that runs alone */
    uint8_t debug_cause; /* CpuDebugCause of the next CPU_EXCP_DEBUG */
    bool watch_off;      /* while the single instruction runs */

    /* translation */
    IrBuilder *raw, *low;
    TransState *trans;
    void *trans_memo;     /* TransCtx.memo */
    uint32_t trans_flags; /* of the last region, for tb_flags_gained() */
    Tb *once;             /* not in the table: freed after its run */

    PhysPage phys[PHYS_CACHE];
    PhysRange ranges[PHYS_RANGES];
    unsigned next_range;

    GArray *breakpoints; /* uint64_t pc */
    GArray *watchpoints; /* WatchPoint */

    /* thread */
    GThread *thread;
    bool started;
    GMutex mutex; /* guards what follows */
    GCond cond;   /* the thread waits here */
    bool kicked;
    bool asleep; /* waits on cond: who changes what follows must signal */
    bool quit;
    bool stop_request;
    CpuWork *work, **work_tail;
    bool working;          /* on one that it took off */
    GCond done_cond;       /* others wait: stopped, work done */
    bool parked;           /* not executing, state precise */
    gint64 pause_until_us; /* throttled until then (monotonic clock); 0: not */

    /* throttle.c; own thread writes, others read */
    uint64_t dirty_pages, held_us;
    uint64_t dirty_limit; /* pages a second, 0: none; others write */
    int64_t paid_ns;

    unsigned pins;       /* engine_pin_cpu(); under engine->list_mutex */
    uint8_t running;     /* in translated code or hooks; atomic, with engine->excl_* */
    unsigned excl_depth; /* this thread holds the exclusive section */
    uint64_t epoch;      /* last global epoch seen; UINT64_MAX while outside. Atomic */
    bool in_exec;        /* between the start and the end of cpu_exec */
    bool vm_locked;      /* the loop holds the VM lock around a hook */
    struct CpuListener {
        MemoryListener l;
        CpuState *cpu;
        AddressSpace *as; /* NULL: not attached */
    } listeners[4];

    TlbSpace *space; /* the current one of spaces[] */
    TlbSpace spaces[TLB_SPACES];
    uint64_t space_clock;
    GMutex tlb_mutex; /* tables of spaces[] change place, against tlb_protect_host() */
    TlbWriters *writers;
};

/* A translation in progress; in CpuPriv because a fetch fault unwinds through it. */
struct TransState {
    TransCtx ctx;
    bool active;
    sigjmp_buf jmp;
    unsigned mmu;
    unsigned n_pages;
    uint64_t vpage[2];
    RamAddr page[2];
    uint8_t *host[2]; /* NULL: device */
    struct CodePage *code[2];
    uint64_t granule[2];
    uint64_t seq[2];
    bool nocache;
    unsigned hot_after; /* of the engine; 0: nobody counts runs */
    bool draft;         /* ends at the first branch ... */
    bool cut;           /* ... and did, where a larger region would go on */
    bool counted;       /* icount */
    unsigned charge;    /* the constant that says how many instructions */
    unsigned n;
    unsigned n_bytes;
    uint64_t pcs[TRANS_MAX_INSNS];
    /* builder's lengths at the current instruction's start */
    unsigned mark_ins, mark_calls, mark_labels, mark_vars;
};

/* ---- engine ---- */
#define TB_HASH_BITS 18

/* A page that has, or once had, translations. Never freed before the engine, so that stores find it
 * without a lock; written under tb_lock. */
typedef struct CodePage {
    RamAddr page;
    struct CodePage *next; /* in its bucket */
    uint64_t granules;     /* with code; atomic */
    Tb *tbs;               /* tagged list */
    unsigned pins;         /* translations in progress; atomic */
    uint64_t seq;          /* stores seen while protected */
} CodePage;
#define CODE_PAGE_BITS 14

typedef struct Icount {
    bool on;
    GMutex mutex; /* guards what follows */
    unsigned shift;
    int64_t bias; /* ns at count 0 */
    int64_t done; /* instructions before the slice */
    int64_t slice;
    CpuState *running; /* in its slice; atomic */

    /* icount-turns.c */
    unsigned turn; /* index of the vCPU whose turn it is; atomic */
    int64_t left;  /* instructions of its turn; its thread's */
    GCond cond;    /* all are idle: their kicks */
    uint32_t kicks;

    /* icount-pace.c; of the thread whose turn it is */
    int64_t real_from, virtual_from; /* where both were compared first; 0: not yet */
    int64_t next_look, last_behind;
} Icount;

struct ExecEngine {
    Vm *vm;
    ExecConfig config;
    PerfOut *perf;   /* NULL: nobody profiles */
    HostCode *host;  /* NULL: everything is interpreted */
    GPtrArray *cpus; /* borrowed CpuState *, under the VM lock; slots stay */
    CpuState *cpu_list[256];
    unsigned n_cpus; /* atomic */
    /* a vCPU leaves cpu_list under the VM lock, tb_lock and this one: who has none pins it */
    GMutex list_mutex;
    GCond list_cond;

    GMutex tb_lock;
    uintptr_t tb_owner; /* pthread_self() of who holds it, 0: nobody; atomic */
    Tb **hash;
    CodePage **code_pages; /* buckets by page */
    Tb *all_first, *all_last;
    Tb *retired;
    uint64_t epoch; /* atomic */
    size_t tb_bytes, cache_max;
    ExecStats stats;

    GMutex excl_mutex;
    GCond excl_cond;
    unsigned excl_pending; /* atomic */
    bool excl_held;
    GThread *excl_owner;

    /* thread=single: tickets, under excl_mutex */
    uint64_t turn_next, turn_now;
    CpuState *turn_cpu;

    GMutex throttle_mutex; /* guards throttle_percent */
    GCond throttle_cond;
    unsigned throttle_percent;
    GThread *throttle_thread; /* under the VM lock; NULL: nobody is throttled by time */
    Icount icount;

    SlotMap *slot_map; /* of the first target that attached */
    const CpuTargetOps *slot_ops;
    void (*debug_stop)(CpuState *cpu, void *opaque);
    void *debug_opaque;
};

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- pages.c ---- */
/* Zeroed, at a huge page's border, resident where it was touched. Never NULL, as g_malloc(). */
void *pages_new(size_t bytes);
void pages_free(void *at, size_t bytes);
/* Only the addresses; NULL: errno. */
void *pages_reserve(size_t bytes);

/* ---- tlb ---- */
/* The full entry for va, filling it when needed; faults unless probe (then NULL). The pointer is good
 * until the next fill. */
TlbFull *tlb_lookup(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu, bool probe,
                    TlbEntry **entry);
void tlb_init(CpuPriv *p);
/* A store went the slow way: may the next one go straight? */
void tlb_allow_write(CpuPriv *p, TlbEntry *e, const TlbFull *f, unsigned mmu);
/* Any thread: drop write tags of pages whose host address is in the range; pages that had one are
 * appended to hit (RamAddr of the page, relative to host, plus addr) unless it is NULL. */
void tlb_protect_host(CpuPriv *p, uintptr_t host, size_t len, RamAddr addr, GArray *hit);
void tlb_free(CpuPriv *p);
void phys_cache_clear(CpuPriv *p);
/* Slow halves of inline accesses; mo as the IR. */
uint64_t mem_load_slow(CpuState *cpu, GuestVirt va, IrMemOp mo);
void mem_store_slow(CpuState *cpu, GuestVirt va, uint64_t v, IrMemOp mo);
void mem_load_vec(CpuState *cpu, GuestVirt va, IrVec *out, IrMemOp mo);
void mem_store_vec(CpuState *cpu, GuestVirt va, const IrVec *v, IrMemOp mo);
uint64_t mem_atomic(CpuState *cpu, IrRmw op, GuestVirt va, uint64_t v, IrMemOp mo);
uint64_t mem_cmpxchg(CpuState *cpu, GuestVirt va, uint64_t expected, uint64_t v, IrMemOp mo);
void mem_cmpxchg16(CpuState *cpu, GuestVirt va, const IrVec *expected, const IrVec *v, IrVec *old,
                   IrMemOp mo);
void mem_probe(CpuState *cpu, GuestVirt va, size_t len, MmuAccess access, unsigned mmu);

/* ---- tb ---- */
/* The page will be translated from: write-protect it; *seq: the sequence number to compare later. */
CodePage *tb_page_pin(ExecEngine *e, RamAddr page, uint64_t *seq);
void tb_page_unpin(ExecEngine *e, CodePage *cp);
/* Enter a finished translation, in place of old if that is not NULL; returns the one to use (another
 * vCPU's may have been first), or NULL when its bytes changed meanwhile (tb freed): translate again. */
Tb *tb_insert(ExecEngine *e, Tb *tb, Tb *old, const uint64_t seq[2], unsigned guest_bytes);
/* In the shared table, without a lock; own thread. A second page must still be mapped as it was. */
Tb *tb_find(CpuState *cpu, const TbKey *key, RamAddr phys, uint32_t cflags);
/* How often the code at key was entered, as far as is known: 0 never, the engine's hot_after: or more. */
unsigned tb_runs(ExecEngine *e, const TbKey *key, RamAddr phys);
/* Remember in the jump cache. */
void tb_remember(CpuPriv *p, Tb *tb);
void tb_link(ExecEngine *e, TbLink *l, Tb *dst, bool cross);
/* Zeroed, with room for the links behind it. */
Tb *tb_new(unsigned n_links);
TbMore *tb_more(Tb *tb); /* made where there is none */
void tb_free(ExecEngine *e, Tb *tb);
/* A store to [addr, addr + len), within one page, hits the code of the region that runs: it must be
 * done by its instruction alone (the caller raises EXCP_RETRY_ONE). */
bool tb_self_hit(CpuPriv *p, RamAddr addr, uint64_t len);
/* RAM was written: regions with code in the 64-byte pieces touched go. Any thread. */
void tb_invalidate_range(ExecEngine *e, RamAddr addr, uint64_t len);
/* A region of the table goes; who runs in it leaves at its next exit. Any thread, no lock held. */
void tb_drop(ExecEngine *e, Tb *tb);
bool tb_lock_mine(ExecEngine *e);
void tb_flush_all(ExecEngine *e);
void tb_evict(ExecEngine *e);
void tb_reclaim(ExecEngine *e);
void tb_cache_init(ExecEngine *e);
void tb_cache_clear(ExecEngine *e);

/* The only vCPU has flags that no region has: where regions have the same but for bits of `soft`, which came
 * since, these are of the new flags from now on, and what is strict goes. Takes tb_lock. */
void tb_flags_gained(ExecEngine *e, uint32_t flags, uint32_t soft);

/* ---- translate, interpret ---- */
void translate_abort(CpuPriv *p);
/* hot: the draft that is to be replaced, or NULL. */
Tb *translate_region(CpuState *cpu, const TbKey *key, RamAddr phys, uint32_t cflags, Tb *hot);
/* Bytecode of a lowered region into tb; false: too large. */
bool interp_compile(Tb *tb, IrBuilder *b);
/* Run from tb until something wants the loop. */
void interp_run(CpuState *cpu, Tb *tb);
/* Jump cache, then table, for the key; NULL: must be translated. *phys: RAM address of the code,
 * or TB_NO_PAGE. Raises the fetch fault. */
Tb *tb_lookup_key(CpuState *cpu, const TbKey *key, uint32_t cflags, RamAddr *phys);

/* ---- engine ---- */
/* The vCPU in that slot of cpu_list, which stays until engine_unpin_cpu(); NULL: none. Any thread. */
CpuState *engine_pin_cpu(ExecEngine *e, unsigned slot);
void engine_unpin_cpu(CpuState *cpu);

/* ---- throttle ---- */
/* Waits out a pause. p->mutex held (given up while waiting). */
void cpu_hold_back(CpuState *cpu);
/* Own thread: it made a page dirty whose DIRTY_RATE bit was clean. */
void cpu_dirtied_page(CpuState *cpu);

/* ---- icount ---- */
extern const HelperDesc hd_icount_take; /* instructions of the region that is entered */
uint64_t helper_icount_take(CpuState *cpu, uint64_t n);
void icount_setup(ExecEngine *e);
void icount_clear(ExecEngine *e);
void icount_begin(CpuState *cpu);
void icount_end(CpuState *cpu);
void icount_shift_set(Icount *ic, unsigned shift);
int64_t icount_until_timer(ExecEngine *e); /* ns; TIMER_NEVER. VM lock held */
void icount_turn(CpuState *cpu);           /* one turn of the thread's loop; p->mutex held */
void icount_step_aside(CpuState *cpu);     /* a held vCPU gives its turn away */
void icount_leave(CpuState *cpu);          /* so does one that left cpu_list */
void icount_kick(ExecEngine *e);
void icount_keep_pace(ExecEngine *e); /* between slices */
void icount_rebase(ExecEngine *e);    /* real time passed that does not count */
bool cpu_wants_to_run(CpuState *cpu);
void cpu_run_guest(CpuState *cpu);
/* A region is left before its end, pc is stored. */
void icount_refund(CpuState *cpu);

/* ---- loop ---- */
/* Native code is between two regions, the state is in CpuState: where does it go on? NULL: in the loop.
 * link: by which direct exit it came, or NULL. Translates what is new; raises what the fetch does. */
const void *loop_next(CpuState *cpu, TbLink *link);
void cpu_process_work(CpuState *cpu);
void exclusive_begin(CpuState *cpu);
void exclusive_end(CpuState *cpu);
void engine_enter(CpuState *cpu); /* before running code: waits for exclusive sections */
void engine_leave(CpuState *cpu);
/* Take the loop's internal exception, e.g. EXCP_RETRY_ONE, from a memory access. */
G_NORETURN void cpu_raise_internal(CpuState *cpu, int excp);
void cpu_set_current(CpuState *cpu);
gpointer cpu_thread(gpointer opaque);
/* p->mutex held: wait on p->cond (until then, if not 0; monotonic clock), and end such a wait. */
void cpu_sleep(CpuState *cpu, gint64 until_us);
void cpu_wake(CpuState *cpu);
void cpu_attach_listeners(CpuState *cpu);
/* Run until the vCPU must stop, wait or process work; also the tests' way in. */
void cpu_exec(CpuState *cpu);

static inline CpuPriv *priv_of(CpuState *cpu)
{
    return cpu->priv;
}

#endif
