/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PIT, port 0x61 and RTC at their registers, with a clock that only the test moves. */
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818rtc.h"
#define PC_TYPES                           \
    ADD_TYPES(i8254_types, i8254_types_n); \
    ADD_TYPES(hpet_types, hpet_types_n);   \
    ADD_TYPES(mc146818rtc_types, mc146818rtc_types_n)
#include "pc-fixture.h"

#define TICKS(n) ((int64_t)(((n)*1000000000ull + I8254_HZ - 1) / I8254_HZ))

static void test_pit_rate(void)
{
    Pc *pc = pc_new();
    Device *pit = pc_add(pc, "isa-pit", NULL);

    outb(pc, 0x43, 0x34);
    outb(pc, 0x40, 11932 & 0xff);
    outb(pc, 0x40, 11932 >> 8); /* about 100 Hz */
    memset(pc->rises, 0, sizeof(pc->rises));
    step(pc, 1000 * NS_PER_MS);
    g_assert_cmpint(pc->rises[0], ==, 99);
    step(pc, TICKS(11932));
    g_assert_cmpint(pc->rises[0], ==, 100);
    g_assert_cmpuint(pc_round_trip(pit), ==, 108);
    int before = pc->rises[0];
    step(pc, TICKS(11932) * 3);
    g_assert_cmpint(pc->rises[0], ==, before + 3);
    pc_free(pc);
}

/* The host was busy for so long: whatever is due in that time comes behind it. */
static void stall(Pc *pc, int64_t ns)
{
    clock_virtual_set(pc->vm, clock_now_ns(pc->vm, CLOCK_KIND_VIRTUAL) + ns);
    step(pc, 0);
}

/* At 250 Hz: late ticks come one by one, until they are on time again; very late ones do not. */
static void check_late_ticks(Pc *pc)
{
    memset(pc->rises, 0, sizeof(pc->rises));
    stall(pc, 41 * NS_PER_MS);
    g_assert_cmpint(pc->rises[0], ==, 1);
    step(pc, NS_PER_MS);
    g_assert_cmpint(pc->rises[0], >, 2);
    g_assert_cmpint(pc->rises[0], <, 7);
    step(pc, 16 * NS_PER_MS);
    g_assert_cmpint(pc->rises[0], ==, 14);
    step(pc, 40 * NS_PER_MS);
    g_assert_cmpint(pc->rises[0], ==, 24);
    stall(pc, NS_PER_SEC);
    step(pc, 40 * NS_PER_MS);
    g_assert_cmpint(pc->rises[0], >=, 24 + 10);
    g_assert_cmpint(pc->rises[0], <=, 24 + 11);
}

static void test_pit_late(void)
{
    Pc *pc = pc_new();

    pc_add(pc, "isa-pit", NULL);
    outb(pc, 0x43, 0x34);
    outb(pc, 0x40, 4773 & 0xff); /* 4.0002 ms */
    outb(pc, 0x40, 4773 >> 8);
    step(pc, NS_PER_MS);
    check_late_ticks(pc);
    pc_free(pc);
}

/* A guest that sleeps till the one strobe it asked for has no other to wake it. */
static void test_pit_late_strobe(void)
{
    Pc *pc = pc_new();

    pc_add(pc, "isa-pit", NULL);
    outb(pc, 0x43, 0x38); /* channel 0, mode 4 */
    outb(pc, 0x40, 4773 & 0xff);
    outb(pc, 0x40, 4773 >> 8);
    g_assert_cmpint(pc->level[0], ==,
                    0); /* others lose the edge of a line that is high meanwhile */
    int before = pc->rises[0];
    stall(pc, 3 * NS_PER_SEC);
    step(pc, NS_PER_MS);
    g_assert_cmpint(pc->rises[0], ==, before + 1);
    step(pc, NS_PER_SEC);
    g_assert_cmpint(pc->rises[0], ==, before + 1);
    pc_free(pc);
}

