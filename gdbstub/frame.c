/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Framing of the remote protocol: '$' body '#' two digits of checksum; '+' and '-' acknowledge;
 * 0x03 outside a packet interrupts; 0x7d escapes. Works on bytes, knows no server.
 */
#include <string.h>
#include "gdbstub-priv.h"

#define ESCAPE     0x7d
#define ESCAPE_XOR 0x20

void gdb_frame_init(GdbFrame *f)
{
    *f = (GdbFrame){ .packet = g_byte_array_new() };
}

void gdb_frame_clear(GdbFrame *f)
{
    g_clear_pointer(&f->packet, g_byte_array_unref);
}

void gdb_frame_reset(GdbFrame *f)
{
    f->state = GDB_IDLE;
    f->too_long = false;
    f->sum = 0;
    g_byte_array_set_size(f->packet, 0);
}

static GdbInput idle_byte(GdbFrame *f, uint8_t byte)
{
    switch (byte) {
    case '$':
        gdb_frame_reset(f);
        f->state = GDB_BODY;
        return GDB_INPUT_NOTHING;
    case '+': return GDB_INPUT_ACK;
    case '-': return GDB_INPUT_NAK;
    case 0x03: return GDB_INPUT_BREAK;
    default: return GDB_INPUT_NOTHING;
    }
}

static void add(GdbFrame *f, uint8_t byte)
{
    if (f->packet->len < GDB_PACKET_MAX) {
        g_byte_array_append(f->packet, &byte, 1);
    } else {
        f->too_long = true;
    }
}

static GdbInput body_byte(GdbFrame *f, uint8_t byte)
{
    if (f->state == GDB_BODY && byte == '#') {
        f->state = GDB_SUM_HIGH;
        return GDB_INPUT_NOTHING;
    }
    if (f->state == GDB_BODY && byte == '$') { /* the peer began anew */
        gdb_frame_reset(f);
        f->state = GDB_BODY;
        return GDB_INPUT_NOTHING;
    }
    f->sum += byte;
    if (f->state == GDB_ESCAPE) {
        add(f, byte ^ ESCAPE_XOR);
        f->state = GDB_BODY;
    } else if (byte == ESCAPE) {
        f->state = GDB_ESCAPE;
    } else {
        add(f, byte);
    }
    return GDB_INPUT_NOTHING;
}

GdbInput gdb_frame_byte(GdbFrame *f, uint8_t byte)
{
    int digit;

    switch (f->state) {
    case GDB_IDLE: return idle_byte(f, byte);
    case GDB_BODY:
    case GDB_ESCAPE: return body_byte(f, byte);
    case GDB_SUM_HIGH:
    case GDB_SUM_LOW: break;
    }
    digit = g_ascii_xdigit_value(byte);
    if (f->state == GDB_SUM_HIGH && digit >= 0) {
        f->want = (uint8_t)(digit << 4);
        f->state = GDB_SUM_LOW;
        return GDB_INPUT_NOTHING;
    }
    f->state = GDB_IDLE;
    return digit >= 0 && (f->want | digit) == f->sum && !f->too_long ? GDB_INPUT_PACKET
                                                                     : GDB_INPUT_BAD;
}

GString *gdb_frame_wrap(const char *body, size_t len)
{
    GString *s = g_string_sized_new(len + 8);
    uint8_t sum = 0;

    g_string_append_c(s, '$');
    for (size_t i = 0; i < len; i++) {
        if (memchr("#$}*", body[i], 4)) {
            g_string_append_c(s, ESCAPE);
            g_string_append_c(s, (char)(body[i] ^ ESCAPE_XOR));
        } else {
            g_string_append_c(s, body[i]);
        }
    }
    for (size_t i = 1; i < s->len; i++) {
        sum += (uint8_t)s->str[i];
    }
    g_string_append_printf(s, "#%02x", sum);
    return s;
}

void gdb_hex_append(GString *s, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(s, "%02x", bytes[i]);
    }
}

bool gdb_hex_parse(const char *text, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = g_ascii_xdigit_value(text[2 * i]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool gdb_number(const char **p, uint64_t *v)
{
    const char *start = *p;

    *v = 0;
    for (int digit; (digit = g_ascii_xdigit_value(**p)) >= 0; ++*p) {
        if (*v >> 60) {
            return false;
        }
        *v = *v << 4 | (unsigned)digit;
    }
    return *p != start;
}
