/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a stream: RAM goes straight into place, every other section is decoded into its saved
 * form and checked. Nothing is installed before the end mark was read; then all is, in order of
 * priority.
 */
#include <inttypes.h>
#include <string.h>
#include "base/util/endian.h"
#include "migration-priv.h"
#include "ram-format.h"

#define MAX_SECTIONS 4096

void loaded_free(gpointer p)
{
    LoadedSection *l = p;
    record_clear(l->record, l->saved);
    g_free(l->saved);
    g_free(l);
}

G_GNUC_PRINTF(2, 3) static bool load_error(GError **error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    g_autofree char *text = g_strdup_vprintf(format, ap);
    va_end(ap);
    g_set_error_literal(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM, text);
    return false;
}

static bool check_uuid(Incoming *in, GError **error)
{
    const Vm *vm = in->m->vm;
    uint8_t uuid[16];
    if (!stream_in_bytes(&in->in, uuid, sizeof(uuid), error)) {
        return false;
    }
    if (!vm->uuid_set || !memcmp(uuid, vm->uuid, sizeof(uuid))) {
        return true;
    }
    g_autofree char *theirs = uuid_text(uuid), *ours = uuid_text(vm->uuid);
    return load_error(error, "UUID received is %s and local is %s", theirs, ours);
}

/* What the source used that both sides must have: none of it is there in this build. */
static bool refuse_capabilities(Incoming *in, GError **error)
{
    uint32_t n;
    char name[256];
    if (!stream_in_u32(&in->in, &n, error)) {
        return false;
    }
    if (n == 0) {
        return true;
    }
    return stream_in_str8(&in->in, name, error) &&
           load_error(error, "the source uses capability '%s', which is not supported here", name);
}

/* Of the configuration, each by its exact name. */
static bool load_configuration_subsection(Incoming *in, GError **error)
{
    StreamIn *s = &in->in;
    uint8_t mark, end = STREAM_RECORD_END;
    uint32_t version;
    char name[256];
    if (!stream_in_u8(s, &mark, error) || !stream_in_str8(s, name, error) ||
        !stream_in_u32(s, &version, error)) {
        return false;
    }
    bool uuid = !strcmp(name, CONFIGURATION_UUID);
    if (version != 1 || (!uuid && strcmp(name, "configuration/capabilities"))) {
        return load_error(error, "subsection '%s' version %u of the configuration is unknown", name,
                          version);
    }
    if (!(uuid ? check_uuid(in, error) : refuse_capabilities(in, error)) ||
        (s->format >= STREAM_V4 && !stream_in_u8(s, &end, error))) {
        return false;
    }
    return end == STREAM_RECORD_END ||
           load_error(error, "expected a subsection or the end of '%s', found 0x%02x", name, end);
}

static bool load_configuration(Incoming *in, GError **error)
{
    StreamIn *s = &in->in;
    const char *ours = in->m->host.machine_name;
    char name[256] = "";
    uint8_t type, end;
    uint32_t n;
    if (!stream_in_u8(s, &type, error)) {
        return false;
    }
    if (type != STREAM_CONFIGURATION) {
        return load_error(error, "the stream does not start with a configuration section");
    }
    if (!stream_in_u32(s, &n, error)) {
        return false;
    }
    if (n > 255) {
        return load_error(error, "the machine type's name has %u bytes", n);
    }
    if (!stream_in_bytes(s, name, n, error)) {
        return false;
    }
    if (strcmp(name, ours)) {
        return load_error(error, "machine type received is '%s' and local is '%s'", name, ours);
    }
    if (!stream_in_need(s, 1, error)) {
        return false;
    }
    while (*stream_in_data(s) == STREAM_SUBSECTION) {
        if (!load_configuration_subsection(in, error) || !stream_in_need(s, 1, error)) {
            return false;
        }
    }
    if (s->format >= STREAM_V4 &&
        (!stream_in_u8(s, &end, error) ||
         (end != STREAM_RECORD_END && !load_error(error,
                                                  "expected a subsection or the end of "
                                                  "'configuration', found 0x%02x",
                                                  end)))) {
        return false;
    }
    return stream_in_end(s, "the configuration", error);
}

