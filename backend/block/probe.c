/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an image looks like from its first bytes. Only to refuse or warn: a format that is not
 * supported is still recognised, so that it is never taken for raw.
 */
#include "block-priv.h"

#include <string.h>

static const struct {
    const char *format;
    size_t at, len;
    const char *magic;
} magics[] = {
    { "qcow2", 0, 4, "QFI\xfb" },
    { "qed", 0, 4, "QED\0" },
    { "vmdk", 0, 4, "KDMV" },
    { "vmdk", 0, 4, "COWD" },
    { "vhdx", 0, 8, "vhdxfile" },
    { "vpc", 0, 8, "conectix" },
    { "vdi", 64, 4, "\x7f\x10\xda\xbe" },
    { "parallels", 0, 16, "WithoutFreeSpace" },
    { "parallels", 0, 16, "WithouFreSpacExt" },
    { "luks", 0, 6, "LUKS\xba\xbe" },
    { "bochs", 0, 25, "Bochs Virtual HD Image\0\0\0" },
};

const char *block_probe(const uint8_t *head, size_t len)
{
    for (size_t i = 0; i < G_N_ELEMENTS(magics); i++) {
        if (magics[i].at + magics[i].len <= len &&
            !memcmp(head + magics[i].at, magics[i].magic, magics[i].len)) {
            return magics[i].format;
        }
    }
    return "raw";
}
