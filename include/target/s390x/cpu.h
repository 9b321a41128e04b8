/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of one z/Architecture CPU.
 *
 * The condition code is lazy: cc_op says how it follows from cc_a and cc_b (S390CcOp); psw_mask
 * never holds it. Read and write the whole with s390_psw_mask_get/set().
 *
 * Vector registers are kept as 128-bit host integers: q[1] is the left half, which is the
 * floating-point register of the same number. Element i of 2^n bytes is element (16 >> n) - 1 - i
 * of the host's view.
 *
 * Translated code sees the fields that slots.h names; between regions, and in helpers that
 * declare it, all fields are in memory and exact.
 */
#ifndef TARGET_S390X_CPU_H
#define TARGET_S390X_CPU_H

#include "base/core/clock.h"
#include "exec/cpu.h"

/* PSW mask bits (bit 0 of the PSW is the most significant). */
#define PSW_PER    0x4000000000000000ull
#define PSW_DAT    0x0400000000000000ull
#define PSW_IO     0x0200000000000000ull
#define PSW_EXT    0x0100000000000000ull
#define PSW_KEY    0x00f0000000000000ull
#define PSW_SHORT  0x0008000000000000ull /* must be one in an 8-byte PSW */
#define PSW_MCHECK 0x0004000000000000ull
#define PSW_WAIT   0x0002000000000000ull
#define PSW_P      0x0001000000000000ull
#define PSW_AS     0x0000c00000000000ull
#define PSW_CC     0x0000300000000000ull
#define PSW_PM     0x00000f0000000000ull
#define PSW_RI     0x0000008000000000ull
#define PSW_EA     0x0000000100000000ull
#define PSW_BA     0x0000000080000000ull
#define PSW_ESA    0x0000000180000000ull
#define PSW_VALID  0x47f7ff8180000000ull /* assigned bits of a 16-byte PSW */

#define PSW_AS_SHIFT 46
#define PSW_CC_SHIFT 44
#define PSW_PM_SHIFT 40
enum {
    AS_PRIMARY = 0,
    AS_ACCREG = 1,
    AS_SECONDARY = 2,
    AS_HOME = 3,
};

/* Control register bits. */
#define CR0_LAP     0x10000000ull /* low-address protection */
#define CR0_EDAT    0x00800000ull
#define CR0_IEP     0x00100000ull
#define CR0_AFP     0x00040000ull
#define CR0_VX      0x00020000ull
#define CR0_EXTRACT 0x08000000ull /* extraction authority */
#define CR0_SPACE   0x04000000ull /* secondary-space control */
#define CR0_FETCHOV 0x02000000ull /* the first page may be fetched from with any key */
#define CR0_STOREOV 0x01000000ull /* access control 9 may be accessed with any key */
#define CR0_SSMSUP  0x40000000ull
#define CR0_MALFUNC 0x8000ull
#define CR0_EMERG   0x4000ull
#define CR0_EXTCALL 0x2000ull
#define CR0_CLKCMP  0x0800ull
#define CR0_CPUTMR  0x0400ull
#define CR0_SERVICE 0x0200ull
#define CR0_STOCTL  0x0080ull /* stop-control... interrupt key */

/* Of the FPC: what decides whether the host's floating point will do, and how it must be. */
#define FPC_HOST_MASK 0xf8080007u /* masks, the flag of inexact, the binary rounding mode */
#define FPC_HOST_WANT 0x00080000u

