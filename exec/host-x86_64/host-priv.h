/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the x86-64 host backend: the generator of one region, its register allocator as emitters
 * see it, the native stack frame. What vector emitters need of it: emit-priv.h.
 *
 * One forward pass allocates and emits. A backward pass before it finds last and next uses, and
 * which guest registers ("pins") want which host register. A value is in a host register, in its
 * frame cell, or both; constants are in neither until someone needs them. Values never change, so a
 * cell once written stays good.
 *
 * A pinned slot has its home in a fixed host register at region borders and at labels. In
 * between the home may be evicted to CpuState. See alloc.c for the invariants. A region that loops
 * has homes of its own inside (homes.c).
 */
#ifndef EXEC_HOST_PRIV_H
#define EXEC_HOST_PRIV_H

#include "emit-priv.h"

/* ---- pinned guest registers ---- */
#define HOST_PINS_MAX     9  /* in general registers */
#define HOST_VEC_PINS_MAX 10 /* in vector registers: of loops only */
typedef uint32_t HostPinSet;
typedef struct HostPin {
    IrSlot slot;
    uint8_t reg;
    uint8_t size;
    bool vec;        /* in a vector register */
    uint32_t offset; /* in CpuState */
} HostPin;

typedef struct HostPins {
    unsigned n;
    HostPinSet vec; /* those in vector registers */
    HostPin pin[HOST_PINS_MAX + HOST_VEC_PINS_MAX];
    uint8_t of_reg[2][16]; /* pin + 1, 0 none; general, vector */
    uint8_t *of_slot;      /* pin + 1, by slot */
} HostPins;

static inline bool host_pin_is_vec(const HostPin *p)
{
    return p->vec;
}
/* Host registers for general pins, best first. */
extern const uint8_t host_pin_regs[HOST_PINS_MAX];

/* ---- what a real fault needs: where the guest state is, by return address ---- */
typedef enum HostLocKind {
    LOC_NONE,
    LOC_REG,
    LOC_VREG,
    LOC_CELL,  /* off in HostFrame */
    LOC_STATE, /* off in CpuState */
    LOC_CONST,
    LOC_POOL,       /* vector constant k of the region */
    LOC_FRAME_ADDR, /* the address itself */
    LOC_STATE_ADDR,
    LOC_LATER, /* computed when it is wanted (sites.c) */
} HostLocKind;

typedef struct HostLoc {
    uint8_t kind, reg;
    int32_t off;
    uint64_t k;
} HostLoc;

typedef struct HostSiteEntry {
    IrSlot slot;
    uint8_t kind, reg;
    uint64_t
        k; /* cell offset, constant, its number in the pool; of LOC_LATER: where and how long */
} HostSiteEntry;

typedef struct HostSite {
    uint64_t pc;
    uint32_t ra;     /* from the region's head, 0: no call was made */
    HostPinSet pins; /* homes that are in their registers only */
    uint32_t aux;
    uint32_t first, count; /* entries */
} HostSite;

/* What regions consist of. Each kind has memory of its own, so that what runs lies densely. */
typedef enum HostKind {
    HOST_HOT,     /* what runs */
    HOST_COLD,    /* stubs and literals: few run */
    HOST_RECORDS, /* Tbs, links, sites: no code */
    HOST_KINDS
} HostKind;

/* The native half of a Tb. Behind it lie, of a loop, a HostLoop, then the sites as bytes (sites.c). */
#define HOST_HEAD_BYTES 8 /* before the entry of a region: where its Tb is */
struct HostTb {
    uint32_t size;     /* of code and stubs */
    uint16_t cold_lot; /* that the stubs lie in */
    uint16_t n_sites;
    uint8_t n_homes; /* of a loop, else 0 */
    uint8_t rest[7]; /* the sites begin here where there is no loop */
};

typedef struct HostLoop {
    uint64_t head; /* where the jump back leads, homes as inside */
    HostPin home[];
} HostLoop;

static inline const HostLoop *host_loop(const HostTb *h)
{
    return h->n_homes ? (const HostLoop *)(h + 1) : NULL;
}
static inline const uint8_t *host_sites(const HostTb *h)
{
    const HostLoop *l = host_loop(h);

    return l ? (const uint8_t *)&l->home[h->n_homes] : h->rest;
}
/* Where its code begins, to be run. */
static inline const uint8_t *host_code(const Tb *tb)
{
    return (const uint8_t *)tb->native - HOST_HEAD_BYTES;
}

