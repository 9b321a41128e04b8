/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session's state, shared by the files of this room.
 *
 * Source states (transition -> function; a preflight ends in preflight-passed instead of active):
 *
 *   none ─start▶ setup ─▶ active ⇄ (rounds) ─▶ [pre-switchover ─continue▶] device ─GO▶ handover
 *     setup, active, pre-switchover, device ─cancel▶ cancelling ─▶ cancelled   (guest runs on)
 *     any before GO ─failure▶ failed                                           (guest runs on)
 *     handover ─SHUT 0▶ completed    ─SHUT 1▶ failed (guest runs on)    ─silence▶ handover-lost
 *   Without a return path device ─▶ completed once everything was written.
 *
 * Destination states:
 *
 *   none ─▶ setup (listening) ─▶ active ─GO▶ completed
 *     active ─failure▶ failed (machine reset; takes another migrate-incoming)
 *     active, READY said ─channel lost▶ handover-lost, ─will not run▶ failed, guest kept:
 *         ─cont▶ completed, or ─migrate-incoming▶ setup
 *
 * Invariants: (1) disks are released only in device or later, and taken back on every way to
 * failed and cancelled. (2) After GO was written the source starts the guest only on SHUT 1.
 * (3) The destination starts the guest only after GO, or, without a return path, after the end
 * mark. (4) `status` changes only through migration_set_status(), along the table
 * in status.c.
 */
#pragma once
#include "migration/migration.h"
#include "migration/vmstate/registry.h"
#include "ram.h"
#include "stream.h"

/* Messages from the destination (u16 type, u16 length, payload; version 4: u32 crc after it). */
typedef enum {
    RETURN_NOTHING = 0, /* of what is awaited, where nothing is; never sent */
    RETURN_SHUT = 1,    /* u32: 0 all is well */
    RETURN_PONG = 2,    /* u32 cookie */
    RETURN_SWITCHOVER_ACK = 7,
    RETURN_ERROR = 0x40,       /* version 4: text */
    RETURN_READY = 0x41,       /* version 4: loaded, checked, waiting for GO */
    RETURN_MANIFEST_OK = 0x42, /* version 4: what was announced fits */
} ReturnType;

/* Commands in the stream. */
typedef enum {
    COMMAND_OPEN_RETURN_PATH = 1,
    COMMAND_PING = 2,
    COMMAND_SWITCHOVER_START = 11,
    COMMAND_GO = 0x40, /* version 4 */
} CommandType;

/* What a side that gives up, or that was given up, waits for the other to take or give the cause. */
#define LAST_WORDS_MS 500

#define CONFIGURATION_UUID "configuration/uuid"

/* When a step of the switchover was done. */
typedef struct {
    const char *step;
    int64_t ns;
} SwitchoverMark;

typedef struct {
    char *idstr;
    uint32_t instance;
    int64_t ns;
    uint64_t bytes;
} DeviceStat;

#define CONVERGE_CPUS 256
/* converge.c; written by the outgoing thread. */
typedef struct {
    int64_t period_ns, last_sync_ns; /* begin of the period; last look at the dirty bits */
    uint64_t bytes;                  /* sent when the period began */
    uint64_t dirtied;                /* bytes, in the period */
    unsigned high;                   /* periods in a row with too much of it */
    unsigned percent;                /* atomic; CPU time taken away */
    bool limited;
    uint64_t round_held_us, ring_full_us;
    VmCpuDirty cpus[CONVERGE_CPUS];
} Converge;