/* Program-interruption codes. */
enum {
    PGM_OPERATION = 0x01,
    PGM_PRIVILEGED = 0x02,
    PGM_EXECUTE = 0x03,
    PGM_PROTECTION = 0x04,
    PGM_ADDRESSING = 0x05,
    PGM_SPECIFICATION = 0x06,
    PGM_DATA = 0x07,
    PGM_FIXED_OVERFLOW = 0x08,
    PGM_FIXED_DIVIDE = 0x09,
    PGM_DECIMAL_OVERFLOW = 0x0a,
    PGM_DECIMAL_DIVIDE = 0x0b,
    PGM_HFP_OVERFLOW = 0x0c,
    PGM_HFP_UNDERFLOW = 0x0d,
    PGM_HFP_SIGNIFICANCE = 0x0e,
    PGM_HFP_DIVIDE = 0x0f,
    PGM_SEGMENT = 0x10,
    PGM_PAGE = 0x11,
    PGM_TRANSLATION_SPEC = 0x12,
    PGM_SPECIAL_OPERATION = 0x13,
    PGM_OPERAND = 0x15,
    PGM_VECTOR = 0x1b,
    PGM_HFP_SQUARE_ROOT = 0x1d,
    PGM_ALET_SPEC = 0x28,
    PGM_ALEN_TRANSLATION = 0x29,
    PGM_ALE_SEQUENCE = 0x2a,
    PGM_ASTE_VALIDITY = 0x2b,
    PGM_ASTE_SEQUENCE = 0x2c,
    PGM_EXTENDED_AUTHORITY = 0x2d,
    PGM_ASCE_TYPE = 0x38,
    PGM_REGION_FIRST = 0x39,
    PGM_REGION_SECOND = 0x3a,
    PGM_REGION_THIRD = 0x3b,
    PGM_MONITOR = 0x40,
    PGM_PER = 0x80, /* alone, or in addition to another */
};

/* Exceptions as the engine carries them (cpu->exception); the code is the error word. */
enum {
    EXCP_PGM = 1,
    EXCP_SVC = 2,
    EXCP_PER = 3, /* events of the instruction that is over */
};

/* CPU_IRQ_HARD: something may be pending; the pending bits say what. */
enum {
    PEND_STOP = 1 << 0,
    PEND_RESTART = 1 << 1,
    PEND_MCHECK = 1 << 2, /* channel report */
    PEND_EMERGENCY = 1 << 3,
    PEND_EXTCALL = 1 << 4,
    PEND_CLKCMP = 1 << 5,
    PEND_CPUTMR = 1 << 6,
    PEND_STOP_STORE = 1 << 7, /* store status once stopped */
};

/* MMU indexes: what is to be translated, and whether low-address protection is already known to allow it. */
enum {
    S390_MMU_REAL,
    S390_MMU_PRIMARY,
    S390_MMU_SECONDARY,
    S390_MMU_HOME,
    S390_MMU_SPACES,
    S390_MMU_LOW = 4, /* bit */
    S390_MMU_AR = 8,  /* + n: operand n of an instruction in the access-register mode (access.c) */
    S390_MMU_COUNT = 16,
};
#define S390_AR_OPERANDS 4

/* How the condition code follows from cc_a and cc_b. The four constants are their own value. */
typedef enum S390CcOp {
    CC_CONST0,
    CC_CONST1,
    CC_CONST2,
    CC_CONST3,
    CC_VALUE,   /* a */
    CC_NZ,      /* a != 0 */
    CC_CMPS,    /* signed a with b: 0 equal, 1 low, 2 high */
    CC_CMPU,    /* unsigned */
    CC_EXACT32, /* a: exact 64-bit result of a 32-bit signed operation; 3 on overflow, else sign */
    CC_ADD64,   /* signed a + b */
    CC_SUB64,   /* signed a - b */
    CC_ADDU32,  /* a: exact sum of two unsigned 32-bit values; result != 0, carry << 1 */
    CC_ADDU64,  /* unsigned a + b */
    CC_BFP_SHORT, /* of a binary floating-point number: 0 zero, 1 negative, 2 positive, 3 NaN */
    CC_BFP_LONG,
    CC_BFP_EXT,       /* a: the left half, b: the right one */
    CC_BFP_CMP_SHORT, /* binary floating-point a with b: 0 equal, 1 low, 2 high, 3 unordered */
    CC_BFP_CMP_LONG,
    CC_SUBU,  /* unsigned a - b: 1 borrow, 2 zero, 3 no borrow */
    CC_CARRY, /* a: result of 64 bits, b: carry out of it; result != 0, carry << 1 */
    CC_TM8,   /* a: selected bits, b: mask; 0 all zero, 3 all one, else 1 */
    CC_TM16,  /* the same, mixed: leftmost selected bit zero 1, one 2 */
    CC_OP_COUNT,
} S390CcOp;

