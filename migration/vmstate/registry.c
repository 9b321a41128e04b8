/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sections of a VM: which device gives which record under which id string and instance.
 * Registration checks the record's shape, since a malformed record is a bug of ours.
 */
#include <string.h>
#include "base/core/vm.h"
#include "migration/vmstate/registry.h"

struct Records {
    GPtrArray *sections; /* Section, in order of priority, then registration */
    uint32_t next_id;
};

static void section_free(gpointer p)
{
    Section *s = p;
    g_free(s->idstr);
    g_free(s);
}

static Records *records_of(Vm *vm)
{
    if (!vm->records) {
        vm->records = g_new0(Records, 1);
        vm->records->sections = g_ptr_array_new_with_free_func(section_free);
    }
    return vm->records;
}

void records_teardown(Vm *vm)
{
    if (vm->records) {
        g_ptr_array_unref(vm->records->sections);
        g_clear_pointer(&vm->records, g_free);
    }
}

Section *section_find(Vm *vm, const char *idstr, uint32_t instance)
{
    Records *r = records_of(vm);
    for (guint i = 0; i < r->sections->len; i++) {
        Section *s = g_ptr_array_index(r->sections, i);
        if (s->instance == instance && !strcmp(s->idstr, idstr)) {
            return s;
        }
    }
    return NULL;
}

static void assert_well_formed(const Record *record)
{
    g_autofree char *problem = record ? record_check(record) : NULL;
    if (problem) {
        g_error("record '%s' is malformed: %s", record->name, problem);
    }
}

Section *section_register(Vm *vm, const char *path_prefix, const SectionDesc *desc,
                          uint32_t instance, void *owner)
{
    Records *r = records_of(vm);
    assert_well_formed(desc->record);
    assert_well_formed(desc->start);
    Section *s = g_new0(Section, 1);
    const char *base = desc->idstr ? desc->idstr : desc->record->name;
    s->idstr = path_prefix ? g_strconcat(path_prefix, "/", base, NULL) : g_strdup(base);
    s->desc = desc;
    s->owner = owner;
    s->section_id = r->next_id++;
    if (instance == SECTION_INSTANCE_AUTO) {
        instance = 0;
        while (section_find(vm, s->idstr, instance)) {
            instance++;
        }
    }
    g_assert(!section_find(vm, s->idstr, instance));
    s->instance = instance;
    guint at = 0;
    while (at < r->sections->len &&
           ((Section *)g_ptr_array_index(r->sections, at))->desc->priority >= desc->priority) {
        at++;
    }
    g_ptr_array_insert(r->sections, (gint)at, s);
    return s;
}

void section_unregister(Vm *vm, Section *section)
{
    g_ptr_array_remove(records_of(vm)->sections, section);
}

void section_foreach(Vm *vm, bool (*fn)(Section *s, void *opaque), void *opaque)
{
    Records *r = records_of(vm);
    for (guint i = 0; i < r->sections->len; i++) {
        if (!fn(g_ptr_array_index(r->sections, i), opaque)) {
            return;
        }
    }
}
