/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The version strings have the shape that query-version splits into three numbers.
 */
#include <glib.h>
#include <stdio.h>

#include "base/util/version.h"

static void assert_three_numbers(const char *version)
{
    unsigned major, minor, micro;
    char rest;

    g_assert_cmpint(sscanf(version, "%u.%u.%u%c", &major, &minor, &micro, &rest), ==, 3);
}

static void test_versions_are_three_numbers(void)
{
    assert_three_numbers(ferry_version());
    assert_three_numbers(ferry_interface_version());
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/version/both-versions-are-three-numbers",
                    test_versions_are_three_numbers);
    return g_test_run();
}
