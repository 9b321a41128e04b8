/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new, empty image, as snapshot=on needs one: version 3, clusters of 64 KiB, 16-bit refcounts.
 *
 *   cluster 0 header | 1 refcount table | 2 refcount block | 3... L1 table
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/util/endian.h"
#include "qcow2-priv.h"

#define BITS         16
#define CLUSTER      (1u << BITS)
#define HEADER_BYTES 104
#define L1_COVERS    (1ull << (2 * BITS - 3)) /* guest bytes an entry stands for */

bool qcow2_create(int fd, uint64_t bytes, GError **error)
{
    uint64_t entries = (bytes + L1_COVERS - 1) / L1_COVERS;
    uint64_t clusters = 3 + (entries * 8 + CLUSTER - 1) / CLUSTER;
    g_autofree uint8_t *head = g_malloc0(3 * CLUSTER);
    uint8_t *counts = head + 2 * CLUSTER;

    st_be32(head, QCOW_MAGIC);
    st_be32(head + 4, 3);
    st_be32(head + 20, BITS);
    st_be64(head + 24, bytes);
    st_be32(head + 36, (uint32_t)entries);
    st_be64(head + 40, 3 * CLUSTER);
    st_be64(head + 48, CLUSTER);
    st_be32(head + 56, 1);
    st_be32(head + 96, 4);
    st_be32(head + 100, HEADER_BYTES);
    st_be64(head + CLUSTER, 2 * CLUSTER);
    for (uint64_t i = 0; i < clusters && i < CLUSTER / 2; i++) {
        st_be16(counts + 2 * i, 1);
    }
    errno = ENOSPC;
    if (pwrite(fd, head, 3 * CLUSTER, 0) != 3 * CLUSTER ||
        ftruncate(fd, (off_t)(clusters * CLUSTER))) {
        g_set_error(error, FERRY_BLOCK_ERROR, BLOCK_ERROR_IO, "cannot make an image: %s",
                    g_strerror(errno));
        return false;
    }
    return true;
}