/* Instructions of the message-security assist, by number as their lines have it. */
typedef enum S390MsaOp {
    S390_MSA_KM,
    S390_MSA_KMC,
    S390_MSA_KMAC,
    S390_MSA_KIMD,
    S390_MSA_KLMD,
    S390_MSA_KMF,
    S390_MSA_KMO,
    S390_MSA_KMCTR,
    S390_MSA_PCC,
    S390_MSA_PCKMO,
    S390_MSA_PRNO,
    S390_MSA_KMA,
    S390_MSA_COUNT,
} S390MsaOp;

typedef struct S390Cpu S390Cpu;
typedef struct S390Board S390Board;

/*
 * What a CPU asks of its board. All are called on the vCPU's thread without the VM lock; the board
 * takes it. Results of instructions: condition code, or minus a program-interruption code.
 */
typedef struct S390BoardOps {
    int (*service_call)(S390Board *b, S390Cpu *cpu, uint32_t command, uint64_t sccb);
    /* op: number in the io lines of insns/system.insn; addr: operand address, real or logical */
    int (*channel_io)(S390Board *b, S390Cpu *cpu, unsigned op, uint64_t addr, unsigned mmu);
    int (*chsc)(S390Board *b, S390Cpu *cpu, uint64_t page, unsigned mmu);
    /* op: number in the pci lines; r2: second or third register; addr: operand address or 0 */
    int (*pci)(S390Board *b, S390Cpu *cpu, unsigned op, unsigned r1, unsigned r2, uint64_t addr,
               unsigned mmu);
    /* May SET ADDRESS SPACE CONTROL switch to the access-register mode? */
    bool (*access_registers)(S390Board *b);
    /* code 0x308, 0x500, ...; may change registers. -PGM_SPECIFICATION: unknown. */
    int (*diag)(S390Board *b, S390Cpu *cpu, unsigned code, unsigned r1, unsigned r3);
    /* Configuration for STSI: number of CPUs, name and UUID of the guest. */
    unsigned (*cpu_count)(S390Board *b);
    const char *(*guest_name)(S390Board *b);
    const uint8_t *(*guest_uuid)(S390Board *b);
    /* ---- floating interrupts; VM lock held ---- */
    bool (*io_pending)(S390Board *b, uint8_t isc_mask);
    bool (*io_take)(S390Board *b, uint8_t isc_mask, uint32_t *id, uint32_t *parm, uint32_t *word);
    bool (*service_pending)(S390Board *b);
    uint32_t (*service_take)(S390Board *b);
    bool (*mcheck_pending)(S390Board *b);
    bool (*mcheck_take)(S390Board *b);
    /* A CPU went to the stopped state. */
    void (*cpu_stopped)(S390Board *b, S390Cpu *cpu);
    /* A CPU waits with every interruption masked off. */
    void (*disabled_wait)(S390Board *b, S390Cpu *cpu);
    /* TOD clock minus the virtual clock, in TOD units (2^-12 us); set by SET CLOCK. */
    uint64_t (*tod_base)(S390Board *b);
    void (*tod_set_base)(S390Board *b, uint64_t base);
    /* ---- storage keys of 4 KiB blocks, by absolute address; any thread ---- */
    /* Access control and fetch protection; NULL: no storage there. */
    uint8_t *(*storage_key)(S390Board *b, uint64_t absolute);
    /* A TLB entry of the block is made. */
    void (*key_referred)(S390Board *b, uint64_t absolute);
    /* Reference and change bits are needed from now on; true: they were not yet, flush the TLBs. */
    bool (*keys_record)(S390Board *b);
    bool (*key_get)(S390Board *b, uint64_t absolute, uint8_t *out); /* whole; false: no storage */
    void (*key_set)(S390Board *b, uint64_t absolute, uint8_t value);
} S390BoardOps;

#define S390_MAX_CPUS 248