/* An answer that cannot be sent is no error of its own: reading on tells why the source is gone. */
static void answer(Incoming *in, ReturnType type, const void *data, size_t n)
{
    return_send(in->channel, in->in.format, type, data, n, NULL);
}

static bool load_command(Incoming *in, bool *go, GError **error)
{
    StreamIn *s = &in->in;
    uint8_t head[4], data[64];
    if (!stream_in_bytes(s, head, sizeof(head), error)) {
        return false;
    }
    uint16_t type = ld_be16(head), n = ld_be16(head + 2);
    if (n > sizeof(data)) {
        return load_error(error, "command 0x%x has %u bytes", type, n);
    }
    if (!stream_in_bytes(s, data, n, error) || !stream_in_end(s, "a command", error)) {
        return false;
    }
    switch (type) {
    case COMMAND_OPEN_RETURN_PATH:
        in->return_path = channel_features(in->channel) & CHANNEL_CAN_WRITE;
        /* No device here asks for a delay: the switchover may come at once. */
        if (in->return_path && has_cap(in->m->caps, MIGRATION_CAP_SWITCHOVER_ACK)) {
            answer(in, RETURN_SWITCHOVER_ACK, NULL, 0);
        }
        return true;
    case COMMAND_PING:
        if (!in->return_path || n != 4) {
            return load_error(error, "PING of %u bytes %s a return path", n,
                              in->return_path ? "on" : "without");
        }
        answer(in, RETURN_PONG, data, 4);
        return true;
    case COMMAND_SWITCHOVER_START: return true;
    case COMMAND_GO: *go = true; return true;
    default: return load_error(error, "command 0x%x is unknown", type);
    }
}

/* A subsection that no record of the section took: version 3 leaves it to us. */
static bool refuse_subsection(StreamIn *s, const char *idstr, GError **error)
{
    char name[256];
    if (!stream_in_str8(s, name, NULL)) {
        strcpy(name, "?");
    }
    g_autofree char *shown = g_strescape(name, NULL);
    return load_error(error, "section '%s': unknown subsection '%s' follows its content", idstr,
                      shown);
}

bool load_footer(StreamIn *s, uint32_t section_id, const char *idstr, GError **error)
{
    uint8_t type;
    uint32_t id;
    if (!stream_in_u8(s, &type, error)) {
        return false;
    }
    if (type == STREAM_SUBSECTION) {
        return refuse_subsection(s, idstr, error);
    }
    if (!stream_in_u32(s, &id, error)) {
        return false;
    }
    if (type != STREAM_FOOTER || id != section_id) {
        return load_error(error, "section '%s': expected its footer (id %u), found 0x%02x, id %u",
                          idstr, section_id, type, id);
    }
    return stream_in_end(s, idstr, error);
}

static Section *find_device(Incoming *in, const char *idstr, uint32_t instance, GError **error)
{
    vm_lock(in->m->vm);
    Section *section = section_find(in->m->vm, idstr, instance);
    vm_unlock(in->m->vm);
    if (!section || !section->desc->record) {
        load_error(error, "unknown section '%s' instance %u: there is no such device here", idstr,
                   instance);
        return NULL;
    }
    return section;
}

typedef struct {
    Migration *m;
    const Section *section;
} Warn;

/* State that is left out here: the guest survives it, the operator should know. */
static void warn_left_out(void *opaque, const char *subsection, const char *why)
{
    const Warn *w = opaque;
    g_autofree char *text =
        g_strdup_printf("section '%s' instance %u: subsection '%s' is left out: %s",
                        w->section->idstr, w->section->instance, subsection, why);
    migration_warn(w->m, text);
}

