/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flat test machine of x86-machine.h.
 */
#include <stddef.h>
#include <string.h>
#include "target/x86/decode.h"
#include "exec/exec-priv.h"
#include "x86-machine.h"

#define TABLES 0x100000u

static X86Machine *current; /* the machine that runs */

static void record_exception(CpuState *cs)
{
    if (current->deliver) {
        x86_target_ops.do_interrupt(cs);
        return;
    }
    current->vector = cs->exception;
    current->error = cs->excp_error;
    cs->exception = CPU_EXCP_NONE;
    cs->halted = 1;
    cpu_exit_request(cs);
}

static bool no_interrupt(CpuState *cs, uint32_t request)
{
    return false;
}

static bool no_work(CpuState *cs)
{
    return false;
}

X86Machine *x86m_new_with(const ExecConfig *config)
{
    X86Machine *m = g_new0(X86Machine, 1);
    TypeRegistry *reg = type_registry_new();

    type_registry_seal(reg);
    m->vm = vm_new(reg);
    vm_lock(m->vm);
    g_assert_true(memory_setup(m->vm, NULL));
    g_assert_true(memory_region_init_ram(&m->ram, m->vm, NULL, "ram", X86M_RAM, NULL));
    memory_region_add(memory_system_region(m->vm), 0, &m->ram);
    m->mem = memory_region_ram_ptr(&m->ram);
    m->engine = engine_new(m->vm, config);
    x86_config_init(&m->cfg);
    x86_config_set_model(&m->cfg, x86_model_find("max"));
    g_assert_true(x86_config_finish(&m->cfg, NULL, NULL, NULL));
    m->cpu = g_aligned_alloc0(1, sizeof(X86Cpu), 64);
    x86_cpu_setup(m->cpu, m->vm, &m->cfg);
    m->ops = *m->cpu->base.ops;
    m->ops.do_interrupt = record_exception;
    m->ops.poll_interrupt = no_interrupt;
    m->ops.has_work = no_work;
    cpu_init(&m->cpu->base, m->engine, &m->ops, address_space_memory(m->vm));
    vm_unlock(m->vm);
    return m;
}

X86Machine *x86m_new(void)
{
    ExecConfig config = { .no_threads = true };

    return x86m_new_with(&config);
}

void x86m_free(X86Machine *m)
{
    vm_lock(m->vm);
    cpu_clear(&m->cpu->base);
    g_aligned_free(m->cpu);
    engine_free(m->engine);
    memory_region_clear(&m->ram);
    memory_teardown(m->vm);
    vm_unlock(m->vm);
    vm_free(m->vm);
    g_free(m);
}

static void put64(X86Machine *m, uint32_t at, uint64_t v)
{
    memcpy(m->mem + at, &v, 8);
}

static void identity_tables(X86Machine *m)
{
    put64(m, TABLES, (TABLES + 0x1000) | 3);
    put64(m, TABLES + 0x1000, (TABLES + 0x2000) | 3);
    for (unsigned k = 0; k < 8; k++) {
        put64(m, TABLES + 0x2000 + 8 * k, k * 0x200000u == X86M_HOLE ? 0 : k * 0x200000u | 0x83);
    }
}

void x86m_reset(X86Machine *m, unsigned mode)
{
    X86Cpu *cpu = m->cpu;
    m->deliver = false;
    uint32_t big = mode == 16 ? 0 : X86_SEG_DB | X86_SEG_G;

    vm_lock(m->vm);
    x86_cpu_reset(cpu, false);
    memset(m->mem, 0, X86M_RAM);
    memset(cpu->gpr, 0, sizeof cpu->gpr);
    for (unsigned s = X86_ES; s <= X86_GS; s++) {
        cpu->seg[s] = (X86Seg){ .sel = mode == 16    ? 0
                                       : s == X86_CS ? 8
                                                     : 16,
                                .attr = X86_SEG_P | X86_SEG_S | X86_SEG_RW | X86_SEG_ACC | big,
                                .limit = mode == 16 ? 0xffff : 0xffffffffu };
    }
    cpu->seg[X86_CS].attr |= X86_SEG_CODE;
    if (mode == 16) { /* code at its place, stack and data below 64 KiB */
        cpu->seg[X86_CS].sel = X86M_CODE >> 4;
        cpu->seg[X86_CS].base = X86M_CODE;
    } else {
        cpu->cr0 = 0x11;
    }
    cpu->cr4 = 0x40620; /* PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
    cpu->xcr0 = 7;
    if (mode == 64) {
        identity_tables(m);
        cpu->cr3 = TABLES;
        cpu->cr0 = 0x80000011;
        cpu->efer = 0xd01; /* SCE, LME, LMA, NXE */
        cpu->seg[X86_CS].attr = (cpu->seg[X86_CS].attr & ~X86_SEG_DB) | X86_SEG_L;
    }
    cpu->gpr[X86_RSP] = mode == 16 ? 0x8000 : X86M_STACK;
    cpu->rip = mode == 16 ? 0 : X86M_CODE;
    x86_mode_update(cpu);
    cpu_tlb_flush(&cpu->base);
    vm_unlock(m->vm);
}

void x86m_load(X86Machine *m, const void *code, size_t len)
{
    memcpy(m->mem + X86M_CODE, code, len);
    m->mem[X86M_CODE + len] = 0xf4;
    vm_lock(m->vm);
    engine_flush_translations(m->engine); /* code was written behind the engine's back */
    vm_unlock(m->vm);
}

void x86m_resume(X86Machine *m)
{
    X86Cpu *cpu = m->cpu;

    current = m;
    m->vector = -1;
    cpu->base.halted = 0;
    cpu->base.exception = CPU_EXCP_NONE;
    while (!cpu->base.halted) {
        cpu_exec(&cpu->base);
    }
}

void x86m_run(X86Machine *m, const void *code, size_t len)
{
    x86m_load(m, code, len);
    x86m_resume(m);
}

void x86m_run_hex(X86Machine *m, const char *hex)
{
    uint8_t code[512];
    size_t n = 0;

    for (const char *p = hex; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        g_assert_cmpuint(n, <, sizeof code);
        code[n++] = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
        p += 2;
    }
    x86m_run(m, code, n);
}
