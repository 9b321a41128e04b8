/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest side of cold-code: the first process of a Linux guest. Makes some megabytes of x86-64 code, the
 * mix that compilers make of kernels (loads and stores off a base, arithmetic, a compare with a branch
 * every seven instructions, calls), and runs all of it once. The time of that first run less that of a
 * second is what translating it cost. Everything comes from a fixed seed, so the sum is always the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

#define DATA_BYTES 4096

typedef struct Code {
    uint8_t *start, *p;
    uint64_t seed;
} Code;

static unsigned pick(Code *c, unsigned n)
{
    c->seed = c->seed * 6364136223846793005u + 1442695040888963407u;
    return (c->seed >> 33) % n;
}

static void put(Code *c, const void *bytes, unsigned n)
{
    memcpy(c->p, bytes, n);
    c->p += n;
}

/* rax, rcx, rdx, rsi, rdi, r8 to r11: rbx is the data's base, and calls keep the rest. */
static unsigned any_reg(Code *c)
{
    static const uint8_t regs[] = { 0, 1, 2, 6, 7, 8, 9, 10, 11 };

    return regs[pick(c, sizeof(regs))];
}

static unsigned rex(unsigned wide, unsigned reg, unsigned rm)
{
    return 0x40 | wide << 3 | (reg >> 3) << 2 | rm >> 3;
}

/* op reg, [rbx + disp] or the like. */
static void put_mem(Code *c, unsigned op)
{
    unsigned reg = any_reg(c), wide = pick(c, 2);
    int32_t disp = pick(c, DATA_BYTES / 8 - 1) * 8;

    if (pick(c, 3)) { /* most displacements are short */
        uint8_t i[] = { rex(wide, reg, 3), op, 0x43 | (reg & 7) << 3, disp & 0x78 };
        put(c, i, sizeof(i));
    } else {
        uint8_t i[] = { rex(wide, reg, 3), op, 0x83 | (reg & 7) << 3 };
        put(c, i, sizeof(i));
        put(c, &disp, 4);
    }
}

static void put_rr(Code *c, unsigned op)
{
    unsigned reg = any_reg(c), rm = any_reg(c);
    uint8_t i[] = { rex(pick(c, 2), reg, rm), op, 0xc0 | (reg & 7) << 3 | (rm & 7) };

    put(c, i, sizeof(i));
}

/* ADD, OR, AND, SUB, XOR or CMP with a byte. */
static void put_imm(Code *c)
{
    static const uint8_t alu[] = { 0, 1, 4, 5, 6, 7 };
    unsigned rm = any_reg(c);
    uint8_t i[] = { rex(pick(c, 2), 0, rm), 0x83, 0xc0 | alu[pick(c, 6)] << 3 | (rm & 7),
                    pick(c, 256) };

    put(c, i, sizeof(i));
}

static void put_shift(Code *c)
{
    unsigned rm = any_reg(c);
    uint8_t i[] = { rex(pick(c, 2), 0, rm), 0xc1, (pick(c, 2) ? 0xe0 : 0xe8) | (rm & 7),
                    1 + pick(c, 31) };

    put(c, i, sizeof(i));
}

static void put_lea(Code *c)
{
    unsigned reg = any_reg(c), rm = any_reg(c);
    uint8_t i[] = { rex(1, reg, rm), 0x8d, 0x44 | (reg & 7) << 3, (rm & 7), pick(c, 128) };

    put(c, i, sizeof(i)); /* [rax + rm + disp], more or less */
}

static void put_plain(Code *c)
{
    static const uint8_t arithmetic[] = { 0x01, 0x29, 0x21, 0x09, 0x31, 0x89, 0x89, 0x39 };
    unsigned n = pick(c, 20);

    if (n < 6) {
        put_mem(c, 0x8b);
    } else if (n < 9) {
        put_mem(c, 0x89);
    } else if (n < 14) {
        put_rr(c, arithmetic[pick(c, 8)]);
    } else if (n < 17) {
        put_imm(c);
    } else if (n < 18) {
        put_shift(c);
    } else {
        put_lea(c);
    }
}

/* CMP or TEST, and a branch over two or three instructions. */
static void put_branch(Code *c)
{
    put_rr(c, pick(c, 2) ? 0x39 : 0x85);
    uint8_t *jcc = c->p;
    uint8_t i[] = { 0x70 | (2 + pick(c, 14)), 0 };
    i[0] = (i[0] & ~1) == 0x7a ? 0x74 : i[0]; /* no branch on parity */
    put(c, i, sizeof(i));
    for (unsigned k = 2 + pick(c, 2); k; k--) {
        put_plain(c);
    }
    jcc[1] = c->p - jcc - 2;
}

/* Small functions, a hundred of which a bigger one calls; returns that one. */
static uint8_t *put_group(Code *c)
{
    static const uint8_t push[] = { 0x55, 0x48, 0x89, 0xe5 }, pop[] = { 0x5d, 0xc3 };
    uint8_t *small[100];

    for (unsigned f = 0; f < 100; f++) {
        small[f] = c->p;
        put(c, push, sizeof(push));
        for (unsigned k = 0; k < 6; k++) {
            put_plain(c);
            put_plain(c);
            put_branch(c);
        }
        put(c, pop, sizeof(pop));
    }
    uint8_t *all = c->p;
    put(c, push, sizeof(push));
    for (unsigned f = 0; f < 100; f++) {
        int32_t rel = small[f] - (c->p + 5);
        uint8_t call = 0xe8;
        put(c, &call, 1);
        put(c, &rel, 4);
    }
    put(c, pop, sizeof(pop));
    return all;
}

/* With registers that are the same each time. */
static void run(const uint8_t *code, uint8_t *data)
{
    register const uint8_t *fn __asm__("r12") = code;
    uint64_t a = 0, c = 1, d = 2, si = 3, di = 4;

    __asm__ volatile(
        "sub $128, %%rsp\n\t"
        "xor %%r8d, %%r8d; xor %%r9d, %%r9d; xor %%r10d, %%r10d; xor %%r11d, %%r11d\n\t"
        "call *%[fn]\n\t"
        "add $128, %%rsp"
        : "+a"(a), "+c"(c), "+d"(d), "+S"(si), "+D"(di)
        : "b"(data), [fn] "r"(fn)
        : "r8", "r9", "r10", "r11", "memory", "cc");
}

static void run_all(const char *name, uint8_t **group, unsigned n, size_t bytes, uint8_t *data)
{
    uint64_t sum = 0;

    printf("BEGIN %s\n", name);
    fflush(stdout);
    for (unsigned g = 0; g < n; g++) {
        run(group[g], data);
    }
    for (unsigned k = 0; k < DATA_BYTES; k++) {
        sum = sum * 31 + data[k];
    }
    printf("RESULT %s bytes %zu %016llx\n", name, bytes, (unsigned long long)sum);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    size_t want = (size_t)(argc > 1 ? atoi(argv[1]) : 2) << 20;
    size_t room = want + (1 << 20);
    Code c = { .seed = 42 };
    static uint8_t *group[4096];
    static uint8_t data[DATA_BYTES + 8];
    unsigned n = 0;

    c.start = c.p =
        mmap(NULL, room, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while ((size_t)(c.p - c.start) < want && n < 4096) {
        group[n++] = put_group(&c);
    }
    run_all("first", group, n, c.p - c.start, data);
    run_all("second", group, n, c.p - c.start, data);
    if (getpid() == 1) {
        reboot(RB_POWER_OFF);
    }
    return 0;
}
