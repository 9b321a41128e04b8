/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI function as a test driver sees it: configuration by cf8/cfc, and small helpers that more
 * than one storage test needs. Include once a test program.
 */
#pragma once
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "libqtest.h"

static inline uint32_t pci_cfg_read(QTest *q, unsigned devfn, unsigned reg)
{
    qtest_outl(q, 0xcf8, 0x80000000u | devfn << 8 | reg);
    return qtest_inl(q, 0xcfc);
}
static inline void pci_cfg_write(QTest *q, unsigned devfn, unsigned reg, uint32_t value)
{
    qtest_outl(q, 0xcf8, 0x80000000u | devfn << 8 | reg);
    qtest_outl(q, 0xcfc, value);
}
static inline void pci_enable(QTest *q, unsigned devfn)
{
    pci_cfg_write(q, devfn, 4, 7); /* I/O, memory, bus master */
}

/* A new file of @bytes zeroes; the caller removes and frees it. */
static inline char *image_new(uint64_t bytes)
{
    char *path = NULL;
    int fd = g_file_open_tmp("ferry-disk-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, (off_t)bytes), ==, 0);
    close(fd);
    return path;
}
static inline void image_free(char *path)
{
    g_unlink(path);
    g_free(path);
}
static inline void image_get(const char *path, uint64_t at, void *buf, size_t len)
{
    int fd = g_open(path, O_RDONLY, 0);

    g_assert_cmpint(pread(fd, buf, len, (off_t)at), ==, (ssize_t)len);
    close(fd);
}
static inline void image_put(const char *path, uint64_t at, const void *buf, size_t len)
{
    int fd = g_open(path, O_WRONLY, 0);

    g_assert_cmpint(pwrite(fd, buf, len, (off_t)at), ==, (ssize_t)len);
    close(fd);
}

static inline void fill_pattern(uint8_t *buf, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        buf[i] = (uint8_t)(seed + i * 7 + (i >> 9) * 13);
    }
}

/* Writes of the program beyond @bytes of a file fail (EFBIG), or no more. */
static inline void limit_files(QTest *q, bool limited, uint64_t bytes)
{
    struct rlimit limit;

    g_assert_cmpint(prlimit(qtest_pid(q), RLIMIT_FSIZE, NULL, &limit), ==, 0);
    limit.rlim_cur = limited ? bytes : limit.rlim_max;
    g_assert_cmpint(prlimit(qtest_pid(q), RLIMIT_FSIZE, &limit, NULL), ==, 0);
}

static inline bool has_status(QTest *q, const char *command, const char *status)
{
    json_object *info = qtest_qmp_ok(q, "{\"execute\": \"%s\"}", command), *value;
    bool same = json_object_object_get_ex(info, "status", &value) &&
                g_str_equal(json_object_get_string(value), status);

    json_object_put(info);
    return same;
}

static inline void wait_status(QTest *q, const char *command, const char *status)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;

    while (!has_status(q, command, status)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

/* Moves @src, which an error of its disk has stopped, into @dst ("-incoming defer"), and lets it run. */
static inline void move_stopped(QTest *src, QTest *dst)
{
    char *file = image_new(0);
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;

    json_object_put(
        qtest_qmp_ok(src, "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"exec:cat > %s\"}}",
                     file));
    wait_status(src, "query-migrate", "completed");
    json_object_put(qtest_qmp_ok(
        dst, "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"exec:cat %s\"}}",
        file));
    wait_status(dst, "query-migrate", "completed");
    while (has_status(dst, "query-status", "inmigrate")) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    json_object_put(qtest_qmp_ok(dst, "{\"execute\": \"cont\"}"));
    image_free(file);
}

/* Moves the machine of @src into @dst, which was started with "-incoming defer"; both stay. */
static inline void move_machine(QTest *src, QTest *dst)
{
    char *file = image_new(0);
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_S * G_USEC_PER_SEC;
    const char *status = "";

    json_object_put(
        qtest_qmp_ok(src, "{\"execute\": \"migrate\", \"arguments\": {\"uri\": \"exec:cat > %s\"}}",
                     file));
    while (strcmp(status, "completed")) {
        json_object *info = qtest_qmp_ok(src, "{\"execute\": \"query-migrate\"}"), *value;

        status = json_object_object_get_ex(info, "status", &value) &&
                         g_str_equal(json_object_get_string(value), "completed")
                     ? "completed"
                     : "";
        g_assert_false(json_object_object_get_ex(info, "error-desc", &value));
        json_object_put(info);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    json_object_put(qtest_qmp_ok(
        dst, "{\"execute\": \"migrate-incoming\", \"arguments\": {\"uri\": \"exec:cat %s\"}}",
        file));
    json_object_put(qtest_event(dst, "RESUME"));
    image_free(file);
}
