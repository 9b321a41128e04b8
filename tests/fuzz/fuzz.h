/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every fuzz target has: libFuzzer's entry. Without libFuzzer, replay.c gives it the files of its
 * corpus, so that the plain test suite runs them all.
 */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reading the input from its front; zero and nothing beyond its end. */
typedef struct {
    const uint8_t *data;
    size_t left;
} FuzzInput;

static inline uint8_t fuzz_u8(FuzzInput *in)
{
    if (!in->left) {
        return 0;
    }
    in->left--;
    return *in->data++;
}

static inline const uint8_t *fuzz_bytes(FuzzInput *in, size_t *n)
{
    const uint8_t *at = in->data;

    *n = MIN(*n, in->left);
    in->data += *n;
    in->left -= *n;
    return at;
}

/* What became of the input, for whoever looks into one: FERRY_FUZZ_SAY=1. */
static inline void fuzz_say(const GError *error)
{
    if (g_getenv("FERRY_FUZZ_SAY")) {
        g_printerr("%s\n", error ? error->message : "taken");
    }
}
