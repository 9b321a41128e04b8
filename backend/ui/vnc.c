/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VNC server: LibVNCServer in a thread, a copy of the console's pixels between.
 *
 *   main loop: timer ──▶ console_update ──▶ damaged() ──▶ copy into frame (only if the lock is free)
 *   thread:    poll ──▶ accept, rfbProcessEvents (lock held) ──▶ input events ──▶ main loop
 *
 * `lock` guards everything of LibVNCServer, the frame and the list of clients. The thread may hold it as long
 * as a client takes to swallow a picture, so the main loop only ever tries it; what it could not copy it
 * remembers as one rectangle for the next time. What the main loop must have at once (password, list of
 * peers) is under `info`, which is never held for long. The thread never takes the VM lock.
 */
#include <errno.h>
#include <poll.h>
#include <rfb/rfb.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "backend/ui/vnc.h"
#include "ui-priv.h"

#define FRAME_MS       33
#define PASSWORD_BYTES 8

typedef struct {
    int x1, y1, x2, y2; /* empty when x1 >= x2 */
} Rect;

typedef enum {
    EVENT_KEY,
    EVENT_POINTER,
} EventKind;

typedef struct {
    EventKind kind;
    bool down;
    uint32_t keysym;
    int x, y, width, height;
    unsigned buttons;
} InputEvent;

struct VncServer {
    Vm *vm;
    char *id;
    ConsoleViewer viewer;
    bool wants_password;
    SocketAddress *address; /* owned; as bound */
    char *unix_path;        /* owned; removed at the end */
    int listen_fd, wake_fd;
    guint timer;
    GThread *thread;
    GAsyncQueue *events; /* InputEvent *, from the thread */
    guint quit;          /* atomic */
    /* main loop */
    Rect pending;
    bool resized;
    int last_x, last_y;
    unsigned last_buttons;
    /* lock */
    GMutex lock;
    rfbScreenInfoPtr screen;
    uint32_t *frame;    /* owned; red in the low byte, as the library's default format is */
    GPtrArray *clients; /* rfbClientPtr */
    /* info */
    GMutex info;
    GPtrArray *peers; /* SocketAddress *, owned */
    char password[PASSWORD_BYTES + 1];
    bool password_set;
    int64_t expiry;
};

static VncServer *of(rfbScreenInfoPtr screen)
{
    return screen->screenData;
}

/* ---- pixels; main loop ---- */

static void rect_add(Rect *r, int x, int y, int width, int height)
{
    if (r->x1 >= r->x2) {
        *r = (Rect){ x, y, x + width, y + height };
        return;
    }
    r->x1 = MIN(r->x1, x);
    r->y1 = MIN(r->y1, y);
    r->x2 = MAX(r->x2, x + width);
    r->y2 = MAX(r->y2, y + height);
}

static void viewer_resized(ConsoleViewer *v)
{
    VncServer *s = (VncServer *)(void *)((char *)v - offsetof(VncServer, viewer));

    s->resized = true;
    s->pending = (Rect){ 0, 0, console_width(v->console), console_height(v->console) };
}

static void viewer_damaged(ConsoleViewer *v, int x, int y, int width, int height)
{
    VncServer *s = (VncServer *)(void *)((char *)v - offsetof(VncServer, viewer));

    rect_add(&s->pending, x, y, width, height);
}

/* Lock held. */
static void take_size(VncServer *s)
{
    int width = console_width(s->viewer.console), height = console_height(s->viewer.console);
    uint32_t *frame = g_new0(uint32_t, (size_t)width * (size_t)height);

    rfbNewFramebuffer(s->screen, (char *)frame, width, height, 8, 3, 4);
    g_free(s->frame);
    s->frame = frame;
    s->resized = false;
}

/* Lock held. */
static void copy_pending(VncServer *s)
{
    int width = console_width(s->viewer.console);
    const uint32_t *pixels = console_pixels(s->viewer.console);

    for (int y = s->pending.y1; y < s->pending.y2; y++) {
        const uint32_t *from = pixels + (size_t)y * (size_t)width;
        uint32_t *to = s->frame + (size_t)y * (size_t)width;
        for (int x = s->pending.x1; x < s->pending.x2; x++) {
            to[x] = (from[x] & 0xff) << 16 | (from[x] & 0xff00) | (from[x] >> 16 & 0xff);
        }
    }
    rfbMarkRectAsModified(s->screen, s->pending.x1, s->pending.y1, s->pending.x2, s->pending.y2);
    s->pending = (Rect){ 0 };
}

