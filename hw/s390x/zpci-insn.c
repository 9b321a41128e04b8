/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI instructions. The handle of a function is in the left half of a register, the address space and
 * length in the right one; the offset is in the next register (or another). A refusal that a driver may
 * see is condition code 1 with a status in bits 32-39 of the register, an unknown handle is 3.
 *
 * What lies in a BAR or in the configuration is bytes: in a register they are as storage would have them.
 */
#include "base/util/endian.h"
#include "exec/engine.h"
#include "zpci-priv.h"

/* Numbers of the pci lines in target/s390x/insns/system.insn. */
enum {
    PCI_CLP,
    PCI_STORE,
    PCI_LOAD,
    PCI_REFRESH,
    PCI_STORE_BLOCK,
    PCI_SET_INTERRUPTION,
    PCI_MODIFY,
    PCI_STORE_CONTROLS,
};
enum {
    CC_OK = 0,
    CC_ERROR = 1,
    CC_HANDLE = 3,
};
enum {
    ST_BLOCKED = 12,
    ST_RESOURCES = 16,
    ST_SPACE = 20,
    ST_SEQUENCE = 24,
    ST_DMA_SPACE = 28,
};
#define FIB_BYTES       80
#define FIB_MEASUREMENT 64
#define MAX_BLOCK_BYTES 128u

static int refuse(S390Cpu *cpu, unsigned r, uint8_t status)
{
    cpu->gpr[r] = (cpu->gpr[r] & ~0xff000000ull) | (uint64_t)status << 24;
    return CC_ERROR;
}

static ZpciFunction *enabled(S390Board *b, uint64_t request)
{
    ZpciFunction *f = zpci_by_handle(b->pci, request >> 32);

    return f && f->regs.state == ZPCI_ENABLED ? f : NULL;
}

/* ---- loads and stores ---- */

/* At most 8 bytes that cross no double word: condition code or program interruption. */
static int reach(S390Cpu *cpu, ZpciFunction *f, unsigned r, uint64_t offset, unsigned len,
                 uint8_t *data, bool write)
{
    unsigned space = cpu->gpr[r] >> 16 & 15;

    if (space == ZPCI_CONFIG_SPACE) {
        if (len > 4 || offset + len > f->pci->config_size) {
            return -PGM_OPERAND;
        }
        if (write) {
            uint32_t v = 0;
            memcpy(&v, data, len);
            pci_config_write(f->pci, (uint32_t)offset, GUINT32_FROM_LE(v), len);
        } else {
            uint32_t v = GUINT32_TO_LE(pci_config_read(f->pci, (uint32_t)offset, len));
            memcpy(data, &v, len);
        }
        return CC_OK;
    }
    if (space >= ZPCI_BARS || !f->pci->bars[space].mr) {
        return refuse(cpu, r, ST_SPACE);
    }
    if (offset >= f->pci->bars[space].size || len > f->pci->bars[space].size - offset) {
        return -PGM_OPERAND;
    }
    AddressSpace *as = zpci_bars(f);
    uint64_t at = (uint64_t)space << 56 | offset;
    MemResult result = write ? address_space_write(as, at, MEM_ATTRS_NONE, data, len)
                             : address_space_read(as, at, MEM_ATTRS_NONE, data, len);
    return result == MEM_OK ? CC_OK : -PGM_OPERAND;
}

static bool length_fits(uint64_t offset, unsigned len)
{
    return len && len <= 8 && !(len & (len - 1)) && (offset & 7) + len <= 8;
}

static int load_or_store(S390Board *b, S390Cpu *cpu, unsigned r1, unsigned r2, bool write)
{
    uint64_t request = cpu->gpr[r2], offset = cpu->gpr[(r2 + 1) & 15];
    unsigned len = request & 0xff;
    uint8_t data[8] = { 0 };

    if (r2 & 1) {
        return -PGM_SPECIFICATION;
    }
    ZpciFunction *f = enabled(b, request);
    if (!f) {
        return CC_HANDLE;
    }
    if (!length_fits(offset, len)) {
        return -PGM_OPERAND;
    }
    if (f->regs.blocked) {
        return refuse(cpu, r2, ST_BLOCKED);
    }
    if (write) {
        st_be(data, len, cpu->gpr[r1]);
    }
    int cc = reach(cpu, f, r2, offset, len, data, write);
    if (cc == CC_OK && write) {
        f->regs.stores++;
    } else if (cc == CC_OK) {
        f->regs.loads++;
        cpu->gpr[r1] = ld_be(data, len);
    }
    return cc;
}

static int store_block(S390Board *b, S390Cpu *cpu, unsigned r1, unsigned r3, const uint8_t *data)
{
    uint64_t offset = cpu->gpr[r3];
    unsigned len = cpu->gpr[r1] & 0xff;
    ZpciFunction *f = enabled(b, cpu->gpr[r1]);
    int cc = CC_OK;

    if (!f) {
        return CC_HANDLE;
    }
    if (!len || (len & 7) || len > MAX_BLOCK_BYTES || (offset & 7)) {
        return -PGM_OPERAND;
    }
    if (f->regs.blocked) {
        return refuse(cpu, r1, ST_BLOCKED);
    }
    if ((cpu->gpr[r1] >> 16 & 15) >= ZPCI_BARS) {
        return refuse(cpu, r1, ST_SPACE);
    }
    for (unsigned k = 0; k < len && cc == CC_OK; k += 8) {
        uint8_t piece[8];
        memcpy(piece, data + k, 8);
        cc = reach(cpu, f, r1, offset + k, 8, piece, true);
    }
    f->regs.block_stores += cc == CC_OK;
    return cc;
}

