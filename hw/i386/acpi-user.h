/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables that the user brings (-acpitable). Private to hw/i386. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* From the option's values, a{sv} of strings: a complete table with its checksum; NULL + error. */
GBytes *acpi_user_table(GVariant *props, GError **error);
