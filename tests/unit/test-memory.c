/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory: random region trees against a per-byte resolver, access splitting, RAM blocks and their
 * notifiers, dirty bitmaps under threads, DMA maps, and views that change while others read.
 */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/core/vm.h"
#include "base/memory/space.h"

static Vm *new_vm(void)
{
    TypeRegistry *reg = type_registry_new();

    type_registry_seal(reg);
    Vm *vm = vm_new(reg);

    vm_lock(vm);
    g_assert_true(memory_setup(vm, NULL));
    return vm;
}

static void end_vm(Vm *vm)
{
    memory_teardown(vm);
    vm_unlock(vm);
    vm_free(vm);
}

/* ---- random trees ---- */

#define SPACE     0x400
#define N_REGIONS 24

static uint64_t io_read(void *opaque, uint64_t addr, unsigned size)
{
    return 0;
}
static const RegionOps io_ops = { .read = io_read };

/* What answers at @addr of @mr: straight recursion, strongest child first. */
static MemoryRegion *naive(MemoryRegion *mr, int64_t addr, int64_t *offset, unsigned depth)
{
    if (!mr->enabled || addr < 0 || addr >= (int64_t)MIN(mr->size, INT64_MAX) || depth > 60) {
        return NULL;
    }
    if (mr->kind == REGION_ALIAS) {
        return naive(mr->alias, addr + (int64_t)mr->alias_offset, offset, depth + 1);
    }
    for (guint i = 0; mr->subregions && i < mr->subregions->len; i++) {
        MemoryRegion *sub = g_ptr_array_index(mr->subregions, i);
        MemoryRegion *hit = naive(sub, addr - (int64_t)sub->addr, offset, depth + 1);

        if (hit) {
            return hit;
        }
    }
    *offset = addr;
    return mr->kind == REGION_CONTAINER ? NULL : mr;
}

static void compare(AddressSpace *as, MemoryRegion *root)
{
    for (int64_t a = 0; a < SPACE; a++) {
        int64_t offset = 0;
        MemoryRegion *want = naive(root, a, &offset, 0);
        MemTarget t = address_space_lookup(as, (GuestPhys)a, false, MEM_ATTRS_NONE);

        g_assert_true(t.region == want);
        g_assert_cmpint(t.result, ==, want ? MEM_OK : MEM_DECODE_ERROR);
        if (want) {
            g_assert_cmpuint(t.offset, ==, offset);
        }
    }
}

static void random_tree(Vm *vm)
{
    MemoryRegion regions[N_REGIONS];
    MemoryRegion root;

    memory_region_init(&root, vm, NULL, "root", SPACE);
    AddressSpace *as = address_space_new(vm, &root, "random");

    for (int i = 0; i < N_REGIONS; i++) {
        uint64_t size = (uint64_t)g_test_rand_int_range(1, SPACE / 2);
        int kind = g_test_rand_int_range(0, i > 3 ? 3 : 2);

        if (kind == 0) {
            memory_region_init(&regions[i], vm, NULL, "c", size);
        } else if (kind == 1) {
            memory_region_init_io(&regions[i], vm, NULL, &io_ops, NULL, "io", size);
        } else {
            memory_region_init_alias(&regions[i], vm, NULL, "a",
                                     &regions[g_test_rand_int_range(0, i)],
                                     (uint64_t)g_test_rand_int_range(0, SPACE / 4), size);
        }
        /* A parent is an older non-alias region or the root: no loops by containment. */
        int p = g_test_rand_int_range(-1, i);
        MemoryRegion *parent = p < 0 || regions[p].kind == REGION_ALIAS ? &root : &regions[p];

        /* An alias to an ancestor would be a loop: only those at the root are allowed to alias. */
        if (regions[i].kind == REGION_ALIAS) {
            parent = &root;
        }
        memory_region_add_overlap(parent, (GuestPhys)g_test_rand_int_range(0, SPACE), &regions[i],
                                  g_test_rand_int_range(-2, 3));
    }
    compare(as, &root);
    for (int step = 0; step < 12; step++) {
        MemoryRegion *mr = &regions[g_test_rand_int_range(0, N_REGIONS)];

        switch (g_test_rand_int_range(0, 4)) {
        case 0: memory_region_set_enabled(mr, !mr->enabled); break;
        case 1: memory_region_set_address(mr, (GuestPhys)g_test_rand_int_range(0, SPACE)); break;
        case 2: memory_region_set_size(mr, (uint64_t)g_test_rand_int_range(1, SPACE)); break;
        default:
            memory_region_set_alias_offset(mr, (uint64_t)g_test_rand_int_range(0, SPACE));
            break;
        }
        compare(as, &root);
    }
    memory_transaction_begin(vm);
    for (int i = N_REGIONS - 1; i >= 0; i--) {
        memory_region_clear(&regions[i]);
    }
    memory_transaction_commit(vm);
    address_space_free(as);
    memory_region_clear(&root);
}

