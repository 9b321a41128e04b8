/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named groups of pins of a device: declared by the device, wired by the board or by qtest. */
#include <string.h>
#include "hw/core/device.h"

static GpioGroup *add_group(Device *dev, const char *name, int n, bool output)
{
    if (!dev->gpios) {
        dev->gpios = g_array_new(false, true, sizeof(GpioGroup));
    }
    g_assert(!device_find_gpio(dev, name, output));
    GpioGroup group = { .name = g_strdup(name), .n = n, .output = output };
    g_array_append_val(dev->gpios, group);
    return &g_array_index(dev->gpios, GpioGroup, dev->gpios->len - 1);
}

GpioGroup *device_find_gpio(Device *dev, const char *name, bool output)
{
    for (guint i = 0; dev->gpios && i < dev->gpios->len; i++) {
        GpioGroup *g = &g_array_index(dev->gpios, GpioGroup, i);
        if (g->output == output && !g_strcmp0(g->name, name)) {
            return g;
        }
    }
    return NULL;
}

void device_add_gpio_in(Device *dev, const char *name, IrqHandler handler, int n)
{
    GpioGroup *group = add_group(dev, name, n, false);
    group->pins = g_new0(Irq, n);
    for (int i = 0; i < n; i++) {
        irq_init(&group->pins[i], handler, dev, i);
    }
}

void device_add_gpio_out(Device *dev, const char *name, Irq **slots, int n)
{
    GpioGroup *group = add_group(dev, name, n, true);
    group->slots = g_new0(Irq **, n);
    for (int i = 0; i < n; i++) {
        group->slots[i] = &slots[i];
    }
}

Irq *device_gpio_in(Device *dev, const char *name, int i)
{
    GpioGroup *group = device_find_gpio(dev, name, false);
    g_assert(group && i >= 0 && i < group->n);
    return &group->pins[i];
}

void device_connect_out(Device *dev, const char *name, int i, Irq *to)
{
    GpioGroup *group = device_find_gpio(dev, name, true);
    g_assert(group && i >= 0 && i < group->n);
    *group->slots[i] = to;
}
