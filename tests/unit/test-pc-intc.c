/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8259A pair and the I/O APIC at their registers. */
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#define PC_TYPES                           \
    ADD_TYPES(i8259_types, i8259_types_n); \
    ADD_TYPES(ioapic_types, ioapic_types_n)
#include "pc-fixture.h"

static Irq int_line;
static I8259Pair pair;

static Pc *pc_with_pics(void)
{
    Pc *pc = pc_new();

    irq_init(&int_line, pc_line, pc, 0);
    g_assert_true(i8259_pair_new(pc->isa, &int_line, &pair, NULL));
    outb(pc, 0x20, 0x11);
    outb(pc, 0xa0, 0x11);
    outb(pc, 0x21, 0x20);
    outb(pc, 0xa1, 0x28);
    outb(pc, 0x21, 4);
    outb(pc, 0xa1, 2);
    outb(pc, 0x21, 1);
    outb(pc, 0xa1, 1);
    return pc;
}

static void test_priority_and_eoi(void)
{
    Pc *pc = pc_with_pics();

    irq_raise(pair.inputs[4]);
    irq_raise(pair.inputs[1]);
    g_assert_cmpint(pc->level[0], ==, 1);
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x21);
    g_assert_cmpint(pc->level[0], ==, 0); /* 4 waits for the EOI of 1 */
    irq_raise(pair.inputs[0]);
    g_assert_cmpint(pc->level[0], ==, 1); /* 0 is stronger */
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x20);
    outb(pc, 0x20, 0x20);
    g_assert_cmpint(pc->level[0], ==, 0);
    outb(pc, 0x20, 0x0b);
    g_assert_cmphex(inb(pc, 0x20), ==, 0x02);
    outb(pc, 0x20, 0x20);
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x24);
    outb(pc, 0x20, 0x64);                              /* specific EOI */
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x27); /* spurious */
    g_assert_cmphex(inb(pc, 0x20), ==, 0);
    pc_free(pc);
}

static void test_cascade_and_edges(void)
{
    Pc *pc = pc_with_pics();

    irq_raise(pair.inputs[12]);
    irq_lower(pair.inputs[12]); /* an edge stays latched */
    irq_raise(pair.inputs[9]);
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x29);
    outb(pc, 0xa0, 0x20);
    outb(pc, 0x20, 0x20);
    g_assert_cmpint(pc->level[0], ==, 1);
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x2c);
    outb(pc, 0xa0, 0x20);
    outb(pc, 0x20, 0x20);
    g_assert_cmpint(pc->level[0], ==, 0); /* 9 is still up, but that is no new edge */
    outb(pc, 0x4d1, 0xff);
    g_assert_cmphex(inb(pc, 0x4d1), ==, 0xde);
    irq_raise(pair.inputs[9]); /* level now */
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x29);
    outb(pc, 0xa0, 0x20);
    outb(pc, 0x20, 0x20);
    g_assert_cmpint(pc->level[0], ==, 1);
    irq_lower(pair.inputs[9]);
    g_assert_cmpint(pc->level[0], ==, 0);
    pc_free(pc);
}

static void test_mask_rotate_poll_special(void)
{
    Pc *pc = pc_with_pics();

    outb(pc, 0x21, 0xff);
    irq_raise(pair.inputs[3]);
    g_assert_cmpint(pc->level[0], ==, 0);
    outb(pc, 0x21, 0x00);
    g_assert_cmphex(inb(pc, 0x21), ==, 0);
    outb(pc, 0x20, 0x0c); /* poll */
    g_assert_cmphex(inb(pc, 0x20), ==, 0x83);
    outb(pc, 0x20, 0xa0); /* rotate on non-specific EOI: 3 is weakest now */
    irq_raise(pair.inputs[1]);
    irq_raise(pair.inputs[5]);
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x25);
    outb(pc, 0x21, 0x20); /* mask what is in service ... */
    outb(pc, 0x20, 0x68); /* ... and let weaker ones through */
    g_assert_cmpint(pc->level[0], ==, 1);
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x21);
    g_assert_cmpuint(pc_round_trip(pair.master), ==, 16);
    g_assert_cmphex(inb(pc, 0x21), ==, 0x20);
    pc_free(pc);
}

/* What neither CPU nor source had taken when the machine moved is not lost. */
static void test_what_waits_goes_along(void)
{
    Pc *pc = pc_with_pics();

    irq_raise(pair.inputs[0]);
    irq_lower(pair.inputs[0]);
    pc_round_trip(pair.master);
    g_assert_cmpint(pc->level[0], ==, 1);
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x20);
    outb(pc, 0x20, 0x20);
    g_assert_cmpint(pc->level[0], ==, 0);
    irq_raise(pair.inputs[12]);
    pc_round_trip(pair.master);
    pc_round_trip(pair.slave);
    g_assert_cmpint(pc->level[0], ==, 1);
    g_assert_cmphex(i8259_ack(pair.master), ==, 0x2c);
    pc_free(pc);
}

