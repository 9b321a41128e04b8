/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of images that a reset restores, and reading image files with errors that name them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "hw/core/loader.h"

typedef struct {
    char *name;
    GuestPhys addr;
    GBytes *bytes;
} Image;

struct RomStore {
    AddressSpace *as;
    GPtrArray *images; /* Image */
};

static void image_free(gpointer p)
{
    Image *image = p;

    g_free(image->name);
    g_bytes_unref(image->bytes);
    g_free(image);
}

RomStore *rom_store_new(AddressSpace *as)
{
    RomStore *store = g_new0(RomStore, 1);

    store->as = as;
    store->images = g_ptr_array_new_with_free_func(image_free);
    return store;
}

void rom_store_free(RomStore *store)
{
    if (store) {
        g_ptr_array_unref(store->images);
        g_free(store);
    }
}

bool rom_store_add(RomStore *store, const char *name, GuestPhys addr, GBytes *bytes, GError **error)
{
    uint64_t len = g_bytes_get_size(bytes);

    if (!len) {
        return true;
    }
    for (guint i = 0; i < store->images->len; i++) {
        Image *other = g_ptr_array_index(store->images, i);
        uint64_t other_len = g_bytes_get_size(other->bytes);

        if (addr < other->addr + other_len && other->addr < addr + len) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                        "'%s' at 0x%" G_GINT64_MODIFIER "x (0x%" G_GINT64_MODIFIER
                        "x bytes) overlaps '%s' at 0x%" G_GINT64_MODIFIER "x (0x%" G_GINT64_MODIFIER
                        "x bytes)",
                        name, addr, len, other->name, other->addr, other_len);
            return false;
        }
    }
    Image *image = g_new0(Image, 1);
    image->name = g_strdup(name);
    image->addr = addr;
    image->bytes = g_bytes_ref(bytes);
    g_ptr_array_add(store->images, image);
    return true;
}

void rom_store_remove(RomStore *store, const char *name)
{
    for (guint i = 0; i < store->images->len; i++) {
        Image *image = g_ptr_array_index(store->images, i);

        if (!strcmp(image->name, name)) {
            g_ptr_array_remove_index(store->images, i);
            return;
        }
    }
}

void rom_store_reset(RomStore *store)
{
    for (guint i = 0; i < store->images->len; i++) {
        Image *image = g_ptr_array_index(store->images, i);

        address_space_write_rom(store->as, image->addr, g_bytes_get_data(image->bytes, NULL),
                                g_bytes_get_size(image->bytes));
    }
}

uint64_t rom_store_total(const RomStore *store)
{
    uint64_t total = 0;

    for (guint i = 0; i < store->images->len; i++) {
        total += g_bytes_get_size(((Image *)g_ptr_array_index(store->images, i))->bytes);
    }
    return total;
}

static void set_io_error(GError **error, const char *what, const char *path)
{
    g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE, "%s '%s': %s", what, path,
                g_strerror(errno));
}

GBytes *image_read_file(const char *what, const char *path, uint64_t limit, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    g_autofree uint8_t *data = NULL;
    uint64_t done = 0;

    if (fd < 0 || fstat(fd, &st) < 0) {
        set_io_error(error, what, path);
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > limit) {
        if (!S_ISREG(st.st_mode)) {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                        "%s '%s' is not a regular file", what, path);
        } else {
            g_set_error(error, FERRY_HW_ERROR, FERRY_HW_ERROR_IMAGE,
                        "%s '%s' has %" G_GINT64_FORMAT " bytes (limit %" G_GUINT64_FORMAT ")",
                        what, path, (gint64)st.st_size, limit);
        }
        close(fd);
        return NULL;
    }
    data = g_malloc(st.st_size + 1);
    while (done < (uint64_t)st.st_size) {
        ssize_t n = read(fd, data + done, st.st_size - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            set_io_error(error, what, path);
            close(fd);
            return NULL;
        }
        if (n == 0) {
            break;
        }
        done += n;
    }
    close(fd);
    return g_bytes_new_take(g_steal_pointer(&data), done);
}