static void test_random_trees(void)
{
    Vm *vm = new_vm();

    for (int i = 0; i < 40; i++) {
        random_tree(vm);
    }
    end_vm(vm);
}

static void test_whole_space(void)
{
    Vm *vm = new_vm();
    MemoryRegion top;
    uint64_t v = 0;

    MemTarget t = address_space_lookup(address_space_memory(vm), 0, false, MEM_ATTRS_NONE);
    g_assert_null(t.region);
    g_assert_cmpuint(t.len, ==, 0); /* 2^64 bytes of nothing */
    memory_region_init_io(&top, vm, NULL, &io_ops, NULL, "all", UINT64_MAX);
    memory_region_add(memory_system_region(vm), 0, &top);
    t = address_space_lookup(address_space_memory(vm), UINT64_MAX, false, MEM_ATTRS_NONE);
    g_assert_true(t.region == &top);
    g_assert_cmpuint(t.len, ==, 1);
    g_assert_cmpint(address_space_read(address_space_memory(vm), UINT64_MAX - 7, MEM_ATTRS_NONE, &v,
                                       8),
                    ==, MEM_OK);
    memory_region_clear(&top);
    v = address_space_ld(address_space_memory(vm), 0x1234, 4, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE,
                         NULL);
    g_assert_cmphex(v, ==, 0xffffffff);
    end_vm(vm);
}

/* ---- accesses ---- */

typedef struct {
    uint8_t regs[16];
    GString *log;
    DeviceEndian endian;
} Bank;

static uint64_t bank_read(void *opaque, uint64_t addr, unsigned size)
{
    Bank *b = opaque;
    uint64_t v = 0;

    g_string_append_printf(b->log, "r%u@%x ", size, (unsigned)addr);
    for (unsigned i = 0; i < size; i++) {
        unsigned at = b->endian == DEVICE_BIG_ENDIAN ? size - 1 - i : i;

        v |= (uint64_t)b->regs[(addr + i) & 15] << (8 * at);
    }
    return v;
}

static void bank_write(void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
    Bank *b = opaque;

    g_string_append_printf(b->log, "w%u@%x ", size, (unsigned)addr);
    for (unsigned i = 0; i < size; i++) {
        unsigned at = b->endian == DEVICE_BIG_ENDIAN ? size - 1 - i : i;

        b->regs[(addr + i) & 15] = (uint8_t)(value >> (8 * at));
    }
}

/* Bytes must land where they were sent whatever sizes the device takes. */
static void test_access_shapes_keep_bytes(void)
{
    Vm *vm = new_vm();
    static const uint8_t sizes[] = { 1, 2, 4, 8 };

    for (int e = 0; e < 2; e++) {
        for (int lo = 0; lo < 4; lo++) {
            for (int hi = lo; hi < 4; hi++) {
                RegionOps ops = { .read = bank_read,
                                  .write = bank_write,
                                  .endian = (DeviceEndian)e,
                                  .valid = { 1, 8, true },
                                  .impl = { sizes[lo], sizes[hi], false } };
                Bank bank = { .log = g_string_new(NULL), .endian = (DeviceEndian)e };
                MemoryRegion mr;
                uint8_t shadow[16];

                memory_region_init_io(&mr, vm, NULL, &ops, &bank, "bank", 16);
                memory_region_add(memory_system_region(vm), 0x1000, &mr);
                for (int i = 0; i < 16; i++) {
                    bank.regs[i] = shadow[i] = (uint8_t)(i * 17);
                }
                for (int n = 0; n < 60; n++) {
                    unsigned size = sizes[g_test_rand_int_range(0, 4)];
                    unsigned at = (unsigned)g_test_rand_int_range(0, 17 - (int)size);
                    uint64_t v = ((uint64_t)g_test_rand_int() << 32) | (uint32_t)g_test_rand_int(),
                             w = 0;
                    bool big = g_test_rand_bit();

                    for (unsigned i = 0; i < size; i++) {
                        shadow[at + i] = (uint8_t)(v >> 8 * (big ? size - 1 - i : i));
                    }
                    address_space_st(address_space_memory(vm), 0x1000 + at, v, size,
                                     big ? DEVICE_BIG_ENDIAN : DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE,
                                     NULL);
                    g_assert_cmpmem(bank.regs, 16, shadow, 16);
                    w = address_space_ld(address_space_memory(vm), 0x1000 + at, size,
                                         big ? DEVICE_BIG_ENDIAN : DEVICE_LITTLE_ENDIAN,
                                         MEM_ATTRS_NONE, NULL);
                    g_assert_cmphex(w, ==, size == 8 ? v : v & ((1ULL << size * 8) - 1));
                }
                uint8_t all[16];
                address_space_read(address_space_memory(vm), 0x1000, MEM_ATTRS_NONE, all, 16);
                g_assert_cmpmem(all, 16, shadow, 16);
                memory_region_clear(&mr);
                g_string_free(bank.log, TRUE);
            }
        }
    }
    end_vm(vm);
}

