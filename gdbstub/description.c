/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The target description: XML from the target's register table (GDB manual, appendix G). */
#include "gdbstub-priv.h"

static void append_reg(GString *xml, const CpuGdbReg *r, unsigned number)
{
    g_string_append_printf(xml, "<reg name=\"%s\" bitsize=\"%u\" regnum=\"%u\"", r->name, r->bits,
                           number);
    if (r->type) {
        g_string_append_printf(xml, " type=\"%s\"", r->type);
    } else {
        g_string_append_printf(xml, " type=\"int%u\"", r->bits);
    }
    if (r->group) {
        g_string_append_printf(xml, " group=\"%s\"", r->group);
    }
    g_string_append(xml, "/>\n");
}

GString *gdb_target_xml(const CpuGdb *gdb)
{
    GString *xml = g_string_new("<?xml version=\"1.0\"?>\n"
                                "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n");
    unsigned number = 0;

    g_string_append_printf(xml, "<architecture>%s</architecture>\n", gdb->architecture);
    for (unsigned i = 0; i < gdb->n_features; i++) {
        const CpuGdbFeature *f = &gdb->features[i];
        g_string_append_printf(xml, "<feature name=\"%s\">\n%s", f->name, f->types ? f->types : "");
        for (unsigned k = 0; k < f->n_regs; k++) {
            append_reg(xml, &f->regs[k], number++);
        }
        g_string_append(xml, "</feature>\n");
    }
    g_string_append(xml, "</target>\n");
    return xml;
}

unsigned gdb_reg_count(const CpuGdb *gdb)
{
    unsigned n = 0;

    for (unsigned i = 0; i < gdb->n_features; i++) {
        n += gdb->features[i].n_regs;
    }
    return n;
}

const CpuGdbReg *gdb_reg(const CpuGdb *gdb, uint64_t number)
{
    for (unsigned i = 0; i < gdb->n_features; i++) {
        if (number < gdb->features[i].n_regs) {
            return &gdb->features[i].regs[number];
        }
        number -= gdb->features[i].n_regs;
    }
    return NULL;
}
