/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial port, keyboard controller, port 0x92 and DMA controllers at their registers. */
#include "hw/char/i8042.h"
#include "hw/char/serial.h"
#include "hw/misc/isa-misc.h"
#define PC_TYPES                             \
    ADD_TYPES(serial_types, serial_types_n); \
    ADD_TYPES(ps2_types, ps2_types_n);       \
    ADD_TYPES(i8042_types, i8042_types_n);   \
    ADD_TYPES(i8257_types, i8257_types_n)
#include "pc-fixture.h"

/* ---- serial ---- */

static Chardev *ring(Pc *pc)
{
    g_autoptr(ChardevConfig) config = chardev_config_new("ring", CHARDEV_KIND_RINGBUF);

    pc->vm->chardevs = chardevs_new(NULL);
    Chardev *c = chardevs_add(pc->vm->chardevs, config, NULL);
    g_assert_nonnull(c);
    return c;
}

static void test_serial_registers(void)
{
    Pc *pc = pc_new();
    Chardev *chardev = ring(pc);
    Device *dev = pc_add(pc, "isa-serial", "chardev", "ring", NULL);
    uint8_t got[8];

    g_assert_cmphex(inb(pc, 0x3fd), ==, 0x60);
    g_assert_cmphex(inb(pc, 0x3fe), ==, 0xb0);
    g_assert_cmphex(inb(pc, 0x3fa), ==, 0x01);
    outb(pc, 0x3fb, 0x83);
    outb(pc, 0x3f8, 0x01);
    outb(pc, 0x3f9, 0x00);
    g_assert_cmphex(inb(pc, 0x3f8), ==, 0x01);
    outb(pc, 0x3fb, 0x03);
    outb(pc, 0x3ff, 0x5a);
    g_assert_cmphex(inb(pc, 0x3ff), ==, 0x5a);
    outb(pc, 0x3f8, 'h');
    outb(pc, 0x3f8, 'i');
    g_assert_cmpuint(chardev_ringbuf_read(chardev, got, sizeof(got), NULL), ==, 2);
    g_assert_cmpmem(got, 2, "hi", 2);
    /* THRE interrupt: comes with enabling, goes with reading IIR, comes with the next byte */
    outb(pc, 0x3f9, 0x02);
    g_assert_cmpint(pc->level[4], ==, 1);
    g_assert_cmphex(inb(pc, 0x3fa), ==, 0x02);
    g_assert_cmpint(pc->level[4], ==, 0);
    outb(pc, 0x3f8, 'x');
    g_assert_cmpint(pc->level[4], ==, 1);
    g_assert_cmphex(inb(pc, 0x3fa), ==, 0x02);
    g_assert_cmpuint(pc_round_trip(dev), ==, 11);
    device_unrealize(dev);
    chardevs_free(pc->vm->chardevs);
    pc_free(pc);
}

static void test_serial_loopback_and_fifo(void)
{
    Pc *pc = pc_new();
    Device *dev = pc_add(pc, "isa-serial", NULL);

    outb(pc, 0x3fb, 0x03);
    outb(pc, 0x3fc, 0x1a); /* loop, RTS, OUT2 */
    g_assert_cmphex(inb(pc, 0x3fe) & 0xf0, ==, 0x90);
    outb(pc, 0x3f8, 0x41);
    g_assert_cmphex(inb(pc, 0x3fd), ==, 0x61);
    outb(pc, 0x3f8, 0x42); /* nobody took the first */
    g_assert_cmphex(inb(pc, 0x3fd) & 0x02, ==, 0x02);
    g_assert_cmphex(inb(pc, 0x3fd) & 0x02, ==, 0);
    inb(pc, 0x3f8);
    outb(pc, 0x3fa, 0x47); /* FIFO, trigger 4 */
    g_assert_cmphex(inb(pc, 0x3fa) & 0xc0, ==, 0xc0);
    outb(pc, 0x3f9, 0x01);
    for (int i = 0; i < 3; i++) {
        outb(pc, 0x3f8, 0x30 + (unsigned)i);
    }
    g_assert_cmpint(pc->level[4], ==, 0);
    step(pc, 100 * NS_PER_MS);
    g_assert_cmpint(pc->level[4], ==, 1);
    g_assert_cmphex(inb(pc, 0x3fa), ==, 0xcc); /* character timeout */
    /* 11 + recv_fifo (46) + timeout_ipending (33), as a stopped guest had it */
    g_assert_cmpuint(pc_round_trip(dev), ==, 11 + 46 + 33);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(inb(pc, 0x3f8), ==, 0x30 + i);
    }
    g_assert_cmphex(inb(pc, 0x3fd) & 1, ==, 0);
    for (unsigned i = 0; i < 4; i++) {
        outb(pc, 0x3f8, i);
    }
    g_assert_cmphex(inb(pc, 0x3fa), ==, 0xc4);
    for (unsigned i = 0; i < 14; i++) {
        outb(pc, 0x3f8, i);
    }
    g_assert_cmphex(inb(pc, 0x3fd) & 2, ==, 2); /* the 17th overran */
    pc_free(pc);
}

