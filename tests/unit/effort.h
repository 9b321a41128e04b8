/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How hard a test of many rounds tries: FERRY_TEST_EFFORT is a percentage of the usual number. Without
 * it, 100, and 10 in a sanitized build, where a round takes ten times as long.
 */
#ifndef TESTS_EFFORT_H
#define TESTS_EFFORT_H

#include <stdint.h>
#include <glib.h>

#ifndef __has_feature /* clang's; gcc defines the other */
#define __has_feature(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define TEST_SANITIZED      1
#define TEST_EFFORT_DEFAULT 10
#else
#define TEST_SANITIZED      0
#define TEST_EFFORT_DEFAULT 100
#endif

/* FERRY_TEST_SEED: where a test of many random rounds begins, so that long runs can be cut in parts. */
static inline unsigned test_first_seed(void)
{
    const char *s = g_getenv("FERRY_TEST_SEED");
    return s ? (unsigned)CLAMP(g_ascii_strtoull(s, NULL, 10), 1, G_MAXUINT32) : 1;
}

static inline unsigned test_effort(unsigned usual)
{
    const char *s = g_getenv("FERRY_TEST_EFFORT");
    uint64_t percent = s ? g_ascii_strtoull(s, NULL, 10) : TEST_EFFORT_DEFAULT;
    uint64_t n = usual * percent / 100;

    return (unsigned)CLAMP(n, 1, G_MAXUINT32);
}

#endif