static void test_pit_one_shot_and_latches(void)
{
    Pc *pc = pc_new();

    pc_add(pc, "isa-pit", NULL);
    outb(pc, 0x43, 0x30); /* channel 0, mode 0 */
    outb(pc, 0x40, 0xe8);
    outb(pc, 0x40, 0x03); /* 1000 */
    g_assert_cmpint(pc->level[0], ==, 0);
    step(pc, TICKS(400));
    outb(pc, 0x43, 0x00);
    step(pc, TICKS(100));
    unsigned v = inb(pc, 0x40);
    v |= inb(pc, 0x40) << 8;
    g_assert_cmpuint(v, ==, 600);
    v = inb(pc, 0x40);
    v |= inb(pc, 0x40) << 8;
    g_assert_cmpuint(v, <=, 500);
    g_assert_cmpuint(v, >=, 498);
    outb(pc, 0x43, 0xe2); /* status of channel 0 */
    g_assert_cmphex(inb(pc, 0x40), ==, 0x30);
    step(pc, TICKS(500));
    g_assert_cmpint(pc->level[0], ==, 1);
    outb(pc, 0x43, 0xe2);
    g_assert_cmphex(inb(pc, 0x40), ==, 0xb0);
    pc_free(pc);
}

static void test_port61(void)
{
    Pc *pc = pc_new();
    Device *pit = pc_add(pc, "isa-pit", NULL);
    g_autofree char *path = object_path(&pit->obj);
    Device *spk = pc_add(pc, "isa-pcspk", "pit", path, NULL);

    outb(pc, 0x61, 0);
    outb(pc, 0x43, 0xb0);
    outb(pc, 0x42, 0xff);
    outb(pc, 0x42, 0xff);
    outb(pc, 0x61, 1);
    g_assert_cmphex(inb(pc, 0x61) & 0x2f, ==, 0x01);
    g_assert_cmphex((inb(pc, 0x61) ^ inb(pc, 0x61)) & 0x10, ==, 0x10);
    step(pc, TICKS(0x10000));
    g_assert_cmphex(inb(pc, 0x61) & 0x2f, ==, 0x21);
    g_assert_cmpuint(pc_round_trip(spk), ==, 2);
    pc_free(pc);
}

static void test_pit_is_taken_away(void)
{
    Pc *pc = pc_new();
    Device *pit = pc_add(pc, "isa-pit", NULL);

    irq_lower(device_gpio_in(pit, NULL, 0));
    memset(pc->rises, 0, sizeof(pc->rises));
    step(pc, NS_PER_SEC);
    g_assert_cmpint(pc->rises[0], ==, 0);
    irq_raise(device_gpio_in(pit, NULL, 0));
    step(pc, NS_PER_SEC);
    g_assert_cmpint(pc->rises[0], >=, 18);
    pc_free(pc);
}

/* ---- RTC ---- */

static unsigned cmos(Pc *pc, unsigned reg)
{
    outb(pc, 0x70, reg);
    return inb(pc, 0x71);
}
static void set_cmos(Pc *pc, unsigned reg, unsigned value)
{
    outb(pc, 0x70, reg);
    outb(pc, 0x71, value);
}

static Pc *pc_with_rtc(Device **dev)
{
    Pc *pc = pc_new();

    /* 2026-03-01 12:34:56 UTC, a Sunday */
    *dev = pc_add(pc, "mc146818rtc", "x-clock", "vm", "x-base", "1772368496", "base_year", "2000",
                  NULL);
    return pc;
}

