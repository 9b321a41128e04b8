/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Version steps that every board has: see compat.h. */
#include "hw/core/compat.h"

const CompatProp hw_since_ferry_1_0[] = {
    { "migration-testdev", "x-mark", "off" },
    { "migration-testdev", "x-late", "off" },
    { NULL },
};

const CompatProp hw_stream_v3[] = {
    { "memory-backend", "x-use-canonical-path-for-ramblock-id", "off" },
    { "usb-device", "x-migrate-configuration", "off" },
    { NULL },
};
const CompatProp *const hw_stream_v3_compat[] = { hw_stream_v3, NULL };