/* ---- keyboard controller ---- */

static unsigned take(Pc *pc)
{
    g_assert_cmphex(inb(pc, 0x64) & 1, ==, 1);
    return inb(pc, 0x60);
}

static void test_i8042(void)
{
    Pc *pc = pc_new();
    Device *dev = pc_add(pc, "i8042", NULL);

    g_assert_cmphex(inb(pc, 0x64), ==, 0x18);
    outb(pc, 0x64, 0xaa);
    g_assert_cmphex(take(pc), ==, 0x55);
    outb(pc, 0x64, 0xab);
    g_assert_cmphex(take(pc), ==, 0x00);
    outb(pc, 0x64, 0x20);
    g_assert_cmphex(take(pc), ==, 0x03);
    outb(pc, 0x64, 0xd3); /* loopback as if from the mouse */
    outb(pc, 0x60, 0x5a);
    g_assert_cmphex(inb(pc, 0x64) & 0x21, ==, 0x21);
    g_assert_cmpint(pc->level[12], ==, 1);
    g_assert_cmphex(take(pc), ==, 0x5a);
    g_assert_cmpint(pc->level[12], ==, 0);
    outb(pc, 0x60, 0xff); /* reset the keyboard */
    g_assert_cmpint(pc->level[1], ==, 1);
    g_assert_cmphex(take(pc), ==, 0xfa);
    g_assert_cmphex(take(pc), ==, 0xaa);
    g_assert_cmpint(pc->level[1], ==, 0);
    outb(pc, 0x64, 0x60);
    outb(pc, 0x60, 0x47); /* translate */
    outb(pc, 0x60, 0xf2);
    g_assert_cmphex(take(pc), ==, 0xfa);
    g_assert_cmphex(take(pc), ==, 0xab);
    g_assert_cmphex(take(pc), ==, 0x41);
    memset(pc->rises, 0, sizeof(pc->rises));
    ps2_keyboard_key(i8042_keyboard(dev), 0x1e, true);
    ps2_keyboard_key(i8042_keyboard(dev), 0xe048, false);
    g_assert_cmphex(take(pc), ==, 0x1e);
    g_assert_cmphex(take(pc), ==, 0xe0);
    g_assert_cmphex(take(pc), ==, 0xc8);
    g_assert_cmpint(pc->rises[1], ==, 3);
    outb(pc, 0x64, 0x60);
    outb(pc, 0x60, 0x03); /* raw set 2 */
    ps2_keyboard_key(i8042_keyboard(dev), 0x1e, false);
    g_assert_cmphex(take(pc), ==, 0xf0);
    g_assert_cmphex(take(pc), ==, 0x1c);
    g_assert_cmphex(inb(pc, 0x64) & 1, ==, 0);
    g_assert_cmpuint(pc_round_trip(dev), ==, 40);
    g_assert_cmpuint(pc_round_trip(i8042_keyboard(dev)), ==, 284);
    pc_free(pc);
}

static void mouse_command(Pc *pc, unsigned byte)
{
    outb(pc, 0x64, 0xd4);
    outb(pc, 0x60, byte);
    g_assert_cmphex(inb(pc, 0x64) & 0x20, ==, 0x20);
    g_assert_cmphex(take(pc), ==, 0xfa);
}

