/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set of consoles and inputs of a VM. */
#pragma once
#include "backend/ui/display.h"
#include "backend/ui/input.h"

struct Displays {
    Vm *vm;
    GPtrArray *consoles; /* Console *, borrowed from their devices */
    Inputs *inputs;      /* owned */
};

struct Console {
    Displays *displays;
    Object *device;
    const ConsoleOps *ops;
    void *opaque;
    int width, height;
    uint32_t *pixels; /* owned */
    ConsoleViewer *viewers;
};
