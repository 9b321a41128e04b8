/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CPU asks of the board (S390BoardOps): service calls, channel I/O, DIAGNOSE, floating
 * interruptions, the TOD clock's base, storage keys. Instruction calls come without the VM lock and
 * take it here; interruption calls come with it.
 */
#include "base/util/log.h"
#include "exec/engine.h"
#include "hw/ccw/css.h"
#include "s390-priv.h"

static int service_call(S390Board *b, S390Cpu *cpu, uint32_t command, uint64_t sccb)
{
    vm_lock(b->vm);
    int r = sclp_service_call(b->sclp, b->machine, false, command, sccb);
    vm_unlock(b->vm);
    return r;
}

/* ---- channel I/O: numbers of the io lines in target/s390x/insns/system.insn ---- */
enum {
    IO_STCRW,
    IO_CSCH,
    IO_HSCH,
    IO_MSCH,
    IO_SSCH,
    IO_STSCH,
    IO_TSCH,
    IO_TPI,
    IO_SAL,
    IO_RSCH,
    IO_RCHP,
    IO_SCHM,
    IO_XSCH,
};

static void load_operand(S390Cpu *cpu, uint64_t addr, unsigned mmu, void *buf, size_t n)
{
    cpu_ld_bytes(&cpu->base, addr, buf, n, mmu);
}

/* With an operand that is read: it is fetched before the lock is taken, for it may fault. */
static int io_with_input(S390Board *b, S390Cpu *cpu, unsigned op, uint64_t addr, unsigned mmu)
{
    uint32_t sid = cpu->gpr[1];
    uint8_t buf[CSS_SCHIB_BYTES];
    int cc;

    load_operand(cpu, addr, mmu, buf, op == IO_MSCH ? CSS_SCHIB_BYTES : CSS_ORB_BYTES);
    vm_lock(b->vm);
    cc = op == IO_MSCH ? css_msch(b->css, sid, buf) : css_ssch(b->css, sid, buf);
    vm_unlock(b->vm);
    return cc;
}

/* With an operand that is stored, which must be possible before the subchannel changes. */
static int io_with_output(S390Board *b, S390Cpu *cpu, unsigned op, uint64_t addr, unsigned mmu)
{
    uint32_t sid = cpu->gpr[1];
    unsigned n = op == IO_STCRW ? 4 : op == IO_TSCH ? CSS_IRB_BYTES : CSS_SCHIB_BYTES;
    uint8_t buf[CSS_IRB_BYTES] = { 0 };
    int cc;

    cpu_probe_access(&cpu->base, addr, n, MMU_ACCESS_WRITE, mmu);
    vm_lock(b->vm);
    cc = op == IO_STCRW  ? css_stcrw(b->css, buf)
         : op == IO_TSCH ? css_tsch(b->css, sid, buf)
                         : css_stsch(b->css, sid, buf);
    vm_unlock(b->vm);
    if (cc != 3 && cc >= 0) {
        cpu_st_bytes(&cpu->base, addr, buf, n, mmu);
    }
    return cc;
}

/* TEST PENDING INTERRUPTION: to the operand, or with address 0 to the prefix area. */
static int test_pending(S390Board *b, S390Cpu *cpu, uint64_t addr, unsigned mmu)
{
    uint32_t id, parm, word;
    bool taken;

    if (addr) {
        cpu_probe_access(&cpu->base, addr, 8, MMU_ACCESS_WRITE, mmu);
    }
    vm_lock(b->vm);
    taken = flic_io_take(b->flic, cpu->cr[6] >> 24, &id, &parm, &word);
    vm_unlock(b->vm);
    if (!taken) {
        return 0;
    }
    if (addr) {
        cpu_st32be(&cpu->base, addr, id, mmu);
        cpu_st32be(&cpu->base, addr + 4, parm, mmu);
    } else {
        cpu_st32be(&cpu->base, 0xb8, id, S390_MMU_REAL | S390_MMU_LOW);
        cpu_st32be(&cpu->base, 0xbc, parm, S390_MMU_REAL | S390_MMU_LOW);
        cpu_st32be(&cpu->base, 0xc0, word, S390_MMU_REAL | S390_MMU_LOW);
    }
    return 1;
}

