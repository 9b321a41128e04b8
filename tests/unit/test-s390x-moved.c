/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other programs have lost of an s390x guest on its way, or still lose: the condition code, storage keys,
 * interruptions that wait for a CPU. A machine is given such state, its stream is loaded into a fresh one, and looked at there.
 */
#include "hw/s390x/s390-priv.h"
#include "machine-vm.h"
#include "target/s390x/s390x.h"
#include "vm-stream.h"

#define PSW_DISABLED_64 0x0000000180000000ull /* no interruption allowed, 64-bit addresses */
#define CC(n)           ((uint64_t)(n) << 44)
#define CC_MASK         CC(3)
#define ISC_3           0x10u
#define ALL_ISCS        0xffu

/* Moves to a new machine, which comes back with the VM lock held. */
static MachineVm *moved(const MachineRow *row, MachineVm *src)
{
    g_autoptr(GError) error = NULL;
    MachineVm *dst = machine_vm_new(row);
    gsize n;

    vm_unlock(src->sys.vm);
    vm_unlock(dst->sys.vm);
    g_autoptr(GBytes) stream = vm_stream_save(src->sys.vm, row->format, row->format == STREAM_V4);
    const void *data = g_bytes_get_data(stream, &n);
    g_autoptr(Channel) c = channel_new_buffer(data, n);
    g_assert_true(vm_stream_load(dst->sys.vm, c, &error));
    g_assert_no_error(error);
    vm_lock(src->sys.vm);
    vm_lock(dst->sys.vm);
    return dst;
}

static S390Cpu *first_cpu(MachineVm *m)
{
    return s390_cpu_at(s390_board(m->sys.vm)->machine, 0);
}

static void test_condition_code(gconstpointer row)
{
    for (unsigned cc = 0; cc < 4; cc++) {
        MachineVm *src = machine_vm_new(row);

        s390_psw_set(first_cpu(src), PSW_DISABLED_64 | CC(cc), 0x1000);
        MachineVm *dst = moved(row, src);
        g_assert_cmphex(s390_psw_mask_get(first_cpu(dst)) & CC_MASK, ==, CC(cc));
        machine_vm_free(src);
        machine_vm_free(dst);
    }
}

static void test_keys(gconstpointer row)
{
    MachineVm *src = machine_vm_new(row);
    S390Board *b = s390_board(src->sys.vm);
    uint8_t key;

    s390_keys_record(b);
    g_assert_true(s390_key_get(b, 0x5000, &key));
    g_assert_cmphex(key, ==,
                    0x06); /* nobody looked: referred to and changed, for all that is known */
    for (unsigned k = 0; k < b->n_keys;
         k++) { /* access control, fetch protection, reference, change */
        s390_key_set(b, (uint64_t)k << 12, (uint8_t)(k << 1));
    }
    MachineVm *dst = moved(row, src);
    b = s390_board(dst->sys.vm);
    for (unsigned k = 0; k < b->n_keys; k++) {
        g_assert_true(s390_key_get(b, (uint64_t)k << 12, &key));
        g_assert_cmphex(key, ==, (uint8_t)(k << 1));
    }
    phys_st8_be(address_space_memory(dst->sys.vm), 0x4123, 1); /* and changes are recorded there */
    g_assert_true(s390_key_get(b, 0x4000, &key));
    g_assert_cmphex(key, ==, (4 << 1) | 0x02);
    machine_vm_free(src);
    machine_vm_free(dst);
}

static void test_interruptions(gconstpointer row)
{
    MachineVm *src = machine_vm_new(row);
    Flic *flic = s390_board(src->sys.vm)->flic;
    uint32_t id, parm, word;

    flic_inject_io(flic, 0x00010005, 0x11223344, 0x18000000);
    flic_inject_service(flic, 0x7f001000);
    flic_inject_channel_report(flic);
    MachineVm *dst = moved(row, src);
    flic = s390_board(dst->sys.vm)->flic;
    g_assert_false(flic_io_pending(flic, ALL_ISCS & ~ISC_3));
    g_assert_true(flic_io_take(flic, ISC_3, &id, &parm, &word));
    g_assert_cmphex(id, ==, 0x00010005);
    g_assert_cmphex(parm, ==, 0x11223344);
    g_assert_cmphex(word, ==, 0x18000000);
    g_assert_true(flic_service_pending(flic));
    g_assert_cmphex(flic_service_take(flic), ==, 0x7f001000);
    g_assert_true(flic_mcheck_take(flic));
    machine_vm_free(src);
    machine_vm_free(dst);
}

static void test_adapter_interruption(gconstpointer row)
{
    MachineVm *src = machine_vm_new(row);
    uint32_t id, parm, word;

    flic_inject_adapter(s390_board(src->sys.vm)->flic, 3);
    MachineVm *dst = moved(row, src);
    Flic *flic = s390_board(dst->sys.vm)->flic;
    g_assert_true(flic_io_take(flic, ISC_3, &id, &parm, &word));
    g_assert_false(flic_io_pending(flic, ALL_ISCS));
    machine_vm_free(src);
    machine_vm_free(dst);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(gconstpointer row);
    } tests[] = {
        { "condition-code", test_condition_code },
        { "storage-keys", test_keys },
        { "waiting-interruptions", test_interruptions },
        { "waiting-adapter-interruption", test_adapter_interruption },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t m = 0; m < machine_rows_n; m++) {
        for (size_t t = 0; t < G_N_ELEMENTS(tests); t++) {
            g_autofree char *path =
                g_strdup_printf("/s390x/moved/%s/%s", machine_rows[m].name, tests[t].name);

            if (g_str_has_prefix(machine_rows[m].name, "s390")) {
                g_test_add_data_func(path, &machine_rows[m], tests[t].fn);
            }
        }
    }
    return g_test_run();
}
