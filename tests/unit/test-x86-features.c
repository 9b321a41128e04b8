/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models and CPUID: what qemu64 answers, how features are switched, what is filtered and in
 * which words, topology leaves.
 */
#include <glib.h>
#include <string.h>

#include "target/x86/features.h"

static void collect(const char *line, void *opaque)
{
    g_ptr_array_add(opaque, g_strdup(line));
}

static X86CpuConfig config_of(const char *model, unsigned cores)
{
    X86CpuConfig c;
    g_autoptr(GError) error = NULL;

    x86_config_init(&c);
    x86_config_set_model(&c, x86_model_find(model));
    c.cores = cores;
    g_assert_true(x86_config_finish(&c, NULL, NULL, &error));
    return c;
}

static void leaf(const X86CpuConfig *c, uint32_t n, uint32_t sub, uint32_t out[4])
{
    X86CpuidState s = { .apic_enabled = true, .xcr0 = 1 };

    x86_cpuid(c, &s, n, sub, out);
}

static void test_qemu64(void)
{
    X86CpuConfig c = config_of("qemu64", 1);
    uint32_t r[4];

    leaf(&c, 0, 0, r);
    g_assert_cmphex(r[0], ==, 0xd);
    g_assert_cmpmem(&r[1], 4, "Auth", 4);
    leaf(&c, 1, 0, r);
    g_assert_cmphex(r[0], ==, 0x60fb1);
    g_assert_cmphex(r[1], ==, 0x800);
    g_assert_cmphex(r[2], ==, 0x80002001);
    g_assert_cmphex(r[3], ==, 0x078bfbfd);
    leaf(&c, 0x80000001, 0, r);
    g_assert_cmphex(r[3], ==, 0x2193fbfd);
    leaf(&c, 0x80000008, 0, r);
    g_assert_cmphex(r[0], ==, 0x3028);
    leaf(&c, 0x80000005, 0, r);
    g_assert_cmphex(r[2], ==, 0x40020140);
    leaf(&c, 7, 0, r);
    g_assert_cmphex(r[0] | r[1] | r[2] | r[3], ==, 0);
}

static void test_topology(void)
{
    X86CpuConfig c = config_of("qemu64", 2);
    uint32_t r[4];

    leaf(&c, 1, 0, r);
    g_assert_cmphex(r[1], ==, 0x20800);
    g_assert_cmphex(r[3], ==, 0x178bfbfd);
    leaf(&c, 0x80000008, 0, r);
    g_assert_cmphex(r[2], ==, 0x1001);
    leaf(&c, 0xb, 1, r);
    g_assert_cmpuint(r[0], ==, 1);
    g_assert_cmpuint(r[1], ==, 2);
    g_assert_cmphex(r[2], ==, 0x201);
}

static void test_filter(void)
{
    X86CpuConfig c;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    X86FeatureWord word;
    unsigned bit;

    x86_config_init(&c);
    x86_config_set_model(&c, x86_model_find("Haswell-v1"));
    g_assert_true(x86_config_finish(&c, collect, lines, &error));
    g_assert_cmpuint(lines->len, ==, 2);
    g_assert_cmpstr(lines->pdata[0], ==,
                    "TCG doesn't support requested feature: CPUID.07H:EBX.hle [bit 4]");
    g_assert_true(x86_feature_find("avx2", &word, &bit));
    g_assert_true(x86_has(&c, word, bit));

    x86_config_init(&c);
    x86_config_set_model(&c, x86_model_find("Haswell-v1"));
    c.enforce = true;
    g_assert_false(x86_config_finish(&c, NULL, NULL, &error));
    g_assert_cmpstr(error->message, ==, "TCG doesn't support requested features");
}

static void test_without_xsave_there_is_no_avx(void)
{
    X86CpuConfig c;

    x86_config_init(&c);
    x86_config_set_model(&c, x86_model_find("max"));
    c.words[X86_FW_1_ECX] &= ~(1ull << 26);
    g_assert_true(x86_config_finish(&c, NULL, NULL, NULL));
    g_assert_false(X86_FEAT_AVX(&c));
    g_assert_cmphex(x86_xcr0_mask(&c), ==, 0);
}

static void test_every_model_can_be_made(void)
{
    for (const X86Model *m = x86_models(); m->name; m++) {
        X86CpuConfig c;
        g_auto(GStrv) missing = x86_model_unavailable(m);

        x86_config_init(&c);
        x86_config_set_model(&c, m);
        g_assert_true(x86_config_finish(&c, NULL, NULL, NULL));
        g_assert_nonnull(missing);
        if (!strncmp(m->name, "Nehalem-v1", 10) || !strcmp(m->name, "x86-64-v3") ||
            !strcmp(m->name, "qemu64")) {
            g_assert_null(missing[0]);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86/features/qemu64-answers-as-expected", test_qemu64);
    g_test_add_func("/x86/features/two-cores-show-in-three-leaves", test_topology);
    g_test_add_func("/x86/features/what-is-missing-is-named-or-enforced", test_filter);
    g_test_add_func("/x86/features/without-xsave-there-is-no-avx",
                    test_without_xsave_there_is_no_avx);
    g_test_add_func("/x86/features/every-model-can-be-made", test_every_model_can_be_made);
    return g_test_run();
}
