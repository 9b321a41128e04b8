/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole machine inside the test's process, made by the program's own start-up from a command
 * line. No CPU runs (accelerator qtest), the clocks stand. For tests that look at every record
 * of every machine.
 */
#pragma once
#include "migration/vmstate/codec.h"
#include "migration/vmstate/registry.h"
#include "system/system-priv.h"

typedef struct {
    CmdLine cmd;
    System sys;
    char *dir; /* with empty firmware and disk images: {dir} in options */
} MachineVm;

/* One machine with as many devices as it takes. */
typedef struct {
    const char *name, *program, *options;
    StreamFormat format;
    const char *variant; /* of several with one name; NULL: the first */
} MachineRow;
extern const MachineRow machine_rows[];
extern const size_t machine_rows_n;

/* Comes back with the VM lock held; a machine that cannot be built ends the test. */
MachineVm *machine_vm_new(const MachineRow *row);
void machine_vm_free(MachineVm *m);
/* All sections that have a record (Section *, borrowed). */
GPtrArray *machine_vm_sections(const MachineVm *m);
