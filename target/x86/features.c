/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models and features as tables: names, what the emulator offers, how a model and a user's
 * wishes become the configuration of a CPU. CPUID leaves are made from that in cpuid.c.
 */
#include "target/x86/features.h"

#include <string.h>

GQuark ferry_x86_error_quark(void)
{
    return g_quark_from_static_string("ferry-x86-error-quark");
}

static const X86FeatureWordInfo feature_words[X86_FW_COUNT] = {
    [X86_FW_1_EDX] = { .leaf = 1, .reg = 3 },
    [X86_FW_1_ECX] = { .leaf = 1, .reg = 2 },
    [X86_FW_7_0_EBX] = { .leaf = 7, .has_subleaf = true, .reg = 1 },
    [X86_FW_7_0_ECX] = { .leaf = 7, .has_subleaf = true, .reg = 2 },
    [X86_FW_7_0_EDX] = { .leaf = 7, .has_subleaf = true, .reg = 3 },
    [X86_FW_7_1_EAX] = { .leaf = 7, .subleaf = 1, .has_subleaf = true, .reg = 0 },
    [X86_FW_7_1_EDX] = { .leaf = 7, .subleaf = 1, .has_subleaf = true, .reg = 3 },
    [X86_FW_7_2_EDX] = { .leaf = 7, .subleaf = 2, .has_subleaf = true, .reg = 3 },
    [X86_FW_24_0_EBX] = { .leaf = 0x24, .has_subleaf = true, .reg = 1 },
    [X86_FW_8000_0001_EDX] = { .leaf = 0x80000001, .reg = 3 },
    [X86_FW_8000_0001_ECX] = { .leaf = 0x80000001, .reg = 2 },
    [X86_FW_8000_0007_EBX] = { .leaf = 0x80000007, .reg = 1 },
    [X86_FW_8000_0007_EDX] = { .leaf = 0x80000007, .reg = 3 },
    [X86_FW_8000_0008_EBX] = { .leaf = 0x80000008, .reg = 1 },
    [X86_FW_8000_0021_EAX] = { .leaf = 0x80000021, .reg = 0 },
    [X86_FW_8000_0022_EAX] = { .leaf = 0x80000022, .reg = 0 },
    [X86_FW_C000_0001_EDX] = { .leaf = 0xc0000001, .reg = 3 },
    [X86_FW_D_1_EAX] = { .leaf = 0xd, .subleaf = 1, .has_subleaf = true, .reg = 0 },
    [X86_FW_6_EAX] = { .leaf = 6, .reg = 0 },
    [X86_FW_8000_000A_EDX] = { .leaf = 0x8000000a, .reg = 3 },
    [X86_FW_4000_0001_EAX] = { .leaf = 0x40000001, .reg = 0 },
    [X86_FW_4000_0001_EDX] = { .leaf = 0x40000001, .reg = 3 },
    [X86_FW_ARCH_CAP] = { .is_msr = true, .leaf = 0x10a },
    [X86_FW_CORE_CAP] = { .is_msr = true, .leaf = 0xcf },
    [X86_FW_PERF_CAP] = { .is_msr = true, .leaf = 0x345 },
    [X86_FW_12_0_EAX] = { .leaf = 0x12, .has_subleaf = true, .reg = 0 },
    [X86_FW_12_0_EBX] = { .leaf = 0x12, .has_subleaf = true, .reg = 1 },
    [X86_FW_12_1_EAX] = { .leaf = 0x12, .subleaf = 1, .has_subleaf = true, .reg = 0 },
    [X86_FW_14_0_ECX] = { .leaf = 0x14, .has_subleaf = true, .reg = 2 },
    [X86_FW_VMX_0] = { .is_msr = true, .leaf = 0x48b },
    [X86_FW_VMX_1] = { .is_msr = true, .leaf = 0x48c },
};

typedef enum {
    SUPPORT_NONE,
    SUPPORT_YES,
    SUPPORT_TOPO
} Support;
typedef struct {
    uint8_t word, bit, support;
    bool alias;
    const char *name;
} FeatureRow;

