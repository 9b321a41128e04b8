/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that live in ACPI tables and a page of memory: the generation id and NVDIMMs, as firmware
   places them and as their methods drive them. */
#include <string.h>
#include "pci-dev.h"

#define GPE    0x620
#define NTFI   0xa18
#define PAGE   0x200000ull
#define DMA    0x100000ull
#define GUID_A "01234567-89ab-cdef-0123-456789abcdef"
#define GUID_B "fedcba98-7654-3210-fedc-ba9876543210"

static void open_pm(QTest *q)
{
    qtest_outl(q, 0xcf8, 0x8000f840);
    qtest_outl(q, 0xcfc, 0x601);
    qtest_outl(q, 0xcf8, 0x8000f844);
    qtest_outb(q, 0xcfc, 0x80);
}

static uint32_t be32(QTest *q)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        v = v << 8 | qtest_inb(q, 0x511);
    }
    return v;
}

/* The key of a fw_cfg file; 0: there is none. */
static uint16_t file_key(QTest *q, const char *wanted, uint32_t *size)
{
    uint16_t key = 0;

    qtest_outw(q, 0x510, 0x19);
    for (uint32_t n = be32(q); n > 0; n--) {
        uint32_t bytes = be32(q), select = be32(q) >> 16;
        char name[56];

        for (int i = 0; i < 56; i++) {
            name[i] = (char)qtest_inb(q, 0x511);
        }
        if (!strcmp(name, wanted)) {
            *size = bytes;
            key = (uint16_t)select;
        }
    }
    return key;
}

/* ---- generation id ---- */
/* What firmware does: the page to memory, its number's address into the other file. */
static void place_guid(QTest *q)
{
    uint32_t size = 0;
    uint16_t key = file_key(q, "etc/vmgenid_guid", &size);
    uint64_t addr = GUINT64_TO_LE(PAGE + 40);

    g_assert_cmpuint(size, ==, 4096);
    qtest_outw(q, 0x510, key);
    for (unsigned i = 0; i < 64; i++) {
        qtest_writeb(q, PAGE + i, qtest_inb(q, 0x511));
    }
    key = file_key(q, "etc/vmgenid_addr", &size);
    g_assert_cmpuint(size, ==, 8);
    qtest_memwrite(q, DMA + 0x100, &addr, 8);
    qtest_writel(q, DMA, GUINT32_TO_BE((uint32_t)key << 16 | 0x18)); /* select, write */
    qtest_writel(q, DMA + 4, GUINT32_TO_BE(8));
    qtest_writeq(q, DMA + 8, GUINT64_TO_BE(DMA + 0x100));
    qtest_outl(q, 0x514, 0);
    qtest_outl(q, 0x518, GUINT32_TO_BE((uint32_t)DMA));
    g_assert_cmphex(qtest_readl(q, DMA), ==, 0);
}

