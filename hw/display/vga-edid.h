/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the monitor says of itself: VESA E-EDID 1.4, one block. */
#pragma once
#include <stdint.h>

#define VGA_EDID_SIZE 128
/* A monitor that prefers width x height (at most 4095) at about 75 Hz. */
void vga_edid_make(uint8_t out[VGA_EDID_SIZE], unsigned width, unsigned height);
