/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "user": a NAT in this process, by libslirp. One GSource per instance asks it before each poll what
 * to watch and tells it afterwards what happened. Its clock is the guest's (virtual) clock.
 *
 * Not here: TFTP from absolute paths outside the given directory, SMB, forwarding to chardevs.
 */
#include "slirp-priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util/log.h"

typedef struct {
    NetClient *client;
    Slirp *slirp;
    Section *section; /* its migrated state */
    GSource *source;
    GArray *fds; /* GPollFD; stable while they are registered */
} User;

typedef struct {
    GSource source;
    User *user;
} UserSource;

/* ---- the poll cycle ---- */

static int user_add_poll(int fd, int events, void *opaque)
{
    GPollFD p = { .fd = fd };
    User *user = opaque;

    p.events = (gushort)((events & SLIRP_POLL_IN ? G_IO_IN : 0) |
                         (events & SLIRP_POLL_OUT ? G_IO_OUT : 0) |
                         (events & SLIRP_POLL_PRI ? G_IO_PRI : 0) |
                         (events & SLIRP_POLL_ERR ? G_IO_ERR : 0) |
                         (events & SLIRP_POLL_HUP ? G_IO_HUP : 0));
    g_array_append_val(user->fds, p);
    return (int)user->fds->len - 1;
}

static int user_revents(int idx, void *opaque)
{
    User *user = opaque;
    gushort got;

    if (idx < 0 || (guint)idx >= user->fds->len) {
        return 0;
    }
    got = g_array_index(user->fds, GPollFD, idx).revents;
    return (got & G_IO_IN ? SLIRP_POLL_IN : 0) | (got & G_IO_OUT ? SLIRP_POLL_OUT : 0) |
           (got & G_IO_PRI ? SLIRP_POLL_PRI : 0) | (got & G_IO_ERR ? SLIRP_POLL_ERR : 0) |
           (got & G_IO_HUP ? SLIRP_POLL_HUP : 0);
}

static void user_unregister(User *user)
{
    for (guint i = 0; i < user->fds->len; i++) {
        g_source_remove_poll(user->source, &g_array_index(user->fds, GPollFD, i));
    }
    g_array_set_size(user->fds, 0);
}

static gboolean user_prepare(GSource *source, gint *timeout)
{
    User *user = ((UserSource *)source)->user;
    uint32_t wait_ms = UINT32_MAX;

    user_unregister(user);
    slirp_pollfds_fill(user->slirp, &wait_ms, user_add_poll, user);
    /* Only now the array does not move any more. */
    for (guint i = 0; i < user->fds->len; i++) {
        g_source_add_poll(source, &g_array_index(user->fds, GPollFD, i));
    }
    *timeout = wait_ms > INT32_MAX ? -1 : (gint)wait_ms;
    return FALSE;
}

/* libslirp also expires its own timers when it is told of a poll, so every turn counts. */
static gboolean user_check(GSource *source)
{
    return TRUE;
}

static gboolean user_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    User *user = ((UserSource *)source)->user;

    slirp_pollfds_poll(user->slirp, 0, user_revents, user);
    return G_SOURCE_CONTINUE;
}

/* ---- what libslirp asks of us ---- */

static ssize_t user_send(const void *buf, size_t len, void *opaque)
{
    User *user = opaque;

    net_send(user->client, buf, len, NULL);
    return (ssize_t)len;
}

static void user_guest_error(const char *msg, void *opaque)
{
    log_guest_error("user network: %s\n", msg);
}

static int64_t user_clock(void *opaque)
{
    return clock_now_ns(((User *)opaque)->client->nets->vm, CLOCK_KIND_VIRTUAL);
}

typedef struct {
    User *user;
    SlirpTimerId id;
    void *opaque;
    Timer *timer;
} UserTimer;

static void user_timer_fired(void *opaque)
{
    UserTimer *t = opaque;

    slirp_handle_timer(t->user->slirp, t->id, t->opaque);
}

static void *user_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    UserTimer *t = g_new0(UserTimer, 1);

    *t = (UserTimer){ .user = opaque, .id = id, .opaque = cb_opaque };
    t->timer =
        timer_new(t->user->client->nets->vm, CLOCK_KIND_VIRTUAL, "slirp", user_timer_fired, t);
    return t;
}

