/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cutting a byte stream into JSON values, within limits; see framing.c. */
#pragma once
#include "monitor/json.h"

#define FRAMER_MAX_BYTES  ((size_t)64 << 20) /* one value */
#define FRAMER_MAX_TOKENS ((size_t)2 << 20)
#define FRAMER_MAX_DEPTH  1024

typedef struct JsonFramer JsonFramer;
JsonFramer *json_framer_new(void);
void json_framer_free(JsonFramer *framer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonFramer, json_framer_free)
/* Forget a half-received value. */
void json_framer_reset(JsonFramer *framer);
/*
 * Take bytes until one value or one error is complete; returns how many were taken. *value (owned
 * by the caller; NULL also for JSON null) is valid when *complete is true and *error is not set.
 */
size_t json_framer_feed(JsonFramer *framer, const char *buf, size_t len, bool *complete,
                        Json **value, GError **error);
/* Bytes held for a value that is not complete. */
size_t json_framer_held(const JsonFramer *framer);
