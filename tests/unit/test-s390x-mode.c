/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the mode word of translations takes from a CPU's state, and what it leaves out so that code is not translated
 * once per program that ran before it.
 */
#include "hw/s390x/s390-priv.h"
#include "machine-vm.h"
#include "target/s390x/helper.h"
#include "target/s390x/mode.h"

#define PSW_HOME    (PSW_DAT | (uint64_t)AS_HOME << PSW_AS_SHIFT)
#define PSW_PRIMARY (PSW_DAT | (uint64_t)AS_PRIMARY << PSW_AS_SHIFT)

static uint32_t flags_of(S390Cpu *cpu, uint64_t psw_mask, uint32_t fpc)
{
    TbKey key;

    cpu->psw_mask = psw_mask;
    cpu->fpc = fpc;
    s390_get_tb_key(&cpu->base, &key);
    return key.flags;
}

static void test_code_of_the_home_space_is_the_same_for_every_fpc(gconstpointer row)
{
    MachineVm *m = machine_vm_new(row);
    S390Cpu *cpu = s390_cpu_at(s390_board(m->sys.vm)->machine, 0);

    g_assert_cmphex(flags_of(cpu, PSW_HOME, FPC_HOST_WANT), ==, flags_of(cpu, PSW_HOME, 0));
    g_assert_false(flags_of(cpu, PSW_HOME, FPC_HOST_WANT) & MODE_FP);
    /* programs, and what runs without a system */
    g_assert_cmphex(flags_of(cpu, PSW_PRIMARY, FPC_HOST_WANT), ==,
                    flags_of(cpu, PSW_PRIMARY, 0) | MODE_FP);
    g_assert_cmphex(flags_of(cpu, 0, FPC_HOST_WANT), ==, flags_of(cpu, 0, 0) | MODE_FP);
    machine_vm_free(m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t k = 0; k < machine_rows_n; k++) {
        g_autofree char *path =
            g_strdup_printf("/s390x/mode/%s/code-of-the-home-space-is-the-same-for-every-fpc",
                            machine_rows[k].name);
        if (g_str_has_prefix(machine_rows[k].name, "s390")) {
            g_test_add_data_func(path, &machine_rows[k],
                                 test_code_of_the_home_space_is_the_same_for_every_fpc);
        }
    }
    return g_test_run();
}
