/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What system management mode needs of the q35 chipset: hidden memory, the attribute map that
 * firmware shadows itself with, SMIs and their negotiation.
 */
#include "q35-board.h"

static Board *board_new(void)
{
    return board_new_with(NULL);
}

static uint32_t smm_read(Board *b, uint64_t addr)
{
    return phys_ld32_le(b->smm, addr);
}

static void test_smram_is_seen_by_smm_and_when_open_by_everybody(void)
{
    Board *b = board_new();
    MemoryRegion vga;

    g_assert_true(memory_region_init_rom(&vga, b->vm, NULL, "vga", 128 * KiB, NULL));
    memory_region_add(&b->host->pci_mem, 0xa0000, &vga);
    cfg_write(b, 0, 0, 0x9d, 0x4a, 1); /* open */
    phys_st32_le(address_space_memory(b->vm), 0xa0000, 0x51515151);
    g_assert_cmphex(mem_read(b, 0xa0000), ==, 0x51515151);
    cfg_write(b, 0, 0, 0x9d, 0x0a, 1); /* closed */
    g_assert_cmphex(mem_read(b, 0xa0000), !=, 0x51515151);
    g_assert_cmphex(smm_read(b, 0xa0000), ==, 0x51515151);
    cfg_write(b, 0, 0, 0x9d, 0x5a, 1); /* the lock closes it for good */
    g_assert_cmphex(cfg_read(b, 0, 0, 0x9d, 1), ==, 0x1a);
    cfg_write(b, 0, 0, 0x9d, 0x4a, 1);
    cfg_write(b, 0, 0, 0x9e, 0x81, 1);
    g_assert_cmphex(cfg_read(b, 0, 0, 0x9d, 1), ==, 0x1a);
    g_assert_cmphex(cfg_read(b, 0, 0, 0x9e, 1), ==, 0x38);
    bus_reset(bus_root(b->vm), RESET_COLD);
    g_assert_cmphex(cfg_read(b, 0, 0, 0x9d, 1), ==, 0x02);
    memory_region_clear(&vga);
    board_free(b);
}

static void test_tseg_and_default_smbase_are_hidden_outside_smm(void)
{
    Board *b = board_new();
    uint64_t top = 32 * MiB;

    phys_st32_le(address_space_memory(b->vm), top - 8 * MiB, 0x1234);
    phys_st32_le(address_space_memory(b->vm), top - 8 * MiB - 4, 0x5678);
    phys_st32_le(address_space_memory(b->vm), 0x30000, 0x9abc);
    cfg_write(b, 0, 0, 0x9d, 0x0a, 1);
    cfg_write(b, 0, 0, 0x9e, 0x05, 1); /* 8 MiB */
    g_assert_cmphex(mem_read(b, top - 8 * MiB), ==, 0xffffffff);
    g_assert_cmphex(mem_read(b, top - 8 * MiB - 4), ==, 0x5678);
    g_assert_cmphex(smm_read(b, top - 8 * MiB), ==, 0x1234);
    cfg_write(b, 0, 0, 0x50, 0xffff, 2); /* how large may it be? */
    g_assert_cmphex(cfg_read(b, 0, 0, 0x50, 2), ==, 16);
    cfg_write(b, 0, 0, 0x9e, 0x07, 1);
    g_assert_cmphex(mem_read(b, top - 8 * MiB - 4), ==, 0xffffffff);
    cfg_write(b, 0, 0, 0x50, 0xfff, 2); /* more than there is: none */
    g_assert_cmphex(mem_read(b, top - 8 * MiB), ==, 0x1234);
    cfg_write(b, 0, 0, 0x9c, 0xff, 1);
    g_assert_cmphex(cfg_read(b, 0, 0, 0x9c, 1), ==, 1);
    cfg_write(b, 0, 0, 0x9c, 2, 1);
    g_assert_cmphex(mem_read(b, 0x30000), ==, 0xffffffff);
    g_assert_cmphex(smm_read(b, 0x30000), ==, 0x9abc);
    cfg_write(b, 0, 0, 0x9c, 0, 1);
    g_assert_cmphex(cfg_read(b, 0, 0, 0x9c, 1), ==, 2);
    board_free(b);
}

