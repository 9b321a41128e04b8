/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A qcow2 image whose reads fail, for tests of what errors do. */
#pragma once
#include "backend/block/block-priv.h"
#include "pci-dev.h"

/* An image with one damaged table: its reads fail. */
static inline char *damaged_image(void)
{
    g_autofree uint64_t *table = g_new0(uint64_t, 65536 / 8);
    char *path = image_new(0);
    int fd = g_open(path, O_RDWR, 0);
    uint64_t l1, entry = GUINT64_TO_BE(0x8000000000000000 | 16 << 16);

    g_assert_true(qcow2_create(fd, 1 << 20, NULL));
    close(fd);
    image_get(path, 40, &l1, 8);
    image_put(path, GUINT64_FROM_BE(l1), &entry, 8);
    for (size_t i = 0; i < 65536 / 8; i++) {
        table[i] = GUINT64_TO_BE(0x8000000000000200); /* a cluster begins at no such place */
    }
    image_put(path, 16 << 16, table, 65536);
    return path;
}