static void test_genid(void)
{
    static const uint8_t a[16] = { 0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0xcd,
                                   0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
    QTest *src = qtest_start("x86_64", "-M q35 -nodefaults -m 16 -device vmgenid,guid=" GUID_A);
    QTest *dst;
    json_object *info;
    uint8_t seen[16];

    open_pm(src);
    place_guid(src);
    qtest_memread(src, PAGE + 40, seen, 16);
    g_assert_cmpmem(seen, 16, a, 16);
    info = qtest_qmp_ok(src, "{'execute': 'query-vm-generation-id'}");
    g_assert_cmpstr(json_object_get_string(json_object_object_get(info, "guid")), ==, GUID_A);
    json_object_put(info);
    dst = qtest_start("x86_64",
                      "-M q35 -nodefaults -m 16 -device vmgenid,guid=" GUID_B " -incoming defer");
    move_machine(src, dst);
    g_assert_cmphex(qtest_readl(dst, PAGE + 40), ==, 0xfedcba98);
    g_assert_cmphex(qtest_inb(dst, GPE), ==, 0x20);
    json_object_put(qtest_qmp_ok(dst, "{'execute': 'system_reset'}"));
    qtest_end(src);
    qtest_end(dst);
}

/* After a reset nothing is placed: a move writes nowhere. */
static void test_genid_reset(void)
{
    QTest *src = qtest_start("x86_64", "-M pc -nodefaults -m 16 -device vmgenid"), *dst;

    place_guid(src);
    json_object_put(qtest_qmp_ok(src, "{'execute': 'system_reset'}"));
    json_object_put(qtest_event(src, "RESET"));
    qtest_memset(src, PAGE, 0x77, 64);
    dst = qtest_start("x86_64", "-M pc -nodefaults -m 16 -device vmgenid -incoming defer");
    move_machine(src, dst);
    g_assert_cmphex(qtest_readl(dst, PAGE + 40), ==, 0x77777777);
    qtest_end(src);
    qtest_end(dst);
}

static void test_genid_refusals(void)
{
    g_autofree char *twice = NULL, *text = NULL;

    g_assert_cmpint(qtest_run_once("x86_64", "-M q35 -device vmgenid -device vmgenid", &twice), ==,
                    1);
    g_assert_nonnull(strstr(twice, "at most one vmgenid device"));
    g_assert_cmpint(qtest_run_once("x86_64", "-M q35 -device vmgenid,guid=1-2", &text), ==, 1);
    g_assert_nonnull(strstr(text, "neither a UUID"));
}

/* ---- NVDIMMs ---- */
#define NV(machine, more)                                                                      \
    "-M " machine ",nvdimm=on -nodefaults -m 16M,slots=3,maxmem=1G "                           \
    "-object memory-backend-ram,id=m0,size=4M -device nvdimm,memdev=m0,id=n0,label-size=128K " \
    "-object memory-backend-ram,id=m1,size=2M " more

/* A request of a method: the answer's payload is at PAGE + 4, its length is returned. */
static uint32_t request(QTest *q, uint32_t handle, uint32_t revision, uint32_t function)
{
    uint32_t length;

    qtest_writel(q, PAGE, handle);
    qtest_writel(q, PAGE + 4, revision);
    qtest_writel(q, PAGE + 8, function);
    qtest_outl(q, NTFI, PAGE);
    length = qtest_readl(q, PAGE);
    g_assert_cmpuint(length, >=, 8);
    g_assert_cmpuint(length, <=, 4096);
    return length - 4;
}

static uint32_t label_request(QTest *q, uint32_t function, uint32_t offset, uint32_t length)
{
    qtest_writel(q, PAGE + 12, offset);
    qtest_writel(q, PAGE + 16, length);
    request(q, 1, 1, function);
    return qtest_readl(q, PAGE + 4);
}

static void test_labels(void)
{
    QTest *src = qtest_start("x86_64", NV("q35", "")), *dst;

    g_assert_cmpuint(request(src, 1, 1, 0), ==, 4);
    g_assert_cmphex(qtest_readl(src, PAGE + 4), ==, 0x71);
    g_assert_cmpuint(request(src, 1, 1, 4), ==, 12);
    g_assert_cmpuint(qtest_readl(src, PAGE + 8), ==, 128 << 10);
    g_assert_cmpuint(qtest_readl(src, PAGE + 12), ==, 4096 - 20);
    qtest_memset(src, PAGE + 20, 0xab, 64);
    g_assert_cmpuint(label_request(src, 6, 0x1000, 64), ==, 0);
    g_assert_cmpuint(label_request(src, 6, (128 << 10) - 63, 64), ==, 3);
    g_assert_cmpuint(label_request(src, 5, 0, 4077), ==, 3);
    g_assert_cmpuint(label_request(src, 5, 0xffffffff, 64), ==, 3);
    request(src, 2, 1, 4);
    g_assert_cmpuint(qtest_readl(src, PAGE + 4), ==, 2);
    request(src, 1, 2, 4);
    g_assert_cmpuint(qtest_readl(src, PAGE + 4), ==, 1);
    request(src, 1, 1, 9);
    g_assert_cmpuint(qtest_readl(src, PAGE + 4), ==, 1);
    request(src, 0, 1, 0);
    g_assert_cmpuint(qtest_readl(src, PAGE + 4), ==, 0);
    dst = qtest_start("x86_64", NV("q35", "-incoming defer"));
    move_machine(src, dst);
    g_assert_cmpuint(label_request(dst, 5, 0x1000 - 4, 12), ==, 0);
    g_assert_cmphex(qtest_readl(dst, PAGE + 8), ==, 0);
    g_assert_cmphex(qtest_readq(dst, PAGE + 12), ==, 0xababababababababull);
    qtest_end(src);
    qtest_end(dst);
}

/* The structures, piece by piece; a module that comes meanwhile makes the reader begin again. */
static void test_fit(void)
{
    QTest *q = qtest_start("x86_64", NV("q35", ""));
    const uint32_t one = 56 + 48 + 32;

    open_pm(q);
    qtest_writel(q, PAGE + 12, 0);
    g_assert_cmpuint(request(q, 0x10000, 1, 1), ==, 4 + one);
    g_assert_cmpuint(qtest_readl(q, PAGE + 4), ==, 0);
    g_assert_cmphex(qtest_readq(q, PAGE + 8 + 32), ==, 0x100000000);
    g_assert_cmphex(qtest_readq(q, PAGE + 8 + 40), ==,
                    2 << 20); /* without labels, of whole 2 MiB */
    json_object_put(
        qtest_qmp_ok(q,
                     "{'execute': 'device_add', 'arguments': {'driver': 'nvdimm', 'memdev': 'm1', "
                     "'id': 'n1', 'unarmed': true}}"));
    g_assert_cmphex(qtest_inb(q, GPE), ==, 0x10);
    qtest_writel(q, PAGE + 12, one);
    g_assert_cmpuint(request(q, 0x10000, 1, 1), ==, 4);
    g_assert_cmphex(qtest_readl(q, PAGE + 4), ==, 0x100);
    qtest_writel(q, PAGE + 12, 0);
    g_assert_cmpuint(request(q, 0x10000, 1, 1), ==, 4 + 2 * one);
    g_assert_cmphex(qtest_readw(q, PAGE + 8 + one + 56 + 44), ==, 8);
    qtest_writel(q, PAGE + 12, 2 * one);
    g_assert_cmpuint(request(q, 0x10000, 1, 1), ==, 4);
    g_assert_cmpuint(qtest_readl(q, PAGE + 4), ==, 0);
    qtest_writel(q, PAGE + 12, 2 * one + 1);
    request(q, 0x10000, 1, 1);
    g_assert_cmpuint(qtest_readl(q, PAGE + 4), ==, 3);
    qtest_end(q);
}

static void test_nvdimm_refusals(void)
{
    g_autofree char *off = NULL, *small = NULL, *odd = NULL;
    QTest *q = qtest_start("x86_64", NV("pc", ""));
    json_object *reply = qtest_qmp(q, "{'execute': 'device_del', 'arguments': {'id': 'n0'}}"),
                *error, *desc;

    g_assert_true(json_object_object_get_ex(reply, "error", &error));
    g_assert_true(json_object_object_get_ex(error, "desc", &desc));
    g_assert_nonnull(strstr(json_object_get_string(desc), "not supported"));
    json_object_put(reply);
    qtest_end(q);
#define MEMORY "-m 16M,slots=1,maxmem=1G -object memory-backend-ram,id=m,size=4M "
    g_assert_cmpint(qtest_run_once("x86_64", "-M q35 " MEMORY "-device nvdimm,memdev=m", &off), ==,
                    1);
    g_assert_nonnull(strstr(off, "nvdimm=on"));
    g_assert_cmpint(qtest_run_once("x86_64",
                                   "-M q35,nvdimm=on " MEMORY
                                   "-device nvdimm,memdev=m,label-size=4K",
                                   &small),
                    ==, 1);
    g_assert_nonnull(strstr(small, "label-size"));
    g_assert_cmpint(qtest_run_once("x86_64", "-M q35,nvdimm-persistence=disk", &odd), ==, 1);
    g_assert_nonnull(strstr(odd, "mem-ctrl"));
}

/* Any page, any request: an answer or none, and the program goes on. */
static void test_fuzz(void)
{
    QTest *q = qtest_start("x86_64", NV("q35", ""));
    GRand *rand = g_rand_new_with_seed(7);

    for (int i = 0; i < 400; i++) {
        for (unsigned at = 0; at < 24; at += 4) {
            uint32_t v =
                g_rand_boolean(rand) ? (uint32_t)g_rand_int_range(rand, 0, 7) : g_rand_int(rand);

            qtest_writel(q, PAGE + at, at == 0 && v & 8 ? 0x10000 : v);
        }
        qtest_outl(q, NTFI, g_rand_int_range(rand, 0, 8) ? PAGE : g_rand_int(rand));
    }
    g_rand_free(rand);
    qtest_end(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86_64/vmgenid/another-process-has-another-number", test_genid);
    g_test_add_func("/x86_64/vmgenid/after-a-reset-nothing-is-written", test_genid_reset);
    g_test_add_func("/x86_64/vmgenid/what-cannot-be-is-refused", test_genid_refusals);
    g_test_add_func("/x86_64/nvdimm/labels-are-kept-and-travel", test_labels);
    g_test_add_func("/x86_64/nvdimm/the-nfit-is-read-again-after-a-plug", test_fit);
    g_test_add_func("/x86_64/nvdimm/what-cannot-be-is-refused", test_nvdimm_refusals);
    g_test_add_func("/x86_64/nvdimm/takes-any-request", test_fuzz);
    return g_test_run();
}