static void test_split_order_and_refusals(void)
{
    Vm *vm = new_vm();
    RegionOps ops = {
        .read = bank_read, .write = bank_write, .valid = { 2, 4, false }, .impl = { 1, 1, false }
    };
    Bank bank = { .log = g_string_new(NULL) };
    MemoryRegion mr;
    MemResult r;

    memory_region_init_io(&mr, vm, NULL, &ops, &bank, "bank", 16);
    memory_region_add(memory_io_region(vm), 0x80, &mr);
    AddressSpace *io = address_space_io(vm);

    address_space_ld(io, 0x84, 4, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE, &r);
    g_assert_cmpint(r, ==, MEM_OK);
    g_assert_cmpstr(bank.log->str, ==, "r1@4 r1@5 r1@6 r1@7 ");
    g_string_truncate(bank.log, 0);
    g_assert_cmphex(address_space_ld(io, 0x84, 1, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE, &r), ==,
                    0xff);
    g_assert_cmpint(r, ==, MEM_DECODE_ERROR);
    g_assert_cmphex(address_space_ld(io, 0x85, 2, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE, &r), ==,
                    0xffff);
    g_assert_cmpint(r, ==, MEM_DECODE_ERROR);
    g_assert_cmpstr(bank.log->str, ==, "");
    memory_region_clear(&mr);
    g_string_free(bank.log, TRUE);
    end_vm(vm);
}

static void test_rom_and_romd(void)
{
    Vm *vm = new_vm();
    AddressSpace *as = address_space_memory(vm);
    RegionOps ops = { .read = bank_read, .write = bank_write };
    Bank bank = { .log = g_string_new(NULL) };
    MemoryRegion rom, romd;

    g_assert_true(memory_region_init_rom(&rom, vm, NULL, "rom", 0x1000, NULL));
    memory_region_add(memory_system_region(vm), 0, &rom);
    g_assert_true(
        memory_region_init_rom_device(&romd, vm, NULL, &ops, &bank, "flash", 0x1000, NULL));
    memory_region_add(memory_system_region(vm), 0x1000, &romd);
    phys_st32_le(as, 0x10, 0x12345678);
    g_assert_cmphex(phys_ld32_le(as, 0x10), ==, 0);
    g_assert_cmpint(address_space_write_rom(as, 0x10, "abcd", 4), ==, MEM_OK);
    g_assert_cmphex(phys_ld32_be(as, 0x10), ==, 0x61626364);
    memset(memory_region_ram_ptr(&romd), 0x5a, 16);
    g_assert_cmphex(phys_ld16_le(as, 0x1000), ==, 0x5a5a);
    phys_st16_le(as, 0x1002, 7);
    g_assert_cmpstr(bank.log->str, ==, "w2@2 ");
    memory_region_rom_device_set_romd(&romd, false);
    g_assert_cmphex(phys_ld16_le(as, 0x1002), ==, 7);
    memory_region_clear(&rom);
    memory_region_clear(&romd);
    g_string_free(bank.log, TRUE);
    end_vm(vm);
}

static void test_eventfd_replaces_write(void)
{
    Vm *vm = new_vm();
    RegionOps ops = { .read = bank_read, .write = bank_write };
    Bank bank = { .log = g_string_new(NULL) };
    MemoryRegion mr;
    int fd = eventfd(0, EFD_NONBLOCK);
    uint64_t n = 0;

    memory_region_init_io(&mr, vm, NULL, &ops, &bank, "bank", 16);
    memory_region_add(memory_system_region(vm), 0, &mr);
    g_assert_true(memory_region_add_eventfd(&mr, 4, 2, true, 3, fd, NULL));
    g_assert_false(memory_region_add_eventfd(&mr, 4, 2, true, 3, fd, NULL));
    phys_st16_le(address_space_memory(vm), 4, 3);
    g_assert_cmpint(read(fd, &n, 8), ==, 8);
    phys_st16_le(address_space_memory(vm), 4, 2);
    g_assert_cmpint(read(fd, &n, 8), ==, -1);
    g_assert_cmpstr(bank.log->str, ==, "w2@4 ");
    memory_region_del_eventfd(&mr, 4, 2, true, 3, fd);
    phys_st16_le(address_space_memory(vm), 4, 3);
    g_assert_cmpstr(bank.log->str, ==, "w2@4 w2@4 ");
    memory_region_clear(&mr);
    close(fd);
    g_string_free(bank.log, TRUE);
    end_vm(vm);
}

/* ---- IOMMU ---- */

static IommuEntry swap_halves(MemoryRegion *mr, GuestPhys addr, bool is_write, MemAttrs attrs)
{
    return (IommuEntry){ .target = mr->opaque,
                         .iova = addr,
                         .translated = (addr ^ 0x1000) & ~0xfffULL,
                         .addr_mask = 0xfff,
                         .readable = true,
                         .writable = addr < 0x1000 };
}

