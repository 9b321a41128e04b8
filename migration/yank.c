/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Breaking a session from outside, for the operator whose peer has fallen silent: works while the
 * main loop hangs, so it takes neither the VM lock nor a look at the session itself.
 */
#include <sys/eventfd.h>
#include <unistd.h>
#include "migration-priv.h"

void yank_register(Migration *m, YankSide side, Channel *channel, int connect_fd)
{
    g_mutex_lock(&m->yank_mutex);
    g_clear_pointer(&m->yank_channels[side], channel_unref);
    m->yank_channels[side] = channel ? channel_ref(channel) : NULL;
    m->yankable[side] = true;
    if (side == YANK_OUTGOING) {
        m->yank_connect = connect_fd;
    }
    g_mutex_unlock(&m->yank_mutex);
}

void yank_unregister(Migration *m, YankSide side)
{
    g_mutex_lock(&m->yank_mutex);
    g_clear_pointer(&m->yank_channels[side], channel_unref);
    m->yankable[side] = false;
    if (side == YANK_OUTGOING) {
        m->yank_connect = -1;
    }
    g_mutex_unlock(&m->yank_mutex);
}

bool migration_yankable(Vm *vm)
{
    Migration *m = vm->migration;
    g_mutex_lock(&m->yank_mutex);
    bool any = m->yankable[YANK_OUTGOING] || m->yankable[YANK_INCOMING];
    g_mutex_unlock(&m->yank_mutex);
    return any;
}

bool migration_yank(Vm *vm)
{
    Migration *m = vm->migration;
    g_mutex_lock(&m->yank_mutex);
    bool any = m->yankable[YANK_OUTGOING] || m->yankable[YANK_INCOMING];
    for (int side = 0; side < 2; side++) {
        if (m->yank_channels[side]) {
            channel_shutdown(m->yank_channels[side]);
        }
    }
    if (m->yank_connect >= 0) {
        eventfd_write(m->yank_connect, 1);
    }
    g_mutex_unlock(&m->yank_mutex);
    return any;
}
