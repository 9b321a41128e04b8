/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one place that reads the version out of the build configuration.
 */
#include "base/util/version.h"

#include "ferry-config.h"

const char *ferry_version(void)
{
    return FERRY_VERSION;
}

const char *ferry_interface_version(void)
{
    return "10.0.0";
}
