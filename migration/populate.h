/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory for pages that are about to come; see populate.c. One thread uses it. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Populate Populate;

Populate *populate_new(void);
/* No memory is touched any more when it returns. */
void populate_free(Populate *p);
/* A page with content came at @offset of the block at @host. */
void populate_hint(Populate *p, uint8_t *host, uint64_t length, uint64_t offset);