typedef enum S390CpuState {
    S390_CPU_STOPPED = 1,
    S390_CPU_OPERATING = 3,
} S390CpuState;

/* A stretch of storage whose alteration is an event. */
typedef struct S390PerWatch {
    uint64_t start, len;
} S390PerWatch;

struct S390Cpu {
    CpuState base; /* first */

    /* ---- program state ---- */
    uint64_t gpr[16];
    uint64_t pc;       /* instruction address */
    uint64_t psw_mask; /* without the condition code */
    uint64_t cc_a, cc_b;
    uint32_t cc_op; /* S390CcOp */
    uint32_t ar[16];
    uint32_t fpc;
    IrVec vr[32]; /* only the low 16 bytes of each count */

    /* ---- EXECUTE: the next region is this one instruction, at another place ---- */
    uint32_t ex_mode;   /* EX_PENDING | modifier, or 0 */
    uint64_t ex_target; /* address of the target instruction */
    uint64_t ex_next;   /* address after the EXECUTE */
    uint64_t ex_pc;     /* ... of the EXECUTE */
    uint32_t ex_word;   /* ex_mode as it was, for an instruction that is to be tried again */
    uint8_t ilen; /* length of the instruction of the last fault (EXECUTE's own for a target) */

    /* ---- system state ---- */
    uint64_t cr[16];
    uint64_t prefix;
    uint64_t pp; /* program parameter */
    uint64_t breaking_addr;
    uint32_t todpr;
    uint64_t ckc;         /* clock comparator */
    int64_t cputm_end_ns; /* virtual time when the CPU timer becomes negative */
    uint64_t cputm_stopped;
    uint64_t teid;
    uint8_t access_as; /* space of a helper's accesses, for exceptions; 0xff: by the PSW */
    uint8_t excp_ar;
    uint8_t dxc;
    uint64_t mon_code;
    uint16_t mon_class;

    /* ---- program-event recording (per.c): events of the present instruction ---- */
    uint8_t per_events, per_mode, per_ilen, per_ar;
    uint64_t per_address;
    unsigned per_watches;
    S390PerWatch per_watch[2]; /* what the engine watches now */

    uint8_t tlb_key; /* access key for which the TLBs of all indexes are valid */
    /* ASCE for which the TLBs of a space's two MMU indexes are valid; nothing at indexes with S390_MMU_LOW. */
    uint64_t tlb_asce[S390_MMU_AR + S390_AR_OPERANDS];
    /* The access register of operand n, and the ALET for which its TLBs are valid. */
    uint8_t ar_of[S390_AR_OPERANDS];
    uint32_t ar_alet[S390_AR_OPERANDS];
    uint32_t ar_known; /* MMU indexes of operands that may have TLB entries */

    /* ---- interrupts: atomics, set by any thread ---- */
    uint32_t pending; /* PEND_* */
    uint64_t emergency_from[(S390_MAX_CPUS + 63) / 64];
    uint16_t extcall_from;
    uint32_t run_state; /* S390CpuState */

    /* ---- configuration ---- */
    uint16_t address; /* CPU address */
    uint32_t cpuid_number;
    uint16_t cpu_type;                         /* machine type, 0x8561 */
    const uint64_t *facilities;                /* bit 0 is the most significant of word 0 */
    uint8_t msa_functions[S390_MSA_COUNT][16]; /* as the query functions tell them */
    struct Vm *vm;
    S390Board *board; /* borrowed */
    const S390BoardOps *board_ops;
    Timer *ckc_timer, *cputm_timer; /* owned */
};

#define EX_PENDING  0x80000000u
#define EX_MODIFIER 0x000000ffu

static inline S390Cpu *s390_cpu(CpuState *cs)
{
    return (S390Cpu *)cs;
}
static inline bool s390_facility(const S390Cpu *cpu, unsigned n)
{
    return cpu->facilities[n / 64] >> (63 - n % 64) & 1;
}
/* The floating-point register as bits. */
static inline uint64_t *s390_fpr(S390Cpu *cpu, unsigned n)
{
    return &cpu->vr[n].q[1];
}

#endif
