/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory backends: the user's objects that say where guest RAM comes from.
 *
 * A backend makes its RAM block when it is completed; the block has no name and does not migrate
 * until somebody claims the backend, which only one may do. Properties are fixed once the block is
 * there, except merge and dump, which are advice to the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/memory/backend.h"
#include "base/memory/memory-priv.h"

#define MAX_NODES 128

struct MemoryBackend {
    Object obj; /* first */
    uint64_t size;
    bool merge, dump, prealloc, share, reserve, canonical_id;
    uint32_t prealloc_threads;
    int policy;
    Object *prealloc_context;
    uint8_t nodes[MAX_NODES / 8];
    /* file */
    char *mem_path;
    uint64_t align, offset;
    bool discard_data, pmem, readonly;
    OnOffAuto rom;
    /* memfd */
    bool hugetlb, seal;
    uint64_t hugetlb_size;

    RamBlock *block; /* owned; NULL until complete */
    bool in_use;
};

static const char *const policy_names[] = { "default", "preferred", "bind", "interleave", NULL };

static bool fail(GError **error, FerryMemoryError code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static bool fail(GError **error, FerryMemoryError code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error) {
        *error = g_error_new_valist(FERRY_MEMORY_ERROR, (gint)code, format, args);
    }
    va_end(args);
    return false;
}

/* ---- properties with rules of their own ---- */

static GVariant *get_nodes(Object *obj, const Property *prop)
{
    MemoryBackend *b = (MemoryBackend *)obj;
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("at"));
    for (unsigned i = 0; i < MAX_NODES; i++) {
        if (b->nodes[i / 8] >> (i % 8) & 1) {
            g_variant_builder_add(&list, "t", (uint64_t)i);
        }
    }
    return g_variant_builder_end(&list);
}

static bool add_nodes(uint8_t *nodes, uint64_t first, uint64_t last, GError **error)
{
    if (first > last || last >= MAX_NODES) {
        return fail(error, FERRY_MEMORY_ERROR_SIZE,
                    "invalid host-nodes value %" G_GUINT64_FORMAT ", the limit is %d", last,
                    MAX_NODES - 1);
    }
    for (uint64_t i = first; i <= last; i++) {
        nodes[i / 8] |= (uint8_t)(1u << (i % 8));
    }
    return true;
}

/* "0-3,5" */
static bool parse_nodes(uint8_t *nodes, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    for (char **p = parts; *p; p++) {
        char *end = NULL;
        uint64_t first = g_ascii_strtoull(*p, &end, 10), last = first;

        if (end == *p || (*end && *end != '-')) {
            return fail(error, FERRY_MEMORY_ERROR_SIZE, "invalid host-nodes value '%s'", *p);
        }
        if (*end == '-') {
            const char *second = end + 1;

            last = g_ascii_strtoull(second, &end, 10);
            if (end == second || *end) {
                return fail(error, FERRY_MEMORY_ERROR_SIZE, "invalid host-nodes value '%s'", *p);
            }
        }
        if (!add_nodes(nodes, first, last, error)) {
            return false;
        }
    }
    return true;
}

static bool variant_node(GVariant *v, uint64_t *out)
{
    if (g_variant_is_of_type(v, G_VARIANT_TYPE_VARIANT)) {
        g_autoptr(GVariant) inner = g_variant_get_variant(v);

        return variant_node(inner, out);
    }
    if (g_variant_is_of_type(v, G_VARIANT_TYPE_INT64) && g_variant_get_int64(v) >= 0) {
        *out = (uint64_t)g_variant_get_int64(v);
        return true;
    }
    if (g_variant_is_of_type(v, G_VARIANT_TYPE_UINT64)) {
        *out = g_variant_get_uint64(v);
        return true;
    }
    return false;
}

