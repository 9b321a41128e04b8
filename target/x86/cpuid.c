/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: the answer to each leaf, from the finished configuration and a few live bits.
 * Intel SDM vol. 2 CPUID; AMD APM vol. 3 appendix E.
 */
#include "target/x86/features.h"

#include <string.h>

static unsigned width_of(unsigned n) /* bits that hold 0..n-1 */
{
    return n <= 1 ? 0 : 32 - (unsigned)__builtin_clz(n - 1);
}

X86ApicIdLayout x86_apic_id_layout(unsigned threads, unsigned cores, unsigned modules,
                                   unsigned dies)
{
    X86ApicIdLayout l = { .thread = width_of(threads),
                          .core = width_of(cores),
                          .module = width_of(modules),
                          .die = width_of(dies) };

    l.core_shift = l.thread;
    l.module_shift = l.core_shift + l.core;
    l.die_shift = l.module_shift + l.module;
    l.package_shift = l.die_shift + l.die;
    return l;
}

uint32_t x86_apic_id(const X86ApicIdLayout *l, unsigned package, unsigned die, unsigned module,
                     unsigned core, unsigned thread)
{
    return package << l->package_shift | die << l->die_shift | module << l->module_shift |
           core << l->core_shift | thread;
}

unsigned x86_phys_bits(const X86CpuConfig *c)
{
    return c->phys_bits ? c->phys_bits : 40;
}

uint64_t x86_xcr0_mask(const X86CpuConfig *c)
{
    if (!X86_FEAT_XSAVE(c)) {
        return 0;
    }
    return 3 | (X86_FEAT_AVX(c) ? 4 : 0) | (X86_FEAT_PKU(c) ? 1u << 9 : 0);
}

static X86ApicIdLayout layout_of(const X86CpuConfig *c)
{
    return x86_apic_id_layout(c->threads, c->cores, c->modules, c->dies);
}

static unsigned package_cpus(const X86CpuConfig *c)
{
    return c->threads * c->cores * c->modules * c->dies;
}

static uint32_t signature(const X86CpuConfig *c)
{
    uint32_t family = c->family > 15 ? 15 | (c->family - 15) << 12 : c->family;

    return family << 8 | (c->model & 15) << 4 | (c->model >> 4 & 15) << 16 | (c->stepping & 15);
}

static void leaf_vendor(const X86CpuConfig *c, uint32_t max, uint32_t out[4])
{
    out[0] = max;
    memcpy(&out[1], c->vendor, 4);
    memcpy(&out[3], c->vendor + 4, 4);
    memcpy(&out[2], c->vendor + 8, 4);
}

static void leaf_1(const X86CpuConfig *c, const X86CpuidState *s, uint32_t out[4])
{
    unsigned n = package_cpus(c);

    out[0] = signature(c);
    out[1] = c->apic_id << 24 | 8u << 8 | (n > 1 ? MIN(n, 255) << 16 : 0);
    out[2] = c->words[X86_FW_1_ECX] | (s->osxsave ? 1u << 27 : 0);
    out[3] = c->words[X86_FW_1_EDX];
    if (!s->apic_enabled) {
        out[3] &= ~(1u << 9);
    }
}

/* Deterministic cache parameters: L1d, L1i, L2, L3. */
static void leaf_4(const X86CpuConfig *c, uint32_t sub, uint32_t out[4])
{
    static const struct {
        uint8_t type, level;
        uint16_t ways, sets;
        bool shared;
    } caches[] = {
        { 1, 1, 8, 64, false },
        { 2, 1, 8, 64, false },
        { 3, 2, 16, 4096, false },
        { 3, 3, 16, 16384, true },
    };
    X86ApicIdLayout l = layout_of(c);
    unsigned cores = (1u << (l.package_shift - l.core_shift)) - 1;

    if (sub >= G_N_ELEMENTS(caches) - (c->l3_cache ? 0 : 1)) {
        return;
    }
    out[0] = caches[sub].type | (uint32_t)caches[sub].level << 5 | 1u << 8 | MIN(cores, 63) << 26 |
             ((1u << (caches[sub].shared ? l.package_shift : l.core_shift)) - 1) << 14;
    out[1] = 63 | (caches[sub].ways - 1u) << 22;
    out[2] = caches[sub].sets - 1u;
    out[3] = caches[sub].shared ? 2 : 1; /* inclusive; 1: WBINVD reaches sharers */
}

