/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the session sees of the registered sections; devices need only vmstate.h. */
#pragma once
#include "migration/vmstate/vmstate.h"

typedef struct Records Records;

struct Section {
    char *idstr; /* as on the wire; owned */
    uint32_t instance;
    uint32_t section_id; /* this process's number for it */
    const SectionDesc *desc;
    void *owner; /* borrowed */
};

/* NULL if there is none. VM lock held. */
Section *section_find(Vm *vm, const char *idstr, uint32_t instance);
/* In the order of saving: priority, then registration; stops when @fn says false. */
void section_foreach(Vm *vm, bool (*fn)(Section *s, void *opaque), void *opaque);
void records_teardown(Vm *vm);

/* A subsection that a section's stream may hold, at any depth; see manifest.h. */
typedef struct {
    const Record *record;
    bool sent, idle;
    const char *missing; /* what it needs and is not here; NULL: nothing */
} SubsectionListed;
typedef void SubsectionVisit(const SubsectionListed *row, void *opaque);
/*
 * Says each of @section's, those in elements of an array perhaps more than once. Where a compat property or a need may
 * decide, the device's `save` is called, also of a running machine: `idle` is true of about now. VM lock held.
 */
void section_subsections(const Section *section, SubsectionVisit *visit, void *opaque);
/* Appends the JSON of -dump-vmstate. VM lock held. */
void vmstate_dump(Vm *vm, const char *machine_name, unsigned stream_version, GString *out);

/* What is wrong with a record (recursively), or NULL. Owned by the caller. */
char *record_check(const Record *record);