static void user_timer_free(void *timer, void *opaque)
{
    UserTimer *t = timer;

    timer_free(t->timer);
    g_free(t);
}

static void user_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    timer_arm(((UserTimer *)timer)->timer,
              expire_ms > INT64_MAX / NS_PER_MS ? TIMER_NEVER : expire_ms * NS_PER_MS);
}

static void user_poll_fd(int fd, void *opaque)
{
}

static void user_notify(void *opaque)
{
    g_main_context_wakeup(NULL);
}

static const SlirpCb user_callbacks = {
    .send_packet = user_send,
    .guest_error = user_guest_error,
    .clock_get_ns = user_clock,
    .timer_free = user_timer_free,
    .timer_mod = user_timer_mod,
    .register_poll_fd = user_poll_fd,
    .unregister_poll_fd = user_poll_fd,
    .notify = user_notify,
    .timer_new_opaque = user_timer_new,
};

/* ---- the client ---- */

static bool user_receive(NetClient *client, const uint8_t *frame, size_t len)
{
    User *user = client->opaque;

    slirp_input(user->slirp, frame, (int)len);
    g_main_context_wakeup(NULL); /* it may want to watch something new */
    return true;
}

static void user_cleanup(NetClient *client)
{
    User *user = client->opaque;

    if (user->source) {
        user_unregister(user);
        g_source_destroy(user->source);
        g_source_unref(user->source);
    }
    if (user->section) {
        section_unregister(client->nets->vm, user->section);
    }
    if (user->slirp) {
        slirp_cleanup(user->slirp);
    }
    g_array_unref(user->fds);
    g_free(user);
}

static const NetClientOps user_ops = {
    .receive = user_receive,
    .cleanup = user_cleanup,
};

/* ---- options ---- */

typedef struct {
    struct in_addr net, mask, host, dhcp, dns;
    char *hostname, *domain, *tftp, *bootfile, *tftp_server;
    GPtrArray *search; /* char *, NULL at the end */
} UserOptions;

static void user_options_clear(UserOptions *o)
{
    g_free(o->hostname);
    g_free(o->domain);
    g_free(o->tftp);
    g_free(o->bootfile);
    g_free(o->tftp_server);
    g_clear_pointer(&o->search, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UserOptions, user_options_clear)

static struct in_addr in_net(const UserOptions *o, uint32_t host)
{
    return (struct in_addr){ .s_addr = o->net.s_addr | htonl(ntohl(~o->mask.s_addr) & host) };
}

static void read_ipv4(OptionsReader *r, const char *key, struct in_addr *addr)
{
    g_autofree char *text = options_reader_str(r, key);

    if (text && !inet_aton(text, addr)) {
        options_reader_fail(r, key, "expects an IPv4 address, not '%s'", text);
    }
}

/* "10.0.2.0/24", "10.0.2.0/255.255.255.0", or an address whose class gives the mask. */
static void read_net(OptionsReader *r, UserOptions *o)
{
    g_autofree char *text = options_reader_str(r, "net");
    char *slash;

    inet_aton("10.0.2.0", &o->net);
    o->mask.s_addr = htonl(0xffffff00);
    if (!text) {
        return;
    }
    slash = strchr(text, '/');
    if (slash) {
        char *end;
        unsigned long bits;

        *slash++ = '\0';
        bits = strtoul(slash, &end, 10);
        if (*slash && !*end) {
            if (bits < 4 || bits > 32) {
                options_reader_fail(r, "net", "has a prefix of %lu bits (4 to 32)", bits);
                return;
            }
            o->mask.s_addr = htonl((uint32_t)(0xffffffffull << (32 - bits)));
        } else if (!inet_aton(slash, &o->mask)) {
            options_reader_fail(r, "net", "has a malformed mask '%s'", slash);
        }
    }
    if (!inet_aton(text, &o->net)) {
        options_reader_fail(r, "net", "expects NETWORK[/BITS], not '%s'", text);
    }
    o->net.s_addr &= o->mask.s_addr;
}

static bool inside(const UserOptions *o, struct in_addr a)
{
    return (a.s_addr & o->mask.s_addr) == o->net.s_addr;
}

static void read_options(OptionsReader *r, UserOptions *o)
{
    g_autoptr(GPtrArray) search = NULL;

    read_net(r, o);
    o->host = in_net(o, 2);
    o->dns = in_net(o, 3);
    o->dhcp = in_net(o, 15);
    read_ipv4(r, "host", &o->host);
    read_ipv4(r, "dns", &o->dns);
    read_ipv4(r, "dhcpstart", &o->dhcp);
    if (!inside(o, o->host)) {
        options_reader_fail(r, "host", "doesn't belong to the network");
    }
    if (!inside(o, o->dns) || o->dns.s_addr == o->host.s_addr) {
        options_reader_fail(r, "dns", "is not a free address of the network");
    }
    if (!inside(o, o->dhcp) || o->dhcp.s_addr == o->host.s_addr ||
        o->dhcp.s_addr == o->dns.s_addr) {
        options_reader_fail(r, "dhcpstart", "is not a free address of the network");
    }
    o->hostname = options_reader_str(r, "hostname");
    o->domain = options_reader_str(r, "domainname");
    o->tftp = options_reader_str(r, "tftp");
    o->tftp_server = options_reader_str(r, "tftp-server-name");
    o->bootfile = options_reader_str(r, "bootfile");
    search = options_reader_list(r, "dnssearch");
    o->search = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; search && i < search->len; i++) {
        GVariant *item = g_ptr_array_index(search, i);
        g_autoptr(GVariant) str = g_variant_is_of_type(item, G_VARIANT_TYPE_VARDICT)
                                      ? g_variant_lookup_value(item, "str", NULL)
                                      : g_variant_ref(item);

        if (str && g_variant_is_of_type(str, G_VARIANT_TYPE_STRING)) {
            g_ptr_array_add(o->search, g_variant_dup_string(str, NULL));
        }
    }
    g_ptr_array_add(o->search, NULL);
    if (options_reader_has(r, "smb")) {
        options_reader_fail(r, "smb", "is not supported by this build");
    }
}

