/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and their names; handlers; typed sequences of keys. */
#include <string.h>
#include "ui-priv.h"

struct InputHandler {
    Inputs *inputs;
    const InputHandlerOps *ops;
    void *opaque;
    unsigned index;
    bool touched; /* it was given something since it was last synchronized */
};

/* One step of a typed sequence. */
typedef struct {
    InputKey key;
    bool down;
    unsigned wait_ms; /* before it */
} Step;

struct Inputs {
    GPtrArray *handlers; /* InputHandler *, owned; the last is asked first */
    unsigned next_index;
    GQueue steps; /* Step * */
    guint timer;
    Vm *vm;
};

/* ---- keys ---- */

static const struct {
    const char *name;
    uint16_t code;
    uint32_t keysym[2];
} keys[] = {
#define INPUT_KEY(NAME, name, code, sym1, sym2) { name, code, { sym1, sym2 } },
#include "backend/ui/keys.def"
};

const char *input_key_name(InputKey key)
{
    return keys[key].name;
}

bool input_key_parse(const char *name, InputKey *key)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!strcmp(keys[i].name, name)) {
            *key = (InputKey)i;
            return true;
        }
    }
    return false;
}

unsigned input_key_scancode(InputKey key)
{
    return keys[key].code;
}

InputKey input_key_from_scancode(unsigned code)
{
    for (unsigned i = 1; i < G_N_ELEMENTS(keys); i++) {
        if (keys[i].code == code) {
            return (InputKey)i;
        }
    }
    return INPUT_KEY_UNMAPPED;
}

InputKey input_key_from_keysym(uint32_t keysym)
{
    for (unsigned i = 1; keysym && i < G_N_ELEMENTS(keys); i++) {
        if (keys[i].keysym[0] == keysym || keys[i].keysym[1] == keysym) {
            return (InputKey)i;
        }
    }
    return INPUT_KEY_UNMAPPED;
}

/* ---- handlers ---- */

Inputs *inputs_new(void)
{
    Inputs *in = g_new0(Inputs, 1);

    in->handlers = g_ptr_array_new_with_free_func(g_free);
    g_queue_init(&in->steps);
    return in;
}

void inputs_free(Inputs *in)
{
    if (in->timer) {
        g_source_remove(in->timer);
    }
    g_queue_clear_full(&in->steps, g_free);
    g_ptr_array_unref(in->handlers);
    g_free(in);
}

static InputHandler *handler_add(Vm *vm, const InputHandlerOps *ops, void *opaque, bool first)
{
    if (!vm->displays) {
        return NULL;
    }
    Inputs *in = vm_inputs(vm);
    InputHandler *h = g_new0(InputHandler, 1);

    h->inputs = in;
    h->ops = ops;
    h->opaque = opaque;
    h->index = in->next_index++;
    g_ptr_array_insert(in->handlers, first ? -1 : 0, h);
    return h;
}

InputHandler *input_handler_add(Vm *vm, const InputHandlerOps *ops, void *opaque)
{
    return handler_add(vm, ops, opaque, true);
}

InputHandler *input_handler_add_idle(Vm *vm, const InputHandlerOps *ops, void *opaque)
{
    return handler_add(vm, ops, opaque, false);
}

void input_handler_activate(InputHandler *h)
{
    guint at;

    if (h && g_ptr_array_find(h->inputs->handlers, h, &at)) {
        g_ptr_array_steal_index(h->inputs->handlers, at);
        g_ptr_array_add(h->inputs->handlers, h);
    }
}

void input_handler_remove(InputHandler *h)
{
    if (h) {
        g_ptr_array_remove(h->inputs->handlers, h);
    }
}

static InputHandler *last_with(Vm *vm, bool (*takes)(const InputHandlerOps *ops))
{
    GPtrArray *all = vm_inputs(vm)->handlers;

    for (guint i = all->len; i--;) {
        InputHandler *h = g_ptr_array_index(all, i);
        if (takes(h->ops)) {
            return h;
        }
    }
    return NULL;
}

static bool takes_keys(const InputHandlerOps *ops)
{
    return ops->key;
}