static void wake(VncServer *s)
{
    uint64_t one = 1;

    if (write(s->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
        g_warning("vnc: wake-up: %s", g_strerror(errno));
    }
}

/* ---- input; main loop ---- */

static const struct {
    unsigned mask;
    InputButton button;
} buttons[] = {
    { 1 << 0, INPUT_BUTTON_LEFT },        { 1 << 1, INPUT_BUTTON_MIDDLE },
    { 1 << 2, INPUT_BUTTON_RIGHT },       { 1 << 3, INPUT_BUTTON_WHEEL_UP },
    { 1 << 4, INPUT_BUTTON_WHEEL_DOWN },  { 1 << 5, INPUT_BUTTON_WHEEL_LEFT },
    { 1 << 6, INPUT_BUTTON_WHEEL_RIGHT },
};

static void pointer_event(VncServer *s, const InputEvent *e)
{
    if (input_pointer_is_absolute(s->vm)) {
        input_send_abs(s->vm, e->x * INPUT_ABS_MAX / MAX(e->width - 1, 1),
                       e->y * INPUT_ABS_MAX / MAX(e->height - 1, 1));
    } else if (e->x != s->last_x || e->y != s->last_y) {
        input_send_move(s->vm, e->x - s->last_x, e->y - s->last_y);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(buttons); i++) {
        if ((e->buttons ^ s->last_buttons) & buttons[i].mask) {
            input_send_button(s->vm, buttons[i].button, e->buttons & buttons[i].mask);
        }
    }
    input_send_sync(s->vm);
    s->last_x = e->x;
    s->last_y = e->y;
    s->last_buttons = e->buttons;
}

static void key_event(VncServer *s, const InputEvent *e)
{
    InputKey key = input_key_from_keysym(e->keysym);

    if (key != INPUT_KEY_UNMAPPED) {
        input_send_key(s->vm, key, e->down);
    }
}

static gboolean tick(gpointer opaque)
{
    VncServer *s = opaque;
    InputEvent *e;

    vm_lock(s->vm);
    while ((e = g_async_queue_try_pop(s->events))) {
        (e->kind == EVENT_KEY ? key_event : pointer_event)(s, e);
        g_free(e);
    }
    if (s->viewer.console && g_mutex_trylock(&s->lock)) {
        if (s->clients->len) {
            console_update(s->viewer.console);
            if (s->resized) {
                take_size(s);
            }
            if (s->pending.x1 < s->pending.x2) {
                copy_pending(s);
                wake(s);
            }
        }
        g_mutex_unlock(&s->lock);
    }
    vm_unlock(s->vm);
    return G_SOURCE_CONTINUE;
}

/* ---- clients; thread, lock held ---- */

static GVariant *peer_info(int fd, bool local)
{
    g_autoptr(SocketAddress) a = local ? socket_address_of_local(fd) : socket_address_of_peer(fd);
    bool is_unix = !a || a->kind == SOCKET_ADDRESS_UNIX;
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "host", g_variant_new_string(is_unix ? "" : a->host));
    g_variant_builder_add(&b, "{sv}", "service",
                          g_variant_new_string(is_unix ? (a && a->path ? a->path : "") : a->port));
    g_variant_builder_add(&b, "{sv}", "family",
                          g_variant_new_string(is_unix                ? "unix"
                                               : strchr(a->host, ':') ? "ipv6"
                                                                      : "ipv4"));
    g_variant_builder_add(&b, "{sv}", "websocket", g_variant_new_boolean(FALSE));
    return g_variant_builder_end(&b);
}

static void client_event(VncServer *s, const char *name, int fd)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&b, "{sv}", "server", peer_info(fd, true));
    g_variant_builder_add(&b, "{sv}", "client", peer_info(fd, false));
    vm_event(s->vm, name, g_variant_builder_end(&b));
}

static void client_gone(rfbClientPtr client)
{
    VncServer *s = of(client->screen);

    if (g_ptr_array_remove(s->clients, client) && client->sock >= 0) {
        client_event(s, "VNC_DISCONNECTED", client->sock);
    }
    g_mutex_lock(&s->info);
    g_ptr_array_remove(s->peers, client->clientData);
    g_mutex_unlock(&s->info);
}

static enum rfbNewClientAction client_new(rfbClientPtr client)
{
    VncServer *s = of(client->screen);

