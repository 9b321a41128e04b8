/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ferry's own version, and the version of the interface it speaks. The first changes with every
 * release; the second is what query-version answers and what machine type names refer to.
 */
#pragma once

/* "0.1.0" */
const char *ferry_version(void);

/* "10.0.0": the release whose command line, QMP and wire format Ferry follows. */
const char *ferry_interface_version(void);
