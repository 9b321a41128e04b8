/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Displays: what a guest's graphics device shows, and who looks at it.
 *
 * A graphics device makes a Console and draws into its surface (32 bits a pixel, 0x00RRGGBB in host order)
 * when it is asked to; nothing is drawn while nobody looks. Viewers (a VNC server, a screenshot) ask for an
 * update and are told which part changed.
 *
 * Main loop thread, VM lock held.
 */
#pragma once
#include "base/core/vm.h"

#define FERRY_UI_ERROR (ferry_ui_error_quark())
GQuark ferry_ui_error_quark(void);
typedef enum {
    FERRY_UI_ERROR_CONFIG,   /* a malformed or unknown option */
    FERRY_UI_ERROR_HOST,     /* the host refused */
    FERRY_UI_ERROR_NOTFOUND, /* no such display */
} FerryUiError;

typedef struct Displays Displays;
typedef struct Console Console;

#define CONSOLE_MAX_WIDTH  8192
#define CONSOLE_MAX_HEIGHT 8192

typedef struct {
    /* Bring the surface up to date: console_resize, console_pixels, console_damage. */
    void (*update)(void *opaque);
} ConsoleOps;

Displays *displays_new(Vm *vm);
void displays_free(Displays *displays);

/* @device: the graphics device, for lookup by id; borrowed. */
Console *console_new(Vm *vm, Object *device, const ConsoleOps *ops, void *opaque);
void console_free(Console *console);
/* The device's id, NULL when it has none. */
const char *console_device_id(const Console *console);

/* At most CONSOLE_MAX_*; contents are black afterwards. Nothing happens when the size stays. */
void console_resize(Console *console, int width, int height);
int console_width(const Console *console);
int console_height(const Console *console);
/* Row by row, without gaps. */
uint32_t *console_pixels(Console *console);
void console_damage(Console *console, int x, int y, int width, int height);
void console_update(Console *console);

/* The first console, or that of the device called id. NULL + error: there is none. */
Console *displays_console(Vm *vm, const char *id, GError **error);

typedef struct ConsoleViewer ConsoleViewer;
struct ConsoleViewer {
    void (*resized)(ConsoleViewer *viewer);
    void (*damaged)(ConsoleViewer *viewer, int x, int y, int width, int height);
    Console *console; /* NULL when the device is gone, or not looking */
    ConsoleViewer *next;
};
/* The viewer is told at once of the present size. */
void console_view(Console *console, ConsoleViewer *viewer);
void console_unview(ConsoleViewer *viewer);

typedef enum {
    SCREENSHOT_PPM,
    SCREENSHOT_PNG,
} ScreenshotFormat;
/* Updates the console and writes it to a new or truncated file. */
bool console_screenshot(Console *console, const char *path, ScreenshotFormat format,
                        GError **error);