static bool set_nodes(Object *obj, const Property *prop, GVariant *value, GError **error)
{
    MemoryBackend *b = (MemoryBackend *)obj;
    uint8_t nodes[MAX_NODES / 8] = { 0 };
    uint64_t node;

#ifndef SYS_mbind
    return fail(error, FERRY_MEMORY_ERROR_ALLOC, "this host cannot bind memory to NUMA nodes");
#endif
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        if (!parse_nodes(nodes, g_variant_get_string(value, NULL), error)) {
            return false;
        }
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_ARRAY)) {
        for (gsize i = 0; i < g_variant_n_children(value); i++) {
            g_autoptr(GVariant) v = g_variant_get_child_value(value, i);

            if (!variant_node(v, &node)) {
                return fail(error, FERRY_MEMORY_ERROR_SIZE, "host-nodes takes node numbers");
            }
            if (!add_nodes(nodes, node, node, error)) {
                return false;
            }
        }
    } else if (!variant_node(value, &node)) {
        return fail(error, FERRY_MEMORY_ERROR_SIZE, "host-nodes takes a list of node numbers");
    } else if (!add_nodes(nodes, node, node, error)) {
        return false;
    }
    memcpy(b->nodes, nodes, sizeof(nodes));
    return true;
}

/* merge and dump stay changeable: they are advice to the host. */
static void advise(MemoryBackend *b)
{
    if (b->block) {
        madvise(b->block->host, b->block->max_length, b->merge ? MADV_MERGEABLE : MADV_UNMERGEABLE);
        madvise(b->block->host, b->block->max_length, b->dump ? MADV_DODUMP : MADV_DONTDUMP);
    }
}

static GVariant *get_type(Object *obj, const Property *prop)
{
    return g_variant_new_string(object_type_name(obj));
}

/* ---- completing ---- */

static bool bind_memory(MemoryBackend *b, GError **error)
{
    unsigned long mask[MAX_NODES / 64 + 1] = { 0 };
    bool any = false;

    memcpy(mask, b->nodes, sizeof(b->nodes));
    for (unsigned i = 0; i < MAX_NODES / 8; i++) {
        any |= b->nodes[i] != 0;
    }
    if (b->policy == 0 && any) {
        return fail(error, FERRY_MEMORY_ERROR_ALLOC,
                    "host-nodes must be empty for policy default, or you should explicitly "
                    "specify a policy other than default");
    }
    if (b->policy != 0 && !any) {
        return fail(error, FERRY_MEMORY_ERROR_ALLOC, "host-nodes must be set for policy %s",
                    policy_names[b->policy]);
    }
#ifdef SYS_mbind
    if (any && syscall(SYS_mbind, b->block->host, b->block->max_length, b->policy, mask,
                       (unsigned long)MAX_NODES + 1, 3UL /* STRICT | MOVE */) < 0) {
        return fail(error, FERRY_MEMORY_ERROR_ALLOC, "cannot bind memory to host NUMA nodes: %s",
                    g_strerror(errno));
    }
#endif
    return true;
}

static bool make_block(MemoryBackend *b, RamBlockSpec *spec, GError **error)
{
    spec->used_length = b->size;
    /* Asking the host to set swap aside is for those who say so. */
    if (b->reserve && object_was_set(&b->obj, "reserve")) {
        spec->flags |= RAM_RESERVE;
    }
    /* Binding comes before the pages do. */
    b->block = ram_block_new(b->obj.vm, spec, error);
    if (!b->block) {
        return false;
    }
    if (!bind_memory(b, error)) {
        b->block->fd = -1; /* the caller closes it */
        g_clear_pointer(&b->block, ram_block_free);
        return false;
    }
    if (b->prealloc) {
        uint64_t len = ROUND_UP_TO(b->block->max_length, b->block->page_size);

        if (madvise(b->block->host, len, 23 /* MADV_POPULATE_WRITE */) < 0 && errno != EINVAL) {
            fail(error, FERRY_MEMORY_ERROR_ALLOC,
                 "cannot preallocate %" G_GUINT64_FORMAT " bytes: %s", len, g_strerror(errno));
            b->block->fd = -1;
            g_clear_pointer(&b->block, ram_block_free);
            return false;
        }
    }
    advise(b);
    return true;
}

static bool check_size(MemoryBackend *b, GError **error)
{
    if (b->size == 0) {
        return fail(error, FERRY_MEMORY_ERROR_SIZE, "can't create backend with size 0");
    }
    return true;
}