static void test_iommu_translates_and_refuses(void)
{
    Vm *vm = new_vm();
    MemoryRegion ram, mmu;
    uint8_t buf[0x20];

    g_assert_true(memory_region_init_ram(&ram, vm, NULL, "ram", 0x2000, NULL));
    memory_region_add(memory_system_region(vm), 0, &ram);
    memory_region_init_iommu(&mmu, vm, NULL, swap_halves, address_space_memory(vm), "mmu", 0x2000);
    AddressSpace *dev = address_space_new(vm, &mmu, "dev");
    memset(memory_region_ram_ptr(&ram), 1, 0x1000);
    memset((uint8_t *)memory_region_ram_ptr(&ram) + 0x1000, 2, 0x1000);
    g_assert_cmpint(address_space_read(dev, 0xff0, MEM_ATTRS_NONE, buf, 0x20), ==, MEM_OK);
    g_assert_cmpuint(buf[0xf], ==, 2);
    g_assert_cmpuint(buf[0x10], ==, 1);
    g_assert_cmpint(address_space_write(dev, 0x1000, MEM_ATTRS_NONE, buf, 4), ==, MEM_ACCESS_ERROR);
    g_assert_cmpint(address_space_write(dev, 0, MEM_ATTRS_NONE, "x", 1), ==, MEM_OK);
    g_assert_cmpuint(phys_ld8_le(address_space_memory(vm), 0x1000), ==, 'x');
    uint64_t len = 0x2000;
    void *p = address_space_map(dev, 0x10, &len, true, MEM_ATTRS_NONE);
    g_assert_true(p == (uint8_t *)memory_region_ram_ptr(&ram) + 0x1010);
    g_assert_cmpuint(len, ==, 0xff0);
    address_space_unmap(dev, p, len, true, 0);
    address_space_free(dev);
    memory_region_clear(&mmu);
    memory_region_clear(&ram);
    end_vm(vm);
}

/* ---- DMA maps ---- */

static void set_flag(Notifier *n, void *data)
{
    n->fn = NULL;
}

static void test_map_bounces_for_devices(void)
{
    Vm *vm = new_vm();
    AddressSpace *as = address_space_memory(vm);
    RegionOps ops = { .read = bank_read, .write = bank_write };
    Bank bank = { .log = g_string_new(NULL) };
    MemoryRegion mr;
    void *maps[64];
    uint64_t len = 8;

    memory_region_init_io(&mr, vm, NULL, &ops, &bank, "bank", 0x100000);
    memory_region_add(memory_system_region(vm), 0, &mr);
    uint8_t *p = address_space_map(as, 0, &len, true, MEM_ATTRS_NONE);
    g_assert_nonnull(p);
    memcpy(p, "12345678", 8);
    address_space_unmap(as, p, len, true, 4);
    g_assert_cmpmem(bank.regs, 5, "1234\0", 5);
    len = 8;
    p = address_space_map(as, 0x200000, &len, false, MEM_ATTRS_NONE);
    g_assert_null(p);
    unsigned n = 0;
    for (;;) {
        len = 64 << 10;
        maps[n] = address_space_map(as, 0, &len, true, MEM_ATTRS_NONE);
        if (!maps[n]) {
            break;
        }
        n++;
    }
    g_assert_cmpuint(n, ==, 16);
    Notifier waiter = { .fn = set_flag };
    address_space_map_wait(vm, &waiter);
    g_assert_nonnull(waiter.fn);
    for (unsigned i = 0; i < n; i++) {
        address_space_unmap(as, maps[i], 64 << 10, true, 0);
    }
    g_assert_null(waiter.fn);
    memory_region_clear(&mr);
    g_string_free(bank.log, TRUE);
    end_vm(vm);
}

static void test_mapped_memory_outlives_its_block(void)
{
    Vm *vm = new_vm();
    MemoryRegion ram;
    uint64_t len = 0x1000;

    g_assert_true(memory_region_init_ram(&ram, vm, NULL, "ram", 0x2000, NULL));
    memory_region_add(memory_system_region(vm), 0, &ram);
    uint8_t *p = address_space_map(address_space_memory(vm), 0x800, &len, true, MEM_ATTRS_NONE);
    g_assert_nonnull(p);
    memory_region_clear(&ram);
    memset(p, 0xaa, len);
    address_space_unmap(address_space_memory(vm), p, len, true, len);
    end_vm(vm);
}

/* ---- RAM blocks ---- */

typedef struct {
    RamBlockNotifier n;
    GString *log;
    const char *tag;
} Watch;

