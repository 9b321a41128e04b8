/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts, single step, far transfers, segment checks and ports, where translated code and the
 * system side of x86 meet. Most programs run in real mode, where handlers need only a vector.
 */
#include <string.h>
#include "exec/exec-priv.h"
#include "target/x86/decode.h"
#include "x86-machine.h"

static X86Machine *m;

/* Real mode: handler code at 0:at for a vector. */
static void handler(unsigned vector, unsigned at, const void *code, size_t len)
{
    uint8_t entry[4] = { at & 0xff, at >> 8, 0, 0 };
    memcpy(m->mem + vector * 4, entry, 4);
    memcpy(m->mem + at, code, len);
}

static void real_mode(void)
{
    x86m_reset(m, 16);
    m->deliver = true;
    m->cpu->idt = (X86Dt){ .base = 0, .limit = 0x3ff };
}

static void test_a_software_interrupt_returns_behind_itself(void)
{
    real_mode();
    handler(0x21, 0x600, "\xb8\x34\x12\xcf", 4); /* mov ax, 1234h; iret */
    x86m_run_hex(m, "f9 cd 21 89 c1");           /* stc; int 21h; mov cx, ax */
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 0x1234);
    g_assert_cmphex(m->cpu->gpr[X86_RSP], ==, 0x8000);
    g_assert_true(x86_eflags_get(m->cpu) & X86_CF);
}

static void test_into_and_bound_trap_only_when_they_should(void)
{
    real_mode();
    handler(4, 0x600, "\x41\xcf", 2);                    /* inc cx; iret */
    x86m_run_hex(m, "b0 7f fe c0 ce f8 b0 01 fe c0 ce"); /* overflow; into; none; into */
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 1);
    x86m_reset(m, 16);
    m->cpu->gpr[X86_RBX] = 0x900;
    memcpy(m->mem + 0x900, "\xfe\xff\x05\x00", 4); /* -2..5 */
    m->cpu->gpr[X86_RAX] = 0xffff;
    x86m_run_hex(m, "62 07");
    g_assert_cmpint(m->vector, ==, -1);
    m->cpu->gpr[X86_RAX] = 6;
    m->cpu->rip = 0;
    x86m_run_hex(m, "62 07");
    g_assert_cmpint(m->vector, ==, EXCP_BR);
}

/* ---- REP and interrupts ---- */

static unsigned walks;
static bool (*real_translate)(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu,
                              bool probe, MmuResult *res);

/* Somebody asks for the CPU when it comes to the fifth page. */
static bool asking_translate(CpuState *cpu, GuestVirt va, MmuAccess access, unsigned mmu,
                             bool probe, MmuResult *res)
{
    if (va >= 0x100000 && ++walks == 5) {
        cpu_exit_request(cpu);
    }
    return real_translate(cpu, va, access, mmu, probe, res);
}

/* REP gives way at the next page, with its registers where it was, and goes on from there. */
static void rep_gives_way(const char *hex, unsigned bytes_per_count)
{
    X86Cpu *cpu = m->cpu;
    const uint64_t total = 0x40000;

    x86m_reset(m, 32);
    cpu->gpr[X86_RCX] = total / bytes_per_count;
    cpu->gpr[X86_RSI] = 0x200000;
    cpu->gpr[X86_RDI] = 0x100000;
    cpu->gpr[X86_RAX] = 0x11111111;
    memset(m->mem + 0x200000, 0x11, total);
    walks = 0;
    real_translate = m->ops.mmu_translate;
    m->ops.mmu_translate = asking_translate;
    x86m_load(m, hex, strlen(hex));
    cpu->base.halted = 0;
    cpu->base.exception = CPU_EXCP_NONE;
    cpu_exec(&cpu->base);
    uint64_t done = total - cpu->gpr[X86_RCX] * bytes_per_count;
    g_assert_cmpuint(done, >=, 2 * 0x1000);
    g_assert_cmpuint(done, <=, 5 * 0x1000);
    g_assert_cmphex(cpu->gpr[X86_RDI], ==, 0x100000 + done);
    g_assert_cmphex(cpu->rip, ==, X86M_CODE);
    g_assert_false(cpu->base.halted);
    x86m_resume(m);
    m->ops.mmu_translate = real_translate;
    g_assert_cmpuint(cpu->gpr[X86_RCX], ==, 0);
    g_assert_true(m->mem[0x100000] == 0x11 && m->mem[0x100000 + total - 1] == 0x11);
}

static void test_rep_gives_way_at_a_page(void)
{
    rep_gives_way("\xf3\xaa", 1); /* stosb */
    rep_gives_way("\xf3\xab", 4); /* stosd */
    rep_gives_way("\xf3\xa4", 1); /* movsb */
    rep_gives_way("\xf3\xa5", 4); /* movsd */
}