typedef struct {
    Migration *m;
    MigrationAddress *address; /* owned */
    Channel *channel;          /* owned; NULL while connecting. Set with the VM lock held */
    StreamOut out;
    RamSave *ram;           /* from connected to ended; set with the VM lock held */
    bool ended;             /* the figures are in Migration.last */
    MigrationParams params; /* copy */
    uint64_t caps;
    bool return_path;
    GThread *thread;
    int cancel;       /* atomic */
    int cancel_fd;    /* eventfd: ends connecting */
    bool was_running; /* the guest ran when it was stopped for the switchover */
    bool stopped, disks_released, go_sent;
    RunState old_state;
    GMutex mutex;
    GCond cond;
    bool may_switch; /* mutex: migrate-continue was given */
    int64_t start_ns, setup_ns, stop_ns, end_ns;
    uint64_t stop_bytes;
    double bytes_per_ns; /* measured over the last slices; atomic enough for display */
    int64_t expected_downtime_ns;
    uint32_t pinged; /* bits: the PINGs of these numbers were sent */
    uint32_t last_pong;
    int64_t
        asked_us; /* when the first PING that is not answered was sent, while waiting; 0: none */
    char *description; /* JSON; owned */
    bool eof_sent;     /* version 3: from here on the destination may run */
    bool will_not_converge;
    unsigned rounds;
    bool switchover_acked;
    bool preflight; /* nothing but the manifest */
    Converge converge;
    MigrationStatus result;
    GError *error; /* with a result other than completed; owned */
} Outgoing;

typedef struct {
    Migration *m;
    Channel *channel;
    StreamIn in;
    RamLoad *ram;
    GThread *thread;
    bool exit_on_error;
    bool return_path;
    bool is_socket;     /* messages can go back */
    bool preflight;     /* the source wanted nothing but an answer to its manifest */
    bool copy_is_whole; /* READY was said: from now on nothing drops the guest unasked */
    bool channel_lost;  /* ... and then no GO came */
    int listen_fd;
    MigrationAddress *address; /* owned */
    guint watch;
    int64_t start_ns, end_ns;
    GPtrArray *loaded; /* LoadedSection, in stream order */
    char run_state[100];
    bool run_state_seen;
} Incoming;

struct Migration {
    Vm *vm;
    MigrationHost host;
    MigrationStatus status; /* of the last direction used; atomic for readers in other threads */
    bool incoming_is_last;
    uint64_t caps;
    MigrationParams params;
    Outgoing *out; /* NULL: none ever */
    Incoming *in;
    struct DirtyMeter *dirt; /* owned */
    struct DirtyRate *rate;  /* owned */
    /* What yank breaks: references of its own, so that it needs no VM lock. */
    GMutex yank_mutex;
    Channel *yank_channels[2]; /* outgoing, incoming; yank_mutex */
    int yank_connect;    /* eventfd that ends connecting; -1: no session connects. yank_mutex */
    bool yankable[2];    /* a session is there; yank_mutex */
    char *error_desc;    /* of the last failure; VM lock */
    GPtrArray *warnings; /* char *: what the last incoming one left out; VM lock */
    GArray *devices;     /* DeviceStat; VM lock */
    SwitchoverMark marks[8];
    unsigned n_marks; /* VM lock */
    int64_t loaded_ticks;
    MigrationInfo last; /* figures of the last outgoing one, kept after its end */
    Section *globalstate, *timer;
};

static inline bool has_cap(uint64_t caps, MigrationCap cap)
{
    return caps >> cap & 1;
}
/* As channels take it. */
static inline int peer_timeout(const MigrationParams *p)
{
    return p->peer_timeout_ms ? (int)p->peer_timeout_ms : -1;
}
/* Changes the state, emits MIGRATION when asked for. VM lock held. */
void migration_set_status(Migration *m, MigrationStatus status);
/* Remembers the cause (the first one counts). VM lock held. */
void migration_set_error(Migration *m, const GError *error);
/* Remembers what was lost on the way and the guest survives (once). Takes the VM lock. */
void migration_warn(Migration *m, const char *text);
void migration_note_device(Migration *m, const Section *s, int64_t ns, uint64_t bytes);
/* Frees a finished session of either direction; waits for its thread. VM lock held. */
void outgoing_reap(Migration *m);
void incoming_reap(Migration *m);

/* Runs @fn in the main loop under the VM lock and waits. The caller is a migration thread and holds
   no lock. */
bool migration_call_main(Vm *vm, bool (*fn)(void *opaque, GError **error), void *opaque,
                         GError **error);
