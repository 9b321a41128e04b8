/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process: background start, pid file, system call filter. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ferry-config.h"
#include "system/keyval.h"
#include "system-priv.h"
#if HAVE_SECCOMP
#include <seccomp.h>
#endif

static bool host_error(GError **error, const char *what)
{
    g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_HOST, "%s: %s", what,
                g_strerror(errno));
    return false;
}

/* The parent waits for one byte on the pipe: 0 is success, end of file is failure (the child has
   said why on stderr). */
bool process_daemonize_begin(int *notify_fd, GError **error)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return host_error(error, "-daemonize: pipe");
    }
    pid_t pid = fork();
    if (pid < 0) {
        return host_error(error, "-daemonize: fork");
    }
    if (pid > 0) {
        char status;
        ssize_t n;
        close(fds[1]);
        do {
            n = read(fds[0], &status, 1);
        } while (n < 0 && errno == EINTR);
        _exit(n == 1 && status == 0 ? 0 : 1);
    }
    close(fds[0]);
    if (setsid() < 0) {
        return host_error(error, "-daemonize: setsid");
    }
    pid = fork();
    if (pid < 0) {
        return host_error(error, "-daemonize: fork");
    }
    if (pid > 0) {
        _exit(0);
    }
    umask(027);
    *notify_fd = fds[1];
    return true;
}

void process_daemonize_done(int notify_fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (chdir("/") < 0 || null < 0) {
        g_warning("-daemonize: %s", g_strerror(errno));
    }
    for (int fd = 0; null >= 0 && fd <= 2; fd++) {
        dup2(null, fd);
    }
    if (write(notify_fd, "", 1) != 1) {
        g_warning("-daemonize: the parent went away");
    }
    close(notify_fd);
    close(null);
}

bool process_write_pidfile(const char *path, GError **error)
{
    g_autofree char *what = g_strdup_printf("cannot write pid file '%s'", path);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 || ftruncate(fd, 0) < 0) {
        host_error(error, what);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        close(fd);
        return host_error(error, what);
    }
    return true; /* kept open, and so locked, until the process ends */
}

#if HAVE_SECCOMP
static const int obsolete_calls[] = { SCMP_SYS(readdir), SCMP_SYS(_sysctl),   SCMP_SYS(bdflush),
                                      SCMP_SYS(uselib),  SCMP_SYS(sysfs),     SCMP_SYS(ustat),
                                      SCMP_SYS(acct),    SCMP_SYS(swapon),    SCMP_SYS(swapoff),
                                      SCMP_SYS(reboot),  SCMP_SYS(kexec_load) };
static const int privilege_calls[] = { SCMP_SYS(setuid),    SCMP_SYS(setgid),   SCMP_SYS(setpgid),
                                       SCMP_SYS(setreuid),  SCMP_SYS(setregid), SCMP_SYS(setresuid),
                                       SCMP_SYS(setresgid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid),
                                       SCMP_SYS(setgroups), SCMP_SYS(setsid) };
static const int spawn_calls[] = { SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(execve),
                                   SCMP_SYS(execveat) };
static const int resource_calls[] = { SCMP_SYS(setpriority), SCMP_SYS(sched_setparam),
                                      SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_setaffinity) };

static const struct {
    const char *key;
    const int *calls;
    size_t n;
    bool denied_by_default;
} call_sets[] = {
    { "obsolete", obsolete_calls, G_N_ELEMENTS(obsolete_calls), true },
    { "elevateprivileges", privilege_calls, G_N_ELEMENTS(privilege_calls), false },
    { "spawn", spawn_calls, G_N_ELEMENTS(spawn_calls), false },
    { "resourcecontrol", resource_calls, G_N_ELEMENTS(resource_calls), false },
};

static bool denied(GVariant *spec, const char *key, bool by_default)
{
    const char *v = keyval_str(spec, key);
    return v ? !strcmp(v, "deny") || !strcmp(v, "children") : by_default;
}

static bool apply_filter(GVariant *spec, GError **error)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int ret = ctx ? 0 : -ENOMEM;
    if (ctx) { /* the CPUs' and the monitor's threads exist already */
        ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    }
    for (size_t i = 0; ctx && ret >= 0 && i < G_N_ELEMENTS(call_sets); i++) {
        bool deny = denied(spec, call_sets[i].key, call_sets[i].denied_by_default);
        for (size_t j = 0; deny && j < call_sets[i].n && ret >= 0; j++) {
            int nr = call_sets[i].calls[j];
            ret = nr < 0 ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
        }
    }
    /* The C library's fork is clone without a shared address space; threads share it. */
    if (ret >= 0 && denied(spec, "spawn", false)) {
        ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM, 0));
    }
    if (ret >= 0) {
        ret = seccomp_load(ctx);
    }
    seccomp_release(ctx);
    if (ret < 0) {
        errno = -ret;
        return host_error(error, "-sandbox: the system call filter cannot be loaded");
    }
    return true;
}
#endif

bool process_sandbox(const char *text, GError **error)
{
    static const char *const known[] = { "enable", "obsolete",        "elevateprivileges",
                                         "spawn",  "resourcecontrol", NULL };
    static const char *const values[] = { "allow", "deny", "children", NULL };
    GVariant *parsed = keyval_parse(text, "enable", error);
    if (!parsed) {
        return false;
    }
    g_autoptr(GVariant) spec = g_variant_ref_sink(parsed);
    bool on = false;
    if (!keyval_only(spec, known, error) || !keyval_bool(spec, "enable", &on, error)) {
        g_prefix_error(error, "-sandbox %s: ", text);
        return false;
    }
    for (int i = 1; known[i]; i++) {
        const char *v = keyval_str(spec, known[i]);
        if (v && !g_strv_contains(values, v)) {
            g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_OPTION,
                        "-sandbox %s: invalid value '%s', expected allow or deny", known[i], v);
            return false;
        }
    }
#if HAVE_SECCOMP
    return !on || apply_filter(spec, error);
#else
    if (on) {
        g_set_error(error, FERRY_SYSTEM_ERROR, FERRY_SYSTEM_ERROR_HOST,
                    "-sandbox: this program was built without libseccomp");
    }
    return !on;
#endif
}
