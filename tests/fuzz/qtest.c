/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: lines of the device test protocol against a q35 machine that was just reset. A client that asks for
 * years of virtual time waits for as many timers: such lines are left out.
 */
#include "fuzz.h"
#include "system/qtest.h"
#include "tests/unit/machine-vm.h"

static void drop(void *opaque, const char *text, size_t len)
{
    *(size_t *)opaque += len;
}

/* Does the line ask for more than 10 ms of time? */
static bool too_long(const char *line)
{
    return strstr(line, "clock_") && (*line != 'c' || strlen(line) > strlen("clock_step 1234567"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static MachineVm *m;
    size_t sent = 0;

    m = m ? m : machine_vm_new(&machine_rows[1]);
    machine_reset(m->sys.vm, SHUTDOWN_NONE);
    QtestSession *s = qtest_session_new(m->sys.vm, drop, &sent);
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 100);
    for (char **line = lines; *line; line++) {
        if (!too_long(*line)) {
            qtest_session_feed(s, *line, strlen(*line));
            qtest_session_feed(s, "\n", 1);
        }
    }
    qtest_session_free(s);
    return 0;
}