/* Of a call: where the guest goes on when it returns, and the native code that goes on there. Lies behind
 * the code of the call. */
typedef struct HostReturn {
    uint64_t pc;
    uint64_t mode; /* of the region; 0: of none */
    uint64_t landing;
} HostReturn;

/* ---- code memory ---- */
#define HOST_HUGE_PAGE ((size_t)2 << 20)
#define HOST_LOT_BYTES (1u << 20)
#define HOST_REGION_MAX \
    (48u << 10) /* either part of a region; one that needs more is not compiled */
#define HOST_NO_LOT (~0u)

typedef struct HostLot {
    unsigned live; /* what lies in it, + 1 while a vCPU fills it. Atomic */
    unsigned next_free;
    uint32_t resident; /* so many bytes; of code only */
} HostLot;

/* The lots of one kind; HostCode.lock. */
typedef struct HostPool {
    HostLot *lot;
    unsigned first_free, n_unused; /* unused: never given out */
} HostPool;

/* The lot that a vCPU fills. */
typedef struct HostFill {
    unsigned lot; /* HOST_NO_LOT: none */
    uint32_t used;
} HostFill;

/* What a load expects, among the records of its region. Any vCPU writes it, each word by itself. */
#define HOST_FORECASTS_MAX 64
typedef struct HostForecast {
    uintptr_t addend; /* of the page seen last */
    uint32_t left;    /* misses until the next look at the clock */
    uint32_t since;   /* the last one; 0: never */
    uint64_t runs;    /* since then, where they are counted */
} HostForecast;

/* What is known of the forecasts of a guest instruction: forecast.c. */
#define HOST_FORECAST_KEY_BITS 14
typedef enum HostSteady {
    STEADY_SURELY = 0, /* nothing speaks against it */
    STEADY_COUNT,      /* its runs are being counted */
    STEADY_ENOUGH,
    STEADY_NOT,
} HostSteady;
static inline uint16_t host_forecast_key(uint64_t pc)
{
    return pc * 0x9e3779b97f4a7c15u >> (64 - HOST_FORECAST_KEY_BITS);
}

typedef enum HostSlow {
    SLOW_LOAD_VEC,
    SLOW_STORE_VEC,
    SLOW_ATOMIC,
    SLOW_CMPXCHG,
    SLOW_CMPXCHG16,
    SLOW_RAISE,
    SLOW_HELPER,
    SLOW_COUNT
} HostSlow;

struct HostCode {
    GMutex lock; /* pools */
    int fd;
    uint8_t *rw, *rx; /* code: lots that run, then as many of stubs */
    uint8_t *records;
    unsigned n_lots; /* of each kind; even */
    HostPool pool[HOST_KINDS];
    HostPins pins;
    bool wide;               /* the target has slots of 256 bits; else no value has more than 128 */
    const SlotMap *overlaps; /* borrowed */
    uint32_t pc_offset;
    /* common code, run addresses */
    uint64_t enter, leave, leave_pc, next_link, next_pc, refuse;
    uint64_t slow[SLOW_COUNT][2]; /* HostSlow, with vector registers saved */
    uint64_t access[2];           /* the same of access.c */
    uint64_t missed[2];           /* the same of forecast.c */
    GArray *modes;                /* HostMode, under lock */
    uint64_t bytes;               /* live. Atomic */
    uint64_t regions;
    uint8_t steady[1u << HOST_FORECAST_KEY_BITS]; /* HostSteady by host_forecast_key(). Atomic */
};

/* The field of a link that jumps of native code read; NULL: none. */
static inline uint8_t *host_link_field(const HostCode *c, const TbLink *l)
{
    return l->field_at ? c->rw + l->field_at : NULL;
}

/* ---- the generator ---- */
typedef struct HgVal { /* by root value */
    uint32_t last;     /* position of the last use, 0 none */
    uint32_t next;     /* of the next use that wants a register, UINT32_MAX none */
    uint16_t cell;     /* offset in HostFrame, 0 none yet */
    uint8_t reg;
    bool vec;
    bool stored;
    uint8_t hint; /* register wished for */
} HgVal;

