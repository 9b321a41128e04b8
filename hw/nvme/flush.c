/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flush of every namespace at once: for a shutdown, a write cache that goes, a flush of all. */
#include "nvme-priv.h"

typedef struct {
    unsigned left;
    BlockDrive *failed;
    int ret;
    NvmeFlushed done;
    void *opaque;
} Flush;

typedef struct {
    Flush *flush;
    BlockDrive *drive;
} One;

static void drop(Flush *f)
{
    if (!--f->left) {
        f->done(f->opaque, f->failed, f->ret);
        g_free(f);
    }
}

static void one_done(void *opaque, int ret)
{
    One *one = opaque;
    Flush *f = one->flush;

    if (ret && !f->ret) {
        f->ret = ret;
        f->failed = one->drive;
    }
    g_free(one);
    drop(f);
}

void nvme_flush_all(Nvme *n, NvmeFlushed done, void *opaque)
{
    Flush *f = g_new0(Flush, 1);

    *f = (Flush){ .left = 1, .done = done, .opaque = opaque };
    for (uint32_t nsid = 1; nsid <= NVME_NAMESPACES; nsid++) {
        NvmeNamespace *ns = n->namespaces[nsid];

        if (ns && !block_drive_read_only(ns->drive)) {
            One *one = g_new(One, 1);

            *one = (One){ f, ns->drive };
            f->left++;
            block_aio_flush(ns->drive, one_done, one);
        }
    }
    drop(f);
}
