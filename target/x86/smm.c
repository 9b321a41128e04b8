/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System management mode: entry, RSM, and the two state save maps. Offsets are from SMBASE +
 * 0x8000. CPUs with long mode use AMD's 64-bit map (revision 0x20064), others the 32-bit
 * map (0x20000). AMD APM vol. 2 ch. 10, Intel SDM vol. 3 ch. 31 (legacy map).
 */
#include "seg-priv.h"

#include <string.h>

#include "base/memory/space.h"
#include "base/util/endian.h"
#include "base/util/log.h"

#define MAP_SIZE 0x200u
#define MAP_OFF  0xfe00u /* where the map begins, from SMBASE + 0x8000 */

typedef struct {
    uint8_t b[MAP_SIZE];
} Map;

static void put(Map *m, unsigned off, uint64_t v, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        m->b[off - 0x7e00 + i] = v >> (i * 8);
    }
}

static uint64_t get(const Map *m, unsigned off, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)m->b[off - 0x7e00 + i] << (i * 8);
    }
    return v;
}

static AddressSpace *smm_space(X86Cpu *cpu)
{
    return cpu->base.as[X86_AS_SMM] ? cpu->base.as[X86_AS_SMM] : cpu->base.as[X86_AS_NORMAL];
}

/* 64-bit map: ES, CS, SS, DS, FS, GS at 0x7e00 + 16 n: selector, attributes, limit, base. */
static void put_seg64(Map *m, unsigned off, const X86Seg *s)
{
    put(m, off, s->sel, 2);
    put(m, off + 2, (s->attr >> 8 & 0xff) | (s->attr >> 12 & 0xf00), 2);
    put(m, off + 4, s->limit, 4);
    put(m, off + 8, s->base, 8);
}

static void get_seg64(const Map *m, unsigned off, X86Seg *s)
{
    uint32_t attr = get(m, off + 2, 2);

    s->sel = get(m, off, 2);
    s->attr = (attr & 0xff) << 8 | (attr & 0xf00) << 12;
    s->limit = get(m, off + 4, 4);
    s->base = get(m, off + 8, 8);
}

static void save64(X86Cpu *cpu, Map *m)
{
    static const uint16_t seg_off[8] = { 0x7e00, 0x7e10, 0x7e20, 0x7e30,
                                         0x7e40, 0x7e50, 0x7e70, 0x7e90 };

    for (unsigned i = 0; i < 8; i++) {
        put_seg64(m, seg_off[i], &cpu->seg[i]);
    }
    put(m, 0x7e64, cpu->gdt.limit, 4);
    put(m, 0x7e68, cpu->gdt.base, 8);
    put(m, 0x7e84, cpu->idt.limit, 4);
    put(m, 0x7e88, cpu->idt.base, 8);
    put(m, 0x7ec9, cpu->base.halted, 1); /* auto-halt restart */
    put(m, 0x7ed0, cpu->efer, 8);
    put(m, 0x7efc, 0x20064, 4);
    put(m, 0x7f00, cpu->sys.smbase, 4);
    put(m, 0x7f48, cpu->cr4, 8);
    put(m, 0x7f50, cpu->cr3, 8);
    put(m, 0x7f58, cpu->cr0, 8);
    put(m, 0x7f60, cpu->dr[7], 8);
    put(m, 0x7f68, cpu->dr[6], 8);
    put(m, 0x7f70, x86_eflags_get(cpu), 8);
    put(m, 0x7f78, cpu->rip, 8);
    for (unsigned i = 0; i < 16; i++) {
        put(m, 0x7ff8 - i * 8, cpu->gpr[i], 8);
    }
}

/* The 32-bit map has ES..DS hidden parts at 0x7f84 + 12 n, FS and GS at 0x7f2c + 12 (n - 3). */
static void put_seg32(Map *m, unsigned n, const X86Seg *s)
{
    unsigned off = n < 3 ? 0x7f84 + n * 12 : 0x7f2c + (n - 3) * 12;

    put(m, 0x7fa8 + n * 4, s->sel, 4);
    put(m, off + 8, s->base, 4);
    put(m, off + 4, s->limit, 4);
    put(m, off, s->attr >> 8 & 0xf0ff, 4);
}

