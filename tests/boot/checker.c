/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checker MB [FILE]: runs in a guest and notices memory or disk contents that are not what it wrote.
 *
 * Four kinds of traffic in turn, ten times a second one line "CHECK turn bad": pages that each hold
 * a number known elsewhere and are rewritten in random order; page tables that come and go (mmap,
 * munmap); copy-on-write (fork: the child writes to what it shares and checks that it, and its
 * parent, see only their own); and, with FILE (a disk), direct writes that are read back.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE   4096u
#define SHARED 64u   /* pages that a child copies */
#define BLOCKS 2048u /* of the disk, 4 KiB each */

static uint64_t seed = 88172645463325252ull;
static uint64_t bad;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void expect(uint64_t is, uint64_t should, const char *what, uint64_t where)
{
    if (is != should) {
        if (bad++ < 20) {
            printf("WRONG %s %llu: %llx, not %llx\n", what, (unsigned long long)where,
                   (unsigned long long)is, (unsigned long long)should);
        }
    }
}

/* Each page holds its number of writes, at a place that depends on it. */
static void rewrite(uint64_t *m, uint64_t *want, size_t pages)
{
    for (unsigned n = 0; n < 400; n++) {
        size_t p = rnd() % pages;
        uint64_t *word = &m[p * 512 + want[p] % 512];

        expect(*word, want[p] << 20 | p, "page", p);
        want[p]++;
        m[p * 512 + want[p] % 512] = want[p] << 20 | p;
    }
}

static void map_and_unmap(void)
{
    size_t len = (1 + rnd() % 64) * PAGE;
    uint64_t *m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (size_t i = 0; m != MAP_FAILED && i < len / 8; i += 512) {
        expect(m[i], 0, "fresh", i);
        m[i] = i;
    }
    for (size_t i = 0; m != MAP_FAILED && i < len / 8; i += 512) {
        expect(m[i], i, "mapped", i);
    }
    munmap(m, len);
}

static void copy_on_write(uint64_t *m)
{
    uint64_t mine = rnd();
    int status;

    for (unsigned p = 0; p < SHARED; p++) {
        m[p * 512] = mine + p;
    }
    pid_t child = fork();
    if (child == 0) {
        bad = 0;
        for (unsigned p = 0; p < SHARED; p++) {
            expect(m[p * 512], mine + p, "inherited", p);
            m[p * 512] = ~mine;
        }
        _exit(bad != 0);
    }
    for (unsigned p = 0; p < SHARED; p++) {
        expect(m[p * 512], mine + p, "own", p);
        m[p * 512] = mine - p;
    }
    waitpid(child, &status, 0);
    expect(status, 0, "child", 0);
    for (unsigned p = 0; p < SHARED; p++) {
        expect(m[p * 512], mine - p, "kept", p);
    }
}

static void disk(int fd, uint64_t *buffer, uint32_t *want)
{
    for (unsigned n = 0; fd >= 0 && n < 8; n++) {
        uint32_t block = rnd() % BLOCKS;

        if (want[block]) {
            expect((uint64_t)pread(fd, buffer, PAGE, (off_t)block * PAGE), PAGE, "read", block);
            for (unsigned i = 0; i < PAGE / 8; i++) {
                expect(buffer[i], (uint64_t)want[block] << 32 | block * 512 + i, "block", block);
            }
        }
        want[block]++;
        for (unsigned i = 0; i < PAGE / 8; i++) {
            buffer[i] = (uint64_t)want[block] << 32 | block * 512 + i;
        }
        expect((uint64_t)pwrite(fd, buffer, PAGE, (off_t)block * PAGE), PAGE, "write", block);
    }
}

int main(int argc, char **argv)
{
    size_t len = (argc > 1 ? (size_t)atoi(argv[1]) : 32) << 20, pages = len / PAGE;
    int fd = argc > 2 ? open(argv[2], O_RDWR | O_DIRECT | O_SYNC) : -1;
    uint64_t *m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *shared =
        mmap(NULL, SHARED * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *want = calloc(pages, sizeof(*want)), *buffer = aligned_alloc(PAGE, PAGE);
    uint32_t *blocks = calloc(BLOCKS, sizeof(*blocks));

    if (m == MAP_FAILED || shared == MAP_FAILED || !want || !buffer || !blocks ||
        (argc > 2 && fd < 0)) {
        perror("checker");
        return 1;
    }
    for (size_t p = 0; p < pages; p++) {
        m[p * 512] = p;
    }
    puts("CHECKING");
    for (uint64_t turn = 1;; turn++) {
        struct timespec pause = { 0, 20000000 };

        rewrite(m, want, pages);
        map_and_unmap();
        copy_on_write(shared);
        disk(fd, buffer, blocks);
        printf("CHECK %llu %llu\n", (unsigned long long)turn, (unsigned long long)bad);
        fflush(stdout);
        nanosleep(&pause, NULL);
    }
}