/* Decodes and checks a device's section, or the end of one in parts; installs nothing. */
static bool load_device(Incoming *in, Section *section, uint32_t version, GError **error)
{
    Vm *vm = in->m->vm;
    const char *idstr = section->idstr;
    uint32_t instance = section->instance;
    for (guint i = 0; i < in->loaded->len; i++) {
        if (((LoadedSection *)g_ptr_array_index(in->loaded, i))->section == section) {
            return load_error(error, "section '%s' instance %u comes twice", idstr, instance);
        }
    }
    const Record *record = section->desc->record;
    const SectionOps *ops = section->desc->ops;
    g_autofree void *mine = g_malloc0(record->size);
    LoadedSection *l = g_new0(LoadedSection, 1);
    *l = (LoadedSection){ section, section->desc->record, g_malloc0(record->size) };
    g_ptr_array_add(in->loaded, l);
    vm_lock(vm);
    ops->save(section->owner, mine);
    vm_unlock(vm);
    int64_t start = clock_now_ns(vm, CLOCK_KIND_REALTIME);
    uint64_t before = in->in.consumed;
    Warn warn = { in->m, section };
    RecordHost asks = { section->owner, warn_left_out, &warn };
    bool ok = stream_in_record(&in->in, record, version, l->saved, mine, &asks, error);
    record_clear(record, mine);
    if (ok && ops->check) {
        vm_lock(vm);
        ok = ops->check(section->owner, l->saved, error);
        vm_unlock(vm);
    }
    if (!ok) {
        g_prefix_error(error, "section '%s' instance %u: ", idstr, instance);
        return false;
    }
    vm_lock(vm);
    migration_note_device(in->m, section, clock_now_ns(vm, CLOCK_KIND_REALTIME) - start,
                          in->in.consumed - before);
    vm_unlock(vm);
    return true;
}

/* Sections that come in parts: RAM, and a few devices'. Each starts once and ends once. */
#define MAX_STARTED 8
typedef struct {
    bool known, ended; /* RAM's start came; its end did */
    uint32_t id;
    struct {
        Section *section;
        uint32_t id, version;
        bool ended;
    } started[MAX_STARTED];
    unsigned n_started;
} Parts;

/* At the end mark: nothing is left open. */
static bool parts_ended(const Parts *parts, GError **error)
{
    const char *open = parts->known && !parts->ended ? RAM_SECTION_ID_STR : NULL;
    for (unsigned i = 0; !open && i < parts->n_started; i++) {
        open = parts->started[i].ended ? NULL : parts->started[i].section->idstr;
    }
    return !open || load_error(error, "section '%s' starts and does not end", open);
}

/* Another part of a section that may have ended. */
static bool take_part(bool *ended, uint8_t type, const char *idstr, GError **error)
{
    if (*ended) {
        return load_error(error, "a part of section '%s' comes after its end", idstr);
    }
    *ended = type == STREAM_SECTION_END;
    return true;
}

/* The start of a device's section, or a part in between: nothing is kept of it. */
static bool load_start(Incoming *in, Section *section, uint32_t version, GError **error)
{
    const Record *record = section->desc->start;
    g_autofree void *saved = g_malloc0(record->size);
    bool ok = stream_in_record(&in->in, record, version, saved, NULL, NULL, error);
    record_clear(record, saved);
    if (!ok) {
        g_prefix_error(error, "section '%s' instance %u: ", section->idstr, section->instance);
    }
    return ok;
}

static bool load_part(Incoming *in, uint8_t type, uint32_t id, Parts *parts, GError **error)
{
    for (unsigned i = 0; i < parts->n_started; i++) {
        if (parts->started[i].id == id) {
            Section *section = parts->started[i].section;
            uint32_t version = parts->started[i].version;
            return take_part(&parts->started[i].ended, type, section->idstr, error) &&
                   (type == STREAM_SECTION_END ? load_device(in, section, version, error)
                                               : load_start(in, section, version, error)) &&
                   load_footer(&in->in, id, section->idstr, error);
        }
    }
    return load_error(error, "a part of section %u comes before its start", id);
}