static const FeatureRow feature_rows[] = {
#define X86_FEATURE(w, b, n, s)    { X86_FW_##w, (b), SUPPORT_##s, false, (n) },
#define X86_FEATURE_ALIAS(w, b, n) { X86_FW_##w, (b), SUPPORT_NONE, true, (n) },
#include "target/x86/features.def"
};

static const X86Model models[] = {
#define X86_MODEL(n, b, lv, xlv, ven, f, m, s, id, feat) \
    { .name = (n),                                       \
      .base = (b),                                       \
      .features = (feat),                                \
      .level = (lv),                                     \
      .xlevel = (xlv),                                   \
      .vendor = (ven),                                   \
      .model_id = (id),                                  \
      .family = (f),                                     \
      .model = (m),                                      \
      .stepping = (s) },
#define X86_VARIANT(n, b, s, id, feat) \
    { .name = (n),                     \
      .base = (b),                     \
      .features = (feat),              \
      .model_id = (id),                \
      .family = -1,                    \
      .model = -1,                     \
      .stepping = (s) },
#define X86_ALIAS(n, of) { .name = (n), .alias_of = (of) },
#include "target/x86/models.def"
    { .name = NULL },
};

/* A feature that makes no sense without another one. */
static const struct {
    uint8_t word, bit, needs_word, needs_bit;
} dependencies[] = {
    { X86_FW_D_1_EAX, 0, X86_FW_1_ECX, 26 },
    { X86_FW_D_1_EAX, 1, X86_FW_1_ECX, 26 },
    { X86_FW_D_1_EAX, 2, X86_FW_1_ECX, 26 },
    { X86_FW_D_1_EAX, 3, X86_FW_1_ECX, 26 },
    { X86_FW_1_ECX, 28, X86_FW_1_ECX, 26 },
    { X86_FW_7_0_ECX, 3, X86_FW_1_ECX, 26 },
    { X86_FW_1_ECX, 12, X86_FW_1_ECX, 28 },
    { X86_FW_1_ECX, 29, X86_FW_1_ECX, 28 },
    { X86_FW_7_0_EBX, 5, X86_FW_1_ECX, 28 },
    { X86_FW_7_0_ECX, 16, X86_FW_8000_0001_EDX, 29 },
    { X86_FW_1_EDX, 26, X86_FW_1_EDX, 25 },
    { X86_FW_1_ECX, 0, X86_FW_1_EDX, 26 },
    { X86_FW_1_ECX, 17, X86_FW_8000_0001_EDX, 29 },
};

const X86Model *x86_models(void)
{
    return models;
}

const X86Model *x86_model_find(const char *name)
{
    for (const X86Model *m = models; m->name; m++) {
        if (!strcmp(m->name, name)) {
            return m;
        }
    }
    return NULL;
}

const char *x86_model_alias_of(const X86Model *model)
{
    return model->alias_of;
}

bool x86_feature_find(const char *name, X86FeatureWord *word, unsigned *bit)
{
    for (size_t i = 0; i < G_N_ELEMENTS(feature_rows); i++) {
        if (!strcmp(feature_rows[i].name, name)) {
            *word = feature_rows[i].word;
            *bit = feature_rows[i].bit;
            return true;
        }
    }
    return false;
}

const char *x86_feature_name(X86FeatureWord word, unsigned bit)
{
    for (size_t i = 0; i < G_N_ELEMENTS(feature_rows); i++) {
        const FeatureRow *r = &feature_rows[i];

        if (r->word == word && r->bit == bit && !r->alias) {
            return r->name;
        }
    }
    return NULL;
}

static uint64_t mask_of(X86FeatureWord word, bool topo)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(feature_rows); i++) {
        const FeatureRow *r = &feature_rows[i];

        if (r->word == word && !r->alias &&
            (r->support == SUPPORT_YES || (topo && r->support == SUPPORT_TOPO))) {
            mask |= 1ull << r->bit;
        }
    }
    return mask;
}

uint64_t x86_feature_supported(X86FeatureWord word)
{
    return mask_of(word, true);
}

const X86FeatureWordInfo *x86_feature_word_info(X86FeatureWord word)
{
    return &feature_words[word];
}

