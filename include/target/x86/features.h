/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models and features: what CPUID says and which instructions exist.
 *
 * X86CpuConfig is the plain configuration of one CPU. A model fills it (x86_config_set_model), the
 * user's properties change it, x86_config_finish() takes away what the emulator cannot do and
 * settles levels and topology; afterwards it is read-only. Feature names are in features.def.
 * Nothing here is migrated: both sides are configured alike.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define FERRY_X86_ERROR (ferry_x86_error_quark())
GQuark ferry_x86_error_quark(void);
typedef enum {
    FERRY_X86_ERROR_FEATURE, /* enforce: a requested feature is not there */
    FERRY_X86_ERROR_CONFIG,  /* a property value that makes no sense */
    FERRY_X86_ERROR_STATE,   /* migrated state that could hurt */
} FerryX86Error;

/* Feature words: a register of a CPUID leaf, or an MSR. */
typedef enum {
    X86_FW_1_EDX,
    X86_FW_1_ECX,
    X86_FW_7_0_EBX,
    X86_FW_7_0_ECX,
    X86_FW_7_0_EDX,
    X86_FW_7_1_EAX,
    X86_FW_7_1_EDX,
    X86_FW_7_2_EDX,
    X86_FW_24_0_EBX,
    X86_FW_8000_0001_EDX,
    X86_FW_8000_0001_ECX,
    X86_FW_8000_0007_EBX,
    X86_FW_8000_0007_EDX,
    X86_FW_8000_0008_EBX,
    X86_FW_8000_0021_EAX,
    X86_FW_8000_0022_EAX,
    X86_FW_C000_0001_EDX,
    X86_FW_D_1_EAX,
    X86_FW_6_EAX,
    X86_FW_8000_000A_EDX,
    X86_FW_4000_0001_EAX,
    X86_FW_4000_0001_EDX,
    X86_FW_ARCH_CAP,
    X86_FW_CORE_CAP,
    X86_FW_PERF_CAP,
    X86_FW_12_0_EAX,
    X86_FW_12_0_EBX,
    X86_FW_12_1_EAX,
    X86_FW_14_0_ECX,
    X86_FW_VMX_0,
    X86_FW_VMX_1,
    X86_FW_COUNT,
} X86FeatureWord;

typedef struct X86CpuConfig {
    uint64_t words[X86_FW_COUNT];                           /* requested, then (finished) offered */
    uint64_t filtered[X86_FW_COUNT];                        /* requested but taken away */
    uint64_t user_on[X86_FW_COUNT], user_off[X86_FW_COUNT]; /* by a property, not by the model */
    uint32_t level, xlevel, xlevel2; /* UINT32_MAX: from min_* and features */
    uint32_t min_level, min_xlevel, min_xlevel2;
    uint32_t family, model, stepping;
    char vendor[13];
    char model_id[49];
    uint32_t phys_bits;     /* 0: 40 (32 without long mode) */
    uint64_t ucode_rev;     /* 0: the vendor's default */
    uint64_t tsc_hz;        /* 0: 1 GHz of virtual time */
    bool migrate_smi_count; /* streams of the machine type carry the SMI counter */
    bool max_features, l3_cache, cpuid_0xb, full_auto_level, tcg_cpuid, vendor_cpuid_only;
    bool check, enforce;
    /* topology */
    uint32_t apic_id, threads, cores, modules, dies;
    bool finished;
} X86CpuConfig;

typedef struct X86Model {
    const char *name;
    const char *alias_of;   /* an unversioned or historical name of another model; rest is unused */
    const char *base;       /* model whose features come first; NULL: none */
    const char *features;   /* blank-separated; "-x" removes */
    uint32_t level, xlevel; /* 0: as base */
    const char *vendor, *model_id; /* NULL: as base */
    int family, model, stepping;   /* -1: as base */
} X86Model;

/* All models, ended by a NULL name; sorted as users see them by the caller. */
const X86Model *x86_models(void);
const X86Model *x86_model_find(const char *name);
const char *x86_model_alias_of(const X86Model *model); /* NULL: none */

void x86_config_init(X86CpuConfig *c);
void x86_config_set_model(X86CpuConfig *c, const X86Model *model);
/* Vendor from a user: exactly 12 bytes. */
bool x86_config_set_vendor(X86CpuConfig *c, const char *vendor, GError **error);
/* Settles everything. @warn gets one line a feature taken away ("TCG doesn't support requested
   feature: CPUID.01H:ECX.pcid [bit 17]"); with enforce that is the error instead. */