static int simple_io(S390Board *b, const S390Cpu *cpu, unsigned op)
{
    uint32_t sid = (uint32_t)cpu->gpr[1];
    int cc;

    vm_lock(b->vm);
    switch (op) {
    case IO_CSCH: cc = css_csch(b->css, sid); break;
    case IO_HSCH: cc = css_hsch(b->css, sid); break;
    case IO_XSCH: cc = css_xsch(b->css, sid); break;
    case IO_RSCH: cc = css_rsch(b->css, sid); break;
    case IO_RCHP: cc = 3; break; /* no channel path can be reset */
    case IO_SCHM: cc = css_schm(b->css, cpu->gpr[1], cpu->gpr[2]); break;
    default: cc = 0; break; /* SAL: limits have no effect here */
    }
    vm_unlock(b->vm);
    return cc;
}

static int channel_io(S390Board *b, S390Cpu *cpu, unsigned op, uint64_t addr, unsigned mmu)
{
    bool has_operand = op == IO_MSCH || op == IO_SSCH || op == IO_STSCH || op == IO_TSCH ||
                       op == IO_STCRW || op == IO_TPI;
    bool has_sid = op != IO_STCRW && op != IO_TPI && op != IO_SAL && op != IO_RCHP && op != IO_SCHM;

    if ((has_operand && (addr & 3)) || (has_sid && !css_sid_valid(cpu->gpr[1]))) {
        return has_sid && !css_sid_valid(cpu->gpr[1]) ? -PGM_OPERAND : -PGM_SPECIFICATION;
    }
    switch (op) {
    case IO_MSCH:
    case IO_SSCH: return io_with_input(b, cpu, op, addr, mmu);
    case IO_STSCH:
    case IO_TSCH:
    case IO_STCRW: return io_with_output(b, cpu, op, addr, mmu);
    case IO_TPI: return test_pending(b, cpu, addr, mmu);
    default: return simple_io(b, cpu, op);
    }
}

static int chsc(S390Board *b, S390Cpu *cpu, uint64_t page, unsigned mmu)
{
    uint8_t block[4096];
    unsigned length;

    if (page & 0xfff) {
        return -PGM_SPECIFICATION;
    }
    cpu_ld_bytes(&cpu->base, page, block, sizeof(block), mmu);
    length = block[0] << 8 | block[1];
    if (length < 16 || length > 4088 || (length & 7)) {
        return -PGM_OPERAND;
    }
    cpu_probe_access(&cpu->base, page, sizeof(block), MMU_ACCESS_WRITE, mmu);
    vm_lock(b->vm);
    css_chsc(b->css, block);
    vm_unlock(b->vm);
    length = block[0] << 8 | block[1]; /* request, then response behind it */
    cpu_st_bytes(&cpu->base, page + length, block + length,
                 MIN(sizeof(block) - length, (unsigned)(block[length] << 8 | block[length + 1])),
                 mmu);
    return 0;
}

/* ---- DIAGNOSE ---- */
/* DIAGNOSE 500: function in r1; 3 is "virtqueue r3 of subchannel r2 has work". */
static int diag_virtio(S390Board *b, S390Cpu *cpu)
{
    int r;

    if (cpu->gpr[1] != 3) {
        return -PGM_SPECIFICATION;
    }
    vm_lock(b->vm);
    r = css_sid_valid(cpu->gpr[2]) ? css_queue_notify(b->css, cpu->gpr[2], cpu->gpr[3]) : -1;
    vm_unlock(b->vm);
    cpu->gpr[2] = r < 0 ? (uint64_t)-22 : cpu->gpr[4];
    return 0;
}

static int diag_watchdog(S390Board *b, const S390Cpu *cpu, unsigned r1)
{
    vm_lock(b->vm);
    int r = s390_diag_watchdog(b, cpu, r1);
    vm_unlock(b->vm);
    return r;
}

static bool access_registers(S390Board *b)
{
    return b->access_registers;
}