/* ---- forwarding ---- */

/* "[tcp|udp]:[ADDR]:PORT" cut at its colons; false when there are not three parts. */
static bool split_endpoint(char *text, char *part[3])
{
    part[0] = text;
    part[1] = strchr(text, ':');
    part[2] = part[1] ? strchr(part[1] + 1, ':') : NULL;
    if (!part[2]) {
        return false;
    }
    *part[1]++ = '\0';
    *part[2]++ = '\0';
    return true;
}

static bool parse_port(const char *text, int min, int *port)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    *port = (int)v;
    return *text && !*end && v >= (unsigned long)min && v <= 65535;
}

/* "tcp:127.0.0.1:2222-10.0.2.15:22" */
static bool add_hostfwd(User *user, const char *text, GError **error)
{
    g_autofree char *copy = g_strdup(text);
    struct in_addr host = { .s_addr = INADDR_ANY }, guest = { .s_addr = 0 };
    char *dash = strchr(copy, '-'), *part[3], *guest_port;
    int host_no, guest_no;
    bool udp;

    if (!dash) {
        goto bad;
    }
    *dash++ = '\0';
    guest_port = strrchr(dash, ':');
    if (!guest_port || !split_endpoint(copy, part)) {
        goto bad;
    }
    *guest_port++ = '\0';
    udp = !strcmp(part[0], "udp");
    if ((!udp && *part[0] && strcmp(part[0], "tcp")) || !parse_port(part[2], 0, &host_no) ||
        !parse_port(guest_port, 1, &guest_no) || (*part[1] && !inet_aton(part[1], &host)) ||
        (*dash && !inet_aton(dash, &guest))) {
        goto bad;
    }
    if (slirp_add_hostfwd(user->slirp, udp, host, host_no, guest, guest_no)) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_HOST,
                    "could not set up host forwarding rule '%s': %s", text, g_strerror(errno));
        return false;
    }
    return true;
bad:
    g_set_error(error, FERRY_NET_ERROR, NET_ERROR_CONFIG,
                "invalid host forwarding rule '%s' (expected "
                "[tcp|udp]:[HOST]:PORT-[GUEST]:PORT)",
                text);
    return false;
}

