/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a target tells a debugger about its registers: a table, and two functions that read and
 * write one register. Numbers are positions in the table, over all features.
 *
 * Names of features, registers and types are those of GDB's "Standard Target Features"; the XML
 * that GDB asks for is made from the table.
 */
#ifndef EXEC_GDB_H
#define EXEC_GDB_H

#include <stdbool.h>
#include <stdint.h>

typedef struct CpuState CpuState;

#define CPU_GDB_REG_MAX_BYTES 32

typedef struct CpuGdbReg {
    const char *name;
    uint16_t bits;
    const char *type;  /* NULL: intN */
    const char *group; /* NULL: by GDB's own rule */
} CpuGdbReg;

typedef struct CpuGdbFeature {
    const char *name;  /* "org.gnu.gdb.i386.core" */
    const char *types; /* XML elements that define its own types, or NULL */
    const CpuGdbReg *regs;
    unsigned n_regs;
} CpuGdbFeature;

typedef struct CpuGdb {
    const char *architecture; /* "i386:x86-64" */
    const CpuGdbFeature *features;
    unsigned n_features;
    /* The vCPU is stopped. buf: the register's bytes in the target's order. */
    void (*read)(const CpuState *cpu, unsigned reg, uint8_t *buf);
    /* False, and nothing changed: the register cannot be written, or not to that. */
    bool (*write)(CpuState *cpu, unsigned reg, const uint8_t *buf);
} CpuGdb;

#endif