    client->clientGoneHook = client_gone;
    g_ptr_array_add(s->clients, client);
    g_mutex_lock(&s->info);
    client->clientData = socket_address_of_peer(client->sock);
    if (client->clientData) {
        g_ptr_array_add(s->peers, client->clientData);
    }
    g_mutex_unlock(&s->info);
    client_event(s, "VNC_CONNECTED", client->sock);
    return RFB_CLIENT_ACCEPT;
}

static void on_key(rfbBool down, rfbKeySym key, rfbClientPtr client)
{
    InputEvent *e = g_new0(InputEvent, 1);

    e->kind = EVENT_KEY;
    e->down = down;
    e->keysym = key;
    g_async_queue_push(of(client->screen)->events, e);
}

static void on_pointer(int mask, int x, int y, rfbClientPtr client)
{
    InputEvent *e = g_new0(InputEvent, 1);

    e->kind = EVENT_POINTER;
    e->x = x;
    e->y = y;
    e->width = client->screen->width;
    e->height = client->screen->height;
    e->buttons = (unsigned)mask;
    g_async_queue_push(of(client->screen)->events, e);
}

static rfbBool check_password(rfbClientPtr client, const char *response, int len)
{
    VncServer *s = of(client->screen);
    uint8_t want[CHALLENGESIZE];
    uint8_t differ = 0;

    memcpy(want, client->authChallenge, CHALLENGESIZE);
    g_mutex_lock(&s->info);
    bool open = s->password_set && g_get_real_time() / G_USEC_PER_SEC < s->expiry;
    rfbEncryptBytes(want, s->password);
    g_mutex_unlock(&s->info);
    if (!open || len != CHALLENGESIZE) {
        return FALSE;
    }
    for (int i = 0; i < CHALLENGESIZE; i++) {
        differ |= want[i] ^ (uint8_t)response[i];
    }
    return differ == 0;
}

/* ---- the thread ---- */

static void accept_one(VncServer *s)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return;
    }
    g_mutex_lock(&s->lock);
    if (fd >= FD_SETSIZE) { /* the library waits by select() */
        close(fd);
    } else {
        rfbNewClient(s->screen, fd);
    }
    g_mutex_unlock(&s->lock);
}

static unsigned fill_poll(VncServer *s, struct pollfd *fds, unsigned max)
{
    unsigned n = 0;

    fds[n++] = (struct pollfd){ .fd = s->wake_fd, .events = POLLIN };
    fds[n++] = (struct pollfd){ .fd = s->listen_fd, .events = POLLIN };
    g_mutex_lock(&s->lock);
    for (guint i = 0; i < s->clients->len && n < max; i++) {
        rfbClientPtr client = g_ptr_array_index(s->clients, i);
        if (client->sock >= 0) {
            fds[n++] = (struct pollfd){ .fd = client->sock, .events = POLLIN };
        }
    }
    g_mutex_unlock(&s->lock);
    return n;
}