static void test_rtc_time(void)
{
    Device *rtc;
    Pc *pc = pc_with_rtc(&rtc);
    static const uint8_t want[] = { 0x56, 0, 0x34, 0, 0x12, 0, 0x01, 0x01, 0x03, 0x26 };

    for (unsigned i = 0; i < 10; i++) {
        if (i % 2 == 0 || i > 5) {
            g_assert_cmphex(cmos(pc, i), ==, want[i]);
        }
    }
    g_assert_cmphex(cmos(pc, 0x32), ==, 0x20);
    g_assert_cmphex(cmos(pc, 13), ==, 0x80);
    g_assert_cmphex(inb(pc, 0x70), ==, 0xff);
    step(pc, 4 * NS_PER_SEC - 100 * NS_PER_US);
    g_assert_cmphex(cmos(pc, 10), ==, 0xa6); /* UIP */
    step(pc, 200 * NS_PER_US);
    g_assert_cmphex(cmos(pc, 10), ==, 0x26);
    g_assert_cmphex(cmos(pc, 0), ==, 0x00);
    g_assert_cmphex(cmos(pc, 2), ==, 0x35);
    /* stop, set to 1999-12-31 23:59:59, 12-hour binary, start */
    set_cmos(pc, 11, 0x84);
    static const uint8_t set[][2] = { { 0, 59 }, { 2, 59 }, { 4, 0x80 | 11 }, { 7, 31 },
                                      { 8, 12 }, { 9, 99 }, { 0x32, 19 } };
    for (unsigned i = 0; i < G_N_ELEMENTS(set); i++) {
        set_cmos(pc, set[i][0], set[i][1]);
    }
    step(pc, 10 * NS_PER_SEC);
    g_assert_cmpuint(cmos(pc, 0), ==, 59);
    set_cmos(pc, 11, 0x04);
    step(pc, NS_PER_SEC);
    g_assert_cmpuint(cmos(pc, 9), ==, 0);
    g_assert_cmpuint(cmos(pc, 0x32), ==, 20);
    g_assert_cmpuint(cmos(pc, 4), ==, 12); /* midnight is 12 AM */
    g_assert_cmpuint(cmos(pc, 7), ==, 1);
    g_assert_cmpuint(cmos(pc, 6), ==, 7); /* a Saturday */
    g_assert_cmpuint(pc_round_trip(rtc), ==, 245);
    for (uint8_t year = 0; year < 100;
         year += 99) { /* of our time reckoning's beginning, and 9999 */
        set_cmos(pc, 9, year);
        set_cmos(pc, 0x32, year);
        g_assert_cmpuint(pc_round_trip(rtc), ==, 245);
    }
    pc_free(pc);
}

static void test_rtc_interrupts(void)
{
    Device *rtc;
    Pc *pc = pc_with_rtc(&rtc);

    step(pc, NS_PER_SEC);
    g_assert_cmphex(cmos(pc, 12), ==, 0x10); /* UF without its interrupt */
    set_cmos(pc, 11, 0x12);
    step(pc, NS_PER_SEC);
    g_assert_cmpint(pc->level[8], ==, 1);
    g_assert_cmphex(cmos(pc, 12), ==, 0x90);
    g_assert_cmpint(pc->level[8], ==, 0);
    /* alarm at any hour, minute 40, second 10 */
    set_cmos(pc, 11, 0x22);
    set_cmos(pc, 1, 0x10);
    set_cmos(pc, 3, 0x40);
    set_cmos(pc, 5, 0xff);
    step(pc, 300 * NS_PER_SEC);
    g_assert_cmpint(pc->level[8], ==, 0);
    step(pc, 20 * NS_PER_SEC);
    g_assert_cmpint(pc->level[8], ==, 1);
    g_assert_cmphex(cmos(pc, 12), ==, 0xb0);
    /* periodic, 1024 Hz */
    set_cmos(pc, 11, 0x42);
    int n = 0;
    for (int i = 0; i < 10000; i++) {
        step(pc, 100 * NS_PER_US);
        n += (cmos(pc, 12) & 0x40) != 0;
    }
    g_assert_cmpint(n, >=, 1023);
    g_assert_cmpint(n, <=, 1025);
    g_assert_cmpuint(pc_round_trip(rtc), ==, 245);
    device_reset(rtc, RESET_WARM);
    g_assert_cmphex(cmos(pc, 11), ==, 0x02);
    pc_free(pc);
}

/* ---- HPET ---- */

static uint64_t hr(Pc *pc, unsigned reg)
{
    return phys_ld64_le(address_space_memory(pc->vm), HPET_BASE + reg);
}
static void hw(Pc *pc, unsigned reg, uint64_t value)
{
    phys_st64_le(address_space_memory(pc->vm), HPET_BASE + reg, value);
}

static Device *pc_hpet(Pc *pc)
{
    Device *dev = pc_add(pc, "hpet", "hpet-intcap", "0xff0104", NULL);

    memory_region_add(memory_system_region(pc->vm), HPET_BASE, hpet_region(dev));
    for (int i = 0; i < 16; i++) {
        device_connect_out(dev, NULL, i, &pc->lines[i]);
    }
    return dev;
}