/* The handler counts at [700h]. BX: flags with TF clear, AX: with TF set. */
static unsigned count_steps(const char *code)
{
    char text[128];
    uint16_t n;
    real_mode();
    handler(1, 0x600, "\xff\x06\x00\x07\xcf", 5); /* inc word [700h]; iret */
    m->cpu->gpr[X86_RAX] = 0x102;
    m->cpu->gpr[X86_RBX] = 2;
    m->cpu->gpr[X86_RCX] = 3;
    m->cpu->gpr[X86_RDI] = 0x900;
    g_snprintf(text, sizeof text, "50 9d %s 53 9d", code); /* push ax; popf; ...; push bx; popf */
    x86m_run_hex(m, text);
    g_assert_cmpint(m->vector, ==, -1);
    memcpy(&n, m->mem + 0x700, 2);
    return n - 2; /* the last PUSH and POPF are stepped too */
}

static void test_single_step_traps_after_each_instruction(void)
{
    g_assert_cmpuint(count_steps("90"), ==, 1);
    g_assert_cmpuint(count_steps("90 40 41"), ==, 3);
    g_assert_cmpuint(count_steps("eb 00"), ==, 1);
    g_assert_cmpuint(count_steps("75 00"), ==, 1);
    g_assert_cmpuint(count_steps("e8 00 00 5a"), ==, 2);
}

static void test_single_step_traps_after_each_element_of_rep(void)
{
    g_assert_cmpuint(count_steps("f3 aa"), ==, 3);
    g_assert_cmphex(m->cpu->gpr[X86_RDI], ==, 0x903);
}

static void test_far_calls_and_jumps_change_cs(void)
{
    real_mode();
    memcpy(m->mem + 0x800, "\x8c\xc9\xcb", 3);        /* mov cx, cs; retf */
    x86m_run_hex(m, "b9 ff ff 9a 00 08 00 00 8c ca"); /* ...; mov dx, cs */
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 0);
    g_assert_cmphex(m->cpu->gpr[X86_RDX], ==, X86M_CODE >> 4);
    g_assert_cmphex(m->cpu->gpr[X86_RSP], ==, 0x8000);
    real_mode();
    memcpy(m->mem + 0x800, "\xb0\x55\xf4", 3);
    x86m_run_hex(m, "ea 00 08 00 00");
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 0x55);
    g_assert_cmphex(m->cpu->seg[X86_CS].base, ==, 0);
}

static void test_a_loaded_segment_is_used_at_once(void)
{
    real_mode();
    m->mem[0x12345] = 0x9c;
    x86m_run_hex(m, "b8 34 12 8e c0 26 a0 05 00"); /* mov es, 1234h; mov al, es:[5] */
    g_assert_cmphex(m->cpu->gpr[X86_RAX] & 0xff, ==, 0x9c);
    /* LES loads both halves. */
    real_mode();
    memcpy(m->mem + 0x900, "\x78\x56\x34\x12", 4);
    m->cpu->gpr[X86_RBX] = 0x900;
    x86m_run_hex(m, "c4 07 8c c1");
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 0x5678);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 0x1234);
}

static int fs_access(uint32_t attr, uint32_t limit, uint32_t offset, const char *code)
{
    x86m_reset(m, 32);
    m->cpu->seg[X86_FS] = (X86Seg){
        .sel = 0x20, .base = X86M_DATA, .limit = limit, .attr = X86_SEG_P | X86_SEG_S | attr
    };
    x86_mode_update(m->cpu);
    m->cpu->gpr[X86_RBX] = offset;
    x86m_run_hex(m, code);
    return m->vector;
}

static void test_segments_check_limit_direction_and_rights(void)
{
    const char *load = "64 8b 03", *store = "64 89 03";
    uint32_t rw = X86_SEG_RW | X86_SEG_DB;
    g_assert_cmpint(fs_access(rw, 0xfff, 0xffc, load), ==, -1);
    g_assert_cmpint(fs_access(rw, 0xfff, 0xffd, load), ==, EXCP_GP);
    g_assert_cmpint(fs_access(rw | X86_SEG_DC, 0xfff, 0xfff, load), ==, EXCP_GP);
    g_assert_cmpint(fs_access(rw | X86_SEG_DC, 0xfff, 0x1000, load), ==, -1);
    g_assert_cmpint(fs_access(X86_SEG_DB, 0xfff, 0, load), ==, -1); /* read-only data */
    g_assert_cmpint(fs_access(X86_SEG_DB, 0xfff, 0, store), ==, EXCP_GP);
    g_assert_cmpint(fs_access(X86_SEG_CODE | X86_SEG_DB, 0xfff, 0, load), ==, EXCP_GP);
    g_assert_cmpint(fs_access(X86_SEG_CODE | rw, 0xfff, 0, load), ==, -1);
    g_assert_cmpint(fs_access(X86_SEG_CODE | rw, 0xfff, 0, store), ==, EXCP_GP);
    x86m_reset(m, 32);
    m->cpu->seg[X86_FS] = (X86Seg){ 0 }; /* null selector */
    x86m_run_hex(m, load);
    g_assert_cmpint(m->vector, ==, EXCP_GP);
}