static bool is_pointer(const InputHandlerOps *ops)
{
    return ops->button;
}

static bool takes_positions(const InputHandlerOps *ops)
{
    return ops->move_abs;
}

static bool takes_moves(const InputHandlerOps *ops)
{
    return ops->move;
}

void input_pointers_foreach(Vm *vm,
                            void (*fn)(const InputHandlerOps *ops, unsigned index, bool current,
                                       void *opaque),
                            void *opaque)
{
    GPtrArray *all = vm_inputs(vm)->handlers;
    InputHandler *current = last_with(vm, is_pointer);

    for (guint i = all->len; i--;) {
        InputHandler *h = g_ptr_array_index(all, i);
        if (is_pointer(h->ops)) {
            fn(h->ops, h->index, h == current, opaque);
        }
    }
}

bool input_pointer_is_absolute(Vm *vm)
{
    InputHandler *h = last_with(vm, is_pointer);

    return h && h->ops->move_abs;
}

void input_send_key(Vm *vm, InputKey key, bool down)
{
    InputHandler *h = last_with(vm, takes_keys);

    if (h) {
        h->ops->key(h->opaque, key, down);
    }
}

void input_send_move(Vm *vm, int dx, int dy)
{
    InputHandler *h = last_with(vm, takes_moves);

    if (h) {
        h->touched = true;
        h->ops->move(h->opaque, dx, dy);
    }
}

void input_send_abs(Vm *vm, int x, int y)
{
    InputHandler *h = last_with(vm, takes_positions);

    if (h) {
        h->touched = true;
        h->ops->move_abs(h->opaque, CLAMP(x, 0, INPUT_ABS_MAX), CLAMP(y, 0, INPUT_ABS_MAX));
    }
}

void input_send_button(Vm *vm, InputButton button, bool down)
{
    InputHandler *h = last_with(vm, is_pointer);

    if (h) {
        h->ops->button(h->opaque, button, down);
    }
}

/* Positions, movements and buttons may have gone to different devices. */
void input_send_sync(Vm *vm)
{
    GPtrArray *all = vm_inputs(vm)->handlers;
    InputHandler *current = last_with(vm, is_pointer);

    for (guint i = all->len; i--;) {
        InputHandler *h = g_ptr_array_index(all, i);
        if (h->ops->sync && (h == current || h->touched)) {
            h->touched = false;
            h->ops->sync(h->opaque);
        }
    }
}

/* ---- typed sequences ---- */

static void run_steps(Inputs *in);

static gboolean step_due(gpointer opaque)
{
    Inputs *in = opaque;
    g_autofree Step *step = g_queue_pop_head(&in->steps);

    in->timer = 0;
    vm_lock(in->vm);
    input_send_key(in->vm, step->key, step->down);
    run_steps(in);
    vm_unlock(in->vm);
    return G_SOURCE_REMOVE;
}

static void run_steps(Inputs *in)
{
    while (!in->timer && !g_queue_is_empty(&in->steps)) {
        Step *step = g_queue_peek_head(&in->steps);
        if (step->wait_ms) {
            in->timer = g_timeout_add(step->wait_ms, step_due, in);
            return;
        }
        g_queue_pop_head(&in->steps);
        input_send_key(in->vm, step->key, step->down);
        g_free(step);
    }
}

static void add_step(Inputs *in, InputKey key, bool down, unsigned wait_ms)
{
    Step *step = g_new(Step, 1);

    *step = (Step){ key, down, wait_ms };
    g_queue_push_tail(&in->steps, step);
}

void input_type_keys(Vm *vm, const InputKey *sequence, unsigned n, unsigned hold_ms)
{
    Inputs *in = vm_inputs(vm);

    in->vm = vm;
    for (unsigned i = 0; i < n; i++) {
        /* A keyboard sends one key after the other; and a pause ends what was typed before. */
        add_step(in, sequence[i], true, i || !g_queue_is_empty(&in->steps) ? 1 : 0);
    }
    for (unsigned i = n; i--;) {
        add_step(in, sequence[i], false, i == n - 1 ? MAX(hold_ms, 1) : 1);
    }
    run_steps(in);
}
