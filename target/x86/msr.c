/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers: a table of ranges, each a plain field with the bits that may be set,
 * or a pair of functions. What no row names does not exist (#GP). Intel SDM vol. 4, AMD APM vol. 2
 * appendix A.
 */
#include "target/x86/seg-priv.h"

#include <stddef.h>

#include "base/core/vm.h"
#include "base/util/log.h"

typedef struct Msr Msr;
struct Msr {
    uint32_t first, last;
    size_t offset; /* of a uint64_t in X86Cpu; consecutive in a range */
    uint64_t mask; /* bits a write may set; others: #GP */
    uint8_t word;  /* feature that must be there: word and bit + 1; 0: none */
    uint8_t bit;
    uint8_t flags;
    bool (*read)(X86Cpu *cpu, uint32_t n, uint64_t *v);
    bool (*write)(X86Cpu *cpu, uint32_t n, uint64_t v);
    uint64_t fixed; /* MSR_CONST */
};
enum {
    MSR_CANONICAL = 1, /* writes: a canonical address */
    MSR_CONST = 2,     /* reads as `fixed` */
    MSR_IGNORE = 4,    /* writes change nothing */
    MSR_RO = 8,        /* writes: #GP */
    MSR_U32 = 16,      /* the upper half of a write is ignored */
};

#define ALL UINT64_MAX

/* ---- APIC ---- */

static bool apic_base_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    if (!cpu->sys.apic_ops) {
        *v = 0xfee00000u | (cpu->sys.bsp ? 0x100 : 0);
        return true;
    }
    vm_lock(cpu->sys.vm);
    *v = cpu->sys.apic_ops->get_base(cpu->sys.apic);
    vm_unlock(cpu->sys.vm);
    return true;
}

static bool apic_base_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    bool ok;

    if (!cpu->sys.apic_ops || v >> x86_phys_bits(cpu->sys.cfg)) {
        return false;
    }
    vm_lock(cpu->sys.vm);
    ok = cpu->sys.apic_ops->set_base(cpu->sys.apic, v);
    vm_unlock(cpu->sys.vm);
    return ok;
}

static bool x2apic_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    bool ok;

    if (!cpu->sys.apic_ops || !X86_FEAT_X2APIC(cpu->sys.cfg)) {
        return false;
    }
    vm_lock(cpu->sys.vm);
    ok = cpu->sys.apic_ops->read_msr(cpu->sys.apic, n, v);
    vm_unlock(cpu->sys.vm);
    return ok;
}

static bool x2apic_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    bool ok;

    if (!cpu->sys.apic_ops || !X86_FEAT_X2APIC(cpu->sys.cfg)) {
        return false;
    }
    vm_lock(cpu->sys.vm);
    ok = cpu->sys.apic_ops->write_msr(cpu->sys.apic, n, v);
    vm_unlock(cpu->sys.vm);
    return ok;
}

static bool deadline_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    if (!cpu->sys.apic_ops || !X86_FEAT_TSCDL(cpu->sys.cfg)) {
        return false;
    }
    vm_lock(cpu->sys.vm);
    *v = cpu->sys.apic_ops->get_deadline(cpu->sys.apic);
    vm_unlock(cpu->sys.vm);
    return true;
}

static bool deadline_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    if (!cpu->sys.apic_ops || !X86_FEAT_TSCDL(cpu->sys.cfg)) {
        return false;
    }
    vm_lock(cpu->sys.vm);
    cpu->sys.apic_ops->set_deadline(cpu->sys.apic, v);
    vm_unlock(cpu->sys.vm);
    return true;
}

/* ---- time ---- */

static void tsc_moved(X86Cpu *cpu)
{
    if (cpu->sys.apic_ops) {
        vm_lock(cpu->sys.vm);
        cpu->sys.apic_ops->tsc_changed(cpu->sys.apic);
        vm_unlock(cpu->sys.vm);
    }
}

static bool tsc_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    *v = x86_tsc_now(cpu);
    return true;
}

static bool tsc_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    x86_tsc_write(cpu, v);
    tsc_moved(cpu);
    return true;
}

static bool tsc_adjust_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    cpu->sys.tsc_offset += v - cpu->sys.tsc_adjust;
    cpu->sys.tsc_adjust = v;
    tsc_moved(cpu);
    return true;
}

/* ---- bases ---- */

static bool base_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    *v = cpu->seg[n == 0xc0000100 ? R_FS : R_GS].base;
    return X86_FEAT_LM(cpu->sys.cfg);
}