bool x86_config_finish(X86CpuConfig *c, void (*warn)(const char *line, void *opaque), void *opaque,
                       GError **error);
/* What the emulator can do. */
uint64_t x86_feature_supported(X86FeatureWord word);
/* False if the name is unknown; aliases resolve. */
bool x86_feature_find(const char *name, X86FeatureWord *word, unsigned *bit);
/* The canonical name, NULL if that bit has none. */
const char *x86_feature_name(X86FeatureWord word, unsigned bit);
/* Names of features in @words (NULL-terminated, owned by the caller), in word order. */
char **x86_feature_names(const uint64_t words[X86_FW_COUNT]);
/* Names of what @model asks for and this emulator lacks (query-cpu-definitions). */
char **x86_model_unavailable(const X86Model *model);
/* CPUID leaf and register of a word, for feature-words; false for MSRs. */
typedef struct {
    bool is_msr;
    uint32_t leaf; /* or the MSR number */
    uint32_t subleaf;
    bool has_subleaf;
    uint8_t reg; /* 0 EAX, 1 EBX, 2 ECX, 3 EDX */
} X86FeatureWordInfo;
const X86FeatureWordInfo *x86_feature_word_info(X86FeatureWord word);

static inline bool x86_has(const X86CpuConfig *c, X86FeatureWord word, unsigned bit)
{
    return c->words[word] >> bit & 1;
}

/* Bits that CPUID reports of the live state. */
typedef struct {
    bool osxsave, ospke, apic_enabled;
    uint64_t xcr0, xss;
} X86CpuidState;
void x86_cpuid(const X86CpuConfig *c, const X86CpuidState *s, uint32_t leaf, uint32_t subleaf,
               uint32_t out[4]);
/* State components that XCR0 may hold. */
uint64_t x86_xcr0_mask(const X86CpuConfig *c);
/* Bit widths of the topology fields inside an APIC id. */
typedef struct {
    unsigned thread, core, module, die; /* widths */
    unsigned core_shift, module_shift, die_shift, package_shift;
} X86ApicIdLayout;
X86ApicIdLayout x86_apic_id_layout(unsigned threads, unsigned cores, unsigned modules,
                                   unsigned dies);
/* APIC id of the cpu with that place in the topology. */
uint32_t x86_apic_id(const X86ApicIdLayout *l, unsigned package, unsigned die, unsigned module,
                     unsigned core, unsigned thread);
unsigned x86_phys_bits(const X86CpuConfig *c);

/* Bits of common interest. */
#define X86_HAS(c, W, bit)  x86_has((c), X86_FW_##W, (bit))
#define X86_FEAT_TSC(c)     X86_HAS(c, 1_EDX, 4)
#define X86_FEAT_PSE(c)     X86_HAS(c, 1_EDX, 3)
#define X86_FEAT_PAE(c)     X86_HAS(c, 1_EDX, 6)
#define X86_FEAT_PGE(c)     X86_HAS(c, 1_EDX, 13)
#define X86_FEAT_PSE36(c)   X86_HAS(c, 1_EDX, 17)
#define X86_FEAT_LM(c)      X86_HAS(c, 8000_0001_EDX, 29)
#define X86_FEAT_NX(c)      X86_HAS(c, 8000_0001_EDX, 20)
#define X86_FEAT_SYSCALL(c) X86_HAS(c, 8000_0001_EDX, 11)
#define X86_FEAT_FFXSR(c)   X86_HAS(c, 8000_0001_EDX, 25)
#define X86_FEAT_PDPE1GB(c) X86_HAS(c, 8000_0001_EDX, 26)
#define X86_FEAT_LA57(c)    X86_HAS(c, 7_0_ECX, 16)
#define X86_FEAT_PKU(c)     X86_HAS(c, 7_0_ECX, 3)
#define X86_FEAT_PCID(c)    X86_HAS(c, 1_ECX, 17)
#define X86_FEAT_X2APIC(c)  X86_HAS(c, 1_ECX, 21)
#define X86_FEAT_TSCDL(c)   X86_HAS(c, 1_ECX, 24)
#define X86_FEAT_XSAVE(c)   X86_HAS(c, 1_ECX, 26)
#define X86_FEAT_AVX(c)     X86_HAS(c, 1_ECX, 28)
