/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cut the bytes of a connection into JSON values. This finds only where a value ends (brackets and
 * strings) and keeps size, nesting and token count within limits; json-c does the parsing.
 *
 * After anything wrong, input is skipped up to the end of the line and one error is reported, so a
 * client that speaks in lines is understood again with its next one. A line end inside a string
 * is wrong in JSON; it ends the bad value at once.
 */
#include <string.h>

#include "framing-priv.h"
#include "monitor/schema.h"

typedef enum {
    FRAMER_IDLE,   /* between values */
    FRAMER_NESTED, /* inside {} or [] */
    FRAMER_SCALAR, /* a bare value at the top: up to the end of the line */
    FRAMER_SKIP,   /* after an error: up to the end of the line */
} FramerMode;

struct JsonFramer {
    FramerMode mode;
    unsigned depth;
    size_t tokens;
    char in_string; /* the quote that ends it; 0: not in a string */
    bool escaped;
    GString *text;
    struct json_tokener *tokener;
};

JsonFramer *json_framer_new(void)
{
    JsonFramer *f = g_new0(JsonFramer, 1);
    f->text = g_string_new(NULL);
    f->tokener = json_tokener_new_ex(FRAMER_MAX_DEPTH + 2);
    json_tokener_set_flags(f->tokener, JSON_TOKENER_STRICT);
    return f;
}

void json_framer_free(JsonFramer *f)
{
    if (f) {
        g_string_free(f->text, TRUE);
        json_tokener_free(f->tokener);
        g_free(f);
    }
}

size_t json_framer_held(const JsonFramer *f)
{
    return f->text->len;
}

static void framer_drop_text(JsonFramer *f)
{
    if (f->text->allocated_len > 65536) {
        g_string_free(f->text, TRUE);
        f->text = g_string_new(NULL);
    }
    g_string_truncate(f->text, 0);
    f->depth = 0;
    f->tokens = 0;
    f->in_string = 0;
    f->escaped = false;
}

void json_framer_reset(JsonFramer *f)
{
    framer_drop_text(f);
    f->mode = FRAMER_IDLE;
}

static Json *framer_parse(JsonFramer *f, GError **error)
{
    if (!g_utf8_validate_len(f->text->str, f->text->len, NULL)) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "JSON parse error, invalid UTF-8");
        return NULL;
    }
    while (f->text->len && g_ascii_isspace(f->text->str[f->text->len - 1])) {
        g_string_truncate(f->text, f->text->len - 1);
    }
    json_tokener_reset(f->tokener);
    Json *value = json_tokener_parse_ex(f->tokener, f->text->str, (int)f->text->len);
    enum json_tokener_error e = json_tokener_get_error(f->tokener);
    if (e == json_tokener_continue) {
        /* Numbers and words end only with what follows them. */
        value = json_tokener_parse_ex(f->tokener, "", 1);
        e = json_tokener_get_error(f->tokener);
    }
    if (e != json_tokener_success) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_GENERIC, "JSON parse error, %s",
                    e == json_tokener_continue ? "unexpected end of input"
                                               : json_tokener_error_desc(e));
        return NULL;
    }
    return value;
}

static void framer_fail(JsonFramer *f, GError **error, const char *why)
{
    framer_drop_text(f);
    f->mode = FRAMER_SKIP;
    g_set_error_literal(error, QMP_ERROR, QMP_ERROR_GENERIC, why);
}

static void framer_stray(JsonFramer *f, unsigned char c, GError **error)
{
    g_autofree char *why = g_ascii_isprint(c)
                               ? g_strdup_printf("JSON parse error, stray '%c'", c)
                               : g_strdup_printf("JSON parse error, stray byte 0x%02x", c);
    framer_fail(f, error, why);
}

/* The first byte of something; false (with an error) when no JSON value starts so. */
static bool framer_start(JsonFramer *f, unsigned char c, GError **error)
{
    if (c == '{' || c == '[') {
        f->mode = FRAMER_NESTED;
        f->depth = 1;
    } else if (c == '"' || c == '-' || g_ascii_isdigit(c) || c == 't' || c == 'f' || c == 'n') {
        f->mode = FRAMER_SCALAR;
    } else {
        framer_stray(f, c, error);
        return false;
    }
    g_string_append_c(f->text, c);
    return true;
}

