/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Range operations against a map of one byte a bit, over every start and length around a word's
 * end, and the atomic ones against each other in threads.
 */
#include <string.h>

#include "base/util/bitmap.h"

#define NBITS 200

typedef struct Model {
    uint64_t *map;
    uint8_t bits[NBITS];
} Model;

static void model_init(Model *m, GRand *rand)
{
    m->map = bitmap_new(NBITS);
    for (size_t i = 0; i < NBITS; i++) {
        m->bits[i] = g_rand_boolean(rand);
        if (m->bits[i]) {
            bitmap_set_bit(m->map, i);
        }
    }
}

static void model_assert(Model *m)
{
    for (size_t i = 0; i < NBITS; i++) {
        g_assert_cmpint(bitmap_test(m->map, i), ==, m->bits[i]);
    }
    for (size_t i = NBITS; i < bitmap_words(NBITS) * 64; i++) {
        g_assert_false(bitmap_test(m->map, i));
    }
}

static void model_clear(Model *m)
{
    g_free(m->map);
}

static size_t model_next(Model *m, size_t start, size_t nbits, uint8_t value)
{
    while (start < nbits && m->bits[start] != value) {
        start++;
    }
    return MIN(start, nbits);
}

static size_t model_count(Model *m, size_t start, size_t n)
{
    size_t count = 0;

    for (size_t i = start; i < start + n; i++) {
        count += m->bits[i];
    }
    return count;
}

static void check_range(Model *m, size_t start, size_t n, unsigned op)
{
    size_t count = model_count(m, start, n);

    g_assert_cmpuint(bitmap_count(m->map, start, n), ==, count);
    g_assert_cmpint(bitmap_all_set(m->map, start, n), ==, count == n);
    g_assert_cmpint(bitmap_all_clear(m->map, start, n), ==, count == 0);
    g_assert_cmpuint(bitmap_find_next_set(m->map, start + n, start), ==,
                     model_next(m, start, start + n, 1));
    g_assert_cmpuint(bitmap_find_next_clear(m->map, start + n, start), ==,
                     model_next(m, start, start + n, 0));
    switch (op) {
    case 0: bitmap_set(m->map, start, n); break;
    case 1: bitmap_clear(m->map, start, n); break;
    case 2: bitmap_set_atomic(m->map, start, n); break;
    case 3: bitmap_clear_atomic(m->map, start, n); break;
    case 4: g_assert_cmpint(bitmap_test_and_clear(m->map, start, n), ==, count != 0); break;
    case 5: g_assert_cmpint(bitmap_test_and_clear_atomic(m->map, start, n), ==, count != 0); break;
    }
    memset(m->bits + start, op == 0 || op == 2, n);
    model_assert(m);
}

static void test_ranges_agree_with_a_model(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);

    for (size_t start = 0; start <= 130; start += start < 60 ? 20 : 1) {
        for (size_t n = 0; start + n <= NBITS; n += n < 60 ? 7 : 1) {
            for (unsigned op = 0; op < 6; op++) {
                Model m;

                model_init(&m, rand);
                check_range(&m, start, n, op);
                model_clear(&m);
            }
        }
    }
}

static void test_maps_combine(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(2);
    Model a, b;
    size_t fresh = 0;

    model_init(&a, rand);
    model_init(&b, rand);
    bitmap_or(a.map, b.map, 100);
    for (size_t i = 0; i < 100; i++) {
        a.bits[i] |= b.bits[i];
    }
    model_assert(&a);
    bitmap_and(a.map, b.map, 70);
    for (size_t i = 0; i < 70; i++) {
        a.bits[i] &= b.bits[i];
    }
    model_assert(&a);
    bitmap_and_not(a.map, b.map, 50);
    for (size_t i = 0; i < 50; i++) {
        a.bits[i] &= !b.bits[i];
    }
    model_assert(&a);
    for (size_t i = 10; i < 180; i++) {
        fresh += b.bits[i] && !a.bits[i];
        a.bits[i] |= b.bits[i];
        b.bits[i] = 0;
    }
    g_assert_cmpuint(bitmap_take_atomic(a.map, b.map, 10, 170), ==, fresh);
    model_assert(&a);
    model_assert(&b);
    bitmap_copy(b.map, a.map, 130);
    memcpy(b.bits, a.bits, 130);
    model_assert(&b);
    model_clear(&a);
    model_clear(&b);
}

static void test_walk_visits_each_set_bit(void)
{
    g_autofree uint64_t *map = bitmap_new(300);
    size_t sum = 0, visits = 0;

    bitmap_set_bit(map, 0);
    bitmap_set_bit(map, 64);
    bitmap_set_bit(map, 299);
    for (BITMAP_EACH_SET(bit, map, 300)) {
        sum += bit;
        visits++;
    }
    g_assert_cmpuint(sum, ==, 363);
    g_assert_cmpuint(visits, ==, 3);
    g_assert_true(bitmap_test_and_set_bit(map, 64));
    g_assert_true(bitmap_test_and_clear_bit(map, 64));
    g_assert_false(bitmap_test_and_clear_bit(map, 64));
}

enum {
    RACE_BITS = 1 << 16,
    RACE_THREADS = 4
};

/* Every thread tries to take every bit; each must be taken exactly once in all. */
static gpointer race_take(gpointer data)
{
    uint64_t *map = data;
    size_t taken = 0;

    for (size_t i = 0; i < RACE_BITS; i++) {
        taken += bitmap_test_and_clear_bit_atomic(map, i);
    }
    return GSIZE_TO_POINTER(taken);
}

static gpointer race_set(gpointer data)
{
    uint64_t *map = data;
    size_t fresh = 0;

    for (size_t i = 0; i < RACE_BITS; i++) {
        fresh += !bitmap_test_and_set_bit_atomic(map, i);
    }
    return GSIZE_TO_POINTER(fresh);
}

static size_t race(GThreadFunc func, uint64_t *map)
{
    GThread *threads[RACE_THREADS];
    size_t total = 0;

    for (size_t i = 0; i < RACE_THREADS; i++) {
        threads[i] = g_thread_new("race", func, map);
    }
    for (size_t i = 0; i < RACE_THREADS; i++) {
        total += GPOINTER_TO_SIZE(g_thread_join(threads[i]));
    }
    return total;
}

static void test_atomic_bits_are_set_and_taken_once(void)
{
    g_autofree uint64_t *map = bitmap_new(RACE_BITS);

    g_assert_cmpuint(race(race_set, map), ==, RACE_BITS);
    g_assert_true(bitmap_all_set(map, 0, RACE_BITS));
    g_assert_cmpuint(race(race_take, map), ==, RACE_BITS);
    g_assert_true(bitmap_all_clear(map, 0, RACE_BITS));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/bitmap/ranges-agree-with-a-model", test_ranges_agree_with_a_model);
    g_test_add_func("/util/bitmap/maps-combine", test_maps_combine);
    g_test_add_func("/util/bitmap/walk-visits-each-set-bit", test_walk_visits_each_set_bit);
    g_test_add_func("/util/bitmap/atomic-bits-are-set-and-taken-once",
                    test_atomic_bits_are_set_and_taken_once);
    return g_test_run();
}
