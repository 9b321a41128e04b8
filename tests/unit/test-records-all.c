/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machines of machine-vm.c have every device that has state: what test-records.c proves of their records, it
 * proves of all.
 */
#include "machine-vm.h"

typedef struct {
    GHashTable *records;
    GString *lost;
} Coverage;

static void look_for(const Type *type, void *opaque)
{
    Coverage *c = opaque;
    const DeviceOps *ops = type_ops(type);

    if (ops && ops->section && ops->section->record &&
        !g_hash_table_contains(c->records, ops->section->record)) {
        g_string_append_printf(c->lost, " %s (%s)", type_name(type), ops->section->record->name);
    }
}

/* Each device that has state is in one of the machines, so that the tests above see its records. */
static void test_none_forgotten(void)
{
    Coverage c = { g_hash_table_new(NULL, NULL), g_string_new(NULL) };

    for (size_t i = 0; i < machine_rows_n; i++) {
        MachineVm *m = machine_vm_new(&machine_rows[i]);
        g_autoptr(GPtrArray) all = machine_vm_sections(m);

        for (guint k = 0; k < all->len; k++) {
            const Section *s = g_ptr_array_index(all, k);
            g_hash_table_add(c.records, (gpointer)s->desc->record);
        }
        if (i + 1 == machine_rows_n) {
            type_foreach(m->sys.vm->types, "device", false, look_for, &c);
        }
        machine_vm_free(m);
    }
    if (c.lost->len) {
        g_error("no machine of machine-vm.c has:%s", c.lost->str);
    }
    g_string_free(c.lost, TRUE);
    g_hash_table_unref(c.records);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/records/no-device-is-forgotten", test_none_forgotten);
    return g_test_run();
}