static gpointer run(gpointer opaque)
{
    VncServer *s = opaque;
    struct pollfd fds[64];

    while (!g_atomic_int_get(&s->quit)) {
        unsigned n = fill_poll(s, fds, G_N_ELEMENTS(fds));
        /* With clients the library has deferred updates to send. */
        poll(fds, n, n > 2 ? FRAME_MS : -1);
        if (fds[0].revents) {
            uint64_t count;
            while (read(s->wake_fd, &count, sizeof(count)) > 0) {
            }
        }
        if (fds[1].revents) {
            accept_one(s);
        }
        g_mutex_lock(&s->lock);
        if (s->clients->len) {
            rfbProcessEvents(s->screen, 0);
        }
        g_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* ---- life ---- */

static void no_log(const char *format, ...)
{
}

static bool start_screen(VncServer *s, const VncConfig *config, GError **error)
{
    int argc = 0;
    int width = console_width(s->viewer.console), height = console_height(s->viewer.console);

    rfbLog = no_log;
    rfbErr = no_log;
    s->screen = rfbGetScreen(&argc, NULL, width, height, 8, 3, 4);
    if (!s->screen) {
        g_set_error(error, FERRY_UI_ERROR, FERRY_UI_ERROR_HOST, "no memory for a %dx%d display",
                    width, height);
        return false;
    }
    s->frame = g_new0(uint32_t, (size_t)width * (size_t)height);
    s->screen->frameBuffer = (char *)s->frame;
    s->screen->desktopName = s->vm->name ? s->vm->name : "Ferry";
    s->screen->port = s->screen->ipv6port = 0; /* we listen */
    s->screen->autoPort = FALSE;
    s->screen->screenData = s;
    s->screen->newClientHook = client_new;
    s->screen->kbdAddEvent = on_key;
    s->screen->ptrAddEvent = on_pointer;
    s->screen->cursor = NULL;
    s->screen->alwaysShared = config->sharing != VNC_SHARE_ALLOW_EXCLUSIVE;
    s->screen->neverShared = FALSE;
    s->screen->dontDisconnect = FALSE;
    s->screen->deferUpdateTime = 1;
    if (config->password) {
        s->screen->authPasswdData = s;
        s->screen->passwordCheck = check_password;
    }
    rfbInitServer(s->screen);
    return true;
}

VncServer *vnc_server_new(Vm *vm, const VncConfig *config, GError **error)
{
    Console *console = displays_console(vm, config->device, error);
    int fd = console ? socket_address_listen(config->address, 8, error) : -1;

    if (fd < 0) {
        return NULL;
    }
    VncServer *s = g_new0(VncServer, 1);
    s->vm = vm;
    s->id = g_strdup(config->id);
    s->listen_fd = fd;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->wants_password = config->password;
    s->expiry = INT64_MAX;
    s->events = g_async_queue_new_full(g_free);
    s->clients = g_ptr_array_new();
    s->peers = g_ptr_array_new_with_free_func((GDestroyNotify)socket_address_free);
    g_mutex_init(&s->lock);
    g_mutex_init(&s->info);
    s->address = config->address->kind == SOCKET_ADDRESS_UNIX ? socket_address_copy(config->address)
                                                              : socket_address_of_local(fd);
    if (config->address->kind == SOCKET_ADDRESS_UNIX && !config->address->abstract) {
        s->unix_path = g_strdup(config->address->path);
    }
    s->viewer.resized = viewer_resized;
    s->viewer.damaged = viewer_damaged;
    console_view(console, &s->viewer);
    if (!start_screen(s, config, error)) {
        vnc_server_free(s);
        return NULL;
    }
    s->thread = g_thread_new("vnc", run, s);
    s->timer = g_timeout_add(FRAME_MS, tick, s);
    return s;
}

void vnc_server_free(VncServer *s)
{
    if (!s) {
        return;
    }
    if (s->timer) {
        g_source_remove(s->timer);
    }
    if (s->thread) {
        g_atomic_int_set(&s->quit, 1);
        wake(s);
        g_thread_join(s->thread);
    }
    console_unview(&s->viewer);
    if (s->screen) {
        rfbShutdownServer(s->screen, TRUE);
        rfbScreenCleanup(s->screen);
    }
    if (s->unix_path) {
        unlink(s->unix_path);
    }
    close(s->listen_fd);
    close(s->wake_fd);
    g_async_queue_unref(s->events);
    g_ptr_array_unref(s->clients);
    socket_address_free(s->address);
    g_ptr_array_unref(s->peers);
    g_mutex_clear(&s->lock);
    g_mutex_clear(&s->info);
    g_free(s->unix_path);
    g_free(s->frame);
    g_free(s->id);
    g_free(s);
}

bool vnc_set_password(VncServer *s, const char *password, GError **error)
{
    if (!s->wants_password) {
        g_set_error(error, FERRY_UI_ERROR, FERRY_UI_ERROR_CONFIG,
                    "VNC server '%s' asks for no password: start it with password=on", s->id);
        return false;
    }
    g_mutex_lock(&s->info);
    memset(s->password, 0, sizeof(s->password));
    strncpy(s->password, password, PASSWORD_BYTES);
    s->password_set = true;
    g_mutex_unlock(&s->info);
    return true;
}

void vnc_set_expiry(VncServer *s, int64_t when)
{
    g_mutex_lock(&s->info);
    s->expiry = when;
    g_mutex_unlock(&s->info);
}

const char *vnc_id(const VncServer *s)
{
    return s->id;
}

bool vnc_has_password(const VncServer *s)
{
    return s->wants_password;
}

const SocketAddress *vnc_address(const VncServer *s)
{
    return s->address;
}

GPtrArray *vnc_clients(VncServer *s)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)socket_address_free);

    g_mutex_lock(&s->info);
    for (guint i = 0; i < s->peers->len; i++) {
        g_ptr_array_add(list, socket_address_copy(g_ptr_array_index(s->peers, i)));
    }
    g_mutex_unlock(&s->info);
    return list;
}