/* 0xB and 0x1F: levels thread, core, (module, die). */
static void leaf_topology(const X86CpuConfig *c, bool v2, uint32_t sub, uint32_t out[4])
{
    X86ApicIdLayout l = layout_of(c);
    struct {
        unsigned shift, cpus, type;
    } levels[4];
    unsigned n = 0;

    levels[n].shift = l.core_shift, levels[n].cpus = c->threads, levels[n++].type = 1;
    if (v2) {
        levels[n].shift = l.module_shift, levels[n].cpus = c->threads * c->cores;
        levels[n++].type = 2;
        if (c->modules > 1) {
            levels[n].shift = l.die_shift, levels[n].cpus = c->threads * c->cores * c->modules;
            levels[n++].type = 3;
        }
        if (c->dies > 1) {
            levels[n].shift = l.package_shift, levels[n].cpus = package_cpus(c);
            levels[n++].type = 5;
        }
    } else {
        levels[n].shift = l.package_shift, levels[n].cpus = package_cpus(c), levels[n++].type = 2;
    }
    if (sub < n) {
        out[0] = levels[sub].shift;
        out[1] = levels[sub].cpus;
        out[2] = levels[sub].type << 8;
    }
    out[2] |= sub & 0xff;
    out[3] = c->apic_id;
}

/* Standard-format size of the area for the components in @xcr0. */
static uint32_t xsave_size(uint64_t xcr0)
{
    return xcr0 >> 9 & 1 ? 2696 : xcr0 >> 2 & 1 ? 832 : 576;
}

static uint32_t xsave_compact_size(uint64_t mask)
{
    return 576 + (mask >> 2 & 1 ? 256 : 0) + (mask >> 9 & 1 ? 8 : 0);
}

static void leaf_d(const X86CpuConfig *c, const X86CpuidState *s, uint32_t sub, uint32_t out[4])
{
    uint64_t all = x86_xcr0_mask(c);

    if (!all) {
        return;
    }
    switch (sub) {
    case 0:
        out[0] = all;
        out[1] = xsave_size(s->xcr0);
        out[2] = xsave_size(all);
        out[3] = all >> 32;
        break;
    case 1:
        out[0] = c->words[X86_FW_D_1_EAX];
        out[1] = out[0] & 0xa ? xsave_compact_size(s->xcr0 | s->xss) : 0;
        break;
    case 2:
        if (all >> 2 & 1) {
            out[0] = 256;
            out[1] = 576;
        }
        break;
    case 9:
        if (all >> 9 & 1) {
            out[0] = 8;
            out[1] = 2688;
        }
        break;
    }
}

