/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs cases in Ferry: the x86 target in long mode at CPL 3, with a page map of its own in place of
 * page tables, and exceptions that stop instead of being delivered.
 */
#include <string.h>
#include "base/core/vm.h"
#include "base/memory/space.h"
#include "diff.h"
#include "exec/engine.h"
#include "exec/exec-priv.h"
#include "target/x86/flags.h"
#include "target/x86/fpu.h"
#include "target/x86/system.h"
#include "target/x86/x86.h"

#define RAM_BYTES (DATA_BYTES + 0x2000) /* data, read-only page, code page */
#define RO_PHYS   DATA_BYTES
#define CODE_PHYS (DATA_BYTES + 0x1000)

static struct {
    Vm *vm;
    MemoryRegion root, ram;
    AddressSpace *as;
    ExecEngine *engine;
    CpuTargetOps ops;
    X86Cpu *cpu;
    X86CpuConfig cfg;
    uint8_t *host;
    int trap;
    uint32_t err;
} m;

static bool flat_translate(CpuState *cs, GuestVirt va, MmuAccess access, unsigned mmu_idx,
                           bool probe, MmuResult *res)
{
    X86Cpu *cpu = x86_cpu(cs);
    uint64_t phys = 0;
    unsigned prot = 0;
    if (!x86_canonical(cpu, va)) {
        if (!probe) {
            x86_raise_err(cpu, EXCP_GP, 0);
        }
        return false;
    }
    if (va - DATA_BASE < DATA_BYTES) {
        phys = va - DATA_BASE;
        prot = MMU_R | MMU_W;
    } else if (va - RO_BASE < 0x1000) {
        phys = va - RO_BASE + RO_PHYS;
        prot = MMU_R;
    } else if (va - CODE_BASE < CODE_BYTES) {
        phys = va - CODE_BASE + CODE_PHYS;
        prot = MMU_R | MMU_W | MMU_X;
    }
    unsigned need = access == MMU_ACCESS_READ ? MMU_R : access == MMU_ACCESS_WRITE ? MMU_W : MMU_X;
    if (!(prot & need)) {
        if (!probe) {
            cpu->cr2 = va;
            x86_raise_err(cpu, EXCP_PF,
                          PF_U | (prot ? PF_P : 0) | (access == MMU_ACCESS_WRITE ? PF_W : 0) |
                              (access == MMU_ACCESS_EXEC ? PF_I : 0));
        }
        return false;
    }
    res->phys = phys;
    res->prot = (uint8_t)prot;
    res->lg_size = 12;
    return true;
}

static void stop(CpuState *cs)
{
    m.trap = cs->exception;
    m.err = cs->excp_error;
    cs->halted = 1;
}

void guest_init(const X86GateSet *gates, bool jit)
{
    TypeRegistry *reg = type_registry_new();
    type_registry_seal(reg);
    m.vm = vm_new(reg);
    vm_lock(m.vm);
    if (!memory_setup(m.vm, NULL)) {
        g_error("cannot set up memory");
    }
    memory_region_init(&m.root, m.vm, NULL, "root", UINT64_MAX);
    if (!memory_region_init_ram(&m.ram, m.vm, NULL, "ram", RAM_BYTES, NULL)) {
        g_error("no memory");
    }
    memory_region_add(&m.root, 0, &m.ram);
    m.as = address_space_new(m.vm, &m.root, "cpu");
    m.host = memory_region_ram_ptr(&m.ram);
    ExecConfig config = { .no_threads = true, .max_insns = 1, .jit = jit };
    m.engine = engine_new(m.vm, &config);
    m.ops = x86_target_ops;
    m.ops.mmu_translate = flat_translate;
    m.ops.do_interrupt = stop;
    m.cpu = g_aligned_alloc0(1, sizeof(X86Cpu), 64);
    m.cpu->sys.vm = m.vm;
    m.cpu->sys.cfg = &m.cfg;
    m.cpu->sys.a20_mask = UINT64_MAX;
    cpu_init(&m.cpu->base, m.engine, &m.ops, m.as);
    vm_unlock(m.vm);
    X86Cpu *c = m.cpu;
    c->gates = *gates;
    c->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    c->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    c->efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
    c->xcr0 = 7;
    uint32_t data = X86_SEG_P | X86_SEG_S | X86_SEG_RW | X86_SEG_ACC | X86_SEG_DPL | X86_SEG_G;
    for (unsigned k = 0; k < 6; k++) {
        c->seg[k] = (X86Seg){ .sel = 0x2b, .attr = data | X86_SEG_DB, .limit = UINT32_MAX };
    }
    c->seg[X86_CS] =
        (X86Seg){ .sel = 0x33, .attr = data | X86_SEG_CODE | X86_SEG_L, .limit = UINT32_MAX };
    memcpy(m.host + RO_PHYS, gen_ro_page(), 0x1000);
    memset(m.host + CODE_PHYS, CODE_FILL, CODE_BYTES);
}

