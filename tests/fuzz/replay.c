/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main() of a fuzz target without libFuzzer: replays the files and directories it is given. */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>

static int replay(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize len;
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

    if (dir) {
        int n = 0;

        for (const char *name; (name = g_dir_read_name(dir));) {
            g_autofree char *below = g_build_filename(path, name, NULL);

            n += replay(below);
        }
        return n;
    }
    if (!g_file_get_contents(path, &bytes, &len, NULL)) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    uint8_t *exact = g_memdup2(bytes, len); /* no NUL behind: a sanitizer sees every byte too far */
    LLVMFuzzerTestOneInput(exact, len);
    g_free(exact);
    return 1;
}

int main(int argc, char **argv)
{
    int n = 0;

    for (int i = 1; i < argc; i++) {
        n += replay(argv[i]);
    }
    printf("%d inputs replayed\n", n);
    return n ? 0 : 1;
}