char **x86_feature_names(const uint64_t words[X86_FW_COUNT])
{
    g_autoptr(GStrvBuilder) b = g_strv_builder_new();

    for (unsigned w = 0; w < X86_FW_COUNT; w++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            const char *name = words[w] >> bit & 1 ? x86_feature_name(w, bit) : NULL;

            if (name) {
                g_strv_builder_add(b, name);
            }
        }
    }
    return g_strv_builder_end(b);
}

void x86_config_init(X86CpuConfig *c)
{
    *c = (X86CpuConfig){
        .level = UINT32_MAX,
        .xlevel = UINT32_MAX,
        .xlevel2 = UINT32_MAX,
        .migrate_smi_count = true,
        .l3_cache = true,
        .cpuid_0xb = true,
        .full_auto_level = true,
        .tcg_cpuid = true,
        .vendor_cpuid_only = true,
        .check = true,
        .apic_id = UINT32_MAX,
        .threads = 1,
        .cores = 1,
        .modules = 1,
        .dies = 1,
    };
    strcpy(c->vendor, "AuthenticAMD");
}

static void apply_features(X86CpuConfig *c, const char *list)
{
    g_auto(GStrv) names = g_strsplit(list, " ", -1);

    for (char **n = names; *n; n++) {
        bool off = **n == '-';
        X86FeatureWord word;
        unsigned bit;

        if (!**n) {
            continue;
        }
        g_assert(x86_feature_find(*n + off, &word, &bit)); /* the table is ours */
        if (off) {
            c->words[word] &= ~(1ull << bit);
        } else {
            c->words[word] |= 1ull << bit;
        }
    }
}

void x86_config_set_model(X86CpuConfig *c, const X86Model *model)
{
    if (model->alias_of) {
        model = x86_model_find(model->alias_of);
    }
    if (model->base) {
        x86_config_set_model(c, x86_model_find(model->base));
    }
    apply_features(c, model->features);
    c->min_level = model->level ? model->level : c->min_level;
    c->min_xlevel = model->xlevel ? model->xlevel : c->min_xlevel;
    if (model->vendor) {
        g_strlcpy(c->vendor, model->vendor, sizeof(c->vendor));
    }
    if (model->model_id) {
        g_strlcpy(c->model_id, model->model_id, sizeof(c->model_id));
    }
    c->family = model->family >= 0 ? (uint32_t)model->family : c->family;
    c->model = model->model >= 0 ? (uint32_t)model->model : c->model;
    c->stepping = model->stepping >= 0 ? (uint32_t)model->stepping : c->stepping;
    if (!strcmp(model->name, "max")) {
        c->max_features = true;
        for (unsigned w = 0; w < X86_FW_COUNT; w++) {
            c->words[w] |= mask_of(w, false);
        }
        /* A time stamp counter that follows the host's cannot promise this one. */
        c->words[X86_FW_8000_0007_EDX] = 0;
    } else if (strcmp(model->name, "base")) {
        c->words[X86_FW_1_ECX] |= 1ull << 31; /* every guest here is virtual and may know it */
    }
}

char **x86_model_unavailable(const X86Model *model)
{
    X86CpuConfig c;

    x86_config_init(&c);
    x86_config_set_model(&c, model);
    for (unsigned w = 0; w < X86_FW_COUNT; w++) {
        c.words[w] &= ~x86_feature_supported(w);
    }
    return x86_feature_names(c.words);
}

bool x86_config_set_vendor(X86CpuConfig *c, const char *vendor, GError **error)
{
    if (strlen(vendor) != 12) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_CONFIG,
                    "CPU vendor '%s' has %zu characters, not 12", vendor, strlen(vendor));
        return false;
    }
    g_strlcpy(c->vendor, vendor, sizeof(c->vendor));
    return true;
}

static char *describe(X86FeatureWord word, unsigned bit)
{
    static const char regs[4][4] = { "EAX", "EBX", "ECX", "EDX" };
    const X86FeatureWordInfo *i = &feature_words[word];
    const char *name = x86_feature_name(word, bit);

    if (i->is_msr) {
        return g_strdup_printf("MSR(%XH).%s [bit %u]", i->leaf, name ? name : "", bit);
    }
    return g_strdup_printf("CPUID.%02XH:%s%s%s [bit %u]", i->leaf, regs[i->reg], name ? "." : "",
                           name ? name : "", bit);
}