/* ---- controls ---- */

bool s390_pci_tables_valid(uint64_t base, uint64_t limit, uint64_t anchor)
{
    return base <= limit && base >= ZPCI_DMA_FIRST && limit <= ZPCI_DMA_LAST && (anchor & 0x800) &&
           (anchor >> 2 & 7) < 4;
}

static int register_tables(ZpciFunction *f, S390Cpu *cpu, unsigned r, const uint8_t *fib)
{
    uint64_t base = ld_be64(fib + 16) & ~0xfffull, limit = ld_be64(fib + 24) | 0xfff;
    uint64_t anchor = ld_be64(fib + 32);

    if (!s390_pci_tables_valid(base, limit, anchor)) {
        return -PGM_OPERAND;
    }
    f->regs.base = base;
    f->regs.limit = limit;
    f->regs.anchor = anchor;
    f->regs.translates = true;
    return CC_OK;
}

static int register_interruptions(ZpciFunction *f, const uint8_t *fib)
{
    uint32_t data = ld_be32(fib + 40);

    f->regs.isc = data >> 28 & 7;
    f->regs.vectors = data >> 16 & 0xfff;
    f->regs.first_bit = data >> 8 & 63;
    f->regs.sums = data >> 7 & 1;
    f->regs.sum_bit = data & 63;
    f->regs.bits = ld_be64(fib + 48);
    f->regs.sum_bits = ld_be64(fib + 56);
    f->regs.interrupts = true;
    return CC_OK;
}

/* The block is on 16 bytes. */
static int measure(ZpciFunction *f, S390Cpu *cpu, unsigned r, const uint8_t *fib)
{
    uint64_t block = ld_be64(fib + FIB_MEASUREMENT);

    if (block & 15) {
        return refuse(cpu, r, 0);
    }
    zpci_measure_set(f, block);
    return CC_OK;
}

enum {
    MODIFY_INTERRUPTIONS = 2,
    MODIFY_NO_INTERRUPTIONS = 3,
    MODIFY_TABLES = 4,
    MODIFY_NO_TABLES = 5,
    MODIFY_OTHER_TABLES = 6,
    MODIFY_NO_ERROR = 7,
    MODIFY_NO_BLOCK = 9,
    MODIFY_MEASUREMENT = 10,
};

static int modify(S390Board *b, S390Cpu *cpu, unsigned r, const uint8_t *fib)
{
    unsigned what = cpu->gpr[r] & 0xff;
    ZpciFunction *f = enabled(b, cpu->gpr[r]);
    bool tables = what >= MODIFY_TABLES && what <= MODIFY_OTHER_TABLES;

    if (!f) {
        return CC_HANDLE;
    }
    if (fib[0]) {
        return -PGM_OPERAND;
    }
    if (tables && (cpu->gpr[r] >> 16 & 0xff)) {
        return refuse(cpu, r, ST_DMA_SPACE);
    }
    if (tables && f->regs.translates != (what != MODIFY_TABLES)) {
        return refuse(cpu, r, ST_SEQUENCE);
    }
    switch (what) {
    case MODIFY_INTERRUPTIONS:
        return f->regs.interrupts ? refuse(cpu, r, ST_SEQUENCE) : register_interruptions(f, fib);
    case MODIFY_NO_INTERRUPTIONS:
        if (!f->regs.interrupts) {
            return refuse(cpu, r, ST_SEQUENCE);
        }
        f->regs.interrupts = false;
        return CC_OK;
    case MODIFY_NO_TABLES: f->regs.translates = false; return CC_OK;
    case MODIFY_TABLES:
    case MODIFY_OTHER_TABLES: return register_tables(f, cpu, r, fib);
    case MODIFY_NO_ERROR:
    case MODIFY_NO_BLOCK:
        if (!(what == MODIFY_NO_ERROR ? f->regs.error : f->regs.blocked)) {
            return refuse(cpu, r, ST_SEQUENCE);
        }
        f->regs.error &= what == MODIFY_NO_BLOCK;
        f->regs.blocked = false;
        return CC_OK;
    case MODIFY_MEASUREMENT: return measure(f, cpu, r, fib);
    default: return -PGM_OPERAND;
    }
}