static void test_hpet_counter_and_one_shot(void)
{
    Pc *pc = pc_new();
    Device *dev = pc_hpet(pc);

    g_assert_cmphex(hr(pc, 0), ==, 0x009896808086a201);
    g_assert_cmphex(hr(pc, 0x100), ==, 0x00ff010400000030);
    hw(pc, 0xf0, 1000);
    step(pc, 500);
    g_assert_cmpuint(hr(pc, 0xf0), ==, 1000);
    hw(pc, 0x10, 1);
    step(pc, 500);
    g_assert_cmpuint(hr(pc, 0xf0), ==, 1050);
    g_assert_cmphex(phys_ld32_le(address_space_memory(pc->vm), HPET_BASE + 4), ==, 0x00989680);
    hw(pc, 0x148, 1150); /* timer 2, level, route 2 */
    hw(pc, 0x140, 0x406);
    step(pc, 999);
    g_assert_cmpint(pc->level[2], ==, 0);
    step(pc, 1);
    g_assert_cmpint(pc->level[2], ==, 1);
    g_assert_cmphex(hr(pc, 0x20), ==, 4);
    hw(pc, 0x20, 4);
    g_assert_cmpint(pc->level[2], ==, 0);
    g_assert_cmphex(hr(pc, 0x20), ==, 0);
    g_assert_cmphex(hr(pc, 0x140), ==, 0x00ff010400000436);
    g_assert_cmpuint(pc_round_trip(dev), ==, 176);
    pc_free(pc);
}

static void test_hpet_legacy_periodic(void)
{
    Pc *pc = pc_new();
    Device *dev = pc_hpet(pc);

    irq_raise(device_gpio_in(dev, NULL, HPET_IN_PIT));
    g_assert_cmpint(pc->level[0], ==, 1);
    hw(pc, 0x10, 3);
    g_assert_cmpint(pc->level[0], ==, 0);
    hw(pc, 0x100, 0x14c); /* enabled, periodic, SETVAL, 32 bits */
    phys_st32_le(address_space_memory(pc->vm), HPET_BASE + 0x108, 5000);
    phys_st32_le(address_space_memory(pc->vm), HPET_BASE + 0x108, 1000);
    memset(pc->rises, 0, sizeof(pc->rises));
    step(pc, 50000);
    g_assert_cmpint(pc->rises[0], ==, 1);
    step(pc, 100000);
    g_assert_cmpint(pc->rises[0], ==, 11);
    ByteWriter w, again;
    pc_encode(dev, &w);
    g_assert_cmpuint(byte_writer_len(&w), ==, 176);
    g_assert_true(pc_decode(dev, &w, NULL));
    pc_encode(dev, &again);
    g_assert_cmpmem(w.data, byte_writer_len(&w), again.data, byte_writer_len(&again));
    byte_writer_clear(&w);
    byte_writer_clear(&again);
    step(pc, 20000);
    g_assert_cmpint(pc->rises[0], ==, 13);
    pc_free(pc);
}

static void test_hpet_late(void)
{
    Pc *pc = pc_new();

    pc_hpet(pc);
    hw(pc, 0x10, 3);
    hw(pc, 0x100, 0x14c);
    phys_st32_le(address_space_memory(pc->vm), HPET_BASE + 0x108, 400000);
    phys_st32_le(address_space_memory(pc->vm), HPET_BASE + 0x108, 400000); /* 4 ms */
    step(pc, NS_PER_MS);
    check_late_ticks(pc);
    pc_free(pc);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hw/timer/i8254/ticks-at-its-rate", test_pit_rate);
    g_test_add_func("/hw/timer/i8254/late-ticks-come-one-by-one", test_pit_late);
    g_test_add_func("/hw/timer/i8254/a-late-strobe-comes", test_pit_late_strobe);
    g_test_add_func("/hw/timer/i8254/one-shot-and-latches", test_pit_one_shot_and_latches);
    g_test_add_func("/hw/timer/i8254/port-61-gates-channel-2", test_port61);
    g_test_add_func("/hw/timer/i8254/its-interrupt-can-be-taken-away", test_pit_is_taken_away);
    g_test_add_func("/hw/timer/rtc/keeps-and-takes-time", test_rtc_time);
    g_test_add_func("/hw/timer/rtc/update-alarm-and-periodic-interrupts", test_rtc_interrupts);
    g_test_add_func("/hw/timer/hpet/counts-and-fires-once", test_hpet_counter_and_one_shot);
    g_test_add_func("/hw/timer/hpet/replaces-the-pit-periodically", test_hpet_legacy_periodic);
    g_test_add_func("/hw/timer/hpet/late-ticks-come-one-by-one", test_hpet_late);
    return g_test_run();
}
