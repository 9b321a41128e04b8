/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The "ram" section on the wire. A body is a list of records, each starting with a 64-bit word:
 * an offset in a block (a multiple of the page size) and, in the low 12 bits, flags that say what
 * follows. A record without CONTINUE names its block: u8 length, bytes.
 */
#pragma once

enum {
    RAM_FLAG_ZERO = 0x02,     /* u8 fill (0): the whole page reads so */
    RAM_FLAG_MEM_SIZE = 0x04, /* the word is the total; block list: {name, u64 used length} */
    RAM_FLAG_PAGE = 0x08,     /* 4096 bytes */
    RAM_FLAG_EOS = 0x10,      /* end of the body */
    RAM_FLAG_CONTINUE = 0x20, /* same block as the record before, also across bodies */
    RAM_FLAG_XBZRLE = 0x40,   /* u8 1, u16 length, delta */
    RAM_FLAG_MULTIFD_FLUSH = 0x200,
};
#define XBZRLE_ENCODING     1
#define RAM_FLAGS_MASK      0xfffull
#define RAM_SECTION_ID_STR  "ram"
#define RAM_SECTION_VERSION 4