static void leaf_basic(const X86CpuConfig *c, const X86CpuidState *s, uint32_t leaf, uint32_t sub,
                       uint32_t out[4])
{
    bool amd_only = c->vendor_cpuid_only && !strcmp(c->vendor, "AuthenticAMD");

    switch (leaf) {
    case 0: leaf_vendor(c, c->level, out); break;
    case 1: leaf_1(c, s, out); break;
    case 2:
        if (!amd_only) {
            out[0] = 1;
            out[2] = c->l3_cache ? 0x4d : 0; /* descriptors of SDM table 3-12 */
            out[3] = 0x2c307d;
        }
        break;
    case 4:
        if (!amd_only) {
            leaf_4(c, sub, out);
        }
        break;
    case 5:
        if (X86_HAS(c, 1_ECX, 3)) {
            out[0] = out[1] = 64; /* monitor line: smallest, largest */
            out[2] = 3;           /* extensions, interrupts as break events */
        }
        break;
    case 6: out[0] = c->words[X86_FW_6_EAX]; break;
    case 7:
        if (sub == 0) {
            out[0] = c->words[X86_FW_7_2_EDX]                              ? 2
                     : c->words[X86_FW_7_1_EAX] | c->words[X86_FW_7_1_EDX] ? 1
                                                                           : 0;
            out[1] = c->words[X86_FW_7_0_EBX];
            out[2] = c->words[X86_FW_7_0_ECX] | (s->ospke ? 1u << 4 : 0);
            out[3] = c->words[X86_FW_7_0_EDX];
        } else if (sub == 1) {
            out[0] = c->words[X86_FW_7_1_EAX];
            out[3] = c->words[X86_FW_7_1_EDX];
        } else if (sub == 2) {
            out[3] = c->words[X86_FW_7_2_EDX];
        }
        break;
    case 0xb:
    case 0x1f:
        if (leaf == 0xb ? c->cpuid_0xb : c->dies > 1 || c->modules > 1) {
            leaf_topology(c, leaf == 0x1f, sub, out);
        }
        break;
    case 0xd: leaf_d(c, s, sub, out); break;
    }
}

static void leaf_extended(const X86CpuConfig *c, uint32_t leaf, uint32_t out[4])
{
    bool amd = !strcmp(c->vendor, "AuthenticAMD");
    unsigned n = package_cpus(c);

    switch (leaf) {
    case 0x80000000: leaf_vendor(c, c->xlevel, out); break;
    case 0x80000001:
        out[0] = signature(c);
        out[2] = c->words[X86_FW_8000_0001_ECX];
        out[3] = c->words[X86_FW_8000_0001_EDX];
        if (amd) { /* repeats what leaf 1 has at the same places */
            out[3] |= c->words[X86_FW_1_EDX] & 0x0183f3ff;
        }
        break;
    case 0x80000002 ... 0x80000004: memcpy(out, c->model_id + (leaf - 0x80000002) * 16, 16); break;
    case 0x80000005:
        if (amd) {
            out[0] = out[1] = 0x01ff01ff;
            out[2] = out[3] = 0x40020140;
        }
        break;
    case 0x80000006:
        out[1] = amd ? 0x42004200 : 0;
        out[2] = 0x02008140;
        out[3] = amd && c->l3_cache ? 0x00808140 : 0;
        break;
    case 0x80000007:
        out[1] = c->words[X86_FW_8000_0007_EBX];
        out[3] = c->words[X86_FW_8000_0007_EDX];
        break;
    case 0x80000008:
        out[0] = x86_phys_bits(c) | (X86_FEAT_LA57(c) ? 57u << 8
                                     : X86_FEAT_LM(c) ? 48u << 8
                                                      : 32u << 8);
        out[1] = c->words[X86_FW_8000_0008_EBX];
        if (n > 1) {
            out[2] = layout_of(c).package_shift << 12 | (n - 1);
        }
        break;
    case 0x80000021: out[0] = c->words[X86_FW_8000_0021_EAX]; break;
    }
}

void x86_cpuid(const X86CpuConfig *c, const X86CpuidState *s, uint32_t leaf, uint32_t subleaf,
               uint32_t out[4])
{
    memset(out, 0, 16);
    if (leaf >= 0xc0000000) {
        if (leaf > c->xlevel2) {
            leaf = c->level;
        }
    } else if (leaf >= 0x80000000) {
        if (leaf > c->xlevel) {
            leaf = c->level;
        }
    } else if (leaf >= 0x40000000) {
        if (leaf == 0x40000000 && c->tcg_cpuid && X86_HAS(c, 1_ECX, 31)) {
            out[0] = 0x40000001;
            memcpy(&out[1], "TCGTCGTCGTCG", 12);
        }
        return;
    } else if (leaf > c->level) {
        leaf = c->level; /* out of range reads as the highest basic leaf */
    }
    if (leaf >= 0x80000000) {
        leaf_extended(c, leaf, out);
    } else {
        leaf_basic(c, s, leaf, subleaf, out);
    }
}