static bool start_device(Incoming *in, const char *idstr, uint32_t instance, uint32_t id,
                         uint32_t version, Parts *parts, GError **error)
{
    Section *section = find_device(in, idstr, instance, error);
    if (!section) {
        return false;
    }
    if (!section->desc->start || parts->n_started == MAX_STARTED) {
        return load_error(error, "section '%s' instance %u cannot come in parts", idstr, instance);
    }
    for (unsigned i = 0; i < parts->n_started; i++) {
        if (parts->started[i].section == section || parts->started[i].id == id) {
            return load_error(error, "section '%s' instance %u starts twice", idstr, instance);
        }
    }
    parts->started[parts->n_started].section = section;
    parts->started[parts->n_started].id = id;
    parts->started[parts->n_started].ended = false;
    parts->started[parts->n_started++].version = version;
    return load_start(in, section, version, error) && load_footer(&in->in, id, idstr, error);
}

static bool load_full(Incoming *in, const char *idstr, uint32_t instance, uint32_t id,
                      uint32_t version, GError **error)
{
    Section *section = find_device(in, idstr, instance, error);
    if (section && section->desc->start) {
        return load_error(error, "section '%s' instance %u must come in parts", idstr, instance);
    }
    return section && load_device(in, section, version, error) &&
           load_footer(&in->in, id, idstr, error);
}

static bool load_section(Incoming *in, uint8_t type, Parts *ram, GError **error)
{
    StreamIn *s = &in->in;
    uint32_t id, instance, version;
    char idstr[256];
    if (!stream_in_u32(s, &id, error)) {
        return false;
    }
    if (type == STREAM_SECTION_PART || type == STREAM_SECTION_END) {
        if (!ram->known || id != ram->id) {
            return load_part(in, type, id, ram, error);
        }
        return take_part(&ram->ended, type, RAM_SECTION_ID_STR, error) &&
               ram_load_body(in->ram, s, RAM_SECTION_VERSION, error) &&
               load_footer(s, id, RAM_SECTION_ID_STR, error);
    }
    if (!stream_in_str8(s, idstr, error) || !stream_in_u32(s, &instance, error) ||
        !stream_in_u32(s, &version, error)) {
        return false;
    }
    if (type == STREAM_SECTION_FULL) {
        return load_full(in, idstr, instance, id, version, error);
    }
    if (strcmp(idstr, RAM_SECTION_ID_STR)) {
        return start_device(in, idstr, instance, id, version, ram, error);
    }
    if (instance || ram->known) {
        return load_error(error, "section '%s' instance %u cannot come in parts", idstr, instance);
    }
    incoming_stop_listening(in);
    ram->known = true;
    ram->id = id;
    if (!ram_load_body(in->ram, s, version, error) || !load_footer(&in->in, id, idstr, error)) {
        return false;
    }
    vm_lock(in->m->vm);
    bool ok = ram_load_complete(in->ram, error);
    vm_unlock(in->m->vm);
    return ok;
}

static bool load_description(Incoming *in, GError **error)
{
    StreamIn *s = &in->in;
    uint8_t type;
    uint32_t n;
    if (!stream_in_u8(s, &type, error)) {
        return false;
    }
    if (type != STREAM_DESCRIPTION) {
        return load_error(error, "expected the VM description, found 0x%02x", type);
    }
    if (!stream_in_u32(s, &n, error)) {
        return false;
    }
    if (n > STREAM_ITEM_MAX) {
        return load_error(error, "the VM description has %u bytes", n);
    }
    while (n) {
        uint32_t part = MIN(n, 1u << 16);
        if (!stream_in_need(s, part, error)) {
            return false;
        }
        stream_in_consume(s, part);
        n -= part;
    }
    return stream_in_end(s, "the VM description", error);
}

/*
 * Version 3: it may be left out, by a stream that ends with its end mark or where the machine's
 * suppress-vmdesc says so. But who sends one must get rid of it, or takes the move for failed.
 */
static bool load_description_v3(Incoming *in, GError **error)
{
    g_autoptr(GError) nothing = NULL;
    if (in->m->host.suppress_vmdesc ||
        (!stream_in_need(&in->in, 1, &nothing) &&
         g_error_matches(nothing, FERRY_IO_ERROR, FERRY_IO_ERROR_EOF))) {
        return true;
    }
    if (nothing) {
        g_propagate_error(error, g_steal_pointer(&nothing));
        return false;
    }
    return load_description(in, error);
}