typedef struct HgWindow { /* accesses that share one check: window.c */
    IrVal base;
    int64_t lo, hi;    /* the range, from base */
    IrVal first, last; /* accesses */
    unsigned exits;    /* before the first */
    bool write;        /* checked for writing; who may write may read */
    uint8_t mmu;
    uint8_t reg; /* what to add to an address, or 1: do not; HR_NONE: not open */
} HgWindow;

typedef struct HgXfer { /* one move of a parallel move */
    HostLoc from;
    uint8_t reg; /* to this register; HR_NONE: to CpuState at off */
    bool vec;    /* that is a vector register */
    uint8_t size;
    int32_t off;
} HgXfer;

/* The generator's arrays have room for so many elements from the start (ir_push). */
#define HG_ROOM 512

/* HostGen.later. What only faults want is not computed before there is one. */
#define HG_HOT         1 /* an instruction reads it */
#define HG_LATER       2 /* no code is made for it: sites tell how it comes from its operands */
#define HG_TWIN        4 /* the first of two makes both */
#define HG_CARRY       8 /* the carry of this sum is wanted */
#define HG_DEPTH_SHIFT 4 /* above: how many operations away from an entry it is */
#define HG_DEPTH_MAX   4

/* HostGen.fold of a sum: + the operand that is not made. */
#define HG_SCALED 1 /* a shift: LEA */
#define HG_ADC    3 /* a comparison */

#define HOST_NO_GUESS 1 /* what no jump cache holds */

typedef enum HgStubKind {
    STUB_SLOW,
    STUB_HELPER, /* the call of a CALL_IF, or what a host instruction stands for; xfer: its arguments */
    STUB_EXIT, /* a side exit */
    STUB_RAISE,
    STUB_LINK,  /* a direct exit that is not linked */
    STUB_GUESS, /* a direct exit to another page */
    STUB_BACK,  /* the same, of a jump back to the head: homes are the loop's */
    STUB_MISS,  /* jump cache miss: pc in HR_SCRATCH */
    STUB_ENTRY, /* exit_request */
} HgStubKind;

/* A load whose page is foreseen: forecast.c. */
typedef struct HgForecast {
    bool on;
    bool counts; /* its runs */
    HostForecast *cell;
    uint16_t key;       /* of the guest instruction */
    uint8_t w, table;   /* registers: what to add to an address; the TLB's table or HR_NONE */
    AsmLabel miss, hit; /* the row says otherwise; w is right */
} HgForecast;

typedef struct HgStub {
    HgStubKind kind;
    AsmLabel entry, back;
    IrVal insn;
    uint32_t site; /* number + 1, 0 none */
    uint32_t xfer, n_xfer;
    uint32_t link; /* number */
    uint8_t a[3];  /* operand registers of a slow path */
    uint8_t d;
    int32_t disp;
    bool vecs;
    uint8_t window;    /* register of the access's window, HR_NONE */
    uint8_t table;     /* register for the address of the TLB's table, HR_NONE */
    uint16_t win_regs; /* of all windows that are open */
    HgForecast forecast;
} HgStub;

/* A spill cell that nobody needs, and the instruction that needed it last. */
typedef struct HgFreeCell {
    uint16_t off;
    IrVal since;
} HgFreeCell;

struct HostGen {
    AsmBuf as;
    HostCode *code;
    const HostPins *pins; /* the engine's, or own */
    HostPins own;         /* of a region that loops */
    HostPinSet read_only; /* of these CpuState is up to date all the time */
    CpuState *cpu;
    Tb *tb;
    IrBuilder *b;
    unsigned n;    /* values */
    IrVal pos;     /* instruction being generated */
    uint32_t mode; /* interned flags and base of the region */

