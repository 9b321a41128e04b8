/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRC-32C against published values and itself, and the byte ring against a plain queue.
 */
#include <string.h>

#include "base/util/crc32c.h"
#include "base/util/ring.h"

static void test_crc_has_published_values(void)
{
    uint8_t bytes[32];

    /* The examples of RFC 3720, appendix B.4. */
    memset(bytes, 0, sizeof(bytes));
    g_assert_cmphex(crc32c(0, bytes, 32), ==, 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    g_assert_cmphex(crc32c(0, bytes, 32), ==, 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    g_assert_cmphex(crc32c(0, bytes, 32), ==, 0x46dd794e);
    g_assert_cmphex(crc32c(0, "123456789", 9), ==, 0xe3069283);
    g_assert_cmphex(crc32c(0, NULL, 0), ==, 0);
}

static void test_crc_chains_and_agrees_with_the_table(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    uint8_t bytes[100];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)g_rand_int(rand);
    }
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        uint32_t all = crc32c_portable(0, bytes, sizeof(bytes));

        g_assert_cmphex(crc32c(0, bytes, n), ==, crc32c_portable(0, bytes, n));
        g_assert_cmphex(crc32c(crc32c(0, bytes, n), bytes + n, sizeof(bytes) - n), ==, all);
    }
    g_assert_cmphex(~crc32c_step(crc32c_step(~0u, 0x34333231, 4), 0x3938373635, 5), ==, 0xe3069283);
}

static void test_ring_agrees_with_a_queue(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(4);
    g_autoptr(GByteArray) queue = g_byte_array_new();
    g_auto(ByteRing) ring;

    byte_ring_init(&ring, 13);
    for (unsigned step = 0; step < 5000; step++) {
        uint8_t in[20], out[20];
        size_t n = (size_t)g_rand_int_range(rand, 0, 20), done;

        memset(in, (int)step, sizeof(in));
        switch (g_rand_int_range(rand, 0, 4)) {
        case 0:
            done = byte_ring_write(&ring, in, n);
            g_assert_cmpuint(done, ==, MIN(n, 13 - queue->len));
            g_byte_array_append(queue, in, (guint)done);
            break;
        case 1:
            byte_ring_overwrite(&ring, in, n);
            g_byte_array_append(queue, in, (guint)n);
            if (queue->len > 13) {
                g_byte_array_remove_range(queue, 0, queue->len - 13);
            }
            break;
        case 2:
            done = byte_ring_peek(&ring, out, n);
            g_assert_cmpmem(out, done, queue->data, MIN(n, queue->len));
            break;
        default:
            done = byte_ring_read(&ring, out, n);
            g_assert_cmpmem(out, done, queue->data, MIN(n, queue->len));
            g_byte_array_remove_range(queue, 0, (guint)done);
        }
        g_assert_cmpuint(byte_ring_used(&ring), ==, queue->len);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/crc32c/has-published-values", test_crc_has_published_values);
    g_test_add_func("/util/crc32c/chains-and-agrees-with-the-table",
                    test_crc_chains_and_agrees_with_the_table);
    g_test_add_func("/util/ring/agrees-with-a-queue", test_ring_agrees_with_a_queue);
    return g_test_run();
}