static void get_seg32(const Map *m, unsigned n, X86Seg *s)
{
    unsigned off = n < 3 ? 0x7f84 + n * 12 : 0x7f2c + (n - 3) * 12;

    s->sel = get(m, 0x7fa8 + n * 4, 2);
    s->base = get(m, off + 8, 4);
    s->limit = get(m, off + 4, 4);
    s->attr = (get(m, off, 4) & 0xf0ff) << 8;
}

static void save32(X86Cpu *cpu, Map *m)
{
    put(m, 0x7ffc, cpu->cr0, 4);
    put(m, 0x7ff8, cpu->cr3, 4);
    put(m, 0x7ff4, x86_eflags_get(cpu), 4);
    put(m, 0x7ff0, cpu->rip, 4);
    for (unsigned i = 0; i < 8; i++) {
        put(m, 0x7fd0 + i * 4, cpu->gpr[i], 4);
    }
    put(m, 0x7fcc, cpu->dr[6], 4);
    put(m, 0x7fc8, cpu->dr[7], 4);
    put(m, 0x7fc4, cpu->seg[R_TR].sel, 4);
    put(m, 0x7f64, cpu->seg[R_TR].base, 4);
    put(m, 0x7f60, cpu->seg[R_TR].limit, 4);
    put(m, 0x7f5c, cpu->seg[R_TR].attr >> 8 & 0xf0ff, 4);
    put(m, 0x7fc0, cpu->seg[R_LDTR].sel, 4);
    put(m, 0x7f80, cpu->seg[R_LDTR].base, 4);
    put(m, 0x7f7c, cpu->seg[R_LDTR].limit, 4);
    put(m, 0x7f78, cpu->seg[R_LDTR].attr >> 8 & 0xf0ff, 4);
    put(m, 0x7f74, cpu->gdt.base, 4);
    put(m, 0x7f70, cpu->gdt.limit, 4);
    put(m, 0x7f58, cpu->idt.base, 4);
    put(m, 0x7f54, cpu->idt.limit, 4);
    for (unsigned i = 0; i < 6; i++) {
        put_seg32(m, i, &cpu->seg[i]);
    }
    put(m, 0x7f14, cpu->cr4, 4);
    put(m, 0x7f02, cpu->base.halted, 1);
    put(m, 0x7efc, 0x20000, 4);
    put(m, 0x7ef8, cpu->sys.smbase, 4);
}

