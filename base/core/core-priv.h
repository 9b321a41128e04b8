/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of base/core share and nobody else sees. */
#pragma once
#include "base/core/vm.h"

struct Type {
    const TypeInfo *info;
    const Type *parent;
    size_t instance_size; /* own or inherited */
    const void *ops;
};

/* A property that one instance has beyond those of its type. */
typedef struct {
    char *name, *type_name;
    GVariant *(*get)(Object *, const char *name, void *opaque);
    bool (*set)(Object *, const char *name, GVariant *, void *opaque, GError **);
    void *opaque;
} DynProp;

/* property.c: typed access to the stored member. */
bool property_store(Object *obj, const Property *prop, GVariant *value, GError **error);
GVariant *property_load(Object *obj, const Property *prop);
void property_apply_default(Object *obj, const Property *prop);
void property_clear(Object *obj, const Property *prop);

bool clocks_setup(Vm *vm);
void clocks_teardown(Vm *vm);
/* Runs the timers that are due; returns ns until the next one, -1 for none. VM lock held. */
int64_t clocks_run_due(Vm *vm);
void loop_setup(Vm *vm);
void loop_teardown(Vm *vm);
void run_states_setup(Vm *vm);
void run_states_teardown(Vm *vm);
/* Carries out pending reset/stop/shutdown requests; called by the main loop. VM lock held. */
void run_states_poll(Vm *vm);