static void test_pam_shows_pci_ram_or_unwritable_ram(void)
{
    Board *b = board_new();
    MemoryRegion rom;

    g_assert_true(memory_region_init_rom(&rom, b->vm, NULL, "rom", 64 * KiB, NULL));
    memset(memory_region_ram_ptr(&rom), 0x77, 64 * KiB);
    memory_region_add(&b->host->pci_mem, 0xf0000, &rom);
    g_assert_cmphex(mem_read(b, 0xf0000), ==, 0x77777777);
    cfg_write(b, 0, 0, 0x90, 0x30, 1);
    phys_st32_le(address_space_memory(b->vm), 0xf0000, 0x1111);
    g_assert_cmphex(mem_read(b, 0xf0000), ==, 0x1111);
    cfg_write(b, 0, 0, 0x90, 0x10, 1);
    phys_st32_le(address_space_memory(b->vm), 0xf0000, 0x2222);
    g_assert_cmphex(mem_read(b, 0xf0000), ==, 0x1111);
    cfg_write(b, 0, 0, 0x91, 0x03, 1); /* c0000-c3fff only */
    phys_st32_le(address_space_memory(b->vm), 0xc0000, 0x3333);
    g_assert_cmphex(mem_read(b, 0xc0000), ==, 0x3333);
    cfg_write(b, 0, 0, 0x90, 0x00, 1);
    g_assert_cmphex(mem_read(b, 0xf0000), ==, 0x77777777);
    memory_region_clear(&rom);
    board_free(b);
}

static void open_pm(Board *b)
{
    cfg_write(b, 0, 0xf8, 0x40, 0x601, 4);
    cfg_write(b, 0, 0xf8, 0x44, 0x80, 1);
}

static void test_smi_comes_only_when_enabled_and_the_lock_holds(void)
{
    Board *b = board_new();

    open_pm(b);
    outl(b, 0xb2, 0xb5, 1);
    g_assert_cmpint(b->smis, ==, 0);
    outl(b, 0x630, 0x21, 4);
    outl(b, 0xb2, 0xb5, 1);
    g_assert_cmpint(b->smis, ==, 1);
    g_assert_cmpint(b->smis_everyone, ==, 0);
    cfg_write(b, 0, 0xf8, 0xa0, 0x10, 1);
    outl(b, 0x630, 0, 4);
    g_assert_cmphex(inl(b, 0x630, 4), ==, 1); /* the global enable is locked */
    cfg_write(b, 0, 0xf8, 0xa0, 0, 1);
    g_assert_cmphex(cfg_read(b, 0, 0xf8, 0xa0, 1), ==, 0x10);
    board_free(b);
}

static void test_smi_features_are_agreed_once_and_only_possible_ones(void)
{
    Board *b = board_new();
    g_autoptr(GBytes) no = NULL, yes = NULL;

    g_assert_true(ich9_lpc_publish_smi(b->lpc, b->fw_cfg, NULL));
    b->lpc->smi_guest_le[0] = 2; /* hotplug without broadcast */
    no = fw_cfg_get_file(b->fw_cfg, "etc/smi/features-ok");
    g_assert_cmpint(((const uint8_t *)g_bytes_get_data(no, NULL))[0], ==, 0);
    b->lpc->smi_guest_le[0] = 1;
    yes = fw_cfg_get_file(b->fw_cfg, "etc/smi/features-ok");
    g_assert_cmpint(((const uint8_t *)g_bytes_get_data(yes, NULL))[0], ==, 1);
    open_pm(b);
    outl(b, 0x630, 0x21, 4);
    outl(b, 0xb2, 0, 1);
    g_assert_cmpint(b->smis_everyone, ==, 1);
    bus_reset(bus_root(b->vm), RESET_COLD);
    g_assert_cmpint(b->lpc->smi_negotiated, ==, 0);
    board_free(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/q35/smram-is-seen-by-smm-and-when-open-by-everybody",
                    test_smram_is_seen_by_smm_and_when_open_by_everybody);
    g_test_add_func("/q35/tseg-and-default-smbase-are-hidden-outside-smm",
                    test_tseg_and_default_smbase_are_hidden_outside_smm);
    g_test_add_func("/q35/pam-shows-pci-ram-or-unwritable-ram",
                    test_pam_shows_pci_ram_or_unwritable_ram);
    g_test_add_func("/q35/smi-comes-only-when-enabled-and-the-lock-holds",
                    test_smi_comes_only_when_enabled_and_the_lock_holds);
    g_test_add_func("/q35/smi-features-are-agreed-once-and-only-possible-ones",
                    test_smi_features_are_agreed_once_and_only_possible_ones);
    return g_test_run();
}
