/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Characters in EBCDIC (code page 500) and in Latin-1 (ISO 8859-1): each of the 256 has its other, both ways.
 */
#pragma once

#include <stdint.h>

uint8_t ebcdic_to_latin1(uint8_t c);
uint8_t ebcdic_from_latin1(uint8_t c);