bool load_stream(Incoming *in, GError **error)
{
    Parts ram = { .known = false };
    bool go = false;
    if (!stream_in_header(&in->in, error) || !load_configuration(in, error)) {
        return false;
    }
    for (;;) {
        uint8_t type;
        if (!stream_in_u8(&in->in, &type, error)) {
            return false;
        }
        bool ok = true;
        if (in->in.unchecked && type != STREAM_SECTION_PART && type != STREAM_SECTION_END) {
            return load_error(error, "something other than RAM comes without a checksum");
        }
        switch (type) {
        case STREAM_SECTION_START:
        case STREAM_SECTION_PART:
        case STREAM_SECTION_END:
        case STREAM_SECTION_FULL: ok = load_section(in, type, &ram, error); break;
        case STREAM_COMMAND:
            ok = load_command(in, &go, error);
            if (ok && go) {
                return load_error(error, "GO comes before the end of the state");
            }
            break;
        case STREAM_MANIFEST:
            ok = in->in.format >= STREAM_V4 && !ram.known
                     ? load_manifest(in, error)
                     : load_error(error, "a manifest comes where none may be");
            if (ok && in->preflight) {
                return true;
            }
            break;
        case STREAM_EOF:
            if (!stream_in_end(&in->in, "the end mark", error)) {
                return false;
            }
            if (!ram.known) {
                return load_error(error, "the stream ends without any RAM");
            }
            if (!parts_ended(&ram, error)) {
                return false;
            }
            return in->in.format < STREAM_V4 ? load_description_v3(in, error)
                                             : load_description(in, error);
        default: ok = load_error(error, "unknown section type 0x%02x", type);
        }
        if (!ok) {
            return false;
        }
    }
}

static int by_priority(gconstpointer a, gconstpointer b)
{
    const LoadedSection *la = *(LoadedSection *const *)a, *lb = *(LoadedSection *const *)b;
    return lb->section->desc->priority - la->section->desc->priority;
}

static bool find_unloaded(Section *s, void *opaque)
{
    GPtrArray *loaded = ((void **)opaque)[0];
    Section **missing = ((void **)opaque)[1];
    for (guint i = 0; i < loaded->len; i++) {
        if (((LoadedSection *)g_ptr_array_index(loaded, i))->section == s) {
            return true;
        }
    }
    /* One with needed() may stay at home: its device is then as after reset, like ours. */
    if (s->desc->record && !s->desc->record->needed && !s->desc->unmigratable) {
        *missing = s;
    }
    return *missing == NULL;
}

/* Version 4 says what is missing; version 3 cannot, its senders leave sections out. */
static bool all_there(Incoming *in, GError **error)
{
    Section *missing = NULL;
    void *opaque[] = { in->loaded, &missing };
    if (in->in.format >= STREAM_V4) {
        section_foreach(in->m->vm, find_unloaded, opaque);
    }
    return !missing || load_error(error, "section '%s' instance %u is missing in the stream",
                                  missing->idstr, missing->instance);
}

bool load_install(Incoming *in, GError **error)
{
    if (!all_there(in, error)) {
        return false;
    }
    g_ptr_array_sort(in->loaded, by_priority); /* stable: GLib's sort is a merge sort */
    for (guint i = 0; i < in->loaded->len; i++) {
        LoadedSection *l = g_ptr_array_index(in->loaded, i);
        l->section->desc->ops->install(l->section->owner, l->saved);
    }
    for (guint i = 0; i < in->loaded->len; i++) {
        LoadedSection *l = g_ptr_array_index(in->loaded, i);
        if (l->section->desc->ops->installed) {
            l->section->desc->ops->installed(l->section->owner);
        }
    }
    return true;
}

bool load_prepare_to_run(Incoming *in, GError **error)
{
    for (guint i = 0; i < in->loaded->len; i++) {
        Section *s = ((LoadedSection *)g_ptr_array_index(in->loaded, i))->section;
        const SectionOps *ops = s->desc->ops;
        if (ops->prepare_to_run && !ops->prepare_to_run(s->owner, error)) {
            g_prefix_error(error, "section '%s' instance %u is loaded and cannot run: ", s->idstr,
                           s->instance);
            return false;
        }
    }
    return true;
}
