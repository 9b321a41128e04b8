/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM of 16 KiB of RAM and one device whose record has every kind of field, and migrations of it from
 * and to bytes in memory: for tests of what streams, also malicious ones, do to a destination.
 */
#pragma once
#include "vm-stream.h"

#define TINY_RAM (16u << 10)

typedef struct TinyDevice TinyDevice;

typedef struct {
    Vm *vm;
    RamBlock *ram;
    TinyDevice *device; /* owned */
} Tiny;

Tiny *tiny_new(void);
void tiny_free(Tiny *t);
/* Values that differ from those after tiny_new. */
void tiny_scribble(Tiny *t);
bool tiny_same(const Tiny *a, const Tiny *b);
/* The whole stream, as written to a file. */
GBytes *tiny_save(Tiny *t, StreamFormat format);
/* Loads and installs; false + error, and then nothing of the device was installed. */
bool tiny_load(Tiny *t, const void *stream, size_t n, GError **error);
