/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the line-mode console, without the header that all events have. Private to hw/s390x. */
#pragma once
#include "hw/char/sclp-console.h"

#define SCLP_LINE_MAX 250u /* characters of a command: a subvector's length is a byte */

/* Prints the lines of a message; false: it is malformed. */
bool sclp_line_message(SclpLineConsole *c, const uint8_t *block, unsigned length);
/* The oldest line as an operator's command; the bytes used of @room. */
unsigned sclp_line_command(SclpLineConsole *c, uint8_t *out, unsigned room);