static void on_added(RamBlockNotifier *n, RamBlock *b)
{
    Watch *w = (Watch *)n;
    g_string_append_printf(w->log, "%s:add(%s) ", w->tag, ram_block_idstr(b));
}
static void on_removed(RamBlockNotifier *n, RamBlock *b)
{
    Watch *w = (Watch *)n;
    *(volatile uint8_t *)ram_block_host(b) = 1; /* still mapped */
    g_string_append_printf(w->log, "%s:del(%s) ", w->tag, ram_block_idstr(b));
}
static void on_resized(RamBlockNotifier *n, RamBlock *b, uint64_t old_used, uint64_t new_used)
{
    Watch *w = (Watch *)n;
    g_assert_cmpuint(ram_block_used_length(b), ==, new_used);
    g_string_append_printf(w->log, "%s:size(%x>%x) ", w->tag, (unsigned)old_used,
                           (unsigned)new_used);
}
static void on_migratable(RamBlockNotifier *n, RamBlock *b, bool on)
{
    Watch *w = (Watch *)n;
    g_string_append_printf(w->log, "%s:mig(%d) ", w->tag, on);
}
static void on_idstr(RamBlockNotifier *n, RamBlock *b, const char *old)
{
    Watch *w = (Watch *)n;
    g_string_append_printf(w->log, "%s:id(%s>%s) ", w->tag, old, ram_block_idstr(b));
}

static void on_owner_resized(void *opaque, RamBlock *b, uint64_t old_used)
{
    g_string_append(opaque, "owner ");
}

static void test_notifiers_in_order(void)
{
    Vm *vm = new_vm();
    GString *log = g_string_new(NULL);
    RamBlockNotifier all = { on_added, on_removed, on_resized, on_migratable, on_idstr, NULL };
    Watch a = { all, log, "a" }, b = { all, log, "b" };
    RamBlockSpec spec = { .idstr = "x",
                          .used_length = 0x1000,
                          .max_length = 0x4000,
                          .flags = RAM_RESIZEABLE,
                          .fd = -1,
                          .resized = on_owner_resized,
                          .opaque = log };
    g_autoptr(GError) error = NULL;

    ram_block_notifier_add(vm, &a.n);
    RamBlock *block = ram_block_new(vm, &spec, NULL);
    ram_block_notifier_add(vm, &b.n);
    g_assert_cmpstr(log->str, ==, "a:add(x) b:add(x) ");
    g_string_truncate(log, 0);
    g_assert_null(ram_block_new(vm, &spec, &error));
    g_assert_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_DUPLICATE);
    g_clear_error(&error);
    g_assert_true(ram_block_resize(block, 0x1800, NULL));
    g_assert_cmpstr(log->str, ==, "a:size(1000>2000) b:size(1000>2000) owner ");
    g_string_truncate(log, 0);
    g_assert_false(ram_block_resize(block, 0x5000, &error));
    g_assert_error(error, FERRY_MEMORY_ERROR, FERRY_MEMORY_ERROR_SIZE);
    ram_block_set_migratable(block, true);
    ram_block_set_migratable(block, true);
    g_assert_true(ram_block_set_idstr(block, "y", NULL));
    ram_block_free(block);
    g_assert_cmpstr(log->str, ==, "a:mig(1) b:mig(1) a:id(x>y) b:id(x>y) a:del(y) b:del(y) ");
    ram_block_notifier_remove(vm, &a.n);
    ram_block_notifier_remove(vm, &b.n);
    g_string_free(log, TRUE);
    end_vm(vm);
}

static void resize_rounds(Vm *vm, unsigned flags)
{
    RamBlockSpec spec = { .idstr = "r",
                          .used_length = 0x4000,
                          .max_length = 0x8000,
                          .flags = RAM_RESIZEABLE | flags,
                          .fd = -1 };
    RamBlock *block = ram_block_new(vm, &spec, NULL);
    uint8_t *p = ram_block_host(block);
    MemoryRegion mr;

    memset(p, 0xcc, 0x4000);
    memory_region_init_ram_block(&mr, vm, NULL, "r", block, true);
    memory_region_set_size(&mr, 0x8000);
    memory_region_add(memory_system_region(vm), 0, &mr);
    g_assert_true(ram_block_resize(block, 0x1000, NULL));
    g_assert_cmphex(phys_ld8_le(address_space_memory(vm), 0xfff), ==, 0xcc);
    g_assert_cmphex(phys_ld8_le(address_space_memory(vm), 0x1000), ==, 0xff);
    g_assert_true(ram_block_resize(block, 0x8000, NULL));
    for (unsigned i = 0x1000; i < 0x8000; i++) {
        g_assert_cmpuint(p[i], ==, 0);
    }
    memory_region_clear(&mr);
}

static void test_resize_gives_zero_pages(void)
{
    Vm *vm = new_vm();

    resize_rounds(vm, 0);
    resize_rounds(vm, RAM_SHARED);
    end_vm(vm);
}

