/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Consoles, their surfaces, and their viewers. */
#include <string.h>
#include "ui-priv.h"

GQuark ferry_ui_error_quark(void)
{
    return g_quark_from_static_string("ferry-ui-error");
}

Displays *displays_new(Vm *vm)
{
    Displays *d = g_new0(Displays, 1);

    d->vm = vm;
    d->consoles = g_ptr_array_new();
    d->inputs = inputs_new();
    return d;
}

void displays_free(Displays *d)
{
    g_assert(d->consoles->len == 0);
    g_ptr_array_unref(d->consoles);
    inputs_free(d->inputs);
    g_free(d);
}

Inputs *vm_inputs(Vm *vm)
{
    return vm->displays->inputs;
}

Console *console_new(Vm *vm, Object *device, const ConsoleOps *ops, void *opaque)
{
    Console *c = g_new0(Console, 1);

    c->displays = vm->displays;
    c->device = device;
    c->ops = ops;
    c->opaque = opaque;
    g_ptr_array_add(vm->displays->consoles, c);
    console_resize(c, 640, 480);
    return c;
}

void console_free(Console *c)
{
    if (!c) {
        return;
    }
    while (c->viewers) {
        console_unview(c->viewers);
    }
    g_ptr_array_remove(c->displays->consoles, c);
    g_free(c->pixels);
    g_free(c);
}

const char *console_device_id(const Console *c)
{
    return c->device->name;
}

void console_resize(Console *c, int width, int height)
{
    width = CLAMP(width, 1, CONSOLE_MAX_WIDTH);
    height = CLAMP(height, 1, CONSOLE_MAX_HEIGHT);
    if (width == c->width && height == c->height) {
        return;
    }
    g_free(c->pixels);
    c->pixels = g_new0(uint32_t, (size_t)width * (size_t)height);
    c->width = width;
    c->height = height;
    for (ConsoleViewer *v = c->viewers; v; v = v->next) {
        v->resized(v);
    }
}

int console_width(const Console *c)
{
    return c->width;
}

int console_height(const Console *c)
{
    return c->height;
}

uint32_t *console_pixels(Console *c)
{
    return c->pixels;
}

void console_damage(Console *c, int x, int y, int width, int height)
{
    for (ConsoleViewer *v = c->viewers; v; v = v->next) {
        v->damaged(v, x, y, width, height);
    }
}

void console_update(Console *c)
{
    c->ops->update(c->opaque);
}

Console *displays_console(Vm *vm, const char *id, GError **error)
{
    GPtrArray *all = vm->displays->consoles;

    for (guint i = 0; i < all->len; i++) {
        Console *c = g_ptr_array_index(all, i);
        const char *name = console_device_id(c);
        if (!id || (name && !strcmp(name, id))) {
            return c;
        }
    }
    if (id) {
        g_set_error(error, FERRY_UI_ERROR, FERRY_UI_ERROR_NOTFOUND, "device '%s' has no display",
                    id);
    } else {
        g_set_error(error, FERRY_UI_ERROR, FERRY_UI_ERROR_NOTFOUND,
                    "there is no display: the machine has no graphics device");
    }
    return NULL;
}

void console_view(Console *c, ConsoleViewer *v)
{
    v->console = c;
    v->next = c->viewers;
    c->viewers = v;
    v->resized(v);
}

void console_unview(ConsoleViewer *v)
{
    if (!v->console) {
        return;
    }
    ConsoleViewer **p = &v->console->viewers;
    while (*p != v) {
        p = &(*p)->next;
    }
    *p = v->next;
    v->console = NULL;
}