static bool filter(X86CpuConfig *c, void (*warn)(const char *, void *), void *opaque,
                   GError **error)
{
    bool any = false;

    for (unsigned w = 0; w < X86_FW_COUNT; w++) {
        uint64_t lost = c->words[w] & ~x86_feature_supported(w);

        c->words[w] &= ~lost;
        c->filtered[w] |= lost;
        for (unsigned bit = 0; bit < 64; bit++) {
            if (!(lost >> bit & 1)) {
                continue;
            }
            any = true;
            if (warn && (c->check || c->enforce)) {
                g_autofree char *text = describe(w, bit);
                g_autofree char *line =
                    g_strdup_printf("TCG doesn't support requested feature: %s", text);

                warn(line, opaque);
            }
        }
    }
    if (any && c->enforce) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_FEATURE,
                    "TCG doesn't support requested features");
        return false;
    }
    return true;
}

static void raise_level(uint32_t *level, bool used, uint32_t leaf)
{
    if (used && *level < leaf) {
        *level = leaf;
    }
}

static void settle_levels(X86CpuConfig *c)
{
    const uint64_t *w = c->words;

    if (c->full_auto_level) {
        raise_level(&c->min_level, w[X86_FW_7_0_EBX] | w[X86_FW_7_0_ECX] | w[X86_FW_7_0_EDX], 7);
        raise_level(&c->min_level, w[X86_FW_6_EAX] != 0, 6);
        raise_level(&c->min_level, w[X86_FW_D_1_EAX] != 0 || X86_FEAT_XSAVE(c), 0xd);
        raise_level(&c->min_level, c->dies > 1 || c->modules > 1, 0x1f);
        raise_level(&c->min_xlevel, w[X86_FW_8000_0001_EDX] | w[X86_FW_8000_0001_ECX], 0x80000001);
        raise_level(&c->min_xlevel, w[X86_FW_8000_0007_EBX] | w[X86_FW_8000_0007_EDX], 0x80000007);
        raise_level(&c->min_xlevel, w[X86_FW_8000_0008_EBX] || X86_FEAT_LM(c), 0x80000008);
        raise_level(&c->min_xlevel, w[X86_FW_8000_0021_EAX] != 0, 0x80000021);
    }
    if (c->level == UINT32_MAX) {
        c->level = c->min_level;
    }
    if (c->xlevel == UINT32_MAX) {
        c->xlevel = c->min_xlevel;
    }
    if (c->xlevel2 == UINT32_MAX) {
        c->xlevel2 = c->min_xlevel2;
    }
}

bool x86_config_finish(X86CpuConfig *c, void (*warn)(const char *line, void *opaque), void *opaque,
                       GError **error)
{
    bool amd = !strcmp(c->vendor, "AuthenticAMD");

    if (c->phys_bits && (c->phys_bits < 32 || c->phys_bits > 52)) {
        g_set_error(error, FERRY_X86_ERROR, FERRY_X86_ERROR_CONFIG,
                    "phys-bits should be between 32 and 52 (but is %u)", c->phys_bits);
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(dependencies); i++) {
        if (!(c->words[dependencies[i].needs_word] >> dependencies[i].needs_bit & 1)) {
            c->words[dependencies[i].word] &= ~(1ull << dependencies[i].bit);
        }
    }
    if (!filter(c, warn, opaque, error)) {
        return false;
    }
    if (c->threads * c->cores * c->modules * c->dies > 1) {
        c->words[X86_FW_1_EDX] |= 1ull << 28; /* ht */
        if (amd) {
            c->words[X86_FW_8000_0001_ECX] |= 1ull << 1; /* cmp-legacy */
        }
    }
    if (!c->phys_bits) {
        c->phys_bits = X86_FEAT_LM(c) ? 40 : X86_FEAT_PSE36(c) ? 36 : 32;
    }
    if (!c->ucode_rev) {
        c->ucode_rev = amd ? 0x01000065 : 0x100000000ull;
    }
    if (c->apic_id == UINT32_MAX) {
        c->apic_id = 0;
    }
    settle_levels(c);
    c->finished = true;
    return true;
}