static void test_blocks_never_overlap(void)
{
    Vm *vm = new_vm();
    RamBlock *blocks[20] = { NULL };

    for (int step = 0; step < 200; step++) {
        int i = g_test_rand_int_range(0, 20);

        if (blocks[i]) {
            ram_block_free(blocks[i]);
            blocks[i] = NULL;
        } else {
            RamBlockSpec spec = { .used_length = (uint64_t)g_test_rand_int_range(1, 0x200000),
                                  .fd = -1 };

            blocks[i] = ram_block_new(vm, &spec, NULL);
        }
        for (int a = 0; a < 20; a++) {
            for (int b = 0; b < a; b++) {
                if (blocks[a] && blocks[b]) {
                    RamAddr x = ram_block_addr(blocks[a]), y = ram_block_addr(blocks[b]);

                    g_assert_true(x + ram_block_max_length(blocks[a]) <= y ||
                                  y + ram_block_max_length(blocks[b]) <= x);
                }
            }
        }
    }
    for (int i = 0; i < 20; i++) {
        ram_block_free(blocks[i]);
    }
    end_vm(vm);
}

/* ---- dirty bitmaps ---- */

typedef struct {
    Vm *vm;
    RamBlock *block;
    GRand *rand;
    unsigned writes;
    uint32_t *counts; /* per page, how often written */
} Writer;

static gpointer write_pages(gpointer data)
{
    Writer *w = data;
    uint8_t *host = ram_block_host(w->block);

    for (unsigned i = 0; i < w->writes; i++) {
        unsigned page = (unsigned)g_rand_int_range(w->rand, 0, 256);

        __atomic_fetch_add((uint32_t *)(host + page * 4096), 1, __ATOMIC_SEQ_CST);
        ram_dirty_written(w->vm, ram_block_addr(w->block) + page * 4096ULL, 4);
    }
    return NULL;
}

/* Copies every dirty page while two threads write: after the last round the copy is complete. */
static void test_dirty_loses_no_write(void)
{
    Vm *vm = new_vm();
    RamBlockSpec spec = { .idstr = "ram", .used_length = 256 * 4096, .fd = -1 };
    RamBlock *block = ram_block_new(vm, &spec, NULL);
    uint8_t *copy = g_malloc0(256 * 4096), *host = ram_block_host(block);
    Writer w[2];
    GThread *threads[2];

    ram_dirty_client_enable(vm, DIRTY_MIGRATION, true);
    for (int i = 0; i < 2; i++) {
        w[i] = (Writer){ vm, block, g_rand_new_with_seed((guint32)i + 7), 200000, NULL };
        threads[i] = g_thread_new("writer", write_pages, &w[i]);
    }
    for (int round = 0; round < 400; round++) {
        unsigned long map[4] = { 0 };

        if (round == 399) {
            g_thread_join(threads[0]);
            g_thread_join(threads[1]);
        }
        ram_dirty_sync_and_clear(vm, block, DIRTY_MIGRATION, map);
        for (unsigned p = 0; p < 256; p++) {
            if (map[p / 64] >> (p % 64) & 1) {
                memcpy(copy + p * 4096, host + p * 4096, 4096);
            }
        }
    }
    g_assert_cmpmem(copy, 256 * 4096, host, 256 * 4096);
    g_rand_free(w[0].rand);
    g_rand_free(w[1].rand);
    g_free(copy);
    ram_block_free(block);
    end_vm(vm);
}

static void note_range(void *opaque, RamAddr addr, uint64_t len)
{
    g_string_append_printf(opaque, "%x+%x ", (unsigned)addr, (unsigned)len);
}

static void test_dirty_clients_and_hooks(void)
{
    Vm *vm = new_vm();
    MemoryRegion ram;
    GString *cleaned = g_string_new(NULL), *written = g_string_new(NULL);

    g_assert_true(memory_region_init_ram(&ram, vm, NULL, "ram", 0x10000, NULL));
    memory_region_add(memory_system_region(vm), 0, &ram);
    RamAddr base = ram_block_addr(ram.ram);
    g_assert_true(ram_dirty_get(vm, base, DIRTY_MIGRATION)); /* off reads dirty */
    g_assert_cmphex(ram_dirty_clean_mask(vm, base), ==, 0);
    ram_dirty_client_enable(vm, DIRTY_MIGRATION, true);
    g_assert_true(ram_dirty_test_and_clear(vm, base, 0x10000, DIRTY_MIGRATION));
    g_assert_cmphex(ram_dirty_clean_mask(vm, base), ==, DIRTY_MASK(DIRTY_MIGRATION));
    RamDirtyHooks hooks = { .cleaned = note_range, .opaque = cleaned };
    ram_dirty_set_hooks(vm, &hooks);
    g_assert_true(ram_dirty_test_and_clear(vm, base + 0x2000, 0x1000, DIRTY_CODE));
    g_assert_cmpstr(cleaned->str, ==, "2000+1000 ");
    hooks = (RamDirtyHooks){ .code_written = note_range, .opaque = written };
    ram_dirty_set_hooks(vm, &hooks);
    phys_st8_le(address_space_memory(vm), 0x1fff, 1);
    g_assert_cmpstr(written->str, ==, "");
    phys_st32_le(address_space_memory(vm), 0x1ffe, 1);
    g_assert_cmpstr(written->str, ==, "1ffe+4 ");
    g_assert_true(ram_dirty_get(vm, base + 0x1000, DIRTY_MIGRATION));
    g_assert_true(ram_dirty_get(vm, base + 0x2000, DIRTY_MIGRATION));
    g_assert_false(ram_dirty_get(vm, base + 0x2000, DIRTY_CODE)); /* the engine's to set */
    g_assert_false(ram_dirty_get(vm, base + 0x3000, DIRTY_MIGRATION));
    memory_region_clear(&ram);
    g_string_free(cleaned, TRUE);
    g_string_free(written, TRUE);
    end_vm(vm);
}