static int store_controls(S390Board *b, const S390Cpu *cpu, unsigned r, uint8_t *fib)
{
    const ZpciFunction *f = zpci_by_handle(b->pci, cpu->gpr[r] >> 32);

    if (!f) {
        return CC_HANDLE;
    }
    const ZpciRegs *s = &f->regs;
    fib[8] = (s->state == ZPCI_ENABLED ? 0x80 : 0) | (s->error ? 0x40 : 0) |
             (s->blocked ? 0x20 : 0) | (s->translates ? 0x10 : 0);
    st_be64(fib + 16, s->base);
    st_be64(fib + 24, s->limit);
    st_be64(fib + 32, s->anchor);
    st_be32(fib + 40, (uint32_t)s->isc << 28 | (uint32_t)s->vectors << 16 |
                          (uint32_t)s->first_bit << 8 | (uint32_t)s->sums << 7 | s->sum_bit);
    st_be64(fib + 48, s->bits);
    st_be64(fib + 56, s->sum_bits);
    st_be64(fib + FIB_MEASUREMENT, s->block);
    return CC_OK;
}

/* Nothing translated is kept: only whether the request makes sense. */
static int refresh(S390Board *b, S390Cpu *cpu, unsigned r1, unsigned r2)
{
    uint64_t start = cpu->gpr[r2], len = cpu->gpr[(r2 + 1) & 15];

    if (r2 & 1) {
        return -PGM_SPECIFICATION;
    }
    ZpciFunction *f = enabled(b, cpu->gpr[r1]);
    if (!f) {
        return CC_HANDLE;
    }
    if (!f->regs.translates) {
        return refuse(cpu, r1, ST_RESOURCES);
    }
    if (start < f->regs.base || start > f->regs.limit || len > f->regs.limit - start + 1) {
        return refuse(cpu, r1, ST_SPACE);
    }
    f->regs.refreshes++;
    return CC_OK;
}

/* How adapter interruptions of a subclass come: all, or one until the next SET INTERRUPTION CONTROLS. */
static int set_interruption(S390Board *b, const S390Cpu *cpu, unsigned r1, unsigned r3, int cc)
{
    unsigned mode = cpu->gpr[r1] & 0xffff;

    if (mode > 1 || (cpu->gpr[r3] & 0x07000000u)) {
        return -PGM_OPERAND;
    }
    flic_set_suppression(b->flic, cpu->gpr[r3] >> 27 & 7, mode == 1);
    return cc;
}

/* ---- dispatch ---- */

static int clp(S390Board *b, S390Cpu *cpu, unsigned r2, unsigned mmu)
{
    uint64_t at = cpu->gpr[r2];
    uint8_t block[4096];

    if (at & 0xfff) {
        return -PGM_SPECIFICATION;
    }
    cpu_ld_bytes(&cpu->base, at, block, sizeof(block), mmu);
    cpu_probe_access(&cpu->base, at, sizeof(block), MMU_ACCESS_WRITE, mmu);
    vm_lock(b->vm);
    bool ok = zpci_clp(b->pci, block);
    vm_unlock(b->vm);
    if (!ok) {
        return -PGM_OPERAND;
    }
    cpu_st_bytes(&cpu->base, at, block, sizeof(block), mmu);
    return 0;
}

/* The ones with an operand in storage: it is fetched, or made sure of, before the lock is taken. */
static int with_operand(S390Board *b, S390Cpu *cpu, unsigned op, unsigned r1, unsigned r3,
                        uint64_t addr, unsigned mmu)
{
    uint8_t data[MAX_BLOCK_BYTES] = { 0 };
    unsigned len = op == PCI_STORE_BLOCK ? MIN(cpu->gpr[r1] & 0xff, MAX_BLOCK_BYTES) : FIB_BYTES;
    int cc;

    if (addr & 7) {
        return -PGM_SPECIFICATION;
    }
    if (op == PCI_STORE_CONTROLS) {
        cpu_probe_access(&cpu->base, addr, len, MMU_ACCESS_WRITE, mmu);
    } else if (len) {
        cpu_ld_bytes(&cpu->base, addr, data, len, mmu);
    }
    vm_lock(b->vm);
    cc = op == PCI_STORE_BLOCK ? store_block(b, cpu, r1, r3, data)
         : op == PCI_MODIFY    ? modify(b, cpu, r1, data)
                               : store_controls(b, cpu, r1, data);
    vm_unlock(b->vm);
    if (op == PCI_STORE_CONTROLS && cc == CC_OK) {
        cpu_st_bytes(&cpu->base, addr, data, len, mmu);
    }
    return cc;
}

int s390_pci(S390Board *b, S390Cpu *cpu, unsigned op, unsigned r1, unsigned r2, uint64_t addr,
             unsigned mmu)
{
    int cc, before = (int)s390_cc_get(cpu);

    switch (op) {
    case PCI_CLP: return clp(b, cpu, r2, mmu);
    case PCI_STORE_BLOCK:
    case PCI_MODIFY:
    case PCI_STORE_CONTROLS: return with_operand(b, cpu, op, r1, r2, addr, mmu);
    default: break;
    }
    vm_lock(b->vm);
    cc = op == PCI_REFRESH            ? refresh(b, cpu, r1, r2)
         : op == PCI_SET_INTERRUPTION ? set_interruption(b, cpu, r1, r2, before)
                                      : load_or_store(b, cpu, r1, r2, op == PCI_STORE);
    vm_unlock(b->vm);
    return cc;
}
