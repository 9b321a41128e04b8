/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Version steps that every board has: see compat.h. */
#include "hw/core/compat.h"

const CompatProp hw_since_ferry_1_0[] = {
    { "migration-testdev", "x-mark", "off" },
    { "migration-testdev", "x-late", "off" },
    { NULL },
};