/* "tcp:10.0.2.100:80-cmd:PROGRAM" */
static bool add_guestfwd(User *user, const char *text, GError **error)
{
    g_autofree char *copy = g_strdup(text);
    struct in_addr server = { 0 };
    char *dash = strchr(copy, '-'), *part[3];
    int port;

    if (dash) {
        *dash++ = '\0';
    }
    if (!dash || !split_endpoint(copy, part) || (*part[0] && strcmp(part[0], "tcp")) ||
        (*part[1] && !inet_aton(part[1], &server)) || !parse_port(part[2], 1, &port) ||
        !g_str_has_prefix(dash, "cmd:")) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_CONFIG,
                    "invalid guest forwarding rule '%s' (expected tcp:SERVER:PORT-cmd:COMMAND)",
                    text);
        return false;
    }
    if (slirp_add_exec(user->slirp, dash + 4, &server, port)) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_CONFIG,
                    "conflicting or invalid guest forwarding rule '%s'", text);
        return false;
    }
    return true;
}

static bool add_forwards(User *user, OptionsReader *r, const char *key,
                         bool (*fn)(User *user, const char *text, GError **error), GError **error)
{
    g_autoptr(GPtrArray) list = options_reader_list(r, key);

    for (guint i = 0; list && i < list->len; i++) {
        GVariant *item = g_ptr_array_index(list, i);
        g_autoptr(GVariant) str = g_variant_is_of_type(item, G_VARIANT_TYPE_VARDICT)
                                      ? g_variant_lookup_value(item, "str", NULL)
                                      : g_variant_ref(item);

        if (!str || !g_variant_is_of_type(str, G_VARIANT_TYPE_STRING)) {
            options_reader_fail(r, key, "expects a list of strings");
            break;
        }
        if (!fn(user, g_variant_get_string(str, NULL), error)) {
            return false;
        }
    }
    if (r->error) {
        options_reader_finish(r, error);
        return false;
    }
    return true;
}

static void start_source(User *user)
{
    static const GSourceFuncs funcs = {
        .prepare = user_prepare,
        .check = user_check,
        .dispatch = user_dispatch,
    };

    user->source = g_source_new((GSourceFuncs *)&funcs, sizeof(UserSource));
    ((UserSource *)user->source)->user = user;
    g_source_set_name(user->source, "slirp");
    g_source_attach(user->source, NULL);
}

static bool user_open(NetClient *client, OptionsReader *r, GError **error)
{
    g_auto(UserOptions) o = { 0 };
    SlirpConfig cfg = { .version = 4 };
    User *user;

    read_options(r, &o);
    cfg.restricted = options_reader_bool(r, "restrict", false);
    cfg.in_enabled = options_reader_bool(r, "ipv4", true);
    cfg.in6_enabled = options_reader_bool(r, "ipv6", !options_reader_has(r, "ipv4"));
    if (r->error) {
        return options_reader_finish(r, error);
    }
    cfg.vnetwork = o.net;
    cfg.vnetmask = o.mask;
    cfg.vhost = o.host;
    cfg.vdhcp_start = o.dhcp;
    cfg.vnameserver = o.dns;
    cfg.vhostname = o.hostname;
    cfg.vdomainname = o.domain;
    cfg.vdnssearch = o.search->len > 1 ? (const char **)o.search->pdata : NULL;
    cfg.tftp_path = o.tftp;
    cfg.tftp_server_name = o.tftp_server;
    cfg.bootfile = o.bootfile;
    cfg.vprefix_len = 64;
    inet_pton(AF_INET6, "fec0::", &cfg.vprefix_addr6);
    inet_pton(AF_INET6, "fec0::2", &cfg.vhost6);
    inet_pton(AF_INET6, "fec0::3", &cfg.vnameserver6);
    user = g_new0(User, 1);
    user->client = client;
    user->fds = g_array_new(FALSE, TRUE, sizeof(GPollFD));
    client->ops = &user_ops;
    client->opaque = user;
    user->slirp = slirp_new(&cfg, &user_callbacks, user);
    if (!user->slirp) {
        g_set_error(error, FERRY_NET_ERROR, NET_ERROR_HOST, "libslirp refuses the configuration");
        return false;
    }
    if (!add_forwards(user, r, "hostfwd", add_hostfwd, error) ||
        !add_forwards(user, r, "guestfwd", add_guestfwd, error)) {
        return false;
    }
    user->section = slirp_state_register(client->nets->vm, user->slirp, error);
    if (!user->section) {
        return false;
    }
    start_source(user);
    net_client_set_info(client, "net=%s,restrict=%s", inet_ntoa(o.net),
                        cfg.restricted ? "on" : "off");
    return true;
}

const NetBackend net_backend_user = { .name = "user", .open = user_open };