void x86_enter_smm(X86Cpu *cpu)
{
    Map m;

    log_printf(LOG_INT, "%u: SMM enter, IP=%016" PRIx64 "\n", cpu->base.index, cpu->rip);
    memset(&m, 0, sizeof(m));
    cpu->sys.smm = true;
    cpu->sys.smm_was_nmi_blocked = cpu->sys.nmi_blocked;
    cpu->sys.nmi_blocked = true;
    cpu->sys.smi_count++;
    if (X86_FEAT_LM(cpu->sys.cfg)) {
        save64(cpu, &m);
    } else {
        save32(cpu, &m);
    }
    address_space_write(smm_space(cpu), cpu->sys.smbase + MAP_OFF, MEM_ATTRS_NONE, m.b, MAP_SIZE);

    cpu->eflags = 0;
    x86_eflags_set(cpu, 2);
    cpu->rip = 0x8000;
    cpu->int_shadow = 0;
    cpu->sys.trap_armed = 0;
    for (unsigned r = R_ES; r <= R_GS; r++) {
        cpu->seg[r] =
            (X86Seg){ .limit = UINT32_MAX,
                      .attr = X86_SEG_P | X86_SEG_S | X86_SEG_RW | X86_SEG_ACC | X86_SEG_G };
    }
    cpu->seg[R_CS].sel = cpu->sys.smbase >> 4;
    cpu->seg[R_CS].base = cpu->sys.smbase;
    cpu->efer = 0;
    cpu->cr0 &= ~(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    cpu->cr4 = 0;
    cpu->dr[7] = DR7_FIXED;
    x86_paging_changed(cpu);
    x86_mode_update(cpu);
}

static void load64(X86Cpu *cpu, const Map *m)
{
    static const uint16_t seg_off[8] = { 0x7e00, 0x7e10, 0x7e20, 0x7e30,
                                         0x7e40, 0x7e50, 0x7e70, 0x7e90 };

    cpu->efer = get(m, 0x7ed0, 8);
    cpu->gdt.base = get(m, 0x7e68, 8);
    cpu->gdt.limit = get(m, 0x7e64, 4);
    cpu->idt.base = get(m, 0x7e88, 8);
    cpu->idt.limit = get(m, 0x7e84, 4);
    for (unsigned i = 0; i < 16; i++) {
        cpu->gpr[i] = get(m, 0x7ff8 - i * 8, 8);
    }
    cpu->rip = get(m, 0x7f78, 8);
    x86_eflags_set(cpu, get(m, 0x7f70, 4));
    cpu->dr[6] = get(m, 0x7f68, 4);
    cpu->dr[7] = get(m, 0x7f60, 4);
    cpu->cr4 = get(m, 0x7f48, 4) & ~x86_cr4_reserved(cpu);
    cpu->cr3 = get(m, 0x7f50, 8);
    cpu->cr0 = get(m, 0x7f58, 4);
    for (unsigned i = 0; i < 8; i++) {
        get_seg64(m, seg_off[i], &cpu->seg[i]);
    }
    if (get(m, 0x7efc, 4) & 0x20000) {
        cpu->sys.smbase = get(m, 0x7f00, 4);
    }
    cpu->base.halted = get(m, 0x7ec9, 1) & 1;
}

static void load32(X86Cpu *cpu, const Map *m)
{
    cpu->cr0 = get(m, 0x7ffc, 4);
    cpu->cr3 = get(m, 0x7ff8, 4);
    cpu->rip = get(m, 0x7ff0, 4);
    x86_eflags_set(cpu, get(m, 0x7ff4, 4));
    for (unsigned i = 0; i < 8; i++) {
        cpu->gpr[i] = get(m, 0x7fd0 + i * 4, 4);
    }
    cpu->dr[6] = get(m, 0x7fcc, 4);
    cpu->dr[7] = get(m, 0x7fc8, 4);
    cpu->seg[R_TR] = (X86Seg){ .sel = get(m, 0x7fc4, 2),
                               .base = get(m, 0x7f64, 4),
                               .limit = get(m, 0x7f60, 4),
                               .attr = (get(m, 0x7f5c, 4) & 0xf0ff) << 8 };
    cpu->seg[R_LDTR] = (X86Seg){ .sel = get(m, 0x7fc0, 2),
                                 .base = get(m, 0x7f80, 4),
                                 .limit = get(m, 0x7f7c, 4),
                                 .attr = (get(m, 0x7f78, 4) & 0xf0ff) << 8 };
    cpu->gdt.base = get(m, 0x7f74, 4);
    cpu->gdt.limit = get(m, 0x7f70, 4);
    cpu->idt.base = get(m, 0x7f58, 4);
    cpu->idt.limit = get(m, 0x7f54, 4);
    for (unsigned i = 0; i < 6; i++) {
        get_seg32(m, i, &cpu->seg[i]);
    }
    cpu->cr4 = get(m, 0x7f14, 4) & ~x86_cr4_reserved(cpu);
    if (get(m, 0x7efc, 4) & 0x20000) {
        cpu->sys.smbase = get(m, 0x7ef8, 4);
    }
    cpu->base.halted = get(m, 0x7f02, 1) & 1;
}

void x86_leave_smm(X86Cpu *cpu)
{
    Map m;

    address_space_read(smm_space(cpu), cpu->sys.smbase + MAP_OFF, MEM_ATTRS_NONE, m.b, MAP_SIZE);
    if (X86_FEAT_LM(cpu->sys.cfg)) {
        load64(cpu, &m);
    } else {
        load32(cpu, &m);
    }
    cpu->cr0 |= CR0_ET;
    cpu->dr[6] |= DR6_FIXED;
    cpu->dr[7] |= DR7_FIXED;
    cpu->sys.smm = false;
    cpu->sys.nmi_blocked = cpu->sys.smm_was_nmi_blocked;
    if ((cpu->cr0 & CR0_PG) && (cpu->cr4 & CR4_PAE) && !(cpu->efer & EFER_LMA)) {
        x86_load_pdptes(cpu, cpu->cr3, cpu->sys.pdpte);
    }
    x86_paging_changed(cpu);
    x86_mode_update(cpu);
    log_printf(LOG_INT, "%u: SMM leave, IP=%016" PRIx64 "\n", cpu->base.index, cpu->rip);
}