static void load(const Case *c)
{
    X86Cpu *cpu = m.cpu;
    const Image *s = &c->in;
    RamAddr ram = ram_block_addr(m.ram.ram);
    uint8_t *code = m.host + CODE_PHYS + (CODE_AT - CODE_BASE);
    memcpy(m.host, c->mem_in, DATA_BYTES);
    memset(m.host + CODE_PHYS, CODE_FILL, CODE_BYTES);
    memcpy(code, c->code, c->len);
    engine_invalidate_ram(m.engine, ram + CODE_PHYS, CODE_BYTES);
    memcpy(cpu->gpr, s->gpr, sizeof cpu->gpr);
    memcpy(cpu->ymm, s->ymm, sizeof cpu->ymm);
    cpu->rip = s->rip;
    x86_eflags_set(cpu, (uint32_t)s->rflags);
    cpu->mxcsr = s->mxcsr;
    cpu->fpcw = s->fcw;
    x87_set_status_word(cpu, s->fsw);
    x87_set_abridged_tag(cpu, s->ftw);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(&cpu->st[(cpu->fp_top + k) & 7], s->st[k], 10);
    }
    cpu->int_shadow = 0;
    cpu->seg[X86_CS].attr &= ~(X86_SEG_L | X86_SEG_DB);
    cpu->seg[X86_CS].attr |= c->mode == 64 ? X86_SEG_L : X86_SEG_DB;
    x86_mode_update(cpu);
}

static void save(Image *s)
{
    X86Cpu *cpu = m.cpu;
    memset(s, 0, sizeof *s);
    memcpy(s->gpr, cpu->gpr, sizeof s->gpr);
    memcpy(s->ymm, cpu->ymm, sizeof s->ymm);
    s->rip = cpu->rip;
    s->rflags = x86_eflags_get(cpu);
    s->mxcsr = cpu->mxcsr;
    s->fcw = cpu->fpcw;
    s->fsw = x87_status_word(cpu);
    s->ftw = x87_abridged_tag(cpu);
    for (unsigned k = 0; k < 8; k++) {
        memcpy(s->st[k], &cpu->st[(cpu->fp_top + k) & 7], 10);
    }
    s->trap = m.trap;
    s->err = m.err;
    s->cr2 = m.trap == EXCP_PF ? cpu->cr2 : 0;
}

void guest_run(const Case *c, Image *out, const uint8_t **mem)
{
    load(c);
    m.trap = -1;
    m.cpu->base.halted = 0;
    m.cpu->base.stopped = 0;
    while (m.trap < 0) {
        cpu_exec(&m.cpu->base);
    }
    save(out);
    *mem = m.host;
}

void guest_exit(void)
{
    vm_lock(m.vm);
    cpu_clear(&m.cpu->base);
    engine_free(m.engine);
    address_space_free(m.as);
    memory_region_clear(&m.ram);
    memory_region_clear(&m.root);
    memory_teardown(m.vm);
    vm_unlock(m.vm);
    vm_free(m.vm);
    g_aligned_free(m.cpu);
}