static bool base_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    if (!X86_FEAT_LM(cpu->sys.cfg) || !x86_canonical(cpu, v)) {
        return false;
    }
    cpu->seg[n == 0xc0000100 ? R_FS : R_GS].base = v;
    return true;
}

static bool efer_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    const X86CpuConfig *c = cpu->sys.cfg;
    uint64_t ok = EFER_LMA;

    ok |= X86_FEAT_SYSCALL(c) ? EFER_SCE : 0;
    ok |= X86_FEAT_LM(c) ? EFER_LME : 0;
    ok |= X86_FEAT_NX(c) ? EFER_NXE : 0;
    ok |= X86_FEAT_FFXSR(c) ? EFER_FFXSR : 0;
    if ((v & ~ok) || ((v ^ cpu->efer) & EFER_LME & -(uint64_t) !!(cpu->cr0 & CR0_PG))) {
        return false;
    }
    x86_set_efer(cpu, (v & ~(uint64_t)EFER_LMA) | (cpu->efer & EFER_LMA));
    return true;
}

/* ---- memory types ---- */

static bool type_ok(unsigned t)
{
    return t < 7 && t != 2 && t != 3;
}

static bool fixed_write(uint64_t *field, uint64_t v)
{
    for (unsigned i = 0; i < 64; i += 8) {
        if (!type_ok(v >> i & 0xff)) {
            return false;
        }
    }
    *field = v;
    return true;
}

static bool mtrr_fixed_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    unsigned i = n == 0x250 ? 0 : n <= 0x259 ? n - 0x258 + 1 : n - 0x268 + 3;

    return fixed_write(&cpu->sys.mtrr_fixed[i], v);
}

static bool mtrr_fixed_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    *v = cpu->sys.mtrr_fixed[n == 0x250 ? 0 : n <= 0x259 ? n - 0x258 + 1 : n - 0x268 + 3];
    return true;
}

static bool mtrr_var_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    unsigned i = (n - 0x200) / 2;

    *v = n & 1 ? cpu->sys.mtrr_var[i].mask : cpu->sys.mtrr_var[i].base;
    return true;
}

static bool mtrr_var_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    unsigned i = (n - 0x200) / 2;
    uint64_t high = ~((1ull << x86_phys_bits(cpu->sys.cfg)) - 1);

    if (v & (n & 1 ? high | 0x7ff : high | 0xf00)) {
        return false;
    }
    if (!(n & 1) && !type_ok(v & 0xff)) {
        return false;
    }
    *(n & 1 ? &cpu->sys.mtrr_var[i].mask : &cpu->sys.mtrr_var[i].base) = v;
    return true;
}

static bool mtrr_deftype_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    if ((v & ~0xcffull) || !type_ok(v & 0xff)) {
        return false;
    }
    cpu->sys.mtrr_deftype = v;
    return true;
}

static bool pat_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    for (unsigned i = 0; i < 64; i += 8) {
        unsigned t = v >> i & 0xff;

        if (t > 7 || t == 2 || t == 3) {
            return false;
        }
    }
    cpu->sys.pat = v;
    return true;
}

/* ---- machine check ---- */

static bool mce_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    unsigned i = n - 0x400;

    if ((i & 3) == 0 && v && v != UINT64_MAX) {
        return false;
    }
    if ((i & 3) == 1 && v) { /* a status register can only be cleared */
        return false;
    }
    cpu->sys.mce_banks[i] = v;
    return true;
}

static bool mcg_ctl_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    if (!(cpu->sys.mcg_cap & 0x100) || (v && v != UINT64_MAX)) {
        return false;
    }
    cpu->sys.mcg_ctl = v;
    return true;
}

/* ---- the rest ---- */

static bool ucode_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    *v = cpu->sys.cfg->ucode_rev;
    return true;
}

static bool arch_cap_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    *v = cpu->sys.cfg->words[X86_FW_ARCH_CAP];
    return X86_HAS(cpu->sys.cfg, 7_0_EDX, 29);
}

static bool smi_count_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    *v = cpu->sys.smi_count;
    return true;
}

static bool misc_enable_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    cpu->sys.misc_enable = v;
    return true;
}

static bool core_thread_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    const X86CpuConfig *c = cpu->sys.cfg;

    *v = c->threads * c->cores | (uint64_t)c->cores << 16;
    return true;
}

#define F(field)   .offset = offsetof(X86Cpu, field)
#define NEED(w, b) .word = X86_FW_##w, .bit = (b) + 1
#define ROW(n, ...)                              \
    {                                            \
        .first = (n), .last = (n), ##__VA_ARGS__ \
    }
