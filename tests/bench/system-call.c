/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest side of system-call: the first process of a Linux guest. Runs a loop of system calls that do next to
 * nothing, and the same loop with none in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static __attribute__((noinline)) long no_call(long n)
{
    __asm__ volatile("" : "+r"(n));
    return n & 0;
}

static void run(const char *name, long n, long (*call)(long))
{
    long sum = 0;

    printf("BEGIN %s\n", name);
    fflush(stdout);
    for (long k = 0; k < n; k++) {
        sum += call(SYS_getppid);
    }
    printf("RESULT %s calls %ld %ld\n", name, n, sum);
    fflush(stdout);
}

static long kernel(long number)
{
    return syscall(number);
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 1000;

    run("warm", n / 10, kernel); /* its code is translated */
    run("calls", n, kernel);
    run("none", n, no_call);
    if (getpid() == 1) {
        reboot(RB_POWER_OFF);
    }
    return 0;
}
