/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of the line-mode console. What the guest says is a message: a data block with a general object and a
 * text object a line. What is typed is an operator's command: vectors within vectors, the innermost the
 * text. Text is in EBCDIC (code page 500). Layouts are those that Linux documents in its SCLP drivers.
 */
#include <string.h>

#include "base/util/ebcdic.h"
#include "base/util/endian.h"
#include "s390-priv.h"
#include "sclp-line.h"

/* ---- messages ---- */
#define BLOCK_TAG     0xd4c4c240u /* "MDB " */
#define BLOCK_HEADER  12u
#define OBJECT_HEADER 4u
#define OBJECT_TEXT   4
#define TEXT_HEADER   10u

static void write_line(SclpLineConsole *c, const uint8_t *text, unsigned n)
{
    g_autofree char *line = g_malloc(n + 1);

    for (unsigned k = 0; k < n; k++) {
        uint8_t a = ebcdic_to_latin1(text[k]);
        line[k] = a >= ' ' && a < 0x7f ? (char)a : a == '\t' ? '\t' : ' ';
    }
    line[n] = '\n';
    sclp_line_write(c, line, n + 1);
}

bool sclp_line_message(SclpLineConsole *c, const uint8_t *block, unsigned length)
{
    if (length < BLOCK_HEADER || ld_be16(block) > length || ld_be16(block) < BLOCK_HEADER ||
        ld_be16(block + 2) != 1 || ld_be32(block + 4) != BLOCK_TAG) {
        return false;
    }
    length = ld_be16(block);
    for (unsigned at = BLOCK_HEADER; at + OBJECT_HEADER <= length;) {
        unsigned n = ld_be16(block + at);
        if (n < OBJECT_HEADER || n > length - at) {
            return false;
        }
        if (ld_be16(block + at + 2) == OBJECT_TEXT && n >= TEXT_HEADER) {
            write_line(c, block + at + TEXT_HEADER, n - TEXT_HEADER);
        }
        at += n;
    }
    return true;
}

/* ---- commands ---- */
#define VECTOR_MESSAGE 0x1310 /* holds */
#define VECTOR_POINTS  0x1212 /* which holds */
#define VECTOR_COMMAND 0x1320 /* which holds */
#define KEY_SELF       0x31   /* which holds */
#define KEY_TEXT       0x30
#define WRAPPING       (3 * 4 + 2 * 2u)

unsigned sclp_line_command(SclpLineConsole *c, uint8_t *out, unsigned room)
{
    static const uint16_t vectors[] = { VECTOR_MESSAGE, VECTOR_POINTS, VECTOR_COMMAND };
    unsigned at = 0, n;

    if (room <= WRAPPING) {
        return 0;
    }
    n = sclp_line_read(c, out + WRAPPING, MIN(room - WRAPPING, SCLP_LINE_MAX));
    for (unsigned k = 0; k < n; k++) {
        out[WRAPPING + k] = ebcdic_from_latin1(out[WRAPPING + k]);
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(vectors); k++, at += 4) {
        st_be16(out + at, (uint16_t)(WRAPPING + n - at));
        st_be16(out + at + 2, vectors[k]);
    }
    out[at] = (uint8_t)(WRAPPING + n - at);
    out[at + 1] = KEY_SELF;
    out[at + 2] = (uint8_t)(WRAPPING + n - at - 2);
    out[at + 3] = KEY_TEXT;
    return WRAPPING + n;
}
