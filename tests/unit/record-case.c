/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See record-case.h. */
#include "record-case.h"
#include <string.h>
#include "migration/migration-priv.h"
#include "saved-fuzz.h"

#define SECTION_ID 77

static void count_left_out(void *opaque, const char *subsection, const char *why)
{
    ((Case *)opaque)->left_out++;
}

/* NULL where everything is to be taken as honoured. */
static const RecordHost *host_of(Case *c, RecordHost *host)
{
    *host = (RecordHost){ c->section->owner, count_left_out, c };
    c->left_out = 0;
    return c->as_machine ? host : NULL;
}

static void case_open(Case *c, Section *s, const Record *r, StreamFormat format)
{
    c->section = s;
    c->record = r;
    c->format = format;
    c->mine = g_malloc0(r->size);
    c->saved = g_malloc0(r->size);
    s->desc->ops->save(s->owner, c->mine);
    s->desc->ops->save(s->owner, c->saved);
    wire_mark_all(r, c->saved);
    saved_clamp(r, c->saved);
    c->tree = wire_tree_new(r, c->saved, format);
}

static void case_close(Case *c)
{
    wire_tree_free(c->tree);
    record_clear(c->record, c->mine);
    record_clear(c->record, c->saved);
    g_free(c->mine);
    g_free(c->saved);
}

/* The content as the loader gets it: behind it the footer, and in version 3 the stream's end mark. */
static GBytes *stream_of(const Case *c, const uint8_t *content, size_t n)
{
    g_autoptr(Channel) channel = channel_new_buffer("", 0);
    StreamOut out;

    stream_out_init(&out, channel, c->format);
    stream_out_bytes(&out, content, n, NULL);
    stream_out_u8(&out, STREAM_FOOTER, NULL);
    stream_out_u32(&out, SECTION_ID, NULL);
    stream_out_end(&out, true, NULL);
    if (c->format < STREAM_V4) {
        stream_out_u8(&out, STREAM_EOF, NULL);
        stream_out_end(&out, true, NULL);
    }
    stream_out_clear(&out);
    return channel_buffer_written(channel);
}

bool case_load_as(Case *c, const Record *record, uint32_t version, const uint8_t *content, size_t n,
                  void *saved, GError **error)
{
    g_autoptr(GBytes) bytes = stream_of(c, content, n);
    gsize len;
    const void *data = g_bytes_get_data(bytes, &len);
    g_autoptr(Channel) channel = channel_new_buffer(data, len);
    RecordHost host;
    StreamIn in;

    c->loads++;
    stream_in_init(&in, channel);
    in.format = c->format;
    bool ok = stream_in_record(&in, record, version, saved, c->mine, host_of(c, &host), error) &&
              load_footer(&in, SECTION_ID, c->section->idstr, error);
    stream_in_clear(&in);
    return ok;
}

bool case_load(Case *c, const uint8_t *content, size_t n, void *saved, GError **error)
{
    return case_load_as(c, c->record, c->record->version, content, n, saved, error);
}

bool case_decode(Case *c, const uint8_t *content, size_t n, void *saved, GError **error)
{
    static const uint8_t footer[] = { STREAM_FOOTER, 0, 0, 0, SECTION_ID, STREAM_EOF };
    g_autofree uint8_t *bytes = g_malloc(n + sizeof(footer));
    RecordHost host;
    ByteReader r;

    c->loads++;
    memcpy(bytes, content, n);
    memcpy(bytes + n, footer, sizeof(footer));
    byte_reader_init(&r, bytes, n + sizeof(footer));
    if (!record_decode(c->record, c->record->version, c->format, &r, saved, c->mine,
                       host_of(c, &host), error)) {
        return false;
    }
    if (byte_reader_pos(&r) != n) {
        g_set_error(error, FERRY_VMSTATE_ERROR, FERRY_VMSTATE_ERROR_SYNTAX,
                    "section '%s': no footer", c->section->idstr);
        return false;
    }
    return true;
}

void case_encode(const Case *c, const void *saved, ByteWriter *w)
{
    byte_writer_init(w);
    record_encode(c->record, saved, c->format, w);
}

void case_write_tree(const Case *c, const WireNode *tree, ByteWriter *w)
{
    byte_writer_init(w);
    wire_tree_write(tree, c->format, w);
}

GString *case_say(const Case *c, const char *what)
{
    GString *s = g_string_new(NULL);

    g_string_printf(s, "%s, version %d, %s %u: %s", c->row->name, c->format, c->section->idstr,
                    c->section->instance, what);
    return s;
}

void case_each(gconstpointer row, GHashTable *once, bool anew, void (*fn)(Case *c))
{
    static const StreamFormat formats[] = { STREAM_V3, STREAM_V4 };
    Case c = { .row = row, .machine = machine_vm_new(row) };
    g_autoptr(GPtrArray) all = machine_vm_sections(c.machine);

    Incoming incoming = { .m = c.machine->sys.vm->migration };

    g_assert_cmpuint(all->len, >, 0);
    incoming.m->in = &incoming; /* where the run state goes */
    for (guint i = 0; i < all->len; i++) {
        Section *s = g_ptr_array_index(all, i);

        if (once && !g_hash_table_add(once, g_strdup_printf("%s %p", anew ? c.row->program : "",
                                                            (const void *)s->desc->record))) {
            continue;
        }
        for (unsigned f = 0; f < 2 * G_N_ELEMENTS(formats); f++) {
            const Record *r = f % 2 ? s->desc->start : s->desc->record;

            if (r) {
                case_open(&c, s, r, formats[f / 2]);
                fn(&c);
                case_close(&c);
            }
        }
    }
    incoming.m->in = NULL;
    g_test_message("%u sections, %zu loads", all->len, c.loads);
    machine_vm_free(c.machine);
}