/* One byte inside {} or []; sets *done after the last. */
static bool framer_nested(JsonFramer *f, unsigned char c, bool *done, GError **error)
{
    if (c < 0x20 && (f->in_string || (c != '\t' && c != '\r' && c != '\n'))) {
        framer_fail(f, error,
                    f->in_string ? "JSON parse error, control character in a string"
                                 : "JSON parse error, control character");
        return false;
    }
    if (f->in_string) {
        if (f->escaped) {
            f->escaped = false;
        } else if (c == '\\') {
            f->escaped = true;
        } else if (c == f->in_string) {
            f->in_string = 0;
        }
        return true;
    }
    switch (c) {
    case '"':
    case '\'': /* QMP servers take strings in single quotes too */ f->in_string = c; return true;
    case '{':
    case '[':
        if (++f->depth > FRAMER_MAX_DEPTH) {
            framer_fail(f, error, "JSON nesting depth limit exceeded");
            return false;
        }
        break;
    case '}':
    case ']': *done = --f->depth == 0; return true;
    case ',':
    case ':': break;
    default:
        /* Numbers, true, false, null; json-c would also take NaN and comments. */
        if (!strchr("0123456789+-.Eaeflnrstu \t\r\n", c)) {
            framer_stray(f, c, error);
            return false;
        }
        return true;
    }
    if (++f->tokens > FRAMER_MAX_TOKENS) {
        framer_fail(f, error, "JSON token count limit exceeded");
        return false;
    }
    return true;
}

/* Keep byte @c, which framer_nested() took; @quote and @escaped are the state before it. Strings in
   single quotes become plain JSON. */
static void framer_keep(JsonFramer *f, unsigned char c, char quote, bool escaped)
{
    if (c == '\'' && quote && escaped) {
        g_string_truncate(f->text, f->text->len - 1);
    } else if (c == '\'' && f->in_string != quote) {
        c = '"';
    } else if (c == '"' && quote == '\'' && !escaped) {
        g_string_append_c(f->text, '\\');
    }
    g_string_append_c(f->text, c);
}

/* After an error: a line end, or a byte that no UTF-8 has, starts afresh. */
static bool resynchronizes(unsigned char c)
{
    return c == '\n' || c >= 0xfe;
}

/* Copy the plain part of a string in one go; returns how many bytes were taken. */
static size_t framer_string_run(JsonFramer *f, const char *buf, size_t len)
{
    size_t n = 0;
    if (f->mode != FRAMER_NESTED || !f->in_string || f->escaped) {
        return 0;
    }
    len = MIN(len, FRAMER_MAX_BYTES - f->text->len);
    while (n < len && (unsigned char)buf[n] >= 0x20 && buf[n] != f->in_string && buf[n] != '"' &&
           buf[n] != '\\') {
        n++;
    }
    g_string_append_len(f->text, buf, n);
    return n;
}

size_t json_framer_feed(JsonFramer *f, const char *buf, size_t len, bool *complete, Json **value,
                        GError **error)
{
    *complete = false;
    *value = NULL;
    for (size_t i = 0; i < len;) {
        i += framer_string_run(f, buf + i, len - i);
        if (i == len) {
            break;
        }
        unsigned char c = buf[i++];
        bool done = false;
        bool ok = true;
        switch (f->mode) {
        case FRAMER_SKIP: f->mode = resynchronizes(c) ? FRAMER_IDLE : FRAMER_SKIP; continue;
        case FRAMER_IDLE:
            if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
                continue;
            }
            ok = framer_start(f, c, error);
            break;
        case FRAMER_SCALAR:
            done = c == '\n';
            g_string_append_c(f->text, c);
            break;
        case FRAMER_NESTED: {
            char quote = f->in_string;
            bool escaped = f->escaped;
            ok = framer_nested(f, c, &done, error);
            if (ok) {
                framer_keep(f, c, quote, escaped);
            }
            break;
        }
        }
        if (ok && !done && f->text->len >= FRAMER_MAX_BYTES) {
            framer_fail(f, error, "JSON token size limit exceeded");
            ok = false;
        }
        if (ok && !done) {
            continue;
        }
        *complete = true;
        if (!ok) {
            f->mode = resynchronizes(c) ? FRAMER_IDLE : FRAMER_SKIP;
        } else {
            *value = framer_parse(f, error);
            json_framer_reset(f);
        }
        return i;
    }
    return len;
}
