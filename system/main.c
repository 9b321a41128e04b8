/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program's entry: command line in, exit code out. Only system/ prints and exits; every room
 * below returns errors.
 */
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "base/memory/space.h"
#include "base/util/version.h"
#include "system-priv.h"

static void print_message(const CmdLine *cmd, const char *text)
{
    if (cmd->msg_timestamp) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ");
        fprintf(stderr, "%s ", stamp);
    }
    fprintf(stderr, "%s: %s\n", cmd->program, text);
}

static void log_handler(const char *domain, GLogLevelFlags level, const char *text, gpointer data)
{
    g_autofree char *line = g_strconcat(level & G_LOG_LEVEL_WARNING ? "warning: " : "", text, NULL);
    print_message(data, line);
}

static gboolean on_signal(gpointer data)
{
    vm_shutdown_request(data, SHUTDOWN_HOST_SIGNAL);
    return G_SOURCE_CONTINUE;
}

static void watch_signals(System *sys)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        sys->signal_sources[i] = g_unix_signal_add(signals[i], on_signal, sys->vm);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ,
           SIG_IGN); /* a limit of file sizes is an error of the write (EFBIG), not the end */
}

/* VM lock held. */
static bool run(System *sys, int notify_fd, GError **error)
{
    CmdLine *cmd = sys->cmd;
    if (cmd->dump_vmstate) {
        return system_dump_vmstate(sys, error);
    }
    if (cmd->dump_manifest) {
        return system_dump_manifest(sys, error);
    }
    if (cmd->pidfile && !process_write_pidfile(cmd->pidfile, error)) {
        return false;
    }
    if (cmd->sandbox && !process_sandbox(cmd->sandbox, error)) {
        return false;
    }
    if (notify_fd >= 0) {
        process_daemonize_done(notify_fd);
    }
    if (!cmd->stopped && !cmd->incoming && !vm_start(sys->vm, error)) {
        return false;
    }
    loop_run(sys->vm);
    return true;
}

static int check_manifests(CmdLine *cmd)
{
    g_autoptr(GError) error = NULL;
    int code = system_migrate_check(cmd->migrate_check, &error);
    if (error) {
        print_message(cmd, error->message);
    }
    return code;
}

static int start(CmdLine *cmd)
{
    g_autoptr(GError) error = NULL;
    int notify_fd = -1, code = 1;
    bool handled = false;
    System sys = { .cmd = cmd };
    if (cmd->daemonize && !process_daemonize_begin(&notify_fd, &error)) {
        print_message(cmd, error->message);
        return 1;
    }
    sys.vm = vm_new(system_types_new());
    sys.vm->system = (struct System *)&sys;
    sys.serial_ids = g_ptr_array_new_with_free_func(cmdline_arg_free);
    vm_lock(sys.vm);
    watch_signals(&sys);
    if (!help_requested(cmd, sys.vm, &handled, &error)) {
        print_message(cmd, error->message);
    } else if (handled) {
        code = 0;
    } else if (system_build(&sys, &error) && run(&sys, notify_fd, &error)) {
        code = vm_exit_code(sys.vm);
    } else {
        print_message(cmd, error->message);
    }
    system_teardown(&sys);
    for (size_t i = 0; i < G_N_ELEMENTS(sys.signal_sources); i++) {
        g_source_remove(sys.signal_sources[i]);
    }
    vm_unlock(sys.vm);
    if (cmd->pidfile && code == 0) {
        unlink(cmd->pidfile);
    }
    g_ptr_array_unref(sys.serial_ids);
    memory_teardown(sys.vm);
    vm_free(sys.vm);
    return code;
}

int main(int argc, char **argv)
{
    CmdLine cmd;
    g_autoptr(GError) error = NULL;
    setlocale(LC_CTYPE, "");
    CmdLineResult result = cmdline_parse(&cmd, argc, argv, &error);
    int code = result == CMDLINE_FAILED;
    if (result == CMDLINE_FAILED) {
        print_message(&cmd, error->message);
    } else if (result == CMDLINE_RUN) {
        g_log_set_default_handler(log_handler, &cmd);
        code = cmd.migrate_check ? check_manifests(&cmd) : start(&cmd);
    }
    cmdline_clear(&cmd);
    return code;
}
