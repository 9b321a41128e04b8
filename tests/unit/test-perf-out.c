/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files for perf: what is added can be read back in the documented formats. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include "exec/perf.h"

static char *dir;

static void test_map(void)
{
    g_autofree char *path = g_build_filename(dir, "map", NULL), *text = NULL;
    g_autoptr(GError) error = NULL;
    PerfOut *p = perf_out_new(path, NULL, &error);

    g_assert_no_error(error);
    perf_out_add(p, "guest_1000", 0x7f0000001000, "abc", 3);
    perf_out_add(p, "enter", 0x10, "abcdefghijklmnopq", 17);
    perf_out_free(p);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "7f0000001000 3 guest_1000\n10 11 enter\n");
    g_unlink(path);
}

static uint32_t u32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static uint64_t u64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static void test_dump(void)
{
    g_autofree char *path = g_build_filename(dir, "dump", NULL), *b = NULL;
    g_autoptr(GError) error = NULL;
    PerfOut *p = perf_out_new(NULL, path, &error);
    size_t n;

    g_assert_no_error(error);
    perf_out_add(p, "one", 0x1000, "\x90\xc3", 2);
    perf_out_add(p, "two", 0x2000, "\xc3", 1);
    perf_out_free(p);
    g_assert_true(g_file_get_contents(path, &b, &n, NULL));
    g_assert_cmpuint(n, ==, 40 + (56 + 4 + 2) + (56 + 4 + 1));
    g_assert_cmphex(u32(b), ==, 0x4a695444);
    g_assert_cmpuint(u32(b + 4), ==, 1);
    g_assert_cmpuint(u32(b + 8), ==, 40);
    g_assert_cmpuint(u32(b + 20), ==, (uint32_t)getpid());
    const char *r = b + 40;
    g_assert_cmpuint(u32(r), ==, 0);
    g_assert_cmpuint(u32(r + 4), ==, 62);
    g_assert_cmphex(u64(r + 24), ==, 0x1000);
    g_assert_cmphex(u64(r + 32), ==, 0x1000);
    g_assert_cmpuint(u64(r + 40), ==, 2);
    g_assert_cmpuint(u64(r + 48), ==, 0);
    g_assert_cmpmem(r + 56, 6, "one\0\x90\xc3", 6);
    r += 62;
    g_assert_cmpuint(u32(r + 4), ==, 61);
    g_assert_cmpuint(u64(r + 48), ==, 1);
    g_assert_cmpuint(u64(r + 8), >=, u64(b + 48)); /* times do not go back */
    g_unlink(path);
}

static void test_refusal(void)
{
    g_autofree char *path = g_build_filename(dir, "absent", "map", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(perf_out_new(path, NULL, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, path));
    perf_out_add(NULL, "nobody listens", 0, "", 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("ferry-perf-XXXXXX", NULL);
    g_assert_nonnull(dir);
    g_test_add_func("/exec/perf/the-map-has-a-line-for-each-piece-of-code", test_map);
    g_test_add_func("/exec/perf/jitdump-records-follow-the-specification", test_dump);
    g_test_add_func("/exec/perf/a-file-that-cannot-be-made-is-an-error", test_refusal);
    int r = g_test_run();
    g_rmdir(dir);
    g_free(dir);
    return r;
}