static inline bool migration_cancelled(const Outgoing *o)
{
    return __atomic_load_n(&o->cancel, __ATOMIC_ACQUIRE);
}

/* source.c: body of the outgoing thread; @data is the Outgoing. */
gpointer source_thread(gpointer data);

/* converge.c */
bool converge_wanted(const Outgoing *o);
void converge_begin(Outgoing *o, int64_t now_ns);
/* It is time to look at the dirty bits also within a round. */
bool converge_wants_sync(const Outgoing *o, int64_t now_ns);
/* After each look: that many pages must be sent again. */
void converge_synced(Outgoing *o, uint64_t dirtied_pages, int64_t now_ns);
/* The guest is free again. VM lock held. */
void converge_end(Outgoing *o);

/* common.c: the sections of the VM itself ("timer", "globalstate"). */
void common_sections_register(Migration *m);
void common_sections_unregister(Migration *m);
char *uuid_text(const uint8_t u[16]); /* the caller frees it */

/* address.c. Connecting ends when @cancel_fd becomes readable. */
Channel *migration_open_out(MigrationAddress *addr, int cancel_fd, GError **error);
/* Listens (*listen_fd >= 0) or opens at once (*channel). */
bool migration_open_in(MigrationAddress *addr, int *listen_fd, Channel **channel, GError **error);

/* destination.c: from the first RAM on, no other source may connect. */
void incoming_stop_listening(Incoming *in);

/* yank.c: what can be broken now. @channel NULL: still listening or connecting. */
typedef enum {
    YANK_OUTGOING,
    YANK_INCOMING
} YankSide;
void yank_register(Migration *m, YankSide side, Channel *channel, int connect_fd);
void yank_unregister(Migration *m, YankSide side);

/* return-path.c: one message at a time; of types that the version of the stream has. */
bool return_send(Channel *c, StreamFormat format, ReturnType type, const void *data, size_t n,
                 GError **error);
typedef struct {
    uint16_t type, len;
    uint8_t data[4097]; /* NUL-terminated for text */
} ReturnMessage;
bool return_receive(Channel *c, StreamFormat format, ReturnMessage *msg, GError **error);

/* save.c: the parts of the stream that are not RAM. VM lock held, VM stopped (devices). */
/* @uuid NULL: does not travel. */
bool save_configuration(StreamOut *out, const char *machine_name, const uint8_t *uuid,
                        GError **error);
bool save_command(StreamOut *out, CommandType type, const void *data, uint16_t n, GError **error);
bool save_section_header(StreamOut *out, uint8_t type, const char *idstr, uint32_t instance,
                         uint32_t section_id, uint32_t version, GError **error);
bool save_section_footer(StreamOut *out, uint32_t section_id, GError **error);
bool save_devices(Migration *m, StreamOut *out, GString *description, GError **error);
/* The starts (before RAM) or ends (after it) of the sections that come in parts. No lock held. */
bool save_parts(Migration *m, StreamOut *out, uint8_t type, GError **error);

/* manifest-wire.c: version 4, before RAM. */
bool save_manifest(Migration *m, StreamOut *out, bool only, GError **error);
/* Answers when all fits; else the error lists what does not. */
bool load_manifest(Incoming *in, GError **error);

/* load.c: decodes every section, then installs. */
typedef struct {
    Section *section;     /* until the guest runs: then its device may go */
    const Record *record; /* of `saved` */
    void *saved;          /* owned */
} LoadedSection;
bool load_stream(Incoming *in, GError **error);
/* The end of a section, behind its records: a subsection that none of them took is refused here. */
bool load_footer(StreamIn *s, uint32_t section_id, const char *idstr, GError **error);
/* Installs what load_stream gathered. VM lock held. */
bool load_install(Incoming *in, GError **error);
/* Asks every section's device whether the guest can run on it. VM lock held. */
bool load_prepare_to_run(Incoming *in, GError **error);
void loaded_free(gpointer p);