    /* analysis */
    unsigned cap;
    IrVal *root;
    HgVal *val;
    uint32_t *nu;           /* by instruction * 4 + operand: the use after */
    HostPinSet *dead_after; /* pins whose home nobody needs any more, after the instruction */
    uint8_t *clean;         /* i32 zero-extended */
    uint8_t *imm;           /* operand mask: constants that stay in the instruction */
    uint8_t *fold;  /* address operand is base + displacement; IR_ADD: 1 + its scaled operand */
    uint8_t *later; /* by root: HG_HOT, HG_LATER, HG_TWIN */
    IrVal *twin;    /* by value: what the same host instruction gives; 0 none. If `twins` */
    uint8_t *comi;  /* compares the operands of the COMI that its first operand is */
    bool *late;     /* the value waits for a load; of hot regions */
    uint16_t *window_of; /* by instruction: window + 1 */
    GArray *windows;     /* HgWindow */
    uint32_t pin_next[HOST_PINS_MAX + HOST_VEC_PINS_MAX];

    /* registers */
    IrVal in[2][16];     /* value in a register, 0 none; general, vector */
    uint16_t win_regs;   /* that hold windows */
    uint16_t lock[2];    /* not to be touched by this instruction's allocations */
    HostPinSet home_reg; /* pins whose register holds their home */
    HostPinSet home_mem; /* pins whose place in CpuState is up to date */
    uint32_t next_cell;
    HgFreeCell free_cell[2][256];
    unsigned n_free_cell[2];
    uint16_t var_cell[IR_MAX_VARS];

    AsmLabel *label; /* by IR label */
    uint8_t *label_used;
    bool calls;        /* the exit that comes is a call that returns to ... */
    uint64_t calls_pc; /* ... here */
    AsmLabel head;     /* where a loop goes on, homes as inside */
    GArray *stubs;     /* HgStub */
    GArray *xfers;     /* HgXfer */
    GArray *sites, *entries;
    GByteArray *site_bytes, *later_bytes;
    GArray *literals; /* HgLiteral */
    GByteArray *lit_data;
    unsigned n_links;
    unsigned n_forecasts; /* of the region */
    HostFill fill[HOST_KINDS];
    size_t hot_bytes, cold_at; /* of the region's first part; where the second begins, from there */
    IrVal zero_of;             /* the host's zero flag says whether this value is 0 ... */
    size_t zero_at;            /* ... as long as nothing comes behind the code up to here */
    IrVal carry_of;            /* the same: the carry flag is that of this sum */
    size_t carry_at;
    bool failed;
    bool twins;
    bool stop;     /* nothing falls through here */
    bool in_cells; /* sites prefer cells to registers: the callee will not save these */
};

typedef struct HgLiteral {
    AsmLabel label;
    uint32_t at;
    uint16_t size;
} HgLiteral;

static inline bool hg_is_vec(const HostGen *g, IrVal v)
{
    return ir_type(g->b, v) >= IR_V128;
}
/* The constant, if v is one. */
static inline bool hg_const(const HostGen *g, IrVal v, uint64_t *k)
{
    return ir_const_value(g->b, g->root[v], k);
}

static inline HostPinSet hg_pins_of(const HostPins *p)
{
    return ((HostPinSet)1 << p->n) - 1;
}
static inline HostPinSet hg_all_pins(const HostGen *g)
{
    return hg_pins_of(g->pins);
}
/* A direct exit to the region's own head. */
static inline bool hg_jumps_back(const HostGen *g, const IrInsn *i)
{
    return (i->op == IR_EXIT_DIRECT || i->op == IR_EXIT_DIRECT_IF) && i->imm == g->tb->key.pc;
}
/* The region jumps back to its head inside. */
static inline bool hg_loops(const HostGen *g)
{
    return g->pins == &g->own;
}

/* homes.c */
void hg_choose_homes(HostGen *g);
void hg_homes_in(HostGen *g);  /* from the engine's pins to those of the loop */
void hg_homes_out(HostGen *g); /* and back; all homes are in their registers */

/* return.c */
void hg_call(
    HostGen *g); /* before an exit, all homes in place: if it is a call, one that will return */
void hg_return(
    HostGen *g); /* pc in HR_SCRATCH, all homes in place: go there if that was predicted */
void host_returns_begin(AsmBuf *a, uint64_t nowhere); /* of a new frame, rsp */

