/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-img, an independent program that knows the image formats, run in a directory; and a VM whose drives are images there. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include "backend/block/block.h"

/* Is it installed? If not, the test is marked as skipped. */
bool image_tool_here(void);
/* Its exit status; what it says is in @dir/out. */
int image_tool(const char *dir, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The same; a failure ends the test with what it said. */
void image_tool_ok(const char *dir, const char *args);

typedef struct {
    Vm *vm;
    Blocks *blocks;
    char *dir; /* empty at first; goes with all that is in it */
} ImageVm;
/* Comes back with the VM lock held. */
void image_vm_open(ImageVm *v);
/* A test may have freed the blocks before and set them to NULL. */
void image_vm_close(ImageVm *v);
