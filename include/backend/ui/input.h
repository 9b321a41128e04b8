/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the user does with keyboard and mouse, on its way to the guest's devices.
 *
 * A device registers an InputHandler for what it understands; of several that could take an event the
 * one registered or activated last does. VM lock held; what sends events, main loop thread.
 */
#pragma once
#include "base/core/vm.h"

typedef enum {
#define INPUT_KEY(NAME, name, code, sym1, sym2) INPUT_KEY_##NAME,
#include "backend/ui/keys.def"
    INPUT_KEY__COUNT,
} InputKey;

typedef enum {
    INPUT_BUTTON_LEFT,
    INPUT_BUTTON_MIDDLE,
    INPUT_BUTTON_RIGHT,
    INPUT_BUTTON_WHEEL_UP,
    INPUT_BUTTON_WHEEL_DOWN,
    INPUT_BUTTON_SIDE,
    INPUT_BUTTON_EXTRA,
    INPUT_BUTTON_WHEEL_LEFT,
    INPUT_BUTTON_WHEEL_RIGHT,
    INPUT_BUTTON_TOUCH,
    INPUT_BUTTON__COUNT,
} InputButton;

#define INPUT_ABS_MAX 0x7fff

typedef struct Inputs Inputs;
typedef struct InputHandler InputHandler;

typedef struct {
    const char *name; /* "PS/2 Mouse" */
    /* NULL: does not take that kind of event. */
    void (*key)(void *opaque, InputKey key, bool down);
    void (*move)(void *opaque, int dx, int dy);   /* y grows downwards */
    void (*move_abs)(void *opaque, int x, int y); /* 0..INPUT_ABS_MAX */
    void (*button)(void *opaque, InputButton button, bool down);
    void (*sync)(void *opaque); /* what came since the last one is one event */
} InputHandlerOps;

Inputs *inputs_new(void);
void inputs_free(Inputs *inputs);
Inputs *vm_inputs(Vm *vm); /* of vm->displays */

/* NULL: the VM has no user interface (vm->displays), so nothing will come. */
InputHandler *input_handler_add(Vm *vm, const InputHandlerOps *ops, void *opaque);
/* The same, behind all others until it is activated: the guest may never look at that device. */
InputHandler *input_handler_add_idle(Vm *vm, const InputHandlerOps *ops, void *opaque);
/* From now on it comes first. NULL: nothing. */
void input_handler_activate(InputHandler *handler);
void input_handler_remove(InputHandler *handler);
/* Calls fn for every handler with pointer ops; @current: events go to it. */
void input_pointers_foreach(Vm *vm,
                            void (*fn)(const InputHandlerOps *ops, unsigned index, bool current,
                                       void *opaque),
                            void *opaque);
/* Does the pointer that takes events want absolute positions? */
bool input_pointer_is_absolute(Vm *vm);

void input_send_key(Vm *vm, InputKey key, bool down);
void input_send_move(Vm *vm, int dx, int dy);
void input_send_abs(Vm *vm, int x, int y);
void input_send_button(Vm *vm, InputButton button, bool down);
void input_send_sync(Vm *vm);
/* Presses the keys in order and lets them go in reverse order after @hold_ms. Sequences queue. */
void input_type_keys(Vm *vm, const InputKey *keys, unsigned n, unsigned hold_ms);

const char *input_key_name(InputKey key);
bool input_key_parse(const char *name, InputKey *key);
/* Scan code of set 1, 0xe000 + code for the grey keys; 0: the keyboard has no such key. */
unsigned input_key_scancode(InputKey key);
/* The key that sends a scan code or an X keysym; INPUT_KEY_UNMAPPED when none does. */
InputKey input_key_from_scancode(unsigned code);
InputKey input_key_from_keysym(uint32_t keysym);