static void test_sixty_four_bit_code_uses_only_fs_and_gs_bases(void)
{
    x86m_reset(m, 64);
    m->cpu->seg[X86_DS].base = 0x5000;
    m->cpu->seg[X86_GS].base = X86M_DATA;
    m->cpu->seg[X86_GS].limit = 0;
    m->mem[X86M_DATA + 0x10] = 0x21;
    m->mem[X86M_DATA + 0x20] = 0x43;
    m->cpu->gpr[X86_RBX] = X86M_DATA + 0x20;
    x86m_run_hex(m, "65 8a 04 25 10 00 00 00 8a 0b");
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 0x21);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 0x43);
}

static void test_an_empty_port_reads_ones(void)
{
    x86m_reset(m, 16);
    x86m_run_hex(m, "e4 42 ba 00 70 66 ed e7 42");
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 0xffffffff);
}

static void test_privileged_instructions_need_privilege(void)
{
    static const char *const codes[] = { "f4", "0f 22 d8", "0f 30", "0f 01 18", "fa", "e4 42" };
    for (unsigned k = 0; k < G_N_ELEMENTS(codes); k++) {
        x86m_reset(m, 32);
        m->cpu->seg[X86_CS].sel |= 3;
        m->cpu->seg[X86_CS].attr |= X86_SEG_DPL;
        m->cpu->seg[X86_SS].sel |= 3;
        m->cpu->seg[X86_SS].attr |= X86_SEG_DPL;
        m->cpu->seg[X86_TR].limit = 0x10; /* no I/O permission bitmap */
        x86_mode_update(m->cpu);
        x86m_run_hex(m, codes[k]);
        g_assert_cmpint(m->vector, ==, EXCP_GP);
        g_assert_cmphex(m->cpu->rip, ==, X86M_CODE);
    }
}

static void test_swapgs_changes_where_gs_leads(void)
{
    x86m_reset(m, 64);
    m->cpu->seg[X86_GS].base = X86M_DATA;
    m->cpu->kernel_gs_base = X86M_DATA + 0x100;
    m->mem[X86M_DATA] = 1;
    m->mem[X86M_DATA + 0x100] = 2;
    x86m_run_hex(m, "65 8a 04 25 00 00 00 00 0f 01 f8 65 8a 0c 25 00 00 00 00");
    g_assert_cmpint(m->vector, ==, -1);
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 1);
    g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 2);
    g_assert_cmphex(m->cpu->seg[X86_GS].base, ==, X86M_DATA + 0x100);
    g_assert_cmphex(m->cpu->kernel_gs_base, ==, X86M_DATA);
}

/* A jump does not store flags that the code it leads to overwrites; when that code changes to read them,
 * they are there. */
static void test_flags_live_again_after_a_change_of_the_target(void)
{
    /* cmp eax, 5; jne +0x50; (hlt) ... at 0x55: add ecx, 1; hlt */
    uint8_t code[0x60] = { 0x83, 0xf8, 0x05, 0x75, 0x50, 0xf4, [0x55] = 0x83, 0xc1, 0x01, 0xf4 };
    static const uint8_t reads[] = { 0x0f, 0x92, 0xc1, 0xf4 }; /* setb cl; hlt */

    x86m_reset(m, 64);
    for (unsigned round = 0; round < 3; round++) {
        m->cpu->gpr[X86_RAX] = round == 1 ? 4 : 6;
        m->cpu->gpr[X86_RCX] = 0x40;
        if (round == 0) {
            x86m_run(m, code, sizeof code);
            g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, 0x41);
            memcpy(code + 0x55, reads, sizeof reads);
            address_space_write(address_space_memory(m->vm), X86M_CODE + 0x55, MEM_ATTRS_NONE,
                                reads, sizeof reads);
        } else {
            m->cpu->rip = X86M_CODE;
            x86m_resume(m);
            g_assert_cmphex(m->cpu->gpr[X86_RCX], ==, round == 1);
        }
    }
}