static int diag(S390Board *b, S390Cpu *cpu, unsigned code, unsigned r1, unsigned r3)
{
    switch (code) {
    case 0x44: /* the rest of the time slice is for others, ... */
    case 0x9c: /* ... or for that CPU */ return b->yields ? 0 : -PGM_SPECIFICATION;
    case 0x288: return diag_watchdog(b, cpu, r1);
    case 0x308: return s390_diag_ipl(b, cpu, r1, r3);
    case 0x500: return diag_virtio(b, cpu);
    default: return -PGM_SPECIFICATION;
    }
}

/* ---- configuration ---- */
static unsigned cpu_count(S390Board *b)
{
    return s390_cpus_present(b->machine);
}

static const char *guest_name(S390Board *b)
{
    return b->vm->name;
}

static const uint8_t *guest_uuid(S390Board *b)
{
    return b->vm->uuid_set ? b->vm->uuid : NULL;
}

/* ---- interruptions ---- */
static bool io_pending(S390Board *b, uint8_t mask)
{
    return flic_io_pending(b->flic, mask);
}
static bool io_take(S390Board *b, uint8_t mask, uint32_t *id, uint32_t *parm, uint32_t *word)
{
    return flic_io_take(b->flic, mask, id, parm, word);
}
static bool service_pending(S390Board *b)
{
    return flic_service_pending(b->flic);
}
static uint32_t service_take(S390Board *b)
{
    return flic_service_take(b->flic);
}
static bool mcheck_pending(S390Board *b)
{
    return flic_mcheck_pending(b->flic);
}
static bool mcheck_take(S390Board *b)
{
    return flic_mcheck_take(b->flic);
}

/* The guest is off when its last CPU has stopped. */
static void cpu_stopped(S390Board *b, S390Cpu *cpu)
{
    vm_lock(b->vm);
    bool any = false;
    for (guint i = 0; i < b->machine->cpus->len; i++) {
        S390Cpu *c = s390_cpu_at(b->machine, i);
        any |= c && c->run_state == S390_CPU_OPERATING;
    }
    if (!any) {
        vm_shutdown_request(b->vm, SHUTDOWN_GUEST_SHUTDOWN);
    }
    vm_unlock(b->vm);
}

/* A disabled wait: one of several CPUs just stops, the last one is a crash. */
static void disabled_wait(S390Board *b, S390Cpu *cpu)
{
    vm_lock(b->vm);
    log_guest_error("s390x: CPU %u is in a disabled wait at 0x%" G_GINT64_MODIFIER "x\n",
                    cpu->address, cpu->pc);
    s390_cpu_set_state(cpu, S390_CPU_STOPPED);
    bool any = false;
    for (guint i = 0; i < b->machine->cpus->len; i++) {
        S390Cpu *c = s390_cpu_at(b->machine, i);
        any |= c && c->run_state == S390_CPU_OPERATING;
    }
    if (!any) {
        vm_guest_panicked(b->vm, NULL);
    }
    vm_unlock(b->vm);
}

/* ---- clock and keys ---- */
static uint64_t tod_base(S390Board *b)
{
    return __atomic_load_n(&b->tod_base, __ATOMIC_RELAXED);
}

static void tod_set_base(S390Board *b, uint64_t base)
{
    __atomic_store_n(&b->tod_base, base, __ATOMIC_RELAXED);
}

static bool keys_record(S390Board *b)
{
    if (s390_keys_recorded(b)) {
        return false;
    }
    vm_lock(b->vm);
    s390_keys_record(b);
    vm_unlock(b->vm);
    return true;
}

const S390BoardOps s390_board_ops = {
    .service_call = service_call,
    .channel_io = channel_io,
    .chsc = chsc,
    .pci = s390_pci,
    .access_registers = access_registers,
    .diag = diag,
    .cpu_count = cpu_count,
    .guest_name = guest_name,
    .guest_uuid = guest_uuid,
    .io_pending = io_pending,
    .io_take = io_take,
    .service_pending = service_pending,
    .service_take = service_take,
    .mcheck_pending = mcheck_pending,
    .mcheck_take = mcheck_take,
    .cpu_stopped = cpu_stopped,
    .disabled_wait = disabled_wait,
    .tod_base = tod_base,
    .tod_set_base = tod_set_base,
    .storage_key = s390_key_at,
    .key_referred = s390_key_referred,
    .keys_record = keys_record,
    .key_get = s390_key_get,
    .key_set = s390_key_set,
};
