/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRC-32C (Castagnoli), reflected, as in RFC 3720 and the SSE4.2 instruction.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of @data appended to what @crc covers; 0 to start with. Chaining works:
 * crc32c(crc32c(0, a), b) is the checksum of a followed by b.
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* The same from the table, whatever the host can do: for tests of the other. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size);

/* One step without the inversions at both ends: what a guest's CRC32 instruction computes on
 * @size (1, 2, 4 or 8) bytes of @value. */
uint32_t crc32c_step(uint32_t crc, uint64_t value, unsigned size);