/* Which of the first 16 pages of the block are dirty, after which none is. */
static unsigned long take_dirty(Vm *vm, RamBlock *block)
{
    unsigned long bits = 0;

    ram_dirty_sync_and_clear(vm, block, DIRTY_MIGRATION, &bits);
    return bits;
}

/* Whatever way bytes get into memory, their pages are dirty behind it; and who clears bits tells which pages. */
static void test_every_writer_is_seen(void)
{
    Vm *vm = new_vm();
    AddressSpace *as = address_space_memory(vm);
    MemoryRegion ram;
    GString *cleaned = g_string_new(NULL);
    RamDirtyHooks hooks = { .cleaned = note_range, .opaque = cleaned };
    uint64_t len = 0x2000;
    uint8_t bytes[3] = { 1, 2, 3 };

    g_assert_true(memory_region_init_ram(&ram, vm, NULL, "ram", 0x10000, NULL));
    memory_region_add(memory_system_region(vm), 0, &ram);
    ram_dirty_client_enable(vm, DIRTY_MIGRATION, true);
    g_assert_cmphex(take_dirty(vm, ram.ram), ==, 0xffff);
    address_space_write(as, 0x1fff, MEM_ATTRS_NONE, bytes, sizeof(bytes));
    g_assert_cmphex(take_dirty(vm, ram.ram), ==, 0x6);
    memory_region_dispatch_write(&ram, 0x4ffe, 0x1234, 4, DEVICE_LITTLE_ENDIAN, MEM_ATTRS_NONE);
    g_assert_cmphex(take_dirty(vm, ram.ram), ==, 0x30);
    uint8_t *host = address_space_map(as, 0x7000, &len, true, MEM_ATTRS_NONE);
    g_assert_cmpuint(len, ==, 0x2000);
    g_assert_cmphex(take_dirty(vm, ram.ram), ==, 0);
    host[0] = host[0xfff] = 5;
    address_space_unmap(as, host, len, true, 0x1000); /* as much as was written */
    g_assert_cmphex(take_dirty(vm, ram.ram), ==, 0x80);
    host = address_space_map(as, 0x7000, &len, false, MEM_ATTRS_NONE);
    address_space_unmap(as, host, len, false, len);
    g_assert_cmphex(take_dirty(vm, ram.ram), ==, 0);
    phys_st8_le(as, 0x3000, 1);
    phys_st8_le(as, 0x9000, 1);
    ram_dirty_set_hooks(vm, &hooks);
    g_assert_cmphex(take_dirty(vm, ram.ram), ==, 0x208);
    g_assert_cmpstr(cleaned->str, ==, "3000+7000 ");
    ram_dirty_set_hooks(vm, NULL);
    ram_dirty_client_enable(vm, DIRTY_MIGRATION,
                            false); /* and on again: nobody knows what was written between */
    ram_dirty_client_enable(vm, DIRTY_MIGRATION, true);
    g_assert_cmphex(take_dirty(vm, ram.ram), ==, 0xffff);
    memory_region_clear(&ram);
    g_string_free(cleaned, TRUE);
    end_vm(vm);
}

/* ---- views under readers ---- */

typedef struct {
    Vm *vm;
    gint stop;
    unsigned seen[2];
} Reader;

static gpointer read_space(gpointer data)
{
    Reader *r = data;

    while (!g_atomic_int_get(&r->stop)) {
        uint64_t v = 0;

        address_space_read(address_space_memory(r->vm), 0x100, MEM_ATTRS_NONE, &v, 8);
        g_assert_true(v == UINT64_MAX || v == 0x1111111111111111 || v == 0x2222222222222222);
        r->seen[v == UINT64_MAX]++;
    }
    return NULL;
}