static bool ram_complete(Object *obj, GError **error)
{
    MemoryBackend *b = (MemoryBackend *)obj;
    RamBlockSpec spec = { .fd = -1, .flags = b->share ? RAM_SHARED : 0 };

    return check_size(b, error) && make_block(b, &spec, error);
}

static int open_file(MemoryBackend *b, GError **error)
{
    int mode = b->readonly ? O_RDONLY : O_RDWR;
    int fd = open(b->mem_path, mode | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && !b->readonly) {
        fd = open(b->mem_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    } else if (fd < 0 && errno == EISDIR && !b->readonly) {
        /* A directory (hugetlbfs): a file there that nobody sees. */
        g_autofree char *path = g_build_filename(b->mem_path, "ferry-ram.XXXXXX", NULL);

        fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0) {
            unlink(path);
        }
    }
    if (fd < 0) {
        fail(error, FERRY_MEMORY_ERROR_FILE, "can't open backing store %s for guest RAM: %s",
             b->mem_path, g_strerror(errno));
    }
    return fd;
}

static bool size_file(MemoryBackend *b, int fd, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return fail(error, FERRY_MEMORY_ERROR_FILE, "can't look at backing store %s: %s",
                    b->mem_path, g_strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return true;
    }
    uint64_t need = b->offset + b->size, have = (uint64_t)st.st_size;

    if (have == 0 && !b->readonly) {
        if (ftruncate(fd, (off_t)need) < 0) {
            return fail(error, FERRY_MEMORY_ERROR_FILE,
                        "can't size backing store %s to %" G_GUINT64_FORMAT " bytes: %s",
                        b->mem_path, need, g_strerror(errno));
        }
    } else if (have < need) {
        return fail(error, FERRY_MEMORY_ERROR_FILE,
                    "backing store size 0x%" G_GINT64_MODIFIER
                    "x does not match 'size' option 0x%" G_GINT64_MODIFIER "x",
                    have, need);
    }
    return true;
}

static bool file_complete(Object *obj, GError **error)
{
    MemoryBackend *b = (MemoryBackend *)obj;
    bool rom = b->rom == ONOFFAUTO_ON || (b->rom == ONOFFAUTO_AUTO && b->readonly);

    if (!check_size(b, error)) {
        return false;
    }
    if (!b->mem_path || !*b->mem_path) {
        return fail(error, FERRY_MEMORY_ERROR_FILE, "mem-path property not set");
    }
    if (b->pmem) {
        return fail(error, FERRY_MEMORY_ERROR_FILE,
                    "property 'pmem' of memory-backend-file is not available: no libpmem");
    }
    if (b->align & (b->align - 1)) {
        return fail(error, FERRY_MEMORY_ERROR_SIZE,
                    "alignment 0x%" G_GINT64_MODIFIER "x must be a power of two", b->align);
    }
    if (b->offset & (GUEST_PAGE_SIZE - 1) || b->offset > INT64_MAX - b->size) {
        return fail(error, FERRY_MEMORY_ERROR_SIZE,
                    "offset 0x%" G_GINT64_MODIFIER "x is not a multiple of the page size",
                    b->offset);
    }
    if (b->readonly && b->rom == ONOFFAUTO_OFF && b->share) {
        return fail(error, FERRY_MEMORY_ERROR_ACCESS,
                    "a shared read-only file cannot back writable RAM (readonly=on, rom=off)");
    }
    if (!b->readonly && b->rom == ONOFFAUTO_ON) {
        return fail(error, FERRY_MEMORY_ERROR_ACCESS,
                    "property 'rom' = 'on' is not supported with 'readonly' = 'off'");
    }
    int fd = open_file(b, error);

    if (fd < 0) {
        return false;
    }
    unsigned flags = RAM_NAMED_FILE | (b->share ? RAM_SHARED : 0) | (rom ? RAM_READONLY : 0) |
                     (b->readonly ? RAM_READONLY_FD : 0);
    RamBlockSpec spec = { .fd = fd, .flags = flags, .align = b->align, .fd_offset = b->offset };

    if (!size_file(b, fd, error) || !make_block(b, &spec, error)) {
        close(fd);
        return false;
    }
    return true;
}