#define ROWS(a, b, ...)                          \
    {                                            \
        .first = (a), .last = (b), ##__VA_ARGS__ \
    }

static const Msr msrs[] = {
    ROWS(0x0, 0x1, .flags = MSR_CONST | MSR_IGNORE), /* P5 machine check */
    ROW(0x10, .read = tsc_read, .write = tsc_write, NEED(1_EDX, 4)),
    ROW(0x17, .flags = MSR_CONST | MSR_RO), /* PLATFORM_ID */
    ROW(0x1b, .read = apic_base_read, .write = apic_base_write),
    ROW(0x2a, .flags = MSR_CONST | MSR_IGNORE), /* EBL_CR_POWERON */
    ROW(0x34, .read = smi_count_read, .flags = MSR_RO),
    ROW(0x35, .read = core_thread_read, .flags = MSR_RO),
    ROW(0x3a, F(sys.feature_control), .mask = 0x1f),
    ROW(0x3b, F(sys.tsc_adjust), .write = tsc_adjust_write, NEED(7_0_EBX, 1)),
    ROW(0x48, F(sys.spec_ctrl), .mask = 0x7, NEED(7_0_EDX, 26)),
    ROW(0x49, .flags = MSR_CONST | MSR_IGNORE), /* PRED_CMD: reads 0 */
    ROW(0x79, .flags = MSR_CONST | MSR_IGNORE), /* BIOS_UPDT_TRIG */
    ROW(0x8b, .read = ucode_read, .flags = MSR_IGNORE),
    ROWS(0xc1, 0xc2, .flags = MSR_CONST | MSR_IGNORE), /* PMC0, PMC1 */
    ROW(0xce, .flags = MSR_CONST | MSR_RO),            /* PLATFORM_INFO */
    ROW(0xe7, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xe8, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xfe, .flags = MSR_CONST | MSR_RO, .fixed = 0x508, NEED(1_EDX, 12)),
    ROW(0x10a, .read = arch_cap_read, .flags = MSR_RO),
    ROW(0x10b, .flags = MSR_CONST | MSR_IGNORE), /* FLUSH_CMD */
    ROW(0x11e, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0x140, .flags = MSR_CONST | MSR_IGNORE), /* MISC_FEATURES_ENABLES */
    ROW(0x174, F(sysenter_cs), .mask = ALL, .flags = MSR_U32, NEED(1_EDX, 11)),
    ROW(0x175, F(sysenter_esp), .mask = ALL, .flags = MSR_CANONICAL, NEED(1_EDX, 11)),
    ROW(0x176, F(sysenter_eip), .mask = ALL, .flags = MSR_CANONICAL, NEED(1_EDX, 11)),
    ROW(0x179, F(sys.mcg_cap), .flags = MSR_RO),
    ROW(0x17a, F(sys.mcg_status), .mask = ALL),
    ROW(0x17b, F(sys.mcg_ctl), .write = mcg_ctl_write),
    ROWS(0x186, 0x187, .flags = MSR_CONST | MSR_IGNORE),                 /* PERFEVTSEL */
    ROW(0x198, .flags = MSR_CONST | MSR_RO, .fixed = 1000 | 4ull << 40), /* PERF_STATUS */
    ROW(0x199, .flags = MSR_CONST | MSR_IGNORE),
    ROWS(0x19a, 0x19c, .flags = MSR_CONST | MSR_IGNORE), /* thermal */
    ROW(0x1a0, F(sys.misc_enable), .mask = ALL, .write = misc_enable_write),
    ROW(0x1d9, F(sys.debugctl), .mask = 0xdfc3),
    ROWS(0x1db, 0x1de, .flags = MSR_CONST | MSR_IGNORE), /* last branch */
    ROWS(0x200, 0x20f, .read = mtrr_var_read, .write = mtrr_var_write, NEED(1_EDX, 12)),
    ROW(0x250, .read = mtrr_fixed_read, .write = mtrr_fixed_write, NEED(1_EDX, 12)),
    ROWS(0x258, 0x259, .read = mtrr_fixed_read, .write = mtrr_fixed_write, NEED(1_EDX, 12)),
    ROWS(0x268, 0x26f, .read = mtrr_fixed_read, .write = mtrr_fixed_write, NEED(1_EDX, 12)),
    ROW(0x277, F(sys.pat), .write = pat_write, NEED(1_EDX, 16)),
    ROW(0x2ff, F(sys.mtrr_deftype), .write = mtrr_deftype_write, NEED(1_EDX, 12)),
    ROWS(0x400, 0x400 + X86_MCE_BANKS * 4 - 1, F(sys.mce_banks), .write = mce_write,
         NEED(1_EDX, 14)),
    ROW(0x606, .flags = MSR_CONST | MSR_RO), /* RAPL units */
    ROW(0x6e0, .read = deadline_read, .write = deadline_write),
    ROWS(0x800, 0x8ff, .read = x2apic_read, .write = x2apic_write),
    ROW(0xda0, F(sys.xss), .mask = 0, NEED(D_1_EAX, 3)),
    ROW(0xc0000080, F(efer), .write = efer_write),
    ROW(0xc0000081, F(star), .mask = ALL, NEED(8000_0001_EDX, 11)),
    ROW(0xc0000082, F(lstar), .mask = ALL, .flags = MSR_CANONICAL, NEED(8000_0001_EDX, 29)),
    ROW(0xc0000083, F(cstar), .mask = ALL, .flags = MSR_CANONICAL, NEED(8000_0001_EDX, 29)),
    ROW(0xc0000084, F(sfmask), .mask = ALL, .flags = MSR_U32, NEED(8000_0001_EDX, 29)),
    ROWS(0xc0000100, 0xc0000101, .read = base_read, .write = base_write),
    ROW(0xc0000102, F(kernel_gs_base), .mask = ALL, .flags = MSR_CANONICAL,
        NEED(8000_0001_EDX, 29)),
    ROW(0xc0000103, F(tsc_aux), .mask = ALL, .flags = MSR_U32),
    /* AMD's: there, and empty */
    ROWS(0xc0010000, 0xc0010007, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xc0010010, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xc0010015, F(sys.hwcr), .mask = ALL),
    ROWS(0xc0010016, 0xc001001a, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xc001001d, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xc001001f, .flags = MSR_CONST | MSR_IGNORE),
    ROWS(0xc0010055, 0xc0010055, .flags = MSR_CONST | MSR_IGNORE),
    ROWS(0xc0010061, 0xc0010064, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xc0010112, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xc0010117, F(sys.vm_hsave), .mask = ALL),
    ROWS(0xc0011020, 0xc0011030, .flags = MSR_CONST | MSR_IGNORE),
    ROW(0xc0010200, .flags = MSR_CONST | MSR_IGNORE),
    ROWS(0xc0010201, 0xc001020b, .flags = MSR_CONST | MSR_IGNORE),
};