/* window.c */
void hg_find_windows(HostGen *g, unsigned accesses); /* of so many accesses to memory */
HgWindow *hg_window(HostGen *g, IrVal v);            /* of this access, NULL: it goes alone */
/* Where the window begins, from the address of access i of it. */
int32_t hg_window_start(HostGen *g, const HgWindow *w, const IrInsn *i);
void hg_window_open(HostGen *g, HgWindow *w, unsigned reg);
void hg_window_lose(HostGen *g, uint16_t regs); /* these registers are for something else */
/* Code: behind a call that lost what they held, windows in these registers send their accesses to the stub. */
void hg_windows_unknown(HostGen *g, uint16_t regs);

/* forecast.c */
void hg_find_late(HostGen *g);
void hg_forecast_plan(HostGen *g, HgForecast *f, const IrInsn *i); /* of this load, or none */
/* Behind the check of the tag: w is what to add, w and the row's registers are not changed until here. */
void hg_forecast(HostGen *g, HgForecast *f, unsigned w, unsigned table);
void hg_forecast_stub(HostGen *g, const HgForecast *f, bool vecs);
void host_forecast_missed(CpuState *cpu, HostFrame *f); /* called by such a stub */
/* A field of the TLB row whose offset is in HR_SCRATCH, in the table at that register; HR_NONE: its address is. */
static inline AsmRm hg_row_field(unsigned table, int32_t off)
{
    return table == HR_NONE ? asm_mem(HR_SCRATCH, off) : asm_mem_index(table, HR_SCRATCH, 0, off);
}

/* analyse.c */
void hg_analyse(HostGen *g);
unsigned hg_pin_of(const HostGen *g, IrSlot s); /* + 1, 0: not pinned */
bool hg_imm_fits(IrType t, uint64_t k, int32_t *out);

/* What is read where v is to be known at a fault: v, or of what comes later, its operands and theirs. */
typedef void (*HgValueFn)(HostGen *g, IrVal root);
void hg_each_known(HostGen *g, IrVal v, HgValueFn fn);

/* The twin that v makes too, 0: none. */
static inline IrVal hg_twin(const HostGen *g, IrVal v)
{
    return g->later[v] & HG_TWIN ? g->twin[v] : 0;
}

/* alloc.c. Registers are numbers; `vec` says the class. */
unsigned hg_use(HostGen *g, IrVal v);              /* into a register; locked till the next op */
void hg_use_in(HostGen *g, IrVal v, unsigned reg); /* copy in this very register, which is taken */
AsmRm hg_use_rm(HostGen *g, IrVal v);              /* register or frame cell */
void hg_release(HostGen *g);                       /* operands that die here give up registers */
unsigned hg_def(HostGen *g, IrVal v, uint16_t wish);   /* a register for the result */
unsigned hg_def_in(HostGen *g, IrVal v, unsigned reg); /* the result is in this taken register */
unsigned hg_temp(HostGen *g, bool vec);
bool hg_any_vec_live(const HostGen *g);
unsigned hg_spare(HostGen *g);           /* a general register that nobody has, for now; HR_NONE */
void hg_take(HostGen *g, unsigned reg);  /* empty this general register and lock it */
void hg_save(HostGen *g, IrVal root);    /* its cell is good afterwards */
int32_t hg_cell(HostGen *g, IrVal root); /* offset of its cell, made if needed */
void hg_drop(HostGen *g, IrVal root);
void hg_flush_homes(HostGen *g, HostPinSet pins);  /* CpuState up to date for them */
void hg_home_needed(HostGen *g, unsigned pin);     /* home into its register */
void hg_store_home(HostGen *g, const HostPin *hp); /* register to CpuState, nothing noted */
void hg_load_home(HostGen *g, const HostPin *hp);
void hg_barrier(HostGen *g, bool forget); /* canonical state at labels and branches */
void hg_reset(HostGen *g);                /* the state after a label */
HostLoc hg_where(HostGen *g, IrVal v);
HostLoc hg_where_memory(HostGen *g, IrVal v);
void hg_set_home(HostGen *g, unsigned pin, IrVal v); /* PUT of a pinned slot */
IrVal hg_operand_root(const HostGen *g, const IrInsn *i, IrVal v, unsigned k);
IrVal hg_third_root(const HostGen *g, const IrInsn *i, IrVal v); /* of a sum with carry; else 0 */

