/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the stream that are not RAM: configuration, commands, devices, description. */
#include <string.h>
#include "base/util/endian.h"
#include "migration-priv.h"

/* A subsection of the configuration: the VM's identity, for capability validate-uuid. */
static bool save_uuid(StreamOut *out, const uint8_t uuid[16], GError **error)
{
    const char *name = CONFIGURATION_UUID;
    return stream_out_u8(out, STREAM_SUBSECTION, error) &&
           stream_out_u8(out, (uint8_t)strlen(name), error) &&
           stream_out_bytes(out, name, strlen(name), error) && stream_out_u32(out, 1, error) &&
           stream_out_bytes(out, uuid, 16, error) &&
           (out->format < STREAM_V4 || stream_out_u8(out, STREAM_RECORD_END, error));
}

bool save_configuration(StreamOut *out, const char *machine_name, const uint8_t *uuid,
                        GError **error)
{
    return stream_out_u8(out, STREAM_CONFIGURATION, error) &&
           stream_out_u32(out, (uint32_t)strlen(machine_name), error) &&
           stream_out_bytes(out, machine_name, strlen(machine_name), error) &&
           (!uuid || save_uuid(out, uuid, error)) &&
           (out->format < STREAM_V4 || stream_out_u8(out, STREAM_RECORD_END, error)) &&
           stream_out_end(out, false, error);
}

bool save_command(StreamOut *out, CommandType type, const void *data, uint16_t n, GError **error)
{
    uint8_t head[5] = { STREAM_COMMAND };
    st_be16(head + 1, (uint16_t)type);
    st_be16(head + 3, n);
    return stream_out_bytes(out, head, sizeof(head), error) &&
           stream_out_bytes(out, data, n, error) && stream_out_end(out, true, error);
}

bool save_section_header(StreamOut *out, uint8_t type, const char *idstr, uint32_t instance,
                         uint32_t section_id, uint32_t version, GError **error)
{
    if (!stream_out_u8(out, type, error) || !stream_out_u32(out, section_id, error)) {
        return false;
    }
    if (type != STREAM_SECTION_START && type != STREAM_SECTION_FULL) {
        return true;
    }
    return stream_out_u8(out, (uint8_t)strlen(idstr), error) &&
           stream_out_bytes(out, idstr, strlen(idstr), error) &&
           stream_out_u32(out, instance, error) && stream_out_u32(out, version, error);
}

bool save_section_footer(StreamOut *out, uint32_t section_id, GError **error)
{
    return stream_out_u8(out, STREAM_FOOTER, error) && stream_out_u32(out, section_id, error) &&
           stream_out_end(out, false, error);
}

/* Section numbers start at 1, and RAM's is 1: devices follow. */
static uint32_t number_of(const Section *s)
{
    return s->section_id + 2;
}

typedef struct {
    Migration *m;
    StreamOut *out;
    GString *description; /* NULL: not wanted */
    GError **error;
    bool ok, first;
} SaveWalk;

static bool save_one(Section *s, void *opaque)
{
    SaveWalk *walk = opaque;
    const Record *record = s->desc->record;
    if (!record || s->desc->unmigratable || s->desc->start) {
        return true;
    }
    int64_t start = clock_now_ns(walk->m->vm, CLOCK_KIND_REALTIME);
    g_autofree void *saved = g_malloc0(record->size);
    g_auto(ByteWriter) w;
    byte_writer_init(&w);
    s->desc->ops->save(s->owner, saved);
    if (record->needed && !record->needed(saved)) { /* a device that nobody has used */
        record_clear(record, saved);
        return true;
    }
    record_encode(record, saved, walk->out->format, &w);
    if (walk->description) {
        g_string_append_printf(walk->description, "%s{\"name\":\"%s\",\"instance_id\":%u,",
                               walk->first ? "" : ",", s->idstr, s->instance);
        record_describe(record, saved, walk->out->format, walk->description);
        g_string_append_c(walk->description, '}');
        walk->first = false;
    }
    record_clear(record, saved);
    uint32_t id = number_of(s);
    walk->ok = save_section_header(walk->out, STREAM_SECTION_FULL, s->idstr, s->instance, id,
                                   record->version, walk->error) &&
               stream_out_bytes(walk->out, w.data, w.len, walk->error) &&
               save_section_footer(walk->out, id, walk->error);
    migration_note_device(walk->m, s, clock_now_ns(walk->m->vm, CLOCK_KIND_REALTIME) - start,
                          w.len);
    return walk->ok;
}

typedef struct {
    Migration *m;
    StreamOut *out;
    uint8_t type; /* STREAM_SECTION_START or _END */
    GError **error;
    bool ok;
} PartsWalk;

static bool save_one_part(Section *s, void *opaque)
{
    PartsWalk *walk = opaque;
    const Record *record = s->desc->record;
    if (!s->desc->start || s->desc->unmigratable) {
        return true;
    }
    int64_t start = clock_now_ns(walk->m->vm, CLOCK_KIND_REALTIME);
    g_autofree void *saved = g_malloc0(record->size);
    g_auto(ByteWriter) w;
    byte_writer_init(&w);
    s->desc->ops->save(s->owner, saved);
    record_encode(walk->type == STREAM_SECTION_START ? s->desc->start : record, saved,
                  walk->out->format, &w);
    record_clear(record, saved);
    walk->ok = save_section_header(walk->out, walk->type, s->idstr, s->instance, number_of(s),
                                   record->version, walk->error) &&
               stream_out_bytes(walk->out, w.data, w.len, walk->error) &&
               save_section_footer(walk->out, number_of(s), walk->error);
    if (walk->type == STREAM_SECTION_END) { /* what is before it is nothing to speak of */
        migration_note_device(walk->m, s, clock_now_ns(walk->m->vm, CLOCK_KIND_REALTIME) - start,
                              w.len);
    }
    return walk->ok;
}

/* The few bytes of the sections in parts stay in the stream's buffer: no channel waits for them. */
bool save_parts(Migration *m, StreamOut *out, uint8_t type, GError **error)
{
    PartsWalk walk = { m, out, type, error, true };
    vm_lock(m->vm);
    section_foreach(m->vm, save_one_part, &walk);
    vm_unlock(m->vm);
    return walk.ok;
}

bool save_devices(Migration *m, StreamOut *out, GString *description, GError **error)
{
    SaveWalk walk = { m, out, description, error, true, true };
    section_foreach(m->vm, save_one, &walk);
    return walk.ok;
}
