/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program's entry. The name it is started by picks the guest architecture; everything else is
 * the command line's. For now there is no machine to start, and it says so.
 */
#include <stdio.h>
#include <string.h>

#include "base/util/version.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-version") || !strcmp(argv[i], "--version")) {
            printf("Ferry machine emulator version %s\n", ferry_version());
            return 0;
        }
    }
    fprintf(stderr, "%s: no machine can be started yet\n", argv[0]);
    return 1;
}