/* move.c */
void hg_load_loc(HostGen *g, unsigned reg, HostLoc from); /* general, 64 bits */
void hg_load_vec(HostGen *g, unsigned reg, IrType t, HostLoc from);
void hg_store_vec(HostGen *g, AsmRm to, unsigned reg, unsigned size); /* 8, 16 or 32 bytes */
void hg_parallel(HostGen *g, const HgXfer *x, unsigned n);
void hg_do_xfers(HostGen *g, uint32_t first, unsigned n);
/* back: to the head of a loop, homes as inside; else as every region wants them. */
unsigned hg_plan_exit(HostGen *g, uint32_t snap, bool back, const HgXfer *extra, uint32_t *first);
void hg_load_addr(HostGen *g, unsigned reg, const void *at);
AsmRm hg_state(int32_t off);
AsmRm hg_frame(int32_t off);
void hg_call_c(HostGen *g, const void *fn);

/* sites.c */
uint32_t hg_site(HostGen *g, uint32_t snap);             /* record where the state is; number + 1 */
void hg_site_at(HostGen *g, uint32_t site);              /* the return address is here */
void hg_site_here(HostGen *g, uint32_t site);            /* the same, and writes the marker */
unsigned hg_put_sites(const HostGen *g, GByteArray *to); /* the number of them */

/* emitters; true: done */
bool emit_int(HostGen *g, const IrInsn *i, IrVal v);
bool emit_mem(HostGen *g, const IrInsn *i, IrVal v);
bool emit_control(HostGen *g, const IrInsn *i, IrVal v);
void emit_vec(HostGen *g, const IrInsn *i, IrVal v);
void emit_call(HostGen *g, const IrInsn *i, IrVal v);
void emit_call_if(HostGen *g, const IrInsn *i, IrVal v);
/* What may run in place of this IR_CALL; false: nothing. */
bool hg_place(const HostGen *g, const IrInsn *i, HelperInPlace *p);
/* Are these bytes from the address in s->a[0] on plain memory of one page? To s->entry if not; then w is what
 * to add. Uses s->table, s->disp. */
void hg_check_bytes(HostGen *g, HgStub *s, unsigned w, unsigned bytes, unsigned mmu,
                    MmuAccess access);
void emit_helper_stub(HostGen *g, const HgStub *s);
void emit_call_fn(HostGen *g, const IrInsn *i, IrVal v, const void *fn);
AsmCc emit_compare(HostGen *g, const IrInsn *i, IrVal v);
void emit_slow_stub(HostGen *g, HgStub *s);
void emit_stub(HostGen *g, HgStub *s);
void emit_guess(HostGen *g,
                uint64_t pc); /* to this pc if it is mapped as it was, else out by a stub */
HgStub *hg_stub(HostGen *g, HgStubKind kind);
void emit_entry(HostGen *g);

/* access.c */
#define HOST_ACCESS_HEAD 5 /* from the return address to what leads to the region's head */
void hg_access_stub(HostGen *g, const HgStub *s, const IrInsn *i);
void host_access(CpuState *cpu, HostFrame *f); /* called by such a stub */

/* common.c */
void host_common_code(HostCode *c);

/* lots.c */
void host_lots_init(HostCode *c);
void host_lots_start(HostCode *c); /* code memory is there: a lot for the common code */
void host_lots_clear(HostCode *c);
void host_fills_init(HostGen *g);
void host_fills_end(HostGen *g);
/* Room for both parts of a region; false: none left. */
bool host_room(HostGen *g);
/* Where the vCPU's next part of this kind of code goes, from the start of code memory. */
size_t host_next(const HostGen *g, HostKind kind);
/* So many bytes there are taken, for as long as the lot is held: its number. */
unsigned host_take(HostGen *g, HostKind kind, size_t bytes);
/* Memory behind the Tb that was placed last, as long as that lives, not zeroed, on 8 bytes; NULL: no room. */
void *host_record_more(HostGen *g, size_t bytes);
/* The same, not taken yet. NULL: the Tb was not placed. */
#define HOST_RECORD_ROOM (8u << 10) /* that there is at least */
void *host_record_next(const HostGen *g);
/* What lay in it is gone. */
void host_lot_put(HostCode *c, HostKind kind, unsigned lot);

#endif
