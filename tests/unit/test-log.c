/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log's options as a user types them, and that lines of several threads come out whole.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util/error.h"
#include "base/util/log.h"
#include "base/util/trace.h"

TRACE_POINT(test_log_first);
TRACE_POINT(test_log_second);

static void test_categories_parse(void)
{
    g_autoptr(GError) error = NULL;
    uint32_t mask = 0;

    g_assert_true(log_parse("in_asm,cpu_reset", &mask, NULL));
    g_assert_cmphex(mask, ==, LOG_IN_ASM | LOG_CPU_RESET);
    g_assert_true(log_parse("all,none,mmu", &mask, NULL));
    g_assert_cmphex(mask, ==, LOG_MMU);
    g_assert_true(log_parse("all", &mask, NULL));
    g_assert_true(mask & LOG_GUEST_ERRORS);
    g_assert_false(mask & LOG_NOCHAIN);
    mask = 5;
    g_assert_false(log_parse("in_asm,nonsense", &mask, &error));
    g_assert_cmphex(mask, ==, 5);
    g_assert_cmpstr(error->message, ==, "unknown log item 'nonsense' (-d help lists them)");
    for (const LogItem *i = log_items(); i->name; i++) {
        g_assert_true(log_parse(i->name, &mask, NULL));
        g_assert_cmphex(mask, ==, i->category);
    }
}

static void test_filter_has_three_forms(void)
{
    g_assert_true(log_in_filter(0));
    g_assert_true(log_set_filter("0x1000..0x1fff,0x8000+0x100,0x9000-0x10", NULL));
    g_assert_false(log_in_filter(0xfff));
    g_assert_true(log_in_filter(0x1000));
    g_assert_true(log_in_filter(0x1fff));
    g_assert_false(log_in_filter(0x2000));
    g_assert_true(log_in_filter(0x80ff));
    g_assert_false(log_in_filter(0x8100));
    g_assert_false(log_in_filter(0x8ff0));
    g_assert_true(log_in_filter(0x8ff1));
    g_assert_true(log_in_filter(0x9000));
    g_assert_false(log_set_filter("5", NULL));
    g_assert_false(log_set_filter("5..4", NULL));
    g_assert_false(log_set_filter("1-3", NULL));
    g_assert_false(log_set_filter("0xffffffffffffffff+2", NULL));
    g_assert_false(log_set_filter("1+0", NULL));
    g_assert_false(log_set_filter("x..y", NULL));
    g_assert_false(log_set_filter("1..2,", NULL));
    g_assert_true(log_set_filter("0xffffffffffffffff+1", NULL));
    g_assert_true(log_in_filter(UINT64_MAX));
    g_assert_true(log_set_filter(NULL, NULL));
    g_assert_true(log_in_filter(0));
    log_shutdown();
}

static gpointer write_lines(gpointer text)
{
    for (unsigned i = 0; i < 500; i++) {
        log_printf(LOG_UNIMP, "%s\n", (const char *)text);
        log_printf(LOG_MMU, "never\n");
    }
    return NULL;
}

static void test_lines_of_threads_stay_whole(void)
{
    g_autofree char *dir = g_dir_make_tmp("ferry-log-XXXXXX", NULL);
    g_autofree char *pattern = g_build_filename(dir, "log-%d.txt", NULL);
    g_autofree char *name = g_strdup_printf("%s/log-%d.txt", dir, (int)getpid());
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GThread *a, *b;
    unsigned counts[2] = { 0 };

    g_assert_true(log_set_file(pattern, NULL));
    g_assert_true(log_set("unimp", NULL));
    a = g_thread_new("a", write_lines, (gpointer) "aaaaaaaaaaaaaaaa");
    b = g_thread_new("b", write_lines, (gpointer) "bbbbbbbb");
    g_thread_join(a);
    g_thread_join(b);
    log_shutdown();
    log_printf(LOG_UNIMP, "after the end\n");
    g_assert_true(g_file_get_contents(name, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; **l; l++) {
        counts[0] += !strcmp(*l, "aaaaaaaaaaaaaaaa");
        counts[1] += !strcmp(*l, "bbbbbbbb");
    }
    g_assert_cmpuint(counts[0], ==, 500);
    g_assert_cmpuint(counts[1], ==, 500);
    g_assert_cmpuint(g_strv_length(lines), ==, 1001);
    g_remove(name);
    g_rmdir(dir);
}

static void test_bad_log_files_are_refused(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(log_set_file("/nonexistent/dir/log", &error));
    g_assert_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_IO);
    g_assert_false(log_set_file("x%s", NULL));
    g_assert_false(log_set_file("x%d%n", NULL));
}

static void count_point(const TracePoint *point, void *opaque)
{
    *(unsigned *)opaque += g_str_has_prefix(point->name, "test_log_");
}

static void test_trace_points_follow_patterns(void)
{
    g_autoptr(GError) error = NULL;
    unsigned count = 0;

    trace_foreach(count_point, &count);
    g_assert_cmpuint(count, ==, 2);
    g_assert_false(trace_enabled(test_log_first));
    g_assert_true(trace_enable("test_log_*", NULL));
    g_assert_true(trace_enabled(test_log_first));
    g_assert_true(trace_enabled(test_log_second));
    g_assert_true(trace_enable("-test_log_first", NULL));
    g_assert_false(trace_enabled(test_log_first));
    g_assert_true(trace_enable("no_such_*", NULL));
    g_assert_false(trace_enable("no_such", &error));
    g_assert_error(error, FERRY_UTIL_ERROR, UTIL_ERROR_INVALID);
    g_assert_true(trace_enable("-*", NULL));
    g_assert_false(trace_enabled(test_log_second));
    g_assert_true(log_set("trace:test_log_first", NULL));
    g_assert_true(trace_enabled(test_log_first));
    trace(test_log_second, "is off: %d", 1);
    log_shutdown();
}

static void test_trace_lines_carry_the_name(void)
{
    g_autofree char *dir = g_dir_make_tmp("ferry-log-XXXXXX", NULL);
    g_autofree char *name = g_build_filename(dir, "trace.txt", NULL);
    g_autofree char *text = NULL;

    g_assert_true(log_set_file(name, NULL));
    g_assert_true(trace_enable("test_log_first", NULL));
    trace(test_log_first, "value %d", 7);
    log_shutdown();
    g_assert_true(g_file_get_contents(name, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "test_log_first value 7\n");
    g_remove(name);
    g_rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/log/categories-parse", test_categories_parse);
    g_test_add_func("/util/log/filter-has-three-forms", test_filter_has_three_forms);
    g_test_add_func("/util/log/lines-of-threads-stay-whole", test_lines_of_threads_stay_whole);
    g_test_add_func("/util/log/bad-log-files-are-refused", test_bad_log_files_are_refused);
    g_test_add_func("/util/trace/points-follow-patterns", test_trace_points_follow_patterns);
    g_test_add_func("/util/trace/lines-carry-the-name", test_trace_lines_carry_the_name);
    return g_test_run();
}