static const Msr *find(const X86Cpu *cpu, uint32_t n)
{
    for (size_t i = 0; i < G_N_ELEMENTS(msrs); i++) {
        const Msr *m = &msrs[i];

        if (n >= m->first && n <= m->last) {
            return !m->bit || x86_has(cpu->sys.cfg, m->word, m->bit - 1) ? m : NULL;
        }
    }
    return NULL;
}

/* FS_BASE and its kind change with every context switch: ahead of the table. */
static bool is_base(uint32_t n)
{
    return n == 0xc0000100 || n == 0xc0000101;
}

bool x86_msr_read(X86Cpu *cpu, uint32_t n, uint64_t *v)
{
    const Msr *m;

    if (is_base(n)) {
        return base_read(cpu, n, v);
    }
    m = find(cpu, n);
    if (!m) {
        log_printf(LOG_UNIMP, "rdmsr of unknown MSR 0x%x\n", n);
        return false;
    }
    if (m->read) {
        return m->read(cpu, n, v);
    }
    *v = m->flags & MSR_CONST ? m->fixed
                              : ((const uint64_t *)((const char *)cpu + m->offset))[n - m->first];
    return true;
}

bool x86_msr_write(X86Cpu *cpu, uint32_t n, uint64_t v)
{
    const Msr *m;

    if (is_base(n)) {
        return base_write(cpu, n, v);
    }
    m = find(cpu, n);
    if (!m) {
        log_printf(LOG_UNIMP, "wrmsr of unknown MSR 0x%x\n", n);
        return false;
    }
    if (m->flags & (MSR_RO | MSR_IGNORE)) {
        return m->flags & MSR_IGNORE;
    }
    if (m->write) {
        return m->write(cpu, n, v);
    }
    if (m->flags & MSR_U32) {
        v = (uint32_t)v;
    }
    if ((v & ~m->mask) || ((m->flags & MSR_CANONICAL) && !x86_canonical(cpu, v))) {
        return false;
    }
    ((uint64_t *)((char *)cpu + m->offset))[n - m->first] = v;
    return true;
}