static void test_mouse(void)
{
    Pc *pc = pc_new();
    Device *dev = pc_add(pc, "i8042", NULL);
    static const uint8_t rates[] = { 200, 100, 80 };

    mouse_command(pc, 0xf2);
    g_assert_cmphex(take(pc), ==, 0x00);
    for (int i = 0; i < 3; i++) {
        mouse_command(pc, 0xf3);
        mouse_command(pc, rates[i]);
    }
    mouse_command(pc, 0xf2);
    g_assert_cmphex(take(pc), ==, 0x03);
    ps2_mouse_move(i8042_mouse(dev), 5, 5, 0, 1); /* not enabled yet */
    g_assert_cmphex(inb(pc, 0x64) & 1, ==, 0);
    mouse_command(pc, 0xf4);
    memset(pc->rises, 0, sizeof(pc->rises));
    ps2_mouse_move(i8042_mouse(dev), 5, 3, -1, 1);
    g_assert_cmphex(take(pc), ==, 0x29);
    g_assert_cmphex(take(pc), ==, 0x05);
    g_assert_cmphex(take(pc), ==, 0xfd);
    g_assert_cmphex(take(pc), ==, 0xff);
    g_assert_cmpint(pc->rises[12], ==, 4);
    g_assert_cmpint(pc->rises[1], ==, 0); /* and never the keyboard's line */
    g_assert_cmpuint(pc_round_trip(i8042_mouse(dev)), ==, 291);
    pc_free(pc);
}

static void test_port92(void)
{
    Pc *pc = pc_new();
    Device *dev = pc_add(pc, "port92", NULL);

    device_connect_out(dev, I8042_A20, 0, &pc->lines[15]);
    outb(pc, 0x92, 0x02);
    g_assert_cmpint(pc->level[15], ==, 1);
    g_assert_cmphex(inb(pc, 0x92), ==, 0x02);
    outb(pc, 0x92, 0x00);
    g_assert_cmpint(pc->level[15], ==, 0);
    g_assert_cmpuint(pc_round_trip(dev), ==, 1);
    pc_free(pc);
}

/* ---- DMA ---- */

static int give_bytes(void *opaque, int channel, int pos, int len)
{
    Pc *pc = opaque;
    uint8_t data[64];

    for (int i = 0; i < len - pos; i++) {
        data[i] = (uint8_t)(0x40 + pos + i);
    }
    pc->isa->dma_ops[0]->write_memory(pc->isa->dma[0], channel, data, pos, len - pos);
    return len;
}

static void test_dma(void)
{
    Pc *pc = pc_new();
    MemoryRegion ram;

    g_assert_true(i8257_pair_new(pc->isa, NULL));
    Device *dev = pc->isa->dma[0];
    device_reset(dev, RESET_COLD);
    g_assert_true(memory_region_init_ram(&ram, pc->vm, NULL, "ram", 0x100000, NULL));
    memory_region_add(memory_system_region(pc->vm), 0, &ram);
    pc->isa->dma_ops[0]->set_client(dev, 2, give_bytes, pc);
    outb(pc, 0x0c, 0);
    outb(pc, 0x04, 0x34);
    outb(pc, 0x04, 0x12);
    outb(pc, 0x05, 15);
    outb(pc, 0x05, 0);
    outb(pc, 0x81, 0x05);
    outb(pc, 0x0b, 0x46);
    g_assert_cmphex(inb(pc, 0x04), ==, 0x34);
    g_assert_cmphex(inb(pc, 0x04), ==, 0x12);
    pc->isa->dma_ops[0]->set_dreq(dev, 2, true); /* still masked */
    g_assert_cmphex(inb(pc, 0x08), ==, 0x40);
    outb(pc, 0x0a, 0x02);
    g_assert_cmphex(inb(pc, 0x08), ==, 0x44);
    g_assert_cmphex(inb(pc, 0x08), ==, 0x40);
    g_assert_cmphex(phys_ld32_le(address_space_memory(pc->vm), 0x51234), ==, 0x43424140);
    g_assert_cmphex(phys_ld8_le(address_space_memory(pc->vm), 0x51234 + 15), ==, 0x4f);
    g_assert_cmphex(phys_ld8_le(address_space_memory(pc->vm), 0x51234 + 16), ==, 0);
    ByteWriter w;
    pc_encode(dev, &w);
    g_assert_cmpuint(byte_writer_len(&w), ==, 75);
    g_assert_true(pc_decode(dev, &w, NULL));
    byte_writer_clear(&w);
    memory_region_clear(&ram);
    pc_free(pc);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hw/char/serial/registers-and-thre", test_serial_registers);
    g_test_add_func("/hw/char/serial/loops-back-and-times-out", test_serial_loopback_and_fifo);
    g_test_add_func("/hw/char/i8042/controller-and-keyboard", test_i8042);
    g_test_add_func("/hw/char/i8042/mouse-becomes-a-wheel-mouse", test_mouse);
    g_test_add_func("/hw/char/port92/drives-a20", test_port92);
    g_test_add_func("/hw/misc/i8257/moves-a-block-and-stops", test_dma);
    return g_test_run();
}