/* The mode that STAC makes holds for what follows in its region, and ends with it. */
static void test_stac_lets_through_up_to_clac(void)
{
    static const char *const code[] = {
        "0f 01 cb 8a 06 0f 01 ca 88 c1",             /* stac; mov al, [rsi]; clac; mov cl, al */
        "0f 01 cb 8a 06 0f 01 ca 8a 0e",             /* ...; mov cl, [rsi] */
        "0f 01 cb 85 c0 74 00 8a 06 0f 01 ca 8a 0e", /* with a branch between */
    };

    for (unsigned k = 0; k < G_N_ELEMENTS(code); k++) {
        x86m_reset(m, 64);
        /* the data lie in user pages, the code does not */
        uint64_t *pd = (uint64_t *)(m->mem + 0x102000), was = pd[2];
        pd[2] |= 4;
        ((uint64_t *)(m->mem + 0x100000))[0] |= 4;
        ((uint64_t *)(m->mem + 0x101000))[0] |= 4;
        m->mem[0x400000] = 0x77;
        m->cpu->cr4 |= 1u << 21; /* SMAP */
        x86_mode_update(m->cpu);
        x86_paging_changed(m->cpu);
        m->cpu->gpr[X86_RSI] = 0x400000;
        x86m_run_hex(m, code[k]);
        g_assert_cmpint(m->vector, ==, k == 0 ? -1 : EXCP_PF);
        g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 0x77);
        g_assert_cmphex(m->cpu->mode & MODE_NOSMAP, ==, 0);
        g_assert_cmphex(m->cpu->eflags & X86_AC, ==, 0);
        pd[2] = was;
    }
}

static void pause_own(void *opaque)
{
    engine_pause_own(opaque);
}

static void power_off(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    vm_shutdown_request(m->vm, SHUTDOWN_GUEST_SHUTDOWN);
}

static void test_nothing_runs_behind_the_store_that_powers_off(void)
{
    static const RegionOps ops = { .write = power_off };
    MemoryRegion port;

    vm_lock(m->vm);
    memory_region_init_io(&port, m->vm, NULL, &ops, NULL, "power", 1);
    memory_region_add(memory_io_region(m->vm), 0x80, &port);
    vm_unlock(m->vm);
    m->vm->ports.cpu_pause_own = pause_own;
    m->vm->ports.cpu_opaque = m->engine;
    x86m_reset(m, 64);
    x86m_load(m, "\xe6\x80\xff\xc0", 4); /* out 80h, al; inc eax; hlt */
    while (!cpu_is_stopped(&m->cpu->base) && !m->cpu->base.halted) {
        cpu_exec(&m->cpu->base);
    }
    g_assert_cmphex(m->cpu->rip, ==, X86M_CODE + 2);
    g_assert_cmphex(m->cpu->gpr[X86_RAX], ==, 0);
    g_assert_true(cpu_is_stopped(&m->cpu->base));
    m->vm->ports.cpu_pause_own = NULL;
    vm_lock(m->vm);
    cpu_resume(&m->cpu->base);
    memory_region_del(memory_io_region(m->vm), &port);
    memory_region_clear(&port);
    vm_unlock(m->vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    m = x86m_new();
#define T(name, fn) g_test_add_func("/target/x86/flow/" name, fn)
    T("a-software-interrupt-returns-behind-itself",
      test_a_software_interrupt_returns_behind_itself);
    T("into-and-bound-trap-only-when-they-should", test_into_and_bound_trap_only_when_they_should);
    T("single-step-traps-after-each-instruction", test_single_step_traps_after_each_instruction);
    T("rep-gives-way-at-a-page", test_rep_gives_way_at_a_page);
    T("single-step-traps-after-each-element-of-rep",
      test_single_step_traps_after_each_element_of_rep);
    T("far-calls-and-jumps-change-cs", test_far_calls_and_jumps_change_cs);
    T("a-loaded-segment-is-used-at-once", test_a_loaded_segment_is_used_at_once);
    T("segments-check-limit-direction-and-rights", test_segments_check_limit_direction_and_rights);
    T("sixty-four-bit-code-uses-only-fs-and-gs-bases",
      test_sixty_four_bit_code_uses_only_fs_and_gs_bases);
    T("an-empty-port-reads-ones", test_an_empty_port_reads_ones);
    T("privileged-instructions-need-privilege", test_privileged_instructions_need_privilege);
    T("swapgs-changes-where-gs-leads", test_swapgs_changes_where_gs_leads);
    T("flags-live-again-after-a-change-of-the-target",
      test_flags_live_again_after_a_change_of_the_target);
    T("stac-lets-through-up-to-clac", test_stac_lets_through_up_to_clac);
    T("nothing-runs-behind-the-store-that-powers-off",
      test_nothing_runs_behind_the_store_that_powers_off);
    int r = g_test_run();
    x86m_free(m);
    return r;
}
