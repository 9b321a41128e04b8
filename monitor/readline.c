/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Line editing for human monitors, as little as is comfortable: echo, backspace, C-a C-e C-b C-f
 * C-k C-u C-w, arrow keys and a history. Works byte by byte; lines have a limit.
 */
#include <string.h>

#include "monitor-priv.h"

#define LINE_MAX_BYTES 4096
#define HISTORY_MAX    64

struct Readline {
    char *prompt;
    ReadlineWrite write;
    ReadlineDone done;
    void *opaque;
    GString *line;
    size_t cursor;
    GPtrArray *history; /* char * */
    guint at;           /* index in history; its length means the line being typed */
    int escape;         /* 0 none, 1 after ESC, 2 after ESC [ */
    char escape_arg;
};

Readline *readline_new(const char *prompt, ReadlineWrite write, ReadlineDone done, void *opaque)
{
    Readline *r = g_new0(Readline, 1);
    r->prompt = g_strdup(prompt);
    r->write = write;
    r->done = done;
    r->opaque = opaque;
    r->line = g_string_new(NULL);
    r->history = g_ptr_array_new_with_free_func(g_free);
    return r;
}

void readline_free(Readline *r)
{
    if (r) {
        g_free(r->prompt);
        g_string_free(r->line, TRUE);
        g_ptr_array_unref(r->history);
        g_free(r);
    }
}

static void put(Readline *r, const char *text)
{
    r->write(r->opaque, text, strlen(text));
}

void readline_prompt(Readline *r)
{
    g_string_truncate(r->line, 0);
    r->cursor = 0;
    r->at = r->history->len;
    put(r, r->prompt);
}

/* Draw the line from the cursor on again, and put the cursor back; erased: columns that went. */
static void redraw_tail(Readline *r, size_t erased)
{
    put(r, r->line->str + r->cursor);
    for (size_t i = 0; i < erased; i++) {
        put(r, " ");
    }
    for (size_t i = r->line->len - r->cursor + erased; i > 0; i--) {
        put(r, "\b");
    }
}

static void move_to(Readline *r, size_t to)
{
    for (; r->cursor > to; r->cursor--) {
        put(r, "\b");
    }
    for (; r->cursor < to; r->cursor++) {
        r->write(r->opaque, r->line->str + r->cursor, 1);
    }
}

static void erase(Readline *r, size_t from, size_t to)
{
    move_to(r, from);
    g_string_erase(r->line, from, to - from);
    redraw_tail(r, to - from);
}

static void replace(Readline *r, const char *text)
{
    erase(r, 0, r->line->len);
    g_string_assign(r->line, text);
    move_to(r, r->line->len);
}

static void history_move(Readline *r, int by)
{
    guint to = r->at + by;
    if (to > r->history->len || (by < 0 && r->at == 0)) {
        return;
    }
    r->at = to;
    replace(r, to < r->history->len ? g_ptr_array_index(r->history, to) : "");
}

static void enter(Readline *r)
{
    g_autofree char *line = g_strdup(r->line->str);
    put(r, "\r\n");
    if (*line &&
        (!r->history->len || strcmp(line, g_ptr_array_index(r->history, r->history->len - 1)))) {
        if (r->history->len == HISTORY_MAX) {
            g_ptr_array_remove_index(r->history, 0);
        }
        g_ptr_array_add(r->history, g_strdup(line));
    }
    g_string_truncate(r->line, 0);
    r->cursor = 0;
    r->done(r->opaque, line);
}

static void escape_byte(Readline *r, unsigned char c)
{
    if (r->escape == 1) {
        r->escape = c == '[' || c == 'O' ? 2 : 0;
        return;
    }
    if (g_ascii_isdigit(c) || c == ';') {
        r->escape_arg = c;
        return;
    }
    r->escape = 0;
    switch (c) {
    case 'A': history_move(r, -1); break;
    case 'B': history_move(r, 1); break;
    case 'C': move_to(r, MIN(r->cursor + 1, r->line->len)); break;
    case 'D': move_to(r, r->cursor ? r->cursor - 1 : 0); break;
    case 'H': move_to(r, 0); break;
    case 'F': move_to(r, r->line->len); break;
    case '~':
        if (r->escape_arg == '3' && r->cursor < r->line->len) {
            erase(r, r->cursor, r->cursor + 1);
        }
        break;
    }
}

static void insert(Readline *r, char c)
{
    if (r->line->len < LINE_MAX_BYTES) {
        g_string_insert_c(r->line, r->cursor, c);
        r->write(r->opaque, &c, 1);
        r->cursor++;
        redraw_tail(r, 0);
    }
}

static size_t word_start(const Readline *r)
{
    size_t at = r->cursor;
    while (at && r->line->str[at - 1] == ' ') {
        at--;
    }
    while (at && r->line->str[at - 1] != ' ') {
        at--;
    }
    return at;
}

void readline_byte(Readline *r, unsigned char c)
{
    if (r->escape) {
        escape_byte(r, c);
        return;
    }
    switch (c) {
    case 0x1b: r->escape = 1; break;
    case '\r':
    case '\n': enter(r); break;
    case 0x7f:
    case '\b':
        if (r->cursor) {
            erase(r, r->cursor - 1, r->cursor);
        }
        break;
    case 0x01: /* C-a */ move_to(r, 0); break;
    case 0x05: /* C-e */ move_to(r, r->line->len); break;
    case 0x02: /* C-b */ move_to(r, r->cursor ? r->cursor - 1 : 0); break;
    case 0x06: /* C-f */ move_to(r, MIN(r->cursor + 1, r->line->len)); break;
    case 0x0b: /* C-k */ erase(r, r->cursor, r->line->len); break;
    case 0x15: /* C-u */ erase(r, 0, r->line->len); break;
    case 0x17: /* C-w */ erase(r, word_start(r), r->cursor); break;
    default:
        if (c >= 0x20) {
            insert(r, c);
        }
    }
}