/* Main swaps blocks in and out (and unmaps them) while threads read through the space. */
static void test_readers_survive_changes(void)
{
    Vm *vm = new_vm();
    Reader readers[2] = { { vm, 0, { 0, 0 } }, { vm, 0, { 0, 0 } } };
    GThread *threads[2];

    for (int i = 0; i < 2; i++) {
        threads[i] = g_thread_new("reader", read_space, &readers[i]);
    }
    for (int i = 0; i < 1500; i++) {
        MemoryRegion ram;

        memory_transaction_begin(vm);
        g_assert_true(memory_region_init_ram(&ram, vm, NULL, "ram", 0x4000, NULL));
        memset(memory_region_ram_ptr(&ram), i & 1 ? 0x11 : 0x22, 0x4000);
        memory_region_add(memory_system_region(vm), 0, &ram);
        memory_transaction_commit(vm);
        memory_region_clear(&ram);
        vm_unlock(vm);
        vm_lock(vm);
    }
    vm_unlock(vm);
    for (int i = 0; i < 2; i++) {
        g_atomic_int_set(&readers[i].stop, 1);
        g_thread_join(threads[i]);
    }
    vm_lock(vm);
    end_vm(vm);
}

static void count_change(MemoryListener *l, AddressSpace *as)
{
    struct {
        MemoryListener l;
        int n;
    } *c = (void *)l;

    c->n++;
}

static void test_one_commit_one_announcement(void)
{
    Vm *vm = new_vm();
    struct {
        MemoryListener l;
        int n;
    } c = { { .changed = count_change }, 0 };
    MemoryRegion a, b, alias;

    address_space_listener_add(address_space_memory(vm), &c.l);
    memory_transaction_begin(vm);
    g_assert_true(memory_region_init_ram(&a, vm, NULL, "a.ram", 0x1000, NULL));
    memory_region_init_io(&b, vm, NULL, &io_ops, NULL, "b", 0x100);
    memory_region_init_alias(&alias, vm, NULL, "alias", &a, 0x800, 0x800);
    memory_region_add(memory_system_region(vm), 0, &a);
    memory_region_add_overlap(memory_system_region(vm), 0x80, &b, 1);
    memory_region_add(memory_system_region(vm), 0x8000, &alias);
    g_assert_cmpint(c.n, ==, 0);
    memory_transaction_commit(vm);
    g_assert_cmpint(c.n, ==, 1);
    memory_region_set_size(&alias, 0x800); /* nothing changes */
    g_assert_cmpint(c.n, ==, 1);
    g_autofree char *flat = memory_describe(vm, true);
    g_assert_nonnull(strstr(flat, "0000000000000080-000000000000017f (prio 1, i/o): b\n"));
    g_assert_nonnull(
        strstr(flat, "0000000000008000-00000000000087ff (prio 0, ram): a.ram @0000000000000800\n"));
    g_autofree char *tree = memory_describe(vm, false);
    g_assert_nonnull(
        strstr(tree, "(prio 0, ram): alias alias @a.ram 0000000000000800-0000000000000fff\n"));
    address_space_listener_remove(address_space_memory(vm), &c.l);
    memory_region_clear(&alias);
    memory_region_clear(&b);
    memory_region_clear(&a);
    end_vm(vm);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/view/random-trees-resolve-as-byte-by-byte", test_random_trees);
    g_test_add_func("/memory/view/regions-may-span-two-to-the-sixty-four", test_whole_space);
    g_test_add_func("/memory/view/one-commit-makes-one-announcement",
                    test_one_commit_one_announcement);
    g_test_add_func("/memory/view/readers-survive-changes", test_readers_survive_changes);
    g_test_add_func("/memory/access/bytes-land-whatever-sizes-the-device-takes",
                    test_access_shapes_keep_bytes);
    g_test_add_func("/memory/access/splits-in-order-and-refuses-invalid-sizes",
                    test_split_order_and_refusals);
    g_test_add_func("/memory/access/rom-drops-writes-and-romd-takes-them", test_rom_and_romd);
    g_test_add_func("/memory/access/an-eventfd-replaces-the-write", test_eventfd_replaces_write);
    g_test_add_func("/memory/iommu/translates-page-by-page-and-refuses",
                    test_iommu_translates_and_refuses);
    g_test_add_func("/memory/map/devices-get-a-bounce-buffer-from-a-budget",
                    test_map_bounces_for_devices);
    g_test_add_func("/memory/map/mapped-memory-outlives-its-block",
                    test_mapped_memory_outlives_its_block);
    g_test_add_func("/memory/ram/notifiers-hear-everything-in-order", test_notifiers_in_order);
    g_test_add_func("/memory/ram/resize-gives-zero-pages", test_resize_gives_zero_pages);
    g_test_add_func("/memory/ram/blocks-never-overlap", test_blocks_never_overlap);
    g_test_add_func("/memory/dirty/loses-no-write", test_dirty_loses_no_write);
    g_test_add_func("/memory/dirty/clients-and-hooks", test_dirty_clients_and_hooks);
    g_test_add_func("/memory/every-writer-is-seen", test_every_writer_is_seen);
    return g_test_run();
}
