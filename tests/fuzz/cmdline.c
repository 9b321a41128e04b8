/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: a command line, one word a line, and what its values are parsed with. Nothing is opened,
 * connected or built.
 */
#include "fuzz.h"
#include <fcntl.h>
#include <unistd.h>
#include "backend/chardev/chardev.h"
#include "base/io/socket-address.h"
#include "base/util/size.h"
#include "migration/address.h"
#include "system/keyval.h"
#include "system/system-priv.h"

static void values(const char *text)
{
    GError *error = NULL;
    GVariant *v = keyval_parse(text, "driver", &error);
    uint64_t bytes;

    if (v) {
        g_variant_unref(g_variant_ref_sink(v));
    }
    g_clear_error(&error);
    v = keyval_parse_nested(text, "driver", &error);
    if (v) {
        g_variant_unref(g_variant_ref_sink(v));
    }
    g_clear_error(&error);
    ChardevConfig *config = chardev_config_parse(text, &error);
    if (config) {
        chardev_config_free(config);
    }
    g_clear_error(&error);
    SocketAddress *address = socket_address_parse(text, &error);
    if (address) {
        socket_address_free(address);
    }
    g_clear_error(&error);
    MigrationAddress *migration = migration_address_parse(text, -1, &error);
    if (migration) {
        migration_address_free(migration);
    }
    g_clear_error(&error);
    size_parse("size", text, &bytes, &error);
    g_clear_error(&error);
}

/* -h and -version print. */
static void be_quiet(void)
{
    static bool quiet;
    int null = quiet ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null >= 0) {
        dup2(null, STDOUT_FILENO);
        close(null);
    }
    quiet = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) words = g_strsplit(text, "\n", 64);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    CmdLine cmd;

    be_quiet();
    g_ptr_array_add(argv, (gpointer) "ferry-system-x86_64");
    for (char **w = words; *w; w++) {
        g_ptr_array_add(argv, *w);
        values(*w);
    }
    g_ptr_array_add(argv, NULL);
    CmdLineResult result = cmdline_parse(&cmd, (int)argv->len - 1, (char **)argv->pdata, &error);
    g_assert_true((result == CMDLINE_FAILED) == (error != NULL));
    cmdline_clear(&cmd);
    return 0;
}