static void test_saved_state_is_checked(void)
{
    Pc *pc = pc_with_pics();
    g_autoptr(GError) error = NULL;
    ByteWriter w;

    pc_encode(pair.slave, &w);
    w.data[4] = 9; /* priority_add */
    g_assert_false(pc_decode(pair.slave, &w, &error));
    g_assert_nonnull(strstr(error->message, "priority_add"));
    byte_writer_clear(&w);
    pc_free(pc);
}

/* ---- I/O APIC ---- */

static uint32_t msi_addr, msi_data;
static int msi_count;

static void msi_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    msi_addr = 0xfee00000u + (uint32_t)addr;
    msi_data = (uint32_t)value;
    msi_count++;
}

static MemoryRegion msi;
static const RegionOps msi_ops = { .write = msi_write };

static void io_write(Pc *pc, unsigned sel, uint32_t value)
{
    phys_st8_le(address_space_memory(pc->vm), 0xfec00000, sel);
    phys_st32_le(address_space_memory(pc->vm), 0xfec00010, value);
}
static uint32_t io_read(Pc *pc, unsigned sel)
{
    phys_st8_le(address_space_memory(pc->vm), 0xfec00000, sel);
    return (uint32_t)phys_ld32_le(address_space_memory(pc->vm), 0xfec00010);
}

static Device *pc_ioapic(Pc *pc)
{
    Device *dev = pc_add(pc, "ioapic", NULL);

    memory_region_add(memory_system_region(pc->vm), 0xfec00000, ioapic_region(dev));
    memory_region_init_io(&msi, pc->vm, NULL, &msi_ops, NULL, "msi", 0x100000);
    memory_region_add(memory_system_region(pc->vm), 0xfee00000, &msi);
    msi_count = 0;
    return dev;
}

static void test_ioapic_edge_and_level(void)
{
    Pc *pc = pc_new();
    Device *dev = pc_ioapic(pc);

    g_assert_cmphex(io_read(pc, 1), ==, 0x00170020);
    g_assert_cmphex(io_read(pc, 0x10 + 2 * 23), ==, 0x10000);
    irq_raise(device_gpio_in(dev, NULL, 4)); /* masked: lost */
    io_write(pc, 0x10 + 9, 0x03000000);
    io_write(pc, 0x10 + 8, 0x31);
    g_assert_cmpint(msi_count, ==, 0);
    irq_lower(device_gpio_in(dev, NULL, 4));
    irq_raise(device_gpio_in(dev, NULL, 4));
    g_assert_cmpint(msi_count, ==, 1);
    g_assert_cmphex(msi_addr, ==, 0xfee03000);
    g_assert_cmphex(msi_data, ==, 0x31);
    irq_raise(device_gpio_in(dev, NULL, 9)); /* up before it is programmed as level */
    io_write(pc, 0x10 + 18, 0x8841);
    g_assert_cmpint(msi_count, ==, 2);
    g_assert_cmphex(msi_data, ==, 0xc041);
    g_assert_cmphex(msi_addr, ==, 0xfee00004);
    g_assert_cmphex(io_read(pc, 0x10 + 18), ==, 0xc841); /* remote IRR */
    ioapic_eoi(dev, 0x41);
    g_assert_cmpint(msi_count, ==, 3); /* the line is still up */
    irq_lower(device_gpio_in(dev, NULL, 9));
    phys_st32_le(address_space_memory(pc->vm), 0xfec00040, 0x41);
    g_assert_cmpint(msi_count, ==, 3);
    g_assert_cmphex(io_read(pc, 0x10 + 18), ==, 0x8841);
    g_assert_cmpuint(pc_round_trip(dev), ==, 206);
    g_assert_cmphex(io_read(pc, 0x10 + 18), ==, 0x8841);
    memory_region_clear(&msi);
    pc_free(pc);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hw/intc/i8259/serves-by-priority-until-eoi", test_priority_and_eoi);
    g_test_add_func("/hw/intc/i8259/cascades-and-tells-edge-from-level", test_cascade_and_edges);
    g_test_add_func("/hw/intc/i8259/masks-rotates-polls", test_mask_rotate_poll_special);
    g_test_add_func("/hw/intc/i8259/what-waits-goes-along", test_what_waits_goes_along);
    g_test_add_func("/hw/intc/i8259/refuses-a-bad-saved-form", test_saved_state_is_checked);
    g_test_add_func("/hw/intc/ioapic/sends-edges-once-and-levels-until-eoi",
                    test_ioapic_edge_and_level);
    return g_test_run();
}