static bool memfd_complete(Object *obj, GError **error)
{
    MemoryBackend *b = (MemoryBackend *)obj;
    unsigned flags = MFD_CLOEXEC | (b->seal ? MFD_ALLOW_SEALING : 0);

    if (!check_size(b, error)) {
        return false;
    }
    if (b->hugetlb) {
        flags |= MFD_HUGETLB;
        if (b->hugetlb_size & (b->hugetlb_size - 1)) {
            return fail(error, FERRY_MEMORY_ERROR_SIZE,
                        "hugetlbsize %" G_GUINT64_FORMAT " is not a power of two", b->hugetlb_size);
        }
        if (b->hugetlb_size) {
            flags |= (unsigned)__builtin_ctzll(b->hugetlb_size) << 26;
        }
    } else if (b->hugetlb_size) {
        return fail(error, FERRY_MEMORY_ERROR_SIZE, "hugetlbsize needs hugetlb=on");
    }
    int fd = memfd_create("memory-backend-memfd", flags);

    if (fd < 0 || ftruncate(fd, (off_t)b->size) < 0) {
        fail(error, FERRY_MEMORY_ERROR_ALLOC,
             "cannot make a memfd of %" G_GUINT64_FORMAT " bytes: %s", b->size, g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    if (b->seal) {
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    }
    RamBlockSpec spec = { .fd = fd, .flags = b->share ? RAM_SHARED : 0 };

    if (!make_block(b, &spec, error)) {
        close(fd);
        return false;
    }
    return true;
}

/* ---- life ---- */

static void backend_init(Object *obj)
{
    MemoryBackend *b = (MemoryBackend *)obj;

    b->merge = b->dump = b->reserve = b->canonical_id = true;
    b->prealloc_threads = 1;
}

static void memfd_init(Object *obj)
{
    MemoryBackend *b = (MemoryBackend *)obj;

    b->share = b->seal = true;
}

static void backend_finalize(Object *obj)
{
    MemoryBackend *b = (MemoryBackend *)obj;

    if (b->block && b->discard_data && b->share && !b->readonly) {
        madvise(b->block->host, b->block->max_length, MADV_REMOVE);
    }
    g_clear_pointer(&b->block, ram_block_free);
}

/* ---- for users ---- */

static MemoryBackend *find(Vm *vm, const char *id, GError **error)
{
    Object *objects = object_child(vm->root, "objects");
    Object *obj = objects && id ? object_child(objects, id) : NULL;

    if (!obj || !object_is_a(obj, "memory-backend") || !((MemoryBackend *)obj)->block) {
        fail(error, FERRY_MEMORY_ERROR_ACCESS, "memory backend '%s' not found", id ? id : "");
        return NULL;
    }
    return (MemoryBackend *)obj;
}

RamBlock *memory_backend_claim(Vm *vm, const char *id, uint64_t size, GError **error)
{
    MemoryBackend *b = find(vm, id, error);

    if (!b) {
        return NULL;
    }
    if (b->in_use) {
        fail(error, FERRY_MEMORY_ERROR_ACCESS, "can't use already busy memdev: %s", id);
        return NULL;
    }
    if (size && size != b->size) {
        fail(error, FERRY_MEMORY_ERROR_SIZE,
             "machine memory size %" G_GUINT64_FORMAT " differs from the %" G_GUINT64_FORMAT
             " bytes of memory backend '%s'",
             size, b->size, id);
        return NULL;
    }
    g_autofree char *path = object_path(&b->obj);

    if (!ram_block_set_idstr(b->block, b->canonical_id ? path : id, error)) {
        return NULL;
    }
    ram_block_set_migratable(b->block, true);
    b->in_use = true;
    return b->block;
}

void memory_backend_release(Vm *vm, const char *id)
{
    MemoryBackend *b = find(vm, id, NULL);

    if (b && b->in_use) {
        b->in_use = false;
        ram_block_set_migratable(b->block, false);
        ram_block_set_idstr(b->block, NULL, NULL);
    }
}

uint64_t memory_backend_size(Vm *vm, const char *id)
{
    MemoryBackend *b = find(vm, id, NULL);

    return b ? b->size : 0;
}

void memory_backend_foreach(Vm *vm, void (*fn)(MemoryBackend *backend, void *opaque), void *opaque)
{
    Object *objects = object_child(vm->root, "objects");

    for (guint i = 0; objects && objects->children && i < objects->children->len; i++) {
        Object *obj = g_ptr_array_index(objects->children, i);

        if (object_is_a(obj, "memory-backend") && ((MemoryBackend *)obj)->block) {
            fn((MemoryBackend *)obj, opaque);
        }
    }
}

RamBlock *memory_backend_block(MemoryBackend *backend)
{
    return backend->block;
}

bool memory_backend_in_use(const MemoryBackend *backend)
{
    return backend->in_use;
}

void memory_backend_view(MemoryBackend *b, MemoryBackendView *view)
{
    *view = (MemoryBackendView){ .id = b->obj.name,
                                 .size_bytes = b->size,
                                 .merge = b->merge,
                                 .dump = b->dump,
                                 .prealloc = b->prealloc,
                                 .share = b->share,
                                 .reserve = b->reserve,
                                 .policy = policy_names[b->policy] };
    for (uint16_t i = 0; i < MAX_NODES; i++) {
        if (b->nodes[i / 8] >> (i % 8) & 1) {
            view->host_nodes[view->host_node_count++] = i;
        }
    }
}

/* ---- types ---- */

#define B_PROP(kind_, field_, name_, ...) \
    PROP(kind_, MemoryBackend, field_, name_, NULL, ##__VA_ARGS__)

static const Property backend_props[] = {
    B_PROP(PROP_SIZE, size, "size", .min = 1, .max = RAM_ADDR_LIMIT / 2),
    B_PROP(PROP_BOOL, merge, "merge"),
    B_PROP(PROP_BOOL, dump, "dump"),
    B_PROP(PROP_BOOL, prealloc, "prealloc"),
    B_PROP(PROP_U32, prealloc_threads, "prealloc-threads", .min = 1, .max = 1024),
    B_PROP(PROP_LINK, prealloc_context, "prealloc-context", .link_type = "thread-context"),
    { .name = "host-nodes",
      .kind = PROP_CUSTOM,
      .link_type = "int",
      .get = get_nodes,
      .set = set_nodes },
    B_PROP(PROP_ENUM, policy, "policy", .choices = policy_names),
    B_PROP(PROP_BOOL, share, "share"),
    B_PROP(PROP_BOOL, reserve, "reserve"),
    B_PROP(PROP_BOOL, canonical_id, "x-use-canonical-path-for-ramblock-id"),
    { .name = "type",
      .kind = PROP_CUSTOM,
      .link_type = "string",
      .read_only = true,
      .get = get_type },
    PROP_END,
};

static const Property file_props[] = {
    B_PROP(PROP_BOOL, discard_data, "discard-data"),
    B_PROP(PROP_STR, mem_path, "mem-path"),
    B_PROP(PROP_SIZE, align, "align"),
    B_PROP(PROP_SIZE, offset, "offset"),
    B_PROP(PROP_BOOL, pmem, "pmem"),
    B_PROP(PROP_BOOL, readonly, "readonly"),
    B_PROP(PROP_ONOFFAUTO, rom, "rom"),
    PROP_END,
};

static const Property memfd_props[] = {
    B_PROP(PROP_BOOL, hugetlb, "hugetlb"),
    B_PROP(PROP_SIZE, hugetlb_size, "hugetlbsize"),
    B_PROP(PROP_BOOL, seal, "seal"),
    PROP_END,
};

const TypeInfo memory_backend_types[] = {
    { .name = "memory-backend",
      .parent = "object",
      .abstract = true,
      .instance_size = sizeof(MemoryBackend),
      .props = backend_props,
      .init = backend_init,
      .finalize = backend_finalize },
    { .name = "memory-backend-ram",
      .parent = "memory-backend",
      .user_creatable = true,
      .complete = ram_complete },
    { .name = "memory-backend-file",
      .parent = "memory-backend",
      .user_creatable = true,
      .props = file_props,
      .complete = file_complete },
    { .name = "memory-backend-memfd",
      .parent = "memory-backend",
      .user_creatable = true,
      .props = memfd_props,
      .init = memfd_init,
      .complete = memfd_complete },
};
const size_t memory_backend_types_n = G_N_ELEMENTS(memory_backend_types);
